//! Replacing a process's program: what exec keeps and what it does not. See execve(2), "Effect on process attributes".

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use cenote_abi::Errno;
use cenote_abi::signal::SS_DISABLE;
use cenote_base::{SysError, SysResult, Waiter};

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

/// What `loading` answers, unless the process that waits for it has to end: a runtime may take its time, or ask the embedder.
///
/// # Errors
/// `EINTR`: the process has to end. Those of `loading`.
pub(crate) async fn unless_ending<T>(
    task: &Task,
    loading: impl Future<Output = SysResult<T>>,
) -> SysResult<T> {
    let waiter = Waiter::new();
    let _registration = task.signal_queue().register(waiter.clone());
    let mut loading = pin!(loading);
    loop {
        if task.must_end() {
            return Err(SysError::interrupted());
        }
        let mut woken = pin!(waiter.woken());
        let done = poll_fn(|cx| match loading.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => woken.as_mut().poll(cx).map(|()| None),
        })
        .await;
        if let Some(done) = done {
            return done;
        }
    }
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
