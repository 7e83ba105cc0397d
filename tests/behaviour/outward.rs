//! Out of the machine, under rules: what guests reach, and what they are told when they may not.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cenote::{Decision, NetworkRule, NodeRuntime, NodeRuntimeBuilder, Permissions, Scope};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, UdpSocket};

use crate::block_on;

pub(crate) fn rules(list: impl IntoIterator<Item = NetworkRule>) -> NodeRuntimeBuilder {
    crate::builder().permissions(Permissions {
        network: list.into_iter().collect(),
        ..Permissions::default()
    })
}

pub(crate) async fn node(rt: &NodeRuntime, code: String) -> String {
    let out = rt.exec(code).await.unwrap();
    format!("{}{}", out.stdout, out.stderr)
}

/// A server of the host that answers each connection with what it was sent, until the end, and then `.`.
async fn host_server() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.into_split();
                if tokio::io::copy(&mut reader, &mut writer).await.is_ok() {
                    let _end: io::Result<()> = writer.write_all(b".").await;
                }
            });
        }
    });
    address
}

/// Sends 4 MiB to a port and compares what comes back; half-closes in between.
fn talk(port: u16) -> String {
    format!(
        r#"import net from "node:net";
           const sent = Buffer.alloc(4 << 20, "abcdefg");
           const socket = net.connect({{ port: {port}, host: "127.0.0.1", allowHalfOpen: true }});
           const chunks = [];
           socket.on("connect", () => console.log(socket.remoteAddress, socket.remotePort === {port}));
           socket.on("data", (c) => chunks.push(c));
           socket.on("error", (e) => console.log(e.code, e.syscall));
           socket.on("end", () => {{
               const got = Buffer.concat(chunks);
               console.log(got.length - sent.length, got.subarray(0, -1).equals(sent));
               socket.destroy();
           }});
           socket.end(sent);"#
    )
}

#[test]
fn server_on_the_hosts_loopback_is_reached_when_a_rule_names_it() {
    block_on(async {
        let server = host_server().await;
        let named = rules([NetworkRule::allow(&server.to_string())]);
        let rt = named.create().await.unwrap();
        assert_eq!(
            node(&rt, talk(server.port())).await,
            "127.0.0.1 true\n1 true\n"
        );
        let exempt = crate::builder().loopback_exempt_ports([server.port()]);
        let rt = exempt.create().await.unwrap();
        assert_eq!(
            node(&rt, talk(server.port())).await,
            "127.0.0.1 true\n1 true\n"
        );
        // Not by default, and not by a rule for everybody.
        for builder in [crate::builder(), rules([NetworkRule::allow("*")])] {
            let rt = builder.create().await.unwrap();
            assert_eq!(
                node(&rt, talk(server.port())).await,
                "ECONNREFUSED connect\n"
            );
        }
    });
}

/// Threat: a port of the host's loopback that the guard lets through is reached though the permission says no.
#[test]
fn exempt_ports_are_for_rules_and_callbacks_to_decide() {
    block_on(async {
        let server = host_server().await;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let denied = rules([NetworkRule::deny("*")]);
        let refused = crate::builder().on_permission([Scope::Network], move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Decision::deny("no")
        });
        for builder in [denied, refused] {
            let builder = builder.loopback_exempt_ports([server.port()]);
            let rt = builder.create().await.unwrap();
            assert_eq!(
                node(&rt, talk(server.port())).await,
                "ECONNREFUSED connect\n"
            );
        }
        assert!(asked.load(Ordering::Relaxed) > 0);
        let allowed = rules([NetworkRule::allow("*")]).loopback_exempt_ports([server.port()]);
        let rt = allowed.create().await.unwrap();
        assert_eq!(
            node(&rt, talk(server.port())).await,
            "127.0.0.1 true\n1 true\n"
        );
    });
}

#[test]
fn refusals_are_told_as_linux_tells_them() {
    block_on(async {
        // A port of the host where nobody listens.
        let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = gone.local_addr().unwrap().port();
        drop(gone);
        let code = format!(
            r#"import net from "node:net";
               import dgram from "node:dgram";
               const tcp = (host, port) => new Promise((done) => net.connect({{ host, port }}).on("error", (e) => done(`${{e.code}} ${{e.syscall}}`)).on("connect", () => done("connected")));
               const udp = (host, port) => new Promise((done) => {{ const s = dgram.createSocket("udp4"); s.send("x", port, host, (e) => {{ s.close(); done(e ? e.code : "sent"); }}); }});
               console.log(await tcp("127.0.0.1", {port}), await tcp("10.1.2.3", 80), await udp("10.1.2.3", 53));"#
        );
        let rt = rules([NetworkRule::allow(&format!("127.0.0.1:{port}"))])
            .create()
            .await
            .unwrap();
        assert_eq!(
            node(&rt, code.clone()).await,
            "ECONNREFUSED connect EACCES connect EACCES\n"
        );
        // A machine without a network has none.
        let rt = crate::builder().create().await.unwrap();
        assert_eq!(
            node(&rt, code).await,
            "ECONNREFUSED connect ENETUNREACH connect ENETUNREACH\n"
        );
    });
}

#[test]
fn command_connects_without_waiting_and_is_woken() {
    block_on(async {
        let server = host_server().await;
        let rt = rules([NetworkRule::allow(&server.to_string())])
            .create()
            .await
            .unwrap();
        let script = format!(
            r#"
import errno, select, socket
s = socket.socket()
s.setblocking(False)
print(errno.errorcode[s.connect_ex(("127.0.0.1", {port}))])
p = select.poll()
p.register(s, select.POLLOUT)
print(p.poll(60000)[0][1] & select.POLLOUT != 0, s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), s.getpeername())
s.setblocking(True)
s.sendall(b"hello")
s.shutdown(socket.SHUT_WR)
got = b""
while chunk := s.recv(100):
    got += chunk
print(got)
b = socket.create_connection(("127.0.0.1", {port}), 60)
b.sendall(b"again")
b.shutdown(socket.SHUT_WR)
print(b.recv(100)[:5])
"#,
            port = server.port()
        );
        let out = rt.exec_command("python3", ["-c", &script]).await.unwrap();
        assert_eq!(
            out.stdout.text(),
            format!(
                "EINPROGRESS\nTrue 0 ('127.0.0.1', {})\nb'hello.'\nb'again'\n",
                server.port()
            ),
            "{}",
            out.stderr
        );
    });
}

#[test]
fn datagrams_go_out_and_come_back() {
    block_on(async {
        let host = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = host.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 2_048];
            while let Ok((count, from)) = host.recv_from(&mut buffer).await {
                buffer[..count].reverse();
                if host.send_to(&buffer[..count], from).await.is_err() {
                    break;
                }
            }
        });
        let rt = rules([NetworkRule::allow(&address.to_string())])
            .create()
            .await
            .unwrap();
        let seen = node(
            &rt,
            format!(
                r#"import dgram from "node:dgram";
                   const socket = dgram.createSocket("udp4");
                   let count = 0;
                   socket.on("message", (text, from) => {{
                       console.log(text.toString(), from.address, from.port === {port});
                       if (++count === 2) socket.close();
                       else socket.send("second", {port}, "127.0.0.1");
                   }});
                   socket.send("first", {port}, "127.0.0.1");"#,
                port = address.port()
            ),
        )
        .await;
        assert_eq!(seen, "tsrif 127.0.0.1 true\ndnoces 127.0.0.1 true\n");
    });
}

#[test]
fn malformed_rule_is_refused_by_name() {
    block_on(async {
        let error = rules([NetworkRule::allow("10.0.0.0/99")])
            .create()
            .await
            .unwrap_err();
        assert!(error.to_string().contains("`10.0.0.0/99`"), "{error}");
    });
}
