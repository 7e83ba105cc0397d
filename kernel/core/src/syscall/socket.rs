//! Sockets: `socket` to `getsockopt`. What a socket does is in `cenote_net`; waiting, descriptors that travel, paths of
//! Unix sockets and `SIGPIPE` are here.

use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cenote_abi::Errno;
use cenote_abi::fs::{AccessFlags, FileType, Mode, OpenFlags};
use cenote_abi::socket::{
    AddressFamily, MessageFlags, PeerCredentials, SCM_MAX_FD, SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET,
    ShutdownHow, SocketAddress, SocketFlags, SocketType, UnixPath,
};
use cenote_base::limits::Resource;
use cenote_base::policy::Request;
use cenote_base::{Fd, SysError, SysResult};
use cenote_net::{InodeKey, Name, Outgoing, Received, Socket};
use cenote_vfs::lookup::LookupFlags;
use cenote_vfs::{NewNode, OpenFile, ops, permission};

use super::fd::{install_file, number};
use super::io::broken_pipe;
use super::{traced, traced_wait};
use crate::event::epoll::Epoll;
use crate::process::Task;

fn status_flags(flags: SocketFlags) -> OpenFlags {
    let mut status = OpenFlags::O_RDWR;
    status.set(
        OpenFlags::O_NONBLOCK,
        flags.contains(SocketFlags::SOCK_NONBLOCK),
    );
    status.set(
        OpenFlags::O_CLOEXEC,
        flags.contains(SocketFlags::SOCK_CLOEXEC),
    );
    status
}

fn socket_of(file: &OpenFile) -> SysResult<&Socket> {
    file.downcast::<Socket>().ok_or(Errno::ENOTSOCK.into())
}

fn own_credentials(task: &Task) -> PeerCredentials {
    let own = task.process().credentials();
    PeerCredentials {
        pid: task.pid().raw(),
        uid: own.euid.raw(),
        gid: own.egid.raw(),
    }
}

/// Makes a socket. See socket(2).
///
/// # Errors
/// `EAFNOSUPPORT`, `ESOCKTNOSUPPORT`, `EPROTONOSUPPORT`: not to be had. `EMFILE`, `ENFILE`: too many.
pub fn socket(
    task: &Task,
    family: AddressFamily,
    kind: SocketType,
    protocol: i32,
    flags: SocketFlags,
) -> SysResult<Fd> {
    traced(task, "socket", || {
        let socket = task.kernel().sockets().socket(family, kind, protocol)?;
        install_file(task, socket, status_flags(flags))
    })
}

/// Makes two sockets connected to each other. See socketpair(2).
///
/// # Errors
/// As [`socket`]; `EOPNOTSUPP`: not Unix sockets.
pub fn socketpair(
    task: &Task,
    family: AddressFamily,
    kind: SocketType,
    protocol: i32,
    flags: SocketFlags,
) -> SysResult<(Fd, Fd)> {
    traced(task, "socketpair", || {
        let (one, other) =
            task.kernel()
                .sockets()
                .pair(family, kind, protocol, own_credentials(task))?;
        let status = status_flags(flags);
        let budget = task.kernel().budget();
        let charges = (
            budget.charge(Resource::OpenFiles, 1)?,
            budget.charge(Resource::OpenFiles, 1)?,
        );
        let (one, other) = (OpenFile::new(one, status), OpenFile::new(other, status));
        one.hold(charges.0);
        other.hold(charges.1);
        number(task, |files, limit| {
            files.insert_pair(one, other, status.descriptor(), limit)
        })
    })
}

/// The name of an address. A Unix path is looked up; it must be a socket that the caller may write to.
fn target(task: &Task, socket: &Socket, address: &SocketAddress) -> SysResult<Name> {
    if let Some(name) = Name::of(address, socket.family())? {
        return Ok(name);
    }
    let SocketAddress::UnixPath(path) = address else {
        return Err(Errno::EINVAL.into());
    };
    task.with_lookup(|cx| {
        let found = ops::find(cx, None, path.as_bytes(), LookupFlags::FOLLOW)?;
        let stat = found.inode.stat()?;
        permission::check(&stat, cx.credentials, AccessFlags::W_OK)?;
        if stat.file_type() != Some(FileType::Socket) {
            return Err(Errno::ECONNREFUSED.into());
        }
        Ok(Name::Path(
            InodeKey {
                device: stat.dev,
                inode: stat.ino,
            },
            *path,
        ))
    })
}

/// Makes the file a Unix socket is bound to.
fn make_name(task: &Task, path: UnixPath) -> SysResult<Name> {
    task.with_lookup(|cx| {
        let bytes = path.as_bytes();
        ops::mknod(cx, None, bytes, NewNode::Socket, Mode::from_raw(0o777)).map_err(|error| {
            if error.errno() == Errno::EEXIST {
                Errno::EADDRINUSE.into()
            } else {
                error
            }
        })?;
        let stat = ops::find(cx, None, bytes, LookupFlags::empty())?
            .inode
            .stat()?;
        Ok(Name::Path(
            InodeKey {
                device: stat.dev,
                inode: stat.ino,
            },
            path,
        ))
    })
}

/// Gives a socket a name. See bind(2).
///
/// # Errors
/// `EADDRINUSE`, `EADDRNOTAVAIL`, `EAFNOSUPPORT`, `EINVAL`: it has one. `EACCES`: a low port. `ENOTSOCK`, `EBADF`; those
/// of making a file.
pub fn bind(task: &Task, fd: Fd, address: &SocketAddress) -> SysResult {
    traced(task, "bind", || {
        let file = task.files().get(fd)?;
        let socket = socket_of(&file)?;
        let is_privileged = task.process().credentials().is_privileged();
        let name = match Name::of(address, socket.family())? {
            Some(name) => name,
            None => {
                let SocketAddress::UnixPath(path) = address else {
                    return Err(Errno::EINVAL.into());
                };
                if socket.local_address() != SocketAddress::UnixUnnamed {
                    return Err(Errno::EINVAL.into());
                }
                make_name(task, *path)?
            }
        };
        socket.bind(name, is_privileged)
    })
}

/// Takes connections from now on. See listen(2).
///
/// # Errors
/// `EOPNOTSUPP`: not a connection type. `EINVAL`, `EADDRINUSE`, `ENOTSOCK`, `EBADF`.
pub fn listen(task: &Task, fd: Fd, backlog: i32) -> SysResult {
    traced(task, "listen", || {
        let file = task.files().get(fd)?;
        let socket = socket_of(&file)?;
        let address = match socket.local_address() {
            SocketAddress::Inet { address, port } => Some((address.into(), port)),
            SocketAddress::Inet6 { address, port, .. } => Some((address.into(), port)),
            _ => None,
        };
        if let Some((address, port)) = address {
            let address = SocketAddr::new(address, port);
            task.kernel().permit(&Request::Listen { address })?;
        }
        socket.listen(backlog, own_credentials(task))
    })
}

/// How long `SO_RCVTIMEO` or `SO_SNDTIMEO` let a call wait.
fn timeout(socket: &Socket, option: i32) -> Option<Duration> {
    let bytes = socket.option(SOL_SOCKET, option).ok()?;
    let seconds = u64::from_le_bytes(*bytes.first_chunk()?);
    let micros = u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
    let span = Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros));
    (!span.is_zero()).then_some(span)
}

/// The option that bounds how long a read of a socket waits, if there is such a bound.
pub(crate) fn patience(file: &OpenFile) -> Option<i32> {
    let socket = file.downcast::<Socket>()?;
    timeout(socket, SO_RCVTIMEO).map(|_| SO_RCVTIMEO)
}

/// Tries until it succeeds, waiting on the socket in between.
pub(crate) async fn blocking<T>(
    task: &Task,
    file: &OpenFile,
    nonblocking: bool,
    option: i32,
    mut attempt: impl FnMut(&Socket) -> SysResult<T> + Send,
) -> SysResult<T> {
    let socket = socket_of(file)?;
    match attempt(socket) {
        Err(error) if error.errno() == Errno::EAGAIN && !nonblocking && !file.is_nonblocking() => {}
        done => return done,
    }
    let Some(queue) = file.wait_queue() else {
        return Err(Errno::EAGAIN.into());
    };
    let deadline = timeout(socket, option).map(|span| task.kernel().clock().now().after(span));
    let answer = task
        .wait_until(&[queue], deadline, || match attempt(socket) {
            Err(error) if error.errno() == Errno::EAGAIN => None,
            done => Some(done),
        })
        .await?;
    answer.ok_or(Errno::EAGAIN.into())
}

/// Takes the next connection; answers its descriptor and who is at the other end. See accept4(2).
///
/// # Errors
/// `EAGAIN`, `EINTR`, `EINVAL`: not listening. `EOPNOTSUPP`, `EMFILE`, `ENFILE`, `ENOTSOCK`, `EBADF`.
pub async fn accept4(task: &Task, fd: Fd, flags: SocketFlags) -> SysResult<(Fd, SocketAddress)> {
    traced_wait(task, "accept4", async {
        let file = task.files().get(fd)?;
        let accepted = blocking(task, &file, false, SO_RCVTIMEO, Socket::accept).await?;
        let peer = accepted
            .peer_address()
            .unwrap_or(SocketAddress::Unspecified);
        Ok((install_file(task, accepted, status_flags(flags))?, peer))
    })
    .await
}

/// Connects a socket. See connect(2).
///
/// # Errors
/// `ECONNREFUSED`, `EISCONN`, `EAFNOSUPPORT`. `EPROTOTYPE`, `EACCES`, `ENOENT`: of a Unix path. `EAGAIN`, `EINTR`, `ENOTSOCK`, `EBADF`.
/// Out of the machine: `ENETUNREACH`: there is no way. `EACCES`: the policy refuses. `EINPROGRESS`, `EALREADY`, `ETIMEDOUT`,
/// `EHOSTUNREACH`, `ENOBUFS`: the limit `outward_connections`.
pub async fn connect(task: &Task, fd: Fd, address: &SocketAddress) -> SysResult {
    traced_wait(task, "connect", async {
        let file = task.files().get(fd)?;
        let socket = socket_of(&file)?;
        if *address == SocketAddress::Unspecified {
            return socket.disconnect();
        }
        let name = target(task, socket, address)?;
        let credentials = own_credentials(task);
        let begun = blocking(task, &file, false, SO_SNDTIMEO, |socket| {
            socket.connect(name, credentials)
        })
        .await;
        match begun {
            Err(error)
                if matches!(error.errno(), Errno::EINPROGRESS | Errno::EALREADY)
                    && !file.is_nonblocking() =>
            {
                outcome(task, &file, error).await
            }
            done => done,
        }
    })
    .await
}

/// Waits for a connection out of the machine, as long as `SO_SNDTIMEO` lets it.
async fn outcome(task: &Task, file: &OpenFile, under_way: SysError) -> SysResult {
    let socket = socket_of(file)?;
    let Some(queue) = file.wait_queue() else {
        return Err(under_way);
    };
    let deadline = timeout(socket, SO_SNDTIMEO).map(|span| task.kernel().clock().now().after(span));
    task.wait_until(&[queue], deadline, || socket.connected())
        .await?
        .ok_or(Errno::EINPROGRESS.into())
}

/// The address of this end. See getsockname(2).
///
/// # Errors
/// `ENOTSOCK`, `EBADF`.
pub fn getsockname(task: &Task, fd: Fd) -> SysResult<SocketAddress> {
    traced(task, "getsockname", || {
        let file = task.files().get(fd)?;
        Ok(socket_of(&file)?.local_address())
    })
}

/// The address of the other end. See getpeername(2).
///
/// # Errors
/// `ENOTCONN`, `ENOTSOCK`, `EBADF`.
pub fn getpeername(task: &Task, fd: Fd) -> SysResult<SocketAddress> {
    traced(task, "getpeername", || {
        let file = task.files().get(fd)?;
        socket_of(&file)?.peer_address()
    })
}

/// What [`sendmsg`] sends.
#[derive(Debug, Default)]
pub struct SendMessage<'a> {
    /// The bytes.
    pub bytes: &'a [IoSlice<'a>],
    /// Descriptors that go along (`SCM_RIGHTS`).
    pub rights: &'a [Fd],
    /// Where to, for a socket that is not connected.
    pub to: Option<SocketAddress>,
}

/// Sends a message. See sendmsg(2).
///
/// # Errors
/// `EPIPE` (and `SIGPIPE`, without `MSG_NOSIGNAL`), `EAGAIN`, `EINTR`, `ENOTCONN`, `EDESTADDRREQ`, `EISCONN`, `EMSGSIZE`,
/// `ECONNREFUSED`, `ECONNRESET`, `ENETUNREACH`, `EINVAL`: too many descriptors. `ENOTSOCK`, `EBADF`.
pub async fn sendmsg(
    task: &Task,
    fd: Fd,
    message: SendMessage<'_>,
    flags: MessageFlags,
) -> SysResult<usize> {
    traced_wait(task, "sendmsg", async {
        let file = task.files().get(fd)?;
        let rights = rights_of(task, message.rights)?;
        send(
            task,
            &file,
            message.bytes,
            rights,
            message.to.as_ref(),
            flags,
        )
        .await
    })
    .await
}

fn rights_of(task: &Task, fds: &[Fd]) -> SysResult<Vec<Arc<OpenFile>>> {
    if fds.len() > SCM_MAX_FD {
        return Err(Errno::EINVAL.into());
    }
    let files: Vec<Arc<OpenFile>> = fds
        .iter()
        .map(|fd| task.files().get(*fd))
        .collect::<SysResult<_>>()?;
    // A socket or epoll that travels inside itself could never be freed.
    let is_cyclic = |file: &Arc<OpenFile>| file.downcast::<Epoll>().is_some();
    if files.iter().any(is_cyclic) {
        Err(Errno::EINVAL.into())
    } else {
        Ok(files)
    }
}

/// Sends bytes. See sendto(2).
///
/// # Errors
/// As [`sendmsg`].
pub async fn sendto(
    task: &Task,
    fd: Fd,
    bytes: &[u8],
    flags: MessageFlags,
    to: Option<&SocketAddress>,
) -> SysResult<usize> {
    traced_wait(task, "sendto", async {
        let file = task.files().get(fd)?;
        send(task, &file, &[IoSlice::new(bytes)], Vec::new(), to, flags).await
    })
    .await
}

async fn send(
    task: &Task,
    file: &OpenFile,
    bytes: &[IoSlice<'_>],
    rights: Vec<Arc<OpenFile>>,
    to: Option<&SocketAddress>,
    flags: MessageFlags,
) -> SysResult<usize> {
    let socket = socket_of(file)?;
    let name = to
        .map(|address| target(task, socket, address))
        .transpose()?;
    let credentials = own_credentials(task);
    let nonblocking = flags.contains(MessageFlags::MSG_DONTWAIT);
    let total = bytes
        .iter()
        .fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    let is_stream = socket.kind() == SocketType::Stream;
    let mut sent = 0;
    loop {
        let rest = skip(bytes, sent);
        // What travels along goes with the first bytes.
        let rights = if sent == 0 {
            rights.clone()
        } else {
            Vec::new()
        };
        let outcome = blocking(task, file, nonblocking, SO_SNDTIMEO, |socket| {
            socket.send(
                Outgoing {
                    bytes: &rest,
                    rights: rights.clone(),
                    credentials,
                    flags,
                },
                name,
            )
        })
        .await;
        match outcome {
            Ok(count) => {
                sent += count;
                if sent >= total || !is_stream || nonblocking || file.is_nonblocking() {
                    return Ok(sent);
                }
            }
            Err(_) if sent > 0 => return Ok(sent),
            Err(error) => {
                if error.errno() == Errno::EPIPE
                    && is_stream
                    && !flags.contains(MessageFlags::MSG_NOSIGNAL)
                {
                    broken_pipe(task);
                }
                return Err(error);
            }
        }
    }
}

/// The buffers without their first bytes.
fn skip<'a>(bytes: &'a [IoSlice<'a>], mut count: usize) -> Vec<IoSlice<'a>> {
    let mut rest = Vec::with_capacity(bytes.len());
    for part in bytes {
        let dropped = count.min(part.len());
        count -= dropped;
        if dropped < part.len() || part.is_empty() {
            rest.push(IoSlice::new(&part[dropped..]));
        }
    }
    rest
}

/// What [`recvmsg`] received.
#[derive(Clone, Debug)]
pub struct ReceivedMessage {
    /// How many bytes were put into the buffers: what the call returns (`length` with `MSG_TRUNC`).
    pub copied: usize,
    /// How long the message was.
    pub length: usize,
    /// Who sent it.
    pub from: SocketAddress,
    /// Descriptors that came along.
    pub rights: Vec<Fd>,
    /// Who sent it, with `SO_PASSCRED`.
    pub credentials: Option<PeerCredentials>,
    /// `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_EOR`.
    pub flags: MessageFlags,
}

/// Receives a message, and at most `max_rights` descriptors. See recvmsg(2).
///
/// # Errors
/// `EAGAIN`, `EINTR`, `ENOTCONN`, `ECONNRESET`, `EINVAL`, `ENOTSOCK`, `EBADF`.
pub async fn recvmsg(
    task: &Task,
    fd: Fd,
    buffers: &mut [IoSliceMut<'_>],
    flags: MessageFlags,
    max_rights: usize,
) -> SysResult<ReceivedMessage> {
    traced_wait(task, "recvmsg", async {
        let file = task.files().get(fd)?;
        let received = receive(task, &file, buffers, flags).await?;
        let mut answer = ReceivedMessage {
            copied: received.copied,
            length: received.length,
            from: received.from,
            rights: Vec::new(),
            credentials: received.credentials,
            flags: received.flags,
        };
        let mut descriptor = OpenFlags::empty();
        descriptor.set(
            OpenFlags::O_CLOEXEC,
            flags.contains(MessageFlags::MSG_CMSG_CLOEXEC),
        );
        for right in received.rights {
            let room = answer.rights.len() < max_rights;
            match room.then(|| {
                number(task, |files, limit| {
                    files.insert(right, descriptor.descriptor(), limit)
                })
            }) {
                Some(Ok(fd)) => answer.rights.push(fd),
                // unix(7): what does not fit is closed, and the message marked.
                Some(Err(_)) | None => answer.flags |= MessageFlags::MSG_CTRUNC,
            }
        }
        Ok(answer)
    })
    .await
}

/// Receives bytes; answers how many, the whole length of the message, and who sent it. See recvfrom(2).
///
/// # Errors
/// As [`recvmsg`].
pub async fn recvfrom(
    task: &Task,
    fd: Fd,
    buf: &mut [u8],
    flags: MessageFlags,
) -> SysResult<(usize, usize, SocketAddress)> {
    traced_wait(task, "recvfrom", async {
        let file = task.files().get(fd)?;
        let received = receive(task, &file, &mut [IoSliceMut::new(buf)], flags).await?;
        Ok((received.copied, received.length, received.from))
    })
    .await
}

async fn receive(
    task: &Task,
    file: &OpenFile,
    buffers: &mut [IoSliceMut<'_>],
    flags: MessageFlags,
) -> SysResult<Received> {
    let nonblocking = flags.contains(MessageFlags::MSG_DONTWAIT);
    let is_stream = socket_of(file)?.kind() == SocketType::Stream;
    let waits_for_all = flags.contains(MessageFlags::MSG_WAITALL)
        && is_stream
        && buffers.len() == 1
        && !nonblocking;
    let mut first = blocking(task, file, nonblocking, SO_RCVTIMEO, |socket| {
        socket.receive(buffers, flags)
    })
    .await?;
    if !waits_for_all || flags.contains(MessageFlags::MSG_PEEK) {
        return Ok(first);
    }
    while first.copied > 0
        && buffers
            .first()
            .is_some_and(|buffer| first.copied < buffer.len())
    {
        let filled = first.copied;
        let more = blocking(task, file, nonblocking, SO_RCVTIMEO, |socket| {
            let rest = buffers
                .first_mut()
                .and_then(|buffer| buffer.get_mut(filled..))
                .unwrap_or_default();
            socket.receive(&mut [IoSliceMut::new(rest)], flags)
        })
        .await;
        match more {
            Ok(more) if more.copied > 0 => {
                first.copied += more.copied;
                first.length = first.copied;
                first.rights.extend(more.rights);
            }
            _ => break,
        }
    }
    Ok(first)
}

/// Ends sending, receiving or both. See shutdown(2).
///
/// # Errors
/// `ENOTCONN`, `ENOTSOCK`, `EBADF`.
pub fn shutdown(task: &Task, fd: Fd, how: ShutdownHow) -> SysResult {
    traced(task, "shutdown", || {
        let file = task.files().get(fd)?;
        socket_of(&file)?.shutdown(how)
    })
}

/// Sets an option, its value in the layout of 64-bit Linux. See setsockopt(2).
///
/// # Errors
/// `ENOPROTOOPT`, `EINVAL`, `ENOTSOCK`, `EBADF`.
pub fn setsockopt(task: &Task, fd: Fd, level: i32, name: i32, value: &[u8]) -> SysResult {
    traced(task, "setsockopt", || {
        let file = task.files().get(fd)?;
        socket_of(&file)?.set_option(level, name, value)
    })
}

/// Reads an option, in the layout of 64-bit Linux. See getsockopt(2).
///
/// # Errors
/// `ENOPROTOOPT`, `ENOTSOCK`, `EBADF`.
pub fn getsockopt(task: &Task, fd: Fd, level: i32, name: i32) -> SysResult<Vec<u8>> {
    traced(task, "getsockopt", || {
        let file = task.files().get(fd)?;
        socket_of(&file)?.option(level, name)
    })
}
