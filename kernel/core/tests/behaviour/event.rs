//! poll, select, epoll, eventfd, timerfd, signalfd.

use std::time::Duration;

use cenote_base::Fd;
use cenote_base::wait::block_on;
use cenote_kernel::Task;
use cenote_kernel::abi::clock::{ClockId, TimerSpec};
use cenote_kernel::abi::fs::{OpenFlags, Timespec};
use cenote_kernel::abi::poll::{
    EpollCreateFlags, EpollFlags, EpollOp, EventFdFlags, PollEvents, SignalFdFlags, TimerFdFlags,
    TimerFdSetFlags,
};
use cenote_kernel::abi::signal::SigMaskHow;
use cenote_kernel::abi::{SigNum, SigSet};
use cenote_kernel::syscall::{self, EpollEvent, FdSet, PollFd, SelectSets};

use super::world::{World, assert_errno, eventually, fork_with};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn pipe(task: &Task) -> (Fd, Fd) {
    syscall::pipe2(task, OpenFlags::O_NONBLOCK).unwrap()
}

fn write(task: &Task, fd: Fd, bytes: &[u8]) {
    assert_eq!(
        block_on(syscall::write(task, fd, bytes)).unwrap(),
        bytes.len()
    );
}

#[test]
fn poll_tells_what_is_ready_hung_up_and_not_open() {
    World::new().check(|task| {
        let (reader, writer) = pipe(task);
        let mut fds = [
            PollFd::new(reader, PollEvents::POLLIN),
            PollFd::new(writer, PollEvents::POLLOUT),
            PollFd::new(Fd::new(99), PollEvents::POLLIN),
            PollFd::new(Fd::new(-1), PollEvents::POLLIN),
        ];
        assert_eq!(
            block_on(syscall::poll(task, &mut fds, NOW, None)).unwrap(),
            2
        );
        assert_eq!(
            fds.map(|entry| entry.revents),
            [
                PollEvents::empty(),
                PollEvents::POLLOUT,
                PollEvents::POLLNVAL,
                PollEvents::empty()
            ]
        );
        syscall::close(task, writer).unwrap();
        let mut fds = [PollFd::new(reader, PollEvents::POLLIN)];
        assert_eq!(
            block_on(syscall::poll(task, &mut fds, None, None)).unwrap(),
            1
        );
        assert_eq!(fds[0].revents, PollEvents::POLLHUP);
    });
}

#[test]
fn poll_wakes_when_something_arrives() {
    World::new().check(|task| {
        let (reader, writer) = pipe(task);
        fork_with(task, move |child| {
            write(child, writer, b"x");
            0
        })
        .unwrap();
        let mut fds = [PollFd::new(reader, PollEvents::POLLIN)];
        assert_eq!(
            block_on(syscall::poll(task, &mut fds, None, None)).unwrap(),
            1
        );
        let mut sets = SelectSets::default();
        sets.read.insert(reader);
        sets.write.insert(writer);
        let end = writer.raw() + 1;
        assert_eq!(
            block_on(syscall::select(task, end, &mut sets, NOW, None)).unwrap(),
            2
        );
        assert!(
            sets.read.contains(reader)
                && sets.write.contains(writer)
                && sets.except == FdSet::default()
        );
    });
}

fn epoll_add(task: &Task, epoll: Fd, fd: Fd, events: PollEvents, flags: EpollFlags) {
    let event = EpollEvent {
        events,
        flags,
        data: u64::try_from(fd.raw()).unwrap(),
    };
    syscall::epoll_ctl(task, epoll, EpollOp::Add, fd, Some(event)).unwrap();
}

fn ready(task: &Task, epoll: Fd) -> Vec<(u64, PollEvents)> {
    let events = block_on(syscall::epoll_pwait(task, epoll, 16, NOW, None)).unwrap();
    events
        .iter()
        .map(|event| (event.data, event.events))
        .collect()
}

#[test]
fn epoll_is_level_or_edge_triggered_or_tells_once() {
    World::new().check(|task| {
        let epoll = syscall::epoll_create1(task, EpollCreateFlags::empty()).unwrap();
        let ends: Vec<(Fd, Fd)> = (0..3).map(|_| pipe(task)).collect();
        for ((reader, _), flags) in ends.iter().zip([
            EpollFlags::empty(),
            EpollFlags::EPOLLET,
            EpollFlags::EPOLLONESHOT,
        ]) {
            epoll_add(task, epoll, *reader, PollEvents::POLLIN, flags);
        }
        assert!(ready(task, epoll).is_empty());
        for (_, writer) in &ends {
            write(task, *writer, b"ab");
        }
        let data = |index: usize| u64::try_from(ends[index].0.raw()).unwrap();
        assert_eq!(ready(task, epoll).len(), 3);
        // Only the level-triggered one is told again.
        assert_eq!(ready(task, epoll), [(data(0), PollEvents::POLLIN)]);
        write(task, ends[1].1, b"c");
        write(task, ends[2].1, b"c");
        assert_eq!(
            ready(task, epoll),
            [(data(0), PollEvents::POLLIN), (data(1), PollEvents::POLLIN)]
        );
        let again = EpollEvent {
            events: PollEvents::POLLIN,
            flags: EpollFlags::EPOLLONESHOT,
            data: data(2),
        };
        syscall::epoll_ctl(task, epoll, EpollOp::Modify, ends[2].0, Some(again)).unwrap();
        assert!(ready(task, epoll).contains(&(data(2), PollEvents::POLLIN)));
        block_on(syscall::read(task, ends[0].0, &mut [0; 8])).unwrap();
        assert!(ready(task, epoll).is_empty());
        // What is closed is no longer watched.
        write(task, ends[0].1, b"d");
        syscall::close(task, ends[0].0).unwrap();
        assert!(ready(task, epoll).is_empty());
    });
}

#[test]
fn epoll_refuses_circles_doubles_and_files_that_are_always_ready() {
    let world = World::new();
    world.write_file("/tmp/file", b"", 0o644);
    world.check(|task| {
        let make = || syscall::epoll_create1(task, EpollCreateFlags::empty()).unwrap();
        let event = Some(EpollEvent {
            events: PollEvents::POLLIN,
            ..EpollEvent::default()
        });
        let add = |epoll, fd| syscall::epoll_ctl(task, epoll, EpollOp::Add, fd, event);
        let (one, two) = (make(), make());
        assert_errno!(add(one, one), EINVAL);
        add(one, two).unwrap();
        assert_errno!(add(one, two), EEXIST);
        assert_errno!(add(two, one), ELOOP);
        let mut outer = one;
        let mut depth = 0;
        loop {
            let next = make();
            match add(next, outer) {
                Ok(()) => depth += 1,
                Err(error) => {
                    assert_eq!(error.errno(), cenote_kernel::abi::Errno::ELOOP);
                    break;
                }
            }
            outer = next;
            assert!(depth < 10, "nesting has no end");
        }
        let path = b"/tmp/file";
        let file = block_on(syscall::openat(
            task,
            syscall::At::Cwd,
            path,
            OpenFlags::O_RDONLY,
            Default::default(),
        ))
        .unwrap();
        assert_errno!(add(one, file), EPERM);
        assert_errno!(
            syscall::epoll_ctl(task, one, EpollOp::Delete, file, None),
            ENOENT
        );
    });
}

#[test]
fn epoll_in_epoll_wakes_the_outer_one() {
    World::new().check(|task| {
        let (inner, outer) = (
            syscall::epoll_create1(task, EpollCreateFlags::empty()).unwrap(),
            syscall::epoll_create1(task, EpollCreateFlags::empty()).unwrap(),
        );
        let (reader, writer) = pipe(task);
        epoll_add(task, inner, reader, PollEvents::POLLIN, EpollFlags::empty());
        epoll_add(task, outer, inner, PollEvents::POLLIN, EpollFlags::empty());
        assert!(ready(task, outer).is_empty());
        fork_with(task, move |child| {
            write(child, writer, b"x");
            0
        })
        .unwrap();
        let events = block_on(syscall::epoll_pwait(task, outer, 1, None, None)).unwrap();
        assert_eq!(events[0].data, u64::try_from(inner.raw()).unwrap());
    });
}

#[test]
fn eventfd_counts() {
    World::new().check(|task| {
        let fd = syscall::eventfd2(task, 3, EventFdFlags::EFD_NONBLOCK).unwrap();
        write(task, fd, &4_u64.to_ne_bytes());
        let mut count = [0; 8];
        assert_eq!(block_on(syscall::read(task, fd, &mut count)).unwrap(), 8);
        assert_eq!(u64::from_ne_bytes(count), 7);
        assert_errno!(block_on(syscall::read(task, fd, &mut count)), EAGAIN);
        assert_errno!(block_on(syscall::read(task, fd, &mut [0; 4])), EINVAL);
        let semaphore = syscall::eventfd2(
            task,
            2,
            EventFdFlags::EFD_NONBLOCK | EventFdFlags::EFD_SEMAPHORE,
        )
        .unwrap();
        block_on(syscall::read(task, semaphore, &mut count)).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 1);
    });
}

#[test]
fn timerfd_counts_expirations() {
    let world = World::new();
    let clock = world.clock.clone();
    world.check(move |task| {
        let fd =
            syscall::timerfd_create(task, ClockId::Monotonic, TimerFdFlags::TFD_NONBLOCK).unwrap();
        let second = Timespec { sec: 1, nsec: 0 };
        let spec = TimerSpec {
            interval: second,
            value: second,
        };
        syscall::timerfd_settime(task, fd, TimerFdSetFlags::empty(), spec).unwrap();
        let mut count = [0; 8];
        assert_errno!(block_on(syscall::read(task, fd, &mut count)), EAGAIN);
        clock.advance(Duration::from_millis(3_500));
        let mut fds = [PollFd::new(fd, PollEvents::POLLIN)];
        assert_eq!(
            block_on(syscall::poll(task, &mut fds, None, None)).unwrap(),
            1
        );
        block_on(syscall::read(task, fd, &mut count)).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 3);
        let half = Timespec {
            sec: 0,
            nsec: 500_000_000,
        };
        eventually(|| syscall::timerfd_gettime(task, fd).unwrap().value == half);
    });
}

#[test]
fn signalfd_reads_blocked_signals() {
    World::new().check(|task| {
        let set = SigSet::only(SigNum::SIGUSR1);
        syscall::rt_sigprocmask(task, SigMaskHow::Block, Some(set)).unwrap();
        let fd = syscall::signalfd4(task, None, set, SignalFdFlags::SFD_NONBLOCK).unwrap();
        let mut record = [0; 256];
        assert_errno!(block_on(syscall::read(task, fd, &mut record)), EAGAIN);
        syscall::kill(task, task.pid().raw(), Some(SigNum::SIGUSR1)).unwrap();
        assert_eq!(block_on(syscall::read(task, fd, &mut record)).unwrap(), 128);
        assert_eq!(
            i32::from_ne_bytes(*record.first_chunk().unwrap()),
            SigNum::SIGUSR1.raw()
        );
        assert!(syscall::rt_sigpending(task).is_empty());
    });
}

/// The events in a buffer: watch, mask, name.
fn changes(bytes: &[u8]) -> Vec<(i32, u32, String)> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(header) = rest.first_chunk::<16>() {
        let word = |at: usize| u32::from_ne_bytes(*header[at..].first_chunk().unwrap());
        let len = usize::try_from(word(12)).unwrap();
        let name = String::from_utf8_lossy(&rest[16..16 + len]);
        let name = name.trim_end_matches('\0').to_string();
        found.push((word(0).cast_signed(), word(4), name));
        rest = &rest[16 + len..];
    }
    found
}

#[test]
fn inotify_tells_of_changes_in_a_directory() {
    World::new().check(|task| {
        use cenote_kernel::abi::fs::{AtFlags, Mode, RenameFlags};
        use cenote_kernel::abi::poll::{InotifyFlags, InotifyMask};
        use cenote_kernel::syscall::At;
        let fd = syscall::inotify_init1(task, InotifyFlags::IN_NONBLOCK).unwrap();
        let asked = InotifyMask::IN_CREATE
            | InotifyMask::IN_DELETE
            | InotifyMask::IN_MOVED_FROM
            | InotifyMask::IN_MOVED_TO
            | InotifyMask::IN_CLOSE_WRITE;
        let watch = syscall::inotify_add_watch(task, fd, b"/tmp", asked).unwrap();
        assert_eq!(
            syscall::inotify_add_watch(task, fd, b"/tmp", asked).unwrap(),
            watch
        );
        assert_errno!(block_on(syscall::read(task, fd, &mut [0; 64])), EAGAIN);
        let flags = OpenFlags::O_CREAT | OpenFlags::O_WRONLY;
        let mode = Mode::from_raw(0o600);
        let file = block_on(syscall::openat(task, At::Cwd, b"/tmp/a", flags, mode)).unwrap();
        syscall::close(task, file).unwrap();
        let none = RenameFlags::empty();
        syscall::renameat2(task, At::Cwd, b"/tmp/a", At::Cwd, b"/tmp/b", none).unwrap();
        syscall::unlinkat(task, At::Cwd, b"/tmp/b", AtFlags::empty()).unwrap();
        let mut fds = [PollFd::new(fd, PollEvents::POLLIN)];
        assert_eq!(
            block_on(syscall::poll(task, &mut fds, NOW, None)).unwrap(),
            1
        );
        let mut buf = [0; 1024];
        assert_errno!(block_on(syscall::read(task, fd, &mut [0; 8])), EINVAL);
        let count = block_on(syscall::read(task, fd, &mut buf)).unwrap();
        let expected = [
            (InotifyMask::IN_CREATE, "a"),
            (InotifyMask::IN_CLOSE_WRITE, "a"),
            (InotifyMask::IN_MOVED_FROM, "a"),
            (InotifyMask::IN_MOVED_TO, "b"),
            (InotifyMask::IN_DELETE, "b"),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(mask, name)| (watch, mask.bits(), (*name).to_string()))
            .collect();
        assert_eq!(changes(&buf[..count]), expected);
        syscall::inotify_rm_watch(task, fd, watch).unwrap();
        let count = block_on(syscall::read(task, fd, &mut buf)).unwrap();
        let ignored = InotifyMask::IN_IGNORED.bits();
        assert_eq!(changes(&buf[..count]), [(watch, ignored, String::new())]);
        assert_errno!(syscall::inotify_rm_watch(task, fd, watch), EINVAL);
    });
}
