//! What a machine tells programs of itself: [`System`], its names and how many processors it has.
//!
//! One source for all that ask: uname(2), `/proc`, `sched_getaffinity`, and what a runtime's own library says (Node's `process.platform`, `os.cpus()`).
//! Names are words and change nothing of what the calls do.

/// The name of the system whose calls these are.
pub const SYSNAME: &str = "Linux";
/// The release of Linux whose calls these are.
pub const RELEASE: &str = "6.12.0-cenote";
/// What `uname -v` says.
pub const VERSION: &str = "#1 SMP PREEMPT_DYNAMIC Cenote";
/// What `uname -m` says: the calls are those of x86-64, whatever the programs are.
pub const MACHINE: &str = "x86_64";
/// The system, as portable programs name it.
pub const PLATFORM: &str = "linux";
/// The processor, as portable programs name it.
pub const ARCH: &str = "x64";
/// The model of a machine's processors.
pub const PROCESSOR_MODEL: &str = "Cenote virtual processor";
/// Processors a machine can have: as many as fit the set with which C libraries ask for them.
pub const MAX_PROCESSORS: u32 = 1_024;

/// The names of a machine's system, and its processors. The host name is beside them: it can be changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct System {
    /// What `uname -s` says. A call tells 64 bytes of it, as of the next three.
    pub sysname: String,
    /// What `uname -r` says.
    pub release: String,
    /// What `uname -v` says.
    pub version: String,
    /// What `uname -m` says.
    pub machine: String,
    /// The system in the words of portable programs: Node's `process.platform`.
    pub platform: String,
    /// The processor in the words of portable programs: Node's `process.arch`.
    pub arch: String,
    /// How many processors programs see, 1 to [`MAX_PROCESSORS`]; what is outside is taken as the nearest of these.
    pub processors: u32,
}

impl Default for System {
    fn default() -> Self {
        Self {
            sysname: SYSNAME.into(),
            release: RELEASE.into(),
            version: VERSION.into(),
            machine: MACHINE.into(),
            platform: PLATFORM.into(),
            arch: ARCH.into(),
            processors: 1,
        }
    }
}

impl System {
    /// The same with a number of processors that a machine can have.
    pub(crate) fn bounded(mut self) -> Self {
        self.processors = self.processors.clamp(1, MAX_PROCESSORS);
        self
    }
}
