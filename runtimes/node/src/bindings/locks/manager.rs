//! [`LockManager`]: who holds which web lock, and who waits, over all threads of a process. Node: `LockManager` in
//! `src/node_locks.cc`; the algorithm is <https://w3c.github.io/web-locks/>.
//!
//! Lock order: `LockManager::state` is a leaf; loops are woken after it is released.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event_loop::Remote;

/// A request for a lock, or a lock that is held.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(super) id: u64,
    /// The thread whose callback it is.
    pub(super) thread: u64,
    pub(super) name: String,
    pub(super) client: String,
    pub(super) is_shared: bool,
    pub(super) steals: bool,
    pub(super) if_available: bool,
}

/// What a thread has to do next.
pub(super) enum Step {
    /// The lock is held now: call the callback.
    Grant(Entry),
    /// It is not available, and the program does not want to wait.
    Refuse(Entry),
    /// Locks of this thread were taken away.
    Stolen(Vec<u64>),
    Nothing,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    held: Vec<Entry>,
    pending: Vec<Entry>,
    /// Locks that were taken away, until their threads have heard.
    stolen: Vec<Entry>,
    loops: HashMap<u64, Remote>,
}

impl State {
    fn is_grantable(&self, request: &Entry) -> bool {
        request.steals
            || self
                .held
                .iter()
                .filter(|held| held.name == request.name)
                .all(|held| held.is_shared && request.is_shared)
    }

    /// Loops of the other threads that wait for something.
    fn others(&self, thread: u64) -> Vec<Remote> {
        self.loops
            .iter()
            .filter(|(other, _)| {
                **other != thread
                    && self
                        .pending
                        .iter()
                        .chain(&self.stolen)
                        .any(|entry| entry.thread == **other)
            })
            .map(|(_, remote)| remote.clone())
            .collect()
    }
}

/// All locks of a process.
#[derive(Debug, Default)]
pub(crate) struct LockManager {
    state: Mutex<State>,
}

fn wake(loops: Vec<Remote>) {
    for remote in loops {
        remote.send(super::process_queue_from_loop);
    }
}

impl LockManager {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a request into the queue; its number.
    pub(super) fn request(&self, mut entry: Entry, remote: Remote) -> u64 {
        let mut state = self.state();
        state.next += 1;
        entry.id = state.next;
        let id = entry.id;
        state.loops.insert(entry.thread, remote);
        if entry.steals {
            state.pending.insert(0, entry);
        } else {
            state.pending.push(entry);
        }
        id
    }

    /// What this thread can do now.
    pub(super) fn step(&self, thread: u64) -> Step {
        let mut state = self.state();
        let (mine, others) = std::mem::take(&mut state.stolen)
            .into_iter()
            .partition::<Vec<Entry>, _>(|entry| entry.thread == thread);
        state.stolen = others;
        if !mine.is_empty() {
            return Step::Stolen(mine.into_iter().map(|entry| entry.id).collect());
        }
        let mut first: HashMap<&str, bool> = HashMap::new();
        let mut found = None;
        for (index, request) in state.pending.iter().enumerate() {
            // An earlier request for the same name goes first, unless both can share.
            let must_wait = match first.get(request.name.as_str()) {
                Some(first_is_shared) => !(request.is_shared && *first_is_shared),
                None => {
                    first.insert(&request.name, request.is_shared);
                    false
                }
            };
            if request.thread != thread {
                continue;
            }
            let is_granted = !must_wait && state.is_grantable(request);
            if is_granted || request.if_available {
                found = Some((index, is_granted));
                break;
            }
        }
        let Some((index, is_granted)) = found else {
            return Step::Nothing;
        };
        let request = state.pending.remove(index);
        if !is_granted {
            let others = state.others(thread);
            drop(state);
            wake(others);
            return Step::Refuse(request);
        }
        if request.steals {
            let (lost, kept) = std::mem::take(&mut state.held)
                .into_iter()
                .partition::<Vec<Entry>, _>(|held| held.name == request.name);
            state.held = kept;
            state.stolen.extend(lost);
        }
        state.held.push(request.clone());
        let others = if request.steals {
            state.others(thread)
        } else {
            Vec::new()
        };
        drop(state);
        wake(others);
        Step::Grant(request)
    }

    /// Gives a lock back.
    pub(super) fn release(&self, thread: u64, id: u64) {
        let mut state = self.state();
        state.held.retain(|held| held.id != id);
        let others = state.others(thread);
        drop(state);
        wake(others);
    }

    /// Locks held and waited for by a thread.
    pub(super) fn query(&self, thread: u64) -> (Vec<Entry>, Vec<Entry>) {
        let state = self.state();
        let of_thread = |list: &[Entry]| {
            list.iter()
                .filter(|entry| entry.thread == thread)
                .cloned()
                .collect()
        };
        (of_thread(&state.held), of_thread(&state.pending))
    }

    /// A thread ends: its locks are free.
    pub(super) fn forget(&self, thread: u64) {
        let mut state = self.state();
        for list in [0, 1, 2] {
            let list = match list {
                0 => &mut state.held,
                1 => &mut state.pending,
                _ => &mut state.stolen,
            };
            list.retain(|entry| entry.thread != thread);
        }
        let own = state.loops.remove(&thread);
        let others = state.others(thread);
        drop(state);
        drop(own);
        wake(others);
    }
}
