//! What a snapshot has that its layers have not: [`Snapshot::changes`], for writing it down as a layer of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::FileType;
use cenote_base::clock::Clock;
use cenote_base::limits::{Budget, Limits};
use cenote_base::{SysError, SysResult};

use super::node::Node;
use super::{Snapshot, Tmpfs};
use crate::fs::overlay::Layers;
use crate::inode::Inode;

/// The longest path that is told, in bytes.
const MAX_PATH: usize = 32 << 10;

/// One difference to the layers.
#[derive(Clone, Debug)]
pub enum Change {
    /// A file that is new or another one, or a directory on the way to one.
    File(Arc<dyn Inode>),
    /// A name of the layers that is gone.
    Gone,
    /// A directory, told just before, of which nothing of the layers shows.
    Opaque,
}

/// A directory on the way.
struct Step {
    path: Vec<u8>,
    node: Arc<Node>,
    /// What the layers have at this path, as far as it shows.
    base: Option<Layers>,
    /// Nothing of what the layers have here shows.
    is_opaque: bool,
    is_told: bool,
    /// Names yet to come, the last first.
    names: Vec<Vec<u8>>,
}

impl Snapshot {
    /// Tells every difference to the layers, paths from the top without a leading slash, sorted by directory, each directory before what is
    /// in it; the top itself is the empty path and told first.
    ///
    /// # Errors
    /// Those of `tell`; `ENAMETOOLONG`: a path is beyond 32 KiB.
    pub fn changes(
        &self,
        clock: Arc<dyn Clock>,
        tell: &mut dyn FnMut(&[u8], Change) -> SysResult,
    ) -> SysResult {
        let copy = self.restore(clock, Budget::new(unlimited()))?;
        let base = Layers::of_roots(&copy.shared.layers);
        walk(&copy, base.top().is_some().then_some(base), tell)
    }
}

impl Tmpfs {
    /// Tells all files of a snapshot, those of its layers too: as [`Snapshot::changes`] does.
    ///
    /// # Errors
    /// As there; `ENOTDIR`, `ENOENT`: `path`, from the top and without links, is no directory.
    pub fn tell_all(
        &self,
        top: &Arc<dyn Inode>,
        tell: &mut dyn FnMut(&[u8], Change) -> SysResult,
    ) -> SysResult {
        let node = self.root.of(top)?;
        if node.file_kind() != FileType::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        walk_from(node.this(), None, tell)
    }
}

/// Limits that nothing reaches.
fn unlimited() -> Limits {
    Limits {
        filesystem_bytes: u64::MAX,
        inodes: u64::MAX,
        ..Limits::default()
    }
}

fn walk(
    copy: &Tmpfs,
    base: Option<Layers>,
    tell: &mut dyn FnMut(&[u8], Change) -> SysResult,
) -> SysResult {
    walk_from(Arc::clone(&copy.root), base, tell)
}

fn walk_from(
    top: Arc<Node>,
    base: Option<Layers>,
    tell: &mut dyn FnMut(&[u8], Change) -> SysResult,
) -> SysResult {
    let mut way = vec![Step::new(Vec::new(), top, base, false)?];
    tell_way(&mut way, tell)?;
    tell_gone(&mut way, tell)?;
    while let Some(step) = way.last_mut() {
        let Some(name) = step.names.pop() else {
            way.pop();
            continue;
        };
        let node = step.node.child(&name)?;
        let path = joined(&step.path, &name);
        if path.len() > MAX_PATH {
            return Err(SysError::with_note(
                Errno::ENAMETOOLONG,
                "a path is beyond 32 KiB",
            ));
        }
        let below = step.base.as_ref().and_then(|base| base.lookup(&name).ok());
        if node.file_kind() == FileType::Directory {
            let is_hiding = below.as_ref().is_some_and(|found| found.below.is_some());
            let base = below
                .and_then(|found| found.below)
                .filter(|base| node.shows(base));
            let is_opaque = is_hiding && base.is_none();
            let is_changed = base.is_none() || node.is_kept();
            way.push(Step::new(path, node, base, is_opaque)?);
            if is_changed {
                tell_way(&mut way, tell)?;
            }
            tell_gone(&mut way, tell)?;
        } else if !below.is_some_and(|found| node.is_unchanged(&found.inode)) {
            tell_way(&mut way, tell)?;
            tell(&path, Change::File(node))?;
        }
    }
    Ok(())
}

fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = directory.to_vec();
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// Tells the directories on the way that were not told yet.
fn tell_way(way: &mut [Step], tell: &mut dyn FnMut(&[u8], Change) -> SysResult) -> SysResult {
    // Those told come first.
    let told = way.partition_point(|step| step.is_told);
    for step in way.get_mut(told..).unwrap_or_default() {
        step.is_told = true;
        let node: Arc<dyn Inode> = Arc::<Node>::clone(&step.node);
        tell(&step.path, Change::File(node))?;
        if step.is_opaque {
            tell(&step.path, Change::Opaque)?;
        }
    }
    Ok(())
}

/// Tells which names of the layers are gone from the last directory on the way.
fn tell_gone(way: &mut [Step], tell: &mut dyn FnMut(&[u8], Change) -> SysResult) -> SysResult {
    let Some(step) = way.last() else {
        return Ok(());
    };
    let Some(base) = &step.base else {
        return Ok(());
    };
    let here: BTreeSet<&[u8]> = step.names.iter().map(Vec::as_slice).collect();
    let mut gone = Vec::new();
    base.list(&mut |entry| {
        if !here.contains(entry.name) {
            gone.push(joined(&step.path, entry.name));
        }
        true
    })?;
    gone.sort();
    if !gone.is_empty() {
        tell_way(way, tell)?;
    }
    gone.iter().try_for_each(|path| tell(path, Change::Gone))
}

impl Step {
    fn new(
        path: Vec<u8>,
        node: Arc<Node>,
        base: Option<Layers>,
        is_opaque: bool,
    ) -> SysResult<Self> {
        let mut names = Vec::new();
        node.read_dir(0, &mut |entry| {
            names.push(entry.name.to_vec());
            true
        })?;
        names.sort_by(|one, other| other.cmp(one));
        Ok(Self {
            path,
            node,
            base,
            is_opaque,
            is_told: false,
            names,
        })
    }
}
