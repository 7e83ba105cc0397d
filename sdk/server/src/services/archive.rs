//! Files of machines as tar streams, out of and into the calls `Vms.Export` and `Vms.Import`.
//!
//! Writing and reading tar blocks, so it has a thread of its own for each call. Between it and the wire lies a short queue: who is slow on
//! either side makes the other wait.

use std::io::{self, Read, Write};
use std::sync::Arc;

use cenote::Snapshot;
use cenote_proto::CHUNK;
use cenote_proto::v1::import_request::Message;
use cenote_proto::v1::{ExportChunk, ExportRequest, ImportReply, ImportRequest, ImportTarget};
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::relay::Out;
use super::{Answers, answers};
use crate::failure::{of_error, option};
use crate::machines::{Machine, Machines};
use crate::options;

/// Sends what is written as messages.
struct Chunks {
    out: Out<ExportChunk>,
    pending: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK - self.pending.len();
        let piece = bytes.get(..room).unwrap_or(bytes);
        self.pending.extend_from_slice(piece);
        if self.pending.len() == CHUNK {
            self.send(0)?;
        }
        Ok(piece.len())
    }

    /// The rest goes with the count of files.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Chunks {
    fn send(&mut self, entries: u64) -> io::Result<()> {
        let data = std::mem::take(&mut self.pending).into();
        let sent = self.out.blocking_send(Ok(ExportChunk { data, entries }));
        // Whoever read is gone.
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

pub(super) fn export(
    machines: &Machines,
    request: ExportRequest,
) -> Result<Answers<ExportChunk>, Status> {
    let snapshot = match request.snapshot.as_str() {
        "" => None,
        snapshot => Some(machines.snapshot(snapshot)?),
    };
    let machine = match &snapshot {
        Some(_) => None,
        None => Some(machines.get(&request.vm)?),
    };
    if (request.changes || snapshot.is_some()) && !request.path.is_empty() {
        return Err(option("path", "changes are told from the top only"));
    }
    let (out, stream) = answers();
    tokio::task::spawn_blocking(move || {
        let mut chunks = Chunks {
            out: out.clone(),
            pending: Vec::new(),
        };
        let exported = match (&machine, &snapshot) {
            (_, Some(snapshot)) => snapshot.export(&mut chunks),
            (Some(machine), None) if request.changes => machine
                .rt
                .snapshot()
                .and_then(|snapshot| snapshot.export(&mut chunks)),
            (Some(machine), None) if request.path.is_empty() => machine.rt.export("/", &mut chunks),
            (Some(machine), None) => machine.rt.export(&request.path, &mut chunks),
            (None, None) => Ok(0),
        };
        // Whoever would hear it may be gone: that is what ended it, then.
        let _heard = match exported {
            Ok(entries) => chunks.send(entries).is_ok(),
            Err(error) => {
                let status = match &machine {
                    Some(machine) => machine.failed(&error),
                    None => of_error(&request.vm, &error),
                };
                out.blocking_send(Err(status)).is_ok()
            }
        };
    });
    Ok(stream)
}

/// Reads what arrives in messages.
struct Arriving {
    input: mpsc::Receiver<Result<Bytes, Status>>,
    piece: Bytes,
    /// Why the stream broke off.
    broken: Option<Status>,
}

impl Read for &mut Arriving {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.input.blocking_recv() {
                None => return Ok(0),
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(status)) => {
                    self.broken = Some(status);
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
        }
        let piece = self.piece.split_to(self.piece.len().min(buf.len()));
        let (filled, _) = buf.split_at_mut(piece.len());
        filled.copy_from_slice(&piece);
        Ok(piece.len())
    }
}

/// Unpacks what comes: into the machine, or as a snapshot of its own beside it.
fn unpack(
    machine: &Machine,
    target: &ImportTarget,
    arriving: &mut Arriving,
) -> Result<ImportReply, Status> {
    let failed = |error: cenote::Error| machine.failed(&error);
    if !target.as_snapshot {
        let path: &[u8] = if target.path.is_empty() {
            b"/"
        } else {
            &target.path
        };
        let entries = machine.rt.import(path, arriving).map_err(failed)?;
        return Ok(ImportReply {
            entries,
            ..ImportReply::default()
        });
    }
    let limits = machine.request.lock().limits;
    let limits = options::machine_limits(&limits.unwrap_or_default());
    let snapshot = Snapshot::import_within(arriving, limits).map_err(failed)?;
    let number = machine.snapshots.add(snapshot)?;
    Ok(ImportReply {
        snapshot: format!("{}@{number}", machine.id),
        ..ImportReply::default()
    })
}

pub(super) async fn import(
    machines: &Arc<Machines>,
    mut input: Streaming<ImportRequest>,
) -> Result<ImportReply, Status> {
    let first = input.message().await?.and_then(|first| first.message);
    let Some(Message::Target(target)) = first else {
        return Err(option("target", "the first message must name the machine"));
    };
    if target.as_snapshot && !target.path.is_empty() {
        return Err(option("path", "a snapshot is of all files"));
    }
    let machine = machines.get(&target.vm)?;
    let (sender, receiver) = mpsc::channel(2);
    let unpacking = tokio::task::spawn_blocking(move || {
        let mut arriving = Arriving {
            input: receiver,
            piece: Bytes::new(),
            broken: None,
        };
        let imported = unpack(&machine, &target, &mut arriving);
        arriving.broken.map_or(imported, Err)
    });
    loop {
        let piece = match input.message().await {
            Ok(None) => break,
            Ok(Some(ImportRequest {
                message: Some(Message::Data(data)),
            })) => Ok(data),
            Ok(Some(ImportRequest { message: None })) => continue,
            Ok(Some(_)) => Err(option("target", "must come first, and once")),
            Err(status) => Err(status),
        };
        let is_last = piece.is_err();
        // An end of the tar before that of the stream is no failure.
        if sender.send(piece).await.is_err() || is_last {
            break;
        }
    }
    drop(sender);
    match unpacking.await {
        Ok(imported) => imported,
        Err(error) => Err(Status::internal(error.to_string())),
    }
}
