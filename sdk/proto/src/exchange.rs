//! Byte streams of an exchange over the host channel, which both of its sides carry alike: under windows ([`Credit`]), each direction until
//! its end ([`carry`]).

use std::sync::Arc;

use prost::bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::CHUNK;
use crate::v1::{Data, DataChannel, HostWindow};

/// Bytes of one stream that may be under way.
pub const WINDOW: usize = 256 << 10;

/// Sends the frames of one exchange. The answers are whether they were sent: not when the channel is over.
pub trait Frames: Sync {
    /// Sends bytes.
    fn data(&self, data: Data) -> impl Future<Output = bool> + Send;
    /// Lets the other side send more.
    fn window(&self, window: HostWindow) -> impl Future<Output = bool> + Send;
}

/// What may still be sent of a stream.
#[derive(Debug)]
pub struct Credit(Semaphore);

impl Default for Credit {
    fn default() -> Self {
        Self(Semaphore::new(WINDOW))
    }
}

impl Credit {
    /// Nothing may be sent before the other side asks.
    #[must_use]
    pub fn none() -> Self {
        Self(Semaphore::new(0))
    }

    /// What was asked for and not sent is not asked for any more.
    pub fn forget(&self) {
        self.spend(self.available());
    }

    /// The other side has taken bytes. More than were sent are not believed.
    pub fn widen(&self, bytes: u32) {
        let room = WINDOW.saturating_sub(self.0.available_permits());
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.0.add_permits(bytes.min(room));
    }

    /// What may be sent now.
    #[must_use]
    pub fn available(&self) -> usize {
        self.0.available_permits()
    }

    /// Waits until at least one byte may be sent; how many of `wanted` may.
    pub async fn room(&self, wanted: usize) -> usize {
        // Cannot fail: it is never closed.
        let Ok(first) = self.0.acquire().await else {
            return 0;
        };
        drop(first);
        self.0.available_permits().clamp(1, wanted.max(1))
    }

    /// So many bytes are sent; not more than there was [`room`](Self::room) for.
    pub fn spend(&self, bytes: usize) {
        self.0.forget_permits(bytes);
    }
}

/// What the other side sends of a stream, under its window.
#[derive(Debug)]
pub struct Inflow {
    bytes: UnboundedSender<Option<Bytes>>,
    window: Arc<Credit>,
    is_over: bool,
}

/// Bytes from the other side that nobody has taken yet; `None` is their end.
#[derive(Debug)]
pub struct Arrived {
    bytes: UnboundedReceiver<Option<Bytes>>,
    window: Arc<Credit>,
}

/// The other side went before the end of what it sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Broken;

/// Where bytes from the other side come in, and where they are taken.
#[must_use]
pub fn inflow() -> (Inflow, Arrived) {
    let (give, bytes) = unbounded_channel();
    let window = Arc::<Credit>::default();
    let inflow = Inflow {
        bytes: give,
        window: Arc::clone(&window),
        is_over: false,
    };
    (inflow, Arrived { bytes, window })
}

impl Inflow {
    /// Takes a frame; whether the other side was allowed to send it.
    #[must_use]
    pub fn take(&mut self, data: Data) -> bool {
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
    /// The next bytes; `None` after the last.
    ///
    /// # Errors
    /// [`Broken`] when the [`Inflow`] was dropped before that.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        self.bytes.recv().await.ok_or(Broken)
    }

    /// Bytes were taken: the other side may send as many. Whether it was told.
    pub async fn taken(&self, bytes: usize, frames: &impl Frames) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.window.widen(bytes);
        let window = HostWindow {
            channel: DataChannel::Unspecified.into(),
            bytes,
        };
        frames.window(window).await
    }
}

fn data(bytes: Bytes, end: bool) -> Data {
    Data {
        channel: DataChannel::Unspecified.into(),
        bytes,
        end,
    }
}

/// Sends bytes as far as the other side takes them; whether it does.
pub async fn give(frames: &impl Frames, credit: &Credit, mut bytes: Bytes) -> bool {
    while !bytes.is_empty() {
        let room = credit.room(bytes.len().min(CHUNK)).await;
        let piece = bytes.split_to(room.min(bytes.len()));
        credit.spend(piece.len());
        if !frames.data(data(piece, false)).await {
            return false;
        }
    }
    true
}

/// Sends that nothing comes any more; whether it was sent.
pub async fn end(frames: &impl Frames) -> bool {
    frames.data(data(Bytes::new(), true)).await
}

/// Carries a connection until both directions have ended, or it breaks off; whether it was whole. `ended` is called when the other side's
/// direction has ended as it should, before the stream reads that.
pub async fn carry(
    frames: &impl Frames,
    credit: &Credit,
    mut arrived: Arrived,
    stream: impl AsyncRead + AsyncWrite,
    ended: impl FnOnce(),
) -> bool {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let out = async {
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = match reader.read(&mut chunk).await {
                Ok(0) => return end(frames).await,
                Ok(count) => count,
                Err(_broken) => return false,
            };
            let bytes = Bytes::copy_from_slice(chunk.get(..count).unwrap_or_default());
            if !give(frames, credit, bytes).await {
                return false;
            }
        }
    };
    let back = async {
        while let Ok(next) = arrived.next().await {
            let Some(bytes) = next else {
                ended();
                return writer.shutdown().await.is_ok();
            };
            if writer.write_all(&bytes).await.is_err() || !arrived.taken(bytes.len(), frames).await
            {
                return false;
            }
        }
        false
    };
    // What breaks in one direction ends the other.
    let whole = |is_whole: bool| if is_whole { Ok(()) } else { Err(Broken) };
    tokio::try_join!(async { whole(out.await) }, async { whole(back.await) }).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn credit_never_grows_over_the_window() {
        let credit = Credit::default();
        assert_eq!(credit.room(1 << 20).await, WINDOW);
        credit.spend(10);
        credit.widen(u32::MAX);
        assert_eq!(credit.room(1 << 20).await, WINDOW);
        credit.spend(WINDOW - 1);
        assert_eq!(credit.room(100).await, 1);
    }

    #[tokio::test]
    async fn more_than_the_window_and_anything_after_the_end_is_not_taken() {
        let (mut inflow, mut arrived) = inflow();
        let zeros = |count| Bytes::from(vec![0; count]);
        assert!(!inflow.take(data(zeros(WINDOW + 1), false)));
        assert!(inflow.take(data(zeros(WINDOW), false)));
        assert!(!inflow.take(data(zeros(1), false)));
        assert!(inflow.take(data(Bytes::new(), true)));
        assert!(!inflow.take(data(Bytes::new(), true)));
        drop(inflow);
        assert_eq!(arrived.next().await.unwrap().unwrap().len(), WINDOW);
        assert_eq!(arrived.next().await, Ok(None));
        assert_eq!(arrived.next().await, Err(Broken));
    }
}
