//! `__return(value)`: how a program that the SDK runs gives a JSON value back.
//!
//! Not part of Node. There only when the command line has `--cenote-return-fd=N`: the SDK passes the write end of a pipe as
//! descriptor N, reads JSON text from it until its end, and closes its own end after. Calling it again replaces nothing: the
//! first value counts. Values that JSON cannot express throw, as `JSON.stringify` does.

use std::cell::Cell;

use cenote_base::Fd;

use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt, Unlisted};
use crate::program;

/// Whether a value was given.
#[derive(Default)]
struct Given(Cell<bool>);

/// Defines the global, if the command line asks for it.
pub(crate) fn install(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    if scope.env().command_line().return_fd.is_none() {
        return Ok(());
    }
    let function = scope.function("__return", &GIVE).ok_or(Failure::Pending)?;
    let global = scope.get_current_context().global(scope);
    let key = scope.name("__return");
    let _defined = global.define_own_property(
        scope,
        key.into(),
        function.into(),
        v8::PropertyAttribute::DONT_ENUM,
    );
    Ok(())
}

/// The function behind `__return`.
pub(crate) static GIVE: Unlisted = Unlisted::new(give);

/// `__return(value)`.
fn give<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let Some(fd) = env.command_line().return_fd else {
        return Ok(().into());
    };
    let text = if args.is_undefined(0) {
        Some("null".to_owned())
    } else {
        v8::json::stringify(scope, args.get(0)).map(|text| text.to_rust_string_lossy(scope))
    };
    let text = text.ok_or(Failure::Pending)?;
    if env.state::<Given>().0.replace(true) {
        return Err(Failure::error(
            "ERR_CENOTE_RETURN",
            "__return() was called before",
        ));
    }
    program::write_all(env.task(), Fd::new(fd), text.as_bytes());
    Ok(().into())
}
