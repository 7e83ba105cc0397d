//! `internalBinding('performance')`: time since start, milestones, observers. Node: `src/node_perf.cc`.

use crate::glue::{Args, Binding, BindingResult, Failure, Scope, ScopeExt, Value};

pub(super) const BINDING: Binding = Binding::new("performance")
    .note("garbage collections are not observed; no histograms")
    .function("now", now)
    .function("markBootstrapComplete", mark_bootstrap_complete)
    .function("setupObservers", setup_observers)
    .function("notify", notify)
    .partial("loopIdleTime", loop_idle_time, "always 0")
    .partial("uvMetricsInfo", uv_metrics_info, "always zeros")
    .partial(
        "installGarbageCollectionTracking",
        ignore,
        "there is no tracking",
    )
    .partial(
        "removeGarbageCollectionTracking",
        ignore,
        "there is no tracking",
    );

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
    milestones.set(TIME_ORIGIN_TIMESTAMP, timestamp);
    let start = nanoseconds(env.event_loop().timers().start().since_boot());
    for milestone in [TIME_ORIGIN, ENVIRONMENT, NODE_START, V8_START] {
        milestones.set(milestone, start);
    }
    milestones.set(LOOP_START, -1.0);
    milestones.set(LOOP_EXIT, -1.0);
    Ok(())
}

/// Notes that the loop begins, or that it ended.
pub(crate) fn mark_loop(scope: &mut Scope<'_, '_>, has_ended: bool) -> Result<(), Failure> {
    let env = scope.env();
    let milestones = env.field(scope, "performance", "milestones")?;
    milestones.set(
        if has_ended { LOOP_EXIT } else { LOOP_START },
        nanoseconds(env.clock().now().since_boot()),
    );
    Ok(())
}

/// Milliseconds since the process started.
fn now<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let elapsed = env
        .clock()
        .now()
        .duration_since(env.event_loop().timers().start());
    Ok((elapsed.as_secs_f64() * 1e3).into())
}

fn mark_bootstrap_complete<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let milestones = env.field(scope, "performance", "milestones")?;
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

fn loop_idle_time<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(0.into())
}

fn uv_metrics_info<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let zeros = [scope.number(0.0), scope.number(0.0), scope.number(0.0)];
    Ok(scope.array(&zeros).into())
}

fn ignore<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(().into())
}
