//! A filesystem of the `vfs` crate as a [`HostFileSystem`], for a machine in another process: [`Adapted`].
//!
//! In this process the kernel has such a filesystem itself (`cenote_vfs::fs::AdapterFs`), and this shows what that does: one owner, modes 755
//! and 644, neither links nor owners nor modes to be changed. Nothing is kept here between calls, so what is written is there when the
//! guest's call returns. That crate appends or replaces: to change a file in its middle costs as much as it is long.
//!
//! Lock order: `Inner::changing` is a leaf, held over one change of the filesystem.

use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cenote_abi::Errno;
use cenote_vfs::fs::adapter::errno;
use parking_lot::Mutex;
use vfs::error::VfsErrorKind;
use vfs::{VfsError, VfsFileType, VfsPath, VfsResult};

use super::filesystem::{FileAnswer, FileChanges, HostFileSystem, HostStat};
use crate::{FileKind, host};

/// Zeros written at once.
const ZEROS: usize = 64 << 10;
/// How far from the host's clock a time is that a guest set to now.
const NOW: Duration = Duration::from_secs(5);

/// A filesystem of the `vfs` crate.
pub(crate) struct Adapted(Arc<Inner>);

struct Inner {
    root: VfsPath,
    /// Whose the files are.
    owner: (u32, u32),
    /// Bytes that one file may have: what the machine's own files may have together.
    most: u64,
    changing: Mutex<()>,
}

fn told(error: &VfsError) -> Errno {
    errno(error).errno()
}

trait ToErrno<T> {
    fn told(self) -> Result<T, Errno>;
}

impl<T> ToErrno<T> for VfsResult<T> {
    fn told(self) -> Result<T, Errno> {
        self.map_err(|error| told(&error))
    }
}

impl<T> ToErrno<T> for std::io::Result<T> {
    fn told(self) -> Result<T, Errno> {
        self.map_err(|error| told(&error.into()))
    }
}

impl Adapted {
    pub(crate) fn new(root: VfsPath, owner: (u32, u32), most: u64) -> Self {
        Self(Arc::new(Inner {
            root,
            owner,
            most,
            changing: Mutex::default(),
        }))
    }

    /// Does something on a thread that may wait.
    fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Inner) -> Result<T, Errno> + Send + 'static,
    ) -> FileAnswer<T> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let host = host::host().map_err(|_| Errno::EIO)?;
            let looked = host.handle().spawn_blocking(move || look(&inner));
            // A filesystem that panics.
            looked.await.unwrap_or(Err(Errno::EIO))
        })
    }

    /// As [`look`](Self::look), one at a time.
    fn change(
        &self,
        change: impl FnOnce(&Inner) -> Result<(), Errno> + Send + 'static,
    ) -> FileAnswer<()> {
        self.look(|inner| {
            let changing = inner.changing.lock();
            let changed = change(inner);
            drop(changing);
            changed
        })
    }
}

fn kind_of(path: &VfsPath) -> Result<FileKind, Errno> {
    Ok(match path.metadata().told()?.file_type {
        VfsFileType::File => FileKind::File,
        VfsFileType::Directory => FileKind::Directory,
    })
}

fn regular(path: &VfsPath) -> Result<u64, Errno> {
    let metadata = path.metadata().told()?;
    match metadata.file_type {
        VfsFileType::File => Ok(metadata.len),
        VfsFileType::Directory => Err(Errno::EISDIR),
    }
}

/// Lengthens a file by zeros.
fn lengthen(path: &VfsPath, mut by: u64) -> Result<(), Errno> {
    let zeros = [0; ZEROS];
    let mut file = path.append_file().told()?;
    while by > 0 {
        let count = usize::try_from(by).unwrap_or(ZEROS).min(ZEROS);
        file.write_all(zeros.get(..count).unwrap_or_default())
            .told()?;
        by -= count as u64;
    }
    file.flush().told()
}

fn content(path: &VfsPath, len: u64) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    let room = usize::try_from(len).map_err(|_| Errno::EFBIG)?;
    bytes.try_reserve(room).map_err(|_| Errno::ENOMEM)?;
    let file = path.open_file().told()?;
    file.take(len).read_to_end(&mut bytes).told()?;
    Ok(bytes)
}

fn replace(path: &VfsPath, bytes: &[u8]) -> Result<(), Errno> {
    let mut file = path.create_file().told()?;
    file.write_all(bytes).told()?;
    file.flush().told()
}

impl Inner {
    fn at(&self, path: &[u8]) -> Result<VfsPath, Errno> {
        if path.is_empty() {
            return Ok(self.root.clone());
        }
        let path = std::str::from_utf8(path).map_err(|_| Errno::EILSEQ)?;
        self.root.join(path).told()
    }

    fn stat(&self, path: &[u8]) -> Result<HostStat, Errno> {
        let metadata = self.at(path)?.metadata().told()?;
        let modified = metadata.modified.unwrap_or(UNIX_EPOCH);
        let of_kind = match metadata.file_type {
            VfsFileType::File => HostStat::file(metadata.len),
            VfsFileType::Directory => HostStat::directory(),
        };
        Ok(HostStat {
            uid: self.owner.0,
            gid: self.owner.1,
            accessed: metadata.accessed.unwrap_or(modified),
            modified,
            changed: modified,
            ..of_kind
        })
    }

    fn write(&self, path: &[u8], offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let path = self.at(path)?;
        let len = regular(&path)?;
        let end = offset.checked_add(bytes.len() as u64);
        let end = end.ok_or(Errno::EFBIG)?;
        if end > self.most {
            return Err(Errno::ENOSPC);
        }
        if offset >= len {
            lengthen(&path, offset - len)?;
            let mut file = path.append_file().told()?;
            file.write_all(bytes).told()?;
            return file.flush().told();
        }
        if len > self.most {
            return Err(Errno::ENOSPC);
        }
        let mut content = content(&path, len)?;
        let (start, end) = (position(offset)?, position(end)?);
        if content.len() < end {
            content.resize(end, 0);
        }
        let place = content.get_mut(start..end).ok_or(Errno::EIO)?;
        place.copy_from_slice(bytes);
        replace(&path, &content)
    }

    fn truncate(&self, path: &[u8], size: u64) -> Result<(), Errno> {
        let path = self.at(path)?;
        let len = regular(&path)?;
        if size > self.most {
            return Err(Errno::ENOSPC);
        }
        if size >= len {
            return lengthen(&path, size - len);
        }
        replace(&path, &content(&path, size)?)
    }

    fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Errno> {
        let (source, target) = (self.at(from)?, self.at(to)?);
        let kind = kind_of(&source)?;
        if from == to {
            return Ok(());
        }
        let below = to
            .strip_prefix(from)
            .is_some_and(|rest| rest.starts_with(b"/"));
        if below {
            return Err(Errno::EINVAL);
        }
        if target.exists().told()? {
            match (kind, kind_of(&target)?) {
                (FileKind::Directory, FileKind::Directory) => remove_directory(&target)?,
                (FileKind::Directory, _) => return Err(Errno::ENOTDIR),
                (_, FileKind::Directory) => return Err(Errno::EISDIR),
                _ => target.remove_file().told()?,
            }
        }
        if kind == FileKind::Directory {
            source.move_dir(&target).told()
        } else {
            source.move_file(&target).told()
        }
    }

    fn set_attributes(&self, path: &[u8], changes: &FileChanges) -> Result<(), Errno> {
        let now = self.stat(path)?;
        let differs = |asked: Option<u32>, has: u32| asked.is_some_and(|asked| asked != has);
        if differs(changes.mode, now.mode)
            || differs(changes.uid, now.uid)
            || differs(changes.gid, now.gid)
        {
            return Err(Errno::EPERM);
        }
        let path = self.at(path)?;
        // Now is what these filesystems set by themselves.
        if let Some(time) = changes.modified.filter(|time| !is_now(*time)) {
            path.set_modification_time(time).told()?;
        }
        if let Some(time) = changes.accessed.filter(|time| !is_now(*time)) {
            path.set_access_time(time).told()?;
        }
        Ok(())
    }
}

fn position(offset: u64) -> Result<usize, Errno> {
    usize::try_from(offset).map_err(|_| Errno::EFBIG)
}

fn is_now(time: SystemTime) -> bool {
    let apart = |span: Result<Duration, _>| span.is_ok_and(|span: Duration| span < NOW);
    let now = SystemTime::now();
    apart(now.duration_since(time)) || apart(time.duration_since(now))
}

fn remove_directory(path: &VfsPath) -> Result<(), Errno> {
    if path.read_dir().told()?.next().is_some() {
        return Err(Errno::ENOTEMPTY);
    }
    path.remove_dir().told()
}

/// Fails where there is something.
fn check_free(path: &VfsPath) -> Result<(), Errno> {
    if path.exists().told()? {
        return Err(told(&VfsErrorKind::FileExists.into()));
    }
    Ok(())
}

impl HostFileSystem for Adapted {
    fn stat(&self, path: Vec<u8>) -> FileAnswer<HostStat> {
        self.look(move |inner| inner.stat(&path))
    }

    fn read_dir(&self, path: Vec<u8>) -> FileAnswer<Vec<(Vec<u8>, FileKind)>> {
        self.look(move |inner| {
            let entries = inner.at(&path)?.read_dir().told()?;
            // One that has just gone is not told of.
            let entries = entries.filter_map(|entry| {
                let kind = kind_of(&entry).ok()?;
                Some((entry.filename().into_bytes(), kind))
            });
            Ok(entries.collect())
        })
    }

    fn read(&self, path: Vec<u8>, offset: u64, length: usize) -> FileAnswer<Vec<u8>> {
        self.look(move |inner| {
            let path = inner.at(&path)?;
            regular(&path)?;
            let mut file = path.open_file().told()?;
            file.seek(SeekFrom::Start(offset)).told()?;
            let mut bytes = Vec::new();
            file.take(length as u64).read_to_end(&mut bytes).told()?;
            Ok(bytes)
        })
    }

    fn write(&self, path: Vec<u8>, offset: u64, bytes: Vec<u8>) -> FileAnswer<()> {
        self.change(move |inner| inner.write(&path, offset, &bytes))
    }

    fn create(&self, path: Vec<u8>, _mode: u32) -> FileAnswer<()> {
        self.change(move |inner| {
            let path = inner.at(&path)?;
            check_free(&path)?;
            path.create_file().told().map(drop)
        })
    }

    fn truncate(&self, path: Vec<u8>, size: u64) -> FileAnswer<()> {
        self.change(move |inner| inner.truncate(&path, size))
    }

    fn mkdir(&self, path: Vec<u8>, _mode: u32) -> FileAnswer<()> {
        self.change(move |inner| {
            let path = inner.at(&path)?;
            check_free(&path)?;
            path.create_dir().told()
        })
    }

    fn unlink(&self, path: Vec<u8>) -> FileAnswer<()> {
        self.change(move |inner| {
            let path = inner.at(&path)?;
            regular(&path)?;
            path.remove_file().told()
        })
    }

    fn rmdir(&self, path: Vec<u8>) -> FileAnswer<()> {
        self.change(move |inner| {
            let path = inner.at(&path)?;
            match kind_of(&path)? {
                FileKind::Directory => remove_directory(&path),
                _ => Err(Errno::ENOTDIR),
            }
        })
    }

    fn rename(&self, from: Vec<u8>, to: Vec<u8>) -> FileAnswer<()> {
        self.change(move |inner| inner.rename(&from, &to))
    }

    fn set_attributes(&self, path: Vec<u8>, changes: FileChanges) -> FileAnswer<()> {
        self.change(move |inner| inner.set_attributes(&path, &changes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vfs::MemoryFS;

    async fn text(files: &Adapted, path: &str) -> String {
        let bytes = files.read(path.into(), 0, 1 << 20).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn files_are_written_in_their_middle_beyond_their_end_and_cut() {
        let behind = VfsPath::new(MemoryFS::new());
        let files = Adapted::new(behind.clone(), (1, 2), 100);
        let f = || b"f".to_vec();
        files.create(f(), 0o600).await.unwrap();
        assert_eq!(files.create(f(), 0o600).await, Err(Errno::EEXIST));
        files.write(f(), 0, b"hello".to_vec()).await.unwrap();
        files.write(f(), 0, b"J".to_vec()).await.unwrap();
        files.write(f(), 3, b"ly!".to_vec()).await.unwrap();
        assert_eq!(text(&files, "f").await, "Jelly!");
        files.write(f(), 8, b"x".to_vec()).await.unwrap();
        assert_eq!(text(&files, "f").await, "Jelly!\0\0x");
        files.truncate(f(), 2).await.unwrap();
        files.truncate(f(), 3).await.unwrap();
        assert_eq!(text(&files, "f").await, "Je\0");
        let stat = files.stat(f()).await.unwrap();
        assert_eq!((stat.size, stat.mode, stat.uid, stat.gid), (3, 0o644, 1, 2));
        for refused in [
            files.write(f(), 100, b"x".to_vec()).await,
            files.truncate(f(), u64::MAX).await,
        ] {
            assert_eq!(refused, Err(Errno::ENOSPC));
        }
        assert_eq!(behind.join("f").unwrap().read_to_string().unwrap(), "Je\0");
    }

    #[tokio::test]
    async fn names_move_and_go_with_the_usual_errnos() {
        let files = Adapted::new(VfsPath::new(MemoryFS::new()), (0, 0), 100);
        let at = |path: &str| path.as_bytes().to_vec();
        files.mkdir(at("a"), 0o700).await.unwrap();
        files.create(at("a/f"), 0o600).await.unwrap();
        assert_eq!(files.rmdir(at("a")).await, Err(Errno::ENOTEMPTY));
        assert_eq!(files.unlink(at("a")).await, Err(Errno::EISDIR));
        assert_eq!(files.rename(at("a"), at("a/b")).await, Err(Errno::EINVAL));
        files.rename(at("a"), at("b")).await.unwrap();
        assert_eq!(files.stat(at("a/f")).await, Err(Errno::ENOENT));
        files.create(at("g"), 0o600).await.unwrap();
        assert_eq!(files.rename(at("g"), at("b")).await, Err(Errno::EISDIR));
        assert_eq!(files.rename(at("b"), at("g")).await, Err(Errno::ENOTDIR));
        files.rename(at("g"), at("b/f")).await.unwrap();
        assert_eq!(
            files.read_dir(at("b")).await,
            Ok(vec![(at("f"), FileKind::File)])
        );
        assert_eq!(files.symlink(at("x"), at("l")).await, Err(Errno::ENOSYS));
        assert_eq!(files.stat(vec![0xff]).await, Err(Errno::EILSEQ));
        let changes = FileChanges {
            mode: Some(0o600),
            ..FileChanges::default()
        };
        let refused = files.set_attributes(at("b/f"), changes).await;
        assert_eq!(refused, Err(Errno::EPERM));
    }
}
