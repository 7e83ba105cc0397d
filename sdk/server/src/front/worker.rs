//! One worker process, supervised: how to speak to it, and what became of it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use cenote::Broker;
use cenote_proto::status_with;
use cenote_proto::v1::ErrorDetail;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr};
use tokio::sync::{oneshot, watch};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::launcher::Started;
use super::{ending, memory};
use crate::door::{CONNECTION_WINDOW, STREAM_WINDOW};
use crate::failure::{disposed, failure};
use crate::walls::NetworkGrant;

/// Bytes of what a worker said last that are kept.
const LAST_WORDS: usize = 1_000;

/// How long after its connection broke a worker's end is awaited, to tell the reason.
const PATIENCE: Duration = Duration::from_secs(1);

/// What became of a worker, for those who wait for its answers.
#[derive(Clone, Debug)]
pub(crate) struct Fate(watch::Receiver<Option<Status>>);

impl Fate {
    /// Waits for the end.
    pub(crate) async fn status(mut self) -> Status {
        match self.0.wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_else(|| died("it ended")),
            Err(_) => died("nobody watched over it any more"),
        }
    }

    /// The reason why the connection broke.
    pub(crate) async fn reason(self) -> Status {
        let status = tokio::time::timeout(PATIENCE, self.status()).await;
        status.unwrap_or_else(|_| died("its connection broke"))
    }
}

/// A worker. Dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) pid: u32,
    channel: Channel,
    fate: watch::Receiver<Option<Status>>,
    /// Dropped or sent to: the process is killed, for this reason.
    end: Mutex<Option<oneshot::Sender<Status>>>,
    /// What makes connections for it.
    broker: Arc<Broker>,
    /// Where it asks for them, until it is granted some.
    unanswered: Mutex<Option<OwnedFd>>,
}

impl Worker {
    /// Supervises a process that was started, and ends it when it takes more memory than `most` bytes.
    pub(crate) fn supervise(started: Started, most: u64) -> io::Result<Arc<Self>> {
        let Started {
            mut child,
            socket,
            broker,
        } = started;
        let socket = UnixStream::from_std(socket)?;
        let pid = child.id().unwrap_or(0);
        let words = child.stderr.take();
        let (tell, fate) = watch::channel(None);
        let (end, ending) = oneshot::channel();
        tokio::spawn(async move {
            let grown = memory::grown(pid, most);
            let status = watch_over(child, words, ending, grown).await;
            tell.send_replace(Some(status));
        });
        Ok(Arc::new(Self {
            pid,
            channel: channel(socket),
            fate,
            end: Mutex::new(Some(end)),
            broker: Arc::default(),
            unanswered: Mutex::new(Some(broker)),
        }))
    }

    /// Lets it reach what these rules allow.
    ///
    /// # Errors
    /// For a rule that makes no sense.
    pub(crate) fn grant(&self, network: &NetworkGrant) -> Result<(), cenote::Error> {
        self.broker.grant(network)?;
        let socket = self.unanswered.lock().take();
        if let Some(socket) = socket {
            let (broker, pid) = (Arc::clone(&self.broker), self.pid);
            tokio::spawn(async move {
                if let Err(error) = broker.serve(socket).await {
                    tracing::debug!(%error, pid, "a broker has ended");
                }
            });
        }
        Ok(())
    }

    /// What makes connections for it.
    pub(crate) fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// How to speak to it.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) fn fate(&self) -> Fate {
        Fate(self.fate.clone())
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.fate.borrow().is_none()
    }

    /// Ends the process; who still waits for it hears `reason`.
    pub(crate) fn end(&self, reason: Status) {
        let end = self.end.lock().take();
        if let Some(end) = end {
            // One that is dead already has its own reason.
            let _told = end.send(reason).is_ok();
        }
    }
}

fn channel(socket: UnixStream) -> Channel {
    let mut only = Some(socket);
    let connector = tower::service_fn(move |_| {
        let socket = only.take();
        async move {
            socket
                .map(TokioIo::new)
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))
        }
    });
    Endpoint::from_static("http://worker")
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect_with_connector_lazy(connector)
}

/// Waits for the end of a process, or brings it about; answers what those who wait for it are told.
async fn watch_over(
    mut child: Child,
    words: Option<ChildStderr>,
    unwanted: oneshot::Receiver<Status>,
    grown: impl Future<Output = Status>,
) -> Status {
    let words = tokio::spawn(listen(words));
    let ended = tokio::select! {
        ended = child.wait() => ended,
        status = grown => {
            ending::kill(child).await;
            words.abort();
            tracing::warn!(reason = status.message(), "a worker was ended");
            return status;
        }
        reason = unwanted => {
            ending::kill(child).await;
            words.abort();
            // Nobody holds it any more: all its machines were disposed of.
            return reason.unwrap_or_else(|_| disposed(""));
        }
    };
    let words = words.await.unwrap_or_default();
    let status = death(ended, words);
    tracing::warn!(reason = status.message(), "a worker died");
    status
}

/// Reads what a worker writes to its standard error, and keeps the end of it.
async fn listen(words: Option<ChildStderr>) -> String {
    let Some(mut words) = words else {
        return String::new();
    };
    let mut last = VecDeque::new();
    let mut chunk = [0; 1_024];
    while let Ok(count @ 1..) = words.read(&mut chunk).await {
        last.extend(chunk.get(..count).unwrap_or_default());
        let surplus = last.len().saturating_sub(LAST_WORDS);
        last.drain(..surplus);
    }
    String::from_utf8_lossy(last.make_contiguous())
        .trim()
        .to_owned()
}

fn died(how: &str) -> Status {
    failure(
        Code::Aborted,
        "WORKER_DIED",
        format!("the machine's worker process is gone: {how}"),
    )
}

fn death(ended: io::Result<ExitStatus>, words: String) -> Status {
    let how = match ended {
        Ok(status) => match (status.signal(), status.code()) {
            (Some(signal), _) => match cenote::Signal::from_raw(signal) {
                Some(name) => format!("signal {signal} ({})", name.name()),
                None => format!("signal {signal}"),
            },
            (None, code) => format!("exit code {}", code.unwrap_or(-1)),
        },
        Err(error) => error.to_string(),
    };
    let detail = ErrorDetail {
        code: "WORKER_DIED".into(),
        stderr: words,
        ..ErrorDetail::default()
    };
    status_with(
        Code::Aborted,
        format!("the machine's worker process died: {how}"),
        &detail,
    )
}
