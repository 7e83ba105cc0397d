//! Terminals: pseudo-terminals with a line discipline, and the rules of job control on them. See tty(4), pty(7).

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::OpenFlags;
use cenote_base::SysResult;
use cenote_vfs::OpenFile;

use crate::kernel::Kernel;
use crate::process::{Process, Task};

/// A terminal.
#[derive(Debug)]
pub struct Terminal {}

/// The pseudo-terminals of a machine.
#[derive(Debug)]
pub struct PtyTable {}

impl PtyTable {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {})
    }

    pub(crate) fn clear(&self) {}
}

impl Terminal {
    pub(crate) fn adopt_session_of(self: &Arc<Self>, _task: &Task) -> SysResult {
        Err(Errno::ENOTTY.into())
    }
}

pub(crate) fn hang_up_session_of(_kernel: &Kernel, _process: &Process) {}

pub(crate) async fn await_foreground_to_read(_task: &Task, _file: &OpenFile) -> SysResult {
    Ok(())
}

pub(crate) async fn await_foreground_to_write(_task: &Task, _file: &OpenFile) -> SysResult {
    Ok(())
}

pub(crate) fn open_peer(_file: &OpenFile, _flags: OpenFlags) -> SysResult<Arc<OpenFile>> {
    Err(Errno::ENOTTY.into())
}

pub(crate) fn opened(_task: &Task, _file: &Arc<OpenFile>, _flags: OpenFlags) {}
