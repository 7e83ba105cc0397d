//! Signals: numbers, default actions, sets, `sigaction` flags and what a signal carries.
//!
//! [`SigNum`] is a checked number 1..=64; [`SigSet`] is Linux's 64-bit mask (bit `n - 1` is signal `n`).
//! Follows signal(7) on x86-64. Real-time signals are 32..=64 as the kernel counts them; C libraries keep the first
//! two or three for themselves.

/// A signal number, 1 to 64.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SigNum(u8);

/// What a signal does when the process neither handles nor ignores it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DefaultAction {
    /// The process ends by the signal.
    Terminate,
    /// The process ends by the signal and would leave a core file.
    CoreDump,
    /// Nothing happens.
    Ignore,
    /// The process stops until it is continued.
    Stop,
    /// A stopped process continues.
    Continue,
}

macro_rules! signal_table {
    ($($name:ident = $number:literal, $action:ident;)*) => {
        impl SigNum {
            $(
                #[doc = concat!("Linux's `", stringify!($name), "`.")]
                pub const $name: Self = Self($number);
            )*

            /// Every signal that has a name of its own (all but the real-time ones), ascending.
            pub const NAMED: &'static [Self] = &[$(Self($number),)*];

            /// Returns the name, such as `"SIGTERM"`; every real-time signal answers `"SIGRT"`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self.0 { $($number => stringify!($name),)* _ => "SIGRT" }
            }

            /// Returns what this signal does by default.
            #[must_use]
            pub const fn default_action(self) -> DefaultAction {
                match self.0 { $($number => DefaultAction::$action,)* _ => DefaultAction::Terminate }
            }
        }
    };
}

signal_table! {
    SIGHUP = 1, Terminate;
    SIGINT = 2, Terminate;
    SIGQUIT = 3, CoreDump;
    SIGILL = 4, CoreDump;
    SIGTRAP = 5, CoreDump;
    SIGABRT = 6, CoreDump;
    SIGBUS = 7, CoreDump;
    SIGFPE = 8, CoreDump;
    SIGKILL = 9, Terminate;
    SIGUSR1 = 10, Terminate;
    SIGSEGV = 11, CoreDump;
    SIGUSR2 = 12, Terminate;
    SIGPIPE = 13, Terminate;
    SIGALRM = 14, Terminate;
    SIGTERM = 15, Terminate;
    SIGSTKFLT = 16, Terminate;
    SIGCHLD = 17, Ignore;
    SIGCONT = 18, Continue;
    SIGSTOP = 19, Stop;
    SIGTSTP = 20, Stop;
    SIGTTIN = 21, Stop;
    SIGTTOU = 22, Stop;
    SIGURG = 23, Ignore;
    SIGXCPU = 24, CoreDump;
    SIGXFSZ = 25, CoreDump;
    SIGVTALRM = 26, Terminate;
    SIGPROF = 27, Terminate;
    SIGWINCH = 28, Ignore;
    SIGIO = 29, Terminate;
    SIGPWR = 30, Terminate;
    SIGSYS = 31, CoreDump;
}

impl SigNum {
    /// The same number as `SIGIO`.
    pub const SIGPOLL: Self = Self::SIGIO;
    /// The same number as `SIGABRT`.
    pub const SIGIOT: Self = Self::SIGABRT;
    /// The first real-time signal, as the kernel counts.
    pub const SIGRTMIN: Self = Self(32);
    /// The last real-time signal, and the last signal.
    pub const SIGRTMAX: Self = Self(64);

    /// Returns the signal with this number: `None` outside 1..=64.
    #[must_use]
    pub const fn from_raw(raw: i32) -> Option<Self> {
        // The pattern bounds the value, so its low byte is the value.
        match raw {
            1..=64 => Some(Self(raw.to_le_bytes()[0])),
            _ => None,
        }
    }

    /// Returns the number, 1 to 64.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0 as i32
    }

    /// Returns the signal with this name, with or without `SIG`; aliases (`SIGIOT`, `SIGPOLL`, `SIGCLD`) are understood.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let short = name.strip_prefix("SIG").unwrap_or(name);
        match short {
            "IOT" => Some(Self::SIGIOT),
            "POLL" => Some(Self::SIGPOLL),
            "CLD" => Some(Self::SIGCHLD),
            "RTMIN" => Some(Self::SIGRTMIN),
            "RTMAX" => Some(Self::SIGRTMAX),
            _ => Self::NAMED
                .iter()
                .copied()
                .find(|signal| signal.name().strip_prefix("SIG") == Some(short)),
        }
    }

    /// Tells whether this is a real-time signal: such signals queue.
    #[must_use]
    pub const fn is_realtime(self) -> bool {
        self.0 >= Self::SIGRTMIN.0
    }

    /// Returns the bit of this signal in a [`SigSet`].
    #[must_use]
    pub const fn bit(self) -> u64 {
        1 << (self.0 - 1)
    }
}

impl core::fmt::Debug for SigNum {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl core::fmt::Display for SigNum {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.is_realtime() {
            write!(f, "SIGRTMIN+{}", self.0 - Self::SIGRTMIN.0)
        } else {
            f.write_str(self.name())
        }
    }
}

/// A set of signals: bit `n - 1` is signal `n`.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct SigSet(u64);

impl SigSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);
    /// Every signal.
    pub const ALL: Self = Self(u64::MAX);
    /// The two signals that can be neither blocked, handled nor ignored.
    pub const UNBLOCKABLE: Self = Self(SigNum::SIGKILL.bit() | SigNum::SIGSTOP.bit());

    /// Makes a set from Linux's 64-bit mask.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns Linux's 64-bit mask.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Makes the set of one signal.
    #[must_use]
    pub const fn only(signal: SigNum) -> Self {
        Self(signal.bit())
    }

    /// Tells whether the signal is in the set.
    #[must_use]
    pub const fn contains(self, signal: SigNum) -> bool {
        self.0 & signal.bit() != 0
    }

    /// Adds a signal.
    pub const fn insert(&mut self, signal: SigNum) {
        self.0 |= signal.bit();
    }

    /// Takes a signal out.
    pub const fn remove(&mut self, signal: SigNum) {
        self.0 &= !signal.bit();
    }

    /// Returns the signals in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the signals of this set that are not in the other.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the signals in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the signals that are not in this set.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(!self.0)
    }

    /// Tells whether no signal is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns how many signals are in the set.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Returns the signal with the lowest number.
    #[must_use]
    pub const fn first(self) -> Option<SigNum> {
        // For an empty set this asks for signal 65, which there is not.
        SigNum::from_raw(self.0.trailing_zeros().cast_signed() + 1)
    }

    /// Returns the signals in ascending order.
    pub fn iter(self) -> impl Iterator<Item = SigNum> {
        let mut rest = self;
        core::iter::from_fn(move || {
            let signal = rest.first()?;
            rest.remove(signal);
            Some(signal)
        })
    }
}

impl core::fmt::Debug for SigSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl FromIterator<SigNum> for SigSet {
    fn from_iter<I: IntoIterator<Item = SigNum>>(signals: I) -> Self {
        signals
            .into_iter()
            .fold(Self::EMPTY, |set, signal| set.union(Self::only(signal)))
    }
}

flags! {
    /// The flags of `sigaction`.
    pub struct SaFlags: u64 {
        SA_NOCLDSTOP = 0x1,
        SA_NOCLDWAIT = 0x2,
        SA_SIGINFO = 0x4,
        SA_UNSUPPORTED = 0x400,
        SA_EXPOSE_TAGBITS = 0x800,
        SA_RESTORER = 0x0400_0000,
        SA_ONSTACK = 0x0800_0000,
        SA_RESTART = 0x1000_0000,
        SA_NODEFER = 0x4000_0000,
        SA_RESETHAND = 0x8000_0000,
    }
}

numbered! {
    /// How `sigprocmask` changes the mask.
    pub enum SigMaskHow: i32 {
        Block = SIG_BLOCK: 0,
        Unblock = SIG_UNBLOCK: 1,
        SetMask = SIG_SETMASK: 2,
    }
}

constants! { u64 {
    /// The handler address that asks for the default action.
    SIG_DFL = 0,
    /// The handler address that asks to ignore the signal.
    SIG_IGN = 1,
} }

constants! { i32 {
    SI_USER = 0, SI_KERNEL = 0x80, SI_QUEUE = -1, SI_TIMER = -2, SI_MESGQ = -3, SI_ASYNCIO = -4, SI_SIGIO = -5,
    SI_TKILL = -6, SI_DETHREAD = -7,
    CLD_EXITED = 1, CLD_KILLED = 2, CLD_DUMPED = 3, CLD_TRAPPED = 4, CLD_STOPPED = 5, CLD_CONTINUED = 6,
    ILL_ILLOPC = 1, ILL_ILLTRP = 4, FPE_INTDIV = 1, FPE_INTOVF = 2, SEGV_MAPERR = 1, SEGV_ACCERR = 2,
    BUS_ADRALN = 1, BUS_ADRERR = 2, TRAP_BRKPT = 1,
    POLL_IN = 1, POLL_OUT = 2, POLL_MSG = 3, POLL_ERR = 4, POLL_PRI = 5, POLL_HUP = 6,
    SIGEV_SIGNAL = 0, SIGEV_NONE = 1, SIGEV_THREAD = 2, SIGEV_THREAD_ID = 4,
    SS_ONSTACK = 1, SS_DISABLE = 2, MINSIGSTKSZ = 2048, SIGSTKSZ = 8192,
} }

/// What a signal carries: the union of `siginfo_t`'s fields that this kernel fills.
///
/// Which fields mean something follows from `signo` and `code`, as in sigaction(2); the others are zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SigInfo {
    /// The signal.
    pub signo: SigNum,
    /// Why it was sent: `SI_*`, `CLD_*`, `SEGV_*`….
    pub code: i32,
    /// An errno, or 0.
    pub errno: i32,
    /// The sending or exited process.
    pub pid: i32,
    /// The real user of that process.
    pub uid: u32,
    /// For `SIGCHLD`: the exit status, or the number of the signal that ended or stopped the child.
    pub status: i32,
    /// For `SIGCHLD`: user time of the child, in clock ticks.
    pub utime: i64,
    /// For `SIGCHLD`: system time of the child, in clock ticks.
    pub stime: i64,
    /// For `SI_QUEUE` and timers: the value sent along.
    pub value: u64,
    /// For timers: which timer.
    pub timer_id: i32,
    /// For timers: how many expirations were missed.
    pub overrun: i32,
    /// For faults: the address.
    pub address: u64,
    /// For `SIGIO`: what became ready.
    pub band: i64,
    /// For `SIGIO`: on which descriptor.
    pub fd: i32,
}

impl SigInfo {
    /// Makes a record in which only signal and code are set.
    #[must_use]
    pub const fn new(signo: SigNum, code: i32) -> Self {
        Self {
            signo,
            code,
            errno: 0,
            pid: 0,
            uid: 0,
            status: 0,
            utime: 0,
            stime: 0,
            value: 0,
            timer_id: 0,
            overrun: 0,
            address: 0,
            band: 0,
            fd: 0,
        }
    }

    /// Makes the record `kill` sends: who sent it.
    #[must_use]
    pub const fn from_user(signo: SigNum, pid: i32, uid: u32) -> Self {
        let mut info = Self::new(signo, SI_USER);
        info.pid = pid;
        info.uid = uid;
        info
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_round_trip() {
        for raw in 1..=64 {
            let signal = SigNum::from_raw(raw).unwrap();
            assert_eq!(signal.raw(), raw);
        }
        for raw in [i32::MIN, -1, 0, 65, 257, i32::MAX] {
            assert_eq!(SigNum::from_raw(raw), None);
        }
        for &signal in SigNum::NAMED {
            assert_eq!(SigNum::from_name(signal.name()), Some(signal));
            assert_eq!(
                signal
                    .name()
                    .strip_prefix("SIG")
                    .and_then(SigNum::from_name),
                Some(signal)
            );
        }
        assert_eq!(SigNum::NAMED.len(), 31);
        assert_eq!(SigNum::from_name("SIG"), None);
        assert_eq!(SigNum::from_name("NOPE"), None);
    }

    #[test]
    fn set_iterates_in_ascending_order_to_its_ends() {
        let set: SigSet = [SigNum::SIGRTMAX, SigNum::SIGHUP, SigNum::SIGTERM]
            .into_iter()
            .collect();
        assert!(
            set.iter()
                .eq([SigNum::SIGHUP, SigNum::SIGTERM, SigNum::SIGRTMAX])
        );
        assert_eq!(SigSet::ALL.iter().count(), 64);
        assert_eq!(SigSet::EMPTY.first(), None);
        assert_eq!(
            set.difference(SigSet::only(SigNum::SIGHUP)).first(),
            Some(SigNum::SIGTERM)
        );
    }
}
