//! What happens in a machine that its embedder should know of: refusals and limits, as a stream of [`Event`]s.
//!
//! Lock order: none; the channel is made once, when somebody first listens.

use std::fmt;
use std::sync::OnceLock;

use cenote_base::limits::BudgetWatch;
use tokio::sync::broadcast;

use crate::{NodeRuntime, Scope};

/// Events kept for a listener that is slow; older ones are dropped and counted.
const KEPT: usize = 1_024;

/// Something that happened in a machine.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A guest wanted what the permissions refuse; it got `EACCES`.
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
pub(crate) struct Events(OnceLock<broadcast::Sender<Event>>);

impl Events {
    /// Tells all listeners; costs a look at a pointer when there were never any.
    pub(crate) fn publish(&self, event: impl FnOnce() -> Event) {
        if let Some(sender) = self.0.get()
            && sender.receiver_count() > 0
            && sender.send(event()).is_err()
        {
            tracing::trace!("the last listener has just gone");
        }
    }

    fn listen(&self) -> broadcast::Receiver<Event> {
        self.0
            .get_or_init(|| broadcast::channel(KEPT).0)
            .subscribe()
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

/// The events of a machine from the call of [`NodeRuntime::events`] on.
#[derive(Debug)]
pub struct EventStream(broadcast::Receiver<Event>);

impl EventStream {
    /// Waits for the next event; `None` when the machine is gone. At most 1,024 are kept for a listener that is slow: what it missed
    /// is told as [`Event::Lost`].
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Event::Lost { count }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl NodeRuntime {
    /// Listens to what happens in the machine: refusals, limits that are near or reached.
    pub fn events(&self) -> EventStream {
        let stream = EventStream(self.machine.events().listen());
        if let Some(remote) = self.machine.remote() {
            remote.listen(self.machine.events());
        }
        stream
    }
}
