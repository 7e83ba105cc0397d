//! The rules one by one; tests/shell/tty compares whole conversations with Linux.

use cenote_abi::SigNum;
use cenote_abi::tty::{InputFlags, LocalFlags, OutputFlags, Termios};

use super::{Discipline, MAX_LINE, MAX_LINES, MAX_WAITING};

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
