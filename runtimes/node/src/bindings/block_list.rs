//! `internalBinding('block_list')`: lists of addresses, ranges and subnets (`net.BlockList`), and `net.SocketAddress`.
//! Node: `src/node_sockaddr.cc`.
//!
//! Every address is compared as a number of 128 bits, an IPv4 address as the IPv6 address that maps it.

use std::cell::RefCell;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use super::messaging::transfer::{CLONEABLE, TransferData};
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, Value, attach,
    native_of, new_instance,
};

pub(super) const BINDING: Binding = Binding::new("block_list")
    .class(&BLOCK_LIST)
    .class(&SOCKET_ADDRESS);

static SOCKET_ADDRESS: Class = Class::new("SocketAddress", new_address)
    .method("detail", detail)
    .method("legacyDetail", legacy_detail)
    .method("flowlabel", flow_label);

static BLOCK_LIST: Class = Class::new("BlockList", new_list)
    .method("addAddress", add_address)
    .method("addAddresses", add_addresses)
    .method("addRange", add_range)
    .method("addSubnet", add_subnet)
    .method("removeAddress", remove_address)
    .method("removeRange", remove_range)
    .method("removeSubnet", remove_subnet)
    .method("check", check)
    .method("checkString", check_string)
    .method("getRules", get_rules)
    .method("getSize", get_size)
    .method("clear", clear);

const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;
/// Rules of one list, so that a check stays cheap.
const MAX_RULES: usize = 1 << 20;

/// An address, its port and flow label.
#[derive(Clone, Copy, Debug)]
struct Address {
    ip: IpAddr,
    port: u16,
    flow_label: u32,
}

impl Native for Address {
    fn transfer_mode(&self) -> u32 {
        CLONEABLE
    }

    fn clone_data(&self, _scope: &mut Scope<'_, '_>) -> Option<Box<dyn TransferData>> {
        Some(Box::new(*self))
    }
}

impl TransferData for Address {
    fn into_object<'s>(self: Box<Self>, scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure> {
        let args = [
            scope.text(&self.ip.to_string()).into(),
            scope.number(self.port.into()),
            scope.number(family_number(self.ip).into()),
            scope.number(self.flow_label.into()),
        ];
        new_instance(scope, &SOCKET_ADDRESS, &args)
    }
}

fn family_number(ip: IpAddr) -> i32 {
    if ip.is_ipv4() { AF_INET } else { AF_INET6 }
}

/// The number an address is compared by.
fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// How rules name a family.
fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IPv4" } else { "IPv6" }
}

fn parse(text: &str, family: i32) -> Option<IpAddr> {
    if family == AF_INET {
        text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
    } else {
        text.split('%')
            .next()?
            .parse::<Ipv6Addr>()
            .ok()
            .map(IpAddr::V6)
    }
}

/// `new SocketAddress(address, port, family, flowlabel)`.
fn new_address<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    let port = u16::try_from(args.i32(scope, 1)?).unwrap_or(0);
    let family = args.i32(scope, 2)?;
    let flow_label = args.u32(scope, 3)? & 0xf_ffff;
    let ip = parse(&text, family)
        .ok_or_else(|| Failure::error("ERR_INVALID_ADDRESS", "Invalid socket address"))?;
    let address = Address {
        ip,
        port,
        flow_label,
    };
    attach(scope, args.this(), Rc::new(address));
    Ok(().into())
}

/// Fills in `address`, `port`, `family` (a number) and `flowlabel`.
fn detail<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let address = args.native::<Address>(scope)?;
    let into = args.object(0)?;
    let family = family_number(address.ip);
    scope.set(into, "address", scope.text(&address.ip.to_string()).into());
    scope.set(into, "port", scope.number(address.port.into()));
    scope.set(into, "family", scope.number(family.into()));
    scope.set(into, "flowlabel", scope.number(address.flow_label.into()));
    Ok(Value::from(into).into())
}

/// `{ address, family: 'IPv4', port }`.
fn legacy_detail<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let address = args.native::<Address>(scope)?;
    let object = scope.object();
    scope.set(
        object,
        "address",
        scope.text(&address.ip.to_string()).into(),
    );
    scope.set(object, "family", scope.name(family(address.ip)).into());
    scope.set(object, "port", scope.number(address.port.into()));
    Ok(Value::from(object).into())
}

fn flow_label<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(f64::from(args.native::<Address>(scope)?.flow_label).into())
}

/// A range or a subnet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rule {
    Range(IpAddr, IpAddr),
    Subnet(IpAddr, u32),
}

impl Rule {
    fn applies(&self, ip: IpAddr) -> bool {
        let ip = number(ip);
        match *self {
            Self::Range(start, end) => (number(start)..=number(end)).contains(&ip),
            Self::Subnet(network, prefix) => {
                let bits = if network.is_ipv4() {
                    96 + prefix.min(32)
                } else {
                    prefix.min(128)
                };
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
                number(network) & mask == ip & mask
            }
        }
    }

    fn text(&self) -> String {
        match *self {
            Self::Range(start, end) => format!("Range: {} {start}-{end}", family(start)),
            Self::Subnet(network, prefix) => {
                format!("Subnet: {} {network}/{prefix}", family(network))
            }
        }
    }
}

/// The rules; the newest is the last.
#[derive(Debug, Default)]
struct List {
    addresses: Vec<IpAddr>,
    /// The same addresses, to be found.
    known: HashSet<u128>,
    rules: Vec<Rule>,
}

impl List {
    fn add_address(&mut self, ip: IpAddr) -> Result<(), Failure> {
        self.make_room()?;
        if self.known.insert(number(ip)) {
            self.addresses.push(ip);
        }
        Ok(())
    }

    fn add_rule(&mut self, rule: Rule) -> Result<(), Failure> {
        self.make_room()?;
        self.rules.push(rule);
        Ok(())
    }

    fn remove_address(&mut self, ip: IpAddr) {
        if self.known.remove(&number(ip)) {
            self.addresses.retain(|own| number(*own) != number(ip));
        }
    }

    fn remove_rule(&mut self, rule: Rule) {
        if let Some(at) = self.rules.iter().rposition(|own| *own == rule) {
            self.rules.remove(at);
        }
    }

    fn make_room(&self) -> Result<(), Failure> {
        if self.len() >= MAX_RULES {
            return Err(Failure::range_error(
                "ERR_OUT_OF_RANGE",
                "The block list has too many rules",
            ));
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.addresses.len() + self.rules.len()
    }

    fn blocks(&self, ip: IpAddr) -> bool {
        self.known.contains(&number(ip)) || self.rules.iter().any(|rule| rule.applies(ip))
    }
}

/// A list, which its copies in other threads share.
#[derive(Debug, Default)]
struct BlockList {
    shared: RefCell<Arc<Mutex<List>>>,
}

impl BlockList {
    fn with<R>(&self, act: impl FnOnce(&mut List) -> R) -> R {
        let shared = Arc::clone(&self.shared.borrow());
        let mut list = shared.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut list)
    }
}

impl Native for BlockList {
    fn transfer_mode(&self) -> u32 {
        CLONEABLE
    }

    fn clone_data(&self, _scope: &mut Scope<'_, '_>) -> Option<Box<dyn TransferData>> {
        Some(Box::new(SharedList(Arc::clone(&self.shared.borrow()))))
    }
}

/// A list under way to another thread.
struct SharedList(Arc<Mutex<List>>);

impl TransferData for SharedList {
    fn into_object<'s>(self: Box<Self>, scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure> {
        let object = new_instance(scope, &BLOCK_LIST, &[])?;
        let list = native_of::<BlockList>(scope, object).ok_or(Failure::Pending)?;
        list.shared.replace(self.0);
        Ok(object)
    }
}

fn new_list<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    attach(scope, args.this(), Rc::new(BlockList::default()));
    Ok(().into())
}

/// The address behind an argument.
fn address<'s>(scope: &Scope<'s, '_>, value: Value<'s>) -> Result<IpAddr, Failure> {
    Object::try_from(value)
        .ok()
        .and_then(|object| native_of::<Address>(scope, object))
        .map(|address| address.ip)
        .ok_or_else(|| {
            Failure::type_error(
                "ERR_INVALID_ARG_TYPE",
                "The argument must be a SocketAddress",
            )
        })
}

fn add_address<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<BlockList>(scope)?;
    let ip = address(scope, args.get(0))?;
    list.with(|list| list.add_address(ip))?;
    Ok(().into())
}

fn add_addresses<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<BlockList>(scope)?;
    let handles = args.array(0)?;
    for index in 0..handles.length() {
        let handle = handles.get_index(scope, index).ok_or(Failure::Pending)?;
        let ip = address(scope, handle)?;
        list.with(|list| list.add_address(ip))?;
    }
    Ok(().into())
}

/// `false` when the end comes before the start.
fn add_range<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<BlockList>(scope)?;
    let (start, end) = (address(scope, args.get(0))?, address(scope, args.get(1))?);
    if number(start) > number(end) {
        return Ok(false.into());
    }
    list.with(|list| list.add_rule(Rule::Range(start, end)))?;
    Ok(true.into())
}

fn subnet<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Rule, Failure> {
    let network = address(scope, args.get(0))?;
    Ok(Rule::Subnet(network, args.u32(scope, 1)?))
}

fn add_subnet<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<BlockList>(scope)?;
    let rule = subnet(scope, args)?;
    list.with(|list| list.add_rule(rule))?;
    Ok(().into())
}

fn remove_address<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<BlockList>(scope)?;
    let gone = address(scope, args.get(0))?;
    list.with(|list| list.remove_address(gone));
    Ok(().into())
}

fn remove_range<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<BlockList>(scope)?;
    let (start, end) = (address(scope, args.get(0))?, address(scope, args.get(1))?);
    list.with(|list| list.remove_rule(Rule::Range(start, end)));
    Ok(().into())
}

fn remove_subnet<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<BlockList>(scope)?;
    let rule = subnet(scope, args)?;
    list.with(|list| list.remove_rule(rule));
    Ok(().into())
}

fn check<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<BlockList>(scope)?;
    let ip = address(scope, args.get(0))?;
    Ok(list.with(|list| list.blocks(ip)).into())
}

/// `checkString(address, family)`: what is no address is not blocked.
fn check_string<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<BlockList>(scope)?;
    let text = args.text(scope, 0)?;
    let family = args.i32(scope, 1)?;
    Ok(parse(&text, family)
        .is_some_and(|ip| list.with(|list| list.blocks(ip)))
        .into())
}

/// The rules as text: the addresses, then the rest; the newest first.
fn get_rules<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<BlockList>(scope)?;
    let texts: Vec<Value<'s>> = list.with(|list| {
        let addresses = list.addresses.iter().rev();
        addresses
            .map(|ip| format!("Address: {} {ip}", family(*ip)))
            .chain(list.rules.iter().rev().map(Rule::text))
            .map(|text| scope.text(&text).into())
            .collect()
    });
    Ok(Value::from(scope.array(&texts)).into())
}

#[expect(clippy::cast_precision_loss, reason = "a small count")]
fn get_size<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<BlockList>(scope)?;
    Ok((list.with(|list| list.len()) as f64).into())
}

fn clear<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<BlockList>(scope)?;
    list.with(|list| *list = List::default());
    Ok(().into())
}
