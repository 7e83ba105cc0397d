//! `internalBinding('http2')`: HTTP/2 sessions and streams over nghttp2. Node: `src/node_http2.cc`.
//!
//! Reading order: `settings`, `session` (the class, its state and methods), `receive` (what the library tells of what came), `send`
//! (bytes on their way out), `stream` (one stream: its class, and a stream resource as any other). The JavaScript functions that
//! sessions call were given by `setCallbackFunctions`.
//!
//! Unlike Node's, what the library itself allocates is not counted against `maxSessionMemory`; queued bytes and headers are.

mod receive;
mod send;
mod session;
mod settings;
mod stream;

use std::cell::RefCell;

use crate::event_loop::{CallContext, make_callback_in};
use crate::glue::{
    Args, Binding, BindingResult, Failure, Object, Return, Scope, ScopeExt, Value, new_node_buffer,
    nghttp2,
};

pub(super) const BINDING: Binding = Binding::new("http2")
    .note("no performance entries; what nghttp2 allocates is not counted in maxSessionMemory")
    .function("nghttp2ErrorString", error_string)
    .function("refreshDefaultSettings", refresh_default_settings)
    .function("packSettings", pack_settings)
    .function("setCallbackFunctions", set_callback_functions)
    .class(&session::HTTP2_SESSION)
    .class(&stream::HTTP2_STREAM);

/// The functions of JavaScript, in the order `setCallbackFunctions` has them.
#[derive(Clone, Copy, Debug)]
enum Callback {
    Error,
    Priority,
    Settings,
    Ping,
    Headers,
    FrameError,
    GoawayData,
    AltSvc,
    Origin,
    StreamTrailers,
    StreamClose,
}

const CALLBACKS: usize = Callback::StreamClose as usize + 1;

#[derive(Default)]
struct Callbacks {
    functions: RefCell<Vec<v8::Global<v8::Function>>>,
}

/// Calls one of JavaScript's functions as the loop would.
fn call<'s>(
    scope: &mut Scope<'s, '_>,
    this: Object<'s>,
    callback: Callback,
    args: &[Value<'s>],
    context: &CallContext,
) -> Option<Value<'s>> {
    let callbacks = scope.env().state::<Callbacks>();
    let function = callbacks
        .functions
        .borrow()
        .get(callback as usize)
        .map(|function| v8::Local::new(scope, function))?;
    make_callback_in(scope, this, function, args, context)
}

fn set_callback_functions<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let mut functions = Vec::with_capacity(CALLBACKS);
    for index in 0..CALLBACKS {
        functions.push(v8::Global::new(scope, args.function(index)?));
    }
    *scope.env().state::<Callbacks>().functions.borrow_mut() = functions;
    Ok(().into())
}

fn error_string<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let code = session::int32(scope, args.get(0))?;
    Ok(scope.text(nghttp2::error_string(code)).into())
}

fn refresh_default_settings<'s>(scope: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    settings::refresh_defaults(scope)?;
    Ok(().into())
}

/// The payload of a SETTINGS frame with what the settings buffer says.
fn pack_settings<'s>(scope: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    let settings = settings::given(scope)?;
    Ok(match nghttp2::pack_settings(&settings) {
        Some(bytes) => new_node_buffer(scope, bytes)
            .ok_or(Failure::Pending)?
            .into(),
        None => Return::Undefined,
    })
}
