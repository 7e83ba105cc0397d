//! Sending, blocking, handling and waiting for signals.

use std::time::Duration;

use cenote_base::wait::block_on;
use cenote_base::{Credentials, Gid, Uid};
use cenote_kernel::abi::signal::{SaFlags, SigMaskHow};
use cenote_kernel::abi::wait::{WaitOptions, WaitStatus};
use cenote_kernel::abi::{SigNum, SigSet};
use cenote_kernel::syscall::{self, WaitTarget};
use cenote_kernel::{Delivery, SigAction, SigHandler, Task};

use super::world::{World, assert_errno, deliver, eventually, fork_with};

fn handle(task: &Task, signal: SigNum, flags: SaFlags) {
    let action = SigAction {
        handler: SigHandler::Function(8),
        flags,
        mask: SigSet::EMPTY,
    };
    syscall::rt_sigaction(task, signal, Some(action)).unwrap();
}

fn block(task: &Task, signals: &[SigNum]) {
    syscall::rt_sigprocmask(
        task,
        SigMaskHow::Block,
        Some(signals.iter().copied().collect()),
    )
    .unwrap();
}

fn send_self(task: &Task, signal: SigNum) {
    syscall::kill(task, task.pid().raw(), Some(signal)).unwrap();
}

#[test]
fn blocked_signal_stays_pending_until_it_is_let_through() {
    World::new().check(|task| {
        handle(task, SigNum::SIGUSR1, SaFlags::empty());
        block(task, &[SigNum::SIGUSR1]);
        send_self(task, SigNum::SIGUSR1);
        send_self(task, SigNum::SIGUSR1);
        assert!(deliver(task).is_empty());
        assert_eq!(syscall::rt_sigpending(task), SigSet::only(SigNum::SIGUSR1));
        syscall::rt_sigprocmask(task, SigMaskHow::SetMask, Some(SigSet::EMPTY)).unwrap();
        assert!(task.has_deliverable_signal());
        assert_eq!(deliver(task), [SigNum::SIGUSR1.raw()]);
        assert!(!task.has_deliverable_signal());
    });
}

#[test]
fn handler_runs_with_its_signal_and_mask_blocked() {
    World::new().check(|task| {
        let mask = SigSet::only(SigNum::SIGTERM);
        let action = SigAction {
            handler: SigHandler::Function(8),
            flags: SaFlags::SA_RESETHAND,
            mask,
        };
        syscall::rt_sigaction(task, SigNum::SIGUSR1, Some(action)).unwrap();
        send_self(task, SigNum::SIGUSR1);
        let Delivery::Handler(call) = block_on(task.next_delivery()) else {
            panic!("no handler")
        };
        let during = syscall::rt_sigprocmask(task, SigMaskHow::Block, None).unwrap();
        assert!(during.contains(SigNum::SIGUSR1) && during.contains(SigNum::SIGTERM));
        assert_eq!(call.info.pid, task.pid().raw());
        task.handler_returned(&call);
        assert!(
            syscall::rt_sigprocmask(task, SigMaskHow::Block, None)
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            syscall::rt_sigaction(task, SigNum::SIGUSR1, None)
                .unwrap()
                .handler,
            SigHandler::Default
        );
    });
}

#[test]
fn kill_and_stop_can_be_neither_handled_nor_blocked() {
    World::new().check(|task| {
        assert_errno!(
            syscall::rt_sigaction(task, SigNum::SIGKILL, Some(SigAction::default())),
            EINVAL
        );
        assert_errno!(
            syscall::rt_sigaction(task, SigNum::SIGSTOP, Some(SigAction::default())),
            EINVAL
        );
        syscall::rt_sigprocmask(task, SigMaskHow::SetMask, Some(SigSet::ALL)).unwrap();
        let mask = syscall::rt_sigprocmask(task, SigMaskHow::Block, None).unwrap();
        assert!(!mask.contains(SigNum::SIGKILL) && !mask.contains(SigNum::SIGSTOP));
    });
}

#[test]
fn default_action_ends_the_process_wherever_it_is() {
    let world = World::new();
    let status = world.run(|task| {
        send_self(task, SigNum::SIGTERM);
        assert!(task.must_end());
        3
    });
    assert_eq!(
        status,
        WaitStatus::Signaled {
            signal: SigNum::SIGTERM,
            core: false
        }
    );
}

#[test]
fn wait_is_interrupted_by_a_handler_and_not_by_an_ignored_signal() {
    World::new().check(|task| {
        let (reader, _writer) =
            syscall::pipe2(task, cenote_kernel::abi::fs::OpenFlags::empty()).unwrap();
        handle(task, SigNum::SIGUSR1, SaFlags::SA_RESTART);
        let parent = task.pid().raw();
        fork_with(task, move |child| {
            for signal in [SigNum::SIGWINCH, SigNum::SIGCONT, SigNum::SIGUSR1] {
                syscall::kill(child, parent, Some(signal)).unwrap();
            }
            0
        })
        .unwrap();
        let error = block_on(syscall::read(task, reader, &mut [0; 8])).unwrap_err();
        assert!(error.is_restartable());
        assert_eq!(deliver(task), [SigNum::SIGUSR1.raw()]);
    });
}

#[test]
fn sigsuspend_lets_a_signal_through_and_restores_the_mask() {
    World::new().check(|task| {
        handle(task, SigNum::SIGUSR1, SaFlags::empty());
        block(task, &[SigNum::SIGUSR1, SigNum::SIGUSR2]);
        send_self(task, SigNum::SIGUSR1);
        let error =
            block_on(syscall::rt_sigsuspend(task, SigSet::only(SigNum::SIGUSR2))).unwrap_err();
        assert!(!error.is_restartable());
        assert_eq!(deliver(task), [SigNum::SIGUSR1.raw()]);
        let mask = syscall::rt_sigprocmask(task, SigMaskHow::Block, None).unwrap();
        assert!(mask.contains(SigNum::SIGUSR1) && mask.contains(SigNum::SIGUSR2));
    });
}

#[test]
fn sigtimedwait_takes_a_signal_or_times_out() {
    let world = World::new();
    let clock = world.clock.clone();
    world.check(move |task| {
        let set = SigSet::only(SigNum::SIGRTMIN).union(SigSet::only(SigNum::SIGCHLD));
        block(task, &[SigNum::SIGRTMIN, SigNum::SIGCHLD]);
        for value in 0..3 {
            let info = syscall::queued_info(task, SigNum::SIGRTMIN, value);
            syscall::rt_sigqueueinfo(task, task.pid(), info).unwrap();
        }
        let values: Vec<u64> = (0..3)
            .map(|_| {
                block_on(syscall::rt_sigtimedwait(task, set, None))
                    .unwrap()
                    .value
            })
            .collect();
        assert_eq!(values, [0, 1, 2]);
        assert_errno!(
            block_on(syscall::rt_sigtimedwait(task, set, Some(Duration::ZERO))),
            EAGAIN
        );
        // SIGCHLD is ignored by default, but kept while it is blocked.
        fork_with(task, |_| 0).unwrap();
        assert_eq!(
            block_on(syscall::rt_sigtimedwait(task, set, None))
                .unwrap()
                .signo,
            SigNum::SIGCHLD
        );
        let clock = clock.clone();
        let is_over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let seen = is_over.clone();
        #[expect(clippy::disallowed_methods, reason = "the test drives the clock")]
        let driver = std::thread::spawn(move || {
            while !seen.load(std::sync::atomic::Ordering::Acquire) {
                clock.advance(Duration::from_millis(100));
                std::thread::yield_now();
            }
        });
        assert_errno!(
            block_on(syscall::rt_sigtimedwait(
                task,
                set,
                Some(Duration::from_secs(1))
            )),
            EAGAIN
        );
        is_over.store(true, std::sync::atomic::Ordering::Release);
        driver.join().unwrap();
    });
}

#[test]
fn permission_to_signal_follows_users() {
    let world = World::new();
    let victim = world.spawn(|task| {
        block_on(syscall::pause(task)).unwrap_err();
        0
    });
    let pid = victim.pid().raw();
    let as_user = |request: &mut cenote_kernel::SpawnRequest| {
        request.credentials = Credentials::of(Uid::new(1000), Gid::new(1000));
    };
    let prober = world.spawn_with(as_user, move |task| {
        assert_errno!(syscall::kill(task, pid, Some(SigNum::SIGTERM)), EPERM);
        assert_errno!(syscall::kill(task, pid, None), EPERM);
        assert_errno!(syscall::kill(task, 30_000, None), ESRCH);
        assert_errno!(syscall::kill(task, 1, Some(SigNum::SIGKILL)), EPERM);
        0
    });
    assert_eq!(block_on(prober.wait()), WaitStatus::Exited(0));
    assert_eq!(victim.try_status(), None);
}

#[test]
fn stop_signals_of_the_terminal_do_nothing_in_an_orphaned_group() {
    World::new().check(|task| {
        send_self(task, SigNum::SIGTSTP);
        assert!(deliver(task).is_empty());
        assert!(!task.process().is_stopped());
    });
}

#[test]
fn newly_orphaned_stopped_group_is_hung_up_and_continued() {
    World::new().check(|task| {
        let (reader, writer) =
            syscall::pipe2(task, cenote_kernel::abi::fs::OpenFlags::empty()).unwrap();
        let middle = fork_with(task, move |middle| {
            let stopped = fork_with(middle, move |child| {
                handle(child, SigNum::SIGHUP, SaFlags::empty());
                send_self(child, SigNum::SIGSTOP);
                let handled = deliver(child);
                assert_eq!(handled, [SigNum::SIGHUP.raw()]);
                block_on(syscall::write(child, writer, b"h")).unwrap();
                0
            })
            .unwrap();
            syscall::setpgid(middle, stopped, cenote_base::Pgid::new(0)).unwrap();
            block_on(syscall::wait4(
                middle,
                WaitTarget::Pid(stopped),
                WaitOptions::WUNTRACED,
            ))
            .unwrap();
            0
        })
        .unwrap();
        block_on(syscall::wait4(
            task,
            WaitTarget::Pid(middle),
            WaitOptions::empty(),
        ))
        .unwrap();
        let mut byte = [0];
        block_on(syscall::read(task, reader, &mut byte)).unwrap();
        assert_eq!(&byte, b"h");
    });
}

#[test]
fn interval_timer_sends_sigalrm_again_and_again() {
    let world = World::new();
    let clock = world.clock.clone();
    world.check(move |task| {
        use cenote_kernel::abi::clock::{ItimerKind, TimerSpec};
        use cenote_kernel::abi::fs::Timespec;
        handle(task, SigNum::SIGALRM, SaFlags::empty());
        let second = Timespec { sec: 1, nsec: 0 };
        let spec = TimerSpec {
            interval: second,
            value: second,
        };
        syscall::setitimer(task, ItimerKind::Real, spec).unwrap();
        for _ in 0..3 {
            assert!(deliver(task).is_empty());
            clock.advance(Duration::from_secs(1));
            eventually(|| task.has_deliverable_signal());
            assert_eq!(deliver(task), [SigNum::SIGALRM.raw()]);
            // The driver has armed the next one once the timer shows a full interval.
            eventually(|| syscall::getitimer(task, ItimerKind::Real).unwrap().value == second);
        }
        let left = syscall::setitimer(task, ItimerKind::Real, TimerSpec::default()).unwrap();
        assert_eq!(left, spec);
        clock.advance(Duration::from_secs(5));
        assert!(deliver(task).is_empty());
    });
}

#[test]
fn sleep_is_cut_short_and_tells_what_was_left() {
    let world = World::new();
    let clock = world.clock.clone();
    world.check(move |task| {
        use cenote_kernel::abi::clock::{ClockId, TimerFlags};
        use cenote_kernel::abi::fs::Timespec;
        handle(task, SigNum::SIGUSR1, SaFlags::SA_RESTART);
        let parent = task.pid().raw();
        let ten = Timespec { sec: 10, nsec: 0 };
        let clock = clock.clone();
        fork_with(task, move |child| {
            clock.advance(Duration::from_secs(4));
            syscall::kill(child, parent, Some(SigNum::SIGUSR1)).unwrap();
            0
        })
        .unwrap();
        let (outcome, left) = block_on(syscall::clock_nanosleep(
            task,
            ClockId::Monotonic,
            TimerFlags::empty(),
            ten,
        ));
        assert_errno!(outcome, EINTR);
        assert!(!outcome.unwrap_err().is_restartable());
        // The child may have moved the clock before the sleep began.
        let left = left.unwrap().sec;
        assert!(left == 6 || left == 10, "{left}");
    });
}
