//! The tree of processes: ids, parents, groups, sessions, zombies. One lock for the whole machine.
//!
//! Lock order: the tree's lock comes before any process's `signals`. Signals are sent after it is released.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::wait::WaitStatus;
use cenote_base::limits::Charge;
use cenote_base::{Pgid, Pid, Sid, SysResult, Tid};
use parking_lot::{Mutex, MutexGuard};

use super::session::Session;
use super::{Process, ProcessInfo, ProcessState};

/// The highest process id, as Linux's default `pid_max` allows.
pub(crate) const PID_MAX: i32 = 32_768;
/// Where ids start again after the highest, as on Linux.
const FIRST_RECYCLED_PID: i32 = 300;

/// A process's place in the tree.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) process: Arc<Process>,
    pub(crate) parent: Pid,
    pub(crate) children: Vec<Pid>,
    pub(crate) pgid: Pgid,
    pub(crate) session: Arc<Session>,
    /// How it ended, from then until it is waited for.
    pub(crate) zombie: Option<WaitStatus>,
    /// Whether it has called exec since it was made: then its parent may no longer move it to another group.
    pub(crate) has_executed: bool,
    /// Whether it adopts the orphans below it.
    pub(crate) is_subreaper: bool,
    /// Counts against the machine's limit until the process is gone.
    pub(crate) charge: Option<Charge>,
}

/// The tree, behind its lock.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: BTreeMap<Pid, Node>,
    /// Threads other than the first of each process.
    threads: HashMap<Tid, Pid>,
    last_id: i32,
}

/// The processes of a machine.
#[derive(Debug, Default)]
pub(crate) struct ProcessTable {
    tree: Mutex<Tree>,
}

impl ProcessTable {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock()
    }

    pub(crate) fn get(&self, pid: Pid) -> Option<Arc<Process>> {
        self.tree
            .lock()
            .nodes
            .get(&pid)
            .map(|node| Arc::clone(&node.process))
    }

    /// The process that has a thread of this id.
    pub(crate) fn of_thread(&self, tid: Tid) -> Option<Arc<Process>> {
        let tree = self.tree.lock();
        let pid = tree
            .threads
            .get(&tid)
            .copied()
            .unwrap_or(Pid::new(tid.raw()));
        tree.nodes.get(&pid).map(|node| Arc::clone(&node.process))
    }

    pub(crate) fn parent_of(&self, pid: Pid) -> Option<Arc<Process>> {
        let tree = self.tree.lock();
        let parent = tree.nodes.get(&pid)?.parent;
        tree.nodes
            .get(&parent)
            .map(|node| Arc::clone(&node.process))
    }

    pub(crate) fn session_of(&self, pid: Pid) -> Option<Arc<Session>> {
        self.tree
            .lock()
            .nodes
            .get(&pid)
            .map(|node| Arc::clone(&node.session))
    }

    pub(crate) fn group_of(&self, pid: Pid) -> Option<Pgid> {
        self.tree.lock().nodes.get(&pid).map(|node| node.pgid)
    }

    /// The processes of a group, zombies included.
    pub(crate) fn members(&self, group: Pgid) -> Vec<Arc<Process>> {
        self.select(|node| node.pgid == group)
    }

    /// The processes of the machine that `wanted` picks.
    pub(crate) fn select(&self, wanted: impl Fn(&Node) -> bool) -> Vec<Arc<Process>> {
        self.tree
            .lock()
            .nodes
            .values()
            .filter(|node| wanted(node))
            .map(|node| Arc::clone(&node.process))
            .collect()
    }

    pub(crate) fn is_in_orphaned_group(&self, pid: Pid) -> bool {
        let tree = self.tree.lock();
        tree.nodes
            .get(&pid)
            .is_some_and(|node| tree.is_orphaned(node.pgid, None))
    }

    pub(crate) fn reserve_thread(&self, pid: Pid) -> SysResult<Tid> {
        let mut tree = self.tree.lock();
        let tid = Tid::new(tree.next_id()?);
        tree.threads.insert(tid, pid);
        Ok(tid)
    }

    pub(crate) fn release_thread(&self, tid: Tid) {
        self.tree.lock().threads.remove(&tid);
    }

    pub(crate) fn info(&self, pid: Pid) -> Option<ProcessInfo> {
        let tree = self.tree.lock();
        tree.nodes.get(&pid).map(Node::info)
    }

    pub(crate) fn list(&self) -> Vec<ProcessInfo> {
        self.tree.lock().nodes.values().map(Node::info).collect()
    }
}

impl Node {
    fn info(&self) -> ProcessInfo {
        let program = self.process.program();
        let state = match self.zombie {
            Some(status) => ProcessState::Zombie(status),
            None if self.process.is_stopped() => ProcessState::Stopped,
            None if self.process.is_asleep() => ProcessState::Sleeping,
            None => ProcessState::Running,
        };
        ProcessInfo {
            pid: self.process.pid(),
            parent: self.parent,
            group: self.pgid,
            session: self.session.sid(),
            user: self.process.credentials().euid,
            state,
            comm: program.comm,
            argv: if self.zombie.is_some() {
                Vec::new()
            } else {
                program.argv.to_vec()
            },
            started: self.process.started(),
        }
    }
}

impl Tree {
    pub(crate) fn node(&self, pid: Pid) -> Option<&Node> {
        self.nodes.get(&pid)
    }

    pub(crate) fn node_mut(&mut self, pid: Pid) -> Option<&mut Node> {
        self.nodes.get_mut(&pid)
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// An id that no process, thread, group or session has.
    ///
    /// # Errors
    /// `EAGAIN`: there is none.
    pub(crate) fn next_id(&mut self) -> SysResult<i32> {
        for _ in 0..PID_MAX {
            self.last_id = if self.last_id >= PID_MAX - 1 {
                FIRST_RECYCLED_PID
            } else {
                self.last_id + 1
            };
            if !self.is_id_used(self.last_id) {
                return Ok(self.last_id);
            }
        }
        Err(Errno::EAGAIN.into())
    }

    fn is_id_used(&self, id: i32) -> bool {
        self.nodes.contains_key(&Pid::new(id))
            || self.threads.contains_key(&Tid::new(id))
            || self
                .nodes
                .values()
                .any(|node| node.pgid.raw() == id || node.session.sid().raw() == id)
    }

    /// Puts a process in, as a child of its parent.
    pub(crate) fn insert(&mut self, node: Node) {
        let pid = node.process.pid();
        if let Some(parent) = self.nodes.get_mut(&node.parent) {
            parent.children.push(pid);
        }
        self.nodes.insert(pid, node);
    }

    /// Takes a process out for good; the caller drops it after releasing the lock.
    pub(crate) fn remove(&mut self, pid: Pid) -> Option<Node> {
        let mut node = self.nodes.remove(&pid)?;
        // Who sees that it is gone may start another.
        node.charge = None;
        if let Some(parent) = self.nodes.get_mut(&node.parent) {
            parent.children.retain(|child| *child != pid);
        }
        Some(node)
    }

    /// Takes everything out: the machine is gone.
    pub(crate) fn clear(&mut self) -> Vec<Node> {
        std::mem::take(&mut self.nodes).into_values().collect()
    }

    /// Who adopts the children of `pid`: the nearest living subreaper above it, or init.
    pub(crate) fn reaper_for(&self, pid: Pid) -> Pid {
        let mut at = pid;
        // The tree is not deeper than it has nodes.
        for _ in 0..self.nodes.len() {
            let Some(parent) = self.nodes.get(&at).map(|node| node.parent) else {
                break;
            };
            match self.nodes.get(&parent) {
                Some(node) if node.is_subreaper && node.zombie.is_none() => return parent,
                Some(_) => at = parent,
                None => break,
            }
        }
        Pid::INIT
    }

    /// Whether no living member of `group` (but `besides`) has a parent in another group of its session.
    /// POSIX.1-2024, 3.204; Linux: `will_become_orphaned_pgrp`.
    pub(crate) fn is_orphaned(&self, group: Pgid, besides: Option<Pid>) -> bool {
        !self.nodes.values().any(|node| {
            node.pgid == group
                && node.zombie.is_none()
                && besides != Some(node.process.pid())
                && self.nodes.get(&node.parent).is_some_and(|parent| {
                    parent.process.pid() != Pid::INIT
                        && parent.pgid != group
                        && Arc::ptr_eq(&parent.session, &node.session)
                })
        })
    }

    /// Whether a living member of `group` is stopped.
    pub(crate) fn has_stopped(&self, group: Pgid) -> bool {
        self.nodes
            .values()
            .any(|node| node.pgid == group && node.zombie.is_none() && node.process.is_stopped())
    }

    /// The session of a group that has members.
    pub(crate) fn session_of_group(&self, group: Pgid) -> Option<Sid> {
        self.nodes
            .values()
            .find(|node| node.pgid == group)
            .map(|node| node.session.sid())
    }
}
