//! Where the repository's files lie, and the cache outside it.

use std::path::{Path, PathBuf};

/// The repository's root.
///
/// # Panics
/// Never: this crate lies two folders below it.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("tests/support lies two folders below the root")
        .to_path_buf()
}

/// The directory for things made once and used by many runs: `$CENOTE_CACHE_DIR`, else `cenote` in the user's cache directory.
#[must_use]
pub fn cache() -> PathBuf {
    if let Some(directory) = std::env::var_os("CENOTE_CACHE_DIR") {
        return directory.into();
    }
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    base.unwrap_or_else(std::env::temp_dir).join("cenote")
}

/// All files below `directory` whose extension is one of `extensions`, as paths relative to it, sorted.
///
/// # Errors
/// When a directory cannot be read.
pub fn files_below(directory: &Path, extensions: &[&str]) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_path_buf()];
    while let Some(current) = pending.pop() {
        for entry in current.read_dir()? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else if path
                .extension()
                .is_some_and(|own| extensions.iter().any(|wanted| own == *wanted))
            {
                let relative = path
                    .strip_prefix(directory)
                    .map_err(std::io::Error::other)?;
                found.push(relative.to_path_buf());
            }
        }
    }
    found.sort();
    Ok(found)
}
