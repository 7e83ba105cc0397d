//! A set of descriptors to wait for together: [`Epoll`]. See epoll(7).
//!
//! Each watched file has an [`Item`] registered with the file's wait queue; when the file changes, the item puts itself
//! on the ready list and wakes who waits for the epoll, which may be another epoll. What is on the list is looked at
//! again when it is taken: level-triggered items go back to its end while they are ready.
//!
//! Lock order: [`EpollNesting`], then `Epoll::items`; `Ready::list` is a leaf. Waiters are woken after all are released.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::fs::Stat;
use cenote_abi::poll::{EpollFlags, PollEvents};
use cenote_base::{Fd, Observer, Registration, SysError, SysResult, WaitQueue};
use cenote_vfs::{File, OpenFile};
use parking_lot::Mutex;

/// How many epolls may watch each other in a row, as on Linux.
const MAX_NESTING: usize = 5;
/// How many descriptors one epoll may watch.
const MAX_ITEMS: usize = 65_536;

/// Held while an epoll is added to another, so that two cannot be added to each other at once.
#[derive(Debug, Default)]
pub(crate) struct EpollNesting {
    lock: Mutex<()>,
}

/// What a watched descriptor is or was asked: events, how, and the number that comes back.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EpollEvent {
    /// The events.
    pub events: PollEvents,
    /// Edge-triggered, once….
    pub flags: EpollFlags,
    /// What the program wants back.
    pub data: u64,
}

impl EpollEvent {
    /// Splits Linux's 32-bit mask.
    #[must_use]
    pub fn from_raw(mask: u32, data: u64) -> Self {
        Self {
            events: PollEvents::from_bits_truncate(mask),
            flags: EpollFlags::from_bits_truncate(mask),
            data,
        }
    }

    /// Linux's 32-bit mask of the events.
    #[must_use]
    pub fn raw_events(&self) -> u32 {
        self.events.bits()
    }
}

/// An epoll.
#[derive(Debug)]
pub(crate) struct Epoll {
    items: Mutex<HashMap<Key, Watched>>,
    ready: Arc<Ready>,
}

/// A descriptor number and the open file behind it: both must match, as on Linux.
type Key = (Fd, u64);

#[derive(Debug)]
struct Watched {
    item: Arc<Item>,
    _registration: Registration,
}

#[derive(Debug, Default)]
struct Ready {
    list: Mutex<VecDeque<Arc<Item>>>,
    queue: WaitQueue,
}

/// A watched descriptor.
#[derive(Debug)]
struct Item {
    file: Weak<OpenFile>,
    asked: Mutex<EpollEvent>,
    /// Whether it is on the ready list.
    is_listed: AtomicBool,
    /// Cleared when it is removed, so that its place on the list counts for nothing.
    is_live: AtomicBool,
    /// Cleared when a one-shot item was told, until it is asked anew.
    is_armed: AtomicBool,
    ready: Weak<Ready>,
}

impl Item {
    fn enlist(self: &Arc<Self>) {
        let Some(ready) = self.ready.upgrade() else {
            return;
        };
        if !self.is_listed.swap(true, Ordering::AcqRel) {
            ready.list.lock().push_back(Arc::clone(self));
        }
        ready.queue.wake(PollEvents::READABLE);
    }

    /// What of what was asked is so now.
    fn current(&self) -> (EpollEvent, PollEvents) {
        let asked = *self.asked.lock();
        if !self.is_armed.load(Ordering::Acquire) {
            return (asked, PollEvents::empty());
        }
        let events = self
            .file
            .upgrade()
            .map_or(PollEvents::empty(), |file| file.poll());
        (asked, events & (asked.events | PollEvents::ALWAYS))
    }
}

/// What is registered with a file's queue: it must not keep the item alive through the queue's own file.
struct ItemObserver {
    item: Weak<Item>,
}

impl Observer for ItemObserver {
    fn notify(&self, _events: PollEvents) {
        if let Some(item) = self.item.upgrade()
            && item.is_live.load(Ordering::Acquire)
        {
            item.enlist();
        }
    }
}

impl Epoll {
    pub(crate) fn new() -> Self {
        Self {
            items: Mutex::default(),
            ready: Arc::default(),
        }
    }

    /// Watches a descriptor.
    ///
    /// # Errors
    /// `EEXIST`: it is watched. `EPERM`: the file is always ready. `ELOOP`: epolls would watch each other in a circle
    /// or too deep. `ENOSPC`: too many. `EINVAL`: `EPOLLEXCLUSIVE` on an epoll.
    pub(crate) fn add(
        &self,
        nesting: &EpollNesting,
        fd: Fd,
        file: &Arc<OpenFile>,
        asked: EpollEvent,
    ) -> SysResult {
        let queue = file.wait_queue().ok_or(Errno::EPERM)?;
        let guard;
        if let Some(inner) = file.downcast::<Self>() {
            if asked.flags.contains(EpollFlags::EPOLLEXCLUSIVE) {
                return Err(Errno::EINVAL.into());
            }
            guard = nesting.lock.lock();
            if inner.reaches(self, 1)? {
                return Err(SysError::with_note(Errno::ELOOP, "epolls in a circle"));
            }
        } else {
            guard = nesting.lock.lock();
        }
        let mut items = self.items.lock();
        items.retain(|_, watched| watched.item.file.strong_count() > 0);
        if items.contains_key(&(fd, file.id())) {
            return Err(Errno::EEXIST.into());
        }
        if items.len() >= MAX_ITEMS {
            return Err(Errno::ENOSPC.into());
        }
        let item = Arc::new(Item {
            file: Arc::downgrade(file),
            asked: Mutex::new(asked),
            is_listed: AtomicBool::new(false),
            is_live: AtomicBool::new(true),
            is_armed: AtomicBool::new(true),
            ready: Arc::downgrade(&self.ready),
        });
        let registration = queue.register(Arc::new(ItemObserver {
            item: Arc::downgrade(&item),
        }));
        items.insert(
            (fd, file.id()),
            Watched {
                item: Arc::clone(&item),
                _registration: registration,
            },
        );
        drop(items);
        drop(guard);
        if !item.current().1.is_empty() {
            item.enlist();
        }
        Ok(())
    }

    /// Whether this epoll watches `target`, directly or through others.
    fn reaches(&self, target: &Self, depth: usize) -> SysResult<bool> {
        if std::ptr::eq(self, target) {
            return Ok(true);
        }
        if depth >= MAX_NESTING {
            return Err(SysError::with_note(Errno::ELOOP, "epolls nested too deep"));
        }
        let watched: Vec<Arc<OpenFile>> = self
            .items
            .lock()
            .values()
            .filter_map(|watched| watched.item.file.upgrade())
            .collect();
        for file in watched {
            if let Some(inner) = file.downcast::<Self>()
                && inner.reaches(target, depth + 1)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Asks anew of a watched descriptor.
    ///
    /// # Errors
    /// `ENOENT`: it is not watched.
    pub(crate) fn modify(&self, fd: Fd, file: &OpenFile, asked: EpollEvent) -> SysResult {
        let items = self.items.lock();
        let item = items
            .get(&(fd, file.id()))
            .map(|watched| Arc::clone(&watched.item))
            .ok_or(Errno::ENOENT)?;
        drop(items);
        *item.asked.lock() = asked;
        item.is_armed.store(true, Ordering::Release);
        if !item.current().1.is_empty() {
            item.enlist();
        }
        Ok(())
    }

    /// Stops watching a descriptor.
    ///
    /// # Errors
    /// `ENOENT`: it is not watched.
    pub(crate) fn remove(&self, fd: Fd, file: &OpenFile) -> SysResult {
        let removed = self
            .items
            .lock()
            .remove(&(fd, file.id()))
            .ok_or(Errno::ENOENT)?;
        removed.item.is_live.store(false, Ordering::Release);
        Ok(())
    }

    /// Takes up to `max` events; none when nothing is ready.
    pub(crate) fn take(&self, max: usize) -> Vec<EpollEvent> {
        let mut found = Vec::new();
        let mut again = Vec::new();
        // What is put back does not come up twice in one call.
        let listed = self.ready.list.lock().len();
        for _ in 0..listed {
            if found.len() >= max {
                break;
            }
            let Some(item) = self.ready.list.lock().pop_front() else {
                break;
            };
            item.is_listed.store(false, Ordering::Release);
            if !item.is_live.load(Ordering::Acquire) {
                continue;
            }
            let (asked, events) = item.current();
            if events.is_empty() {
                continue;
            }
            found.push(EpollEvent {
                events,
                flags: EpollFlags::empty(),
                data: asked.data,
            });
            if asked.flags.contains(EpollFlags::EPOLLONESHOT) {
                item.is_armed.store(false, Ordering::Release);
            } else if !asked.flags.contains(EpollFlags::EPOLLET) {
                again.push(item);
            }
        }
        let mut list = self.ready.list.lock();
        for item in again {
            if !item.is_listed.swap(true, Ordering::AcqRel) {
                list.push_back(item);
            }
        }
        drop(list);
        found
    }

    /// Whether something on the list is ready; drops from the list what is not.
    fn has_ready(&self) -> bool {
        let listed: Vec<Arc<Item>> = self.ready.list.lock().iter().cloned().collect();
        listed
            .iter()
            .any(|item| item.is_live.load(Ordering::Acquire) && !item.current().1.is_empty())
    }
}

impl File for Epoll {
    fn poll(&self) -> PollEvents {
        if self.has_ready() {
            PollEvents::READABLE
        } else {
            PollEvents::empty()
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.ready.queue)
    }

    fn stat(&self) -> SysResult<Option<Stat>> {
        Ok(Some(crate::anonymous::event_stat()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
