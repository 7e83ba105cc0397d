//! A report, never a failure: the longest files and functions, as a hint where to split.

use std::fmt::Write as _;

use crate::tree::Tree;

/// How many of each are shown.
const SHOWN: usize = 10;

/// Makes the report.
pub(super) fn report(tree: &Tree) -> String {
    let mut files: Vec<(usize, &str)> = tree
        .rust()
        .map(|(path, text)| (text.lines().count(), path))
        .collect();
    let mut functions: Vec<(usize, String)> = tree
        .rust()
        .flat_map(|(path, text)| {
            functions(text)
                .into_iter()
                .map(move |(length, name)| (length, format!("{path} {name}")))
        })
        .collect();
    files.sort_by(|a, b| b.cmp(a));
    functions.sort_by(|a, b| b.cmp(a));
    let mut out = String::from("longest files\n");
    for (length, path) in files.iter().take(SHOWN) {
        writeln!(out, "{length:6}  {path}").expect("writing to a string cannot fail");
    }
    out.push_str("longest functions\n");
    for (length, name) in functions.iter().take(SHOWN) {
        writeln!(out, "{length:6}  {name}").expect("writing to a string cannot fail");
    }
    out
}

/// Finds functions and their lengths in formatted code: from `fn` to the closing brace at the same indentation.
fn functions(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut open: Vec<(usize, usize, &str)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if let Some((_, after)) = line.split_once("fn ") {
            let name = after.split(['(', '<']).next().unwrap_or_default();
            let is_item = line.trim_start().split("fn ").next().is_some_and(|before| {
                !before.contains(['/', '"', '(']) || before.starts_with("pub(")
            });
            if is_item && !line.trim_end().ends_with([';', '}']) {
                open.push((indent, number, name));
            }
        } else if line.trim() == "}"
            && let Some(&(start_indent, start, name)) = open.last()
            && start_indent == indent
        {
            open.pop();
            found.push((number - start + 1, name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_functions_by_indentation() {
        let text = "fn a() {\n    if x {\n        y();\n    }\n}\n\nimpl T {\n    pub(crate) fn b(&self) -> u8 {\n        1\n    }\n}\n";
        assert_eq!(functions(text), [(5, "a"), (3, "b")]);
    }
}
