//! Resource limits: `getrlimit`'s resources and values.

numbered! {
    /// A resource a process can be limited in.
    pub enum Resource: i32 {
        Cpu = RLIMIT_CPU: 0,
        FileSize = RLIMIT_FSIZE: 1,
        Data = RLIMIT_DATA: 2,
        Stack = RLIMIT_STACK: 3,
        Core = RLIMIT_CORE: 4,
        ResidentSet = RLIMIT_RSS: 5,
        Processes = RLIMIT_NPROC: 6,
        OpenFiles = RLIMIT_NOFILE: 7,
        LockedMemory = RLIMIT_MEMLOCK: 8,
        AddressSpace = RLIMIT_AS: 9,
        Locks = RLIMIT_LOCKS: 10,
        PendingSignals = RLIMIT_SIGPENDING: 11,
        MessageQueue = RLIMIT_MSGQUEUE: 12,
        Nice = RLIMIT_NICE: 13,
        RealtimePriority = RLIMIT_RTPRIO: 14,
        RealtimeTime = RLIMIT_RTTIME: 15,
    }
}

/// The value that means no limit.
pub const RLIM_INFINITY: u64 = u64::MAX;

/// A soft limit, which is enforced, and the hard limit up to which the process may raise it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct RLimit {
    /// The limit that holds.
    pub soft: u64,
    /// The ceiling of the soft limit.
    pub hard: u64,
}

impl RLimit {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        soft: RLIM_INFINITY,
        hard: RLIM_INFINITY,
    };

    /// Makes a limit whose soft and hard values are the same.
    #[must_use]
    pub const fn both(value: u64) -> Self {
        Self {
            soft: value,
            hard: value,
        }
    }
}
