//! [`Connection`]: an open database.

use std::cell::{Cell, RefCell};
use std::ffi::{CString, c_char, c_int, c_void};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use cenote_kernel::Task;

use super::callbacks::{
    self, Aggregate, Applying, Authorizer, Changes, Registered, ScalarFunction,
};
use super::calls::{self, User};
use super::session::{Backup, ChangeSession};
use super::statement::Statement;
use super::{library, sys, text_of};
use crate::glue::{Quota, Scope};

/// How many steps of its machine a statement makes between looks at whether the process must end.
const STEPS_BETWEEN_LOOKS: c_int = 10_000;

/// An error of SQLite's.
#[derive(Clone, Debug)]
pub(crate) struct SqlError {
    /// Its extended code.
    pub(crate) code: i32,
    /// What happened.
    pub(crate) message: Vec<u8>,
    /// What the code means.
    pub(crate) meaning: Vec<u8>,
}

impl SqlError {
    /// The error of a code alone.
    pub(crate) fn of_code(code: i32) -> Self {
        let meaning = meaning(code);
        Self {
            code,
            message: meaning.clone(),
            meaning,
        }
    }
}

/// Why a call into SQLite failed.
#[derive(Debug)]
pub(crate) enum SqlFailure {
    /// JavaScript that was called back threw.
    Threw,
    /// SQLite has an error.
    Sql(SqlError),
}

fn meaning(code: i32) -> Vec<u8> {
    // SAFETY: any number may be asked for.
    let text = unsafe { sys::sqlite3_errstr(code) };
    // SAFETY: a static text.
    unsafe { text_of(text) }.unwrap_or_default()
}

/// How a function of SQL may be used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FunctionFlags {
    pub(crate) is_deterministic: bool,
    pub(crate) is_direct_only: bool,
}

impl FunctionFlags {
    const fn bits(self) -> c_int {
        let mut bits = sys::SQLITE_UTF8;
        if self.is_deterministic {
            bits |= sys::SQLITE_DETERMINISTIC;
        }
        if self.is_direct_only {
            bits |= sys::SQLITE_DIRECTONLY;
        }
        bits
    }
}

/// An open database. Closed when it is dropped, or before.
pub(crate) struct Connection {
    raw: Cell<*mut sys::sqlite3>,
    user: User,
    this: Weak<Self>,
    threw: Cell<bool>,
    depth: Cell<usize>,
    authorizer: RefCell<Option<Rc<dyn Authorizer>>>,
    statements: RefCell<Vec<Weak<Statement>>>,
    sessions: RefCell<Vec<Weak<ChangeSession>>>,
    backups: RefCell<Vec<Weak<Backup>>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("is_open", &self.is_open())
            .finish_non_exhaustive()
    }
}

/// Notes that SQLite is at work, until it is dropped.
struct AtWork<'a>(&'a Cell<usize>);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Connection {
    /// Opens a database of the guest's.
    ///
    /// # Errors
    /// SQLite's.
    pub(crate) fn open(
        task: &Arc<Task>,
        quota: Option<Arc<Quota>>,
        path: &[u8],
        is_read_only: bool,
    ) -> Result<Rc<Self>, SqlError> {
        library::ready().map_err(SqlError::of_code)?;
        let user = User {
            task: Arc::clone(task),
            quota,
        };
        let path = CString::new(path).map_err(|_| SqlError::of_code(sys::SQLITE_CANTOPEN))?;
        let access = if is_read_only {
            sys::SQLITE_OPEN_READONLY
        } else {
            sys::SQLITE_OPEN_READWRITE | sys::SQLITE_OPEN_CREATE
        };
        let flags = access | sys::SQLITE_OPEN_URI;
        let mut raw = std::ptr::null_mut();
        let code = calls::run(&user, None, || {
            // SAFETY: a path and a place for the handle; the only VFS there is, is the default.
            unsafe { sys::sqlite3_open_v2(path.as_ptr(), &raw mut raw, flags, std::ptr::null()) }
        });
        let connection = Rc::new_cyclic(|this| Self {
            raw: Cell::new(raw),
            user,
            this: this.clone(),
            threw: Cell::new(false),
            depth: Cell::new(0),
            authorizer: RefCell::default(),
            statements: RefCell::default(),
            sessions: RefCell::default(),
            backups: RefCell::default(),
        });
        if code != sys::SQLITE_OK {
            // Even then there may be a handle, which has the message and is closed with `connection`.
            return Err(connection.last_error(code));
        }
        // Nothing runs on threads of the library's own, where neither files nor memory would be the guest's.
        connection.limit(sys::SQLITE_LIMIT_WORKER_THREADS, 0);
        let data = std::ptr::from_ref(connection.as_ref());
        let data = data.cast_mut().cast::<c_void>();
        // SAFETY: open; the connection is pinned by its `Rc` and closes the database before it ends.
        unsafe {
            sys::sqlite3_progress_handler(
                raw,
                STEPS_BETWEEN_LOOKS,
                Some(callbacks::progress),
                data,
            );
        }
        Ok(connection)
    }

    /// Whether it is open.
    pub(crate) fn is_open(&self) -> bool {
        !self.raw.get().is_null()
    }

    /// Whether SQLite is at work in it, and what it calls back is running.
    pub(crate) fn is_in_use(&self) -> bool {
        self.depth.get() > 0
    }

    pub(super) fn raw(&self) -> *mut sys::sqlite3 {
        self.raw.get()
    }

    pub(super) fn weak(&self) -> Weak<Self> {
        self.this.clone()
    }

    pub(super) fn must_end(&self) -> bool {
        self.user.task.must_end()
    }

    pub(super) fn has_thrown(&self) -> bool {
        self.threw.get()
    }

    pub(super) fn note_throw(&self) {
        self.threw.set(true);
    }

    pub(super) fn authorizer(&self) -> Option<Rc<dyn Authorizer>> {
        self.authorizer.borrow().as_ref().map(Rc::clone)
    }

    /// Runs SQLite; `call` returns whether it succeeded, and that what went wrong is to be read from the connection.
    pub(super) fn run<R>(
        &self,
        scope: Option<&mut Scope<'_, '_>>,
        call: impl FnOnce() -> Result<R, c_int>,
    ) -> Result<R, SqlFailure> {
        if !self.is_open() {
            return Err(SqlFailure::Sql(SqlError::of_code(sys::SQLITE_MISUSE)));
        }
        self.depth.set(self.depth.get() + 1);
        let at_work = AtWork(&self.depth);
        let before = self.threw.replace(false);
        let outcome = calls::run(&self.user, scope, call);
        let outcome = match outcome {
            _ if self.threw.get() => Err(SqlFailure::Threw),
            Ok(value) => Ok(value),
            Err(code) => Err(SqlFailure::Sql(self.last_error(code))),
        };
        self.threw.set(before);
        drop(at_work);
        outcome
    }

    /// As `run`, for calls that return a code.
    pub(super) fn run_code(
        &self,
        scope: Option<&mut Scope<'_, '_>>,
        call: impl FnOnce() -> c_int,
    ) -> Result<(), SqlFailure> {
        self.run(scope, || match call() {
            sys::SQLITE_OK => Ok(()),
            code => Err(code),
        })
    }

    /// The error the connection has, or if it has none that of the code.
    pub(super) fn last_error(&self, code: c_int) -> SqlError {
        let raw = self.raw();
        if raw.is_null() {
            return SqlError::of_code(code);
        }
        // SAFETY: a handle, though perhaps one that could not be opened: SQLite allows this.
        let code = unsafe { sys::sqlite3_extended_errcode(raw) };
        // SAFETY: as above.
        let message = unsafe { sys::sqlite3_errmsg(raw) };
        // SAFETY: a text of the handle's, copied at once.
        let message = unsafe { text_of(message) };
        SqlError {
            code,
            message: message.unwrap_or_default(),
            meaning: meaning(code),
        }
    }

    /// The error of the last call, whatever it was.
    pub(crate) fn current_error(&self) -> SqlError {
        self.last_error(sys::SQLITE_ERROR)
    }

    /// Closes it: its statements, sessions and copies first. Nothing when SQLite is at work in it.
    pub(crate) fn close(&self) {
        if self.is_in_use() || !self.is_open() {
            return;
        }
        let statements = std::mem::take(&mut *self.statements.borrow_mut());
        for statement in statements.iter().filter_map(Weak::upgrade) {
            statement.finalize();
        }
        let backups = std::mem::take(&mut *self.backups.borrow_mut());
        for backup in backups.iter().filter_map(Weak::upgrade) {
            backup.finish();
        }
        let sessions = std::mem::take(&mut *self.sessions.borrow_mut());
        for session in sessions.iter().filter_map(Weak::upgrade) {
            session.end();
        }
        let raw = self.raw.replace(std::ptr::null_mut());
        calls::run(&self.user, None, || {
            // SAFETY: open until now, and nothing of it is left that could be used later.
            unsafe { sys::sqlite3_close(raw) }
        });
        self.authorizer.borrow_mut().take();
    }

    /// Turns one of SQLite's switches (`SQLITE_DBCONFIG_*`).
    pub(crate) fn configure(&self, option: i32, on: bool) -> Result<(), SqlFailure> {
        let raw = self.raw();
        self.run_code(None, || {
            let nowhere: *mut c_int = std::ptr::null_mut();
            // SAFETY: these options take a number and a place for the answer, which may be null.
            unsafe { sys::sqlite3_db_config(raw, option, c_int::from(on), nowhere) }
        })
    }

    /// How long calls wait for a lock of another's.
    pub(crate) fn set_busy_timeout(&self, ms: i32) -> Result<(), SqlFailure> {
        let raw = self.raw();
        // SAFETY: open, as `run` makes sure.
        self.run_code(None, || unsafe { sys::sqlite3_busy_timeout(raw, ms) })
    }

    /// Sets a limit, or with a negative number reads it; what it was.
    pub(crate) fn limit(&self, which: i32, to: i32) -> i32 {
        if !self.is_open() {
            return 0;
        }
        // SAFETY: open.
        unsafe { sys::sqlite3_limit(self.raw(), which, to) }
    }

    /// Whether a transaction is open.
    pub(crate) fn is_in_transaction(&self) -> bool {
        // SAFETY: open.
        self.is_open() && unsafe { sys::sqlite3_get_autocommit(self.raw()) } == 0
    }

    /// The file of a database; none for one in memory.
    pub(crate) fn file_name(&self, database: &[u8]) -> Option<Vec<u8>> {
        let name = CString::new(database).ok()?;
        if !self.is_open() {
            return None;
        }
        // SAFETY: open, and a name.
        let file = unsafe { sys::sqlite3_db_filename(self.raw(), name.as_ptr()) };
        // SAFETY: a text of the library's, or null.
        unsafe { text_of(file) }.filter(|name| !name.is_empty())
    }

    /// Runs all statements of a text.
    pub(crate) fn exec(&self, scope: &mut Scope<'_, '_>, sql: &[u8]) -> Result<(), SqlFailure> {
        let sql = text_until_nul(sql);
        let raw = self.raw();
        self.run_code(Some(scope), || {
            let nowhere = std::ptr::null_mut();
            // SAFETY: open, and a NUL-terminated text.
            unsafe { sys::sqlite3_exec(raw, sql.as_ptr(), None, nowhere, std::ptr::null_mut()) }
        })
    }

    /// Compiles the first statement of a text; `None` when there is none.
    pub(crate) fn prepare(
        self: &Rc<Self>,
        scope: &mut Scope<'_, '_>,
        sql: &[u8],
    ) -> Result<Option<Rc<Statement>>, SqlFailure> {
        let sql = text_until_nul(sql);
        let raw = self.raw();
        let mut statement = std::ptr::null_mut();
        self.run_code(Some(scope), || {
            let rest = std::ptr::null_mut();
            // SAFETY: open, a NUL-terminated text, and a place for the statement.
            unsafe { sys::sqlite3_prepare_v2(raw, sql.as_ptr(), -1, &raw mut statement, rest) }
        })?;
        if statement.is_null() {
            return Ok(None);
        }
        let statement = Rc::new(Statement::new(self, statement));
        let mut statements = self.statements.borrow_mut();
        if statements.len() == statements.capacity() {
            statements.retain(|statement| statement.strong_count() > 0);
        }
        statements.push(Rc::downgrade(&statement));
        drop(statements);
        Ok(Some(statement))
    }

    /// The row id of the last insertion, and how many rows the last statement changed.
    pub(crate) fn last_changes(&self) -> (i64, i64) {
        if !self.is_open() {
            return (0, 0);
        }
        // SAFETY: open.
        let id = unsafe { sys::sqlite3_last_insert_rowid(self.raw()) };
        // SAFETY: open.
        let count = unsafe { sys::sqlite3_changes64(self.raw()) };
        (id, count)
    }

    /// Gives SQL a function.
    pub(crate) fn add_function(
        &self,
        name: &[u8],
        count: i32,
        flags: FunctionFlags,
        function: Box<dyn ScalarFunction>,
    ) -> Result<(), SqlFailure> {
        let name = text_until_nul(name);
        let data = Box::into_raw(Box::new(Registered {
            connection: self.weak(),
            function,
        }));
        let (raw, bits) = (self.raw(), flags.bits());
        self.run_code(None, || {
            // SAFETY: open; `data` is what the functions expect, and SQLite frees it by the last, also on failure.
            unsafe {
                sys::sqlite3_create_function_v2(
                    raw,
                    name.as_ptr(),
                    count,
                    bits,
                    data.cast::<c_void>(),
                    Some(callbacks::call_scalar),
                    None,
                    None,
                    Some(callbacks::drop_scalar),
                )
            }
        })
    }

    /// Gives SQL an aggregate function, which with an inverse also works over windows.
    pub(crate) fn add_aggregate(
        &self,
        name: &[u8],
        count: i32,
        flags: FunctionFlags,
        has_inverse: bool,
        function: Box<dyn Aggregate>,
    ) -> Result<(), SqlFailure> {
        let name = text_until_nul(name);
        let data = Box::into_raw(Box::new(Registered {
            connection: self.weak(),
            function,
        }));
        let (raw, bits) = (self.raw(), flags.bits());
        let value: unsafe extern "C" fn(*mut sys::sqlite3_context) = callbacks::value;
        let inverse: unsafe extern "C" fn(
            *mut sys::sqlite3_context,
            c_int,
            *mut *mut sys::sqlite3_value,
        ) = callbacks::inverse;
        self.run_code(None, || {
            // SAFETY: open; `data` is what the functions expect, and SQLite frees it by the last, also on failure.
            unsafe {
                sys::sqlite3_create_window_function(
                    raw,
                    name.as_ptr(),
                    count,
                    bits,
                    data.cast::<c_void>(),
                    Some(callbacks::step),
                    Some(callbacks::finish),
                    has_inverse.then_some(value),
                    has_inverse.then_some(inverse),
                    Some(callbacks::drop_aggregate),
                )
            }
        })
    }

    /// Has every statement permitted from now on, or none.
    pub(crate) fn set_authorizer(
        &self,
        authorizer: Option<Rc<dyn Authorizer>>,
    ) -> Result<(), SqlFailure> {
        let function: unsafe extern "C" fn(
            *mut c_void,
            c_int,
            *const c_char,
            *const c_char,
            *const c_char,
            *const c_char,
        ) -> c_int = callbacks::authorize;
        let function = authorizer.is_some().then_some(function);
        *self.authorizer.borrow_mut() = authorizer;
        let data = std::ptr::from_ref(self).cast_mut().cast::<c_void>();
        let raw = self.raw();
        self.run_code(None, || {
            // SAFETY: open; the connection is pinned by its `Rc` and closes the database before it ends.
            unsafe { sys::sqlite3_set_authorizer(raw, function, data) }
        })
    }

    /// Begins to record changes of a table, or of all.
    pub(crate) fn create_session(
        self: &Rc<Self>,
        database: &[u8],
        table: Option<&[u8]>,
    ) -> Result<Rc<ChangeSession>, SqlFailure> {
        let database = text_until_nul(database);
        let table = table.map(text_until_nul);
        let raw = self.raw();
        let mut session = std::ptr::null_mut();
        self.run_code(None, || {
            // SAFETY: open, a name, and a place for the session.
            unsafe { sys::sqlite3session_create(raw, database.as_ptr(), &raw mut session) }
        })?;
        let session = Rc::new(ChangeSession::new(self, session));
        self.sessions.borrow_mut().push(Rc::downgrade(&session));
        self.run_code(None, || {
            let name = table
                .as_ref()
                .map_or(std::ptr::null(), |name| name.as_ptr());
            // SAFETY: a session, and a name or null for all tables.
            unsafe { sys::sqlite3session_attach(session.raw(), name) }
        })?;
        Ok(session)
    }

    /// Applies recorded changes; SQLite's code.
    pub(crate) fn apply_changes(
        self: &Rc<Self>,
        scope: &mut Scope<'_, '_>,
        changes: &[u8],
        deciding: &dyn Changes,
    ) -> Result<i32, SqlFailure> {
        let Ok(len) = c_int::try_from(changes.len()) else {
            return Ok(sys::SQLITE_TOOBIG);
        };
        let applying = Applying {
            connection: self,
            changes: deciding,
        };
        let raw = self.raw();
        self.run(Some(scope), || {
            let data = changes.as_ptr().cast_mut().cast::<c_void>();
            let context = std::ptr::from_ref(&applying).cast_mut().cast::<c_void>();
            // SAFETY: open; `len` bytes, which are only read; `applying` lives through the call.
            Ok(unsafe {
                sys::sqlite3changeset_apply(
                    raw,
                    len,
                    data,
                    Some(callbacks::accepts),
                    Some(callbacks::resolve),
                    context,
                )
            })
        })
    }

    /// The bytes a database would have as a file; `None` when there is no such database.
    pub(crate) fn serialize(
        &self,
        scope: &mut Scope<'_, '_>,
        database: &[u8],
    ) -> Result<Option<Vec<u8>>, SqlFailure> {
        let database = text_until_nul(database);
        let raw = self.raw();
        self.run(Some(scope), || {
            let mut len = 0;
            // SAFETY: open, a name, and a place for the length.
            let data = unsafe { sys::sqlite3_serialize(raw, database.as_ptr(), &raw mut len, 0) };
            if data.is_null() {
                return Ok((len == 0).then(Vec::new).filter(|_| false));
            }
            let len = usize::try_from(len).unwrap_or(0);
            // SAFETY: SQLite has that many bytes there.
            let bytes = unsafe { std::slice::from_raw_parts(data, len) }.to_vec();
            // SAFETY: SQLite's own memory, not used after this.
            unsafe { sys::sqlite3_free(data.cast::<c_void>()) };
            Ok(Some(bytes))
        })
    }

    /// Makes a database of the bytes of a file.
    pub(crate) fn deserialize(
        &self,
        scope: &mut Scope<'_, '_>,
        database: &[u8],
        bytes: &[u8],
    ) -> Result<(), SqlFailure> {
        let database = text_until_nul(database);
        let raw = self.raw();
        self.run_code(Some(scope), || {
            let len = bytes.len() as u64;
            // SAFETY: any length.
            let copy = unsafe { sys::sqlite3_malloc64(len) }.cast::<u8>();
            if copy.is_null() {
                return sys::SQLITE_NOMEM;
            }
            // SAFETY: both have this many bytes, and are not the same.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len()) };
            let flags = sys::SQLITE_DESERIALIZE_FREEONCLOSE | sys::SQLITE_DESERIALIZE_RESIZEABLE;
            let len = i64::try_from(len).unwrap_or(i64::MAX);
            let flags = std::ffi::c_uint::try_from(flags).unwrap_or(0);
            // SAFETY: open; SQLite takes over the copy, also when it fails.
            unsafe { sys::sqlite3_deserialize(raw, database.as_ptr(), copy, len, len, flags) }
        })
    }

    /// Begins to copy a database of this connection to one of another.
    pub(crate) fn begin_backup(
        self: &Rc<Self>,
        database: &[u8],
        target: &Rc<Self>,
        target_database: &[u8],
    ) -> Result<Rc<Backup>, SqlFailure> {
        let (from, to) = (text_until_nul(database), text_until_nul(target_database));
        let source = self.raw();
        if source.is_null() {
            return Err(SqlFailure::Sql(SqlError::of_code(sys::SQLITE_MISUSE)));
        }
        let raw = target.run(None, || {
            // SAFETY: both are open, and two names.
            let raw = unsafe {
                sys::sqlite3_backup_init(target.raw(), to.as_ptr(), source, from.as_ptr())
            };
            if raw.is_null() {
                Err(sys::SQLITE_ERROR)
            } else {
                Ok(raw)
            }
        })?;
        let backup = Rc::new(Backup::new(raw, self, target));
        self.backups.borrow_mut().push(Rc::downgrade(&backup));
        Ok(backup)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.depth.set(0);
        self.close();
    }
}

/// A text for SQLite, which reads up to the first NUL.
pub(super) fn text_until_nul(text: &[u8]) -> CString {
    let end = text
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(text.len());
    CString::new(text.get(..end).unwrap_or_default()).unwrap_or_default()
}
