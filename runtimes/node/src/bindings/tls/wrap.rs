//! The class `TLSWrap`, what it holds, and how it is made and destroyed. Node: `TLSWrap` in `src/crypto/crypto_tls.cc`.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use cenote_abi::Errno;
use openssl::ssl::SslSession;

use super::super::crypto::errors::failure;
use super::super::stream_base::{
    ListenerId, StreamCore, StreamListener, StreamRequest, StreamResource, stream_of,
    with_stream_methods,
};
use super::hello::HelloParser;
use super::secure_context::SecureContext;
use super::{inspect, methods, peer};
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo};
use crate::event_loop::{CallContext, make_callback};
use crate::glue::openssl::tls::{Side, TlsContext, TlsSession};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Scope, Value, attach, native_of,
    new_instance,
};

/// The class.
pub(super) static TLS_WRAP: Class = with_stream_methods(
    Class::new("TLSWrap", new_tls_wrap)
        .extends(&ASYNC_WRAP)
        .getter("writeQueueSize", inspect::write_queue_size)
        .shown()
        .method("certCbDone", methods::cert_cb_done)
        .method("destroySSL", methods::destroy_ssl)
        .method("enableCertCb", methods::enable_cert_cb)
        .method("enableALPNCb", methods::enable_alpn_cb)
        .method("endParser", methods::end_parser)
        .method("enableKeylogCallback", methods::enable_keylog_callback)
        .method("enableSessionCallbacks", methods::enable_session_callbacks)
        .partial_method(
            "enableTrace",
            methods::enable_trace,
            "prints nothing: OpenSSL is built without SSL_trace, as HAVE_SSL_TRACE says",
        )
        .method("getServername", inspect::get_servername)
        .method("loadSession", methods::load_session)
        .method("newSessionDone", methods::new_session_done)
        .method("receive", methods::receive)
        .method("renegotiate", methods::renegotiate)
        .method("requestOCSP", methods::request_ocsp)
        .method("setALPNProtocols", methods::set_alpn_protocols)
        .method("setKeyCert", methods::set_key_cert)
        .method("setOCSPResponse", methods::set_ocsp_response)
        .method("setServername", methods::set_servername)
        .method("setSession", methods::set_session)
        .method("setVerifyMode", methods::set_verify_mode)
        .method("start", methods::start)
        .method(
            "writesIssuedByPrevListenerDone",
            methods::writes_issued_by_prev_listener_done,
        )
        .method("exportKeyingMaterial", inspect::export_keying_material)
        .method("isSessionReused", inspect::is_session_reused)
        .method(
            "getALPNNegotiatedProtocol",
            inspect::get_alpn_negotiated_protocol,
        )
        .method("getCertificate", peer::get_certificate)
        .method("getX509Certificate", peer::get_x509_certificate)
        .method("getCipher", inspect::get_cipher)
        .method("getEphemeralKeyInfo", inspect::get_ephemeral_key_info)
        .method("getFinished", inspect::get_finished)
        .method("getPeerCertificate", peer::get_peer_certificate)
        .method("getPeerX509Certificate", peer::get_peer_x509_certificate)
        .method("getPeerFinished", inspect::get_peer_finished)
        .method("getProtocol", inspect::get_protocol)
        .method("getSession", inspect::get_session)
        .method("getSharedSigalgs", inspect::get_shared_sigalgs)
        .method("getTLSTicket", inspect::get_tls_ticket)
        .method("verifyError", inspect::verify_error)
        .method("setMaxSendFragment", methods::set_max_send_fragment)
        .method("enablePskCallback", methods::enable_psk_callback)
        .method("setPskIdentityHint", methods::set_psk_identity_hint),
);

/// Behind a `TLSWrap`. No borrow of a cell is held over JavaScript.
pub(super) struct TlsWrap {
    pub(super) me: Weak<TlsWrap>,
    pub(super) info: AsyncInfo,
    pub(super) core: StreamCore,
    pub(super) side: Side,
    /// The stream below, whose listener this is.
    pub(super) below: RefCell<Option<Weak<dyn Native>>>,
    pub(super) listener: Cell<Option<ListenerId>>,
    /// OpenSSL's part; gone after `destroySSL()`.
    pub(super) session: RefCell<Option<Rc<TlsSession>>>,
    pub(super) context: RefCell<Option<Rc<TlsContext>>>,
    /// The native object of the `SecureContext`.
    pub(super) context_number: i32,
    pub(super) sni_context: RefCell<Option<Rc<TlsContext>>>,
    pub(super) hello: RefCell<HelloParser>,
    pub(super) ocsp_response: RefCell<Option<Vec<u8>>>,
    pub(super) next_session: RefCell<Option<SslSession>>,
    /// What a server prefers: each a length byte and a name.
    pub(super) protocols: RefCell<Vec<u8>>,
    /// What JavaScript wrote and OpenSSL could not take yet.
    pub(super) pending_input: RefCell<Option<Vec<u8>>>,
    pub(super) current_write: RefCell<Option<StreamRequest>>,
    pub(super) current_empty_write: RefCell<Option<StreamRequest>>,
    /// Asked for while OpenSSL was at work.
    pub(super) deferred_shutdown: RefCell<Option<StreamRequest>>,
    /// What the next failed request is told.
    pub(super) error: RefCell<Option<String>>,
    /// Bytes given to the stream below that it has not written yet.
    pub(super) write_size: Cell<usize>,
    pub(super) cycle_depth: Cell<u32>,
    pub(super) flags: Flags,
}

/// What is and what was.
#[derive(Debug, Default)]
pub(super) struct Flags {
    pub(super) is_established: Cell<bool>,
    pub(super) is_started: Cell<bool>,
    pub(super) is_shut: Cell<bool>,
    pub(super) is_at_end: Cell<bool>,
    pub(super) has_session_callbacks: Cell<bool>,
    pub(super) has_keylog_callback: Cell<bool>,
    pub(super) has_alpn_callback: Cell<bool>,
    pub(super) awaits_new_session: Cell<bool>,
    pub(super) waits_for_cert_cb: Cell<bool>,
    pub(super) is_cert_cb_running: Cell<bool>,
    pub(super) is_write_callback_scheduled: Cell<bool>,
    pub(super) is_in_write: Cell<bool>,
    pub(super) has_writes_of_others: Cell<bool>,
    /// OpenSSL was asked for something while it was at work: ask again.
    pub(super) is_to_go_on: Cell<bool>,
}

impl Native for TlsWrap {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn stream(&self) -> Option<&dyn StreamResource> {
        Some(self)
    }
}

/// An object that `wrap()` has not filled yet is of no use; its methods say so.
fn new_tls_wrap<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(().into())
}

/// `wrap(handle, secureContext, isServer, hasActiveWriteIssuedByPrevListener)`.
pub(super) fn wrap<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let below = stream_of(scope, args.object(0)?).ok_or_else(|| {
        Failure::type_error("ERR_INVALID_ARG_TYPE", "The handle must be a stream")
    })?;
    let secure = native_of::<SecureContext>(scope, args.object(1)?).ok_or_else(|| {
        Failure::type_error("ERR_TLS_INVALID_CONTEXT", "context must be a SecureContext")
    })?;
    let side = if args.bool(scope, 2) {
        Side::Server
    } else {
        Side::Client
    };
    let context = secure.context()?;
    let session =
        TlsSession::new(&context, side).map_err(|errors| failure(scope, &errors, "SSL_new"))?;
    let object = new_instance(scope, &TLS_WRAP, &[])?;
    let info = AsyncInfo::new(scope, object, "TLSWRAP");
    let flags = Flags::default();
    flags.has_writes_of_others.set(args.bool(scope, 3));
    let wrap = Rc::new_cyclic(|me| TlsWrap {
        me: Weak::clone(me),
        info,
        core: StreamCore::default(),
        side,
        below: RefCell::new(Some(Rc::downgrade(&below))),
        listener: Cell::new(None),
        session: RefCell::new(Some(Rc::new(session))),
        context: RefCell::new(Some(context)),
        context_number: secure.number(),
        sni_context: RefCell::default(),
        hello: RefCell::default(),
        ocsp_response: RefCell::default(),
        next_session: RefCell::default(),
        protocols: RefCell::default(),
        pending_input: RefCell::default(),
        current_write: RefCell::default(),
        current_empty_write: RefCell::default(),
        deferred_shutdown: RefCell::default(),
        error: RefCell::default(),
        write_size: Cell::new(0),
        cycle_depth: Cell::new(0),
        flags,
    });
    let number = attach(scope, object, Rc::clone(&wrap));
    wrap.core.set_number(number);
    if let Some(stream) = below.stream() {
        let listener = stream
            .core()
            .push_listener(Rc::clone(&wrap) as Rc<dyn StreamListener>);
        wrap.listener.set(Some(listener));
    }
    Ok(object.into())
}

impl TlsWrap {
    pub(super) fn is_server(&self) -> bool {
        self.side == Side::Server
    }

    /// OpenSSL's part, to be held over calls that can run JavaScript.
    pub(super) fn session(&self) -> Option<Rc<TlsSession>> {
        self.session.borrow().clone()
    }

    /// The stream below, while it lives.
    pub(super) fn below(&self) -> Option<Rc<dyn Native>> {
        self.below.borrow().as_ref().and_then(Weak::upgrade)
    }

    /// Calls a method of the JavaScript object, if it has it.
    pub(super) fn call(
        &self,
        scope: &mut Scope<'_, '_>,
        name: &str,
        args: &[v8::Global<v8::Value>],
    ) {
        v8::scope!(let scope, scope);
        let Some(object) = self.core.object(scope) else {
            return;
        };
        let args: Vec<Value<'_>> = args
            .iter()
            .map(|value| v8::Local::new(scope, value))
            .collect();
        make_callback(scope, object, name, &args, &CallContext::of(&self.info));
    }

    /// Lets go of OpenSSL's part. Node: `TLSWrap::Destroy`.
    pub(super) fn destroy(&self, scope: &mut Scope<'_, '_>) {
        let Some(session) = self.session.borrow_mut().take() else {
            return;
        };
        self.flags.is_write_callback_scheduled.set(true);
        let canceled = -Errno::ECANCELED.raw();
        self.finish_write(
            scope,
            canceled,
            Some("Canceled because of SSL destruction".to_owned()),
        );
        let shutdown = self.deferred_shutdown.borrow_mut().take();
        if let Some(request) = shutdown {
            request.finish(scope, canceled);
        }
        self.pending_input.borrow_mut().take();
        // A call further up the stack may still use it: it holds one too.
        drop(session);
        if let Some(listener) = self.listener.take()
            && let Some(below) = self.below()
            && let Some(stream) = below.stream()
        {
            stream.core().remove_listener(listener);
        }
        self.context.borrow_mut().take();
        self.sni_context.borrow_mut().take();
        self.core.destroy(scope);
    }
}

/// The `TLSWrap` a method was called on.
pub(super) fn own<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Rc<TlsWrap>, Failure> {
    args.native::<TlsWrap>(scope)
}

/// The same, with OpenSSL's part.
pub(super) fn own_session<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
) -> Result<(Rc<TlsWrap>, Rc<TlsSession>), Failure> {
    let wrap = own(scope, args)?;
    let session = wrap.session().ok_or_else(|| {
        Failure::error("ERR_TLS_INVALID_STATE", "The TLS connection was destroyed")
    })?;
    Ok((wrap, session))
}

/// The context of a `SecureContext`, `None` when the value is no such object.
pub(super) fn context_of<'s>(
    scope: &Scope<'s, '_>,
    value: Value<'s>,
) -> Option<Result<Rc<TlsContext>, Failure>> {
    let object = Object::try_from(value).ok()?;
    native_of::<SecureContext>(scope, object).map(|secure| secure.context())
}
