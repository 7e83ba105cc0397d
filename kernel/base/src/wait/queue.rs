//! A list of observers to tell when something changed: [`WaitQueue`].
//!
//! Lock order: the list's lock is a leaf. Observers are told after it is released.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cenote_abi::poll::PollEvents;
use parking_lot::Mutex;

/// Someone who wants to know that a thing changed: a [`Waiter`](super::Waiter), an epoll entry, an event loop.
pub trait Observer: Send + Sync {
    /// Tells that `events` may have become true. Spurious calls are allowed; must not block or call back into the notifier.
    fn notify(&self, events: PollEvents);
}

/// Observers of one thing.
#[derive(Default)]
pub struct WaitQueue {
    list: Arc<List>,
}

#[derive(Default)]
struct List {
    /// Mirrors `entries.len()`, so that a wake-up with nobody waiting takes no lock.
    len: AtomicUsize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    next_key: u64,
    observers: Vec<(u64, Arc<dyn Observer>)>,
}

impl WaitQueue {
    /// A queue nobody waits on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an observer until the returned guard is dropped. Register first, check the condition after.
    #[must_use]
    pub fn register(&self, observer: Arc<dyn Observer>) -> Registration {
        let mut entries = self.list.entries.lock();
        let key = entries.next_key;
        entries.next_key += 1;
        entries.observers.push((key, observer));
        self.list
            .len
            .store(entries.observers.len(), Ordering::SeqCst);
        Registration {
            list: Arc::clone(&self.list),
            key,
        }
    }

    /// Tells every observer that `events` may have become true. Call after releasing the lock that guards the change.
    pub fn wake(&self, events: PollEvents) {
        // The fence pairs with the store in `register`: either we see the observer, or it sees our change.
        std::sync::atomic::fence(Ordering::SeqCst);
        if self.list.len.load(Ordering::SeqCst) == 0 {
            return;
        }
        let observers: Vec<Arc<dyn Observer>> = self
            .list
            .entries
            .lock()
            .observers
            .iter()
            .map(|(_, observer)| Arc::clone(observer))
            .collect();
        for observer in observers {
            observer.notify(events);
        }
    }

    /// Tells every observer that anything may have changed.
    pub fn wake_all(&self) {
        self.wake(PollEvents::all());
    }
}

impl core::fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "WaitQueue({} waiting)",
            self.list.len.load(Ordering::Relaxed)
        )
    }
}

/// An observer's place in a queue; dropping it leaves the queue.
pub struct Registration {
    list: Arc<List>,
    key: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut entries = self.list.entries.lock();
        let removed = entries
            .observers
            .iter()
            .position(|(key, _)| *key == self.key)
            .map(|index| entries.observers.swap_remove(index));
        self.list
            .len
            .store(entries.observers.len(), Ordering::SeqCst);
        drop(entries);
        // The observer may hold the last reference to something with a lock of its own: let go after ours.
        drop(removed);
    }
}

impl core::fmt::Debug for Registration {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Registration({})", self.key)
    }
}
