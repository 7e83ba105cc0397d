//! What makes a context's global show the sandbox: every access to a global property asks the sandbox first.
//!
//! Reads fall back to the context's own globals (`Array`, `globalThis`…); writes go to the sandbox and then, by V8, to the
//! global too, so that what scripts declare stays what they declared. Node: the callbacks of `ContextifyContext`.
//!
//! V8 tells us no more whether `x = 5` or `this.x = 5` is meant: in strict mode the former throws, as it must, but the
//! sandbox has the value then.

use super::context::sandbox_of;
use crate::glue::{Object, Scope, ScopeExt, Value};

type Name<'s> = v8::Local<'s, v8::Name>;
type Arguments<'s> = v8::PropertyCallbackArguments<'s>;

const PASS: v8::Intercepted = v8::Intercepted::kNo;
const DONE: v8::Intercepted = v8::Intercepted::kYes;

/// The template of a contextified global.
pub(super) fn template<'s>(scope: &Scope<'s, '_>) -> v8::Local<'s, v8::ObjectTemplate> {
    let template = v8::ObjectTemplate::new(scope);
    template.set_named_property_handler(
        v8::NamedPropertyHandlerConfiguration::new()
            .getter(get)
            .setter(set)
            .query(query)
            .deleter(delete)
            .enumerator(names)
            .definer(define)
            .descriptor(describe)
            .flags(v8::PropertyHandlerFlags::HAS_NO_SIDE_EFFECT),
    );
    template.set_indexed_property_handler(
        v8::IndexedPropertyHandlerConfiguration::new()
            .getter(get_index)
            .setter(set_index)
            .query(query_index)
            .deleter(delete_index)
            .enumerator(indices)
            .definer(define_index)
            .descriptor(describe_index)
            .flags(v8::PropertyHandlerFlags::HAS_NO_SIDE_EFFECT),
    );
    template
}

/// The two objects behind an access: the sandbox and the context's global.
struct Sides<'s> {
    context: v8::Local<'s, v8::Context>,
    sandbox: Object<'s>,
    global: Object<'s>,
}

/// `None` while the context is being made.
fn sides<'s>(scope: &Scope<'s, '_>, args: &Arguments<'s>) -> Option<Sides<'s>> {
    let context = args.holder().get_creation_context(scope)?;
    let sandbox = sandbox_of(scope, context)?;
    let global = context.global(scope);
    (sandbox != global).then_some(Sides {
        context,
        sandbox,
        global,
    })
}

fn name_of_index<'s>(scope: &Scope<'s, '_>, index: u32) -> Name<'s> {
    scope.text(&index.to_string()).into()
}

fn get<'s>(
    scope: &mut Scope<'s, '_>,
    name: Name<'s>,
    args: Arguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Value>,
) -> v8::Intercepted {
    let Some(sides) = sides(scope, &args) else {
        return PASS;
    };
    let scope = &mut v8::ContextScope::new(scope, sides.context);
    v8::tc_scope!(let catch, scope);
    let found = sides.sandbox.get_real_named_property(catch, name);
    let found = found.or_else(|| {
        if catch.has_caught() {
            return None;
        }
        sides.global.get_real_named_property(catch, name)
    });
    if catch.has_caught() {
        catch.rethrow();
        return DONE;
    }
    let Some(value) = found else {
        return PASS;
    };
    let is_sandbox = value == Value::from(sides.sandbox);
    result.set(if is_sandbox {
        sides.global.into()
    } else {
        value
    });
    DONE
}

fn query<'s>(
    scope: &mut Scope<'s, '_>,
    name: Name<'s>,
    args: Arguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Integer>,
) -> v8::Intercepted {
    let Some(sides) = sides(scope, &args) else {
        return PASS;
    };
    let scope = &v8::ContextScope::new(scope, sides.context);
    for object in [sides.sandbox, sides.global] {
        match object.has_real_named_property(scope, name) {
            None => return PASS,
            Some(false) => {}
            Some(true) => {
                let Some(attributes) = object.get_real_named_property_attributes(scope, name)
                else {
                    return PASS;
                };
                result.set_uint32(attributes.as_u32());
                return DONE;
            }
        }
    }
    PASS
}

fn set<'s>(
    scope: &mut Scope<'s, '_>,
    name: Name<'s>,
    value: Value<'s>,
    args: Arguments<'s>,
    _: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    let Some(sides) = sides(scope, &args) else {
        return PASS;
    };
    let scope = &mut v8::ContextScope::new(scope, sides.context);
    let on_global = sides.global.get_real_named_property_attributes(scope, name);
    let on_sandbox = sides
        .sandbox
        .get_real_named_property_attributes(scope, name);
    let is_read_only = [&on_global, &on_sandbox]
        .into_iter()
        .flatten()
        .any(v8::PropertyAttribute::is_read_only);
    if is_read_only {
        return PASS;
    }
    let is_declared = on_global.is_some() || on_sandbox.is_some();
    if !is_declared && name.is_symbol() {
        return PASS;
    }
    if sides.sandbox.set(scope, name.into(), value).is_none() {
        return PASS;
    }
    if on_sandbox.is_some()
        && let Some(descriptor) = sides.sandbox.get_own_property_descriptor(scope, name)
        && let Ok(descriptor) = Object::try_from(descriptor)
    {
        let has = |key: &str| {
            descriptor
                .has_own_property(scope, scope.name(key).into())
                .unwrap_or(false)
        };
        // A setter has run: the global must not get a value of its own.
        if has("get") || has("set") {
            return DONE;
        }
    }
    PASS
}

fn describe<'s>(
    scope: &mut Scope<'s, '_>,
    name: Name<'s>,
    args: Arguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Value>,
) -> v8::Intercepted {
    let Some(sides) = sides(scope, &args) else {
        return PASS;
    };
    let scope = &v8::ContextScope::new(scope, sides.context);
    if sides.sandbox.has_own_property(scope, name) != Some(true) {
        return PASS;
    }
    match sides.sandbox.get_own_property_descriptor(scope, name) {
        Some(descriptor) => {
            result.set(descriptor);
            DONE
        }
        None => PASS,
    }
}

fn define<'s>(
    scope: &mut Scope<'s, '_>,
    name: Name<'s>,
    descriptor: &v8::PropertyDescriptor,
    args: Arguments<'s>,
    _: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    let Some(sides) = sides(scope, &args) else {
        return PASS;
    };
    let scope = &v8::ContextScope::new(scope, sides.context);
    let on_global = sides.global.get_real_named_property_attributes(scope, name);
    // What can neither be written nor configured stays on both.
    if on_global.is_some_and(|attributes| attributes.is_read_only() && attributes.is_dont_delete())
    {
        return PASS;
    }
    let undefined = scope.undefined();
    let mut wanted = if descriptor.has_get() || descriptor.has_set() {
        let part = |has: bool, part: &dyn Fn() -> Value<'s>| if has { part() } else { undefined };
        let get = part(descriptor.has_get(), &|| {
            v8::Local::new(scope, descriptor.get())
        });
        let set = part(descriptor.has_set(), &|| {
            v8::Local::new(scope, descriptor.set())
        });
        v8::PropertyDescriptor::new_from_get_set(get, set)
    } else {
        let value = if descriptor.has_value() {
            v8::Local::new(scope, descriptor.value())
        } else {
            undefined
        };
        if descriptor.has_writable() {
            v8::PropertyDescriptor::new_from_value_writable(value, descriptor.writable())
        } else {
            v8::PropertyDescriptor::new_from_value(value)
        }
    };
    if descriptor.has_enumerable() {
        wanted.set_enumerable(descriptor.enumerable());
    }
    if descriptor.has_configurable() {
        wanted.set_configurable(descriptor.configurable());
    }
    let _defined = sides.sandbox.define_property(scope, name, &wanted);
    PASS
}

fn delete<'s>(
    scope: &mut Scope<'s, '_>,
    name: Name<'s>,
    args: Arguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    let Some(sides) = sides(scope, &args) else {
        return PASS;
    };
    let scope = &v8::ContextScope::new(scope, sides.context);
    if sides.sandbox.delete(scope, name.into()) == Some(true) {
        return PASS;
    }
    // It stays on the sandbox, so it stays on the global.
    result.set_bool(false);
    DONE
}

fn names<'s>(
    scope: &mut Scope<'s, '_>,
    args: Arguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Array>,
) {
    let Some(sides) = sides(scope, &args) else {
        return;
    };
    let scope = &v8::ContextScope::new(scope, sides.context);
    let wanted = v8::GetPropertyNamesArgsBuilder::new()
        .mode(v8::KeyCollectionMode::OwnOnly)
        .property_filter(v8::PropertyFilter::ALL_PROPERTIES)
        .index_filter(v8::IndexFilter::SkipIndices)
        .build();
    if let Some(names) = sides.sandbox.get_property_names(scope, wanted) {
        result.set(names);
    }
}

fn indices<'s>(
    scope: &mut Scope<'s, '_>,
    args: Arguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Array>,
) {
    let Some(sides) = sides(scope, &args) else {
        return;
    };
    let scope = &v8::ContextScope::new(scope, sides.context);
    let wanted = v8::GetPropertyNamesArgs::default();
    let Some(names) = sides.sandbox.get_property_names(scope, wanted) else {
        return;
    };
    let numbers: Vec<Value<'s>> = (0..names.length())
        .filter_map(|index| names.get_index(scope, index))
        .filter(|name| name.is_number())
        .collect();
    result.set(scope.array(&numbers));
}

/// An index is a name like others: each callback for indices asks the one for names.
macro_rules! by_index {
    ($($indexed:ident => $named:ident($($more:ident: $kind:ty)?) -> $answer:ty;)*) => {$(
        fn $indexed<'s>(
            scope: &mut Scope<'s, '_>,
            index: u32,
            $($more: $kind,)?
            args: Arguments<'s>,
            result: v8::ReturnValue<'_, $answer>,
        ) -> v8::Intercepted {
            let name = name_of_index(scope, index);
            $named(scope, name, $($more,)? args, result)
        }
    )*};
}

by_index! {
    get_index => get() -> v8::Value;
    query_index => query() -> v8::Integer;
    set_index => set(value: Value<'s>) -> v8::Boolean;
    describe_index => describe() -> v8::Value;
    define_index => define(descriptor: &v8::PropertyDescriptor) -> v8::Boolean;
    delete_index => delete() -> v8::Boolean;
}
