//! What this OpenSSL is and has: its version, the names of its algorithms, and the switches of the whole library, none of
//! which a guest may turn: FIPS mode, engines, the secure heap. Node: `src/crypto/crypto_util.cc` and the `Get…` of each file.

use std::sync::LazyLock;

use crate::glue::openssl as raw;
use crate::glue::{
    Args, BindingResult, Failure, Return, Scope, ScopeExt, Value, allocate_array_buffer,
};

/// The version of OpenSSL that is linked, as `process.versions.openssl` has it.
pub(crate) fn openssl_version() -> &'static str {
    openssl::version::version()
        .split(' ')
        .nth(1)
        .unwrap_or_default()
}

static DIGESTS: LazyLock<Vec<String>> = LazyLock::new(raw::digest_names);
static CIPHERS: LazyLock<Vec<String>> = LazyLock::new(raw::cipher_names);
static CURVES: LazyLock<Vec<String>> = LazyLock::new(raw::curve_names);
static SSL_CIPHERS: LazyLock<Vec<String>> = LazyLock::new(raw::ssl_cipher_names);

fn list<'s>(scope: &Scope<'s, '_>, names: &[String]) -> BindingResult<'s> {
    let names: Vec<Value<'_>> = names.iter().map(|name| scope.name(name).into()).collect();
    Ok(scope.array(&names).into())
}

pub(super) fn get_hashes<'s>(scope: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    list(scope, &DIGESTS)
}

pub(super) fn get_ciphers<'s>(scope: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    list(scope, &CIPHERS)
}

pub(super) fn get_curves<'s>(scope: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    list(scope, &CURVES)
}

pub(super) fn get_ssl_ciphers<'s>(scope: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    list(scope, &SSL_CIPHERS)
}

/// `getCachedAliases()`: numbers of digests by name, with which JavaScript spares native code the decoding of names. We look
/// names up ourselves: none.
pub(super) fn get_cached_aliases<'s>(scope: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(scope.null_object().into())
}

pub(super) fn get_fips_crypto<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(0.into())
}

/// The FIPS provider is not there, and the mode would be that of every guest.
pub(super) fn set_fips_crypto<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if args.bool(scope, 0) {
        return Err(Failure::error(
            "ERR_CRYPTO_FIPS_UNAVAILABLE",
            "Cannot set FIPS mode: there is no FIPS provider",
        ));
    }
    Ok(().into())
}

pub(super) fn test_fips_crypto<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(false.into())
}

/// There are no engines to choose from.
pub(super) fn set_engine<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(false.into())
}

/// `secureBuffer(size)`: bytes for secrets. There is no secure heap, as in Node without `--secure-heap`.
pub(super) fn secure_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let len = usize::try_from(args.u32(scope, 0)?).unwrap_or(usize::MAX);
    let buffer = allocate_array_buffer(scope, len)?;
    let array = v8::Uint8Array::new(scope, buffer, 0, len).ok_or(Failure::Pending)?;
    Ok(array.into())
}

/// `undefined`: no secure heap.
pub(super) fn secure_heap_used<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(Return::Undefined)
}

pub(super) fn get_security_level<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    let Ok(builder) = openssl::ssl::SslContextBuilder::new(openssl::ssl::SslMethod::tls()) else {
        return Err(Failure::error(
            "ERR_CRYPTO_OPERATION_FAILED",
            "getOpenSSLSecLevel",
        ));
    };
    Ok(i32::try_from(builder.build().security_level())
        .unwrap_or(i32::MAX)
        .into())
}
