//! What a machine has every `node` process load before its program, as by a first `--require`: `/usr/lib/cenote/preload.cjs`, when it is
//! there. Not part of Node; the SDK puts the client of the embedder's functions there.

use cenote_base::abi::fs::AtFlags;
use cenote_kernel::Task;
use cenote_kernel::syscall::{self, At};

use crate::options::CommandLine;

const PATH: &str = "/usr/lib/cenote/preload.cjs";

/// Adds it to the command line. Not under Node's permission model, which would refuse to read it.
pub(crate) fn add(task: &Task, line: &mut CommandLine) {
    let is_there = || syscall::fstatat(task, At::Cwd, PATH.as_bytes(), AtFlags::empty()).is_ok();
    if !line.is("--permission") && is_there() {
        line.require_first(PATH);
    }
}
