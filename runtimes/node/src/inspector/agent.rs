//! [`Agent`]: the inspector of one isolate with its sessions, and the loops in which JavaScript waits for a debugger.
//! Node: `src/inspector_agent.cc`.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicI32, Ordering};

use cenote_base::wait::block_on;

use crate::bindings::contextify;
use crate::environment::{Environment, Stored};
use crate::glue::{Inspector, InspectorClient, Object, Scope, ScopeExt};
use crate::inspector::deliver;
use crate::inspector::domains::{self, Domains, Request};
use crate::inspector::network::Resources;
use crate::inspector::server::Server;

/// Where a session's messages go.
pub(crate) trait Sink {
    /// Takes an answer or an event, JSON.
    fn send(&self, agent: &Agent, message: String);
}

/// One who debugs: a session and what is known of it.
pub(crate) struct Frontend {
    pub(super) id: i32,
    sink: Box<dyn Sink>,
    /// The process waits at its end until this one is gone.
    prevents_shutdown: bool,
    /// It asked to be told before the main context goes.
    retains_context: Cell<bool>,
    async_depth: Cell<i64>,
    pub(super) domains: Domains,
}

/// The inspector of an isolate.
pub(crate) struct Agent {
    env: Weak<Environment>,
    inspector: OnceCell<Inspector>,
    frontends: RefCell<BTreeMap<i32, Rc<Frontend>>>,
    is_paused: Cell<bool>,
    is_waiting: Cell<bool>,
    is_ending: Cell<bool>,
    is_looping: Cell<bool>,
    has_async_hook: Cell<bool>,
    server: RefCell<Option<Server>>,
    pub(super) resources: Resources,
    /// A console call of the program is being told to the inspector.
    pub(crate) is_in_console_call: Cell<bool>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent")
            .field("inspector", &self.inspector)
            .finish_non_exhaustive()
    }
}

/// The isolate's agent, if there is one.
#[derive(Default)]
struct Slot(OnceCell<Rc<Agent>>);

/// The agent of an isolate that has one.
pub(crate) fn existing(env: &Environment) -> Option<Rc<Agent>> {
    env.state::<Slot>().0.get().map(Rc::clone)
}

/// The isolate's agent, made the first time.
pub(crate) fn agent(scope: &mut Scope<'_, '_>) -> Rc<Agent> {
    let env = scope.env();
    if let Some(known) = existing(&env) {
        return known;
    }
    let agent = Rc::new(Agent {
        env: Rc::downgrade(&env),
        inspector: OnceCell::new(),
        frontends: RefCell::default(),
        is_paused: Cell::default(),
        is_waiting: Cell::default(),
        is_ending: Cell::default(),
        is_looping: Cell::default(),
        has_async_hook: Cell::default(),
        server: RefCell::default(),
        resources: Resources::default(),
        is_in_console_call: Cell::default(),
    });
    let client: Weak<dyn InspectorClient> = Rc::downgrade(&agent) as _;
    let main = env.context(scope);
    let inspector = Inspector::new(scope, main, client);
    inspector.add_context(main, &name_of(&env), true);
    for (context, name) in contextify::live_contexts(scope) {
        inspector.add_context(context, &name, false);
    }
    let _first = agent.inspector.set(inspector);
    let _first = env.state::<Slot>().0.set(Rc::clone(&agent));
    agent
}

/// Shows a new `vm` context to debuggers, if there are any.
pub(crate) fn context_created(env: &Environment, context: v8::Local<'_, v8::Context>, name: &str) {
    if let Some(agent) = existing(env) {
        agent.inspector().add_context(context, name, false);
    }
}

/// What debuggers call the main context. Node: `GetHumanReadableProcessName`, `GetWorkerLabel`.
pub(super) fn name_of(env: &Environment) -> String {
    if env.is_main_thread() {
        let title = crate::bindings::process::title(env);
        format!("{title}[{}]", env.pids().0)
    } else {
        format!("Worker[{}]", env.thread().id)
    }
}

/// A number for a new session, of all isolates.
pub(crate) fn next_session() -> i32 {
    static NEXT: AtomicI32 = AtomicI32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Agent {
    /// V8's side.
    pub(crate) fn inspector(&self) -> &Inspector {
        self.inspector
            .get()
            .expect("set before anybody sees the agent")
    }

    pub(super) fn env(&self) -> Option<Rc<Environment>> {
        self.env.upgrade()
    }

    /// Whether anybody debugs or may come to.
    pub(crate) fn is_active(&self) -> bool {
        self.has_server() || !self.frontends.borrow().is_empty()
    }

    /// The same, without the program's own sessions and profiles. Node: `Agent::IsActive`.
    pub(crate) fn is_active_outside(&self) -> bool {
        let waited_for = |frontend: &Rc<Frontend>| frontend.prevents_shutdown;
        self.has_server() || self.frontends.borrow().values().any(waited_for)
    }

    fn note_active(&self) {
        if let Some(env) = self.env() {
            env.set_debugged(self.is_active());
        }
    }

    /// Whether debuggers can connect.
    pub(crate) fn has_server(&self) -> bool {
        self.server.borrow().is_some()
    }

    pub(super) fn set_server(&self, server: Server) {
        *self.server.borrow_mut() = Some(server);
        self.note_active();
    }

    /// Where debuggers connect.
    pub(crate) fn url(&self) -> Option<String> {
        self.server
            .borrow()
            .as_ref()
            .map(|server| server.url.clone())
    }

    /// Puts a resource aside for debuggers. Whether there was room.
    pub(crate) fn put_resource(&self, url: String, data: String) -> bool {
        self.resources.put(url, data)
    }

    /// Lets go of all debuggers that are connected over a socket, and of the socket.
    pub(crate) fn stop_server(&self) {
        let server = self.server.borrow_mut().take();
        drop(server);
        self.note_active();
    }

    /// Opens a session.
    pub(crate) fn connect(&self, id: i32, sink: Box<dyn Sink>, prevents_shutdown: bool) {
        let frontend = Rc::new(Frontend {
            id,
            sink,
            prevents_shutdown,
            retains_context: Cell::default(),
            async_depth: Cell::default(),
            domains: Domains::default(),
        });
        let own = Rc::clone(&frontend);
        self.frontends.borrow_mut().insert(id, frontend);
        self.inspector().connect(id);
        self.note_active();
        own.domains.targets.begin(self, &own);
        if self.is_waiting.get() {
            self.tell_waiting(true);
        }
    }

    /// Closes a session. Node: `disconnectFrontend`.
    pub(crate) fn disconnect(&self, id: i32) {
        let Some(gone) = self.frontends.borrow_mut().remove(&id) else {
            return;
        };
        domains::close(self, &gone);
        self.inspector().disconnect(id);
        self.note_active();
        self.update_async_hook();
        if gone.retains_context.get() {
            let retained = self.all().iter().any(|other| other.retains_context.get());
            if !retained {
                self.remove_main_context();
            }
        }
        if self.env().is_some_and(|env| !env.is_main_thread()) {
            self.is_ending.set(false);
        }
    }

    pub(super) fn all(&self) -> Vec<Rc<Frontend>> {
        self.frontends.borrow().values().map(Rc::clone).collect()
    }

    /// Gives a message of the debugger's to its session.
    pub(crate) fn dispatch(&self, id: i32, text: &str) {
        let frontend = self.frontends.borrow().get(&id).map(Rc::clone);
        let Some(frontend) = frontend else { return };
        let request = Request::parse(text);
        match &request {
            Some(request) if request.session.is_some() && frontend.domains.targets.is_on() => {
                let name = request.session.as_deref().unwrap_or_default();
                if !frontend.domains.targets.forward(name, text) {
                    domains::refuse_session(self, &frontend, request);
                }
            }
            Some(request) if !Inspector::knows(&request.method) => {
                domains::dispatch(self, &frontend, request);
            }
            _ => {
                let lends = request
                    .as_ref()
                    .is_some_and(Request::wants_command_line_api);
                let lent = lends && self.lend_require();
                self.inspector().dispatch(id, text);
                if lent {
                    self.take_require_back();
                }
                if let Some(depth) = request.as_ref().and_then(Request::async_depth) {
                    frontend.async_depth.set(depth);
                    self.update_async_hook();
                }
            }
        }
    }

    /// Sends to a session. V8's messages of console calls and exceptions carry no time here: it is put in.
    pub(super) fn send_to(&self, frontend: &Frontend, message: String) {
        frontend.sink.send(self, message);
    }

    /// Asks every session to pause at the next statement.
    pub(crate) fn pause_on_next_statement(&self, reason: &str) {
        self.inspector().pause_on_next_statement(reason);
    }

    /// Tells remote debuggers of an exception that nobody caught.
    pub(crate) fn report_uncaught<'s>(
        &self,
        scope: &Scope<'s, '_>,
        error: crate::glue::Value<'s>,
        message: v8::Local<'s, v8::Message>,
    ) {
        if self.has_server() {
            self.inspector().report_uncaught(scope, error, message);
        }
    }

    fn tell_waiting(&self, is_waiting: bool) {
        for frontend in self.all() {
            domains::tell_waiting_for_debugger(self, &frontend, is_waiting);
        }
    }

    fn remove_main_context(&self) {
        if let Some(env) = self.env() {
            self.inspector().in_scope(|scope| {
                let context = env.context(scope);
                self.inspector().remove_context(context);
            });
        }
    }

    /// Waits until a debugger says `Runtime.runIfWaitingForDebugger`.
    pub(crate) fn wait_for_frontend(&self) {
        self.is_waiting.set(true);
        self.tell_waiting(true);
        self.run_loop();
    }

    fn has_connected_sessions(&self) -> bool {
        self.frontends
            .borrow()
            .values()
            .any(|frontend| frontend.prevents_shutdown)
    }

    fn goes_on_waiting(&self) -> bool {
        self.is_waiting.get()
            || ((self.is_ending.get() || self.is_paused.get()) && self.has_connected_sessions())
    }

    /// Serves debuggers, and nothing else, until JavaScript may go on. The end of the process ends it, too.
    fn run_loop(&self) {
        let Some(env) = self.env() else { return };
        if self.is_looping.replace(true) {
            return;
        }
        let task = env.task();
        let waiter = env.event_loop().io().waiter();
        while self.goes_on_waiting() && env.can_call_into_js() && !task.must_end() {
            self.inspector().in_scope(deliver);
            if !self.goes_on_waiting() {
                break;
            }
            block_on(waiter.woken());
            if task.has_deliverable_signal() {
                crate::program::note_signals(&env);
            }
        }
        self.is_looping.set(false);
        // What woke us may have been meant for the loop.
        waiter.wake();
    }

    /// Whether V8 wants to know of async tasks, which costs: some session asked for async stacks.
    fn update_async_hook(&self) {
        let wanted = self.all().iter().any(|one| one.async_depth.get() > 0);
        if wanted == self.has_async_hook.replace(wanted) || self.is_ending.get() {
            return;
        }
        let place = if wanted {
            Stored::EnableAsyncHook
        } else {
            Stored::DisableAsyncHook
        };
        self.call_stored(place);
    }

    /// Calls a function that Node's library gave, if it has by now.
    pub(super) fn call_stored(&self, place: Stored) {
        let Some(env) = self.env() else { return };
        if !env.can_call_into_js() {
            return;
        }
        self.inspector().in_scope(|scope| {
            v8::tc_scope!(let catch, scope);
            if let Some(function) = env.stored_function(catch, place) {
                let called = function.call(catch, catch.undefined(), &[]);
                if called.is_none() && !catch.has_terminated() {
                    tracing::warn!(target: "cenote::node", ?place, "an inspector hook threw");
                }
            }
        });
    }

    /// The async hooks' switches have come. Node: `RegisterAsyncHook`.
    pub(crate) fn async_hook_registered(&self) {
        if self.has_async_hook.get() {
            self.call_stored(Stored::EnableAsyncHook);
        }
    }

    /// Makes `require` a global for the time of an evaluation with the command line API, if the program has none: V8 lends
    /// its own functions so, but asks nobody for more. Node: `installAdditionalCommandLineAPI`.
    fn lend_require(&self) -> bool {
        let Some(env) = self.env() else { return false };
        self.inspector().in_scope(|scope| {
            let installer = env.stored_function(scope, Stored::ConsoleExtensionInstaller)?;
            let global = env.context(scope).global(scope);
            let key = scope.name("require");
            if global.has_own_property(scope, key.into())? {
                return None;
            }
            v8::tc_scope!(let catch, scope);
            let target: Object<'_> = catch.object();
            installer.call(catch, target.into(), &[target.into()])?;
            let require = target.get(catch, key.into())?;
            global.define_own_property(catch, key.into(), require, v8::PropertyAttribute::DONT_ENUM)
        }) == Some(true)
    }

    fn take_require_back(&self) {
        let Some(env) = self.env() else { return };
        let deleted = self.inspector().in_scope(|scope| {
            let global = env.context(scope).global(scope);
            let key = scope.name("require");
            global.delete(scope, key.into())
        });
        tracing::trace!(target: "cenote::node", ?deleted, "the console's require");
    }
}

impl InspectorClient for Agent {
    fn pause(&self) {
        self.is_paused.set(true);
        self.run_loop();
    }

    fn resume(&self) {
        self.is_paused.set(false);
    }

    fn stop_waiting(&self) {
        self.is_waiting.set(false);
        self.tell_waiting(false);
    }

    fn url_of(&self, name: &str) -> Option<String> {
        if !name.starts_with('/') {
            return None;
        }
        url::Url::from_file_path(name).ok().map(String::from)
    }

    fn send(&self, session: i32, message: String) {
        let frontend = self.frontends.borrow().get(&session).map(Rc::clone);
        if let Some(frontend) = frontend {
            let message = match self.env() {
                Some(env) => domains::with_time(message, || env.task().kernel().clock().realtime()),
                None => message,
            };
            self.send_to(&frontend, message);
        }
    }
}

/// At the end of the program: debuggers are told, and those that hold the process are waited for. Node: `WaitForDisconnect`.
pub(super) fn wait_for_disconnect(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    let Some(agent) = existing(&env) else { return };
    if agent.is_ending.replace(true) {
        return;
    }
    if let Some(server) = &*agent.server.borrow() {
        server.stop_accepting();
    }
    if agent.has_connected_sessions() && env.is_main_thread() {
        env.print_error(b"Waiting for the debugger to disconnect...\n");
    }
    let mut retains = false;
    for frontend in agent.all() {
        if domains::tell_waiting_for_disconnect(&agent, &frontend) {
            frontend.retains_context.set(true);
            retains = true;
        }
    }
    if !retains {
        let context = env.context(scope);
        agent.inspector().remove_context(context);
    }
    if env.is_main_thread() || retains {
        agent.run_loop();
    }
    agent.is_ending.set(false);
}
