//! Machines in another process: [`Isolation::Process`](crate::Isolation::Process).
//!
//! The embedder's process starts one `cenote serve` (`sidecar`, found by `program`), which holds no guest and gives each machine a
//! worker behind walls. What the rest of the crate does with a kernel is done here by calls of the contract (`sdk/proto`): `options` makes
//! the machine, [`Remote`] is the handle on it, `process`, `files`, `archive`, `watch`, `network`, `terminal` and `usage` are its parts,
//! `embedder` answers what it asks (`host_files`, `host_commands`), `failure` turns statuses into errors.
//!
//! A call that has no way through the contract fails as [`Error::NotOffered`](crate::Error::NotOffered). Locks are leaves.

mod archive;
mod embedder;
mod failure;
mod files;
mod host_commands;
mod host_files;
mod network;
mod options;
mod process;
mod program;
mod remote;
mod sidecar;
mod terminal;
mod usage;
mod watch;

pub(crate) use archive::RemoteSnapshot;
pub(crate) use embedder::Embedder;
pub(crate) use host_files::Filesystems;
pub(crate) use options::create;
pub(crate) use process::{Launch, RemoteChild};
pub(crate) use remote::{Remote, WeakRemote};
pub(crate) use terminal::RemoteTerminal;
