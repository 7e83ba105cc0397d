//! Between the embedder and servers in the machine: fetch, listeners, port forwards.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use cenote::http::{Request, StatusCode};
use cenote::{Error, ListenerFilter, RequestBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{block_on, builder};

const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn get(path: &str) -> Request<()> {
    Request::get(path).body(()).unwrap()
}

/// The example of seed document 004.
#[test]
fn fetch_drives_a_guest_server() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let server = rt
            .spawn(
                r#"import http from "node:http";
                   http.createServer((req, res) => res.end("ok " + req.method + " " + req.url + " " + req.headers.host)).listen(3000);"#,
            )
            .await
            .unwrap();
        let listener = rt
            .wait_for_listener(ListenerFilter::any().port(3000))
            .await
            .unwrap();
        assert_eq!((listener.port, listener.pid), (Some(3000), server.pid()));
        let response = rt.fetch(3000, get("/path?a=b")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.text().await.unwrap(),
            "ok GET /path?a=b localhost:3000"
        );
        // What listens already is found at once.
        assert_eq!(rt.wait_for_listener(3000).await.unwrap(), listener);
        assert_eq!(rt.listeners().unwrap(), [listener]);
        server.kill(cenote::Signal::SIGTERM).unwrap();
        server.wait().await.unwrap();
        assert_eq!(rt.find_listener(3000).unwrap(), None);
        let refused = rt.fetch(3000, get("/")).await.unwrap_err();
        assert!(
            matches!(refused, Error::Connect { port: 3000, .. }),
            "{refused}"
        );
    });
}

#[test]
fn bodies_stream_both_ways() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let _server = rt
            .spawn(
                r#"import http from "node:http";
                   http.createServer((req, res) => {
                       res.writeHead(207, "All Sorts", { "x-kind": req.headers["transfer-encoding"] ?? "" });
                       req.on("data", (chunk) => res.write(chunk.toString().toUpperCase()));
                       req.on("end", () => res.end("."));
                   }).listen(8000, "::1");"#,
            )
            .await
            .unwrap();
        rt.wait_for_listener(8000).await.unwrap();
        let (sender, body) = RequestBody::channel();
        assert!(sender.send("one").await);
        let mut response = rt
            .fetch(8000, Request::post("/").body(body).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), 207);
        assert_eq!(response.reason(), "All Sorts");
        assert_eq!(response.headers()["x-kind"], "chunked");
        // Each answer comes while the request is still being sent.
        assert_eq!(response.chunk().await.unwrap().unwrap(), "ONE");
        assert!(sender.send("two").await);
        assert_eq!(response.chunk().await.unwrap().unwrap(), "TWO");
        drop(sender);
        assert_eq!(response.chunk().await.unwrap().unwrap(), ".");
        assert_eq!(response.chunk().await.unwrap(), None);
    });
}

#[test]
fn server_waits_while_its_answer_is_not_read() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let server = rt
            .spawn(
                r#"import http from "node:http";
                   http.createServer((req, res) => {
                       let sent = 0;
                       const chunk = Buffer.alloc(65536, "x");
                       const more = () => {
                           while (sent < 512) { sent++; if (!res.write(chunk)) { console.log("full"); return res.once("drain", more); } }
                           res.end();
                       };
                       more();
                   }).listen(8001);"#,
            )
            .await
            .unwrap();
        rt.wait_for_listener(8001).await.unwrap();
        let mut response = rt.fetch(8001, get("/")).await.unwrap();
        // The server says that it waits before anything of the body was read.
        let mut stdout = server.stdout();
        assert!(stdout.next().await.unwrap().starts_with(b"full\n"));
        let mut total = 0;
        while let Some(chunk) = response.chunk().await.unwrap() {
            total += chunk.len();
        }
        assert_eq!(total, 512 * 65_536);
        let limited = rt.fetch(8001, get("/")).await.unwrap().bytes().await;
        assert!(limited.unwrap_err().to_string().contains("larger"));
    });
}

#[test]
fn answer_that_is_no_http_is_an_error() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let _server = rt
            .spawn(
                r#"import net from "node:net";
                   net.createServer((c) => c.end("220 this is not http\r\n\r\n")).listen(25);
                   net.createServer((c) => c.once("data", () => c.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"))).listen(26);"#,
            )
            .await
            .unwrap();
        rt.wait_for_listener(26).await.unwrap();
        let error = rt.fetch(25, get("/")).await.unwrap_err();
        assert!(matches!(error, Error::Http { port: 25, .. }), "{error}");
        let cut = rt.fetch(26, get("/")).await.unwrap().bytes().await;
        assert!(matches!(cut.unwrap_err(), Error::Http { port: 26, .. }));
    });
}

#[test]
fn connection_is_upgraded_and_raw_streams_connect() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let _server = rt
            .spawn(
                r#"import http from "node:http";
                   http.createServer().on("upgrade", (req, socket) => {
                       socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
                       socket.pipe(socket);
                   }).listen(8002);"#,
            )
            .await
            .unwrap();
        rt.wait_for_listener(8002).await.unwrap();
        let request = Request::get("/")
            .header("connection", "upgrade")
            .header("upgrade", "echo")
            .body(())
            .unwrap();
        let response = rt.fetch(8002, request).await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let mut stream = response.upgrade().await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"hello");

        let mut raw = rt.connect(8002).await.unwrap();
        raw.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
            .await
            .unwrap();
        let mut head = vec![0; 12];
        raw.read_exact(&mut head).await.unwrap();
        assert_eq!(head, b"HTTP/1.1 101");
    });
}

#[test]
fn wait_for_a_listener_ends_with_it_with_its_time_or_with_the_machine() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let waiting = rt.wait_for_listener(ListenerFilter::any().path("/tmp/one.sock"));
        let starting = rt.spawn(
            r#"import net from "node:net"; net.createServer().listen("/tmp/one.sock"); net.createServer().listen(9, "127.0.0.1");"#,
        );
        let (found, started) = tokio::join!(waiting, starting);
        assert_eq!(found.unwrap().pid, started.unwrap().pid());
        rt.wait_for_listener(9).await.unwrap();
        let other = ListenerFilter::any()
            .port(9)
            .host(Ipv4Addr::new(127, 0, 0, 2));
        assert_eq!(rt.find_listener(other).unwrap(), None);

        let late = ListenerFilter::any()
            .port(1)
            .timeout(Duration::from_millis(20));
        let error = rt.wait_for_listener(late).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
        assert!(error.to_string().contains("port 1"), "{error}");

        let forever = tokio::spawn({
            let rt = rt.clone();
            async move { rt.wait_for_listener(2).await }
        });
        tokio::task::yield_now().await;
        rt.dispose().await;
        assert!(matches!(forever.await.unwrap(), Err(Error::Disposed)));
    });
}

/// A blocking exchange with a host address, as another program of the host has it.
fn exchange(address: SocketAddr, bytes: &[u8]) -> std::io::Result<String> {
    let mut client = TcpStream::connect(address)?;
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    client.write_all(bytes)?;
    client.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn forwarded_port_leads_in_until_it_is_closed() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let forward = rt.forward_port(ANY_PORT, 7000).await.unwrap();
        let address = forward.host_address();
        assert!(address.ip().is_loopback() && address.port() != 0);
        let ask = move || tokio::task::spawn_blocking(move || exchange(address, b"a body\n"));
        // Nobody listens yet.
        assert!(ask().await.unwrap().is_err());
        let _server = rt
            .spawn(
                r#"import net from "node:net";
                   net.createServer({ allowHalfOpen: true }, (c) => {
                       let text = "";
                       c.on("data", (d) => text += d).on("end", () => c.end("got " + text));
                   }).listen(7000);"#,
            )
            .await
            .unwrap();
        rt.wait_for_listener(7000).await.unwrap();
        let (one, other) = tokio::join!(ask(), ask());
        assert_eq!(one.unwrap().unwrap(), "got a body\n");
        assert_eq!(other.unwrap().unwrap(), "got a body\n");
        forward.close().await;
        assert!(TcpStream::connect(address).is_err());
    });
}

#[test]
fn forwarded_port_carries_much_and_is_bounded() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let _server = rt
            .spawn(
                r#"import net from "node:net";
                   net.createServer({ allowHalfOpen: true }, (c) => c.pipe(c)).listen(7001);"#,
            )
            .await
            .unwrap();
        rt.wait_for_listener(7001).await.unwrap();
        let mut forward = rt.forward_port_limited(ANY_PORT, 7001, 1).await.unwrap();
        let address = forward.host_address();
        // One connection is carried; the next waits until it has ended.
        let mut first = tokio::net::TcpStream::connect(address).await.unwrap();
        first.write_all(b"1").await.unwrap();
        assert_eq!(first.read_u8().await.unwrap(), b'1');
        let mut second = tokio::net::TcpStream::connect(address).await.unwrap();
        second.write_all(b"2").await.unwrap();
        let (mut reader, mut writer) = first.into_split();
        let much = vec![7_u8; 8 << 20];
        let sending = async {
            writer.write_all(&much).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let mut back = Vec::new();
        let (_, read) = tokio::join!(sending, reader.read_to_end(&mut back));
        assert_eq!(read.unwrap(), much.len());
        assert!(back == much);
        assert_eq!(second.read_u8().await.unwrap(), b'2');
        // The end of the machine ends the forward.
        rt.dispose().await;
        forward.ended().await;
        assert_eq!(second.read(&mut [0]).await.unwrap_or(0), 0);
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    });
}

#[test]
fn commands_and_node_talk_both_ways() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let _server = rt
            .spawn(
                r#"import http from "node:http";
                   http.createServer((req, res) => {
                       let text = "";
                       req.on("data", (d) => text += d).on("end", () => res.end(`node heard ${text}\n`));
                   }).listen(8080);"#,
            )
            .await
            .unwrap();
        rt.wait_for_listener(8080).await.unwrap();
        let out = rt
            .shell(
                "curl -s -d curl http://127.0.0.1:8080/ && curl -s -d again http://localhost:8080/",
            )
            .await
            .unwrap();
        assert_eq!(
            out.stdout.text(),
            "node heard curl\nnode heard again\n",
            "{}",
            out.stderr
        );

        rt.shell("mkdir -p /srv/www && echo from python > /srv/www/file.txt")
            .await
            .unwrap();
        // `-m http.server` starts a thread a request, which this Python cannot.
        const SINGLE_THREADED: &str = "import os, http.server as h; os.chdir('/srv/www'); \
             h.HTTPServer(('', 8081), h.SimpleHTTPRequestHandler).serve_forever()";
        let _python = rt
            .spawn_command("python3", ["-c", SINGLE_THREADED])
            .await
            .unwrap();
        rt.wait_for_listener(
            ListenerFilter::any()
                .port(8081)
                .timeout(Duration::from_secs(120)),
        )
        .await
        .unwrap();
        let out = rt
            .exec(r#"const res = await fetch("http://127.0.0.1:8081/file.txt"); console.log(res.status, await res.text());"#)
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "200 from python\n\n", "{}", out.stderr);
        let text = rt.fetch(8081, get("/file.txt")).await.unwrap().text().await;
        assert_eq!(text.unwrap(), "from python\n");
    });
}
