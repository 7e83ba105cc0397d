//! [`KernelStream`]: a stream over a file of the kernel, as libuv's `uv_stream_t`. Under `Pipe`, `TCP` and `TTY`.
//!
//! Writing tries at once; what finds no room waits in a queue for the file. A request under way keeps the loop alive, a handle does
//! while it reads or listens.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::rc::Rc;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::poll::PollEvents;
use cenote_abi::socket::{MessageFlags, PeerCredentials, ShutdownHow};
use cenote_base::wait::block_on;
use cenote_base::{Fd, SysError, WaitQueue};
use cenote_kernel::syscall;
use cenote_net::{Outgoing, Socket};
use cenote_vfs::OpenFile;

use super::request::StreamRequest;
use super::resource::{StreamCore, StreamRead, StreamResource, UV_EOF, Write, Wrote};
use crate::bindings::{connection, passing};
use crate::event_loop::{FileReady, Readiness, WatchId};
use crate::glue::{Native, Scope, ScopeExt, native_ref};

/// Requests finished in one turn before others get theirs: libuv's count.
const MAX_FINISHED: usize = 32;

/// Something a request waits for, in order.
enum Pending {
    Write {
        bytes: Vec<u8>,
        done: usize,
        /// A file that goes along with the first byte.
        right: Option<Arc<OpenFile>>,
        request: StreamRequest,
    },
    Shutdown {
        request: StreamRequest,
    },
}

/// Ready when the file takes bytes, or when what comes next needs no room.
struct QueueReady {
    file: Arc<OpenFile>,
    needs_no_room: Rc<Cell<bool>>,
    is_connecting: Rc<Cell<bool>>,
}

impl Readiness for QueueReady {
    fn is_ready(&self) -> bool {
        if self.is_connecting.get() {
            return false;
        }
        self.needs_no_room.get()
            || self
                .file
                .poll()
                .intersects(PollEvents::WRITABLE | PollEvents::ALWAYS | PollEvents::POLLNVAL)
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        self.file.wait_queue()
    }
}

/// The stream part of a handle.
pub(crate) struct KernelStream {
    core: StreamCore,
    file: RefCell<Option<Arc<OpenFile>>>,
    fd: Cell<i32>,
    reading: Cell<Option<WatchId>>,
    listening: Cell<Option<WatchId>>,
    writing: Cell<Option<WatchId>>,
    queue: RefCell<VecDeque<Pending>>,
    needs_no_room: Rc<Cell<bool>>,
    connecting: RefCell<Option<(WatchId, v8::Global<v8::Object>)>>,
    is_connecting: Rc<Cell<bool>>,
    /// What its connecting is called in a trace.
    traced_connect: Cell<Option<u64>>,
    is_shut: Cell<bool>,
    /// Made here and not connected: reading cannot begin. A descriptor from elsewhere is taken at its word, as libuv does.
    awaits_connection: Cell<bool>,
    /// Writing waits for room.
    is_blocking: Cell<bool>,
    /// Handles travel over it.
    is_ipc: bool,
}

impl std::fmt::Debug for KernelStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "KernelStream(fd {}, {} pending)",
            self.fd.get(),
            self.queue.borrow().len()
        )
    }
}

impl KernelStream {
    /// A stream over nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            core: StreamCore::default(),
            file: RefCell::default(),
            fd: Cell::new(-1),
            reading: Cell::new(None),
            listening: Cell::new(None),
            writing: Cell::new(None),
            queue: RefCell::default(),
            needs_no_room: Rc::default(),
            connecting: RefCell::default(),
            is_connecting: Rc::default(),
            traced_connect: Cell::default(),
            is_shut: Cell::new(false),
            awaits_connection: Cell::new(false),
            is_blocking: Cell::new(false),
            is_ipc: false,
        }
    }

    /// The same, for a channel that handles travel over.
    pub(crate) fn for_ipc() -> Self {
        Self {
            is_ipc: true,
            ..Self::new()
        }
    }

    /// Puts the stream over a file. `fd` is the descriptor that shows it, −1 if there is none. The JavaScript object stays until
    /// the handle is closed.
    pub(crate) fn open(&self, scope: &Scope<'_, '_>, file: Arc<OpenFile>, fd: i32) {
        *self.file.borrow_mut() = Some(file);
        self.fd.set(fd);
        if let Some(object) = self.core.object(scope) {
            scope.env().natives().keep(scope, object);
        }
    }

    /// Says that the socket was made here and is not connected yet.
    pub(crate) fn await_connection(&self) {
        self.awaits_connection.set(true);
    }

    /// The socket, if that is what it is over.
    pub(crate) fn with_socket<R>(&self, look: impl FnOnce(&Socket) -> R) -> Option<R> {
        let file = self.file.borrow().clone()?;
        file.downcast::<Socket>().map(look)
    }

    /// Calls `callback` while a connection waits to be accepted.
    pub(crate) fn listen(
        &self,
        scope: &Scope<'_, '_>,
        callback: impl for<'s, 'i> Fn(&mut Scope<'s, 'i>, i32) + 'static,
    ) {
        let Some(file) = self.file() else { return };
        let io = scope.env();
        let io = io.event_loop().io();
        let number = self.core.number();
        let ready = Rc::new(FileReady {
            file,
            wanted: PollEvents::READABLE,
        });
        let watch = io.watch(ready, move |scope| callback(scope, number));
        if let Some(old) = self.listening.replace(Some(watch)) {
            io.unwatch(old);
        }
        self.update_activity(scope);
    }

    /// Whether a connection is being made. What is written meanwhile waits.
    pub(crate) fn is_connecting(&self) -> bool {
        self.is_connecting.get()
    }

    /// A connection is being made; `request` is told by who watches.
    pub(crate) fn begin_connecting(&self, watch: WatchId, request: v8::Global<v8::Object>) {
        self.is_connecting.set(true);
        *self.connecting.borrow_mut() = Some((watch, request));
    }

    /// Says what its connecting is called in a trace.
    pub(crate) fn set_traced_connect(&self, id: Option<u64>) {
        self.traced_connect.set(id);
    }

    /// What that was called, once.
    pub(crate) fn take_traced_connect(&self) -> Option<u64> {
        self.traced_connect.take()
    }

    /// The request of the connection that was being made.
    pub(crate) fn end_connecting(&self, scope: &Scope<'_, '_>) -> Option<v8::Global<v8::Object>> {
        self.is_connecting.set(false);
        let (watch, request) = self.connecting.borrow_mut().take()?;
        scope.env().event_loop().io().unwatch(watch);
        Some(request)
    }

    /// Whether a shutdown is under way.
    pub(crate) fn is_shutting(&self) -> bool {
        let queue = self.queue.borrow();
        queue
            .iter()
            .any(|pending| matches!(pending, Pending::Shutdown { .. }))
    }

    /// Lets go of the file; requests under way end with `ECANCELED`.
    pub(crate) fn close(&self, scope: &mut Scope<'_, '_>) {
        let env = scope.env();
        for watch in [&self.reading, &self.writing, &self.listening] {
            if let Some(watch) = watch.take() {
                env.event_loop().io().unwatch(watch);
            }
        }
        let fd = self.fd.replace(-1);
        let file = self.file.borrow_mut().take();
        if fd > 2 {
            // The descriptor is the handle's own. 0 to 2 stay open, as libuv leaves them.
            if let Err(error) = syscall::close(env.task(), Fd::new(fd)) {
                tracing::debug!(target: "cenote::node", fd, %error, "closing a stream");
            }
        }
        drop(file);
        if let Some(request) = self.end_connecting(scope) {
            let number = self.core.number();
            env.event_loop().on_close(move |scope| {
                connection::after_connect(scope, number, &request, -Errno::ECANCELED.raw());
            });
        }
        let pending = std::mem::take(&mut *self.queue.borrow_mut());
        for waiting in pending {
            let (Pending::Write { request, .. } | Pending::Shutdown { request }) = waiting;
            // After the handle's other callbacks, before it is told that it is closed.
            env.event_loop().on_close(move |scope| {
                scope.env().event_loop().end_request();
                request.finish(scope, -Errno::ECANCELED.raw());
            });
        }
        self.core.destroy(scope);
    }

    /// Whether anything is under way, which is what keeps the loop alive.
    fn update_activity(&self, scope: &Scope<'_, '_>) {
        let native = self
            .core
            .object(scope)
            .and_then(|object| native_ref(scope, object));
        if let Some(handle) = native.as_ref().and_then(|native| native.handle()) {
            handle.set_active(
                scope,
                self.reading.get().is_some() || self.listening.get().is_some(),
            );
        }
    }

    fn stop_reading(&self, scope: &Scope<'_, '_>) {
        if let Some(watch) = self.reading.take() {
            scope.env().event_loop().io().unwatch(watch);
            self.update_activity(scope);
        }
    }

    fn push(&self, scope: &Scope<'_, '_>, file: &Arc<OpenFile>, pending: Pending) {
        let env = scope.env();
        env.event_loop().begin_request();
        self.queue.borrow_mut().push_back(pending);
        self.look_at_queue();
        if self.writing.get().is_none() {
            let number = self.core.number();
            let ready = Rc::new(QueueReady {
                file: Arc::clone(file),
                needs_no_room: Rc::clone(&self.needs_no_room),
                is_connecting: Rc::clone(&self.is_connecting),
            });
            let watch = env
                .event_loop()
                .io()
                .watch(ready, move |scope| on_writable(scope, number));
            self.writing.set(Some(watch));
        }
    }

    fn look_at_queue(&self) {
        let is_shutdown = matches!(self.queue.borrow().front(), Some(Pending::Shutdown { .. }));
        self.needs_no_room.set(is_shutdown);
    }

    /// Goes on with the first request in the queue: the one that is finished by it, and how.
    fn advance(&self, file: &OpenFile) -> Option<(StreamRequest, i32)> {
        let first = self.queue.borrow_mut().pop_front()?;
        let finished = match first {
            Pending::Write {
                bytes,
                mut done,
                mut right,
                request,
            } => match send_some(file, bytes.get(done..).unwrap_or_default(), &mut right) {
                Ok(count) => {
                    done += count;
                    if done < bytes.len() {
                        self.queue.borrow_mut().push_front(Pending::Write {
                            bytes,
                            done,
                            right,
                            request,
                        });
                        return None;
                    }
                    (request, 0)
                }
                Err(error) => (request, -error.errno().raw()),
            },
            Pending::Shutdown { request } => (request, end_writing(file)),
        };
        self.look_at_queue();
        Some(finished)
    }
}

/// The native object of a number, if its JavaScript object lives and it is a kernel's stream.
fn kernel_stream(scope: &Scope<'_, '_>, number: i32) -> Option<Rc<dyn Native>> {
    let object = scope.env().natives().object(scope, number)?;
    native_ref(scope, object).filter(|native| native.kernel_stream().is_some())
}

/// Reads once and hands it on.
fn on_readable(scope: &mut Scope<'_, '_>, number: i32) {
    let Some(native) = kernel_stream(scope, number) else {
        return;
    };
    let Some(stream) = native.kernel_stream() else {
        return;
    };
    let Some(file) = stream.file() else { return };
    let mut chunk = vec![0; stream.core.chunk()];
    let outcome = if stream.is_ipc {
        read_with_handles(scope, stream, &file, &mut chunk)
    } else {
        file.read(&mut chunk)
    };
    let read = match outcome {
        Ok(0) => StreamRead::Failed(UV_EOF),
        Ok(count) => {
            chunk.truncate(count);
            chunk.shrink_to_fit();
            StreamRead::Bytes(chunk)
        }
        Err(error) if error.errno() == Errno::EAGAIN => return,
        Err(error) => StreamRead::Failed(-error.errno().raw()),
    };
    if matches!(read, StreamRead::Failed(_)) {
        stream.stop_reading(scope);
    }
    stream.core.emit_read(scope, read);
}

/// Reads from a channel; a handle that came along is put on its object, where `onread` looks for it.
fn read_with_handles(
    scope: &mut Scope<'_, '_>,
    stream: &KernelStream,
    file: &OpenFile,
    chunk: &mut [u8],
) -> Result<usize, SysError> {
    let Some(socket) = file.downcast::<Socket>() else {
        return file.read(chunk);
    };
    let received = socket.receive(&mut [IoSliceMut::new(chunk)], MessageFlags::empty())?;
    if let Some(right) = received.rights.into_iter().next()
        && let Some(channel) = stream.core.object(scope)
        && let Some(handle) = passing::receive(scope, right)
    {
        scope.set(channel, "pendingHandle", handle.into());
    }
    Ok(received.copied)
}

/// Goes on with the queue.
fn on_writable(scope: &mut Scope<'_, '_>, number: i32) {
    let Some(native) = kernel_stream(scope, number) else {
        return;
    };
    let Some(stream) = native.kernel_stream() else {
        return;
    };
    let mut finished = Vec::new();
    if let Some(file) = stream.file() {
        while finished.len() < MAX_FINISHED
            && let Some(one) = stream.advance(&file)
        {
            finished.push(one);
        }
    }
    let env = scope.env();
    if stream.queue.borrow().is_empty()
        && let Some(watch) = stream.writing.take()
    {
        env.event_loop().io().unwatch(watch);
    }
    for (request, status) in finished {
        env.event_loop().end_request();
        request.finish(scope, status);
    }
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

/// The same, with a file that goes along with the first byte.
fn send_some(
    file: &OpenFile,
    bytes: &[u8],
    right: &mut Option<Arc<OpenFile>>,
) -> Result<usize, SysError> {
    let Some(travelling) = right.as_ref() else {
        return write_some(file, bytes);
    };
    let socket = file
        .downcast::<Socket>()
        .ok_or_else(|| SysError::from(Errno::ENOTSOCK))?;
    let message = Outgoing {
        bytes: &[IoSlice::new(bytes)],
        rights: vec![Arc::clone(travelling)],
        credentials: PeerCredentials {
            pid: 0,
            uid: u32::MAX,
            gid: u32::MAX,
        },
        flags: MessageFlags::empty(),
    };
    match socket.send(message, None) {
        Ok(count) => {
            *right = None;
            let rest = bytes.get(count..).unwrap_or_default();
            Ok(count + write_some(file, rest)?)
        }
        Err(error) if error.errno() == Errno::EAGAIN => Ok(0),
        Err(error) => Err(error),
    }
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

impl KernelStream {
    /// Writes and waits for room meanwhile, until something comes between: the rest is then written as usual.
    fn write_waiting(&self, scope: &Scope<'_, '_>, bytes: &[u8]) -> usize {
        let fd = Fd::new(self.fd.get());
        let mut done = 0;
        while done < bytes.len() {
            let rest = bytes.get(done..).unwrap_or_default();
            match block_on(syscall::write(scope.env().task(), fd, rest)) {
                Ok(count @ 1..) => done += count,
                _ => break,
            }
        }
        done
    }
}

impl StreamResource for KernelStream {
    fn core(&self) -> &StreamCore {
        &self.core
    }

    fn read_start(&self, scope: &mut Scope<'_, '_>) -> i32 {
        let Some(file) = self.file() else {
            return -Errno::ENOTCONN.raw();
        };
        if self.reading.get().is_some() {
            return 0;
        }
        let is_connected = |socket: &Socket| socket.peer_address().is_ok();
        if self.awaits_connection.get() && self.with_socket(is_connected) == Some(false) {
            return -Errno::ENOTCONN.raw();
        }
        let number = self.core.number();
        let ready = Rc::new(FileReady {
            file,
            wanted: PollEvents::READABLE,
        });
        let watch = scope
            .env()
            .event_loop()
            .io()
            .watch(ready, move |scope| on_readable(scope, number));
        self.reading.set(Some(watch));
        self.update_activity(scope);
        0
    }

    fn read_stop(&self, scope: &mut Scope<'_, '_>) -> i32 {
        self.stop_reading(scope);
        0
    }

    fn write(&self, scope: &mut Scope<'_, '_>, write: Write) -> Result<Wrote, i32> {
        let file = self.file().ok_or(-Errno::EBADF.raw())?;
        if self.is_shut.get() {
            return Err(-Errno::EPIPE.raw());
        }
        let mut right = match &write.handle {
            Some(handle) => {
                let handle = v8::Local::new(scope, handle);
                let found = passing::file_of(scope, handle);
                Some(found.ok_or(-Errno::EBADF.raw())?)
            }
            None => None,
        };
        let has_right = right.is_some();
        if has_right && !self.is_ipc {
            return Err(-Errno::EINVAL.raw());
        }
        let mut done = 0;
        if self.queue.borrow().is_empty() && !self.is_connecting.get() {
            done =
                send_some(&file, &write.bytes, &mut right).map_err(|error| -error.errno().raw())?;
        }
        if self.is_blocking.get() && !has_right && self.queue.borrow().is_empty() {
            done += self.write_waiting(scope, write.bytes.get(done..).unwrap_or_default());
        }
        // libuv never finishes at once what takes a handle along.
        if done == write.bytes.len() && !has_right {
            return Ok(Wrote::Now);
        }
        let pending = Pending::Write {
            bytes: write.bytes,
            done,
            right,
            request: write.request,
        };
        self.push(scope, &file, pending);
        Ok(Wrote::Later)
    }

    fn shutdown(&self, scope: &mut Scope<'_, '_>, request: StreamRequest) -> i32 {
        let Some(file) = self.file() else {
            return -Errno::ENOTCONN.raw();
        };
        if self.is_shut.replace(true) {
            return -Errno::ENOTCONN.raw();
        }
        self.push(scope, &file, Pending::Shutdown { request });
        0
    }

    fn set_blocking(&self, is_blocking: bool) -> bool {
        self.is_blocking.set(is_blocking);
        self.is_alive()
    }

    fn is_alive(&self) -> bool {
        self.file.borrow().is_some()
    }

    fn fd(&self) -> i32 {
        self.fd.get()
    }

    fn file(&self) -> Option<Arc<OpenFile>> {
        self.file.borrow().clone()
    }

    fn queued(&self) -> usize {
        self.queue
            .borrow()
            .iter()
            .map(|pending| match pending {
                Pending::Write { bytes, done, .. } => bytes.len() - done,
                Pending::Shutdown { .. } => 0,
            })
            .sum()
    }
}
