//! Many machines, much output, long times. The defaults are small; `CENOTE_SOAK=1` runs them at the size that is promised.

use std::time::Duration;

use cenote_proto::v1::exec_event::Event;
use cenote_proto::v1::{CreateVmRequest, DisposeVmRequest};
use tokio::task::JoinSet;

use crate::harness::{Sidecar, code, live, shell};

/// The first number, or with `CENOTE_SOAK` the second.
fn size(usual: usize, full: usize) -> usize {
    if std::env::var_os("CENOTE_SOAK").is_some_and(|value| value != "0") {
        full
    } else {
        usual
    }
}

#[tokio::test]
async fn flood_to_a_reader_that_does_not_read_waits() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.create(CreateVmRequest::default()).await;
    sidecar
        .shell(&vm.id, "yes | head -c 1000000 >/dev/null")
        .await;
    sidecar.exec(&vm.id, code("0")).await.unwrap();
    let of_both = || [sidecar.child.id(), vm.worker_pid].map(Sidecar::resident);
    let before = of_both();
    let flood = "const chunk = 'x'.repeat(65536);\
         (function write() { while (process.stdout.write(chunk)); process.stdout.once('drain', write); })();";
    let mut floods = Vec::new();
    for program in [shell("yes; true"), code(flood)] {
        let request = live(program);
        let events = sidecar.processes(&vm.id).exec(request).await.unwrap();
        floods.push(events.into_inner());
    }
    // Three seconds are enough for gigabytes, if they were let through.
    for _ in 0..size(6, 120) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for (before, now) in before.into_iter().zip(of_both()) {
            assert!(now < before + (96 << 20), "{before} -> {now}");
        }
        // The machine goes on meanwhile.
        assert_eq!(sidecar.shell(&vm.id, "echo aside").await, "aside\n");
    }
    println!("flood: {before:?} -> {:?} bytes resident", of_both());
    // And so do the floods when they are read.
    for events in &mut floods {
        let mut seen = 0;
        while seen < 8 << 20 {
            if let Some(Event::Stdout(bytes)) = events.message().await.unwrap().unwrap().event {
                seen += bytes.len();
            }
        }
    }
}

#[tokio::test]
async fn many_machines_live_at_once_each_with_its_own_files_and_answers() {
    let count = size(24, 200);
    let sidecar = std::sync::Arc::new(Sidecar::start(&["--isolation", "shared"]).await);
    let first = sidecar.create(CreateVmRequest::default()).await;
    let mut all = JoinSet::new();
    for number in 0..count {
        let sidecar = std::sync::Arc::clone(&sidecar);
        all.spawn(async move {
            let vm = sidecar.vm().await;
            sidecar
                .shell(&vm, &format!("echo {number} > /tmp/number"))
                .await;
            vm
        });
    }
    let machines = all.join_all().await;
    let live = sidecar
        .vms()
        .list(cenote_proto::v1::ListVmsRequest {})
        .await;
    assert_eq!(live.unwrap().into_inner().vms.len(), count + 1);
    println!(
        "{count} machines: {} MiB in the worker, {} MiB in the sidecar",
        Sidecar::resident(first.worker_pid) >> 20,
        Sidecar::resident(sidecar.child.id()) >> 20,
    );
    // All of them run at the same time: none ends before all have begun.
    let mut said = JoinSet::new();
    for vm in &machines {
        let (sidecar, vm) = (std::sync::Arc::clone(&sidecar), vm.clone());
        said.spawn(async move {
            let script = "cat /tmp/number; node -p 6*7";
            sidecar
                .exec(&vm, shell(script))
                .await
                .map(|outcome| outcome.stdout)
        });
    }
    let mut said: Vec<String> = said
        .join_all()
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let mut expected: Vec<String> = (0..count).map(|number| format!("{number}\n42\n")).collect();
    said.sort();
    expected.sort();
    assert_eq!(said, expected);
    println!(
        "while all ran: {} MiB in the worker",
        Sidecar::resident(first.worker_pid) >> 20
    );
    for vm in machines {
        sidecar
            .vms()
            .dispose(DisposeVmRequest { vm })
            .await
            .unwrap();
    }
    assert_eq!(
        sidecar.shell(&first.id, "echo still here").await,
        "still here\n"
    );
}

/// Makes machines, uses them and ends them; (descriptors, bytes resident) of `pids` after a tenth and at the end.
async fn cycles(sidecar: &Sidecar, count: usize, pids: &[u32]) -> [Vec<(usize, u64)>; 2] {
    let state = || {
        let of = |pid: &u32| {
            let open = std::fs::read_dir(format!("/proc/{pid}/fd"))
                .unwrap()
                .count();
            (open, Sidecar::resident(*pid))
        };
        pids.iter().map(of).collect::<Vec<_>>()
    };
    let mut early = Vec::new();
    for number in 0..count {
        let vm = sidecar.vm().await;
        if number % 50 == 0 {
            assert_eq!(
                sidecar
                    .exec(&vm, code("console.log(1)"))
                    .await
                    .unwrap()
                    .stdout,
                "1\n"
            );
        }
        assert_eq!(sidecar.shell(&vm, "echo x").await, "x\n");
        sidecar
            .vms()
            .dispose(DisposeVmRequest { vm })
            .await
            .unwrap();
        if number == count / 10 {
            early = state();
        }
    }
    let late = state();
    println!("{count} cycles: (descriptors, bytes) {early:?} -> {late:?}");
    [early, late]
}

fn is_flat([early, late]: &[Vec<(usize, u64)>; 2]) {
    for ((open, bytes), (open_later, bytes_later)) in early.iter().zip(late) {
        // What prepared the commands has ended meanwhile: fewer is fine. A call's last descriptor may be just about to go.
        assert!(
            *open_later <= open + 2,
            "{open} -> {open_later} descriptors"
        );
        assert!(
            *bytes_later < bytes + (48 << 20),
            "{bytes} -> {bytes_later} bytes"
        );
    }
}

#[tokio::test]
async fn machines_that_come_and_go_leave_nothing_in_their_worker() {
    let sidecar = Sidecar::start(&["--isolation", "shared"]).await;
    let keeper = sidecar.create(CreateVmRequest::default()).await;
    let pids = [sidecar.child.id(), keeper.worker_pid];
    is_flat(&cycles(&sidecar, size(100, 5_000), &pids).await);
}

#[tokio::test]
async fn workers_that_come_and_go_leave_nothing_in_the_sidecar() {
    let sidecar = Sidecar::start(&[]).await;
    let pids = [sidecar.child.id()];
    is_flat(&cycles(&sidecar, size(10, 5_000), &pids).await);
}
