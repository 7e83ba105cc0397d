//! `internalBinding('stream_wrap')`: the requests of streams. The streams themselves are in `stream_base`.

use super::stream_base::{LIBUV_STREAM_WRAP, SHUTDOWN_WRAP, WRITE_WRAP};
use crate::glue::Binding;

pub(super) const BINDING: Binding = Binding::new("stream_wrap")
    .class(&LIBUV_STREAM_WRAP)
    .class(&SHUTDOWN_WRAP)
    .class(&WRITE_WRAP);
