//! Terminals: pseudo-terminals with a line discipline, and the rules of job control on them. See tty(4), pty(7), termios(3).
//!
//! [`Terminal`] is the pair's shared state, [`PtyMaster`] and [`PtySlave`] its two ends, `discipline` what happens to
//! each byte, `reading` how a program waits for them, `controlling` whose terminal it is, `devices` how it is opened by name.
//!
//! Lock order: `Terminal::state` and `PtyTable::terminals` are leaves. Signals are sent, and waiters woken, after release.

mod controlling;
pub(crate) mod devices;
pub(crate) mod devpts;
mod discipline;
mod ends;
mod pty;
mod reading;

pub(crate) use controlling::{await_foreground_to_write, hang_up_session_of, open_peer, opened};
pub use ends::{PtyMaster, PtySlave};
pub use pty::{PtyTable, Terminal};
pub(crate) use reading::read;
