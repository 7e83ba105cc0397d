//! A file that is open as long as a call: `Files.Open`.

use std::sync::Arc;

use cenote::{MachineFile, OpenHow};
use cenote_proto::detail_of;
use cenote_proto::v1::open_file::How;
use cenote_proto::v1::open_file_reply::Reply;
use cenote_proto::v1::open_file_request::Message;
use cenote_proto::v1::{FileDone, OpenFile, OpenFileReply, OpenFileRequest, ReadPiece, WriteMode};
use tonic::{Status, Streaming};

use super::relay::{Out, serve_call};
use crate::failure::option;
use crate::machines::Machine;

/// Bytes of one reading or writing.
const PIECE: usize = 1 << 20;

/// How a file is opened to be written.
pub(super) fn to_write(mode: WriteMode) -> OpenHow {
    match mode {
        WriteMode::Unspecified | WriteMode::Replace => OpenHow::Replace,
        WriteMode::Append => OpenHow::Append,
        WriteMode::CreateNew => OpenHow::CreateNew,
        WriteMode::Update => OpenHow::Update,
    }
}

/// Serves one call to its end.
pub(super) async fn run(
    machine: Arc<Machine>,
    mut input: Streaming<OpenFileRequest>,
    out: Out<OpenFileReply>,
) {
    serve_call(&out, converse(&machine, &mut input, &out)).await;
}

async fn converse(
    machine: &Machine,
    input: &mut Streaming<OpenFileRequest>,
    out: &Out<OpenFileReply>,
) -> Result<(), Status> {
    let first = input.message().await?.and_then(|first| first.message);
    let Some(Message::Open(open)) = first else {
        return Err(option("open", "the first message must open the file"));
    };
    let file = opened(machine, &open).await?;
    let mut reply = Reply::Opened(FileDone {});
    loop {
        let told = OpenFileReply { reply: Some(reply) };
        if out.send(Ok(told)).await.is_err() {
            return Ok(());
        }
        let Some(next) = input.message().await? else {
            return Ok(());
        };
        let message = next.message;
        let message = message.ok_or_else(|| option("message", "an empty question"))?;
        reply = match answer(&file, message) {
            Ok(reply) => reply,
            Err(Refused::Call(status)) => return Err(status),
            Err(Refused::File(error)) => {
                machine.check_live()?;
                let detail = detail_of(&machine.failed(&error));
                Reply::Failed(detail.unwrap_or_default())
            }
        };
    }
}

async fn opened(machine: &Machine, open: &OpenFile) -> Result<MachineFile, Status> {
    let how = match open.how {
        None | Some(How::Read(_)) => OpenHow::Read,
        Some(How::Write(mode)) => {
            let mode = WriteMode::try_from(mode);
            to_write(mode.map_err(|error| option("how", error))?)
        }
    };
    let opened = machine.rt.open_file(&open.path, how, open.mode).await;
    opened.map_err(|error| machine.failed(&error))
}

/// Why there is no answer.
enum Refused {
    /// The question makes no sense: the call ends.
    Call(Status),
    /// The file's own no.
    File(cenote::Error),
}

impl From<cenote::Error> for Refused {
    fn from(error: cenote::Error) -> Self {
        Self::File(error)
    }
}

fn answer(file: &MachineFile, message: Message) -> Result<Reply, Refused> {
    match message {
        Message::Read(piece) => read(file, piece),
        Message::Write(bytes) if bytes.len() <= PIECE => {
            file.write_all(&bytes)?;
            Ok(Reply::Done(FileDone {}))
        }
        Message::Seek(offset) => {
            file.seek_to(offset)?;
            Ok(Reply::Done(FileDone {}))
        }
        Message::Write(_) => Err(Refused::Call(option("write", "more than 1 MiB"))),
        Message::Open(_) => Err(Refused::Call(option("open", "must come first, and once"))),
    }
}

fn read(file: &MachineFile, piece: ReadPiece) -> Result<Reply, Refused> {
    let length = usize::try_from(piece.length).unwrap_or(PIECE).min(PIECE);
    let mut bytes = vec![0; length];
    let count = match piece.offset {
        Some(offset) => file.read_at(&mut bytes, offset)?,
        None => file.read_next(&mut bytes)?,
    };
    bytes.truncate(count);
    Ok(Reply::Data(bytes.into()))
}
