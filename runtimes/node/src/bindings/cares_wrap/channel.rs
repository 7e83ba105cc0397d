//! `ChannelWrap`: questions to name servers. Node: `ChannelWrap` and `QueryWrap` in `src/cares_wrap.cc`; c-ares for retries and timeouts.
//!
//! Each attempt is one UDP socket of the kernel, connected to one server, so that a refusal is heard. The servers are those of
//! `setServers`, of `/etc/resolv.conf`, or the machine itself. Where the network outside is closed, asking ends in `ECONNREFUSED`.
//! Not there: repeating a truncated answer over TCP; the records that came are taken.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cenote_abi::Errno;
use cenote_abi::fs::OpenFlags;
use cenote_abi::poll::PollEvents;
use cenote_abi::random::RandomFlags;
use cenote_abi::socket::{AddressFamily, PeerCredentials, SocketType};
use cenote_base::{Clock, MonoTime, SysResult, WaitQueue};
use cenote_kernel::{Task, syscall};
use cenote_net::{Name as SocketName, Socket};
use cenote_vfs::OpenFile;
use hickory_proto::op::{Message, MessageType, OpCode, Query as Question, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

use super::answer::Kind;
use super::lookup;
use crate::bindings::stream_base::begin_request;
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo, finish_request};
use crate::event_loop::{Readiness, WatchId};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, Value, attach, native_of,
};

/// `DNS_ESETSRVPENDING`.
pub(super) const SERVERS_WHILE_PENDING: i32 = -1000;
const DNS_PORT: u16 = 53;
/// c-ares' first timeout and number of tries.
const DEFAULT_TIMEOUT: u64 = 2_000;
const DEFAULT_TRIES: u32 = 3;
/// The largest answer over UDP.
const MAX_ANSWER: usize = 64 << 10;
/// Questions under way at once, of one channel.
const MAX_QUERIES: usize = 1_024;
/// Servers of one channel.
const MAX_SERVERS: usize = 64;

pub(super) static CHANNEL_WRAP: Class = Class::new("ChannelWrap", new_channel)
    .extends(&ASYNC_WRAP)
    .method("queryAny", query_any)
    .method("queryA", query_a)
    .method("queryAaaa", query_aaaa)
    .method("queryCaa", query_caa)
    .method("queryCname", query_cname)
    .method("queryMx", query_mx)
    .method("queryNs", query_ns)
    .method("queryTlsa", query_tlsa)
    .method("queryTxt", query_txt)
    .method("querySrv", query_srv)
    .method("queryPtr", query_ptr)
    .method("queryNaptr", query_naptr)
    .method("querySoa", query_soa)
    .method("getHostByAddr", get_host_by_addr)
    .method("getServers", get_servers)
    .method("setServers", set_servers)
    .method("setLocalAddress", set_local_address)
    .method("cancel", cancel);

/// A question under way.
struct Query {
    request: v8::Global<v8::Object>,
    kind: Kind,
    name: Name,
    attempt: u32,
    /// What the last attempt ended with.
    last: &'static str,
    watch: Option<WatchId>,
}

/// A resolver.
struct Channel {
    info: AsyncInfo,
    number: Cell<i32>,
    timeout: u64,
    max_timeout: u64,
    tries: u32,
    servers: RefCell<Vec<SocketAddr>>,
    local: Cell<(Option<Ipv4Addr>, Option<Ipv6Addr>)>,
    queries: RefCell<BTreeMap<u64, Query>>,
    next: Cell<u64>,
}

impl Native for Channel {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

/// `new ChannelWrap(timeout, tries, maxTimeout)`.
fn new_channel<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let timeout = args.i32(scope, 0)?;
    let tries = args.i32(scope, 1)?;
    let max_timeout = args.get(2).uint32_value(scope).unwrap_or(0);
    let info = AsyncInfo::new(scope, this, "DNSCHANNEL");
    let channel = Rc::new(Channel {
        info,
        number: Cell::new(-1),
        // c-ares: what is not positive means its own timeout.
        timeout: u64::try_from(timeout)
            .ok()
            .filter(|timeout| *timeout > 0)
            .unwrap_or(DEFAULT_TIMEOUT),
        max_timeout: u64::from(max_timeout),
        tries: u32::try_from(tries)
            .ok()
            .filter(|tries| *tries > 0)
            .unwrap_or(DEFAULT_TRIES),
        servers: RefCell::new(configured_servers(scope)),
        local: Cell::new((None, None)),
        queries: RefCell::default(),
        next: Cell::new(0),
    });
    let number = attach(scope, this, Rc::clone(&channel));
    channel.number.set(number);
    Ok(().into())
}

/// The servers of `/etc/resolv.conf`.
pub(super) fn named_servers(scope: &Scope<'_, '_>) -> Vec<SocketAddr> {
    let text = scope
        .env()
        .read_file(b"/etc/resolv.conf")
        .unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("nameserver")).then_some(())?;
            let address: IpAddr = words.next()?.parse().ok()?;
            Some(SocketAddr::new(address, DNS_PORT))
        })
        .take(MAX_SERVERS)
        .collect()
}

/// The servers of `/etc/resolv.conf`; the machine itself when it names none.
fn configured_servers(scope: &Scope<'_, '_>) -> Vec<SocketAddr> {
    let servers = named_servers(scope);
    if servers.is_empty() {
        vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DNS_PORT)]
    } else {
        servers
    }
}

macro_rules! queries {
    ($($function:ident $kind:ident,)*) => { $(
        fn $function<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
            ask(scope, args, Kind::$kind)
        }
    )* };
}

queries! {
    query_any Any, query_a A, query_aaaa Aaaa, query_caa Caa, query_cname Cname, query_mx Mx, query_ns Ns, query_tlsa Tlsa,
    query_txt Txt, query_srv Srv, query_ptr Ptr, query_naptr Naptr, query_soa Soa,
}

/// `queryX(request, name)`: `oncomplete(error, answer, ttls)`.
fn ask<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>, kind: Kind) -> BindingResult<'s> {
    let channel = args.native::<Channel>(scope)?;
    let request = args.object(0)?;
    let text = args.text(scope, 1)?;
    begin_request(scope, request, None);
    match question_name(&text) {
        // RFC 7686: such names are never asked for.
        Some(_) if is_onion(&text) => channel.refuse(scope, request, "ENOTFOUND"),
        Some(name) => channel.start(scope, args.this(), request, kind, name),
        None => channel.refuse(scope, request, "EBADNAME"),
    }
    Ok(0.into())
}

fn is_onion(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    text.rsplit('.')
        .next()
        .is_some_and(|last| last.eq_ignore_ascii_case("onion"))
}

/// A name as it is asked for; `None` for what cannot be one.
fn question_name(text: &str) -> Option<Name> {
    let text = if text.is_empty() { "." } else { text };
    let mut name = Name::from_ascii(text).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// `getHostByAddr(request, address)`: `oncomplete(error, names)`.
fn get_host_by_addr<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let channel = args.native::<Channel>(scope)?;
    let request = args.object(0)?;
    let Ok(address) = args.text(scope, 1)?.parse::<IpAddr>() else {
        return Ok((-Errno::EINVAL.raw()).into());
    };
    begin_request(scope, request, None);
    let known = lookup::names_of(scope, address);
    if known.is_empty() {
        let name = Name::from(address);
        channel.start(scope, args.this(), request, Kind::Reverse, name);
        return Ok(0.into());
    }
    let request = v8::Global::new(scope, request);
    let env = scope.env();
    env.event_loop().begin_request();
    env.event_loop().complete(move |scope| {
        let names: Vec<Value<'_>> = known.iter().map(|name| scope.text(name).into()).collect();
        let names = scope.array(&names).into();
        let zero = v8::Integer::new(scope, 0).into();
        tell(scope, &request, &[zero, names]);
    });
    Ok(0.into())
}

/// Calls the request's `oncomplete`.
fn tell<'s>(scope: &mut Scope<'s, '_>, request: &v8::Global<v8::Object>, args: &[Value<'s>]) {
    scope.env().event_loop().end_request();
    let request = v8::Local::new(scope, request);
    finish_request(scope, request, "oncomplete", args);
}

/// Asks a server over a socket of its own, connected to it, from `local` if that is given; the answer is waited for until the deadline.
pub(super) fn ask_server(
    task: &Task,
    server: SocketAddr,
    local: Option<IpAddr>,
    question: &Question,
    patience: Duration,
    clock: &Arc<dyn Clock>,
) -> SysResult<Attempt> {
    let owner = PeerCredentials {
        pid: task.pid().raw(),
        uid: syscall::geteuid(task).raw(),
        gid: syscall::getegid(task).raw(),
    };
    let family = match server {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let socket: Arc<Socket> = task
        .kernel()
        .sockets()
        .socket(family, SocketType::Datagram, 0)?;
    if let Some(local) = local {
        socket.bind(SocketName::Inet(local, 0), false)?;
    }
    socket.connect(SocketName::Inet(server.ip(), server.port()), owner)?;
    let file = OpenFile::new(socket, OpenFlags::O_RDWR | OpenFlags::O_NONBLOCK);
    let mut id = [0; 2];
    syscall::getrandom(task, &mut id, RandomFlags::empty())?;
    let id = u16::from_ne_bytes(id);
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(question.clone());
    let bytes = message.to_vec().map_err(|_| Errno::EINVAL)?;
    file.write(&bytes)?;
    Ok(Attempt {
        file,
        deadline: clock.now().after(patience),
        clock: Arc::clone(clock),
        id,
    })
}

/// One attempt: ready when an answer or a refusal came, or when its time is up.
pub(super) struct Attempt {
    file: Arc<OpenFile>,
    clock: Arc<dyn Clock>,
    deadline: MonoTime,
    id: u16,
}

impl Readiness for Attempt {
    fn is_ready(&self) -> bool {
        self.file
            .poll()
            .intersects(PollEvents::READABLE | PollEvents::ALWAYS)
            || self.clock.now() >= self.deadline
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        self.file.wait_queue()
    }

    fn deadline(&self) -> Option<MonoTime> {
        Some(self.deadline)
    }
}

/// What an attempt came to.
pub(super) enum Outcome {
    /// Nothing yet.
    Nothing,
    /// An answer.
    Answer(Box<Message>),
    /// This server gives none.
    Failed(&'static str),
}

impl Attempt {
    pub(super) fn look(&self, question: &Question) -> Outcome {
        let mut buffer = vec![0; MAX_ANSWER];
        loop {
            let count = match self.file.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.errno() == Errno::EAGAIN => break,
                Err(_) => return Outcome::Failed("ECONNREFUSED"),
            };
            // What is no answer to this question is not for us.
            let Ok(message) = Message::from_vec(buffer.get(..count).unwrap_or_default()) else {
                continue;
            };
            let is_ours = message.metadata.id == self.id
                && message.metadata.message_type == MessageType::Response
                && message.queries.first().is_some_and(|asked| {
                    asked.name().eq_ignore_root(question.name())
                        && asked.query_type() == question.query_type()
                });
            if is_ours {
                return Outcome::Answer(Box::new(message));
            }
        }
        if self.clock.now() >= self.deadline {
            Outcome::Failed("ETIMEOUT")
        } else {
            Outcome::Nothing
        }
    }
}

impl Channel {
    fn refuse<'s>(&self, scope: &Scope<'s, '_>, request: Object<'s>, code: &'static str) {
        let request = v8::Global::new(scope, request);
        let env = scope.env();
        env.event_loop().begin_request();
        env.event_loop().complete(move |scope| {
            let code = scope.name(code).into();
            tell(scope, &request, &[code]);
        });
    }

    fn start<'s>(
        &self,
        scope: &Scope<'s, '_>,
        this: Object<'s>,
        request: Object<'s>,
        kind: Kind,
        name: Name,
    ) {
        if self.queries.borrow().len() >= MAX_QUERIES {
            self.refuse(scope, request, "ENOMEM");
            return;
        }
        let env = scope.env();
        env.natives().keep(scope, this);
        env.event_loop().begin_request();
        let query = Query {
            request: v8::Global::new(scope, request),
            kind,
            name,
            attempt: 0,
            last: "ECONNREFUSED",
            watch: None,
        };
        let key = self.next.get();
        self.next.set(key + 1);
        self.queries.borrow_mut().insert(key, query);
        self.attempt(scope, key);
    }

    /// Asks the next server, until one can be asked; the question fails when none is left.
    fn attempt(&self, scope: &Scope<'_, '_>, key: u64) {
        let env = scope.env();
        let servers = self.servers.borrow().clone();
        let count = u32::try_from(servers.len()).unwrap_or(1).max(1);
        loop {
            let (attempt, question) = {
                let mut queries = self.queries.borrow_mut();
                let Some(query) = queries.get_mut(&key) else {
                    return;
                };
                let attempt = query.attempt;
                query.attempt += 1;
                let question = Question::query(query.name.clone(), query.kind.record_type());
                (attempt, question)
            };
            if attempt >= self.tries.saturating_mul(count) {
                break;
            }
            let Some(server) = servers.get((attempt % count) as usize) else {
                break;
            };
            let round = attempt / count;
            let sent = self.send(env.task(), *server, &question, round, env.steady_clock());
            match sent {
                Ok(attempt) => {
                    let number = self.number.get();
                    let attempt = Rc::new(attempt);
                    let seen = Rc::clone(&attempt);
                    let watch = env.event_loop().io().watch(attempt, move |scope| {
                        let channel = scope
                            .env()
                            .natives()
                            .object(scope, number)
                            .and_then(|object| native_of::<Self>(scope, object));
                        if let Some(channel) = channel {
                            channel.on_ready(scope, key, &seen, &question);
                        }
                    });
                    if let Some(query) = self.queries.borrow_mut().get_mut(&key) {
                        query.watch = Some(watch);
                    }
                    return;
                }
                Err(error) => {
                    tracing::debug!(target: "cenote::node", %server, %error, "a name server that cannot be asked");
                    if let Some(query) = self.queries.borrow_mut().get_mut(&key) {
                        query.last = "ECONNREFUSED";
                    }
                }
            }
        }
        let Some(query) = self.queries.borrow_mut().remove(&key) else {
            return;
        };
        self.release_if_idle(scope);
        let (request, code) = (query.request, query.last);
        env.event_loop().complete(move |scope| {
            let code = scope.name(code).into();
            tell(scope, &request, &[code]);
        });
    }

    fn send(
        &self,
        task: &Task,
        server: SocketAddr,
        question: &Question,
        round: u32,
        clock: &Arc<dyn Clock>,
    ) -> SysResult<Attempt> {
        let local = match server {
            SocketAddr::V4(_) => self.local.get().0.map(IpAddr::V4),
            SocketAddr::V6(_) => self.local.get().1.map(IpAddr::V6),
        };
        let mut wait = self.timeout.saturating_mul(1 << round.min(16));
        if self.max_timeout > 0 {
            wait = wait.min(self.max_timeout);
        }
        let patience = Duration::from_millis(wait);
        ask_server(task, server, local, question, patience, clock)
    }

    fn on_ready(
        &self,
        scope: &mut Scope<'_, '_>,
        key: u64,
        attempt: &Attempt,
        question: &Question,
    ) {
        let failure = match attempt.look(question) {
            Outcome::Nothing => return,
            Outcome::Failed(code) => code,
            Outcome::Answer(message) => match message.metadata.response_code {
                // Another server may know better.
                ResponseCode::ServFail => "ESERVFAIL",
                ResponseCode::NotImp => "ENOTIMP",
                ResponseCode::Refused => "EREFUSED",
                code => {
                    self.finish(scope, key, &message, code);
                    return;
                }
            },
        };
        {
            let mut queries = self.queries.borrow_mut();
            let Some(query) = queries.get_mut(&key) else {
                return;
            };
            query.last = failure;
            if let Some(watch) = query.watch.take() {
                scope.env().event_loop().io().unwatch(watch);
            }
        }
        self.attempt(scope, key);
    }

    fn finish(&self, scope: &mut Scope<'_, '_>, key: u64, message: &Message, code: ResponseCode) {
        let Some(query) = self.take(scope, key) else {
            return;
        };
        let answer = match code {
            ResponseCode::NoError => query.kind.answer(scope, message),
            ResponseCode::NXDomain => Err("ENOTFOUND"),
            ResponseCode::FormErr => Err("EFORMERR"),
            _ => Err("EBADRESP"),
        };
        match answer {
            Ok((answer, extra)) => {
                let zero = v8::Integer::new(scope, 0).into();
                let extra = extra.unwrap_or_else(|| scope.undefined());
                tell(scope, &query.request, &[zero, answer, extra]);
            }
            Err(code) => {
                let code = scope.name(code).into();
                tell(scope, &query.request, &[code]);
            }
        }
    }

    fn take(&self, scope: &Scope<'_, '_>, key: u64) -> Option<Query> {
        let query = self.queries.borrow_mut().remove(&key)?;
        if let Some(watch) = query.watch {
            scope.env().event_loop().io().unwatch(watch);
        }
        self.release_if_idle(scope);
        Some(query)
    }

    fn release_if_idle(&self, scope: &Scope<'_, '_>) {
        if !self.queries.borrow().is_empty() {
            return;
        }
        let env = scope.env();
        if let Some(object) = env.natives().object(scope, self.number.get()) {
            env.natives().release(scope, object);
        }
    }
}

/// `[[address, port], …]`.
fn get_servers<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let channel = args.native::<Channel>(scope)?;
    let servers: Vec<Value<'s>> = channel
        .servers
        .borrow()
        .iter()
        .map(|server| {
            let address = scope.text(&server.ip().to_string()).into();
            let port = v8::Integer::new(scope, i32::from(server.port())).into();
            scope.array(&[address, port]).into()
        })
        .collect();
    Ok(scope.array(&servers).into())
}

/// `setServers([[family, address, port], …])`: 0, or an error number.
fn set_servers<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const EBADSTR: i32 = 17;
    let channel = args.native::<Channel>(scope)?;
    if !channel.queries.borrow().is_empty() {
        return Ok(SERVERS_WHILE_PENDING.into());
    }
    let list = args.array(0)?;
    let mut servers = Vec::new();
    for index in 0..list.length() {
        let entry = list.get_index(scope, index).ok_or(Failure::Pending)?;
        let entry = v8::Local::<v8::Array>::try_from(entry).map_err(|_| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "A server must be an array")
        })?;
        let address = entry
            .get_index(scope, 1)
            .ok_or(Failure::Pending)?
            .to_rust_string_lossy(scope);
        let port = entry
            .get_index(scope, 2)
            .and_then(|port| port.uint32_value(scope))
            .and_then(|port| u16::try_from(port).ok());
        let address = address.split('%').next().unwrap_or_default();
        let (Ok(address), Some(port)) = (address.parse::<IpAddr>(), port) else {
            return Ok(EBADSTR.into());
        };
        let port = if port == 0 { DNS_PORT } else { port };
        if servers.len() < MAX_SERVERS {
            servers.push(SocketAddr::new(address, port));
        }
    }
    *channel.servers.borrow_mut() = servers;
    Ok(0.into())
}

/// `setLocalAddress(first, second)`: one address of each family at most.
fn set_local_address<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let channel = args.native::<Channel>(scope)?;
    let wrong = |message: &str| Failure::type_error("ERR_INVALID_ARG_VALUE", message);
    let first: IpAddr = args
        .text(scope, 0)?
        .parse()
        .map_err(|_| wrong("Invalid IP address."))?;
    let second = if args.get(1).is_null_or_undefined() {
        None
    } else {
        Some(
            args.text(scope, 1)?
                .parse::<IpAddr>()
                .map_err(|_| wrong("Invalid IP address."))?,
        )
    };
    let local = match (first, second) {
        (IpAddr::V4(v4), None) => (Some(v4), None),
        (IpAddr::V6(v6), None) => (None, Some(v6)),
        (IpAddr::V4(v4), Some(IpAddr::V6(v6))) | (IpAddr::V6(v6), Some(IpAddr::V4(v4))) => {
            (Some(v4), Some(v6))
        }
        (IpAddr::V4(_), Some(_)) => return Err(wrong("Cannot specify two IPv4 addresses.")),
        (IpAddr::V6(_), Some(_)) => return Err(wrong("Cannot specify two IPv6 addresses.")),
    };
    channel.local.set(local);
    Ok(().into())
}

/// Ends every question with `ECANCELLED`.
fn cancel<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let channel = args.native::<Channel>(scope)?;
    let keys: Vec<u64> = channel.queries.borrow().keys().copied().collect();
    for key in keys {
        if let Some(query) = channel.take(scope, key) {
            scope.env().event_loop().complete(move |scope| {
                let code = scope.name("ECANCELLED").into();
                tell(scope, &query.request, &[code]);
            });
        }
    }
    Ok(().into())
}

/// The record type of a kind of question.
impl Kind {
    fn record_type(self) -> RecordType {
        match self {
            Self::Any => RecordType::ANY,
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Caa => RecordType::CAA,
            Self::Cname => RecordType::CNAME,
            Self::Mx => RecordType::MX,
            Self::Ns => RecordType::NS,
            Self::Tlsa => RecordType::TLSA,
            Self::Txt => RecordType::TXT,
            Self::Srv => RecordType::SRV,
            Self::Ptr | Self::Reverse => RecordType::PTR,
            Self::Naptr => RecordType::NAPTR,
            Self::Soa => RecordType::SOA,
        }
    }
}
