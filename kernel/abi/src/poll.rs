//! Readiness: `poll` and `epoll` events, and the flags of the descriptors one waits on.

flags! {
    /// Events of `poll` and `epoll`; the two number them alike.
    pub struct PollEvents: u32 {
        POLLIN = 0x1,
        POLLPRI = 0x2,
        POLLOUT = 0x4,
        POLLERR = 0x8,
        POLLHUP = 0x10,
        POLLNVAL = 0x20,
        POLLRDNORM = 0x40,
        POLLRDBAND = 0x80,
        POLLWRNORM = 0x100,
        POLLWRBAND = 0x200,
        POLLMSG = 0x400,
        POLLRDHUP = 0x2000,
    }
}

impl PollEvents {
    /// The events that are reported whether asked for or not.
    pub const ALWAYS: Self = Self::POLLERR.union(Self::POLLHUP);
    /// Ordinary bytes can be read.
    pub const READABLE: Self = Self::POLLIN.union(Self::POLLRDNORM);
    /// Ordinary bytes can be written.
    pub const WRITABLE: Self = Self::POLLOUT.union(Self::POLLWRNORM);
}

flags! {
    /// How `epoll` watches a descriptor: the high bits of its event mask.
    pub struct EpollFlags: u32 {
        EPOLLEXCLUSIVE = 1 << 28,
        EPOLLWAKEUP = 1 << 29,
        EPOLLONESHOT = 1 << 30,
        EPOLLET = 1 << 31,
    }
}

numbered! {
    /// What `epoll_ctl` does.
    pub enum EpollOp: i32 {
        Add = EPOLL_CTL_ADD: 1,
        Delete = EPOLL_CTL_DEL: 2,
        Modify = EPOLL_CTL_MOD: 3,
    }
}

flags! {
    /// The flags of `epoll_create1`.
    pub struct EpollCreateFlags: u32 {
        EPOLL_CLOEXEC = 0o2_000_000,
    }
}

flags! {
    /// The flags of `eventfd2`.
    pub struct EventFdFlags: u32 {
        EFD_SEMAPHORE = 1,
        EFD_NONBLOCK = 0o4000,
        EFD_CLOEXEC = 0o2_000_000,
    }
}

flags! {
    /// The flags of `timerfd_create`.
    pub struct TimerFdFlags: u32 {
        TFD_NONBLOCK = 0o4000,
        TFD_CLOEXEC = 0o2_000_000,
    }
}

flags! {
    /// The flags of `timerfd_settime`.
    pub struct TimerFdSetFlags: u32 {
        TFD_TIMER_ABSTIME = 1,
        TFD_TIMER_CANCEL_ON_SET = 2,
    }
}

flags! {
    /// The flags of `signalfd4`.
    pub struct SignalFdFlags: u32 {
        SFD_NONBLOCK = 0o4000,
        SFD_CLOEXEC = 0o2_000_000,
    }
}

flags! {
    /// The flags of `inotify_init1`.
    pub struct InotifyFlags: u32 {
        IN_NONBLOCK = 0o4000,
        IN_CLOEXEC = 0o2_000_000,
    }
}

flags! {
    /// What `inotify` watches for and reports.
    pub struct InotifyMask: u32 {
        IN_ACCESS = 0x1,
        IN_MODIFY = 0x2,
        IN_ATTRIB = 0x4,
        IN_CLOSE_WRITE = 0x8,
        IN_CLOSE_NOWRITE = 0x10,
        IN_OPEN = 0x20,
        IN_MOVED_FROM = 0x40,
        IN_MOVED_TO = 0x80,
        IN_CREATE = 0x100,
        IN_DELETE = 0x200,
        IN_DELETE_SELF = 0x400,
        IN_MOVE_SELF = 0x800,
        IN_UNMOUNT = 0x2000,
        IN_Q_OVERFLOW = 0x4000,
        IN_IGNORED = 0x8000,
        IN_ONLYDIR = 0x0100_0000,
        IN_DONT_FOLLOW = 0x0200_0000,
        IN_EXCL_UNLINK = 0x0400_0000,
        IN_MASK_CREATE = 0x1000_0000,
        IN_MASK_ADD = 0x2000_0000,
        IN_ISDIR = 0x4000_0000,
        IN_ONESHOT = 0x8000_0000,
        IN_ALL_EVENTS = 0xfff,
    }
}

/// How many descriptors a `select` set has room for.
pub const FD_SETSIZE: usize = 1024;
