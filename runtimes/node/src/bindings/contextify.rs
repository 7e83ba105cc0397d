//! `internalBinding('contextify')`: compiling scripts and functions; `vm` contexts. Node: `src/node_contextify.cc`.
//!
//! `vm` contexts are real V8 contexts whose global object forwards reads and writes to the sandbox object (interceptors in
//! `sandbox`).

use std::rc::Rc;

use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, Value, attach,
    copy_bytes, new_node_buffer,
};
use crate::loader;

use super::module_wrap::host_defined_options;

pub(super) const BINDING: Binding = Binding::new("contextify")
    .function("compileFunctionForCJSLoader", compile_function_for_cjs_loader)
    .function("compileFunction", compile_function)
    .function("containsModuleSyntax", contains_module_syntax)
    .partial("makeContext", make_context, "the global is the context's own: properties are copied in when it is made and back after each run")
    .class(&CONTEXTIFY_SCRIPT)
    .partial("startSigintWatchdog", no_watchdog, "breakOnSigint does not break")
    .partial("stopSigintWatchdog", no_watchdog, "breakOnSigint does not break")
    .partial("watchdogHasPendingSigint", no_watchdog, "breakOnSigint does not break");

static CONTEXTIFY_SCRIPT: Class = Class::new("ContextifyScript", new_script)
    .method("runInContext", run_in_context)
    .method("createCachedData", create_cached_data);

/// The Rust side of a `vm.Script`.
struct Script {
    script: v8::Global<v8::UnboundScript>,
}

impl Native for Script {}

fn no_watchdog<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(false.into())
}

/// Compiles like the `CommonJS` loader wants: a function of exports, require, module, __filename, __dirname.
fn compile_cjs<'s>(
    scope: &mut Scope<'s, '_>,
    code: v8::Local<'s, v8::String>,
    filename: v8::Local<'s, v8::String>,
) -> Option<v8::Local<'s, v8::Function>> {
    let id = scope.node_symbol("vm_dynamic_import_default_internal");
    let options = host_defined_options(scope, id);
    let origin = v8::ScriptOrigin::new(
        scope,
        filename.into(),
        0,
        0,
        true,
        -1,
        None,
        false,
        false,
        false,
        Some(options),
    );
    let mut source = v8::script_compiler::Source::new(code, Some(&origin));
    let names: Vec<v8::Local<'s, v8::String>> =
        ["exports", "require", "module", "__filename", "__dirname"]
            .iter()
            .map(|name| scope.name(name))
            .collect();
    let none = v8::script_compiler::CompileOptions::NoCompileOptions;
    let function = v8::script_compiler::compile_function(
        scope,
        &mut source,
        &names,
        &[],
        none,
        v8::script_compiler::NoCacheReason::NoReason,
    )?;
    function.set_private(
        scope,
        scope.private("node:host_defined_option_symbol"),
        id.into(),
    )?;
    Some(function)
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
    if !RETRY_AS_ESM.iter().any(|text| message.contains(text)) {
        return false;
    }
    let options = host_defined_options(scope, scope.node_symbol("source_text_module_default_hdo"));
    let origin = v8::ScriptOrigin::new(
        scope,
        filename.into(),
        0,
        0,
        true,
        -1,
        None,
        false,
        false,
        true,
        Some(options),
    );
    let mut source = v8::script_compiler::Source::new(code, Some(&origin));
    v8::tc_scope!(let catch, scope);
    v8::script_compiler::compile_module(catch, &mut source).is_some()
}

/// `compileFunctionForCJSLoader(code, filename, isSeaMain, shouldDetectModule)`.
fn compile_function_for_cjs_loader<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (code, filename) = (args.string(0)?, args.string(1)?);
    let detect = args.bool(scope, 3);
    let mut can_parse_as_esm = false;
    let function = {
        v8::tc_scope!(let catch, scope);
        let function = compile_cjs(catch, code, filename);
        if function.is_none() {
            let (exception, message) = (catch.exception(), catch.message());
            if let Some(message) = message {
                let text = message.get(catch).to_rust_string_lossy(catch);
                can_parse_as_esm = is_module(catch, &text, code, filename);
                if let Some(exception) = exception
                    && !(can_parse_as_esm && detect)
                {
                    super::errors::append_exception_line(catch, exception, message, false);
                }
            }
            if !(can_parse_as_esm && detect) {
                catch.rethrow();
                return Err(Failure::Pending);
            }
        }
        function
    };
    let result = scope.null_object();
    scope.set(result, "cachedDataRejected", scope.boolean(false));
    scope.set(result, "canParseAsESM", scope.boolean(can_parse_as_esm));
    let undefined = scope.undefined();
    scope.set(result, "sourceURL", undefined);
    let map_url = function
        .and_then(|function| function.get_script_origin(scope).source_map_url())
        .unwrap_or(undefined);
    scope.set(result, "sourceMapURL", map_url);
    scope.set(result, "function", function.map_or(undefined, Into::into));
    Ok(result.into())
}

/// `containsModuleSyntax(code, filename, resourceName, cjsVar)`.
fn contains_module_syntax<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (code, filename) = (args.string(0)?, args.string(1)?);
    let without_variables = !args.is_undefined(3);
    v8::tc_scope!(let catch, scope);
    let compiled = if without_variables {
        let origin = v8::ScriptOrigin::new(
            catch,
            filename.into(),
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
        let mut source = v8::script_compiler::Source::new(code, Some(&origin));
        let none = v8::script_compiler::CompileOptions::NoCompileOptions;
        v8::script_compiler::compile_function(
            catch,
            &mut source,
            &[],
            &[],
            none,
            v8::script_compiler::NoCacheReason::NoReason,
        )
        .is_some()
    } else {
        compile_cjs(catch, code, filename).is_some()
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

/// The context of a contextified object.
pub(crate) fn context_of<'s>(
    scope: &Scope<'s, '_>,
    sandbox: Object<'s>,
) -> Option<v8::Local<'s, v8::Context>> {
    let holder = sandbox.get_private(scope, scope.private("node:contextify:context"))?;
    let holder = Object::try_from(holder).ok()?;
    crate::glue::native_of::<Contextified>(scope, holder)
        .map(|made| v8::Local::new(scope, &made.context))
}

/// `compileFunction(code, filename, lineOffset, columnOffset, cachedData, produceCachedData, parsingContext,
/// contextExtensions, params, hostDefinedOptionId)`.
#[expect(clippy::too_many_lines, reason = "ten arguments, each decoded once")]
fn compile_function<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (code, filename) = (args.string(0)?, args.string(1)?);
    let (line, column) = (args.i32(scope, 2)?, args.i32(scope, 3)?);
    let cached = copy_bytes(args.get(4));
    let produce = args.bool(scope, 5);
    let context = Object::try_from(args.get(6))
        .ok()
        .and_then(|sandbox| context_of(scope, sandbox))
        .unwrap_or_else(|| scope.get_current_context());
    let objects = |value: Value<'s>| -> Result<Vec<Value<'s>>, Failure> {
        let Ok(list) = v8::Local::<v8::Array>::try_from(value) else {
            return Ok(Vec::new());
        };
        (0..list.length())
            .map(|index| list.get_index(scope, index).ok_or(Failure::Pending))
            .collect()
    };
    let extensions: Vec<Object<'s>> = objects(args.get(7))?
        .into_iter()
        .filter_map(|value| Object::try_from(value).ok())
        .collect();
    let params: Vec<v8::Local<'s, v8::String>> = objects(args.get(8))?
        .into_iter()
        .filter_map(|value| v8::Local::try_from(value).ok())
        .collect();
    let id = v8::Local::<v8::Symbol>::try_from(args.get(9))
        .unwrap_or_else(|_| v8::Symbol::new(scope, Some(filename)));

    let options = host_defined_options(scope, id);
    let origin = v8::ScriptOrigin::new(
        scope,
        filename.into(),
        line,
        column,
        true,
        -1,
        None,
        false,
        false,
        false,
        Some(options),
    );
    let (mut source, compile) = source_with(code, &origin, cached.as_deref());
    let scope = &mut v8::ContextScope::new(scope, context);
    v8::tc_scope!(let catch, scope);
    let function = v8::script_compiler::compile_function(
        catch,
        &mut source,
        &params,
        &extensions,
        compile,
        v8::script_compiler::NoCacheReason::NoReason,
    );
    let Some(function) = function else {
        decorate(catch);
        catch.rethrow();
        return Err(Failure::Pending);
    };
    function
        .set_private(
            catch,
            catch.private("node:host_defined_option_symbol"),
            id.into(),
        )
        .ok_or(Failure::Pending)?;
    let result = catch.object();
    catch.set(result, "function", function.into());
    let undefined = catch.undefined();
    let map_url = function
        .get_script_origin(catch)
        .source_map_url()
        .unwrap_or(undefined);
    catch.set(result, "sourceMapURL", map_url);
    catch.set(result, "sourceURL", undefined);
    if cached.is_some() {
        let rejected = source
            .get_cached_data()
            .is_none_or(v8::CachedData::rejected);
        catch.set(result, "cachedDataRejected", catch.boolean(rejected));
    }
    if produce {
        let bytes = function.create_code_cache().map(|cache| cache.to_vec());
        catch.set(result, "cachedDataProduced", catch.boolean(bytes.is_some()));
        if let Some(buffer) = bytes.and_then(|bytes| new_node_buffer(catch, bytes)) {
            catch.set(result, "cachedData", buffer.into());
        }
    }
    Ok(result.into())
}

fn source_with(
    code: v8::Local<'_, v8::String>,
    origin: &v8::ScriptOrigin<'_>,
    cached: Option<&[u8]>,
) -> (
    v8::script_compiler::Source,
    v8::script_compiler::CompileOptions,
) {
    match cached {
        Some(bytes) => (
            v8::script_compiler::Source::new_with_cached_data(
                code,
                Some(origin),
                v8::script_compiler::CachedData::new(bytes),
            ),
            v8::script_compiler::CompileOptions::ConsumeCodeCache,
        ),
        None => (
            v8::script_compiler::Source::new(code, Some(origin)),
            v8::script_compiler::CompileOptions::NoCompileOptions,
        ),
    }
}

/// Puts the source line before the stack of the caught exception. Node: `DecorateErrorStack`.
fn decorate(catch: &mut v8::PinnedRef<'_, v8::TryCatch<'_, '_, v8::HandleScope<'_>>>) {
    let (Some(exception), Some(message)) = (catch.exception(), catch.message()) else {
        return;
    };
    let Ok(object) = Object::try_from(exception) else {
        return;
    };
    let decorated = catch.private("node:decorated");
    if object
        .get_private(catch, decorated)
        .is_some_and(|flag| flag.is_true())
    {
        return;
    }
    super::errors::append_exception_line(catch, exception, message, false);
    v8::tc_scope!(let inner, catch);
    let arrow = object.get_private(inner, inner.private("node:arrowMessage"));
    let stack = inner.get_property(object, "stack").ok();
    let (Some(arrow), Some(stack)) = (arrow, stack) else {
        return;
    };
    if !arrow.is_string() || !stack.is_string() {
        return;
    }
    let text = format!(
        "{}\n{}",
        arrow.to_rust_string_lossy(inner),
        stack.to_rust_string_lossy(inner)
    );
    let text = inner.text(&text);
    let key = inner.name("stack");
    let _set = object.set(inner, key.into(), text.into());
    let flag = inner.boolean(true);
    let _set = object.set_private(inner, decorated, flag);
}

/// `new ContextifyScript(code, filename, lineOffset, columnOffset, cachedData, produceCachedData, parsingContext, hostDefinedOptionId)`.
fn new_script<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let code = args.string(0)?;
    let filename = if args.get(1).is_string() {
        args.string(1)?
    } else {
        scope.text("evalmachine.<anonymous>")
    };
    let (line, column) = if args.len() > 2 {
        (args.i32(scope, 2)?, args.i32(scope, 3)?)
    } else {
        (0, 0)
    };
    let cached = copy_bytes(args.get(4));
    let produce = args.bool(scope, 5);
    let context = Object::try_from(args.get(6))
        .ok()
        .and_then(|sandbox| context_of(scope, sandbox))
        .unwrap_or_else(|| scope.get_current_context());
    let id = v8::Local::<v8::Symbol>::try_from(args.get(7))
        .unwrap_or_else(|_| v8::Symbol::new(scope, Some(filename)));
    let options = host_defined_options(scope, id);
    let origin = v8::ScriptOrigin::new(
        scope,
        filename.into(),
        line,
        column,
        true,
        -1,
        None,
        false,
        false,
        false,
        Some(options),
    );
    let (mut source, compile) = source_with(code, &origin, cached.as_deref());
    let scope = &mut v8::ContextScope::new(scope, context);
    v8::tc_scope!(let catch, scope);
    let script = v8::script_compiler::compile_unbound_script(
        catch,
        &mut source,
        compile,
        v8::script_compiler::NoCacheReason::NoReason,
    );
    let Some(script) = script else {
        decorate(catch);
        catch.rethrow();
        return Err(Failure::Pending);
    };
    this.set_private(
        catch,
        catch.private("node:host_defined_option_symbol"),
        id.into(),
    )
    .ok_or(Failure::Pending)?;
    if cached.is_some() {
        let rejected = source
            .get_cached_data()
            .is_none_or(v8::CachedData::rejected);
        catch.set(this, "cachedDataRejected", catch.boolean(rejected));
    }
    if produce {
        let bytes = script.create_code_cache().map(|cache| cache.to_vec());
        catch.set(this, "cachedDataProduced", catch.boolean(bytes.is_some()));
        if let Some(buffer) = bytes.and_then(|bytes| new_node_buffer(catch, bytes)) {
            catch.set(this, "cachedData", buffer.into());
        }
    }
    let map_url = script.get_source_mapping_url(catch);
    catch.set(this, "sourceMapURL", map_url);
    let source_url = script.get_source_url(catch);
    catch.set(this, "sourceURL", source_url);
    let script = Rc::new(Script {
        script: v8::Global::new(catch, script),
    });
    attach(catch, this, script);
    Ok(().into())
}

/// `runInContext(contextifiedObject | null, timeout, displayErrors, breakOnSigint, breakOnFirstLine)`.
fn run_in_context<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let script = args.native::<Script>(scope)?;
    let sandbox = Object::try_from(args.get(0)).ok();
    let context = match sandbox {
        Some(sandbox) => context_of(scope, sandbox).ok_or_else(|| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "not a contextified object")
        })?,
        None => scope.env().context(scope),
    };
    let timeout = args.i64(1).unwrap_or(-1);
    let display_errors = args.bool(scope, 2);
    if let Some(sandbox) = sandbox {
        copy_in(scope, sandbox, context)?;
    }
    let watchdog = (timeout > 0).then(|| Watchdog::start(scope, timeout));
    let result = {
        let scope = &mut v8::ContextScope::new(scope, context);
        v8::tc_scope!(let catch, scope);
        let script = v8::Local::new(catch, &script.script).bind_to_current_context(catch);
        let result = script.run(catch);
        let fired = watchdog.as_ref().is_some_and(Watchdog::finish);
        if fired && result.is_none() && catch.env().can_call_into_js() {
            catch.cancel_terminate_execution();
            catch.reset();
            Err(Failure::error(
                "ERR_SCRIPT_EXECUTION_TIMEOUT",
                format!("Script execution timed out after {timeout}ms"),
            ))
        } else if result.is_none() {
            if display_errors && !catch.has_terminated() {
                decorate(catch);
            }
            catch.rethrow();
            Err(Failure::Pending)
        } else {
            result.ok_or(Failure::Pending)
        }
    };
    if let Some(sandbox) = sandbox
        && !scope.is_execution_terminating()
    {
        // Also after an exception: what the script had set by then is visible in Node too.
        let pending = matches!(result, Err(Failure::Pending));
        if !pending {
            copy_out(scope, sandbox, context)?;
        }
    }
    result.map(Into::into)
}

/// Ends a script that runs too long.
struct Watchdog {
    state: std::sync::Arc<(std::sync::Mutex<(bool, bool)>, std::sync::Condvar)>,
}

impl Watchdog {
    fn start(scope: &Scope<'_, '_>, timeout_ms: i64) -> Self {
        let state = std::sync::Arc::new((
            std::sync::Mutex::new((false, false)),
            std::sync::Condvar::new(),
        ));
        let shared = std::sync::Arc::clone(&state);
        let isolate = scope.env().isolate_handle().clone();
        let timeout = std::time::Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
        let thread = std::thread::Builder::new()
            .name("vm-watchdog".into())
            .spawn(move || {
                let (lock, condition) = &*shared;
                let guard = lock
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                let waited =
                    condition.wait_timeout_while(guard, timeout, |(finished, _)| !*finished);
                let (mut guard, outcome) =
                    waited.unwrap_or_else(std::sync::PoisonError::into_inner);
                if outcome.timed_out() && !guard.0 {
                    guard.1 = true;
                    isolate.terminate_execution();
                }
            });
        if let Err(error) = thread {
            tracing::warn!(target: "cenote::node", %error, "no thread for a vm timeout");
        }
        Self { state }
    }

    /// Stops watching; whether it struck.
    fn finish(&self) -> bool {
        let (lock, condition) = &*self.state;
        let mut guard = lock
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        guard.0 = true;
        condition.notify_all();
        guard.1
    }
}

fn create_cached_data<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let script = args.native::<Script>(scope)?;
    let script = v8::Local::new(scope, &script.script);
    let bytes = script
        .create_code_cache()
        .map(|cache| cache.to_vec())
        .unwrap_or_default();
    new_node_buffer(scope, bytes)
        .map(Into::into)
        .ok_or(Failure::Pending)
}

/// A made `vm` context.
struct Contextified {
    context: v8::Global<v8::Context>,
}

impl Native for Contextified {}

/// `makeContext(contextObject | vm_context_no_contextify, name, origin, strings, wasm, microtaskQueue, hostDefinedOptionId)`.
fn make_context<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let vanilla = args.get(0).is_symbol();
    let strings = args.bool(scope, 3);
    let id = args.get(6);
    let main = scope.get_current_context();
    let context = v8::Context::new(scope, v8::ContextOptions::default());
    context.set_security_token(main.get_security_token(scope));
    context.set_allow_generation_from_strings(strings);
    {
        let inner = &mut v8::ContextScope::new(scope, context);
        loader::per_context(inner)?;
        let global = context.global(inner);
        if id.is_symbol() {
            global
                .set_private(inner, inner.private("node:host_defined_option_symbol"), id)
                .ok_or(Failure::Pending)?;
        }
    }
    let global = context.global(scope);
    let sandbox = if vanilla { global } else { args.object(0)? };
    // The holder carries the context; the sandbox refers to it by a private symbol.
    let template = v8::ObjectTemplate::new(scope);
    template.set_internal_field_count(1);
    let holder = template.new_instance(scope).ok_or(Failure::Pending)?;
    let made = Rc::new(Contextified {
        context: v8::Global::new(scope, context),
    });
    attach(scope, holder, made);
    sandbox
        .set_private(
            scope,
            scope.private("node:contextify:context"),
            holder.into(),
        )
        .ok_or(Failure::Pending)?;
    Ok(sandbox.into())
}

/// Puts the sandbox's properties on the context's global.
fn copy_in<'s>(
    scope: &mut Scope<'s, '_>,
    sandbox: Object<'s>,
    context: v8::Local<'s, v8::Context>,
) -> Result<(), Failure> {
    let global = context.global(scope);
    if global == sandbox {
        return Ok(());
    }
    let names = sandbox
        .get_own_property_names(scope, own_names())
        .ok_or(Failure::Pending)?;
    for index in 0..names.length() {
        let key = names.get_index(scope, index).ok_or(Failure::Pending)?;
        let Ok(name) = v8::Local::<v8::Name>::try_from(key) else {
            continue;
        };
        // A getter that throws is not the script's fault before it asks for it.
        v8::tc_scope!(let scope, scope);
        let Some(value) = sandbox.get(scope, key) else {
            continue;
        };
        let _defined = global.create_data_property(scope, name, value);
    }
    Ok(())
}

/// Puts what a script left on the global back into the sandbox.
fn copy_out<'s>(
    scope: &mut Scope<'s, '_>,
    sandbox: Object<'s>,
    context: v8::Local<'s, v8::Context>,
) -> Result<(), Failure> {
    let global = context.global(scope);
    if global == sandbox {
        return Ok(());
    }
    let names = global
        .get_own_property_names(scope, enumerable_names())
        .ok_or(Failure::Pending)?;
    for index in 0..names.length() {
        let key = names.get_index(scope, index).ok_or(Failure::Pending)?;
        let value = global.get(scope, key).ok_or(Failure::Pending)?;
        let old = sandbox.get(scope, key).ok_or(Failure::Pending)?;
        if !old.strict_equals(value) {
            let _set = sandbox.set(scope, key, value);
        }
    }
    // What the script deleted.
    let names = sandbox
        .get_own_property_names(scope, enumerable_names())
        .ok_or(Failure::Pending)?;
    for index in 0..names.length() {
        let key = names.get_index(scope, index).ok_or(Failure::Pending)?;
        let Ok(name) = v8::Local::<v8::Name>::try_from(key) else {
            continue;
        };
        if global.has_own_property(scope, name) == Some(false) {
            let _deleted = sandbox.delete(scope, key);
        }
    }
    Ok(())
}

fn own_names() -> v8::GetPropertyNamesArgs {
    v8::GetPropertyNamesArgsBuilder::new()
        .mode(v8::KeyCollectionMode::OwnOnly)
        .property_filter(v8::PropertyFilter::ALL_PROPERTIES)
        .index_filter(v8::IndexFilter::IncludeIndices)
        .key_conversion(v8::KeyConversionMode::ConvertToString)
        .build()
}

fn enumerable_names() -> v8::GetPropertyNamesArgs {
    v8::GetPropertyNamesArgsBuilder::new()
        .mode(v8::KeyCollectionMode::OwnOnly)
        .property_filter(v8::PropertyFilter::ONLY_ENUMERABLE)
        .index_filter(v8::IndexFilter::IncludeIndices)
        .key_conversion(v8::KeyConversionMode::ConvertToString)
        .build()
}
