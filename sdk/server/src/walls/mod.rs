//! The walls around a process that runs guests: what it gives up before the first guest runs, for good.
//!
//! [`raise`] must be called while the process has one thread: Linux applies most of this to threads, and those made later inherit it.
//! Order matters: descriptors and limits, then namespaces, then `no_new_privs`, landlock, and the system-call filter last. `own` is the same
//! for the sidecar's process, which keeps more.
//!
//! All that needs `unsafe` is in `raw`.

mod landlock;
mod namespaces;
mod own;
mod raw;
mod seccomp;

use std::path::PathBuf;

pub use cenote::NetworkGrant;
use cenote_proto::v1::{LockDown, Wall, WallState};
pub use own::{OwnWalls, raise_own};
use rustix::process::{Resource, Rlimit};

/// Descriptors a worker may have open: host directories' files and its connection.
const DESCRIPTORS: u64 = 8_192;

/// What a process may still reach of the host.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Grants {
    /// Directories and files that may be read.
    pub read: Vec<PathBuf>,
    /// Directories in which everything may be read and changed.
    pub write: Vec<PathBuf>,
    /// What it may reach of the host's network, by a broker outside of it.
    pub network: Option<NetworkGrant>,
    /// What its machine may ask of the embedder's own network, which is nothing of the host's.
    pub embedder_network: Option<NetworkGrant>,
}

/// What was applied, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Report {
    walls: Vec<Wall>,
}

impl Report {
    /// A process that gave up nothing, and why.
    fn off(reason: &str) -> Self {
        let mut report = Self::default();
        for name in [
            "no_new_privs",
            "seccomp",
            "landlock",
            "user_namespace",
            "network_namespace",
            "rlimits",
            "close_fds",
            "oom_score_adj",
        ] {
            report.add(name, WallState::Off, reason);
        }
        report
    }

    fn add(&mut self, name: &str, state: WallState, detail: impl Into<String>) {
        self.walls.push(Wall {
            name: name.into(),
            state: state.into(),
            detail: detail.into(),
        });
    }

    fn done<E: std::fmt::Display>(&mut self, name: &str, detail: &str, result: Result<(), E>) {
        match result {
            Ok(()) => self.add(name, WallState::Applied, detail),
            Err(error) => self.add(name, WallState::Unavailable, error.to_string()),
        }
    }

    pub(crate) fn to_message(&self) -> LockDown {
        LockDown {
            walls: self.walls.clone(),
        }
    }
}

/// Gives up what `grants` does not name.
pub(crate) fn raise(grants: &Grants) -> Report {
    let mut report = Report::default();
    report.done(
        "close_fds",
        "all but the standard three",
        raw::close_descriptors_from(3),
    );
    report.done(
        "rlimits",
        "no core files; at most 8,192 descriptors",
        limit(),
    );
    // Before landlock: it is a file. A host that runs short of memory ends a worker before anything else.
    report.done(
        "oom_score_adj",
        "a host without memory ends this process first",
        std::fs::write("/proc/self/oom_score_adj", "1000"),
    );
    namespaces::enter(&mut report);
    report.done(
        "no_new_privs",
        "no program can give more rights",
        rustix::thread::set_no_new_privs(true),
    );
    landlock::apply(grants, &mut report);
    seccomp::apply(&mut report);
    report
}

fn limit() -> rustix::io::Result<()> {
    let to = |most: u64| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    rustix::process::setrlimit(Resource::Core, to(0))?;
    let most = rustix::process::getrlimit(Resource::Nofile).maximum;
    let most = most.map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
    rustix::process::setrlimit(Resource::Nofile, to(most))
}

/// Gives up what `grants` does not name, and tells how that went. For the tests of the walls; workers do it by themselves.
#[must_use]
pub fn lock_down(grants: &Grants) -> LockDown {
    raise(grants).to_message()
}
