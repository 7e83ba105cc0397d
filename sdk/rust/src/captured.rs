//! What a process writes: kept up to a limit ([`Captured`]) or read as a stream ([`OutputStream`]).
//!
//! A [`Pump`] moves bytes from the read end of a pipe into a [`Sink`] on the host's runtime. Without a reader the sink keeps the
//! first bytes up to its limit, flags that more came, and lets the guest go on; with a reader it holds at most [`WINDOW`] bytes, so that
//! a guest that floods a slow reader waits.
//!
//! Lock order: `Sink::state` is a leaf; observers are woken after it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use cenote_abi::Errno;
use cenote_base::{WaitQueue, Waiter};
use cenote_kernel::host_io;
use cenote_vfs::OpenFile;
use parking_lot::Mutex;

/// Bytes held for a reader before the guest has to wait.
pub(crate) const WINDOW: usize = 256 << 10;
/// Bytes moved at once.
const CHUNK: usize = 64 << 10;

/// A callback for output as it comes.
pub(crate) type OnOutput = Box<dyn FnMut(&[u8]) + Send>;

/// What a process wrote, up to the limit for captured output.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Captured {
    bytes: Vec<u8>,
    truncated: bool,
}

impl Captured {
    /// The bytes as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// Whether more was written than the limit for captured output let us keep.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Deref for Captured {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.truncated { " (truncated)" } else { "" };
        write!(f, "{:?}{more}", self.text())
    }
}

/// Where output goes on the host.
pub(crate) struct Sink {
    state: Mutex<State>,
    changed: WaitQueue,
    limit: usize,
}

struct State {
    bytes: VecDeque<u8>,
    has_reader: bool,
    truncated: bool,
    ended: bool,
    /// Set when the process is gone: take what is there, then end.
    draining: bool,
    /// Nobody reads it, ever again.
    closed: bool,
}

impl Sink {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                bytes: VecDeque::new(),
                has_reader: false,
                truncated: false,
                ended: false,
                draining: false,
                closed: false,
            }),
            changed: WaitQueue::new(),
            limit,
        })
    }

    /// One that waits for a reader from the beginning.
    pub(crate) fn held() -> Arc<Self> {
        let sink = Self::new(0);
        sink.state.lock().has_reader = true;
        sink
    }

    /// Takes a chunk in.
    pub(crate) fn push(&self, chunk: &[u8]) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        let room = if state.has_reader {
            chunk.len()
        } else {
            self.limit.saturating_sub(state.bytes.len())
        };
        let kept = &chunk[..chunk.len().min(room)];
        state.truncated |= kept.len() < chunk.len();
        state.bytes.extend(kept);
        drop(state);
        self.changed.wake_all();
    }

    /// Nothing more comes.
    pub(crate) fn end(&self) {
        self.state.lock().ended = true;
        self.changed.wake_all();
    }

    /// The process is gone: what it wrote is still taken, what its orphans write is not waited for.
    pub(crate) fn drain(&self) {
        self.state.lock().draining = true;
        self.changed.wake_all();
    }

    /// Nobody reads it any more: what is here is dropped, and nothing more is taken.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.bytes = VecDeque::new();
        drop(state);
        self.changed.wake_all();
    }

    fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Waits until the reader, if there is one, has taken enough for more to come.
    pub(crate) async fn room(&self) {
        self.until(|state| !state.has_reader || state.closed || state.bytes.len() < WINDOW)
            .await;
    }

    async fn until(&self, ready: impl Fn(&State) -> bool) {
        let waiter = Waiter::new();
        let _registration = self.changed.register(Arc::clone(&waiter) as _);
        while !ready(&self.state.lock()) {
            waiter.woken().await;
        }
    }

    /// Waits until nothing more can come.
    pub(crate) async fn ended(&self) {
        self.until(|state| state.ended).await;
    }

    /// Takes all that was kept.
    pub(crate) fn take(&self) -> Captured {
        let mut state = self.state.lock();
        Captured {
            bytes: std::mem::take(&mut state.bytes).into(),
            truncated: state.truncated,
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sink({} bytes)", self.state.lock().bytes.len())
    }
}

/// Moves output from a pipe's read end into `sink` until the last writer is gone, or the sink drains and the pipe is empty. When the sink is
/// closed, so is the read end, and who writes gets `EPIPE`.
pub(crate) async fn pump(source: Arc<OpenFile>, sink: Arc<Sink>, mut on_output: Option<OnOutput>) {
    let mut chunk = vec![0; CHUNK];
    while !sink.is_closed() {
        let read = tokio::select! {
            biased;
            read = host_io::read(&source, &mut chunk) => read,
            () = sink.until(|state| state.closed) => break,
            () = sink.until(|state| state.draining) => match source.read(&mut chunk) {
                Err(error) if error.errno() == Errno::EAGAIN => break,
                read => read,
            },
        };
        match read {
            Ok(0) | Err(_) => break,
            Ok(count) => {
                match &mut on_output {
                    Some(callback) => callback(&chunk[..count]),
                    None => sink.push(&chunk[..count]),
                }
                sink.room().await;
            }
        }
    }
    drop(source);
    sink.end();
}

/// Output of a live process, chunk by chunk. A guest that floods a slow reader waits.
///
/// Also a [`futures_core::Stream`].
#[derive(Debug)]
pub struct OutputStream {
    sink: Arc<Sink>,
    /// Whether its end lets output be dropped.
    lets_go: bool,
    waiter: Arc<Waiter>,
    _registration: cenote_base::Registration,
}

impl OutputStream {
    pub(crate) fn new(sink: Arc<Sink>) -> Self {
        sink.state.lock().has_reader = true;
        let waiter = Waiter::new();
        let registration = sink.changed.register(Arc::clone(&waiter) as _);
        Self {
            sink,
            lets_go: true,
            waiter,
            _registration: registration,
        }
    }

    /// As `new`, but output waits for the next reader when this one goes.
    pub(crate) fn shared(sink: Arc<Sink>) -> Self {
        let mut stream = Self::new(sink);
        stream.lets_go = false;
        stream
    }

    /// The next bytes, or nothing once every writer is gone. Safe to drop.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        loop {
            let mut state = self.sink.state.lock();
            if !state.bytes.is_empty() {
                let chunk: Vec<u8> = std::mem::take(&mut state.bytes).into();
                drop(state);
                self.sink.changed.wake_all();
                return Poll::Ready(Some(chunk));
            }
            if state.ended {
                return Poll::Ready(None);
            }
            drop(state);
            match Future::poll(Pin::new(&mut self.waiter.woken()), cx) {
                Poll::Ready(()) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Drop for OutputStream {
    fn drop(&mut self) {
        if self.lets_go {
            self.sink.state.lock().has_reader = false;
            self.sink.changed.wake_all();
        }
    }
}

impl futures_core::Stream for OutputStream {
    type Item = Vec<u8>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        self.poll_chunk(cx)
    }
}
