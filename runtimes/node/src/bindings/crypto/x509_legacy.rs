//! A certificate as `tlsSocket.getPeerCertificate()` shows it. Node: `X509ToObject` in src/crypto/crypto_x509.cc.

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

/// The object of a certificate: subject, names, key, validity, fingerprints, and the certificate itself in `raw`.
///
/// # Errors
/// When JavaScript throws.
pub(crate) fn certificate_object<'s>(
    scope: &mut Scope<'s, '_>,
    certificate: &X509Ref,
) -> Result<Object<'s>, Failure> {
    let object = scope.object();
    let subject = name_object(scope, certificate.subject_name());
    set(scope, object, "subject", subject);
    let issuer = name_object(scope, certificate.issuer_name());
    set(scope, object, "issuer", issuer);
    let names = text_or_undefined(scope, subject_alt_name(certificate));
    set(scope, object, "subjectaltname", names);
    let access = text_or_undefined(scope, info_access(certificate));
    set(scope, object, "infoAccess", access);
    set(scope, object, "ca", scope.boolean(is_ca(certificate)));
    if let Ok(key) = certificate.public_key() {
        match Algorithm::of(&key) {
            Algorithm::Rsa | Algorithm::RsaPss => set_rsa(scope, object, &key)?,
            Algorithm::Ec => set_ec(scope, object, &key)?,
            _ => {}
        }
    }
    errors::clear();
    let from = certificate.not_before().to_string();
    set(scope, object, "valid_from", scope.text(&from).into());
    let to = certificate.not_after().to_string();
    set(scope, object, "valid_to", scope.text(&to).into());
    for (name, digest) in [
        ("fingerprint", MessageDigest::sha1()),
        ("fingerprint256", MessageDigest::sha256()),
        ("fingerprint512", MessageDigest::sha512()),
    ] {
        let text = fingerprint_text(certificate, digest).map(String::into_bytes);
        let text = text_or_undefined(scope, text);
        set(scope, object, name, text);
    }
    let usages = usages(scope, certificate);
    set(scope, object, "ext_key_usage", usages);
    let serial = text_or_undefined(scope, serial_text(certificate));
    set(scope, object, "serialNumber", serial);
    if let Ok(der) = certificate.to_der() {
        set_bytes(scope, object, "raw", der)?;
    }
    errors::clear();
    Ok(object)
}

/// Sets a property, unless there is nothing to set.
fn set<'s>(scope: &Scope<'s, '_>, object: Object<'s>, name: &str, value: Value<'s>) {
    if !value.is_undefined() {
        scope.set(object, name, value);
    }
}

fn set_bytes<'s>(
    scope: &Scope<'s, '_>,
    object: Object<'s>,
    name: &str,
    bytes: Vec<u8>,
) -> Result<(), Failure> {
    let buffer = new_node_buffer(scope, bytes).ok_or(Failure::Pending)?;
    scope.set(object, name, buffer.into());
    Ok(())
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

fn set_rsa<'s>(
    scope: &Scope<'s, '_>,
    object: Object<'s>,
    key: &PKeyRef<Public>,
) -> Result<(), Failure> {
    let Ok(rsa) = key.rsa() else {
        return Ok(());
    };
    if let Ok(modulus) = rsa.n().to_hex_str() {
        scope.set(object, "modulus", scope.text(&modulus).into());
    }
    let bits = f64::from(rsa.n().num_bits());
    scope.set(object, "bits", scope.number(bits));
    let exponent = rsa
        .e()
        .to_vec()
        .iter()
        .fold(0_u64, |all, byte| all.wrapping_shl(8) | u64::from(*byte));
    scope.set(
        object,
        "exponent",
        scope.text(&format!("{exponent:#x}")).into(),
    );
    if let Ok(der) = key.public_key_to_der() {
        set_bytes(scope, object, "pubkey", der)?;
    }
    Ok(())
}

fn set_ec<'s>(
    scope: &Scope<'s, '_>,
    object: Object<'s>,
    key: &PKeyRef<Public>,
) -> Result<(), Failure> {
    let Ok(ec) = key.ec_key() else {
        return Ok(());
    };
    let group = ec.group();
    let bits = f64::from(group.order_bits());
    scope.set(object, "bits", scope.number(bits));
    let form = form_of(point_form(&ec));
    let point = BigNumContext::new()
        .and_then(|mut context| ec.public_key().to_bytes(group, form, &mut context));
    if let Ok(point) = point {
        set_bytes(scope, object, "pubkey", point)?;
    }
    if let Some(curve) = group.curve_name() {
        if let Ok(name) = curve.short_name() {
            scope.set(object, "asn1Curve", scope.text(name).into());
        }
        if let Some(name) = nist_name(curve) {
            scope.set(object, "nistCurve", scope.text(&name).into());
        }
    }
    Ok(())
}
