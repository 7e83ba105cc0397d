//! The guest programs as modules: `tests/guests/guests.tar.zst`, and the proof that they are made from the present sources.

use std::fs;
use std::path::{Path, PathBuf};

use cenote_test::{artefacts, repository};
use serde::Deserialize;

/// `tests/guests/SOURCE.toml`.
#[derive(Deserialize)]
struct Sources {
    sources: std::collections::BTreeMap<String, String>,
}

/// The digest of what a program is made from: `guest.h` and its source, as `build.sh` takes it.
pub(crate) fn digest(source: &Path) -> std::io::Result<String> {
    let header = fs::read(repository::root().join("tests/guests/guest.h"))?;
    Ok(artefacts::digest(&[&header, &fs::read(source)?]))
}

/// The directory of the modules, `area/behaviour.wasm`.
///
/// # Errors
/// When the archive cannot be unpacked.
pub(crate) fn modules() -> Result<PathBuf, String> {
    artefacts::unpacked(&repository::root().join("tests/guests/guests.tar.zst"))
}

/// Compares `SOURCE.toml` with the sources: a program changed without `build.sh` is an error.
///
/// # Errors
/// The names of programs whose modules are missing, old, or of no program.
pub(crate) fn are_current() -> Result<(), String> {
    let directory = repository::root().join("tests/guests");
    let failed = |error: std::io::Error| format!("tests/guests: {error}");
    let text = fs::read_to_string(directory.join("SOURCE.toml")).map_err(failed)?;
    let mut built = toml::from_str::<Sources>(&text)
        .map_err(|error| format!("SOURCE.toml: {error}"))?
        .sources;
    let mut stale = Vec::new();
    for source in repository::files_below(&directory, &["c"]).map_err(failed)? {
        let name = source.with_extension("").to_string_lossy().into_owned();
        if built.remove(&name) != Some(digest(&directory.join(&source)).map_err(failed)?) {
            stale.push(name);
        }
    }
    stale.extend(built.into_keys());
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "run tests/guests/build.sh; not built from the present sources: {}",
            stale.join(", ")
        ))
    }
}
