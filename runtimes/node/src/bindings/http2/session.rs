//! `Http2Session`: one connection. It listens to the socket's stream, and writes to it natively.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};

use super::settings::{self, Custom, element};
use super::stream::Stream;
use super::{Callback, call};
use crate::bindings::stream_base::{
    ListenerId, StreamListener, StreamRead, StreamRequest, stream_of,
};
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo};
use crate::event_loop::{CallContext, make_callback, make_callback_in};
use crate::glue::nghttp2::{self, HeaderList, OriginList, Padding, SessionOptions};
use crate::glue::{
    Args, BindingResult, Class, Failure, Field, Native, Object, Return, Scope, ScopeExt, Value,
    attach, copy_bytes, new_node_buffer,
};
use crate::shapes::Element;

pub(super) static HTTP2_SESSION: Class = Class::new("Http2Session", new_session)
    .extends(&ASYNC_WRAP)
    .method("origin", origin)
    .method("altsvc", altsvc)
    .method("ping", ping)
    .method("consume", consume)
    .method("receive", receive)
    .method("destroy", destroy)
    .method("goaway", goaway)
    .method("hasPendingData", has_pending_data)
    .method("settings", submit_settings)
    .method("request", request)
    .method("setNextStreamID", set_next_stream_id)
    .method("setLocalWindowSize", set_local_window_size)
    .method("updateChunksSent", update_chunks_sent)
    .method("refreshState", refresh_state)
    .method("localSettings", local_settings)
    .method("remoteSettings", remote_settings)
    .method("setGracefulClose", set_graceful_close);

// The bytes of `handle.fields`.
const BITFIELD: usize = 0;
const PRIORITY_LISTENERS: usize = 1;
const MAX_INVALID_FRAMES: usize = 4;
const MAX_REJECTED_STREAMS: usize = 8;
const FIELD_BYTES: usize = 12;
/// Bits of the first of them.
pub(super) const HAS_REMOTE_SETTINGS_LISTENERS: u8 = 0;
pub(super) const REMOTE_SETTINGS_ARE_UP_TO_DATE: u8 = 1;
pub(super) const HAS_PING_LISTENERS: u8 = 2;
pub(super) const HAS_ALTSVC_LISTENERS: u8 = 3;

/// Counted for a stream in the session's memory.
pub(super) const STREAM_COST: usize = 768;

/// What a session allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) header_pairs: usize,
    pings: usize,
    settings: usize,
    memory: usize,
}

/// Where a session is. See `Http2Session`'s flags in Node.
#[derive(Debug, Default)]
pub(super) struct Phase {
    pub(super) in_scope: Cell<bool>,
    pub(super) sending: Cell<bool>,
    pub(super) receiving: Cell<bool>,
    pub(super) write_scheduled: Cell<bool>,
    pub(super) write_in_progress: Cell<bool>,
    pub(super) reading_stopped: Cell<bool>,
    pub(super) closing: Cell<bool>,
    pub(super) destroyed: Cell<bool>,
    pub(super) graceful_close: Cell<bool>,
    pub(super) goaway_initiated: Cell<bool>,
    pub(super) goaway_by_library: Cell<bool>,
    /// A close that waits until what was received is parsed: its code, and whether the socket is closed.
    pending_close: Cell<Option<(u32, bool)>>,
}

/// A PING or SETTINGS frame that was sent and is not acknowledged.
pub(super) struct Outstanding {
    object: v8::Global<v8::Object>,
    info: AsyncInfo,
    callback: v8::Global<v8::Function>,
    start: u64,
}

impl Outstanding {
    fn new<'s>(
        scope: &mut Scope<'s, '_>,
        provider: &'static str,
        callback: v8::Local<'s, v8::Function>,
    ) -> Self {
        let object = scope.object();
        let info = AsyncInfo::new(scope, object, provider);
        Self {
            object: v8::Global::new(scope, object),
            info,
            callback: v8::Global::new(scope, callback),
            start: now(scope),
        }
    }

    /// Tells whether it was acknowledged, after how many milliseconds, and with which payload.
    #[expect(clippy::cast_precision_loss, reason = "a time fits a double")]
    pub(super) fn done(&self, scope: &mut Scope<'_, '_>, ack: bool, payload: Option<[u8; 8]>) {
        v8::scope!(let scope, scope);
        let object = v8::Local::new(scope, &self.object);
        let callback = v8::Local::new(scope, &self.callback);
        let duration = now(scope).saturating_sub(self.start) as f64 / 1e6;
        let payload: Value<'_> = payload
            .and_then(|bytes| new_node_buffer(scope, bytes.to_vec()))
            .map_or_else(|| scope.undefined(), Into::into);
        let args = [scope.boolean(ack), scope.number(duration), payload];
        make_callback_in(scope, object, callback, &args, &CallContext::of(&self.info));
        // It is told once, and then of no more use.
        self.info.destroy(scope);
    }
}

/// The stream under a session.
pub(super) struct Underlying {
    pub(super) native: Weak<dyn Native>,
    pub(super) listener: ListenerId,
}

/// A session.
pub(super) struct Session {
    this: Weak<Self>,
    info: AsyncInfo,
    number: Cell<i32>,
    pub(super) library: nghttp2::Session,
    fields: Field,
    pub(super) limits: Limits,
    pub(super) phase: Phase,
    pub(super) streams: RefCell<BTreeMap<i32, Rc<Stream>>>,
    pub(super) underlying: RefCell<Option<Underlying>>,
    /// Bytes gathered for one write to the socket, and who wants to know when they are written.
    pub(super) outgoing: RefCell<(Vec<u8>, Vec<StreamRequest>)>,
    pub(super) pending_resets: RefCell<Vec<i32>>,
    pub(super) pings: RefCell<VecDeque<Outstanding>>,
    pub(super) sent_settings: RefCell<VecDeque<Outstanding>>,
    local_custom: RefCell<Custom>,
    pub(super) remote_custom: RefCell<Custom>,
    pub(super) invalid_frames: Cell<u32>,
    pub(super) rejected_streams: Cell<u32>,
    pub(super) receive_error: Cell<Option<&'static str>>,
    pub(super) chunks_sent: Cell<u32>,
    memory: Cell<usize>,
}

impl Native for Session {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

/// Monotonic nanoseconds.
pub(super) fn now(scope: &Scope<'_, '_>) -> u64 {
    let now = scope.env().clock().now().since_boot().as_nanos();
    u64::try_from(now).unwrap_or(u64::MAX)
}

fn new_session<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const SERVER: i32 = 0;
    let is_server = args.i32(scope, 0)? == SERVER;
    let (options, mut limits) = given_options(scope)?;
    limits.header_pairs = limits.header_pairs.max(if is_server { 4 } else { 1 });
    let library = nghttp2::Session::new(is_server, &options).ok_or_else(|| {
        Failure::error("ERR_MEMORY_ALLOCATION_FAILED", "Failed to make a session")
    })?;
    let this = args.this();
    let remote_custom = settings::wanted_custom(scope)?;
    let initial = default_fields();
    let fields = Field::new(scope, Element::Uint8, FIELD_BYTES, &initial);
    let view = fields.view(scope);
    scope.set(this, "fields", view);
    let info = AsyncInfo::new(scope, this, "HTTP2SESSION");
    let session = Rc::new_cyclic(|weak| Session {
        this: weak.clone(),
        info,
        number: Cell::new(-1),
        library,
        fields,
        limits,
        phase: Phase::default(),
        streams: RefCell::default(),
        underlying: RefCell::default(),
        outgoing: RefCell::default(),
        pending_resets: RefCell::default(),
        pings: RefCell::default(),
        sent_settings: RefCell::default(),
        local_custom: RefCell::default(),
        remote_custom: RefCell::new(remote_custom),
        invalid_frames: Cell::new(0),
        rejected_streams: Cell::new(0),
        receive_error: Cell::new(None),
        chunks_sent: Cell::new(0),
        memory: Cell::new(0),
    });
    let number = attach(scope, this, Rc::clone(&session));
    session.number.set(number);
    Ok(().into())
}

/// At most 1000 invalid frames and 100 rejected streams.
fn default_fields() -> Vec<(usize, f64)> {
    let bytes = |at: usize, value: u32| {
        value
            .to_ne_bytes()
            .into_iter()
            .enumerate()
            .map(move |(index, byte)| (at + index, f64::from(byte)))
    };
    bytes(MAX_INVALID_FRAMES, 1000)
        .chain(bytes(MAX_REJECTED_STREAMS, 100))
        .collect()
}

/// The options JavaScript put into the options buffer.
fn given_options(scope: &mut Scope<'_, '_>) -> Result<(SessionOptions, Limits), Failure> {
    const FLAGS: usize = 13;
    const ALIGNED: u32 = 1;
    const MAX: u32 = 2;
    let buffer = scope.env().field(scope, "http2", "optionsBuffer")?;
    let flags = element(&buffer, FLAGS);
    let option = |index: usize| (flags & (1 << index) != 0).then(|| element(&buffer, index));
    let size = |index: usize, default: usize| option(index).map_or(default, |value| value as usize);
    let options = SessionOptions {
        max_deflate_dynamic_table_size: option(0),
        max_reserved_remote_streams: option(1),
        max_send_header_block_length: option(2),
        peer_max_concurrent_streams: option(3),
        max_settings: option(9),
        stream_reset_rate: option(11).zip(option(10)),
        no_strict_whitespace: option(12),
        padding: match option(4) {
            Some(ALIGNED) => Padding::Aligned,
            Some(MAX) => Padding::Max,
            _ => Padding::None,
        },
    };
    let limits = Limits {
        header_pairs: size(5, 128),
        pings: size(6, 10),
        settings: size(7, 10),
        memory: size(8, 10).saturating_mul(1_000_000),
    };
    Ok((options, limits))
}

impl Session {
    /// The JavaScript object, if it lives.
    pub(super) fn object<'s>(&self, scope: &Scope<'s, '_>) -> Option<Object<'s>> {
        scope.env().natives().object(scope, self.number.get())
    }

    /// Another owner.
    pub(super) fn rc(&self) -> Option<Rc<Self>> {
        self.this.upgrade()
    }

    /// A weak owner.
    pub(super) fn weak(&self) -> Weak<Self> {
        self.this.clone()
    }

    /// Calls one of JavaScript's functions on the session.
    pub(super) fn call<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        callback: Callback,
        args: &[Value<'s>],
    ) {
        if let Some(object) = self.object(scope) {
            call(scope, object, callback, args, &CallContext::of(&self.info));
        }
    }

    /// Calls a method of the session's object, if it has it.
    pub(super) fn call_method(&self, scope: &mut Scope<'_, '_>, name: &str) {
        v8::scope!(let scope, scope);
        if let Some(object) = self.object(scope) {
            make_callback(scope, object, name, &[], &CallContext::of(&self.info));
        }
    }

    /// The async context of its callbacks.
    pub(super) fn context(&self) -> CallContext {
        CallContext::of(&self.info)
    }

    /// Tells of an error of the whole session.
    pub(super) fn tell_error(&self, scope: &mut Scope<'_, '_>, code: i32) {
        v8::scope!(let scope, scope);
        let args = [v8::Integer::new(scope, code).into()];
        self.call(scope, Callback::Error, &args);
    }

    /// Whether a bit of the fields is set.
    pub(super) fn has_bit(&self, bit: u8) -> bool {
        element(&self.fields, BITFIELD) & (1 << bit) != 0
    }

    /// Clears a bit of the fields.
    pub(super) fn clear_bit(&self, bit: u8) {
        let bits = element(&self.fields, BITFIELD) & !(1 << bit);
        self.fields.set(BITFIELD, f64::from(bits));
    }

    /// Whether JavaScript listens for priorities.
    pub(super) fn has_priority_listeners(&self) -> bool {
        element(&self.fields, PRIORITY_LISTENERS) != 0
    }

    fn field_u32(&self, at: usize) -> u32 {
        let byte = |index: usize| self.fields.get(at + index);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the array's elements are bytes"
        )]
        u32::from_ne_bytes([byte(0) as u8, byte(1) as u8, byte(2) as u8, byte(3) as u8])
    }

    /// Counts an invalid frame; whether there were too many.
    pub(super) fn count_invalid_frame(&self) -> bool {
        let before = self.invalid_frames.get();
        self.invalid_frames.set(before.saturating_add(1));
        before > self.field_u32(MAX_INVALID_FRAMES)
    }

    /// Counts a refused stream; whether there were too many.
    pub(super) fn count_rejected_stream(&self) -> bool {
        let before = self.rejected_streams.get();
        self.rejected_streams.set(before.saturating_add(1));
        before > self.field_u32(MAX_REJECTED_STREAMS)
    }

    /// A stream.
    pub(super) fn stream(&self, id: i32) -> Option<Rc<Stream>> {
        self.streams.borrow().get(&id).cloned()
    }

    /// Whether another stream may be opened by the peer.
    pub(super) fn can_add_stream(&self) -> bool {
        let max = self.library.local_setting(settings::MAX_CONCURRENT_STREAMS) as usize;
        self.streams.borrow().len() < max && self.has_memory(STREAM_COST)
    }

    /// Whether there is room for so many bytes more.
    pub(super) fn has_memory(&self, amount: usize) -> bool {
        self.memory.get().saturating_add(amount) <= self.limits.memory
    }

    /// Counts bytes the session holds.
    pub(super) fn charge(&self, amount: usize) {
        self.memory.set(self.memory.get().saturating_add(amount));
    }

    /// Counts them no more.
    pub(super) fn refund(&self, amount: usize) {
        self.memory.set(self.memory.get().saturating_sub(amount));
    }

    /// The further settings of a side.
    pub(super) fn custom_settings(&self, local: bool) -> Custom {
        if local {
            self.local_custom.borrow().clone()
        } else {
            self.remote_custom.borrow().clone()
        }
    }

    /// Does something that may leave bytes to send, and sees to it that they are sent. Node: `Http2Scope`.
    pub(super) fn scoped<'s, R>(
        &self,
        scope: &mut Scope<'s, '_>,
        run: impl FnOnce(&mut Scope<'s, '_>) -> R,
    ) -> R {
        let is_outer = !self.phase.in_scope.get() && !self.phase.write_scheduled.get();
        if is_outer {
            self.phase.in_scope.set(true);
        }
        let result = run(scope);
        if is_outer {
            self.phase.in_scope.set(false);
            if !self.phase.write_scheduled.get() {
                self.schedule_write(scope);
            }
        }
        result
    }

    /// Stops reading from the socket.
    fn stop_reading(&self, scope: &mut Scope<'_, '_>) {
        self.phase.reading_stopped.set(true);
        self.with_underlying(scope, |scope, native| {
            if let Some(stream) = native.stream() {
                stream.read_stop(scope);
            }
        });
    }

    /// Reads from the socket again.
    pub(super) fn start_reading(&self, scope: &mut Scope<'_, '_>) {
        self.with_underlying(scope, |scope, native| {
            self.phase.reading_stopped.set(false);
            if let Some(stream) = native.stream() {
                stream.read_start(scope);
            }
        });
    }

    /// Does something with the socket's stream, if there still is one.
    pub(super) fn with_underlying<'s, R>(
        &self,
        scope: &mut Scope<'s, '_>,
        run: impl FnOnce(&mut Scope<'s, '_>, &Rc<dyn Native>) -> R,
    ) -> Option<R> {
        let native = self
            .underlying
            .borrow()
            .as_ref()
            .and_then(|underlying| underlying.native.upgrade())?;
        Some(run(scope, &native))
    }

    /// Whether the socket's stream is still there.
    pub(super) fn has_underlying(&self) -> bool {
        self.underlying
            .borrow()
            .as_ref()
            .is_some_and(|underlying| underlying.native.strong_count() > 0)
    }

    /// Stops reading when the library wants no more.
    pub(super) fn maybe_stop_reading(&self, scope: &mut Scope<'_, '_>) {
        // While closing, reading shows when the peer closes.
        if self.phase.reading_stopped.get() || self.phase.closing.get() {
            return;
        }
        if !self.library.wants_read() {
            self.stop_reading(scope);
        }
    }

    /// Closes the session; after what is being received is parsed.
    fn close(&self, scope: &mut Scope<'_, '_>, code: u32, socket_closed: bool) {
        if self.phase.closing.replace(true) {
            return;
        }
        if self.phase.receiving.get() {
            self.phase.pending_close.set(Some((code, socket_closed)));
            return;
        }
        self.finish_close(scope, code, socket_closed);
    }

    /// Closes it now, if that waited.
    pub(super) fn finish_pending_close(&self, scope: &mut Scope<'_, '_>) {
        if let Some((code, socket_closed)) = self.phase.pending_close.take()
            && !self.phase.destroyed.get()
        {
            self.finish_close(scope, code, socket_closed);
        }
    }

    fn finish_close(&self, scope: &mut Scope<'_, '_>, code: u32, socket_closed: bool) {
        self.stop_reading(scope);
        if !socket_closed {
            // The peer may never get this GOAWAY, but it should be tried.
            self.library.terminate(code);
            self.send_pending(scope);
        } else {
            let underlying = self.underlying.borrow_mut().take();
            if let Some(underlying) = underlying
                && let Some(native) = underlying.native.upgrade()
                && let Some(stream) = native.stream()
            {
                stream.core().remove_listener(underlying.listener);
            }
        }
        self.phase.destroyed.set(true);
        if !self.phase.write_in_progress.get() || !self.has_underlying() {
            self.call_method(scope, "ondone");
            // To see when the other end finishes.
            self.start_reading(scope);
        }
        let pings = std::mem::take(&mut *self.pings.borrow_mut());
        let env = scope.env();
        for ping in pings {
            env.event_loop()
                .complete(move |scope| ping.done(scope, false, None));
        }
    }

    /// Tells that a graceful close is complete, if it is.
    pub(super) fn tell_graceful_close(&self, scope: &mut Scope<'_, '_>) {
        if self.phase.graceful_close.get()
            && !self.library.wants_write()
            && !self.library.wants_read()
        {
            self.call_method(scope, "ongracefulclosecomplete");
        }
    }
}

/// What listens on the socket's stream.
struct Listener {
    session: Weak<Session>,
}

impl StreamListener for Listener {
    fn on_read(&self, scope: &mut Scope<'_, '_>, read: StreamRead) {
        let Some(session) = self.session.upgrade() else {
            return;
        };
        match read {
            StreamRead::Bytes(bytes) => session.on_bytes(scope, &bytes),
            failed @ StreamRead::Failed(_) => {
                let listener = session
                    .underlying
                    .borrow()
                    .as_ref()
                    .map(|underlying| underlying.listener);
                if let Some(listener) = listener {
                    session.with_underlying(scope, |scope, native| {
                        if let Some(stream) = native.stream() {
                            stream.core().emit_read_below(scope, listener, failed);
                        }
                    });
                }
            }
        }
    }

    fn on_destroy(&self, _scope: &mut Scope<'_, '_>) {
        if let Some(session) = self.session.upgrade() {
            let underlying = session.underlying.borrow_mut().take();
            drop(underlying);
        }
    }
}

/// `consume(handle)`: the session takes the socket over.
fn consume<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let native = stream_of(scope, args.object(0)?)
        .ok_or_else(|| Failure::type_error("ERR_INVALID_ARG_TYPE", "A session consumes streams"))?;
    let listener = Rc::new(Listener {
        session: session.weak(),
    });
    if let Some(stream) = native.stream() {
        let listener = stream.core().push_listener(listener);
        *session.underlying.borrow_mut() = Some(Underlying {
            native: Rc::downgrade(&native),
            listener,
        });
    }
    Ok(().into())
}

/// `receive(buffer)`: bytes that JavaScript had read before the session took over.
fn receive<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let bytes = copy_bytes(args.get(0)).ok_or_else(|| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "The first argument must be a buffer",
        )
    })?;
    if !bytes.is_empty() {
        session.on_bytes(scope, &bytes);
    }
    Ok(().into())
}

fn destroy<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let code = uint32(scope, args.get(0))?;
    session.close(scope, code, args.get(1).is_true());
    Ok(().into())
}

/// `goaway(code, lastStreamID, opaqueData)`.
fn goaway<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let code = uint32(scope, args.get(0))?;
    let mut last_stream = int32(scope, args.get(1))?;
    let data = copy_bytes(args.get(2)).unwrap_or_default();
    if session.phase.destroyed.get() {
        return Ok(().into());
    }
    session.phase.goaway_initiated.set(true);
    session.scoped(scope, |_| {
        if last_stream <= 0 {
            last_stream = session.library.last_proc_stream_id();
        }
        session.library.submit_goaway(code, last_stream, &data);
    });
    Ok(().into())
}

fn has_pending_data<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    Ok((session.library.wants_write() || session.library.wants_read()).into())
}

fn set_graceful_close<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    session.phase.graceful_close.set(true);
    Ok(().into())
}

/// `settings(callback)`: sends what the settings buffer says; whether it could.
fn submit_settings<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let callback = args.function(0)?;
    let outstanding = Outstanding::new(scope, "HTTP2SETTINGS", callback);
    let given = settings::given(scope)?;
    if session.sent_settings.borrow().len() >= session.limits.settings {
        outstanding.done(scope, false, None);
        return Ok(false.into());
    }
    settings::remember_custom(&mut session.local_custom.borrow_mut(), &given);
    session.scoped(scope, |_| session.library.submit_settings(&given));
    session.sent_settings.borrow_mut().push_back(outstanding);
    Ok(true.into())
}

/// `ping(payload, callback)`: whether it could.
fn ping<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let callback = args.function(1)?;
    let outstanding = Outstanding::new(scope, "HTTP2PING", callback);
    let payload: [u8; 8] = match copy_bytes(args.get(0)) {
        Some(bytes) => bytes.try_into().map_err(|_| {
            Failure::range_error(
                "ERR_HTTP2_PING_LENGTH",
                "HTTP2 ping payload must be 8 bytes",
            )
        })?,
        None => outstanding.start.to_ne_bytes(),
    };
    if session.pings.borrow().len() >= session.limits.pings {
        outstanding.done(scope, false, None);
        return Ok(false.into());
    }
    session.scoped(scope, |_| session.library.submit_ping(payload));
    session.pings.borrow_mut().push_back(outstanding);
    Ok(true.into())
}

/// Any value as a number of 32 bits, as `ToUint32` has it: `undefined` is 0.
pub(super) fn uint32(scope: &Scope<'_, '_>, value: Value<'_>) -> Result<u32, Failure> {
    value.uint32_value(scope).ok_or(Failure::Pending)
}

/// The same, signed.
pub(super) fn int32(scope: &Scope<'_, '_>, value: Value<'_>) -> Result<i32, Failure> {
    value.int32_value(scope).ok_or(Failure::Pending)
}

/// A header list as JavaScript packs it: `[text, count]`.
pub(super) fn header_list<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    index: usize,
) -> Result<HeaderList, Failure> {
    let pair = args.array(index)?;
    let text = pair.get_index(scope, 0).ok_or(Failure::Pending)?;
    let count = pair.get_index(scope, 1).ok_or(Failure::Pending)?;
    let count = count.uint32_value(scope).ok_or(Failure::Pending)?;
    let text = text.to_string(scope).ok_or(Failure::Pending)?;
    Ok(HeaderList::new(latin1(scope, text), count as usize))
}

/// The low byte of each unit of a string.
fn latin1(scope: &Scope<'_, '_>, text: v8::Local<'_, v8::String>) -> Vec<u8> {
    let mut units = vec![0; text.length()];
    text.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
    units
        .into_iter()
        .map(|unit| unit.to_le_bytes()[0])
        .collect()
}

/// `request(headers, options, parent, weight, exclusive)`: the new stream, or an error number.
fn request<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let headers = header_list(scope, args, 0)?;
    let options = int32(scope, args.get(1))?;
    let priority = (
        args.get(2).int32_value(scope).unwrap_or(0),
        args.get(3).int32_value(scope).unwrap_or(0),
        args.get(4).is_true(),
    );
    let has_body = options & super::stream::OPTION_EMPTY_PAYLOAD == 0;
    session.scoped(scope, |scope| {
        let id = session.library.submit_request(priority, &headers, has_body);
        if id <= 0 {
            return Ok(id.into());
        }
        let (_, object) = Stream::create(
            scope,
            &session,
            id,
            super::stream::CATEGORY_HEADERS,
            options,
        )?;
        Ok(object.into())
    })
}

fn set_next_stream_id<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let id = int32(scope, args.get(0))?;
    Ok((session.library.set_next_stream_id(id) >= 0).into())
}

fn set_local_window_size<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let size = int32(scope, args.get(0))?;
    Ok(session
        .scoped(scope, |_| session.library.set_local_window_size(size))
        .into())
}

fn update_chunks_sent<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let count = session.chunks_sent.get();
    let value = scope.number(f64::from(count));
    scope.set(args.this(), "chunksSentSinceLastWrite", value);
    Ok(Return::Uint(count))
}

fn refresh_state<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let field = scope.env().field(scope, "http2", "sessionState")?;
    for (index, value) in session.library.state().into_iter().enumerate() {
        field.set(index, value);
    }
    Ok(().into())
}

fn local_settings<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    settings::show(scope, &session, true)?;
    Ok(().into())
}

fn remote_settings<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    settings::show(scope, &session, false)?;
    Ok(().into())
}

/// `altsvc(stream, origin, value)`.
fn altsvc<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let id = int32(scope, args.get(0))?;
    let origin = latin1(scope, args.string(1)?);
    let value = latin1(scope, args.string(2)?);
    session.scoped(scope, |_| {
        session.library.submit_altsvc(id, &origin, &value)
    });
    Ok(().into())
}

/// `origin(text, count)`.
fn origin<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let session = args.native::<Session>(scope)?;
    let text = latin1(scope, args.string(0)?);
    let origins = OriginList::new(text, args.usize(1)?);
    session.scoped(scope, |_| session.library.submit_origin(&origins));
    Ok(().into())
}
