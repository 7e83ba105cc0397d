//! The thread that looks after processes whose processor time is limited. There is one for all machines, while there are such
//! processes: it needs nothing of theirs, so that one that is busy in native code is seen, too.
//!
//! Lock order: `WATCH`, then what sending a signal takes in the kernel. Nothing in there calls back.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::Meter;

/// The shortest and the longest time between two looks.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Watch {
    meters: Vec<Weak<Meter>>,
    has_thread: bool,
}

static WATCH: Mutex<Watch> = Mutex::new(Watch {
    meters: Vec::new(),
    has_thread: false,
});

/// There is another process, or one has another limit.
static CHANGED: Condvar = Condvar::new();

/// Looks after a process from now on, until it has no limit any more.
pub(super) fn add(meter: &Arc<Meter>) {
    let mut watch = WATCH.lock().unwrap_or_else(PoisonError::into_inner);
    let meter = Arc::downgrade(meter);
    if !watch.meters.iter().any(|known| known.ptr_eq(&meter)) {
        watch.meters.push(meter);
    }
    if !watch.has_thread {
        let spawned = std::thread::Builder::new()
            .name("node-cpu-limit".to_owned())
            .spawn(run);
        watch.has_thread = spawned.is_ok();
        if let Err(error) = spawned {
            tracing::error!(target: "cenote::node", %error, "no thread to watch processor time with");
        }
    }
    drop(watch);
    CHANGED.notify_one();
}

fn run() {
    let mut watch = WATCH.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let mut next = LONGEST;
        watch.meters.retain(|meter| {
            let left = meter.upgrade().and_then(|meter| meter.enforce());
            next = next.min(left.unwrap_or(LONGEST));
            left.is_some()
        });
        if watch.meters.is_empty() {
            watch.has_thread = false;
            return;
        }
        (watch, _) = CHANGED
            .wait_timeout(watch, next.max(SHORTEST))
            .unwrap_or_else(PoisonError::into_inner);
    }
}
