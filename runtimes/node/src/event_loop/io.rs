//! Waiting: for files to become ready, for other threads, for the timer, for signals.
//!
//! One [`Waiter`] per loop is registered with the wait queue of every watched file; the loop sleeps on it and on the timer, then
//! asks each watched file what is ready now (level-triggered). Another thread sends work through a [`Remote`].

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future as _;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use cenote_abi::poll::PollEvents;
use cenote_base::wait::{Registration, WaitQueue, Waiter, block_on};
use cenote_base::{Clock, MonoTime};
use cenote_vfs::OpenFile;

use crate::glue::{Scope, ScopeExt};

/// Work from another thread.
type RemoteWork = Box<dyn for<'s, 'i> FnOnce(&mut Scope<'s, 'i>) + Send>;

/// Names a watch.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) struct WatchId(u64);

/// Something that can become ready: a file of the kernel, seen by the loop.
pub(crate) trait Readiness {
    /// Whether the callback should run now.
    fn is_ready(&self) -> bool;
    /// Who tells about changes; none for what is always ready.
    fn wait_queue(&self) -> Option<&WaitQueue>;
    /// When it becomes ready by itself.
    fn deadline(&self) -> Option<MonoTime> {
        None
    }
    /// Whether this is told after what others have ready: the end of a child, whose last words come before it.
    fn is_last_word(&self) -> bool {
        false
    }
}

/// Turns that the end of a child waits for what else is ready, so that a stream which never rests does not hide it.
const TURNS_BEFORE_LAST_WORDS: u32 = 32;

/// A kernel file, ready for what is wanted of it, or for telling why it never will be.
pub(crate) struct FileReady {
    pub(crate) file: Arc<OpenFile>,
    pub(crate) wanted: PollEvents,
}

impl Readiness for FileReady {
    fn is_ready(&self) -> bool {
        self.file
            .poll()
            .intersects(self.wanted | PollEvents::ALWAYS | PollEvents::POLLNVAL)
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        self.file.wait_queue()
    }
}

struct Watch {
    source: Rc<dyn Readiness>,
    callback: Rc<dyn for<'s, 'i> Fn(&mut Scope<'s, 'i>)>,
    _registration: Option<Registration>,
}

/// Sends work to a loop from any thread. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Remote {
    queue: Arc<Mutex<VecDeque<RemoteWork>>>,
    waiter: Arc<Waiter>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Remote")
    }
}

impl Remote {
    /// Runs `work` on the loop's thread, in its poll phase.
    pub(crate) fn send(&self, work: impl for<'s, 'i> FnOnce(&mut Scope<'s, 'i>) + Send + 'static) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(Box::new(work));
        self.waiter.wake();
    }

    /// Makes the loop look around.
    pub(crate) fn wake(&self) {
        self.waiter.wake();
    }
}

/// The loop's files and its waiter.
pub(crate) struct Io {
    clock: Arc<dyn Clock>,
    waiter: Arc<Waiter>,
    remote: Arc<Mutex<VecDeque<RemoteWork>>>,
    watches: RefCell<BTreeMap<WatchId, Watch>>,
    next: Cell<u64>,
    /// Turns in which an end was put off.
    put_off: Cell<u32>,
    idle: Arc<Idle>,
    events: Cell<u64>,
}

impl std::fmt::Debug for Io {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Io({} watches)", self.watches.borrow().len())
    }
}

impl Io {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            waiter: Waiter::new(),
            remote: Arc::default(),
            watches: RefCell::default(),
            next: Cell::new(1),
            put_off: Cell::new(0),
            idle: Arc::default(),
            events: Cell::default(),
        }
    }

    /// For other threads.
    pub(crate) fn remote(&self) -> Remote {
        Remote {
            queue: Arc::clone(&self.remote),
            waiter: Arc::clone(&self.waiter),
        }
    }

    /// The loop's waiter, to be registered with further queues (signals, children).
    pub(crate) const fn waiter(&self) -> &Arc<Waiter> {
        &self.waiter
    }

    /// Calls `callback` in the poll phase, once a turn, while `source` is ready.
    /// A watch alone does not keep the loop alive: the handle's state does.
    pub(crate) fn watch(
        &self,
        source: Rc<dyn Readiness>,
        callback: impl for<'s, 'i> Fn(&mut Scope<'s, 'i>) + 'static,
    ) -> WatchId {
        let id = WatchId(self.next.get());
        self.next.set(id.0 + 1);
        let registration = source.wait_queue().map(|queue| {
            let waiter: Arc<dyn cenote_base::wait::Observer> = Arc::clone(&self.waiter) as _;
            queue.register(waiter)
        });
        self.watches.borrow_mut().insert(
            id,
            Watch {
                source,
                callback: Rc::new(callback),
                _registration: registration,
            },
        );
        // It may be ready already: the next poll must not sleep on the queue alone.
        self.waiter.wake();
        id
    }

    /// Ends a watch.
    pub(crate) fn unwatch(&self, id: WatchId) {
        let watch = self.watches.borrow_mut().remove(&id);
        drop(watch);
    }

    pub(super) fn clear(&self) {
        let watches = std::mem::take(&mut *self.watches.borrow_mut());
        drop(watches);
        drop(self.take_remote());
    }

    /// What to serve now. Ends are looked for before, and served after, everything else: what a child wrote before it ended is
    /// then always among the rest.
    fn ready(&self) -> Vec<WatchId> {
        let of = |last_words: bool| -> Vec<WatchId> {
            self.watches
                .borrow()
                .iter()
                .filter(|(_, watch)| watch.source.is_last_word() == last_words)
                .filter(|(_, watch)| watch.source.is_ready())
                .map(|(id, _)| *id)
                .collect()
        };
        let ends = of(true);
        let others = of(false);
        if ends.is_empty() {
            return others;
        }
        if !others.is_empty() && self.put_off.get() < TURNS_BEFORE_LAST_WORDS {
            self.put_off.set(self.put_off.get() + 1);
            return others;
        }
        self.put_off.set(0);
        [others, ends].concat()
    }

    fn take_remote(&self) -> VecDeque<RemoteWork> {
        std::mem::take(&mut *self.remote.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When the first watch becomes ready by itself.
    fn deadline(&self) -> Option<MonoTime> {
        self.watches
            .borrow()
            .values()
            .filter_map(|watch| watch.source.deadline())
            .min()
    }

    /// How long the loop waited.
    pub(crate) const fn idle(&self) -> &Arc<Idle> {
        &self.idle
    }

    /// Sleeps until woken or until `deadline`.
    fn sleep(&self, deadline: Option<MonoTime>) {
        let start = self.clock.now();
        self.idle.begin(start);
        let mut woken = pin!(self.waiter.woken());
        let mut timer = deadline.map(|deadline| self.clock.timer(deadline));
        block_on(std::future::poll_fn(|cx| {
            if woken.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match &mut timer {
                Some(timer) => timer.as_mut().poll(cx),
                None => Poll::Pending,
            }
        }));
        self.idle.end(start, self.clock.now());
    }

    /// How many callbacks of files and other threads ran.
    pub(crate) fn events(&self) -> u64 {
        self.events.get()
    }
}

/// How long a loop waited; other threads ask for it, also while it waits. Node: `uv_metrics_idle_time`.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    /// Nanoseconds of the waits that are over.
    total: AtomicU64,
    /// When the wait under way began, in nanoseconds since the machine's boot; 0 for none.
    since: AtomicU64,
}

fn nanoseconds(time: MonoTime) -> u64 {
    u64::try_from(time.since_boot().as_nanos()).unwrap_or(u64::MAX)
}

impl Idle {
    fn begin(&self, now: MonoTime) {
        self.since.store(nanoseconds(now), Ordering::Release);
    }

    fn end(&self, start: MonoTime, now: MonoTime) {
        let slept = nanoseconds(now).saturating_sub(nanoseconds(start));
        self.since.store(0, Ordering::Release);
        self.total.fetch_add(slept, Ordering::AcqRel);
    }

    /// Milliseconds until now.
    pub(crate) fn milliseconds(&self, now: MonoTime) -> f64 {
        let total = self.total.load(Ordering::Acquire);
        let current = match self.since.load(Ordering::Acquire) {
            0 => 0,
            since => nanoseconds(now).saturating_sub(since),
        };
        #[expect(clippy::cast_precision_loss, reason = "exact for a hundred days")]
        {
            total.saturating_add(current) as f64 / 1e6
        }
    }
}

/// How often V8's background work is looked at while the loop has nothing else to do.
const BACKGROUND_LOOK: Duration = Duration::from_millis(1);

/// The poll phase: sleeps if there is nothing to do, then serves what is ready.
pub(super) fn poll(scope: &mut Scope<'_, '_>, must_not_sleep: bool) {
    let env = scope.env();
    let event_loop = env.event_loop();
    let io = event_loop.io();
    super::run_platform_tasks(scope);
    loop {
        let mut deadline = event_loop.timers().deadline();
        let is_due = deadline.is_some_and(|deadline| deadline <= io.clock.now());
        let worked = serve(scope);
        let is_over = !event_loop.is_alive() || !env.can_call_into_js();
        // Also what V8's tasks added just now.
        if worked || must_not_sleep || is_due || is_over || event_loop.has_next_phases() {
            return;
        }
        if event_loop.background.get() {
            // V8 does not say when its thread is done.
            let soon = io.clock.now().after(BACKGROUND_LOOK);
            deadline = Some(deadline.map_or(soon, |deadline| deadline.min(soon)));
        }
        let platform = env
            .foreground()
            .and_then(|foreground| foreground.deadline());
        io.sleep(
            deadline
                .into_iter()
                .chain(io.deadline())
                .chain(platform)
                .min(),
        );
        super::run_platform_tasks(scope);
        if !event_loop.is_alive() {
            return;
        }
    }
}

/// Serves signals, other threads and ready files; whether there were any.
fn serve(scope: &mut Scope<'_, '_>) -> bool {
    let env = scope.env();
    let io = env.event_loop().io();
    let mut worked = crate::program::serve_kernel(scope);
    // What this work adds waits for the next turn: two message ports could play ping-pong here for ever.
    for work in io.take_remote() {
        if !env.can_call_into_js() {
            break;
        }
        v8::scope!(let inner, scope);
        work(inner);
        worked = true;
    }
    for id in io.ready() {
        if !env.can_call_into_js() {
            break;
        }
        // An earlier callback may have ended this watch, or used up what was ready.
        let callback = io
            .watches
            .borrow()
            .get(&id)
            .filter(|watch| watch.source.is_ready())
            .map(|watch| Rc::clone(&watch.callback));
        if let Some(callback) = callback {
            v8::scope!(let inner, scope);
            callback(inner);
            io.events.set(io.events.get() + 1);
            worked = true;
        }
    }
    if !worked && io.put_off.get() > 0 {
        // What the end waited for is gone: it is told in the next turn, without sleep.
        io.waiter.wake();
    }
    worked
}
