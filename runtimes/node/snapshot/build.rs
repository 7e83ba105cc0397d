//! Bootstraps Node's library and writes the start-up snapshot to `OUT_DIR/start-up.snapshot`. This takes the bindings: `cenote-node` is a build dependency, and the
//! workspace's `Cargo.toml` sees to it that it is the same build of it as the program's (docs/decisions/0020).
//!
//! Cross compiling writes an empty file: a snapshot is of one architecture.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let var = |name: &str| std::env::var(name).map_err(|error| format!("{name}: {error}"));
    let snapshot = if var("HOST")? == var("TARGET")? {
        cenote_node::make_snapshot()?
    } else {
        Vec::new()
    };
    let file = Path::new(&var("OUT_DIR")?).join("start-up.snapshot");
    std::fs::write(&file, snapshot).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(())
}
