//! `/proc/PID/fd/N`: where an open file is, and how it is opened a second time.

use std::any::Any;
use std::fmt::Write;
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, OpenFlags, Stat};
use cenote_base::SysResult;
use cenote_net::Socket;
use cenote_vfs::{File, Inode, Location, OpenFile};

use crate::event::describe;
use crate::pipe::PipeEnd;
use crate::process::Process;
use crate::tty::{PtyMaster, PtySlave};

/// The place of an open file; for one without a name, a place of its own that shows as `pipe:[7]`.
pub(super) fn place(process: &Process, file: &Arc<OpenFile>) -> Location {
    if let Some(location) = file.location() {
        return location.clone();
    }
    let credentials = process.credentials();
    let inode = OpenFileInode {
        file: Arc::downgrade(file),
        owner: (credentials.euid.raw(), credentials.egid.raw()),
    };
    Location::anonymous(Arc::new(inode), &name(file))
}

fn name(file: &OpenFile) -> Vec<u8> {
    if let Some(end) = file.downcast::<PipeEnd>() {
        format!("pipe:[{}]", end.ino()).into_bytes()
    } else if file.downcast::<Socket>().is_some() {
        format!("socket:[{}]", file.id()).into_bytes()
    } else if let Some(slave) = file.downcast::<PtySlave>() {
        format!("/dev/pts/{}", slave.terminal().number()).into_bytes()
    } else if file.downcast::<PtyMaster>().is_some() {
        b"/dev/ptmx".to_vec()
    } else {
        format!("anon_inode:[{}]", describe(file)).into_bytes()
    }
}

/// `/proc/PID/fdinfo/N`.
pub(super) fn info(file: &OpenFile) -> SysResult<Vec<u8>> {
    let mut text = String::new();
    let ino = file.stat().map_or(0, |stat| stat.ino);
    // Writing to a string cannot fail.
    write!(
        text,
        "pos:\t{}\nflags:\t0{:o}\nmnt_id:\t{}\nino:\t{ino}\n",
        file.offset(),
        file.flags().bits(),
        file.location().map_or(0, |location| location.mount().id())
    )
    .ok();
    Ok(text.into_bytes())
}

/// A file that is only open, as an inode: what `/dev/fd/N` opens when N is a pipe or a terminal.
#[derive(Debug)]
struct OpenFileInode {
    file: Weak<OpenFile>,
    owner: (u32, u32),
}

impl Inode for OpenFileInode {
    fn stat(&self) -> SysResult<Stat> {
        let mut stat = self.file.upgrade().ok_or(Errno::ENOENT)?.stat()?;
        if stat.file_type().is_none() {
            stat.mode |= self.file_type().mode_bits();
        }
        (stat.uid, stat.gid) = self.owner;
        Ok(stat)
    }

    fn file_type(&self) -> FileType {
        let Some(file) = self.file.upgrade() else {
            return FileType::Regular;
        };
        if file.downcast::<PipeEnd>().is_some() {
            FileType::Fifo
        } else if file.downcast::<Socket>().is_some() {
            FileType::Socket
        } else if file.downcast::<PtySlave>().is_some() || file.downcast::<PtyMaster>().is_some() {
            FileType::CharDevice
        } else {
            FileType::Regular
        }
    }

    fn open(self: Arc<Self>, flags: OpenFlags) -> SysResult<Option<Arc<dyn File>>> {
        let file = self.file.upgrade().ok_or(Errno::ENOENT)?;
        if let Some(end) = file.downcast::<PipeEnd>() {
            return Ok(Some(end.reopen(flags)?));
        }
        if let Some(slave) = file.downcast::<PtySlave>() {
            return Ok(Some(slave.terminal().open_slave()?));
        }
        // Linux: anonymous inodes and sockets cannot be opened.
        Err(Errno::ENXIO.into())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
