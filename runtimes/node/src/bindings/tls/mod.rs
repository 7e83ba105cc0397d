//! TLS: `internalBinding('tls_wrap')` ([`BINDING`]), and of `internalBinding('crypto')` the class `SecureContext` and the root
//! certificates. Node: `src/crypto/crypto_tls.cc`, `src/crypto/crypto_context.cc`, `src/crypto/crypto_clienthello.cc`; `lib/internal/tls/*.js`.
//!
//! A `TLSWrap` is a stream ([`StreamResource`](super::stream_base::StreamResource)) over another stream, whose listener it is: what the
//! stream below reads is encrypted, what JavaScript reads here is not. OpenSSL between them works on memory
//! ([`glue::openssl::tls`](crate::glue::openssl::tls)).
//!
//! Reading order: `secure_context`, `roots`, `wrap` (the class, its state), `cycle` (how bytes go round), `stream` (being a stream, and a
//! listener), `events` (what OpenSSL calls), `hello` (the first message of a client, for stored sessions), `methods`
//! (settings), `inspect` (what can be asked), `peer` (certificates).

mod cycle;
mod events;
mod hello;
mod inspect;
mod methods;
mod peer;
pub(super) mod roots;
pub(super) mod secure_context;
mod stream;
mod wrap;

use crate::glue::{Binding, Failure, Object, Scope, ScopeExt};

pub(super) const BINDING: Binding = Binding::new("tls_wrap")
    .function("wrap", wrap::wrap)
    .class(&wrap::TLS_WRAP)
    .setup(setup);

fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    // OpenSSL is built without `SSL_trace`.
    scope.set(binding, "HAVE_SSL_TRACE", scope.number(0.0));
    Ok(())
}
