//! The suites' files: pinned archives which are not in the repository, unpacked once into the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cenote_test::repository;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// One line of a suite's `SOURCE.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Archive {
    /// The file's name.
    pub(crate) file: String,
    /// Its digest.
    pub(crate) sha256: String,
    /// What it is: project and revision.
    pub(crate) revision: String,
    /// How to get it.
    pub(crate) obtain: String,
}

/// Unpacks the archive called `key` of a suite, and returns the directory of its content.
///
/// It is looked for in `$CENOTE_SUITES`, and in `suites` of the cache directory.
///
/// # Errors
/// When it is not there, or not the one that is pinned.
pub(crate) fn unpacked(suite: &str, key: &str) -> Result<PathBuf, String> {
    let source = repository::root()
        .join("tests/conformance")
        .join(suite)
        .join("SOURCE.toml");
    let archive = pinned(&source, key)?;
    let home = repository::cache().join("suites");
    let place = home.join(format!(
        "{key}-{}",
        archive.sha256.get(..16).unwrap_or_default()
    ));
    if place.is_dir() {
        return Ok(place);
    }
    fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    let file = find(&archive, &home)?;
    let bytes = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let digest = Sha256::digest(&bytes)
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    if digest != archive.sha256 {
        return Err(format!(
            "{}: the digest is {digest}, pinned is {}",
            file.display(),
            archive.sha256
        ));
    }
    let fresh = tempfile::tempdir_in(&home).map_err(|error| error.to_string())?;
    let status = Command::new("tar")
        .arg("-xf")
        .arg(&file)
        .arg("-C")
        .arg(fresh.path())
        .status()
        .map_err(|error| format!("tar: {error}"))?;
    if !status.success() {
        return Err(format!("tar could not unpack {}", file.display()));
    }
    fs::rename(fresh.keep(), &place).map_err(|error| error.to_string())?;
    Ok(place)
}

fn pinned(source: &Path, key: &str) -> Result<Archive, String> {
    let text =
        fs::read_to_string(source).map_err(|error| format!("{}: {error}", source.display()))?;
    let mut table: std::collections::BTreeMap<String, Archive> =
        toml::from_str(&text).map_err(|error| format!("{}: {error}", source.display()))?;
    table
        .remove(key)
        .ok_or_else(|| format!("{} has no [{key}]", source.display()))
}

fn find(archive: &Archive, home: &Path) -> Result<PathBuf, String> {
    std::env::var_os("CENOTE_SUITES")
        .map(PathBuf::from)
        .into_iter()
        .chain([home.to_path_buf()])
        .map(|directory| directory.join(&archive.file))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            format!(
                "`{}` ({}) is neither in $CENOTE_SUITES nor in {}. To get it: {}",
                archive.file,
                archive.revision,
                home.display(),
                archive.obtain
            )
        })
}
