//! `cargo xtask v8`: the V8 library that the repository carries, checked against its sums and the pinned crate.

use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::flags::V8Options;
use crate::workspace::{self, Outcome};

const FOLDER: &str = "third_party/v8";

/// Verifies the pair of files, or builds it again.
///
/// # Errors
/// When a file is missing or differs, or the build fails.
pub(crate) fn run(options: &V8Options) -> Outcome {
    let root = workspace::root();
    if options.rebuild {
        return workspace::run(
            Command::new(root.join(FOLDER).join("rebuild.sh")).current_dir(&root),
        );
    }
    let manifest: toml::Table = workspace::read("Cargo.toml")?
        .parse()
        .map_err(|error| format!("Cargo.toml: {error}"))?;
    println!("v8 crate {}", pinned_version(&manifest)?);
    let sums = workspace::read(&format!("{FOLDER}/SHA256SUMS"))?;
    for (digest, name) in entries(&sums)? {
        let path = root.join(FOLDER).join(name);
        let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let actual = hex(&Sha256::digest(&bytes));
        if actual != digest {
            return Err(format!(
                "{FOLDER}/{name}: SHA-256 is {actual}, SHA256SUMS says {digest}"
            ));
        }
        println!("{digest}  {name}  {} bytes, as listed", bytes.len());
    }
    Ok(())
}

/// The crate's version must be pinned exactly: the library fits no other.
fn pinned_version(manifest: &toml::Table) -> Outcome<&str> {
    let dependencies = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"));
    let version = dependencies
        .and_then(|table| table.get("v8")?.as_str())
        .unwrap_or_default();
    version
        .strip_prefix('=')
        .ok_or_else(|| format!("Cargo.toml: v8 = \"{version}\" must be pinned exactly (\"=…\")"))
}

/// Reads lines of `sha256sum`: digest, two spaces, name.
fn entries(sums: &str) -> Outcome<Vec<(&str, &str)>> {
    sums.lines()
        .map(|line| {
            line.split_once("  ")
                .ok_or_else(|| format!("SHA256SUMS: not understood: {line}"))
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_an_exact_version() {
        let manifest = |line: &str| {
            format!("[workspace.dependencies]\n{line}\n")
                .parse()
                .unwrap()
        };
        assert_eq!(
            pinned_version(&manifest("v8 = \"=1.2.3\"")).unwrap(),
            "1.2.3"
        );
        assert!(pinned_version(&manifest("v8 = \"1.2.3\"")).is_err());
        assert!(pinned_version(&manifest("")).is_err());
    }

    #[test]
    fn reads_sums() {
        assert_eq!(
            entries("ab  x.gz\ncd  y.rs\n").unwrap(),
            [("ab", "x.gz"), ("cd", "y.rs")]
        );
        assert!(entries("ab x.gz\n").is_err());
    }
}
