//! Start-up snapshots of a program's own (`--build-snapshot`, `--snapshot-blob`): none is built, and none is taken.
//! `docs/decisions/0025` says why.
//!
//! What is wrong about the command line is told in Node's words and by its status, and a blob is refused. Otherwise the program runs as if
//! it were not asked for a snapshot, after a line on standard error that says so.

use std::sync::Arc;

use cenote_base::abi::Errno;
use cenote_kernel::Task;

use crate::options::CommandLine;
use crate::program::read_small;

/// Status of a process whose snapshot cannot be used. Node: `ExitCode::kStartupSnapshotFailure`.
const STARTUP_SNAPSHOT_FAILURE: u8 = 14;
/// Status of a process whose command line is wrong.
const INVALID_COMMAND_LINE_ARGUMENT: u8 = 9;
/// Status of a process with a configuration that cannot be read.
const GENERIC_USER_ERROR: u8 = 1;

/// What is said, and the status where the program does not run, when the command line asks for a snapshot.
pub(crate) fn remark(task: &Arc<Task>, line: &CommandLine) -> Option<(String, Option<u8>)> {
    let config = line.text("--build-snapshot-config");
    if !config.is_empty()
        && let Err(error) = read_small(task, config.as_bytes())
    {
        let number = -error.errno().raw();
        let reason = crate::shapes::uv_error(number).map_or("unknown error", |(_, text)| text);
        let text = format!("Cannot read snapshot configuration from {config}: {reason}\n");
        return Some((text, Some(GENERIC_USER_ERROR)));
    }
    let argv0 = &line.argv0;
    if line.is("--build-snapshot") || !config.is_empty() {
        if config.is_empty() && line.rest.is_empty() {
            let text = "--build-snapshot must be used with an entry point script.\nUsage: node --build-snapshot /path/to/entry.js\n";
            return Some((text.into(), Some(INVALID_COMMAND_LINE_ARGUMENT)));
        }
        let text = format!("{argv0}: start-up snapshots are not supported: none is built\n");
        return Some((text, None));
    }
    let blob = line.text("--snapshot-blob");
    if blob.is_empty() {
        return None;
    }
    let is_there = read_small(task, blob.as_bytes())
        .map_or_else(|error| error.errno() == Errno::EFBIG, |_| true);
    Some(if is_there {
        let text = format!("{argv0}: {blob} was not built by this node\n");
        (text, Some(STARTUP_SNAPSHOT_FAILURE))
    } else {
        let text = format!("{argv0}: start-up snapshots are not supported: {blob} is not used\n");
        (text, None)
    })
}
