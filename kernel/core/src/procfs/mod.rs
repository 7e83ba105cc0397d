//! `/proc`: processes and the machine as files. See proc(5).
//!
//! [`Key`] says what a node is; nodes are made when they are looked up and the same while somebody holds them. Text is
//! made when it is read from its start, so a file that is kept open (as `top` does) is always fresh.
//!
//! Enough for procps and what programs ask of themselves. Differs: no `mem`, `pagemap`, `ns`, `net`; numbers that a
//! machine without its own hardware does not have are zero.
//!
//! Lock order: `ProcFs::nodes` and `TextFile::text` are leaves; both are released before the process tree is asked.

mod descriptor;
mod machine;
mod node;
mod process;
mod sys;

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use cenote_abi::fs::{PROC_SUPER_MAGIC, StatFs};
use cenote_base::{Fd, Pid, SysResult};
use cenote_vfs::filesystem::next_device;
use cenote_vfs::{FileSystem, Inode};
use parking_lot::Mutex;

use self::machine::MachineFile;
use self::node::Node;
use self::process::ProcessFile;
use crate::kernel::Kernel;

/// What a node of `/proc` is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Key {
    /// `/proc`.
    Root,
    /// `/proc/self` and `/proc/thread-self`: links that depend on who asks.
    Own { is_thread: bool },
    /// `/proc/meminfo` and its like.
    Machine(MachineFile),
    /// `/proc/PID`, and `/proc/PID/task/TID` for its first thread.
    Process(Pid),
    /// `/proc/PID/stat` and its like.
    ProcessFile(Pid, ProcessFile),
    /// `/proc/PID/fd`.
    Descriptors(Pid),
    /// `/proc/PID/fd/N`.
    Descriptor(Pid, Fd),
    /// `/proc/PID/fdinfo`.
    DescriptorInfos(Pid),
    /// `/proc/PID/fdinfo/N`.
    DescriptorInfo(Pid, Fd),
    /// `/proc/PID/task`.
    Threads(Pid),
    /// A directory or file below `/proc/sys`, by its place in the table.
    Sys(usize),
}

/// The filesystem at `/proc`.
#[derive(Debug)]
pub(crate) struct ProcFs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    kernel: Weak<Kernel>,
    device: u64,
    nodes: Mutex<HashMap<Key, Weak<Node>>>,
}

impl ProcFs {
    pub(crate) fn new(kernel: &Arc<Kernel>) -> Arc<Self> {
        let shared = Shared {
            kernel: Arc::downgrade(kernel),
            device: next_device(),
            nodes: Mutex::default(),
        };
        Arc::new(Self {
            shared: Arc::new(shared),
        })
    }
}

impl Shared {
    /// The node of a key: the same while somebody holds it.
    fn node(self: &Arc<Self>, key: Key) -> Arc<Node> {
        let mut nodes = self.nodes.lock();
        if let Some(held) = nodes.get(&key).and_then(Weak::upgrade) {
            return held;
        }
        if nodes.len() == nodes.capacity() {
            nodes.retain(|_, node| node.strong_count() > 0);
        }
        let made = Arc::new(Node::new(Arc::clone(self), key));
        nodes.insert(key, Arc::downgrade(&made));
        made
    }
}

impl FileSystem for ProcFs {
    fn type_name(&self) -> &'static str {
        "proc"
    }

    fn root(&self) -> Arc<dyn Inode> {
        self.shared.node(Key::Root)
    }

    fn statfs(&self) -> SysResult<StatFs> {
        Ok(StatFs {
            magic: PROC_SUPER_MAGIC,
            block_size: 4096,
            name_length: 255,
            ..StatFs::default()
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
