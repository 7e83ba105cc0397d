//! Whole files in one call: reading and writing UTF-8, copying.

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Mode, OpenFlags};
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall::{self, At};

use crate::blocking::blocking;
use crate::environment::Environment;
use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt, js_string_bytes};

use super::gate;
use super::paths::open_at;
use super::request::{Answer, answer};
use super::traced::step;

/// Bytes read at once when the size is not known.
const CHUNK: usize = 64 << 10;
/// The most a file read whole may have: V8's longest string.
const MAX_FILE: usize = 0x1fff_ffe8;

/// Reads from a descriptor to its end.
pub(crate) fn read_to_end(env: &Environment, fd: Fd) -> SysResult<Vec<u8>> {
    let task = env.task();
    let size =
        syscall::fstat(task, fd).map_or(0, |stat| usize::try_from(stat.size).unwrap_or(MAX_FILE));
    let mut content = Vec::new();
    let mut chunk = vec![
        0;
        size.saturating_add(1)
            .clamp(512, 1 << 20)
            .max(CHUNK.min(size))
    ];
    loop {
        match blocking(env, async || syscall::read(task, fd, &mut chunk).await)? {
            0 => return Ok(content),
            count => content.extend_from_slice(&chunk[..count]),
        }
        if content.len() > MAX_FILE {
            return Err(Errno::EFBIG.into());
        }
    }
}

/// Writes all of it.
pub(crate) fn write_all(env: &Environment, fd: Fd, mut bytes: &[u8]) -> SysResult {
    while !bytes.is_empty() {
        let count = blocking(env, async || syscall::write(env.task(), fd, bytes).await)?;
        bytes = bytes.get(count..).unwrap_or_default();
    }
    Ok(())
}

/// Runs `action` on a descriptor: the one given as a number, or one opened for it.
fn with_file<'s, T>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    flags: OpenFlags,
    mode: Mode,
    name: &'static str,
    action: impl FnOnce(&Environment, Fd) -> SysResult<T>,
) -> Result<T, Failure> {
    let env = scope.env();
    if args.get(0).is_number() {
        let fd = super::transfer::descriptor(scope, args, 0)?;
        return action(&env, fd).map_err(|error| Failure::from(error).with_syscall(name));
    }
    gate::check(scope, args, gate::of_open(flags))?;
    let path = args.path(scope, 0)?;
    let fd = step(&env, "fs.sync.open", || open_at(&env, &path, flags, mode));
    let fd =
        Fd::new(fd.map_err(|error| Failure::from(error).with_syscall("open").with_path(&path))?);
    let verb = if name == "read" {
        "fs.sync.read"
    } else {
        "fs.sync.write"
    };
    let outcome = step(&env, verb, || action(&env, fd));
    let closed = step(&env, "fs.sync.close", || syscall::close(env.task(), fd));
    let outcome = outcome.map_err(|error| Failure::from(error).with_syscall(name))?;
    closed.map_err(|error| Failure::from(error).with_syscall("close"))?;
    Ok(outcome)
}

/// `readFileUtf8(path or descriptor, flags)`.
pub(super) fn read_file_utf8<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let flags = OpenFlags::from_bits_truncate(args.u32(scope, 1)?);
    let content = with_file(
        scope,
        args,
        flags,
        Mode::from_bits_truncate(0o666),
        "read",
        read_to_end,
    )?;
    let content = match String::from_utf8_lossy(&content) {
        // All UTF-8: no copy was made.
        std::borrow::Cow::Borrowed(text) => scope.string(text)?,
        std::borrow::Cow::Owned(text) => scope.string(&text)?,
    };
    Ok(content.into())
}

/// `writeFileUtf8(path or descriptor, data, flags, mode)`.
pub(super) fn write_file_utf8<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let string = args.string(1)?;
    let bytes = js_string_bytes(scope, string);
    let flags = OpenFlags::from_bits_truncate(args.u32(scope, 2)?);
    let mode = Mode::from_bits_truncate(args.u32(scope, 3)?);
    with_file(scope, args, flags, mode, "write", |env, fd| {
        write_all(env, fd, &bytes)
    })?;
    Ok(().into())
}

/// `COPYFILE_EXCL`.
const EXCLUSIVE: u32 = 1;
/// `COPYFILE_FICLONE_FORCE`.
const CLONE_ONLY: u32 = 4;

/// Copies content and mode of a file, as libuv's `uv_fs_copyfile`.
pub(super) fn copy(env: &Environment, from: &[u8], to: &[u8], how: u32) -> SysResult {
    let task = env.task();
    // As on filesystems of Linux that cannot.
    if how & CLONE_ONLY != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let source = Fd::new(open_at(env, from, OpenFlags::O_RDONLY, Mode::empty())?);
    let copied = copy_from(env, source, to, how);
    syscall::close(task, source)?;
    copied
}

fn copy_from(env: &Environment, source: Fd, to: &[u8], how: u32) -> SysResult {
    let task = env.task();
    let stat = syscall::fstat(task, source)?;
    if stat.mode & 0o170_000 == FileType::Directory.mode_bits() {
        return Err(Errno::EISDIR.into());
    }
    // The same file under two names: nothing to do, and truncating it would lose everything.
    let same = syscall::fstatat(task, At::Cwd, to, cenote_abi::fs::AtFlags::empty())
        .is_ok_and(|other| (other.dev, other.ino) == (stat.dev, stat.ino));
    let mut flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT;
    if how & EXCLUSIVE != 0 {
        flags |= OpenFlags::O_EXCL;
    } else if same {
        return Ok(());
    }
    let mode = Mode::from_bits_truncate(stat.mode & 0o7777);
    let target = Fd::new(open_at(env, to, flags, mode)?);
    let copied = fill(env, source, target).and_then(|()| syscall::fchmod(task, target, mode));
    syscall::close(task, target)?;
    copied
}

fn fill(env: &Environment, source: Fd, target: Fd) -> SysResult {
    let task = env.task();
    syscall::ftruncate(task, target, 0)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        match blocking(env, async || syscall::read(task, source, &mut chunk).await)? {
            0 => return Ok(()),
            count => write_all(env, target, &chunk[..count])?,
        }
    }
}

pub(super) fn copy_file<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 3, gate::COPY)? {
        return Ok(refused);
    }
    let (from, to) = (args.path(scope, 0)?, args.path(scope, 1)?);
    let how = super::paths::mode_within_seven(scope, args.get(2))?;
    let outcome = copy(&scope.env(), &from, &to, how)
        .map(|()| Answer::Nothing)
        .map_err(|error| {
            Failure::from(error)
                .with_syscall("copyfile")
                .with_path(&from)
                .with_dest(&to)
        });
    answer(scope, args, 3, outcome)
}
