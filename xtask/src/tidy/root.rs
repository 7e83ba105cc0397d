//! Only agreed names stand at the top of the project: a new one is a decision, made here.

use std::collections::BTreeSet;

use super::Finding;
use crate::tree::Tree;
use crate::workspace::Outcome;

const AGREED: &[&str] = &[
    ".cargo",
    ".ci",
    ".config",
    ".gitattributes",
    ".github",
    ".gitignore",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "NOTICE",
    "README.md",
    "STYLE.md",
    "THIRD_PARTY_NOTICES.md",
    "clippy.toml",
    "commands",
    "deny.toml",
    "docs",
    "kernel",
    "registry",
    "runtimes",
    "rustfmt.toml",
    "sdk",
    "tests",
    "third_party",
    "typos.toml",
    "xtask",
];

pub(super) fn check(tree: &Tree) -> Outcome<Vec<Finding>> {
    let names: BTreeSet<&str> = tree
        .paths()
        .filter_map(|path| path.split('/').next())
        .collect();
    Ok(names
        .into_iter()
        .filter(|name| !AGREED.contains(name))
        .map(|name| {
            format!("{name}: not an agreed name at the top of the project (xtask/src/tidy/root.rs)")
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_not_agreed() {
        let tree = Tree::of(&[("kernel/a.rs", ""), ("scratch/b.rs", ""), ("notes.md", "")]);
        assert_eq!(check(&tree).unwrap().len(), 2);
    }
}
