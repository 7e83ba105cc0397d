//! Waiting for children: finding one that has something to report, and burying it. See wait(2), waitid(2).

use cenote_abi::Errno;
use cenote_abi::user::Rusage;
use cenote_abi::wait::{WaitOptions, WaitStatus};
use cenote_base::{Pgid, Pid, SysResult, Uid};

use super::Process;
use super::table::{Node, Tree};
use super::usage::sum;
use crate::kernel::Kernel;

/// Which children a call waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WaitTarget {
    /// Any child.
    Any,
    /// This one.
    Pid(Pid),
    /// Those of this group.
    Group(Pgid),
    /// Those of the caller's group.
    OwnGroup,
}

impl WaitTarget {
    /// Reads the first argument of waitpid(2). `None` for the one number that means nothing.
    #[must_use]
    pub const fn from_raw(raw: i32) -> Option<Self> {
        Some(match raw {
            -1 => Self::Any,
            0 => Self::OwnGroup,
            i32::MIN => return None,
            pid if pid > 0 => Self::Pid(Pid::new(pid)),
            group => Self::Group(Pgid::new(-group)),
        })
    }
}

/// What a child reported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waited {
    /// The child.
    pub pid: Pid,
    /// Its real user.
    pub uid: Uid,
    /// What happened.
    pub status: WaitStatus,
    /// What it and the children it waited for have used.
    pub usage: Rusage,
}

/// Looks once. `None`: there are such children, and none has anything to report.
///
/// # Errors
/// `ECHILD`: there is no such child.
pub(crate) fn try_wait(
    kernel: &Kernel,
    process: &Process,
    target: WaitTarget,
    options: WaitOptions,
) -> SysResult<Option<Waited>> {
    let mut tree = kernel.table().lock();
    let Some(node) = tree.node(process.pid()) else {
        return Err(Errno::ECHILD.into());
    };
    let own_group = node.pgid;
    let is_meant = |child: &Node| match target {
        WaitTarget::Any => true,
        WaitTarget::Pid(pid) => child.process.pid() == pid,
        WaitTarget::Group(group) => child.pgid == group,
        WaitTarget::OwnGroup => child.pgid == own_group,
    };
    let mut has_child = false;
    let mut found = None;
    for child in node
        .children
        .iter()
        .filter_map(|pid| tree.node(*pid))
        .filter(|child| is_meant(child))
    {
        has_child = true;
        if let Some(status) = report(child, options) {
            let usage = child.process.usage();
            found = Some(Waited {
                pid: child.process.pid(),
                uid: child.process.credentials().uid,
                status,
                usage: sum(usage.own(), usage.children()),
            });
            break;
        }
    }
    if !has_child {
        return Err(Errno::ECHILD.into());
    }
    let Some(waited) = found else { return Ok(None) };
    let buried = if waited.status.is_end() && !options.contains(WaitOptions::WNOWAIT) {
        bury(&mut tree, process, &waited)
    } else {
        None
    };
    drop(tree);
    drop(buried);
    Ok(Some(waited))
}

fn bury(tree: &mut Tree, parent: &Process, waited: &Waited) -> Option<Node> {
    parent.usage().add_child(waited.usage);
    tree.remove(waited.pid)
}

/// What the child has to report of what is asked for. Stops and continues are told once.
fn report(child: &Node, options: WaitOptions) -> Option<WaitStatus> {
    if let Some(status) = child.zombie {
        return options.contains(WaitOptions::WEXITED).then_some(status);
    }
    let mut signals = child.process.signals().lock();
    let keeps = options.contains(WaitOptions::WNOWAIT);
    if options.contains(WaitOptions::WSTOPPED)
        && let Some(signal) = signals.stop_report
    {
        if !keeps {
            signals.stop_report = None;
        }
        return Some(WaitStatus::Stopped(signal));
    }
    if options.contains(WaitOptions::WCONTINUED) && signals.continue_report {
        signals.continue_report = keeps;
        return Some(WaitStatus::Continued);
    }
    None
}
