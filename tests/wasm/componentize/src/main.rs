//! Makes a WASI 0.2 component of a preview 1 program, with wasmtime's adapter for commands.

use std::error::Error;

use wasi_preview1_component_adapter_provider as adapter;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = arguments.as_slice() else {
        return Err("usage: componentize IN.wasm OUT.wasm".into());
    };
    let component = wit_component::ComponentEncoder::default()
        .module(&std::fs::read(from)?)?
        .adapter(
            adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
            adapter::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
        )?
        .encode()?;
    std::fs::write(to, component)?;
    Ok(())
}
