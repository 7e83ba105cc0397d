//! Users and groups: decode, call the kernel, encode.

use cenote_abi::Errno;
use cenote_abi::user::NGROUPS_MAX;
use cenote_base::{Gid, SysResult, Uid};
use cenote_kernel::syscall;

use super::call::Call;
use super::layout;

/// -1 leaves an id as it is.
fn uid(raw: i32) -> Option<Uid> {
    (raw != -1).then_some(Uid::new(raw.cast_unsigned()))
}

fn gid(raw: i32) -> Option<Gid> {
    (raw != -1).then_some(Gid::new(raw.cast_unsigned()))
}

pub(super) fn getuid(call: &mut Call<'_>) -> SysResult<Uid> {
    Ok(call.task().process().credentials().uid)
}

pub(super) fn geteuid(call: &mut Call<'_>) -> SysResult<Uid> {
    Ok(call.task().process().credentials().euid)
}

pub(super) fn getgid(call: &mut Call<'_>) -> SysResult<Gid> {
    Ok(call.task().process().credentials().gid)
}

pub(super) fn getegid(call: &mut Call<'_>) -> SysResult<Gid> {
    Ok(call.task().process().credentials().egid)
}

pub(super) fn setuid(call: &mut Call<'_>, id: i32) -> SysResult {
    syscall::setuid(call.task(), uid(id).ok_or(Errno::EINVAL)?)
}

pub(super) fn setgid(call: &mut Call<'_>, id: i32) -> SysResult {
    syscall::setgid(call.task(), gid(id).ok_or(Errno::EINVAL)?)
}

pub(super) fn setreuid(call: &mut Call<'_>, real: i32, effective: i32) -> SysResult {
    syscall::setreuid(call.task(), uid(real), uid(effective))
}

pub(super) fn setregid(call: &mut Call<'_>, real: i32, effective: i32) -> SysResult {
    syscall::setregid(call.task(), gid(real), gid(effective))
}

pub(super) fn setresuid(call: &mut Call<'_>, real: i32, effective: i32, saved: i32) -> SysResult {
    syscall::setresuid(call.task(), uid(real), uid(effective), uid(saved))
}

pub(super) fn setresgid(call: &mut Call<'_>, real: i32, effective: i32, saved: i32) -> SysResult {
    syscall::setresgid(call.task(), gid(real), gid(effective), gid(saved))
}

pub(super) fn getresuid(call: &mut Call<'_>, real: u32, effective: u32, saved: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let ids = task.process().credentials();
    for (address, id) in [(real, ids.uid), (effective, ids.euid), (saved, ids.suid)] {
        memory.write(address, &id.raw().to_le_bytes())?;
    }
    Ok(())
}

pub(super) fn getresgid(call: &mut Call<'_>, real: u32, effective: u32, saved: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let ids = task.process().credentials();
    for (address, id) in [(real, ids.gid), (effective, ids.egid), (saved, ids.sgid)] {
        memory.write(address, &id.raw().to_le_bytes())?;
    }
    Ok(())
}

pub(super) fn getgroups(call: &mut Call<'_>, room: u32, list: u32) -> SysResult<usize> {
    let (mut memory, task) = call.parts()?;
    let ids = task.process().credentials();
    let bytes: Vec<u8> = ids
        .groups
        .iter()
        .flat_map(|group| group.raw().to_le_bytes())
        .collect();
    if room != 0 {
        if crate::memory::widen(room) < ids.groups.len() {
            return Err(Errno::EINVAL.into());
        }
        if !bytes.is_empty() {
            memory.write(list, &bytes)?;
        }
    }
    Ok(ids.groups.len())
}

pub(super) fn setgroups(call: &mut Call<'_>, count: u32, list: u32) -> SysResult {
    if count > NGROUPS_MAX {
        return Err(Errno::EINVAL.into());
    }
    let (memory, task) = call.parts()?;
    let groups = if count == 0 {
        Vec::new()
    } else {
        memory
            .slice(list, count * 4)?
            .chunks_exact(4)
            .map(|id| Gid::new(layout::u32_at(id, 0)))
            .collect()
    };
    syscall::setgroups(task, groups)
}
