//! What is asked of a session beyond the `openssl` crate: signature algorithms, the ephemeral key, tickets; names of
//! verification errors.

use std::ffi::c_int;

use foreign_types::ForeignTypeRef as _;
use openssl::nid::Nid;
use openssl::pkey::Id;
use openssl::x509::{X509, X509Ref, X509VerifyResult};

use super::context::{clear_errors, issuer_in};
use super::ffi;
use super::session::TlsSession;

/// The key that the server made for this connection alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum EphemeralKey {
    Dh { bits: u32 },
    Ecdh { name: String, bits: u32 },
}

impl TlsSession {
    /// The server's ephemeral key, as a client sees it.
    pub(crate) fn ephemeral_key(&self) -> Option<EphemeralKey> {
        let key = self.ssl().peer_tmp_key().ok();
        clear_errors();
        let key = key?;
        let bits = key.bits();
        match key.id() {
            Id::DH => Some(EphemeralKey::Dh { bits }),
            Id::EC => {
                let curve = key.ec_key().ok()?.group().curve_name()?;
                let name = curve.short_name().ok()?.to_owned();
                Some(EphemeralKey::Ecdh { name, bits })
            }
            id @ (Id::X25519 | Id::X448) => {
                let name = Nid::from_raw(id.as_raw()).short_name().ok()?.to_owned();
                Some(EphemeralKey::Ecdh { name, bits })
            }
            _ => None,
        }
    }

    /// The signature algorithms both sides have, the most wanted first: `RSA-PSS+SHA256`.
    pub(crate) fn shared_signature_algorithms(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut index = 0;
        while let Some((sign, hash, count)) = self.shared_signature_algorithm(index) {
            names.push(format!("{}{}", signature_name(sign), hash_name(hash)));
            index += 1;
            if index >= count {
                break;
            }
        }
        names
    }

    fn shared_signature_algorithm(&self, index: c_int) -> Option<(c_int, c_int, c_int)> {
        let (mut sign, mut hash) = (0, 0);
        let nothing = std::ptr::null_mut();
        // SAFETY: the session lives; the places are for integers, the others may be null.
        let count = unsafe {
            ffi::SSL_get_shared_sigalgs(
                self.raw(),
                index,
                &raw mut sign,
                &raw mut hash,
                std::ptr::null_mut(),
                nothing,
                nothing,
            )
        };
        (count > index).then_some((sign, hash, count))
    }

    /// The ticket of the present session.
    pub(crate) fn ticket(&self) -> Option<Vec<u8>> {
        let session = self.ssl().session()?;
        let (mut ticket, mut len) = (std::ptr::null(), 0);
        // SAFETY: the session lives; the places are for a pointer and a length.
        unsafe {
            ffi::SSL_SESSION_get0_ticket(session.as_ptr(), &raw mut ticket, &raw mut len);
        };
        if ticket.is_null() {
            return None;
        }
        // SAFETY: the ticket is the session's and has this length; it is copied at once.
        Some(unsafe { std::slice::from_raw_parts(ticket, len) }.to_vec())
    }

    /// The trusted certificate that signed this one.
    pub(crate) fn signed_by(&self, certificate: &X509Ref) -> Option<X509> {
        // SAFETY: the session lives and holds its context.
        let context = unsafe { openssl_sys::SSL_get_SSL_CTX(self.raw()) };
        issuer_in(context, certificate)
    }
}

fn short_name(nid: c_int) -> Option<String> {
    Nid::from_raw(nid).short_name().ok().map(str::to_owned)
}

fn signature_name(nid: c_int) -> String {
    match Nid::from_raw(nid) {
        Nid::RSAENCRYPTION => "RSA+".to_owned(),
        Nid::RSASSAPSS => "RSA-PSS+".to_owned(),
        Nid::DSA => "DSA+".to_owned(),
        Nid::X9_62_ID_ECPUBLICKEY => "ECDSA+".to_owned(),
        _ => match short_name(nid) {
            Some(name) if name == "ED25519" => "Ed25519+".to_owned(),
            Some(name) if name == "ED448" => "Ed448+".to_owned(),
            Some(name) => name + "+",
            None => "UNDEF+".to_owned(),
        },
    }
}

fn hash_name(nid: c_int) -> String {
    short_name(nid).unwrap_or_else(|| "UNDEF".to_owned())
}

/// What OpenSSL calls a verification error, as Node names it. Node: `X509Pointer::ErrorCode` in `deps/ncrypto`.
pub(crate) fn verify_error_code(error: X509VerifyResult) -> &'static str {
    const CODES: &[(c_int, &str)] = &[
        (2, "UNABLE_TO_GET_ISSUER_CERT"),
        (3, "UNABLE_TO_GET_CRL"),
        (4, "UNABLE_TO_DECRYPT_CERT_SIGNATURE"),
        (5, "UNABLE_TO_DECRYPT_CRL_SIGNATURE"),
        (6, "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY"),
        (7, "CERT_SIGNATURE_FAILURE"),
        (8, "CRL_SIGNATURE_FAILURE"),
        (9, "CERT_NOT_YET_VALID"),
        (10, "CERT_HAS_EXPIRED"),
        (11, "CRL_NOT_YET_VALID"),
        (12, "CRL_HAS_EXPIRED"),
        (13, "ERROR_IN_CERT_NOT_BEFORE_FIELD"),
        (14, "ERROR_IN_CERT_NOT_AFTER_FIELD"),
        (15, "ERROR_IN_CRL_LAST_UPDATE_FIELD"),
        (16, "ERROR_IN_CRL_NEXT_UPDATE_FIELD"),
        (17, "OUT_OF_MEM"),
        (18, "DEPTH_ZERO_SELF_SIGNED_CERT"),
        (19, "SELF_SIGNED_CERT_IN_CHAIN"),
        (20, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
        (21, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
        (22, "CERT_CHAIN_TOO_LONG"),
        (23, "CERT_REVOKED"),
        (24, "INVALID_CA"),
        (25, "PATH_LENGTH_EXCEEDED"),
        (26, "INVALID_PURPOSE"),
        (27, "CERT_UNTRUSTED"),
        (28, "CERT_REJECTED"),
        (62, "HOSTNAME_MISMATCH"),
    ];
    let number = error.as_raw();
    CODES
        .iter()
        .find(|(code, _)| *code == number)
        .map_or("UNSPECIFIED", |(_, name)| name)
}
