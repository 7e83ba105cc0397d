//! Connections: [`Connection`] is one end's view, [`Listener`] what waits to be accepted. Streams and packets, Unix and TCP alike.
//!
//! A connection inside one machine is made whole by `connect`: the listener's half waits in its backlog with everything sent to it. One
//! out of the machine takes time: see [`outward`](crate::outward).
//!
//! Lock order: `Listener::backlog`, then inboxes. Follows unix(7), tcp(7), listen(2), accept(2). Differs: inside the machine a TCP connect
//! never takes time, so `EINPROGRESS` does not happen; with the backlog full it waits (`EAGAIN` here) for TCP too.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cenote_abi::Errno;
use cenote_abi::poll::PollEvents;
use cenote_abi::socket::{AddressFamily, PeerCredentials, SOMAXCONN, SocketAddress, SocketType};
use cenote_base::limits::{Charge, Resource};
use cenote_base::policy::Transport;
use cenote_base::{SysError, SysResult, WaitQueue};
use parking_lot::Mutex;

use crate::address::{Name, canonical, is_own, loopback_of};
use crate::inbox::Inbox;
use crate::outward::{self, Attempt, Link};
use crate::socket::{Socket, State};
use crate::table::Listening;

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) incoming: Arc<Inbox>,
    pub(crate) outgoing: Arc<Inbox>,
    pub(crate) peer_address: SocketAddress,
    pub(crate) peer_credentials: PeerCredentials,
    /// The other end told us, by answering what we sent, that nobody is there any more.
    pub(crate) is_refused: Arc<AtomicBool>,
}

impl Connection {
    pub(crate) fn poll(&self) -> PollEvents {
        let mut events = self.incoming.poll_reader();
        if self.outgoing.has_room() || self.outgoing.has_ended() {
            events |= PollEvents::WRITABLE;
        }
        if self.incoming.has_ended() && (self.outgoing.is_closed() || self.outgoing.has_ended()) {
            events |= PollEvents::POLLHUP;
        }
        events
    }

    /// This end goes away; the other reads what was sent, then the end, or an error if we left something unread.
    pub(crate) fn close(&self) {
        if self.incoming.close() {
            self.outgoing.reset();
        } else {
            self.outgoing.end();
        }
    }

    /// This end goes away with a reset: `SO_LINGER` of no time.
    pub(crate) fn abort(&self) {
        self.incoming.close();
        self.outgoing.reset();
    }
}

/// A connection whose far end nobody accepted yet.
#[derive(Debug)]
struct Waiting {
    connection: Connection,
    queue: Arc<WaitQueue>,
    name: Option<Name>,
    charge: Charge,
}

#[derive(Debug)]
struct Backlog {
    waiting: VecDeque<Waiting>,
    limit: usize,
    closed: bool,
    /// Connectors who found it full.
    connectors: Vec<std::sync::Weak<WaitQueue>>,
}

/// What a listening socket holds.
#[derive(Debug)]
pub(crate) struct Listener {
    backlog: Mutex<Backlog>,
    queue: Arc<WaitQueue>,
    credentials: PeerCredentials,
}

impl Listener {
    pub(crate) fn poll(&self) -> PollEvents {
        if self.backlog.lock().waiting.is_empty() {
            PollEvents::empty()
        } else {
            PollEvents::READABLE
        }
    }

    /// Resets the connections nobody accepted.
    pub(crate) fn close(&self) {
        let mut backlog = self.backlog.lock();
        backlog.closed = true;
        let left = std::mem::take(&mut backlog.waiting);
        let connectors = std::mem::take(&mut backlog.connectors);
        drop(backlog);
        for waiting in left {
            waiting.connection.incoming.close();
            waiting.connection.outgoing.reset();
        }
        for connector in connectors.iter().filter_map(std::sync::Weak::upgrade) {
            connector.wake_all();
        }
    }

    fn push(&self, waiting: Waiting, connector: &Arc<WaitQueue>) -> SysResult {
        let mut backlog = self.backlog.lock();
        if backlog.closed {
            return Err(Errno::ECONNREFUSED.into());
        }
        if backlog.waiting.len() > backlog.limit {
            backlog.connectors.push(Arc::downgrade(connector));
            return Err(Errno::EAGAIN.into());
        }
        backlog.waiting.push_back(waiting);
        drop(backlog);
        self.queue.wake(PollEvents::READABLE);
        Ok(())
    }
}

/// Two ends joined crosswise: ours and theirs.
fn join(
    keeps_bounds: bool,
    ours: (&Arc<WaitQueue>, SocketAddress, PeerCredentials),
    theirs: (&Arc<WaitQueue>, SocketAddress, PeerCredentials),
) -> (Connection, Connection) {
    let to_us = Inbox::new(keeps_bounds, Arc::clone(ours.0), Some(Arc::clone(theirs.0)));
    let to_them = Inbox::new(keeps_bounds, Arc::clone(theirs.0), Some(Arc::clone(ours.0)));
    let our_end = Connection {
        incoming: Arc::clone(&to_us),
        outgoing: Arc::clone(&to_them),
        peer_address: theirs.1,
        peer_credentials: theirs.2,
        is_refused: Arc::default(),
    };
    let their_end = Connection {
        incoming: to_them,
        outgoing: to_us,
        peer_address: ours.1,
        peer_credentials: ours.2,
        is_refused: Arc::default(),
    };
    (our_end, their_end)
}

impl Socket {
    /// Joins two fresh sockets, for `socketpair`.
    pub(crate) fn join(one: &Arc<Self>, other: &Arc<Self>, owner: PeerCredentials) {
        if one.kind() == SocketType::Datagram {
            Self::join_datagram(one, other);
            return;
        }
        let end = |socket: &Arc<Self>| (Arc::clone(&socket.queue), socket.nameless());
        let ((one_queue, one_name), (other_queue, other_name)) = (end(one), end(other));
        let (ours, theirs) = join(
            one.keeps_bounds(),
            (&one_queue, one_name, owner),
            (&other_queue, other_name, owner),
        );
        *one.state.lock() = State::Connected(ours);
        *other.state.lock() = State::Connected(theirs);
    }

    /// Takes connections from now on; at most `backlog` wait. See listen(2).
    ///
    /// # Errors
    /// `EOPNOTSUPP`: not a connection type. `EINVAL`: a Unix socket without a name, or connected.
    pub fn listen(&self, backlog: i32, credentials: PeerCredentials) -> SysResult {
        if self.kind() == SocketType::Datagram {
            return Err(Errno::EOPNOTSUPP.into());
        }
        if self.name.lock().is_none() {
            if self.family == AddressFamily::Unix {
                return Err(SysError::with_note(
                    Errno::EINVAL,
                    "a unix socket must be bound before it listens",
                ));
            }
            self.bind(Name::Inet(crate::address::any(self.family), 0), true)?;
        }
        let limit = usize::try_from(backlog).unwrap_or(SOMAXCONN).min(SOMAXCONN);
        let mut state = self.state.lock();
        match &*state {
            State::Fresh => {
                let backlog = Backlog {
                    waiting: VecDeque::new(),
                    limit,
                    closed: false,
                    connectors: Vec::new(),
                };
                *state = State::Listening(Arc::new(Listener {
                    backlog: Mutex::new(backlog),
                    queue: Arc::clone(&self.queue),
                    credentials,
                }));
                drop(state);
                self.table.changed().wake_all();
                Ok(())
            }
            State::Listening(listener) => {
                listener.backlog.lock().limit = limit;
                Ok(())
            }
            State::Connecting(_) | State::Connected(_) | State::Datagram { .. } => {
                Err(Errno::EINVAL.into())
            }
        }
    }

    /// Where the socket takes connections, if it does.
    pub(crate) fn listening(&self) -> Option<Listening> {
        let pid = match &*self.state.lock() {
            State::Listening(listener) => listener.credentials.pid,
            State::Fresh | State::Connecting(_) | State::Connected(_) | State::Datagram { .. } => {
                return None;
            }
        };
        let name = (*self.name.lock())?;
        Some(Listening { name, pid })
    }

    /// Takes the next connection. See accept(2).
    ///
    /// # Errors
    /// `EAGAIN`: none waits. `EINVAL`: not listening. `EOPNOTSUPP`: not a connection type.
    pub fn accept(&self) -> SysResult<Arc<Self>> {
        if self.kind() == SocketType::Datagram {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let listener = match &*self.state.lock() {
            State::Listening(listener) => Arc::clone(listener),
            State::Fresh | State::Connecting(_) | State::Connected(_) | State::Datagram { .. } => {
                return Err(Errno::EINVAL.into());
            }
        };
        let mut backlog = listener.backlog.lock();
        let Waiting {
            connection,
            queue,
            name,
            charge,
        } = backlog.waiting.pop_front().ok_or(Errno::EAGAIN)?;
        let connectors = std::mem::take(&mut backlog.connectors);
        drop(backlog);
        for connector in connectors.iter().filter_map(std::sync::Weak::upgrade) {
            connector.wake_all();
        }
        let state = State::Connected(connection);
        let accepted =
            Self::with_state(&self.table, self.family, self.kind(), charge, queue, state);
        *accepted.name.lock() = name;
        Ok(accepted)
    }

    /// Connects to `name`; a datagram socket only remembers it. See connect(2).
    ///
    /// # Errors
    /// `EAGAIN`: the listener's backlog is full, wait on this socket's queue. `ECONNREFUSED`: nobody listens there. `EISCONN`;
    /// `EINVAL`: it listens, or is bound to loopback and is to leave it; `EPROTOTYPE`: the other is of another type. Out of the machine:
    /// `EINPROGRESS`: begun, see [`connected`](Self::connected); `EALREADY`: begun before; `EACCES`: the policy refuses;
    /// `ENETUNREACH`: there is no way out; `ENOBUFS`: the limit `outward_connections`; what an earlier attempt failed with.
    pub fn connect(&self, name: Name, credentials: PeerCredentials) -> SysResult {
        if self.kind() == SocketType::Datagram {
            return self.connect_datagram(name);
        }
        match &*self.state.lock() {
            State::Fresh => {}
            State::Connecting(_) => return Err(Errno::EALREADY.into()),
            State::Connected(_) if self.is_unannounced.swap(false, Ordering::Relaxed) => {
                return Ok(());
            }
            State::Connected(_) => return Err(Errno::EISCONN.into()),
            State::Listening(_) => {
                let errno = if self.family == AddressFamily::Unix {
                    Errno::EINVAL
                } else {
                    Errno::EISCONN
                };
                return Err(errno.into());
            }
            State::Datagram { .. } => return Err(Errno::EINVAL.into()),
        }
        let pending = self.pending_error.lock().take();
        if let Some(error) = pending {
            return Err(error.into());
        }
        let Name::Inet(address, port) = name else {
            return self.connect_inside(name, credentials);
        };
        if !is_own(address) {
            return self.connect_outside(outward::socket_address(address, port), credentials);
        }
        match self.connect_inside(name, credentials) {
            Err(error) if error.errno() == Errno::ECONNREFUSED => {
                let to = outward::socket_address(loopback_of(address), port);
                if self.table.outward().grants_loopback(Transport::Tcp, to) {
                    self.connect_outside(to, credentials)
                } else {
                    Err(error)
                }
            }
            done => done,
        }
    }

    /// Begins a connection out of the machine.
    fn connect_outside(&self, to: SocketAddr, credentials: PeerCredentials) -> SysResult {
        let own = *self.name.lock();
        if let Some(Name::Inet(address, _)) = own
            && address.is_loopback()
            && !to.ip().is_loopback()
        {
            // Linux: ip_route_output gives no way from there to elsewhere.
            return Err(Errno::EINVAL.into());
        }
        let network = self.table.outward().reach(Transport::Tcp, to)?;
        let charge = self
            .table
            .budget()
            .charge(Resource::OutwardConnections, 1)?;
        let port = match own {
            Some(Name::Inet(_, port)) => port,
            _ => self.table.ephemeral_port(self.kind())?,
        };
        let attempt = Arc::<Attempt>::default();
        {
            let mut state = self.state.lock();
            if !matches!(&*state, State::Fresh) {
                return Err(Errno::EALREADY.into());
            }
            *state = State::Connecting(Arc::clone(&attempt));
        }
        let link = Link {
            near: self.this.clone(),
            attempt,
            to,
            port,
            credentials,
            charge: Some(charge),
        };
        network.connect(to, link);
        Err(Errno::EINPROGRESS.into())
    }

    /// What a connection out of the machine came to; `None` while it is being made.
    pub fn connected(&self) -> Option<SysResult> {
        match &*self.state.lock() {
            State::Connecting(_) => return None,
            State::Connected(_) => {
                self.is_unannounced.store(false, Ordering::Relaxed);
                return Some(Ok(()));
            }
            State::Fresh | State::Listening(_) | State::Datagram { .. } => {}
        }
        let error = self.pending_error.lock().take();
        Some(Err(error.unwrap_or(Errno::ECONNABORTED).into()))
    }

    /// Makes the connection that `link` asked for whole; answers its far end.
    pub(crate) fn complete(link: &Link, charge: Charge) -> Option<Arc<Self>> {
        let near = link.near.upgrade()?;
        let queue = Arc::new(WaitQueue::new());
        let shown = |address: IpAddr, port| Name::Inet(address, port).to_address(near.family);
        let own = outward::machine_address(link.to.ip());
        let (ours, theirs) = join(
            near.keeps_bounds(),
            (&near.queue, shown(own, link.port), link.credentials),
            (
                &queue,
                shown(link.to.ip(), link.to.port()),
                link.credentials,
            ),
        );
        {
            let mut state = near.state.lock();
            match &*state {
                State::Connecting(attempt) if Arc::ptr_eq(attempt, &link.attempt) => {}
                _ => return None,
            }
            *state = State::Connected(ours);
            near.is_unannounced.store(true, Ordering::Relaxed);
        }
        near.name.lock().get_or_insert(Name::Inet(own, link.port));
        let far = Self::with_state(
            &near.table,
            near.family,
            near.kind(),
            charge,
            queue,
            State::Connected(theirs),
        );
        near.queue.wake_all();
        Some(far)
    }

    /// The connection that was asked for is not to be had.
    pub(crate) fn fail_to_connect(&self, attempt: &Arc<Attempt>, errno: Errno) {
        {
            let mut state = self.state.lock();
            match &*state {
                State::Connecting(own) if Arc::ptr_eq(own, attempt) => {}
                _ => return,
            }
            *self.pending_error.lock() = Some(errno);
            *state = State::Fresh;
        }
        self.queue.wake_all();
    }

    /// Connects a fresh stream or packet socket to a listener of this machine, never to anything outside it.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); `ECONNREFUSED` for an address that is not the machine's.
    pub fn connect_inside(&self, name: Name, credentials: PeerCredentials) -> SysResult {
        let target = self
            .table
            .find(name, self.kind())
            .ok_or(Errno::ECONNREFUSED)?;
        if target.kind() != self.kind() {
            return Err(Errno::EPROTOTYPE.into());
        }
        let listener = match &*target.state.lock() {
            State::Listening(listener) => Arc::clone(listener),
            State::Fresh | State::Connecting(_) | State::Connected(_) | State::Datagram { .. } => {
                return Err(Errno::ECONNREFUSED.into());
            }
        };
        let near = self.near_end(name)?;
        let far = match name {
            Name::Inet(address, port) => Some(Name::Inet(loopback_of(address), port)),
            Name::Path(..) | Name::Abstract(_) => *target.name.lock(),
        };
        let charge = self.table.charge()?;
        let queue = Arc::new(WaitQueue::new());
        let address = |name: Option<Name>, of: &Self| {
            name.map_or_else(|| of.nameless(), |name| name.to_address(of.family))
        };
        let (ours, theirs) = join(
            self.keeps_bounds(),
            (&self.queue, address(near, &target), credentials),
            (&queue, address(far, self), listener.credentials),
        );
        listener.push(
            Waiting {
                connection: theirs,
                queue,
                name: far,
                charge,
            },
            &self.queue,
        )?;
        if self.name.lock().is_none() {
            *self.name.lock() = near;
        }
        *self.state.lock() = State::Connected(ours);
        self.queue.wake_all();
        Ok(())
    }

    /// The name the other end sees: our own, or for the internet an address and port made up now.
    fn near_end(&self, target: Name) -> SysResult<Option<Name>> {
        let own = *self.name.lock();
        match (own, target) {
            (Some(Name::Inet(address, port)), _) if !address.is_unspecified() => {
                Ok(Some(Name::Inet(address, port)))
            }
            (Some(Name::Inet(_, port)), Name::Inet(to, _)) => {
                Ok(Some(Name::Inet(near_address(to), port)))
            }
            (None, Name::Inet(to, _)) => Ok(Some(Name::Inet(
                near_address(to),
                self.table.ephemeral_port(self.kind())?,
            ))),
            (own, _) => Ok(own),
        }
    }
}

fn near_address(to: IpAddr) -> IpAddr {
    match canonical(to) {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}

impl crate::table::Sockets {
    pub(crate) fn charge(&self) -> SysResult<Charge> {
        self.budget().charge(Resource::Sockets, 1)
    }
}
