//! Advisory locks: whole files by open file (flock(2)), ranges by process or open file (fcntl(2), "Advisory record locking").
//!
//! [`FileLocks`] are those of one file, found through `LockTable` by inode. Nothing here waits: a lock that is held
//! by another is `EAGAIN`, and [`FileLocks::queue`] wakes when locks are given up.
//! Differs: no deadlock detection (`EDEADLK`).
//!
//! Lock order: `LockTable::files` and `FileLocks::state` are leaves; the queue is woken after release.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_base::{Pid, SysError, SysResult, WaitQueue};
use parking_lot::Mutex;

/// How many locks one file may have.
const MAX_LOCKS: usize = 4_096;

/// Whether others may hold the same lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LockKind {
    /// `LOCK_SH`, `F_RDLCK`.
    Shared,
    /// `LOCK_EX`, `F_WRLCK`.
    Exclusive,
}

/// Who holds a record lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LockOwner {
    /// A process (`F_SETLK`).
    Process(Pid),
    /// An open file (`F_OFD_SETLK`), by [`OpenFile::id`](super::OpenFile::id).
    OpenFile(u64),
}

/// The bytes a record lock covers: from `start` up to, not including, `end` (`u64::MAX`: however long the file grows).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LockRange {
    /// The first byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
}

impl LockRange {
    /// The range of `struct flock` once `l_whence` is resolved: `base + start`, `len` bytes, 0 for all, negative backwards.
    ///
    /// # Errors
    /// `EINVAL`: starts before the file. `EOVERFLOW`: ends past the largest offset.
    pub fn resolve(base: u64, start: i64, len: i64) -> SysResult<Self> {
        let largest = i64::MAX.unsigned_abs();
        let start = base.checked_add_signed(start).ok_or(Errno::EINVAL)?;
        if start > largest {
            return Err(Errno::EOVERFLOW.into());
        }
        if len == 0 {
            return Ok(Self {
                start,
                end: u64::MAX,
            });
        }
        let other = start.checked_add_signed(len).ok_or(Errno::EINVAL)?;
        if other > largest + 1 {
            return Err(Errno::EOVERFLOW.into());
        }
        Ok(Self {
            start: start.min(other),
            end: start.max(other),
        })
    }

    fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// A record lock that is in the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeldLock {
    /// Who holds it.
    pub owner: LockOwner,
    /// Which bytes.
    pub range: LockRange,
    /// Whether it is shared.
    pub kind: LockKind,
}

/// The locks of one file.
#[derive(Default)]
pub struct FileLocks {
    state: Mutex<State>,
    queue: WaitQueue,
}

#[derive(Default)]
struct State {
    /// Whole-file locks by open file.
    whole: Vec<(u64, LockKind)>,
    /// Record locks; those of one owner do not overlap.
    records: Vec<HeldLock>,
}

fn conflict(one: LockKind, other: LockKind) -> bool {
    one == LockKind::Exclusive || other == LockKind::Exclusive
}

impl FileLocks {
    /// Wakes when locks are given up.
    #[must_use]
    pub fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// Takes, changes or gives up (`None`) the whole-file lock of an open file.
    ///
    /// # Errors
    /// `EAGAIN`: another open file's is in the way; a lock held before is lost then, as Linux has it.
    pub(super) fn set_whole(&self, file: u64, kind: Option<LockKind>) -> SysResult {
        let mut state = self.state.lock();
        let before = state.whole.len();
        let held = state.whole.iter().position(|(holder, _)| *holder == file);
        if let (Some(index), Some(kind)) = (held, kind)
            && state
                .whole
                .get(index)
                .is_some_and(|(_, held)| *held == kind)
        {
            return Ok(());
        }
        state.whole.retain(|(holder, _)| *holder != file);
        let gave_up = state.whole.len() < before;
        let outcome = match kind {
            None => Ok(()),
            Some(kind) if state.whole.iter().any(|(_, other)| conflict(kind, *other)) => {
                Err(Errno::EAGAIN.into())
            }
            Some(_) if state.whole.len() >= MAX_LOCKS => Err(Errno::ENOLCK.into()),
            Some(kind) => {
                state.whole.push((file, kind));
                Ok(())
            }
        };
        drop(state);
        if gave_up {
            self.queue.wake_all();
        }
        outcome
    }

    /// Takes, changes or gives up (`None`) record locks of one owner on a range.
    ///
    /// # Errors
    /// `EAGAIN`: another owner's is in the way. `ENOLCK`: too many.
    pub(super) fn set_record(
        &self,
        owner: LockOwner,
        range: LockRange,
        kind: Option<LockKind>,
    ) -> SysResult {
        let mut state = self.state.lock();
        if let Some(kind) = kind {
            if state.obstacle(owner, range, kind).is_some() {
                return Err(Errno::EAGAIN.into());
            }
            // Setting a lock splits at most one of the owner's in two, and adds one.
            if state.records.len() + 2 > MAX_LOCKS {
                return Err(SysError::with_note(
                    Errno::ENOLCK,
                    "too many record locks on one file",
                ));
            }
        }
        state.carve(owner, range);
        if let Some(kind) = kind {
            state.insert(HeldLock { owner, range, kind });
        }
        drop(state);
        // A range was given up, or an exclusive lock may have become a shared one.
        self.queue.wake_all();
        Ok(())
    }

    /// Which lock of another owner is in the way.
    #[must_use]
    pub(super) fn query_record(
        &self,
        owner: LockOwner,
        range: LockRange,
        kind: LockKind,
    ) -> Option<HeldLock> {
        self.state.lock().obstacle(owner, range, kind)
    }

    /// Gives up all record locks of an owner.
    pub(super) fn release_records(&self, owner: LockOwner) {
        let mut state = self.state.lock();
        let before = state.records.len();
        state.records.retain(|record| record.owner != owner);
        let gave_up = state.records.len() < before;
        drop(state);
        if gave_up {
            self.queue.wake_all();
        }
    }
}

impl State {
    fn obstacle(&self, owner: LockOwner, range: LockRange, kind: LockKind) -> Option<HeldLock> {
        self.records
            .iter()
            .filter(|held| {
                held.owner != owner && held.range.overlaps(range) && conflict(held.kind, kind)
            })
            .min_by_key(|held| held.range.start)
            .copied()
    }

    /// Takes a range out of the owner's locks.
    fn carve(&mut self, owner: LockOwner, range: LockRange) {
        let mut kept = Vec::with_capacity(self.records.len() + 1);
        for held in self.records.drain(..) {
            if held.owner != owner || !held.range.overlaps(range) {
                kept.push(held);
                continue;
            }
            if held.range.start < range.start {
                kept.push(HeldLock {
                    range: LockRange {
                        end: range.start,
                        ..held.range
                    },
                    ..held
                });
            }
            if held.range.end > range.end {
                kept.push(HeldLock {
                    range: LockRange {
                        start: range.end,
                        ..held.range
                    },
                    ..held
                });
            }
        }
        self.records = kept;
    }

    /// Adds a lock that overlaps none of its owner's, joining it with neighbours of its kind.
    fn insert(&mut self, mut new: HeldLock) {
        self.records.retain(|held| {
            let touches = held.range.end == new.range.start || held.range.start == new.range.end;
            let joins = held.owner == new.owner && held.kind == new.kind && touches;
            if joins {
                new.range.start = new.range.start.min(held.range.start);
                new.range.end = new.range.end.max(held.range.end);
            }
            !joins
        });
        self.records.push(new);
    }
}

impl fmt::Debug for FileLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        write!(
            f,
            "FileLocks({} whole, {} records)",
            state.whole.len(),
            state.records.len()
        )
    }
}

/// The files of one mounted filesystem that have locks. Entries live as long as an open file uses them.
#[derive(Debug, Default)]
pub(crate) struct LockTable {
    files: Mutex<HashMap<(u64, u64), Weak<FileLocks>>>,
}

impl LockTable {
    /// The locks of a file, made when it has none yet.
    pub(crate) fn of(&self, key: (u64, u64)) -> Arc<FileLocks> {
        let mut files = self.files.lock();
        if let Some(found) = files.get(&key).and_then(Weak::upgrade) {
            return found;
        }
        if files.len() == files.capacity() {
            files.retain(|_, locks| locks.strong_count() > 0);
        }
        let made = Arc::<FileLocks>::default();
        files.insert(key, Arc::downgrade(&made));
        made
    }

    /// The locks of a file, if it has any.
    pub(crate) fn find(&self, key: impl FnOnce() -> Option<(u64, u64)>) -> Option<Arc<FileLocks>> {
        let files = self.files.lock();
        if files.is_empty() {
            return None;
        }
        drop(files);
        let key = key()?;
        self.files.lock().get(&key)?.upgrade()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: LockOwner = LockOwner::Process(Pid::new(1));
    const B: LockOwner = LockOwner::Process(Pid::new(2));

    fn range(start: u64, end: u64) -> LockRange {
        LockRange { start, end }
    }

    #[test]
    fn whole_file_locks_exclude_each_other() {
        let locks = FileLocks::default();
        locks.set_whole(1, Some(LockKind::Shared)).unwrap();
        locks.set_whole(2, Some(LockKind::Shared)).unwrap();
        assert_eq!(
            locks
                .set_whole(3, Some(LockKind::Exclusive))
                .unwrap_err()
                .errno(),
            Errno::EAGAIN
        );
        locks.set_whole(2, None).unwrap();
        locks.set_whole(1, Some(LockKind::Exclusive)).unwrap();
        assert!(locks.set_whole(2, Some(LockKind::Shared)).is_err());
    }

    #[test]
    fn unlocking_the_middle_splits_a_record() {
        let locks = FileLocks::default();
        locks
            .set_record(A, range(0, 100), Some(LockKind::Exclusive))
            .unwrap();
        locks.set_record(A, range(40, 60), None).unwrap();
        locks
            .set_record(B, range(40, 60), Some(LockKind::Exclusive))
            .unwrap();
        let held = locks
            .query_record(B, range(0, u64::MAX), LockKind::Shared)
            .unwrap();
        assert_eq!((held.owner, held.range), (A, range(0, 40)));
        assert_eq!(
            locks
                .set_record(B, range(99, 100), Some(LockKind::Shared))
                .unwrap_err()
                .errno(),
            Errno::EAGAIN
        );
        assert!(
            locks
                .set_record(B, range(100, 101), Some(LockKind::Shared))
                .is_ok()
        );
    }

    #[test]
    fn neighbours_of_one_kind_join_and_release_frees_all() {
        let locks = FileLocks::default();
        locks
            .set_record(A, range(0, 10), Some(LockKind::Shared))
            .unwrap();
        locks
            .set_record(A, range(10, 20), Some(LockKind::Shared))
            .unwrap();
        let held = locks
            .query_record(B, range(15, 16), LockKind::Exclusive)
            .unwrap();
        assert_eq!(held.range, range(0, 20));
        assert!(
            locks
                .query_record(B, range(15, 16), LockKind::Shared)
                .is_none()
        );
        locks.release_records(A);
        assert!(
            locks
                .query_record(B, range(0, 20), LockKind::Exclusive)
                .is_none()
        );
    }

    #[test]
    fn ranges_resolve_like_struct_flock() {
        assert_eq!(LockRange::resolve(10, 5, 0).unwrap(), range(15, u64::MAX));
        assert_eq!(LockRange::resolve(10, 0, -4).unwrap(), range(6, 10));
        assert_eq!(
            LockRange::resolve(0, -1, 1).unwrap_err().errno(),
            Errno::EINVAL
        );
        assert_eq!(
            LockRange::resolve(0, 2, -4).unwrap_err().errno(),
            Errno::EINVAL
        );
        assert_eq!(
            LockRange::resolve(0, i64::MAX, i64::MAX)
                .unwrap_err()
                .errno(),
            Errno::EOVERFLOW
        );
    }
}
