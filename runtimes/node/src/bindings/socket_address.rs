//! Socket addresses between JavaScript and the kernel: text and port to address, and back. Node: `AddressToJS` in `src/tcp_wrap.cc`;
//! libuv: `uv_ip4_addr`, `uv_ip6_addr`.

use std::net::{Ipv4Addr, Ipv6Addr};

use cenote_abi::Errno;
use cenote_abi::socket::{AddressFamily, SocketAddress};
use cenote_base::SysResult;

use crate::glue::{Args, Failure, Object, Scope, ScopeExt};

/// The index of the only interface.
const LOOPBACK_INDEX: u32 = 1;

/// 0, or the negative error number.
pub(super) fn status(outcome: SysResult) -> i32 {
    outcome.map_or_else(|error| -error.errno().raw(), |()| 0)
}

/// As [`status`], for `bind`: to libuv an address of the wrong family is a wrong argument.
pub(super) fn status_of_bind(outcome: SysResult) -> i32 {
    match status(outcome) {
        wrong if wrong == -Errno::EAFNOSUPPORT.raw() => -Errno::EINVAL.raw(),
        other => other,
    }
}

/// An address of this family; a negative error number when the text is none.
pub(super) fn parse(text: &str, port: u16, family: AddressFamily) -> Result<SocketAddress, i32> {
    let wrong = -Errno::EINVAL.raw();
    if family == AddressFamily::Inet {
        let address: Ipv4Addr = text.parse().map_err(|_| wrong)?;
        return Ok(SocketAddress::Inet { address, port });
    }
    let (text, zone) = text
        .split_once('%')
        .map_or((text, None), |(text, zone)| (text, Some(zone)));
    let address: Ipv6Addr = text.parse().map_err(|_| wrong)?;
    let scope_id = match zone {
        None => 0,
        Some("lo") => LOOPBACK_INDEX,
        Some(number) => number.parse().unwrap_or(0),
    };
    Ok(SocketAddress::Inet6 {
        address,
        port,
        flow_info: 0,
        scope_id,
    })
}

/// The address in arguments `at` (text) and `at + 1` (port); the inner error is a negative number for JavaScript.
pub(super) fn of_args<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    at: usize,
    family: AddressFamily,
) -> Result<Result<SocketAddress, i32>, Failure> {
    let text = args.text(scope, at)?;
    // As `htons` of an int: the low half.
    let port = args
        .get(at + 1)
        .uint32_value(scope)
        .ok_or(Failure::Pending)?
        & 0xffff;
    let port = u16::try_from(port).unwrap_or(0);
    Ok(parse(&text, port, family))
}

/// The text and port of an internet address.
pub(super) fn text_of(address: &SocketAddress) -> Option<(String, &'static str, u16)> {
    match address {
        SocketAddress::Inet { address, port } => Some((address.to_string(), "IPv4", *port)),
        SocketAddress::Inet6 {
            address,
            port,
            scope_id,
            ..
        } => {
            let mut text = address.to_string();
            if address.is_unicast_link_local() && *scope_id != 0 {
                text.push('%');
                match *scope_id {
                    LOOPBACK_INDEX => text.push_str("lo"),
                    other => text.push_str(&other.to_string()),
                }
            }
            Some((text, "IPv6", *port))
        }
        SocketAddress::Unspecified
        | SocketAddress::UnixUnnamed
        | SocketAddress::UnixPath(_)
        | SocketAddress::UnixAbstract(_) => None,
    }
}

/// Sets `address`, `family` and `port` of an object.
pub(super) fn describe<'s>(scope: &Scope<'s, '_>, into: Object<'s>, address: &SocketAddress) {
    match text_of(address) {
        Some((text, family, port)) => {
            scope.set(into, "address", scope.text(&text).into());
            scope.set(into, "family", scope.name(family).into());
            scope.set(
                into,
                "port",
                v8::Integer::new(scope, i32::from(port)).into(),
            );
        }
        None => scope.set(into, "address", v8::String::empty(scope).into()),
    }
}
