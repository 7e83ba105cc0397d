//! `internalBinding('watchdog')`: `--trace-sigint` and `util.setTraceSigInt()`: a program that SIGINT ends says where it was.
//! Node: `TraceSigintWatchdog` in `src/node_watchdog.cc`.
//!
//! While it watches, SIGINT has a handler in the kernel. A loop of JavaScript is interrupted between two of its steps; a loop that
//! waits takes the signal like others. Both then print, and send the signal again with its default action.

use std::cell::Cell;
use std::rc::Rc;

use cenote_abi::SigNum;
use cenote_kernel::syscall;

use super::contextify::{interruption, start_watching, stop_watching};
use super::process_methods::stack_trace;
use crate::environment::Environment;
use crate::event_loop::handles::{AsyncInfo, HANDLE_WRAP, HandleState};
use crate::glue::{Args, Binding, BindingResult, Class, Native, Scope, ScopeExt, attach};

pub(super) const BINDING: Binding = Binding::new("watchdog").class(&TRACE_SIGINT_WATCHDOG);

static TRACE_SIGINT_WATCHDOG: Class = Class::new("TraceSigintWatchdog", new_watchdog)
    .extends(&HANDLE_WRAP)
    .method("start", start)
    .method("stop", stop);

struct Watchdog {
    info: AsyncInfo,
    handle: HandleState,
    is_on: Cell<bool>,
}

impl Native for Watchdog {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn handle(&self) -> Option<&HandleState> {
        Some(&self.handle)
    }

    fn close(&self, scope: &mut Scope<'_, '_>) {
        self.stop(&scope.env());
    }
}

impl Watchdog {
    fn stop(&self, env: &Environment) {
        if self.is_on.replace(false) {
            interruption(env).end_tracing();
            let _came = stop_watching(env);
        }
    }
}

fn new_watchdog<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let watchdog = Watchdog {
        info: AsyncInfo::new(scope, this, "SIGINTWATCHDOG"),
        handle: HandleState::default(),
        is_on: Cell::new(false),
    };
    attach(scope, this, Rc::new(watchdog));
    Ok(().into())
}

fn start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let watchdog = args.native::<Watchdog>(scope)?;
    let env = scope.env();
    if !watchdog.is_on.get() {
        start_watching(&env)?;
        watchdog.is_on.set(true);
        interruption(&env).begin_tracing();
    }
    Ok(().into())
}

fn stop<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<Watchdog>(scope)?.stop(&scope.env());
    Ok(().into())
}

/// Between two steps of JavaScript: SIGINT may have come.
pub(crate) fn look(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    if !interruption(&env).is_tracing() {
        return;
    }
    crate::program::note_signals(&env);
    if crate::program::take_noted(&env, SigNum::SIGINT) {
        let trace = stack_trace(scope);
        end(&env, &trace);
    }
}

/// SIGINT came while the loop waited. Whether that was awaited here; the process ends then.
pub(crate) fn came_on_idle(env: &Environment) -> bool {
    let is_tracing = interruption(env).is_tracing();
    if is_tracing {
        end(env, "");
    }
    is_tracing
}

/// Says where the program was and has the signal end it.
fn end(env: &Environment, trace: &str) {
    let text = format!("KEYBOARD_INTERRUPT: Script execution was interrupted by `SIGINT`\n{trace}");
    env.print_error(text.as_bytes());
    interruption(env).end_tracing();
    let _came = stop_watching(env);
    let (own, _) = env.pids();
    if let Err(error) = syscall::kill(env.task(), own, Some(SigNum::SIGINT)) {
        tracing::debug!(target: "cenote::node", %error, "SIGINT to itself");
    }
    crate::program::note_signals(env);
}
