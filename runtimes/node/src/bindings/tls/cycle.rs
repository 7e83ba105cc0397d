//! How bytes go round: cleartext in (`clear_in`), cleartext out (`clear_out`), encrypted out (`enc_out`). Encrypted bytes come in as
//! the listener of the stream below. Node: `TLSWrap::Cycle` and what it calls.
//!
//! OpenSSL is not entered twice: JavaScript that writes or ends from within one of its callbacks is served when the call is over
//! (`settle`). Node enters it again.

use openssl::error::ErrorStack;

use super::super::stream_base::{StreamRead, StreamResource as _, UV_EOF};
use super::events::Events;
use super::wrap::TlsWrap;
use crate::glue::openssl::tls::{ReadOutcome, TlsFailure, WriteOutcome};
use crate::glue::{Scope, ScopeExt};

/// Bytes decrypted at once: a record of TLS.
const CHUNK: usize = 16 * 1024;

impl TlsWrap {
    /// Goes on with everything that can go on.
    pub(super) fn cycle(&self, scope: &mut Scope<'_, '_>) {
        if self.session().is_some_and(|session| session.is_busy()) {
            self.flags.is_to_go_on.set(true);
            return;
        }
        let depth = self.cycle_depth.get().saturating_add(1);
        self.cycle_depth.set(depth);
        if depth > 1 {
            return;
        }
        while self.cycle_depth.get() > 0 {
            self.clear_in(scope);
            self.clear_out(scope);
            self.enc_out(scope);
            self.cycle_depth
                .set(self.cycle_depth.get().saturating_sub(1));
        }
    }

    /// Encrypts what JavaScript wrote earlier.
    pub(super) fn clear_in(&self, scope: &mut Scope<'_, '_>) {
        if !self.hello.borrow().is_ended() {
            return;
        }
        let Some(session) = self.session() else {
            return;
        };
        if session.is_busy() {
            self.flags.is_to_go_on.set(true);
            return;
        }
        let Some(bytes) = self.pending_input.borrow_mut().take() else {
            return;
        };
        let Some(mut events) = Events::new(scope, self) else {
            return;
        };
        match session.write(&mut events, &bytes) {
            WriteOutcome::Written => {}
            WriteOutcome::Blocked => {
                if self.session.borrow().is_some() {
                    *self.pending_input.borrow_mut() = Some(bytes);
                }
            }
            WriteOutcome::Failed(failure) => {
                self.flags.is_write_callback_scheduled.set(true);
                self.finish_write(
                    scope,
                    -cenote_abi::Errno::EPROTO.raw(),
                    Some(failure.message),
                );
            }
        }
    }

    /// Decrypts what came, and hands it to the listener above or to JavaScript.
    pub(super) fn clear_out(&self, scope: &mut Scope<'_, '_>) {
        if !self.hello.borrow().is_ended() || self.flags.is_at_end.get() {
            return;
        }
        let Some(session) = self.session() else {
            return;
        };
        if session.is_busy() {
            self.flags.is_to_go_on.set(true);
            return;
        }
        let mut chunk = vec![0; CHUNK];
        loop {
            v8::scope!(let scope, scope);
            let outcome = match Events::new(scope, self) {
                Some(mut events) => session.read(&mut events, &mut chunk),
                None => return,
            };
            // A callback may have destroyed the session.
            if self.session.borrow().is_none() {
                return;
            }
            match outcome {
                ReadOutcome::Bytes(count) => {
                    let bytes = chunk.get(..count).unwrap_or_default().to_vec();
                    self.core.emit_read(scope, StreamRead::Bytes(bytes));
                    if self.session.borrow().is_none() || !scope.env().can_call_into_js() {
                        return;
                    }
                }
                ReadOutcome::Blocked => break,
                ReadOutcome::Closed => {
                    if !self.flags.is_at_end.replace(true) {
                        self.core.emit_read(scope, StreamRead::Failed(UV_EOF));
                    }
                    break;
                }
                ReadOutcome::Failed(failure) => {
                    self.tell_failure(scope, &failure);
                    break;
                }
            }
        }
        self.settle(scope);
    }

    /// Does what was asked for while OpenSSL was at work.
    pub(super) fn settle(&self, scope: &mut Scope<'_, '_>) {
        if self.session().is_none_or(|session| session.is_busy()) {
            return;
        }
        if self.flags.is_to_go_on.replace(false) {
            self.clear_in(scope);
            self.enc_out(scope);
        }
        let shutdown = self.deferred_shutdown.borrow_mut().take();
        if let Some(request) = shutdown {
            self.shutdown(scope, request);
        }
    }

    /// The protocol failed: `onerror(error)`.
    fn tell_failure(&self, scope: &mut Scope<'_, '_>, failure: &TlsFailure) {
        let Some(reason) = failure.reason else {
            return;
        };
        let error = v8::Exception::error(scope, scope.text(&failure.message));
        if let Ok(object) = v8::Local::<v8::Object>::try_from(error) {
            if let Some(library) = failure.library {
                scope.set(object, "library", scope.text(library).into());
            }
            scope.set(object, "reason", scope.text(reason).into());
            let code: String = reason
                .chars()
                .map(|c| {
                    if c == ' ' {
                        '_'
                    } else {
                        c.to_ascii_uppercase()
                    }
                })
                .collect();
            let code = format!("ERR_SSL_{code}");
            scope.set(object, "code", scope.text(&code).into());
        }
        // The alert for the peer goes out before the connection is destroyed.
        if self
            .session()
            .is_some_and(|session| session.outgoing_len() > 0)
        {
            self.enc_out(scope);
        }
        let error = v8::Global::new(scope, error);
        self.call(scope, "onerror", &[error]);
        drop(ErrorStack::get());
    }

    /// Gives encrypted bytes to the stream below, one write at a time.
    pub(super) fn enc_out(&self, scope: &mut Scope<'_, '_>) {
        let flags = &self.flags;
        if !self.hello.borrow().is_ended()
            || self.write_size.get() != 0
            || flags.awaits_new_session.get()
            || flags.has_writes_of_others.get()
        {
            return;
        }
        if flags.is_established.get() && self.current_write.borrow().is_some() {
            flags.is_write_callback_scheduled.set(true);
        }
        let Some(session) = self.session() else {
            return;
        };
        if session.outgoing_len() > 0 {
            let bytes = session.take_outgoing();
            self.write_size.set(bytes.len());
            self.write_below(scope, bytes);
            return;
        }
        if self.pending_input.borrow().is_some() {
            return;
        }
        if !flags.is_in_write.get() {
            self.finish_write(scope, 0, None);
        } else if let Some(me) = self.me.upgrade() {
            scope
                .env()
                .event_loop()
                .complete(move |scope| me.finish_write(scope, 0, None));
        }
    }

    /// The stream below has written. Node: `TLSWrap::OnStreamAfterWrite`.
    pub(super) fn after_write(&self, scope: &mut Scope<'_, '_>, status: i32) {
        let empty = self.current_empty_write.borrow_mut().take();
        if let Some(request) = empty {
            request.finish(scope, status);
            return;
        }
        let status = if self.session.borrow().is_none() {
            -cenote_abi::Errno::ECANCELED.raw()
        } else {
            status
        };
        if status != 0 {
            if !self.flags.is_shut.get() {
                self.finish_write(scope, status, None);
            }
            return;
        }
        // So that there is progress, and whoever waits is told.
        self.clear_in(scope);
        self.write_size.set(0);
        self.enc_out(scope);
    }

    /// Tells who wrote. Node: `TLSWrap::InvokeQueued`.
    pub(super) fn finish_write(
        &self,
        scope: &mut Scope<'_, '_>,
        status: i32,
        error: Option<String>,
    ) {
        if !self.flags.is_write_callback_scheduled.get() {
            return;
        }
        let current = self.current_write.borrow_mut().take();
        if let Some(request) = current {
            *self.error.borrow_mut() = error;
            request.finish(scope, status);
            self.error.borrow_mut().take();
        }
    }
}
