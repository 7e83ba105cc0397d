//! Scripts that are ended from outside: by a timeout, or by SIGINT (`breakOnSigint`). Node: `src/node_watchdog.cc`.
//!
//! A timeout is a host thread that sleeps and then terminates V8's execution. SIGINT has a handler in the kernel as long as
//! somebody watches; the kernel's notice reaches [`Interruption`] from any thread.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use cenote_abi::SigNum;
use cenote_abi::signal::{SaFlags, SigSet};
use cenote_kernel::{SigAction, SigHandler, syscall};

use crate::environment::Environment;
use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt, Value};

/// What may end a script.
#[derive(Clone, Copy, Debug)]
pub(in crate::bindings) struct Limits {
    /// Zero or less: none.
    pub(in crate::bindings) timeout_ms: i64,
    pub(in crate::bindings) breaks_on_sigint: bool,
}

/// Runs JavaScript under limits. [`Failure::Pending`]: it threw, or was ended by somebody else.
pub(in crate::bindings) fn run_guarded<'s>(
    scope: &mut Scope<'s, '_>,
    limits: &Limits,
    run: impl FnOnce(&mut Scope<'s, '_>) -> Option<Value<'s>>,
) -> Result<Value<'s>, Failure> {
    let env = scope.env();
    let timer = (limits.timeout_ms > 0).then(|| Timer::start(&env, limits.timeout_ms));
    let breaks = limits.breaks_on_sigint;
    if breaks {
        start_watching(&env)?;
        interruption(&env).breaking.fetch_add(1, Ordering::SeqCst);
    }
    let result = run(scope);
    let timed_out = timer.is_some_and(|timer| timer.finish());
    let interrupted = breaks && {
        interruption(&env).breaking.fetch_sub(1, Ordering::SeqCst);
        stop_watching(&env)
    };
    if (timed_out || interrupted) && env.can_call_into_js() {
        scope.cancel_terminate_execution();
        return Err(if timed_out {
            let message = format!("Script execution timed out after {}ms", limits.timeout_ms);
            Failure::error("ERR_SCRIPT_EXECUTION_TIMEOUT", message)
        } else {
            Failure::error(
                "ERR_SCRIPT_EXECUTION_INTERRUPTED",
                "Script execution was interrupted by `SIGINT`",
            )
        });
    }
    result.ok_or(Failure::Pending)
}

/// Ends a script that runs too long.
struct Timer {
    state: Arc<(Mutex<Timing>, Condvar)>,
}

#[derive(Default)]
struct Timing {
    is_finished: bool,
    has_struck: bool,
}

impl Timer {
    fn start(env: &Environment, timeout_ms: i64) -> Self {
        let state = Arc::new((Mutex::new(Timing::default()), Condvar::new()));
        let shared = Arc::clone(&state);
        let isolate = env.isolate_handle().clone();
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
        let thread = std::thread::Builder::new()
            .name("vm-watchdog".into())
            .spawn(move || {
                let (lock, condition) = &*shared;
                let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
                let waited =
                    condition.wait_timeout_while(guard, timeout, |timing| !timing.is_finished);
                let (mut timing, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
                if outcome.timed_out() && !timing.is_finished {
                    timing.has_struck = true;
                    isolate.terminate_execution();
                }
            });
        if let Err(error) = thread {
            tracing::warn!(target: "cenote::node", %error, "no thread for a vm timeout");
        }
        Self { state }
    }

    /// Stops watching; whether it struck.
    fn finish(&self) -> bool {
        let (lock, condition) = &*self.state;
        let mut timing = lock.lock().unwrap_or_else(PoisonError::into_inner);
        timing.is_finished = true;
        condition.notify_all();
        timing.has_struck
    }
}

/// Tells the threads that bring signals whether a script is to be ended by SIGINT.
#[derive(Debug, Default)]
pub(crate) struct Interruption {
    breaking: AtomicU32,
    tracing: AtomicU32,
}

impl Interruption {
    /// Whether a script runs that SIGINT ends.
    pub(crate) fn is_wanted(&self) -> bool {
        self.breaking.load(Ordering::SeqCst) > 0
    }

    /// SIGINT is to be told of by where it struck (`TraceSigintWatchdog`).
    pub(in crate::bindings) fn begin_tracing(&self) {
        self.tracing.fetch_add(1, Ordering::SeqCst);
    }

    /// One less who wants that.
    pub(in crate::bindings) fn end_tracing(&self) {
        let count = self.tracing.load(Ordering::SeqCst);
        self.tracing
            .store(count.saturating_sub(1), Ordering::SeqCst);
    }

    /// Whether anybody wants that.
    pub(crate) fn is_tracing(&self) -> bool {
        self.tracing.load(Ordering::SeqCst) > 0
    }
}

/// Who watches SIGINT in this isolate.
#[derive(Default)]
struct SigintState {
    shared: Arc<Interruption>,
    watchers: Cell<u32>,
    came: Cell<bool>,
    before: RefCell<Option<SigAction>>,
}

/// The isolate's [`Interruption`].
pub(crate) fn interruption(env: &Environment) -> Arc<Interruption> {
    Arc::clone(&env.state::<SigintState>().shared)
}

pub(in crate::bindings) fn start_watching(env: &Environment) -> Result<(), Failure> {
    let state = env.state::<SigintState>();
    if state.watchers.get() == 0 {
        state.came.set(false);
        let action = SigAction {
            handler: SigHandler::Function(1),
            flags: SaFlags::SA_RESTART,
            mask: SigSet::EMPTY,
        };
        let before = syscall::rt_sigaction(env.task(), SigNum::SIGINT, Some(action))?;
        *state.before.borrow_mut() = Some(before);
    }
    state.watchers.set(state.watchers.get().saturating_add(1));
    Ok(())
}

/// Whether SIGINT came meanwhile: the innermost of those who watch hears of it, and no other.
pub(in crate::bindings) fn stop_watching(env: &Environment) -> bool {
    let state = env.state::<SigintState>();
    let came = look(env, &state);
    state.came.set(false);
    let left = state.watchers.get().saturating_sub(1);
    state.watchers.set(left);
    if left == 0
        && let Some(before) = state.before.borrow_mut().take()
        && let Err(error) = syscall::rt_sigaction(env.task(), SigNum::SIGINT, Some(before))
    {
        tracing::debug!(target: "cenote::node", %error, "resetting SIGINT");
    }
    came
}

/// Takes what the kernel has, and SIGINT out of it.
fn look(env: &Environment, state: &SigintState) -> bool {
    crate::program::note_signals(env);
    if crate::program::take_noted(env, SigNum::SIGINT) {
        state.came.set(true);
    }
    state.came.get()
}

/// `startSigintWatchdog()`: whether it could.
pub(super) fn start_sigint_watchdog<'s>(
    scope: &mut Scope<'s, '_>,
    _args: &Args<'s>,
) -> BindingResult<'s> {
    Ok(start_watching(&scope.env()).is_ok().into())
}

/// `stopSigintWatchdog()`: whether SIGINT came.
pub(super) fn stop_sigint_watchdog<'s>(
    scope: &mut Scope<'s, '_>,
    _args: &Args<'s>,
) -> BindingResult<'s> {
    Ok(stop_watching(&scope.env()).into())
}

/// `watchdogHasPendingSigint()`: whether SIGINT came since the watching began.
pub(super) fn watchdog_has_pending_sigint<'s>(
    scope: &mut Scope<'s, '_>,
    _args: &Args<'s>,
) -> BindingResult<'s> {
    let env = scope.env();
    let state = env.state::<SigintState>();
    Ok((state.watchers.get() > 0 && look(&env, &state)).into())
}
