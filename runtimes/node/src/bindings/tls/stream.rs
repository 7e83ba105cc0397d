//! A `TLSWrap` as a stream (JavaScript writes to it and reads from it) and as the listener of the stream below.

use std::rc::Rc;

use cenote_abi::Errno;

use super::super::stream_base::{
    StreamCore, StreamListener, StreamRead, StreamRequest, StreamResource, UV_EOF, Write, Wrote,
};
use super::events::Events;
use super::hello::HelloStep;
use super::wrap::TlsWrap;
use crate::glue::openssl::tls::WriteOutcome;
use crate::glue::{Scope, ScopeExt};

impl StreamResource for TlsWrap {
    fn core(&self) -> &StreamCore {
        &self.core
    }

    fn read_start(&self, scope: &mut Scope<'_, '_>) -> i32 {
        if self.flags.is_at_end.get() {
            return 0;
        }
        let below = self.below();
        match below.as_ref().and_then(|below| below.stream()) {
            Some(stream) => stream.read_start(scope),
            None => 0,
        }
    }

    fn read_stop(&self, scope: &mut Scope<'_, '_>) -> i32 {
        let below = self.below();
        match below.as_ref().and_then(|below| below.stream()) {
            Some(stream) => stream.read_stop(scope),
            None => 0,
        }
    }

    fn write(&self, scope: &mut Scope<'_, '_>, write: Write) -> Result<Wrote, i32> {
        if self.session.borrow().is_none() {
            *self.error.borrow_mut() = Some("Write after DestroySSL".to_owned());
            return Err(-Errno::EPROTO.raw());
        }
        if write.bytes.is_empty() {
            return self.write_nothing(scope, write.request);
        }
        self.write_bytes(scope, write.bytes, write.request)
    }

    fn shutdown(&self, scope: &mut Scope<'_, '_>, request: StreamRequest) -> i32 {
        if let Some(session) = self.session() {
            if session.is_busy() {
                // Asked for from within a callback of OpenSSL's.
                *self.deferred_shutdown.borrow_mut() = Some(request);
                return 0;
            }
            if let Some(mut events) = Events::new(scope, self) {
                session.shutdown(&mut events);
            }
        }
        self.flags.is_shut.set(true);
        self.enc_out(scope);
        let below = self.below();
        match below.as_ref().and_then(|below| below.stream()) {
            Some(stream) => stream.shutdown(scope, request),
            None => -Errno::ENOTCONN.raw(),
        }
    }

    fn is_alive(&self) -> bool {
        self.session.borrow().is_some()
            && self
                .below()
                .is_some_and(|below| below.stream().is_some_and(StreamResource::is_alive))
    }

    fn fd(&self) -> i32 {
        self.below()
            .and_then(|below| below.stream().map(StreamResource::fd))
            .unwrap_or(-1)
    }

    fn queued(&self) -> usize {
        let waiting = self.session().map_or(0, |session| session.outgoing_len());
        waiting.saturating_add(self.write_size.get())
    }

    fn take_error(&self) -> Option<String> {
        self.error.borrow_mut().take()
    }
}

impl TlsWrap {
    /// An empty write drives the stream below, without an empty record of TLS.
    fn write_nothing(
        &self,
        scope: &mut Scope<'_, '_>,
        request: StreamRequest,
    ) -> Result<Wrote, i32> {
        self.clear_out(scope);
        let is_idle = self
            .session()
            .is_none_or(|session| session.outgoing_len() == 0);
        if !is_idle {
            self.take_request(request)?;
            self.enc_out(scope);
            return Ok(Wrote::Later);
        }
        if self.current_empty_write.borrow().is_some() {
            return Err(-Errno::EALREADY.raw());
        }
        *self.current_empty_write.borrow_mut() = Some(request);
        self.write_below(scope, Vec::new());
        Ok(Wrote::Later)
    }

    fn take_request(&self, request: StreamRequest) -> Result<(), i32> {
        let mut current = self.current_write.borrow_mut();
        if current.is_some() {
            return Err(-Errno::EALREADY.raw());
        }
        *current = Some(request);
        Ok(())
    }

    fn write_bytes(
        &self,
        scope: &mut Scope<'_, '_>,
        bytes: Vec<u8>,
        request: StreamRequest,
    ) -> Result<Wrote, i32> {
        self.take_request(request)?;
        let Some(session) = self.session() else {
            return Err(-Errno::EPROTO.raw());
        };
        let was_busy = session.is_busy();
        let outcome = match Events::new(scope, self) {
            Some(mut events) => session.write(&mut events, &bytes),
            None => WriteOutcome::Blocked,
        };
        match outcome {
            WriteOutcome::Written => {}
            WriteOutcome::Failed(_) => {
                self.current_write.borrow_mut().take();
                return Err(-Errno::EPROTO.raw());
            }
            WriteOutcome::Blocked => {
                *self.pending_input.borrow_mut() = Some(bytes);
                if was_busy {
                    self.flags.is_to_go_on.set(true);
                }
            }
        }
        // Whoever writes must not be told before this returns.
        self.flags.is_in_write.set(true);
        self.enc_out(scope);
        self.flags.is_in_write.set(false);
        self.settle(scope);
        Ok(Wrote::Later)
    }

    /// Gives encrypted bytes to the stream below.
    pub(super) fn write_below(&self, scope: &mut Scope<'_, '_>, bytes: Vec<u8>) {
        let Some(me) = self.me.upgrade() else { return };
        let below = self.below();
        let Some(stream) = below.as_ref().and_then(|below| below.stream()) else {
            self.finish_write(scope, -Errno::ECANCELED.raw(), None);
            return;
        };
        let told = Rc::clone(&me);
        let request = StreamRequest::native(move |scope, status| told.after_write(scope, status));
        match stream.write(scope, Write::of(bytes, request)) {
            Ok(Wrote::Later) => {}
            // TLS must not be told at once.
            Ok(Wrote::Now) => scope
                .env()
                .event_loop()
                .complete(move |scope| me.after_write(scope, 0)),
            Err(status) => {
                let empty = self.current_empty_write.borrow_mut().take();
                if let Some(request) = empty {
                    scope
                        .env()
                        .event_loop()
                        .complete(move |scope| request.finish(scope, status));
                } else {
                    self.fail_write_later(scope, status);
                }
            }
        }
    }

    /// The stream below refused: who writes hears of it, but not before its call returned.
    fn fail_write_later(&self, scope: &mut Scope<'_, '_>, status: i32) {
        if self.flags.is_in_write.get() {
            if let Some(me) = self.me.upgrade() {
                scope
                    .env()
                    .event_loop()
                    .complete(move |scope| me.finish_write(scope, status, None));
            }
        } else {
            self.finish_write(scope, status, None);
        }
    }
}

impl StreamListener for TlsWrap {
    fn on_read(&self, scope: &mut Scope<'_, '_>, read: StreamRead) {
        // Everything after a close_notify is ignored: RFC 5246, 7.2.1.
        if self.flags.is_at_end.get() {
            return;
        }
        match read {
            StreamRead::Failed(status) => {
                // The error comes after all that was read.
                self.clear_out(scope);
                if status == UV_EOF {
                    self.flags.is_at_end.set(true);
                }
                self.core.emit_read(scope, StreamRead::Failed(status));
            }
            StreamRead::Bytes(bytes) => self.take_encrypted(scope, &bytes),
        }
    }

    fn on_destroy(&self, scope: &mut Scope<'_, '_>) {
        self.listener.set(None);
        self.core.destroy(scope);
    }
}

impl TlsWrap {
    /// What the peer sent. Node: `TLSWrap::OnStreamRead`.
    pub(super) fn take_encrypted(&self, scope: &mut Scope<'_, '_>, bytes: &[u8]) {
        let Some(session) = self.session() else {
            return;
        };
        if !session.receive(bytes) {
            self.core
                .emit_read(scope, StreamRead::Failed(-Errno::ENOMEM.raw()));
            return;
        }
        if self.hello.borrow().is_ended() {
            self.cycle(scope);
            return;
        }
        let step = self.hello.borrow_mut().take(bytes);
        match step {
            HelloStep::Wait => {}
            HelloStep::Hello(hello) => self.tell_hello(scope, &hello),
            HelloStep::End => self.cycle(scope),
        }
    }
}
