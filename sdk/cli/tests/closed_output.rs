//! A reader of the program's output that goes: the guest is told, as a program of the host is.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test target")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// How long an end may take: the first start compiles commands.
const PATIENCE: Duration = Duration::from_secs(600);

fn cenote(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cenote"));
    command.args(args).stdin(Stdio::null());
    command
}

/// The end of a program that ends because nobody reads it.
fn end(mut child: Child) -> ExitStatus {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if begin.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it goes on for ever");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Reads one line of a program's output, then no more; the line and how the program ended.
fn one_line(args: &[&str]) -> (String, ExitStatus) {
    let mut child = cenote(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    drop(reader);
    (line, end(child))
}

#[test]
fn program_that_floods_ends_by_sigpipe_when_its_reader_goes() {
    for script in ["exec yes", "yes | cat"] {
        let (line, status) = one_line(&["bash", "-c", script]);
        assert_eq!(
            (line.as_str(), status.code()),
            ("y\n", Some(141)),
            "{script}"
        );
    }
}

#[test]
fn javascript_gets_epipe_when_its_reader_goes() {
    let code = "process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 7 : 8));\
        setInterval(() => console.log('x'), 1)";
    let (line, status) = one_line(&["exec", code]);
    assert_eq!((line.as_str(), status.code()), ("x\n", Some(7)));
}

#[test]
fn program_that_writes_nothing_sees_its_reader_go() {
    // tail watches for that, and ends by the signal.
    let mut child = cenote(&["command", "tail", "-n", "0", "-f", "/etc/passwd"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(end(child).code(), Some(141));
}

#[test]
fn standard_error_that_nobody_reads_leaves_standard_output_alone() {
    let mut child = cenote(&[
        "bash",
        "-c",
        "trap '' PIPE; read go; echo lost >&2; echo kept",
    ])
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    drop(child.stderr.take());
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    assert_eq!(
        (stdout.as_slice(), status.code()),
        (&b"kept\n"[..], Some(0))
    );
}

#[test]
fn output_that_is_not_taken_is_a_failure_of_ours() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = cenote(&["sh", "-c", "echo lost"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("cenote: standard output: "), "{errors}");
    assert_eq!(output.status.code(), Some(125));
}
