//! Programs that the embedder runs for guests, over the host channel.
//!
//! One exchange a program: the command, `CommandStarted`, then bytes of its streams both ways, signals, and `CommandExited`.

use std::collections::HashMap;
use std::sync::Arc;

use cenote::{
    CommandAnswer, CommandEnd, CommandInput, CommandOutput, CommandSignals, CommandStreams, Errno,
    HostCommand, HostCommands, Signal,
};
use cenote_proto::CHUNK;
use cenote_proto::exchange::{Credit, WINDOW};
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::{
    CommandExited, Data, DataChannel, HostCommand as Command, HostError, HostWindow,
};
use prost::bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::link::{Exchange, Frames, HostLink, PATIENCE, Silence};

/// The programs of these names, run by the embedder.
pub(crate) fn commands(patterns: &[String], link: &Arc<HostLink>) -> HostCommands {
    let link = Arc::clone(link);
    let executor = move |command: HostCommand, streams: CommandStreams| {
        let link = Arc::clone(&link);
        async move { start(&link, command, streams).await }
    };
    HostCommands::new(executor).only(patterns)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a guest's call fails with when the embedder says so.
pub(super) fn errno(error: &HostError) -> Errno {
    tracing::debug!(target: "cenote::host_link", code = error.code, message = error.message, "the embedder failed");
    Errno::from_name(&error.code).unwrap_or(Errno::EIO)
}

/// What a guest's call fails with when there is no answer.
pub(super) fn silence(silence: Silence) -> Errno {
    match silence {
        Silence::Late => Errno::ETIMEDOUT,
        Silence::Gone | Silence::Unwilling => Errno::EIO,
    }
}

async fn start(
    link: &Arc<HostLink>,
    command: HostCommand,
    streams: CommandStreams,
) -> Result<CommandAnswer, Errno> {
    let env: HashMap<String, String> = command
        .env
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect();
    let asked = Command {
        command: command.command,
        args: command.args.into_iter().map(Bytes::from).collect(),
        cwd: text(&command.cwd),
        env,
        pid: command.pid,
        uid: command.user.0,
        gid: command.user.1,
    };
    let exchange = link.begin(Asked::Command(asked), PATIENCE);
    let mut exchange = exchange.await.map_err(silence)?;
    match exchange.next().await {
        Some(Reply::CommandStarted(started)) => Ok(CommandAnswer::runs(async move {
            run(exchange, streams, started.pulls_input).await
        })),
        Some(Reply::CommandLeft(_)) => {
            exchange.finish();
            Ok(CommandAnswer::InMachine)
        }
        Some(Reply::Error(error)) => {
            exchange.finish();
            Err(errno(&error))
        }
        Some(_) => Err(Errno::EPROTO),
        None => Err(silence(Silence::Gone)),
    }
}

/// Bytes from the embedder that a stream has not taken yet.
type Taken = UnboundedReceiver<Bytes>;

/// One of the command's outputs, as the embedder sends it.
#[derive(Debug)]
struct Output {
    bytes: UnboundedSender<Bytes>,
    /// What the embedder may still send.
    window: Arc<Credit>,
}

impl Output {
    fn new() -> (Self, Taken, Arc<Credit>) {
        let (bytes, taken) = mpsc::unbounded_channel();
        let window = Arc::<Credit>::default();
        let output = Self {
            bytes,
            window: Arc::clone(&window),
        };
        (output, taken, window)
    }

    /// Takes bytes; whether the embedder was allowed to send them.
    fn take(&self, bytes: Bytes) -> bool {
        if bytes.is_empty() {
            return true;
        }
        if bytes.len() > self.window.available() {
            return false;
        }
        self.window.spend(bytes.len());
        // A stream that takes no more does not hold the others up.
        self.bytes.send(bytes).is_ok() || !self.bytes.is_closed()
    }
}

/// Carries a command from its start to its end.
async fn run(exchange: Exchange, streams: CommandStreams, pulls_input: bool) -> CommandEnd {
    let CommandStreams {
        stdin,
        stdout,
        stderr,
        signals,
        ..
    } = streams;
    let frames = exchange.sender();
    let credit = if pulls_input {
        Credit::none()
    } else {
        Credit::default()
    };
    let (out, out_taken, out_window) = Output::new();
    let (err, err_taken, err_window) = Output::new();
    let life = async {
        let (end, (), ()) = tokio::join!(
            follow(exchange, &credit, out, err),
            write(stdout, out_taken, &out_window, &frames, DataChannel::Stdout),
            write(stderr, err_taken, &err_window, &frames, DataChannel::Stderr),
        );
        end
    };
    tokio::select! {
        end = life => end,
        () = send_input(stdin, &credit, &frames, pulls_input) => CommandEnd::Signaled(Signal::SIGKILL),
        () = send_signals(signals, &frames) => CommandEnd::Signaled(Signal::SIGKILL),
    }
}

/// Takes replies until the command has ended. When the channel ends, or the embedder breaks its rules, the program is lost.
async fn follow(mut exchange: Exchange, credit: &Credit, out: Output, err: Output) -> CommandEnd {
    while let Some(reply) = exchange.next().await {
        let is_allowed = match reply {
            Reply::Data(data) => match data.channel() {
                DataChannel::Stdout => out.take(data.bytes),
                DataChannel::Stderr => err.take(data.bytes),
                DataChannel::Stdin | DataChannel::Unspecified => false,
            },
            Reply::Window(window) => {
                credit.widen(window.bytes);
                true
            }
            Reply::CommandExited(exited) => {
                exchange.finish();
                return end(exited);
            }
            Reply::Error(error) => {
                exchange.finish();
                tracing::debug!(target: "cenote::host_link", message = error.message, "a command failed");
                return CommandEnd::Signaled(Signal::SIGKILL);
            }
            _ => false,
        };
        if !is_allowed {
            tracing::warn!(target: "cenote::host_link", "the embedder sent what it must not; the command is given up");
            break;
        }
    }
    CommandEnd::Signaled(Signal::SIGKILL)
}

fn end(exited: CommandExited) -> CommandEnd {
    match Signal::from_raw(exited.signal) {
        Some(signal) => CommandEnd::Signaled(signal),
        // The low byte, as of any program.
        None => CommandEnd::Exited(exited.exit_code.to_le_bytes()[0]),
    }
}

/// Writes what the embedder sends, and lets it send more as it is taken.
async fn write(
    mut stream: CommandOutput,
    mut taken: Taken,
    window: &Credit,
    frames: &Frames,
    channel: DataChannel,
) {
    let mut is_open = true;
    while let Some(bytes) = taken.recv().await {
        if is_open && let Err(error) = stream.write_all(&bytes).await {
            tracing::debug!(target: "cenote::host_link", %error, "output is dropped");
            is_open = false;
        }
        let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        window.widen(count);
        let frame = HostWindow {
            channel: channel.into(),
            bytes: count,
        };
        if !frames.send(Asked::Window(frame)).await {
            return;
        }
    }
}

/// Sends the guest's input as far as the embedder takes it, or one read each time it asks; does not end before the channel.
async fn send_input(mut stdin: CommandInput, credit: &Credit, frames: &Frames, pulls_input: bool) {
    let mut chunk = vec![0; CHUNK.min(WINDOW)];
    loop {
        let room = credit.room(chunk.len()).await;
        let Some(place) = chunk.get_mut(..room) else {
            return;
        };
        let count = match stdin.read(place).await {
            Ok(count) => count,
            Err(error) => {
                tracing::debug!(target: "cenote::host_link", %error, "input ends");
                0
            }
        };
        if pulls_input {
            credit.forget();
        } else {
            credit.spend(count);
        }
        let data = Data {
            channel: DataChannel::Stdin.into(),
            bytes: Bytes::copy_from_slice(place.get(..count).unwrap_or_default()),
            end: count == 0,
        };
        if !frames.send(Asked::Data(data)).await {
            return;
        }
        if count == 0 {
            return std::future::pending().await;
        }
    }
}

/// Passes signals on; does not end before the channel.
async fn send_signals(mut signals: CommandSignals, frames: &Frames) {
    loop {
        let signal = signals.next().await.raw();
        if !frames.send(Asked::Signal(signal)).await {
            return;
        }
    }
}
