//! `cargo xtask node-lib`: finds the pinned standard library of Node as the build does, checks it, and shows where it is.
//!
//! The finding is `runtimes/node/build/stdlib.rs`, the same file the crate's build script uses.

use crate::flags::NodeLibOptions;
use crate::workspace::{self, Outcome};

#[path = "../../runtimes/node/build/stdlib.rs"]
mod stdlib;

/// Finds and checks the library; with `--extract` writes its modules as files.
///
/// # Errors
/// When it cannot be found or is not the pinned one.
pub(crate) fn run(options: &NodeLibOptions) -> Outcome {
    let crate_dir = workspace::root().join("runtimes/node");
    let pin = stdlib::read_pin(&crate_dir)?;
    let library = stdlib::library(&crate_dir, &pin)?;
    let bytes: usize = library.values().map(String::len).sum();
    println!(
        "Node {}: {} modules, {bytes} bytes, digest {} as pinned",
        pin.version,
        library.len(),
        pin.sha256
    );
    println!("cache: {}", stdlib::cache_dir().display());
    let Some(folder) = &options.extract else {
        return Ok(());
    };
    for (id, source) in &library {
        let path = folder.join(format!("{id}.js"));
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .map_err(|error| format!("{}: {error}", parent.display()))?;
        std::fs::write(&path, source).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    println!("extracted to {}", folder.display());
    Ok(())
}
