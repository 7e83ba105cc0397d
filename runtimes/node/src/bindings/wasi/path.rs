//! Calls on paths below the module's directories.

use cenote_abi::Errno;
use cenote_abi::fs::{AtFlags, Mode, OpenFlags, RenameFlags};
use cenote_abi::wasi;
use cenote_kernel::syscall::{self, At};

use super::descriptors::Rights;
use super::fd::time_changes;
use super::{Call, Outcome, Refusal};
use crate::blocking::blocking;

const FOLLOW: i32 = 1;

/// Reads a path of the call and finds where it is.
fn place(
    call: &Call<'_>,
    fd: i32,
    (path, len): (u32, u32),
    follows: bool,
) -> Outcome<(At, Vec<u8>)> {
    let path = call.memory.read(path, len)?;
    call.wasi.descriptors.borrow().resolve(fd, &path, follows)
}

pub(super) fn path_create_directory(call: &mut Call<'_>, fd: i32, path: u32, len: u32) -> Outcome {
    let (at, path) = place(call, fd, (path, len), true)?;
    Ok(syscall::mkdirat(
        call.task(),
        at,
        &path,
        Mode::from_raw(0o777),
    )?)
}

pub(super) fn path_filestat_get(
    call: &mut Call<'_>,
    fd: i32,
    flags: i32,
    path: u32,
    len: u32,
    result: u32,
) -> Outcome {
    let (at, path) = place(call, fd, (path, len), flags & FOLLOW != 0)?;
    let stat = syscall::fstatat(call.task(), at, &path, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    call.memory.write(result, &wasi::filestat(&stat))
}

#[expect(clippy::too_many_arguments, reason = "the specification has as many")]
pub(super) fn path_filestat_set_times(
    call: &mut Call<'_>,
    fd: i32,
    flags: i32,
    path: u32,
    len: u32,
    atime: i64,
    mtime: i64,
    which: i32,
) -> Outcome {
    let changes = time_changes(atime, mtime, which)?;
    let (at, path) = place(call, fd, (path, len), flags & FOLLOW != 0)?;
    let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
    Ok(syscall::utimensat(
        call.task(),
        at,
        Some(&path),
        changes,
        flags,
    )?)
}

#[expect(clippy::too_many_arguments, reason = "the specification has as many")]
pub(super) fn path_link(
    call: &mut Call<'_>,
    old_fd: i32,
    flags: i32,
    old: u32,
    old_len: u32,
    new_fd: i32,
    new: u32,
    new_len: u32,
) -> Outcome {
    let (old_at, old) = place(call, old_fd, (old, old_len), flags & FOLLOW != 0)?;
    let (new_at, new) = place(call, new_fd, (new, new_len), false)?;
    let flags = AtFlags::empty();
    Ok(syscall::linkat(
        call.task(),
        old_at,
        &old,
        new_at,
        &new,
        flags,
    )?)
}

#[expect(clippy::too_many_arguments, reason = "the specification has as many")]
pub(super) fn path_open(
    call: &mut Call<'_>,
    fd: i32,
    lookup: i32,
    path: u32,
    len: u32,
    oflags: i32,
    base: i64,
    inheriting: i64,
    fdflags: i32,
    result: u32,
) -> Outcome {
    let rights = Rights {
        base: base.cast_unsigned(),
        inheriting: inheriting.cast_unsigned(),
    };
    let reads = rights.base & (wasi::RIGHT_FD_READ | wasi::RIGHT_FD_READDIR) != 0;
    let writing = wasi::RIGHT_FD_WRITE | wasi::RIGHT_FD_ALLOCATE | wasi::RIGHT_FD_SET_SIZE;
    let writes = rights.base & writing != 0;
    let mut flags = wasi::open_flags(fdflags) | OpenFlags::O_CLOEXEC | OpenFlags::O_NOFOLLOW;
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
    call.memory.check(result, 4)?;
    let (at, path) = place(call, fd, (path, len), lookup & FOLLOW != 0)?;
    let mode = Mode::from_raw(0o666);
    let task = call.task();
    let open = |flags| {
        blocking(&call.env, async || {
            syscall::openat(task, at, &path, flags, mode).await
        })
    };
    let opened = match open(flags) {
        // A program that asked for all rights on a directory meant to read it.
        Err(error)
            if error.errno() == Errno::EISDIR && reads && !flags.contains(OpenFlags::O_CREAT) =>
        {
            open((flags - OpenFlags::O_ACCMODE) | OpenFlags::O_DIRECTORY)?
        }
        other => other?,
    };
    let number = call.wasi.descriptors.borrow_mut().insert(opened, rights)?;
    call.memory.write(result, &number.to_le_bytes())
}

pub(super) fn path_readlink(
    call: &mut Call<'_>,
    fd: i32,
    path: u32,
    len: u32,
    buffer: u32,
    room: u32,
    result: u32,
) -> Outcome {
    let (at, path) = place(call, fd, (path, len), false)?;
    let target = syscall::readlinkat(call.task(), at, &path)?;
    if target.len() > room as usize {
        return Err(Errno::ENOBUFS.into());
    }
    call.memory.write(buffer, &target)?;
    call.memory.write_u32(result, target.len())
}

pub(super) fn path_remove_directory(call: &mut Call<'_>, fd: i32, path: u32, len: u32) -> Outcome {
    let (at, path) = place(call, fd, (path, len), false)?;
    Ok(syscall::unlinkat(
        call.task(),
        at,
        &path,
        AtFlags::AT_REMOVEDIR,
    )?)
}

pub(super) fn path_rename(
    call: &mut Call<'_>,
    old_fd: i32,
    old: u32,
    old_len: u32,
    new_fd: i32,
    new: u32,
    new_len: u32,
) -> Outcome {
    let (old_at, old) = place(call, old_fd, (old, old_len), false)?;
    let (new_at, new) = place(call, new_fd, (new, new_len), false)?;
    let flags = RenameFlags::empty();
    Ok(syscall::renameat2(
        call.task(),
        old_at,
        &old,
        new_at,
        &new,
        flags,
    )?)
}

pub(super) fn path_symlink(
    call: &mut Call<'_>,
    target: u32,
    target_len: u32,
    fd: i32,
    path: u32,
    len: u32,
) -> Outcome {
    let target = call.memory.read(target, target_len)?;
    // A link out of the directory could not be followed; it is not made either.
    if target.starts_with(b"/") {
        return Err(Refusal::NOT_CAPABLE);
    }
    let (at, path) = place(call, fd, (path, len), false)?;
    Ok(syscall::symlinkat(call.task(), &target, at, &path)?)
}

pub(super) fn path_unlink_file(call: &mut Call<'_>, fd: i32, path: u32, len: u32) -> Outcome {
    let (at, path) = place(call, fd, (path, len), false)?;
    Ok(syscall::unlinkat(call.task(), at, &path, AtFlags::empty())?)
}
