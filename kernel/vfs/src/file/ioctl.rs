//! Requests to files and terminals, decoded: [`IoctlRequest`].
//!
//! A runtime turns the number and the guest's memory into a variant, whose answer it copies back on success. Requests
//! of the descriptor (`FIOCLEX`, `FIONCLEX`) are the descriptor table's; [`OpenFile`](super::OpenFile) serves
//! `FIONBIO`; the rest reaches the [`File`](super::File). Follows `ioctl_tty(2)`, ioctl(2).

use std::any::Any;
use std::fmt::Debug;

use cenote_abi::fs::OpenFlags;
use cenote_abi::tty::{Termios, WinSize};

/// Who calls: the kernel's `Task`, which terminals ask for its session and process group.
pub trait IoctlCaller: Debug {
    /// The caller as itself.
    fn as_any(&self) -> &dyn Any;
}

/// A request, with room for its answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum IoctlRequest<'a> {
    /// `FIONREAD`: how many bytes can be read now.
    BytesReadable(&'a mut i32),
    /// `TIOCOUTQ`: how many written bytes are not yet read by the other side.
    BytesUnsent(&'a mut i32),
    /// `FIONBIO`: sets or clears `O_NONBLOCK`.
    NonBlocking(bool),
    /// `FIOASYNC`: sets or clears `O_ASYNC`.
    Async(bool),
    /// `FIOCLEX` (true) and `FIONCLEX`: the descriptor's matter.
    CloseOnExec(bool),
    /// `SIOCATMARK`: whether a socket is at its urgent mark.
    AtMark(&'a mut i32),
    /// A terminal's.
    Tty(TtyRequest<'a>),
    /// Any other number, with the raw argument.
    Unknown(u32, u64),
}

/// When new settings of a terminal take effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TermiosWhen {
    /// `TCSETS`: at once.
    Now,
    /// `TCSETSW`: when all output was sent.
    Drained,
    /// `TCSETSF`: when all output was sent; input that was not read is dropped.
    Flushed,
}

/// A request to a terminal.
#[derive(Debug)]
#[non_exhaustive]
pub enum TtyRequest<'a> {
    /// `TCGETS`.
    Settings(&'a mut Termios),
    /// `TCSETS`, `TCSETSW`, `TCSETSF`.
    SetSettings(TermiosWhen, Termios),
    /// `TIOCGWINSZ`.
    WindowSize(&'a mut WinSize),
    /// `TIOCSWINSZ`.
    SetWindowSize(WinSize),
    /// `TIOCGPGRP`: the foreground process group.
    ForegroundGroup(&'a mut i32),
    /// `TIOCSPGRP`.
    SetForegroundGroup(i32),
    /// `TIOCGSID`: the session.
    Session(&'a mut i32),
    /// `TIOCSCTTY`: become the caller's controlling terminal; true takes it from another session.
    SetControlling(bool),
    /// `TIOCNOTTY`: give the controlling terminal up.
    GiveUpControlling,
    /// `TCSBRK`, `TCSBRKP`: 0 sends a break, else waits until output is sent.
    SendBreak(i32),
    /// `TCXONC`: `TCOOFF`….
    Flow(i32),
    /// `TCFLSH`: `TCIFLUSH`….
    Flush(i32),
    /// `TIOCSTI`: puts a byte into the input.
    Insert(u8),
    /// `TIOCEXCL` (true), `TIOCNXCL`.
    Exclusive(bool),
    /// `TIOCGETD`: the number of the line discipline.
    Discipline(&'a mut i32),
    /// `TIOCGPTN`: the number of the pseudo-terminal of this master.
    PtyNumber(&'a mut u32),
    /// `TIOCSPTLCK`: locks or unlocks the slave.
    LockPty(bool),
    /// `TIOCGPTLCK`: whether the slave is locked.
    PtyLocked(&'a mut i32),
    /// `TIOCPKT`: packet mode.
    PacketMode(bool),
    /// `TIOCGPKT`: whether the master is in packet mode.
    IsPacketMode(&'a mut i32),
    /// `TIOCGEXCL`: whether others may not open it.
    IsExclusive(&'a mut i32),
    /// `TIOCGPTPEER`: opens the slave; answers a descriptor, so the call layer serves it.
    OpenPeer(OpenFlags),
}
