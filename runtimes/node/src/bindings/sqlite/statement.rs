//! `StatementSync`: its settings, its parameters.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::rows::{all_rows, first_row, new_iterator, run_once};
use super::values::{self, failure};
use super::{database, options, wrong_state, wrong_type};
use crate::glue::sqlite::{ColumnText, Connection, SqlError, SqlFailure, Statement};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, Value, attach,
    illegal_constructor, js_string_bytes, new_instance,
};

/// The field of an object that holds what it is of: a statement its database, an iterator its statement.
pub(super) const OWNER_FIELD: usize = 1;

pub(super) static STATEMENT: Class = Class::new("StatementSync", made_by_us)
    .fields(2)
    .method("iterate", iterate)
    .method("all", all)
    .method("get", get)
    .method("run", run)
    .method("columns", columns)
    .method(
        "setAllowBareNamedParameters",
        set_allow_bare_named_parameters,
    )
    .method(
        "setAllowUnknownNamedParameters",
        set_allow_unknown_named_parameters,
    )
    .method("setReadBigInts", set_read_big_ints)
    .method("setReturnArrays", set_return_arrays)
    .getter("sourceSQL", source_sql)
    .own()
    .getter("expandedSQL", expanded_sql)
    .own();

/// How rows come out, and parameters go in.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowSettings {
    pub(super) uses_bigints: bool,
    pub(super) returns_arrays: bool,
    pub(super) allows_bare_names: bool,
    pub(super) allows_unknown_names: bool,
}

impl Default for RowSettings {
    fn default() -> Self {
        Self {
            uses_bigints: false,
            returns_arrays: false,
            allows_bare_names: true,
            allows_unknown_names: false,
        }
    }
}

impl RowSettings {
    /// What options say, over what holds otherwise.
    pub(super) fn read<'s>(
        scope: &Scope<'s, '_>,
        given: Object<'s>,
        otherwise: Self,
    ) -> Result<Self, Failure> {
        let read = |name, otherwise| options::boolean(scope, given, name, otherwise);
        Ok(Self {
            uses_bigints: read("readBigInts", otherwise.uses_bigints)?,
            returns_arrays: read("returnArrays", otherwise.returns_arrays)?,
            allows_bare_names: read("allowBareNamedParameters", otherwise.allows_bare_names)?,
            allows_unknown_names: read(
                "allowUnknownNamedParameters",
                otherwise.allows_unknown_names,
            )?,
        })
    }
}

/// A statement with its settings.
pub(super) struct Prepared {
    pub(super) statement: Rc<Statement>,
    pub(super) settings: Cell<RowSettings>,
    bare_names: RefCell<Option<BTreeMap<Vec<u8>, Vec<u8>>>>,
}

impl Prepared {
    pub(super) fn new(statement: Rc<Statement>, settings: RowSettings) -> Rc<Self> {
        Rc::new(Self {
            statement,
            settings: Cell::new(settings),
            bare_names: RefCell::default(),
        })
    }

    /// Whether it can be used now.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.statement.is_finalized() {
            return Err(wrong_state("statement has been finalized"));
        }
        if self.statement.is_running() {
            return Err(wrong_state("statement is currently in use"));
        }
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut RowSettings)) {
        let mut settings = self.settings.get();
        change(&mut settings);
        self.settings.set(settings);
    }
}

/// The object of a statement.
struct StatementSync(Rc<Prepared>);

impl Native for StatementSync {}

/// Whether one of these objects is being made by native code.
#[derive(Default)]
struct Making(Cell<bool>);

/// The constructor of what only native code makes.
pub(super) fn made_by_us<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if scope.env().state::<Making>().0.get() {
        Ok(().into())
    } else {
        illegal_constructor(scope, args)
    }
}

/// An object of a class that only native code makes, with what it is of.
pub(super) fn make<'s, T: Native>(
    scope: &mut Scope<'s, '_>,
    class: &'static Class,
    owner: Object<'s>,
    native: T,
) -> Result<Object<'s>, Failure> {
    let making = scope.env().state::<Making>();
    making.0.set(true);
    let object = new_instance(scope, class, &[]);
    making.0.set(false);
    let object = object?;
    attach(scope, object, Rc::new(native));
    object.set_internal_field(OWNER_FIELD, owner.into());
    Ok(object)
}

/// Compiles a text that must hold a statement.
pub(super) fn compile(
    scope: &mut Scope<'_, '_>,
    connection: &Rc<Connection>,
    sql: &[u8],
) -> Result<Rc<Statement>, Failure> {
    connection
        .prepare(scope, sql)
        .map_err(|error| failure(scope, &error))?
        .ok_or_else(|| {
            let message = "The SQL query contains no statements.";
            Failure::type_error("ERR_INVALID_ARG_VALUE", message)
        })
}

/// The object of a statement.
pub(super) fn new_object<'s>(
    scope: &mut Scope<'s, '_>,
    database: Object<'s>,
    statement: Rc<Statement>,
    settings: RowSettings,
) -> Result<Object<'s>, Failure> {
    let prepared = Prepared::new(statement, settings);
    make(scope, &STATEMENT, database, StatementSync(prepared))
}

fn this<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Rc<Prepared>, Failure> {
    let prepared = Rc::clone(&args.native::<StatementSync>(scope)?.0);
    prepared.check()?;
    Ok(prepared)
}

// Binding

fn bare_name(prepared: &Prepared, name: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    if prepared.bare_names.borrow().is_none() {
        let mut names = BTreeMap::new();
        for index in 1..=prepared.statement.parameter_count() {
            let Some(full) = prepared.statement.parameter_name(index) else {
                continue;
            };
            let bare = full.get(1..).unwrap_or_default().to_vec();
            let known = names.insert(bare.clone(), full.clone());
            if let Some(known) = known.filter(|known| *known != full) {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                return Err(wrong_state(format!(
                    "Cannot create bare named parameter '{}' because of conflicting names '{}' and '{}'.",
                    text(&bare),
                    text(&known),
                    text(&full),
                )));
            }
        }
        *prepared.bare_names.borrow_mut() = Some(names);
    }
    let names = prepared.bare_names.borrow();
    Ok(names.as_ref().and_then(|names| names.get(name).cloned()))
}

fn bind_value(
    scope: &Scope<'_, '_>,
    statement: &Statement,
    index: i32,
    value: Value<'_>,
) -> Result<(), Failure> {
    let value = values::to_bind(scope, value, index)?;
    statement
        .bind(index, &value)
        .map_err(|error| failure(scope, &error))
}

fn bind_named<'s>(
    scope: &Scope<'s, '_>,
    prepared: &Prepared,
    named: Object<'s>,
) -> Result<(), Failure> {
    let settings = prepared.settings.get();
    let statement = &prepared.statement;
    let keys = named
        .get_own_property_names(scope, v8::GetPropertyNamesArgs::default())
        .ok_or(Failure::Pending)?;
    if settings.allows_bare_names {
        bare_name(prepared, b"")?;
    }
    for at in 0..keys.length() {
        let key = keys.get_index(scope, at).ok_or(Failure::Pending)?;
        let text = key.to_string(scope).ok_or(Failure::Pending)?;
        let name = js_string_bytes(scope, text);
        let mut index = statement.parameter_index(&name);
        if index == 0
            && settings.allows_bare_names
            && let Some(full) = bare_name(prepared, &name)?
        {
            index = statement.parameter_index(&full);
        }
        if index == 0 {
            if settings.allows_unknown_names {
                continue;
            }
            let name = String::from_utf8_lossy(&name).into_owned();
            return Err(wrong_state(format!("Unknown named parameter '{name}'")));
        }
        let value = named.get(scope, key).ok_or(Failure::Pending)?;
        bind_value(scope, statement, index, value)?;
    }
    Ok(())
}

/// Resets the statement and binds what the call gives.
pub(super) fn bind<'s>(
    scope: &mut Scope<'s, '_>,
    prepared: &Prepared,
    given: &[Value<'s>],
) -> Result<(), Failure> {
    let statement = &prepared.statement;
    statement
        .reset(scope)
        .and_then(|()| statement.clear_bindings())
        .map_err(|error| failure(scope, &error))?;
    let named = given.first().and_then(|first| {
        let object = v8::Local::<v8::Object>::try_from(*first).ok()?;
        let is_bytes = object.is_array_buffer_view()
            || object.is_array_buffer()
            || object.is_shared_array_buffer();
        (!is_bytes).then_some(object)
    });
    if let Some(named) = named {
        bind_named(scope, prepared, named)?;
    }
    let mut index = 1;
    for value in given.iter().skip(usize::from(named.is_some())) {
        // `?3` has a number and no name.
        while statement
            .parameter_name(index)
            .is_some_and(|name| !name.starts_with(b"?"))
        {
            index += 1;
        }
        bind_value(scope, statement, index, *value)?;
        index += 1;
    }
    Ok(())
}

// Running

fn given<'s>(args: &Args<'s>) -> Vec<Value<'s>> {
    (0..args.len()).map(|index| args.get(index)).collect()
}

fn all<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let prepared = this(scope, args)?;
    Ok(all_rows(scope, &prepared, &given(args))?.into())
}

fn get<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let prepared = this(scope, args)?;
    Ok(first_row(scope, &prepared, &given(args))?.into())
}

fn run<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let prepared = this(scope, args)?;
    Ok(run_once(scope, &prepared, &given(args))?.into())
}

fn iterate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let prepared = this(scope, args)?;
    let rows = new_iterator(scope, args.this(), &prepared, &given(args))?;
    Ok(rows.into())
}

// The rest

fn columns<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let prepared = this(scope, args)?;
    let statement = &prepared.statement;
    let mut all = Vec::new();
    for column in 0..statement.column_count() {
        let object = scope.null_object();
        let texts = [
            ("column", ColumnText::Origin),
            ("database", ColumnText::Database),
            ("name", ColumnText::Name),
            ("table", ColumnText::Table),
            ("type", ColumnText::Type),
        ];
        for (name, which) in texts {
            let value = match statement.column_text(column, which) {
                Some(text) => scope.utf8(&text).into(),
                None => scope.null(),
            };
            scope.set(object, name, value);
        }
        all.push(object.into());
    }
    Ok(scope.array(&all).into())
}

fn source_sql<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let prepared = this(scope, args)?;
    Ok(scope.utf8(&prepared.statement.source()).into())
}

fn expanded_sql<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let prepared = this(scope, args)?;
    let Some(text) = prepared.statement.expanded() else {
        let error = SqlError {
            code: 18,
            message: b"Expanded SQL text would exceed configured limits".to_vec(),
            meaning: b"string or blob too big".to_vec(),
        };
        return Err(failure(scope, &SqlFailure::Sql(error)));
    };
    Ok(scope.utf8(&text).into())
}

fn flag<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    name: &str,
) -> Result<(Rc<Prepared>, bool), Failure> {
    let prepared = this(scope, args)?;
    if !args.get(0).is_boolean() {
        return Err(wrong_type(&format!(
            "The \"{name}\" argument must be a boolean."
        )));
    }
    Ok((prepared, args.get(0).is_true()))
}

fn set_allow_bare_named_parameters<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (prepared, on) = flag(scope, args, "allowBareNamedParameters")?;
    prepared.change(|settings| settings.allows_bare_names = on);
    Ok(().into())
}

fn set_allow_unknown_named_parameters<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (prepared, on) = flag(scope, args, "enabled")?;
    prepared.change(|settings| settings.allows_unknown_names = on);
    Ok(().into())
}

fn set_read_big_ints<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (prepared, on) = flag(scope, args, "readBigInts")?;
    prepared.change(|settings| settings.uses_bigints = on);
    Ok(().into())
}

fn set_return_arrays<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (prepared, on) = flag(scope, args, "returnArrays")?;
    prepared.change(|settings| settings.returns_arrays = on);
    Ok(().into())
}

/// The database object something is of.
pub(super) fn owner<'s>(scope: &Scope<'s, '_>, object: Object<'s>) -> Option<Object<'s>> {
    let field = object.get_internal_field(scope, OWNER_FIELD)?;
    let value = Value::try_from(field).ok()?;
    let owner = v8::Local::<v8::Object>::try_from(value).ok()?;
    database::of(scope, owner).map(|_| owner)
}
