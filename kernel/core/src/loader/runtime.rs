//! What runs programs: [`Runtime`] and [`Program`], which other crates implement. The kernel names none of them.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cenote_base::SysResult;

use super::{Image, NamedProgram};
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

    /// Whether it may have a program of its own for what a guest names so, in place of the file there is or is not. `name` and
    /// `known_as` are the name and first argument of a [`NamedProgram`]. Asked before any file is looked for; must be quick.
    fn stands_in(&self, name: &[u8], known_as: &[u8]) -> bool {
        let _ = (name, known_as);
        false
    }

    /// The program it has for a name that it [`stands_in`](Self::stands_in) for; `None`: the file is to be looked for after all.
    ///
    /// # Errors
    /// Whatever exec is to fail with.
    fn load_named<'a>(
        &'a self,
        named: NamedProgram,
    ) -> BoxFuture<'a, SysResult<Option<Box<dyn Program>>>> {
        drop(named);
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// A program that is ready to run.
pub trait Program: Send {
    /// Runs as `task`'s process: starts a tokio task or a thread, and returns at once.
    ///
    /// What runs must call [`Task::exit`] or follow [`Task::must_end`], drop what it holds, and then call
    /// [`Task::finish`]. The process may have been killed before it starts.
    fn start(self: Box<Self>, task: Arc<Task>);
}
