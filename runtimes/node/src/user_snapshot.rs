//! Start-up snapshots of a program's own (`--build-snapshot`, `--snapshot-blob`): refused. `docs/decisions/0025` says why.
//!
//! What is wrong about the command line is told in Node's words and by its status; what is right about it is refused as a snapshot that
//! does not fit would be.

use std::sync::Arc;

use cenote_kernel::Task;

use crate::options::CommandLine;
use crate::program::read_small;

/// Status of a process whose snapshot cannot be used. Node: `ExitCode::kStartupSnapshotFailure`.
const STARTUP_SNAPSHOT_FAILURE: u8 = 14;
/// Status of a process whose command line is wrong.
const INVALID_COMMAND_LINE_ARGUMENT: u8 = 9;
/// Status of a process with a configuration that cannot be read.
const GENERIC_USER_ERROR: u8 = 1;

/// What is said, and the status, when the command line asks for a snapshot.
pub(crate) fn refusal(task: &Arc<Task>, line: &CommandLine) -> Option<(String, u8)> {
    let config = line.text("--build-snapshot-config");
    if !config.is_empty()
        && let Err(error) = read_small(task, config.as_bytes())
    {
        let number = -error.errno().raw();
        let reason = crate::shapes::uv_error(number).map_or("unknown error", |(_, text)| text);
        let text = format!("Cannot read snapshot configuration from {config}: {reason}\n");
        return Some((text, GENERIC_USER_ERROR));
    }
    if line.is("--build-snapshot") && config.is_empty() && line.rest.is_empty() {
        let text = "--build-snapshot must be used with an entry point script.\nUsage: node --build-snapshot /path/to/entry.js\n";
        return Some((text.into(), INVALID_COMMAND_LINE_ARGUMENT));
    }
    let text = if line.is("--build-snapshot") || !config.is_empty() {
        format!(
            "{}: start-up snapshots of programs cannot be built here\n",
            line.argv0
        )
    } else {
        let blob = line.text("--snapshot-blob");
        if blob.is_empty() {
            return None;
        }
        match read_small(task, blob.as_bytes()) {
            Err(error) if error.errno() != cenote_base::abi::Errno::EFBIG => {
                format!("Cannot open {blob}\n")
            }
            _ => format!("{}: {blob} was not built by this node\n", line.argv0),
        }
    };
    Some((text, STARTUP_SNAPSHOT_FAILURE))
}
