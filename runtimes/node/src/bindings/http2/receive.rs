//! What the library tells while it parses what came, and while it asks for what to send.

use std::rc::Rc;

use super::session::{
    HAS_ALTSVC_LISTENERS, HAS_PING_LISTENERS, HAS_REMOTE_SETTINGS_LISTENERS,
    REMOTE_SETTINGS_ARE_UP_TO_DATE, Session,
};
use super::stream::{CATEGORY_HEADERS, Stream};
use super::{Callback, call, settings};
use crate::bindings::stream_base::{StreamRead, StreamResource as _, UV_EOF};
use crate::glue::nghttp2::{self, Events, Frame, Read};
use crate::glue::{Failure, Scope, ScopeExt, Value, new_node_buffer};

// Error numbers of the library's.
const ERR_PROTO: i32 = -505;
const ERR_STREAM_CLOSED: i32 = -510;
const ERR_STREAM_CLOSING: i32 = -511;
const ERR_TEMPORAL_CALLBACK_FAILURE: i32 = -521;
const ERR_FRAME_SIZE: i32 = -522;
const ERR_HEADER_COMP: i32 = -523;
const ERR_FLOW_CONTROL: i32 = -524;
const ERR_SESSION_CLOSING: i32 = -530;
const ERR_HTTP_HEADER: i32 = -531;
const ERR_HTTP_MESSAGING: i32 = -532;
const ERR_REFUSED_STREAM: i32 = -533;
const ERR_SETTINGS_EXPECTED: i32 = -536;
const ERR_CALLBACK_FAILURE: i32 = -902;

// Error codes of the protocol's.
const PROTOCOL_ERROR: u32 = 1;
const INTERNAL_ERROR: u32 = 2;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const REFUSED_STREAM: u32 = 7;
const COMPRESSION_ERROR: u32 = 9;
const ENHANCE_YOUR_CALM: u32 = 11;

const GOAWAY_FRAME: u8 = 7;
const FLAG_END_STREAM: u8 = 1;
const TOO_MANY_INVALID_FRAMES: &str = "ERR_HTTP2_TOO_MANY_INVALID_FRAMES";

impl Session {
    /// Parses bytes from the socket.
    pub(super) fn on_bytes(&self, scope: &mut Scope<'_, '_>, bytes: &[u8]) {
        let Some(session) = self.rc() else { return };
        if self.library.is_running() {
            return;
        }
        session.scoped(scope, |scope| {
            session.charge(bytes.len());
            session.receive_error.set(None);
            session.phase.receiving.set(true);
            let mut receiver = Receiver {
                scope,
                session: Rc::clone(&session),
            };
            let outcome = session.library.receive(&mut receiver, bytes).unwrap_or(0);
            session.phase.receiving.set(false);
            session.refund(bytes.len());
            // Before sending, so that the GOAWAY does not follow what resets streams.
            session.finish_pending_close(scope);
            if outcome >= 0 {
                if !session.phase.destroyed.get() {
                    session.send_pending(scope);
                }
            } else {
                session.tell_receive_error(scope, i32::try_from(outcome).unwrap_or(i32::MIN));
            }
            session.maybe_stop_reading(scope);
        });
    }

    fn tell_receive_error(&self, scope: &mut Scope<'_, '_>, code: i32) {
        v8::scope!(let scope, scope);
        let name: Value<'_> = match self.receive_error.get() {
            Some(name) => scope.text(name).into(),
            None => scope.null(),
        };
        let args = [v8::Integer::new(scope, code).into(), name];
        self.call(scope, Callback::Error, &args);
    }
}

/// Who the library tells, while it runs.
pub(super) struct Receiver<'a, 's, 'i> {
    pub(super) scope: &'a mut Scope<'s, 'i>,
    pub(super) session: Rc<Session>,
}

impl Events for Receiver<'_, '_, '_> {
    fn on_begin_headers(&mut self, id: i32, category: i32) -> i32 {
        let session = Rc::clone(&self.session);
        if let Some(stream) = session.stream(id) {
            stream.start_headers(&session, category);
            return 0;
        }
        if session.phase.closing.get() {
            session.library.submit_rst_stream(id, REFUSED_STREAM);
            return ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        v8::scope!(let scope, self.scope);
        if session.can_add_stream() && Stream::create(scope, &session, id, category, 0).is_ok() {
            session.rejected_streams.set(0);
            return 0;
        }
        if session.count_rejected_stream() {
            return ERR_CALLBACK_FAILURE;
        }
        session.library.submit_rst_stream(id, ENHANCE_YOUR_CALM);
        ERR_TEMPORAL_CALLBACK_FAILURE
    }

    fn on_header(&mut self, id: i32, name: &[u8], value: &[u8], flags: u8) -> i32 {
        let Some(stream) = self.session.stream(id) else {
            return ERR_TEMPORAL_CALLBACK_FAILURE;
        };
        if !stream.is_destroyed() && !stream.add_header(&self.session, name, value, flags) {
            stream.reset(self.scope, ENHANCE_YOUR_CALM);
            return ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        0
    }

    fn on_frame(&mut self, frame: Frame<'_>) -> i32 {
        match frame {
            Frame::Data { stream, flags, len } => return self.on_data_frame(stream, flags, len),
            Frame::Headers { stream, flags } => self.on_headers(stream, flags),
            Frame::Priority {
                stream,
                parent,
                weight,
                exclusive,
            } => self.on_priority(stream, parent, weight, exclusive),
            Frame::Settings { is_ack, entries } => self.on_settings(is_ack, &entries),
            Frame::Ping { is_ack, data } => self.on_ping(is_ack, data),
            Frame::Goaway {
                code,
                last_stream,
                data,
            } => self.on_goaway(code, last_stream, data),
            Frame::AltSvc {
                stream,
                origin,
                value,
            } => self.on_altsvc(stream, origin, value),
            Frame::Origin(origins) => self.on_origin(&origins),
            Frame::Other => {}
        }
        0
    }

    fn on_invalid_frame(&mut self, code: i32) -> i32 {
        if self.session.count_invalid_frame() {
            self.session
                .receive_error
                .set(Some(TOO_MANY_INVALID_FRAMES));
            return 1;
        }
        if nghttp2::is_fatal(code)
            || matches!(code, ERR_STREAM_CLOSED | ERR_FLOW_CONTROL | ERR_PROTO)
        {
            self.session.tell_error(self.scope, code);
        }
        0
    }

    fn on_frame_not_sent(&mut self, stream: i32, kind: u8, code: i32) {
        if matches!(
            code,
            ERR_SESSION_CLOSING | ERR_STREAM_CLOSED | ERR_STREAM_CLOSING
        ) {
            if let Some(stream) = self.session.stream(stream) {
                stream.forget_headers(&self.session);
            }
            // A GOAWAY that could not be sent is the last chance to close from this side.
            if kind != GOAWAY_FRAME {
                return;
            }
        }
        v8::scope!(let scope, self.scope);
        let args = [
            v8::Integer::new(scope, stream).into(),
            v8::Integer::new(scope, i32::from(kind)).into(),
            scope.number(f64::from(protocol_code(code))),
        ];
        self.session.call(scope, Callback::FrameError, &args);
    }

    fn on_frame_sent(&mut self, kind: u8) {
        let phase = &self.session.phase;
        // A GOAWAY nobody here asked for: the library ended the session.
        if kind == GOAWAY_FRAME
            && !phase.closing.get()
            && !phase.destroyed.get()
            && !phase.graceful_close.get()
            && !phase.goaway_initiated.get()
        {
            phase.goaway_by_library.set(true);
        }
    }

    fn on_stream_close(&mut self, id: i32, code: u32) {
        let Some(stream) = self
            .session
            .stream(id)
            .filter(|stream| !stream.is_destroyed())
        else {
            return;
        };
        stream.closed(code);
        v8::scope!(let scope, self.scope);
        let Some(object) = stream.core().object(scope) else {
            return;
        };
        let args = [scope.number(f64::from(code))];
        let answer = call(
            scope,
            object,
            Callback::StreamClose,
            &args,
            &stream.context(),
        );
        // JavaScript never got to know the stream, or threw.
        if answer.is_none_or(|answer| answer.is_false()) {
            stream.destroy(scope);
        }
    }

    fn on_data(&mut self, id: i32, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.session.library.consume_connection(bytes.len());
        let Some(stream) = self
            .session
            .stream(id)
            .filter(|stream| !stream.is_destroyed())
        else {
            return;
        };
        v8::scope!(let scope, self.scope);
        stream
            .core()
            .emit_read(scope, StreamRead::Bytes(bytes.to_vec()));
        if !stream.is_destroyed() {
            stream.took(&self.session, bytes.len());
        }
    }

    fn on_error(&mut self, code: i32) {
        if code == ERR_SETTINGS_EXPECTED {
            self.session.tell_error(self.scope, ERR_PROTO);
        }
    }

    fn on_read(&mut self, id: i32, room: usize) -> Read {
        let Some(stream) = self.session.stream(id) else {
            return Read::Deferred;
        };
        v8::scope!(let scope, self.scope);
        stream.on_read(scope, &self.session, room)
    }

    fn on_send_data(&mut self, id: i32, header: [u8; 9], padding: usize, len: usize) {
        let mut outgoing = self.session.outgoing.borrow_mut();
        let (bytes, requests) = &mut *outgoing;
        bytes.extend_from_slice(&header);
        let pad = padding.saturating_sub(1).min(255);
        if padding > 0 {
            bytes.push(u8::try_from(pad).unwrap_or(u8::MAX));
        }
        let taken = match self.session.stream(id) {
            Some(stream) => stream.take_outgoing(len, bytes, requests),
            None => 0,
        };
        // The frame's header has promised so many bytes.
        bytes.resize(bytes.len() + len.saturating_sub(taken), 0);
        if padding > 0 {
            bytes.resize(bytes.len() + pad, 0);
        }
    }
}

/// The protocol's error code for an error of the library's.
fn protocol_code(code: i32) -> u32 {
    match code {
        ERR_STREAM_CLOSED => STREAM_CLOSED,
        ERR_HEADER_COMP => COMPRESSION_ERROR,
        ERR_FRAME_SIZE => FRAME_SIZE_ERROR,
        ERR_FLOW_CONTROL => FLOW_CONTROL_ERROR,
        ERR_REFUSED_STREAM => REFUSED_STREAM,
        ERR_PROTO | ERR_HTTP_HEADER | ERR_HTTP_MESSAGING => PROTOCOL_ERROR,
        _ => INTERNAL_ERROR,
    }
}

impl Receiver<'_, '_, '_> {
    fn on_data_frame(&mut self, id: i32, flags: u8, len: usize) -> i32 {
        let stream = self
            .session
            .stream(id)
            .filter(|stream| !stream.is_destroyed());
        if let Some(stream) = stream
            && flags & FLAG_END_STREAM != 0
        {
            v8::scope!(let scope, self.scope);
            stream.core().emit_read(scope, StreamRead::Failed(UV_EOF));
        } else if len == 0 && self.session.count_invalid_frame() {
            // A flood of empty frames that end nothing.
            self.session
                .receive_error
                .set(Some(TOO_MANY_INVALID_FRAMES));
            return 1;
        }
        0
    }

    fn on_headers(&mut self, id: i32, flags: u8) {
        let Some(stream) = self
            .session
            .stream(id)
            .filter(|stream| !stream.is_destroyed())
        else {
            return;
        };
        v8::scope!(let scope, self.scope);
        let Some(object) = stream.core().object(scope) else {
            return;
        };
        let Ok((headers, sensitive)) = stream.take_headers(scope) else {
            return;
        };
        let args = [
            object.into(),
            v8::Integer::new(scope, id).into(),
            v8::Integer::new(scope, stream.category()).into(),
            v8::Integer::new(scope, i32::from(flags)).into(),
            headers,
            sensitive,
        ];
        self.session.call(scope, Callback::Headers, &args);
    }

    fn on_priority(&mut self, id: i32, parent: i32, weight: i32, exclusive: bool) {
        if !self.session.has_priority_listeners() {
            return;
        }
        v8::scope!(let scope, self.scope);
        let args = [
            v8::Integer::new(scope, id).into(),
            v8::Integer::new(scope, parent).into(),
            v8::Integer::new(scope, weight).into(),
            scope.boolean(exclusive),
        ];
        self.session.call(scope, Callback::Priority, &args);
    }

    fn on_settings(&mut self, is_ack: bool, entries: &[nghttp2::Setting]) {
        if is_ack {
            let sent = self.session.sent_settings.borrow_mut().pop_front();
            match sent {
                Some(sent) => sent.done(self.scope, true, None),
                None => self.session.tell_error(self.scope, ERR_PROTO),
            }
            return;
        }
        self.session.clear_bit(REMOTE_SETTINGS_ARE_UP_TO_DATE);
        settings::update_custom(&mut self.session.remote_custom.borrow_mut(), entries);
        if self.session.has_bit(HAS_REMOTE_SETTINGS_LISTENERS) {
            v8::scope!(let scope, self.scope);
            self.session.call(scope, Callback::Settings, &[]);
        }
    }

    fn on_ping(&mut self, is_ack: bool, data: [u8; 8]) {
        if is_ack {
            let ping = self.session.pings.borrow_mut().pop_front();
            match ping {
                Some(ping) => ping.done(self.scope, true, Some(data)),
                // An answer to nothing: the peer is broken or hostile.
                None => self.session.tell_error(self.scope, ERR_PROTO),
            }
            return;
        }
        if !self.session.has_bit(HAS_PING_LISTENERS) {
            return;
        }
        v8::scope!(let scope, self.scope);
        if let Some(buffer) = new_node_buffer(scope, data.to_vec()) {
            self.session.call(scope, Callback::Ping, &[buffer.into()]);
        }
    }

    fn on_goaway(&mut self, code: u32, last_stream: i32, data: &[u8]) {
        v8::scope!(let scope, self.scope);
        let data: Value<'_> = if data.is_empty() {
            scope.undefined()
        } else {
            new_node_buffer(scope, data.to_vec()).map_or_else(|| scope.undefined(), Into::into)
        };
        let args = [
            scope.number(f64::from(code)),
            v8::Integer::new(scope, last_stream).into(),
            data,
        ];
        self.session.call(scope, Callback::GoawayData, &args);
    }

    fn on_altsvc(&mut self, id: i32, origin: &[u8], value: &[u8]) {
        if !self.session.has_bit(HAS_ALTSVC_LISTENERS) {
            return;
        }
        v8::scope!(let scope, self.scope);
        let (Ok(origin), Ok(value)) = (scope.latin1(origin), scope.latin1(value)) else {
            return;
        };
        let args = [
            v8::Integer::new(scope, id).into(),
            origin.into(),
            value.into(),
        ];
        self.session.call(scope, Callback::AltSvc, &args);
    }

    fn on_origin(&mut self, origins: &[&[u8]]) {
        v8::scope!(let scope, self.scope);
        let origins: Result<Vec<Value<'_>>, Failure> = origins
            .iter()
            .map(|origin| Ok(scope.latin1(origin)?.into()))
            .collect();
        if let Ok(origins) = origins {
            let list = scope.array(&origins).into();
            self.session.call(scope, Callback::Origin, &[list]);
        }
    }
}

/// The category of headers that open no stream; see `Stream::create`.
const _: () = assert!(CATEGORY_HEADERS == 3);
