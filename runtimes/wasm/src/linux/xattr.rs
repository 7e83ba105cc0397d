//! Extended attributes: no filesystem here has any. As on Linux's own such filesystems, the file is looked for first.

use cenote_abi::Errno;
use cenote_abi::fs::AtFlags;
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall::{self, At};

use super::call::Call;

fn by_path(call: &mut Call<'_>, path: u32, flags: AtFlags) -> SysResult {
    let (memory, task) = call.parts()?;
    syscall::fstatat(task, At::Cwd, memory.path(path)?, flags)?;
    Err(Errno::EOPNOTSUPP.into())
}

fn by_fd(call: &mut Call<'_>, fd: i32) -> SysResult {
    syscall::fstat(call.task(), Fd::new(fd))?;
    Err(Errno::EOPNOTSUPP.into())
}

pub(super) fn setxattr(
    call: &mut Call<'_>,
    path: u32,
    _name: u32,
    _value: u32,
    _size: u32,
    _flags: i32,
) -> SysResult {
    by_path(call, path, AtFlags::empty())
}

pub(super) fn lsetxattr(
    call: &mut Call<'_>,
    path: u32,
    _name: u32,
    _value: u32,
    _size: u32,
    _flags: i32,
) -> SysResult {
    by_path(call, path, AtFlags::AT_SYMLINK_NOFOLLOW)
}

pub(super) fn fsetxattr(
    call: &mut Call<'_>,
    fd: i32,
    _name: u32,
    _value: u32,
    _size: u32,
    _flags: i32,
) -> SysResult {
    by_fd(call, fd)
}

pub(super) fn getxattr(
    call: &mut Call<'_>,
    path: u32,
    _name: u32,
    _value: u32,
    _size: u32,
) -> SysResult {
    by_path(call, path, AtFlags::empty())
}

pub(super) fn lgetxattr(
    call: &mut Call<'_>,
    path: u32,
    _name: u32,
    _value: u32,
    _size: u32,
) -> SysResult {
    by_path(call, path, AtFlags::AT_SYMLINK_NOFOLLOW)
}

pub(super) fn fgetxattr(
    call: &mut Call<'_>,
    fd: i32,
    _name: u32,
    _value: u32,
    _size: u32,
) -> SysResult {
    by_fd(call, fd)
}

pub(super) fn listxattr(call: &mut Call<'_>, path: u32, _list: u32, _size: u32) -> SysResult {
    by_path(call, path, AtFlags::empty())
}

pub(super) fn llistxattr(call: &mut Call<'_>, path: u32, _list: u32, _size: u32) -> SysResult {
    by_path(call, path, AtFlags::AT_SYMLINK_NOFOLLOW)
}

pub(super) fn flistxattr(call: &mut Call<'_>, fd: i32, _list: u32, _size: u32) -> SysResult {
    by_fd(call, fd)
}

pub(super) fn removexattr(call: &mut Call<'_>, path: u32, _name: u32) -> SysResult {
    by_path(call, path, AtFlags::empty())
}

pub(super) fn lremovexattr(call: &mut Call<'_>, path: u32, _name: u32) -> SysResult {
    by_path(call, path, AtFlags::AT_SYMLINK_NOFOLLOW)
}

pub(super) fn fremovexattr(call: &mut Call<'_>, fd: i32, _name: u32) -> SysResult {
    by_fd(call, fd)
}
