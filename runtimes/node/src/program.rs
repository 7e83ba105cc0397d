//! One `node` process: its thread, its isolate, its main script, its end.
//!
//! [`run`] is the life of the thread: parse the command line, restore the snapshot, run the main script, spin the loop, tell
//! the kernel how it ended. Signals of the kernel reach JavaScript through [`note_signals`] and the loop's poll phase
//! ([`serve_kernel`]); the end of the process (a fatal signal, `exit_group`) stops V8 from whatever thread it comes.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cenote_base::abi::fs::OpenFlags;
use cenote_base::abi::wait::WaitStatus;
use cenote_base::abi::{Errno, SigNum};
use cenote_base::wait::{Registration, block_on};
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall::At;
use cenote_kernel::{Delivery, Interrupter, Program, Task, syscall};

use crate::bindings::contextify::{Interruption, interruption};
use crate::bindings::{performance, process};
use crate::environment::Environment;
use crate::event_loop::{self, Remote};
use crate::glue::{
    Failure, Scope, ScopeExt, guard_heap, install_isolate_callbacks, set_stack_limit,
    stop_when_exhausted,
};
use crate::isolate::{HeapLimits, create_params, initialize_v8};
use crate::loader;
use crate::options::CommandLine;
use crate::platform::Foreground;
use crate::preload;
use crate::snapshot;
use crate::threads::{Thread, ThreadGroup};

/// Status of a process that could not start.
const BOOTSTRAP_FAILURE: u8 = 10;
/// Status of a process whose command line is wrong.
const INVALID_COMMAND_LINE_ARGUMENT: u8 = 9;

/// The end of a process that aborts.
pub(crate) const ABORTED: WaitStatus = WaitStatus::Signaled {
    signal: SigNum::SIGABRT,
    core: false,
};

/// Stops the isolate, and wakes its loop, from any thread.
struct Stopper {
    isolate: v8::IsolateHandle,
    remote: Remote,
    task: std::sync::Weak<Task>,
    interruption: Arc<Interruption>,
    group: Arc<ThreadGroup>,
}

impl Interrupter for Stopper {
    fn interrupt(&self, must_end: bool) {
        let breaks = self.interruption.is_wanted()
            && self
                .task
                .upgrade()
                .is_some_and(|task| task.is_pending(SigNum::SIGINT));
        if must_end || breaks {
            self.isolate.terminate_execution();
        }
        if let Some(task) = self.task.upgrade() {
            crate::inspector::signal_came(&self.group, &task);
        }
        self.remote.wake();
    }
}

/// Signals with a handler that came and were not told to JavaScript yet.
#[derive(Default)]
struct NotedSignals {
    list: RefCell<Vec<SigNum>>,
}

/// The whole life of a process, on its own thread.
pub(crate) fn run(task: &Arc<Task>, limits: HeapLimits) -> Option<Box<dyn Program>> {
    match live(task, limits) {
        End::Status(status) => {
            task.exit(status);
            None
        }
        End::Becomes(program) => Some(program),
    }
}

/// How a process's time as node ends.
enum End {
    Status(WaitStatus),
    /// It is another program from here on (`execve`).
    Becomes(Box<dyn Program>),
}

impl From<WaitStatus> for End {
    fn from(status: WaitStatus) -> Self {
        Self::Status(status)
    }
}

fn live(task: &Arc<Task>, limits: HeapLimits) -> End {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let argv: Vec<String> = task.argv().iter().map(text).collect();
    let envp = task.envp();
    let node_options = envp.iter().find_map(|entry| {
        entry
            .strip_prefix(b"NODE_OPTIONS=")
            .map(|value| String::from_utf8_lossy(value).into_owned())
    });
    // The file of this program, which may be a copy under another name.
    let own = syscall::readlinkat(task, At::Cwd, b"/proc/self/exe");
    let own = own.map_or_else(|_| "/usr/bin/node".to_owned(), |path| text(&path));
    let mut line = match CommandLine::parse(&own, &argv, node_options.as_deref()) {
        Ok(line) => line,
        Err(message) => {
            write_all(task, Fd::new(2), message.as_bytes());
            return WaitStatus::Exited(INVALID_COMMAND_LINE_ARGUMENT).into();
        }
    };
    if line.is("--version") {
        write_all(
            task,
            Fd::new(1),
            format!("v{}\n", env!("CENOTE_NODE_VERSION")).as_bytes(),
        );
        return WaitStatus::Exited(0).into();
    }
    preload::add(task, &mut line);
    let blob = match snapshot::blob() {
        Ok(blob) => blob,
        Err(error) => {
            tracing::error!(target: "cenote::node", %error, "no start-up snapshot");
            write_all(task, Fd::new(2), format!("node: {error}\n").as_bytes());
            return WaitStatus::Exited(BOOTSTRAP_FAILURE).into();
        }
    };
    run_isolate(task, limits, line, blob)
}

fn run_isolate(
    task: &Arc<Task>,
    mut limits: HeapLimits,
    line: CommandLine,
    blob: &'static [u8],
) -> End {
    initialize_v8();
    // A guest may ask for less than the machine allows, not for more.
    if let Some(megabytes) = line
        .v8_option("--max-old-space-size")
        .and_then(|value| value.parse::<usize>().ok())
    {
        limits.heap = limits
            .heap
            .min(megabytes.saturating_mul(1 << 20))
            .max(16 << 20);
    }
    let threads = ThreadGroup::new(limits);
    let start = Start {
        task,
        params: create_params(limits, &threads.quota).snapshot_blob(v8::StartupData::from(blob)),
        line,
        thread: Thread::main(Arc::clone(&threads)),
        stack: None,
        has_snapshot: true,
    };
    let ended = with_isolate(start, |_| {}, run_program);
    threads.close_ports();
    let Some(mut ended) = ended else {
        return WaitStatus::Exited(BOOTSTRAP_FAILURE).into();
    };
    let next = ended.next_program.take();
    let status = status(task, ended, limits);
    next.map_or(End::Status(status), End::Becomes)
}

/// What the isolate of a thread is made with.
pub(crate) struct Start<'a> {
    pub(crate) task: &'a Arc<Task>,
    pub(crate) params: v8::CreateParams,
    pub(crate) line: CommandLine,
    pub(crate) thread: Thread,
    /// How many bytes of stack JavaScript may use from here; V8's default otherwise.
    pub(crate) stack: Option<usize>,
    /// Whether Node's library comes from the snapshot; the caller runs its bootstrap otherwise.
    pub(crate) has_snapshot: bool,
}

/// How the program of an isolate ended.
pub(crate) struct Ended {
    pub(crate) outcome: Result<i32, Failure>,
    /// The status given by `process.exit()` or by a fatal error.
    pub(crate) exit_code: Option<i32>,
    pub(crate) is_aborted: bool,
    /// It reached its heap limit.
    pub(crate) is_exhausted: bool,
    /// What the process becomes (`execve`).
    next_program: Option<Box<dyn Program>>,
}

/// The whole life of an isolate, on this thread: made, told to the kernel, run, taken down. `begin` sees the environment before
/// anything runs. `None` when there is no context, which is a bug.
pub(crate) fn with_isolate(
    start: Start<'_>,
    begin: impl FnOnce(&Environment),
    run: impl FnOnce(&mut Scope<'_, '_>) -> Result<i32, Failure>,
) -> Option<Ended> {
    let task = start.task;
    let is_main = start.thread.is_main;
    let quota = Arc::clone(&start.thread.group.quota);
    let mut isolate = v8::Isolate::new(start.params);
    if let Some(bytes) = start.stack {
        set_stack_limit(&mut isolate, bytes);
    }
    isolate.set_slot(quota);
    let exhausted = guard_heap(&mut isolate);
    let clock = Arc::clone(task.kernel().clock());
    let env = Environment::new(
        &mut isolate,
        clock,
        Some(Arc::clone(task)),
        start.line,
        start.thread,
    );
    stop_when_exhausted(&isolate, env.stop_flag());
    install_isolate_callbacks(&mut isolate);
    crate::glue::listen_to_messages(&mut isolate);
    let date_clock = crate::glue::date_clock::set(Arc::clone(env.clock()));
    let registrations = listen_to_kernel(task, &env);
    let foreground = Foreground::register(
        &isolate,
        Arc::clone(env.steady_clock()),
        Arc::clone(env.event_loop().io().waiter()),
    );
    env.set_foreground(Arc::clone(foreground.foreground()));
    begin(&env);
    let outcome = {
        v8::scope!(let scope, &mut isolate);
        let options = v8::ContextOptions::default();
        let context = if start.has_snapshot {
            v8::Context::from_snapshot(scope, snapshot::MAIN_CONTEXT, options)
        } else {
            Some(v8::Context::new(scope, options))
        };
        let outcome = context.map(|context| {
            let scope = &mut v8::ContextScope::new(scope, context);
            env.set_context(v8::Global::new(scope, context));
            run(scope)
        });
        if !task.must_end() {
            crate::bindings::compile_cache::persist(&env);
        }
        if is_main && !task.must_end() {
            for name in ["RunCleanup", "AtExit"] {
                crate::bindings::trace_events::note(&env, "node.environment", name, 'I');
            }
            crate::bindings::trace_events::finish(&env);
        }
        // Whatever is left must not call back into a dying isolate.
        env.stop();
        crate::bindings::worker::handle::stop_all(&env, !is_main);
        crate::bindings::worker::unmanaged::close_all(&env);
        env.clear();
        outcome
    };
    drop(registrations);
    drop(foreground);
    let heap_guard = crate::glue::take_heap_guard(&mut isolate);
    crate::glue::stop_listening(&mut isolate);
    isolate.remove_slot::<Rc<Environment>>();
    let next_program = env.take_next_program();
    let ended = outcome.map(|outcome| Ended {
        outcome,
        exit_code: env.exit_code(),
        is_aborted: env.is_aborted(),
        is_exhausted: exhausted.load(Ordering::SeqCst),
        next_program,
    });
    if ended.is_none() {
        tracing::error!(target: "cenote::node", "the snapshot has no main context");
    }
    drop(env);
    drop(isolate);
    drop(heap_guard);
    drop(date_clock);
    ended
}

/// Has the kernel interrupt the isolate, and wake its loop for signals and ended children.
fn listen_to_kernel(task: &Arc<Task>, env: &Environment) -> [Registration; 2] {
    let remote = env.event_loop().io().remote();
    task.set_interrupter(Arc::new(Stopper {
        isolate: env.isolate_handle().clone(),
        remote,
        task: Arc::downgrade(task),
        interruption: interruption(env),
        group: Arc::clone(env.threads()),
    }));
    let waiter: Arc<dyn cenote_base::wait::Observer> =
        Arc::clone(env.event_loop().io().waiter()) as _;
    [
        task.signal_queue().register(Arc::clone(&waiter)),
        task.child_queue().register(waiter),
    ]
}

/// How the process ended.
fn status(task: &Arc<Task>, ended: Ended, limits: HeapLimits) -> WaitStatus {
    if ended.is_exhausted {
        let megabytes = limits.heap >> 20;
        let text = format!(
            "\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory (limit js_heap: {megabytes} MiB)\n"
        );
        write_all(task, Fd::new(2), text.as_bytes());
    }
    if ended.is_exhausted || ended.is_aborted {
        return ABORTED;
    }
    match (ended.exit_code, ended.outcome) {
        (Some(code), _) | (None, Ok(code)) => WaitStatus::Exited(code.to_le_bytes()[0]),
        (None, Err(failure)) => {
            if !task.must_end() {
                tracing::error!(target: "cenote::node", ?failure, "the program ended without a status");
            }
            WaitStatus::Exited(1)
        }
    }
}

/// Restores what the snapshot carries, runs the main script and the loop.
fn run_program(scope: &mut Scope<'_, '_>) -> Result<i32, Failure> {
    let env = scope.env();
    let packed = scope
        .get_context_data_from_snapshot_once::<v8::Array>(0)
        .map_err(|_| Failure::error("ERR_INTERNAL_ASSERTION", "the snapshot carries no state"))?;
    env.restore(scope, packed).ok_or(Failure::Pending)?;
    process::load_environment(scope, &env.task().envp());
    if !load_env_files(scope) {
        return Ok(i32::from(INVALID_COMMAND_LINE_ARGUMENT));
    }
    let process = env.process(scope);
    process::create_env(scope, process)?;
    let zone = process::variable(scope, "TZ");
    crate::time_zone::start(scope, zone.as_deref())?;
    performance::start(scope)?;
    crate::bindings::compile_cache::enable_by_environment(scope);
    crate::bindings::trace_events::start(scope)?;
    crate::natives_syntax::install(scope)?;
    apply_v8_options(scope)?;
    crate::frozen::hide_shared_memory(scope)?;
    crate::return_value::install(scope)?;
    crate::inspector::begin(scope)?;
    let main = env
        .command_line()
        .main_script(env.handle_type(0) == handle_types::TTY);
    event_loop::run_main(scope, |scope| loader::run_main(scope, main));
    performance::mark_loop(scope, false)?;
    let code = event_loop::spin(scope)?;
    performance::mark_loop(scope, true)?;
    crate::inspector::at_exit(scope);
    Ok(code)
}

/// Reads `--env-file`s; variables that are set already stay. Whether all files that must be there are.
fn load_env_files(scope: &Scope<'_, '_>) -> bool {
    let env = scope.env();
    let line = env.command_line();
    let required = line.list("--env-file").into_iter().map(|path| (path, true));
    let optional = line
        .list("--env-file-if-exists")
        .into_iter()
        .map(|path| (path, false));
    for (path, is_required) in required.chain(optional) {
        match env.read_file(path.as_bytes()) {
            Ok(text) => {
                let pairs = crate::dotenv::parse(&String::from_utf8_lossy(&text));
                process::add_missing_variables(scope, pairs);
            }
            Err(_) if is_required => {
                env.print_error(format!("{}: {path}: not found\n", line.argv0).as_bytes());
                return false;
            }
            Err(_) => {}
        }
    }
    true
}

/// V8's options that can be honoured for one isolate.
pub(crate) fn apply_v8_options(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    let line = env.command_line();
    let global = scope.get_current_context().global(scope);
    if let Some(limit) = line.given_number("--stack-trace-limit") {
        let error = crate::glue::Object::try_from(scope.get_property(global, "Error")?)
            .map_err(|_| Failure::Pending)?;
        let limit = scope.number(limit);
        scope.set(error, "stackTraceLimit", limit);
    }
    if line
        .v8_option("--expose-gc")
        .or(line.v8_option("--expose_gc"))
        .is_some()
    {
        let gc = scope
            .function("gc", collect_garbage)
            .ok_or(Failure::Pending)?;
        let key = scope.name("gc");
        let _defined = global.define_own_property(
            scope,
            key.into(),
            gc.into(),
            v8::PropertyAttribute::DONT_ENUM,
        );
    }
    Ok(())
}

/// `gc()`, under `--expose-gc`.
pub(crate) fn collect_garbage<'s>(
    scope: &mut Scope<'s, '_>,
    _args: &crate::glue::Args<'s>,
) -> crate::glue::BindingResult<'s> {
    scope.low_memory_notification();
    Ok(().into())
}

/// Takes signals from the kernel: those with a handler are noted for JavaScript, the others have had their effect.
pub(crate) fn note_signals(env: &Environment) {
    let task = env.task();
    loop {
        match block_on(task.next_delivery()) {
            Delivery::None => return,
            Delivery::Handler(call) => {
                env.state::<NotedSignals>()
                    .list
                    .borrow_mut()
                    .push(call.signal);
                task.handler_returned(&call);
                if call.signal == SigNum::SIGINT && interruption(env).is_wanted() {
                    env.isolate_handle().terminate_execution();
                }
            }
            Delivery::End => {
                env.stop();
                return;
            }
        }
    }
}

/// Takes a signal out of those that were noted for JavaScript. Whether it was there.
pub(crate) fn take_noted(env: &Environment, signal: SigNum) -> bool {
    let noted = env.state::<NotedSignals>();
    let mut list = noted.list.borrow_mut();
    let before = list.len();
    list.retain(|known| *known != signal);
    list.len() != before
}

/// Serves what the kernel has for this process: signals, ended children, the order to end. Whether there was anything.
pub(crate) fn serve_kernel(scope: &mut Scope<'_, '_>) -> bool {
    let env = scope.env();
    let task = env.task();
    if task.must_end() {
        env.stop();
        return true;
    }
    if task.has_deliverable_signal() {
        note_signals(&env);
    }
    let noted = std::mem::take(&mut *env.state::<NotedSignals>().list.borrow_mut());
    let worked = !noted.is_empty();
    for signal in noted {
        v8::scope!(let inner, scope);
        crate::bindings::signal_arrived(inner, signal);
    }
    worked
}

/// Types of handles, as `guessHandleType` numbers them.
pub(crate) mod handle_types {
    /// A TCP socket.
    pub(crate) const TCP: i32 = 0;
    /// A terminal.
    pub(crate) const TTY: i32 = 1;
    /// A UDP socket.
    pub(crate) const UDP: i32 = 2;
    /// A file, or a device that is none of the others.
    pub(crate) const FILE: i32 = 3;
    /// A pipe or a stream socket of the machine.
    pub(crate) const PIPE: i32 = 4;
    /// Nothing that is open, or of another kind.
    pub(crate) const UNKNOWN: i32 = 5;
}

/// Writes everything, as far as the descriptor takes it.
pub(crate) fn write_all(task: &Arc<Task>, fd: Fd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match block_on(syscall::write(task, fd, bytes)) {
            Ok(0) => return,
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.is_restartable() && !task.must_end() => {
                match block_on(task.next_delivery()) {
                    Delivery::Handler(call) => task.handler_returned(&call),
                    Delivery::None => {}
                    Delivery::End => return,
                }
            }
            Err(_) => return,
        }
    }
}

/// The whole file at a path.
///
/// # Errors
/// Those of `open` and `read`; `EFBIG` past 64 MiB.
pub(crate) fn read_file(env: &Environment, path: &[u8]) -> SysResult<Vec<u8>> {
    const LIMIT: usize = 64 << 20;
    let task = env.task();
    let mode = cenote_base::abi::fs::Mode::empty();
    let fd = crate::blocking::blocking(env, async || {
        syscall::openat(
            task,
            At::Cwd,
            path,
            OpenFlags::O_RDONLY | OpenFlags::O_CLOEXEC,
            mode,
        )
        .await
    })?;
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    let outcome = loop {
        let read = loop {
            match block_on(syscall::read(task, fd, &mut chunk)) {
                Err(error) if error.is_restartable() && !task.must_end() => note_signals(env),
                outcome => break outcome,
            }
        };
        match read {
            Ok(0) => break Ok(()),
            Ok(count) => bytes.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) => break Err(error),
        }
        if bytes.len() > LIMIT {
            break Err(Errno::EFBIG.into());
        }
    };
    let closed = syscall::close(task, fd);
    outcome.and(closed).map(|()| bytes)
}
