//! The command line from outside: whose an argument is, what help says, what rules name.
#![expect(clippy::unwrap_used, reason = "a test target")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

/// What a run says on both streams, and its status.
fn run(args: &[&str]) -> (String, String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_cenote"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        text(&output.stdout),
        text(&output.stderr),
        output.status.code(),
    )
}

#[test]
fn options_after_the_program_are_the_programs() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("arg.mjs");
    std::fs::write(&file, "console.log(process.argv.slice(2).join(' '))").unwrap();
    let file = file.to_str().unwrap();
    for (args, expected) in [
        (
            &[
                "run", "--cwd", "/", file, "-p", "80:80", "--env", "A", "--help", "--", "-x",
            ][..],
            "-p 80:80 --env A --help -- -x\n",
        ),
        (&["command", "node", "-p", "1 + 1"], "2\n"),
        (
            &["bash", "-p", "-c", "mkdir -p /tmp/a/b && echo $0", "--help"],
            "--help\n",
        ),
        (
            &["--env", "A=1", "sh", "--env", "B=2", "-c", "echo $A$B"],
            "12\n",
        ),
    ] {
        let (out, err, status) = run(args);
        assert_eq!(
            (out.as_str(), status),
            (expected, Some(0)),
            "{args:?}: {err}"
        );
    }
    let (out, ..) = run(&["command", "ls", "--help"]);
    assert!(out.starts_with("Usage: ls "), "{out}");
}

#[test]
fn arguments_are_bytes_as_on_linux() {
    let latin = OsStr::from_bytes(b"caf\xe9");
    for shell in ["sh", "bash"] {
        let output = Command::new(env!("CARGO_BIN_EXE_cenote"))
            .args([shell, "-c", "printf %s \"$1\"", shell])
            .arg(latin)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.stdout, b"caf\xe9", "{output:?}");
    }
}

#[test]
fn serve_is_among_the_commands_and_shows_its_own_help() {
    let (out, _, status) = run(&["--help"]);
    assert_eq!(status, Some(0));
    assert!(
        out.lines().any(|line| line.starts_with("  serve ")),
        "{out}"
    );
    for args in [["serve", "--help"], ["help", "serve"]] {
        let (out, ..) = run(&args);
        assert!(out.contains("Usage: cenote serve [OPTIONS]"), "{out}");
    }
    let (_, err, status) = run(&["--env", "A=1", "serve"]);
    assert_eq!(status, Some(2), "{err}");
}

#[test]
fn timeout_is_in_seconds_as_timeout_has_it() {
    let (_, err, status) = run(&["sh", "--timeout", "0.2", "-c", "sleep 100"]);
    assert_eq!(status, Some(124), "{err}");
    let (out, err, status) = run(&["--timeout=0", "sh", "-c", "echo ended"]);
    assert_eq!((out.as_str(), status), ("ended\n", Some(0)), "{err}");
}

#[test]
fn rule_that_names_a_link_is_refused_by_what_it_leads_to() {
    for (rule, meant) in [
        (["--allow-program", "/bin/ls"], "`/bin/coreutils`"),
        (["--allow-program", "/usr/bin/sh"], "`/bin/dash`"),
        (["--deny-write", "/sbin/**"], "`/usr/sbin/**`"),
    ] {
        let (out, err, status) = run(&["sh", rule[0], rule[1], "-c", "echo ran"]);
        assert_eq!((out.as_str(), status), ("", Some(125)), "{err}");
        assert!(err.contains(meant), "{err}");
    }
    let (out, err, _) = run(&[
        "sh",
        "--allow-program",
        "/bin/coreutils",
        "-c",
        "ls -d /bin; grep x /etc/passwd",
    ]);
    assert_eq!(out, "/bin\n", "{err}");
    assert!(err.contains("Permission denied"), "{err}");
}
