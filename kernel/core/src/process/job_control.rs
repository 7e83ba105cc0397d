//! Groups and sessions: moving processes between them. See setpgid(2), setsid(2), and POSIX.1-2024, 11.1.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_base::{Pgid, Pid, Sid, SysError, SysResult};

use super::Process;
use super::session::Session;
use crate::kernel::Kernel;

/// Moves `pid` (0: the caller) to `group` (0: its own).
///
/// # Errors
/// `EINVAL`: a negative group. `ESRCH`: neither the caller nor a child of it. `EACCES`: a child that has called exec.
/// `EPERM`: a session leader; a child of another session; a group that is not in the caller's session.
pub(crate) fn setpgid(kernel: &Kernel, caller: &Process, pid: Pid, group: Pgid) -> SysResult {
    if group.raw() < 0 {
        return Err(Errno::EINVAL.into());
    }
    let pid = if pid.raw() == 0 { caller.pid() } else { pid };
    let group = if group.raw() == 0 {
        Pgid::new(pid.raw())
    } else {
        group
    };
    let mut tree = kernel.table().lock();
    let own_session = tree
        .node(caller.pid())
        .map(|node| Arc::clone(&node.session))
        .ok_or(Errno::ESRCH)?;
    let node = tree.node(pid).ok_or(Errno::ESRCH)?;
    if pid != caller.pid() {
        if node.parent != caller.pid() {
            return Err(Errno::ESRCH.into());
        }
        if !Arc::ptr_eq(&node.session, &own_session) {
            return Err(Errno::EPERM.into());
        }
        if node.has_executed {
            return Err(Errno::EACCES.into());
        }
    }
    if node.session.sid().raw() == pid.raw() {
        return Err(SysError::with_note(
            Errno::EPERM,
            "a session leader keeps its group",
        ));
    }
    if group.raw() != pid.raw() && tree.session_of_group(group) != Some(own_session.sid()) {
        return Err(Errno::EPERM.into());
    }
    if let Some(node) = tree.node_mut(pid) {
        node.pgid = group;
    }
    Ok(())
}

/// Makes the caller the leader of a new session and group, without a terminal.
///
/// # Errors
/// `EPERM`: the caller leads a group.
pub(crate) fn setsid(kernel: &Kernel, caller: &Process) -> SysResult<Sid> {
    let id = caller.pid().raw();
    let mut tree = kernel.table().lock();
    if tree.nodes().any(|node| node.pgid.raw() == id) {
        return Err(Errno::EPERM.into());
    }
    let sid = Sid::new(id);
    let Some(node) = tree.node_mut(caller.pid()) else {
        return Err(Errno::EPERM.into());
    };
    let before = std::mem::replace(&mut node.session, Session::new(sid));
    node.pgid = Pgid::new(id);
    drop(tree);
    // The old session may hold the last reference to a terminal.
    drop(before);
    Ok(sid)
}
