//! The layer between V8's API and our bindings: the only folder of this crate with `unsafe`.
//!
//! A binding file sees safe things only: [`Scope`] with [`ScopeExt`], [`Args`], [`BindingResult`], [`Failure`], the const
//! builders [`Binding`] and [`Class`], [`Native`] objects behind JavaScript ones, and byte views. Reading order:
//! `errors` (how a function fails), `value` (making and reading values), `args`, `binding`, `fast` and `class` (tables, and what V8
//! calls), `native` (Rust objects behind JavaScript objects), `buffer` (bytes), `field` (typed arrays that both sides
//! write), `store` (what travels between isolates), `callbacks` (what V8 calls by itself), `sources` (the embedded library);
//! `openssl` (a C library's raw calls).

mod args;
mod binding;
mod buffer;
mod callbacks;
mod class;
pub(crate) mod date_clock;
mod errors;
pub(crate) mod fast;
mod field;
mod gc;
mod heap;
mod inspector;
pub(crate) mod llhttp;
mod native;
pub(crate) mod nghttp2;
pub(crate) mod openssl;
pub(crate) mod pages;
mod sources;
pub(crate) mod sqlite;
mod store;
mod thread_clock;
mod value;
mod zlib;

pub(crate) use args::{Args, integer_within, size_of_number};
pub(crate) use binding::{
    Binding, BindingResult, NativeFn, Return, Support, Unlisted, external_references,
    native_closure, native_function,
};
pub(crate) use binding::{build_binding, getter_callback_for_lazy_builtin};
pub(crate) use buffer::{
    allocate_array_buffer, allocate_shared_array_buffer, copy_bytes, copy_bytes_between,
    new_array_buffer, new_node_buffer, new_uint8_array, quota, with_bytes, with_bytes_mut,
};
pub(crate) use callbacks::{
    evaluate_synthetic, first_host_defined_option, install as install_isolate_callbacks,
    listen_to_messages, resolve_module, resolve_module_source,
};
pub(crate) use class::{
    Class, bare_instance, constructor_of, illegal_constructor, new_instance, new_instance_here,
};
pub(crate) use errors::{Failure, collect_uv_error};
#[cfg(debug_assertions)]
pub(crate) use fast::fast_calls;
pub(crate) use fast::{FastCall, FastContext, fast_call};
pub(crate) use field::Field;
pub(crate) use gc::{
    Audience, Collection, CollectionListener, HeapNumbers, listen_to_collections, stop_listening,
};
pub(crate) use heap::{
    NativeCharge, Quota, allocator_with_quota, guard_heap, isolate_address, measure,
    set_stack_limit, stop_when_exhausted, take_heap_guard,
};
pub(crate) use inspector::{
    Inspector, InspectorClient, interrupt_for_destroys, interrupt_for_inspector,
    interrupt_for_sigint, number_first_context,
};
pub(crate) use native::{
    Native, NativeTable, attach, external, is_native, native_number, native_of, native_ref,
};
pub(crate) use sources::{Source, source_of, source_string, sources};
pub(crate) use store::{Charge, Store};
pub(crate) use thread_clock::ThreadClock;
pub(crate) use value::{ScopeExt, js_string_bytes};
pub(crate) use zlib::{ZSetup, ZStep, ZStream, crc32};

/// A handle scope inside a context: what every binding function gets first.
pub(crate) type Scope<'s, 'i> = v8::PinScope<'s, 'i>;
/// Any JavaScript value.
pub(crate) type Value<'s> = v8::Local<'s, v8::Value>;
/// A JavaScript object.
pub(crate) type Object<'s> = v8::Local<'s, v8::Object>;
