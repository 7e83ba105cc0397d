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

fn granting(rules: &[NetworkRule], asks: bool) -> Arc<Broker> {
    let broker = Arc::<Broker>::default();
    let grant = NetworkGrant {
        rules: rules.to_vec(),
        asks,
        ..NetworkGrant::default()
    };
    broker.grant(&grant).unwrap();
    broker
}

/// The other end of a broker's socket.
fn served(broker: &Arc<Broker>) -> OwnedFd {
    let (ours, theirs) = broker_pair().unwrap();
    tokio::spawn(Arc::clone(broker).serve(ours));
    theirs
}

fn client(rules: &[NetworkRule], asks: bool) -> Arc<Client> {
    Client::new(served(&granting(rules, asks))).unwrap()
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

/// Threat: a process that a guest has taken over does not ask the embedder, or asks about something else.
#[tokio::test]
async fn what_the_embedder_has_not_allowed_is_not_reached_and_what_it_has_once() {
    let (address, other) = (echo().await, echo().await);
    let broker = granting(&[NetworkRule::ask("127.0.0.0/8")], false);
    let client = Client::new(served(&broker)).unwrap();
    let refused = |error: std::io::Error| error.kind() == std::io::ErrorKind::PermissionDenied;
    assert!(refused(client.connect(address).await.unwrap_err()));
    broker.allow_connect(address);
    assert!(refused(client.connect(other).await.unwrap_err()));
    client.connect(address).await.unwrap();
    assert!(refused(client.connect(address).await.unwrap_err()));

    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = server.local_addr().unwrap();
    let way = client.datagrams().await.unwrap();
    broker.allow_connect(address);
    for datagram in [b"one", b"two"] {
        way.send(address, datagram).await.unwrap();
    }
    let Came::Undeliverable(to, error) = way.receive().await.unwrap() else {
        panic!("the second was not allowed");
    };
    assert!(to == address && refused(error));
    let mut place = [0; 16];
    let (count, _) = server.recv_from(&mut place).await.unwrap();
    assert_eq!(&place[..count], b"one");
}

#[tokio::test]
async fn names_that_the_embedder_decides_about_or_answers_are_its_alone() {
    let broker = granting(&[NetworkRule::ask("localhost")], false);
    let client = Client::new(served(&broker)).unwrap();
    assert!(client.resolve("localhost").await.is_err());
    broker.allow_resolve("LocalHost.");
    assert!(client.resolve("localhost").await.is_ok());

    let broker = Arc::<Broker>::default();
    let grant = NetworkGrant {
        rules: vec![NetworkRule::allow("*.test:443")],
        names: vec![("Fixed.Test".into(), vec!["192.0.2.1".parse().unwrap()])],
        embedder_resolves: true,
        ..NetworkGrant::default()
    };
    broker.grant(&grant).unwrap();
    let client = Client::new(served(&broker)).unwrap();
    assert!(client.resolve("a.test").await.is_err(), "not the host's");
    assert!(broker.may_ask_for("A.test") && !broker.may_ask_for("example.com"));
    broker.learn("a.test", &["192.0.2.9".parse().unwrap()]);
    let names = |text: &str| broker.names_of(text.parse().unwrap());
    assert_eq!(names("192.0.2.9"), ["a.test"]);
    assert_eq!(names("192.0.2.1"), ["fixed.test"]);
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
    let channel = Channel::new(served(&granting(&[], false))).unwrap();
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
    let channel = Channel::new(served(&granting(&[], false))).unwrap();
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
