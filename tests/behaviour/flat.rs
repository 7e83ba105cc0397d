//! Memory stays flat however many processes a machine ran. A target of its own: nothing else may run in this host process.
#![expect(clippy::unwrap_used, reason = "a test target")]

use cenote::NodeRuntime;

/// Resident bytes of this host process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kib * 1024
}

/// What is run, one after another.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Node in an engine made for it.
    Node,
    /// Node in engines kept ready.
    WarmNode,
    /// A program in WebAssembly.
    Wasm,
    /// A machine for each process.
    Machine,
}

async fn run(rt: &NodeRuntime, kind: Kind) {
    let out = match kind {
        Kind::Node | Kind::WarmNode => rt.exec("console.log(1)").await,
        Kind::Wasm => rt.shell("echo $((2 - 1))").await,
        Kind::Machine => {
            let fresh = NodeRuntime::create().await.unwrap();
            let out = fresh.exec("console.log(1)").await;
            fresh.dispose().await;
            out
        }
    };
    let out = out.unwrap();
    assert_eq!(
        (out.stdout.text().as_ref(), out.exit_code),
        ("1\n", 0),
        "{}",
        out.stderr
    );
}

/// Runs `first` processes, then more until there were `last`, and compares the memory after each.
fn stays_flat(kind: Kind, first: u32, last: u32) {
    /// What allocators keep, caches that fill, and threads that have not quite ended.
    const SLACK: u64 = 24 << 20;
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio.block_on(async {
        let warm = if matches!(kind, Kind::WarmNode) { 2 } else { 0 };
        let rt = NodeRuntime::builder().warm(warm).create().await.unwrap();
        for _ in 0..first {
            run(&rt, kind).await;
        }
        let before = resident();
        for _ in first..last {
            run(&rt, kind).await;
        }
        let after = resident();
        assert!(
            after <= before + SLACK,
            "{kind:?}: {} KiB after {first}, {} KiB after {last}",
            before / 1024,
            after / 1024
        );
        rt.dispose().await;
    });
}

/// How many times as many processes: 25 makes it ten thousand, which takes minutes.
fn times() -> u32 {
    std::env::var("CENOTE_FLAT_TIMES").map_or(1, |text| text.parse().unwrap())
}

/// One after another in this function: tests would run at once.
#[test]
fn memory_is_flat_over_many_processes() {
    let times = times();
    for (kind, first, last) in [
        (Kind::Node, 100, 400),
        (Kind::WarmNode, 50, 200),
        (Kind::Machine, 50, 200),
        (Kind::Wasm, 300, 1_500),
    ] {
        stays_flat(kind, first * times, last * times);
    }
}
