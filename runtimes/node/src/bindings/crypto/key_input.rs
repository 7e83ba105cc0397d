//! Asymmetric keys from JavaScript: five arguments (data, format, type, passphrase, curve) that are PEM, DER, a JSON Web Key,
//! raw bytes, or the handle of a key. Node: `GetPrivateKeyFromJs` and `GetPublicOrPrivateKeyFromJs` in `src/crypto/crypto_keys.cc`.
//!
//! Different from Node: keys in OpenSSL's stores (`kKeyFormatStore`) are those in files only, read through the guest's own
//! file system and never by OpenSSL.

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private, Public};

use super::errors;
use super::input;
use super::jwk;
use super::keys::{KeyFormat, KeyObjectData, key_of};
use crate::bindings::permission::{self, Permission};
use crate::glue::openssl::{
    Algorithm, NamedAlgorithm, NotPrivate, NotPublic, RSA_MOST_BITS, Structure, curve_named,
    is_rsa_private, private_from, private_from_raw, private_from_seed, public_from_der,
    public_from_pem, public_from_raw, public_half,
};
use crate::glue::{Args, Failure, Object, Scope, ScopeExt, Value};

/// How many arguments a key takes.
pub(super) const KEY_ARGUMENTS: usize = 5;

impl Structure {
    /// By the number of `kKeyEncoding…`.
    pub(super) const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Pkcs1,
            1 => Self::Pkcs8,
            2 => Self::Spki,
            3 => Self::Sec1,
            _ => return None,
        })
    }

    /// The structure an argument names; `None` for `undefined` and `null`.
    pub(super) fn of(scope: &Scope<'_, '_>, value: Value<'_>) -> Option<Self> {
        value
            .int32_value(scope)
            .filter(|_| value.is_int32())
            .and_then(Self::from_number)
    }
}

/// `ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS` as native code throws it.
pub(super) fn incompatible() -> Failure {
    Failure::error(
        "ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS",
        "The selected key encoding is incompatible with the key type",
    )
}

/// `ERR_CRYPTO_INVALID_CURVE`.
pub(super) fn invalid_curve() -> Failure {
    Failure::type_error("ERR_CRYPTO_INVALID_CURVE", "Invalid EC curve name")
}

/// `ERR_CRYPTO_OPERATION_FAILED`.
pub(super) fn operation_failed(message: &str) -> Failure {
    Failure::error("ERR_CRYPTO_OPERATION_FAILED", message)
}

fn invalid_type(data: &KeyObjectData, wanted: &str) -> Failure {
    let is = match data {
        KeyObjectData::Secret(_) => "secret",
        KeyObjectData::Public(_) => "public",
        KeyObjectData::Private(_) => "private",
    };
    Failure::type_error(
        "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE",
        format!("Invalid key object type {is}, expected {wanted}."),
    )
}

/// The key in the five arguments from `at`, which must be private.
///
/// # Errors
/// `ERR_MISSING_PASSPHRASE`, OpenSSL's (`ERR_OSSL_…`), and those of the formats.
pub(super) fn private_key<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    at: usize,
) -> Result<PKey<Private>, Failure> {
    match asymmetric(scope, args, at, Wanted::Private)? {
        KeyObjectData::Private(key) => bounded(key),
        other => Err(invalid_type(&other, "private")),
    }
}

/// The key in the five arguments from `at`, public or private.
///
/// # Errors
/// Those of [`private_key`].
pub(super) fn public_or_private_key<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    at: usize,
) -> Result<KeyObjectData, Failure> {
    match asymmetric(scope, args, at, Wanted::Any)? {
        KeyObjectData::Private(key) => bounded(key).map(KeyObjectData::Private),
        KeyObjectData::Public(key) => Ok(KeyObjectData::Public(key)),
        secret => Err(invalid_type(&secret, "private or public")),
    }
}

/// The public half of the key in the five arguments from `at`.
///
/// # Errors
/// Those of [`private_key`].
pub(super) fn public_key<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    at: usize,
) -> Result<PKey<Public>, Failure> {
    public_or_private_key(scope, args, at)?.into_public()
}

impl KeyObjectData {
    /// The public half.
    ///
    /// # Errors
    /// `ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE` of a secret key.
    pub(crate) fn into_public(self) -> Result<PKey<Public>, Failure> {
        match self {
            Self::Public(key) => Ok(key),
            Self::Private(key) => Ok(public_half(&key)),
            Self::Secret(_) => Err(invalid_type(&self, "private or public")),
        }
    }
}

/// Keys with which one operation would take minutes are refused: nothing can interrupt it.
fn bounded(key: PKey<Private>) -> Result<PKey<Private>, Failure> {
    if key.bits() > RSA_MOST_BITS && !matches!(Algorithm::of(&key), Algorithm::Named(_)) {
        return Err(Failure::range_error(
            "ERR_CRYPTO_INVALID_KEYLEN",
            "The key is too large",
        ));
    }
    Ok(key)
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Wanted {
    Private,
    Any,
}

fn is_bytes(value: Value<'_>) -> bool {
    value.is_string()
        || value.is_array_buffer_view()
        || value.is_array_buffer()
        || value.is_shared_array_buffer()
}

fn asymmetric<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    at: usize,
    wanted: Wanted,
) -> Result<KeyObjectData, Failure> {
    let format = KeyFormat::of(scope, args.get(at + 1));
    match format {
        Some(KeyFormat::Jwk) => {
            return jwk::import(scope, args.object(at)?, wanted == Wanted::Private);
        }
        Some(KeyFormat::Store) => return stored(scope, args, at),
        _ if !is_bytes(args.get(at)) => return key_of(scope, args.get(at)),
        _ => {}
    }
    let bytes = match v8::Local::<v8::String>::try_from(args.get(at)) {
        Ok(text) => text.to_rust_string_lossy(scope).into_bytes(),
        Err(_) => input::bytes(args.get(at), "keyData")?,
    };
    let structure = Structure::of(scope, args.get(at + 2));
    let passphrase = input::optional_bytes(args.get(at + 3), "passphrase")?;
    match format {
        Some(raw @ (KeyFormat::RawPublic | KeyFormat::RawPrivate | KeyFormat::RawSeed)) => {
            from_raw(scope, args, at, raw, &bytes)
        }
        Some(KeyFormat::Der) => {
            let structure = structure.ok_or_else(|| {
                Failure::type_error("ERR_INVALID_ARG_VALUE", "Invalid key encoding")
            })?;
            from_der(scope, &bytes, structure, passphrase.as_deref(), wanted)
        }
        _ => from_pem(scope, &bytes, passphrase.as_deref(), wanted),
    }
}

fn from_pem(
    scope: &Scope<'_, '_>,
    bytes: &[u8],
    passphrase: Option<&[u8]>,
    wanted: Wanted,
) -> Result<KeyObjectData, Failure> {
    let mut earlier = None;
    if wanted == Wanted::Any {
        match public_from_pem(bytes) {
            Ok(key) => return Ok(KeyObjectData::Public(key)),
            Err(NotPublic(errors)) => earlier = Some(errors),
        }
    }
    private_from(bytes, None, passphrase, earlier.as_ref())
        .map(KeyObjectData::Private)
        .map_err(|error| unreadable(scope, &error))
}

fn from_der(
    scope: &Scope<'_, '_>,
    bytes: &[u8],
    structure: Structure,
    passphrase: Option<&[u8]>,
    wanted: Wanted,
) -> Result<KeyObjectData, Failure> {
    let is_public = match structure {
        Structure::Spki => true,
        Structure::Pkcs1 => !is_rsa_private(bytes),
        Structure::Pkcs8 | Structure::Sec1 => false,
    };
    if wanted == Wanted::Any && is_public {
        return public_from_der(bytes, structure)
            .map(KeyObjectData::Public)
            .map_err(|stack| {
                errors::plain_failure(scope, &stack, "Failed to read asymmetric key")
            });
    }
    private_from(bytes, Some(structure), passphrase, None)
        .map(KeyObjectData::Private)
        .map_err(|error| unreadable(scope, &error))
}

fn unreadable(scope: &Scope<'_, '_>, error: &NotPrivate) -> Failure {
    match error {
        NotPrivate::NeedsPassphrase => Failure::type_error(
            "ERR_MISSING_PASSPHRASE",
            "Passphrase required for encrypted key",
        ),
        NotPrivate::Broken(stack) => {
            errors::peeked_failure(scope, stack, "Failed to read private key")
        }
    }
}

/// Raw bytes: the type argument is the `asymmetricKeyType`.
fn from_raw<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    at: usize,
    format: KeyFormat,
    bytes: &[u8],
) -> Result<KeyObjectData, Failure> {
    let invalid = || Failure::type_error("ERR_INVALID_ARG_VALUE", "Invalid key data");
    let name = args.text(scope, at + 2)?;
    if name == "ec" {
        let curve = args.text(scope, at + 4)?;
        let curve = curve_named(&curve).ok_or_else(invalid_curve)?;
        errors::clear();
        let group = EcGroup::from_curve_name(curve).map_err(|_| invalid_curve())?;
        let key = match format {
            KeyFormat::RawPublic => ec_public(&group, bytes).map(KeyObjectData::Public),
            KeyFormat::RawPrivate => ec_private(&group, bytes).map(KeyObjectData::Private),
            _ => return Err(incompatible()),
        };
        errors::clear();
        return key.map_err(|_| invalid());
    }
    let Some(algorithm) = NamedAlgorithm::from_name(&name) else {
        return Err(match name.as_str() {
            "rsa" | "rsa-pss" | "dsa" | "dh" => incompatible(),
            _ => Failure::type_error(
                "ERR_INVALID_ARG_VALUE",
                format!("Invalid asymmetricKeyType: {name}"),
            ),
        });
    };
    let key = match format {
        KeyFormat::RawPublic => public_from_raw(algorithm, bytes)
            .ok()
            .map(KeyObjectData::Public),
        KeyFormat::RawPrivate if !algorithm.has_seed() => private_from_raw(algorithm, bytes)
            .ok()
            .map(KeyObjectData::Private),
        KeyFormat::RawSeed if algorithm.has_seed() => {
            private_from_seed(algorithm, bytes).map(KeyObjectData::Private)
        }
        _ => return Err(incompatible()),
    };
    errors::clear();
    key.ok_or_else(invalid)
}

fn ec_public(group: &EcGroup, bytes: &[u8]) -> Result<PKey<Public>, ErrorStack> {
    let mut context = BigNumContext::new()?;
    let point = EcPoint::from_bytes(group, bytes, &mut context)?;
    PKey::from_ec_key(EcKey::from_public_key(group, &point)?)
}

fn ec_private(group: &EcGroup, bytes: &[u8]) -> Result<PKey<Private>, ErrorStack> {
    let mut context = BigNumContext::new()?;
    let mut order = BigNum::new()?;
    group.order(&mut order, &mut context)?;
    if i32::try_from(bytes.len()) != Ok(order.num_bytes()) {
        return Err(ErrorStack::get());
    }
    let number = BigNum::from_slice(bytes)?;
    PKey::from_ec_key(ec_from_private(group, &number)?)
}

/// The key of a private number: its public half is computed.
pub(super) fn ec_from_private(
    group: &EcGroup,
    number: &BigNum,
) -> Result<EcKey<Private>, ErrorStack> {
    let mut context = BigNumContext::new()?;
    let mut point = EcPoint::new(group)?;
    point.mul_generator2(group, number, &mut context)?;
    EcKey::from_private_components(group, number, &point)
}

/// A key of `{ uri, properties }`: a path of the guest, or a scheme that has no loader here.
fn stored<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    at: usize,
) -> Result<KeyObjectData, Failure> {
    let reference: Object<'_> = args.object(at)?;
    // The URI may hold a secret: who hears of the refusal does not hear of it.
    permission::check(scope, Permission::OpensslStore, b"")?;
    let uri = scope
        .get_property(reference, "uri")?
        .to_rust_string_lossy(scope);
    let passphrase = input::optional_bytes(args.get(at + 3), "passphrase")?;
    if !uri.starts_with('/') {
        return Err(errors::like_openssl(
            scope,
            "error:1608010C:STORE routines::unsupported",
            "STORE routines",
            "unsupported",
            "ERR_OSSL_OSSL_STORE_UNSUPPORTED",
        ));
    }
    let bytes = scope.env().read_file(uri.as_bytes()).map_err(|_| {
        errors::like_openssl(
            scope,
            "error:80000002:system library::No such file or directory",
            "system library",
            "No such file or directory",
            "ERR_OSSL_SYS_NO_SUCH_FILE_OR_DIRECTORY",
        )
    })?;
    private_from(&bytes, None, passphrase.as_deref(), None)
        .map(KeyObjectData::Private)
        .map_err(|error| unreadable(scope, &error))
}

/// Whether keys of this algorithm sign all data at once, and not with `Sign`.
pub(super) fn signs_at_once(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::Named(named) if named.signs())
}
