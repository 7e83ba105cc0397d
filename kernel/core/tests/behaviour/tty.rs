//! Terminals: job control through a pseudo-terminal, as a shell uses it.

use cenote_base::wait::block_on;
use cenote_base::{Gid, Pgid, Uid};
use cenote_kernel::abi::SigNum;
use cenote_kernel::abi::fs::{Mode, OpenFlags};
use cenote_kernel::abi::signal::SaFlags;
use cenote_kernel::abi::tty::{Termios, WinSize};
use cenote_kernel::abi::wait::{WaitOptions, WaitStatus};
use cenote_kernel::syscall::{self, At, WaitTarget};
use cenote_kernel::vfs::{IoctlRequest, TtyRequest};
use cenote_kernel::{SigAction, SigHandler, Task, host_io};

use super::world::{World, assert_errno, deliver, eventually, fd, fork_with};

const ROOT: (Uid, Gid) = (Uid::ROOT, Gid::ROOT);

fn tty(task: &Task, request: TtyRequest<'_>) -> cenote_base::SysResult<i32> {
    syscall::ioctl(task, fd(0), IoctlRequest::Tty(request))
}

fn ignore(task: &Task, signal: SigNum) {
    let action = SigAction {
        handler: SigHandler::Ignore,
        ..SigAction::default()
    };
    syscall::rt_sigaction(task, signal, Some(action)).unwrap();
}

#[test]
#[expect(clippy::too_many_lines, reason = "one conversation, told in order")]
fn keys_reach_the_foreground_group() {
    let world = World::new();
    let (master, terminal) = world
        .kernel
        .open_terminal(
            WinSize {
                rows: 24,
                cols: 80,
                xpixel: 0,
                ypixel: 0,
            },
            ROOT,
        )
        .unwrap();
    let slave = terminal.open_slave_file().unwrap();
    let child = world.spawn_with(
        |request| {
            request.files = vec![(fd(0), slave.clone()), (fd(1), slave)];
            request.controlling_terminal = Some(terminal.clone());
        },
        |task| {
            let mut window = WinSize::default();
            tty(task, TtyRequest::WindowSize(&mut window)).unwrap();
            assert_eq!((window.rows, window.cols), (24, 80));
            let mut session = 0;
            tty(task, TtyRequest::Session(&mut session)).unwrap();
            assert_eq!(session, task.pid().raw());
            ignore(task, SigNum::SIGTTOU);
            ignore(task, SigNum::SIGINT);
            // A job, as a shell starts it.
            let job = fork_with(task, |job| {
                block_on(syscall::write(job, fd(1), b"job\n")).unwrap();
                loop {
                    block_on(syscall::pause(job)).unwrap_err();
                    deliver(job);
                    if job.must_end() {
                        return 0;
                    }
                }
            })
            .unwrap();
            syscall::rt_sigaction(task, SigNum::SIGINT, Some(SigAction::default())).unwrap();
            ignore(task, SigNum::SIGINT);
            syscall::setpgid(task, job, Pgid::new(0)).unwrap();
            tty(task, TtyRequest::SetForegroundGroup(job.raw())).unwrap();
            let (_, status, _) = block_on(syscall::wait4(
                task,
                WaitTarget::Pid(job),
                WaitOptions::WUNTRACED,
            ))
            .unwrap()
            .unwrap();
            assert_eq!(status, WaitStatus::Stopped(SigNum::SIGTSTP));
            tty(task, TtyRequest::SetForegroundGroup(task.pid().raw())).unwrap();
            syscall::kill(task, job.raw(), Some(SigNum::SIGKILL)).unwrap();
            block_on(syscall::wait4(
                task,
                WaitTarget::Pid(job),
                WaitOptions::empty(),
            ))
            .unwrap();
            let mut line = [0; 64];
            let count = block_on(syscall::read(task, fd(0), &mut line)).unwrap();
            assert_eq!(&line[..count], b"typed\n");
            // The terminal can be opened by its names.
            let again = block_on(syscall::openat(
                task,
                At::Cwd,
                b"/dev/tty",
                OpenFlags::O_RDWR,
                Mode::empty(),
            ))
            .unwrap();
            block_on(syscall::write(task, again, b"bye\n")).unwrap();
            assert!(
                block_on(syscall::openat(
                    task,
                    At::Cwd,
                    b"/dev/pts/0",
                    OpenFlags::O_RDWR,
                    Mode::empty()
                ))
                .is_ok()
            );
            0
        },
    );
    let mut text = Vec::new();
    let mut read_until = |what: &[u8]| {
        while !text.windows(what.len()).any(|window| window == what) {
            let mut buf = [0; 256];
            let count = block_on(host_io::read(&master, &mut buf)).unwrap();
            text.extend_from_slice(&buf[..count]);
        }
        text.clear();
    };
    read_until(b"job\r\n");
    eventually(|| terminal.foreground() != Some(Pgid::new(child.pid().raw())));
    block_on(host_io::write_all(&master, b"\x1a")).unwrap();
    read_until(b"^Z");
    block_on(host_io::write_all(&master, b"typo\x7fed\r")).unwrap();
    read_until(b"bye\r\n");
    assert_eq!(block_on(child.wait()), WaitStatus::Exited(0));
}

#[test]
fn background_group_is_stopped_when_it_reads() {
    let world = World::new();
    let (_master, terminal) = world
        .kernel
        .open_terminal(WinSize::default(), ROOT)
        .unwrap();
    let slave = terminal.open_slave_file().unwrap();
    let child = world.spawn_with(
        |request| {
            request.files = vec![(fd(0), slave)];
            request.controlling_terminal = Some(terminal.clone());
        },
        |task| {
            let job = fork_with(task, |job| {
                syscall::setpgid(job, cenote_base::Pid::new(0), Pgid::new(0)).unwrap();
                block_on(syscall::read(job, fd(0), &mut [0; 8])).unwrap_err();
                deliver(job);
                0
            })
            .unwrap();
            let wait = |options| {
                block_on(syscall::wait4(task, WaitTarget::Pid(job), options))
                    .unwrap()
                    .unwrap()
                    .1
            };
            assert_eq!(
                wait(WaitOptions::WUNTRACED),
                WaitStatus::Stopped(SigNum::SIGTTIN)
            );
            syscall::kill(task, job.raw(), Some(SigNum::SIGKILL)).unwrap();
            wait(WaitOptions::empty());
            0
        },
    );
    assert_eq!(block_on(child.wait()), WaitStatus::Exited(0));
}

#[test]
fn closing_the_master_hangs_up() {
    let world = World::new();
    let (master, terminal) = world
        .kernel
        .open_terminal(WinSize::default(), ROOT)
        .unwrap();
    let slave = terminal.open_slave_file().unwrap();
    let child = world.spawn_with(
        |request| {
            request.files = vec![(fd(0), slave)];
            request.controlling_terminal = Some(terminal.clone());
        },
        |task| {
            block_on(syscall::read(task, fd(0), &mut [0; 8])).unwrap_err();
            0
        },
    );
    drop(master);
    assert_eq!(
        block_on(child.wait()),
        WaitStatus::Signaled {
            signal: SigNum::SIGHUP,
            core: false
        }
    );
}

#[test]
fn guest_makes_a_pseudo_terminal_of_its_own() {
    World::new().check(|task| {
        let open = |path: &[u8]| {
            block_on(syscall::openat(
                task,
                At::Cwd,
                path,
                OpenFlags::O_RDWR | OpenFlags::O_NOCTTY,
                Mode::empty(),
            ))
        };
        let master = open(b"/dev/ptmx").unwrap();
        let mut number = 99;
        syscall::ioctl(
            task,
            master,
            IoctlRequest::Tty(TtyRequest::PtyNumber(&mut number)),
        )
        .unwrap();
        let path = format!("/dev/pts/{number}");
        assert_errno!(open(path.as_bytes()), EIO);
        syscall::ioctl(task, master, IoctlRequest::Tty(TtyRequest::LockPty(false))).unwrap();
        let slave = open(path.as_bytes()).unwrap();
        let mut termios = Termios::INITIAL;
        syscall::ioctl(
            task,
            slave,
            IoctlRequest::Tty(TtyRequest::Settings(&mut termios)),
        )
        .unwrap();
        block_on(syscall::write(task, slave, b"a\n")).unwrap();
        let mut buf = [0; 8];
        assert_eq!(block_on(syscall::read(task, master, &mut buf)).unwrap(), 3);
        let action = SigAction {
            handler: SigHandler::Function(1),
            flags: SaFlags::empty(),
            ..SigAction::default()
        };
        syscall::rt_sigaction(task, SigNum::SIGWINCH, Some(action)).unwrap();
        syscall::ioctl(
            task,
            slave,
            IoctlRequest::Tty(TtyRequest::SetControlling(false)),
        )
        .unwrap();
        let window = WinSize {
            rows: 10,
            ..WinSize::default()
        };
        syscall::ioctl(
            task,
            master,
            IoctlRequest::Tty(TtyRequest::SetWindowSize(window)),
        )
        .unwrap();
        assert_eq!(deliver(task), [SigNum::SIGWINCH.raw()]);
        assert_errno!(open(b"/dev/pts/77"), ENOENT);
    });
}
