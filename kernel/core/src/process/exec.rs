//! Replacing a process's program: what exec keeps and what it does not. See execve(2), "Effect on process attributes".

use cenote_abi::Errno;
use cenote_abi::signal::SS_DISABLE;
use cenote_base::{SysError, SysResult};

use super::Task;
use crate::loader::{Loaded, Program};
use crate::signal::AltStack;
use crate::syscall::fd::close_files;

/// Checks what must hold before a program is loaded for an exec in place.
///
/// # Errors
/// `ENOSYS`: the process has other threads.
pub(crate) fn check_single_thread(task: &Task) -> SysResult {
    if task.process().signals().lock().threads.len() > 1 {
        return Err(SysError::with_note(
            Errno::ENOSYS,
            "exec in a process with several threads",
        ));
    }
    Ok(())
}

/// The point of no return: gives the process its new program. The caller unwinds and then starts it.
pub(crate) fn commit(task: &Task, loaded: Loaded) -> Box<dyn Program> {
    let process = task.process();
    close_files(task, process.files().remove_close_on_exec());
    process.timers().delete_posix();
    let mut signals = process.signals().lock();
    signals.actions.reset_for_exec();
    if let Some(thread) = signals.thread_mut(task.tid()) {
        thread.alt_stack = AltStack {
            flags: SS_DISABLE,
            ..AltStack::default()
        };
        thread.saved_mask = None;
    }
    drop(signals);
    *task.cell().interrupter.write() = None;
    process.set_credentials(loaded.credentials);
    tracing::debug!(target: "cenote::process", pid = process.pid().raw(), path = %cenote_base::path::display(&loaded.info.exe_path), "exec");
    process.set_program(loaded.info);
    let mut tree = task.kernel().table().lock();
    if let Some(node) = tree.node_mut(process.pid()) {
        node.has_executed = true;
    }
    drop(tree);
    loaded.program
}
