//! Options of calls: each is left out, or has the one type it must have.

use super::wrong_type;
use crate::glue::{Failure, Object, Scope, ScopeExt, Value, copy_bytes, js_string_bytes};

/// An object of options.
pub(super) fn object(value: Value<'_>) -> Result<Object<'_>, Failure> {
    v8::Local::<v8::Object>::try_from(value)
        .map_err(|_| wrong_type("The \"options\" argument must be an object."))
}

fn wrong_option(name: &str, wanted: &str) -> Failure {
    wrong_type(&format!(
        "The \"options.{name}\" argument must be {wanted}."
    ))
}

/// The option, if it is given.
pub(super) fn given<'s>(
    scope: &Scope<'s, '_>,
    options: Object<'s>,
    name: &str,
) -> Result<Option<Value<'s>>, Failure> {
    let value = scope.get_property(options, name)?;
    Ok((!value.is_undefined()).then_some(value))
}

/// A boolean option.
pub(super) fn boolean<'s>(
    scope: &Scope<'s, '_>,
    options: Object<'s>,
    name: &str,
    otherwise: bool,
) -> Result<bool, Failure> {
    match given(scope, options, name)? {
        None => Ok(otherwise),
        Some(value) if value.is_boolean() => Ok(value.is_true()),
        Some(_) => Err(wrong_option(name, "a boolean")),
    }
}

/// An integer option.
pub(super) fn integer<'s>(
    scope: &Scope<'s, '_>,
    options: Object<'s>,
    name: &str,
) -> Result<Option<i32>, Failure> {
    let Some(value) = given(scope, options, name)? else {
        return Ok(None);
    };
    v8::Local::<v8::Int32>::try_from(value)
        .map(|number| Some(number.value()))
        .map_err(|_| wrong_option(name, "an integer"))
}

/// A string option, as UTF-8.
pub(super) fn string<'s>(
    scope: &Scope<'s, '_>,
    options: Object<'s>,
    name: &str,
) -> Result<Option<Vec<u8>>, Failure> {
    let Some(value) = given(scope, options, name)? else {
        return Ok(None);
    };
    v8::Local::<v8::String>::try_from(value)
        .map(|string| Some(js_string_bytes(scope, string)))
        .map_err(|_| wrong_option(name, "a string"))
}

/// A function option.
pub(super) fn function<'s>(
    scope: &Scope<'s, '_>,
    options: Object<'s>,
    name: &str,
) -> Result<Option<v8::Local<'s, v8::Function>>, Failure> {
    let Some(value) = given(scope, options, name)? else {
        return Ok(None);
    };
    v8::Local::<v8::Function>::try_from(value)
        .map(Some)
        .map_err(|_| wrong_option(name, "a function"))
}

/// The path of a database: a string, bytes, or a `file:` URL.
pub(super) fn path<'s>(scope: &Scope<'s, '_>, value: Value<'s>) -> Result<Vec<u8>, Failure> {
    let refused = || {
        wrong_type("The \"path\" argument must be a string, Uint8Array, or URL without null bytes.")
    };
    let bytes = if let Ok(string) = v8::Local::<v8::String>::try_from(value) {
        js_string_bytes(scope, string)
    } else if value.is_uint8_array() {
        copy_bytes(value).unwrap_or_default()
    } else {
        let url = v8::Local::<v8::Object>::try_from(value).map_err(|_| refused())?;
        let href = scope.get_property(url, "href")?;
        let href = v8::Local::<v8::String>::try_from(href).map_err(|_| refused())?;
        let href = js_string_bytes(scope, href);
        if !href.starts_with(b"file:") {
            return Err(Failure::type_error(
                "ERR_INVALID_URL_SCHEME",
                "The URL must be of scheme file:",
            ));
        }
        href
    };
    if bytes.contains(&0) {
        return Err(refused());
    }
    Ok(bytes)
}
