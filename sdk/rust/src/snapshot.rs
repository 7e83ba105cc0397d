//! A machine's files as they were, and machines that start from them: [`Snapshot`], [`NodeRuntime::fork`].
//!
//! What a snapshot shares with machines, and why it costs nothing, is in `cenote_vfs::fs::tmpfs`.

use std::io::{Read, Write};
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_base::limits::{Budget, Limits};
use cenote_base::{Clock, HostClock, SysError, SysResult};
use cenote_vfs::fs::tmpfs::Snapshot as Files;
use cenote_vfs::fs::{Tmpfs, overlay};
use cenote_vfs::{FileSystem, Inode, LookupFlags, ops};

use crate::archive::{Packer, Unpacker, plain};
use crate::worker::RemoteSnapshot;
use crate::{Error, NodeRuntime, host, root};

/// A machine's own files as they were at one moment: all that is in its tree but mounts and processes.
///
/// Clones are the same snapshot. It shares what is the same with the machine it was taken of and those that start from it, and is charged
/// to none of them; its memory is given back with the last clone. That of a machine in a process of its own lives there, and no longer than
/// that machine ([`Error::Disposed`] then): export it to keep it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    kept: Place,
}

/// Where a snapshot is kept.
#[derive(Clone, Debug)]
enum Place {
    /// In this process.
    Here(Files),
    /// With a machine in another.
    Elsewhere(RemoteSnapshot),
}

fn clock() -> Result<Arc<dyn Clock>, Error> {
    Ok(Arc::new(HostClock::new(host::host()?.handle().clone())))
}

impl Snapshot {
    /// The files, brought here if they are elsewhere.
    pub(crate) fn into_here(self) -> Result<Files, Error> {
        let there = match self.kept {
            Place::Here(files) => return Ok(files),
            Place::Elsewhere(there) => there,
        };
        let mut tar = Vec::new();
        there.export(&mut tar)?;
        let everything = Limits {
            filesystem_bytes: u64::MAX,
            inodes: u64::MAX,
            ..Limits::default()
        };
        Self::import_within(tar.as_slice(), everything)?.into_here()
    }

    /// The snapshot, if another process keeps it.
    pub(crate) fn elsewhere(&self) -> Option<&RemoteSnapshot> {
        match &self.kept {
            Place::Here(_) => None,
            Place::Elsewhere(there) => Some(there),
        }
    }

    /// How many files it holds, beside those that ship with Cenote or came with an image and were not changed.
    #[must_use]
    pub fn inodes(&self) -> u64 {
        match &self.kept {
            Place::Here(files) => files.inodes(),
            Place::Elsewhere(there) => there.inodes(),
        }
    }

    /// How many bytes these hold, as `limits.filesystem_bytes` counts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match &self.kept {
            Place::Here(files) => files.bytes(),
            Place::Elsewhere(there) => there.bytes(),
        }
    }

    /// Writes as a tar stream what differs from the files that ship with Cenote or came with an image, in the form of an OCI layer: what was
    /// removed is an entry `.wh.NAME`. Equal files give equal bytes. Tells how many files it wrote.
    ///
    /// Modes, owners, modification times to the nanosecond, hard and symbolic links, holes, named pipes and device numbers are kept; names of
    /// sockets are left out.
    ///
    /// Takes the time that writing takes; on a thread of an async runtime, use its way for blocking work.
    ///
    /// # Errors
    /// [`Error::Archive`] when the stream breaks, [`Error::File`] when a file cannot be read or has a path beyond 32 KiB.
    pub fn export(&self, writer: impl Write) -> Result<u64, Error> {
        let files = match &self.kept {
            Place::Here(files) => files,
            Place::Elsewhere(there) => return there.export(writer),
        };
        let mut packer = Packer::new(writer);
        let walked = files.changes(clock()?, &mut |path, change| packer.tell(path, &change));
        packer
            .finish(walked)
            .map_err(|failure| failure.into_error("export"))
    }

    /// Reads what [`export`](Self::export) wrote, or another tar stream (plain, gzip or zstd), over the files that ship with this version.
    /// As large as a machine's default limits let files be; for more there is [`import_within`](Self::import_within).
    ///
    /// # Errors
    /// As there.
    pub fn import(reader: impl Read) -> Result<Self, Error> {
        Self::import_within(reader, Limits::default())
    }

    /// As [`import`](Self::import), as large as these limits let files be.
    ///
    /// # Errors
    /// [`Error::Archive`] when the stream breaks, makes no sense or leads out of its tree (`..`); [`Error::File`] for a file that cannot be:
    /// `ENOSPC` at a limit, `ENOTDIR` through a link.
    pub fn import_within(reader: impl Read, limits: Limits) -> Result<Self, Error> {
        let shipped: Arc<dyn FileSystem> = root::shipped(true)?;
        let files = overlay(&[shipped], clock()?, Budget::new(limits)).map_err(failed("import"))?;
        unpack(files.root(), reader)?;
        Ok(Self {
            kept: Place::Here(files.snapshot()),
        })
    }
}

fn failed(operation: &'static str) -> impl FnOnce(SysError) -> Error {
    move |cause| Error::File {
        operation,
        path: "/".into(),
        cause,
    }
}

fn unpack(top: Arc<dyn Inode>, reader: impl Read) -> Result<u64, Error> {
    plain(reader)
        .map_err(Into::into)
        .and_then(|stream| Unpacker::new(top).unpack(stream))
        .map_err(|failure| failure.into_error("import"))
}

/// The filesystem in memory behind another handle.
fn in_memory(filesystem: &dyn FileSystem) -> SysResult<&Tmpfs> {
    filesystem.as_any().downcast_ref().ok_or_else(|| {
        SysError::with_note(
            Errno::EXDEV,
            "only the machine's own files, not those of a mount",
        )
    })
}

impl NodeRuntime {
    /// Keeps the machine's files as they are now. Takes the same moment however many there are; processes go on meanwhile and each of their
    /// calls comes before it or after it.
    ///
    /// # Errors
    /// [`Error::Disposed`].
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        if let Some(remote) = self.machine.remote() {
            return Ok(Snapshot {
                kept: Place::Elsewhere(remote.snapshot()?),
            });
        }
        let kernel = self.machine.kernel()?;
        let root = kernel.namespace().root();
        let filesystem = root
            .mount()
            .filesystem()
            .ok_or_else(|| failed("snapshot")(Errno::EXDEV.into()))?;
        let files = in_memory(filesystem.as_ref()).map_err(failed("snapshot"))?;
        Ok(Snapshot {
            kept: Place::Here(files.snapshot()),
        })
    }

    /// Makes another machine with the same options, mounts and host functions and with the files as they are now, in constant time: what is
    /// the same stays shared until one of the two changes it. It has no processes, and goes its own way.
    ///
    /// # Errors
    /// As [`create`](crate::NodeRuntimeBuilder::create); [`Error::Disposed`].
    pub async fn fork(&self) -> Result<Self, Error> {
        let machine = Arc::clone(&self.machine);
        let made = host::run(async move { machine.fork_elsewhere().await });
        if let Some(machine) = made.await? {
            return Ok(Self { machine });
        }
        let snapshot = self.snapshot()?;
        let recipe = self.machine.recipe();
        recipe.from_snapshot(&snapshot).create().await
    }

    /// Writes a directory of the machine with all below it, as it is now, as a tar stream; mounts are left out. Tells how many files it wrote.
    /// Takes the time that writing takes.
    ///
    /// # Errors
    /// As [`Snapshot::export`]; [`Error::File`]: `ENOENT`, `ENOTDIR`, `EXDEV` for a mount.
    pub fn export(&self, path: impl AsRef<[u8]>, writer: impl Write) -> Result<u64, Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            return remote.export(path, writer);
        }
        let (copy, top) = self.on_files("export", path, |cx| {
            let place = ops::lookup(cx, None, path, LookupFlags::FOLLOW)?;
            if place.mount().id() != cx.root.mount().id() {
                return Err(SysError::with_note(
                    Errno::EXDEV,
                    "only the machine's own files, not those of a mount",
                ));
            }
            let names = place.path_if_reachable(cx.root)?;
            let filesystem = place.mount().filesystem().ok_or(Errno::EXDEV)?;
            let layer = in_memory(filesystem.as_ref())?.snapshot();
            let clock = clock().map_err(|_| Errno::EIO)?;
            let copy = layer.as_layer(clock);
            let top = cenote_base::path::components(&names)
                .try_fold(copy.root(), |at, name| at.lookup(name))?;
            Ok((copy, top))
        })?;
        let mut packer = Packer::new(writer);
        let walked = copy.tell_all(&top, &mut |path, change| packer.tell(path, &change));
        packer
            .finish(walked)
            .map_err(|failure| failure.into_error("export"))
    }

    /// Makes files of a tar stream (plain, gzip or zstd) below a directory of the machine, which is made if it is missing. No link is followed,
    /// mounts are not entered, names of OCI layers that begin with `.wh.` take files away. Tells how many files there were. A stream that
    /// breaks off leaves what was made. Takes the time that reading takes.
    ///
    /// # Errors
    /// As [`Snapshot::import_within`], with the machine's own limits.
    pub fn import(&self, path: impl AsRef<[u8]>, reader: impl Read) -> Result<u64, Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            return remote.import(path, reader);
        }
        let top = self.on_files("import", path, |cx| {
            crate::files::make_directories(cx, path)?;
            let place = ops::lookup(cx, None, path, LookupFlags::FOLLOW)?;
            place.mount().check_writable()?;
            Ok(Arc::clone(place.inode()))
        })?;
        unpack(top, reader)
    }
}
