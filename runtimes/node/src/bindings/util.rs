//! `internalBinding('util')`: looking into values, call sites, lazy properties. Node: `src/node_util.cc`.

use crate::environment::Stored;
use crate::glue::{
    Args, Binding, BindingResult, Failure, Object, Return, Scope, ScopeExt, Value,
    getter_callback_for_lazy_builtin,
};

pub(super) const BINDING: Binding = Binding::new("util")
    .function("isInsideNodeModules", is_inside_node_modules)
    .function("defineLazyProperties", define_lazy_properties)
    .function("getPromiseDetails", get_promise_details)
    .function("getProxyDetails", get_proxy_details)
    .function("getCallerLocation", get_caller_location)
    .function("previewEntries", preview_entries)
    .function("getOwnNonIndexProperties", get_own_non_index_properties)
    .function("getConstructorName", get_constructor_name)
    .function("getCallSites", get_call_sites)
    .function("sleep", sleep)
    .function("parseEnv", parse_env)
    .function("arrayBufferViewHasBuffer", array_buffer_view_has_buffer)
    .function("constructSharedArrayBuffer", construct_shared_array_buffer)
    .function("markPromiseAsHandled", mark_promise_as_handled)
    .function("guessHandleType", guess_handle_type)
    .function("isArrayBuffer", is_array_buffer)
    .function("isArrayBufferView", is_array_buffer_view)
    .function("isAsyncFunction", is_async_function)
    .function("isDataView", is_data_view)
    .function("isDate", is_date)
    .function("isExternal", is_external)
    .function("isMap", is_map)
    .function("isMapIterator", is_map_iterator)
    .function("isNativeError", is_native_error)
    .function("isPromise", is_promise)
    .function("isRegExp", is_reg_exp)
    .function("isSet", is_set)
    .function("isSetIterator", is_set_iterator)
    .function("isTypedArray", is_typed_array)
    .function("isUint8Array", is_uint8_array)
    .function("isAnyArrayBuffer", is_any_array_buffer)
    .function("getExternalValue", get_external_value)
    .setup(setup);

macro_rules! questions {
    ($($name:ident)*) => {
        $(fn $name<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
            Ok(args.get(0).$name().into())
        })*
    };
}
questions!(is_array_buffer is_array_buffer_view is_async_function is_data_view is_date is_external is_map is_map_iterator
    is_native_error is_promise is_reg_exp is_set is_set_iterator is_typed_array is_uint8_array);

fn is_any_array_buffer<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let value = args.get(0);
    Ok((value.is_array_buffer() || value.is_shared_array_buffer()).into())
}

fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    let symbols = super::symbols::private_symbols(scope);
    scope.set(binding, "privateSymbols", symbols.into());
    Ok(())
}

/// Whether the first `n` frames of user code lie in a `node_modules` folder.
fn is_inside_node_modules<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let limit = if args.is_undefined(0) {
        10
    } else {
        args.usize(0)?.min(200)
    };
    let Some(stack) = v8::StackTrace::current_stack_trace(scope, limit) else {
        return Ok(false.into());
    };
    for index in 0..stack.get_frame_count() {
        let Some(frame) = stack.get_frame(scope, index) else {
            break;
        };
        let Some(name) = frame.get_script_name(scope) else {
            continue;
        };
        let name = name.to_rust_string_lossy(scope);
        if name.is_empty() || name.starts_with("node:") {
            continue;
        }
        return Ok([
            "/node_modules/",
            "\\node_modules\\",
            "/node_modules\\",
            "\\node_modules/",
        ]
        .iter()
        .any(|part| name.contains(part))
        .into());
    }
    Ok(false.into())
}

/// `defineLazyProperties(target, id, keys, enumerable = true)`: each key is an export of module `id`, loaded when read.
fn define_lazy_properties<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (target, id, keys) = (args.object(0)?, args.string(1)?, args.array(2)?);
    let enumerable = args.is_undefined(3) || args.bool(scope, 3);
    for index in 0..keys.length() {
        let key = keys.get_index(scope, index).ok_or(Failure::Pending)?;
        let key = v8::Local::<v8::Name>::try_from(key).map_err(|_| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "keys must be property names")
        })?;
        getter_callback_for_lazy_builtin(scope, target, key, id, enumerable);
    }
    Ok(().into())
}

/// What a lazy property turns into when it is first read.
pub(crate) fn load_lazy_property<'s>(
    scope: &mut Scope<'s, '_>,
    key: v8::Local<'s, v8::Name>,
    id: Value<'s>,
) -> Result<Value<'s>, Failure> {
    let env = scope.env();
    let require = env
        .stored_function(scope, Stored::RequireBuiltin)
        .ok_or_else(|| Failure::error("ERR_INTERNAL_ASSERTION", "no loader yet"))?;
    let exports = scope.call(require, scope.undefined(), &[id])?;
    let exports = Object::try_from(exports)
        .map_err(|_| Failure::error("ERR_INTERNAL_ASSERTION", "a module without exports"))?;
    exports.get(scope, key.into()).ok_or(Failure::Pending)
}

/// `[state, result]`, or `[state]` while pending.
fn get_promise_details<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let Ok(promise) = v8::Local::<v8::Promise>::try_from(args.get(0)) else {
        return Ok(Return::Undefined);
    };
    let state = match promise.state() {
        v8::PromiseState::Pending => 0.0,
        v8::PromiseState::Fulfilled => 1.0,
        v8::PromiseState::Rejected => 2.0,
    };
    let state = scope.number(state);
    let details = if promise.state() == v8::PromiseState::Pending {
        scope.array(&[state])
    } else {
        scope.array(&[state, promise.result(scope)])
    };
    Ok(details.into())
}

/// `[target, handler]`, or the target alone when the second argument is false.
fn get_proxy_details<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let Ok(proxy) = v8::Local::<v8::Proxy>::try_from(args.get(0)) else {
        return Ok(Return::Undefined);
    };
    let target = proxy.get_target(scope);
    if args.len() == 1 || args.bool(scope, 1) {
        let handler = proxy.get_handler(scope);
        return Ok(scope.array(&[target, handler]).into());
    }
    Ok(target.into())
}

/// `[line, column, file]` of the function that called the caller.
fn get_caller_location<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let stack = v8::StackTrace::current_stack_trace(scope, 2);
    let Some(stack) = stack.filter(|stack| stack.get_frame_count() == 2) else {
        return Ok(Return::Undefined);
    };
    let frame = stack.get_frame(scope, 1).ok_or(Failure::Pending)?;
    let file = frame
        .get_script_name_or_source_url(scope)
        .map_or_else(|| scope.undefined(), Into::into);
    #[expect(clippy::cast_precision_loss, reason = "line and column numbers")]
    let place = [
        scope.number(frame.get_line_number() as f64),
        scope.number(frame.get_column() as f64),
        file,
    ];
    Ok(scope.array(&place).into())
}

/// The entries of a collection or iterator; with a second argument `[entries, isKeyValue]`.
fn preview_entries<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let Ok(object) = Object::try_from(args.get(0)) else {
        return Ok(Return::Undefined);
    };
    let (entries, is_key_value) = object.preview_entries(scope);
    let Some(entries) = entries else {
        return Ok(Return::Undefined);
    };
    if args.len() == 1 {
        return Ok(entries.into());
    }
    let flag = scope.boolean(is_key_value);
    Ok(scope.array(&[entries.into(), flag]).into())
}

fn get_own_non_index_properties<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let Ok(object) = Object::try_from(args.get(0)) else {
        return Ok(Return::Undefined);
    };
    let wanted = args.u32(scope, 1)?;
    let filter = [
        (1, v8::PropertyFilter::ONLY_WRITABLE),
        (2, v8::PropertyFilter::ONLY_ENUMERABLE),
        (4, v8::PropertyFilter::ONLY_CONFIGURABLE),
        (8, v8::PropertyFilter::SKIP_STRINGS),
        (16, v8::PropertyFilter::SKIP_SYMBOLS),
    ]
    .into_iter()
    .filter(|(bit, _)| wanted & bit != 0)
    .fold(v8::PropertyFilter::ALL_PROPERTIES, |all, (_, filter)| {
        all | filter
    });
    let how = v8::GetPropertyNamesArgsBuilder::new()
        .mode(v8::KeyCollectionMode::OwnOnly)
        .property_filter(filter)
        .index_filter(v8::IndexFilter::SkipIndices)
        .key_conversion(v8::KeyConversionMode::KeepNumbers)
        .build();
    object
        .get_property_names(scope, how)
        .map(Into::into)
        .ok_or(Failure::Pending)
}

fn get_constructor_name<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let object = args.object(0)?;
    let name = object.get_constructor_name();
    Ok(v8::Local::new(scope, name).into())
}

/// The stack as plain objects.
fn get_call_sites<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    // One more: the first frame is `util.getCallSites` itself.
    let limit = args.usize(0)?.clamp(1, 200) + 1;
    let Some(stack) = v8::StackTrace::current_stack_trace(scope, limit) else {
        return Ok(scope.array(&[]).into());
    };
    let mut sites = Vec::new();
    for index in 1..stack.get_frame_count() {
        let Some(frame) = stack.get_frame(scope, index) else {
            break;
        };
        let site = scope.object();
        let empty = scope.text("");
        let name = frame.get_function_name(scope).unwrap_or(empty);
        let script = frame.get_script_name(scope).unwrap_or(empty);
        scope.set(site, "functionName", name.into());
        scope.set(
            site,
            "scriptId",
            scope.text(&frame.get_script_id().to_string()).into(),
        );
        scope.set(site, "scriptName", script.into());
        #[expect(clippy::cast_precision_loss, reason = "line and column numbers")]
        for (name, value) in [
            ("lineNumber", frame.get_line_number() as f64),
            ("columnNumber", frame.get_column() as f64),
            ("column", frame.get_column() as f64),
        ] {
            scope.set(site, name, scope.number(value));
        }
        sites.push(site.into());
    }
    Ok(scope.array(&sites).into())
}

/// Blocks this thread for so many milliseconds, in the kernel.
fn sleep<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let ms = args.u32(scope, 0)?;
    let env = scope.env();
    let until = env
        .clock()
        .now()
        .after(std::time::Duration::from_millis(ms.into()));
    cenote_base::wait::block_on(env.clock().timer(until));
    Ok(().into())
}

/// Parses the text of a `.env` file.
fn parse_env<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    let result = scope.object();
    for (name, value) in crate::dotenv::parse(&text) {
        scope.set(result, &name, scope.string(&value)?.into());
    }
    Ok(result.into())
}

fn array_buffer_view_has_buffer<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let view = v8::Local::<v8::ArrayBufferView>::try_from(args.get(0));
    Ok(view.is_ok_and(|view| view.has_buffer()).into())
}

fn construct_shared_array_buffer<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let len = args.i64(0)?;
    let len = usize::try_from(len).ok().filter(|len| *len <= 1 << 30);
    let len =
        len.ok_or_else(|| Failure::range_error("ERR_OUT_OF_RANGE", "Invalid array buffer length"))?;
    Ok(crate::glue::allocate_shared_array_buffer(scope, len)?.into())
}

fn mark_promise_as_handled<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Ok(promise) = v8::Local::<v8::Promise>::try_from(args.get(0)) {
        promise.mark_as_handled();
    }
    Ok(().into())
}

/// What a descriptor is, as an index into `['TCP', 'TTY', 'UDP', 'FILE', 'PIPE', 'UNKNOWN', 'INVALID']`.
fn guess_handle_type<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let fd = args.i32(scope, 0)?;
    if fd < 0 {
        return Err(Failure::range_error(
            "ERR_INVALID_FD",
            format!("\"fd\" must be a positive integer: {fd}"),
        ));
    }
    Ok(super::process::handle_type(scope, fd).into())
}

fn get_external_value<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let Ok(external) = v8::Local::<v8::External>::try_from(args.get(0)) else {
        return Ok(Return::Undefined);
    };
    let address = u64::try_from(external.value().addr()).unwrap_or(u64::MAX);
    Ok(v8::BigInt::new_from_u64(scope, address).into())
}
