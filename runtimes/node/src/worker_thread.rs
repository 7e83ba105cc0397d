//! The life of a worker's thread: a thread of the same kernel process, with an isolate of its own in which Node's bootstrap runs
//! for a worker, then `internal/main/worker_thread` and the loop. Node: `Worker::Run` in `src/node_worker.cc`.
//!
//! Unlike a process it does not start from the snapshot: its bootstrap takes other switches. Its end is told to the parent's loop,
//! whatever ended it; the end of the process stops it through its task, as every thread.

use std::sync::Arc;

use cenote_kernel::Task;

use crate::bindings::messaging::channel::Port;
use crate::bindings::messaging::port::new_port;
use crate::bindings::process::{SharedVariables, Variables};
use crate::bindings::worker::control::Control;
use crate::bindings::{performance, process, worker};
use crate::event_loop::{self, Remote};
use crate::glue::{Failure, Scope, ScopeExt};
use crate::isolate::create_params;
use crate::loader;
use crate::options::CommandLine;
use crate::program::{ABORTED, apply_v8_options};
use crate::spare::{Booted, Origin};
use crate::threads::Thread;

/// Indices into `resourceLimits`.
pub(crate) const YOUNG: usize = 0;
pub(crate) const OLD: usize = 1;
pub(crate) const STACK: usize = 3;

/// Stack for native code, below what JavaScript may use.
pub(crate) const NATIVE_STACK: usize = 4 << 20;

/// Status of a worker that could not start, or ran out of memory.
const FAILURE: i32 = 1;

/// What a worker starts with.
pub(crate) struct Launch {
    pub(crate) control: Arc<Control>,
    pub(crate) thread: Thread,
    pub(crate) line: CommandLine,
    pub(crate) variables: SharedVariables,
    /// The time zone of the process: a worker's own variables do not change it.
    pub(crate) zone: String,
    /// Its end of the channel to the parent.
    pub(crate) port: Port,
}

impl Launch {
    /// Bytes of stack for JavaScript.
    pub(crate) fn stack(&self) -> usize {
        bytes(self.thread.limits[STACK])
    }
}

/// Megabytes as bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates; the limits are clamped when they are taken"
)]
fn bytes(megabytes: f64) -> usize {
    (megabytes * 1_048_576.0) as usize
}

/// Tells the parent, also should the thread panic.
struct Farewell {
    control: Arc<Control>,
    task: Arc<Task>,
    parent: Remote,
    number: i32,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.control.end();
        self.task.finish();
        let number = self.number;
        self.parent
            .send(move |scope| worker::handle::joined(scope, number));
    }
}

/// The whole life of a worker, on its own thread. `number` is the parent's native object.
pub(crate) fn run(launch: Launch, task: Arc<Task>, parent: Remote, number: i32) {
    let farewell = Farewell {
        control: Arc::clone(&launch.control),
        task,
        parent,
        number,
    };
    if !farewell.control.is_stopped() {
        live(launch, &farewell.task);
    }
    drop(farewell);
}

fn live(launch: Launch, task: &Arc<Task>) {
    let control = Arc::clone(&launch.control);
    let blob = match crate::snapshot::blob() {
        Ok(blob) => blob,
        Err(error) => {
            control.set_exit(FAILURE, Some(("ERR_WORKER_INIT_FAILED", error.to_string())));
            return;
        }
    };
    let group = &launch.thread.group;
    let limits = launch.thread.limits;
    let params = create_params(group.limits, &group.quota)
        .set_max_old_generation_size_in_bytes(bytes(limits[OLD]))
        .set_max_young_generation_size_in_bytes(bytes(limits[YOUNG]))
        .snapshot_blob(v8::StartupData::from(blob));
    let origin = Origin {
        params,
        stack: Some(launch.stack()),
        thread: launch.thread,
        has_snapshot: false,
    };
    let Some(mut booted) = Booted::new(origin) else {
        control.set_exit(FAILURE, None);
        return;
    };
    let (variables, zone, port) = (launch.variables, launch.zone, launch.port);
    let ended = booted.run(
        task,
        launch.line,
        |env| control.begin(env),
        |scope| run_program(scope, &control, variables, &zone, port),
    );
    drop(booted.dismantle());
    if ended.is_aborted {
        task.exit(ABORTED);
    }
    if ended.is_exhausted {
        let error = (
            "ERR_WORKER_OUT_OF_MEMORY",
            "JS heap out of memory".to_owned(),
        );
        control.set_exit(FAILURE, Some(error));
        return;
    }
    let code = match (ended.exit_code, ended.outcome) {
        (Some(code), _) | (None, Ok(code)) => code,
        (None, Err(failure)) => {
            if !control.is_stopped() && !task.must_end() {
                tracing::debug!(target: "cenote::node", ?failure, "a worker ended without a status");
            }
            FAILURE
        }
    };
    control.set_exit(code, None);
}

fn run_program(
    scope: &mut Scope<'_, '_>,
    control: &Control,
    variables: SharedVariables,
    zone: &str,
    port: Port,
) -> Result<i32, Failure> {
    bootstrap(scope, control)?;
    let env = scope.env();
    env.state::<Variables>().adopt(variables);
    let process = env.process(scope);
    process::create_env(scope, process)?;
    crate::time_zone::start(scope, Some(zone))?;
    performance::start(scope)?;
    crate::trace::start_in_worker(scope)?;
    crate::natives_syntax::install(scope)?;
    apply_v8_options(scope)?;
    crate::frozen::hide_shared_memory(scope)?;
    let port = new_port(scope, port)?;
    worker::set_env_message_port(scope, port);
    crate::inspector::begin(scope)?;
    let _presence = crate::inspector::announce(scope);
    event_loop::run_main(scope, |scope| {
        loader::run_main(scope, "internal/main/worker_thread")
    });
    performance::mark_loop(scope, false)?;
    let started = env.clock().now().since_boot();
    control.begin_loop(started.as_secs_f64() * 1e3);
    let code = event_loop::spin(scope)?;
    performance::mark_loop(scope, true)?;
    crate::inspector::at_exit(scope);
    Ok(code)
}

/// Node's bootstrap. When it fails (a stack or a heap that is too small), the parent gets the error.
fn bootstrap(scope: &mut Scope<'_, '_>, control: &Control) -> Result<(), Failure> {
    v8::tc_scope!(let catch, scope);
    loader::bootstrap(catch, false).map_err(|failure| {
        if !catch.has_terminated() {
            let exception = catch.exception().or_else(|| failure.to_exception(catch));
            let text = exception
                .map(|exception| crate::snapshot::describe(catch, exception))
                .unwrap_or_default();
            control.set_exit(FAILURE, Some(("ERR_WORKER_INIT_FAILED", text)));
        }
        Failure::Pending
    })
}
