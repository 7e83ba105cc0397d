//! The machine: its name, its state, limits, scheduling, randomness.

use cenote_abi::Errno;
use cenote_abi::limits::{RLimit, Resource};
use cenote_abi::random::RandomFlags;
use cenote_abi::user::UTSNAME_FIELD;
use cenote_base::{Pid, SysResult};
use cenote_kernel::syscall;
use cenote_kernel::system::MAX_PROCESSORS;

use super::call::Call;
use super::layout;
use crate::memory::widen;

/// What one `getrandom` gives at most; Linux's own bound for large requests is 32 MiB - 1.
const RANDOM_STEP: u32 = 32 << 20;

pub(super) fn uname(call: &mut Call<'_>, buffer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let names = syscall::uname(task);
    let field = widen(UTSNAME_FIELD);
    let mut bytes = vec![0; field * 6];
    let fields = [
        &names.sysname,
        &names.nodename,
        &names.release,
        &names.version,
        &names.machine,
        &names.domainname,
    ];
    for (slot, name) in bytes.chunks_exact_mut(field).zip(fields) {
        let len = name.len().min(field - 1);
        slot[..len].copy_from_slice(&name[..len]);
    }
    memory.write(buffer, &bytes)
}

pub(super) fn sysinfo(call: &mut Call<'_>, buffer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let info = syscall::sysinfo(task);
    memory.write(buffer, &layout::sysinfo(&info))
}

pub(super) fn sethostname(call: &mut Call<'_>, name: u32, len: u32) -> SysResult {
    if len > cenote_abi::user::HOST_NAME_MAX {
        return Err(Errno::EINVAL.into());
    }
    let (memory, task) = call.parts()?;
    syscall::sethostname(task, memory.slice(name, len)?)
}

pub(super) fn getrandom(
    call: &mut Call<'_>,
    buffer: u32,
    len: u32,
    flags: i32,
) -> SysResult<usize> {
    let flags = RandomFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let len = len.min(RANDOM_STEP);
    let (mut memory, task) = call.parts()?;
    syscall::getrandom(task, memory.slice_mut(buffer, len)?, flags)
}

fn limited(raw: i32) -> SysResult<Resource> {
    Ok(Resource::from_raw(raw).ok_or(Errno::EINVAL)?)
}

pub(super) fn prlimit64(
    call: &mut Call<'_>,
    pid: i32,
    resource: i32,
    new: u32,
    old: u32,
) -> SysResult {
    let resource = limited(resource)?;
    let (mut memory, task) = call.parts()?;
    let new: Option<RLimit> = memory.get_optional(new)?;
    let before = syscall::prlimit64(task, Pid::new(pid), resource, new)?;
    memory.write_if_wanted(old, &layout::rlimit(&before))
}

pub(super) fn getrlimit(call: &mut Call<'_>, resource: i32, buffer: u32) -> SysResult {
    let resource = limited(resource)?;
    let (mut memory, task) = call.parts()?;
    let limit = syscall::prlimit64(task, Pid::new(0), resource, None)?;
    memory.write(buffer, &layout::rlimit(&limit))
}

pub(super) fn setrlimit(call: &mut Call<'_>, resource: i32, buffer: u32) -> SysResult {
    let resource = limited(resource)?;
    let (memory, task) = call.parts()?;
    syscall::prlimit64(task, Pid::new(0), resource, Some(memory.get(buffer)?)).map(|_| ())
}

pub(super) async fn sched_yield(_call: &mut Call<'_>) -> SysResult {
    tokio::task::yield_now().await;
    Ok(())
}

/// The whole set has to fit, as in Linux.
pub(super) fn sched_getaffinity(
    call: &mut Call<'_>,
    pid: i32,
    len: u32,
    buffer: u32,
) -> SysResult<u32> {
    if len < 8 || !len.is_multiple_of(8) {
        return Err(Errno::EINVAL.into());
    }
    let (mut memory, task) = call.parts()?;
    let mask = syscall::sched_getaffinity(task, Pid::new(pid))?;
    let written = u32::try_from(mask.len()).map_err(|_| Errno::EINVAL)?;
    if len < written {
        return Err(Errno::EINVAL.into());
    }
    memory.write(buffer, &mask)?;
    Ok(written)
}

pub(super) fn sched_setaffinity(call: &mut Call<'_>, pid: i32, len: u32, buffer: u32) -> SysResult {
    let (memory, task) = call.parts()?;
    // What is over says nothing of processors that a machine can have.
    let len = len.min(MAX_PROCESSORS / u8::BITS);
    syscall::sched_setaffinity(task, Pid::new(pid), memory.slice(buffer, len)?)
}

fn exists(task: &cenote_kernel::Task, pid: i32) -> SysResult {
    match pid {
        0 => Ok(()),
        _ if pid < 0 => Err(Errno::EINVAL.into()),
        _ if task.kernel().process(Pid::new(pid)).is_some() => Ok(()),
        _ => Err(Errno::ESRCH.into()),
    }
}

/// Every process is `SCHED_OTHER`.
pub(super) fn sched_getscheduler(call: &mut Call<'_>, pid: i32) -> SysResult {
    exists(call.task(), pid)
}

pub(super) fn sched_getparam(call: &mut Call<'_>, pid: i32, buffer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    exists(task, pid)?;
    memory.write(buffer, &[0; 4])
}

/// Only what is already so can be set.
pub(super) fn sched_setscheduler(
    call: &mut Call<'_>,
    pid: i32,
    policy: i32,
    parameter: u32,
) -> SysResult {
    let (memory, task) = call.parts()?;
    exists(task, pid)?;
    match (policy, memory.i32(parameter)?) {
        (
            cenote_abi::user::SCHED_OTHER
            | cenote_abi::user::SCHED_BATCH
            | cenote_abi::user::SCHED_IDLE,
            0,
        ) => Ok(()),
        (cenote_abi::user::SCHED_FIFO | cenote_abi::user::SCHED_RR, 1..=99) => {
            Err(Errno::EPERM.into())
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

pub(super) fn sched_get_priority_max(_call: &mut Call<'_>, policy: i32) -> SysResult<i32> {
    priority_bound(policy, 99)
}

pub(super) fn sched_get_priority_min(_call: &mut Call<'_>, policy: i32) -> SysResult<i32> {
    priority_bound(policy, 1)
}

fn priority_bound(policy: i32, realtime: i32) -> SysResult<i32> {
    match policy {
        cenote_abi::user::SCHED_FIFO | cenote_abi::user::SCHED_RR => Ok(realtime),
        cenote_abi::user::SCHED_OTHER
        | cenote_abi::user::SCHED_BATCH
        | cenote_abi::user::SCHED_IDLE
        | cenote_abi::user::SCHED_DEADLINE => Ok(0),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// One node.
pub(super) fn getcpu(call: &mut Call<'_>, cpu: u32, node: u32, _cache: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    memory.write_if_wanted(cpu, &syscall::getcpu(task).to_le_bytes())?;
    memory.write_if_wanted(node, &0_u32.to_le_bytes())
}

/// Memory is ordered for the one thread there is.
pub(super) fn membarrier(_call: &mut Call<'_>, command: i32, _flags: i32, _cpu: i32) -> SysResult {
    if command == 0 {
        Ok(())
    } else {
        Err(Errno::EINVAL.into())
    }
}

pub(super) fn setdomainname(call: &mut Call<'_>, name: u32, len: u32) -> SysResult {
    if len > cenote_abi::user::HOST_NAME_MAX {
        return Err(Errno::EINVAL.into());
    }
    let (memory, task) = call.parts()?;
    syscall::setdomainname(task, memory.slice(name, len)?)
}

/// `sync`: what is written is where it will be; hosts' files are synced one by one.
pub(super) fn sync(_call: &mut Call<'_>) -> SysResult {
    Ok(())
}

/// `personality`: Linux's own, which is all there is; asking (-1) and setting it again work.
pub(super) fn personality(_call: &mut Call<'_>, wanted: i32) -> SysResult {
    if matches!(wanted, 0 | -1) {
        Ok(())
    } else {
        Err(Errno::EINVAL.into())
    }
}

/// `set_robust_list`: with one thread no lock is ever left behind by another.
pub(super) fn set_robust_list(_call: &mut Call<'_>, _head: u32, len: u32) -> SysResult {
    if matches!(len, 12 | 24) {
        Ok(())
    } else {
        Err(Errno::EINVAL.into())
    }
}

/// The time slice of the other processes: the epoch's 10 ms.
pub(super) fn sched_rr_get_interval(call: &mut Call<'_>, pid: i32, buffer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    exists(task, pid)?;
    let slice = cenote_abi::fs::Timespec {
        sec: 0,
        nsec: 10_000_000,
    };
    memory.write(buffer, &layout::timespec(slice))
}
