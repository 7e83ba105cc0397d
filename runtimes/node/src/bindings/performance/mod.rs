//! `internalBinding('performance')`: time since start, milestones, observers. Node: `src/node_perf.cc`.

mod histogram;

use crate::environment::Environment;
use crate::glue::{
    Args, Audience, Binding, BindingResult, Collection, Failure, Field, Scope, ScopeExt, Value,
};

pub(super) const BINDING: Binding = Binding::new("performance")
    .note("no tests of statistics between histograms")
    .class(&histogram::HISTOGRAM)
    .partial(
        "createELDHistogram",
        histogram::create_eld_histogram,
        "samples by time only, not per iteration",
    )
    .function("now", now)
    .fast(&fast::NOW)
    .function("markBootstrapComplete", mark_bootstrap_complete)
    .function("setupObservers", setup_observers)
    .function("notify", notify)
    .function("loopIdleTime", loop_idle_time)
    .partial(
        "uvMetricsInfo",
        uv_metrics_info,
        "events that wait are not counted",
    )
    .function("installGarbageCollectionTracking", install_gc_tracking)
    .function("removeGarbageCollectionTracking", remove_gc_tracking);

// milestones
const TIME_ORIGIN_TIMESTAMP: usize = 0;
const TIME_ORIGIN: usize = 1;
const ENVIRONMENT: usize = 2;
const NODE_START: usize = 3;
const V8_START: usize = 4;
const LOOP_START: usize = 5;
const LOOP_EXIT: usize = 6;
const BOOTSTRAP_COMPLETE: usize = 7;

/// What observers are told with.
#[derive(Default)]
struct Observers {
    callback: std::cell::RefCell<Option<v8::Global<v8::Function>>>,
}

fn nanoseconds(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// Sets the milestones of a process that starts now.
pub(crate) fn start(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    let milestones = env.field(scope, "performance", "milestones")?;
    let realtime = env.clock().realtime();
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds since 1970 fit a double"
    )]
    let timestamp = realtime.sec as f64 * 1e6 + realtime.nsec as f64 / 1e3;
    let start = nanoseconds(env.started().since_boot());
    // The main thread comes first: its beginning is the process's.
    let origin = *env.threads().time_origin.get_or_init(|| (timestamp, start));
    milestones.set(TIME_ORIGIN_TIMESTAMP, origin.0);
    for milestone in [TIME_ORIGIN, NODE_START, V8_START] {
        milestones.set(milestone, origin.1);
    }
    milestones.set(ENVIRONMENT, start);
    milestones.set(LOOP_START, -1.0);
    milestones.set(LOOP_EXIT, -1.0);
    Ok(())
}

/// Notes that the loop begins, or that it ended.
pub(crate) fn mark_loop(scope: &mut Scope<'_, '_>, has_ended: bool) -> Result<(), Failure> {
    let env = scope.env();
    let milestones = env.field(scope, "performance", "milestones")?;
    let name = if has_ended { "loopExit" } else { "loopStart" };
    crate::trace::note(&env, "node.bootstrap", name, 'R');
    milestones.set(
        if has_ended { LOOP_EXIT } else { LOOP_START },
        nanoseconds(env.clock().now().since_boot()),
    );
    Ok(())
}

/// Milliseconds since the process started.
fn now<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let milestones = env.field(scope, "performance", "milestones")?;
    Ok(since_origin(&env, &milestones).into())
}

fn since_origin(env: &Environment, milestones: &Field) -> f64 {
    let now = nanoseconds(env.clock().now().since_boot());
    (now - milestones.get(TIME_ORIGIN)) / 1e6
}

/// What optimised JavaScript calls.
mod fast {
    use super::{Failure, since_origin};
    use crate::glue::{FastContext, fast_call};

    fast_call!(NOW: now() -> f64);

    fn now(context: FastContext<'_>) -> Result<f64, Failure> {
        let env = context.env();
        let milestones = env.known_field("performance", "milestones");
        Ok(since_origin(
            &env,
            &milestones.ok_or_else(Failure::too_early)?,
        ))
    }
}

fn mark_bootstrap_complete<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let milestones = env.field(scope, "performance", "milestones")?;
    crate::trace::note(&env, "node.bootstrap", "bootstrapComplete", 'R');
    milestones.set(
        BOOTSTRAP_COMPLETE,
        nanoseconds(env.clock().now().since_boot()),
    );
    Ok(().into())
}

fn setup_observers<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let callback = args.function(0)?;
    *scope.env().state::<Observers>().callback.borrow_mut() =
        Some(v8::Global::new(scope, callback));
    Ok(().into())
}

/// Passes an entry on to the observers.
fn notify<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let callback = scope.env().state::<Observers>().callback.borrow().clone();
    if let Some(callback) = callback {
        let callback = v8::Local::new(scope, &callback);
        let all: Vec<Value<'s>> = (0..args.len()).map(|index| args.get(index)).collect();
        scope.call(callback, scope.undefined(), &all)?;
    }
    Ok(().into())
}

/// Milliseconds the loop spent waiting.
fn loop_idle_time<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    if crate::frozen::is_frozen(&env) {
        return Ok(0.0.into());
    }
    let now = env.steady_clock().now();
    Ok(env.event_loop().io().idle().milliseconds(now).into())
}

/// `[loopCount, events, eventsWaiting]`.
fn uv_metrics_info<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    let number = |count: u64| count as f64;
    let event_loop = env.event_loop();
    let numbers = [
        scope.number(number(event_loop.turns())),
        scope.number(number(event_loop.io().events())),
        scope.number(0.0),
    ];
    Ok(scope.array(&numbers).into())
}

/// Collections are told to observers from here on.
fn install_gc_tracking<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let remote = env.event_loop().io().remote();
    let clock = std::sync::Arc::clone(env.clock());
    let start = env.started();
    let listener = move |collection: &Collection| {
        let ended = clock.now();
        let took = clock.timing().span(collection.duration);
        let begun = ended.since_boot().saturating_sub(took);
        let at_ms = begun.saturating_sub(start.since_boot()).as_secs_f64() * 1e3;
        let (kind, flags, duration) = (collection.kind, collection.flags, took);
        remote.send(move |scope| {
            let collection = Collection {
                kind,
                flags,
                duration,
                heap: None,
            };
            if let Err(failure) = tell_collection(scope, &collection, at_ms) {
                failure.throw(scope);
            }
        });
    };
    let listener: crate::glue::CollectionListener = Box::new(listener);
    crate::glue::listen_to_collections(scope, Audience::Observers, Some(listener));
    Ok(().into())
}

fn remove_gc_tracking<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    crate::glue::listen_to_collections(scope, Audience::Observers, None);
    Ok(().into())
}

/// Tells the observers of a collection: `(name, type, start, duration, details)`.
fn tell_collection(
    scope: &mut Scope<'_, '_>,
    collection: &Collection,
    at_ms: f64,
) -> Result<(), Failure> {
    let env = scope.env();
    let callback = env.state::<Observers>().callback.borrow().clone();
    let Some(callback) = callback else {
        return Ok(());
    };
    let details = scope.object();
    scope.set(details, "kind", scope.number(f64::from(collection.kind)));
    scope.set(details, "flags", scope.number(f64::from(collection.flags)));
    let name = scope.name("gc").into();
    let duration = collection.duration.as_secs_f64() * 1e3;
    let args = [
        name,
        name,
        scope.number(at_ms),
        scope.number(duration),
        details.into(),
    ];
    let callback = v8::Local::new(scope, &callback);
    let process = env.process(scope);
    crate::event_loop::make_callback_in(
        scope,
        process,
        callback,
        &args,
        &crate::event_loop::CallContext::ROOT,
    );
    Ok(())
}
