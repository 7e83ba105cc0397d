//! What crypto's functions take: bytes, secrets, and data with an encoding. Node: `ByteSource` in `src/crypto/crypto_util.h`.

use std::sync::Arc;

use super::keys::{KeyObjectData, KeyObjectHandle};
use crate::encoding::{Encoding, to_bytes};
use crate::glue::{Args, Charge, Failure, Scope, Value, copy_bytes, js_string_bytes, native_of};

/// More bytes than OpenSSL's `int` sizes hold are refused, as Node does.
const MOST: usize = i32::MAX as usize;

/// The bytes of a buffer, view or array buffer.
///
/// # Errors
/// `ERR_INVALID_ARG_TYPE`; `ERR_OUT_OF_RANGE` past 2 GiB, saying that `name` is too big.
pub(crate) fn bytes(value: Value<'_>, name: &str) -> Result<Vec<u8>, Failure> {
    let bytes = copy_bytes(value).ok_or_else(|| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            format!(
                "The \"{name}\" argument must be an instance of ArrayBuffer, Buffer, TypedArray, or DataView."
            ),
        )
    })?;
    limited(bytes, name)
}

/// The same, nothing for `undefined` and `null`.
///
/// # Errors
/// Those of [`bytes`].
pub(crate) fn optional_bytes(value: Value<'_>, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    if value.is_null_or_undefined() {
        return Ok(None);
    }
    bytes(value, name).map(Some)
}

fn limited(bytes: Vec<u8>, name: &str) -> Result<Vec<u8>, Failure> {
    if bytes.len() > MOST {
        return Err(Failure::range_error(
            "ERR_OUT_OF_RANGE",
            format!("{name} is too big"),
        ));
    }
    Ok(bytes)
}

/// The bytes of a secret: a string, a buffer, or a `KeyObjectHandle` of a secret key.
///
/// # Errors
/// `ERR_INVALID_ARG_TYPE` for anything else.
pub(crate) fn secret(
    scope: &Scope<'_, '_>,
    value: Value<'_>,
    name: &str,
) -> Result<Arc<[u8]>, Failure> {
    if let Ok(string) = v8::Local::<v8::String>::try_from(value) {
        return Ok(limited(js_string_bytes(scope, string), name)?.into());
    }
    if let Ok(object) = v8::Local::<v8::Object>::try_from(value)
        && let Some(handle) = native_of::<KeyObjectHandle>(scope, object)
    {
        return match handle.data()? {
            KeyObjectData::Secret(secret) => Ok(secret),
            KeyObjectData::Public(_) | KeyObjectData::Private(_) => Err(Failure::type_error(
                "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE",
                "Invalid key object type, expected secret",
            )),
        };
    }
    bytes(value, name).map(Arc::from)
}

/// Data with an encoding, as `update(data, encoding)` takes it: a string, or a buffer.
///
/// # Errors
/// `ERR_INVALID_ARG_TYPE` for anything else.
pub(crate) fn decoded(
    scope: &Scope<'_, '_>,
    args: &Args<'_>,
    data: usize,
    encoding: usize,
) -> Result<Vec<u8>, Failure> {
    let value = args.get(data);
    if let Ok(string) = v8::Local::<v8::String>::try_from(value) {
        let encoding = Encoding::parse(scope, args.get(encoding), Encoding::Utf8);
        return Ok(to_bytes(scope, string, encoding));
    }
    bytes(value, "data")
}

/// Zeros of a length a guest chose; refuses what the host has no room for.
///
/// # Errors
/// `ERR_MEMORY_ALLOCATION_FAILED`.
pub(crate) fn zeros(len: usize) -> Result<Vec<u8>, Failure> {
    let refuse = || Failure::error("ERR_MEMORY_ALLOCATION_FAILED", "Failed to allocate memory");
    if len > LARGEST_OUTPUT {
        return Err(refuse());
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| refuse())?;
    bytes.resize(len, 0);
    Ok(bytes)
}

/// How much memory one operation may work in, whatever a guest allows it.
pub(crate) const WORKING_MEMORY: u64 = 256 << 20;

/// The most bytes one operation may make: what a guest's array buffers may hold by default.
const LARGEST_OUTPUT: usize = 256 << 20;

/// Lends what [`decoded`] would copy.
///
/// # Errors
/// Those of [`decoded`].
pub(crate) fn with_decoded<R>(
    scope: &Scope<'_, '_>,
    args: &Args<'_>,
    data: usize,
    encoding: usize,
    read: impl FnOnce(&[u8]) -> R,
) -> Result<R, Failure> {
    let value = args.get(data);
    if value.is_string() {
        return decoded(scope, args, data, encoding).map(|bytes| read(&bytes));
    }
    let mut read = Some(read);
    let mut too_big = false;
    let lent = crate::glue::with_bytes(value, |bytes| {
        too_big = bytes.len() > MOST;
        if too_big {
            None
        } else {
            read.take().map(|read| read(bytes))
        }
    });
    match lent.flatten() {
        Some(result) => Ok(result),
        None if too_big => Err(Failure::range_error("ERR_OUT_OF_RANGE", "data is too big")),
        None => bytes(value, "data").and_then(|_| {
            Err(Failure::type_error(
                "ERR_INVALID_ARG_TYPE",
                "data must be a buffer",
            ))
        }),
    }
}

/// Counts bytes that native code is about to hold for JavaScript. Where there is no room, garbage is collected first.
///
/// # Errors
/// `ERR_MEMORY_ALLOCATION_FAILED`.
pub(crate) fn room(scope: &mut Scope<'_, '_>, len: usize) -> Result<Charge, Failure> {
    Charge::new(scope, len).or_else(|_| {
        scope.low_memory_notification();
        Charge::new(scope, len)
    })
}
