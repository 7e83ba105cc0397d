//! What goes wrong: in guests, in workers, in the sidecar, in callers.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use cenote_proto::v1::exec_event::Event;
use cenote_proto::v1::{CreateVmRequest, DisposeVmRequest, ListVmsRequest, SeedFile};
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
async fn flood_to_a_reader_that_does_not_read_waits() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.create(CreateVmRequest::default()).await;
    sidecar
        .shell(&vm.id, "yes | head -c 1000000 >/dev/null")
        .await;
    let before = [sidecar.child.id(), vm.worker_pid].map(Sidecar::resident);
    let request = live(shell("yes; true"));
    let events = sidecar.processes(&vm.id).exec(request).await.unwrap();
    let mut events = events.into_inner();
    // Long enough for gigabytes, if they were let through.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = [sidecar.child.id(), vm.worker_pid].map(Sidecar::resident);
    for (before, after) in before.into_iter().zip(after) {
        assert!(after < before + (32 << 20), "{before} -> {after}");
    }
    // The machine goes on meanwhile, and so does the flood when it is read.
    assert_eq!(sidecar.shell(&vm.id, "echo aside").await, "aside\n");
    let mut seen = 0;
    while seen < 8 << 20 {
        if let Some(Event::Stdout(bytes)) = events.message().await.unwrap().unwrap().event {
            seen += bytes.len();
        }
    }
}

#[tokio::test]
async fn nonsense_on_the_socket_harms_nobody() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    // A fixed generator: a failure can be seen again.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..200_usize {
        let mut socket = UnixStream::connect(&sidecar.socket).unwrap();
        let mut bytes = Vec::new();
        if round % 2 == 0 {
            bytes.extend_from_slice(preface);
        }
        if round % 4 == 0 {
            // Frames whose lengths are right and whose rest is not.
            for _ in 0..20 {
                let length = u8::try_from(next() % 60).unwrap();
                bytes.extend_from_slice(&[0, 0, length]);
                bytes.extend_from_slice(&next().to_be_bytes()[..6]);
                bytes.extend((0..length).map(|_| next().to_le_bytes()[0]));
            }
        } else {
            bytes.extend((0..next() % 2_000).map(|_| next().to_le_bytes()[0]));
        }
        // It may hang up before it has read everything.
        let _written = socket.write_all(&bytes);
    }
    assert_eq!(sidecar.shell(&vm, "echo unharmed").await, "unharmed\n");
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

#[tokio::test]
async fn machines_that_come_and_go_leave_no_descriptors() {
    let sidecar = Sidecar::start(&["--isolation", "shared"]).await;
    let keeper = sidecar.create(CreateVmRequest::default()).await;
    let worker = format!("/proc/{}/fd", keeper.worker_pid);
    let open = || {
        let of_worker = std::fs::read_dir(&worker).unwrap().count();
        (sidecar.descriptors(), of_worker)
    };
    let cycle = async |count: usize| {
        for _ in 0..count {
            let vm = sidecar.vm().await;
            assert_eq!(sidecar.shell(&vm, "echo x").await, "x\n");
            let gone = DisposeVmRequest { vm };
            sidecar.vms().dispose(gone).await.unwrap();
        }
    };
    cycle(5).await;
    let before = open();
    cycle(50).await;
    let after = open();
    // Fewer: what prepared the commands has ended meanwhile.
    assert!(
        after.0 <= before.0 && after.1 <= before.1,
        "{before:?} -> {after:?}"
    );
}

#[tokio::test]
async fn workers_that_come_and_go_leave_no_descriptors() {
    let sidecar = Sidecar::start(&[]).await;
    let cycle = async |count: usize| {
        for _ in 0..count {
            let vm = sidecar.vm().await;
            let gone = DisposeVmRequest { vm };
            sidecar.vms().dispose(gone).await.unwrap();
        }
    };
    cycle(2).await;
    let before = sidecar.descriptors();
    cycle(10).await;
    let after = sidecar.descriptors();
    assert!(after <= before, "{before} -> {after}");
}
