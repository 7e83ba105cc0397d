//! Where a socket is bound: [`Name`].
//!
//! A path is not enough to find a Unix socket, for the file may be renamed: the call layer resolves it to its inode and hands in
//! both, the inode to find the socket, the path to show it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cenote_abi::Errno;
use cenote_abi::socket::{AddressFamily, SocketAddress, UnixPath};
use cenote_base::{SysError, SysResult};

/// A socket file: its filesystem's device number and its inode number.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct InodeKey {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
}

/// A resolved address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Name {
    /// A Unix socket's file, and the path it was bound or connected by.
    Path(InodeKey, UnixPath),
    /// An abstract Unix name.
    Abstract(UnixPath),
    /// An internet address and port.
    Inet(IpAddr, u16),
}

impl Name {
    /// The name of an address that needs no lookup in the filesystem; `None` for a path.
    ///
    /// # Errors
    /// `EINVAL` for an address without a name, `EAFNOSUPPORT` for one of another family than `family`.
    pub fn of(address: &SocketAddress, family: AddressFamily) -> SysResult<Option<Self>> {
        if address.family() != family {
            return Err(SysError::with_note(
                Errno::EAFNOSUPPORT,
                "the address is of another family than the socket",
            ));
        }
        match address {
            SocketAddress::Unspecified | SocketAddress::UnixUnnamed => Err(Errno::EINVAL.into()),
            SocketAddress::UnixPath(_) => Ok(None),
            SocketAddress::UnixAbstract(name) => Ok(Some(Self::Abstract(*name))),
            SocketAddress::Inet { address, port } => {
                Ok(Some(Self::Inet(IpAddr::V4(*address), *port)))
            }
            SocketAddress::Inet6 { address, port, .. } => {
                Ok(Some(Self::Inet(IpAddr::V6(*address), *port)))
            }
        }
    }

    /// The name as `getsockname` shows it to a socket of `family`.
    pub(crate) fn to_address(self, family: AddressFamily) -> SocketAddress {
        match self {
            Self::Path(_, path) => SocketAddress::UnixPath(path),
            // The ends of a socketpair.
            Self::Abstract(name) if name.as_bytes().is_empty() => SocketAddress::UnixUnnamed,
            Self::Abstract(name) => SocketAddress::UnixAbstract(name),
            Self::Inet(address, port) if family == AddressFamily::Inet6 => {
                let address = match address {
                    IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                    IpAddr::V6(v6) => v6,
                };
                SocketAddress::Inet6 {
                    address,
                    port,
                    flow_info: 0,
                    scope_id: 0,
                }
            }
            Self::Inet(IpAddr::V4(address), port) => SocketAddress::Inet { address, port },
            Self::Inet(IpAddr::V6(address), port) => SocketAddress::Inet6 {
                address,
                port,
                flow_info: 0,
                scope_id: 0,
            },
        }
    }
}

/// An IPv4 address in IPv6 clothes is the IPv4 address.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// The address that stands for all of a family.
pub(crate) fn any(family: AddressFamily) -> IpAddr {
    match family {
        AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

/// Where a connection to `address` comes out and comes from: connecting to the unspecified address means loopback.
pub(crate) fn loopback_of(address: IpAddr) -> IpAddr {
    match canonical(address) {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    }
}

/// Whether the address is one of the machine's own: loopback, or the wildcard.
pub(crate) fn is_own(address: IpAddr) -> bool {
    let address = canonical(address);
    address.is_loopback() || address.is_unspecified()
}
