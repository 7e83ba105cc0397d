//! Hostile JavaScript against the limits of one process: the cases of V8's that one host process can contain. Each is stopped by the
//! limit that is named, and the machine goes on.

use std::time::Duration;

use cenote::Output;

use crate::{block_on, builder};

/// Runs the code in a machine with small limits, and a second program after it.
fn run(code: &str) -> Output {
    block_on(async {
        let rt = builder()
            .js_heap(32 << 20)
            .array_buffers(64 << 20)
            .create()
            .await
            .unwrap();
        let out = rt
            .exec(code)
            .timeout(Duration::from_secs(20))
            .await
            .unwrap();
        let after = rt.exec("console.log('alive')").await.unwrap();
        assert_eq!(after.stdout.text(), "alive\n", "{}", after.stderr);
        out
    })
}

/// Stopped by the caller's timeout.
fn times_out(code: &str) {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let out = rt
            .exec(code)
            .timeout(Duration::from_millis(700))
            .await
            .unwrap();
        assert!(out.timed_out, "{} {}", out.exit_code, out.stderr);
        let after = rt.exec("console.log('alive')").await.unwrap();
        assert_eq!(after.stdout.text(), "alive\n", "{}", after.stderr);
    });
}

/// Stopped by the heap limit, which no code of the guest's can catch.
fn ends_by_the_heap_limit(code: &str) {
    let guarded = format!(
        "process.on('uncaughtException', () => console.log('caught'));
         process.on('exit', () => console.log('exit'));
         try {{ {code} }} catch {{ console.log('caught') }} finally {{ console.log('finally') }}"
    );
    let out = run(&guarded);
    assert_eq!(out.stdout.text(), "", "{}", out.stderr);
    assert!(
        out.stderr.text().contains("js_heap: 32 MiB"),
        "the limit is named: {}",
        out.stderr
    );
    assert_eq!(out.exit_code, 134);
}

#[test]
fn loop_of_code_is_ended() {
    times_out("while (true) {}");
}

#[test]
fn loop_of_microtasks_is_ended() {
    times_out("const again = () => Promise.resolve().then(again); again();");
}

#[test]
fn catastrophic_regular_expression_is_ended() {
    times_out("/^(a+)+$/.test('a'.repeat(60) + 'b')");
}

#[test]
fn loop_that_catches_everything_is_ended() {
    times_out("for (;;) { try { while (true) {} } catch {} finally { while (true) {} } }");
}

#[test]
fn growing_array_ends_by_the_heap_limit() {
    ends_by_the_heap_limit("const a = []; for (;;) a.push(new Array(1000));");
}

#[test]
fn growing_object_ends_by_the_heap_limit() {
    ends_by_the_heap_limit("const o = {}; for (let i = 0; ; i++) o['k' + i] = i;");
}

#[test]
fn spread_of_a_huge_string_ends_by_the_heap_limit() {
    ends_by_the_heap_limit("const a = [...'x'.repeat(2 ** 29 - 30)];");
}

#[test]
fn refused_array_buffers_do_not_lift_the_heap_limit() {
    ends_by_the_heap_limit(
        "for (let i = 0; i < 20; i++) { try { new ArrayBuffer(2 ** 30) } catch {} }
         const a = []; for (;;) a.push(new Array(1000));",
    );
}

#[test]
fn array_buffers_past_their_quota_are_a_range_error() {
    let out = run("
        const kept = [];
        try { for (;;) kept.push(Buffer.alloc(1 << 20)) } catch (error) { console.log(error.name, kept.length > 40, kept.length <= 64); }
        kept.length = 0;
        for (const size of [2 ** 28, 2 ** 31]) { try { new ArrayBuffer(size) } catch (error) { console.log(error.name); } }
        console.log(Buffer.alloc(10).length);
    ");
    assert_eq!(
        out.stdout.text(),
        "RangeError true true\nRangeError\nRangeError\n10\n",
        "{}",
        out.stderr
    );
}

#[test]
fn end_of_the_stack_is_a_range_error() {
    let out = run("
        const deep = () => deep() + 1;
        try { deep() } catch (error) { console.log(error.name, error.message) }
    ");
    assert_eq!(
        out.stdout.text(),
        "RangeError Maximum call stack size exceeded\n",
        "{}",
        out.stderr
    );
}

#[test]
fn flood_of_buffers_is_ended() {
    times_out("for (;;) Buffer.alloc(1 << 20).fill(1);");
}

#[test]
fn endless_timers_immediates_and_ticks_are_ended() {
    times_out("const again = () => setTimeout(again, 1); again();");
    times_out("const again = () => setImmediate(again); again();");
    times_out("const again = () => process.nextTick(again); again();");
}

#[test]
fn timers_without_end_meet_the_heap_limit() {
    ends_by_the_heap_limit("for (;;) setTimeout(() => {}, 1e6);");
}

#[test]
fn handles_past_the_limit_of_open_files_are_an_error_of_the_guests() {
    let out = run(r#"
        import net from "node:net";
        import fs from "node:fs";
        import { once } from "node:events";
        const servers = [];
        let code;
        while (!code) {
            const server = net.createServer();
            server.on("error", (error) => { code = error.code; });
            server.listen(0, "127.0.0.1");
            await Promise.race([once(server, "listening"), new Promise((resolve) => server.once("error", resolve))]).catch(() => {});
            servers.push(server);
        }
        console.log(code, servers.length > 100);
        for (const server of servers) server.close();
        await new Promise((resolve) => setTimeout(resolve, 10));
        console.log(fs.readFileSync("/etc/hostname", "utf8").length > 0);
        process.exit();
    "#);
    let text = out.stdout.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        matches!(
            lines[..],
            ["EMFILE true" | "ENFILE true" | "ENOBUFS true", "true"]
        ),
        "{text} {}",
        out.stderr
    );
}

#[test]
fn workers_without_end_are_refused_or_ended_and_the_machine_goes_on() {
    let out = run(r#"
        import { Worker } from "node:worker_threads";
        let failed;
        for (let count = 0; count < 400 && !failed; count++) {
            try {
                new Worker("setInterval(() => {}, 1000)", { eval: true }).on("error", (error) => { failed ??= error.code ?? error.name; });
            } catch (error) { failed = error.code ?? error.name; }
            if (count % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        process.exit(3);
    "#);
    assert!(
        out.exit_code == 3 || out.timed_out,
        "{} {}",
        out.exit_code,
        out.stderr
    );
}

/// Output that nobody takes makes its writer wait; it can be ended while it does, and the host keeps no more than its limit.
#[test]
#[expect(
    clippy::await_holding_lock,
    reason = "held on purpose: it is what keeps the callback from taking output"
)]
fn output_that_nobody_takes_stops_its_writer() {
    block_on(async {
        let rt = builder().js_heap(32 << 20).create().await.unwrap();
        let (took, taken) = (
            std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)),
            std::sync::Arc::new(std::sync::Mutex::new(())),
        );
        let held = taken.lock().unwrap();
        let count = std::sync::Arc::clone(&took);
        let gate = std::sync::Arc::clone(&taken);
        let call = rt
            .exec("import fs from 'node:fs'; for (;;) fs.writeSync(1, 'x'.repeat(65536));")
            .timeout(Duration::from_millis(700))
            .on_stdout(move |bytes| {
                count.fetch_add(bytes.len(), std::sync::atomic::Ordering::SeqCst);
                drop(gate.lock());
            });
        let waiting = tokio::spawn(call.into_future());
        tokio::time::sleep(Duration::from_millis(400)).await;
        let so_far = took.load(std::sync::atomic::Ordering::SeqCst);
        assert!(
            so_far <= 1 << 20,
            "{so_far} bytes reached a host that takes none"
        );
        drop(held);
        let out = waiting.await.unwrap().unwrap();
        assert!(out.timed_out);
        let after = rt.exec("console.log('alive')").await.unwrap();
        assert_eq!(after.stdout.text(), "alive\n");
    });
}

#[test]
fn flood_of_captured_output_is_cut_and_flagged() {
    block_on(async {
        let rt = builder().output_limit(1 << 20).create().await.unwrap();
        let out = rt
            .exec("import fs from 'node:fs'; for (let i = 0; i < 400; i++) fs.writeSync(1, 'x'.repeat(65536)); console.error('end');")
            .await
            .unwrap();
        assert!(out.stdout.is_truncated());
        assert_eq!(out.stdout.len(), 1 << 20);
        assert_eq!((out.stderr.text().as_ref(), out.exit_code), ("end\n", 0));
    });
}

/// A process can be ended while it is anything: starting, compiling, computing, waiting in a call, collecting garbage.
#[test]
fn process_can_be_ended_at_any_moment() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let programs = [
            "for (;;) JSON.parse('[' + '1,'.repeat(1000) + '1]');",
            "for (;;) new Function('return ' + Math.random())();",
            "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
            "import { execFileSync } from 'node:child_process'; execFileSync('sleep', ['100']);",
            "import fs from 'node:fs'; fs.readSync(0, Buffer.alloc(1));",
            "let all = []; for (;;) { all.push({ all: all.length }); if (all.length > 1e5) all = []; }",
            "await new Promise(() => setInterval(() => {}, 1));",
        ];
        for (index, program) in programs.iter().enumerate() {
            for pause in [0, 3, 11, 40] {
                let process = rt.spawn(*program).await.unwrap();
                tokio::time::sleep(Duration::from_millis(pause)).await;
                process.kill(cenote::Signal::SIGKILL).unwrap();
                let code = process.wait().await.unwrap();
                assert_eq!(code, 128 + 9, "program {index} after {pause} ms");
            }
        }
        let after = rt.exec("console.log('alive')").await.unwrap();
        assert_eq!(after.stdout.text(), "alive\n", "{}", after.stderr);
    });
}
