//! The machine: `uname` to `getrandom`.

use std::sync::Arc;
use std::time::Duration;

use cenote_abi::Errno;
use cenote_abi::random::RandomFlags;
use cenote_abi::user::{HOST_NAME_MAX, Sysinfo};
use cenote_base::limits::Resource;
use cenote_base::{Pid, SysError, SysResult};

use super::traced;
use crate::kernel::Kernel;
use crate::process::affinity::Affinity;
use crate::process::usage::sum;
use crate::process::{Process, Task};

/// What [`uname`] tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Utsname {
    /// The system.
    pub sysname: Vec<u8>,
    /// The host name.
    pub nodename: Vec<u8>,
    /// The release.
    pub release: Vec<u8>,
    /// The version.
    pub version: Vec<u8>,
    /// The machine.
    pub machine: Vec<u8>,
    /// The domain.
    pub domainname: Vec<u8>,
}

/// Names the system and the machine. See uname(2).
#[must_use]
pub fn uname(task: &Task) -> Utsname {
    let system = task.kernel().system();
    Utsname {
        sysname: system.sysname.clone().into_bytes(),
        nodename: task.kernel().hostname(),
        release: system.release.clone().into_bytes(),
        version: system.version.clone().into_bytes(),
        machine: system.machine.clone().into_bytes(),
        domainname: task.kernel().domain(),
    }
}

fn check_name(task: &Task, name: &[u8]) -> SysResult {
    if !task.process().credentials().is_privileged() {
        return Err(Errno::EPERM.into());
    }
    if name.len() > usize::try_from(HOST_NAME_MAX).unwrap_or(usize::MAX) {
        return Err(Errno::EINVAL.into());
    }
    Ok(())
}

/// Changes the host name. See sethostname(2).
///
/// # Errors
/// `EPERM`: not the superuser. `EINVAL`: too long.
pub fn sethostname(task: &Task, name: &[u8]) -> SysResult {
    traced(task, "sethostname", || {
        check_name(task, name)?;
        task.kernel().set_hostname(name);
        Ok(())
    })
}

/// Changes the domain name. See setdomainname(2).
///
/// # Errors
/// `EPERM`: not the superuser. `EINVAL`: too long.
pub fn setdomainname(task: &Task, name: &[u8]) -> SysResult {
    traced(task, "setdomainname", || {
        check_name(task, name)?;
        task.kernel().set_domain(name);
        Ok(())
    })
}

/// Tells the state of the machine. See sysinfo(2).
#[must_use]
pub fn sysinfo(task: &Task) -> Sysinfo {
    let kernel = task.kernel();
    let total = kernel.budget().limits().wasm_memory_total_bytes;
    let used: u64 = kernel
        .table()
        .select(|node| node.process.pid() != Pid::INIT)
        .iter()
        .map(|process| process.memory_bytes())
        .fold(0, u64::saturating_add);
    Sysinfo {
        uptime: kernel.clock().now().since_boot(),
        total_ram: total,
        free_ram: total.saturating_sub(used),
        processes: u16::try_from(kernel.budget().used(Resource::Processes)).unwrap_or(u16::MAX),
        ..Sysinfo::default()
    }
}

/// Fills a buffer with bytes nobody can guess. See getrandom(2).
///
/// # Errors
/// `EINVAL`: unknown flags.
pub fn getrandom(task: &Task, buf: &mut [u8], flags: RandomFlags) -> SysResult<usize> {
    traced(task, "getrandom", || {
        if RandomFlags::from_bits(flags.bits()).is_none()
            || flags.contains(RandomFlags::GRND_RANDOM | RandomFlags::GRND_INSECURE)
        {
            return Err(Errno::EINVAL.into());
        }
        task.kernel().entropy().fill(buf);
        Ok(buf.len())
    })
}

/// What one of a machine's processors has done since the machine was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ProcessorTimes {
    /// Ran programs.
    pub user: Duration,
    /// Answered their calls.
    pub system: Duration,
    /// The rest.
    pub idle: Duration,
}

/// What each processor has done: nobody knows on which of them a process ran, so that each has the same share.
#[must_use]
pub fn processor_times(kernel: &Kernel) -> ProcessorTimes {
    let (mut user, mut system) = (Duration::ZERO, Duration::ZERO);
    for process in kernel.table().select(|_| true) {
        let usage = process.usage();
        let all = kernel
            .clock()
            .timing()
            .usage(sum(usage.own(), usage.children()));
        user = user.saturating_add(all.user_time);
        system = system.saturating_add(all.system_time);
    }
    let processors = kernel.system().processors;
    let (user, system) = (user / processors, system / processors);
    let up = kernel.clock().now().since_boot();
    ProcessorTimes {
        user,
        system,
        idle: up.saturating_sub(user).saturating_sub(system),
    }
}

/// The process that a scheduling call means.
fn scheduled(task: &Task, pid: Pid) -> SysResult<Arc<Process>> {
    match pid.raw() {
        0 => Ok(Arc::clone(task.process())),
        ..0 => Err(Errno::EINVAL.into()),
        _ => Ok(task.kernel().process(pid).ok_or(Errno::ESRCH)?),
    }
}

/// The processors a process may run on, as a mask in whole longs. See `sched_getaffinity(2)`.
///
/// # Errors
/// `ESRCH`: there is no such process. `EINVAL`: a negative id.
pub fn sched_getaffinity(task: &Task, pid: Pid) -> SysResult<Vec<u8>> {
    traced(task, "sched_getaffinity", || {
        let process = scheduled(task, pid)?;
        let processors = task.kernel().system().processors;
        Ok(affinity(task.kernel(), &process).mask(processors))
    })
}

pub(crate) fn affinity(kernel: &Kernel, process: &Process) -> Affinity {
    let kept = *process.affinity().lock();
    kept.unwrap_or_else(|| Affinity::first(kernel.system().processors))
}

/// How many processors the process may run on.
#[must_use]
pub fn available_processors(task: &Task) -> u32 {
    affinity(task.kernel(), task.process()).len()
}

/// Says on which processors a process may run. The set is kept, told and inherited, and has no effect. See `sched_setaffinity(2)`.
///
/// # Errors
/// `ESRCH`: there is no such process. `EPERM`: another user's. `EINVAL`: none of the processors is there.
pub fn sched_setaffinity(task: &Task, pid: Pid, mask: &[u8]) -> SysResult {
    traced(task, "sched_setaffinity", || {
        let process = scheduled(task, pid)?;
        let (own, other) = (task.process().credentials(), process.credentials());
        if !own.is_privileged() && own.euid != other.uid && own.euid != other.euid {
            return Err(Errno::EPERM.into());
        }
        let there = Affinity::first(task.kernel().system().processors);
        let wanted = Affinity::of_mask(mask).and(there);
        if wanted.is_empty() {
            return Err(SysError::with_note(
                Errno::EINVAL,
                "none of these processors is there",
            ));
        }
        *process.affinity().lock() = Some(wanted);
        Ok(())
    })
}

/// The processor the caller is said to run on: the first it may. See getcpu(2).
#[must_use]
pub fn getcpu(task: &Task) -> u32 {
    affinity(task.kernel(), task.process()).lowest()
}
