//! `internalBinding('async_context_frame')`: V8's continuation-preserved data, under `AsyncLocalStorage`.

use crate::glue::{Args, Binding, BindingResult, Scope};

pub(super) const BINDING: Binding = Binding::new("async_context_frame")
    .function("getContinuationPreservedEmbedderData", get)
    .function("setContinuationPreservedEmbedderData", set);

fn get<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(scope.get_continuation_preserved_embedder_data().into())
}

fn set<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    scope.set_continuation_preserved_embedder_data(args.get(0));
    Ok(().into())
}
