//! Values between JavaScript and SQLite, and SQLite's errors.

use super::wrong_type;
use crate::glue::sqlite::{CallbackError, SqlError, SqlFailure, SqlValue};
use crate::glue::{Failure, Scope, ScopeExt, Value, copy_bytes, js_string_bytes, new_uint8_array};

const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// SQLite's error as JavaScript gets it.
pub(super) fn to_exception<'s>(scope: &Scope<'s, '_>, error: &SqlError) -> Value<'s> {
    let exception = v8::Exception::error(scope, scope.utf8(&error.message));
    if let Ok(object) = v8::Local::<v8::Object>::try_from(exception) {
        scope.set(object, "code", scope.text("ERR_SQLITE_ERROR").into());
        scope.set(
            object,
            "errcode",
            v8::Integer::new(scope, error.code).into(),
        );
        scope.set(object, "errstr", scope.utf8(&error.meaning).into());
    }
    exception
}

/// What a binding function fails with after a call into SQLite.
pub(super) fn failure(scope: &Scope<'_, '_>, failure: &SqlFailure) -> Failure {
    match failure {
        SqlFailure::Threw => Failure::Pending,
        SqlFailure::Sql(error) => {
            let exception = to_exception(scope, error);
            Failure::Thrown(v8::Global::new(scope, exception))
        }
    }
}

/// A value of SQLite's as JavaScript has it.
pub(super) fn to_js<'s>(
    scope: &mut Scope<'s, '_>,
    value: SqlValue,
    uses_bigints: bool,
) -> Result<Value<'s>, Failure> {
    Ok(match value {
        SqlValue::Null => scope.null(),
        SqlValue::Integer(number) => integer(scope, number, uses_bigints)?,
        SqlValue::Real(number) => scope.number(number),
        SqlValue::Text(text) => v8::String::new_from_utf8(scope, &text, v8::NewStringType::Normal)
            .ok_or_else(|| {
                let message = "Cannot create a string longer than 0x1fffffe8 characters";
                Failure::error("ERR_STRING_TOO_LONG", message)
            })?
            .into(),
        SqlValue::Blob(bytes) => new_uint8_array(scope, bytes)
            .ok_or(Failure::Pending)?
            .into(),
    })
}

/// An integer, as a number if it fits or as a `BigInt`.
pub(super) fn integer<'s>(
    scope: &Scope<'s, '_>,
    number: i64,
    uses_bigints: bool,
) -> Result<Value<'s>, Failure> {
    if uses_bigints {
        return Ok(v8::BigInt::new_from_i64(scope, number).into());
    }
    if number.unsigned_abs() > MAX_SAFE_INTEGER.unsigned_abs() {
        let message =
            format!("Value is too large to be represented as a JavaScript number: {number}");
        return Err(Failure::range_error("ERR_OUT_OF_RANGE", message));
    }
    #[expect(clippy::cast_precision_loss, reason = "a safe integer")]
    Ok(scope.number(number as f64))
}

/// What JavaScript gives for a parameter.
pub(super) fn to_bind(
    scope: &Scope<'_, '_>,
    value: Value<'_>,
    index: i32,
) -> Result<SqlValue, Failure> {
    if value.is_boolean() {
        return Ok(SqlValue::Integer(i64::from(value.is_true())));
    }
    if let Ok(big) = v8::Local::<v8::BigInt>::try_from(value) {
        let (number, is_lossless) = big.i64_value();
        return if is_lossless {
            Ok(SqlValue::Integer(number))
        } else {
            let message = "BigInt value is too large to bind.";
            Err(Failure::type_error("ERR_INVALID_ARG_VALUE", message))
        };
    }
    if value.is_null() {
        return Ok(SqlValue::Null);
    }
    plain(scope, value).ok_or_else(|| {
        wrong_type(&format!(
            "Provided value cannot be bound to SQLite parameter {index}."
        ))
    })
}

/// Numbers, strings and bytes.
fn plain(scope: &Scope<'_, '_>, value: Value<'_>) -> Option<SqlValue> {
    if let Ok(number) = v8::Local::<v8::Number>::try_from(value) {
        return Some(SqlValue::Real(number.value()));
    }
    if let Ok(string) = v8::Local::<v8::String>::try_from(value) {
        return Some(SqlValue::Text(js_string_bytes(scope, string)));
    }
    copy_bytes(value).map(SqlValue::Blob)
}

/// What a function of JavaScript's returned to SQL.
pub(super) fn to_result(
    scope: &Scope<'_, '_>,
    value: Value<'_>,
) -> Result<SqlValue, CallbackError> {
    if value.is_null_or_undefined() {
        return Ok(SqlValue::Null);
    }
    if let Ok(big) = v8::Local::<v8::BigInt>::try_from(value) {
        let (number, is_lossless) = big.i64_value();
        return if is_lossless {
            Ok(SqlValue::Integer(number))
        } else {
            Err(CallbackError::Message(
                "BigInt value is too large for SQLite",
            ))
        };
    }
    if value.is_promise() {
        return Err(CallbackError::Message(
            "Asynchronous user-defined functions are not supported",
        ));
    }
    plain(scope, value).ok_or(CallbackError::Message(
        "Returned JavaScript value cannot be converted to a SQLite value",
    ))
}
