//! The behaviour of `first_light` with machines in processes of their own: `Isolation::Process`, over the `cenote` program of this build.
//!
//! The modules are the same files; `builder()` is what differs. A test of `cenote-cli`, for whose tests Cargo builds the program.
#![expect(clippy::unwrap_used, reason = "a test target")]

mod asked;
mod calls;
mod cpu_time;
mod events;
mod host_commands;
mod host_files;
mod host_functions;
mod host_network;
mod js_limits;
mod limits;
mod mounts;
mod names;
mod network;
mod outward;
mod permissions;
mod refusals;
mod snapshots;
mod system;
mod timing;
mod warm;

/// The shells and editors are no different here; they are long.
mod terminal {
    mod line;
    mod prompts;
    #[expect(dead_code, reason = "what shells and editors need")]
    mod screen;
}

use cenote::{Error, Isolation, NodeRuntime, NodeRuntimeBuilder};

/// Whether machines live in processes of their own here.
const IS_ISOLATED: bool = true;

/// Options for a machine as this target makes them.
fn builder() -> NodeRuntimeBuilder {
    NodeRuntime::builder()
        .isolation(Isolation::Process)
        .worker_program(env!("CARGO_BIN_EXE_cenote"))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Makes V8 abort the process it is in (NODE.md §7b).
const ABORT: &str = "'x'.repeat(2 ** 29 - 30).split('')";

#[test]
fn guest_that_makes_v8_abort_is_an_error_and_neither_we_nor_a_neighbour_notice() {
    block_on(async {
        let neighbour = builder().create().await.unwrap();
        let rt = builder().create().await.unwrap();
        let other = neighbour.spawn("setInterval(() => {}, 1000); console.log('there')");
        let other = other.await.unwrap();
        assert_eq!(other.stdout().next().await.unwrap(), b"there\n");
        let sleeper = rt.spawn_command("sleep", ["1000"]).await.unwrap();
        let error = rt.exec(ABORT).await.unwrap_err();
        assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
        // Everything of that machine is gone, and says so.
        let error = sleeper.wait().await.unwrap_err();
        assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
        assert_eq!(sleeper.exit_code(), Some(137));
        let error = rt.read_file("/etc/passwd").await.unwrap_err();
        assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
        rt.dispose().await;
        assert_eq!(other.exit_code(), None);
        let out = neighbour.shell("echo fine").await.unwrap();
        assert_eq!(out.stdout.text(), "fine\n");
    });
}

/// Snapshots go from process to process, whoever took them.
#[test]
fn snapshot_is_for_machines_in_either_place() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("f"), "host's").unwrap();
    block_on(async {
        let read = async |rt: &NodeRuntime| {
            let out = rt.shell("cat /data/f /seeded; test ! -e /etc/shells && echo gone");
            out.await.unwrap().stdout.text().into_owned()
        };
        let rt = builder().create().await.unwrap();
        let made = rt.shell("mkdir /data; echo one > /data/f; rm /etc/shells");
        assert_eq!(made.await.unwrap().exit_code, 0);
        let there = rt.snapshot().unwrap();
        assert!(there.inodes() > 0 && there.bytes() > 0);
        let with = |builder: NodeRuntimeBuilder, kept: &cenote::Snapshot| {
            builder.file("/seeded", "two\n").from_snapshot(kept)
        };
        // Into this process.
        let here = with(NodeRuntime::builder(), &there).create().await.unwrap();
        assert_eq!(read(&here).await, "one\ntwo\ngone\n");
        // Out of this process.
        let away = with(builder(), &here.snapshot().unwrap());
        let away = away.create().await.unwrap();
        assert_eq!(read(&away).await, "one\ntwo\ngone\n");
        // To a machine that may reach more of the host than the first, and so cannot live with it.
        let more = with(builder(), &there).mount(directory.path(), "/mnt/host");
        let more = more.create().await.unwrap();
        assert_eq!(read(&more).await, "one\ntwo\ngone\n");
        assert_eq!(more.read_file("/mnt/host/f").await.unwrap(), b"host's");
        // It goes with its machine.
        let mut tar = Vec::new();
        assert!(there.export(&mut tar).unwrap() > 0);
        rt.dispose().await;
        let error = there.export(Vec::new()).unwrap_err();
        assert!(matches!(error, Error::Disposed), "{error:?}");
        let kept = cenote::Snapshot::import(tar.as_slice()).unwrap();
        let late = with(builder(), &kept).create().await.unwrap();
        assert_eq!(read(&late).await, "one\ntwo\ngone\n");
    });
}

#[test]
fn stream_that_breaks_is_not_taken_for_its_end() {
    struct Breaks(u32);
    impl std::io::Read for Breaks {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            if self.0 > 3 {
                return Err(std::io::Error::other("on purpose"));
            }
            buf.fill(0);
            Ok(buf.len().min(512))
        }
    }
    block_on(async {
        let rt = builder().create().await.unwrap();
        let error = rt.import("/x", Breaks(0)).unwrap_err().to_string();
        assert!(error.contains("on purpose"), "{error}");
        let error = rt.import("/x", &b"no tar stream"[..]).unwrap_err();
        assert!(matches!(error, Error::Archive { .. }), "{error:?}");
    });
}

#[test]
fn missing_program_is_named() {
    block_on(async {
        let error = builder().worker_program("/nowhere/cenote").create().await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("/nowhere/cenote"), "{error}");
        // Some other program: it says something else, or nothing.
        let error = builder().worker_program("/bin/true").create().await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("/bin/true is no `cenote`"), "{error}");
    });
}

#[test]
fn files_beyond_the_size_of_a_message_arrive_whole() {
    block_on(async {
        let large: Vec<u8> = (0..20_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let rt = builder()
            .file("/data/large", large.clone())
            .file("/data/small", "s")
            .create()
            .await
            .unwrap();
        let out = rt
            .shell("wc -c < /data/large; cat /data/small")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "20000000\ns");
        assert_eq!(rt.read_file("/data/large").await.unwrap(), large);
        let out = rt.exec_command("wc", ["-c"]).stdin(large).await.unwrap();
        assert_eq!(out.stdout.text(), "20000000\n");
    });
}

/// Machines are ended with their handles, and their processes with them.
#[test]
fn machines_that_are_dropped_leave_no_process() {
    let workers = || {
        let own = std::process::id();
        let parents = |pid: u32| {
            let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
                .into_iter()
                .flatten();
            let lists = tasks.filter_map(|task| {
                std::fs::read_to_string(task.ok()?.path().join("children")).ok()
            });
            let pids = lists.flat_map(|list| {
                let pids = list.split_whitespace().map(str::to_owned);
                pids.collect::<Vec<_>>()
            });
            pids.filter_map(|pid| pid.parse().ok())
                .collect::<Vec<u32>>()
        };
        let sidecars = parents(own);
        sidecars
            .into_iter()
            .map(|pid| parents(pid).len())
            .sum::<usize>()
    };
    block_on(async {
        let mut most = 0;
        for _ in 0..8 {
            let rt = builder().create().await.unwrap();
            rt.shell(":").await.unwrap();
            most = most.max(workers());
        }
        // Other tests of this process make machines too: what matters is that these eight do not add up.
        assert!(most > 0);
        for _ in 0..600 {
            let rt = builder().create().await.unwrap();
            drop(rt);
            if workers() <= 16 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{} workers are left", workers());
    });
}
