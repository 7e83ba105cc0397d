//! Connections to servers of a machine in another process, and who listens there.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use cenote_abi::Errno;
use cenote_abi::socket::{AddressFamily, PeerCredentials, SocketType};
use cenote_base::limits::{Budget, Limits};
use cenote_net::Sockets;
use cenote_proto::CHUNK;
use cenote_proto::v1::connect_reply::Message as Reply;
use cenote_proto::v1::connect_request::Message;
use cenote_proto::v1::{
    ConnectReply, ConnectRequest, ConnectTarget, ListListenersRequest, Listener as Listening,
    WaitForListenerRequest,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::Remote;
use super::failure::About;
use crate::network::Connection;
use crate::{Error, Listener, ListenerFilter, host};

/// What this process's ends of tunnels are made of: sockets of no machine, as many as are wanted.
static ENDS: LazyLock<Arc<Sockets>> = LazyLock::new(|| {
    Sockets::new(Budget::new(Limits {
        sockets: u64::MAX,
        open_files: u64::MAX,
        ..Limits::default()
    }))
});

/// Two ends of a connection within this process.
fn pair(port: u16) -> Result<(Connection, Connection), Error> {
    let nobody = PeerCredentials {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let failed = |cause| Error::Connect { port, cause };
    let (one, other) = ENDS
        .pair(AddressFamily::Unix, SocketType::Stream, 0, nobody)
        .map_err(failed)?;
    let ends = Connection::new(one).zip(Connection::new(other));
    ends.ok_or_else(|| failed(Errno::EBADF.into()))
}

fn listener(listening: Listening) -> Listener {
    let is_inet = listening.path.is_empty();
    Listener {
        port: u16::try_from(listening.port).ok().filter(|_| is_inet),
        host: listening.address.parse::<IpAddr>().ok(),
        path: (!is_inet).then_some(listening.path),
        pid: listening.pid,
    }
}

async fn opened(mut replies: Streaming<ConnectReply>) -> Result<Streaming<ConnectReply>, Status> {
    match replies.message().await?.and_then(|first| first.message) {
        Some(Reply::Connected(_)) => Ok(replies),
        _ => Err(Status::internal("a tunnel that did not open")),
    }
}

async fn there(mut reader: ReadHalf<Connection>, requests: mpsc::Sender<ConnectRequest>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = reader.read(&mut chunk).await {
        let data = Bytes::copy_from_slice(chunk.get(..count).unwrap_or_default());
        let message = Some(Message::Data(data));
        if requests.send(ConnectRequest { message }).await.is_err() {
            return;
        }
    }
}

async fn back(mut writer: WriteHalf<Connection>, mut replies: Streaming<ConnectReply>) {
    while let Ok(Some(reply)) = replies.message().await {
        match reply.message {
            Some(Reply::Data(data)) => {
                if writer.write_all(&data).await.is_err() {
                    return;
                }
            }
            // The other direction may go on.
            Some(Reply::Ended(_)) => break,
            Some(Reply::Connected(_)) | None => {}
        }
    }
    // One that is gone needs no end.
    let _ended = writer.shutdown().await.is_ok();
    // The call lives until the other direction has ended too.
    while let Ok(Some(_)) = replies.message().await {}
}

impl Remote {
    /// Connects to a server that listens on `port` of the machine.
    pub(crate) async fn connect(&self, port: u16) -> Result<Connection, Error> {
        let mut network = self.network();
        let (requests, waiting) = mpsc::channel(2);
        let target = Message::Target(ConnectTarget {
            port: port.into(),
            host: String::new(),
        });
        let message = Some(target);
        // There is room: nothing was sent yet.
        drop(requests.try_send(ConnectRequest { message }));
        let replies = self
            .call(About::Port(port), async move {
                let replies = network.tunnel(ReceiverStream::new(waiting)).await?;
                opened(replies.into_inner()).await.map(tonic::Response::new)
            })
            .await?;
        let (ours, theirs) = pair(port)?;
        let (reader, writer) = tokio::io::split(theirs);
        host::spawn(async move {
            tokio::join!(there(reader, requests), back(writer, replies));
        });
        Ok(ours)
    }

    pub(crate) fn listeners(&self) -> Result<Vec<Listener>, Error> {
        let (remote, mut network) = (self.clone(), self.network());
        host::wait(async move {
            let call = async move { network.list_listeners(ListListenersRequest {}).await };
            let reply = remote.call(About::Machine, call).await?;
            Ok(reply.listeners.into_iter().map(listener).collect())
        })
    }

    pub(crate) async fn wait_for_listener(
        &self,
        filter: ListenerFilter,
    ) -> Result<Listener, Error> {
        let mut network = self.network();
        let milliseconds = |timeout: std::time::Duration| {
            // 0 would be the default.
            u64::try_from(timeout.as_millis())
                .unwrap_or(u64::MAX)
                .max(1)
        };
        let request = WaitForListenerRequest {
            port: filter.port.map_or(0, u32::from),
            timeout_ms: filter.timeout.map_or(0, milliseconds),
            host: filter
                .host
                .map_or_else(String::new, |host| host.to_string()),
            path: filter.path.clone().unwrap_or_default(),
        };
        let call = async move { network.wait_for_listener(request).await };
        match self.call(About::Machine, call).await {
            Ok(found) => Ok(listener(found)),
            Err(Error::TimedOut { .. }) => Err(Error::TimedOut {
                what: filter.describe(),
            }),
            Err(error) => Err(error),
        }
    }
}
