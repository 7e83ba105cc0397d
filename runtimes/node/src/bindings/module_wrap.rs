//! `internalBinding('module_wrap')`: ES modules. Node: `src/module_wrap.cc`, lib/internal/modules/esm/*.
//!
//! A `ModuleWrap` stands for a V8 module. JavaScript asks for its requests, links each to another wrap, then instantiates and
//! evaluates. V8 asks back for what a request is linked to ([`resolve`]), for `import()` and for `import.meta`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::environment::Stored;
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Object, Return, Scope, ScopeExt, Value,
    attach, copy_bytes, evaluate_synthetic as evaluate_steps, native_of, resolve_module,
};

pub(super) const BINDING: Binding = Binding::new("module_wrap")
    .class(&MODULE_WRAP)
    .function(
        "setImportModuleDynamicallyCallback",
        set_import_module_dynamically_callback,
    )
    .function(
        "setInitializeImportMetaObjectCallback",
        set_initialize_import_meta_object_callback,
    )
    .function("createRequiredModuleFacade", create_required_module_facade)
    .function("throwIfPromiseRejected", throw_if_promise_rejected);

static MODULE_WRAP: Class = Class::new("ModuleWrap", new_module_wrap)
    .method("getModuleRequests", get_module_requests)
    .method("link", link)
    .method("instantiate", instantiate)
    .method("evaluate", evaluate)
    .method("evaluateSync", evaluate_sync)
    .method("setExport", set_export)
    .method("getNamespace", get_namespace)
    .method("getStatus", get_status)
    .method("getError", get_error)
    .method("createCachedData", create_cached_data)
    .method("isGraphAsync", is_graph_async)
    .getter("hasAsyncGraph", has_async_graph);

const SOURCE_PHASE: i32 = 1;
const EVALUATION_PHASE: i32 = 2;

/// The Rust side of a `ModuleWrap`.
struct ModuleWrap {
    module: v8::Global<v8::Module>,
    context: v8::Global<v8::Context>,
    is_synthetic: bool,
    /// Module objects in the order of the requests.
    linked: RefCell<Vec<v8::Global<v8::Object>>>,
    is_linked: Cell<bool>,
    /// What a synthetic module runs.
    steps: RefCell<Option<v8::Global<v8::Function>>>,
}

impl Native for ModuleWrap {}

/// A V8 module and its wrap.
type Pair = (v8::Global<v8::Module>, v8::Global<v8::Object>);

/// V8 modules by identity hash, to find the wrap again.
#[derive(Default)]
struct Wraps {
    by_hash: RefCell<HashMap<i32, Vec<Pair>>>,
}

fn wrap_of<'s>(scope: &Scope<'s, '_>, module: v8::Local<'s, v8::Module>) -> Option<Object<'s>> {
    let wraps = scope.env().state::<Wraps>();
    let map = wraps.by_hash.borrow();
    let bucket = map.get(&module.get_identity_hash().get())?;
    bucket
        .iter()
        .find(|(known, _)| v8::Local::new(scope, known) == module)
        .map(|(_, object)| v8::Local::new(scope, object))
}

fn native<'s>(scope: &Scope<'s, '_>, object: Object<'s>) -> Result<Rc<ModuleWrap>, Failure> {
    native_of::<ModuleWrap>(scope, object)
        .ok_or_else(|| Failure::type_error("ERR_INVALID_THIS", "Illegal invocation"))
}

/// `new ModuleWrap(url, context, source, lineOffset, columnOffset[, idSymbol | cachedData])`, or
/// `new ModuleWrap(url, context, exportNames, evaluationSteps)`.
fn new_module_wrap<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if !args.is_construct_call() {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_REQUIRED",
            "Class constructor ModuleWrap cannot be invoked without `new`",
        ));
    }
    let that = args.this();
    let url = args.string(0)?;
    let context = match Object::try_from(args.get(1)) {
        Ok(sandbox) => super::contextify::context_of(scope, sandbox).ok_or_else(|| {
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
    let undefined = scope.undefined();
    that.set_private(
        scope,
        scope.private("node:source_map_data_private_symbol"),
        undefined,
    )
    .ok_or(Failure::Pending)?;
    scope.set(that, "url", url.into());
    scope.set(that, "synthetic", scope.boolean(is_synthetic));
    if !is_synthetic {
        let script = module.get_unbound_module_script(scope);
        let source_url = script.get_source_url(scope);
        let source_map_url = script.get_source_mapping_url(scope);
        scope.set(that, "sourceMapURL", source_map_url);
        scope.set(that, "sourceURL", source_url);
        scope.set(
            that,
            "hasTopLevelAwait",
            scope.boolean(module.has_top_level_await()),
        );
    }
    let wrap = Rc::new(ModuleWrap {
        module: v8::Global::new(scope, module),
        context: v8::Global::new(scope, context),
        is_synthetic,
        linked: RefCell::default(),
        is_linked: Cell::new(is_synthetic),
        steps: RefCell::new(steps.map(|steps| v8::Global::new(scope, steps))),
    });
    attach(scope, that, wrap);
    let entry = (v8::Global::new(scope, module), v8::Global::new(scope, that));
    scope
        .env()
        .state::<Wraps>()
        .by_hash
        .borrow_mut()
        .entry(module.get_identity_hash().get())
        .or_default()
        .push(entry);
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
    let (line, column) = (args.i32(scope, 3)?, args.i32(scope, 4)?);
    let options = host_defined_options(scope, id_symbol);
    let origin = v8::ScriptOrigin::new(
        scope,
        url.into(),
        line,
        column,
        true,
        -1,
        None,
        false,
        false,
        true,
        Some(options),
    );
    let cached = if args.get(5).is_array_buffer_view() {
        copy_bytes(args.get(5))
    } else {
        None
    };
    let mut with_cache;
    let mut without;
    let (source, compile) = match &cached {
        Some(bytes) => {
            with_cache = v8::script_compiler::Source::new_with_cached_data(
                source,
                Some(&origin),
                v8::script_compiler::CachedData::new(bytes),
            );
            (
                &mut with_cache,
                v8::script_compiler::CompileOptions::ConsumeCodeCache,
            )
        }
        None => {
            without = v8::script_compiler::Source::new(source, Some(&origin));
            (
                &mut without,
                v8::script_compiler::CompileOptions::NoCompileOptions,
            )
        }
    };
    v8::tc_scope!(let catch, scope);
    let module = v8::script_compiler::compile_module2(
        catch,
        source,
        compile,
        v8::script_compiler::NoCacheReason::NoReason,
    );
    let Some(module) = module else {
        if let (Some(exception), Some(message)) = (catch.exception(), catch.message()) {
            super::errors::append_exception_line(catch, exception, message, false);
        }
        catch.rethrow();
        return Err(Failure::Pending);
    };
    if source
        .get_cached_data()
        .is_some_and(v8::CachedData::rejected)
    {
        return Err(Failure::error(
            "ERR_VM_MODULE_CACHED_DATA_REJECTED",
            "cachedData buffer was rejected",
        ));
    }
    Ok(module)
}

/// What V8 hands back when code compiled with it calls `import()`.
pub(crate) fn host_defined_options<'s>(
    scope: &Scope<'s, '_>,
    id_symbol: v8::Local<'s, v8::Symbol>,
) -> v8::Local<'s, v8::Data> {
    let options = v8::PrimitiveArray::new(scope, 1);
    options.set(scope, 0, id_symbol.into());
    options.into()
}

/// Import attributes as `{ __proto__: null, key: value }`; `step` is 3 where V8 adds positions, else 2.
fn attributes_object<'s>(
    scope: &Scope<'s, '_>,
    attributes: v8::Local<'s, v8::FixedArray>,
    step: usize,
) -> Object<'s> {
    let object = scope.null_object();
    for at in (0..attributes.length()).step_by(step) {
        let part = |at| {
            attributes
                .get(scope, at)
                .and_then(|data| v8::Local::<v8::Value>::try_from(data).ok())
        };
        if let (Some(key), Some(value)) = (part(at), part(at + 1))
            && let Ok(key) = v8::Local::<v8::Name>::try_from(key)
        {
            let _defined = object.create_data_property(scope, key, value);
        }
    }
    object
}

const fn phase_number(phase: v8::ModuleImportPhase) -> i32 {
    match phase {
        v8::ModuleImportPhase::kSource => SOURCE_PHASE,
        _ => EVALUATION_PHASE,
    }
}

/// A frozen array of frozen `{ specifier, attributes, phase }`.
fn get_module_requests<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = native(scope, args.this())?;
    let module = v8::Local::new(scope, &wrap.module);
    if wrap.is_synthetic {
        return Ok(scope.array(&[]).into());
    }
    let requests = module.get_module_requests();
    let mut list = Vec::new();
    for index in 0..requests.length() {
        let Some(request) = requests
            .get(scope, index)
            .and_then(|data| v8::Local::<v8::ModuleRequest>::try_from(data).ok())
        else {
            continue;
        };
        let entry = scope.null_object();
        let attributes = attributes_object(scope, request.get_import_attributes(), 3);
        attributes.set_integrity_level(scope, v8::IntegrityLevel::Frozen);
        scope.set(entry, "specifier", request.get_specifier().into());
        scope.set(entry, "attributes", attributes.into());
        scope.set(
            entry,
            "phase",
            v8::Integer::new(scope, phase_number(request.get_phase())).into(),
        );
        entry.set_integrity_level(scope, v8::IntegrityLevel::Frozen);
        list.push(entry.into());
    }
    let list = scope.array(&list);
    list.set_integrity_level(scope, v8::IntegrityLevel::Frozen);
    Ok(list.into())
}

/// `link(wraps)`: one for each request, in order.
fn link<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = native(scope, args.this())?;
    let modules = args.array(0)?;
    let expected = v8::Local::new(scope, &wrap.module)
        .get_module_requests()
        .length();
    if usize::try_from(modules.length()).ok() != Some(expected) {
        let message = format!("linking error, expected a module for each of {expected} requests");
        return Err(Failure::error("ERR_VM_MODULE_LINK_FAILURE", message));
    }
    let mut linked = Vec::new();
    for index in 0..modules.length() {
        let module = modules
            .get_index(scope, index)
            .and_then(|value| Object::try_from(value).ok());
        let module = module.filter(|module| native_of::<ModuleWrap>(scope, *module).is_some());
        let module = module.ok_or_else(|| {
            Failure::error(
                "ERR_VM_MODULE_LINK_FAILURE",
                "linking error, expected a ModuleWrap",
            )
        })?;
        linked.push(v8::Global::new(scope, module));
    }
    *wrap.linked.borrow_mut() = linked;
    wrap.is_linked.set(true);
    Ok(().into())
}

/// V8 asks what a request of `referrer` is linked to.
pub(crate) fn resolve<'s>(
    scope: &mut Scope<'s, '_>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    let found = find_linked(scope, specifier, attributes, referrer);
    if found.is_none() {
        let message = format!(
            "request for '{}' is not yet fulfilled",
            specifier.to_rust_string_lossy(scope)
        );
        Failure::error("ERR_VM_MODULE_LINK_FAILURE", message).throw(scope);
    }
    found
}

fn find_linked<'s>(
    scope: &mut Scope<'s, '_>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    let object = wrap_of(scope, referrer)?;
    let wrap = native(scope, object).ok()?;
    let requests = referrer.get_module_requests();
    let same_attributes = |scope: &Scope<'s, '_>, other: v8::Local<'s, v8::FixedArray>| {
        let texts = |list: v8::Local<'s, v8::FixedArray>| -> Vec<String> {
            (0..list.length())
                .filter(|at| at % 3 != 2)
                .filter_map(|at| {
                    list.get(scope, at)
                        .and_then(|data| v8::Local::<v8::Value>::try_from(data).ok())
                })
                .map(|value| value.to_rust_string_lossy(scope))
                .collect()
        };
        texts(attributes) == texts(other)
    };
    for index in 0..requests.length() {
        let request = v8::Local::<v8::ModuleRequest>::try_from(requests.get(scope, index)?).ok()?;
        if request.get_specifier().strict_equals(specifier.into())
            && same_attributes(scope, request.get_import_attributes())
        {
            let linked = wrap.linked.borrow().get(index).cloned()?;
            let linked = v8::Local::new(scope, &linked);
            let target = native(scope, linked).ok()?;
            return Some(v8::Local::new(scope, &target.module));
        }
    }
    None
}

fn instantiate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = native(scope, args.this())?;
    if !wrap.is_linked.get()
        && v8::Local::new(scope, &wrap.module)
            .get_module_requests()
            .length()
            > 0
    {
        return Err(Failure::error(
            "ERR_VM_MODULE_LINK_FAILURE",
            "the module is not linked",
        ));
    }
    let context = v8::Local::new(scope, &wrap.context);
    let scope = &mut v8::ContextScope::new(scope, context);
    let module = v8::Local::new(scope, &wrap.module);
    v8::tc_scope!(let catch, scope);
    if module.instantiate_module(catch, resolve_module).is_none() {
        if let (Some(exception), Some(message)) = (catch.exception(), catch.message()) {
            super::errors::append_exception_line(catch, exception, message, false);
        }
        catch.rethrow();
        return Err(Failure::Pending);
    }
    Ok(().into())
}

/// Returns V8's promise.
fn evaluate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = native(scope, args.this())?;
    let context = v8::Local::new(scope, &wrap.context);
    let scope = &mut v8::ContextScope::new(scope, context);
    let module = v8::Local::new(scope, &wrap.module);
    module
        .evaluate(scope)
        .map(Into::into)
        .ok_or(Failure::Pending)
}

/// Evaluates a graph without top-level await, for `require(esm)`; returns the namespace.
fn evaluate_sync<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = native(scope, args.this())?;
    let context = v8::Local::new(scope, &wrap.context);
    let scope = &mut v8::ContextScope::new(scope, context);
    let module = v8::Local::new(scope, &wrap.module);
    let result = module.evaluate(scope).ok_or(Failure::Pending)?;
    let promise = v8::Local::<v8::Promise>::try_from(result).map_err(|_| Failure::Pending)?;
    if promise.state() == v8::PromiseState::Rejected {
        let exception = promise.result(scope);
        let message = v8::Exception::create_message(scope, exception);
        super::errors::append_exception_line(scope, exception, message, false);
        promise.mark_as_handled();
        return Err(Failure::Thrown(v8::Global::new(scope, exception)));
    }
    if module.is_graph_async() {
        return Err(required_async());
    }
    Ok(module.get_module_namespace().into())
}

/// `ERR_REQUIRE_ASYNC_MODULE`. Node: `ThrowErrorRequireAsyncModule`.
fn required_async() -> Failure {
    let message = "require() cannot be used on an ESM graph with top-level await. Use import() instead. To see where the \
                   top-level await comes from, use --experimental-print-required-tla.";
    Failure::error("ERR_REQUIRE_ASYNC_MODULE", message)
}

/// V8 evaluates a synthetic module: JavaScript's steps run with the wrap as receiver. The result is a resolved promise.
pub(crate) fn evaluate_synthetic<'s>(
    scope: &mut Scope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<Value<'s>> {
    let object = wrap_of(scope, module)?;
    let wrap = native(scope, object).ok()?;
    let steps = wrap.steps.borrow_mut().take()?;
    let steps = v8::Local::new(scope, &steps);
    steps.call(scope, object.into(), &[object.into()])?;
    let resolver = v8::PromiseResolver::new(scope)?;
    resolver.resolve(scope, v8::undefined(scope).into())?;
    Some(resolver.get_promise(scope).into())
}

fn set_export<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = native(scope, args.this())?;
    let name = args.string(0)?;
    let module = v8::Local::new(scope, &wrap.module);
    if !wrap.is_synthetic {
        return Err(Failure::error(
            "ERR_VM_MODULE_NOT_MODULE",
            "only synthetic modules have settable exports",
        ));
    }
    module
        .set_synthetic_module_export(scope, name, args.get(1))
        .ok_or(Failure::Pending)?;
    Ok(().into())
}

fn get_namespace<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = native(scope, args.this())?;
    let module = v8::Local::new(scope, &wrap.module);
    if matches!(
        module.get_status(),
        v8::ModuleStatus::Uninstantiated | v8::ModuleStatus::Instantiating
    ) {
        return Err(Failure::error(
            "ERR_MODULE_NOT_INSTANTIATED",
            "Module is not instantiated",
        ));
    }
    Ok(module.get_module_namespace().into())
}

fn get_status<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = native(scope, args.this())?;
    let status = match v8::Local::new(scope, &wrap.module).get_status() {
        v8::ModuleStatus::Uninstantiated => 0,
        v8::ModuleStatus::Instantiating => 1,
        v8::ModuleStatus::Instantiated => 2,
        v8::ModuleStatus::Evaluating => 3,
        v8::ModuleStatus::Evaluated => 4,
        v8::ModuleStatus::Errored => 5,
    };
    Ok(status.into())
}

fn get_error<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = native(scope, args.this())?;
    let module = v8::Local::new(scope, &wrap.module);
    if module.get_status() != v8::ModuleStatus::Errored {
        return Ok(Return::Undefined);
    }
    Ok(module.get_exception().into())
}

fn has_async_graph<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = native(scope, args.this())?;
    let module = v8::Local::new(scope, &wrap.module);
    if matches!(
        module.get_status(),
        v8::ModuleStatus::Uninstantiated | v8::ModuleStatus::Instantiating
    ) {
        return Err(Failure::error(
            "ERR_MODULE_NOT_INSTANTIATED",
            "Module is not instantiated",
        ));
    }
    Ok(module.is_graph_async().into())
}

fn is_graph_async<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    has_async_graph(scope, args)
}

fn create_cached_data<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = native(scope, args.this())?;
    let module = v8::Local::new(scope, &wrap.module);
    if !module.is_source_text_module()
        || !matches!(
            module.get_status(),
            v8::ModuleStatus::Uninstantiated | v8::ModuleStatus::Instantiated
        )
    {
        return Err(Failure::error(
            "ERR_VM_MODULE_CANNOT_CREATE_CACHED_DATA",
            "Cached data cannot be created for a module which has been evaluated",
        ));
    }
    let script = module.get_unbound_module_script(scope);
    let bytes = script
        .create_code_cache()
        .map(|cache| cache.to_vec())
        .unwrap_or_default();
    crate::glue::new_node_buffer(scope, bytes)
        .map(Into::into)
        .ok_or(Failure::Pending)
}

fn set_import_module_dynamically_callback<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::ImportModuleDynamically, function.into());
    Ok(().into())
}

fn set_initialize_import_meta_object_callback<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::InitializeImportMeta, function.into());
    Ok(().into())
}

/// V8 meets `import.meta` for the first time in a module.
pub(crate) fn initialize_import_meta<'s>(
    scope: &mut Scope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
    meta: Object<'s>,
) {
    let env = scope.env();
    let (Some(wrap), Some(callback)) = (
        wrap_of(scope, module),
        env.stored_function(scope, Stored::InitializeImportMeta),
    ) else {
        return;
    };
    let Some(id) = wrap.get_private(scope, scope.private("node:host_defined_option_symbol")) else {
        return;
    };
    v8::tc_scope!(let catch, scope);
    if callback
        .call(catch, catch.undefined(), &[id, meta.into(), wrap.into()])
        .is_none()
    {
        catch.rethrow();
    }
}

/// Guest code calls `import()`. JavaScript does the work and returns a promise.
pub(crate) fn import_dynamically<'s>(
    scope: &mut Scope<'s, '_>,
    host_defined_options: v8::Local<'s, v8::Data>,
    resource_name: Value<'s>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let env = scope.env();
    let callback = env.stored_function(scope, Stored::ImportModuleDynamically);
    let Some(callback) = callback else {
        Failure::type_error(
            "ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING",
            "A dynamic import callback was not specified.",
        )
        .throw(scope);
        return None;
    };
    let id: Value<'s> = match crate::glue::first_host_defined_option(scope, host_defined_options) {
        Some(id) => id,
        None => {
            // Code without options (eval, new Function): the global says what to do.
            let global = scope.get_current_context().global(scope);
            let id = global.get_private(scope, scope.private("node:host_defined_option_symbol"))?;
            if id.is_undefined() {
                scope.node_symbol("vm_dynamic_import_missing_flag").into()
            } else {
                id
            }
        }
    };
    let attributes: Value<'s> = attributes_object(scope, attributes, 2).into();
    let phase = v8::Integer::new(scope, EVALUATION_PHASE).into();
    let args = [id, specifier.into(), phase, attributes, resource_name];
    let result = callback.call(scope, scope.undefined(), &args)?;
    v8::Local::<v8::Promise>::try_from(result).ok()
}

/// `require()` of a module that wants its own `__esModule`: a module that re-exports everything and adds the flag.
fn create_required_module_facade<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    const SOURCE: &str = include_str!("required_module_facade.mjs");
    let wrap = args.object(0)?;
    let original = native(scope, wrap)?;
    let name = scope.text("node:internal/require_module_default_facade");
    let options = host_defined_options(scope, scope.node_symbol("source_text_module_default_hdo"));
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
        true,
        Some(options),
    );
    let mut source = v8::script_compiler::Source::new(scope.text(SOURCE), Some(&origin));
    let facade = v8::script_compiler::compile_module(scope, &mut source).ok_or(Failure::Pending)?;
    // A wrap of its own, so that `resolve` finds what it is linked to.
    let template = v8::ObjectTemplate::new(scope);
    template.set_internal_field_count(1);
    let holder = template.new_instance(scope).ok_or(Failure::Pending)?;
    let rust = Rc::new(ModuleWrap {
        module: v8::Global::new(scope, facade),
        context: original.context.clone(),
        is_synthetic: false,
        linked: RefCell::new(vec![v8::Global::new(scope, wrap)]),
        is_linked: Cell::new(true),
        steps: RefCell::new(None),
    });
    attach(scope, holder, rust);
    let entry = (
        v8::Global::new(scope, facade),
        v8::Global::new(scope, holder),
    );
    scope
        .env()
        .state::<Wraps>()
        .by_hash
        .borrow_mut()
        .entry(facade.get_identity_hash().get())
        .or_default()
        .push(entry);
    facade
        .instantiate_module(scope, resolve_module)
        .ok_or(Failure::Pending)?;
    facade.evaluate(scope).ok_or(Failure::Pending)?;
    Ok(facade.get_module_namespace().into())
}

/// Throws the reason of a rejected promise.
fn throw_if_promise_rejected<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Ok(promise) = v8::Local::<v8::Promise>::try_from(args.get(0))
        && promise.state() == v8::PromiseState::Rejected
    {
        let reason = promise.result(scope);
        return Err(Failure::Thrown(v8::Global::new(scope, reason)));
    }
    Ok(().into())
}
