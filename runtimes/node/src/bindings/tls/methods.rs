//! What JavaScript sets and starts on a `TLSWrap`.

use super::super::crypto::errors::failure;
use super::hello::HelloParser;
use super::wrap::{context_of, own, own_session};
use crate::event_loop::{CallContext, make_callback};
use crate::glue::openssl::tls::{PeerCheck, TlsSession};
use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt, copy_bytes};

fn invalid_state(message: &str) -> Failure {
    Failure::error("ERR_TLS_INVALID_STATE", message)
}

fn must_be_buffer(what: &str) -> Failure {
    Failure::type_error("ERR_INVALID_ARG_TYPE", format!("{what} must be a buffer"))
}

/// `receive(buffer)`: bytes of the peer's that somebody else had read already.
pub(super) fn receive<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = own(scope, args)?;
    let bytes = copy_bytes(args.get(0)).ok_or_else(|| must_be_buffer("The data"))?;
    if !wrap.flags.is_at_end.get() {
        wrap.take_encrypted(scope, &bytes);
    }
    Ok(().into())
}

/// `start()`: a client begins the handshake. Reading does, because there is no session yet.
pub(super) fn start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = own(scope, args)?;
    if wrap.flags.is_started.replace(true) {
        return Err(invalid_state("The TLS connection was already started"));
    }
    if wrap.is_server() {
        return Err(invalid_state("A TLS server does not start by itself"));
    }
    wrap.clear_out(scope);
    wrap.enc_out(scope);
    Ok(().into())
}

pub(super) fn destroy_ssl<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    own(scope, args)?.destroy(scope);
    Ok(().into())
}

/// The bytes that others wrote to the stream below are written.
pub(super) fn writes_issued_by_prev_listener_done<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let wrap = own(scope, args)?;
    wrap.flags.has_writes_of_others.set(false);
    wrap.enc_out(scope);
    Ok(().into())
}

/// `setVerifyMode(requestCert, rejectUnauthorized)`. Whatever is wrong with a certificate, JavaScript rejects.
pub(super) fn set_verify_mode<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (wrap, session) = own_session(scope, args)?;
    let check = match (wrap.is_server(), args.bool(scope, 0), args.bool(scope, 1)) {
        (true, true, true) => PeerCheck::Needed,
        (true, true, false) => PeerCheck::Wanted,
        _ => PeerCheck::None,
    };
    session.check_peer(check);
    Ok(().into())
}

pub(super) fn enable_session_callbacks<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (wrap, _) = own_session(scope, args)?;
    wrap.flags.has_session_callbacks.set(true);
    if wrap.is_server() {
        wrap.hello.borrow_mut().start();
    }
    Ok(().into())
}

pub(super) fn enable_keylog_callback<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    own(scope, args)?.flags.has_keylog_callback.set(true);
    Ok(().into())
}

pub(super) fn enable_trace<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    own(scope, args)?;
    Ok(().into())
}

pub(super) fn enable_cert_cb<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    own(scope, args)?.flags.waits_for_cert_cb.set(true);
    Ok(().into())
}

/// JavaScript has chosen the certificate (`sni_context`, if any): the handshake goes on.
pub(super) fn cert_cb_done<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (wrap, session) = own_session(scope, args)?;
    if !wrap.flags.waits_for_cert_cb.get() || !wrap.flags.is_cert_cb_running.get() {
        return Err(invalid_state("No certificate callback is running"));
    }
    let this = args.this();
    let chosen = scope.get_property(this, "sni_context")?;
    if let Some(context) = context_of(scope, chosen) {
        let context = context?;
        *wrap.sni_context.borrow_mut() = Some(std::rc::Rc::clone(&context));
        // A context without a certificate leaves the one there is.
        if session.use_identity_of(&context).is_ok() && !session.trust_as(&context) {
            let errors = openssl::error::ErrorStack::get();
            return Err(failure(scope, &errors, "CertCbDone"));
        }
    } else if chosen.is_object() {
        let error = v8::Exception::type_error(scope, scope.text("Invalid SNI context"));
        let context = CallContext::of(&wrap.info);
        make_callback(scope, this, "onerror", &[error], &context);
        return Ok(().into());
    }
    wrap.flags.is_cert_cb_running.set(false);
    wrap.flags.waits_for_cert_cb.set(false);
    wrap.cycle(scope);
    Ok(().into())
}

/// `setKeyCert(secureContext)`: another certificate for this connection.
pub(super) fn set_key_cert<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    let context = context_of(scope, args.get(0)).ok_or_else(|| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "Must give a SecureContext as first argument",
        )
    })??;
    session
        .use_identity_of(&context)
        .map_err(|errors| failure(scope, &errors, "SetKeyCert"))?;
    if !session.trust_as(&context) {
        let errors = openssl::error::ErrorStack::get();
        return Err(failure(scope, &errors, "SetKeyCert"));
    }
    Ok(().into())
}

pub(super) fn enable_alpn_cb<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    own(scope, args)?.flags.has_alpn_callback.set(true);
    Ok(().into())
}

pub(super) fn set_alpn_protocols<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let wrap = own(scope, args)?;
    wrap.set_protocols(args.get(0)).ok_or_else(|| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "Must give a Buffer as first argument",
        )
    })?;
    Ok(().into())
}

/// JavaScript is done with looking for a session.
pub(super) fn end_parser<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = own(scope, args)?;
    let was = std::mem::take(&mut *wrap.hello.borrow_mut());
    if was != HelloParser::Ended {
        wrap.cycle(scope);
    }
    Ok(().into())
}

/// `loadSession(bytes)`: the session that the client named.
pub(super) fn load_session<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrap = own(scope, args)?;
    if let Some(bytes) = copy_bytes(args.get(0)) {
        *wrap.next_session.borrow_mut() = TlsSession::session_of(&bytes);
    }
    Ok(().into())
}

pub(super) fn new_session_done<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let wrap = own(scope, args)?;
    wrap.flags.awaits_new_session.set(false);
    wrap.cycle(scope);
    Ok(().into())
}

/// `setSession(bytes)`: the session that a client wants to resume. One that cannot be read is passed over.
pub(super) fn set_session<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    if args.len() == 0 {
        return Err(Failure::type_error(
            "ERR_MISSING_ARGS",
            "Session argument is mandatory",
        ));
    }
    let bytes = copy_bytes(args.get(0)).ok_or_else(|| must_be_buffer("Session"))?;
    if let Some(old) = TlsSession::session_of(&bytes)
        && !session.resume(&old)
    {
        let error = v8::Exception::error(scope, scope.text("SSL_set_session error"));
        return Err(Failure::Thrown(v8::Global::new(scope, error)));
    }
    Ok(().into())
}

pub(super) fn set_servername<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (wrap, session) = own_session(scope, args)?;
    let name = args.text(scope, 0)?;
    if wrap.is_server() || wrap.flags.is_started.get() {
        return Err(invalid_state(
            "Only a client that has not started can name its server",
        ));
    }
    // A name that cannot be one is not sent, as in Node.
    session.set_server_name(&name);
    Ok(().into())
}

pub(super) fn request_ocsp<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    own_session(scope, args)?.1.request_status();
    Ok(().into())
}

pub(super) fn set_ocsp_response<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let wrap = own(scope, args)?;
    if args.len() == 0 {
        return Err(Failure::type_error(
            "ERR_MISSING_ARGS",
            "OCSP response argument is mandatory",
        ));
    }
    let bytes = copy_bytes(args.get(0)).ok_or_else(|| must_be_buffer("OCSP response"))?;
    *wrap.ocsp_response.borrow_mut() = Some(bytes);
    Ok(().into())
}

pub(super) fn renegotiate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    session
        .renegotiate()
        .map_err(|errors| failure(scope, &errors, "SSL_renegotiate"))?;
    Ok(().into())
}

pub(super) fn set_max_send_fragment<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    let size = args.i32(scope, 0)?;
    Ok(i32::from(session.set_max_fragment(size)).into())
}

pub(super) fn enable_psk_callback<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    own_session(scope, args)?.1.enable_pre_shared_keys();
    Ok(().into())
}

pub(super) fn set_psk_identity_hint<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (wrap, session) = own_session(scope, args)?;
    let hint = args.text(scope, 0)?;
    if !session.set_identity_hint(&hint) {
        let failure = Failure::error(
            "ERR_TLS_PSK_SET_IDENTITY_HINT_FAILED",
            "Failed to set PSK identity hint",
        );
        if let Some(error) = failure.to_exception(scope) {
            let context = CallContext::of(&wrap.info);
            make_callback(scope, args.this(), "onerror", &[error], &context);
        }
    }
    Ok(().into())
}
