//! The end of a process: what is closed, who is told, who inherits. See _exit(2), "Consequences of process termination" in POSIX.
//!
//! In this order: its files are closed (which wakes the other ends of its pipes); a session leader's terminal hangs
//! up; its children go to a reaper; it becomes a zombie, or vanishes when nobody wants to wait for it; its parent gets
//! `SIGCHLD` and its waits wake up.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cenote_abi::SigNum;
use cenote_abi::signal::{CLD_DUMPED, CLD_EXITED, CLD_KILLED, SigInfo};
use cenote_abi::wait::WaitStatus;
use cenote_base::{Pgid, Pid, Tid, WaitQueue};
use cenote_vfs::file::LockOwner;

use super::session::Session;
use super::table::{Node, Tree};
use super::{ExitCell, Process};
use crate::kernel::Kernel;
use crate::signal::send::{ChildPolicy, Target, send, send_kernel};
use crate::tty;

impl ExitCell {
    /// How the process ended, if it has.
    pub(crate) fn status(&self) -> Option<WaitStatus> {
        self.status.get().copied()
    }

    /// Woken when it ends.
    pub(crate) fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn set(&self, status: WaitStatus) {
        // The first status stands; nothing sets a second one.
        self.status.set(status).ok();
        self.queue.wake_all();
    }
}

/// A thread has gone; with the last one, the process.
pub(crate) fn finish_thread(kernel: &Arc<Kernel>, process: &Arc<Process>, tid: Tid) {
    let mut signals = process.signals().lock();
    signals.threads.retain(|thread| thread.tid != tid);
    let is_last = signals.threads.is_empty();
    // A program that vanishes without a word was not meant to.
    let killed = WaitStatus::Signaled {
        signal: SigNum::SIGKILL,
        core: false,
    };
    let status = if is_last {
        *signals.ending.get_or_insert(killed)
    } else {
        killed
    };
    drop(signals);
    if tid != process.pid().main_thread() {
        kernel.table().release_thread(tid);
    }
    if is_last {
        finish_process(kernel, process, status);
    }
}

fn finish_process(kernel: &Arc<Kernel>, process: &Arc<Process>, status: WaitStatus) {
    tracing::debug!(target: "cenote::process", pid = process.pid().raw(), ?status, "ended");
    process.timers().disarm_all();
    for file in process.files().close_all() {
        // fcntl(2): record locks are the process's, also where a parent or child has the same open file.
        file.release_record_locks(LockOwner::Process(process.pid()));
    }
    tty::hang_up_session_of(kernel, process);
    let funeral = Funeral::hold(&mut kernel.table().lock(), process, status);
    process.exit.set(status);
    funeral.tell(process, status);
    kernel.process_ended().wake_all();
}

/// What follows from an end, gathered under the tree's lock and done after it.
struct Funeral {
    parent: Option<Arc<Process>>,
    orphaned_groups: Vec<Vec<Arc<Process>>>,
    death_signals: Vec<(Arc<Process>, i32)>,
    /// A reaper that got children which had ended before.
    heir: Option<Arc<Process>>,
    /// Dropped last, without a lock.
    _gone: Vec<Node>,
}

/// What comes of the children of a process that ends.
#[derive(Default)]
struct Inheritance {
    /// Those that had ended, and that nobody will wait for.
    gone: Vec<Node>,
    /// Groups of the session whose link to their parent this may have been.
    groups: Vec<Pgid>,
    death_signals: Vec<(Arc<Process>, i32)>,
    heir: Option<Arc<Process>>,
}

/// Gives children to a reaper.
fn pass_on(
    tree: &mut Tree,
    children: Vec<Pid>,
    reaper: Pid,
    own_place: Option<&(Pgid, Pid, Arc<Session>)>,
) -> Inheritance {
    let mut inheritance = Inheritance::default();
    for child in children {
        let Some(node) = tree.node_mut(child) else {
            continue;
        };
        node.parent = reaper;
        let death_signal = node.process.parent_death_signal().load(Ordering::Relaxed);
        if death_signal != 0 {
            let told = (Arc::clone(&node.process), death_signal);
            inheritance.death_signals.push(told);
        }
        if let Some((own_group, _, session)) = own_place
            && node.pgid != *own_group
            && Arc::ptr_eq(&node.session, session)
            && !inheritance.groups.contains(&node.pgid)
        {
            inheritance.groups.push(node.pgid);
        }
        let has_ended = node.zombie.is_some();
        if reaper == Pid::INIT && has_ended {
            inheritance.gone.extend(tree.remove(child));
            continue;
        }
        if let Some(adopter) = tree.node_mut(reaper) {
            adopter.children.push(child);
            if has_ended {
                inheritance.heir = Some(Arc::clone(&adopter.process));
            }
        }
    }
    inheritance
}

impl Funeral {
    fn hold(tree: &mut Tree, process: &Arc<Process>, status: WaitStatus) -> Self {
        let pid = process.pid();
        let reaper = tree.reaper_for(pid);
        let children = tree
            .node_mut(pid)
            .map(|node| std::mem::take(&mut node.children))
            .unwrap_or_default();
        let own_place = tree
            .node(pid)
            .map(|node| (node.pgid, node.parent, Arc::clone(&node.session)));
        let Inheritance {
            mut gone,
            mut groups,
            death_signals,
            heir,
        } = pass_on(tree, children, reaper, own_place.as_ref());
        if let Some(node) = tree.node_mut(pid) {
            node.zombie = Some(status);
        }
        let mut parent = None;
        if let Some((own_group, parent_pid, session)) = own_place
            && let Some(node) = tree.node(parent_pid)
        {
            parent = Some(Arc::clone(&node.process));
            // Linux: exit_notify looks at the own group, too: this process may have been its last link to its parent.
            if parent_pid != Pid::INIT
                && node.pgid != own_group
                && Arc::ptr_eq(&node.session, &session)
            {
                groups.push(own_group);
            }
        }
        let is_unwanted = match &parent {
            Some(parent) if parent.pid() != Pid::INIT => ChildPolicy::of(parent).reaps_itself,
            _ => true,
        };
        let orphaned_groups = groups
            .into_iter()
            .filter(|group| tree.is_orphaned(*group, None) && tree.has_stopped(*group))
            .map(|group| {
                tree.nodes()
                    .filter(|node| node.pgid == group)
                    .map(|node| Arc::clone(&node.process))
                    .collect()
            })
            .collect();
        if is_unwanted {
            gone.extend(tree.remove(pid));
        }
        Self {
            parent,
            orphaned_groups,
            death_signals,
            heir,
            _gone: gone,
        }
    }

    fn tell(self, process: &Arc<Process>, status: WaitStatus) {
        for member in self.orphaned_groups.iter().flatten() {
            send_kernel(member, SigNum::SIGHUP);
            send_kernel(member, SigNum::SIGCONT);
        }
        for (child, signal) in &self.death_signals {
            if let Some(signal) = SigNum::from_raw(*signal) {
                send_kernel(child, signal);
            }
        }
        for parent in self.parent.iter().chain(&self.heir) {
            // Only queues of real-time signals can be full.
            send(parent, end_info(process, status), Target::Process).ok();
            parent.child_queue().wake_all();
        }
    }
}

/// What `SIGCHLD` says of an end.
fn end_info(process: &Process, status: WaitStatus) -> SigInfo {
    let usage = process.usage().own();
    let (code, value) = code_and_status(status);
    let mut info = SigInfo::new(SigNum::SIGCHLD, code);
    info.pid = process.pid().raw();
    info.uid = process.credentials().uid.raw();
    info.status = value;
    info.utime = ticks(usage.user_time);
    info.stime = ticks(usage.system_time);
    info
}

/// `si_code` and `si_status` for a state of a child.
pub(crate) fn code_and_status(status: WaitStatus) -> (i32, i32) {
    use cenote_abi::signal::{CLD_CONTINUED, CLD_STOPPED};
    match status {
        WaitStatus::Exited(code) => (CLD_EXITED, i32::from(code)),
        WaitStatus::Signaled {
            signal,
            core: false,
        } => (CLD_KILLED, signal.raw()),
        WaitStatus::Signaled { signal, core: true } => (CLD_DUMPED, signal.raw()),
        WaitStatus::Stopped(signal) => (CLD_STOPPED, signal.raw()),
        WaitStatus::Continued => (CLD_CONTINUED, SigNum::SIGCONT.raw()),
    }
}

/// A time in the clock ticks of `times` and `/proc`.
pub(crate) fn ticks(time: std::time::Duration) -> i64 {
    let hertz = u128::from(cenote_abi::clock::CLOCK_TICKS_PER_SECOND);
    i64::try_from(time.as_nanos().saturating_mul(hertz) / 1_000_000_000).unwrap_or(i64::MAX)
}
