//! The network outside, as the kernel's [`outward`](cenote_net::outward) is given it: [`HostNetwork`].
//!
//! Host contact: the only sockets that are made for guests, here or by the broker of this process. The kernel has asked the policy before it
//! calls here, about the very address that is then connected.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_base::{SysResult, WaitQueue, Waiter};
use cenote_net::{Link, Network, Uplink};
use tokio::net::{TcpStream, UdpSocket};
use tokio::runtime::Handle;

use super::broker::{self, Came, Client};
use super::relay::relay;
use super::stream::Connection;

/// The largest datagram.
const MAX_DATAGRAM: usize = 65_535;

/// The host's network.
#[derive(Debug)]
pub(crate) struct HostNetwork(pub(crate) Handle);

impl Network for HostNetwork {
    fn connect(&self, to: SocketAddr, link: Link) {
        self.0.spawn(connect(to, link));
    }

    fn carry_datagrams(&self, uplink: Arc<Uplink>) {
        match broker::in_use() {
            Some(broker) => self.0.spawn(carry_by(broker, uplink)),
            None => self.0.spawn(carry(uplink)),
        };
    }
}

async fn connect(to: SocketAddr, link: Link) {
    let connected = tokio::select! {
        connected = open(to) => connected,
        () = until(link.wait_queue(), || link.is_abandoned()) => return,
    };
    let host = match connected {
        Ok(host) => host,
        Err(error) => {
            tracing::debug!(target: "cenote::net", %error, %to, "a connection out of the machine failed");
            link.failed(errno(&error));
            return;
        }
    };
    if let Err(error) = host.set_nodelay(true) {
        tracing::debug!(target: "cenote::net", %error, "a connection that is gone already");
    }
    if let Some(guest) = link.established().and_then(Connection::new) {
        relay(guest, host).await;
    }
}

/// Makes a connection, or has it made.
async fn open(to: SocketAddr) -> io::Result<TcpStream> {
    match broker::in_use() {
        Some(broker) => broker.connect(to).await,
        None => TcpStream::connect(to).await,
    }
}

/// What a host's error is to the guest.
fn errno(error: &io::Error) -> Errno {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Errno::ECONNREFUSED,
        io::ErrorKind::ConnectionReset => Errno::ECONNRESET,
        io::ErrorKind::ConnectionAborted => Errno::ECONNABORTED,
        io::ErrorKind::TimedOut => Errno::ETIMEDOUT,
        io::ErrorKind::HostUnreachable => Errno::EHOSTUNREACH,
        io::ErrorKind::AddrNotAvailable => Errno::EADDRNOTAVAIL,
        io::ErrorKind::PermissionDenied => Errno::EACCES,
        // No route, no such family, no descriptor left on the host: for the guest, there is no way.
        _ => Errno::ENETUNREACH,
    }
}

/// Waits on a queue of the kernel's until a condition holds.
pub(crate) async fn until(queue: &WaitQueue, holds: impl Fn() -> bool) {
    let waiter = Waiter::new();
    let _registration = queue.register(waiter.clone());
    while !holds() {
        waiter.woken().await;
    }
}

/// Waits on a queue of the kernel's until an attempt has an outcome other than `EAGAIN`.
pub(crate) async fn retry<T>(
    queue: &WaitQueue,
    mut attempt: impl FnMut() -> SysResult<T>,
) -> SysResult<T> {
    let waiter = Waiter::new();
    let _registration = queue.register(waiter.clone());
    loop {
        match attempt() {
            Err(error) if error.errno() == Errno::EAGAIN => waiter.woken().await,
            done => return done,
        }
    }
}

/// The host's sockets for the datagrams of one guest socket, one a family, made when first needed.
#[derive(Default)]
struct Pair {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
}

impl Pair {
    async fn socket_for(&mut self, to: SocketAddr) -> io::Result<&UdpSocket> {
        let (place, any): (_, SocketAddr) = match to {
            SocketAddr::V4(_) => (&mut self.v4, (Ipv4Addr::UNSPECIFIED, 0).into()),
            SocketAddr::V6(_) => (&mut self.v6, (Ipv6Addr::UNSPECIFIED, 0).into()),
        };
        match place {
            Some(socket) => Ok(socket),
            None => Ok(place.insert(UdpSocket::bind(any).await?)),
        }
    }
}

async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(buffer).await,
        None => std::future::pending().await,
    }
}

/// Carries datagrams both ways until the guest's socket is closed.
async fn carry(uplink: Arc<Uplink>) {
    let mut pair = Pair::default();
    let (mut v4, mut v6) = (vec![0; MAX_DATAGRAM], vec![0; MAX_DATAGRAM]);
    loop {
        let came = tokio::select! {
            next = retry(uplink.wait_queue(), || uplink.take()) => {
                let Ok((to, bytes)) = next else { return };
                let sent = match pair.socket_for(to).await {
                    Ok(socket) => socket.send_to(&bytes, to).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = sent {
                    tracing::debug!(target: "cenote::net", %error, %to, "a datagram that cannot leave");
                    uplink.undeliverable(to, errno(&error));
                }
                continue;
            }
            came = receive(pair.v4.as_ref(), &mut v4) => came.map(|(count, from)| (from, v4.get(..count))),
            came = receive(pair.v6.as_ref(), &mut v6) => came.map(|(count, from)| (from, v6.get(..count))),
        };
        match came {
            Ok((from, bytes)) => uplink.deliver(from, bytes.unwrap_or_default()),
            Err(error) => {
                tracing::debug!(target: "cenote::net", %error, "a datagram was answered by a refusal");
            }
        }
    }
}

/// Has the broker carry datagrams both ways until the guest's socket is closed.
async fn carry_by(broker: Arc<Client>, uplink: Arc<Uplink>) {
    let way = broker.datagrams().await;
    if let Err(error) = &way {
        tracing::debug!(target: "cenote::net", %error, "no way for datagrams");
    }
    let mut is_open = way.is_ok();
    loop {
        let came = async {
            match &way {
                Ok(way) if is_open => way.receive().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            next = retry(uplink.wait_queue(), || uplink.take()) => {
                let Ok((to, bytes)) = next else { return };
                let sent = match &way {
                    Ok(way) => way.send(to, &bytes).await,
                    Err(error) => Err(error.kind().into()),
                };
                if let Err(error) = sent {
                    uplink.undeliverable(to, errno(&error));
                }
            }
            came = came => match came {
                Ok(Came::Datagram(from, bytes)) => uplink.deliver(from, &bytes),
                Ok(Came::Undeliverable(to, error)) => uplink.undeliverable(to, errno(&error)),
                Err(error) => {
                    tracing::debug!(target: "cenote::net", %error, "the way for datagrams is closed");
                    is_open = false;
                }
            },
        }
    }
}
