//! `cenote package`: the program with node's start-up snapshot in its own file.
#![expect(clippy::unwrap_used, reason = "a test target")]

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Command, Output};

/// A program with nowhere to keep anything, telling what node does.
fn run(program: &Path, args: &[&str]) -> Output {
    Command::new(program)
        .args(args)
        .env("CENOTE_CACHE_DIR", "")
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

/// Where the snapshot came from that a program started node with.
fn source(program: &Path) -> String {
    let args = [
        "--trace",
        "cenote::node=debug",
        "exec",
        "console.log(6 * 7)",
    ];
    let output = run(program, &args);
    let trace = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.stdout, b"42\n", "{trace}");
    assert_eq!(output.status.code(), Some(0));
    let (_, after) = trace.split_once("start-up snapshot from=\"").expect(&trace);
    after.split('"').next().unwrap().to_owned()
}

#[test]
fn packaged_program_brings_its_snapshot() {
    let place = tempfile::tempdir().unwrap();
    let plain = Path::new(env!("CARGO_BIN_EXE_cenote"));
    let packaged = place.path().join("bin/cenote");
    let output = run(plain, &["package", packaged.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(source(plain), "bootstrap");
    assert_eq!(source(&packaged), "program");

    // What was packaged can be packaged again, and has one snapshot then.
    let again = place.path().join("again");
    let output = run(&packaged, &["package", again.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let size = |path: &Path| path.metadata().unwrap().len();
    assert_eq!(size(&again), size(&packaged));
    std::fs::remove_file(&again).unwrap();

    // One bit is enough for it not to be used.
    let mut file = OpenOptions::new();
    let mut file = file.read(true).write(true).open(&packaged).unwrap();
    file.seek(SeekFrom::Start(size(plain) + 100_000)).unwrap();
    let mut byte = [0];
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Current(-1)).unwrap();
    file.write_all(&[byte[0] ^ 1]).unwrap();
    drop(file);
    assert_eq!(source(&packaged), "bootstrap");

    // A trailer that points before the file's beginning, and half a trailer.
    let mut bytes = Vec::new();
    let mut end = File::open(&packaged).unwrap();
    end.seek(SeekFrom::End(-16)).unwrap();
    end.read_to_end(&mut bytes).unwrap();
    for lengths in [[u64::MAX, 0], [1 << 27, 1 << 9], [1 << 20, u64::MAX]] {
        let mut file = OpenOptions::new().write(true).open(&packaged).unwrap();
        file.seek(SeekFrom::End(-32)).unwrap();
        file.write_all(&lengths.map(u64::to_le_bytes).concat())
            .unwrap();
        file.write_all(&bytes).unwrap();
        drop(file);
        assert_eq!(source(&packaged), "bootstrap");
    }
}
