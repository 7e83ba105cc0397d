//! Filesystems that the embedder answers, over the host channel.

use std::sync::Arc;

use cenote::{Errno, FileAnswer, FileChanges, FileKind as Kind, HostFileSystem, HostStat};
use cenote_proto::v1::filesystem_call::Call;
use cenote_proto::v1::filesystem_result::Result as Answer;
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::{
    FilesystemCall, FilesystemResult, FsCreate, FsPath, FsRead, FsTruncate, FsWrite, RenameRequest,
    SetAttributesRequest, SymlinkRequest,
};

use super::commands::{errno, silence};
use super::link::{HostLink, PATIENCE};

/// A filesystem of the embedder, by the name it gave it.
pub(crate) struct LinkFiles {
    link: Arc<HostLink>,
    name: String,
}

impl LinkFiles {
    pub(crate) fn new(link: &Arc<HostLink>, name: &str) -> Self {
        Self {
            link: Arc::clone(link),
            name: name.to_owned(),
        }
    }

    fn ask<T: Send + 'static>(
        &self,
        call: Call,
        take: impl FnOnce(Answer) -> Option<T> + Send + 'static,
    ) -> FileAnswer<T> {
        let link = Arc::clone(&self.link);
        let asked = Asked::Filesystem(FilesystemCall {
            filesystem: self.name.clone(),
            call: Some(call),
        });
        Box::pin(async move {
            match link.ask(asked, PATIENCE).await {
                Ok(Reply::Filesystem(FilesystemResult {
                    result: Some(result),
                })) => take(result).ok_or(Errno::EPROTO),
                Ok(Reply::Error(error)) => Err(errno(&error)),
                Ok(_) => Err(Errno::EPROTO),
                Err(why) => Err(silence(why)),
            }
        })
    }

    fn done(&self, call: Call) -> FileAnswer<()> {
        self.ask(call, |answer| {
            matches!(answer, Answer::Done(_)).then_some(())
        })
    }
}

fn path(path: Vec<u8>) -> FsPath {
    FsPath { path: path.into() }
}

fn create(path: Vec<u8>, mode: u32) -> FsCreate {
    FsCreate {
        path: path.into(),
        mode,
    }
}

fn rename(from: Vec<u8>, to: Vec<u8>) -> RenameRequest {
    RenameRequest {
        from: from.into(),
        to: to.into(),
    }
}

impl HostFileSystem for LinkFiles {
    fn answers_at_once(&self) -> bool {
        // The channel is opened when the machine is there.
        false
    }

    fn stat(&self, of: Vec<u8>) -> FileAnswer<HostStat> {
        self.ask(Call::Stat(path(of)), |answer| match answer {
            Answer::Stat(told) => HostStat::try_from(&told).ok(),
            _ => None,
        })
    }

    fn read_dir(&self, of: Vec<u8>) -> FileAnswer<Vec<(Vec<u8>, Kind)>> {
        self.ask(Call::ReadDir(path(of)), |answer| match answer {
            Answer::Entries(told) => {
                let entries = told.entries.into_iter();
                Some(
                    entries
                        .filter_map(|entry| {
                            Some((entry.name.to_vec(), entry.kind().try_into().ok()?))
                        })
                        .collect(),
                )
            }
            _ => None,
        })
    }

    fn read(&self, path: Vec<u8>, offset: u64, length: usize) -> FileAnswer<Vec<u8>> {
        let call = FsRead {
            path: path.into(),
            offset,
            length: u32::try_from(length).unwrap_or(u32::MAX),
        };
        self.ask(Call::Read(call), |answer| match answer {
            Answer::Data(bytes) => Some(bytes.to_vec()),
            _ => None,
        })
    }

    fn write(&self, path: Vec<u8>, offset: u64, bytes: Vec<u8>) -> FileAnswer<()> {
        self.done(Call::Write(FsWrite {
            path: path.into(),
            offset,
            data: bytes.into(),
        }))
    }

    fn create(&self, path: Vec<u8>, mode: u32) -> FileAnswer<()> {
        self.done(Call::Create(create(path, mode)))
    }

    fn truncate(&self, path: Vec<u8>, size: u64) -> FileAnswer<()> {
        self.done(Call::Truncate(FsTruncate {
            path: path.into(),
            size,
        }))
    }

    fn mkdir(&self, path: Vec<u8>, mode: u32) -> FileAnswer<()> {
        self.done(Call::Mkdir(create(path, mode)))
    }

    fn unlink(&self, of: Vec<u8>) -> FileAnswer<()> {
        self.done(Call::Unlink(path(of)))
    }

    fn rmdir(&self, of: Vec<u8>) -> FileAnswer<()> {
        self.done(Call::Rmdir(path(of)))
    }

    fn rename(&self, from: Vec<u8>, to: Vec<u8>) -> FileAnswer<()> {
        self.done(Call::Rename(rename(from, to)))
    }

    fn symlink(&self, target: Vec<u8>, path: Vec<u8>) -> FileAnswer<()> {
        self.done(Call::Symlink(SymlinkRequest {
            target: target.into(),
            path: path.into(),
        }))
    }

    fn read_link(&self, of: Vec<u8>) -> FileAnswer<Vec<u8>> {
        self.ask(Call::ReadLink(path(of)), |answer| match answer {
            Answer::Target(target) => Some(target.to_vec()),
            _ => None,
        })
    }

    fn link(&self, from: Vec<u8>, to: Vec<u8>) -> FileAnswer<()> {
        self.done(Call::Link(rename(from, to)))
    }

    fn set_attributes(&self, path: Vec<u8>, changes: FileChanges) -> FileAnswer<()> {
        self.done(Call::SetAttributes(SetAttributesRequest {
            path: path.into(),
            ..(&changes).into()
        }))
    }
}
