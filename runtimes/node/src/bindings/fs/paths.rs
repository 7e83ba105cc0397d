//! Verbs on paths and on whole descriptors: one system call each.

use cenote_abi::Errno;
use cenote_abi::fs::{AccessFlags, AtFlags, FileType, Mode, OpenFlags, RenameFlags};
use cenote_base::{Gid, SysResult, Uid, wait::block_on};
use cenote_kernel::Task;
use cenote_kernel::syscall::{self, At, TimeChange};

use crate::bindings::worker::unmanaged;
use crate::blocking::blocking;
use crate::environment::Environment;
use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt};

use super::gate;
use super::request::{Answer, Asker, Encoding, answer};
use super::transfer::descriptor;

/// One call on one path, which answers nothing.
fn on_path<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    request: usize,
    name: &'static str,
    call: impl FnOnce(&Task, &[u8]) -> SysResult,
) -> BindingResult<'s> {
    let path = args.path(scope, 0)?;
    let outcome = call(scope.env().task(), &path);
    let outcome = outcome.map(|()| Answer::Nothing);
    answer(
        scope,
        args,
        request,
        outcome.map_err(|error| Failure::from(error).with_syscall(name).with_path(&path)),
    )
}

/// One call on two paths, which answers nothing.
fn on_paths<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    request: usize,
    name: &'static str,
    call: impl FnOnce(&Task, &[u8], &[u8]) -> SysResult,
) -> BindingResult<'s> {
    let (path, dest) = (args.path(scope, 0)?, args.path(scope, 1)?);
    let outcome = call(scope.env().task(), &path, &dest).map(|()| Answer::Nothing);
    let failed = |error| {
        Failure::from(error)
            .with_syscall(name)
            .with_path(&path)
            .with_dest(&dest)
    };
    answer(scope, args, request, outcome.map_err(failed))
}

/// One call on a descriptor, which answers nothing.
fn on_descriptor<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    request: usize,
    name: &'static str,
    call: impl FnOnce(&Task, cenote_base::Fd) -> SysResult,
) -> BindingResult<'s> {
    let fd = descriptor(scope, args, 0)?;
    let outcome = call(scope.env().task(), fd).map(|()| Answer::Nothing);
    answer(
        scope,
        args,
        request,
        outcome.map_err(|error| Failure::from(error).with_syscall(name)),
    )
}

fn mode_of(scope: &Scope<'_, '_>, args: &Args<'_>, index: usize) -> Mode {
    Mode::from_bits_truncate(args.get(index).uint32_value(scope).unwrap_or(0))
}

pub(super) fn access<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 2, gate::READ)? {
        return Ok(refused);
    }
    let wanted = AccessFlags::from_bits_truncate(mode_within_seven(scope, args.get(1))?);
    on_path(scope, args, 2, "access", |task, path| {
        syscall::faccessat(task, At::Cwd, path, wanted, AtFlags::empty())
    })
}

/// The mode of `access` and `copyFile`: 0 when it is left out. Node: `GetValidFileMode`.
pub(super) fn mode_within_seven<'s>(
    scope: &Scope<'s, '_>,
    value: crate::glue::Value<'s>,
) -> Result<u32, Failure> {
    if value.is_null_or_undefined() {
        return Ok(0);
    }
    let Ok(number) = v8::Local::<v8::Number>::try_from(value) else {
        return crate::glue::integer_within(scope, value, "mode", 0..=7).map(|_| 0);
    };
    if number.value().fract() != 0.0 || !(0.0..=7.0).contains(&number.value()) {
        let message = "mode is out of range: >= 0 && <= 7";
        return Err(Failure::range_error("ERR_OUT_OF_RANGE", message));
    }
    value.uint32_value(scope).ok_or(Failure::Pending)
}

/// Never throws, whatever it is given.
pub(super) fn exists_sync<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let Ok(path) = args.path(scope, 0) else {
        return Ok(false.into());
    };
    gate::check(scope, args, gate::READ)?;
    Ok(exists(&scope.env(), &path).into())
}

/// Whether there is something at a path.
pub(super) fn exists(env: &Environment, path: &[u8]) -> bool {
    let (flags, at) = (AccessFlags::empty(), AtFlags::empty());
    syscall::faccessat(env.task(), At::Cwd, path, flags, at).is_ok()
}

/// Opens with `O_CLOEXEC`, as libuv does. A fifo without a peer blocks the thread for a synchronous call only.
pub(super) fn open_at(
    env: &Environment,
    path: &[u8],
    flags: OpenFlags,
    mode: Mode,
) -> SysResult<i32> {
    let flags = flags | OpenFlags::O_CLOEXEC;
    blocking(env, async || {
        syscall::openat(env.task(), At::Cwd, path, flags, mode).await
    })
    .map(cenote_base::Fd::raw)
}

fn opened<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    answer_of: fn(i32) -> Answer,
    is_unmanaged: bool,
) -> BindingResult<'s> {
    let path = args.path(scope, 0)?;
    let flags = OpenFlags::from_bits_truncate(args.u32(scope, 1)?);
    if let Some(refused) = gate::refuse(scope, args, 3, gate::of_open(flags))? {
        return Ok(refused);
    }
    let mode = mode_of(scope, args, 2);
    let failed = |error| Failure::from(error).with_syscall("open").with_path(&path);
    let env = scope.env();
    let (asker, returned) = Asker::of(scope, args.get(3))?;
    if asker.is_caller() {
        let fd = open_at(&env, &path, flags, mode).map_err(failed)?;
        if is_unmanaged {
            unmanaged::opened(scope, fd)?;
        }
        return Ok(answer_of(fd).into_value(scope, true)?.into());
    }
    let is_fifo = super::stat::kind(scope, &path) == Some(FileType::Fifo.mode_bits());
    if is_fifo && !flags.contains(OpenFlags::O_NONBLOCK) {
        super::transfer::open_later(
            scope,
            asker,
            path,
            flags | OpenFlags::O_CLOEXEC,
            mode,
            answer_of,
        );
        return Ok(returned);
    }
    let outcome = open_at(&env, &path, flags, mode).map_err(failed);
    if is_unmanaged && let Ok(fd) = outcome {
        unmanaged::opened(scope, fd)?;
    }
    let outcome = outcome.map(answer_of);
    asker.answer_later(scope, outcome);
    Ok(returned)
}

pub(super) fn open<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    opened(scope, args, |fd| Answer::Number(f64::from(fd)), true)
}

pub(super) fn open_file_handle<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    opened(scope, args, Answer::FileHandle, false)
}

pub(super) fn close<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    unmanaged::closed(scope, descriptor(scope, args, 0)?.raw())?;
    on_descriptor(scope, args, 1, "close", syscall::close)
}

pub(super) fn rename<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 2, gate::RENAME)? {
        return Ok(refused);
    }
    on_paths(scope, args, 2, "rename", |task, from, to| {
        syscall::renameat2(task, At::Cwd, from, At::Cwd, to, RenameFlags::empty())
    })
}

pub(super) fn ftruncate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let size = u64::try_from(args.i64(1)?).unwrap_or(0);
    on_descriptor(scope, args, 2, "ftruncate", |task, fd| {
        syscall::ftruncate(task, fd, size)
    })
}

pub(super) fn fsync<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    on_descriptor(scope, args, 1, "fsync", syscall::fsync)
}

pub(super) fn fdatasync<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    on_descriptor(scope, args, 1, "fdatasync", syscall::fdatasync)
}

pub(super) fn rmdir<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 1, gate::WRITE)? {
        return Ok(refused);
    }
    on_path(scope, args, 1, "rmdir", |task, path| {
        syscall::unlinkat(task, At::Cwd, path, AtFlags::AT_REMOVEDIR)
    })
}

pub(super) fn unlink<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 1, gate::WRITE)? {
        return Ok(refused);
    }
    on_path(scope, args, 1, "unlink", |task, path| {
        syscall::unlinkat(task, At::Cwd, path, AtFlags::empty())
    })
}

/// Makes a directory and what is missing above it; the first one made.
fn make_directories(task: &Task, path: &[u8], mode: Mode) -> SysResult<Option<Vec<u8>>> {
    // From the whole path towards the root until one can be made, then back.
    let mut missing = Vec::new();
    let mut current = path.to_vec();
    loop {
        match syscall::mkdirat(task, At::Cwd, &current, mode) {
            Ok(()) => break,
            Err(error) if error.errno() == Errno::ENOENT => {
                let parent = parent_of(&current).ok_or(error)?.to_vec();
                missing.push(std::mem::replace(&mut current, parent));
            }
            Err(error) => {
                let is_directory = syscall::fstatat(task, At::Cwd, &current, AtFlags::empty())
                    .is_ok_and(|stat| stat.mode & 0o170_000 == FileType::Directory.mode_bits());
                if is_directory && missing.is_empty() {
                    return Ok(None);
                }
                if !is_directory {
                    let in_the_way = error.errno() == Errno::EEXIST && !missing.is_empty();
                    return Err(if in_the_way {
                        Errno::ENOTDIR.into()
                    } else {
                        error
                    });
                }
                current = missing.pop().unwrap_or_default();
                syscall::mkdirat(task, At::Cwd, &current, mode)?;
                break;
            }
        }
    }
    let first = current;
    while let Some(next) = missing.pop() {
        match syscall::mkdirat(task, At::Cwd, &next, mode) {
            Err(error) if error.errno() != Errno::EEXIST => return Err(error),
            _ => {}
        }
    }
    Ok(Some(first))
}

fn parent_of(path: &[u8]) -> Option<&[u8]> {
    let trimmed = trim_slashes(path);
    let slash = trimmed.iter().rposition(|byte| *byte == b'/')?;
    let parent = trim_slashes(trimmed.get(..slash)?);
    (!parent.is_empty()).then_some(parent)
}

fn trim_slashes(path: &[u8]) -> &[u8] {
    let end = path
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(0, |last| last + 1);
    path.get(..end).unwrap_or_default()
}

pub(super) fn mkdir<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    // Thrown at once, also for those that wait: as Node does for this one.
    gate::check(scope, args, gate::WRITE)?;
    let path = args.path(scope, 0)?;
    let mode = mode_of(scope, args, 1);
    let env = scope.env();
    let outcome = if args.bool(scope, 2) {
        make_directories(env.task(), &path, mode).map(|first| match first {
            // As it was asked for: a relative path stays relative.
            Some(first) => Answer::Bytes(first, Encoding::Utf8),
            None => Answer::Nothing,
        })
    } else {
        syscall::mkdirat(env.task(), At::Cwd, &path, mode).map(|()| Answer::Nothing)
    };
    answer(
        scope,
        args,
        3,
        outcome.map_err(|error| Failure::from(error).with_syscall("mkdir").with_path(&path)),
    )
}

const TEMPLATE: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

fn make_temporary(task: &Task, prefix: &[u8]) -> SysResult<Vec<u8>> {
    const ATTEMPTS: usize = 100;
    for _ in 0..ATTEMPTS {
        let mut random = [0_u8; 6];
        syscall::getrandom(task, &mut random, cenote_abi::random::RandomFlags::empty())?;
        let mut path = prefix.to_vec();
        path.extend(
            random
                .iter()
                .map(|byte| TEMPLATE[usize::from(*byte) % TEMPLATE.len()]),
        );
        match syscall::mkdirat(task, At::Cwd, &path, Mode::from_bits_truncate(0o700)) {
            Ok(()) => return Ok(path),
            Err(error) if error.errno() == Errno::EEXIST => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::EEXIST.into())
}

pub(super) fn mkdtemp<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let prefix = args.path(scope, 0)?;
    let template = [prefix.as_slice(), b"XXXXXX"].concat();
    let needed = crate::bindings::permission::Permission::FileSystemWrite;
    if let Err(refused) = crate::bindings::permission::check(scope, needed, &template) {
        return answer(scope, args, 2, Err(refused));
    }
    let encoding = Encoding::of(scope, args.get(1));
    let outcome =
        make_temporary(scope.env().task(), &prefix).map(|path| Answer::Bytes(path, encoding));
    let mut shown = prefix;
    shown.extend_from_slice(b"XXXXXX");
    answer(
        scope,
        args,
        2,
        outcome.map_err(|error| {
            Failure::from(error)
                .with_syscall("mkdtemp")
                .with_path(&shown)
        }),
    )
}

/// libuv's numbers for types of directory entries.
pub(crate) const fn entry_type(file_type: FileType) -> i32 {
    match file_type {
        FileType::Regular => 1,
        FileType::Directory => 2,
        FileType::Symlink => 3,
        FileType::Fifo => 4,
        FileType::Socket => 5,
        FileType::CharDevice => 6,
        FileType::BlockDevice => 7,
    }
}

/// The entries of a directory, sorted by name as libuv's scandir has them, without `.` and `..`.
pub(crate) fn list(task: &Task, path: &[u8]) -> SysResult<Vec<(Vec<u8>, FileType)>> {
    let flags = OpenFlags::O_RDONLY | OpenFlags::O_DIRECTORY | OpenFlags::O_CLOEXEC;
    // A directory never makes its opener wait.
    let fd = block_on(syscall::openat(task, At::Cwd, path, flags, Mode::empty()))?;
    let mut entries = Vec::new();
    let outcome = syscall::getdents(task, fd, &mut |entry| {
        if entry.name != b"." && entry.name != b".." {
            entries.push((entry.name.to_vec(), entry.file_type));
        }
        true
    });
    syscall::close(task, fd)?;
    outcome?;
    entries.sort();
    Ok(entries)
}

pub(super) fn readdir<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 3, gate::READ)? {
        return Ok(refused);
    }
    let path = args.path(scope, 0)?;
    let encoding = Encoding::of(scope, args.get(1));
    let with_types = args.bool(scope, 2);
    let outcome = list(scope.env().task(), &path).map(|entries| {
        if with_types {
            let entries = entries
                .into_iter()
                .map(|(name, file_type)| (name, entry_type(file_type)))
                .collect();
            Answer::Entries(entries, encoding)
        } else {
            Answer::Names(
                entries.into_iter().map(|(name, _)| name).collect(),
                encoding,
            )
        }
    });
    answer(
        scope,
        args,
        3,
        outcome.map_err(|error| {
            Failure::from(error)
                .with_syscall("scandir")
                .with_path(&path)
        }),
    )
}

pub(super) fn link<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 2, gate::RENAME)? {
        return Ok(refused);
    }
    on_paths(scope, args, 2, "link", |task, from, to| {
        syscall::linkat(task, At::Cwd, from, At::Cwd, to, AtFlags::empty())
    })
}

pub(super) fn symlink<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 3, gate::SYMLINK)? {
        return Ok(refused);
    }
    on_paths(scope, args, 3, "symlink", |task, target, path| {
        syscall::symlinkat(task, target, At::Cwd, path)
    })
}

pub(super) fn readlink<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 2, gate::READ)? {
        return Ok(refused);
    }
    let path = args.path(scope, 0)?;
    let encoding = Encoding::of(scope, args.get(1));
    let outcome = syscall::readlinkat(scope.env().task(), At::Cwd, &path);
    let outcome = outcome.map(|target| Answer::Bytes(target, encoding));
    answer(
        scope,
        args,
        2,
        outcome.map_err(|error| {
            Failure::from(error)
                .with_syscall("readlink")
                .with_path(&path)
        }),
    )
}

/// The absolute path without links: what the kernel says of a place opened there.
pub(crate) fn real_path(task: &Task, path: &[u8]) -> SysResult<Vec<u8>> {
    let flags = OpenFlags::O_PATH | OpenFlags::O_CLOEXEC;
    let fd = block_on(syscall::openat(task, At::Cwd, path, flags, Mode::empty()))?;
    let outcome = task.path_of(fd);
    syscall::close(task, fd)?;
    outcome
}

pub(super) fn realpath<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 2, gate::READ)? {
        return Ok(refused);
    }
    let path = args.path(scope, 0)?;
    let encoding = Encoding::of(scope, args.get(1));
    let outcome = real_path(scope.env().task(), &path).map(|real| Answer::Bytes(real, encoding));
    answer(
        scope,
        args,
        2,
        outcome.map_err(|error| {
            Failure::from(error)
                .with_syscall("realpath")
                .with_path(&path)
        }),
    )
}

pub(super) fn chmod<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    // Thrown at once, also for those that wait: as Node does for this one.
    gate::check(scope, args, gate::WRITE)?;
    let mode = mode_of(scope, args, 1);
    on_path(scope, args, 2, "chmod", |task, path| {
        syscall::fchmodat(task, At::Cwd, path, mode, AtFlags::empty())
    })
}

pub(super) fn fchmod<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let mode = mode_of(scope, args, 1);
    on_descriptor(scope, args, 2, "fchmod", |task, fd| {
        syscall::fchmod(task, fd, mode)
    })
}

/// Owner and group arguments; −1 leaves one as it is.
fn owner(scope: &Scope<'_, '_>, args: &Args<'_>) -> (Option<Uid>, Option<Gid>) {
    let id = |index| {
        args.get(index)
            .uint32_value(scope)
            .filter(|id| *id != u32::MAX)
    };
    (id(1).map(Uid::new), id(2).map(Gid::new))
}

pub(super) fn chown<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 3, gate::WRITE)? {
        return Ok(refused);
    }
    let (uid, gid) = owner(scope, args);
    on_path(scope, args, 3, "chown", |task, path| {
        syscall::fchownat(task, At::Cwd, path, uid, gid, AtFlags::empty())
    })
}

pub(super) fn lchown<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 3, gate::WRITE)? {
        return Ok(refused);
    }
    let (uid, gid) = owner(scope, args);
    on_path(scope, args, 3, "lchown", |task, path| {
        syscall::fchownat(task, At::Cwd, path, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)
    })
}

pub(super) fn fchown<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (uid, gid) = owner(scope, args);
    on_descriptor(scope, args, 3, "fchown", |task, fd| {
        syscall::fchown(task, fd, uid, gid)
    })
}

/// Seconds, as JavaScript has them, to a time.
fn time(seconds: f64) -> SysResult<TimeChange> {
    let whole = seconds.floor();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates; the fraction is below one second"
    )]
    let (sec, nsec) = (whole as i64, ((seconds - whole) * 1e9).round() as i64);
    if nsec >= 1_000_000_000 {
        TimeChange::from_raw(sec.saturating_add(1), 0)
    } else {
        TimeChange::from_raw(sec, nsec)
    }
}

pub(super) fn times(args: &Args<'_>, from: usize) -> Result<[TimeChange; 2], Failure> {
    Ok([time(args.f64(from)?)?, time(args.f64(from + 1)?)?])
}

pub(super) fn utimes<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    // Thrown at once, also for those that wait: as Node does for this one.
    gate::check(scope, args, gate::WRITE)?;
    let times = times(args, 1)?;
    on_path(scope, args, 3, "utime", |task, path| {
        syscall::utimensat(task, At::Cwd, Some(path), times, AtFlags::empty())
    })
}

pub(super) fn lutimes<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    // Thrown at once, also for those that wait: as Node does for this one.
    gate::check(scope, args, gate::WRITE)?;
    let times = times(args, 1)?;
    on_path(scope, args, 3, "lutime", |task, path| {
        syscall::utimensat(
            task,
            At::Cwd,
            Some(path),
            times,
            AtFlags::AT_SYMLINK_NOFOLLOW,
        )
    })
}

pub(super) fn futimes<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let times = times(args, 1)?;
    on_descriptor(scope, args, 3, "futime", |task, fd| {
        syscall::utimensat(task, At::Fd(fd), None, times, AtFlags::empty())
    })
}
