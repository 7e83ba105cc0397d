//! The numbers a module has for files, and the walk that keeps its paths below the directories it was given.

use std::collections::BTreeMap;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{Mode, OpenFlags, PATH_MAX};
use cenote_base::wait::block_on;
use cenote_base::{Fd, SysResult};
use cenote_kernel::Task;
use cenote_kernel::syscall::{self, At};

use super::{Outcome, Refusal};

/// What uvwasi says of a directory: itself, and what is opened below it.
const DIRECTORY_RIGHTS: u64 = 264_240_792;
const DIRECTORY_INHERITING: u64 = 268_435_455;

/// How many symbolic links one path may lead through.
const MAX_LINKS: usize = 32;
/// How many files a module may have open.
const MAX_OPEN: usize = 65_536;

/// What a module may do with a file, as it is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rights {
    pub(super) base: u64,
    pub(super) inheriting: u64,
}

/// An open file of a module's.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) fd: Fd,
    /// The name of a directory that was given.
    pub(super) preopen: Option<Vec<u8>>,
    /// What it was opened with; stdio has none.
    pub(super) rights: Option<Rights>,
}

/// The table. What is open in it is closed with it, but for what it was lent.
#[derive(Debug)]
pub(super) struct Descriptors {
    task: Arc<Task>,
    table: BTreeMap<i32, Entry>,
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        for entry in self.table.values().filter(|entry| entry.rights.is_some()) {
            let _closed = syscall::close(&self.task, entry.fd);
        }
    }
}

impl Descriptors {
    pub(super) const fn new(task: Arc<Task>) -> Self {
        Self {
            task,
            table: BTreeMap::new(),
        }
    }

    /// Lends a file of the process under the next number.
    pub(super) fn add_stdio(&mut self, fd: Fd) {
        let number = self.free_number();
        self.table.insert(
            number,
            Entry {
                fd,
                preopen: None,
                rights: None,
            },
        );
    }

    /// Gives a directory under the next number.
    pub(super) fn add_preopen(&mut self, name: &[u8], path: &[u8]) -> SysResult {
        let flags = OpenFlags::O_DIRECTORY | OpenFlags::O_CLOEXEC;
        let fd = block_on(syscall::openat(
            &self.task,
            At::Cwd,
            path,
            flags,
            Mode::empty(),
        ))?;
        let number = self.free_number();
        self.table.insert(
            number,
            Entry {
                fd,
                preopen: Some(name.to_vec()),
                rights: Some(Rights {
                    base: DIRECTORY_RIGHTS,
                    inheriting: DIRECTORY_INHERITING,
                }),
            },
        );
        Ok(())
    }

    fn free_number(&self) -> i32 {
        (0..)
            .find(|number| !self.table.contains_key(number))
            .unwrap_or(i32::MAX)
    }

    /// The entry of a number.
    pub(super) fn get(&self, number: i32) -> Outcome<Entry> {
        self.table
            .get(&number)
            .cloned()
            .ok_or_else(|| Errno::EBADF.into())
    }

    /// Takes in a file that was opened; its number.
    pub(super) fn insert(&mut self, fd: Fd, rights: Rights) -> Outcome<i32> {
        if self.table.len() >= MAX_OPEN {
            let _closed = syscall::close(&self.task, fd);
            return Err(Errno::EMFILE.into());
        }
        let number = self.free_number();
        self.table.insert(
            number,
            Entry {
                fd,
                preopen: None,
                rights: Some(rights),
            },
        );
        Ok(number)
    }

    /// Closes a number.
    pub(super) fn close(&mut self, number: i32) -> Outcome {
        let entry = self.table.remove(&number).ok_or(Errno::EBADF)?;
        Ok(syscall::close(&self.task, entry.fd)?)
    }

    /// Moves a file to another number, which must be open.
    pub(super) fn renumber(&mut self, from: i32, to: i32) -> Outcome {
        if !self.table.contains_key(&from) || !self.table.contains_key(&to) {
            return Err(Errno::EBADF.into());
        }
        if from == to {
            return Ok(());
        }
        let moved = self.table.remove(&from);
        let before = moved.and_then(|moved| self.table.insert(to, moved));
        match before {
            Some(before) => Ok(syscall::close(&self.task, before.fd)?),
            None => Ok(()),
        }
    }

    /// Takes rights away.
    pub(super) fn set_rights(&mut self, number: i32, rights: Rights) -> Outcome {
        let entry = self.table.get_mut(&number).ok_or(Errno::EBADF)?;
        let known = entry.rights.ok_or(Refusal::NOT_CAPABLE)?;
        if rights.base & !known.base != 0 || rights.inheriting & !known.inheriting != 0 {
            return Err(Refusal::NOT_CAPABLE);
        }
        entry.rights = Some(rights);
        Ok(())
    }

    /// Where a path seen from a directory of the module's is: the directory, and a path below it without links in its way.
    pub(super) fn resolve(
        &self,
        number: i32,
        path: &[u8],
        follows: bool,
    ) -> Outcome<(At, Vec<u8>)> {
        if path.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG.into());
        }
        if path.contains(&0) {
            return Err(Refusal::INVALID);
        }
        let entry = self.get(number)?;
        let mut walk = Walk {
            task: &self.task,
            at: At::Fd(entry.fd),
            links: 0,
            below: Vec::new(),
        };
        walk.go(path, follows)?;
        let mut found = walk.below.join(&b'/');
        if found.is_empty() {
            found.push(b'.');
        } else if path.ends_with(b"/") {
            found.push(b'/');
        }
        Ok((walk.at, found))
    }
}

/// A walk from a directory that never leaves it.
struct Walk<'a> {
    task: &'a Task,
    at: At,
    links: usize,
    below: Vec<Vec<u8>>,
}

impl Walk<'_> {
    fn go(&mut self, path: &[u8], follows: bool) -> Outcome {
        if path.starts_with(b"/") {
            return Err(Refusal::NOT_CAPABLE);
        }
        let parts: Vec<&[u8]> = path
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty() && *part != b".")
            .collect();
        for (index, part) in parts.iter().enumerate() {
            if *part == b".." {
                self.below.pop().ok_or(Refusal::NOT_CAPABLE)?;
                continue;
            }
            self.below.push(part.to_vec());
            let is_last = index + 1 == parts.len();
            if is_last && !follows && !path.ends_with(b"/") {
                continue;
            }
            let here = self.below.join(&b'/');
            let Ok(target) = syscall::readlinkat(self.task, self.at, &here) else {
                continue;
            };
            self.links += 1;
            if self.links > MAX_LINKS {
                return Err(Errno::ELOOP.into());
            }
            self.below.pop();
            self.go(&target, true)?;
        }
        Ok(())
    }
}
