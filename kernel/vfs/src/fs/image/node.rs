//! A file of an image: [`Node`].

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Stat};
use cenote_base::SysResult;

use super::content::Content;
use crate::inode::{Attachment, AttributeChanges, DirEntry, Inode, NewNode, NewOwner};

/// A file of an image.
pub(super) struct Node {
    pub(super) stat: Stat,
    pub(super) body: Body,
}

/// A name and its file.
pub(super) type Named = (Box<[u8]>, Arc<Node>);

/// What kinds of file are made of.
pub(super) enum Body {
    /// Sorted by name.
    Directory(Vec<Named>),
    Regular(Arc<dyn Content>),
    Symlink(Box<[u8]>),
    Special(FileType, Attachment),
}

impl Node {
    fn entries(&self) -> SysResult<&[Named]> {
        match &self.body {
            Body::Directory(entries) => Ok(entries),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    fn content(&self) -> SysResult<&Arc<dyn Content>> {
        match &self.body {
            Body::Regular(content) => Ok(content),
            Body::Directory(_) => Err(Errno::EISDIR.into()),
            Body::Symlink(_) | Body::Special(..) => Err(Errno::EINVAL.into()),
        }
    }
}

impl Inode for Node {
    fn stat(&self) -> SysResult<Stat> {
        Ok(self.stat)
    }

    fn file_type(&self) -> FileType {
        match &self.body {
            Body::Directory(_) => FileType::Directory,
            Body::Regular(_) => FileType::Regular,
            Body::Symlink(_) => FileType::Symlink,
            Body::Special(kind, _) => *kind,
        }
    }

    fn lookup(&self, name: &[u8]) -> SysResult<Arc<dyn Inode>> {
        let entries = self.entries()?;
        let index = entries
            .binary_search_by(|(entry, _)| (**entry).cmp(name))
            .map_err(|_| Errno::ENOENT)?;
        let (_, node) = entries.get(index).ok_or(Errno::ENOENT)?;
        Ok(Arc::<Self>::clone(node))
    }

    fn create(
        &self,
        _name: &[u8],
        _node: NewNode<'_>,
        _owner: &NewOwner,
    ) -> SysResult<Arc<dyn Inode>> {
        Err(Errno::EROFS.into())
    }

    fn link(&self, _name: &[u8], _target: &Arc<dyn Inode>) -> SysResult {
        Err(Errno::EROFS.into())
    }

    fn unlink(&self, _name: &[u8]) -> SysResult {
        Err(Errno::EROFS.into())
    }

    fn rmdir(&self, _name: &[u8]) -> SysResult {
        Err(Errno::EROFS.into())
    }

    fn read_dir(&self, cursor: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
        let entries = self.entries()?;
        let start = usize::try_from(cursor).unwrap_or(usize::MAX);
        for ((name, node), next_cursor) in entries.iter().zip(1_u64..).skip(start) {
            let entry = DirEntry {
                name,
                ino: node.stat.ino,
                file_type: node.file_type(),
                next_cursor,
            };
            if !emit(entry) {
                break;
            }
        }
        Ok(())
    }

    fn read_link(&self) -> SysResult<Vec<u8>> {
        match &self.body {
            Body::Symlink(target) => Ok(target.to_vec()),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn set_attributes(&self, _changes: &AttributeChanges) -> SysResult {
        Err(Errno::EROFS.into())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> SysResult<usize> {
        let content = self.content()?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(buf.len()) as u64;
        let head = content.head()?;
        if end.min(content.len()) <= head.len() as u64 {
            return Ok(copy_from(head, start, buf));
        }
        Ok(copy_from(&content.bytes()?, start, buf))
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> SysResult<usize> {
        self.content()?;
        Err(Errno::EROFS.into())
    }

    fn attachment(&self) -> Option<&Attachment> {
        match &self.body {
            Body::Special(_, attachment) => Some(attachment),
            _ => None,
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn content_digest(&self) -> Option<[u8; 32]> {
        self.content().ok()?.digest()
    }

    fn shared_bytes(&self) -> Option<Arc<[u8]>> {
        self.content().ok()?.bytes().ok()
    }
}

/// Copies what lies from `start` on, as far as both reach, and tells how much that was.
fn copy_from(bytes: &[u8], start: usize, buf: &mut [u8]) -> usize {
    let left = bytes.get(start..).unwrap_or_default();
    let count = left.len().min(buf.len());
    let (filled, _) = buf.split_at_mut(count);
    filled.copy_from_slice(left.get(..count).unwrap_or_default());
    count
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Node({:?} {} of {})",
            self.file_type(),
            self.stat.ino,
            self.stat.dev
        )
    }
}
