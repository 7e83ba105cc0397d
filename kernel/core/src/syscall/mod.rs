//! The system calls: Linux's, typed. The one door of the machine.
//!
//! Every call is `name(task, …) -> SysResult<…>` with its POSIX name; those that can wait are `async`, safe to drop.
//! Each is one line of the call trace (target `cenote::syscall`), written by `traced`; policy and limits are asked
//! here, on resolved paths and addresses. How far each call goes is in `cenote_abi::syscall_table`.

pub mod cred;
pub mod fd;
pub mod io;
pub mod limits;
pub mod path;
pub mod pipe;
pub mod poll;
pub mod process;
pub mod signal;
pub mod socket;
pub mod system;
pub mod time;

use std::fmt::Debug;
use std::future::Future;

use cenote_abi::Errno;
use cenote_abi::fs::AT_FDCWD;
use cenote_base::{Fd, SysResult};
use cenote_vfs::Location;

use crate::process::Task;

pub use cred::*;
pub use fd::*;
pub use io::*;
pub use limits::*;
pub use path::*;
pub use pipe::*;
pub use poll::*;
pub use process::*;
pub use signal::*;
pub use socket::*;
pub use system::*;
pub use time::*;

/// Where a relative path starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum At {
    /// At the working directory.
    Cwd,
    /// At an open directory.
    Fd(Fd),
}

impl At {
    /// Reads the first argument of an `…at` call.
    #[must_use]
    pub const fn from_raw(raw: i32) -> Self {
        if raw == AT_FDCWD {
            Self::Cwd
        } else {
            Self::Fd(Fd::new(raw))
        }
    }

    /// The place; `None`: the working directory. An absolute path does not look at it.
    ///
    /// # Errors
    /// `EBADF`: not open. `ENOTDIR`: has no place in the tree.
    pub(crate) fn location(self, task: &Task, path: &[u8]) -> SysResult<Option<Location>> {
        match self {
            Self::Cwd => Ok(None),
            Self::Fd(_) if path.first() == Some(&b'/') => Ok(None),
            Self::Fd(fd) => {
                let file = task.files().get(fd)?;
                file.location()
                    .cloned()
                    .map(Some)
                    .ok_or(Errno::ENOTDIR.into())
            }
        }
    }
}

/// Runs a call that does not wait, with its line in the trace.
pub(crate) fn traced<T: Debug>(
    task: &Task,
    name: &'static str,
    call: impl FnOnce() -> SysResult<T>,
) -> SysResult<T> {
    let outcome = call();
    trace(task, name, &outcome);
    outcome
}

/// Runs a call that may wait, with its line in the trace.
pub(crate) async fn traced_wait<T: Debug>(
    task: &Task,
    name: &'static str,
    call: impl Future<Output = SysResult<T>>,
) -> SysResult<T> {
    let outcome = call.await;
    trace(task, name, &outcome);
    outcome
}

fn trace<T: Debug>(task: &Task, name: &'static str, outcome: &SysResult<T>) {
    match outcome {
        Ok(value) => {
            tracing::trace!(target: "cenote::syscall", pid = task.pid().raw(), call = name, ?value, "ok");
        }
        Err(error) => {
            tracing::trace!(target: "cenote::syscall", pid = task.pid().raw(), call = name, %error, "failed");
        }
    }
}
