//! fork, exec, exit, wait, groups and sessions.

use cenote_base::wait::block_on;
use cenote_base::{Pgid, Pid};
use cenote_kernel::abi::signal::SigMaskHow;
use cenote_kernel::abi::wait::{WaitOptions, WaitStatus};
use cenote_kernel::abi::{SigNum, SigSet};
use cenote_kernel::process::ProcessState;
use cenote_kernel::syscall::{self, WaitTarget};
use cenote_kernel::{SigAction, SigHandler, Spawn};

use super::world::{World, assert_errno, deliver, eventually, fork_with};

#[test]
fn parent_waits_for_each_child_and_learns_how_it_ended() {
    World::new().check(|task| {
        let exits = fork_with(task, |_| 7).unwrap();
        let (pid, status, _) = block_on(syscall::wait4(
            task,
            WaitTarget::Pid(exits),
            WaitOptions::empty(),
        ))
        .unwrap()
        .unwrap();
        assert_eq!((pid, status), (exits, WaitStatus::Exited(7)));
        let dies = fork_with(task, |child| {
            syscall::kill(child, child.pid().raw(), Some(SigNum::SIGSEGV)).unwrap();
            0
        })
        .unwrap();
        let (pid, status, _) =
            block_on(syscall::wait4(task, WaitTarget::Any, WaitOptions::empty()))
                .unwrap()
                .unwrap();
        assert_eq!(
            (pid, status),
            (
                dies,
                WaitStatus::Signaled {
                    signal: SigNum::SIGSEGV,
                    core: true
                }
            )
        );
        assert_errno!(
            block_on(syscall::wait4(task, WaitTarget::Any, WaitOptions::empty())),
            ECHILD
        );
    });
}

#[test]
fn zombie_stays_until_it_is_waited_for_and_nowait_leaves_it() {
    World::new().check(|task| {
        let child = fork_with(task, |_| 3).unwrap();
        let options = WaitOptions::WEXITED | WaitOptions::WNOWAIT;
        let (info, _) = block_on(syscall::waitid(task, WaitTarget::Pid(child), options))
            .unwrap()
            .unwrap();
        assert_eq!((info.pid, info.status), (child.raw(), 3));
        let zombie = task
            .kernel()
            .processes()
            .into_iter()
            .find(|info| info.pid == child)
            .unwrap();
        assert_eq!(zombie.state, ProcessState::Zombie(WaitStatus::Exited(3)));
        let no_wait = block_on(syscall::wait4(
            task,
            WaitTarget::Pid(child),
            WaitOptions::WNOHANG,
        ))
        .unwrap();
        assert_eq!(no_wait.unwrap().0, child);
        assert!(task.kernel().process(child).is_none());
    });
}

#[test]
fn orphans_go_to_init_which_buries_them() {
    let world = World::new();
    let (reader, writer) = world.pipe();
    let kernel = world.kernel.clone();
    let status = world.run(move |task| {
        let file = writer.clone();
        fork_with(task, move |child| {
            let parent = syscall::getppid(child);
            let file = file.clone();
            fork_with(child, move |orphan| {
                eventually(|| syscall::getppid(orphan) == Pid::INIT);
                file.write(&[1]).unwrap();
                0
            })
            .unwrap();
            assert_ne!(parent, Pid::INIT);
            0
        })
        .unwrap();
        block_on(syscall::wait4(task, WaitTarget::Any, WaitOptions::empty())).unwrap();
        0
    });
    assert_eq!(status, WaitStatus::Exited(0));
    let mut byte = [0];
    block_on(cenote_kernel::host_io::read(&reader, &mut byte)).unwrap();
    assert_eq!(byte, [1]);
    eventually(|| kernel.processes().len() == 1);
}

#[test]
fn subreaper_adopts_what_is_below_it() {
    World::new().check(|task| {
        use cenote_kernel::abi::user::PR_SET_CHILD_SUBREAPER;
        syscall::prctl(task, syscall::Prctl::Option(PR_SET_CHILD_SUBREAPER, 1)).unwrap();
        let own = task.pid();
        let child = fork_with(task, move |child| {
            fork_with(child, move |orphan| {
                eventually(|| syscall::getppid(orphan) == own);
                9
            })
            .unwrap();
            0
        })
        .unwrap();
        block_on(syscall::wait4(
            task,
            WaitTarget::Pid(child),
            WaitOptions::empty(),
        ))
        .unwrap();
        let (_, status, _) = block_on(syscall::wait4(task, WaitTarget::Any, WaitOptions::empty()))
            .unwrap()
            .unwrap();
        assert_eq!(status, WaitStatus::Exited(9));
    });
}

#[test]
fn exec_keeps_pid_mask_and_ignored_signals_and_resets_handlers() {
    let world = World::new();
    world.program("/bin/second", |task| {
        let ignored = syscall::rt_sigaction(task, SigNum::SIGUSR1, None)
            .unwrap()
            .handler;
        let handled = syscall::rt_sigaction(task, SigNum::SIGUSR2, None)
            .unwrap()
            .handler;
        assert_eq!(
            (ignored, handled),
            (SigHandler::Ignore, SigHandler::Default)
        );
        let mask = syscall::rt_sigprocmask(task, SigMaskHow::Block, None).unwrap();
        assert!(mask.contains(SigNum::SIGTERM));
        assert_eq!(task.argv().to_vec(), [b"second".to_vec(), b"x".to_vec()]);
        // The descriptor without FD_CLOEXEC is still there, the other is gone.
        assert!(task.files().get(super::world::fd(0)).is_ok());
        assert_errno!(task.files().get(super::world::fd(1)), EBADF);
        task.pid().raw()
    });
    let child = world.spawn(|task| {
        syscall::pipe2(task, cenote_kernel::abi::fs::OpenFlags::empty()).unwrap();
        task.files()
            .set_flags(
                super::world::fd(1),
                cenote_kernel::abi::fs::FdFlags::FD_CLOEXEC,
            )
            .unwrap();
        let ignore = SigAction {
            handler: SigHandler::Ignore,
            ..SigAction::default()
        };
        syscall::rt_sigaction(task, SigNum::SIGUSR1, Some(ignore)).unwrap();
        let handle = SigAction {
            handler: SigHandler::Function(1),
            ..SigAction::default()
        };
        syscall::rt_sigaction(task, SigNum::SIGUSR2, Some(handle)).unwrap();
        syscall::rt_sigprocmask(task, SigMaskHow::Block, Some(SigSet::only(SigNum::SIGTERM)))
            .unwrap();
        let argv = vec![b"second".to_vec(), b"x".to_vec()];
        assert_errno!(
            block_on(syscall::execve(
                task,
                b"/bin/nothing",
                argv.clone(),
                Vec::new()
            ))
            .map(|_| ()),
            ENOENT
        );
        let program = block_on(syscall::execve(task, b"/bin/second", argv, Vec::new())).unwrap();
        // As a runtime does: the old program is gone before the new one starts, on the same task.
        program.start(task.clone());
        std::thread::park_timeout(std::time::Duration::from_secs(5));
        0
    });
    let expected = u8::try_from(child.pid().raw()).unwrap();
    assert_eq!(block_on(child.wait()), WaitStatus::Exited(expected));
}

#[test]
fn shebang_lines_are_followed_with_one_argument_and_a_bound() {
    let world = World::new();
    world.program("/bin/interpreter", |task| {
        let argv: Vec<String> = task
            .argv()
            .iter()
            .map(|arg| String::from_utf8_lossy(arg).into_owned())
            .collect();
        assert_eq!(argv, ["/bin/interpreter", "-a b", "/tmp/script", "one"]);
        5
    });
    world.write_file("/tmp/script", b"#!/bin/interpreter  -a b \necho\n", 0o755);
    world.write_file("/tmp/loop", b"#!/tmp/loop\n", 0o755);
    world.write_file("/tmp/text", b"echo hi\n", 0o755);
    world.write_file("/tmp/elf", b"\x7fELF\x02\x01", 0o755);
    world.write_file("/tmp/plain", b"test-program /bin/interpreter", 0o644);
    world.check(|task| {
        let spawn = |path: &str| {
            let request = Spawn {
                path: path.into(),
                argv: vec![path.into(), b"one".to_vec()],
                ..Spawn::default()
            };
            block_on(syscall::posix_spawn(task, request))
        };
        let pid = spawn("/tmp/script").unwrap();
        let (_, status, _) = block_on(syscall::wait4(
            task,
            WaitTarget::Pid(pid),
            WaitOptions::empty(),
        ))
        .unwrap()
        .unwrap();
        assert_eq!(status, WaitStatus::Exited(5));
        assert_errno!(spawn("/tmp/loop"), ELOOP);
        assert_errno!(spawn("/tmp/text"), ENOEXEC);
        assert_errno!(spawn("/tmp/elf"), ENOEXEC);
        assert_errno!(spawn("/tmp/plain"), EACCES);
        assert_errno!(spawn("/tmp"), EACCES);
        assert_errno!(spawn("/tmp/missing"), ENOENT);
        // Nothing of the failures is left.
        assert_errno!(
            block_on(syscall::wait4(task, WaitTarget::Any, WaitOptions::WNOHANG)),
            ECHILD
        );
    });
}

#[test]
fn arguments_are_bounded() {
    let world = World::new();
    world.program("/bin/true", |_| 0);
    world.check(|task| {
        let spawn = |argv: Vec<Vec<u8>>| {
            let request = Spawn {
                path: b"/bin/true".to_vec(),
                argv,
                ..Spawn::default()
            };
            block_on(syscall::posix_spawn(task, request))
        };
        assert_errno!(spawn(vec![vec![b'x'; 128 << 10]]), E2BIG);
        assert_errno!(spawn(vec![vec![b'x'; 100 << 10]; 21]), E2BIG);
        assert!(spawn(vec![vec![b'x'; 100 << 10]; 20]).is_ok());
    });
}

#[test]
fn groups_and_sessions_follow_the_rules() {
    World::new().check(|task| {
        // The process leads its session.
        assert_errno!(syscall::setsid(task), EPERM);
        assert_errno!(syscall::setpgid(task, Pid::new(0), Pgid::new(0)), EPERM);
        let child = fork_with(task, |child| {
            block_on(syscall::pause(child)).unwrap_err();
            0
        })
        .unwrap();
        syscall::setpgid(task, child, Pgid::new(0)).unwrap();
        assert_eq!(
            syscall::getpgid(task, child).unwrap(),
            Pgid::new(child.raw())
        );
        assert_errno!(syscall::setpgid(task, child, Pgid::new(12_345)), EPERM);
        assert_errno!(
            syscall::setpgid(task, Pid::new(12_345), Pgid::new(0)),
            ESRCH
        );
        // A group is signalled and waited for as one.
        syscall::kill(task, -child.raw(), Some(SigNum::SIGTERM)).unwrap();
        let group = WaitTarget::Group(Pgid::new(child.raw()));
        let (_, status, _) = block_on(syscall::wait4(task, group, WaitOptions::empty()))
            .unwrap()
            .unwrap();
        assert_eq!(
            status,
            WaitStatus::Signaled {
                signal: SigNum::SIGTERM,
                core: false
            }
        );
        let leaves = fork_with(task, |child| {
            assert_eq!(syscall::setsid(child).unwrap().raw(), child.pid().raw());
            0
        })
        .unwrap();
        let (_, status, _) = block_on(syscall::wait4(
            task,
            WaitTarget::Pid(leaves),
            WaitOptions::empty(),
        ))
        .unwrap()
        .unwrap();
        assert_eq!(status, WaitStatus::Exited(0));
    });
}

#[test]
fn stop_and_continue_are_reported_once() {
    World::new().check(|task| {
        let child = fork_with(task, |child| {
            loop {
                if block_on(syscall::pause(child)).is_err() {
                    deliver(child);
                }
                if child.must_end() {
                    return 0;
                }
            }
        })
        .unwrap();
        let wait = |options| block_on(syscall::wait4(task, WaitTarget::Pid(child), options));
        syscall::kill(task, child.raw(), Some(SigNum::SIGSTOP)).unwrap();
        assert_eq!(
            wait(WaitOptions::WUNTRACED).unwrap().unwrap().1,
            WaitStatus::Stopped(SigNum::SIGSTOP)
        );
        assert_eq!(
            wait(WaitOptions::WUNTRACED | WaitOptions::WNOHANG).unwrap(),
            None
        );
        // A stopped process does not end by SIGTERM until it is continued.
        syscall::kill(task, child.raw(), Some(SigNum::SIGTERM)).unwrap();
        assert_eq!(wait(WaitOptions::WNOHANG).unwrap(), None);
        syscall::kill(task, child.raw(), Some(SigNum::SIGCONT)).unwrap();
        assert_eq!(
            wait(WaitOptions::empty()).unwrap().unwrap().1,
            WaitStatus::Signaled {
                signal: SigNum::SIGTERM,
                core: false
            }
        );
    });
}

#[test]
fn kill_ends_a_stopped_process() {
    World::new().check(|task| {
        let child = fork_with(task, |child| {
            block_on(syscall::pause(child)).unwrap_err();
            deliver(child);
            0
        })
        .unwrap();
        let wait = |options| {
            block_on(syscall::wait4(task, WaitTarget::Pid(child), options))
                .unwrap()
                .unwrap()
                .1
        };
        syscall::kill(task, child.raw(), Some(SigNum::SIGSTOP)).unwrap();
        wait(WaitOptions::WUNTRACED);
        syscall::kill(task, child.raw(), Some(SigNum::SIGKILL)).unwrap();
        assert_eq!(
            wait(WaitOptions::empty()),
            WaitStatus::Signaled {
                signal: SigNum::SIGKILL,
                core: false
            }
        );
    });
}

#[test]
fn ignoring_sigchld_leaves_no_zombies() {
    World::new().check(|task| {
        let ignore = SigAction {
            handler: SigHandler::Ignore,
            ..SigAction::default()
        };
        syscall::rt_sigaction(task, SigNum::SIGCHLD, Some(ignore)).unwrap();
        let child = fork_with(task, |_| 0).unwrap();
        assert_errno!(
            block_on(syscall::wait4(
                task,
                WaitTarget::Pid(child),
                WaitOptions::empty()
            )),
            ECHILD
        );
        assert!(task.kernel().process(child).is_none());
    });
}

#[test]
fn embedder_can_kill_a_process_that_waits() {
    let world = World::new();
    let child = world.spawn(|task| {
        block_on(syscall::pause(task)).unwrap_err();
        0
    });
    child.kill(SigNum::SIGKILL).unwrap();
    assert_eq!(
        block_on(child.wait()),
        WaitStatus::Signaled {
            signal: SigNum::SIGKILL,
            core: false
        }
    );
    assert_errno!(child.kill(SigNum::SIGKILL), ESRCH);
    assert!(world.kernel.process(child.pid()).is_none());
}
