//! `internalBinding('process_methods')`: what `process` can do. Node: `src/node_process_methods.cc`.

use cenote_base::abi::Errno;
use cenote_kernel::syscall;

use crate::environment::{Environment, Stored};
use crate::glue::{
    Args, Binding, BindingResult, Failure, Field, Return, Scope, ScopeExt, Value, with_bytes_mut,
};
use crate::shapes;

pub(super) const BINDING: Binding = Binding::new("process_methods")
    .function("hrtime", hrtime)
    .fast(&fast::HRTIME)
    .function("hrtimeBigInt", hrtime_big_int)
    .fast(&fast::HRTIME_BIG_INT)
    .function("memoryUsage", memory_usage)
    .partial(
        "rss",
        rss,
        "the isolate's heap; a guest process has no resident set of its own",
    )
    .function("reallyExit", really_exit)
    .function("uptime", uptime)
    .fast(&fast::UPTIME)
    .function("patchProcessObject", patch_process_object)
    .function("setEmitWarningSync", set_emit_warning_sync)
    .function("_rawDebug", super::process::raw_debug)
    .function("getActiveResourcesInfo", get_active_resources_info)
    .partial("_getActiveRequests", get_active_requests, "those of fs")
    .function("_getActiveHandles", get_active_handles)
    .function("dlopen", dlopen)
    .function("loadEnvFile", load_env_file)
    .function("abort", abort)
    .function("cwd", cwd)
    .function("chdir", chdir)
    .function("umask", umask)
    .function("_kill", kill)
    .function("_debugProcess", debug_process)
    .function("_debugEnd", debug_end)
    .function("cpuUsage", cpu_usage)
    .function("threadCpuUsage", thread_cpu_usage)
    .partial(
        "resourceUsage",
        resource_usage,
        "times, the largest heap and context switches; the rest is 0",
    )
    .partial(
        "execve",
        execve,
        "on Linux a failure aborts the process; so it does here",
    )
    .function("constrainedMemory", constrained_memory)
    .function("availableMemory", available_memory);

fn cwd<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let path = syscall::getcwd(scope.env().task()).map_err(|error| {
        let number = error.errno().raw();
        let text = shapes::uv_error(-number).map_or("unknown error", |(_, text)| text);
        // Node says more about what cannot be mended.
        let lost = ", the current working directory was likely removed without changing the working directory";
        let more = if error.errno() == Errno::ENOENT { lost } else { "" };
        Failure::System {
            errno: number,
            syscall: "uv_cwd",
            path: None,
            dest: None,
            message: Some(format!("process.cwd failed with error {text}{more}")),
            refusal: None,
        }
    })?;
    Ok(scope.utf8(&path).into())
}

/// `execve(path, args, env)`: the process becomes another program. Does not return; a failure ends it as by SIGABRT.
fn execve<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let path = args.path(scope, 0)?;
    super::permission::check(scope, super::permission::Permission::ChildProcess, &path)?;
    let list = |scope: &mut Scope<'s, '_>, index| -> Result<Vec<Vec<u8>>, Failure> {
        let list = args.array(index)?;
        (0..list.length())
            .map(|index| {
                let item = list.get_index(scope, index).ok_or(Failure::Pending)?;
                Ok(item.to_rust_string_lossy(scope).into_bytes())
            })
            .collect()
    };
    let (argv, envp) = (list(scope, 1)?, list(scope, 2)?);
    let env = scope.env();
    let outcome = crate::blocking::blocking(&env, async || {
        syscall::execve(env.task(), &path, argv.clone(), envp.clone()).await
    });
    match outcome {
        Ok(program) => env.become_program(program),
        Err(error) => {
            let text = format!(
                "process.execve failed with error code {}\n",
                error.errno().name()
            );
            env.print_error(text.as_bytes());
            super::errors::print_stack(scope);
            env.abort();
        }
    }
    Ok(().into())
}

fn chdir<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let path = args.path(scope, 0)?;
    super::permission::check(scope, super::permission::Permission::FileSystemRead, &path)?;
    let env = scope.env();
    let before = syscall::getcwd(env.task()).unwrap_or_default();
    syscall::chdir(env.task(), &path).map_err(|error| {
        Failure::from(error)
            .with_syscall("chdir")
            .with_path(&before)
            .with_dest(&path)
    })?;
    Ok(().into())
}

/// `umask()` or `umask(mask)`; returns the old one.
fn umask<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    if args.is_undefined(0) {
        let old = syscall::umask(env.task(), 0);
        syscall::umask(env.task(), old);
        return Ok(old.into());
    }
    let mask = args.u32(scope, 0)?;
    Ok(syscall::umask(env.task(), mask & 0o777).into())
}

/// `kill(pid, signal)`: 0 or libuv's (negative) error number.
fn kill<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const INVALID: i32 = -22;
    let (pid, signal) = (args.i32(scope, 0)?, args.i32(scope, 1)?);
    let signal = match signal {
        0 => None,
        number => match cenote_base::abi::SigNum::from_raw(number) {
            Some(signal) => Some(signal),
            None => return Ok(INVALID.into()),
        },
    };
    let env = scope.env();
    // As in Node: most likely the end of this process.
    if let Some(signal) = signal
        && (matches!(pid, 0 | -1) || pid.checked_abs() == Some(env.pids().0))
        && !super::signal_wrap::is_watched(&env, signal)
    {
        crate::inspector::write_profiles(scope);
    }
    let outcome = syscall::kill(env.task(), pid, signal);
    // A signal to ourselves without a handler has ended us.
    crate::program::note_signals(&env);
    if !env.can_call_into_js() {
        return Err(Failure::Pending);
    }
    Ok(outcome
        .map_or_else(|error| -error.errno().raw(), |()| 0)
        .into())
}

/// `_debugProcess(pid)`: has a process open its inspector.
fn debug_process<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pid = args.i32(scope, 0)?;
    let env = scope.env();
    syscall::kill(env.task(), pid, Some(cenote_base::abi::SigNum::SIGUSR1))
        .map_err(|error| Failure::from(error).with_syscall("kill"))?;
    crate::program::note_signals(&env);
    Ok(().into())
}

/// `_debugEnd()`: nobody can debug the process from outside any more.
fn debug_end<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    if let Some(agent) = crate::inspector::existing(&scope.env()) {
        agent.stop_server();
    }
    Ok(().into())
}

fn write_doubles(target: Value<'_>, values: &[f64]) {
    with_bytes_mut(target, |bytes| {
        for (place, value) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(values) {
            *place = value.to_ne_bytes();
        }
    });
}

#[expect(clippy::cast_precision_loss, reason = "microseconds fit a double")]
fn microseconds(time: std::time::Duration) -> f64 {
    time.as_micros() as f64
}

/// `[user, system]` in microseconds, into the given `Float64Array`.
fn cpu_usage<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let usage = syscall::getrusage(env.task(), cenote_base::abi::user::UsageTarget::Process);
    write_doubles(
        args.get(0),
        &[
            microseconds(usage.user_time),
            microseconds(usage.system_time),
        ],
    );
    Ok(().into())
}

/// `[user, system]` of this thread alone, in microseconds.
fn thread_cpu_usage<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let time = scope.env().thread_time();
    write_doubles(args.get(0), &[microseconds(time), 0.0]);
    Ok(().into())
}

#[expect(clippy::cast_precision_loss, reason = "counts fit a double")]
const fn whole(count: u64) -> f64 {
    count as f64
}

/// What the process holds: V8's heap, buffers, and WebAssembly's memories.
fn resident(scope: &mut Scope<'_, '_>) -> usize {
    let statistics = scope.get_heap_statistics();
    statistics
        .total_physical_size()
        .saturating_add(statistics.external_memory())
        .saturating_add(scope.env().threads().quota.mapped())
}

/// The most memory the process has held. The kernel hears of it when somebody asks.
fn max_rss_kib(scope: &mut Scope<'_, '_>, usage: &cenote_base::abi::user::Rusage) -> f64 {
    let now = resident(scope);
    let now = u64::try_from(now).unwrap_or(u64::MAX);
    scope.env().task().process().set_memory_bytes(now);
    whole(usage.max_rss_kib.max(now / 1024))
}

fn resource_usage<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let usage = syscall::getrusage(env.task(), cenote_base::abi::user::UsageTarget::Process);
    let mut values = [0.0; 16];
    values[0] = microseconds(usage.user_time);
    values[1] = microseconds(usage.system_time);
    values[2] = max_rss_kib(scope, &usage);
    values[14] = whole(usage.voluntary_switches);
    values[15] = whole(usage.involuntary_switches);
    write_doubles(args.get(0), &values);
    Ok(().into())
}

/// The heap limit of this process.
#[expect(clippy::cast_precision_loss, reason = "sizes fit a double")]
fn constrained_memory<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok((scope.get_heap_statistics().heap_size_limit() as f64).into())
}

#[expect(clippy::cast_precision_loss, reason = "sizes fit a double")]
fn available_memory<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok((scope.get_heap_statistics().total_available_size() as f64).into())
}

/// Seconds (high and low word) and nanoseconds, into the shared buffer.
fn hrtime<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let buffer = env.field(scope, "process_methods", "hrtimeBuffer")?;
    write_hrtime(&env, &buffer);
    Ok(().into())
}

/// Seconds in two halves, and nanoseconds.
fn write_hrtime(env: &Environment, buffer: &Field) {
    let now = env.clock().now().since_boot();
    let seconds = now.as_secs();
    #[expect(clippy::cast_precision_loss, reason = "32-bit halves")]
    {
        buffer.set(0, (seconds >> 32) as f64);
        buffer.set(1, (seconds & 0xffff_ffff) as f64);
    }
    buffer.set(2, f64::from(now.subsec_nanos()));
}

/// Nanoseconds as one 64-bit number, into the same buffer.
fn hrtime_big_int<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let buffer = env.field(scope, "process_methods", "hrtimeBuffer")?;
    write_hrtime_big_int(&env, &buffer);
    Ok(().into())
}

fn write_hrtime_big_int(env: &Environment, buffer: &Field) {
    let now = u64::try_from(env.clock().now().since_boot().as_nanos()).unwrap_or(u64::MAX);
    #[expect(clippy::cast_precision_loss, reason = "32-bit halves")]
    {
        buffer.set(0, (now & 0xffff_ffff) as f64);
        buffer.set(1, (now >> 32) as f64);
    }
}

/// `[rss, heapTotal, heapUsed, external, arrayBuffers]`, into the given `Float64Array`.
fn memory_usage<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let statistics = scope.get_heap_statistics();
    let buffers = statistics.external_memory();
    let values = [
        resident(scope),
        statistics.total_heap_size(),
        statistics.used_heap_size(),
        buffers.saturating_add(scope.env().threads().quota.mapped()),
        buffers,
    ];
    with_bytes_mut(args.get(0), |bytes| {
        #[expect(clippy::cast_precision_loss, reason = "sizes fit a double")]
        for (place, value) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(values) {
            *place = (value as f64).to_ne_bytes();
        }
    });
    Ok(().into())
}

fn rss<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    #[expect(clippy::cast_precision_loss, reason = "sizes fit a double")]
    {
        Ok((resident(scope) as f64).into())
    }
}

/// Ends the process: nothing runs after this.
fn really_exit<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let code = args.get(0).int32_value(scope).unwrap_or(0);
    if scope.env().command_line().is("--trace-exit") {
        print_exit_trace(scope, code);
    }
    crate::inspector::at_exit(scope);
    scope.env().exit(code);
    // Termination strikes at the next check; an exception makes sure that no statement runs before it.
    Err(Failure::Pending)
}

/// Says who called `process.exit()`, under `--trace-exit`. Node: `Environment::Exit`.
fn print_exit_trace(scope: &mut Scope<'_, '_>, code: i32) {
    let env = scope.env();
    let (pid, _) = env.pids();
    let thread = if env.is_main_thread() {
        String::new()
    } else {
        format!(", thread:{}", env.thread().id)
    };
    let mut text =
        format!("(node:{pid}{thread}) WARNING: Exited the environment with code {code}\n");
    text.push_str(&stack_trace(scope));
    env.print_error(text.as_bytes());
}

/// Where the program is, innermost call first, in V8's words.
pub(crate) fn stack_trace(scope: &mut Scope<'_, '_>) -> String {
    const FRAMES: f64 = 10.0;
    const MOST_FRAMES: f64 = 200.0;
    let mut text = String::new();
    let limit = scope
        .env()
        .command_line()
        .given_number("--stack-trace-limit");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the limits"
    )]
    let limit = limit.unwrap_or(FRAMES).clamp(0.0, MOST_FRAMES) as usize;
    if let Some(trace) = v8::StackTrace::current_stack_trace(scope, limit) {
        for index in 0..trace.get_frame_count() {
            let Some(frame) = trace.get_frame(scope, index) else {
                continue;
            };
            let name = |name: Option<v8::Local<'_, v8::String>>| {
                name.map(|name| name.to_rust_string_lossy(scope))
                    .filter(|name| !name.is_empty())
            };
            let place = format!(
                "{}:{}:{}",
                name(frame.get_script_name(scope)).unwrap_or_default(),
                frame.get_line_number(),
                frame.get_column()
            );
            match name(frame.get_function_name(scope)) {
                Some(function) => text.push_str(&format!("    at {function} ({place})\n")),
                None => text.push_str(&format!("    at {place}\n")),
            }
        }
    }
    text
}

fn uptime<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(seconds_up(&scope.env()).into())
}

fn seconds_up(env: &Environment) -> f64 {
    env.clock()
        .now()
        .duration_since(env.started())
        .as_secs_f64()
}

/// What optimised JavaScript calls.
mod fast {
    use super::{Environment, Failure, Field, seconds_up, write_hrtime, write_hrtime_big_int};
    use crate::glue::{FastContext, fast_call};

    fast_call!(HRTIME: hrtime() -> void);
    fast_call!(HRTIME_BIG_INT: hrtime_big_int() -> void);
    fast_call!(UPTIME: uptime() -> f64);

    fn with_buffer(
        context: FastContext<'_>,
        write: fn(&Environment, &Field),
    ) -> Result<(), Failure> {
        let env = context.env();
        let buffer = env.known_field("process_methods", "hrtimeBuffer");
        write(&env, &buffer.ok_or_else(Failure::too_early)?);
        Ok(())
    }

    fn hrtime(context: FastContext<'_>) -> Result<(), Failure> {
        with_buffer(context, write_hrtime)
    }

    fn hrtime_big_int(context: FastContext<'_>) -> Result<(), Failure> {
        with_buffer(context, write_hrtime_big_int)
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of fast calls")]
    fn uptime(context: FastContext<'_>) -> Result<f64, Failure> {
        Ok(seconds_up(&context.env()))
    }
}

fn patch_process_object<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let process = args.object(0)?;
    super::process::patch(scope, process)?;
    Ok(().into())
}

fn set_emit_warning_sync<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::EmitWarningSync, function.into());
    Ok(().into())
}

/// The handles that keep the loop alive; with `idle` also those that would if they were at work.
fn handles_with_ref<'s>(scope: &Scope<'s, '_>, idle: bool) -> Vec<crate::glue::Object<'s>> {
    let env = scope.env();
    let mut all = env.natives().all();
    all.sort_by_key(|(number, _)| *number);
    all.iter()
        .filter(|(_, native)| {
            native.handle().is_some_and(|handle| {
                let counts = handle.is_active() || (idle && !handle.is_closed());
                counts && handle.has_ref()
            })
        })
        .filter_map(|(number, _)| env.natives().object(scope, *number))
        .collect()
}

/// Names of what keeps the loop alive.
fn get_active_resources_info<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let waiting = env.state::<super::fs::Unanswered>();
    let requests = waiting.requests(scope).len();
    let mut names = Vec::new();
    for (count, name) in [
        (requests, "FSReqCallback"),
        (waiting.promises(), "FSReqPromise"),
    ] {
        names.extend(std::iter::repeat_n(name.to_owned(), count));
    }
    let handles = handles_with_ref(scope, true);
    names.extend(handles.into_iter().map(|handle| shown_name(scope, handle)));
    let mut names: Vec<Value<'s>> = names.iter().map(|name| scope.name(name).into()).collect();
    let timeouts = env.field(scope, "timers", "timeoutInfo")?.get(0);
    let immediates = env.field(scope, "timers", "immediateInfo")?.get(1);
    for (count, name) in [(timeouts, "Timeout"), (immediates, "Immediate")] {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        for _ in 0..(count.max(0.0) as usize).min(1 << 20) {
            names.push(scope.name(name).into());
        }
    }
    Ok(scope.array(&names).into())
}

/// What `getActiveResourcesInfo` calls a handle. Node: `MemoryInfoName` of its class.
fn shown_name<'s>(scope: &Scope<'s, '_>, handle: crate::glue::Object<'s>) -> String {
    let class = handle.get_constructor_name().to_rust_string_lossy(scope);
    let provider = crate::glue::native_ref(scope, handle).and_then(|native| {
        let info = native.async_info()?;
        Some(super::async_wrap::provider_name(info.provider()))
    });
    match (class.as_str(), provider) {
        ("TCP", Some("TCPSERVERWRAP")) => "TCPServerWrap".to_owned(),
        ("TCP", _) => "TCPSocketWrap".to_owned(),
        ("Pipe" | "Process" | "FSEvent" | "UDP" | "TTY" | "Signal", _) => format!("{class}Wrap"),
        _ => class,
    }
}

/// The calls of `fs` with a callback that wait.
fn get_active_requests<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let waiting = scope.env().state::<super::fs::Unanswered>();
    let requests: Vec<Value<'s>> = waiting
        .requests(scope)
        .into_iter()
        .map(Into::into)
        .collect();
    Ok(scope.array(&requests).into())
}

fn get_active_handles<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let owner = scope.node_symbol("owner_symbol");
    let handles: Vec<Value<'s>> = handles_with_ref(scope, true)
        .into_iter()
        .map(|handle| {
            handle
                .get(scope, owner.into())
                .filter(|owner| owner.is_object())
                .unwrap_or_else(|| handle.into())
        })
        .collect();
    Ok(scope.array(&handles).into())
}

/// Native addons are code of the host: never.
fn dlopen<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let name = args
        .get(1)
        .to_string(scope)
        .ok_or(Failure::Pending)?
        .to_rust_string_lossy(scope);
    // `--permission` takes addons away, too, unless they are granted.
    if !scope.env().command_line().is("--addons") {
        return Err(Failure::error(
            "ERR_DLOPEN_DISABLED",
            "Cannot load native addon because loading addons is disabled.",
        ));
    }
    // What is no shared object is refused in the dynamic linker's words.
    const ELF_HEADER: usize = 64;
    let why = match scope.env().read_file(name.as_bytes()) {
        Err(_) => "cannot open shared object file: No such file or directory",
        Ok(bytes) if bytes.len() < ELF_HEADER => "file too short",
        Ok(bytes) if !bytes.starts_with(b"\x7fELF") => "invalid ELF header",
        Ok(_) => "native addons cannot be loaded in this machine",
    };
    Err(Failure::error(
        "ERR_DLOPEN_FAILED",
        format!("{name}: {why}"),
    ))
}

fn load_env_file<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let path = if args.get(0).is_string() {
        args.path(scope, 0)?
    } else {
        b".env".to_vec()
    };
    let env = scope.env();
    let text = env
        .read_file(&path)
        .map_err(|failure| failure.with_syscall("open").with_path(&path))?;
    let pairs = crate::dotenv::parse(&String::from_utf8_lossy(&text));
    super::process::add_missing_variables(scope, pairs);
    Ok(Return::Undefined)
}

/// `process.abort()`: the process dies of SIGABRT.
fn abort<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    scope.env().abort();
    Err(Failure::Pending)
}
