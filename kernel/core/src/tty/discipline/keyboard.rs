//! The way in: keys become signals, edit the line, or are bytes of it.

use std::collections::VecDeque;

use cenote_abi::SigNum;
use cenote_abi::tty::{
    InputFlags, LocalFlags, VEOF, VEOL, VEOL2, VERASE, VINTR, VKILL, VLNEXT, VQUIT, VREPRINT,
    VSTART, VSTOP, VSUSP, VWERASE,
};

use super::screen::is_control;
use super::{Discipline, Line, MAX_LINE};

/// What processing input leads to besides bytes.
#[derive(Debug, Default)]
pub(in super::super) struct Effects {
    /// Signals for the foreground group.
    pub(in super::super) signals: Vec<SigNum>,
}

/// How much a key takes off the line.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Erase {
    Character,
    Word,
    Line,
}

impl Discipline {
    /// Takes bytes from the keyboard; answers how many, and what follows.
    pub(in super::super) fn input(&mut self, bytes: &[u8]) -> (usize, Effects) {
        let mut effects = Effects::default();
        let mut count = 0;
        self.before_echo = self.output.len();
        for byte in bytes {
            if !self.has_input_room() && !self.is_out_of_band(*byte) {
                break;
            }
            self.receive(*byte, &mut effects);
            count += 1;
        }
        (count, effects)
    }

    /// Whether the byte takes no room: it must get through to a program that does not read.
    fn is_out_of_band(&self, byte: u8) -> bool {
        if self.is_literal_next || self.has(LocalFlags::EXTPROC) {
            return false;
        }
        (self.takes(InputFlags::IXON) && (self.is(byte, VSTART) || self.is(byte, VSTOP)))
            || (self.has(LocalFlags::ISIG) && self.signal_of(byte).is_some())
    }

    fn signal_of(&self, byte: u8) -> Option<SigNum> {
        let signals = [
            (VINTR, SigNum::SIGINT),
            (VQUIT, SigNum::SIGQUIT),
            (VSUSP, SigNum::SIGTSTP),
        ];
        signals
            .into_iter()
            .find(|(which, _)| self.is(byte, *which))
            .map(|(_, signal)| signal)
    }

    fn receive(&mut self, byte: u8, effects: &mut Effects) {
        let mut byte = byte;
        if self.takes(InputFlags::ISTRIP) {
            byte &= 0x7f;
        }
        if self.takes(InputFlags::IUCLC) && self.has(LocalFlags::IEXTEN) {
            byte = byte.to_ascii_lowercase();
        }
        if std::mem::take(&mut self.is_literal_next) {
            self.accept(byte);
            return;
        }
        if self.has(LocalFlags::EXTPROC) {
            self.append_raw(byte);
            return;
        }
        if self.takes(InputFlags::IXON) {
            if self.is(byte, VSTART) {
                self.start_output();
                return;
            }
            if self.is(byte, VSTOP) {
                self.stop_output();
                return;
            }
        }
        if self.has(LocalFlags::ISIG)
            && let Some(signal) = self.signal_of(byte)
        {
            effects.signals.push(signal);
            self.interrupt(byte);
            return;
        }
        if self.takes(InputFlags::IXON) && self.takes(InputFlags::IXANY) {
            self.start_output();
        }
        match byte {
            b'\r' if self.takes(InputFlags::IGNCR) => {}
            b'\r' if self.takes(InputFlags::ICRNL) && !self.is_canonical() => {
                if self.has(LocalFlags::ECHO) {
                    self.finish_erasing();
                    self.echo_plain(b'\n');
                }
                self.queue(b'\n');
            }
            b'\r' if self.takes(InputFlags::ICRNL) => self.edit_with(b'\n'),
            b'\n' if self.takes(InputFlags::INLCR) => self.edit_with(b'\r'),
            _ => self.edit_with(byte),
        }
    }

    /// A key that sends a signal: what was typed and not read, and shown and not seen, is forgotten.
    fn interrupt(&mut self, byte: u8) {
        if !self.has(LocalFlags::NOFLSH) {
            self.output.truncate(self.before_echo);
            self.flush_output();
            self.flush_input();
        }
        if self.takes(InputFlags::IXON) {
            self.start_output();
        }
        if self.has(LocalFlags::ECHO) {
            self.echo_visibly(byte);
        }
    }

    /// Does what a key means in a line, or adds it.
    fn edit_with(&mut self, byte: u8) {
        if !self.is_canonical() {
            self.accept(byte);
            return;
        }
        let extended = self.has(LocalFlags::IEXTEN);
        let echoes = self.has(LocalFlags::ECHO);
        if self.is(byte, VERASE) {
            self.erase(Erase::Character);
        } else if self.is(byte, VKILL) {
            self.erase(Erase::Line);
        } else if extended && self.is(byte, VWERASE) {
            self.erase(Erase::Word);
        } else if extended && self.is(byte, VLNEXT) {
            self.is_literal_next = true;
            if echoes {
                self.finish_erasing();
                if self.has(LocalFlags::ECHOCTL) {
                    self.echo_plain(b'^');
                    self.echo_plain(8);
                }
            }
        } else if extended && echoes && self.is(byte, VREPRINT) {
            self.reprint(byte);
        } else if byte == b'\n' {
            if echoes || self.has(LocalFlags::ECHONL) {
                self.echo_plain(b'\n');
            }
            self.edit.push(byte);
            self.finish_line(false);
        } else if self.is(byte, VEOF) {
            self.finish_line(true);
        } else if self.is(byte, VEOL) || (extended && self.is(byte, VEOL2)) {
            if echoes {
                self.note_column();
                self.echo_visibly(byte);
            }
            self.edit.push(byte);
            self.finish_line(false);
        } else {
            self.accept(byte);
        }
    }

    /// Adds a byte that means itself.
    fn accept(&mut self, byte: u8) {
        if self.takes(InputFlags::IXON) && self.takes(InputFlags::IXANY) {
            self.start_output();
        }
        if self.has(LocalFlags::ECHO) {
            self.finish_erasing();
            self.note_column();
            self.echo_visibly(byte);
        }
        self.queue(byte);
    }

    /// The first byte of a line is about to be shown: remembers where, for erasing tabs.
    fn note_column(&mut self) {
        if self.edit.is_empty() {
            self.line_column = self.column;
        }
    }

    fn queue(&mut self, byte: u8) {
        // parity marks would begin with 0xff.
        let is_doubled = byte == 0xff && self.takes(InputFlags::PARMRK);
        for _ in 0..=u8::from(is_doubled) {
            if !self.is_canonical() {
                self.append_raw(byte);
            } else if self.edit.len() < MAX_LINE {
                self.edit.push(byte);
            }
        }
    }

    fn append_raw(&mut self, byte: u8) {
        self.waiting += 1;
        match self.lines.back_mut() {
            Some(line) => line.bytes.push_back(byte),
            None => self.lines.push_back(Line {
                bytes: VecDeque::from([byte]),
                ends_by_eof: false,
            }),
        }
    }

    fn finish_line(&mut self, by_eof: bool) {
        let bytes = std::mem::take(&mut self.edit);
        self.waiting += bytes.len();
        self.lines.push_back(Line {
            bytes: bytes.into(),
            ends_by_eof: by_eof,
        });
    }

    fn finish_erasing(&mut self) {
        if std::mem::take(&mut self.is_erasing) {
            self.echo_plain(b'/');
        }
    }

    /// `eraser` of `n_tty.c`.
    fn erase(&mut self, what: Erase) {
        if self.edit.is_empty() {
            return;
        }
        let echoes = self.has(LocalFlags::ECHO);
        if what == Erase::Line {
            if !echoes {
                self.edit.clear();
                return;
            }
            let all = LocalFlags::ECHOK | LocalFlags::ECHOKE | LocalFlags::ECHOE;
            if !self.termios.local.contains(all) {
                self.edit.clear();
                self.finish_erasing();
                self.echo_visibly(self.termios.cc[VKILL]);
                if self.has(LocalFlags::ECHOK) {
                    self.echo_plain(b'\n');
                }
                return;
            }
        }
        let mut seen_word = false;
        while let Some(character) = self.last_character() {
            let first = self.edit.get(character).copied().unwrap_or_default();
            if what == Erase::Word {
                if is_of_word(first) {
                    seen_word = true;
                } else if seen_word {
                    break;
                }
            }
            let rest = self.edit.split_off(character);
            if echoes {
                self.echo_erased(&rest, what);
            }
            if what == Erase::Character {
                break;
            }
        }
        if self.edit.is_empty() && echoes {
            self.finish_erasing();
        }
    }

    /// Where the last character of the line begins; nothing when there is none that is whole.
    fn last_character(&self) -> Option<usize> {
        self.edit
            .iter()
            .rposition(|byte| !self.is_continuation(*byte))
    }

    /// Shows that a character is gone.
    fn echo_erased(&mut self, character: &[u8], what: Erase) {
        let Some((first, rest)) = character.split_first() else {
            return;
        };
        if self.has(LocalFlags::ECHOPRT) {
            if !std::mem::replace(&mut self.is_erasing, true) {
                self.echo_plain(b'\\');
            }
            self.echo_visibly(*first);
            for byte in rest {
                self.echo_plain(*byte);
                self.move_back();
            }
        } else if what == Erase::Character && !self.has(LocalFlags::ECHOE) {
            self.echo_visibly(self.termios.cc[VERASE]);
        } else if *first == b'\t' {
            let (before, follows_a_tab) = self.columns_since_tab();
            self.echo_erased_tab(before, follows_a_tab);
        } else {
            let width = match (is_control(*first), self.has(LocalFlags::ECHOCTL)) {
                (true, true) => 2,
                (true, false) => 0,
                (false, _) => 1,
            };
            for _ in 0..width {
                for byte in *b"\x08 \x08" {
                    self.echo_plain(byte);
                }
            }
        }
    }

    /// How many columns the line takes since its last tab, or its start; whether there was a tab.
    fn columns_since_tab(&self) -> (usize, bool) {
        let mut columns = 0;
        for byte in self.edit.iter().rev() {
            match *byte {
                b'\t' => return (columns, true),
                byte if is_control(byte) => {
                    columns += if self.has(LocalFlags::ECHOCTL) { 2 } else { 0 };
                }
                byte if self.is_continuation(byte) => {}
                _ => columns += 1,
            }
        }
        (columns, false)
    }

    fn reprint(&mut self, reprint: u8) {
        self.finish_erasing();
        self.echo_visibly(reprint);
        self.echo_plain(b'\n');
        for byte in self.edit.clone() {
            self.echo_visibly(byte);
        }
    }
}

/// The kernel's `isalnum`, which knows Latin 1, and the underscore.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || (byte >= 0xc0 && byte != 0xd7 && byte != 0xf7)
}
