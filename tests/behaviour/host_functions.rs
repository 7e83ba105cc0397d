//! Functions of the embedder, called by guest JavaScript and by the shell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cenote::{HostFunction, HostFunctionError, HostFunctions, NodeRuntime};

use crate::builder;
use serde_json::{Value, json};

fn tools() -> HostFunctions {
    let add = HostFunction::new(async |argument: Value| {
        let number = |key: &str| argument[key].as_f64().unwrap_or_default();
        Ok(json!(number("a") + number("b")))
    })
    .description("Adds two numbers")
    .parameters(json!({
        "type": "object",
        "properties": {
            "a": { "type": "number", "description": "the first" },
            "b": { "type": "number" },
        },
        "required": ["a", "b"],
        "additionalProperties": false,
    }));
    let fails = HostFunction::new(async |_: Value| {
        Err(HostFunctionError::new("QuotaError", "no more for today"))
    });
    let panics = HostFunction::new(async |argument: Value| {
        assert!(argument.is_null(), "on purpose");
        Ok(argument)
    });
    let sleeps = HostFunction::new(async |_: Value| {
        std::future::pending::<()>().await;
        Ok(Value::Null)
    })
    .timeout(Duration::from_millis(20));
    let echo = HostFunction::new(async |argument: Value| Ok(argument)).parameters(json!({
        "type": "object",
        "properties": {
            "text": { "type": "string" },
            "list": { "type": "array", "items": { "type": "integer" } },
            "dryRun": { "type": "boolean" },
            "deep": { "type": "object" },
        },
    }));
    HostFunctions::new("tools")
        .description("Tools of the test")
        .function("add", add)
        .function("fails", fails)
        .function("panics", panics)
        .function("sleeps", sleeps)
        .function("echo", echo)
}

async fn machine() -> NodeRuntime {
    builder().host_functions(tools()).create().await.unwrap()
}

#[tokio::test]
async fn guest_javascript_calls_them_as_frozen_async_globals() {
    let rt = machine().await;
    let out = rt
        .exec(
            r#"
            console.log(await tools.add({ a: 2, b: 40 }), Object.isFrozen(tools), Object.isFrozen(tools.add), tools.add.name);
            try { globalThis.tools = 1; } catch (error) { console.log(error.name); }
            console.log(tools.add({ a: 1, b: 1 }) instanceof Promise);
            const all = await Promise.all(Array.from({ length: 50 }, (_, i) => tools.add({ a: i, b: i })));
            console.log(all.reduce((a, b) => a + b));
            "#,
        )
        .await
        .unwrap();
    assert_eq!(
        (out.stdout.text().as_ref(), out.exit_code),
        ("42 true true add\nTypeError\ntrue\n2450\n", 0),
        "{}",
        out.stderr.text()
    );
    let common = rt
        .exec("tools.add({ a: 1, b: 2 }).then(console.log)")
        .common_js()
        .await
        .unwrap();
    assert_eq!(common.stdout.text(), "3\n");
    let worker = rt
        .exec(
            r#"
            import { Worker } from "node:worker_threads";
            const worker = new Worker("import { parentPort } from 'node:worker_threads'; parentPort.postMessage(await tools.add({ a: 3, b: 4 }))", { eval: true });
            worker.on("message", (n) => console.log("worker", n));
            "#,
        )
        .await
        .unwrap();
    assert_eq!(
        worker.stdout.text(),
        "worker 7\n",
        "{}",
        worker.stderr.text()
    );
}

#[tokio::test]
async fn errors_carry_name_and_message_and_point_at_the_call() {
    let rt = machine().await;
    let out = rt
        .exec(
            r#"
            for (const call of [() => tools.fails(), () => tools.panics({}), () => tools.sleeps(), () => tools.add({ a: "x", b: 1 }), () => tools.add({ a: 1, b: 1, c: 1 })]) {
                try { await call(); console.log("no error"); }
                catch (error) { console.log(error.name, "|", error.message, "|", error instanceof Error, error.stack.includes("eval1")); }
            }
            "#,
        )
        .await
        .unwrap();
    let expected = "QuotaError | no more for today | true true\n\
        Error | the host function panicked | true true\n\
        TimeoutError | no answer within 20 ms | true true\n\
        TypeError | /a: \"x\" is not of type \"number\" | true true\n\
        TypeError | Additional properties are not allowed ('c' was unexpected) | true true\n";
    assert_eq!(out.stdout.text(), expected, "{}", out.stderr.text());
}

#[tokio::test]
async fn the_shell_has_a_command_for_each_collection() {
    let rt = machine().await;
    let shell = async |script: &str| {
        let out = rt.shell(script).await.unwrap();
        (
            out.exit_code,
            format!("{}{}", out.stdout.text(), out.stderr.text()),
        )
    };
    assert_eq!(
        shell("cenote-tools add --a 2 --b=3").await,
        (0, "5\n".into())
    );
    assert_eq!(
        shell("cenote-tools add --json '{\"a\":1,\"b\":1}'").await,
        (0, "2\n".into())
    );
    assert_eq!(
        shell("echo '{\"text\":\"in\"}' | cenote-tools echo --json - --list 1 --list 2 --dry-run --deep '{\"x\":[]}' | tr -d ' \\n'").await,
        (0, "{\"text\":\"in\",\"list\":[1,2],\"dryRun\":true,\"deep\":{\"x\":[]}}".into())
    );
    let (status, text) = shell("cenote-tools --help").await;
    assert!(
        status == 0 && text.contains("Tools of the test") && text.contains("Adds two numbers"),
        "{text}"
    );
    let (status, text) = shell("cenote-tools add --help").await;
    assert!(
        status == 0 && text.contains("--a NUMBER  the first (required)"),
        "{text}"
    );
    assert_eq!(
        shell("cenote-tools fails").await,
        (
            1,
            "cenote-tools fails: QuotaError: no more for today\n".into()
        )
    );
    let (status, text) = shell("cenote-tools add --a 1").await;
    assert!(
        status == 1 && text.contains("\"b\" is a required property"),
        "{text}"
    );
    assert_eq!(
        shell("cenote-tools add --c 1").await,
        (2, "cenote-tools add: unknown option --c\n".into())
    );
    assert_eq!(shell("cenote-tools nothing").await.0, 2);
}

#[tokio::test]
async fn a_caller_that_ends_cancels_its_call() {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let cancelled = Arc::new(AtomicBool::new(false));
    let (began, begun) = tokio::sync::oneshot::channel();
    let began = Arc::new(std::sync::Mutex::new(Some(began)));
    let flag = Arc::clone(&cancelled);
    let waits = HostFunction::new(move |_| {
        let dropped = Dropped(Arc::clone(&flag));
        let began = began.lock().unwrap().take();
        if let Some(began) = began {
            began.send(()).unwrap();
        }
        async move {
            std::future::pending::<()>().await;
            drop(dropped);
            Ok(Value::Null)
        }
    });
    let rt = builder().create().await.unwrap();
    rt.register_host_functions(HostFunctions::new("host").function("waits", waits))
        .unwrap();
    let process = rt.spawn("await host.waits()").await.unwrap();
    begun.await.unwrap();
    process.kill(cenote::Signal::SIGKILL).unwrap();
    process.wait().await.unwrap();
    for _ in 0..500 {
        if cancelled.load(Ordering::Acquire) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the call went on");
}

#[tokio::test]
async fn hostile_requests_get_an_error_or_nothing() {
    let rt = machine().await;
    let out = rt
        .exec(
            r#"
            import net from "node:net";
            const ask = (text) => new Promise((resolve) => {
                const socket = net.connect("\0cenote/host-functions", () => socket.write(text));
                let answer = "";
                socket.on("data", (chunk) => { answer += chunk; });
                socket.on("error", () => {});
                socket.on("close", () => resolve(answer.trim()));
            });
            console.log(await ask("not json\n"));
            console.log(await ask('{"collection":"tools"}\n'));
            console.log(await ask('{"collection":"tools","function":"__proto__"}\n'));
            console.log(await ask("[".repeat(100000) + "\n"));
            console.log((await ask(Buffer.alloc(20 << 20, 120))) === "");
            console.log(await tools.add({ a: 1, b: 1 }));
            "#,
        )
        .await
        .unwrap();
    let text = out.stdout.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].contains("SyntaxError") && lines[1].contains("no `function` was given"),
        "{text}"
    );
    assert!(
        lines[2].contains("ReferenceError") && lines[3].contains("SyntaxError"),
        "{text}"
    );
    assert_eq!(&lines[4..], ["true", "2"], "{}", out.stderr.text());
}
