//! Calls on open files.

use cenote_abi::Errno;
use cenote_abi::fs::{AtFlags, FallocFlags, FileType, Stat, Whence};
use cenote_abi::wasi;
use cenote_base::wait::block_on;
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall::{self, At, Fcntl, TimeChange};

use super::descriptors::{Entry, Rights};
use super::memory::Memory;
use super::{Call, Outcome, Refusal};
use crate::blocking::blocking;

fn entry(call: &Call<'_>, fd: i32) -> Outcome<Entry> {
    call.wasi.descriptors.borrow().get(fd)
}

fn real(call: &Call<'_>, fd: i32) -> Outcome<Fd> {
    Ok(entry(call, fd)?.fd)
}

fn attributes(call: &Call<'_>, fd: i32) -> Outcome<Stat> {
    Ok(syscall::fstat(call.task(), real(call, fd)?)?)
}

pub(super) fn fd_advise(
    call: &mut Call<'_>,
    fd: i32,
    _offset: i64,
    _len: i64,
    advice: i32,
) -> Outcome {
    let stat = attributes(call, fd)?;
    if !(0..=5).contains(&advice) {
        return Err(Refusal::INVALID);
    }
    if stat.file_type() == Some(FileType::Directory) {
        return Err(Errno::EBADF.into());
    }
    Ok(())
}

pub(super) fn fd_allocate(call: &mut Call<'_>, fd: i32, offset: i64, len: i64) -> Outcome {
    let fd = real(call, fd)?;
    let (offset, len) = (offset.cast_unsigned(), len.cast_unsigned());
    Ok(syscall::fallocate(
        call.task(),
        fd,
        FallocFlags::empty(),
        offset,
        len,
    )?)
}

pub(super) fn fd_close(call: &mut Call<'_>, fd: i32) -> Outcome {
    call.wasi.descriptors.borrow_mut().close(fd)
}

pub(super) fn fd_datasync(call: &mut Call<'_>, fd: i32) -> Outcome {
    Ok(syscall::fdatasync(call.task(), real(call, fd)?)?)
}

pub(super) fn fd_sync(call: &mut Call<'_>, fd: i32) -> Outcome {
    Ok(syscall::fsync(call.task(), real(call, fd)?)?)
}

pub(super) fn fd_fdstat_get(call: &mut Call<'_>, fd: i32, result: u32) -> Outcome {
    let entry = entry(call, fd)?;
    let kind = syscall::fstat(call.task(), entry.fd)?.file_type();
    let file = call.task().files().get(entry.fd)?;
    let rights = entry.rights.unwrap_or_else(|| {
        let mut base = wasi::ALL_RIGHTS;
        // What has no positions is taken for a terminal or a pipe by programs.
        if kind != Some(FileType::Regular) {
            base &= !(wasi::RIGHT_FD_SEEK | wasi::RIGHT_FD_TELL);
        }
        Rights {
            base,
            inheriting: wasi::ALL_RIGHTS,
        }
    });
    let mut flags = wasi::fdflags(file.flags());
    if kind == Some(FileType::Directory) {
        flags = 0;
    }
    let [flags_low, flags_high] = flags.to_le_bytes();
    let mut bytes = vec![wasi::file_type(kind), 0, flags_low, flags_high, 0, 0, 0, 0];
    bytes.extend(rights.base.to_le_bytes());
    bytes.extend(rights.inheriting.to_le_bytes());
    call.memory.write(result, &bytes)
}

pub(super) fn fd_fdstat_set_flags(call: &mut Call<'_>, fd: i32, flags: i32) -> Outcome {
    if flags & !wasi::ALL_FDFLAGS != 0 {
        return Err(Refusal::INVALID);
    }
    let fd = real(call, fd)?;
    // Only what fcntl can set: the others are decided when a file is opened.
    if flags & (wasi::FDFLAGS_DSYNC | wasi::FDFLAGS_RSYNC | wasi::FDFLAGS_SYNC) != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let set = Fcntl::SetFl(wasi::open_flags(flags));
    block_on(syscall::fcntl(call.task(), fd, set))?;
    Ok(())
}

pub(super) fn fd_fdstat_set_rights(
    call: &mut Call<'_>,
    fd: i32,
    base: i64,
    inheriting: i64,
) -> Outcome {
    let rights = Rights {
        base: base.cast_unsigned(),
        inheriting: inheriting.cast_unsigned(),
    };
    call.wasi.descriptors.borrow_mut().set_rights(fd, rights)
}

pub(super) fn fd_filestat_get(call: &mut Call<'_>, fd: i32, result: u32) -> Outcome {
    let stat = attributes(call, fd)?;
    call.memory.write(result, &wasi::filestat(&stat))
}

pub(super) fn fd_filestat_set_size(call: &mut Call<'_>, fd: i32, size: i64) -> Outcome {
    let fd = real(call, fd)?;
    Ok(syscall::ftruncate(call.task(), fd, size.cast_unsigned())?)
}

/// The times of `fstflags`: given, now, or as they are.
pub(super) fn time_changes(atime: i64, mtime: i64, flags: i32) -> Outcome<[TimeChange; 2]> {
    let change = |time: i64, set: i32, now: i32| match (flags & set != 0, flags & now != 0) {
        (true, true) => Err(Refusal::INVALID),
        (true, false) => Ok(TimeChange::To(wasi::time(time.cast_unsigned()))),
        (false, true) => Ok(TimeChange::Now),
        (false, false) => Ok(TimeChange::Omit),
    };
    if flags & !15 != 0 {
        return Err(Refusal::INVALID);
    }
    Ok([change(atime, 1, 2)?, change(mtime, 4, 8)?])
}

pub(super) fn fd_filestat_set_times(
    call: &mut Call<'_>,
    fd: i32,
    atime: i64,
    mtime: i64,
    flags: i32,
) -> Outcome {
    let changes = time_changes(atime, mtime, flags)?;
    let at = At::Fd(real(call, fd)?);
    Ok(syscall::utimensat(
        call.task(),
        at,
        None,
        changes,
        AtFlags::empty(),
    )?)
}

/// Reads into a vector, from a position or from where the file is.
fn read(
    call: &Call<'_>,
    fd: i32,
    (vector, count): (u32, u32),
    position: Option<i64>,
    result: u32,
) -> Outcome {
    let fd = real(call, fd)?;
    let parts = call.memory.vector(vector, count)?;
    call.memory.check(result, 4)?;
    let mut bytes = vec![0; Memory::room(&parts)];
    let task = call.task();
    let done = blocking(&call.env, async || match position {
        None => syscall::read(task, fd, &mut bytes).await,
        Some(at) => syscall::pread(task, fd, &mut bytes, at.cast_unsigned()).await,
    })?;
    let read = bytes.get(..done).unwrap_or_default();
    call.memory.scatter(&parts, read)?;
    call.memory.write_u32(result, done)
}

pub(super) fn fd_read(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: u32,
    result: u32,
) -> Outcome {
    read(call, fd, (vector, count), None, result)
}

pub(super) fn fd_pread(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: u32,
    offset: i64,
    result: u32,
) -> Outcome {
    read(call, fd, (vector, count), Some(offset), result)
}

fn write(
    call: &Call<'_>,
    fd: i32,
    (vector, count): (u32, u32),
    position: Option<i64>,
    result: u32,
) -> Outcome {
    let fd = real(call, fd)?;
    let parts = call.memory.vector(vector, count)?;
    let bytes = call.memory.gather(&parts)?;
    call.memory.check(result, 4)?;
    let task = call.task();
    let done: SysResult<usize> = blocking(&call.env, async || match position {
        None => syscall::write(task, fd, &bytes).await,
        Some(at) => syscall::pwrite(task, fd, &bytes, at.cast_unsigned()).await,
    });
    call.memory.write_u32(result, done?)
}

pub(super) fn fd_write(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: u32,
    result: u32,
) -> Outcome {
    write(call, fd, (vector, count), None, result)
}

pub(super) fn fd_pwrite(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: u32,
    offset: i64,
    result: u32,
) -> Outcome {
    write(call, fd, (vector, count), Some(offset), result)
}

/// `prestat`: kind 0 (a directory) and the length of its name.
pub(super) fn fd_prestat_get(call: &mut Call<'_>, fd: i32, result: u32) -> Outcome {
    let name = entry(call, fd)?.preopen.ok_or(Refusal::INVALID)?;
    call.memory.check(result, 8)?;
    call.memory.write_u32(result, 0)?;
    call.memory.write_u32(result.saturating_add(4), name.len())
}

pub(super) fn fd_prestat_dir_name(call: &mut Call<'_>, fd: i32, path: u32, len: u32) -> Outcome {
    let name = entry(call, fd)?.preopen.ok_or(Errno::EBADF)?;
    if (len as usize) < name.len() {
        return Err(Errno::ENOBUFS.into());
    }
    call.memory.write(path, &name)
}

/// Entries of 24 bytes and a name; the last may be cut, which tells the program to come again with more room.
pub(super) fn fd_readdir(
    call: &mut Call<'_>,
    fd: i32,
    buffer: u32,
    len: u32,
    cookie: i64,
    result: u32,
) -> Outcome {
    let fd = real(call, fd)?;
    let room = len as usize;
    call.memory.check(buffer, room)?;
    syscall::lseek(call.task(), fd, cookie, Whence::Set)?;
    let mut out: Vec<u8> = Vec::new();
    syscall::getdents(call.task(), fd, &mut |entry| {
        // uvwasi does not tell of these two.
        if matches!(entry.name, b"." | b"..") {
            return true;
        }
        out.extend(entry.next_cursor.to_le_bytes());
        out.extend(entry.ino.to_le_bytes());
        out.extend(u32::try_from(entry.name.len()).unwrap_or(0).to_le_bytes());
        out.extend([wasi::file_type(Some(entry.file_type)), 0, 0, 0]);
        out.extend(entry.name);
        out.len() < room
    })?;
    out.truncate(room);
    call.memory.write(buffer, &out)?;
    call.memory.write_u32(result, out.len())
}

pub(super) fn fd_renumber(call: &mut Call<'_>, from: i32, to: i32) -> Outcome {
    call.wasi.descriptors.borrow_mut().renumber(from, to)
}

pub(super) fn fd_seek(
    call: &mut Call<'_>,
    fd: i32,
    offset: i64,
    whence: i32,
    result: u32,
) -> Outcome {
    let whence = match whence {
        0 => Whence::Set,
        1 => Whence::Cur,
        2 => Whence::End,
        _ => return Err(Refusal::INVALID),
    };
    let fd = real(call, fd)?;
    let position = syscall::lseek(call.task(), fd, offset, whence)?;
    call.memory.write(result, &position.to_le_bytes())
}

pub(super) fn fd_tell(call: &mut Call<'_>, fd: i32, result: u32) -> Outcome {
    fd_seek(call, fd, 0, 1, result)
}
