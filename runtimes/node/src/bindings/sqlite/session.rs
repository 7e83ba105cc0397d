//! `Session`: recorded changes, and how they are applied.

use std::cell::RefCell;
use std::rc::Rc;

use super::values::failure;
use super::{database, options, statement, wrong_state, wrong_type};
use crate::glue::sqlite::{CallbackError, ChangeSession, Changes, SqlError, SqlFailure};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Scope, ScopeExt, Unlisted, copy_bytes,
    js_string_bytes, new_uint8_array,
};

pub(super) static SESSION: Class = Class::new("Session", statement::made_by_us)
    .fields(2)
    .method("changeset", changeset)
    .method("patchset", patchset)
    .method("close", close);

const ABORT: i32 = 4;

struct Session(RefCell<Option<Rc<ChangeSession>>>);

impl Native for Session {}

/// A string option that counts only if it is the object's own.
fn own_string<'s>(
    scope: &Scope<'s, '_>,
    given: crate::glue::Object<'s>,
    name: &str,
) -> Result<Option<Vec<u8>>, Failure> {
    let has = given
        .has_own_property(scope, scope.name(name).into())
        .ok_or(Failure::Pending)?;
    if !has {
        return Ok(None);
    }
    let value = scope.get_property(given, name)?;
    v8::Local::<v8::String>::try_from(value)
        .map(|string| Some(js_string_bytes(scope, string)))
        .map_err(|_| {
            wrong_type(&format!(
                "The \"options.{name}\" argument must be a string."
            ))
        })
}

/// `createSession({ table, db })`.
pub(super) fn create<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (mut table, mut name) = (None, None);
    if args.len() > 0 {
        let given = options::object(args.get(0))?;
        table = own_string(scope, given, "table")?;
        name = own_string(scope, given, "db")?;
    }
    let connection = database::this(scope, args)?.connection()?;
    let name = name.unwrap_or_else(|| b"main".to_vec());
    let table = table.filter(|table| !table.is_empty());
    let session = connection
        .create_session(&name, table.as_deref())
        .map_err(|error| failure(scope, &error))?;
    let session = Session(RefCell::new(Some(session)));
    let object = statement::make(scope, &SESSION, args.this(), session)?;
    Ok(object.into())
}

fn this<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Rc<ChangeSession>, Failure> {
    let session = args.native::<Session>(scope)?;
    let session = session.0.borrow().as_ref().map(Rc::clone);
    let session = session.ok_or_else(|| wrong_state("session is not open"))?;
    if !session.connection().is_open() {
        return Err(wrong_state("database is not open"));
    }
    if !session.is_open() {
        return Err(wrong_state("session is not open"));
    }
    if session.is_in_use() {
        return Err(wrong_state("session is currently in use"));
    }
    Ok(session)
}

fn changes<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>, is_patchset: bool) -> BindingResult<'s> {
    let session = this(scope, args)?;
    let bytes = session
        .changes(scope, is_patchset)
        .map_err(|error| failure(scope, &error))?;
    Ok(new_uint8_array(scope, bytes)
        .ok_or(Failure::Pending)?
        .into())
}

fn changeset<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    changes(scope, args, false)
}

fn patchset<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    changes(scope, args, true)
}

fn close<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    this(scope, args)?.end();
    Ok(().into())
}

/// `[Symbol.dispose]()` of the class.
pub(super) static DISPOSE: Unlisted = Unlisted::new(dispose);

/// `[Symbol.dispose]()`: ends it if it is open.
fn dispose<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Ok(session) = this(scope, args) {
        session.end();
    }
    Ok(().into())
}

struct Deciding {
    filter: Option<v8::Global<v8::Function>>,
    on_conflict: Option<v8::Global<v8::Function>>,
}

impl Changes for Deciding {
    fn accepts(&self, scope: &mut Scope<'_, '_>, table: &[u8]) -> Result<bool, CallbackError> {
        let Some(filter) = &self.filter else {
            return Ok(true);
        };
        let filter = v8::Local::new(scope, filter);
        let table = scope.utf8(table).into();
        let answer = filter
            .call(scope, scope.null(), &[table])
            .ok_or(CallbackError::Threw)?;
        Ok(answer.boolean_value(scope))
    }

    fn resolve(&self, scope: &mut Scope<'_, '_>, conflict: i32) -> Result<i32, CallbackError> {
        let Some(on_conflict) = &self.on_conflict else {
            return Ok(2); // SQLITE_CHANGESET_ABORT
        };
        let on_conflict = v8::Local::new(scope, on_conflict);
        let kind = v8::Integer::new(scope, conflict).into();
        let answer = on_conflict
            .call(scope, scope.null(), &[kind])
            .ok_or(CallbackError::Threw)?;
        // What is no integer is none of SQLite's answers, which is its error.
        Ok(v8::Local::<v8::Int32>::try_from(answer).map_or(-1, |answer| answer.value()))
    }
}

/// `applyChangeset(changeset, { filter, onConflict })`: whether it was applied, or aborted by a conflict.
pub(super) fn apply<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let connection = database::this(scope, args)?.connection()?;
    if !args.get(0).is_uint8_array() {
        return Err(wrong_type(
            "The \"changeset\" argument must be a Uint8Array.",
        ));
    }
    let mut deciding = Deciding {
        filter: None,
        on_conflict: None,
    };
    if !args.is_undefined(1) {
        let given = options::object(args.get(1))?;
        let function = |scope: &mut Scope<'s, '_>, name| {
            let function = options::function(scope, given, name)?;
            Ok::<_, Failure>(function.map(|function| v8::Global::new(scope, function)))
        };
        deciding.on_conflict = function(scope, "onConflict")?;
        deciding.filter = function(scope, "filter")?;
    }
    let bytes = copy_bytes(args.get(0)).unwrap_or_default();
    connection
        .exec(scope, b"SAVEPOINT __nodesqlite_applychangeset")
        .map_err(|error| failure(scope, &error))?;
    let outcome = connection.apply_changes(scope, &bytes, &deciding);
    if !matches!(outcome, Ok(0 | ABORT)) {
        let undo = b"ROLLBACK TRANSACTION TO SAVEPOINT __nodesqlite_applychangeset";
        let _undone = connection.exec(scope, undo);
    }
    let _released = connection.exec(scope, b"RELEASE SAVEPOINT __nodesqlite_applychangeset");
    match outcome {
        Ok(0) => Ok(true.into()),
        Ok(ABORT) => Ok(false.into()),
        Ok(code) => {
            let error = SqlFailure::Sql(SqlError::of_code(code));
            Err(failure(scope, &error))
        }
        Err(error) => Err(failure(scope, &error)),
    }
}
