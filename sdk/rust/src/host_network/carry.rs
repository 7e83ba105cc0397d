//! Connections of guests, from the kernel to the embedder's adapter: [`AdapterNetwork`].

use std::fmt;
use std::io::{self, Cursor};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cenote_abi::Errno;
use cenote_net::{Link, Network, Uplink};
use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;

use super::adapter::{NetworkAdapter, NetworkAnswer, NetworkTarget};
use super::http;
use super::tls::Authority;
use crate::ask::Permit;
use crate::network::outward::{retry, until};
use crate::network::pins::Pins;
use crate::network::{Connection, Resolve, Resolving, relay};

/// How long a guest waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The first byte of a TLS connection: a handshake record.
const HANDSHAKE: u8 = 0x16;

/// The adapter of one machine, and what is known of the machine beside it.
#[derive(Clone)]
pub(crate) struct AdapterNetwork {
    pub(super) adapter: Arc<dyn NetworkAdapter>,
    pub(super) permit: Arc<Permit>,
    pub(super) pins: Arc<Pins>,
    handle: Handle,
    authority: Arc<Authority>,
}

impl AdapterNetwork {
    /// # Errors
    /// The reason why there is no authority.
    pub(crate) fn new(
        adapter: Arc<dyn NetworkAdapter>,
        permit: &Arc<Permit>,
        pins: &Arc<Pins>,
        handle: &Handle,
    ) -> Result<Self, String> {
        Ok(Self {
            adapter,
            permit: Arc::clone(permit),
            pins: Arc::clone(pins),
            handle: handle.clone(),
            authority: Arc::new(Authority::new()?),
        })
    }

    /// The certificate that the machine's programs are to trust, as PEM.
    pub(crate) fn certificate(&self) -> &[u8] {
        self.authority.certificate()
    }

    /// The adapter's answer, on a task of its own: a panic there is `EIO` here.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        patience: Duration,
        ask: impl FnOnce(&dyn NetworkAdapter) -> NetworkAnswer<T> + Send + 'static,
    ) -> Result<T, Errno> {
        let adapter = Arc::clone(&self.adapter);
        let asked = async move { tokio::time::timeout(patience, ask(&*adapter)).await };
        let mut asked = GivenUp(self.handle.spawn(asked));
        match (&mut asked.0).await {
            Ok(answer) => answer.unwrap_or(Err(Errno::ETIMEDOUT)),
            Err(error) => {
                tracing::warn!(target: "cenote::net", %error, "the network adapter failed");
                Err(Errno::EIO)
            }
        }
    }

    async fn connect_guest(self, to: SocketAddr, link: Link) {
        let target = NetworkTarget {
            address: to,
            names: self.pins.names_of(to.ip()),
        };
        let connected = tokio::select! {
            connected = self.ask(PATIENCE, move |adapter| adapter.connect(target)) => connected,
            () = until(link.wait_queue(), || link.is_abandoned()) => return,
        };
        match connected {
            Ok(host) => {
                if let Some(guest) = link.established().and_then(Connection::new) {
                    relay::carry(guest, host).await;
                }
            }
            Err(Errno::EPROTONOSUPPORT) => {
                if let Some(guest) = link.established().and_then(Connection::new) {
                    self.answer_requests(guest, to).await;
                }
            }
            Err(errno) => {
                tracing::debug!(target: "cenote::net", %to, ?errno, "the network adapter does not connect");
                link.failed(errno);
            }
        }
    }

    /// Speaks HTTP with a guest, within TLS if it begins so.
    async fn answer_requests(self, mut guest: Connection, to: SocketAddr) {
        let mut first = [0];
        // Whoever waits for the other side to speak first finds nobody here.
        let heard = tokio::time::timeout(PATIENCE, guest.read_exact(&mut first)).await;
        if !matches!(heard, Ok(Ok(_))) {
            return;
        }
        // The byte that was looked at comes first.
        let (reader, writer) = tokio::io::split(guest);
        let stream = tokio::io::join(Cursor::new(first).chain(reader), writer);
        if first[0] != HANDSHAKE {
            return http::serve(self, stream, to, "http").await;
        }
        let greeted = tokio::time::timeout(PATIENCE, self.authority.accept(stream)).await;
        match greeted {
            Ok(Ok(stream)) => http::serve(self, stream, to, "https").await,
            Ok(Err(error)) => {
                tracing::debug!(target: "cenote::net", %error, %to, "no TLS with a guest");
            }
            Err(_late) => {}
        }
    }
}

/// A call under way; given up when this is dropped.
struct GivenUp<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for GivenUp<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Network for AdapterNetwork {
    fn connect(&self, to: SocketAddr, link: Link) {
        self.handle.spawn(self.clone().connect_guest(to, link));
    }

    fn carry_datagrams(&self, uplink: Arc<Uplink>) {
        self.handle.spawn(async move {
            while let Ok((to, _)) = retry(uplink.wait_queue(), || uplink.take()).await {
                uplink.undeliverable(to, Errno::ENETUNREACH);
            }
        });
    }
}

impl Resolve for AdapterNetwork {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        let name = name.to_owned();
        Box::pin(async move {
            let found: Result<Vec<IpAddr>, Errno> = self
                .ask(PATIENCE, move |adapter| adapter.resolve(name))
                .await;
            found.map_err(|errno| match errno {
                Errno::ENOENT => io::ErrorKind::NotFound.into(),
                errno => io::Error::other(format!("{errno:?}")),
            })
        })
    }
}

impl fmt::Debug for AdapterNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdapterNetwork")
    }
}
