//! The project as text: its files by path, so that a check is a function of a [`Tree`] and its tests need no disk.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::workspace::{self, Outcome};

/// The files of the project that git knows or would add.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    paths: BTreeSet<String>,
    texts: BTreeMap<String, String>,
}

/// Kinds of files whose text the checks look at.
const READ: &[&str] = &[
    ".rs", ".toml", ".md", ".c", ".h", ".sh", ".mjs", ".js", ".py", ".json",
];

impl Tree {
    /// Reads the project as it lies on disk.
    ///
    /// # Errors
    /// When git or a file cannot be read.
    pub(crate) fn of_project() -> Outcome<Self> {
        let root = workspace::root();
        let mut git = Command::new("git");
        git.args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(&root);
        let mut tree = Self::default();
        for path in workspace::capture(&mut git)?.split_terminator('\0') {
            // A file deleted but not yet staged is still listed.
            if !root.join(path).exists() {
                continue;
            }
            tree.paths.insert(path.to_owned());
            if READ.iter().any(|ending| path.ends_with(ending)) {
                let bytes =
                    std::fs::read(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
                tree.texts.insert(
                    path.to_owned(),
                    String::from_utf8_lossy(&bytes).into_owned(),
                );
            }
        }
        Ok(tree)
    }

    /// Makes a tree of these files, for tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.paths.insert((*path).to_owned());
            tree.texts.insert((*path).to_owned(), (*text).to_owned());
        }
        tree
    }

    /// Returns every path.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// Returns the text of a file, if it is one the checks read.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Returns the Rust sources we wrote.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .filter(|(path, _)| path.ends_with(".rs") && !path.starts_with("third_party/"))
    }

    /// Returns the manifests of packages: path and parsed content.
    ///
    /// # Errors
    /// When one is not TOML.
    pub(crate) fn manifests(&self) -> Outcome<Vec<(&str, toml::Table)>> {
        let mut found = Vec::new();
        for (path, text) in &self.texts {
            if path == "Cargo.toml" || path.ends_with("/Cargo.toml") {
                let table = text.parse().map_err(|error| format!("{path}: {error}"))?;
                found.push((path.as_str(), table));
            }
        }
        Ok(found)
    }
}
