//! [`Statement`]: a compiled statement, bound and stepped.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::rc::Rc;

use super::connection::{Connection, SqlError, SqlFailure, text_until_nul};
use super::{SqlValue, copied, sys, text_of, transient};
use crate::glue::Scope;

/// Which text about a column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ColumnText {
    Name,
    Origin,
    Table,
    Database,
    Type,
}

/// A compiled statement. Finalized when it is dropped, or when its database is closed.
#[derive(Debug)]
pub(crate) struct Statement {
    raw: Cell<*mut sys::sqlite3_stmt>,
    connection: Rc<Connection>,
    is_running: Cell<bool>,
    /// How often it has been reset: what an iterator checks, whose rows are gone then.
    resets: Cell<u64>,
}

impl Statement {
    pub(super) fn new(connection: &Rc<Connection>, raw: *mut sys::sqlite3_stmt) -> Self {
        Self {
            raw: Cell::new(raw),
            connection: Rc::clone(connection),
            is_running: Cell::new(false),
            resets: Cell::new(0),
        }
    }

    /// The database it is of.
    pub(crate) const fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Whether it is gone with its database.
    pub(crate) fn is_finalized(&self) -> bool {
        self.raw.get().is_null()
    }

    /// Whether a step of it is under way, and what that calls back is running.
    pub(crate) fn is_running(&self) -> bool {
        self.is_running.get()
    }

    /// How often it has been reset.
    pub(crate) fn resets(&self) -> u64 {
        self.resets.get()
    }

    fn raw(&self) -> Result<*mut sys::sqlite3_stmt, SqlFailure> {
        let raw = self.raw.get();
        if raw.is_null() || self.is_running() {
            Err(SqlFailure::Sql(SqlError::of_code(sys::SQLITE_MISUSE)))
        } else {
            Ok(raw)
        }
    }

    pub(super) fn finalize(&self) {
        let raw = self.raw.replace(std::ptr::null_mut());
        if !raw.is_null() {
            let _finalized = self.connection.run(None, || {
                // SAFETY: a statement of an open connection, which is not used after this.
                unsafe { sys::sqlite3_finalize(raw) };
                Ok(())
            });
        }
    }

    /// Goes back to before the first row; the error is that of the last step.
    pub(crate) fn reset(&self, scope: &mut Scope<'_, '_>) -> Result<(), SqlFailure> {
        let raw = self.raw()?;
        self.resets.set(self.resets.get() + 1);
        // SAFETY: a statement that no step is under way of.
        self.connection
            .run_code(Some(scope), || unsafe { sys::sqlite3_reset(raw) })
    }

    /// Forgets what is bound.
    pub(crate) fn clear_bindings(&self) -> Result<(), SqlFailure> {
        let raw = self.raw()?;
        // SAFETY: as above.
        self.connection
            .run_code(None, || unsafe { sys::sqlite3_clear_bindings(raw) })
    }

    /// How many parameters there are.
    pub(crate) fn parameter_count(&self) -> i32 {
        // SAFETY: a statement.
        self.raw()
            .map_or(0, |raw| unsafe { sys::sqlite3_bind_parameter_count(raw) })
    }

    /// The name of a parameter, its first sign included; parameters count from 1.
    pub(crate) fn parameter_name(&self, index: i32) -> Option<Vec<u8>> {
        let raw = self.raw().ok()?;
        // SAFETY: any number may be asked for.
        let name = unsafe { sys::sqlite3_bind_parameter_name(raw, index) };
        // SAFETY: a text of the statement's, or null, copied at once.
        unsafe { text_of(name) }
    }

    /// The number of a named parameter; 0 if there is none.
    pub(crate) fn parameter_index(&self, name: &[u8]) -> i32 {
        let name = text_until_nul(name);
        // SAFETY: a statement and a name.
        self.raw().map_or(0, |raw| unsafe {
            sys::sqlite3_bind_parameter_index(raw, name.as_ptr())
        })
    }

    /// Binds a value to a parameter.
    pub(crate) fn bind(&self, index: i32, value: &SqlValue) -> Result<(), SqlFailure> {
        let raw = self.raw()?;
        self.connection.run_code(None, || match value {
            // SAFETY: a statement, here and below; a wrong number is an error.
            SqlValue::Null => unsafe { sys::sqlite3_bind_null(raw, index) },
            // SAFETY: as above.
            SqlValue::Integer(number) => unsafe { sys::sqlite3_bind_int64(raw, index, *number) },
            // SAFETY: as above.
            SqlValue::Real(number) => unsafe { sys::sqlite3_bind_double(raw, index, *number) },
            SqlValue::Text(text) => {
                let (data, len) = (text.as_ptr().cast::<c_char>(), text.len() as u64);
                let encoding = super::callbacks::UTF8;
                // SAFETY: as above; the text is copied.
                unsafe { sys::sqlite3_bind_text64(raw, index, data, len, transient(), encoding) }
            }
            SqlValue::Blob(bytes) => {
                let (data, len) = (bytes.as_ptr().cast::<c_void>(), bytes.len() as u64);
                // SAFETY: as above; the bytes are copied. An empty blob has a pointer too, so it is none of NULL.
                unsafe { sys::sqlite3_bind_blob64(raw, index, data, len, transient()) }
            }
        })
    }

    /// Goes to the next row; whether there is one. After an error it is reset.
    pub(crate) fn step(&self, scope: &mut Scope<'_, '_>) -> Result<bool, SqlFailure> {
        let raw = self.raw()?;
        self.is_running.set(true);
        let outcome = self.connection.run(Some(scope), || {
            // SAFETY: a statement that no other step is under way of.
            match unsafe { sys::sqlite3_step(raw) } {
                sys::SQLITE_ROW => Ok(true),
                sys::SQLITE_DONE => Ok(false),
                code => Err(code),
            }
        });
        self.is_running.set(false);
        if outcome.is_err() {
            let _same_error = self.connection.run(None, || {
                // SAFETY: as above.
                unsafe { sys::sqlite3_reset(raw) };
                Ok(())
            });
        }
        outcome
    }

    /// How many columns a row has.
    pub(crate) fn column_count(&self) -> i32 {
        // SAFETY: a statement.
        self.raw()
            .map_or(0, |raw| unsafe { sys::sqlite3_column_count(raw) })
    }

    /// A text about a column.
    pub(crate) fn column_text(&self, column: i32, which: ColumnText) -> Option<Vec<u8>> {
        let raw = self.raw().ok()?;
        let read: unsafe extern "C" fn(*mut sys::sqlite3_stmt, c_int) -> *const c_char = match which
        {
            ColumnText::Name => sys::sqlite3_column_name,
            ColumnText::Origin => sys::sqlite3_column_origin_name,
            ColumnText::Table => sys::sqlite3_column_table_name,
            ColumnText::Database => sys::sqlite3_column_database_name,
            ColumnText::Type => sys::sqlite3_column_decltype,
        };
        let read = || {
            // SAFETY: any number may be asked for.
            let text = unsafe { read(raw, column) };
            // SAFETY: a text of the statement's, or null, copied at once.
            Ok(unsafe { text_of(text) })
        };
        self.connection.run(None, read).ok().flatten()
    }

    /// The value of a column of this row.
    pub(crate) fn column(&self, column: i32) -> SqlValue {
        let Ok(raw) = self.raw() else {
            return SqlValue::Null;
        };
        let read = || {
            // SAFETY: a statement, here and below; any number may be asked for. `bytes` is asked for after the pointer.
            Ok(match unsafe { sys::sqlite3_column_type(raw, column) } {
                sys::SQLITE_INTEGER => {
                    // SAFETY: as above.
                    SqlValue::Integer(unsafe { sys::sqlite3_column_int64(raw, column) })
                }
                sys::SQLITE_FLOAT => {
                    // SAFETY: as above.
                    SqlValue::Real(unsafe { sys::sqlite3_column_double(raw, column) })
                }
                sys::SQLITE_TEXT => {
                    // SAFETY: as above.
                    let text = unsafe { sys::sqlite3_column_text(raw, column) };
                    // SAFETY: as above.
                    let len = unsafe { sys::sqlite3_column_bytes(raw, column) };
                    // SAFETY: SQLite has that many bytes there.
                    SqlValue::Text(unsafe { copied(text, len) })
                }
                sys::SQLITE_BLOB => {
                    // SAFETY: as above.
                    let data = unsafe { sys::sqlite3_column_blob(raw, column) };
                    // SAFETY: as above.
                    let len = unsafe { sys::sqlite3_column_bytes(raw, column) };
                    // SAFETY: SQLite has that many bytes there.
                    SqlValue::Blob(unsafe { copied(data.cast::<u8>(), len) })
                }
                _ => SqlValue::Null,
            })
        };
        self.connection.run(None, read).unwrap_or(SqlValue::Null)
    }

    /// The text it was compiled from.
    pub(crate) fn source(&self) -> Vec<u8> {
        let Ok(raw) = self.raw() else {
            return Vec::new();
        };
        // SAFETY: a statement.
        let text = unsafe { sys::sqlite3_sql(raw) };
        // SAFETY: a text of the statement's, copied at once.
        unsafe { text_of(text) }.unwrap_or_default()
    }

    /// The text with the values in place of the parameters; `None` when it would be too long.
    pub(crate) fn expanded(&self) -> Option<Vec<u8>> {
        let raw = self.raw().ok()?;
        let expand = || {
            // SAFETY: a statement.
            let text = unsafe { sys::sqlite3_expanded_sql(raw) };
            // SAFETY: a text of SQLite's, or null.
            let copy = unsafe { text_of(text) };
            // SAFETY: SQLite's own memory, not used after this.
            unsafe { sys::sqlite3_free(text.cast::<c_void>()) };
            Ok(copy)
        };
        self.connection.run(None, expand).ok().flatten()
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        self.finalize();
    }
}
