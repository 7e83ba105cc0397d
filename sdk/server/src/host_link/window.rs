//! Flow control of an exchange's byte streams: each side may send [`WINDOW`] bytes before the other gives more.

use tokio::sync::Semaphore;

/// Bytes of one stream that may be under way.
pub(super) const WINDOW: usize = 256 << 10;

/// What we may still send of a stream.
#[derive(Debug)]
pub(super) struct Credit(Semaphore);

impl Credit {
    pub(super) fn new() -> Self {
        Self(Semaphore::new(WINDOW))
    }

    /// Nothing may be sent before the embedder asks.
    pub(super) fn none() -> Self {
        Self(Semaphore::new(0))
    }

    /// What was asked for and not sent is not asked for any more.
    pub(super) fn forget(&self) {
        self.spend(self.available());
    }

    /// The embedder has taken bytes. More than were sent are not believed.
    pub(super) fn widen(&self, bytes: u32) {
        let room = WINDOW.saturating_sub(self.0.available_permits());
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.0.add_permits(bytes.min(room));
    }

    /// What may be sent now.
    pub(super) fn available(&self) -> usize {
        self.0.available_permits()
    }

    /// Waits until at least one byte may be sent; how many of `wanted` may.
    pub(super) async fn room(&self, wanted: usize) -> usize {
        // Cannot fail: it is never closed.
        let Ok(first) = self.0.acquire().await else {
            return 0;
        };
        drop(first);
        self.0.available_permits().clamp(1, wanted.max(1))
    }

    /// So many bytes are sent; not more than there was [`room`](Self::room) for.
    pub(super) fn spend(&self, bytes: usize) {
        self.0.forget_permits(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn credit_never_grows_over_the_window() {
        let credit = Credit::new();
        assert_eq!(credit.room(1 << 20).await, WINDOW);
        credit.spend(10);
        credit.widen(u32::MAX);
        assert_eq!(credit.room(1 << 20).await, WINDOW);
        credit.spend(WINDOW - 1);
        assert_eq!(credit.room(100).await, 1);
    }
}
