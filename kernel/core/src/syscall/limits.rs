//! `prlimit64`.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::limits::{RLimit, Resource};
use cenote_base::{Pid, SysResult};

use super::traced;
use crate::process::Task;

/// Tells and changes a limit of a process (0: the caller). See prlimit(2).
///
/// # Errors
/// `EINVAL`: the soft limit is above the hard one. `EPERM`: raising the hard limit, and not the superuser; another
/// user's process; more open files than a process of the machine may have. `ESRCH`: there is no such process.
pub fn prlimit64(
    task: &Task,
    pid: Pid,
    resource: Resource,
    limit: Option<RLimit>,
) -> SysResult<RLimit> {
    traced(task, "prlimit64", || {
        let process = if pid.raw() == 0 {
            Arc::clone(task.process())
        } else {
            task.kernel().table().get(pid).ok_or(Errno::ESRCH)?
        };
        let own = task.process().credentials();
        let other = process.credentials();
        if process.pid() != task.pid() && !own.is_privileged() && own.uid != other.uid {
            return Err(Errno::EPERM.into());
        }
        let most = task.kernel().most_open_files();
        let mut limits = process.rlimits().lock();
        let before = limits.of(resource);
        if let Some(limit) = limit {
            if limit.soft > limit.hard {
                return Err(Errno::EINVAL.into());
            }
            let raises = limit.hard > before.hard;
            if raises
                && (!own.is_privileged() || (resource == Resource::OpenFiles && limit.hard > most))
            {
                return Err(Errno::EPERM.into());
            }
            limits.set(resource, limit);
        }
        drop(limits);
        if limit.is_some() && resource == Resource::Cpu {
            process.usage().limit_changed();
        }
        Ok(before)
    })
}
