//! Programs run to their end: `Exec` and `Run`.

use std::sync::Arc;

use cenote::{Process, ReturnedJson};
use cenote_proto::status_with;
use cenote_proto::v1::exec_event::Event;
use cenote_proto::v1::{ErrorDetail, ExecEvent, ExecRequest, Exited, OutputMode, Started};
use tokio::time::Instant;
use tonic::{Code, Status};

use super::relay::{Leash, Out, call, ended, keep, send, send_all, serve_call, time_limit};
use crate::failure::option;
use crate::machines::Machine;

fn event(event: Event) -> ExecEvent {
    ExecEvent { event: Some(event) }
}

/// Runs a request; with `returns`, brings back the value too.
pub(crate) async fn run(
    machine: Arc<Machine>,
    request: ExecRequest,
    returns: bool,
    out: Out<ExecEvent>,
) {
    // When the caller goes, what was started is killed with the future that holds it.
    serve_call(&out, async {
        let done = to_the_end(&machine, request, returns, &out).await;
        done.and_then(|()| machine.check_live())
    })
    .await;
}

async fn to_the_end(
    machine: &Machine,
    request: ExecRequest,
    returns: bool,
    out: &Out<ExecEvent>,
) -> Result<(), Status> {
    let is_live = request.output() == OutputMode::Live;
    let program = request
        .program
        .ok_or_else(|| option("program", "is missing"))?;
    let deadline = time_limit(machine, &program).map(|limit| Instant::now() + limit);
    let call = call(&machine.rt, program)?.stdin(request.stdin);
    let failed = |error: cenote::Error| machine.failed(&error);
    let (process, returned) = if returns {
        let (process, returned) = call.returning().await.map_err(failed)?;
        (process, Some(returned))
    } else {
        (call.await.map_err(failed)?, None)
    };
    let leash = Leash::new(&process, true);
    let started = Event::Started(Started { pid: process.pid() });
    // A caller that has gone ends this future; sending need not fail for it.
    if out.send(Ok(event(started))).await.is_err() {
        return Ok(());
    }
    let (exited, stderr) = if is_live {
        live(&process, deadline, out).await
    } else {
        captured(&process, deadline, machine.output_limit, out).await
    };
    drop(leash);
    machine.check_live()?;
    if let Some(returned) = returned {
        send_value(returned, &exited, &stderr, machine, out).await?;
    }
    // As above.
    let _sent = out.send(Ok(event(Event::Exited(exited)))).await.is_ok();
    Ok(())
}

/// Sends output as it comes. The end of standard error is not kept.
async fn live(
    process: &Process,
    deadline: Option<Instant>,
    out: &Out<ExecEvent>,
) -> (Exited, Vec<u8>) {
    let (exited, (), ()) = tokio::join!(
        ended(process, deadline),
        send(process.stdout(), &None, out, |bytes| event(Event::Stdout(
            bytes
        ))),
        send(process.stderr(), &None, out, |bytes| event(Event::Stderr(
            bytes
        ))),
    );
    (exited, Vec::new())
}

/// Keeps output up to its limit and sends it at the end.
async fn captured(
    process: &Process,
    deadline: Option<Instant>,
    limit: usize,
    out: &Out<ExecEvent>,
) -> (Exited, Vec<u8>) {
    let (exited, stdout, stderr) = tokio::join!(
        ended(process, deadline),
        keep(process.stdout(), limit),
        keep(process.stderr(), limit),
    );
    let tail = stderr.0.len().saturating_sub(STDERR_TAIL);
    let last = stderr.0.get(tail..).unwrap_or_default().to_vec();
    send_all(stdout.0, out, |bytes| event(Event::Stdout(bytes))).await;
    send_all(stderr.0, out, |bytes| event(Event::Stderr(bytes))).await;
    let exited = Exited {
        stdout_truncated: stdout.1,
        stderr_truncated: stderr.1,
        ..exited
    };
    (exited, last)
}

/// Bytes of standard error in the failure of a run without a value.
const STDERR_TAIL: usize = 1_000;

async fn send_value(
    returned: ReturnedJson,
    exited: &Exited,
    stderr: &[u8],
    machine: &Machine,
    out: &Out<ExecEvent>,
) -> Result<(), Status> {
    let json = returned.value().await;
    if json.is_empty() {
        let stderr = String::from_utf8_lossy(stderr).trim().to_owned();
        let detail = ErrorDetail {
            code: "NO_VALUE".into(),
            vm: machine.id.clone(),
            exit_code: Some(exited.exit_code),
            stderr: stderr.clone(),
            ..ErrorDetail::default()
        };
        return Err(status_with(
            Code::FailedPrecondition,
            format!(
                "the guest returned no value (exit code {}); its stderr: {stderr}",
                exited.exit_code
            ),
            &detail,
        ));
    }
    send_all(json, out, |bytes| event(Event::Value(bytes))).await;
    Ok(())
}
