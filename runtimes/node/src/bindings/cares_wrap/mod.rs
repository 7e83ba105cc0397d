//! `internalBinding('cares_wrap')`: names to addresses and back. Node: `src/cares_wrap.cc`.
//!
//! `lookup` is the machine's own resolver (`dns.lookup`): addresses as text, `/etc/hosts`, `localhost`, the host's own name; what is in none
//! of them it asks the name servers for (`remote`).
//! `channel` asks name servers over the kernel's UDP sockets (`dns.resolve`), `answer` is what they say as JavaScript values.

mod answer;
mod channel;
mod errors;
mod lookup;
mod remote;

pub(crate) use lookup::resolve as host_addresses;

use crate::event_loop::handles::ASYNC_WRAP;
use crate::glue::{Args, Binding, BindingResult, Class, Return, Scope, ScopeExt, new_node_buffer};

use super::stream_base::new_request_wrap;

pub(super) const BINDING: Binding = Binding::new("cares_wrap")
    .function("getaddrinfo", lookup::getaddrinfo)
    .function("getnameinfo", lookup::getnameinfo)
    .function("canonicalizeIP", canonicalize_ip)
    .function("convertIpv6StringToBuffer", convert_ipv6)
    .function("strerror", errors::strerror)
    .class(&channel::CHANNEL_WRAP)
    .class(&QUERY_REQ_WRAP)
    .class(&GET_ADDR_INFO_REQ_WRAP)
    .class(&GET_NAME_INFO_REQ_WRAP);

static GET_ADDR_INFO_REQ_WRAP: Class =
    Class::new("GetAddrInfoReqWrap", new_addr_info).extends(&ASYNC_WRAP);
static GET_NAME_INFO_REQ_WRAP: Class =
    Class::new("GetNameInfoReqWrap", new_name_info).extends(&ASYNC_WRAP);

static QUERY_REQ_WRAP: Class = Class::new("QueryReqWrap", new_query).extends(&ASYNC_WRAP);

fn new_query<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    new_request_wrap(scope, args, "QUERYWRAP")
}

fn new_addr_info<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    new_request_wrap(scope, args, "GETADDRINFOREQWRAP")
}

fn new_name_info<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    new_request_wrap(scope, args, "GETNAMEINFOREQWRAP")
}

/// An address in its usual form; `undefined` for what is none.
fn canonicalize_ip<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    Ok(match text.parse::<std::net::IpAddr>() {
        Ok(address) => Return::Value(scope.text(&address.to_string()).into()),
        Err(_) => ().into(),
    })
}

/// The 16 bytes of an IPv6 address; `undefined` for what is none.
fn convert_ipv6<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    let Ok(address) = text.parse::<std::net::Ipv6Addr>() else {
        return Ok(().into());
    };
    Ok(match new_node_buffer(scope, address.octets().to_vec()) {
        Some(buffer) => Return::Value(buffer.into()),
        None => ().into(),
    })
}
