//! From a path to a program that can be started: `#!` lines, headers, and the runtimes that are asked. See execve(2).

mod image;
mod runtime;
mod search_path;
mod shebang;
mod stand_in;

pub use image::Image;
pub(crate) use image::{Loaded, Origin, load};
pub use runtime::{BoxFuture, Program, Runtime};
pub(crate) use search_path::{DEFAULT_PATH, candidates, variable};
pub use stand_in::NamedProgram;
pub(crate) use stand_in::{as_path, load_stand_in};
