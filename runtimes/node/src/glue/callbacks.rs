//! What V8 calls by itself: promise rejections, stack formatting, dynamic import, `import.meta`, uncaught messages, modules.
//!
//! Each callback only opens a scope and hands over to safe code in `bindings/`. V8 forgets these at a snapshot: [`install`]
//! runs for every isolate, restored or not.

use crate::bindings::{contextify, errors, module_wrap, task_queue, wasm_web_api};
use crate::glue::{Object, Scope, Value};

/// Registers all callbacks with an isolate.
pub(crate) fn install(isolate: &mut v8::Isolate) {
    isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
    isolate.set_capture_stack_trace_for_uncaught_exceptions(true, 10);
    isolate.set_promise_reject_callback(promise_reject);
    isolate.set_prepare_stack_trace_callback(prepare_stack_trace);
    isolate.set_host_import_module_dynamically_callback(import_module_dynamically);
    isolate.set_host_import_module_with_phase_dynamically_callback(import_module_of_phase);
    isolate.set_allow_wasm_code_generation_callback(allow_wasm);
    isolate.set_wasm_streaming_callback(begin_wasm_streaming);
    isolate.set_host_initialize_import_meta_object_callback(initialize_import_meta);
}

/// Listens for exceptions that reach V8's top. Not while a snapshot is made: V8 would store the listener in it.
pub(crate) fn listen_to_messages(isolate: &mut v8::Isolate) {
    isolate.add_message_listener(on_message);
}

fn begin_wasm_streaming<'s>(
    scope: &mut Scope<'s, '_>,
    source: Value<'s>,
    streaming: v8::WasmStreaming<false>,
) {
    wasm_web_api::begin(scope, source, streaming);
}

unsafe extern "C" fn promise_reject(message: v8::PromiseRejectMessage<'_>) {
    // SAFETY: V8 calls this on the isolate's thread, inside a context and a handle scope; no other scope of ours is in use.
    v8::callback_scope!(unsafe scope, &message);
    task_queue::on_promise_reject(
        scope,
        message.get_promise(),
        message.get_event(),
        message.get_value(),
    );
}

fn prepare_stack_trace<'s>(
    scope: &mut Scope<'s, '_>,
    error: Value<'s>,
    sites: v8::Local<'s, v8::Array>,
) -> Value<'s> {
    errors::prepare_stack_trace(scope, error, sites)
}

fn import_module_dynamically<'s>(
    scope: &mut Scope<'s, '_>,
    host_defined_options: v8::Local<'s, v8::Data>,
    resource_name: Value<'s>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    module_wrap::import_dynamically(
        scope,
        host_defined_options,
        resource_name,
        specifier,
        v8::ModuleImportPhase::kEvaluation,
        attributes,
    )
}

fn import_module_of_phase<'s>(
    scope: &mut Scope<'s, '_>,
    host_defined_options: v8::Local<'s, v8::Data>,
    resource_name: Value<'s>,
    specifier: v8::Local<'s, v8::String>,
    phase: v8::ModuleImportPhase,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    module_wrap::import_dynamically(
        scope,
        host_defined_options,
        resource_name,
        specifier,
        phase,
        attributes,
    )
}

unsafe extern "C" fn allow_wasm(
    context: v8::Local<'_, v8::Context>,
    _source: v8::Local<'_, v8::String>,
) -> bool {
    // SAFETY: V8 calls this on the isolate's thread, inside a handle scope.
    v8::callback_scope!(unsafe scope, context);
    let context = v8::Local::new(scope, context);
    contextify::allows_wasm(scope, context)
}

unsafe extern "C" fn initialize_import_meta(
    context: v8::Local<'_, v8::Context>,
    module: v8::Local<'_, v8::Module>,
    meta: Object<'_>,
) {
    // SAFETY: V8 calls this on the isolate's thread, inside a handle scope.
    v8::callback_scope!(unsafe scope, context);
    let module = v8::Local::new(scope, module);
    let meta = v8::Local::new(scope, meta);
    module_wrap::initialize_import_meta(scope, module, meta);
}

unsafe extern "C" fn on_message(message: v8::Local<'_, v8::Message>, error: Value<'_>) {
    // SAFETY: V8 calls this on the isolate's thread, inside a handle scope.
    v8::callback_scope!(unsafe scope, message);
    let message = v8::Local::new(scope, message);
    let error = v8::Local::new(scope, error);
    errors::message_came(scope, message, error);
}

/// For `Module::instantiate_module`: finds what a request was linked to.
pub(crate) fn resolve_module<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    // SAFETY: V8 calls this on the isolate's thread, inside a handle scope that outlives the call, as 's says.
    v8::callback_scope!(unsafe scope, context);
    let module = module_wrap::resolve(scope, specifier, attributes, referrer)?;
    // SAFETY: a callback scope opens no handle scope of its own: the handle lives in V8's, which outlives this call.
    Some(unsafe { module.extend_lifetime_unchecked::<v8::Local<'s, v8::Module>>() })
}

/// For `Module::instantiate_module2`: finds the source object of what a request was linked to.
pub(crate) fn resolve_module_source<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<Object<'s>> {
    // SAFETY: as in `resolve_module`.
    v8::callback_scope!(unsafe scope, context);
    let source = module_wrap::resolve_source(scope, specifier, attributes, referrer)?;
    // SAFETY: as in `resolve_module`.
    Some(unsafe { source.extend_lifetime_unchecked::<Object<'s>>() })
}

/// For `Module::create_synthetic_module`: runs the steps JavaScript gave.
pub(crate) fn evaluate_synthetic<'s>(
    context: v8::Local<'s, v8::Context>,
    module: v8::Local<'s, v8::Module>,
) -> Option<Value<'s>> {
    // SAFETY: as in `resolve_module`.
    v8::callback_scope!(unsafe scope, context);
    let value = module_wrap::evaluate_synthetic(scope, module)?;
    // SAFETY: as in `resolve_module`.
    Some(unsafe { value.extend_lifetime_unchecked::<Value<'s>>() })
}

/// What code was compiled with as its one host-defined option, if it was.
pub(crate) fn first_host_defined_option<'s>(
    scope: &Scope<'s, '_>,
    options: v8::Local<'s, v8::Data>,
) -> Option<Value<'s>> {
    if !options.is_fixed_array() {
        return None;
    }
    // SAFETY: V8 keeps host-defined options as the fixed array of the `PrimitiveArray` they were given as; checked above.
    let options = unsafe { v8::Local::<v8::PrimitiveArray>::cast_unchecked(options) };
    (options.length() == 1).then(|| options.get(scope, 0).into())
}
