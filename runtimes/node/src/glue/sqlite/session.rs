//! What works on open databases over more than one call: recordings of changes ([`ChangeSession`]) and copies ([`Backup`]).

use std::cell::Cell;
use std::rc::Rc;

use super::connection::{Connection, SqlError, SqlFailure};
use super::{copied, sys};
use crate::glue::Scope;

/// A recording of changes.
#[derive(Debug)]
pub(crate) struct ChangeSession {
    raw: Cell<*mut sys::sqlite3_session>,
    connection: Rc<Connection>,
    is_in_use: Cell<bool>,
}

impl ChangeSession {
    pub(super) fn new(connection: &Rc<Connection>, raw: *mut sys::sqlite3_session) -> Self {
        Self {
            raw: Cell::new(raw),
            connection: Rc::clone(connection),
            is_in_use: Cell::new(false),
        }
    }

    pub(super) fn raw(&self) -> *mut sys::sqlite3_session {
        self.raw.get()
    }

    /// The database it records.
    pub(crate) const fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Whether it records.
    pub(crate) fn is_open(&self) -> bool {
        !self.raw.get().is_null()
    }

    /// Whether its changes are being read out.
    pub(crate) fn is_in_use(&self) -> bool {
        self.is_in_use.get()
    }

    /// Ends the recording.
    pub(crate) fn end(&self) {
        if self.is_in_use() {
            return;
        }
        let raw = self.raw.replace(std::ptr::null_mut());
        if !raw.is_null() && self.connection.is_open() {
            let _ended = self.connection.run(None, || {
                // SAFETY: a session of an open connection, which is not used after this.
                unsafe { sys::sqlite3session_delete(raw) };
                Ok(())
            });
        }
    }

    /// The changes so far, as a changeset or as a patchset.
    pub(crate) fn changes(
        &self,
        scope: &mut Scope<'_, '_>,
        is_patchset: bool,
    ) -> Result<Vec<u8>, SqlFailure> {
        let raw = self.raw.get();
        if raw.is_null() || self.is_in_use.replace(true) {
            return Err(SqlFailure::Sql(SqlError::of_code(sys::SQLITE_MISUSE)));
        }
        let outcome = self.connection.run(Some(scope), || {
            let mut len = 0;
            let mut data = std::ptr::null_mut();
            let read = if is_patchset {
                sys::sqlite3session_patchset
            } else {
                sys::sqlite3session_changeset
            };
            // SAFETY: a session, and places for the answer.
            let code = unsafe { read(raw, &raw mut len, &raw mut data) };
            // SAFETY: SQLite has that many bytes there.
            let bytes = unsafe { copied(data.cast::<u8>(), len) };
            // SAFETY: SQLite's own memory, not used after this.
            unsafe { sys::sqlite3_free(data) };
            if code == sys::SQLITE_OK {
                Ok(bytes)
            } else {
                Err(code)
            }
        });
        self.is_in_use.set(false);
        outcome
    }
}

impl Drop for ChangeSession {
    fn drop(&mut self) {
        self.is_in_use.set(false);
        self.end();
    }
}

/// A copy of a database under way.
#[derive(Debug)]
pub(crate) struct Backup {
    raw: Cell<*mut sys::sqlite3_backup>,
    source: Rc<Connection>,
    target: Rc<Connection>,
}

impl Backup {
    pub(super) fn new(
        raw: *mut sys::sqlite3_backup,
        source: &Rc<Connection>,
        target: &Rc<Connection>,
    ) -> Self {
        Self {
            raw: Cell::new(raw),
            source: Rc::clone(source),
            target: Rc::clone(target),
        }
    }

    /// Copies some pages; SQLite's code, and how many pages are left, of how many.
    pub(crate) fn step(&self, pages: i32) -> Option<(i32, i32, i32)> {
        let raw = self.raw.get();
        if raw.is_null() || !self.source.is_open() {
            return None;
        }
        let step = || {
            // SAFETY: a backup between two open connections.
            let code = unsafe { sys::sqlite3_backup_step(raw, pages) };
            // SAFETY: as above.
            let left = unsafe { sys::sqlite3_backup_remaining(raw) };
            // SAFETY: as above.
            let total = unsafe { sys::sqlite3_backup_pagecount(raw) };
            Ok((code, left, total))
        };
        self.target.run(None, step).ok()
    }

    /// The error of the target.
    pub(crate) fn target_error(&self) -> SqlError {
        self.target.current_error()
    }

    /// Ends the copy, done or not.
    pub(crate) fn finish(&self) {
        let raw = self.raw.replace(std::ptr::null_mut());
        if !raw.is_null() {
            let _finished = self.target.run(None, || {
                // SAFETY: a backup, which is not used after this.
                unsafe { sys::sqlite3_backup_finish(raw) };
                Ok(())
            });
        }
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        self.finish();
        self.target.close();
    }
}
