//! The node runtime: Node's own standard library, unmodified, on V8, over the kernel's system calls.
//!
//! [`NodeRuntime`] recognises the image of `/usr/bin/node` and starts a process as a thread with a V8 isolate of its own
//! (`program`), restored from a start-up `snapshot`. `loader` compiles Node's library; `bindings` are the native layer under it
//! (`internalBinding(name)`, one file each); `event_loop` is libuv's part; `glue` is the layer over V8's API and the only place
//! with `unsafe`. See README.md for how to write a binding.
#![deny(unsafe_code)]

mod bindings;
mod blocking;
mod cjs_lexer;
mod code_cache;
mod config_file;
mod diagnostic_file;
mod dotenv;
mod encoding;
mod environment;
mod event_loop;
mod frozen;
#[expect(
    unsafe_code,
    reason = "the one place of this crate that may: see its header"
)]
mod glue;
mod inspector;
mod isolate;
mod loader;
mod locale_data;
mod natives_syntax;
mod options;
mod platform;
mod preload;
mod processor;
mod program;
mod return_value;
mod runtime;
mod shapes;
mod shared_code;
mod snapshot;
mod spare;
mod task_runner;
mod thread_pool;
mod threads;
mod time_zone;
mod trace;
mod training;
mod user_snapshot;
mod v8_options;
mod warm;
mod worker_thread;

#[cfg(test)]
mod tests;

pub use isolate::HeapLimits;
pub use runtime::NodeRuntime;
pub use snapshot::{SnapshotError, make_snapshot, snapshot_directory, use_snapshot};
