//! Compiling for the `CommonJS` loader, and telling modules from scripts by their syntax errors.

use super::compile::{Origin, SourceText, compile_function, set_id, urls_of};
use crate::bindings::compile_cache::{self, Kind};
use crate::environment::Stored;
use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt};
use crate::shared_code::{self, Known};

/// What a compilation for the `CommonJS` loader gave.
struct Compiled<'s> {
    function: Option<v8::Local<'s, v8::Function>>,
    rejected: bool,
}

/// Compiles like the `CommonJS` loader wants: a function of exports, require, module, __filename, __dirname.
fn compile_cjs<'s>(
    scope: &Scope<'s, '_>,
    code: v8::Local<'s, v8::String>,
    filename: v8::Local<'s, v8::String>,
    cached: Option<&[u8]>,
    known: &Known,
) -> Compiled<'s> {
    let code = crate::natives_syntax::without_hints(scope, code).unwrap_or(code);
    let id = scope.node_symbol("vm_dynamic_import_default_internal");
    let origin = Origin::script(filename, id).to_v8(scope);
    let mut text = match known {
        Known::Code(kept, _) => SourceText::with_code(code, &origin, kept),
        Known::No | Known::Wanted(_) => SourceText::new(code, &origin, cached),
    };
    let names: Vec<v8::Local<'s, v8::String>> =
        ["exports", "require", "module", "__filename", "__dirname"]
            .iter()
            .map(|name| scope.name(name))
            .collect();
    let function = compile_function(scope, &mut text, &names, &[]);
    let function = function.filter(|function| set_id(scope, (*function).into(), id).is_ok());
    if let Some(function) = &function {
        match known {
            Known::Wanted(key) => {
                if let Some(code) = function.create_code_cache() {
                    shared_code::keep(*key, &code);
                }
            }
            Known::Code(_, key) if text.was_unusable() => shared_code::forget(*key),
            Known::Code(..) | Known::No => {}
        }
    }
    Compiled {
        function,
        rejected: text.rejected().unwrap_or(false),
    }
}

/// Messages of V8 for syntax that only modules have.
const ESM_SYNTAX: &[&str] = &[
    "Cannot use import statement outside a module",
    "Unexpected token 'export'",
    "Cannot use 'import.meta' outside a module",
];
/// Messages for what is an error in `CommonJS` and may be right in a module.
const RETRY_AS_ESM: &[&str] = &[
    "Identifier '__filename' has already been declared",
    "Identifier '__dirname' has already been declared",
    "Identifier 'exports' has already been declared",
    "Identifier 'module' has already been declared",
    "Identifier 'require' has already been declared",
    "await is only valid in async functions and the top level bodies of modules",
    // Where `await` is taken for a name: `f(await 1)`, `if (await 1)`, `for await (…)`.
    "missing ) after argument list",
    "SyntaxError: Unexpected",
];

/// Whether code that failed to compile as `CommonJS` with this message is a module. Node: `ShouldRetryAsESM`.
fn is_module<'s>(
    scope: &mut Scope<'s, '_>,
    message: &str,
    code: v8::Local<'s, v8::String>,
    filename: v8::Local<'s, v8::String>,
) -> bool {
    if ESM_SYNTAX.iter().any(|text| message.contains(text)) {
        return true;
    }
    RETRY_AS_ESM.iter().any(|text| message.contains(text))
        && parses_as_module(scope, code, filename)
}

fn parses_as_module<'s>(
    scope: &mut Scope<'s, '_>,
    code: v8::Local<'s, v8::String>,
    filename: v8::Local<'s, v8::String>,
) -> bool {
    let id = scope.node_symbol("source_text_module_default_hdo");
    let origin = Origin::module(filename, id).to_v8(scope);
    let mut source = v8::script_compiler::Source::new(code, Some(&origin));
    v8::tc_scope!(let catch, scope);
    v8::script_compiler::compile_module(catch, &mut source).is_some()
}

/// `compileFunctionForCJSLoader(code, filename, isSeaMain, shouldDetectModule)`.
pub(super) fn compile_function_for_cjs_loader<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (code, filename) = (args.string(0)?, args.string(1)?);
    let detect = args.bool(scope, 3);
    let entry = compile_cache::lookup(scope, code, filename, Kind::CommonJs);
    let mut can_parse_as_esm = false;
    let compiled = {
        v8::tc_scope!(let catch, scope);
        let cached = entry.as_ref().and_then(|entry| entry.bytes());
        // Who keeps code on disk has it there.
        let known = if entry.is_some() {
            Known::No
        } else {
            shared_code::look_up(catch, shared_code::Kind::CommonJs, code)
        };
        let compiled = compile_cjs(catch, code, filename, cached.as_deref(), &known);
        if compiled.function.is_none() {
            let (exception, message) = (catch.exception(), catch.message());
            if let Some(message) = message {
                let text = message.get(catch).to_rust_string_lossy(catch);
                can_parse_as_esm = is_module(catch, &text, code, filename);
                if let Some(exception) = exception
                    && !(can_parse_as_esm && detect)
                {
                    crate::bindings::errors::append_exception_line(
                        catch, exception, message, false,
                    );
                }
            }
            if !(can_parse_as_esm && detect) {
                if can_parse_as_esm {
                    warn_of_module(catch, filename);
                }
                catch.rethrow();
                return Err(Failure::Pending);
            }
        }
        compiled
    };
    if let (Some(entry), Some(function)) = (entry, compiled.function) {
        entry.keep(scope, compiled.rejected, || function.create_code_cache());
    }
    let result = scope.null_object();
    let undefined = scope.undefined();
    let (source_url, map_url) = compiled
        .function
        .map_or((undefined, undefined), |function| urls_of(scope, function));
    scope.set(
        result,
        "cachedDataRejected",
        scope.boolean(compiled.rejected),
    );
    scope.set(result, "canParseAsESM", scope.boolean(can_parse_as_esm));
    scope.set(result, "sourceURL", source_url);
    scope.set(result, "sourceMapURL", map_url);
    scope.set(
        result,
        "function",
        compiled.function.map_or(undefined, Into::into),
    );
    Ok(result.into())
}

/// Says that the file that could not be loaded is a module.
fn warn_of_module<'s>(scope: &mut Scope<'s, '_>, filename: v8::Local<'s, v8::String>) {
    let env = scope.env();
    let Some(warn) = env.stored_function(scope, Stored::EmitWarningSync) else {
        return;
    };
    let text = format!(
        "Failed to load the ES module: {}. Make sure to set \"type\": \"module\" in the nearest package.json file or use the .mjs extension.",
        filename.to_rust_string_lossy(scope)
    );
    v8::tc_scope!(let inner, scope);
    let text = inner.text(&text).into();
    let _warned = warn.call(inner, inner.undefined(), &[text]);
}

/// `containsModuleSyntax(code, filename, resourceName, cjsVar)`.
pub(super) fn contains_module_syntax<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (code, filename) = (args.string(0)?, args.string(1)?);
    let without_variables = !args.is_undefined(3);
    v8::tc_scope!(let catch, scope);
    let compiled = if without_variables {
        let id = catch.node_symbol("vm_dynamic_import_default_internal");
        let origin = Origin::script(filename, id).to_v8(catch);
        let mut text = SourceText::new(code, &origin, None);
        compile_function(catch, &mut text, &[], &[]).is_some()
    } else {
        compile_cjs(catch, code, filename, None, &Known::No)
            .function
            .is_some()
    };
    if compiled {
        return Ok(false.into());
    }
    let text = catch
        .message()
        .map(|message| message.get(catch).to_rust_string_lossy(catch))
        .unwrap_or_default();
    catch.reset();
    Ok(is_module(catch, &text, code, filename).into())
}
