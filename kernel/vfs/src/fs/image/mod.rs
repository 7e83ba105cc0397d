//! A read-only tree made from a list: [`ImageBuilder`] makes an [`Image`], which any number of machines share.
//!
//! The contents are [`Content`]s: they know their length and perhaps their digest, and give their bytes when asked for,
//! so that a packed program is only unpacked when it is run. Nothing in an image has a lock.

mod builder;
mod content;
mod node;

use std::any::Any;
use std::sync::Arc;

use cenote_abi::fs::StatFs;
use cenote_base::SysResult;

pub use builder::ImageBuilder;
pub use content::{Content, PlainContent};

use self::node::Node;
use crate::filesystem::FileSystem;
use crate::inode::Inode;

/// A read-only tree.
#[derive(Debug)]
pub struct Image {
    root: Arc<Node>,
    device: u64,
    files: u64,
}

impl FileSystem for Image {
    fn type_name(&self) -> &'static str {
        "image"
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::<Node>::clone(&self.root)
    }

    fn statfs(&self) -> SysResult<StatFs> {
        Ok(StatFs {
            magic: cenote_abi::fs::RAMFS_MAGIC,
            block_size: 4096,
            files: self.files,
            id: self.device,
            ..StatFs::default()
        })
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests;
