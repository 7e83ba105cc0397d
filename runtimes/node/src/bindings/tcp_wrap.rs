//! `internalBinding('tcp_wrap')`: TCP sockets over the kernel's. Node: `src/tcp_wrap.cc`; libuv: src/unix/tcp.c.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::socket::{
    AddressFamily, IP_TOS, IPV6_TCLASS, IPV6_V6ONLY, SO_KEEPALIVE, SO_LINGER, SO_REUSEADDR,
    SO_REUSEPORT, SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_TCP, SocketAddress, SocketFlags, SocketType,
    TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_NODELAY,
};
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall;
use cenote_vfs::OpenFile;

use super::connection::{self, Refusal};
use super::messaging::transfer::{DISALLOWED, TRANSFERABLE, TransferData};
use super::passing;
use super::socket_address::{self, status, status_of_bind};
use super::stream_base::{KernelStream, LIBUV_STREAM_WRAP, StreamResource, new_request_wrap};
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo, HandleState, close_handle};
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, attach,
};

pub(super) const BINDING: Binding = Binding::new("tcp_wrap")
    .class(&TCP)
    .class(&TCP_CONNECT_WRAP);

/// A TCP socket.
pub(super) static TCP: Class = Class::new("TCP", new_tcp)
    .extends(&LIBUV_STREAM_WRAP)
    .method("open", open)
    .method("bind", bind)
    .method("bind6", bind6)
    .method("listen", listen)
    .method("connect", connect)
    .method("connect6", connect6)
    .method("getsockname", getsockname)
    .method("getpeername", getpeername)
    .method("setNoDelay", set_no_delay)
    .method("setKeepAlive", set_keep_alive)
    .method("setTypeOfService", set_type_of_service)
    .method("getTypeOfService", get_type_of_service)
    .method("reset", reset);
static TCP_CONNECT_WRAP: Class =
    Class::new("TCPConnectWrap", new_connect_wrap).extends(&ASYNC_WRAP);

/// `UV_TCP_IPV6ONLY`.
const IPV6_ONLY: u32 = 1;
/// `UV_TCP_REUSEPORT`.
const REUSE_PORT: u32 = 2;

struct Tcp {
    info: AsyncInfo,
    handle: HandleState,
    stream: KernelStream,
    /// An address that is taken is told when the socket is used: libuv's `delayed_error`.
    delayed_error: Cell<Option<i32>>,
    no_delay: Cell<bool>,
}

impl Native for Tcp {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn handle(&self) -> Option<&HandleState> {
        Some(&self.handle)
    }

    fn close(&self, scope: &mut Scope<'_, '_>) {
        self.stream.close(scope);
    }

    fn stream(&self) -> Option<&dyn StreamResource> {
        Some(&self.stream)
    }

    fn kernel_stream(&self) -> Option<&KernelStream> {
        Some(&self.stream)
    }

    fn transfer_mode(&self) -> u32 {
        if self.is_open() && !self.stream.is_connecting() && !self.handle.is_closed() {
            TRANSFERABLE
        } else {
            DISALLOWED
        }
    }

    fn transfer(
        &self,
        scope: &mut Scope<'_, '_>,
        object: Object<'_>,
    ) -> Option<Box<dyn TransferData>> {
        let file = self.stream.file()?;
        let object = v8::Local::new(scope, object);
        let nothing = scope.undefined();
        close_handle(scope, object, nothing);
        Some(Box::new(Moving(file)))
    }
}

/// A socket under way to another thread.
struct Moving(Arc<OpenFile>);

impl TransferData for Moving {
    fn into_object<'s>(self: Box<Self>, scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure> {
        passing::receive(scope, self.0)
            .ok_or_else(|| Failure::system(Errno::EMFILE.raw(), "accept"))
    }
}

fn new_tcp<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const SERVER: i32 = 1;
    let provider = if args.i32(scope, 0)? == SERVER {
        "TCPSERVERWRAP"
    } else {
        "TCPWRAP"
    };
    let this = args.this();
    let info = AsyncInfo::new(scope, this, provider);
    let tcp = Rc::new(Tcp {
        info,
        handle: HandleState::default(),
        stream: KernelStream::new(),
        delayed_error: Cell::new(None),
        no_delay: Cell::new(false),
    });
    let number = attach(scope, this, Rc::clone(&tcp));
    tcp.stream.core().set_number(number);
    Ok(().into())
}

fn new_connect_wrap<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    new_request_wrap(scope, args, "TCPCONNECTWRAP")
}

impl Tcp {
    /// Makes the socket, if there is none.
    fn ensure(&self, scope: &Scope<'_, '_>, family: AddressFamily) -> SysResult {
        if self.stream.is_alive() {
            return Ok(());
        }
        let env = scope.env();
        let task = env.task();
        let flags = SocketFlags::SOCK_NONBLOCK | SocketFlags::SOCK_CLOEXEC;
        let fd = syscall::socket(task, family, SocketType::Stream, 0, flags)?;
        let file = task.files().get(fd)?;
        self.stream.open(scope, file, fd.raw());
        self.stream.await_connection();
        if self.no_delay.get() {
            self.set_option(scope, SOL_TCP, TCP_NODELAY, 1)?;
        }
        Ok(())
    }

    fn set_option(&self, scope: &Scope<'_, '_>, level: i32, name: i32, value: i32) -> SysResult {
        let fd = Fd::new(self.stream.fd());
        syscall::setsockopt(scope.env().task(), fd, level, name, &value.to_ne_bytes())
    }

    /// Node calls it once it has checked that both are absent.
    fn is_open(&self) -> bool {
        self.stream.is_alive()
    }
}

/// Takes over a descriptor.
fn open<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let tcp = args.native::<Tcp>(scope)?;
    let fd = args.i32(scope, 0)?;
    Ok(connection::open(scope, &tcp.stream, fd).into())
}

fn bind<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    bind_to(scope, args, AddressFamily::Inet)
}

fn bind6<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    bind_to(scope, args, AddressFamily::Inet6)
}

/// `bind(address, port, flags)`.
fn bind_to<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    family: AddressFamily,
) -> BindingResult<'s> {
    let tcp = args.native::<Tcp>(scope)?;
    let address = match socket_address::of_args(scope, args, 0, family)? {
        Ok(address) => address,
        Err(error) => return Ok(error.into()),
    };
    let flags = args.get(2).uint32_value(scope).unwrap_or(0);
    if family == AddressFamily::Inet && flags & IPV6_ONLY != 0 {
        return Ok((-Errno::EINVAL.raw()).into());
    }
    let bound = tcp.ensure(scope, family).and_then(|()| {
        tcp.set_option(scope, SOL_SOCKET, SO_REUSEADDR, 1)?;
        if flags & REUSE_PORT != 0 {
            tcp.set_option(scope, SOL_SOCKET, SO_REUSEPORT, 1)?;
        }
        if family == AddressFamily::Inet6 {
            let only = i32::from(flags & IPV6_ONLY != 0);
            tcp.set_option(scope, SOL_IPV6, IPV6_V6ONLY, only)?;
        }
        syscall::bind(scope.env().task(), Fd::new(tcp.stream.fd()), &address)
    });
    Ok(match status_of_bind(bound) {
        taken if taken == -Errno::EADDRINUSE.raw() => {
            tcp.delayed_error.set(Some(taken));
            0
        }
        other => {
            tcp.delayed_error.set(None);
            other
        }
    }
    .into())
}

fn listen<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let tcp = args.native::<Tcp>(scope)?;
    let backlog = args.get(0).int32_value(scope).ok_or(Failure::Pending)?;
    if let Some(error) = tcp.delayed_error.get() {
        return Ok(error.into());
    }
    let made = status(tcp.ensure(scope, AddressFamily::Inet));
    if made < 0 {
        return Ok(made.into());
    }
    Ok(connection::listen(scope, &tcp.stream, backlog, &TCP).into())
}

fn connect<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    connect_to(scope, args, AddressFamily::Inet)
}

fn connect6<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    connect_to(scope, args, AddressFamily::Inet6)
}

/// `connect(request, address, port)`.
fn connect_to<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    family: AddressFamily,
) -> BindingResult<'s> {
    let tcp = args.native::<Tcp>(scope)?;
    let request = args.object(0)?;
    let address: SocketAddress = match socket_address::of_args(scope, args, 1, family)? {
        Ok(address) => address,
        Err(error) => return Ok(error.into()),
    };
    let made = status(tcp.ensure(scope, family));
    if made < 0 {
        return Ok(made.into());
    }
    let known = tcp.delayed_error.get();
    Ok(connection::connect(scope, &tcp.stream, request, address, known, Refusal::AtOnce).into())
}

fn getsockname<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let tcp = args.native::<Tcp>(scope)?;
    if let Some(error) = tcp.delayed_error.get() {
        return Ok(error.into());
    }
    let fd = Fd::new(tcp.stream.fd());
    let asked = syscall::getsockname(scope.env().task(), fd);
    describe(scope, args, asked)
}

fn getpeername<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let tcp = args.native::<Tcp>(scope)?;
    if let Some(error) = tcp.delayed_error.get() {
        return Ok(error.into());
    }
    let fd = Fd::new(tcp.stream.fd());
    let asked = syscall::getpeername(scope.env().task(), fd);
    describe(scope, args, asked)
}

fn describe<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    asked: SysResult<SocketAddress>,
) -> BindingResult<'s> {
    let into = args.object(0)?;
    Ok(match asked {
        Ok(address) => {
            socket_address::describe(scope, into, &address);
            0
        }
        Err(error) => -error.errno().raw(),
    }
    .into())
}

fn set_no_delay<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let tcp = args.native::<Tcp>(scope)?;
    let on = args.bool(scope, 0);
    tcp.no_delay.set(on);
    if !tcp.is_open() {
        return Ok(0.into());
    }
    Ok(status(tcp.set_option(scope, SOL_TCP, TCP_NODELAY, i32::from(on))).into())
}

/// `setKeepAlive(on, delay, interval, count)`, in seconds.
fn set_keep_alive<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let tcp = args.native::<Tcp>(scope)?;
    let on = args.bool(scope, 0);
    if !tcp.is_open() {
        return Ok(0.into());
    }
    let number = |at: usize| args.get(at).int32_value(scope).ok_or(Failure::Pending);
    let (delay, interval, count) = (number(1)?, number(2)?, number(3)?);
    if on && delay < 1 {
        return Ok((-Errno::EINVAL.raw()).into());
    }
    let outcome = tcp
        .set_option(scope, SOL_SOCKET, SO_KEEPALIVE, i32::from(on))
        .and_then(|()| {
            if !on {
                return Ok(());
            }
            tcp.set_option(scope, SOL_TCP, TCP_KEEPIDLE, delay)?;
            tcp.set_option(scope, SOL_TCP, TCP_KEEPINTVL, interval.max(1))?;
            tcp.set_option(scope, SOL_TCP, TCP_KEEPCNT, count.max(1))
        });
    Ok(status(outcome).into())
}

/// The level and name of the option, by the socket's family.
fn type_of_service(tcp: &Tcp) -> Option<(i32, i32)> {
    let family = tcp.stream.with_socket(cenote_net::Socket::family)?;
    Some(if family == AddressFamily::Inet6 {
        (SOL_IPV6, IPV6_TCLASS)
    } else {
        (SOL_IP, IP_TOS)
    })
}

fn set_type_of_service<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let tcp = args.native::<Tcp>(scope)?;
    let value = args.i32(scope, 0)?;
    let Some((level, name)) = type_of_service(&tcp) else {
        return Ok((-Errno::EBADF.raw()).into());
    };
    Ok(status(tcp.set_option(scope, level, name, value)).into())
}

fn get_type_of_service<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let tcp = args.native::<Tcp>(scope)?;
    let Some((level, name)) = type_of_service(&tcp) else {
        return Ok((-Errno::EBADF.raw()).into());
    };
    let fd = Fd::new(tcp.stream.fd());
    let value = syscall::getsockopt(scope.env().task(), fd, level, name)
        .map_err(|error| error.errno())
        .and_then(|bytes| bytes.first_chunk().copied().ok_or(Errno::EINVAL))
        .map(i32::from_ne_bytes);
    Ok(value.unwrap_or_else(|errno| -errno.raw()).into())
}

/// Closes with a reset instead of an orderly end.
fn reset<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let tcp = args.native::<Tcp>(scope)?;
    if tcp.handle.is_closed() {
        return Ok(0.into());
    }
    if tcp.stream.is_shutting() {
        return Ok((-Errno::EINVAL.raw()).into());
    }
    if tcp.is_open() {
        // struct linger: on, for no time at all.
        let linger = [1_i32.to_ne_bytes(), 0_i32.to_ne_bytes()].concat();
        let fd = Fd::new(tcp.stream.fd());
        let set = syscall::setsockopt(scope.env().task(), fd, SOL_SOCKET, SO_LINGER, &linger);
        if let Err(error) = set {
            return Ok((-error.errno().raw()).into());
        }
    }
    close_handle(scope, args.this(), args.get(0));
    Ok(0.into())
}
