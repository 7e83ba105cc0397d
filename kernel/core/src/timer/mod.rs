//! Time that makes things happen: `Alarm`, and the interval and POSIX timers of a process made of it.

mod alarm;
mod process;

pub use alarm::Spawner;
pub(crate) use alarm::{Alarm, AlarmSetting};
pub(crate) use process::{MAX_TIMERS, Overruns, PosixTimer, ProcessTimers};
