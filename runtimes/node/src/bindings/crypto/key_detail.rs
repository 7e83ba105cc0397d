//! What a key is: its algorithm, its sizes, its curve, whether it is sound. Node: `GetAsymmetricKeyType`, `GetKeyDetail` and `CheckEcKeyData` in `src/crypto/crypto_keys.cc`.

use openssl::bn::BigNumRef;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKeyRef};

use super::errors;
use super::key_input::operation_failed;
use super::keys::{KeyObjectData, KeyObjectHandle};
use crate::glue::openssl::{Algorithm, is_valid_pair, is_valid_public, pss_details};
use crate::glue::{
    Args, BindingResult, Failure, Object, Return, Scope, ScopeExt, new_array_buffer,
};

fn invalid_type() -> Failure {
    Failure::range_error("ERR_CRYPTO_INVALID_KEYTYPE", "Invalid key type")
}

/// `getAsymmetricKeyType()`.
pub(super) fn get_asymmetric_key_type<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let algorithm = match args.native::<KeyObjectHandle>(scope)?.data()? {
        KeyObjectData::Public(key) => Algorithm::of(&key),
        KeyObjectData::Private(key) => Algorithm::of(&key),
        KeyObjectData::Secret(_) => return Err(invalid_type()),
    };
    Ok(match algorithm.key_type() {
        Some(name) => scope.name(name).into(),
        None => Return::Undefined,
    })
}

/// `checkEcKeyData()`: whether the point is on the curve, and the private number its own.
pub(super) fn check_ec_key_data<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let sound = match args.native::<KeyObjectHandle>(scope)?.data()? {
        KeyObjectData::Public(key) => is_valid_public(&key),
        KeyObjectData::Private(key) => is_valid_pair(&key),
        KeyObjectData::Secret(_) => return Err(invalid_type()),
    };
    errors::clear();
    Ok(sound.into())
}

/// `keyDetail(target)`: sets what there is to know.
pub(super) fn key_detail<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const BITS_A_BYTE: f64 = 8.0;
    let target = args.object(0)?;
    match args.native::<KeyObjectHandle>(scope)?.data()? {
        KeyObjectData::Secret(secret) => {
            let len = u32::try_from(secret.len()).unwrap_or(u32::MAX);
            scope.set(target, "length", scope.number(f64::from(len) * BITS_A_BYTE));
        }
        KeyObjectData::Public(key) => detail(scope, target, &key)?,
        KeyObjectData::Private(key) => detail(scope, target, &key)?,
    }
    errors::clear();
    Ok(target.into())
}

fn detail<'s, T: HasPublic>(
    scope: &mut Scope<'s, '_>,
    target: Object<'s>,
    key: &PKeyRef<T>,
) -> Result<(), Failure> {
    let algorithm = Algorithm::of(key);
    match algorithm {
        Algorithm::Rsa | Algorithm::RsaPss => {
            let rsa = key.rsa().map_err(|_| invalid_type())?;
            set_bits(scope, target, "modulusLength", rsa.n());
            let exponent = new_array_buffer(scope, rsa.e().to_vec());
            scope.set(target, "publicExponent", exponent.into());
            if matches!(algorithm, Algorithm::RsaPss) {
                set_restrictions(scope, target, key);
            }
        }
        Algorithm::Dsa => {
            let dsa = key.dsa().map_err(|_| invalid_type())?;
            let missing = || operation_failed("The key lacks its parameters");
            set_bits(
                scope,
                target,
                "modulusLength",
                dsa.p_opt().ok_or_else(missing)?,
            );
            set_bits(
                scope,
                target,
                "divisorLength",
                dsa.q_opt().ok_or_else(missing)?,
            );
        }
        Algorithm::Ec => {
            let ec = key.ec_key().map_err(|_| invalid_type())?;
            let curve = ec.group().curve_name().unwrap_or(Nid::UNDEF);
            let name = curve.short_name().unwrap_or("UNDEF");
            scope.set(target, "namedCurve", scope.name(name).into());
        }
        Algorithm::Dh => {}
        Algorithm::Named(_) | Algorithm::Other => return Err(invalid_type()),
    }
    Ok(())
}

fn set_bits<'s>(scope: &Scope<'s, '_>, target: Object<'s>, name: &str, number: &BigNumRef) {
    scope.set(target, name, scope.number(f64::from(number.num_bits())));
}

fn set_restrictions<'s, T>(scope: &Scope<'s, '_>, target: Object<'s>, key: &PKeyRef<T>) {
    let Some(details) = pss_details(key) else {
        return;
    };
    scope.set(target, "hashAlgorithm", scope.text(details.digest).into());
    if let Some(digest) = details.mgf1_digest {
        scope.set(target, "mgf1HashAlgorithm", scope.text(digest).into());
    }
    let len = i32::try_from(details.salt_len).unwrap_or(i32::MAX);
    scope.set(target, "saltLength", scope.number(f64::from(len)));
}
