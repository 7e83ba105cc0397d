//! `internalBinding('timers')`: the one native timer under all of JavaScript's. Node: src/timers.cc.

use crate::environment::Stored;
use crate::glue::{Args, Binding, BindingResult, Scope, ScopeExt};

pub(super) const BINDING: Binding = Binding::new("timers")
    .function("setupTimers", setup_timers)
    .function("getLibuvNow", get_libuv_now)
    .function("scheduleTimer", schedule_timer)
    .function("toggleTimerRef", toggle_timer_ref)
    .function("toggleImmediateRef", toggle_immediate_ref);

fn setup_timers<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (immediate, timers) = (args.function(0)?, args.function(1)?);
    let env = scope.env();
    env.store(scope, Stored::ProcessImmediate, immediate.into());
    env.store(scope, Stored::ProcessTimers, timers.into());
    Ok(().into())
}

/// The time of this turn of the loop, in milliseconds since the loop began.
fn get_libuv_now<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    env.event_loop().timers().update_now();
    Ok(env.event_loop().timers().now_ms().into())
}

fn schedule_timer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let delay = args.f64(0)?;
    scope.env().event_loop().timers().schedule(delay);
    Ok(().into())
}

fn toggle_timer_ref<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let on = args.bool(scope, 0);
    scope.env().event_loop().timers().set_ref(on);
    Ok(().into())
}

fn toggle_immediate_ref<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let on = args.bool(scope, 0);
    scope.env().event_loop().set_immediate_ref(on);
    Ok(().into())
}
