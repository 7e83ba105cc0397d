//! Which files of a filesystem are in use: [`Live`]. A file that is asked for again while somebody uses it is the same [`Node`].

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use cenote_abi::fs::FileType;

use super::Shared;
use super::node::{Node, Origin};
use crate::inode::Attachment;

/// How many of the files used last stay, so that walking the same paths does not make them anew.
const RECENT: u64 = 64;

/// The files in use.
#[derive(Default)]
pub(super) struct Live {
    nodes: HashMap<u64, Weak<Node>>,
    /// By the end of their numbers.
    recent: Vec<Option<Arc<Node>>>,
    /// What is behind named pipes and sockets, which outlives their nodes.
    attachments: HashMap<u64, Arc<Attachment>>,
    /// Files without a name: they go with their nodes.
    orphans: HashSet<u64>,
    is_closed: bool,
}

fn slot(ino: u64) -> usize {
    // The remainder is small.
    usize::try_from(ino % RECENT).unwrap_or(0)
}

impl Live {
    /// The filesystem is gone: nothing stays any more. Answers what to drop without the lock.
    pub(super) fn close(&mut self) -> Vec<Option<Arc<Node>>> {
        self.is_closed = true;
        std::mem::take(&mut self.recent)
    }

    fn keep(&mut self, node: &Arc<Node>) -> Option<Arc<Node>> {
        if self.is_closed {
            return None;
        }
        if self.recent.is_empty() {
            self.recent.resize(slot(RECENT - 1) + 1, None);
        }
        self.recent
            .get_mut(slot(node.number()))?
            .replace(Arc::clone(node))
    }

    /// Notes that a file in use has no name any more. Answers what to drop without the lock.
    pub(super) fn add_orphan(&mut self, ino: u64) -> Option<Arc<Node>> {
        self.orphans.insert(ino);
        self.recent
            .get_mut(slot(ino))?
            .take_if(|node| node.number() == ino)
    }

    pub(super) fn remove_orphan(&mut self, ino: u64) {
        self.orphans.remove(&ino);
    }
}

impl Shared {
    /// The node of a file, made if it is not in use. Also answers what to drop without the locks.
    pub(super) fn node(
        self: &Arc<Self>,
        ino: u64,
        kind: FileType,
        origin: Option<Origin>,
    ) -> (Arc<Node>, Option<Arc<Node>>) {
        let mut live = self.live.lock();
        if let Some(Some(node)) = live.recent.get(slot(ino))
            && node.number() == ino
        {
            return (Arc::clone(node), None);
        }
        if let Some(node) = live.nodes.get(&ino).and_then(Weak::upgrade) {
            return (node, None);
        }
        let attachment = matches!(kind, FileType::Fifo | FileType::Socket)
            .then(|| Arc::clone(live.attachments.entry(ino).or_default()));
        let node = Node::make(self, ino, kind, origin, attachment);
        live.nodes.insert(ino, Arc::downgrade(&node));
        let evicted = live.keep(&node);
        (node, evicted)
    }

    /// A node is gone; its file too, if it has no name.
    pub(super) fn node_gone(&self, ino: u64, node: *const Node) {
        let mut live = self.live.lock();
        // One that was moved out of its `Arc` is known by nobody holding it.
        if live
            .nodes
            .get(&ino)
            .is_some_and(|held| std::ptr::eq(held.as_ptr(), node) || held.strong_count() == 0)
        {
            live.nodes.remove(&ino);
        }
        let is_orphan = live.orphans.contains(&ino);
        drop(live);
        if !is_orphan {
            return;
        }
        let mut files = self.files.write();
        let mut live = self.live.lock();
        let mut purged = None;
        if live.orphans.contains(&ino) && !live.nodes.contains_key(&ino) {
            live.orphans.remove(&ino);
            live.attachments.remove(&ino);
            purged = files.purge(ino);
        }
        drop(live);
        drop(files);
        drop(purged);
    }
}
