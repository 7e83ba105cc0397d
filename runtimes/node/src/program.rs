//! One `node` process: its thread, its isolate, its main script, its end.
//!
//! [`run`] is the life of the thread: parse the command line, take an isolate that was made ahead or make one from the snapshot
//! (`spare`), run the main script, spin the loop, tell the kernel how it ended. Signals of the kernel reach JavaScript through [`note_signals`] and the loop's poll phase
//! ([`serve_kernel`]); the end of the process (a fatal signal, `exit_group`) stops V8 from whatever thread it comes.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cenote_base::abi::fs::OpenFlags;
use cenote_base::abi::signal::{SigMaskHow, SigSet};
use cenote_base::abi::wait::WaitStatus;
use cenote_base::abi::{Errno, SigNum};
use cenote_base::wait::block_on;
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall::At;
use cenote_kernel::{Delivery, Interrupter, SigAction, SigHandler, Task, syscall};

use crate::bindings::contextify::{Interruption, interruption};
use crate::bindings::tty_wrap::StandardTerminals;
use crate::bindings::{performance, process};
use crate::config_file::{self, ConfigWords};
use crate::environment::Environment;
use crate::event_loop::{self, Remote};
use crate::glue::{Failure, Scope, ScopeExt, Unlisted};
use crate::isolate::{HeapLimits, create_params};
use crate::loader;
use crate::options::{self, CommandLine};
use crate::preload;
use crate::processor::Meter;
use crate::snapshot;
use crate::spare::{Booted, Ended, Origin, may_be_behind};
use crate::threads::{Thread, ThreadGroup};
use crate::training::Notes;

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
pub(crate) struct Stopper {
    isolate: v8::IsolateHandle,
    /// Set before execution ends for good: what was ended once must not be called again, as nobody would end it then.
    stop: Arc<AtomicBool>,
    remote: Remote,
    task: std::sync::Weak<Task>,
    interruption: Arc<Interruption>,
    group: Arc<ThreadGroup>,
}

impl Stopper {
    /// What ends the isolate of this task.
    pub(crate) fn new(env: &Environment, task: &Arc<Task>) -> Self {
        Self {
            isolate: env.isolate_handle().clone(),
            stop: Arc::clone(env.stop_flag()),
            remote: env.event_loop().io().remote(),
            task: Arc::downgrade(task),
            interruption: interruption(env),
            group: Arc::clone(env.threads()),
        }
    }
}

impl Interrupter for Stopper {
    fn interrupt(&self, must_end: bool) {
        let is_interrupted = || {
            self.task
                .upgrade()
                .is_some_and(|task| task.is_pending(SigNum::SIGINT))
        };
        let breaks = self.interruption.is_wanted() && is_interrupted();
        if self.interruption.is_tracing() && is_interrupted() {
            crate::glue::interrupt_for_sigint(&self.isolate);
        }
        if must_end {
            self.stop.store(true, Ordering::Release);
        }
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

/// The whole life of a process, on its own thread; the kernel is told of its end. `spare` is an isolate with these limits.
pub(crate) fn run(task: Arc<Task>, limits: HeapLimits, spare: Option<Booted>) {
    let _behalf = task.work_on_this_thread();
    let line = match read_command_line(&task) {
        Ok(line) => line,
        Err(status) => {
            if let Some(spare) = spare {
                spare.discard();
            }
            end(task, status);
            return;
        }
    };
    let own_limits = limits_of(&line, limits);
    let booted = match spare {
        Some(spare) if own_limits == limits => Some(spare),
        spare => {
            if let Some(spare) = spare {
                spare.discard();
            }
            boot(&task, own_limits)
        }
    };
    match booted {
        Some(booted) => run_booted(task, line, booted),
        None => end(task, WaitStatus::Exited(BOOTSTRAP_FAILURE)),
    }
}

fn end(task: Arc<Task>, status: WaitStatus) {
    task.exit(status);
    task.finish();
}

/// What the process was started with; the status of one that has nothing to run.
fn read_command_line(task: &Arc<Task>) -> Result<CommandLine, WaitStatus> {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let argv: Vec<String> = task.argv().iter().map(text).collect();
    let envp = task.envp();
    let variable = |name: &str| {
        envp.iter().find_map(|entry| {
            let value = entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            Some(String::from_utf8_lossy(value).into_owned())
        })
    };
    let node_options = variable("NODE_OPTIONS");
    // The file of this program, which may be a copy under another name.
    let own = syscall::readlinkat(task, At::Cwd, b"/proc/self/exe");
    let own = own.map_or_else(|_| "/usr/bin/node".to_owned(), |path| text(&path));
    let refuse = |message: String| {
        write_all(task, Fd::new(2), message.as_bytes());
        WaitStatus::Exited(INVALID_COMMAND_LINE_ARGUMENT)
    };
    let parse = |options: Option<&str>, config| CommandLine::parse(&own, &argv, options, config);
    let none = ConfigWords::default;
    let mut line = parse(node_options.as_deref(), none()).map_err(refuse)?;
    let config = line.text("--experimental-config-file");
    // The environment's own options count, not those of a file.
    let from_file = match &node_options {
        None => options_of_env_files(task, &line),
        Some(_) => None,
    };
    if !config.is_empty() || from_file.is_some() {
        let words = if config.is_empty() {
            none()
        } else {
            read_config(task, &line.argv0, &config).map_err(refuse)?
        };
        let options = node_options.as_deref().or(from_file.as_deref());
        line = parse(options, words).map_err(refuse)?;
    }
    line.add_environment(variable);
    if let Some((message, status)) = line.refused_start() {
        write_all(task, Fd::new(2), message.as_bytes());
        return Err(WaitStatus::Exited(status));
    }
    if let Some((message, status)) = crate::user_snapshot::remark(task, &line) {
        write_all(task, Fd::new(2), message.as_bytes());
        if let Some(status) = status {
            return Err(WaitStatus::Exited(status));
        }
    }
    if line.is("--version") {
        write_all(
            task,
            Fd::new(1),
            format!("v{}\n", env!("CENOTE_NODE_VERSION")).as_bytes(),
        );
        return Err(WaitStatus::Exited(0));
    }
    if line.is("--completion-bash") {
        write_all(task, Fd::new(1), options::bash_completion().as_bytes());
        return Err(WaitStatus::Exited(0));
    }
    write_all(task, Fd::new(2), line.warnings().as_bytes());
    let script = line.text("--run");
    if !script.is_empty() {
        return Err(crate::task_runner::run(task, &script));
    }
    preload::add(task, &mut line);
    Ok(line)
}

/// `NODE_OPTIONS` in the files of `--env-file`, of which the last counts. What cannot be read is told of later.
fn options_of_env_files(task: &Arc<Task>, line: &CommandLine) -> Option<String> {
    let mut paths = line.list("--env-file");
    paths.extend(line.list("--env-file-if-exists"));
    let texts = paths
        .iter()
        .filter_map(|path| read_small(task, path.as_bytes()).ok());
    texts
        .flat_map(|text| crate::dotenv::parse(&String::from_utf8_lossy(&text)))
        .rfind(|(name, _)| name == "NODE_OPTIONS")
        .map(|(_, value)| value)
}

/// What a configuration file says; in words, why it says nothing.
fn read_config(task: &Arc<Task>, argv0: &str, path: &str) -> Result<ConfigWords, String> {
    let text = read_small(task, path.as_bytes()).map_err(|error| {
        let number = -error.errno().raw();
        let reason = crate::shapes::uv_error(number).map_or("unknown error", |(_, text)| text);
        format!("Cannot read configuration from {path}: {reason}\n{argv0}: {path}: not found\n")
    })?;
    config_file::parse(path, &text)
        .map_err(|reason| format!("{reason}{argv0}: {path}: invalid content\n"))
}

/// The whole file at a path, before there is an environment.
pub(crate) fn read_small(task: &Arc<Task>, path: &[u8]) -> SysResult<Vec<u8>> {
    const LIMIT: usize = 1 << 20;
    let flags = OpenFlags::O_RDONLY | OpenFlags::O_CLOEXEC;
    let mode = cenote_base::abi::fs::Mode::empty();
    let fd = block_on(syscall::openat(task, At::Cwd, path, flags, mode))?;
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 16 << 10];
    let outcome = loop {
        match block_on(syscall::read(task, fd, &mut chunk)) {
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

/// A guest may ask for less than the machine allows, not for more.
fn limits_of(line: &CommandLine, mut limits: HeapLimits) -> HeapLimits {
    for megabytes in ["--max-old-space-size", "--max-heap-size"]
        .iter()
        .filter_map(|name| line.v8_option(name)?.parse::<usize>().ok())
    {
        limits.heap = limits
            .heap
            .min(megabytes.saturating_mul(1 << 20))
            .max(16 << 20);
    }
    limits
}

/// An isolate for a process's first thread. When there is none, the process's standard error says why.
fn boot(task: &Arc<Task>, limits: HeapLimits) -> Option<Booted> {
    if let Err(error) = snapshot::blob() {
        tracing::error!(target: "cenote::node", %error, "no start-up snapshot");
        write_all(task, Fd::new(2), format!("node: {error}\n").as_bytes());
        return None;
    }
    crate::warm::boot(limits)
}

fn run_booted(task: Arc<Task>, line: CommandLine, mut booted: Booted) {
    let threads = Arc::clone(booted.env().threads());
    let terminals = StandardTerminals::remember(&task);
    let mut ended = booted.run(&task, line, |_| {}, run_program);
    threads.close_ports();
    let remains = booted.dismantle();
    Meter::stop(&task);
    if let Some(next) = ended.next_program.take() {
        drop(remains);
        next.start(task);
        return;
    }
    let status = status(&task, ended, &threads);
    terminals.reset();
    match may_be_behind() {
        Some(behind) => {
            end(task, status);
            drop(remains);
            drop(behind);
        }
        None => {
            drop(remains);
            end(task, status);
        }
    }
}

/// Runs a program of `crate::training`, from this snapshot if there is one.
pub(crate) fn run_lesson(task: Arc<Task>, snapshot: Option<&'static [u8]>, notes: Arc<Notes>) {
    let limits = HeapLimits::default();
    let group = ThreadGroup::new(limits);
    group.notes.get_or_init(|| notes);
    let params = create_params(limits, &group.quota);
    let booted = Booted::new(Origin {
        params: match snapshot {
            Some(blob) => params.snapshot_blob(v8::StartupData::from(blob)),
            None => params,
        },
        thread: Thread::main(Arc::clone(&group)),
        stack: None,
        has_snapshot: snapshot.is_some(),
    });
    let (Ok(line), Some(mut booted)) = (read_command_line(&task), booted) else {
        end(task, WaitStatus::Exited(BOOTSTRAP_FAILURE));
        return;
    };
    let ended = booted.run(&task, line, loader::builtins::record, |scope| {
        if snapshot.is_none() {
            loader::bootstrap(scope, false)?;
        }
        let outcome = run_program(scope);
        Notes::take_from(scope);
        outcome
    });
    drop(booted.dismantle());
    Meter::stop(&task);
    let status = status(&task, ended, &group);
    end(task, status);
}

/// How the process ended.
fn status(task: &Arc<Task>, ended: Ended, threads: &ThreadGroup) -> WaitStatus {
    if ended.is_exhausted {
        let text = match threads.quota.overrun_limit() {
            Some(limit) => format!(
                "\nFATAL ERROR: Stacks of suspended WebAssembly do not fit - out of memory (limit array_buffers: {} MiB)\n",
                limit >> 20
            ),
            None => format!(
                "\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory (limit js_heap: {} MiB)\n",
                threads.limits.heap >> 20
            ),
        };
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

/// Runs the main script and the loop.
fn run_program(scope: &mut Scope<'_, '_>) -> Result<i32, Failure> {
    let env = scope.env();
    open_closed_streams(&env);
    reset_signals(env.task());
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
    crate::trace::start(scope)?;
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

/// Standard streams that are closed are `/dev/null`, so that no file gets their numbers. Node: `PlatformInit`.
fn open_closed_streams(env: &Environment) {
    let task = env.task();
    for number in 0..=2 {
        let is_closed =
            syscall::fstat(task, Fd::new(number)).is_err_and(|error| error.errno() == Errno::EBADF);
        if is_closed {
            let mode = cenote_base::abi::fs::Mode::empty();
            let opened = block_on(syscall::openat(
                task,
                At::Cwd,
                b"/dev/null",
                OpenFlags::O_RDWR,
                mode,
            ));
            tracing::trace!(target: "cenote::node", number, ?opened, "a standard stream that was closed");
        }
    }
}

/// What whoever started the program did about signals does not count; writing to nobody, or more than a file may have, is an error of the call and
/// no signal. Node: `PlatformInit`, `ResetSignalHandlers`.
fn reset_signals(task: &Task) {
    let mask = syscall::rt_sigprocmask(task, SigMaskHow::SetMask, Some(SigSet::EMPTY));
    let mut refused = mask.err();
    let settable = SigSet::ALL.difference(SigSet::UNBLOCKABLE);
    for signal in settable.iter().filter(|signal| !signal.is_realtime()) {
        let handler = match signal {
            SigNum::SIGPIPE | SigNum::SIGXFSZ => SigHandler::Ignore,
            _ => SigHandler::Default,
        };
        let action = SigAction {
            handler,
            ..SigAction::default()
        };
        refused = syscall::rt_sigaction(task, signal, Some(action))
            .err()
            .or(refused);
    }
    if let Some(error) = refused {
        tracing::debug!(target: "cenote::node", %error, "signals are as they were");
    }
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
            Err(_) => {
                let text = format!("{path} not found. Continuing without it.\n");
                env.print_error(text.as_bytes());
            }
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
        .v8_option("--disallow-code-generation-from-strings")
        .is_some()
    {
        crate::natives_syntax::ask_for_strings(scope);
    }
    if line.v8_option("--expose-gc").is_some() {
        expose_gc(scope)?;
    }
    Ok(())
}

/// Defines `gc` in the current context.
pub(crate) fn expose_gc(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let global = scope.get_current_context().global(scope);
    let gc = scope
        .function("gc", &COLLECT_GARBAGE)
        .ok_or(Failure::Pending)?;
    let key = scope.name("gc");
    let _defined = global.define_own_property(
        scope,
        key.into(),
        gc.into(),
        v8::PropertyAttribute::DONT_ENUM,
    );
    Ok(())
}

/// The function behind `gc`.
pub(crate) static COLLECT_GARBAGE: Unlisted = Unlisted::new(collect_garbage);

/// `gc()`, under `--expose-gc`; `gc({ execution: 'async' })` gives a promise and collects when no JavaScript runs.
fn collect_garbage<'s>(
    scope: &mut Scope<'s, '_>,
    args: &crate::glue::Args<'s>,
) -> crate::glue::BindingResult<'s> {
    let is_async = match crate::glue::Object::try_from(args.get(0)) {
        Ok(options) => {
            let execution = scope.get_property(options, "execution")?;
            execution.to_rust_string_lossy(scope) == "async"
        }
        Err(_) => false,
    };
    if !is_async {
        scope.low_memory_notification();
        return Ok(().into());
    }
    let resolver = v8::PromiseResolver::new(scope).ok_or(Failure::Pending)?;
    let promise = resolver.get_promise(scope);
    let resolver = v8::Global::new(scope, resolver);
    scope.env().event_loop().complete(move |scope| {
        scope.low_memory_notification();
        let resolver = v8::Local::new(scope, &resolver);
        let nothing = scope.undefined();
        // `None` only while the program is being ended.
        let _settled = resolver.resolve(scope, nothing);
        event_loop::after_callback(scope);
    });
    Ok(promise.into())
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
                if call.signal == SigNum::SIGINT {
                    let interruption = interruption(env);
                    if interruption.is_wanted() {
                        env.isolate_handle().terminate_execution();
                    } else if interruption.is_tracing() {
                        crate::glue::interrupt_for_sigint(env.isolate_handle());
                    }
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
        if signal == SigNum::SIGINT && crate::bindings::watchdog::came_on_idle(&env) {
            continue;
        }
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
