//! `new ModuleWrap`: compiling a source text module, or making a synthetic one.

use super::Wrapped;
use crate::bindings::compile_cache::{self, Kind};
use crate::bindings::contextify::compile::{Origin, SourceText};
use crate::bindings::contextify::context_of;
use crate::glue::{
    Args, BindingResult, Failure, Object, Scope, ScopeExt, copy_bytes,
    evaluate_synthetic as evaluate_steps,
};
use crate::shared_code::{self, Known};

/// `new ModuleWrap(url, context, source, lineOffset, columnOffset[, idSymbol | cachedData])`, or
/// `new ModuleWrap(url, context, exportNames, evaluationSteps)`.
pub(super) fn new_module_wrap<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if !args.is_construct_call() {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_REQUIRED",
            "Class constructor ModuleWrap cannot be invoked without `new`",
        ));
    }
    let that = args.this();
    let url = args.string(0)?;
    let context = match Object::try_from(args.get(1)) {
        Ok(sandbox) => context_of(scope, sandbox).ok_or_else(|| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "the context is not a vm context")
        })?,
        Err(_) => scope.get_current_context(),
    };
    let is_synthetic = args.get(2).is_array();
    let id_symbol = match v8::Local::<v8::Symbol>::try_from(args.get(5)) {
        Ok(symbol) if !is_synthetic => symbol,
        _ => v8::Symbol::new(scope, Some(url)),
    };
    let scope = &mut v8::ContextScope::new(scope, context);
    let (module, steps) = if is_synthetic {
        synthetic(scope, args, url)?
    } else {
        (source_text(scope, args, url, id_symbol)?, None)
    };
    that.set_private(
        scope,
        scope.private("node:host_defined_option_symbol"),
        id_symbol.into(),
    )
    .ok_or(Failure::Pending)?;
    that.set_private(
        scope,
        scope.private("node:source_map_data_private_symbol"),
        scope.undefined(),
    )
    .ok_or(Failure::Pending)?;
    scope.set(that, "url", url.into());
    scope.set(that, "synthetic", scope.boolean(is_synthetic));
    if is_synthetic && args.get(4).is_object() {
        // The CommonJS module that this one stands for: a cycle through it is found by it.
        let key = scope.node_symbol("imported_cjs_symbol");
        that.set(scope, key.into(), args.get(4))
            .ok_or(Failure::Pending)?;
    }
    if !is_synthetic {
        let script = module.get_unbound_module_script(scope);
        let source_url = script.get_source_url(scope);
        let source_map_url = script.get_source_mapping_url(scope);
        scope.set(that, "sourceMapURL", source_map_url);
        scope.set(that, "sourceURL", source_url);
        let waits = module.has_top_level_await();
        scope.set(that, "hasTopLevelAwait", scope.boolean(waits));
    }
    Wrapped::register(scope, that, module, steps);
    Ok(that.into())
}

type Made<'s> = (
    v8::Local<'s, v8::Module>,
    Option<v8::Local<'s, v8::Function>>,
);

fn synthetic<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    url: v8::Local<'s, v8::String>,
) -> Result<Made<'s>, Failure> {
    let names = args.array(2)?;
    let steps = args.function(3)?;
    let mut list = Vec::new();
    for index in 0..names.length() {
        let name = names.get_index(scope, index).ok_or(Failure::Pending)?;
        let name = v8::Local::<v8::String>::try_from(name).map_err(|_| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "export names must be strings")
        })?;
        // V8 asserts that there are no doubles.
        if !list
            .iter()
            .any(|known: &v8::Local<'_, v8::String>| known.strict_equals(name.into()))
        {
            list.push(name);
        }
    }
    Ok((
        v8::Module::create_synthetic_module(scope, url, &list, evaluate_steps),
        Some(steps),
    ))
}

fn source_text<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    url: v8::Local<'s, v8::String>,
    id_symbol: v8::Local<'s, v8::Symbol>,
) -> Result<v8::Local<'s, v8::Module>, Failure> {
    let source = args.string(2)?;
    let origin = Origin {
        line: args.i32(scope, 3)?,
        column: args.i32(scope, 4)?,
        ..Origin::module(url, id_symbol)
    };
    let origin = origin.to_v8(scope);
    let cached = if args.get(5).is_array_buffer_view() {
        copy_bytes(args.get(5))
    } else {
        None
    };
    // Modules that the loader compiles; those of `vm` have ids of their own.
    let is_default = id_symbol == scope.node_symbol("source_text_module_default_hdo");
    let entry = (is_default && cached.is_none())
        .then(|| compile_cache::lookup(scope, source, url, Kind::Module))
        .flatten();
    let from_disk = entry.as_ref().and_then(|entry| entry.bytes());
    let given = cached.as_deref().or(from_disk.as_deref());
    // Who keeps code on disk has it there.
    let known = if is_default && entry.is_none() && cached.is_none() {
        shared_code::look_up(scope, shared_code::Kind::Module, source)
    } else {
        Known::No
    };
    let mut text = match &known {
        Known::Code(kept, _) => SourceText::with_code(source, &origin, kept),
        Known::No | Known::Wanted(_) => SourceText::new(source, &origin, given),
    };
    v8::tc_scope!(let catch, scope);
    let module = v8::script_compiler::compile_module2(
        catch,
        &mut text.source,
        text.options,
        v8::script_compiler::NoCacheReason::NoReason,
    );
    let Some(module) = module else {
        if let (Some(exception), Some(message)) = (catch.exception(), catch.message()) {
            crate::bindings::errors::append_exception_line(catch, exception, message, false);
        }
        catch.rethrow();
        return Err(Failure::Pending);
    };
    match &known {
        Known::Wanted(key) => {
            let script = module.get_unbound_module_script(catch);
            if let Some(code) = script.create_code_cache() {
                shared_code::keep(*key, &code);
            }
        }
        Known::Code(_, key) if text.was_unusable() => shared_code::forget(*key),
        Known::Code(..) | Known::No => {}
    }
    let rejected = text.rejected().unwrap_or(false);
    if let Some(entry) = entry {
        let script = module.get_unbound_module_script(catch);
        entry.keep(catch, rejected, || script.create_code_cache());
    } else if rejected {
        return Err(Failure::error(
            "ERR_VM_MODULE_CACHED_DATA_REJECTED",
            "cachedData buffer was rejected",
        ));
    }
    Ok(module)
}
