//! A filesystem as it is now, to start others from: [`Tmpfs::snapshot`].
//!
//! The copy has nodes of its own and shares everything that is large: chunks of content (until one side writes), and
//! the layers below. It is not written to any more; an [`overlay`](crate::fs::overlay()) over it is a fork of the original
//! that costs nothing until it is changed. The copy is charged to nobody.
//!
//! Lock order: `Shared::tree` of the original, then one node at a time, of either side. Processes that write meanwhile
//! do not block it: each directory and each file is as it was at some moment, not all at the same one.

use std::collections::HashMap;
use std::sync::Arc;

use cenote_base::limits::{Budget, Limits};

use super::node::Node;
use super::{Shared, Tmpfs};

impl Tmpfs {
    /// Copies the filesystem as it is now into one that does not change: a layer for overlays.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Self> {
        let shared = Shared::new(
            Arc::clone(&self.shared.clock),
            Budget::new(Limits::default()),
            self.shared.layers.clone(),
            true,
        );
        let tree = self.shared.tree.lock();
        let root = copy_tree(&self.root, &shared);
        drop(tree);
        Arc::new(Self { shared, root })
    }
}

/// Copies a directory and all below it, without recursion.
fn copy_tree(root: &Arc<Node>, shared: &Arc<Shared>) -> Arc<Node> {
    let top = root.copied(shared);
    // Files with several names are one file in the copy too.
    let mut made: HashMap<usize, Arc<Node>> = HashMap::new();
    let mut pending = vec![(Arc::clone(root), Arc::clone(&top))];
    while let Some((source, copy)) = pending.pop() {
        let Ok((entries, mut directory)) = source.with_directory(|directory| directory.copied())
        else {
            continue;
        };
        for (name, order, node) in entries {
            let child = made
                .entry(Arc::as_ptr(&node).addr())
                .or_insert_with(|| node.copied(shared));
            if node.is_directory() {
                child.set_parent(&copy);
                pending.push((node, Arc::clone(child)));
            }
            directory.add_copied(name, order, Arc::clone(child));
        }
        copy.fill(directory);
    }
    top
}
