//! HTTP to a server inside the machine: `NodeRuntime::fetch` and [`Response`].
//!
//! HTTP/1.1 by hyper over a [`Connection`], one connection a request. Nothing of it touches the host's network, so it works whatever
//! guests may reach. The guest is the server: what it sends is bounded by hyper (heads) and by the reader (bodies stream).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::RequestBody;
use super::stream::Connection;
use super::way::Way;
use crate::{Error, NodeRuntime, host};

/// The most that the head of a response may take.
const MAX_HEAD: usize = 256 << 10;

/// What a server of the machine answered. The body streams: the server waits while it is not read.
pub struct Response {
    inner: hyper::Response<Incoming>,
    port: u16,
    limit: usize,
}

impl NodeRuntime {
    /// Sends an HTTP request to a server that listens on `port` of the machine, over the machine's own loopback: it works also where
    /// guests may reach no network. Only path and query of the URI count; without a `Host` header it is `localhost:PORT`.
    ///
    /// Bodies stream both ways. For a protocol upgrade, send the headers it needs and take [`Response::upgrade`].
    ///
    /// # Errors
    /// [`Error::Connect`] when nobody listens there, [`Error::Http`] when the answer is not HTTP or the connection breaks off before
    /// it, [`Error::Disposed`].
    pub async fn fetch<B: Into<RequestBody>>(
        &self,
        port: u16,
        request: Request<B>,
    ) -> Result<Response, Error> {
        let way = Way::into_machine(&self.machine)?;
        let limit = self.machine.output_limit();
        let request = prepare(port, request.map(Into::into))?;
        host::run(async move {
            let connection = way.connect(port).await?;
            let failed = |error: hyper::Error| broken(port, &error);
            let (mut sender, driver) = hyper::client::conn::http1::Builder::new()
                .max_buf_size(MAX_HEAD)
                .preserve_header_case(true)
                .handshake(TokioIo::new(connection))
                .await
                .map_err(failed)?;
            host::spawn(async move {
                // What goes wrong reaches the one who reads the response.
                if let Err(error) = driver.with_upgrades().await {
                    tracing::debug!(target: "cenote::net", %error, port, "a request ended early");
                }
            });
            let inner = sender
                .send_request(request.map(|body| body.0))
                .await
                .map_err(failed)?;
            Ok(Response { inner, port, limit })
        })
        .await
    }

    /// Connects to a server that listens on `port` of the machine, for protocols other than HTTP.
    ///
    /// # Errors
    /// [`Error::Connect`] when nobody listens there, [`Error::Disposed`].
    pub async fn connect(&self, port: u16) -> Result<Connection, Error> {
        Way::into_machine(&self.machine)?.connect(port).await
    }
}

fn broken(port: u16, error: &hyper::Error) -> Error {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    Error::Http { port, reason }
}

/// Makes the request one to an origin server: path and query, and a `Host`.
fn prepare(port: u16, mut request: Request<RequestBody>) -> Result<Request<RequestBody>, Error> {
    let invalid = |reason: &dyn fmt::Display| Error::Http {
        port,
        reason: reason.to_string(),
    };
    if !request.headers().contains_key(HOST) {
        let host = request
            .uri()
            .authority()
            .map_or_else(|| format!("localhost:{port}"), ToString::to_string);
        let host = HeaderValue::try_from(host).map_err(|error| invalid(&error))?;
        request.headers_mut().insert(HOST, host);
    }
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let path = if path.is_empty() { "/" } else { path };
    *request.uri_mut() = Uri::try_from(path).map_err(|error| invalid(&error))?;
    *request.version_mut() = Version::HTTP_11;
    Ok(request)
}

impl Response {
    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The words after the status: the server's own, else the usual ones.
    #[must_use]
    pub fn reason(&self) -> String {
        match self.inner.extensions().get::<hyper::ext::ReasonPhrase>() {
            Some(own) => String::from_utf8_lossy(own.as_bytes()).into_owned(),
            None => self
                .status()
                .canonical_reason()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// The version of HTTP the server speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.inner.version()
    }

    /// The next chunk of the body; `None` at its end. Trailers are passed over.
    ///
    /// # Errors
    /// [`Error::Http`] when the connection breaks off before the end of the body.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        loop {
            let frame = std::task::ready!(Pin::new(self.inner.body_mut()).poll_frame(cx));
            return Poll::Ready(match frame {
                None => Ok(None),
                Some(Err(error)) => Err(broken(self.port, &error)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(_trailers) => continue,
                },
            });
        }
    }

    /// The whole body, up to the machine's limit for captured output (16 MiB unless changed).
    ///
    /// # Errors
    /// [`Error::Http`] when it is larger or breaks off.
    pub async fn bytes(self) -> Result<Bytes, Error> {
        let (port, limit) = (self.port, self.limit);
        let collected = http_body_util::Limited::new(self.inner.into_body(), limit)
            .collect()
            .await;
        match collected {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => Err(match error.downcast::<hyper::Error>() {
                Ok(error) => broken(port, &error),
                Err(_too_long) => Error::Http {
                    port,
                    reason: format!("the body is larger than {limit} bytes; read it in chunks"),
                },
            }),
        }
    }

    /// The whole body as text; what is not UTF-8 is replaced.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub async fn text(self) -> Result<String, Error> {
        let bytes = self.bytes().await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// After `101 Switching Protocols` (or a successful `CONNECT`): the connection, for the other protocol.
    ///
    /// # Errors
    /// [`Error::Http`] when the server did not switch.
    pub async fn upgrade(
        self,
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + fmt::Debug + 'static, Error> {
        let port = self.port;
        match hyper::upgrade::on(self.inner).await {
            Ok(upgraded) => Ok(TokioIo::new(upgraded)),
            Err(error) => Err(broken(port, &error)),
        }
    }
}

/// The body's chunks.
impl Stream for Response {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(cx).map(Result::transpose)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, port {})", self.status(), self.port)
    }
}
