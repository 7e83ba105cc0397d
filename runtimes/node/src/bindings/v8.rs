//! `internalBinding('v8')`: heap statistics. Node: `src/node_v8.cc`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::{Value as Json, json};

use cenote_base::Timing;

use crate::glue::{
    Args, Audience, Binding, BindingResult, Class, Collection, CollectionListener, Failure,
    HeapNumbers, Native, Object, Return, Scope, ScopeExt, attach, listen_to_collections,
};
use crate::options::CommandLine;
use crate::v8_options::{Meaning, V8Option};

pub(super) const BINDING: Binding = Binding::new("v8")
    .class(&GC_PROFILER)
    .note("few flags can be set, they are the whole host's")
    .function("startCpuProfile", start_cpu_profile)
    .function("stopCpuProfile", stop_cpu_profile)
    .function("cachedDataVersionTag", cached_data_version_tag)
    .function("updateHeapStatisticsBuffer", update_heap_statistics)
    .function(
        "updateHeapSpaceStatisticsBuffer",
        update_heap_space_statistics,
    )
    .function(
        "updateHeapCodeStatisticsBuffer",
        update_heap_code_statistics,
    )
    .function("isStringOneByteRepresentation", is_one_byte)
    .partial(
        "setFlagsFromString",
        set_flags_from_string,
        "`--allow-natives-syntax` and `--expose-gc` only: V8's flags are shared by all guests of the host process",
    )
    .setup(setup);

fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    let count = scope.number_of_heap_spaces();
    let mut names = Vec::new();
    for index in 0..count {
        let name = scope
            .get_heap_space_statistics(index)
            .map(|space| space.space_name().to_string_lossy().into_owned());
        names.push(scope.text(&name.unwrap_or_default()).into());
    }
    let names = scope.array(&names);
    scope.set(binding, "kHeapSpaces", names.into());
    Ok(())
}

fn cached_data_version_tag<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(v8::script_compiler::cached_data_version_tag().into())
}

/// `startCpuProfile()`: a number.
fn start_cpu_profile<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(crate::inspector::start_cpu_profile(scope).into())
}

/// `stopCpuProfile(number)`: the profile as JSON.
fn stop_cpu_profile<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let number = args.i32(scope, 0)?;
    match crate::inspector::stop_cpu_profile(&scope.env(), number) {
        Some(profile) => Ok(scope.string(&profile)?.into()),
        None => Err(Failure::error(
            "ERR_CPU_PROFILE_NOT_STARTED",
            "CPU profile not started",
        )),
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes fit a double")]
fn fill(scope: &mut Scope<'_, '_>, buffer: &str, values: &[usize]) -> Result<(), Failure> {
    let field = scope.env().field(scope, "v8", buffer)?;
    for (index, value) in values.iter().enumerate() {
        field.set(index, *value as f64);
    }
    Ok(())
}

fn update_heap_statistics<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let heap = scope.get_heap_statistics();
    let values = [
        heap.total_heap_size(),
        heap.total_heap_size_executable(),
        heap.total_physical_size(),
        heap.total_available_size(),
        heap.used_heap_size(),
        heap.heap_size_limit(),
        heap.malloced_memory(),
        heap.peak_malloced_memory(),
        usize::from(heap.does_zap_garbage()),
        heap.number_of_native_contexts(),
        heap.number_of_detached_contexts(),
        heap.total_global_handles_size(),
        heap.used_global_handles_size(),
        heap.external_memory(),
    ];
    fill(scope, "heapStatisticsBuffer", &values)?;
    Ok(().into())
}

fn update_heap_space_statistics<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let index = args.usize(0)?;
    let space = scope.get_heap_space_statistics(index);
    let space =
        space.ok_or_else(|| Failure::range_error("ERR_OUT_OF_RANGE", "no such heap space"))?;
    let values = [
        space.space_size(),
        space.space_used_size(),
        space.space_available_size(),
        space.physical_space_size(),
    ];
    fill(scope, "heapSpaceStatisticsBuffer", &values)?;
    Ok(().into())
}

fn update_heap_code_statistics<'s>(
    scope: &mut Scope<'s, '_>,
    _args: &Args<'s>,
) -> BindingResult<'s> {
    let values = scope
        .get_heap_code_and_metadata_statistics()
        .map_or([0; 4], |code| {
            [
                code.code_and_metadata_size(),
                code.bytecode_and_metadata_size(),
                code.external_script_source_size(),
                code.cpu_profiler_metadata_size(),
            ]
        });
    fill(scope, "heapCodeStatisticsBuffer", &values)?;
    Ok(().into())
}

fn is_one_byte<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(args.string(0)?.is_onebyte().into())
}

/// What `v8.setFlagsFromString` turned on in this thread.
#[derive(Default)]
struct FlagsGiven {
    expose_gc: Cell<bool>,
}

/// `setFlagsFromString(flags)`: what can be done for one thread is done; of the rest it is said that nothing happens, unless no result
/// depends on it.
fn set_flags_from_string<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.string(0)?.to_rust_string_lossy(scope);
    let env = scope.env();
    for word in text.split_ascii_whitespace() {
        let Some(option) = V8Option::parse(word) else {
            let error = format!("Error: unrecognized flag {word}\nTry --help for options\n");
            env.print_error(error.as_bytes());
            continue;
        };
        match (option.name, option.meaning()) {
            ("allow-natives-syntax", _) if !option.is_negated => {
                crate::natives_syntax::allow(scope)?;
            }
            ("expose-gc", _) => env.state::<FlagsGiven>().expose_gc.set(!option.is_negated),
            (_, Meaning::Tuning | Meaning::Honoured) => {}
            (_, Meaning::WithoutEffect | Meaning::Refused) => {
                env.print_error(CommandLine::without_effect(word).as_bytes());
            }
        }
    }
    Ok(().into())
}

/// Defines `gc` in a new context, as the flag does for contexts made after it.
pub(crate) fn expose_gc_if_asked(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    let is_asked = env.command_line().v8_option("--expose-gc").is_some()
        || env.state::<FlagsGiven>().expose_gc.get();
    if is_asked {
        crate::program::expose_gc(scope)?;
    }
    Ok(())
}

static GC_PROFILER: Class = Class::new("GCProfiler", new_gc_profiler)
    .method("start", start_gc_profiler)
    .method("stop", stop_gc_profiler);

/// `v8.GCProfiler`: the collections while it runs.
#[derive(Default)]
struct GcProfiler {
    /// When it was started, in milliseconds since 1970, while it runs.
    started: Cell<Option<f64>>,
    seen: Rc<RefCell<Vec<Json>>>,
}

impl Native for GcProfiler {}

/// Collections that one profile holds.
const MOST_COLLECTIONS: usize = 10_000;

fn new_gc_profiler<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    attach(scope, args.this(), Rc::new(GcProfiler::default()));
    Ok(().into())
}

fn now_ms(scope: &Scope<'_, '_>) -> f64 {
    let now = scope.env().clock().realtime();
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact for milliseconds since 1970"
    )]
    let ms = (now
        .sec
        .saturating_mul(1000)
        .saturating_add(i64::from(now.nsec / 1_000_000))) as f64;
    ms
}

fn start_gc_profiler<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let profiler = args.native::<GcProfiler>(scope)?;
    if profiler.started.get().is_some() {
        return Ok(().into());
    }
    profiler.started.set(Some(now_ms(scope)));
    let seen = Rc::clone(&profiler.seen);
    let timing = scope.env().clock().timing();
    let listener: CollectionListener = Box::new(move |collection| {
        let Ok(mut seen) = seen.try_borrow_mut() else {
            return;
        };
        if seen.len() < MOST_COLLECTIONS {
            seen.extend(describe_collection(collection, timing));
        }
    });
    listen_to_collections(scope, Audience::Profiler, Some(listener));
    Ok(().into())
}

fn describe_collection(collection: &Collection, timing: Timing) -> Option<Json> {
    let [before, after] = collection.heap.as_deref()?;
    let kind = match collection.kind {
        1 => "Scavenge",
        2 => "MinorMarkSweep",
        4 => "MarkSweepCompact",
        8 => "IncrementalMarking",
        16 => "ProcessWeakCallbacks",
        _ => "All",
    };
    Some(json!({
        "gcType": kind,
        "beforeGC": describe_heap(before),
        "cost": u64::try_from(timing.span(collection.duration).as_micros()).unwrap_or(u64::MAX),
        "afterGC": describe_heap(after),
    }))
}

fn describe_heap(heap: &HeapNumbers) -> Json {
    let whole: serde_json::Map<String, Json> = heap
        .whole
        .iter()
        .map(|(name, number)| ((*name).to_owned(), (*number).into()))
        .collect();
    let spaces: Vec<Json> = heap
        .spaces
        .iter()
        .map(|(name, [size, used, available, physical])| {
            json!({
                "spaceName": name,
                "spaceSize": size,
                "spaceUsedSize": used,
                "spaceAvailableSize": available,
                "physicalSpaceSize": physical,
            })
        })
        .collect();
    json!({ "heapStatistics": whole, "heapSpaceStatistics": spaces })
}

/// `stop()`: the profile as JSON text; `undefined` if it was not running.
fn stop_gc_profiler<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let profiler = args.native::<GcProfiler>(scope)?;
    let Some(started) = profiler.started.take() else {
        return Ok(Return::Undefined);
    };
    listen_to_collections(scope, Audience::Profiler, None);
    let profile = json!({
        "version": 1,
        "startTime": started,
        "statistics": std::mem::take(&mut *profiler.seen.borrow_mut()),
        "endTime": now_ms(scope),
    });
    Ok(scope.string(&profile.to_string())?.into())
}
