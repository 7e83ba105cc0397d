//! Paths: decode, call the kernel, encode. The calls without `at` are those with `AT_FDCWD`, as in Linux.

use cenote_abi::Errno;
use cenote_abi::fs::{AT_FDCWD, AccessFlags, AtFlags, Mode, OpenFlags, RenameFlags};
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall::{self, At, TimeChange};

use super::call::Call;
use super::fd::{open_flags, owner, position};
use super::layout;

/// Mode bits from the wire; the kind of file is taken from elsewhere.
pub(super) fn mode(raw: i32) -> Mode {
    Mode::from_raw(raw.cast_unsigned())
}

fn at_flags(raw: i32, allowed: AtFlags) -> SysResult<AtFlags> {
    let flags = AtFlags::from_bits(raw.cast_unsigned()).ok_or(Errno::EINVAL)?;
    if allowed.contains(flags) {
        Ok(flags)
    } else {
        Err(Errno::EINVAL.into())
    }
}

const LOOKUP: AtFlags = AtFlags::AT_SYMLINK_NOFOLLOW
    .union(AtFlags::AT_EMPTY_PATH)
    .union(AtFlags::AT_NO_AUTOMOUNT);

pub(super) async fn open(call: &mut Call<'_>, path: u32, flags: i32, mode: i32) -> SysResult<Fd> {
    openat(call, AT_FDCWD, path, flags, mode).await
}

pub(super) async fn creat(call: &mut Call<'_>, path: u32, mode: i32) -> SysResult<Fd> {
    let flags = OpenFlags::O_CREAT | OpenFlags::O_WRONLY | OpenFlags::O_TRUNC;
    openat(call, AT_FDCWD, path, flags.bits().cast_signed(), mode).await
}

pub(super) async fn openat(
    call: &mut Call<'_>,
    at: i32,
    path: u32,
    flags: i32,
    raw_mode: i32,
) -> SysResult<Fd> {
    let (memory, task) = call.parts()?;
    syscall::openat(
        task,
        At::from_raw(at),
        memory.path(path)?,
        open_flags(flags),
        mode(raw_mode),
    )
    .await
}

/// `openat2`: flags, mode and resolve, 64 bits each. Restrictions of the lookup are not there.
pub(super) async fn openat2(
    call: &mut Call<'_>,
    at: i32,
    path: u32,
    how: u32,
    size: u32,
) -> SysResult<Fd> {
    if size < 24 {
        return Err(Errno::EINVAL.into());
    }
    if size > 24 {
        return Err(Errno::E2BIG.into());
    }
    let (memory, task) = call.parts()?;
    let (flags, raw_mode, resolve) = (
        memory.u64(how)?,
        memory.u64(how.wrapping_add(8))?,
        memory.u64(how.wrapping_add(16))?,
    );
    if resolve != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let flags = u32::try_from(flags)
        .ok()
        .and_then(OpenFlags::from_bits)
        .ok_or(Errno::EINVAL)?;
    let mode = u32::try_from(raw_mode)
        .ok()
        .and_then(Mode::from_bits)
        .ok_or(Errno::EINVAL)?;
    syscall::openat(task, At::from_raw(at), memory.path(path)?, flags, mode).await
}

fn stat_at(call: &mut Call<'_>, at: i32, path: u32, buffer: u32, flags: AtFlags) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let stat = syscall::fstatat(task, At::from_raw(at), memory.path(path)?, flags)?;
    memory.write(buffer, &layout::stat(&stat))
}

pub(super) fn stat(call: &mut Call<'_>, path: u32, buffer: u32) -> SysResult {
    stat_at(call, AT_FDCWD, path, buffer, AtFlags::empty())
}

pub(super) fn lstat(call: &mut Call<'_>, path: u32, buffer: u32) -> SysResult {
    stat_at(call, AT_FDCWD, path, buffer, AtFlags::AT_SYMLINK_NOFOLLOW)
}

pub(super) fn newfstatat(
    call: &mut Call<'_>,
    at: i32,
    path: u32,
    buffer: u32,
    flags: i32,
) -> SysResult {
    stat_at(call, at, path, buffer, at_flags(flags, LOOKUP)?)
}

pub(super) fn statx(
    call: &mut Call<'_>,
    at: i32,
    path: u32,
    flags: i32,
    _mask: u32,
    buffer: u32,
) -> SysResult {
    let sync = AtFlags::AT_STATX_FORCE_SYNC | AtFlags::AT_STATX_DONT_SYNC;
    let flags = at_flags(flags, LOOKUP | sync)? - sync;
    let (mut memory, task) = call.parts()?;
    let stat = syscall::fstatat(task, At::from_raw(at), memory.path(path)?, flags)?;
    memory.write(buffer, &layout::statx(&stat))
}

pub(super) fn statfs(call: &mut Call<'_>, path: u32, buffer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let fs = syscall::statfs(task, memory.path(path)?)?;
    memory.write(buffer, &layout::statfs(&fs))
}

fn access_at(call: &mut Call<'_>, at: i32, path: u32, raw: i32, flags: AtFlags) -> SysResult {
    let wanted = AccessFlags::from_bits(raw.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let (memory, task) = call.parts()?;
    syscall::faccessat(task, At::from_raw(at), memory.path(path)?, wanted, flags)
}

pub(super) fn access(call: &mut Call<'_>, path: u32, raw: i32) -> SysResult {
    access_at(call, AT_FDCWD, path, raw, AtFlags::empty())
}

/// The fourth argument is not looked at: Linux's call has three, and `faccessat2` is the one with flags.
pub(super) fn faccessat(
    call: &mut Call<'_>,
    at: i32,
    path: u32,
    raw: i32,
    _flags: i32,
) -> SysResult {
    access_at(call, at, path, raw, AtFlags::empty())
}

pub(super) fn faccessat2(
    call: &mut Call<'_>,
    at: i32,
    path: u32,
    raw: i32,
    flags: i32,
) -> SysResult {
    access_at(
        call,
        at,
        path,
        raw,
        at_flags(flags, LOOKUP | AtFlags::AT_EACCESS)?,
    )
}

pub(super) fn mkdir(call: &mut Call<'_>, path: u32, mode: i32) -> SysResult {
    mkdirat(call, AT_FDCWD, path, mode)
}

pub(super) fn mkdirat(call: &mut Call<'_>, at: i32, path: u32, raw_mode: i32) -> SysResult {
    let (memory, task) = call.parts()?;
    syscall::mkdirat(task, At::from_raw(at), memory.path(path)?, mode(raw_mode))
}

pub(super) fn mknod(call: &mut Call<'_>, path: u32, mode: i32, device: i32) -> SysResult {
    mknodat(call, AT_FDCWD, path, mode, device)
}

pub(super) fn mknodat(
    call: &mut Call<'_>,
    at: i32,
    path: u32,
    raw_mode: i32,
    device: i32,
) -> SysResult {
    let (memory, task) = call.parts()?;
    syscall::mknodat(
        task,
        At::from_raw(at),
        memory.path(path)?,
        raw_mode.cast_unsigned(),
        u64::from(device.cast_unsigned()),
    )
}

pub(super) fn rmdir(call: &mut Call<'_>, path: u32) -> SysResult {
    unlink_at(call, AT_FDCWD, path, AtFlags::AT_REMOVEDIR)
}

pub(super) fn unlink(call: &mut Call<'_>, path: u32) -> SysResult {
    unlink_at(call, AT_FDCWD, path, AtFlags::empty())
}

pub(super) fn unlinkat(call: &mut Call<'_>, at: i32, path: u32, flags: i32) -> SysResult {
    unlink_at(call, at, path, at_flags(flags, AtFlags::AT_REMOVEDIR)?)
}

fn unlink_at(call: &mut Call<'_>, at: i32, path: u32, flags: AtFlags) -> SysResult {
    let (memory, task) = call.parts()?;
    syscall::unlinkat(task, At::from_raw(at), memory.path(path)?, flags)
}

pub(super) fn link(call: &mut Call<'_>, old: u32, new: u32) -> SysResult {
    linkat(call, AT_FDCWD, old, AT_FDCWD, new, 0)
}

pub(super) fn linkat(
    call: &mut Call<'_>,
    old_at: i32,
    old: u32,
    new_at: i32,
    new: u32,
    flags: i32,
) -> SysResult {
    let flags = at_flags(flags, AtFlags::AT_SYMLINK_FOLLOW | AtFlags::AT_EMPTY_PATH)?;
    let (memory, task) = call.parts()?;
    syscall::linkat(
        task,
        At::from_raw(old_at),
        memory.path(old)?,
        At::from_raw(new_at),
        memory.path(new)?,
        flags,
    )
}

pub(super) fn symlink(call: &mut Call<'_>, target: u32, path: u32) -> SysResult {
    symlinkat(call, target, AT_FDCWD, path)
}

pub(super) fn symlinkat(call: &mut Call<'_>, target: u32, at: i32, path: u32) -> SysResult {
    let (memory, task) = call.parts()?;
    syscall::symlinkat(
        task,
        memory.path(target)?,
        At::from_raw(at),
        memory.path(path)?,
    )
}

pub(super) fn rename(call: &mut Call<'_>, old: u32, new: u32) -> SysResult {
    renameat2(call, AT_FDCWD, old, AT_FDCWD, new, 0)
}

pub(super) fn renameat(
    call: &mut Call<'_>,
    old_at: i32,
    old: u32,
    new_at: i32,
    new: u32,
) -> SysResult {
    renameat2(call, old_at, old, new_at, new, 0)
}

pub(super) fn renameat2(
    call: &mut Call<'_>,
    old_at: i32,
    old: u32,
    new_at: i32,
    new: u32,
    flags: i32,
) -> SysResult {
    let flags = RenameFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let (memory, task) = call.parts()?;
    syscall::renameat2(
        task,
        At::from_raw(old_at),
        memory.path(old)?,
        At::from_raw(new_at),
        memory.path(new)?,
        flags,
    )
}

pub(super) fn readlink(call: &mut Call<'_>, path: u32, buffer: u32, room: u32) -> SysResult<usize> {
    readlinkat(call, AT_FDCWD, path, buffer, room)
}

pub(super) fn readlinkat(
    call: &mut Call<'_>,
    at: i32,
    path: u32,
    buffer: u32,
    room: u32,
) -> SysResult<usize> {
    if room == 0 || room > i32::MAX.cast_unsigned() {
        return Err(Errno::EINVAL.into());
    }
    let (mut memory, task) = call.parts()?;
    let target = syscall::readlinkat(task, At::from_raw(at), memory.path(path)?)?;
    memory.write_truncated(buffer, room, &target)?;
    Ok(target.len().min(crate::memory::widen(room)))
}

pub(super) fn chmod(call: &mut Call<'_>, path: u32, mode: i32) -> SysResult {
    fchmodat(call, AT_FDCWD, path, mode, 0)
}

/// The fourth argument is not looked at: Linux's call has three.
pub(super) fn fchmodat(
    call: &mut Call<'_>,
    at: i32,
    path: u32,
    raw_mode: i32,
    _flags: i32,
) -> SysResult {
    let (memory, task) = call.parts()?;
    syscall::fchmodat(
        task,
        At::from_raw(at),
        memory.path(path)?,
        mode(raw_mode),
        AtFlags::empty(),
    )
}

fn chown_at(call: &mut Call<'_>, at: i32, path: u32, ids: (i32, i32), flags: AtFlags) -> SysResult {
    let (uid, gid) = owner(ids.0, ids.1);
    let (memory, task) = call.parts()?;
    syscall::fchownat(task, At::from_raw(at), memory.path(path)?, uid, gid, flags)
}

pub(super) fn chown(call: &mut Call<'_>, path: u32, uid: i32, gid: i32) -> SysResult {
    chown_at(call, AT_FDCWD, path, (uid, gid), AtFlags::empty())
}

pub(super) fn lchown(call: &mut Call<'_>, path: u32, uid: i32, gid: i32) -> SysResult {
    chown_at(
        call,
        AT_FDCWD,
        path,
        (uid, gid),
        AtFlags::AT_SYMLINK_NOFOLLOW,
    )
}

pub(super) fn fchownat(
    call: &mut Call<'_>,
    at: i32,
    path: u32,
    uid: i32,
    gid: i32,
    flags: i32,
) -> SysResult {
    chown_at(call, at, path, (uid, gid), at_flags(flags, LOOKUP)?)
}

pub(super) fn utimensat(
    call: &mut Call<'_>,
    at: i32,
    path: u32,
    times: u32,
    flags: i32,
) -> SysResult {
    let flags = at_flags(flags, LOOKUP)?;
    let (memory, task) = call.parts()?;
    let changes = if times == 0 {
        [TimeChange::Now, TimeChange::Now]
    } else {
        let bytes: [u8; 32] = memory.read(times)?;
        let time = |offset| {
            let (sec, nsec) = layout::raw_time_at(&bytes, offset);
            TimeChange::from_raw(sec, nsec)
        };
        [time(0)?, time(16)?]
    };
    let path = if path == 0 {
        None
    } else {
        Some(memory.path(path)?)
    };
    syscall::utimensat(task, At::from_raw(at), path, changes, flags)
}

pub(super) fn futimesat(call: &mut Call<'_>, at: i32, path: u32, times: u32) -> SysResult {
    let (memory, task) = call.parts()?;
    let changes = if times == 0 {
        [TimeChange::Now, TimeChange::Now]
    } else {
        let bytes: [u8; 32] = memory.read(times)?;
        let time = |offset| {
            layout::time_of_micros(layout::raw_time_at(&bytes, offset)).map(TimeChange::To)
        };
        [time(0)?, time(16)?]
    };
    let path = if path == 0 {
        None
    } else {
        Some(memory.path(path)?)
    };
    syscall::utimensat(task, At::from_raw(at), path, changes, AtFlags::empty())
}

pub(super) fn utimes(call: &mut Call<'_>, path: u32, times: u32) -> SysResult {
    futimesat(call, AT_FDCWD, path, times)
}

/// `utime`: two times in whole seconds.
pub(super) fn utime(call: &mut Call<'_>, path: u32, times: u32) -> SysResult {
    let (memory, task) = call.parts()?;
    let changes = if times == 0 {
        [TimeChange::Now, TimeChange::Now]
    } else {
        let bytes: [u8; 16] = memory.read(times)?;
        let time =
            |offset| layout::time_of((layout::i64_at(&bytes, offset), 0)).map(TimeChange::To);
        [time(0)?, time(8)?]
    };
    syscall::utimensat(
        task,
        At::Cwd,
        Some(memory.path(path)?),
        changes,
        AtFlags::empty(),
    )
}

pub(super) fn truncate(call: &mut Call<'_>, path: u32, len: i64) -> SysResult {
    let (memory, task) = call.parts()?;
    syscall::truncate(task, memory.path(path)?, position(len)?)
}

pub(super) fn chdir(call: &mut Call<'_>, path: u32) -> SysResult {
    let (memory, task) = call.parts()?;
    syscall::chdir(task, memory.path(path)?)
}

pub(super) fn chroot(call: &mut Call<'_>, path: u32) -> SysResult {
    let (memory, task) = call.parts()?;
    syscall::chroot(task, memory.path(path)?)
}

/// `getcwd` as the kernel has it: the answer counts the NUL.
pub(super) fn getcwd(call: &mut Call<'_>, buffer: u32, room: u32) -> SysResult<usize> {
    let (mut memory, task) = call.parts()?;
    let mut path = syscall::getcwd(task)?;
    path.push(0);
    if path.len() > crate::memory::widen(room) {
        return Err(Errno::ERANGE.into());
    }
    memory.write(buffer, &path)?;
    Ok(path.len())
}
