//! One wait: [`Waiter`], which any number of queues may wake, from any thread; and [`block_on`] for threads of their own.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use cenote_abi::poll::PollEvents;
use parking_lot::Mutex;

use super::Observer;

/// A flag that wakes a future. Registered with queues as an [`Observer`].
#[derive(Debug, Default)]
pub struct Waiter {
    woken: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Waiter {
    /// A waiter that was not woken yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Wakes the wait, now or when it begins.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::SeqCst);
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for the next [`wake`](Self::wake); a wake-up since the last wait counts. Safe to drop.
    pub fn woken(&self) -> Woken<'_> {
        Woken { waiter: self }
    }

    /// Takes a wake-up that already came.
    pub fn take(&self) -> bool {
        self.woken.swap(false, Ordering::SeqCst)
    }
}

impl Observer for Waiter {
    fn notify(&self, _events: PollEvents) {
        self.wake();
    }
}

/// The future of [`Waiter::woken`].
#[derive(Debug)]
pub struct Woken<'a> {
    waiter: &'a Waiter,
}

impl Future for Woken<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiter.take() {
            return Poll::Ready(());
        }
        *self.waiter.waker.lock() = Some(cx.waker().clone());
        // A wake-up may have come between the check and the store.
        if self.waiter.take() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Runs a future on this thread, parking the thread while it waits. For threads that belong to one process (node).
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Parker(std::thread::Thread);
    impl Wake for Parker {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Parker(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
