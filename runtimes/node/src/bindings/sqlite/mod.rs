//! `internalBinding('sqlite')`: `node:sqlite`. Node: `src/node_sqlite.cc`.
//!
//! `database` is `DatabaseSync`; `statement` its statements, `rows` their rows; `functions` what JavaScript gives to SQL;
//! `session` recorded changes; `backup` copies; `tag_store` statements by template; `limits` the object of limits; `values`
//! what passes between the two languages; `options` how options are read. All files are the guest's (`glue/sqlite`).
//!
//! Differs: extensions cannot be loaded; a database that SQLite is at work in cannot be closed from a function it calls, nor
//! can a statement run itself (Node crashes); write-ahead logs work in exclusive locking mode only.

mod backup;
mod database;
mod functions;
mod limits;
mod options;
mod rows;
mod session;
mod statement;
mod tag_store;
mod values;

use crate::glue::{Binding, Failure, Object, Scope, ScopeExt, Unlisted, constructor_of};
pub(super) use limits::LIMITS;
pub(super) use rows::ITERATOR;
pub(super) use tag_store::TAG_STORE;

pub(super) const BINDING: Binding = Binding::new("sqlite")
    .class(&database::DATABASE)
    .class(&statement::STATEMENT)
    .class(&session::SESSION)
    .function("backup", backup::backup)
    .setup(setup);

/// The functions that no table lists.
pub(crate) fn unlisted() -> impl Iterator<Item = &'static Unlisted> {
    limits::accessors().chain([&database::DISPOSE, &session::DISPOSE])
}

fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    let disposers = [
        (&database::DATABASE, &database::DISPOSE),
        (&session::SESSION, &session::DISPOSE),
    ];
    for (class, function) in disposers {
        let class = constructor_of(scope, class)?;
        let prototype = scope.get_property(class.into(), "prototype")?;
        let prototype = Object::try_from(prototype).map_err(|_| Failure::Pending)?;
        let dispose = scope.function("", function).ok_or(Failure::Pending)?;
        let global = scope.get_current_context().global(scope);
        let symbols = scope.get_property(global, "Symbol")?;
        let symbols = Object::try_from(symbols).map_err(|_| Failure::Pending)?;
        let symbol = scope.get_property(symbols, "dispose")?;
        prototype
            .set(scope, symbol, dispose.into())
            .ok_or(Failure::Pending)?;
    }
    let backup = scope.get_property(binding, "backup")?;
    if let Ok(backup) = Object::try_from(backup) {
        let attributes = v8::PropertyAttribute::READ_ONLY | v8::PropertyAttribute::DONT_ENUM;
        let length = scope.number(2.0);
        let _defined =
            backup.define_own_property(scope, scope.name("length").into(), length, attributes);
    }
    Ok(())
}

fn wrong_type(message: &str) -> Failure {
    Failure::type_error("ERR_INVALID_ARG_TYPE", message)
}

fn wrong_state(message: impl Into<String>) -> Failure {
    Failure::error("ERR_INVALID_STATE", message)
}
