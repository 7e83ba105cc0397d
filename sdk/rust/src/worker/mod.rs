//! Machines in another process: [`Isolation::Process`](crate::Isolation::Process).
//!
//! The embedder's process starts one `cenote serve` (`sidecar`, found by `program`), which holds no guest and gives each machine a
//! worker behind walls. What the rest of the crate does with a kernel is done here by calls of the contract (`sdk/proto`): `options` makes
//! the machine, [`Remote`] is the handle on it, `process`, `files`, `open_file`, `archive`, `watch`, `network`, `terminal` and `usage` are its
//! parts, `embedder` answers what it asks (`host_files`, `host_commands`, `host_network`), `failure` turns statuses into errors, `wire` has the
//! contract's words for files.
//!
//! A call that has no way through the contract fails as [`Error::NotOffered`](crate::Error::NotOffered): none today. Locks are leaves, but for
//! `open_file`'s, which is held over a call.

mod archive;
mod embedder;
mod failure;
mod files;
mod host_commands;
mod host_files;
mod host_network;
mod network;
mod open_file;
mod options;
mod process;
mod program;
mod remote;
mod sidecar;
mod terminal;
mod usage;
mod watch;
mod wire;

pub(crate) use archive::RemoteSnapshot;
pub(crate) use embedder::Embedder;
pub(crate) use host_files::Filesystems;
pub(crate) use host_network::HostNetwork;
pub(crate) use open_file::RemoteFile;
pub(crate) use options::create;
pub(crate) use process::{Launch, RemoteChild};
pub(crate) use remote::{Remote, WeakRemote};
pub(crate) use terminal::RemoteTerminal;
