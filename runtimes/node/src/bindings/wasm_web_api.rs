//! `internalBinding('wasm_web_api')`: `WebAssembly.compileStreaming` and its kin. Node: `src/node_wasm_web_api.cc`.

use crate::environment::Stored;
use crate::glue::{Args, Binding, BindingResult, Scope, ScopeExt};

pub(super) const BINDING: Binding = Binding::new("wasm_web_api")
    .note("the function is kept; V8 is not told to stream yet")
    .function("setImplementation", set_implementation);

fn set_implementation<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::WasmImplementation, function.into());
    Ok(().into())
}
