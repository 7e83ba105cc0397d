//! Certificates: `parseX509` and what it returns. Node: `X509Certificate` in `src/crypto/crypto_x509.cc`.

use std::rc::Rc;

use openssl::asn1::Asn1TimeRef;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::{X509, X509NameRef, X509Ref, X509VerifyResult};

use super::errors;
use super::input;
use super::keys::{KeyObjectData, key_of, new_key_handle};
use super::x509_legacy::certificate_object;
use crate::bindings::messaging::transfer::{CLONEABLE, TransferData};
use crate::glue::openssl::{
    NameCheck, NameStyle, check_email, check_host, check_ip, check_private_key, extended_key_usage,
    info_access, is_ca, name_text, object_number, parse_certificate, seconds_of, subject_alt_name,
};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Return, Scope, ScopeExt, Value, attach,
    native_of, new_instance, new_node_buffer,
};

/// A certificate behind its JavaScript object.
pub(crate) struct X509Certificate {
    certificate: X509,
    /// The certificate of who issued it, in the chain it came with.
    issuer: Option<Rc<Self>>,
}

impl Native for X509Certificate {
    fn transfer_mode(&self) -> u32 {
        CLONEABLE
    }

    fn clone_data(&self, _: &mut Scope<'_, '_>) -> Option<Box<dyn TransferData>> {
        let mut chain = vec![self.certificate.clone()];
        let mut issuer = self.issuer.as_ref();
        while let Some(own) = issuer {
            chain.push(own.certificate.clone());
            issuer = own.issuer.as_ref();
        }
        Some(Box::new(ClonedCertificate(chain)))
    }
}

/// A certificate in a message, with those that lead to its root.
struct ClonedCertificate(Vec<X509>);

impl TransferData for ClonedCertificate {
    fn into_object<'s>(self: Box<Self>, scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure> {
        new_x509_handle(scope, self.0)?.ok_or(Failure::Pending)
    }
}

impl std::fmt::Debug for X509Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("X509Certificate")
            .field("has_issuer", &self.issuer.is_some())
            .finish_non_exhaustive()
    }
}

pub(super) static X509_CERTIFICATE: Class = Class::new("X509Certificate", new_certificate)
    .method("subject", subject)
    .method("subjectAltName", get_subject_alt_name)
    .method("infoAccess", get_info_access)
    .method("issuer", issuer)
    .method("getIssuerCert", get_issuer_cert)
    .method("validFrom", valid_from)
    .method("validTo", valid_to)
    .method("validFromDate", valid_from_date)
    .method("validToDate", valid_to_date)
    .method("fingerprint", fingerprint)
    .method("fingerprint256", fingerprint256)
    .method("fingerprint512", fingerprint512)
    .method("keyUsage", key_usage)
    .method("serialNumber", serial_number)
    .method("signatureAlgorithm", signature_algorithm)
    .method("signatureAlgorithmOid", signature_algorithm_oid)
    .method("pem", pem)
    .method("raw", raw)
    .method("publicKey", public_key)
    .method("checkCA", check_ca)
    .method("checkHost", check_host_name)
    .method("checkEmail", check_email_address)
    .method("checkIP", check_ip_address)
    .method("checkIssued", check_issued)
    .method("checkPrivateKey", check_key)
    .method("verify", verify)
    .method("toLegacy", to_legacy);

/// The class JavaScript does not construct: [`new_x509_handle`] attaches the certificate.
fn new_certificate<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(().into())
}

/// A JavaScript object of a certificate and those that lead to its root, itself first. `None` for an empty chain.
///
/// # Errors
/// When JavaScript throws.
pub(crate) fn new_x509_handle<'s>(
    scope: &mut Scope<'s, '_>,
    chain: Vec<X509>,
) -> Result<Option<Object<'s>>, Failure> {
    let linked = chain.into_iter().rev().fold(None, |issuer, certificate| {
        Some(Rc::new(X509Certificate {
            certificate,
            issuer,
        }))
    });
    linked.map(|own| new_handle(scope, own)).transpose()
}

fn new_handle<'s>(
    scope: &mut Scope<'s, '_>,
    certificate: Rc<X509Certificate>,
) -> Result<Object<'s>, Failure> {
    let object = new_instance(scope, &X509_CERTIFICATE, &[])?;
    attach(scope, object, certificate);
    Ok(object)
}

/// `parseX509(bytes)`: PEM or DER.
pub(super) fn parse_x509<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let bytes = input::bytes(args.get(0), "buffer")?;
    let certificate = parse_certificate(&bytes)
        .map_err(|stack| errors::failure(scope, &stack, "Failed to parse the certificate"))?;
    errors::clear();
    let own = X509Certificate {
        certificate,
        issuer: None,
    };
    Ok(new_handle(scope, Rc::new(own))?.into())
}

fn own<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Rc<X509Certificate>, Failure> {
    args.native::<X509Certificate>(scope)
}

/// UTF-8 text, or `undefined`.
pub(super) fn text_or_undefined<'s>(scope: &Scope<'s, '_>, text: Option<Vec<u8>>) -> Value<'s> {
    errors::clear();
    match text {
        Some(text) => scope.utf8(&text).into(),
        None => scope.undefined(),
    }
}

fn name<'s>(scope: &Scope<'s, '_>, name: &X509NameRef) -> BindingResult<'s> {
    // An empty name is no name.
    let text = name_text(name, NameStyle::Lines).filter(|text| !text.is_empty());
    Ok(text_or_undefined(scope, text).into())
}

fn subject<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    name(scope, own.certificate.subject_name())
}

fn issuer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    name(scope, own.certificate.issuer_name())
}

fn get_subject_alt_name<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    Ok(text_or_undefined(scope, subject_alt_name(&own.certificate)).into())
}

fn get_info_access<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    Ok(text_or_undefined(scope, info_access(&own.certificate)).into())
}

/// `getIssuerCert()`: the next of the chain, or `undefined`.
fn get_issuer_cert<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    match &own(scope, args)?.issuer {
        Some(issuer) => Ok(new_handle(scope, Rc::clone(issuer))?.into()),
        None => Ok(Return::Undefined),
    }
}

fn valid_from<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    Ok(scope.text(&own.certificate.not_before().to_string()).into())
}

fn valid_to<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    Ok(scope.text(&own.certificate.not_after().to_string()).into())
}

fn date<'s>(scope: &Scope<'s, '_>, time: &Asn1TimeRef) -> BindingResult<'s> {
    const MILLISECONDS: f64 = 1000.0;
    let milliseconds = seconds_of(time).map_or(f64::NAN, |seconds| seconds * MILLISECONDS);
    errors::clear();
    Ok(v8::Date::new(scope, milliseconds)
        .ok_or(Failure::Pending)?
        .into())
}

fn valid_from_date<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    date(scope, own.certificate.not_before())
}

fn valid_to_date<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    date(scope, own.certificate.not_after())
}

/// The digest of the whole certificate: `AB:CD:…`.
pub(super) fn fingerprint_text(certificate: &X509Ref, digest: MessageDigest) -> Option<String> {
    let bytes = certificate.digest(digest).ok()?;
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    Some(pairs.join(":"))
}

fn fingerprint_of<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    digest: MessageDigest,
) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let text = fingerprint_text(&own.certificate, digest).map(String::into_bytes);
    Ok(text_or_undefined(scope, text).into())
}

fn fingerprint<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    fingerprint_of(scope, args, MessageDigest::sha1())
}

fn fingerprint256<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    fingerprint_of(scope, args, MessageDigest::sha256())
}

fn fingerprint512<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    fingerprint_of(scope, args, MessageDigest::sha512())
}

/// The numbers of the extended key usages, or `undefined`.
pub(super) fn usages<'s>(scope: &Scope<'s, '_>, certificate: &X509Ref) -> Value<'s> {
    let Some(usages) = extended_key_usage(certificate) else {
        return scope.undefined();
    };
    let usages: Vec<Value<'_>> = usages
        .iter()
        .map(|usage| scope.text(usage).into())
        .collect();
    scope.array(&usages).into()
}

fn key_usage<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    Ok(usages(scope, &own.certificate).into())
}

/// The serial number in hexadecimal.
pub(super) fn serial_text(certificate: &X509Ref) -> Option<Vec<u8>> {
    let number = certificate.serial_number().to_bn().ok()?;
    let text = number.to_hex_str().ok()?;
    Some(text.as_bytes().to_vec())
}

fn serial_number<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    Ok(text_or_undefined(scope, serial_text(&own.certificate)).into())
}

fn signature_algorithm<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let nid = own.certificate.signature_algorithm().object().nid();
    let name = (nid != Nid::UNDEF)
        .then(|| nid.long_name().ok())
        .flatten()
        .map(|name| name.as_bytes().to_vec());
    Ok(text_or_undefined(scope, name).into())
}

fn signature_algorithm_oid<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let number = object_number(own.certificate.signature_algorithm().object());
    Ok(scope.text(&number).into())
}

fn pem<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let pem = own
        .certificate
        .to_pem()
        .map_err(|stack| errors::failure(scope, &stack, "Failed to encode the certificate"))?;
    Ok(scope.latin1(&pem)?.into())
}

fn raw<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let der = own
        .certificate
        .to_der()
        .map_err(|stack| errors::failure(scope, &stack, "Failed to encode the certificate"))?;
    Ok(new_node_buffer(scope, der).ok_or(Failure::Pending)?.into())
}

/// `publicKey()`: a handle.
fn public_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let key = own
        .certificate
        .public_key()
        .map_err(|stack| errors::failure(scope, &stack, "Failed to read the public key"))?;
    Ok(new_key_handle(scope, KeyObjectData::Public(key))?.into())
}

fn check_ca<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    Ok(is_ca(&own.certificate).into())
}

/// The answer to a check: the name that matched, or `undefined`.
fn checked<'s>(scope: &Scope<'s, '_>, check: NameCheck, given: &str) -> BindingResult<'s> {
    match check {
        NameCheck::Match(peer) => Ok(scope.string(peer.as_deref().unwrap_or(given))?.into()),
        NameCheck::NoMatch => Ok(Return::Undefined),
        NameCheck::Invalid => Err(Failure::type_error("ERR_INVALID_ARG_VALUE", "Invalid name")),
        NameCheck::Failed => Err(Failure::error(
            "ERR_CRYPTO_OPERATION_FAILED",
            "Operation failed",
        )),
    }
}

fn check_host_name<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let name = args.text(scope, 0)?;
    let check = check_host(&own.certificate, &name, args.u32(scope, 1)?);
    checked(scope, check, &name)
}

fn check_email_address<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let address = args.text(scope, 0)?;
    let check = check_email(&own.certificate, &address, args.u32(scope, 1)?);
    checked(scope, check, &address)
}

fn check_ip_address<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let address = args.text(scope, 0)?;
    let check = check_ip(&own.certificate, &address, args.u32(scope, 1)?);
    checked(scope, check, &address)
}

/// `checkIssued(other)`: whether `other` issued this certificate.
fn check_issued<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let other = native_of::<X509Certificate>(scope, args.object(0)?).ok_or_else(|| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "The \"otherCert\" argument must be an instance of X509Certificate",
        )
    })?;
    let issued = other.certificate.issued(&own.certificate) == X509VerifyResult::OK;
    errors::clear();
    Ok(issued.into())
}

/// `checkPrivateKey(key)`: whether it is the certificate's.
fn check_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    match key_of(scope, args.get(0))? {
        KeyObjectData::Private(key) => Ok(check_private_key(&own.certificate, &key).into()),
        KeyObjectData::Public(_) | KeyObjectData::Secret(_) => Ok(false.into()),
    }
}

/// `verify(key)`: whether the certificate is signed with it.
fn verify<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    let key = key_of(scope, args.get(0))?.into_public()?;
    let signed = matches!(own.certificate.verify(&key), Ok(true));
    errors::clear();
    Ok(signed.into())
}

/// `toLegacy()`: the object that `tls` shows.
fn to_legacy<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = own(scope, args)?;
    Ok(certificate_object(scope, &own.certificate)?.into())
}
