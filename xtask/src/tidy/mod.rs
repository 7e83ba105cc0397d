//! The conventions of STYLE.md that a machine can check. Each check is a file, with tests of its own; the last test
//! here runs all of them over the project, so that `cargo test -p xtask` is enough.

mod expectations;
mod headers;
mod inventory;
mod layers;
mod members;
mod names;
mod root;
mod sizes;
mod tables;

use crate::flags::TidyOptions;
use crate::tree::Tree;
use crate::workspace::{self, Outcome};

/// Something that is not as STYLE.md says: where, and what.
pub(crate) type Finding = String;

/// A check: its name in the output, and what it finds.
type Check = (&'static str, fn(&Tree) -> Outcome<Vec<Finding>>);

const CHECKS: &[Check] = &[
    ("headers", headers::check),
    ("names", names::check),
    ("layers", layers::check),
    ("root", root::check),
    ("members", members::check),
    ("tables", tables::check),
    ("expectations", expectations::check),
    ("inventory", inventory::check),
];

/// Runs all checks, or rewrites the generated documents they compare.
///
/// # Errors
/// When a check finds something.
pub(crate) fn run(options: &TidyOptions) -> Outcome {
    let mut tree = Tree::of_project()?;
    if options.write {
        workspace::write(inventory::DOCUMENT, &inventory::document(&tree))?;
        crate::compat_docs::write(&tree)?;
        tree = Tree::of_project()?;
    }
    if options.report {
        print!("{}\n{}", sizes::report(&tree), inventory::document(&tree));
    }
    let findings = check(&tree)?;
    if findings.is_empty() {
        println!("tidy: {} checks, nothing found", CHECKS.len());
        return Ok(());
    }
    for finding in &findings {
        println!("{finding}");
    }
    Err(format!("tidy: {} findings", findings.len()))
}

fn check(tree: &Tree) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    for (name, check) in CHECKS {
        findings.extend(
            check(tree)?
                .into_iter()
                .map(|finding| format!("{name}: {finding}")),
        );
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_is_tidy() {
        let findings = check(&Tree::of_project().unwrap()).unwrap();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }
}
