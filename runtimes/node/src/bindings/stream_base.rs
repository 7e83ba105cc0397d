//! What streams share: `LibuvStreamWrap` over a kernel file. Node: `src/stream_base.cc`, `src/stream_wrap.cc`; libuv: src/unix/stream.c.
//!
//! [`StreamState`] belongs to a handle (`Pipe`, `TTY`, later `TCP`). Results of the last call lie in `streamBaseState`, as
//! `lib/internal/stream_base_commons.js` reads them. Writing tries at once; what finds no room waits in a queue for the file.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::poll::PollEvents;
use cenote_abi::socket::ShutdownHow;
use cenote_base::SysError;
use cenote_net::Socket;
use cenote_vfs::OpenFile;

use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo, HANDLE_WRAP};
use crate::event_loop::{CallContext, FileReady, WatchId, make_callback};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Return, Scope, ScopeExt, Value, attach,
    copy_bytes, illegal_constructor, js_string_bytes, native_ref, new_array_buffer, with_bytes_mut,
};

/// Bytes read at once.
const CHUNK: usize = 64 << 10;
/// libuv's end of file.
const UV_EOF: i32 = -4095;

const READ_BYTES_OR_ERROR: usize = 0;
const ARRAY_BUFFER_OFFSET: usize = 1;
const BYTES_WRITTEN: usize = 2;
const LAST_WRITE_WAS_ASYNC: usize = 3;

/// Something a request waits for, in order.
enum Pending {
    Write {
        bytes: Vec<u8>,
        done: usize,
        request: v8::Global<v8::Object>,
    },
    Shutdown {
        request: v8::Global<v8::Object>,
    },
}

/// The stream part of a handle.
#[derive(Default)]
pub(crate) struct StreamState {
    file: RefCell<Option<Arc<OpenFile>>>,
    fd: Cell<i32>,
    number: Cell<i32>,
    reading: Cell<Option<WatchId>>,
    writing: Cell<Option<WatchId>>,
    queue: RefCell<VecDeque<Pending>>,
    user_buffer: RefCell<Option<v8::Global<v8::Value>>>,
    bytes_read: Cell<u64>,
    bytes_written: Cell<u64>,
}

impl std::fmt::Debug for StreamState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "StreamState(fd {}, {} pending)",
            self.fd.get(),
            self.queue.borrow().len()
        )
    }
}

impl StreamState {
    /// A stream over nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            fd: Cell::new(-1),
            ..Self::default()
        }
    }

    /// Says which native object it is part of (the number [`attach`] gave).
    pub(crate) fn set_number(&self, number: i32) {
        self.number.set(number);
    }

    /// Puts the stream over a file. `fd` is the descriptor that shows it, −1 if there is none.
    pub(crate) fn open(&self, file: Arc<OpenFile>, fd: i32) {
        *self.file.borrow_mut() = Some(file);
        self.fd.set(fd);
    }

    /// The file.
    pub(crate) fn file(&self) -> Option<Arc<OpenFile>> {
        self.file.borrow().clone()
    }

    /// The descriptor, −1 if there is none.
    pub(crate) fn fd(&self) -> i32 {
        self.fd.get()
    }

    /// Lets go of the file; requests under way end with `ECANCELED`.
    pub(crate) fn close(&self, scope: &mut Scope<'_, '_>) {
        let env = scope.env();
        for watch in [self.reading.take(), self.writing.take()]
            .into_iter()
            .flatten()
        {
            env.event_loop().io().unwatch(watch);
        }
        let fd = self.fd.replace(-1);
        let file = self.file.borrow_mut().take();
        if fd > 2 {
            // The descriptor is the handle's own. 0 to 2 stay open, as libuv leaves them.
            if let Err(error) = cenote_kernel::syscall::close(env.task(), cenote_base::Fd::new(fd))
            {
                tracing::debug!(target: "cenote::node", fd, %error, "closing a stream");
            }
        }
        drop(file);
        let pending = std::mem::take(&mut *self.queue.borrow_mut());
        for waiting in pending {
            let (Pending::Write { request, .. } | Pending::Shutdown { request }) = waiting;
            let number = self.number.get();
            env.event_loop()
                .complete(move |scope| finish(scope, &request, number, -Errno::ECANCELED.raw()));
        }
    }
}

/// Tells a request how it went.
fn finish(scope: &mut Scope<'_, '_>, request: &v8::Global<v8::Object>, number: i32, status: i32) {
    let env = scope.env();
    env.event_loop().end_request();
    let request = v8::Local::new(scope, request);
    let stream = env
        .natives()
        .object(scope, number)
        .map_or_else(|| scope.undefined(), Into::into);
    let native = native_ref(scope, request);
    let context = native
        .as_ref()
        .and_then(|native| native.async_info())
        .map_or(CallContext::ROOT, CallContext::of);
    let args = [
        v8::Integer::new(scope, status).into(),
        stream,
        scope.undefined(),
    ];
    make_callback(scope, request, "oncomplete", &args, &context);
}

/// Base of `Pipe`, `TCP`, `TTY`.
pub(crate) static LIBUV_STREAM_WRAP: Class = Class::new("LibuvStreamWrap", illegal_constructor)
    .extends(&HANDLE_WRAP)
    .getter("writeQueueSize", write_queue_size)
    .getter("fd", fd)
    .getter("bytesRead", bytes_read)
    .getter("bytesWritten", bytes_written)
    .getter("_externalStream", external_stream)
    .getter("isStreamBase", is_stream_base)
    .partial_method(
        "setBlocking",
        set_blocking,
        "writing tries at once; what finds no room waits in the loop",
    )
    .method("readStart", read_start)
    .method("readStop", read_stop)
    .method("shutdown", shutdown)
    .method("useUserBuffer", use_user_buffer)
    .method("writev", writev)
    .method("writeBuffer", write_buffer)
    .method("writeAsciiString", write_latin1_string)
    .method("writeLatin1String", write_latin1_string)
    .method("writeUtf8String", write_utf8_string)
    .method("writeUcs2String", write_ucs2_string);

/// A request to write.
pub(crate) static WRITE_WRAP: Class = Class::new("WriteWrap", new_write_wrap).extends(&ASYNC_WRAP);
/// A request to end writing.
pub(crate) static SHUTDOWN_WRAP: Class =
    Class::new("ShutdownWrap", new_shutdown_wrap).extends(&ASYNC_WRAP);

/// What stands behind a plain request object.
pub(crate) struct RequestWrap {
    info: AsyncInfo,
}

impl Native for RequestWrap {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

/// Makes a request object of this provider.
pub(crate) fn new_request_wrap<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    provider: &'static str,
) -> BindingResult<'s> {
    let this = args.this();
    let info = AsyncInfo::new(scope, this, provider);
    attach(scope, this, Rc::new(RequestWrap { info }));
    Ok(().into())
}

fn new_write_wrap<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    new_request_wrap(scope, args, "WRITEWRAP")
}

fn new_shutdown_wrap<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    new_request_wrap(scope, args, "SHUTDOWNWRAP")
}

fn native<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Rc<dyn Native>, Failure> {
    native_ref(scope, args.this())
        .filter(|native| native.stream().is_some())
        .ok_or_else(|| Failure::type_error("ERR_INVALID_THIS", "Illegal invocation"))
}

/// The stream behind the receiver.
fn with_stream<'s, R>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    look: impl FnOnce(&StreamState) -> R,
) -> Result<R, Failure> {
    let native = native(scope, args)?;
    native.stream().map(look).ok_or(Failure::Pending)
}

fn set_state(scope: &mut Scope<'_, '_>, index: usize, value: f64) -> Result<(), Failure> {
    scope
        .env()
        .field(scope, "stream_wrap", "streamBaseState")?
        .set(index, value);
    Ok(())
}

fn write_queue_size<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let waiting = with_stream(scope, args, |stream| {
        stream
            .queue
            .borrow()
            .iter()
            .map(|pending| match pending {
                Pending::Write { bytes, done, .. } => bytes.len() - done,
                Pending::Shutdown { .. } => 0,
            })
            .sum::<usize>()
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a size fits a double")]
    Ok((waiting as f64).into())
}

fn fd<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    // A prototype is no stream; reading the property there is no error.
    Ok(with_stream(scope, args, StreamState::fd)
        .unwrap_or(-1)
        .into())
}

#[expect(clippy::cast_precision_loss, reason = "a count fits a double")]
fn bytes_read<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(
        with_stream(scope, args, |stream| stream.bytes_read.get() as f64)
            .map_or(Return::Undefined, Into::into),
    )
}

#[expect(clippy::cast_precision_loss, reason = "a count fits a double")]
fn bytes_written<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(
        with_stream(scope, args, |stream| stream.bytes_written.get() as f64)
            .map_or(Return::Undefined, Into::into),
    )
}

/// A pointer in Node, for native code to find the stream by. Native code finds it by the object here.
fn external_stream<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(().into())
}

fn is_stream_base<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(true.into())
}

fn set_blocking<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(0.into())
}

fn use_user_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let buffer = v8::Global::new(scope, args.get(0));
    with_stream(scope, args, |stream| {
        *stream.user_buffer.borrow_mut() = Some(buffer)
    })?;
    Ok(0.into())
}

/// Whether anything is under way, which is what keeps the loop alive.
fn update_activity(scope: &Scope<'_, '_>, native: &Rc<dyn Native>) {
    if let (Some(handle), Some(stream)) = (native.handle(), native.stream()) {
        handle.set_active(scope, stream.reading.get().is_some());
    }
}

fn read_start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = native(scope, args)?;
    let Some(stream) = native.stream() else {
        return Err(Failure::Pending);
    };
    let Some(file) = stream.file() else {
        return Ok((-Errno::EBADF.raw()).into());
    };
    if stream.reading.get().is_some() {
        return Ok(0.into());
    }
    let env = scope.env();
    env.natives().keep(scope, args.this());
    let number = stream.number.get();
    let ready = Rc::new(FileReady {
        file,
        wanted: PollEvents::READABLE,
    });
    let watch = env
        .event_loop()
        .io()
        .watch(ready, move |scope| on_readable(scope, number));
    stream.reading.set(Some(watch));
    update_activity(scope, &native);
    Ok(0.into())
}

fn stop_reading(scope: &Scope<'_, '_>, object: Object<'_>, native: &Rc<dyn Native>) {
    let Some(stream) = native.stream() else {
        return;
    };
    if let Some(watch) = stream.reading.take() {
        scope.env().event_loop().io().unwatch(watch);
    }
    update_activity(scope, native);
    if stream.writing.get().is_none() {
        scope.env().natives().release(scope, object);
    }
}

fn read_stop<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = native(scope, args)?;
    stop_reading(scope, args.this(), &native);
    Ok(0.into())
}

/// Reads once and hands it to `onread`.
fn on_readable(scope: &mut Scope<'_, '_>, number: i32) {
    let env = scope.env();
    let Some(object) = env.natives().object(scope, number) else {
        return;
    };
    let Some(native) = native_ref(scope, object) else {
        return;
    };
    let Some(stream) = native.stream() else {
        return;
    };
    let Some(file) = stream.file() else { return };
    let user_buffer = stream
        .user_buffer
        .borrow()
        .as_ref()
        .map(|buffer| v8::Local::new(scope, buffer));
    let (outcome, value): (Result<usize, SysError>, Value<'_>) = match user_buffer {
        Some(buffer) => (
            with_bytes_mut(buffer, |bytes| file.read(bytes)).unwrap_or(Err(Errno::EINVAL.into())),
            scope.undefined(),
        ),
        None => {
            let mut chunk = vec![0; CHUNK];
            let outcome = file.read(&mut chunk);
            let value = match outcome {
                Ok(count @ 1..) => {
                    chunk.truncate(count);
                    chunk.shrink_to_fit();
                    new_array_buffer(scope, chunk).into()
                }
                _ => scope.undefined(),
            };
            (outcome, value)
        }
    };
    let status = match outcome {
        Ok(0) => UV_EOF,
        Ok(count) => {
            stream
                .bytes_read
                .set(stream.bytes_read.get() + count as u64);
            i32::try_from(count).unwrap_or(i32::MAX)
        }
        Err(error) if error.errno() == Errno::EAGAIN => return,
        Err(error) => -error.errno().raw(),
    };
    if status < 0 {
        stop_reading(scope, object, &native);
    }
    if set_state(scope, READ_BYTES_OR_ERROR, f64::from(status))
        .and_then(|()| set_state(scope, ARRAY_BUFFER_OFFSET, 0.0))
        .is_err()
    {
        return;
    }
    let context = native
        .async_info()
        .map_or(CallContext::ROOT, CallContext::of);
    let Ok(onread) = scope.get_property(object, "onread") else {
        return;
    };
    let Ok(onread) = v8::Local::<v8::Function>::try_from(onread) else {
        return;
    };
    let answer = crate::event_loop::make_callback_in(scope, object, onread, &[value], &context);
    if let (Some(answer), true) = (answer, user_buffer.is_some())
        && answer.is_array_buffer_view()
    {
        *stream.user_buffer.borrow_mut() = Some(v8::Global::new(scope, answer));
    }
}

fn write_bytes<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    bytes: Vec<u8>,
) -> BindingResult<'s> {
    let request = args.object(0)?;
    let native = native(scope, args)?;
    let Some(stream) = native.stream() else {
        return Err(Failure::Pending);
    };
    let total = bytes.len();
    #[expect(clippy::cast_precision_loss, reason = "a size fits a double")]
    set_state(scope, BYTES_WRITTEN, total as f64)?;
    set_state(scope, LAST_WRITE_WAS_ASYNC, 0.0)?;
    let Some(file) = stream.file() else {
        return Ok((-Errno::EBADF.raw()).into());
    };
    let mut done = 0;
    if stream.queue.borrow().is_empty() {
        match write_some(&file, &bytes) {
            Ok(count) => done = count,
            Err(error) => return Ok((-error.errno().raw()).into()),
        }
    }
    stream
        .bytes_written
        .set(stream.bytes_written.get() + total as u64);
    if done == total {
        return Ok(0.into());
    }
    set_state(scope, LAST_WRITE_WAS_ASYNC, 1.0)?;
    let request = v8::Global::new(scope, request);
    push(
        scope,
        args.this(),
        stream,
        &file,
        Pending::Write {
            bytes,
            done,
            request,
        },
    );
    Ok(0.into())
}

/// Writes until the file has no room; how much.
fn write_some(file: &OpenFile, bytes: &[u8]) -> Result<usize, SysError> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write(bytes.get(done..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.errno() == Errno::EAGAIN => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

fn push(
    scope: &Scope<'_, '_>,
    object: Object<'_>,
    stream: &StreamState,
    file: &Arc<OpenFile>,
    pending: Pending,
) {
    let env = scope.env();
    env.event_loop().begin_request();
    stream.queue.borrow_mut().push_back(pending);
    if stream.writing.get().is_none() {
        env.natives().keep(scope, object);
        let number = stream.number.get();
        let ready = Rc::new(FileReady {
            file: Arc::clone(file),
            wanted: PollEvents::WRITABLE,
        });
        let watch = env
            .event_loop()
            .io()
            .watch(ready, move |scope| on_writable(scope, number));
        stream.writing.set(Some(watch));
    }
}

/// Goes on with the first request in the queue.
fn on_writable(scope: &mut Scope<'_, '_>, number: i32) {
    let env = scope.env();
    let Some(object) = env.natives().object(scope, number) else {
        return;
    };
    let Some(native) = native_ref(scope, object) else {
        return;
    };
    let Some(stream) = native.stream() else {
        return;
    };
    let Some(file) = stream.file() else { return };
    let first = stream.queue.borrow_mut().pop_front();
    let (request, status) = match first {
        Some(Pending::Write {
            bytes,
            mut done,
            request,
        }) => match write_some(&file, bytes.get(done..).unwrap_or_default()) {
            Ok(count) => {
                done += count;
                if done < bytes.len() {
                    stream.queue.borrow_mut().push_front(Pending::Write {
                        bytes,
                        done,
                        request,
                    });
                    return;
                }
                (request, 0)
            }
            Err(error) => (request, -error.errno().raw()),
        },
        Some(Pending::Shutdown { request }) => (request, end_writing(&file)),
        None => return,
    };
    if stream.queue.borrow().is_empty() {
        if let Some(watch) = stream.writing.take() {
            env.event_loop().io().unwatch(watch);
        }
        if stream.reading.get().is_none() {
            env.natives().release(scope, object);
        }
    }
    finish(scope, &request, number, status);
}

/// Ends the writing side: a socket's; anything else has none of its own.
fn end_writing(file: &OpenFile) -> i32 {
    match file
        .downcast::<Socket>()
        .map(|socket| socket.shutdown(ShutdownHow::Write))
    {
        None | Some(Ok(())) => 0,
        Some(Err(error)) => -error.errno().raw(),
    }
}

fn shutdown<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let request = v8::Global::new(scope, args.object(0)?);
    let native = native(scope, args)?;
    let Some(stream) = native.stream() else {
        return Err(Failure::Pending);
    };
    let Some(file) = stream.file() else {
        return Ok((-Errno::ENOTCONN.raw()).into());
    };
    push(
        scope,
        args.this(),
        stream,
        &file,
        Pending::Shutdown { request },
    );
    Ok(0.into())
}

fn write_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let bytes = copy_bytes(args.get(1)).ok_or_else(|| {
        Failure::type_error("ERR_INVALID_ARG_TYPE", "Second argument must be a buffer")
    })?;
    write_bytes(scope, args, bytes)
}

fn write_utf8_string<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let bytes = js_string_bytes(scope, args.string(1)?);
    write_bytes(scope, args, bytes)
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
    write_bytes(scope, args, bytes)
}

fn write_ucs2_string<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let bytes = ucs2(scope, args.string(1)?);
    write_bytes(scope, args, bytes)
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
                    _ => bytes.extend(super::fs::encode(scope, string, encoding)?),
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
    write_bytes(scope, args, bytes)
}
