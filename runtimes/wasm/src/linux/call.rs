//! One call of a Linux program: what a call's function gets, and what happens between its result and the program.
//!
//! [`Call`] lends memory and task. [`Call::settle`] delivers signals before the result is seen, runs a call again that
//! a handler with `SA_RESTART` interrupted, and unwinds a process that must end. See signal(7).

use std::sync::Arc;

use cenote_base::{Fd, Gid, Pid, SysError, SysResult, Uid};
use cenote_kernel::Task;
use cenote_kernel::signal::Delivery;
use wasmtime::Caller;

use super::deliver_signal;
use crate::error::Stop;
use crate::memory::GuestMemory;
use crate::process::Process;

/// A call in progress.
pub(crate) struct Call<'a> {
    caller: Caller<'a, Process>,
    zero_is_null: bool,
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Call(pid {})", self.task().pid())
    }
}

impl<'a> Call<'a> {
    /// Begins a call of Linux's.
    pub(crate) fn new(caller: Caller<'a, Process>) -> Self {
        Self {
            caller,
            zero_is_null: true,
        }
    }

    /// Begins a call of WASI's, for which zero is an address.
    pub(crate) fn of_wasi(caller: Caller<'a, Process>) -> Self {
        Self {
            caller,
            zero_is_null: false,
        }
    }

    /// The process's memory and its task.
    pub(crate) fn parts(&mut self) -> SysResult<(GuestMemory<'_>, &Arc<Task>)> {
        let memory = self.caller.data().memory()?;
        let (bytes, process) = memory.data_and_store_mut(&mut self.caller);
        Ok((wrap(bytes, self.zero_is_null), process.task()))
    }

    /// The process's memory and all that the runtime keeps of it.
    pub(crate) fn memory_and_process(&mut self) -> SysResult<(GuestMemory<'_>, &mut Process)> {
        let memory = self.caller.data().memory()?;
        let (bytes, process) = memory.data_and_store_mut(&mut self.caller);
        Ok((wrap(bytes, self.zero_is_null), process))
    }

    /// The process's memory.
    pub(crate) fn memory(&mut self) -> SysResult<GuestMemory<'_>> {
        self.parts().map(|(memory, _)| memory)
    }

    /// The calling task.
    pub(crate) fn task(&self) -> &Arc<Task> {
        self.caller.data().task()
    }

    /// What the runtime keeps of the process.
    pub(crate) fn process(&mut self) -> &mut Process {
        self.caller.data_mut()
    }

    /// The store, for calls into the guest and for growing its memory.
    pub(crate) fn caller(&mut self) -> &mut Caller<'a, Process> {
        &mut self.caller
    }

    /// The result for the program where nothing else has to be done first.
    pub(crate) fn settle_now(&self, result: &SysResult<i64>) -> Option<i64> {
        let process = self.caller.data();
        if process.task().has_deliverable_signal() || process.is_stopping() {
            return None;
        }
        Some(encode(result))
    }

    /// Whether a signal is due that came in the middle of guest code: asked when a call begins.
    pub(crate) fn is_late(&self) -> bool {
        self.task().has_deliverable_signal()
    }

    /// As [`settle_now`](Self::settle_now) for calls that never block: a handler that is late waits for some more of them.
    ///
    /// On Linux a handler runs where its signal comes, here when a call returns. Programs look for what their handlers noted before they
    /// block, and often ask for the time or the signal mask in between, as Python and readline do: a handler that ran at the end of that
    /// question would not be noticed, and the program would wait in spite of it. So a late handler is left to the call that blocks, and
    /// interrupts it, unless that does not come soon.
    pub(crate) fn settle_quick(&mut self, result: &SysResult<i64>, is_late: bool) -> Option<i64> {
        let process = self.caller.data_mut();
        if process.task().has_deliverable_signal() {
            if !is_late || process.put_off == MOST_PUT_OFF || process.task().must_end() {
                return None;
            }
            process.put_off += 1;
        }
        (!process.is_stopping()).then(|| encode(result))
    }

    /// Delivers signals, then answers the result for the program, or `None`: run the call again.
    ///
    /// # Errors
    /// [`Stop`]: the process ends or has become another program. An exception of the guest's that left a handler.
    pub(crate) async fn settle(&mut self, result: SysResult<i64>) -> wasmtime::Result<Option<i64>> {
        if let Some(stop) = self.caller.data().stop() {
            return Err(stop.into());
        }
        self.process().put_off = 0;
        let task = Arc::clone(self.task());
        let mut must_report = false;
        loop {
            match task.next_delivery().await {
                Delivery::None => break,
                Delivery::End => return Err(Stop::End.into()),
                Delivery::Handler(handler) => {
                    must_report |= !handler
                        .action
                        .flags
                        .contains(cenote_abi::signal::SaFlags::SA_RESTART);
                    deliver_signal::run_handler(&mut self.caller, &handler).await?;
                    task.handler_returned(&handler);
                }
            }
        }
        if !must_report && result.as_ref().is_err_and(SysError::is_restartable) {
            return Ok(None);
        }
        Ok(Some(encode(&result)))
    }
}

/// How many calls a late handler waits for.
const MOST_PUT_OFF: u8 = 4;

/// A result as it crosses the wire: a value, or a negated errno.
pub(crate) fn encode(result: &SysResult<i64>) -> i64 {
    match result {
        Ok(value) => *value,
        Err(error) => -i64::from(error.errno().raw()),
    }
}

/// A result as it travels to the program.
pub(crate) trait Answer {
    /// The value, not negative.
    fn answer(self) -> i64;
}

impl Answer for () {
    fn answer(self) -> i64 {
        0
    }
}

impl Answer for i64 {
    fn answer(self) -> i64 {
        self
    }
}

impl Answer for i32 {
    fn answer(self) -> i64 {
        i64::from(self)
    }
}

impl Answer for u32 {
    fn answer(self) -> i64 {
        i64::from(self)
    }
}

impl Answer for u64 {
    fn answer(self) -> i64 {
        self.cast_signed()
    }
}

impl Answer for usize {
    fn answer(self) -> i64 {
        i64::try_from(self).unwrap_or(i64::MAX)
    }
}

impl Answer for Fd {
    fn answer(self) -> i64 {
        i64::from(self.raw())
    }
}

impl Answer for Pid {
    fn answer(self) -> i64 {
        i64::from(self.raw())
    }
}

impl Answer for Uid {
    fn answer(self) -> i64 {
        i64::from(self.raw())
    }
}

impl Answer for Gid {
    fn answer(self) -> i64 {
        i64::from(self.raw())
    }
}

fn wrap(bytes: &mut [u8], zero_is_null: bool) -> GuestMemory<'_> {
    if zero_is_null {
        GuestMemory::new(bytes)
    } else {
        GuestMemory::from_zero(bytes)
    }
}
