//! Certificates of both sides: as the plain objects of `getPeerCertificate()`, and as `X509Certificate` handles. Node:
//! `GetPeerCert`, `AddIssuerChainToObject`, `GetLastIssuedCert` in `src/crypto/crypto_common.cc`.

use openssl::x509::{X509, X509VerifyResult};

use super::wrap::own_session;
use crate::bindings::crypto::x509::new_x509_handle;
use crate::bindings::crypto::x509_legacy::certificate_object;
use crate::glue::openssl::tls::TlsSession;
use crate::glue::{Args, BindingResult, Failure, Object, Scope, ScopeExt};

/// The peer's certificate, then what else it sent. OpenSSL's chain starts with it on a client and lacks it on a server.
fn peer_chain(session: &TlsSession, is_server: bool) -> Vec<X509> {
    let mut chain = Vec::new();
    if is_server {
        chain.extend(session.ssl().peer_certificate());
    }
    if let Some(sent) = session.ssl().peer_cert_chain() {
        chain.extend(sent.iter().map(ToOwned::to_owned));
    }
    chain
}

/// `getPeerCertificate(detailed)`.
pub(super) fn get_peer_certificate<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (wrap, session) = own_session(scope, args)?;
    let chain = peer_chain(&session, wrap.is_server());
    let Some(first) = chain.first() else {
        return Ok(().into());
    };
    let object = certificate_object(scope, first)?;
    if args.get(0).is_true() {
        let rest = chain.get(1..).unwrap_or_default().to_vec();
        add_issuers(scope, &session, object, first.clone(), rest)?;
    }
    Ok(object.into())
}

/// Hangs the issuers below each other as `issuerCertificate`: those that were sent, then those that are trusted.
fn add_issuers<'s>(
    scope: &mut Scope<'s, '_>,
    session: &TlsSession,
    object: Object<'s>,
    certificate: X509,
    mut sent: Vec<X509>,
) -> Result<(), Failure> {
    let (mut object, mut certificate) = (object, certificate);
    loop {
        let is_own_issuer = certificate.issued(&certificate) == X509VerifyResult::OK;
        let at = sent
            .iter()
            .position(|one| one.issued(&certificate) == X509VerifyResult::OK);
        let issuer = match at {
            Some(at) => sent.remove(at),
            None if is_own_issuer => break,
            None => match session.signed_by(&certificate) {
                Some(issuer) => issuer,
                None => return Ok(()),
            },
        };
        let shown = certificate_object(scope, &issuer)?;
        scope.set(object, "issuerCertificate", shown.into());
        object = shown;
        if issuer == certificate {
            break;
        }
        certificate = issuer;
    }
    // A self-signed certificate is its own issuer.
    if certificate.issued(&certificate) == X509VerifyResult::OK {
        scope.set(object, "issuerCertificate", object.into());
    }
    Ok(())
}

/// `getCertificate()`: this side's.
pub(super) fn get_certificate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    match session.ssl().certificate() {
        None => Ok(().into()),
        Some(certificate) => Ok(certificate_object(scope, certificate)?.into()),
    }
}

/// `getX509Certificate()`: this side's.
pub(super) fn get_x509_certificate<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    match session.ssl().certificate() {
        None => Ok(().into()),
        Some(certificate) => certificate_handle(scope, vec![certificate.to_owned()]),
    }
}

/// `getPeerX509Certificate()`.
pub(super) fn get_peer_x509_certificate<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (wrap, session) = own_session(scope, args)?;
    certificate_handle(scope, peer_chain(&session, wrap.is_server()))
}

/// The handle of the first certificate of a chain, `undefined` for an empty one.
fn certificate_handle<'s>(scope: &mut Scope<'s, '_>, chain: Vec<X509>) -> BindingResult<'s> {
    Ok(match new_x509_handle(scope, chain)? {
        Some(object) => object.into(),
        None => ().into(),
    })
}
