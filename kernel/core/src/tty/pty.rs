//! A pseudo-terminal: [`Terminal`], what its two ends share; and [`PtyTable`], those of a machine.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use cenote_abi::fs::{DeviceId, FileType, OpenFlags, Stat};
use cenote_abi::tty::{Termios, WinSize};
use cenote_abi::{Errno, SigNum};
use cenote_base::limits::{Charge, Resource};
use cenote_base::{Gid, Pgid, Pid, SysResult, Uid, WaitQueue};
use cenote_vfs::OpenFile;
use cenote_vfs::filesystem::next_device;
use parking_lot::Mutex;

use super::discipline::Discipline;
use super::ends::{PtyMaster, PtySlave};
use crate::kernel::Kernel;
use crate::process::session::Session;
use crate::signal::send::send_kernel;

/// The major device number of Unix98 slaves.
const SLAVE_MAJOR: u32 = 136;

/// What the two ends of a pseudo-terminal share.
#[derive(Debug)]
pub struct Terminal {
    pub(super) number: u32,
    /// As [`PtyTable::device`].
    device: u64,
    kernel: Weak<Kernel>,
    table: Weak<PtyTable>,
    pub(super) owner: (Uid, Gid),
    pub(super) state: Mutex<State>,
    /// Woken when the slave can be read or written.
    pub(super) slave_queue: WaitQueue,
    /// Woken when the master can be read or written.
    pub(super) master_queue: WaitQueue,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) discipline: Discipline,
    pub(super) window: WinSize,
    pub(super) session: Option<Weak<Session>>,
    pub(super) foreground: Option<Pgid>,
    pub(super) is_locked: bool,
    pub(super) is_exclusive: bool,
    pub(super) is_packet_mode: bool,
    pub(super) master_is_open: bool,
    pub(super) slaves: usize,
    /// A slave was open once: without one, the master has been hung up.
    pub(super) had_slave: bool,
}

impl Terminal {
    /// Its number, as in `/dev/pts/N`.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// What `stat` says of the slave, by its name and of who has it open.
    pub(super) fn stat(&self) -> Stat {
        Stat {
            dev: self.device,
            ino: u64::from(self.number) + 3,
            nlink: 1,
            mode: FileType::CharDevice.mode_bits() | 0o620,
            uid: self.owner.0.raw(),
            gid: self.owner.1.raw(),
            rdev: DeviceId::new(SLAVE_MAJOR, self.number).encode(),
            blksize: 1024,
            ..Stat::default()
        }
    }

    pub(super) fn kernel(&self) -> Option<Arc<Kernel>> {
        self.kernel.upgrade()
    }

    /// Opens another slave end.
    ///
    /// # Errors
    /// `EIO`: the master is gone, or the slave is locked.
    pub fn open_slave(self: &Arc<Self>) -> SysResult<Arc<PtySlave>> {
        let mut state = self.state.lock();
        if state.is_locked || !state.master_is_open {
            return Err(Errno::EIO.into());
        }
        if state.is_exclusive {
            return Err(Errno::EBUSY.into());
        }
        state.slaves += 1;
        state.had_slave = true;
        drop(state);
        Ok(PtySlave::new(Arc::clone(self)))
    }

    /// A slave end as an open file for reading and writing.
    ///
    /// # Errors
    /// As [`open_slave`](Self::open_slave).
    pub fn open_slave_file(self: &Arc<Self>) -> SysResult<Arc<OpenFile>> {
        Ok(OpenFile::new(self.open_slave()?, OpenFlags::O_RDWR))
    }

    /// Changes the size of the window, and tells the foreground group.
    pub fn resize(&self, window: WinSize) {
        let mut state = self.state.lock();
        if state.window == window {
            return;
        }
        state.window = window;
        let foreground = state.foreground;
        drop(state);
        self.signal(foreground, &[SigNum::SIGWINCH]);
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> Termios {
        self.state.lock().discipline.termios
    }

    /// Changes the settings at once, as a terminal emulator does before its program starts.
    pub fn set_settings(&self, settings: Termios) {
        self.state.lock().discipline.set_termios(settings);
        self.wake();
    }

    /// Sends a signal to the foreground group, as a key does.
    pub fn signal_foreground(&self, signal: SigNum) {
        self.signal(self.foreground(), &[signal]);
    }

    /// The foreground group.
    #[must_use]
    pub fn foreground(&self) -> Option<Pgid> {
        self.state.lock().foreground
    }

    /// The size of the window.
    #[must_use]
    pub fn window(&self) -> WinSize {
        self.state.lock().window
    }

    /// Sends signals to a group.
    pub(super) fn signal(&self, group: Option<Pgid>, signals: &[SigNum]) {
        let (Some(kernel), Some(group)) = (self.kernel(), group) else {
            return;
        };
        for signal in signals {
            for process in kernel.table().members(group) {
                send_kernel(&process, *signal);
            }
        }
    }

    pub(super) fn wake(&self) {
        self.slave_queue.wake_all();
        self.master_queue.wake_all();
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_hung_up(&self) -> bool {
        !self.state.lock().master_is_open
    }

    /// Ends the connection, as when the master is closed: whoever has the terminal loses it. A second time does nothing.
    pub fn hang_up(&self) {
        let mut state = self.state.lock();
        if !std::mem::take(&mut state.master_is_open) {
            return;
        }
        let session = state.session.take().and_then(|session| session.upgrade());
        let foreground = state.foreground.take();
        drop(state);
        if let Some(table) = self.table.upgrade() {
            table.terminals.lock().remove(&self.number);
        }
        // Linux: __tty_hangup tells the session's leader alone; the foreground group hears of it when the leader ends.
        if let (Some(session), Some(kernel)) = (session, self.kernel()) {
            drop(session.replace_terminal(None));
            match kernel.table().get(Pid::new(session.sid().raw())) {
                Some(leader) => {
                    session.remember_foreground(foreground);
                    send_kernel(&leader, SigNum::SIGHUP);
                    send_kernel(&leader, SigNum::SIGCONT);
                }
                None => self.signal(foreground, &[SigNum::SIGHUP, SigNum::SIGCONT]),
            }
        }
        self.wake();
    }
}

/// The pseudo-terminals of a machine.
#[derive(Debug)]
pub struct PtyTable {
    /// The device that `/dev/pts` is on, whether it is mounted or not.
    pub(super) device: u64,
    pub(super) terminals: Mutex<BTreeMap<u32, Entry>>,
}

/// A terminal of the table. Whoever has it longer than the table pays nothing for it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) terminal: Arc<Terminal>,
    _charge: Charge,
}

impl PtyTable {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            device: next_device(),
            terminals: Mutex::default(),
        })
    }

    /// Makes a pseudo-terminal; its slave is locked until `TIOCSPTLCK` unless `unlocked`.
    ///
    /// # Errors
    /// `ENOSPC`: the machine has all it may have.
    pub(crate) fn create(
        self: &Arc<Self>,
        kernel: &Arc<Kernel>,
        owner: (Uid, Gid),
        is_locked: bool,
    ) -> SysResult<Arc<PtyMaster>> {
        let charge = kernel.budget().charge(Resource::Terminals, 1)?;
        let mut terminals = self.terminals.lock();
        let number = (0..)
            .find(|number| !terminals.contains_key(number))
            .ok_or(Errno::ENOSPC)?;
        let terminal = Arc::new(Terminal {
            number,
            device: self.device,
            kernel: Arc::downgrade(kernel),
            table: Arc::downgrade(self),
            owner,
            state: Mutex::new(State {
                discipline: Discipline::new(),
                window: WinSize::default(),
                session: None,
                foreground: None,
                is_locked,
                is_exclusive: false,
                is_packet_mode: false,
                master_is_open: true,
                slaves: 0,
                had_slave: false,
            }),
            slave_queue: WaitQueue::new(),
            master_queue: WaitQueue::new(),
        });
        let entry = Entry {
            terminal: Arc::clone(&terminal),
            _charge: charge,
        };
        terminals.insert(number, entry);
        Ok(PtyMaster::new(terminal))
    }

    /// A pseudo-terminal by its number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<Arc<Terminal>> {
        let terminals = self.terminals.lock();
        terminals
            .get(&number)
            .map(|entry| Arc::clone(&entry.terminal))
    }

    /// The numbers in use.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.terminals.lock().keys().copied().collect()
    }

    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.terminals.lock());
        drop(all);
    }
}

impl Kernel {
    /// A pseudo-terminal for the embedder: the master end as an open file, and the terminal to open slaves of and to
    /// give to [`SpawnRequest::controlling_terminal`](crate::SpawnRequest::controlling_terminal). `owner` owns its node below `/dev/pts`.
    ///
    /// # Errors
    /// `ENOSPC`: the machine has all it may have.
    pub fn open_terminal(
        self: &Arc<Self>,
        window: WinSize,
        owner: (Uid, Gid),
    ) -> SysResult<(Arc<OpenFile>, Arc<Terminal>)> {
        let master = self.ptys().create(self, owner, false)?;
        let terminal = Arc::clone(master.terminal());
        terminal.state.lock().window = window;
        Ok((OpenFile::new(master, OpenFlags::O_RDWR), terminal))
    }
}
