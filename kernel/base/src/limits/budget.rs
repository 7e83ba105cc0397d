//! The resources of one machine: counted, limited, given back by guards.
//!
//! [`Budget::charge`] answers a [`Charge`] that returns what it took when dropped, or the errno that Linux gives when
//! the resource is used up. Every limit has the name of the option that changes it, for messages.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use cenote_abi::Errno;
use parking_lot::Mutex;

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
            /// Descriptors of each process: its `RLIMIT_NOFILE`, which nobody in the machine can raise. 1,024 by default.
            pub open_files_per_process: u64,
            /// Processor time of each process; then it gets `SIGXCPU`, and `SIGKILL` a second later. None by default.
            pub cpu_time: Option<Duration>,
        }

        impl Default for Limits {
            fn default() -> Self { Self { $($field: $default,)* open_files_per_process: 1_024, cpu_time: None } }
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
    /// Pseudo-terminals, those that programs of the machine open included.
    Terminals, terminals, "limits.terminals", 64, ENOSPC;
    /// Bytes of WebAssembly memory in all processes together.
    WasmMemory, wasm_memory_total_bytes, "limits.wasm_memory_total_bytes", 4 << 30, ENOMEM;
}

impl Resource {
    const COUNT: usize = Self::ALL.len();

    const fn index(self) -> usize {
        self as usize
    }
}

/// Is told when a machine comes near one of its limits. Called on the guest's thread: must be quick.
pub trait BudgetWatch: Send + Sync + Debug {
    /// Four fifths of the limit that this option changes are in use; told again once the use was below three fifths in between.
    fn near(&self, option: &'static str, used: u64, limit: u64);
    /// More was asked for than there is, and refused.
    fn reached(&self, option: &'static str, used: u64, limit: u64);
}

/// What one process uses of a limit that each has for itself. Made by [`Budget::gauge`].
#[derive(Debug)]
pub struct Gauge {
    option: &'static str,
    limit: u64,
    used: AtomicU64,
    told: AtomicBool,
    watch: Option<Arc<dyn BudgetWatch>>,
}

impl Gauge {
    /// The name of the option that changes the limit.
    #[must_use]
    pub fn option(&self) -> &'static str {
        self.option
    }

    /// How much the process may use.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// How much it uses.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Says how much it uses now.
    pub fn set(&self, used: u64) {
        self.used.store(used, Ordering::Relaxed);
        let Some(watch) = &self.watch else { return };
        if is_near(used, self.limit) {
            if !self.told.swap(true, Ordering::Relaxed) {
                watch.near(self.option, used, self.limit);
            }
        } else if has_room(used, self.limit) && self.told.load(Ordering::Relaxed) {
            self.told.store(false, Ordering::Relaxed);
        }
    }

    /// Says that it was refused more, or ends for having used more.
    pub fn reached(&self) {
        if let Some(watch) = &self.watch {
            watch.reached(self.option, self.used(), self.limit);
        }
    }
}

/// Four fifths are in use.
fn is_near(used: u64, limit: u64) -> bool {
    used >= limit - limit / 5
}

/// Less than three fifths are in use.
fn has_room(used: u64, limit: u64) -> bool {
    used < limit / 5 * 3
}

/// The gauges of what lives, and of some that have ended.
#[derive(Debug, Default)]
struct Gauges {
    list: Vec<Weak<Gauge>>,
    sweep_at: usize,
}

/// Gauges kept at least before those of what has ended are looked for.
const SWEEP: usize = 16;

/// What one machine has used of its [`Limits`].
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    used: [AtomicU64; Resource::COUNT],
    watch: Option<Arc<dyn BudgetWatch>>,
    /// Whether the watch was told that a limit is near.
    told: [AtomicBool; Resource::COUNT],
    gauges: Mutex<Gauges>,
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
            gauges: Mutex::default(),
        })
    }

    /// A gauge for a process, of what it may use by the option of this name. It is told of as long as it is held.
    #[must_use]
    pub fn gauge(&self, option: &'static str, limit: u64) -> Arc<Gauge> {
        let gauge = Arc::new(Gauge {
            option,
            limit,
            used: AtomicU64::new(0),
            told: AtomicBool::new(false),
            watch: self.watch.clone(),
        });
        let mut gauges = self.gauges.lock();
        if gauges.list.len() >= gauges.sweep_at {
            gauges.list.retain(|one| one.strong_count() > 0);
            gauges.sweep_at = gauges.list.len() * 2 + SWEEP;
        }
        gauges.list.push(Arc::downgrade(&gauge));
        gauge
    }

    /// The most that a process uses of what each may use by the option of this name; 0 when there is no such process.
    #[must_use]
    pub fn most_used(&self, option: &str) -> u64 {
        // Upgraded first: the last reference must not go while the list is locked.
        let gauges: Vec<_> = {
            let gauges = self.gauges.lock();
            gauges.list.iter().filter_map(Weak::upgrade).collect()
        };
        let own = gauges.iter().filter(|gauge| gauge.option == option);
        own.map(|gauge| gauge.used()).max().unwrap_or(0)
    }

    /// Who is told when something runs low.
    #[must_use]
    pub fn watch(&self) -> Option<&Arc<dyn BudgetWatch>> {
        self.watch.as_ref()
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
                    watch.reached(resource.option(), used, limit);
                }
                tracing::debug!(target: "cenote::limit", option = resource.option(), used, amount, limit, "limit reached");
                Err(SysError::with_note(resource.errno(), resource.note()))
            }
        }
    }

    fn give_back(&self, resource: Resource, amount: u64) {
        let before = self.counter(resource).fetch_sub(amount, Ordering::Relaxed);
        let told = &self.told[resource.index()];
        if self.watch.is_some()
            && told.load(Ordering::Relaxed)
            && has_room(before - amount, resource.limit(&self.limits))
        {
            told.store(false, Ordering::Relaxed);
        }
    }

    /// Tells the watch when four fifths are in use.
    fn note_use(&self, resource: Resource, used: u64, limit: u64) {
        let Some(watch) = &self.watch else { return };
        if is_near(used, limit) && !self.told[resource.index()].swap(true, Ordering::Relaxed) {
            watch.near(resource.option(), used, limit);
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
        fn near(&self, _option: &'static str, used: u64, _limit: u64) {
            self.0.lock().unwrap().push(("near", used));
        }

        fn reached(&self, _option: &'static str, used: u64, _limit: u64) {
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

    #[test]
    fn gauges_tell_the_most_that_lives_and_when_one_comes_near() {
        let notes = Arc::new(Notes::default());
        let budget = Budget::watched(
            Limits::default(),
            Arc::clone(&notes) as Arc<dyn BudgetWatch>,
        );
        let few: Vec<_> = (0..100).map(|_| budget.gauge("heap", 10)).collect();
        let one = budget.gauge("heap", 10);
        let other = budget.gauge("stack", 10);
        few[0].set(3);
        one.set(7);
        one.set(8);
        one.set(9);
        one.reached();
        other.set(10);
        assert_eq!(
            (budget.most_used("heap"), budget.most_used("stack")),
            (9, 10)
        );
        drop(one);
        assert_eq!((budget.most_used("heap"), budget.most_used("none")), (3, 0));
        assert_eq!(
            *notes.0.lock().unwrap(),
            [("near", 8), ("reached", 9), ("near", 10)]
        );
    }
}
