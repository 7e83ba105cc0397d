//! `internalBinding('crypto')` over OpenSSL. Node: src/crypto/*.cc, one file of ours for one of theirs.
//!
//! Reading order: `errors` (OpenSSL's error queue as exceptions), `input` (bytes and secrets from JavaScript), `job` (what
//! takes long runs on other threads), `keys` and `key_classes` (`KeyObject`, `CryptoKey`), `library` (names, version); then
//! one file for each thing that can be done: the symmetric half, then asymmetric keys (`key_input`, `key_output`, `jwk`,
//! `key_pairs`, `sign`, `agreement`…) and certificates (`x509`). Raw OpenSSL calls are in `glue::openssl`.

mod agreement;
mod argon2;
mod cipher;
mod diffie_hellman;
mod ecdh;
pub(crate) mod errors;
pub(crate) mod hash;
mod hkdf;
mod hmac;
pub(crate) mod input;
pub(crate) mod job;
mod jwk;
mod keccak;
pub(crate) mod key_classes;
mod key_clone;
mod key_detail;
mod key_input;
mod key_output;
mod key_pairs;
mod keygen;
pub(crate) mod keys;
mod kmac;
mod library;
mod mac_job;
mod pbkdf2;
pub(crate) mod random;
mod rsa_cipher;
mod scrypt;
mod sign;
mod small_order;
mod spkac;
mod sponge_jobs;
mod timing;
mod web_ciphers;
pub(crate) mod x509;
pub(crate) mod x509_legacy;

use super::tls::{roots, secure_context};
use crate::glue::Binding;

pub(crate) use key_classes::{NATIVE_CRYPTO_KEY, NATIVE_KEY_OBJECT};
pub(crate) use library::openssl_version;

pub(super) const BINDING: Binding = Binding::new("crypto")
    // The library.
    .function("getHashes", library::get_hashes)
    .function("getCiphers", library::get_ciphers)
    .function("getCurves", library::get_curves)
    .function("getSSLCiphers", library::get_ssl_ciphers)
    .partial(
        "getCachedAliases",
        library::get_cached_aliases,
        "always empty: a cache that JavaScript can do without",
    )
    .function("getFipsCrypto", library::get_fips_crypto)
    .partial(
        "setFipsCrypto",
        library::set_fips_crypto,
        "there is no FIPS provider: turning it on fails",
    )
    .function("testFipsCrypto", library::test_fips_crypto)
    .partial("setEngine", library::set_engine, "there are no engines")
    .partial(
        "secureBuffer",
        library::secure_buffer,
        "ordinary memory: there is no secure heap",
    )
    .partial(
        "secureHeapUsed",
        library::secure_heap_used,
        "there is no secure heap",
    )
    .function("getOpenSSLSecLevelCrypto", library::get_security_level)
    .function("timingSafeEqual", timing::timing_safe_equal)
    .fast(&timing::TIMING_SAFE_EQUAL)
    // Keys.
    .class(&keys::KEY_OBJECT_HANDLE)
    .function(
        "createNativeKeyObjectClass",
        key_classes::create_native_key_object_class,
    )
    .function("getKeyObjectSlots", key_classes::get_key_object_slots)
    .function("createCryptoKeyClass", key_classes::create_crypto_key_class)
    .function("getCryptoKeySlots", key_classes::get_crypto_key_slots)
    // Digests.
    .class(&hash::HASH)
    .class(&hash::HASH_JOB)
    .function("oneShotDigest", hash::one_shot_digest)
    .class(&sponge_jobs::CSHAKE_JOB)
    .class(&sponge_jobs::TURBO_SHAKE_JOB)
    .class(&sponge_jobs::KANGAROO_TWELVE_JOB)
    // Message authentication codes.
    .class(&hmac::HMAC)
    .class(&hmac::HMAC_JOB)
    .class(&kmac::KMAC_JOB)
    // Random numbers and secret keys.
    .class(&random::RANDOM_BYTES_JOB)
    .class(&random::RANDOM_PRIME_JOB)
    .class(&random::CHECK_PRIME_JOB)
    .class(&keygen::SECRET_KEY_GEN_JOB)
    // Keys derived from passwords and other secrets.
    .class(&pbkdf2::PBKDF2_JOB)
    .class(&scrypt::SCRYPT_JOB)
    .class(&hkdf::HKDF_JOB)
    .class(&argon2::ARGON2_JOB)
    // Ciphers.
    .class(&cipher::CIPHER_BASE)
    .function("getCipherInfo", cipher::get_cipher_info)
    .class(&web_ciphers::AES_CIPHER_JOB)
    .class(&web_ciphers::CHACHA20_POLY1305_CIPHER_JOB)
    // TLS.
    .class(&secure_context::SECURE_CONTEXT)
    .function("getBundledRootCertificates", roots::get_bundled)
    .function("getSystemCACertificates", roots::get_system)
    .function("getExtraCACertificates", roots::get_extra)
    .function("getUserRootCertificates", roots::get_of_user)
    .function("resetRootCertStore", roots::reset)
    .function("startLoadingCertificatesOffThread", roots::start_loading)
    .function(
        "getCertificateCompressionAlgorithms",
        roots::get_compressions,
    )
    .function("isExtraRootCertsFileLoaded", roots::is_extra_loaded)
    // Key pairs.
    .class(&key_pairs::RSA_JOB)
    .class(&key_pairs::DSA_JOB)
    .class(&key_pairs::EC_JOB)
    .class(&key_pairs::NID_JOB)
    .class(&key_pairs::DH_JOB)
    // Signatures.
    .class(&sign::SIGN)
    .class(&sign::VERIFY)
    .class(&sign::SIGN_JOB)
    // Encryption with RSA.
    .function("publicEncrypt", rsa_cipher::public_encrypt)
    .function("publicDecrypt", rsa_cipher::public_decrypt)
    .function("privateEncrypt", rsa_cipher::private_encrypt)
    .function("privateDecrypt", rsa_cipher::private_decrypt)
    .class(&rsa_cipher::RSA_CIPHER_JOB)
    // Shared secrets.
    .class(&diffie_hellman::DIFFIE_HELLMAN)
    .class(&diffie_hellman::DIFFIE_HELLMAN_GROUP)
    .class(&ecdh::ECDH)
    .function("ECDHConvertKey", ecdh::convert_key)
    .class(&agreement::DH_BITS_JOB)
    .class(&agreement::ENCAPSULATE_JOB)
    .class(&agreement::DECAPSULATE_JOB)
    // Certificates.
    .function("certVerifySpkac", spkac::verify)
    .function("certExportPublicKey", spkac::export_public_key)
    .function("certExportChallenge", spkac::export_challenge)
    .class(&x509::X509_CERTIFICATE)
    .function("parseX509", x509::parse_x509);
