//! Descriptors and what is asked of open files: `close` to `memfd_create`.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{
    AccessMode, CloseRangeFlags, FallocFlags, FdFlags, FileType, Flock, LockType, Mode, OpenFlags,
    Stat, StatFs, Whence,
};
use cenote_abi::limits::Resource as RlimitResource;
use cenote_abi::mman::MemfdFlags;
use cenote_base::limits::Resource;
use cenote_base::policy::FileOperation;
use cenote_base::{Fd, Gid, SysError, SysResult, Uid};
use cenote_vfs::file::{LockKind, LockOwner, LockRange};
use cenote_vfs::{
    DirEntry, File, FileSystem, IoctlRequest, Location, NewOwner, OpenFile, TtyRequest, ops,
};

use super::io::check_new_size;
use super::{traced, traced_wait};
use crate::fd::FdTable;
use crate::pipe::PipeEnd;
use crate::process::Task;
use crate::tty;

/// How many descriptors the process may have.
pub(crate) fn open_files_limit(task: &Task) -> u64 {
    task.process()
        .rlimits()
        .lock()
        .of(RlimitResource::OpenFiles)
        .soft
}

/// Gives numbers out of the process's table by `insert`, which is told how many there may be. The embedder is told of four fifths of them in use,
/// and of a refusal, unless the process itself set the limit lower.
pub(crate) fn number<T>(
    task: &Task,
    insert: impl FnOnce(&FdTable, u64) -> SysResult<T>,
) -> SysResult<T>
where
    T: HighestNumber,
{
    let (limit, files) = (open_files_limit(task), task.files());
    let numbered = insert(files, limit);
    let is_refused = matches!(&numbered, Err(error) if error.errno() == Errno::EMFILE);
    let is_high = matches!(&numbered, Ok(number) if number.highest() >= (limit - limit / 5).saturating_sub(1));
    if !is_refused && !is_high || limit != task.kernel().most_open_files() {
        return numbered;
    }
    let used = u64::try_from(files.len()).unwrap_or(u64::MAX);
    let watch = task.kernel().budget().watch();
    if is_refused {
        if let Some(watch) = watch {
            watch.reached(OPEN_FILES_PER_PROCESS, used, limit);
        }
        return Err(SysError::with_note(
            Errno::EMFILE,
            "the machine's limit `limits.open_files_per_process` is reached",
        ));
    }
    if let Some(watch) = watch
        && used >= limit - limit / 5
        && files.is_first_warning()
    {
        watch.near(OPEN_FILES_PER_PROCESS, used, limit);
    }
    numbered
}

/// The option for the descriptors of a process.
pub const OPEN_FILES_PER_PROCESS: &str = "limits.open_files_per_process";

/// What numbers were given.
pub(crate) trait HighestNumber {
    /// The highest.
    fn highest(&self) -> u64;
}

impl HighestNumber for Fd {
    fn highest(&self) -> u64 {
        u64::try_from(self.raw()).unwrap_or(0)
    }
}

impl HighestNumber for (Fd, Fd) {
    fn highest(&self) -> u64 {
        self.0.highest().max(self.1.highest())
    }
}

/// Gives a new open file a number; charges it to the machine.
///
/// # Errors
/// `ENFILE`: the machine has all the open files allowed. `EMFILE`: the process has.
pub(crate) fn install(task: &Task, file: Arc<OpenFile>, flags: OpenFlags) -> SysResult<Fd> {
    file.hold(task.kernel().budget().charge(Resource::OpenFiles, 1)?);
    number(task, |files, limit| {
        files.insert(file, flags.descriptor(), limit)
    })
}

/// As [`install`], for a file without a place.
///
/// # Errors
/// As `install`.
pub(crate) fn install_file(task: &Task, file: Arc<dyn File>, flags: OpenFlags) -> SysResult<Fd> {
    install(task, OpenFile::new(file, flags), flags)
}

/// Lets go of files whose descriptors were freed: the process's record locks on them end.
pub(crate) fn close_files(task: &Task, files: impl IntoIterator<Item = Arc<OpenFile>>) {
    for file in files {
        file.release_record_locks(LockOwner::Process(task.pid()));
    }
}

/// Frees a descriptor. See close(2).
///
/// # Errors
/// `EBADF`: not open.
pub fn close(task: &Task, fd: Fd) -> SysResult {
    traced(task, "close", || {
        close_files(task, [task.files().remove(fd)?]);
        Ok(())
    })
}

/// Frees or marks all descriptors from `first` to `last`. See `close_range(2)`.
///
/// # Errors
/// `EINVAL`: `first` is above `last`.
pub fn close_range(task: &Task, first: u32, last: u32, flags: CloseRangeFlags) -> SysResult {
    traced(task, "close_range", || {
        if first > last {
            return Err(Errno::EINVAL.into());
        }
        if flags.contains(CloseRangeFlags::CLOSE_RANGE_CLOEXEC) {
            task.files().mark_range(first, last);
        } else {
            close_files(task, task.files().remove_range(first, last));
        }
        Ok(())
    })
}

/// Copies a descriptor to the lowest free number. See dup(2).
///
/// # Errors
/// `EBADF`: not open. `EMFILE`: none is free.
pub fn dup(task: &Task, fd: Fd) -> SysResult<Fd> {
    traced(task, "dup", || {
        let file = task.files().get(fd)?;
        number(task, |files, limit| {
            files.insert(file, FdFlags::empty(), limit)
        })
    })
}

/// Copies a descriptor to a given number. See dup2(2).
///
/// # Errors
/// `EBADF`: `old` is not open, or `new` is out of range.
pub fn dup2(task: &Task, old: Fd, new: Fd) -> SysResult<Fd> {
    traced(task, "dup2", || {
        if old == new {
            return task.files().flags(old).map(|_| new);
        }
        duplicate_to(task, old, new, FdFlags::empty())
    })
}

/// Copies a descriptor to another number, with flags. See dup3(2).
///
/// # Errors
/// `EBADF`: as [`dup2`]. `EINVAL`: the same number, or a flag other than `O_CLOEXEC`.
pub fn dup3(task: &Task, old: Fd, new: Fd, flags: OpenFlags) -> SysResult<Fd> {
    traced(task, "dup3", || {
        if old == new || !OpenFlags::O_CLOEXEC.contains(flags) {
            return Err(Errno::EINVAL.into());
        }
        duplicate_to(task, old, new, flags.descriptor())
    })
}

fn duplicate_to(task: &Task, old: Fd, new: Fd, flags: FdFlags) -> SysResult<Fd> {
    let file = task.files().get(old)?;
    close_files(
        task,
        task.files()
            .replace(new, file, flags, open_files_limit(task))?,
    );
    Ok(new)
}

/// What [`fcntl`] is asked.
#[derive(Clone, Copy, Debug)]
pub enum Fcntl {
    /// `F_DUPFD`: the lowest free number from here.
    DupFd(Fd),
    /// `F_DUPFD_CLOEXEC`.
    DupFdCloexec(Fd),
    /// `F_GETFD`.
    GetFd,
    /// `F_SETFD`.
    SetFd(FdFlags),
    /// `F_GETFL`.
    GetFl,
    /// `F_SETFL`.
    SetFl(OpenFlags),
    /// `F_GETLK`.
    GetLock(Flock),
    /// `F_SETLK`.
    SetLock(Flock),
    /// `F_SETLKW`.
    SetLockWait(Flock),
    /// `F_OFD_GETLK`.
    OfdGetLock(Flock),
    /// `F_OFD_SETLK`.
    OfdSetLock(Flock),
    /// `F_OFD_SETLKW`.
    OfdSetLockWait(Flock),
    /// `F_GETPIPE_SZ`.
    GetPipeSize,
    /// `F_SETPIPE_SZ`.
    SetPipeSize(i32),
    /// `F_GETOWN`.
    GetOwner,
    /// `F_SETOWN`.
    SetOwner(i32),
}

/// What [`fcntl`] answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FcntlResult {
    /// Nothing: 0.
    Done,
    /// A new descriptor.
    Fd(Fd),
    /// The flags of the descriptor.
    FdFlags(FdFlags),
    /// Access mode and status flags of the file.
    Flags(OpenFlags),
    /// The lock that is in the way, or the question with `F_UNLCK`.
    Lock(Flock),
    /// A number.
    Number(i32),
}

impl FcntlResult {
    /// What the call returns in its register.
    #[must_use]
    pub fn raw(&self) -> i32 {
        match self {
            Self::Done | Self::Lock(_) => 0,
            Self::Fd(fd) => fd.raw(),
            Self::FdFlags(flags) => flags.bits().cast_signed(),
            Self::Flags(flags) => flags.bits().cast_signed(),
            Self::Number(number) => *number,
        }
    }
}

/// Asks or changes something of a descriptor. See fcntl(2).
///
/// # Errors
/// `EBADF`: not open, or not so that it may be locked. `EINVAL`: a number out of range. `EMFILE`: none is free.
/// `EAGAIN`: another's lock is in the way. `EINTR`: while waiting for it. `EPERM`: the size of a pipe is fixed.
pub async fn fcntl(task: &Task, fd: Fd, request: Fcntl) -> SysResult<FcntlResult> {
    traced_wait(task, "fcntl", async {
        let file = task.files().get(fd)?;
        match request {
            Fcntl::DupFd(from) => duplicate_from(task, file, from, FdFlags::empty()),
            Fcntl::DupFdCloexec(from) => duplicate_from(task, file, from, FdFlags::FD_CLOEXEC),
            Fcntl::GetFd => task.files().flags(fd).map(FcntlResult::FdFlags),
            Fcntl::SetFd(flags) => task
                .files()
                .set_flags(fd, flags)
                .map(|()| FcntlResult::Done),
            // Linux shows O_LARGEFILE to 64-bit programs.
            Fcntl::GetFl => Ok(FcntlResult::Flags(file.flags())),
            Fcntl::SetFl(flags) => {
                file.set_flags(flags);
                Ok(FcntlResult::Done)
            }
            Fcntl::GetLock(lock) => query_lock(&file, LockOwner::Process(task.pid()), lock),
            Fcntl::OfdGetLock(lock) => query_lock(&file, LockOwner::OpenFile(file.id()), lock),
            Fcntl::SetLock(lock) => set_lock(&file, LockOwner::Process(task.pid()), lock),
            Fcntl::OfdSetLock(lock) => set_lock(&file, LockOwner::OpenFile(file.id()), lock),
            Fcntl::SetLockWait(lock) => {
                wait_for_lock(task, &file, LockOwner::Process(task.pid()), lock).await
            }
            Fcntl::OfdSetLockWait(lock) => {
                wait_for_lock(task, &file, LockOwner::OpenFile(file.id()), lock).await
            }
            Fcntl::GetPipeSize => {
                file.downcast::<PipeEnd>().ok_or(Errno::EBADF)?;
                Ok(FcntlResult::Number(65_536))
            }
            Fcntl::SetPipeSize(size) => {
                file.downcast::<PipeEnd>().ok_or(Errno::EBADF)?;
                match size {
                    0..=65_536 => Ok(FcntlResult::Number(65_536)),
                    _ => Err(SysError::with_note(
                        Errno::EPERM,
                        "the size of a pipe is fixed",
                    )),
                }
            }
            Fcntl::GetOwner => Ok(FcntlResult::Number(0)),
            Fcntl::SetOwner(_) => Err(SysError::with_note(Errno::ENOSYS, "no SIGIO")),
        }
    })
    .await
}

fn duplicate_from(
    task: &Task,
    file: Arc<OpenFile>,
    from: Fd,
    flags: FdFlags,
) -> SysResult<FcntlResult> {
    let limit = open_files_limit(task);
    if u64::try_from(from.raw()).is_ok_and(|from| from < limit) {
        number(task, |files, limit| {
            files.insert_from(from, file, flags, limit)
        })
        .map(FcntlResult::Fd)
    } else {
        Err(Errno::EINVAL.into())
    }
}

fn range_of(file: &OpenFile, lock: &Flock) -> SysResult<LockRange> {
    let base = match lock.whence {
        Whence::Set => 0,
        Whence::Cur => file.offset(),
        Whence::End => file.stat()?.size,
        Whence::Data | Whence::Hole => return Err(Errno::EINVAL.into()),
    };
    LockRange::resolve(base, lock.start, lock.len)
}

fn kind_of(lock: &Flock) -> Option<LockKind> {
    match lock.kind {
        LockType::Read => Some(LockKind::Shared),
        LockType::Write => Some(LockKind::Exclusive),
        LockType::Unlock => None,
    }
}

fn set_lock(file: &OpenFile, owner: LockOwner, lock: Flock) -> SysResult<FcntlResult> {
    file.set_record_lock(owner, range_of(file, &lock)?, kind_of(&lock))
        .map(|()| FcntlResult::Done)
}

async fn wait_for_lock(
    task: &Task,
    file: &OpenFile,
    owner: LockOwner,
    lock: Flock,
) -> SysResult<FcntlResult> {
    let range = range_of(file, &lock)?;
    let kind = kind_of(&lock);
    wait_until_free(task, file, || file.set_record_lock(owner, range, kind))
        .await
        .map(|()| FcntlResult::Done)
}

async fn wait_until_free(
    task: &Task,
    file: &OpenFile,
    mut take: impl FnMut() -> SysResult + Send,
) -> SysResult {
    match take() {
        Err(error) if error.errno() == Errno::EAGAIN => {}
        done => return done,
    }
    let locks = Arc::clone(file.locks()?);
    task.wait_for(&[locks.queue()], || match take() {
        Err(error) if error.errno() == Errno::EAGAIN => None,
        done => Some(done),
    })
    .await
}

fn query_lock(file: &OpenFile, owner: LockOwner, lock: Flock) -> SysResult<FcntlResult> {
    let kind = kind_of(&lock).ok_or(Errno::EINVAL)?;
    let Some(held) = file.query_record_lock(owner, range_of(file, &lock)?, kind)? else {
        return Ok(FcntlResult::Lock(Flock {
            kind: LockType::Unlock,
            ..lock
        }));
    };
    let whole = held.range.end == u64::MAX;
    Ok(FcntlResult::Lock(Flock {
        kind: match held.kind {
            LockKind::Shared => LockType::Read,
            LockKind::Exclusive => LockType::Write,
        },
        whence: Whence::Set,
        start: i64::try_from(held.range.start).unwrap_or(i64::MAX),
        len: if whole {
            0
        } else {
            i64::try_from(held.range.end - held.range.start).unwrap_or(i64::MAX)
        },
        pid: match held.owner {
            LockOwner::Process(pid) => pid.raw(),
            LockOwner::OpenFile(_) => -1,
        },
    }))
}

/// What [`flock`] does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FlockOperation {
    /// `LOCK_SH`.
    Shared,
    /// `LOCK_EX`.
    Exclusive,
    /// `LOCK_UN`.
    Unlock,
}

/// Takes or gives up the lock of a whole file; `waits` unless `LOCK_NB`. See flock(2).
///
/// # Errors
/// `EBADF`: not open. `EAGAIN`: another's lock is in the way. `EINTR`: while waiting for it.
pub async fn flock(task: &Task, fd: Fd, operation: FlockOperation, nonblocking: bool) -> SysResult {
    traced_wait(task, "flock", async {
        let file = task.files().get(fd)?;
        let kind = match operation {
            FlockOperation::Shared => Some(LockKind::Shared),
            FlockOperation::Exclusive => Some(LockKind::Exclusive),
            FlockOperation::Unlock => None,
        };
        if nonblocking {
            file.flock(kind)
        } else {
            wait_until_free(task, &file, || file.flock(kind)).await
        }
    })
    .await
}

/// Moves the offset. See lseek(2).
///
/// # Errors
/// `EBADF`: not open. `ESPIPE`: has no positions. `EINVAL`: before the start. `ENXIO`, `EOVERFLOW`.
pub fn lseek(task: &Task, fd: Fd, offset: i64, whence: Whence) -> SysResult<u64> {
    traced(task, "lseek", || task.files().get(fd)?.seek(offset, whence))
}

/// Cuts or lengthens a file. See ftruncate(2).
///
/// # Errors
/// `EBADF`, `EINVAL`: not open for writing, or not a regular file. `EFBIG`, `ENOSPC`.
pub fn ftruncate(task: &Task, fd: Fd, size: u64) -> SysResult {
    traced(task, "ftruncate", || {
        let file = task.files().get(fd)?;
        if let Some(location) = file.location() {
            task.kernel()
                .permit_file(location, FileOperation::Truncate)?;
        }
        check_new_size(task, file.stat()?.file_type(), size)?;
        file.truncate(size)
    })
}

/// Makes what was written durable. See fsync(2).
///
/// # Errors
/// `EBADF`: not open. `EINVAL`: not a file of a filesystem. `EIO`.
pub fn fsync(task: &Task, fd: Fd) -> SysResult {
    traced(task, "fsync", || task.files().get(fd)?.sync())
}

/// As [`fsync`]. See fdatasync(2).
///
/// # Errors
/// As `fsync`.
pub fn fdatasync(task: &Task, fd: Fd) -> SysResult {
    traced(task, "fdatasync", || task.files().get(fd)?.sync())
}

/// Tells a file's attributes. See fstat(2).
///
/// # Errors
/// `EBADF`: not open.
pub fn fstat(task: &Task, fd: Fd) -> SysResult<Stat> {
    traced(task, "fstat", || task.files().get(fd)?.stat())
}

/// Tells about the filesystem of a file. See fstatfs(2).
///
/// # Errors
/// `EBADF`: not open.
pub fn fstatfs(task: &Task, fd: Fd) -> SysResult<StatFs> {
    traced(task, "fstatfs", || match task.files().get(fd)?.location() {
        Some(location) => location.mount().statfs(),
        None => Ok(StatFs {
            magic: cenote_abi::fs::PIPEFS_MAGIC,
            block_size: 4096,
            name_length: 255,
            ..StatFs::default()
        }),
    })
}

/// Tells entries of a directory from its offset on, `.` and `..` first, until `emit` answers false: that entry comes
/// again next time. See getdents(2).
///
/// # Errors
/// `EBADF`: not open. `ENOTDIR`. `ENOENT`: the directory was removed.
pub fn getdents(task: &Task, fd: Fd, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
    traced(task, "getdents64", || task.files().get(fd)?.read_dir(emit))
}

/// Serves a request to a file or terminal. See ioctl(2).
///
/// # Errors
/// `EBADF`: not open. `ENOTTY`: the file does not know the request. Those of the request.
pub fn ioctl(task: &Task, fd: Fd, request: IoctlRequest<'_>) -> SysResult<i32> {
    traced(task, "ioctl", || {
        let file = task.files().get(fd)?;
        match request {
            IoctlRequest::CloseOnExec(on) => {
                task.files().set_flags(
                    fd,
                    if on {
                        FdFlags::FD_CLOEXEC
                    } else {
                        FdFlags::empty()
                    },
                )?;
                Ok(0)
            }
            IoctlRequest::Tty(TtyRequest::OpenPeer(flags)) => {
                install(task, tty::open_peer(&file, flags)?, flags).map(Fd::raw)
            }
            request => file.ioctl(task, request),
        }
    })
}

/// Reserves, zeroes or gives up a range. See fallocate(2).
///
/// # Errors
/// `EBADF`: not open for writing. `EINVAL`, `EFBIG`, `ENOSPC`, `EOPNOTSUPP`, `ENODEV`, `ESPIPE`.
pub fn fallocate(task: &Task, fd: Fd, mode: FallocFlags, offset: u64, len: u64) -> SysResult {
    traced(task, "fallocate", || {
        let file = task.files().get(fd)?;
        check_new_size(task, file.stat()?.file_type(), offset.saturating_add(len))?;
        file.allocate(mode, offset, len)
    })
}

/// Changes permissions of an open file. See fchmod(2).
///
/// # Errors
/// `EBADF`: not open. `EPERM`: not the owner. `EROFS`.
pub fn fchmod(task: &Task, fd: Fd, mode: Mode) -> SysResult {
    traced(task, "fchmod", || {
        let file = task.files().get(fd)?;
        let location = placed(&file)?;
        task.kernel().permit_file(location, FileOperation::Chmod)?;
        task.with_lookup(|cx| ops::chmod_location(cx, location, mode))
    })
}

/// Changes owner and group of an open file. See fchown(2).
///
/// # Errors
/// `EBADF`: not open. `EPERM`: not permitted. `EROFS`.
pub fn fchown(task: &Task, fd: Fd, uid: Option<Uid>, gid: Option<Gid>) -> SysResult {
    traced(task, "fchown", || {
        let file = task.files().get(fd)?;
        let location = placed(&file)?;
        task.kernel().permit_file(location, FileOperation::Chown)?;
        task.with_lookup(|cx| ops::chown_location(cx, location, uid, gid))
    })
}

/// The place of an open file whose inode is to be changed.
fn placed(file: &OpenFile) -> SysResult<&Location> {
    if file.access_mode() == AccessMode::Path {
        return Err(Errno::EBADF.into());
    }
    // Linux has inodes for pipes and sockets; changing theirs has no use.
    file.location().ok_or(SysError::with_note(
        Errno::EINVAL,
        "a file without an inode",
    ))
}

/// Makes an open directory the working directory. See fchdir(2).
///
/// # Errors
/// `EBADF`: not open. `ENOTDIR`, `EACCES`.
pub fn fchdir(task: &Task, fd: Fd) -> SysResult {
    traced(task, "fchdir", || {
        let file = task.files().get(fd)?;
        let location = file.location().ok_or(Errno::ENOTDIR)?.clone();
        if file.stat()?.file_type() != Some(FileType::Directory) {
            return Err(Errno::ENOTDIR.into());
        }
        let cwd = task.with_lookup(|cx| ops::directory(cx, Some(&location), b""))?;
        let before = std::mem::replace(&mut task.process().fs().lock().cwd, cwd);
        drop(before);
        Ok(())
    })
}

/// Makes a file in memory without a name in the tree. See `memfd_create(2)`.
///
/// # Errors
/// `EINVAL`: the name is too long, or a flag we do not have (sealing, huge pages). `EMFILE`, `ENFILE`, `ENOSPC`.
pub fn memfd_create(task: &Task, name: &[u8], flags: MemfdFlags) -> SysResult<Fd> {
    traced(task, "memfd_create", || {
        let known = MemfdFlags::MFD_CLOEXEC | MemfdFlags::MFD_NOEXEC_SEAL | MemfdFlags::MFD_EXEC;
        if !known.contains(flags) || name.len() > 249 {
            return Err(SysError::with_note(
                Errno::EINVAL,
                "no sealing of memory files",
            ));
        }
        let own = task.process().credentials();
        let owner = NewOwner {
            mode: Mode::from_raw(0o777),
            uid: own.fsuid,
            gid: own.fsgid,
        };
        let inode = task.kernel().scratch().root().create_unnamed(&owner)?;
        let shown = [b"/memfd:", name, b" (deleted)"].concat();
        let mut open = OpenFlags::O_RDWR;
        open.set(
            OpenFlags::O_CLOEXEC,
            flags.contains(MemfdFlags::MFD_CLOEXEC),
        );
        install(
            task,
            OpenFile::of_inode(Location::anonymous(inode, &shown), open),
            open,
        )
    })
}
