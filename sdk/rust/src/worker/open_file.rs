//! An open file of a machine in another process: open as long as one call is, which carries questions and their answers in turn.
//!
//! Lock order: `RemoteFile::call` is held from a question to its answer, nothing else is taken under it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use cenote_abi::Errno;
use cenote_base::SysError;
use cenote_proto::v1::open_file::How;
use cenote_proto::v1::open_file_reply::Reply;
use cenote_proto::v1::open_file_request::Message;
use cenote_proto::v1::{
    OpenFile, OpenFileReply, OpenFileRequest, OpenToRead, ReadPiece, WriteMode,
};
use tokio::sync::{Mutex, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};

use super::Remote;
use super::failure::{About, of_errno};
use crate::{Error, OpenHow, host};

/// Bytes of one reading or writing.
const PIECE: usize = 1 << 20;

/// The file, as long as this or a clone is there.
#[derive(Clone)]
pub(crate) struct RemoteFile {
    remote: Remote,
    path: String,
    call: Arc<Mutex<Call>>,
}

struct Call {
    questions: mpsc::Sender<OpenFileRequest>,
    answers: Streaming<OpenFileReply>,
}

fn how(how: OpenHow) -> How {
    let mode = match how {
        OpenHow::Read => return How::Read(OpenToRead {}),
        OpenHow::Replace => WriteMode::Replace,
        OpenHow::Append => WriteMode::Append,
        OpenHow::CreateNew => WriteMode::CreateNew,
        OpenHow::Update => WriteMode::Update,
    };
    How::Write(mode.into())
}

fn nonsense() -> Status {
    Status::internal("an answer that fits no question about a file")
}

fn question(message: Message) -> OpenFileRequest {
    OpenFileRequest {
        message: Some(message),
    }
}

impl Call {
    async fn ask(&mut self, message: Message) -> Result<Reply, Status> {
        // Of a call that has ended the answers tell why.
        drop(self.questions.send(question(message)).await);
        let answer = self.answers.message().await?;
        answer.and_then(|answer| answer.reply).ok_or_else(nonsense)
    }
}

impl Remote {
    pub(crate) async fn open_file(
        &self,
        path: &[u8],
        opened: OpenHow,
        mode: u32,
    ) -> Result<RemoteFile, Error> {
        let mut files = self.files();
        let (questions, waiting) = mpsc::channel(1);
        let open = Message::Open(OpenFile {
            path: Bytes::copy_from_slice(path),
            mode,
            how: Some(how(opened)),
        });
        // There is room: nothing was sent yet.
        drop(questions.try_send(question(open)));
        let call = self.call(About::Machine, async move {
            let mut answers = files.open(ReceiverStream::new(waiting)).await?.into_inner();
            match answers.message().await?.and_then(|first| first.reply) {
                Some(Reply::Opened(_)) => Ok(Response::new(Call { questions, answers })),
                _ => Err(nonsense()),
            }
        });
        Ok(RemoteFile {
            remote: self.clone(),
            path: cenote_base::path::display(path),
            call: Arc::new(Mutex::new(call.await?)),
        })
    }

    /// Waits until the engines that were asked for are ready. A machine that is gone has none to wait for.
    pub(crate) async fn when_warm(&self) {
        let mut vms = self.vms();
        let request = cenote_proto::v1::WaitUntilWarmRequest {
            vm: self.id().to_owned(),
        };
        let call = async move { vms.wait_until_warm(request).await };
        if let Err(error) = self.call(About::Machine, call).await {
            tracing::debug!(%error, "no engines to wait for");
        }
    }
}

impl RemoteFile {
    fn failed(&self, operation: &'static str, errno: Errno) -> Error {
        Error::File {
            operation,
            path: self.path.clone(),
            cause: SysError::new(errno),
        }
    }

    fn ask(&self, message: Message) -> Result<Reply, Error> {
        let (remote, call) = (self.remote.clone(), Arc::clone(&self.call));
        let reply = host::wait(async move {
            remote.check()?;
            let mut call = call.lock().await;
            let reply = call.ask(message).await;
            drop(call);
            match reply {
                Ok(reply) => Ok(reply),
                Err(status) => Err(remote.error(&status, About::Machine).await),
            }
        })?;
        match reply {
            Reply::Failed(detail) => {
                let errno = Errno::from_name(&detail.code).unwrap_or(Errno::EIO);
                Err(of_errno(errno, &detail, About::Machine))
            }
            reply => Ok(reply),
        }
    }

    fn done(&self, operation: &'static str, message: Message) -> Result<(), Error> {
        match self.ask(message)? {
            Reply::Done(_) => Ok(()),
            _ => Err(self.failed(operation, Errno::EPROTO)),
        }
    }

    /// Reads at an offset, or on from where the last such reading ended; 0 at the end.
    pub(crate) fn read(&self, buf: &mut [u8], offset: Option<u64>) -> Result<usize, Error> {
        let wanted = buf.len().min(PIECE);
        let piece = ReadPiece {
            length: u32::try_from(wanted).unwrap_or(u32::MAX),
            offset,
        };
        match self.ask(Message::Read(piece))? {
            // More than was asked for is not taken.
            Reply::Data(bytes) if bytes.len() <= wanted => {
                if let Some(place) = buf.get_mut(..bytes.len()) {
                    place.copy_from_slice(&bytes);
                }
                Ok(bytes.len())
            }
            _ => Err(self.failed("read", Errno::EPROTO)),
        }
    }

    /// Writes all of `bytes` from where the last writing ended.
    pub(crate) fn write_all(&self, bytes: &[u8]) -> Result<(), Error> {
        bytes.chunks(PIECE).try_for_each(|piece| {
            let piece = Bytes::copy_from_slice(piece);
            self.done("write", Message::Write(piece))
        })
    }

    pub(crate) fn seek_to(&self, offset: u64) -> Result<(), Error> {
        self.done("seek", Message::Seek(offset))
    }
}

impl fmt::Debug for RemoteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteFile({})", self.path)
    }
}
