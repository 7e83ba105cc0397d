//! The resources of one machine: counted, limited, given back by guards.
//!
//! [`Budget::charge`] answers a [`Charge`] that returns what it took when dropped, or the errno that Linux gives when
//! the resource is used up. Every limit has the name of the option that changes it, for messages.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cenote_abi::Errno;

use crate::error::{SysError, SysResult};

macro_rules! resources {
    ($($(#[$doc:meta])* $variant:ident, $field:ident, $option:literal, $default:expr, $errno:ident;)*) => {
        /// A counted resource of a machine.
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
        pub enum Resource { $($(#[$doc])* $variant),* }

        /// How much of each resource a machine may use.
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub struct Limits {
            $($(#[$doc])* pub $field: u64,)*
            /// Processor time of each process; then it gets `SIGXCPU`, and `SIGKILL` a second later. None by default.
            pub cpu_time: Option<Duration>,
        }

        impl Default for Limits {
            fn default() -> Self { Self { $($field: $default,)* cpu_time: None } }
        }

        impl Resource {
            /// Every resource.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name of the option that changes this limit.
            #[must_use]
            pub const fn option(self) -> &'static str {
                match self { $(Self::$variant => $option),* }
            }

            /// What a call fails with when none is left.
            #[must_use]
            pub const fn errno(self) -> Errno {
                match self { $(Self::$variant => Errno::$errno),* }
            }

            /// What a call says that fails because none is left.
            #[must_use]
            pub const fn note(self) -> &'static str {
                match self { $(Self::$variant => concat!("the machine's limit `", $option, "` is reached")),* }
            }

            fn limit(self, limits: &Limits) -> u64 {
                match self { $(Self::$variant => limits.$field),* }
            }
        }
    };
}

resources! {
    /// Processes, zombies included.
    Processes, processes, "limits.processes", 256, EAGAIN;
    /// Open file descriptions.
    OpenFiles, open_files, "limits.open_files", 8_192, ENFILE;
    /// Pipes, named ones included while open.
    Pipes, pipes, "limits.pipes", 512, ENFILE;
    /// Sockets.
    Sockets, sockets, "limits.sockets", 512, ENFILE;
    /// Connections out of the machine, those being made included, and sockets that sent datagrams out of it.
    OutwardConnections, outward_connections, "limits.outward_connections", 128, ENOBUFS;
    /// Bytes in the machine's own filesystems.
    FilesystemBytes, filesystem_bytes, "limits.filesystem_bytes", 256 << 20, ENOSPC;
    /// Files and directories in the machine's own filesystems.
    Inodes, inodes, "limits.inodes", 65_536, ENOSPC;
    /// Bytes of WebAssembly memory in all processes together.
    WasmMemory, wasm_memory_total, "limits.wasm_memory_total", 4 << 30, ENOMEM;
}

impl Resource {
    const COUNT: usize = Self::ALL.len();

    const fn index(self) -> usize {
        self as usize
    }
}

/// Is told when a machine comes near one of its limits. Called on the guest's thread: must be quick.
pub trait BudgetWatch: Send + Sync + Debug {
    /// Four fifths of a limit are in use; told again once the use was below three fifths in between.
    fn near(&self, resource: Resource, used: u64, limit: u64);
    /// More was asked for than there is, and refused.
    fn reached(&self, resource: Resource, used: u64, limit: u64);
}

/// What one machine has used of its [`Limits`].
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    used: [AtomicU64; Resource::COUNT],
    watch: Option<Arc<dyn BudgetWatch>>,
    /// Whether the watch was told that a limit is near.
    told: [AtomicBool; Resource::COUNT],
}

impl Budget {
    /// A budget with nothing used.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        Self::make(limits, None)
    }

    /// A budget with nothing used, and who is told when it runs low.
    #[must_use]
    pub fn watched(limits: Limits, watch: Arc<dyn BudgetWatch>) -> Arc<Self> {
        Self::make(limits, Some(watch))
    }

    fn make(limits: Limits, watch: Option<Arc<dyn BudgetWatch>>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            used: [const { AtomicU64::new(0) }; Resource::COUNT],
            watch,
            told: [const { AtomicBool::new(false) }; Resource::COUNT],
        })
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How much of `resource` there may be.
    #[must_use]
    pub fn limit(&self, resource: Resource) -> u64 {
        resource.limit(&self.limits)
    }

    /// How much of `resource` is in use.
    #[must_use]
    pub fn used(&self, resource: Resource) -> u64 {
        self.counter(resource).load(Ordering::Relaxed)
    }

    /// Takes `amount` of `resource` until the charge is dropped.
    ///
    /// # Errors
    /// [`Resource::errno`] when the limit would be passed; nothing is taken then.
    pub fn charge(self: &Arc<Self>, resource: Resource, amount: u64) -> SysResult<Charge> {
        self.take(resource, amount)?;
        Ok(Charge {
            budget: Arc::clone(self),
            resource,
            amount,
        })
    }

    fn take(&self, resource: Resource, amount: u64) -> SysResult {
        let limit = resource.limit(&self.limits);
        let counter = self.counter(resource);
        let taken = counter.try_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(amount).filter(|total| *total <= limit)
        });
        match taken {
            Ok(before) => {
                self.note_use(resource, before + amount, limit);
                Ok(())
            }
            Err(used) => {
                if let Some(watch) = &self.watch {
                    watch.reached(resource, used, limit);
                }
                tracing::debug!(target: "cenote::limit", option = resource.option(), used, amount, limit, "limit reached");
                Err(SysError::with_note(resource.errno(), resource.note()))
            }
        }
    }

    fn give_back(&self, resource: Resource, amount: u64) {
        let before = self.counter(resource).fetch_sub(amount, Ordering::Relaxed);
        let told = &self.told[resource.index()];
        if self.watch.is_some() && told.load(Ordering::Relaxed) {
            let enough = resource.limit(&self.limits) / 5 * 3;
            if before - amount < enough {
                told.store(false, Ordering::Relaxed);
            }
        }
    }

    /// Tells the watch when four fifths are in use.
    fn note_use(&self, resource: Resource, used: u64, limit: u64) {
        let Some(watch) = &self.watch else { return };
        if used >= limit - limit / 5 && !self.told[resource.index()].swap(true, Ordering::Relaxed) {
            watch.near(resource, used, limit);
        }
    }

    fn counter(&self, resource: Resource) -> &AtomicU64 {
        &self.used[resource.index()]
    }
}

/// Something taken from a [`Budget`]; dropping it gives it back.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<Budget>,
    resource: Resource,
    amount: u64,
}

impl Charge {
    /// How much this charge holds.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Makes the charge `amount` in all, taking or giving back the difference.
    ///
    /// # Errors
    /// [`Resource::errno`] when the limit would be passed; the charge stays as it was then.
    pub fn resize(&mut self, amount: u64) -> SysResult {
        if amount > self.amount {
            self.budget.take(self.resource, amount - self.amount)?;
        } else {
            self.budget.give_back(self.resource, self.amount - amount);
        }
        self.amount = amount;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self.resource, self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charge_is_refused_past_the_limit_and_given_back_on_drop() {
        let budget = Budget::new(Limits {
            pipes: 2,
            ..Limits::default()
        });
        let both = budget.charge(Resource::Pipes, 2).unwrap();
        assert_eq!(
            budget.charge(Resource::Pipes, 1).unwrap_err().errno(),
            Errno::ENFILE
        );
        drop(both);
        assert_eq!(budget.used(Resource::Pipes), 0);
        assert!(budget.charge(Resource::Pipes, 1).is_ok());
    }

    #[test]
    fn resize_that_fails_leaves_the_charge_as_it_was() {
        let budget = Budget::new(Limits {
            filesystem_bytes: 10,
            ..Limits::default()
        });
        let mut charge = budget.charge(Resource::FilesystemBytes, 4).unwrap();
        assert!(charge.resize(11).is_err());
        assert_eq!(
            (charge.amount(), budget.used(Resource::FilesystemBytes)),
            (4, 4)
        );
        charge.resize(10).unwrap();
        assert_eq!(budget.used(Resource::FilesystemBytes), 10);
    }

    #[derive(Debug, Default)]
    struct Notes(std::sync::Mutex<Vec<(&'static str, u64)>>);

    impl BudgetWatch for Notes {
        fn near(&self, _resource: Resource, used: u64, _limit: u64) {
            self.0.lock().unwrap().push(("near", used));
        }

        fn reached(&self, _resource: Resource, used: u64, _limit: u64) {
            self.0.lock().unwrap().push(("reached", used));
        }
    }

    #[test]
    fn watch_is_told_once_that_a_limit_is_near_until_there_was_room_again() {
        let notes = Arc::new(Notes::default());
        let limits = Limits {
            pipes: 10,
            ..Limits::default()
        };
        let budget = Budget::watched(limits, Arc::clone(&notes) as Arc<dyn BudgetWatch>);
        let take = |amount| budget.charge(Resource::Pipes, amount);
        let seven = take(7).unwrap();
        let one = take(1).unwrap();
        drop(one);
        let one = take(1).unwrap();
        assert!(take(3).is_err());
        drop((one, seven));
        let nine = take(9).unwrap();
        assert_eq!(
            *notes.0.lock().unwrap(),
            [("near", 8), ("reached", 8), ("near", 9)]
        );
        drop(nine);
    }
}
