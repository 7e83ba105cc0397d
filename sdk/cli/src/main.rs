//! The `cenote` program: a machine for one command, its streams joined to the terminal's.
//!
//! `options` is the command line (`inspect` the debugger's part of it), `session` runs it, `terminal` does on a terminal; `serve` is the
//! sidecar and its workers. The exit status is the guest's; 125 is a failure of `cenote` itself (as
//! docker and timeout have it), 2 a wrong command line.
#![expect(clippy::print_stderr, reason = "a program for the terminal")]

mod inspect;
mod options;
mod progress;
mod serve;
mod session;
mod terminal;

use clap::Parser;

/// What `cenote` exits with when it failed itself.
const FAILED: i32 = 125;

fn main() {
    // A worker locks itself down before it has a second thread: nothing may come before this.
    if let Some(served) = serve::run(std::env::args_os()) {
        let status = match served {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("cenote: {error}");
                FAILED
            }
        };
        std::process::exit(status);
    }
    let options = options::Options::parse();
    progress::watch();
    let status = match session::run(options) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("cenote: {error}");
            FAILED
        }
    };
    std::process::exit(status);
}
