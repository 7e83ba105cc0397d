//! Other projects' suites in a VM: `cargo xtask conformance node|shell|linux`.
//!
//! Each suite is a folder: its tests ([`suite::Suite`]), `expectations.toml`, and `SOURCE.toml` with the pinned archive.
//! [`run`] starts one host process a test, judges by the list, strict both ways, and writes `docs/compat/NAME.md` ([`report`]).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

mod archive;
mod linux;
mod node;
mod report;
mod run;
mod shell;
mod suite;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::suite::Suite;

/// The suites.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    /// Node's own tests.
    Node,
    /// The tests of bash's source package, and busybox's of ash for dash.
    Shell,
    /// The unit tests of the WebAssembly Linux Interface.
    Linux,
}

/// Runs a suite in VMs.
#[derive(Debug, Parser)]
struct Flags {
    suite: Name,
    /// Run only tests whose name contains one of these.
    #[arg(long)]
    only: Vec<String>,
    /// How many tests at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Only print how each test goes, whatever the list says of it, with the whole message of those that fail.
    #[arg(long, conflicts_with = "update")]
    r#try: bool,
    /// Rewrite the expectation list by what happens now.
    #[arg(long)]
    update: bool,
    /// Run one test in this process and print the verdict as JSON (what the runner starts for each test).
    #[arg(long, hide = true)]
    one: Option<String>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let suite: Result<Box<dyn Suite>, String> = match flags.suite {
        Name::Node => node::NodeSuite::open().map(|suite| Box::new(suite) as Box<dyn Suite>),
        Name::Shell => shell::ShellSuite::open().map(|suite| Box::new(suite) as Box<dyn Suite>),
        Name::Linux => linux::LinuxSuite::open().map(|suite| Box::new(suite) as Box<dyn Suite>),
    };
    let result = suite.and_then(|suite| match &flags.one {
        Some(test) => run::one(suite.as_ref(), test),
        None if flags.r#try => run::attempt(suite.as_ref(), &flags.only, flags.jobs.max(1)),
        None => run::all(
            suite.as_ref(),
            &run::Plan {
                only: &flags.only,
                jobs: flags.jobs.max(1),
                update: flags.update,
            },
        ),
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
