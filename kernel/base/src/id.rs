//! Newtypes for the ids of processes, users and descriptors. Raw integers live only at the boundaries.

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($raw:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash)]
        pub struct $name($raw);

        impl $name {
            /// Wraps the raw number.
            #[must_use]
            pub const fn new(raw: $raw) -> Self {
                Self(raw)
            }

            /// The raw number.
            #[must_use]
            pub const fn raw(self) -> $raw {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id! {
    /// A process, positive.
    Pid(i32)
}
id! {
    /// A thread of a process, positive; the first thread's equals the [`Pid`].
    Tid(i32)
}
id! {
    /// A process group: the pid of its first leader.
    Pgid(i32)
}
id! {
    /// A session: the pid of its leader.
    Sid(i32)
}
id! {
    /// A user.
    Uid(u32)
}
id! {
    /// A group of users.
    Gid(u32)
}
id! {
    /// A file descriptor. Negative numbers can be held (a guest may pass any) and name nothing.
    Fd(i32)
}

impl Pid {
    /// The first process of a machine: ours has no program, it adopts and reaps orphans.
    pub const INIT: Self = Self(1);

    /// The thread id of the first thread.
    #[must_use]
    pub const fn main_thread(self) -> Tid {
        Tid(self.0)
    }
}

impl Uid {
    /// The superuser.
    pub const ROOT: Self = Self(0);
}

impl Gid {
    /// The superuser's group.
    pub const ROOT: Self = Self(0);
}

impl Default for Uid {
    fn default() -> Self {
        Self::ROOT
    }
}

impl Default for Gid {
    fn default() -> Self {
        Self::ROOT
    }
}
