//! The line discipline: what a terminal does with each byte on its way in and out. A pure state machine.
//!
//! Follows termios(3) and Linux's `drivers/tty/n_tty.c`. Input is edited in [`Discipline::edit`] until a line is done, then
//! waits in `lines`; in raw mode every byte is a line's worth at once. Echo goes out like output.
//! Differs: no parity marking, no delays, no upper-case terminals; `VDISCARD` does nothing.

use std::collections::VecDeque;

use cenote_abi::SigNum;
use cenote_abi::tty::{
    InputFlags, LocalFlags, OutputFlags, POSIX_VDISABLE, Termios, VEOF, VEOL, VEOL2, VERASE, VINTR,
    VKILL, VLNEXT, VMIN, VQUIT, VREPRINT, VSTART, VSTOP, VSUSP, VTIME, VWERASE,
};

/// The longest line: Linux's `N_TTY_BUF_SIZE`, one byte kept for its end.
const MAX_LINE: usize = 4095;
/// How many bytes wait to be read, or to be shown, before the other side has to wait.
const MAX_WAITING: usize = 64 << 10;
/// How many lines wait to be read: an end of file is a line without a byte.
const MAX_LINES: usize = 4096;
/// What the bell is.
const BELL: u8 = 7;

/// A line that is done, or bytes of raw input. An empty one is an end of file.
#[derive(Debug, Default)]
struct Line {
    bytes: VecDeque<u8>,
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
    column: usize,
    is_literal_next: bool,
    pub(super) is_output_stopped: bool,
}

/// What processing input leads to besides bytes.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Signals for the foreground group.
    pub(super) signals: Vec<SigNum>,
}

impl Discipline {
    pub(super) fn new() -> Self {
        Self {
            termios: Termios::INITIAL,
            edit: Vec::new(),
            lines: VecDeque::new(),
            waiting: 0,
            output: VecDeque::new(),
            column: 0,
            is_literal_next: false,
            is_output_stopped: false,
        }
    }

    fn has(&self, flag: LocalFlags) -> bool {
        self.termios.local.contains(flag)
    }

    fn is(&self, byte: u8, which: usize) -> bool {
        byte != POSIX_VDISABLE && self.termios.cc.get(which) == Some(&byte)
    }

    fn is_canonical(&self) -> bool {
        self.has(LocalFlags::ICANON)
    }

    /// How many bytes can be read now.
    pub(super) fn readable(&self) -> usize {
        self.waiting
    }

    /// Whether a read has something to answer.
    pub(super) fn has_input(&self) -> bool {
        if self.is_canonical() {
            return !self.lines.is_empty();
        }
        self.readable() >= self.minimum().max(1)
    }

    /// `VMIN`.
    pub(super) fn minimum(&self) -> usize {
        usize::from(self.termios.cc[VMIN])
    }

    /// `VTIME`, in tenths of a second.
    pub(super) fn patience(&self) -> u32 {
        u32::from(self.termios.cc[VTIME])
    }

    pub(super) fn has_input_room(&self) -> bool {
        self.readable() < MAX_WAITING
    }

    pub(super) fn has_output_room(&self) -> bool {
        !self.is_output_stopped && self.output.len() < MAX_WAITING
    }

    /// How many bytes of output the other side has not taken.
    pub(super) fn unsent(&self) -> usize {
        self.output.len()
    }

    /// Takes input for a program. `None`: it has to wait.
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
        let available = self.readable();
        if available < self.minimum().min(buf.len()).max(1) {
            // POSIX, case D: neither a minimum nor a time.
            return (self.minimum() == 0 && self.patience() == 0).then_some(0);
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
        Some(count)
    }

    /// Takes output for the other side.
    pub(super) fn take_output(&mut self, buf: &mut [u8]) -> usize {
        take(&mut self.output, buf)
    }

    /// Writes a program's output; answers how many bytes were taken.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let mut count = 0;
        for byte in bytes {
            if !self.has_output_room() {
                break;
            }
            self.put(*byte);
            count += 1;
        }
        count
    }

    /// Puts a byte out, processed as the output modes say.
    fn put(&mut self, byte: u8) {
        // Echo that nobody looks at is lost; a program's output was asked to wait before.
        if self.output.len() >= MAX_WAITING + MAX_LINE {
            return;
        }
        let modes = self.termios.output;
        if !modes.contains(OutputFlags::OPOST) {
            self.output.push_back(byte);
            return;
        }
        match byte {
            b'\n' => {
                if modes.contains(OutputFlags::ONLCR) {
                    self.output.push_back(b'\r');
                }
                if modes.intersects(OutputFlags::ONLCR | OutputFlags::ONLRET) {
                    self.column = 0;
                }
                self.output.push_back(b'\n');
            }
            b'\r' => {
                if modes.contains(OutputFlags::ONOCR) && self.column == 0 {
                    return;
                }
                if modes.contains(OutputFlags::OCRNL) {
                    self.output.push_back(b'\n');
                    return;
                }
                self.column = 0;
                self.output.push_back(b'\r');
            }
            b'\t' => {
                let width = 8 - self.column % 8;
                self.column += width;
                if modes.contains(OutputFlags::XTABS) {
                    self.output.extend(std::iter::repeat_n(b' ', width));
                } else {
                    self.output.push_back(b'\t');
                }
            }
            8 => {
                self.column = self.column.saturating_sub(1);
                self.output.push_back(byte);
            }
            _ => {
                // A continuation byte of UTF-8 takes no column.
                if byte >= b' ' && byte & 0xc0 != 0x80 {
                    self.column = self.column.saturating_add(1);
                }
                self.output.push_back(byte);
            }
        }
    }

    /// Takes bytes from the keyboard; answers how many, and what follows.
    pub(super) fn input(&mut self, bytes: &[u8]) -> (usize, Effects) {
        let mut effects = Effects::default();
        let mut count = 0;
        for byte in bytes {
            // Signals and editing must get through to a program that does not read; lines need room.
            if !self.is_canonical() && !self.has_input_room() {
                break;
            }
            self.receive(*byte, &mut effects);
            count += 1;
        }
        (count, effects)
    }

    fn receive(&mut self, byte: u8, effects: &mut Effects) {
        let modes = self.termios.input;
        let byte = if modes.contains(InputFlags::ISTRIP) {
            byte & 0x7f
        } else {
            byte
        };
        if std::mem::take(&mut self.is_literal_next) {
            self.accept(byte);
            return;
        }
        if modes.contains(InputFlags::IXON) {
            if self.is(byte, VSTART) {
                self.is_output_stopped = false;
                return;
            }
            if self.is(byte, VSTOP) {
                self.is_output_stopped = true;
                return;
            }
            if modes.contains(InputFlags::IXANY) {
                self.is_output_stopped = false;
            }
        }
        if self.has(LocalFlags::ISIG) && self.signal(byte, effects) {
            return;
        }
        let byte = match byte {
            b'\r' if modes.contains(InputFlags::IGNCR) => return,
            b'\r' if modes.contains(InputFlags::ICRNL) => b'\n',
            b'\n' if modes.contains(InputFlags::INLCR) => b'\r',
            other => other,
        };
        if self.is_canonical() {
            self.receive_canonical(byte);
        } else {
            self.echo(byte);
            self.append_raw(byte);
        }
    }

    /// Whether the byte was one that sends a signal.
    fn signal(&mut self, byte: u8, effects: &mut Effects) -> bool {
        let signals = [
            (VINTR, SigNum::SIGINT),
            (VQUIT, SigNum::SIGQUIT),
            (VSUSP, SigNum::SIGTSTP),
        ];
        let Some((_, signal)) = signals.into_iter().find(|(which, _)| self.is(byte, *which)) else {
            return false;
        };
        if !self.has(LocalFlags::NOFLSH) {
            self.flush_input();
            self.output.clear();
        }
        self.is_output_stopped = false;
        self.echo(byte);
        effects.signals.push(signal);
        true
    }

    fn receive_canonical(&mut self, byte: u8) {
        let extended = self.has(LocalFlags::IEXTEN);
        if self.is(byte, VERASE) {
            self.erase_character();
        } else if extended && self.is(byte, VWERASE) {
            self.erase_word();
        } else if self.is(byte, VKILL) {
            self.kill_line(byte);
        } else if extended && self.is(byte, VLNEXT) {
            self.is_literal_next = true;
            if self.has(LocalFlags::ECHO) && self.has(LocalFlags::ECHOCTL) {
                self.show(b"^\x08");
            }
        } else if extended && self.is(byte, VREPRINT) && self.has(LocalFlags::ECHO) {
            self.reprint(byte);
        } else if self.is(byte, VEOF) {
            self.finish_line();
        } else if byte == b'\n' {
            if self.has(LocalFlags::ECHO) || self.has(LocalFlags::ECHONL) {
                self.put(b'\n');
            }
            self.edit.push(byte);
            self.finish_line();
        } else if self.is(byte, VEOL) || (extended && self.is(byte, VEOL2)) {
            self.echo(byte);
            self.edit.push(byte);
            self.finish_line();
        } else {
            self.accept(byte);
        }
    }

    /// Adds a byte that means itself.
    fn accept(&mut self, byte: u8) {
        if !self.is_canonical() {
            self.echo(byte);
            self.append_raw(byte);
        } else if self.edit.len() >= MAX_LINE || !self.has_input_room() {
            if self.termios.input.contains(InputFlags::IMAXBEL) {
                self.put(BELL);
            }
        } else {
            self.echo(byte);
            self.edit.push(byte);
        }
    }

    fn append_raw(&mut self, byte: u8) {
        self.waiting += 1;
        match self.lines.back_mut() {
            Some(line) if !line.bytes.is_empty() => line.bytes.push_back(byte),
            _ => self.lines.push_back(Line {
                bytes: VecDeque::from([byte]),
            }),
        }
    }

    fn finish_line(&mut self) {
        let bytes = std::mem::take(&mut self.edit);
        // Nobody reads: what does not fit is lost, as on Linux.
        if self.lines.len() < MAX_LINES && self.waiting < MAX_WAITING + MAX_LINE {
            self.waiting += bytes.len();
            self.lines.push_back(Line {
                bytes: bytes.into(),
            });
        }
    }

    fn echo(&mut self, byte: u8) {
        if !self.has(LocalFlags::ECHO) {
            return;
        }
        if self.has(LocalFlags::ECHOCTL) && is_shown_with_caret(byte) {
            self.show(&[b'^', byte ^ 0x40]);
        } else {
            self.put(byte);
        }
    }

    /// Puts out what editing shows, bounded as output is.
    fn show(&mut self, bytes: &[u8]) {
        if self.output.len() < MAX_WAITING {
            for byte in bytes {
                self.put(*byte);
            }
        }
    }

    /// Takes the last character off the line; answers how many columns it took.
    fn pop_character(&mut self) -> Option<usize> {
        let mut last = self.edit.pop()?;
        if self.termios.input.contains(InputFlags::IUTF8) {
            while last & 0xc0 == 0x80 {
                let Some(byte) = self.edit.pop() else { break };
                last = byte;
            }
        }
        let width = if self.has(LocalFlags::ECHOCTL) && is_shown_with_caret(last) {
            2
        } else {
            usize::from(last >= b' ')
        };
        Some(width)
    }

    fn rub_out(&mut self, width: usize) {
        for _ in 0..width {
            self.show(b"\x08 \x08");
        }
    }

    fn erase_character(&mut self) {
        let Some(width) = self.pop_character() else {
            return;
        };
        if self.has(LocalFlags::ECHO) {
            if self.has(LocalFlags::ECHOE) {
                self.rub_out(width);
            } else {
                let erase = self.termios.cc[VERASE];
                self.echo(erase);
            }
        }
    }

    fn erase_word(&mut self) {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        let mut seen_word = false;
        while let Some(last) = self.edit.last() {
            if is_word(last) {
                seen_word = true;
            } else if seen_word {
                break;
            }
            let width = self.pop_character().unwrap_or(0);
            if self.has(LocalFlags::ECHO) && self.has(LocalFlags::ECHOE) {
                self.rub_out(width);
            }
        }
    }

    fn kill_line(&mut self, kill: u8) {
        let shows = self.has(LocalFlags::ECHO);
        if shows && self.has(LocalFlags::ECHOKE) && self.has(LocalFlags::ECHOE) {
            while let Some(width) = self.pop_character() {
                self.rub_out(width);
            }
            return;
        }
        self.edit.clear();
        if shows {
            self.echo(kill);
            if self.has(LocalFlags::ECHOK) {
                self.put(b'\n');
            }
        }
    }

    fn reprint(&mut self, reprint: u8) {
        self.echo(reprint);
        self.put(b'\n');
        for byte in self.edit.clone() {
            self.echo(byte);
        }
    }

    /// Changes the settings; a line being edited can be read at once when lines are no longer asked for.
    pub(super) fn set_termios(&mut self, termios: Termios) {
        let was_canonical = self.is_canonical();
        self.termios = termios;
        if was_canonical && !self.is_canonical() {
            // Ends of file mean nothing in raw mode.
            self.lines.retain(|line| !line.bytes.is_empty());
            if !self.edit.is_empty() {
                self.finish_line();
            }
        }
        if !self.termios.input.contains(InputFlags::IXON) {
            self.is_output_stopped = false;
        }
    }

    /// Forgets input that was not read.
    pub(super) fn flush_input(&mut self) {
        self.edit.clear();
        self.lines.clear();
        self.waiting = 0;
        self.is_literal_next = false;
    }

    /// Forgets output that was not taken.
    pub(super) fn flush_output(&mut self) {
        self.output.clear();
    }
}

/// Control characters are shown as `^X`, but not tab and newline.
fn is_shown_with_caret(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t' && byte != b'\n') || byte == 0x7f
}

fn take(from: &mut VecDeque<u8>, buf: &mut [u8]) -> usize {
    let count = buf.len().min(from.len());
    for (target, byte) in buf.iter_mut().zip(from.drain(..count)) {
        *target = byte;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(discipline: &mut Discipline, bytes: &[u8]) -> Vec<SigNum> {
        discipline.input(bytes).1.signals
    }

    fn shown(discipline: &mut Discipline) -> String {
        let mut buf = [0; 4096];
        let count = discipline.take_output(&mut buf);
        String::from_utf8_lossy(&buf[..count]).into_owned()
    }

    fn read(discipline: &mut Discipline) -> Option<String> {
        let mut buf = [0; 4096];
        let count = discipline.read(&mut buf)?;
        Some(String::from_utf8_lossy(&buf[..count]).into_owned())
    }

    #[test]
    fn line_is_edited_before_it_is_read() {
        let mut tty = Discipline::new();
        typed(&mut tty, b"helo\x7flo wrold\x17world\r");
        assert_eq!(read(&mut tty).unwrap(), "hello world\n");
        assert_eq!(read(&mut tty), None);
        assert!(shown(&mut tty).ends_with("world\r\n"));
        typed(&mut tty, b"abc\x15");
        assert_eq!(shown(&mut tty), "abc\x08 \x08\x08 \x08\x08 \x08");
    }

    #[test]
    fn end_of_file_ends_a_line_without_a_byte() {
        let mut tty = Discipline::new();
        typed(&mut tty, b"ab\x04\x04");
        assert_eq!(read(&mut tty).unwrap(), "ab");
        assert_eq!(read(&mut tty).unwrap(), "");
        assert_eq!(read(&mut tty), None);
    }

    #[test]
    fn interrupt_flushes_shows_and_signals() {
        let mut tty = Discipline::new();
        assert_eq!(
            typed(&mut tty, b"abc\x03\x1a\x1c"),
            [SigNum::SIGINT, SigNum::SIGTSTP, SigNum::SIGQUIT]
        );
        assert_eq!(shown(&mut tty), "^\\");
        assert_eq!(read(&mut tty), None);
    }

    #[test]
    fn raw_mode_passes_everything_on() {
        let mut tty = Discipline::new();
        let mut raw = Termios::INITIAL;
        raw.local = LocalFlags::empty();
        raw.input = InputFlags::empty();
        raw.output = OutputFlags::empty();
        tty.set_termios(raw);
        assert!(typed(&mut tty, b"a\x03\r\x04").is_empty());
        assert_eq!(read(&mut tty).unwrap(), "a\x03\r\x04");
        assert_eq!(read(&mut tty), None);
        assert_eq!(shown(&mut tty), "");
        tty.write(b"x\ny");
        assert_eq!(shown(&mut tty), "x\ny");
    }

    #[test]
    fn stopped_output_takes_no_bytes() {
        let mut tty = Discipline::new();
        typed(&mut tty, b"\x13");
        assert_eq!(tty.write(b"x"), 0);
        typed(&mut tty, b"\x11");
        assert_eq!(tty.write(b"x\n"), 2);
        assert_eq!(shown(&mut tty), "x\r\n");
    }

    #[test]
    fn keyboard_that_nobody_reads_fills_no_memory() {
        let mut tty = Discipline::new();
        for flood in [&b"\n"[..], b"\x04", b"abc\n", b"x", b"\x03", b"\x16"] {
            for _ in 0..200_000 {
                typed(&mut tty, flood);
            }
        }
        assert!(tty.lines.len() <= MAX_LINES && tty.edit.len() <= MAX_LINE + 1);
        assert!(tty.unsent() <= 2 * MAX_WAITING && tty.readable() <= 2 * MAX_WAITING);
    }
}
