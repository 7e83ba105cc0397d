//! Asymmetric keys to JavaScript: PEM text, DER, JSON Web Keys, raw bytes, or handles. Node: `ToEncodedPublicKey`, `ToEncodedPrivateKey` and the exports of `KeyObjectHandle` in `src/crypto/crypto_keys.cc`.

use openssl::bn::{BigNum, BigNumContext};
use openssl::cipher::CipherRef;
use openssl::ec::PointConversionForm;
use openssl::error::ErrorStack;
use openssl::pkey::{HasPublic, PKeyRef, Private, Public};

use super::errors;
use super::input;
use super::jwk;
use super::key_input::{incompatible, operation_failed};
use super::keys::{KeyFormat, KeyObjectData, KeyObjectHandle, new_key_handle};
use crate::glue::openssl::{
    Algorithm, Encryption, NamedAlgorithm, Structure, cipher_of, encode_private, encode_public,
    public_half, seed_of,
};
use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt, Value, new_node_buffer};

/// How a key goes out.
pub(super) enum Encoding {
    /// As a handle, of which JavaScript makes a `KeyObject`.
    Handle,
    Jwk,
    /// The point of an elliptic key in this form, the bytes of another.
    RawPublic(i32),
    RawPrivate,
    RawSeed,
    File {
        pem: bool,
        structure: Structure,
        /// Cipher and passphrase.
        encryption: Option<(&'static CipherRef, Vec<u8>)>,
    },
}

fn invalid_encoding() -> Failure {
    Failure::type_error("ERR_INVALID_ARG_VALUE", "Invalid key encoding")
}

/// The encoding in two arguments from `at`: format and type.
pub(super) fn encoding_argument<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    at: usize,
) -> Result<Encoding, Failure> {
    const UNCOMPRESSED: i32 = 4;
    let Some(format) = KeyFormat::of(scope, args.get(at)) else {
        return Ok(Encoding::Handle);
    };
    Ok(match format {
        KeyFormat::Jwk => Encoding::Jwk,
        KeyFormat::RawPublic => {
            Encoding::RawPublic(args.i32(scope, at + 1).unwrap_or(UNCOMPRESSED))
        }
        KeyFormat::RawPrivate => Encoding::RawPrivate,
        KeyFormat::RawSeed => Encoding::RawSeed,
        KeyFormat::Der | KeyFormat::Pem => Encoding::File {
            pem: format == KeyFormat::Pem,
            structure: Structure::of(scope, args.get(at + 1)).ok_or_else(invalid_encoding)?,
            encryption: None,
        },
        KeyFormat::Store => return Err(invalid_encoding()),
    })
}

/// The encoding in four arguments from `at`: format, type, cipher and passphrase.
pub(super) fn private_encoding_argument<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    at: usize,
) -> Result<Encoding, Failure> {
    let encoding = encoding_argument(scope, args, at)?;
    let Encoding::File { pem, structure, .. } = encoding else {
        return Ok(encoding);
    };
    let encryption = if args.get(at + 2).is_string() {
        let name = args.text(scope, at + 2)?;
        let cipher = cipher_of(&name)
            .ok_or_else(|| Failure::error("ERR_CRYPTO_UNKNOWN_CIPHER", "Unknown cipher"))?;
        Some((cipher, input::bytes(args.get(at + 3), "passphrase")?))
    } else {
        None
    };
    Ok(Encoding::File {
        pem,
        structure,
        encryption,
    })
}

fn file<'s>(scope: &Scope<'s, '_>, bytes: Vec<u8>, pem: bool) -> Result<Value<'s>, Failure> {
    if pem {
        return Ok(scope.latin1(&bytes)?.into());
    }
    buffer(scope, bytes)
}

fn buffer<'s>(scope: &Scope<'s, '_>, bytes: Vec<u8>) -> Result<Value<'s>, Failure> {
    Ok(new_node_buffer(scope, bytes)
        .ok_or(Failure::Pending)?
        .into())
}

/// A public key as the encoding says.
///
/// # Errors
/// Those of the formats.
pub(super) fn public<'s>(
    scope: &mut Scope<'s, '_>,
    key: &PKeyRef<Public>,
    encoding: &Encoding,
) -> Result<Value<'s>, Failure> {
    match encoding {
        Encoding::Handle => {
            Ok(new_key_handle(scope, KeyObjectData::Public(key.to_owned()))?.into())
        }
        Encoding::Jwk => {
            let target = scope.object();
            jwk::export(scope, target, &KeyObjectData::Public(key.to_owned()), false)?;
            Ok(target.into())
        }
        Encoding::RawPublic(form) => {
            let bytes = match Algorithm::of(key) {
                Algorithm::Ec => ec_point(scope, key, *form)?,
                _ => raw_public(key)?,
            };
            buffer(scope, bytes)
        }
        Encoding::File { pem, structure, .. } => {
            let bytes = encode_public(key, *structure, *pem).map_err(|stack| {
                errors::peeked_failure(scope, &stack, "Failed to encode public key")
            })?;
            file(scope, bytes, *pem)
        }
        Encoding::RawPrivate | Encoding::RawSeed => Err(incompatible()),
    }
}

/// A private key as the encoding says.
///
/// # Errors
/// Those of the formats.
pub(super) fn private<'s>(
    scope: &mut Scope<'s, '_>,
    key: &PKeyRef<Private>,
    encoding: &Encoding,
) -> Result<Value<'s>, Failure> {
    match encoding {
        Encoding::Handle => {
            Ok(new_key_handle(scope, KeyObjectData::Private(key.to_owned()))?.into())
        }
        Encoding::Jwk => {
            let target = scope.object();
            jwk::export(
                scope,
                target,
                &KeyObjectData::Private(key.to_owned()),
                false,
            )?;
            Ok(target.into())
        }
        Encoding::RawPrivate => {
            let bytes = match Algorithm::of(key) {
                Algorithm::Ec => ec_number(key)?,
                _ => raw_private(key)?,
            };
            buffer(scope, bytes)
        }
        Encoding::RawSeed => {
            let bytes = raw_seed(key)?;
            buffer(scope, bytes)
        }
        Encoding::File {
            pem,
            structure,
            encryption,
        } => {
            let encryption = encryption
                .as_ref()
                .map(|(cipher, passphrase)| Encryption { cipher, passphrase });
            let bytes = encode_private(key, *structure, *pem, encryption).map_err(|stack| {
                errors::peeked_failure(scope, &stack, "Failed to encode private key")
            })?;
            file(scope, bytes, *pem)
        }
        Encoding::RawPublic(_) => Err(incompatible()),
    }
}

/// The algorithm, if its keys are plain bytes.
fn named<T>(key: &PKeyRef<T>) -> Result<&'static NamedAlgorithm, Failure> {
    match Algorithm::of(key) {
        Algorithm::Named(named) => Ok(named),
        _ => Err(incompatible()),
    }
}

fn raw_public<T: HasPublic>(key: &PKeyRef<T>) -> Result<Vec<u8>, Failure> {
    named(key)?;
    key.raw_public_key()
        .map_err(|_| operation_failed("Failed to get raw public key"))
}

fn raw_private(key: &PKeyRef<Private>) -> Result<Vec<u8>, Failure> {
    if named(key)?.has_seed() {
        return Err(incompatible());
    }
    key.raw_private_key()
        .map_err(|_| operation_failed("Failed to get raw private key"))
}

fn raw_seed(key: &PKeyRef<Private>) -> Result<Vec<u8>, Failure> {
    if !named(key)?.has_seed() {
        return Err(incompatible());
    }
    seed_of(key).ok_or_else(|| operation_failed("Failed to get raw seed"))
}

/// The form of a point by its number, `POINT_CONVERSION_…`.
pub(super) fn form_of(number: i32) -> PointConversionForm {
    match number {
        2 => PointConversionForm::COMPRESSED,
        6 => PointConversionForm::HYBRID,
        _ => PointConversionForm::UNCOMPRESSED,
    }
}

/// The public point of an elliptic key.
pub(super) fn ec_point<T: HasPublic>(
    scope: &Scope<'_, '_>,
    key: &PKeyRef<T>,
    form: i32,
) -> Result<Vec<u8>, Failure> {
    let point = || -> Result<Vec<u8>, ErrorStack> {
        let ec = key.ec_key()?;
        let mut context = BigNumContext::new()?;
        ec.public_key()
            .to_bytes(ec.group(), form_of(form), &mut context)
    };
    point().map_err(|stack| errors::failure(scope, &stack, "Failed to get public key"))
}

/// The private number of an elliptic key, as long as the curve's order.
fn ec_number(key: &PKeyRef<Private>) -> Result<Vec<u8>, Failure> {
    let number = || -> Result<Vec<u8>, ErrorStack> {
        let ec = key.ec_key()?;
        let mut context = BigNumContext::new()?;
        let mut order = BigNum::new()?;
        ec.group().order(&mut order, &mut context)?;
        ec.private_key().to_vec_padded(order.num_bytes())
    };
    number().map_err(|_| operation_failed("Failed to export EC private key"))
}

fn own_data<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<KeyObjectData, Failure> {
    args.native::<KeyObjectHandle>(scope)?.data()
}

fn own_private<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
) -> Result<openssl::pkey::PKey<Private>, Failure> {
    match own_data(scope, args)? {
        KeyObjectData::Private(key) => Ok(key),
        _ => Err(incompatible()),
    }
}

/// `export(format, type[, cipher, passphrase])`, and `export()` of a secret.
pub(super) fn export<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let value = match own_data(scope, args)? {
        KeyObjectData::Secret(secret) => buffer(scope, secret.to_vec())?,
        KeyObjectData::Public(key) => {
            let encoding = encoding_argument(scope, args, 0)?;
            public(scope, &key, &encoding)?
        }
        KeyObjectData::Private(key) => {
            let encoding = private_encoding_argument(scope, args, 0)?;
            private(scope, &key, &encoding)?
        }
    };
    errors::clear();
    Ok(value.into())
}

/// `exportJwk(target, handleRsaPss)`.
pub(super) fn export_jwk<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let data = own_data(scope, args)?;
    let target = args.object(0)?;
    let with_rsa_pss = args.bool(scope, 1);
    jwk::export(scope, target, &data, with_rsa_pss)?;
    Ok(target.into())
}

/// `rawPublicKey()`.
pub(super) fn raw_public_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let key = match own_data(scope, args)? {
        KeyObjectData::Public(key) => key,
        KeyObjectData::Private(key) => public_half(&key),
        KeyObjectData::Secret(_) => return Err(incompatible()),
    };
    let bytes = raw_public(&key)?;
    Ok(buffer(scope, bytes)?.into())
}

/// `rawPrivateKey()`.
pub(super) fn raw_private_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let key = own_private(scope, args)?;
    let bytes = raw_private(&key)?;
    Ok(buffer(scope, bytes)?.into())
}

/// `rawSeed()`.
pub(super) fn raw_seed_bytes<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let key = own_private(scope, args)?;
    let bytes = raw_seed(&key)?;
    Ok(buffer(scope, bytes)?.into())
}

/// `exportECPublicRaw(form)`.
pub(super) fn export_ec_public_raw<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let key = own_data(scope, args)?.into_public()?;
    if !matches!(Algorithm::of(&key), Algorithm::Ec) {
        return Err(incompatible());
    }
    let bytes = ec_point(scope, &key, args.i32(scope, 0)?)?;
    Ok(buffer(scope, bytes)?.into())
}

/// `exportECPrivateRaw()`.
pub(super) fn export_ec_private_raw<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let key = own_private(scope, args)?;
    if !matches!(Algorithm::of(&key), Algorithm::Ec) {
        return Err(incompatible());
    }
    let bytes = ec_number(&key)?;
    Ok(buffer(scope, bytes)?.into())
}
