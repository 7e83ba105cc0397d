//! The descriptors a WASI program sees, over the process's own.
//!
//! 0, 1 and 2 are the process's. 3 is the one preopened directory, `/`; it stands for the root and for the working
//! directory at once, because wasi-libc strips a path's leading slash before it looks for a preopen, so that `/x` and
//! `x` arrive alike. [`Descriptors::place`] tells them apart again: by what exists, then by what the arguments say.

use std::collections::BTreeMap;

use cenote_abi::Errno;
use cenote_abi::fs::AtFlags;
use cenote_base::{Fd, SysResult};
use cenote_kernel::Task;
use cenote_kernel::syscall::{self, At};

/// The preopened directory.
pub(super) const PREOPEN: i32 = 3;

/// Its name.
pub(crate) const PREOPEN_NAME: &[u8] = b"/";

/// WASI's numbers and the process's.
#[derive(Clone, Debug)]
pub(crate) struct Descriptors {
    table: BTreeMap<i32, Fd>,
    has_preopen: bool,
}

impl Default for Descriptors {
    fn default() -> Self {
        Self {
            table: (0..3).map(|fd| (fd, Fd::new(fd))).collect(),
            has_preopen: true,
        }
    }
}

/// Where a path of a call is to be looked up.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) at: At,
    pub(crate) path: Vec<u8>,
}

impl Descriptors {
    /// The process's descriptor of a number.
    ///
    /// # Errors
    /// `EBADF`: not open, or the preopened directory, which has none.
    pub(super) fn get(&self, fd: i32) -> SysResult<Fd> {
        Ok(self.table.get(&fd).copied().ok_or(Errno::EBADF)?)
    }

    /// Whether this is the preopened directory.
    pub(super) fn is_preopen(&self, fd: i32) -> bool {
        fd == PREOPEN && self.has_preopen
    }

    /// Gives a descriptor the lowest free number.
    pub(super) fn insert(&mut self, fd: Fd) -> i32 {
        let number = (0..)
            .find(|number| !self.table.contains_key(number) && !self.is_preopen(*number))
            .unwrap_or(i32::MAX);
        self.table.insert(number, fd);
        number
    }

    /// Frees a number; answers what it was for, nothing for the preopened directory.
    pub(super) fn remove(&mut self, fd: i32) -> SysResult<Option<Fd>> {
        if self.is_preopen(fd) {
            self.has_preopen = false;
            return Ok(None);
        }
        Ok(Some(self.table.remove(&fd).ok_or(Errno::EBADF)?))
    }

    /// Moves `from` to `to`; answers what `to` was for.
    pub(super) fn renumber(&mut self, from: i32, to: i32) -> SysResult<Option<Fd>> {
        if self.is_preopen(from) || self.is_preopen(to) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        if !self.table.contains_key(&to) {
            return Err(Errno::EBADF.into());
        }
        let moved = self.table.remove(&from).ok_or(Errno::EBADF)?;
        let before = self.table.insert(to, moved);
        Ok(before.filter(|before| *before != moved))
    }

    /// Where a path seen from `fd` is: below an open directory, the root, or the working directory.
    ///
    /// # Errors
    /// `EBADF`: not open.
    pub(super) fn place(&self, task: &Task, fd: i32, path: &[u8]) -> SysResult<Place> {
        if !self.is_preopen(fd) {
            return Ok(Place {
                at: At::Fd(self.get(fd)?),
                path: path.to_vec(),
            });
        }
        Ok(place_in_preopen(task, path))
    }
}

/// Where a path seen from the preopened directory is: the root, or the working directory.
pub(crate) fn place_in_preopen(task: &Task, path: &[u8]) -> Place {
    let path = if is_absolute(task, path) {
        [b"/", path].concat()
    } else if path.is_empty() {
        b".".to_vec()
    } else {
        path.to_vec()
    };
    Place { at: At::Cwd, path }
}

/// Decides whether `path`, which lost its leading slash if it had one, was absolute.
fn is_absolute(task: &Task, path: &[u8]) -> bool {
    if path.starts_with(b"/") || syscall::getcwd(task).is_ok_and(|cwd| cwd == b"/") {
        return true;
    }
    if path == b".." || path.starts_with(b"../") {
        return false;
    }
    let from_root = [b"/", path].concat();
    let here: &[u8] = if path.is_empty() { b"." } else { path };
    let exists =
        |path: &[u8]| syscall::fstatat(task, At::Cwd, path, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok();
    let parent = |path: &[u8]| match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => b"/".to_vec(),
        Some(end) => path[..end].to_vec(),
        None => b".".to_vec(),
    };
    match (exists(&from_root), exists(here)) {
        (true, false) => return true,
        (false, true) => return false,
        (false, false) => match (exists(&parent(&from_root)), exists(&parent(here))) {
            (true, false) => return true,
            (false, true) => return false,
            _ => {}
        },
        (true, true) => {}
    }
    said_absolute(&task.argv(), path)
}

/// Whether the arguments name the path with a slash in front, and not without.
fn said_absolute(argv: &[Vec<u8>], path: &[u8]) -> bool {
    let trimmed = path.strip_suffix(b"/.").unwrap_or(path);
    let trimmed: &[u8] = if trimmed == b"." { b"" } else { trimmed };
    let says = |form: &[u8]| {
        argv.iter().skip(1).any(|argument| {
            // `--output=/x` names `/x` as much as `/x` does.
            let value = argument
                .iter()
                .position(|byte| *byte == b'=')
                .map_or(&argument[..], |at| &argument[at + 1..]);
            [&argument[..], value].into_iter().any(|text| {
                let text = text
                    .strip_suffix(b"/")
                    .filter(|rest| !rest.is_empty())
                    .unwrap_or(text);
                text == form
                    || (text.len() > 1
                        && form.starts_with(text)
                        && form.get(text.len()) == Some(&b'/'))
            })
        })
    };
    says(&[b"/", trimmed].concat()) && !says(trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(list: &[&str]) -> Vec<Vec<u8>> {
        list.iter().map(|text| text.as_bytes().to_vec()).collect()
    }

    #[test]
    fn arguments_say_which_path_was_meant() {
        assert!(said_absolute(&argv(&["ls", "/"]), b"."));
        assert!(!said_absolute(&argv(&["ls"]), b"."));
        assert!(said_absolute(&argv(&["cat", "/bin/x"]), b"bin/x"));
        assert!(!said_absolute(&argv(&["cat", "bin/x"]), b"bin/x"));
        assert!(!said_absolute(&argv(&["cat", "bin/x", "/bin/x"]), b"bin/x"));
        assert!(said_absolute(&argv(&["du", "--from=/bin/"]), b"bin/y"));
    }

    #[test]
    fn the_preopened_directory_keeps_its_number() {
        let mut table = Descriptors::default();
        assert_eq!(table.insert(Fd::new(9)), 4);
        assert_eq!(table.remove(1).unwrap(), Some(Fd::new(1)));
        assert_eq!(table.insert(Fd::new(10)), 1);
        assert_eq!(table.remove(PREOPEN).unwrap(), None);
        assert_eq!(table.get(PREOPEN).unwrap_err().errno(), Errno::EBADF);
    }
}
