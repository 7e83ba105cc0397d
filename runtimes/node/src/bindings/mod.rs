//! The native layer under Node's library: one file per `internalBinding(name)`, and the table of them, [`BINDINGS`].
//!
//! A binding's file declares `pub(super) const BINDING` with the functions and classes it implements. What Node has and a
//! file does not list throws `ERR_METHOD_NOT_IMPLEMENTED`; constants and shared typed arrays come from the shape of the
//! real binding. See ../../README.md.

pub(crate) mod async_context_frame;
pub(crate) mod async_wrap;
mod blob;
mod block_list;
mod buffer;
mod builtins;
mod cares_wrap;
mod child;
mod cjs_lexer;
pub(crate) mod compile_cache;
mod config;
mod connection;
pub(crate) mod contextify;
mod credentials;
pub(crate) mod crypto;
#[cfg(debug_assertions)]
mod debug;
mod diagnostics_channel;
mod encoding_binding;
pub(crate) mod errors;
pub(crate) mod fs;
mod fs_dir;
mod fs_event_wrap;
mod heap_utils;
mod http2;
mod http_parser;
mod icu;
mod inspector;
mod internal_only_v8;
mod ipc_serdes;
mod js_stream;
pub(crate) mod locks;
pub(crate) mod messaging;
mod mksnapshot;
pub(crate) mod module_wrap;
mod modules;
mod options;
mod os;
mod passing;
pub(crate) mod performance;
pub(crate) mod permission;
mod pipe_wrap;
pub(crate) mod process;
mod process_methods;
mod process_wrap;
mod profiler;
mod report;
mod sea;
mod serdes;
mod signal_wrap;
mod socket_address;
mod spawn_sync;
pub(crate) mod sqlite;
pub(crate) mod stream_base;
mod stream_pipe;
mod stream_wrap;
mod string_decoder;
pub(crate) mod symbols;
pub(crate) mod task_queue;
mod tcp_wrap;
mod timers;
mod tls;
mod trace_events;
pub(crate) mod tty_wrap;
mod types;
mod udp_wrap;
mod url;
mod url_pattern;
pub(crate) mod util;
mod uv;
mod v8;
mod warning;
mod wasi;
pub(crate) mod wasm_web_api;
pub(crate) mod watchdog;
mod webstorage;
pub(crate) mod worker;
mod zlib;

use crate::glue::{Binding, Class, Unlisted};
use crate::loader;

pub(crate) use cares_wrap::host_addresses;
pub(crate) use inspector::install_create_task;
pub(crate) use process_methods::stack_trace;
pub(crate) use signal_wrap::arrived as signal_arrived;
pub(crate) use warning::{warn, warn_of_deprecation};
pub(crate) use webstorage::items as stored_items;

/// Every binding. The order is the order of the native functions, so a snapshot is tied to it (and to the build anyway).
pub(crate) static BINDINGS: &[Binding] = &[
    async_context_frame::BINDING,
    async_wrap::BINDING,
    blob::BINDING,
    block_list::BINDING,
    buffer::BINDING,
    builtins::BINDING,
    cares_wrap::BINDING,
    cjs_lexer::BINDING,
    config::BINDING,
    contextify::BINDING,
    credentials::BINDING,
    crypto::BINDING,
    #[cfg(debug_assertions)]
    debug::BINDING,
    diagnostics_channel::BINDING,
    encoding_binding::BINDING,
    errors::BINDING,
    fs::BINDING,
    fs_dir::BINDING,
    fs_event_wrap::BINDING,
    http2::BINDING,
    http_parser::BINDING,
    heap_utils::BINDING,
    icu::BINDING,
    inspector::BINDING,
    internal_only_v8::BINDING,
    ipc_serdes::BINDING,
    js_stream::BINDING,
    locks::BINDING,
    messaging::BINDING,
    mksnapshot::BINDING,
    module_wrap::BINDING,
    modules::BINDING,
    options::BINDING,
    os::BINDING,
    performance::BINDING,
    permission::BINDING,
    pipe_wrap::BINDING,
    process_methods::BINDING,
    process_wrap::BINDING,
    profiler::BINDING,
    report::BINDING,
    sea::BINDING,
    serdes::BINDING,
    signal_wrap::BINDING,
    spawn_sync::BINDING,
    sqlite::BINDING,
    stream_pipe::BINDING,
    stream_wrap::BINDING,
    string_decoder::BINDING,
    symbols::BINDING,
    task_queue::BINDING,
    tcp_wrap::BINDING,
    timers::BINDING,
    tls::BINDING,
    trace_events::BINDING,
    tty_wrap::BINDING,
    types::BINDING,
    udp_wrap::BINDING,
    url::BINDING,
    url_pattern::BINDING,
    util::BINDING,
    uv::BINDING,
    v8::BINDING,
    wasi::BINDING,
    wasm_web_api::BINDING,
    watchdog::BINDING,
    webstorage::BINDING,
    worker::BINDING,
    zlib::BINDING,
    Binding::new("constants"),
];

/// Native functions that no binding lists by name.
pub(crate) static UNLISTED: &[&Unlisted] = &[
    &async_wrap::DESTROYS_DUE,
    &loader::GET_INTERNAL_BINDING,
    &loader::GET_LINKED_BINDING,
    &process::RAW_DEBUG,
    &crate::program::COLLECT_GARBAGE,
    &crate::natives_syntax::HINT,
    &crate::frozen::BUFFER,
    &crate::frozen::TO_FIXED_LENGTH_BUFFER,
    &crate::frozen::TO_RESIZABLE_BUFFER,
    &crate::time_zone::CURRENT,
    &crate::return_value::GIVE,
    &locks::CALLBACK_FULFILLED,
    &locks::CALLBACK_REJECTED,
    &inspector::CREATE_TASK,
    &inspector::RUN_TASK,
];

/// Classes that no binding lists by name.
pub(crate) static UNLISTED_CLASSES: &[&Class] = &[
    &crypto::NATIVE_KEY_OBJECT,
    &crypto::NATIVE_CRYPTO_KEY,
    &blob::BLOB,
    &blob::READER,
    &heap_utils::HEAP_SNAPSHOT_STREAM,
    &sqlite::ITERATOR,
    &sqlite::TAG_STORE,
    &sqlite::LIMITS,
];
