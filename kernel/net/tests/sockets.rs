//! Sockets without processes: connections, datagrams, names, closing, limits.
#![expect(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::poll::PollEvents;
use cenote_abi::socket::{
    AddressFamily, MessageFlags, PeerCredentials, ShutdownHow, SocketAddress, SocketType, UnixPath,
};
use cenote_base::SysResult;
use cenote_base::limits::{Budget, Limits, Resource};
use cenote_net::{Name, Outgoing, Received, Socket, Sockets};
use cenote_vfs::{File, OpenFile};

const ROOT: PeerCredentials = PeerCredentials {
    pid: 2,
    uid: 0,
    gid: 0,
};

fn machine() -> (Arc<Sockets>, Arc<Budget>) {
    let budget = Budget::new(Limits::default());
    (Sockets::new(Arc::clone(&budget)), budget)
}

fn message(
    bytes: &[IoSlice<'_>],
    rights: Vec<Arc<OpenFile>>,
    socket: &Socket,
    to: Option<Name>,
) -> SysResult<usize> {
    socket.send(
        Outgoing {
            bytes,
            rights,
            credentials: ROOT,
            flags: MessageFlags::empty(),
        },
        to,
    )
}

fn send(socket: &Socket, bytes: &[u8]) -> SysResult<usize> {
    message(&[IoSlice::new(bytes)], Vec::new(), socket, None)
}

fn receive(socket: &Socket, size: usize) -> SysResult<(Vec<u8>, Received)> {
    let mut buffer = vec![0; size];
    let received = socket.receive(&mut [IoSliceMut::new(&mut buffer)], MessageFlags::empty())?;
    buffer.truncate(received.copied);
    Ok((buffer, received))
}

fn errno<T: std::fmt::Debug>(result: SysResult<T>) -> Errno {
    result.unwrap_err().errno()
}

fn v4(port: u16) -> Name {
    Name::Inet(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn listener(sockets: &Arc<Sockets>, name: Name) -> Arc<Socket> {
    let family = if matches!(name, Name::Inet(IpAddr::V6(_), _)) {
        AddressFamily::Inet6
    } else {
        AddressFamily::Inet
    };
    let socket = sockets.socket(family, SocketType::Stream, 0).unwrap();
    socket.bind(name, true).unwrap();
    socket.listen(1, ROOT).unwrap();
    socket
}

#[test]
fn tcp_connection_carries_bytes_both_ways_and_ends() {
    let (sockets, _) = machine();
    let server = listener(&sockets, v4(8_080));
    let client = sockets
        .socket(AddressFamily::Inet, SocketType::Stream, 0)
        .unwrap();
    assert_eq!(errno(server.accept()), Errno::EAGAIN);
    client.connect(v4(8_080), ROOT).unwrap();
    assert_eq!(send(&client, b"early").unwrap(), 5);
    let accepted = server.accept().unwrap();
    assert_eq!(accepted.peer_address().unwrap(), client.local_address());
    assert_eq!(
        client.peer_address().unwrap(),
        SocketAddress::Inet {
            address: Ipv4Addr::LOCALHOST,
            port: 8_080
        }
    );
    assert_eq!(receive(&accepted, 3).unwrap().0, b"ear");
    assert_eq!(receive(&accepted, 9).unwrap().0, b"ly");
    assert_eq!(errno(receive(&accepted, 9)), Errno::EAGAIN);
    send(&accepted, b"answer").unwrap();
    client.shutdown(ShutdownHow::Write).unwrap();
    assert_eq!(receive(&accepted, 9).unwrap().0, b"");
    assert_eq!(errno(send(&client, b"late")), Errno::EPIPE);
    assert_eq!(receive(&client, 9).unwrap().0, b"answer");
    accepted.released();
    assert_eq!(receive(&client, 9).unwrap().0, b"");
    assert!(
        client
            .poll()
            .contains(PollEvents::POLLHUP | PollEvents::POLLRDHUP)
    );
}

#[test]
fn connect_is_refused_where_nobody_listens_and_outside() {
    let (sockets, _) = machine();
    let client = sockets
        .socket(AddressFamily::Inet, SocketType::Stream, 0)
        .unwrap();
    assert_eq!(errno(client.connect(v4(1), ROOT)), Errno::ECONNREFUSED);
    let outside = Name::Inet(IpAddr::V4(Ipv4Addr::new(93, 184, 216, 34)), 80);
    assert_eq!(errno(client.connect(outside, ROOT)), Errno::ENETUNREACH);
    assert_eq!(errno(client.bind(outside, true)), Errno::EADDRNOTAVAIL);
    assert_eq!(errno(client.bind(v4(80), false)), Errno::EACCES);
}

#[test]
fn wildcard_of_v6_takes_v4_and_conflicts_with_it() {
    let (sockets, _) = machine();
    let server = listener(
        &sockets,
        Name::Inet(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 9_000),
    );
    let client = sockets
        .socket(AddressFamily::Inet, SocketType::Stream, 0)
        .unwrap();
    client.connect(v4(9_000), ROOT).unwrap();
    assert!(matches!(
        server.accept().unwrap().peer_address().unwrap(),
        SocketAddress::Inet6 { address, .. } if address.to_ipv4_mapped() == Some(Ipv4Addr::LOCALHOST)
    ));
    let second = sockets
        .socket(AddressFamily::Inet, SocketType::Stream, 0)
        .unwrap();
    assert_eq!(errno(second.bind(v4(9_000), true)), Errno::EADDRINUSE);
    server.released();
    second.bind(v4(9_000), true).unwrap();
}

#[test]
fn full_backlog_makes_a_connector_wait_until_someone_accepts() {
    let (sockets, _) = machine();
    let server = listener(&sockets, v4(7_000));
    let client = || {
        sockets
            .socket(AddressFamily::Inet, SocketType::Stream, 0)
            .unwrap()
    };
    let (one, two, three) = (client(), client(), client());
    one.connect(v4(7_000), ROOT).unwrap();
    two.connect(v4(7_000), ROOT).unwrap();
    assert_eq!(errno(three.connect(v4(7_000), ROOT)), Errno::EAGAIN);
    server.accept().unwrap();
    three.connect(v4(7_000), ROOT).unwrap();
}

#[test]
fn closing_with_unread_bytes_resets_the_other_end() {
    let (sockets, _) = machine();
    let (one, other) = sockets
        .pair(AddressFamily::Unix, SocketType::Stream, 0, ROOT)
        .unwrap();
    send(&one, b"unread").unwrap();
    other.released();
    assert_eq!(errno(receive(&one, 9)), Errno::ECONNRESET);
    assert_eq!(receive(&one, 9).unwrap().0, b"");
    assert_eq!(errno(send(&one, b"x")), Errno::EPIPE);
}

#[test]
fn packets_keep_their_bounds_and_say_when_they_are_cut() {
    let (sockets, _) = machine();
    for kind in [SocketType::SeqPacket, SocketType::Datagram] {
        let (one, other) = sockets.pair(AddressFamily::Unix, kind, 0, ROOT).unwrap();
        send(&one, b"first").unwrap();
        send(&one, b"second").unwrap();
        let (bytes, received) = receive(&other, 3).unwrap();
        assert_eq!((bytes.as_slice(), received.length), (&b"fir"[..], 5));
        assert!(received.flags.contains(MessageFlags::MSG_TRUNC));
        assert_eq!(receive(&other, 9).unwrap().0, b"second");
    }
}

#[test]
fn descriptors_travel_with_the_first_byte_of_their_message() {
    let (sockets, _) = machine();
    let (one, other) = sockets
        .pair(AddressFamily::Unix, SocketType::Stream, 0, ROOT)
        .unwrap();
    let (passed, _kept) = sockets
        .pair(AddressFamily::Unix, SocketType::Stream, 0, ROOT)
        .unwrap();
    let file = OpenFile::new(passed, cenote_abi::fs::OpenFlags::O_RDWR);
    send(&one, b"plain").unwrap();
    message(&[IoSlice::new(b"with")], vec![file], &one, None).unwrap();
    let (bytes, received) = receive(&other, 99).unwrap();
    assert_eq!(
        (bytes.as_slice(), received.rights.len()),
        (&b"plain"[..], 0)
    );
    let (bytes, received) = receive(&other, 1).unwrap();
    assert_eq!((bytes.as_slice(), received.rights.len()), (&b"w"[..], 1));
    assert_eq!(receive(&other, 99).unwrap().1.rights.len(), 0);
}

#[test]
fn machine_that_ends_lets_go_of_sockets_sent_to_each_other() {
    let (sockets, budget) = machine();
    let (one, other) = sockets
        .pair(AddressFamily::Unix, SocketType::Stream, 0, ROOT)
        .unwrap();
    let own = OpenFile::new(Arc::clone(&other) as _, cenote_abi::fs::OpenFlags::O_RDWR);
    message(&[IoSlice::new(b"x")], vec![own], &one, None).unwrap();
    drop((one, other));
    sockets.shut_down();
    assert_eq!(budget.used(Resource::Sockets), 0);
}

#[test]
fn udp_finds_its_receiver_and_says_where_from() {
    let (sockets, _) = machine();
    let receiver = sockets
        .socket(AddressFamily::Inet, SocketType::Datagram, 0)
        .unwrap();
    receiver.bind(v4(0), false).unwrap();
    let SocketAddress::Inet { port, .. } = receiver.local_address() else {
        panic!("not inet")
    };
    let sender = sockets
        .socket(AddressFamily::Inet, SocketType::Datagram, 0)
        .unwrap();
    assert_eq!(errno(send(&sender, b"nowhere")), Errno::EDESTADDRREQ);
    assert_eq!(
        message(&[IoSlice::new(b"hi")], Vec::new(), &sender, Some(v4(port))).unwrap(),
        2
    );
    let (bytes, received) = receive(&receiver, 9).unwrap();
    assert_eq!(bytes, b"hi");
    assert!(
        matches!(received.from, SocketAddress::Inet { address: Ipv4Addr::LOCALHOST, port } if port != 0)
    );
}

#[test]
fn abstract_names_are_freed_with_their_socket() {
    let (sockets, _) = machine();
    let name = Name::Abstract(UnixPath::new(b"name").unwrap());
    let server = sockets
        .socket(AddressFamily::Unix, SocketType::Stream, 0)
        .unwrap();
    server.bind(name, false).unwrap();
    let second = sockets
        .socket(AddressFamily::Unix, SocketType::Stream, 0)
        .unwrap();
    assert_eq!(errno(second.bind(name, false)), Errno::EADDRINUSE);
    server.released();
    second.bind(name, false).unwrap();
}

#[test]
fn socket_beyond_the_limit_is_refused() {
    let budget = Budget::new(Limits {
        sockets: 1,
        ..Limits::default()
    });
    let sockets = Sockets::new(budget);
    let _one = sockets
        .socket(AddressFamily::Unix, SocketType::Stream, 0)
        .unwrap();
    assert_eq!(
        errno(sockets.socket(AddressFamily::Unix, SocketType::Stream, 0)),
        Errno::ENFILE
    );
}

/// Counts how often it is told that there is room.
#[derive(Default)]
struct Told(std::sync::atomic::AtomicUsize);

impl cenote_base::wait::Observer for Told {
    fn notify(&self, events: PollEvents) {
        if events.intersects(PollEvents::WRITABLE) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

#[test]
fn reading_wakes_the_writer_only_if_it_found_no_room() {
    let (sockets, _) = machine();
    let (one, other) = sockets
        .pair(AddressFamily::Unix, SocketType::Stream, 0, ROOT)
        .unwrap();
    let told = Arc::<Told>::default();
    let _registration = one
        .wait_queue()
        .unwrap()
        .register(Arc::clone(&told) as Arc<dyn cenote_base::wait::Observer>);
    let count = || told.0.load(std::sync::atomic::Ordering::Relaxed);
    send(&one, b"some").unwrap();
    receive(&other, 10).unwrap();
    assert_eq!(count(), 0);
    // By sending.
    while send(&one, &[0; 10_000]).is_ok() {}
    receive(&other, 10_000).unwrap();
    receive(&other, 10_000).unwrap();
    assert_eq!(count(), 1);
    // By polling.
    while send(&one, &[0; 1]).is_ok_and(|_| one.poll().contains(PollEvents::WRITABLE)) {
        if send(&one, &[0; 10_000]).is_err() {
            break;
        }
    }
    assert!(!one.poll().contains(PollEvents::WRITABLE));
    receive(&other, 1).unwrap();
    assert_eq!(count(), 2);
    assert!(one.poll().contains(PollEvents::WRITABLE));
}
