//! `internalBinding('sea')`: single executable applications, which this is not. Node: `src/node_sea.cc`.

use crate::glue::{Args, Binding, BindingResult, Scope};

pub(super) const BINDING: Binding = Binding::new("sea")
    .function("isSea", no)
    .function("isExperimentalSeaWarningNeeded", no);

fn no<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(false.into())
}
