//! What JavaScript calls on any stream: `readStart`, `writev`, `shutdown`… over a [`StreamResource`]. Node: `StreamBase::AddMethods`.

use std::rc::Rc;

use cenote_abi::Errno;

use super::emit::{set_state, set_user_buffer};
use super::request::{StreamRequest, begin_request};
use super::resource::{StreamResource, Write, Wrote};
use crate::event_loop::handles::HANDLE_WRAP;
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Return, Scope, ScopeExt, copy_bytes,
    external, illegal_constructor, is_native, js_string_bytes, native_ref,
};

const BYTES_WRITTEN: usize = 2;
const LAST_WRITE_WAS_ASYNC: usize = 3;

/// Gives a class the methods of a stream.
pub(crate) const fn with_stream_methods(class: Class) -> Class {
    class
        .getter("fd", fd)
        .getter("bytesRead", bytes_read)
        .getter("bytesWritten", bytes_written)
        .getter("_externalStream", external_stream)
        .flag("isStreamBase")
        .method("readStart", read_start)
        .method("readStop", read_stop)
        .method("shutdown", shutdown)
        .method("useUserBuffer", use_user_buffer)
        .method("writev", writev)
        .method("writeBuffer", write_buffer)
        .method("writeAsciiString", write_latin1_string)
        .method("writeLatin1String", write_latin1_string)
        .method("writeUtf8String", write_utf8_string)
        .method("writeUcs2String", write_ucs2_string)
}

/// Base of `Pipe`, `TCP`, `TTY`.
pub(crate) static LIBUV_STREAM_WRAP: Class = with_stream_methods(
    Class::new("LibuvStreamWrap", illegal_constructor)
        .extends(&HANDLE_WRAP)
        .getter("writeQueueSize", write_queue_size)
        .shown()
        .partial_method(
            "setBlocking",
            set_blocking,
            "writing tries at once; what finds no room waits in the loop",
        ),
);

fn native<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Rc<dyn Native>, Failure> {
    native_ref(scope, args.this())
        .filter(|native| native.stream().is_some())
        .ok_or_else(Failure::illegal_invocation)
}

/// The stream behind the receiver.
fn with_stream<'s, R>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    look: impl FnOnce(&mut Scope<'s, '_>, &dyn StreamResource) -> R,
) -> Result<R, Failure> {
    let native = native(scope, args)?;
    let stream = native.stream().ok_or(Failure::Pending)?;
    Ok(look(scope, stream))
}

/// A getter's value; `undefined` once the stream behind the receiver is gone.
fn look<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    look: impl FnOnce(&dyn StreamResource) -> Return<'s>,
) -> BindingResult<'s> {
    match with_stream(scope, args, |_, stream| look(stream)) {
        Err(_) if is_native(scope, args.this()) => Ok(Return::Undefined),
        found => found,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a size fits a double")]
fn write_queue_size<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    look(scope, args, |stream| (stream.queued() as f64).into())
}

fn fd<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    look(scope, args, |stream| stream.fd().into())
}

#[expect(clippy::cast_precision_loss, reason = "a count fits a double")]
fn bytes_read<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    look(scope, args, |stream| {
        (stream.core().bytes_read.get() as f64).into()
    })
}

#[expect(clippy::cast_precision_loss, reason = "a count fits a double")]
fn bytes_written<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    look(scope, args, |stream| {
        (stream.core().bytes_written.get() as f64).into()
    })
}

/// A pointer in Node, for native code to find the stream by. Native code finds it by the object here, and no address is a guest's business.
fn external_stream<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    external(scope, args.this())
}

fn set_blocking<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let is_blocking = args.bool(scope, 0);
    let alive = with_stream(scope, args, |_, stream| stream.set_blocking(is_blocking))?;
    Ok(if alive { 0 } else { -Errno::EBADF.raw() }.into())
}

fn use_user_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let buffer = args.get(0);
    with_stream(scope, args, |scope, stream| {
        set_user_buffer(scope, stream.core(), buffer);
    })?;
    Ok(0.into())
}

fn read_start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(with_stream(scope, args, |scope, stream| stream.read_start(scope))?.into())
}

fn read_stop<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(with_stream(scope, args, |scope, stream| stream.read_stop(scope))?.into())
}

fn shutdown<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let object = args.object(0)?;
    let native = native(scope, args)?;
    let stream = native.stream().ok_or(Failure::Pending)?;
    begin_request(scope, object, native.async_info());
    let request = StreamRequest::of_object(scope, object, stream.core());
    let status = stream.shutdown(scope, request);
    tell_error(scope, object, stream);
    Ok(status.into())
}

/// Puts the resource's own words about what went wrong on the request.
fn tell_error<'s>(scope: &Scope<'s, '_>, object: Object<'s>, stream: &dyn StreamResource) {
    if let Some(error) = stream.take_error() {
        scope.set(object, "error", scope.text(&error).into());
    }
}

fn write_bytes<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    bytes: Vec<u8>,
    handle: Option<Object<'s>>,
) -> BindingResult<'s> {
    let object = args.object(0)?;
    let native = native(scope, args)?;
    let stream = native.stream().ok_or(Failure::Pending)?;
    let total = bytes.len();
    if !stream.is_alive() {
        return Ok((-Errno::EBADF.raw()).into());
    }
    let core = stream.core();
    core.bytes_written
        .set(core.bytes_written.get().saturating_add(total as u64));
    if let Some(handle) = handle {
        // Holds on to the handle until the request is done.
        scope.set(object, "handle", handle.into());
    }
    let write = Write {
        bytes,
        handle: handle.map(|handle| v8::Global::new(scope, handle)),
        request: StreamRequest::of_object(scope, object, core),
    };
    let outcome = stream.write(scope, write);
    tell_error(scope, object, stream);
    #[expect(clippy::cast_precision_loss, reason = "a size fits a double")]
    set_state(scope, BYTES_WRITTEN, total as f64)?;
    let was_async = outcome == Ok(Wrote::Later);
    if was_async {
        begin_request(scope, object, native.async_info());
    }
    set_state(scope, LAST_WRITE_WAS_ASYNC, f64::from(u8::from(was_async)))?;
    Ok(outcome.err().unwrap_or(0).into())
}

fn write_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let bytes = copy_bytes(args.get(1)).ok_or_else(|| {
        Failure::type_error("ERR_INVALID_ARG_TYPE", "Second argument must be a buffer")
    })?;
    write_bytes(scope, args, bytes, handle_of(args))
}

/// The handle that goes along.
fn handle_of<'s>(args: &Args<'s>) -> Option<Object<'s>> {
    Object::try_from(args.get(2)).ok()
}

fn write_utf8_string<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let bytes = js_string_bytes(scope, args.string(1)?);
    write_bytes(scope, args, bytes, handle_of(args))
}

fn units(scope: &Scope<'_, '_>, string: v8::Local<'_, v8::String>) -> Vec<u16> {
    let mut units = vec![0; string.length()];
    string.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
    units
}

fn latin1(scope: &Scope<'_, '_>, string: v8::Local<'_, v8::String>) -> Vec<u8> {
    // The low byte of each unit, as V8's `WriteOneByte`.
    units(scope, string)
        .into_iter()
        .map(|unit| unit.to_le_bytes()[0])
        .collect()
}

fn ucs2(scope: &Scope<'_, '_>, string: v8::Local<'_, v8::String>) -> Vec<u8> {
    units(scope, string)
        .into_iter()
        .flat_map(u16::to_le_bytes)
        .collect()
}

fn write_latin1_string<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let bytes = latin1(scope, args.string(1)?);
    write_bytes(scope, args, bytes, handle_of(args))
}

fn write_ucs2_string<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let bytes = ucs2(scope, args.string(1)?);
    write_bytes(scope, args, bytes, handle_of(args))
}

/// `writev(req, chunks, allBuffers)`: buffers, or strings and their encodings by turns.
fn writev<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let chunks = args.array(1)?;
    let all_buffers = args.bool(scope, 2);
    let mut bytes = Vec::new();
    let step = if all_buffers { 1 } else { 2 };
    for index in (0..chunks.length()).step_by(step) {
        let chunk = chunks.get_index(scope, index).ok_or(Failure::Pending)?;
        match v8::Local::<v8::String>::try_from(chunk) {
            Ok(string) => {
                let encoding = chunks.get_index(scope, index + 1).ok_or(Failure::Pending)?;
                match encoding
                    .to_rust_string_lossy(scope)
                    .to_ascii_lowercase()
                    .as_str()
                {
                    "latin1" | "binary" | "ascii" => bytes.extend(latin1(scope, string)),
                    "ucs2" | "ucs-2" | "utf16le" | "utf-16le" => bytes.extend(ucs2(scope, string)),
                    _ => bytes.extend(crate::bindings::fs::encode(scope, string, encoding)?),
                }
            }
            Err(_) => {
                let part = copy_bytes(chunk).ok_or_else(|| {
                    Failure::type_error("ERR_INVALID_ARG_TYPE", "Chunks must be strings or buffers")
                })?;
                bytes.extend(part);
            }
        }
    }
    write_bytes(scope, args, bytes, None)
}
