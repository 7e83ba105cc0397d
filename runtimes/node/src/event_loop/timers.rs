//! Time as the loop sees it, and the one timer under all of JavaScript's. Node: `Environment::RunTimers`.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Clock, MonoTime};

use crate::environment::Stored;
use crate::event_loop::{CallContext, ticks};
use crate::glue::{Failure, Scope, ScopeExt};

/// The loop's clock and its timer.
#[derive(Debug)]
pub(crate) struct Timers {
    clock: Arc<dyn Clock>,
    start: MonoTime,
    /// The time of this turn: all callbacks of a turn see the same.
    now: Cell<MonoTime>,
    deadline: Cell<Option<MonoTime>>,
    has_ref: Cell<bool>,
}

impl Timers {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let start = clock.now();
        Self {
            clock,
            start,
            now: Cell::new(start),
            deadline: Cell::new(None),
            has_ref: Cell::new(true),
        }
    }

    /// Milliseconds since the loop began, at the start of this turn (`uv_now`).
    pub(crate) fn now_ms(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
        {
            self.now.get().duration_since(self.start).as_millis() as f64
        }
    }

    /// When the loop began.
    pub(crate) const fn start(&self) -> MonoTime {
        self.start
    }

    /// Takes the time of the turn anew (`uv_update_time`).
    pub(crate) fn update_now(&self) {
        self.now.set(self.clock.now());
    }

    /// Sets the timer to fire in `ms`, from the time of this turn.
    pub(crate) fn schedule(&self, ms: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturating is right for a delay"
        )]
        let delay = Duration::from_millis(ms.max(1.0) as u64);
        // JavaScript counts whole milliseconds from the loop's start: the deadline is the start of such a millisecond.
        let whole = Duration::from_millis(
            u64::try_from(self.now.get().duration_since(self.start).as_millis())
                .unwrap_or(u64::MAX),
        );
        self.deadline
            .set(Some(self.start.after(whole.saturating_add(delay))));
    }

    /// Whether the timer keeps the loop alive.
    pub(crate) fn set_ref(&self, on: bool) {
        self.has_ref.set(on);
    }

    pub(super) fn is_alive(&self) -> bool {
        self.has_ref.get() && self.deadline.get().is_some()
    }

    pub(super) fn deadline(&self) -> Option<MonoTime> {
        self.deadline.get()
    }
}

/// Calls `processTimers` when the timer is due.
pub(super) fn run(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    let timers = env.event_loop().timers();
    if timers
        .deadline
        .get()
        .is_none_or(|deadline| deadline > timers.now.get())
    {
        return Ok(());
    }
    timers.deadline.set(None);
    let Some(callback) = env.stored_function(scope, Stored::ProcessTimers) else {
        return Ok(());
    };
    // It throws once per throwing timer and goes on with the next when called again.
    let next = loop {
        if !env.can_call_into_js() {
            return Ok(());
        }
        v8::scope!(let inner, scope);
        let process = env.process(inner);
        let now = inner.number(timers.now_ms());
        if let Some(next) =
            ticks::make_callback_in(inner, process, callback, &[now], &CallContext::ROOT)
        {
            break next.number_value(inner).unwrap_or(0.0);
        }
    };
    if next == 0.0 {
        return Ok(());
    }
    timers.schedule(next.abs() - timers.now_ms());
    timers.set_ref(next > 0.0);
    Ok(())
}
