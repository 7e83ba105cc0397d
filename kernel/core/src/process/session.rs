//! Sessions: a leader, its process groups, and the terminal that controls them. See setsid(2), credentials(7).

use std::sync::Arc;

use cenote_base::Sid;
use parking_lot::Mutex;

use crate::tty::Terminal;

/// A session. Lives as long as a process in it or a terminal that controls it.
#[derive(Debug)]
pub(crate) struct Session {
    sid: Sid,
    /// A leaf lock.
    terminal: Mutex<Option<Arc<Terminal>>>,
}

impl Session {
    pub(crate) fn new(sid: Sid) -> Arc<Self> {
        Arc::new(Self {
            sid,
            terminal: Mutex::new(None),
        })
    }

    pub(crate) fn sid(&self) -> Sid {
        self.sid
    }

    /// The controlling terminal.
    pub(crate) fn terminal(&self) -> Option<Arc<Terminal>> {
        self.terminal.lock().clone()
    }

    /// Sets or clears the controlling terminal; answers the one before.
    pub(crate) fn replace_terminal(
        &self,
        terminal: Option<Arc<Terminal>>,
    ) -> Option<Arc<Terminal>> {
        std::mem::replace(&mut *self.terminal.lock(), terminal)
    }
}
