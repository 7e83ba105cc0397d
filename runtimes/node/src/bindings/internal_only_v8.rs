//! `internalBinding('internal_only_v8')`: what lives on the heap. Node: `src/internal_only_v8.cc`.

use crate::glue::{Args, Binding, BindingResult, Failure, Scope};
use crate::inspector;

pub(super) const BINDING: Binding = Binding::new("internal_only_v8").partial(
    "queryObjects",
    query_objects,
    "objects of the prototype's own context only",
);

/// `queryObjects(prototype)`: all objects that have it in their chain, after a collection.
fn query_objects<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let prototype = args.object(0)?;
    let agent = inspector::agent(scope);
    let found = agent.inspector().query_objects(scope, prototype);
    let found = found.ok_or_else(|| {
        Failure::error(
            "ERR_INTERNAL_ASSERTION",
            "V8 did not tell what is on its heap",
        )
    })?;
    Ok(found.into())
}
