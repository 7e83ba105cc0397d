//! A timer that calls back: [`Alarm`].
//!
//! The kernel has no executor. An alarm that is armed for the first time hands one future to the [`Spawner`] it was
//! given; that future lives as long as the alarm, sleeps until the deadline, or until the alarm is set anew. However
//! often a guest sets a timer, there is one future.
//!
//! Lock order: `Shared::state` is a leaf; the callback runs after it is released.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use cenote_base::{Clock, MonoTime, Waiter};
use parking_lot::Mutex;

/// How often an alarm goes off at most: a guest's interval of a nanosecond must not keep the host busy. Expirations in
/// between are counted.
const FASTEST: Duration = Duration::from_millis(1);

/// Runs futures for the kernel: timers that fire while nobody waits for them.
pub trait Spawner: Send + Sync + std::fmt::Debug {
    /// Runs `future` to its end, somewhere else.
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send + 'static>>);
}

/// When an alarm goes off next, and how often after.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct AlarmSetting {
    pub(crate) next: Option<MonoTime>,
    pub(crate) interval: Duration,
}

/// Called when an alarm goes off, with how many expirations there were since the last call (at least one).
pub(crate) type Ring = Box<dyn Fn(u64) + Send + Sync>;

/// A timer that calls back.
#[derive(Debug)]
pub(crate) struct Alarm {
    shared: Arc<Shared>,
}

struct Shared {
    /// What guests see.
    clock: Arc<dyn Clock>,
    /// What time is measured by, if it is another.
    steady: Option<Arc<dyn Clock>>,
    spawner: Arc<dyn Spawner>,
    ring: Ring,
    changed: Arc<Waiter>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// On the steady clock.
    setting: AlarmSetting,
    /// What a guest sees of the next time while its clock stands still.
    shown: Option<MonoTime>,
    is_driven: bool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alarm")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Alarm {
    pub(crate) fn new(clock: Arc<dyn Clock>, spawner: Arc<dyn Spawner>, ring: Ring) -> Self {
        Self {
            shared: Arc::new(Shared {
                steady: clock.steady(),
                clock,
                spawner,
                ring,
                changed: Waiter::new(),
                state: Mutex::default(),
            }),
        }
    }

    /// Sets the alarm (or, without a next time, stops it) by what the machine's clock shows; answers the setting before.
    pub(crate) fn set(&self, setting: AlarmSetting) -> AlarmSetting {
        let mut state = self.shared.state.lock();
        let before = self.shared.shown(&state);
        state.shown = setting.next;
        state.setting = self.shared.measured(setting);
        let starts = setting.next.is_some() && !state.is_driven;
        state.is_driven |= starts;
        drop(state);
        if starts {
            let shared = Arc::downgrade(&self.shared);
            let changed = Arc::clone(&self.shared.changed);
            self.shared.spawner.spawn(Box::pin(drive(shared, changed)));
        } else {
            self.shared.changed.wake();
        }
        before
    }

    pub(crate) fn setting(&self) -> AlarmSetting {
        self.shared.shown(&self.shared.state.lock())
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.shared.state.lock().setting = AlarmSetting::default();
        // The driver holds no reference while it sleeps; it wakes up and finds the alarm gone.
        self.shared.changed.wake();
    }
}

async fn drive(alarm: Weak<Shared>, changed: Arc<Waiter>) {
    let mut not_before = MonoTime::default();
    loop {
        let Some(shared) = alarm.upgrade() else {
            return;
        };
        let next = shared.state.lock().setting.next;
        let next = next.map(|at| at.max(not_before));
        if let Some(at) = next
            && at <= shared.now()
        {
            not_before = shared.now().after(FASTEST);
            shared.go_off();
            continue;
        }
        let mut timer = next.map(|at| shared.measure().timer(at));
        drop(shared);
        let mut woken = changed.woken();
        std::future::poll_fn(|cx| {
            if Pin::new(&mut woken).poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match timer.as_mut() {
                Some(timer) => timer.as_mut().poll(cx),
                None => Poll::Pending,
            }
        })
        .await;
    }
}

impl Shared {
    fn measure(&self) -> &Arc<dyn Clock> {
        self.steady.as_ref().unwrap_or(&self.clock)
    }

    fn now(&self) -> MonoTime {
        self.measure().now()
    }

    /// A setting by the machine's clock, on the one it is measured by.
    fn measured(&self, setting: AlarmSetting) -> AlarmSetting {
        let Some(steady) = &self.steady else {
            return setting;
        };
        let translate = |at: MonoTime| steady.now().after(at.duration_since(self.clock.now()));
        AlarmSetting {
            next: setting.next.map(translate),
            ..setting
        }
    }

    /// The setting by the machine's clock.
    fn shown(&self, state: &State) -> AlarmSetting {
        if self.steady.is_none() {
            return state.setting;
        }
        AlarmSetting {
            next: state.setting.next.and(state.shown),
            ..state.setting
        }
    }

    fn go_off(&self) {
        let now = self.now();
        let mut state = self.state.lock();
        let Some(due) = state.setting.next.filter(|at| *at <= now) else {
            return;
        };
        let (count, next) = expirations(due, state.setting.interval, now);
        state.setting.next = next;
        if self.steady.is_some() {
            state.shown = next.map(|_| self.clock.now().after(state.setting.interval));
        }
        drop(state);
        (self.ring)(count);
    }
}

/// How many expirations lie between `due` and `now`, and when the next one is.
pub(crate) fn expirations(
    due: MonoTime,
    interval: Duration,
    now: MonoTime,
) -> (u64, Option<MonoTime>) {
    if interval.is_zero() {
        return (1, None);
    }
    let missed = now.duration_since(due).as_nanos() / interval.as_nanos();
    let count = u64::try_from(missed).unwrap_or(u64::MAX - 1) + 1;
    let next = interval
        .as_nanos()
        .checked_mul(u128::from(count))
        .and_then(|nanos| u64::try_from(nanos).ok())
        .map(|nanos| due.after(Duration::from_nanos(nanos)));
    (count, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> MonoTime {
        MonoTime::from_boot(Duration::from_millis(millis))
    }

    #[test]
    fn missed_expirations_are_counted_and_the_beat_is_kept() {
        let interval = Duration::from_millis(10);
        assert_eq!(expirations(at(100), interval, at(100)), (1, Some(at(110))));
        assert_eq!(expirations(at(100), interval, at(135)), (4, Some(at(140))));
        assert_eq!(expirations(at(100), Duration::ZERO, at(135)), (1, None));
    }
}
