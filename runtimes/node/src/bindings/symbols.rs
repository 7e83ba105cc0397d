//! `internalBinding('symbols')`, and the private symbols of `internalBinding('util')`. Node: `src/node_symbols.cc`, `src/env_properties.h`.
//!
//! Both are kept by V8 under their descriptions, so they are the same in every context and survive a snapshot.

use crate::glue::{Binding, Object, Scope, ScopeExt};
use crate::shapes::{Shape, shape_of};

pub(super) const BINDING: Binding = Binding::new("symbols");

fn properties(binding: &str) -> &'static [(&'static str, Shape)] {
    match shape_of(binding) {
        Some(Shape::Object { properties, .. }) => properties,
        _ => &[],
    }
}

/// The object with the symbols, for the per-context scripts.
pub(crate) fn symbols<'s>(scope: &Scope<'s, '_>) -> Object<'s> {
    let object = scope.null_object();
    for (name, shape) in properties("symbols") {
        if let Shape::Symbol(description) = shape {
            scope.set(object, name, scope.node_symbol(description).into());
        }
    }
    object
}

/// `util.privateSymbols`: an object whose properties are private symbols, which only native code can make.
/// V8 lets a template carry them and nothing else.
pub(crate) fn private_symbols<'s>(scope: &Scope<'s, '_>) -> Object<'s> {
    let template = v8::ObjectTemplate::new(scope);
    let shape = properties("util")
        .iter()
        .find(|(name, _)| *name == "privateSymbols");
    if let Some((_, Shape::Object { properties, .. })) = shape {
        for (name, shape) in *properties {
            if let Shape::Symbol(description) = shape {
                template.set(scope.name(name).into(), scope.private(description).into());
            }
        }
    }
    let object = template
        .new_instance(scope)
        .unwrap_or_else(|| scope.object());
    let _set = object.set_prototype(scope, scope.null());
    object
}
