//! Making files of a tar stream: [`Unpacker`].
//!
//! Works on the files of one filesystem, name by name from a top directory, and follows no link: nothing outside of it can be reached. An
//! entry replaces what is there; a directory that is there stays and takes the entry's attributes.

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{DeviceId, FileType, Mode, Timespec};
use cenote_base::{Gid, SysResult, Uid};
use cenote_vfs::{AttributeChanges, Inode, NewNode, NewOwner, SetTime};
use tar::EntryType;

use super::entries::{Entries, Entry};
use super::{Failure, OPAQUE, WHITEOUT};

/// The longest path an entry may have, in bytes.
const MAX_PATH: usize = 32 << 10;
/// The longest name.
const MAX_NAME: usize = 255;

/// Makes files below a directory.
pub(crate) struct Unpacker {
    top: Arc<dyn Inode>,
    /// The files this stream made, which its marks do not take away.
    made: HashSet<u64>,
    /// Directories and the times they get in the end: making files in them changes theirs.
    times: Vec<(Arc<dyn Inode>, Timespec)>,
    entries: u64,
}

impl Unpacker {
    pub(crate) fn new(top: Arc<dyn Inode>) -> Self {
        Self {
            top,
            made: HashSet::new(),
            times: Vec::new(),
            entries: 0,
        }
    }

    /// Makes all files of a stream; tells how many.
    pub(crate) fn unpack(mut self, stream: impl Read) -> Result<u64, Failure> {
        let mut entries = Entries::new(stream);
        while let Some(entry) = entries.next()? {
            let names = names(&entry.path)?;
            self.make(&entry, &names, &mut entries)?;
        }
        for (directory, time) in self.times.iter().rev() {
            set_time(directory, *time).map_err(Failure::file(b""))?;
        }
        Ok(self.entries)
    }

    fn make(
        &mut self,
        entry: &Entry,
        names: &[&[u8]],
        data: &mut Entries<impl Read>,
    ) -> Result<(), Failure> {
        let failed = || Failure::file(&entry.path);
        let Some((name, directories)) = names.split_last() else {
            if entry.kind != EntryType::Directory {
                return Err(Failure::format("an entry has no name"));
            }
            let top = Arc::clone(&self.top);
            self.entries += 1;
            return self.settle(&top, entry).map_err(failed());
        };
        if *name == OPAQUE {
            return self.hide(directories).map_err(failed());
        }
        if let Some(gone) = name.strip_prefix(WHITEOUT) {
            if gone.is_empty() || matches!(gone, b"." | b"..") {
                return Err(Failure::format("a mark of a missing file names none"));
            }
            return match self.find(directories) {
                Ok(directory) => self.remove(&directory, gone).map_err(failed()),
                Err(error) if error.errno() == Errno::ENOENT => Ok(()),
                Err(error) => Err(failed()(error)),
            };
        }
        let directory = self.directory(directories).map_err(failed())?;
        self.entries += 1;
        if entry.kind == EntryType::Directory {
            let made = self
                .make_directory(&directory, name, entry)
                .map_err(failed())?;
            return self.settle(&made, entry).map_err(failed());
        }
        if entry.kind == EntryType::Link {
            return self.link(&directory, name, entry);
        }
        let node = node(entry)?;
        replace(&directory, name).map_err(failed())?;
        let made = directory
            .create(name, node, &owner(entry))
            .map_err(failed())?;
        self.made.insert(made.stat().map_err(failed())?.ino);
        if node == NewNode::Regular {
            fill(&made, entry, data)?;
        }
        set_time(&made, entry.mtime).map_err(failed())
    }

    fn link(
        &mut self,
        directory: &Arc<dyn Inode>,
        name: &[u8],
        entry: &Entry,
    ) -> Result<(), Failure> {
        let failed = || Failure::file(&entry.path);
        let target = names(&entry.link)?;
        let target = self.find(&target).map_err(failed())?;
        if let Ok(there) = directory.lookup(name)
            && cenote_vfs::dentry::same_inode(&there, &target)
        {
            return Ok(());
        }
        replace(directory, name).map_err(failed())?;
        directory.link(name, &target).map_err(failed())?;
        self.made.insert(target.stat().map_err(failed())?.ino);
        // Making a name changes the file's change time only; its modification time was set with its data.
        Ok(())
    }

    fn make_directory(
        &mut self,
        parent: &Arc<dyn Inode>,
        name: &[u8],
        entry: &Entry,
    ) -> SysResult<Arc<dyn Inode>> {
        if let Ok(there) = parent.lookup(name) {
            if there.file_type() == FileType::Directory {
                return Ok(there);
            }
            parent.unlink(name)?;
        }
        let made = parent.create(name, NewNode::Directory, &owner(entry))?;
        self.made.insert(made.stat()?.ino);
        Ok(made)
    }

    /// Gives a directory an entry's attributes, its time in the end.
    fn settle(&mut self, directory: &Arc<dyn Inode>, entry: &Entry) -> SysResult {
        directory.set_attributes(&AttributeChanges {
            mode: Some(Mode::from_raw(entry.mode)),
            uid: Some(Uid::new(entry.uid)),
            gid: Some(Gid::new(entry.gid)),
            ..AttributeChanges::default()
        })?;
        self.times.push((Arc::clone(directory), entry.mtime));
        Ok(())
    }

    /// A file by its names. A link on the way is an error, not followed.
    fn find(&self, names: &[&[u8]]) -> SysResult<Arc<dyn Inode>> {
        names
            .iter()
            .try_fold(Arc::clone(&self.top), |at, name| at.lookup(name))
    }

    /// A directory by its names, made where it is missing.
    fn directory(&mut self, names: &[&[u8]]) -> SysResult<Arc<dyn Inode>> {
        let mut at = Arc::clone(&self.top);
        for name in names {
            at = match at.lookup(name) {
                Ok(next) => next,
                Err(error) if error.errno() == Errno::ENOENT => {
                    let owner = NewOwner::root(Mode::from_raw(0o755));
                    let made = at.create(name, NewNode::Directory, &owner)?;
                    self.made.insert(made.stat()?.ino);
                    made
                }
                Err(error) => return Err(error),
            };
        }
        Ok(at)
    }

    /// Takes away a name of the layers below.
    fn remove(&self, directory: &Arc<dyn Inode>, name: &[u8]) -> SysResult {
        let victim = match directory.lookup(name) {
            Ok(victim) => victim,
            Err(error) if error.errno() == Errno::ENOENT => return Ok(()),
            Err(error) => return Err(error),
        };
        if self.made.contains(&victim.stat()?.ino) {
            return Ok(());
        }
        drop(victim);
        remove_all(directory, name)
    }

    /// Takes away all that a directory has of the layers below.
    fn hide(&mut self, directories: &[&[u8]]) -> SysResult {
        let directory = self.directory(directories)?;
        let names = list(&directory)?;
        let is_own = |name: &Vec<u8>| -> SysResult<bool> {
            Ok(self.made.contains(&directory.lookup(name)?.stat()?.ino))
        };
        let mut has_own = false;
        for name in &names {
            has_own |= is_own(name)?;
        }
        let (Some((last, above)), false) = (directories.split_last(), has_own) else {
            return names
                .iter()
                .try_for_each(|name| self.remove(&directory, name));
        };
        // One of its own takes its place: through that nothing can show.
        let stat = directory.stat()?;
        let parent = self.find(above)?;
        let time = self
            .times
            .iter()
            .rposition(|(known, _)| cenote_vfs::dentry::same_inode(known, &directory))
            .map(|index| self.times.swap_remove(index).1);
        remove_all(&parent, last)?;
        let owner = NewOwner {
            mode: stat.permissions(),
            uid: Uid::new(stat.uid),
            gid: Gid::new(stat.gid),
        };
        let made = parent.create(last, NewNode::Directory, &owner)?;
        self.made.insert(made.stat()?.ino);
        self.times.push((made, time.unwrap_or(stat.mtime)));
        Ok(())
    }
}

/// A path's names. `..` is refused; a leading slash and `.` mean nothing.
fn names(path: &[u8]) -> Result<Vec<&[u8]>, Failure> {
    let shown = || cenote_base::path::display(path);
    if path.len() > MAX_PATH {
        return Err(Failure::format("a path is beyond 32 KiB"));
    }
    let names: Vec<&[u8]> = path
        .split(|byte| *byte == b'/')
        .filter(|name| !matches!(*name, b"" | b"."))
        .collect();
    for name in &names {
        if *name == b".." || name.contains(&0) {
            return Err(Failure::format(format!(
                "the path `{}` is refused",
                shown()
            )));
        }
        if name.len() > MAX_NAME {
            return Err(Failure::format(format!(
                "a name of `{}` is too long",
                shown()
            )));
        }
    }
    Ok(names)
}

fn owner(entry: &Entry) -> NewOwner {
    NewOwner {
        mode: Mode::from_raw(entry.mode),
        uid: Uid::new(entry.uid),
        gid: Gid::new(entry.gid),
    }
}

/// What an entry that is no directory and no other name makes.
fn node(entry: &Entry) -> Result<NewNode<'_>, Failure> {
    let (major, minor) = entry.device;
    Ok(match entry.kind {
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => NewNode::Regular,
        EntryType::Symlink => NewNode::Symlink(&entry.link),
        EntryType::Fifo => NewNode::Fifo,
        EntryType::Char => NewNode::Device(FileType::CharDevice, DeviceId::new(major, minor)),
        EntryType::Block => NewNode::Device(FileType::BlockDevice, DeviceId::new(major, minor)),
        other => {
            return Err(Failure::format(format!(
                "`{}` is of a kind that is not understood ({:?})",
                cenote_base::path::display(&entry.path),
                char::from(other.as_byte())
            )));
        }
    })
}

/// Writes an entry's data into a new file.
fn fill(
    made: &Arc<dyn Inode>,
    entry: &Entry,
    data: &mut Entries<impl Read>,
) -> Result<(), Failure> {
    let failed = || Failure::file(&entry.path);
    let mut buf = vec![0; 64 << 10];
    for (offset, len) in &entry.extents {
        let mut done = 0;
        while done < *len {
            let room = usize::try_from(len - done)
                .unwrap_or(buf.len())
                .min(buf.len());
            let count = data.read(buf.get_mut(..room).unwrap_or_default())?;
            let mut rest = buf.get(..count).unwrap_or_default();
            if rest.is_empty() {
                return Err(Failure::format("the stream ends in the middle of a file"));
            }
            while !rest.is_empty() {
                let written = made.write_at(offset + done, rest).map_err(failed())?;
                done += written as u64;
                rest = rest.get(written..).unwrap_or_default();
            }
        }
    }
    if entry
        .extents
        .last()
        .is_none_or(|(offset, len)| offset + len < entry.size)
    {
        let changes = AttributeChanges {
            size: Some(entry.size),
            ..AttributeChanges::default()
        };
        made.set_attributes(&changes).map_err(failed())?;
    }
    Ok(())
}

fn set_time(inode: &Arc<dyn Inode>, time: Timespec) -> SysResult {
    inode.set_attributes(&AttributeChanges {
        atime: Some(SetTime::To(time)),
        mtime: Some(SetTime::To(time)),
        ..AttributeChanges::default()
    })
}

fn list(directory: &Arc<dyn Inode>) -> SysResult<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    directory.read_dir(0, &mut |entry| {
        names.push(entry.name.to_vec());
        true
    })?;
    Ok(names)
}

/// Takes away what an entry replaces.
fn replace(directory: &Arc<dyn Inode>, name: &[u8]) -> SysResult {
    match directory.lookup(name) {
        Ok(_) => remove_all(directory, name),
        Err(error) if error.errno() == Errno::ENOENT => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes a name with everything below it, without recursion.
fn remove_all(directory: &Arc<dyn Inode>, name: &[u8]) -> SysResult {
    let victim = directory.lookup(name)?;
    if victim.file_type() != FileType::Directory {
        return directory.unlink(name);
    }
    let mut way = vec![(Arc::clone(directory), name.to_vec(), list(&victim)?, victim)];
    while let Some((parent, name, names, at)) = way.last_mut() {
        let Some(next) = names.pop() else {
            parent.rmdir(name)?;
            way.pop();
            continue;
        };
        let child = at.lookup(&next)?;
        if child.file_type() == FileType::Directory {
            let below = (Arc::clone(at), next, list(&child)?, child);
            way.push(below);
        } else {
            at.unlink(&next)?;
        }
    }
    Ok(())
}
