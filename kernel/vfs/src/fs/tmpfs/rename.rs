//! Moving entries: [`rename`], and the end of a directory: [`bury`]. All under the filesystem's one lock.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, RenameFlags, Timespec};
use cenote_base::SysResult;

use super::node::Node;
use super::table::Files;

/// Marks an empty directory as removed.
pub(super) fn bury(victim: &Node, files: &mut Files) -> SysResult {
    let directory = files.table.get_mut(victim.number())?.directory_mut()?;
    if !directory.is_empty()? {
        return Err(Errno::ENOTEMPTY.into());
    }
    directory.is_dead = true;
    Ok(())
}

/// A directory and a name in it.
#[derive(Clone, Copy)]
struct Spot<'a> {
    directory: &'a Node,
    name: &'a [u8],
}

impl Spot<'_> {
    /// Whether the name still means this file, or still nothing.
    fn still_means(self, files: &Files, node: Option<&Arc<Node>>) -> SysResult<bool> {
        match self.directory.find(files, self.name) {
            Ok(place) => Ok(node.is_some_and(|node| node.number() == place.ino())),
            Err(error) if error.errno() == Errno::ENOENT => Ok(node.is_none()),
            Err(error) => Err(error),
        }
    }

    fn add(self, files: &mut Files, node: &Node, now: Timespec) -> SysResult {
        let entry = (node.number(), node.file_kind());
        files.add_entry(self.directory.number(), self.name, entry, now)
    }

    fn remove(self, files: &mut Files, kind: FileType, now: Timespec) -> SysResult {
        files.remove_entry(self.directory.number(), self.name, kind, now)
    }
}

pub(super) fn rename(
    from_dir: &Node,
    from: &[u8],
    to_dir: &Node,
    to: &[u8],
    flags: RenameFlags,
) -> SysResult {
    let source = Spot {
        directory: from_dir,
        name: from,
    };
    let dest = Spot {
        directory: to_dir,
        name: to,
    };
    loop {
        // Nodes are found before the lock is taken and let go after it.
        let moved = from_dir.child(from)?;
        let target = to_dir.child_if_any(to)?;
        let mut files = from_dir.shared().files.write();
        let stands = source.still_means(&files, Some(&moved))?
            && dest.still_means(&files, target.as_ref())?;
        let moving =
            stands.then(|| move_entry(&mut files, source, dest, (&moved, target.as_ref()), flags));
        drop(files);
        if let Some(moved) = moving {
            return moved.map(drop);
        }
    }
}

fn move_entry(
    files: &mut Files,
    source: Spot<'_>,
    dest: Spot<'_>,
    (moved, target): (&Arc<Node>, Option<&Arc<Node>>),
    flags: RenameFlags,
) -> SysResult<Option<Arc<Node>>> {
    let now = moved.shared().now();
    source.directory.keep(files, false)?;
    dest.directory.keep(files, false)?;
    files.living(dest.directory.number())?;
    if flags.contains(RenameFlags::RENAME_NOREPLACE) && target.is_some() {
        return Err(Errno::EEXIST.into());
    }
    if is_at_or_below(files, dest.directory, moved) {
        return Err(Errno::EINVAL.into());
    }
    if flags.contains(RenameFlags::RENAME_EXCHANGE) {
        let target = target.ok_or(Errno::ENOENT)?;
        if is_at_or_below(files, source.directory, target) {
            return Err(Errno::EINVAL.into());
        }
        exchange(files, (source, moved), (dest, target), now)?;
        return Ok(None);
    }
    if let Some(target) = target {
        if target.number() == moved.number() {
            return Ok(None);
        }
        check_replaceable(moved, target)?;
        if is_at_or_below(files, source.directory, target) {
            return Err(Errno::ENOTEMPTY.into());
        }
    }
    moved.keep(files, true)?;
    if let Some(target) = target {
        target.keep(files, false)?;
        if target.file_kind() == FileType::Directory {
            bury(target, files)?;
        }
        dest.remove(files, target.file_kind(), now)?;
    }
    // Adding can fail, for want of room; so the new name comes before the old one goes. What replaces a name finds the room it left.
    dest.add(files, moved, now)?;
    source.remove(files, moved.file_kind(), now)?;
    settle(files, moved, dest, now)?;
    match target {
        Some(target) => target.lose_name(files),
        None => Ok(None),
    }
}

fn exchange(
    files: &mut Files,
    (source, moved): (Spot<'_>, &Arc<Node>),
    (dest, target): (Spot<'_>, &Arc<Node>),
    now: Timespec,
) -> SysResult {
    if moved.number() == target.number() {
        return Ok(());
    }
    moved.keep(files, true)?;
    target.keep(files, true)?;
    // Each removal gives back what the addition after it takes: neither can fail half-way but for another filesystem's writing.
    dest.remove(files, target.file_kind(), now)?;
    dest.add(files, moved, now)?;
    source.remove(files, moved.file_kind(), now)?;
    source.add(files, target, now)?;
    settle(files, moved, dest, now)?;
    settle(files, target, source, now)
}

/// Notes the new parent of a directory, and the change of what was moved.
fn settle(files: &mut Files, moved: &Node, to: Spot<'_>, now: Timespec) -> SysResult {
    let file = files.table.get_mut(moved.number())?;
    if let Ok(directory) = file.directory_mut() {
        directory.parent = to.directory.number();
    }
    file.attributes.changed(now);
    Ok(())
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

/// Whether `place`, which was kept, is the directory `ancestor` or lies below it.
fn is_at_or_below(files: &Files, place: &Node, ancestor: &Node) -> bool {
    let mut at = place.number();
    while at != ancestor.number() {
        match files.table.get(at).map(super::table::File::directory) {
            Some(Ok(directory)) if directory.parent != 0 => at = directory.parent,
            _ => return false,
        }
    }
    ancestor.file_kind() == FileType::Directory
}
