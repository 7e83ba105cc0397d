//! Who may come in: TLS and tokens, modes of the socket, health and reflection, drain.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};

use cenote_proto::v1::vms_client::VmsClient;
use cenote_proto::v1::{CreateVmRequest, ListVmsRequest};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use rustix::process::{Pid, Signal, kill_process};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic::{Code, Request};

use crate::harness::{Sidecar, cenote, code_of, last_words, live, shell};

const TOKEN: &str = "a-token-of-this-test-alone";

/// A certificate for `localhost` that signs itself, and its key, in files of the directory.
fn certificate(directory: &Path) -> String {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    let from = Asn1Time::days_from_now(0).unwrap();
    builder.set_not_before(&from).unwrap();
    let to = Asn1Time::days_from_now(1).unwrap();
    builder.set_not_after(&to).unwrap();
    let own = SubjectAlternativeName::new()
        .dns("localhost")
        .build(&builder.x509v3_context(None, None))
        .unwrap();
    builder.append_extension(own).unwrap();
    let end = BasicConstraints::new().build().unwrap();
    builder.append_extension(end).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let pem = builder.build().to_pem().unwrap();
    std::fs::write(directory.join("cert"), &pem).unwrap();
    let key = key.private_key_to_pem_pkcs8().unwrap();
    std::fs::write(directory.join("key"), key).unwrap();
    std::fs::write(directory.join("token"), TOKEN).unwrap();
    String::from_utf8(pem).unwrap()
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    line
}

#[tokio::test]
async fn tcp_wants_tls_and_the_token() {
    let directory = tempfile::tempdir().unwrap();
    let pem = certificate(directory.path());
    let file = |name: &str| directory.path().join(name);
    let mut child = cenote()
        .args(["serve", "--owner-stdin", "--spares", "0"])
        .args(["--listen", "127.0.0.1:0", "--tls-cert"])
        .arg(file("cert"))
        .arg("--tls-key")
        .arg(file("key"))
        .arg("--token-file")
        .arg(file("token"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = first_line(&mut child);
    let (_, port) = line
        .split_once("https://127.0.0.1:")
        .unwrap_or_else(|| panic!("{line:?}"));
    let (port, _) = port.split_once('"').unwrap();
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
    let channel = Endpoint::from_shared(format!("https://localhost:{port}"))
        .unwrap()
        .tls_config(tls)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut vms = VmsClient::new(channel);
    for wrong in [None, Some("Bearer nonsense"), Some(TOKEN)] {
        let mut request = Request::new(ListVmsRequest {});
        if let Some(wrong) = wrong {
            let wrong = wrong.parse().unwrap();
            request.metadata_mut().insert("authorization", wrong);
        }
        let status = vms.list(request).await.unwrap_err();
        assert_eq!(
            (status.code(), code_of(&status)),
            (Code::Unauthenticated, "WRONG_TOKEN".into())
        );
    }
    let mut request = Request::new(ListVmsRequest {});
    let right = format!("Bearer {TOKEN}").parse().unwrap();
    request.metadata_mut().insert("authorization", right);
    vms.list(request).await.unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[tokio::test]
async fn socket_is_for_its_user_alone_and_one_sidecar() {
    let sidecar = Sidecar::start(&[]).await;
    let mode = std::fs::metadata(&sidecar.socket).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let mut second = cenote()
        .args(["serve", "--socket"])
        .arg(&sidecar.socket)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(125));
    let words = last_words(&mut second);
    assert!(words.contains("in use"), "{words}");
}

/// Can only be tried by the superuser, who can become somebody else.
#[tokio::test]
async fn callers_of_another_user_are_turned_away() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let sidecar = Sidecar::start(&[]).await;
    // Even if somebody opened the door: who stands there counts.
    let everybody = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(sidecar.socket.parent().unwrap(), everybody.clone()).unwrap();
    std::fs::set_permissions(&sidecar.socket, everybody).unwrap();
    let socket = sidecar.socket.clone();
    let visit = move |uid: u32| {
        // On Linux each thread has its own user; this one ends with it.
        let somebody = rustix::process::Uid::from_raw(uid);
        rustix::thread::set_thread_uid(somebody).unwrap();
        let mut socket = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        socket
            .set_read_timeout(Some(std::time::Duration::from_secs(2)))
            .unwrap();
        // One who comes in is greeted with HTTP/2's settings after its own greeting.
        let _written = socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
        socket.read(&mut [0; 9]).unwrap_or(0)
    };
    let stranger = std::thread::spawn({
        let visit = visit.clone();
        move || visit(65_534)
    });
    assert_eq!(stranger.join().unwrap(), 0);
    let own = std::thread::spawn(move || visit(0));
    assert_eq!(own.join().unwrap(), 9);
}

#[tokio::test]
async fn sigterm_lets_calls_end_and_makes_no_new_machines() {
    let mut sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let request = live(shell("echo begun; read x; echo over"));
    let mut processes = sidecar.processes(&vm);
    let pid = processes
        .spawn(shell("read x"))
        .await
        .unwrap()
        .into_inner()
        .pid;
    let under_way = processes.exec(request).await.unwrap();
    let own = Pid::from_raw(i32::try_from(sidecar.child.id()).unwrap()).unwrap();
    let waiting = tokio::spawn({
        let mut processes = sidecar.processes(&vm);
        async move { processes.wait(cenote_proto::v1::WaitRequest { pid }).await }
    });
    // The call must have begun before the signal.
    tokio::task::yield_now().await;
    sidecar.shell(&vm, ":").await;
    kill_process(own, Signal::TERM).unwrap();
    let status = loop {
        match sidecar.vms().create(CreateVmRequest::default()).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(status) => break status,
        }
    };
    assert_eq!(code_of(&status), "DRAINING");
    let kill = cenote_proto::v1::SignalRequest {
        pid,
        signal: 9,
        ..Default::default()
    };
    sidecar.processes(&vm).signal(kill).await.unwrap();
    let exited = waiting.await.unwrap().unwrap().into_inner();
    assert_eq!(exited.signal, 9);
    drop(under_way);
    assert!(sidecar.child.wait().unwrap().success());
}

#[tokio::test]
async fn numbers_are_published_for_prometheus() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let sidecar = Sidecar::start(&["--metrics", &address.to_string()]).await;
    sidecar.vm().await;
    let mut socket = TcpStream::connect(address).unwrap();
    socket
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut page = String::new();
    socket.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(
        page.contains("cenote_calls_total{method=\"cenote.v1.Vms/Create\"} 1"),
        "{page}"
    );
    assert!(page.contains("cenote_machines 1"), "{page}");
}
