//! The way out of a machine: who decides, what a socket does meanwhile, what is bounded.
#![expect(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::poll::PollEvents;
use cenote_abi::socket::{
    AddressFamily, MessageFlags, PeerCredentials, SO_ERROR, SOL_SOCKET, ShutdownHow, SocketAddress,
    SocketType,
};
use cenote_base::SysResult;
use cenote_base::limits::{Budget, Limits, Resource};
use cenote_base::policy::{Policy, Request, Verdict};
use cenote_net::{Link, Name, Network, Outgoing, Outward, Socket, Sockets, Uplink};
use cenote_vfs::File;
use parking_lot::Mutex;

const ROOT: PeerCredentials = PeerCredentials {
    pid: 2,
    uid: 0,
    gid: 0,
};

const OUTSIDE: Name = Name::Inet(IpAddr::V4(Ipv4Addr::new(93, 184, 215, 14)), 80);

/// Keeps what it is asked for, for the test to answer.
#[derive(Debug, Default)]
struct Desk {
    links: Mutex<Vec<(SocketAddr, Link)>>,
    uplinks: Mutex<Vec<Arc<Uplink>>>,
}

impl Network for Desk {
    fn connect(&self, to: SocketAddr, link: Link) {
        self.links.lock().push((to, link));
    }

    fn carry_datagrams(&self, uplink: Arc<Uplink>) {
        self.uplinks.lock().push(uplink);
    }
}

/// Allows these addresses.
#[derive(Debug)]
struct Only(Vec<IpAddr>);

impl Policy for Only {
    fn decide(&self, request: &Request<'_>) -> Verdict {
        match request {
            Request::Connect { address, .. } if self.0.contains(&address.ip()) => Verdict::Allow,
            _ => Verdict::deny("not in the test's list"),
        }
    }
}

fn machine(allowed: &[IpAddr]) -> (Arc<Sockets>, Arc<Desk>, Arc<Budget>) {
    let budget = Budget::new(Limits {
        outward_connections: 2,
        ..Limits::default()
    });
    let desk = Arc::new(Desk::default());
    let outward = Outward::new(
        Arc::new(Only(allowed.to_vec())),
        Some(Arc::clone(&desk) as Arc<dyn Network>),
    );
    let sockets = Sockets::with_outward(Arc::clone(&budget), outward);
    (sockets, desk, budget)
}

fn tcp(sockets: &Arc<Sockets>) -> Arc<Socket> {
    sockets
        .socket(AddressFamily::Inet, SocketType::Stream, 0)
        .unwrap()
}

fn errno<T: std::fmt::Debug>(result: SysResult<T>) -> Errno {
    result.unwrap_err().errno()
}

fn send(socket: &Socket, bytes: &[u8], to: Option<Name>) -> SysResult<usize> {
    let message = Outgoing {
        bytes: &[IoSlice::new(bytes)],
        rights: Vec::new(),
        credentials: ROOT,
        flags: MessageFlags::empty(),
    };
    socket.send(message, to)
}

fn receive(socket: &Socket) -> SysResult<Vec<u8>> {
    let mut buffer = vec![0; 100];
    let received = socket.receive(&mut [IoSliceMut::new(&mut buffer)], MessageFlags::empty())?;
    buffer.truncate(received.copied);
    Ok(buffer)
}

#[expect(clippy::panic, reason = "a test says what it found")]
fn address_of(name: Name) -> IpAddr {
    match name {
        Name::Inet(address, _) => address,
        other => panic!("{other:?}"),
    }
}

#[test]
fn connection_takes_time_and_then_carries_bytes_both_ways() {
    let (sockets, desk, budget) = machine(&[address_of(OUTSIDE)]);
    let socket = tcp(&sockets);
    assert_eq!(errno(socket.connect(OUTSIDE, ROOT)), Errno::EINPROGRESS);
    assert_eq!(errno(socket.connect(OUTSIDE, ROOT)), Errno::EALREADY);
    assert_eq!(socket.poll(), PollEvents::empty());
    assert_eq!(errno(send(&socket, b"early", None)), Errno::EAGAIN);
    assert_eq!(errno(receive(&socket)), Errno::EAGAIN);
    assert_eq!(errno(socket.peer_address()), Errno::ENOTCONN);
    assert!(socket.connected().is_none());

    let (to, link) = desk.links.lock().pop().unwrap();
    assert_eq!(to.to_string(), "93.184.215.14:80");
    let far = link.established().unwrap();
    assert!(socket.poll().contains(PollEvents::WRITABLE));
    assert_eq!(
        socket.option(SOL_SOCKET, SO_ERROR).unwrap(),
        0_i32.to_le_bytes()
    );
    // Linux says so once, then EISCONN.
    socket.connect(OUTSIDE, ROOT).unwrap();
    assert_eq!(errno(socket.connect(OUTSIDE, ROOT)), Errno::EISCONN);
    assert_eq!(
        socket.peer_address().unwrap(),
        SocketAddress::Inet {
            address: Ipv4Addr::new(93, 184, 215, 14),
            port: 80
        }
    );
    assert!(
        matches!(socket.local_address(), SocketAddress::Inet { address, port } if address == cenote_net::outward::MACHINE_V4 && port != 0)
    );

    send(&socket, b"question", None).unwrap();
    assert_eq!(receive(&far).unwrap(), b"question");
    send(&far, b"answer", None).unwrap();
    far.shutdown(ShutdownHow::Write).unwrap();
    assert_eq!(receive(&socket).unwrap(), b"answer");
    assert_eq!(receive(&socket).unwrap(), b"");
    // Half closed: the guest may go on.
    send(&socket, b"more", None).unwrap();
    assert_eq!(receive(&far).unwrap(), b"more");
    assert_eq!(budget.used(Resource::OutwardConnections), 1);
    drop((socket, far));
    assert_eq!(budget.used(Resource::OutwardConnections), 0);
}

#[test]
fn guest_that_does_not_read_makes_the_outside_wait() {
    let (sockets, desk, _) = machine(&[address_of(OUTSIDE)]);
    let socket = tcp(&sockets);
    errno(socket.connect(OUTSIDE, ROOT));
    let far = desk.links.lock().pop().unwrap().1.established().unwrap();
    let mut sent = 0;
    let full = loop {
        match send(&far, &[0; 4_096], None) {
            Ok(count) => sent += count,
            Err(error) => break error.errno(),
        }
        assert!(sent < 4 << 20, "no bound");
    };
    assert_eq!(full, Errno::EAGAIN);
    assert!(!far.poll().contains(PollEvents::WRITABLE));
    while receive(&socket).is_ok() {}
    assert!(far.poll().contains(PollEvents::WRITABLE));
}

#[test]
fn failure_is_told_once_by_poll_and_by_the_error() {
    let (sockets, desk, budget) = machine(&[address_of(OUTSIDE)]);
    for told_by_connect in [false, true] {
        let socket = tcp(&sockets);
        errno(socket.connect(OUTSIDE, ROOT));
        desk.links
            .lock()
            .pop()
            .unwrap()
            .1
            .failed(Errno::ECONNREFUSED);
        assert!(socket.poll().contains(
            PollEvents::WRITABLE | PollEvents::READABLE | PollEvents::POLLERR | PollEvents::POLLHUP
        ));
        if told_by_connect {
            assert_eq!(errno(socket.connect(OUTSIDE, ROOT)), Errno::ECONNREFUSED);
        } else {
            assert_eq!(
                socket.option(SOL_SOCKET, SO_ERROR).unwrap(),
                Errno::ECONNREFUSED.raw().to_le_bytes()
            );
        }
        // Then it may be tried again.
        assert_eq!(errno(socket.connect(OUTSIDE, ROOT)), Errno::EINPROGRESS);
        drop(desk.links.lock().pop());
        assert_eq!(errno(socket.connected().unwrap()), Errno::ETIMEDOUT);
    }
    assert_eq!(budget.used(Resource::OutwardConnections), 0);
}

#[test]
fn closing_abandons_the_attempt() {
    let (sockets, desk, budget) = machine(&[address_of(OUTSIDE)]);
    let socket = tcp(&sockets);
    errno(socket.connect(OUTSIDE, ROOT));
    let (_, link) = desk.links.lock().pop().unwrap();
    assert!(!link.is_abandoned());
    socket.released();
    assert!(link.is_abandoned());
    assert!(link.established().is_none());
    assert_eq!(budget.used(Resource::OutwardConnections), 0);
}

#[test]
fn refusals_have_their_own_numbers() {
    let (sockets, desk, _) = machine(&[address_of(OUTSIDE)]);
    let other = Name::Inet(Ipv4Addr::new(93, 184, 215, 15).into(), 80);
    assert_eq!(errno(tcp(&sockets).connect(other, ROOT)), Errno::EACCES);
    // The limit.
    let both = [tcp(&sockets), tcp(&sockets)];
    for socket in &both {
        assert_eq!(errno(socket.connect(OUTSIDE, ROOT)), Errno::EINPROGRESS);
    }
    assert_eq!(errno(tcp(&sockets).connect(OUTSIDE, ROOT)), Errno::ENOBUFS);
    desk.links.lock().clear();
    assert_eq!(
        errno(tcp(&sockets).connect(OUTSIDE, ROOT)),
        Errno::EINPROGRESS
    );
    // From loopback no way leads out.
    let bound = tcp(&sockets);
    bound
        .bind(Name::Inet(Ipv4Addr::LOCALHOST.into(), 0), true)
        .unwrap();
    assert_eq!(errno(bound.connect(OUTSIDE, ROOT)), Errno::EINVAL);
    // No network at all.
    let closed = Sockets::new(Budget::new(Limits::default()));
    assert_eq!(
        errno(tcp(&closed).connect(OUTSIDE, ROOT)),
        Errno::ENETUNREACH
    );
}

/// Threat: an address in IPv6 clothes is another address to the policy than to the one who connects.
#[test]
fn mapped_address_is_decided_and_connected_as_what_it_is() {
    let (sockets, desk, _) = machine(&[address_of(OUTSIDE)]);
    let socket = sockets
        .socket(AddressFamily::Inet6, SocketType::Stream, 0)
        .unwrap();
    let mapped = Name::Inet(
        IpAddr::V6(Ipv4Addr::new(93, 184, 215, 14).to_ipv6_mapped()),
        443,
    );
    assert_eq!(errno(socket.connect(mapped, ROOT)), Errno::EINPROGRESS);
    assert_eq!(
        desk.links.lock().pop().unwrap().0,
        "93.184.215.14:443".parse().unwrap()
    );
    let hidden = Name::Inet(
        IpAddr::V6(Ipv4Addr::new(169, 254, 169, 254).to_ipv6_mapped()),
        80,
    );
    let socket = sockets
        .socket(AddressFamily::Inet6, SocketType::Stream, 0)
        .unwrap();
    assert_eq!(errno(socket.connect(hidden, ROOT)), Errno::EACCES);
}

#[test]
fn loopback_of_the_host_is_reached_only_if_granted_and_nobody_inside_listens() {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (sockets, desk, _) = machine(&[loopback]);
    let name = Name::Inet(loopback, 5_432);
    assert_eq!(errno(tcp(&sockets).connect(name, ROOT)), Errno::EINPROGRESS);
    desk.links.lock().clear();
    let v6 = sockets
        .socket(AddressFamily::Inet6, SocketType::Stream, 0)
        .unwrap();
    let name6 = Name::Inet(Ipv6Addr::LOCALHOST.into(), 5_432);
    assert_eq!(errno(v6.connect(name6, ROOT)), Errno::ECONNREFUSED);
    let server = tcp(&sockets);
    server.bind(name, true).unwrap();
    server.listen(1, ROOT).unwrap();
    tcp(&sockets).connect(name, ROOT).unwrap();
    assert!(desk.links.lock().is_empty());
    // The embedder's own connections never leave.
    let inside = Name::Inet(loopback, 5_433);
    assert_eq!(
        errno(tcp(&sockets).connect_inside(inside, ROOT)),
        Errno::ECONNREFUSED
    );
}

#[test]
fn datagrams_leave_and_only_answers_come_back() {
    let (sockets, desk, budget) = machine(&[address_of(OUTSIDE)]);
    let socket = sockets
        .socket(AddressFamily::Inet, SocketType::Datagram, 0)
        .unwrap();
    send(&socket, b"question", Some(OUTSIDE)).unwrap();
    let refused = Name::Inet(Ipv4Addr::new(10, 0, 0, 1).into(), 53);
    assert_eq!(errno(send(&socket, b"x", Some(refused))), Errno::EACCES);
    let uplink = desk.uplinks.lock().pop().unwrap();
    let (to, bytes) = uplink.take().unwrap();
    assert_eq!(
        (to.to_string(), bytes),
        ("93.184.215.14:80".into(), b"question".to_vec())
    );
    assert_eq!(errno(uplink.take()), Errno::EAGAIN);
    uplink.deliver("1.2.3.4:80".parse().unwrap(), b"unasked");
    uplink.deliver(to, b"answer");
    assert_eq!(receive(&socket).unwrap(), b"answer");
    assert_eq!(errno(receive(&socket)), Errno::EAGAIN);
    // What waits to leave is bounded.
    for _ in 0..10_000 {
        send(&socket, &[0; 1_000], Some(OUTSIDE)).unwrap();
    }
    let mut waiting = 0;
    while uplink.take().is_ok() {
        waiting += 1;
    }
    assert!(waiting <= 1_000, "{waiting}");
    socket.released();
    assert_eq!(errno(uplink.take()), Errno::EPIPE);
    drop((socket, uplink));
    assert_eq!(budget.used(Resource::OutwardConnections), 0);
}

#[test]
fn connected_datagram_socket_hears_that_nobody_is_there() {
    let (sockets, desk, _) = machine(&[address_of(OUTSIDE)]);
    let socket = sockets
        .socket(AddressFamily::Inet, SocketType::Datagram, 0)
        .unwrap();
    socket.connect(OUTSIDE, ROOT).unwrap();
    // Connecting alone sends nothing.
    assert!(desk.uplinks.lock().is_empty());
    send(&socket, b"anybody?", None).unwrap();
    let uplink = desk.uplinks.lock().pop().unwrap();
    let (to, _) = uplink.take().unwrap();
    uplink.undeliverable(to, Errno::ECONNREFUSED);
    assert_eq!(errno(receive(&socket)), Errno::ECONNREFUSED);
}
