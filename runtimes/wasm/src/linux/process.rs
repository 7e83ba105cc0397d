//! Processes: exec, exit, wait, spawn, groups and sessions. `fork` is in [`fork`](super::fork).

use cenote_abi::user::{PR_SET_NAME, PriorityTarget, UsageTarget};
use cenote_abi::wait::{WaitIdType, WaitOptions};
use cenote_abi::{Errno, SigSet};
use cenote_base::{Fd, Pgid, Pid, SysResult};
use cenote_kernel::process::{FileAction, Spawn};
use cenote_kernel::syscall::{self, At, Prctl, PrctlResult, WaitTarget};

use super::call::Call;
use super::layout::{self, Bytes};
use crate::error::Stop;
use crate::memory::{GuestMemory, MAX_STRINGS};

/// Records of file actions in one spawn.
const MAX_FILE_ACTIONS: u32 = 65_536;

pub(super) fn exit_group(call: &mut Call<'_>, code: i32) -> SysResult {
    syscall::exit_group(call.task(), code);
    call.process().stop_with(Stop::End);
    Ok(())
}

pub(super) async fn execve(call: &mut Call<'_>, path: u32, argv: u32, envp: u32) -> SysResult {
    let (memory, task) = call.parts()?;
    let mut room = MAX_STRINGS;
    let (argv, envp) = (
        memory.strings(argv, &mut room)?,
        memory.strings(envp, &mut room)?,
    );
    let program = syscall::execve(task, memory.path(path)?, argv, envp).await?;
    call.process().becomes(program);
    Ok(())
}

pub(super) async fn execveat(
    call: &mut Call<'_>,
    at: i32,
    path: u32,
    argv: u32,
    envp: u32,
    flags: i32,
) -> SysResult {
    let flags = cenote_abi::fs::AtFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let (memory, task) = call.parts()?;
    let mut room = MAX_STRINGS;
    let (argv, envp) = (
        memory.strings(argv, &mut room)?,
        memory.strings(envp, &mut room)?,
    );
    let program = syscall::execveat(
        task,
        At::from_raw(at),
        memory.path(path)?,
        argv,
        envp,
        flags,
    )
    .await?;
    call.process().becomes(program);
    Ok(())
}

/// `cenote.posix_spawn`: the records of the port's contract, decoded.
pub(super) async fn posix_spawn(
    call: &mut Call<'_>,
    path: u32,
    file_actions: u32,
    attributes: u32,
    argv: u32,
    envp: u32,
    search: u32,
) -> SysResult<Pid> {
    let (memory, task) = call.parts()?;
    let mut room = MAX_STRINGS;
    let mut spawn = Spawn {
        path: memory.path(path)?.to_vec(),
        ..Spawn::default()
    };
    spawn.argv = memory.strings(argv, &mut room)?;
    spawn.envp = memory.strings(envp, &mut room)?;
    if search != 0 {
        spawn.search_path = Some(memory.string(search, MAX_STRINGS, Errno::E2BIG)?.to_vec());
    }
    if file_actions != 0 {
        spawn.file_actions = decode_file_actions(&memory, file_actions)?;
    }
    if attributes != 0 {
        apply_attributes(&memory, attributes, &mut spawn)?;
    }
    syscall::posix_spawn(task, spawn).await
}

fn decode_file_actions(memory: &GuestMemory<'_>, address: u32) -> SysResult<Vec<FileAction>> {
    let count = memory.u32(address)?;
    if count > MAX_FILE_ACTIONS {
        return Err(Errno::E2BIG.into());
    }
    let start = address.checked_add(8).ok_or(Errno::EFAULT)?;
    memory
        .slice(start, count * 24)?
        .chunks_exact(24)
        .map(|record| decode_file_action(memory, record))
        .collect()
}

fn decode_file_action(memory: &GuestMemory<'_>, record: &[u8]) -> SysResult<FileAction> {
    let field = |index: usize| layout::i32_at(record, index * 4);
    let fd = Fd::new(field(1));
    let path = || memory.path(field(5).cast_unsigned()).map(<[u8]>::to_vec);
    Ok(match field(0) {
        1 => FileAction::Close(fd),
        2 => FileAction::Dup2(Fd::new(field(2)), fd),
        3 => FileAction::Open {
            fd,
            path: path()?,
            flags: super::fd::open_flags(field(3)),
            mode: super::path::mode(field(4)),
        },
        4 => FileAction::ChangeDirectory(path()?),
        5 => FileAction::ChangeDirectoryTo(fd),
        _ => return Err(Errno::EINVAL.into()),
    })
}

fn apply_attributes(memory: &GuestMemory<'_>, address: u32, spawn: &mut Spawn) -> SysResult {
    const RESETIDS: u32 = 1;
    const SETPGROUP: u32 = 2;
    const SETSIGDEF: u32 = 4;
    const SETSIGMASK: u32 = 8;
    const SETSID: u32 = 128;
    let bytes: [u8; 32] = memory.read(address)?;
    let flags = layout::u32_at(&bytes, 0);
    spawn.reset_ids = flags & RESETIDS != 0;
    if flags & SETPGROUP != 0 {
        spawn.process_group = Some(Pgid::new(layout::i32_at(&bytes, 4)));
    }
    if flags & SETSIGDEF != 0 {
        spawn.default_signals = SigSet::from_bits(layout::u64_at(&bytes, 8));
    }
    if flags & SETSIGMASK != 0 {
        spawn.signal_mask = Some(SigSet::from_bits(layout::u64_at(&bytes, 16)));
    }
    spawn.new_session = flags & SETSID != 0;
    Ok(())
}

pub(super) async fn wait4(
    call: &mut Call<'_>,
    pid: i32,
    status: u32,
    options: i32,
    usage: u32,
) -> SysResult<i32> {
    let options = WaitOptions::from_bits(options.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let (mut memory, task) = call.parts()?;
    let target = WaitTarget::from_raw(pid).ok_or(Errno::ESRCH)?;
    let Some((pid, how, used)) = syscall::wait4(task, target, options).await? else {
        return Ok(0);
    };
    memory.write_if_wanted(status, &how.encode().to_le_bytes())?;
    memory.write_if_wanted(usage, &layout::rusage(&used))?;
    Ok(pid.raw())
}

pub(super) async fn waitid(
    call: &mut Call<'_>,
    kind: i32,
    id: i32,
    info: u32,
    options: i32,
    usage: u32,
) -> SysResult {
    let kind = WaitIdType::from_raw(kind).ok_or(Errno::EINVAL)?;
    let options = WaitOptions::from_bits(options.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let (mut memory, task) = call.parts()?;
    let target = match (kind, id) {
        (WaitIdType::All, _) => WaitTarget::Any,
        (WaitIdType::Pid, 1..) => WaitTarget::Pid(Pid::new(id)),
        (WaitIdType::ProcessGroup, 0) => WaitTarget::OwnGroup,
        (WaitIdType::ProcessGroup, 1..) => WaitTarget::Group(Pgid::new(id)),
        _ => return Err(Errno::EINVAL.into()),
    };
    match syscall::waitid(task, target, options).await? {
        Some((child, used)) => {
            memory.write_if_wanted(info, &layout::siginfo(&child))?;
            memory.write_if_wanted(usage, &layout::rusage(&used))
        }
        // No child changed its state: pid and signal are zero.
        None => memory.write_if_wanted(info, &[0; 128]),
    }
}

pub(super) fn getpid(call: &mut Call<'_>) -> SysResult<Pid> {
    Ok(call.task().pid())
}

pub(super) fn gettid(call: &mut Call<'_>) -> SysResult<i32> {
    Ok(call.task().tid().raw())
}

pub(super) fn set_tid_address(call: &mut Call<'_>, _address: u32) -> SysResult<i32> {
    // The address matters when a thread ends; a process here has one.
    Ok(call.task().tid().raw())
}

pub(super) fn getppid(call: &mut Call<'_>) -> SysResult<i32> {
    Ok(syscall::getppid(call.task()).raw())
}

pub(super) fn getpgrp(call: &mut Call<'_>) -> SysResult<i32> {
    getpgid(call, 0)
}

pub(super) fn getpgid(call: &mut Call<'_>, pid: i32) -> SysResult<i32> {
    syscall::getpgid(call.task(), Pid::new(pid)).map(|group| group.raw())
}

pub(super) fn setpgid(call: &mut Call<'_>, pid: i32, group: i32) -> SysResult {
    syscall::setpgid(call.task(), Pid::new(pid), Pgid::new(group))
}

pub(super) fn getsid(call: &mut Call<'_>, pid: i32) -> SysResult<i32> {
    syscall::getsid(call.task(), Pid::new(pid)).map(|session| session.raw())
}

pub(super) fn setsid(call: &mut Call<'_>) -> SysResult<i32> {
    syscall::setsid(call.task()).map(|session| session.raw())
}

pub(super) fn umask(call: &mut Call<'_>, mask: i32) -> SysResult<u32> {
    Ok(syscall::umask(call.task(), mask.cast_unsigned()))
}

pub(super) fn prctl(
    call: &mut Call<'_>,
    option: i32,
    value: i64,
    _third: i64,
    _fourth: i64,
    _fifth: i64,
) -> SysResult<i32> {
    let address = u32::try_from(value & 0xffff_ffff).unwrap_or(0);
    let (mut memory, task) = call.parts()?;
    let result = if option == PR_SET_NAME {
        // At most 16 bytes are looked at; a longer name is cut.
        let name = memory
            .slice(address, 16)
            .or_else(|_| memory.path(address))?;
        let end = name
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(name.len());
        syscall::prctl(task, Prctl::SetName(&name[..end]))?
    } else {
        syscall::prctl(task, Prctl::Option(option, value.cast_unsigned()))?
    };
    match result {
        PrctlResult::Value(value) => Ok(value),
        PrctlResult::Number(number) => memory.write(address, &number.to_le_bytes()).map(|()| 0),
        PrctlResult::Name(name) => {
            let mut bytes = [0; 16];
            let len = name.len().min(15);
            bytes[..len].copy_from_slice(&name[..len]);
            memory.write(address, &bytes).map(|()| 0)
        }
    }
}

/// `getpriority` as the kernel has it: 20 minus the nice value, so that no answer is negative.
pub(super) fn getpriority(call: &mut Call<'_>, which: i32, who: i32) -> SysResult<i32> {
    let which = PriorityTarget::from_raw(which).ok_or(Errno::EINVAL)?;
    Ok(20 - syscall::getpriority(call.task(), which, who)?)
}

pub(super) fn setpriority(call: &mut Call<'_>, which: i32, who: i32, nice: i32) -> SysResult {
    let which = PriorityTarget::from_raw(which).ok_or(Errno::EINVAL)?;
    syscall::setpriority(call.task(), which, who, nice)
}

pub(super) fn getrusage(call: &mut Call<'_>, who: i32, buffer: u32) -> SysResult {
    let who = UsageTarget::from_raw(who).ok_or(Errno::EINVAL)?;
    let (mut memory, task) = call.parts()?;
    let usage = syscall::getrusage(task, who);
    memory.write(buffer, &layout::rusage(&usage))
}

/// `times`: four 64-bit counts of clock ticks; the answer is the time since some point, in ticks.
pub(super) fn times(call: &mut Call<'_>, buffer: u32) -> SysResult<i64> {
    let (mut memory, task) = call.parts()?;
    let times = syscall::times(task);
    let bytes: [u8; 32] = Bytes::new()
        .i64(0, times.user)
        .i64(8, times.system)
        .i64(16, times.children_user)
        .i64(24, times.children_system)
        .done();
    memory.write_if_wanted(buffer, &bytes)?;
    Ok(times.elapsed)
}
