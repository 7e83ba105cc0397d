//! The class `Worker`: a worker as its parent sees it. Node: `Worker` in `src/node_worker.cc`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use cenote_base::abi::signal::{SigMaskHow, SigSet};
use cenote_kernel::syscall;

use super::control::Control;
use crate::bindings::heap_utils;
use crate::bindings::messaging::channel::Port;
use crate::bindings::messaging::port::new_port;
use crate::bindings::permission::{self, Permission};
use crate::bindings::process::{SharedVariables, Variables};
use crate::environment::Environment;
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo};
use crate::event_loop::{CallContext, make_callback};
use crate::glue::{
    Args, BindingResult, Class, Failure, Field, Native, Object, Return, Scope, ScopeExt, Value,
    attach, native_of, with_bytes,
};
use crate::options::{CommandLine, WrongWorkerOptions};
use crate::shapes::Element;
use crate::threads::{LIMITS, Thread};
use crate::worker_thread::{self, Launch, NATIVE_STACK, OLD, STACK, YOUNG};

pub(crate) static WORKER: Class = Class::new("Worker", new_worker)
    .extends(&ASYNC_WRAP)
    .method("startThread", start_thread)
    .method("stopThread", stop_thread)
    .method("hasRef", has_ref)
    .method("ref", add_ref)
    .method("unref", remove_ref)
    .method("getResourceLimits", get_resource_limits)
    .method("loopStartTime", loop_start_time)
    .method("loopIdleTime", loop_idle_time)
    .partial_method(
        "getHeapStatistics",
        get_heap_statistics,
        "answered by the worker's loop: not while it is busy",
    )
    .partial_method(
        "takeHeapSnapshot",
        take_heap_snapshot,
        "always without V8's internals and without numbers; taken by the worker's loop: not while it is busy",
    )
    .partial_method(
        "startCpuProfile",
        start_cpu_profile,
        "answered by the worker's loop: not while it is busy",
    )
    .partial_method(
        "stopCpuProfile",
        stop_cpu_profile,
        "answered by the worker's loop: not while it is busy",
    )
    .partial_method(
        "startHeapProfile",
        start_heap_profile,
        "answered by the worker's loop: not while it is busy",
    )
    .partial_method(
        "stopHeapProfile",
        stop_heap_profile,
        "answered by the worker's loop: not while it is busy",
    )
    .partial_method(
        "cpuUsage",
        cpu_usage,
        "the whole process's; answered by the worker's loop",
    );

/// Limits in megabytes, if the program gives none; those of memory are the process's.
const DEFAULT_YOUNG: f64 = 48.0;
const DEFAULT_STACK: f64 = 4.0;
/// The least and the most a program can ask for.
const LEAST_OLD: f64 = 8.0;
const LEAST_YOUNG: f64 = 1.0;
const LEAST_STACK: f64 = 0.1875;
const MOST_STACK: f64 = 16.0;

/// The Rust side of a `Worker`.
struct Worker {
    info: AsyncInfo,
    control: Arc<Control>,
    limits: [f64; LIMITS],
    /// Until it is started.
    launch: RefCell<Option<Launch>>,
    thread: RefCell<Option<JoinHandle<()>>>,
    has_ref: Cell<bool>,
    is_counted: Cell<bool>,
    /// Its end was told.
    is_gone: Cell<bool>,
}

impl Native for Worker {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

impl Worker {
    fn count(&self, env: &Environment) {
        let wanted = self.has_ref.get() && self.thread.borrow().is_some();
        if wanted == self.is_counted.replace(wanted) {
            return;
        }
        if wanted {
            env.event_loop().add_ref();
        } else {
            env.event_loop().remove_ref();
        }
    }
}

/// The workers that run.
#[derive(Default)]
struct SubWorkers(RefCell<Vec<Rc<Worker>>>);

/// Stops all workers of an isolate that ends; waits for them if asked to.
pub(crate) fn stop_all(env: &Environment, waits: bool) {
    let all = std::mem::take(&mut *env.state::<SubWorkers>().0.borrow_mut());
    for worker in &all {
        worker.control.stop();
    }
    for worker in all {
        let thread = worker.thread.borrow_mut().take();
        if let Some(thread) = thread
            && waits
            && thread.join().is_err()
        {
            tracing::error!(target: "cenote::node", "a worker's thread panicked");
        }
    }
}

/// An array of strings.
fn strings<'s>(
    scope: &mut Scope<'s, '_>,
    value: Value<'s>,
) -> Result<Option<Vec<String>>, Failure> {
    let Ok(array) = v8::Local::<v8::Array>::try_from(value) else {
        return Ok(None);
    };
    let mut list = Vec::new();
    for index in 0..array.length() {
        let item = array.get_index(scope, index).ok_or(Failure::Pending)?;
        let text = item.to_string(scope).ok_or(Failure::Pending)?;
        list.push(text.to_rust_string_lossy(scope));
    }
    Ok(Some(list))
}

/// The environment a worker gets: a copy, the same, or one of its own.
fn variables_for<'s>(
    scope: &mut Scope<'s, '_>,
    given: Value<'s>,
) -> Result<SharedVariables, Failure> {
    let own = scope.env().state::<Variables>();
    if given.is_null() {
        return Ok(Arc::new(Mutex::new(own.pairs())));
    }
    let Ok(object) = Object::try_from(given) else {
        return Ok(own.share());
    };
    let mut pairs = Vec::new();
    let names = object
        .get_own_property_names(scope, v8::GetPropertyNamesArgs::default())
        .ok_or(Failure::Pending)?;
    for index in 0..names.length() {
        let name = names.get_index(scope, index).ok_or(Failure::Pending)?;
        let value = object.get(scope, name).ok_or(Failure::Pending)?;
        let value = value.to_string(scope).ok_or(Failure::Pending)?;
        pairs.push((
            name.to_rust_string_lossy(scope),
            value.to_rust_string_lossy(scope),
        ));
    }
    Ok(Arc::new(Mutex::new(pairs)))
}

/// The options a worker gets; refused ones are noted on the object, for JavaScript to throw.
fn options_for<'s>(
    scope: &mut Scope<'s, '_>,
    this: Object<'s>,
    exec_argv: Option<Vec<String>>,
    has_own_env: bool,
    variables: &SharedVariables,
) -> Option<CommandLine> {
    let env = scope.env();
    let line = env.command_line();
    let node_options = (has_own_env || exec_argv.is_some()).then(|| {
        let list = variables
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        list.iter()
            .find(|(name, _)| name == "NODE_OPTIONS")
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    });
    let mut outcome = line.for_worker(exec_argv.clone(), node_options.as_deref());
    if !has_own_env && matches!(outcome, Err(WrongWorkerOptions::NodeOptions(_))) {
        // The parent's variable, which the parent has survived.
        outcome = line.for_worker(exec_argv, Some(""));
    }
    let (name, words) = match outcome {
        Ok(mut line) => {
            let list = variables
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let find = |name: &str| list.iter().find(|(known, _)| known == name);
            line.add_environment(|name| find(name).map(|(_, value)| value.clone()));
            return Some(line);
        }
        Err(WrongWorkerOptions::ExecArgv(words)) => ("invalidExecArgv", words),
        Err(WrongWorkerOptions::NodeOptions(words)) => ("invalidNodeOptions", words),
    };
    let words: Vec<Value<'s>> = words.iter().map(|word| scope.text(word).into()).collect();
    let words = scope.array(&words);
    scope.set(this, name, words.into());
    None
}

/// Limits as they will be: what was asked for, within what the process may have.
fn limits_from(given: Value<'_>, heap: usize) -> [f64; LIMITS] {
    let mut limits = [-1.0; LIMITS];
    with_bytes(given, |bytes| {
        for (place, chunk) in limits.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *place = f64::from_ne_bytes(*chunk);
        }
    });
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let most = ((heap >> 20) as f64).max(LEAST_OLD);
    let mut settle = |index: usize, default: f64, least: f64, most: f64| {
        if let Some(limit) = limits.get_mut(index) {
            // NaN is not greater than zero.
            *limit = if *limit > 0.0 { *limit } else { default }.clamp(least, most);
        }
    };
    settle(
        YOUNG,
        DEFAULT_YOUNG.min(most),
        LEAST_YOUNG,
        most.max(LEAST_YOUNG),
    );
    settle(OLD, most, LEAST_OLD, most);
    settle(STACK, DEFAULT_STACK, LEAST_STACK, MOST_STACK);
    // Of code there is no limit of its own here.
    limits[2] = limits[2].max(0.0);
    limits
}

/// `new Worker(url, env, execArgv, resourceLimits, trackUnmanagedFds, isInternal, name)`.
fn new_worker<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if !args.is_construct_call() {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_REQUIRED",
            "Class constructor Worker cannot be invoked without `new`",
        ));
    }
    // Node's own, too: hooks of modules run in one.
    permission::check(scope, Permission::WorkerThreads, b"")?;
    let this = args.this();
    let env = scope.env();
    let variables = variables_for(scope, args.get(1))?;
    let exec_argv = strings(scope, args.get(2))?;
    let has_own_env = args.get(1).is_object();
    let Some(line) = options_for(scope, this, exec_argv, has_own_env, &variables) else {
        return Ok(Return::Undefined);
    };
    let group = Arc::clone(env.threads());
    let limits = limits_from(args.get(3), group.limits.heap);
    let id = group.next_thread_id();
    let name = args
        .get(6)
        .to_string(scope)
        .ok_or(Failure::Pending)?
        .to_rust_string_lossy(scope);
    let url = match args.get(0) {
        none if none.is_null_or_undefined() => String::new(),
        url => url.to_rust_string_lossy(scope),
    };
    let (own, theirs) = (Port::new(&group), Port::new(&group));
    own.entangle(&theirs);
    let info = AsyncInfo::unborn();
    let control = Arc::new(Control::default());
    let worker = Rc::new(Worker {
        info,
        control: Arc::clone(&control),
        limits,
        launch: RefCell::new(Some(Launch {
            control,
            thread: Thread {
                group,
                id,
                name: name.clone(),
                url,
                is_main: false,
                is_internal: args.bool(scope, 5),
                tracks_unmanaged_fds: args.bool(scope, 4) || env.thread().tracks_unmanaged_fds,
                limits,
            },
            line,
            variables,
            zone: crate::time_zone::name(scope),
            port: theirs,
        })),
        thread: RefCell::default(),
        has_ref: Cell::new(true),
        is_counted: Cell::new(false),
        is_gone: Cell::new(false),
    });
    attach(scope, this, Rc::clone(&worker));
    worker.info.reset(scope, this, "WORKER");
    let port = new_port(scope, own)?;
    scope.set(this, "messagePort", port.into());
    #[expect(clippy::cast_precision_loss, reason = "a count of threads")]
    let id = scope.number(id as f64);
    scope.set(this, "threadId", id);
    let name = scope.string(&name)?;
    scope.set(this, "threadName", name.into());
    Ok(Return::Undefined)
}

fn start_thread<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let worker = args.native::<Worker>(scope)?;
    let Some(launch) = worker.launch.borrow_mut().take() else {
        return Ok(Return::Undefined);
    };
    let env = scope.env();
    let refuse = |reason: &str| {
        Failure::error(
            "ERR_WORKER_INIT_FAILED",
            format!("Worker initialization failure: {reason}"),
        )
    };
    let task = syscall::clone_thread(env.task()).map_err(|error| refuse(error.errno().name()))?;
    // Signals are the main thread's.
    if syscall::rt_sigprocmask(&task, SigMaskHow::SetMask, Some(SigSet::ALL)).is_err() {
        task.finish();
        return Err(refuse("EINVAL"));
    }
    let Some(number) = crate::glue::native_number(scope, args.this()) else {
        task.finish();
        return Err(Failure::Pending);
    };
    let remote = env.event_loop().io().remote();
    let own = Arc::clone(&task);
    let thread = std::thread::Builder::new()
        .name(format!("node-{}-{}", task.pid().raw(), task.tid().raw()))
        .stack_size(launch.stack().saturating_add(NATIVE_STACK))
        .spawn(move || worker_thread::run(launch, own, remote, number))
        .map_err(|_| {
            task.finish();
            refuse("EAGAIN")
        })?;
    *worker.thread.borrow_mut() = Some(thread);
    worker.count(&env);
    env.natives().keep(scope, args.this());
    env.state::<SubWorkers>().0.borrow_mut().push(worker);
    Ok(Return::Undefined)
}

/// `terminate()`: now, whatever it does.
fn stop_thread<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<Worker>(scope)?.control.stop();
    Ok(Return::Undefined)
}

/// The loop's: the worker of this number has ended.
pub(crate) fn joined(scope: &mut Scope<'_, '_>, number: i32) {
    let env = scope.env();
    let Some(object) = env.natives().object(scope, number) else {
        return;
    };
    let Some(worker) = native_of::<Worker>(scope, object) else {
        return;
    };
    let thread = worker.thread.borrow_mut().take();
    if let Some(thread) = thread
        && thread.join().is_err()
    {
        tracing::error!(target: "cenote::node", "a worker's thread panicked");
        worker.control.set_exit(1, None);
    }
    env.state::<SubWorkers>()
        .0
        .borrow_mut()
        .retain(|other| !Rc::ptr_eq(other, &worker));
    let nothing = scope.undefined();
    scope.set(object, "messagePort", nothing);
    let (code, error) = worker.control.outcome();
    let (error, reason) = match error {
        Some((code, text)) => (scope.text(code).into(), scope.text(&text).into()),
        None => (scope.null(), scope.null()),
    };
    let args = [v8::Integer::new(scope, code).into(), error, reason];
    make_callback(
        scope,
        object,
        "onexit",
        &args,
        &CallContext::of(&worker.info),
    );
    worker.is_gone.set(true);
    worker.count(&env);
    env.natives().release(scope, object);
}

fn has_ref<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let worker = args.native::<Worker>(scope)?;
    if worker.is_gone.get() {
        return Ok(Return::Undefined);
    }
    Ok(worker.has_ref.get().into())
}

fn add_ref<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let worker = args.native::<Worker>(scope)?;
    worker.has_ref.set(true);
    worker.count(&scope.env());
    Ok(Return::Undefined)
}

fn remove_ref<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let worker = args.native::<Worker>(scope)?;
    worker.has_ref.set(false);
    worker.count(&scope.env());
    Ok(Return::Undefined)
}

fn get_resource_limits<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let worker = args.native::<Worker>(scope)?;
    let values: Vec<(usize, f64)> = worker.limits.into_iter().enumerate().collect();
    let field = Field::new(scope, Element::Float64, LIMITS, &values);
    Ok(field.view(scope).into())
}

fn loop_start_time<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let worker = args.native::<Worker>(scope)?;
    Ok(worker.control.loop_start().unwrap_or(-1.0).into())
}

fn loop_idle_time<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let worker = args.native::<Worker>(scope)?;
    Ok(worker.control.loop_idle().unwrap_or(-1.0).into())
}

/// Objects whose `ondone` waits for an answer of a worker.
#[derive(Default)]
struct Takers {
    next: Cell<u64>,
    waiting: RefCell<HashMap<u64, v8::Global<v8::Object>>>,
}

/// Has the worker's loop answer a question; the object's `ondone` gets what `tell` makes of the answer. `undefined` when the
/// worker does not run.
fn ask<'s, A: Send + 'static>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    question: impl FnOnce(&mut Scope<'_, '_>) -> A + Send + 'static,
    tell: impl for<'t, 'i> FnOnce(&mut Scope<'t, 'i>, Object<'t>, A) + Send + 'static,
) -> BindingResult<'s> {
    let worker = args.native::<Worker>(scope)?;
    let Some(remote) = worker.control.remote() else {
        return Ok(Return::Undefined);
    };
    let env = scope.env();
    let takers = env.state::<Takers>();
    let id = takers.next.replace(takers.next.get().wrapping_add(1));
    let taker = scope.object();
    takers
        .waiting
        .borrow_mut()
        .insert(id, v8::Global::new(scope, taker));
    let back = env.event_loop().io().remote();
    remote.send(move |scope| {
        let answer = question(scope);
        back.send(move |scope| {
            let taker = scope
                .env()
                .state::<Takers>()
                .waiting
                .borrow_mut()
                .remove(&id);
            if let Some(taker) = taker {
                let taker = v8::Local::new(scope, &taker);
                tell(scope, taker, answer);
            }
        });
    });
    Ok(taker.into())
}

fn get_heap_statistics<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    ask(
        scope,
        args,
        |scope| {
            let statistics = scope.get_heap_statistics();
            [
                ("total_heap_size", statistics.total_heap_size()),
                (
                    "total_heap_size_executable",
                    statistics.total_heap_size_executable(),
                ),
                ("total_physical_size", statistics.total_physical_size()),
                ("total_available_size", statistics.total_available_size()),
                ("used_heap_size", statistics.used_heap_size()),
                ("heap_size_limit", statistics.heap_size_limit()),
                ("malloced_memory", statistics.malloced_memory()),
                ("peak_malloced_memory", statistics.peak_malloced_memory()),
                (
                    "does_zap_garbage",
                    usize::from(statistics.does_zap_garbage()),
                ),
                (
                    "number_of_native_contexts",
                    statistics.number_of_native_contexts(),
                ),
                (
                    "number_of_detached_contexts",
                    statistics.number_of_detached_contexts(),
                ),
                (
                    "total_global_handles_size",
                    statistics.total_global_handles_size(),
                ),
                (
                    "used_global_handles_size",
                    statistics.used_global_handles_size(),
                ),
                ("external_memory", statistics.external_memory()),
            ]
        },
        |scope, taker, values| {
            let object = scope.null_object();
            for (name, value) in values {
                #[expect(clippy::cast_precision_loss, reason = "sizes fit a double")]
                let value = scope.number(value as f64);
                scope.set(object, name, value);
            }
            make_callback(scope, taker, "ondone", &[object.into()], &CallContext::ROOT);
        },
    )
}

fn cpu_usage<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    ask(
        scope,
        args,
        |scope| {
            let time = scope.env().thread_time();
            [
                ("user", (time.as_secs_f64() * 1e6).floor()),
                ("system", 0.0),
            ]
        },
        |scope, taker, values| {
            let object = scope.object();
            for (name, value) in values {
                let value = scope.number(value);
                scope.set(object, name, value);
            }
            let args = [scope.null(), object.into()];
            make_callback(scope, taker, "ondone", &args, &CallContext::ROOT);
        },
    )
}

fn take_heap_snapshot<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    ask(
        scope,
        args,
        heap_utils::take_snapshot,
        |scope, taker, chunks| {
            if let Ok(stream) = heap_utils::stream_of(scope, chunks) {
                let args = [stream.into()];
                make_callback(scope, taker, "ondone", &args, &CallContext::ROOT);
            }
        },
    )
}

/// The worker's heap profile under way, if there is one.
#[derive(Default)]
struct HeapProfile(Cell<Option<i32>>);

/// Tells a taker `(error, value)`: the value as text, or that there is no profile.
fn tell_profile<'t>(scope: &mut Scope<'t, '_>, taker: Object<'t>, profile: Option<String>) {
    let text = profile.and_then(|profile| scope.string(&profile).ok());
    let args: [Value<'_>; 2] = match text {
        Some(text) => [scope.null(), text.into()],
        None => {
            let error = v8::Exception::error(scope, scope.text("profile not started"));
            [error, scope.undefined()]
        }
    };
    make_callback(scope, taker, "ondone", &args, &CallContext::ROOT);
}

fn start_cpu_profile<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    ask(
        scope,
        args,
        crate::inspector::start_cpu_profile,
        |scope, taker, number| {
            let args = [scope.null(), scope.number(f64::from(number))];
            make_callback(scope, taker, "ondone", &args, &CallContext::ROOT);
        },
    )
}

fn stop_cpu_profile<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let number = args.i32(scope, 0)?;
    ask(
        scope,
        args,
        move |scope| crate::inspector::stop_cpu_profile(&scope.env(), number),
        tell_profile,
    )
}

fn start_heap_profile<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    ask(
        scope,
        args,
        |scope| {
            let own = scope.env().state::<HeapProfile>();
            let is_free = own.0.get().is_none();
            if is_free {
                own.0.set(Some(crate::inspector::start_heap_profile(scope)));
            }
            is_free
        },
        |scope, taker, started| {
            let error = if started {
                scope.null()
            } else {
                v8::Exception::error(scope, scope.text("heap profile already started"))
            };
            make_callback(scope, taker, "ondone", &[error], &CallContext::ROOT);
        },
    )
}

fn stop_heap_profile<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    ask(
        scope,
        args,
        |scope| {
            let env = scope.env();
            let number = env.state::<HeapProfile>().0.take()?;
            crate::inspector::stop_heap_profile(&env, number)
        },
        tell_profile,
    )
}
