//! A stream to a server inside the machine: [`Connection`], a kernel socket as tokio's [`AsyncRead`] and [`AsyncWrite`].
//!
//! Lock order: the wakers' locks are leaves; wakers are called after they are released.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use cenote_abi::Errno;
use cenote_abi::poll::PollEvents;
use cenote_abi::socket::{
    AddressFamily, MessageFlags, PeerCredentials, SO_LINGER, SOL_SOCKET, ShutdownHow, SocketType,
};
use cenote_base::wait::{Observer, Registration};
use cenote_base::{SysError, SysResult, Waiter};
use cenote_net::{Name, Outgoing, Socket, Sockets};
use cenote_vfs::File;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the other end sees as ours: nobody of the machine.
const EMBEDDER: PeerCredentials = PeerCredentials {
    pid: 0,
    uid: 0,
    gid: 0,
};

/// A stream to a server inside the machine. Dropping it closes it.
///
/// What is sent waits in the machine's socket buffers: a server that does not read makes the writer wait.
#[derive(Debug)]
pub struct Connection {
    socket: Arc<Socket>,
    wakers: Arc<Wakers>,
    _registration: Registration,
}

/// Who waits on the socket: at most one reader, one writer, and one that waits for its end.
#[derive(Debug, Default)]
struct Wakers {
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
    watcher: Mutex<Option<Waker>>,
}

impl Observer for Wakers {
    fn notify(&self, events: PollEvents) {
        let ends = PollEvents::ALWAYS | PollEvents::POLLRDHUP;
        let wake = |place: &Mutex<Option<Waker>>, of: PollEvents| {
            if events.intersects(of) {
                let waker = place.lock().take();
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        };
        wake(&self.reader, PollEvents::READABLE | ends);
        wake(&self.writer, PollEvents::WRITABLE | ends);
        wake(&self.watcher, ends);
    }
}

impl Connection {
    /// An end of a kernel's connection.
    pub(crate) fn new(socket: Arc<Socket>) -> Option<Self> {
        let wakers = Arc::<Wakers>::default();
        let registration = socket
            .wait_queue()?
            .register(Arc::clone(&wakers) as Arc<dyn Observer>);
        Some(Self {
            socket,
            wakers,
            _registration: registration,
        })
    }

    /// Connects to whoever listens on a port of the machine, by IPv4 if both are there; waits while its backlog is full.
    pub(crate) async fn open(sockets: &Arc<Sockets>, port: u16) -> SysResult<Self> {
        let mut addresses = vec![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        // A server may have bound another address of the loopback range.
        addresses.extend(sockets.listeners().iter().filter_map(|one| match one.name {
            Name::Inet(address, own) if own == port => Some(address),
            _ => None,
        }));
        let mut refused = SysError::new(Errno::ECONNREFUSED);
        for address in addresses {
            match Self::open_at(sockets, address, port).await {
                Err(error) if error.errno() == Errno::ECONNREFUSED => refused = error,
                done => return done,
            }
        }
        Err(refused)
    }

    async fn open_at(sockets: &Arc<Sockets>, address: IpAddr, port: u16) -> SysResult<Self> {
        let family = match address {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        let socket = sockets.socket(family, SocketType::Stream, 0)?;
        let waiter = Waiter::new();
        let queue = socket.wait_queue().ok_or(Errno::EBADF)?;
        let _registration = queue.register(waiter.clone());
        loop {
            match socket.connect_inside(Name::Inet(address, port), EMBEDDER) {
                Ok(()) => break,
                Err(error) if error.errno() == Errno::EAGAIN => {
                    if sockets.is_shut_down() {
                        return Err(error);
                    }
                    waiter.woken().await;
                }
                Err(error) => return Err(error),
            }
        }
        Self::new(Arc::clone(&socket)).ok_or(Errno::EBADF.into())
    }

    /// Waits until nothing can be carried in either direction any more: the other end closed, or both ends said they are done.
    pub(crate) async fn gone(&self) {
        std::future::poll_fn(|cx| {
            ready_or_wait(&self.wakers.watcher, cx, || {
                self.socket
                    .poll()
                    .contains(PollEvents::POLLHUP)
                    .then_some(())
            })
        })
        .await;
    }

    /// Closes with a reset: the other end reads `ECONNRESET`.
    pub(crate) fn reset(self) {
        // struct linger: on, for no time at all. Such an option is always there.
        let linger = [1_i32.to_le_bytes(), 0_i32.to_le_bytes()].concat();
        if let Err(error) = self.socket.set_option(SOL_SOCKET, SO_LINGER, &linger) {
            tracing::debug!(target: "cenote::net", %error, "a reset becomes an end");
        }
    }

    fn try_receive(&self, buf: &mut [u8]) -> SysResult<usize> {
        self.socket
            .receive(&mut [IoSliceMut::new(buf)], MessageFlags::empty())
            .map(|received| received.copied)
    }

    /// Reads what is there, waiting until there is something; 0 at the end.
    pub(crate) async fn receive(&self, buf: &mut [u8]) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_receive(cx, buf)).await
    }

    /// Writes all of `bytes`, waiting for room.
    pub(crate) async fn send_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent =
                std::future::poll_fn(|cx| self.poll_send(cx, &[IoSlice::new(bytes)])).await?;
            bytes = bytes.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// Says that nothing more will be written; the other end reads the end.
    pub(crate) fn end(&self) -> io::Result<()> {
        match self.socket.shutdown(ShutdownHow::Write) {
            Err(error) if error.errno() != Errno::ENOTCONN => Err(into_io(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn poll_receive(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        ready_or_wait(&self.wakers.reader, cx, || {
            unless_again(self.try_receive(buf))
        })
        .map_err(into_io)
    }

    fn try_send(&self, bytes: &[IoSlice<'_>]) -> SysResult<usize> {
        let message = Outgoing {
            bytes,
            rights: Vec::new(),
            credentials: EMBEDDER,
            flags: MessageFlags::MSG_NOSIGNAL,
        };
        self.socket.send(message, None)
    }

    fn poll_send(&self, cx: &Context<'_>, bytes: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready_or_wait(&self.wakers.writer, cx, || {
            unless_again(self.try_send(bytes))
        })
        .map_err(into_io)
    }
}

/// Tries, leaves the waker, tries again: a wake-up may come in between.
fn ready_or_wait<T>(
    place: &Mutex<Option<Waker>>,
    cx: &Context<'_>,
    mut attempt: impl FnMut() -> Option<T>,
) -> Poll<T> {
    if let Some(done) = attempt() {
        return Poll::Ready(done);
    }
    *place.lock() = Some(cx.waker().clone());
    attempt().map_or(Poll::Pending, Poll::Ready)
}

fn unless_again<T>(outcome: SysResult<T>) -> Option<SysResult<T>> {
    match outcome {
        Err(error) if error.errno() == Errno::EAGAIN => None,
        done => Some(done),
    }
}

/// A kernel's error as the standard library names it.
pub(crate) fn into_io(error: SysError) -> io::Error {
    let kind = match error.errno() {
        Errno::ECONNREFUSED => io::ErrorKind::ConnectionRefused,
        Errno::ECONNRESET => io::ErrorKind::ConnectionReset,
        Errno::EPIPE => io::ErrorKind::BrokenPipe,
        Errno::ENOTCONN => io::ErrorKind::NotConnected,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let unfilled = buf.initialize_unfilled();
        if unfilled.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let count = std::task::ready!(self.poll_receive(cx, unfilled))?;
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.end())
    }
}
