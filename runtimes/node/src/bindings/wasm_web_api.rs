//! `internalBinding('wasm_web_api')`: `WebAssembly.compileStreaming` and its kin. Node: `src/node_wasm_web_api.cc`.
//!
//! V8 hands over who takes a module's bytes ([`begin`]); Node's JavaScript fetches them and pushes them into the object made here.

use std::cell::RefCell;
use std::rc::Rc;

use crate::environment::Stored;
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Scope, ScopeExt, Value, attach,
    copy_bytes, native_of, new_instance,
};

pub(super) const BINDING: Binding = Binding::new("wasm_web_api")
    .function("setImplementation", set_implementation)
    .class(&WASM_STREAMING_OBJECT);

static WASM_STREAMING_OBJECT: Class = Class::new("WasmStreamingObject", new_object)
    .method("setURL", set_url)
    .method("push", push)
    .method("finish", finish)
    .method("abort", abort);

/// Who takes the bytes; nobody once the module is whole or given up.
#[derive(Default)]
struct Streaming(RefCell<Option<v8::WasmStreaming<false>>>);

impl Native for Streaming {}

fn set_implementation<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::WasmImplementation, function.into());
    Ok(().into())
}

fn new_object<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    attach(scope, args.this(), Rc::new(Streaming::default()));
    Ok(().into())
}

/// V8's: a module is to be compiled from `source`, as its bytes come.
pub(crate) fn begin<'s>(
    scope: &mut Scope<'s, '_>,
    source: Value<'s>,
    streaming: v8::WasmStreaming<false>,
) {
    let env = scope.env();
    let Some(function) = env.stored_function(scope, Stored::WasmImplementation) else {
        let error = v8::Exception::error(scope, scope.text("WebAssembly streaming is not set up"));
        streaming.abort(Some(error));
        return;
    };
    let Ok(object) = new_instance(scope, &WASM_STREAMING_OBJECT, &[]) else {
        streaming.abort(None);
        return;
    };
    if let Some(native) = native_of::<Streaming>(scope, object) {
        *native.0.borrow_mut() = Some(streaming);
    }
    let nothing = scope.undefined();
    // What it throws is left to V8, which called us.
    let _result = function.call(scope, nothing, &[object.into(), source]);
}

fn set_url<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Streaming>(scope)?;
    let url = args.text(scope, 0)?;
    if let Some(streaming) = native.0.borrow_mut().as_mut() {
        streaming.set_url(&url);
    }
    Ok(().into())
}

fn push<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Streaming>(scope)?;
    let bytes = copy_bytes(args.get(0)).ok_or_else(|| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "chunk must be an ArrayBufferView or an ArrayBuffer",
        )
    })?;
    if let Some(streaming) = native.0.borrow_mut().as_mut() {
        streaming.on_bytes_received(&bytes);
    }
    Ok(().into())
}

fn finish<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Streaming>(scope)?;
    let streaming = native.0.borrow_mut().take();
    if let Some(streaming) = streaming {
        streaming.finish();
    }
    Ok(().into())
}

fn abort<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Streaming>(scope)?;
    let streaming = native.0.borrow_mut().take();
    if let Some(streaming) = streaming {
        streaming.abort(Some(args.get(0)));
    }
    Ok(().into())
}
