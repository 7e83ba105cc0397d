//! Snapshots, forks and tar streams of a machine in another process.
//!
//! Whoever writes or reads a tar stream does so on its own thread, which waits here; what is on its way is bounded.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use cenote_base::wait::block_on;
use cenote_proto::CHUNK;
use cenote_proto::v1::import_request::Message;
use cenote_proto::v1::{
    DropSnapshotRequest, ExportChunk, ExportRequest, ForkVmRequest, ImportRequest, ImportTarget,
    SnapshotRequest,
};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::Remote;
use super::failure::{self, About};
use super::remote::vms;
use super::sidecar::Sidecar;
use crate::{Error, host};

/// Messages on their way.
const ON_THE_WAY: usize = 4;

/// A snapshot that another process keeps. Clones are the same; it is dropped with the last.
#[derive(Clone, Debug)]
pub(crate) struct RemoteSnapshot(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    sidecar: Arc<Sidecar>,
    id: String,
    inodes: u64,
    bytes: u64,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut vms = vms(&self.sidecar);
        let snapshot = std::mem::take(&mut self.id);
        host::spawn(async move {
            if let Err(error) = vms.drop_snapshot(DropSnapshotRequest { snapshot }).await {
                tracing::debug!(%error, "the snapshot's machine was gone already");
            }
        });
    }
}

impl RemoteSnapshot {
    pub(super) fn id(&self) -> &str {
        &self.0.id
    }

    /// Whether it is in a process that this sidecar supervises.
    pub(super) fn is_of(&self, sidecar: &Arc<Sidecar>) -> bool {
        Arc::ptr_eq(&self.0.sidecar, sidecar)
    }

    pub(crate) fn inodes(&self) -> u64 {
        self.0.inodes
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// Writes what differs from the files that ship; tells how many files that were.
    pub(crate) fn export(&self, writer: impl Write) -> Result<u64, Error> {
        let kept = Arc::clone(&self.0);
        let chunks = async move {
            let request = ExportRequest {
                snapshot: kept.id.clone(),
                ..ExportRequest::default()
            };
            let chunks = vms(&kept.sidecar).export(request).await;
            chunks.map_err(|status| failure::error(&status, About::Machine))
        };
        write_all(chunks, writer)
    }
}

/// What the reader of a stream is told.
type Piece = Result<ExportChunk, Error>;

async fn take_in(
    chunks: impl Future<Output = Result<tonic::Response<Streaming<ExportChunk>>, Error>>,
    pieces: &mpsc::Sender<Piece>,
) -> Result<(), Error> {
    let mut chunks = chunks.await?.into_inner();
    loop {
        let next = chunks.message().await;
        match next.map_err(|status| failure::error(&status, About::Machine))? {
            Some(chunk) => {
                if pieces.send(Ok(chunk)).await.is_err() {
                    // Nobody reads any more.
                    return Ok(());
                }
            }
            None => return Ok(()),
        }
    }
}

/// Writes a stream, on this thread.
fn write_all(
    chunks: impl Future<Output = Result<tonic::Response<Streaming<ExportChunk>>, Error>>
    + Send
    + 'static,
    mut writer: impl Write,
) -> Result<u64, Error> {
    let (sender, mut pieces) = mpsc::channel::<Piece>(ON_THE_WAY);
    host::host()?.handle().spawn(async move {
        if let Err(error) = take_in(chunks, &sender).await {
            // Who read may be gone.
            drop(sender.send(Err(error)).await);
        }
    });
    let broken = |cause: std::io::Error| Error::Archive {
        operation: "export",
        reason: cause.to_string(),
    };
    host::wait_here(|| {
        let mut entries = 0;
        while let Some(piece) = block_on(tokio::task::unconstrained(pieces.recv())) {
            let piece = piece?;
            entries = piece.entries;
            writer.write_all(&piece.data).map_err(broken)?;
        }
        writer.flush().map_err(broken)?;
        Ok(entries)
    })
}

/// Takes the next piece of a stream.
fn read_piece(reader: &mut impl Read) -> std::io::Result<Bytes> {
    let mut piece = vec![0; CHUNK];
    loop {
        match reader.read(&mut piece) {
            Ok(count) => {
                piece.truncate(count);
                return Ok(piece.into());
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Remote {
    /// Keeps the machine's files as they are now.
    pub(crate) fn snapshot(&self) -> Result<RemoteSnapshot, Error> {
        let (remote, mut vms) = (self.clone(), self.vms());
        let request = SnapshotRequest {
            vm: self.id().to_owned(),
        };
        host::wait(async move {
            let call = async move { vms.snapshot(request).await };
            let kept = remote.call(About::Machine, call).await?;
            Ok(RemoteSnapshot(Arc::new(Kept {
                sidecar: Arc::clone(remote.sidecar()),
                id: kept.snapshot,
                inodes: kept.inodes,
                bytes: kept.bytes,
            })))
        })
    }

    /// Makes a machine like this one with the files as they are now, in the same process.
    pub(crate) async fn fork(&self) -> Result<Self, Error> {
        let mut vms = self.vms();
        let request = ForkVmRequest {
            vm: self.id().to_owned(),
            id: String::new(),
        };
        let call = async move { vms.fork(request).await };
        let vm = self.call(About::Machine, call).await?;
        Self::new(Arc::clone(self.sidecar()), vm.id)
    }

    /// Writes a directory as a tar stream; tells how many files that were.
    pub(crate) fn export(&self, path: &[u8], writer: impl Write) -> Result<u64, Error> {
        let (remote, mut vms) = (self.clone(), self.vms());
        let request = ExportRequest {
            vm: self.id().to_owned(),
            path: Bytes::copy_from_slice(path),
            ..ExportRequest::default()
        };
        let chunks = async move {
            let call = async move { vms.export(request).await };
            let chunks = remote.call(About::Machine, call).await;
            chunks.map(tonic::Response::new)
        };
        write_all(chunks, writer)
    }

    /// Makes files of a tar stream; tells how many.
    pub(crate) fn import(&self, path: &[u8], mut reader: impl Read) -> Result<u64, Error> {
        let (sender, messages) = mpsc::channel(ON_THE_WAY);
        let (tell, told) = oneshot::channel();
        let (remote, mut vms) = (self.clone(), self.vms());
        let imported = host::host()?.handle().spawn(async move {
            let call = async move { vms.import(ReceiverStream::new(messages)).await };
            // Who asked waits below, unless the stream it reads broke.
            drop(tell.send(remote.call(About::Machine, call).await));
        });
        let target = ImportTarget {
            vm: self.id().to_owned(),
            path: Bytes::copy_from_slice(path),
            ..ImportTarget::default()
        };
        let send = |message| {
            let message = ImportRequest {
                message: Some(message),
            };
            block_on(tokio::task::unconstrained(sender.send(message))).is_ok()
        };
        let sent = host::wait_here(|| {
            // A call that has failed takes no more, and says why.
            let mut is_taken = send(Message::Target(target));
            while is_taken {
                let piece = read_piece(&mut reader)?;
                if piece.is_empty() {
                    break;
                }
                is_taken = send(Message::Data(piece));
            }
            Ok(())
        });
        if let Err(cause) = sent.map_err(|cause: std::io::Error| cause.to_string()) {
            // The machine must not take this for the end.
            imported.abort();
            return Err(Error::Archive {
                operation: "import",
                reason: cause,
            });
        }
        drop(sender);
        let imported = host::wait_here(|| block_on(tokio::task::unconstrained(told)));
        Ok(imported.map_err(|_| Error::Disposed)??.entries)
    }
}
