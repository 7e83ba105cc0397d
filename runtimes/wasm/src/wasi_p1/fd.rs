//! Descriptors.

use std::io::IoSliceMut;

use cenote_abi::Errno;
use cenote_abi::fs::{AccessMode, AtFlags, FallocFlags, FileType, Mode, OpenFlags, Stat, Whence};
use cenote_abi::tty::Termios;
use cenote_base::{Fd, SysResult};
use cenote_kernel::Task;
use cenote_kernel::syscall::{self, At, Fcntl, TimeChange};
use cenote_vfs::{IoctlRequest, TtyRequest};

use super::descriptors::{PREOPEN_NAME, Place};
use crate::linux::call::Call;
use crate::memory::{GuestMemory, widen};
use cenote_abi::wasi;

/// What a vector of overlapping parts is read through, at most.
const BOUNCE: usize = 1 << 20;

/// The process's descriptor of a WASI number.
pub(super) fn real(call: &mut Call<'_>, fd: i32) -> SysResult<Fd> {
    call.process().descriptors.get(fd)
}

/// The attributes of a WASI number, the preopened directory's too.
fn attributes(call: &mut Call<'_>, fd: i32) -> SysResult<Stat> {
    if call.process().descriptors.is_preopen(fd) {
        return syscall::fstatat(call.task(), At::Cwd, PREOPEN_NAME, AtFlags::empty());
    }
    let fd = real(call, fd)?;
    syscall::fstat(call.task(), fd)
}

/// A 64-bit position or length.
fn unsigned(value: i64) -> u64 {
    value.cast_unsigned()
}

pub(super) fn write_u32(memory: &mut GuestMemory<'_>, address: u32, value: usize) -> SysResult {
    memory.write(
        address,
        &u32::try_from(value)
            .map_err(|_| Errno::EOVERFLOW)?
            .to_le_bytes(),
    )
}

pub(super) async fn fd_advise(
    call: &mut Call<'_>,
    fd: i32,
    _offset: i64,
    _len: i64,
    advice: i32,
) -> SysResult {
    let stat = attributes(call, fd)?;
    if !(0..=5).contains(&advice) {
        return Err(Errno::EINVAL.into());
    }
    if stat.file_type() == Some(FileType::Directory) {
        Err(Errno::EBADF.into())
    } else {
        Ok(())
    }
}

pub(super) async fn fd_allocate(call: &mut Call<'_>, fd: i32, offset: i64, len: i64) -> SysResult {
    let fd = real(call, fd)?;
    syscall::fallocate(
        call.task(),
        fd,
        FallocFlags::empty(),
        unsigned(offset),
        unsigned(len),
    )
}

pub(super) async fn fd_close(call: &mut Call<'_>, fd: i32) -> SysResult {
    match call.process().descriptors.remove(fd)? {
        Some(fd) => syscall::close(call.task(), fd),
        None => Ok(()),
    }
}

pub(super) async fn fd_datasync(call: &mut Call<'_>, fd: i32) -> SysResult {
    let fd = real(call, fd)?;
    syscall::fdatasync(call.task(), fd)
}

pub(super) async fn fd_sync(call: &mut Call<'_>, fd: i32) -> SysResult {
    let fd = real(call, fd)?;
    syscall::fsync(call.task(), fd)
}

pub(super) async fn fd_fdstat_get(call: &mut Call<'_>, fd: i32, result: u32) -> SysResult {
    let kind = attributes(call, fd)?.file_type();
    let (flags, rights) = if call.process().descriptors.is_preopen(fd) {
        (
            0,
            wasi::ALL_RIGHTS & !(wasi::RIGHT_FD_SEEK | wasi::RIGHT_FD_TELL),
        )
    } else {
        let fd = real(call, fd)?;
        let file = call.task().files().get(fd)?;
        let has_positions = match kind {
            Some(FileType::CharDevice) => !is_terminal(call.task(), fd),
            Some(FileType::Directory) => false,
            _ => file.file().is_seekable(),
        };
        (
            wasi::fdflags(file.flags()),
            rights(file.access_mode(), has_positions),
        )
    };
    let mut bytes = [0; 24];
    bytes[0] = wasi::file_type(kind);
    bytes[2..4].copy_from_slice(&flags.to_le_bytes());
    bytes[8..16].copy_from_slice(&rights.to_le_bytes());
    bytes[16..].copy_from_slice(&wasi::ALL_RIGHTS.to_le_bytes());
    call.memory()?.write(result, &bytes)
}

fn is_terminal(task: &Task, fd: Fd) -> bool {
    let mut settings = Termios::default();
    syscall::ioctl(
        task,
        fd,
        IoctlRequest::Tty(TtyRequest::Settings(&mut settings)),
    )
    .is_ok()
}

/// Rights as programs read them: wasi-libc takes a character device without the right to seek for a terminal.
fn rights(mode: AccessMode, has_positions: bool) -> u64 {
    let mut rights = wasi::ALL_RIGHTS;
    if !mode.can_read() {
        rights &= !(wasi::RIGHT_FD_READ | wasi::RIGHT_FD_READDIR);
    }
    if !mode.can_write() {
        rights &= !(wasi::RIGHT_FD_WRITE | wasi::RIGHT_FD_ALLOCATE | wasi::RIGHT_FD_SET_SIZE);
    }
    if !has_positions {
        rights &= !(wasi::RIGHT_FD_SEEK | wasi::RIGHT_FD_TELL);
    }
    rights
}

pub(super) async fn fd_fdstat_set_flags(call: &mut Call<'_>, fd: i32, flags: i32) -> SysResult {
    if flags & !wasi::ALL_FDFLAGS != 0 {
        return Err(Errno::EINVAL.into());
    }
    let fd = real(call, fd)?;
    // Only what fcntl can set: the others are decided when a file is opened.
    if flags & (wasi::FDFLAGS_DSYNC | wasi::FDFLAGS_RSYNC | wasi::FDFLAGS_SYNC) != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    syscall::fcntl(call.task(), fd, Fcntl::SetFl(wasi::open_flags(flags)))
        .await
        .map(|_| ())
}

/// Rights are not enforced, so taking some away can only be refused.
pub(super) async fn fd_fdstat_set_rights(
    call: &mut Call<'_>,
    fd: i32,
    _base: i64,
    _inheriting: i64,
) -> SysResult {
    attributes(call, fd)?;
    Err(Errno::EOPNOTSUPP.into())
}

pub(super) async fn fd_filestat_get(call: &mut Call<'_>, fd: i32, result: u32) -> SysResult {
    let stat = attributes(call, fd)?;
    call.memory()?.write(result, &wasi::filestat(&stat))
}

pub(super) async fn fd_filestat_set_size(call: &mut Call<'_>, fd: i32, size: i64) -> SysResult {
    let fd = real(call, fd)?;
    syscall::ftruncate(call.task(), fd, unsigned(size))
}

/// The times of `fstflags`: given, now, or as they are.
pub(super) fn time_changes(atime: i64, mtime: i64, flags: i32) -> SysResult<[TimeChange; 2]> {
    let change = |time: i64, set: i32, now: i32| match (flags & set != 0, flags & now != 0) {
        (true, true) => Err(Errno::EINVAL),
        (true, false) => Ok(TimeChange::To(wasi::time(unsigned(time)))),
        (false, true) => Ok(TimeChange::Now),
        (false, false) => Ok(TimeChange::Omit),
    };
    if flags & !15 != 0 {
        return Err(Errno::EINVAL.into());
    }
    Ok([change(atime, 1, 2)?, change(mtime, 4, 8)?])
}

pub(super) async fn fd_filestat_set_times(
    call: &mut Call<'_>,
    fd: i32,
    atime: i64,
    mtime: i64,
    flags: i32,
) -> SysResult {
    let changes = time_changes(atime, mtime, flags)?;
    if call.process().descriptors.is_preopen(fd) {
        return syscall::utimensat(
            call.task(),
            At::Cwd,
            Some(PREOPEN_NAME),
            changes,
            AtFlags::empty(),
        );
    }
    let fd = real(call, fd)?;
    syscall::utimensat(call.task(), At::Fd(fd), None, changes, AtFlags::empty())
}

/// Where a read takes its bytes from.
#[derive(Clone, Copy)]
enum From {
    Here,
    Position(u64),
}

async fn read_into(
    task: &Task,
    fd: Fd,
    parts: &mut [IoSliceMut<'_>],
    from: From,
) -> SysResult<usize> {
    match from {
        From::Here => syscall::readv(task, fd, parts).await,
        From::Position(at) => syscall::preadv(task, fd, parts, at).await,
    }
}

async fn read(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
    from: From,
    result: u32,
) -> SysResult {
    let fd = real(call, fd)?;
    let (mut memory, task) = call.parts()?;
    let parts = memory.iovecs(vector, count)?;
    let done = if let Some(mut slices) = memory.io_slices_mut(&parts)? {
        read_into(task, fd, &mut slices, from).await?
    } else {
        let total: usize = parts.iter().map(|(_, len)| widen(*len)).sum();
        let mut bounce = vec![0; total.min(BOUNCE)];
        let done = read_into(task, fd, &mut [IoSliceMut::new(&mut bounce)], from).await?;
        let mut rest = &bounce[..done];
        for (address, len) in parts {
            let part = memory.slice_mut(address, len)?;
            let (now, later) = rest.split_at(part.len().min(rest.len()));
            part[..now.len()].copy_from_slice(now);
            rest = later;
        }
        done
    };
    write_u32(&mut memory, result, done)
}

pub(super) async fn fd_read(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
    result: u32,
) -> SysResult {
    read(call, fd, vector, count, From::Here, result).await
}

pub(super) async fn fd_pread(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
    offset: i64,
    result: u32,
) -> SysResult {
    read(
        call,
        fd,
        vector,
        count,
        From::Position(unsigned(offset)),
        result,
    )
    .await
}

pub(super) async fn fd_write(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
    result: u32,
) -> SysResult {
    let fd = real(call, fd)?;
    let (mut memory, task) = call.parts()?;
    let parts = memory.iovecs(vector, count)?;
    let done = syscall::writev(task, fd, &memory.io_slices(&parts)?).await?;
    write_u32(&mut memory, result, done)
}

pub(super) async fn fd_pwrite(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
    offset: i64,
    result: u32,
) -> SysResult {
    let fd = real(call, fd)?;
    let (mut memory, task) = call.parts()?;
    let parts = memory.iovecs(vector, count)?;
    let done = syscall::pwritev(task, fd, &memory.io_slices(&parts)?, unsigned(offset)).await?;
    write_u32(&mut memory, result, done)
}

/// `prestat`: kind 0 (a directory) and the length of its name.
pub(super) async fn fd_prestat_get(call: &mut Call<'_>, fd: i32, result: u32) -> SysResult {
    if !call.process().descriptors.is_preopen(fd) {
        return Err(Errno::EBADF.into());
    }
    let mut memory = call.memory()?;
    memory.write(result, &0_u32.to_le_bytes())?;
    write_u32(
        &mut memory,
        result.checked_add(4).ok_or(Errno::EFAULT)?,
        PREOPEN_NAME.len(),
    )
}

pub(super) async fn fd_prestat_dir_name(
    call: &mut Call<'_>,
    fd: i32,
    path: u32,
    len: u32,
) -> SysResult {
    if !call.process().descriptors.is_preopen(fd) {
        return Err(Errno::EBADF.into());
    }
    if widen(len) < PREOPEN_NAME.len() {
        return Err(Errno::ENAMETOOLONG.into());
    }
    call.memory()?.write(path, PREOPEN_NAME)
}

/// Entries of 24 bytes and a name; the last may be cut, which tells the program to come again with more room.
pub(super) async fn fd_readdir(
    call: &mut Call<'_>,
    fd: i32,
    buffer: u32,
    len: u32,
    cookie: i64,
    result: u32,
) -> SysResult {
    let is_preopen = call.process().descriptors.is_preopen(fd);
    let fd = if is_preopen {
        open_preopen(call).await?
    } else {
        real(call, fd)?
    };
    let used = fill_entries(call, fd, buffer, len, cookie);
    if is_preopen {
        syscall::close(call.task(), fd)?;
    }
    write_u32(&mut call.memory()?, result, used?)
}

async fn open_preopen(call: &mut Call<'_>) -> SysResult<Fd> {
    let flags = OpenFlags::O_DIRECTORY | OpenFlags::O_CLOEXEC;
    let place = Place {
        at: At::Cwd,
        path: PREOPEN_NAME.to_vec(),
    };
    syscall::openat(call.task(), place.at, &place.path, flags, Mode::empty()).await
}

fn fill_entries(
    call: &mut Call<'_>,
    fd: Fd,
    buffer: u32,
    len: u32,
    cookie: i64,
) -> SysResult<usize> {
    let (mut memory, task) = call.parts()?;
    syscall::lseek(task, fd, cookie, Whence::Set)?;
    let out = memory.slice_mut(buffer, len)?;
    let mut used = 0;
    syscall::getdents(task, fd, &mut |entry| {
        let mut record = Vec::with_capacity(24 + entry.name.len());
        record.extend(entry.next_cursor.to_le_bytes());
        record.extend(entry.ino.to_le_bytes());
        record.extend(u32::try_from(entry.name.len()).unwrap_or(0).to_le_bytes());
        record.extend([wasi::file_type(Some(entry.file_type)), 0, 0, 0]);
        record.extend(entry.name);
        let count = record.len().min(out.len() - used);
        out[used..used + count].copy_from_slice(&record[..count]);
        used += count;
        used < out.len()
    })?;
    Ok(used)
}

pub(super) async fn fd_renumber(call: &mut Call<'_>, from: i32, to: i32) -> SysResult {
    match call.process().descriptors.renumber(from, to)? {
        Some(before) => syscall::close(call.task(), before),
        None => Ok(()),
    }
}

pub(super) async fn fd_seek(
    call: &mut Call<'_>,
    fd: i32,
    offset: i64,
    whence: i32,
    result: u32,
) -> SysResult {
    let whence = match whence {
        0 => Whence::Set,
        1 => Whence::Cur,
        2 => Whence::End,
        _ => return Err(Errno::EINVAL.into()),
    };
    let fd = real(call, fd)?;
    let position = syscall::lseek(call.task(), fd, offset, whence)?;
    call.memory()?.write(result, &position.to_le_bytes())
}

pub(super) async fn fd_tell(call: &mut Call<'_>, fd: i32, result: u32) -> SysResult {
    fd_seek(call, fd, 0, 1, result).await
}
