//! What guests see of time: the three modes, from node, its workers and `vm` contexts, and from programs in WebAssembly.

use cenote::{NodeRuntime, Output, Timing};

use crate::{block_on, builder};

async fn machine(timing: Timing) -> NodeRuntime {
    builder().timing(timing).create().await.unwrap()
}

/// Runs a module in a machine whose guests see this of time.
fn exec(timing: Timing, code: &str) -> Output {
    block_on(async {
        let rt = machine(timing).await;
        let out = rt.exec(code).await.unwrap();
        rt.dispose().await;
        out
    })
}

fn prints(timing: Timing, code: &str, wanted: &str) {
    let out = exec(timing, code);
    assert_eq!(
        (out.stdout.text().as_ref(), out.stderr.text().as_ref()),
        (wanted, ""),
        "{timing:?}"
    );
    assert_eq!(out.exit_code, 0);
}

/// Every clock of JavaScript's, as what it says in nanoseconds.
const CLOCKS: &str = r#"
    import vm from "node:vm";
    import fs from "node:fs";
    import { Worker } from "node:worker_threads";
    import { once } from "node:events";
    const ms = (value) => BigInt(Math.floor(value)) * 1000000n + BigInt(Math.round((value % 1) * 1e6));
    const here = {
        "process.hrtime": () => { const [s, n] = process.hrtime(); return BigInt(s) * 1000000000n + BigInt(n); },
        "process.hrtime.bigint": () => process.hrtime.bigint(),
        "performance.now": () => ms(performance.now()),
        "Date.now": () => ms(Date.now()),
        "new Date": () => ms(+new Date()),
        "Intl": () => BigInt(new Intl.DateTimeFormat("en", { fractionalSecondDigits: 3, second: "numeric", minute: "numeric" })
            .formatToParts().reduce((sum, { type, value }) => sum * 1000n + (type === "literal" ? 0n : BigInt(value)), 0n)) * 1000000n,
        "process.uptime": () => ms(process.uptime() * 1e3),
        "vm Date.now": () => ms(vm.runInNewContext("Date.now()")),
        "vm new Date": () => ms(vm.runInNewContext("+new Date()")),
        "mtime": () => { fs.writeFileSync("/tmp/stamp", "x"); return fs.statSync("/tmp/stamp", { bigint: true }).mtimeNs; },
        "cpuUsage": () => { const { user, system } = process.cpuUsage(); return BigInt(user + system) * 1000n; },
    };
    const busy = () => { let sum = 0; for (let i = 0; i < 200000; i++) sum += Math.sqrt(i); return sum; };
"#;

#[test]
fn frozen_clocks_stand_still_in_every_realm_while_timers_go_on() {
    let code = [
        CLOCKS,
        r#"
        const before = Object.entries(here).map(([name, clock]) => [name, clock, clock()]);
        let ticks = 0;
        const interval = setInterval(() => ticks++, 2);
        while (ticks < 2) await new Promise((resolve) => setTimeout(resolve, 10));
        busy();
        clearInterval(interval);
        const moved = before.filter(([, clock, then]) => clock() !== then).map(([name]) => name);
        console.log("moved:", moved.join(), "interval ran:", ticks > 1);
        const worker = new Worker(`
            import { parentPort } from "node:worker_threads";
            const first = [Date.now(), performance.now(), process.hrtime.bigint()];
            setTimeout(() => {
                const then = [Date.now(), performance.now(), process.hrtime.bigint()];
                parentPort.postMessage([first.every((value, index) => value === then[index]), first[0], typeof SharedArrayBuffer]);
            }, 10);`, { eval: true });
        const [[still, date, shared]] = await once(worker, "message");
        console.log("worker:", still, date === Date.now(), shared);
        console.log(performance.eventLoopUtilization().utilization, performance.nodeTiming.idleTime);
    "#,
    ]
    .concat();
    prints(
        Timing::Frozen,
        &code,
        "moved:  interval ran: true\nworker: true true undefined\n0 0\n",
    );
}

#[test]
fn coarse_clocks_tell_whole_milliseconds_and_go_on() {
    let code = [
        CLOCKS,
        r#"
        const odd = [];
        for (let round = 0; round < 20; round++) {
            for (const [name, clock] of Object.entries(here)) {
                if (name !== "process.uptime" && clock() % 1000000n !== 0n) odd.push(name);
            }
        }
        console.log("finer:", [...new Set(odd)].join());
        const start = process.hrtime.bigint(), date = Date.now();
        await new Promise((resolve) => setTimeout(resolve, 20));
        console.log(process.hrtime.bigint() - start >= 19000000n, Date.now() - date >= 19);
        const slept = performance.now();
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 15);
        console.log(performance.now() - slept >= 14);
    "#,
    ]
    .concat();
    prints(Timing::Coarse, &code, "finer: \ntrue true\ntrue\n");
}

#[test]
fn real_clocks_are_finer_than_a_millisecond_and_agree_with_the_hosts() {
    let host = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let out = exec(
        Timing::Off,
        r#"
        let fine = 0;
        for (let round = 0; round < 200; round++) if (process.hrtime.bigint() % 1000000n !== 0n) fine++;
        console.log(fine > 100);
        console.log(Date.now());
    "#,
    );
    let text = out.stdout.text();
    let (fine, date) = text.trim().split_once('\n').unwrap();
    assert_eq!(fine, "true");
    let date: u128 = date.parse().unwrap();
    assert!(date >= host && date - host < 60_000, "{date} {host}");
}

#[test]
fn coarse_is_the_default() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let out = rt
            .exec("console.log([...Array(50)].every(() => process.hrtime.bigint() % 1000000n === 0n))")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "true\n");
    });
}

#[test]
fn frozen_javascript_has_no_shared_memory_by_any_way() {
    prints(
        Timing::Frozen,
        r#"
        import vm from "node:vm";
        import { Worker } from "node:worker_threads";
        import { once } from "node:events";
        console.log(typeof SharedArrayBuffer, "SharedArrayBuffer" in globalThis, vm.runInNewContext("typeof SharedArrayBuffer"));
        const attempt = (what) => { try { return what(); } catch (error) { return error.name; } };
        const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
        console.log(attempt(() => memory.buffer), attempt(() => structuredClone(memory)));
        console.log(attempt(() => vm.runInNewContext("new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }).buffer")));
        console.log(attempt(() => memory.toResizableBuffer?.() ?? "TypeError"));
        console.log(new WebAssembly.Memory({ initial: 1 }).buffer.byteLength);
        const worker = new Worker("import { parentPort } from 'node:worker_threads'; parentPort.once('message', () => {})", { eval: true });
        console.log(attempt(() => worker.postMessage(memory)));
        worker.postMessage("end");
        console.log(await once(worker, "exit"));
    "#,
        "undefined false undefined\nTypeError DataCloneError\nTypeError\nTypeError\n65536\nDataCloneError\n[ 0 ]\n",
    );
}

#[test]
fn children_time_out_while_the_clock_stands_still() {
    prints(
        Timing::Frozen,
        r#"
        import { spawnSync, exec } from "node:child_process";
        console.log(spawnSync("sleep", ["30"], { timeout: 50 }).error.code);
        exec("sleep 30", { timeout: 50 }, (error) => console.log(error.signal));
    "#,
        "ETIMEDOUT\nSIGTERM\n",
    );
}

/// Runs a script with dash.
fn shell(timing: Timing, script: &str) -> String {
    block_on(async {
        let rt = machine(timing).await;
        let out = rt.shell(script).await.unwrap();
        assert_eq!(out.stderr.text(), "");
        out.stdout.text().into_owned()
    })
}

#[test]
fn commands_see_the_same_time() {
    let fraction = "for i in 1 2 3 4 5 6; do date +%N; done | cut -c4-9 | sort -u";
    assert_eq!(shell(Timing::Coarse, fraction), "000000\n");
    assert_ne!(shell(Timing::Off, fraction), "000000\n");
    let twice = "a=$(date +%s%N); sleep 0.03; b=$(date +%s%N); touch /tmp/f; c=$(date -r /tmp/f +%s%N); \
                 cat /proc/uptime > /tmp/u; sleep 0.02; cmp /tmp/u /proc/uptime && [ $a = $b ] && [ $a = $c ] && echo still";
    assert_eq!(shell(Timing::Frozen, twice), "still\n");
}

#[test]
fn timers_of_commands_go_off_while_the_clock_stands_still() {
    assert_eq!(
        shell(Timing::Frozen, "timeout 0.05 sleep 30; echo $?"),
        "124\n"
    );
}
