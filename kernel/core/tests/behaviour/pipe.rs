//! Pipes, named pipes, and who waits for whom.

use cenote_base::Fd;
use cenote_base::wait::block_on;
use cenote_kernel::abi::fs::Mode;
use cenote_kernel::abi::fs::{OpenFlags, S_IFIFO};
use cenote_kernel::abi::wait::{WaitOptions, WaitStatus};
use cenote_kernel::abi::{SigNum, SigSet};
use cenote_kernel::syscall::{self, At, WaitTarget};

use super::world::{World, assert_errno, deliver, fd, fork_with};

#[test]
fn read_returns_eof_after_last_writer_closes() {
    World::new().check(|task| {
        let (reader, writer) = syscall::pipe2(task, OpenFlags::empty()).unwrap();
        assert_eq!((reader, writer), (fd(0), fd(1)));
        let child = fork_with(task, move |child| {
            syscall::close(child, reader).unwrap();
            block_on(syscall::write(child, writer, b"hello")).unwrap();
            0
        })
        .unwrap();
        syscall::close(task, writer).unwrap();
        let mut buf = [0; 16];
        assert_eq!(block_on(syscall::read(task, reader, &mut buf)).unwrap(), 5);
        assert_eq!(block_on(syscall::read(task, reader, &mut buf)).unwrap(), 0);
        block_on(syscall::wait4(
            task,
            WaitTarget::Pid(child),
            WaitOptions::empty(),
        ))
        .unwrap();
    });
}

#[test]
fn writing_without_readers_fails_and_signals() {
    let world = World::new();
    world.check(|task| {
        syscall::rt_sigprocmask(
            task,
            cenote_kernel::abi::signal::SigMaskHow::Block,
            Some(SigSet::only(SigNum::SIGPIPE)),
        )
        .unwrap();
        let (reader, writer) = syscall::pipe2(task, OpenFlags::empty()).unwrap();
        syscall::close(task, reader).unwrap();
        assert_errno!(block_on(syscall::write(task, writer, b"x")), EPIPE);
        assert!(syscall::rt_sigpending(task).contains(SigNum::SIGPIPE));
    });
    let status = world.run(|task| {
        let (reader, writer) = syscall::pipe2(task, OpenFlags::empty()).unwrap();
        syscall::close(task, reader).unwrap();
        assert_errno!(block_on(syscall::write(task, writer, b"x")), EPIPE);
        deliver(task);
        0
    });
    assert_eq!(
        status,
        WaitStatus::Signaled {
            signal: SigNum::SIGPIPE,
            core: false
        }
    );
}

#[test]
fn large_write_waits_for_the_reader_and_arrives_whole() {
    World::new().check(|task| {
        let (reader, writer) = syscall::pipe2(task, OpenFlags::empty()).unwrap();
        fork_with(task, move |child| {
            syscall::close(child, reader).unwrap();
            let bytes: Vec<u8> = (0..1_000_000_u32)
                .map(|n| u8::try_from(n % 253).unwrap())
                .collect();
            assert_eq!(
                block_on(syscall::write(child, writer, &bytes)).unwrap(),
                bytes.len()
            );
            0
        })
        .unwrap();
        syscall::close(task, writer).unwrap();
        let (mut total, mut buf) = (0_u32, vec![0; 10_000]);
        loop {
            let count = block_on(syscall::read(task, reader, &mut buf)).unwrap();
            if count == 0 {
                break;
            }
            for byte in &buf[..count] {
                assert_eq!(u32::from(*byte), total % 253);
                total += 1;
            }
        }
        assert_eq!(total, 1_000_000);
    });
}

#[test]
fn nonblocking_ends_answer_eagain() {
    World::new().check(|task| {
        let (reader, writer) = syscall::pipe2(task, OpenFlags::O_NONBLOCK).unwrap();
        assert_errno!(block_on(syscall::read(task, reader, &mut [0; 4])), EAGAIN);
        assert_eq!(
            block_on(syscall::write(task, writer, &[0; 100_000])).unwrap(),
            65_536
        );
        assert_errno!(block_on(syscall::write(task, writer, &[0; 4])), EAGAIN);
        assert_errno!(
            syscall::lseek(task, reader, 0, cenote_kernel::abi::fs::Whence::Set),
            ESPIPE
        );
        assert_errno!(block_on(syscall::read(task, writer, &mut [0; 4])), EBADF);
        assert_errno!(syscall::pipe2(task, OpenFlags::O_APPEND), EINVAL);
    });
}

#[test]
fn named_pipe_opens_when_both_sides_are_there() {
    World::new().check(|task| {
        syscall::mknodat(task, At::Cwd, b"/tmp/fifo", S_IFIFO | 0o600, 0).unwrap();
        let open = |task: &_, flags| {
            block_on(syscall::openat(
                task,
                At::Cwd,
                b"/tmp/fifo",
                flags,
                Mode::empty(),
            ))
        };
        assert_errno!(
            open(task, OpenFlags::O_WRONLY | OpenFlags::O_NONBLOCK),
            ENXIO
        );
        fork_with(task, move |child| {
            let writer = block_on(syscall::openat(
                child,
                At::Cwd,
                b"/tmp/fifo",
                OpenFlags::O_WRONLY,
                Mode::empty(),
            ))
            .unwrap();
            block_on(syscall::write(child, writer, b"through")).unwrap();
            0
        })
        .unwrap();
        let reader = open(task, OpenFlags::O_RDONLY).unwrap();
        let mut buf = [0; 16];
        let mut text = Vec::new();
        loop {
            match block_on(syscall::read(task, reader, &mut buf)).unwrap() {
                0 => break,
                count => text.extend_from_slice(&buf[..count]),
            }
        }
        assert_eq!(text, b"through");
        assert_eq!(
            syscall::fstat(task, reader).unwrap().mode & 0o170_000,
            S_IFIFO
        );
    });
}

#[test]
fn pipe_can_be_opened_again_through_proc() {
    World::new().check(|task| {
        let (reader, writer) = syscall::pipe2(task, OpenFlags::empty()).unwrap();
        let path = format!("/dev/fd/{writer}");
        let again = block_on(syscall::openat(
            task,
            At::Cwd,
            path.as_bytes(),
            OpenFlags::O_WRONLY,
            Mode::empty(),
        ))
        .unwrap();
        block_on(syscall::write(task, again, b"again")).unwrap();
        syscall::close(task, writer).unwrap();
        syscall::close(task, again).unwrap();
        let mut buf = [0; 16];
        assert_eq!(block_on(syscall::read(task, reader, &mut buf)).unwrap(), 5);
        assert_eq!(block_on(syscall::read(task, reader, &mut buf)).unwrap(), 0);
        let link = syscall::readlinkat(task, At::Cwd, format!("/proc/self/fd/{reader}").as_bytes())
            .unwrap();
        assert!(
            link.starts_with(b"pipe:["),
            "{}",
            String::from_utf8_lossy(&link)
        );
    });
}

#[test]
fn embedder_reads_what_a_process_writes() {
    let world = World::new();
    let (reader, writer) = world.pipe();
    let child = world.spawn_with(
        |request| request.files.push((fd(1), writer)),
        |task| {
            block_on(syscall::write(task, fd(1), b"out")).unwrap();
            assert_errno!(block_on(syscall::write(task, Fd::new(2), b"err")), EBADF);
            0
        },
    );
    assert_eq!(block_on(child.wait()), WaitStatus::Exited(0));
    let mut buf = [0; 8];
    assert_eq!(
        block_on(cenote_kernel::host_io::read(&reader, &mut buf)).unwrap(),
        3
    );
    assert_eq!(
        block_on(cenote_kernel::host_io::read(&reader, &mut buf)).unwrap(),
        0
    );
}
