//! `ioctl` and `fcntl`: calls whose last argument means something else for each request.

use cenote_abi::Errno;
use cenote_abi::fs::{
    F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_GETLK, F_GETOWN, F_GETPIPE_SZ, F_OFD_GETLK,
    F_OFD_SETLK, F_OFD_SETLKW, F_SETFD, F_SETFL, F_SETLK, F_SETLKW, F_SETOWN, F_SETPIPE_SZ,
    FdFlags, OpenFlags,
};
use cenote_abi::tty::{
    FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, SIOCATMARK, TCFLSH, TCGETS, TCSBRK, TCSBRKP,
    TCSETS, TCSETSF, TCSETSW, TCXONC, TIOCEXCL, TIOCGETD, TIOCGEXCL, TIOCGPGRP, TIOCGPKT,
    TIOCGPTLCK, TIOCGPTN, TIOCGPTPEER, TIOCGSID, TIOCGWINSZ, TIOCNOTTY, TIOCNXCL, TIOCOUTQ,
    TIOCPKT, TIOCSCTTY, TIOCSPGRP, TIOCSPTLCK, TIOCSTI, TIOCSWINSZ, Termios, WinSize,
};
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall::{self, Fcntl, FcntlResult};
use cenote_vfs::file::TermiosWhen;
use cenote_vfs::{IoctlRequest, TtyRequest};

use super::call::Call;
use super::layout;

/// An answer that is one 32-bit number at the argument's address.
type NumberRequest = for<'a> fn(&'a mut i32) -> IoctlRequest<'a>;

pub(super) fn ioctl(call: &mut Call<'_>, fd: i32, request: i32, argument: u32) -> SysResult<i32> {
    let fd = Fd::new(fd);
    let request = request.cast_unsigned();
    if let Some(number) = number_request(request) {
        let (mut memory, task) = call.parts()?;
        let mut value = 0;
        let answer = syscall::ioctl(task, fd, number(&mut value))?;
        memory.write(argument, &value.to_le_bytes())?;
        return Ok(answer);
    }
    let (mut memory, task) = call.parts()?;
    let tty = match request {
        TCGETS => {
            let mut settings = Termios::default();
            let answer = syscall::ioctl(
                task,
                fd,
                IoctlRequest::Tty(TtyRequest::Settings(&mut settings)),
            )?;
            memory.write(argument, &layout::termios(&settings))?;
            return Ok(answer);
        }
        TIOCGWINSZ => {
            let mut size = WinSize::default();
            let answer = syscall::ioctl(
                task,
                fd,
                IoctlRequest::Tty(TtyRequest::WindowSize(&mut size)),
            )?;
            memory.write(argument, &layout::winsize(&size))?;
            return Ok(answer);
        }
        TIOCGPTN => {
            let mut number = 0;
            let answer = syscall::ioctl(
                task,
                fd,
                IoctlRequest::Tty(TtyRequest::PtyNumber(&mut number)),
            )?;
            memory.write(argument, &number.to_le_bytes())?;
            return Ok(answer);
        }
        FIONBIO => {
            return syscall::ioctl(
                task,
                fd,
                IoctlRequest::NonBlocking(memory.i32(argument)? != 0),
            );
        }
        FIOASYNC => {
            return syscall::ioctl(task, fd, IoctlRequest::Async(memory.i32(argument)? != 0));
        }
        FIOCLEX => return syscall::ioctl(task, fd, IoctlRequest::CloseOnExec(true)),
        FIONCLEX => return syscall::ioctl(task, fd, IoctlRequest::CloseOnExec(false)),
        TCSETS => TtyRequest::SetSettings(TermiosWhen::Now, memory.get(argument)?),
        TCSETSW => TtyRequest::SetSettings(TermiosWhen::Drained, memory.get(argument)?),
        TCSETSF => TtyRequest::SetSettings(TermiosWhen::Flushed, memory.get(argument)?),
        TIOCSWINSZ => TtyRequest::SetWindowSize(memory.get(argument)?),
        TIOCSPGRP => TtyRequest::SetForegroundGroup(memory.i32(argument)?),
        TIOCSCTTY => TtyRequest::SetControlling(argument == 1),
        TIOCNOTTY => TtyRequest::GiveUpControlling,
        TCSBRK | TCSBRKP => TtyRequest::SendBreak(argument.cast_signed()),
        TCXONC => TtyRequest::Flow(argument.cast_signed()),
        TCFLSH => TtyRequest::Flush(argument.cast_signed()),
        TIOCSTI => TtyRequest::Insert(memory.read::<1>(argument)?[0]),
        TIOCEXCL => TtyRequest::Exclusive(true),
        TIOCNXCL => TtyRequest::Exclusive(false),
        TIOCSPTLCK => TtyRequest::LockPty(memory.i32(argument)? != 0),
        TIOCPKT => TtyRequest::PacketMode(memory.i32(argument)? != 0),
        TIOCGPTPEER => TtyRequest::OpenPeer(super::fd::open_flags(argument.cast_signed())),
        _ => {
            return syscall::ioctl(
                task,
                fd,
                IoctlRequest::Unknown(request, u64::from(argument)),
            );
        }
    };
    syscall::ioctl(task, fd, IoctlRequest::Tty(tty))
}

fn number_request(request: u32) -> Option<NumberRequest> {
    Some(match request {
        FIONREAD => |value| IoctlRequest::BytesReadable(value),
        TIOCOUTQ => |value| IoctlRequest::BytesUnsent(value),
        SIOCATMARK => |value| IoctlRequest::AtMark(value),
        TIOCGPGRP => |value| IoctlRequest::Tty(TtyRequest::ForegroundGroup(value)),
        TIOCGSID => |value| IoctlRequest::Tty(TtyRequest::Session(value)),
        TIOCGETD => |value| IoctlRequest::Tty(TtyRequest::Discipline(value)),
        TIOCGPTLCK => |value| IoctlRequest::Tty(TtyRequest::PtyLocked(value)),
        TIOCGPKT => |value| IoctlRequest::Tty(TtyRequest::IsPacketMode(value)),
        TIOCGEXCL => |value| IoctlRequest::Tty(TtyRequest::IsExclusive(value)),
        _ => return None,
    })
}

pub(super) async fn fcntl(
    call: &mut Call<'_>,
    fd: i32,
    command: i32,
    argument: i64,
) -> SysResult<i32> {
    let fd = Fd::new(fd);
    // A pointer or an int: the lower half.
    let word = u32::try_from(argument & 0xffff_ffff).unwrap_or(0);
    let number = word.cast_signed();
    let (mut memory, task) = call.parts()?;
    let request = match command {
        F_DUPFD => Fcntl::DupFd(Fd::new(number)),
        F_DUPFD_CLOEXEC => Fcntl::DupFdCloexec(Fd::new(number)),
        F_GETFD => Fcntl::GetFd,
        F_SETFD => Fcntl::SetFd(FdFlags::from_bits_truncate(word)),
        F_GETFL => Fcntl::GetFl,
        F_SETFL => Fcntl::SetFl(OpenFlags::from_bits_truncate(word)),
        F_GETLK => Fcntl::GetLock(memory.get(word)?),
        F_SETLK => Fcntl::SetLock(memory.get(word)?),
        F_SETLKW => Fcntl::SetLockWait(memory.get(word)?),
        F_OFD_GETLK => Fcntl::OfdGetLock(memory.get(word)?),
        F_OFD_SETLK => Fcntl::OfdSetLock(memory.get(word)?),
        F_OFD_SETLKW => Fcntl::OfdSetLockWait(memory.get(word)?),
        F_GETOWN => Fcntl::GetOwner,
        F_SETOWN => Fcntl::SetOwner(number),
        F_GETPIPE_SZ => Fcntl::GetPipeSize,
        F_SETPIPE_SZ => Fcntl::SetPipeSize(number),
        _ => return Err(Errno::EINVAL.into()),
    };
    let result = syscall::fcntl(task, fd, request).await?;
    if let FcntlResult::Lock(lock) = &result {
        memory.write(word, &layout::flock(lock))?;
    }
    Ok(result.raw())
}
