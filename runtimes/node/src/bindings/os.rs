//! `internalBinding('os')`: host name, memory, processors, the user. Node: `src/node_os.cc`, lib/os.js.
//! Every answer is the machine's; nothing asks the host.

use cenote_kernel::system::PROCESSOR_MODEL;
use cenote_kernel::{Task, syscall};

use crate::glue::{
    Args, Binding, BindingResult, Failure, Object, Return, Scope, ScopeExt, Value, new_node_buffer,
    with_bytes_mut,
};

pub(super) const BINDING: Binding = Binding::new("os")
    .function("getHostname", get_hostname)
    .function("getOSInformation", get_os_information)
    .function("getUptime", get_uptime)
    .function("getTotalMem", get_total_mem)
    .function("getFreeMem", get_free_mem)
    .partial(
        "getLoadAvg",
        get_load_avg,
        "the machine keeps no load average: zeros",
    )
    .partial(
        "getCPUs",
        get_cpus,
        "each processor has the same share of the times; the speed is zero",
    )
    .function("getAvailableParallelism", get_available_parallelism)
    .partial(
        "getInterfaceAddresses",
        get_interface_addresses,
        "the loopback interface only",
    )
    .function("getHomeDirectory", get_home_directory)
    .function("getUserInfo", get_user_info)
    .function("getPriority", get_priority)
    .function("setPriority", set_priority);

fn get_hostname<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let name = scope.env().task().kernel().hostname();
    Ok(scope.utf8(&name).into())
}

/// `[type, version, release, machine]`.
fn get_os_information<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let name = syscall::uname(scope.env().task());
    let parts =
        [&name.sysname, &name.version, &name.release, &name.machine].map(|part| -> Value<'s> {
            let part: &[u8] = part.as_ref();
            scope
                .utf8(part.split(|byte| *byte == 0).next().unwrap_or_default())
                .into()
        });
    Ok(scope.array(&parts).into())
}

fn get_uptime<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(scope.env().clock().now().since_boot().as_secs_f64().into())
}

#[expect(clippy::cast_precision_loss, reason = "sizes fit a double")]
fn get_total_mem<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let info = syscall::sysinfo(scope.env().task());
    Ok((info.total_ram as f64).into())
}

#[expect(clippy::cast_precision_loss, reason = "sizes fit a double")]
fn get_free_mem<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let info = syscall::sysinfo(scope.env().task());
    Ok((info.free_ram as f64).into())
}

/// Three averages, into the given `Float64Array`.
fn get_load_avg<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    with_bytes_mut(args.get(0), |bytes| bytes.fill(0));
    Ok(().into())
}

/// A processor as Node tells of it, times in milliseconds.
pub(super) struct Processor {
    pub(super) model: &'static str,
    pub(super) user: f64,
    pub(super) system: f64,
    pub(super) idle: f64,
}

/// The machine's processors.
pub(super) fn processors(task: &Task) -> impl Iterator<Item = Processor> {
    let times = syscall::processor_times(task.kernel());
    let milliseconds = |time: std::time::Duration| (time.as_secs_f64() * 1_000.0).floor();
    let count = usize::try_from(task.kernel().system().processors).unwrap_or(1);
    std::iter::repeat_with(move || Processor {
        model: PROCESSOR_MODEL,
        user: milliseconds(times.user),
        system: milliseconds(times.system),
        idle: milliseconds(times.idle),
    })
    .take(count)
}

/// Seven values a processor: model, speed, user, nice, sys, idle, irq.
fn get_cpus<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let mut values: Vec<Value<'s>> = Vec::new();
    for one in processors(env.task()) {
        values.push(scope.text(one.model).into());
        let numbers = [0.0, one.user, 0.0, one.system, one.idle, 0.0];
        values.extend(numbers.map(|number| scope.number(number)));
    }
    Ok(scope.array(&values).into())
}

fn get_available_parallelism<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let count = syscall::available_processors(scope.env().task());
    Ok(f64::from(count).into())
}

/// Seven values an address: name, address, netmask, family, mac, internal, scope id.
fn get_interface_addresses<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let mut values: Vec<Value<'s>> = Vec::new();
    for (address, mask, family, id) in [
        ("127.0.0.1", "255.0.0.0", "IPv4", -1.0),
        (
            "::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "IPv6",
            0.0,
        ),
    ] {
        values.extend(
            ["lo", address, mask, family, "00:00:00:00:00:00"]
                .map(|text| -> Value<'s> { scope.text(text).into() }),
        );
        values.push(scope.boolean(true));
        values.push(scope.number(id));
    }
    Ok(scope.array(&values).into())
}

/// A line of `/etc/passwd`.
struct Account {
    name: String,
    home: String,
    shell: String,
}

fn account(scope: &Scope<'_, '_>, uid: u32) -> Option<Account> {
    let text = scope.env().read_file(b"/etc/passwd").ok()?;
    String::from_utf8_lossy(&text).lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            [name, _, id, _, _, home, shell, ..] if id.parse() == Ok(uid) => Some(Account {
                name: (*name).to_owned(),
                home: (*home).to_owned(),
                shell: (*shell).to_owned(),
            }),
            _ => None,
        }
    })
}

/// Fills the context object that `ERR_SYSTEM_ERROR` is made of, and answers `undefined`. Node: `CollectUVExceptionInfo`.
fn refuse<'s>(
    scope: &mut Scope<'s, '_>,
    context: Value<'s>,
    errno: i32,
    call: &str,
) -> BindingResult<'s> {
    if let Ok(context) = Object::try_from(context) {
        let (name, text) = crate::shapes::uv_error(-errno).unwrap_or(("UNKNOWN", "unknown error"));
        scope.set(context, "errno", v8::Integer::new(scope, -errno).into());
        scope.set(context, "code", scope.text(name).into());
        scope.set(context, "message", scope.text(text).into());
        scope.set(context, "syscall", scope.text(call).into());
    }
    Ok(Return::Undefined)
}

fn get_home_directory<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let home = super::process::variable(scope, "HOME").filter(|home| !home.is_empty());
    let uid = syscall::getuid(scope.env().task()).raw();
    match home.or_else(|| account(scope, uid).map(|account| account.home)) {
        Some(home) => Ok(scope.string(&home)?.into()),
        None => refuse(scope, args.get(0), 2, "uv_os_homedir"),
    }
}

/// `getUserInfo(options, context)`.
fn get_user_info<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let as_buffer = Object::try_from(args.get(0)).ok().is_some_and(|options| {
        scope
            .get_property(options, "encoding")
            .is_ok_and(|encoding| {
                encoding.is_string() && encoding.to_rust_string_lossy(scope) == "buffer"
            })
    });
    let env = scope.env();
    let (uid, gid) = (
        syscall::getuid(env.task()).raw(),
        syscall::getgid(env.task()).raw(),
    );
    let Some(account) = account(scope, uid) else {
        return refuse(scope, args.get(1), 2, "uv_os_get_passwd");
    };
    let show = |text: &str| -> Result<Value<'s>, Failure> {
        if as_buffer {
            return new_node_buffer(scope, text.as_bytes().to_vec())
                .map(Into::into)
                .ok_or(Failure::Pending);
        }
        Ok(scope.string(text)?.into())
    };
    let info = scope.null_object();
    let (name, home) = (show(&account.name)?, show(&account.home)?);
    let shell = if account.shell.is_empty() {
        scope.null()
    } else {
        show(&account.shell)?
    };
    scope.set(info, "uid", scope.number(f64::from(uid)));
    scope.set(info, "gid", scope.number(f64::from(gid)));
    scope.set(info, "username", name);
    scope.set(info, "homedir", home);
    scope.set(info, "shell", shell);
    Ok(info.into())
}

/// `getPriority(pid, context)`.
fn get_priority<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pid = args.i32(scope, 0)?;
    let outcome = syscall::getpriority(
        scope.env().task(),
        cenote_base::abi::user::PriorityTarget::Process,
        pid,
    );
    match outcome {
        Ok(nice) => Ok(nice.into()),
        Err(error) => refuse(scope, args.get(1), error.errno().raw(), "uv_os_getpriority"),
    }
}

/// `setPriority(pid, priority, context)`: 0, or an error number after the context was filled.
fn set_priority<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (pid, nice) = (args.i32(scope, 0)?, args.i32(scope, 1)?);
    match syscall::setpriority(
        scope.env().task(),
        cenote_base::abi::user::PriorityTarget::Process,
        pid,
        nice,
    ) {
        Ok(()) => Ok(0.into()),
        Err(error) => {
            let errno = error.errno().raw();
            refuse(scope, args.get(2), errno, "uv_os_setpriority")?;
            Ok((-errno).into())
        }
    }
}
