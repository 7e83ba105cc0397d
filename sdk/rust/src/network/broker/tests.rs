//! Both ends in one process.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::channel::Channel;
use super::client::Came;
use super::wire::{self, MAX_ANSWER, Question};
use super::*;
use crate::NetworkRule;

/// A broker with these rules, and the other end of its socket.
fn broker(rules: &[NetworkRule], asks: bool) -> OwnedFd {
    let broker = Arc::<Broker>::default();
    broker.grant(rules, asks).unwrap();
    let (ours, theirs) = rustix::net::socketpair(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::SEQPACKET,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )
    .unwrap();
    tokio::spawn(broker.serve(ours));
    theirs
}

fn client(rules: &[NetworkRule], asks: bool) -> Arc<Client> {
    Client::new(broker(rules, asks)).unwrap()
}

async fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut reader, mut writer) = stream.split();
            tokio::io::copy(&mut reader, &mut writer).await.ok();
        }
    });
    address
}

fn allow(address: SocketAddr) -> NetworkRule {
    NetworkRule::allow(&address.to_string())
}

#[tokio::test]
async fn allowed_connection_is_handed_over_and_another_is_refused_whatever_asks() {
    let (address, other) = (echo().await, echo().await);
    let client = client(&[allow(address)], false);
    let mut stream = client.connect(address).await.unwrap();
    stream.write_all(b"through").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut back = String::new();
    stream.read_to_string(&mut back).await.unwrap();
    assert_eq!(back, "through");
    let refused = client.connect(other).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn guarded_addresses_stay_closed_where_the_embedder_is_asked() {
    let address = echo().await;
    for (rules, asks) in [(vec![], true), (vec![NetworkRule::allow("*")], false)] {
        let refused = client(&rules, asks).connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    }
}

#[tokio::test]
async fn nobody_who_listens_is_told_as_such() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = client(&[NetworkRule::allow("127.0.0.0/8")], false);
    let refused = client.connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn each_datagram_is_looked_at() {
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = server.local_addr().unwrap();
    let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let way = client(&[allow(address)], false).datagrams().await.unwrap();
    let large = vec![7; 60_000];
    way.send(address, &large).await.unwrap();
    let mut place = vec![0; 65_536];
    let (count, from) = server.recv_from(&mut place).await.unwrap();
    assert_eq!(place[..count], large);
    server.send_to(b"back", from).await.unwrap();
    let Came::Datagram(from, bytes) = way.receive().await.unwrap() else {
        panic!("nothing was refused");
    };
    assert_eq!((from, bytes.as_slice()), (address, b"back".as_slice()));
    let elsewhere = other.local_addr().unwrap();
    way.send(elsewhere, b"x").await.unwrap();
    let Came::Undeliverable(to, error) = way.receive().await.unwrap() else {
        panic!("a refused datagram");
    };
    assert_eq!(
        (to, error.kind()),
        (elsewhere, std::io::ErrorKind::PermissionDenied)
    );
}

#[tokio::test]
async fn names_are_resolved_where_a_rule_speaks_of_them() {
    let client = client(&[NetworkRule::allow("localhost")], false);
    let found = client.resolve("LocalHost.").await.unwrap();
    assert!(found.iter().all(std::net::IpAddr::is_loopback) && !found.is_empty());
    for refused in [
        client.resolve("other.test").await.unwrap_err(),
        client.records(16, "other.test").await.unwrap_err(),
    ] {
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    }
}

#[tokio::test]
async fn nonsense_is_passed_over() {
    let channel = Channel::new(broker(&[], false)).unwrap();
    for nonsense in [
        &b"a line on standard output\n"[..],
        &[0; 8],
        &[255; 512],
        &[1; 4_000],
    ] {
        channel.send(nonsense, None).await.unwrap();
    }
    let asked = Question::Resolve("x.test".into());
    channel
        .send(&wire::question(5, &asked), None)
        .await
        .unwrap();
    let mut place = vec![0; MAX_ANSWER];
    let (count, _) = channel.receive(&mut place).await.unwrap();
    let (id, errno, _) = wire::read_answer(&place[..count]).unwrap();
    assert_eq!(
        (id, std::io::Error::from_raw_os_error(errno).kind()),
        (5, std::io::ErrorKind::PermissionDenied)
    );
}

/// Who asks and takes no answers is not listened to any more, and gets every answer once it does.
#[tokio::test]
async fn flood_of_questions_is_held_up() {
    const MANY: u64 = 100_000;
    let channel = Channel::new(broker(&[], false)).unwrap();
    let question = Question::Connect((Ipv4Addr::LOCALHOST, 9).into());
    let (mut sent, mut tries) = (0, 0);
    while sent < MANY && tries < 2_000 {
        match channel.try_send(&wire::question(sent, &question)) {
            Ok(()) => {
                sent += 1;
                tries = 0;
            }
            Err(_) => {
                tries += 1;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
    }
    assert!(sent < MANY, "the broker takes whatever comes");
    let mut place = vec![0; MAX_ANSWER];
    for _ in 0..sent {
        let (count, _) = channel.receive(&mut place).await.unwrap();
        assert!(wire::read_answer(&place[..count]).is_some());
    }
}
