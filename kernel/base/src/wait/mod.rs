//! Waiting: the one way a call blocks in this kernel.
//!
//! Something that can change keeps a [`WaitQueue`] and wakes it *after* releasing its own lock. A call that must wait
//! registers a [`Waiter`] (with as many queues as it likes), checks its condition, and awaits the waiter. There are
//! no polling loops and no sleeps. `core` puts signals and deadlines on top (`Task::wait_until`).

mod behalf;
mod queue;
mod waiter;

pub use behalf::{Endable, OnBehalf, current, on_behalf_of};
pub use queue::{Observer, Registration, WaitQueue};
pub use waiter::{Waiter, block_on};
