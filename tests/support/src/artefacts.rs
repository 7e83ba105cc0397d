//! What is shipped built for the tests, packed as `*.tar.zst`: unpacked once for a content, into the cache.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::repository;

/// Lower-case hexadecimal of a SHA-256 over the parts one after the other.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> String {
    let sum = parts
        .iter()
        .fold(Sha256::new(), |sum, part| sum.chain_update(part))
        .finalize();
    sum.iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Does something that only one process may do at a time.
///
/// # Errors
/// Those of `work`, and of the lock file.
pub fn locked<T>(lock: &Path, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", lock.display());
    let file = fs::File::create(lock).map_err(failed)?;
    file.lock().map_err(failed)?;
    work()
}

/// The directory with the content of an archive, its modules executable.
///
/// # Errors
/// When the archive cannot be read or unpacked.
pub fn unpacked(archive: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", archive.display());
    let packed = fs::read(archive).map_err(failed)?;
    let key = digest(&[&packed]);
    let home = repository::cache();
    fs::create_dir_all(&home).map_err(failed)?;
    let place = home.join(format!("artefacts-{}", key.get(..16).unwrap_or(&key)));
    locked(&home.join("artefacts.lock"), || {
        if place.is_dir() {
            return Ok(());
        }
        let fresh = tempfile::tempdir_in(&home).map_err(failed)?;
        unpack(
            &zstd::decode_all(packed.as_slice()).map_err(failed)?,
            fresh.path(),
        )
        .map_err(failed)?;
        fs::rename(fresh.keep(), &place).map_err(failed)
    })?;
    Ok(place)
}

fn unpack(tar: &[u8], target: &Path) -> std::io::Result<()> {
    let mut child = Command::new("tar")
        .args(["-x", "-C"])
        .arg(target)
        .stdin(Stdio::piped())
        .spawn()?;
    let Some(mut input) = child.stdin.take() else {
        return Err(std::io::Error::other("tar has no standard input"));
    };
    input.write_all(tar)?;
    drop(input);
    if !child.wait()?.success() {
        return Err(std::io::Error::other("tar could not unpack it"));
    }
    for module in repository::files_below(target, &["wasm"])? {
        fs::set_permissions(target.join(module), fs::Permissions::from_mode(0o755))?;
    }
    fs::set_permissions(target, fs::Permissions::from_mode(0o755))
}
