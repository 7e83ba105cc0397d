//! What goes wrong: in guests, in workers, in the sidecar, in callers.

use std::time::{Duration, Instant};

use cenote_proto::v1::exec_event::Event;
use cenote_proto::v1::{CreateVmRequest, DisposeVmRequest, Limits, ListVmsRequest, SeedFile};
use cenote_proto::{MAX_MESSAGE, detail_of};
use rustix::process::{Pid, Signal, kill_process};
use tonic::Code;

use crate::harness::{Sidecar, code, code_of, live, shell};

/// Makes V8 abort the process it is in (NODE.md §7b).
const ABORT: &str = "'x'.repeat(2 ** 29 - 30).split('')";

fn kill(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

#[tokio::test]
async fn guest_that_makes_v8_abort_ends_its_machine_alone() {
    let sidecar = Sidecar::start(&[]).await;
    let neighbour = sidecar.vm().await;
    let hostile = sidecar.vm().await;
    let status = sidecar.exec(&hostile, code(ABORT)).await.unwrap_err();
    let detail = detail_of(&status).unwrap_or_else(|| panic!("{status:?}"));
    assert_eq!(
        (status.code(), detail.code.as_str()),
        (Code::Aborted, "WORKER_DIED")
    );
    // The machine is gone, and says why for as long as anybody asks.
    let status = sidecar.exec(&hostile, shell(":")).await.unwrap_err();
    assert_eq!(code_of(&status), "WORKER_DIED");
    assert_eq!(sidecar.shell(&neighbour, "echo fine").await, "fine\n");
    let next = sidecar.vm().await;
    assert_eq!(sidecar.shell(&next, "echo new").await, "new\n");
}

#[tokio::test]
async fn death_of_a_worker_reaches_every_call_under_way() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.create(CreateVmRequest::default()).await;
    let request = live(shell("echo begun; sleep 100"));
    let events = sidecar.processes(&vm.id).exec(request).await.unwrap();
    let mut events = events.into_inner();
    let begun = |event: &Option<Event>| matches!(event, Some(Event::Stdout(_)));
    while !begun(&events.message().await.unwrap().unwrap().event) {}
    kill(vm.worker_pid);
    let status = loop {
        match events.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the call ended as if nothing had happened"),
            Err(status) => break status,
        }
    };
    assert_eq!(code_of(&status), "WORKER_DIED", "{status:?}");
    assert!(status.message().contains("SIGKILL"), "{status:?}");
    // The call hears of it first, the list a moment later.
    let mut vms = sidecar.vms();
    for _ in 0..500 {
        let left = vms.list(ListVmsRequest {}).await.unwrap().into_inner().vms;
        if left.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the machine is still listed");
}

#[tokio::test]
async fn disposing_of_a_machine_ends_calls_under_way() {
    for isolation in ["process", "shared"] {
        let sidecar = Sidecar::start(&["--isolation", isolation]).await;
        let vm = sidecar.vm().await;
        let request = live(shell("echo begun; sleep 100"));
        let events = sidecar.processes(&vm).exec(request).await.unwrap();
        let mut events = events.into_inner();
        let begun = |event: &Option<Event>| matches!(event, Some(Event::Stdout(_)));
        while !begun(&events.message().await.unwrap().unwrap().event) {}
        sidecar
            .vms()
            .dispose(DisposeVmRequest { vm })
            .await
            .unwrap();
        let status = loop {
            match events.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the call ended as if nothing had happened"),
                Err(status) => break status,
            }
        };
        assert_eq!(code_of(&status), "DISPOSED", "{isolation}: {status:?}");
    }
}

#[tokio::test]
async fn killed_sidecar_takes_its_workers_along_and_its_callers_hear_of_it() {
    let mut sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.create(CreateVmRequest::default()).await;
    let request = live(shell("echo begun; sleep 100"));
    let events = sidecar.processes(&vm.id).exec(request).await.unwrap();
    let mut events = events.into_inner();
    let begun = |event: &Option<Event>| matches!(event, Some(Event::Stdout(_)));
    while !begun(&events.message().await.unwrap().unwrap().event) {}
    sidecar.child.kill().unwrap();
    let at = Instant::now();
    let ended = loop {
        match events.message().await {
            Ok(Some(_)) => {}
            ended => break ended,
        }
    };
    assert!(ended.is_err(), "{ended:?}");
    sidecar.child.wait().unwrap();
    // An orphan that nobody waits for is gone when the system says so; a whole second is much.
    while std::path::Path::new(&format!("/proc/{}/status", vm.worker_pid)).exists()
        && is_live(vm.worker_pid)
    {
        assert!(
            at.elapsed() < Duration::from_secs(30),
            "the worker lives on"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a process runs: it may be dead and waiting to be collected by whoever adopted it.
fn is_live(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[tokio::test]
async fn sidecar_ends_with_its_owner() {
    let mut sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.create(CreateVmRequest::default()).await;
    drop(sidecar.child.stdin.take());
    assert!(sidecar.child.wait().unwrap().success());
    assert!(!sidecar.socket.exists());
    let at = Instant::now();
    while is_live(vm.worker_pid) {
        assert!(
            at.elapsed() < Duration::from_secs(30),
            "the worker lives on"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn messages_that_are_too_large_are_refused() {
    let sidecar = Sidecar::start(&[]).await;
    let request = CreateVmRequest {
        files: vec![SeedFile {
            path: b"/large".as_slice().into(),
            content: vec![0; MAX_MESSAGE + 1].into(),
            mode: 0,
        }],
        ..CreateVmRequest::default()
    };
    let status = sidecar.vms().create(request).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    let vm = sidecar.vm().await;
    assert_eq!(sidecar.shell(&vm, "echo unharmed").await, "unharmed\n");
}

/// A guest at its own limits: its process ends, its machine does not.
#[tokio::test]
async fn guest_out_of_memory_ends_its_process_alone() {
    let sidecar = Sidecar::start(&[]).await;
    let limits = Limits {
        js_heap_bytes: Some(32 << 20),
        array_buffers_bytes: Some(32 << 20),
        wasm_memory_bytes: Some(64 << 20),
        ..Limits::default()
    };
    let vm = sidecar
        .create(CreateVmRequest {
            limits: Some(limits),
            ..CreateVmRequest::default()
        })
        .await
        .id;
    let heap = "const all = []; for (;;) all.push(new Array(10000).fill(all.length));";
    let outcome = sidecar.exec(&vm, code(heap)).await.unwrap();
    assert_ne!(outcome.exited.unwrap().exit_code, 0, "{}", outcome.stderr);
    let buffers = "const all = []; try { for (;;) all.push(Buffer.alloc(1 << 20, 1)); }\
         catch (error) { console.log(error.name, all.length > 8 && all.length < 40); }";
    let outcome = sidecar.exec(&vm, code(buffers)).await.unwrap();
    assert_eq!(outcome.stdout, "RangeError true\n", "{outcome:?}");
    // A WebAssembly program: the shell doubles a string until there is no more.
    let doubles = "x=0123456789abcdef; while :; do x=$x$x; done";
    let outcome = sidecar.exec(&vm, shell(doubles)).await.unwrap();
    assert_ne!(outcome.exited.unwrap().exit_code, 0, "{}", outcome.stderr);
    assert_eq!(sidecar.shell(&vm, "echo fine").await, "fine\n");
}

/// Machines whose limits allow more than the host would give: the worker is ended before the host suffers.
#[tokio::test]
async fn worker_that_grows_past_its_bound_is_ended_and_says_so() {
    let sidecar = Sidecar::start(&["--worker-memory", "700"]).await;
    let neighbour = sidecar.vm().await;
    let limits = Limits {
        array_buffers_bytes: Some(64 << 30),
        ..Limits::default()
    };
    let greedy = sidecar
        .create(CreateVmRequest {
            limits: Some(limits),
            ..CreateVmRequest::default()
        })
        .await
        .id;
    let buffers = "const all = []; setInterval(() => all.push(Buffer.alloc(16 << 20, 1)), 10);";
    let status = sidecar.exec(&greedy, code(buffers)).await.unwrap_err();
    let detail = detail_of(&status).unwrap_or_else(|| panic!("{status:?}"));
    assert_eq!(
        (detail.code.as_str(), detail.limit.as_str()),
        ("WORKER_DIED", "worker_memory"),
        "{status:?}"
    );
    assert_eq!(sidecar.shell(&neighbour, "echo fine").await, "fine\n");
    let status = sidecar.exec(&greedy, shell(":")).await.unwrap_err();
    assert_eq!(code_of(&status), "WORKER_DIED");
}
