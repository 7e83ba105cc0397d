//! The standard streams and signals of a process that lives elsewhere, in the embedder's hands: [`Line`].
//!
//! The streams are what this side asks of the other ([`Wish`]) and what it answered. Input is asked for as it is read, never ahead, so that
//! what a program does not read is left for the next; output that the other side has no room for makes the writer wait.
//!
//! Lock order: `Line::state` is a leaf; nobody is woken under it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use cenote_abi::SigNum;
use parking_lot::Mutex;
use tokio::io::ReadBuf;
use tokio::sync::{Notify, mpsc};

use super::executor::CommandEnd;
use super::streams::{CommandInput, CommandOutput, CommandSignals, CommandStreams, SIGNALS};

/// Bytes of one output that may be on their way.
pub(crate) const WINDOW: usize = 256 << 10;
/// Bytes of one message.
const PIECE: usize = 64 << 10;

/// One of the two outputs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

/// What the streams want of the other side.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Wish {
    /// One read of at most so many bytes.
    Read(usize),
    /// Bytes to be written.
    Write(Output, Bytes),
}

/// What is known of the input.
#[derive(Debug, Default)]
enum Input {
    /// Nobody reads.
    #[default]
    Idle,
    /// Somebody reads at most so many bytes, which the other side does not know yet.
    Wanted(usize),
    /// The other side knows.
    Asked(usize),
    /// It answered.
    Here(Bytes),
    Ended,
}

#[derive(Debug)]
struct Out {
    waiting: BytesMut,
    /// What the other side takes beyond that.
    room: usize,
    writer: Option<Waker>,
}

impl Default for Out {
    fn default() -> Self {
        Self {
            waiting: BytesMut::new(),
            room: WINDOW,
            writer: None,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    input: Input,
    reader: Option<Waker>,
    outputs: [Out; 2],
    is_over: bool,
}

/// One process's streams, between the embedder's ends and who speaks with the other side.
#[derive(Debug)]
pub(crate) struct Line {
    state: Mutex<State>,
    /// There is a wish.
    wishes: Notify,
    signals: mpsc::Sender<SigNum>,
    wants_signals: Arc<AtomicBool>,
    /// Told when a signal ended the process.
    end: mpsc::Sender<CommandEnd>,
}

/// Streams of a process that lives elsewhere, and how it is heard that a signal ended it.
pub(crate) fn line() -> (CommandStreams, Arc<Line>, mpsc::Receiver<CommandEnd>) {
    let (signals, queue) = mpsc::channel(SIGNALS);
    let (end, ended) = mpsc::channel(1);
    let wants_signals = Arc::<AtomicBool>::default();
    let line = Arc::new(Line {
        state: Mutex::default(),
        wishes: Notify::new(),
        signals,
        wants_signals: Arc::clone(&wants_signals),
        end,
    });
    let streams = CommandStreams {
        stdin: CommandInput::elsewhere(&line),
        stdout: CommandOutput::elsewhere(&line, Output::Stdout),
        stderr: CommandOutput::elsewhere(&line, Output::Stderr),
        signals: CommandSignals::new(queue, wants_signals),
    };
    (streams, line, ended)
}

impl Line {
    /// The next wish, once there is one.
    pub(crate) async fn wish(&self) -> Wish {
        loop {
            if let Some(wish) = self.next_wish() {
                return wish;
            }
            self.wishes.notified().await;
        }
    }

    /// What is still to be written.
    pub(crate) fn rest(&self) -> Option<Wish> {
        let mut state = self.state.lock();
        state.next_write()
    }

    fn next_wish(&self) -> Option<Wish> {
        let mut state = self.state.lock();
        if let Input::Wanted(count) = state.input {
            state.input = Input::Asked(count);
            return Some(Wish::Read(count));
        }
        state.next_write()
    }

    /// The answer to a read, empty at the end; whether there was one to answer.
    pub(crate) fn give(&self, bytes: Bytes) -> bool {
        let mut state = self.state.lock();
        match state.input {
            Input::Asked(count) if bytes.len() <= count => {}
            _ => return false,
        }
        state.input = if bytes.is_empty() {
            Input::Ended
        } else {
            Input::Here(bytes)
        };
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        true
    }

    /// The other side has taken bytes. More than were sent are not believed.
    pub(crate) fn widen(&self, output: Output, bytes: usize) {
        let mut state = self.state.lock();
        let out = state.output(output);
        let most = WINDOW.saturating_sub(out.waiting.len());
        out.room = out.room.saturating_add(bytes).min(most);
        let writer = out.writer.take();
        drop(state);
        wake(writer);
    }

    /// A guest sent a signal: it goes to the embedder if that wants signals, and ends the process otherwise.
    pub(crate) fn signal(&self, signal: SigNum) {
        let is_taken = self.wants_signals.load(Ordering::Acquire)
            && !matches!(
                self.signals.try_send(signal),
                Err(mpsc::error::TrySendError::Closed(_))
            );
        if !is_taken {
            // The first decides.
            let _first = self.end.try_send(CommandEnd::Signaled(signal)).is_ok();
        }
    }

    /// The process has ended: input is at its end, output goes nowhere.
    pub(crate) fn finish(&self) {
        let mut state = self.state.lock();
        state.is_over = true;
        let [out, err] = &mut state.outputs;
        let wakers = [out.writer.take(), err.writer.take(), state.reader.take()];
        drop(state);
        wakers.into_iter().for_each(wake);
    }

    pub(super) fn poll_read(&self, cx: &Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if buf.remaining() == 0 || state.is_over {
            return Poll::Ready(());
        }
        let is_new = matches!(state.input, Input::Idle);
        match &mut state.input {
            Input::Ended => return Poll::Ready(()),
            Input::Here(bytes) => {
                let piece = bytes.split_to(bytes.len().min(buf.remaining()));
                buf.put_slice(&piece);
                if bytes.is_empty() {
                    state.input = Input::Idle;
                }
                return Poll::Ready(());
            }
            Input::Idle => {
                state.input = Input::Wanted(buf.remaining().min(PIECE));
            }
            Input::Wanted(_) | Input::Asked(_) => {}
        }
        state.reader = Some(cx.waker().clone());
        drop(state);
        if is_new {
            self.wishes.notify_one();
        }
        Poll::Pending
    }

    pub(super) fn poll_write(
        &self,
        cx: &Context<'_>,
        output: Output,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state.lock();
        if state.is_over {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let out = state.output(output);
        if out.room == 0 {
            out.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let piece = bytes.get(..out.room).unwrap_or(bytes);
        out.waiting.extend_from_slice(piece);
        out.room -= piece.len();
        drop(state);
        self.wishes.notify_one();
        Poll::Ready(Ok(piece.len()))
    }
}

impl State {
    fn output(&mut self, output: Output) -> &mut Out {
        let [out, err] = &mut self.outputs;
        match output {
            Output::Stdout => out,
            Output::Stderr => err,
        }
    }

    fn next_write(&mut self) -> Option<Wish> {
        [Output::Stdout, Output::Stderr]
            .into_iter()
            .find_map(|output| {
                let out = self.output(output);
                let count = out.waiting.len().min(PIECE);
                (count > 0).then(|| Wish::Write(output, out.waiting.split_to(count).freeze()))
            })
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn input_is_asked_for_as_it_is_read() {
        let (mut streams, line, _ended) = line();
        assert!(!line.give(Bytes::from_static(b"nobody asked")));
        let mut place = [0; 4];
        let reading = tokio::spawn(async move {
            let first = streams.stdin.read(&mut place).await.unwrap();
            let second = streams.stdin.read(&mut place).await.unwrap();
            (first, second, place)
        });
        assert_eq!(line.wish().await, Wish::Read(4));
        assert!(!line.give(Bytes::from_static(b"more than that")));
        assert!(line.give(Bytes::from_static(b"ab")));
        assert_eq!(line.wish().await, Wish::Read(4));
        assert!(line.give(Bytes::new()));
        assert_eq!(reading.await.unwrap(), (2, 0, *b"ab\0\0"));
    }

    #[tokio::test]
    async fn writer_waits_for_room_and_hears_of_the_end() {
        let (mut streams, line, _ended) = line();
        let writing = tokio::spawn(async move {
            let full = vec![7; WINDOW + 1];
            streams.stderr.write_all(&full).await.unwrap();
            streams.stderr.write_all(&full).await.unwrap_err().kind()
        });
        let mut seen = 0;
        while seen < WINDOW {
            let Wish::Write(Output::Stderr, bytes) = line.wish().await else {
                panic!("only stderr is written");
            };
            seen += bytes.len();
        }
        line.widen(Output::Stderr, 1);
        assert_eq!(
            line.wish().await,
            Wish::Write(Output::Stderr, Bytes::from_static(&[7]))
        );
        line.widen(Output::Stderr, usize::MAX);
        line.finish();
        assert_eq!(writing.await.unwrap(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn signal_ends_who_does_not_take_signals() {
        let (mut streams, line, mut ended) = line();
        line.signal(SigNum::SIGTERM);
        assert_eq!(
            ended.recv().await,
            Some(CommandEnd::Signaled(SigNum::SIGTERM))
        );
        let asking = tokio::spawn(async move { streams.signals.next().await });
        while !line.wants_signals.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
        line.signal(SigNum::SIGHUP);
        assert_eq!(asking.await.unwrap(), SigNum::SIGHUP);
    }
}
