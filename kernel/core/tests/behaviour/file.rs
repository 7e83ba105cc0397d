//! Files through the call layer: offsets shared and not, names, locks, the policy.

use std::sync::Arc;

use cenote_base::limits::Limits;
use cenote_base::policy::{Policy, Request, Verdict};
use cenote_base::wait::block_on;
use cenote_base::{Fd, SysResult};
use cenote_kernel::Task;
use cenote_kernel::abi::fs::{
    AccessFlags, AtFlags, FdFlags, Flock, LockType, Mode, OpenFlags, RenameFlags, Whence,
};
use cenote_kernel::abi::wait::{WaitOptions, WaitStatus};
use cenote_kernel::syscall::{self, At, Fcntl, FcntlResult, FlockOperation, WaitTarget};

use super::world::{World, assert_errno, fork_with};

fn open(task: &Task, path: &[u8], flags: OpenFlags) -> SysResult<Fd> {
    block_on(syscall::openat(
        task,
        At::Cwd,
        path,
        flags,
        Mode::from_raw(0o666),
    ))
}

fn create(task: &Task, path: &[u8]) -> Fd {
    open(task, path, OpenFlags::O_RDWR | OpenFlags::O_CREAT).unwrap()
}

fn write(task: &Task, fd: Fd, bytes: &[u8]) {
    assert_eq!(
        block_on(syscall::write(task, fd, bytes)).unwrap(),
        bytes.len()
    );
}

#[test]
fn offset_is_shared_by_duplicates_and_children_and_not_by_another_open() {
    World::new().check(|task| {
        let file = create(task, b"/tmp/shared");
        write(task, file, b"hello world");
        let other = open(task, b"/tmp/shared", OpenFlags::O_RDONLY).unwrap();
        let copy = syscall::dup(task, file).unwrap();
        syscall::lseek(task, copy, 6, Whence::Set).unwrap();
        let child = fork_with(task, move |child| {
            let mut buf = [0; 3];
            block_on(syscall::read(child, file, &mut buf)).unwrap();
            assert_eq!(&buf, b"wor");
            0
        })
        .unwrap();
        let (_, status, _) = block_on(syscall::wait4(
            task,
            WaitTarget::Pid(child),
            WaitOptions::empty(),
        ))
        .unwrap()
        .unwrap();
        assert_eq!(status, WaitStatus::Exited(0));
        assert_eq!(syscall::lseek(task, file, 0, Whence::Cur).unwrap(), 9);
        assert_eq!(syscall::lseek(task, other, 0, Whence::Cur).unwrap(), 0);
    });
}

#[test]
fn descriptors_are_the_lowest_free_and_carry_their_own_flags() {
    World::new().check(|task| {
        let [a, b, c] = [0, 1, 2].map(|_| open(task, b"/tmp", OpenFlags::O_CLOEXEC).unwrap());
        syscall::close(task, b).unwrap();
        assert_eq!(syscall::dup(task, a).unwrap(), b);
        assert_eq!(task.files().flags(b).unwrap(), FdFlags::empty());
        let high = block_on(syscall::fcntl(task, c, Fcntl::DupFdCloexec(Fd::new(20)))).unwrap();
        assert_eq!(high, FcntlResult::Fd(Fd::new(20)));
        assert_eq!(
            block_on(syscall::fcntl(task, Fd::new(20), Fcntl::GetFd)).unwrap(),
            FcntlResult::FdFlags(FdFlags::FD_CLOEXEC)
        );
        assert_errno!(syscall::dup3(task, a, a, OpenFlags::empty()), EINVAL);
        assert_eq!(syscall::dup2(task, a, a).unwrap(), a);
        assert_errno!(syscall::close(task, Fd::new(-1)), EBADF);
        syscall::close_range(
            task,
            1,
            u32::MAX,
            cenote_kernel::abi::fs::CloseRangeFlags::empty(),
        )
        .unwrap();
        assert_eq!(task.files().list().len(), 1);
    });
}

#[test]
fn rename_replaces_and_refuses_as_it_should() {
    World::new().check(|task| {
        write(task, create(task, b"/tmp/a"), b"a");
        write(task, create(task, b"/tmp/b"), b"bb");
        syscall::mkdirat(task, At::Cwd, b"/tmp/d", Mode::from_raw(0o700)).unwrap();
        let rename = |from: &[u8], to: &[u8], flags| {
            syscall::renameat2(task, At::Cwd, from, At::Cwd, to, flags)
        };
        assert_errno!(
            rename(b"/tmp/a", b"/tmp/b", RenameFlags::RENAME_NOREPLACE),
            EEXIST
        );
        assert_errno!(rename(b"/tmp/a", b"/tmp/d", RenameFlags::empty()), EISDIR);
        assert_errno!(rename(b"/tmp/d", b"/tmp/d/x", RenameFlags::empty()), EINVAL);
        rename(b"/tmp/a", b"/tmp/b", RenameFlags::empty()).unwrap();
        assert_eq!(
            syscall::fstatat(task, At::Cwd, b"/tmp/b", AtFlags::empty())
                .unwrap()
                .size,
            1
        );
        assert_errno!(
            syscall::fstatat(task, At::Cwd, b"/tmp/a", AtFlags::empty()),
            ENOENT
        );
        assert_errno!(
            rename(b"/tmp/b", b"/dev/shm/b", RenameFlags::empty()),
            EXDEV
        );
        assert_errno!(
            syscall::unlinkat(task, At::Cwd, b"/tmp/d", AtFlags::empty()),
            EISDIR
        );
        syscall::unlinkat(task, At::Cwd, b"/tmp/d", AtFlags::AT_REMOVEDIR).unwrap();
    });
}

#[test]
fn working_directory_follows_renames_and_umask_applies() {
    World::new().check(|task| {
        syscall::mkdirat(task, At::Cwd, b"/tmp/one", Mode::from_raw(0o777)).unwrap();
        syscall::chdir(task, b"/tmp/one").unwrap();
        syscall::renameat2(
            task,
            At::Cwd,
            b"/tmp/one",
            At::Cwd,
            b"/tmp/two",
            RenameFlags::empty(),
        )
        .unwrap();
        assert_eq!(syscall::getcwd(task).unwrap(), b"/tmp/two");
        assert_eq!(syscall::umask(task, 0o077), 0o022);
        create(task, b"secret");
        assert_eq!(
            syscall::fstatat(task, At::Cwd, b"secret", AtFlags::empty())
                .unwrap()
                .mode
                & 0o777,
            0o600
        );
        syscall::faccessat(
            task,
            At::Cwd,
            b"secret",
            AccessFlags::R_OK,
            AtFlags::empty(),
        )
        .unwrap();
        syscall::unlinkat(task, At::Cwd, b"secret", AtFlags::empty()).unwrap();
        syscall::unlinkat(task, At::Cwd, b"/tmp/two", AtFlags::AT_REMOVEDIR).unwrap();
        assert_errno!(syscall::getcwd(task), ENOENT);
    });
}

#[test]
fn locks_exclude_processes_and_end_with_them() {
    World::new().check(|task| {
        let file = create(task, b"/tmp/locked");
        let lock = Flock {
            kind: LockType::Write,
            whence: Whence::Set,
            start: 0,
            len: 10,
            pid: 0,
        };
        block_on(syscall::fcntl(task, file, Fcntl::SetLock(lock))).unwrap();
        let parent = task.pid().raw();
        let (reader, writer) = syscall::pipe2(task, OpenFlags::empty()).unwrap();
        let child = fork_with(task, move |child| {
            assert_errno!(
                block_on(syscall::fcntl(child, file, Fcntl::SetLock(lock))),
                EAGAIN
            );
            let FcntlResult::Lock(held) =
                block_on(syscall::fcntl(child, file, Fcntl::GetLock(lock))).unwrap()
            else {
                panic!("no lock")
            };
            assert_eq!((held.kind, held.pid), (LockType::Write, parent));
            block_on(syscall::write(child, writer, b"x")).unwrap();
            // Waits until the parent lets go.
            block_on(syscall::fcntl(child, file, Fcntl::SetLockWait(lock))).unwrap();
            0
        })
        .unwrap();
        let unlock = Flock {
            kind: LockType::Unlock,
            ..lock
        };
        block_on(syscall::read(task, reader, &mut [0])).unwrap();
        block_on(syscall::fcntl(task, file, Fcntl::SetLock(unlock))).unwrap();
        let (_, status, _) = block_on(syscall::wait4(
            task,
            WaitTarget::Pid(child),
            WaitOptions::empty(),
        ))
        .unwrap()
        .unwrap();
        assert_eq!(status, WaitStatus::Exited(0));
        // The child is gone, and its lock with it.
        block_on(syscall::fcntl(task, file, Fcntl::SetLock(lock))).unwrap();
        let again = open(task, b"/tmp/locked", OpenFlags::O_RDONLY).unwrap();
        block_on(syscall::flock(task, file, FlockOperation::Exclusive, false)).unwrap();
        assert_errno!(
            block_on(syscall::flock(task, again, FlockOperation::Shared, true)),
            EAGAIN
        );
    });
}

#[test]
fn memory_file_has_no_name_and_grows() {
    World::new().check(|task| {
        use cenote_kernel::abi::mman::MemfdFlags;
        let file = syscall::memfd_create(task, b"scratch", MemfdFlags::MFD_CLOEXEC).unwrap();
        write(task, file, b"content");
        assert_eq!(syscall::fstat(task, file).unwrap().size, 7);
        let link =
            syscall::readlinkat(task, At::Cwd, format!("/proc/self/fd/{file}").as_bytes()).unwrap();
        assert_eq!(link, b"/memfd:scratch (deleted)");
    });
}

#[derive(Debug)]
struct NoSecrets;

impl Policy for NoSecrets {
    fn decide(&self, request: &Request<'_>) -> Verdict {
        let refused = match request {
            Request::File { path, .. } => path.starts_with(b"/secret"),
            _ => false,
        };
        if refused {
            Verdict::deny_saying("secret")
        } else {
            Verdict::Allow
        }
    }
}

#[test]
fn policy_is_asked_about_the_resolved_path() {
    let world = World::with(Limits::default(), Arc::new(NoSecrets));
    world.write_file("/secret", b"x", 0o666);
    world.check(|task| {
        syscall::symlinkat(task, b"/secret", At::Cwd, b"/tmp/link").unwrap();
        assert_errno!(open(task, b"/secret", OpenFlags::O_RDONLY), EACCES);
        assert_errno!(open(task, b"/tmp/link", OpenFlags::O_RDONLY), EACCES);
        assert_errno!(
            open(
                task,
                b"/tmp/../secret",
                OpenFlags::O_WRONLY | OpenFlags::O_TRUNC
            ),
            EACCES
        );
        assert_errno!(syscall::truncate(task, b"/tmp/link", 0), EACCES);
        assert_errno!(
            syscall::mkdirat(task, At::Cwd, b"/secret2", Mode::from_raw(0o700)),
            EACCES
        );
        assert_errno!(
            syscall::unlinkat(task, At::Cwd, b"/secret", AtFlags::empty()),
            EACCES
        );
        create(task, b"/tmp/open");
    });
}
