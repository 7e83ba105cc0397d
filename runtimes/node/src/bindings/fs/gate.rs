//! The permission model before the verbs (`--permission`): which paths among a call's arguments must be granted for what.

use cenote_abi::fs::OpenFlags;

use super::request::answer;
use crate::bindings::permission::{self, Permission};
use crate::glue::{Args, Failure, Return, Scope};

/// What a call needs: the place of a path among its arguments, and for what.
pub(in crate::bindings) type Needs = &'static [(usize, Permission)];

pub(in crate::bindings) const READ: Needs = &[(0, Permission::FileSystemRead)];
pub(super) const WRITE: Needs = &[(0, Permission::FileSystemWrite)];
pub(super) const READ_WRITE: Needs = &[
    (0, Permission::FileSystemRead),
    (0, Permission::FileSystemWrite),
];
/// From the first path to the second.
pub(super) const COPY: Needs = &[
    (0, Permission::FileSystemRead),
    (1, Permission::FileSystemWrite),
];
/// The first gets another name: whoever has that may write the file.
pub(super) const RENAME: Needs = &[
    (0, Permission::FileSystemRead),
    (0, Permission::FileSystemWrite),
    (1, Permission::FileSystemWrite),
];
pub(super) const SYMLINK: Needs = &[
    (0, Permission::FileSystemWrite),
    (1, Permission::FileSystemWrite),
];

/// What opening with these flags needs.
pub(super) fn of_open(flags: OpenFlags) -> Needs {
    let changes = flags.intersects(OpenFlags::O_APPEND | OpenFlags::O_CREAT | OpenFlags::O_TRUNC)
        || flags.intersects(OpenFlags::O_WRONLY | OpenFlags::O_RDWR);
    match (changes, flags.contains(OpenFlags::O_WRONLY)) {
        (false, _) => READ,
        (true, true) => WRITE,
        (true, false) if flags.contains(OpenFlags::O_RDWR) => READ_WRITE,
        (true, false) => READ_WRITE,
    }
}

/// Refuses a call whose answer goes to argument `request`. `Some`: it was refused, and whoever asked is told.
///
/// # Errors
/// The refusal of a synchronous call.
pub(in crate::bindings) fn refuse<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    request: usize,
    needs: Needs,
) -> Result<Option<Return<'s>>, Failure> {
    if !permission::is_enabled(scope) {
        return Ok(None);
    }
    match check(scope, args, needs) {
        Ok(()) => Ok(None),
        Err(failure) => answer(scope, args, request, Err(failure)).map(Some),
    }
}

/// As [`refuse`], for calls that are always synchronous.
///
/// # Errors
/// `ERR_ACCESS_DENIED`.
pub(in crate::bindings) fn check<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    needs: Needs,
) -> Result<(), Failure> {
    if !permission::is_enabled(scope) {
        return Ok(());
    }
    for (index, needed) in needs {
        let path = args.path(scope, *index)?;
        permission::check(scope, *needed, &path)?;
    }
    Ok(())
}
