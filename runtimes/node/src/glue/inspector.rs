//! V8's inspector of one isolate: [`Inspector`], its sessions, and what it asks of us ([`InspectorClient`]).
//!
//! A session lives as long as its messages are being worked on, also when it is closed meanwhile (from a breakpoint it made);
//! what it says then is dropped. Sessions go before the inspector, the inspector before the isolate. Messages are JSON; V8
//! escapes everything that is not ASCII.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::rc::{Rc, Weak};

use v8::inspector::{
    Channel, ChannelImpl, StringBuffer, StringView, V8Inspector, V8InspectorClientImpl,
    V8InspectorClientTrustLevel, V8InspectorSession,
};

use crate::glue::{Scope, ScopeExt as _, Value};

/// The one group of contexts an isolate has.
const GROUP: i32 = 1;

/// What the inspector asks of its environment. Called inside V8, on the isolate's thread.
pub(crate) trait InspectorClient {
    /// JavaScript is paused: returns when it may go on.
    fn pause(&self);
    /// A session lets paused JavaScript go on.
    fn resume(&self);
    /// A session says that waiting for a debugger is over.
    fn stop_waiting(&self);
    /// The URL of a script's name, if that differs.
    fn url_of(&self, name: &str) -> Option<String>;
    /// A session's answer or event.
    fn send(&self, session: i32, message: String);
}

/// V8's inspector and its sessions.
pub(crate) struct Inspector {
    sessions: RefCell<BTreeMap<i32, Rc<Session>>>,
    v8: Rc<V8Inspector>,
    client: Weak<dyn InspectorClient>,
    isolate: v8::UnsafeRawIsolatePtr,
    main: v8::Global<v8::Context>,
}

impl std::fmt::Debug for Inspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inspector({} sessions)", self.sessions.borrow().len())
    }
}

/// A session. The fields are dropped in this order.
struct Session {
    v8: V8InspectorSession,
    is_open: Rc<Cell<bool>>,
    _inspector: Rc<V8Inspector>,
}

/// The C++ side's way to us.
struct ClientSide {
    client: Weak<dyn InspectorClient>,
    isolate: v8::UnsafeRawIsolatePtr,
    main: v8::Global<v8::Context>,
}

impl V8InspectorClientImpl for ClientSide {
    fn run_message_loop_on_pause(&self, _group: i32) {
        if let Some(client) = self.client.upgrade() {
            client.pause();
        }
    }

    fn quit_message_loop_on_pause(&self) {
        if let Some(client) = self.client.upgrade() {
            client.resume();
        }
    }

    fn run_if_waiting_for_debugger(&self, _group: i32) {
        if let Some(client) = self.client.upgrade() {
            client.stop_waiting();
        }
    }

    fn ensure_default_context_in_group(&self, _group: i32) -> Option<v8::Local<'_, v8::Context>> {
        // SAFETY: V8 calls this on the thread of the isolate it is about, which therefore lives.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(self.isolate) };
        let isolate = &mut isolate;
        // SAFETY: V8 calls this inside a handle scope of its own; no scope of ours is in use meanwhile.
        v8::callback_scope!(unsafe scope, isolate);
        let context = v8::Local::new(scope, &self.main);
        // SAFETY: a callback scope opens no handle scope: the handle lives in V8's, which outlives this call.
        Some(unsafe { context.extend_lifetime_unchecked() })
    }

    fn resource_name_to_url(&self, name: &StringView<'_>) -> Option<v8::UniquePtr<StringBuffer>> {
        let client = self.client.upgrade()?;
        let url = client.url_of(&name.to_string())?;
        let units: Vec<u16> = url.encode_utf16().collect();
        Some(StringBuffer::create(StringView::from(units.as_slice())))
    }
}

/// The way of a session's messages.
struct SessionChannel {
    client: Weak<dyn InspectorClient>,
    session: i32,
    is_open: Rc<Cell<bool>>,
}

impl SessionChannel {
    fn send(&self, message: &v8::UniquePtr<StringBuffer>) {
        if let (true, Some(client), Some(message)) =
            (self.is_open.get(), self.client.upgrade(), message.as_ref())
        {
            client.send(self.session, message.string().to_string());
        }
    }
}

impl ChannelImpl for SessionChannel {
    fn send_response(&self, _call: i32, message: v8::UniquePtr<StringBuffer>) {
        self.send(&message);
    }

    fn send_notification(&self, message: v8::UniquePtr<StringBuffer>) {
        self.send(&message);
    }

    fn flush_protocol_notifications(&self) {}
}

/// Keeps the answer to one question of our own.
struct Asked(Rc<RefCell<Option<String>>>);

impl ChannelImpl for Asked {
    fn send_response(&self, _call: i32, message: v8::UniquePtr<StringBuffer>) {
        *self.0.borrow_mut() = message.as_ref().map(|message| message.string().to_string());
    }

    fn send_notification(&self, _message: v8::UniquePtr<StringBuffer>) {}

    fn flush_protocol_notifications(&self) {}
}

/// The object id in a remote object as V8 packs it (CBOR): its last field, a text of at most 255 bytes.
fn packed_object_id(packed: &[u8]) -> Option<&str> {
    const KEY: &[u8] = b"objectId";
    const TEXT: u8 = 0x60;
    const ONE_BYTE_LENGTH: u8 = 24;
    let at = packed
        .windows(KEY.len())
        .rposition(|window| window == KEY)?;
    let (head, rest) = packed.get(at + KEY.len()..)?.split_first()?;
    let (len, rest) = match head.checked_sub(TEXT)? {
        short @ 0..ONE_BYTE_LENGTH => (short, rest),
        ONE_BYTE_LENGTH => rest.split_first().map(|(len, rest)| (*len, rest))?,
        _ => return None,
    };
    std::str::from_utf8(rest.get(..usize::from(len))?).ok()
}

/// Bytes for V8: ASCII as it is, anything else as UTF-16.
fn with_view<R>(text: &str, run: impl FnOnce(StringView<'_>) -> R) -> R {
    if text.is_ascii() {
        run(StringView::from(text.as_bytes()))
    } else {
        let units: Vec<u16> = text.encode_utf16().collect();
        run(StringView::from(units.as_slice()))
    }
}

impl Inspector {
    /// The inspector of this isolate. `main` is the context that evaluation without a context means. At most one at a time,
    /// to be dropped before the isolate.
    pub(crate) fn new<'s>(
        scope: &mut Scope<'s, '_>,
        main: v8::Local<'s, v8::Context>,
        client: Weak<dyn InspectorClient>,
    ) -> Self {
        // SAFETY: the pointer is used on the isolate's thread only, by this object and its client, which go before the isolate.
        let isolate = unsafe { scope.as_raw_isolate_ptr() };
        let side = ClientSide {
            client: Weak::clone(&client),
            isolate,
            main: v8::Global::new(scope, main),
        };
        let v8 = V8Inspector::create(scope, v8::inspector::V8InspectorClient::new(Box::new(side)));
        Self {
            sessions: RefCell::default(),
            v8: Rc::new(v8),
            client,
            isolate,
            main: v8::Global::new(scope, main),
        }
    }

    /// Shows a context to debuggers.
    pub(crate) fn add_context(
        &self,
        context: v8::Local<'_, v8::Context>,
        name: &str,
        is_default: bool,
    ) {
        let data = format!("{{\"isDefault\":{is_default}}}");
        with_view(name, |name| {
            self.v8
                .context_created(context, GROUP, name, StringView::from(data.as_bytes()));
        });
    }

    /// Says that a context is gone.
    pub(crate) fn remove_context(&self, context: v8::Local<'_, v8::Context>) {
        self.v8.context_destroyed(context);
    }

    /// Opens a session under a number of the caller's.
    pub(crate) fn connect(&self, session: i32) {
        let is_open = Rc::new(Cell::new(true));
        let channel = SessionChannel {
            client: Weak::clone(&self.client),
            session,
            is_open: Rc::clone(&is_open),
        };
        let v8 = self.v8.connect(
            GROUP,
            Channel::new(Box::new(channel)),
            StringView::empty(),
            V8InspectorClientTrustLevel::FullyTrusted,
        );
        let opened = Rc::new(Session {
            v8,
            is_open,
            _inspector: Rc::clone(&self.v8),
        });
        self.sessions.borrow_mut().insert(session, opened);
    }

    fn session(&self, session: i32) -> Option<Rc<Session>> {
        self.sessions.borrow().get(&session).map(Rc::clone)
    }

    /// Closes a session: it says nothing any more, its breakpoints are gone.
    pub(crate) fn disconnect(&self, session: i32) {
        let Some(closed) = self.sessions.borrow_mut().remove(&session) else {
            return;
        };
        closed.is_open.set(false);
        if Rc::strong_count(&closed) > 1 {
            // It works on a message below us and goes with that. Its agents end now.
            for message in [
                r#"{"id":1,"method":"Debugger.disable"}"#,
                r#"{"id":2,"method":"Profiler.disable"}"#,
                r#"{"id":3,"method":"HeapProfiler.disable"}"#,
                r#"{"id":4,"method":"Runtime.disable"}"#,
            ] {
                with_view(message, |view| closed.v8.dispatch_protocol_message(view));
            }
        }
    }

    /// Whether V8 knows a method's domain.
    pub(crate) fn knows(method: &str) -> bool {
        with_view(method, V8InspectorSession::can_dispatch_method)
    }

    /// Gives a message to a session. JavaScript may run, and may pause.
    pub(crate) fn dispatch(&self, session: i32, message: &str) {
        if let Some(session) = self.session(session) {
            with_view(message, |view| session.v8.dispatch_protocol_message(view));
        }
    }

    /// Pauses all sessions at the next statement.
    pub(crate) fn pause_on_next_statement(&self, reason: &str) {
        let sessions: Vec<Rc<Session>> = self.sessions.borrow().values().map(Rc::clone).collect();
        for session in sessions {
            let view = StringView::from(reason.as_bytes());
            session.v8.schedule_pause_on_next_statement(view, view);
        }
    }

    /// Tells the sessions of an exception that nobody caught.
    pub(crate) fn report_uncaught<'s>(
        &self,
        scope: &Scope<'s, '_>,
        error: Value<'s>,
        message: v8::Local<'s, v8::Message>,
    ) {
        let context = v8::Local::new(scope, &self.main);
        let stack = message.get_stack_trace(scope);
        let text = message.get(scope).to_rust_string_lossy(scope);
        let url = message
            .get_script_resource_name(scope)
            .map(|name| name.to_rust_string_lossy(scope))
            .unwrap_or_default();
        let line = message.get_line_number(scope).unwrap_or(0);
        let place = |number: usize| u32::try_from(number).unwrap_or(0);
        with_view(&text, |text| {
            with_view(&url, |url| {
                self.v8.exception_thrown(
                    context,
                    StringView::from(&b"Uncaught"[..]),
                    error,
                    text,
                    url,
                    place(line),
                    place(message.get_start_column()),
                    self.v8.create_stack_trace(stack),
                    0,
                );
            });
        });
    }

    /// The objects of `prototype`'s context that have it in their chain, after a collection. `None` when V8 does not tell.
    pub(crate) fn query_objects<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        prototype: v8::Local<'s, v8::Object>,
    ) -> Option<v8::Local<'s, v8::Array>> {
        let context = prototype
            .get_creation_context(scope)
            .unwrap_or_else(|| scope.get_current_context());
        let answer = Rc::default();
        let session = self.v8.connect(
            GROUP,
            Channel::new(Box::new(Asked(Rc::clone(&answer)))),
            StringView::empty(),
            V8InspectorClientTrustLevel::FullyTrusted,
        );
        let group = || StringView::from(&b"query"[..]);
        let packed = session
            .wrap_object(scope, context, prototype.into(), group(), false)?
            .to_bytes();
        let params = serde_json::json!({ "prototypeObjectId": packed_object_id(&packed)? });
        let question =
            serde_json::json!({ "id": 1, "method": "Runtime.queryObjects", "params": params });
        with_view(&question.to_string(), |view| {
            session.dispatch_protocol_message(view);
        });
        let answer: serde_json::Value = serde_json::from_str(&answer.take()?).ok()?;
        let id = answer.pointer("/result/objects/objectId")?.as_str()?;
        let (objects, ..) = with_view(id, |id| session.unwrap_object(scope, id)).ok()?;
        objects.try_into().ok()
    }

    /// What an async task is called by: V8 never looks behind the pointer, which must be even.
    fn task(id: i64) -> *const c_void {
        let address = usize::try_from(id.max(0)).unwrap_or(0).wrapping_shl(1);
        std::ptr::without_provenance(address)
    }

    /// An async task that may run later.
    pub(crate) fn task_scheduled(&self, name: &str, id: i64, is_recurring: bool) {
        with_view(name, |name| {
            // SAFETY: the pointer is only a name.
            unsafe {
                self.v8
                    .async_task_scheduled(name, Self::task(id), is_recurring);
            }
        });
    }

    /// An async task that will not run (again).
    pub(crate) fn task_canceled(&self, id: i64) {
        // SAFETY: the pointer is only a name.
        unsafe { self.v8.async_task_canceled(Self::task(id)) };
    }

    /// An async task begins to run.
    pub(crate) fn task_started(&self, id: i64) {
        // SAFETY: the pointer is only a name.
        unsafe { self.v8.async_task_started(Self::task(id)) };
    }

    /// An async task has run.
    pub(crate) fn task_finished(&self, id: i64) {
        // SAFETY: the pointer is only a name.
        unsafe { self.v8.async_task_finished(Self::task(id)) };
    }

    /// Runs `work` in a scope of the main context: for what V8 calls without one.
    pub(crate) fn in_scope<R>(&self, work: impl FnOnce(&mut Scope<'_, '_>) -> R) -> R {
        // SAFETY: this object stays on the isolate's thread and goes before the isolate.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(self.isolate) };
        v8::scope!(let scope, &mut isolate);
        let context = v8::Local::new(scope, &self.main);
        let scope = &mut v8::ContextScope::new(scope, context);
        work(scope)
    }
}

/// Nobody: for an inspector that only numbers a context.
struct Nobody;

impl InspectorClient for Nobody {
    fn pause(&self) {}
    fn resume(&self) {}
    fn stop_waiting(&self) {}
    fn url_of(&self, _name: &str) -> Option<String> {
        None
    }
    fn send(&self, _session: i32, _message: String) {}
}

/// Numbers a context that is to go into a snapshot as the first one of its isolate, which it will be for every inspector made
/// later. V8 shows a debugger only scripts that were compiled in a numbered context: so it also sees those that ran before it came.
pub(crate) fn number_first_context<'s>(
    scope: &mut Scope<'s, '_>,
    context: v8::Local<'s, v8::Context>,
) {
    let global = context.global(scope);
    let key = scope.name("console");
    // V8 would put functions on the console that no snapshot can hold.
    let console = global.get(scope, key.into());
    let hidden = global.delete(scope, key.into());
    let nobody: Weak<dyn InspectorClient> = Weak::<Nobody>::new();
    let inspector = Inspector::new(scope, context, nobody);
    inspector.add_context(context, "", true);
    drop(inspector);
    if let Some(console) = console {
        let attributes = v8::PropertyAttribute::DONT_ENUM;
        let shown = global.define_own_property(scope, key.into(), console, attributes);
        tracing::trace!(target: "cenote::node", ?hidden, ?shown, "the console while a context is numbered");
    }
}

/// Has JavaScript that runs (or runs next) look into its mailbox, from any thread.
pub(crate) fn interrupt_for_inspector(isolate: &v8::IsolateHandle) {
    let asked = isolate.request_interrupt(interrupted, std::ptr::null_mut());
    if !asked {
        tracing::debug!(target: "cenote::node", "the inspected isolate is gone");
    }
}

/// Has the isolate's thread call `destroy` hooks soon: [`async_wrap::enqueue_destroys`](crate::bindings::async_wrap).
pub(crate) fn interrupt_for_destroys(isolate: &v8::IsolateHandle) {
    // An isolate that is gone has no hooks.
    let _asked = isolate.request_interrupt(destroys_due, std::ptr::null_mut());
}

/// Has the isolate's thread look for SIGINT soon, and tell where it struck: [`watchdog::look`](crate::bindings::watchdog::look).
pub(crate) fn interrupt_for_sigint(isolate: &v8::IsolateHandle) {
    // An isolate that is gone runs no script.
    let _asked = isolate.request_interrupt(sigint_came, std::ptr::null_mut());
}

unsafe extern "C" fn sigint_came(raw: v8::UnsafeRawIsolatePtr, _data: *mut c_void) {
    // SAFETY: V8 calls this on the thread of the isolate, between two steps of JavaScript.
    let isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(raw) };
    in_main_context(isolate, crate::bindings::watchdog::look);
}

unsafe extern "C" fn destroys_due(raw: v8::UnsafeRawIsolatePtr, _data: *mut c_void) {
    // SAFETY: V8 calls this on the thread of the isolate, between two steps of JavaScript.
    let isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(raw) };
    in_main_context(isolate, crate::bindings::async_wrap::enqueue_destroys);
}

/// Runs something in the main context of an isolate that V8 handed out.
fn in_main_context(mut isolate: v8::Isolate, run: fn(&mut Scope<'_, '_>)) {
    let env = isolate
        .get_slot::<Rc<crate::environment::Environment>>()
        .map(Rc::clone);
    let Some(env) = env else { return };
    v8::scope!(let scope, &mut isolate);
    let context = env.context(scope);
    let scope = &mut v8::ContextScope::new(scope, context);
    run(scope);
}

unsafe extern "C" fn interrupted(raw: v8::UnsafeRawIsolatePtr, _data: *mut c_void) {
    // SAFETY: V8 calls this on the thread of the isolate, between two steps of JavaScript.
    let isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(raw) };
    in_main_context(isolate, crate::inspector::deliver);
}
