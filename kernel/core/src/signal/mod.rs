//! Signals: what each process does with them, which are pending, how they are sent and delivered. See signal(7).
//!
//! [`SigAction`] is one disposition, `ProcessSignals` all signal state of one process (behind `Process::signals`),
//! `send` puts signals there, [`deliver`] takes them out on the process's own task.
//!
//! Lock order: `Process::signals` comes after the process tree's lock and before nothing. Tasks are told
//! (`state::Kick`) after it is released.

pub mod action;
pub mod deliver;
pub(crate) mod queue;
pub(crate) mod send;
pub(crate) mod state;

pub use action::{AltStack, SigAction, SigHandler};
pub use deliver::{Delivery, HandlerCall};
pub(crate) use state::ProcessSignals;
