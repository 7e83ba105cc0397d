//! Who listens in the machine: [`Listener`], and waiting for one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::Waiter;
use cenote_net::{Listening, Name, Sockets};

use super::dns::NAME_SERVER;
use crate::{Error, NodeRuntime, host};

/// How long [`NodeRuntime::wait_for_listener`] waits unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// A socket of the machine that takes connections.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Listener {
    /// Its TCP port; `None` for a Unix socket.
    pub port: Option<u16>,
    /// The address it is bound to; `0.0.0.0` or `::` for all of the machine's own.
    pub host: Option<IpAddr>,
    /// The path of a Unix socket, as it was bound; an abstract name begins with `@`.
    pub path: Option<String>,
    /// The process that called `listen`.
    pub pid: i32,
}

impl Listener {
    /// All of them but the machine's own name service, which is nobody's server.
    fn all(listening: &[Listening]) -> impl Iterator<Item = Self> {
        let is_names = |one: &Self| one.pid == 0 && one.host == Some(IpAddr::V4(NAME_SERVER));
        listening
            .iter()
            .map(Self::of)
            .filter(move |one| !is_names(one))
    }

    fn of(listening: &Listening) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (port, host, path) = match listening.name {
            Name::Inet(host, port) => (Some(port), Some(host), None),
            Name::Path(_, path) => (None, None, Some(text(path.as_bytes()))),
            Name::Abstract(name) => (None, None, Some(format!("@{}", text(name.as_bytes())))),
        };
        Self {
            port,
            host,
            path,
            pid: listening.pid,
        }
    }
}

/// Which listener is meant; what is not said is not asked. A port alone is a filter too.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ListenerFilter {
    /// Its TCP port.
    pub port: Option<u16>,
    /// An address it takes connections for: a wildcard one matches every address of its family.
    pub host: Option<IpAddr>,
    /// The path of a Unix socket.
    pub path: Option<String>,
    /// How long to wait for it; default 30 seconds.
    pub timeout: Option<Duration>,
}

impl ListenerFilter {
    /// Any listener.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// On this TCP port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// That takes connections to this address.
    #[must_use]
    pub fn host(mut self, host: impl Into<IpAddr>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// On the Unix socket of this path.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Waits this long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    fn matches(&self, listener: &Listener) -> bool {
        let takes = |wanted: IpAddr| match listener.host {
            Some(own) if own == wanted => true,
            // Linux: `::` takes IPv4 as well, unless told otherwise.
            Some(IpAddr::V6(own)) => own.is_unspecified(),
            Some(IpAddr::V4(own)) => own.is_unspecified() && wanted.is_ipv4(),
            None => false,
        };
        self.port.is_none_or(|port| listener.port == Some(port))
            && self.host.is_none_or(takes)
            && self
                .path
                .as_ref()
                .is_none_or(|path| listener.path.as_ref() == Some(path))
    }

    fn find(&self, sockets: &Sockets) -> Option<Listener> {
        let listeners = sockets.listeners();
        let mut listeners = Listener::all(&listeners);
        listeners.find(|listener| self.matches(listener))
    }

    pub(crate) fn describe(&self) -> String {
        let mut text = "a listener".to_owned();
        if let Some(port) = self.port {
            text.push_str(&format!(" on port {port}"));
        }
        if let Some(host) = self.host {
            text.push_str(&format!(" at {host}"));
        }
        if let Some(path) = &self.path {
            text.push_str(&format!(" at {path}"));
        }
        text
    }
}

impl From<u16> for ListenerFilter {
    fn from(port: u16) -> Self {
        Self::any().port(port)
    }
}

impl NodeRuntime {
    /// Who takes connections in the machine at this moment, in the order their sockets were made.
    ///
    /// # Errors
    /// [`Error::Disposed`].
    pub fn listeners(&self) -> Result<Vec<Listener>, Error> {
        if let Some(remote) = self.machine.remote() {
            return remote.listeners();
        }
        let listening = self.machine.kernel()?.sockets().listeners();
        Ok(Listener::all(&listening).collect())
    }

    /// The first listener that matches, if there is one now.
    ///
    /// # Errors
    /// [`Error::Disposed`].
    pub fn find_listener(
        &self,
        filter: impl Into<ListenerFilter>,
    ) -> Result<Option<Listener>, Error> {
        let filter = filter.into();
        let mut all = self.listeners()?.into_iter();
        Ok(all.find(|listener| filter.matches(listener)))
    }

    /// Waits until somebody listens; at once if somebody does. The kernel wakes the wait: nothing is polled.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when nobody did in the filter's time, [`Error::Disposed`] when the machine ends meanwhile.
    pub async fn wait_for_listener(
        &self,
        filter: impl Into<ListenerFilter>,
    ) -> Result<Listener, Error> {
        let filter = filter.into();
        if let Some(remote) = self.machine.remote() {
            return remote.wait_for_listener(filter).await;
        }
        let sockets = Arc::clone(self.machine.kernel()?.sockets());
        let patience = filter.timeout.unwrap_or(PATIENCE);
        host::run(async move {
            match tokio::time::timeout(patience, appearing(&sockets, &filter)).await {
                Ok(found) => found,
                Err(_) => Err(Error::TimedOut {
                    what: filter.describe(),
                }),
            }
        })
        .await
    }
}

async fn appearing(sockets: &Sockets, filter: &ListenerFilter) -> Result<Listener, Error> {
    let waiter = Waiter::new();
    let _registration = sockets.changed().register(waiter.clone());
    loop {
        if let Some(found) = filter.find(sockets) {
            return Ok(found);
        }
        if sockets.is_shut_down() {
            return Err(Error::Disposed);
        }
        waiter.woken().await;
    }
}

/// Waits until the machine has ended.
pub(super) async fn end_of_machine(sockets: &Sockets) {
    let waiter = Waiter::new();
    let _registration = sockets.changed().register(waiter.clone());
    while !sockets.is_shut_down() {
        waiter.woken().await;
    }
}
