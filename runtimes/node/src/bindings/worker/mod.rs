//! `internalBinding('worker')`: which thread this is, and the class `Worker`, a thread with an isolate of its own in the same
//! process. Node: `src/node_worker.cc`.
//!
//! Reading order: `handle` (the class, in the parent), `control` (what both threads see), `unmanaged` (descriptors a worker leaves
//! behind); the worker's own life is `crate::worker_thread`.

pub(crate) mod control;
pub(crate) mod handle;
pub(crate) mod unmanaged;

use std::cell::RefCell;

use crate::glue::{Args, Binding, BindingResult, Failure, Field, Object, Return, Scope, ScopeExt};
use crate::shapes::Element;
use crate::threads::LIMITS;

pub(super) const BINDING: Binding = Binding::new("worker")
    .class(&handle::WORKER)
    .function("getEnvMessagePort", get_env_message_port)
    .setup(setup);

fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    let env = scope.env();
    let thread = env.thread();
    scope.set(binding, "isMainThread", scope.boolean(thread.is_main));
    scope.set(
        binding,
        "isInternalThread",
        scope.boolean(thread.is_internal),
    );
    scope.set(binding, "ownsProcessState", scope.boolean(thread.is_main));
    #[expect(clippy::cast_precision_loss, reason = "a count of threads")]
    let id = scope.number(thread.id as f64);
    scope.set(binding, "threadId", id);
    let name = if thread.is_main { "" } else { &thread.name };
    scope.set(binding, "threadName", scope.text(name).into());
    // Limits that a worker was given; the main thread has none.
    if !thread.is_main {
        let values: Vec<(usize, f64)> = thread.limits.into_iter().enumerate().collect();
        let limits = Field::new(scope, Element::Float64, LIMITS, &values);
        let view = limits.view(scope);
        scope.set(binding, "resourceLimits", view);
    }
    Ok(())
}

/// The port to the parent thread.
#[derive(Default)]
struct EnvPort(RefCell<Option<v8::Global<v8::Object>>>);

/// Says which port leads to the parent.
pub(crate) fn set_env_message_port(scope: &Scope<'_, '_>, port: Object<'_>) {
    let port = v8::Global::new(scope, port);
    *scope.env().state::<EnvPort>().0.borrow_mut() = Some(port);
}

/// The port to the parent thread: the main thread has none.
fn get_env_message_port<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let state = scope.env().state::<EnvPort>();
    let port = state.0.borrow();
    Ok(port
        .as_ref()
        .map_or(Return::Undefined, |port| v8::Local::new(scope, port).into()))
}
