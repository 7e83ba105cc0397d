//! Moving names: rename(2), renameat2(2).
//!
//! Lock order: `Tree::renames` for writing from before the look at what is there until the dentries moved (over the dentries alone where
//! the filesystem may take long); observers are told after.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{AccessFlags, FileType, RenameFlags};
use cenote_base::{SysError, SysResult};

use super::{check_entries_writable, check_removable};
use crate::dentry::{Location, same_inode};
use crate::inode::Inode;
use crate::lookup::{LookupContext, Parent, resolve_parent};
use crate::permission;
use crate::watch::{Change, ChangeKind, next_cookie};

/// Moves a file to another name, replacing what is there in one step.
///
/// # Errors
/// `EINVAL`: into itself or below, or flags that exclude each other. `EXDEV`: to another mount. `EEXIST`
/// (`RENAME_NOREPLACE`), `ENOTEMPTY`, `EISDIR`, `ENOTDIR`, `EBUSY`: a mount point, or `.`, `..`, `/`. `EACCES`, `EPERM`,
/// `EROFS`, and those of the path walk.
pub fn rename(
    cx: &LookupContext<'_>,
    from_at: Option<&Location>,
    from: &[u8],
    to_at: Option<&Location>,
    to: &[u8],
    flags: RenameFlags,
) -> SysResult {
    let known = RenameFlags::RENAME_NOREPLACE | RenameFlags::RENAME_EXCHANGE;
    if !known.contains(flags) || flags == known {
        return Err(SysError::with_note(Errno::EINVAL, "rename flags"));
    }
    let source = resolve_parent(cx, from_at, from)?;
    let target = resolve_parent(cx, to_at, to)?;
    if !source
        .directory
        .mount()
        .is_same_filesystem(target.directory.mount())
    {
        return Err(Errno::EXDEV.into());
    }
    let no_replace = flags.contains(RenameFlags::RENAME_NOREPLACE);
    let from = source.name(Errno::EBUSY)?;
    let to = target.name(if no_replace {
        Errno::EEXIST
    } else {
        Errno::EBUSY
    })?;

    let tree = Arc::clone(source.directory.dentry().tree());
    let is_slow = source.directory.inode().is_slow();
    let guard = (!is_slow).then(|| tree.renames.write());
    let Some(moved) = check(cx, &source, from, &target, to, flags)? else {
        return Ok(());
    };
    source
        .directory
        .inode()
        .rename(from, target.directory.inode(), to, flags)?;
    let guard = guard.unwrap_or_else(|| tree.renames.write());
    let (from_dentry, to_dentry) = (source.directory.dentry(), target.directory.dentry());
    if flags.contains(RenameFlags::RENAME_EXCHANGE) {
        from_dentry.children_exchanged(from, to_dentry, to);
    } else {
        from_dentry.child_moved(from, to_dentry, to, moved.replaced.as_ref());
    }
    drop(guard);
    tell(
        &source.directory,
        from,
        &target.directory,
        to,
        &moved,
        flags,
    );
    Ok(())
}

/// What a rename is about to move, and what it replaces or exchanges with.
struct Moved {
    inode: Arc<dyn Inode>,
    replaced: Option<Arc<dyn Inode>>,
}

fn is_directory(inode: &Arc<dyn Inode>) -> bool {
    inode.file_type() == FileType::Directory
}

/// Checks everything; `None` when both names are of the same file already.
fn check(
    cx: &LookupContext<'_>,
    source: &Parent,
    from: &[u8],
    target: &Parent,
    to: &[u8],
    flags: RenameFlags,
) -> SysResult<Option<Moved>> {
    let exchanges = flags.contains(RenameFlags::RENAME_EXCHANGE);
    let inode = source.directory.inode().lookup(from)?;
    let replaced = match target.directory.inode().lookup(to) {
        Ok(_) if flags.contains(RenameFlags::RENAME_NOREPLACE) => return Err(Errno::EEXIST.into()),
        Ok(replaced) => Some(replaced),
        Err(error) if error.errno() == Errno::ENOENT && !exchanges => None,
        Err(error) => return Err(error),
    };
    let target_slash_fits = if exchanges {
        replaced.as_ref().is_some_and(is_directory)
    } else {
        is_directory(&inode)
    };
    if (source.wants_directory && !is_directory(&inode))
        || (target.wants_directory && !target_slash_fits)
    {
        return Err(Errno::ENOTDIR.into());
    }
    if is_directory(&inode) && is_at_or_below(&target.directory, &inode) {
        return Err(Errno::EINVAL.into());
    }
    if let Some(replaced) = replaced.as_ref().filter(|replaced| is_directory(replaced))
        && is_at_or_below(&source.directory, replaced)
    {
        return Err(if exchanges {
            Errno::EINVAL
        } else {
            Errno::ENOTEMPTY
        }
        .into());
    }
    if replaced
        .as_ref()
        .is_some_and(|replaced| same_inode(replaced, &inode))
    {
        return Ok(None);
    }
    check_removable(cx, &source.directory, from, &inode)?;
    match &replaced {
        None => drop(check_entries_writable(cx, &target.directory)?),
        Some(replaced) => {
            check_removable(cx, &target.directory, to, replaced)?;
            match (is_directory(&inode), is_directory(replaced)) {
                (true, false) if !exchanges => return Err(Errno::ENOTDIR.into()),
                (false, true) if !exchanges => return Err(Errno::EISDIR.into()),
                _ => {}
            }
        }
    }
    // A directory that gets another parent is itself written to: its `..` changes.
    if !same_inode(source.directory.inode(), target.directory.inode()) {
        check_movable(cx, &inode)?;
        if let Some(other) = replaced.as_ref().filter(|_| exchanges) {
            check_movable(cx, other)?;
        }
    }
    Ok(Some(Moved { inode, replaced }))
}

fn check_movable(cx: &LookupContext<'_>, inode: &Arc<dyn Inode>) -> SysResult {
    if is_directory(inode) {
        permission::check(&inode.stat()?, cx.credentials, AccessFlags::W_OK)?;
    }
    Ok(())
}

/// Whether `place` is the directory `ancestor` or lies below it. Call with `Tree::renames` held.
fn is_at_or_below(place: &Location, ancestor: &Arc<dyn Inode>) -> bool {
    let mut at = Some(Arc::clone(place.dentry()));
    while let Some(dentry) = at {
        if same_inode(dentry.inode(), ancestor) {
            return true;
        }
        at = dentry.parent();
    }
    false
}

fn tell(
    from_dir: &Location,
    from: &[u8],
    to_dir: &Location,
    to: &[u8],
    moved: &Moved,
    flags: RenameFlags,
) {
    let watches = &from_dir.dentry().tree().watches;
    if watches.is_empty() {
        return;
    }
    let entry = |directory: &Location, kind, name, inode: &Arc<dyn Inode>, cookie| {
        directory.entry_changed(&Change {
            kind,
            name: Some(name),
            is_directory: is_directory(inode),
            cookie,
        });
    };
    let own = |inode: &Arc<dyn Inode>, kind| {
        watches.tell(
            inode,
            &Change {
                kind,
                name: None,
                is_directory: is_directory(inode),
                cookie: 0,
            },
        );
    };
    let cookie = next_cookie();
    entry(from_dir, ChangeKind::MovedFrom, from, &moved.inode, cookie);
    entry(to_dir, ChangeKind::MovedTo, to, &moved.inode, cookie);
    own(&moved.inode, ChangeKind::MovedSelf);
    if let Some(other) = &moved.replaced {
        if flags.contains(RenameFlags::RENAME_EXCHANGE) {
            let cookie = next_cookie();
            entry(to_dir, ChangeKind::MovedFrom, to, other, cookie);
            entry(from_dir, ChangeKind::MovedTo, from, other, cookie);
            own(other, ChangeKind::MovedSelf);
        } else {
            own(other, ChangeKind::DeletedSelf);
        }
    }
}
