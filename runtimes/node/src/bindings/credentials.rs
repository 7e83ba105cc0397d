//! `internalBinding('credentials')`: who the process is, and reading the environment safely. Node: src/node_credentials.cc.

use crate::glue::{Args, Binding, BindingResult, Return, Scope, ScopeExt};

pub(super) const BINDING: Binding = Binding::new("credentials")
    .function("safeGetenv", safe_getenv)
    .function("getTempDir", get_temp_dir);

/// An environment variable; nothing here runs with more rights than its user, so it is always safe.
fn safe_getenv<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let name = args.text(scope, 0)?;
    let value = super::process::variable(scope, &name);
    Ok(value.map_or(Return::Undefined, |value| scope.text(&value).into()))
}

fn get_temp_dir<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let dir = ["TMPDIR", "TMP", "TEMP"].iter().find_map(|name| super::process::variable(scope, name));
    let dir = dir.unwrap_or_else(|| "/tmp".into());
    let trimmed = if dir.len() > 1 { dir.strip_suffix('/').unwrap_or(&dir) } else { &dir };
    Ok(scope.text(trimmed).into())
}
