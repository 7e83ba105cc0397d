//! A port of the host that leads into the machine: [`PortForward`]. Opt-in; who may connect to it is the host's matter.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::relay::relay;
use super::way::Way;
use crate::{Error, NodeRuntime, host};

/// Connections carried at once, unless said otherwise. Further ones wait in the host's backlog.
const MAX_CONNECTIONS: usize = 128;

/// How long to leave a host alone that has no descriptor for another connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// A port of the host whose connections come out in the machine. Dropping it closes the port and its connections.
#[derive(Debug)]
pub struct PortForward {
    address: SocketAddr,
    guest_port: u16,
    task: JoinHandle<()>,
}

impl PortForward {
    /// The host address that is bound, with the port that was chosen if 0 was asked for.
    #[must_use]
    pub fn host_address(&self) -> SocketAddr {
        self.address
    }

    /// The port in the machine.
    #[must_use]
    pub fn guest_port(&self) -> u16 {
        self.guest_port
    }

    /// Waits until the forward has ended because its machine has; its port is free then.
    pub async fn ended(&mut self) {
        if !self.task.is_finished()
            && let Err(error) = (&mut self.task).await
            && !error.is_cancelled()
        {
            tracing::error!(target: "cenote::net", %error, "a port forward broke off");
        }
    }

    /// Closes the port and its connections, and waits until they are closed.
    pub async fn close(mut self) {
        self.task.abort();
        self.ended().await;
    }
}

impl Drop for PortForward {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NodeRuntime {
    /// Lets programs of the host connect to `guest_port` of the machine at `host_address`; port 0 chooses a free one. At most 128
    /// connections are carried at once. While nobody listens in the machine, a connection is reset.
    ///
    /// Needs no permission of the guest's: it is the embedder who opens the door.
    ///
    /// # Errors
    /// [`Error::HostAddress`] when the host address cannot be bound, [`Error::Disposed`].
    pub async fn forward_port(
        &self,
        host_address: impl Into<SocketAddr>,
        guest_port: u16,
    ) -> Result<PortForward, Error> {
        self.forward_port_limited(host_address, guest_port, MAX_CONNECTIONS)
            .await
    }

    /// As [`forward_port`](Self::forward_port), with another bound on the connections carried at once.
    ///
    /// # Errors
    /// As [`forward_port`](Self::forward_port).
    pub async fn forward_port_limited(
        &self,
        host_address: impl Into<SocketAddr>,
        guest_port: u16,
        max_connections: usize,
    ) -> Result<PortForward, Error> {
        let wanted = host_address.into();
        let way = Way::into_machine(&self.machine)?;
        host::run(async move {
            let unusable = |cause| Error::HostAddress {
                address: wanted,
                cause,
            };
            let listener = TcpListener::bind(wanted).await.map_err(unusable)?;
            let address = listener.local_addr().map_err(unusable)?;
            let forwarding = forward(listener, way, guest_port, max_connections.max(1));
            let task = host::host()?.handle().spawn(forwarding);
            Ok(PortForward {
                address,
                guest_port,
                task,
            })
        })
        .await
    }
}

/// Takes connections until the machine ends. Dropped, it drops those it carries.
async fn forward(listener: TcpListener, way: Way, guest_port: u16, limit: usize) {
    let mut carried = JoinSet::new();
    let mut end = std::pin::pin!(way.end());
    loop {
        tokio::select! {
            () = &mut end => return,
            Some(_) = carried.join_next(), if !carried.is_empty() => {}
            accepted = listener.accept(), if carried.len() < limit => match accepted {
                Ok((client, _)) => {
                    carried.spawn(carry(client, way.clone(), guest_port));
                }
                Err(error) => {
                    tracing::warn!(target: "cenote::net", %error, guest_port, "a forwarded port cannot take a connection");
                    tokio::time::sleep(EXHAUSTED).await;
                }
            },
        }
    }
}

async fn carry(client: TcpStream, way: Way, guest_port: u16) {
    if let Err(error) = client.set_nodelay(true) {
        tracing::debug!(target: "cenote::net", %error, "a connection that is gone already");
    }
    match way.connect(guest_port).await {
        Ok(guest) => relay(guest, client).await,
        Err(error) => {
            tracing::debug!(target: "cenote::net", %error, guest_port, "nobody to forward to");
            if let Err(error) = client.set_zero_linger() {
                tracing::debug!(target: "cenote::net", %error, "a reset becomes an end");
            }
        }
    }
}
