//! [`Booted`]: an isolate with Node's library in it, before, while and after it runs the program of a thread.
//!
//! An isolate may be made before its process exists (`warm`): [`Booted::new`] needs nothing of it. It runs one program
//! ([`Booted::run`]) and is taken down; what is left to free then ([`Remains`]) can wait until the process's end was told.

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cenote_base::wait::{Observer, Registration};
use cenote_kernel::{Program, Task};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::environment::Environment;
use crate::glue::{
    Failure, Scope, date_clock, guard_heap, install_isolate_callbacks, measure, pages,
    set_stack_limit, stop_when_exhausted,
};
use crate::options::CommandLine;
use crate::platform::Foreground;
use crate::processor::Meter;
use crate::program::Stopper;
use crate::snapshot;
use crate::threads::Thread;

/// What an isolate is made with.
pub(crate) struct Origin {
    pub(crate) params: v8::CreateParams,
    pub(crate) thread: Thread,
    /// How many bytes of stack JavaScript may use from here; V8's default otherwise.
    pub(crate) stack: Option<usize>,
    /// Whether Node's library comes from the snapshot; the program runs its bootstrap otherwise.
    pub(crate) has_snapshot: bool,
}

/// How the program of an isolate ended.
pub(crate) struct Ended {
    pub(crate) outcome: Result<i32, Failure>,
    /// The status given by `process.exit()` or by a fatal error.
    pub(crate) exit_code: Option<i32>,
    pub(crate) is_aborted: bool,
    /// It reached its heap limit.
    pub(crate) is_exhausted: bool,
    /// What the process becomes (`execve`).
    pub(crate) next_program: Option<Box<dyn Program>>,
}

/// An isolate that can run a program. It belongs to the thread that made it.
pub(crate) struct Booted {
    isolate: v8::OwnedIsolate,
    env: Rc<Environment>,
    exhausted: Arc<AtomicBool>,
}

impl std::fmt::Debug for Booted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Booted").finish_non_exhaustive()
    }
}

impl Booted {
    /// Makes an isolate. `None` when there is no context, which is a bug.
    pub(crate) fn new(origin: Origin) -> Option<Self> {
        let mut isolate = v8::Isolate::new(origin.params);
        if let Some(bytes) = origin.stack {
            set_stack_limit(&mut isolate, bytes);
        }
        isolate.set_slot(Arc::clone(&origin.thread.group.quota));
        let exhausted = guard_heap(&mut isolate);
        let env = Environment::new(&mut isolate, origin.thread);
        stop_when_exhausted(&isolate, env.stop_flag());
        install_isolate_callbacks(&mut isolate);
        crate::glue::listen_to_messages(&mut isolate);
        let mut booted = Self {
            isolate,
            env,
            exhausted,
        };
        if booted.make_context(origin.has_snapshot).is_none() {
            tracing::error!(target: "cenote::node", "the snapshot has no main context");
            booted.discard();
            return None;
        }
        Some(booted)
    }

    fn make_context(&mut self, has_snapshot: bool) -> Option<()> {
        let env = &self.env;
        v8::scope!(let scope, &mut self.isolate);
        let options = v8::ContextOptions::default();
        let context = if has_snapshot {
            v8::Context::from_snapshot(scope, snapshot::MAIN_CONTEXT, options)?
        } else {
            v8::Context::new(scope, options)
        };
        let scope = &mut v8::ContextScope::new(scope, context);
        env.set_context(v8::Global::new(scope, context));
        if has_snapshot {
            let packed = scope
                .get_context_data_from_snapshot_once::<v8::Array>(0)
                .ok()?;
            env.restore(scope, packed)?;
        }
        Some(())
    }

    /// The thread's state.
    pub(crate) const fn env(&self) -> &Rc<Environment> {
        &self.env
    }

    /// Does something in the context before there is a process.
    pub(crate) fn prepare(&mut self, work: impl FnOnce(&mut Scope<'_, '_>)) {
        let env = &self.env;
        v8::scope!(let scope, &mut self.isolate);
        let context = env.context(scope);
        let scope = &mut v8::ContextScope::new(scope, context);
        work(scope);
    }

    /// Runs the program of a task, to its end. `begin` sees the environment before anything runs. Once.
    pub(crate) fn run(
        &mut self,
        task: &Arc<Task>,
        line: CommandLine,
        begin: impl FnOnce(&Environment),
        program: impl FnOnce(&mut Scope<'_, '_>) -> Result<i32, Failure>,
    ) -> Ended {
        let env = &self.env;
        let is_main = env.is_main_thread();
        env.attach(
            Arc::clone(task.kernel().clock()),
            Some(Arc::clone(task)),
            line,
        );
        let meter = env.threads().meter.get_or_init(|| Meter::start(task));
        if let Some(measured) = meter.measure() {
            env.measure(measured);
        }
        let budget = task.kernel().budget();
        measure(&mut self.isolate, budget, env.threads().limits.heap);
        let date_clock = date_clock::set(Arc::clone(env.clock()));
        let pages = pages::set(&self.isolate);
        let registrations = listen_to_kernel(task, env);
        let foreground = Foreground::register(
            &self.isolate,
            Arc::clone(env.steady_clock()),
            Arc::clone(env.event_loop().io().waiter()),
        );
        env.set_foreground(Arc::clone(foreground.foreground()));
        begin(env);
        let outcome = {
            v8::scope!(let scope, &mut self.isolate);
            let context = env.context(scope);
            let scope = &mut v8::ContextScope::new(scope, context);
            let outcome = program(scope);
            if !task.must_end() {
                crate::bindings::compile_cache::persist(env);
            }
            if is_main && !task.must_end() {
                for name in ["RunCleanup", "AtExit"] {
                    crate::trace::note(env, "node.environment", name, 'I');
                }
            }
            // Whatever is left must not call back into a dying isolate.
            env.stop();
            crate::bindings::worker::handle::stop_all(env, !is_main);
            if !task.must_end() {
                // With what the workers have left.
                crate::trace::finish(env);
            }
            crate::bindings::worker::unmanaged::close_all(env);
            env.clear();
            outcome
        };
        drop(registrations);
        drop(foreground);
        drop(pages);
        drop(date_clock);
        Ended {
            outcome,
            exit_code: env.exit_code(),
            is_aborted: env.is_aborted(),
            is_exhausted: self.exhausted.load(Ordering::SeqCst),
            next_program: env.take_next_program(),
        }
    }

    /// Lets go of everything but V8's own memory; of the task above all.
    pub(crate) fn dismantle(self) -> Remains {
        let Self {
            mut isolate, env, ..
        } = self;
        let heap_guard = crate::glue::take_heap_guard(&mut isolate);
        crate::glue::stop_listening(&mut isolate);
        isolate.remove_slot::<Rc<Environment>>();
        drop(env);
        Remains {
            _isolate: isolate,
            _heap_guard: heap_guard,
        }
    }

    /// Takes down an isolate that ran nothing.
    pub(crate) fn discard(self) {
        self.env.clear();
        drop(self.dismantle());
    }
}

/// Has the kernel interrupt the isolate, and wake its loop for signals and ended children.
fn listen_to_kernel(task: &Arc<Task>, env: &Environment) -> [Registration; 2] {
    task.set_interrupter(Arc::new(Stopper::new(env, task)));
    let waiter: Arc<dyn Observer> = Arc::clone(env.event_loop().io().waiter()) as _;
    [
        task.signal_queue().register(Arc::clone(&waiter)),
        task.child_queue().register(waiter),
    ]
}

/// An isolate that has nothing left to run. Dropping it takes a millisecond.
#[must_use = "dropping it on the way to something takes time"]
pub(crate) struct Remains {
    // In this order: the heap's last collection calls the guard.
    _isolate: v8::OwnedIsolate,
    _heap_guard: Option<Box<dyn Any>>,
}

/// How many isolates may be taken down after the end of their process was told: a host that starts processes as fast as it can must not
/// outrun the threads that free their memory.
const MOST_BEHIND: usize = 4;

static BEHIND: Semaphore = Semaphore::const_new(MOST_BEHIND);

/// The right to free an isolate after its process's end was told, if not too many have it; until it is dropped.
pub(crate) fn may_be_behind() -> Option<SemaphorePermit<'static>> {
    BEHIND.try_acquire().ok()
}
