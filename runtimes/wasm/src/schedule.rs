//! Whose turn it is: the futures of processes on the threads of the embedder's runtime.
//!
//! A process is a tokio task of its own, with two shortcuts for what shells do all the time. A forked child has its first turn
//! within its parent's ([`first_turn`]): most children end or block soon, and a parent that waits then finds them ended. A program that
//! follows another by exec goes on in the same task ([`successor`]). Without them every fork and every exec is a task that another
//! thread is woken for, which takes longer than the rest of a fork.
//!
//! A turn lasts 10 ms at most: then the epoch makes the guest yield, and the child becomes a task like others.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use cenote_kernel::{Interrupter, Task};
use tokio::runtime::Handle;

use crate::engine::SharedEngine;

/// How many first turns run within each other: each takes some KiB of the thread's stack.
const MAX_DEPTH: u32 = 8;

thread_local! {
    /// First turns that run on this thread.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Whose turn it is on this thread, as the address of its `is_running`.
    static CURRENT: Cell<*const AtomicBool> = const { Cell::new(std::ptr::null()) };
    /// What the turns within the one that runs took: their processes' time, not its own.
    static WITHIN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// Where [`spawn`] puts what a [`successor`] starts.
    static SUCCESSOR: RefCell<Option<Vec<Run>>> = const { RefCell::new(None) };
}

/// A process's future: timed, interruptible, and followed by what it execs.
pub(crate) struct Run {
    future: Pin<Box<dyn Future<Output = Option<Self>> + Send>>,
    task: Arc<Task>,
    is_running: Arc<AtomicBool>,
}

impl Run {
    fn new(future: impl Future<Output = Option<Self>> + Send + 'static, task: &Arc<Task>) -> Self {
        let is_running = Arc::new(AtomicBool::new(false));
        if let Ok(engine) = SharedEngine::of_process() {
            task.set_interrupter(Arc::new(EpochInterrupter {
                engine,
                is_running: Arc::clone(&is_running),
            }));
        }
        Self {
            future: Box::pin(future),
            task: Arc::clone(task),
            is_running,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Option<Self>> {
        let _behalf = self.task.work_on_this_thread();
        let started = Instant::now();
        let outside = WITHIN.replace(Duration::ZERO);
        let outer = CURRENT.replace(Arc::as_ptr(&self.is_running));
        self.is_running.store(true, Ordering::SeqCst);
        let result = self.future.as_mut().poll(cx);
        self.is_running.store(false, Ordering::SeqCst);
        CURRENT.set(outer);
        let took = started.elapsed();
        let within = WITHIN.replace(outside + took);
        let own = took.saturating_sub(within);
        self.task.process().usage().add_user_time(own);
        result
    }
}

impl Future for Run {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.turn(cx) {
                Poll::Ready(Some(next)) => *self = next,
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Starts a process's future on the runtime, or where its predecessor ran.
pub(crate) fn spawn(
    handle: &Handle,
    future: impl Future<Output = Option<Run>> + Send + 'static,
    task: &Arc<Task>,
) {
    let run = Run::new(future, task);
    let left = SUCCESSOR.with_borrow_mut(|place| match place {
        Some(runs) => {
            runs.push(run);
            None
        }
        None => Some(run),
    });
    if let Some(run) = left {
        // The task handle is not needed: the process's end is the kernel's to know.
        drop(handle.spawn(run));
    }
}

/// What `start` starts by [`spawn`], to go on in the place of its caller; nothing when it is another runtime's.
pub(crate) fn successor(start: impl FnOnce()) -> Option<Run> {
    SUCCESSOR.set(Some(Vec::with_capacity(1)));
    start();
    SUCCESSOR.take().and_then(|mut runs| runs.pop())
}

/// Gives a forked child its first turn here; what is not over then goes to the runtime.
pub(crate) async fn first_turn(
    handle: &Handle,
    future: impl Future<Output = Option<Run>> + Send + 'static,
    task: &Arc<Task>,
) {
    let mut run = Run::new(future, task);
    let depth = DEPTH.get();
    let is_over = depth < MAX_DEPTH
        && poll_fn(|cx| {
            DEPTH.set(depth + 1);
            let result = Pin::new(&mut run).poll(cx);
            DEPTH.set(depth);
            Poll::Ready(result.is_ready())
        })
        .await;
    if !is_over {
        drop(handle.spawn(run));
    }
}

/// Interrupts guest code by the epoch. A process that waits in a call is woken by the kernel itself.
struct EpochInterrupter {
    engine: &'static SharedEngine,
    is_running: Arc<AtomicBool>,
}

impl Interrupter for EpochInterrupter {
    fn interrupt(&self, must_end: bool) {
        // The epoch is everybody's: each move makes every guest of every machine yield. Who ends itself sees it when its call returns, a
        // handler waits for the next call anyway, and a stop for the next tick.
        let is_own = std::ptr::eq(CURRENT.get(), Arc::as_ptr(&self.is_running));
        if must_end && !is_own && self.is_running.load(Ordering::SeqCst) {
            self.engine.interrupt();
        }
    }
}
