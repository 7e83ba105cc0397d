//! What SQLite calls back: traits for the binding to implement, and the C functions over them.

use std::ffi::{c_char, c_int, c_void};
use std::rc::{Rc, Weak};

use super::connection::Connection;
use super::{SqlValue, calls, copied, sys, text_of, transient};
use crate::glue::Scope;

/// Why a callback has no value.
#[derive(Debug)]
pub(crate) enum CallbackError {
    /// JavaScript threw: the exception is V8's, and goes to whoever called SQLite.
    Threw,
    /// The statement fails with this message.
    Message(&'static str),
}

/// A function of SQL.
pub(crate) trait ScalarFunction {
    /// Its value.
    fn call(&self, scope: &mut Scope<'_, '_>, args: &[SqlValue])
    -> Result<SqlValue, CallbackError>;
}

/// An aggregate function of SQL; its state is a JavaScript value.
pub(crate) trait Aggregate {
    /// The state before the first row.
    fn start(&self, scope: &mut Scope<'_, '_>) -> Result<v8::Global<v8::Value>, CallbackError>;
    /// The state after another row, or (`is_inverse`) after a row has left the window.
    fn step(
        &self,
        scope: &mut Scope<'_, '_>,
        state: &v8::Global<v8::Value>,
        args: &[SqlValue],
        is_inverse: bool,
    ) -> Result<v8::Global<v8::Value>, CallbackError>;
    /// The value of a state.
    fn value(
        &self,
        scope: &mut Scope<'_, '_>,
        state: &v8::Global<v8::Value>,
    ) -> Result<SqlValue, CallbackError>;
}

/// Permits what a statement does.
pub(crate) trait Authorizer {
    /// `SQLITE_OK`, `SQLITE_DENY` or `SQLITE_IGNORE`.
    fn authorize(
        &self,
        scope: &mut Scope<'_, '_>,
        action: i32,
        details: [Option<Vec<u8>>; 4],
    ) -> Result<i32, CallbackError>;
}

/// Decides about the changes that are applied.
pub(crate) trait Changes {
    /// Whether the changes of a table are applied.
    fn accepts(&self, scope: &mut Scope<'_, '_>, table: &[u8]) -> Result<bool, CallbackError>;
    /// What to do about a conflict: `SQLITE_CHANGESET_*`.
    fn resolve(&self, scope: &mut Scope<'_, '_>, conflict: i32) -> Result<i32, CallbackError>;
}

/// What a registered function has: itself, and the connection that must know when it threw.
pub(super) struct Registered<F: ?Sized> {
    pub(super) connection: Weak<Connection>,
    pub(super) function: Box<F>,
}

/// Runs a callback if none has thrown before it; notes that it threw.
fn guarded<R>(
    connection: &Weak<Connection>,
    callback: impl for<'s, 'i> FnOnce(&mut Scope<'s, 'i>) -> Result<R, CallbackError>,
) -> Result<R, CallbackError> {
    let Some(connection) = connection.upgrade() else {
        return Err(CallbackError::Message("the database is closed"));
    };
    if connection.has_thrown() {
        return Err(CallbackError::Threw);
    }
    let outcome = calls::call_back(callback).unwrap_or(Err(CallbackError::Message(
        "JavaScript cannot be called now",
    )));
    if matches!(outcome, Err(CallbackError::Threw)) {
        connection.note_throw();
    }
    outcome
}

/// The values SQLite passes.
///
/// # Safety
/// `count` valid values must be at `values`.
unsafe fn values_at(count: c_int, values: *mut *mut sys::sqlite3_value) -> Vec<SqlValue> {
    let count = usize::try_from(count).unwrap_or(0);
    if count == 0 {
        return Vec::new();
    }
    // SAFETY: by the contract of this function.
    let values = unsafe { std::slice::from_raw_parts(values, count) };
    values
        .iter()
        // SAFETY: by the contract of this function.
        .map(|value| unsafe { value_of(*value) })
        .collect()
}

/// A value, copied.
///
/// # Safety
/// `value` must be valid.
unsafe fn value_of(value: *mut sys::sqlite3_value) -> SqlValue {
    // SAFETY: a valid value, here and below; `bytes` is asked for after the pointer, as SQLite wants it.
    match unsafe { sys::sqlite3_value_type(value) } {
        // SAFETY: as above.
        sys::SQLITE_INTEGER => SqlValue::Integer(unsafe { sys::sqlite3_value_int64(value) }),
        // SAFETY: as above.
        sys::SQLITE_FLOAT => SqlValue::Real(unsafe { sys::sqlite3_value_double(value) }),
        sys::SQLITE_TEXT => {
            // SAFETY: as above.
            let text = unsafe { sys::sqlite3_value_text(value) };
            // SAFETY: as above.
            let len = unsafe { sys::sqlite3_value_bytes(value) };
            // SAFETY: SQLite has that many bytes there.
            SqlValue::Text(unsafe { copied(text, len) })
        }
        sys::SQLITE_BLOB => {
            // SAFETY: as above.
            let data = unsafe { sys::sqlite3_value_blob(value) };
            // SAFETY: as above.
            let len = unsafe { sys::sqlite3_value_bytes(value) };
            // SAFETY: SQLite has that many bytes there.
            SqlValue::Blob(unsafe { copied(data.cast::<u8>(), len) })
        }
        _ => SqlValue::Null,
    }
}

/// Gives a function's value, or its error, to SQLite.
///
/// # Safety
/// `context` must be the running function's.
unsafe fn answer(context: *mut sys::sqlite3_context, outcome: Result<SqlValue, CallbackError>) {
    match outcome {
        // SAFETY: by the contract of this function, here and below.
        Ok(SqlValue::Null) => unsafe { sys::sqlite3_result_null(context) },
        // SAFETY: as above.
        Ok(SqlValue::Integer(number)) => unsafe { sys::sqlite3_result_int64(context, number) },
        // SAFETY: as above.
        Ok(SqlValue::Real(number)) => unsafe { sys::sqlite3_result_double(context, number) },
        Ok(SqlValue::Text(text)) => {
            let (data, len) = (text.as_ptr().cast::<c_char>(), text.len() as u64);
            // SAFETY: as above; the text is copied.
            unsafe {
                sys::sqlite3_result_text64(context, data, len, transient(), UTF8);
            }
        }
        Ok(SqlValue::Blob(bytes)) => {
            let (data, len) = (bytes.as_ptr().cast::<c_void>(), bytes.len() as u64);
            // SAFETY: as above; the bytes are copied.
            unsafe { sys::sqlite3_result_blob64(context, data, len, transient()) };
        }
        Err(error) => {
            let message = match error {
                CallbackError::Threw => "",
                CallbackError::Message(message) => message,
            };
            let len = c_int::try_from(message.len()).unwrap_or(0);
            let text = message.as_ptr().cast::<c_char>();
            // SAFETY: as above; the text is copied.
            unsafe { sys::sqlite3_result_error(context, text, len) };
        }
    }
}

/// `SQLITE_UTF8`, as `text64` takes it.
pub(super) const UTF8: u8 = 1;

/// The registered function of a context.
///
/// # Safety
/// A function of this type must be registered under the running one's name.
unsafe fn registered<'a, F>(context: *mut sys::sqlite3_context) -> &'a Registered<F>
where
    F: ?Sized,
    Registered<F>: Sized,
{
    // SAFETY: the running function's context.
    let data = unsafe { sys::sqlite3_user_data(context) };
    // SAFETY: by the contract of this function; it lives until SQLite calls the destructor, which it does not during a call.
    unsafe { &*data.cast::<Registered<F>>() }
}

/// Frees what was registered.
pub(super) unsafe extern "C" fn drop_scalar(data: *mut c_void) {
    // SAFETY: from `Box::into_raw`, given back once.
    drop(unsafe { Box::from_raw(data.cast::<Registered<dyn ScalarFunction>>()) });
}

/// Frees what was registered.
pub(super) unsafe extern "C" fn drop_aggregate(data: *mut c_void) {
    // SAFETY: from `Box::into_raw`, given back once.
    drop(unsafe { Box::from_raw(data.cast::<Registered<dyn Aggregate>>()) });
}

pub(super) unsafe extern "C" fn call_scalar(
    context: *mut sys::sqlite3_context,
    count: c_int,
    values: *mut *mut sys::sqlite3_value,
) {
    // SAFETY: registered with a scalar function.
    let registered = unsafe { registered::<dyn ScalarFunction>(context) };
    // SAFETY: SQLite passes that many.
    let args = unsafe { values_at(count, values) };
    let outcome = guarded(&registered.connection, |scope| {
        registered.function.call(scope, &args)
    });
    // SAFETY: the running function's context.
    unsafe { answer(context, outcome) };
}

/// One evaluation of an aggregate.
struct Evaluation {
    state: Option<v8::Global<v8::Value>>,
    is_window: bool,
}

/// The place where SQLite keeps the evaluation; made if `len` is not 0, zeros at first.
///
/// # Safety
/// `context` must be an aggregate's.
unsafe fn place(context: *mut sys::sqlite3_context, makes: bool) -> *mut *mut Evaluation {
    let len = if makes {
        size_of::<*mut Evaluation>()
    } else {
        0
    };
    let len = c_int::try_from(len).unwrap_or(0);
    // SAFETY: by the contract of this function.
    unsafe { sys::sqlite3_aggregate_context(context, len) }.cast::<*mut Evaluation>()
}

/// The evaluation, begun if it is new.
///
/// # Safety
/// `context` must be a running aggregate's.
unsafe fn evaluation<'a>(context: *mut sys::sqlite3_context) -> Option<&'a mut Evaluation> {
    // SAFETY: by the contract of this function.
    let place = unsafe { place(context, true) };
    if place.is_null() {
        return None;
    }
    // SAFETY: SQLite keeps a zeroed pointer there.
    if unsafe { (*place).is_null() } {
        let new = Box::into_raw(Box::new(Evaluation {
            state: None,
            is_window: false,
        }));
        // SAFETY: as above.
        unsafe { *place = new };
    }
    // SAFETY: as above.
    let evaluation = unsafe { *place };
    // SAFETY: from `Box::into_raw`, freed by `end` only, which is the aggregate's last call.
    Some(unsafe { &mut *evaluation })
}

/// Frees the evaluation.
///
/// # Safety
/// `context` must be an aggregate's in its last call.
unsafe fn end(context: *mut sys::sqlite3_context) {
    // SAFETY: by the contract of this function.
    let place = unsafe { place(context, false) };
    if place.is_null() {
        return;
    }
    // SAFETY: SQLite keeps our pointer there.
    let evaluation = unsafe { std::mem::replace(&mut *place, std::ptr::null_mut()) };
    if !evaluation.is_null() {
        // SAFETY: from `Box::into_raw`, given back once: the place is null now.
        drop(unsafe { Box::from_raw(evaluation) });
    }
}

fn begin(
    registered: &Registered<dyn Aggregate>,
    evaluation: &mut Evaluation,
) -> Result<v8::Global<v8::Value>, CallbackError> {
    if let Some(state) = &evaluation.state {
        return Ok(state.clone());
    }
    let state = guarded(&registered.connection, |scope| {
        registered.function.start(scope)
    })?;
    evaluation.state = Some(state.clone());
    Ok(state)
}

/// # Safety
/// As SQLite calls an aggregate's step.
unsafe fn step_of(
    context: *mut sys::sqlite3_context,
    count: c_int,
    values: *mut *mut sys::sqlite3_value,
    is_inverse: bool,
) {
    // SAFETY: registered with an aggregate.
    let registered = unsafe { registered::<dyn Aggregate>(context) };
    // SAFETY: SQLite passes that many.
    let args = unsafe { values_at(count, values) };
    // SAFETY: the running aggregate's context.
    let Some(evaluation) = (unsafe { evaluation(context) }) else {
        return;
    };
    let outcome = begin(registered, evaluation).and_then(|state| {
        guarded(&registered.connection, |scope| {
            registered.function.step(scope, &state, &args, is_inverse)
        })
    });
    match outcome {
        Ok(state) => evaluation.state = Some(state),
        // SAFETY: the running function's context.
        Err(error) => unsafe { answer(context, Err(error)) },
    }
}

pub(super) unsafe extern "C" fn step(
    context: *mut sys::sqlite3_context,
    count: c_int,
    values: *mut *mut sys::sqlite3_value,
) {
    // SAFETY: as SQLite calls it.
    unsafe { step_of(context, count, values, false) };
}

pub(super) unsafe extern "C" fn inverse(
    context: *mut sys::sqlite3_context,
    count: c_int,
    values: *mut *mut sys::sqlite3_value,
) {
    // SAFETY: as SQLite calls it.
    unsafe { step_of(context, count, values, true) };
}

/// # Safety
/// As SQLite calls an aggregate's value or final function.
unsafe fn value_now(context: *mut sys::sqlite3_context, is_last: bool) {
    // SAFETY: registered with an aggregate.
    let registered = unsafe { registered::<dyn Aggregate>(context) };
    // SAFETY: the running aggregate's context.
    let Some(evaluation) = (unsafe { evaluation(context) }) else {
        return;
    };
    if is_last && evaluation.is_window {
        return;
    }
    evaluation.is_window |= !is_last;
    let outcome = begin(registered, evaluation).and_then(|state| {
        guarded(&registered.connection, |scope| {
            registered.function.value(scope, &state)
        })
    });
    // SAFETY: the running function's context.
    unsafe { answer(context, outcome) };
}

pub(super) unsafe extern "C" fn value(context: *mut sys::sqlite3_context) {
    // SAFETY: as SQLite calls it.
    unsafe { value_now(context, false) };
}

pub(super) unsafe extern "C" fn finish(context: *mut sys::sqlite3_context) {
    // SAFETY: as SQLite calls it.
    unsafe { value_now(context, true) };
    // SAFETY: the last call of the aggregate.
    unsafe { end(context) };
}

pub(super) unsafe extern "C" fn authorize(
    data: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    third: *const c_char,
    fourth: *const c_char,
) -> c_int {
    // SAFETY: the connection that registered this, which takes it back before it ends.
    let connection = unsafe { &*data.cast::<Connection>() };
    let details = [first, second, third, fourth]
        // SAFETY: texts of SQLite's, or null.
        .map(|text| unsafe { text_of(text) });
    let Some(authorizer) = connection.authorizer() else {
        return sys::SQLITE_OK;
    };
    let outcome = guarded(&connection.weak(), |scope| {
        authorizer.authorize(scope, action, details)
    });
    outcome.unwrap_or(sys::SQLITE_DENY)
}

/// What `changeset_apply` carries to the two functions below.
pub(super) struct Applying<'a> {
    pub(super) connection: &'a Rc<Connection>,
    pub(super) changes: &'a dyn Changes,
}

pub(super) unsafe extern "C" fn accepts(data: *mut c_void, table: *const c_char) -> c_int {
    // SAFETY: `Connection::apply_changes` passes it, and lives through the call.
    let applying = unsafe { &*data.cast::<Applying<'_>>() };
    // SAFETY: the name of a table.
    let table = unsafe { text_of(table) }.unwrap_or_default();
    let outcome = guarded(&Rc::downgrade(applying.connection), |scope| {
        applying.changes.accepts(scope, &table)
    });
    c_int::from(outcome.unwrap_or(false))
}

pub(super) unsafe extern "C" fn resolve(
    data: *mut c_void,
    conflict: c_int,
    _: *mut sys::sqlite3_changeset_iter,
) -> c_int {
    // SAFETY: as above.
    let applying = unsafe { &*data.cast::<Applying<'_>>() };
    let outcome = guarded(&Rc::downgrade(applying.connection), |scope| {
        applying.changes.resolve(scope, conflict)
    });
    outcome.unwrap_or(sys::SQLITE_CHANGESET_ABORT)
}

/// Ends what runs when the process must end.
pub(super) unsafe extern "C" fn progress(data: *mut c_void) -> c_int {
    // SAFETY: the connection that registered this, which takes it back before it ends.
    let connection = unsafe { &*data.cast::<Connection>() };
    c_int::from(connection.must_end())
}
