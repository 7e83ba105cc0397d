//! Clocks and timers: which clocks there are, timer flags, interval timers.

use crate::fs::Timespec;

numbered! {
    /// A clock that `clock_gettime` and timers can name.
    pub enum ClockId: i32 {
        Realtime = CLOCK_REALTIME: 0,
        Monotonic = CLOCK_MONOTONIC: 1,
        ProcessCpuTime = CLOCK_PROCESS_CPUTIME_ID: 2,
        ThreadCpuTime = CLOCK_THREAD_CPUTIME_ID: 3,
        MonotonicRaw = CLOCK_MONOTONIC_RAW: 4,
        RealtimeCoarse = CLOCK_REALTIME_COARSE: 5,
        MonotonicCoarse = CLOCK_MONOTONIC_COARSE: 6,
        Boottime = CLOCK_BOOTTIME: 7,
        RealtimeAlarm = CLOCK_REALTIME_ALARM: 8,
        BoottimeAlarm = CLOCK_BOOTTIME_ALARM: 9,
        Tai = CLOCK_TAI: 11,
    }
}

numbered! {
    /// An interval timer of `setitimer`.
    pub enum ItimerKind: i32 {
        Real = ITIMER_REAL: 0,
        Virtual = ITIMER_VIRTUAL: 1,
        Prof = ITIMER_PROF: 2,
    }
}

flags! {
    /// The flags of `clock_nanosleep` and `timer_settime`.
    pub struct TimerFlags: u32 {
        TIMER_ABSTIME = 1,
    }
}

/// A timer's next expiration and its period; zero means none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TimerSpec {
    /// The period; zero for a timer that fires once.
    pub interval: Timespec,
    /// The time to (or, absolute, of) the next expiration; zero for a disarmed timer.
    pub value: Timespec,
}

constants! { i64 {
    /// `utimensat`: set this time to now.
    UTIME_NOW = 0x3fff_ffff,
    /// `utimensat`: leave this time alone.
    UTIME_OMIT = 0x3fff_fffe,
} }

/// Clock ticks a second, as `times` and `/proc` count.
pub const CLOCK_TICKS_PER_SECOND: u32 = 100;
