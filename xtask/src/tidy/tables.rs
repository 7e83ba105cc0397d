//! The tables of surfaces are whole: every call has a support row with a reason where it is not full, every binding file
//! stands in the table of bindings, every recipe has a package; and the documents made from the tables are up to date.

use std::collections::BTreeSet;

use super::Finding;
use crate::compat_docs;
use crate::tree::Tree;
use crate::workspace::Outcome;

/// Where node's bindings and their table lie.
const BINDINGS: &str = "runtimes/node/src/bindings/";

/// The wasm runtime's table of calls.
const BOUND: &str = "runtimes/wasm/src/linux/mod.rs";

/// Calls that are not rows of that table: they need more than decoding.
const BOUND_OTHERWISE: &[&str] = &["fork", "vfork"];

pub(super) fn check(tree: &Tree) -> Outcome<Vec<Finding>> {
    let mut findings = system_calls(tree)?;
    findings.extend(bound_calls(tree)?);
    findings.extend(binding_files(tree));
    for (path, text) in compat_docs::documents(tree)? {
        if tree.text(path) != Some(text.as_str()) {
            findings.push(format!(
                "{path}: not up to date; run `cargo xtask compat-docs`"
            ));
        }
    }
    Ok(findings)
}

fn system_calls(tree: &Tree) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    for call in compat_docs::system_calls(tree)? {
        if call.level != compat_docs::Level::Full && call.reason.trim().is_empty() {
            findings.push(format!(
                "{}: `{}` needs a reason",
                compat_docs::SUPPORT,
                call.name
            ));
        }
    }
    Ok(findings)
}

/// What the wasm runtime binds and what the levels say must agree: a call nobody can make is not there, and one that
/// is bound has been looked at.
fn bound_calls(tree: &Tree) -> Outcome<Vec<Finding>> {
    let Some(table) = tree.text(BOUND) else {
        return Ok(Vec::new());
    };
    let bound: BTreeSet<&str> = table.lines().filter_map(bound_name).collect();
    let mut findings = Vec::new();
    for call in compat_docs::system_calls(tree)? {
        let is_bound =
            bound.contains(call.name.as_str()) || BOUND_OTHERWISE.contains(&call.name.as_str());
        if !is_bound && call.level != compat_docs::Level::Missing {
            findings.push(format!(
                "{}: `{}` is not missing, yet {BOUND} does not bind it",
                compat_docs::SUPPORT,
                call.name
            ));
        }
        if is_bound && call.reason == "not written yet" {
            findings.push(format!(
                "{}: `{}` is bound by {BOUND}: say how far it is there",
                compat_docs::SUPPORT,
                call.name
            ));
        }
    }
    Ok(findings)
}

/// Reads a row such as `wait read(fd: i32, …) = fd::read;`.
fn bound_name(line: &str) -> Option<&str> {
    let (kind, rest) = line.trim().split_once(' ')?;
    let (name, arguments) = rest.split_once('(')?;
    (["wait", "quick", "pure"].contains(&kind) && arguments.contains(") = ")).then_some(name)
}

/// Every file (or folder) of a binding is declared in the index beside it.
fn binding_files(tree: &Tree) -> Vec<Finding> {
    let Some(index) = tree.text("runtimes/node/src/bindings/mod.rs") else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for path in tree
        .paths()
        .filter_map(|path| path.strip_prefix(BINDINGS))
        .filter(|path| path.ends_with(".rs"))
    {
        let name = match path.split_once('/') {
            Some((folder, "mod.rs")) => folder,
            Some(_) => continue,
            None => path.trim_end_matches(".rs"),
        };
        let is_declared = name == "mod"
            || index.contains(&format!("mod {name};"))
            || index.contains(&format!("{name},"));
        if !is_declared {
            findings.push(format!("{BINDINGS}{path}: has no row in mod.rs"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rows_of_the_table_of_calls() {
        assert_eq!(
            bound_name("    wait read(fd: i32, buffer: u32) = fd::read;"),
            Some("read")
        );
        assert_eq!(
            bound_name("    pure getpid() = process::getpid;"),
            Some("getpid")
        );
        assert_eq!(
            bound_name("    (wait, $linker:ident, $name:ident) => {"),
            None
        );
        assert_eq!(
            bound_name("//! `wait` may block (and is awaited) = so"),
            None
        );
    }

    #[test]
    fn finds_binding_files_that_no_table_names() {
        let tree = Tree::of(&[
            ("runtimes/node/src/bindings/mod.rs", "mod os;\nmod fs;\n"),
            ("runtimes/node/src/bindings/os.rs", ""),
            ("runtimes/node/src/bindings/fs/mod.rs", ""),
            ("runtimes/node/src/bindings/fs/stat.rs", ""),
            ("runtimes/node/src/bindings/lost.rs", ""),
        ]);
        assert_eq!(
            binding_files(&tree),
            ["runtimes/node/src/bindings/lost.rs: has no row in mod.rs"]
        );
    }
}
