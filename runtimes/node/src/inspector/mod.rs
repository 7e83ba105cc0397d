//! Debugging a guest: what Node's C++ has around V8's inspector, per isolate.
//!
//! `agent` (V8's inspector of an isolate, its sessions, waiting and pausing), `mailbox` (how other threads reach it, also while
//! JavaScript runs or is paused), `domains` (what sessions can ask beyond V8's own domains), `profiles` (`--cpu-prof`,
//! `--heap-prof`, coverage). An isolate has no inspector until something asks for one: it would cost every start.
//! Node: `src/inspector_agent.cc`, src/inspector/, src/inspector_profiler.cc.

mod agent;
mod domains;
mod mailbox;
mod profiles;

pub(crate) use agent::{Agent, Sink, agent, context_created, existing, next_session};
pub(crate) use mailbox::{Mailbox, deliver, mailbox};
pub(crate) use profiles::{
    end_coverage, set_coverage_directory, start_coverage, stop_coverage, take_coverage,
};

use crate::glue::{Failure, Scope, ScopeExt};

/// Before the main script: begins what the command line and the environment ask for.
///
/// # Errors
/// When the inspector cannot be made, which is a bug.
pub(crate) fn begin(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    if env.is_main_thread() {
        let _first = env.threads().main_mailbox.set(mailbox(&env));
    }
    profiles::begin(scope);
    Ok(())
}

/// After the program: profiles are written. Once; later calls do nothing.
pub(crate) fn at_exit(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    if existing(&env).is_none() || !env.can_call_into_js() {
        return;
    }
    profiles::end(scope);
    agent::wait_for_disconnect(scope);
}
