//! The process itself.

use cenote_abi::{Errno, SigNum};
use cenote_base::SysResult;
use cenote_kernel::syscall;

use crate::error::Stop;
use crate::linux::call::Call;

/// Ends the process. WASI's codes have 32 bits, a process's status 8, as for `exit` on Linux.
pub(super) fn proc_exit(call: &mut Call<'_>, code: i32) -> wasmtime::Result<()> {
    syscall::exit_group(call.task(), code);
    Err(Stop::End.into())
}

/// WASI's numbers of signals are Linux's up to 15 and then leave out 16.
pub(super) async fn proc_raise(call: &mut Call<'_>, signal: i32) -> SysResult {
    let signal = match signal {
        0 => None,
        1..=15 => SigNum::from_raw(signal),
        16..=30 => SigNum::from_raw(signal + 1),
        _ => return Err(Errno::EINVAL.into()),
    };
    let task = call.task();
    syscall::tkill(task, task.tid(), signal)
}

pub(super) async fn sched_yield(_call: &mut Call<'_>) -> SysResult {
    tokio::task::yield_now().await;
    Ok(())
}
