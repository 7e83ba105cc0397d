//! Calling JavaScript from the loop: async context, then microtasks and `process.nextTick`.
//!
//! Everything that calls into the guest from outside goes through [`make_callback`] (for a native object) or
//! [`make_callback_in`]. Node: `InternalMakeCallback` and `InternalCallbackScope` in src/api/callback.cc.

use crate::bindings::async_wrap;
use crate::bindings::errors;
use crate::environment::Stored;
use crate::event_loop::handles::AsyncInfo;
use crate::glue::{Failure, Object, Scope, ScopeExt, Value};

/// Whose callback it is.
#[derive(Clone, Debug)]
pub(crate) struct CallContext {
    async_id: f64,
    trigger_async_id: f64,
    /// What the object is, of `async_wrap.Providers`.
    provider: u32,
    /// `AsyncContextFrame` at the time the request was made.
    frame: Option<v8::Global<v8::Value>>,
    /// What `executionAsyncResource()` shows, when that is not the object itself.
    resource: Option<v8::Global<v8::Object>>,
}

impl CallContext {
    /// Nobody's: the loop itself.
    pub(crate) const ROOT: Self = Self {
        async_id: 0.0,
        trigger_async_id: 0.0,
        provider: 0,
        frame: None,
        resource: None,
    };

    /// That of a native object.
    pub(crate) fn of(info: &AsyncInfo) -> Self {
        if !info.is_born() {
            return Self::ROOT;
        }
        Self {
            async_id: info.async_id(),
            trigger_async_id: info.trigger_async_id(),
            provider: info.provider(),
            frame: info.frame(),
            resource: None,
        }
    }

    /// The same, but with another object as the async resource (`HTTPParser` has one a message).
    #[must_use]
    pub(crate) fn with_resource(mut self, resource: Option<v8::Global<v8::Object>>) -> Self {
        self.resource = resource;
        self
    }
}

/// Calls `object[name](...args)` for a native object that JavaScript made (`oncomplete`, `onread`…).
/// Nothing happens when there is no such function. An exception goes to the process's handlers.
pub(crate) fn make_callback<'s>(
    scope: &mut Scope<'s, '_>,
    object: Object<'s>,
    name: &str,
    args: &[Value<'s>],
    context: &CallContext,
) {
    let Ok(callback) = scope.get_property(object, name) else {
        return;
    };
    let Ok(callback) = v8::Local::<v8::Function>::try_from(callback) else {
        return;
    };
    make_callback_in(scope, object, callback, args, context);
}

/// Calls a function as the loop: with the async context, and with ticks and microtasks after it. Returns its value, or `None`
/// when it threw (the exception has been handled) or the program ended.
pub(crate) fn make_callback_in<'s>(
    scope: &mut Scope<'s, '_>,
    this: Object<'s>,
    callback: v8::Local<'s, v8::Function>,
    args: &[Value<'s>],
    context: &CallContext,
) -> Option<Value<'s>> {
    let env = scope.env();
    if !env.can_call_into_js() {
        return None;
    }
    let event_loop = env.event_loop();
    event_loop.depth.set(event_loop.depth.get() + 1);
    let result = call(scope, this, callback, args, context, None);
    // After a failure the ticks wait for the next callback (the handler of uncaught exceptions made sure there is one).
    if event_loop.depth.get() == 1 && result.is_some() {
        after_callback(scope);
    }
    event_loop.depth.set(event_loop.depth.get() - 1);
    result
}

/// Calls a function from native code that JavaScript may itself be calling (a parser): with the async context. `with_ticks`: whether
/// ticks and microtasks follow where only the loop is below. Node: `InternalCallbackScope`, `kSkipTaskQueues`.
///
/// # Errors
/// The exception, for the JavaScript below to get; or `Pending`, when only the loop is below and the process's handlers had it.
pub(crate) fn call_back<'s>(
    scope: &mut Scope<'s, '_>,
    this: Object<'s>,
    callback: v8::Local<'s, v8::Function>,
    args: &[Value<'s>],
    context: &CallContext,
    with_ticks: bool,
) -> Result<Value<'s>, Failure> {
    let env = scope.env();
    if !env.can_call_into_js() {
        return Err(Failure::Pending);
    }
    let event_loop = env.event_loop();
    let depth = event_loop.depth.get();
    event_loop.depth.set(depth + 1);
    let mut thrown = None;
    let result = if depth == 0 {
        call(scope, this, callback, args, context, None)
    } else {
        call(scope, this, callback, args, context, Some(&mut thrown))
    };
    if depth == 0 && with_ticks && result.is_some() {
        after_callback(scope);
    }
    event_loop.depth.set(depth);
    result.ok_or_else(|| thrown.map_or(Failure::Pending, Failure::Thrown))
}

/// Runs native code that calls JavaScript several times as if it were one callback: one async context, ticks once at its end.
pub(crate) fn in_callback_scope<'s>(
    scope: &mut Scope<'s, '_>,
    object: Object<'s>,
    context: &CallContext,
    run: impl FnOnce(&mut Scope<'s, '_>),
) {
    let env = scope.env();
    let depth = &env.event_loop().depth;
    depth.set(depth.get() + 1);
    let pushed = async_wrap::push_context(
        scope,
        context.async_id,
        context.trigger_async_id,
        object.into(),
    )
    .is_ok();
    run(scope);
    if pushed {
        async_wrap::pop_context(scope, context.async_id);
    }
    if depth.get() == 1 {
        after_callback(scope);
    }
    depth.set(depth.get().saturating_sub(1));
}

/// Runs something that may throw, and keeps what it throws.
fn caught<'s, T>(
    scope: &mut Scope<'s, '_>,
    thrown: &mut Option<v8::Global<v8::Value>>,
    run: impl FnOnce(&mut Scope<'s, '_>) -> Option<T>,
) -> Option<T> {
    v8::tc_scope!(let catch, scope);
    let _traced = crate::trace::Timed::begin(&catch.env(), "v8", "V8.Execute");
    let result = run(catch);
    if result.is_none() && catch.has_caught() && catch.can_continue() {
        *thrown = catch
            .exception()
            .map(|exception| v8::Global::new(catch, exception));
    }
    result
}

/// Calls with the async context. Exceptions go to `thrown`, without it to the process's handlers.
fn call<'s>(
    scope: &mut Scope<'s, '_>,
    this: Object<'s>,
    callback: v8::Local<'s, v8::Function>,
    args: &[Value<'s>],
    context: &CallContext,
    thrown: Option<&mut Option<v8::Global<v8::Value>>>,
) -> Option<Value<'s>> {
    let prior = scope.get_continuation_preserved_embedder_data();
    let frame = context
        .frame
        .as_ref()
        .map_or_else(|| scope.undefined(), |frame| v8::Local::new(scope, frame));
    scope.set_continuation_preserved_embedder_data(frame);
    let resource = context.resource.as_ref().map_or_else(
        || this.into(),
        |resource| v8::Local::new(scope, resource).into(),
    );
    let pushed =
        async_wrap::push_context(scope, context.async_id, context.trigger_async_id, resource)
            .is_ok();
    let is_traced = context.async_id != 0.0 && scope.env().is_traced();
    if is_traced {
        trace_callback(scope, context, 'b');
    }
    let trampoline = (context.async_id != 0.0)
        .then(|| async_wrap::trampoline(scope))
        .flatten();
    let run = |scope: &mut Scope<'s, '_>| match trampoline {
        Some(trampoline) => {
            let mut all: Vec<Value<'_>> =
                vec![scope.number(context.async_id), resource, callback.into()];
            all.extend_from_slice(args);
            trampoline.call(scope, this.into(), &all)
        }
        None => {
            if context.async_id != 0.0 {
                async_wrap::emit_before(scope, context.async_id);
            }
            let result = callback.call(scope, this.into(), args);
            if result.is_some() && context.async_id != 0.0 {
                async_wrap::emit_after(scope, context.async_id);
            }
            result
        }
    };
    let result = match thrown {
        None => guarded(scope, run),
        Some(thrown) => caught(scope, thrown, run),
    };
    if is_traced {
        trace_callback(scope, context, 'e');
    }
    if pushed {
        async_wrap::pop_context(scope, context.async_id);
    }
    scope.set_continuation_preserved_embedder_data(prior);
    result
}

fn trace_callback(scope: &Scope<'_, '_>, context: &CallContext, phase: char) {
    let provider = async_wrap::provider_name(context.provider);
    crate::trace::called_back(&scope.env(), context.async_id, provider, phase);
}

/// Runs something that may throw; an exception becomes the process's uncaught exception.
pub(crate) fn guarded<'s, T>(
    scope: &mut Scope<'s, '_>,
    run: impl FnOnce(&mut Scope<'s, '_>) -> Option<T>,
) -> Option<T> {
    v8::tc_scope!(let catch, scope);
    let env = catch.env();
    // Debuggers pause at exceptions that nobody catches, and V8 must not take us for somebody who does: it then tells the
    // process's handlers itself.
    let is_debugged = env.is_debugged();
    let told = if is_debugged {
        catch.set_verbose(true);
        errors::messages(&env)
    } else {
        0
    };
    let traced = crate::trace::Timed::begin(&env, "v8", "V8.Execute");
    let result = run(catch);
    drop(traced);
    if result.is_some() || !catch.has_caught() {
        return result;
    }
    if catch.has_terminated() || !catch.can_continue() {
        return None;
    }
    if is_debugged && errors::messages(&env) != told {
        catch.reset();
        return None;
    }
    let exception = catch.exception()?;
    let message = catch.message();
    catch.reset();
    errors::trigger_uncaught_exception(catch, exception, message, false);
    None
}

/// Ticks and microtasks, once JavaScript has returned to the loop. Node: `InternalCallbackScope::Close`.
pub(crate) fn after_callback(scope: &mut Scope<'_, '_>) {
    if let Err(Failure::Coded { message, .. }) = drain(scope) {
        tracing::error!(target: "cenote::node", message, "ticks");
    }
}

fn drain(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    const HAS_TICK_SCHEDULED: usize = 0;
    const HAS_REJECTION_TO_WARN: usize = 1;
    let env = scope.env();
    if !env.can_call_into_js() {
        return Ok(());
    }
    let info = env.field(scope, "task_queue", "tickInfo")?;
    let is_idle = || info.get(HAS_TICK_SCHEDULED) == 0.0 && info.get(HAS_REJECTION_TO_WARN) == 0.0;
    if is_idle() {
        scope.perform_microtask_checkpoint();
    }
    if is_idle() || !env.can_call_into_js() {
        return Ok(());
    }
    let Some(callback) = env.stored_function(scope, Stored::TickCallback) else {
        return Ok(());
    };
    let process = env.process(scope);
    guarded(scope, |scope| callback.call(scope, process.into(), &[]));
    Ok(())
}
