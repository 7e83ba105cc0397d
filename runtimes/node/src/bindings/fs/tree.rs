//! Trees of files in one call: `rmSync`, and the native parts of `cpSync`. Node: `src/node_file.cc`.

use cenote_abi::Errno;
use cenote_abi::fs::{AtFlags, FileType, Mode, Stat};
use cenote_base::{SysResult, path};
use cenote_kernel::Task;
use cenote_kernel::syscall::{self, At, TimeChange};

use crate::environment::Environment;
use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt};

use super::gate;
use super::paths::list;
use super::whole::copy;

/// Trees deeper than this are refused with `ELOOP`: recursion must not end the host's stack.
const MAX_DEPTH: usize = 512;

fn lstat(task: &Task, path: &[u8]) -> SysResult<Stat> {
    syscall::fstatat(task, At::Cwd, path, AtFlags::AT_SYMLINK_NOFOLLOW)
}

fn is(stat: &Stat, kind: FileType) -> bool {
    stat.mode & 0o170_000 == kind.mode_bits()
}

/// Removes a file, or a directory with everything in it. `Err` carries the path that could not be removed.
fn remove(task: &Task, path: &[u8], depth: usize) -> Result<(), (Vec<u8>, cenote_base::SysError)> {
    let failed = |error| (path.to_vec(), error);
    let stat = lstat(task, path).map_err(failed)?;
    if !is(&stat, FileType::Directory) {
        return syscall::unlinkat(task, At::Cwd, path, AtFlags::empty()).map_err(failed);
    }
    if depth == 0 {
        return Err(failed(Errno::ELOOP.into()));
    }
    for (name, _) in list(task, path).map_err(failed)? {
        remove(task, &path::join(path, &name), depth - 1)?;
    }
    syscall::unlinkat(task, At::Cwd, path, AtFlags::AT_REMOVEDIR).map_err(failed)
}

/// `rmSync(path, maxRetries, recursive, retryDelay)`. Retries are for Windows' sharing violations: nothing here goes away by waiting.
pub(super) fn rm_sync<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    gate::check(scope, args, gate::WRITE)?;
    let path = args.path(scope, 0)?;
    let recursive = args.bool(scope, 2);
    let env = scope.env();
    let task = env.task();
    let stat = match lstat(task, &path) {
        Ok(stat) => stat,
        Err(error) if error.errno() == Errno::ENOENT => return Ok(().into()),
        Err(error) => return Err(Failure::from(error).with_syscall("rm").with_path(&path)),
    };
    if is(&stat, FileType::Directory) && !recursive {
        let shown = String::from_utf8_lossy(&path).into_owned();
        return Err(Failure::error(
            "ERR_FS_EISDIR",
            format!("Path is a directory: rm returned EISDIR (is a directory) {shown}"),
        ));
    }
    match remove(task, &path, MAX_DEPTH) {
        Ok(()) => Ok(().into()),
        Err((path, error)) => Err(Failure::from(error).with_syscall("rm").with_path(&path)),
    }
}

/// Checks that `src` can be copied to `dest`, and makes the directory above `dest`.
pub(super) fn cp_sync_check_paths<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    gate::check(scope, args, gate::COPY)?;
    let (src, dest) = (args.path(scope, 0)?, args.path(scope, 1)?);
    let (dereference, recursive) = (args.bool(scope, 2), args.bool(scope, 3));
    let env = scope.env();
    let task = env.task();
    let flags = if dereference {
        AtFlags::empty()
    } else {
        AtFlags::AT_SYMLINK_NOFOLLOW
    };
    let looked_at = if dereference { "stat" } else { "lstat" };
    let source = syscall::fstatat(task, At::Cwd, &src, flags)
        .map_err(|error| Failure::from(error).with_syscall(looked_at).with_path(&src))?;
    let target = syscall::fstatat(task, At::Cwd, &dest, flags).ok();
    if let Some(target) = &target {
        if (target.dev, target.ino) == (source.dev, source.ino) {
            let text = format!("src and dest cannot be the same {}", path::display(&dest));
            return Err(Failure::error("ERR_FS_CP_EINVAL", text));
        }
        match (
            is(&source, FileType::Directory),
            is(target, FileType::Directory),
        ) {
            (true, false) => {
                let text = format!(
                    "Cannot overwrite non-directory {} with directory {}",
                    path::display(&dest),
                    path::display(&src)
                );
                return Err(Failure::error("ERR_FS_CP_DIR_TO_NON_DIR", text));
            }
            (false, true) => {
                let text = format!(
                    "Cannot overwrite directory {} with non-directory {}",
                    path::display(&dest),
                    path::display(&src)
                );
                return Err(Failure::error("ERR_FS_CP_NON_DIR_TO_DIR", text));
            }
            _ => {}
        }
    }
    if is(&source, FileType::Directory) {
        // As Node shows it.
        let mut shown = src.clone();
        if !shown.ends_with(b"/") {
            shown.push(b'/');
        }
        if is_below(task, &src, &dest) {
            let text = format!(
                "Cannot copy {} to a subdirectory of self {}",
                path::display(&shown),
                path::display(&dest)
            );
            return Err(Failure::error("ERR_FS_CP_EINVAL", text));
        }
        if !recursive {
            let text = format!(
                "Recursive option not enabled, cannot copy a directory: {}",
                path::display(&shown)
            );
            return Err(Failure::error("ERR_FS_EISDIR", text));
        }
    }
    check_kind(&source, &dest)?;
    make_parent(task, &dest)
        .map_err(|error| Failure::from(error).with_syscall("cp").with_path(&dest))?;
    Ok(().into())
}

/// Only files, directories and links are copied.
fn check_kind(source: &Stat, dest: &[u8]) -> Result<(), Failure> {
    for (kind, code, what) in [
        (FileType::Socket, "ERR_FS_CP_SOCKET", "socket"),
        (FileType::Fifo, "ERR_FS_CP_FIFO_PIPE", "FIFO pipe"),
        (
            FileType::CharDevice,
            "ERR_FS_CP_UNKNOWN",
            "unknown file type",
        ),
    ] {
        if is(source, kind) {
            return Err(Failure::error(
                code,
                format!("Cannot copy a {what}: {}", path::display(dest)),
            ));
        }
    }
    Ok(())
}

/// Whether `dest` lies in the directory `src`, links resolved as far as they exist.
fn is_below(task: &Task, src: &[u8], dest: &[u8]) -> bool {
    let Ok(src) = super::paths::real_path(task, src) else {
        return false;
    };
    let mut current = dest.to_vec();
    loop {
        if let Ok(real) = super::paths::real_path(task, &current) {
            let below = real.strip_prefix(src.as_slice());
            return below.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
        }
        match current.iter().rposition(|byte| *byte == b'/') {
            Some(slash) if slash > 0 => current.truncate(slash),
            _ => return false,
        }
    }
}

fn make_parent(task: &Task, dest: &[u8]) -> SysResult {
    let parent = match dest.iter().rposition(|byte| *byte == b'/') {
        Some(slash) if slash > 0 => &dest[..slash],
        _ => return Ok(()),
    };
    let mut so_far = if path::is_absolute(parent) {
        b"/".to_vec()
    } else {
        Vec::new()
    };
    for part in path::components(parent) {
        so_far.extend_from_slice(part);
        match syscall::mkdirat(task, At::Cwd, &so_far, Mode::from_bits_truncate(0o777)) {
            Err(error) if error.errno() != Errno::EEXIST && lstat(task, &so_far).is_err() => {
                return Err(error);
            }
            _ => so_far.push(b'/'),
        }
    }
    Ok(())
}

fn copy_times(task: &Task, from: &[u8], to: &[u8]) -> SysResult {
    let stat = lstat(task, from)?;
    let change =
        |time: cenote_abi::fs::Timespec| TimeChange::from_raw(time.sec, i64::from(time.nsec));
    syscall::utimensat(
        task,
        At::Cwd,
        Some(to),
        [change(stat.atime)?, change(stat.mtime)?],
        AtFlags::empty(),
    )
}

/// Replaces a file by another. `cpSyncOverrideFile(src, dest, mode, preserveTimestamps)`.
pub(super) fn cp_sync_override_file<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    gate::check(scope, args, gate::COPY)?;
    let (src, dest) = (args.path(scope, 0)?, args.path(scope, 1)?);
    let how = args.get(2).uint32_value(scope).unwrap_or(0);
    let preserve = args.bool(scope, 3);
    let env = scope.env();
    let task = env.task();
    let copied = syscall::unlinkat(task, At::Cwd, &dest, AtFlags::empty())
        .and_then(|()| copy(&env, &src, &dest, how))
        .and_then(|()| {
            if preserve {
                copy_times(task, &src, &dest)
            } else {
                Ok(())
            }
        });
    copied.map_err(|error| {
        Failure::from(error)
            .with_syscall("cp")
            .with_path(&src)
            .with_dest(&dest)
    })?;
    Ok(().into())
}

/// How a tree is copied.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the options of fs.cpSync, as they are"
)]
struct CopyOptions {
    force: bool,
    dereference: bool,
    error_on_exist: bool,
    verbatim_symlinks: bool,
    preserve_timestamps: bool,
}

/// `cpSyncCopyDir(src, dest, force, dereference, errorOnExist, verbatimSymlinks, preserveTimestamps)`.
pub(super) fn cp_sync_copy_dir<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    gate::check(scope, args, gate::COPY)?;
    let (src, dest) = (args.path(scope, 0)?, args.path(scope, 1)?);
    let options = CopyOptions {
        force: args.bool(scope, 2),
        dereference: args.bool(scope, 3),
        error_on_exist: args.bool(scope, 4),
        verbatim_symlinks: args.bool(scope, 5),
        preserve_timestamps: args.bool(scope, 6),
    };
    copy_directory(&scope.env(), &src, &dest, &options, MAX_DEPTH)?;
    Ok(().into())
}

fn copy_directory(
    env: &Environment,
    src: &[u8],
    dest: &[u8],
    options: &CopyOptions,
    depth: usize,
) -> Result<(), Failure> {
    let failed = |error| {
        Failure::from(error)
            .with_syscall("cp")
            .with_path(src)
            .with_dest(dest)
    };
    let task = env.task();
    if depth == 0 {
        return Err(failed(Errno::ELOOP.into()));
    }
    make_parent(task, &path::join(dest, b"x")).map_err(failed)?;
    for (name, _) in list(task, src).map_err(failed)? {
        let (from, to) = (path::join(src, &name), path::join(dest, &name));
        let flags = if options.dereference {
            AtFlags::empty()
        } else {
            AtFlags::AT_SYMLINK_NOFOLLOW
        };
        let stat = syscall::fstatat(task, At::Cwd, &from, flags).map_err(failed)?;
        if is(&stat, FileType::Directory) {
            copy_directory(env, &from, &to, options, depth - 1)?;
        } else if is(&stat, FileType::Symlink) {
            copy_link(task, &from, &to, options)?;
        } else if is(&stat, FileType::Regular) {
            copy_entry(env, &from, &to, options)?;
        }
    }
    if options.preserve_timestamps {
        copy_times(task, src, dest).map_err(failed)?;
    }
    Ok(())
}

fn copy_entry(
    env: &Environment,
    from: &[u8],
    to: &[u8],
    options: &CopyOptions,
) -> Result<(), Failure> {
    let task = env.task();
    let failed = |error| {
        Failure::from(error)
            .with_syscall("cp")
            .with_path(from)
            .with_dest(to)
    };
    if lstat(task, to).is_ok() {
        if options.force {
            syscall::unlinkat(task, At::Cwd, to, AtFlags::empty()).map_err(failed)?;
        } else if options.error_on_exist {
            let text = format!(
                "[ERR_FS_CP_EEXIST]: Target already exists: cp returned EEXIST ({} already exists)",
                path::display(to)
            );
            return Err(Failure::error("ERR_FS_CP_EEXIST", text));
        } else {
            return Ok(());
        }
    }
    copy(env, from, to, 0).map_err(failed)?;
    if options.preserve_timestamps {
        copy_times(task, from, to).map_err(failed)?;
    }
    Ok(())
}

/// Whether a path is another or below it, by their names.
fn is_within(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Refuses to replace a link by one that leads into where it leads, or out of there. Node: `CpSyncCopyDir`.
fn check_links(task: &Task, target: &[u8], to: &[u8]) -> Result<(), Failure> {
    let Ok(current) = syscall::readlinkat(task, At::Cwd, to) else {
        return Ok(());
    };
    let is_directory = |path: &[u8]| {
        syscall::fstatat(task, At::Cwd, path, AtFlags::empty())
            .is_ok_and(|stat| is(&stat, FileType::Directory))
    };
    let (current_shown, target_shown) = (path::display(&current), path::display(target));
    if is_directory(target) && is_within(&current, target) {
        let text = format!("Cannot copy {target_shown} to a subdirectory of self {current_shown}");
        return Err(Failure::error("ERR_FS_CP_EINVAL", text));
    }
    if is_directory(to) && is_within(target, &current) {
        let text = format!("cannot overwrite {current_shown} with {target_shown}");
        let code = "ERR_FS_CP_SYMLINK_TO_SUBDIRECTORY";
        return Err(Failure::error(code, text));
    }
    Ok(())
}

fn copy_link(task: &Task, from: &[u8], to: &[u8], options: &CopyOptions) -> Result<(), Failure> {
    let failed = |error| {
        Failure::from(error)
            .with_syscall("cp")
            .with_path(from)
            .with_dest(to)
    };
    let mut target = syscall::readlinkat(task, At::Cwd, from).map_err(failed)?;
    if !options.verbatim_symlinks && !path::is_absolute(&target) {
        let slash = from.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        target = path::join(
            &path::join(&syscall::getcwd(task).map_err(failed)?, &from[..slash]),
            &target,
        );
    }
    if !options.verbatim_symlinks && !options.dereference {
        check_links(task, &target, to)?;
    }
    if lstat(task, to).is_ok() {
        syscall::unlinkat(task, At::Cwd, to, AtFlags::empty()).map_err(failed)?;
    }
    syscall::symlinkat(task, &target, At::Cwd, to).map_err(failed)
}
