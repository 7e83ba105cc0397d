//! Files of a machine in another process.

use bytes::Bytes;
use cenote_abi::Errno;
use cenote_base::SysError;
use cenote_proto::CHUNK;
use cenote_proto::v1::write_file_request::Message;
use cenote_proto::v1::{
    FileKind as WireKind, FileStat, MkdirRequest, PathRequest, ReadFileRequest, RemoveRequest,
    RenameRequest, SetAttributesRequest, StatRequest, SymlinkRequest, WriteFileRequest, WriteOpen,
};
use tonic::Status;

use super::Remote;
use super::failure::About;
use super::wire::time;
use crate::files::MAX_READ;
use crate::{Attributes, DirectoryEntry, Error, FileKind, Metadata, NewAttributes};

/// Messages of a file on their way.
const ON_THE_WAY: usize = 4;

fn kind(kind: WireKind) -> FileKind {
    kind.try_into().unwrap_or(FileKind::Other)
}

fn metadata(stat: &FileStat) -> Metadata {
    Metadata {
        kind: kind(stat.kind()),
        size: stat.size,
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        modified: time(stat.modified_ns.max(0)),
    }
}

fn owned(path: &[u8]) -> Bytes {
    Bytes::copy_from_slice(path)
}

impl Remote {
    async fn on_files<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<tonic::Response<T>, Status>> + Send + 'static,
    ) -> Result<T, Error> {
        self.call(About::Machine, call).await
    }

    pub(crate) async fn read_file(&self, path: &[u8]) -> Result<Vec<u8>, Error> {
        let mut files = self.files();
        let request = ReadFileRequest {
            path: owned(path),
            ..ReadFileRequest::default()
        };
        let content = self
            .on_files(async move {
                let mut chunks = files.read(request).await?.into_inner();
                let mut content = Vec::new();
                while let Some(chunk) = chunks.message().await? {
                    content.extend_from_slice(&chunk.data);
                    if content.len() as u64 > MAX_READ {
                        return Ok(tonic::Response::new(None));
                    }
                }
                Ok(tonic::Response::new(Some(content)))
            })
            .await?;
        content.ok_or_else(|| Error::File {
            operation: "read",
            path: cenote_base::path::display(path),
            cause: SysError::with_note(Errno::EFBIG, "beyond 1 GiB"),
        })
    }

    /// Writes a whole file; with `parents`, also the directories above it that are missing.
    pub(crate) async fn write_file(
        &self,
        path: &[u8],
        content: Bytes,
        parents: bool,
    ) -> Result<(), Error> {
        let mut files = self.files();
        let open = WriteOpen {
            path: owned(path),
            parents,
            ..WriteOpen::default()
        };
        let (sender, messages) = tokio::sync::mpsc::channel(ON_THE_WAY);
        let send = async move {
            let message = |message| WriteFileRequest {
                message: Some(message),
            };
            let mut rest = content;
            // A call that has failed takes no more, and says why.
            if sender.send(message(Message::Open(open))).await.is_err() {
                return;
            }
            while !rest.is_empty() {
                let chunk = rest.split_to(rest.len().min(CHUNK));
                if sender.send(message(Message::Data(chunk))).await.is_err() {
                    return;
                }
            }
        };
        self.on_files(async move {
            let messages = tokio_stream::wrappers::ReceiverStream::new(messages);
            let ((), written) = tokio::join!(send, files.write(messages));
            written
        })
        .await
        .map(drop)
    }

    pub(crate) async fn read_dir(&self, path: &[u8]) -> Result<Vec<DirectoryEntry>, Error> {
        let mut files = self.files();
        let request = PathRequest { path: owned(path) };
        self.on_files(async move {
            let mut pages = files.read_dir(request).await?.into_inner();
            let mut entries = Vec::new();
            while let Some(page) = pages.message().await? {
                entries.extend(page.entries.into_iter().map(|entry| DirectoryEntry {
                    kind: kind(entry.kind()),
                    name: entry.name.into(),
                }));
            }
            Ok(tonic::Response::new(entries))
        })
        .await
    }

    async fn file_stat(&self, path: &[u8], follow: bool) -> Result<FileStat, Error> {
        let mut files = self.files();
        let request = StatRequest {
            path: owned(path),
            no_follow: !follow,
        };
        self.on_files(async move { files.stat(request).await })
            .await
    }

    pub(crate) async fn stat(&self, path: &[u8]) -> Result<Metadata, Error> {
        Ok(metadata(&self.file_stat(path, true).await?))
    }

    pub(crate) async fn attributes(&self, path: &[u8], follow: bool) -> Result<Attributes, Error> {
        Ok((&self.file_stat(path, follow).await?).into())
    }

    pub(crate) async fn set_attributes(
        &self,
        path: &[u8],
        follow: bool,
        new: NewAttributes,
    ) -> Result<(), Error> {
        let mut files = self.files();
        let request = SetAttributesRequest {
            path: owned(path),
            no_follow: !follow,
            ..(&new).into()
        };
        let set = self.on_files(async move { files.set_attributes(request).await });
        set.await.map(drop)
    }

    /// Makes a directory: those above it too, or this one alone with these permission bits.
    pub(crate) async fn mkdir(&self, path: &[u8], alone: Option<u32>) -> Result<(), Error> {
        let mut files = self.files();
        let request = MkdirRequest {
            path: owned(path),
            recursive: alone.is_none(),
            mode: alone.unwrap_or(0),
        };
        let made = self.on_files(async move { files.mkdir(request).await });
        made.await.map(drop)
    }

    pub(crate) async fn remove(&self, path: &[u8], recursive: bool) -> Result<(), Error> {
        let mut files = self.files();
        let request = RemoveRequest {
            path: owned(path),
            recursive,
            force: false,
        };
        let removed = self.on_files(async move { files.remove(request).await });
        removed.await.map(drop)
    }

    pub(crate) async fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Error> {
        let mut files = self.files();
        let request = RenameRequest {
            from: owned(from),
            to: owned(to),
        };
        let renamed = self.on_files(async move { files.rename(request).await });
        renamed.await.map(drop)
    }

    pub(crate) async fn symlink(&self, target: &[u8], path: &[u8]) -> Result<(), Error> {
        let mut files = self.files();
        let request = SymlinkRequest {
            target: owned(target),
            path: owned(path),
        };
        let made = self.on_files(async move { files.symlink(request).await });
        made.await.map(drop)
    }

    pub(crate) async fn read_link(&self, path: &[u8]) -> Result<Vec<u8>, Error> {
        let mut files = self.files();
        let request = PathRequest { path: owned(path) };
        let target = self.on_files(async move { files.read_link(request).await });
        Ok(target.await?.target.into())
    }
}
