//! All processes of a machine, from outside: listed and signalled by id.

use cenote_abi::Errno;
use cenote_abi::signal::SigNum;
use cenote_base::{Pid, SysError};
use cenote_kernel::ProcessState;

use crate::{Error, NodeRuntime};

/// What a process is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProcessActivity {
    /// It runs or waits.
    Live,
    /// A signal stopped it.
    Stopped,
    /// It ended and its parent has not waited for it.
    Zombie,
}

/// A process as ps(1) shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessSummary {
    /// Its id.
    pub pid: i32,
    /// Its parent's id; 0 for the first.
    pub parent: i32,
    /// Its group's id.
    pub group: i32,
    /// Its session's id.
    pub session: i32,
    /// Its effective user.
    pub uid: u32,
    /// What it is doing.
    pub activity: ProcessActivity,
    /// Its short name.
    pub name: Vec<u8>,
    /// Its arguments.
    pub argv: Vec<Vec<u8>>,
}

impl NodeRuntime {
    /// Every process of the machine at this moment, by id.
    ///
    /// # Errors
    /// [`Error::Disposed`].
    pub fn processes(&self) -> Result<Vec<ProcessSummary>, Error> {
        if let Some(remote) = self.machine.remote() {
            return remote.list_processes();
        }
        let processes = self.machine.kernel()?.processes();
        Ok(processes
            .into_iter()
            .map(|process| ProcessSummary {
                pid: process.pid.raw(),
                parent: process.parent.raw(),
                group: process.group.raw(),
                session: process.session.raw(),
                uid: process.user.raw(),
                activity: match process.state {
                    ProcessState::Running | ProcessState::Sleeping => ProcessActivity::Live,
                    ProcessState::Stopped => ProcessActivity::Stopped,
                    ProcessState::Zombie(_) => ProcessActivity::Zombie,
                },
                name: process.comm,
                argv: process.argv,
            })
            .collect())
    }

    /// Sends a signal to a process of the machine; without one, asks whether it is there.
    ///
    /// # Errors
    /// [`Error::Stream`] with `ESRCH` when there is no such process.
    pub fn kill(&self, pid: i32, signal: Option<SigNum>) -> Result<(), Error> {
        if let Some(remote) = self.machine.remote() {
            return remote.kill(pid, signal);
        }
        let kernel = self.machine.kernel()?;
        let target = Pid::new(pid);
        let sent = match signal {
            Some(signal) => kernel.kill(target, signal),
            None if kernel.process(target).is_some() => Ok(()),
            None => Err(SysError::from(Errno::ESRCH)),
        };
        sent.map_err(|cause| Error::Stream {
            stream: "process",
            pid,
            cause,
        })
    }

    /// Sends a signal to every process of the group that `leader` leads.
    pub fn kill_group(&self, leader: i32, signal: SigNum) {
        self.machine.signal_group(Pid::new(leader), signal);
    }

    /// Kills every process of the session that `leader` began; they are gone when this returns, unless one takes seconds to end.
    pub async fn end_session(&self, leader: i32) {
        self.machine.end_session(Pid::new(leader)).await;
    }
}
