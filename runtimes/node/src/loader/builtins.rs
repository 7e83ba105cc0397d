//! Compiling a module of Node's library: parameters by id, one function per module. Node: `src/node_builtins.cc`.

use crate::glue::{Failure, Scope, ScopeExt, source_of, source_string};

/// Modules whose functions are compiled at once for the snapshot: what `hello world` runs, so that it compiles nothing.
const HOT: &[&str] = &[
    "buffer",
    "events",
    "fs",
    "path",
    "internal/console/constructor",
    "internal/console/global",
    "internal/fs/utils",
    "internal/modules/cjs/loader",
    "internal/modules/esm/loader",
    "internal/modules/esm/utils",
    "internal/modules/helpers",
    "internal/modules/package_json_reader",
    "internal/modules/run_main",
    "internal/options",
    "internal/process/per_thread",
    "internal/process/pre_execution",
    "internal/process/task_queues",
    "internal/source_map/source_map_cache",
    "internal/timers",
    "internal/url",
    "internal/util",
    "internal/util/inspect",
    "timers",
];

/// The names of the function's parameters. Node: `BuiltinLoader::LookupAndCompile`.
fn parameters(id: &str) -> &'static [&'static str] {
    if id.starts_with("internal/bootstrap/realm") {
        &[
            "process",
            "getLinkedBinding",
            "getInternalBinding",
            "primordials",
        ]
    } else if id.starts_with("internal/per_context/") {
        &[
            "exports",
            "primordials",
            "privateSymbols",
            "perIsolateSymbols",
        ]
    } else if id.starts_with("internal/main/") || id.starts_with("internal/bootstrap/") {
        &["process", "require", "internalBinding", "primordials"]
    } else {
        &[
            "exports",
            "require",
            "module",
            "process",
            "internalBinding",
            "primordials",
        ]
    }
}

/// Compiles a module to a function.
///
/// # Errors
/// `ERR_UNKNOWN_BUILTIN_MODULE` for an id that does not exist.
pub(crate) fn compile<'s>(
    scope: &Scope<'s, '_>,
    id: &str,
    eagerly: bool,
) -> Result<v8::Local<'s, v8::Function>, Failure> {
    let source = source_of(id).ok_or_else(|| {
        Failure::error(
            "ERR_UNKNOWN_BUILTIN_MODULE",
            format!("No such built-in module: {id}"),
        )
    })?;
    let text = source_string(scope, source).ok_or(Failure::Pending)?;
    let name = scope.name(&format!("node:{id}"));
    let origin = v8::ScriptOrigin::new(
        scope,
        name.into(),
        0,
        0,
        true,
        -1,
        None,
        false,
        false,
        false,
        None,
    );
    let mut source = v8::script_compiler::Source::new(text, Some(&origin));
    let names: Vec<v8::Local<'_, v8::String>> =
        parameters(id).iter().map(|name| scope.name(name)).collect();
    let options = if eagerly && HOT.contains(&id) {
        v8::script_compiler::CompileOptions::EagerCompile
    } else {
        v8::script_compiler::CompileOptions::NoCompileOptions
    };
    v8::script_compiler::compile_function(
        scope,
        &mut source,
        &names,
        &[],
        options,
        v8::script_compiler::NoCacheReason::NoReason,
    )
    .ok_or(Failure::Pending)
}
