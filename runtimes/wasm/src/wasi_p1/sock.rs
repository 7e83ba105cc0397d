//! Sockets a program was given.

use cenote_abi::Errno;
use cenote_abi::fs::FileType;
use cenote_base::SysResult;
use cenote_kernel::syscall;

use super::fd::{self, real};
use crate::linux::call::Call;

fn check_socket(call: &mut Call<'_>, fd: i32) -> SysResult {
    let fd = real(call, fd)?;
    match syscall::fstat(call.task(), fd)?.file_type() {
        Some(FileType::Socket) => Ok(()),
        _ => Err(Errno::ENOTSOCK.into()),
    }
}

pub(super) async fn sock_accept(call: &mut Call<'_>, fd: i32, _flags: i32, _result: u32) -> SysResult {
    check_socket(call, fd)?;
    Err(Errno::EOPNOTSUPP.into())
}

pub(super) async fn sock_recv(
    call: &mut Call<'_>, fd: i32, vector: u32, count: i32, flags: i32, result: u32, result_flags: u32,
) -> SysResult {
    check_socket(call, fd)?;
    if flags != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    fd::fd_read(call, fd, vector, count, result).await?;
    call.memory()?.write(result_flags, &0_u16.to_le_bytes())
}

pub(super) async fn sock_send(call: &mut Call<'_>, fd: i32, vector: u32, count: i32, flags: i32, result: u32) -> SysResult {
    check_socket(call, fd)?;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    fd::fd_write(call, fd, vector, count, result).await
}

pub(super) async fn sock_shutdown(call: &mut Call<'_>, fd: i32, _how: i32) -> SysResult {
    check_socket(call, fd)?;
    Err(Errno::EOPNOTSUPP.into())
}
