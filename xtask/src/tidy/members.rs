//! Every package is a member of the workspace, takes its lints, and names other packages through the workspace table.

use super::Finding;
use crate::tree::Tree;
use crate::workspace::Outcome;

/// The page that says why each dependency is there.
const REASONS: &str = "docs/decisions/0002-dependencies.md";

pub(super) fn check(tree: &Tree) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    let manifests = tree.manifests()?;
    let root = manifests
        .iter()
        .find(|(path, _)| *path == "Cargo.toml")
        .map(|(_, table)| table);
    let list = |key: &str| -> Vec<&str> {
        let workspace = root.and_then(|table| table.get("workspace"));
        let values = workspace.and_then(|workspace| workspace.get(key)?.as_array());
        values
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .collect()
    };
    findings.extend(unexplained(root, tree.text(REASONS)));
    let (members, excluded) = (list("members"), list("exclude"));
    for (path, manifest) in &manifests {
        let Some(folder) = path.strip_suffix("/Cargo.toml") else {
            continue;
        };
        if excluded
            .iter()
            .any(|outside| folder == *outside || folder.starts_with(&format!("{outside}/")))
        {
            continue;
        }
        if !members.contains(&folder) {
            findings.push(format!("{path}: not a member of the workspace"));
        }
        let lints = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace")?.as_bool());
        if lints != Some(true) {
            findings.push(format!("{path}: lacks `[lints] workspace = true`"));
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in manifest
                .get(section)
                .and_then(toml::Value::as_table)
                .into_iter()
                .flatten()
            {
                if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    findings.push(format!(
                        "{path}: `{name}` does not come from the workspace's table"
                    ));
                }
            }
        }
    }
    Ok(findings)
}

/// Finds dependencies of the workspace's table that the page of reasons does not name.
fn unexplained(root: Option<&toml::Table>, reasons: Option<&str>) -> Vec<Finding> {
    let table = root.and_then(|table| table.get("workspace")?.get("dependencies")?.as_table());
    let is_ours = |value: &toml::Value| value.get("path").is_some();
    let names = table
        .into_iter()
        .flatten()
        .filter(|(_, value)| !is_ours(value))
        .map(|(name, _)| name);
    names
        .filter(|name| !reasons.is_some_and(|text| text.contains(&format!("`{name}`"))))
        .map(|name| format!("Cargo.toml: `{name}` has no reason in {REASONS}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_dependencies_without_a_reason() {
        let root =
            "[workspace.dependencies]\nours = { path = \"a\" }\nserde = \"1\"\nrand = \"1\"\n";
        let root: toml::Table = root.parse().unwrap();
        let found = unexplained(Some(&root), Some("| `serde` | values |"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("`rand`"));
    }

    #[test]
    fn finds_strangers_missing_lints_and_private_versions() {
        let good = "[package]\nname = \"a\"\n[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n";
        let bad = "[package]\nname = \"b\"\n[dependencies]\nserde = \"1\"\n";
        let tree = Tree::of(&[
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\"a\", \"b\"]\nexclude = [\"d\"]\n",
            ),
            ("a/Cargo.toml", good),
            ("b/Cargo.toml", bad),
            ("c/Cargo.toml", good),
            ("d/e/Cargo.toml", bad),
        ]);
        let found = check(&tree).unwrap();
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
