//! What the module loaders ask of files. Node: `src/node_file.cc`, lib/internal/modules.

use cenote_abi::fs::{FileType, Mode, OpenFlags};

use crate::bindings::permission::{self, Permission};
use crate::blocking::blocking;
use crate::environment::Environment;
use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt};

use super::{paths, stat};

/// 0 for a file, 1 for a directory, below 0 for nothing.
pub(super) fn internal_module_stat<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    // The receiver used to be the first argument; callers pass the path alone now.
    let Ok(path) = args.path(scope, 0) else {
        return Ok(NOTHING.into());
    };
    Ok(module_stat(&scope.env(), &path).into())
}

/// What [`internal_module_stat`] answers when there is nothing.
pub(super) const NOTHING: i32 = -2;

/// 0 for a file, 1 for a directory, [`NOTHING`].
pub(super) fn module_stat(env: &Environment, path: &[u8]) -> i32 {
    match stat::kind_of(env, path) {
        Some(kind) if kind == FileType::Directory.mode_bits() => 1,
        Some(_) => 0,
        None => NOTHING,
    }
}

/// Whether a file without an extension is WebAssembly: 1, or JavaScript: 0.
pub(super) fn format_of_extensionless_file<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    const JAVASCRIPT: i32 = 0;
    const WASM: i32 = 1;
    let Ok(path) = args.path(scope, 0) else {
        return Ok(JAVASCRIPT.into());
    };
    let env = scope.env();
    let task = env.task();
    let Ok(fd) = paths::open_at(&env, &path, OpenFlags::O_RDONLY, Mode::empty()) else {
        return Ok(JAVASCRIPT.into());
    };
    let fd = cenote_base::Fd::new(fd);
    let mut head = [0; 4];
    let count = blocking(&env, async || {
        cenote_kernel::syscall::pread(task, fd, &mut head, 0).await
    });
    cenote_kernel::syscall::close(task, fd)?;
    let is_wasm = matches!(count, Ok(4)) && head == *b"\0asm";
    Ok(if is_wasm { WASM } else { JAVASCRIPT }.into())
}

/// Finds the file a package without `exports` means: an index into lib/internal/modules/esm/resolve.js's list.
pub(super) fn legacy_main_resolve<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    const WITH_MAIN: [&str; 7] = [
        "",
        ".js",
        ".json",
        ".node",
        "/index.js",
        "/index.json",
        "/index.node",
    ];
    const WITHOUT_MAIN: [&str; 3] = ["index.js", "index.json", "index.node"];
    let mut directory = args.path(scope, 0)?;
    if directory.last() != Some(&b'/') {
        directory.push(b'/');
    }
    let is_file = |scope: &Scope<'s, '_>, tail: &[u8]| -> Result<bool, Failure> {
        // `main` may be absolute.
        let mut path = if tail.starts_with(b"/") {
            Vec::new()
        } else {
            directory.clone()
        };
        path.extend_from_slice(tail);
        permission::check_resolved(scope, Permission::FileSystemRead, &path)?;
        let kind = stat::kind(scope, &path);
        Ok(kind.is_some_and(|kind| kind != FileType::Directory.mode_bits()))
    };
    if args.get(1).is_string() {
        let main = args.path(scope, 1)?;
        for (index, suffix) in (0..).zip(WITH_MAIN) {
            let mut tail = main.clone();
            tail.extend_from_slice(suffix.as_bytes());
            if is_file(scope, &tail)? {
                return Ok(i32::into(index));
            }
        }
    }
    for (index, name) in (7..).zip(WITHOUT_MAIN) {
        if is_file(scope, name.as_bytes())? {
            return Ok(i32::into(index));
        }
    }
    if !args.get(2).is_string() {
        return Err(Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "The \"base\" argument must be of type string or an instance of URL.",
        ));
    }
    let base = args.text(scope, 2)?;
    let Ok(from) = url::Url::parse(&base) else {
        return Err(crate::bindings::url::invalid(scope, &base, None));
    };
    let from = from.to_file_path();
    let from = from.map_or(base, |path| path.to_string_lossy().into_owned());
    // The first place it was looked for.
    let mut first = directory;
    match args.path(scope, 1) {
        Ok(main) if main.starts_with(b"/") => first = main,
        Ok(main) => first.extend(main),
        Err(_) => first.extend(b"index.js"),
    }
    let first = permission::resolve(&scope.env(), &String::from_utf8_lossy(&first));
    Err(Failure::error(
        "ERR_MODULE_NOT_FOUND",
        format!("Cannot find package '{first}' imported from {from}"),
    ))
}
