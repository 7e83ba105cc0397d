//! Where a machine lives: [`Isolation`].

/// Where a machine lives.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Isolation {
    /// In this process, beside others: the least there is to start and to hold. A guest that makes V8 abort ends the process.
    #[default]
    Shared,
    /// In a process of its own, behind walls (`docs/guide/sidecar.md`), started by the `cenote` program that `CENOTE_BIN` names, that lies
    /// beside this program or in `PATH`. When that process dies, calls fail as [`Error::WorkerDied`](crate::Error::WorkerDied) and nobody
    /// else notices. Linux only in so far as the walls are.
    Process,
}
