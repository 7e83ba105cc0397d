//! Node's own library, embedded: each module's source as a static string that V8 uses in place.
//!
//! ASCII sources are `OneByteConst` statics: no copy is made, all isolates share them, and a start-up snapshot can refer to
//! them (each is an external reference). The few others are UTF-16 and copied into the heap when compiled.

use crate::glue::Scope;

/// A module's source.
#[derive(Debug)]
pub(crate) enum Source {
    OneByte(&'static v8::OneByteConst),
    /// UTF-16, little endian.
    TwoByte(&'static [u8]),
}

/// One static of the generated table.
macro_rules! ascii {
    ($name:ident, $path:literal) => {
        static $name: v8::OneByteConst =
            // SAFETY: build.rs writes a source here only when every byte of it is ASCII. The checked constructor would
            // make the compiler's interpreter walk ten megabytes.
            unsafe {
                v8::String::create_external_onebyte_const_unchecked(include_bytes!($path))
            };
    };
}

include!(concat!(env!("OUT_DIR"), "/builtin_sources.rs"));

/// All modules, sorted by id.
pub(crate) fn sources() -> &'static [(&'static str, Source)] {
    SOURCES
}

/// The source of a module.
pub(crate) fn source_of(id: &str) -> Option<&'static Source> {
    SOURCES
        .binary_search_by(|(candidate, _)| (*candidate).cmp(id))
        .ok()
        .and_then(|index| SOURCES.get(index))
        .map(|(_, source)| source)
}

/// The source as a JavaScript string.
pub(crate) fn source_string<'s>(
    scope: &Scope<'s, '_>,
    source: &'static Source,
) -> Option<v8::Local<'s, v8::String>> {
    match source {
        Source::OneByte(text) => v8::String::new_from_onebyte_const(scope, text),
        Source::TwoByte(bytes) => {
            let units: Vec<u16> = bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|unit| u16::from_le_bytes(*unit))
                .collect();
            v8::String::new_from_two_byte(scope, &units, v8::NewStringType::Normal)
        }
    }
}
