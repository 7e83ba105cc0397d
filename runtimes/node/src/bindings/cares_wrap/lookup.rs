//! The machine's own resolver, as `getaddrinfo` and `getnameinfo` of a C library: addresses as text, `/etc/hosts`, `localhost`
//! (RFC 6761), the host's own name. What is in none of them is asked for at the name servers of `/etc/resolv.conf`, if it names some.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cenote_abi::Errno;
use cenote_kernel::syscall;

use super::remote;
use crate::bindings::stream_base::begin_request;
use crate::event_loop::handles::finish_request;
use crate::glue::{Args, BindingResult, Object, Scope, ScopeExt, Value};

/// libuv's `UV_EAI_NONAME`.
pub(super) const EAI_NONAME: i32 = -3008;
/// Longer names are no names.
const MAX_NAME: usize = 255;

const AI_V4MAPPED: u32 = 8;
const AI_ALL: u32 = 16;
const IPV4_FIRST: u32 = 1;
const IPV6_FIRST: u32 = 2;

/// The lines of `/etc/hosts`: an address and its names, lower case.
fn hosts(scope: &Scope<'_, '_>) -> Vec<(IpAddr, Vec<String>)> {
    let Ok(text) = scope.env().read_file(b"/etc/hosts") else {
        return Vec::new();
    };
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let address = words.next()?.parse().ok()?;
            Some((address, words.map(str::to_ascii_lowercase).collect()))
        })
        .collect()
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// The addresses of a name, in the order of RFC 6724 for a machine that reaches only itself: IPv6 first.
pub(crate) fn resolve(scope: &Scope<'_, '_>, name: &str) -> Vec<IpAddr> {
    if let Ok(address) = name.parse() {
        return vec![address];
    }
    let wanted = name.to_ascii_lowercase();
    let wanted = wanted.strip_suffix('.').unwrap_or(&wanted);
    let mut found: Vec<IpAddr> = hosts(scope)
        .into_iter()
        .filter(|(_, names)| names.iter().any(|name| name == wanted))
        .map(|(address, _)| address)
        .collect();
    if found.is_empty() && is_localhost(wanted) {
        found = vec![
            IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V4(Ipv4Addr::LOCALHOST),
        ];
    }
    if found.is_empty()
        && syscall::uname(scope.env().task())
            .nodename
            .eq_ignore_ascii_case(wanted.as_bytes())
    {
        found = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    }
    found.sort_by_key(IpAddr::is_ipv4);
    found.dedup();
    found
}

/// The first name of an address.
pub(super) fn names_of(scope: &Scope<'_, '_>, address: IpAddr) -> Vec<String> {
    hosts(scope)
        .into_iter()
        .filter(|(own, _)| *own == address)
        .flat_map(|(_, names)| names)
        .collect()
}

/// Those of the wanted family, with IPv4 in IPv6 clothes where that is asked for.
fn of_family(found: Vec<IpAddr>, family: i32, hints: u32) -> Vec<IpAddr> {
    match family {
        4 => found.into_iter().filter(IpAddr::is_ipv4).collect(),
        6 => {
            let (v6, v4): (Vec<IpAddr>, Vec<IpAddr>) = found.into_iter().partition(IpAddr::is_ipv6);
            let mapped = v4.into_iter().filter_map(|address| match address {
                IpAddr::V4(v4) => Some(IpAddr::V6(v4.to_ipv6_mapped())),
                IpAddr::V6(_) => None,
            });
            if hints & AI_V4MAPPED != 0 && (v6.is_empty() || hints & AI_ALL != 0) {
                v6.into_iter().chain(mapped).collect()
            } else {
                v6
            }
        }
        _ => found,
    }
}

/// Calls `oncomplete` in the loop's next turn.
fn answer<'s>(
    scope: &Scope<'s, '_>,
    request: Object<'s>,
    make: impl for<'a, 'i> FnOnce(&mut Scope<'a, 'i>) -> Vec<Value<'a>> + 'static,
) {
    let env = scope.env();
    let request = v8::Global::new(scope, request);
    env.event_loop().begin_request();
    env.event_loop().complete(move |scope| {
        scope.env().event_loop().end_request();
        let request = v8::Local::new(scope, &request);
        let args = make(scope);
        finish_request(scope, request, "oncomplete", &args);
    });
}

/// `getaddrinfo(request, hostname, family, hints, order)`: `oncomplete(error, addresses)`.
pub(super) fn getaddrinfo<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let request = args.object(0)?;
    let name = args.text(scope, 1)?;
    let family = args.i32(scope, 2)?;
    let hints = args.get(3).uint32_value(scope).unwrap_or(0);
    let order = args.get(4).uint32_value(scope).unwrap_or(0);
    if name.len() > MAX_NAME || name.contains('\0') {
        return Ok((-Errno::EINVAL.raw()).into());
    }
    let wanted = Wanted {
        family,
        hints,
        order,
    };
    begin_request(scope, request, None);
    let known = resolve(scope, &name);
    if known.is_empty() && remote::ask(scope, request, &name, wanted) {
        return Ok(0.into());
    }
    let found = wanted.choose(known);
    answer(scope, request, move |scope| {
        told(
            scope,
            if found.is_empty() {
                Err(EAI_NONAME)
            } else {
                Ok(&found)
            },
        )
    });
    Ok(0.into())
}

/// Which addresses a caller wants, and in which order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// 4, 6, or 0 for both.
    pub(super) family: i32,
    hints: u32,
    order: u32,
}

impl Wanted {
    pub(super) fn choose(self, known: Vec<IpAddr>) -> Vec<IpAddr> {
        let mut found = of_family(known, self.family, self.hints);
        match self.order {
            IPV4_FIRST => found.sort_by_key(IpAddr::is_ipv6),
            IPV6_FIRST => found.sort_by_key(IpAddr::is_ipv4),
            _ => {}
        }
        found
    }

    /// Whether IPv4 addresses are of use, as such or in IPv6 clothes.
    pub(super) fn takes_v4(self) -> bool {
        self.family != 6 || self.hints & AI_V4MAPPED != 0
    }
}

/// The arguments of `oncomplete(error, addresses)`.
pub(super) fn told<'s>(scope: &Scope<'s, '_>, found: Result<&[IpAddr], i32>) -> Vec<Value<'s>> {
    match found {
        Err(error) => vec![v8::Integer::new(scope, error).into(), scope.null()],
        Ok(found) => {
            let texts: Vec<Value<'s>> = found
                .iter()
                .map(|address| scope.text(&address.to_string()).into())
                .collect();
            vec![
                v8::Integer::new(scope, 0).into(),
                scope.array(&texts).into(),
            ]
        }
    }
}

/// The name of a port by `/etc/services`, its number if it has none.
fn service(scope: &Scope<'_, '_>, port: u16) -> String {
    let wanted = format!("{port}/tcp");
    let services = scope.env().read_file(b"/etc/services").unwrap_or_default();
    String::from_utf8_lossy(&services)
        .lines()
        .find_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let name = words.next()?;
            (words.next()? == wanted).then(|| name.to_owned())
        })
        .unwrap_or_else(|| port.to_string())
}

/// `getnameinfo(request, address, port)`: `oncomplete(error, hostname, service)`.
pub(super) fn getnameinfo<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let request = args.object(0)?;
    let text = args.text(scope, 1)?;
    let port = u16::try_from(args.u32(scope, 2)? & 0xffff).unwrap_or(0);
    let Ok(address) = text.parse::<IpAddr>() else {
        return Ok((-Errno::EINVAL.raw()).into());
    };
    begin_request(scope, request, None);
    let name = names_of(scope, address).into_iter().next();
    let service = service(scope, port);
    answer(scope, request, move |scope| match name {
        Some(name) => vec![
            v8::Integer::new(scope, 0).into(),
            scope.text(&name).into(),
            scope.text(&service).into(),
        ],
        None => vec![
            v8::Integer::new(scope, EAI_NONAME).into(),
            scope.null(),
            scope.null(),
        ],
    });
    Ok(0.into())
}
