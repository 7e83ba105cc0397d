//! `internalBinding('inspector')`: sessions with V8's inspector, from JavaScript. Node: `src/inspector_js_api.cc`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::permission::{self, Permission};
use crate::environment::Stored;
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Object, Return, Scope, ScopeExt,
    Unlisted, Value, attach,
};
use crate::inspector::{self, Agent, DebugAddress, Mailbox, Sink};

pub(super) const BINDING: Binding = Binding::new("inspector")
    .function("consoleCall", console_call)
    .function(
        "setConsoleExtensionInstaller",
        set_console_extension_installer,
    )
    .function("callAndPauseOnStart", call_and_pause_on_start)
    .function("open", open)
    .function("url", url)
    .function("waitForDebugger", wait_for_debugger)
    .function("asyncTaskScheduled", async_task_scheduled)
    .function("asyncTaskCanceled", async_task_canceled)
    .function("asyncTaskStarted", async_task_started)
    .function("asyncTaskFinished", async_task_finished)
    .function("registerAsyncHook", register_async_hook)
    .function("isEnabled", is_enabled)
    .function("setupNetworkTracking", setup_network_tracking)
    .function("emitProtocolEvent", emit_protocol_event)
    .partial(
        "putNetworkResource",
        put_network_resource,
        "16 MiB of them at most",
    )
    .class(&CONNECTION)
    .class(&MAIN_THREAD_CONNECTION)
    .setup(setup);

static CONNECTION: Class = Class::new("Connection", new_connection)
    .method("dispatch", dispatch)
    .method("disconnect", disconnect);

static MAIN_THREAD_CONNECTION: Class =
    Class::new("MainThreadConnection", new_main_thread_connection)
        .method("dispatch", dispatch_to_main_thread)
        .method("disconnect", disconnect_from_main_thread);

/// V8's console, which tells the inspector and nobody else, is what `console` wraps.
fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    let context = scope.get_current_context();
    let extras = context.get_extras_binding_object(scope);
    let console = scope.get_property(extras, "console")?;
    scope.set(binding, "console", console);
    Ok(())
}

fn check(scope: &mut Scope<'_, '_>, what: &[u8]) -> Result<(), Failure> {
    permission::check(scope, Permission::Inspector, what)
}

/// Where the messages of a session go that JavaScript has opened.
struct Callback {
    object: v8::Global<v8::Object>,
    function: v8::Global<v8::Function>,
}

impl Callback {
    /// Calls where the program is, in its async context: what pauses it is told of from there. The function throws nothing.
    fn call(&self, scope: &mut Scope<'_, '_>, message: &str) {
        let object = v8::Local::new(scope, &self.object);
        let function = v8::Local::new(scope, &self.function);
        v8::tc_scope!(let catch, scope);
        if let Ok(message) = catch.string(message)
            && function
                .call(catch, object.into(), &[message.into()])
                .is_none()
        {
            tracing::debug!(target: "cenote::node", "a session's callback threw, or was ended");
        }
    }
}

impl Sink for Callback {
    fn send(&self, agent: &Agent, message: String) {
        agent
            .inspector()
            .in_scope(|scope| self.call(scope, &message));
    }
}

/// A session with the isolate's own inspector.
struct Connection {
    session: Cell<Option<i32>>,
}

impl Native for Connection {}

fn new_connection<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let function = args.function(0)?;
    check(scope, b"Connect")?;
    let agent = inspector::agent(scope);
    let session = inspector::next_session();
    let connection = Connection {
        session: Cell::new(Some(session)),
    };
    attach(scope, this, Rc::new(connection));
    let callback = Callback {
        object: v8::Global::new(scope, this),
        function: v8::Global::new(scope, function),
    };
    agent.connect(session, Box::new(callback), false);
    Ok(Return::Undefined)
}

fn dispatch<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let connection = args.native::<Connection>(scope)?;
    let message = args.string(0)?.to_rust_string_lossy(scope);
    if let Some(session) = connection.session.get() {
        inspector::agent(scope).dispatch(session, &message);
    }
    Ok(Return::Undefined)
}

fn disconnect<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let connection = args.native::<Connection>(scope)?;
    if let Some(session) = connection.session.take() {
        inspector::agent(scope).disconnect(session);
    }
    Ok(Return::Undefined)
}

/// A worker's sessions with the main thread's inspector, by number.
#[derive(Default)]
struct RemoteSessions(RefCell<HashMap<i32, Rc<Callback>>>);

/// Sends a session's messages to the thread that opened it.
struct Elsewhere {
    session: i32,
    home: Arc<Mailbox>,
}

impl Sink for Elsewhere {
    fn send(&self, agent: &Agent, message: String) {
        let session = self.session;
        let has_room = self.home.post_message(message, move |scope, _, message| {
            let sessions = scope.env().state::<RemoteSessions>();
            let callback = sessions.0.borrow().get(&session).map(Rc::clone);
            if let Some(callback) = callback {
                callback.call(scope, message);
            }
        });
        if !has_room {
            // Nobody reads: a session that misses messages is worth nothing.
            agent.disconnect(session);
        }
    }
}

/// A session with the main thread's inspector; closed with the thread that opened it.
struct MainThreadConnection {
    main: Arc<Mailbox>,
    session: Cell<Option<i32>>,
}

impl Native for MainThreadConnection {}

impl MainThreadConnection {
    fn close(&self) -> Option<i32> {
        let session = self.session.take()?;
        self.main.post(move |_, agent| agent.disconnect(session));
        Some(session)
    }
}

impl Drop for MainThreadConnection {
    fn drop(&mut self) {
        let _session = self.close();
    }
}

fn new_main_thread_connection<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let function = args.function(0)?;
    check(scope, b"ConnectToMainThread")?;
    let env = scope.env();
    let main = env.threads().main_mailbox.get().map(Arc::clone);
    let main = main.ok_or_else(|| {
        Failure::error(
            "ERR_INTERNAL_ASSERTION",
            "the main thread has no inspector yet",
        )
    })?;
    let session = inspector::next_session();
    let callback = Callback {
        object: v8::Global::new(scope, this),
        function: v8::Global::new(scope, function),
    };
    env.state::<RemoteSessions>()
        .0
        .borrow_mut()
        .insert(session, Rc::new(callback));
    let home = inspector::mailbox(&env);
    main.post(move |_, agent| {
        agent.connect(session, Box::new(Elsewhere { session, home }), true);
    });
    let connection = MainThreadConnection {
        main,
        session: Cell::new(Some(session)),
    };
    attach(scope, this, Rc::new(connection));
    Ok(Return::Undefined)
}

fn dispatch_to_main_thread<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let connection = args.native::<MainThreadConnection>(scope)?;
    let message = args.string(0)?.to_rust_string_lossy(scope);
    if let Some(session) = connection.session.get() {
        let has_room = connection
            .main
            .post_message(message, move |_, agent, message| {
                agent.dispatch(session, message);
            });
        if !has_room {
            return Err(Failure::range_error(
                "ERR_OUT_OF_RANGE",
                "too many messages wait for the main thread",
            ));
        }
    }
    Ok(Return::Undefined)
}

fn disconnect_from_main_thread<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let connection = args.native::<MainThreadConnection>(scope)?;
    if let Some(session) = connection.close() {
        let sessions = scope.env().state::<RemoteSessions>();
        let gone = sessions.0.borrow_mut().remove(&session);
        drop(gone);
    }
    Ok(Return::Undefined)
}

/// The arguments from `start` on.
fn rest<'s>(args: &Args<'s>, start: usize) -> Vec<Value<'s>> {
    (start..args.len()).map(|index| args.get(index)).collect()
}

/// `consoleCall(inspectorMethod, nodeMethod, ...args)`: tells the inspector if somebody listens, then does what Node does.
fn console_call<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this().into();
    let rest = rest(args, 2);
    let env = scope.env();
    if env.is_debugged()
        && let Some(agent) = inspector::existing(&env)
        && !agent.is_in_console_call.replace(true)
    {
        let told = scope.call(args.function(0)?, this, &rest);
        agent.is_in_console_call.set(false);
        told?;
    }
    scope.call(args.function(1)?, this, &rest)?;
    Ok(Return::Undefined)
}

fn set_console_extension_installer<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let installer = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::ConsoleExtensionInstaller, installer.into());
    Ok(Return::Undefined)
}

/// `callAndPauseOnStart(function, this, ...args)`: debuggers get its first statement.
fn call_and_pause_on_start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let function = args.function(0)?;
    check(scope, b"PauseOnNextJavascriptStatement")?;
    inspector::agent(scope).pause_on_next_statement("Break on start");
    Ok(scope.call(function, args.get(1), &rest(args, 2))?.into())
}

fn async_task_scheduled<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let name = args.text(scope, 0)?;
    let (id, is_recurring) = (args.i64(1)?, args.bool(scope, 2));
    if let Some(agent) = inspector::existing(&scope.env()) {
        agent.inspector().task_scheduled(&name, id, is_recurring);
    }
    Ok(Return::Undefined)
}

fn async_task_canceled<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let id = args.i64(0)?;
    if let Some(agent) = inspector::existing(&scope.env()) {
        agent.inspector().task_canceled(id);
    }
    Ok(Return::Undefined)
}

fn async_task_started<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let id = args.i64(0)?;
    if let Some(agent) = inspector::existing(&scope.env()) {
        agent.inspector().task_started(id);
    }
    Ok(Return::Undefined)
}

fn async_task_finished<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let id = args.i64(0)?;
    if let Some(agent) = inspector::existing(&scope.env()) {
        agent.inspector().task_finished(id);
    }
    Ok(Return::Undefined)
}

/// `open(port, host)`.
fn open<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let address = env.state::<DebugAddress>();
    if args.get(0).is_uint32()
        && let Ok(port) = u16::try_from(args.u32(scope, 0)?)
    {
        address.set_port(port);
    }
    if args.get(1).is_string() {
        address.set_host(args.text(scope, 1)?);
    }
    check(scope, b"StartIoThread")?;
    let agent = inspector::agent(scope);
    inspector::start_server(scope, &agent);
    Ok(Return::Undefined)
}

fn url<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let url = inspector::existing(&scope.env()).and_then(|agent| agent.url());
    Ok(match url {
        Some(url) => scope.string(&url)?.into(),
        None => Return::Undefined,
    })
}

/// `waitForDebugger()`: whether there can be one.
fn wait_for_debugger<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let agent = inspector::existing(&scope.env()).filter(|agent| agent.is_active());
    let Some(agent) = agent else {
        return Ok(false.into());
    };
    check(scope, b"WaitForConnect")?;
    agent.wait_for_frontend();
    Ok(agent.is_active().into())
}

fn store_two<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    places: [Stored; 2],
) -> Result<(), Failure> {
    let functions = [args.function(0)?, args.function(1)?];
    let env = scope.env();
    for (place, function) in places.into_iter().zip(functions) {
        env.store(scope, place, function.into());
    }
    Ok(())
}

/// `registerAsyncHook(enable, disable)`.
fn register_async_hook<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let places = [Stored::EnableAsyncHook, Stored::DisableAsyncHook];
    store_two(scope, args, places)?;
    if let Some(agent) = inspector::existing(&scope.env()) {
        agent.async_hook_registered();
    }
    Ok(Return::Undefined)
}

/// `setupNetworkTracking(enable, disable)`.
fn setup_network_tracking<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let places = [
        Stored::EnableNetworkTracking,
        Stored::DisableNetworkTracking,
    ];
    store_two(scope, args, places)?;
    Ok(Return::Undefined)
}

/// `emitProtocolEvent(name, params)`.
fn emit_protocol_event<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let name = args.text(scope, 0)?;
    let params = args.object(1)?;
    if name.starts_with("DOMStorage.") {
        inspector::emit_storage_event(scope, &name, params)?;
    } else {
        inspector::emit_network_event(scope, &name, params)?;
    }
    Ok(Return::Undefined)
}

fn put_network_resource<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (url, data) = (args.text(scope, 0)?, args.text(scope, 1)?);
    if !inspector::agent(scope).put_resource(url, data) {
        return Err(Failure::range_error(
            "ERR_OUT_OF_RANGE",
            "no room for more network resources",
        ));
    }
    Ok(Return::Undefined)
}

fn is_enabled<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let agent = inspector::existing(&scope.env());
    Ok(agent.is_some_and(|agent| agent.is_active_outside()).into())
}

/// Puts `createTask` on the program's console: V8 does so once it has an inspector, programs see it from the start.
pub(crate) fn install_create_task(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let global = scope.get_current_context().global(scope);
    let console = scope.get_property(global, "console")?;
    let console = Object::try_from(console).map_err(|_| Failure::Pending)?;
    let function = scope
        .function("createTask", &CREATE_TASK)
        .ok_or(Failure::Pending)?;
    scope.set(console, "createTask", function.into());
    Ok(())
}

/// The function behind `console.createTask`.
pub(crate) static CREATE_TASK: Unlisted = Unlisted::new(create_task);

/// `console.createTask(name)` while nobody debugs: the task only runs its functions.
fn create_task<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let is_name =
        v8::Local::<v8::String>::try_from(args.get(0)).is_ok_and(|name| name.length() > 0);
    if !is_name {
        return Err(plain_error(
            scope,
            "First argument must be a non-empty string.",
        ));
    }
    let task = scope.object();
    let run = scope.function("run", &RUN_TASK).ok_or(Failure::Pending)?;
    scope.set(task, "run", run.into());
    Ok(task.into())
}

/// The function behind `task.run`.
pub(crate) static RUN_TASK: Unlisted = Unlisted::new(run_task);

/// `task.run(function)`.
fn run_task<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let Ok(function) = v8::Local::<v8::Function>::try_from(args.get(0)) else {
        return Err(plain_error(scope, "First argument must be a function."));
    };
    let nothing = scope.undefined();
    Ok(scope.call(function, nothing, &[])?.into())
}

/// An `Error` without a code, as V8 makes them.
fn plain_error(scope: &mut Scope<'_, '_>, text: &str) -> Failure {
    let error = v8::Exception::error(scope, scope.text(text));
    Failure::Thrown(v8::Global::new(scope, error))
}
