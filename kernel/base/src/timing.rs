//! How much of time guests see: [`Timing`], and the clocks that show no more than that.
//!
//! A clock that is fine enough lets a guest measure what its neighbours do to the host's caches. So a machine's clock tells
//! milliseconds unless its owner asks for more, or stands still altogether. Waits go on in every mode.

use std::sync::Arc;
use std::time::Duration;

use cenote_abi::fs::Timespec;
use cenote_abi::user::Rusage;

use crate::clock::{Clock, MonoTime, Timer};

/// The step of the coarse clock.
const STEP: Duration = Duration::from_millis(1);
/// The same in nanoseconds.
const STEP_NANOS: u32 = 1_000_000;

/// What guests see of time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
pub enum Timing {
    /// The real clocks, as fine as the host has them.
    Off,
    /// The real time in whole milliseconds.
    #[default]
    Coarse,
    /// Every clock stands at the time at which the machine was made, and tells no use of the processor. Sleeps and timers take
    /// the time they should. JavaScript has no `SharedArrayBuffer` to build a clock with.
    Frozen,
}

impl Timing {
    /// `clock`, as guests are to see it.
    #[must_use]
    pub fn limit(self, clock: Arc<dyn Clock>) -> Arc<dyn Clock> {
        match self {
            Self::Off => clock,
            Self::Coarse => Arc::new(CoarseClock { clock }),
            Self::Frozen => Arc::new(FrozenClock {
                at: floor(clock.now()),
                realtime: floor_realtime(clock.realtime()),
                passing: Arc::new(CoarseClock { clock }),
            }),
        }
    }

    /// The smallest step between two times that are shown.
    #[must_use]
    pub const fn resolution(self) -> Duration {
        match self {
            Self::Off => Duration::from_nanos(1),
            Self::Coarse | Self::Frozen => STEP,
        }
    }

    /// What a guest is told of a span that was measured for it.
    #[must_use]
    pub fn span(self, span: Duration) -> Duration {
        match self {
            Self::Off => span,
            Self::Coarse => whole_steps(span),
            Self::Frozen => Duration::ZERO,
        }
    }

    /// What a guest is told of what a process has used.
    #[must_use]
    pub fn usage(self, usage: Rusage) -> Rusage {
        Rusage {
            user_time: self.span(usage.user_time),
            system_time: self.span(usage.system_time),
            ..usage
        }
    }
}

/// The clock for waits that are taken in several steps: a deadline kept and compared, a loop's own time. It goes on whatever guests
/// are shown, and must not be shown to them.
#[must_use]
pub fn steady(clock: &Arc<dyn Clock>) -> Arc<dyn Clock> {
    clock.steady().unwrap_or_else(|| Arc::clone(clock))
}

/// The whole steps of a span.
fn whole_steps(span: Duration) -> Duration {
    Duration::new(
        span.as_secs(),
        span.subsec_nanos() / STEP_NANOS * STEP_NANOS,
    )
}

fn floor(at: MonoTime) -> MonoTime {
    MonoTime::from_boot(whole_steps(at.since_boot()))
}

fn floor_realtime(time: Timespec) -> Timespec {
    Timespec {
        sec: time.sec,
        nsec: time.nsec / STEP_NANOS * STEP_NANOS,
    }
}

/// A clock in whole milliseconds.
#[derive(Debug)]
struct CoarseClock {
    clock: Arc<dyn Clock>,
}

impl Clock for CoarseClock {
    fn now(&self) -> MonoTime {
        floor(self.clock.now())
    }

    fn realtime(&self) -> Timespec {
        floor_realtime(self.clock.realtime())
    }

    /// When it ends, this clock shows at least `at`: whoever looks then and would wait for the rest must not go round in circles.
    fn timer(&self, at: MonoTime) -> Timer {
        let whole = floor(at);
        let next = if whole == at { at } else { whole.after(STEP) };
        self.clock.timer(next)
    }

    fn timing(&self) -> Timing {
        Timing::Coarse
    }
}

/// A clock that stands still.
#[derive(Debug)]
struct FrozenClock {
    at: MonoTime,
    realtime: Timespec,
    /// The time that passes meanwhile.
    passing: Arc<CoarseClock>,
}

impl Clock for FrozenClock {
    fn now(&self) -> MonoTime {
        self.at
    }

    fn realtime(&self) -> Timespec {
        self.realtime
    }

    /// Ends when as much time has passed, from now, as lies between what is shown and `at`.
    fn timer(&self, at: MonoTime) -> Timer {
        let ahead = at.duration_since(self.at);
        self.passing.timer(self.passing.now().after(ahead))
    }

    fn timing(&self) -> Timing {
        Timing::Frozen
    }

    fn steady(&self) -> Option<Arc<dyn Clock>> {
        Some(Arc::clone(&self.passing) as _)
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::{Duration, MonoTime, Timing, steady};
    use crate::clock::ManualClock;

    fn at(micros: u64) -> MonoTime {
        MonoTime::from_boot(Duration::from_micros(micros))
    }

    fn is_over(timer: &mut crate::clock::Timer) -> bool {
        timer
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    #[test]
    fn the_coarse_clock_tells_whole_milliseconds_and_never_wakes_before_it_shows_the_time() {
        let real = ManualClock::new();
        let clock = Timing::Coarse.limit(real.clone());
        real.advance(Duration::from_micros(5_900));
        assert_eq!(clock.now(), at(5_000));
        assert_eq!(clock.realtime().nsec, 5_000_000);
        let mut timer = clock.timer(at(6_100));
        real.advance(Duration::from_micros(500));
        assert!(!is_over(&mut timer), "the clock shows 6 ms");
        real.advance(Duration::from_micros(600));
        assert!(is_over(&mut timer));
        assert_eq!(clock.now(), at(7_000));
    }

    #[test]
    fn the_frozen_clock_stands_still_and_its_timers_go_on() {
        let real = ManualClock::new();
        real.advance(Duration::from_millis(40));
        let clock = Timing::Frozen.limit(real.clone());
        real.advance(Duration::from_millis(10));
        assert_eq!(clock.now(), at(40_000));
        assert_eq!(clock.realtime().nsec, 40_000_000);
        let mut timer = clock.timer(clock.now().after(Duration::from_millis(20)));
        real.advance(Duration::from_millis(19));
        assert!(!is_over(&mut timer));
        real.advance(Duration::from_millis(1));
        assert!(is_over(&mut timer));
        assert_eq!(clock.now(), at(40_000));
        assert_eq!(steady(&clock).now(), at(70_000));
        assert_eq!(Timing::Frozen.span(Duration::from_secs(3)), Duration::ZERO);
    }
}
