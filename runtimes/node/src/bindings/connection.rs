//! What `TCP` and `Pipe` share: listening, accepting, connecting. Node: `src/connection_wrap.cc`; libuv: src/unix/stream.c.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::OpenFlags;
use cenote_abi::socket::{SocketAddress, SocketFlags};
use cenote_base::wait::block_on;
use cenote_base::{Fd, WaitQueue};
use cenote_kernel::{Task, syscall};
use cenote_vfs::OpenFile;
use serde_json::json;

use super::async_wrap;
use super::stream_base::begin_request;
use super::stream_base::{KernelStream, StreamResource};
use crate::event_loop::handles::finish_request;
use crate::event_loop::{CallContext, Readiness, make_callback};
use crate::glue::{Class, Object, Scope, ScopeExt, Value, native_ref, new_instance};
use crate::trace;

/// Takes connections from now on; each becomes an instance of `class` that `onconnection(status, client)` gets.
pub(super) fn listen(
    scope: &Scope<'_, '_>,
    stream: &KernelStream,
    backlog: i32,
    class: &'static Class,
) -> i32 {
    let env = scope.env();
    never_wait(stream);
    if let Err(error) = syscall::listen(env.task(), Fd::new(stream.fd()), backlog) {
        return -error.errno().raw();
    }
    stream.listen(scope, move |scope, number| {
        on_connection(scope, number, class);
    });
    0
}

/// Accepting and connecting are calls of the kernel's, which wait unless told not to. Reading and writing never do here, so files that
/// come from elsewhere stay as they are.
fn never_wait(stream: &KernelStream) {
    if let Some(file) = stream.file() {
        file.set_flags(file.flags() | OpenFlags::O_NONBLOCK);
    }
}

/// Accepts one connection.
fn on_connection(scope: &mut Scope<'_, '_>, number: i32, class: &'static Class) {
    let env = scope.env();
    let Some(object) = env.natives().object(scope, number) else {
        return;
    };
    let Some(native) = native_ref(scope, object) else {
        return;
    };
    let Some(stream) = native.kernel_stream() else {
        return;
    };
    let flags = SocketFlags::SOCK_NONBLOCK | SocketFlags::SOCK_CLOEXEC;
    let accepted = block_on(syscall::accept4(env.task(), Fd::new(stream.fd()), flags));
    let context = native
        .async_info()
        .map_or(CallContext::ROOT, CallContext::of);
    let (status, client) = match accepted {
        Ok((fd, _)) => {
            let trigger = native.async_info().map_or(0.0, |info| info.async_id());
            let made =
                async_wrap::with_default_trigger(scope, trigger, |scope| adopt(scope, class, fd));
            let Some(client) = made else { return };
            (0, client.into())
        }
        Err(error) if matches!(error.errno(), Errno::EAGAIN | Errno::ECONNABORTED) => return,
        Err(error) => (-error.errno().raw(), scope.undefined()),
    };
    let args: [Value<'_>; 2] = [v8::Integer::new(scope, status).into(), client];
    make_callback(scope, object, "onconnection", &args, &context);
}

/// An instance of `class` over a descriptor; the descriptor is closed when there can be none.
pub(super) fn adopt<'s>(
    scope: &mut Scope<'s, '_>,
    class: &'static Class,
    fd: Fd,
) -> Option<Object<'s>> {
    let env = scope.env();
    let socket_type = v8::Integer::new(scope, 0).into();
    let client = new_instance(scope, class, &[socket_type]).ok();
    let native = client.and_then(|client| native_ref(scope, client));
    let stream = native.as_ref().and_then(|native| native.kernel_stream());
    match (stream, env.task().files().get(fd)) {
        (Some(stream), Ok(file)) => stream.open(scope, file, fd.raw()),
        (_, file) => {
            drop(file);
            if let Err(error) = syscall::close(env.task(), fd) {
                tracing::debug!(target: "cenote::node", %fd, %error, "a connection nobody took");
            }
            return None;
        }
    }
    client
}

/// A connection that is being made: looking tries again.
struct Connecting {
    task: Arc<Task>,
    file: Arc<OpenFile>,
    fd: Fd,
    address: SocketAddress,
    outcome: Cell<Option<i32>>,
}

impl Connecting {
    fn attempt(&self) {
        if self.outcome.get().is_some() {
            return;
        }
        let outcome = match block_on(syscall::connect(&self.task, self.fd, &self.address)) {
            Ok(()) => 0,
            // The backlog is full, or the connection leads out of the machine and takes its time.
            Err(error)
                if matches!(
                    error.errno(),
                    Errno::EAGAIN | Errno::EINPROGRESS | Errno::EALREADY
                ) =>
            {
                return;
            }
            Err(error) => -error.errno().raw(),
        };
        self.outcome.set(Some(outcome));
    }
}

impl Readiness for Connecting {
    fn is_ready(&self) -> bool {
        self.attempt();
        self.outcome.get().is_some()
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        self.file.wait_queue()
    }
}

/// Whether an error of `connect` is told at once or by the request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// At once, but for `ECONNREFUSED`: TCP.
    AtOnce,
    /// By the request: Unix sockets.
    Later,
}

/// Connects; `request.oncomplete(status, handle, request, readable, writable)` is called later. `known` is an error that is
/// known already.
pub(super) fn connect<'s>(
    scope: &mut Scope<'s, '_>,
    stream: &KernelStream,
    request: Object<'s>,
    address: SocketAddress,
    known: Option<i32>,
    refusal: Refusal,
) -> i32 {
    let env = scope.env();
    if stream.is_connecting() {
        return -Errno::EALREADY.raw();
    }
    let Some(file) = stream.file() else {
        return -Errno::EBADF.raw();
    };
    never_wait(stream);
    let about = env.is_traced().then(|| about_address(&address));
    let connecting = Rc::new(Connecting {
        task: Arc::clone(env.task()),
        file,
        fd: Fd::new(stream.fd()),
        address,
        outcome: Cell::new(known),
    });
    connecting.attempt();
    if let Some(error) = connecting.outcome.get()
        && known.is_none()
        && refusal == Refusal::AtOnce
        && error < 0
        && error != -Errno::ECONNREFUSED.raw()
    {
        return error;
    }
    let number = stream.core().number();
    let seen = Rc::clone(&connecting);
    env.event_loop().begin_request();
    let watch = env.event_loop().io().watch(connecting, move |scope| {
        let Some(native) = scope
            .env()
            .natives()
            .object(scope, number)
            .and_then(|object| native_ref(scope, object))
        else {
            return;
        };
        if let Some(status) = seen.outcome.get()
            && let Some(request) = native
                .kernel_stream()
                .and_then(|stream| stream.end_connecting(scope))
        {
            after_connect(scope, number, &request, status);
        }
    });
    let handle = env.natives().object(scope, number);
    let handle = handle.and_then(|handle| native_ref(scope, handle));
    let owner = handle.as_ref().and_then(|handle| handle.async_info());
    begin_request(scope, request, owner);
    stream.begin_connecting(watch, v8::Global::new(scope, request));
    if let Some(about) = about {
        let traced = trace::begin_async(&env, TRACED, "connect", || about);
        stream.set_traced_connect(traced);
    }
    0
}

const TRACED: &str = "node,node.net,node.net.native";

/// What a trace says of an address.
fn about_address(address: &SocketAddress) -> serde_json::Value {
    let of_path = |kind: &str, path: &[u8]| json!({ "path_type": kind, "pipe_path": String::from_utf8_lossy(path) });
    match address {
        SocketAddress::UnixPath(path) => of_path("file", path.as_bytes()),
        SocketAddress::UnixAbstract(name) => of_path("abstract socket", name.as_bytes()),
        SocketAddress::Inet { address, port } => json!({ "ip": address.to_string(), "port": port }),
        SocketAddress::Inet6 { address, port, .. } => {
            json!({ "ip": address.to_string(), "port": port })
        }
        _ => json!({}),
    }
}

/// Tells the request.
pub(super) fn after_connect(
    scope: &mut Scope<'_, '_>,
    number: i32,
    request: &v8::Global<v8::Object>,
    status: i32,
) {
    let env = scope.env();
    env.event_loop().end_request();
    let native = env.natives().object(scope, number);
    let native = native.and_then(|object| native_ref(scope, object));
    let traced = native
        .as_ref()
        .and_then(|native| native.kernel_stream()?.take_traced_connect());
    trace::end_async(&env, TRACED, "connect", traced, json!({ "status": status }));
    let request = v8::Local::new(scope, request);
    let handle = env
        .natives()
        .object(scope, number)
        .map_or_else(|| scope.undefined(), Into::into);
    let is_open = scope.boolean(status == 0);
    let args = [
        v8::Integer::new(scope, status).into(),
        handle,
        request.into(),
        is_open,
        is_open,
    ];
    finish_request(scope, request, "oncomplete", &args);
}

/// Takes over a descriptor of the process.
pub(super) fn open(scope: &Scope<'_, '_>, stream: &KernelStream, fd: i32) -> i32 {
    if stream.is_alive() {
        return -Errno::EBUSY.raw();
    }
    match scope.env().task().files().get(Fd::new(fd)) {
        Ok(file) => {
            stream.open(scope, file, fd);
            0
        }
        Err(error) => -error.errno().raw(),
    }
}
