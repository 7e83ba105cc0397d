//! The embedder's network and its word on names, for a machine in another process.
//!
//! What asks may be a process that a guest has taken over, so the rules are looked at again here: names, addresses and requests must be ones
//! that they allow, or that the embedder's code has just allowed, and which names an address has is what was answered here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use cenote_abi::Errno;
use cenote_proto::exchange::{self, Arrived, Broken, Credit, Frames, Inflow};
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::network_call::Call;
use cenote_proto::v1::network_result::Result as Answer;
use cenote_proto::v1::{
    Addresses, Connected, Data, FetchResponseHead, Header, HostConnect, HostWindow, HttpAnswer,
    HttpCall, NetworkResult,
};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::ext::ReasonPhrase;
use tokio::sync::Semaphore;

use super::embedder::{failed, or_panic};
use super::host_commands::Replies;
use crate::host_network::{HttpBody, NetworkAdapter, NetworkTarget};
use crate::network::pins::Pins;
use crate::network::{AdapterGuard, BodySender};
use crate::{PermissionRequest, RequestBody, Resolve};

/// Connections and requests of one machine under way.
const EXCHANGES: usize = 1_024;

/// Who answers for the network, and what is known of it here.
#[derive(Clone)]
pub(crate) struct HostNetwork(Arc<Inner>);

struct Inner {
    adapter: Option<Arc<dyn NetworkAdapter>>,
    resolver: Option<Arc<dyn Resolve>>,
    guard: AdapterGuard,
    pins: Arc<Pins>,
    room: Semaphore,
}

impl std::fmt::Debug for HostNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostNetwork")
    }
}

/// What takes the frames of one exchange.
#[derive(Debug)]
pub(super) struct Taker {
    inflow: Inflow,
    credit: Arc<Credit>,
}

/// The other end of a [`Taker`].
#[derive(Debug)]
pub(super) struct Flow {
    arrived: Arrived,
    credit: Arc<Credit>,
}

pub(super) fn flow() -> (Taker, Flow) {
    let (inflow, arrived) = exchange::inflow();
    let credit = Arc::<Credit>::default();
    let taker = Taker {
        inflow,
        credit: Arc::clone(&credit),
    };
    (taker, Flow { arrived, credit })
}

impl Taker {
    /// Takes bytes; whether the machine may send them.
    pub(super) fn data(&mut self, data: Data) -> bool {
        self.inflow.take(data)
    }

    /// The machine takes more.
    pub(super) fn window(&self, window: HostWindow) {
        self.credit.widen(window.bytes);
    }
}

impl Frames for Replies {
    async fn data(&self, data: Data) -> bool {
        self.send(Reply::Data(data)).await
    }

    async fn window(&self, window: HostWindow) -> bool {
        self.send(Reply::Window(window)).await
    }
}

fn answer(result: Answer) -> Reply {
    Reply::Network(NetworkResult {
        result: Some(result),
    })
}

impl HostNetwork {
    pub(crate) fn new(
        adapter: Option<Arc<dyn NetworkAdapter>>,
        resolver: Option<Arc<dyn Resolve>>,
        guard: AdapterGuard,
        pins: &Arc<Pins>,
    ) -> Self {
        Self(Arc::new(Inner {
            adapter,
            resolver,
            guard,
            pins: Arc::clone(pins),
            room: Semaphore::new(EXCHANGES),
        }))
    }

    /// The same for another machine.
    pub(super) fn fork(&self) -> Self {
        let inner = &self.0;
        Self::new(
            inner.adapter.clone(),
            inner.resolver.clone(),
            inner.guard.fork(),
            &inner.pins,
        )
    }

    /// Whether the machine asks anything here.
    pub(super) fn is_empty(&self) -> bool {
        self.0.adapter.is_none() && self.0.resolver.is_none()
    }

    /// What a question is about, as far as it is true; nothing for one that contradicts itself.
    pub(super) fn checked(&self, asked: PermissionRequest) -> Option<PermissionRequest> {
        if self.0.adapter.is_none() {
            // The broker's supervisor has looked at it.
            return Some(asked);
        }
        match asked {
            PermissionRequest::Connect { address, mut names } => {
                let known = self.0.pins.names_of(address.ip());
                names.retain(|name| known.contains(name));
                Some(PermissionRequest::Connect { address, names })
            }
            PermissionRequest::Http {
                url,
                method,
                address,
                is_fetch,
                ..
            } => {
                let host = self.0.guard.host_of(&url, address)?;
                Some(PermissionRequest::Http {
                    url,
                    method,
                    host,
                    address,
                    is_fetch,
                })
            }
            asked => Some(asked),
        }
    }

    /// The embedder's code allowed this.
    pub(super) fn allowed(&self, asked: &PermissionRequest) {
        if !self.is_empty() {
            self.0.guard.allow(asked);
        }
    }

    /// Carries an exchange from its start to its end.
    pub(super) async fn run(&self, call: Option<Call>, flow: Flow, replies: &Replies) {
        let Ok(_room) = self.0.room.try_acquire() else {
            replies.send(failed(Errno::EMFILE)).await;
            return;
        };
        let ended = match call {
            Some(Call::Resolve(question)) => {
                let found = self.0.resolve(question.hostname).await;
                found.map(|found| Some(answer(Answer::Addresses(found))))
            }
            Some(Call::Connect(to)) => self.0.connect(to, flow, replies).await.map(|()| None),
            Some(Call::Http(asked)) => self.0.http(asked, flow, replies).await.map(|()| None),
            None => Err(Errno::ENOSYS),
        };
        let last = ended.unwrap_or_else(|errno| Some(failed(errno)));
        if let Some(last) = last {
            replies.send(last).await;
        }
    }
}

impl Inner {
    async fn resolve(&self, name: String) -> Result<Addresses, Errno> {
        if !self.guard.may_resolve(&name) {
            return Err(Errno::EACCES);
        }
        let asked = name.clone();
        let found = match (&self.resolver, &self.adapter) {
            (Some(resolver), _) => {
                let resolver = Arc::clone(resolver);
                let found = or_panic(async move { resolver.resolve(&asked).await }).await;
                found
                    .ok_or(Errno::EIO)?
                    .map_err(|error| match error.kind() {
                        std::io::ErrorKind::NotFound => Errno::ENOENT,
                        _ => Errno::EIO,
                    })?
            }
            (None, Some(adapter)) => {
                let adapter = Arc::clone(adapter);
                let found = or_panic(async move { adapter.resolve(asked).await }).await;
                found.ok_or(Errno::EIO)??
            }
            (None, None) => return Err(Errno::ENOSYS),
        };
        if self.adapter.is_some() {
            self.pins.vouch(&name, &found);
        } else {
            self.pins.remember(&name, &found);
        }
        Ok(Addresses {
            addresses: found.iter().map(ToString::to_string).collect(),
        })
    }

    async fn connect(&self, to: HostConnect, flow: Flow, replies: &Replies) -> Result<(), Errno> {
        let adapter = Arc::clone(self.adapter.as_ref().ok_or(Errno::ENOSYS)?);
        let ip: IpAddr = to.address.parse().map_err(|_| Errno::EINVAL)?;
        let port = u16::try_from(to.port).map_err(|_| Errno::EINVAL)?;
        let address = SocketAddr::new(ip, port);
        if !self.guard.may_connect(address) {
            return Err(Errno::EACCES);
        }
        let target = NetworkTarget {
            address,
            names: self.pins.names_of(ip),
        };
        let connected = or_panic(async move { adapter.connect(target).await }).await;
        let stream = connected.ok_or(Errno::EIO)??;
        if !replies.send(answer(Answer::Connected(Connected {}))).await {
            return Ok(());
        }
        let Flow { arrived, credit } = flow;
        if exchange::carry(replies, &credit, arrived, stream, || {}).await {
            Ok(())
        } else {
            Err(Errno::ECONNRESET)
        }
    }

    async fn http(&self, asked: HttpCall, flow: Flow, replies: &Replies) -> Result<(), Errno> {
        let adapter = Arc::clone(self.adapter.as_ref().ok_or(Errno::ENOSYS)?);
        if !self.guard.may_request(&asked.url, &asked.method) {
            return Err(Errno::EACCES);
        }
        let (request, sender) = request(asked).ok_or(Errno::EINVAL)?;
        let Flow { arrived, credit } = flow;
        let answering = async {
            let response = or_panic(async move { adapter.http(request).await }).await;
            let response = response.ok_or(Errno::EIO)??;
            respond(response, &credit, replies).await
        };
        let feeding = async {
            feed(arrived, sender, replies).await;
            // The response ends the exchange.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            answered = answering => answered,
            () = feeding => Ok(()),
        }
    }
}

/// The request as an adapter has it, and what fills its body.
fn request(asked: HttpCall) -> Option<(Request<HttpBody>, BodySender)> {
    let mut request = Request::builder()
        .method(asked.method.as_str())
        .uri(asked.url);
    for header in asked.headers {
        request = request.header(header.name, &*header.value);
    }
    let size = request.headers_ref()?.get(http::header::CONTENT_LENGTH);
    let size = size.and_then(|size| size.to_str().ok()?.parse().ok());
    let (sender, body) = RequestBody::channel();
    let request = request.body(HttpBody::received(body, size)).ok()?;
    Some((request, sender))
}

/// Fills a request's body as it is read.
async fn feed(mut arrived: Arrived, sender: BodySender, replies: &Replies) {
    loop {
        match arrived.next().await {
            Ok(Some(bytes)) => {
                let count = bytes.len();
                if !sender.send(bytes).await || !arrived.taken(count, replies).await {
                    return;
                }
            }
            Ok(None) => return,
            Err(Broken) => return sender.abort().await,
        }
    }
}

/// Sends a response: its head, then its body as the machine takes it.
async fn respond(
    response: Response<RequestBody>,
    credit: &Credit,
    replies: &Replies,
) -> Result<(), Errno> {
    let (head, body) = response.into_parts();
    let reason = head.extensions.get::<ReasonPhrase>();
    let reason = match reason {
        Some(reason) => String::from_utf8_lossy(reason.as_bytes()).into_owned(),
        None => head.status.canonical_reason().unwrap_or_default().into(),
    };
    let headers = head.headers.iter().map(|(name, value)| Header {
        name: name.as_str().into(),
        value: Bytes::copy_from_slice(value.as_bytes()),
    });
    let told = HttpAnswer {
        head: Some(FetchResponseHead {
            status: head.status.as_u16().into(),
            status_text: reason,
            headers: headers.collect(),
        }),
        ..HttpAnswer::default()
    };
    if !replies.send(answer(Answer::Response(told))).await {
        return Ok(());
    }
    let mut body = body.into_inner();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            tracing::debug!(target: "cenote::net", %error, "an answer of the embedder's network broke off");
            Errno::ECONNRESET
        })?;
        if let Ok(bytes) = frame.into_data()
            && !exchange::give(replies, credit, bytes).await
        {
            return Ok(());
        }
    }
    exchange::end(replies).await;
    Ok(())
}
