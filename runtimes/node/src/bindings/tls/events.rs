//! What OpenSSL calls during a handshake, as calls into JavaScript: [`Events`]. Node: the callbacks in `src/crypto/crypto_tls.cc`.

use std::ffi::CStr;
use std::rc::Rc;

use openssl::ssl::{SslSession, SslSessionRef};

use super::hello::ClientHello;
use super::wrap::{TlsWrap, context_of};
use crate::event_loop::{CallContext, make_callback, make_callback_in};
use crate::glue::openssl::tls::{ProtocolChoice, TicketAnswer, TlsEvents};
use crate::glue::{Object, Scope, ScopeExt, Value, copy_bytes, new_node_buffer, with_bytes};

/// The largest session that is stored. Node: `SecureContext::kMaxSessionSize`.
const MAX_SESSION: usize = 10 * 1024;

/// Who listens while a session works: the `TLSWrap`, with the scope it was called in.
pub(super) struct Events<'a, 's, 'i> {
    scope: &'a mut Scope<'s, 'i>,
    wrap: Rc<TlsWrap>,
}

impl<'a, 's, 'i> Events<'a, 's, 'i> {
    /// `None` when the wrap is going away.
    pub(super) fn new(scope: &'a mut Scope<'s, 'i>, wrap: &TlsWrap) -> Option<Self> {
        let wrap = wrap.me.upgrade()?;
        Some(Self { scope, wrap })
    }
}

/// Calls `object[key](...args)` in the async context of the wrap.
fn call_key<'s>(
    scope: &mut Scope<'s, '_>,
    wrap: &TlsWrap,
    object: Object<'s>,
    key: Value<'s>,
    args: &[Value<'s>],
) -> Option<Value<'s>> {
    let function = object.get(scope, key)?;
    let function = v8::Local::<v8::Function>::try_from(function).ok()?;
    make_callback_in(scope, object, function, args, &CallContext::of(&wrap.info))
}

fn buffer<'s>(scope: &Scope<'s, '_>, bytes: &[u8]) -> Option<Value<'s>> {
    new_node_buffer(scope, bytes.to_vec()).map(Into::into)
}

/// The bytes of a view; `None` for anything else, and for more than `max`.
fn bytes_up_to(value: Value<'_>, max: usize) -> Option<Vec<u8>> {
    if !value.is_array_buffer_view() {
        return None;
    }
    copy_bytes(value).filter(|bytes| bytes.len() <= max)
}

fn sixteen(value: Value<'_>) -> Option<[u8; 16]> {
    <[u8; 16]>::try_from(copy_bytes(value)?).ok()
}

impl TlsEvents for Events<'_, '_, '_> {
    fn handshake_started(&mut self) {
        v8::scope!(let scope, self.scope);
        let Some(object) = self.wrap.core.object(scope) else {
            return;
        };
        let now = scope.env().event_loop().timers().now_ms();
        let args = [scope.number(now)];
        let context = CallContext::of(&self.wrap.info);
        make_callback(scope, object, "onhandshakestart", &args, &context);
    }

    fn handshake_done(&mut self) {
        self.wrap.flags.is_established.set(true);
        self.wrap.call(self.scope, "onhandshakedone", &[]);
    }

    fn keylog(&mut self, line: &[u8]) {
        if !self.wrap.flags.has_keylog_callback.get() {
            return;
        }
        v8::scope!(let scope, self.scope);
        let Some(object) = self.wrap.core.object(scope) else {
            return;
        };
        let Some(line) = buffer(scope, &[line, b"\n"].concat()) else {
            return;
        };
        let context = CallContext::of(&self.wrap.info);
        make_callback(scope, object, "onkeylog", &[line], &context);
    }

    fn new_session(&mut self, session: &SslSessionRef) {
        if !self.wrap.flags.has_session_callbacks.get() {
            return;
        }
        let Ok(bytes) = session.to_der() else { return };
        if bytes.len() > MAX_SESSION {
            return;
        }
        v8::scope!(let scope, self.scope);
        let Some(object) = self.wrap.core.object(scope) else {
            return;
        };
        let (Some(id), Some(bytes)) = (buffer(scope, session.id()), buffer(scope, &bytes)) else {
            return;
        };
        // A server waits until JavaScript has stored it.
        if self.wrap.is_server() {
            self.wrap.flags.awaits_new_session.set(true);
        }
        let context = CallContext::of(&self.wrap.info);
        make_callback(scope, object, "onnewsession", &[id, bytes], &context);
    }

    fn stored_session(&mut self) -> Option<SslSession> {
        self.wrap.next_session.borrow_mut().take()
    }

    fn certificate_wanted(&mut self) -> bool {
        let flags = &self.wrap.flags;
        if !self.wrap.is_server() || !flags.waits_for_cert_cb.get() {
            return true;
        }
        if flags.is_cert_cb_running.replace(true) {
            return false;
        }
        let Some(session) = self.wrap.session() else {
            return true;
        };
        v8::scope!(let scope, self.scope);
        let Some(object) = self.wrap.core.object(scope) else {
            return true;
        };
        let info = scope.object();
        let name = session
            .ssl()
            .servername_raw(openssl::ssl::NameType::HOST_NAME)
            .unwrap_or_default();
        let Ok(name) = scope.latin1(name) else {
            return true;
        };
        scope.set(info, "servername", name.into());
        let wanted = scope.boolean(session.is_status_requested());
        scope.set(info, "OCSPRequest", wanted);
        let context = CallContext::of(&self.wrap.info);
        make_callback(scope, object, "oncertcb", &[info.into()], &context);
        !flags.is_cert_cb_running.get()
    }

    fn server_named(&mut self) -> bool {
        if !self.wrap.is_server() {
            return false;
        }
        let Some(session) = self.wrap.session() else {
            return false;
        };
        v8::scope!(let scope, self.scope);
        let Some(object) = self.wrap.core.object(scope) else {
            return false;
        };
        let owner_key: Value<'_> = scope.node_symbol("owner_symbol").into();
        let owner = object.get(scope, owner_key).map(Object::try_from);
        if let Some(Ok(owner)) = owner
            && let Some(name) = session
                .ssl()
                .servername_raw(openssl::ssl::NameType::HOST_NAME)
        {
            let Ok(name) = scope.latin1(name) else {
                return false;
            };
            let key = scope.name("servername");
            if owner.set(scope, key.into(), name.into()).is_none() {
                return false;
            }
        }
        let Ok(value) = scope.get_property(object, "sni_context") else {
            return false;
        };
        if !value.is_object() {
            return false;
        }
        let Some(Ok(context)) = context_of(scope, value) else {
            let error = v8::Exception::type_error(scope, scope.text("Invalid SNI context"));
            let context = CallContext::of(&self.wrap.info);
            make_callback(scope, object, "onerror", &[error], &context);
            return false;
        };
        *self.wrap.sni_context.borrow_mut() = Some(Rc::clone(&context));
        session.switch_context(&context)
    }

    fn choose_protocol(&mut self, offered: &[u8]) -> ProtocolChoice {
        if self.wrap.flags.has_alpn_callback.get() {
            return self.ask_for_protocol(offered);
        }
        let protocols = self.wrap.protocols.borrow();
        if protocols.is_empty() {
            return ProtocolChoice::None;
        }
        // RFC 7301, 3.2: when none fits the connection ends with an alert.
        names(&protocols)
            .find_map(|(_, wanted)| {
                names(offered)
                    .find(|(_, name)| *name == wanted)
                    .map(|(offset, _)| ProtocolChoice::At(offset))
            })
            .unwrap_or(ProtocolChoice::Refuse)
    }

    fn status_received(&mut self, response: Option<&[u8]>) {
        v8::scope!(let scope, self.scope);
        let Some(object) = self.wrap.core.object(scope) else {
            return;
        };
        let response = match response {
            None => Some(scope.null()),
            Some(bytes) => buffer(scope, bytes),
        };
        if let Some(response) = response {
            let context = CallContext::of(&self.wrap.info);
            make_callback(scope, object, "onocspresponse", &[response], &context);
        }
    }

    fn status_wanted(&mut self) -> Option<Vec<u8>> {
        self.wrap.ocsp_response.borrow_mut().take()
    }

    fn key_of(&mut self, identity: &CStr, max_key: usize) -> Option<Vec<u8>> {
        // An identity that is no UTF-8 is nobody's.
        let identity = identity.to_str().ok()?;
        v8::scope!(let scope, self.scope);
        let object = self.wrap.core.object(scope)?;
        let key = scope.node_symbol("onpskexchange").into();
        let max = u32::try_from(max_key).ok()?;
        let args = [
            scope.string(identity).ok()?.into(),
            scope.number(f64::from(max)),
        ];
        let answer = call_key(scope, &self.wrap, object, key, &args)?;
        bytes_up_to(answer, max_key)
    }

    fn identity_and_key(
        &mut self,
        hint: Option<&CStr>,
        max_identity: usize,
        max_key: usize,
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        v8::scope!(let scope, self.scope);
        let object = self.wrap.core.object(scope)?;
        let key = scope.node_symbol("onpskexchange").into();
        let hint = hint.map_or_else(|| scope.null(), |hint| scope.utf8(hint.to_bytes()).into());
        let args = [
            hint,
            scope.number(f64::from(u32::try_from(max_key).ok()?)),
            scope.number(f64::from(u32::try_from(max_identity).ok()?)),
        ];
        let answer = call_key(scope, &self.wrap, object, key, &args)?;
        let answer = Object::try_from(answer).ok()?;
        let secret = bytes_up_to(scope.get_property(answer, "psk").ok()?, max_key)?;
        let identity = scope.get_property(answer, "identity").ok()?;
        let identity = v8::Local::<v8::String>::try_from(identity).ok()?;
        let identity = crate::glue::js_string_bytes(scope, identity);
        (identity.len() <= max_identity).then_some((identity, secret))
    }

    fn ticket_key(&mut self, name: [u8; 16], iv: [u8; 16], sealing: bool) -> Option<TicketAnswer> {
        v8::scope!(let scope, self.scope);
        let env = scope.env();
        let object = env.natives().object(scope, self.wrap.context_number)?;
        let args = [
            buffer(scope, &name)?,
            buffer(scope, &iv)?,
            scope.boolean(sealing),
        ];
        let function = scope.get_property(object, "onticketkeycallback").ok()?;
        let function = v8::Local::<v8::Function>::try_from(function).ok()?;
        let answer = make_callback_in(scope, object, function, &args, &CallContext::ROOT)?;
        let answer = v8::Local::<v8::Array>::try_from(answer).ok()?;
        let status = answer.get_index(scope, 0)?;
        if !status.is_int32() {
            return None;
        }
        let status = status.int32_value(scope)?;
        if status < 0 {
            return None;
        }
        let hmac_key = copy_bytes(answer.get_index(scope, 1)?)?;
        let aes_key = sixteen(answer.get_index(scope, 2)?)?;
        let name_and_iv = if sealing {
            let name = sixteen(answer.get_index(scope, 3)?)?;
            Some((name, sixteen(answer.get_index(scope, 4)?)?))
        } else {
            None
        };
        Some(TicketAnswer {
            status,
            hmac_key,
            aes_key,
            name_and_iv,
        })
    }
}

impl Events<'_, '_, '_> {
    /// `ALPNCallback(protocols)` gives the offset of the one it takes, `undefined` for none.
    fn ask_for_protocol(&mut self, offered: &[u8]) -> ProtocolChoice {
        v8::scope!(let scope, self.scope);
        let answer = (|| {
            let object = self.wrap.core.object(scope)?;
            let key = scope.name("ALPNCallback").into();
            let offer = buffer(scope, offered)?;
            call_key(scope, &self.wrap, object, key, &[offer])
        })();
        let offset = answer
            .filter(|answer| answer.is_uint32())
            .and_then(|answer| answer.uint32_value(scope))
            .and_then(|offset| usize::try_from(offset).ok());
        offset.map_or(ProtocolChoice::Refuse, ProtocolChoice::At)
    }
}

/// The names in a list of protocols, each with its offset.
fn names(list: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let (len, rest) = list.get(offset..)?.split_first()?;
        let name = rest.get(..usize::from(*len))?;
        let at = offset;
        offset += 1 + name.len();
        Some((at, name))
    })
}

impl TlsWrap {
    /// `onclienthello({ sessionId, servername, tlsTicket })`.
    pub(super) fn tell_hello(&self, scope: &mut Scope<'_, '_>, hello: &ClientHello) {
        v8::scope!(let scope, scope);
        let Some(object) = self.core.object(scope) else {
            return;
        };
        let Some(id) = buffer(scope, &hello.session_id) else {
            return;
        };
        let name = hello.server_name.as_deref().unwrap_or_default();
        let Ok(name) = scope.latin1(name) else {
            return;
        };
        let told = scope.object();
        scope.set(told, "sessionId", id);
        scope.set(told, "servername", name.into());
        scope.set(told, "tlsTicket", scope.boolean(hello.has_ticket));
        let context = CallContext::of(&self.info);
        make_callback(scope, object, "onclienthello", &[told.into()], &context);
    }

    /// Takes the protocols to offer, or to choose from.
    pub(super) fn set_protocols(&self, list: Value<'_>) -> Option<()> {
        let list = with_bytes(list, <[u8]>::to_vec)?;
        if self.is_server() {
            *self.protocols.borrow_mut() = list;
        } else if let Some(session) = self.session() {
            session.offer_protocols(&list);
        }
        Some(())
    }
}
