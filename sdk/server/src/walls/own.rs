//! The walls of the sidecar's own process, which holds no guest: what a supervisor can do without. [`raise_own`].

use cenote_proto::v1::{LockDown, WallState};
use rustix::process::{Resource, Rlimit};

use super::{Report, raw, seccomp};

/// What the sidecar's process gave up, for [`serve`](crate::serve) to tell in `describe()`.
#[derive(Debug)]
pub struct OwnWalls(Report);

impl OwnWalls {
    /// A process that gave up nothing, and why: one that has other things to do besides.
    #[must_use]
    pub fn none(reason: &str) -> Self {
        Self(Report::off(reason))
    }

    /// What stands.
    #[must_use]
    pub fn told(&self) -> LockDown {
        self.0.to_message()
    }

    pub(crate) fn into_report(self) -> Report {
        self.0
    }
}

/// What a process that starts others and carries their connections keeps, and why.
const KEPT: &[(&str, &str)] = &[
    (
        "landlock",
        "workers inherit it, and are granted directories that nobody knows yet",
    ),
    (
        "user_namespace",
        "it starts programs and reads files as its user",
    ),
    (
        "network_namespace",
        "it makes the connections that machines are granted, and takes its callers'",
    ),
    ("oom_score_adj", "workers are ended first"),
    (
        "dumpable",
        "who shares its user may look at it (/proc), as they may call it",
    ),
];

/// Gives up what a supervisor does not need: descriptors that were left open, the right to gain rights, core files, and the system calls by which
/// one process reads or changes another, or the host. Workers and what else it starts inherit the last three.
///
/// To be called first thing in a process that is to be a sidecar, while it has one thread and nothing open but its standard streams.
#[must_use]
pub fn raise_own() -> OwnWalls {
    let mut report = Report::default();
    report.done(
        "close_fds",
        "all but the standard three",
        raw::close_descriptors_from(3),
    );
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    report.done(
        "rlimits",
        "no core files",
        rustix::process::setrlimit(Resource::Core, none),
    );
    report.done(
        "no_new_privs",
        "no program can give more rights",
        rustix::thread::set_no_new_privs(true),
    );
    seccomp::refuse_to_supervisors(&mut report);
    for (name, why) in KEPT {
        report.add(name, WallState::Off, *why);
    }
    OwnWalls(report)
}
