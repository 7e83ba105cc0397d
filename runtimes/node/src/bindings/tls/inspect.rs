//! What can be asked of a `TLSWrap`: cipher, protocol, session, keys; certificates are in `peer`.

use super::super::crypto::errors::failure;
use super::wrap::{own, own_session};
use crate::glue::openssl::tls::{EphemeralKey, verify_error_code};
use crate::glue::{
    Args, BindingResult, Failure, Return, Scope, ScopeExt, Value, copy_bytes, js_string_bytes,
    new_node_buffer,
};

/// The most bytes of keying material at once.
const MAX_KEYING_MATERIAL: usize = 16 << 20;

fn bytes_result<'s>(scope: &Scope<'s, '_>, bytes: Option<Vec<u8>>) -> BindingResult<'s> {
    match bytes {
        None => Ok(().into()),
        Some(bytes) => Ok(new_node_buffer(scope, bytes)
            .ok_or(Failure::Pending)?
            .into()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a size fits a double")]
pub(super) fn write_queue_size<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    use super::super::stream_base::StreamResource as _;
    // A prototype is no connection; reading the property there is no error.
    Ok(own(scope, args).map_or(Return::Undefined, |wrap| (wrap.queued() as f64).into()))
}

/// The name the client wants the server under; `false` when it said none.
pub(super) fn get_servername<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    match session
        .ssl()
        .servername_raw(openssl::ssl::NameType::HOST_NAME)
    {
        Some(name) => Ok(scope.latin1(name)?.into()),
        None => Ok(false.into()),
    }
}

pub(super) fn export_keying_material<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    let len = args.usize(0)?;
    if len > MAX_KEYING_MATERIAL {
        return Err(Failure::range_error(
            "ERR_OUT_OF_RANGE",
            "The length of the keying material is out of range",
        ));
    }
    let label = js_string_bytes(scope, args.string(1)?);
    let context = if args.is_undefined(2) {
        None
    } else {
        Some(copy_bytes(args.get(2)).ok_or_else(|| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "The context must be a buffer")
        })?)
    };
    let mut out = vec![0; len];
    let label = String::from_utf8_lossy(&label).into_owned();
    session
        .ssl()
        .export_keying_material(&mut out, &label, context.as_deref())
        .map_err(|errors| failure(scope, &errors, "SSL_export_keying_material"))?;
    bytes_result(scope, Some(out))
}

pub(super) fn is_session_reused<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    // Asked after the connection was destroyed too.
    let session = own(scope, args)?.session();
    Ok(session
        .is_some_and(|session| session.ssl().session_reused())
        .into())
}

pub(super) fn get_alpn_negotiated_protocol<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    match session.ssl().selected_alpn_protocol() {
        None | Some([]) => Ok(false.into()),
        Some(name) => Ok(scope.latin1(name)?.into()),
    }
}

/// `{ name, standardName, version }`; empty before the handshake.
pub(super) fn get_cipher<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    let info = scope.object();
    if let Some(cipher) = session.ssl().current_cipher() {
        scope.set(info, "name", scope.text(cipher.name()).into());
        if let Some(name) = cipher.standard_name() {
            scope.set(info, "standardName", scope.text(name).into());
        }
        scope.set(info, "version", scope.text(cipher.version()).into());
    }
    Ok(info.into())
}

/// `{ type, name, size }`, for clients.
pub(super) fn get_ephemeral_key_info<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (wrap, session) = own_session(scope, args)?;
    if wrap.is_server() {
        return Ok(scope.null().into());
    }
    let info = scope.object();
    match session.ephemeral_key() {
        None => {}
        Some(EphemeralKey::Dh { bits }) => {
            scope.set(info, "type", scope.text("DH").into());
            scope.set(info, "size", scope.number(f64::from(bits)));
        }
        Some(EphemeralKey::Ecdh { name, bits }) => {
            scope.set(info, "type", scope.text("ECDH").into());
            scope.set(info, "name", scope.text(&name).into());
            scope.set(info, "size", scope.number(f64::from(bits)));
        }
    }
    Ok(info.into())
}

fn finished(read: impl Fn(&mut [u8]) -> usize) -> Option<Vec<u8>> {
    // OpenSSL says how long it is and copies no more than fits: 64 bytes is the longest digest.
    let mut bytes = vec![0; 64];
    let len = read(&mut bytes);
    if len == 0 {
        return None;
    }
    bytes.truncate(len);
    Some(bytes)
}

pub(super) fn get_finished<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    bytes_result(scope, finished(|bytes| session.ssl().finished(bytes)))
}

pub(super) fn get_peer_finished<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    bytes_result(scope, finished(|bytes| session.ssl().peer_finished(bytes)))
}

pub(super) fn get_protocol<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    Ok(scope.text(session.ssl().version_str()).into())
}

pub(super) fn get_session<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    let bytes = session
        .ssl()
        .session()
        .and_then(|session| session.to_der().ok());
    bytes_result(scope, bytes)
}

pub(super) fn get_shared_sigalgs<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    let names: Vec<Value<'s>> = session
        .shared_signature_algorithms()
        .iter()
        .map(|name| scope.text(name).into())
        .collect();
    Ok(scope.array(&names).into())
}

pub(super) fn get_tls_ticket<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    bytes_result(scope, session.ticket())
}

/// What is wrong with the peer's certificate, as an error; `null` when nothing is.
pub(super) fn verify_error<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (_, session) = own_session(scope, args)?;
    let Some(error) = session.verify_error() else {
        return Ok(scope.null().into());
    };
    let text = scope.text(error.error_string());
    let exception = v8::Exception::error(scope, text);
    if let Ok(object) = v8::Local::<v8::Object>::try_from(exception) {
        scope.set(object, "code", scope.text(verify_error_code(error)).into());
    }
    Ok(exception.into())
}
