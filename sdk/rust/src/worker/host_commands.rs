//! The embedder's programs, for a machine in another process whose guests start them.

use std::collections::BTreeMap;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::signal::SigNum;
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::{
    CommandExited, CommandLeft, CommandStarted, Data, DataChannel, HostCommand as Command,
    HostError, HostReply, HostWindow,
};
use tokio::sync::mpsc;

use super::embedder::{failed, or_panic};
use crate::host_commands::{
    CommandAnswer, CommandEnd, Commands, HostCommand, Line, Output, PATIENCE, Wish, line,
};

/// Where the replies of one exchange go.
#[derive(Clone, Debug)]
pub(super) struct Replies {
    pub(super) id: u64,
    pub(super) out: mpsc::Sender<HostReply>,
}

impl Replies {
    /// Whether it was sent: not when the channel is over.
    pub(super) async fn send(&self, reply: Reply) -> bool {
        let reply = HostReply {
            id: self.id,
            reply: Some(reply),
        };
        self.out.send(reply).await.is_ok()
    }
}

/// A line that ends with this, wherever its streams went.
struct Open(Arc<Line>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// A program that is being started or runs.
pub(super) struct Starting {
    line: Open,
    streams: crate::CommandStreams,
    ended: mpsc::Receiver<CommandEnd>,
}

impl Starting {
    /// Streams for a program, and what takes the other side's frames for it.
    pub(super) fn new() -> (Self, Arc<Line>) {
        let (streams, line, ended) = line();
        let starting = Self {
            line: Open(Arc::clone(&line)),
            streams,
            ended,
        };
        (starting, line)
    }

    /// Carries the program from its start to its end.
    pub(super) async fn run(mut self, commands: &Commands, command: Command, replies: &Replies) {
        let Some(executor) = commands.executor(&command.command) else {
            // Not one of those that the machine was told to ask for.
            replies.send(failed(Errno::ENOENT)).await;
            return;
        };
        let command = asked(command);
        tracing::debug!(target: "cenote::host_command", command = command.command, pid = command.pid, "asked");
        let streams = self.streams;
        let starting = async move { executor.start(command, streams).await };
        let answer = tokio::time::timeout(PATIENCE, or_panic(starting)).await;
        let mut life = match answer {
            Ok(Some(Ok(CommandAnswer::Runs(life)))) => Box::pin(or_panic(life)),
            Ok(Some(Ok(CommandAnswer::InMachine))) => {
                replies.send(Reply::CommandLeft(CommandLeft {})).await;
                return;
            }
            Ok(Some(Err(errno))) => {
                replies.send(failed(errno)).await;
                return;
            }
            Ok(None) => {
                tracing::warn!(target: "cenote::host_command", "the executor panicked");
                replies.send(failed(Errno::EIO)).await;
                return;
            }
            Err(_late) => {
                replies.send(failed(Errno::ETIMEDOUT)).await;
                return;
            }
        };
        let started = Reply::CommandStarted(CommandStarted { pulls_input: true });
        if !replies.send(started).await {
            return;
        }
        let end = tokio::select! {
            end = &mut life => end.unwrap_or(CommandEnd::Signaled(SigNum::SIGABRT)),
            end = self.ended.recv() => end.unwrap_or(CommandEnd::Signaled(SigNum::SIGKILL)),
            () = carry(&self.line.0, replies) => return,
        };
        // What the embedder holds of the program goes before its parent hears of the end.
        drop(life);
        self.line.0.finish();
        while let Some(wish) = self.line.0.rest() {
            if !replies.send(reply(wish)).await {
                return;
            }
        }
        replies.send(Reply::CommandExited(exited(end))).await;
    }
}

/// Takes a frame of a running program; whether the machine may send it.
pub(super) fn take(line: &Line, frame: Asked) -> bool {
    match frame {
        Asked::Data(data) => {
            data.channel() == DataChannel::Stdin
                && (data.end || !data.bytes.is_empty())
                && line.give(data.bytes)
        }
        Asked::Window(window) => {
            let output = match window.channel() {
                DataChannel::Stdout => Output::Stdout,
                DataChannel::Stderr => Output::Stderr,
                DataChannel::Stdin | DataChannel::Unspecified => return false,
            };
            let bytes = usize::try_from(window.bytes).unwrap_or(usize::MAX);
            line.widen(output, bytes);
            true
        }
        Asked::Signal(signal) => {
            let signal = SigNum::from_raw(signal);
            signal.is_some_and(|signal| {
                line.signal(signal);
                true
            })
        }
        _ => false,
    }
}

/// Tells the machine what the streams want; ends with the channel.
async fn carry(line: &Line, replies: &Replies) {
    loop {
        let wish = line.wish().await;
        if !replies.send(reply(wish)).await {
            return;
        }
    }
}

fn reply(wish: Wish) -> Reply {
    match wish {
        Wish::Read(bytes) => Reply::Window(HostWindow {
            channel: DataChannel::Stdin.into(),
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        }),
        Wish::Write(output, bytes) => Reply::Data(Data {
            channel: match output {
                Output::Stdout => DataChannel::Stdout,
                Output::Stderr => DataChannel::Stderr,
            }
            .into(),
            bytes,
            end: false,
        }),
    }
}

fn exited(end: CommandEnd) -> CommandExited {
    match end {
        CommandEnd::Exited(status) => CommandExited {
            exit_code: status.into(),
            signal: 0,
        },
        CommandEnd::Signaled(signal) => CommandExited {
            exit_code: 0,
            signal: signal.raw(),
        },
    }
}

fn asked(command: Command) -> HostCommand {
    let env: BTreeMap<Vec<u8>, Vec<u8>> = command
        .env
        .into_iter()
        .map(|(name, value)| (name.into_bytes(), value.into_bytes()))
        .collect();
    HostCommand {
        command: command.command,
        args: command.args.into_iter().map(Into::into).collect(),
        env,
        cwd: command.cwd.into_bytes(),
        user: (command.uid, command.gid),
        pid: command.pid,
    }
}

/// An error in the contract's words.
pub(super) fn error(errno: Errno) -> HostError {
    HostError {
        code: errno.name().into(),
        name: "Error".into(),
        message: errno.to_string(),
    }
}
