//! What native objects share: async ids ([`AsyncInfo`], class `AsyncWrap`) and being a handle ([`HandleState`], class
//! `HandleWrap`). Node: `src/async_wrap.cc`, `src/handle_wrap.cc`.

use std::cell::Cell;

use crate::bindings::async_wrap;
use crate::event_loop::{CallContext, make_callback, make_callback_in};
use crate::glue::{Args, BindingResult, Class, Object, Return, Scope, ScopeExt, Value, native_ref};
use crate::trace;

/// The id of what has none, or none any more.
const GONE: f64 = -1.0;

/// The async ids of a native object, and the async context it was made in.
#[derive(Debug)]
pub(crate) struct AsyncInfo {
    async_id: Cell<f64>,
    trigger_async_id: Cell<f64>,
    provider: Cell<u32>,
    frame: std::cell::RefCell<Option<v8::Global<v8::Value>>>,
}

impl Default for AsyncInfo {
    fn default() -> Self {
        Self::unborn()
    }
}

impl AsyncInfo {
    /// Ids that are taken later, by [`reset`](Self::reset): as in Node, a request is nobody before it is made.
    pub(crate) const fn unborn() -> Self {
        Self {
            async_id: Cell::new(GONE),
            trigger_async_id: Cell::new(GONE),
            provider: Cell::new(0),
            frame: std::cell::RefCell::new(None),
        }
    }

    /// Takes a new id for an object being made, and tells the `init` hooks. `provider` is a name of `async_wrap.Providers`.
    pub(crate) fn new(
        scope: &mut Scope<'_, '_>,
        object: Object<'_>,
        provider: &'static str,
    ) -> Self {
        let info = Self::unborn();
        info.reset(scope, object, provider);
        info
    }

    /// The same for an object that is used again (`HTTPParser`).
    pub(crate) fn reset(
        &self,
        scope: &mut Scope<'_, '_>,
        object: Object<'_>,
        provider: &'static str,
    ) {
        self.destroy(scope);
        let (async_id, trigger) = async_wrap::new_ids(scope);
        self.async_id.set(async_id);
        self.trigger_async_id.set(trigger);
        self.provider.set(async_wrap::provider_number(provider));
        let frame = scope.get_continuation_preserved_embedder_data();
        *self.frame.borrow_mut() = (!frame.is_undefined()).then(|| v8::Global::new(scope, frame));
        if scope.env().is_traced() {
            trace::resource_made(scope, async_id, provider, trigger);
        }
        async_wrap::emit_init(scope, async_id, provider, trigger, object);
    }

    /// Has the `destroy` hooks called, soon and once: nothing happens to the object any more.
    pub(crate) fn destroy(&self, scope: &mut Scope<'_, '_>) {
        if let Some(async_id) = self.take_id() {
            self.trace_end(&scope.env(), async_id);
            async_wrap::queue_destroy(scope, async_id);
        }
    }

    /// The same when the object was collected.
    pub(crate) fn collected(&self, env: &crate::environment::Environment) {
        if let Some(async_id) = self.take_id() {
            self.trace_end(env, async_id);
            async_wrap::collected(env, async_id);
        }
    }

    fn trace_end(&self, env: &crate::environment::Environment, async_id: f64) {
        if env.is_traced() {
            let provider = async_wrap::provider_name(self.provider.get());
            trace::resource_gone(env, async_id, provider);
        }
    }

    fn take_id(&self) -> Option<f64> {
        let async_id = self.async_id.replace(GONE);
        // Nobody is called in that context any more; it may hold much.
        drop(self.frame.take());
        (async_id > 0.0).then_some(async_id)
    }

    /// Whether it has ids.
    pub(crate) fn is_born(&self) -> bool {
        self.async_id.get() > 0.0
    }

    /// What it is, of `async_wrap.Providers`.
    pub(crate) fn provider(&self) -> u32 {
        self.provider.get()
    }

    /// The object's id.
    pub(crate) fn async_id(&self) -> f64 {
        self.async_id.get()
    }

    /// The id of what made it.
    pub(crate) fn trigger_async_id(&self) -> f64 {
        self.trigger_async_id.get()
    }

    pub(crate) fn frame(&self) -> Option<v8::Global<v8::Value>> {
        self.frame.borrow().clone()
    }
}

/// Whether a handle keeps the loop alive, and whether it is closed. An active handle with a reference does.
#[derive(Debug, Default)]
pub(crate) struct HandleState {
    active: Cell<bool>,
    unref: Cell<bool>,
    closed: Cell<bool>,
    /// Its close callback runs or has run.
    ended: Cell<bool>,
    /// Its close callback has run.
    gone: Cell<bool>,
    counted: Cell<bool>,
}

impl HandleState {
    /// Says whether the handle does something (reads, listens, waits…).
    pub(crate) fn set_active(&self, scope: &Scope<'_, '_>, on: bool) {
        self.active.set(on);
        self.count(scope);
    }

    /// `ref()` and `unref()`.
    pub(crate) fn set_ref(&self, scope: &Scope<'_, '_>, on: bool) {
        self.unref.set(!on);
        self.count(scope);
    }

    /// `hasRef()`. As in libuv, closing does not change it; having closed does.
    pub(crate) fn has_ref(&self) -> bool {
        !self.ended.get() && !self.unref.get()
    }

    /// Whether it is closed, or about to be.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Whether it does something.
    pub(crate) fn is_active(&self) -> bool {
        self.active.get() && !self.closed.get()
    }

    fn count(&self, scope: &Scope<'_, '_>) {
        let wanted = self.is_active() && !self.unref.get();
        if wanted == self.counted.replace(wanted) {
            return;
        }
        let env = scope.env();
        if wanted {
            env.event_loop().add_ref();
        } else {
            env.event_loop().remove_ref();
        }
    }
}

/// Base of all native objects with async ids.
pub(crate) static ASYNC_WRAP: Class = Class::new("AsyncWrap", not_constructible)
    .method("getAsyncId", get_async_id)
    .method("asyncReset", async_reset)
    .method("getProviderType", get_provider_type)
    .method("getAsyncContextFrameForDebuggingOnly", get_frame);

/// Base of all handles.
pub(crate) static HANDLE_WRAP: Class = Class::new("HandleWrap", not_constructible)
    .extends(&ASYNC_WRAP)
    .method("close", close)
    .method("hasRef", has_ref)
    .method("ref", add_ref)
    .method("unref", remove_ref);

fn not_constructible<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    crate::glue::illegal_constructor(scope, args)
}

fn get_async_id<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = native_ref(scope, args.this());
    let id = native
        .as_ref()
        .and_then(|native| native.async_info())
        .map_or(-1.0, AsyncInfo::async_id);
    Ok(id.into())
}

fn async_reset<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    if let Some(native) = native_ref(scope, this)
        && let Some(info) = native.async_info()
    {
        let provider = async_wrap::provider_name(info.provider.get());
        // A handle that is used again shows hooks another resource each time. Node: `AsyncWrap::AsyncReset`.
        let resource = Object::try_from(args.get(0)).unwrap_or(this);
        if resource != this {
            let symbol = scope.node_symbol("resource_symbol");
            let _set = this.set(scope, symbol.into(), resource.into());
        }
        info.reset(scope, resource, provider);
    }
    Ok(().into())
}

fn get_provider_type<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = native_ref(scope, args.this());
    Ok(native
        .as_ref()
        .and_then(|native| native.async_info())
        .map_or(0, |info| info.provider.get())
        .into())
}

fn get_frame<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = native_ref(scope, args.this());
    let frame = native
        .as_ref()
        .and_then(|native| native.async_info())
        .and_then(AsyncInfo::frame);
    Ok(frame.map_or(Return::Undefined, |frame| {
        Return::Value(v8::Local::new(scope, &frame))
    }))
}

/// `handle.close(callback)`: the callback runs in the closing phase.
fn close<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    close_handle(scope, args.this(), args.get(0));
    Ok(().into())
}

/// Closes a handle that is not closed; `callback`, if it is a function, runs in the closing phase.
pub(crate) fn close_handle<'s>(scope: &mut Scope<'s, '_>, this: Object<'s>, callback: Value<'s>) {
    let Some(native) = native_ref(scope, this) else {
        return;
    };
    let Some(handle) = native.handle() else {
        return;
    };
    if handle.closed.get() {
        return;
    }
    native.close(scope);
    handle.closed.set(true);
    handle.count(scope);
    if let Ok(callback) = v8::Local::<v8::Function>::try_from(callback) {
        let symbol = scope.node_symbol("handle_onclose");
        let _set = this.set(scope, symbol.into(), callback.into());
    }
    let env = scope.env();
    env.natives().keep(scope, this);
    let object = v8::Global::new(scope, this);
    env.event_loop()
        .on_close(move |scope| closed(scope, &object));
}

fn closed(scope: &mut Scope<'_, '_>, object: &v8::Global<v8::Object>) {
    let object = v8::Local::new(scope, object);
    let env = scope.env();
    env.natives().release(scope, object);
    let native = native_ref(scope, object);
    let handle = native.as_ref().and_then(|native| native.handle());
    if let Some(handle) = handle {
        handle.ended.set(true);
    }
    call_onclose(scope, object);
    if let Some(handle) = handle {
        handle.gone.set(true);
    }
    if let Some(info) = native.as_ref().and_then(|native| native.async_info()) {
        info.destroy(scope);
    }
}

/// Calls a request's function, after which the request is over: its `destroy` hooks follow. Node: `~ReqWrap`.
pub(crate) fn finish_request<'s>(
    scope: &mut Scope<'s, '_>,
    request: Object<'s>,
    name: &str,
    args: &[Value<'s>],
) {
    let native = native_ref(scope, request);
    let info = native.as_ref().and_then(|native| native.async_info());
    let context = info.map_or(CallContext::ROOT, CallContext::of);
    make_callback(scope, request, name, args, &context);
    if let Some(info) = info {
        info.destroy(scope);
    }
}

fn call_onclose<'s>(scope: &mut Scope<'s, '_>, object: Object<'s>) {
    let symbol: Value<'_> = scope.node_symbol("handle_onclose").into();
    let Some(callback) = object.get(scope, symbol) else {
        return;
    };
    let Ok(callback) = v8::Local::<v8::Function>::try_from(callback) else {
        return;
    };
    let context = native_ref(scope, object)
        .and_then(|native| native.async_info().map(CallContext::of))
        .unwrap_or(CallContext::ROOT);
    make_callback_in(scope, object, callback, &[], &context);
}

fn has_ref<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if !crate::glue::is_native(scope, args.this()) {
        return Err(crate::glue::Failure::illegal_invocation());
    }
    let native = native_ref(scope, args.this());
    Ok(native
        .as_ref()
        .and_then(|native| native.handle())
        .filter(|handle| !handle.gone.get())
        .map_or(Return::Undefined, |handle| handle.has_ref().into()))
}

fn add_ref<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    set_ref(scope, args, true)
}

fn remove_ref<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    set_ref(scope, args, false)
}

fn set_ref<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>, on: bool) -> BindingResult<'s> {
    if let Some(native) = native_ref(scope, args.this())
        && let Some(handle) = native.handle()
    {
        handle.set_ref(scope, on);
    }
    Ok(().into())
}
