//! JSON Web Keys, asymmetric ones: RSA, EC, OKP (Edwards and Montgomery curves) and AKP (post-quantum). Node: `ImportJWK…Key` and `ExportJWK…Key` in `src/crypto/crypto_{rsa,ec,pqc}.cc`.

use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKey, PKeyRef, Private, Public};
use openssl::rsa::Rsa;

use super::errors;
use super::key_input::{invalid_curve, operation_failed};
use super::keys::KeyObjectData;
use crate::encoding::{Encoding, to_bytes, to_js};
use crate::glue::openssl::{
    Algorithm, NamedAlgorithm, Purpose, curve_named, private_from_raw, private_from_seed,
    public_from_raw, seed_of,
};
use crate::glue::{Failure, Object, Scope, ScopeExt};

fn invalid(message: impl Into<String>) -> Failure {
    Failure::type_error("ERR_CRYPTO_INVALID_JWK", message)
}

/// A member that must be text; `None` when it is not there.
fn member<'s>(
    scope: &Scope<'s, '_>,
    jwk: Object<'s>,
    name: &str,
    wrong: &str,
) -> Result<Option<v8::Local<'s, v8::String>>, Failure> {
    let value = scope.get_property(jwk, name)?;
    if value.is_undefined() {
        return Ok(None);
    }
    v8::Local::<v8::String>::try_from(value)
        .map(Some)
        .map_err(|_| invalid(wrong))
}

/// A member that must be there and is base64url.
fn bytes<'s>(
    scope: &Scope<'s, '_>,
    jwk: Object<'s>,
    name: &str,
    wrong: &str,
) -> Result<Vec<u8>, Failure> {
    let text = member(scope, jwk, name, wrong)?.ok_or_else(|| invalid(wrong))?;
    Ok(to_bytes(scope, text, Encoding::Base64Url))
}

fn number<'s>(
    scope: &Scope<'s, '_>,
    jwk: Object<'s>,
    name: &str,
    wrong: &str,
) -> Result<BigNum, Failure> {
    BigNum::from_slice(&bytes(scope, jwk, name, wrong)?).map_err(|_| invalid(wrong))
}

/// The key a JSON Web Key describes. With `private`, it must be a private one.
///
/// # Errors
/// `ERR_CRYPTO_INVALID_JWK`, `ERR_CRYPTO_INVALID_CURVE`.
pub(super) fn import<'s>(
    scope: &Scope<'s, '_>,
    jwk: Object<'s>,
    private: bool,
) -> Result<KeyObjectData, Failure> {
    let kty = scope.get_property(jwk, "kty")?;
    let kty = v8::Local::<v8::String>::try_from(kty)
        .map_err(|_| invalid("Invalid JWK format"))?
        .to_rust_string_lossy(scope);
    let key = match kty.as_str() {
        "RSA" => import_rsa(scope, jwk),
        "EC" => import_ec(scope, jwk),
        "OKP" => import_okp(scope, jwk),
        "AKP" => import_akp(scope, jwk),
        _ => Err(invalid(format!("{kty} is not a supported JWK key type"))),
    };
    errors::clear();
    let key = key?;
    if private && matches!(key, KeyObjectData::Public(_)) {
        return Err(invalid("JWK does not contain private key material"));
    }
    Ok(key)
}

fn import_rsa<'s>(scope: &Scope<'s, '_>, jwk: Object<'s>) -> Result<KeyObjectData, Failure> {
    const WRONG: &str = "Invalid JWK RSA key";
    let part = |name: &str| number(scope, jwk, name, WRONG);
    let (n, e) = (part("n")?, part("e")?);
    let failed = |_: ErrorStack| invalid(WRONG);
    if member(scope, jwk, "d", WRONG)?.is_none() {
        let rsa = Rsa::from_public_components(n, e).map_err(failed)?;
        return PKey::from_rsa(rsa)
            .map(KeyObjectData::Public)
            .map_err(failed);
    }
    let rsa = Rsa::from_private_components(
        n,
        e,
        part("d")?,
        part("p")?,
        part("q")?,
        part("dp")?,
        part("dq")?,
        part("qi")?,
    )
    .map_err(failed)?;
    PKey::from_rsa(rsa)
        .map(KeyObjectData::Private)
        .map_err(failed)
}

fn import_ec<'s>(scope: &Scope<'s, '_>, jwk: Object<'s>) -> Result<KeyObjectData, Failure> {
    const WRONG: &str = "Invalid JWK EC key";
    let curve = member(scope, jwk, "crv", WRONG)?
        .ok_or_else(|| invalid(WRONG))?
        .to_rust_string_lossy(scope);
    let curve = curve_named(&curve).ok_or_else(invalid_curve)?;
    let x = number(scope, jwk, "x", WRONG)?;
    let y = number(scope, jwk, "y", WRONG)?;
    let failed = |_: ErrorStack| invalid(WRONG);
    let group = EcGroup::from_curve_name(curve).map_err(failed)?;
    let public = EcKey::from_public_key_affine_coordinates(&group, &x, &y).map_err(failed)?;
    if member(scope, jwk, "d", WRONG)?.is_none() {
        return PKey::from_ec_key(public)
            .map(KeyObjectData::Public)
            .map_err(failed);
    }
    let d = number(scope, jwk, "d", WRONG)?;
    let private =
        EcKey::from_private_components(&group, &d, public.public_key()).map_err(failed)?;
    PKey::from_ec_key(private)
        .map(KeyObjectData::Private)
        .map_err(failed)
}

fn import_okp<'s>(scope: &Scope<'s, '_>, jwk: Object<'s>) -> Result<KeyObjectData, Failure> {
    const WRONG: &str = "Invalid JWK OKP key";
    let curve = member(scope, jwk, "crv", WRONG)?
        .ok_or_else(|| invalid(WRONG))?
        .to_rust_string_lossy(scope);
    let algorithm = NamedAlgorithm::from_name(&curve)
        .filter(|algorithm| algorithm.name == curve)
        .filter(|algorithm| matches!(algorithm.purpose, Purpose::Edwards | Purpose::Exchange))
        .ok_or_else(|| invalid(WRONG))?;
    let x = bytes(scope, jwk, "x", WRONG)?;
    let failed = |_: ErrorStack| invalid(WRONG);
    if member(scope, jwk, "d", WRONG)?.is_none() {
        return public_from_raw(algorithm, &x)
            .map(KeyObjectData::Public)
            .map_err(failed);
    }
    let d = bytes(scope, jwk, "d", WRONG)?;
    private_from_raw(algorithm, &d)
        .map(KeyObjectData::Private)
        .map_err(failed)
}

fn import_akp<'s>(scope: &Scope<'s, '_>, jwk: Object<'s>) -> Result<KeyObjectData, Failure> {
    const WRONG: &str = "Invalid JWK AKP key";
    let name = scope.get_property(jwk, "alg")?;
    let name = if name.is_string() {
        name.to_rust_string_lossy(scope)
    } else {
        String::new()
    };
    let algorithm = NamedAlgorithm::from_name(&name)
        .filter(|algorithm| algorithm.name == name)
        .filter(|algorithm| !matches!(algorithm.purpose, Purpose::Edwards | Purpose::Exchange))
        .ok_or_else(|| invalid("Unsupported JWK AKP \"alg\""))?;
    let public = bytes(scope, jwk, "pub", WRONG)?;
    if member(scope, jwk, "priv", WRONG)?.is_none() {
        return public_from_raw(algorithm, &public)
            .map(KeyObjectData::Public)
            .map_err(|_| invalid(WRONG));
    }
    let private = bytes(scope, jwk, "priv", WRONG)?;
    let key = if algorithm.has_seed() {
        private_from_seed(algorithm, &private)
    } else {
        private_from_raw(algorithm, &private).ok()
    };
    key.map(KeyObjectData::Private)
        .ok_or_else(|| invalid(WRONG))
}

/// Sets a member to base64url of bytes.
fn set<'s>(
    scope: &mut Scope<'s, '_>,
    target: Object<'s>,
    name: &str,
    bytes: &[u8],
) -> Result<(), Failure> {
    let text = to_js(scope, bytes, Encoding::Base64Url)?;
    scope.set(target, name, text);
    Ok(())
}

fn set_number<'s>(
    scope: &mut Scope<'s, '_>,
    target: Object<'s>,
    name: &str,
    number: Option<&BigNumRef>,
) -> Result<(), Failure> {
    let number = number.ok_or_else(|| operation_failed("The key lacks a component"))?;
    // As Node's `EncodeBignum`: at least one byte.
    let bytes = number.to_vec_padded(number.num_bytes().max(1));
    set(scope, target, name, &bytes.unwrap_or_default())
}

/// Sets the members of `target` to those of the key's JSON Web Key.
///
/// # Errors
/// `ERR_CRYPTO_JWK_UNSUPPORTED_KEY_TYPE`, `ERR_CRYPTO_JWK_UNSUPPORTED_CURVE`.
pub(super) fn export<'s>(
    scope: &mut Scope<'s, '_>,
    target: Object<'s>,
    data: &KeyObjectData,
    with_rsa_pss: bool,
) -> Result<(), Failure> {
    match data {
        KeyObjectData::Secret(secret) => {
            scope.set(target, "kty", scope.text("oct").into());
            set(scope, target, "k", secret)
        }
        KeyObjectData::Public(key) => export_public(scope, target, key, with_rsa_pss),
        KeyObjectData::Private(key) => export_private(scope, target, key, with_rsa_pss),
    }
}

fn unsupported() -> Failure {
    Failure::error(
        "ERR_CRYPTO_JWK_UNSUPPORTED_KEY_TYPE",
        "Unsupported JWK Key Type.",
    )
}

fn export_public<'s>(
    scope: &mut Scope<'s, '_>,
    target: Object<'s>,
    key: &PKeyRef<Public>,
    with_rsa_pss: bool,
) -> Result<(), Failure> {
    match Algorithm::of(key) {
        Algorithm::Rsa => export_rsa(scope, target, key),
        Algorithm::RsaPss if with_rsa_pss => export_rsa(scope, target, key),
        Algorithm::Ec => export_ec(scope, target, key).map(drop),
        Algorithm::Named(named) if is_okp(named) => {
            scope.set(target, "crv", scope.text(named.name).into());
            set(scope, target, "x", &raw_public(key)?)?;
            scope.set(target, "kty", scope.text("OKP").into());
            Ok(())
        }
        Algorithm::Named(named) => export_akp(scope, target, key, named),
        _ => Err(unsupported()),
    }
}

fn export_private<'s>(
    scope: &mut Scope<'s, '_>,
    target: Object<'s>,
    key: &PKeyRef<Private>,
    with_rsa_pss: bool,
) -> Result<(), Failure> {
    match Algorithm::of(key) {
        Algorithm::Rsa => export_rsa_private(scope, target, key),
        Algorithm::RsaPss if with_rsa_pss => export_rsa_private(scope, target, key),
        Algorithm::Ec => {
            let len = export_ec(scope, target, key)?;
            let ec = key.ec_key().map_err(|_| unsupported())?;
            let d = ec.private_key().to_vec_padded(len);
            set(scope, target, "d", &d.unwrap_or_default())
        }
        Algorithm::Named(named) if is_okp(named) => {
            scope.set(target, "crv", scope.text(named.name).into());
            let private = key
                .raw_private_key()
                .map_err(|_| operation_failed("Failed to get raw private key"))?;
            set(scope, target, "d", &private)?;
            set(scope, target, "x", &raw_public(key)?)?;
            scope.set(target, "kty", scope.text("OKP").into());
            Ok(())
        }
        Algorithm::Named(named) => {
            let private = if named.has_seed() {
                seed_of(key)
                    .ok_or_else(|| operation_failed("key does not have an available seed"))?
            } else {
                key.raw_private_key()
                    .map_err(|_| operation_failed("Failed to get raw private key"))?
            };
            set(scope, target, "priv", &private)?;
            export_akp(scope, target, key, named)
        }
        _ => Err(unsupported()),
    }
}

fn is_okp(named: &NamedAlgorithm) -> bool {
    matches!(named.purpose, Purpose::Edwards | Purpose::Exchange)
}

fn raw_public<T: HasPublic>(key: &PKeyRef<T>) -> Result<Vec<u8>, Failure> {
    key.raw_public_key()
        .map_err(|_| operation_failed("Failed to get raw public key"))
}

fn export_akp<'s, T: HasPublic>(
    scope: &mut Scope<'s, '_>,
    target: Object<'s>,
    key: &PKeyRef<T>,
    named: &NamedAlgorithm,
) -> Result<(), Failure> {
    scope.set(target, "kty", scope.text("AKP").into());
    scope.set(target, "alg", scope.text(named.name).into());
    set(scope, target, "pub", &raw_public(key)?)
}

fn export_rsa<'s, T: HasPublic>(
    scope: &mut Scope<'s, '_>,
    target: Object<'s>,
    key: &PKeyRef<T>,
) -> Result<(), Failure> {
    let rsa = key.rsa().map_err(|_| unsupported())?;
    scope.set(target, "kty", scope.text("RSA").into());
    set_number(scope, target, "n", Some(rsa.n()))?;
    set_number(scope, target, "e", Some(rsa.e()))
}

fn export_rsa_private<'s>(
    scope: &mut Scope<'s, '_>,
    target: Object<'s>,
    key: &PKeyRef<Private>,
) -> Result<(), Failure> {
    export_rsa(scope, target, key)?;
    let rsa = key.rsa().map_err(|_| unsupported())?;
    set_number(scope, target, "d", Some(rsa.d()))?;
    set_number(scope, target, "p", rsa.p())?;
    set_number(scope, target, "q", rsa.q())?;
    set_number(scope, target, "dp", rsa.dmp1())?;
    set_number(scope, target, "dq", rsa.dmq1())?;
    set_number(scope, target, "qi", rsa.iqmp())
}

/// Sets the public members; returns how many bytes a coordinate has.
fn export_ec<'s, T: HasPublic>(
    scope: &mut Scope<'s, '_>,
    target: Object<'s>,
    key: &PKeyRef<T>,
) -> Result<i32, Failure> {
    const BITS_A_BYTE: u32 = 8;
    const FAILED: &str = "Failed to get elliptic-curve point coordinates";
    let ec = key.ec_key().map_err(|_| unsupported())?;
    let group = ec.group();
    let coordinates = || -> Result<(BigNum, BigNum), ErrorStack> {
        let mut context = BigNumContext::new()?;
        let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
        ec.public_key()
            .affine_coordinates(group, &mut x, &mut y, &mut context)?;
        Ok((x, y))
    };
    let (x, y) = coordinates().map_err(|stack| errors::failure(scope, &stack, FAILED))?;
    let curve = group.curve_name().unwrap_or(Nid::UNDEF);
    let name = match curve {
        Nid::X9_62_PRIME256V1 => "P-256",
        Nid::SECP256K1 => "secp256k1",
        Nid::SECP384R1 => "P-384",
        Nid::SECP521R1 => "P-521",
        other => {
            let name = other.short_name().unwrap_or("UNDEF");
            return Err(Failure::error(
                "ERR_CRYPTO_JWK_UNSUPPORTED_CURVE",
                format!("Unsupported JWK EC curve: {name}."),
            ));
        }
    };
    let len = i32::try_from(group.degree().div_ceil(BITS_A_BYTE)).unwrap_or(0);
    scope.set(target, "kty", scope.text("EC").into());
    set(
        scope,
        target,
        "x",
        &x.to_vec_padded(len).unwrap_or_default(),
    )?;
    set(
        scope,
        target,
        "y",
        &y.to_vec_padded(len).unwrap_or_default(),
    )?;
    scope.set(target, "crv", scope.text(name).into());
    Ok(len)
}
