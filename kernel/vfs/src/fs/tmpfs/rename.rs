//! Moving entries: [`rename`], and the end of a directory: [`bury`].
//!
//! Lock order: `Shared::tree`, then both directories (only holders of `tree` lock two, so in either order), then a
//! directory that is replaced.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, RenameFlags};
use cenote_base::SysResult;
use parking_lot::RwLockWriteGuard;

use super::node::{Node, State};

/// Marks an empty directory as removed. Call with `Shared::tree` held.
pub(super) fn bury(victim: &Node) -> SysResult {
    let mut state = victim.state().write();
    let directory = state.directory()?;
    if !directory.is_empty()? {
        return Err(Errno::ENOTEMPTY.into());
    }
    directory.is_dead = true;
    state.attributes.nlink = 0;
    let now = victim.shared().now();
    state.attributes.changed(now);
    Ok(())
}

/// The two directories of a rename, which may be one.
struct Both<'a> {
    from: RwLockWriteGuard<'a, State>,
    to: Option<RwLockWriteGuard<'a, State>>,
}

impl Both<'_> {
    fn to(&mut self) -> &mut State {
        match &mut self.to {
            Some(to) => to,
            None => &mut self.from,
        }
    }
}

pub(super) fn rename(
    from_dir: &Node,
    from: &[u8],
    to_dir: &Node,
    to: &[u8],
    flags: RenameFlags,
) -> SysResult {
    let tree = from_dir.shared().tree.lock();
    let is_one = std::ptr::eq(from_dir, to_dir);
    let mut both = Both {
        from: from_dir.state().write(),
        to: (!is_one).then(|| to_dir.state().write()),
    };
    both.to().living_directory()?;
    let moved = both.from.directory()?.find(from_dir, from)?;
    let target = match both.to().directory()?.find(to_dir, to) {
        Ok(target) => Some(target),
        Err(error) if error.errno() == Errno::ENOENT => None,
        Err(error) => return Err(error),
    };
    if flags.contains(RenameFlags::RENAME_NOREPLACE) && target.is_some() {
        return Err(Errno::EEXIST.into());
    }
    if is_at_or_below(to_dir, &moved) {
        return Err(Errno::EINVAL.into());
    }
    if flags.contains(RenameFlags::RENAME_EXCHANGE) {
        let target = target.ok_or(Errno::ENOENT)?;
        if is_at_or_below(from_dir, &target) {
            return Err(Errno::EINVAL.into());
        }
        return exchange(both, (from_dir, from, &moved), (to_dir, to, &target));
    }
    if let Some(target) = &target {
        if Arc::ptr_eq(target, &moved) {
            return Ok(());
        }
        check_replaceable(&moved, target)?;
        if is_at_or_below(from_dir, target) {
            return Err(Errno::ENOTEMPTY.into());
        }
    }
    moved.keep_elsewhere()?;
    let replaced_kind = target.as_ref().map(|target| target.file_kind());
    if let Some(target) = target
        .as_ref()
        .filter(|target| target.file_kind() == FileType::Directory)
    {
        bury(target)?;
    }
    // Adding can fail, for want of room; so the new name comes before the old one goes.
    if let Some(kind) = replaced_kind {
        to_dir.remove_entry(both.to(), to, kind)?;
    }
    to_dir.add_entry(both.to(), to, Arc::clone(&moved))?;
    from_dir.remove_entry(&mut both.from, from, moved.file_kind())?;
    settle(&moved, to_dir);
    if let Some(target) = target
        .as_ref()
        .filter(|target| target.file_kind() != FileType::Directory)
    {
        target.lose_name();
    }
    drop(both);
    drop(tree);
    drop(target);
    Ok(())
}

fn exchange(
    mut both: Both<'_>,
    one: (&Node, &[u8], &Arc<Node>),
    other: (&Node, &[u8], &Arc<Node>),
) -> SysResult {
    let ((from_dir, from, moved), (to_dir, to, target)) = (one, other);
    if Arc::ptr_eq(moved, target) {
        return Ok(());
    }
    moved.keep_elsewhere()?;
    target.keep_elsewhere()?;
    // Each removal gives back what the addition after it takes: neither can fail half-way but for another's writing.
    to_dir.remove_entry(both.to(), to, target.file_kind())?;
    to_dir.add_entry(both.to(), to, Arc::clone(moved))?;
    from_dir.remove_entry(&mut both.from, from, moved.file_kind())?;
    from_dir.add_entry(&mut both.from, from, Arc::clone(target))?;
    settle(moved, to_dir);
    settle(target, from_dir);
    Ok(())
}

/// Notes the new parent of a directory, and the change of what was moved.
fn settle(moved: &Node, to_dir: &Node) {
    if moved.file_kind() == FileType::Directory {
        moved.set_parent(to_dir);
    }
    let now = moved.shared().now();
    moved.state().write().attributes.changed(now);
}

fn check_replaceable(moved: &Node, target: &Node) -> SysResult {
    match (
        moved.file_kind() == FileType::Directory,
        target.file_kind() == FileType::Directory,
    ) {
        (true, false) => Err(Errno::ENOTDIR.into()),
        (false, true) => Err(Errno::EISDIR.into()),
        _ => Ok(()),
    }
}

/// Whether `place` is the directory `ancestor` or lies below it.
fn is_at_or_below(place: &Node, ancestor: &Arc<Node>) -> bool {
    if ancestor.file_kind() != FileType::Directory {
        return false;
    }
    if std::ptr::eq(place, Arc::as_ptr(ancestor)) {
        return true;
    }
    let mut at = place.parent();
    while let Some(directory) = at {
        if Arc::ptr_eq(&directory, ancestor) {
            return true;
        }
        at = directory.parent();
    }
    false
}
