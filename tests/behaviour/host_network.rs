//! A network outside that is the embedder's own code: names, connections, requests, within TLS and without.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cenote::http::{Request, Response};
use cenote::{
    Decision, Errno, Event, HostStream, HttpBody, NetworkAdapter, NetworkAnswer, NetworkRule,
    NetworkTarget, NodeRuntime, NodeRuntimeBuilder, PermissionRequest, Permissions, RequestBody,
    Scope,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::block_on;

/// What an adapter was asked.
type Asked = Arc<Mutex<Vec<String>>>;

/// A world of a few hosts, all of them at addresses that no rule for `*` opens otherwise.
#[derive(Clone, Default)]
struct World(Asked);

fn answer<T: Send + 'static>(
    answer: impl Future<Output = Result<T, Errno>> + Send + 'static,
) -> NetworkAnswer<T> {
    Box::pin(answer)
}

impl World {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl NetworkAdapter for World {
    fn resolve(&self, name: String) -> NetworkAnswer<Vec<IpAddr>> {
        self.note(format!("resolve {name}"));
        answer(async move {
            match name.as_str() {
                "web.test" => Ok(vec![[127, 0, 0, 1].into()]),
                "echo.test" => Ok(vec![[10, 1, 2, 3].into()]),
                "other.test" => Ok(vec![[192, 0, 2, 9].into()]),
                "broken.test" => Err(Errno::EIO),
                // A panic, on purpose.
                "panics.test" => Ok(vec!["no address".parse().unwrap()]),
                _ => Err(Errno::ENOENT),
            }
        })
    }

    fn connect(&self, target: NetworkTarget) -> NetworkAnswer<HostStream> {
        self.note(format!("connect {} {:?}", target.address, target.names));
        answer(async move {
            match target.address.port() {
                7 => {
                    let (near, mut far) = tokio::io::duplex(1 << 10);
                    tokio::spawn(async move {
                        let mut all = Vec::new();
                        let read = far.read_to_end(&mut all).await;
                        assert!(read.is_ok(), "{read:?}");
                        all.make_ascii_uppercase();
                        // A guest that left takes nothing.
                        drop(far.write_all(&all).await);
                    });
                    Ok(Box::pin(near) as HostStream)
                }
                9 => std::future::pending().await,
                11 => Err(Errno::ECONNREFUSED),
                _ => Err(Errno::EPROTONOSUPPORT),
            }
        })
    }

    fn http(&self, request: Request<HttpBody>) -> NetworkAnswer<Response<RequestBody>> {
        let (head, mut body) = request.into_parts();
        self.note(format!("{} {}", head.method, head.uri));
        answer(async move {
            let mut sent = Vec::new();
            while let Ok(Some(chunk)) = body.chunk().await {
                sent.extend_from_slice(&chunk);
            }
            if head.uri.path() == "/gone" {
                return Err(Errno::ECONNREFUSED);
            }
            let text = format!("{} {} {} bytes", head.method, head.uri, sent.len());
            let (sender, body) = RequestBody::channel();
            tokio::spawn(async move { sender.send(text).await && sender.send("!").await });
            let response = Response::builder().status(201).header("x-world", "yes");
            response.body(body).map_err(|_| Errno::EIO)
        })
    }
}

fn machine(world: &World, rules: impl IntoIterator<Item = NetworkRule>) -> NodeRuntimeBuilder {
    crate::builder()
        .network_adapter(world.clone())
        .permissions(Permissions {
            network: rules.into_iter().collect(),
            ..Permissions::default()
        })
}

async fn node(rt: &NodeRuntime, code: &str) -> String {
    let out = rt.exec(code).await.unwrap();
    format!("{}{}", out.stdout, out.stderr)
}

#[test]
fn requests_reach_the_adapter_with_and_without_tls() {
    let world = World::default();
    block_on(async {
        let rt = machine(&world, [NetworkRule::allow("*")])
            .create()
            .await
            .unwrap();
        let said = node(
            &rt,
            r#"for (const url of ["http://web.test/a?b", "https://web.test/c", "http://other.test:8080/d"]) {
                   const response = await fetch(url, { method: "POST", body: "x".repeat(300_000) });
                   console.log(response.status, response.headers.get("x-world"), await response.text());
               }
               const https = await import("node:https");
               https.get("https://web.test/e", (response) => {
                   console.log(response.socket.authorized, response.statusCode);
                   response.resume();
               });"#,
        )
        .await;
        assert_eq!(
            said,
            "201 yes POST http://web.test/a?b 300000 bytes!\n201 yes POST https://web.test/c 300000 bytes!\n\
             201 yes POST http://other.test:8080/d 300000 bytes!\ntrue 201\n"
        );
    });
}

#[test]
fn names_and_connections_are_the_adapters() {
    let world = World::default();
    block_on(async {
        let rt = machine(&world, [NetworkRule::allow("*")])
            .create()
            .await
            .unwrap();
        let said = node(
            &rt,
            r#"import dns from "node:dns/promises";
               import net from "node:net";
               for (const name of ["web.test", "echo.test", "none.test", "broken.test", "panics.test"]) {
                   console.log(await dns.lookup(name).then((found) => found.address, (error) => error.code));
               }
               const talk = (port) => new Promise((done) => {
                   const socket = net.connect({ port, host: "echo.test" });
                   let got = "";
                   socket.on("data", (chunk) => (got += chunk)).on("error", (error) => done(error.code));
                   socket.on("end", () => done(got.length + got.slice(-3)));
                   socket.end("abc".repeat(100_000));
               });
               console.log(await talk(7), await talk(11));
               const waits = net.connect({ port: 9, host: "echo.test" });
               waits.on("error", () => {});
               setTimeout(() => { waits.destroy(); console.log("left"); }, 20);"#,
        )
        .await;
        assert_eq!(
            said,
            "127.0.0.1\n10.1.2.3\nENOTFOUND\nEAI_AGAIN\nEAI_AGAIN\n300000ABC ECONNREFUSED\nleft\n"
        );
        let asked = world.asked();
        let connect = "connect 10.1.2.3:7 [\"echo.test\"]".to_owned();
        assert!(asked.contains(&connect), "{asked:?}");
    });
}

/// Threat: the host that a request names is another than the one that rules let a guest connect to.
#[test]
fn rules_come_first_and_hold_for_each_request() {
    let world = World::default();
    block_on(async {
        let rules = [
            NetworkRule::allow("web.test"),
            NetworkRule::allow("198.51.100.1"),
        ];
        let rt = machine(&world, rules).create().await.unwrap();
        let said = node(
            &rt,
            r#"import http from "node:http";
               const get = (options) => new Promise((done) => {
                   http.get({ agent: false, ...options }, (response) => (response.resume(), done(response.statusCode)))
                       .on("error", (error) => done(error.code));
               });
               console.log(await get({ host: "web.test", path: "/" }));
               console.log(await get({ host: "other.test" }), await get({ host: "192.0.2.9" }), await get({ host: "8.8.8.8" }));
               console.log(await get({ host: "web.test", headers: { host: "other.test" } }));
               console.log(await get({ host: "web.test", headers: { host: "web.test:8080" } }));
               console.log(await get({ host: "web.test", headers: { host: "localhost" } }));
               console.log(await get({ host: "198.51.100.1", headers: { host: "web.test" } }));
               console.log(await get({ host: "198.51.100.1" }));
               console.log(await get({ host: "web.test", path: "/gone" }));"#,
        )
        .await;
        assert_eq!(
            said,
            "201\nENOTFOUND EACCES EACCES\n421\n421\n421\n421\n201\nECONNRESET\n"
        );
        let asked = world.asked().join("\n");
        assert!(
            !asked.contains("other.test") && !asked.contains("8.8.8.8"),
            "{asked}"
        );
    });
}

#[test]
fn callback_sees_each_request_and_its_no_is_told() {
    let world = World::default();
    let seen = Asked::default();
    let noted = Arc::clone(&seen);
    block_on(async {
        let rt = machine(&world, [])
            .on_permission([Scope::Network], move |request| {
                let what = format!("{} {}", request.operation(), request.subject());
                noted.lock().unwrap().push(what);
                match request {
                    PermissionRequest::Http { method, .. } if method != "GET" => {
                        Decision::deny("only to look")
                    }
                    _ => Decision::allow(),
                }
            })
            .create()
            .await
            .unwrap();
        let mut events = rt.events();
        let said = node(
            &rt,
            r#"console.log((await fetch("http://web.test/a")).status);
               console.log((await fetch("http://web.test/b", { method: "DELETE" })).status);"#,
        )
        .await;
        assert_eq!(said, "201\n403\n");
        let event = tokio::time::timeout(Duration::from_secs(60), events.next());
        let Some(Event::Refused {
            operation,
            subject,
            reason,
            ..
        }) = event.await.unwrap()
        else {
            panic!("something else happened");
        };
        assert_eq!(
            (operation.as_str(), subject.as_str(), reason.as_str()),
            ("fetch", "http://web.test/b", "only to look")
        );
    });
    let seen = seen.lock().unwrap();
    for what in [
        "dns web.test",
        "connect 127.0.0.1:80",
        "fetch http://web.test/a",
    ] {
        assert!(seen.contains(&what.to_owned()), "{what}: {seen:?}");
    }
}

/// What listens in the machine is nearer than what the adapter has at that address.
#[test]
fn machines_own_servers_stay_its_own() {
    let world = World::default();
    block_on(async {
        let rt = machine(&world, [NetworkRule::allow("*")])
            .create()
            .await
            .unwrap();
        let said = node(
            &rt,
            r#"import http from "node:http";
               const server = http.createServer((_, response) => response.end("inside")).listen(80, "127.0.0.1", async () => {
                   console.log(await (await fetch("http://localhost/")).text());
                   server.close();
               });"#,
        )
        .await;
        assert_eq!(said, "inside\n");
        assert!(world.asked().is_empty(), "{:?}", world.asked());
    });
}
