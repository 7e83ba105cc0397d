//! Time as the loop sees it, and the one timer under all of JavaScript's. Node: `Environment::RunTimers`.
//!
//! Native handles that wait for a time of their own set an alarm ([`Timers::set_alarm`]): libuv's `uv_timer_t`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Clock, MonoTime};

use crate::environment::Stored;
use crate::event_loop::{CallContext, Completion, ticks};
use crate::glue::{Failure, Scope, ScopeExt};

/// Names an alarm.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) struct AlarmId(MonoTime, u64);

/// The loop's clock and its timer.
pub(crate) struct Timers {
    clock: Arc<dyn Clock>,
    start: MonoTime,
    /// The time of this turn: all callbacks of a turn see the same.
    now: Cell<MonoTime>,
    deadline: Cell<Option<MonoTime>>,
    has_ref: Cell<bool>,
    alarms: RefCell<BTreeMap<AlarmId, Completion>>,
    next_alarm: Cell<u64>,
}

impl std::fmt::Debug for Timers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timers")
            .field("deadline", &self.deadline.get())
            .field("alarms", &self.alarms.borrow().len())
            .finish_non_exhaustive()
    }
}

impl Timers {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let start = clock.now();
        Self {
            clock,
            start,
            now: Cell::new(start),
            deadline: Cell::new(None),
            // JavaScript counts its timers from none; those without a reference (a socket's timeout) never change that.
            has_ref: Cell::new(false),
            alarms: RefCell::default(),
            next_alarm: Cell::new(0),
        }
    }

    /// Runs `callback` once, in the timers phase, when this long has passed. An alarm does not keep the loop alive: the
    /// state of the handle that set it does.
    pub(crate) fn set_alarm(
        &self,
        delay: Duration,
        callback: impl for<'s, 'i> FnOnce(&mut Scope<'s, 'i>) + 'static,
    ) -> AlarmId {
        let number = self.next_alarm.get();
        self.next_alarm.set(number + 1);
        let id = AlarmId(self.clock.now().after(delay), number);
        self.alarms.borrow_mut().insert(id, Box::new(callback));
        id
    }

    /// Takes an alarm back, if it has not run.
    pub(crate) fn cancel_alarm(&self, id: AlarmId) {
        let callback = self.alarms.borrow_mut().remove(&id);
        drop(callback);
    }

    pub(super) fn clear(&self) {
        let alarms = std::mem::take(&mut *self.alarms.borrow_mut());
        drop(alarms);
    }

    /// The alarms that are due now; those they set wait for the next turn.
    fn take_due_alarms(&self) -> Vec<AlarmId> {
        let now = self.now.get();
        self.alarms
            .borrow()
            .keys()
            .take_while(|id| id.0 <= now)
            .copied()
            .collect()
    }

    /// Milliseconds since the loop began, at the start of this turn (`uv_now`).
    pub(crate) fn now_ms(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
        {
            self.now.get().duration_since(self.start).as_millis() as f64
        }
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
        let alarm = self.alarms.borrow().keys().next().map(|id| id.0);
        match (self.deadline.get(), alarm) {
            (Some(timer), Some(alarm)) => Some(timer.min(alarm)),
            (timer, alarm) => timer.or(alarm),
        }
    }
}

fn run_alarms(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    let timers = env.event_loop().timers();
    for id in timers.take_due_alarms() {
        let callback = timers.alarms.borrow_mut().remove(&id);
        if let Some(callback) = callback
            && env.can_call_into_js()
        {
            v8::scope!(let inner, scope);
            callback(inner);
        }
    }
}

/// Runs the alarms that are due, and `processTimers` when the timer is.
pub(super) fn run(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    run_alarms(scope);
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
    v8::scope!(let scope, scope);
    let process = env.process(scope);
    // The timer is set before ticks and microtasks run: they may set it to an earlier time.
    ticks::in_callback_scope(scope, process, &CallContext::ROOT, |scope| {
        let timers = env.event_loop().timers();
        if let Some(next) = process_timers(scope, callback)
            && next != 0.0
        {
            timers.schedule(next.abs() - timers.now_ms());
            timers.set_ref(next > 0.0);
        }
    });
    Ok(())
}

/// Calls `processTimers`: when the next timer is due, negative if it does not keep the loop alive, 0 if there is none. It throws
/// once per throwing timer and goes on with the next when called again.
fn process_timers<'s>(
    scope: &mut Scope<'s, '_>,
    callback: v8::Local<'s, v8::Function>,
) -> Option<f64> {
    let env = scope.env();
    while env.can_call_into_js() {
        v8::scope!(let inner, scope);
        let process = env.process(inner);
        let now = inner.number(env.event_loop().timers().now_ms());
        let next = ticks::guarded(inner, |inner| callback.call(inner, process.into(), &[now]));
        if let Some(next) = next {
            return Some(next.number_value(inner).unwrap_or(0.0));
        }
    }
    None
}
