//! Time: the [`Clock`] a kernel is given, the host's ([`HostClock`]) and one that tests drive ([`ManualClock`]).
//!
//! Lock order: `ManualClock::timers` is a leaf.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cenote_abi::fs::Timespec;
use parking_lot::Mutex;

use crate::timing::Timing;
use crate::wait::Waiter;

/// A point on the machine's monotonic clock: time since the machine was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct MonoTime(Duration);

impl MonoTime {
    /// The point `since_boot` after the machine was made.
    #[must_use]
    pub const fn from_boot(since_boot: Duration) -> Self {
        Self(since_boot)
    }

    /// The time since the machine was made.
    #[must_use]
    pub const fn since_boot(self) -> Duration {
        self.0
    }

    /// The point `later` after this one; the end of time where that does not fit.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }

    /// The time from `earlier` to this point; zero if `earlier` is later.
    #[must_use]
    pub fn duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A future that ends at its time.
pub type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the kernel takes time from.
pub trait Clock: Send + Sync + Debug {
    /// Now, on the monotonic clock.
    fn now(&self) -> MonoTime;

    /// Now, as the time of day (UTC since 1970).
    fn realtime(&self) -> Timespec;

    /// A future that ends at `at` or as soon after as can be. May be polled from any thread.
    fn timer(&self, at: MonoTime) -> Timer;

    /// What guests are shown of time.
    fn timing(&self) -> Timing {
        Timing::Off
    }

    /// The clock for waits that are taken in several steps, if it is not this one: it goes on when this one stands still.
    /// What it says must not be shown to a guest. See [`steady`](crate::timing::steady).
    fn steady(&self) -> Option<Arc<dyn Clock>> {
        None
    }
}

/// The host's clocks, timers by tokio.
#[derive(Debug)]
pub struct HostClock {
    boot: std::time::Instant,
    runtime: tokio::runtime::Handle,
}

impl HostClock {
    /// The host's clocks; the monotonic one starts now. Timers run on `runtime`'s time driver.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "host contact: the machine's clock"
    )]
    pub fn new(runtime: tokio::runtime::Handle) -> Self {
        Self {
            boot: std::time::Instant::now(),
            runtime,
        }
    }
}

impl Clock for HostClock {
    fn now(&self) -> MonoTime {
        MonoTime(self.boot.elapsed())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "host contact: the machine's clock"
    )]
    fn realtime(&self) -> Timespec {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timespec::from_duration(now)
    }

    fn timer(&self, at: MonoTime) -> Timer {
        // Beyond what the host's clock can say is never.
        let Some(instant) = self.boot.checked_add(at.0) else {
            return Box::pin(std::future::pending());
        };
        let _guard = self.runtime.enter();
        Box::pin(tokio::time::sleep_until(instant.into()))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Default)]
pub struct ManualClock {
    state: Mutex<ManualState>,
}

#[derive(Debug, Default)]
struct ManualState {
    now: Duration,
    timers: Vec<(Duration, Arc<Waiter>)>,
}

impl ManualClock {
    /// A clock at zero: boot, and the start of 1970.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Moves time on and ends the timers that are due.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state.lock();
        state.now += by;
        let now = state.now;
        let (due, later) = state.timers.drain(..).partition(|(at, _)| *at <= now);
        state.timers = later;
        drop(state);
        let due: Vec<(Duration, Arc<Waiter>)> = due;
        for (_, waiter) in due {
            waiter.wake();
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> MonoTime {
        MonoTime(self.state.lock().now)
    }

    fn realtime(&self) -> Timespec {
        Timespec::from_duration(self.state.lock().now)
    }

    fn timer(&self, at: MonoTime) -> Timer {
        let waiter = Waiter::new();
        let mut state = self.state.lock();
        if at.0 <= state.now {
            waiter.wake();
        } else {
            state.timers.push((at.0, Arc::clone(&waiter)));
        }
        drop(state);
        Box::pin(async move { waiter.woken().await })
    }
}
