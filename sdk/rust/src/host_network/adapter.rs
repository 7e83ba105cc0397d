//! What the embedder implements: [`NetworkAdapter`].

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use bytes::Bytes;
use cenote_abi::Errno;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::RequestBody;
use crate::network::BoxedBody;

/// An answer of a [`NetworkAdapter`], as it comes. An error is the errno of the guest's call.
pub type NetworkAnswer<T> = Pin<Box<dyn Future<Output = Result<T, Errno>> + Send>>;

/// Bytes both ways.
pub trait ByteStream: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> ByteStream for T {}

/// The far end of a guest's connection, which the embedder brings.
pub type HostStream = Pin<Box<dyn ByteStream>>;

/// Where a guest wants to connect.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NetworkTarget {
    /// The address, which the policy allows.
    pub address: SocketAddr,
    /// The names that you gave this address, the latest last; empty when the guest named the address itself.
    pub names: Vec<String>,
}

/// What a guest's request carries. It comes as fast as it is read.
pub struct HttpBody {
    body: BoxedBody,
    size: Option<u64>,
}

impl HttpBody {
    pub(super) fn new(incoming: Incoming) -> Self {
        Self {
            size: incoming.size_hint().exact(),
            body: incoming.map_err(Into::into).boxed_unsync(),
        }
    }

    /// One that comes from elsewhere, of this size where it is known.
    pub(crate) fn received(body: RequestBody, size: Option<u64>) -> Self {
        let body = body.into_inner();
        Self { body, size }
    }

    /// The next chunk; `None` at the end. Trailers are passed over.
    ///
    /// # Errors
    /// When the guest breaks off before the end.
    pub async fn chunk(&mut self) -> std::io::Result<Option<Bytes>> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(std::io::Error::other(error)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// How many bytes there are, where the request says so.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpBody({:?})", self.size())
    }
}

fn missing<T: Send + 'static>(errno: Errno) -> NetworkAnswer<T> {
    Box::pin(std::future::ready(Err(errno)))
}

/// The network outside the machine, which your code answers for. Nothing of the host's network is touched then.
///
/// Guests reach what [`Permissions::network`](crate::Permissions::network) lets them, as without it; an address of the host's own or of private
/// networks is no secret when it was you who gave it for a name, so rules for names and `*` open it. A guest waits for each answer, at most 30
/// seconds (`ETIMEDOUT`; for the head of a response 120), and no longer than it wants it. A panic is `EIO`.
///
/// Futures run on Cenote's own threads: do not block in them. Datagrams are not carried: they answer `ENETUNREACH`.
pub trait NetworkAdapter: Send + Sync + 'static {
    /// The addresses of a name, which is lower case and without a dot at its end. None, or `ENOENT`: there is no such name. Another error: it
    /// cannot be said now.
    fn resolve(&self, name: String) -> NetworkAnswer<Vec<IpAddr>>;

    /// Connects. `EPROTONOSUPPORT`, the default: not this one as bytes, its requests are for [`http`](Self::http).
    fn connect(&self, _target: NetworkTarget) -> NetworkAnswer<HostStream> {
        missing(Errno::EPROTONOSUPPORT)
    }

    /// Answers a request of HTTP/1.1: its URI is absolute, and the host in it a name you gave the address that was connected, or that
    /// address. Redirects are the guest's to follow. For `https` the machine trusts an authority of its own, which vouches for every host that a
    /// guest asks for; guests' own TLS ends there. An error closes the guest's connection.
    fn http(&self, _request: Request<HttpBody>) -> NetworkAnswer<Response<RequestBody>> {
        missing(Errno::ECONNREFUSED)
    }
}
