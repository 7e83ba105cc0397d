//! Sessions: a leader, its process groups, and the terminal that controls them. See setsid(2), credentials(7).

use std::sync::Arc;

use cenote_base::{Pgid, Sid};
use parking_lot::Mutex;

use crate::tty::Terminal;

/// A session. Lives as long as a process in it or a terminal that controls it.
#[derive(Debug)]
pub(crate) struct Session {
    sid: Sid,
    /// A leaf lock.
    terminal: Mutex<Option<Arc<Terminal>>>,
    /// The group that was in the foreground when the terminal hung up. A leaf lock.
    foreground_before: Mutex<Option<Pgid>>,
}

impl Session {
    pub(crate) fn new(sid: Sid) -> Arc<Self> {
        Arc::new(Self {
            sid,
            terminal: Mutex::new(None),
            foreground_before: Mutex::new(None),
        })
    }

    pub(crate) fn sid(&self) -> Sid {
        self.sid
    }

    /// The controlling terminal.
    pub(crate) fn terminal(&self) -> Option<Arc<Terminal>> {
        self.terminal.lock().clone()
    }

    /// Keeps who was in the foreground of a terminal that hung up.
    pub(crate) fn remember_foreground(&self, group: Option<Pgid>) {
        *self.foreground_before.lock() = group;
    }

    /// Takes what [`remember_foreground`](Self::remember_foreground) kept.
    pub(crate) fn take_foreground(&self) -> Option<Pgid> {
        self.foreground_before.lock().take()
    }

    /// Sets or clears the controlling terminal; answers the one before.
    pub(crate) fn replace_terminal(
        &self,
        terminal: Option<Arc<Terminal>>,
    ) -> Option<Arc<Terminal>> {
        std::mem::replace(&mut *self.terminal.lock(), terminal)
    }
}
