//! What an isolate traces, and for whom: [`Tracing`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::environment::{Environment, Stored};
use crate::glue::{Failure, Field, Scope, ScopeExt};
use crate::trace::Event;
use crate::trace::file::TraceFile;

/// Bytes of events that are collected for debuggers at most; what comes then is lost.
const MOST_COLLECTED: usize = 16 << 20;

/// The tracing of an isolate.
#[derive(Default)]
pub(crate) struct Tracing {
    /// Categories that are on, with how many asked for each.
    categories: RefCell<BTreeMap<String, usize>>,
    /// What tells JavaScript whether a category is on.
    buffers: RefCell<Vec<(String, Field)>>,
    /// How many want the file.
    file_users: Cell<usize>,
    file: TraceFile,
    /// Calls that block the loop are told on standard error (`--trace-sync-io`).
    shows_sync_calls: Cell<bool>,
    /// The file has been told who traces.
    is_introduced: Cell<bool>,
    /// Debuggers that trace: their categories, and where their events begin.
    sessions: RefCell<BTreeMap<i32, (Vec<String>, usize)>>,
    collected: RefCell<Vec<String>>,
    collected_bytes: Cell<usize>,
    next_id: Cell<u64>,
}

impl Tracing {
    /// Whether a group (`node,node.console`) has a category that is on.
    pub(crate) fn is_enabled(&self, group: &str) -> bool {
        let categories = self.categories.borrow();
        !categories.is_empty()
            && group
                .split(',')
                .any(|category| categories.contains_key(category.trim()))
    }

    /// The categories that are on.
    pub(crate) fn enabled(&self) -> Vec<String> {
        self.categories.borrow().keys().cloned().collect()
    }

    /// Keeps what tells JavaScript whether a category is on.
    pub(crate) fn add_buffer(&self, category: String, field: Field) {
        field.set(0, f64::from(u8::from(self.is_enabled(&category))));
        self.buffers.borrow_mut().push((category, field));
    }

    /// An id for events that belong together.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id.set(self.next_id.get() + 1);
        self.next_id.get()
    }

    /// Whether the file was told something before; it is from now on.
    pub(super) fn is_introduced(&self) -> bool {
        self.is_introduced.get()
    }

    fn change(&self, env: &Environment, names: &[String], on: bool) {
        let mut categories = self.categories.borrow_mut();
        for name in names {
            if on {
                *categories.entry(name.clone()).or_default() += 1;
            } else if let Some(count) = categories.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    categories.remove(name);
                }
            }
        }
        env.set_traced(!categories.is_empty() || self.shows_sync_calls.get());
        if env.is_main_thread() {
            let writes_file = self.file_users.get() > 0;
            env.threads().trace.publish(&categories, writes_file);
        }
        drop(categories);
        for (category, field) in &*self.buffers.borrow() {
            field.set(0, f64::from(u8::from(self.is_enabled(category))));
        }
    }

    /// Traces these categories into the file from now on.
    ///
    /// # Errors
    /// When the process object is not what it was.
    pub(crate) fn begin_file(
        &self,
        scope: &mut Scope<'_, '_>,
        names: &[String],
    ) -> Result<(), Failure> {
        let env = scope.env();
        self.file_users.set(self.file_users.get() + 1);
        self.change(&env, names, true);
        if env.is_main_thread() && !self.is_introduced.replace(true) {
            for event in introduction(scope)? {
                self.file.push(&env, &event);
            }
        }
        Ok(())
    }

    /// No longer.
    pub(crate) fn end_file(&self, env: &Environment, names: &[String]) {
        self.file_users.set(self.file_users.get().saturating_sub(1));
        self.change(env, names, false);
    }

    fn collect(&self, event: String) {
        let bytes = self.collected_bytes.get() + event.len();
        if !self.sessions.borrow().is_empty() && bytes <= MOST_COLLECTED {
            self.collected_bytes.set(bytes);
            self.collected.borrow_mut().push(event);
        }
    }
}

/// Whether a group of categories is traced.
pub(crate) fn is_enabled(env: &Environment, group: &str) -> bool {
    env.is_traced() && env.state::<Tracing>().is_enabled(group)
}

/// Traces an event, whatever is on.
pub(crate) fn add(env: &Environment, event: &Event<'_>) {
    let tracing = env.state::<Tracing>();
    let text = event.to_text(env);
    if tracing.file_users.get() > 0 {
        tracing.file.push(env, &text);
    }
    tracing.collect(text);
}

/// Starts what the command line asks for.
///
/// # Errors
/// When the process object is not what it was.
pub(crate) fn start(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    let categories = env.command_line().text("--trace-event-categories");
    if categories.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = categories.split(',').map(str::to_owned).collect();
    env.state::<Tracing>().begin_file(scope, &names)?;
    for name in ["environment", "nodeStart", "v8Start"] {
        super::note(&env, "node.bootstrap", name, 'R');
    }
    super::note(&env, "node.environment", "Environment", 'I');
    Ok(())
}

/// A worker traces what its process traces when it starts.
///
/// # Errors
/// None that are known.
pub(crate) fn start_in_worker(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    match env.threads().trace.published() {
        Some(names) => env.state::<Tracing>().begin_file(scope, &names),
        None => Ok(()),
    }
}

/// Writes the rest, at the end of the thread.
pub(crate) fn finish(env: &Environment) {
    if env.is_traced() || env.state::<Tracing>().is_introduced() {
        env.state::<Tracing>().file.finish(env);
    }
}

/// Whether calls that block the loop are told from now on, if the command line wants that.
pub(crate) fn show_sync_calls(env: &Environment, on: bool) {
    if env.command_line().is("--trace-sync-io") {
        let tracing = env.state::<Tracing>();
        tracing.shows_sync_calls.set(on);
        tracing.change(env, &[], true);
    }
}

/// A call blocks the loop. Node: `Environment::PrintSyncTrace`.
pub(crate) fn sync_call(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    if env.state::<Tracing>().shows_sync_calls.get() {
        let pid = env.pids().0;
        let stack = crate::bindings::stack_trace(scope);
        let text = format!("(node:{pid}) WARNING: Detected use of sync API\n{stack}");
        env.print_error(text.as_bytes());
    }
}

/// Tells the program whether it should trace its async hooks.
///
/// # Errors
/// What its handler throws.
pub(crate) fn tell_program(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    let is_enabled = is_enabled(&env, "node,node.async_hooks");
    if let Some(handler) = env.stored_function(scope, Stored::TraceCategoryUpdate) {
        let flag = scope.boolean(is_enabled);
        scope.call(handler, scope.undefined(), &[flag])?;
    }
    Ok(())
}

/// `NodeTracing.start` of a debugger's session.
///
/// # Errors
/// Node's words for why not.
pub(crate) fn start_session(
    scope: &mut Scope<'_, '_>,
    session: i32,
    names: Vec<String>,
) -> Result<(), &'static str> {
    let env = scope.env();
    let tracing = env.state::<Tracing>();
    if tracing.sessions.borrow().contains_key(&session) {
        return Err("Call NodeTracing::end to stop tracing before updating the config");
    }
    if names.is_empty() {
        return Err("At least one category should be enabled");
    }
    let start = tracing.collected.borrow().len();
    tracing.change(&env, &names, true);
    tracing
        .sessions
        .borrow_mut()
        .insert(session, (names, start));
    v8::tc_scope!(let catch, scope);
    let told = introduction(catch).map(|events| {
        for event in events {
            tracing.collect(event);
        }
    });
    if told.and_then(|()| tell_program(catch)).is_err() {
        tracing::debug!(target: "cenote::node", "the program's trace handler threw");
    }
    Ok(())
}

/// The events since the session's start, which it ends; `None` if there was none.
pub(crate) fn stop_session(scope: &mut Scope<'_, '_>, session: i32) -> Option<Vec<String>> {
    let env = scope.env();
    let tracing = env.state::<Tracing>();
    let (names, start) = tracing.sessions.borrow_mut().remove(&session)?;
    tracing.change(&env, &names, false);
    let events = tracing
        .collected
        .borrow()
        .get(start..)
        .map(<[String]>::to_vec)
        .unwrap_or_default();
    if tracing.sessions.borrow().is_empty() {
        tracing.collected.take();
        tracing.collected_bytes.set(0);
    }
    if env.can_call_into_js() {
        v8::tc_scope!(let catch, scope);
        if tell_program(catch).is_err() {
            tracing::debug!(target: "cenote::node", "the program's trace handler threw");
        }
    }
    Some(events)
}

/// Who traces: what stands at the start of every trace.
fn introduction(scope: &mut Scope<'_, '_>) -> Result<Vec<String>, Failure> {
    let env = scope.env();
    let mut events = Vec::new();
    let mut metadata = |name: &str, args: Json| {
        let event = Event {
            phase: 'M',
            category: "__metadata",
            name,
            id: None,
            args,
            span: None,
        };
        events.push(event.to_text(&env));
    };
    let title = env.command_line().text("--title");
    if !title.is_empty() {
        metadata("process_name", json!({ "name": title }));
    }
    metadata("version", json!({ "node": env!("CENOTE_NODE_VERSION") }));
    metadata("thread_name", json!({ "name": "JavaScriptMainThread" }));
    metadata("thread_name", json!({ "name": "PlatformWorkerThread" }));
    let process = env.process(scope);
    let mut about = serde_json::Map::new();
    for name in ["versions", "arch", "platform", "release"] {
        let value = scope.get_property(process, name)?;
        about.insert(name.to_owned(), to_json(scope, value));
    }
    metadata("node", json!({ "process": about }));
    Ok(events)
}

/// A value of the program's; `null` when it is none that JSON has.
pub(crate) fn to_json(scope: &mut Scope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Json {
    let value = v8::Local::new(scope, value);
    v8::tc_scope!(let catch, scope);
    v8::json::stringify(catch, value)
        .and_then(|text| serde_json::from_str(&text.to_rust_string_lossy(catch)).ok())
        .unwrap_or_default()
}
