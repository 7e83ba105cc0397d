//! `internalBinding('pipe_wrap')`: pipes and Unix sockets as streams. Node: `src/pipe_wrap.cc`; libuv: src/unix/pipe.c.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::Mode;
use cenote_abi::socket::{AddressFamily, SocketAddress, SocketFlags, SocketType, UnixPath};
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall::{self, At};
use cenote_vfs::OpenFile;

use super::connection::{self, Refusal};
use super::passing;
use super::stream_base::{KernelStream, LIBUV_STREAM_WRAP, StreamResource, new_request_wrap};
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo, HandleState};
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Scope, ScopeExt, attach, js_string_bytes,
};

pub(super) const BINDING: Binding = Binding::new("pipe_wrap")
    .class(&PIPE)
    .class(&PIPE_CONNECT_WRAP);

/// A pipe or Unix socket.
pub(super) static PIPE: Class = Class::new("Pipe", new_pipe)
    .extends(&LIBUV_STREAM_WRAP)
    .method("open", open)
    .method("bind", bind)
    .method("listen", listen)
    .method("connect", connect)
    .method("fchmod", fchmod);
static PIPE_CONNECT_WRAP: Class =
    Class::new("PipeConnectWrap", new_connect_wrap).extends(&ASYNC_WRAP);

/// A pipe or Unix socket.
pub(super) struct Pipe {
    info: AsyncInfo,
    handle: HandleState,
    stream: KernelStream,
    is_ipc: bool,
    /// The file of a socket that was bound here: it goes when the handle is closed.
    bound: RefCell<Option<Vec<u8>>>,
}

impl Pipe {
    /// Puts the stream over a file that came from elsewhere; a descriptor shows it, if one is free.
    pub(super) fn adopt(&self, scope: &Scope<'_, '_>, file: Arc<OpenFile>) {
        let shown = passing::show(scope.env().task(), Arc::clone(&file));
        let fd = shown.map_or(-1, Fd::raw);
        self.stream.open(scope, file, fd);
    }
}

impl Native for Pipe {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn handle(&self) -> Option<&HandleState> {
        Some(&self.handle)
    }

    fn close(&self, scope: &mut Scope<'_, '_>) {
        if let Some(path) = self.bound.borrow_mut().take() {
            let removed = syscall::unlinkat(
                scope.env().task(),
                At::Cwd,
                &path,
                cenote_abi::fs::AtFlags::empty(),
            );
            if let Err(error) = removed {
                tracing::debug!(target: "cenote::node", %error, "the file of a socket");
            }
        }
        self.stream.close(scope);
    }

    fn stream(&self) -> Option<&dyn StreamResource> {
        Some(&self.stream)
    }

    fn kernel_stream(&self) -> Option<&KernelStream> {
        Some(&self.stream)
    }
}

fn new_pipe<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const SERVER: i32 = 1;
    const IPC: i32 = 2;
    let kind = args.i32(scope, 0)?;
    let provider = if kind == SERVER {
        "PIPESERVERWRAP"
    } else {
        "PIPEWRAP"
    };
    let this = args.this();
    let info = AsyncInfo::new(scope, this, provider);
    let pipe = Rc::new(Pipe {
        info,
        handle: HandleState::default(),
        stream: if kind == IPC {
            KernelStream::for_ipc()
        } else {
            KernelStream::new()
        },
        is_ipc: kind == IPC,
        bound: RefCell::default(),
    });
    let number = attach(scope, this, Rc::clone(&pipe));
    pipe.stream.core().set_number(number);
    Ok(().into())
}

fn new_connect_wrap<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    new_request_wrap(scope, args, "PIPECONNECTWRAP")
}

/// Takes over a descriptor.
fn open<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pipe = args.native::<Pipe>(scope)?;
    let fd = args.i32(scope, 0)?;
    Ok(connection::open(scope, &pipe.stream, fd).into())
}

/// The address a name means: a path, or an abstract name after a zero byte. Too long is `EINVAL`, as libuv says it.
fn address_of(name: &[u8]) -> Result<SocketAddress, i32> {
    let wrong = -Errno::EINVAL.raw();
    match name.split_first() {
        None => Err(wrong),
        Some((0, rest)) => UnixPath::new(rest)
            .filter(|_| name.len() <= cenote_abi::socket::UNIX_PATH_MAX)
            .map(SocketAddress::UnixAbstract)
            .ok_or(wrong),
        // The path ends with a zero byte in the kernel's structure.
        Some(_) => UnixPath::new(name)
            .filter(|_| name.len() <= cenote_abi::socket::UNIX_PATH_MAX)
            .map(SocketAddress::UnixPath)
            .ok_or(wrong),
    }
}

impl Pipe {
    fn ensure(&self, scope: &Scope<'_, '_>) -> SysResult {
        if self.stream.is_alive() {
            return Ok(());
        }
        let env = scope.env();
        let flags = SocketFlags::SOCK_NONBLOCK | SocketFlags::SOCK_CLOEXEC;
        let fd = syscall::socket(
            env.task(),
            AddressFamily::Unix,
            SocketType::Stream,
            0,
            flags,
        )?;
        let file = env.task().files().get(fd)?;
        self.stream.open(scope, file, fd.raw());
        self.stream.await_connection();
        Ok(())
    }
}

/// `bind(name)`.
fn bind<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pipe = args.native::<Pipe>(scope)?;
    let name = js_string_bytes(scope, args.string(0)?);
    if pipe.stream.is_alive() {
        return Ok((-Errno::EINVAL.raw()).into());
    }
    let address = match address_of(&name) {
        Ok(address) => address,
        Err(error) => return Ok(error.into()),
    };
    let bound = pipe
        .ensure(scope)
        .and_then(|()| syscall::bind(scope.env().task(), Fd::new(pipe.stream.fd()), &address));
    Ok(match bound {
        Ok(()) => {
            if let SocketAddress::UnixPath(_) = address {
                *pipe.bound.borrow_mut() = Some(name);
            }
            0
        }
        // libuv: as on Windows.
        Err(error) if error.errno() == Errno::ENOENT => -Errno::EACCES.raw(),
        Err(error) => -error.errno().raw(),
    }
    .into())
}

fn listen<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pipe = args.native::<Pipe>(scope)?;
    let backlog = args.get(0).int32_value(scope).ok_or(Failure::Pending)?;
    if pipe.is_ipc || !pipe.stream.is_alive() {
        return Ok((-Errno::EINVAL.raw()).into());
    }
    Ok(connection::listen(scope, &pipe.stream, backlog, &PIPE).into())
}

/// `connect(request, name)`: failures are told by the request.
fn connect<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pipe = args.native::<Pipe>(scope)?;
    let request = args.object(0)?;
    let name = js_string_bytes(scope, args.string(1)?);
    let address = match address_of(&name) {
        Ok(address) => address,
        Err(error) => return Ok(error.into()),
    };
    if let Err(error) = pipe.ensure(scope) {
        return Ok((-error.errno().raw()).into());
    }
    Ok(connection::connect(scope, &pipe.stream, request, address, None, Refusal::Later).into())
}

/// `fchmod(mode)`: who may connect, by the mode of the socket's file.
fn fchmod<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const READABLE: i32 = 1;
    const WRITABLE: i32 = 2;
    let pipe = args.native::<Pipe>(scope)?;
    let wanted = args.i32(scope, 0)?;
    if !(READABLE..=READABLE | WRITABLE).contains(&wanted) {
        return Ok((-Errno::EINVAL.raw()).into());
    }
    let mut bits = 0;
    if wanted & READABLE != 0 {
        bits |= 0o444;
    }
    if wanted & WRITABLE != 0 {
        bits |= 0o222;
    }
    let env = scope.env();
    let task = env.task();
    let outcome = syscall::getsockname(task, Fd::new(pipe.stream.fd())).and_then(|address| {
        let SocketAddress::UnixPath(path) = address else {
            return Err(Errno::EINVAL.into());
        };
        let path = path.as_bytes();
        let stat = syscall::fstatat(task, At::Cwd, path, cenote_abi::fs::AtFlags::empty())?;
        let mode = Mode::from_raw(stat.mode | bits);
        syscall::fchmodat(task, At::Cwd, path, mode, cenote_abi::fs::AtFlags::empty())
    });
    Ok(outcome
        .map_or_else(|error| -error.errno().raw(), |()| 0)
        .into())
}
