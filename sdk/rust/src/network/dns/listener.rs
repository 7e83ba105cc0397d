//! The name service's sockets in the machine: [`NameService`]. UDP, and TCP for answers that do not fit.
//!
//! Questions are answered side by side, at most [`MAX_QUESTIONS`] at once; more over UDP are dropped, as a busy server drops them.

use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use std::time::Duration;

use cenote_abi::Errno;
use cenote_abi::socket::{AddressFamily, MessageFlags, PeerCredentials, SocketAddress, SocketType};
use cenote_base::policy::Policy;
use cenote_base::{SysError, SysResult};
use cenote_net::{Name, Outgoing, Received, Socket, Sockets};
use cenote_vfs::File;
use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::answer::Answering;
use super::{NAME_SERVER, Names};
use crate::Error;
use crate::network::outward::retry;
use crate::network::pins::Pins;
use crate::network::stream::Connection;

/// Questions answered at once.
const MAX_QUESTIONS: usize = 64;
/// The largest question.
const MAX_QUESTION: usize = 4_096;
/// The largest answer over UDP, whatever a question allows.
const MAX_ANSWER: u16 = 4_096;
/// How long a TCP connection may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);
const PORT: u16 = 53;

/// The embedder, as the machine's sockets see it.
const OWNER: PeerCredentials = PeerCredentials {
    pid: 0,
    uid: 0,
    gid: 0,
};

/// The name service of one machine.
#[derive(Clone, Debug)]
pub(crate) struct NameService {
    answering: Arc<Answering>,
    permits: Arc<Semaphore>,
}

impl NameService {
    pub(crate) fn new(names: Names, policy: Arc<dyn Policy>, pins: Arc<Pins>) -> Self {
        Self {
            answering: Arc::new(Answering::new(names, policy, pins)),
            permits: Arc::new(Semaphore::new(MAX_QUESTIONS)),
        }
    }

    /// Serves until the machine ends.
    ///
    /// # Errors
    /// [`Error::Runtime`] when its address cannot be had.
    pub(crate) fn serve(&self, sockets: &Arc<Sockets>, on: &Handle) -> Result<(), Error> {
        let open = |kind| -> SysResult<Arc<Socket>> {
            let socket = sockets.socket(AddressFamily::Inet, kind, 0)?;
            socket.bind(Name::Inet(NAME_SERVER.into(), PORT), true)?;
            if kind == SocketType::Stream {
                socket.listen(16, OWNER)?;
            }
            Ok(socket)
        };
        let failed = |error: SysError| Error::Runtime {
            runtime: "name service",
            reason: error.to_string(),
        };
        let datagrams = open(SocketType::Datagram).map_err(failed)?;
        let streams = open(SocketType::Stream).map_err(failed)?;
        on.spawn(self.clone().serve_datagrams(datagrams, Arc::clone(sockets)));
        on.spawn(self.clone().serve_streams(streams));
        Ok(())
    }

    async fn serve_datagrams(self, socket: Arc<Socket>, sockets: Arc<Sockets>) {
        let mut buffer = vec![0; MAX_QUESTION];
        let Some(queue) = socket.wait_queue() else {
            return;
        };
        loop {
            let came = retry(queue, || receive(&socket, &mut buffer)).await;
            // Closed with the machine, the socket reads as ended for ever.
            if sockets.is_shut_down() {
                return;
            }
            let Ok(came) = came else { continue };
            let (Some(to), Ok(permit)) = (
                sender(&came.from),
                Arc::clone(&self.permits).try_acquire_owned(),
            ) else {
                continue;
            };
            let question = buffer.get(..came.copied).unwrap_or_default().to_vec();
            let (answering, socket) = (Arc::clone(&self.answering), Arc::clone(&socket));
            tokio::spawn(async move {
                if let Some(answer) = answering.answer(&question).await {
                    tell(&socket, &question, &answer, to);
                }
                drop(permit);
            });
        }
    }

    async fn serve_streams(self, socket: Arc<Socket>) {
        let Some(queue) = socket.wait_queue() else {
            return;
        };
        // Anything but a connection is the end of the machine.
        while let Ok(accepted) = retry(queue, || socket.accept()).await {
            let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
                continue;
            };
            let Some(stream) = Connection::new(accepted) else {
                continue;
            };
            let answering = Arc::clone(&self.answering);
            tokio::spawn(async move {
                let served = tokio::time::timeout(PATIENCE, serve_stream(&answering, stream)).await;
                tracing::trace!(target: "cenote::net", ?served, "a question over TCP");
                drop(permit);
            });
        }
    }
}

/// One question over TCP, with its length before it.
async fn serve_stream(answering: &Answering, mut stream: Connection) -> std::io::Result<()> {
    let length = usize::from(stream.read_u16().await?);
    if length > MAX_QUESTION {
        return Ok(());
    }
    let mut question = vec![0; length];
    stream.read_exact(&mut question).await?;
    if let Some(answer) = answering.answer(&question).await
        && let Ok(bytes) = answer.to_vec()
        && let Ok(length) = u16::try_from(bytes.len())
    {
        stream.write_u16(length).await?;
        stream.write_all(&bytes).await?;
    }
    Ok(())
}

fn receive(socket: &Socket, buffer: &mut [u8]) -> SysResult<Received> {
    socket.receive(&mut [IoSliceMut::new(buffer)], MessageFlags::empty())
}

fn sender(from: &SocketAddress) -> Option<Name> {
    match *from {
        SocketAddress::Inet { address, port } => Some(Name::Inet(address.into(), port)),
        SocketAddress::Inet6 { address, port, .. } => Some(Name::Inet(address.into(), port)),
        _ => None,
    }
}

/// Sends an answer; one too large for the asker is cut, so that it asks again over TCP.
fn tell(socket: &Socket, question: &[u8], answer: &Message, to: Name) {
    let room = Message::from_vec(question)
        .map_or(512, |question| question.max_payload())
        .min(MAX_ANSWER);
    let whole = answer.to_vec();
    let bytes = match whole {
        Ok(bytes) if bytes.len() <= usize::from(room) => bytes,
        Ok(_) => match answer.truncate().to_vec() {
            Ok(bytes) => bytes,
            Err(_) => return,
        },
        Err(error) => {
            tracing::debug!(target: "cenote::net", %error, "an answer that cannot be written");
            return;
        }
    };
    let message = Outgoing {
        bytes: &[IoSlice::new(&bytes)],
        rights: Vec::new(),
        credentials: OWNER,
        flags: MessageFlags::MSG_NOSIGNAL,
    };
    match socket.send(message, Some(to)) {
        Err(error) if error.errno() != Errno::EAGAIN => {
            tracing::debug!(target: "cenote::net", %error, "an answer nobody waits for");
        }
        Ok(_) | Err(_) => {}
    }
}
