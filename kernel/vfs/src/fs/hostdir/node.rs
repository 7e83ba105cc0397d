//! A file of the host: [`Node`].
//!
//! A node knows where it was found (its directory and name) and what was found there (device and inode). Handles of the
//! host are opened when first needed, checked to be of that file, and kept: an open file survives being renamed or
//! removed. A node without handles whose name means something else by now is `ENOENT`.

use std::any::Any;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use cap_std::fs::{
    Dir, DirBuilder, DirBuilderExt, File as HostFile, FileExt, Metadata, MetadataExt, OpenOptions,
    OpenOptionsExt,
};
use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Mode, OpenFlags, RenameFlags, Stat, StatFs, Timespec};
use cenote_base::{SysError, SysResult};
use parking_lot::Mutex;
use rustix::fs::{AtFlags, OFlags, Timestamps};

use super::Shared;
use super::errors::errno;
use super::listing::list;
use crate::file::File;
use crate::fs::listing::Kept;
use crate::inode::{AttributeChanges, DirEntry, Inode, NewNode, NewOwner, SetTime};

/// One file of the host.
pub(super) struct Node {
    shared: Arc<Shared>,
    this: Weak<Node>,
    /// The host's device and inode numbers.
    id: (u64, u64),
    kind: FileType,
    place: Mutex<Option<Place>>,
    directory: OnceLock<Dir>,
    /// Whether the handle of the directory was used since this was last asked.
    is_used: AtomicBool,
    reader: OnceLock<HostFile>,
    writer: OnceLock<HostFile>,
    /// What `read_dir` goes on with.
    listing: Kept<u64>,
    /// Held from asking for the end to writing there.
    appending: Mutex<()>,
}

/// Where a file was found last.
#[derive(Clone)]
struct Place {
    directory: Arc<Node>,
    name: Box<[u8]>,
}

/// A handle of the host for calls that take either kind.
enum Handle<'a> {
    Directory(&'a Dir),
    File(&'a HostFile),
}

impl AsFd for Handle<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Directory(dir) => dir.as_fd(),
            Self::File(file) => file.as_fd(),
        }
    }
}

fn host<T>(result: io::Result<T>) -> SysResult<T> {
    result.map_err(|error| errno(&error))
}

fn unix<T>(result: rustix::io::Result<T>) -> SysResult<T> {
    host(result.map_err(io::Error::from))
}

fn os(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}

/// What `open` must not do on our behalf: follow a link, or wait for a named pipe's other side.
fn careful() -> i32 {
    // The bits are those of open(2), which fit.
    i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0)
}

impl Node {
    pub(super) fn of_root(shared: &Arc<Shared>, metadata: &Metadata, dir: Dir) -> Arc<Self> {
        let root = Self::make(shared, metadata, FileType::Directory, None);
        // Nobody else has the node yet.
        drop(root.directory.set(dir));
        shared.nodes.lock().insert(root.id, Arc::downgrade(&root));
        root
    }

    fn make(
        shared: &Arc<Shared>,
        metadata: &Metadata,
        kind: FileType,
        place: Option<Place>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            shared: Arc::clone(shared),
            this: Weak::clone(this),
            id: (metadata.dev(), metadata.ino()),
            kind,
            place: Mutex::new(place),
            directory: OnceLock::new(),
            is_used: AtomicBool::new(false),
            reader: OnceLock::new(),
            writer: OnceLock::new(),
            listing: Kept::default(),
            appending: Mutex::default(),
        })
    }

    fn this(&self) -> Arc<Self> {
        self.this
            .upgrade()
            .expect("whoever calls a method of a node holds an Arc of it")
    }

    /// The node of what was found under a name of this directory.
    fn child(&self, name: &[u8], metadata: &Metadata) -> SysResult<Arc<Self>> {
        let kind = FileType::from_mode(metadata.mode()).ok_or(Errno::EIO)?;
        let id = (metadata.dev(), metadata.ino());
        let place = Place {
            directory: self.this(),
            name: name.into(),
        };
        let mut nodes = self.shared.nodes.lock();
        if let Some(known) = nodes
            .get(&id)
            .and_then(Weak::upgrade)
            .filter(|known| known.kind == kind)
        {
            drop(nodes);
            known.settle(place);
            return Ok(known);
        }
        if nodes.len() == nodes.capacity() {
            nodes.retain(|_, node| node.strong_count() > 0);
        }
        let made = Self::make(&self.shared, metadata, kind, Some(place));
        nodes.insert(id, Arc::downgrade(&made));
        Ok(made)
    }

    /// Notes where the file is now; the top stays where it is.
    fn settle(&self, place: Place) {
        let mut own = self.place.lock();
        let before = if own.is_some() {
            own.replace(place)
        } else {
            None
        };
        drop(own);
        drop(before);
    }

    fn place(&self) -> SysResult<Place> {
        self.place.lock().clone().ok_or(Errno::EBUSY.into())
    }

    fn check(&self, metadata: &Metadata) -> SysResult {
        if (metadata.dev(), metadata.ino()) == self.id
            && FileType::from_mode(metadata.mode()) == Some(self.kind)
        {
            return Ok(());
        }
        Err(SysError::with_note(
            Errno::ENOENT,
            "the host put another file in the place of this one",
        ))
    }

    fn dir(&self) -> SysResult<&Dir> {
        if let Some(dir) = self.directory.get() {
            if !self.is_used.load(Ordering::Relaxed) {
                self.is_used.store(true, Ordering::Relaxed);
            }
            return Ok(dir);
        }
        if self.kind != FileType::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        let place = self.place()?;
        let dir = host(place.directory.dir()?.open_dir(os(&place.name)))?;
        self.check(&host(dir.dir_metadata())?)?;
        let mut is_new = false;
        let dir = self.directory.get_or_init(|| {
            is_new = true;
            dir
        });
        if is_new {
            self.shared.kept.keep(self.this());
        }
        Ok(dir)
    }

    /// Whether the directory was used since this was last called.
    pub(super) fn take_used(&self) -> bool {
        self.is_used.swap(false, Ordering::Relaxed)
    }

    fn fill(&self, slot: &OnceLock<HostFile>, options: &mut OpenOptions) -> SysResult {
        if slot.get().is_some() {
            return Ok(());
        }
        match self.kind {
            FileType::Regular => {}
            FileType::Directory => return Err(Errno::EISDIR.into()),
            _ => return Err(Errno::EINVAL.into()),
        }
        let place = self.place()?;
        let file = host(
            place
                .directory
                .dir()?
                .open_with(os(&place.name), options.custom_flags(careful())),
        )?;
        self.check(&host(file.metadata())?)?;
        slot.get_or_init(|| file);
        Ok(())
    }

    fn reader(&self) -> SysResult<&HostFile> {
        self.fill(&self.reader, OpenOptions::new().read(true))?;
        self.reader.get().ok_or(Errno::EIO.into())
    }

    fn writer(&self) -> SysResult<&HostFile> {
        self.shared.check_writable()?;
        self.fill(&self.writer, OpenOptions::new().write(true))?;
        self.writer.get().ok_or(Errno::EIO.into())
    }

    /// A handle that is open already.
    fn handle(&self) -> Option<Handle<'_>> {
        let file = self.writer.get().or(self.reader.get()).map(Handle::File);
        file.or(self.directory.get().map(Handle::Directory))
    }

    fn metadata(&self) -> SysResult<Metadata> {
        match self.handle() {
            Some(Handle::Directory(dir)) => host(dir.dir_metadata()),
            Some(Handle::File(file)) => host(file.metadata()),
            None => {
                let place = self.place()?;
                let metadata = host(place.directory.dir()?.symlink_metadata(os(&place.name)))?;
                self.check(&metadata)?;
                Ok(metadata)
            }
        }
    }

    pub(super) fn statfs(&self) -> SysResult<StatFs> {
        let stat = unix(rustix::fs::fstatvfs(self.dir()?))?;
        Ok(StatFs {
            magic: cenote_abi::fs::FUSE_SUPER_MAGIC,
            block_size: stat.f_frsize.max(1),
            blocks: stat.f_blocks,
            free_blocks: stat.f_bfree,
            available_blocks: stat.f_bavail,
            files: stat.f_files,
            free_files: stat.f_ffree,
            id: self.shared.device,
            ..StatFs::default()
        })
    }

    /// The node behind an inode, if it is of the same host directory.
    fn of<'a>(&self, inode: &'a Arc<dyn Inode>) -> SysResult<&'a Self> {
        let node = inode.as_any().downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        if Arc::ptr_eq(&node.shared, &self.shared) {
            Ok(node)
        } else {
            Err(Errno::EXDEV.into())
        }
    }

    fn make_entry(&self, name: &[u8], node: NewNode<'_>, mode: Mode) -> SysResult {
        let dir = self.dir()?;
        // Set-id and sticky bits are the machine's affair, not the host's.
        let mode = mode.raw() & 0o777;
        match node {
            NewNode::Regular => {
                let mut options = OpenOptions::new();
                options
                    .write(true)
                    .create_new(true)
                    .mode(mode)
                    .custom_flags(careful());
                host(dir.open_with(os(name), &options)).map(drop)
            }
            NewNode::Directory => {
                let mut builder = DirBuilder::new();
                builder.mode(mode);
                host(dir.create_dir_with(os(name), &builder))
            }
            NewNode::Symlink(target) => host(dir.symlink_contents(os(target), os(name))),
            NewNode::Fifo | NewNode::Socket | NewNode::Device(..) => Err(Errno::EPERM.into()),
        }
    }

    fn set_times(&self, atime: Option<SetTime>, mtime: Option<SetTime>) -> SysResult {
        let convert = |time: Option<SetTime>| match time {
            None => rustix::fs::Timespec {
                tv_sec: 0,
                tv_nsec: rustix::fs::UTIME_OMIT,
            },
            Some(SetTime::Now) => rustix::fs::Timespec {
                tv_sec: 0,
                tv_nsec: rustix::fs::UTIME_NOW,
            },
            Some(SetTime::To(time)) => rustix::fs::Timespec {
                tv_sec: time.sec,
                tv_nsec: time.nsec.into(),
            },
        };
        let times = Timestamps {
            last_access: convert(atime),
            last_modification: convert(mtime),
        };
        if let Some(handle) = self.handle() {
            return unix(rustix::fs::futimens(handle, &times));
        }
        let place = self.place()?;
        unix(rustix::fs::utimensat(
            place.directory.dir()?,
            os(&place.name),
            &times,
            AtFlags::SYMLINK_NOFOLLOW,
        ))
    }

    fn set_mode(&self, mode: Mode) -> SysResult {
        match self.kind {
            FileType::Directory => {
                self.dir()?;
            }
            FileType::Regular => {
                if self.handle().is_none() {
                    self.reader().or_else(|_| self.writer())?;
                }
            }
            _ => return Err(Errno::EPERM.into()),
        }
        let handle = self.handle().ok_or(Errno::EIO)?;
        unix(rustix::fs::fchmod(
            handle,
            rustix::fs::Mode::from_bits_truncate(mode.raw() & 0o777),
        ))
    }

    fn write_locked(&self, writer: &HostFile, offset: u64, buf: &[u8]) -> SysResult<usize> {
        if offset > i64::MAX.unsigned_abs() {
            return Err(Errno::EFBIG.into());
        }
        if self.shared.options.growth_limit.is_some() {
            let end = offset.saturating_add(buf.len() as u64);
            self.shared
                .grow(end.saturating_sub(host(writer.metadata())?.len()))?;
        }
        host(writer.write_at(buf, offset))
    }
}

fn time(sec: i64, nsec: i64) -> Timespec {
    Timespec {
        sec,
        nsec: u32::try_from(nsec).unwrap_or(0),
    }
}

impl Inode for Node {
    fn stat(&self) -> SysResult<Stat> {
        let metadata = self.metadata()?;
        let mtime = time(metadata.mtime(), metadata.mtime_nsec());
        let size = match self.kind {
            FileType::Regular | FileType::Directory | FileType::Symlink => metadata.len(),
            _ => 0,
        };
        let is_regular = self.kind == FileType::Regular;
        let executable = if is_regular && self.shared.options.all_executable {
            0o111
        } else {
            0
        };
        Ok(Stat {
            dev: self.shared.device,
            ino: self.shared.shown_ino(&metadata),
            nlink: metadata.nlink(),
            mode: self.kind.mode_bits() | metadata.mode() & 0o777 | executable,
            uid: self.shared.options.uid.raw(),
            gid: self.shared.options.gid.raw(),
            rdev: 0,
            size,
            blksize: 4096,
            blocks: metadata.blocks(),
            atime: time(metadata.atime(), metadata.atime_nsec()),
            mtime,
            ctime: time(metadata.ctime(), metadata.ctime_nsec()),
            btime: mtime,
        })
    }

    fn file_type(&self) -> FileType {
        self.kind
    }

    fn lookup(&self, name: &[u8]) -> SysResult<Arc<dyn Inode>> {
        let metadata = host(self.dir()?.symlink_metadata(os(name)))?;
        Ok(self.child(name, &metadata)?)
    }

    fn create(
        &self,
        name: &[u8],
        node: NewNode<'_>,
        owner: &NewOwner,
    ) -> SysResult<Arc<dyn Inode>> {
        self.shared.check_writable()?;
        self.make_entry(name, node, owner.mode)?;
        self.lookup(name)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> SysResult {
        self.shared.check_writable()?;
        let target = self.of(target)?;
        let place = target.place()?;
        let from = place.directory.dir()?;
        target.check(&host(from.symlink_metadata(os(&place.name)))?)?;
        // Flags: none, so that a link is not followed.
        unix(rustix::fs::linkat(
            from,
            os(&place.name),
            self.dir()?,
            os(name),
            AtFlags::empty(),
        ))
    }

    fn unlink(&self, name: &[u8]) -> SysResult {
        self.shared.check_writable()?;
        host(self.dir()?.remove_file(os(name)))
    }

    fn rmdir(&self, name: &[u8]) -> SysResult {
        self.shared.check_writable()?;
        host(self.dir()?.remove_dir(os(name)))
    }

    fn rename(
        &self,
        from: &[u8],
        to_dir: &Arc<dyn Inode>,
        to: &[u8],
        flags: RenameFlags,
    ) -> SysResult {
        self.shared.check_writable()?;
        let to_dir = self.of(to_dir)?;
        let (dir, target) = (self.dir()?, to_dir.dir()?);
        let moved = self.child(from, &host(dir.symlink_metadata(os(from)))?)?;
        let exchanged = match target.symlink_metadata(os(to)) {
            Ok(metadata) if flags.contains(RenameFlags::RENAME_EXCHANGE) => {
                Some(to_dir.child(to, &metadata)?)
            }
            _ => None,
        };
        let mut host_flags = rustix::fs::RenameFlags::empty();
        host_flags.set(
            rustix::fs::RenameFlags::NOREPLACE,
            flags.contains(RenameFlags::RENAME_NOREPLACE),
        );
        host_flags.set(
            rustix::fs::RenameFlags::EXCHANGE,
            flags.contains(RenameFlags::RENAME_EXCHANGE),
        );
        if host_flags.is_empty() {
            host(dir.rename(os(from), target, os(to)))?;
        } else {
            unix(rustix::fs::renameat_with(
                dir,
                os(from),
                target,
                os(to),
                host_flags,
            ))?;
        }
        moved.settle(Place {
            directory: to_dir.this(),
            name: to.into(),
        });
        if let Some(exchanged) = exchanged {
            exchanged.settle(Place {
                directory: self.this(),
                name: from.into(),
            });
        }
        Ok(())
    }

    fn read_dir(&self, cursor: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
        let read = || list(&self.shared, self.dir()?);
        self.listing
            .read_dir(cursor, read, |listed| listed.more, emit)
    }

    fn read_link(&self) -> SysResult<Vec<u8>> {
        if self.kind != FileType::Symlink {
            return Err(Errno::EINVAL.into());
        }
        let place = self.place()?;
        let target = host(place.directory.dir()?.read_link_contents(os(&place.name)))?;
        Ok(target.as_os_str().as_bytes().to_vec())
    }

    fn set_attributes(&self, changes: &AttributeChanges) -> SysResult {
        self.shared.check_writable()?;
        let options = &self.shared.options;
        // The host's files are one user's, whatever the machine would like.
        if changes.uid.is_some_and(|uid| uid != options.uid)
            || changes.gid.is_some_and(|gid| gid != options.gid)
        {
            return Err(Errno::EPERM.into());
        }
        if let Some(size) = changes.size {
            let writer = self.writer()?;
            self.shared
                .grow(size.saturating_sub(host(writer.metadata())?.len()))?;
            host(writer.set_len(size))?;
        }
        if let Some(mode) = changes.mode {
            self.set_mode(mode)?;
        }
        if changes.atime.is_some() || changes.mtime.is_some() {
            self.set_times(changes.atime, changes.mtime)?;
        }
        Ok(())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> SysResult<usize> {
        if offset > i64::MAX.unsigned_abs() {
            return Ok(0);
        }
        host(self.reader()?.read_at(buf, offset))
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> SysResult<usize> {
        self.write_locked(self.writer()?, offset, buf)
    }

    fn append(&self, buf: &[u8]) -> SysResult<(u64, usize)> {
        let writer = self.writer()?;
        let appending = self.appending.lock();
        let end = host(writer.metadata())?.len();
        let written = self.write_locked(writer, end, buf)?;
        drop(appending);
        Ok((end + written as u64, written))
    }

    fn sync(&self) -> SysResult {
        match self.handle() {
            Some(handle) => unix(rustix::fs::fsync(handle)),
            None => Ok(()),
        }
    }

    fn open(self: Arc<Self>, flags: OpenFlags) -> SysResult<Option<Arc<dyn File>>> {
        match self.kind {
            FileType::Regular => {
                if flags.access_mode().can_write() {
                    self.writer()?;
                }
                if flags.access_mode().can_read() {
                    self.reader()?;
                }
            }
            FileType::Directory => {
                self.dir()?;
            }
            FileType::Symlink => {}
            FileType::CharDevice | FileType::BlockDevice | FileType::Fifo | FileType::Socket => {
                return Err(SysError::with_note(
                    Errno::EACCES,
                    "devices, pipes and sockets of the host are not opened",
                ));
            }
        }
        Ok(None)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A chain of directories may be very deep: let go of the ancestors one after another, not recursively.
        let mut next = self.place.get_mut().take();
        while let Some(place) = next {
            next = Arc::into_inner(place.directory)
                .and_then(|mut parent| parent.place.get_mut().take());
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({:?} {:?})", self.kind, self.id)
    }
}
