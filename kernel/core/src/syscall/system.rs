//! The machine: `uname` to `getrandom`.

use cenote_abi::Errno;
use cenote_abi::random::RandomFlags;
use cenote_abi::user::{HOST_NAME_MAX, Sysinfo};
use cenote_base::limits::Resource;
use cenote_base::{Pid, SysResult};

use super::traced;
use crate::process::Task;

/// The release of Linux whose calls these are.
pub const RELEASE: &str = "6.12.0-cenote";
/// What `uname -v` says.
pub const VERSION: &str = "#1 SMP PREEMPT_DYNAMIC Cenote";
/// What `uname -m` says: the calls are those of x86-64, whatever the programs are.
pub const MACHINE: &str = "x86_64";

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
    Utsname {
        sysname: b"Linux".to_vec(),
        nodename: task.kernel().hostname(),
        release: RELEASE.as_bytes().to_vec(),
        version: VERSION.as_bytes().to_vec(),
        machine: MACHINE.as_bytes().to_vec(),
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
    let total = kernel.budget().limits().wasm_memory_total;
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
