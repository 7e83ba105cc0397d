//! The bootstrap: from a bare context to one in which Node's library runs; and the start of the main script.
//!
//! The order is Node's: per-context scripts, the process object, `bootstrap/realm`, `bootstrap/node`, web globals, the
//! switches. After [`bootstrap`] the context can be frozen into a snapshot. Node: `src/node_realm.cc`, src/api/environment.cc.

use crate::bindings::permission::{self, Permission};
use crate::bindings::process;
use crate::environment::Stored;
use crate::glue::{Failure, Object, Scope, ScopeExt, Unlisted, Value};
use crate::loader::builtins;

/// Run for every thread, in this order.
const EVERY_THREAD: &[&str] = &[
    "internal/bootstrap/node",
    "internal/bootstrap/web/exposed-wildcard",
    "internal/bootstrap/web/exposed-window-or-worker",
];

/// Run after them for a thread that owns its process.
const MAIN_THREAD: &[&str] = &[
    "internal/bootstrap/switches/is_main_thread",
    "internal/bootstrap/switches/does_own_process_state",
];

/// Run after them for a worker.
const WORKER_THREAD: &[&str] = &[
    "internal/bootstrap/switches/is_not_main_thread",
    "internal/bootstrap/switches/does_not_own_process_state",
];

/// Runs the whole bootstrap in the current context. `eagerly`: compile hot functions at once, for a snapshot.
pub(crate) fn bootstrap(scope: &mut Scope<'_, '_>, eagerly: bool) -> Result<(), Failure> {
    let env = scope.env();
    env.state::<EagerCompilation>().0.set(eagerly);
    let global = scope.get_current_context().global(scope);
    crate::bindings::contextify::delete_what_node_deletes(scope, global)?;
    let exports = per_context(scope)?;
    env.store(scope, Stored::PerContextExports, exports.into());
    let primordials = scope.get_property(exports, "primordials")?;
    env.store(scope, Stored::Primordials, primordials);
    let process = process::create(scope)?;
    env.store(scope, Stored::Process, process.into());

    let get_linked = scope
        .function("getLinkedBinding", &GET_LINKED_BINDING)
        .ok_or(Failure::Pending)?;
    let get_internal = scope
        .function("getInternalBinding", &GET_INTERNAL_BINDING)
        .ok_or(Failure::Pending)?;
    run(
        scope,
        "internal/bootstrap/realm",
        &[
            process.into(),
            get_linked.into(),
            get_internal.into(),
            primordials,
        ],
    )?;

    let switches = if env.is_main_thread() {
        MAIN_THREAD
    } else {
        WORKER_THREAD
    };
    for id in EVERY_THREAD.iter().chain(switches) {
        run_with_require(scope, id)?;
    }
    crate::bindings::install_create_task(scope)
}

/// Whether functions are compiled eagerly now.
#[derive(Default)]
pub(crate) struct EagerCompilation(pub(crate) std::cell::Cell<bool>);

/// The scripts that every context gets, `vm`'s too; returns their shared `exports`. Node: `InitializePrimordials`.
fn per_context<'s>(scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure> {
    let exports = scope.object();
    let primordials = scope.null_object();
    scope.set(exports, "primordials", primordials.into());
    let private_symbols = crate::bindings::symbols::private_symbols(scope);
    let symbols = crate::bindings::symbols::symbols(scope);
    for id in [
        "internal/per_context/primordials",
        "internal/per_context/domexception",
        "internal/per_context/messageport",
    ] {
        run(
            scope,
            id,
            &[
                exports.into(),
                primordials.into(),
                private_symbols.into(),
                symbols.into(),
            ],
        )?;
    }
    let global = scope.get_current_context().global(scope);
    global
        .set_private(scope, per_context_key(scope), exports.into())
        .ok_or(Failure::Pending)?;
    Ok(exports)
}

fn per_context_key<'s>(scope: &Scope<'s, '_>) -> v8::Local<'s, v8::Private> {
    scope.private("node:per_context_binding_exports")
}

/// What [`per_context`] makes for a context; made when first asked for. Node: `GetPerContextExports`.
pub(crate) fn per_context_exports<'s>(
    scope: &mut Scope<'s, '_>,
    context: v8::Local<'s, v8::Context>,
) -> Option<Object<'s>> {
    let exports = context
        .global(scope)
        .get_private(scope, per_context_key(scope))?;
    if let Ok(exports) = exports.try_into() {
        return Some(exports);
    }
    let scope = &mut v8::ContextScope::new(scope, context);
    per_context(scope).ok()
}

fn run<'s>(scope: &mut Scope<'s, '_>, id: &str, args: &[Value<'s>]) -> Result<Value<'s>, Failure> {
    let eagerly = scope.env().state::<EagerCompilation>().0.get();
    let function = builtins::compile(scope, id, eagerly)?;
    scope.call(function, scope.undefined(), args)
}

fn run_with_require<'s>(scope: &mut Scope<'s, '_>, id: &str) -> Result<Value<'s>, Failure> {
    let env = scope.env();
    let missing = || {
        Failure::error(
            "ERR_INTERNAL_ASSERTION",
            "bootstrap/realm did not set the loaders",
        )
    };
    let process = env.process(scope).into();
    let require = env
        .stored(scope, Stored::RequireBuiltin)
        .ok_or_else(missing)?;
    let internal_binding = env
        .stored(scope, Stored::InternalBinding)
        .ok_or_else(missing)?;
    let primordials = env.stored(scope, Stored::Primordials).ok_or_else(missing)?;
    run(
        scope,
        id,
        &[process, require, internal_binding, primordials],
    )
}

/// Runs `internal/main/…`.
pub(crate) fn run_main(scope: &mut Scope<'_, '_>, id: &str) -> Result<(), Failure> {
    run_with_require(scope, id).map(|_| ())
}

/// The function behind `internalBinding`.
pub(crate) static GET_INTERNAL_BINDING: Unlisted = Unlisted::new(get_internal_binding);

/// `internalBinding(name)` below its cache.
fn get_internal_binding<'s>(
    scope: &mut Scope<'s, '_>,
    args: &crate::glue::Args<'s>,
) -> crate::glue::BindingResult<'s> {
    let name = args.text(scope, 0)?;
    let object = scope.env().binding(scope, &name)?;
    object
        .map(Into::into)
        .ok_or_else(|| Failure::error("ERR_INVALID_MODULE", format!("No such binding: {name}")))
}

/// The function behind `process._linkedBinding`.
pub(crate) static GET_LINKED_BINDING: Unlisted = Unlisted::new(get_linked_binding);

/// `process._linkedBinding(name)`: there are none.
fn get_linked_binding<'s>(
    scope: &mut Scope<'s, '_>,
    args: &crate::glue::Args<'s>,
) -> crate::glue::BindingResult<'s> {
    let name = args.text(scope, 0)?;
    permission::check(scope, Permission::Addon, name.as_bytes())?;
    Err(Failure::error(
        "ERR_INVALID_MODULE",
        format!("No such binding: {name}"),
    ))
}

/// Whether the entry module still waits at its top level though nothing is left to wait for (exit status 13).
pub(crate) fn has_unsettled_entry(scope: &mut Scope<'_, '_>) -> bool {
    let private = scope.private("node:entry_point_promise");
    let global = scope.get_current_context().global(scope);
    let Some(value) = global.get_private(scope, private) else {
        return false;
    };
    v8::Local::<v8::Promise>::try_from(value)
        .is_ok_and(|promise| promise.state() == v8::PromiseState::Pending)
}

/// Writes to standard error where the entry module waits, if it is one.
pub(crate) fn warn_of_unsettled_entry(scope: &mut Scope<'_, '_>) {
    if !scope.env().command_line().is("--warnings") {
        return;
    }
    let private = scope.private("node:entry_point_module");
    let global = scope.get_current_context().global(scope);
    if let Some(value) = global.get_private(scope, private)
        && let Ok(wrap) = Object::try_from(value)
    {
        crate::bindings::module_wrap::warn_of_stalled_await(scope, wrap);
    }
}
