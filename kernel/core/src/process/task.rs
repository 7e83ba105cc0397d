//! A thread of a process: [`Task`], the first argument of every call; how it waits and how it is interrupted.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use cenote_abi::SigNum;
use cenote_abi::wait::WaitStatus;
use cenote_base::wait::{Endable, OnBehalf, on_behalf_of};
use cenote_base::{MonoTime, Pid, Registration, SysError, SysResult, Tid, WaitQueue, Waiter};
use cenote_vfs::{IoctlCaller, LookupContext};

use super::Process;
use crate::fd::FdTable;
use crate::kernel::Kernel;
use crate::signal::state::TaskCell;

/// How the kernel makes a running program look at its signals. Given by the runtime.
pub trait Interrupter: Send + Sync {
    /// A signal became deliverable, or (`must_end`) the process has to end: make the program stop at the next safe
    /// point and ask [`Task::next_delivery`]. Called from any thread, with no kernel lock held; must not block.
    fn interrupt(&self, must_end: bool);
}

/// A thread of a process.
#[derive(Debug)]
pub struct Task {
    kernel: Arc<Kernel>,
    process: Arc<Process>,
    tid: Tid,
    cell: Arc<TaskCell>,
    finished: AtomicBool,
}

impl Task {
    pub(crate) fn new(
        kernel: Arc<Kernel>,
        process: Arc<Process>,
        tid: Tid,
        cell: Arc<TaskCell>,
    ) -> Arc<Self> {
        Arc::new(Self {
            kernel,
            process,
            tid,
            cell,
            finished: AtomicBool::new(false),
        })
    }

    /// The machine.
    #[must_use]
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// The process this is a thread of.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// The id of the process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// The id of the thread.
    #[must_use]
    pub fn tid(&self) -> Tid {
        self.tid
    }

    /// The open files.
    #[must_use]
    pub fn files(&self) -> &FdTable {
        self.process.files()
    }

    /// The arguments of the last exec.
    #[must_use]
    pub fn argv(&self) -> Arc<Vec<Vec<u8>>> {
        self.process.program().argv
    }

    /// The environment of the last exec.
    #[must_use]
    pub fn envp(&self) -> Arc<Vec<Vec<u8>>> {
        self.process.program().envp
    }

    /// The path of the program in the machine.
    #[must_use]
    pub fn exe_path(&self) -> Vec<u8> {
        self.process.program().exe_path.to_vec()
    }

    pub(crate) fn cell(&self) -> &Arc<TaskCell> {
        &self.cell
    }

    /// Says how to interrupt the program. A signal that came before is answered at once.
    pub fn set_interrupter(&self, interrupter: Arc<dyn Interrupter>) {
        *self.cell.interrupter.write() = Some(Arc::clone(&interrupter));
        if self.cell.attention.any() {
            interrupter.interrupt(self.cell.attention.must_end());
        }
    }

    /// Whether the process must end: it called exit, or was killed. The runtime unwinds now.
    #[must_use]
    pub fn must_end(&self) -> bool {
        self.cell.attention.must_end()
    }

    /// Whether [`next_delivery`](Self::next_delivery) has something to do. Cheap: one atomic load. Also true when
    /// the process is stopped or must end.
    #[must_use]
    pub fn has_deliverable_signal(&self) -> bool {
        self.cell.attention.any()
    }

    /// Whether a signal waits to be delivered to this thread and is not blocked.
    #[must_use]
    pub fn is_pending(&self, signal: SigNum) -> bool {
        let signals = self.process.signals().lock();
        signals.thread(self.tid).is_some_and(|thread| {
            thread
                .pending
                .set()
                .union(signals.shared.set())
                .difference(thread.mask)
                .contains(signal)
        })
    }

    /// Woken on every signal and on the end of the process.
    #[must_use]
    pub fn signal_queue(&self) -> &WaitQueue {
        &self.cell.queue
    }

    /// Woken when a child changed state.
    #[must_use]
    pub fn child_queue(&self) -> &WaitQueue {
        self.process.child_queue()
    }

    /// Ends the process with this status (`exit_group`); the first decision stands. The runtime still has to unwind
    /// and to call [`finish`](Self::finish).
    pub fn exit(&self, status: WaitStatus) {
        let kick = self.process.signals().lock().end(status);
        kick.carry_out();
    }

    /// The thread is gone: the runtime has dropped everything that was its. With the last thread the process ends:
    /// its files are closed, it becomes a zombie, its parent is told.
    pub fn finish(self: &Arc<Self>) {
        self.finish_once();
    }

    fn finish_once(&self) {
        if !self.finished.swap(true, Ordering::AcqRel) {
            *self.cell.interrupter.write() = None;
            super::exit::finish_thread(&self.kernel, &self.process, self.tid);
        }
    }

    /// Takes the obligation to finish away: a process that never began to run.
    pub(crate) fn disown(&self) {
        self.finished.store(true, Ordering::Release);
    }

    /// The path of an open file in the process's tree, as `/proc/self/fd` shows it.
    ///
    /// # Errors
    /// `EBADF`: it is not open. `ENOENT`: it has no path (a pipe, a socket).
    pub fn path_of(&self, fd: cenote_base::Fd) -> SysResult<Vec<u8>> {
        let file = self.files().get(fd)?;
        let location = file.location().ok_or(cenote_abi::Errno::ENOENT)?;
        Ok(self.with_lookup(|cx| location.path_from(cx.root)))
    }

    /// The working directory as a path from the machine's root, whatever root the process has.
    pub(crate) fn place(&self) -> Vec<u8> {
        let cwd = self.process.fs().lock().cwd.clone();
        cwd.path_from(&self.kernel.namespace().root())
    }

    /// Runs `look` with the process's place in the tree of files.
    pub(crate) fn with_lookup<R>(&self, look: impl FnOnce(&LookupContext<'_>) -> R) -> R {
        let fs = self.process.fs().lock().clone();
        let credentials = self.process.credentials();
        look(&LookupContext::new(&fs.root, &fs.cwd, &credentials, fs.umask).with_caller(self))
    }

    /// Waits until `ready` answers something, woken by any of `queues`. `ready` is asked first, so a call that need
    /// not wait does not.
    ///
    /// Answers `Ok(None)` when `deadline` passed.
    ///
    /// # Errors
    /// `EINTR` (restartable): a signal with a handler came, or the process must end. What `ready` answered.
    pub async fn wait_until<T>(
        &self,
        queues: &[&WaitQueue],
        deadline: Option<MonoTime>,
        mut ready: impl FnMut() -> Option<SysResult<T>> + Send,
    ) -> SysResult<Option<T>> {
        if let Some(answer) = ready() {
            return answer.map(Some);
        }
        let clock = self.kernel.clock();
        if deadline.is_some_and(|at| at <= clock.now()) {
            return Ok(None);
        }
        self.process.usage().note_wait();
        let _sleeping = self.process.sleep();
        let waiter = Waiter::new();
        let mut registrations: Vec<Registration> = Vec::with_capacity(queues.len() + 1);
        registrations.push(self.cell.queue.register(waiter.clone()));
        registrations.extend(queues.iter().map(|queue| queue.register(waiter.clone())));
        let mut timer = deadline.map(|at| clock.timer(at));
        loop {
            if let Some(answer) = ready() {
                return answer.map(Some);
            }
            if self.cell.attention.any() && self.settle_signals().await {
                return Err(SysError::interrupted());
            }
            let timed_out = {
                let mut woken = pin!(waiter.woken());
                std::future::poll_fn(|cx| {
                    if woken.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(false);
                    }
                    match timer.as_mut() {
                        Some(timer) => timer.as_mut().poll(cx).map(|()| true),
                        None => Poll::Pending,
                    }
                })
                .await
            };
            if timed_out {
                // What became ready at the last moment counts.
                return ready().transpose();
            }
        }
    }

    /// As [`wait_until`](Self::wait_until) without a deadline.
    pub(crate) async fn wait_for<T>(
        &self,
        queues: &[&WaitQueue],
        mut ready: impl FnMut() -> Option<SysResult<T>> + Send,
    ) -> SysResult<T> {
        loop {
            if let Some(answer) = self.wait_until(queues, None, &mut ready).await? {
                return Ok(answer);
            }
        }
    }
}

impl Endable for Task {
    fn must_end(&self) -> bool {
        Self::must_end(self)
    }

    fn end_queue(&self) -> &WaitQueue {
        self.signal_queue()
    }
}

impl Task {
    /// Lets waits of this thread that know no task end with this one, until what is answered is dropped.
    #[must_use = "it ends when it is dropped"]
    pub fn work_on_this_thread(self: &Arc<Self>) -> OnBehalf {
        let own: Arc<dyn Endable> = Arc::<Self>::clone(self);
        on_behalf_of(Arc::downgrade(&own))
    }
}

impl IoctlCaller for Task {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // A runtime that lost its task without a word (a panic, say) must not leave a process that never ends.
        self.finish_once();
    }
}
