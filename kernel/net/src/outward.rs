//! The way out of the machine: [`Outward`]. What leaves, leaves here and nowhere else.
//!
//! The policy decides on the very address that is then connected; nothing looks a name up in between. What carries the bytes is the
//! embedder's: a [`Network`], which gets a [`Link`] for each connection and an [`Uplink`] for each socket that sends datagrams out. Its
//! ends are this machine's own sockets and queues, all of them bounded, so the guest's side waits and is woken as over loopback.
//!
//! A machine without a network answers `ENETUNREACH`, one whose policy refuses `EACCES`; both are in the audit trace with their reason
//! (target `cenote::audit`).
//!
//! Lock order: `Uplink::outgoing` and `Uplink::peers` are leaves; queues are woken after them.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::poll::PollEvents;
use cenote_abi::socket::PeerCredentials;
use cenote_base::limits::Charge;
use cenote_base::policy::{Policy, Request, Transport, Verdict, refusal};
use cenote_base::{SysError, SysResult, WaitQueue};
use parking_lot::Mutex;

use crate::address::{Name, canonical};
use crate::socket::Socket;

/// What a connection out of the machine shows as the machine's own address: nothing of the host's is told.
pub const MACHINE_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// The same for IPv6.
pub const MACHINE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 2, 0, 0, 0, 0x15);

/// Datagrams of one socket that wait to leave; more are dropped, as a full network card drops them.
const MAX_WAITING: usize = 128;
/// Their bytes.
const MAX_WAITING_BYTES: usize = 1 << 20;
/// Whom a socket hears: those it sent something to, the latest so many.
const MAX_PEERS: usize = 256;

/// What carries bytes between the machine and the world outside; the embedder's. It is asked after the policy.
pub trait Network: Send + Sync + Debug {
    /// Begins to connect to `to`, that address and no other. Must not block: `link` is told the outcome.
    fn connect(&self, to: SocketAddr, link: Link);

    /// Begins to carry the datagrams of one socket, until [`Uplink::take`] says that it is closed. Must not block.
    fn carry_datagrams(&self, uplink: Arc<Uplink>);
}

/// Who decides and who carries, for one machine.
#[derive(Debug)]
pub struct Outward {
    policy: Arc<dyn Policy>,
    network: Option<Arc<dyn Network>>,
}

impl Outward {
    /// A way out under `policy`; with no `network` it is closed.
    #[must_use]
    pub fn new(policy: Arc<dyn Policy>, network: Option<Arc<dyn Network>>) -> Self {
        Self { policy, network }
    }

    /// No way out.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(Arc::new(cenote_base::policy::InsideOnly), None)
    }

    /// The network, if `address` may be reached through it.
    pub(crate) fn reach(
        &self,
        transport: Transport,
        address: SocketAddr,
    ) -> SysResult<Arc<dyn Network>> {
        // Asked also where there is no way out: who listens to refusals hears of this one.
        let verdict = self.policy.decide(&Request::Connect { transport, address });
        if let Verdict::Deny { reason, .. } = &verdict {
            tracing::info!(target: "cenote::audit", ?transport, %address, reason, "refused");
        }
        match (&self.network, verdict) {
            (Some(network), Verdict::Allow) => {
                tracing::debug!(target: "cenote::audit", ?transport, %address, "allowed");
                Ok(Arc::clone(network))
            }
            (Some(_), Verdict::Deny { .. }) => {
                Err(SysError::with_note(Errno::EACCES, refusal::NETWORK))
            }
            (None, _) => Err(SysError::with_note(
                Errno::ENETUNREACH,
                "the network outside the machine is closed",
            )),
        }
    }

    /// Whether a port of the host's loopback is granted. Nobody of the machine listens there, so a no is an ordinary refusal.
    pub(crate) fn grants_loopback(&self, transport: Transport, address: SocketAddr) -> bool {
        self.network.is_some()
            && self.policy.decide(&Request::Connect { transport, address }) == Verdict::Allow
    }
}

/// A name's address, as the network is to connect it.
pub(crate) fn socket_address(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(canonical(address), port)
}

/// The machine's own address on the way to `to`.
pub(crate) fn machine_address(to: IpAddr) -> IpAddr {
    match to {
        _ if to.is_loopback() => to,
        IpAddr::V4(_) => IpAddr::V4(MACHINE_V4),
        IpAddr::V6(_) => IpAddr::V6(MACHINE_V6),
    }
}

/// A connection being made: what the guest's socket holds meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    is_abandoned: AtomicBool,
    abandoned: WaitQueue,
}

impl Attempt {
    /// The guest's socket is not interested any more.
    pub(crate) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::SeqCst);
        self.abandoned.wake_all();
    }
}

/// The outside's side of a connection being made. Dropping it without an answer is a failure: `ETIMEDOUT`.
#[derive(Debug)]
pub struct Link {
    pub(crate) near: Weak<Socket>,
    pub(crate) attempt: Arc<Attempt>,
    pub(crate) to: SocketAddr,
    pub(crate) port: u16,
    pub(crate) credentials: PeerCredentials,
    pub(crate) charge: Option<Charge>,
}

impl Link {
    /// The connection is there: answers the far end, a connected socket whose bytes are the guest's. `None`: the guest does not want it
    /// any more.
    #[must_use]
    pub fn established(mut self) -> Option<Arc<Socket>> {
        let charge = self.charge.take()?;
        Socket::complete(&self, charge)
    }

    /// There is no connection, and why. The guest sees the number as it is.
    pub fn failed(mut self, errno: Errno) {
        self.fail(errno);
    }

    fn fail(&mut self, errno: Errno) {
        if self.charge.take().is_some()
            && let Some(near) = self.near.upgrade()
        {
            near.fail_to_connect(&self.attempt, errno);
        }
    }

    /// Whether the guest closed its socket meanwhile; wakes [`wait_queue`](Self::wait_queue).
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.attempt.is_abandoned.load(Ordering::SeqCst)
    }

    /// Woken when the guest closed its socket.
    #[must_use]
    pub fn wait_queue(&self) -> &WaitQueue {
        &self.attempt.abandoned
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.fail(Errno::ETIMEDOUT);
    }
}

/// Datagrams that wait to leave.
#[derive(Debug, Default)]
struct Waiting {
    datagrams: VecDeque<(SocketAddr, Vec<u8>)>,
    bytes: usize,
    is_closed: bool,
}

/// The way out of one socket's datagrams, and back.
#[derive(Debug)]
pub struct Uplink {
    outgoing: Mutex<Waiting>,
    peers: Mutex<VecDeque<SocketAddr>>,
    queue: WaitQueue,
    near: Weak<Socket>,
    _charge: Charge,
}

impl Uplink {
    pub(crate) fn new(near: Weak<Socket>, charge: Charge) -> Arc<Self> {
        Arc::new(Self {
            outgoing: Mutex::default(),
            peers: Mutex::default(),
            queue: WaitQueue::new(),
            near,
            _charge: charge,
        })
    }

    /// Lets a datagram wait; drops it when too many do.
    pub(crate) fn send(&self, to: SocketAddr, bytes: Vec<u8>) {
        {
            let mut peers = self.peers.lock();
            if !peers.contains(&to) {
                if peers.len() >= MAX_PEERS {
                    peers.pop_front();
                }
                peers.push_back(to);
            }
        }
        let mut outgoing = self.outgoing.lock();
        if outgoing.is_closed
            || outgoing.datagrams.len() >= MAX_WAITING
            || outgoing.bytes + bytes.len() > MAX_WAITING_BYTES
        {
            return;
        }
        outgoing.bytes += bytes.len();
        outgoing.datagrams.push_back((to, bytes));
        drop(outgoing);
        self.queue.wake(PollEvents::READABLE);
    }

    pub(crate) fn close(&self) {
        self.outgoing.lock().is_closed = true;
        self.queue.wake_all();
    }

    /// The next datagram that is to leave, and where to.
    ///
    /// # Errors
    /// `EAGAIN`: none now; wait on [`wait_queue`](Self::wait_queue). `EPIPE`: the guest's socket is closed.
    pub fn take(&self) -> SysResult<(SocketAddr, Vec<u8>)> {
        let mut outgoing = self.outgoing.lock();
        if let Some((to, bytes)) = outgoing.datagrams.pop_front() {
            outgoing.bytes -= bytes.len();
            return Ok((to, bytes));
        }
        Err(if outgoing.is_closed {
            Errno::EPIPE.into()
        } else {
            Errno::EAGAIN.into()
        })
    }

    /// Woken when a datagram is to leave, and when the guest's socket is closed.
    #[must_use]
    pub fn wait_queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// Gives the guest a datagram from outside. Dropped: one from somebody it never sent to, or that finds no room.
    pub fn deliver(&self, from: SocketAddr, bytes: &[u8]) {
        let from = SocketAddr::new(canonical(from.ip()), from.port());
        if !self.peers.lock().contains(&from) {
            return;
        }
        if let Some(near) = self.near.upgrade() {
            near.receive_from_outside(Name::Inet(from.ip(), from.port()), bytes);
        }
    }

    /// A datagram to `to` did not get there. Only a socket connected to that address hears of it.
    pub fn undeliverable(&self, to: SocketAddr, errno: Errno) {
        if let Some(near) = self.near.upgrade() {
            near.hear_of_failure(to, errno);
        }
    }
}
