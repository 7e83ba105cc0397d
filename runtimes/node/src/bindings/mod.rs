//! The native layer under Node's library: one file per `internalBinding(name)`, and the table of them, [`BINDINGS`].
//!
//! A binding's file declares `pub(super) const BINDING` with the functions and classes it implements. What Node has and a
//! file does not list throws `ERR_METHOD_NOT_IMPLEMENTED`; constants and shared typed arrays come from the shape of the
//! real binding. See ../../README.md.

pub(crate) mod async_context_frame;
pub(crate) mod async_wrap;
mod buffer;
mod builtins;
mod config;
pub(crate) mod contextify;
mod credentials;
pub(crate) mod errors;
pub(crate) mod fs;
mod fs_dir;
mod messaging;
mod mksnapshot;
pub(crate) mod module_wrap;
mod modules;
mod options;
pub(crate) mod performance;
pub(crate) mod process;
mod process_methods;
mod report;
pub(crate) mod stream_base;
pub(crate) mod symbols;
pub(crate) mod task_queue;
mod timers;
mod trace_events;
mod types;
pub(crate) mod util;
mod uv;
mod worker;

use crate::glue::{Binding, NativeFn};
use crate::loader;

/// Every binding. The order is the order of the native functions, so a snapshot is tied to it (and to the build anyway).
pub(crate) static BINDINGS: &[Binding] = &[
    async_context_frame::BINDING,
    async_wrap::BINDING,
    buffer::BINDING,
    builtins::BINDING,
    config::BINDING,
    contextify::BINDING,
    credentials::BINDING,
    errors::BINDING,
    fs::BINDING,
    fs_dir::BINDING,
    messaging::BINDING,
    mksnapshot::BINDING,
    module_wrap::BINDING,
    modules::BINDING,
    options::BINDING,
    performance::BINDING,
    process_methods::BINDING,
    report::BINDING,
    symbols::BINDING,
    task_queue::BINDING,
    timers::BINDING,
    trace_events::BINDING,
    types::BINDING,
    util::BINDING,
    uv::BINDING,
    worker::BINDING,
    Binding::new("constants"),
];

/// Native functions that no binding lists by name.
pub(crate) static PRIVATE_FUNCTIONS: &[NativeFn] = &[
    loader::get_internal_binding,
    loader::get_linked_binding,
    process::raw_debug,
    crate::program::collect_garbage,
    crate::return_value::give,
    modules::lazy_dirname,
    modules::lazy_filename,
];

/// A signal with a handler came. (Until signal_wrap lands nothing has a handler.)
pub(crate) fn signal_arrived(_scope: &mut crate::glue::Scope<'_, '_>, signal: cenote_base::abi::SigNum) {
    tracing::debug!(target: "cenote::node", ?signal, "no handle listens");
}

/// Children may have ended; whether any JavaScript ran. (Until process_wrap lands there are no children.)
pub(crate) fn children_changed(_scope: &mut crate::glue::Scope<'_, '_>) -> bool {
    false
}
