//! `internalBinding('credentials')`: who the process is, and reading the environment safely. Node: `src/node_credentials.cc`.

use cenote_base::{Gid, SysResult, Uid};
use cenote_kernel::{Task, syscall};

use crate::glue::{Args, Binding, BindingResult, Failure, Return, Scope, ScopeExt, Value};

pub(super) const BINDING: Binding = Binding::new("credentials")
    .function("safeGetenv", safe_getenv)
    .function("getTempDir", get_temp_dir)
    .function("getuid", getuid)
    .function("geteuid", geteuid)
    .function("getgid", getgid)
    .function("getegid", getegid)
    .function("getgroups", getgroups)
    .partial("setuid", setuid, "numbers only, no names")
    .partial("seteuid", seteuid, "numbers only, no names")
    .partial("setgid", setgid, "numbers only, no names")
    .partial("setegid", setegid, "numbers only, no names");

fn getuid<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(syscall::getuid(scope.env().task()).raw().into())
}

fn geteuid<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(syscall::geteuid(scope.env().task()).raw().into())
}

fn getgid<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(syscall::getgid(scope.env().task()).raw().into())
}

fn getegid<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(syscall::getegid(scope.env().task()).raw().into())
}

/// The supplementary groups; the effective one belongs to them.
fn getgroups<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let mut groups = syscall::getgroups(env.task());
    let effective = syscall::getegid(env.task());
    if !groups.contains(&effective) {
        groups.push(effective);
    }
    let groups: Vec<Value<'s>> = groups
        .into_iter()
        .map(|group| scope.number(f64::from(group.raw())))
        .collect();
    Ok(scope.array(&groups).into())
}

/// Changes an id. JavaScript reads the answer: 0 is success, 1 that the name is unknown.
fn change<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    name: &'static str,
    call: fn(&Task, u32) -> SysResult,
) -> BindingResult<'s> {
    if !args.get(0).is_uint32() {
        return Ok(1.into());
    }
    let id = args.u32(scope, 0)?;
    call(scope.env().task(), id).map_err(|error| Failure::from(error).with_syscall(name))?;
    Ok(0.into())
}

fn setuid<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    change(scope, args, "setuid", |task, id| {
        syscall::setuid(task, Uid::new(id))
    })
}

fn seteuid<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    change(scope, args, "seteuid", |task, id| {
        syscall::setresuid(task, None, Some(Uid::new(id)), None)
    })
}

fn setgid<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    change(scope, args, "setgid", |task, id| {
        syscall::setgid(task, Gid::new(id))
    })
}

fn setegid<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    change(scope, args, "setegid", |task, id| {
        syscall::setresgid(task, None, Some(Gid::new(id)), None)
    })
}

/// An environment variable; nothing here runs with more rights than its user, so it is always safe.
fn safe_getenv<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let name = args.text(scope, 0)?;
    let value = super::process::variable(scope, &name);
    Ok(value.map_or(Return::Undefined, |value| scope.text(&value).into()))
}

fn get_temp_dir<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let dir = ["TMPDIR", "TMP", "TEMP"]
        .iter()
        .find_map(|name| super::process::variable(scope, name));
    let dir = dir.unwrap_or_else(|| "/tmp".into());
    let trimmed = if dir.len() > 1 {
        dir.strip_suffix('/').unwrap_or(&dir)
    } else {
        &dir
    };
    Ok(scope.text(trimmed).into())
}
