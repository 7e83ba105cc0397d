//! What streams share: `LibuvStreamWrap` over a kernel file. Node: src/stream_base.cc, src/stream_wrap.cc.

use crate::event_loop::handles::HANDLE_WRAP;
use crate::glue::{Class, illegal_constructor};

/// Placeholder of the stream's state.
#[derive(Debug, Default)]
pub(crate) struct StreamState {}

/// Base of `Pipe`, `TCP`, `TTY`.
pub(crate) static LIBUV_STREAM_WRAP: Class = Class::new("LibuvStreamWrap", illegal_constructor).extends(&HANDLE_WRAP);
