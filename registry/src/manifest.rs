//! What there is: the [`Entry`]s of an empty machine, and the [`Package`]s.
//!
//! The tables are made by `build.rs`. In every list parents come before their children, directories before files, and a
//! command lies in `/bin` with a link of the same name in `/usr/bin`.

use crate::embedded::{Digest, EmbeddedFile, RegistryError};

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// A file, link or directory to be put into a machine.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Absolute path in the machine.
    pub path: &'static str,
    /// Permission bits, with the sticky bit where there is one.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// What is there.
    pub content: Content,
}

/// What lies at an [`Entry`]'s path.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// A directory.
    Directory,
    /// A symbolic link to this target.
    Symlink(&'static str),
    /// A small file.
    Inline(&'static [u8]),
    /// A compressed file: a program, or a file of a pack.
    Embedded(&'static EmbeddedFile),
}

/// A package: commands and what they need, from one upstream source.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    /// Name, as `--packages` takes it.
    pub name: &'static str,
    /// Upstream's version.
    pub version: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Licence, as an SPDX expression.
    pub licence: &'static str,
    /// Where the project lives.
    pub upstream: &'static str,
    /// The sources that were built: package and version.
    pub source: &'static str,
    /// Names in `/bin`.
    pub commands: &'static [&'static str],
    /// Its files, with the directories they lie in.
    pub entries: &'static [Entry],
}

/// Returns what a machine without packages contains.
#[must_use]
pub fn base() -> &'static [Entry] {
    BASE
}

/// Returns every package that ships, by name.
#[must_use]
pub fn packages() -> &'static [Package] {
    PACKAGES
}

/// Returns the package of this name.
///
/// # Errors
/// [`RegistryError::UnknownPackage`].
pub fn package(name: &str) -> Result<&'static Package, RegistryError> {
    PACKAGES
        .iter()
        .find(|package| package.name == name)
        .ok_or_else(|| RegistryError::UnknownPackage(name.to_owned()))
}

/// Returns the packages of these names, in this order.
///
/// # Errors
/// [`RegistryError::UnknownPackage`] for the first name that none has.
pub fn select<'n>(
    names: impl IntoIterator<Item = &'n str>,
) -> Result<Vec<&'static Package>, RegistryError> {
    names.into_iter().map(package).collect()
}

pub(crate) fn files() -> &'static [&'static EmbeddedFile] {
    FILES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Content, base, package, packages, select};

    #[test]
    fn parents_come_before_children() {
        for package in packages() {
            let mut seen: BTreeSet<&str> = base().iter().map(|entry| entry.path).collect();
            for entry in package.entries {
                let parent = entry
                    .path
                    .rsplit_once('/')
                    .map(|(parent, _)| if parent.is_empty() { "/" } else { parent });
                assert!(
                    parent.is_some_and(|parent| seen.contains(parent)),
                    "{} in {}",
                    entry.path,
                    package.name
                );
                seen.insert(entry.path);
            }
        }
    }

    #[test]
    fn links_of_all_packages_together_lead_somewhere() {
        let all: BTreeSet<&str> = base()
            .iter()
            .chain(packages().iter().flat_map(|p| p.entries))
            .map(|entry| entry.path)
            .collect();
        for entry in packages().iter().flat_map(|p| p.entries) {
            let Content::Symlink(target) = entry.content else {
                continue;
            };
            let (mut at, _) = entry.path.rsplit_once('/').expect("paths are absolute");
            let mut found = target.to_owned();
            if !target.starts_with('/') {
                let mut rest = target;
                while let Some(up) = rest.strip_prefix("../") {
                    rest = up;
                    at = at.rsplit_once('/').map_or("", |(parent, _)| parent);
                }
                found = format!("{at}/{rest}");
            }
            assert!(all.contains(found.as_str()), "{} -> {target}", entry.path);
        }
    }

    #[test]
    fn the_shell_and_the_tools_are_commands() {
        let commands: BTreeSet<&str> = packages()
            .iter()
            .flat_map(|package| package.commands)
            .copied()
            .collect();
        for name in [
            "sh", "dash", "bash", "ls", "cat", "[", "env", "grep", "egrep", "sed", "awk", "find",
            "xargs", "diff", "tar", "zcat", "less", "jq", "which", "make", "patch", "file",
            "bunzip2", "xz", "sqlite3", "git", "ps", "pkill", "uptime", "vim", "nano", "python3",
            "zstd",
        ] {
            assert!(commands.contains(name), "{name}");
        }
    }

    #[test]
    fn an_unknown_package_is_named() {
        assert_eq!(package("dash").expect("ships").name, "dash");
        let error = select(["dash", "no-such"])
            .expect_err("there is none")
            .to_string();
        assert!(error.contains("no-such"), "{error}");
    }
}
