//! Files piece by piece, and the calls on files beyond reading and writing them whole: [`MachineFile`], [`Attributes`].
//!
//! As in `files`: the machine's superuser acts, links are followed as in the machine.

use std::sync::Arc;

use cenote_abi::fs::{AtFlags, FileType, Mode, OpenFlags, RenameFlags, Stat, Timespec};
use cenote_base::{Gid, SysResult, Uid};
use cenote_vfs::{LookupContext, OpenFile, SetTime, ops};

use crate::files::make_directories;
use crate::worker::RemoteFile;
use crate::{Error, FileKind, NodeRuntime};

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// How a file is opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OpenHow {
    /// To read.
    Read,
    /// To write: made, or emptied first.
    Replace,
    /// To write at its end; made if missing.
    Append,
    /// To write; `EEXIST` when it is there.
    CreateNew,
    /// To write in place; made if missing.
    Update,
}

/// All that `stat` tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attributes {
    /// What it is.
    pub kind: FileKind,
    /// In bytes.
    pub size: u64,
    /// Permission bits (the low twelve of `st_mode`).
    pub mode: u32,
    /// The owner's user id.
    pub uid: u32,
    /// The owner's group id.
    pub gid: u32,
    /// The inode's number.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// When it was last read, in nanoseconds since 1970.
    pub accessed_ns: i64,
    /// When its content last changed.
    pub modified_ns: i64,
    /// When its content or attributes last changed.
    pub changed_ns: i64,
}

/// Attributes to change; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NewAttributes {
    /// Permission bits.
    pub mode: Option<u32>,
    /// The owner's user id.
    pub uid: Option<u32>,
    /// The owner's group id.
    pub gid: Option<u32>,
    /// When it was last read, in nanoseconds since 1970.
    pub accessed_ns: Option<i64>,
    /// When its content last changed, in nanoseconds since 1970.
    pub modified_ns: Option<i64>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// An open file of a machine. Clones are the same file; it is closed with the last.
#[derive(Clone, Debug)]
pub struct MachineFile(Place);

/// Where the machine lives.
#[derive(Clone, Debug)]
enum Place {
    Here { file: Arc<OpenFile>, path: String },
    Elsewhere(RemoteFile),
}

fn failed<'a>(
    path: &'a str,
    operation: &'static str,
) -> impl FnOnce(cenote_base::SysError) -> Error + 'a {
    move |cause| Error::File {
        operation,
        path: path.to_owned(),
        cause,
    }
}

impl MachineFile {
    /// Reads from `offset` on; 0 at the end.
    ///
    /// # Errors
    /// [`Error::File`]: as pread(2); `EISDIR` for a directory.
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        match &self.0 {
            Place::Here { file, path } => file.pread(buf, offset).map_err(failed(path, "read")),
            Place::Elsewhere(file) => file.read(buf, Some(offset)),
        }
    }

    /// Reads from where the last reading ended: for files without positions, such as those of `/proc` and `/dev`.
    ///
    /// # Errors
    /// [`Error::File`]: as read(2).
    pub fn read_next(&self, buf: &mut [u8]) -> Result<usize, Error> {
        match &self.0 {
            Place::Here { file, path } => file.read(buf).map_err(failed(path, "read")),
            Place::Elsewhere(file) => file.read(buf, None),
        }
    }

    /// Writes all of `bytes` from where the last writing ended (at the end when opened to append).
    ///
    /// # Errors
    /// [`Error::File`]: as write(2); `ENOSPC` at the machine's limit.
    pub fn write_all(&self, bytes: &[u8]) -> Result<(), Error> {
        let (file, path) = match &self.0 {
            Place::Here { file, path } => (file, path),
            Place::Elsewhere(file) => return file.write_all(bytes),
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = file.write(rest).map_err(failed(path, "write"))?;
            if count == 0 {
                return Err(failed(path, "write")(cenote_abi::Errno::ENOSPC.into()));
            }
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// Moves to where the next writing begins.
    ///
    /// # Errors
    /// [`Error::File`]: `EINVAL` for an offset no file has, `ESPIPE` for a pipe.
    pub fn seek_to(&self, offset: u64) -> Result<(), Error> {
        let (file, path) = match &self.0 {
            Place::Here { file, path } => (file, path),
            Place::Elsewhere(file) => return file.seek_to(offset),
        };
        let offset = i64::try_from(offset)
            .map_err(|_| failed(path, "seek")(cenote_abi::Errno::EINVAL.into()))?;
        file.seek(offset, cenote_abi::fs::Whence::Set)
            .map(drop)
            .map_err(failed(path, "seek"))
    }
}

fn nanoseconds(time: Timespec) -> i64 {
    time.sec
        .saturating_mul(SECOND)
        .saturating_add(i64::from(time.nsec))
}

fn time(nanoseconds: i64) -> SetTime {
    SetTime::To(Timespec {
        sec: nanoseconds.div_euclid(SECOND),
        // A remainder of a second fits.
        nsec: u32::try_from(nanoseconds.rem_euclid(SECOND)).unwrap_or(0),
    })
}

fn attributes(stat: &Stat) -> Attributes {
    Attributes {
        kind: stat.file_type().unwrap_or(FileType::Regular).into(),
        size: stat.size,
        mode: stat.mode & 0o7777,
        uid: stat.uid,
        gid: stat.gid,
        inode: stat.ino,
        links: stat.nlink,
        accessed_ns: nanoseconds(stat.atime),
        modified_ns: nanoseconds(stat.mtime),
        changed_ns: nanoseconds(stat.ctime),
    }
}

fn at_flags(follow: bool) -> AtFlags {
    if follow {
        AtFlags::empty()
    } else {
        AtFlags::AT_SYMLINK_NOFOLLOW
    }
}

fn change(cx: &LookupContext<'_>, path: &[u8], follow: bool, new: &NewAttributes) -> SysResult {
    let flags = at_flags(follow);
    if let Some(size) = new.size {
        ops::truncate(cx, None, path, size)?;
    }
    if new.uid.is_some() || new.gid.is_some() {
        let (uid, gid) = (new.uid.map(Uid::new), new.gid.map(Gid::new));
        ops::chown(cx, None, path, uid, gid, flags)?;
    }
    if let Some(mode) = new.mode {
        ops::chmod(
            cx,
            None,
            path,
            Mode::from_bits_truncate(mode & 0o7777),
            flags,
        )?;
    }
    let (accessed, modified) = (new.accessed_ns.map(time), new.modified_ns.map(time));
    ops::utimens(cx, None, path, accessed, modified, flags)
}

impl NodeRuntime {
    /// Opens a file; a new one has `mode`.
    ///
    /// # Errors
    /// [`Error::File`]: as open(2).
    pub async fn open_file(
        &self,
        path: impl AsRef<[u8]>,
        how: OpenHow,
        mode: u32,
    ) -> Result<MachineFile, Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            let file = remote.open_file(path, how, mode).await?;
            return Ok(MachineFile(Place::Elsewhere(file)));
        }
        let flags = match how {
            OpenHow::Read => OpenFlags::O_RDONLY,
            OpenHow::Replace => OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC,
            OpenHow::Append => OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_APPEND,
            OpenHow::CreateNew => OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_EXCL,
            OpenHow::Update => OpenFlags::O_WRONLY | OpenFlags::O_CREAT,
        } | OpenFlags::O_NONBLOCK;
        let file = self.on_files("open", path, |cx| {
            ops::open(
                cx,
                None,
                path,
                flags,
                Mode::from_bits_truncate(mode & 0o7777),
            )
        })?;
        let path = cenote_base::path::display(path);
        Ok(MachineFile(Place::Here { file, path }))
    }

    /// All that `stat` tells of a path; of a symbolic link itself unless `follow`.
    ///
    /// # Errors
    /// [`Error::File`]: `ENOENT`, `ENOTDIR`, `ELOOP` …
    pub async fn attributes(
        &self,
        path: impl AsRef<[u8]>,
        follow: bool,
    ) -> Result<Attributes, Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            return remote.attributes(path, follow).await;
        }
        self.on_files("stat", path, |cx| {
            Ok(attributes(&ops::stat(cx, None, path, at_flags(follow))?))
        })
    }

    /// Changes attributes; of a symbolic link itself unless `follow`.
    ///
    /// # Errors
    /// [`Error::File`]: `ENOENT`, `EROFS`, `EINVAL` …
    pub async fn set_attributes(
        &self,
        path: impl AsRef<[u8]>,
        follow: bool,
        new: NewAttributes,
    ) -> Result<(), Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            return remote.set_attributes(path, follow, new).await;
        }
        self.on_files("setattr", path, |cx| change(cx, path, follow, &new))
    }

    /// Renames, replacing what is there, as rename(2).
    ///
    /// # Errors
    /// [`Error::File`]: `ENOENT`, `EXDEV`, `ENOTEMPTY` …
    pub async fn rename(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<(), Error> {
        let (from, to) = (from.as_ref(), to.as_ref());
        if let Some(remote) = self.machine.remote() {
            return remote.rename(from, to).await;
        }
        self.on_files("rename", from, |cx| {
            ops::rename(cx, None, from, None, to, RenameFlags::empty())
        })
    }

    /// Whether a path names something, links followed.
    ///
    /// # Errors
    /// [`Error::Disposed`]; failing to look is an answer: no.
    pub async fn exists(&self, path: impl AsRef<[u8]>) -> Result<bool, Error> {
        match self.attributes(path, true).await {
            Ok(_) => Ok(true),
            Err(Error::File { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// [`Error::File`]: `EEXIST`, `ENOENT` …
    pub async fn symlink(
        &self,
        target: impl AsRef<[u8]>,
        path: impl AsRef<[u8]>,
    ) -> Result<(), Error> {
        let (target, path) = (target.as_ref(), path.as_ref());
        if let Some(remote) = self.machine.remote() {
            return remote.symlink(target, path).await;
        }
        self.on_files("symlink", path, |cx| ops::symlink(cx, target, None, path))
    }

    /// Where a symbolic link points.
    ///
    /// # Errors
    /// [`Error::File`]: `EINVAL` for what is not a link.
    pub async fn read_link(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            return remote.read_link(path).await;
        }
        self.on_files("readlink", path, |cx| ops::readlink(cx, None, path))
    }

    /// Makes one directory with these permission bits.
    ///
    /// # Errors
    /// [`Error::File`]: `EEXIST`, `ENOENT` when the one above is missing …
    pub async fn make_directory(&self, path: impl AsRef<[u8]>, mode: u32) -> Result<(), Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            return remote.mkdir(path, Some(mode)).await;
        }
        self.on_files("mkdir", path, |cx| {
            ops::mkdir(cx, None, path, Mode::from_bits_truncate(mode & 0o7777))
        })
    }

    /// Makes the directories above a path that are missing.
    ///
    /// # Errors
    /// [`Error::File`]: as [`mkdir`](Self::mkdir).
    pub async fn make_parents(&self, path: impl AsRef<[u8]>) -> Result<(), Error> {
        let path = path.as_ref();
        let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let Some(parent @ [_, ..]) = path.get(..end) else {
            return Ok(());
        };
        if let Some(remote) = self.machine.remote() {
            return remote.mkdir(parent, None).await;
        }
        self.on_files("mkdir", path, |cx| make_directories(cx, parent))
    }

    /// Removes one file, link or empty directory.
    ///
    /// # Errors
    /// [`Error::File`]: `ENOENT`, `ENOTEMPTY`, `EROFS` …
    pub async fn remove_one(&self, path: impl AsRef<[u8]>) -> Result<(), Error> {
        let path = path.as_ref();
        if let Some(remote) = self.machine.remote() {
            return remote.remove(path, false).await;
        }
        self.on_files("remove", path, |cx| {
            let stat = ops::stat(cx, None, path, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            if stat.file_type() == Some(FileType::Directory) {
                ops::rmdir(cx, None, path)
            } else {
                ops::unlink(cx, None, path)
            }
        })
    }
}
