//! The open ends of a pipe: [`PipeEnd`], a [`File`].

use std::any::Any;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{AccessMode, FileType, OpenFlags, Stat};
use cenote_abi::poll::PollEvents;
use cenote_base::limits::{Budget, Resource};
use cenote_base::{SysResult, WaitQueue};
use cenote_vfs::{File, IoctlCaller, IoctlRequest, OpenFile};

use super::ring::{Ends, Ring};
use crate::anonymous;

/// What an end is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Both: a named pipe opened with `O_RDWR`.
    Both,
}

impl Side {
    /// The side that opening with `flags` opens.
    ///
    /// # Errors
    /// `EBADF`: neither; only a place.
    pub(super) fn of(flags: OpenFlags) -> SysResult<Self> {
        match flags.access_mode() {
            AccessMode::Read => Ok(Self::Read),
            AccessMode::Write => Ok(Self::Write),
            AccessMode::ReadWrite => Ok(Self::Both),
            AccessMode::Path => Err(Errno::EBADF.into()),
        }
    }

    fn reads(self) -> bool {
        matches!(self, Self::Read | Self::Both)
    }

    fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Both)
    }
}

/// An end of a pipe.
#[derive(Debug)]
pub struct PipeEnd {
    ring: Arc<Ring>,
    side: Side,
    /// A named pipe has its attributes from its inode.
    is_named: bool,
    /// The other side when this end was opened.
    others_before: Ends,
}

impl PipeEnd {
    pub(crate) fn open(ring: Arc<Ring>, side: Side, is_named: bool) -> Arc<Self> {
        let others_before = match side {
            Side::Read => ring.add_reader(),
            Side::Write => ring.add_writer(),
            Side::Both => {
                ring.note_double_end();
                ring.add_reader();
                ring.add_writer()
            }
        };
        Arc::new(Self {
            ring,
            side,
            is_named,
            others_before,
        })
    }

    /// The number `pipe:[n]` shows.
    #[must_use]
    pub fn ino(&self) -> u64 {
        self.ring.ino()
    }

    /// Whether it has a name in the filesystem.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.is_named
    }

    /// Opens the pipe once more, as `/proc/self/fd/N` does.
    ///
    /// # Errors
    /// `EBADF`: only as a place.
    pub(crate) fn reopen(&self, flags: OpenFlags) -> SysResult<Arc<Self>> {
        Ok(Self::open(
            Arc::clone(&self.ring),
            Side::of(flags)?,
            self.is_named,
        ))
    }

    /// Whether the other side is or has been open since this end was opened: then opening need not wait.
    pub(crate) fn has_met_other_side(&self) -> bool {
        let others = match self.side {
            Side::Read => self.ring.writers(),
            Side::Write => self.ring.readers(),
            Side::Both => return true,
        };
        // Who was there and is gone again has been met: it may have written all it had.
        self.others_before.open > 0 || others.ever != self.others_before.ever
    }
}

impl PipeEnd {
    /// Copies bytes out and leaves them, for tee(2).
    ///
    /// # Errors
    /// `EBADF`: the writing end. `EAGAIN`: nothing yet.
    pub(crate) fn peek(&self, buf: &mut [u8]) -> SysResult<usize> {
        if self.side.reads() {
            self.ring.peek(buf)
        } else {
            Err(Errno::EBADF.into())
        }
    }
}

impl File for PipeEnd {
    fn read(&self, _at: u64, buf: &mut [u8]) -> SysResult<usize> {
        self.ring.read(buf)
    }

    fn write(&self, _at: u64, buf: &[u8]) -> SysResult<usize> {
        self.ring.write(buf)
    }

    fn poll(&self) -> PollEvents {
        let mut events = PollEvents::empty();
        if self.side.reads() {
            events |= self.ring.poll_read();
        }
        if self.side.writes() {
            events |= self.ring.poll_write();
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        match self.side {
            Side::Read => Some(self.ring.readable()),
            Side::Write => Some(self.ring.writable()),
            // `Ring::note_double_end` makes this queue serve for both.
            Side::Both => Some(self.ring.readable()),
        }
    }

    fn ioctl(&self, _caller: &dyn IoctlCaller, request: IoctlRequest<'_>) -> SysResult<i32> {
        match request {
            IoctlRequest::BytesReadable(count) => {
                *count = i32::try_from(self.ring.len()).unwrap_or(i32::MAX);
                Ok(0)
            }
            _ => Err(Errno::ENOTTY.into()),
        }
    }

    fn stat(&self) -> SysResult<Option<Stat>> {
        Ok((!self.is_named).then(|| anonymous::stat(FileType::Fifo, self.ring.ino(), 0o600)))
    }

    fn released(&self) {
        if self.side.reads() {
            self.ring.remove_reader();
        }
        if self.side.writes() {
            self.ring.remove_writer();
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A new pipe: its read end and its write end.
///
/// # Errors
/// `ENFILE`: the machine has all the pipes or open files allowed.
pub(crate) fn new_pair(
    budget: &Arc<Budget>,
    status: OpenFlags,
) -> SysResult<(Arc<OpenFile>, Arc<OpenFile>)> {
    let ring = Ring::new(budget, anonymous::next_ino())?;
    let charges = (
        budget.charge(Resource::OpenFiles, 1)?,
        budget.charge(Resource::OpenFiles, 1)?,
    );
    let status = status.difference(OpenFlags::O_ACCMODE);
    let reader = OpenFile::new(PipeEnd::open(Arc::clone(&ring), Side::Read, false), status);
    let writer = OpenFile::new(
        PipeEnd::open(ring, Side::Write, false),
        status | OpenFlags::O_WRONLY,
    );
    reader.hold(charges.0);
    writer.hold(charges.1);
    Ok((reader, writer))
}
