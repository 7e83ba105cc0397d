//! The network outside, answered by the embedder over the host channel.
//!
//! A connection is one exchange, a request of HTTP one too: its first reply says what becomes of it, then bytes go both ways under windows.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use cenote::http::header::{HeaderName, HeaderValue};
use cenote::http::{Request, Response, StatusCode};
use cenote::{
    BodySender, Errno, HostStream, HttpBody, NetworkAdapter, NetworkAnswer, NetworkTarget,
    RequestBody,
};
use cenote_proto::CHUNK;
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::network_call::Call;
use cenote_proto::v1::network_result::Result as Answer;
use cenote_proto::v1::{
    Data, DataChannel, DnsQuestion, Header, HostConnect, HostError, HostWindow, HttpAnswer,
    HttpCall, NetworkCall, NetworkResult,
};
use prost::bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use super::commands::{errno, silence};
use super::link::{Exchange, Frames, HostLink, PATIENCE};
use super::window::Credit;

/// How long the embedder may take for the head of a response.
const HEAD: Duration = Duration::from_secs(120);

/// Headers of one response.
const HEADERS: usize = 1_000;

/// The embedder's network.
#[derive(Debug)]
pub(crate) struct LinkNetwork(Arc<HostLink>);

impl LinkNetwork {
    pub(crate) fn new(link: &Arc<HostLink>) -> Self {
        Self(Arc::clone(link))
    }
}

fn call(call: Call) -> Asked {
    Asked::Network(NetworkCall { call: Some(call) })
}

/// Why a name has no addresses.
fn no_name(error: &HostError) -> Errno {
    match error.code.as_str() {
        "ENOTFOUND" | "ENODATA" | "ENOENT" => Errno::ENOENT,
        _ => errno(error),
    }
}

/// Why there is no connection.
fn no_connection(error: &HostError) -> Errno {
    match Errno::from_name(&error.code) {
        Some(named) => named,
        None => {
            errno(error);
            Errno::ECONNREFUSED
        }
    }
}

impl NetworkAdapter for LinkNetwork {
    fn resolve(&self, name: String) -> NetworkAnswer<Vec<IpAddr>> {
        let link = Arc::clone(&self.0);
        Box::pin(async move {
            let question = DnsQuestion {
                hostname: name,
                family: 0,
            };
            match link.ask(call(Call::Resolve(question)), PATIENCE).await {
                Ok(Reply::Network(NetworkResult {
                    result: Some(Answer::Addresses(told)),
                })) => {
                    let told = told.addresses.iter();
                    Ok(told.filter_map(|text| text.parse().ok()).collect())
                }
                Ok(Reply::Error(error)) => Err(no_name(&error)),
                Ok(_) => Err(Errno::EPROTO),
                Err(why) => Err(silence(why)),
            }
        })
    }

    fn connect(&self, target: NetworkTarget) -> NetworkAnswer<HostStream> {
        let link = Arc::clone(&self.0);
        Box::pin(async move {
            let asked = HostConnect {
                address: target.address.ip().to_string(),
                port: target.address.port().into(),
                names: target.names,
            };
            let exchange = link.begin(call(Call::Connect(asked)), PATIENCE);
            let mut exchange = exchange.await.map_err(silence)?;
            match exchange.next().await {
                Some(Reply::Network(NetworkResult {
                    result: Some(Answer::Connected(_)),
                })) => Ok(stream(exchange)),
                Some(Reply::Error(error)) => {
                    exchange.finish();
                    Err(no_connection(&error))
                }
                Some(_) => Err(Errno::EPROTO),
                None => Err(Errno::ECONNREFUSED),
            }
        })
    }

    fn http(&self, request: Request<HttpBody>) -> NetworkAnswer<Response<RequestBody>> {
        let link = Arc::clone(&self.0);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let asked = HttpCall {
                url: head.uri.to_string(),
                method: head.method.to_string(),
                headers: head
                    .headers
                    .iter()
                    .map(|(name, value)| Header {
                        name: name.as_str().into(),
                        value: Bytes::copy_from_slice(value.as_bytes()),
                    })
                    .collect(),
                is_fetch: head.headers.contains_key("sec-fetch-mode"),
            };
            let exchange = link.begin(call(Call::Http(asked)), HEAD);
            let exchange = exchange.await.map_err(silence)?;
            respond(exchange, body).await
        })
    }
}

/// What the embedder sends of a stream, under its window.
#[derive(Debug)]
struct Inflow {
    bytes: UnboundedSender<Option<Bytes>>,
    window: Arc<Credit>,
    is_over: bool,
}

/// Bytes from the embedder that nobody has taken yet; `None` is their end.
#[derive(Debug)]
struct Arrived {
    bytes: UnboundedReceiver<Option<Bytes>>,
    window: Arc<Credit>,
}

fn inflow() -> (Inflow, Arrived) {
    let (give, bytes) = mpsc::unbounded_channel();
    let window = Arc::new(Credit::new());
    let inflow = Inflow {
        bytes: give,
        window: Arc::clone(&window),
        is_over: false,
    };
    (inflow, Arrived { bytes, window })
}

impl Inflow {
    /// Takes a frame; whether the embedder was allowed to send it.
    fn take(&mut self, data: Data) -> bool {
        if self.is_over || data.channel() != DataChannel::Unspecified {
            return false;
        }
        if !data.bytes.is_empty() {
            if data.bytes.len() > self.window.available() {
                return false;
            }
            self.window.spend(data.bytes.len());
            // Who takes no more ends the exchange itself.
            drop(self.bytes.send(Some(data.bytes)));
        }
        if data.end {
            self.is_over = true;
            drop(self.bytes.send(None));
        }
        true
    }
}

impl Arrived {
    /// The next bytes; `None` after the last, an error when the embedder went before it.
    async fn next(&mut self) -> Result<Option<Bytes>, Errno> {
        self.bytes.recv().await.ok_or(Errno::ECONNRESET)
    }

    /// Bytes were taken: the embedder may send as many.
    async fn taken(&self, bytes: usize, frames: &Frames) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.window.widen(bytes);
        let frame = HostWindow {
            channel: DataChannel::Unspecified.into(),
            bytes,
        };
        frames.send(Asked::Window(frame)).await
    }
}

/// Sends bytes as far as the embedder takes them; whether it does.
async fn give(frames: &Frames, credit: &Credit, mut bytes: Bytes) -> bool {
    while !bytes.is_empty() {
        let room = credit.room(bytes.len().min(CHUNK)).await;
        let piece = bytes.split_to(room.min(bytes.len()));
        credit.spend(piece.len());
        if !frames.send(Asked::Data(data(piece, false))).await {
            return false;
        }
    }
    true
}

fn data(bytes: Bytes, end: bool) -> Data {
    Data {
        channel: DataChannel::Unspecified.into(),
        bytes,
        end,
    }
}

/// Takes replies as they come, until the channel ends, or the embedder breaks off or breaks the rules.
async fn follow(exchange: &mut Exchange, credit: &Credit, mut inflow: Inflow) -> Result<(), Errno> {
    while let Some(reply) = exchange.next().await {
        let is_allowed = match reply {
            Reply::Data(data) => inflow.take(data),
            Reply::Window(window) => {
                credit.widen(window.bytes);
                true
            }
            Reply::Error(error) => {
                exchange.finish();
                return Err(no_connection(&error));
            }
            _ => false,
        };
        if !is_allowed {
            tracing::warn!(target: "cenote::host_link", "the embedder sent what it must not; the connection is given up");
            return Err(Errno::EPROTO);
        }
    }
    Err(Errno::ECONNRESET)
}

/// The machine's end of a connection that the embedder carries.
struct Held {
    inner: DuplexStream,
    /// Whether the embedder's direction has ended as it should.
    is_whole: Arc<AtomicBool>,
    /// Its end tells that this was dropped.
    _alive: oneshot::Sender<()>,
}

/// A connection whose other end is the embedder's.
fn stream(exchange: Exchange) -> HostStream {
    let (ours, inner) = tokio::io::duplex(CHUNK);
    let (alive, gone) = oneshot::channel();
    let is_whole = Arc::<AtomicBool>::default();
    let whole = Arc::clone(&is_whole);
    tokio::spawn(async move {
        tokio::select! {
            () = carry(exchange, ours, &whole) => {}
            // Nobody is there any more: what ends the exchange is its being dropped.
            _ = gone => {}
        }
    });
    Box::pin(Held {
        inner,
        is_whole,
        _alive: alive,
    })
}

/// Carries a connection until both directions have ended, or it breaks off.
async fn carry(mut exchange: Exchange, ours: DuplexStream, is_over: &AtomicBool) {
    let frames = exchange.sender();
    let credit = Credit::new();
    let (inflow, mut arrived) = inflow();
    let (mut reader, mut writer) = tokio::io::split(ours);
    let out = async {
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = reader.read(&mut chunk).await.unwrap_or(0);
            let bytes = Bytes::copy_from_slice(chunk.get(..count).unwrap_or_default());
            if bytes.is_empty() {
                return frames.send(Asked::Data(data(bytes, true))).await;
            }
            if !give(&frames, &credit, bytes).await {
                return false;
            }
        }
    };
    let back = async {
        while let Ok(next) = arrived.next().await {
            let Some(bytes) = next else {
                is_over.store(true, Ordering::Release);
                return writer.shutdown().await.is_ok();
            };
            if writer.write_all(&bytes).await.is_err() || !arrived.taken(bytes.len(), &frames).await
            {
                return false;
            }
        }
        false
    };
    let both = async { tokio::join!(out, back) };
    let is_whole = tokio::select! {
        (out, back) = both => out && back,
        _broken = follow(&mut exchange, &credit, inflow) => false,
    };
    if is_whole {
        exchange.finish();
    }
}

/// Sends a request's body, and waits for the head of the response meanwhile.
async fn respond(mut exchange: Exchange, body: HttpBody) -> Result<Response<RequestBody>, Errno> {
    let frames = exchange.sender();
    let credit = Arc::new(Credit::new());
    // The body goes on while the response comes, and ends with it.
    let sending = Sending(tokio::spawn(send_body(body, frames, Arc::clone(&credit))));
    let (mut inflow, arrived) = inflow();
    let head = loop {
        match exchange.next().await {
            Some(Reply::Network(NetworkResult {
                result: Some(Answer::Response(answer)),
            })) => break answer,
            Some(Reply::Window(window)) => credit.widen(window.bytes),
            Some(Reply::Error(error)) => {
                exchange.finish();
                return Err(no_connection(&error));
            }
            Some(_) => return Err(Errno::EPROTO),
            None => return Err(Errno::ECONNRESET),
        }
    };
    let mut response = response(head)?;
    let (sender, body) = RequestBody::channel();
    *response.body_mut() = body;
    tokio::spawn(async move {
        let frames = exchange.sender();
        let mut taking = std::pin::pin!(pour(arrived, sender, &frames));
        loop {
            let reply = tokio::select! {
                reply = exchange.next() => reply,
                whole = &mut taking => {
                    if whole {
                        exchange.finish();
                    }
                    break;
                }
            };
            let is_allowed = match reply {
                Some(Reply::Data(data)) => inflow.take(data),
                Some(Reply::Window(window)) => {
                    credit.widen(window.bytes);
                    true
                }
                _ => false,
            };
            if !is_allowed {
                // The guest sees a body that breaks off.
                drop(inflow);
                let _whole = taking.await;
                break;
            }
        }
        drop(sending);
    });
    Ok(response)
}

/// A request's body on its way; not any more when this is dropped.
struct Sending(tokio::task::JoinHandle<()>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn send_body(mut body: HttpBody, frames: Frames, credit: Arc<Credit>) {
    loop {
        match body.chunk().await {
            Ok(Some(bytes)) => {
                if !give(&frames, &credit, bytes).await {
                    return;
                }
            }
            Ok(None) => {
                let _sent = frames.send(Asked::Data(data(Bytes::new(), true))).await;
                return;
            }
            // The guest's connection broke, and the request with it.
            Err(error) => {
                tracing::debug!(target: "cenote::host_link", %error, "a request breaks off");
                return;
            }
        }
    }
}

/// Gives the guest a response's body; whether all of it.
async fn pour(mut arrived: Arrived, sender: BodySender, frames: &Frames) -> bool {
    loop {
        let next = tokio::select! {
            next = arrived.next() => next,
            () = sender.closed() => return false,
        };
        match next {
            Ok(Some(bytes)) => {
                let count = bytes.len();
                if !sender.send(bytes).await || !arrived.taken(count, frames).await {
                    return false;
                }
            }
            Ok(None) => return true,
            Err(_broken) => {
                sender.abort().await;
                return false;
            }
        }
    }
}

/// The head of a response as the guest's server library has it.
fn response(answer: HttpAnswer) -> Result<Response<RequestBody>, Errno> {
    let head = answer.head.ok_or(Errno::EPROTO)?;
    let status = u16::try_from(head.status).map_err(|_| Errno::EPROTO)?;
    let status = StatusCode::from_u16(status).map_err(|_| Errno::EPROTO)?;
    // Switching protocols, and heads before the head, are not for a response.
    if status.is_informational() || head.headers.len() > HEADERS {
        return Err(Errno::EPROTO);
    }
    let mut response = Response::new(RequestBody::empty());
    *response.status_mut() = status;
    for header in head.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Errno::EPROTO)?;
        // How the body comes over the guest's connection is settled there; it is whole and unpacked here.
        if is_of_connection(&name) {
            continue;
        }
        let value = HeaderValue::from_bytes(&header.value).map_err(|_| Errno::EPROTO)?;
        response.headers_mut().append(name, value);
    }
    if let Ok(reason) = hyper::ext::ReasonPhrase::try_from(head.status_text.into_bytes()) {
        response.extensions_mut().insert(reason);
    }
    Ok(response)
}

fn is_of_connection(name: &HeaderName) -> bool {
    let names = [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    names.contains(&name.as_str())
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        std::task::ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let is_end = buf.filled().len() == before && buf.remaining() > 0;
        if is_end && !self.is_whole.load(Ordering::Acquire) {
            return Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
