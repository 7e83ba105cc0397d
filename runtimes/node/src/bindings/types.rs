//! `internalBinding('types')`: what kind of value something is. Node: `src/node_types.cc`.

use crate::glue::{Args, Binding, BindingResult, Scope};

/// Functions that ask V8 one question about their argument.
macro_rules! questions {
    ($binding:expr, $($name:literal $function:ident = $($method:ident)|+;)*) => {
        $(fn $function<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
            let value = args.get(0);
            Ok(($(value.$method())||+).into())
        })*
        pub(super) const BINDING: Binding = $binding$(.function($name, $function))*;
    };
}

questions! { Binding::new("types"),
    "isExternal" is_external = is_external;
    "isDate" is_date = is_date;
    "isArgumentsObject" is_arguments_object = is_arguments_object;
    "isBigIntObject" is_big_int_object = is_big_int_object;
    "isBooleanObject" is_boolean_object = is_boolean_object;
    "isNumberObject" is_number_object = is_number_object;
    "isStringObject" is_string_object = is_string_object;
    "isSymbolObject" is_symbol_object = is_symbol_object;
    "isBoxedPrimitive" is_boxed_primitive = is_number_object | is_string_object | is_boolean_object | is_big_int_object | is_symbol_object;
    "isNativeError" is_native_error = is_native_error;
    "isRegExp" is_reg_exp = is_reg_exp;
    "isAsyncFunction" is_async_function = is_async_function;
    "isGeneratorFunction" is_generator_function = is_generator_function;
    "isGeneratorObject" is_generator_object = is_generator_object;
    "isPromise" is_promise = is_promise;
    "isMap" is_map = is_map;
    "isSet" is_set = is_set;
    "isMapIterator" is_map_iterator = is_map_iterator;
    "isSetIterator" is_set_iterator = is_set_iterator;
    "isWeakMap" is_weak_map = is_weak_map;
    "isWeakSet" is_weak_set = is_weak_set;
    "isArrayBuffer" is_array_buffer = is_array_buffer;
    "isSharedArrayBuffer" is_shared_array_buffer = is_shared_array_buffer;
    "isAnyArrayBuffer" is_any_array_buffer = is_array_buffer | is_shared_array_buffer;
    "isProxy" is_proxy = is_proxy;
    "isModuleNamespaceObject" is_module_namespace_object = is_module_namespace_object;
    "isDataView" is_data_view = is_data_view;
}
