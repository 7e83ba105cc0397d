//! What a request carries: [`RequestBody`], whole or as a stream.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

/// Whatever a stream of a request failed with.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a [`RequestBody`] is inside.
pub(crate) type BoxedBody = UnsyncBoxBody<Bytes, BoxError>;

/// Chunks that wait between a [`BodySender`] and the guest.
const CHANNEL: usize = 4;

/// The body of a request, or of an answer to a guest: nothing, bytes, text, or a stream of chunks.
pub struct RequestBody(pub(super) BoxedBody);

fn never(error: Infallible) -> BoxError {
    match error {}
}

impl RequestBody {
    pub(crate) fn into_inner(self) -> BoxedBody {
        self.0
    }

    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self(Empty::new().map_err(never).boxed_unsync())
    }

    /// These bytes; their number becomes `content-length`.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Full::new(bytes.into()).map_err(never).boxed_unsync())
    }

    /// The chunks of a stream, sent as they come and as fast as the guest reads. An error breaks the request off.
    #[must_use]
    pub fn stream<E: Into<BoxError>>(
        chunks: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Self {
        Self(Chunks(Box::pin(chunks)).boxed_unsync())
    }

    /// A body that is written while the request is under way. Dropping the sender ends it.
    #[must_use]
    pub fn channel() -> (BodySender, Self) {
        let (sender, receiver) = mpsc::channel(CHANNEL);
        let body = Received(receiver).boxed_unsync();
        (BodySender(sender), Self(body))
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestBody({:?})", self.0.size_hint())
    }
}

impl Default for RequestBody {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<()> for RequestBody {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl From<Vec<u8>> for RequestBody {
    fn from(bytes: Vec<u8>) -> Self {
        Self::full(bytes)
    }
}

impl From<String> for RequestBody {
    fn from(text: String) -> Self {
        Self::full(text)
    }
}

impl From<&'static str> for RequestBody {
    fn from(text: &'static str) -> Self {
        Self::full(text)
    }
}

impl From<&'static [u8]> for RequestBody {
    fn from(bytes: &'static [u8]) -> Self {
        Self::full(bytes)
    }
}

/// Writes the body of a request that is under way.
#[derive(Debug)]
pub struct BodySender(mpsc::Sender<Result<Bytes, BoxError>>);

impl BodySender {
    /// Sends a chunk; waits while the guest does not read. Answers whether somebody still takes it.
    pub async fn send(&self, chunk: impl Into<Bytes>) -> bool {
        self.0.send(Ok(chunk.into())).await.is_ok()
    }

    /// Waits until nobody takes it any more.
    pub async fn closed(&self) {
        self.0.closed().await;
    }

    /// Breaks the request off: the guest sees a body that was cut short.
    pub async fn abort(self) {
        let broken: BoxError = "the body was broken off".into();
        if self.0.send(Err(broken)).await.is_err() {
            tracing::debug!(target: "cenote::net", "the request had ended already");
        }
    }
}

/// A stream as a body.
struct Chunks<S>(Pin<Box<S>>);

impl<S, E> Body for Chunks<S>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0
            .as_mut()
            .poll_next(cx)
            .map(|next| next.map(|chunk| chunk.map(Frame::data).map_err(Into::into)))
    }
}

/// A channel as a body.
struct Received(mpsc::Receiver<Result<Bytes, BoxError>>);

impl Body for Received {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0
            .poll_recv(cx)
            .map(|next| next.map(|chunk| chunk.map(Frame::data)))
    }
}
