//! Debugging a guest: what Node's C++ has around V8's inspector, per isolate.
//!
//! `agent` (V8's inspector of an isolate, its sessions, waiting and pausing), `mailbox` (how other threads reach it, also while
//! JavaScript runs or is paused), `domains` (what sessions can ask beyond V8's own domains), `profiles` (`--cpu-prof`,
//! `--heap-prof`, coverage), `server` with `connection` and `pages` (where debuggers connect), `address` (where that is), `workers` (how
//! they reach workers), `targets` (another way there; `worker_session` is under both), `network` (requests that they see), `storage` (what `localStorage` holds); `sampling`
//! (profiles that a program takes itself). The main
//! thread has no inspector until something asks for one: it would cost every start.
//! Node: `src/inspector_agent.cc`, `src/inspector/`, `src/inspector_profiler.cc`.

mod address;
mod agent;
mod connection;
mod domains;
mod mailbox;
mod network;
mod pages;
mod profiles;
mod sampling;
mod server;
mod storage;
mod targets;
mod worker_session;
mod workers;

pub(crate) use address::{DebugAddress, debug_port, start_server};
pub(crate) use agent::{Agent, Sink, agent, context_created, existing, next_session};
pub(crate) use mailbox::{Mailbox, deliver, mailbox};
pub(crate) use network::emit as emit_network_event;
pub(crate) use profiles::{
    end_coverage, set_coverage_directory, start_coverage, stop_coverage, take_coverage,
};
pub(crate) use sampling::{
    start_cpu_profile, start_heap_profile, stop_cpu_profile, stop_heap_profile,
};
pub(crate) use storage::emit as emit_storage_event;
pub(crate) use workers::{InspectedWorkers, announce, breaks_first_line};

use std::sync::atomic::Ordering;

use cenote_abi::SigNum;
use cenote_abi::signal::{SaFlags, SigSet};
use cenote_kernel::{SigAction, SigHandler, Task, syscall};

use crate::bindings::permission::{self, Permission};
use crate::glue::{Failure, Scope, ScopeExt};
use crate::threads::ThreadGroup;

/// Before the main script: begins what the command line and the environment ask for.
///
/// # Errors
/// When the inspector cannot be made, which is a bug.
pub(crate) fn begin(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    if env.is_main_thread() {
        let _first = env.threads().main_mailbox.set(mailbox(&env));
    }
    if !env.is_main_thread() {
        // Its context is in no snapshot, and has no number yet (see `number_first_context`).
        agent(scope);
    }
    profiles::begin(scope);
    let line = env.command_line();
    if env.is_main_thread() {
        if !line.is("--disable-sigusr1") {
            listen_to_signal(&env, may_attach(line));
        }
        // Without permission there is no server, and nobody is told.
        if line.is("--inspect")
            && may_attach(line)
            && permission::check(scope, Permission::Inspector, b"StartIoThread").is_ok()
        {
            let agent = agent(scope);
            if start_server(scope, &agent) && waits(line) {
                agent.wait_for_frontend();
            }
        }
    }
    Ok(())
}

/// Whether the program waits for a debugger before it begins.
fn waits(line: &crate::options::CommandLine) -> bool {
    ["--inspect-brk", "--inspect-wait", "--inspect-brk-node"]
        .iter()
        .any(|option| line.is(option))
}

/// Whether debuggers are for this process: one that watches, or runs each test file in a process of its own, hands its options on to
/// those that it starts. Node: `allow_attaching_debugger`.
fn may_attach(line: &crate::options::CommandLine) -> bool {
    let is_runner = line.is("--test") && line.text("--test-isolation") != "none";
    !line.is("--watch") && !is_runner
}

/// SIGUSR1 opens the inspector (or does nothing), until the program listens to it itself. Node: `StartDebugSignalHandler`.
fn listen_to_signal(env: &crate::environment::Environment, opens: bool) {
    let action = SigAction {
        handler: SigHandler::Function(1),
        flags: SaFlags::SA_RESTART,
        mask: SigSet::EMPTY,
    };
    match syscall::rt_sigaction(env.task(), SigNum::SIGUSR1, Some(action)) {
        Ok(_) => env.threads().debug_signal.store(opens, Ordering::Release),
        Err(error) => tracing::debug!(target: "cenote::node", %error, "no handler for SIGUSR1"),
    }
}

/// A signal came, and may be the one. From any thread.
pub(crate) fn signal_came(group: &ThreadGroup, task: &Task) {
    if group.debug_signal.load(Ordering::Acquire)
        && task.is_pending(SigNum::SIGUSR1)
        && let Some(mailbox) = group.main_mailbox.get()
    {
        mailbox.post(|scope, agent| {
            start_server(scope, agent);
        });
    }
}

/// The program is about to be ended by its own signal: profiles are written.
pub(crate) fn write_profiles(scope: &mut Scope<'_, '_>) {
    if scope.env().can_call_into_js() {
        profiles::end(scope);
    }
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
