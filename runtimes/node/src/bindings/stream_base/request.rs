//! Who wants to know when a write or shutdown is done: [`StreamRequest`]; and the request objects of JavaScript.

use std::cell::RefCell;
use std::rc::Rc;

use super::resource::StreamCore;
use crate::bindings::async_wrap::with_default_trigger;
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo, finish_request};
use crate::glue::{
    Args, BindingResult, Class, Native, Object, Scope, ScopeExt, attach, native_of, native_ref,
    new_instance,
};

type Done = Box<dyn for<'s, 'i> FnOnce(&mut Scope<'s, 'i>, i32)>;

/// Who wants to know when a write or shutdown is done. Told once, with 0 or a negative error number.
pub(crate) struct StreamRequest {
    object: Option<v8::Global<v8::Object>>,
    done: Done,
}

impl std::fmt::Debug for StreamRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StreamRequest")
    }
}

impl StreamRequest {
    /// Native code.
    pub(crate) fn native(done: impl for<'s, 'i> FnOnce(&mut Scope<'s, 'i>, i32) + 'static) -> Self {
        Self {
            object: None,
            done: Box::new(done),
        }
    }

    /// A request object of JavaScript's: `oncomplete(status, stream)`; `request.error` is what went wrong, in words.
    pub(crate) fn of_object(scope: &Scope<'_, '_>, object: Object<'_>, core: &StreamCore) -> Self {
        let kept = v8::Global::new(scope, object);
        let number = core.number();
        let request = kept.clone();
        Self {
            object: Some(kept),
            done: Box::new(move |scope, status| tell(scope, &request, number, status)),
        }
    }

    /// Tells.
    pub(crate) fn finish(self, scope: &mut Scope<'_, '_>, status: i32) {
        (self.done)(scope, status);
    }

    /// Puts the request behind a request object that JavaScript finishes later (`JSStream`): its own, or a new one of `class`. Take
    /// it back with [`RequestWrap::take`].
    pub(crate) fn into_object<'s>(
        self,
        scope: &mut Scope<'s, '_>,
        class: &'static Class,
    ) -> Option<Object<'s>> {
        let object = match &self.object {
            Some(object) => v8::Local::new(scope, object),
            None => {
                let object = new_instance(scope, class, &[]).ok()?;
                begin_request(scope, object, None);
                object
            }
        };
        let wrap = native_of::<RequestWrap>(scope, object)?;
        *wrap.request.borrow_mut() = Some(self);
        Some(object)
    }
}

/// Calls `oncomplete`.
fn tell(scope: &mut Scope<'_, '_>, request: &v8::Global<v8::Object>, number: i32, status: i32) {
    let env = scope.env();
    let request = v8::Local::new(scope, request);
    let stream = env.natives().object(scope, number);
    let error = stream
        .and_then(|stream| native_ref(scope, stream))
        .and_then(|native| native.stream().and_then(|stream| stream.take_error()));
    if let Some(error) = error {
        scope.set(request, "error", scope.text(&error).into());
    }
    let stream = stream.map_or_else(|| scope.undefined(), Into::into);
    let args = [
        v8::Integer::new(scope, status).into(),
        stream,
        scope.undefined(),
    ];
    finish_request(scope, request, "oncomplete", &args);
}

/// What stands behind a plain request object.
pub(crate) struct RequestWrap {
    info: AsyncInfo,
    provider: &'static str,
    request: RefCell<Option<StreamRequest>>,
}

impl RequestWrap {
    /// The request that waits behind the object, once.
    pub(crate) fn take(&self) -> Option<StreamRequest> {
        self.request.borrow_mut().take()
    }
}

impl Native for RequestWrap {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

/// The request object is in use from now on: it gets its async ids, triggered by those of `owner`.
pub(crate) fn begin_request<'s>(
    scope: &mut Scope<'s, '_>,
    request: Object<'s>,
    owner: Option<&AsyncInfo>,
) {
    let Some(wrap) = native_of::<RequestWrap>(scope, request) else {
        return;
    };
    match owner.filter(|owner| owner.is_born()) {
        Some(owner) => with_default_trigger(scope, owner.async_id(), |scope| {
            wrap.info.reset(scope, request, wrap.provider);
        }),
        None => wrap.info.reset(scope, request, wrap.provider),
    }
}

/// Makes a request object of this provider, to be [begun](begin_request).
pub(crate) fn new_request_wrap<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    provider: &'static str,
) -> BindingResult<'s> {
    let this = args.this();
    let wrap = RequestWrap {
        info: AsyncInfo::unborn(),
        provider,
        request: RefCell::default(),
    };
    attach(scope, this, Rc::new(wrap));
    Ok(().into())
}

/// A request to write.
pub(crate) static WRITE_WRAP: Class = Class::new("WriteWrap", new_write_wrap).extends(&ASYNC_WRAP);
/// A request to end writing.
pub(crate) static SHUTDOWN_WRAP: Class =
    Class::new("ShutdownWrap", new_shutdown_wrap).extends(&ASYNC_WRAP);

fn new_write_wrap<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    new_request_wrap(scope, args, "WRITEWRAP")
}

fn new_shutdown_wrap<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    new_request_wrap(scope, args, "SHUTDOWNWRAP")
}
