//! The embedder's filesystems, for a machine in another process that asks them call by call.
//!
//! What asks may be a process that a guest has taken over: paths and lengths are held to what [`HostFileSystem`] promises its implementers,
//! and a filesystem that is mounted read-only is not asked for changes, whatever comes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cenote_abi::Errno;
use cenote_proto::v1::filesystem_call::Call;
use cenote_proto::v1::filesystem_result::Result as Answer;
use cenote_proto::v1::{
    DirectoryEntries, DirectoryEntry, FileKind as WireKind, FileStat, FilesystemCall, FsDone,
    SetAttributesRequest,
};

use crate::FileKind;
use crate::host_files::{FileAnswer, FileChanges, HostFileSystem, HostFilesMount, HostStat};

/// Bytes of one read or write.
const PIECE: usize = 1 << 20;
/// Bytes of a path.
const PATH: usize = 4_096;

/// Filesystems by the names that the machine knows them by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filesystems(Arc<BTreeMap<String, HostFilesMount>>);

impl Filesystems {
    pub(crate) fn new(mounts: Vec<HostFilesMount>) -> Self {
        let named = mounts.into_iter().enumerate();
        let named = named.map(|(number, mount)| (number.to_string(), mount));
        Self(Arc::new(named.collect()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their names and places.
    pub(super) fn mounts(&self) -> impl Iterator<Item = (&str, &HostFilesMount)> {
        self.0.iter().map(|(name, mount)| (name.as_str(), mount))
    }

    /// Answers a call.
    ///
    /// # Errors
    /// The filesystem's; `EINVAL` for what no machine asks.
    pub(super) async fn answer(&self, asked: FilesystemCall) -> Result<Answer, Errno> {
        let mount = self.0.get(&asked.filesystem).ok_or(Errno::EIO)?;
        let call = asked.call.ok_or(Errno::ENOSYS)?;
        let files = &*mount.filesystem;
        match call {
            Call::Stat(of) => Ok(Answer::Stat(stat(&files.stat(path(of.path)?).await?))),
            Call::ReadDir(of) => {
                let entries = files.read_dir(path(of.path)?).await?;
                Ok(Answer::Entries(listing(entries)))
            }
            Call::Read(read) => {
                let length = usize::try_from(read.length).map_or(PIECE, |length| length.min(PIECE));
                let mut bytes = files.read(path(read.path)?, read.offset, length).await?;
                bytes.truncate(length);
                Ok(Answer::Data(bytes.into()))
            }
            Call::ReadLink(of) => {
                let target = files.read_link(path(of.path)?).await?;
                Ok(Answer::Target(target.into()))
            }
            change if mount.is_writable => {
                changed(files, change)?.await?;
                Ok(Answer::Done(FsDone {}))
            }
            _ => Err(Errno::EROFS),
        }
    }
}

/// Begins a call that changes something.
fn changed(files: &dyn HostFileSystem, call: Call) -> Result<FileAnswer<()>, Errno> {
    Ok(match call {
        Call::Write(write) if write.data.len() > PIECE => return Err(Errno::EINVAL),
        Call::Write(write) => files.write(path(write.path)?, write.offset, write.data.into()),
        Call::Create(new) => files.create(path(new.path)?, new.mode & 0o7777),
        Call::Truncate(cut) => files.truncate(path(cut.path)?, cut.size),
        Call::Mkdir(new) => files.mkdir(path(new.path)?, new.mode & 0o7777),
        Call::Unlink(of) => files.unlink(path(of.path)?),
        Call::Rmdir(of) => files.rmdir(path(of.path)?),
        Call::Rename(rename) => files.rename(path(rename.from)?, path(rename.to)?),
        Call::Symlink(link) => files.symlink(link.target.into(), path(link.path)?),
        Call::Link(link) => files.link(path(link.from)?, path(link.to)?),
        Call::SetAttributes(set) => {
            let changes = changes(&set);
            files.set_attributes(path(set.path)?, changes)
        }
        Call::Stat(_) | Call::ReadDir(_) | Call::Read(_) | Call::ReadLink(_) => {
            return Err(Errno::EINVAL);
        }
    })
}

/// A path as the trait has them: relative, without `.` and `..`.
fn path(bytes: impl Into<Vec<u8>>) -> Result<Vec<u8>, Errno> {
    let path = bytes.into();
    let is_name = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
    let is_plain = path.is_empty() || path.split(|byte| *byte == b'/').all(is_name);
    if is_plain && path.len() <= PATH {
        Ok(path)
    } else {
        Err(Errno::EINVAL)
    }
}

fn kind(kind: FileKind) -> WireKind {
    match kind {
        FileKind::File => WireKind::File,
        FileKind::Directory => WireKind::Directory,
        FileKind::Symlink => WireKind::Symlink,
        FileKind::Other => WireKind::Other,
    }
}

fn listing(entries: Vec<(Vec<u8>, FileKind)>) -> DirectoryEntries {
    let entries = entries.into_iter().map(|(name, of)| DirectoryEntry {
        name: name.into(),
        kind: kind(of).into(),
    });
    DirectoryEntries {
        entries: entries.collect(),
    }
}

fn nanoseconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
    }
}

fn time(nanoseconds: i64) -> SystemTime {
    let since = Duration::from_nanos(nanoseconds.unsigned_abs());
    let time = if nanoseconds < 0 {
        UNIX_EPOCH.checked_sub(since)
    } else {
        UNIX_EPOCH.checked_add(since)
    };
    time.unwrap_or(UNIX_EPOCH)
}

fn stat(told: &HostStat) -> FileStat {
    FileStat {
        kind: kind(told.kind).into(),
        size: told.size,
        mode: told.mode,
        uid: told.uid,
        gid: told.gid,
        inode: told.inode,
        links: told.links,
        accessed_ns: nanoseconds(told.accessed),
        modified_ns: nanoseconds(told.modified),
        changed_ns: nanoseconds(told.changed),
    }
}

fn changes(asked: &SetAttributesRequest) -> FileChanges {
    FileChanges {
        mode: asked.mode.map(|mode| mode & 0o7777),
        uid: asked.uid,
        gid: asked.gid,
        accessed: asked.accessed_ns.map(time),
        modified: asked.modified_ns.map(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_out_are_not_passed_on() {
        for bad in [
            &b"/etc"[..],
            b"..",
            b"a/../b",
            b"a//b",
            b"./a",
            b"a\0b",
            b"a/",
        ] {
            assert_eq!(path(bad), Err(Errno::EINVAL), "{bad:?}");
        }
        assert_eq!(path(&b""[..]), Ok(Vec::new()));
        assert_eq!(path(&b"a/..b/c."[..]), Ok(b"a/..b/c.".to_vec()));
        assert_eq!(path(vec![b'a'; PATH + 1]), Err(Errno::EINVAL));
    }

    #[tokio::test]
    async fn read_only_filesystem_is_asked_for_no_change() {
        struct Panics;
        impl HostFileSystem for Panics {
            fn stat(&self, _: Vec<u8>) -> FileAnswer<HostStat> {
                Box::pin(async { Ok(HostStat::directory()) })
            }
            fn read_dir(&self, _: Vec<u8>) -> FileAnswer<Vec<(Vec<u8>, FileKind)>> {
                Box::pin(async { Ok(Vec::new()) })
            }
            fn read(&self, _: Vec<u8>, _: u64, length: usize) -> FileAnswer<Vec<u8>> {
                Box::pin(async move { Ok(vec![7; length + 1]) })
            }
            fn unlink(&self, _: Vec<u8>) -> FileAnswer<()> {
                panic!("it is read-only")
            }
        }
        let files = Filesystems::new(vec![HostFilesMount {
            filesystem: Arc::new(Panics),
            guest: "/x".into(),
            is_writable: false,
        }]);
        let ask = |call| {
            files.answer(FilesystemCall {
                filesystem: "0".into(),
                call: Some(call),
            })
        };
        let of = cenote_proto::v1::FsPath {
            path: b"a"[..].into(),
        };
        assert_eq!(ask(Call::Unlink(of)).await, Err(Errno::EROFS));
        let read = cenote_proto::v1::FsRead {
            path: b"a"[..].into(),
            offset: 0,
            length: u32::MAX,
        };
        let Ok(Answer::Data(bytes)) = ask(Call::Read(read)).await else {
            panic!("it reads");
        };
        assert_eq!(bytes.len(), PIECE);
    }
}
