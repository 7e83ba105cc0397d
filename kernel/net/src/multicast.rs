//! Multicast groups: [`Memberships`] of a datagram socket. See ip(7), ipv6(7).
//!
//! The machine has one interface, the loopback; index 1. Groups of other machines are never heard.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cenote_abi::Errno;
use cenote_abi::socket::{
    IP_ADD_MEMBERSHIP, IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP,
    IP_MULTICAST_IF, IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP, IPV6_MULTICAST_IF, MCAST_JOIN_SOURCE_GROUP,
    MCAST_LEAVE_SOURCE_GROUP, SOL_IP, SOL_IPV6,
};
use cenote_base::SysResult;

/// Linux's `igmp_max_memberships`.
const MAX_GROUPS: usize = 20;
/// The loopback interface.
const LOOPBACK: u32 = 1;
/// The size of `struct sockaddr_storage`.
const STORAGE: usize = 128;

/// What a socket option asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// Joins a group, for one source or all.
    Join(IpAddr, Option<IpAddr>),
    /// Leaves it.
    Leave(IpAddr, Option<IpAddr>),
    /// Sends to groups through the only interface there is.
    Interface,
}

impl Change {
    /// The change an option is; `None` for other options.
    pub(crate) fn of(level: i32, name: i32, value: &[u8]) -> Option<SysResult<Self>> {
        Some(match (level, name) {
            (SOL_IP, IP_ADD_MEMBERSHIP) => {
                v4(value, false).map(|(group, _)| Self::Join(group, None))
            }
            (SOL_IP, IP_DROP_MEMBERSHIP) => {
                v4(value, false).map(|(group, _)| Self::Leave(group, None))
            }
            (SOL_IP, IP_ADD_SOURCE_MEMBERSHIP) => {
                v4(value, true).map(|(group, source)| Self::Join(group, source))
            }
            (SOL_IP, IP_DROP_SOURCE_MEMBERSHIP) => {
                v4(value, true).map(|(group, source)| Self::Leave(group, source))
            }
            (SOL_IPV6, IPV6_JOIN_GROUP) => v6(value).map(|group| Self::Join(group, None)),
            (SOL_IPV6, IPV6_LEAVE_GROUP) => v6(value).map(|group| Self::Leave(group, None)),
            (SOL_IPV6, MCAST_JOIN_SOURCE_GROUP) => {
                group_source(value).map(|(group, source)| Self::Join(group, Some(source)))
            }
            (SOL_IPV6, MCAST_LEAVE_SOURCE_GROUP) => {
                group_source(value).map(|(group, source)| Self::Leave(group, Some(source)))
            }
            (SOL_IP, IP_MULTICAST_IF) => octets4(value, 0)
                .filter(|own| own.is_unspecified() || own.is_loopback())
                .map(|_| Self::Interface)
                .ok_or(Errno::EADDRNOTAVAIL.into()),
            (SOL_IPV6, IPV6_MULTICAST_IF) => interface(value, 0).map(|()| Self::Interface),
            _ => return None,
        })
    }
}

fn octets4(value: &[u8], at: usize) -> Option<Ipv4Addr> {
    let bytes: [u8; 4] = *value.get(at..)?.first_chunk()?;
    Some(Ipv4Addr::from(bytes))
}

fn octets6(value: &[u8], at: usize) -> Option<Ipv6Addr> {
    let bytes: [u8; 16] = *value.get(at..)?.first_chunk()?;
    Some(Ipv6Addr::from(bytes))
}

fn interface(value: &[u8], at: usize) -> SysResult {
    let index = value
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .copied()
        .map(u32::from_le_bytes)
        .ok_or(Errno::EINVAL)?;
    if index <= LOOPBACK {
        Ok(())
    } else {
        Err(Errno::ENODEV.into())
    }
}

fn group(address: IpAddr) -> SysResult<IpAddr> {
    if address.is_multicast() {
        Ok(address)
    } else {
        Err(Errno::EINVAL.into())
    }
}

/// `struct ip_mreq`, or `struct ip_mreq_source`.
fn v4(value: &[u8], has_source: bool) -> SysResult<(IpAddr, Option<IpAddr>)> {
    let own = octets4(value, 4).ok_or(Errno::EINVAL)?;
    let address = group(octets4(value, 0).ok_or(Errno::EINVAL)?.into())?;
    if !own.is_unspecified() && !own.is_loopback() {
        return Err(Errno::ENODEV.into());
    }
    let source = if has_source {
        Some(octets4(value, 8).ok_or(Errno::EINVAL)?.into())
    } else {
        None
    };
    Ok((address, source))
}

/// `struct ipv6_mreq`.
fn v6(value: &[u8]) -> SysResult<IpAddr> {
    let address = group(octets6(value, 0).ok_or(Errno::EINVAL)?.into())?;
    interface(value, 16)?;
    Ok(address)
}

/// `struct group_source_req`, of IPv6 addresses.
fn group_source(value: &[u8]) -> SysResult<(IpAddr, IpAddr)> {
    const ADDRESS: usize = 8;
    interface(value, 0)?;
    let address = octets6(value, 8 + ADDRESS).ok_or(Errno::EINVAL)?;
    let source = octets6(value, 8 + STORAGE + ADDRESS).ok_or(Errno::EINVAL)?;
    Ok((group(address.into())?, source.into()))
}

/// The groups a socket takes messages of.
#[derive(Debug, Default)]
pub(crate) struct Memberships {
    groups: Vec<(IpAddr, Option<IpAddr>)>,
}

impl Memberships {
    /// Makes a change.
    pub(crate) fn apply(&mut self, change: Change) -> SysResult {
        match change {
            Change::Interface => {}
            Change::Join(group, source) => {
                let has_all = source.is_some() && self.groups.contains(&(group, None));
                if has_all {
                    return Err(Errno::EINVAL.into());
                }
                if self.groups.contains(&(group, source)) {
                    // Linux: a source that is there already is EADDRNOTAVAIL.
                    let errno = if source.is_some() {
                        Errno::EADDRNOTAVAIL
                    } else {
                        Errno::EADDRINUSE
                    };
                    return Err(errno.into());
                }
                if self.groups.len() >= MAX_GROUPS {
                    return Err(Errno::ENOBUFS.into());
                }
                self.groups.push((group, source));
            }
            Change::Leave(group, source) => {
                let at = self.groups.iter().position(|own| *own == (group, source));
                self.groups.remove(at.ok_or(Errno::EADDRNOTAVAIL)?);
            }
        }
        Ok(())
    }

    /// Whether a message of this group from this source is taken.
    pub(crate) fn takes(&self, group: IpAddr, source: IpAddr) -> bool {
        self.groups
            .iter()
            .any(|(own, from)| *own == group && from.is_none_or(|from| from == source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: [u8; 4] = [224, 0, 0, 114];

    fn change(name: i32, value: &[u8]) -> SysResult<Change> {
        Change::of(SOL_IP, name, value).unwrap()
    }

    #[test]
    fn group_is_joined_once_and_left_once() {
        let request = [GROUP, [0; 4]].concat();
        let mut own = Memberships::default();
        own.apply(change(IP_ADD_MEMBERSHIP, &request).unwrap())
            .unwrap();
        let again = own.apply(change(IP_ADD_MEMBERSHIP, &request).unwrap());
        assert_eq!(again.unwrap_err().errno(), Errno::EADDRINUSE);
        assert!(own.takes(Ipv4Addr::from(GROUP).into(), Ipv4Addr::LOCALHOST.into()));
        own.apply(change(IP_DROP_MEMBERSHIP, &request).unwrap())
            .unwrap();
        let again = own.apply(change(IP_DROP_MEMBERSHIP, &request).unwrap());
        assert_eq!(again.unwrap_err().errno(), Errno::EADDRNOTAVAIL);
    }

    #[test]
    fn wrong_requests_are_refused() {
        let refused = |value: &[u8]| change(IP_ADD_MEMBERSHIP, value).unwrap_err().errno();
        assert_eq!(refused(&[224, 0]), Errno::EINVAL);
        assert_eq!(refused(&[[10, 0, 0, 1], [0; 4]].concat()), Errno::EINVAL);
        assert_eq!(refused(&[GROUP, [10, 0, 0, 1]].concat()), Errno::ENODEV);
    }
}
