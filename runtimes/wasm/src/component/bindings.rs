//! What `wasmtime` generates from the interfaces of `wit/`: the traits that [`super::filesystem`] implements.
#![expect(clippy::all, clippy::restriction, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "wit",
    world: "cenote:wasm/files",
    imports: { default: async | trappable },
    trappable_error_type: {
        "wasi:filesystem/types.error-code" => crate::component::filesystem::FileError,
    },
    with: {
        "wasi:io/error": wasmtime_wasi_io::bindings::wasi::io::error,
        "wasi:io/poll": wasmtime_wasi_io::bindings::wasi::io::poll,
        "wasi:io/streams": wasmtime_wasi_io::bindings::wasi::io::streams,
        "wasi:clocks/wall-clock": wasmtime_wasi::p2::bindings::clocks::wall_clock,
        "wasi:filesystem/types.descriptor": crate::component::filesystem::Descriptor,
        "wasi:filesystem/types.directory-entry-stream": crate::component::filesystem::Entries,
    },
});

pub(super) use self::wasi::filesystem::{preopens, types};
