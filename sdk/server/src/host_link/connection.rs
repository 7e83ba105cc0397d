//! One connection of a guest that the embedder carries, as one exchange: bytes both ways under windows.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use cenote::{Errno, HostStream};
use cenote_proto::CHUNK;
use cenote_proto::exchange::{self, Credit, Inflow};
use cenote_proto::v1::host_reply::Reply;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::oneshot;

use super::link::Exchange;
use super::network::no_connection;

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
pub(super) fn stream(exchange: Exchange) -> HostStream {
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
    let credit = Credit::default();
    let (inflow, arrived) = exchange::inflow();
    let ended = || is_over.store(true, Ordering::Release);
    let is_whole = tokio::select! {
        is_whole = exchange::carry(&frames, &credit, arrived, ours, ended) => is_whole,
        _broken = follow(&mut exchange, &credit, inflow) => false,
    };
    if is_whole {
        exchange.finish();
    }
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
