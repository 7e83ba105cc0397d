//! Speaking with a process: input in, output and end out, multiplexed in one call.

use std::sync::Arc;

use cenote::{OutputStream, Process, ReturnedJson, Signal};
use cenote_proto::v1::attach_event::Event;
use cenote_proto::v1::attach_open::Target;
use cenote_proto::v1::attach_request::Message;
use cenote_proto::v1::{
    AttachEvent, AttachOpen, AttachRequest, ErrorDetail, OutputChannel, OutputEnded, Started,
    Window as MoreWindow,
};
use prost::bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tonic::{Status, Streaming};

use super::relay::{Leash, Out, Window, call, ended, send, send_all, serve_call, time_limit};
use crate::failure::option;
use crate::machines::Machine;

/// Messages of input that wait for the process; past them we read no further, and HTTP/2 makes the sender wait.
const INPUT_QUEUE: usize = 16;

/// Bytes a window may grow to.
const MAX_WINDOW: usize = 1 << 30;

fn event(event: Event) -> AttachEvent {
    AttachEvent { event: Some(event) }
}

/// Serves one call to its end.
pub(crate) async fn run(
    machine: Arc<Machine>,
    input: Streaming<AttachRequest>,
    out: Out<AttachEvent>,
) {
    serve_call(&out, converse(&machine, input, &out)).await;
}

async fn converse(
    machine: &Machine,
    mut input: Streaming<AttachRequest>,
    out: &Out<AttachEvent>,
) -> Result<(), Status> {
    let first = input.message().await?.and_then(|first| first.message);
    let Some(Message::Open(open)) = first else {
        return Err(option("open", "the first message must open the call"));
    };
    let windows = [open.stdout_window, open.stderr_window].map(window);
    let kills = open.kill_on_close;
    let (process, returned, deadline) = target(machine, open).await?;
    let leash = Leash::new(&process, kills);
    let started = Event::Started(Started { pid: process.pid() });
    if out.send(Ok(event(started))).await.is_err() {
        return Ok(());
    }
    let talk = async {
        let (exited, (), ()) = tokio::join!(
            ended(&process, deadline),
            output(process.stdout(), OutputChannel::Stdout, &windows, out),
            output(process.stderr(), OutputChannel::Stderr, &windows, out),
        );
        exited
    };
    let exited = tokio::select! {
        exited = talk => exited,
        status = listen(&process, input, &windows, out) => return Err(status),
    };
    drop(leash);
    machine.check_live()?;
    if let Some(returned) = returned {
        send_all(returned.value().await, out, |bytes| {
            event(Event::Value(bytes))
        })
        .await;
    }
    // A caller that has gone needs no answer.
    let _sent = out.send(Ok(event(Event::Exited(exited)))).await.is_ok();
    Ok(())
}

fn window(bytes: u32) -> Window {
    (bytes > 0).then(|| Arc::new(Semaphore::new(bytes as usize)))
}

/// Starts or finds what the call is about.
async fn target(
    machine: &Machine,
    open: AttachOpen,
) -> Result<(Process, Option<ReturnedJson>, Option<Instant>), Status> {
    let failed = |error: cenote::Error| machine.failed(&error);
    let (process, returned, deadline) = match open.target {
        Some(Target::Program(program)) => {
            let limit = time_limit(machine, &program);
            let deadline = limit.map(|limit| Instant::now() + limit);
            let mut call = call(&machine.rt, program)?;
            if let Some(limit) = limit {
                // Also when this call ends before the process.
                call = call.timeout(limit);
            }
            let (process, returned) = if open.return_value {
                let (process, returned) = call.returning().await.map_err(failed)?;
                (process, Some(returned))
            } else {
                (call.await.map_err(failed)?, None)
            };
            machine.remember(&process);
            (process, returned, deadline)
        }
        Some(Target::Pid(pid)) => (machine.process(pid)?, None, None),
        None => return Err(option("open", "names neither a program nor a process")),
    };
    if !open.stdin.is_empty() {
        let (feeder, bytes, close) = (process.clone(), open.stdin, open.close_stdin);
        tokio::spawn(async move {
            // What a process does not read of its first input is no error of the call.
            let _written = feeder.write_stdin(bytes).await.is_ok();
            if close {
                let _closed = feeder.close_stdin().await.is_ok();
            }
        });
    } else if open.close_stdin {
        process.close_stdin().await.map_err(failed)?;
    }
    Ok((process, returned, deadline))
}

async fn output(
    stream: OutputStream,
    channel: OutputChannel,
    windows: &[Window; 2],
    out: &Out<AttachEvent>,
) {
    let [stdout, stderr] = windows;
    if channel == OutputChannel::Stdout {
        send(stream, stdout, out, |bytes| event(Event::Stdout(bytes))).await;
    } else {
        send(stream, stderr, out, |bytes| event(Event::Stderr(bytes))).await;
    }
    let ended = Event::OutputEnded(OutputEnded {
        channel: channel.into(),
    });
    // A caller that has gone ends the whole call.
    let _sent = out.send(Ok(event(ended))).await.is_ok();
}

/// What goes to the process in order.
enum Input {
    Bytes(Bytes),
    Close,
    Signal(i32),
}

/// Reads the caller's messages: windows are opened at once, input waits its turn. Ends only when the caller breaks off.
async fn listen(
    process: &Process,
    mut input: Streaming<AttachRequest>,
    windows: &[Window; 2],
    out: &Out<AttachEvent>,
) -> Status {
    let (queue, waiting) = mpsc::channel(INPUT_QUEUE);
    let read = async {
        loop {
            let message = match input.message().await {
                Ok(Some(message)) => message.message,
                // The end of the requests is not the end of the call.
                Ok(None) => return std::future::pending().await,
                Err(status) => return status,
            };
            let next = match message {
                Some(Message::Stdin(bytes)) => Input::Bytes(bytes),
                Some(Message::CloseStdin(_)) => Input::Close,
                Some(Message::Signal(signal)) => Input::Signal(signal),
                Some(Message::Window(more)) => {
                    widen(windows, more);
                    continue;
                }
                Some(Message::CloseOutput(which)) => {
                    match which.channel() {
                        OutputChannel::Stdout => process.close_stdout(),
                        OutputChannel::Stderr => process.close_stderr(),
                        OutputChannel::Unspecified => {
                            return option("close_output", "names no stream");
                        }
                    }
                    continue;
                }
                Some(Message::Open(_)) => return option("open", "must come first, and once"),
                None => continue,
            };
            // The feeder below lives as long as this.
            let _queued = queue.send(next).await.is_ok();
        }
    };
    tokio::select! {
        status = read => status,
        status = feed(process, waiting, out) => status,
    }
}

fn widen(windows: &[Window; 2], more: MoreWindow) {
    let [stdout, stderr] = windows;
    let window = match more.channel() {
        OutputChannel::Stdout => stdout,
        OutputChannel::Stderr => stderr,
        OutputChannel::Unspecified => return,
    };
    if let Some(window) = window {
        let room = MAX_WINDOW.saturating_sub(window.available_permits());
        window.add_permits(room.min(more.bytes as usize));
    }
}

/// Gives the process its input, in order.
async fn feed(
    process: &Process,
    mut waiting: mpsc::Receiver<Input>,
    out: &Out<AttachEvent>,
) -> Status {
    let mut written = 0_u64;
    let mut has_failed = false;
    while let Some(next) = waiting.recv().await {
        match next {
            Input::Bytes(bytes) if !has_failed => {
                let answer = match process.write_stdin(&bytes).await {
                    Ok(()) => {
                        written = written.saturating_add(bytes.len() as u64);
                        Event::StdinWritten(written)
                    }
                    Err(error) => {
                        has_failed = true;
                        Event::StdinFailed(ErrorDetail {
                            code: error.errno().map_or("EIO", |errno| errno.name()).into(),
                            ..ErrorDetail::default()
                        })
                    }
                };
                let _sent = out.send(Ok(event(answer))).await.is_ok();
            }
            Input::Bytes(_) => {}
            Input::Close => {
                // Closing twice is fine.
                let _closed = process.close_stdin().await.is_ok();
            }
            Input::Signal(raw) => {
                if let Some(signal) = Signal::from_raw(raw) {
                    // A process that has ended takes no signal; its end is on the way.
                    let _sent = process.kill(signal).is_ok();
                }
            }
        }
    }
    std::future::pending().await
}
