//! The embedder's side: what `cenote`'s Rust crate promises, run for real, with machines in this process. `isolated` runs the modules that
//! do not need it with machines in processes of their own.
#![expect(clippy::unwrap_used, reason = "a test target")]

mod asked;
mod calls;
mod commands_dir;
mod component;
mod cpu_time;
mod events;
mod groups;
mod host_commands;
mod host_files;
mod host_functions;
mod host_network;
mod inspector;
mod js_limits;
mod limits;
mod mounts;
mod names;
mod network;
mod node_options;
mod outward;
mod permissions;
mod permissions_asked;
mod refusals;
mod snapshots;
mod system;
mod terminal;
mod timing;
mod warm;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cenote::{NodeRuntime, NodeRuntimeBuilder};
use cenote_test::host;

/// Whether machines live in processes of their own here.
const IS_ISOLATED: bool = false;

/// Options for a machine as this target makes them.
fn builder() -> NodeRuntimeBuilder {
    NodeRuntime::builder()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn no_host_process_is_made_while_guests_run() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let watcher = std::thread::spawn({
        let seen = Arc::clone(&seen);
        move || {
            while stopped.recv_timeout(Duration::from_millis(1)).is_err() {
                seen.lock().unwrap().extend(host::children().unwrap());
            }
        }
    });
    block_on(async {
        let rt = NodeRuntime::create().await.unwrap();
        let out = rt.exec(calls::CHILDREN).await.unwrap();
        assert_eq!(out.exit_code, 0, "{}", out.stderr);
        let out = rt
            .shell("for i in 1 2 3; do echo $i | cat | wc -c; done; (sleep 0.05 & wait)")
            .await
            .unwrap();
        assert_eq!(out.stdout.text(), "2\n2\n2\n");
    });
    stop.send(()).unwrap();
    watcher.join().unwrap();
    assert_eq!(
        *seen.lock().unwrap(),
        Vec::<u32>::new(),
        "host processes were started"
    );
}
