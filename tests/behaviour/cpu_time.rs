//! The limit of a process's processor time: `Limits::cpu_time` and `RLIMIT_CPU`, whatever the process is busy with, and that everything
//! that tells what was used tells the same.

use std::time::Duration;

use cenote::{Limits, NodeRuntime, Output};

use crate::block_on;

/// Statuses of processes that a signal ended, as shells tell them.
const XCPU: i32 = 128 + 24;
const KILL: i32 = 128 + 9;

async fn machine(time: Option<Duration>) -> NodeRuntime {
    crate::builder()
        .limits(Limits {
            cpu_time: time,
            ..Limits::default()
        })
        .create()
        .await
        .unwrap()
}

/// Runs code with a second of processor time, and another program after it.
fn run(code: &str) -> Output {
    block_on(async {
        let rt = machine(Some(Duration::from_secs(1))).await;
        let out = rt.exec(code).await.unwrap();
        let after = rt.exec("console.log('alive')").await.unwrap();
        assert_eq!(after.stdout.text(), "alive\n", "{}", after.stderr);
        rt.dispose().await;
        out
    })
}

fn ends_with(status: i32, code: &str) {
    let out = run(code);
    assert_eq!(out.exit_code, status, "{} {}", out.stdout, out.stderr);
}

#[test]
fn loop_of_code_uses_it_up() {
    ends_with(XCPU, "for (;;);");
}

#[test]
fn regular_expression_uses_it_up() {
    ends_with(XCPU, "/^(a+)+$/.test('a'.repeat(60) + 'b')");
}

#[test]
fn native_call_uses_it_up() {
    ends_with(
        XCPU,
        "import crypto from 'node:crypto'; crypto.pbkdf2Sync('a', 'b', 2 ** 31 - 1, 64, 'sha512');",
    );
}

#[test]
fn compression_uses_it_up() {
    ends_with(
        XCPU,
        "import zlib from 'node:zlib'; for (;;) zlib.deflateSync(Buffer.alloc(1 << 22), { level: 9 });",
    );
}

#[test]
fn jobs_of_other_threads_use_it_up() {
    ends_with(
        XCPU,
        "import crypto from 'node:crypto';
         const again = () => crypto.scrypt('a', 'b', 64, { N: 1 << 14 }, again);
         again(); again();",
    );
}

#[test]
fn workers_use_it_up() {
    ends_with(
        XCPU,
        "import { Worker } from 'node:worker_threads';
         new Worker('for (;;);', { eval: true });
         setInterval(() => {}, 1000);",
    );
}

#[test]
fn a_handler_of_the_signal_has_a_second_more() {
    let out = run(
        "process.on('SIGXCPU', () => { console.log('told'); process.exit(3); });
         const work = () => { for (let i = 0; i < 1e6; i++); setImmediate(work); };
         work();",
    );
    assert_eq!(
        (out.exit_code, out.stdout.text().as_ref()),
        (3, "told\n"),
        "{}",
        out.stderr
    );
    ends_with(KILL, "process.on('SIGXCPU', () => {}); for (;;);");
}

#[test]
fn sleep_does_not_use_it_up() {
    ends_with(0, "await new Promise((done) => setTimeout(done, 2500));");
}

#[test]
fn shell_limits_its_children() {
    block_on(async {
        let rt = machine(None).await;
        let out = rt
            .shell("(ulimit -t 1; node -e 'for (;;);'); echo $?; (ulimit -St 1; node -e 'process.on(\"SIGXCPU\", () => process.exit(4)); setInterval(() => { for (let i = 0; i < 1e7; i++); }, 1)'); echo $?")
            .await
            .unwrap();
        // At the same soft and hard limit the hard one counts.
        assert_eq!(out.stdout.text(), "137\n4\n", "{}", out.stderr);
        rt.dispose().await;
    });
}

#[test]
fn all_that_tell_it_tell_the_same() {
    let out = run(r#"
        import fs from "node:fs";
        import { once } from "node:events";
        import { spawn } from "node:child_process";
        import { Worker } from "node:worker_threads";
        const ticks = (pid) => Number(fs.readFileSync(`/proc/${pid}/stat`, "latin1").split(" ")[13]) * 10_000;
        const burn = (until) => { while (process.cpuUsage().user < until); };
        burn(200_000);
        const seen = [ticks("self"), process.cpuUsage().user, process.resourceUsage().userCPUTime, process.cpuUsage().user];
        console.log(seen[0] >= 190_000, seen.every((value, index) => index === 0 || value >= seen[index - 1]), ticks("self") + 10_000 > seen[3]);
        const before = process.threadCpuUsage().user;
        const worker = new Worker("const { parentPort } = process.getBuiltinModule('node:worker_threads'); while (process.threadCpuUsage().user < 100_000); parentPort.postMessage(process.threadCpuUsage().user)", { eval: true });
        const [used] = await once(worker, "message");
        await once(worker, "exit");
        console.log(used >= 100_000, process.cpuUsage().user >= before + used, process.resourceUsage().maxRSS > 0);
        // A process that is busy is seen from outside.
        const child = spawn(process.execPath, ["-e", "for (;;);"]);
        while (ticks(child.pid) < 300_000) await new Promise((done) => setTimeout(done, 10));
        child.kill("SIGKILL");
        console.log((await once(child, "exit"))[1]);
    "#);
    assert_eq!(
        out.stdout.text(),
        "true true true\ntrue true true\nSIGKILL\n",
        "{}",
        out.stderr
    );
}
