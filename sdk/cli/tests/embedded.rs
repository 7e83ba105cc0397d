//! Node's start-up snapshot is in the program as it is built.

use std::process::Command;

#[test]
fn program_starts_node_from_the_snapshot_it_was_built_with() {
    // A program with nowhere to keep anything, telling what node does.
    let output = Command::new(env!("CARGO_BIN_EXE_cenote"))
        .args(["--trace", "cenote::node=debug", "exec"])
        .arg("console.log(6 * 7)")
        .env("CENOTE_CACHE_DIR", "")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let trace = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout, b"42\n", "{trace}");
    assert_eq!(output.status.code(), Some(0));
    let (_, after) = trace.split_once("start-up snapshot from=\"").expect(&trace);
    assert_eq!(after.split('"').next(), Some("program"), "{trace}");
}
