//! `vm.Script`: a compiled script that runs in any context.

use std::rc::Rc;

use super::compile::{Origin, SourceText, decorate, set_id, store_cache_result};
use super::context_of;
use super::watchdog::{Limits, run_guarded};
use crate::bindings::permission::{self, Permission};
use crate::code_cache;
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, attach, copy_bytes,
    new_node_buffer,
};

pub(super) static CONTEXTIFY_SCRIPT: Class = Class::new("ContextifyScript", new_script)
    .method("runInContext", run_in_context)
    .method("createCachedData", create_cached_data);

/// The Rust side of a `vm.Script`.
struct Script {
    script: v8::Global<v8::UnboundScript>,
}

impl Native for Script {}

/// `new ContextifyScript(code, filename, lineOffset, columnOffset, cachedData, produceCachedData, parsingContext, hostDefinedOptionId)`.
fn new_script<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if !args.is_construct_call() {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_REQUIRED",
            "Class constructor ContextifyScript cannot be invoked without `new`",
        ));
    }
    let this = args.this();
    let code = args.string(0)?;
    let code = crate::natives_syntax::without_hints(scope, code).unwrap_or(code);
    let filename = if args.get(1).is_string() {
        args.string(1)?
    } else {
        scope.text("evalmachine.<anonymous>")
    };
    let (line, column) = if args.len() > 2 {
        (args.i32(scope, 2)?, args.i32(scope, 3)?)
    } else {
        (0, 0)
    };
    let cached = copy_bytes(args.get(4));
    let produce = args.bool(scope, 5);
    let context = Object::try_from(args.get(6))
        .ok()
        .and_then(|sandbox| context_of(scope, sandbox))
        .unwrap_or_else(|| scope.get_current_context());
    let id = v8::Local::<v8::Symbol>::try_from(args.get(7))
        .unwrap_or_else(|_| v8::Symbol::new(scope, Some(filename)));
    let origin = Origin {
        line,
        column,
        ..Origin::script(filename, id)
    };
    let origin = origin.to_v8(scope);
    let mut text = SourceText::new(code, &origin, cached.as_deref());
    let scope = &mut v8::ContextScope::new(scope, context);
    v8::tc_scope!(let catch, scope);
    let script = v8::script_compiler::compile_unbound_script(
        catch,
        &mut text.source,
        text.options,
        v8::script_compiler::NoCacheReason::NoReason,
    );
    let Some(script) = script else {
        decorate(catch);
        catch.rethrow();
        return Err(Failure::Pending);
    };
    set_id(catch, this, id)?;
    let produced = produce.then(|| {
        script
            .create_code_cache()
            .and_then(|cache| code_cache::seal(&cache))
    });
    store_cache_result(catch, this, text.rejected(), produced);
    let map_url = script.get_source_mapping_url(catch);
    catch.set(this, "sourceMapURL", map_url);
    let source_url = script.get_source_url(catch);
    catch.set(this, "sourceURL", source_url);
    let script = Rc::new(Script {
        script: v8::Global::new(catch, script),
    });
    attach(catch, this, script);
    Ok(().into())
}

/// `runInContext(contextifiedObject | null, timeout, displayErrors, breakOnSigint, breakOnFirstLine)`.
fn run_in_context<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let script = args.native::<Script>(scope)?;
    let context = match Object::try_from(args.get(0)) {
        Ok(sandbox) => context_of(scope, sandbox).ok_or_else(|| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "not a contextified object")
        })?,
        Err(_) => scope.env().context(scope),
    };
    let limits = Limits {
        timeout_ms: args.i64(1).unwrap_or(-1),
        breaks_on_sigint: args.bool(scope, 3),
    };
    let display_errors = args.bool(scope, 2);
    if args.bool(scope, 4) {
        permission::check(
            scope,
            Permission::Inspector,
            b"PauseOnNextJavascriptStatement",
        )?;
        crate::inspector::agent(scope).pause_on_next_statement("Break on start");
    }
    let scope = &mut v8::ContextScope::new(scope, context);
    v8::tc_scope!(let catch, scope);
    let result = run_guarded(catch, &limits, |scope| {
        let bound = v8::Local::new(scope, &script.script).bind_to_current_context(scope);
        let result = bound.run(scope)?;
        super::context::drain_own_microtasks(scope, context);
        Some(result)
    });
    match result {
        Ok(value) => Ok(value.into()),
        Err(Failure::Pending) => {
            if display_errors && !catch.has_terminated() {
                decorate(catch);
            }
            catch.rethrow();
            Err(Failure::Pending)
        }
        Err(failure) => {
            catch.reset();
            Err(failure)
        }
    }
}

fn create_cached_data<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let script = args.native::<Script>(scope)?;
    let script = v8::Local::new(scope, &script.script);
    let bytes = script
        .create_code_cache()
        .and_then(|cache| code_cache::seal(&cache))
        .unwrap_or_default();
    new_node_buffer(scope, bytes)
        .map(Into::into)
        .ok_or(Failure::Pending)
}
