//! Many processes at once: what races would break.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cenote_base::limits::Resource;
use cenote_base::wait::block_on;
use cenote_kernel::abi::SigNum;
use cenote_kernel::abi::fs::OpenFlags;
use cenote_kernel::abi::wait::{WaitOptions, WaitStatus};
use cenote_kernel::syscall::{self, WaitTarget};

use super::world::{World, deliver, eventually, fork_with};

#[test]
fn killing_stopping_and_waiting_at_once_loses_no_process() {
    let world = World::new();
    let parents: Vec<_> = (0..6)
        .map(|_| {
            world.spawn(|task| {
                for round in 0..60 {
                    let child = fork_with(task, |child| {
                        while !child.must_end() {
                            block_on(syscall::pause(child)).unwrap_err();
                            deliver(child);
                        }
                        0
                    })
                    .unwrap();
                    let send = |signal| syscall::kill(task, child.raw(), Some(signal)).unwrap();
                    match round % 4 {
                        0 => send(SigNum::SIGKILL),
                        1 => send(SigNum::SIGTERM),
                        2 => {
                            send(SigNum::SIGSTOP);
                            send(SigNum::SIGKILL);
                        }
                        _ => {
                            send(SigNum::SIGSTOP);
                            send(SigNum::SIGCONT);
                            send(SigNum::SIGTERM);
                        }
                    }
                    let target = WaitTarget::Pid(child);
                    let (pid, status, _) =
                        block_on(syscall::wait4(task, target, WaitOptions::empty()))
                            .unwrap()
                            .unwrap();
                    assert_eq!(pid, child);
                    assert!(matches!(status, WaitStatus::Signaled { .. }), "{status:?}");
                }
                0
            })
        })
        .collect();
    for parent in parents {
        assert_eq!(block_on(parent.wait()), WaitStatus::Exited(0));
    }
    let budget = world.kernel.budget();
    eventually(|| budget.used(Resource::Processes) == 0);
}

#[test]
fn bytes_survive_many_writers_and_readers() {
    let world = World::new();
    let total = Arc::new(AtomicUsize::new(0));
    let seen = total.clone();
    world.check(move |task| {
        let (reader, writer) = syscall::pipe2(task, OpenFlags::empty()).unwrap();
        for _ in 0..4 {
            fork_with(task, move |child| {
                syscall::close(child, reader).unwrap();
                for size in [1, 100, 4_096, 10_000, 70_000] {
                    let bytes = vec![1; size];
                    assert_eq!(
                        block_on(syscall::write(child, writer, &bytes)).unwrap(),
                        size
                    );
                }
                0
            })
            .unwrap();
        }
        for _ in 0..3 {
            let total = seen.clone();
            fork_with(task, move |child| {
                syscall::close(child, writer).unwrap();
                let mut buf = [0; 3_000];
                loop {
                    match block_on(syscall::read(child, reader, &mut buf)).unwrap() {
                        0 => return 0,
                        count => total.fetch_add(count, Ordering::Relaxed),
                    };
                }
            })
            .unwrap();
        }
        syscall::close(task, writer).unwrap();
        for _ in 0..7 {
            let any = block_on(syscall::wait4(task, WaitTarget::Any, WaitOptions::empty()));
            assert_eq!(any.unwrap().unwrap().1, WaitStatus::Exited(0));
        }
    });
    assert_eq!(
        total.load(Ordering::Relaxed),
        4 * (1 + 100 + 4_096 + 10_000 + 70_000)
    );
}
