//! `internalBinding('worker')`: which thread this is. Workers cannot be started yet. Node: `src/node_worker.cc`.

use crate::glue::{Args, Binding, BindingResult, Failure, Object, Return, Scope, ScopeExt};

pub(super) const BINDING: Binding = Binding::new("worker")
    .note("`new Worker` throws")
    .function("getEnvMessagePort", get_env_message_port)
    .setup(setup);

fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    let is_main = scope.env().is_main_thread();
    scope.set(binding, "isMainThread", scope.boolean(is_main));
    scope.set(binding, "isInternalThread", scope.boolean(false));
    scope.set(binding, "ownsProcessState", scope.boolean(is_main));
    scope.set(binding, "threadId", scope.number(0.0));
    scope.set(binding, "threadName", scope.text("").into());
    // Limits that a worker was given; the main thread has none.
    let limits = crate::glue::Field::new(scope, crate::shapes::Element::Float64, 4, &[]);
    let view = limits.view(scope);
    scope.set(binding, "resourceLimits", view);
    Ok(())
}

/// The port to the parent thread: the main thread has none.
fn get_env_message_port<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(Return::Undefined)
}
