//! What Node needs of OpenSSL that the safe `openssl` crate does not have: a small safe wrapper over each raw call.
//!
//! [`init`] comes before everything else: it makes OpenSSL ignore the host's configuration file and environment. Reading
//! order: `names` (which digests, ciphers and curves there are), `params`, `digest`, `mac`, `kdf`, `cipher`, `prime`; then `memory`,
//! `key` and what is done with keys (`key_…`, `diffie_hellman`); then `certificate`, `general_name`, `spkac`; `tls`.
//!
//! Nothing here may use OpenSSL's own ways to the outside (`OSSL_STORE`, default certificate paths, file BIOs): a guest sees
//! nothing of the host.

mod certificate;
mod cipher;
mod diffie_hellman;
mod digest;
mod general_name;
mod kdf;
mod key;
mod key_encode;
mod key_generate;
mod key_operate;
mod key_parse;
mod mac;
mod memory;
mod names;
mod params;
mod prime;
mod spkac;
pub(crate) mod tls;

use std::sync::Once;

pub(crate) use certificate::{
    NameCheck, check_email, check_host, check_ip, check_private_key, is_ca, parse_certificate,
    point_form, seconds_of,
};
pub(crate) use cipher::{CipherContext, CipherMode, mode_of};
pub(crate) use diffie_hellman::{BadPublicKey, DhKey, group_prime, padded};
pub(crate) use digest::{DigestContext, is_extendable};
pub(crate) use general_name::{
    NameStyle, extended_key_usage, info_access, name_text, object_number, subject_alt_name,
};
pub(crate) use kdf::{ScryptCost, derive, pbkdf2, scrypt};
pub(crate) use key::{
    Algorithm, NamedAlgorithm, Purpose, equal as equal_keys, private_from_raw, private_from_seed,
    public_from_raw, public_half, seed_of,
};
pub(crate) use key_encode::{Encryption, encode_private, encode_public};
pub(crate) use key_generate::{
    Prime, PssRestrictions, RSA_MOST_BITS, Stop, generate_dh, generate_dsa, generate_ec,
    generate_named, generate_rsa,
};
pub(crate) use key_operate::{
    curve_named, curve_short_named, decapsulate, encapsulate, is_valid_pair, is_valid_public,
    nist_name, pss_details, set_signature_context,
};
pub(crate) use key_parse::{
    NotPrivate, NotPublic, Structure, is_rsa_private, private_from, public_from_der,
    public_from_pem,
};
pub(crate) use mac::{MacContext, mac};
pub(crate) use names::{
    cipher_names, cipher_of, cipher_of_nid, curve_names, digest_failure, digest_name, digest_names,
    digest_of, ssl_cipher_names,
};
pub(crate) use params::Param;
pub(crate) use prime::{generate_prime, is_prime};
pub(crate) use spkac::Spkac;

/// From openssl/crypto.h: read no configuration file.
const OPENSSL_INIT_NO_LOAD_CONFIG: u64 = 0x80;

static INIT: Once = Once::new();

/// Initialises OpenSSL without any configuration of the host's. Cheap after the first call; must be the first OpenSSL call
/// of the host process, or `OPENSSL_CONF` would be obeyed.
pub(crate) fn init() {
    INIT.call_once(|| {
        let options = OPENSSL_INIT_NO_LOAD_CONFIG
            | openssl_sys::OPENSSL_INIT_NO_ATEXIT
            | openssl_sys::OPENSSL_INIT_LOAD_SSL_STRINGS;
        // SAFETY: no settings are given (null is allowed), and the call may be made at any time from any thread.
        let done = unsafe { openssl_sys::OPENSSL_init_ssl(options, std::ptr::null()) };
        if done != 1 {
            tracing::error!(target: "cenote::node", "OpenSSL could not be initialised");
        }
    });
}
