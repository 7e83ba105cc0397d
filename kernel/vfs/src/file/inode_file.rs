//! The ordinary open file, backed by an inode: [`InodeFile`]; and the one that is only a place: [`PathFile`].

use std::any::Any;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{FallocFlags, FileType, Whence};
use cenote_abi::poll::PollEvents;
use cenote_base::SysResult;

use super::File;
use crate::inode::{AttributeChanges, Inode};

/// A regular file or directory that is open.
#[derive(Debug)]
pub(crate) struct InodeFile {
    inode: Arc<dyn Inode>,
}

impl InodeFile {
    pub(crate) fn new(inode: Arc<dyn Inode>) -> Arc<Self> {
        Arc::new(Self { inode })
    }
}

impl File for InodeFile {
    fn read(&self, at: u64, buf: &mut [u8]) -> SysResult<usize> {
        self.inode.read_at(at, buf)
    }

    fn write(&self, at: u64, buf: &[u8]) -> SysResult<usize> {
        self.inode.write_at(at, buf)
    }

    fn append(&self, buf: &[u8]) -> SysResult<(u64, usize)> {
        self.inode.append(buf)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn truncate(&self, size: u64) -> SysResult {
        self.inode.set_attributes(&AttributeChanges {
            size: Some(size),
            ..AttributeChanges::default()
        })
    }

    fn allocate(&self, mode: FallocFlags, offset: u64, len: u64) -> SysResult {
        match self.inode.file_type() {
            FileType::Regular => self.inode.allocate(mode, offset, len),
            FileType::Directory => Err(Errno::EISDIR.into()),
            _ => Err(Errno::ENODEV.into()),
        }
    }

    fn seek_data(&self, offset: u64, whence: Whence) -> SysResult<u64> {
        self.inode.seek_data(offset, whence)
    }

    fn sync(&self) -> SysResult {
        self.inode.sync()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An open file that is only a place in the tree (`O_PATH`): every operation on content fails with `EBADF`.
#[derive(Debug)]
pub(crate) struct PathFile;

impl File for PathFile {
    fn poll(&self) -> PollEvents {
        PollEvents::POLLNVAL
    }

    fn truncate(&self, _size: u64) -> SysResult {
        Err(Errno::EBADF.into())
    }

    fn sync(&self) -> SysResult {
        Err(Errno::EBADF.into())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
