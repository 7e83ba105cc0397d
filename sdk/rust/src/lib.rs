//! Cenote: an operating system in a library.
//!
//! [`NodeRuntime`] is a virtual machine: one kernel with its own processes, files and pipes, in which Node.js programs and
//! Linux commands run as processes of that kernel and never of the host.
//!
//! ```no_run
//! # async fn example() -> Result<(), cenote::Error> {
//! use cenote::NodeRuntime;
//!
//! let rt = NodeRuntime::create().await?;
//! let out = rt.exec(r#"
//!     import { execFileSync } from "node:child_process";
//!     console.log(execFileSync("sh", ["-c", "echo hello from a child process"], { encoding: "utf8" }).trim());
//! "#).await?;
//! assert_eq!(out.stdout.text(), "hello from a child process\n");
//! assert_eq!(out.exit_code, 0);
//! # Ok(()) }
//! ```
//!
//! Calls that run something are builders: set options, then `.await`. See [`Call`].
//!
//! Neighbours: this is the only crate that sees the kernel and both runtimes. Locks are leaves.
#![forbid(unsafe_code)]

mod archive;
mod ask;
mod builder;
mod call;
mod captured;
mod environment;
mod error;
mod events;
mod file_access;
mod file_rules;
mod files;
mod host;
mod host_commands;
mod host_files;
mod host_functions;
mod host_network;
mod image;
mod isolation;
mod limits;
mod machine;
mod mounts;
mod named_code;
mod network;
mod policy;
mod process;
mod processes;
mod program_names;
mod root;
mod rules_over_links;
mod runtime;
mod snapshot;
mod system;
mod terminal;
mod watch;
mod worker;

pub use ask::{Decision, PermissionRequest, Scope};
pub use builder::{LEAST_JS_HEAP, NodeRuntimeBuilder};
pub use call::{Call, Exec, ModuleType, Output, Returned, Run, Spawn};
pub use captured::{Captured, OutputStream};
pub use cenote_abi::Errno;
pub use cenote_abi::signal::SigNum as Signal;
pub use cenote_base::Timing;
pub use cenote_base::limits::Limits;
pub use cenote_base::policy::FileOperation;
pub use cenote_node::use_snapshot;
pub use cenote_wasm::reserve_programs;
pub use error::Error;
pub use events::{Event, EventStream};
pub use file_access::{Attributes, MachineFile, NewAttributes, OpenHow};
pub use file_rules::{FileAccess, FileOperations, FileRule};
pub use files::{DirectoryEntry, FileKind, Metadata};
pub use host::{host_reads, on_slow_start};
pub use host_commands::{
    CommandAnswer, CommandEnd, CommandExecutor, CommandInput, CommandOutput, CommandSignals,
    CommandStreams, HostCommand, HostCommands, Starting,
};
pub use host_files::{FileAnswer, FileChanges, HostFileSystem, HostStat};
pub use host_functions::{HostFunction, HostFunctionError, HostFunctions};
pub use host_network::{
    ByteStream, HostStream, HttpBody, NetworkAdapter, NetworkAnswer, NetworkTarget,
};
/// The crate whose requests [`NodeRuntime::fetch`] takes.
pub use http;
pub use image::Image;
pub use isolation::Isolation;
pub use limits::{ResourceUse, contract_option};
pub use mounts::{HostMount, MountAccess};
pub use network::broker::{Broker, NetworkGrant, broker_pair, use_broker};
pub use network::{
    AdapterGuard, BodySender, Connection, Listener, ListenerFilter, NetworkOperation, NetworkRule,
    PortForward, RequestBody, Resolve, Resolving, Response,
};
pub use policy::{Effect, EnvRule, FunctionRule, Permissions, ProgramRule};
pub use process::{Process, ReturnedJson};
pub use processes::{ProcessActivity, ProcessSummary};
pub use runtime::{NODE_VERSION, NodeRuntime};
pub use snapshot::Snapshot;
pub use system::{OsNames, host_processors};
pub use terminal::{Terminal, TerminalOptions, TerminalOutput};
/// The crate whose filesystems [`NodeRuntimeBuilder::mount_vfs`] takes.
pub use vfs;
pub use watch::{WatchEvent, WatchKind, Watcher};
