//! What runs programs: [`Runtime`] and [`Program`], which other crates implement. The kernel names none of them.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cenote_base::SysResult;

use super::Image;
use crate::process::Task;

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs one kind of program.
pub trait Runtime: Send + Sync + Debug {
    /// Its name, for the trace.
    fn name(&self) -> &'static str;

    /// Whether a file that begins with `header` (its first 256 bytes, or all of it) is its kind.
    fn recognises(&self, header: &[u8]) -> bool;

    /// Prepares a program: compiles it, say. Nothing of the calling process has changed yet, so failing is harmless.
    ///
    /// # Errors
    /// `ENOEXEC`: the image is not valid; the reason goes to the trace. `ENOMEM`.
    fn load<'a>(&'a self, image: Image) -> BoxFuture<'a, SysResult<Box<dyn Program>>>;
}

/// A program that is ready to run.
pub trait Program: Send {
    /// Runs as `task`'s process: starts a tokio task or a thread, and returns at once.
    ///
    /// What runs must call [`Task::exit`] or follow [`Task::must_end`], drop what it holds, and then call
    /// [`Task::finish`]. The process may have been killed before it starts.
    fn start(self: Box<Self>, task: Arc<Task>);
}
