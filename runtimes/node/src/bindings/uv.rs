//! `internalBinding('uv')`: libuv's error numbers, names and texts. Node: src/uv.cc.

use crate::glue::{Args, Binding, BindingResult, Failure, Scope, ScopeExt, Value};
use crate::shapes::{UV_ERRORS, uv_error};

pub(super) const BINDING: Binding = Binding::new("uv")
    .function("errname", errname)
    .function("getErrorMap", get_error_map)
    .function("getErrorMessage", get_error_message);

/// Whether a program was told that `process.binding('uv').errname()` is going away.
#[derive(Default)]
struct Told(std::cell::Cell<bool>);

fn errname<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const DEPRECATED: &str = "Directly calling process.binding('uv').errname(<val>) is being deprecated. \
        Please make sure to use util.getSystemErrorName() instead.";
    let env = scope.env();
    if env.command_line().is("--pending-deprecation") && !env.state::<Told>().0.replace(true) {
        super::warn_of_deprecation(scope, DEPRECATED, "DEP0119")?;
    }
    let number = args.i32(scope, 0)?;
    let name = uv_error(number).map_or_else(
        || format!("Unknown system error {number}"),
        |(name, _)| name.to_owned(),
    );
    Ok(scope.text(&name).into())
}

/// A `Map` from number to `[name, text]`.
fn get_error_map<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let map = v8::Map::new(scope);
    for (number, name, text) in UV_ERRORS {
        let pair: [Value<'s>; 2] = [scope.name(name).into(), scope.name(text).into()];
        let pair = scope.array(&pair);
        map.set(scope, v8::Integer::new(scope, *number).into(), pair.into())
            .ok_or(Failure::Pending)?;
    }
    Ok(map.into())
}

fn get_error_message<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let number = args.i32(scope, 0)?;
    let text = uv_error(number).map_or_else(
        || format!("Unknown system error {number}"),
        |(_, text)| text.to_owned(),
    );
    Ok(scope.text(&text).into())
}
