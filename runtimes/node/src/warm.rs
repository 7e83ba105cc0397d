//! Isolates that are ready before their process exists: the machine asked for a few ([`keep`]), and each waits on a thread of its own,
//! with Node's library in it, for one process of any machine with the same limits.
//!
//! An isolate runs one process and is never used again, so nothing passes from one to the next. A process that finds none ready gets the next
//! one that is being made, if that is promised to nobody: it is ready sooner than one begun now. One that waits holds a few megabytes. When
//! no machine asks for spares any more they go after [`LINGER`]: machines are often made one after another.
//!
//! Lock order: `POOL` is a leaf.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SendError, Sender, channel};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cenote_base::{WaitQueue, Waiter};
use cenote_kernel::Task;

use crate::isolate::{HeapLimits, create_params, initialize_v8};
use crate::loader::builtins;
use crate::program;
use crate::runtime::{STACK_SIZE, start_alone};
use crate::snapshot;
use crate::spare::{Booted, Origin};
use crate::threads::{Thread, ThreadGroup};

/// How long spares outlive the last machine that asked for them.
const LINGER: Duration = Duration::from_secs(10);

/// How many spares one machine may ask for.
pub(crate) const MOST: usize = 64;

/// What a spare is told.
enum Order {
    /// To be this process, with its first thread.
    Run(Arc<Task>),
    /// That nobody asks for spares any more.
    Unwanted,
}

#[derive(Default)]
struct Kind {
    /// How many each machine that lives asked for.
    wanted: Vec<usize>,
    /// Those that are ready, by number.
    ready: Vec<(u64, Sender<Order>)>,
    /// Those that are being made.
    coming: usize,
    /// The processes that get the next of these, never more than are coming.
    promised: VecDeque<Arc<Task>>,
}

impl Kind {
    fn target(&self) -> usize {
        self.wanted.iter().copied().max().unwrap_or(0)
    }
}

#[derive(Default)]
struct Pool {
    kinds: HashMap<HeapLimits, Kind>,
    next: u64,
}

static POOL: LazyLock<Mutex<Pool>> = LazyLock::new(Mutex::default);

/// Woken whenever a spare is ready, or will not be.
static CAME: LazyLock<WaitQueue> = LazyLock::new(WaitQueue::new);

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps spares ready until dropped.
#[derive(Debug)]
pub(crate) struct Kept {
    limits: HeapLimits,
    count: usize,
}

/// Asks for `count` spares with these limits. Spares are shared: of several wishes the largest counts.
pub(crate) fn keep(limits: HeapLimits, count: usize) -> Kept {
    let count = count.min(MOST);
    pool().kinds.entry(limits).or_default().wanted.push(count);
    fill(limits);
    Kept { limits, count }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut pool = pool();
        let Some(kind) = pool.kinds.get_mut(&self.limits) else {
            return;
        };
        if let Some(index) = kind.wanted.iter().position(|count| *count == self.count) {
            kind.wanted.swap_remove(index);
        }
        let surplus = kind.ready.len().saturating_sub(kind.target());
        for (_, spare) in kind.ready.iter().take(surplus) {
            // One whose thread is gone needs no order.
            let _told = spare.send(Order::Unwanted);
        }
    }
}

/// Gives the task to a spare with these limits, one that is ready or one that is coming; back if there is none.
pub(crate) fn run(limits: HeapLimits, task: Arc<Task>) -> Result<(), Arc<Task>> {
    let given = give(limits, task);
    fill(limits);
    given
}

fn give(limits: HeapLimits, task: Arc<Task>) -> Result<(), Arc<Task>> {
    let mut pool = pool();
    let Some(kind) = pool.kinds.get_mut(&limits) else {
        return Err(task);
    };
    let Some((_, spare)) = kind.ready.pop() else {
        if kind.promised.len() >= kind.coming {
            return Err(task);
        }
        kind.promised.push_back(task);
        return Ok(());
    };
    drop(pool);
    match spare.send(Order::Run(task)) {
        Err(SendError(Order::Run(task))) => Err(task),
        Ok(()) | Err(SendError(Order::Unwanted)) => Ok(()),
    }
}

/// Makes what is missing.
fn fill(limits: HeapLimits) {
    let mut pool = pool();
    let Some(kind) = pool.kinds.get_mut(&limits) else {
        return;
    };
    let wanted = kind.target() + kind.promised.len();
    let missing = wanted.saturating_sub(kind.ready.len() + kind.coming);
    kind.coming += missing;
    drop(pool);
    for _ in 0..missing {
        let thread = std::thread::Builder::new()
            .name("node-spare".into())
            .stack_size(STACK_SIZE)
            .spawn(move || wait(limits));
        if let Err(error) = thread {
            tracing::warn!(target: "cenote::node", %error, "no thread for a spare isolate");
            failed(limits);
        }
    }
}

/// A spare that was coming is ready: for the process it is promised to, if there is one.
fn came(limits: HeapLimits, orders: Sender<Order>) -> u64 {
    let mut pool = pool();
    pool.next += 1;
    let number = pool.next;
    let kind = pool.kinds.entry(limits).or_default();
    kind.coming = kind.coming.saturating_sub(1);
    match kind.promised.pop_front() {
        // Its receiver is with whoever calls this.
        Some(task) => drop(orders.send(Order::Run(task))),
        None => kind.ready.push((number, orders)),
    }
    drop(pool);
    CAME.wake_all();
    number
}

/// A spare that was coming will not be: a process it was promised to makes its own, or says why it cannot.
fn failed(limits: HeapLimits) {
    let mut pool = pool();
    let kind = pool.kinds.entry(limits).or_default();
    kind.coming = kind.coming.saturating_sub(1);
    let disappointed = (kind.promised.len() > kind.coming)
        .then(|| kind.promised.pop_back())
        .flatten();
    drop(pool);
    CAME.wake_all();
    if let Some(task) = disappointed {
        start_alone(limits, task);
    }
}

/// Takes a spare out of those that are ready, if it is not wanted; whether it was.
fn leave(limits: HeapLimits, number: u64) -> bool {
    let mut pool = pool();
    let Some(kind) = pool.kinds.get_mut(&limits) else {
        return false;
    };
    if kind.ready.len() <= kind.target() {
        return false;
    }
    let before = kind.ready.len();
    kind.ready.retain(|(known, _)| *known != number);
    kind.ready.len() != before
}

/// The life of a spare: made, waiting, a process or gone.
fn wait(limits: HeapLimits) {
    initialize_v8();
    let Some(mut booted) = boot(limits) else {
        return failed(limits);
    };
    booted.prepare(|scope| builtins::prepare(scope, snapshot::first_modules()));
    let (orders, inbox) = channel();
    let number = came(limits, orders);
    match order(limits, number, &inbox) {
        Some(task) => program::run(task, limits, Some(booted)),
        None => booted.discard(),
    }
}

/// Waits for the task; `None` when no spare is wanted any more.
fn order(limits: HeapLimits, number: u64, inbox: &Receiver<Order>) -> Option<Arc<Task>> {
    let mut lingers = false;
    loop {
        let order = if lingers {
            inbox.recv_timeout(LINGER)
        } else {
            inbox.recv().map_err(RecvTimeoutError::from)
        };
        match order {
            Ok(Order::Run(task)) => return Some(task),
            Ok(Order::Unwanted) => lingers = true,
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) if leave(limits, number) => return None,
            // Wanted again, or chosen just now: the order is on its way.
            Err(RecvTimeoutError::Timeout) => lingers = false,
        }
    }
}

/// An isolate of a process's first thread.
pub(crate) fn boot(limits: HeapLimits) -> Option<Booted> {
    let blob = snapshot::blob().ok()?;
    let group = ThreadGroup::new(limits);
    Booted::new(Origin {
        params: create_params(limits, &group.quota).snapshot_blob(v8::StartupData::from(blob)),
        thread: Thread::main(group),
        stack: None,
        has_snapshot: true,
    })
}

/// Waits until as many spares with these limits are ready as are wanted.
pub(crate) async fn filled(limits: HeapLimits) {
    let waiter = Waiter::new();
    let registration = CAME.register(Arc::clone(&waiter) as _);
    while !is_filled(limits) {
        waiter.woken().await;
    }
    drop(registration);
}

/// Also when some could not be made.
fn is_filled(limits: HeapLimits) -> bool {
    pool()
        .kinds
        .get(&limits)
        .is_none_or(|kind| kind.coming == 0 || kind.ready.len() >= kind.target())
}
