//! What a machine in another process may ask of the embedder's network, looked at again outside of it: [`AdapterGuard`].
//!
//! What asks may be a process that a guest has taken over. So names, addresses and requests must be ones that the rules allow, or that the
//! embedder's code has just allowed, and which names an address has is what was answered here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use cenote_base::policy::{Request, Transport, Verdict};
use http::Uri;

use super::broker::NetworkGrant;
use super::dns::canonical;
use super::leave::{Leave, Leaves};
use super::pins::Pins;
use crate::policy::{Permissions, Rules, Ruling};
use crate::{Error, PermissionRequest};

/// The rules of one machine for its embedder's network, and what is known of that. Lock order: the locks are leaves.
#[derive(Debug)]
pub struct AdapterGuard {
    rules: Arc<Rules>,
    pins: Arc<Pins>,
    /// Whether the embedder's code decides what no rule does.
    asks: bool,
    leaves: Leaves,
}

/// The host and port of a URL.
fn authority(url: &Uri) -> Option<(String, u16)> {
    let usual = match url.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let host = url.host()?.trim_start_matches('[').trim_end_matches(']');
    Some((canonical(host), url.port_u16().unwrap_or(usual)))
}

impl AdapterGuard {
    /// For the machine that was granted this.
    ///
    /// # Errors
    /// [`Error::Option`] for a rule that makes no sense.
    pub fn new(grant: &NetworkGrant) -> Result<Self, Error> {
        let pins = Arc::<Pins>::default();
        for (name, addresses) in &grant.names {
            pins.know(&canonical(name), addresses);
        }
        let permissions = Permissions {
            network: grant.rules.clone(),
            ..Permissions::default()
        };
        let rules = Arc::new(permissions.compile(Arc::clone(&pins))?);
        Ok(Self::of(&rules, &pins, grant.asks))
    }

    pub(crate) fn of(rules: &Arc<Rules>, pins: &Arc<Pins>, asks: bool) -> Self {
        Self {
            rules: Arc::clone(rules),
            pins: Arc::clone(pins),
            asks,
            leaves: Leaves::default(),
        }
    }

    /// The same for another machine.
    pub(crate) fn fork(&self) -> Self {
        Self::of(&self.rules, &self.pins, self.asks)
    }

    /// The embedder allowed this, once.
    pub fn allow(&self, asked: &PermissionRequest) {
        self.leaves.give(match asked {
            PermissionRequest::Connect { address, .. } => Leave::connect(*address),
            PermissionRequest::Resolve { name } => Leave::Resolve(canonical(name)),
            PermissionRequest::Http { url, method, .. } => Leave::Http {
                url: url.clone(),
                method: method.clone(),
            },
            _ => return,
        });
    }

    /// What the embedder's network answered for a name.
    pub fn learn(&self, name: &str, addresses: &[IpAddr]) {
        self.pins.vouch(&canonical(name), addresses);
    }

    /// The names that an address is known to have.
    #[must_use]
    pub fn names_of(&self, address: IpAddr) -> Vec<String> {
        self.pins.names_of(address)
    }

    /// The host of a URL, where it leads to this address.
    #[must_use]
    pub fn host_of(&self, url: &str, address: SocketAddr) -> Option<String> {
        let (host, port) = authority(&url.parse().ok()?)?;
        let is_its = port == address.port() && self.addresses(&host).contains(&address.ip());
        is_its.then_some(host)
    }

    /// Whether a name may be looked up.
    #[must_use]
    pub fn may_resolve(&self, name: &str) -> bool {
        let name = canonical(name);
        let ruling = self.rules.rule(&Request::Resolve { name: &name });
        self.may(&ruling, &Leave::Resolve(name))
    }

    /// Whether an address may be connected.
    #[must_use]
    pub fn may_connect(&self, address: SocketAddr) -> bool {
        let ruling = self.rules.rule(&Request::Connect {
            transport: Transport::Tcp,
            address,
        });
        self.may(&ruling, &Leave::connect(address))
    }

    /// Whether a request of HTTP may be sent: to one of the addresses that its host stands for.
    #[must_use]
    pub fn may_request(&self, url: &str, method: &str) -> bool {
        let Some((host, port)) = url.parse().ok().as_ref().and_then(authority) else {
            return false;
        };
        let addresses = self.addresses(&host).into_iter();
        let rulings = addresses.map(|ip| self.rules.http(SocketAddr::new(ip, port)));
        let rulings: Vec<Ruling> = rulings.collect();
        let is_allowed = |ruling: &Ruling| matches!(ruling, Ruling::Said(Verdict::Allow));
        if rulings.iter().any(is_allowed) {
            return true;
        }
        let is_open = |ruling: &Ruling| !matches!(ruling, Ruling::Said(_));
        let leave = Leave::Http {
            url: url.to_owned(),
            method: method.to_owned(),
        };
        let open = rulings.into_iter().find(is_open);
        open.is_some_and(|ruling| self.may(&ruling, &leave))
    }

    fn may(&self, ruling: &Ruling, leave: &Leave) -> bool {
        match ruling {
            Ruling::Said(verdict) => *verdict == Verdict::Allow,
            Ruling::Asks(_) => self.leaves.take(leave),
            Ruling::Silent(_) => self.asks && self.leaves.take(leave),
        }
    }

    /// The addresses that a host in a URL stands for.
    fn addresses(&self, host: &str) -> Vec<IpAddr> {
        match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.pins.vouched_addresses_of(host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkRule;

    fn guard(rules: &[NetworkRule], asks: bool) -> AdapterGuard {
        let grant = NetworkGrant {
            rules: rules.to_vec(),
            asks,
            ..NetworkGrant::default()
        };
        AdapterGuard::new(&grant).unwrap()
    }

    /// Threat: a process that was taken over asks the embedder's network for what the rules refuse.
    #[test]
    fn what_rules_refuse_is_not_asked_of_the_embedders_network() {
        let guard = guard(&[NetworkRule::allow("good.test")], false);
        assert!(guard.may_resolve("Good.test."));
        assert!(!guard.may_resolve("evil.test"));
        guard.learn("good.test", &["10.0.0.1".parse().unwrap()]);
        assert!(guard.may_connect("10.0.0.1:443".parse().unwrap()));
        assert!(guard.may_request("https://good.test/x", "GET"));
        for url in [
            "https://evil.test/",
            "https://10.0.0.2/",
            "ftp://good.test/",
        ] {
            assert!(!guard.may_request(url, "GET"), "{url}");
        }
        assert!(!guard.may_connect("10.0.0.2:443".parse().unwrap()));
        let address = "10.0.0.1:443".parse().unwrap();
        let host = guard.host_of("https://good.test/", address);
        assert_eq!(host.as_deref(), Some("good.test"));
        assert_eq!(guard.host_of("https://good.test:80/", address), None);
    }

    #[test]
    fn what_the_embedder_allowed_is_good_once() {
        let guard = guard(&[NetworkRule::ask("*")], true);
        let url = "http://93.184.215.14/";
        assert!(!guard.may_request(url, "GET"));
        guard.allow(&PermissionRequest::Http {
            url: url.into(),
            method: "GET".into(),
            host: "93.184.215.14".into(),
            address: "93.184.215.14:80".parse().unwrap(),
            is_fetch: true,
        });
        assert!(!guard.may_request(url, "POST"));
        assert!(guard.may_request(url, "GET"));
        assert!(!guard.may_request(url, "GET"));
    }
}
