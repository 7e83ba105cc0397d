//! The service `Network`: requests and streams into a machine, and who listens in it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cenote::http::{HeaderName, HeaderValue, Method, Request as HttpRequest, Uri};
use cenote::{BodySender, Connection, Listener as Found, ListenerFilter, RequestBody};
use cenote_proto::CHUNK;
use cenote_proto::v1::network_server::Network;
use cenote_proto::v1::{
    ConnectEnded, ConnectReply, ConnectRequest, Connected, FetchHead, FetchRequest, FetchResponse,
    FetchResponseHead, ForwardEvent, ForwardRequest, Header, ListListenersReply,
    ListListenersRequest, Listener, WaitForListenerRequest, connect_reply, connect_request,
    fetch_request, fetch_response,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tonic::{Code, Request, Response, Status, Streaming};

use super::relay::{Out, serve_call};
use super::{Answers, answers};
use crate::failure::{failure, option, unimplemented};
use crate::machines::{Machine, Machines};

/// The service.
#[derive(Debug)]
pub(crate) struct Service(pub(crate) Arc<Machines>);

fn port(number: u32) -> Result<u16, Status> {
    match u16::try_from(number) {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(option("port", format!("{number} is not a port"))),
    }
}

/// Only the loopback can be meant so far.
fn check_host(host: &str) -> Result<(), Status> {
    if matches!(host, "" | "127.0.0.1" | "localhost" | "::1") {
        Ok(())
    } else {
        Err(unimplemented("another address than the loopback's"))
    }
}

fn filter(request: &WaitForListenerRequest) -> Result<ListenerFilter, Status> {
    let mut filter = ListenerFilter::any();
    if request.port != 0 {
        filter = filter.port(port(request.port)?);
    }
    if !request.host.is_empty() {
        let host: IpAddr = match request.host.as_str() {
            "localhost" => std::net::Ipv4Addr::LOCALHOST.into(),
            host => host
                .parse()
                .map_err(|_| option("host", format!("`{host}` is not an address")))?,
        };
        filter = filter.host(host);
    }
    if !request.path.is_empty() {
        filter = filter.path(&request.path);
    }
    if request.timeout_ms != 0 {
        filter = filter.timeout(Duration::from_millis(request.timeout_ms));
    }
    Ok(filter)
}

fn listener(found: Found) -> Listener {
    Listener {
        address: found.host.map(|host| host.to_string()).unwrap_or_default(),
        port: found.port.map_or(0, u32::from),
        pid: found.pid,
        path: found.path.unwrap_or_default(),
    }
}

fn http_request(head: &FetchHead, body: RequestBody) -> Result<HttpRequest<RequestBody>, Status> {
    let invalid = |name: &'static str| move |error: cenote::http::Error| option(name, error);
    let mut request = HttpRequest::new(body);
    if !head.method.is_empty() {
        *request.method_mut() = Method::from_bytes(head.method.as_bytes())
            .map_err(|error| invalid("method")(error.into()))?;
    }
    if !head.path.is_empty() {
        *request.uri_mut() =
            Uri::try_from(&head.path).map_err(|error| invalid("path")(error.into()))?;
    }
    for header in &head.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|error| invalid("headers")(error.into()))?;
        let value = HeaderValue::from_bytes(&header.value)
            .map_err(|error| invalid("headers")(error.into()))?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

/// Whether a method without a body was asked for: it must not be announced.
fn is_bodiless(method: &str) -> bool {
    matches!(method, "" | "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

async fn fetch(
    machine: &Machine,
    mut input: Streaming<FetchRequest>,
    out: &Out<FetchResponse>,
) -> Result<(), Status> {
    let first = input.message().await?.and_then(|first| first.message);
    let Some(fetch_request::Message::Head(head)) = first else {
        return Err(option("head", "the first message must be the head"));
    };
    check_host(&head.host)?;
    let to = port(head.port)?;
    let (sender, body) = if is_bodiless(&head.method) {
        (None, RequestBody::empty())
    } else {
        let (sender, body) = RequestBody::channel();
        (Some(sender), body)
    };
    let request = http_request(&head, body)?;
    let upload = upload(input, sender);
    let answer = async {
        let asked = machine.rt.fetch(to, request);
        let answered = match head.timeout_ms {
            0 => asked.await,
            limit => tokio::time::timeout(Duration::from_millis(limit), asked)
                .await
                .map_err(|_| {
                    failure(
                        Code::DeadlineExceeded,
                        "TIMEOUT",
                        format!("no answer from port {to} within {limit} ms"),
                    )
                })?,
        };
        let response = answered.map_err(|error| machine.failed(&error))?;
        download(machine, response, out).await
    };
    // The answer may be over before the request is.
    let mut upload = std::pin::pin!(upload);
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answered = &mut answer => answered,
        broken = &mut upload => match broken {
            Ok(()) => answer.await,
            Err(status) => Err(status),
        },
    }
}

async fn upload(
    mut input: Streaming<FetchRequest>,
    sender: Option<BodySender>,
) -> Result<(), Status> {
    let Some(sender) = sender else { return Ok(()) };
    loop {
        match input.message().await {
            Ok(Some(next)) => match next.message {
                Some(fetch_request::Message::Body(chunk)) => {
                    let is_read = sender.send(chunk).await;
                    if !is_read {
                        // The server reads no more of it; its answer says why.
                        return Ok(());
                    }
                }
                Some(fetch_request::Message::Head(_)) => {
                    return Err(option("head", "must come first, and once"));
                }
                None => {}
            },
            Ok(None) => return Ok(()),
            Err(status) => {
                sender.abort().await;
                return Err(status);
            }
        }
    }
}

async fn download(
    machine: &Machine,
    mut response: cenote::Response,
    out: &Out<FetchResponse>,
) -> Result<(), Status> {
    let headers = response.headers().iter().map(|(name, value)| Header {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec().into(),
    });
    let head = FetchResponseHead {
        status: response.status().as_u16().into(),
        status_text: response
            .status()
            .canonical_reason()
            .unwrap_or_default()
            .into(),
        headers: headers.collect(),
    };
    let message = |message| FetchResponse {
        message: Some(message),
    };
    if out
        .send(Ok(message(fetch_response::Message::Head(head))))
        .await
        .is_err()
    {
        return Ok(());
    }
    while let Some(mut chunk) = response
        .chunk()
        .await
        .map_err(|error| machine.failed(&error))?
    {
        while !chunk.is_empty() {
            let piece = chunk.split_to(chunk.len().min(CHUNK));
            let piece = message(fetch_response::Message::Body(piece));
            if out.send(Ok(piece)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn tunnel(
    machine: &Machine,
    mut input: Streaming<ConnectRequest>,
    out: &Out<ConnectReply>,
) -> Result<(), Status> {
    let first = input.message().await?.and_then(|first| first.message);
    let Some(connect_request::Message::Target(target)) = first else {
        return Err(option("target", "the first message must name the port"));
    };
    check_host(&target.host)?;
    let connection = machine
        .rt
        .connect(port(target.port)?)
        .await
        .map_err(|error| machine.failed(&error))?;
    let connected = connect_reply::Message::Connected(Connected {});
    let connected = ConnectReply {
        message: Some(connected),
    };
    if out.send(Ok(connected)).await.is_err() {
        return Ok(());
    }
    let (reader, writer) = tokio::io::split(connection);
    let ((), there) = tokio::join!(from_guest(reader, out), to_guest(writer, input));
    there
}

async fn from_guest(mut reader: ReadHalf<Connection>, out: &Out<ConnectReply>) {
    let mut chunk = vec![0; CHUNK];
    // A connection that breaks off ends the stream, as its end does.
    while let Ok(count @ 1..) = reader.read(&mut chunk).await {
        let data = chunk.get(..count).unwrap_or_default().to_vec();
        let message = connect_reply::Message::Data(data.into());
        let reply = ConnectReply {
            message: Some(message),
        };
        if out.send(Ok(reply)).await.is_err() {
            return;
        }
    }
    let ended = connect_reply::Message::Ended(ConnectEnded {});
    let reply = ConnectReply {
        message: Some(ended),
    };
    // A caller that has gone needs no end.
    let _sent = out.send(Ok(reply)).await.is_ok();
}

async fn to_guest(
    mut writer: WriteHalf<Connection>,
    mut input: Streaming<ConnectRequest>,
) -> Result<(), Status> {
    while let Some(next) = input.message().await? {
        match next.message {
            Some(connect_request::Message::Data(data)) => {
                let is_read = writer.write_all(&data).await.is_ok();
                if !is_read {
                    // Nobody reads it: the other direction shows the end.
                    return Ok(());
                }
            }
            Some(connect_request::Message::Target(_)) => {
                return Err(option("target", "must come first, and once"));
            }
            None => {}
        }
    }
    // A connection that is gone needs no end.
    let _ended = writer.shutdown().await.is_ok();
    Ok(())
}

#[tonic::async_trait]
impl Network for Service {
    type FetchStream = Answers<FetchResponse>;
    type TunnelStream = Answers<ConnectReply>;
    type ForwardStream = Answers<ForwardEvent>;

    async fn fetch(
        &self,
        request: Request<Streaming<FetchRequest>>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let (out, stream) = answers();
        tokio::spawn(async move {
            serve_call(&out, fetch(&machine, request.into_inner(), &out)).await;
        });
        Ok(Response::new(stream))
    }

    async fn tunnel(
        &self,
        request: Request<Streaming<ConnectRequest>>,
    ) -> Result<Response<Self::TunnelStream>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let (out, stream) = answers();
        tokio::spawn(async move {
            serve_call(&out, tunnel(&machine, request.into_inner(), &out)).await;
        });
        Ok(Response::new(stream))
    }

    async fn wait_for_listener(
        &self,
        request: Request<WaitForListenerRequest>,
    ) -> Result<Response<Listener>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let filter = filter(&request.into_inner())?;
        let found = machine
            .rt
            .wait_for_listener(filter)
            .await
            .map_err(|error| machine.failed(&error))?;
        Ok(Response::new(listener(found)))
    }

    async fn list_listeners(
        &self,
        request: Request<ListListenersRequest>,
    ) -> Result<Response<ListListenersReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let found = machine
            .rt
            .listeners()
            .map_err(|error| machine.failed(&error))?;
        Ok(Response::new(ListListenersReply {
            listeners: found.into_iter().map(listener).collect(),
        }))
    }

    async fn forward(
        &self,
        _: Request<ForwardRequest>,
    ) -> Result<Response<Self::ForwardStream>, Status> {
        Err(unimplemented(
            "Network.Forward (a worker has no network of the host's; forward with Network.Tunnel)",
        ))
    }
}
