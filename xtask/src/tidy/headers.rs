//! Every Rust file begins with a `//!` header; attributes of the crate (`#!`) may stand before it.

use super::Finding;
use crate::tree::Tree;
use crate::workspace::Outcome;

pub(super) fn check(tree: &Tree) -> Outcome<Vec<Finding>> {
    let missing = |text: &str| {
        let first = text
            .lines()
            .find(|line| !line.starts_with("#!") && !line.is_empty());
        !first.is_some_and(|line| line.starts_with("//! ") && !line.contains("Under construction"))
    };
    Ok(tree
        .rust()
        .filter(|(_, text)| missing(text))
        .map(|(path, _)| format!("{path}: does not begin with a `//!` header"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_files_without_a_header() {
        let tree = Tree::of(&[
            ("a.rs", "//! What it is.\nfn main() {}\n"),
            ("b.rs", "#![no_std]\n//! What it is.\n"),
            ("c.rs", "use std::fmt;\n//! Too late.\n"),
            ("d.rs", ""),
            ("e.rs", "//! Under construction.\n"),
            ("third_party/f.rs", "fn theirs() {}\n"),
        ]);
        let found = check(&tree).unwrap();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("c.rs"));
        assert!(found[1].starts_with("d.rs"));
        assert!(found[2].starts_with("e.rs"));
    }
}
