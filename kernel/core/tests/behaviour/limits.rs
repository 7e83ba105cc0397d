//! What a machine and a process may use, and what hitting each limit does.

use cenote_base::limits::{Limits, Resource};
use cenote_base::wait::block_on;
use cenote_base::{Credentials, Gid, Pid, Uid};
use cenote_kernel::abi::SigNum;
use cenote_kernel::abi::fs::{Mode, OpenFlags};
use cenote_kernel::abi::limits::{RLimit, Resource as Rlimit};
use cenote_kernel::abi::socket::{AddressFamily, SocketFlags, SocketType};
use cenote_kernel::abi::wait::{WaitOptions, WaitStatus};
use cenote_kernel::syscall::{self, At, WaitTarget};

use super::world::{World, assert_errno, eventually, fork_with};

#[test]
fn fork_bomb_stops_at_the_limit_and_the_machine_goes_on() {
    let world = World::with_limits(Limits {
        processes: 8,
        ..Limits::default()
    });
    world.check(|task| {
        let mut children = 0;
        loop {
            let made = fork_with(task, |child| {
                block_on(syscall::pause(child)).unwrap_err();
                0
            });
            match made {
                Ok(_) => children += 1,
                Err(error) => {
                    assert_eq!(error.errno(), cenote_kernel::abi::Errno::EAGAIN);
                    break;
                }
            }
        }
        assert_eq!(children, 7);
        syscall::kill(task, -1, Some(SigNum::SIGKILL)).unwrap();
        for _ in 0..children {
            block_on(syscall::wait4(task, WaitTarget::Any, WaitOptions::empty()))
                .unwrap()
                .unwrap();
        }
        let child = fork_with(task, |_| 0).unwrap();
        block_on(syscall::wait4(
            task,
            WaitTarget::Pid(child),
            WaitOptions::empty(),
        ))
        .unwrap();
    });
    let budget = world.kernel.budget();
    eventually(|| budget.used(Resource::Processes) == 0);
}

#[test]
fn users_have_a_limit_of_their_own() {
    let world = World::new();
    let status = world.spawn_with(
        |request| request.credentials = Credentials::of(Uid::new(7), Gid::new(7)),
        |task| {
            let limit = RLimit { soft: 1, hard: 1 };
            syscall::prlimit64(task, Pid::new(0), Rlimit::Processes, Some(limit)).unwrap();
            assert_errno!(syscall::fork(task), EAGAIN);
            // What was lowered cannot be raised again.
            assert_errno!(
                syscall::prlimit64(task, Pid::new(0), Rlimit::Processes, Some(RLimit::both(2))),
                EPERM
            );
            assert_errno!(
                syscall::prlimit64(
                    task,
                    Pid::new(0),
                    Rlimit::Core,
                    Some(RLimit { soft: 2, hard: 1 })
                ),
                EINVAL
            );
            0
        },
    );
    assert_eq!(block_on(status.wait()), WaitStatus::Exited(0));
}

#[test]
fn descriptor_flood_stops_at_the_process_limit_then_at_the_machines() {
    let world = World::with_limits(Limits {
        open_files: 40,
        ..Limits::default()
    });
    world.check(|task| {
        syscall::prlimit64(
            task,
            Pid::new(0),
            Rlimit::OpenFiles,
            Some(RLimit { soft: 10, hard: 40 }),
        )
        .unwrap();
        let open = || {
            block_on(syscall::openat(
                task,
                At::Cwd,
                b"/tmp",
                OpenFlags::O_RDONLY,
                Mode::empty(),
            ))
        };
        for _ in 0..10 {
            open().unwrap();
        }
        assert_errno!(open(), EMFILE);
        assert_errno!(syscall::pipe2(task, OpenFlags::empty()), EMFILE);
        assert_errno!(
            syscall::dup2(task, super::world::fd(0), super::world::fd(10)),
            EBADF
        );
        syscall::prlimit64(
            task,
            Pid::new(0),
            Rlimit::OpenFiles,
            Some(RLimit { soft: 40, hard: 40 }),
        )
        .unwrap();
        let children: Vec<Pid> = (0..4)
            .map(|_| {
                fork_with(task, |child| {
                    let mut opened = 0;
                    while let Ok(_fd) = block_on(syscall::openat(
                        child,
                        At::Cwd,
                        b"/tmp",
                        OpenFlags::O_RDONLY,
                        Mode::empty(),
                    )) {
                        opened += 1;
                    }
                    block_on(syscall::pause(child)).unwrap_err();
                    opened
                })
                .unwrap()
            })
            .collect();
        let budget = task.kernel().budget();
        eventually(|| budget.used(Resource::OpenFiles) == 40);
        assert_errno!(open(), ENFILE);
        for child in children {
            syscall::kill(task, child.raw(), Some(SigNum::SIGKILL)).unwrap();
            block_on(syscall::wait4(
                task,
                WaitTarget::Pid(child),
                WaitOptions::empty(),
            ))
            .unwrap();
        }
        assert!(open().is_ok());
    });
}

#[test]
fn pipes_sockets_and_files_stop_at_the_machines_limits() {
    let limits = Limits {
        pipes: 3,
        sockets: 3,
        filesystem_bytes: 1 << 20,
        inodes: 40,
        ..Limits::default()
    };
    World::with_limits(limits).check(|task| {
        let pipes: Vec<_> = std::iter::from_fn(|| syscall::pipe2(task, OpenFlags::empty()).ok())
            .take(10)
            .collect();
        assert_eq!(pipes.len(), 3);
        assert_errno!(syscall::pipe2(task, OpenFlags::empty()), ENFILE);
        let make = || {
            syscall::socket(
                task,
                AddressFamily::Unix,
                SocketType::Stream,
                0,
                SocketFlags::empty(),
            )
        };
        let sockets: Vec<_> = std::iter::from_fn(|| make().ok()).take(10).collect();
        assert_eq!(sockets.len(), 3);
        assert_errno!(make(), ENFILE);
        let flags = OpenFlags::O_RDWR | OpenFlags::O_CREAT;
        let file = block_on(syscall::openat(
            task,
            At::Cwd,
            b"/tmp/big",
            flags,
            Mode::from_raw(0o600),
        ))
        .unwrap();
        let mut written = 0;
        let error = loop {
            match block_on(syscall::write(task, file, &[7; 64 << 10])) {
                Ok(count) => written += count,
                Err(error) => break error,
            }
        };
        assert_eq!(error.errno(), cenote_kernel::abi::Errno::ENOSPC);
        assert!(written <= 1 << 20);
        let mut made = 0;
        while syscall::mkdirat(
            task,
            At::Cwd,
            format!("/tmp/{made}").as_bytes(),
            Mode::from_raw(0o700),
        )
        .is_ok()
        {
            made += 1;
            assert!(made < 100, "inodes have no limit");
        }
    });
}

#[test]
fn signal_storm_is_bounded() {
    World::new().check(|task| {
        let set = cenote_kernel::abi::SigSet::only(SigNum::SIGRTMIN);
        syscall::rt_sigprocmask(
            task,
            cenote_kernel::abi::signal::SigMaskHow::Block,
            Some(set),
        )
        .unwrap();
        let send = || {
            syscall::rt_sigqueueinfo(
                task,
                task.pid(),
                syscall::queued_info(task, SigNum::SIGRTMIN, 0),
            )
        };
        let mut sent = 0;
        while send().is_ok() {
            sent += 1;
            assert!(sent < 100_000, "the queue has no end");
        }
        assert_errno!(send(), EAGAIN);
    });
}

#[test]
fn timers_of_a_process_are_bounded() {
    World::new().check(|task| {
        use cenote_kernel::abi::clock::ClockId;
        use cenote_kernel::syscall::TimerEvent;
        let make = || syscall::timer_create(task, ClockId::Monotonic, TimerEvent::Nothing);
        let timers: Vec<i32> = std::iter::from_fn(|| make().ok()).take(1_000).collect();
        assert!(timers.len() < 1_000);
        assert_errno!(make(), EAGAIN);
        syscall::timer_delete(task, timers[0]).unwrap();
        assert!(make().is_ok());
    });
}

#[test]
fn inotify_instances_and_their_queues_are_bounded() {
    World::new().check(|task| {
        use cenote_kernel::abi::fs::AtFlags;
        use cenote_kernel::abi::poll::{InotifyFlags, InotifyMask};
        let make = || syscall::inotify_init1(task, InotifyFlags::IN_NONBLOCK);
        let first = make().unwrap();
        let mut made = 1;
        while make().is_ok() {
            made += 1;
            assert!(made < 1_000, "instances have no limit");
        }
        assert_errno!(make(), EMFILE);
        syscall::inotify_add_watch(task, first, b"/tmp", InotifyMask::IN_ALL_EVENTS).unwrap();
        for round in 0..3_000 {
            let path = format!("/tmp/{round}");
            syscall::mkdirat(task, At::Cwd, path.as_bytes(), Mode::from_raw(0o700)).unwrap();
            syscall::unlinkat(task, At::Cwd, path.as_bytes(), AtFlags::AT_REMOVEDIR).unwrap();
        }
        let mut buf = vec![0; 64 << 10];
        let mut total = 0;
        while let Ok(count) = block_on(syscall::read(task, first, &mut buf)) {
            total += count;
        }
        assert!(total <= 32 * 4_100, "{total}");
    });
}

#[test]
fn timer_of_a_nanosecond_does_not_keep_the_host_busy() {
    let world = World::new();
    let clock = world.clock.clone();
    world.check(move |task| {
        use cenote_kernel::abi::clock::{ClockId, TimerSpec};
        use cenote_kernel::abi::fs::Timespec;
        use cenote_kernel::abi::poll::{TimerFdFlags, TimerFdSetFlags};
        let fd = syscall::timerfd_create(task, ClockId::Monotonic, TimerFdFlags::empty()).unwrap();
        let tick = Timespec { sec: 0, nsec: 1 };
        let spec = TimerSpec {
            interval: tick,
            value: tick,
        };
        syscall::timerfd_settime(task, fd, TimerFdSetFlags::empty(), spec).unwrap();
        clock.advance(std::time::Duration::from_micros(1));
        let mut count = [0; 8];
        block_on(syscall::read(task, fd, &mut count)).unwrap();
        // All that happened in that time, told at once; the next look is a millisecond later.
        assert_eq!(u64::from_ne_bytes(count), 1_000);
        clock.advance(std::time::Duration::from_millis(1));
        block_on(syscall::read(task, fd, &mut count)).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 1_000_000);
    });
}
