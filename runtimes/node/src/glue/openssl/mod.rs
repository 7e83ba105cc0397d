//! What Node needs of OpenSSL that the safe `openssl` crate does not have: a small safe wrapper over each raw call.
//!
//! [`init`] comes before everything else: it makes OpenSSL ignore the host's configuration file and environment. Reading
//! order: `names` (which digests, ciphers and curves there are), `params`, `digest`, `mac`, `kdf`, `cipher`, `prime`; `tls`.
//!
//! Nothing here may use OpenSSL's own ways to the outside (`OSSL_STORE`, default certificate paths, file BIOs): a guest sees
//! nothing of the host.

mod cipher;
mod digest;
mod kdf;
mod mac;
mod names;
mod params;
mod prime;
pub(crate) mod tls;

use std::sync::Once;

pub(crate) use cipher::{CipherContext, CipherMode, mode_of};
pub(crate) use digest::{DigestContext, is_extendable};
pub(crate) use kdf::{ScryptCost, derive, pbkdf2, scrypt};
pub(crate) use mac::{MacContext, mac};
pub(crate) use names::{
    cipher_names, cipher_of, cipher_of_nid, curve_names, digest_failure, digest_name, digest_names,
    digest_of, ssl_cipher_names,
};
pub(crate) use params::Param;
pub(crate) use prime::{generate_prime, is_prime};

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
