//! Who may depend on whom: a rank for each crate, and dependencies only go down; kernel crates know no engine and no JSON.

use super::Finding;
use crate::tree::Tree;
use crate::workspace::Outcome;

/// Rank of each crate: it may depend on those of a lower rank only. Equal ranks do not know each other.
const RANKS: &[(&str, u8)] = &[
    ("cenote-abi", 0),
    ("cenote-base", 1),
    ("cenote-vfs", 2),
    ("cenote-registry", 3),
    ("cenote-net", 3),
    ("cenote-kernel", 4),
    ("cenote-wasm", 5),
    ("cenote-node", 5),
    ("cenote-proto", 5),
    ("cenote-snapshot", 6),
    ("cenote", 6),
    ("cenote-server", 7),
    ("cenote-test", 7),
    ("cenote-cli", 8),
    ("cenote-bench", 8),
    ("cenote-conformance", 8),
    ("cenote-behaviour", 8),
];

/// What the kernel must not see.
const NOT_IN_KERNEL: &[&str] = &[
    "v8",
    "wasmtime",
    "wasmtime-wasi",
    "wiggle",
    "serde",
    "serde_json",
    "reqwest",
    "hyper",
];

pub(super) fn check(tree: &Tree) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    for (path, manifest) in tree.manifests()? {
        let Some(name) = manifest
            .get("package")
            .and_then(|package| package.get("name")?.as_str())
        else {
            continue;
        };
        let rank = rank_of(name);
        if rank.is_none() && name != "xtask" && !path.starts_with("tests/guests/") {
            findings.push(format!(
                "{path}: {name} has no rank in xtask/src/tidy/layers.rs"
            ));
        }
        for dependency in dependencies(&manifest) {
            if path.starts_with("kernel/") && NOT_IN_KERNEL.contains(&dependency) {
                findings.push(format!("{path}: the kernel must not know `{dependency}`"));
            }
            let Some(lower) = rank_of(dependency) else {
                continue;
            };
            match rank {
                Some(rank) if lower < rank => {}
                Some(_) => findings.push(format!("{path}: {name} must not depend on {dependency}")),
                None => findings.push(format!(
                    "{path}: {name} depends on no crate of the workspace, yet names {dependency}"
                )),
            }
        }
    }
    Ok(findings)
}

fn rank_of(name: &str) -> Option<u8> {
    RANKS
        .iter()
        .find(|(crate_name, _)| *crate_name == name)
        .map(|(_, rank)| *rank)
}

/// Names what a package is built from; what only its tests use may come from anywhere.
fn dependencies(manifest: &toml::Table) -> Vec<&str> {
    ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(|table| table.keys().map(String::as_str))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[&str]) -> String {
        let lines: String = dependencies
            .iter()
            .map(|name| format!("{name}.workspace = true\n"))
            .collect();
        format!("[package]\nname = \"{name}\"\n[dependencies]\n{lines}")
    }

    #[test]
    fn finds_edges_that_go_up_or_sideways() {
        let tree = Tree::of(&[
            (
                "kernel/base/Cargo.toml",
                &package("cenote-base", &["cenote-abi"]),
            ),
            (
                "kernel/vfs/Cargo.toml",
                &package("cenote-vfs", &["cenote-kernel"]),
            ),
            (
                "kernel/core/Cargo.toml",
                &package("cenote-kernel", &["serde_json"]),
            ),
            (
                "runtimes/wasm/Cargo.toml",
                &package("cenote-wasm", &["cenote-node"]),
            ),
            ("xtask/Cargo.toml", &package("xtask", &["cenote"])),
            ("new/Cargo.toml", &package("cenote-new", &[])),
        ]);
        let found = check(&tree).unwrap();
        assert_eq!(found.len(), 5, "{found:?}");
    }
}
