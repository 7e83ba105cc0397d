//! The machine's files, from the host's side.
//!
//! These calls act as the machine's superuser, relative paths from its default working directory. They follow symbolic links as
//! a process in the machine would, so they never leave it.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use cenote_abi::fs::{FileType, Mode, OpenFlags, Stat};
use cenote_base::{Credentials, SysError, SysResult};
use cenote_vfs::{Location, LookupContext, LookupFlags, OpenFile, ops};

use crate::machine::Machine;
use crate::{Error, NodeRuntime};

/// What a file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A pipe, socket or device.
    Other,
}

impl From<FileType> for FileKind {
    fn from(file_type: FileType) -> Self {
        match file_type {
            FileType::Regular => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            FileType::CharDevice | FileType::BlockDevice | FileType::Fifo | FileType::Socket => {
                Self::Other
            }
        }
    }
}

/// What `stat` tells of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metadata {
    /// What it is.
    pub kind: FileKind,
    /// Its size in bytes.
    pub size: u64,
    /// Permission bits (the low twelve of `st_mode`).
    pub mode: u32,
    /// The owner's user id.
    pub uid: u32,
    /// The owner's group id.
    pub gid: u32,
    /// When its content last changed.
    pub modified: SystemTime,
}

impl Metadata {
    fn of(stat: &Stat, kind: FileKind) -> Self {
        let seconds = u64::try_from(stat.mtime.sec).unwrap_or(0);
        let modified = SystemTime::UNIX_EPOCH + Duration::new(seconds, stat.mtime.nsec);
        Self {
            kind,
            size: stat.size,
            mode: stat.mode & 0o7777,
            uid: stat.uid,
            gid: stat.gid,
            modified,
        }
    }
}

/// A name in a directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DirectoryEntry {
    /// Its name, byte for byte.
    pub name: Vec<u8>,
    /// What it names.
    pub kind: FileKind,
}

impl DirectoryEntry {
    /// The name as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn name_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }
}

/// The largest file [`NodeRuntime::read_file`] returns: 1 GiB.
pub(crate) const MAX_READ: u64 = 1 << 30;

impl NodeRuntime {
    /// Reads a whole file.
    ///
    /// # Errors
    /// [`Error::File`]: `ENOENT`, `EISDIR`, `ELOOP` … as open(2) and read(2); `EFBIG` beyond 1 GiB.
    pub async fn read_file(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            return remote.read_file(path).await;
        }
        self.on_files("read", path, |cx| read(cx, path))
    }

    /// Writes a whole file, made (mode 0644) or emptied first.
    ///
    /// # Errors
    /// [`Error::File`]: `ENOENT` when its directory is missing, `EISDIR`, `ENOSPC` at the machine's limit, `EROFS` …
    pub async fn write_file(
        &self,
        path: impl AsRef<[u8]>,
        content: impl AsRef<[u8]>,
    ) -> Result<(), Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            let content = bytes::Bytes::copy_from_slice(content.as_ref());
            return remote.write_file(path, content, false).await;
        }
        self.on_files("write", path, |cx| write(cx, path, content.as_ref(), 0o644))
    }

    /// Lists a directory, sorted by name, without `.` and `..`.
    ///
    /// # Errors
    /// [`Error::File`]: `ENOENT`, `ENOTDIR` …
    pub async fn read_dir(&self, path: impl AsRef<[u8]>) -> Result<Vec<DirectoryEntry>, Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            return remote.read_dir(path).await;
        }
        self.on_files("readdir", path, |cx| {
            let directory = ops::lookup(cx, None, path, LookupFlags::FOLLOW)?;
            let mut entries = Vec::new();
            directory.inode().read_dir(0, &mut |entry| {
                entries.push(DirectoryEntry {
                    name: entry.name.to_vec(),
                    kind: entry.file_type.into(),
                });
                true
            })?;
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(entries)
        })
    }

    /// What a path names, links followed.
    ///
    /// # Errors
    /// [`Error::File`]: `ENOENT`, `ENOTDIR`, `ELOOP` …
    pub async fn stat(&self, path: impl AsRef<[u8]>) -> Result<Metadata, Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            return remote.stat(path).await;
        }
        self.on_files("stat", path, |cx| {
            let location = ops::lookup(cx, None, path, LookupFlags::FOLLOW)?;
            let inode = location.inode();
            Ok(Metadata::of(&inode.stat()?, inode.file_type().into()))
        })
    }

    /// Makes a directory and those above it that are missing (mode 0755). One that is there is no error.
    ///
    /// # Errors
    /// [`Error::File`]: `ENOTDIR` or `EEXIST` when something else is in the way, `EROFS`, `ENOSPC` …
    pub async fn mkdir(&self, path: impl AsRef<[u8]>) -> Result<(), Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            return remote.mkdir(path, None).await;
        }
        self.on_files("mkdir", path, |cx| make_directories(cx, path))
    }

    /// Removes a file, a link, or a directory with everything in it.
    ///
    /// # Errors
    /// [`Error::File`]: `ENOENT`, `EROFS`, `EBUSY` for a mount …
    pub async fn remove(&self, path: impl AsRef<[u8]>) -> Result<(), Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            return remote.remove(path, true).await;
        }
        self.on_files("remove", path, |cx| remove_all(cx, path))
    }

    pub(crate) fn on_files<T>(
        &self,
        operation: &'static str,
        path: &[u8],
        action: impl FnOnce(&LookupContext<'_>) -> SysResult<T>,
    ) -> Result<T, Error> {
        let failed = |cause| Error::File {
            operation,
            path: cenote_base::path::display(path),
            cause,
        };
        self.machine
            .with_files(|files| files.in_context(action))?
            .map_err(failed)
    }
}

/// Where the host's file calls start.
#[derive(Debug)]
pub(crate) struct HostView {
    root: Location,
    path: Vec<u8>,
    /// Found when somebody first looks: it may be in a filesystem of the embedder, who cannot answer while the machine is made.
    cwd: OnceLock<Location>,
}

impl HostView {
    /// The view from the root, relative paths from `cwd` (from the root if that is no directory).
    pub(crate) fn new(machine_root: Location, cwd: &[u8]) -> Self {
        Self {
            root: machine_root,
            path: cwd.to_vec(),
            cwd: OnceLock::new(),
        }
    }

    /// Where relative paths begin.
    fn cwd(&self) -> Location {
        if self.path == b"/" {
            return self.root.clone();
        }
        if let Some(cwd) = self.cwd.get() {
            return cwd.clone();
        }
        let credentials = Credentials::root();
        let cx = LookupContext {
            root: &self.root,
            cwd: &self.root,
            credentials: &credentials,
            umask: 0,
            caller: None,
        };
        match ops::lookup(&cx, None, &self.path, LookupFlags::FOLLOW) {
            Ok(cwd) => self.cwd.get_or_init(|| cwd).clone(),
            Err(_) => self.root.clone(),
        }
    }

    pub(crate) fn in_context<T>(
        &self,
        action: impl FnOnce(&LookupContext<'_>) -> SysResult<T>,
    ) -> SysResult<T> {
        let credentials = Credentials::root();
        let cwd = self.cwd();
        action(&LookupContext {
            root: &self.root,
            cwd: &cwd,
            credentials: &credentials,
            umask: 0,
            caller: None,
        })
    }
}

fn read_to_end(file: &OpenFile) -> SysResult<Vec<u8>> {
    let mut content = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(content),
            count => content.extend_from_slice(&chunk[..count]),
        }
        if content.len() as u64 > MAX_READ {
            return Err(SysError::with_note(
                cenote_abi::Errno::EFBIG,
                "beyond 1 GiB",
            ));
        }
    }
}

/// The whole of `path`.
pub(crate) fn read(cx: &LookupContext<'_>, path: &[u8]) -> SysResult<Vec<u8>> {
    let flags = OpenFlags::O_RDONLY | OpenFlags::O_NONBLOCK;
    read_to_end(&*ops::open(cx, None, path, flags, Mode::empty())?)
}

/// Writes `content` as the whole of `path`.
pub(crate) fn write(cx: &LookupContext<'_>, path: &[u8], content: &[u8], mode: u32) -> SysResult {
    let flags =
        OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC | OpenFlags::O_NONBLOCK;
    let file = ops::open(cx, None, path, flags, Mode::from_bits_truncate(mode))?;
    let mut rest = content;
    while !rest.is_empty() {
        match file.write(rest)? {
            0 => return Err(cenote_abi::Errno::ENOSPC.into()),
            count => rest = &rest[count..],
        }
    }
    Ok(())
}

/// Makes `path` and what is missing above it.
pub(crate) fn make_directories(cx: &LookupContext<'_>, path: &[u8]) -> SysResult {
    let mut so_far = if cenote_base::path::is_absolute(path) {
        b"/".to_vec()
    } else {
        Vec::new()
    };
    for part in cenote_base::path::components(path) {
        so_far.extend_from_slice(part);
        match ops::mkdir(cx, None, &so_far, Mode::from_bits_truncate(0o755)) {
            Ok(()) => {}
            Err(error) if error.errno() == cenote_abi::Errno::EEXIST => {}
            // A read-only parent that already has it says EROFS first.
            Err(error) => {
                ops::lookup(cx, None, &so_far, LookupFlags::FOLLOW).map_err(|_| error)?;
            }
        }
        so_far.push(b'/');
    }
    let made = ops::lookup(cx, None, path, LookupFlags::FOLLOW)?;
    if made.inode().file_type() == FileType::Directory {
        Ok(())
    } else {
        Err(cenote_abi::Errno::EEXIST.into())
    }
}

fn remove_all(cx: &LookupContext<'_>, path: &[u8]) -> SysResult {
    let location = ops::lookup(cx, None, path, LookupFlags::empty())?;
    if location.inode().file_type() != FileType::Directory {
        return ops::unlink(cx, None, path);
    }
    let mut names = Vec::new();
    location.inode().read_dir(0, &mut |entry| {
        names.push(entry.name.to_vec());
        true
    })?;
    for name in names {
        remove_all(cx, &cenote_base::path::join(path, &name))?;
    }
    ops::rmdir(cx, None, path)
}

impl Machine {
    fn with_files<T>(&self, action: impl FnOnce(&HostView) -> T) -> Result<T, Error> {
        Ok(action(&*self.host_view()?))
    }
}
