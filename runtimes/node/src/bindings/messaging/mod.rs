//! `internalBinding('messaging')`: message channels and ports, broadcast channels, structured clones; `DOMException`.
//! Node: `src/node_messaging.cc`.
//!
//! Reading order: `transfer` (what can be in a message besides data), `message` (a value between two isolates), `channel` (queues
//! that threads share), `port` (the class `MessagePort`).

pub(crate) mod channel;
pub(crate) mod message;
pub(crate) mod port;
pub(crate) mod transfer;

use crate::environment::Stored;
use crate::glue::{Args, Binding, BindingResult, Class, Failure, Object, Scope, ScopeExt, Value};
use message::Message;

pub(super) const BINDING: Binding = Binding::new("messaging")
    .class(&MESSAGE_CHANNEL)
    .class(&port::MESSAGE_PORT)
    .function("broadcastChannel", port::broadcast_channel)
    .function("drainMessagePort", port::drain)
    .function("stopMessagePort", port::stop)
    .function("receiveMessageOnPort", port::receive)
    .function("moveMessagePortToContext", port::move_to_context)
    .function(
        "setDeserializerCreateObjectFunction",
        set_deserializer_create_object,
    )
    .function("exposeLazyDOMExceptionProperty", expose_lazy_dom_exception)
    .function("structuredClone", structured_clone)
    .setup(setup);

static MESSAGE_CHANNEL: Class = Class::new("MessageChannel", port::new_message_channel);

/// `DOMException` is the one the per-context scripts made.
fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    let class = dom_exception(scope)?;
    scope.set(binding, "DOMException", class);
    Ok(())
}

fn dom_exception<'s>(scope: &mut Scope<'s, '_>) -> Result<Value<'s>, Failure> {
    let context = scope.get_current_context();
    let exports = crate::loader::per_context_exports(scope, context);
    exports.map_or_else(
        || Ok(scope.undefined()),
        |exports| scope.get_property(exports, "DOMException"),
    )
}

fn set_deserializer_create_object<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::DeserializerCreateObject, function.into());
    Ok(().into())
}

/// Defines `DOMException` on an object (the global), not enumerable.
fn expose_lazy_dom_exception<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let target = args.object(0)?;
    let class = dom_exception(scope)?;
    target
        .define_own_property(
            scope,
            scope.name("DOMException").into(),
            class,
            v8::PropertyAttribute::DONT_ENUM,
        )
        .ok_or(Failure::Pending)?;
    Ok(().into())
}

/// Throws a `DataCloneError`.
pub(crate) fn throw_data_clone_error<'s>(scope: &mut Scope<'s, '_>, message: Value<'s>) {
    v8::allow_javascript_execution_scope!(let scope, scope);
    let class = dom_exception(scope)
        .ok()
        .and_then(|class| v8::Local::<v8::Function>::try_from(class).ok());
    let name = scope.text("DataCloneError").into();
    if let Some(error) = class.and_then(|class| class.new_instance(scope, &[message, name])) {
        scope.throw_exception(error.into());
    }
}

/// `structuredClone(value, { transfer })`.
fn structured_clone<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let mut transfer = Vec::new();
    if let Ok(options) = Object::try_from(args.get(1)) {
        let list = scope.get_property(options, "transfer")?;
        if let Ok(list) = v8::Local::<v8::Array>::try_from(list) {
            for index in 0..list.length() {
                transfer.push(list.get_index(scope, index).ok_or(Failure::Pending)?);
            }
        }
    }
    let message = Message::serialize(scope, args.get(0), &transfer, None)?;
    Ok(message.deserialize(scope, None)?.into())
}
