//! Every package is a member of the workspace, takes its lints, and names other packages through the workspace table.

use super::Finding;
use crate::tree::Tree;
use crate::workspace::Outcome;

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

#[cfg(test)]
mod tests {
    use super::*;

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
