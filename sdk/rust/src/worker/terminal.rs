//! Terminals of a machine in another process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;
use cenote_abi::Errno;
use cenote_abi::signal::SigNum;
use cenote_abi::wait::WaitStatus;
use cenote_proto::CHUNK;
use cenote_proto::v1::program::What;
use cenote_proto::v1::terminal_event::Event;
use cenote_proto::v1::terminal_request::Message;
use cenote_proto::v1::{
    CloseTerminalRequest, OpenTerminalRequest, Program, ResizeRequest, SignalScope, TerminalEvent,
    TerminalRequest, WindowSize,
};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::Remote;
use super::failure::About;
use super::process::{KILLED, ended};
use crate::captured::{OutputStream, Sink};
use crate::terminal::TerminalOptions;
use crate::{Error, host};

/// A terminal of a machine in another process. Dropping it hangs up.
#[derive(Debug)]
pub(crate) struct RemoteTerminal {
    remote: Remote,
    terminal: u64,
    pid: i32,
    input: mpsc::Sender<TerminalRequest>,
    shown: Arc<Sink>,
    end: watch::Receiver<Option<WaitStatus>>,
    /// Columns above, rows below: as they were set last.
    size: AtomicU32,
    is_hung_up: AtomicBool,
}

fn request(message: Message) -> TerminalRequest {
    TerminalRequest {
        message: Some(message),
    }
}

fn packed(cols: u16, rows: u16) -> u32 {
    u32::from(cols) << 16 | u32::from(rows)
}

impl RemoteTerminal {
    pub(crate) async fn start(
        remote: &Remote,
        options: TerminalOptions,
        env: Vec<(String, String)>,
        term: String,
    ) -> Result<Self, Error> {
        let (cols, rows) = (options.cols, options.rows);
        let program = Program {
            what: Some(What::Command(options.program)),
            args: options.args.into_iter().map(Into::into).collect(),
            env: env.into_iter().collect(),
            cwd: options.cwd.unwrap_or_default(),
            timeout_ms: 0,
        };
        let open = OpenTerminalRequest {
            program: Some(program),
            size: Some(window(cols, rows)),
            term,
        };
        let mut terminals = remote.terminals();
        let call = async move { terminals.open(open).await };
        let opened = remote.call(About::Machine, call).await?;
        let (input, requests) = mpsc::channel(4);
        // There is room: nothing was sent yet.
        drop(input.try_send(request(Message::Terminal(opened.terminal))));
        let mut terminals = remote.terminals();
        let call = async move { terminals.attach(ReceiverStream::new(requests)).await };
        let events = remote.call(About::Terminal(opened.pid), call).await?;
        let (tell, end) = watch::channel(None);
        let shown = Sink::held();
        host::spawn(receive(events, Arc::clone(&shown), tell));
        Ok(Self {
            remote: remote.clone(),
            terminal: opened.terminal,
            pid: opened.pid,
            input,
            shown,
            end,
            size: AtomicU32::new(packed(cols, rows)),
            is_hung_up: AtomicBool::new(false),
        })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    fn gone(&self, errno: Errno) -> Error {
        Error::Stream {
            stream: "terminal",
            pid: self.pid,
            cause: errno.into(),
        }
    }

    pub(crate) async fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        if self.is_hung_up.load(Ordering::Acquire) {
            return Err(self.gone(Errno::EIO));
        }
        for chunk in bytes.chunks(CHUNK) {
            let message = Message::Input(Bytes::copy_from_slice(chunk));
            let sent = self.input.send(request(message)).await;
            sent.map_err(|_| self.gone(Errno::EIO))?;
        }
        Ok(())
    }

    pub(crate) fn output(&self) -> OutputStream {
        OutputStream::shared(Arc::clone(&self.shown))
    }

    pub(crate) fn resize(&self, cols: u16, rows: u16) -> Result<(), Error> {
        let (remote, mut terminals) = (self.remote.clone(), self.remote.terminals());
        let about = About::Terminal(self.pid);
        let asked = ResizeRequest {
            terminal: self.terminal,
            size: Some(window(cols, rows)),
        };
        host::wait(async move {
            let call = async move { terminals.resize(asked).await };
            remote.call(about, call).await.map(drop)
        })?;
        self.size.store(packed(cols, rows), Ordering::Release);
        Ok(())
    }

    pub(crate) fn size(&self) -> (u16, u16) {
        let size = self.size.load(Ordering::Acquire);
        let half = |bits: u32| u16::try_from(bits & 0xffff).unwrap_or(u16::MAX);
        (half(size >> 16), half(size))
    }

    pub(crate) async fn wait(&self) -> WaitStatus {
        let mut end = self.end.clone();
        let status = end.wait_for(Option::is_some).await;
        status.ok().and_then(|status| *status).unwrap_or(KILLED)
    }

    pub(crate) fn try_status(&self) -> Option<WaitStatus> {
        *self.end.borrow()
    }

    pub(crate) fn kill(&self, signal: SigNum) -> Result<(), Error> {
        if self.try_status().is_some() {
            return Err(self.gone(Errno::ESRCH));
        }
        self.remote.kill(self.pid, Some(signal))
    }

    pub(crate) fn signal_all(&self, signal: SigNum, scope: SignalScope) {
        self.remote.signal_all(self.pid, signal, scope);
    }

    pub(crate) fn hang_up(&self) {
        if self.is_hung_up.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut terminals = self.remote.terminals();
        let terminal = self.terminal;
        host::spawn(async move {
            if let Err(error) = terminals.close(CloseTerminalRequest { terminal }).await {
                tracing::debug!(%error, "the terminal was gone already");
            }
        });
    }
}

impl Drop for RemoteTerminal {
    fn drop(&mut self) {
        self.hang_up();
    }
}

fn window(cols: u16, rows: u16) -> WindowSize {
    WindowSize {
        columns: cols.into(),
        rows: rows.into(),
    }
}

async fn receive(
    mut events: Streaming<TerminalEvent>,
    shown: Arc<Sink>,
    tell: watch::Sender<Option<WaitStatus>>,
) {
    let mut status = KILLED;
    while let Ok(Some(next)) = events.message().await {
        match next.event {
            Some(Event::Output(bytes)) => {
                shown.push(&bytes);
                shown.room().await;
            }
            Some(Event::Exited(exited)) => {
                status = ended(&exited);
                break;
            }
            None => {}
        }
    }
    shown.end();
    tell.send_replace(Some(status));
}
