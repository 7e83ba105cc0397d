//! A certificate as the plain object of `getPeerCertificate()`: the fields that checking a server's identity needs.

use openssl::nid::Nid;
use openssl::x509::{X509NameRef, X509Ref};

use super::super::crypto::errors::failure;
use crate::glue::{Failure, Object, Scope, ScopeExt, Value, new_node_buffer};

fn name<'s>(scope: &Scope<'s, '_>, name: &X509NameRef) -> Object<'s> {
    let object = scope.null_object();
    for entry in name.entries() {
        let nid = entry.object().nid();
        let Ok(key) = nid.short_name() else { continue };
        let Ok(text) = entry.data().to_string() else {
            continue;
        };
        let value: Value<'s> = scope.text(&text).into();
        let known = scope.get_property(object, key).ok();
        match known.filter(|known| !known.is_undefined()) {
            None => scope.set(object, key, value),
            Some(known) => match v8::Local::<v8::Array>::try_from(known) {
                Ok(list) => {
                    let _set = list.set_index(scope, list.length(), value);
                }
                Err(_) => scope.set(object, key, scope.array(&[known, value]).into()),
            },
        }
    }
    object
}

fn alternative_names(certificate: &X509Ref) -> Option<String> {
    let names = certificate.subject_alt_names()?;
    let parts: Vec<String> = names
        .iter()
        .filter_map(|name| {
            if let Some(dns) = name.dnsname() {
                return Some(format!("DNS:{dns}"));
            }
            if let Some(address) = name.ipaddress() {
                let address = match *address {
                    [a, b, c, d] => std::net::IpAddr::from([a, b, c, d]),
                    _ => std::net::IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
                };
                return Some(format!("IP Address:{address}"));
            }
            if let Some(mail) = name.email() {
                return Some(format!("email:{mail}"));
            }
            name.uri().map(|uri| format!("URI:{uri}"))
        })
        .collect();
    Some(parts.join(", "))
}

fn fingerprint(certificate: &X509Ref, digest: openssl::hash::MessageDigest) -> String {
    let bytes = certificate.digest(digest).ok();
    let parts: Vec<String> = bytes
        .iter()
        .flat_map(|bytes| bytes.iter())
        .map(|byte| format!("{byte:02X}"))
        .collect();
    parts.join(":")
}

/// The object.
pub(super) fn legacy_certificate<'s>(
    scope: &Scope<'s, '_>,
    certificate: &X509Ref,
) -> Result<Object<'s>, Failure> {
    use openssl::hash::MessageDigest;
    let object = scope.object();
    scope.set(
        object,
        "subject",
        name(scope, certificate.subject_name()).into(),
    );
    scope.set(
        object,
        "issuer",
        name(scope, certificate.issuer_name()).into(),
    );
    if let Some(names) = alternative_names(certificate) {
        scope.set(object, "subjectaltname", scope.text(&names).into());
    }
    let serial = certificate
        .serial_number()
        .to_bn()
        .and_then(|number| number.to_hex_str())
        .map_err(|errors| failure(scope, &errors, "serial number"))?;
    let _ = Nid::UNDEF;
    for (key, text) in [
        ("valid_from", certificate.not_before().to_string()),
        ("valid_to", certificate.not_after().to_string()),
        (
            "fingerprint",
            fingerprint(certificate, MessageDigest::sha1()),
        ),
        (
            "fingerprint256",
            fingerprint(certificate, MessageDigest::sha256()),
        ),
        (
            "fingerprint512",
            fingerprint(certificate, MessageDigest::sha512()),
        ),
        ("serialNumber", serial.to_string()),
    ] {
        scope.set(object, key, scope.text(&text).into());
    }
    let der = certificate
        .to_der()
        .map_err(|errors| failure(scope, &errors, "i2d_X509"))?;
    let raw = new_node_buffer(scope, der).ok_or(Failure::Pending)?;
    scope.set(object, "raw", raw.into());
    Ok(object)
}

/// A stand-in that is an object: enough for "is there a certificate".
pub(super) fn certificate_handle<'s>(
    scope: &Scope<'s, '_>,
    certificate: openssl::x509::X509,
    _issuers: Vec<openssl::x509::X509>,
) -> Result<Object<'s>, Failure> {
    legacy_certificate(scope, &certificate)
}
