//! The `cenote` program: a machine for one command, its streams joined to the terminal's.
//!
//! `options` is the command line (`inspect` the debugger's part of it, `arguments` where it ends and the program's begins), `session` runs it,
//! `outlet` carries what it writes, `terminal` all of it on a terminal; `serve` is the
//! sidecar and its workers. The exit status is the guest's; 125 is a failure of `cenote` itself (as
//! docker and timeout have it), 2 a wrong command line.
#![expect(clippy::print_stderr, reason = "a program for the terminal")]

mod arguments;
mod inspect;
mod options;
mod outlet;
mod progress;
mod serve;
mod session;
mod terminal;

use clap::{CommandFactory, Parser};

/// What `cenote` exits with when it failed itself.
const FAILED: i32 = 125;

fn main() {
    cenote::use_snapshot(cenote_snapshot::START_UP_SNAPSHOT);
    // A worker locks itself down before it has a second thread: nothing may come before this.
    let words = arguments::asked_for(std::env::args_os());
    if let Some(done) = serve::run(words.iter().cloned()) {
        std::process::exit(status_of(done.map(|()| 0)));
    }
    let words = arguments::settle(words, &options::Options::command());
    let options = options::Options::parse_from(words);
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
