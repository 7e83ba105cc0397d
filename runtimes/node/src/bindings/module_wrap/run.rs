//! Instantiating and evaluating modules.

use super::{Slot, Wrapped};
use crate::bindings::contextify::{Limits, drain_own_microtasks, run_guarded};
use crate::bindings::errors::append_exception_line;
use crate::glue::{
    Args, BindingResult, Failure, Scope, ScopeExt, Value, resolve_module, resolve_module_source,
};

/// `instantiate()`: V8 asks for what the requests are linked to.
pub(super) fn instantiate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrapped = Wrapped::of(scope, args.this())?;
    if !wrapped.native.is_linked.get() {
        return Err(Failure::error(
            "ERR_VM_MODULE_LINK_FAILURE",
            "module is not linked",
        ));
    }
    let context = wrapped.context(scope);
    let scope = &mut v8::ContextScope::new(scope, context);
    instantiate_graph(scope, wrapped.module)?;
    Ok(().into())
}

/// Instantiates a module and what it imports.
pub(super) fn instantiate_graph<'s>(
    scope: &mut Scope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Result<(), Failure> {
    v8::tc_scope!(let catch, scope);
    if module
        .instantiate_module2(catch, resolve_module, resolve_module_source)
        .is_some()
    {
        return Ok(());
    }
    if let (Some(exception), Some(message)) = (catch.exception(), catch.message()) {
        append_exception_line(catch, exception, message, false);
    }
    catch.rethrow();
    Err(Failure::Pending)
}

/// `evaluate(timeout, breakOnSigint)`: V8's promise.
pub(super) fn evaluate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrapped = Wrapped::of(scope, args.this())?;
    let limits = Limits {
        timeout_ms: args.i64(0).unwrap_or(-1),
        breaks_on_sigint: args.bool(scope, 1),
    };
    let context = wrapped.context(scope);
    let outer = scope.get_current_context();
    let scope = &mut v8::ContextScope::new(scope, context);
    v8::tc_scope!(let catch, scope);
    let result = run_guarded(catch, &limits, |scope| {
        let result = wrapped.module.evaluate(scope)?;
        if drain_own_microtasks(scope, context) {
            return settle_outside(scope, outer, result);
        }
        Some(result)
    });
    match result {
        Ok(value) => Ok(value.into()),
        Err(Failure::Pending) => {
            catch.rethrow();
            Err(Failure::Pending)
        }
        Err(failure) => {
            catch.reset();
            Err(failure)
        }
    }
}

/// A promise of the caller's context that follows one of a context with microtasks of its own: those do not run by
/// themselves any more, so what is settled by now is settled outside, too.
fn settle_outside<'s>(
    scope: &mut Scope<'s, '_>,
    outer: v8::Local<'s, v8::Context>,
    result: Value<'s>,
) -> Option<Value<'s>> {
    let inner = v8::Local::<v8::Promise>::try_from(result).ok()?;
    let scope = &mut v8::ContextScope::new(scope, outer);
    let resolver = v8::PromiseResolver::new(scope)?;
    match inner.state() {
        v8::PromiseState::Fulfilled => {
            let value = inner.result(scope);
            resolver.resolve(scope, value)?;
        }
        v8::PromiseState::Rejected => {
            inner.mark_as_handled();
            let reason = inner.result(scope);
            resolver.reject(scope, reason)?;
        }
        v8::PromiseState::Pending => {
            resolver.resolve(scope, inner.into())?;
        }
    }
    Some(resolver.get_promise(scope).into())
}

/// Evaluates a graph without top-level await, for `require(esm)`; returns the namespace.
pub(super) fn evaluate_sync<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrapped = Wrapped::of(scope, args.this())?;
    let context = wrapped.context(scope);
    let scope = &mut v8::ContextScope::new(scope, context);
    let module = wrapped.module;
    let result = module.evaluate(scope).ok_or(Failure::Pending)?;
    let promise = v8::Local::<v8::Promise>::try_from(result).map_err(|_| Failure::Pending)?;
    if promise.state() == v8::PromiseState::Rejected {
        let exception = promise.result(scope);
        let message = v8::Exception::create_message(scope, exception);
        append_exception_line(scope, exception, message, false);
        promise.mark_as_handled();
        return Err(Failure::Thrown(v8::Global::new(scope, exception)));
    }
    if module.is_graph_async() {
        if scope
            .env()
            .command_line()
            .is("--experimental-print-required-tla")
        {
            print_stalled(scope, module);
        }
        return Err(required_async());
    }
    Ok(module.get_module_namespace().into())
}

/// `--experimental-print-required-tla`: says where the top-level awaits are.
fn print_stalled<'s>(scope: &mut Scope<'s, '_>, module: v8::Local<'s, v8::Module>) {
    let mut text = String::from("Error: unexpected top-level await at ");
    for (_, message) in module.get_stalled_top_level_await_message(scope) {
        let name = message
            .get_script_resource_name(scope)
            .map(|name| name.to_rust_string_lossy(scope))
            .unwrap_or_default();
        let line = message.get_line_number(scope).unwrap_or(0);
        let source = message
            .get_source_line(scope)
            .map(|line| line.to_rust_string_lossy(scope))
            .unwrap_or_default();
        let column = message.get_start_column();
        let pointer = format!("{}^", " ".repeat(column.min(200)));
        text.push_str(&format!("{name}:{line}\n{source}\n{pointer}\n"));
    }
    scope.env().print_error(text.as_bytes());
}

/// `ERR_REQUIRE_ASYNC_MODULE`. Node: `ThrowErrorRequireAsyncModule`.
pub(super) fn required_async() -> Failure {
    let message = "require() cannot be used on an ESM graph with top-level await. Use import() instead. To see where the \
                   top-level await comes from, use --experimental-print-required-tla.";
    Failure::error("ERR_REQUIRE_ASYNC_MODULE", message)
}

/// V8 evaluates a synthetic module: JavaScript's steps run with the wrap as receiver. The result is a resolved promise.
pub(crate) fn evaluate_synthetic<'s>(
    scope: &mut Scope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<Value<'s>> {
    let wrapped = Wrapped::of_module(scope, module)?;
    let steps = wrapped.value(scope, Slot::Steps)?;
    let steps = v8::Local::<v8::Function>::try_from(steps).ok()?;
    // They run once.
    let undefined = scope.undefined();
    wrapped
        .object
        .set_internal_field(Slot::Steps as usize, undefined.into());
    let object = wrapped.object;
    steps.call(scope, object.into(), &[object.into()])?;
    let resolver = v8::PromiseResolver::new(scope)?;
    resolver.resolve(scope, undefined)?;
    Some(resolver.get_promise(scope).into())
}

/// Throws the reason of a rejected promise.
pub(super) fn throw_if_promise_rejected<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    if let Ok(promise) = v8::Local::<v8::Promise>::try_from(args.get(0))
        && promise.state() == v8::PromiseState::Rejected
    {
        let reason = promise.result(scope);
        return Err(Failure::Thrown(v8::Global::new(scope, reason)));
    }
    Ok(().into())
}
