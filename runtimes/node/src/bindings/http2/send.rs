//! Bytes on their way out: gathered from the library, written to the socket in one piece.

use std::rc::Rc;

use cenote_abi::Errno;

use super::receive::Receiver;
use super::session::Session;
use crate::bindings::stream_base::{StreamRequest, Write, Wrote};
use crate::event_loop::in_callback_scope;
use crate::glue::{Scope, ScopeExt};

/// The library's error for a session that broke the protocol.
const ERR_PROTO: i32 = -505;

impl Session {
    /// Sends in the loop's next turn, if there is something to send.
    pub(super) fn schedule_write(&self, scope: &mut Scope<'_, '_>) {
        if !self.library.wants_write() {
            return;
        }
        let (Some(session), Some(object)) = (self.rc(), self.object(scope)) else {
            return;
        };
        self.phase.write_scheduled.set(true);
        let object = v8::Global::new(scope, object);
        scope.env().event_loop().complete(move |scope| {
            // It may have been sent already.
            if session.phase.write_scheduled.get() {
                let object = v8::Local::new(scope, &object);
                let context = session.context();
                in_callback_scope(scope, object, &context, |scope| {
                    session.send_pending(scope);
                });
            }
        });
    }

    /// Sends what the library has; false when that is not possible now, and must be tried again.
    pub(super) fn send_pending(&self, scope: &mut Scope<'_, '_>) -> bool {
        if self.phase.destroyed.get() {
            return true;
        }
        self.phase.write_scheduled.set(false);
        // Sending while receiving could free streams the library still works on.
        if self.phase.sending.get() || self.library.is_running() {
            return false;
        }
        let Some(session) = self.rc() else {
            return true;
        };
        self.phase.sending.set(true);
        session.gather(scope);
        if !self.has_underlying() {
            self.clear_outgoing(scope);
            return true;
        }
        let bytes = std::mem::take(&mut self.outgoing.borrow_mut().0);
        if bytes.is_empty() {
            self.clear_outgoing(scope);
            return true;
        }
        self.chunks_sent.set(self.chunks_sent.get().wrapping_add(1));
        self.phase.write_in_progress.set(true);
        let weak = Rc::downgrade(&session);
        let request = StreamRequest::native(move |scope, _status| {
            if let Some(session) = weak.upgrade() {
                session.after_write(scope);
            }
        });
        let outcome = self.with_underlying(scope, |scope, native| {
            native
                .stream()
                .map_or(Err(-Errno::ECANCELED.raw()), |stream| {
                    stream.core().count_written(bytes.len());
                    stream.write(scope, Write::of(bytes, request))
                })
        });
        if outcome != Some(Ok(Wrote::Later)) {
            self.phase.write_in_progress.set(false);
            self.clear_outgoing(scope);
            self.tell_graceful_close(scope);
        }
        self.maybe_stop_reading(scope);
        if self.phase.goaway_by_library.replace(false)
            && !self.phase.closing.get()
            && !self.phase.destroyed.get()
        {
            self.tell_error(scope, ERR_PROTO);
        }
        true
    }

    /// Takes everything the library has to send.
    fn gather(self: &Rc<Self>, scope: &mut Scope<'_, '_>) {
        loop {
            let mut receiver = Receiver {
                scope,
                session: Rc::clone(self),
            };
            match self.library.gather(&mut receiver) {
                Some(Ok(bytes)) if !bytes.is_empty() => {
                    self.outgoing.borrow_mut().0.extend_from_slice(&bytes);
                }
                _ => return,
            }
        }
    }

    /// The socket has taken what was written.
    fn after_write(&self, scope: &mut Scope<'_, '_>) {
        self.tell_graceful_close(scope);
        self.phase.write_in_progress.set(false);
        self.clear_outgoing(scope);
        if self.phase.reading_stopped.get()
            && !self.phase.write_in_progress.get()
            && self.library.wants_read()
        {
            self.start_reading(scope);
        }
        if self.phase.destroyed.get() {
            self.call_method(scope, "ondone");
            // To see when the other end finishes.
            self.start_reading(scope);
            return;
        }
        if !self.phase.write_scheduled.get() {
            self.schedule_write(scope);
        }
    }

    /// Sending is over: tells who waited for it, and resets the streams that waited for it.
    fn clear_outgoing(&self, scope: &mut Scope<'_, '_>) {
        self.phase.sending.set(false);
        let (_, requests) = std::mem::take(&mut *self.outgoing.borrow_mut());
        for request in requests {
            v8::scope!(let inner, scope);
            // As in Node: an error of the socket's shows on the socket, not here.
            request.finish(inner, 0);
        }
        let resets = std::mem::take(&mut *self.pending_resets.borrow_mut());
        if resets.is_empty() {
            return;
        }
        self.send_pending(scope);
        for id in resets {
            if let Some(stream) = self.stream(id) {
                stream.flush_reset(scope);
            }
        }
    }
}
