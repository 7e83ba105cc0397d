//! What OpenSSL calls during a handshake, handed to the owner of the session: [`TlsEvents`].
//!
//! A thread works on one session at a time, so who listens is a thread's variable, set by [`listening`] for the length of one
//! call into OpenSSL. While the owner handles an event nobody listens (a nested call sets its own listener), so there are never
//! two references to one. Nothing unwinds into C.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_uchar, c_uint, c_void};
use std::panic::AssertUnwindSafe;

use foreign_types::{ForeignType as _, ForeignTypeRef as _};
use openssl::ssl::{SslContextRef, SslSession, SslSessionRef};
use openssl_sys::{EVP_CIPHER_CTX, EVP_MAC_CTX, SSL, SSL_SESSION};

use super::context::{TicketKeys, ticket_keys_of};
use super::ffi;

/// Which of the offered protocols a server takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProtocolChoice {
    /// The extension is ignored.
    None,
    /// The one whose length byte is at this offset of the offer.
    At(usize),
    /// The connection ends with a fatal alert.
    Refuse,
}

/// What the owner says of a session ticket.
#[derive(Clone, Debug)]
pub(crate) struct TicketAnswer {
    /// OpenSSL's: 0 no such key, 1 use it, 2 use it and renew the ticket; negative: an error.
    pub(crate) status: i32,
    pub(crate) hmac_key: Vec<u8>,
    pub(crate) aes_key: [u8; 16],
    /// For a new ticket: the key's name and the initial vector.
    pub(crate) name_and_iv: Option<([u8; 16], [u8; 16])>,
}

/// What the owner of a session is asked and told while the session works.
pub(crate) trait TlsEvents {
    /// A handshake begins (again).
    fn handshake_started(&mut self);
    /// A handshake is through.
    fn handshake_done(&mut self);
    /// A line for the key log, without its end.
    fn keylog(&mut self, line: &[u8]);
    /// There is a session that can be resumed later.
    fn new_session(&mut self, session: &SslSessionRef);
    /// The session that the client named, if the owner has it.
    fn stored_session(&mut self) -> Option<SslSession>;
    /// A certificate is about to be chosen; `false` stops the handshake until it is driven again.
    fn certificate_wanted(&mut self) -> bool;
    /// The client named the server; whether that is acknowledged.
    fn server_named(&mut self) -> bool;
    /// The client offers protocols: each a length byte and a name.
    fn choose_protocol(&mut self, offered: &[u8]) -> ProtocolChoice;
    /// The server stapled a response (or none) about its certificate.
    fn status_received(&mut self, response: Option<&[u8]>);
    /// The response to staple.
    fn status_wanted(&mut self) -> Option<Vec<u8>>;
    /// The key of a client, on a server.
    fn key_of(&mut self, identity: &CStr, max_key: usize) -> Option<Vec<u8>>;
    /// Identity and key to offer, on a client.
    fn identity_and_key(
        &mut self,
        hint: Option<&CStr>,
        max_identity: usize,
        max_key: usize,
    ) -> Option<(Vec<u8>, Vec<u8>)>;
    /// How to seal or open a ticket, when the owner of the context wants to say so itself.
    fn ticket_key(&mut self, name: [u8; 16], iv: [u8; 16], sealing: bool) -> Option<TicketAnswer>;
}

#[derive(Clone, Copy)]
struct Listener {
    ssl: *const SSL,
    events: *mut (dyn TlsEvents + 'static),
}

thread_local! {
    static LISTENER: Cell<Option<Listener>> = const { Cell::new(None) };
}

/// Sets the listener back when dropped.
struct Restore(Option<Listener>);

impl Drop for Restore {
    fn drop(&mut self) {
        LISTENER.set(self.0);
    }
}

/// Calls into OpenSSL with somebody listening to what it calls back.
pub(super) fn listening<R>(
    ssl: *const SSL,
    events: &mut (dyn TlsEvents + '_),
    call: impl FnOnce() -> R,
) -> R {
    let events: *mut (dyn TlsEvents + '_) = events;
    // SAFETY: only the lifetime is forgotten; `Restore` takes the pointer out of `LISTENER` before this function, and with it
    // the borrow of `events`, ends.
    let events = unsafe {
        std::mem::transmute::<*mut (dyn TlsEvents + '_), *mut (dyn TlsEvents + 'static)>(events)
    };
    let _restore = Restore(LISTENER.replace(Some(Listener { ssl, events })));
    call()
}

/// Tells the listener of this session, if there is one.
fn tell<R>(ssl: *const SSL, otherwise: R, event: impl FnOnce(&mut dyn TlsEvents) -> R) -> R {
    let Some(listener) = LISTENER.get().filter(|listener| listener.ssl == ssl) else {
        return otherwise;
    };
    let _restore = Restore(LISTENER.replace(None));
    // SAFETY: `listening` is on the stack below with the exclusive borrow, and nobody else can get the pointer: it is out of
    // `LISTENER` until `_restore` is dropped.
    let events = unsafe { &mut *listener.events };
    std::panic::catch_unwind(AssertUnwindSafe(|| event(events))).unwrap_or_else(|_| {
        tracing::error!(target: "cenote::node", "a TLS callback panicked");
        otherwise
    })
}

fn c_str<'a>(text: *const c_char) -> Option<&'a CStr> {
    if text.is_null() {
        return None;
    }
    // SAFETY: OpenSSL hands callbacks C strings that live during the callback, which is all the caller uses it for.
    Some(unsafe { CStr::from_ptr(text) })
}

fn bytes<'a>(data: *const c_uchar, len: usize) -> &'a [u8] {
    if data.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: OpenSSL vouches for `len` bytes at `data` during the callback, which is all the caller uses them for.
    unsafe { std::slice::from_raw_parts(data, len) }
}

/// Copies into a buffer of C's that has room for `room` bytes; `false` when there is not enough.
fn copy_out(from: &[u8], to: *mut c_uchar, room: usize) -> bool {
    if to.is_null() || from.len() > room {
        return false;
    }
    // SAFETY: the caller says that `to` has `room` bytes, which is enough, and Rust's bytes are elsewhere.
    unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
    true
}

pub(super) unsafe extern "C" fn info(ssl: *const SSL, place: c_int, _: c_int) {
    if place & ffi::SSL_CB_HANDSHAKE_START != 0 {
        tell(ssl, (), |events| events.handshake_started());
    }
    // Also called when a HelloRequest was sent: then a renegotiation is pending.
    if place & ffi::SSL_CB_HANDSHAKE_DONE != 0 {
        // SAFETY: OpenSSL calls with a living session.
        let pending = unsafe { ffi::SSL_renegotiate_pending(ssl) };
        if pending == 0 {
            tell(ssl, (), |events| events.handshake_done());
        }
    }
}

pub(super) unsafe extern "C" fn keylog(ssl: *const SSL, line: *const c_char) {
    if let Some(line) = c_str(line) {
        tell(ssl, (), |events| events.keylog(line.to_bytes()));
    }
}

pub(super) unsafe extern "C" fn new_session(ssl: *mut SSL, session: *mut SSL_SESSION) -> c_int {
    // SAFETY: OpenSSL calls with a living session; returning 0 says that no reference is kept.
    let session = unsafe { SslSessionRef::from_ptr(session) };
    tell(ssl, (), |events| events.new_session(session));
    0
}

pub(super) unsafe extern "C" fn get_session(
    ssl: *mut SSL,
    _: *const c_uchar,
    _: c_int,
    copy: *mut c_int,
) -> *mut SSL_SESSION {
    // SAFETY: OpenSSL gives the place for an integer. 0: the reference that is returned becomes OpenSSL's.
    unsafe { *copy = 0 };
    match tell(ssl, None, |events| events.stored_session()) {
        Some(session) => std::mem::ManuallyDrop::new(session).as_ptr(),
        None => std::ptr::null_mut(),
    }
}

pub(super) unsafe extern "C" fn certificate(ssl: *mut SSL, _: *mut c_void) -> c_int {
    if tell(ssl, true, |events| events.certificate_wanted()) {
        1
    } else {
        -1
    }
}

pub(super) unsafe extern "C" fn server_name(ssl: *mut SSL, _: *mut c_int, _: *mut c_void) -> c_int {
    if tell(ssl, false, |events| events.server_named()) {
        openssl_sys::SSL_TLSEXT_ERR_OK
    } else {
        openssl_sys::SSL_TLSEXT_ERR_NOACK
    }
}

pub(super) unsafe extern "C" fn select_protocol(
    ssl: *mut SSL,
    out: *mut *const c_uchar,
    out_len: *mut c_uchar,
    offered: *const c_uchar,
    offered_len: c_uint,
    _: *mut c_void,
) -> c_int {
    let offer = bytes(offered, usize::try_from(offered_len).unwrap_or(0));
    match tell(ssl, ProtocolChoice::None, |events| {
        events.choose_protocol(offer)
    }) {
        ProtocolChoice::None => openssl_sys::SSL_TLSEXT_ERR_NOACK,
        ProtocolChoice::Refuse => openssl_sys::SSL_TLSEXT_ERR_ALERT_FATAL,
        ProtocolChoice::At(offset) => {
            let Some((len, rest)) = offer.get(offset..).and_then(<[u8]>::split_first) else {
                return openssl_sys::SSL_TLSEXT_ERR_ALERT_FATAL;
            };
            let Some(name) = rest.get(..usize::from(*len)) else {
                return openssl_sys::SSL_TLSEXT_ERR_ALERT_FATAL;
            };
            // SAFETY: OpenSSL gives the place for a pointer; `name` lies in its own copy of the offer.
            unsafe { *out = name.as_ptr() };
            // SAFETY: OpenSSL gives the place for a length.
            unsafe { *out_len = *len };
            openssl_sys::SSL_TLSEXT_ERR_OK
        }
    }
}

pub(super) unsafe extern "C" fn status(ssl: *mut SSL, _: *mut c_void) -> c_int {
    // SAFETY: OpenSSL calls with a living session.
    if unsafe { openssl_sys::SSL_is_server(ssl) } == 0 {
        let mut data: *mut c_uchar = std::ptr::null_mut();
        // SAFETY: as above; the response stays the session's.
        let len = unsafe { openssl_sys::SSL_get_tlsext_status_ocsp_resp(ssl, &raw mut data) };
        let response = usize::try_from(len)
            .ok()
            .filter(|len| *len > 0)
            .map(|len| bytes(data, len));
        tell(ssl, (), |events| events.status_received(response));
        // The listener cannot refuse here; it can end the connection.
        return 1;
    }
    let Some(response) = tell(ssl, None, |events| events.status_wanted()) else {
        return openssl_sys::SSL_TLSEXT_ERR_NOACK;
    };
    // SAFETY: asks for memory of OpenSSL's.
    let copy = unsafe { openssl_sys::OPENSSL_malloc(response.len()) };
    if !copy_out(&response, copy.cast(), response.len()) {
        return openssl_sys::SSL_TLSEXT_ERR_NOACK;
    }
    let Ok(len) = std::ffi::c_long::try_from(response.len()) else {
        return openssl_sys::SSL_TLSEXT_ERR_NOACK;
    };
    // SAFETY: OpenSSL takes the memory, which it allocated with this length.
    unsafe { openssl_sys::SSL_set_tlsext_status_ocsp_resp(ssl, copy.cast(), len) };
    openssl_sys::SSL_TLSEXT_ERR_OK
}

pub(super) unsafe extern "C" fn psk_server(
    ssl: *mut SSL,
    identity: *const c_char,
    key: *mut c_uchar,
    max_key: c_uint,
) -> c_uint {
    let Some(identity) = c_str(identity) else {
        return 0;
    };
    let room = usize::try_from(max_key).unwrap_or(0);
    let Some(answer) = tell(ssl, None, |events| events.key_of(identity, room)) else {
        return 0;
    };
    if !copy_out(&answer, key, room) {
        return 0;
    }
    c_uint::try_from(answer.len()).unwrap_or(0)
}

pub(super) unsafe extern "C" fn psk_client(
    ssl: *mut SSL,
    hint: *const c_char,
    identity: *mut c_char,
    max_identity: c_uint,
    key: *mut c_uchar,
    max_key: c_uint,
) -> c_uint {
    let hint = c_str(hint);
    // OpenSSL's buffer for the identity has one byte more than it says, for the NUL.
    let (identity_room, key_room) = (
        usize::try_from(max_identity).unwrap_or(0),
        usize::try_from(max_key).unwrap_or(0),
    );
    let answer = tell(ssl, None, |events| {
        events.identity_and_key(hint, identity_room, key_room)
    });
    let Some((name, secret)) = answer else {
        return 0;
    };
    if name.contains(&0)
        || !copy_out(&name, identity.cast(), identity_room)
        || !copy_out(&secret, key, key_room)
    {
        return 0;
    }
    c_uint::try_from(secret.len()).unwrap_or(0)
}

fn sixteen(data: *const c_uchar) -> [u8; 16] {
    <[u8; 16]>::try_from(bytes(data, 16)).unwrap_or_default()
}

/// Answers with the context's own keys: 16 bytes of name, 16 for the HMAC, 16 for AES, as OpenSSL 1.0 had them.
fn own_ticket_answer(keys: &TicketKeys, name: [u8; 16], sealing: bool) -> Option<TicketAnswer> {
    let own = keys.parts();
    let mut iv = [0; 16];
    if sealing {
        openssl::rand::rand_bytes(&mut iv).ok()?;
    }
    let known = sealing || own.name == name;
    Some(TicketAnswer {
        status: i32::from(known),
        hmac_key: own.hmac.to_vec(),
        aes_key: own.aes,
        name_and_iv: sealing.then_some((own.name, iv)),
    })
}

pub(super) unsafe extern "C" fn ticket(
    ssl: *mut SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut EVP_CIPHER_CTX,
    mac: *mut EVP_MAC_CTX,
    sealing: c_int,
) -> c_int {
    let sealing = sealing != 0;
    // SAFETY: OpenSSL calls with a living session.
    let context = unsafe { openssl_sys::SSL_get_SSL_CTX(ssl) };
    // SAFETY: the session holds its context.
    let context = unsafe { SslContextRef::from_ptr(context) };
    let Some(keys) = ticket_keys_of(context) else {
        return -1;
    };
    let (asked, asked_iv) = (sixteen(name), sixteen(iv));
    let answer = if keys.asks_owner() {
        tell(ssl, None, |events| {
            events.ticket_key(asked, asked_iv, sealing)
        })
    } else {
        own_ticket_answer(&keys, asked, sealing)
    };
    let Some(mut answer) = answer else {
        return -1;
    };
    if answer.status <= 0 {
        return answer.status;
    }
    if let Some((new_name, new_iv)) = answer.name_and_iv
        && !(copy_out(&new_name, name, 16) && copy_out(&new_iv, iv, 16))
    {
        return -1;
    }
    if start_mac(mac, &mut answer.hmac_key) && start_cipher(cipher, &answer.aes_key, iv, sealing) {
        answer.status
    } else {
        -1
    }
}

fn start_mac(mac: *mut EVP_MAC_CTX, key: &mut [u8]) -> bool {
    let mut digest = *b"SHA256\0";
    // SAFETY: describes the key's bytes, which live until the parameters are used below.
    let key = unsafe {
        openssl_sys::OSSL_PARAM_construct_octet_string(
            c"key".as_ptr(),
            key.as_mut_ptr().cast(),
            key.len(),
        )
    };
    // SAFETY: describes the name's bytes, which live until then too; 6 without the NUL.
    let digest = unsafe {
        ffi::OSSL_PARAM_construct_utf8_string(c"digest".as_ptr(), digest.as_mut_ptr().cast(), 6)
    };
    // SAFETY: makes the mark of the end.
    let end = unsafe { openssl_sys::OSSL_PARAM_construct_end() };
    let parameters = [digest, key, end];
    // SAFETY: OpenSSL gave the living MAC; the parameters end with the mark.
    unsafe { openssl_sys::EVP_MAC_CTX_set_params(mac, parameters.as_ptr()) == 1 }
}

fn start_cipher(
    cipher: *mut EVP_CIPHER_CTX,
    key: &[u8; 16],
    iv: *const c_uchar,
    sealing: bool,
) -> bool {
    // SAFETY: a static table of OpenSSL's.
    let aes = unsafe { openssl_sys::EVP_aes_128_cbc() };
    let engine = std::ptr::null_mut();
    if sealing {
        // SAFETY: OpenSSL gave the living cipher context and 16 bytes of initial vector; the key has the cipher's 16 bytes.
        unsafe { openssl_sys::EVP_EncryptInit_ex(cipher, aes, engine, key.as_ptr(), iv) == 1 }
    } else {
        // SAFETY: the same.
        unsafe { openssl_sys::EVP_DecryptInit_ex(cipher, aes, engine, key.as_ptr(), iv) == 1 }
    }
}

/// Accepts every certificate: what is wrong with it is asked after the handshake.
pub(super) extern "C" fn accept_any(_: c_int, _: *mut openssl_sys::X509_STORE_CTX) -> c_int {
    1
}
