//! `internalBinding('debug')`: how often fast calls were taken, in debug builds only, as in Node's own. Node: `src/node_debug.cc`.

use crate::glue::{Args, Binding, BindingResult, Scope, fast_calls};

pub(super) const BINDING: Binding =
    Binding::new("debug").function("getV8FastApiCallCount", count_of_fast_calls);

/// `getV8FastApiCallCount(name)`, of a Rust function (`exists_sync`).
fn count_of_fast_calls<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let name = args.text(scope, 0)?;
    Ok(fast_calls(scope, &name).into())
}
