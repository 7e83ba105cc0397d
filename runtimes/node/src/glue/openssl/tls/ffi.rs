//! Declarations that `openssl-sys` lacks. From `openssl/ssl.h`, `openssl/x509_vfy.h`, `openssl/pem.h`, `openssl/params.h`.

use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint, c_void};

use openssl_sys::{
    BIO, EVP_CIPHER_CTX, EVP_MAC_CTX, OSSL_PARAM, SSL, SSL_CIPHER, SSL_CTX, SSL_SESSION, X509,
    X509_CRL, X509_STORE, X509_STORE_CTX, pem_password_cb, stack_st_X509_NAME,
};

pub(super) const SSL_CB_HANDSHAKE_START: c_int = 0x10;
pub(super) const SSL_CB_HANDSHAKE_DONE: c_int = 0x20;
pub(super) const SSL_CTRL_SET_MAX_SEND_FRAGMENT: c_int = 52;
pub(super) const SSL_CTRL_CLEAR_EXTRA_CHAIN_CERTS: c_int = 83;
pub(super) const SSL_CTRL_CHAIN: c_int = 88;
pub(super) const SSL_CTRL_GET_CHAIN_CERTS: c_int = 115;
pub(super) const SSL_CTRL_GET_TLSEXT_STATUS_REQ_TYPE: c_int = 127;
pub(super) const BIO_CTRL_PENDING: c_int = 10;
pub(super) const SSL_MODE_RELEASE_BUFFERS: c_long = 0x10;
pub(super) const SSL_MODE_AUTO_RETRY: c_long = 0x4;
pub(super) const SSL_OP_ALLOW_CLIENT_RENEGOTIATION: u64 = 1 << 8;
pub(super) const SSL_OP_NO_SSLV3: u64 = 1 << 25;
/// Client, server, no internal store, no automatic clearing.
pub(super) const SESSION_CACHE_MODE: c_long = 0x1 | 0x2 | 0x100 | 0x200 | 0x80;
pub(super) const NID_AUTH_PSK: c_int = 1048;

pub(super) type InfoCallback = unsafe extern "C" fn(*const SSL, c_int, c_int);
pub(super) type CertCallback = unsafe extern "C" fn(*mut SSL, *mut c_void) -> c_int;
pub(super) type PskServerCallback =
    unsafe extern "C" fn(*mut SSL, *const c_char, *mut c_uchar, c_uint) -> c_uint;
pub(super) type PskClientCallback = unsafe extern "C" fn(
    *mut SSL,
    *const c_char,
    *mut c_char,
    c_uint,
    *mut c_uchar,
    c_uint,
) -> c_uint;
pub(super) type TicketCallback = unsafe extern "C" fn(
    *mut SSL,
    *mut c_uchar,
    *mut c_uchar,
    *mut EVP_CIPHER_CTX,
    *mut EVP_MAC_CTX,
    c_int,
) -> c_int;

unsafe extern "C" {
    pub(super) fn SSL_set_info_callback(ssl: *mut SSL, callback: Option<InfoCallback>);
    pub(super) fn SSL_set_cert_cb(
        ssl: *mut SSL,
        callback: Option<CertCallback>,
        argument: *mut c_void,
    );
    pub(super) fn SSL_set_psk_server_callback(ssl: *mut SSL, callback: Option<PskServerCallback>);
    pub(super) fn SSL_set_psk_client_callback(ssl: *mut SSL, callback: Option<PskClientCallback>);
    pub(super) fn SSL_use_psk_identity_hint(ssl: *mut SSL, hint: *const c_char) -> c_int;
    pub(super) fn SSL_CTX_set_tlsext_ticket_key_evp_cb(
        context: *mut SSL_CTX,
        callback: Option<TicketCallback>,
    ) -> c_int;
    pub(super) fn SSL_get_shared_sigalgs(
        ssl: *mut SSL,
        index: c_int,
        sign: *mut c_int,
        hash: *mut c_int,
        sign_and_hash: *mut c_int,
        raw_sign: *mut c_uchar,
        raw_hash: *mut c_uchar,
    ) -> c_int;
    pub(super) fn SSL_certs_clear(ssl: *mut SSL);
    pub(super) fn SSL_renegotiate(ssl: *mut SSL) -> c_int;
    pub(super) fn SSL_renegotiate_pending(ssl: *const SSL) -> c_int;
    pub(super) fn SSL_dup_CA_list(list: *const stack_st_X509_NAME) -> *mut stack_st_X509_NAME;
    pub(super) fn SSL_CTX_get_client_CA_list(context: *const SSL_CTX) -> *mut stack_st_X509_NAME;
    pub(super) fn SSL_SESSION_get0_ticket(
        session: *const SSL_SESSION,
        ticket: *mut *const c_uchar,
        len: *mut usize,
    );
    pub(super) fn SSL_CTX_set_timeout(context: *mut SSL_CTX, seconds: c_long) -> c_long;
    pub(super) fn SSL_CIPHER_get_auth_nid(cipher: *const SSL_CIPHER) -> c_int;
    pub(super) fn X509_STORE_up_ref(store: *mut X509_STORE) -> c_int;
    pub(super) fn X509_STORE_add_crl(store: *mut X509_STORE, crl: *mut X509_CRL) -> c_int;
    pub(super) fn X509_STORE_CTX_get1_issuer(
        issuer: *mut *mut X509,
        context: *mut X509_STORE_CTX,
        certificate: *mut X509,
    ) -> c_int;
    pub(super) fn PEM_read_bio_X509_AUX(
        bio: *mut BIO,
        out: *mut *mut X509,
        callback: pem_password_cb,
        argument: *mut c_void,
    ) -> *mut X509;
    pub(super) fn OSSL_PARAM_construct_utf8_string(
        key: *const c_char,
        text: *mut c_char,
        len: usize,
    ) -> OSSL_PARAM;
}
