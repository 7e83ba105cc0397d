//! Processes of a machine in another process: one call carries input, output and end.
//!
//! Output comes under windows, so that a stream nobody reads holds up neither the other nor the end. Lock order: `RemoteChild::input` is held
//! while input is written; the rest are leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use cenote_abi::Errno;
use cenote_abi::signal::SigNum;
use cenote_abi::wait::WaitStatus;
use cenote_base::SysError;
use cenote_proto::CHUNK;
use cenote_proto::v1::attach_event::Event;
use cenote_proto::v1::attach_open::Target;
use cenote_proto::v1::attach_request::Message;
use cenote_proto::v1::{
    AttachEvent, AttachOpen, AttachRequest, CloseOutput, CloseStdin, Exited, OutputChannel,
    Program, SignalRequest, SignalScope, Window,
};
use tokio::sync::{Mutex, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::Remote;
use super::failure::{About, is_disposed};
use crate::captured::{OnOutput, Sink, WINDOW};
use crate::process::Input;
use crate::{Error, host};

/// Input that is sent with the call itself; more follows it.
const FIRST_INPUT: usize = 1 << 20;

/// What is started, and where its output goes.
pub(crate) struct Launch {
    pub(crate) program: Program,
    pub(crate) input: Input,
    pub(crate) stdout: (Arc<Sink>, Option<OnOutput>),
    pub(crate) stderr: (Arc<Sink>, Option<OnOutput>),
    /// Where the value goes that the program returns.
    pub(crate) returned: Option<Arc<Sink>>,
}

/// How a process ended.
#[derive(Clone, Debug)]
enum End {
    Ended(WaitStatus),
    /// Nobody knows: its machine is lost.
    Lost(Status),
}

/// How much input was taken.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    bytes: u64,
    failed: Option<Errno>,
}

/// A process of a machine in another process.
#[derive(Debug)]
pub(crate) struct RemoteChild {
    remote: Remote,
    pid: i32,
    end: watch::Receiver<Option<End>>,
    written: watch::Receiver<Written>,
    /// Where requests go, and how many bytes of input were sent.
    input: Mutex<(mpsc::Sender<AttachRequest>, u64)>,
    /// Where those go that do not wait for input to be taken.
    orders: mpsc::Sender<AttachRequest>,
    is_open: AtomicBool,
}

fn request(message: Message) -> AttachRequest {
    AttachRequest {
        message: Some(message),
    }
}

impl RemoteChild {
    /// Starts a process.
    pub(crate) async fn start(remote: &Remote, launch: Launch) -> Result<Arc<Self>, Error> {
        remote.check()?;
        let (stdin, close_stdin, rest) = match launch.input {
            Input::Empty => (Bytes::new(), true, None),
            Input::Open => (Bytes::new(), false, None),
            Input::Bytes(bytes) if bytes.len() <= FIRST_INPUT => (Bytes::from(bytes), true, None),
            Input::Bytes(bytes) => (Bytes::new(), false, Some(bytes)),
        };
        // Far below 4 GiB.
        let window = u32::try_from(WINDOW).unwrap_or(u32::MAX);
        let open = AttachOpen {
            target: Some(Target::Program(launch.program)),
            stdout_window: window,
            stderr_window: window,
            stdin,
            close_stdin,
            return_value: launch.returned.is_some(),
            ..AttachOpen::default()
        };
        let (sender, requests) = mpsc::channel(4);
        // There is room: nothing was sent yet.
        drop(sender.try_send(request(Message::Open(open))));
        let call = remote
            .processes()
            .attach(ReceiverStream::new(requests))
            .await;
        let (mut events, pid) = match first(call).await {
            Ok(started) => started,
            Err(status) => return Err(remote.error(&status, About::Machine).await),
        };
        let (tell_end, end) = watch::channel(None);
        let (tell_written, written) = watch::channel(Written::default());
        let pump = |(sink, on_output), channel| {
            let (chunks, waiting) = mpsc::unbounded_channel();
            host::spawn(pump(waiting, sink, on_output, sender.clone(), channel));
            chunks
        };
        let stdout = pump(launch.stdout, OutputChannel::Stdout);
        let stderr = pump(launch.stderr, OutputChannel::Stderr);
        let returned = launch.returned;
        host::spawn(async move {
            let end = receive(
                &mut events,
                [stdout, stderr],
                returned.as_deref(),
                &tell_written,
            )
            .await;
            if let Some(returned) = returned {
                returned.end();
            }
            tell_end.send_replace(Some(end));
        });
        let child = Arc::new(Self {
            remote: remote.clone(),
            pid,
            end,
            written,
            orders: sender.clone(),
            input: Mutex::new((sender, 0)),
            is_open: AtomicBool::new(!close_stdin),
        });
        if let Some(bytes) = rest {
            let feeder = Arc::clone(&child);
            host::spawn(async move {
                // A program that does not read its input is no error of ours.
                if let Err(error) = feeder.write(&bytes).await {
                    tracing::debug!(%error, "input was not read to its end");
                }
                feeder.close_stdin().await;
            });
        }
        Ok(child)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Writes input; waits until the process's pipe has taken it.
    pub(crate) async fn write(&self, bytes: &[u8]) -> Result<(), SysError> {
        if !self.is_open.load(Ordering::Acquire) {
            return Err(SysError::with_note(Errno::EBADF, "stdin was closed"));
        }
        let mut input = self.input.lock().await;
        let (mut written, mut end) = (self.written.clone(), self.end.clone());
        for chunk in bytes.chunks(CHUNK) {
            let message = Message::Stdin(Bytes::copy_from_slice(chunk));
            if input.0.send(request(message)).await.is_err() {
                return Err(Errno::EPIPE.into());
            }
            input.1 = input.1.saturating_add(chunk.len() as u64);
            let all = input.1;
            let taken = tokio::select! {
                taken = written.wait_for(|now| now.failed.is_some() || now.bytes >= all) => taken.map(|now| *now).ok(),
                _ = end.wait_for(Option::is_some) => None,
            };
            match taken {
                Some(Written { failed: None, .. }) => {}
                Some(Written {
                    failed: Some(errno),
                    ..
                }) => return Err(errno.into()),
                None => return Err(Errno::EPIPE.into()),
            }
        }
        Ok(())
    }

    /// Ends the input, after what is being written.
    pub(crate) async fn close_stdin(&self) {
        if self.is_open.swap(false, Ordering::AcqRel) {
            let input = self.input.lock().await;
            // A process that has ended needs no end of its input.
            let _sent = input
                .0
                .send(request(Message::CloseStdin(CloseStdin {})))
                .await
                .is_ok();
        }
    }

    /// Ends the reading of one stream there. The end of the process is the end of its streams too.
    pub(crate) fn close_output(&self, channel: OutputChannel) {
        let message = Message::CloseOutput(CloseOutput {
            channel: channel.into(),
        });
        let orders = self.orders.clone();
        host::spawn(async move {
            let _sent = orders.send(request(message)).await.is_ok();
        });
    }

    /// Sends a signal.
    pub(crate) fn kill(&self, signal: SigNum) -> Result<(), Error> {
        if self.try_status().is_some() {
            return Err(Error::Stream {
                stream: "process",
                pid: self.pid,
                cause: Errno::ESRCH.into(),
            });
        }
        self.remote.kill(self.pid, Some(signal))
    }

    /// How it ended, once it has. One whose machine is lost was killed, as far as anybody can tell.
    pub(crate) fn try_status(&self) -> Option<WaitStatus> {
        self.end.borrow().as_ref().map(status_of)
    }

    pub(crate) async fn wait(&self) -> WaitStatus {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(end) => end.as_ref().map_or(KILLED, status_of),
            // The task that tells is gone with the runtime.
            Err(_) => KILLED,
        }
    }

    /// Fails when the process went with its machine.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        let end = self.end.borrow().clone();
        match end {
            Some(End::Lost(status)) => {
                Err(self.remote.error(&status, About::Process(self.pid)).await)
            }
            Some(End::Ended(_)) | None => Ok(()),
        }
    }
}

/// How a process ends that its machine takes along.
pub(super) const KILLED: WaitStatus = WaitStatus::Signaled {
    signal: SigNum::SIGKILL,
    core: false,
};

fn status_of(end: &End) -> WaitStatus {
    match end {
        End::Ended(status) => *status,
        End::Lost(_) => KILLED,
    }
}

pub(super) fn ended(exited: &Exited) -> WaitStatus {
    match SigNum::from_raw(exited.signal) {
        Some(signal) => WaitStatus::Signaled {
            signal,
            core: false,
        },
        None => WaitStatus::Exited(u8::try_from(exited.exit_code).unwrap_or(u8::MAX)),
    }
}

/// The call's events, once the process has started.
async fn first(
    call: Result<tonic::Response<Streaming<AttachEvent>>, Status>,
) -> Result<(Streaming<AttachEvent>, i32), Status> {
    let mut events = call?.into_inner();
    match events.message().await?.and_then(|first| first.event) {
        Some(Event::Started(started)) => Ok((events, started.pid)),
        _ => Err(Status::internal(
            "a process that did not start and did not fail",
        )),
    }
}

async fn receive(
    events: &mut Streaming<AttachEvent>,
    [stdout, stderr]: [mpsc::UnboundedSender<Bytes>; 2],
    returned: Option<&Sink>,
    written: &watch::Sender<Written>,
) -> End {
    loop {
        let event = match events.message().await {
            Ok(Some(event)) => event.event,
            Ok(None) => return End::Lost(Status::internal("the end was not told")),
            // As in this process: its machine's end is the end of a process.
            Err(status) if is_disposed(&status) => return End::Ended(KILLED),
            Err(status) => return End::Lost(status),
        };
        match event {
            // Windows bound what waits; who does not take it any more does not want it.
            Some(Event::Stdout(bytes)) => drop(stdout.send(bytes)),
            Some(Event::Stderr(bytes)) => drop(stderr.send(bytes)),
            Some(Event::Value(bytes)) => {
                if let Some(returned) = returned {
                    returned.push(&bytes);
                }
            }
            Some(Event::StdinWritten(bytes)) => {
                written.send_modify(|written| written.bytes = bytes);
            }
            Some(Event::StdinFailed(detail)) => {
                let errno = Errno::from_name(&detail.code).unwrap_or(Errno::EIO);
                written.send_modify(|written| written.failed = Some(errno));
            }
            Some(Event::Exited(exited)) => return End::Ended(ended(&exited)),
            Some(Event::Started(_) | Event::OutputEnded(_)) | None => {}
        }
    }
}

/// Carries one stream to its reader, and lets as much more come as was taken.
async fn pump(
    mut chunks: mpsc::UnboundedReceiver<Bytes>,
    sink: Arc<Sink>,
    mut on_output: Option<OnOutput>,
    requests: mpsc::Sender<AttachRequest>,
    channel: OutputChannel,
) {
    while let Some(bytes) = chunks.recv().await {
        match &mut on_output {
            Some(callback) => callback(&bytes),
            None => sink.push(&bytes),
        }
        sink.room().await;
        let more = Window {
            channel: channel.into(),
            bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        };
        // After the end nothing more comes.
        let _sent = requests.send(request(Message::Window(more))).await.is_ok();
    }
    sink.end();
}

impl Remote {
    /// Sends a signal to one process; without one, asks whether it is there.
    pub(crate) fn kill(&self, pid: i32, signal: Option<SigNum>) -> Result<(), Error> {
        let (remote, mut processes) = (self.clone(), self.processes());
        host::wait(async move {
            let request = SignalRequest {
                pid,
                signal: signal.map_or(0, SigNum::raw),
                scope: SignalScope::Process.into(),
            };
            let call = async move { processes.signal(request).await };
            remote.call(About::Process(pid), call).await.map(drop)
        })
    }

    /// Kills a session, and waits until it is gone.
    pub(crate) async fn end_session(&self, leader: i32) {
        let mut processes = self.processes();
        let request = SignalRequest {
            pid: leader,
            signal: SigNum::SIGKILL.raw(),
            scope: SignalScope::Session.into(),
        };
        let call = async move { processes.signal(request).await };
        if let Err(error) = self.call(About::Process(leader), call).await {
            tracing::debug!(%leader, %error, "already gone");
        }
    }

    /// Sends a signal to a group or session, without waiting.
    pub(crate) fn signal_all(&self, pid: i32, signal: SigNum, scope: SignalScope) {
        let mut processes = self.processes();
        let request = SignalRequest {
            pid,
            signal: signal.raw(),
            scope: scope.into(),
        };
        host::spawn(async move {
            if let Err(error) = processes.signal(request).await {
                tracing::debug!(%pid, %error, "already gone");
            }
        });
    }
}
