//! An open file of an adapted filesystem: [`AdapterFile`], which writes back when it is released.

use std::any::Any;
use std::sync::Arc;

use cenote_base::SysResult;

use super::node::Node;
use crate::file::File;
use crate::inode::{AttributeChanges, Inode};

/// An open regular file.
#[derive(Debug)]
pub(super) struct AdapterFile {
    pub(super) node: Arc<Node>,
}

impl File for AdapterFile {
    fn read(&self, at: u64, buf: &mut [u8]) -> SysResult<usize> {
        self.node.read_at(at, buf)
    }

    fn write(&self, at: u64, buf: &[u8]) -> SysResult<usize> {
        self.node.write_at(at, buf)
    }

    fn append(&self, buf: &[u8]) -> SysResult<(u64, usize)> {
        self.node.append(buf)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn truncate(&self, size: u64) -> SysResult {
        self.node.set_attributes(&AttributeChanges {
            size: Some(size),
            ..AttributeChanges::default()
        })
    }

    fn seek_data(&self, offset: u64, whence: cenote_abi::fs::Whence) -> SysResult<u64> {
        self.node.seek_data(offset, whence)
    }

    fn sync(&self) -> SysResult {
        self.node.write_back()
    }

    fn released(&self) {
        if let Err(error) = self.node.write_back() {
            // close(2) has told nobody either; fsync would have.
            tracing::warn!(target: "cenote::vfs", %error, "a file could not be written back");
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
