//! The event loop of one process: libuv's order of phases, over waiting in the kernel.
//!
//! One turn: timers · completions and ready files · immediates · close callbacks. Reading order: `ticks` (how JavaScript is
//! called, microtasks and `process.nextTick`), `timers`, `io` (files, waiting, other threads), `handles` (what keeps the
//! loop alive; `AsyncWrap` and `HandleWrap`). Node: `src/api/embed_helpers.cc`, src/env.cc; libuv: src/unix/core.c.
//!
//! A binding that finishes a request later calls [`EventLoop::complete`] (same thread) or sends through a [`Remote`]
//! (another thread); while a request is under way it holds a [`Request`], which keeps the loop alive.

pub(crate) mod handles;
mod io;
mod ticks;
mod timers;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use cenote_base::Clock;

use crate::glue::{Failure, Object, Scope, ScopeExt, Value};

pub(crate) use io::{FileReady, Idle, Readiness, Remote, WatchId};
pub(crate) use ticks::{
    CallContext, after_callback, call_back, in_callback_scope, make_callback, make_callback_in,
};
pub(crate) use timers::AlarmId;

/// Something to do on the loop's thread, in a scope of its own.
pub(crate) type Completion = Box<dyn for<'s, 'i> FnOnce(&mut Scope<'s, 'i>)>;

/// The loop's state.
pub(crate) struct EventLoop {
    timers: timers::Timers,
    io: io::Io,
    pending: RefCell<VecDeque<Completion>>,
    finished: RefCell<VecDeque<Completion>>,
    closing: RefCell<VecDeque<Completion>>,
    requests: Cell<usize>,
    refs: Cell<usize>,
    immediate_ref: Cell<bool>,
    /// Whether V8 works on something in another thread that will end here (WebAssembly being compiled).
    background: Cell<bool>,
    turns: Cell<u64>,
    depth: Cell<usize>,
    /// Whether `destroy` hooks are due.
    destroyed: Cell<bool>,
}

impl std::fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventLoop")
            .field("pending", &self.pending.borrow().len())
            .field("requests", &self.requests.get())
            .field("refs", &self.refs.get())
            .finish_non_exhaustive()
    }
}

impl EventLoop {
    /// A loop whose time starts now. `clock` is the steady one.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            timers: timers::Timers::new(Arc::clone(&clock)),
            io: io::Io::new(clock),
            pending: RefCell::default(),
            finished: RefCell::default(),
            closing: RefCell::default(),
            requests: Cell::new(0),
            refs: Cell::new(0),
            immediate_ref: Cell::new(false),
            background: Cell::new(false),
            turns: Cell::default(),
            depth: Cell::new(0),
            destroyed: Cell::new(false),
        }
    }

    /// Time and the one timer.
    pub(crate) const fn timers(&self) -> &timers::Timers {
        &self.timers
    }

    /// Files, and other threads.
    pub(crate) const fn io(&self) -> &io::Io {
        &self.io
    }

    /// Runs `completion` in the loop's next turn: how an "asynchronous" request that is done already reports.
    pub(crate) fn complete(
        &self,
        completion: impl for<'s, 'i> FnOnce(&mut Scope<'s, 'i>) + 'static,
    ) {
        self.pending.borrow_mut().push_back(Box::new(completion));
    }

    /// The same for work that Node gives to its thread pool: what such work begins is never done within the same turn, so
    /// immediates come between.
    pub(crate) fn complete_work(
        &self,
        completion: impl for<'s, 'i> FnOnce(&mut Scope<'s, 'i>) + 'static,
    ) {
        self.finished.borrow_mut().push_back(Box::new(completion));
    }

    /// Runs `callback` in the closing phase of this turn.
    pub(crate) fn on_close(&self, callback: impl for<'s, 'i> FnOnce(&mut Scope<'s, 'i>) + 'static) {
        self.closing.borrow_mut().push_back(Box::new(callback));
    }

    /// `destroy` hooks are to be called in this turn, or in the next one if there is one.
    pub(crate) fn note_destroyed(&self) {
        self.destroyed.set(true);
    }

    /// A request is under way: the loop stays alive until [`end_request`](Self::end_request).
    pub(crate) fn begin_request(&self) {
        self.requests.set(self.requests.get() + 1);
    }

    /// A request ended.
    pub(crate) fn end_request(&self) {
        self.requests.set(self.requests.get().saturating_sub(1));
    }

    pub(super) fn add_ref(&self) {
        self.refs.set(self.refs.get() + 1);
    }

    pub(super) fn remove_ref(&self) {
        self.refs.set(self.refs.get().saturating_sub(1));
    }

    /// `toggleImmediateRef`: whether immediates keep the loop from sleeping.
    pub(crate) fn set_immediate_ref(&self, on: bool) {
        self.immediate_ref.set(on);
    }

    /// Whether anything is left to wait for.
    pub(crate) fn is_alive(&self) -> bool {
        self.timers.is_alive()
            || self.immediate_ref.get()
            || self.background.get()
            || self.requests.get() > 0
            || self.refs.get() > 0
            || !self.pending.borrow().is_empty()
            || !self.finished.borrow().is_empty()
            || !self.closing.borrow().is_empty()
    }

    /// Whether a phase after the poll phase, or the next turn's first, has something to do.
    fn has_next_phases(&self) -> bool {
        self.immediate_ref.get()
            || !self.pending.borrow().is_empty()
            || !self.finished.borrow().is_empty()
            || !self.closing.borrow().is_empty()
    }

    /// How many turns there were.
    pub(crate) fn turns(&self) -> u64 {
        self.turns.get()
    }

    /// Forgets everything that is pending.
    pub(crate) fn clear(&self) {
        let pending = std::mem::take(&mut *self.pending.borrow_mut());
        let finished = std::mem::take(&mut *self.finished.borrow_mut());
        let closing = std::mem::take(&mut *self.closing.borrow_mut());
        drop((pending, finished, closing));
        self.io.clear();
        self.timers.clear();
    }

    /// Runs what is pending now; what that adds waits for the next round. Returns whether anything ran.
    fn run_queue(queue: &RefCell<VecDeque<Completion>>, scope: &mut Scope<'_, '_>) -> bool {
        let env = scope.env();
        let count = queue.borrow().len();
        for _ in 0..count {
            let Some(completion) = queue.borrow_mut().pop_front() else {
                break;
            };
            if !env.can_call_into_js() {
                break;
            }
            v8::scope!(let inner, scope);
            completion(inner);
        }
        run_destroys(scope);
        count > 0
    }
}

/// Calls the `destroy` hooks that are due. Node does it in its unreferenced immediates.
fn run_destroys(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    if env.event_loop().destroyed.replace(false) && env.can_call_into_js() {
        v8::scope!(let inner, scope);
        crate::bindings::async_wrap::emit_destroys(inner);
    }
}

/// Runs V8's own tasks, with ticks after them, and looks whether there will be more.
fn run_platform_tasks(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    let event_loop = env.event_loop();
    // Looked at before: what ends in between has posted its task, and keeps the loop for one more turn.
    let has_background = scope.has_pending_background_tasks();
    let depth = event_loop.depth.replace(1);
    if env
        .foreground()
        .is_some_and(|foreground| foreground.run(scope))
        && depth == 0
    {
        after_callback(scope);
    }
    event_loop.depth.set(depth);
    event_loop.background.set(has_background);
}

/// Runs the loop until nothing keeps it alive or the program ended.
fn run_until_idle(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    let event_loop = env.event_loop();
    event_loop.timers.update_now();
    if event_loop.is_alive() {
        timers::run(scope)?;
    }
    run_platform_tasks(scope);
    while event_loop.is_alive() && env.can_call_into_js() {
        turn(scope)?;
        if !event_loop.is_alive() {
            // The last callbacks may have begun work in the background. Node: `DrainTasks`.
            run_platform_tasks(scope);
        }
    }
    Ok(())
}

/// Runs the main script as the loop would run a callback: in the root async context, with ticks after it.
pub(crate) fn run_main(
    scope: &mut Scope<'_, '_>,
    main: impl FnOnce(&mut Scope<'_, '_>) -> Result<(), Failure>,
) {
    const BOOTSTRAP_ASYNC_ID: f64 = 1.0;
    let env = scope.env();
    let event_loop = env.event_loop();
    event_loop.depth.set(1);
    let resource: Value<'_> = scope.object().into();
    let pushed =
        crate::bindings::async_wrap::push_context(scope, BOOTSTRAP_ASYNC_ID, 0.0, resource).is_ok();
    ticks::guarded(scope, |scope| match main(scope) {
        Ok(()) => Some(()),
        Err(failure) => {
            failure.throw(scope);
            None
        }
    });
    if pushed {
        crate::bindings::async_wrap::pop_context(scope, BOOTSTRAP_ASYNC_ID);
    }
    // Also after a failure, unlike a callback: Node's scope around the main script does not know of it.
    after_callback(scope);
    event_loop.depth.set(0);
}

/// One turn of the loop.
fn turn(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    v8::scope!(let scope, scope);
    let env = scope.env();
    let event_loop = env.event_loop();
    event_loop.turns.set(event_loop.turns.get() + 1);
    EventLoop::run_queue(&event_loop.finished, scope);
    EventLoop::run_queue(&event_loop.pending, scope);
    // What ran just now may have been the last thing that kept the loop alive. libuv: `uv__backend_timeout`.
    let must_not_sleep = !event_loop.is_alive() || event_loop.has_next_phases();
    io::poll(scope, must_not_sleep);
    // As libuv: completions that completions made run now, a few rounds.
    for _ in 0..8 {
        if !EventLoop::run_queue(&event_loop.pending, scope) {
            break;
        }
    }
    drop(Traced::begin(&env, "RunAndClearNativeImmediates"));
    run_immediates(scope)?;
    EventLoop::run_queue(&event_loop.closing, scope);
    event_loop.timers.update_now();
    let _traced = Traced::begin(&env, "RunTimers");
    timers::run(scope)
}

/// A phase of the loop in the trace (`node.environment`): from its making to its end.
struct Traced {
    env: std::rc::Rc<crate::environment::Environment>,
    name: &'static str,
}

const PHASES: &str = "node.environment";

impl Traced {
    fn begin(env: &std::rc::Rc<crate::environment::Environment>, name: &'static str) -> Self {
        crate::trace::note(env, PHASES, name, 'B');
        Self {
            env: std::rc::Rc::clone(env),
            name,
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        crate::trace::note(&self.env, PHASES, self.name, 'E');
    }
}

/// `processImmediate`, when there are immediates. Node: `Environment::CheckImmediate`.
fn run_immediates(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    const COUNT: usize = 0;
    const REF_COUNT: usize = 1;
    const HAS_OUTSTANDING: usize = 2;
    let env = scope.env();
    let info = env.field(scope, "timers", "immediateInfo")?;
    if info.get(COUNT) == 0.0 {
        return Ok(());
    }
    let Some(callback) = env.stored_function(scope, crate::environment::Stored::ProcessImmediate)
    else {
        return Ok(());
    };
    let _traced = Traced::begin(&env, "CheckImmediate");
    loop {
        if !env.can_call_into_js() {
            return Ok(());
        }
        v8::scope!(let inner, scope);
        let process = env.process(inner);
        make_callback_in(inner, process, callback, &[], &CallContext::ROOT);
        if info.get(HAS_OUTSTANDING) == 0.0 {
            break;
        }
    }
    if info.get(REF_COUNT) == 0.0 {
        env.event_loop().set_immediate_ref(false);
    }
    Ok(())
}

/// Runs the program's loop to its natural end, with `beforeExit` and `exit`; returns the exit status.
/// Node: `SpinEventLoop`, `EmitProcessBeforeExit`, `EmitProcessExit`.
///
/// # Errors
/// When bootstrap state is missing (a bug), or the guest's execution was ended.
pub(crate) fn spin(scope: &mut Scope<'_, '_>) -> Result<i32, Failure> {
    let env = scope.env();
    crate::trace::show_sync_calls(&env, true);
    while env.can_call_into_js() {
        run_until_idle(scope)?;
        if !env.can_call_into_js() {
            break;
        }
        run_destroys(scope);
        let code = process_exit_code(scope)?.unwrap_or(0);
        let traced = Traced::begin(&env, "BeforeExit");
        emit_process_event(scope, "beforeExit", code);
        drop(traced);
        if !env.event_loop().is_alive() {
            break;
        }
    }
    crate::trace::show_sync_calls(&env, false);
    finish(scope)
}

/// Where [`exit_info`] holds `process.exitCode`, and whether it was set.
const EXIT_CODE: usize = 1;
const HAS_EXIT_CODE: usize = 2;

/// Emits `exit` (once) and returns the status.
fn finish(scope: &mut Scope<'_, '_>) -> Result<i32, Failure> {
    const EXITING: usize = 0;
    const UNSETTLED_TOP_LEVEL_AWAIT: i32 = 13;
    let env = scope.env();
    if !env.can_call_into_js() {
        return Ok(env.exit_code().unwrap_or(1));
    }
    exit_info(scope)?.set(EXITING, 1.0);
    let default = if crate::loader::has_unsettled_entry(scope) {
        UNSETTLED_TOP_LEVEL_AWAIT
    } else {
        0
    };
    let given = process_exit_code(scope)?;
    if given.is_none() && default == UNSETTLED_TOP_LEVEL_AWAIT {
        crate::loader::warn_of_unsettled_entry(scope);
        // Listeners see the status as if the program had set it.
        let info = exit_info(scope)?;
        info.set(EXIT_CODE, f64::from(default));
        info.set(HAS_EXIT_CODE, 1.0);
    }
    emit_process_event(scope, "exit", given.unwrap_or(default));
    if let Some(code) = env.exit_code() {
        return Ok(code);
    }
    Ok(process_exit_code(scope)?.unwrap_or(default))
}

/// The array behind `process.exitCode` and `process._exiting`.
pub(crate) fn exit_info(scope: &mut Scope<'_, '_>) -> Result<crate::glue::Field, Failure> {
    let process = scope.env().process(scope);
    let private = scope.private("node:exit_info_private_symbol");
    let value = process
        .get_private(scope, private)
        .ok_or(Failure::Pending)?;
    v8::Local::<v8::TypedArray>::try_from(value)
        .ok()
        .and_then(crate::glue::Field::of_view)
        .ok_or_else(|| Failure::error("ERR_INTERNAL_ASSERTION", "process has no exit info"))
}

/// `process.exitCode`, if it was set.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the array's elements are 32-bit integers"
)]
pub(crate) fn process_exit_code(scope: &mut Scope<'_, '_>) -> Result<Option<i32>, Failure> {
    let info = exit_info(scope)?;
    Ok((info.get(HAS_EXIT_CODE) != 0.0).then(|| info.get(EXIT_CODE) as i32))
}

/// `process.emit(event, code)`.
fn emit_process_event(scope: &mut Scope<'_, '_>, event: &str, code: i32) {
    v8::scope!(let scope, scope);
    let process: Object<'_> = scope.env().process(scope);
    let Ok(emit) = scope.get_property(process, "emit") else {
        return;
    };
    let Ok(emit) = v8::Local::<v8::Function>::try_from(emit) else {
        return;
    };
    let args: [Value<'_>; 2] = [
        scope.name(event).into(),
        v8::Integer::new(scope, code).into(),
    ];
    make_callback_in(scope, process, emit, &args, &CallContext::ROOT);
}
