//! `internalBinding('trace_events')`: events written as Chrome's trace format into `node_trace.1.log`. Node:
//! `src/node_trace_events.cc`, src/tracing/*.
//!
//! What JavaScript traces, the milestones of start-up (`node.bootstrap`), the phases of the loop (`node.environment`). V8's own
//! events and those of C++ file operations are not there. One file: the rotation number is always 1.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use cenote_base::SysResult;
use cenote_base::abi::fs::{Mode, OpenFlags};
use cenote_kernel::syscall::{self, At};
use serde_json::json;

use crate::environment::{Environment, Stored};
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Field, Native, Object, Return, Scope, ScopeExt,
    attach,
};
use crate::shapes::Element;

pub(super) const BINDING: Binding = Binding::new("trace_events")
    .note("no events of V8's, of file operations and of native async resources")
    .function("setTraceCategoryStateUpdateHandler", set_handler)
    .function("getCategoryEnabledBuffer", get_category_enabled_buffer)
    .function("isTraceCategoryEnabled", is_trace_category_enabled)
    .function("getEnabledCategories", get_enabled_categories)
    .class(&CATEGORY_SET)
    .function("trace", trace);

/// What can be traced, as Node lists it.
pub(crate) const CATEGORIES: &[&str] = &[
    "node",
    "node.async_hooks",
    "node.bootstrap",
    "node.console",
    "node.dns.native",
    "node.environment",
    "node.fs.async",
    "node.fs.sync",
    "node.fs_dir.async",
    "node.fs_dir.sync",
    "node.http",
    "node.net.native",
    "node.perf",
    "node.perf.timerify",
    "node.perf.usertiming",
    "node.promises.rejections",
    "node.threadpoolwork.async",
    "node.threadpoolwork.sync",
    "node.vm.script",
    "v8",
];

static CATEGORY_SET: Class = Class::new("CategorySet", new_category_set)
    .method("enable", enable)
    .method("disable", disable);

/// Bytes of events kept before they go to the file.
const BUFFERED: usize = 256 << 10;

/// The tracing of an isolate.
#[derive(Default)]
struct Tracing {
    /// Categories that are on, with how many asked for each.
    categories: RefCell<BTreeMap<String, usize>>,
    /// What `--trace-event-categories` names.
    is_started: Cell<bool>,
    buffers: RefCell<Vec<(String, Field)>>,
    text: RefCell<String>,
    file: Cell<Option<cenote_base::Fd>>,
    has_failed: Cell<bool>,
    count: Cell<u64>,
}

impl Tracing {
    /// Whether a group (`node,node.console`) has a category that is on.
    fn is_enabled(&self, group: &str) -> bool {
        let categories = self.categories.borrow();
        !categories.is_empty()
            && group
                .split(',')
                .any(|category| categories.contains_key(category.trim()))
    }

    fn change(&self, names: &[String], on: bool) {
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
        drop(categories);
        for (category, field) in &*self.buffers.borrow() {
            field.set(0, f64::from(u8::from(self.is_enabled(category))));
        }
    }
}

/// One event.
struct Event<'a> {
    phase: char,
    category: &'a str,
    name: &'a str,
    id: Option<u64>,
    args: serde_json::Value,
}

fn add(env: &Environment, event: &Event<'_>) {
    let tracing = env.state::<Tracing>();
    let (pid, _) = env.pids();
    let now = env.clock().now().since_boot().as_micros();
    let mut object = json!({
        "pid": pid,
        "tid": pid,
        "ts": u64::try_from(now).unwrap_or(u64::MAX),
        "tts": 0,
        "ph": event.phase.to_string(),
        "cat": event.category,
        "dur": 0,
        "tdur": 0,
        "args": event.args,
    });
    if let (Some(id), Some(object)) = (event.id, object.as_object_mut()) {
        object.insert("id".into(), format!("0x{id:x}").into());
    }
    let separator = if tracing.count.replace(tracing.count.get() + 1) == 0 {
        "{\"traceEvents\":["
    } else {
        ","
    };
    let is_full = {
        let mut text = tracing.text.borrow_mut();
        text.push_str(separator);
        // Names are written as they are: JavaScript has escaped them already, where that is needed.
        text.push_str(&object.to_string().replacen(
            '{',
            &format!("{{\"name\":\"{}\",", event.name),
            1,
        ));
        text.len() > BUFFERED
    };
    if is_full {
        flush(env, &tracing);
    }
}

/// Writes what is buffered.
fn flush(env: &Environment, tracing: &Tracing) {
    let text = std::mem::take(&mut *tracing.text.borrow_mut());
    if tracing.has_failed.get() {
        return;
    }
    if let Err(error) = write(env, tracing, text.as_bytes()) {
        tracing.has_failed.set(true);
        tracing::debug!(target: "cenote::node", %error, "the trace file");
    }
}

fn write(env: &Environment, tracing: &Tracing, bytes: &[u8]) -> SysResult<()> {
    let task = env.task();
    let fd = match tracing.file.get() {
        Some(fd) => fd,
        None => {
            let pattern = env.command_line().text("--trace-event-file-pattern");
            let pattern = if pattern.is_empty() {
                "node_trace.${rotation}.log".to_owned()
            } else {
                pattern
            };
            let path = pattern
                .replace("${pid}", &env.pids().0.to_string())
                .replace("${rotation}", "1");
            let flags = OpenFlags::O_WRONLY
                | OpenFlags::O_CREAT
                | OpenFlags::O_TRUNC
                | OpenFlags::O_CLOEXEC;
            let mode = Mode::from_bits_truncate(0o644);
            let fd = crate::blocking::blocking(env, async || {
                syscall::openat(task, At::Cwd, path.as_bytes(), flags, mode).await
            })?;
            tracing.file.set(Some(fd));
            fd
        }
    };
    crate::program::write_all(task, fd, bytes);
    Ok(())
}

/// Starts what the command line asks for.
pub(crate) fn start(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    let categories = env.command_line().text("--trace-event-categories");
    if categories.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = categories.split(',').map(str::to_owned).collect();
    env.state::<Tracing>().change(&names, true);
    begin(scope)?;
    for name in ["environment", "nodeStart", "v8Start"] {
        note(&env, "node.bootstrap", name, 'R');
    }
    note(&env, "node.environment", "Environment", 'I');
    Ok(())
}

/// The first time anything is traced: who traces.
fn begin(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    if env.state::<Tracing>().is_started.replace(true) {
        return Ok(());
    }
    let metadata = |name: &str, args: serde_json::Value| {
        add(
            &env,
            &Event {
                phase: 'M',
                category: "__metadata",
                name,
                id: None,
                args,
            },
        );
    };
    let title = env.command_line().text("--title");
    if !title.is_empty() {
        metadata("process_name", json!({ "name": title }));
    }
    metadata("version", json!({ "node": env!("CENOTE_NODE_VERSION") }));
    metadata("thread_name", json!({ "name": "JavaScriptMainThread" }));
    metadata("thread_name", json!({ "name": "PlatformWorkerThread" }));
    let process = env.process(scope);
    let part = |scope: &mut Scope<'_, '_>, name: &str| -> Result<serde_json::Value, Failure> {
        let value = scope.get_property(process, name)?;
        Ok(to_json(scope, value))
    };
    let process = json!({
        "versions": part(scope, "versions")?,
        "arch": part(scope, "arch")?,
        "platform": part(scope, "platform")?,
        "release": part(scope, "release")?,
    });
    metadata("node", json!({ "process": process }));
    Ok(())
}

/// `process.title` changed.
pub(crate) fn note_title(env: &Environment, title: &str) {
    if env.state::<Tracing>().is_started.get() {
        let args = json!({ "name": title });
        add(
            env,
            &Event {
                phase: 'M',
                category: "__metadata",
                name: "process_name",
                id: None,
                args,
            },
        );
    }
}

/// A native event without arguments: an instant, a beginning (`B`) or an end (`E`).
pub(crate) fn note(env: &Environment, category: &str, name: &str, phase: char) {
    if env.state::<Tracing>().is_enabled(category) {
        add(
            env,
            &Event {
                phase,
                category,
                name,
                id: None,
                args: json!({}),
            },
        );
    }
}

/// Writes the rest, at the end of the process.
pub(crate) fn finish(env: &Environment) {
    let tracing = env.state::<Tracing>();
    if tracing.count.get() > 0 {
        tracing.text.borrow_mut().push_str("]}");
        flush(env, &tracing);
    }
}

fn to_json(scope: &mut Scope<'_, '_>, value: v8::Local<'_, v8::Value>) -> serde_json::Value {
    let value = v8::Local::new(scope, value);
    v8::tc_scope!(let catch, scope);
    v8::json::stringify(catch, value)
        .and_then(|text| serde_json::from_str(&text.to_rust_string_lossy(catch)).ok())
        .unwrap_or_default()
}

fn set_handler<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let handler = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::TraceCategoryUpdate, handler.into());
    Ok(().into())
}

/// An array whose one byte says whether the category is enabled.
fn get_category_enabled_buffer<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let category = args.text(scope, 0)?;
    let tracing = scope.env().state::<Tracing>();
    let field = Field::new(scope, Element::Uint8, 1, &[]);
    field.set(0, f64::from(u8::from(tracing.is_enabled(&category))));
    let view = field.view(scope);
    tracing.buffers.borrow_mut().push((category, field));
    Ok(view.into())
}

fn is_trace_category_enabled<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let category = args.text(scope, 0)?;
    Ok(scope.env().state::<Tracing>().is_enabled(&category).into())
}

fn get_enabled_categories<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let tracing = scope.env().state::<Tracing>();
    let names: Vec<String> = tracing.categories.borrow().keys().cloned().collect();
    if names.is_empty() {
        return Ok(Return::Undefined);
    }
    Ok(scope.string(&names.join(","))?.into())
}

/// The categories of a `Tracing` object.
struct CategorySet {
    names: Vec<String>,
    is_on: Cell<bool>,
    tracing: Rc<Tracing>,
}

impl Native for CategorySet {}

fn new_category_set<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.array(0)?;
    let mut names = Vec::new();
    for index in 0..list.length() {
        let name = list.get_index(scope, index).ok_or(Failure::Pending)?;
        names.push(name.to_rust_string_lossy(scope));
    }
    let tracing = scope.env().state::<Tracing>();
    let set = Rc::new(CategorySet {
        names,
        is_on: Cell::new(false),
        tracing,
    });
    attach(scope, args.this(), set);
    Ok(().into())
}

fn enable<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let set = args.native::<CategorySet>(scope)?;
    if !set.names.is_empty() && !set.is_on.replace(true) {
        set.tracing.change(&set.names, true);
        // It stays on even when the object is collected.
        let this: Object<'s> = args.this();
        scope.env().natives().keep(scope, this);
        begin(scope)?;
        update_state(scope)?;
    }
    Ok(().into())
}

fn disable<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let set = args.native::<CategorySet>(scope)?;
    if set.is_on.replace(false) {
        set.tracing.change(&set.names, false);
        let this: Object<'s> = args.this();
        scope.env().natives().release(scope, this);
        update_state(scope)?;
    }
    Ok(().into())
}

/// Tells JavaScript whether it should trace async hooks.
fn update_state(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    let is_enabled = env.state::<Tracing>().is_enabled("node,node.async_hooks");
    if let Some(handler) = env.stored_function(scope, Stored::TraceCategoryUpdate) {
        let flag = scope.boolean(is_enabled);
        scope.call(handler, scope.undefined(), &[flag])?;
    }
    Ok(())
}

/// `trace(phase, category, name, id, data)`.
fn trace<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let category = args.text(scope, 1)?;
    let env = scope.env();
    if !env.state::<Tracing>().is_enabled(&category) {
        return Ok(().into());
    }
    let phase = u8::try_from(args.u32(scope, 0)?).map_or('?', char::from);
    let name = args.text(scope, 2)?;
    let id = if args.is_undefined(3) {
        None
    } else {
        u64::try_from(args.i64(3)?).ok()
    };
    let data = args.get(4);
    let data = if data.is_undefined() {
        json!({})
    } else {
        json!({ "data": to_json(scope, data) })
    };
    add(
        &env,
        &Event {
            phase,
            category: &category,
            name: &name,
            // Events of these phases belong together by their id; others have none.
            id: id.filter(|id| *id != 0 || matches!(phase, 'b' | 'n' | 'e')),
            args: data,
        },
    );
    Ok(().into())
}
