//! What a process sees of the coarse clock: [`Looks`].
//!
//! A clock in whole milliseconds steps between two looks that are microseconds apart as often as their distance is to a millisecond. Programs that
//! look twice to know whether time has passed do not expect that: vim asks the terminal for what was typed with a wait of nothing less the time
//! that has passed, and a wait of -1 is one for ever. So looks that are close to each other see one step.

use std::time::{Duration, Instant};

use cenote_abi::fs::Timespec;

/// Looks that are closer than this see the same step, unless two steps have passed: whoever looks all the time sees time pass, too.
const CLOSE: Duration = Duration::from_micros(100);

/// A process's looks at one clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Looks {
    last: Option<(Instant, Timespec)>,
}

impl Looks {
    /// What to show at `at`, where the clock, which moves in steps of `step`, shows `now`: at most a step less.
    pub(crate) fn shown(&mut self, at: Instant, now: Timespec, step: Duration) -> Timespec {
        let shown = match self.last {
            Some((before, last)) if at.saturating_duration_since(before) < CLOSE => {
                let is_next = span(now).checked_sub(span(last)) == Some(step);
                if is_next { last } else { now }
            }
            _ => now,
        };
        self.last = Some((at, shown));
        shown
    }
}

/// A time as a span; those before 1970 are never close to a step.
fn span(time: Timespec) -> Duration {
    Duration::new(u64::try_from(time.sec).unwrap_or(0), time.nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(1);

    fn milliseconds(count: u32) -> Timespec {
        Timespec {
            sec: 7,
            nsec: count * 1_000_000,
        }
    }

    #[test]
    fn close_looks_see_one_step_and_time_passes_all_the_same() {
        let begin = Instant::now();
        let mut looks = Looks::default();
        let mut look = |micros: u64, now: u32| {
            looks.shown(
                begin + Duration::from_micros(micros),
                milliseconds(now),
                STEP,
            )
        };
        assert_eq!(look(0, 4), milliseconds(4));
        assert_eq!(look(3, 5), milliseconds(4), "a step between close looks");
        assert_eq!(look(90, 5), milliseconds(4));
        assert_eq!(look(300, 5), milliseconds(5), "not close any more");
        for micros in (310..1_000).step_by(50) {
            assert_eq!(look(micros, 5), milliseconds(5));
        }
        assert_eq!(look(1_010, 6), milliseconds(5));
        assert_eq!(look(1_090, 7), milliseconds(7), "two steps");
        assert_eq!(
            look(1_095, 6),
            milliseconds(6),
            "the host set its clock back"
        );
    }
}
