//! Names say what a thing is: no `utils.rs`, no `test_` prefix, and no test that is not run or wants a panic.

use super::Finding;
use crate::tree::Tree;
use crate::workspace::Outcome;

/// Words that say nothing about what is inside.
const EMPTY_WORDS: &[&str] = &[
    "util", "utils", "helper", "helpers", "manager", "common", "misc", "service", "handler",
];

pub(super) fn check(tree: &Tree) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust() {
        let stem = path
            .rsplit('/')
            .next()
            .and_then(|name| name.strip_suffix(".rs"))
            .unwrap_or_default();
        // `internalBinding('util')` has Node's name.
        if EMPTY_WORDS.contains(&stem) && !path.starts_with("runtimes/node/src/bindings/") {
            findings.push(format!("{path}: `{stem}` does not say what is inside"));
        }
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            for banned in ["#[ignore", "#[should_panic", "fn test_"] {
                if line.starts_with(banned) {
                    findings.push(format!(
                        "{path}:{}: `{banned}`: see STYLE.md, Tests",
                        number + 1
                    ));
                }
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_empty_words_and_tests_that_do_not_count() {
        let ignored = format!("//! Tests.\n#[{}]\nfn a() {{}}\n", "ignore");
        let tree = Tree::of(&[
            ("kernel/src/utils.rs", "//! Things.\n"),
            (
                "runtimes/node/src/bindings/util.rs",
                "//! `internalBinding('util')`.\n",
            ),
            ("kernel/tests/a.rs", &ignored),
        ]);
        let found = check(&tree).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("kernel/src/utils.rs"));
        assert!(found[1].starts_with("kernel/tests/a.rs:2"));
    }
}
