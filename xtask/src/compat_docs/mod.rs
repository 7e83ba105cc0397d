//! Writes docs/compat from the tables in the sources: which system calls and which of Node's bindings there are, and how far.
//!
//! The Rust tables are read as text; `cargo xtask tidy` holds them to a form that can be.

mod bindings;
mod modules;
mod system_calls;

use crate::flags::CompatDocsOptions;
use crate::tree::Tree;
use crate::workspace::{self, Outcome};

pub(crate) use system_calls::{SUPPORT, system_calls};

/// How far a row is there.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Level {
    Full,
    Partial,
    Missing,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::Missing => "missing",
        }
    }
}

/// Writes the documents, or with `--check` compares them.
///
/// # Errors
/// When a table cannot be understood, or a document differs.
pub(crate) fn run(options: &CompatDocsOptions) -> Outcome {
    let tree = Tree::of_project()?;
    if !options.check {
        return write(&tree);
    }
    for (path, text) in documents(&tree)? {
        if tree.text(path) != Some(text.as_str()) {
            return Err(format!(
                "{path}: not up to date; run `cargo xtask compat-docs`"
            ));
        }
    }
    Ok(())
}

/// Writes the documents.
///
/// # Errors
/// When a table cannot be understood, or a document cannot be written.
pub(crate) fn write(tree: &Tree) -> Outcome {
    documents(tree)?
        .into_iter()
        .try_for_each(|(path, text)| workspace::write(path, &text))
}

/// Makes the documents: path and text. A table that is not in the tree has no document.
///
/// # Errors
/// When a table cannot be understood.
pub(crate) fn documents(tree: &Tree) -> Outcome<Vec<(&'static str, String)>> {
    let mut documents = Vec::new();
    let calls = system_calls(tree)?;
    if !calls.is_empty() {
        documents.push(("docs/compat/syscalls.md", system_calls::document(&calls)));
    }
    if let Some(text) = bindings::document(tree)? {
        documents.push(("docs/compat/bindings.md", text));
    }
    if let Some(text) = modules::document(tree)? {
        documents.push(("docs/compat/modules.md", text));
    }
    Ok(documents)
}
