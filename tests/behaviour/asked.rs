//! A network about which the embedder's code decides: connections, datagrams, names; what it allows, refuses with a reason, and never answers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cenote::{
    Decision, Event, EventStream, NetworkRule, PermissionRequest, Resolve, Resolving, Scope,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, UdpSocket};

use crate::block_on;
use crate::outward::{node, rules};

/// A server of the host that greets each who connects.
async fn greeter() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // One that has gone is none of its business.
            drop(stream.write_all(b"hello").await);
        }
    });
    address
}

/// A server of the host that answers each datagram with itself.
async fn echo() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
            drop(socket.send_to(&buffer[..count], from).await);
        }
    });
    address
}

/// Functions of guests: what becomes of a connection, and of a datagram.
const TRIES: &str = r#"
    import net from "node:net";
    import dgram from "node:dgram";
    const tcp = (port, host = "127.0.0.1") => new Promise((done) => {
        const socket = net.connect({ host, port }).on("error", (error) => done(error.code));
        socket.on("data", (text) => { done(text.toString()); socket.destroy(); });
    });
    const udp = (port) => new Promise((done) => {
        const socket = dgram.createSocket("udp4");
        const end = (what) => { socket.close(); done(what); };
        socket.on("message", (text) => end(text.toString()));
        socket.send("echoed", port, "127.0.0.1", (error) => { if (error) end(error.code); });
    });
"#;

async fn refusal(events: &mut EventStream, of: &str) -> String {
    let told = async {
        loop {
            // The machine lives, and so do its events.
            if let Event::Refused {
                subject, reason, ..
            } = events.next().await.unwrap()
                && subject == of
            {
                return reason;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), told)
        .await
        .unwrap()
}

#[test]
fn connections_and_datagrams_go_where_the_embedder_lets_them() {
    block_on(async {
        let (open, shut, echo) = (greeter().await, greeter().await, echo().await);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let rt = rules([NetworkRule::deny("*"), NetworkRule::ask("127.0.0.0/8")])
            .on_permission_async([Scope::Network], move |request| {
                seen.lock().unwrap().push(request.subject());
                async move {
                    tokio::task::yield_now().await;
                    match request {
                        PermissionRequest::Connect { address, .. } if address == shut => {
                            Decision::deny("not that one")
                        }
                        PermissionRequest::Connect { .. } => Decision::allow(),
                        _ => Decision::deny("nothing else"),
                    }
                }
            })
            .create()
            .await
            .unwrap();
        let mut events = rt.events();
        let (o, s, e) = (open.port(), shut.port(), echo.port());
        let seen = node(
            &rt,
            format!(
                "{TRIES} console.log(await tcp({o}), await tcp({s}), await tcp({o}), await tcp(80, '10.0.0.1'));
                 console.log(await udp({e}), await udp({e}));"
            ),
        )
        .await;
        // Nobody of the machine listens there: a refused port of the host is as if nobody of the host did.
        assert_eq!(seen, "hello ECONNREFUSED hello EACCES\nechoed echoed\n");
        assert_eq!(
            refusal(&mut events, &shut.to_string()).await,
            "not that one"
        );
        let asked = asked.lock().unwrap();
        assert!(asked.contains(&open.to_string()) && asked.contains(&echo.to_string()));
        assert!(!asked.contains(&"10.0.0.1:80".to_owned()), "{asked:?}");
    });
}

#[test]
fn names_are_looked_up_where_the_embedder_lets_them() {
    block_on(async {
        let rt = rules([])
            .on_permission([Scope::Network], |request| match request {
                PermissionRequest::Resolve { name } if name == "secret.test" => {
                    Decision::deny("nobody's business")
                }
                _ => Decision::allow(),
            })
            .create()
            .await
            .unwrap();
        let mut events = rt.events();
        let seen = node(
            &rt,
            r#"import dns from "node:dns/promises";
               const end = (promise) => promise.then(() => "found", (error) => error.code);
               console.log(await end(dns.lookup("secret.test")));
               // Whatever the host's resolver says of it, it is asked.
               console.log((await end(dns.lookup("other.invalid"))) !== "EACCES");"#
                .into(),
        )
        .await;
        assert_eq!(seen, "ENOTFOUND\ntrue\n");
        assert_eq!(
            refusal(&mut events, "secret.test").await,
            "nobody's business"
        );
    });
}

/// An address of the host's for every name.
#[derive(Debug)]
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, _name: &'a str) -> Resolving<'a> {
        Box::pin(async { Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]) })
    }
}

#[test]
fn callback_hears_the_names_that_the_embedder_itself_resolved() {
    block_on(async {
        let server = greeter().await;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let rt = rules([NetworkRule::ask("127.0.0.1"), NetworkRule::allow("*.test")])
            .resolver(Here)
            .dns_override("fixed.test", [IpAddr::from(Ipv4Addr::LOCALHOST)])
            .on_permission([Scope::Network], move |request| {
                let PermissionRequest::Connect { names, .. } = request else {
                    return Decision::deny("only connections");
                };
                seen.lock().unwrap().extend(names.iter().cloned());
                Decision::from(names.iter().any(|name| name.ends_with(".test")))
            })
            .create()
            .await
            .unwrap();
        let port = server.port();
        let seen = node(
            &rt,
            format!("{TRIES} console.log(await tcp({port}, 'api.test'), await tcp({port}, 'fixed.test'));"),
        )
        .await;
        assert_eq!(seen, "hello hello\n");
        let asked = asked.lock().unwrap();
        let is_known = |name: &String| name == "api.test" || name == "fixed.test";
        assert!(!asked.is_empty() && asked.iter().all(is_known), "{asked:?}");
    });
}

#[test]
fn callback_that_panics_lets_nobody_through() {
    block_on(async {
        let server = greeter().await;
        let rt = rules([NetworkRule::ask("127.0.0.1")])
            .on_permission([Scope::Network], |_| panic!("on purpose"))
            .create()
            .await
            .unwrap();
        let port = server.port();
        let seen = node(&rt, format!("{TRIES} console.log(await tcp({port}));")).await;
        assert_eq!(seen, "ECONNREFUSED\n");
    });
}
