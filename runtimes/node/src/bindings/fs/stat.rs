//! `stat` and its kin: numbers in a typed array, in the order lib/internal/fs/utils.js reads them.
//!
//! Synchronous calls answer the one shared array, as Node does; others a fresh one.

use cenote_abi::fs::{AtFlags, Stat, StatFs, Timespec};
use cenote_kernel::syscall::{self, At};

use crate::environment::Environment;
use crate::glue::{Args, BindingResult, Failure, Field, Scope, ScopeExt, Value};
use crate::shapes::Element;

use super::gate;
use super::request::{Answer, answer};

/// Fields of a stat array.
pub(super) const FIELDS: usize = 18;
/// Fields of a statfs array.
const FS_FIELDS: usize = 8;

pub(super) fn stat_numbers(stat: &Stat) -> [i64; FIELDS] {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let time = |time: Timespec| [time.sec, i64::from(time.nsec)];
    let [atime, mtime, ctime, btime] = [stat.atime, stat.mtime, stat.ctime, stat.btime].map(time);
    [
        signed(stat.dev),
        i64::from(stat.mode),
        signed(stat.nlink),
        i64::from(stat.uid),
        i64::from(stat.gid),
        signed(stat.rdev),
        i64::from(stat.blksize),
        signed(stat.ino),
        signed(stat.size),
        signed(stat.blocks),
        atime[0],
        atime[1],
        mtime[0],
        mtime[1],
        ctime[0],
        ctime[1],
        btime[0],
        btime[1],
    ]
}

fn numbers_to_array<'s>(
    scope: &mut Scope<'s, '_>,
    numbers: &[i64],
    shared: Option<&'static str>,
    big: bool,
) -> Result<Value<'s>, Failure> {
    let element = if big {
        Element::BigInt64
    } else {
        Element::Float64
    };
    let field = match shared {
        Some(name) => scope.env().field(scope, "fs", name)?,
        None => Field::new(scope, element, numbers.len(), &[]),
    };
    for (index, number) in numbers.iter().enumerate() {
        field.set_i64(index, *number);
    }
    Ok(field.view(scope))
}

/// A stat as JavaScript gets it.
pub(super) fn to_array<'s>(
    scope: &mut Scope<'s, '_>,
    stat: &Stat,
    big: bool,
    shared: bool,
) -> Result<Value<'s>, Failure> {
    let name = if big {
        "bigintStatValues"
    } else {
        "statValues"
    };
    numbers_to_array(scope, &stat_numbers(stat), shared.then_some(name), big)
}

/// A statfs as JavaScript gets it.
pub(super) fn fs_to_array<'s>(
    scope: &mut Scope<'s, '_>,
    stat: &StatFs,
    big: bool,
    shared: bool,
) -> Result<Value<'s>, Failure> {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let numbers: [i64; FS_FIELDS] = [
        signed(stat.magic),
        signed(stat.block_size),
        signed(stat.blocks),
        signed(stat.free_blocks),
        signed(stat.available_blocks),
        signed(stat.files),
        signed(stat.free_files),
        signed(stat.block_size),
    ];
    let name = if big {
        "bigintStatFsValues"
    } else {
        "statFsValues"
    };
    numbers_to_array(scope, &numbers, shared.then_some(name), big)
}

fn on_path<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    flags: AtFlags,
    name: &'static str,
) -> BindingResult<'s> {
    let path = args.path(scope, 0)?;
    let big = args.bool(scope, 1);
    let outcome = syscall::fstatat(scope.env().task(), At::Cwd, &path, flags)
        .map(|stat| Answer::Stat(Box::new(stat), big))
        .map_err(|error| Failure::from(error).with_syscall(name).with_path(&path));
    // `throwIfNoEntry: false`: nothing there is no error.
    let is_nothing_fine = args.len() > 3 && args.get(3).is_false();
    let outcome = match outcome {
        Err(Failure::System { errno, .. }) if is_nothing_fine && is_nothing(errno) => {
            Ok(Answer::Nothing)
        }
        other => other,
    };
    answer(scope, args, 2, outcome)
}

fn is_nothing(errno: i32) -> bool {
    errno == cenote_abi::Errno::ENOENT.raw() || errno == cenote_abi::Errno::ENOTDIR.raw()
}

pub(super) fn stat<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 2, gate::READ)? {
        return Ok(refused);
    }
    on_path(scope, args, AtFlags::empty(), "stat")
}

/// Not gated: resolving a path looks at every folder above it. JavaScript asks for those that are given to it.
pub(super) fn lstat<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    on_path(scope, args, AtFlags::AT_SYMLINK_NOFOLLOW, "lstat")
}

pub(super) fn fstat<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let fd = super::transfer::descriptor(scope, args, 0)?;
    let big = args.bool(scope, 1);
    let outcome = syscall::fstat(scope.env().task(), fd)
        .map(|stat| Answer::Stat(Box::new(stat), big))
        .map_err(|error| Failure::from(error).with_syscall("fstat"));
    // `shouldNotThrow` concerns only how C++ throws; the caller sees the same.
    answer(scope, args, 2, outcome)
}

pub(super) fn statfs<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(refused) = gate::refuse(scope, args, 2, gate::READ)? {
        return Ok(refused);
    }
    let path = args.path(scope, 0)?;
    let big = args.bool(scope, 1);
    let outcome = syscall::statfs(scope.env().task(), &path)
        .map(|stat| Answer::StatFs(Box::new(stat), big))
        .map_err(|error| Failure::from(error).with_syscall("statfs").with_path(&path));
    answer(scope, args, 2, outcome)
}

/// For callers that only want to know what kind of file it is.
pub(super) fn kind(scope: &Scope<'_, '_>, path: &[u8]) -> Option<u32> {
    kind_of(&scope.env(), path)
}

/// The same, asked of the isolate's state.
pub(super) fn kind_of(env: &Environment, path: &[u8]) -> Option<u32> {
    syscall::fstatat(env.task(), At::Cwd, path, AtFlags::empty())
        .ok()
        .map(|stat| stat.mode & 0o170_000)
}
