//! The machine's name service: one for all its programs, on a loopback address of the machine, where `/etc/resolv.conf` points.
//!
//! [`Names`] is what the embedder says, [`NameService`] answers: overrides first, then, for names the rules allow, the embedder's
//! resolver or the host's. What it answers is remembered ([`Pins`](super::pins::Pins)): a rule for a name opens those addresses and no
//! others, so it does not matter what the name's owner says later. `listener` is its sockets, `answer` decides, `upstream` asks the host.
//!
//! Where nothing outside may be reached it is there too, so that who looks a name up in vain is told of as refused.

mod answer;
mod listener;
pub(super) mod upstream;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;

pub(crate) use listener::NameService;

/// Where the name service listens in the machine, on port 53.
pub(crate) const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);

/// What [`Resolve::resolve`] answers.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Finds the addresses of names, in place of the host's resolver. Asked only for names that rules allow.
pub trait Resolve: Send + Sync + Debug + 'static {
    /// The addresses of `name`, which is lower case and without a dot at its end. No addresses, or an error of kind `NotFound`: there is no
    /// such name. Another error: it cannot be said now.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;
}

/// What the embedder says about names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    overrides: BTreeMap<String, Vec<IpAddr>>,
    resolver: Option<Arc<dyn Resolve>>,
    /// The embedder's network, which is asked where there is no resolver, and instead of the host.
    network: Option<Arc<dyn Resolve>>,
}

impl Names {
    pub(crate) fn set(&mut self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        self.overrides
            .entry(canonical(name))
            .or_default()
            .extend(addresses);
    }

    pub(crate) fn ask(&mut self, resolver: Arc<dyn Resolve>) {
        self.resolver = Some(resolver);
    }

    pub(crate) fn set_network(&mut self, network: Arc<dyn Resolve>) {
        self.network = Some(network);
    }

    /// The names that are answered before anybody is asked.
    pub(crate) fn overrides(&self) -> impl Iterator<Item = (&str, &[IpAddr])> {
        let overrides = self.overrides.iter();
        overrides.map(|(name, addresses)| (name.as_str(), addresses.as_slice()))
    }

    /// Who is asked in place of the host's resolver.
    pub(crate) fn resolver(&self) -> Option<Arc<dyn Resolve>> {
        self.resolver.clone()
    }

    pub(crate) fn has_resolver(&self) -> bool {
        self.resolver.is_some()
    }
}

/// A name as rules and overrides have it.
pub(super) fn canonical(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
