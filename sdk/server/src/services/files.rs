//! The service `Files`.

use std::sync::Arc;

use cenote::{MachineFile, NewAttributes, OpenHow, WatchKind, Watcher};
use cenote_proto::CHUNK;
use cenote_proto::v1::files_server::Files;
use cenote_proto::v1::write_file_request::Message;
use cenote_proto::v1::{
    DirectoryEntries, DirectoryEntry, ExistsReply, FileChunk, FileKind as WireKind, FileStat,
    MkdirReply, MkdirRequest, OpenFileReply, OpenFileRequest, PathRequest, ReadFileRequest,
    ReadLinkReply, RemoveReply, RemoveRequest, RenameReply, RenameRequest, SetAttributesReply,
    SetAttributesRequest, StatRequest, SymlinkReply, SymlinkRequest, WatchEvent,
    WatchKind as WireChange, WatchRequest, WriteFileReply, WriteFileRequest, WriteOpen,
};
use tonic::{Request, Response, Status, Streaming};

use super::open_file::{self, to_write};
use super::relay::Out;
use super::{Answers, answers};
use crate::failure::{option, unimplemented};
use crate::machines::{Machine, Machines};

/// Names in one message of a directory's listing.
const NAMES: usize = 1_000;

/// The service.
#[derive(Debug)]
pub(crate) struct Service(pub(crate) Arc<Machines>);

/// Permission bits asked for, or those of a new file.
fn mode(asked: u32, default: u32) -> u32 {
    if asked == 0 { default } else { asked }
}

/// Sends a file, or the part asked for.
async fn send_file(
    machine: Arc<Machine>,
    file: MachineFile,
    request: ReadFileRequest,
    out: Out<FileChunk>,
) {
    let mut at = request.offset;
    let mut left = request.length.unwrap_or(u64::MAX);
    let mut buffer = vec![0; CHUNK];
    while left > 0 {
        let want = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let Some(room) = buffer.get_mut(..want) else {
            return;
        };
        let read = match file.read_at(room, at) {
            // Files of no position are read on from where they are.
            Err(error) if error.errno().is_some_and(|errno| errno.name() == "ESPIPE") => {
                file.read_next(room)
            }
            read => read,
        };
        let answer = match read {
            Ok(0) => return,
            Ok(count) => {
                at = at.saturating_add(count as u64);
                left -= count as u64;
                let data = room.get(..count).unwrap_or_default();
                Ok(FileChunk {
                    data: data.to_vec().into(),
                })
            }
            Err(error) => Err(machine.failed(&error)),
        };
        let is_last = answer.is_err();
        if out.send(answer).await.is_err() || is_last {
            return;
        }
    }
}

/// Sends changes until the reader or the machine is gone.
async fn send_changes(mut watcher: Watcher, out: Out<WatchEvent>) {
    let ready = WatchEvent {
        kind: WireChange::Ready.into(),
        ..WatchEvent::default()
    };
    if out.send(Ok(ready)).await.is_err() {
        return;
    }
    loop {
        let next = tokio::select! {
            next = watcher.next() => next,
            () = out.closed() => return,
        };
        let Some(event) = next else { return };
        let kind = match event.kind {
            WatchKind::Renamed => WireChange::Rename,
            WatchKind::Changed => WireChange::Change,
            WatchKind::Overflow => WireChange::Overflow,
        };
        let told = WatchEvent {
            kind: kind.into(),
            path: event.path.into(),
        };
        if out.send(Ok(told)).await.is_err() {
            return;
        }
    }
}

async fn open_for_writing(machine: &Machine, open: &WriteOpen) -> Result<MachineFile, Status> {
    let failed = |error: cenote::Error| machine.failed(&error);
    if open.parents {
        machine.rt.make_parents(&open.path).await.map_err(failed)?;
    }
    let how = to_write(open.how());
    let file = machine
        .rt
        .open_file(&open.path, how, mode(open.mode, 0o644))
        .await
        .map_err(failed)?;
    if how == OpenHow::Update && open.offset > 0 {
        file.seek_to(open.offset).map_err(failed)?;
    }
    Ok(file)
}

#[tonic::async_trait]
impl Files for Service {
    type ReadStream = Answers<FileChunk>;
    type ReadDirStream = Answers<DirectoryEntries>;
    type OpenStream = Answers<OpenFileReply>;
    type WatchStream = Answers<WatchEvent>;

    async fn read(
        &self,
        request: Request<ReadFileRequest>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let request = request.into_inner();
        let file = machine
            .rt
            .open_file(&request.path, OpenHow::Read, 0)
            .await
            .map_err(|error| machine.failed(&error))?;
        let (sender, stream) = answers();
        tokio::spawn(send_file(machine, file, request, sender));
        Ok(Response::new(stream))
    }

    async fn write(
        &self,
        request: Request<Streaming<WriteFileRequest>>,
    ) -> Result<Response<WriteFileReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let mut input = request.into_inner();
        let first = input.message().await?.and_then(|first| first.message);
        let Some(Message::Open(open)) = first else {
            return Err(option("open", "the first message must open the file"));
        };
        let file = open_for_writing(&machine, &open).await?;
        let mut written = 0_u64;
        while let Some(next) = input.message().await? {
            match next.message {
                Some(Message::Data(data)) => {
                    file.write_all(&data)
                        .map_err(|error| machine.failed(&error))?;
                    written = written.saturating_add(data.len() as u64);
                }
                Some(Message::Open(_)) => return Err(option("open", "must come first, and once")),
                None => {}
            }
        }
        Ok(Response::new(WriteFileReply { written }))
    }

    async fn read_dir(
        &self,
        request: Request<PathRequest>,
    ) -> Result<Response<Self::ReadDirStream>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let entries = machine
            .rt
            .read_dir(&request.into_inner().path)
            .await
            .map_err(|error| machine.failed(&error))?;
        let (sender, stream) = answers();
        tokio::spawn(async move {
            for page in entries.chunks(NAMES) {
                let entries = page.iter().map(|entry| DirectoryEntry {
                    name: entry.name.clone().into(),
                    kind: WireKind::from(entry.kind).into(),
                });
                let page = DirectoryEntries {
                    entries: entries.collect(),
                };
                if sender.send(Ok(page)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(stream))
    }

    async fn open(
        &self,
        request: Request<Streaming<OpenFileRequest>>,
    ) -> Result<Response<Self::OpenStream>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let (sender, stream) = answers();
        tokio::spawn(open_file::run(machine, request.into_inner(), sender));
        Ok(Response::new(stream))
    }

    async fn stat(&self, request: Request<StatRequest>) -> Result<Response<FileStat>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let asked = request.into_inner();
        let attributes = machine
            .rt
            .attributes(&asked.path, !asked.no_follow)
            .await
            .map_err(|error| machine.failed(&error))?;
        Ok(Response::new((&attributes).into()))
    }

    async fn mkdir(&self, request: Request<MkdirRequest>) -> Result<Response<MkdirReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let asked = request.into_inner();
        let failed = |error: cenote::Error| machine.failed(&error);
        if asked.recursive {
            if asked.mode != 0 {
                return Err(unimplemented("a mode for directories made recursively"));
            }
            machine.rt.mkdir(&asked.path).await.map_err(failed)?;
        } else {
            let mode = mode(asked.mode, 0o755);
            let made = machine.rt.make_directory(&asked.path, mode).await;
            made.map_err(failed)?;
        }
        Ok(Response::new(MkdirReply {}))
    }

    async fn remove(
        &self,
        request: Request<RemoveRequest>,
    ) -> Result<Response<RemoveReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let asked = request.into_inner();
        let removed = if asked.recursive {
            machine.rt.remove(&asked.path).await
        } else {
            machine.rt.remove_one(&asked.path).await
        };
        match removed {
            Err(error)
                if asked.force && error.errno().is_some_and(|errno| errno.name() == "ENOENT") => {}
            removed => removed.map_err(|error| machine.failed(&error))?,
        }
        Ok(Response::new(RemoveReply {}))
    }

    async fn rename(
        &self,
        request: Request<RenameRequest>,
    ) -> Result<Response<RenameReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let asked = request.into_inner();
        let renamed = machine.rt.rename(&asked.from, &asked.to).await;
        renamed.map_err(|error| machine.failed(&error))?;
        Ok(Response::new(RenameReply {}))
    }

    async fn exists(&self, request: Request<PathRequest>) -> Result<Response<ExistsReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let exists = machine.rt.exists(&request.into_inner().path).await;
        let exists = exists.map_err(|error| machine.failed(&error))?;
        Ok(Response::new(ExistsReply { exists }))
    }

    async fn symlink(
        &self,
        request: Request<SymlinkRequest>,
    ) -> Result<Response<SymlinkReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let asked = request.into_inner();
        let made = machine.rt.symlink(&asked.target, &asked.path).await;
        made.map_err(|error| machine.failed(&error))?;
        Ok(Response::new(SymlinkReply {}))
    }

    async fn read_link(
        &self,
        request: Request<PathRequest>,
    ) -> Result<Response<ReadLinkReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let target = machine.rt.read_link(&request.into_inner().path).await;
        let target = target.map_err(|error| machine.failed(&error))?.into();
        Ok(Response::new(ReadLinkReply { target }))
    }

    async fn set_attributes(
        &self,
        request: Request<SetAttributesRequest>,
    ) -> Result<Response<SetAttributesReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let asked = request.into_inner();
        let new = NewAttributes::from(&asked);
        machine
            .rt
            .set_attributes(&asked.path, !asked.no_follow, new)
            .await
            .map_err(|error| machine.failed(&error))?;
        Ok(Response::new(SetAttributesReply {}))
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let asked = request.into_inner();
        let watcher = machine.rt.watch(&asked.path, asked.recursive);
        let watcher = watcher.map_err(|error| machine.failed(&error))?;
        // Watching must not keep the machine in being.
        drop(machine);
        let (sender, stream) = answers();
        tokio::spawn(send_changes(watcher, sender));
        Ok(Response::new(stream))
    }
}
