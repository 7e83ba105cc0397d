//! What happens in a machine that its embedder should know of: refusals and limits, as a stream of [`Event`]s.
//!
//! Lock order: `Events::early` is a leaf; the channel is made once, when somebody first listens.

use std::collections::VecDeque;
use std::fmt;
use std::sync::OnceLock;

use cenote_base::limits::BudgetWatch;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::{NodeRuntime, Scope};

/// Events kept for a listener that is slow; older ones are dropped and counted.
const KEPT: usize = 1_024;

/// Something that happened in a machine.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A guest wanted what the permissions refuse; it got `EACCES` (`ENETUNREACH` where nothing outside may be reached, a variable that is not there).
    Refused {
        /// Which part of the permissions spoke.
        scope: Scope,
        /// The operation: `read`, `write`, `spawn`, `connect` …
        operation: String,
        /// On what: a path, a program, an address, a name.
        subject: String,
        /// Why.
        reason: String,
    },
    /// Four fifths of a limit are in use.
    LimitNear {
        /// The option that changes the limit, such as `limits.processes`.
        option: &'static str,
        /// How much is in use, in the option's unit.
        used: u64,
        /// The limit.
        limit: u64,
    },
    /// A guest asked for more than a limit leaves; its call failed.
    LimitReached {
        /// The option that changes the limit.
        option: &'static str,
        /// How much is in use.
        used: u64,
        /// The limit.
        limit: u64,
    },
    /// This many events were lost, because the listener was slow.
    Lost {
        /// How many.
        count: u64,
    },
}

/// The events of one machine, for those who listen.
#[derive(Default)]
pub(crate) struct Events {
    sender: OnceLock<broadcast::Sender<Event>>,
    /// What happened while the machine was made, for the first who listens; nothing is added once it is there.
    early: Mutex<Early>,
}

#[derive(Default)]
struct Early {
    is_made: bool,
    kept: VecDeque<Event>,
}

impl Events {
    /// Tells all listeners.
    pub(crate) fn publish(&self, event: impl FnOnce() -> Event) {
        match self.sender.get() {
            Some(sender) if sender.receiver_count() > 0 => {
                if sender.send(event()).is_err() {
                    tracing::trace!("the last listener has just gone");
                }
            }
            Some(_) => {}
            None => {
                let mut early = self.early.lock();
                if !early.is_made && early.kept.len() < KEPT {
                    early.kept.push_back(event());
                }
            }
        }
    }

    /// The machine is there; from now on only those hear who listen.
    pub(crate) fn made(&self) {
        self.early.lock().is_made = true;
    }

    fn listen(&self) -> EventStream {
        let sender = self.sender.get_or_init(|| broadcast::channel(KEPT).0);
        let receiver = sender.subscribe();
        let early = std::mem::take(&mut self.early.lock().kept);
        EventStream { early, receiver }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

impl BudgetWatch for Events {
    fn near(&self, option: &'static str, used: u64, limit: u64) {
        tracing::info!(target: "cenote::limit", option, used, limit, "a limit is near");
        self.publish(|| Event::LimitNear {
            option,
            used,
            limit,
        });
    }

    fn reached(&self, option: &'static str, used: u64, limit: u64) {
        self.publish(|| Event::LimitReached {
            option,
            used,
            limit,
        });
    }
}

/// The events of a machine from the call of [`NodeRuntime::events`] on; the first stream begins with what happened while the machine was made
/// (environment variables that were refused).
#[derive(Debug)]
pub struct EventStream {
    early: VecDeque<Event>,
    receiver: broadcast::Receiver<Event>,
}

impl EventStream {
    /// Waits for the next event; `None` when the machine is gone. At most 1,024 are kept for a listener that is slow: what it missed
    /// is told as [`Event::Lost`].
    pub async fn next(&mut self) -> Option<Event> {
        if let Some(early) = self.early.pop_front() {
            return Some(early);
        }
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Event::Lost { count }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl NodeRuntime {
    /// Listens to what happens in the machine: refusals, limits that are near or reached.
    pub fn events(&self) -> EventStream {
        let stream = self.machine.events().listen();
        if let Some(remote) = self.machine.remote() {
            remote.listen(self.machine.events());
        }
        stream
    }
}
