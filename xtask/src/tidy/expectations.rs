//! Lists of expected failures: every row says what is expected and why.

use super::Finding;
use crate::tree::Tree;
use crate::workspace::Outcome;

/// `fail`: runs and fails; `skip`: cannot run at all; `flaky`: not decided by us.
const KINDS: &[&str] = &["fail", "skip", "flaky"];

pub(super) fn check(tree: &Tree) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in tree
        .paths()
        .filter(|path| path.starts_with("tests/") && path.ends_with("/expectations.toml"))
    {
        let text = tree.text(path).unwrap_or_default();
        let table: toml::Table = text.parse().map_err(|error| format!("{path}: {error}"))?;
        for (name, row) in &table {
            let field = |key: &str| {
                row.get(key)
                    .and_then(toml::Value::as_str)
                    .unwrap_or_default()
            };
            if !KINDS.contains(&field("expect")) {
                findings.push(format!(
                    "{path}: \"{name}\": `expect` must be one of {KINDS:?}"
                ));
            }
            if field("why").trim().len() < 5 {
                findings.push(format!("{path}: \"{name}\": `why` must say why"));
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_rows_without_kind_or_reason() {
        let rows = "\"a.js\" = { expect = \"fail\", why = \"no recursive watch yet\" }\n\
                    \"b.js\" = { expect = \"maybe\", why = \"who knows, really\" }\n\
                    \"c.js\" = { expect = \"fail\", why = \"\" }\n";
        let tree = Tree::of(&[("tests/conformance/node/expectations.toml", rows)]);
        assert_eq!(check(&tree).unwrap().len(), 2);
    }
}
