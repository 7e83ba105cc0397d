//! Whether what this program carries is whole: every embedded file against its digest.

use sha2::{Digest as _, Sha256};

use crate::embedded::Digest;
use crate::manifest;

/// A file that is not what the registry says of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Damage {
    /// The file.
    pub file: &'static str,
    /// What is wrong with it.
    pub why: String,
}

/// Unpacks every file and compares it with its digest; returns those that are damaged. Takes about a second.
#[must_use]
pub fn verify() -> Vec<Damage> {
    let check = |file: &&'static crate::EmbeddedFile| {
        let why = match file.bytes() {
            Err(error) => error.to_string(),
            Ok(bytes) => {
                let found = Digest(Sha256::digest(&bytes).into());
                if found == file.digest() {
                    return None;
                }
                format!("digest {found} instead of {}", file.digest())
            }
        };
        Some(Damage {
            file: file.name(),
            why,
        })
    };
    manifest::files().iter().filter_map(check).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sha2::{Digest as _, Sha256};

    use super::verify;
    use crate::embedded::{Digest, EmbeddedFile};
    use crate::manifest::files;

    #[test]
    fn what_ships_is_whole() {
        assert!(files().len() > 10);
        assert_eq!(verify(), []);
    }

    #[test]
    fn every_file_of_wasm_has_a_row_that_describes_it() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("wasm");
        let table: toml::Table = std::fs::read_to_string(folder.join("SOURCE.toml"))
            .unwrap()
            .parse()
            .unwrap();
        let mut described = std::collections::BTreeSet::new();
        for row in table["module"].as_array().unwrap() {
            let (file, digest) = (
                row["file"].as_str().unwrap(),
                row["digest"].as_str().unwrap(),
            );
            let bytes = std::fs::read(folder.join(file)).unwrap();
            let wanted = row
                .get("packed")
                .map_or(digest, |packed| packed.as_str().unwrap());
            assert_eq!(
                Digest(Sha256::digest(&bytes).into()).to_string(),
                wanted,
                "{file}"
            );
            described.insert(file.to_owned());
        }
        for entry in folder.read_dir().unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let is_index = name.ends_with(".toml");
            assert!(is_index || described.contains(&name), "{name} has no row");
        }
    }

    #[test]
    fn modules_are_modules_by_their_head() {
        let modules: Vec<_> = files()
            .iter()
            .filter(|file| file.name().ends_with(".wasm.zst"))
            .collect();
        assert!(modules.len() > 10);
        for file in modules {
            assert!(
                file.head().expect("unpacks").starts_with(b"\0asm"),
                "{}",
                file.name()
            );
        }
    }

    #[test]
    fn holders_share_the_bytes_and_the_last_gives_them_back() {
        let file = files().first().expect("there are files");
        let (one, two) = (
            file.bytes().expect("unpacks"),
            file.bytes().expect("unpacks"),
        );
        assert!(Arc::ptr_eq(&one, &two));
        let weak = Arc::downgrade(&one);
        drop((one, two));
        assert!(weak.upgrade().is_none());
    }

    #[test]
    fn damage_is_an_error_not_a_panic() {
        static TRUNCATED: EmbeddedFile =
            EmbeddedFile::new("t", Digest([0; 32]), 100, b"\x28\xb5\x2f\xfd\x20");
        static NOT_ZSTD: EmbeddedFile = EmbeddedFile::new("n", Digest([0; 32]), 100, b"plain");
        for file in [&TRUNCATED, &NOT_ZSTD] {
            assert!(file.bytes().is_err());
            assert!(file.head().is_err());
        }
    }
}
