//! The properties of a storage object: its pairs, unless its prototype has something of that name.

use std::rc::Rc;

use super::storage::Storage;
use crate::glue::{Failure, Object, Scope, Value, native_of};

type Name<'s> = v8::Local<'s, v8::Name>;
type Arguments<'s> = v8::PropertyCallbackArguments<'s>;

const PASS: v8::Intercepted = v8::Intercepted::kNo;
const DONE: v8::Intercepted = v8::Intercepted::kYes;

/// Has instances made from the template show their pairs.
pub(super) fn add(template: v8::Local<'_, v8::ObjectTemplate>) {
    template.set_named_property_handler(
        v8::NamedPropertyHandlerConfiguration::new()
            .getter(get)
            .setter(set)
            .query(query)
            .deleter(delete)
            .enumerator(names)
            .definer(define)
            .flags(v8::PropertyHandlerFlags::HAS_NO_SIDE_EFFECT),
    );
    template.set_indexed_property_handler(
        v8::IndexedPropertyHandlerConfiguration::new()
            .getter(get_index)
            .setter(set_index)
            .query(query_index)
            .deleter(delete_index)
            .definer(define_index)
            .flags(v8::PropertyHandlerFlags::HAS_NO_SIDE_EFFECT),
    );
}

/// The storage, unless the property is one of the prototype's.
fn storage_of<'s>(scope: &Scope<'s, '_>, args: &Arguments<'s>) -> Option<Rc<Storage>> {
    native_of::<Storage>(scope, args.holder())
}

fn is_inherited<'s>(scope: &Scope<'s, '_>, args: &Arguments<'s>, name: Name<'s>) -> bool {
    args.holder()
        .get_prototype(scope)
        .and_then(|prototype| Object::try_from(prototype).ok())
        .and_then(|prototype| prototype.has(scope, name.into()))
        .unwrap_or(false)
}

fn name_of<'s>(scope: &Scope<'s, '_>, index: u32) -> Option<Name<'s>> {
    let text = v8::Integer::new_from_unsigned(scope, index).to_string(scope)?;
    Some(text.into())
}

/// What went wrong is thrown.
fn thrown<T>(scope: &mut Scope<'_, '_>, outcome: Result<T, Failure>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(failure) => {
            failure.throw(scope);
            None
        }
    }
}

fn load<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Arguments<'s>,
    name: Name<'s>,
) -> Option<Result<Option<Value<'s>>, Failure>> {
    if is_inherited(scope, args, name) {
        return None;
    }
    let storage = storage_of(scope, args)?;
    Some(storage.load(scope, name))
}

fn get<'s>(
    scope: &mut Scope<'s, '_>,
    name: Name<'s>,
    args: Arguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Value>,
) -> v8::Intercepted {
    let Some(outcome) = load(scope, &args, name) else {
        return PASS;
    };
    if let Some(Some(value)) = thrown(scope, outcome) {
        result.set(value);
    }
    DONE
}

fn set<'s>(
    scope: &mut Scope<'s, '_>,
    name: Name<'s>,
    value: Value<'s>,
    args: Arguments<'s>,
    _: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    let Some(storage) = storage_of(scope, &args) else {
        return PASS;
    };
    let outcome = storage.store(scope, name, value);
    thrown(scope, outcome);
    DONE
}

fn query<'s>(
    scope: &mut Scope<'s, '_>,
    name: Name<'s>,
    args: Arguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Integer>,
) -> v8::Intercepted {
    match load(scope, &args, name) {
        None | Some(Ok(None)) => PASS,
        Some(Err(failure)) => {
            failure.throw(scope);
            DONE
        }
        Some(Ok(Some(_))) => {
            result.set_int32(0);
            DONE
        }
    }
}

fn delete<'s>(
    scope: &mut Scope<'s, '_>,
    name: Name<'s>,
    args: Arguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    let Some(storage) = storage_of(scope, &args) else {
        return PASS;
    };
    let outcome = storage.remove(scope, name);
    result.set_bool(thrown(scope, outcome).is_some());
    DONE
}

fn names<'s>(
    scope: &mut Scope<'s, '_>,
    args: Arguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Array>,
) {
    let Some(storage) = storage_of(scope, &args) else {
        return;
    };
    let outcome = storage.keys(scope);
    if let Some(keys) = thrown(scope, outcome) {
        result.set(v8::Array::new_with_elements(scope, &keys));
    }
}

fn define<'s>(
    scope: &mut Scope<'s, '_>,
    name: Name<'s>,
    descriptor: &v8::PropertyDescriptor,
    args: Arguments<'s>,
    result: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    if !descriptor.has_value() {
        return DONE;
    }
    let value = v8::Local::new(scope, descriptor.value());
    set(scope, name, value, args, result)
}

fn get_index<'s>(
    scope: &mut Scope<'s, '_>,
    index: u32,
    args: Arguments<'s>,
    result: v8::ReturnValue<'_, v8::Value>,
) -> v8::Intercepted {
    match name_of(scope, index) {
        Some(name) => get(scope, name, args, result),
        None => DONE,
    }
}

fn set_index<'s>(
    scope: &mut Scope<'s, '_>,
    index: u32,
    value: Value<'s>,
    args: Arguments<'s>,
    result: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    match name_of(scope, index) {
        Some(name) => set(scope, name, value, args, result),
        None => DONE,
    }
}

fn query_index<'s>(
    scope: &mut Scope<'s, '_>,
    index: u32,
    args: Arguments<'s>,
    result: v8::ReturnValue<'_, v8::Integer>,
) -> v8::Intercepted {
    match name_of(scope, index) {
        Some(name) => query(scope, name, args, result),
        None => DONE,
    }
}

fn delete_index<'s>(
    scope: &mut Scope<'s, '_>,
    index: u32,
    args: Arguments<'s>,
    result: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    match name_of(scope, index) {
        Some(name) => delete(scope, name, args, result),
        None => DONE,
    }
}

fn define_index<'s>(
    scope: &mut Scope<'s, '_>,
    index: u32,
    descriptor: &v8::PropertyDescriptor,
    args: Arguments<'s>,
    result: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    match name_of(scope, index) {
        Some(name) => define(scope, name, descriptor, args, result),
        None => DONE,
    }
}
