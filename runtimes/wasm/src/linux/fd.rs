//! Descriptors and what is done through them: decode, call the kernel, encode.

use std::io::IoSliceMut;

use cenote_abi::Errno;
use cenote_abi::fs::{
    CloseRangeFlags, FallocFlags, LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, OpenFlags, Whence,
};
use cenote_abi::mman::MemfdFlags;
use cenote_base::{Fd, Gid, SysResult, Uid};
use cenote_kernel::syscall::{self, FlockOperation};

use super::call::Call;
use super::layout;
use crate::memory::GuestMemory;

/// A kind of lock that Linux once had.
const LOCK_MAND: i32 = 32;

/// What a vector of overlapping parts is read through, at most.
const BOUNCE: usize = 1 << 20;

/// A position from the wire.
pub(super) fn position(offset: i64) -> SysResult<u64> {
    Ok(u64::try_from(offset).map_err(|_| Errno::EINVAL)?)
}

pub(super) fn open_flags(raw: i32) -> OpenFlags {
    // Bits that have no name are ignored, as open(2) does.
    OpenFlags::from_bits_truncate(raw.cast_unsigned())
}

pub(super) async fn read(
    call: &mut Call<'_>,
    fd: i32,
    buffer: u32,
    count: u32,
) -> SysResult<usize> {
    let (mut memory, task) = call.parts()?;
    syscall::read(task, Fd::new(fd), memory.slice_mut(buffer, count)?).await
}

pub(super) async fn write(
    call: &mut Call<'_>,
    fd: i32,
    buffer: u32,
    count: u32,
) -> SysResult<usize> {
    let (memory, task) = call.parts()?;
    syscall::write(task, Fd::new(fd), memory.slice(buffer, count)?).await
}

pub(super) async fn pread64(
    call: &mut Call<'_>,
    fd: i32,
    buffer: u32,
    count: u32,
    offset: i64,
) -> SysResult<usize> {
    let (mut memory, task) = call.parts()?;
    syscall::pread(
        task,
        Fd::new(fd),
        memory.slice_mut(buffer, count)?,
        position(offset)?,
    )
    .await
}

pub(super) async fn pwrite64(
    call: &mut Call<'_>,
    fd: i32,
    buffer: u32,
    count: u32,
    offset: i64,
) -> SysResult<usize> {
    let (memory, task) = call.parts()?;
    syscall::pwrite(
        task,
        Fd::new(fd),
        memory.slice(buffer, count)?,
        position(offset)?,
    )
    .await
}

/// Spreads what was read into a bounce buffer over parts that overlap, in order.
fn scatter(memory: &mut GuestMemory<'_>, parts: &[(u32, u32)], mut bytes: &[u8]) -> SysResult {
    for (address, len) in parts {
        let part = memory.slice_mut(*address, *len)?;
        let count = part.len().min(bytes.len());
        let (now, later) = bytes.split_at(count);
        part[..count].copy_from_slice(now);
        bytes = later;
    }
    Ok(())
}

fn bounce_buffer(parts: &[(u32, u32)]) -> Vec<u8> {
    let total: usize = parts
        .iter()
        .map(|(_, len)| crate::memory::widen(*len))
        .sum();
    vec![0; total.min(BOUNCE)]
}

pub(super) async fn readv(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
) -> SysResult<usize> {
    let (mut memory, task) = call.parts()?;
    let parts = memory.iovecs(vector, count)?;
    if let Some(mut slices) = memory.io_slices_mut(&parts)? {
        return syscall::readv(task, Fd::new(fd), &mut slices).await;
    }
    let mut bounce = bounce_buffer(&parts);
    let done = syscall::readv(task, Fd::new(fd), &mut [IoSliceMut::new(&mut bounce)]).await?;
    scatter(&mut memory, &parts, &bounce[..done])?;
    Ok(done)
}

pub(super) async fn writev(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
) -> SysResult<usize> {
    let (memory, task) = call.parts()?;
    let parts = memory.iovecs(vector, count)?;
    syscall::writev(task, Fd::new(fd), &memory.io_slices(&parts)?).await
}

pub(super) async fn preadv(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
    low: i64,
    high: i64,
) -> SysResult<usize> {
    let offset = position(split_position(low, high))?;
    let (mut memory, task) = call.parts()?;
    let parts = memory.iovecs(vector, count)?;
    if let Some(mut slices) = memory.io_slices_mut(&parts)? {
        return syscall::preadv(task, Fd::new(fd), &mut slices, offset).await;
    }
    let mut bounce = bounce_buffer(&parts);
    let done = syscall::pread(task, Fd::new(fd), &mut bounce, offset).await?;
    scatter(&mut memory, &parts, &bounce[..done])?;
    Ok(done)
}

pub(super) async fn pwritev(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
    low: i64,
    high: i64,
) -> SysResult<usize> {
    let offset = position(split_position(low, high))?;
    let (memory, task) = call.parts()?;
    let parts = memory.iovecs(vector, count)?;
    syscall::pwritev(task, Fd::new(fd), &memory.io_slices(&parts)?, offset).await
}

/// The position of `preadv` and `pwritev`: x86-64 has all of it in the first of its two arguments, and so has musl.
fn split_position(low: i64, high: i64) -> i64 {
    let _upper_half_of_a_32_bit_call = high;
    low
}

pub(super) async fn preadv2(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
    low: i64,
    high: i64,
    flags: i32,
) -> SysResult<usize> {
    if flags != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    // -1 means: at the file's own position.
    if low == -1 {
        readv(call, fd, vector, count).await
    } else {
        preadv(call, fd, vector, count, low, high).await
    }
}

pub(super) async fn pwritev2(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
    low: i64,
    high: i64,
    flags: i32,
) -> SysResult<usize> {
    if flags != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    if low == -1 {
        writev(call, fd, vector, count).await
    } else {
        pwritev(call, fd, vector, count, low, high).await
    }
}

pub(super) fn close(call: &mut Call<'_>, fd: i32) -> SysResult {
    syscall::close(call.task(), Fd::new(fd))
}

pub(super) fn close_range(call: &mut Call<'_>, first: i32, last: i32, flags: i32) -> SysResult {
    let flags = CloseRangeFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    syscall::close_range(
        call.task(),
        first.cast_unsigned(),
        last.cast_unsigned(),
        flags,
    )
}

pub(super) fn dup(call: &mut Call<'_>, fd: i32) -> SysResult<Fd> {
    syscall::dup(call.task(), Fd::new(fd))
}

pub(super) fn dup2(call: &mut Call<'_>, old: i32, new: i32) -> SysResult<Fd> {
    syscall::dup2(call.task(), Fd::new(old), Fd::new(new))
}

pub(super) fn dup3(call: &mut Call<'_>, old: i32, new: i32, flags: i32) -> SysResult<Fd> {
    let flags = OpenFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    syscall::dup3(call.task(), Fd::new(old), Fd::new(new), flags)
}

pub(super) fn pipe(call: &mut Call<'_>, fds: u32) -> SysResult {
    pipe2(call, fds, 0)
}

pub(super) fn pipe2(call: &mut Call<'_>, fds: u32, flags: i32) -> SysResult {
    let flags = OpenFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let (mut memory, task) = call.parts()?;
    memory.slice(fds, 8)?;
    let (reader, writer) = syscall::pipe2(task, flags)?;
    memory.write(fds, &reader.raw().to_le_bytes())?;
    memory.write(fds + 4, &writer.raw().to_le_bytes())
}

pub(super) fn lseek(call: &mut Call<'_>, fd: i32, offset: i64, whence: i32) -> SysResult<u64> {
    let whence = Whence::from_raw(whence).ok_or(Errno::EINVAL)?;
    syscall::lseek(call.task(), Fd::new(fd), offset, whence)
}

pub(super) fn ftruncate(call: &mut Call<'_>, fd: i32, len: i64) -> SysResult {
    syscall::ftruncate(call.task(), Fd::new(fd), position(len)?)
}

pub(super) fn fallocate(
    call: &mut Call<'_>,
    fd: i32,
    mode: i32,
    offset: i64,
    len: i64,
) -> SysResult {
    let flags = FallocFlags::from_bits(mode.cast_unsigned()).ok_or(Errno::EOPNOTSUPP)?;
    syscall::fallocate(
        call.task(),
        Fd::new(fd),
        flags,
        position(offset)?,
        position(len)?,
    )
}

pub(super) fn fsync(call: &mut Call<'_>, fd: i32) -> SysResult {
    syscall::fsync(call.task(), Fd::new(fd))
}

pub(super) fn fdatasync(call: &mut Call<'_>, fd: i32) -> SysResult {
    syscall::fdatasync(call.task(), Fd::new(fd))
}

pub(super) fn fadvise(
    call: &mut Call<'_>,
    fd: i32,
    _offset: i64,
    _len: i64,
    advice: i32,
) -> SysResult {
    // Advice may be ignored; what is wrong with it may not.
    syscall::fstat(call.task(), Fd::new(fd))?;
    if (0..=5).contains(&advice) {
        Ok(())
    } else {
        Err(Errno::EINVAL.into())
    }
}

pub(super) fn readahead(call: &mut Call<'_>, fd: i32, _offset: i64, _count: u32) -> SysResult {
    syscall::fstat(call.task(), Fd::new(fd)).map(|_| ())
}

pub(super) fn fstat(call: &mut Call<'_>, fd: i32, buffer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let stat = syscall::fstat(task, Fd::new(fd))?;
    memory.write(buffer, &layout::stat(&stat))
}

pub(super) fn fstatfs(call: &mut Call<'_>, fd: i32, buffer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let fs = syscall::fstatfs(task, Fd::new(fd))?;
    memory.write(buffer, &layout::statfs(&fs))
}

/// `struct linux_dirent64`: ino, next position, length of the record, kind, name with NUL; records are 8-aligned.
pub(super) fn getdents64(call: &mut Call<'_>, fd: i32, buffer: u32, room: i32) -> SysResult<usize> {
    let room = u32::try_from(room).map_err(|_| Errno::EINVAL)?;
    let (mut memory, task) = call.parts()?;
    let out = memory.slice_mut(buffer, room)?;
    let mut used = 0;
    let mut too_small = false;
    syscall::getdents(task, Fd::new(fd), &mut |entry| {
        let len = (19 + entry.name.len() + 1).next_multiple_of(8);
        let Some(record) = out.get_mut(used..used + len) else {
            too_small = true;
            return false;
        };
        record.fill(0);
        record[..8].copy_from_slice(&entry.ino.to_le_bytes());
        record[8..16].copy_from_slice(&entry.next_cursor.to_le_bytes());
        record[16..18].copy_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes());
        record[18] = entry.file_type.dirent_type();
        record[19..19 + entry.name.len()].copy_from_slice(entry.name);
        used += len;
        true
    })?;
    if used == 0 && too_small {
        Err(Errno::EINVAL.into())
    } else {
        Ok(used)
    }
}

/// `struct linux_dirent`, the older one: the kind of file is the record's last byte.
pub(super) fn getdents(call: &mut Call<'_>, fd: i32, buffer: u32, room: i32) -> SysResult<usize> {
    let room = u32::try_from(room).map_err(|_| Errno::EINVAL)?;
    let (mut memory, task) = call.parts()?;
    let out = memory.slice_mut(buffer, room)?;
    let mut used = 0;
    let mut too_small = false;
    syscall::getdents(task, Fd::new(fd), &mut |entry| {
        let len = (18 + entry.name.len() + 2).next_multiple_of(8);
        let Some(record) = out.get_mut(used..used + len) else {
            too_small = true;
            return false;
        };
        record.fill(0);
        record[..8].copy_from_slice(&entry.ino.to_le_bytes());
        record[8..16].copy_from_slice(&entry.next_cursor.to_le_bytes());
        record[16..18].copy_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes());
        record[18..18 + entry.name.len()].copy_from_slice(entry.name);
        record[len - 1] = entry.file_type.dirent_type();
        used += len;
        true
    })?;
    if used == 0 && too_small {
        Err(Errno::EINVAL.into())
    } else {
        Ok(used)
    }
}

pub(super) fn syncfs(call: &mut Call<'_>, fd: i32) -> SysResult {
    syscall::fstat(call.task(), Fd::new(fd)).map(|_| ())
}

pub(super) async fn flock(call: &mut Call<'_>, fd: i32, operation: i32) -> SysResult {
    if operation & LOCK_MAND != 0 {
        // Linux: mandatory locks are gone, and asking for one is no error.
        return Ok(());
    }
    let kind = match operation & !LOCK_NB {
        LOCK_SH => FlockOperation::Shared,
        LOCK_EX => FlockOperation::Exclusive,
        LOCK_UN => FlockOperation::Unlock,
        _ => return Err(Errno::EINVAL.into()),
    };
    syscall::flock(call.task(), Fd::new(fd), kind, operation & LOCK_NB != 0).await
}

pub(super) async fn sendfile(
    call: &mut Call<'_>,
    out: i32,
    input: i32,
    offset: u32,
    count: u32,
) -> SysResult<usize> {
    let (mut memory, task) = call.parts()?;
    let start = if offset == 0 {
        None
    } else {
        Some(memory.u64(offset)?)
    };
    let count = crate::memory::widen(count);
    let (done, end) = syscall::sendfile(task, Fd::new(out), Fd::new(input), start, count).await?;
    if let Some(end) = end {
        memory.write_if_wanted(offset, &end.to_le_bytes())?;
    }
    Ok(done)
}

pub(super) async fn splice(
    call: &mut Call<'_>,
    input: i32,
    from: u32,
    out: i32,
    to: u32,
    count: u32,
    _flags: i32,
) -> SysResult<usize> {
    let (mut memory, task) = call.parts()?;
    let at = |memory: &GuestMemory<'_>, pointer: u32| {
        if pointer == 0 {
            Ok(None)
        } else {
            memory.u64(pointer).map(Some)
        }
    };
    let (start, target) = (at(&memory, from)?, at(&memory, to)?);
    let count = crate::memory::widen(count);
    let (done, start, target) =
        syscall::splice(task, (Fd::new(input), start), (Fd::new(out), target), count).await?;
    for (pointer, position) in [(from, start), (to, target)] {
        if let Some(position) = position {
            memory.write(pointer, &position.to_le_bytes())?;
        }
    }
    Ok(done)
}

pub(super) async fn tee(
    call: &mut Call<'_>,
    input: i32,
    out: i32,
    count: u32,
    _flags: i32,
) -> SysResult<usize> {
    syscall::tee(
        call.task(),
        Fd::new(input),
        Fd::new(out),
        crate::memory::widen(count),
    )
    .await
}

pub(super) async fn copy_file_range(
    call: &mut Call<'_>,
    input: i32,
    from: u32,
    out: i32,
    to: u32,
    count: u32,
    flags: i32,
) -> SysResult<usize> {
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let (mut memory, task) = call.parts()?;
    let read_position = |memory: &GuestMemory<'_>, at: u32| {
        if at == 0 {
            Ok(None)
        } else {
            memory.u64(at).map(Some)
        }
    };
    let (start, target) = (read_position(&memory, from)?, read_position(&memory, to)?);
    let count = crate::memory::widen(count);
    let (done, read_end, write_end) =
        syscall::copy_file_range(task, Fd::new(input), start, Fd::new(out), target, count).await?;
    memory.write_if_wanted(from, &read_end.to_le_bytes())?;
    memory.write_if_wanted(to, &write_end.to_le_bytes())?;
    Ok(done)
}

pub(super) fn fchmod(call: &mut Call<'_>, fd: i32, mode: i32) -> SysResult {
    syscall::fchmod(call.task(), Fd::new(fd), super::path::mode(mode))
}

pub(super) fn fchown(call: &mut Call<'_>, fd: i32, uid: i32, gid: i32) -> SysResult {
    let (uid, gid) = owner(uid, gid);
    syscall::fchown(call.task(), Fd::new(fd), uid, gid)
}

/// The ids of `chown`: -1 leaves one as it is.
pub(super) fn owner(uid: i32, gid: i32) -> (Option<Uid>, Option<Gid>) {
    let wanted = |id: i32| (id != -1).then_some(id.cast_unsigned());
    (wanted(uid).map(Uid::new), wanted(gid).map(Gid::new))
}

pub(super) fn fchdir(call: &mut Call<'_>, fd: i32) -> SysResult {
    syscall::fchdir(call.task(), Fd::new(fd))
}

pub(super) fn memfd_create(call: &mut Call<'_>, name: u32, flags: i32) -> SysResult<Fd> {
    let flags = MemfdFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let (memory, task) = call.parts()?;
    // The longest name, with its zero.
    let name = memory.string(name, 250, Errno::EINVAL)?;
    syscall::memfd_create(task, name, flags)
}
