//! The crate against a real kernel: a machine with a memory filesystem and `/usr/bin/node`.

use std::sync::Arc;

use cenote_base::abi::fs::Mode;
use cenote_base::abi::wait::WaitStatus;
use cenote_base::{Credentials, Fd, HostClock};
use cenote_kernel::{Kernel, KernelOptions, SpawnRequest};

use crate::{HeapLimits, NodeRuntime};

/// Randomness of the tests.
#[derive(Debug)]
struct Zeros;

impl cenote_kernel::Entropy for Zeros {
    fn fill(&self, buf: &mut [u8]) {
        buf.fill(7);
    }
}

/// Runs timers on tokio.
#[derive(Debug)]
struct Tokio;

impl cenote_kernel::Spawner for Tokio {
    fn spawn(&self, future: cenote_kernel::BoxFuture<'static, ()>) {
        tokio::spawn(future);
    }
}

/// What a run left.
#[derive(Debug, PartialEq)]
struct Outcome {
    status: WaitStatus,
    stdout: String,
    stderr: String,
}

/// Runs `node` with these arguments in a fresh machine that holds these files.
fn node_with(files: &[(&str, &str)], args: &[&str], stdin: &str) -> Outcome {
    run(files, args, stdin, None)
}

/// As `node_with`; with `kill_at`, sends that signal once the program has printed something.
#[expect(
    clippy::too_many_lines,
    reason = "a machine is put together step by step"
)]
fn run(
    files: &[(&str, &str)],
    args: &[&str],
    stdin: &str,
    kill_at_output: Option<cenote_base::abi::SigNum>,
) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let limits = cenote_base::limits::Limits::default();
        let budget = cenote_base::limits::Budget::new(limits.clone());
        let clock: Arc<dyn cenote_base::Clock> =
            Arc::new(HostClock::new(tokio::runtime::Handle::current()));
        let root = cenote_vfs::fs::tmpfs::Tmpfs::new(Arc::clone(&clock), Arc::clone(&budget));
        let kernel = Kernel::new(KernelOptions {
            clock,
            spawner: Arc::new(Tokio),
            policy: Arc::new(cenote_base::policy::InsideOnly),
            limits,
            budget: Some(budget),
            hostname: "box".into(),
            system: cenote_kernel::System::default(),
            root,
            runtimes: vec![Arc::new(NodeRuntime::new(HeapLimits::default()))],
            entropy: Arc::new(Zeros),
            network: None,
        });
        let image = NodeRuntime::image();
        let mut all: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(path, text)| (*path, text.as_bytes()))
            .collect();
        all.push(("/usr/bin/node", &image));
        for (path, bytes) in all {
            seed(&kernel, path, bytes);
        }
        let pipe = || kernel.pipe().unwrap();
        let (stdin_read, stdin_write) = pipe();
        let (stdout_read, stdout_write) = pipe();
        let (stderr_read, stderr_write) = pipe();
        let argv = std::iter::once("node")
            .chain(args.iter().copied())
            .map(|arg| arg.as_bytes().to_vec())
            .collect();
        let child = kernel
            .spawn(SpawnRequest {
                program: b"/usr/bin/node".to_vec(),
                argv,
                envp: vec![b"PATH=/usr/bin:/bin".to_vec(), b"HOME=/root".to_vec()],
                cwd: b"/root".to_vec(),
                credentials: Credentials::root(),
                umask: 0o022,
                files: vec![
                    (Fd::new(0), stdin_read),
                    (Fd::new(1), stdout_write),
                    (Fd::new(2), stderr_write),
                ],
                new_session: true,
                controlling_terminal: None,
            })
            .await
            .unwrap();
        cenote_kernel::host_io::write_all(&stdin_write, stdin.as_bytes())
            .await
            .unwrap();
        drop(stdin_write);
        let read = async |file: Arc<cenote_vfs::OpenFile>| {
            let mut bytes = Vec::new();
            let mut chunk = [0; 4096];
            loop {
                match cenote_kernel::host_io::read(&file, &mut chunk)
                    .await
                    .unwrap()
                {
                    0 => return String::from_utf8_lossy(&bytes).into_owned(),
                    count => bytes.extend_from_slice(&chunk[..count]),
                }
                if let Some(signal) = kill_at_output {
                    let _may_be_gone = child.kill(signal);
                }
            }
        };
        let (stdout, stderr) = tokio::join!(read(stdout_read), read(stderr_read));
        Outcome {
            status: child.wait().await,
            stdout,
            stderr,
        }
    })
}

fn seed(kernel: &Arc<Kernel>, path: &str, bytes: &[u8]) {
    use cenote_vfs::{LookupContext, ops};
    let root = kernel.namespace().root();
    let credentials = Credentials::root();
    let cx = LookupContext::new(&root, &root, &credentials, 0);
    let mut dir = String::new();
    for part in path.trim_start_matches('/').split('/') {
        if !dir.is_empty() || path.trim_start_matches('/').contains('/') {
            if format!("{dir}/{part}") == path {
                break;
            }
            dir = format!("{dir}/{part}");
            let _exists = ops::mkdir(&cx, None, dir.as_bytes(), Mode::from_bits_truncate(0o755));
        }
    }
    let flags =
        cenote_base::abi::fs::OpenFlags::O_CREAT | cenote_base::abi::fs::OpenFlags::O_WRONLY;
    let file = ops::open(
        &cx,
        None,
        path.as_bytes(),
        flags,
        Mode::from_bits_truncate(0o755),
    )
    .unwrap();
    assert_eq!(file.write(bytes).unwrap(), bytes.len());
}

fn ok(stdout: &str) -> Outcome {
    Outcome {
        status: WaitStatus::Exited(0),
        stdout: stdout.into(),
        stderr: String::new(),
    }
}

#[test]
fn version_is_the_librarys() {
    assert_eq!(
        node_with(&[("/root/x", "")], &["--version"], ""),
        ok("v24.21.0\n")
    );
}

#[test]
fn eval_prints_through_the_console() {
    assert_eq!(
        node_with(
            &[("/root/x", "")],
            &["-e", "console.log('hi', [1, 2], { a: new Map([[1, 2]]) })"],
            ""
        ),
        ok("hi [ 1, 2 ] { a: Map(1) { 1 => 2 } }\n")
    );
}

#[test]
fn timers_ticks_and_microtasks_run_in_nodes_order() {
    let code = "setTimeout(() => console.log('timeout'), 1); setImmediate(() => console.log('immediate'));
        process.nextTick(() => console.log('tick')); Promise.resolve().then(() => console.log('microtask')); console.log('main');
        process.on('beforeExit', () => console.log('beforeExit')); process.on('exit', (code) => console.log('exit', code));";
    let out = node_with(&[("/root/x", "")], &["-e", code], "");
    let lines: Vec<&str> = out.stdout.lines().collect();
    assert_eq!(&lines[..3], ["main", "tick", "microtask"], "{out:?}");
    assert_eq!(&lines[5..], ["beforeExit", "exit 0"], "{out:?}");
}

#[test]
fn a_file_is_run_with_require_and_arguments() {
    let files = [
        (
            "/root/main.js",
            "const { add } = require('./lib'); console.log(add(1, 2), __filename, process.argv.slice(2)); process.exitCode = 3;",
        ),
        ("/root/lib/index.js", "exports.add = (a, b) => a + b;"),
    ];
    let out = node_with(&files, &["main.js", "a", "b"], "");
    let expected = Outcome {
        status: WaitStatus::Exited(3),
        stdout: "3 /root/main.js [ 'a', 'b' ]\n".into(),
        stderr: String::new(),
    };
    assert_eq!(out, expected);
}

#[test]
fn modules_are_linked_and_evaluated() {
    let files = [
        (
            "/root/main.mjs",
            "import { a } from './a.mjs'; import path from 'node:path'; const b = await import('./b.cjs'); console.log(a, path.sep, b.default, import.meta.filename);",
        ),
        ("/root/a.mjs", "export const a = await Promise.resolve(5);"),
        ("/root/b.cjs", "module.exports = 'cjs';"),
    ];
    assert_eq!(
        node_with(&files, &["main.mjs"], ""),
        ok("5 / cjs /root/main.mjs\n")
    );
}

#[test]
fn an_uncaught_exception_is_printed_and_ends_the_process() {
    let out = node_with(
        &[("/root/main.js", "\nthrow new Error('boom');")],
        &["main.js"],
        "",
    );
    assert_eq!(out.status, WaitStatus::Exited(1));
    assert!(out.stderr.starts_with("/root/main.js:2\nthrow new Error('boom');\n^\n\nError: boom\n    at Object.<anonymous> (/root/main.js:2:7)\n"), "{}", out.stderr);
    assert!(
        out.stderr.ends_with("\n\nNode.js v24.21.0\n"),
        "{}",
        out.stderr
    );
}

#[test]
fn exhausting_the_heap_ends_only_the_process() {
    let out = node_with(
        &[("/root/x", "")],
        &[
            "--max-old-space-size=32",
            "-e",
            "const a = []; for (;;) a.push(new Array(1000))",
        ],
        "",
    );
    assert!(matches!(out.status, WaitStatus::Signaled { .. }), "{out:?}");
    assert!(out.stderr.contains("heap limit"), "{out:?}");
}

#[test]
fn a_program_on_standard_input_is_run() {
    assert_eq!(
        node_with(
            &[("/root/x", "")],
            &["-"],
            "console.log(process.argv.length, require('os').hostname())"
        ),
        ok("2 box\n")
    );
}

#[test]
fn modules_given_on_the_command_line_are_run() {
    let code = "import fs from 'node:fs'; import { x } from './x.cjs'; fs.writeFileSync('y', 'z'); console.log(x, fs.readFileSync('y', 'utf8'), import.meta.url)";
    let out = node_with(
        &[("/root/x.cjs", "exports.x = 4")],
        &["--input-type=module", "-e", code],
        "",
    );
    assert_eq!(out, ok("4 z file:///root/[eval1]\n"));
}

#[test]
fn print_shows_the_value() {
    assert_eq!(
        node_with(&[("/root/x", "")], &["-p", "[1, 2].map((x) => x * 2)"], ""),
        ok("[ 2, 4 ]\n")
    );
}

#[test]
fn standard_input_is_a_stream() {
    let code = "process.stdin.on('data', (c) => process.stdout.write('got: ' + c)).on('end', () => console.log('end'))";
    assert_eq!(
        node_with(&[("/root/x", "")], &["-e", code], "hello\n"),
        ok("got: hello\nend\n")
    );
}

#[test]
fn files_are_written_and_read_in_all_three_ways() {
    let code = "const fs = require('fs'); fs.writeFileSync('a', 'one'); fs.appendFile('a', ' two', (e) => { if (e) throw e;
        fs.promises.readFile('a', 'utf8').then((t) => console.log(t, fs.statSync('a').size, fs.readdirSync('.')));
        try { fs.readFileSync('none') } catch (e) { console.log(e.message, e.errno) }
        fs.createReadStream('a').setEncoding('utf8').on('data', (d) => console.log('stream', d)); });";
    let out = node_with(&[("/root/x", "")], &["-e", code], "");
    assert_eq!(
        out,
        ok(
            "ENOENT: no such file or directory, open 'none' -2\nstream one two\none two 7 [ 'a', 'x' ]\n"
        )
    );
}

#[test]
fn children_run_as_processes_of_the_machine() {
    let code = "const { execFileSync, spawn } = require('child_process');
        console.log(execFileSync('node', ['--version'], { encoding: 'utf8' }).trim());
        const child = spawn(process.execPath, ['-e', 'process.stdin.pipe(process.stdout); process.exitCode = 4']);
        child.stdout.on('data', (d) => console.log('out', String(d))); child.on('close', (c, s) => console.log('close', c, s)); child.stdin.end('abc');";
    assert_eq!(
        node_with(&[("/root/x", "")], &["-e", code], ""),
        ok("v24.21.0\nout abc\nclose 4 null\n")
    );
}

#[test]
fn a_program_that_never_yields_is_killed() {
    use cenote_base::abi::SigNum;
    for code in [
        "for (;;);",
        "(function f() { Promise.resolve().then(f) })()",
        "/(a+)+b/.test('a'.repeat(60))",
        "setInterval(() => {}, 1000)",
        "require('child_process').execFileSync('node', ['-e', 'for(;;);'])",
    ] {
        let out = run(
            &[("/root/x", "")],
            &["-e", &format!("console.log('on'); {code}")],
            "",
            Some(SigNum::SIGKILL),
        );
        assert_eq!(
            out.status,
            WaitStatus::Signaled {
                signal: SigNum::SIGKILL,
                core: false
            },
            "{code}: {out:?}"
        );
    }
}

#[test]
fn a_signal_with_a_listener_reaches_it() {
    let code = "process.on('SIGTERM', (name, number) => { console.log(name, number); process.exit(7) }); setInterval(() => {}, 1000); console.log('on')";
    let out = run(
        &[("/root/x", "")],
        &["-e", code],
        "",
        Some(cenote_base::abi::SigNum::SIGTERM),
    );
    assert_eq!(
        (out.status, out.stdout.as_str()),
        (WaitStatus::Exited(7), "on\nSIGTERM 15\n"),
        "{out:?}"
    );
}

#[test]
fn endless_recursion_is_a_range_error() {
    let code = "function f() { f() } try { f() } catch (e) { console.log(e instanceof RangeError, e.message) }";
    assert_eq!(
        node_with(&[("/root/x", "")], &["-e", code], ""),
        ok("true Maximum call stack size exceeded\n")
    );
}

#[test]
fn array_buffers_have_a_quota_that_throws() {
    let code = "const all = []; try { for (;;) all.push(Buffer.allocUnsafeSlow(1 << 24)) } catch (e) { console.log(e.name, e.message, all.length) }";
    assert_eq!(
        node_with(&[("/root/x", "")], &["-e", code], ""),
        ok("RangeError Array buffer allocation failed 15\n")
    );
}

#[test]
fn native_addons_are_refused_by_name() {
    let out = node_with(
        &[(
            "/root/a.node",
            &format!("\u{7f}ELF\u{2}\u{1}\u{1}{}", "\0".repeat(120)),
        )],
        &[
            "-e",
            "try { require('./a.node') } catch (e) { console.log(e.code, e.message) }",
        ],
        "",
    );
    assert_eq!(
        out,
        ok("ERR_DLOPEN_FAILED /root/a.node: native addons cannot be loaded in this machine\n")
    );
}

#[test]
fn what_is_missing_says_so_when_it_is_used() {
    let code =
        "try { require('v8').getCppHeapStatistics() } catch (e) { console.log(e.code, e.message) }";
    assert_eq!(
        node_with(&[("/root/x", "")], &["--no-warnings", "-e", code], ""),
        ok("ERR_METHOD_NOT_IMPLEMENTED The v8.getCppHeapStatistics() method is not implemented\n")
    );
}

#[test]
fn snapshots_of_programs_are_not_built_and_not_taken() {
    let files = [
        ("/root/entry.js", "console.log('ran')"),
        ("/root/blob", "x"),
    ];
    let started = |args: &[&str]| node_with(&files, args, "");
    let says = |status, stdout: &str, stderr: &str| Outcome {
        status: WaitStatus::Exited(status),
        stdout: stdout.into(),
        stderr: stderr.into(),
    };
    assert_eq!(
        started(&["--snapshot-blob", "/root/new", "--build-snapshot"]),
        says(
            9,
            "",
            "--build-snapshot must be used with an entry point script.\nUsage: node --build-snapshot /path/to/entry.js\n"
        )
    );
    assert_eq!(
        started(&["--build-snapshot", "/root/entry.js"]),
        says(
            0,
            "ran\n",
            "node: start-up snapshots are not supported: none is built\n"
        )
    );
    assert_eq!(
        started(&["--build-snapshot-config", "/root/none.json"]),
        says(
            1,
            "",
            "Cannot read snapshot configuration from /root/none.json: no such file or directory\n"
        )
    );
    assert_eq!(
        started(&["--snapshot-blob", "/root/none", "/root/entry.js"]),
        says(
            0,
            "ran\n",
            "node: start-up snapshots are not supported: /root/none is not used\n"
        )
    );
    assert_eq!(
        started(&["--snapshot-blob", "/root/blob", "/root/entry.js"]),
        says(14, "", "node: /root/blob was not built by this node\n")
    );
}

#[cfg(debug_assertions)]
#[test]
fn optimised_code_takes_fast_calls() {
    let code = "
        const { getV8FastApiCallCount: taken } = require('internal/test/binding').internalBinding('debug');
        const fs = require('fs');
        const [left, right] = [Buffer.alloc(100), Buffer.alloc(100)];
        const calls = { exists_sync: () => fs.existsSync('/root'), compare: () => Buffer.compare(left, right) };
        // V8 compiles on another thread, when it finds that worth its while.
        const end = Date.now() + 120_000;
        for (const [name, call] of Object.entries(calls)) {
          const before = taken(name);
          while (taken(name) === before && Date.now() < end) for (let i = 0; i < 1000; i++) call();
          console.log(name, taken(name) > before);
        }";
    assert_eq!(
        node_with(
            &[("/root/x", "")],
            &["--no-warnings", "--expose-internals", "-e", code],
            ""
        ),
        ok("exists_sync true\ncompare true\n")
    );
}

#[test]
fn values_are_cloned_and_serialized() {
    let code = "const v8 = require('v8'); const o = { a: [1n, new Date(0), /x/g], m: new Map([[1, new Set('ab')]]) }; o.self = o;
        const c = structuredClone(o); console.log(c.self === c, c.a[0], c.m.get(1).size);
        const b = v8.deserialize(v8.serialize({ x: Buffer.from('hi'), y: new Float64Array([1.5]) })); console.log(b);
        try { structuredClone(() => {}) } catch (e) { console.log(e.name) }
        const buffer = new ArrayBuffer(8); const moved = structuredClone(buffer, { transfer: [buffer] }); console.log(buffer.byteLength, moved.byteLength)";
    let expected =
        "true 1n 2\n{ x: <Buffer 68 69>, y: Float64Array(1) [ 1.5 ] }\nDataCloneError\n0 8\n";
    assert_eq!(
        node_with(&[("/root/x", "")], &["-e", code], ""),
        ok(expected)
    );
}

#[test]
fn a_value_is_returned_to_the_embedder() {
    // Descriptor 1 stands in for the pipe the SDK would pass.
    let out = node_with(
        &[("/root/x", "")],
        &[
            "--cenote-return-fd=1",
            "--input-type=module",
            "-e",
            "__return({ a: [1, 'x'], b: await 2 })",
        ],
        "",
    );
    assert_eq!(out, ok("{\"a\":[1,\"x\"],\"b\":2}"));
    let out = node_with(&[("/root/x", "")], &["-p", "typeof __return"], "");
    assert_eq!(out, ok("undefined\n"));
}

#[test]
fn wrong_options_end_with_status_nine() {
    let out = node_with(&[("/root/x", "")], &["--no-such-option"], "");
    assert_eq!(
        (out.status, out.stderr.as_str()),
        (
            WaitStatus::Exited(9),
            "node: bad option: --no-such-option\n"
        )
    );
}

#[test]
fn vm_contexts_are_bare() {
    let code = "const vm = require('vm'); const c = vm.createContext({ a: 1 });
        console.log(vm.runInContext('b = a + 1; [typeof require, typeof process, typeof console, typeof URL, Array.name]', c).join(), c.b);
        try { vm.runInNewContext('for (;;);', {}, { timeout: 20 }) } catch (e) { console.log(e.code) }";
    let expected = "undefined,undefined,object,undefined,Array 2\nERR_SCRIPT_EXECUTION_TIMEOUT\n";
    assert_eq!(
        node_with(&[("/root/x", "")], &["-e", code], ""),
        ok(expected)
    );
}
