//! [`TlsContext`]: certificates, keys, ciphers, versions that sessions share (`SSL_CTX`).

use std::cell::RefCell;
use std::ffi::{CString, c_long};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use foreign_types::{ForeignType as _, ForeignTypeRef as _};
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{SslContext, SslContextBuilder, SslContextRef, SslMethod};
use openssl::x509::store::X509StoreBuilderRef;
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509Ref, X509VerifyResult};
use openssl_sys::SSL_CTX;

use super::pem::{PemReader, is_end_of_pem, open_pkcs12};
use super::trust::Roots;
use super::{callbacks, ffi};

/// Which side a context is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Method {
    Both,
    Client,
    Server,
}

/// A certificate in use, and the one that signed it, if it is known.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: X509,
    pub(crate) issuer: Option<X509>,
}

/// Why a PKCS#12 file is of no use.
#[derive(Clone, Debug)]
pub(crate) enum Pkcs12Problem {
    NoKey,
    NoCertificate,
    Failed(ErrorStack),
}

impl From<ErrorStack> for Pkcs12Problem {
    fn from(errors: ErrorStack) -> Self {
        Self::Failed(errors)
    }
}

/// How setting Diffie-Hellman parameters went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DhOutcome {
    Set,
    /// Set, but with fewer than 2048 bits.
    Weak,
    /// Not set: fewer than 1024 bits.
    TooSmall,
    /// Not set: no parameters in what was given.
    Unreadable,
}

/// The three parts of the keys of session tickets.
#[derive(Clone, Copy)]
pub(super) struct TicketParts {
    pub(super) name: [u8; 16],
    pub(super) hmac: [u8; 16],
    pub(super) aes: [u8; 16],
}

/// The keys that seal session tickets, and who says so.
pub(crate) struct TicketKeys {
    bytes: Mutex<[u8; 48]>,
    asks_owner: AtomicBool,
}

impl std::fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TicketKeys")
    }
}

impl TicketKeys {
    fn random() -> Result<Self, ErrorStack> {
        let mut bytes = [0; 48];
        openssl::rand::rand_bytes(&mut bytes)?;
        Ok(Self {
            bytes: Mutex::new(bytes),
            asks_owner: AtomicBool::new(false),
        })
    }

    /// Name, HMAC key and AES key, 16 bytes each.
    pub(crate) fn bytes(&self) -> [u8; 48] {
        *self
            .bytes
            .lock()
            .expect("nothing panics while it holds the keys")
    }

    /// Replaces them.
    pub(crate) fn set(&self, bytes: [u8; 48]) {
        *self
            .bytes
            .lock()
            .expect("nothing panics while it holds the keys") = bytes;
    }

    pub(super) fn parts(&self) -> TicketParts {
        let bytes = self.bytes();
        let part = |index: usize| {
            bytes
                .as_chunks::<16>()
                .0
                .get(index)
                .copied()
                .unwrap_or_default()
        };
        TicketParts {
            name: part(0),
            hmac: part(1),
            aes: part(2),
        }
    }

    pub(super) fn asks_owner(&self) -> bool {
        self.asks_owner.load(Ordering::Relaxed)
    }
}

static TICKET_KEYS: LazyLock<Option<Index<SslContext, Arc<TicketKeys>>>> =
    LazyLock::new(|| SslContext::new_ex_index().ok());

/// The keys of a context.
pub(super) fn ticket_keys_of(context: &SslContextRef) -> Option<Arc<TicketKeys>> {
    let index = (*TICKET_KEYS)?;
    context.ex_data(index).map(Arc::clone)
}

/// Certificates, keys, ciphers, versions. Sessions made of it hold OpenSSL's part of it.
pub(crate) struct TlsContext {
    builder: RefCell<SslContextBuilder>,
    keys: Arc<TicketKeys>,
    /// The list whose store is in use as it is; `None` once the context has a store of its own.
    shared: RefCell<Option<Arc<Roots>>>,
}

impl std::fmt::Debug for TlsContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsContext")
    }
}

fn checked(returned: impl Into<i64>) -> Result<(), ErrorStack> {
    if returned.into() > 0 {
        Ok(())
    } else {
        Err(ErrorStack::get())
    }
}

/// Forgets what earlier calls of anybody left behind.
pub(super) fn clear_errors() {
    // SAFETY: always sound.
    unsafe { openssl_sys::ERR_clear_error() };
}

fn c_string(text: &str) -> Result<CString, ErrorStack> {
    CString::new(text).map_err(|_| ErrorStack::get())
}

impl TlsContext {
    /// A context for versions from `min` to `max` (0: OpenSSL's).
    pub(crate) fn new(method: Method, min: i32, max: i32) -> Result<Self, ErrorStack> {
        crate::glue::openssl::init();
        clear_errors();
        let method = match method {
            Method::Both => SslMethod::tls(),
            Method::Client => SslMethod::tls_client(),
            Method::Server => SslMethod::tls_server(),
        };
        let mut builder = SslContextBuilder::new(method)?;
        let keys = Arc::new(TicketKeys::random()?);
        let index = (*TICKET_KEYS).ok_or_else(ErrorStack::get)?;
        builder.set_ex_data(index, Arc::clone(&keys));
        let context = Self {
            builder: RefCell::new(builder),
            keys,
            shared: RefCell::new(None),
        };
        context.set_options(ffi::SSL_OP_NO_SSLV3 | ffi::SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
        context.set_min_version(min);
        context.set_max_version(max);
        context.install_callbacks()?;
        Ok(context)
    }

    pub(super) fn raw(&self) -> *mut SSL_CTX {
        self.builder.borrow().as_ptr()
    }

    fn install_callbacks(&self) -> Result<(), ErrorStack> {
        let raw = self.raw();
        // SAFETY: the context lives. So it does in each call below; the functions are `extern "C"` and static.
        unsafe { openssl_sys::SSL_CTX_set_session_cache_mode(raw, ffi::SESSION_CACHE_MODE) };
        // SAFETY: see above.
        unsafe { openssl_sys::SSL_CTX_sess_set_new_cb(raw, Some(callbacks::new_session)) };
        // SAFETY: see above.
        unsafe { openssl_sys::SSL_CTX_sess_set_get_cb(raw, Some(callbacks::get_session)) };
        // SAFETY: see above.
        unsafe { openssl_sys::SSL_CTX_set_keylog_callback(raw, Some(callbacks::keylog)) };
        // SAFETY: see above.
        unsafe { openssl_sys::SSL_CTX_set_tlsext_status_cb(raw, Some(callbacks::status)) };
        // SAFETY: see above.
        unsafe {
            openssl_sys::SSL_CTX_set_tlsext_servername_callback__fixed_rust(
                raw,
                Some(callbacks::server_name),
            )
        };
        // SAFETY: see above; the callback takes no argument.
        unsafe {
            openssl_sys::SSL_CTX_set_alpn_select_cb__fixed_rust(
                raw,
                Some(callbacks::select_protocol),
                std::ptr::null_mut(),
            )
        };
        // SAFETY: see above.
        checked(unsafe { ffi::SSL_CTX_set_tlsext_ticket_key_evp_cb(raw, Some(callbacks::ticket)) })
    }

    /// The keys of its session tickets.
    pub(crate) fn ticket_keys(&self) -> &TicketKeys {
        &self.keys
    }

    /// From now on the owner of a session is asked for the keys of tickets.
    pub(crate) fn ask_owner_for_ticket_keys(&self) {
        self.keys.asks_owner.store(true, Ordering::Relaxed);
    }

    /// Switches on these `SSL_OP_*`.
    pub(crate) fn set_options(&self, options: u64) {
        // SAFETY: the context lives; every combination of bits is allowed.
        unsafe { openssl_sys::SSL_CTX_set_options(self.raw(), options) };
    }

    /// The lowest version; `false` when there is no such version.
    pub(crate) fn set_min_version(&self, version: i32) -> bool {
        // SAFETY: the context lives.
        unsafe { openssl_sys::SSL_CTX_set_min_proto_version(self.raw(), version) == 1 }
    }

    /// The highest version; `false` when there is no such version.
    pub(crate) fn set_max_version(&self, version: i32) -> bool {
        // SAFETY: the context lives.
        unsafe { openssl_sys::SSL_CTX_set_max_proto_version(self.raw(), version) == 1 }
    }

    /// The lowest version, 0 if none is set.
    pub(crate) fn min_version(&self) -> i32 {
        // SAFETY: the context lives.
        unsafe { openssl_sys::SSL_CTX_get_min_proto_version(self.raw()) }
    }

    /// The highest version, 0 if none is set.
    pub(crate) fn max_version(&self) -> i32 {
        // SAFETY: the context lives.
        unsafe { openssl_sys::SSL_CTX_get_max_proto_version(self.raw()) }
    }

    /// How many seconds a session can be resumed.
    pub(crate) fn set_session_timeout(&self, seconds: i32) {
        // SAFETY: the context lives.
        unsafe { ffi::SSL_CTX_set_timeout(self.raw(), c_long::from(seconds)) };
    }

    /// The name of the application that sessions are for.
    pub(crate) fn set_session_id_context(&self, name: &[u8]) -> Result<(), ErrorStack> {
        clear_errors();
        self.builder.borrow_mut().set_session_id_context(name)
    }

    /// Cipher suites up to TLS 1.2.
    pub(crate) fn set_ciphers(&self, list: &str) -> Result<(), ErrorStack> {
        clear_errors();
        let list = c_string(list)?;
        // SAFETY: the context lives, the list is a C string.
        checked(unsafe { openssl_sys::SSL_CTX_set_cipher_list(self.raw(), list.as_ptr()) })
    }

    /// Cipher suites of TLS 1.3.
    pub(crate) fn set_cipher_suites(&self, list: &str) -> Result<(), ErrorStack> {
        clear_errors();
        let list = c_string(list)?;
        // SAFETY: the context lives, the list is a C string.
        checked(unsafe { openssl_sys::SSL_CTX_set_ciphersuites(self.raw(), list.as_ptr()) })
    }

    /// Signature algorithms.
    pub(crate) fn set_signature_algorithms(&self, list: &str) -> Result<(), ErrorStack> {
        clear_errors();
        let list = c_string(list)?;
        // SAFETY: the context lives, the list is a C string.
        checked(unsafe { openssl_sys::SSL_CTX_set1_sigalgs_list(self.raw(), list.as_ptr()) })
    }

    /// Groups for the key exchange.
    pub(crate) fn set_groups(&self, list: &str) -> Result<(), ErrorStack> {
        clear_errors();
        let list = c_string(list)?;
        // SAFETY: the context lives, the list is a C string.
        checked(unsafe { openssl_sys::SSL_CTX_set1_groups_list(self.raw(), list.as_ptr()) })
    }

    /// Lets OpenSSL choose Diffie-Hellman parameters.
    pub(crate) fn choose_dh(&self) {
        // SAFETY: the context lives.
        unsafe { openssl_sys::SSL_CTX_set_dh_auto(self.raw(), 1) };
    }

    /// Takes Diffie-Hellman parameters.
    pub(crate) fn set_dh(&self, pem: &[u8]) -> Result<DhOutcome, ErrorStack> {
        clear_errors();
        let Some(parameters) = PemReader::new(pem)?.dh_parameters() else {
            clear_errors();
            return Ok(DhOutcome::Unreadable);
        };
        let bits = parameters.prime_p().num_bits();
        if bits < 1024 {
            return Ok(DhOutcome::TooSmall);
        }
        self.builder.borrow_mut().set_tmp_dh(&parameters)?;
        Ok(if bits < 2048 {
            DhOutcome::Weak
        } else {
            DhOutcome::Set
        })
    }

    /// Takes a private key; `phrase` opens an encrypted one. The error says which step failed.
    pub(crate) fn set_key(
        &self,
        pem: &[u8],
        phrase: Option<&[u8]>,
    ) -> Result<(), (ErrorStack, &'static str)> {
        const READING: &str = "PEM_read_bio_PrivateKey";
        clear_errors();
        let mut reader = PemReader::new(pem).map_err(|errors| (errors, READING))?;
        let Some(key) = reader.private_key(phrase) else {
            return Err((ErrorStack::get(), READING));
        };
        clear_errors();
        self.builder
            .borrow_mut()
            .set_private_key(&key)
            .map_err(|errors| (errors, "SSL_CTX_use_PrivateKey"))
    }

    /// Takes a certificate and those that follow it as its chain.
    pub(crate) fn set_certificate(&self, pem: &[u8]) -> Result<Identity, ErrorStack> {
        clear_errors();
        let mut reader = PemReader::new(pem)?;
        let Some(certificate) = reader.trusted_certificate() else {
            return Err(ErrorStack::get());
        };
        clear_errors();
        let mut chain = Vec::new();
        while let Some(next) = reader.certificate() {
            chain.push(next);
        }
        let errors = ErrorStack::get();
        if !is_end_of_pem(&errors) {
            return Err(errors);
        }
        self.use_chain(certificate, &chain)
    }

    fn use_chain(&self, certificate: X509, chain: &[X509]) -> Result<Identity, ErrorStack> {
        self.builder.borrow_mut().set_certificate(&certificate)?;
        let raw = self.raw();
        let nothing = std::ptr::null_mut();
        // SAFETY: the context lives.
        unsafe {
            openssl_sys::SSL_CTX_ctrl(raw, ffi::SSL_CTRL_CLEAR_EXTRA_CHAIN_CERTS, 0, nothing)
        };
        let mut issuer = None;
        for link in chain {
            // 1: OpenSSL takes a reference of its own.
            // SAFETY: the context and the certificate live.
            let added = unsafe {
                openssl_sys::SSL_CTX_ctrl(
                    raw,
                    openssl_sys::SSL_CTRL_CHAIN_CERT,
                    1,
                    link.as_ptr().cast(),
                )
            };
            checked(added)?;
            if issuer.is_none() && link.issued(&certificate) == X509VerifyResult::OK {
                issuer = Some(link.clone());
            }
        }
        let issuer = issuer.or_else(|| self.issuer_of(&certificate));
        Ok(Identity {
            certificate,
            issuer,
        })
    }

    /// The trusted certificate that signed this one.
    pub(crate) fn issuer_of(&self, certificate: &X509Ref) -> Option<X509> {
        issuer_in(self.raw(), certificate)
    }

    /// Trusts these roots, in the store that everybody who trusts them shares.
    pub(crate) fn trust_roots(&self, roots: &Arc<Roots>) -> Result<(), ErrorStack> {
        clear_errors();
        self.builder
            .borrow_mut()
            .set_cert_store(roots.shared_store()?);
        *self.shared.borrow_mut() = Some(Arc::clone(roots));
        Ok(())
    }

    /// Changes the store of trusted certificates, after making it this context's own.
    fn with_store<R>(
        &self,
        work: impl FnOnce(&mut X509StoreBuilderRef) -> Result<R, ErrorStack>,
    ) -> Result<R, ErrorStack> {
        let shared = self.shared.take();
        let mut builder = self.builder.borrow_mut();
        if let Some(roots) = shared {
            builder.set_cert_store(roots.own_store()?);
        }
        work(builder.cert_store_mut())
    }

    /// Trusts the certificates in these bytes, and names them to clients; how many there were.
    pub(crate) fn trust(&self, pem: &[u8]) -> Result<usize, ErrorStack> {
        clear_errors();
        let mut reader = PemReader::new(pem)?;
        let mut count = 0;
        while let Some(certificate) = reader.trusted_certificate() {
            self.trust_one(&certificate)?;
            count += 1;
        }
        clear_errors();
        Ok(count)
    }

    fn trust_one(&self, certificate: &X509Ref) -> Result<(), ErrorStack> {
        self.with_store(|store| store.add_cert(certificate.to_owned()))?;
        self.builder.borrow_mut().add_client_ca(certificate)
    }

    /// Checks against a list of revoked certificates; `false` when there is none in these bytes.
    pub(crate) fn add_revocations(&self, pem: &[u8]) -> Result<bool, ErrorStack> {
        clear_errors();
        let Some(list) = PemReader::new(pem)?.revocations() else {
            clear_errors();
            return Ok(false);
        };
        self.with_store(|store| {
            // SAFETY: the store and the list live; the store takes a reference of its own.
            checked(unsafe { ffi::X509_STORE_add_crl(store.as_ptr(), list.as_ptr()) })?;
            store.set_flags(X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL)
        })?;
        Ok(true)
    }

    /// Lets a chain end in a trusted certificate that is not self-signed.
    pub(crate) fn allow_partial_chain(&self) -> Result<(), ErrorStack> {
        clear_errors();
        self.with_store(|store| store.set_flags(X509VerifyFlags::PARTIAL_CHAIN))
    }

    /// Takes key, certificate and trusted certificates of a PKCS#12 file.
    pub(crate) fn load_pkcs12(
        &self,
        bytes: &[u8],
        phrase: Option<&[u8]>,
    ) -> Result<Identity, Pkcs12Problem> {
        clear_errors();
        let bundle = open_pkcs12(bytes, phrase)?;
        let key = bundle.key.ok_or(Pkcs12Problem::NoKey)?;
        let certificate = bundle.certificate.ok_or(Pkcs12Problem::NoCertificate)?;
        let identity = self.use_chain(certificate, &bundle.others)?;
        self.builder.borrow_mut().set_private_key(&key)?;
        for other in &bundle.others {
            self.trust_one(other)?;
        }
        Ok(identity)
    }
}

/// The certificate in a context's store that signed this one.
pub(super) fn issuer_in(context: *mut SSL_CTX, certificate: &X509Ref) -> Option<X509> {
    struct Lookup(*mut openssl_sys::X509_STORE_CTX);
    impl Drop for Lookup {
        fn drop(&mut self) {
            // SAFETY: ours.
            unsafe { openssl_sys::X509_STORE_CTX_free(self.0) };
        }
    }
    // SAFETY: makes a lookup of ours.
    let lookup = Lookup(unsafe { openssl_sys::X509_STORE_CTX_new() });
    // SAFETY: the context lives, its store with it.
    let store = unsafe { openssl_sys::SSL_CTX_get_cert_store(context) };
    let nothing = std::ptr::null_mut();
    // SAFETY: both live for the length of the lookup; there is nothing to verify.
    let begun =
        unsafe { openssl_sys::X509_STORE_CTX_init(lookup.0, store, nothing, nothing.cast()) };
    if begun != 1 {
        clear_errors();
        return None;
    }
    let mut issuer = std::ptr::null_mut();
    // SAFETY: the lookup and the certificate live; the place is for a certificate of ours.
    let found =
        unsafe { ffi::X509_STORE_CTX_get1_issuer(&raw mut issuer, lookup.0, certificate.as_ptr()) };
    clear_errors();
    // SAFETY: a certificate of ours.
    (found == 1 && !issuer.is_null()).then(|| unsafe { X509::from_ptr(issuer) })
}
