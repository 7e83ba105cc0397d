//! Names of the outside: what the embedder says about them, and who is asked.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use cenote::{NetworkRule, Resolve, Resolving};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::block_on;
use crate::outward::{node, rules};

/// An HTTP server of the host.
async fn host_http() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nfrom host\n";
                let _sent: io::Result<()> = stream.write_all(answer).await;
            });
        }
    });
    address
}

#[test]
fn names_are_resolved_alike_by_node_and_by_commands() {
    block_on(async {
        let server = host_http().await;
        let port = server.port();
        let rt = rules([NetworkRule::allow(&server.to_string())])
            .dns_override("Api.Test", [IpAddr::from(Ipv4Addr::LOCALHOST)])
            .create()
            .await
            .unwrap();
        let seen = node(
            &rt,
            format!(
                r#"import dns from "node:dns";
                   console.log(await (await fetch("http://api.test:{port}/")).text());
                   console.log(await dns.promises.lookup("api.test"), await dns.promises.resolve4("api.test"));
                   for (const ask of [() => dns.promises.lookup("other.test"), () => dns.promises.resolve4("other.test"), () => dns.promises.resolveMx("other.test")])
                       await ask().catch((e) => console.log(e.code, e.syscall, e.hostname));
                   console.log(await dns.promises.resolve6("api.test").catch((e) => e.code), dns.getServers());"#
            ),
        )
        .await;
        assert_eq!(
            seen,
            "from host\n\n{ address: '127.0.0.1', family: 4 } [ '127.0.0.1' ]\n\
             ENOTFOUND getaddrinfo other.test\nENOTFOUND queryA other.test\nENOTFOUND queryMx other.test\n\
             ENODATA [ '127.0.0.53' ]\n"
        );
        let out = rt
            .shell(format!(
                "curl -s http://api.test:{port}/; curl -s http://other.test/; echo $?"
            ))
            .await
            .unwrap();
        // curl's 6: could not resolve host.
        assert_eq!(out.stdout.text(), "from host\n6\n", "{}", out.stderr);
    });
}

/// Answers what it is told to, and remembers what it was asked.
#[derive(Debug, Default)]
struct Scripted {
    asked: Mutex<Vec<String>>,
    answers: Mutex<Vec<Vec<IpAddr>>>,
}

#[derive(Debug)]
struct Shared(Arc<Scripted>);

impl Resolve for Shared {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        self.0.asked.lock().unwrap().push(name.to_owned());
        let mut answers = self.0.answers.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers.first().cloned().unwrap_or_default()
        };
        Box::pin(async move { Ok(answer) })
    }
}

#[test]
fn resolver_is_asked_for_allowed_names_only() {
    block_on(async {
        let scripted = Arc::new(Scripted::default());
        scripted
            .answers
            .lock()
            .unwrap()
            .push(vec!["192.0.2.7".parse().unwrap()]);
        let rt = rules([
            NetworkRule::allow("*.example.com:443"),
            NetworkRule::deny("secret.example.com"),
        ])
        .resolver(Shared(Arc::clone(&scripted)))
        .create()
        .await
        .unwrap();
        let seen = node(
            &rt,
            r#"import dns from "node:dns";
               for (const name of ["www.example.com", "secret.example.com", "data.evil.test", "example.com"])
                   console.log(name, await dns.promises.lookup(name, 4).then((a) => a.address, (e) => e.code));"#
                .into(),
        )
        .await;
        assert_eq!(
            seen,
            "www.example.com 192.0.2.7\nsecret.example.com ENOTFOUND\ndata.evil.test ENOTFOUND\nexample.com ENOTFOUND\n"
        );
        assert_eq!(*scripted.asked.lock().unwrap(), ["www.example.com"]);
    });
}
