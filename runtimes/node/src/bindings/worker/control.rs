//! [`Control`]: what a worker's thread and its parent's both see. Node: the guarded members of `Worker` in `src/node_worker.h`.
//!
//! Lock order: `Control::state` is a leaf.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cenote_base::Clock;

use crate::environment::Environment;
use crate::event_loop::{Idle, Remote};

/// Status of a worker that was stopped.
const STOPPED: i32 = 1;

/// An error that the parent makes, because the worker could not: its code and its text.
pub(crate) type CustomError = (&'static str, String);

/// The isolate of a worker that lives.
#[derive(Clone)]
struct Running {
    isolate: v8::IsolateHandle,
    remote: Remote,
    stop: Arc<AtomicBool>,
    idle: Arc<Idle>,
    /// The loop's own.
    clock: Arc<dyn Clock>,
    is_frozen: bool,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    is_stopped: bool,
    exit_code: Option<i32>,
    error: Option<CustomError>,
    /// Milliseconds on the machine's clock; `None` before the loop began.
    loop_start: Option<f64>,
}

/// The shared state of a worker.
#[derive(Default)]
pub(crate) struct Control {
    state: Mutex<State>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Control")
    }
}

impl Control {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worker's thread has its isolate now; if it was stopped before, it ends at once.
    pub(crate) fn begin(&self, env: &Environment) {
        let running = Running {
            isolate: env.isolate_handle().clone(),
            remote: env.event_loop().io().remote(),
            stop: Arc::clone(env.stop_flag()),
            idle: Arc::clone(env.event_loop().io().idle()),
            clock: Arc::clone(env.steady_clock()),
            is_frozen: crate::frozen::is_frozen(env),
        };
        let mut state = self.state();
        let is_stopped = state.is_stopped;
        state.running = Some(running);
        drop(state);
        if is_stopped {
            env.stop();
        }
    }

    /// The loop begins, at this time of the machine's clock.
    pub(crate) fn begin_loop(&self, milliseconds: f64) {
        self.state().loop_start = Some(milliseconds);
    }

    /// The isolate goes; from here on there is nothing to stop.
    pub(crate) fn end(&self) {
        let running = self.state().running.take();
        drop(running);
    }

    /// Says how it ended, unless that is known.
    pub(crate) fn set_exit(&self, code: i32, error: Option<CustomError>) {
        let mut state = self.state();
        if state.exit_code.is_none() {
            state.exit_code = Some(code);
            state.error = error;
        }
    }

    /// Ends the worker, whatever it does. From any thread.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.is_stopped = true;
        if state.exit_code.is_none() {
            state.exit_code = Some(STOPPED);
        }
        let running = state.running.clone();
        drop(state);
        if let Some(running) = running {
            running.stop.store(true, Ordering::Release);
            running.isolate.terminate_execution();
            running.remote.wake();
        }
    }

    /// How it ended.
    pub(crate) fn outcome(&self) -> (i32, Option<CustomError>) {
        let mut state = self.state();
        (state.exit_code.unwrap_or(0), state.error.take())
    }

    /// Whether the parent stopped it.
    pub(crate) fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// The worker's loop, while it lives.
    pub(crate) fn remote(&self) -> Option<Remote> {
        self.state()
            .running
            .as_ref()
            .map(|running| running.remote.clone())
    }

    /// When the loop began, in milliseconds of the machine's clock.
    pub(crate) fn loop_start(&self) -> Option<f64> {
        self.state().loop_start
    }

    /// Milliseconds the loop spent waiting.
    pub(crate) fn loop_idle(&self) -> Option<f64> {
        let running = self.state().running.clone()?;
        if running.is_frozen {
            return Some(0.0);
        }
        Some(running.idle.milliseconds(running.clock.now()))
    }
}
