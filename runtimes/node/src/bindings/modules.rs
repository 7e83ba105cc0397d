//! `internalBinding('modules')`. Node: src/node_modules.cc.

use crate::glue::{Args, Binding, BindingResult, Return, Scope};

pub(super) const BINDING: Binding = Binding::new("modules");

pub(crate) fn lazy_dirname<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(Return::Undefined)
}

pub(crate) fn lazy_filename<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(Return::Null)
}
