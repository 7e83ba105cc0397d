//! `#!` lines: interpreter and one optional argument. See execve(2), "Interpreter scripts"; Linux: `fs/binfmt_script.c`.

use cenote_abi::Errno;
use cenote_base::{SysError, SysResult};

/// A `#!` line.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Shebang<'a> {
    pub(super) interpreter: &'a [u8],
    pub(super) argument: Option<&'a [u8]>,
}

/// Reads the `#!` line that `header` begins with; `None` when it begins with something else.
///
/// # Errors
/// `ENOEXEC`: no interpreter is named, or its name does not fit the header.
pub(super) fn parse(header: &[u8]) -> SysResult<Option<Shebang<'_>>> {
    let Some(rest) = header.strip_prefix(b"#!") else {
        return Ok(None);
    };
    let end = rest.iter().position(|byte| *byte == b'\n');
    // Without an end of line, what was read may be cut; the interpreter's name must at least be followed by a space.
    let is_cut = end.is_none() && header.len() >= super::image::HEADER_LEN;
    let line = rest[..end.unwrap_or(rest.len())]
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default();
    let line = trim_start(line);
    let name_len = line
        .iter()
        .position(|byte| is_blank(*byte))
        .unwrap_or(line.len());
    let (interpreter, rest) = line.split_at(name_len);
    if interpreter.is_empty() || (is_cut && rest.is_empty()) {
        return Err(SysError::with_note(
            Errno::ENOEXEC,
            "the #! line names no interpreter",
        ));
    }
    let argument = trim_end(trim_start(rest));
    Ok(Some(Shebang {
        interpreter,
        argument: (!argument.is_empty()).then_some(argument),
    }))
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn trim_start(text: &[u8]) -> &[u8] {
    &text[text
        .iter()
        .position(|byte| !is_blank(*byte))
        .unwrap_or(text.len())..]
}

fn trim_end(text: &[u8]) -> &[u8] {
    &text[..text
        .iter()
        .rposition(|byte| !is_blank(*byte))
        .map_or(0, |at| at + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
        parse(header)
            .unwrap()
            .map(|line| (line.interpreter, line.argument))
    }

    #[test]
    fn interpreter_and_one_argument_are_split() {
        assert_eq!(of(b"#!/bin/sh\necho"), Some((&b"/bin/sh"[..], None)));
        assert_eq!(
            of(b"#! /usr/bin/env  -S node --x \t\n"),
            Some((&b"/usr/bin/env"[..], Some(&b"-S node --x"[..])))
        );
        assert_eq!(of(b"#!/bin/sh"), Some((&b"/bin/sh"[..], None)));
        assert_eq!(of(b"echo hi\n"), None);
    }

    #[test]
    fn line_without_interpreter_is_refused() {
        assert_eq!(parse(b"#!\n").unwrap_err().errno(), Errno::ENOEXEC);
        assert_eq!(
            parse(b"#!   \n/bin/sh").unwrap_err().errno(),
            Errno::ENOEXEC
        );
        let mut long = b"#!/".to_vec();
        long.resize(256, b'a');
        assert_eq!(parse(&long).unwrap_err().errno(), Errno::ENOEXEC);
    }
}
