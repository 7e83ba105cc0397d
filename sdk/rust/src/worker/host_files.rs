//! The embedder's filesystems, for a machine in another process that asks them call by call.
//!
//! What asks may be a process that a guest has taken over: paths and lengths are held to what [`HostFileSystem`] promises its implementers,
//! and a filesystem that is mounted read-only is not asked for changes, whatever comes.

use std::collections::BTreeMap;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_proto::v1::filesystem_call::Call;
use cenote_proto::v1::filesystem_result::Result as Answer;
use cenote_proto::v1::{
    DirectoryEntries, DirectoryEntry, FileKind as WireKind, FilesystemCall, FsDone,
};

use crate::FileKind;
use crate::host_files::{FileAnswer, HostFileSystem, HostFilesMount};

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

    /// Whether a path is in one of them, and not one at `/`.
    pub(super) fn show(&self, path: &str) -> bool {
        self.0.values().any(|mount| {
            let below = path.strip_prefix(mount.guest.trim_end_matches('/'));
            !mount.is_root() && below.is_some_and(|rest| rest.starts_with('/'))
        })
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
            Call::Stat(of) => Ok(Answer::Stat((&files.stat(path(of.path)?).await?).into())),
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
            let changes = (&set).into();
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

fn listing(entries: Vec<(Vec<u8>, FileKind)>) -> DirectoryEntries {
    let entries = entries.into_iter().map(|(name, of)| DirectoryEntry {
        name: name.into(),
        kind: WireKind::from(of).into(),
    });
    DirectoryEntries {
        entries: entries.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host_files::HostStat;

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
