//! Work that computes for long, off the loop's thread: [`ThreadPool`]. libuv: src/threadpool.c, `uv_queue_work`.
//!
//! A process gets up to four threads, each at its first need. A job is plain Rust without V8; its result comes back in the
//! loop's poll phase. When the process ends, what is queued is dropped and the threads end after the job they are at.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use cenote_base::MonoTime;

use crate::environment::Environment;
use crate::glue::{Scope, ScopeExt};
use crate::processor::Meter;
use crate::trace;

/// As many as libuv has.
const THREADS: usize = 4;

type Job = Box<dyn FnOnce() + Send>;
type Outcome = Option<Box<dyn Any + Send>>;
type Continuation = Box<dyn for<'s, 'i> FnOnce(&mut Scope<'s, 'i>, Outcome)>;

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
    is_closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// The threads of one process, and what waits for them. A binding's state: `env.state::<ThreadPool>()`.
#[derive(Default)]
pub(crate) struct ThreadPool {
    shared: OnceCell<Arc<Shared>>,
    waiting: RefCell<HashMap<u64, Continuation>>,
    next: Cell<u64>,
}

impl std::fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ThreadPool({} jobs)", self.waiting.borrow().len())
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.get() {
            let mut queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.is_closed = true;
            let jobs = std::mem::take(&mut queue.jobs);
            drop(queue);
            drop(jobs);
            shared.changed.notify_all();
        }
    }
}

/// Runs `work` on another thread and then `done`, with its value, on the loop's; the loop stays alive meanwhile.
/// The value is `None` when the work panicked. A trace calls it `name`.
pub(crate) fn run_off_thread<T: Send + 'static>(
    scope: &Scope<'_, '_>,
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
    done: impl for<'s, 'i> FnOnce(&mut Scope<'s, 'i>, Option<T>) + 'static,
) {
    let env = scope.env();
    let pool = env.state::<ThreadPool>();
    let number = pool.next.get();
    pool.next.set(number + 1);
    let (work, traced) = TracedWork::begin(&env, name, work);
    pool.waiting.borrow_mut().insert(
        number,
        Box::new(move |scope, outcome| {
            let value = outcome.and_then(|value| value.downcast::<(T, Span)>().ok());
            let (value, span) = value.map(|value| *value).unzip();
            traced.end(&scope.env(), span.flatten());
            done(scope, value);
        }),
    );
    env.event_loop().begin_request();
    let remote = env.event_loop().io().remote();
    let shared = Arc::clone(pool.shared.get_or_init(Arc::default));
    let meter = env.threads().meter.get();
    submit(
        &shared,
        meter,
        Box::new(move || {
            let outcome: Outcome = catch_unwind(AssertUnwindSafe(work))
                .ok()
                .map(|value| Box::new(value) as Box<dyn Any + Send>);
            remote.send(move |scope| finish(scope, number, outcome));
        }),
    );
}

/// From when to when work was done, if that is traced.
pub(crate) type Span = Option<(MonoTime, MonoTime)>;

/// Work in a trace: when it was asked for and answered, and when it was done.
pub(crate) struct TracedWork {
    name: &'static str,
    id: Option<u64>,
}

const ASKED: &str = "node,node.threadpoolwork,node.threadpoolwork.async";
const DONE: &str = "node,node.threadpoolwork,node.threadpoolwork.sync";

impl TracedWork {
    /// The work, which then tells when it was done.
    pub(crate) fn begin<T>(
        env: &Environment,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> (impl FnOnce() -> (T, Span) + Send + 'static, Self) {
        let clock = trace::is_enabled(env, DONE).then(|| Arc::clone(env.clock()));
        let id = trace::begin_async(env, ASKED, name, || serde_json::json!({}));
        let timed = move || {
            let from = clock.as_ref().map(|clock| clock.now());
            let value = work();
            let span = from.and_then(|from| Some((from, clock?.now())));
            (value, span)
        };
        (timed, Self { name, id })
    }

    /// It is answered, on the thread that asked.
    pub(crate) fn end(self, env: &Environment, span: Span) {
        if let Some(span) = span {
            trace::note_between(env, DONE, self.name, span);
        }
        trace::end_async(
            env,
            ASKED,
            self.name,
            self.id,
            serde_json::json!({ "result": 0 }),
        );
    }
}

fn finish(scope: &mut Scope<'_, '_>, number: u64, outcome: Outcome) {
    let env = scope.env();
    env.event_loop().end_request();
    let continuation = env
        .state::<ThreadPool>()
        .waiting
        .borrow_mut()
        .remove(&number);
    if let Some(continuation) = continuation {
        continuation(scope, outcome);
    }
}

fn submit(shared: &Arc<Shared>, meter: Option<&Arc<Meter>>, job: Job) {
    let mut queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.jobs.push_back(job);
    let needs_thread = queue.idle < queue.jobs.len() && queue.threads < THREADS;
    if needs_thread {
        queue.threads += 1;
    }
    let is_alone = queue.threads == 1;
    drop(queue);
    shared.changed.notify_one();
    if !needs_thread {
        return;
    }
    let for_thread = Arc::clone(shared);
    let meter = meter.map(Arc::clone);
    let spawned = std::thread::Builder::new()
        .name("node-worker".to_owned())
        .spawn(move || {
            let _measured = meter.as_ref().and_then(Meter::measure);
            serve(&for_thread);
        });
    if spawned.is_err() {
        let mut queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.threads -= 1;
        // The host has no thread to give: the work is done here, late rather than never.
        let jobs = if is_alone {
            std::mem::take(&mut queue.jobs)
        } else {
            VecDeque::new()
        };
        drop(queue);
        jobs.into_iter().for_each(|job| job());
    }
}

/// The life of a thread of the pool.
fn serve(shared: &Shared) {
    let mut queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(job) = queue.jobs.pop_front() {
            drop(queue);
            job();
            queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        } else if queue.is_closed {
            return;
        } else {
            queue.idle += 1;
            queue = shared
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }
}
