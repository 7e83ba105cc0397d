//! `internalBinding('task_queue')`: microtasks, `process.nextTick`, rejections nobody handled. Node: `src/node_task_queue.cc`.

use crate::environment::Stored;
use crate::glue::{Args, Binding, BindingResult, Scope, ScopeExt, Value};

pub(super) const BINDING: Binding = Binding::new("task_queue")
    .function("enqueueMicrotask", enqueue_microtask)
    .function("setTickCallback", set_tick_callback)
    .function("runMicrotasks", run_microtasks)
    .function("setPromiseRejectCallback", set_promise_reject_callback);

fn enqueue_microtask<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope.enqueue_microtask(function);
    Ok(().into())
}

fn set_tick_callback<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::TickCallback, function.into());
    Ok(().into())
}

fn run_microtasks<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    scope.perform_microtask_checkpoint();
    Ok(().into())
}

fn set_promise_reject_callback<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::PromiseReject, function.into());
    Ok(().into())
}

/// V8 saw a promise rejected without a handler, or a handler come late. Node: `PromiseRejectCallback`.
pub(crate) fn on_promise_reject(
    scope: &mut Scope<'_, '_>,
    promise: v8::Local<'_, v8::Promise>,
    event: v8::PromiseRejectEvent,
    value: Option<Value<'_>>,
) {
    let env = scope.env();
    if !env.can_call_into_js() {
        return;
    }
    let Some(callback) = env.stored_function(scope, Stored::PromiseReject) else {
        return;
    };
    let kind = match event {
        v8::PromiseRejectEvent::PromiseRejectWithNoHandler => 0,
        v8::PromiseRejectEvent::PromiseHandlerAddedAfterReject => 1,
        v8::PromiseRejectEvent::PromiseRejectAfterResolved => 2,
        v8::PromiseRejectEvent::PromiseResolveAfterResolved => 3,
    };
    let value = value
        .filter(|_| kind != 1)
        .map_or_else(|| scope.undefined(), |value| v8::Local::new(scope, value));
    let promise: Value<'_> = v8::Local::new(scope, promise).into();
    let args = [v8::Integer::new(scope, kind).into(), promise, value];
    v8::tc_scope!(let catch, scope);
    if callback.call(catch, catch.undefined(), &args).is_none()
        && catch.has_caught()
        && !catch.has_terminated()
    {
        let text = catch
            .exception()
            .map(|exception| crate::snapshot::describe(catch, exception))
            .unwrap_or_default();
        super::errors::print(
            catch,
            &format!("Exception in PromiseRejectCallback:\n{text}\n"),
        );
    }
}
