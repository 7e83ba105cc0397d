//! Machines that may use the network: behind the same walls as others, with a broker outside.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::permission_question::Scope as Question;
use cenote_proto::v1::{
    CreateVmRequest, Decision, DescribeRequest, DisposeVmRequest, HostHello, PermissionAnswer,
    PermissionRule, PermissionScope, Permissions, WallState,
};

use crate::harness::{Sidecar, shell};
use crate::host::Embedder;

/// A server of the host that greets each who connects.
fn greeter() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut place = [0; 512];
            // A client that has gone is none of its business.
            let _read = stream.read(&mut place).is_ok();
            let _greeted = stream
                .write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n",
                )
                .is_ok();
        }
    });
    port
}

fn rule(decision: Decision, target: String) -> PermissionRule {
    PermissionRule {
        decision: decision.into(),
        patterns: vec![target],
        ..PermissionRule::default()
    }
}

fn request(rules: Vec<PermissionRule>) -> CreateVmRequest {
    CreateVmRequest {
        permissions: Some(Permissions {
            network: Some(PermissionScope {
                fallback: Decision::Deny.into(),
                rules,
            }),
            ..Permissions::default()
        }),
        ..CreateVmRequest::default()
    }
}

async fn walls(sidecar: &Sidecar, vm: &str) -> Vec<(String, WallState)> {
    let about = DescribeRequest { vm: vm.into() };
    let described = sidecar.vms().describe(about).await.unwrap().into_inner();
    let walls = described.lock_down.unwrap().walls.into_iter();
    walls
        .map(|wall| (wall.name.clone(), wall.state()))
        .collect()
}

#[tokio::test]
async fn machine_with_the_network_has_the_walls_of_one_without_and_reaches_what_rules_name() {
    let sidecar = Sidecar::start(&[]).await;
    let (named, other) = (greeter(), greeter());
    let target = format!("127.0.0.1:{named}");
    let with = sidecar
        .create(request(vec![rule(Decision::Allow, target)]))
        .await;
    let without = sidecar.create(CreateVmRequest::default()).await;
    let (of_with, of_without) = (
        walls(&sidecar, &with.id).await,
        walls(&sidecar, &without.id).await,
    );
    assert_eq!(of_with, of_without);
    assert!(of_with.contains(&("seccomp".into(), WallState::Applied)));
    // It has no socket of the host's network but those it is given.
    let own = std::fs::read_link("/proc/self/ns/net").unwrap();
    let namespace = ("network_namespace".to_owned(), WallState::Applied);
    if of_with.contains(&namespace) {
        let its = std::fs::read_link(format!("/proc/{}/ns/net", with.worker_pid)).unwrap();
        assert_ne!(own, its);
    }
    let script = |port: u16| format!("curl -s -m 60 http://127.0.0.1:{port}/; echo $?");
    assert_eq!(sidecar.shell(&with.id, &script(named)).await, "hello\n0\n");
    // curl's 7: could not connect.
    assert_eq!(sidecar.shell(&with.id, &script(other)).await, "7\n");
    assert_eq!(sidecar.shell(&without.id, &script(named)).await, "7\n");

    // Many connections, one after another, leave nothing in the sidecar.
    let open = || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", sidecar.child.id()));
        fds.unwrap().count()
    };
    let many = format!(
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do curl -s http://127.0.0.1:{named}/; done | wc -l"
    );
    let before = open();
    assert_eq!(sidecar.shell(&with.id, &many).await.trim(), "20");
    for _ in 0..600 {
        if open() <= before {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(open() <= before, "{before} -> {}", open());
}

#[tokio::test]
async fn fork_and_shared_machines_reach_what_their_own_rules_name() {
    let sidecar = Sidecar::start(&["--isolation", "shared"]).await;
    let (one, two) = (greeter(), greeter());
    let of = |port: u16| rule(Decision::Allow, format!("127.0.0.1:{port}"));
    let first = sidecar.create(request(vec![of(one)])).await;
    let second = sidecar.create(request(vec![of(two)])).await;
    assert_ne!(
        first.worker_pid, second.worker_pid,
        "a process is granted what one kind of machine may reach"
    );
    let fork = cenote_proto::v1::ForkVmRequest {
        vm: first.id.clone(),
        id: String::new(),
    };
    let fork = sidecar.vms().fork(fork).await.unwrap().into_inner();
    let script = format!(
        "curl -s -m 60 http://127.0.0.1:{one}/; echo $?; curl -s -m 60 http://127.0.0.1:{two}/; echo $?"
    );
    for (vm, expected) in [
        (&first, "hello\n0\n7\n"),
        (&fork, "hello\n0\n7\n"),
        (&second, "7\nhello\n0\n"),
    ] {
        let outcome = sidecar.exec(&vm.id, shell(&script)).await.unwrap();
        assert_eq!(outcome.stdout, expected, "{}", outcome.stderr);
    }
    sidecar
        .vms()
        .dispose(DisposeVmRequest { vm: first.id })
        .await
        .unwrap();
    assert_eq!(sidecar.shell(&fork.id, "echo on").await, "on\n");
}

const DECIDES: HostHello = HostHello {
    permissions: true,
    functions: false,
    filesystems: false,
    network: false,
    commands: false,
};

/// Lets everything through that is asked, until this is dropped.
async fn lenient(mut embedder: Embedder) {
    loop {
        let (id, Asked::Permission(question)) = embedder.next().await else {
            continue;
        };
        let is_right = matches!(
            question.scope,
            Some(Question::Network(network)) if network.address == "127.0.0.1" && network.hostname.is_empty()
        );
        let answer = PermissionAnswer {
            allow: is_right,
            ..PermissionAnswer::default()
        };
        embedder.reply(id, Reply::Permission(answer)).await;
    }
}

#[tokio::test]
async fn where_the_embedder_decides_nobody_gets_out_without_it() {
    let sidecar = Sidecar::start(&[]).await;
    let port = greeter();
    let target = format!("127.0.0.1:{port}");
    let vm = sidecar
        .create(request(vec![rule(Decision::Ask, target)]))
        .await
        .id;
    let script = format!("curl -s -m 60 http://127.0.0.1:{port}/; echo $?");
    let ask = async || sidecar.shell(&vm, &script).await;
    let embedder = Embedder::open(&sidecar, &vm, DECIDES).await;
    tokio::select! {
        () = lenient(embedder) => {}
        said = ask() => assert_eq!(said, "hello\n0\n"),
    }
    // The embedder has gone: curl's 7, could not connect.
    assert_eq!(ask().await, "7\n");
    // It goes while it is asked.
    let mut embedder = Embedder::open(&sidecar, &vm, DECIDES).await;
    let (said, ()) = tokio::join!(ask(), async move {
        let (_, asked) = embedder.next().await;
        assert!(matches!(asked, Asked::Permission(_)), "{asked:?}");
        drop(embedder);
    });
    assert_eq!(said, "7\n");
    // And is there again.
    let embedder = Embedder::open(&sidecar, &vm, DECIDES).await;
    tokio::select! {
        () = lenient(embedder) => {}
        said = ask() => assert_eq!(said, "hello\n0\n"),
    }
}
