//! `internalBinding('permission')`: Node's own permission model, which is off: the machine's policy decides. Node: src/permission/permission.cc.

use crate::glue::{Args, Binding, BindingResult, Scope};

pub(super) const BINDING: Binding = Binding::new("permission")
    .note("`--permission` has no effect: what leaves the machine is the embedder's policy")
    .function("has", has);

/// Without `--permission` everything is permitted as far as Node is concerned.
fn has<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(true.into())
}
