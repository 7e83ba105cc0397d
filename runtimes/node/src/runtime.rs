//! [`NodeRuntime`]: what the kernel knows of us.

use std::sync::Arc;

use cenote_base::abi::Errno;
use cenote_base::{SysError, SysResult};
use cenote_kernel::{BoxFuture, Image, Program, Runtime, Task};

use crate::isolate::HeapLimits;
use crate::program;
use crate::warm::{self, Kept};

/// What the image of `/usr/bin/node` begins with. It cannot be a script, a WebAssembly module or an ELF file.
const MAGIC: &[u8] = b"\0cenote-node\n";

/// Stack of a process's thread. V8 is told to use a little less than a megabyte of it; the rest is for native code.
pub(crate) const STACK_SIZE: usize = 8 << 20;

/// Runs `/usr/bin/node`.
#[derive(Debug, Default)]
pub struct NodeRuntime {
    limits: HeapLimits,
    /// Isolates kept ready for its processes.
    spares: Option<Kept>,
}

impl NodeRuntime {
    /// A runtime whose processes get these limits.
    #[must_use]
    pub const fn new(limits: HeapLimits) -> Self {
        Self {
            limits,
            spares: None,
        }
    }

    /// Has so many isolates ready for processes that are to come, at most 64, while this runtime lives. They are made in the background, and
    /// shared with other runtimes of the same limits: of their wishes the largest counts.
    #[must_use]
    pub fn with_spares(mut self, count: usize) -> Self {
        self.spares = (count > 0).then(|| warm::keep(self.limits, count));
        self
    }

    /// Waits until the isolates that were asked for with these limits are ready.
    pub async fn when_warm(limits: HeapLimits) {
        warm::filled(limits).await;
    }

    /// What the file `/usr/bin/node` of a machine contains.
    #[must_use]
    pub fn image() -> Vec<u8> {
        let mut image = MAGIC.to_vec();
        image.extend_from_slice(env!("CENOTE_NODE_VERSION").as_bytes());
        image.push(b'\n');
        image
    }

    /// The version of Node's library, without the `v`.
    #[must_use]
    pub const fn version() -> &'static str {
        env!("CENOTE_NODE_VERSION")
    }

    /// Prepares what the first process would otherwise wait for: V8, and the start-up snapshot (0.3 s the first time).
    ///
    /// # Errors
    /// When Node's bootstrap fails.
    pub fn warm_up() -> Result<(), crate::SnapshotError> {
        crate::snapshot::blob().map(|_| ())
    }
}

impl Runtime for NodeRuntime {
    fn name(&self) -> &'static str {
        "node"
    }

    fn recognises(&self, header: &[u8]) -> bool {
        is_image(header)
    }

    fn load<'a>(&'a self, image: Image) -> BoxFuture<'a, SysResult<Box<dyn Program>>> {
        let limits = self.limits;
        Box::pin(async move {
            let mut expected = Self::image();
            let mut header = vec![0; expected.len()];
            let count = image.file.pread(&mut header, 0)?;
            header.truncate(count);
            expected.truncate(count.max(MAGIC.len()));
            if header != expected {
                return Err(SysError::with_note(
                    Errno::ENOEXEC,
                    "the node image is of another version",
                ));
            }
            Ok(Box::new(NodeProgram { limits }) as Box<dyn Program>)
        })
    }
}

/// Whether a file that begins so is the node image.
pub(crate) fn is_image(header: &[u8]) -> bool {
    header.starts_with(MAGIC)
}

/// Runs `life` on a thread of the process's own. Without a thread the process ends.
pub(crate) fn start_thread(
    name: String,
    task: Arc<Task>,
    life: impl FnOnce(Arc<Task>) + Send + 'static,
) {
    let own = Arc::clone(&task);
    let thread = std::thread::Builder::new()
        .name(name)
        .stack_size(STACK_SIZE)
        .spawn(move || life(own));
    if let Err(error) = thread {
        tracing::error!(target: "cenote::node", %error, "no thread for a node process");
        task.exit(cenote_base::abi::wait::WaitStatus::Exited(126));
        task.finish();
    }
}

/// A node process that has not started.
struct NodeProgram {
    limits: HeapLimits,
}

impl Program for NodeProgram {
    fn start(self: Box<Self>, task: Arc<Task>) {
        let limits = self.limits;
        if let Err(task) = warm::run(limits, task) {
            start_alone(limits, task);
        }
    }
}

/// Runs a process on a thread with an isolate of its own.
pub(crate) fn start_alone(limits: HeapLimits, task: Arc<Task>) {
    let name = format!("node-{}", task.pid().raw());
    start_thread(name, task, move |task| program::run(task, limits, None));
}
