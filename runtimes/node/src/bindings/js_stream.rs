//! `internalBinding('js_stream')`: a stream whose work JavaScript does, for native code that wants a stream (TLS over any `Duplex`).
//! Node: `src/js_stream.cc`.

use std::rc::Rc;

use cenote_abi::Errno;

use super::stream_base::{
    RequestWrap, SHUTDOWN_WRAP, StreamCore, StreamRead, StreamRequest, StreamResource, UV_EOF,
    WRITE_WRAP, Write, Wrote, with_stream_methods,
};
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo};
use crate::event_loop::{CallContext, make_callback_in};
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Scope, ScopeExt, Value, attach,
    copy_bytes, native_of, native_ref, new_node_buffer,
};

pub(super) const BINDING: Binding = Binding::new("js_stream").class(&JS_STREAM);

static JS_STREAM: Class = with_stream_methods(
    Class::new("JSStream", new_js_stream)
        .extends(&ASYNC_WRAP)
        .method("finishWrite", finish_request)
        .method("finishShutdown", finish_request)
        .method("readBuffer", read_buffer)
        .method("emitEOF", emit_eof),
);

struct JsStream {
    info: AsyncInfo,
    core: StreamCore,
}

impl Native for JsStream {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn stream(&self) -> Option<&dyn StreamResource> {
        Some(self)
    }
}

fn new_js_stream<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let stream = Rc::new(JsStream {
        info: AsyncInfo::new(scope, this, "JSSTREAM"),
        core: StreamCore::default(),
    });
    let number = attach(scope, this, Rc::clone(&stream));
    stream.core.set_number(number);
    Ok(().into())
}

impl JsStream {
    /// Calls a method of the JavaScript object, which answers an error number.
    fn call<'s>(&self, scope: &mut Scope<'s, '_>, name: &str, args: &[Value<'s>]) -> i32 {
        self.call_for_value(scope, name, args)
            .and_then(|answer| answer.int32_value(scope))
            .unwrap_or(-Errno::EPROTO.raw())
    }

    fn call_for_value<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        name: &str,
        args: &[Value<'s>],
    ) -> Option<Value<'s>> {
        let object = self.core.object(scope)?;
        let function = scope.get_property(object, name).ok()?;
        let function = v8::Local::<v8::Function>::try_from(function).ok()?;
        let context = CallContext::of(&self.info);
        make_callback_in(scope, object, function, args, &context)
    }
}

impl StreamResource for JsStream {
    fn core(&self) -> &StreamCore {
        &self.core
    }

    fn read_start(&self, scope: &mut Scope<'_, '_>) -> i32 {
        v8::scope!(let scope, scope);
        self.call(scope, "onreadstart", &[])
    }

    fn read_stop(&self, scope: &mut Scope<'_, '_>) -> i32 {
        v8::scope!(let scope, scope);
        self.call(scope, "onreadstop", &[])
    }

    fn write(&self, scope: &mut Scope<'_, '_>, write: Write) -> Result<Wrote, i32> {
        v8::scope!(let scope, scope);
        let failed = -Errno::EPROTO.raw();
        let request = write
            .request
            .into_object(scope, &WRITE_WRAP)
            .ok_or(failed)?;
        let bytes = new_node_buffer(scope, write.bytes).ok_or(failed)?;
        let buffers = scope.array(&[bytes.into()]);
        let status = self.call(scope, "onwrite", &[request.into(), buffers.into()]);
        if status == 0 {
            return Ok(Wrote::Later);
        }
        if let Some(wrap) = native_of::<RequestWrap>(scope, request) {
            drop(wrap.take());
        }
        Err(status)
    }

    fn shutdown(&self, scope: &mut Scope<'_, '_>, request: StreamRequest) -> i32 {
        v8::scope!(let scope, scope);
        let Some(object) = request.into_object(scope, &SHUTDOWN_WRAP) else {
            return -Errno::EPROTO.raw();
        };
        let status = self.call(scope, "onshutdown", &[object.into()]);
        if status != 0
            && let Some(wrap) = native_of::<RequestWrap>(scope, object)
        {
            drop(wrap.take());
        }
        status
    }
}

/// `finishWrite(request, status)`, `finishShutdown(request, status)`.
fn finish_request<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let object = args.object(0)?;
    let status = args.i32(scope, 1)?;
    let wrap = native_of::<RequestWrap>(scope, object)
        .ok_or_else(|| Failure::type_error("ERR_INVALID_ARG_TYPE", "Not a stream request"))?;
    if let Some(request) = wrap.take() {
        request.finish(scope, status);
    }
    Ok(().into())
}

/// Bytes that came, to whoever listens.
fn read_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<JsStream>(scope)?;
    let bytes = copy_bytes(args.get(0))
        .ok_or_else(|| Failure::type_error("ERR_INVALID_ARG_TYPE", "The chunk must be a buffer"))?;
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        // A listener may go away, or change what it takes at once.
        let Some(native) = native_ref(scope, args.this()) else {
            break;
        };
        let Some(stream) = native.stream() else { break };
        let (now, later) = rest.split_at(rest.len().min(stream.core().chunk().max(1)));
        rest = later;
        stream
            .core()
            .emit_read(scope, StreamRead::Bytes(now.to_vec()));
    }
    Ok(().into())
}

fn emit_eof<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let stream = args.native::<JsStream>(scope)?;
    stream.core.emit_read(scope, StreamRead::Failed(UV_EOF));
    Ok(().into())
}
