//! What a process does with a signal: [`SigAction`], and the table of all 64.

use cenote_abi::signal::{DefaultAction, SaFlags};
use cenote_abi::{SigNum, SigSet};

/// Who handles a signal.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SigHandler {
    /// The default action (`SIG_DFL`).
    #[default]
    Default,
    /// Nobody: the signal is thrown away (`SIG_IGN`).
    Ignore,
    /// A function of the program: whatever the runtime understands as its address.
    Function(u64),
}

/// A disposition: handler, flags, and what is blocked while the handler runs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SigAction {
    /// Who handles the signal.
    pub handler: SigHandler,
    /// `SA_RESTART` and so on.
    pub flags: SaFlags,
    /// Blocked while the handler runs, besides the signal itself.
    pub mask: SigSet,
}

/// The alternate stack of a thread, as it told us: the runtime uses it or not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AltStack {
    /// Its lowest address.
    pub base: u64,
    /// `SS_DISABLE` and friends.
    pub flags: i32,
    /// Its size in bytes.
    pub size: u64,
}

/// What is to happen with a signal that is not blocked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    Nothing,
    Handler,
    Stop,
    Terminate { core: bool },
}

/// All dispositions of a process.
#[derive(Clone, Debug)]
pub(crate) struct Actions {
    table: [SigAction; 64],
}

impl Default for Actions {
    fn default() -> Self {
        Self {
            table: [SigAction::default(); 64],
        }
    }
}

impl Actions {
    pub(crate) fn of(&self, signal: SigNum) -> SigAction {
        self.table[slot(signal)]
    }

    pub(crate) fn set(&mut self, signal: SigNum, action: SigAction) {
        self.table[slot(signal)] = action;
    }

    pub(crate) fn effect(&self, signal: SigNum) -> Effect {
        match self.of(signal).handler {
            SigHandler::Function(_) => Effect::Handler,
            SigHandler::Ignore => Effect::Nothing,
            SigHandler::Default => match signal.default_action() {
                DefaultAction::Ignore | DefaultAction::Continue => Effect::Nothing,
                DefaultAction::Stop => Effect::Stop,
                DefaultAction::Terminate => Effect::Terminate { core: false },
                DefaultAction::CoreDump => Effect::Terminate { core: true },
            },
        }
    }

    /// What exec leaves: handlers become the default, what is ignored stays ignored.
    pub(crate) fn reset_for_exec(&mut self) {
        for action in &mut self.table {
            let handler = match action.handler {
                SigHandler::Ignore => SigHandler::Ignore,
                SigHandler::Default | SigHandler::Function(_) => SigHandler::Default,
            };
            *action = SigAction {
                handler,
                ..SigAction::default()
            };
        }
    }

    /// The signals that are ignored by choice.
    pub(crate) fn ignored(&self) -> SigSet {
        self.matching(|handler| handler == SigHandler::Ignore)
    }

    /// The signals that have a handler.
    pub(crate) fn caught(&self) -> SigSet {
        self.matching(|handler| matches!(handler, SigHandler::Function(_)))
    }

    fn matching(&self, test: impl Fn(SigHandler) -> bool) -> SigSet {
        SigSet::ALL
            .iter()
            .filter(|signal| test(self.of(*signal).handler))
            .collect()
    }
}

/// A signal's place in the table: its number is 1 to 64.
fn slot(signal: SigNum) -> usize {
    usize::try_from(signal.raw() - 1).expect("signal numbers start at 1") & 63
}
