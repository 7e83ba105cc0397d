//! How servers of a machine are reached: [`Way`], through its own sockets or those of the process it lives in.

use std::sync::Arc;

use cenote_net::Sockets;

use super::listener::end_of_machine;
use super::stream::Connection;
use crate::Error;
use crate::machine::Machine;
use crate::worker::WeakRemote;

/// A way into a machine. It does not keep the machine.
#[derive(Clone)]
pub(super) enum Way {
    /// Over the machine's loopback.
    Sockets(Arc<Sockets>),
    /// Through the process that it lives in.
    Tunnel(WeakRemote),
}

impl Way {
    pub(super) fn into_machine(machine: &Machine) -> Result<Self, Error> {
        Ok(match machine.remote() {
            Some(remote) => Self::Tunnel(remote.downgrade()),
            None => Self::Sockets(Arc::clone(machine.kernel()?.sockets())),
        })
    }

    /// Connects to whoever listens on a port of the machine.
    pub(super) async fn connect(&self, port: u16) -> Result<Connection, Error> {
        match self {
            Self::Sockets(sockets) => Connection::open(sockets, port)
                .await
                .map_err(|cause| Error::Connect { port, cause }),
            Self::Tunnel(remote) => remote.get()?.connect(port).await,
        }
    }

    /// Waits until the machine has ended.
    pub(super) async fn end(&self) {
        match self {
            Self::Sockets(sockets) => end_of_machine(sockets).await,
            Self::Tunnel(remote) => remote.gone().await,
        }
    }
}
