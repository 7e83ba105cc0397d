//! What one end hears when the other is gone, was never there, or is many: resets, refusals, groups.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it is surprised"
)]

use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::socket::{
    AddressFamily, IP_ADD_MEMBERSHIP, IP_MULTICAST_LOOP, MessageFlags, PeerCredentials, SO_LINGER,
    SOL_IP, SOL_SOCKET, SocketAddress, SocketType,
};
use cenote_base::SysResult;
use cenote_base::limits::{Budget, Limits};
use cenote_net::{Name, Outgoing, Socket, Sockets};
use cenote_vfs::File;

const ROOT: PeerCredentials = PeerCredentials {
    pid: 2,
    uid: 0,
    gid: 0,
};
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 114);

fn machine() -> Arc<Sockets> {
    Sockets::new(Budget::new(Limits::default()))
}

fn socket(sockets: &Arc<Sockets>, kind: SocketType) -> Arc<Socket> {
    sockets.socket(AddressFamily::Inet, kind, 0).unwrap()
}

fn at(address: Ipv4Addr, port: u16) -> Name {
    Name::Inet(IpAddr::V4(address), port)
}

fn port_of(socket: &Socket) -> u16 {
    match socket.local_address() {
        SocketAddress::Inet { port, .. } => port,
        other => panic!("{other:?}"),
    }
}

fn send_to(socket: &Socket, bytes: &[u8], to: Option<Name>) -> SysResult<usize> {
    let message = Outgoing {
        bytes: &[IoSlice::new(bytes)],
        rights: Vec::new(),
        credentials: ROOT,
        flags: MessageFlags::empty(),
    };
    socket.send(message, to)
}

fn receive(socket: &Socket) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; 64];
    let received = socket
        .receive(&mut [IoSliceMut::new(&mut buffer)], MessageFlags::empty())
        .map_err(|error| error.errno())?;
    buffer.truncate(received.copied);
    Ok(buffer)
}

/// A client and the server's end of its connection.
fn connected(sockets: &Arc<Sockets>) -> (Arc<Socket>, Arc<Socket>) {
    let server = socket(sockets, SocketType::Stream);
    server.listen(1, ROOT).unwrap();
    let client = socket(sockets, SocketType::Stream);
    let port = port_of(&server);
    client.connect(at(Ipv4Addr::LOCALHOST, port), ROOT).unwrap();
    let accepted = server.accept().unwrap();
    (client, accepted)
}

#[test]
fn first_write_to_an_end_that_closed_is_sent_and_the_next_fails() {
    let (client, accepted) = connected(&machine());
    accepted.released();
    assert_eq!(receive(&client), Ok(Vec::new()));
    assert_eq!(send_to(&client, b"late", None).unwrap(), 4);
    let again = send_to(&client, b"later", None);
    assert_eq!(again.unwrap_err().errno(), Errno::EPIPE);
}

#[test]
fn write_after_a_reset_tells_of_it_once() {
    let (client, accepted) = connected(&machine());
    send_to(&client, b"never read", None).unwrap();
    accepted.released();
    let first = send_to(&client, b"x", None).unwrap_err().errno();
    let second = send_to(&client, b"x", None).unwrap_err().errno();
    assert_eq!((first, second), (Errno::ECONNRESET, Errno::EPIPE));
}

#[test]
fn lingering_for_no_time_resets() {
    let (client, accepted) = connected(&machine());
    send_to(&accepted, b"last words", None).unwrap();
    let linger = [1_i32.to_le_bytes(), 0_i32.to_le_bytes()].concat();
    accepted.set_option(SOL_SOCKET, SO_LINGER, &linger).unwrap();
    accepted.released();
    assert_eq!(receive(&client), Ok(b"last words".to_vec()));
    assert_eq!(receive(&client), Err(Errno::ECONNRESET));
    assert_eq!(receive(&client), Ok(Vec::new()));
}

#[test]
fn connected_udp_hears_of_a_refusal_afterwards_and_others_never() {
    let sockets = machine();
    let gone = socket(&sockets, SocketType::Datagram);
    gone.bind(at(Ipv4Addr::LOCALHOST, 0), false).unwrap();
    let port = port_of(&gone);
    gone.released();
    let sender = socket(&sockets, SocketType::Datagram);
    let nobody = at(Ipv4Addr::LOCALHOST, port);
    for _ in 0..2 {
        assert_eq!(send_to(&sender, b"x", Some(nobody)).unwrap(), 1);
    }
    sender.connect(nobody, ROOT).unwrap();
    assert_eq!(send_to(&sender, b"x", None).unwrap(), 1);
    assert_eq!(receive(&sender), Err(Errno::ECONNREFUSED));
    assert_eq!(receive(&sender), Err(Errno::EAGAIN));
}

#[test]
fn connected_udp_hears_its_peer_only() {
    let sockets = machine();
    let [one, other, stranger] = [(); 3].map(|()| {
        let socket = socket(&sockets, SocketType::Datagram);
        socket.bind(at(Ipv4Addr::LOCALHOST, 0), false).unwrap();
        socket
    });
    let to_one = at(Ipv4Addr::LOCALHOST, port_of(&one));
    one.connect(at(Ipv4Addr::LOCALHOST, port_of(&other)), ROOT)
        .unwrap();
    send_to(&stranger, b"psst", Some(to_one)).unwrap();
    send_to(&other, b"hello", Some(to_one)).unwrap();
    assert_eq!(receive(&one), Ok(b"hello".to_vec()));
    assert_eq!(receive(&one), Err(Errno::EAGAIN));
}

#[test]
fn members_of_a_group_get_a_copy_each() {
    let sockets = machine();
    let member = || {
        let socket = socket(&sockets, SocketType::Datagram);
        socket
            .set_option(
                SOL_SOCKET,
                cenote_abi::socket::SO_REUSEADDR,
                &1_i32.to_le_bytes(),
            )
            .unwrap();
        socket
            .bind(at(Ipv4Addr::UNSPECIFIED, 9_999), false)
            .unwrap();
        socket
    };
    let (one, other, outsider) = (member(), member(), member());
    for socket in [&one, &other] {
        let request = [GROUP.octets(), [0; 4]].concat();
        socket
            .set_option(SOL_IP, IP_ADD_MEMBERSHIP, &request)
            .unwrap();
    }
    let sender = socket(&sockets, SocketType::Datagram);
    send_to(&sender, b"all", Some(at(GROUP, 9_999))).unwrap();
    assert_eq!(receive(&one), Ok(b"all".to_vec()));
    assert_eq!(receive(&other), Ok(b"all".to_vec()));
    assert_eq!(receive(&outsider), Err(Errno::EAGAIN));
    sender
        .set_option(SOL_IP, IP_MULTICAST_LOOP, &0_i32.to_le_bytes())
        .unwrap();
    send_to(&sender, b"others", Some(at(GROUP, 9_999))).unwrap();
    assert_eq!(receive(&one), Err(Errno::EAGAIN));
}
