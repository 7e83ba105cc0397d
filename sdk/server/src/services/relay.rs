//! A process's output on its way into a stream of answers, no faster than the reader takes it.

use std::sync::Arc;
use std::time::Duration;

use cenote::{Call, NodeRuntime, OutputStream, Process, Spawn};
use cenote_proto::CHUNK;
use cenote_proto::v1::program::What;
use cenote_proto::v1::{Code, Exited, ModuleType, Program};
use prost::bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;
use tonic::Status;

use crate::failure::option;
use crate::machines::Machine;

/// Where answers go.
pub(crate) type Out<T> = Sender<Result<T, Status>>;

/// Serves a call to its end, or until its caller goes.
pub(super) async fn serve_call<T>(out: &Out<T>, call: impl Future<Output = Result<(), Status>>) {
    let done = tokio::select! {
        done = call => done,
        () = out.closed() => return,
    };
    if let Err(status) = done
        && out.send(Err(status)).await.is_err()
    {
        tracing::debug!("the caller has gone");
    }
}

/// The SDK's call for a program.
pub(crate) fn call(rt: &NodeRuntime, program: Program) -> Result<Call<Spawn>, Status> {
    let mut call = match program.what {
        Some(What::Code(code)) => code_call(rt, code),
        Some(What::Command(command)) => rt.spawn_command(command, [] as [Vec<u8>; 0]),
        Some(What::Shell(script)) => {
            rt.spawn_command("/bin/sh", [b"-c".to_vec(), script.into_bytes()])
        }
        None => return Err(option("program", "says nothing to run")),
    };
    call = call
        .args(program.args.into_iter().map(Vec::from))
        .envs(program.env);
    if !program.cwd.is_empty() {
        call = call.cwd(program.cwd);
    }
    Ok(call)
}

fn code_call(rt: &NodeRuntime, code: Code) -> Call<Spawn> {
    let is_common_js = code.r#type() == ModuleType::Commonjs;
    let mut call = rt.spawn(code.text);
    if is_common_js {
        call = call.common_js();
    }
    if !code.filename.is_empty() {
        call = call.filename(code.filename);
    }
    call
}

/// When a program has to be over, by its own word or the machine's: what comes first.
pub(crate) fn time_limit(machine: &Machine, program: &Program) -> Option<Duration> {
    let own = (program.timeout_ms > 0).then(|| Duration::from_millis(program.timeout_ms));
    [own, machine.wall_time].into_iter().flatten().min()
}

/// Kills what a call started when the call is given up before its end.
#[derive(Debug)]
pub(crate) struct Leash {
    process: Process,
    kills: bool,
}

impl Leash {
    pub(crate) fn new(process: &Process, kills: bool) -> Self {
        Self {
            process: process.clone(),
            kills,
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if self.kills && self.process.exit_code().is_none() {
            self.process.kill_all();
        }
    }
}

/// Waits for the end of a process, or brings it about at its deadline; then lets its streams end.
pub(crate) async fn ended(process: &Process, deadline: Option<Instant>) -> Exited {
    let late = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    let timed_out = tokio::select! {
        biased;
        _ = process.ended() => false,
        () = late => true,
    };
    if timed_out {
        // Who starts the next program would meet what is left of this one.
        process.end_all().await;
    }
    let (exit_code, signal) = process.ended().await;
    process.finish_output().await;
    Exited {
        exit_code,
        signal: signal.map_or(0, cenote::Signal::raw),
        timed_out,
        ..Exited::default()
    }
}

/// How many bytes of a stream may be sent; none: as many as HTTP/2 lets us.
pub(crate) type Window = Option<Arc<Semaphore>>;

/// Waits for room for at least one and at most `wanted` bytes.
async fn room(window: &Window, wanted: usize) -> usize {
    let Some(window) = window else { return wanted };
    // Cannot fail: windows are never closed.
    let Ok(first) = window.acquire().await else {
        return 0;
    };
    first.forget();
    let more = window.available_permits().min(wanted.saturating_sub(1));
    let more = u32::try_from(more).unwrap_or(u32::MAX);
    match window.try_acquire_many(more) {
        Ok(taken) => {
            taken.forget();
            1 + more as usize
        }
        Err(_) => 1,
    }
}

/// Sends a stream in chunks until it ends or nobody takes them any more.
pub(crate) async fn send<T>(
    mut stream: OutputStream,
    window: &Window,
    out: &Out<T>,
    event: impl Fn(Bytes) -> T,
) {
    while let Some(bytes) = stream.next().await {
        let mut rest = Bytes::from(bytes);
        while !rest.is_empty() {
            let count = room(window, rest.len().min(CHUNK)).await;
            if count == 0 || out.send(Ok(event(rest.split_to(count)))).await.is_err() {
                return;
            }
        }
    }
}

/// Keeps a stream up to `limit` bytes; whether there were more.
pub(crate) async fn keep(mut stream: OutputStream, limit: usize) -> (Vec<u8>, bool) {
    let (mut kept, mut is_truncated) = (Vec::new(), false);
    while let Some(bytes) = stream.next().await {
        let room = limit.saturating_sub(kept.len());
        is_truncated |= bytes.len() > room;
        kept.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
    }
    (kept, is_truncated)
}

/// Sends bytes in chunks.
pub(crate) async fn send_all<T>(bytes: Vec<u8>, out: &Out<T>, event: impl Fn(Bytes) -> T) {
    let mut rest = Bytes::from(bytes);
    while !rest.is_empty() {
        let chunk = rest.split_to(rest.len().min(CHUNK));
        if out.send(Ok(event(chunk))).await.is_err() {
            return;
        }
    }
}
