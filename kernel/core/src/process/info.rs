//! A process as others see it: [`ProcessInfo`], for the embedder, for `ps`, for procfs.

use cenote_abi::wait::WaitStatus;
use cenote_base::{MonoTime, Pgid, Pid, Sid, Uid};

/// What a process is doing, by the letters of `ps`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProcessState {
    /// Its program runs.
    Running,
    /// It waits in a call.
    Sleeping,
    /// A signal stopped it.
    Stopped,
    /// It ended and was not waited for.
    Zombie(WaitStatus),
}

impl ProcessState {
    /// The letter `/proc/PID/stat` and `ps` show.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Running => 'R',
            Self::Sleeping => 'S',
            Self::Stopped => 'T',
            Self::Zombie(_) => 'Z',
        }
    }
}

/// A process at one moment.
#[derive(Clone, Debug)]
pub struct ProcessInfo {
    /// Its id.
    pub pid: Pid,
    /// Its parent; 0 for init.
    pub parent: Pid,
    /// Its group.
    pub group: Pgid,
    /// Its session.
    pub session: Sid,
    /// Its effective user.
    pub user: Uid,
    /// What it is doing.
    pub state: ProcessState,
    /// Its short name.
    pub comm: Vec<u8>,
    /// Its arguments.
    pub argv: Vec<Vec<u8>>,
    /// When it began.
    pub started: MonoTime,
}

/// The part of a name that fits the 15 bytes Linux keeps.
pub(crate) fn shorten_comm(name: &[u8]) -> Vec<u8> {
    name.iter()
        .copied()
        .take_while(|byte| *byte != 0)
        .take(15)
        .collect()
}
