//! What a report tells. Node: `src/node_report.cc`.

use std::time::Duration;

use cenote_base::Pid;
use cenote_base::abi::limits::{RLIM_INFINITY, Resource};
use cenote_base::abi::user::{Rusage, UsageTarget};
use cenote_kernel::syscall;
use serde_json::{Map, Value as Json, json};

use super::settings::settings;
use crate::bindings::process::Variables;
use crate::environment::Environment;
use crate::glue::{Failure, Scope, ScopeExt, Value};

/// Why there is a report, and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a> {
    pub(super) event: &'a str,
    pub(super) trigger: &'a str,
    pub(super) filename: Option<&'a str>,
}

/// A whole report.
pub(super) fn report<'s>(
    scope: &mut Scope<'s, '_>,
    about: &Header<'_>,
    error: Value<'s>,
) -> Result<Json, Failure> {
    let env = scope.env();
    let mut report = Map::new();
    report.insert("header".into(), header(scope, &env, about)?);
    report.insert(
        "javascriptStack".into(),
        super::error::describe(scope, about.trigger, error),
    );
    report.insert("javascriptHeap".into(), heap(scope));
    report.insert("nativeStack".into(), json!([]));
    report.insert("resourceUsage".into(), resources(scope, &env));
    report.insert("uvthreadResourceUsage".into(), thread_resources(&env));
    report.insert("libuv".into(), handles(scope, &env));
    report.insert("workers".into(), json!([]));
    if !settings(scope).exclude_env.get() {
        report.insert("environmentVariables".into(), variables(&env));
    }
    report.insert("userLimits".into(), limits(&env));
    report.insert("sharedObjects".into(), json!([]));
    Ok(report.into())
}

fn header(
    scope: &mut Scope<'_, '_>,
    env: &Environment,
    about: &Header<'_>,
) -> Result<Json, Failure> {
    let task = env.task();
    let line = env.command_line();
    let now = env.clock().realtime();
    let milliseconds = now.sec.saturating_mul(1000) + i64::from(now.nsec / 1_000_000);
    let cwd = syscall::getcwd(task).unwrap_or_default();
    let mut command = vec![line.argv0.clone()];
    command.extend(line.exec_argv.iter().cloned());
    command.extend(line.rest.iter().cloned());
    let name = syscall::uname(task);
    let part = |part: &[u8]| {
        let part = part.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(part).into_owned()
    };
    let mut header = Map::new();
    let mut put = |key: &str, value: Json| header.insert(key.to_owned(), value);
    put("reportVersion", 5.into());
    put("event", about.event.into());
    put("trigger", about.trigger.into());
    put("filename", about.filename.into());
    put(
        "dumpEventTime",
        crate::diagnostic_file::date_and_time(now.sec).into(),
    );
    put("dumpEventTimeStamp", milliseconds.to_string().into());
    put("processId", env.pids().0.into());
    put("threadId", env.thread().id.into());
    put("cwd", String::from_utf8_lossy(&cwd).into());
    put("commandLine", command.into());
    put(
        "nodejsVersion",
        concat!("v", env!("CENOTE_NODE_VERSION")).into(),
    );
    put("wordSize", usize::BITS.into());
    put("arch", task.kernel().system().arch.as_str().into());
    put("platform", task.kernel().system().platform.as_str().into());
    put("componentVersions", strings_of(scope, "versions")?);
    put("release", strings_of(scope, "release")?);
    put("osName", part(name.sysname.as_ref()).into());
    put("osRelease", part(name.release.as_ref()).into());
    put("osVersion", part(name.version.as_ref()).into());
    put("osMachine", part(name.machine.as_ref()).into());
    let processors = crate::bindings::os::processors(task).map(|one| {
        json!({
            "model": one.model, "speed": 0, "user": one.user, "nice": 0, "sys": one.system, "idle": one.idle, "irq": 0,
        })
    });
    put("cpus", processors.collect::<Vec<_>>().into());
    if !settings(scope).exclude_network.get() {
        put("networkInterfaces", interfaces());
    }
    let host = task.kernel().hostname();
    put("host", String::from_utf8_lossy(&host).into());
    Ok(header.into())
}

/// An object of `process` whose properties are strings.
fn strings_of(scope: &mut Scope<'_, '_>, name: &str) -> Result<Json, Failure> {
    let process = scope.env().process(scope);
    let value = scope.get_property(process, name)?;
    let mut all = Map::new();
    let Ok(object) = v8::Local::<v8::Object>::try_from(value) else {
        return Ok(all.into());
    };
    let names = object
        .get_own_property_names(scope, v8::GetPropertyNamesArgs::default())
        .ok_or(Failure::Pending)?;
    for index in 0..names.length() {
        let key = names.get_index(scope, index).ok_or(Failure::Pending)?;
        let value = object.get(scope, key).ok_or(Failure::Pending)?;
        all.insert(
            key.to_rust_string_lossy(scope),
            value.to_rust_string_lossy(scope).into(),
        );
    }
    Ok(all.into())
}

/// The loopback interface: the machine has no other.
fn interfaces() -> Json {
    json!([
        {
            "name": "lo", "internal": true, "mac": "00:00:00:00:00:00",
            "address": "127.0.0.1", "netmask": "255.0.0.0", "family": "IPv4",
        },
        {
            "name": "lo", "internal": true, "mac": "00:00:00:00:00:00",
            "address": "::1", "netmask": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "family": "IPv6", "scopeid": 0,
        },
    ])
}

fn heap(scope: &mut Scope<'_, '_>) -> Json {
    let heap = scope.get_heap_statistics();
    let mut spaces = Map::new();
    for index in 0..scope.number_of_heap_spaces() {
        let Some(space) = scope.get_heap_space_statistics(index) else {
            continue;
        };
        let (used, available) = (space.space_used_size(), space.space_available_size());
        spaces.insert(
            space.space_name().to_string_lossy().into_owned(),
            json!({
                "memorySize": space.space_size(), "committedMemory": space.physical_space_size(),
                "capacity": used.saturating_add(available), "used": used, "available": available,
            }),
        );
    }
    json!({
        "totalMemory": heap.total_heap_size(),
        "executableMemory": heap.total_heap_size_executable(),
        "totalCommittedMemory": heap.total_physical_size(),
        "availableMemory": heap.total_available_size(),
        "totalGlobalHandlesMemory": heap.total_global_handles_size(),
        "usedGlobalHandlesMemory": heap.used_global_handles_size(),
        "usedMemory": heap.used_heap_size(),
        "memoryLimit": heap.heap_size_limit(),
        "mallocedMemory": heap.malloced_memory(),
        "externalMemory": heap.external_memory(),
        "peakMallocedMemory": heap.peak_malloced_memory(),
        "nativeContextCount": heap.number_of_native_contexts(),
        "detachedContextCount": heap.number_of_detached_contexts(),
        "doesZapGarbage": u8::from(heap.does_zap_garbage()),
        "heapSpaces": spaces,
    })
}

/// Processor time, and what part of the time since the machine started it is.
fn processor_time(env: &Environment, target: UsageTarget) -> Map<String, Json> {
    let usage = match target {
        UsageTarget::Thread => Rusage {
            user_time: env.thread_time(),
            ..Rusage::default()
        },
        target => syscall::getrusage(env.task(), target),
    };
    let uptime = env.clock().now().since_boot().max(Duration::from_secs(1));
    let share = |time: Duration| time.as_secs_f64() / uptime.as_secs_f64() * 100.0;
    let mut all = Map::new();
    let mut put = |key: &str, value: f64| all.insert(key.to_owned(), value.into());
    put("userCpuSeconds", usage.user_time.as_secs_f64());
    put("kernelCpuSeconds", usage.system_time.as_secs_f64());
    let whole = usage.user_time.saturating_add(usage.system_time);
    put("cpuConsumptionPercent", share(whole));
    put("userCpuConsumptionPercent", share(usage.user_time));
    put("kernelCpuConsumptionPercent", share(usage.system_time));
    all
}

fn resources(scope: &mut Scope<'_, '_>, env: &Environment) -> Json {
    let memory = syscall::sysinfo(env.task());
    let heap = scope.get_heap_statistics();
    let resident = heap
        .total_physical_size()
        .saturating_add(heap.external_memory())
        .saturating_add(env.threads().quota.mapped());
    let mut all = Map::new();
    let mut put = |key: &str, value: Json| all.insert(key.to_owned(), value);
    put("free_memory", memory.free_ram.into());
    put("total_memory", memory.total_ram.into());
    put("rss", resident.into());
    put("constrained_memory", heap.heap_size_limit().into());
    put("available_memory", heap.total_available_size().into());
    all.append(&mut processor_time(env, UsageTarget::Process));
    let mut put = |key: &str, value: Json| all.insert(key.to_owned(), value);
    put("maxRss", resident.into());
    put("pageFaults", json!({ "IORequired": 0, "IONotRequired": 0 }));
    put("fsActivity", json!({ "reads": 0, "writes": 0 }));
    all.into()
}

fn thread_resources(env: &Environment) -> Json {
    let mut all = processor_time(env, UsageTarget::Thread);
    all.insert("fsActivity".into(), json!({ "reads": 0, "writes": 0 }));
    all.into()
}

/// What the loop waits for. Addresses are numbers of our own.
fn handles(scope: &Scope<'_, '_>, env: &Environment) -> Json {
    let mut natives = env.natives().all();
    natives.sort_by_key(|(number, _)| *number);
    let mut all: Vec<Json> = Vec::new();
    let mut is_alive = false;
    for (number, native) in &natives {
        let (Some(handle), Some(object)) = (native.handle(), env.natives().object(scope, *number))
        else {
            continue;
        };
        is_alive |= handle.is_active() && handle.has_ref();
        let class = object.get_constructor_name().to_rust_string_lossy(scope);
        all.push(json!({
            "type": kind(&class), "is_active": handle.is_active(), "is_referenced": handle.has_ref(),
            "address": format!("0x{:016x}", all.len() + 2),
        }));
    }
    all.push(json!({ "type": "loop", "is_active": is_alive, "address": "0x0000000000000001" }));
    all.into()
}

/// libuv's name of a handle.
fn kind(class: &str) -> String {
    match class {
        "FSEvent" => "fs_event".to_owned(),
        "StatWatcher" => "fs_poll".to_owned(),
        "MessagePort" => "async".to_owned(),
        other => other.to_lowercase(),
    }
}

fn variables(env: &Environment) -> Json {
    let list = env.state::<Variables>().share();
    let list = list
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let all: Map<String, Json> = list
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    all.into()
}

fn limits(env: &Environment) -> Json {
    let mut all = Map::new();
    for (name, resource) in [
        ("core_file_size_blocks", Resource::Core),
        ("data_seg_size_bytes", Resource::Data),
        ("file_size_blocks", Resource::FileSize),
        ("max_locked_memory_bytes", Resource::LockedMemory),
        ("max_memory_size_bytes", Resource::ResidentSet),
        ("open_files", Resource::OpenFiles),
        ("stack_size_bytes", Resource::Stack),
        ("cpu_time_seconds", Resource::Cpu),
        ("max_user_processes", Resource::Processes),
        ("virtual_memory_bytes", Resource::AddressSpace),
    ] {
        let shown = |limit: u64| -> Json {
            if limit == RLIM_INFINITY {
                "unlimited".into()
            } else {
                limit.into()
            }
        };
        // A process may always ask about itself.
        if let Ok(limit) = syscall::prlimit64(env.task(), Pid::new(0), resource, None) {
            all.insert(
                name.to_owned(),
                json!({ "soft": shown(limit.soft), "hard": shown(limit.hard) }),
            );
        }
    }
    all.into()
}
