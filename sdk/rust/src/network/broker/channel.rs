//! A `SOCK_SEQPACKET` socket between a process and its broker: whole messages, with descriptors: [`Channel`].

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram as StdUnixDatagram;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// One end. The library's type for datagrams, which asks of its socket only that messages are whole.
#[derive(Debug)]
pub(super) struct Channel(UnixDatagram);

impl Channel {
    /// An end in the hands of the runtime that this is called in.
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        let socket = StdUnixDatagram::from(socket);
        socket.set_nonblocking(true)?;
        UnixDatagram::from_std(socket).map(Self)
    }

    /// Two ends: one, and one to give away.
    pub(super) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = pair()?;
        Ok((Self::new(ours)?, theirs))
    }

    /// Sends a message if there is room for it.
    pub(super) fn try_send(&self, message: &[u8]) -> io::Result<()> {
        let send = || send(self.0.as_fd(), message, None);
        self.0.try_io(Interest::WRITABLE, send)
    }

    /// Sends a message, waiting for room.
    pub(super) async fn send(&self, message: &[u8], fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let send = || send(self.0.as_fd(), message, fd);
        self.0.async_io(Interest::WRITABLE, send).await
    }

    /// Waits for a message: how long it is, and the descriptor with it. One of no length is the end. What does not fit is cut.
    pub(super) async fn receive(&self, place: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
        let receive = || receive(self.0.as_fd(), place);
        self.0.async_io(Interest::READABLE, receive).await
    }

    /// As [`receive`](Self::receive), if there is one.
    pub(super) fn try_receive(&self, place: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
        let receive = || receive(self.0.as_fd(), place);
        self.0.try_io(Interest::READABLE, receive)
    }

    /// Waits until there may be a message.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }
}

/// Two connected sockets for a [`Broker`](super::Broker) and the process that asks it ([`use_broker`](super::use_broker)).
///
/// # Errors
/// Those of socketpair(2).
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

fn send(socket: BorrowedFd<'_>, message: &[u8], fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let Some(fd) = fd else {
        // Processes behind walls have this call alone.
        rustix::net::send(socket, message, SendFlags::NOSIGNAL)?;
        return Ok(());
    };
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [fd];
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let content = [IoSlice::new(message)];
    rustix::net::sendmsg(socket, &content, &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn receive(socket: BorrowedFd<'_>, place: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut content = [IoSliceMut::new(place)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(socket, &mut content, &mut control, flags)?;
    let fds = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    // Those after the first are closed.
    let fd = fds.flatten().next();
    Ok((received.bytes, fd))
}
