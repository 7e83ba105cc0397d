//! A process's standard streams and signals in the embedder's hands.
//!
//! The streams are the descriptors 0, 1 and 2 of the guest's process, read and written in place: what the embedder does not read stays
//! where it is, for whoever reads next, and a reader in the machine that is slow makes the writer wait.
//!
//! Lock order: `Port::state`, then nothing; `Ready`'s waker is a leaf.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use cenote_abi::poll::PollEvents;
use cenote_abi::{Errno, SigNum};
use cenote_base::wait::{Observer, Registration};
use cenote_base::{Fd, SysResult};
use cenote_kernel::Task;
use cenote_vfs::OpenFile;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

use super::line::{Line, Output};

/// Signals that may wait for the embedder; more of them are lost.
pub(super) const SIGNALS: usize = 64;

/// A process's standard streams and its signals.
#[derive(Debug)]
#[non_exhaustive]
pub struct CommandStreams {
    /// Standard input.
    pub stdin: CommandInput,
    /// Standard output.
    pub stdout: CommandOutput,
    /// Standard error.
    pub stderr: CommandOutput,
    /// Signals that guests send.
    pub signals: CommandSignals,
}

/// The standard input of a command: reads 0 bytes at its end, and when the process has ended.
#[derive(Debug)]
pub struct CommandInput(Source);

/// Where input comes from.
#[derive(Debug)]
enum Source {
    /// A process of this process's kernel.
    Here(Arc<Port>),
    /// One that lives elsewhere.
    Elsewhere(Arc<Line>),
}

/// An output of a command. Writing fails with `BrokenPipe` when nobody reads it any more: then the process also gets `SIGPIPE`, which ends it
/// unless the guest that started it ignores that.
#[derive(Debug)]
pub struct CommandOutput(Sink);

/// Where output goes.
#[derive(Debug)]
enum Sink {
    Here(Arc<Port>),
    Elsewhere(Arc<Line>, Output),
}

impl CommandInput {
    pub(super) fn elsewhere(line: &Arc<Line>) -> Self {
        Self(Source::Elsewhere(Arc::clone(line)))
    }
}

impl CommandOutput {
    pub(super) fn elsewhere(line: &Arc<Line>, output: Output) -> Self {
        Self(Sink::Elsewhere(Arc::clone(line), output))
    }
}

/// Signals for a command. Until [`next`](Self::next) is called for the first time, and after this is dropped, they do what they do by
/// default: end the process. `SIGKILL` and `SIGSTOP` always do.
#[derive(Debug)]
pub struct CommandSignals {
    queue: mpsc::Receiver<SigNum>,
    is_wanted: Arc<AtomicBool>,
}

impl CommandSignals {
    pub(super) fn new(queue: mpsc::Receiver<SigNum>, is_wanted: Arc<AtomicBool>) -> Self {
        Self { queue, is_wanted }
    }

    /// The next of `SIGHUP`, `SIGINT`, `SIGQUIT`, `SIGTERM`, `SIGUSR1`, `SIGUSR2`, `SIGALRM`; waits for it, for good when the process
    /// has ended.
    pub async fn next(&mut self) -> SigNum {
        self.is_wanted.store(true, Ordering::Release);
        match self.queue.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}

/// The process's ends of its streams.
#[derive(Debug)]
pub(super) struct ProcessSide {
    ports: [Arc<Port>; 3],
    signals: mpsc::Sender<SigNum>,
    wants_signals: Arc<AtomicBool>,
}

/// Streams that wait for their process.
pub(super) fn streams() -> (CommandStreams, ProcessSide) {
    let ports: [Arc<Port>; 3] = Default::default();
    let (signals, queue) = mpsc::channel(SIGNALS);
    let wants_signals = Arc::<AtomicBool>::default();
    let [stdin, stdout, stderr] = ports.clone();
    let streams = CommandStreams {
        stdin: CommandInput(Source::Here(stdin)),
        stdout: CommandOutput(Sink::Here(stdout)),
        stderr: CommandOutput(Sink::Here(stderr)),
        signals: CommandSignals::new(queue, Arc::clone(&wants_signals)),
    };
    let side = ProcessSide {
        ports,
        signals,
        wants_signals,
    };
    (streams, side)
}

impl ProcessSide {
    /// Connects the streams with the descriptors 0, 1 and 2 of a process; one that is closed has ended.
    pub(super) fn attach(&self, task: &Arc<Task>) {
        for (number, port) in (0..).zip(&self.ports) {
            match task.files().get(Fd::new(number)) {
                Ok(file) => port.open(file, task),
                Err(_) => port.end(),
            }
        }
    }

    /// Hands a signal over; whether the embedder takes signals.
    pub(super) fn pass_on(&self, signal: SigNum) -> bool {
        let wants = self.wants_signals.load(Ordering::Acquire);
        wants
            && !matches!(
                self.signals.try_send(signal),
                Err(mpsc::error::TrySendError::Closed(_))
            )
    }
}

impl Drop for ProcessSide {
    fn drop(&mut self) {
        for port in &self.ports {
            port.end();
        }
    }
}

/// One stream.
#[derive(Debug, Default)]
struct Port {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    /// The process has not begun; who waits for it.
    #[default]
    Early,
    Waited(Waker),
    Open(Arc<Open>),
    Ended,
}

#[derive(Debug)]
struct Open {
    file: Arc<OpenFile>,
    ready: Arc<Ready>,
    _registration: Option<Registration>,
    task: Weak<Task>,
}

/// Who waits for the file.
#[derive(Debug, Default)]
struct Ready(Mutex<Option<Waker>>);

impl Ready {
    fn wake(&self) {
        let waker = self.0.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Observer for Ready {
    fn notify(&self, _events: PollEvents) {
        self.wake();
    }
}

impl Port {
    fn open(&self, file: Arc<OpenFile>, task: &Arc<Task>) {
        let ready = Arc::<Ready>::default();
        let registration = file
            .wait_queue()
            .map(|queue| queue.register(Arc::clone(&ready) as Arc<dyn Observer>));
        let open = Open {
            file,
            ready,
            _registration: registration,
            task: Arc::downgrade(task),
        };
        self.change(State::Open(Arc::new(open)));
    }

    fn end(&self) {
        self.change(State::Ended);
    }

    fn change(&self, to: State) {
        let before = std::mem::replace(&mut *self.state.lock(), to);
        match before {
            State::Waited(waker) => waker.wake(),
            State::Open(open) => open.ready.wake(),
            State::Early | State::Ended => {}
        }
    }

    /// Tries until it works, the stream has ended (`None`) or it fails.
    fn poll(
        &self,
        cx: &Context<'_>,
        mut attempt: impl FnMut(&OpenFile) -> SysResult<usize>,
    ) -> Poll<Option<io::Result<usize>>> {
        let mut state = self.state.lock();
        let open = match &mut *state {
            State::Ended => return Poll::Ready(None),
            State::Open(open) => Arc::clone(open),
            early => {
                *early = State::Waited(cx.waker().clone());
                return Poll::Pending;
            }
        };
        drop(state);
        for is_waited in [false, true] {
            match attempt(&open.file) {
                Err(error)
                    if error.errno() == Errno::EAGAIN && open.file.wait_queue().is_some() =>
                {
                    if !is_waited {
                        *open.ready.0.lock() = Some(cx.waker().clone());
                    }
                }
                Err(error) => return Poll::Ready(Some(Err(open.failed(error)))),
                Ok(count) => return Poll::Ready(Some(Ok(count))),
            }
        }
        // It may have ended since it was looked at.
        if matches!(*self.state.lock(), State::Ended) {
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}

impl Open {
    fn failed(&self, error: cenote_base::SysError) -> io::Error {
        if error.errno() != Errno::EPIPE {
            return io::Error::other(error);
        }
        if let Some(task) = self.task.upgrade()
            && let Err(error) = task.kernel().kill(task.pid(), SigNum::SIGPIPE)
        {
            tracing::debug!(target: "cenote::host_command", %error, "already gone");
        }
        io::Error::new(io::ErrorKind::BrokenPipe, error)
    }
}

impl AsyncRead for CommandInput {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let port = match &self.0 {
            Source::Here(port) => port,
            Source::Elsewhere(line) => return line.poll_read(cx, buf).map(Ok),
        };
        let unfilled = buf.initialize_unfilled();
        if unfilled.is_empty() {
            return Poll::Ready(Ok(()));
        }
        match std::task::ready!(port.poll(cx, |file| file.read(unfilled))) {
            None => Poll::Ready(Ok(())),
            Some(count) => {
                buf.advance(count?);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for CommandOutput {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let port = match &self.0 {
            Sink::Here(port) => port,
            Sink::Elsewhere(line, output) => return line.poll_write(cx, *output, bytes),
        };
        let written = std::task::ready!(port.poll(cx, |file| file.write(bytes)));
        Poll::Ready(written.unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into())))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The descriptor stays open until the process ends.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
