//! One end: [`Socket`], in the states a socket goes through, and as a [`File`].
//!
//! Lock order: `Socket::state`, then the table, then inboxes. Another socket's `state` is never taken while ours is held.

use std::any::Any;
use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Stat};
use cenote_abi::poll::PollEvents;
use cenote_abi::socket::{
    AddressFamily, IPPROTO_TCP, IPPROTO_UDP, IPV6_V6ONLY, MessageFlags, PeerCredentials,
    SO_ACCEPTCONN, SO_DOMAIN, SO_ERROR, SO_LINGER, SO_PEERCRED, SO_PROTOCOL, SO_REUSEADDR,
    SO_REUSEPORT, SO_TYPE, SOL_IPV6, SOL_SOCKET, ShutdownHow, SocketAddress, SocketType,
};
use cenote_base::limits::Charge;
use cenote_base::{SysError, SysResult, WaitQueue};
use cenote_vfs::{File, IoctlCaller, IoctlRequest};
use parking_lot::Mutex;

use crate::address::{Name, any};
use crate::connection::{Connection, Listener};
use crate::inbox::{Inbox, Outgoing, Received};
use crate::multicast::{Change, Memberships};
use crate::options::Options;
use crate::outward::{Attempt, Uplink};
use crate::table::Sockets;

/// Where a socket is in its life.
#[derive(Debug)]
pub(crate) enum State {
    /// Made, perhaps bound.
    Fresh,
    /// Takes connections.
    Listening(Arc<Listener>),
    /// Has asked for a connection out of the machine.
    Connecting(Arc<Attempt>),
    /// Has another end.
    Connected(Connection),
    /// A datagram socket: the mailbox, and where messages go without an address.
    Datagram {
        inbox: Arc<Inbox>,
        peer: Option<(Name, Weak<Socket>)>,
        sends: bool,
    },
}

/// One end. See the crate's header for locks.
pub struct Socket {
    pub(crate) table: Arc<Sockets>,
    pub(crate) family: AddressFamily,
    kind: SocketType,
    pub(crate) state: Mutex<State>,
    pub(crate) name: Mutex<Option<Name>>,
    pub(crate) options: Mutex<Options>,
    /// The multicast groups a datagram socket takes messages of.
    pub(crate) memberships: Mutex<Memberships>,
    /// The way out of a datagram socket, once it sent something there.
    pub(crate) uplink: Mutex<Option<Arc<Uplink>>>,
    /// A connection out of the machine was made, and no call of `connect` has said so yet.
    pub(crate) is_unannounced: AtomicBool,
    /// An error to be told once, by `SO_ERROR` or the next call.
    pub(crate) pending_error: Mutex<Option<Errno>>,
    pub(crate) queue: Arc<WaitQueue>,
    pub(crate) this: Weak<Self>,
    _charge: Charge,
}

impl Socket {
    pub(crate) fn new(
        table: &Arc<Sockets>,
        family: AddressFamily,
        kind: SocketType,
        charge: Charge,
    ) -> Arc<Self> {
        let queue = Arc::new(WaitQueue::new());
        let state = match kind {
            SocketType::Datagram => State::Datagram {
                inbox: Inbox::new(true, Arc::clone(&queue), None),
                peer: None,
                sends: true,
            },
            SocketType::Stream | SocketType::SeqPacket | SocketType::Raw => State::Fresh,
        };
        Self::with_state(table, family, kind, charge, queue, state)
    }

    pub(crate) fn with_state(
        table: &Arc<Sockets>,
        family: AddressFamily,
        kind: SocketType,
        charge: Charge,
        queue: Arc<WaitQueue>,
        state: State,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            table: Arc::clone(table),
            family,
            kind,
            state: Mutex::new(state),
            name: Mutex::new(None),
            options: Mutex::default(),
            memberships: Mutex::default(),
            uplink: Mutex::default(),
            is_unannounced: AtomicBool::new(false),
            pending_error: Mutex::new(None),
            queue,
            this: this.clone(),
            _charge: charge,
        })
    }

    /// The family.
    #[must_use]
    pub fn family(&self) -> AddressFamily {
        self.family
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> SocketType {
        self.kind
    }

    pub(crate) fn keeps_bounds(&self) -> bool {
        self.kind != SocketType::Stream
    }

    /// Gives the socket a name. See bind(2).
    ///
    /// # Errors
    /// `EINVAL`: it has one. `EADDRINUSE`, `EADDRNOTAVAIL`; `EACCES`: a port below 1,024 without `privileged`.
    pub fn bind(&self, name: Name, privileged: bool) -> SysResult {
        let mut own = self.name.lock();
        if own.is_some() {
            return Err(SysError::with_note(
                Errno::EINVAL,
                "the socket is bound already",
            ));
        }
        if let Name::Inet(_, 1..1_024) = name
            && !privileged
        {
            return Err(Errno::EACCES.into());
        }
        let this = self.this.upgrade().ok_or(Errno::EBADF)?;
        let (reuse, v6_only) = {
            let options = self.options.lock();
            // Datagram sockets share a port if all ask to; stream sockets only may follow one that is gone, which is always so here.
            let reuse_port = options.is_on(SOL_SOCKET, SO_REUSEPORT);
            let reuse_address =
                self.kind == SocketType::Datagram && options.is_on(SOL_SOCKET, SO_REUSEADDR);
            (
                reuse_port || reuse_address,
                options.is_on(SOL_IPV6, IPV6_V6ONLY),
            )
        };
        *own = Some(self.table.bind(&this, name, reuse, v6_only)?);
        Ok(())
    }

    /// The socket's own address. See getsockname(2).
    #[must_use]
    pub fn local_address(&self) -> SocketAddress {
        let name = *self.name.lock();
        match name {
            Some(name) => name.to_address(self.family),
            None => self.nameless(),
        }
    }

    pub(crate) fn nameless(&self) -> SocketAddress {
        match self.family {
            AddressFamily::Unix => SocketAddress::UnixUnnamed,
            family => Name::Inet(any(family), 0).to_address(family),
        }
    }

    /// The other end's address. See getpeername(2).
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn peer_address(&self) -> SysResult<SocketAddress> {
        match &*self.state.lock() {
            State::Connected(connection) => Ok(connection.peer_address),
            State::Datagram {
                peer: Some((name, _)),
                ..
            } => Ok(name.to_address(self.family)),
            State::Fresh
            | State::Listening(_)
            | State::Connecting(_)
            | State::Datagram { peer: None, .. } => Err(Errno::ENOTCONN.into()),
        }
    }

    /// Sends a message, to `to` if the socket is not connected. See sendmsg(2); `SIGPIPE` is the caller's matter.
    ///
    /// # Errors
    /// `EAGAIN`: no room now. `EPIPE`: nobody will read. `ENOTCONN`, `EDESTADDRREQ`, `EISCONN`, `EMSGSIZE`,
    /// `ECONNREFUSED`, `ECONNRESET`, `ENETUNREACH`, `EOPNOTSUPP` (`MSG_OOB`).
    pub fn send(&self, message: Outgoing<'_>, to: Option<Name>) -> SysResult<usize> {
        if message.flags.contains(MessageFlags::MSG_OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let pending = self.pending_error.lock().take();
        if let Some(error) = pending {
            return Err(error.into());
        }
        if !message.rights.is_empty() && self.family != AddressFamily::Unix {
            return Err(SysError::with_note(
                Errno::EINVAL,
                "descriptors travel through unix sockets only",
            ));
        }
        if self.kind == SocketType::Datagram {
            return self.send_datagram(message, to);
        }
        let (outgoing, incoming, is_refused) = match &*self.state.lock() {
            State::Connected(_) if to.is_some() && self.family == AddressFamily::Unix => {
                return Err(Errno::EISCONN.into());
            }
            State::Connected(connection) => (
                Arc::clone(&connection.outgoing),
                Arc::clone(&connection.incoming),
                Arc::clone(&connection.is_refused),
            ),
            // Linux: sk_stream_wait_connect waits for the connection.
            State::Connecting(_) => return Err(Errno::EAGAIN.into()),
            State::Fresh | State::Listening(_) | State::Datagram { .. } => {
                // Linux: tcp says EPIPE, unix ENOTCONN.
                let errno = if self.family == AddressFamily::Unix {
                    Errno::ENOTCONN
                } else {
                    Errno::EPIPE
                };
                return Err(errno.into());
            }
        };
        if outgoing.has_ended() {
            return Err(Errno::EPIPE.into());
        }
        if self.family != AddressFamily::Unix && outgoing.is_closed() {
            if incoming.take_reset() {
                is_refused.store(true, Ordering::Relaxed);
                return Err(Errno::ECONNRESET.into());
            }
            // tcp(7): what goes to an end that is gone is sent, and answered with a reset; the next call knows.
            return if is_refused.swap(true, Ordering::Relaxed) {
                Err(Errno::EPIPE.into())
            } else {
                Ok(message.len())
            };
        }
        outgoing.put(message, SocketAddress::Unspecified, &self.queue)
    }

    /// Receives a message or bytes. See recvmsg(2). Zero bytes of a stream are its end.
    ///
    /// # Errors
    /// `EAGAIN`: nothing yet. `ENOTCONN`, `ECONNRESET`, `EINVAL` (a listener), `EOPNOTSUPP` (`MSG_OOB`).
    pub fn receive(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        flags: MessageFlags,
    ) -> SysResult<Received> {
        if flags.contains(MessageFlags::MSG_OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let pending = self.pending_error.lock().take();
        if let Some(error) = pending {
            return Err(error.into());
        }
        let inbox = match &*self.state.lock() {
            State::Connected(connection) => Arc::clone(&connection.incoming),
            State::Datagram { inbox, .. } => Arc::clone(inbox),
            State::Connecting(_) => return Err(Errno::EAGAIN.into()),
            State::Fresh | State::Listening(_) => {
                // Linux: unix_stream_read_generic says EINVAL, tcp_recvmsg ENOTCONN.
                let is_unix_stream =
                    self.family == AddressFamily::Unix && self.kind == SocketType::Stream;
                let errno = if is_unix_stream {
                    Errno::EINVAL
                } else {
                    Errno::ENOTCONN
                };
                return Err(errno.into());
            }
        };
        let mut received = inbox.take(buffers, flags)?;
        if received.from == SocketAddress::Unspecified && self.kind != SocketType::Datagram {
            received.from = self.peer_address().unwrap_or(SocketAddress::Unspecified);
        }
        Ok(received)
    }

    /// Ends sending, receiving or both. See shutdown(2).
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn shutdown(&self, how: ShutdownHow) -> SysResult {
        let (read, write) = match how {
            ShutdownHow::Read => (true, false),
            ShutdownHow::Write => (false, true),
            ShutdownHow::Both => (true, true),
        };
        let mut state = self.state.lock();
        let (incoming, outgoing) = match &mut *state {
            State::Connected(connection) => (
                Arc::clone(&connection.incoming),
                Some(Arc::clone(&connection.outgoing)),
            ),
            State::Datagram { inbox, peer, sends } => {
                if peer.is_none() && self.family != AddressFamily::Unix {
                    return Err(Errno::ENOTCONN.into());
                }
                *sends &= !write;
                (Arc::clone(inbox), None)
            }
            State::Listening(listener) if read => {
                let listener = Arc::clone(listener);
                *state = State::Fresh;
                drop(state);
                listener.close();
                self.queue.wake_all();
                return Ok(());
            }
            // Linux: inet_shutdown gives the attempt up.
            State::Connecting(attempt) => {
                let attempt = Arc::clone(attempt);
                *state = State::Fresh;
                drop(state);
                attempt.abandon();
                self.queue.wake_all();
                return Ok(());
            }
            // Linux: unix_shutdown asks nothing.
            State::Fresh | State::Listening(_) if self.family == AddressFamily::Unix => {
                return Ok(());
            }
            State::Fresh | State::Listening(_) => return Err(Errno::ENOTCONN.into()),
        };
        drop(state);
        if read {
            incoming.end();
            if self.family == AddressFamily::Unix && self.kind != SocketType::Datagram {
                // unix(7) streams: the other end's writes fail from now on. What came before can still be read.
                incoming.refuse();
            }
        }
        if write && let Some(outgoing) = outgoing {
            outgoing.end();
        }
        self.queue.wake_all();
        Ok(())
    }

    /// Sets an option. See setsockopt(2).
    ///
    /// # Errors
    /// `ENOPROTOOPT`, `EINVAL`.
    pub fn set_option(&self, level: i32, name: i32, value: &[u8]) -> SysResult {
        if let Some(change) = Change::of(level, name, value) {
            if self.kind != SocketType::Datagram || self.family == AddressFamily::Unix {
                return Err(Errno::ENOPROTOOPT.into());
            }
            return self.memberships.lock().apply(change?);
        }
        self.options.lock().set(level, name, value)
    }

    /// Whether an int option is on.
    #[must_use]
    pub fn has_option(&self, level: i32, name: i32) -> bool {
        self.options.lock().is_on(level, name)
    }

    /// Reads an option, in the layout of the guest's structure. See getsockopt(2).
    ///
    /// # Errors
    /// `ENOPROTOOPT`.
    pub fn option(&self, level: i32, name: i32) -> SysResult<Vec<u8>> {
        let int = |value: i32| Ok(value.to_le_bytes().to_vec());
        match (level, name) {
            (SOL_SOCKET, SO_TYPE) => int(self.kind.raw()),
            (SOL_SOCKET, SO_DOMAIN) => int(self.family.raw()),
            (SOL_SOCKET, SO_PROTOCOL) => int(match (self.family, self.kind) {
                (AddressFamily::Unix, _) => 0,
                (_, SocketType::Stream) => IPPROTO_TCP,
                _ => IPPROTO_UDP,
            }),
            (SOL_SOCKET, SO_ERROR) => int(self.pending_error.lock().take().map_or(0, Errno::raw)),
            (SOL_SOCKET, SO_ACCEPTCONN) => int(i32::from(matches!(
                &*self.state.lock(),
                State::Listening(_)
            ))),
            (SOL_SOCKET, SO_PEERCRED) => {
                let none = PeerCredentials {
                    pid: 0,
                    uid: u32::MAX,
                    gid: u32::MAX,
                };
                let peer = match &*self.state.lock() {
                    State::Connected(connection) => connection.peer_credentials,
                    State::Fresh
                    | State::Listening(_)
                    | State::Connecting(_)
                    | State::Datagram { .. } => none,
                };
                let mut bytes = peer.pid.to_le_bytes().to_vec();
                bytes.extend(peer.uid.to_le_bytes());
                bytes.extend(peer.gid.to_le_bytes());
                Ok(bytes)
            }
            _ => self.options.lock().get(level, name),
        }
    }

    /// Whether closing resets the connection: `SO_LINGER` on, of no time.
    fn aborts(&self) -> bool {
        self.family != AddressFamily::Unix
            && self
                .options
                .lock()
                .get(SOL_SOCKET, SO_LINGER)
                .is_ok_and(|linger| {
                    let (on, time) = linger.split_at(linger.len().min(4));
                    on.iter().any(|byte| *byte != 0) && time.iter().all(|byte| *byte == 0)
                })
    }

    /// Lets go of everything: the last descriptor is gone, or the machine ends.
    pub(crate) fn close(&self) {
        self.table.unbind(self);
        let uplink = self.uplink.lock().take();
        if let Some(uplink) = uplink {
            uplink.close();
        }
        let state = std::mem::replace(&mut *self.state.lock(), State::Fresh);
        match state {
            State::Fresh => {}
            State::Listening(listener) => listener.close(),
            State::Connecting(attempt) => attempt.abandon(),
            State::Connected(connection) if self.aborts() => connection.abort(),
            State::Connected(connection) => connection.close(),
            State::Datagram { inbox, .. } => {
                inbox.close();
            }
        }
        self.queue.wake_all();
    }
}

impl File for Socket {
    fn read(&self, _at: u64, buf: &mut [u8]) -> SysResult<usize> {
        self.receive(&mut [IoSliceMut::new(buf)], MessageFlags::empty())
            .map(|received| received.copied)
    }

    fn write(&self, _at: u64, buf: &[u8]) -> SysResult<usize> {
        let message = Outgoing {
            bytes: &[IoSlice::new(buf)],
            rights: Vec::new(),
            credentials: PeerCredentials {
                pid: 0,
                uid: u32::MAX,
                gid: u32::MAX,
            },
            flags: MessageFlags::empty(),
        };
        self.send(message, None)
    }

    fn poll(&self) -> PollEvents {
        let mut events = match &*self.state.lock() {
            // Linux: a fresh stream socket is writable and hung up, one that failed to connect readable too.
            State::Fresh if self.pending_error.lock().is_some() => {
                PollEvents::READABLE
                    | PollEvents::WRITABLE
                    | PollEvents::POLLRDHUP
                    | PollEvents::POLLHUP
            }
            State::Fresh => PollEvents::WRITABLE | PollEvents::POLLHUP,
            // tcp_poll: nothing, until the handshake is over.
            State::Connecting(_) => PollEvents::empty(),
            State::Listening(listener) => listener.poll(),
            State::Connected(connection) => connection.poll(),
            State::Datagram { inbox, .. } => inbox.poll_reader() | PollEvents::WRITABLE,
        };
        if self.pending_error.lock().is_some() {
            events |= PollEvents::POLLERR;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn ioctl(&self, _caller: &dyn IoctlCaller, request: IoctlRequest<'_>) -> SysResult<i32> {
        match request {
            IoctlRequest::BytesReadable(answer) => {
                let readable = match &*self.state.lock() {
                    State::Connected(connection) => connection.incoming.readable(),
                    State::Datagram { inbox, .. } => inbox.readable(),
                    State::Fresh | State::Connecting(_) => 0,
                    State::Listening(_) => return Err(Errno::EINVAL.into()),
                };
                *answer = i32::try_from(readable).unwrap_or(i32::MAX);
                Ok(0)
            }
            IoctlRequest::BytesUnsent(answer) => {
                let unsent = match &*self.state.lock() {
                    State::Connected(connection) => connection.outgoing.readable(),
                    State::Fresh | State::Connecting(_) | State::Datagram { .. } => 0,
                    State::Listening(_) => return Err(Errno::EINVAL.into()),
                };
                *answer = i32::try_from(unsent).unwrap_or(i32::MAX);
                Ok(0)
            }
            IoctlRequest::AtMark(answer) => {
                *answer = 0;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY.into()),
        }
    }

    fn stat(&self) -> SysResult<Option<Stat>> {
        let mode = FileType::Socket.mode_bits() | 0o777;
        Ok(Some(Stat {
            mode,
            nlink: 1,
            blksize: 4_096,
            ..Stat::default()
        }))
    }

    fn released(&self) {
        self.close();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Socket({:?} {:?} {:?})",
            self.family,
            self.kind,
            *self.name.lock()
        )
    }
}
