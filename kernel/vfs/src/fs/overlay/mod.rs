//! A writable view over read-only layers: [`overlay`].
//!
//! It is a [`Tmpfs`] whose directories may have layers below them. A file of a layer is looked up when
//! asked for, and stays in the layer until it is changed: then its content is copied up (its attributes alone, when
//! only those change). Removed names are remembered by the directory (whiteouts), so a layer is shared by any number of
//! machines and making an overlay costs one directory. A directory that is moved takes what is below it along, and an
//! open file sees a later copy-up, both of which Linux's overlayfs cannot do.
//!
//! The layers must not change underneath; where they do (a `hostdir`), names and attributes seen before may be stale.

mod layers;

use std::sync::Arc;

use cenote_base::SysResult;
use cenote_base::clock::Clock;
use cenote_base::limits::Budget;

pub(super) use layers::{Found, Layers, scattered};

use super::tmpfs::Tmpfs;
use crate::filesystem::FileSystem;

/// Makes a writable filesystem over `layers`, the uppermost first.
///
/// # Errors
/// Those of the layers' top directories.
pub fn overlay(
    layers: &[Arc<dyn FileSystem>],
    clock: Arc<dyn Clock>,
    budget: Arc<Budget>,
) -> SysResult<Arc<Tmpfs>> {
    Tmpfs::over(layers, clock, budget)
}

#[cfg(test)]
mod tests;
