//! Rules for the network outside: [`NetworkRule`], and what they say of an address or a name.
//!
//! Deny by default; the last rule that matches wins. A rule for a name matches the addresses that the machine's name service answered
//! for it, to this machine. An address the [`guard`] keeps is opened by a rule for addresses alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use cenote_base::policy::{Transport, Verdict};
use globset::{GlobBuilder, GlobMatcher};
use ipnet::IpNet;

use super::guard::{self, canonical};
use super::pins::Pins;
use crate::Error;
use crate::policy::{Effect, Ruling};

/// A rule for the network outside the machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NetworkRule {
    /// What it says.
    pub effect: Effect,
    /// Whom it speaks of: `*` for everybody; a name or a glob of names (`api.example.com`, `*.example.com`); an address (`192.0.2.1`,
    /// `2001:db8::1`); a range of addresses (`10.0.0.0/8`).
    pub host: String,
    /// Which ports; empty: all.
    pub ports: Vec<RangeInclusive<u16>>,
    /// For which operations; empty: all but [`Listen`](NetworkOperation::Listen), which leaves nothing out of the machine and is meant where it is named.
    pub operations: Vec<NetworkOperation>,
    /// Why, where it refuses: for the audit (system calls of the network have no room for it).
    pub reason: Option<String>,
}

/// What is done with the network.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum NetworkOperation {
    /// Make a connection to an address outside.
    Connect,
    /// Send datagrams to an address outside.
    Send,
    /// Look up a name.
    Resolve,
    /// Send a request of HTTP through the embedder's network ([`NetworkAdapter`](crate::NetworkAdapter)). The connection on which it is
    /// sent is one too: `Connect` is asked for first.
    Http,
    /// Take connections inside the machine, at this address and port: `127.0.0.1:8000`, `0.0.0.0`, `*:1-1023`.
    Listen,
}

impl NetworkOperation {
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::Connect,
        Self::Send,
        Self::Resolve,
        Self::Http,
        Self::Listen,
    ];

    /// In one word, as rules of the contract have it: `connect`, `send`, `dns`, `http`, `listen`.
    #[must_use]
    pub fn rule_name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Send => "send",
            Self::Resolve => "dns",
            Self::Http => "http",
            Self::Listen => "listen",
        }
    }

    /// The operation that a rule means by a word; `fetch` is `http`, which cannot be told from it for sure.
    #[must_use]
    pub fn of_rule_name(name: &str) -> Option<Self> {
        let name = if name == "fetch" { "http" } else { name };
        Self::ALL.into_iter().find(|one| one.rule_name() == name)
    }

    pub(crate) fn of_transport(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => Self::Connect,
            Transport::Udp => Self::Send,
        }
    }
}

impl NetworkRule {
    /// Allows `HOST[:PORTS]`: `example.com`, `*.example.com:443`, `10.0.0.0/8:80,8000-8999`, `[::1]:5432`, `*`.
    #[must_use]
    pub fn allow(target: &str) -> Self {
        Self::of(Effect::Allow, target)
    }

    /// Refuses `HOST[:PORTS]`.
    #[must_use]
    pub fn deny(target: &str) -> Self {
        Self::of(Effect::Deny, target)
    }

    /// Lets the callback decide for `HOST[:PORTS]`. It is not asked for addresses of the host's own and private networks, unless a rule names those.
    #[must_use]
    pub fn ask(target: &str) -> Self {
        Self::of(Effect::Ask, target)
    }

    /// The same for some operations alone.
    #[must_use]
    pub fn for_operations(mut self, of: impl IntoIterator<Item = NetworkOperation>) -> Self {
        self.operations = of.into_iter().collect();
        self
    }

    /// The same, saying why it refuses.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// What rules say of the host's loopback ports that the guard does not keep, as rules of their own, to come after them. Where there are no rules
    /// and nobody is asked, the ports themselves are the permission.
    ///
    /// # Errors
    /// [`Error::Option`] for a malformed rule.
    pub fn exempt(rules: &[Self], asks: bool, ports: &[u16]) -> Result<Vec<Self>, Error> {
        let compiled = rules.iter().map(compile).collect::<Result<Vec<_>, _>>()?;
        let mut exempt = Vec::new();
        for port in ports {
            for host in ["127.0.0.1", "::1"] {
                let address: IpAddr = if host == "::1" {
                    Ipv6Addr::LOCALHOST.into()
                } else {
                    Ipv4Addr::LOCALHOST.into()
                };
                let said = |operation| {
                    let speaks_of_it = |rule: &&Compiled| {
                        rule.speaks_of(operation, *port)
                            && match &rule.target {
                                Target::Anybody => true,
                                Target::Addresses(net) => net.contains(&address),
                                Target::Names(glob) => glob.is_match("localhost"),
                            }
                    };
                    match compiled.iter().rev().find(speaks_of_it) {
                        Some(rule) => rule.effect,
                        None if asks => Effect::Ask,
                        None if rules.is_empty() => Effect::Allow,
                        None => Effect::Deny,
                    }
                };
                let of_addresses = [
                    NetworkOperation::Connect,
                    NetworkOperation::Send,
                    NetworkOperation::Http,
                ];
                let effects = of_addresses.map(|operation| (operation, said(operation)));
                let opened = effects.iter().filter(|(_, effect)| *effect != Effect::Deny);
                exempt.extend(opened.map(|(operation, effect)| Self {
                    effect: *effect,
                    host: host.into(),
                    ports: vec![*port..=*port],
                    operations: vec![*operation],
                    reason: None,
                }));
            }
        }
        Ok(exempt)
    }

    /// What is malformed stays in `host`, where making the machine finds and names it.
    fn of(effect: Effect, target: &str) -> Self {
        let (host, ports) = split(target).unwrap_or((target, Vec::new()));
        Self {
            effect,
            host: host.to_owned(),
            ports,
            operations: Vec::new(),
            reason: None,
        }
    }
}

/// Parts ports from a host.
fn split(target: &str) -> Option<(&str, Vec<RangeInclusive<u16>>)> {
    if let Some(rest) = target.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(list) => Some((host, ports(list)?)),
            None if rest.is_empty() => Some((host, Vec::new())),
            None => None,
        };
    }
    match target.split_once(':') {
        // More than one colon: an IPv6 address without brackets.
        Some((_, rest)) if rest.contains(':') => Some((target, Vec::new())),
        Some((host, list)) => Some((host, ports(list)?)),
        None => Some((target, Vec::new())),
    }
}

fn ports(list: &str) -> Option<Vec<RangeInclusive<u16>>> {
    list.split(',')
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then_some(first..=last)
        })
        .collect()
}

/// Whom a rule speaks of.
#[derive(Debug)]
enum Target {
    Anybody,
    Addresses(IpNet),
    Names(GlobMatcher),
}

#[derive(Debug)]
struct Compiled {
    effect: Effect,
    target: Target,
    ports: Vec<RangeInclusive<u16>>,
    operations: Vec<NetworkOperation>,
    reason: Option<String>,
    text: String,
}

/// Rules made ready to be asked.
#[derive(Debug)]
pub(crate) struct NetworkRules {
    rules: Vec<Compiled>,
    pins: Arc<Pins>,
}

impl NetworkRules {
    pub(crate) fn compile(rules: &[NetworkRule], pins: Arc<Pins>) -> Result<Self, Error> {
        let rules = rules.iter().map(compile).collect::<Result<_, Error>>()?;
        Ok(Self { rules, pins })
    }

    /// Whether anything is allowed at all.
    pub(crate) fn open_anything(&self) -> bool {
        let leaves = |rule: &Compiled| match rule.operations.as_slice() {
            [] => true,
            named => named.iter().any(|one| *one != NetworkOperation::Listen),
        };
        self.rules.iter().any(|rule| rule.opens() && leaves(rule))
    }

    /// The names that were answered with this address.
    pub(crate) fn names_of(&self, address: SocketAddr) -> Vec<String> {
        self.pins.names_of(canonical(address.ip()))
    }

    /// Whether `address` may be connected.
    #[cfg(test)]
    pub(crate) fn connect(&self, address: SocketAddr) -> Ruling {
        self.reach(NetworkOperation::Connect, address)
    }

    /// Whether this may be done with an address outside.
    pub(crate) fn reach(&self, operation: NetworkOperation, address: SocketAddr) -> Ruling {
        let own = canonical(address.ip());
        let names = self.pins.names_of(own);
        // What the embedder's own network says is there is no address of the host's.
        let guarded = guard::guarded(own).filter(|_| self.pins.vouched_names_of(own).is_empty());
        let last = self.rules.iter().rev().find(|rule| {
            rule.speaks_of(operation, address.port())
                && match &rule.target {
                    // A general permission says nothing of guarded addresses.
                    Target::Anybody => !rule.opens() || guarded.is_none(),
                    Target::Names(glob) => {
                        (!rule.opens() || guarded.is_none())
                            && names.iter().any(|name| glob.is_match(name))
                    }
                    Target::Addresses(net) if rule.opens() => {
                        net.contains(&own)
                            && guarded.is_none_or(|(guarded, _)| guarded.contains(net))
                    }
                    Target::Addresses(net) => {
                        net.contains(&own)
                            || guard::carried(own)
                                .is_some_and(|hidden| net.contains(&IpAddr::V4(hidden)))
                    }
                }
        });
        let told = if names.is_empty() {
            String::new()
        } else {
            format!(" ({})", names.join(", "))
        };
        match (last, guarded) {
            (Some(rule), _) if rule.effect == Effect::Allow => Ruling::Said(Verdict::Allow),
            (Some(rule), _) if rule.effect == Effect::Ask => rule.asks(),
            (Some(rule), _) => rule.refuses(&format!(": {address}{told}")),
            (None, Some((net, what))) => Ruling::Said(Verdict::deny(format!(
                "{address}{told} is {what} ({net}): no rule of permissions.network names it"
            ))),
            (None, None) => Ruling::Silent(Verdict::deny(format!(
                "no rule of permissions.network allows {address}{told}"
            ))),
        }
    }

    /// Whether connections may be taken inside the machine. Only rules that name the operation speak of it; besides, where one speaks of everybody,
    /// nobody is asked.
    pub(crate) fn listen(&self, address: SocketAddr) -> Ruling {
        let own = canonical(address.ip());
        let last = self.rules.iter().rev().find(|rule| {
            rule.speaks_of(NetworkOperation::Listen, address.port())
                && match &rule.target {
                    Target::Anybody => true,
                    Target::Addresses(net) => net.contains(&own),
                    Target::Names(glob) => own.is_loopback() && glob.is_match("localhost"),
                }
        });
        match last.map(|rule| (rule, rule.effect)) {
            Some((_, Effect::Allow)) => return Ruling::Said(Verdict::Allow),
            Some((rule, Effect::Ask)) => return rule.asks(),
            Some((rule, Effect::Deny)) => return rule.refuses(&format!(": {address}")),
            None => {}
        }
        let speaks_of_all = |rule: &Compiled| {
            matches!(rule.target, Target::Anybody)
                && rule.ports.is_empty()
                && rule.operations.is_empty()
        };
        if self.rules.iter().any(speaks_of_all) {
            return Ruling::Said(Verdict::Allow);
        }
        Ruling::Silent(Verdict::Allow)
    }

    /// Whether a name may be asked for outside.
    pub(crate) fn resolve(&self, name: &str) -> Ruling {
        let last = self.rules.iter().rev().find(|rule| {
            // A refusal for some ports leaves the name to the others.
            rule.is_for(NetworkOperation::Resolve)
                && (rule.opens() || rule.ports.is_empty())
                && match &rule.target {
                    Target::Anybody => true,
                    Target::Names(glob) => glob.is_match(name),
                    Target::Addresses(_) => false,
                }
        });
        match last {
            Some(rule) if rule.effect == Effect::Allow => Ruling::Said(Verdict::Allow),
            Some(rule) if rule.effect == Effect::Ask => rule.asks(),
            Some(rule) => rule.refuses(""),
            None => Ruling::Silent(Verdict::deny(format!(
                "no rule of permissions.network allows `{name}`"
            ))),
        }
    }
}

impl Compiled {
    /// Whether it may let somebody through.
    fn opens(&self) -> bool {
        self.effect != Effect::Deny
    }

    fn asks(&self) -> Ruling {
        Ruling::Asks(format!("permissions.network asks for `{}`", self.text))
    }

    /// What it says where it refuses, with more for the audit where the embedder gave no reason.
    fn refuses(&self, more: &str) -> Ruling {
        Ruling::Said(match &self.reason {
            Some(reason) => Verdict::deny_saying(reason),
            None => Verdict::deny(format!("permissions.network refuses `{}`{more}", self.text)),
        })
    }

    fn is_for(&self, operation: NetworkOperation) -> bool {
        match self.operations.as_slice() {
            [] => operation != NetworkOperation::Listen,
            named => named.contains(&operation),
        }
    }

    fn speaks_of(&self, operation: NetworkOperation, port: u16) -> bool {
        let is_its_port = |ports: &RangeInclusive<u16>| ports.contains(&port);
        self.is_for(operation) && (self.ports.is_empty() || self.ports.iter().any(is_its_port))
    }
}

fn compile(rule: &NetworkRule) -> Result<Compiled, Error> {
    let host = rule.host.trim_end_matches('.').to_ascii_lowercase();
    let target = if host == "*" {
        Target::Anybody
    } else if let Ok(address) = host.parse::<IpAddr>() {
        Target::Addresses(canonical(address).into())
    } else if let Ok(net) = host.parse::<IpNet>() {
        Target::Addresses(net.trunc())
    } else {
        let invalid = |reason: &str| Error::Option {
            option: "permissions.network",
            reason: format!("`{}` {reason}", rule.host),
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*?[]{},!".contains(&byte);
        if host.is_empty() || !host.bytes().all(fits) {
            return Err(invalid(
                "is no name, no address and no range of addresses, with or without ports",
            ));
        }
        let glob = GlobBuilder::new(&host)
            .literal_separator(false)
            .build()
            .map_err(|error| invalid(&error.to_string()))?;
        Target::Names(glob.compile_matcher())
    };
    Ok(Compiled {
        effect: rule.effect,
        target,
        ports: rule.ports.clone(),
        operations: rule.operations.clone(),
        reason: rule.reason.clone().filter(|reason| !reason.is_empty()),
        text: rule.host.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(list: &[NetworkRule]) -> (NetworkRules, Arc<Pins>) {
        let pins = Arc::<Pins>::default();
        (
            NetworkRules::compile(list, Arc::clone(&pins)).unwrap(),
            pins,
        )
    }

    fn allows(rules: &NetworkRules, address: &str) -> bool {
        rules.connect(address.parse().unwrap()).verdict() == Verdict::Allow
    }

    #[test]
    fn nothing_is_allowed_without_a_rule_and_the_last_that_matches_wins() {
        assert!(!allows(&rules(&[]).0, "8.8.8.8:53"));
        let (list, _) = rules(&[
            NetworkRule::allow("*"),
            NetworkRule::deny("8.8.8.0/24"),
            NetworkRule::allow("8.8.8.8:53,1000-2000"),
        ]);
        assert!(allows(&list, "1.1.1.1:1"));
        assert!(!allows(&list, "8.8.8.7:53"));
        assert!(allows(&list, "8.8.8.8:53"));
        assert!(allows(&list, "8.8.8.8:1500"));
        assert!(!allows(&list, "8.8.8.8:54"));
    }

    /// Threat: a rule that opens the internet opens the host's own network with it.
    #[test]
    fn guarded_addresses_need_a_rule_of_their_own() {
        for general in ["*", "0.0.0.0/0", "10.0.0.0/7", "::/0"] {
            let (list, pins) = rules(&[NetworkRule::allow(general)]);
            pins.remember("intern.test", &["10.0.0.1".parse().unwrap()]);
            for address in [
                "10.0.0.1:80",
                "127.0.0.1:80",
                "169.254.169.254:80",
                "[::1]:80",
                "[fd00:ec2::254]:80",
                "[::ffff:10.0.0.1]:80",
                "[64:ff9b::10.0.0.1]:80",
                "[2002:a00:1::]:80",
            ] {
                assert!(!allows(&list, address), "{general} {address}");
            }
        }
        let (list, _) = rules(&[
            NetworkRule::allow("*"),
            NetworkRule::allow("10.0.0.0/24:443"),
            NetworkRule::allow("127.0.0.1:5432"),
        ]);
        assert!(allows(&list, "10.0.0.7:443"));
        assert!(allows(&list, "[::ffff:10.0.0.7]:443"));
        assert!(!allows(&list, "10.0.0.7:80"));
        assert!(!allows(&list, "10.0.1.7:443"));
        assert!(!allows(&list, "[64:ff9b::10.0.0.7]:443"));
        assert!(allows(&list, "127.0.0.1:5432"));
        assert!(!allows(&list, "[::1]:5432"));
        // What comes later takes it away again.
        let (list, _) = rules(&[
            NetworkRule::allow("10.0.0.1"),
            NetworkRule::deny("*:1-1023"),
        ]);
        assert!(!allows(&list, "10.0.0.1:80"));
        assert!(allows(&list, "10.0.0.1:8080"));
    }

    /// Threat: an attacker's name server answers an allowed name with an address inside.
    #[test]
    fn name_opens_the_addresses_it_was_answered_with_and_no_guarded_ones() {
        let (list, pins) = rules(&[NetworkRule::allow("*.example.com:443")]);
        assert!(!allows(&list, "93.184.215.14:443"));
        let answer = ["93.184.215.14", "10.0.0.1", "127.0.0.1"].map(|text| text.parse().unwrap());
        pins.remember("www.example.com", &answer);
        assert!(allows(&list, "93.184.215.14:443"));
        assert!(!allows(&list, "93.184.215.14:80"));
        assert!(!allows(&list, "10.0.0.1:443"));
        assert!(!allows(&list, "127.0.0.1:443"));
        pins.remember("example.com.evil.test", &["1.1.1.1".parse().unwrap()]);
        assert!(!allows(&list, "1.1.1.1:443"));
    }

    #[test]
    fn names_are_asked_for_where_a_rule_speaks_of_them() {
        let (list, _) = rules(&[
            NetworkRule::allow("*.Example.com:443"),
            NetworkRule::deny("secret.example.com"),
            NetworkRule::deny("www.example.com:25"),
            NetworkRule::allow("192.0.2.0/24"),
        ]);
        assert_eq!(list.resolve("www.example.com").verdict(), Verdict::Allow);
        for name in ["secret.example.com", "example.com", "other.test"] {
            assert_ne!(list.resolve(name).verdict(), Verdict::Allow, "{name}");
        }
    }

    /// Threat: a port that the guard does not keep is reached though the permission says no.
    #[test]
    fn exempt_ports_are_exceptions_to_the_guard_and_not_to_the_rules() {
        let reached = |rules: &[NetworkRule], asks| {
            let exempt = NetworkRule::exempt(rules, asks, &[5432]).unwrap();
            let list: Vec<_> = rules.iter().cloned().chain(exempt).collect();
            let (list, _) = self::rules(&list);
            let said = ["127.0.0.1:5432", "[::1]:5432"].map(|address| {
                match list.connect(address.parse().unwrap()) {
                    Ruling::Asks(_) => "asks",
                    Ruling::Said(Verdict::Allow) => "allows",
                    Ruling::Said(_) | Ruling::Silent(_) => "denies",
                }
            });
            assert_eq!(said[0], said[1]);
            assert!(!allows(&list, "127.0.0.1:5433"));
            said[0]
        };
        assert_eq!(reached(&[], false), "allows");
        assert_eq!(reached(&[], true), "asks");
        assert_eq!(reached(&[NetworkRule::deny("*")], false), "denies");
        assert_eq!(reached(&[NetworkRule::deny("*")], true), "denies");
        assert_eq!(reached(&[NetworkRule::allow("*")], true), "allows");
        assert_eq!(reached(&[NetworkRule::ask("*")], true), "asks");
        let named = [NetworkRule::allow("example.com")];
        assert_eq!(reached(&named, false), "denies");
        let named = [NetworkRule::deny("*"), NetworkRule::allow("localhost")];
        assert_eq!(reached(&named, false), "allows");
        let ranges = [NetworkRule::allow("*"), NetworkRule::deny("*:1-6000")];
        assert_eq!(reached(&ranges, false), "denies");
    }

    #[test]
    fn rules_that_ask_open_the_way_and_keep_the_guard() {
        let (list, pins) = rules(&[
            NetworkRule::deny("*"),
            NetworkRule::ask("*.test:443"),
            NetworkRule::allow("known.test"),
        ]);
        assert!(list.open_anything());
        pins.remember("a.test", &["8.8.8.8".parse().unwrap()]);
        pins.remember("inside.test", &["10.0.0.1".parse().unwrap()]);
        pins.remember("known.test", &["1.1.1.1".parse().unwrap()]);
        let asks = |address: &str| {
            let ruling = list.connect(address.parse().unwrap());
            matches!(ruling, Ruling::Asks(_))
        };
        assert!(asks("8.8.8.8:443"));
        assert!(!asks("8.8.8.8:80"));
        assert!(!asks("10.0.0.1:443"));
        assert!(!asks("1.1.1.1:443"));
        assert!(matches!(list.resolve("a.test"), Ruling::Asks(_)));
        assert!(matches!(list.resolve("other"), Ruling::Said(_)));
    }

    /// Threat: a refused IPv4 address is reached through a translator.
    #[test]
    fn refused_range_holds_for_its_disguises() {
        let (list, _) = rules(&[NetworkRule::allow("*"), NetworkRule::deny("8.8.8.0/24")]);
        assert!(!allows(&list, "[64:ff9b::8.8.8.8]:443"));
        assert!(!allows(&list, "[::ffff:8.8.8.8]:443"));
        assert!(allows(&list, "[64:ff9b::1.1.1.1]:443"));
    }

    #[test]
    fn rules_may_speak_of_single_operations_and_of_listening_by_name() {
        let (list, pins) = rules(&[
            NetworkRule::allow("*"),
            NetworkRule::deny("*:53").for_operations([NetworkOperation::Send]),
            NetworkRule::deny("*.test").for_operations([NetworkOperation::Http]),
            NetworkRule::deny("secret.test").for_operations([NetworkOperation::Resolve]),
            NetworkRule::deny("0.0.0.0/0:1-1023")
                .for_operations([NetworkOperation::Listen])
                .because("no small ports"),
        ]);
        let may = |operation, address: &str| {
            list.reach(operation, address.parse().unwrap()).verdict() == Verdict::Allow
        };
        assert!(may(NetworkOperation::Connect, "8.8.8.8:53"));
        assert!(!may(NetworkOperation::Send, "8.8.8.8:53"));
        pins.remember("a.test", &["1.1.1.1".parse().unwrap()]);
        assert!(may(NetworkOperation::Connect, "1.1.1.1:443"));
        assert!(!may(NetworkOperation::Http, "1.1.1.1:443"));
        assert_eq!(list.resolve("a.test").verdict(), Verdict::Allow);
        assert_ne!(list.resolve("secret.test").verdict(), Verdict::Allow);
        let listen = |address: &str| list.listen(address.parse().unwrap()).verdict();
        assert_eq!(
            listen("127.0.0.1:80"),
            Verdict::deny_saying("no small ports")
        );
        assert_eq!(listen("127.0.0.1:8080"), Verdict::Allow);
        // What is said of the outside is not said of listening, and the other way round.
        let (list, _) = rules(&[NetworkRule::deny("*")]);
        let listen = list.listen("127.0.0.1:80".parse().unwrap()).verdict();
        assert_eq!(listen, Verdict::Allow);
        let listen = NetworkRule::allow("*").for_operations([NetworkOperation::Listen]);
        let (list, _) = rules(&[listen]);
        assert!(!list.open_anything());
        assert!(!allows(&list, "8.8.8.8:443"));
    }

    /// Threat: a port that is exempt from the guard opens what a rule refuses for one operation.
    #[test]
    fn exempt_ports_keep_to_the_operations_of_the_rules() {
        let given = [
            NetworkRule::allow("*"),
            NetworkRule::deny("*").for_operations([NetworkOperation::Send]),
        ];
        let exempt = NetworkRule::exempt(&given, false, &[5432]).unwrap();
        let all: Vec<_> = given.into_iter().chain(exempt).collect();
        let (list, _) = rules(&all);
        let address = "127.0.0.1:5432".parse().unwrap();
        assert!(allows(&list, "127.0.0.1:5432"));
        let sent = list.reach(NetworkOperation::Send, address).verdict();
        assert_ne!(sent, Verdict::Allow);
    }

    #[test]
    fn malformed_target_is_refused_by_name() {
        for text in ["", "10.0.0.0/33", "host:port", "[::1", "a b", "host:9-1"] {
            let error = NetworkRules::compile(&[NetworkRule::allow(text)], Arc::default());
            let text = format!("`{text}`");
            assert!(error.unwrap_err().to_string().contains(&text), "{text}");
        }
        let rule = NetworkRule::allow("[fd00::/8]:1-2");
        assert_eq!((rule.host.as_str(), rule.ports), ("fd00::/8", vec![1..=2]));
        assert_eq!(NetworkRule::allow("::1").host, "::1");
    }
}
