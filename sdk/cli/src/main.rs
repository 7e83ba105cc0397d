//! The `cenote` program: a machine for one command, its streams joined to the terminal's.
//!
//! `options` is the command line (`inspect` the debugger's part of it), `session` runs it (`outlet`: what it writes), `terminal` does on a terminal; `serve` is the
//! sidecar and its workers, `package` what the release does with the finished program. The exit status is the guest's; 125 is a failure of `cenote` itself (as
//! docker and timeout have it), 2 a wrong command line.
#![expect(clippy::print_stderr, reason = "a program for the terminal")]

mod inspect;
mod options;
mod outlet;
mod package;
mod progress;
mod serve;
mod session;
mod terminal;

use clap::Parser;

/// What `cenote` exits with when it failed itself.
const FAILED: i32 = 125;

fn main() {
    // A worker locks itself down before it has a second thread: nothing may come before this.
    let served = serve::run(std::env::args_os()).or_else(|| package::run(std::env::args_os()));
    if let Some(done) = served {
        std::process::exit(status_of(done.map(|()| 0)));
    }
    let options = options::Options::parse();
    progress::watch();
    std::process::exit(status_of(session::run(options)));
}

/// The exit status; a failure is told on standard error.
fn status_of<E: std::fmt::Display>(outcome: Result<i32, E>) -> i32 {
    outcome.unwrap_or_else(|error| {
        eprintln!("cenote: {error}");
        FAILED
    })
}
