//! Paths.

use cenote_abi::Errno;
use cenote_abi::fs::{AtFlags, Mode, OpenFlags, PATH_MAX, RenameFlags};
use cenote_base::SysResult;
use cenote_kernel::syscall;

use super::descriptors::Place;
use super::fd::{time_changes, write_u32};
use crate::linux::call::Call;
use crate::memory::widen;
use cenote_abi::wasi;

/// Reads a path of the call and finds where it is.
///
/// # Errors
/// `EINVAL`: a NUL in it. `ENAMETOOLONG`. `EBADF`: the descriptor is not open.
fn place(call: &mut Call<'_>, fd: i32, path: u32, len: u32) -> SysResult<Place> {
    let path = text(call, path, len)?;
    call.process()
        .descriptors
        .clone()
        .place(call.task(), fd, &path)
}

fn text(call: &mut Call<'_>, path: u32, len: u32) -> SysResult<Vec<u8>> {
    if widen(len) >= PATH_MAX {
        return Err(Errno::ENAMETOOLONG.into());
    }
    let bytes = call.memory()?.slice(path, len)?.to_vec();
    if bytes.contains(&0) {
        Err(Errno::EINVAL.into())
    } else {
        Ok(bytes)
    }
}

/// `lookupflags`: bit 0 follows a symbolic link at the end.
fn nofollow(lookup: i32) -> AtFlags {
    if lookup & 1 == 0 {
        AtFlags::AT_SYMLINK_NOFOLLOW
    } else {
        AtFlags::empty()
    }
}

pub(super) async fn path_create_directory(
    call: &mut Call<'_>,
    fd: i32,
    path: u32,
    len: u32,
) -> SysResult {
    let place = place(call, fd, path, len)?;
    syscall::mkdirat(call.task(), place.at, &place.path, Mode::from_raw(0o777))
}

pub(super) async fn path_filestat_get(
    call: &mut Call<'_>,
    fd: i32,
    flags: i32,
    path: u32,
    len: u32,
    result: u32,
) -> SysResult {
    let place = place(call, fd, path, len)?;
    let stat = syscall::fstatat(call.task(), place.at, &place.path, nofollow(flags))?;
    call.memory()?.write(result, &wasi::filestat(&stat))
}

#[expect(clippy::too_many_arguments, reason = "the specification has as many")]
pub(super) async fn path_filestat_set_times(
    call: &mut Call<'_>,
    fd: i32,
    flags: i32,
    path: u32,
    len: u32,
    atime: i64,
    mtime: i64,
    which: i32,
) -> SysResult {
    let changes = time_changes(atime, mtime, which)?;
    let place = place(call, fd, path, len)?;
    syscall::utimensat(
        call.task(),
        place.at,
        Some(&place.path),
        changes,
        nofollow(flags),
    )
}

#[expect(clippy::too_many_arguments, reason = "the specification has as many")]
pub(super) async fn path_link(
    call: &mut Call<'_>,
    old_fd: i32,
    flags: i32,
    old: u32,
    old_len: u32,
    new_fd: i32,
    new: u32,
    new_len: u32,
) -> SysResult {
    let follow = if flags & 1 == 0 {
        AtFlags::empty()
    } else {
        AtFlags::AT_SYMLINK_FOLLOW
    };
    let (old, new) = (
        place(call, old_fd, old, old_len)?,
        place(call, new_fd, new, new_len)?,
    );
    syscall::linkat(call.task(), old.at, &old.path, new.at, &new.path, follow)
}

#[expect(clippy::too_many_arguments, reason = "the specification has as many")]
pub(super) async fn path_open(
    call: &mut Call<'_>,
    fd: i32,
    lookup: i32,
    path: u32,
    len: u32,
    oflags: i32,
    base: i64,
    _inheriting: i64,
    fdflags: i32,
    result: u32,
) -> SysResult {
    let rights = base.cast_unsigned();
    let reads = rights & (wasi::RIGHT_FD_READ | wasi::RIGHT_FD_READDIR) != 0;
    let writes =
        rights & (wasi::RIGHT_FD_WRITE | wasi::RIGHT_FD_ALLOCATE | wasi::RIGHT_FD_SET_SIZE) != 0;
    let mut flags = wasi::open_flags(fdflags) | OpenFlags::O_CLOEXEC;
    flags |= match (reads, writes) {
        (true, true) => OpenFlags::O_RDWR,
        (false, true) => OpenFlags::O_WRONLY,
        (_, false) => OpenFlags::O_RDONLY,
    };
    for (bit, flag) in [
        (wasi::OFLAGS_CREAT, OpenFlags::O_CREAT),
        (wasi::OFLAGS_DIRECTORY, OpenFlags::O_DIRECTORY),
        (wasi::OFLAGS_EXCL, OpenFlags::O_EXCL),
        (wasi::OFLAGS_TRUNC, OpenFlags::O_TRUNC),
    ] {
        flags.set(flag, oflags & bit != 0);
    }
    // Directories are opened with every right there is, and can only be read.
    if flags.contains(OpenFlags::O_DIRECTORY) {
        flags.remove(OpenFlags::O_ACCMODE);
    }
    flags.set(OpenFlags::O_NOFOLLOW, lookup & 1 == 0);
    let place = place(call, fd, path, len)?;
    let mode = Mode::from_raw(0o666);
    let opened = match syscall::openat(call.task(), place.at, &place.path, flags, mode).await {
        // A program that asked for all rights on a directory meant to read it.
        Err(error)
            if error.errno() == Errno::EISDIR && reads && !flags.contains(OpenFlags::O_CREAT) =>
        {
            let flags = (flags - OpenFlags::O_ACCMODE) | OpenFlags::O_DIRECTORY;
            syscall::openat(call.task(), place.at, &place.path, flags, mode).await?
        }
        other => other?,
    };
    let number = call.process().descriptors.insert(opened);
    call.memory()?.write(result, &number.to_le_bytes())
}

pub(super) async fn path_readlink(
    call: &mut Call<'_>,
    fd: i32,
    path: u32,
    len: u32,
    buffer: u32,
    room: u32,
    result: u32,
) -> SysResult {
    let place = place(call, fd, path, len)?;
    let target = syscall::readlinkat(call.task(), place.at, &place.path)?;
    let mut memory = call.memory()?;
    memory.write_truncated(buffer, room, &target)?;
    write_u32(&mut memory, result, target.len().min(widen(room)))
}

pub(super) async fn path_remove_directory(
    call: &mut Call<'_>,
    fd: i32,
    path: u32,
    len: u32,
) -> SysResult {
    let place = place(call, fd, path, len)?;
    syscall::unlinkat(call.task(), place.at, &place.path, AtFlags::AT_REMOVEDIR)
}

pub(super) async fn path_rename(
    call: &mut Call<'_>,
    old_fd: i32,
    old: u32,
    old_len: u32,
    new_fd: i32,
    new: u32,
    new_len: u32,
) -> SysResult {
    let (old, new) = (
        place(call, old_fd, old, old_len)?,
        place(call, new_fd, new, new_len)?,
    );
    syscall::renameat2(
        call.task(),
        old.at,
        &old.path,
        new.at,
        &new.path,
        RenameFlags::empty(),
    )
}

pub(super) async fn path_symlink(
    call: &mut Call<'_>,
    target: u32,
    target_len: u32,
    fd: i32,
    path: u32,
    len: u32,
) -> SysResult {
    let target = text(call, target, target_len)?;
    let place = place(call, fd, path, len)?;
    syscall::symlinkat(call.task(), &target, place.at, &place.path)
}

pub(super) async fn path_unlink_file(
    call: &mut Call<'_>,
    fd: i32,
    path: u32,
    len: u32,
) -> SysResult {
    let place = place(call, fd, path, len)?;
    syscall::unlinkat(call.task(), place.at, &place.path, AtFlags::empty())
}
