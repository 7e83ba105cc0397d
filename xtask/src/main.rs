//! The project's own commands, as `cargo xtask <command>`; [`flags`] lists them.
//!
//! xtask depends on no crate of the workspace, so that it builds in seconds and can judge all of them from outside: it
//! reads their sources as text and runs cargo, the build scripts of `commands/` and the runners of `tests/`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks on its standard streams"
)]

mod bench;
mod ci;
mod commands;
mod compat_docs;
mod conformance;
mod flags;
mod node_lib;
mod soak;
mod tidy;
mod tree;
mod v8;
mod workspace;

use std::process::ExitCode;

use clap::Parser as _;

use flags::{Command, Flags};

fn main() -> ExitCode {
    let outcome = match Flags::parse().command {
        Command::Ci(options) => ci::run(&options),
        Command::Tidy(options) => tidy::run(&options),
        Command::Commands(options) => commands::run(&options),
        Command::NodeLib(options) => node_lib::run(&options),
        Command::V8(options) => v8::run(&options),
        Command::Conformance(options) => conformance::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Soak => soak::run(),
        Command::CompatDocs(options) => compat_docs::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
