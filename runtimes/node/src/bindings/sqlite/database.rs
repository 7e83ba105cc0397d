//! `DatabaseSync`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::statement::{self, RowSettings};
use super::values::failure;
use super::{functions, limits, options, session, tag_store, wrong_state, wrong_type};
use crate::bindings::permission;
use crate::glue::sqlite::{Connection, SqlFailure};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, Unlisted, Value, attach,
    copy_bytes, js_string_bytes, native_of, new_uint8_array, quota,
};

/// An instance's fields after the first: the authorizer, the object of limits.
pub(super) const AUTHORIZER_FIELD: usize = 1;
const LIMITS_FIELD: usize = 2;

// SQLITE_DBCONFIG_*
const ENABLE_FOREIGN_KEYS: i32 = 1002;
const DEFENSIVE: i32 = 1010;
const DOUBLE_QUOTES_IN_DML: i32 = 1013;
const DOUBLE_QUOTES_IN_DDL: i32 = 1014;

pub(super) static DATABASE: Class = Class::new("DatabaseSync", new_database)
    .fields(3)
    .method("open", open)
    .method("close", close)
    .method("prepare", prepare)
    .method("exec", exec)
    .method("function", functions::add_function)
    .method("createTagStore", tag_store::create)
    .method("location", location)
    .method("aggregate", functions::add_aggregate)
    .method("createSession", session::create)
    .method("applyChangeset", session::apply)
    .method("enableLoadExtension", enable_load_extension)
    .method("enableDefensive", enable_defensive)
    .partial_method(
        "loadExtension",
        load_extension,
        "extensions are code of the host's; there are none",
    )
    .method("serialize", serialize)
    .method("deserialize", deserialize)
    .method("setAuthorizer", functions::set_authorizer)
    .getter("isOpen", is_open)
    .own()
    .getter("isTransaction", is_transaction)
    .own()
    .getter("limits", limits_object)
    .own();

/// What the constructor is told.
struct Settings {
    path: Vec<u8>,
    is_read_only: bool,
    has_foreign_keys: bool,
    has_double_quotes: bool,
    is_defensive: bool,
    timeout: i32,
    limits: Vec<(i32, i32)>,
    allows_extensions: bool,
    rows: RowSettings,
}

/// A database, open or not.
pub(super) struct Database {
    settings: Settings,
    connection: RefCell<Option<Rc<Connection>>>,
    number: Cell<i32>,
    loads_extensions: Cell<bool>,
}

impl Native for Database {}

impl Database {
    /// The connection.
    pub(super) fn connection(&self) -> Result<Rc<Connection>, Failure> {
        self.connection
            .borrow()
            .as_ref()
            .filter(|connection| connection.is_open())
            .map(Rc::clone)
            .ok_or_else(|| wrong_state("database is not open"))
    }

    /// The number of the native object.
    pub(super) fn number(&self) -> i32 {
        self.number.get()
    }

    /// How rows come out of its statements, if not told otherwise.
    pub(super) const fn row_settings(&self) -> RowSettings {
        self.settings.rows
    }

    fn open(&self, scope: &Scope<'_, '_>) -> Result<(), Failure> {
        if self.connection().is_ok() {
            return Err(wrong_state("database is already open"));
        }
        let settings = &self.settings;
        let env = scope.env();
        let quota = quota(scope);
        let opened = Connection::open(env.task(), quota, &settings.path, settings.is_read_only);
        let connection = opened.map_err(|error| failure(scope, &SqlFailure::Sql(error)))?;
        let switches = [
            (DOUBLE_QUOTES_IN_DML, settings.has_double_quotes),
            (DOUBLE_QUOTES_IN_DDL, settings.has_double_quotes),
            (ENABLE_FOREIGN_KEYS, settings.has_foreign_keys),
            (DEFENSIVE, settings.is_defensive),
        ];
        for (option, on) in switches {
            connection
                .configure(option, on)
                .map_err(|error| failure(scope, &error))?;
        }
        connection
            .set_busy_timeout(settings.timeout)
            .map_err(|error| failure(scope, &error))?;
        for (which, to) in &settings.limits {
            connection.limit(*which, *to);
        }
        *self.connection.borrow_mut() = Some(connection);
        Ok(())
    }

    fn close(&self) -> Result<(), Failure> {
        let connection = self.connection()?;
        if connection.is_in_use() {
            return Err(wrong_state("database is currently in use"));
        }
        connection.close();
        self.connection.borrow_mut().take();
        Ok(())
    }
}

fn new_database<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if !args.is_construct_call() {
        let message = "Cannot call constructor without `new`";
        return Err(Failure::type_error("ERR_CONSTRUCT_CALL_REQUIRED", message));
    }
    let path = options::path(scope, args.get(0))?;
    let mut settings = Settings {
        path,
        is_read_only: false,
        has_foreign_keys: true,
        has_double_quotes: false,
        is_defensive: true,
        timeout: 0,
        limits: Vec::new(),
        allows_extensions: false,
        rows: RowSettings::default(),
    };
    let mut opens = true;
    if args.len() > 1 {
        let options = options::object(args.get(1))?;
        opens = options::boolean(scope, options, "open", true)?;
        read_settings(scope, options, &mut settings)?;
    }
    let loads_extensions = Cell::new(settings.allows_extensions);
    let database = Rc::new(Database {
        settings,
        connection: RefCell::default(),
        number: Cell::new(0),
        loads_extensions,
    });
    if opens {
        database.open(scope)?;
    }
    let this = args.this();
    let number = attach(scope, this, Rc::clone(&database));
    database.number.set(number);
    let symbol = v8::Symbol::for_key(scope, scope.name("sqlite-type"));
    this.create_data_property(scope, symbol.into(), scope.text("node:sqlite").into())
        .ok_or(Failure::Pending)?;
    Ok(().into())
}

fn read_settings<'s>(
    scope: &mut Scope<'s, '_>,
    given: Object<'s>,
    settings: &mut Settings,
) -> Result<(), Failure> {
    settings.is_read_only = options::boolean(scope, given, "readOnly", false)?;
    settings.has_foreign_keys =
        options::boolean(scope, given, "enableForeignKeyConstraints", true)?;
    settings.has_double_quotes =
        options::boolean(scope, given, "enableDoubleQuotedStringLiterals", false)?;
    settings.allows_extensions = options::boolean(scope, given, "allowExtension", false)?;
    if settings.allows_extensions && permission::is_enabled(scope) {
        return Err(Failure::error(
            "ERR_LOAD_SQLITE_EXTENSION",
            "Cannot load SQLite extensions when the permission model is enabled.",
        ));
    }
    settings.timeout = options::integer(scope, given, "timeout")?.unwrap_or(0);
    settings.rows = RowSettings::read(scope, given, RowSettings::default())?;
    settings.is_defensive = options::boolean(scope, given, "defensive", true)?;
    if let Some(limits) = options::given(scope, given, "limits")? {
        settings.limits = limits::read(scope, limits)?;
    }
    Ok(())
}

/// The database that is the receiver.
pub(super) fn this<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Rc<Database>, Failure> {
    args.native::<Database>(scope)
}

/// The database behind an object.
pub(super) fn of<'s>(scope: &Scope<'s, '_>, object: Object<'s>) -> Option<Rc<Database>> {
    native_of::<Database>(scope, object)
}

fn open<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    this(scope, args)?.open(scope)?;
    Ok(().into())
}

fn close<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    this(scope, args)?.close()?;
    Ok(().into())
}

/// `[Symbol.dispose]()` of the class.
pub(super) static DISPOSE: Unlisted = Unlisted::new(dispose);

/// `[Symbol.dispose]()`: closes it if it is open.
fn dispose<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let _not_open = this(scope, args)?.close();
    Ok(().into())
}

fn is_open<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(this(scope, args)?.connection().is_ok().into())
}

fn is_transaction<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let connection = this(scope, args)?.connection()?;
    Ok(connection.is_in_transaction().into())
}

fn limits_object<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    this(scope, args)?;
    let this = args.this();
    let known = this
        .get_internal_field(scope, LIMITS_FIELD)
        .and_then(|field| Value::try_from(field).ok())
        .filter(|value| value.is_object());
    if let Some(known) = known {
        return Ok(known.into());
    }
    let made = limits::new_object(scope, this)?;
    this.set_internal_field(LIMITS_FIELD, made.into());
    Ok(made.into())
}

fn sql_of(scope: &Scope<'_, '_>, value: Value<'_>) -> Result<Vec<u8>, Failure> {
    v8::Local::<v8::String>::try_from(value)
        .map(|string| js_string_bytes(scope, string))
        .map_err(|_| wrong_type("The \"sql\" argument must be a string."))
}

fn prepare<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let database = this(scope, args)?;
    let connection = database.connection()?;
    let sql = sql_of(scope, args.get(0))?;
    let mut settings = database.row_settings();
    if args.len() > 1 && !args.is_undefined(1) {
        settings = RowSettings::read(scope, options::object(args.get(1))?, settings)?;
    }
    let statement = statement::compile(scope, &connection, &sql)?;
    let object = statement::new_object(scope, args.this(), statement, settings)?;
    Ok(object.into())
}

fn exec<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let connection = this(scope, args)?.connection()?;
    let sql = sql_of(scope, args.get(0))?;
    connection
        .exec(scope, &sql)
        .map_err(|error| failure(scope, &error))?;
    Ok(().into())
}

/// The name of a database of the connection.
fn database_name(scope: &Scope<'_, '_>, value: Value<'_>) -> Result<Vec<u8>, Failure> {
    if value.is_undefined() {
        return Ok(b"main".to_vec());
    }
    v8::Local::<v8::String>::try_from(value)
        .map(|string| js_string_bytes(scope, string))
        .map_err(|_| wrong_type("The \"dbName\" argument must be a string."))
}

fn location<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let connection = this(scope, args)?.connection()?;
    let name = database_name(scope, args.get(0))?;
    Ok(match connection.file_name(&name) {
        Some(file) => scope.utf8(&file).into(),
        None => scope.null().into(),
    })
}

fn enable_load_extension<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let database = this(scope, args)?;
    database.connection()?;
    if !args.get(0).is_boolean() {
        return Err(wrong_type("The \"allow\" argument must be a boolean."));
    }
    let on = args.get(0).is_true();
    if on && !database.settings.allows_extensions {
        return Err(wrong_state(
            "Cannot enable extension loading because it was disabled at database creation.",
        ));
    }
    database.loads_extensions.set(on);
    Ok(().into())
}

fn load_extension<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let database = this(scope, args)?;
    database.connection()?;
    if !database.loads_extensions.get() {
        return Err(wrong_state("extension loading is not allowed"));
    }
    if !args.get(0).is_string() {
        return Err(wrong_type("The \"path\" argument must be a string."));
    }
    Err(Failure::error(
        "ERR_LOAD_SQLITE_EXTENSION",
        "there are no extensions here",
    ))
}

fn enable_defensive<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let connection = this(scope, args)?.connection()?;
    if !args.get(0).is_boolean() {
        return Err(wrong_type("The \"active\" argument must be a boolean."));
    }
    connection
        .configure(DEFENSIVE, args.get(0).is_true())
        .map_err(|error| failure(scope, &error))?;
    Ok(().into())
}

fn serialize<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let connection = this(scope, args)?.connection()?;
    let name = database_name(scope, args.get(0))?;
    let bytes = connection
        .serialize(scope, &name)
        .map_err(|error| failure(scope, &error))?;
    let Some(bytes) = bytes else {
        let error = connection.current_error();
        return Err(failure(scope, &SqlFailure::Sql(error)));
    };
    Ok(new_uint8_array(scope, bytes)
        .ok_or(Failure::Pending)?
        .into())
}

fn deserialize<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let connection = this(scope, args)?.connection()?;
    if !args.get(0).is_uint8_array() {
        return Err(wrong_type("The \"buffer\" argument must be a Uint8Array."));
    }
    let bytes = copy_bytes(args.get(0)).unwrap_or_default();
    if bytes.is_empty() {
        let message = "The \"buffer\" argument must not be empty.";
        return Err(Failure::type_error("ERR_INVALID_ARG_VALUE", message));
    }
    let mut name = b"main".to_vec();
    if args.len() > 1 && !args.is_undefined(1) {
        let given = options::object(args.get(1))?;
        name = options::string(scope, given, "dbName")?.unwrap_or(name);
    }
    if connection.is_in_use() {
        return Err(wrong_state("database is currently in use"));
    }
    connection
        .deserialize(scope, &name, &bytes)
        .map_err(|error| failure(scope, &error))?;
    Ok(().into())
}
