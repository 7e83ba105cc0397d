//! Making and reading JavaScript values: [`ScopeExt`], what every scope can do for a binding.

use std::rc::Rc;

use crate::environment::Environment;
use crate::glue::{Failure, Object, Scope, Value};

/// Conveniences on a scope. Methods that can run JavaScript return `Result`; the others cannot fail in a way a guest can cause.
pub(crate) trait ScopeExt<'s> {
    /// The state of this isolate.
    fn env(&self) -> Rc<Environment>;
    /// A string of the program's own; an empty one should it ever exceed V8's limit.
    fn text(&self, text: &str) -> v8::Local<'s, v8::String>;
    /// A property name: like [`text`](Self::text), interned.
    fn name(&self, text: &str) -> v8::Local<'s, v8::String>;
    /// A string from the guest's data: fails with `ERR_STRING_TOO_LONG`.
    fn string(&self, text: &str) -> Result<v8::Local<'s, v8::String>, Failure>;
    /// A string from bytes that should be UTF-8; wrong ones become U+FFFD.
    fn utf8(&self, bytes: &[u8]) -> v8::Local<'s, v8::String>;
    /// A string from Latin-1 bytes.
    fn latin1(&self, bytes: &[u8]) -> Result<v8::Local<'s, v8::String>, Failure>;
    /// `undefined`.
    fn undefined(&self) -> Value<'s>;
    /// `null`.
    fn null(&self) -> Value<'s>;
    /// A number.
    fn number(&self, number: f64) -> Value<'s>;
    /// A boolean.
    fn boolean(&self, flag: bool) -> Value<'s>;
    /// `{}`.
    fn object(&self) -> Object<'s>;
    /// `{ __proto__: null }`.
    fn null_object(&self) -> Object<'s>;
    /// An array of these.
    fn array(&self, items: &[Value<'s>]) -> v8::Local<'s, v8::Array>;
    /// Defines an own data property (no setter can run).
    fn set(&self, object: Object<'s>, key: &str, value: Value<'s>);
    /// Reads a property; getters may run.
    fn get_property(&self, object: Object<'s>, key: &str) -> Result<Value<'s>, Failure>;
    /// Calls a function as it is, inside a running callback: exceptions propagate to the caller.
    /// For calls from the event loop use `event_loop::make_callback`.
    fn call(
        &self,
        function: v8::Local<'s, v8::Function>,
        this: Value<'s>,
        args: &[Value<'s>],
    ) -> Result<Value<'s>, Failure>;
    /// The symbol that Node's `internalBinding('symbols')` shows under this name.
    fn node_symbol(&self, name: &str) -> v8::Local<'s, v8::Symbol>;
    /// The private symbol of this description (`node:arrowMessage`…), the same in every context of the isolate.
    fn private(&self, description: &str) -> v8::Local<'s, v8::Private>;
    /// An own function over a native one.
    fn function(
        &self,
        name: &str,
        function: &'static crate::glue::Unlisted,
    ) -> Option<v8::Local<'s, v8::Function>>;
}

impl<'s> ScopeExt<'s> for Scope<'s, '_> {
    fn env(&self) -> Rc<Environment> {
        let isolate: &v8::Isolate = self;
        Rc::clone(
            isolate
                .get_slot::<Rc<Environment>>()
                .expect("every isolate of ours carries its environment"),
        )
    }

    fn text(&self, text: &str) -> v8::Local<'s, v8::String> {
        v8::String::new(self, text).unwrap_or_else(|| v8::String::empty(self))
    }

    fn name(&self, text: &str) -> v8::Local<'s, v8::String> {
        v8::String::new_from_utf8(self, text.as_bytes(), v8::NewStringType::Internalized)
            .unwrap_or_else(|| v8::String::empty(self))
    }

    fn string(&self, text: &str) -> Result<v8::Local<'s, v8::String>, Failure> {
        v8::String::new(self, text).ok_or_else(string_too_long)
    }

    fn utf8(&self, bytes: &[u8]) -> v8::Local<'s, v8::String> {
        v8::String::new_from_utf8(self, bytes, v8::NewStringType::Normal)
            .unwrap_or_else(|| v8::String::empty(self))
    }

    fn latin1(&self, bytes: &[u8]) -> Result<v8::Local<'s, v8::String>, Failure> {
        v8::String::new_from_one_byte(self, bytes, v8::NewStringType::Normal)
            .ok_or_else(string_too_long)
    }

    fn undefined(&self) -> Value<'s> {
        v8::undefined(self).into()
    }

    fn null(&self) -> Value<'s> {
        v8::null(self).into()
    }

    fn number(&self, number: f64) -> Value<'s> {
        v8::Number::new(self, number).into()
    }

    fn boolean(&self, flag: bool) -> Value<'s> {
        v8::Boolean::new(self, flag).into()
    }

    fn object(&self) -> Object<'s> {
        v8::Object::new(self)
    }

    fn null_object(&self) -> Object<'s> {
        let null = v8::null(self).into();
        v8::Object::with_prototype_and_properties(self, null, &[], &[])
    }

    fn array(&self, items: &[Value<'s>]) -> v8::Local<'s, v8::Array> {
        v8::Array::new_with_elements(self, items)
    }

    fn set(&self, object: Object<'s>, key: &str, value: Value<'s>) {
        // `None` only for proxies and under termination; there is nothing to do about either here.
        let _defined = object.create_data_property(self, self.name(key).into(), value);
    }

    fn get_property(&self, object: Object<'s>, key: &str) -> Result<Value<'s>, Failure> {
        object
            .get(self, self.name(key).into())
            .ok_or(Failure::Pending)
    }

    fn call(
        &self,
        function: v8::Local<'s, v8::Function>,
        this: Value<'s>,
        args: &[Value<'s>],
    ) -> Result<Value<'s>, Failure> {
        function.call(self, this, args).ok_or(Failure::Pending)
    }

    fn node_symbol(&self, name: &str) -> v8::Local<'s, v8::Symbol> {
        v8::Symbol::for_api(self, self.name(name))
    }

    fn private(&self, description: &str) -> v8::Local<'s, v8::Private> {
        v8::Private::for_api(self, Some(self.name(description)))
    }

    fn function(
        &self,
        name: &str,
        function: &'static crate::glue::Unlisted,
    ) -> Option<v8::Local<'s, v8::Function>> {
        crate::glue::native_function(self, name, function)
    }
}

fn string_too_long() -> Failure {
    Failure::error(
        "ERR_STRING_TOO_LONG",
        "Cannot create a string longer than 0x1fffffe8 characters",
    )
}

/// The UTF-8 bytes of a JavaScript string; lone surrogates become U+FFFD, as `String::Utf8Value` has them.
pub(crate) fn js_string_bytes(scope: &Scope<'_, '_>, string: v8::Local<'_, v8::String>) -> Vec<u8> {
    string.to_rust_string_lossy(scope).into_bytes()
}
