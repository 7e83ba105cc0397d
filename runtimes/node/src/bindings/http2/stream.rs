//! `Http2Stream`: one stream of a session, and a stream resource: JavaScript reads and writes it as any other.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use cenote_abi::Errno;

use super::session::{STREAM_COST, Session, header_list, int32, uint32};
use super::{Callback, call, settings};
use crate::bindings::stream_base::{
    StreamCore, StreamRequest, StreamResource, UV_EOF, Write, Wrote, with_stream_methods,
};
use crate::event_loop::CallContext;
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo};
use crate::glue::nghttp2::{Read, StreamFacts};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Return, Scope, ScopeExt, Value, attach,
    new_instance,
};

pub(super) static HTTP2_STREAM: Class = with_stream_methods(
    Class::new("Http2Stream", new_stream)
        .extends(&ASYNC_WRAP)
        .method("id", id)
        .method("destroy", destroy)
        .method("priority", priority)
        .method("pushPromise", push_promise)
        .method("info", info)
        .method("trailers", trailers)
        .method("respond", respond)
        .method("rstStream", rst_stream)
        .method("refreshState", refresh_state),
);

/// The stream has no body.
pub(super) const OPTION_EMPTY_PAYLOAD: i32 = 1;
/// JavaScript wants to give trailers.
const OPTION_GET_TRAILERS: i32 = 2;
/// `NGHTTP2_HCAT_HEADERS`.
pub(super) const CATEGORY_HEADERS: i32 = 3;
/// The protocol's code of a stream that is not wanted any more.
const CANCEL: u32 = 8;
const REFUSED_STREAM: u32 = 7;
const ERR_STREAM_CLOSED: i32 = -510;
/// The most bytes of headers, whatever the settings say.
const MAX_HEADER_BYTES: usize = 16_777_215;
/// Counted for each header beside its bytes, as the protocol does.
const HEADER_COST: usize = 32;
const FLAG_NO_INDEX: u8 = 1;

/// Bytes that wait to be sent, and who wants to know.
struct Queued {
    bytes: Vec<u8>,
    sent: usize,
    request: Option<StreamRequest>,
}

struct Header {
    name: Vec<u8>,
    value: Vec<u8>,
    flags: u8,
}

/// A stream.
pub(super) struct Stream {
    this: Weak<Self>,
    info: AsyncInfo,
    core: StreamCore,
    session: Weak<Session>,
    id: i32,
    is_destroyed: Cell<bool>,
    is_writable: Cell<bool>,
    is_reading: Cell<bool>,
    has_trailers: Cell<bool>,
    code: Cell<u32>,
    category: Cell<i32>,
    headers: RefCell<Vec<Header>>,
    header_bytes: Cell<usize>,
    /// Bytes of headers that JavaScript holds while the stream lives.
    kept_header_bytes: Cell<usize>,
    max_header_bytes: usize,
    queue: RefCell<VecDeque<Queued>>,
    available: Cell<usize>,
    taken_while_paused: Cell<usize>,
}

impl Native for Stream {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn stream(&self) -> Option<&dyn StreamResource> {
        Some(self)
    }
}

/// Streams are made by sessions; one made by JavaScript is an object without a stream.
fn new_stream<'s>(_: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(().into())
}

impl Stream {
    /// A new stream of a session, and its object, which is kept until the stream is destroyed.
    pub(super) fn create<'s>(
        scope: &mut Scope<'s, '_>,
        session: &Rc<Session>,
        id: i32,
        category: i32,
        options: i32,
    ) -> Result<(Rc<Self>, Object<'s>), Failure> {
        let object = new_instance(scope, &HTTP2_STREAM, &[])?;
        let info = AsyncInfo::new(scope, object, "HTTP2STREAM");
        let max = session
            .library
            .local_setting(settings::MAX_HEADER_LIST_SIZE) as usize;
        let stream = Rc::new_cyclic(|weak| Self {
            this: weak.clone(),
            info,
            core: StreamCore::default(),
            session: Rc::downgrade(session),
            id,
            is_destroyed: Cell::new(false),
            is_writable: Cell::new(options & OPTION_EMPTY_PAYLOAD == 0),
            is_reading: Cell::new(false),
            has_trailers: Cell::new(options & OPTION_GET_TRAILERS != 0),
            code: Cell::new(0),
            category: Cell::new(category),
            headers: RefCell::default(),
            header_bytes: Cell::new(0),
            kept_header_bytes: Cell::new(0),
            max_header_bytes: max.min(MAX_HEADER_BYTES),
            queue: RefCell::default(),
            available: Cell::new(0),
            taken_while_paused: Cell::new(0),
        });
        let number = attach(scope, object, Rc::clone(&stream));
        stream.core.set_number(number);
        scope.env().natives().keep(scope, object);
        session.streams.borrow_mut().insert(id, Rc::clone(&stream));
        session.charge(STREAM_COST);
        Ok((stream, object))
    }

    /// Whether it can be used no more.
    pub(super) fn is_destroyed(&self) -> bool {
        self.is_destroyed.get()
    }

    /// The async context of its callbacks.
    pub(super) fn context(&self) -> CallContext {
        CallContext::of(&self.info)
    }

    /// What kind of headers came last.
    pub(super) fn category(&self) -> i32 {
        self.category.get()
    }

    /// A block of headers begins.
    pub(super) fn start_headers(&self, session: &Session, category: i32) {
        if !self.is_destroyed() {
            self.forget_headers(session);
            self.category.set(category);
        }
    }

    /// Lets go of the headers that JavaScript did not get.
    pub(super) fn forget_headers(&self, session: &Session) {
        self.headers.borrow_mut().clear();
        session.refund(self.header_bytes.replace(0));
    }

    /// Adds a header; false when that is too much.
    pub(super) fn add_header(
        &self,
        session: &Session,
        name: &[u8],
        value: &[u8],
        flags: u8,
    ) -> bool {
        if name.is_empty() {
            return true;
        }
        let cost = name.len() + value.len() + HEADER_COST;
        let bytes = self.header_bytes.get().saturating_add(cost);
        let mut headers = self.headers.borrow_mut();
        if !session.has_memory(cost)
            || headers.len() >= session.limits.header_pairs
            || bytes > self.max_header_bytes
        {
            return false;
        }
        headers.push(Header {
            name: name.to_vec(),
            value: value.to_vec(),
            flags,
        });
        self.header_bytes.set(bytes);
        session.charge(cost);
        true
    }

    /// The headers as JavaScript wants them: `[name, value, …]`, and the names of those that must not be remembered.
    pub(super) fn take_headers<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
    ) -> Result<(Value<'s>, Value<'s>), Failure> {
        let headers = std::mem::take(&mut *self.headers.borrow_mut());
        let bytes = self.header_bytes.replace(0);
        self.kept_header_bytes
            .set(self.kept_header_bytes.get().saturating_add(bytes));
        let mut all = Vec::with_capacity(headers.len() * 2);
        let mut sensitive: Vec<Value<'s>> = Vec::new();
        for header in &headers {
            let name: Value<'s> = scope.latin1(&header.name)?.into();
            all.push(name);
            all.push(scope.latin1(&header.value)?.into());
            if header.flags & FLAG_NO_INDEX != 0 {
                sensitive.push(name);
            }
        }
        Ok((scope.array(&all).into(), scope.array(&sensitive).into()))
    }

    /// The library closed it.
    pub(super) fn closed(&self, code: u32) {
        self.code.set(code);
    }

    /// JavaScript got bytes: the window opens, at once or when it reads on.
    pub(super) fn took(&self, session: &Session, len: usize) {
        if self.is_reading.get() {
            session.library.consume_stream(self.id, len);
        } else {
            self.taken_while_paused
                .set(self.taken_while_paused.get().saturating_add(len));
        }
    }

    /// The library wants to send: how many bytes there are.
    pub(super) fn on_read(
        &self,
        scope: &mut Scope<'_, '_>,
        session: &Session,
        room: usize,
    ) -> Read {
        // An empty chunk is a way to hear when the stream wants data.
        loop {
            let finished = {
                let mut queue = self.queue.borrow_mut();
                if queue.front().is_some_and(|first| first.bytes.is_empty()) {
                    queue.pop_front()
                } else {
                    None
                }
            };
            match finished {
                Some(finished) => {
                    if let Some(request) = finished.request {
                        request.finish(scope, 0);
                    }
                }
                None => break,
            }
        }
        let count = self.available.get().min(room);
        if count > 0 {
            self.available.set(self.available.get() - count);
            session.refund(count);
        } else if self.is_writable.get() {
            return Read::Deferred;
        }
        let is_last = self.available.get() == 0 && !self.is_writable.get();
        let trailers_follow = is_last && self.has_trailers.replace(false);
        if trailers_follow && let Some(object) = self.core.object(scope) {
            call(
                scope,
                object,
                Callback::StreamTrailers,
                &[],
                &self.context(),
            );
        }
        Read::Bytes {
            count,
            is_last,
            trailers_follow,
        }
    }

    /// Moves queued bytes into a DATA frame, with the requests of those that are used up; how many.
    pub(super) fn take_outgoing(
        &self,
        len: usize,
        bytes: &mut Vec<u8>,
        requests: &mut Vec<StreamRequest>,
    ) -> usize {
        let mut queue = self.queue.borrow_mut();
        let mut left = len;
        while left > 0 {
            let Some(first) = queue.front_mut() else {
                break;
            };
            let rest = first.bytes.get(first.sent..).unwrap_or_default();
            let now = rest.get(..left).unwrap_or(rest);
            bytes.extend_from_slice(now);
            left -= now.len();
            first.sent += now.len();
            if first.sent < first.bytes.len() {
                break;
            }
            if let Some(done) = queue.pop_front() {
                requests.extend(done.request);
            }
        }
        len - left
    }

    /// Ends the stream with an error code. Node: `Http2Stream::SubmitRstStream`.
    pub(super) fn reset(&self, scope: &mut Scope<'_, '_>, code: u32) {
        let Some(session) = self.session.upgrade() else {
            return;
        };
        if self.is_destroyed() {
            return;
        }
        self.code.set(code);
        let later = || session.pending_resets.borrow_mut().push(self.id);
        if session.phase.receiving.get() && self.available.get() == 0 {
            if code == CANCEL {
                later();
            } else {
                self.flush_reset(scope);
            }
            return;
        }
        if session.phase.in_scope.get() && code == CANCEL {
            later();
            return;
        }
        if session.phase.in_scope.get() && code == REFUSED_STREAM {
            self.flush_reset(scope);
            return;
        }
        // What waits should be sent first: the library sends resets before everything else.
        if session.send_pending(scope) {
            self.flush_reset(scope);
        } else {
            later();
        }
    }

    /// Submits the frame that resets.
    pub(super) fn flush_reset(&self, scope: &mut Scope<'_, '_>) {
        let Some(session) = self.session.upgrade() else {
            return;
        };
        session
            .pending_resets
            .borrow_mut()
            .retain(|id| *id != self.id);
        session.scoped(scope, |_| {
            session.library.submit_rst_stream(self.id, self.code.get());
        });
    }

    /// Destroys it; what it holds goes in the loop's next turn.
    pub(super) fn destroy(&self, scope: &mut Scope<'_, '_>) {
        if self.is_destroyed.replace(true) {
            return;
        }
        let (Some(stream), Some(session)) = (self.this.upgrade(), self.session.upgrade()) else {
            return;
        };
        if session.phase.receiving.get() {
            // The library may still want to send what the stream has.
            scope
                .env()
                .event_loop()
                .complete(move |scope| stream.leave(scope));
            return;
        }
        self.leave(scope);
    }

    /// Leaves its session.
    fn leave(&self, scope: &mut Scope<'_, '_>) {
        let Some(session) = self.session.upgrade() else {
            return;
        };
        let is_reset_pending = session.pending_resets.borrow().contains(&self.id);
        if is_reset_pending {
            self.flush_reset(scope);
        }
        let is_ours = session
            .stream(self.id)
            .is_some_and(|stream| std::ptr::eq(Rc::as_ptr(&stream), self));
        if !is_ours {
            return;
        }
        let stream = session.streams.borrow_mut().remove(&self.id);
        self.forget_headers(&session);
        session.refund(self.kept_header_bytes.replace(0));
        session.refund(STREAM_COST);
        session.refund(self.available.replace(0));
        scope.env().event_loop().complete(move |scope| {
            if let Some(stream) = &stream {
                stream.let_go(scope);
            }
        });
    }

    /// Ends the writes that wait, and lets the object go.
    fn let_go(&self, scope: &mut Scope<'_, '_>) {
        let queue = std::mem::take(&mut *self.queue.borrow_mut());
        for request in queue.into_iter().filter_map(|queued| queued.request) {
            v8::scope!(let inner, scope);
            request.finish(inner, -Errno::ECANCELED.raw());
        }
        self.core.destroy(scope);
        if let Some(object) = self.core.object(scope) {
            scope.env().natives().release(scope, object);
        }
    }

    fn resume(&self, scope: &mut Scope<'_, '_>, session: &Session) {
        session.scoped(scope, |_| session.library.resume(self.id));
    }
}

impl StreamResource for Stream {
    fn core(&self) -> &StreamCore {
        &self.core
    }

    fn read_start(&self, scope: &mut Scope<'_, '_>) -> i32 {
        self.is_reading.set(true);
        if let Some(session) = self.session.upgrade() {
            let taken = self.taken_while_paused.replace(0);
            session.scoped(scope, |_| session.library.consume_stream(self.id, taken));
        }
        0
    }

    fn read_stop(&self, _scope: &mut Scope<'_, '_>) -> i32 {
        self.is_reading.set(false);
        0
    }

    fn write(&self, scope: &mut Scope<'_, '_>, write: Write) -> Result<Wrote, i32> {
        let session = self.session.upgrade().ok_or(UV_EOF)?;
        if self.is_destroyed() || !self.is_writable.get() {
            return Err(UV_EOF);
        }
        let len = write.bytes.len();
        self.queue.borrow_mut().push_back(Queued {
            bytes: write.bytes,
            sent: 0,
            request: Some(write.request),
        });
        self.available.set(self.available.get().saturating_add(len));
        session.charge(len);
        self.resume(scope, &session);
        Ok(Wrote::Later)
    }

    /// Always done at once: 1.
    fn shutdown(&self, scope: &mut Scope<'_, '_>, _request: StreamRequest) -> i32 {
        let Some(session) = self.session.upgrade() else {
            return -Errno::EPIPE.raw();
        };
        if self.is_destroyed() {
            return -Errno::EPIPE.raw();
        }
        self.is_writable.set(false);
        self.resume(scope, &session);
        1
    }

    fn is_alive(&self) -> bool {
        !self.is_destroyed()
    }

    fn queued(&self) -> usize {
        self.available.get()
    }
}

/// The stream behind the receiver, and its session.
fn stream_and_session<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
) -> Result<(Rc<Stream>, Option<Rc<Session>>), Failure> {
    let stream = args.native::<Stream>(scope)?;
    let session = stream.session.upgrade().filter(|_| !stream.is_destroyed());
    Ok((stream, session))
}

fn id<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(args.native::<Stream>(scope)?.id.into())
}

fn destroy<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<Stream>(scope)?.destroy(scope);
    Ok(().into())
}

/// `priority(parent, weight, exclusive, silent)`.
fn priority<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (stream, session) = stream_and_session(scope, args)?;
    let spec = (
        int32(scope, args.get(0))?,
        int32(scope, args.get(1))?,
        args.get(2).is_true(),
    );
    // A silent change has no meaning: the library keeps no priorities.
    if let Some(session) = session
        && !args.get(3).is_true()
    {
        session.scoped(scope, |_| session.library.submit_priority(stream.id, spec));
    }
    Ok(().into())
}

/// `pushPromise(headers, options)`: the promised stream, or an error number.
fn push_promise<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (stream, session) = stream_and_session(scope, args)?;
    let headers = header_list(scope, args, 0)?;
    let options = int32(scope, args.get(1))?;
    let Some(session) = session else {
        return Ok(ERR_STREAM_CLOSED.into());
    };
    session.scoped(scope, |scope| {
        let id = session.library.submit_push_promise(stream.id, &headers);
        if id <= 0 {
            return Ok(id.into());
        }
        let (_, object) = Stream::create(scope, &session, id, CATEGORY_HEADERS, options)?;
        Ok(object.into())
    })
}

fn info<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (stream, session) = stream_and_session(scope, args)?;
    let headers = header_list(scope, args, 0)?;
    Ok(session.map_or(ERR_STREAM_CLOSED.into(), |session| {
        session
            .scoped(scope, |_| session.library.submit_info(stream.id, &headers))
            .into()
    }))
}

fn trailers<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (stream, session) = stream_and_session(scope, args)?;
    let headers = header_list(scope, args, 0)?;
    Ok(session.map_or(ERR_STREAM_CLOSED.into(), |session| {
        session
            .scoped(scope, |_| {
                session.library.submit_trailers(stream.id, &headers)
            })
            .into()
    }))
}

/// `respond(headers, options)`.
fn respond<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (stream, session) = stream_and_session(scope, args)?;
    let headers = header_list(scope, args, 0)?;
    let options = int32(scope, args.get(1))?;
    let Some(session) = session else {
        return Ok(ERR_STREAM_CLOSED.into());
    };
    if options & OPTION_GET_TRAILERS != 0 {
        stream.has_trailers.set(true);
    }
    let has_body = options & OPTION_EMPTY_PAYLOAD == 0 && stream.is_writable.get();
    Ok(session
        .scoped(scope, |_| {
            session
                .library
                .submit_response(stream.id, &headers, has_body)
        })
        .into())
}

fn rst_stream<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let stream = args.native::<Stream>(scope)?;
    let code = uint32(scope, args.get(0))?;
    stream.reset(scope, code);
    Ok(().into())
}

fn refresh_state<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const IDLE: u32 = 1;
    let stream = args.native::<Stream>(scope)?;
    let field = scope.env().field(scope, "http2", "streamState")?;
    let facts = stream
        .session
        .upgrade()
        .and_then(|session| session.library.stream_facts(stream.id))
        .unwrap_or(StreamFacts {
            state: IDLE,
            weight: 0,
            sum_dependency_weight: 0,
            local_close: 0,
            remote_close: 0,
            local_window_size: 0,
        });
    let values = [
        f64::from(facts.state),
        f64::from(facts.weight),
        f64::from(facts.sum_dependency_weight),
        f64::from(facts.local_close),
        f64::from(facts.remote_close),
        f64::from(facts.local_window_size),
    ];
    for (index, value) in values.into_iter().enumerate() {
        field.set(index, value);
    }
    Ok(Return::Undefined)
}
