//! Datagram sockets: Unix ones, which wait for room, and UDP, which drops.
//!
//! Lock order: one socket's `state` at a time.

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::socket::{
    AddressFamily, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, MessageFlags, PeerCredentials,
    SO_BROADCAST, SOL_IP, SOL_IPV6, SOL_SOCKET, SocketAddress,
};
use cenote_base::limits::Resource;
use cenote_base::policy::Transport;
use cenote_base::{SysError, SysResult};

use crate::address::{Name, any, canonical, is_own};
use crate::inbox::{Inbox, Outgoing};
use crate::outward::{self, Uplink};
use crate::socket::{Socket, State};

/// The most a UDP message carries.
const MAX_UDP: usize = 65_507;

impl Socket {
    pub(crate) fn join_datagram(one: &Arc<Self>, other: &Arc<Self>) {
        // A pair has no names; the weak reference finds the peer, the name is only shown.
        let Some(unnamed) = cenote_abi::socket::UnixPath::new(b"").map(Name::Abstract) else {
            return;
        };
        for (from, to) in [(one, other), (other, one)] {
            if let State::Datagram { peer, .. } = &mut *from.state.lock() {
                *peer = Some((unnamed, Arc::downgrade(to)));
            }
        }
    }

    /// Remembers where messages go.
    pub(crate) fn connect_datagram(&self, name: Name) -> SysResult {
        if let Name::Inet(address, port) = name
            && !is_own(address)
            && !canonical(address).is_multicast()
        {
            // Only whether it may be reached: nothing leaves yet.
            let to = outward::socket_address(address, port);
            self.table.outward().reach(Transport::Udp, to)?;
        }
        let target = self.table.find(name, self.kind());
        if target
            .as_ref()
            .is_some_and(|target| target.kind() != self.kind())
        {
            return Err(Errno::EPROTOTYPE.into());
        }
        let to = match (&target, self.family) {
            (Some(target), _) => Arc::downgrade(target),
            // A datagram to nobody is refused when it is sent; a Unix name must exist.
            (None, AddressFamily::Inet | AddressFamily::Inet6) => std::sync::Weak::new(),
            (None, _) => return Err(Errno::ECONNREFUSED.into()),
        };
        self.bind_if_needed()?;
        if let State::Datagram { peer, .. } = &mut *self.state.lock() {
            *peer = Some((name, to));
        }
        Ok(())
    }

    /// Forgets the connection, for `connect` to `AF_UNSPEC`.
    ///
    /// # Errors
    /// `EINVAL`: not a datagram socket.
    pub fn disconnect(&self) -> SysResult {
        match &mut *self.state.lock() {
            State::Datagram { peer, .. } => {
                *peer = None;
                Ok(())
            }
            State::Fresh | State::Listening(_) | State::Connecting(_) | State::Connected(_) => {
                Err(Errno::EINVAL.into())
            }
        }
    }

    /// UDP gives a sender a port.
    fn bind_if_needed(&self) -> SysResult {
        if self.family == AddressFamily::Unix || self.name.lock().is_some() {
            return Ok(());
        }
        self.bind(Name::Inet(any(self.family), 0), true)
    }

    pub(crate) fn send_datagram(
        &self,
        message: Outgoing<'_>,
        to: Option<Name>,
    ) -> SysResult<usize> {
        let (peer, sends) = match &*self.state.lock() {
            State::Datagram { peer, sends, .. } => (peer.clone(), *sends),
            State::Fresh | State::Listening(_) | State::Connecting(_) | State::Connected(_) => {
                return Err(Errno::ENOTCONN.into());
            }
        };
        if !sends {
            return Err(Errno::EPIPE.into());
        }
        let is_unix = self.family == AddressFamily::Unix;
        let (name, target) = self.receiver(to, peer)?;
        let length = message.len();
        if !is_unix && length > MAX_UDP {
            return Err(SysError::with_note(
                Errno::EMSGSIZE,
                "larger than a UDP message can be",
            ));
        }
        if let Name::Inet(address, port) = name
            && !is_own(address)
            && !canonical(address).is_multicast()
        {
            if canonical(address) == IpAddr::V4(Ipv4Addr::BROADCAST)
                && !self.has_option(SOL_SOCKET, SO_BROADCAST)
            {
                return Err(Errno::EACCES.into());
            }
            return self.send_outside(&message, outward::socket_address(address, port));
        }
        self.bind_if_needed()?;
        let from = self.address_seen_by(name);
        if let Name::Inet(group, port) = name
            && canonical(group).is_multicast()
        {
            self.send_to_group(&message, canonical(group), port, from);
            return Ok(length);
        }
        let inbox = target.as_ref().and_then(|target| target.mailbox());
        if inbox.is_none()
            && let Name::Inet(address, port) = name
        {
            let to = outward::socket_address(crate::address::loopback_of(address), port);
            if self.table.outward().grants_loopback(Transport::Udp, to) {
                return self.send_outside(&message, to);
            }
        }
        let outcome = match inbox {
            Some(inbox) if is_unix || target.is_some_and(|target| target.hears(&from)) => {
                inbox.put(message, from, &self.queue)
            }
            _ => Err(Errno::EPIPE.into()),
        };
        match outcome {
            // UDP drops what finds no room.
            Err(error) if !is_unix && error.errno() == Errno::EAGAIN => Ok(length),
            Err(error) if is_unix && error.errno() == Errno::EPIPE => {
                Err(Errno::ECONNREFUSED.into())
            }
            Err(error) if error.errno() == Errno::EPIPE => {
                // The message leaves; over loopback the refusal is there for the next call. Only a connected socket hears of it.
                if to.is_none() {
                    *self.pending_error.lock() = Some(Errno::ECONNREFUSED);
                    self.queue.wake_all();
                }
                Ok(length)
            }
            result => result,
        }
    }

    /// Where a message goes, and who is there.
    fn receiver(
        &self,
        to: Option<Name>,
        peer: Option<(Name, std::sync::Weak<Self>)>,
    ) -> SysResult<(Name, Option<Arc<Self>>)> {
        let is_unix = self.family == AddressFamily::Unix;
        Ok(match (to, peer) {
            (Some(name), _) => (name, self.table.find(name, self.kind())),
            (None, Some((name, target))) => {
                let found = target.upgrade();
                // A UDP socket bound after we connected gets the message too.
                let found = if is_unix {
                    found
                } else {
                    found.or_else(|| self.table.find(name, self.kind()))
                };
                (name, found)
            }
            (None, None) => {
                return Err(if is_unix {
                    Errno::ENOTCONN
                } else {
                    Errno::EDESTADDRREQ
                }
                .into());
            }
        })
    }

    /// Sends a datagram out of the machine; the first makes the way.
    fn send_outside(&self, message: &Outgoing<'_>, to: SocketAddr) -> SysResult<usize> {
        let network = self.table.outward().reach(Transport::Udp, to)?;
        self.bind_if_needed()?;
        let (uplink, is_new) = {
            let mut own = self.uplink.lock();
            match &*own {
                Some(uplink) => (Arc::clone(uplink), false),
                None => {
                    let charge = self
                        .table
                        .budget()
                        .charge(Resource::OutwardConnections, 1)?;
                    let uplink = Uplink::new(self.this.clone(), charge);
                    *own = Some(Arc::clone(&uplink));
                    (uplink, true)
                }
            }
        };
        let mut bytes = Vec::with_capacity(message.len());
        for part in message.bytes {
            bytes.extend_from_slice(part);
        }
        let length = bytes.len();
        uplink.send(to, bytes);
        if is_new {
            network.carry_datagrams(uplink);
        }
        Ok(length)
    }

    /// Takes a datagram that came from outside the machine.
    pub(crate) fn receive_from_outside(&self, from: Name, bytes: &[u8]) {
        let from = from.to_address(self.family);
        let (true, Some(inbox)) = (self.hears(&from), self.mailbox()) else {
            return;
        };
        let message = Outgoing {
            bytes: &[IoSlice::new(bytes)],
            rights: Vec::new(),
            credentials: PeerCredentials {
                pid: 0,
                uid: u32::MAX,
                gid: u32::MAX,
            },
            flags: MessageFlags::empty(),
        };
        if let Err(error) = inbox.put(message, from, &self.queue) {
            tracing::debug!(target: "cenote::net", %error, "a datagram from outside finds no room");
        }
    }

    /// A datagram to `to` got nowhere: an error for the next call, if that is where the socket is connected.
    pub(crate) fn hear_of_failure(&self, to: SocketAddr, errno: Errno) {
        let is_connected = match &*self.state.lock() {
            State::Datagram {
                peer: Some((Name::Inet(address, port), _)),
                ..
            } => outward::socket_address(crate::address::loopback_of(*address), *port) == to,
            _ => false,
        };
        if is_connected {
            *self.pending_error.lock() = Some(errno);
            self.queue.wake_all();
        }
    }

    /// Whether a datagram from there is let in: a connected UDP socket hears its peer only.
    fn hears(&self, from: &SocketAddress) -> bool {
        match &*self.state.lock() {
            State::Datagram {
                peer: Some((Name::Inet(address, port), _)),
                ..
            } => {
                let own = Name::Inet(crate::address::loopback_of(*address), *port);
                same_place(&own.to_address(self.family), from)
            }
            _ => true,
        }
    }

    /// Sends a copy to every member of a group. Without `IP_MULTICAST_LOOP` nobody gets it, for there is no other machine.
    fn send_to_group(&self, message: &Outgoing<'_>, group: IpAddr, port: u16, from: SocketAddress) {
        let loops = match group {
            IpAddr::V4(_) => self.option(SOL_IP, IP_MULTICAST_LOOP),
            IpAddr::V6(_) => self.option(SOL_IPV6, IPV6_MULTICAST_LOOP),
        };
        if loops.is_ok_and(|value| value.iter().all(|byte| *byte == 0)) {
            return;
        }
        let source = match from {
            SocketAddress::Inet { address, .. } => IpAddr::V4(address),
            SocketAddress::Inet6 { address, .. } => IpAddr::V6(address),
            _ => return,
        };
        for member in self.table.bound_to_port(self.kind(), port) {
            if !member.memberships.lock().takes(group, source) || !member.hears(&from) {
                continue;
            }
            let Some(inbox) = member.mailbox() else {
                continue;
            };
            let copy = Outgoing {
                bytes: message.bytes,
                rights: Vec::new(),
                credentials: message.credentials,
                flags: message.flags,
            };
            if let Err(error) = inbox.put(copy, from, &self.queue) {
                tracing::debug!(target: "cenote::net", %error, "a member of a group has no room");
            }
        }
    }

    fn mailbox(&self) -> Option<Arc<Inbox>> {
        match &*self.state.lock() {
            State::Datagram { inbox, .. } => Some(Arc::clone(inbox)),
            State::Fresh | State::Listening(_) | State::Connecting(_) | State::Connected(_) => None,
        }
    }

    /// Our address as the receiver sees it.
    fn address_seen_by(&self, receiver: Name) -> SocketAddress {
        let own = *self.name.lock();
        match (own, receiver) {
            (Some(Name::Inet(address, port)), Name::Inet(to, _)) => {
                let address = if address.is_unspecified() {
                    loopback_for(to)
                } else {
                    address
                };
                Name::Inet(address, port).to_address(self.family)
            }
            (Some(name), _) => name.to_address(self.family),
            (None, _) => self.nameless(),
        }
    }
}

/// Whether two addresses are one, IPv4 in IPv6 clothes or not.
fn same_place(one: &SocketAddress, other: &SocketAddress) -> bool {
    let place = |address: &SocketAddress| match address {
        SocketAddress::Inet { address, port } => Some((IpAddr::V4(*address), *port)),
        SocketAddress::Inet6 { address, port, .. } => {
            Some((canonical(IpAddr::V6(*address)), *port))
        }
        _ => None,
    };
    place(one) == place(other)
}

fn loopback_for(to: IpAddr) -> IpAddr {
    match canonical(to) {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}
