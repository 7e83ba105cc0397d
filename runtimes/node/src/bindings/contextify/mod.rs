//! `internalBinding('contextify')`: compiling scripts and functions; `vm` contexts. Node: `src/node_contextify.cc`.
//!
//! `compile` has what all compilations share, `cjs` the `CommonJS` loader's, `function` `vm.compileFunction`, `script`
//! `vm.Script`, `context` `vm.createContext`, `interceptors` what makes a context's global show a guest's object,
//! `watchdog` the ends of scripts that run too long or are interrupted, `memory` `vm.measureMemory`.

mod cjs;
pub(crate) mod compile;
mod context;
mod function;
mod interceptors;
mod memory;
mod script;
mod watchdog;

use crate::glue::Binding;

pub(crate) use context::{allows_strings, allows_wasm, delete_what_node_deletes, live_contexts};
pub(super) use context::{context_of, drain_own_microtasks};
pub(crate) use watchdog::{Interruption, interruption};
pub(super) use watchdog::{Limits, run_guarded, start_watching, stop_watching};

pub(super) const BINDING: Binding = Binding::new("contextify")
    .function(
        "compileFunctionForCJSLoader",
        cjs::compile_function_for_cjs_loader,
    )
    .function("compileFunction", function::compile_function)
    .function("containsModuleSyntax", cjs::contains_module_syntax)
    .function("makeContext", context::make_context)
    .partial(
        "measureMemory",
        memory::measure_memory,
        "the heap as a whole, not by context",
    )
    .class(&script::CONTEXTIFY_SCRIPT)
    .function("startSigintWatchdog", watchdog::start_sigint_watchdog)
    .function("stopSigintWatchdog", watchdog::stop_sigint_watchdog)
    .function(
        "watchdogHasPendingSigint",
        watchdog::watchdog_has_pending_sigint,
    );
