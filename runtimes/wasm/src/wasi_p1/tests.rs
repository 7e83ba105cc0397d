//! WASI preview 1 programs in text form.

use super::*;

/// A function's type in WebAssembly.
struct Core {
    params: Vec<witx::WasmType>,
    results: Vec<witx::WasmType>,
}

/// The core types of a function, from the text of the witx file's own conversion rules.
fn linked_functions() -> Vec<(String, Core)> {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("witx/wasi_snapshot_preview1.witx");
    let document = witx::load(&[path]).unwrap();
    let module = document.module(&witx::Id::new(MODULE)).unwrap();
    module
        .funcs()
        .map(|function| (function.name.as_str().to_owned(), core_type(&function)))
        .collect()
}

fn core_type(function: &witx::InterfaceFunc) -> Core {
    let (params, results) = function.wasm_signature();
    Core { params, results }
}

#[test]
fn every_function_of_the_specification_links() {
    let engine = wasmtime::Engine::default();
    let mut linker: Linker<Process> = Linker::new(&engine);
    define(&mut linker).unwrap();
    let mut text = String::from("(module");
    let functions = linked_functions();
    for (name, kind) in &functions {
        let list = |types: &[witx::WasmType]| {
            types
                .iter()
                .map(|kind| match kind {
                    witx::WasmType::I32 => "i32",
                    witx::WasmType::I64 => "i64",
                    witx::WasmType::F32 => "f32",
                    witx::WasmType::F64 => "f64",
                })
                .collect::<Vec<_>>()
                .join(" ")
        };
        text.push_str(&format!(
            "(import \"{MODULE}\" \"{name}\" (func (param {}) (result {})))",
            list(&kind.params),
            list(&kind.results)
        ));
    }
    text.push(')');
    assert_eq!(functions.len(), NAMES.len() + 1);
    linker
        .instantiate_pre(&wasmtime::Module::new(&engine, text).unwrap())
        .unwrap();
}
