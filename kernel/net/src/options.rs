//! Socket options: [`Options`]. See socket(7), tcp(7), ipv6(7).
//!
//! Options whose effect needs a wire (buffer sizes, keep-alive, Nagle, time to live) are kept and shown, as programs expect to read back
//! what they set; over loopback they change nothing.

use std::collections::BTreeMap;

use cenote_abi::Errno;
use cenote_abi::socket::{
    IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IP_RECVERR, IP_TOS, IP_TTL, IPV6_MULTICAST_HOPS,
    IPV6_MULTICAST_LOOP, IPV6_RECVERR, IPV6_TCLASS, IPV6_UNICAST_HOPS, IPV6_V6ONLY, SO_BROADCAST,
    SO_DEBUG, SO_DONTROUTE, SO_KEEPALIVE, SO_LINGER, SO_OOBINLINE, SO_PASSCRED, SO_PRIORITY,
    SO_RCVBUF, SO_RCVLOWAT, SO_RCVTIMEO, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SO_SNDTIMEO,
    SO_TIMESTAMP, SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_TCP, TCP_CORK, TCP_DEFER_ACCEPT, TCP_KEEPCNT,
    TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_LINGER2, TCP_MAXSEG, TCP_NODELAY, TCP_QUICKACK, TCP_SYNCNT,
    TCP_USER_TIMEOUT,
};
use cenote_base::{SysError, SysResult};

use crate::inbox::CAPACITY;

/// Options that were set: level and name to value.
#[derive(Debug, Default)]
pub(crate) struct Options {
    set: BTreeMap<(i32, i32), Vec<u8>>,
}

/// What kind of value an option has, and what it is until set.
enum Shape {
    /// An int.
    Int(i32),
    /// A structure of this many bytes, zero at first.
    Bytes(usize),
}

/// The options we know. Those answered by the socket itself (`SO_TYPE`, `SO_ERROR` …) are not here.
fn shape(level: i32, name: i32) -> Option<Shape> {
    let buffer = i32::try_from(CAPACITY).unwrap_or(i32::MAX);
    Some(match (level, name) {
        (SOL_SOCKET, SO_SNDBUF | SO_RCVBUF) => Shape::Int(buffer),
        (SOL_SOCKET, SO_RCVLOWAT) => Shape::Int(1),
        (
            SOL_SOCKET,
            SO_DEBUG | SO_REUSEADDR | SO_DONTROUTE | SO_BROADCAST | SO_KEEPALIVE | SO_OOBINLINE
            | SO_PRIORITY | SO_REUSEPORT | SO_PASSCRED | SO_TIMESTAMP,
        ) => Shape::Int(0),
        (SOL_SOCKET, SO_LINGER) => Shape::Bytes(8),
        (SOL_SOCKET, SO_RCVTIMEO | SO_SNDTIMEO) => Shape::Bytes(16),
        (SOL_TCP, TCP_KEEPIDLE) => Shape::Int(7_200),
        (SOL_TCP, TCP_KEEPINTVL) => Shape::Int(75),
        (SOL_TCP, TCP_KEEPCNT) => Shape::Int(9),
        (SOL_TCP, TCP_MAXSEG) => Shape::Int(65_483),
        (SOL_TCP, TCP_SYNCNT) => Shape::Int(6),
        (SOL_TCP, TCP_LINGER2) => Shape::Int(60),
        (SOL_TCP, TCP_QUICKACK) => Shape::Int(1),
        (SOL_TCP, TCP_NODELAY | TCP_CORK | TCP_DEFER_ACCEPT | TCP_USER_TIMEOUT) => Shape::Int(0),
        (SOL_IP, IP_TTL) => Shape::Int(64),
        (SOL_IP, IP_MULTICAST_TTL | IP_MULTICAST_LOOP) => Shape::Int(1),
        (SOL_IP, IP_TOS | IP_RECVERR) => Shape::Int(0),
        (SOL_IPV6, IPV6_UNICAST_HOPS) => Shape::Int(64),
        (SOL_IPV6, IPV6_MULTICAST_HOPS | IPV6_MULTICAST_LOOP) => Shape::Int(1),
        (SOL_IPV6, IPV6_V6ONLY | IPV6_RECVERR | IPV6_TCLASS) => Shape::Int(0),
        _ => return None,
    })
}

fn unknown() -> SysError {
    SysError::with_note(Errno::ENOPROTOOPT, "no such socket option here")
}

impl Options {
    /// Sets an option.
    pub(crate) fn set(&mut self, level: i32, name: i32, value: &[u8]) -> SysResult {
        let size = match shape(level, name).ok_or_else(unknown)? {
            Shape::Int(_) => 4,
            Shape::Bytes(size) => size,
        };
        let mut value = value.get(..size).ok_or(Errno::EINVAL)?.to_vec();
        if (level, name) == (SOL_SOCKET, SO_SNDBUF) || (level, name) == (SOL_SOCKET, SO_RCVBUF) {
            // Linux keeps room for its own bookkeeping: it doubles the value and says so.
            let asked = i32::from_le_bytes(value.as_slice().try_into().map_err(|_| Errno::EINVAL)?);
            value = asked
                .clamp(1_152, 212_992)
                .saturating_mul(2)
                .to_le_bytes()
                .to_vec();
        }
        self.set.insert((level, name), value);
        Ok(())
    }

    /// Reads an option.
    pub(crate) fn get(&self, level: i32, name: i32) -> SysResult<Vec<u8>> {
        let shape = shape(level, name).ok_or_else(unknown)?;
        Ok(match (self.set.get(&(level, name)), shape) {
            (Some(value), _) => value.clone(),
            (None, Shape::Int(value)) => value.to_le_bytes().to_vec(),
            (None, Shape::Bytes(size)) => vec![0; size],
        })
    }

    /// Whether an int option is set to something else than 0.
    pub(crate) fn is_on(&self, level: i32, name: i32) -> bool {
        self.set
            .get(&(level, name))
            .is_some_and(|value| value.iter().any(|byte| *byte != 0))
    }
}
