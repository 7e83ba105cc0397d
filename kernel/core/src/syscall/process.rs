//! Processes: `fork` to `sched_yield`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cenote_abi::fs::AtFlags;
use cenote_abi::signal::SigInfo;
use cenote_abi::user::{
    PR_CAPBSET_READ, PR_GET_CHILD_SUBREAPER, PR_GET_DUMPABLE, PR_GET_NAME, PR_GET_NO_NEW_PRIVS,
    PR_GET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG, PriorityTarget, Rusage, UsageTarget,
};
use cenote_abi::wait::{WaitOptions, WaitStatus};
use cenote_abi::{Errno, SigNum};
use cenote_base::{Pgid, Pid, Sid, SysError, SysResult, Tid};

use super::{At, trace, traced, traced_wait};
use crate::loader::{self, DEFAULT_PATH, Origin, Program, variable};
use crate::process::exit::code_and_status;
use crate::process::usage::sum;
use crate::process::wait::{Waited, try_wait};
use crate::process::{Process, Spawn, Task, exec, fork as forking, job_control, spawn};

pub use crate::process::wait::WaitTarget;

/// Copies the process; answers the child's task, which the runtime starts. See fork(2).
///
/// # Errors
/// `EAGAIN`: the machine or the user has all the processes allowed.
pub fn fork(task: &Task) -> SysResult<Arc<Task>> {
    traced(task, "fork", || forking::fork(task))
}

/// Adds a thread to the process; the runtime starts it, and calls `finish` on its task. See clone(2), `CLONE_THREAD`.
///
/// # Errors
/// `EAGAIN`: too many threads.
pub fn clone_thread(task: &Task) -> SysResult<Arc<Task>> {
    traced(task, "clone", || forking::add_thread(task))
}

/// Replaces the program. When it answers, all is done but the start: the caller unwinds, drops what it holds, and calls
/// [`Program::start`] with its task. See execve(2).
///
/// # Errors
/// `ENOENT`, `EACCES`, `ENOTDIR`, `ELOOP`: of the path. `ENOEXEC`: no runtime knows the format. `E2BIG`: too long.
pub async fn execve(
    task: &Task,
    path: &[u8],
    argv: Vec<Vec<u8>>,
    envp: Vec<Vec<u8>>,
) -> SysResult<Box<dyn Program>> {
    execveat(task, At::Cwd, path, argv, envp, AtFlags::empty()).await
}

/// As [`execve`], from a directory; with `AT_EMPTY_PATH` the descriptor itself. See execveat(2).
///
/// # Errors
/// As `execve`. `EBADF`: the descriptor is not open.
pub async fn execveat(
    task: &Task,
    at: At,
    path: &[u8],
    argv: Vec<Vec<u8>>,
    envp: Vec<Vec<u8>>,
    flags: AtFlags,
) -> SysResult<Box<dyn Program>> {
    let outcome = async {
        exec::check_single_thread(task)?;
        if path.is_empty() && !flags.contains(AtFlags::AT_EMPTY_PATH) {
            return Err(Errno::ENOENT.into());
        }
        let start = at.location(task, path)?;
        // Linux gives a program without arguments an empty name.
        let argv = if argv.is_empty() {
            vec![Vec::new()]
        } else {
            argv
        };
        let load = async {
            // A path from an open directory is a file's.
            if start.is_none()
                && let Some(loaded) =
                    loader::load_stand_in(task, &loader::as_path(path), &argv, &envp).await?
            {
                return Ok(loaded);
            }
            loader::load(task, Origin::Guest, start.as_ref(), path, argv, envp).await
        };
        let loaded = exec::unless_ending(task, load).await?;
        Ok(exec::commit(task, loaded))
    }
    .await;
    // A program has nothing to show: its line says only how it went.
    let seen = outcome.as_ref().map(|_| ()).map_err(|error| *error);
    trace(task, "execve", &seen);
    outcome
}

/// Starts a program in a new process, without copying the caller's memory. See `posix_spawn(3)`.
///
/// # Errors
/// Those of fork, of the file actions and attributes, and of exec: the child never ran then.
pub async fn posix_spawn(task: &Task, request: Spawn) -> SysResult<Pid> {
    traced_wait(task, "posix_spawn", spawn::spawn(task, request)).await
}

/// The value of `PATH` in an environment, or where commands are looked for without one: what `posix_spawnp` searches.
#[must_use]
pub fn search_path(envp: &[Vec<u8>]) -> Vec<u8> {
    variable(envp, b"PATH").unwrap_or(DEFAULT_PATH).to_vec()
}

async fn wait_for_child(
    task: &Task,
    target: WaitTarget,
    options: WaitOptions,
) -> SysResult<Option<Waited>> {
    let look = || try_wait(task.kernel(), task.process(), target, options);
    if options.contains(WaitOptions::WNOHANG) {
        return look();
    }
    task.wait_for(&[task.child_queue()], || look().transpose())
        .await
        .map(Some)
}

/// Waits for a child to end (or, as `options` say, to stop or continue). `None`: nothing yet, with `WNOHANG`. See wait4(2).
///
/// # Errors
/// `ECHILD`: there is no such child. `EINTR`. `EINVAL`: unknown options.
pub async fn wait4(
    task: &Task,
    target: WaitTarget,
    options: WaitOptions,
) -> SysResult<Option<(Pid, WaitStatus, Rusage)>> {
    traced_wait(task, "wait4", async {
        let known = WaitOptions::WNOHANG
            | WaitOptions::WUNTRACED
            | WaitOptions::WCONTINUED
            | WaitOptions::__WNOTHREAD
            | WaitOptions::__WALL
            | WaitOptions::__WCLONE;
        if !known.contains(options) {
            return Err(Errno::EINVAL.into());
        }
        let waited = wait_for_child(task, target, options | WaitOptions::WEXITED).await?;
        let timing = task.kernel().clock().timing();
        Ok(waited.map(|waited| (waited.pid, waited.status, timing.usage(waited.usage))))
    })
    .await
}

/// Waits for a child to change as `options` say; answers what `SIGCHLD` would tell. See waitid(2).
///
/// # Errors
/// `ECHILD`: there is no such child. `EINTR`. `EINVAL`: unknown options, or none that says what to wait for.
pub async fn waitid(
    task: &Task,
    target: WaitTarget,
    options: WaitOptions,
) -> SysResult<Option<(SigInfo, Rusage)>> {
    traced_wait(task, "waitid", async {
        let kinds = WaitOptions::WEXITED | WaitOptions::WSTOPPED | WaitOptions::WCONTINUED;
        let known = kinds
            | WaitOptions::WNOHANG
            | WaitOptions::WNOWAIT
            | WaitOptions::__WNOTHREAD
            | WaitOptions::__WALL
            | WaitOptions::__WCLONE;
        if !known.contains(options) || !options.intersects(kinds) {
            return Err(Errno::EINVAL.into());
        }
        let waited = wait_for_child(task, target, options).await?;
        let timing = task.kernel().clock().timing();
        Ok(waited.map(|waited| {
            let (code, status) = code_and_status(waited.status);
            let mut info = SigInfo::new(SigNum::SIGCHLD, code);
            info.pid = waited.pid.raw();
            info.uid = waited.uid.raw();
            info.status = status;
            (info, timing.usage(waited.usage))
        }))
    })
    .await
}

/// Ends the process with a code. The runtime unwinds. See `exit_group(2)`.
pub fn exit_group(task: &Task, code: i32) {
    let [low, ..] = code.to_le_bytes();
    tracing::trace!(target: "cenote::syscall", pid = task.pid().raw(), call = "exit_group", code, "ok");
    task.exit(WaitStatus::Exited(low));
}

/// The id of the process. See getpid(2).
#[must_use]
pub fn getpid(task: &Task) -> Pid {
    task.pid()
}

/// The id of the parent. See getppid(2).
#[must_use]
pub fn getppid(task: &Task) -> Pid {
    task.kernel()
        .table()
        .parent_of(task.pid())
        .map_or(Pid::new(0), |parent| parent.pid())
}

/// The id of the thread. See gettid(2).
#[must_use]
pub fn gettid(task: &Task) -> Tid {
    task.tid()
}

/// The group of a process (0: the caller). See getpgid(2).
///
/// # Errors
/// `ESRCH`: there is no such process.
pub fn getpgid(task: &Task, pid: Pid) -> SysResult<Pgid> {
    traced(task, "getpgid", || {
        let pid = if pid.raw() == 0 { task.pid() } else { pid };
        task.kernel()
            .table()
            .group_of(pid)
            .ok_or(Errno::ESRCH.into())
    })
}

/// Moves a process (0: the caller) to a group (0: its own). See setpgid(2).
///
/// # Errors
/// `EINVAL`, `ESRCH`, `EACCES`, `EPERM`: see setpgid(2).
pub fn setpgid(task: &Task, pid: Pid, group: Pgid) -> SysResult {
    traced(task, "setpgid", || {
        job_control::setpgid(task.kernel(), task.process(), pid, group)
    })
}

/// The session of a process (0: the caller). See getsid(2).
///
/// # Errors
/// `ESRCH`: there is no such process.
pub fn getsid(task: &Task, pid: Pid) -> SysResult<Sid> {
    traced(task, "getsid", || {
        let pid = if pid.raw() == 0 { task.pid() } else { pid };
        task.kernel()
            .table()
            .session_of(pid)
            .map(|session| session.sid())
            .ok_or(Errno::ESRCH.into())
    })
}

/// Makes the caller the leader of a new session. See setsid(2).
///
/// # Errors
/// `EPERM`: it leads a group.
pub fn setsid(task: &Task) -> SysResult<Sid> {
    traced(task, "setsid", || {
        job_control::setsid(task.kernel(), task.process())
    })
}

/// Sets which permissions new files do not get; answers those before. See umask(2).
pub fn umask(task: &Task, mask: u32) -> u32 {
    std::mem::replace(&mut task.process().fs().lock().umask, mask & 0o777)
}

/// What [`prctl`] answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PrctlResult {
    /// The value the call returns.
    Value(i32),
    /// A number for the address in the second argument.
    Number(i32),
    /// A name for the address in the second argument.
    Name(Vec<u8>),
}

/// What [`prctl`] is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Prctl<'a> {
    /// `PR_SET_NAME`.
    SetName(&'a [u8]),
    /// Any other option with its second argument.
    Option(i32, u64),
}

/// Changes or tells something of the process. See prctl(2).
///
/// # Errors
/// `EINVAL`: an option that is not there, or a value out of range.
pub fn prctl(task: &Task, request: Prctl<'_>) -> SysResult<PrctlResult> {
    traced(task, "prctl", || {
        let process = task.process();
        let (option, value) = match request {
            Prctl::SetName(name) => {
                process.set_comm(name);
                return Ok(PrctlResult::Value(0));
            }
            Prctl::Option(option, value) => (option, value),
        };
        match (option, value) {
            (PR_SET_NAME, _) => Err(Errno::EFAULT.into()),
            (PR_GET_NAME, _) => Ok(PrctlResult::Name(process.program().comm)),
            (PR_SET_PDEATHSIG, signal) => {
                let signal = i32::try_from(signal)
                    .ok()
                    .filter(|signal| (0..=64).contains(signal))
                    .ok_or(Errno::EINVAL)?;
                process
                    .parent_death_signal()
                    .store(signal, Ordering::Relaxed);
                Ok(PrctlResult::Value(0))
            }
            (PR_GET_PDEATHSIG, _) => Ok(PrctlResult::Number(
                process.parent_death_signal().load(Ordering::Relaxed),
            )),
            (PR_GET_DUMPABLE, _) => Ok(PrctlResult::Value(1)),
            (PR_SET_DUMPABLE, 0 | 1) => Ok(PrctlResult::Value(0)),
            (PR_SET_CHILD_SUBREAPER, value) => {
                let mut tree = task.kernel().table().lock();
                if let Some(node) = tree.node_mut(process.pid()) {
                    node.is_subreaper = value != 0;
                }
                Ok(PrctlResult::Value(0))
            }
            (PR_GET_CHILD_SUBREAPER, _) => {
                let tree = task.kernel().table().lock();
                Ok(PrctlResult::Number(
                    tree.node(process.pid())
                        .is_some_and(|node| node.is_subreaper)
                        .into(),
                ))
            }
            (PR_SET_NO_NEW_PRIVS, 1) => {
                process.no_new_privs().store(true, Ordering::Relaxed);
                Ok(PrctlResult::Value(0))
            }
            (PR_GET_NO_NEW_PRIVS, _) => Ok(PrctlResult::Value(
                process.no_new_privs().load(Ordering::Relaxed).into(),
            )),
            // Every capability there is, as the superuser of a machine has.
            (PR_CAPBSET_READ, 0..=40) => Ok(PrctlResult::Value(1)),
            _ => Err(SysError::with_note(Errno::EINVAL, "unknown prctl option")),
        }
    })
}

/// The processes that a priority call means.
fn meant(task: &Task, target: PriorityTarget, who: i32) -> SysResult<Vec<Arc<Process>>> {
    let table = task.kernel().table();
    let own = task.pid();
    let found = match target {
        PriorityTarget::Process => {
            let pid = if who == 0 { own } else { Pid::new(who) };
            table.get(pid).into_iter().collect()
        }
        PriorityTarget::ProcessGroup => {
            let group = if who == 0 {
                table.group_of(own).ok_or(Errno::ESRCH)?
            } else {
                Pgid::new(who)
            };
            table.members(group)
        }
        PriorityTarget::User => {
            let uid = if who == 0 {
                task.process().credentials().uid.raw()
            } else {
                who.cast_unsigned()
            };
            table.select(|node| {
                node.process.credentials().uid.raw() == uid && node.process.pid() != Pid::INIT
            })
        }
    };
    if found.is_empty() {
        Err(Errno::ESRCH.into())
    } else {
        Ok(found)
    }
}

/// The best (lowest) nice value among processes, -20 to 19. See getpriority(2).
///
/// # Errors
/// `ESRCH`: there is no such process.
pub fn getpriority(task: &Task, target: PriorityTarget, who: i32) -> SysResult<i32> {
    traced(task, "getpriority", || {
        let processes = meant(task, target, who)?;
        processes
            .iter()
            .map(|process| process.nice().load(Ordering::Relaxed))
            .min()
            .ok_or(Errno::ESRCH.into())
    })
}

/// Sets the nice value of processes. It is kept and told, and has no effect. See setpriority(2).
///
/// # Errors
/// `ESRCH`: there is no such process. `EPERM`: another user's. `EACCES`: a lower value, and not the superuser.
pub fn setpriority(task: &Task, target: PriorityTarget, who: i32, nice: i32) -> SysResult {
    traced(task, "setpriority", || {
        let own = task.process().credentials();
        let nice = nice.clamp(-20, 19);
        for process in meant(task, target, who)? {
            let other = process.credentials();
            if !own.is_privileged() && own.euid != other.uid && own.euid != other.euid {
                return Err(Errno::EPERM.into());
            }
            if !own.is_privileged() && nice < process.nice().load(Ordering::Relaxed) {
                return Err(Errno::EACCES.into());
            }
            process.nice().store(nice, Ordering::Relaxed);
        }
        Ok(())
    })
}

/// What the process, its waited-for children, or the thread has used. See getrusage(2).
#[must_use]
pub fn getrusage(task: &Task, target: UsageTarget) -> Rusage {
    let usage = task.process().usage();
    let used = match target {
        UsageTarget::Process | UsageTarget::Thread => usage.own(),
        UsageTarget::Children => usage.children(),
    };
    task.kernel().clock().timing().usage(used)
}

/// What [`times`] tells, in clock ticks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Times {
    /// Time since boot: what the call returns.
    pub elapsed: i64,
    /// Own time in the program.
    pub user: i64,
    /// Own time in the kernel.
    pub system: i64,
    /// The children's time in their programs.
    pub children_user: i64,
    /// The children's time in the kernel.
    pub children_system: i64,
}

/// Processor times in clock ticks. See times(2).
#[must_use]
pub fn times(task: &Task) -> Times {
    use crate::process::exit::ticks;
    let timing = task.kernel().clock().timing();
    let (own, children) = (
        timing.usage(task.process().usage().own()),
        timing.usage(task.process().usage().children()),
    );
    Times {
        elapsed: ticks(task.kernel().clock().now().since_boot()),
        user: ticks(own.user_time),
        system: ticks(own.system_time),
        children_user: ticks(children.user_time),
        children_system: ticks(children.system_time),
    }
}

/// What the process and its waited-for children have used together.
#[must_use]
pub fn total_usage(task: &Task) -> Rusage {
    let usage = task.process().usage();
    let timing = task.kernel().clock().timing();
    timing.usage(sum(usage.own(), usage.children()))
}

/// The scheduling policy of a process: always `SCHED_OTHER`. See `sched_getscheduler(2)`.
///
/// # Errors
/// `ESRCH`: there is no such process. `EINVAL`: a negative id.
pub fn sched_getscheduler(task: &Task, pid: Pid) -> SysResult<i32> {
    traced(task, "sched_getscheduler", || {
        if pid.raw() < 0 {
            return Err(Errno::EINVAL.into());
        }
        if pid.raw() != 0 && task.kernel().table().get(pid).is_none() {
            return Err(Errno::ESRCH.into());
        }
        Ok(cenote_abi::user::SCHED_OTHER)
    })
}
