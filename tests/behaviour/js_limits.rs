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
            .timeout(Duration::from_secs(120))
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

/// A module that exports `f`, its memory's growth by so many pages.
const GROWS: &str = "const grows = new Uint8Array([0,97,115,109,1,0,0,0, 1,6,1,96,1,127,1,127, 3,2,1,0, 5,3,1,0,1, 7,5,1,1,102,0,0, 10,8,1,6,0,32,0,64,0,11]);";

#[test]
fn memories_of_web_assembly_are_within_the_quota() {
    let out = run("
        const kept = [];
        const first = process.memoryUsage();
        const make = () => { const memory = new WebAssembly.Memory({ initial: 160 }); new Uint8Array(memory.buffer).fill(1); kept.push(memory) };
        make(); make();
        const { rss, external } = process.memoryUsage();
        console.log(rss - first.rss > 15e6, external - first.external > 15e6, process.memoryUsage.rss() > 20e6);
        try { for (;;) make() } catch (error) { console.log(error.name, kept.length > 3, kept.length <= 6) }
        try { kept[0].grow(10000) } catch (error) { console.log(error.name) }
        try { new ArrayBuffer(2 ** 25) } catch (error) { console.log('together', error.name) }
        kept.length = 0;
        for (let i = 0; i < 40; i++) new WebAssembly.Memory({ initial: 160 });
        console.log('collected', new ArrayBuffer(2 ** 25).byteLength);
    ");
    assert_eq!(
        out.stdout.text(),
        "true true true\nRangeError true true\nRangeError\ntogether RangeError\ncollected 33554432\n",
        "{}",
        out.stderr
    );
}

#[test]
fn growth_inside_web_assembly_is_within_the_quota() {
    let out = run(&format!(
        "{GROWS}
        const {{ exports: {{ f }} }} = new WebAssembly.Instance(new WebAssembly.Module(grows));
        let pages = 1, before;
        while ((before = f(100)) !== -1) pages = before + 100;
        console.log(pages > 300, pages <= 1024, f(0) === pages);
        console.log(f(60000), f(65535), f(0) === pages);"
    ));
    assert_eq!(
        out.stdout.text(),
        "true true true\n-1 -1 true\n",
        "{}",
        out.stderr
    );
}

#[test]
fn memories_without_pages_are_limited_in_number() {
    let out = run("
        for (const options of [{ initial: 0, maximum: 1 }, { initial: 1, maximum: 2, shared: true }]) {
            const kept = [];
            try { for (;;) kept.push(new WebAssembly.Memory(options)) } catch (error) { console.log(error.name, kept.length <= 1024) }
        }
    ");
    assert_eq!(
        out.stdout.text(),
        "RangeError true\nRangeError true\n",
        "{}",
        out.stderr
    );
}

#[test]
fn resizable_buffers_are_within_the_quota() {
    let out = run("
        const report = (work) => { try { work(); console.log('no error') } catch (error) { console.log(error.name) } };
        const one = new ArrayBuffer(1, { maxByteLength: 2e8 });
        report(() => one.resize(2e8));
        console.log(one.byteLength);
        one.resize(3e7);
        new Uint8Array(one).fill(1);
        report(() => new ArrayBuffer(4e7));
        one.resize(10);
        report(() => new ArrayBuffer(4e7).byteLength);
        const shared = new SharedArrayBuffer(1, { maxByteLength: 2e8 });
        report(() => shared.grow(2e8));
        report(() => shared.grow(1e7));
        console.log(shared.byteLength);
    ");
    assert_eq!(
        out.stdout.text(),
        "RangeError\n1\nRangeError\nno error\nRangeError\nno error\n10000000\n",
        "{}",
        out.stderr
    );
}

#[test]
fn many_resizable_buffers_are_within_the_quota() {
    let out = run("
        const kept = [];
        try { for (;;) { const buffer = new ArrayBuffer(1e6, { maxByteLength: 2e6 }); kept.push(buffer) } } catch (error) { console.log(error.name) }
        console.log(kept.length > 20, kept.length <= 64);
        try { structuredClone(kept[0]) } catch (error) { console.log(error.name) }
    ");
    assert_eq!(
        out.stdout.text(),
        "RangeError\ntrue true\nRangeError\n",
        "{}",
        out.stderr
    );
}

#[test]
fn memories_of_workers_and_realms_count_in_the_process() {
    let out = run("
        const { Worker } = process.getBuiltinModule('worker_threads');
        const realm = process.getBuiltinModule('vm').runInNewContext('new WebAssembly.Memory({ initial: 400 })');
        const worker = new Worker(`
            const kept = [];
            try { for (;;) kept.push(new WebAssembly.Memory({ initial: 160 })) } catch (error) { console.log(error.name, kept.length > 0, kept.length < 4) }
        `, { eval: true });
        worker.on('exit', () => console.log(realm.buffer.byteLength, new WebAssembly.Memory({ initial: 300 }).buffer.byteLength));
    ");
    assert_eq!(
        out.stdout.text(),
        "RangeError true true\n26214400 19660800\n",
        "{}",
        out.stderr
    );
}

#[test]
fn stacks_of_suspended_web_assembly_end_by_the_quota() {
    let out = run("
        const calls = new Uint8Array([0,97,115,109,1,0,0,0, 1,4,1,96,0,0, 2,7,1,1,109,1,115,0,0, 3,2,1,0, 7,5,1,1,102,0,1, 10,6,1,4,0,16,0,11]);
        const never = new WebAssembly.Suspending(() => new Promise(() => {}));
        const { exports } = new WebAssembly.Instance(new WebAssembly.Module(calls), { m: { s: never } });
        const call = WebAssembly.promising(exports.f);
        const kept = [];
        for (let i = 0; i < 20; i++) kept.push(call());
        console.log('some');
        for (;;) kept.push(call());
    ");
    assert_eq!(out.stdout.text(), "some\n", "{}", out.stderr);
    assert!(
        out.stderr.text().contains("array_buffers: 64 MiB"),
        "the limit is named: {}",
        out.stderr
    );
    assert_eq!(out.exit_code, 134);
}
