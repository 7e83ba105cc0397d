//! A file of an adapted filesystem: [`Node`].

use std::any::Any;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, OpenFlags, RenameFlags, Stat};
use cenote_base::limits::{Charge, Resource};
use cenote_base::{SysError, SysResult};
use parking_lot::Mutex;
use vfs::{SeekAndRead, VfsFileType, VfsPath};

use super::Shared;
use super::convert::{errno, io_errno, name as utf8, system_time, timespec};
use super::open::AdapterFile;
use crate::file::File;
use crate::inode::{AttributeChanges, DirEntry, Inode, NewNode, NewOwner, SetTime};

/// One file or directory.
pub(super) struct Node {
    shared: Arc<Shared>,
    kind: FileType,
    ino: u64,
    state: Mutex<State>,
}

struct State {
    /// Where the file is; follows renames.
    path: VfsPath,
    is_removed: bool,
    reader: Option<Box<dyn SeekAndRead + Send>>,
    /// Content that is newer than the filesystem's.
    dirty: Option<Dirty>,
}

struct Dirty {
    bytes: Vec<u8>,
    charge: Charge,
}

/// A path's number: the same each time, and exact in a JavaScript number.
fn number_of(path: &VfsPath) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(path.as_str()) >> 12 | 1
}

impl Node {
    pub(super) fn of_root(shared: &Arc<Shared>, path: VfsPath) -> SysResult<Arc<Self>> {
        match path.metadata().map_err(|error| errno(&error))?.file_type {
            VfsFileType::Directory => Ok(Self::make(shared, FileType::Directory, path)),
            VfsFileType::File => Err(Errno::ENOTDIR.into()),
        }
    }

    fn make(shared: &Arc<Shared>, kind: FileType, path: VfsPath) -> Arc<Self> {
        let ino = number_of(&path);
        let state = State {
            path,
            is_removed: false,
            reader: None,
            dirty: None,
        };
        Arc::new(Self {
            shared: Arc::clone(shared),
            kind,
            ino,
            state: Mutex::new(state),
        })
    }

    /// The path of an entry of this directory.
    fn entry(&self, name: &[u8]) -> SysResult<VfsPath> {
        if self.kind != FileType::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        let name = utf8(name)?;
        let state = self.state.lock();
        if state.is_removed {
            return Err(Errno::ENOENT.into());
        }
        state.path.join(name).map_err(|error| errno(&error))
    }

    /// The node of a path at which something is.
    fn child(&self, path: VfsPath) -> SysResult<Arc<Self>> {
        let kind = match path.metadata().map_err(|error| errno(&error))?.file_type {
            VfsFileType::File => FileType::Regular,
            VfsFileType::Directory => FileType::Directory,
        };
        let mut nodes = self.shared.nodes.lock();
        if let Some(known) = nodes
            .get(path.as_str())
            .and_then(Weak::upgrade)
            .filter(|known| known.kind == kind)
        {
            return Ok(known);
        }
        if nodes.len() == nodes.capacity() {
            nodes.retain(|_, node| node.strong_count() > 0);
        }
        let key = path.as_str().to_owned();
        let made = Self::make(&self.shared, kind, path);
        nodes.insert(key, Arc::downgrade(&made));
        Ok(made)
    }

    /// Takes the node of a path out of those that are found by it.
    fn forget(&self, path: &VfsPath) -> Option<Arc<Self>> {
        self.shared
            .nodes
            .lock()
            .remove(path.as_str())
            .and_then(|node| node.upgrade())
    }

    /// Content goes back to the filesystem, if it is newer here.
    pub(super) fn write_back(&self) -> SysResult {
        let mut state = self.state.lock();
        let State {
            path,
            is_removed,
            dirty,
            ..
        } = &mut *state;
        let Some(content) = dirty.as_ref() else {
            return Ok(());
        };
        if *is_removed {
            // Without a name the content is only here, until the last descriptor is gone.
            return Ok(());
        }
        let mut file = path.create_file().map_err(|error| errno(&error))?;
        file.write_all(&content.bytes)
            .and_then(|()| file.flush())
            .map_err(|error| io_errno(&error))?;
        drop(file);
        *dirty = None;
        Ok(())
    }

    /// Whether a path is this one or below it; what follows then.
    fn below<'a>(path: &'a str, top: &str) -> Option<&'a str> {
        path.strip_prefix(top)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Files somebody holds at or below `from` are at or below `to` now.
    fn moved(&self, from: &VfsPath, to: &VfsPath) {
        let mut nodes = self.shared.nodes.lock();
        let paths: Vec<String> = nodes
            .keys()
            .filter(|path| Self::below(path, from.as_str()).is_some())
            .cloned()
            .collect();
        let moved: Vec<(String, Weak<Self>)> = paths
            .into_iter()
            .filter_map(|path| {
                let rest = Self::below(&path, from.as_str())
                    .unwrap_or_default()
                    .to_owned();
                nodes.remove(&path).map(|node| (rest, node))
            })
            .collect();
        let mut held = Vec::new();
        for (rest, node) in moved {
            let Ok(path) = (if rest.is_empty() {
                Ok(to.clone())
            } else {
                to.join(rest.trim_start_matches('/'))
            }) else {
                continue;
            };
            if let Some(node) = node.upgrade() {
                let mut state = node.state.lock();
                state.path = path.clone();
                state.reader = None;
                drop(state);
                held.push(Arc::clone(&node));
                nodes.insert(path.as_str().to_owned(), Arc::downgrade(&node));
            }
        }
        drop(nodes);
        drop(held);
    }

    /// Makes room for `size` bytes of content in memory and answers them.
    fn content<'a>(&self, state: &'a mut State, size: Option<u64>) -> SysResult<&'a mut Vec<u8>> {
        if self.kind != FileType::Regular {
            return Err(self.not_regular());
        }
        if state.dirty.is_none() {
            let mut bytes = Vec::new();
            let len = state.path.metadata().map_err(|error| errno(&error))?.len;
            let charge = self.shared.budget.charge(Resource::FilesystemBytes, len)?;
            let mut file = state.path.open_file().map_err(|error| errno(&error))?;
            file.by_ref()
                .take(len)
                .read_to_end(&mut bytes)
                .map_err(|error| io_errno(&error))?;
            state.reader = None;
            state.dirty = Some(Dirty { bytes, charge });
        }
        let dirty = state.dirty.as_mut().ok_or(Errno::EIO)?;
        if let Some(size) = size.filter(|size| *size > dirty.bytes.len() as u64) {
            dirty.charge.resize(size.max(dirty.charge.amount()))?;
            let size = usize::try_from(size).map_err(|_| Errno::EFBIG)?;
            // A machine without a limit must not end the host's program.
            let more = size.saturating_sub(dirty.bytes.len());
            dirty.bytes.try_reserve(more).map_err(|_| Errno::ENOMEM)?;
            dirty.bytes.resize(size, 0);
        }
        Ok(&mut dirty.bytes)
    }

    fn write_locked(&self, state: &mut State, offset: u64, buf: &[u8]) -> SysResult<usize> {
        let end = offset.checked_add(buf.len() as u64).ok_or(Errno::EFBIG)?;
        let bytes = self.content(state, Some(end))?;
        let start = usize::try_from(offset).map_err(|_| Errno::EFBIG)?;
        if let Some(place) = bytes.get_mut(start..start + buf.len()) {
            place.copy_from_slice(buf);
        }
        Ok(buf.len())
    }

    fn read_through(state: &mut State, offset: u64, buf: &mut [u8]) -> SysResult<usize> {
        if let Some(dirty) = &state.dirty {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let left = dirty.bytes.get(start..).unwrap_or_default();
            let count = left.len().min(buf.len());
            let (filled, _) = buf.split_at_mut(count);
            filled.copy_from_slice(left.get(..count).unwrap_or_default());
            return Ok(count);
        }
        let reader = match &mut state.reader {
            Some(reader) => reader,
            None => state
                .reader
                .insert(state.path.open_file().map_err(|error| errno(&error))?),
        };
        reader
            .seek(SeekFrom::Start(offset))
            .and_then(|_| reader.read(buf))
            .map_err(|error| io_errno(&error))
    }

    fn replace(&self, target: &VfsPath, moved_kind: FileType) -> SysResult {
        let replaced = self.child(target.clone())?;
        match (moved_kind, replaced.kind) {
            (FileType::Directory, FileType::Directory) => self.remove(target, FileType::Directory),
            (FileType::Directory, _) => Err(Errno::ENOTDIR.into()),
            (_, FileType::Directory) => Err(Errno::EISDIR.into()),
            _ => self.remove(target, FileType::Regular),
        }
    }

    fn remove(&self, path: &VfsPath, kind: FileType) -> SysResult {
        let victim = self.child(path.clone())?;
        match (kind, victim.kind) {
            (FileType::Directory, FileType::Directory) => {
                if path
                    .read_dir()
                    .map_err(|error| errno(&error))?
                    .next()
                    .is_some()
                {
                    return Err(Errno::ENOTEMPTY.into());
                }
                path.remove_dir().map_err(|error| errno(&error))?;
            }
            (FileType::Directory, _) => return Err(Errno::ENOTDIR.into()),
            (_, FileType::Directory) => return Err(Errno::EISDIR.into()),
            _ => {
                // Somebody may have it open: then the content must outlive the name.
                if Arc::strong_count(&victim) > 1 {
                    self.content_of(&victim)?;
                }
                path.remove_file().map_err(|error| errno(&error))?;
            }
        }
        drop(self.forget(path));
        victim.state.lock().is_removed = true;
        Ok(())
    }

    fn content_of(&self, victim: &Self) -> SysResult {
        victim.content(&mut victim.state.lock(), None).map(drop)
    }
}

impl Inode for Node {
    fn stat(&self) -> SysResult<Stat> {
        let state = self.state.lock();
        let mode = if self.kind == FileType::Directory {
            0o755
        } else {
            0o644
        };
        let stat = Stat {
            dev: self.shared.device,
            ino: self.ino,
            nlink: u64::from(!state.is_removed),
            mode: self.kind.mode_bits() | mode,
            uid: self.shared.uid.raw(),
            gid: self.shared.gid.raw(),
            blksize: 4096,
            ..Stat::default()
        };
        let dirty_size = state.dirty.as_ref().map(|dirty| dirty.bytes.len() as u64);
        if state.is_removed {
            return Ok(Stat {
                size: dirty_size.unwrap_or(0),
                ..stat
            });
        }
        let metadata = state.path.metadata().map_err(|error| errno(&error))?;
        let size = dirty_size.unwrap_or(metadata.len);
        let mtime = timespec(metadata.modified);
        let atime = metadata.accessed.map_or(mtime, |time| timespec(Some(time)));
        let btime = metadata.created.map_or(mtime, |time| timespec(Some(time)));
        Ok(Stat {
            size,
            blocks: size.div_ceil(512),
            atime,
            mtime,
            ctime: mtime,
            btime,
            ..stat
        })
    }

    fn file_type(&self) -> FileType {
        self.kind
    }

    fn lookup(&self, name: &[u8]) -> SysResult<Arc<dyn Inode>> {
        let path = self.entry(name)?;
        if !path.exists().map_err(|error| errno(&error))? {
            return Err(Errno::ENOENT.into());
        }
        Ok(self.child(path)?)
    }

    fn create(
        &self,
        name: &[u8],
        node: NewNode<'_>,
        _owner: &NewOwner,
    ) -> SysResult<Arc<dyn Inode>> {
        let path = self.entry(name)?;
        if path.exists().map_err(|error| errno(&error))? {
            return Err(Errno::EEXIST.into());
        }
        match node {
            NewNode::Regular => drop(path.create_file().map_err(|error| errno(&error))?),
            NewNode::Directory => path.create_dir().map_err(|error| errno(&error))?,
            NewNode::Symlink(_) | NewNode::Fifo | NewNode::Socket | NewNode::Device(..) => {
                return Err(Errno::EPERM.into());
            }
        }
        Ok(self.child(path)?)
    }

    fn unlink(&self, name: &[u8]) -> SysResult {
        self.remove(&self.entry(name)?, FileType::Regular)
    }

    fn rmdir(&self, name: &[u8]) -> SysResult {
        self.remove(&self.entry(name)?, FileType::Directory)
    }

    fn rename(
        &self,
        from: &[u8],
        to_dir: &Arc<dyn Inode>,
        to: &[u8],
        flags: RenameFlags,
    ) -> SysResult {
        let to_dir = to_dir.as_any().downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        if !Arc::ptr_eq(&to_dir.shared, &self.shared) {
            return Err(Errno::EXDEV.into());
        }
        if flags.contains(RenameFlags::RENAME_EXCHANGE) {
            return Err(SysError::with_note(
                Errno::EINVAL,
                "this filesystem cannot exchange names",
            ));
        }
        let (source, target) = (self.entry(from)?, to_dir.entry(to)?);
        let moved = self.child(source.clone())?;
        if source.as_str() == target.as_str() {
            return Ok(());
        }
        if moved.kind == FileType::Directory
            && Self::below(target.as_str(), source.as_str()).is_some()
        {
            return Err(Errno::EINVAL.into());
        }
        if target.exists().map_err(|error| errno(&error))? {
            if flags.contains(RenameFlags::RENAME_NOREPLACE) {
                return Err(Errno::EEXIST.into());
            }
            self.replace(&target, moved.kind)?;
        }
        let done = if moved.kind == FileType::Directory {
            source.move_dir(&target)
        } else {
            source.move_file(&target)
        };
        done.map_err(|error| errno(&error))?;
        self.moved(&source, &target);
        Ok(())
    }

    fn read_dir(&self, cursor: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
        if self.kind != FileType::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        let path = self.state.lock().path.clone();
        // In the order of the numbers, which are those of the paths: it holds whatever comes and goes.
        let mut entries: Vec<(u64, VfsPath)> = path
            .read_dir()
            .map_err(|error| errno(&error))?
            .map(|entry| (number_of(&entry), entry))
            .filter(|(number, _)| *number > cursor)
            .collect();
        entries.sort_by_key(|(number, _)| *number);
        for (number, entry) in entries {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let file_type = match metadata.file_type {
                VfsFileType::File => FileType::Regular,
                VfsFileType::Directory => FileType::Directory,
            };
            let name = entry.filename();
            if !emit(DirEntry {
                name: name.as_bytes(),
                ino: number,
                file_type,
                next_cursor: number,
            }) {
                break;
            }
        }
        Ok(())
    }

    fn set_attributes(&self, changes: &AttributeChanges) -> SysResult {
        if changes.uid.is_some_and(|uid| uid != self.shared.uid)
            || changes.gid.is_some_and(|gid| gid != self.shared.gid)
            || changes.mode.is_some_and(|mode| {
                mode.raw()
                    != if self.kind == FileType::Directory {
                        0o755
                    } else {
                        0o644
                    }
            })
        {
            return Err(SysError::with_note(
                Errno::EPERM,
                "this filesystem keeps no owners and modes",
            ));
        }
        let mut state = self.state.lock();
        if let Some(size) = changes.size {
            let bytes = self.content(&mut state, Some(size))?;
            bytes.truncate(usize::try_from(size).map_err(|_| Errno::EFBIG)?);
        }
        // Now is what these filesystems set by themselves.
        if let Some(SetTime::To(time)) = changes.mtime {
            state
                .path
                .set_modification_time(system_time(time))
                .map_err(|error| errno(&error))?;
        }
        if let Some(SetTime::To(time)) = changes.atime {
            state
                .path
                .set_access_time(system_time(time))
                .map_err(|error| errno(&error))?;
        }
        Ok(())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> SysResult<usize> {
        if self.kind != FileType::Regular {
            return Err(self.not_regular());
        }
        Self::read_through(&mut self.state.lock(), offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> SysResult<usize> {
        self.write_locked(&mut self.state.lock(), offset, buf)
    }

    fn append(&self, buf: &[u8]) -> SysResult<(u64, usize)> {
        let mut state = self.state.lock();
        let end = self.content(&mut state, None)?.len() as u64;
        let written = self.write_locked(&mut state, end, buf)?;
        Ok((end + written as u64, written))
    }

    fn sync(&self) -> SysResult {
        self.write_back()
    }

    fn open(self: Arc<Self>, _flags: OpenFlags) -> SysResult<Option<Arc<dyn File>>> {
        if self.kind != FileType::Regular {
            return Ok(None);
        }
        Ok(Some(Arc::new(AdapterFile { node: self })))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Err(error) = self.write_back() {
            tracing::warn!(target: "cenote::vfs", %error, "a file could not be written back");
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({:?} {})", self.kind, self.ino)
    }
}
