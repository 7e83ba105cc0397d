//! The end inside a process that makes no connection itself: [`Client`].

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::channel::Channel;
use super::wire::{self, Frame, MAX_ANSWER, MAX_FRAME, Question};
use crate::{Error, host};

/// The broker of this process, if it has one.
static BROKER: OnceLock<Arc<Client>> = OnceLock::new();

/// Has all machines of this process reach the network outside through the [`Broker`](super::Broker) at the other end of this socket. To be
/// called once, before the first machine is made.
///
/// # Errors
/// [`Error::Runtime`] for what is no socket, and when it was called before.
pub fn use_broker(socket: OwnedFd) -> Result<(), Error> {
    let failed = |reason: String| Error::Runtime {
        runtime: "broker",
        reason,
    };
    let handle = host::host()?.handle();
    let _entered = handle.enter();
    let client = Client::new(socket).map_err(|error| failed(error.to_string()))?;
    let set = BROKER.set(client);
    set.map_err(|_| failed("this process has a broker already".into()))
}

/// The broker of this process, if it was given one.
pub(crate) fn in_use() -> Option<Arc<Client>> {
    BROKER.get().cloned()
}

type Answer = io::Result<(Vec<u8>, Option<OwnedFd>)>;

#[derive(Debug, Default)]
struct State {
    last: u64,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    is_gone: bool,
}

/// Asks a broker.
#[derive(Debug)]
pub(crate) struct Client {
    channel: Channel,
    state: Mutex<State>,
}

/// A question under way. Dropped before its answer, it is forgotten by both sides.
struct Asked<'a> {
    client: &'a Client,
    id: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let waiting = self.client.state.lock().waiting.remove(&self.id);
        if waiting.is_some() {
            let forget = wire::question(self.id, &Question::Forget);
            if let Err(error) = self.client.channel.try_send(&forget) {
                // It comes to its end by itself.
                tracing::debug!(target: "cenote::net", %error, "a broker that was not told");
            }
        }
    }
}

impl Client {
    /// A client on the runtime that this is called in.
    pub(super) fn new(socket: OwnedFd) -> io::Result<Arc<Self>> {
        let client = Arc::new(Self {
            channel: Channel::new(socket)?,
            state: Mutex::default(),
        });
        tokio::spawn(listen(Arc::clone(&client)));
        Ok(client)
    }

    pub(super) async fn ask(&self, question: &Question) -> Answer {
        let (tell, told) = oneshot::channel();
        let asked = {
            let mut state = self.state.lock();
            if state.is_gone {
                return Err(io::ErrorKind::NetworkUnreachable.into());
            }
            state.last += 1;
            let id = state.last;
            state.waiting.insert(id, tell);
            Asked { client: self, id }
        };
        let message = wire::question(asked.id, question);
        self.channel.send(&message, None).await?;
        let gone = |_| Err(io::ErrorKind::NetworkUnreachable.into());
        told.await.unwrap_or_else(gone)
    }

    /// A connection to an address.
    ///
    /// # Errors
    /// Those of connect(2); `PermissionDenied` when the broker refuses.
    pub(crate) async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let (_, stream) = self.ask(&Question::Connect(to)).await?;
        let stream = stream.ok_or(io::ErrorKind::InvalidData)?;
        let stream = std::net::TcpStream::from(stream);
        stream.set_nonblocking(true)?;
        TcpStream::from_std(stream)
    }

    /// A way for the datagrams of one socket.
    pub(crate) async fn datagrams(&self) -> io::Result<Datagrams> {
        let (_, socket) = self.ask(&Question::Datagrams).await?;
        let socket = socket.ok_or(io::ErrorKind::InvalidData)?;
        Channel::new(socket).map(Datagrams)
    }

    /// The addresses of a name.
    pub(crate) async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let (found, _) = self.ask(&Question::Resolve(name.to_owned())).await?;
        Ok(wire::read_addresses(&found))
    }

    /// A DNS message with the records of a type that a name has.
    pub(crate) async fn records(&self, kind: u16, name: &str) -> io::Result<Vec<u8>> {
        let question = Question::Records(kind, name.to_owned());
        Ok(self.ask(&question).await?.0)
    }
}

/// Takes answers in until the broker is gone.
async fn listen(client: Arc<Client>) {
    let mut place = vec![0; MAX_ANSWER];
    while let Ok((count @ 1.., fd)) = client.channel.receive(&mut place).await {
        let bytes = place.get(..count).unwrap_or_default();
        let Some((id, errno, content)) = wire::read_answer(bytes) else {
            continue;
        };
        let waiting = client.state.lock().waiting.remove(&id);
        let answer = match errno {
            0 => Ok((content.to_vec(), fd)),
            errno => Err(io::Error::from_raw_os_error(errno)),
        };
        if let Some(waiting) = waiting {
            // Nobody may want it any more: it is closed, then.
            drop(waiting.send(answer));
        }
    }
    let mut state = client.state.lock();
    state.is_gone = true;
    let waiting = std::mem::take(&mut state.waiting);
    drop(state);
    drop(waiting);
}

/// A way for datagrams.
#[derive(Debug)]
pub(crate) struct Datagrams(Channel);

/// What came.
#[derive(Debug)]
pub(crate) enum Came {
    /// A datagram, by its sender.
    Datagram(SocketAddr, Vec<u8>),
    /// One to this address could not leave.
    Undeliverable(SocketAddr, io::Error),
}

impl Datagrams {
    /// Sends a datagram, waiting for room.
    pub(crate) async fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let frame = wire::frame(&Frame::Datagram(to, bytes));
        self.0.send(&frame, None).await
    }

    /// Waits for what comes.
    ///
    /// # Errors
    /// `UnexpectedEof` when the broker is gone.
    pub(crate) async fn receive(&self) -> io::Result<Came> {
        self.0.readable().await?;
        let mut place = vec![0; MAX_FRAME];
        let (count, _) = self.0.receive(&mut place).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match wire::read_frame(place.get(..count).unwrap_or_default()) {
            Some(Frame::Datagram(from, bytes)) => Ok(Came::Datagram(from, bytes.to_vec())),
            Some(Frame::Undeliverable(to, errno)) => {
                Ok(Came::Undeliverable(to, io::Error::from_raw_os_error(errno)))
            }
            None => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}
