//! Changes of the machine's files, as they happen: [`Watcher`].
//!
//! Each watched directory has an observer in the kernel's tree of files, which notes in one queue what it is told; it must not look at files
//! itself. So directories that appear are watched by whoever reads the queue, who also tells what was in them by then.
//!
//! Lock order: `Queue::state` and `Watchers::queues` are leaves.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Weak};

use cenote_abi::fs::FileType;
use cenote_base::SysResult;
use cenote_vfs::watch::{Change, ChangeKind, Watch, WatchObserver};
use cenote_vfs::{Location, LookupContext, LookupFlags, ops};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{Error, NodeRuntime};

/// Changes that wait for a reader who is slow; what comes after is lost, and said to be.
const MAX_EVENTS: usize = 1_024;
/// Directories that one watcher watches.
const MAX_DIRECTORIES: usize = 8_192;

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WatchKind {
    /// A name came or went (`rename` of Node's `fs.watch`).
    Renamed,
    /// Content or attributes changed (`change` there).
    Changed,
    /// Changes were lost: look again.
    Overflow,
}

/// One change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WatchEvent {
    /// What happened.
    pub kind: WatchKind,
    /// To what, from the path that is watched; empty for that itself.
    pub path: Vec<u8>,
}

/// What the queue holds.
#[derive(Debug)]
enum Noted {
    Event(WatchEvent),
    /// A directory came.
    Came(Vec<u8>),
    /// A directory went.
    Went(Vec<u8>),
}

#[derive(Debug, Default)]
struct State {
    noted: VecDeque<Noted>,
    has_overflowed: bool,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    more: Notify,
}

impl Queue {
    fn note(&self, noted: Noted) {
        let mut state = self.state.lock();
        if let (Noted::Event(new), Some(Noted::Event(last))) = (&noted, state.noted.back())
            && new == last
        {
            return;
        }
        if state.noted.len() < MAX_EVENTS {
            state.noted.push_back(noted);
        } else {
            state.has_overflowed = true;
        }
        drop(state);
        self.more.notify_one();
    }

    /// Notes what another process tells, which may have lost changes itself.
    fn tell(&self, event: WatchEvent) {
        if event.kind == WatchKind::Overflow {
            self.state.lock().has_overflowed = true;
            self.more.notify_one();
        } else {
            self.note(Noted::Event(event));
        }
    }

    fn close(&self) {
        self.state.lock().is_closed = true;
        self.more.notify_one();
    }
}

/// The watchers of a machine, which end with it.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    queues: Mutex<Vec<Weak<Queue>>>,
}

impl Watchers {
    fn add(&self, queue: &Arc<Queue>) {
        let mut queues = self.queues.lock();
        if queues.len() == queues.capacity() {
            queues.retain(|queue| queue.strong_count() > 0);
        }
        queues.push(Arc::downgrade(queue));
    }

    pub(crate) fn close(&self) {
        let queues = std::mem::take(&mut *self.queues.lock());
        for queue in queues.iter().filter_map(Weak::upgrade) {
            queue.close();
        }
    }
}

/// Who is told of changes of one file or directory.
struct Point {
    path: Vec<u8>,
    is_recursive: bool,
    queue: Weak<Queue>,
}

fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        name.to_vec()
    } else {
        [directory, b"/", name].concat()
    }
}

impl WatchObserver for Point {
    fn changed(&self, change: &Change<'_>) {
        let kind = match change.kind {
            ChangeKind::Created
            | ChangeKind::Deleted
            | ChangeKind::MovedFrom
            | ChangeKind::MovedTo
            | ChangeKind::DeletedSelf
            | ChangeKind::MovedSelf => WatchKind::Renamed,
            ChangeKind::Modified | ChangeKind::Attributes => WatchKind::Changed,
            ChangeKind::Accessed
            | ChangeKind::Opened
            | ChangeKind::ClosedWritten
            | ChangeKind::ClosedUnwritten => return,
        };
        let Some(queue) = self.queue.upgrade() else {
            return;
        };
        // Of what happens to a directory below, the one above tells.
        let path = match change.name {
            Some(name) => joined(&self.path, name),
            None if self.path.is_empty() => Vec::new(),
            None => return,
        };
        let is_of_directory = self.is_recursive && change.is_directory && change.name.is_some();
        queue.note(Noted::Event(WatchEvent {
            kind,
            path: path.clone(),
        }));
        match change.kind {
            ChangeKind::Created | ChangeKind::MovedTo if is_of_directory => {
                queue.note(Noted::Came(path));
            }
            ChangeKind::Deleted | ChangeKind::MovedFrom if is_of_directory => {
                queue.note(Noted::Went(path));
            }
            _ => {}
        }
    }
}

/// The changes of a file, or of a directory and what is in it, from the call of [`NodeRuntime::watch`] on.
///
/// Seen is what the machine's programs and calls of this crate change; changes that the host makes in a mounted directory are not.
pub struct Watcher {
    rt: Weak<crate::machine::Machine>,
    /// The absolute path that is watched.
    top: Vec<u8>,
    is_recursive: bool,
    queue: Arc<Queue>,
    watches: BTreeMap<Vec<u8>, Watch>,
    /// Who tells of a machine in another process.
    teller: Option<Teller>,
}

/// A task that tells of changes; ends with this.
struct Teller(tokio::task::AbortHandle);

impl Drop for Teller {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl NodeRuntime {
    /// Watches a file, or a directory and its entries; `is_recursive`: all directories below it too.
    ///
    /// # Errors
    /// [`Error::File`]: `ENOENT`, `ENOTDIR`, `ELOOP` …, `ENOSPC` for more than 8,192 directories.
    pub fn watch(&self, path: impl AsRef<[u8]>, is_recursive: bool) -> Result<Watcher, Error> {
        let path = path.as_ref();
        let queue = Arc::<Queue>::default();
        let mut watcher = Watcher {
            rt: Arc::downgrade(&self.machine),
            top: Vec::new(),
            is_recursive,
            queue,
            watches: BTreeMap::new(),
            teller: None,
        };
        if let Some(remote) = self.machine.remote() {
            let (queue, told) = (Arc::clone(&watcher.queue), Arc::clone(&watcher.queue));
            let note = move |event| told.tell(event);
            let teller = remote.watch(path, is_recursive, note, move || queue.close())?;
            watcher.teller = Some(Teller(teller));
            self.machine.watchers().add(&watcher.queue);
            return Ok(watcher);
        }
        self.on_files("watch", path, |cx| {
            let place = ops::lookup(cx, None, path, LookupFlags::FOLLOW)?;
            watcher.top = place.path_if_reachable(cx.root)?;
            let is_directory = place.inode().file_type() == FileType::Directory;
            watcher.add(Vec::new(), &place)?;
            if is_recursive && is_directory {
                watcher.descend(cx, Vec::new(), &place, false)?;
            }
            Ok(())
        })?;
        self.machine.watchers().add(&watcher.queue);
        Ok(watcher)
    }
}

impl Watcher {
    /// Waits for the next change; `None` when the machine is gone. At most 1,024 wait for a reader who is slow: that more were lost is told
    /// as [`WatchKind::Overflow`].
    pub async fn next(&mut self) -> Option<WatchEvent> {
        loop {
            let more = Arc::clone(&self.queue);
            let noted = {
                let mut state = self.queue.state.lock();
                let noted = state.noted.pop_front();
                if noted.is_none() && state.is_closed {
                    return None;
                }
                if noted.is_none() && std::mem::take(&mut state.has_overflowed) {
                    drop(state);
                    self.look_again();
                    return Some(WatchEvent {
                        kind: WatchKind::Overflow,
                        path: Vec::new(),
                    });
                }
                noted
            };
            match noted {
                Some(Noted::Event(event)) => return Some(event),
                Some(Noted::Came(path)) => self.came(&path),
                Some(Noted::Went(path)) => self.went(&path),
                None => more.more.notified().await,
            }
        }
    }

    fn add(&mut self, path: Vec<u8>, place: &Location) -> SysResult {
        if self.watches.len() >= MAX_DIRECTORIES {
            return Err(cenote_base::SysError::with_note(
                cenote_abi::Errno::ENOSPC,
                "too many directories to watch",
            ));
        }
        let point = Point {
            path: path.clone(),
            is_recursive: self.is_recursive,
            queue: Arc::downgrade(&self.queue),
        };
        let watch = place.watch(Arc::new(point))?;
        self.watches.insert(path, watch);
        Ok(())
    }

    /// Watches the directories below one; tells what there is if it is new to the reader.
    fn descend(
        &mut self,
        cx: &LookupContext<'_>,
        path: Vec<u8>,
        place: &Location,
        is_new: bool,
    ) -> SysResult {
        let mut way = vec![(path, place.clone())];
        while let Some((path, place)) = way.pop() {
            let mut names = Vec::new();
            place.inode().read_dir(0, &mut |entry| {
                names.push((entry.name.to_vec(), entry.file_type));
                true
            })?;
            for (name, kind) in names {
                let below = joined(&path, &name);
                if is_new {
                    self.queue.note(Noted::Event(WatchEvent {
                        kind: WatchKind::Renamed,
                        path: below.clone(),
                    }));
                }
                if kind != FileType::Directory || self.watches.contains_key(&below) {
                    continue;
                }
                let full = joined(&self.top, &below);
                // It may be gone by now, or be another mount's.
                let Ok(found) = ops::lookup(cx, None, &full, LookupFlags::empty()) else {
                    continue;
                };
                if found.mount().id() == place.mount().id() {
                    self.add(below.clone(), &found)?;
                    way.push((below, found));
                }
            }
        }
        Ok(())
    }

    fn came(&mut self, path: &[u8]) {
        self.went(path);
        let Some(machine) = self.rt.upgrade() else {
            return;
        };
        let Ok(view) = machine.host_view() else {
            return;
        };
        let full = joined(&self.top, path);
        let found = view.in_context(|cx| {
            let place = ops::lookup(cx, None, &full, LookupFlags::empty())?;
            self.add(path.to_vec(), &place)?;
            self.descend(cx, path.to_vec(), &place, true)
        });
        match found {
            Err(error) if error.errno() == cenote_abi::Errno::ENOSPC => {
                self.queue.state.lock().has_overflowed = true;
            }
            // Gone again, or no directory any more: that was told.
            _ => {}
        }
    }

    fn went(&mut self, path: &[u8]) {
        let below = [path, b"/"].concat();
        self.watches
            .retain(|watched, _| watched != path && !watched.starts_with(&below));
    }

    /// Directories that came while changes were lost are watched from now on.
    fn look_again(&mut self) {
        if !self.is_recursive {
            return;
        }
        let Some(machine) = self.rt.upgrade() else {
            return;
        };
        let Ok(view) = machine.host_view() else {
            return;
        };
        let top = self.top.clone();
        let looked = view.in_context(|cx| {
            let place = ops::lookup(cx, None, &top, LookupFlags::empty())?;
            self.descend(cx, Vec::new(), &place, false)
        });
        if let Err(error) = looked {
            tracing::debug!(%error, "a watched directory cannot be looked at");
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watcher({})", cenote_base::path::display(&self.top))
    }
}
