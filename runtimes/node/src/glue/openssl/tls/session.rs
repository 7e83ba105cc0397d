//! [`TlsSession`]: one connection (`SSL`), between two memory BIOs: [`receive`](TlsSession::receive) what the peer sent,
//! [`take_outgoing`](TlsSession::take_outgoing) what is to be sent.
//!
//! Reading, writing and closing tell the owner what happens ([`TlsEvents`]). The owner may drop its session meanwhile: hold
//! it in an `Rc` over the call.

use std::cell::Cell;
use std::ffi::{CString, c_int, c_long};

use foreign_types::{ForeignType as _, ForeignTypeRef as _};
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContextRef, SslRef, SslSession, SslSessionRef};
use openssl::x509::X509VerifyResult;
use openssl_sys::{BIO, SSL};

use super::callbacks::{self, TlsEvents, listening};
use super::context::{TlsContext, clear_errors};
use super::ffi;

/// Which side of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// What is asked of the peer's certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PeerCheck {
    /// A server asks for none; a client judges the server's after the handshake.
    None,
    /// Asked for.
    Wanted,
    /// Asked for; without one the handshake fails.
    Needed,
}

/// A failure of the protocol.
#[derive(Clone, Debug)]
pub(crate) struct TlsFailure {
    /// As `ERR_print_errors` has the last error, with a thread of 0.
    pub(crate) message: String,
    /// Of the first error.
    pub(crate) library: Option<&'static str>,
    /// Of the first error.
    pub(crate) reason: Option<&'static str>,
}

/// What reading gave.
#[derive(Clone, Debug)]
pub(crate) enum ReadOutcome {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now: more must come in or go out first, or a call is under way.
    Blocked,
    /// The peer closed its side.
    Closed,
    Failed(TlsFailure),
}

/// What writing gave.
#[derive(Clone, Debug)]
pub(crate) enum WriteOutcome {
    /// Everything was taken.
    Written,
    /// Nothing was taken; the same bytes must be given again later.
    Blocked,
    Failed(TlsFailure),
}

/// One connection.
pub(crate) struct TlsSession {
    ssl: Ssl,
    /// Both belong to `ssl`.
    incoming: *mut BIO,
    outgoing: *mut BIO,
    is_busy: Cell<bool>,
}

impl std::fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TlsSession({})", self.ssl().state_string_long())
    }
}

struct Busy<'a>(&'a Cell<bool>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

fn memory_bio() -> Result<*mut BIO, ErrorStack> {
    // SAFETY: a table of functions that is static.
    let method = unsafe { openssl_sys::BIO_s_mem() };
    // SAFETY: makes a BIO of ours.
    let bio = unsafe { openssl_sys::BIO_new(method) };
    if bio.is_null() {
        Err(ErrorStack::get())
    } else {
        Ok(bio)
    }
}

fn failure() -> TlsFailure {
    const THREAD: &str = "0000000000000000";
    let errors = ErrorStack::get();
    let (first, last) = (errors.errors().first(), errors.errors().last());
    TlsFailure {
        message: last.map_or_else(String::new, |last| format!("{THREAD}:{last}\n")),
        library: first.and_then(openssl::error::Error::library),
        reason: first.and_then(openssl::error::Error::reason),
    }
}

impl TlsSession {
    /// A connection that has not begun.
    pub(crate) fn new(context: &TlsContext, side: Side) -> Result<Self, ErrorStack> {
        clear_errors();
        // SAFETY: the context lives over this borrow.
        let context = unsafe { SslContextRef::from_ptr(context.raw()) };
        let ssl = Ssl::new(context)?;
        let raw = ssl.as_ptr();
        let incoming = memory_bio()?;
        let outgoing = match memory_bio() {
            Ok(bio) => bio,
            Err(errors) => {
                // SAFETY: ours, and nobody else's yet.
                unsafe { openssl_sys::BIO_free_all(incoming) };
                return Err(errors);
            }
        };
        // SAFETY: the session takes both BIOs.
        unsafe { openssl_sys::SSL_set_bio(raw, incoming, outgoing) };
        let session = Self {
            ssl,
            incoming,
            outgoing,
            is_busy: Cell::new(false),
        };
        session.set_up(side);
        Ok(session)
    }

    fn set_up(&self, side: Side) {
        let raw = self.raw();
        self.check_peer(PeerCheck::None);
        let mode = ffi::SSL_MODE_RELEASE_BUFFERS | ffi::SSL_MODE_AUTO_RETRY;
        // SAFETY: the session lives. So it does in each call below; the functions are `extern "C"` and static.
        unsafe {
            openssl_sys::SSL_ctrl(raw, openssl_sys::SSL_CTRL_MODE, mode, std::ptr::null_mut())
        };
        // SAFETY: see above.
        unsafe { ffi::SSL_set_info_callback(raw, Some(callbacks::info)) };
        // SAFETY: see above; the callback takes no argument.
        unsafe { ffi::SSL_set_cert_cb(raw, Some(callbacks::certificate), std::ptr::null_mut()) };
        match side {
            // SAFETY: see above.
            Side::Client => unsafe { openssl_sys::SSL_set_connect_state(raw) },
            // SAFETY: see above.
            Side::Server => unsafe { openssl_sys::SSL_set_accept_state(raw) },
        }
    }

    pub(super) fn raw(&self) -> *mut SSL {
        self.ssl.as_ptr()
    }

    /// The session, to ask it things.
    pub(crate) fn ssl(&self) -> &SslRef {
        &self.ssl
    }

    /// Whether a call is under way, further up the stack.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_busy.get()
    }

    fn run<R>(
        &self,
        events: &mut (dyn TlsEvents + '_),
        call: impl FnOnce(*mut SSL) -> R,
    ) -> Option<R> {
        if self.is_busy.replace(true) {
            return None;
        }
        let _busy = Busy(&self.is_busy);
        clear_errors();
        let raw = self.raw();
        Some(listening(raw, events, || call(raw)))
    }

    /// What a call's result means.
    fn outcome(&self, returned: c_int) -> c_int {
        // SAFETY: the session lives; nothing of OpenSSL's ran since the call on this thread.
        unsafe { openssl_sys::SSL_get_error(self.raw(), returned) }
    }

    /// Takes what the peer sent; `false` when there is no memory for it.
    pub(crate) fn receive(&self, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let Ok(len) = c_int::try_from(bytes.len()) else {
            return false;
        };
        // SAFETY: the BIO lives with the session; it copies the bytes.
        unsafe { openssl_sys::BIO_write(self.incoming, bytes.as_ptr().cast(), len) == len }
    }

    /// How many bytes are to be sent.
    pub(crate) fn outgoing_len(&self) -> usize {
        let nothing = std::ptr::null_mut();
        // SAFETY: the BIO lives with the session.
        let pending =
            unsafe { openssl_sys::BIO_ctrl(self.outgoing, ffi::BIO_CTRL_PENDING, 0, nothing) };
        usize::try_from(pending).unwrap_or(0)
    }

    /// Takes what is to be sent.
    pub(crate) fn take_outgoing(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.outgoing_len()];
        let len = c_int::try_from(bytes.len()).unwrap_or(c_int::MAX);
        // SAFETY: the BIO lives with the session; the vector has `len` bytes.
        let read = unsafe { openssl_sys::BIO_read(self.outgoing, bytes.as_mut_ptr().cast(), len) };
        bytes.truncate(usize::try_from(read).unwrap_or(0));
        bytes
    }

    /// Reads what was decrypted, going on with a handshake.
    pub(crate) fn read(&self, events: &mut (dyn TlsEvents + '_), out: &mut [u8]) -> ReadOutcome {
        let len = c_int::try_from(out.len()).unwrap_or(c_int::MAX);
        let to = out.as_mut_ptr().cast();
        let called = self.run(events, |raw| {
            // SAFETY: the session lives; `out` has `len` bytes and nobody else uses it.
            let read = unsafe { openssl_sys::SSL_read(raw, to, len) };
            (read, self.outcome(read))
        });
        let Some((read, outcome)) = called else {
            return ReadOutcome::Blocked;
        };
        if let Ok(read @ 1..) = usize::try_from(read) {
            return ReadOutcome::Bytes(read);
        }
        match outcome {
            openssl_sys::SSL_ERROR_ZERO_RETURN => ReadOutcome::Closed,
            openssl_sys::SSL_ERROR_SSL | openssl_sys::SSL_ERROR_SYSCALL => {
                ReadOutcome::Failed(failure())
            }
            _ => ReadOutcome::Blocked,
        }
    }

    /// Encrypts, going on with a handshake: all bytes or none.
    pub(crate) fn write(&self, events: &mut (dyn TlsEvents + '_), bytes: &[u8]) -> WriteOutcome {
        let Ok(len) = c_int::try_from(bytes.len()) else {
            return WriteOutcome::Blocked;
        };
        let called = self.run(events, |raw| {
            // SAFETY: the session lives; OpenSSL reads `len` bytes.
            let written = unsafe { openssl_sys::SSL_write(raw, bytes.as_ptr().cast(), len) };
            (written, self.outcome(written))
        });
        match called {
            Some((1.., _)) => WriteOutcome::Written,
            Some((_, openssl_sys::SSL_ERROR_SSL | openssl_sys::SSL_ERROR_SYSCALL)) => {
                WriteOutcome::Failed(failure())
            }
            Some(_) | None => WriteOutcome::Blocked,
        }
    }

    /// Says to the peer that nothing more comes.
    pub(crate) fn shutdown(&self, events: &mut (dyn TlsEvents + '_)) {
        self.run(events, |raw| {
            // SAFETY: the session lives.
            if unsafe { openssl_sys::SSL_shutdown(raw) } == 0 {
                // SAFETY: as above. The second call looks for the peer's answer.
                unsafe { openssl_sys::SSL_shutdown(raw) };
            }
        });
        clear_errors();
    }

    /// Sets what is asked of the peer's certificate. Whatever it is, the handshake goes on.
    pub(crate) fn check_peer(&self, check: PeerCheck) {
        let mode = match check {
            PeerCheck::None => openssl_sys::SSL_VERIFY_NONE,
            PeerCheck::Wanted => openssl_sys::SSL_VERIFY_PEER,
            PeerCheck::Needed => {
                openssl_sys::SSL_VERIFY_PEER | openssl_sys::SSL_VERIFY_FAIL_IF_NO_PEER_CERT
            }
        };
        // SAFETY: the session lives; the function is `extern "C"` and static.
        unsafe { openssl_sys::SSL_set_verify(self.raw(), mode, Some(callbacks::accept_any)) };
    }

    /// Names the server to itself; `false` for a name that cannot be.
    pub(crate) fn set_server_name(&self, name: &str) -> bool {
        let Ok(name) = CString::new(name) else {
            return false;
        };
        // SAFETY: the session lives and copies the name.
        let set =
            unsafe { openssl_sys::SSL_set_tlsext_host_name(self.raw(), name.as_ptr().cast_mut()) };
        clear_errors();
        set == 1
    }

    /// The protocols a client offers: each a length byte and a name.
    pub(crate) fn offer_protocols(&self, protocols: &[u8]) -> bool {
        let Ok(len) = std::ffi::c_uint::try_from(protocols.len()) else {
            return false;
        };
        // SAFETY: the session lives and copies the list.
        let failed =
            unsafe { openssl_sys::SSL_set_alpn_protos(self.raw(), protocols.as_ptr(), len) };
        clear_errors();
        failed == 0
    }

    /// A client asks for a stapled response about the certificate.
    pub(crate) fn request_status(&self) {
        // SAFETY: the session lives.
        unsafe {
            openssl_sys::SSL_set_tlsext_status_type(self.raw(), openssl_sys::TLSEXT_STATUSTYPE_ocsp)
        };
    }

    /// Whether the peer asked for a stapled response.
    pub(crate) fn is_status_requested(&self) -> bool {
        let nothing = std::ptr::null_mut();
        // SAFETY: the session lives.
        let kind = unsafe {
            openssl_sys::SSL_ctrl(
                self.raw(),
                ffi::SSL_CTRL_GET_TLSEXT_STATUS_REQ_TYPE,
                0,
                nothing,
            )
        };
        kind == c_long::from(openssl_sys::TLSEXT_STATUSTYPE_ocsp)
    }

    /// Resumes a session; `false` when that cannot be (any more).
    pub(crate) fn resume(&self, session: &SslSessionRef) -> bool {
        if self.is_busy() {
            return false;
        }
        // SAFETY: both live; the connection takes a reference of its own.
        let set = unsafe { openssl_sys::SSL_set_session(self.raw(), session.as_ptr()) };
        clear_errors();
        set == 1
    }

    /// A session from its bytes.
    pub(crate) fn session_of(bytes: &[u8]) -> Option<SslSession> {
        let session = SslSession::from_der(bytes).ok();
        clear_errors();
        session
    }

    /// Begins a new handshake on an old connection.
    pub(crate) fn renegotiate(&self) -> Result<(), ErrorStack> {
        clear_errors();
        // SAFETY: the session lives.
        if unsafe { ffi::SSL_renegotiate(self.raw()) } == 1 {
            Ok(())
        } else {
            Err(ErrorStack::get())
        }
    }

    /// The most bytes in one record; `false` for sizes that cannot be.
    pub(crate) fn set_max_fragment(&self, size: i32) -> bool {
        let nothing = std::ptr::null_mut();
        // SAFETY: the session lives.
        let set = unsafe {
            openssl_sys::SSL_ctrl(
                self.raw(),
                ffi::SSL_CTRL_SET_MAX_SEND_FRAGMENT,
                c_long::from(size),
                nothing,
            )
        };
        clear_errors();
        set == 1
    }

    /// Pre-shared keys are asked of the owner.
    pub(crate) fn enable_pre_shared_keys(&self) {
        // SAFETY: the session lives; the function is `extern "C"` and static.
        unsafe { ffi::SSL_set_psk_server_callback(self.raw(), Some(callbacks::psk_server)) };
        // SAFETY: the same.
        unsafe { ffi::SSL_set_psk_client_callback(self.raw(), Some(callbacks::psk_client)) };
    }

    /// The hint a server gives for the identity; `false` for one that cannot be.
    pub(crate) fn set_identity_hint(&self, hint: &str) -> bool {
        let Ok(hint) = CString::new(hint) else {
            return false;
        };
        // SAFETY: the session lives and copies the hint.
        let set = unsafe { ffi::SSL_use_psk_identity_hint(self.raw(), hint.as_ptr()) };
        clear_errors();
        set == 1
    }

    /// Goes over to another context altogether: only while the server's name is looked at.
    pub(crate) fn switch_context(&self, context: &TlsContext) -> bool {
        // SAFETY: both live; the session takes a reference of its own.
        let now = unsafe { openssl_sys::SSL_set_SSL_CTX(self.raw(), context.raw()) };
        !now.is_null() && self.trust_as(context)
    }

    /// Uses the certificate, key and chain of another context.
    pub(crate) fn use_identity_of(&self, context: &TlsContext) -> Result<(), ErrorStack> {
        clear_errors();
        let done = self.copy_identity(context.raw());
        if done { Ok(()) } else { Err(ErrorStack::get()) }
    }

    fn copy_identity(&self, context: *mut openssl_sys::SSL_CTX) -> bool {
        // SAFETY: the context lives; the certificate is its own.
        let certificate = unsafe { openssl_sys::SSL_CTX_get0_certificate(context) };
        // SAFETY: the same of the key.
        let key = unsafe { openssl_sys::SSL_CTX_get0_privatekey(context) };
        let mut chain: *mut openssl_sys::stack_st_X509 = std::ptr::null_mut();
        // SAFETY: the same of the chain, for which the place is.
        let found = unsafe {
            openssl_sys::SSL_CTX_ctrl(
                context,
                ffi::SSL_CTRL_GET_CHAIN_CERTS,
                0,
                (&raw mut chain).cast(),
            )
        };
        if found != 1 || certificate.is_null() || key.is_null() {
            return false;
        }
        // A certificate of another kind of key would stay beside the new one, and might be chosen.
        // SAFETY: the session lives.
        unsafe { ffi::SSL_certs_clear(self.raw()) };
        // SAFETY: both live; the session takes references of its own.
        if unsafe { openssl_sys::SSL_use_certificate(self.raw(), certificate) } != 1 {
            return false;
        }
        // SAFETY: the same.
        if unsafe { openssl_sys::SSL_use_PrivateKey(self.raw(), key) } != 1 {
            return false;
        }
        if chain.is_null() {
            return true;
        }
        // SAFETY: the same; 1: the chain is copied.
        let set =
            unsafe { openssl_sys::SSL_ctrl(self.raw(), ffi::SSL_CTRL_CHAIN, 1, chain.cast()) };
        set == 1
    }

    /// Trusts what another context trusts, and names its authorities to clients.
    pub(crate) fn trust_as(&self, context: &TlsContext) -> bool {
        // SAFETY: the context lives; the store is its own.
        let store = unsafe { openssl_sys::SSL_CTX_get_cert_store(context.raw()) };
        // SAFETY: both live; 1: the session takes a reference of its own.
        let set = unsafe {
            openssl_sys::SSL_ctrl(
                self.raw(),
                openssl_sys::SSL_CTRL_SET_VERIFY_CERT_STORE,
                1,
                store.cast(),
            )
        };
        if set != 1 {
            return false;
        }
        // SAFETY: the context lives; the list is its own.
        let list = unsafe { ffi::SSL_CTX_get_client_CA_list(context.raw()) };
        if !list.is_null() {
            // SAFETY: the list lives.
            let list = unsafe { ffi::SSL_dup_CA_list(list) };
            // SAFETY: the session takes the copy.
            unsafe { openssl_sys::SSL_set_client_CA_list(self.raw(), list) };
        }
        true
    }

    /// What is wrong with the peer's certificate; `None` when it is good, or when none was needed.
    pub(crate) fn verify_error(&self) -> Option<X509VerifyResult> {
        if self.ssl.peer_certificate().is_none() {
            if self.is_certificate_needless() {
                return None;
            }
            // SAFETY: a number of OpenSSL's.
            return Some(unsafe {
                X509VerifyResult::from_raw(openssl_sys::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT)
            });
        }
        Some(self.ssl.verify_result()).filter(|result| *result != X509VerifyResult::OK)
    }

    /// With a pre-shared key (and so with a resumed TLS 1.3 session) there is no certificate.
    fn is_certificate_needless(&self) -> bool {
        let Some(cipher) = self.ssl.current_cipher() else {
            return false;
        };
        // SAFETY: ciphers are static.
        if unsafe { ffi::SSL_CIPHER_get_auth_nid(cipher.as_ptr()) } == ffi::NID_AUTH_PSK {
            return true;
        }
        self.ssl.session_reused()
            && self.ssl.session().is_some_and(|session| {
                session.protocol_version() == openssl::ssl::SslVersion::TLS1_3
            })
    }
}
