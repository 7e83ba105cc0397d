//! Compiling a module of Node's library: parameters by id, one function per module. Node: `src/node_builtins.cc`.
//!
//! Functions that programs use come compiled from a code cache (`crate::training`); an isolate that waits for its process has the
//! modules that every process starts with ready ([`prepare`]).

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use crate::environment::Environment;
use crate::glue::{Failure, Scope, ScopeExt, source_of, source_string};

/// Modules whose functions are compiled at once for the snapshot where there is no code cache: what `hello world` runs.
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

/// A module by its name, as it was compiled.
type Compiled = (String, v8::Global<v8::Function>);

/// The modules an isolate compiled, if that is of interest.
#[derive(Default)]
struct Recorded(RefCell<Option<Vec<Compiled>>>);

/// Has what this isolate compiles remembered.
pub(crate) fn record(env: &Environment) {
    *env.state::<Recorded>().0.borrow_mut() = Some(Vec::new());
}

/// Modules whose functions stand in guests' stack traces and are named there by what V8 infers: a function from a cache that was made
/// after it ran is called `Module._extensions..js`, where Node's own, compiled when it is called, is `Object..js`.
const NAMED_IN_STACKS: &[&str] = &["internal/modules/cjs/loader", "internal/modules/esm/loader"];

/// Code caches of the modules that were compiled since [`record`], with those of their functions that ran.
pub(crate) fn take_recorded(scope: &Scope<'_, '_>) -> Vec<(String, Vec<u8>)> {
    let list = scope.env().state::<Recorded>().0.borrow_mut().take();
    list.into_iter()
        .flatten()
        .filter(|(id, _)| !NAMED_IN_STACKS.contains(&id.as_str()))
        .filter_map(|(id, function)| {
            let cache = v8::Local::new(scope, &function).create_code_cache()?;
            Some((id, cache.to_vec()))
        })
        .collect()
}

/// Where an isolate has code caches from that is not made from the snapshot.
#[derive(Default)]
struct OwnCaches(OnceCell<HashMap<String, Vec<u8>>>);

/// Has this isolate take compiled functions from these caches.
pub(crate) fn use_caches(env: &Environment, caches: HashMap<String, Vec<u8>>) {
    env.state::<OwnCaches>().0.get_or_init(|| caches);
}

/// Modules that are compiled and wait to be asked for.
#[derive(Default)]
struct Prepared(RefCell<HashMap<String, v8::Global<v8::Function>>>);

/// Compiles modules that will be asked for.
pub(crate) fn prepare(scope: &Scope<'_, '_>, ids: &[String]) {
    let prepared = scope.env().state::<Prepared>();
    for id in ids {
        if let Ok(function) = compile(scope, id, false) {
            let function = v8::Global::new(scope, function);
            prepared.0.borrow_mut().insert(id.clone(), function);
        }
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
    let env = scope.env();
    let prepared = env.state::<Prepared>().0.borrow_mut().remove(id);
    if let Some(prepared) = prepared {
        return Ok(v8::Local::new(scope, &prepared));
    }
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
    let own = env.state::<OwnCaches>();
    let cache = match own.0.get() {
        Some(caches) => caches.get(id).map(Vec::as_slice),
        None => crate::snapshot::code_cache(id),
    };
    let mut source = match cache {
        Some(cache) => v8::script_compiler::Source::new_with_cached_data(
            text,
            Some(&origin),
            v8::CachedData::new(cache),
        ),
        None => v8::script_compiler::Source::new(text, Some(&origin)),
    };
    let names: Vec<v8::Local<'_, v8::String>> =
        parameters(id).iter().map(|name| scope.name(name)).collect();
    let options = if cache.is_some() {
        v8::script_compiler::CompileOptions::ConsumeCodeCache
    } else if eagerly && HOT.contains(&id) {
        v8::script_compiler::CompileOptions::EagerCompile
    } else {
        v8::script_compiler::CompileOptions::NoCompileOptions
    };
    let function = v8::script_compiler::compile_function(
        scope,
        &mut source,
        &names,
        &[],
        options,
        v8::script_compiler::NoCacheReason::NoReason,
    )
    .ok_or(Failure::Pending)?;
    if source
        .get_cached_data()
        .is_some_and(|cache| cache.rejected())
    {
        tracing::debug!(target: "cenote::node", id, "V8 does not take the code cache");
    }
    if let Some(recorded) = env.state::<Recorded>().0.borrow_mut().as_mut() {
        recorded.push((id.to_owned(), v8::Global::new(scope, function)));
    }
    Ok(function)
}
