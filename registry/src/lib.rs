//! Packaged commands: what an empty virtual machine contains, and the programs that ship.
//!
//! [`base`] lists the files of a machine without packages, [`packages`] what can be put into it; both are [`Entry`]s, plain data from
//! which the SDK makes a read-only filesystem. The bytes are inside this crate, compressed; an [`EmbeddedFile`] says its digest without being
//! unpacked and is unpacked alone, when it is read. [`resolve`] decides whether a directory of the user's takes the packages' place.
//!
//! The data lies in `base/`, `packages/` and `wasm/` beside this source (made by `commands/`); `build.rs` turns it into tables.
#![forbid(unsafe_code)]

mod embedded;
mod manifest;
mod resolve;
mod verify;

pub use embedded::{Digest, EmbeddedFile, RegistryError};
pub use manifest::{Content, Entry, Package, base, package, packages, select};
pub use resolve::{
    COMMANDS_DIR_VARIABLES, CommandSource, DirectoryCommand, FoundBy, Lookup, ResolveError,
    directory_commands, in_repository_output, resolve,
};
pub use verify::{Damage, verify};
