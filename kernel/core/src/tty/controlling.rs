//! Whose terminal it is: sessions, the foreground group, and what the background may not do.
//! Follows POSIX.1-2024, 11.1, and Linux's `drivers/tty/tty_jobctrl.c`.

use std::sync::Arc;

use cenote_abi::fs::OpenFlags;
use cenote_abi::tty::LocalFlags;
use cenote_abi::{Errno, SigNum};
use cenote_base::{Pgid, SysError, SysResult};
use cenote_vfs::{OpenFile, TtyRequest};

use super::ends::{PtyMaster, PtySlave};
use super::pty::Terminal;
use crate::kernel::Kernel;
use crate::process::session::Session;
use crate::process::{Process, Task};
use crate::signal::action::SigHandler;
use crate::signal::send::send_kernel;

impl Terminal {
    fn session(&self) -> Option<Arc<Session>> {
        self.state.lock().session.as_ref()?.upgrade()
    }

    /// Becomes the controlling terminal of the session that `task`'s process leads.
    ///
    /// # Errors
    /// `EPERM`: it leads none, or either has another.
    pub(crate) fn adopt_session_of(self: &Arc<Self>, task: &Task) -> SysResult {
        let table = task.kernel().table();
        let (Some(session), Some(group)) =
            (table.session_of(task.pid()), table.group_of(task.pid()))
        else {
            return Err(Errno::ESRCH.into());
        };
        if session.sid().raw() != task.pid().raw()
            || session.terminal().is_some()
            || self.session().is_some()
        {
            return Err(Errno::EPERM.into());
        }
        let mut state = self.state.lock();
        state.session = Some(Arc::downgrade(&session));
        state.foreground = Some(group);
        drop(state);
        drop(session.replace_terminal(Some(Arc::clone(self))));
        Ok(())
    }

    /// Whether the task's group is in the background of this, its own terminal; answers the group.
    fn background_group(&self, task: &Task) -> Option<Pgid> {
        let table = task.kernel().table();
        let session = table.session_of(task.pid())?;
        let own = self.session()?;
        if !Arc::ptr_eq(&session, &own) {
            return None;
        }
        let group = table.group_of(task.pid())?;
        let foreground = self.state.lock().foreground?;
        (foreground != group).then_some(group)
    }
}

fn ignores(task: &Task, signal: SigNum) -> bool {
    let signals = task.process().signals().lock();
    signals.actions.of(signal).handler == SigHandler::Ignore
        || signals
            .thread(task.tid())
            .is_some_and(|thread| thread.mask.contains(signal))
}

fn signal_group(task: &Task, group: Pgid, signal: SigNum) {
    for process in task.kernel().table().members(group) {
        send_kernel(&process, signal);
    }
}

/// Checks that the task may change the terminal; the background is stopped by `SIGTTOU`.
///
/// # Errors
/// `EINTR` (restartable): after the stop, try again. `EIO`: an orphaned group.
pub(super) fn check_change(task: &Task, terminal: &Terminal) -> SysResult {
    let Some(group) = terminal.background_group(task) else {
        return Ok(());
    };
    if ignores(task, SigNum::SIGTTOU) {
        return Ok(());
    }
    if task.kernel().table().is_in_orphaned_group(task.pid()) {
        return Err(Errno::EIO.into());
    }
    signal_group(task, group, SigNum::SIGTTOU);
    Err(SysError::interrupted())
}

/// Checks that the task may put bytes into the input: only its own terminal's, or the superuser.
pub(super) fn check_insert(task: Option<&Task>, terminal: &Terminal) -> SysResult {
    let Some(task) = task else { return Ok(()) };
    let session = task.kernel().table().session_of(task.pid());
    let own = session
        .and_then(|session| session.terminal())
        .is_some_and(|own| std::ptr::eq(&raw const *own, terminal));
    if own || task.process().credentials().is_privileged() {
        Ok(())
    } else {
        Err(Errno::EPERM.into())
    }
}

/// Waits until the task may read its terminal: a background group is stopped by `SIGTTIN`.
///
/// # Errors
/// `EIO`: `SIGTTIN` would do nothing. `EINTR`: a handler is to run.
pub(super) async fn await_foreground_to_read(task: &Task, slave: &PtySlave) -> SysResult {
    while let Some(group) = slave.terminal().background_group(task) {
        if ignores(task, SigNum::SIGTTIN) || task.kernel().table().is_in_orphaned_group(task.pid())
        {
            return Err(Errno::EIO.into());
        }
        signal_group(task, group, SigNum::SIGTTIN);
        if task.settle_signals().await {
            return Err(SysError::interrupted());
        }
    }
    Ok(())
}

/// Waits until the task may write to its terminal: with `TOSTOP`, a background group is stopped by `SIGTTOU`.
///
/// # Errors
/// `EIO`: an orphaned group. `EINTR`: a handler is to run.
pub(crate) async fn await_foreground_to_write(task: &Task, file: &OpenFile) -> SysResult {
    let Some(slave) = file.downcast::<PtySlave>() else {
        return Ok(());
    };
    let stops = || {
        slave
            .terminal()
            .state
            .lock()
            .discipline
            .termios
            .local
            .contains(LocalFlags::TOSTOP)
    };
    while stops() {
        match check_change(task, slave.terminal()) {
            Err(error) if error.is_restartable() => {
                if task.settle_signals().await {
                    return Err(error);
                }
            }
            done => return done,
        }
    }
    Ok(())
}

/// A terminal was opened: a session leader without one gets it as its own, unless `O_NOCTTY`.
pub(crate) fn opened(task: &Task, file: &Arc<OpenFile>, flags: OpenFlags) {
    if flags.contains(OpenFlags::O_NOCTTY) {
        return;
    }
    if let Some(slave) = file.downcast::<PtySlave>() {
        // Whoever cannot have it just has it open.
        slave.terminal().adopt_session_of(task).ok();
    }
}

/// `TIOCGPTPEER`: opens the slave of a master.
///
/// # Errors
/// `ENOTTY`: not a master. `EIO`: the slave is locked.
pub(crate) fn open_peer(file: &OpenFile, flags: OpenFlags) -> SysResult<Arc<OpenFile>> {
    let master = file.downcast::<PtyMaster>().ok_or(Errno::ENOTTY)?;
    Ok(OpenFile::new(master.terminal().open_slave()?, flags))
}

/// A session leader ends: its terminal hangs up. See exit(3), setsid(2).
pub(crate) fn hang_up_session_of(kernel: &Kernel, process: &Process) {
    let Some(session) = kernel.table().session_of(process.pid()) else {
        return;
    };
    if session.sid().raw() != process.pid().raw() {
        return;
    }
    // Linux: disassociate_ctty. One that hung up before told only the leader.
    let Some(terminal) = session.replace_terminal(None) else {
        if let Some(group) = session.take_foreground() {
            for process in kernel.table().members(group) {
                send_kernel(&process, SigNum::SIGHUP);
                send_kernel(&process, SigNum::SIGCONT);
            }
        }
        return;
    };
    let foreground = release(&terminal);
    terminal.signal(foreground, &[SigNum::SIGHUP]);
}

/// Takes the terminal from its session; answers the foreground group.
fn release(terminal: &Terminal) -> Option<Pgid> {
    let mut state = terminal.state.lock();
    state.session = None;
    state.foreground.take()
}

/// Requests about sessions and groups.
pub(super) fn ioctl(
    terminal: &Arc<Terminal>,
    task: Option<&Task>,
    request: TtyRequest<'_>,
    is_master: bool,
) -> SysResult<i32> {
    let task = task.ok_or(Errno::ENOTTY)?;
    let table = task.kernel().table();
    let own = table.session_of(task.pid()).ok_or(Errno::ESRCH)?;
    let is_ours = terminal
        .session()
        .is_some_and(|session| Arc::ptr_eq(&session, &own));
    match request {
        TtyRequest::ForegroundGroup(answer) => {
            if !is_ours && !is_master {
                return Err(Errno::ENOTTY.into());
            }
            *answer = terminal.state.lock().foreground.map_or(0, Pgid::raw);
        }
        TtyRequest::SetForegroundGroup(group) => {
            if !is_ours {
                return Err(Errno::ENOTTY.into());
            }
            match check_change(task, terminal) {
                Err(error) if error.errno() == Errno::EIO => return Err(Errno::ENOTTY.into()),
                checked => checked?,
            }
            if group < 0 {
                return Err(Errno::EINVAL.into());
            }
            let group = Pgid::new(group);
            let session = table.lock().session_of_group(group);
            match session {
                None => return Err(Errno::ESRCH.into()),
                Some(session) if session != own.sid() => return Err(Errno::EPERM.into()),
                Some(_) => {}
            }
            terminal.state.lock().foreground = Some(group);
        }
        TtyRequest::Session(answer) => {
            if !is_ours && !is_master {
                return Err(Errno::ENOTTY.into());
            }
            *answer = terminal.session().ok_or(Errno::ENOTTY)?.sid().raw();
        }
        TtyRequest::SetControlling(steals) => set_controlling(terminal, task, &own, steals)?,
        TtyRequest::GiveUpControlling => {
            if !is_ours {
                return Err(Errno::ENOTTY.into());
            }
            if own.sid().raw() == task.pid().raw() {
                drop(own.replace_terminal(None));
                let foreground = release(terminal);
                terminal.signal(foreground, &[SigNum::SIGHUP, SigNum::SIGCONT]);
            }
        }
        _ => return Err(Errno::ENOTTY.into()),
    }
    Ok(0)
}

fn set_controlling(
    terminal: &Arc<Terminal>,
    task: &Task,
    own: &Arc<Session>,
    steals: bool,
) -> SysResult {
    let before = terminal.session();
    if own.sid().raw() == task.pid().raw()
        && before
            .as_ref()
            .is_some_and(|session| Arc::ptr_eq(session, own))
    {
        return Ok(());
    }
    if let Some(before) = before.filter(|before| !Arc::ptr_eq(before, own)) {
        if !steals || !task.process().credentials().is_privileged() {
            return Err(Errno::EPERM.into());
        }
        drop(before.replace_terminal(None));
        release(terminal);
    }
    terminal.adopt_session_of(task)
}
