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
    .function("setuid", setuid)
    .function("seteuid", seteuid)
    .function("setgid", setgid)
    .function("setegid", setegid)
    .function("setgroups", setgroups)
    .function("initgroups", initgroups);

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

/// Lines of a file of accounts, by fields.
fn entries(scope: &Scope<'_, '_>, file: &[u8]) -> Vec<Vec<String>> {
    let text = scope.env().read_file(file).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .map(|line| line.split(':').map(str::to_owned).collect())
        .collect()
}

/// Groups of the machine: a name, a password, the number, and members with commas between.
const GROUPS: &[u8] = b"/etc/group";
/// Users of the machine: a name, a password, the number, and more.
const USERS: &[u8] = b"/etc/passwd";

/// An id that is given as a number, or as a name that the file knows.
fn id_of<'s>(scope: &mut Scope<'s, '_>, value: Value<'s>, file: &[u8]) -> Option<u32> {
    if value.is_uint32() {
        return value.uint32_value(scope);
    }
    let wanted = value.to_rust_string_lossy(scope);
    entries(scope, file).iter().find_map(|entry| {
        let [name, _, id, ..] = entry.as_slice() else {
            return None;
        };
        (*name == wanted).then(|| id.parse().ok())?
    })
}

/// Changes an id. JavaScript reads the answer: 0 is success, 1 that the name is unknown.
fn change<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    (name, file): (&'static str, &[u8]),
    call: fn(&Task, u32) -> SysResult,
) -> BindingResult<'s> {
    let Some(id) = id_of(scope, args.get(0), file) else {
        return Ok(1.into());
    };
    call(scope.env().task(), id).map_err(|error| Failure::from(error).with_syscall(name))?;
    Ok(0.into())
}

fn setuid<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    change(scope, args, ("setuid", USERS), |task, id| {
        syscall::setuid(task, Uid::new(id))
    })
}

fn seteuid<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    change(scope, args, ("seteuid", USERS), |task, id| {
        syscall::setresuid(task, None, Some(Uid::new(id)), None)
    })
}

fn setgid<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    change(scope, args, ("setgid", GROUPS), |task, id| {
        syscall::setgid(task, Gid::new(id))
    })
}

fn setegid<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    change(scope, args, ("setegid", GROUPS), |task, id| {
        syscall::setresgid(task, None, Some(Gid::new(id)), None)
    })
}

/// `setgroups(groups)`: 0, or one more than the index of a group that is unknown.
fn setgroups<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = v8::Local::<v8::Array>::try_from(args.get(0)).map_err(|_| Failure::Pending)?;
    let mut groups = Vec::new();
    for index in 0..list.length().min(MOST_GROUPS + 1) {
        let value = list.get_index(scope, index).ok_or(Failure::Pending)?;
        let Some(id) = id_of(scope, value, GROUPS) else {
            return Ok((index + 1).into());
        };
        groups.push(Gid::new(id));
    }
    syscall::setgroups(scope.env().task(), groups)
        .map_err(|error| Failure::from(error).with_syscall("setgroups"))?;
    Ok(0.into())
}

/// `NGROUPS_MAX`: one more is refused by the kernel.
const MOST_GROUPS: u32 = 65_536;

/// `initgroups(user, extraGroup)`: 0; 1 or 2 if the user or the group is unknown.
fn initgroups<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let user = args.get(0);
    let user = if user.is_uint32() {
        let id = user.uint32_value(scope).unwrap_or_default().to_string();
        entries(scope, USERS)
            .into_iter()
            .find(|entry| entry.get(2) == Some(&id))
            .and_then(|entry| entry.into_iter().next())
    } else {
        Some(user.to_rust_string_lossy(scope))
    };
    let Some(user) = user else {
        return Ok(1.into());
    };
    let Some(extra) = id_of(scope, args.get(1), GROUPS) else {
        return Ok(2.into());
    };
    let mut groups = vec![Gid::new(extra)];
    for entry in entries(scope, GROUPS) {
        let [_, _, id, members, ..] = entry.as_slice() else {
            continue;
        };
        if members.split(',').any(|member| member == user)
            && let Ok(id) = id.parse().map(Gid::new)
            && !groups.contains(&id)
        {
            groups.push(id);
        }
    }
    syscall::setgroups(scope.env().task(), groups)
        .map_err(|error| Failure::from(error).with_syscall("initgroups"))?;
    Ok(0.into())
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
        .filter_map(|name| super::process::variable(scope, name))
        .find(|dir| !dir.is_empty());
    let dir = dir.unwrap_or_else(|| "/tmp".into());
    let trimmed = if dir.len() > 1 {
        dir.strip_suffix('/').unwrap_or(&dir)
    } else {
        &dir
    };
    Ok(scope.text(trimmed).into())
}
