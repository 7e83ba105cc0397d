//! The way out: a program's output and the echo of keys, processed as the output modes say.

use cenote_abi::tty::{
    InputFlags, LocalFlags, OutputFlags, POSIX_VDISABLE, PacketEvents, VSTART, VSTOP,
};

use super::{Discipline, MAX_LINE, MAX_WAITING, take};

/// The bytes that one byte of output becomes: up to eight, for a tab of spaces.
struct Shown {
    bytes: [u8; 8],
    len: usize,
}

impl Shown {
    fn one(byte: u8) -> Self {
        let mut bytes = [b' '; 8];
        bytes[0] = byte;
        Self { bytes, len: 1 }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The kernel's `iscntrl`: ASCII only.
pub(super) fn is_control(byte: u8) -> bool {
    byte.is_ascii_control()
}

impl Discipline {
    pub(in super::super) fn has_output_room(&self) -> bool {
        !self.is_stopped && self.output.len() < MAX_WAITING
    }

    /// How many bytes of output the other side has not taken.
    pub(in super::super) fn unsent(&self) -> usize {
        self.output.len()
    }

    /// Takes output for the other side.
    pub(in super::super) fn take_output(&mut self, buf: &mut [u8]) -> usize {
        take(&mut self.output, buf)
    }

    /// Writes a program's output; answers how many bytes were taken.
    pub(in super::super) fn write(&mut self, bytes: &[u8]) -> usize {
        let mut count = 0;
        for byte in bytes {
            if !self.has_output_room() {
                break;
            }
            let shown = self.processed(*byte);
            self.output.extend(shown.bytes());
            count += 1;
        }
        count
    }

    /// Whether the byte goes on with a character of UTF-8 that has begun.
    pub(super) fn is_continuation(&self, byte: u8) -> bool {
        self.takes(InputFlags::IUTF8) && byte & 0xc0 == 0x80
    }

    /// What a byte becomes on the way out; keeps count of the column.
    fn processed(&mut self, byte: u8) -> Shown {
        let modes = self.termios.output;
        if !modes.contains(OutputFlags::OPOST) {
            return Shown::one(byte);
        }
        match byte {
            b'\n' => return self.newline(),
            b'\r' => {
                if modes.contains(OutputFlags::ONOCR) && self.column == 0 {
                    return Shown {
                        len: 0,
                        ..Shown::one(byte)
                    };
                }
                let becomes_newline = modes.contains(OutputFlags::OCRNL);
                if !becomes_newline || modes.contains(OutputFlags::ONLRET) {
                    self.column = 0;
                    self.line_column = 0;
                }
                return Shown::one(if becomes_newline { b'\n' } else { b'\r' });
            }
            b'\t' => {
                let width = 8 - self.column % 8;
                self.column = self.column.saturating_add(width);
                if modes.contains(OutputFlags::XTABS) {
                    return Shown {
                        len: width,
                        ..Shown::one(b' ')
                    };
                }
            }
            8 => self.column = self.column.saturating_sub(1),
            _ if is_control(byte) => {}
            _ => {
                if !self.is_continuation(byte) {
                    self.column = self.column.saturating_add(1);
                }
                if modes.contains(OutputFlags::OLCUC) {
                    return Shown::one(byte.to_ascii_uppercase());
                }
            }
        }
        Shown::one(byte)
    }

    fn newline(&mut self) -> Shown {
        let modes = self.termios.output;
        if modes.contains(OutputFlags::ONLRET) {
            self.column = 0;
        }
        if modes.contains(OutputFlags::ONLCR) {
            self.column = 0;
        }
        self.line_column = self.column;
        if !modes.contains(OutputFlags::ONLCR) {
            return Shown::one(b'\n');
        }
        let mut shown = Shown::one(b'\r');
        shown.bytes[1] = b'\n';
        shown.len = 2;
        shown
    }

    /// Sends echo as it is, or holds it while output is stopped. What nobody looks at is lost in the end.
    fn send_echo(&mut self, bytes: &[u8]) {
        if self.is_stopped {
            if self.held.len() < MAX_LINE {
                self.held.extend(bytes);
            }
        } else if self.output.len() < MAX_WAITING + MAX_LINE {
            self.output.extend(bytes);
        }
    }

    /// Echoes a byte as if a program had written it.
    pub(super) fn echo_plain(&mut self, byte: u8) {
        let shown = self.processed(byte);
        self.send_echo(shown.bytes());
    }

    /// Echoes a byte; control characters as `^X` when that is asked for.
    pub(super) fn echo_visibly(&mut self, byte: u8) {
        if self.has(LocalFlags::ECHOCTL) && is_control(byte) && byte != b'\t' {
            self.column = self.column.saturating_add(2);
            self.send_echo(&[b'^', byte ^ 0x40]);
        } else {
            self.echo_plain(byte);
        }
    }

    /// The echo goes back over a tab. `before` columns are taken between it and the start of the line, or another tab.
    pub(super) fn echo_erased_tab(&mut self, before: usize, follows_a_tab: bool) {
        let before = if follows_a_tab {
            before
        } else {
            before.saturating_add(self.line_column)
        };
        for _ in 0..8 - before % 8 {
            self.column = self.column.saturating_sub(1);
            self.send_echo(b"\x08");
        }
    }

    /// The echo went back over a continuation byte, which took no column.
    pub(super) fn move_back(&mut self) {
        self.column = self.column.saturating_sub(1);
    }

    /// `VSTOP`.
    pub(super) fn stop_output(&mut self) {
        if !self.is_stopped {
            self.is_stopped = true;
            self.events.remove(PacketEvents::START);
            self.events |= PacketEvents::STOP;
        }
    }

    /// `VSTART`: goes on, unless a program stopped the output.
    pub(super) fn start_output(&mut self) {
        if self.is_stopped && !self.is_suspended {
            self.is_stopped = false;
            self.events.remove(PacketEvents::STOP);
            self.events |= PacketEvents::START;
            let held = std::mem::take(&mut self.held);
            self.send_echo(&held);
        }
    }

    /// `TCOOFF`.
    pub(in super::super) fn suspend_output(&mut self) {
        if !self.is_suspended {
            self.is_suspended = true;
            self.stop_output();
        }
    }

    /// `TCOON`.
    pub(in super::super) fn resume_output(&mut self) {
        if std::mem::take(&mut self.is_suspended) {
            self.start_output();
        }
    }

    /// `TCIOFF` and `TCION`: asks the other side to stop or start.
    pub(in super::super) fn send_flow(&mut self, stops: bool) {
        let key = self.termios.cc[if stops { VSTOP } else { VSTART }];
        if key != POSIX_VDISABLE && self.output.len() < MAX_WAITING + MAX_LINE {
            self.output.push_back(key);
        }
    }
}
