//! The descriptors of one process: [`FdTable`].
//!
//! The lowest free number is given out; `RLIMIT_NOFILE` is the caller's to pass in. Files taken out are answered, so
//! that the last reference is dropped (and the file closed) after the lock is released.
//!
//! Lock order: a leaf.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cenote_abi::Errno;
use cenote_abi::fs::FdFlags;
use cenote_base::{Fd, SysError, SysResult};
use cenote_vfs::OpenFile;
use parking_lot::Mutex;

#[derive(Clone, Debug)]
struct Entry {
    file: Arc<OpenFile>,
    flags: FdFlags,
}

/// Open files by number.
#[derive(Debug, Default)]
pub struct FdTable {
    slots: Mutex<Slots>,
    /// The embedder was told that the process comes near its limit.
    told: AtomicBool,
}

#[derive(Clone, Debug, Default)]
struct Slots {
    entries: Vec<Option<Entry>>,
    /// No slot below this one is free.
    first_free: usize,
}

impl Slots {
    fn entry(&self, fd: Fd) -> SysResult<&Entry> {
        index(fd)
            .and_then(|at| self.entries.get(at)?.as_ref())
            .ok_or(Errno::EBADF.into())
    }

    fn entry_mut(&mut self, fd: Fd) -> SysResult<&mut Entry> {
        index(fd)
            .and_then(|at| self.entries.get_mut(at)?.as_mut())
            .ok_or(Errno::EBADF.into())
    }

    fn lowest_free(&self, from: usize) -> usize {
        let start = from.max(self.first_free);
        (start..self.entries.len())
            .find(|at| self.entries[*at].is_none())
            .unwrap_or(self.entries.len().max(start))
    }

    fn put(&mut self, at: usize, entry: Entry) -> Option<Entry> {
        if at >= self.entries.len() {
            self.entries.resize(at + 1, None);
        }
        if at == self.first_free {
            self.first_free += 1;
        }
        self.entries[at].replace(entry)
    }

    fn take(&mut self, at: usize) -> Option<Entry> {
        let entry = self.entries.get_mut(at)?.take()?;
        self.first_free = self.first_free.min(at);
        Some(entry)
    }
}

fn index(fd: Fd) -> Option<usize> {
    usize::try_from(fd.raw()).ok()
}

fn number(at: usize) -> SysResult<Fd> {
    i32::try_from(at)
        .map(Fd::new)
        .map_err(|_| Errno::EMFILE.into())
}

/// Checks a number against `RLIMIT_NOFILE`.
fn within(at: usize, limit: u64) -> SysResult {
    if u64::try_from(at).is_ok_and(|at| at < limit) {
        Ok(())
    } else {
        Err(SysError::with_note(
            Errno::EMFILE,
            "RLIMIT_NOFILE is reached",
        ))
    }
}

impl FdTable {
    /// The open file of a descriptor.
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub fn get(&self, fd: Fd) -> SysResult<Arc<OpenFile>> {
        self.slots
            .lock()
            .entry(fd)
            .map(|entry| Arc::clone(&entry.file))
    }

    /// The flags of a descriptor.
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub fn flags(&self, fd: Fd) -> SysResult<FdFlags> {
        self.slots.lock().entry(fd).map(|entry| entry.flags)
    }

    /// Sets the flags of a descriptor.
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub fn set_flags(&self, fd: Fd, flags: FdFlags) -> SysResult {
        self.slots.lock().entry_mut(fd)?.flags = flags;
        Ok(())
    }

    /// Gives a file the lowest free number at or above `from`.
    ///
    /// # Errors
    /// `EMFILE`: that number is not below `limit`.
    pub fn insert_from(
        &self,
        from: Fd,
        file: Arc<OpenFile>,
        flags: FdFlags,
        limit: u64,
    ) -> SysResult<Fd> {
        let mut slots = self.slots.lock();
        let at = slots.lowest_free(index(from).unwrap_or(0));
        // On refusal the file goes with the argument, after the lock.
        within(at, limit)?;
        let fd = number(at)?;
        let before = slots.put(at, Entry { file, flags });
        debug_assert!(before.is_none(), "the slot was free");
        Ok(fd)
    }

    /// Gives a file the lowest free number.
    ///
    /// # Errors
    /// `EMFILE`: that number is not below `limit`.
    pub fn insert(&self, file: Arc<OpenFile>, flags: FdFlags, limit: u64) -> SysResult<Fd> {
        self.insert_from(Fd::new(0), file, flags, limit)
    }

    /// Gives two files numbers: both or neither.
    ///
    /// # Errors
    /// `EMFILE`: no two are free below `limit`.
    pub fn insert_pair(
        &self,
        first: Arc<OpenFile>,
        second: Arc<OpenFile>,
        flags: FdFlags,
        limit: u64,
    ) -> SysResult<(Fd, Fd)> {
        let mut slots = self.slots.lock();
        let one = slots.lowest_free(0);
        let two = slots.lowest_free(one + 1);
        within(two, limit)?;
        let numbers = (number(one)?, number(two)?);
        slots.put(one, Entry { file: first, flags });
        slots.put(
            two,
            Entry {
                file: second,
                flags,
            },
        );
        Ok(numbers)
    }

    /// Puts a file at a number; answers the file that was there.
    ///
    /// # Errors
    /// `EBADF`: the number is negative or not below `limit`.
    pub fn replace(
        &self,
        fd: Fd,
        file: Arc<OpenFile>,
        flags: FdFlags,
        limit: u64,
    ) -> SysResult<Option<Arc<OpenFile>>> {
        let at = index(fd)
            .filter(|at| within(*at, limit).is_ok())
            .ok_or(Errno::EBADF)?;
        let mut slots = self.slots.lock();
        let before = slots.put(at, Entry { file, flags });
        Ok(before.map(|entry| entry.file))
    }

    /// Frees a number; answers its file.
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub fn remove(&self, fd: Fd) -> SysResult<Arc<OpenFile>> {
        let at = index(fd).ok_or(Errno::EBADF)?;
        let entry = self.slots.lock().take(at);
        entry.map(|entry| entry.file).ok_or(Errno::EBADF.into())
    }

    /// Frees the numbers in a range; answers their files.
    pub fn remove_range(&self, first: u32, last: u32) -> Vec<Arc<OpenFile>> {
        let mut slots = self.slots.lock();
        let range = clamp(first, last, slots.entries.len());
        range
            .filter_map(|at| slots.take(at))
            .map(|entry| entry.file)
            .collect()
    }

    /// Sets `FD_CLOEXEC` on the numbers in a range.
    pub fn mark_range(&self, first: u32, last: u32) {
        let mut slots = self.slots.lock();
        for at in clamp(first, last, slots.entries.len()) {
            if let Some(entry) = &mut slots.entries[at] {
                entry.flags = FdFlags::FD_CLOEXEC;
            }
        }
    }

    /// Frees the numbers that exec closes; answers their files.
    pub fn remove_close_on_exec(&self) -> Vec<Arc<OpenFile>> {
        let mut slots = self.slots.lock();
        let closing: Vec<usize> = (0..slots.entries.len())
            .filter(|at| {
                slots.entries[*at]
                    .as_ref()
                    .is_some_and(|entry| entry.flags.contains(FdFlags::FD_CLOEXEC))
            })
            .collect();
        closing
            .into_iter()
            .filter_map(|at| slots.take(at))
            .map(|entry| entry.file)
            .collect()
    }

    /// Frees every descriptor and answers the files: the process ends.
    #[must_use]
    pub fn close_all(&self) -> Vec<Arc<OpenFile>> {
        let all = std::mem::take(&mut *self.slots.lock());
        all.entries
            .into_iter()
            .flatten()
            .map(|entry| entry.file)
            .collect()
    }

    /// How many descriptors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.lock().entries.iter().flatten().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this is asked for the first time.
    pub(crate) fn is_first_warning(&self) -> bool {
        !self.told.swap(true, Ordering::Relaxed)
    }

    /// The same numbers for the same open files, as fork(2) makes.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            slots: Mutex::new(self.slots.lock().clone()),
            told: AtomicBool::default(),
        }
    }

    /// Every descriptor with its file, ascending.
    #[must_use]
    pub fn list(&self) -> Vec<(Fd, Arc<OpenFile>)> {
        let slots = self.slots.lock();
        slots
            .entries
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| Some((number(at).ok()?, Arc::clone(&entry.as_ref()?.file))))
            .collect()
    }
}

fn clamp(first: u32, last: u32, len: usize) -> std::ops::Range<usize> {
    let first = usize::try_from(first).unwrap_or(usize::MAX).min(len);
    let end = usize::try_from(last)
        .unwrap_or(usize::MAX)
        .saturating_add(1)
        .min(len);
    first..end.max(first)
}
