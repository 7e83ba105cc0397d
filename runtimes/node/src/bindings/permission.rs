//! `internalBinding('permission')`: Node's own permission model, `--permission`. Node: `src/permission/*.cc`.
//!
//! It restricts a program beyond what the machine's policy does, and is decided here, per isolate: the native functions ask
//! [`check`] (or [`is_granted`]) before they act. Without `--permission` everything is granted. Permissions can be dropped,
//! never regained.

use std::cell::{OnceCell, RefCell};

use cenote_kernel::syscall;

use crate::bindings::diagnostics_channel;
use crate::environment::Environment;
use crate::glue::{Args, Binding, BindingResult, Failure, Object, Scope, ScopeExt};

pub(super) const BINDING: Binding = Binding::new("permission")
    .function("has", has)
    .function("drop", drop_permission);

/// What can be permitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Permission {
    FileSystem,
    FileSystemRead,
    FileSystemWrite,
    ChildProcess,
    Wasi,
    WorkerThreads,
    Inspector,
    Addon,
    OpensslStore,
}

impl Permission {
    /// As `process.permission` calls it.
    fn from_label(label: &str) -> Option<Self> {
        Some(match label {
            "fs" => Self::FileSystem,
            "fs.read" => Self::FileSystemRead,
            "fs.write" => Self::FileSystemWrite,
            "child" => Self::ChildProcess,
            "wasi" => Self::Wasi,
            "worker" => Self::WorkerThreads,
            "inspector" => Self::Inspector,
            "addon" => Self::Addon,
            "openssl.store" | "opensslStore" => Self::OpensslStore,
            _ => return None,
        })
    }

    /// As errors call it.
    const fn name(self) -> &'static str {
        match self {
            Self::FileSystem => "FileSystem",
            Self::FileSystemRead => "FileSystemRead",
            Self::FileSystemWrite => "FileSystemWrite",
            Self::ChildProcess => "ChildProcess",
            Self::Wasi => "WASI",
            Self::WorkerThreads => "WorkerThreads",
            Self::Inspector => "Inspector",
            Self::Addon => "Addon",
            Self::OpensslStore => "OpenSSLStore",
        }
    }

    /// The channel that hears of refusals, and its number.
    const fn channel(self) -> (&'static str, i32) {
        match self {
            Self::FileSystem | Self::FileSystemRead | Self::FileSystemWrite => {
                ("node:permission-model:fs", 0)
            }
            Self::ChildProcess => ("node:permission-model:child", 1),
            Self::Wasi => ("node:permission-model:wasi", 2),
            Self::WorkerThreads => ("node:permission-model:worker", 3),
            Self::Inspector => ("node:permission-model:inspector", 4),
            Self::Addon => ("node:permission-model:addon", 5),
            Self::OpensslStore => ("node:permission-model:openssl-store", 6),
        }
    }

    /// The option that grants it.
    const fn flag(self) -> &'static str {
        match self {
            Self::FileSystem => "",
            Self::FileSystemRead => "--allow-fs-read",
            Self::FileSystemWrite => "--allow-fs-write",
            Self::ChildProcess => "--allow-child-process",
            Self::Wasi => "--allow-wasi",
            Self::WorkerThreads => "--allow-worker",
            Self::Inspector => "--allow-inspector",
            Self::Addon => "--allow-addons",
            Self::OpensslStore => "--allow-openssl-store",
        }
    }
}

/// Paths that are granted.
#[derive(Debug, Default)]
struct Grants {
    all: bool,
    /// Absolute; from a `*` on everything.
    paths: Vec<String>,
}

impl Grants {
    fn add(&mut self, env: &Environment, path: &str) {
        if path == "*" {
            self.all = true;
            return;
        }
        let path = with_wildcard(env, resolve(env, path));
        if !self.paths.contains(&path) {
            self.paths.push(path);
        }
    }

    fn remove(&mut self, env: &Environment, path: &str) {
        // Where all is granted no part can be taken out.
        if !self.all {
            let path = with_wildcard(env, resolve(env, path));
            self.paths.retain(|known| *known != path);
        }
    }

    fn has(&self, env: &Environment, path: &str) -> bool {
        if self.all || path.is_empty() {
            return self.all;
        }
        let path = resolve(env, path);
        self.paths.iter().any(|granted| {
            granted.split_once('*').map_or_else(
                || *granted == path,
                |(prefix, _)| {
                    path.starts_with(prefix) || prefix.strip_suffix('/') == Some(path.as_str())
                },
            )
        })
    }
}

/// An absolute path without `.` and `..`; by the text alone, as Node.
pub(crate) fn resolve(env: &Environment, path: &str) -> String {
    let whole = if path.starts_with('/') {
        path.to_owned()
    } else {
        let cwd = syscall::getcwd(env.task()).unwrap_or_default();
        format!("{}/{path}", String::from_utf8_lossy(&cwd))
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// A folder stands for everything in it.
fn with_wildcard(env: &Environment, path: String) -> String {
    let is_folder = syscall::fstatat(
        env.task(),
        syscall::At::Cwd,
        path.as_bytes(),
        cenote_base::abi::fs::AtFlags::empty(),
    )
    .is_ok_and(|stat| stat.file_type() == Some(cenote_base::abi::fs::FileType::Directory));
    match (is_folder, path.ends_with('/')) {
        (false, _) => path,
        (true, true) => format!("{path}*"),
        (true, false) => format!("{path}/*"),
    }
}

/// What is granted; only under `--permission`.
#[derive(Debug, Default)]
struct Granted {
    read: Grants,
    write: Grants,
    others: Vec<Permission>,
    is_audit: bool,
}

impl Granted {
    fn from_command_line(env: &Environment) -> Option<RefCell<Self>> {
        let line = env.command_line();
        let is_audit = line.is("--permission-audit");
        if !line.is("--permission") && !is_audit {
            return None;
        }
        let mut granted = Self {
            is_audit,
            ..Self::default()
        };
        // The program itself, and what is loaded before it, may be read.
        if !line.is("[has_eval_string]")
            && !line.is("--interactive")
            && let Some(script) = line.rest.first()
        {
            granted.read.add(env, script);
        }
        for preloaded in line.list("--require") {
            granted.read.add(env, &preloaded);
        }
        for path in line.list("--allow-fs-read") {
            granted.read.add(env, &path);
        }
        for path in line.list("--allow-fs-write") {
            granted.write.add(env, &path);
        }
        for permission in [
            Permission::ChildProcess,
            Permission::Wasi,
            Permission::WorkerThreads,
            Permission::Inspector,
            Permission::Addon,
            Permission::OpensslStore,
        ] {
            if line.is(permission.flag()) {
                granted.others.push(permission);
            }
        }
        Some(RefCell::new(granted))
    }

    fn has(&self, env: &Environment, permission: Permission, path: &str) -> bool {
        match permission {
            Permission::FileSystem => self.read.all && self.write.all,
            Permission::FileSystemRead => self.read.has(env, path),
            Permission::FileSystemWrite => self.write.has(env, path),
            other => self.others.contains(&other),
        }
    }

    fn take(&mut self, env: &Environment, permission: Permission, path: &str) {
        let take = |grants: &mut Grants| {
            if path.is_empty() {
                *grants = Grants::default();
            } else {
                grants.remove(env, path);
            }
        };
        match permission {
            Permission::FileSystem => {
                take(&mut self.read);
                take(&mut self.write);
            }
            Permission::FileSystemRead => take(&mut self.read),
            Permission::FileSystemWrite => take(&mut self.write),
            other => self.others.retain(|known| *known != other),
        }
    }
}

/// The isolate's permissions: read from the command line when first asked for.
#[derive(Default)]
struct State(OnceCell<Option<RefCell<Granted>>>);

fn with_granted<R>(env: &Environment, f: impl FnOnce(&RefCell<Granted>) -> R) -> Option<R> {
    let state = env.state::<State>();
    state
        .0
        .get_or_init(|| Granted::from_command_line(env))
        .as_ref()
        .map(f)
}

/// Whether something is permitted. An empty path asks for all paths. What is not is told to who listens.
pub(crate) fn is_granted(scope: &Scope<'_, '_>, permission: Permission, path: &[u8]) -> bool {
    has_permission(scope, permission, path)
        || with_granted(&scope.env(), |granted| granted.borrow().is_audit).unwrap_or(true)
}

/// Whether it is in what was granted, audit or not.
fn has_permission(scope: &Scope<'_, '_>, permission: Permission, path: &[u8]) -> bool {
    let env = scope.env();
    let has = with_granted(&env, |granted| {
        let text = String::from_utf8_lossy(path);
        granted.borrow().has(&env, permission, &text)
    })
    .unwrap_or(true);
    if !has {
        let _ended = diagnostics_channel::publish(scope, permission.channel(), |scope| {
            let message = scope.object();
            let name = scope.name(permission.name());
            scope.set(message, "permission", name.into());
            scope.set(message, "resource", scope.utf8(path).into());
            scope.set(message, "drop", scope.undefined());
            message
        });
    }
    has
}

/// Whether `--permission` is in force: the cheap question before the paths are looked at.
pub(crate) fn is_enabled(scope: &Scope<'_, '_>) -> bool {
    is_enabled_in(&scope.env())
}

/// The same, asked of the isolate's state.
pub(crate) fn is_enabled_in(env: &Environment) -> bool {
    with_granted(env, |_| ()).is_some()
}

/// Refuses what is not permitted.
///
/// # Errors
/// `ERR_ACCESS_DENIED`.
pub(crate) fn check(
    scope: &Scope<'_, '_>,
    permission: Permission,
    path: &[u8],
) -> Result<(), Failure> {
    if is_granted(scope, permission, path) {
        return Ok(());
    }
    let advice = match permission.flag() {
        "" => String::new(),
        flag => format!(" Use {flag} to manage permissions."),
    };
    let message = scope.text(&format!("Access to this API has been restricted.{advice}"));
    let exception = v8::Exception::error(scope, message);
    if let Ok(object) = Object::try_from(exception) {
        scope.set(object, "code", scope.text("ERR_ACCESS_DENIED").into());
        scope.set(object, "permission", scope.text(permission.name()).into());
        if !path.is_empty() {
            let resource = scope.utf8(path);
            scope.set(object, "resource", resource.into());
        }
    }
    Err(Failure::Thrown(v8::Global::new(scope, exception)))
}

/// As [`check`], for a path that is made of parts: asked for and shown without `.` and `..`.
///
/// # Errors
/// `ERR_ACCESS_DENIED`.
pub(crate) fn check_resolved(
    scope: &Scope<'_, '_>,
    permission: Permission,
    path: &[u8],
) -> Result<(), Failure> {
    if !is_enabled(scope) {
        return Ok(());
    }
    let path = resolve(&scope.env(), &String::from_utf8_lossy(path));
    check(scope, permission, path.as_bytes())
}

/// `has(scope, reference)`.
fn has<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let label = args.text(scope, 0)?;
    let Some(permission) = Permission::from_label(&label) else {
        return Ok(false.into());
    };
    let path = reference(scope, args)?;
    Ok(has_permission(scope, permission, &path).into())
}

/// `drop(scope, reference)`: gives a permission up.
fn drop_permission<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let label = args.text(scope, 0)?;
    let Some(permission) = Permission::from_label(&label) else {
        return Ok(().into());
    };
    let path = reference(scope, args)?;
    let env = scope.env();
    with_granted(&env, |granted| {
        granted
            .borrow_mut()
            .take(&env, permission, &String::from_utf8_lossy(&path));
    });
    Ok(().into())
}

fn reference<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Vec<u8>, Failure> {
    if args.get(1).is_null_or_undefined() {
        return Ok(Vec::new());
    }
    args.path(scope, 1)
}
