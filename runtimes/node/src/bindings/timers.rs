//! `internalBinding('timers')`: the one native timer under all of JavaScript's. Node: src/timers.cc.

use crate::environment::Stored;
use crate::glue::{Args, Binding, BindingResult, Scope, ScopeExt};

pub(super) const BINDING: Binding = Binding::new("timers")
    .function("setupTimers", setup_timers)
    .function("getLibuvNow", get_libuv_now)
    .fast(&fast::GET_LIBUV_NOW)
    .function("scheduleTimer", schedule_timer)
    .fast(&fast::SCHEDULE_TIMER)
    .function("toggleTimerRef", toggle_timer_ref)
    .fast(&fast::TOGGLE_TIMER_REF)
    .function("toggleImmediateRef", toggle_immediate_ref)
    .fast(&fast::TOGGLE_IMMEDIATE_REF);

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

/// What optimised JavaScript calls.
#[expect(clippy::unnecessary_wraps, reason = "the shape of fast calls")]
mod fast {
    use crate::glue::{Failure, FastContext, fast_call};

    fast_call!(GET_LIBUV_NOW: get_libuv_now() -> f64);
    fast_call!(SCHEDULE_TIMER: schedule_timer(f64) -> void);
    fast_call!(TOGGLE_TIMER_REF: toggle_timer_ref(bool) -> void);
    fast_call!(TOGGLE_IMMEDIATE_REF: toggle_immediate_ref(bool) -> void);

    fn get_libuv_now(context: FastContext<'_>) -> Result<f64, Failure> {
        let env = context.env();
        let timers = env.event_loop().timers();
        timers.update_now();
        Ok(timers.now_ms())
    }

    fn schedule_timer(context: FastContext<'_>, delay: f64) -> Result<(), Failure> {
        context.env().event_loop().timers().schedule(delay);
        Ok(())
    }

    fn toggle_timer_ref(context: FastContext<'_>, on: bool) -> Result<(), Failure> {
        context.env().event_loop().timers().set_ref(on);
        Ok(())
    }

    fn toggle_immediate_ref(context: FastContext<'_>, on: bool) -> Result<(), Failure> {
        context.env().event_loop().set_immediate_ref(on);
        Ok(())
    }
}
