//! Trace events: what a program does, in Chrome's format, for a file (`--trace-event-categories`, `node:trace_events`) and for
//! debuggers (`NodeTracing`). Node: src/tracing/*, `src/inspector/tracing_agent.cc`.
//!
//! `state` (what an isolate traces, and for whom), `event` (one event as text), `file` (the trace file, which the main thread writes for
//! all), `sources` (the events that native code makes). A program that is not traced pays for a look at `env.is_traced()`.

mod event;
mod file;
mod sources;
mod state;

pub(crate) use event::Event;
pub(crate) use file::{SharedTrace, path};
pub(crate) use sources::{
    Timed, begin_async, called_back, end_async, note, note_between, note_title, resource_gone,
    resource_made,
};
pub(crate) use state::{
    Tracing, add, finish, is_enabled, show_sync_calls, start, start_in_worker, start_session,
    stop_session, sync_call, tell_program, to_json,
};

/// What can be traced, as Node lists it.
pub(crate) const CATEGORIES: &[&str] = &[
    "node",
    "node.async_hooks",
    "node.bootstrap",
    "node.console",
    "node.dns.native",
    "node.environment",
    "node.fs.async",
    "node.fs.sync",
    "node.fs_dir.async",
    "node.fs_dir.sync",
    "node.http",
    "node.net.native",
    "node.perf",
    "node.perf.timerify",
    "node.perf.usertiming",
    "node.promises.rejections",
    "node.threadpoolwork.async",
    "node.threadpoolwork.sync",
    "node.vm.script",
    "v8",
];
