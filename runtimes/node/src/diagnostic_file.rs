//! Files that tell about a process: profiles and reports. Their names and how they are written. Node: `DiagnosticFilename`.

use std::sync::atomic::{AtomicU64, Ordering};

use cenote_base::abi::Errno;
use cenote_base::abi::fs::{Mode, OpenFlags};
use cenote_base::wait::block_on;
use cenote_kernel::syscall::{self, At};

use crate::environment::Environment;

/// `prefix.yyyymmdd.hhmmss.pid.thread.number.extension`, in local time (here UTC).
pub(crate) fn name(env: &Environment, prefix: &str, extension: &str) -> String {
    let now = env.task().kernel().clock().realtime();
    let (date, time) = stamp(now.sec);
    format!(
        "{prefix}.{date}.{time}.{}.{}.{:03}.{extension}",
        env.pids().0,
        env.thread().id,
        env.threads()
            .diagnostic_files
            .fetch_add(1, Ordering::Relaxed)
            + 1
    )
}

/// The counter of a process's diagnostic files.
pub(crate) type FileCounter = AtomicU64;

/// Seconds since 1970 as `yyyymmdd` and `hhmmss`.
fn stamp(seconds: i64) -> (String, String) {
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    (
        format!("{year:04}{month:02}{day:02}"),
        format!(
            "{:02}{:02}{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        ),
    )
}

/// Seconds since 1970 as `yyyy-mm-ddThh:mm:ssZ`.
pub(crate) fn date_and_time(seconds: i64) -> String {
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Year, month and day of a day since 1970 in the Gregorian calendar (Howard Hinnant's `civil_from_days`).
pub(crate) const fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month, day)
}

/// Writes a whole file.
///
/// # Errors
/// The error number of the call that failed.
pub(crate) fn write(env: &Environment, path: &[u8], content: &[u8]) -> Result<(), Errno> {
    let task = env.task();
    let flags =
        OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC | OpenFlags::O_CLOEXEC;
    let fd = crate::blocking::blocking(env, async || {
        syscall::openat(task, At::Cwd, path, flags, Mode::from_bits_truncate(0o644)).await
    })
    .map_err(|error| error.errno())?;
    let mut left = content;
    let mut outcome = Ok(());
    while !left.is_empty() {
        match block_on(syscall::write(task, fd, left)) {
            Ok(0) => break,
            Ok(count) => left = left.get(count..).unwrap_or_default(),
            Err(error) if error.is_restartable() && !task.must_end() => {
                crate::program::note_signals(env);
            }
            Err(error) => {
                outcome = Err(error.errno());
                break;
            }
        }
    }
    syscall::close(task, fd).map_err(|error| error.errno())?;
    outcome
}

#[cfg(test)]
mod tests {
    use super::{date, date_and_time, stamp};

    #[test]
    fn days_become_dates() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(20_778), (2026, 11, 21));
        assert_eq!(date_and_time(1_795_292_324), "2026-11-21T20:18:44Z");
        assert_eq!(stamp(86_399), ("19700101".into(), "235959".into()));
    }
}
