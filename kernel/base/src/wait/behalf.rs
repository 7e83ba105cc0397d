//! On whose behalf a thread works: for waits deep inside calls that know no task, so that they end when it has to.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use super::WaitQueue;

/// Something that can be told to end while it waits.
pub trait Endable: Send + Sync {
    /// Whether it has to end now.
    fn must_end(&self) -> bool;

    /// Woken when it has to end (and perhaps for other reasons).
    fn end_queue(&self) -> &WaitQueue;
}

thread_local! {
    static CURRENT: RefCell<Option<Weak<dyn Endable>>> = const { RefCell::new(None) };
}

/// What a thread works for, until this is dropped.
pub struct OnBehalf {
    before: Option<Weak<dyn Endable>>,
}

/// Says for whom this thread works from now on.
#[must_use = "it ends when this is dropped"]
pub fn on_behalf_of(whom: Weak<dyn Endable>) -> OnBehalf {
    let before = CURRENT.with_borrow_mut(|current| current.replace(whom));
    OnBehalf { before }
}

/// For whom this thread works; `None`: for the embedder, or for somebody who has gone.
#[must_use]
pub fn current() -> Option<Arc<dyn Endable>> {
    CURRENT.with_borrow(|current| current.as_ref().and_then(Weak::upgrade))
}

impl Drop for OnBehalf {
    fn drop(&mut self) {
        let before = self.before.take();
        let own = CURRENT.with_borrow_mut(|current| std::mem::replace(current, before));
        drop(own);
    }
}

impl std::fmt::Debug for OnBehalf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnBehalf")
    }
}
