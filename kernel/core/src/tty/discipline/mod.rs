//! The line discipline: what a terminal does with each byte on its way in and out. A pure state machine.
//!
//! Follows termios(3) and Linux's `drivers/tty/n_tty.c`, byte for byte (tests/shell/tty asks a real Linux the same). Input is edited in
//! [`Discipline::edit`] until a line is done, then waits in `lines`; in raw mode all of it is one line. `keyboard` is the way in,
//! `screen` the way out and the echo.
//! Differs: no parity marking but the doubled 0xff, no delays; `VDISCARD` does nothing; 64 KiB wait for a reader instead of 4 KiB,
//! and when they are full a key that sends a signal or starts output is still heard.

mod keyboard;
mod screen;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use cenote_abi::tty::{
    InputFlags, LocalFlags, POSIX_VDISABLE, PacketEvents, Termios, VMIN, VSTART, VSTOP, VTIME,
};

/// The longest line: Linux's `N_TTY_BUF_SIZE`, one byte kept for its end.
const MAX_LINE: usize = 4095;
/// How many bytes wait to be read, or to be shown, before the other side has to wait.
const MAX_WAITING: usize = 64 << 10;
/// How many lines wait to be read: an end of file is a line without a byte.
const MAX_LINES: usize = 4096;

/// A line that is done, or all the bytes of raw input.
#[derive(Debug, Default)]
struct Line {
    bytes: VecDeque<u8>,
    /// `VEOF` ended it and is no part of it: alone it is the end of the file.
    ends_by_eof: bool,
}

/// How a read of raw input is paced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Pace {
    /// `VMIN`: how many bytes a read waits for; 0 where lines are read.
    pub(super) minimum: usize,
    /// `VTIME`, in tenths of a second: between bytes, or without a minimum for the first; 0: no limit.
    pub(super) tenths: u32,
}

/// The state of a terminal's two directions.
#[derive(Debug)]
pub(super) struct Discipline {
    pub(super) termios: Termios,
    edit: Vec<u8>,
    lines: VecDeque<Line>,
    /// How many bytes `lines` hold.
    waiting: usize,
    output: VecDeque<u8>,
    /// How much output there was before the keys that are being received: their echo is lost with them.
    before_echo: usize,
    /// Echo that waits until output goes on.
    held: Vec<u8>,
    column: usize,
    /// The column where the line that is edited begins.
    line_column: usize,
    is_literal_next: bool,
    /// With `ECHOPRT`: between `\` and `/`.
    is_erasing: bool,
    /// Output was stopped, by `VSTOP` or a program.
    is_stopped: bool,
    /// A program stopped it (`TCOOFF`): keys do not start it.
    is_suspended: bool,
    /// What a master in packet mode is told.
    events: PacketEvents,
}

impl Discipline {
    pub(super) fn new() -> Self {
        Self {
            termios: Termios::INITIAL,
            edit: Vec::new(),
            lines: VecDeque::new(),
            waiting: 0,
            output: VecDeque::new(),
            before_echo: 0,
            held: Vec::new(),
            column: 0,
            line_column: 0,
            is_literal_next: false,
            is_erasing: false,
            is_stopped: false,
            is_suspended: false,
            events: PacketEvents::empty(),
        }
    }

    fn has(&self, flag: LocalFlags) -> bool {
        self.termios.local.contains(flag)
    }

    fn takes(&self, flag: InputFlags) -> bool {
        self.termios.input.contains(flag)
    }

    fn is(&self, byte: u8, which: usize) -> bool {
        byte != POSIX_VDISABLE && self.termios.cc.get(which) == Some(&byte)
    }

    fn is_canonical(&self) -> bool {
        self.has(LocalFlags::ICANON) && !self.has(LocalFlags::EXTPROC)
    }

    /// How many bytes can be read now.
    pub(super) fn readable(&self) -> usize {
        self.waiting
    }

    /// Whether poll(2) says that a read has something to answer.
    pub(super) fn has_input(&self) -> bool {
        if self.is_canonical() {
            return !self.lines.is_empty();
        }
        let pace = self.pace();
        let wanted = if pace.tenths == 0 { pace.minimum } else { 1 };
        self.readable() >= wanted.max(1)
    }

    pub(super) fn pace(&self) -> Pace {
        if self.is_canonical() {
            return Pace {
                minimum: 0,
                tenths: 0,
            };
        }
        Pace {
            minimum: usize::from(self.termios.cc[VMIN]),
            tenths: u32::from(self.termios.cc[VTIME]),
        }
    }

    pub(super) fn has_input_room(&self) -> bool {
        self.waiting < MAX_WAITING && self.lines.len() < MAX_LINES
    }

    /// Takes input for a program: what is there, whatever `VMIN` asks for. `None`: it has to wait.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> Option<usize> {
        if self.is_canonical() {
            let line = self.lines.front_mut()?;
            let count = take(&mut line.bytes, buf);
            self.waiting -= count;
            if line.bytes.is_empty() {
                self.lines.pop_front();
            }
            return Some(count);
        }
        let mut count = 0;
        while count < buf.len() {
            let Some(line) = self.lines.front_mut() else {
                break;
            };
            count += take(&mut line.bytes, &mut buf[count..]);
            if line.bytes.is_empty() {
                self.lines.pop_front();
            }
        }
        self.waiting -= count;
        let pace = self.pace();
        // POSIX, case D: neither a minimum nor a time.
        let is_polling = pace.minimum == 0 && pace.tenths == 0;
        (count > 0 || is_polling).then_some(count)
    }

    /// Changes the settings. What was typed stays: as one piece, readable at once when lines are no longer asked for.
    pub(super) fn set_termios(&mut self, termios: Termios) {
        let before = std::mem::replace(&mut self.termios, termios);
        let changed = before.local ^ termios.local;
        if changed.intersects(LocalFlags::ICANON | LocalFlags::EXTPROC) {
            self.join_lines();
            self.is_literal_next = false;
            self.is_erasing = false;
        }
        if changed.contains(LocalFlags::EXTPROC) {
            self.events |= PacketEvents::IOCTL;
        }
        let flow = |termios: &Termios| {
            termios.input.contains(InputFlags::IXON)
                && termios.cc[VSTART] == 0x11
                && termios.cc[VSTOP] == 0x13
        };
        if flow(&before) != flow(&termios) {
            self.events
                .remove(PacketEvents::DOSTOP | PacketEvents::NOSTOP);
            self.events |= if flow(&termios) {
                PacketEvents::DOSTOP
            } else {
                PacketEvents::NOSTOP
            };
        }
        if before.input.contains(InputFlags::IXON) && !self.takes(InputFlags::IXON) {
            self.start_output();
        }
    }

    /// Makes one piece of all that was typed. Ends of file become the zero bytes that Linux marks them with.
    fn join_lines(&mut self) {
        let mut all = VecDeque::with_capacity(self.waiting);
        for line in self.lines.drain(..) {
            all.extend(line.bytes);
            if line.ends_by_eof {
                all.push_back(POSIX_VDISABLE);
            }
        }
        all.extend(self.edit.drain(..));
        self.waiting = all.len();
        if !all.is_empty() {
            self.lines.push_back(Line {
                bytes: all,
                ends_by_eof: false,
            });
        }
    }

    /// Forgets input that was not read.
    pub(super) fn flush_input(&mut self) {
        self.edit.clear();
        self.lines.clear();
        self.waiting = 0;
        self.held.clear();
        self.is_literal_next = false;
        self.is_erasing = false;
        self.events |= PacketEvents::FLUSHREAD;
    }

    /// Forgets output that was not taken, but for what Linux would have put into the master's own buffer by now.
    pub(super) fn flush_output(&mut self) {
        self.output.truncate(MAX_LINE);
        self.events |= PacketEvents::FLUSHWRITE;
    }

    /// Takes what a master in packet mode is to be told.
    pub(super) fn take_events(&mut self) -> PacketEvents {
        std::mem::take(&mut self.events)
    }

    pub(super) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }
}

fn take(from: &mut VecDeque<u8>, buf: &mut [u8]) -> usize {
    let count = buf.len().min(from.len());
    for (target, byte) in buf.iter_mut().zip(from.drain(..count)) {
        *target = byte;
    }
    count
}
