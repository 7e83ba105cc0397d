//! Ports of the host that lead into machines: `Network.Forward`.
//!
//! A worker has no network of the host's, so the front listens, and each connection becomes a `Tunnel` to the machine's worker.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use cenote_proto::v1::network_client::NetworkClient;
use cenote_proto::v1::network_server::Network;
use cenote_proto::v1::{
    ConnectReply, ConnectRequest, ConnectTarget, FetchRequest, FetchResponse, ForwardEvent,
    ForwardRequest, Forwarded, ListListenersReply, ListListenersRequest, Listener,
    WaitForListenerRequest, connect_reply, connect_request, forward_event,
};
use cenote_proto::{CHUNK, VM_METADATA};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};

use super::Front;
use super::worker::Fate;
use crate::failure::{failure, option, unimplemented};
use crate::machines::vm_of;
use crate::services::Answers;

/// The path of the one method that is served here.
pub(super) const PATH: &str = "/cenote.v1.Network/Forward";

/// Connections through one forward at once; more wait to be accepted.
const CONNECTIONS: usize = 256;

/// The service.
#[derive(Debug)]
pub(super) struct Service(pub(super) Arc<Front>);

type Out = mpsc::Sender<Result<ForwardEvent, Status>>;

/// Where connections lead.
#[derive(Clone)]
struct Way {
    channel: Channel,
    vm: MetadataValue<Ascii>,
    port: u32,
}

fn event(event: forward_event::Event) -> ForwardEvent {
    ForwardEvent { event: Some(event) }
}

fn bind_to(request: &ForwardRequest) -> Result<SocketAddr, Status> {
    let address = match request.host_address.as_str() {
        "" | "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        text => text
            .parse()
            .map_err(|_| option("host_address", format!("`{text}` is not an address")))?,
    };
    let port = u16::try_from(request.host_port)
        .map_err(|_| option("host_port", format!("{} is not a port", request.host_port)))?;
    Ok(SocketAddr::new(address, port))
}

/// Accepts connections until the caller ends the call, which ends them too, or the machine's worker is gone.
async fn accept(listener: TcpListener, way: Way, fate: Fate, out: Out) {
    let mut gone = std::pin::pin!(fate.status());
    let mut open = JoinSet::new();
    let count = |open: &JoinSet<()>| {
        let open = u32::try_from(open.len()).unwrap_or(u32::MAX);
        Ok(event(forward_event::Event::Connections(open)))
    };
    loop {
        tokio::select! {
            () = out.closed() => return,
            status = &mut gone => {
                let _told = out.send(Err(status)).await.is_ok();
                return;
            }
            accepted = listener.accept(), if open.len() < CONNECTIONS => match accepted {
                Ok((socket, _)) => {
                    open.spawn(carry(socket, way.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection to a forwarded port failed");
                    continue;
                }
            },
            Some(_) = open.join_next() => {}
        }
        // A caller that reads slowly hears the latest number later.
        drop(out.try_send(count(&open)));
    }
}

/// Carries one connection's bytes both ways.
async fn carry(socket: TcpStream, way: Way) {
    let (reader, writer) = socket.into_split();
    let (sender, requests) = mpsc::channel(2);
    let mut request = Request::new(ReceiverStream::new(requests));
    request.metadata_mut().insert(VM_METADATA, way.vm);
    let target = connect_request::Message::Target(ConnectTarget {
        port: way.port,
        host: String::new(),
    });
    let first = ConnectRequest {
        message: Some(target),
    };
    // The receiver is in the request, just above.
    if sender.send(first).await.is_err() {
        return;
    }
    let replies = NetworkClient::new(way.channel).tunnel(request).await;
    let Ok(replies) = replies else {
        return;
    };
    tokio::join!(there(reader, sender), back(writer, replies.into_inner()));
}

async fn there(mut reader: OwnedReadHalf, sender: mpsc::Sender<ConnectRequest>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = reader.read(&mut chunk).await {
        let data = chunk.get(..count).unwrap_or_default().to_vec();
        let message = connect_request::Message::Data(data.into());
        let request = ConnectRequest {
            message: Some(message),
        };
        if sender.send(request).await.is_err() {
            return;
        }
    }
}

async fn back(mut writer: OwnedWriteHalf, mut replies: Streaming<ConnectReply>) {
    while let Ok(Some(reply)) = replies.message().await {
        match reply.message {
            Some(connect_reply::Message::Data(data)) => {
                if writer.write_all(&data).await.is_err() {
                    return;
                }
            }
            // The other direction may go on.
            Some(connect_reply::Message::Ended(_)) => break,
            Some(connect_reply::Message::Connected(_)) | None => {}
        }
    }
    // One that is gone needs no end.
    let _ended = writer.shutdown().await.is_ok();
    // The call lives until the other direction has ended too.
    while let Ok(Some(_)) = replies.message().await {}
}

fn elsewhere() -> Status {
    unimplemented("a method that its machine's worker answers")
}

#[tonic::async_trait]
impl Network for Service {
    type FetchStream = Answers<FetchResponse>;
    type TunnelStream = Answers<ConnectReply>;
    type ForwardStream = Answers<ForwardEvent>;

    async fn forward(
        &self,
        request: Request<ForwardRequest>,
    ) -> Result<Response<Self::ForwardStream>, Status> {
        let id = vm_of(request.metadata())?.to_owned();
        let worker = self.0.hosted(&id)?.worker;
        let (channel, fate) = (worker.channel(), worker.fate());
        let vm = MetadataValue::try_from(&id).map_err(|error| option(VM_METADATA, error))?;
        let asked = request.into_inner();
        if !matches!(asked.port, 1..=65_535) {
            return Err(option("port", format!("{} is not a port", asked.port)));
        }
        let address = bind_to(&asked)?;
        let unusable = |error: std::io::Error| {
            failure(
                Code::FailedPrecondition,
                "EADDRNOTAVAIL",
                format!("host address {address}: {error}"),
            )
        };
        let listener = TcpListener::bind(address).await.map_err(unusable)?;
        let bound = listener.local_addr().map_err(unusable)?;
        let (out, events) = mpsc::channel(2);
        let forwarded = forward_event::Event::Forwarded(Forwarded {
            host_address: bound.ip().to_string(),
            host_port: bound.port().into(),
        });
        // There is room: nothing was sent yet.
        drop(out.try_send(Ok(event(forwarded))));
        let way = Way {
            channel,
            vm,
            port: asked.port,
        };
        tokio::spawn(accept(listener, way, fate, out));
        Ok(Response::new(ReceiverStream::new(events)))
    }

    async fn fetch(
        &self,
        _: Request<Streaming<FetchRequest>>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        Err(elsewhere())
    }

    async fn tunnel(
        &self,
        _: Request<Streaming<ConnectRequest>>,
    ) -> Result<Response<Self::TunnelStream>, Status> {
        Err(elsewhere())
    }

    async fn wait_for_listener(
        &self,
        _: Request<WaitForListenerRequest>,
    ) -> Result<Response<Listener>, Status> {
        Err(elsewhere())
    }

    async fn list_listeners(
        &self,
        _: Request<ListListenersRequest>,
    ) -> Result<Response<ListListenersReply>, Status> {
        Err(elsewhere())
    }
}
