//! `internalBinding('module_wrap')`. Node: src/module_wrap.cc.

use crate::glue::{Binding, Object, Scope, Value};

pub(super) const BINDING: Binding = Binding::new("module_wrap");

pub(crate) fn resolve<'s>(
    _scope: &mut Scope<'s, '_>,
    _specifier: v8::Local<'s, v8::String>,
    _attributes: v8::Local<'s, v8::FixedArray>,
    _referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    None
}

pub(crate) fn evaluate_synthetic<'s>(_scope: &mut Scope<'s, '_>, _module: v8::Local<'s, v8::Module>) -> Option<Value<'s>> {
    None
}

pub(crate) fn initialize_import_meta<'s>(_scope: &mut Scope<'s, '_>, _module: v8::Local<'s, v8::Module>, _meta: Object<'s>) {}

pub(crate) fn import_dynamically<'s>(
    _scope: &mut Scope<'s, '_>,
    _host_defined_options: v8::Local<'s, v8::Data>,
    _resource_name: Value<'s>,
    _specifier: v8::Local<'s, v8::String>,
    _attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    None
}
