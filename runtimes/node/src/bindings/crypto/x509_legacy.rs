//! A certificate as `tlsSocket.getPeerCertificate()` shows it. Node: `X509ToObject` in `src/crypto/crypto_x509.cc`.

use openssl::bn::BigNumContext;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKeyRef, Public};
use openssl::x509::{X509NameEntryRef, X509NameRef, X509Ref};

use super::errors;
use super::key_output::form_of;
use super::x509::{fingerprint_text, serial_text, text_or_undefined, usages};
use crate::glue::openssl::{
    Algorithm, info_access, is_ca, nist_name, object_number, point_form, subject_alt_name,
};
use crate::glue::{Failure, Object, Scope, ScopeExt, Value, new_node_buffer};

/// What a certificate says of its key, in the order it is shown: the parts before the validity, then those at the end.
struct KeyParts<'s> {
    modulus: Value<'s>,
    exponent: Value<'s>,
    pubkey: Value<'s>,
    bits: Value<'s>,
    asn1_curve: Value<'s>,
    nist_curve: Value<'s>,
}

/// The object of a certificate: subject, names, key, validity, fingerprints, and the certificate itself in `raw`. What it does
/// not have is `undefined`.
///
/// # Errors
/// When JavaScript throws.
pub(crate) fn certificate_object<'s>(
    scope: &mut Scope<'s, '_>,
    certificate: &X509Ref,
) -> Result<Object<'s>, Failure> {
    let key = key_parts(scope, certificate)?;
    let fingerprint = |digest| {
        text_or_undefined(
            scope,
            fingerprint_text(certificate, digest).map(String::into_bytes),
        )
    };
    let raw = match certificate.to_der() {
        Ok(der) => bytes(scope, der)?,
        Err(_) => scope.undefined(),
    };
    let parts = [
        ("subject", name_object(scope, certificate.subject_name())),
        ("issuer", name_object(scope, certificate.issuer_name())),
        (
            "subjectaltname",
            text_or_undefined(scope, subject_alt_name(certificate)),
        ),
        (
            "infoAccess",
            text_or_undefined(scope, info_access(certificate)),
        ),
        ("ca", scope.boolean(is_ca(certificate))),
        ("modulus", key.modulus),
        ("exponent", key.exponent),
        ("pubkey", key.pubkey),
        ("bits", key.bits),
        (
            "valid_from",
            scope.text(&certificate.not_before().to_string()).into(),
        ),
        (
            "valid_to",
            scope.text(&certificate.not_after().to_string()).into(),
        ),
        ("fingerprint", fingerprint(MessageDigest::sha1())),
        ("fingerprint256", fingerprint(MessageDigest::sha256())),
        ("fingerprint512", fingerprint(MessageDigest::sha512())),
        ("ext_key_usage", usages(scope, certificate)),
        (
            "serialNumber",
            text_or_undefined(scope, serial_text(certificate)),
        ),
        ("raw", raw),
        ("asn1Curve", key.asn1_curve),
        ("nistCurve", key.nist_curve),
    ];
    errors::clear();
    let object = scope.object();
    for (name, value) in parts {
        scope.set(object, name, value);
    }
    Ok(object)
}

fn bytes<'s>(scope: &Scope<'s, '_>, bytes: Vec<u8>) -> Result<Value<'s>, Failure> {
    Ok(new_node_buffer(scope, bytes)
        .ok_or(Failure::Pending)?
        .into())
}

fn entry_name(entry: &X509NameEntryRef) -> String {
    let object = entry.object();
    match object.nid() {
        Nid::UNDEF => object_number(object),
        nid => nid.short_name().unwrap_or_default().to_owned(),
    }
}

/// A distinguished name as an object: a part that is there more than once is an array.
fn name_object<'s>(scope: &Scope<'s, '_>, name: &X509NameRef) -> Value<'s> {
    let mut parts: Vec<(String, Vec<Value<'_>>)> = Vec::new();
    for entry in name.entries() {
        let key = entry_name(entry);
        let Ok(text) = entry.data().to_string() else {
            continue;
        };
        let value: Value<'_> = scope.utf8(text.as_bytes()).into();
        match parts.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value),
            None => parts.push((key, vec![value])),
        }
    }
    errors::clear();
    let object = scope.null_object();
    for (key, values) in parts {
        let value = match values.as_slice() {
            [one] => *one,
            several => scope.array(several).into(),
        };
        scope.set(object, &key, value);
    }
    object.into()
}

fn key_parts<'s>(scope: &Scope<'s, '_>, certificate: &X509Ref) -> Result<KeyParts<'s>, Failure> {
    let undefined = scope.undefined();
    let mut parts = KeyParts {
        modulus: undefined,
        exponent: undefined,
        pubkey: undefined,
        bits: undefined,
        asn1_curve: undefined,
        nist_curve: undefined,
    };
    if let Ok(key) = certificate.public_key() {
        match Algorithm::of(&key) {
            Algorithm::Rsa | Algorithm::RsaPss => set_rsa(scope, &mut parts, &key)?,
            Algorithm::Ec => set_ec(scope, &mut parts, &key)?,
            _ => {}
        }
    }
    Ok(parts)
}

fn set_rsa<'s>(
    scope: &Scope<'s, '_>,
    parts: &mut KeyParts<'s>,
    key: &PKeyRef<Public>,
) -> Result<(), Failure> {
    let Ok(rsa) = key.rsa() else {
        return Ok(());
    };
    if let Ok(modulus) = rsa.n().to_hex_str() {
        parts.modulus = scope.text(&modulus).into();
    }
    parts.bits = scope.number(f64::from(rsa.n().num_bits()));
    let exponent = rsa
        .e()
        .to_vec()
        .iter()
        .fold(0_u64, |all, byte| all.wrapping_shl(8) | u64::from(*byte));
    parts.exponent = scope.text(&format!("{exponent:#x}")).into();
    if let Ok(der) = rsa.public_key_to_der() {
        parts.pubkey = bytes(scope, der)?;
    }
    Ok(())
}

fn set_ec<'s>(
    scope: &Scope<'s, '_>,
    parts: &mut KeyParts<'s>,
    key: &PKeyRef<Public>,
) -> Result<(), Failure> {
    let Ok(ec) = key.ec_key() else {
        return Ok(());
    };
    let group = ec.group();
    parts.bits = scope.number(f64::from(group.order_bits()));
    let form = form_of(point_form(&ec));
    let point = BigNumContext::new()
        .and_then(|mut context| ec.public_key().to_bytes(group, form, &mut context));
    if let Ok(point) = point {
        parts.pubkey = bytes(scope, point)?;
    }
    if let Some(curve) = group.curve_name() {
        if let Ok(name) = curve.short_name() {
            parts.asn1_curve = scope.text(name).into();
        }
        if let Some(name) = nist_name(curve) {
            parts.nist_curve = scope.text(&name).into();
        }
    }
    Ok(())
}
