//! Sockets: families, types, options, message flags, and addresses.
//!
//! [`SocketAddress`] is what a `sockaddr` says; its layout in a guest's memory is a runtime's business. Ports and
//! addresses are in host order, the way Rust's own `core::net` types hold them.

use core::net::{Ipv4Addr, Ipv6Addr};

numbered! {
    /// The family of an address.
    pub enum AddressFamily: i32 {
        Unspecified = AF_UNSPEC: 0,
        Unix = AF_UNIX: 1,
        Inet = AF_INET: 2,
        Inet6 = AF_INET6: 10,
        Netlink = AF_NETLINK: 16,
        Packet = AF_PACKET: 17,
    }
}

numbered! {
    /// The type of a socket, without [`SocketFlags`].
    pub enum SocketType: i32 {
        Stream = SOCK_STREAM: 1,
        Datagram = SOCK_DGRAM: 2,
        Raw = SOCK_RAW: 3,
        SeqPacket = SOCK_SEQPACKET: 5,
    }
}

flags! {
    /// The flags that come with the type in `socket` and alone in `accept4`.
    pub struct SocketFlags: u32 {
        SOCK_NONBLOCK = 0o4000,
        SOCK_CLOEXEC = 0o2_000_000,
    }
}

numbered! {
    /// The side `shutdown` ends.
    pub enum ShutdownHow: i32 {
        Read = SHUT_RD: 0,
        Write = SHUT_WR: 1,
        Both = SHUT_RDWR: 2,
    }
}

flags! {
    /// The flags of sending, receiving and received messages.
    pub struct MessageFlags: u32 {
        MSG_OOB = 0x1,
        MSG_PEEK = 0x2,
        MSG_DONTROUTE = 0x4,
        MSG_CTRUNC = 0x8,
        MSG_TRUNC = 0x20,
        MSG_DONTWAIT = 0x40,
        MSG_EOR = 0x80,
        MSG_WAITALL = 0x100,
        MSG_CONFIRM = 0x800,
        MSG_ERRQUEUE = 0x2000,
        MSG_NOSIGNAL = 0x4000,
        MSG_MORE = 0x8000,
        MSG_WAITFORONE = 0x1_0000,
        MSG_FASTOPEN = 0x2000_0000,
        MSG_CMSG_CLOEXEC = 0x4000_0000,
    }
}

constants! { i32 {
    IPPROTO_IP = 0, IPPROTO_ICMP = 1, IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_IPV6 = 41, IPPROTO_ICMPV6 = 58,
    SOL_SOCKET = 1, SOL_IP = 0, SOL_TCP = 6, SOL_UDP = 17, SOL_IPV6 = 41,
    SO_DEBUG = 1, SO_REUSEADDR = 2, SO_TYPE = 3, SO_ERROR = 4, SO_DONTROUTE = 5, SO_BROADCAST = 6, SO_SNDBUF = 7,
    SO_RCVBUF = 8, SO_KEEPALIVE = 9, SO_OOBINLINE = 10, SO_NO_CHECK = 11, SO_PRIORITY = 12, SO_LINGER = 13,
    SO_REUSEPORT = 15, SO_PASSCRED = 16, SO_PEERCRED = 17, SO_RCVLOWAT = 18, SO_SNDLOWAT = 19, SO_RCVTIMEO = 20,
    SO_SNDTIMEO = 21, SO_BINDTODEVICE = 25, SO_PEERNAME = 28, SO_TIMESTAMP = 29, SO_ACCEPTCONN = 30,
    SO_SNDBUFFORCE = 32, SO_RCVBUFFORCE = 33, SO_MARK = 36, SO_PROTOCOL = 38, SO_DOMAIN = 39, SO_RXQ_OVFL = 40,
    SO_PEEK_OFF = 42, SO_BUSY_POLL = 46, SO_INCOMING_CPU = 49, SO_PEERGROUPS = 59,
    SCM_RIGHTS = 1, SCM_CREDENTIALS = 2,
    TCP_NODELAY = 1, TCP_MAXSEG = 2, TCP_CORK = 3, TCP_KEEPIDLE = 4, TCP_KEEPINTVL = 5, TCP_KEEPCNT = 6,
    TCP_SYNCNT = 7, TCP_LINGER2 = 8, TCP_DEFER_ACCEPT = 9, TCP_WINDOW_CLAMP = 10, TCP_INFO = 11, TCP_QUICKACK = 12,
    TCP_CONGESTION = 13, TCP_USER_TIMEOUT = 18, TCP_FASTOPEN = 23,
    IP_TOS = 1, IP_TTL = 2, IP_PKTINFO = 8, IP_RECVERR = 11, IP_MULTICAST_IF = 32, IP_MULTICAST_TTL = 33,
    IP_MULTICAST_LOOP = 34, IP_ADD_MEMBERSHIP = 35, IP_DROP_MEMBERSHIP = 36, IP_BIND_ADDRESS_NO_PORT = 24,
    IPV6_UNICAST_HOPS = 16, IPV6_MULTICAST_IF = 17, IPV6_MULTICAST_HOPS = 18, IPV6_MULTICAST_LOOP = 19,
    IPV6_V6ONLY = 26, IPV6_RECVERR = 25, IPV6_RECVPKTINFO = 49,
    IPV6_TCLASS = 67, IPV6_JOIN_GROUP = 20, IPV6_LEAVE_GROUP = 21, IP_ADD_SOURCE_MEMBERSHIP = 39, IP_DROP_SOURCE_MEMBERSHIP = 40,
    MCAST_JOIN_SOURCE_GROUP = 46, MCAST_LEAVE_SOURCE_GROUP = 47, IP_MULTICAST_ALL = 49,
} }

constants! { usize {
    /// How many connections `listen` lets wait at most.
    SOMAXCONN = 4096,
    /// The room for the path in `sockaddr_un`.
    UNIX_PATH_MAX = 108,
    /// How many descriptors one `SCM_RIGHTS` message carries.
    SCM_MAX_FD = 253,
} }

/// The path part of a `sockaddr_un`.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct UnixPath {
    bytes: [u8; UNIX_PATH_MAX],
    length: u8,
}

impl UnixPath {
    /// Takes a copy of the bytes; `None` when they do not fit `sun_path`.
    #[must_use]
    pub fn new(path: &[u8]) -> Option<Self> {
        let mut bytes = [0; UNIX_PATH_MAX];
        bytes.get_mut(..path.len())?.copy_from_slice(path);
        Some(Self {
            bytes,
            length: u8::try_from(path.len()).ok()?,
        })
    }

    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl core::fmt::Debug for UnixPath {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// Where a socket is bound or connected.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SocketAddress {
    /// `AF_UNSPEC`: no address; connecting a datagram socket to it undoes the connection.
    Unspecified,
    /// `AF_UNIX` without a name, as of `socketpair`.
    UnixUnnamed,
    /// `AF_UNIX` with a path in the filesystem.
    UnixPath(UnixPath),
    /// `AF_UNIX` with an abstract name: the bytes after the leading zero.
    UnixAbstract(UnixPath),
    /// `AF_INET`.
    Inet {
        /// The address.
        address: Ipv4Addr,
        /// The port.
        port: u16,
    },
    /// `AF_INET6`.
    Inet6 {
        /// The address.
        address: Ipv6Addr,
        /// The port.
        port: u16,
        /// The flow label.
        flow_info: u32,
        /// The interface, for link-local addresses.
        scope_id: u32,
    },
}

impl SocketAddress {
    /// Returns the family.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        match self {
            Self::Unspecified => AddressFamily::Unspecified,
            Self::UnixUnnamed | Self::UnixPath(_) | Self::UnixAbstract(_) => AddressFamily::Unix,
            Self::Inet { .. } => AddressFamily::Inet,
            Self::Inet6 { .. } => AddressFamily::Inet6,
        }
    }
}

/// Who is at the other end of a Unix socket (`struct ucred`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PeerCredentials {
    /// The process.
    pub pid: i32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_path_takes_what_fits_and_no_more() {
        assert_eq!(UnixPath::new(b"/tmp/s").unwrap().as_bytes(), b"/tmp/s");
        assert_eq!(
            UnixPath::new(&[7; UNIX_PATH_MAX]).unwrap().as_bytes(),
            &[7; UNIX_PATH_MAX]
        );
        assert!(UnixPath::new(&[7; UNIX_PATH_MAX + 1]).is_none());
    }
}
