//! `--allow-natives-syntax`, for the hints that tests and benchmarks give to V8's optimiser.
//!
//! The real flag lets code call V8's innards, for the whole host process: no guest may have that. The hints
//! (`%OptimizeFunctionOnNextCall(f)` and its like) change no result; under the flag they are taken out of the source
//! ([`without_hints`]) and become calls of functions that do nothing. Any other `%Name()` stays the syntax error it is.

use std::sync::atomic::Ordering;

use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt};

/// The hints.
const HINTS: &[&str] = &[
    "PrepareFunctionForOptimization",
    "OptimizeFunctionOnNextCall",
    "OptimizeMaglevOnNextCall",
    "NeverOptimizeFunction",
    "DeoptimizeFunction",
    "ClearFunctionFeedback",
    "EnsureFeedbackVectorForFunction",
    "CompileBaseline",
];

/// Whether the process was started with the flag, or the thread was given it.
fn is_allowed(scope: &Scope<'_, '_>) -> bool {
    let env = scope.env();
    env.command_line()
        .v8_option("--allow-natives-syntax")
        .is_some()
        || env.threads().natives_syntax.load(Ordering::Relaxed)
}

/// Allows hints from now on.
pub(crate) fn allow(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    if is_allowed(scope) {
        return Ok(());
    }
    // For the threads to come, too, as V8's flags are the whole process's.
    let env = scope.env();
    env.threads().natives_syntax.store(true, Ordering::Relaxed);
    install(scope)
}

/// Source text in which hints are ordinary calls, of the same length; `None` if there are none or the flag is not given.
pub(crate) fn without_hints<'s>(
    scope: &Scope<'s, '_>,
    code: v8::Local<'s, v8::String>,
) -> Option<v8::Local<'s, v8::String>> {
    if !is_allowed(scope) {
        return None;
    }
    let text = code.to_rust_string_lossy(scope);
    let mut changed = text.clone();
    for hint in HINTS {
        changed = changed.replace(&format!("%{hint}("), &format!(" {hint}("));
    }
    (changed != text).then(|| v8::String::new(scope, &changed))?
}

fn hint<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(().into())
}

/// The function every hint is; to be registered with the bindings.
pub(crate) static HINT: crate::glue::Unlisted = crate::glue::Unlisted::new(hint);

/// Defines the hints and lets V8 ask before it compiles strings, if the flag is given.
pub(crate) fn install(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    if !is_allowed(scope) {
        return Ok(());
    }
    let context = scope.get_current_context();
    let global = context.global(scope);
    for name in HINTS {
        let function = scope.function(name, &HINT).ok_or(Failure::Pending)?;
        global
            .define_own_property(
                scope,
                scope.name(name).into(),
                function.into(),
                v8::PropertyAttribute::DONT_ENUM,
            )
            .ok_or(Failure::Pending)?;
    }
    ask_for_strings(scope);
    Ok(())
}

/// Has V8 ask before it compiles strings in the current context.
pub(crate) fn ask_for_strings(scope: &mut Scope<'_, '_>) {
    // It asks only where they may not be compiled by themselves.
    let context = scope.get_current_context();
    context.set_allow_generation_from_strings(false);
    scope.set_modify_code_generation_from_strings_callback(modify);
}

fn modify<'s>(
    scope: &mut Scope<'s, '_>,
    source: v8::Local<'s, v8::Value>,
    _is_code_like: bool,
) -> v8::ModifyCodeGenerationFromStringsResult<'s> {
    let context = scope.get_current_context();
    let source = v8::Local::<v8::String>::try_from(source).ok();
    if let Some(source) = source {
        crate::bindings::errors::note_generated_code(scope, source);
    }
    let modified_source = source.and_then(|source| without_hints(scope, source));
    v8::ModifyCodeGenerationFromStringsResult {
        codegen_allowed: crate::bindings::contextify::allows_strings(scope, context),
        modified_source,
    }
}
