//! `internalBinding('messaging')`: message ports and structured clones. Node: src/node_messaging.cc.

use crate::environment::Stored;
use crate::glue::{Args, Binding, BindingResult, Failure, Object, Scope, ScopeExt};

pub(super) const BINDING: Binding = Binding::new("messaging")
    .note("being written")
    .function("setDeserializerCreateObjectFunction", set_deserializer_create_object)
    .function("exposeLazyDOMExceptionProperty", expose_lazy_dom_exception)
    .setup(setup);

/// `DOMException` is the one the per-context scripts made.
fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    let class = dom_exception(scope)?;
    scope.set(binding, "DOMException", class);
    Ok(())
}

fn dom_exception<'s>(scope: &mut Scope<'s, '_>) -> Result<crate::glue::Value<'s>, Failure> {
    let env = scope.env();
    let exports = env.stored(scope, Stored::PerContextExports).and_then(|value| Object::try_from(value).ok());
    exports.map_or_else(|| Ok(scope.undefined()), |exports| scope.get_property(exports, "DOMException"))
}

fn set_deserializer_create_object<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope.env().store(scope, Stored::DeserializerCreateObject, function.into());
    Ok(().into())
}

/// Defines `DOMException` on an object (the global), not enumerable.
fn expose_lazy_dom_exception<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let target = args.object(0)?;
    let class = dom_exception(scope)?;
    target
        .define_own_property(scope, scope.name("DOMException").into(), class, v8::PropertyAttribute::DONT_ENUM)
        .ok_or(Failure::Pending)?;
    Ok(().into())
}
