//! `process.emitWarning`, for native code. Node: `src/node_process_events.cc`.

use crate::glue::{Failure, Scope, ScopeExt, Value};

/// Warns.
///
/// # Errors
/// What the program's handler throws.
pub(crate) fn warn(scope: &mut Scope<'_, '_>, text: &str) -> Result<(), Failure> {
    emit(scope, &[text])
}

/// Warns that something is deprecated, by its code (`DEP0104`).
///
/// # Errors
/// What the program's handler throws.
pub(crate) fn warn_of_deprecation(
    scope: &mut Scope<'_, '_>,
    text: &str,
    code: &str,
) -> Result<(), Failure> {
    emit(scope, &[text, "DeprecationWarning", code])
}

fn emit(scope: &mut Scope<'_, '_>, words: &[&str]) -> Result<(), Failure> {
    let process = scope.env().process(scope);
    let emit = scope.get_property(process, "emitWarning")?;
    if let Ok(emit) = v8::Local::<v8::Function>::try_from(emit) {
        let args: Vec<Value<'_>> = words.iter().map(|word| scope.text(word).into()).collect();
        scope.call(emit, process.into(), &args)?;
    }
    Ok(())
}
