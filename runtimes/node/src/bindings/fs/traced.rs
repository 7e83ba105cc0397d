//! File operations in a trace: `node.fs.sync`, `node.fs.async` and their kin of `fs.opendir`. Node: `FS_SYNC_TRACE_BEGIN` and
//! `FS_ASYNC_TRACE_BEGIN0` in `src/node_file-inl.h`.

use serde_json::json;

use crate::environment::Environment;
use crate::glue::{Args, BindingResult, NativeFn, Scope, ScopeExt};
use crate::trace;

/// What a verb is called in a trace, and where its request is among its arguments.
pub(crate) struct Verb {
    /// Categories of calls that answer at once, and of those that answer later.
    groups: (&'static str, &'static str),
    /// Its names in these.
    names: (&'static str, &'static str),
    request: usize,
}

const SYNC: &str = "node,node.fs,node.fs.sync";

impl Verb {
    /// A verb of `fs`: named as in `fs.sync.access` and as in `access`.
    pub(crate) const fn of_files(sync: &'static str, later: &'static str, request: usize) -> Self {
        Self {
            groups: (SYNC, "node,node.fs,node.fs.async"),
            names: (sync, later),
            request,
        }
    }

    /// A verb of an open directory.
    pub(crate) const fn of_directories(
        sync: &'static str,
        later: &'static str,
        request: usize,
    ) -> Self {
        Self {
            groups: (
                "node,node.fs_dir,node.fs_dir.sync",
                "node,node.fs_dir,node.fs_dir.async",
            ),
            names: (sync, later),
            request,
        }
    }
}

/// Calls a verb, and tells of it where somebody traces.
pub(crate) fn around<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    verb: &Verb,
    function: NativeFn,
) -> BindingResult<'s> {
    let env = scope.env();
    if !env.is_traced() {
        return function(scope, args);
    }
    if args.is_undefined(verb.request) {
        trace::sync_call(scope);
        trace::note(&env, verb.groups.0, verb.names.0, 'B');
        let outcome = function(scope, args);
        trace::note(&env, verb.groups.0, verb.names.0, 'E');
        return outcome;
    }
    let (group, name) = (verb.groups.1, verb.names.1);
    let first = args.get(0);
    let about = if first.is_string() {
        json!({ "path": first.to_rust_string_lossy(scope) })
    } else {
        json!({})
    };
    let id = trace::begin_async(&env, group, name, || about);
    if id.is_some() {
        // Answers are given in order: this comes right before the verb's own.
        env.event_loop()
            .complete_work(move |scope| trace::end_async(&scope.env(), group, name, id, json!({})));
    }
    function(scope, args)
}

/// A step of a verb that does several.
pub(super) fn step<T>(env: &Environment, name: &'static str, run: impl FnOnce() -> T) -> T {
    trace::note(env, SYNC, name, 'B');
    let value = run();
    trace::note(env, SYNC, name, 'E');
    value
}

/// A verb that tells traces of its calls: `traced!(paths::access, "fs.sync.access", "access", 2)`.
macro_rules! traced {
    ($function:path, $sync:literal, $later:literal, $request:literal) => {
        $crate::bindings::fs::traced!(of_files $function, $sync, $later, $request)
    };
    ($kind:ident $function:path, $sync:literal, $later:literal, $request:literal) => {{
        fn traced<'s>(
            scope: &mut $crate::glue::Scope<'s, '_>,
            args: &$crate::glue::Args<'s>,
        ) -> $crate::glue::BindingResult<'s> {
            const VERB: $crate::bindings::fs::Verb =
                $crate::bindings::fs::Verb::$kind($sync, $later, $request);
            $crate::bindings::fs::around(scope, args, &VERB, $function)
        }
        traced
    }};
}

pub(crate) use traced;
