//! V8's platform: its own worker threads, and the tasks it wants run on an isolate's thread (finalisation registries,
//! `Atomics.waitAsync`, WebAssembly that was compiled in the background).
//!
//! Tasks come from any thread. Each isolate has a [`Foreground`] that holds them until its event loop runs them, and wakes the loop.
//!
//! Lock order: `FOREGROUNDS`, then `Foreground::tasks`; both are leaves otherwise.

use std::collections::{HashMap, VecDeque};
use std::ffi::c_void;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cenote_base::{Clock, MonoTime, Waiter};

use crate::glue::{Scope, isolate_address};

/// Tasks that wait for their isolate's loop.
pub(crate) struct Foreground {
    clock: Arc<dyn Clock>,
    waiter: Arc<Waiter>,
    tasks: Mutex<Tasks>,
}

#[derive(Default)]
struct Tasks {
    ready: VecDeque<v8::Task>,
    delayed: Vec<(MonoTime, v8::Task)>,
}

impl std::fmt::Debug for Foreground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Foreground")
    }
}

/// The isolates that run, by address.
static FOREGROUNDS: LazyLock<Mutex<HashMap<usize, Arc<Foreground>>>> =
    LazyLock::new(Mutex::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Foreground {
    /// Takes tasks for an isolate from now on.
    pub(crate) fn register(
        isolate: &v8::Isolate,
        clock: Arc<dyn Clock>,
        waiter: Arc<Waiter>,
    ) -> Registered {
        let address = isolate_address(isolate);
        let foreground = Arc::new(Self {
            clock,
            waiter,
            tasks: Mutex::default(),
        });
        lock(&FOREGROUNDS).insert(address, Arc::clone(&foreground));
        Registered {
            address,
            foreground,
        }
    }

    /// When the first delayed task is due.
    pub(crate) fn deadline(&self) -> Option<MonoTime> {
        lock(&self.tasks).delayed.iter().map(|(at, _)| *at).min()
    }

    fn post(&self, task: v8::Task, delay: f64) {
        let mut tasks = lock(&self.tasks);
        match Duration::try_from_secs_f64(delay) {
            Ok(delay) if !delay.is_zero() => {
                tasks.delayed.push((self.clock.now().after(delay), task));
            }
            _ => tasks.ready.push_back(task),
        }
        drop(tasks);
        self.waiter.wake();
    }

    fn take_due(&self) -> VecDeque<v8::Task> {
        let now = self.clock.now();
        let mut tasks = lock(&self.tasks);
        let mut due = std::mem::take(&mut tasks.ready);
        let (late, early) = std::mem::take(&mut tasks.delayed)
            .into_iter()
            .partition::<Vec<_>, _>(|(at, _)| *at <= now);
        tasks.delayed = early;
        due.extend(late.into_iter().map(|(_, task)| task));
        due
    }

    /// Runs what is due; whether there was anything.
    pub(crate) fn run(&self, scope: &mut Scope<'_, '_>) -> bool {
        let due = self.take_due();
        let worked = !due.is_empty();
        for task in due {
            v8::scope!(let _inner, scope);
            task.run();
        }
        worked
    }
}

/// An isolate that takes its tasks; to be dropped while the isolate still lives.
#[derive(Debug)]
pub(crate) struct Registered {
    address: usize,
    foreground: Arc<Foreground>,
}

impl Registered {
    /// The tasks.
    pub(crate) const fn foreground(&self) -> &Arc<Foreground> {
        &self.foreground
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut all = lock(&FOREGROUNDS);
        // Another isolate may have the address by now.
        if all
            .get(&self.address)
            .is_some_and(|known| Arc::ptr_eq(known, &self.foreground))
        {
            all.remove(&self.address);
        }
        drop(all);
        let tasks = std::mem::take(&mut *lock(&self.foreground.tasks));
        drop(tasks);
    }
}

/// Hands V8's tasks to their isolates. An isolate that is not registered is being made or taken down: its tasks are dropped.
struct Posts;

impl Posts {
    fn post(isolate: *mut c_void, task: v8::Task, delay: f64) {
        let foreground = lock(&FOREGROUNDS).get(&isolate.addr()).map(Arc::clone);
        if let Some(foreground) = foreground {
            foreground.post(task, delay);
        }
    }
}

impl v8::PlatformImpl for Posts {
    fn post_task(&self, isolate: *mut c_void, task: v8::Task) {
        Self::post(isolate, task, 0.0);
    }

    fn post_non_nestable_task(&self, isolate: *mut c_void, task: v8::Task) {
        Self::post(isolate, task, 0.0);
    }

    fn post_delayed_task(&self, isolate: *mut c_void, task: v8::Task, delay: f64) {
        Self::post(isolate, task, delay);
    }

    fn post_non_nestable_delayed_task(&self, isolate: *mut c_void, task: v8::Task, delay: f64) {
        Self::post(isolate, task, delay);
    }

    fn post_idle_task(&self, _: *mut c_void, task: v8::IdleTask) {
        drop(task);
    }
}

/// The one platform. Unprotected: threads that the initialising thread did not start may run isolates too.
pub(crate) fn new_platform() -> v8::SharedRef<v8::Platform> {
    let mut platform = v8::new_custom_platform(0, false, true, Posts);
    if !crate::glue::date_clock::install(&mut platform) {
        tracing::error!(target: "cenote::node", "V8's clock cannot be replaced: Date stands in 1970");
    }
    assert!(
        crate::glue::pages::install(&mut platform),
        "V8's page allocator is not the one this crate was built with: guests would have memory without a limit"
    );
    platform.make_shared()
}
