//! The two ends of a pseudo-terminal: [`PtyMaster`], the keyboard and screen, and [`PtySlave`], what programs have open.

use std::any::Any;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{DeviceId, FileType, Stat};
use cenote_abi::poll::PollEvents;
use cenote_abi::tty::{TCIFLUSH, TCIOFF, TCIOFLUSH, TCION, TCOFLUSH, TCOOFF, TCOON};
use cenote_base::{SysResult, WaitQueue};
use cenote_vfs::file::TermiosWhen;
use cenote_vfs::{File, IoctlCaller, IoctlRequest, TtyRequest};

use super::controlling;
use super::discipline::Discipline;
use super::pty::Terminal;
use crate::process::Task;

/// The end with the keyboard and the screen.
#[derive(Debug)]
pub struct PtyMaster {
    terminal: Arc<Terminal>,
}

impl PtyMaster {
    pub(super) fn new(terminal: Arc<Terminal>) -> Arc<Self> {
        Arc::new(Self { terminal })
    }

    /// The terminal.
    #[must_use]
    pub fn terminal(&self) -> &Arc<Terminal> {
        &self.terminal
    }
}

impl File for PtyMaster {
    fn read(&self, _at: u64, buf: &mut [u8]) -> SysResult<usize> {
        let mut state = self.terminal.state.lock();
        let count = if state.is_packet_mode {
            read_packet(&mut state.discipline, buf)
        } else {
            state.discipline.take_output(buf)
        };
        let is_hung_up = !state.master_is_open || (state.had_slave && state.slaves == 0);
        drop(state);
        if count > 0 {
            self.terminal.slave_queue.wake(PollEvents::WRITABLE);
            return Ok(count);
        }
        // Linux: the master reads EIO once the last slave is closed.
        Err(if is_hung_up {
            Errno::EIO
        } else {
            Errno::EAGAIN
        }
        .into())
    }

    fn write(&self, _at: u64, buf: &[u8]) -> SysResult<usize> {
        let mut state = self.terminal.state.lock();
        if !state.master_is_open {
            return Err(Errno::EIO.into());
        }
        let (count, effects) = state.discipline.input(buf);
        let foreground = state.foreground;
        drop(state);
        self.terminal.wake();
        self.terminal.signal(foreground, &effects.signals);
        if count == 0 && !buf.is_empty() {
            Err(Errno::EAGAIN.into())
        } else {
            Ok(count)
        }
    }

    fn poll(&self) -> PollEvents {
        let state = self.terminal.state.lock();
        let mut events = PollEvents::empty();
        if state.discipline.unsent() > 0 {
            events |= PollEvents::READABLE;
        }
        if state.is_packet_mode && state.discipline.has_events() {
            events |= PollEvents::READABLE | PollEvents::POLLPRI;
        }
        if state.discipline.has_input_room() {
            events |= PollEvents::WRITABLE;
        }
        if !state.master_is_open || (state.had_slave && state.slaves == 0) {
            events |= PollEvents::POLLHUP;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.terminal.master_queue)
    }

    fn ioctl(&self, caller: &dyn IoctlCaller, request: IoctlRequest<'_>) -> SysResult<i32> {
        let terminal = &self.terminal;
        match request {
            IoctlRequest::Tty(TtyRequest::PtyNumber(number)) => *number = terminal.number,
            IoctlRequest::Tty(TtyRequest::LockPty(lock)) => terminal.state.lock().is_locked = lock,
            IoctlRequest::Tty(TtyRequest::PtyLocked(answer)) => {
                *answer = terminal.state.lock().is_locked.into()
            }
            IoctlRequest::Tty(TtyRequest::PacketMode(on)) => {
                let mut state = terminal.state.lock();
                if on && !state.is_packet_mode {
                    state.discipline.take_events();
                }
                state.is_packet_mode = on;
            }
            IoctlRequest::Tty(TtyRequest::IsPacketMode(answer)) => {
                *answer = terminal.state.lock().is_packet_mode.into();
            }
            IoctlRequest::BytesReadable(count) => {
                *count = clamp(terminal.state.lock().discipline.unsent())
            }
            request => return terminal_ioctl(terminal, caller, request, true),
        }
        Ok(0)
    }

    fn stat(&self) -> SysResult<Option<Stat>> {
        Ok(Some(Stat {
            mode: FileType::CharDevice.mode_bits() | 0o666,
            rdev: DeviceId::new(5, 2).encode(),
            ino: 2,
            uid: 0,
            gid: 0,
            ..self.terminal.stat()
        }))
    }

    fn released(&self) {
        self.terminal.hang_up();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Packet mode: one byte of what happened, or a zero byte and output. See `ioctl_tty(2)`.
fn read_packet(discipline: &mut Discipline, buf: &mut [u8]) -> usize {
    let Some((head, rest)) = buf.split_first_mut() else {
        return 0;
    };
    if discipline.has_events() {
        *head = discipline.take_events().bits();
        return 1;
    }
    if discipline.unsent() == 0 {
        return 0;
    }
    *head = 0;
    1 + discipline.take_output(rest)
}

/// The end that programs have open.
#[derive(Debug)]
pub struct PtySlave {
    terminal: Arc<Terminal>,
}

impl PtySlave {
    pub(super) fn new(terminal: Arc<Terminal>) -> Arc<Self> {
        Arc::new(Self { terminal })
    }

    /// The terminal.
    #[must_use]
    pub fn terminal(&self) -> &Arc<Terminal> {
        &self.terminal
    }
}

impl File for PtySlave {
    fn read(&self, _at: u64, buf: &mut [u8]) -> SysResult<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut state = self.terminal.state.lock();
        if !state.master_is_open {
            return Ok(0);
        }
        let taken = state.discipline.read(buf);
        drop(state);
        let count = taken.ok_or(Errno::EAGAIN)?;
        self.terminal.master_queue.wake(PollEvents::WRITABLE);
        Ok(count)
    }

    fn write(&self, _at: u64, buf: &[u8]) -> SysResult<usize> {
        let mut state = self.terminal.state.lock();
        if !state.master_is_open {
            return Err(Errno::EIO.into());
        }
        let count = state.discipline.write(buf);
        drop(state);
        if count == 0 && !buf.is_empty() {
            return Err(Errno::EAGAIN.into());
        }
        self.terminal.master_queue.wake(PollEvents::READABLE);
        Ok(count)
    }

    fn poll(&self) -> PollEvents {
        let state = self.terminal.state.lock();
        if !state.master_is_open {
            return PollEvents::READABLE
                | PollEvents::WRITABLE
                | PollEvents::POLLHUP
                | PollEvents::POLLERR;
        }
        let mut events = PollEvents::empty();
        if state.discipline.has_input() {
            events |= PollEvents::READABLE;
        }
        if state.discipline.has_output_room() {
            events |= PollEvents::WRITABLE;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.terminal.slave_queue)
    }

    fn ioctl(&self, caller: &dyn IoctlCaller, request: IoctlRequest<'_>) -> SysResult<i32> {
        if self.terminal.is_hung_up() {
            // Linux: hung_up_tty_ioctl.
            return Err(match request {
                IoctlRequest::Tty(TtyRequest::SetForegroundGroup(_)) => Errno::ENOTTY,
                _ => Errno::EIO,
            }
            .into());
        }
        match request {
            IoctlRequest::BytesReadable(count) => {
                *count = clamp(self.terminal.state.lock().discipline.readable());
                Ok(0)
            }
            request => terminal_ioctl(&self.terminal, caller, request, false),
        }
    }

    fn stat(&self) -> SysResult<Option<Stat>> {
        Ok(Some(self.terminal.stat()))
    }

    fn released(&self) {
        let mut state = self.terminal.state.lock();
        state.slaves = state.slaves.saturating_sub(1);
        if state.slaves == 0 {
            state.is_exclusive = false;
        }
        drop(state);
        self.terminal.master_queue.wake_all();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn clamp(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Serves what both ends know. See `ioctl_tty(2)`.
fn terminal_ioctl(
    terminal: &Arc<Terminal>,
    caller: &dyn IoctlCaller,
    request: IoctlRequest<'_>,
    is_master: bool,
) -> SysResult<i32> {
    let request = match request {
        IoctlRequest::Tty(request) => request,
        // What the master has not read counts as sent: there is no wire.
        IoctlRequest::BytesUnsent(count) => {
            *count = 0;
            return Ok(0);
        }
        _ => return Err(Errno::ENOTTY.into()),
    };
    let task = caller.as_any().downcast_ref::<Task>();
    // What changes the terminal is refused to the background; the master is not part of the session.
    let check = || match task {
        Some(task) if !is_master => controlling::check_change(task, terminal),
        _ => Ok(()),
    };
    match request {
        TtyRequest::Settings(termios) => *termios = terminal.state.lock().discipline.termios,
        TtyRequest::SetSettings(when, termios) => {
            check()?;
            let mut state = terminal.state.lock();
            if when == TermiosWhen::Flushed {
                state.discipline.flush_input();
            }
            state.discipline.set_termios(termios);
            drop(state);
            terminal.wake();
        }
        TtyRequest::WindowSize(window) => *window = terminal.window(),
        TtyRequest::SetWindowSize(window) => terminal.resize(window),
        TtyRequest::SendBreak(_) => check()?,
        TtyRequest::Flow(action) => {
            check()?;
            let mut state = terminal.state.lock();
            match action {
                TCOOFF => state.discipline.suspend_output(),
                TCOON => state.discipline.resume_output(),
                TCIOFF => state.discipline.send_flow(true),
                TCION => state.discipline.send_flow(false),
                _ => return Err(Errno::EINVAL.into()),
            }
            drop(state);
            terminal.wake();
        }
        TtyRequest::Flush(queue) => {
            check()?;
            let mut state = terminal.state.lock();
            match queue {
                TCIFLUSH => state.discipline.flush_input(),
                TCOFLUSH => state.discipline.flush_output(),
                TCIOFLUSH => {
                    state.discipline.flush_input();
                    state.discipline.flush_output();
                }
                _ => return Err(Errno::EINVAL.into()),
            }
            drop(state);
            terminal.wake();
        }
        TtyRequest::Insert(byte) => {
            controlling::check_insert(task, terminal)?;
            let mut state = terminal.state.lock();
            let (_, effects) = state.discipline.input(&[byte]);
            let foreground = state.foreground;
            drop(state);
            terminal.wake();
            terminal.signal(foreground, &effects.signals);
        }
        TtyRequest::Exclusive(on) => terminal.state.lock().is_exclusive = on,
        TtyRequest::IsExclusive(answer) => *answer = terminal.state.lock().is_exclusive.into(),
        TtyRequest::Discipline(number) => *number = 0,
        request => return controlling::ioctl(terminal, task, request, is_master),
    }
    Ok(0)
}
