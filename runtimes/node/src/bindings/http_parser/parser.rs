//! `HTTPParser`: llhttp behind a JavaScript object, whose properties 0 to 5 are what the parser calls.
//!
//! Bytes are copied before they are parsed, as JavaScript runs meanwhile and may detach the buffer they came in. `initialize`
//! while the parser runs (a callback may do that) gives the object a new machine; what the old one still finds is dropped.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use super::connections::{ConnectionsList, Entry};
use super::message::{Message, Refusal};
use crate::bindings::stream_base::{ListenerId, StreamListener, StreamRead, stream_of};
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo};
use crate::event_loop::{CallContext, call_back};
use crate::glue::llhttp::{self, Event, Events, Machine, MessageKind, Verdict};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Return, Scope, ScopeExt, Value, attach,
    copy_bytes, native_of, new_node_buffer,
};

pub(super) static HTTP_PARSER: Class = Class::new("HTTPParser", new_parser)
    .extends(&ASYNC_WRAP)
    .method("close", close)
    .method("free", free)
    .method("remove", remove)
    .method("execute", execute)
    .method("finish", finish)
    .method("initialize", initialize)
    .method("pause", pause)
    .method("resume", resume)
    .method("consume", consume)
    .method("unconsume", unconsume)
    .method("getCurrentBuffer", get_current_buffer);

const ON_MESSAGE_BEGIN: u32 = 0;
const ON_HEADERS: u32 = 1;
const ON_HEADERS_COMPLETE: u32 = 2;
const ON_BODY: u32 = 3;
const ON_MESSAGE_COMPLETE: u32 = 4;
const ON_EXECUTE: u32 = 5;

/// The private property that has the message's async resource.
const RESOURCE: &str = "cenote:http_parser_resource";

/// A parser.
#[derive(Default)]
pub(super) struct Parser {
    info: AsyncInfo,
    number: Cell<i32>,
    machine: RefCell<Option<Rc<Machine>>>,
    message: RefCell<Message>,
    list: RefCell<Option<Rc<ConnectionsList>>>,
    /// When the message under way began, in nanoseconds; 0 when there is none.
    message_start: Cell<u64>,
    headers_completed: Cell<bool>,
    current: RefCell<Option<Rc<Vec<u8>>>>,
    consumed: RefCell<Option<Consumed>>,
    /// What `execute` and `finish` were given while the parser ran: it is parsed right after.
    deferred: RefCell<VecDeque<Option<Rc<Vec<u8>>>>>,
}

impl Native for Parser {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

impl Parser {
    /// Whether the head of the message under way is complete.
    pub(super) fn headers_completed(&self) -> bool {
        self.headers_completed.get()
    }

    fn entry(&self) -> Entry {
        (self.message_start.get(), self.number.get())
    }

    /// Moves to another place in the server's list.
    fn set_message_start(&self, start: u64) {
        let list = self.list.borrow().clone();
        if let Some(list) = &list {
            list.pop(self.entry());
        }
        self.message_start.set(start);
        if let Some(list) = &list {
            list.push(self.entry(), start != 0);
        }
    }

    fn leave_list(&self) {
        if let Some(list) = &*self.list.borrow() {
            list.pop(self.entry());
        }
    }

    /// The async context of its callbacks: the message's own resource.
    fn context<'s>(&self, scope: &Scope<'s, '_>, object: Object<'s>) -> CallContext {
        let resource = object
            .get_private(scope, scope.private(RESOURCE))
            .and_then(|value| v8::Local::<v8::Object>::try_from(value).ok())
            .map(|resource| v8::Global::new(scope, resource));
        CallContext::of(&self.info).with_resource(resource)
    }

    fn machine(&self) -> Result<Rc<Machine>, Failure> {
        self.machine.borrow().clone().ok_or_else(|| {
            Failure::error("ERR_INTERNAL_ASSERTION", "The parser is not initialized")
        })
    }

    fn is_current(&self, machine: &Machine) -> bool {
        self.machine
            .borrow()
            .as_ref()
            .is_some_and(|current| std::ptr::eq(Rc::as_ptr(current), machine))
    }
}

/// Kept on the JavaScript object, so that it keeps nothing alive by itself.
fn set_resource(scope: &Scope<'_, '_>, object: Object<'_>, resource: Value<'_>) {
    let _set = object.set_private(scope, scope.private(RESOURCE), resource);
}

/// The time by which connections expire, in nanoseconds.
pub(super) fn now(scope: &Scope<'_, '_>) -> u64 {
    let now = scope.env().steady_clock().now().since_boot().as_nanos();
    u64::try_from(now).unwrap_or(u64::MAX).max(1)
}

fn new_parser<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let parser = Rc::new(Parser::default());
    let number = attach(scope, args.this(), Rc::clone(&parser));
    parser.number.set(number);
    Ok(().into())
}

/// `initialize(type, resource, maxHeaderSize, lenientFlags, connectionsList)`.
fn initialize<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const REQUEST: i32 = 1;
    const RESPONSE: i32 = 2;
    const DEFAULT_MAX_HEADER_BYTES: u64 = 16 << 10;
    let parser = args.native::<Parser>(scope)?;
    let (kind, provider) = match args.i32(scope, 0)? {
        REQUEST => (MessageKind::Request, "HTTPINCOMINGMESSAGE"),
        RESPONSE => (MessageKind::Response, "HTTPCLIENTREQUEST"),
        _ => {
            return Err(Failure::type_error(
                "ERR_INVALID_ARG_VALUE",
                "A parser is for requests or responses",
            ));
        }
    };
    let resource = args.object(1)?;
    let mut max_header_bytes = if args.len() > 2 {
        u64::try_from(args.i64(2)?).unwrap_or(0)
    } else {
        0
    };
    if max_header_bytes == 0 {
        max_header_bytes = match scope.env().command_line().value("--max-http-header-size") {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a float cast saturates, which is what is wanted"
            )]
            Some(crate::options::OptionValue::Number(number)) => number as u64,
            _ => DEFAULT_MAX_HEADER_BYTES,
        };
    }
    let lenient = if args.len() > 3 {
        args.u32(scope, 3)?
    } else {
        0
    };
    let list = match v8::Local::<v8::Object>::try_from(args.get(4)) {
        Ok(object) => native_of::<ConnectionsList>(scope, object),
        Err(_) => None,
    };
    set_resource(scope, args.this(), resource.into());
    parser.info.reset(scope, resource, provider);
    let machine = Rc::new(Machine::new(kind, lenient));
    *parser.machine.borrow_mut() = Some(machine);
    *parser.message.borrow_mut() = Message::new(max_header_bytes);
    parser.headers_completed.set(false);
    parser.leave_list();
    let start = if list.is_some() { now(scope) } else { 0 };
    *parser.list.borrow_mut() = list;
    parser.set_message_start(start);
    Ok(().into())
}

/// Lets go of the parser's parts; the JavaScript object is of no more use.
fn close<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let parser = args.native::<Parser>(scope)?;
    parser.leave_list();
    parser.info.destroy(scope);
    *parser.list.borrow_mut() = None;
    let machine = parser.machine.borrow_mut().take();
    drop(machine);
    stop_consuming(&parser);
    set_resource(scope, args.this(), scope.undefined());
    *parser.message.borrow_mut() = Message::default();
    Ok(().into())
}

/// The message's async resource ends; the parser is used again.
fn free<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let parser = args.native::<Parser>(scope)?;
    parser.info.destroy(scope);
    set_resource(scope, args.this(), scope.undefined());
    Ok(().into())
}

fn remove<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<Parser>(scope)?.leave_list();
    Ok(().into())
}

fn pause<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<Parser>(scope)?.machine()?.pause();
    Ok(().into())
}

fn resume<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<Parser>(scope)?.machine()?.resume();
    Ok(().into())
}

fn get_current_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let parser = args.native::<Parser>(scope)?;
    let current = parser.current.borrow().clone();
    let bytes = current.map(|bytes| bytes.to_vec()).unwrap_or_default();
    Ok(new_node_buffer(scope, bytes)
        .ok_or(Failure::Pending)?
        .into())
}

/// `execute(buffer)`: how many bytes were parsed, or an error object.
fn execute<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let parser = args.native::<Parser>(scope)?;
    let bytes = copy_bytes(args.get(0)).ok_or_else(|| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "The first argument must be a buffer",
        )
    })?;
    let bytes = Rc::new(bytes);
    Ok(run(scope, args.this(), &parser, Some(&bytes))?.map_or(Return::Undefined, Return::Value))
}

/// `finish()`: nothing, or an error object.
fn finish<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let parser = args.native::<Parser>(scope)?;
    Ok(run(scope, args.this(), &parser, None)?.map_or(Return::Undefined, Return::Value))
}

/// Parses bytes, or the end of them. Gives how many bytes were parsed, an error object, or nothing at the end.
///
/// A callback may call this again: what it gives is parsed when the running call is done, and counts as parsed till then.
pub(super) fn run<'s>(
    scope: &mut Scope<'s, '_>,
    object: Object<'s>,
    parser: &Rc<Parser>,
    bytes: Option<&Rc<Vec<u8>>>,
) -> Result<Option<Value<'s>>, Failure> {
    const MAX_DEFERRED: usize = 16;
    const MAX_DEFERRED_BYTES: usize = 16 << 20;
    let machine = parser.machine()?;
    if machine.is_running() {
        let mut deferred = parser.deferred.borrow_mut();
        let waiting: usize = deferred.iter().flatten().map(|bytes| bytes.len()).sum();
        let more = bytes.map_or(0, |bytes| bytes.len());
        if deferred.len() >= MAX_DEFERRED || waiting.saturating_add(more) > MAX_DEFERRED_BYTES {
            return Err(Failure::error(
                "ERR_INTERNAL_ASSERTION",
                "The parser runs already",
            ));
        }
        deferred.push_back(bytes.cloned());
        return Ok(bytes.map(|bytes| parsed_number(scope, bytes.len())));
    }
    let mut result = run_once(scope, object, parser, &machine, bytes);
    loop {
        let next = parser.deferred.borrow_mut().pop_front();
        let Some(next) = next else { break };
        if result.is_err() || !parser.is_current(&machine) {
            parser.deferred.borrow_mut().clear();
            break;
        }
        match run_once(scope, object, parser, &machine, next.as_ref()) {
            Ok(Some(value)) if !value.is_number() => result = Ok(Some(value)),
            Ok(_) => {}
            Err(failure) => result = Err(failure),
        }
    }
    result
}

fn parsed_number<'s>(scope: &Scope<'s, '_>, len: usize) -> Value<'s> {
    scope.number(f64::from(u32::try_from(len).unwrap_or(u32::MAX)))
}

fn run_once<'s>(
    scope: &mut Scope<'s, '_>,
    object: Object<'s>,
    parser: &Rc<Parser>,
    machine: &Rc<Machine>,
    bytes: Option<&Rc<Vec<u8>>>,
) -> Result<Option<Value<'s>>, Failure> {
    *parser.current.borrow_mut() = bytes.cloned();
    let mut receiver = Receiver {
        scope,
        object,
        parser: Rc::clone(parser),
        refusal: None,
        failure: None,
    };
    let outcome = match bytes {
        Some(bytes) => machine.execute(&mut receiver, bytes),
        None => machine
            .finish(&mut receiver)
            .map(|errno| llhttp::Outcome { errno, parsed: 0 }),
    };
    let (refusal, failure) = (receiver.refusal, receiver.failure);
    *parser.current.borrow_mut() = None;
    let Some(mut outcome) = outcome else {
        return Err(Failure::Pending);
    };
    if outcome.errno == llhttp::PAUSED_UPGRADE {
        // No real pause, only a way to stop early.
        outcome.errno = llhttp::OK;
        machine.resume_after_upgrade();
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    if !parser.is_current(machine) {
        // Closed, or given to another message: there is nobody to tell about the rest.
        outcome = llhttp::Outcome {
            errno: llhttp::OK,
            parsed: bytes.map_or(0, |bytes| bytes.len()),
        };
    }
    let parsed = parsed_number(scope, outcome.parsed);
    if outcome.errno != llhttp::OK && !machine.is_upgrade() {
        let (code, reason) = match refusal {
            Some(refusal) if outcome.errno == llhttp::USER => refusal,
            _ => (llhttp::errno_name(outcome.errno), machine.reason()),
        };
        let error = v8::Exception::error(scope, scope.text("Parse Error"));
        if let Ok(error) = v8::Local::<v8::Object>::try_from(error) {
            scope.set(error, "bytesParsed", parsed);
            scope.set(error, "code", scope.text(code).into());
            scope.set(error, "reason", scope.text(reason).into());
        }
        return Ok(Some(error));
    }
    Ok(bytes.is_some().then_some(parsed))
}

/// The stream that a parser reads by itself.
struct Consumed {
    stream: Weak<dyn Native>,
    listener: ListenerId,
}

/// What listens on that stream.
struct Consumer {
    parser: Weak<Parser>,
}

impl StreamListener for Consumer {
    fn on_read(&self, scope: &mut Scope<'_, '_>, read: StreamRead) {
        let Some(parser) = self.parser.upgrade() else {
            return;
        };
        match read {
            StreamRead::Bytes(bytes) => on_bytes(scope, &parser, bytes),
            failed @ StreamRead::Failed(_) => {
                let below = parser
                    .consumed
                    .borrow()
                    .as_ref()
                    .and_then(|consumed| Some((consumed.stream.upgrade()?, consumed.listener)));
                if let Some((native, listener)) = below
                    && let Some(stream) = native.stream()
                {
                    stream.core().emit_read_below(scope, listener, failed);
                }
            }
        }
    }

    fn on_destroy(&self, _scope: &mut Scope<'_, '_>) {
        if let Some(parser) = self.parser.upgrade() {
            let consumed = parser.consumed.borrow_mut().take();
            drop(consumed);
        }
    }
}

/// Parses what the stream read, and tells `kOnExecute` how that went.
fn on_bytes(scope: &mut Scope<'_, '_>, parser: &Rc<Parser>, bytes: Vec<u8>) {
    v8::scope!(let scope, scope);
    let Some(object) = scope.env().natives().object(scope, parser.number.get()) else {
        return;
    };
    let bytes = Rc::new(bytes);
    let Ok(Some(result)) = run(scope, object, parser, Some(&bytes)) else {
        return;
    };
    let Some(Some(callback)) = callback(scope, object, ON_EXECUTE) else {
        return;
    };
    *parser.current.borrow_mut() = Some(bytes);
    let context = parser.context(scope, object);
    // An error here has been told already.
    let _answer = call_back(scope, object, callback, &[result], &context, true);
    *parser.current.borrow_mut() = None;
}

/// `consume(handle)`: from here on what the stream reads goes to the parser, without JavaScript in between.
fn consume<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let parser = args.native::<Parser>(scope)?;
    let native = stream_of(scope, args.object(0)?)
        .ok_or_else(|| Failure::type_error("ERR_INVALID_ARG_TYPE", "A parser consumes streams"))?;
    stop_consuming(&parser);
    let consumer = Rc::new(Consumer {
        parser: Rc::downgrade(&parser),
    });
    if let Some(stream) = native.stream() {
        let listener = stream.core().push_listener(consumer);
        *parser.consumed.borrow_mut() = Some(Consumed {
            stream: Rc::downgrade(&native),
            listener,
        });
    }
    Ok(().into())
}

fn unconsume<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    stop_consuming(&*args.native::<Parser>(scope)?);
    Ok(().into())
}

fn stop_consuming(parser: &Parser) {
    let consumed = parser.consumed.borrow_mut().take();
    if let Some(consumed) = consumed
        && let Some(native) = consumed.stream.upgrade()
        && let Some(stream) = native.stream()
    {
        stream.core().remove_listener(consumed.listener);
    }
}

/// Who the machine tells what it finds, while it runs.
struct Receiver<'a, 's, 'i> {
    scope: &'a mut Scope<'s, 'i>,
    object: Object<'s>,
    parser: Rc<Parser>,
    refusal: Option<Refusal>,
    /// What JavaScript threw.
    failure: Option<Failure>,
}

impl Events for Receiver<'_, '_, '_> {
    fn event(&mut self, machine: &Machine, event: Event<'_>) -> Verdict {
        if self.failure.is_some() || !self.parser.is_current(machine) {
            return Verdict::Stop;
        }
        let told = match event {
            Event::MessageBegin => self.on_message_begin(),
            Event::Url(bytes) => {
                self.collect(bytes, |message| message.url.extend_from_slice(bytes))
            }
            Event::Status(bytes) => {
                self.collect(bytes, |message| message.status.extend_from_slice(bytes))
            }
            Event::HeaderField(bytes) => self.on_header_field(bytes),
            Event::HeaderValue(bytes) => self.collect(bytes, |message| message.add_value(bytes)),
            Event::HeadersComplete => self.on_headers_complete(machine),
            Event::Body(bytes) => self.on_body(bytes),
            Event::MessageComplete => self.on_message_complete(),
            Event::ChunkExtension(bytes) => {
                let tracked = self.parser.message.borrow_mut().track_extension(bytes);
                self.accept(tracked)
            }
            Event::ChunkHeader => {
                let mut message = self.parser.message.borrow_mut();
                message.restart_header_count();
                message.restart_extension_count();
                Some(Verdict::Continue)
            }
            Event::ChunkComplete => {
                self.parser.message.borrow_mut().restart_header_count();
                Some(Verdict::Continue)
            }
        };
        told.unwrap_or_else(|| {
            if self.refusal.is_none() && self.failure.is_none() {
                self.failure = Some(Failure::Pending);
            }
            Verdict::Stop
        })
    }
}

impl Receiver<'_, '_, '_> {
    fn accept(&mut self, tracked: Result<(), Refusal>) -> Option<Verdict> {
        match tracked {
            Ok(()) => Some(Verdict::Continue),
            Err(refusal) => {
                self.refusal = Some(refusal);
                None
            }
        }
    }

    fn collect(&mut self, bytes: &[u8], add: impl FnOnce(&mut Message)) -> Option<Verdict> {
        let tracked = {
            let mut message = self.parser.message.borrow_mut();
            let tracked = message.track(bytes);
            if tracked.is_ok() {
                add(&mut message);
            }
            tracked
        };
        self.accept(tracked)
    }

    fn on_message_begin(&mut self) -> Option<Verdict> {
        let max_fields = self.max_fields()?;
        self.parser.message.borrow_mut().begin(max_fields);
        self.parser.headers_completed.set(false);
        self.parser.set_message_start(now(self.scope));
        v8::scope!(let scope, self.scope);
        let object = v8::Local::new(scope, self.object);
        if let Some(callback) = callback(scope, object, ON_MESSAGE_BEGIN)? {
            keep(
                &mut self.failure,
                call_back(
                    scope,
                    object,
                    callback,
                    &[],
                    &self.parser.context(scope, object),
                    false,
                ),
            )?;
        }
        Some(Verdict::Continue)
    }

    /// The most header fields of a request: half of what JavaScript put into `maxHeaderPairs`. 0: any number.
    fn max_fields(&mut self) -> Option<u32> {
        let is_request = self
            .parser
            .machine()
            .is_ok_and(|machine| machine.kind() == MessageKind::Request);
        if !is_request {
            return Some(0);
        }
        v8::scope!(let scope, self.scope);
        let object = v8::Local::new(scope, self.object);
        let pairs = scope.get_property(object, "maxHeaderPairs").ok()?;
        let pairs = v8::Local::<v8::Integer>::try_from(pairs).map_or(0, |pairs| pairs.value());
        Some(u32::try_from(pairs / 2).unwrap_or(0))
    }

    fn on_header_field(&mut self, bytes: &[u8]) -> Option<Verdict> {
        let tracked = self.parser.message.borrow_mut().track_field();
        if tracked.is_err() {
            return self.accept(tracked);
        }
        let is_full = self.parser.message.borrow().is_full();
        if is_full {
            self.flush()?;
        }
        self.collect(bytes, |message| message.add_field(bytes))
    }

    /// Gives the pairs read so far, and the URL, to JavaScript.
    fn flush(&mut self) -> Option<()> {
        v8::scope!(let scope, self.scope);
        let object = v8::Local::new(scope, self.object);
        let callback = callback(scope, object, ON_HEADERS)?;
        let args = {
            let mut message = self.parser.message.borrow_mut();
            let url = std::mem::take(&mut message.url);
            message.have_flushed = true;
            [
                message.take_headers(scope),
                scope.latin1(&url).map(Into::into),
            ]
        };
        let [Ok(headers), Ok(url)] = args else {
            return None;
        };
        if let Some(callback) = callback {
            let context = self.parser.context(scope, object);
            keep(
                &mut self.failure,
                call_back(scope, object, callback, &[headers, url], &context, true),
            )?;
        }
        Some(())
    }

    fn on_headers_complete(&mut self, machine: &Machine) -> Option<Verdict> {
        const NO_BODY: f64 = 1.0;
        const UPGRADE: f64 = 2.0;
        self.parser.headers_completed.set(true);
        {
            let mut message = self.parser.message.borrow_mut();
            message.restart_header_count();
            message.restart_field_count();
        }
        let have_flushed = self.parser.message.borrow().have_flushed;
        if have_flushed {
            self.flush()?;
        }
        v8::scope!(let scope, self.scope);
        let object = v8::Local::new(scope, self.object);
        let Some(callback) = callback(scope, object, ON_HEADERS_COMPLETE)? else {
            return Some(Verdict::Continue);
        };
        let args = head(scope, &self.parser, machine, have_flushed).ok()?;
        let context = self.parser.context(scope, object);
        let answer = keep(
            &mut self.failure,
            call_back(scope, object, callback, &args, &context, false),
        )?;
        let answer = answer.integer_value(scope)?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "compared with small numbers only"
        )]
        Some(match answer as f64 {
            0.0 => Verdict::Continue,
            NO_BODY => Verdict::NoBody,
            UPGRADE => Verdict::Upgrade,
            _ => Verdict::Stop,
        })
    }

    fn on_body(&mut self, bytes: &[u8]) -> Option<Verdict> {
        if bytes.is_empty() {
            return Some(Verdict::Continue);
        }
        v8::scope!(let scope, self.scope);
        let object = v8::Local::new(scope, self.object);
        if let Some(callback) = callback(scope, object, ON_BODY)? {
            let buffer = new_node_buffer(scope, bytes.to_vec())?;
            let context = self.parser.context(scope, object);
            keep(
                &mut self.failure,
                call_back(scope, object, callback, &[buffer.into()], &context, true),
            )?;
        }
        Some(Verdict::Continue)
    }

    fn on_message_complete(&mut self) -> Option<Verdict> {
        self.parser.set_message_start(0);
        let has_trailers = self.parser.message.borrow().has_fields();
        if has_trailers {
            self.flush()?;
        }
        v8::scope!(let scope, self.scope);
        let object = v8::Local::new(scope, self.object);
        if let Some(callback) = callback(scope, object, ON_MESSAGE_COMPLETE)? {
            keep(
                &mut self.failure,
                call_back(
                    scope,
                    object,
                    callback,
                    &[],
                    &self.parser.context(scope, object),
                    false,
                ),
            )?;
        }
        Some(Verdict::Continue)
    }
}

/// Keeps why something failed.
fn keep<T>(place: &mut Option<Failure>, result: Result<T, Failure>) -> Option<T> {
    result.map_err(|failure| *place = Some(failure)).ok()
}

/// The function under a number, if there is one. The outer `None`: a getter threw.
#[expect(
    clippy::option_option,
    reason = "a missing callback and an exception are different things"
)]
fn callback<'s>(
    scope: &Scope<'s, '_>,
    object: Object<'s>,
    index: u32,
) -> Option<Option<v8::Local<'s, v8::Function>>> {
    let value = object.get_index(scope, index)?;
    Some(value.try_into().ok())
}

/// The arguments of `kOnHeadersComplete`.
fn head<'s>(
    scope: &Scope<'s, '_>,
    parser: &Parser,
    machine: &Machine,
    have_flushed: bool,
) -> Result<[Value<'s>; 9], Failure> {
    let undefined = scope.undefined();
    let is_request = machine.kind() == MessageKind::Request;
    let mut message = parser.message.borrow_mut();
    let headers = if have_flushed {
        undefined
    } else {
        message.take_headers(scope)?
    };
    let number = |number: u32| scope.number(f64::from(number));
    let (major, minor) = machine.version();
    let (mut method, mut url, mut code, mut text) = (undefined, undefined, undefined, undefined);
    if is_request {
        method = number(machine.method().into());
        if !have_flushed {
            url = scope.latin1(&message.url)?.into();
        }
    } else {
        code = number(machine.status_code().into());
        text = scope.latin1(&message.status)?.into();
    }
    Ok([
        number(major.into()),
        number(minor.into()),
        headers,
        method,
        url,
        code,
        text,
        scope.boolean(machine.is_upgrade()),
        scope.boolean(machine.should_keep_alive()),
    ])
}
