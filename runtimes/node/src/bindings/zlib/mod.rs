//! `internalBinding('zlib')`: deflate and gzip, Brotli, Zstandard, as streams of pieces. Node: `src/node_zlib.cc`, lib/zlib.js.
//!
//! `engine` says what a compressor is to a stream; `deflate`, `brotli` and `zstd` are the engines; `stream` is the
//! JavaScript object over one: its writes, on the loop's thread or off it. The libraries never see a guest's memory: bytes
//! are copied in and out by pieces, so that what the guest does to its buffers meanwhile is no matter.
//!
//! Differences: the compressed bytes are another encoder's (they decompress to the same); Brotli's `NPOSTFIX` and `NDIRECT`
//! and Zstandard's worker parameters are taken and have no effect; a stream's memory counts in the array buffers' quota.

mod brotli;
mod deflate;
mod engine;
mod stream;
mod zstd;

use crate::glue::{Args, Binding, BindingResult, Failure, Scope, js_string_bytes, with_bytes};

pub(super) const BINDING: Binding = Binding::new("zlib")
    .class(&stream::ZLIB)
    .class(&stream::BROTLI_ENCODER)
    .class(&stream::BROTLI_DECODER)
    .class(&stream::ZSTD_COMPRESS)
    .class(&stream::ZSTD_DECOMPRESS)
    .function("crc32", crc32);

fn crc32<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let start = args.u32(scope, 1)?;
    let data = args.get(0);
    if let Ok(string) = v8::Local::<v8::String>::try_from(data) {
        return Ok(crate::glue::crc32(start, &js_string_bytes(scope, string)).into());
    }
    with_bytes(data, |bytes| crate::glue::crc32(start, bytes))
        .map(Into::into)
        .ok_or_else(|| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "data must be a string or a view")
        })
}
