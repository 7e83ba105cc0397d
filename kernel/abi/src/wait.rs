//! Waiting for children: how an end is encoded in a status word, and the options of `wait4` and `waitid`.
//!
//! Follows wait(2) on Linux: an exit is `code << 8`, a signal is its number with bit 7 for a core file, a stop is
//! `signal << 8 | 0x7f`, a continue is `0xffff`.

use crate::signal::SigNum;

/// What happened to a child.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum WaitStatus {
    /// It called `exit` with this code.
    Exited(u8),
    /// A signal ended it.
    Signaled {
        /// The signal.
        signal: SigNum,
        /// Whether the signal's action is to leave a core file.
        core: bool,
    },
    /// A signal stopped it.
    Stopped(SigNum),
    /// It was continued.
    Continued,
}

impl WaitStatus {
    /// Returns the status word `wait4` stores.
    #[must_use]
    pub const fn encode(self) -> i32 {
        match self {
            Self::Exited(code) => (code as i32) << 8,
            Self::Signaled {
                signal,
                core: false,
            } => signal.raw(),
            Self::Signaled { signal, core: true } => signal.raw() | 0x80,
            Self::Stopped(signal) => signal.raw() << 8 | 0x7f,
            Self::Continued => 0xffff,
        }
    }

    /// Reads a status word; `None` for words no kernel makes.
    #[must_use]
    pub const fn decode(word: i32) -> Option<Self> {
        if word == 0xffff {
            return Some(Self::Continued);
        }
        let [low, high, 0, 0] = word.to_le_bytes() else {
            return None;
        };
        match low {
            0 => Some(Self::Exited(high)),
            0x7f => match SigNum::from_raw(high as i32) {
                Some(signal) => Some(Self::Stopped(signal)),
                None => None,
            },
            _ if high != 0 => None,
            _ => match SigNum::from_raw((low & 0x7f) as i32) {
                Some(signal) => Some(Self::Signaled {
                    signal,
                    core: low & 0x80 != 0,
                }),
                None => None,
            },
        }
    }

    /// Returns what a shell shows in `$?`: the exit code, or 128 and the signal.
    #[must_use]
    pub const fn shell_code(self) -> i32 {
        match self {
            Self::Exited(code) => code as i32,
            Self::Signaled { signal, .. } | Self::Stopped(signal) => 128 + signal.raw(),
            Self::Continued => 128 + SigNum::SIGCONT.raw(),
        }
    }

    /// Tells whether the child is gone: it exited or was ended by a signal.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Exited(_) | Self::Signaled { .. })
    }
}

flags! {
    /// The options of `wait4` and `waitid`.
    pub struct WaitOptions: u32 {
        WNOHANG = 1,
        WUNTRACED = 2,
        /// The name `waitid` has for `WUNTRACED`.
        WSTOPPED = 2,
        WEXITED = 4,
        WCONTINUED = 8,
        WNOWAIT = 0x0100_0000,
        __WNOTHREAD = 0x2000_0000,
        __WALL = 0x4000_0000,
        __WCLONE = 0x8000_0000,
    }
}

numbered! {
    /// Which children `waitid` waits for.
    pub enum WaitIdType: i32 {
        All = P_ALL: 0,
        Pid = P_PID: 1,
        ProcessGroup = P_PGID: 2,
        PidFd = P_PIDFD: 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for code in 0..=255 {
            let status = WaitStatus::Exited(code);
            assert_eq!(WaitStatus::decode(status.encode()), Some(status));
        }
        for raw in 1..=64 {
            let signal = SigNum::from_raw(raw).unwrap();
            for status in [
                WaitStatus::Signaled {
                    signal,
                    core: false,
                },
                WaitStatus::Signaled { signal, core: true },
                WaitStatus::Stopped(signal),
            ] {
                assert_eq!(WaitStatus::decode(status.encode()), Some(status));
            }
        }
        assert_eq!(
            WaitStatus::decode(WaitStatus::Continued.encode()),
            Some(WaitStatus::Continued)
        );
        assert_eq!(WaitStatus::decode(-1), None);
        assert_eq!(WaitStatus::decode(0x1_0000), None);
    }
}
