//! Sockets a program was given.

use cenote_abi::Errno;
use cenote_abi::socket::{MessageFlags, ShutdownHow, SocketFlags};
use cenote_base::SysResult;
use cenote_kernel::syscall::{self, SendMessage};

use super::fd::{real, write_u32};
use crate::linux::call::Call;
use cenote_abi::wasi;

/// `riflags`: look without taking, wait for everything.
const RECV_PEEK: i32 = 1;
const RECV_WAITALL: i32 = 2;

pub(super) async fn sock_accept(
    call: &mut Call<'_>,
    fd: i32,
    flags: i32,
    result: u32,
) -> SysResult {
    if flags & !wasi::FDFLAGS_NONBLOCK != 0 {
        return Err(Errno::EINVAL.into());
    }
    let fd = real(call, fd)?;
    let mut options = SocketFlags::SOCK_CLOEXEC;
    options.set(SocketFlags::SOCK_NONBLOCK, flags != 0);
    let (accepted, _) = syscall::accept4(call.task(), fd, options).await?;
    let number = call.process().descriptors.insert(accepted);
    call.memory()?.write(result, &number.to_le_bytes())
}

pub(super) async fn sock_recv(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
    flags: i32,
    result: u32,
    result_flags: u32,
) -> SysResult {
    if flags & !(RECV_PEEK | RECV_WAITALL) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let fd = real(call, fd)?;
    let mut options = MessageFlags::empty();
    options.set(MessageFlags::MSG_PEEK, flags & RECV_PEEK != 0);
    options.set(MessageFlags::MSG_WAITALL, flags & RECV_WAITALL != 0);
    let (mut memory, task) = call.parts()?;
    let parts = memory.iovecs(vector, count)?;
    // Parts that overlap are a mistake that WASI lets a host refuse.
    let mut slices = memory.io_slices_mut(&parts)?.ok_or(Errno::EINVAL)?;
    let received = syscall::recvmsg(task, fd, &mut slices, options, 0).await?;
    drop(slices);
    let truncated = u16::from(received.flags.contains(MessageFlags::MSG_TRUNC));
    write_u32(&mut memory, result, received.copied)?;
    memory.write(result_flags, &truncated.to_le_bytes())
}

pub(super) async fn sock_send(
    call: &mut Call<'_>,
    fd: i32,
    vector: u32,
    count: i32,
    flags: i32,
    result: u32,
) -> SysResult {
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let fd = real(call, fd)?;
    let (mut memory, task) = call.parts()?;
    let parts = memory.iovecs(vector, count)?;
    let bytes = memory.io_slices(&parts)?;
    let message = SendMessage {
        bytes: &bytes,
        rights: &[],
        to: None,
    };
    // A program without signals learns of a closed connection by the errno.
    let sent = syscall::sendmsg(task, fd, message, MessageFlags::MSG_NOSIGNAL).await?;
    drop(bytes);
    write_u32(&mut memory, result, sent)
}

pub(super) async fn sock_shutdown(call: &mut Call<'_>, fd: i32, how: i32) -> SysResult {
    let how = match how {
        1 => ShutdownHow::Read,
        2 => ShutdownHow::Write,
        3 => ShutdownHow::Both,
        _ => return Err(Errno::EINVAL.into()),
    };
    let fd = real(call, fd)?;
    syscall::shutdown(call.task(), fd, how)
}
