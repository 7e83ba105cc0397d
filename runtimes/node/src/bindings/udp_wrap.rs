//! `internalBinding('udp_wrap')`: UDP sockets over the kernel's. Node: `src/udp_wrap.cc`; libuv: src/unix/udp.c.
//!
//! The kernel never makes a sender of datagrams wait, so every send is done when `send` returns: it answers the message's size plus
//! one, as Node's does for sends that needed no request.

use std::cell::{Cell, RefCell};
use std::io::IoSlice;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::OpenFlags;
use cenote_abi::poll::PollEvents;
use cenote_abi::socket::{
    AddressFamily, IP_ADD_MEMBERSHIP, IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_MEMBERSHIP,
    IP_DROP_SOURCE_MEMBERSHIP, IP_MULTICAST_IF, IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IP_TTL,
    IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF, IPV6_MULTICAST_LOOP,
    IPV6_UNICAST_HOPS, IPV6_V6ONLY, MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP,
    MessageFlags, SO_BROADCAST, SO_RCVBUF, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SOL_IP, SOL_IPV6,
    SOL_SOCKET, SocketAddress, SocketFlags, SocketType,
};
use cenote_base::wait::block_on;
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall::{self, SendMessage};
use cenote_net::Socket;
use cenote_vfs::OpenFile;

use super::socket_address::{self, status, status_of_bind};
use super::stream_base::{begin_request, new_request_wrap};
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo, HANDLE_WRAP, HandleState, finish_request};
use crate::event_loop::{CallContext, FileReady, WatchId, make_callback};
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Object, Return, Scope, ScopeExt, Value,
    attach, collect_uv_error, copy_bytes, is_native, native_of, new_node_buffer,
};

pub(super) const BINDING: Binding = Binding::new("udp_wrap").class(&UDP).class(&SEND_WRAP);

/// A UDP socket.
pub(super) static UDP: Class = Class::new("UDP", new_udp)
    .extends(&HANDLE_WRAP)
    .getter("fd", fd)
    .shown()
    .method("open", open)
    .method("bind", bind)
    .method("bind6", bind6)
    .method("connect", connect)
    .method("connect6", connect6)
    .method("disconnect", disconnect)
    .method("send", send)
    .method("send6", send6)
    .method("recvStart", recv_start)
    .method("recvStop", recv_stop)
    .method("getsockname", getsockname)
    .method("getpeername", getpeername)
    .method("addMembership", add_membership)
    .method("dropMembership", drop_membership)
    .method("addSourceSpecificMembership", add_source_membership)
    .method("dropSourceSpecificMembership", drop_source_membership)
    .method("setMulticastInterface", set_multicast_interface)
    .method("setMulticastTTL", set_multicast_ttl)
    .method("setMulticastLoopback", set_multicast_loopback)
    .method("setBroadcast", set_broadcast)
    .method("setTTL", set_ttl)
    .method("bufferSize", buffer_size)
    .method("getSendQueueSize", get_send_queue_size)
    .method("getSendQueueCount", get_send_queue_count);
static SEND_WRAP: Class = Class::new("SendWrap", new_send_wrap).extends(&ASYNC_WRAP);

/// `UV_UDP_IPV6ONLY`.
const IPV6_ONLY: u32 = 1;
/// `UV_UDP_REUSEADDR`.
const REUSE_ADDRESS: u32 = 4;
/// `UV_UDP_REUSEPORT`.
const REUSE_PORT: u32 = 64;
/// The largest message.
const MAX_MESSAGE: usize = 64 << 10;
/// Messages taken in one turn: libuv's count.
const MAX_RECEIVED: usize = 32;

struct Udp {
    info: AsyncInfo,
    handle: HandleState,
    number: Cell<i32>,
    file: RefCell<Option<Arc<OpenFile>>>,
    fd: Cell<i32>,
    receiving: Cell<Option<WatchId>>,
    is_connected: Cell<bool>,
    /// Sends whose requests were not told yet, and their bytes.
    queued: Cell<(u32, usize)>,
}

impl Native for Udp {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn handle(&self) -> Option<&HandleState> {
        Some(&self.handle)
    }

    fn close(&self, scope: &mut Scope<'_, '_>) {
        self.stop(scope);
        let fd = self.fd.replace(-1);
        let file = self.file.borrow_mut().take();
        if fd >= 0
            && let Err(error) = syscall::close(scope.env().task(), Fd::new(fd))
        {
            tracing::debug!(target: "cenote::node", fd, %error, "closing a UDP socket");
        }
        drop(file);
    }

    fn file(&self) -> Option<Arc<OpenFile>> {
        self.file.borrow().clone()
    }
}

impl Udp {
    fn fd(&self) -> Fd {
        Fd::new(self.fd.get())
    }

    fn family(&self) -> Option<AddressFamily> {
        let file = self.file.borrow().clone()?;
        file.downcast::<Socket>().map(Socket::family)
    }

    fn open(&self, scope: &Scope<'_, '_>, file: Arc<OpenFile>, fd: i32) {
        *self.file.borrow_mut() = Some(file);
        self.fd.set(fd);
        let env = scope.env();
        if let Some(object) = env.natives().object(scope, self.number.get()) {
            env.natives().keep(scope, object);
        }
    }

    /// Makes the socket, if there is none.
    fn ensure(&self, scope: &Scope<'_, '_>, family: AddressFamily) -> SysResult {
        if self.fd.get() >= 0 {
            return Ok(());
        }
        let env = scope.env();
        let flags = SocketFlags::SOCK_NONBLOCK | SocketFlags::SOCK_CLOEXEC;
        let fd = syscall::socket(env.task(), family, SocketType::Datagram, 0, flags)?;
        let file = env.task().files().get(fd)?;
        self.open(scope, file, fd.raw());
        Ok(())
    }

    /// Binds to any address, if it is not bound: libuv's `uv__udp_maybe_deferred_bind`.
    fn ensure_bound(&self, scope: &Scope<'_, '_>, family: AddressFamily) -> SysResult {
        if self.fd.get() >= 0 {
            return Ok(());
        }
        self.ensure(scope, family)?;
        let any = match family {
            AddressFamily::Inet6 => SocketAddress::Inet6 {
                address: Ipv6Addr::UNSPECIFIED,
                port: 0,
                flow_info: 0,
                scope_id: 0,
            },
            _ => SocketAddress::Inet {
                address: Ipv4Addr::UNSPECIFIED,
                port: 0,
            },
        };
        syscall::bind(scope.env().task(), self.fd(), &any)
    }

    fn set_option(&self, scope: &Scope<'_, '_>, level: i32, name: i32, value: &[u8]) -> SysResult {
        syscall::setsockopt(scope.env().task(), self.fd(), level, name, value)
    }

    fn set_int(&self, scope: &Scope<'_, '_>, level: i32, name: i32, value: i32) -> SysResult {
        self.set_option(scope, level, name, &value.to_ne_bytes())
    }

    fn stop(&self, scope: &Scope<'_, '_>) {
        if let Some(watch) = self.receiving.take() {
            scope.env().event_loop().io().unwatch(watch);
            self.handle.set_active(scope, false);
        }
    }
}

fn new_udp<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let info = AsyncInfo::new(scope, this, "UDPWRAP");
    let udp = Rc::new(Udp {
        info,
        handle: HandleState::default(),
        number: Cell::new(-1),
        file: RefCell::default(),
        fd: Cell::new(-1),
        receiving: Cell::new(None),
        is_connected: Cell::new(false),
        queued: Cell::new((0, 0)),
    });
    let number = attach(scope, this, Rc::clone(&udp));
    udp.number.set(number);
    Ok(().into())
}

fn new_send_wrap<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    new_request_wrap(scope, args, "UDPSENDWRAP")
}

/// A UDP object over a descriptor; the descriptor stays the caller's when there can be none.
pub(super) fn adopt<'s>(scope: &mut Scope<'s, '_>, fd: Fd) -> Option<Object<'s>> {
    let object = crate::glue::new_instance(scope, &UDP, &[]).ok()?;
    let udp = native_of::<Udp>(scope, object)?;
    let file = scope.env().task().files().get(fd).ok()?;
    udp.open(scope, file, fd.raw());
    Some(object)
}

fn fd<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(match args.native::<Udp>(scope) {
        Ok(udp) if udp.fd.get() >= 0 => udp.fd.get().into(),
        Ok(_) => (-Errno::EBADF.raw()).into(),
        Err(_) if is_native(scope, args.this()) => Return::Undefined,
        Err(failure) => return Err(failure),
    })
}

/// Takes over a descriptor.
fn open<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    let fd = args.i32(scope, 0)?;
    if udp.fd.get() >= 0 {
        return Ok((-Errno::EBUSY.raw()).into());
    }
    let file = match scope.env().task().files().get(Fd::new(fd)) {
        Ok(file) => file,
        Err(error) => return Ok((-error.errno().raw()).into()),
    };
    let is_udp = file.downcast::<Socket>().map(|socket| {
        let is_connected = socket.peer_address().is_ok();
        (socket.kind() == SocketType::Datagram, is_connected)
    });
    let Some((true, is_connected)) = is_udp else {
        return Ok((-Errno::EINVAL.raw()).into());
    };
    file.set_flags(file.flags() | OpenFlags::O_NONBLOCK);
    udp.is_connected.set(is_connected);
    udp.open(scope, file, fd);
    Ok(0.into())
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
    let udp = args.native::<Udp>(scope)?;
    let address = match socket_address::of_args(scope, args, 0, family)? {
        Ok(address) => address,
        Err(error) => return Ok(error.into()),
    };
    let flags = args.get(2).uint32_value(scope).ok_or(Failure::Pending)?;
    let is_wrong = flags & !(IPV6_ONLY | REUSE_ADDRESS | REUSE_PORT) != 0
        || (flags & IPV6_ONLY != 0 && family != AddressFamily::Inet6);
    if is_wrong {
        return Ok((-Errno::EINVAL.raw()).into());
    }
    let bound = udp.ensure(scope, family).and_then(|()| {
        if flags & REUSE_ADDRESS != 0 {
            udp.set_int(scope, SOL_SOCKET, SO_REUSEADDR, 1)?;
        }
        if flags & REUSE_PORT != 0 {
            udp.set_int(scope, SOL_SOCKET, SO_REUSEPORT, 1)?;
        }
        if flags & IPV6_ONLY != 0 {
            udp.set_int(scope, SOL_IPV6, IPV6_V6ONLY, 1)?;
        }
        syscall::bind(scope.env().task(), udp.fd(), &address)
    });
    Ok(status_of_bind(bound).into())
}

fn connect<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    connect_to(scope, args, AddressFamily::Inet)
}

fn connect6<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    connect_to(scope, args, AddressFamily::Inet6)
}

/// `connect(address, port)`.
fn connect_to<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    family: AddressFamily,
) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    let address = match socket_address::of_args(scope, args, 0, family)? {
        Ok(address) => address,
        Err(error) => return Ok(error.into()),
    };
    if udp.is_connected.get() {
        return Ok((-Errno::EISCONN.raw()).into());
    }
    let connected = udp
        .ensure_bound(scope, family)
        .and_then(|()| block_on(syscall::connect(scope.env().task(), udp.fd(), &address)));
    udp.is_connected.set(connected.is_ok());
    Ok(status(connected).into())
}

fn disconnect<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    if !udp.is_connected.get() {
        return Ok((-Errno::ENOTCONN.raw()).into());
    }
    let nobody = SocketAddress::Unspecified;
    let done = block_on(syscall::connect(scope.env().task(), udp.fd(), &nobody));
    if done.is_ok() {
        udp.is_connected.set(false);
    }
    Ok(status(done).into())
}

fn send<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    send_to(scope, args, AddressFamily::Inet)
}

fn send6<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    send_to(scope, args, AddressFamily::Inet6)
}

/// `send(request, list, count, port, address, hasCallback)`, or without port and address when connected. Answers a negative
/// error number, or the size plus one.
fn send_to<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    family: AddressFamily,
) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    let list = args.array(1)?;
    let has_address = args.len() == 6;
    let to = if has_address {
        let port = u16::try_from(args.u32(scope, 3)? & 0xffff).unwrap_or(0);
        let text = args.text(scope, 4)?;
        match socket_address::parse(&text, port, family) {
            Ok(address) => Some(address),
            Err(error) => return Ok(error.into()),
        }
    } else {
        None
    };
    if udp.handle.is_closed() {
        return Ok((-Errno::EBADF.raw()).into());
    }
    let mut bytes = Vec::new();
    for index in 0..list.length() {
        let part = list.get_index(scope, index).ok_or(Failure::Pending)?;
        let part = copy_bytes(part).ok_or_else(|| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "Messages must be buffers")
        })?;
        bytes.extend(part);
        if bytes.len() > MAX_MESSAGE {
            return Ok((-Errno::EMSGSIZE.raw()).into());
        }
    }
    match (has_address, udp.is_connected.get()) {
        (true, true) => return Ok((-Errno::EISCONN.raw()).into()),
        (false, false) => return Ok((-Errno::EDESTADDRREQ.raw()).into()),
        _ => {}
    }
    let sent = udp.ensure_bound(scope, family).and_then(|()| {
        let message = SendMessage {
            bytes: &[IoSlice::new(&bytes)],
            rights: &[],
            to,
        };
        let flags = MessageFlags::MSG_DONTWAIT;
        block_on(syscall::sendmsg(
            scope.env().task(),
            udp.fd(),
            message,
            flags,
        ))
    });
    let total = bytes.len();
    if scope.env().command_line().is("--test-udp-no-try-send") {
        let request = args.object(0)?;
        begin_request(scope, request, Some(&udp.info));
        let request = v8::Global::new(scope, request);
        let status = sent.map_or_else(|error| -error.errno().raw(), |_| 0);
        tell_later(scope, &udp, request, total, status);
        return Ok(0.into());
    }
    Ok(match sent {
        Ok(_) => i32::try_from(total + 1).unwrap_or(i32::MAX),
        Err(error) => -error.errno().raw(),
    }
    .into())
}

/// Calls `oncomplete(status, size)` in the loop's next turn: how a send ends that may not end at once.
fn tell_later(
    scope: &Scope<'_, '_>,
    udp: &Rc<Udp>,
    request: v8::Global<v8::Object>,
    size: usize,
    status: i32,
) {
    let (count, bytes) = udp.queued.get();
    udp.queued.set((count.saturating_add(1), bytes + size));
    let env = scope.env();
    env.event_loop().begin_request();
    let udp = Rc::clone(udp);
    env.event_loop().complete(move |scope| {
        let (count, bytes) = udp.queued.get();
        udp.queued
            .set((count.saturating_sub(1), bytes.saturating_sub(size)));
        scope.env().event_loop().end_request();
        let request = v8::Local::new(scope, &request);
        #[expect(clippy::cast_precision_loss, reason = "a size fits a double")]
        let size = scope.number(size as f64);
        let status = v8::Integer::new(scope, status).into();
        finish_request(scope, request, "oncomplete", &[status, size]);
    });
}

fn recv_start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    if udp.receiving.get().is_some() {
        return Ok(0.into());
    }
    if let Err(error) = udp.ensure_bound(scope, AddressFamily::Inet) {
        return Ok((-error.errno().raw()).into());
    }
    let Some(file) = udp.file.borrow().clone() else {
        return Ok((-Errno::EBADF.raw()).into());
    };
    let number = udp.number.get();
    let ready = Rc::new(FileReady {
        file,
        wanted: PollEvents::READABLE,
    });
    let watch = scope
        .env()
        .event_loop()
        .io()
        .watch(ready, move |scope| on_readable(scope, number));
    udp.receiving.set(Some(watch));
    udp.handle.set_active(scope, true);
    Ok(0.into())
}

fn recv_stop<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    udp.stop(scope);
    Ok(0.into())
}

/// Takes what came: `onmessage(nread, handle, buffer, rinfo)`.
fn on_readable(scope: &mut Scope<'_, '_>, number: i32) {
    for _ in 0..MAX_RECEIVED {
        v8::scope!(let scope, scope);
        let env = scope.env();
        let Some(object) = env.natives().object(scope, number) else {
            return;
        };
        let Some(udp) = native_of::<Udp>(scope, object) else {
            return;
        };
        if udp.receiving.get().is_none() || !env.can_call_into_js() {
            return;
        }
        let mut buffer = vec![0; MAX_MESSAGE];
        let flags = MessageFlags::MSG_DONTWAIT;
        let came = block_on(syscall::recvfrom(env.task(), udp.fd(), &mut buffer, flags));
        let context = CallContext::of(&udp.info);
        let undefined = scope.undefined();
        let (status, bytes, sender): (i32, Value<'_>, Value<'_>) = match came {
            Ok((count, _, from)) => {
                buffer.truncate(count);
                buffer.shrink_to_fit();
                let Some(bytes) = new_node_buffer(scope, buffer) else {
                    return;
                };
                let sender = scope.object();
                socket_address::describe(scope, sender, &from);
                let count = i32::try_from(count).unwrap_or(i32::MAX);
                (count, bytes.into(), sender.into())
            }
            Err(error) if error.errno() == Errno::EAGAIN => return,
            Err(error) => (-error.errno().raw(), undefined, undefined),
        };
        let args = [
            v8::Integer::new(scope, status).into(),
            object.into(),
            bytes,
            sender,
        ];
        make_callback(scope, object, "onmessage", &args, &context);
    }
}

fn getsockname<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    let asked = syscall::getsockname(scope.env().task(), udp.fd());
    describe(scope, args, asked)
}

fn getpeername<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    let asked = syscall::getpeername(scope.env().task(), udp.fd());
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

/// A number of 0 to 255 for an option that both families have.
fn set_small<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    low: i32,
    v4: (i32, i32),
    v6: (i32, i32),
) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    let value = args.get(0).int32_value(scope).ok_or(Failure::Pending)?;
    if !(low..=255).contains(&value) {
        return Ok((-Errno::EINVAL.raw()).into());
    }
    let (level, name) = match udp.family() {
        Some(AddressFamily::Inet6) => v6,
        Some(_) => v4,
        None => return Ok((-Errno::EBADF.raw()).into()),
    };
    Ok(status(udp.set_int(scope, level, name, value)).into())
}

fn set_ttl<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    set_small(
        scope,
        args,
        1,
        (SOL_IP, IP_TTL),
        (SOL_IPV6, IPV6_UNICAST_HOPS),
    )
}

fn set_multicast_ttl<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    set_small(
        scope,
        args,
        0,
        (SOL_IP, IP_MULTICAST_TTL),
        (SOL_IPV6, IPV6_MULTICAST_HOPS),
    )
}

fn set_multicast_loopback<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    set_small(
        scope,
        args,
        0,
        (SOL_IP, IP_MULTICAST_LOOP),
        (SOL_IPV6, IPV6_MULTICAST_LOOP),
    )
}

fn set_broadcast<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    let on = args.get(0).int32_value(scope).ok_or(Failure::Pending)?;
    Ok(status(udp.set_int(scope, SOL_SOCKET, SO_BROADCAST, i32::from(on != 0))).into())
}

/// The index of an IPv6 interface address: that of its zone.
fn interface_of(text: Option<&str>) -> Result<u32, i32> {
    match text {
        None | Some("") => Ok(0),
        Some(text) => match socket_address::parse(text, 0, AddressFamily::Inet6)? {
            SocketAddress::Inet6 { scope_id, .. } => Ok(scope_id),
            _ => Ok(0),
        },
    }
}

/// A string argument, if it is one.
fn optional_text<'s>(scope: &Scope<'s, '_>, args: &Args<'s>, at: usize) -> Option<String> {
    args.text(scope, at).ok()
}

fn set_multicast_interface<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    let text = args.text(scope, 0)?;
    let Some(family) = udp.family() else {
        return Ok((-Errno::EBADF.raw()).into());
    };
    let outcome = if family == AddressFamily::Inet6 {
        match interface_of(Some(&text)) {
            Ok(index) => udp.set_option(scope, SOL_IPV6, IPV6_MULTICAST_IF, &index.to_ne_bytes()),
            Err(error) => return Ok(error.into()),
        }
    } else {
        match text.parse::<Ipv4Addr>() {
            Ok(address) => udp.set_option(scope, SOL_IP, IP_MULTICAST_IF, &address.octets()),
            Err(_) if text.is_empty() => udp.set_option(scope, SOL_IP, IP_MULTICAST_IF, &[0; 4]),
            Err(_) => return Ok((-Errno::EINVAL.raw()).into()),
        }
    };
    Ok(status(outcome).into())
}

fn add_membership<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    membership(scope, args, IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP)
}

fn drop_membership<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    membership(scope, args, IP_DROP_MEMBERSHIP, IPV6_LEAVE_GROUP)
}

/// `addMembership(group, interface)`.
fn membership<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    v4: i32,
    v6: i32,
) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    let group = args.text(scope, 0)?;
    let interface = optional_text(scope, args, 1);
    let outcome = if let Ok(group) = group.parse::<Ipv4Addr>() {
        let interface = match interface.as_deref() {
            None | Some("") => Ipv4Addr::UNSPECIFIED,
            Some(text) => match text.parse() {
                Ok(interface) => interface,
                Err(_) => return Ok((-Errno::EINVAL.raw()).into()),
            },
        };
        // struct ip_mreq
        let request = [group.octets(), interface.octets()].concat();
        udp.ensure_bound(scope, AddressFamily::Inet)
            .and_then(|()| udp.set_option(scope, SOL_IP, v4, &request))
    } else if let Ok(group) = group.parse::<Ipv6Addr>() {
        let interface = match interface_of(interface.as_deref()) {
            Ok(interface) => interface,
            Err(error) => return Ok(error.into()),
        };
        // struct ipv6_mreq
        let mut request = group.octets().to_vec();
        request.extend(interface.to_ne_bytes());
        udp.ensure_bound(scope, AddressFamily::Inet6)
            .and_then(|()| udp.set_option(scope, SOL_IPV6, v6, &request))
    } else {
        return Ok((-Errno::EINVAL.raw()).into());
    };
    Ok(status(outcome).into())
}

fn add_source_membership<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    source_membership(
        scope,
        args,
        IP_ADD_SOURCE_MEMBERSHIP,
        MCAST_JOIN_SOURCE_GROUP,
    )
}

fn drop_source_membership<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    source_membership(
        scope,
        args,
        IP_DROP_SOURCE_MEMBERSHIP,
        MCAST_LEAVE_SOURCE_GROUP,
    )
}

/// `addSourceSpecificMembership(source, group, interface)`.
fn source_membership<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    v4: i32,
    v6: i32,
) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    let (source, group) = (args.text(scope, 0)?, args.text(scope, 1)?);
    let interface = optional_text(scope, args, 2);
    let outcome = match (source.parse::<Ipv4Addr>(), group.parse::<Ipv4Addr>()) {
        (Ok(source), Ok(group)) => {
            let interface = match interface.as_deref() {
                None | Some("") => Ipv4Addr::UNSPECIFIED,
                Some(text) => match text.parse() {
                    Ok(interface) => interface,
                    Err(_) => return Ok((-Errno::EINVAL.raw()).into()),
                },
            };
            // struct ip_mreq_source
            let request = [group.octets(), interface.octets(), source.octets()].concat();
            udp.ensure_bound(scope, AddressFamily::Inet)
                .and_then(|()| udp.set_option(scope, SOL_IP, v4, &request))
        }
        _ => match (source.parse::<Ipv6Addr>(), group.parse::<Ipv6Addr>()) {
            (Ok(source), Ok(group)) => {
                let interface = match interface_of(interface.as_deref()) {
                    Ok(interface) => interface,
                    Err(error) => return Ok(error.into()),
                };
                let request = group_source_request(interface, group, source);
                udp.ensure_bound(scope, AddressFamily::Inet6)
                    .and_then(|()| udp.set_option(scope, SOL_IPV6, v6, &request))
            }
            _ => return Ok((-Errno::EINVAL.raw()).into()),
        },
    };
    Ok(status(outcome).into())
}

/// `struct group_source_req`: the interface, then two `sockaddr_storage`.
fn group_source_request(interface: u32, group: Ipv6Addr, source: Ipv6Addr) -> Vec<u8> {
    const STORAGE: usize = 128;
    let mut request = u64::from(interface).to_ne_bytes().to_vec();
    for address in [group, source] {
        // sockaddr_in6: family, port, flow, address, scope.
        let mut storage = vec![10, 0, 0, 0, 0, 0, 0, 0];
        storage.extend(address.octets());
        storage.resize(STORAGE, 0);
        request.extend(storage);
    }
    request
}

/// `bufferSize(size, isReceive, ctx)`: the size now, after setting it unless it is 0; a failure is told in `ctx`.
fn buffer_size<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let udp = args.native::<Udp>(scope)?;
    let size = args.u32(scope, 0)?;
    let (option, call) = if args.bool(scope, 1) {
        (SO_RCVBUF, "uv_recv_buffer_size")
    } else {
        (SO_SNDBUF, "uv_send_buffer_size")
    };
    let outcome = match i32::try_from(size) {
        Err(_) => Err(Errno::EINVAL),
        Ok(0) => syscall::getsockopt(scope.env().task(), udp.fd(), SOL_SOCKET, option)
            .map_err(|error| error.errno())
            .and_then(|bytes| bytes.first_chunk().copied().ok_or(Errno::EINVAL))
            .map(i32::from_ne_bytes),
        Ok(size) => udp
            .set_int(scope, SOL_SOCKET, option, size)
            .map(|()| size)
            .map_err(|error| error.errno()),
    };
    match outcome {
        Ok(size) => Ok(size.into()),
        Err(errno) => {
            let context = args.object(2)?;
            collect_uv_error(scope, context, -errno.raw(), call);
            Ok(().into())
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a size fits a double")]
fn get_send_queue_size<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok((args.native::<Udp>(scope)?.queued.get().1 as f64).into())
}

fn get_send_queue_count<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(f64::from(args.native::<Udp>(scope)?.queued.get().0).into())
}
