//! Debugging a guest from outside: the inspector's protocol over a WebSocket, through the machine's loopback and through a port of
//! the host.

use std::time::Duration;

use cenote::http::Request;
use cenote::{NodeRuntime, OutputStream, Process};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::block_on;

/// Long enough for a loaded machine; no test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

const PROGRAM: &str = "\
const double = (x) => {
  const y = x * 2;
  return y;
};
console.log('begun');
console.log(double(21));
";

/// A debugger: what it asked and what it was told.
struct Debugger<S> {
    socket: WebSocketStream<S>,
    next: u64,
    events: Vec<Value>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Debugger<S> {
    async fn connect(stream: S, url: &str) -> Self {
        let (socket, response) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        assert_eq!(response.status(), 101);
        Self {
            socket,
            next: 1,
            events: Vec::new(),
        }
    }

    async fn message(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .unwrap();
            if let Message::Text(text) = message.unwrap().unwrap() {
                return serde_json::from_str(text.as_str()).unwrap();
            }
        }
    }

    /// Asks; what happens meanwhile is kept.
    async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.next;
        self.next += 1;
        let text = json!({ "id": id, "method": method, "params": params }).to_string();
        self.socket.send(Message::text(text)).await.unwrap();
        loop {
            let message = self.message().await;
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    /// The next event of this name, also if it came before.
    async fn event(&mut self, method: &str) -> Value {
        loop {
            if let Some(index) = self
                .events
                .iter()
                .position(|event| event["method"] == method)
            {
                return self.events.remove(index)["params"].clone();
            }
            let message = self.message().await;
            self.events.push(message);
        }
    }
}

fn get(path: &str) -> Request<()> {
    Request::get(path).body(()).unwrap()
}

async fn read_all(mut stream: OutputStream) -> String {
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    text
}

/// Text on standard error until it holds `wanted`.
async fn until(process: &Process, wanted: &str) -> String {
    let mut stream = process.stderr();
    let mut text = String::new();
    while !text.contains(wanted) {
        let chunk = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap();
        text.push_str(&String::from_utf8_lossy(&chunk.expect(&text)));
    }
    text
}

/// The address that Node prints.
fn url_of(text: &str) -> String {
    let start = text.find("ws://").expect(text);
    text.split_at(start).1.lines().next().unwrap().to_owned()
}

/// Sets a breakpoint by its line, hits it, looks around, changes what is there, lets go.
async fn debug<S: AsyncRead + AsyncWrite + Unpin>(debugger: &mut Debugger<S>, script: &str) {
    debugger.ask("Runtime.enable", json!({})).await;
    debugger.ask("Debugger.enable", json!({})).await;
    let place = json!({ "lineNumber": 1, "url": format!("file://{script}") });
    let set = debugger.ask("Debugger.setBreakpointByUrl", place).await;
    assert!(set["breakpointId"].is_string(), "{set}");
    debugger
        .ask("Runtime.runIfWaitingForDebugger", json!({}))
        .await;
    let first = debugger.event("Debugger.paused").await;
    assert_eq!(first["reason"], "Break on start", "{first}");
    debugger.ask("Debugger.resume", json!({})).await;
    let paused = debugger.event("Debugger.paused").await;
    let frame = &paused["callFrames"][0];
    assert_eq!(frame["functionName"], "double", "{frame}");
    assert_eq!(frame["location"]["lineNumber"], 1, "{frame}");
    for (expression, value) in [("x * 3", 63), ("x = 5", 5)] {
        let on_frame = json!({ "callFrameId": frame["callFrameId"], "expression": expression });
        let answer = debugger.ask("Debugger.evaluateOnCallFrame", on_frame).await;
        assert_eq!(answer["result"]["value"], value, "{answer}");
    }
    debugger.ask("Debugger.resume", json!({})).await;
}

#[test]
fn breakpoint_in_a_guest_is_hit_and_left_through_the_machines_loopback() {
    block_on(async {
        let rt = NodeRuntime::create().await.unwrap();
        rt.write_file("/root/program.js", PROGRAM).await.unwrap();
        let node = rt.spawn_command("node", ["--inspect-brk=9300", "/root/program.js"]);
        let process = node.await.unwrap();
        let url = url_of(&until(&process, "For help").await);

        let list = rt.fetch(9300, get("/json/list")).await.unwrap();
        let list: Value = serde_json::from_str(&list.text().await.unwrap()).unwrap();
        assert_eq!(list[0]["type"], "node", "{list}");
        assert_eq!(list[0]["url"], "file:///root/program.js", "{list}");

        let stream = rt.connect(9300).await.unwrap();
        let mut debugger = Debugger::connect(stream, &url).await;
        debug(&mut debugger, "/root/program.js").await;
        drop(debugger);
        assert_eq!(process.wait().await.unwrap(), 0);
        assert_eq!(read_all(process.stdout()).await, "begun\n10\n");
    });
}

#[test]
fn debugger_on_the_host_reaches_a_guest_by_a_forwarded_port() {
    block_on(async {
        let rt = NodeRuntime::create().await.unwrap();
        rt.write_file("/root/program.js", PROGRAM).await.unwrap();
        let forward = rt.forward_port(([127, 0, 0, 1], 0), 9229).await.unwrap();
        let node = rt.spawn_command("node", ["--inspect-brk", "/root/program.js"]);
        let process = node.await.unwrap();
        let path = url_of(&until(&process, "For help").await);
        let path = path.rsplit('/').next().unwrap();
        let address = forward.host_address();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut debugger = Debugger::connect(stream, &format!("ws://{address}/{path}")).await;
        debug(&mut debugger, "/root/program.js").await;
        drop(debugger);
        assert_eq!(process.wait().await.unwrap(), 0);
    });
}

/// Real Node shows the same, when it does not abort: its sessions with workers race with their ends. So these are no programs of
/// `tests/node`.
#[test]
fn threads_of_a_guest_debug_each_other() {
    block_on(async {
        let rt = NodeRuntime::create().await.unwrap();
        for (name, code, wanted) in [
            (
                "main_thread.mjs",
                include_str!("inspector/main_thread.mjs"),
                "main got ready\nworked 2\nmain got [ 42, 'work', 2 ]\n",
            ),
            (
                "worker_domain.mjs",
                include_str!("inspector/worker_domain.mjs"),
                "worker [worker 1] WorkerThread true\nother []\n42\n[ 'done' ]\n",
            ),
        ] {
            let path = format!("/root/{name}");
            rt.write_file(&path, code).await.unwrap();
            let out = rt
                .exec_command("node", [path])
                .timeout(PATIENCE)
                .await
                .unwrap();
            assert_eq!(out.stderr.text(), "", "{name}");
            assert_eq!(
                (out.stdout.text(), out.exit_code),
                (wanted.into(), 0),
                "{name}"
            );
        }
    });
}

#[test]
fn busy_guest_is_paused_and_a_paused_one_is_killed() {
    block_on(async {
        let rt = NodeRuntime::create().await.unwrap();
        let code = "let turns = 0; for (;;) if (++turns === 1000) console.log('begun');";
        let node = rt.spawn_command("node", ["--inspect=9301", "-e", code]);
        let process = node.await.unwrap();
        let url = url_of(&until(&process, "For help").await);
        let begun = tokio::time::timeout(PATIENCE, process.stdout().next()).await;
        assert_eq!(begun.unwrap().as_deref(), Some(&b"begun\n"[..]));
        let stream = rt.connect(9301).await.unwrap();
        let mut debugger = Debugger::connect(stream, &url).await;
        debugger.ask("Debugger.enable", json!({})).await;
        debugger.ask("Debugger.pause", json!({})).await;
        let paused = debugger.event("Debugger.paused").await;
        let frame = &paused["callFrames"][0]["callFrameId"];
        let turns = debugger
            .ask(
                "Debugger.evaluateOnCallFrame",
                json!({ "callFrameId": frame, "expression": "turns >= 1000" }),
            )
            .await;
        assert_eq!(turns["result"]["value"], true, "{turns}");
        process.kill_all();
        process.wait().await.unwrap();
        let after = rt.exec("console.log('alive')").await.unwrap();
        assert_eq!(after.stdout.text(), "alive\n", "{}", after.stderr);
    });
}

#[test]
fn what_is_no_debugger_is_refused_and_the_inspector_goes_on() {
    block_on(async {
        let rt = NodeRuntime::create().await.unwrap();
        let node = rt.spawn_command(
            "node",
            ["--inspect=9302", "-e", "setInterval(() => {}, 1000)"],
        );
        let process = node.await.unwrap();
        let url = url_of(&until(&process, "For help").await);
        let id = url.rsplit('/').next().unwrap();
        let long = format!("GET / HTTP/1.1\r\nX: {}\r\n", "a".repeat(64 << 10));
        for request in [
            "GET /json HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(),
            "POST /json HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            "GET /wrong HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".to_owned(),
            format!("GET /{id} HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
            "\u{0}\u{1}\u{2}\r\n\r\n".to_owned(),
            long,
        ] {
            let mut stream = rt.connect(9302).await.unwrap();
            // The other end may refuse before it has read everything.
            let _sent = stream.write_all(request.as_bytes()).await.is_ok();
            let mut answer = Vec::new();
            let read = stream.read_to_end(&mut answer);
            let _ended = tokio::time::timeout(PATIENCE, read).await.unwrap().is_ok();
            let answer = String::from_utf8_lossy(&answer).into_owned();
            // What was sent after the refusal resets the connection, and may take the answer with it.
            let is_refused = answer.starts_with("HTTP/1.0 400 ");
            assert!(is_refused || request.len() > 16 << 10, "{request:.60}: {answer}");
        }
        let stream = rt.connect(9302).await.unwrap();
        let mut debugger = Debugger::connect(stream, &url).await;
        let two = debugger
            .ask("Runtime.evaluate", json!({ "expression": "1 + 1" }))
            .await;
        assert_eq!(two["result"]["value"], 2);
        // A message with nonsense is answered, and nothing breaks.
        debugger
            .socket
            .send(Message::text("{\"id\":"))
            .await
            .unwrap();
        let answer = debugger.message().await;
        assert!(answer["error"].is_object(), "{answer}");
        let three = debugger
            .ask("Runtime.evaluate", json!({ "expression": "1 + 2" }))
            .await;
        assert_eq!(three["result"]["value"], 3);
        process.kill_all();
        process.wait().await.unwrap();
    });
}
