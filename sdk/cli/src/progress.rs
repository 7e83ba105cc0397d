//! Tells of work that takes long the first time: compiling commands.
//!
//! The wasm runtime reports compilations; what takes over a second gets a line on a terminal, which goes away when it is done.

use std::io::{IsTerminal, Write};
use std::time::Duration;

/// How long a compilation may take before it is mentioned.
const PATIENCE: Duration = Duration::from_secs(1);

/// Starts watching, when standard error is a terminal.
pub(crate) fn watch() {
    if std::io::stderr().is_terminal() {
        cenote::on_slow_start(PATIENCE, |what| {
            let mut stderr = std::io::stderr().lock();
            let text = match what {
                Some(what) => format!("\r\x1b[Kcenote: preparing {what} for its first use …"),
                None => "\r\x1b[K".to_owned(),
            };
            // A terminal that went away is no reason to stop.
            let _written: std::io::Result<()> = stderr
                .write_all(text.as_bytes())
                .and_then(|()| stderr.flush());
        });
    }
}
