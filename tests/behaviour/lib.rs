//! Nothing: this package is its tests. Each target runs the programs of a sibling directory in a VM and beside it the real
//! thing on the host: `shell.rs` ← `tests/shell`, `node.rs` ← `tests/node`, `packages.rs` and `source_tree.rs` ← `tests/fixtures`.
