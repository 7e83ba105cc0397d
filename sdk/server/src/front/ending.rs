//! The end of a worker that is killed: when nothing of it can run any more, and when it is gone.
//!
//! The second comes ten milliseconds and more after the first: the kernel takes thousands of mappings apart before it tells the parent. Whoever
//! disposes of a machine waits for the first only. A thread that is dying gives its address space up before anything else, and without one it
//! runs nothing; `/proc/PID/task/TID/exe` says whether it has one (`proc(5)`: readlink fails with `ENOENT` for a task without).

use std::fs;
use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::process::Child;
use tokio::sync::Semaphore;

/// How many workers may still be taken apart after their end was told: whoever makes and disposes of machines as fast as they can must not
/// outrun the kernel.
const MOST_BEHIND: usize = 4;

static BEHIND: Semaphore = Semaphore::const_new(MOST_BEHIND);

/// How often a dying worker is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// How often at most, before its end is awaited.
const LOOKS: usize = 50;

/// Kills a worker. Nothing of it runs any more when this returns; its memory is given back then or a moment later.
pub(super) async fn kill(mut child: Child) {
    if let Err(error) = child.start_kill() {
        tracing::warn!(%error, "a worker could not be killed");
    }
    // The right not to wait for its end.
    let behind = BEHIND.try_acquire().ok();
    if let (Some(pid), Some(behind)) = (child.id(), behind)
        && has_stopped(pid).await
    {
        tokio::spawn(async move {
            reap(&mut child).await;
            drop(behind);
        });
    } else {
        reap(&mut child).await;
    }
}

async fn reap(child: &mut Child) {
    if let Err(error) = child.wait().await {
        tracing::warn!(%error, "the end of a worker could not be awaited");
    }
}

/// Waits a while until no thread of a process that was killed and is not reaped can run; whether that was seen.
async fn has_stopped(pid: u32) -> bool {
    for _ in 0..LOOKS {
        match is_stopped(pid) {
            Ok(true) => return true,
            Ok(false) => tokio::time::sleep(LOOK).await,
            Err(_) => return false,
        }
    }
    false
}

/// Whether no thread of a process has an address space.
///
/// # Errors
/// When procfs does not tell.
fn is_stopped(pid: u32) -> io::Result<bool> {
    let mut is_listed = false;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        is_listed = true;
        match fs::read_link(thread?.path().join("exe")) {
            Err(error) if is_gone(&error) => {}
            // Also when it may not be read, which is asked only of a task that has an address space.
            _ => return Ok(false),
        }
    }
    // A process that is not reaped has at least its first thread.
    if is_listed {
        Ok(true)
    } else {
        Err(ErrorKind::NotFound.into())
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_that_runs_has_not_stopped() {
        assert!(!is_stopped(std::process::id()).unwrap());
    }

    #[test]
    fn one_that_has_ended_has_stopped_before_it_is_reaped() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert!(!is_stopped(child.id()).unwrap());
        child.kill().unwrap();
        while !is_stopped(child.id()).unwrap() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        // There is nothing to be told of it now.
        is_stopped(child.id()).unwrap_err();
    }

    #[tokio::test]
    async fn a_killed_process_is_reaped_in_the_end() {
        let child = tokio::process::Command::new("cat")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id().unwrap();
        kill(child).await;
        while fs::exists(format!("/proc/{pid}")).unwrap() {
            tokio::time::sleep(LOOK).await;
        }
    }
}
