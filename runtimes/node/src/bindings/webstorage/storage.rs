//! [`Storage`]: pairs of texts in a database. It is opened when it is first needed, so one that nobody uses makes no file.

use std::cell::RefCell;
use std::rc::Rc;

use crate::environment::Stored;
use crate::glue::sqlite::{Connection, SqlFailure, SqlValue, Statement};
use crate::glue::{Failure, Native, Object, Scope, ScopeExt, Value, quota};

/// Which tables this is for; what has a higher number was made by a later Node.
const SCHEMA_VERSION: i64 = 1;
const SCHEMA: &str = include_str!("schema.sql");
/// The part of a code that says what kind of error it is.
const KIND: i32 = 0xff;
const CONSTRAINT: i32 = 19;

type Name<'s> = v8::Local<'s, v8::Name>;

pub(super) struct Storage {
    path: Vec<u8>,
    connection: RefCell<Option<Rc<Connection>>>,
    /// Properties named by symbols, which are not stored.
    symbols: v8::Global<v8::Map>,
}

impl Native for Storage {}

impl Storage {
    /// The storage in this file, or in memory (`:memory:`).
    pub(super) fn new(scope: &Scope<'_, '_>, path: Vec<u8>) -> Self {
        let symbols = v8::Map::new(scope);
        Self {
            path,
            connection: RefCell::default(),
            symbols: v8::Global::new(scope, symbols),
        }
    }

    fn open(&self, scope: &mut Scope<'_, '_>) -> Result<Rc<Connection>, Failure> {
        if let Some(known) = self.connection.borrow().as_ref() {
            return Ok(Rc::clone(known));
        }
        let env = scope.env();
        let quota = quota(scope);
        let connection = Connection::open(env.task(), quota, &self.path, false)
            .map_err(|error| failed(scope, SqlFailure::Sql(error)))?;
        connection
            .exec(scope, SCHEMA.as_bytes())
            .map_err(|error| failed(scope, error))?;
        let version = "SELECT schema_version FROM nodejs_webstorage_state";
        let version = first(scope, &connection, version, &[])?;
        match version {
            Some(SqlValue::Integer(version)) if version > SCHEMA_VERSION => {
                return Err(Failure::error(
                    "ERR_INVALID_STATE",
                    "localStorage was created with a newer version of Node.js",
                ));
            }
            Some(SqlValue::Integer(SCHEMA_VERSION)) => {}
            _ => {
                let update = "UPDATE nodejs_webstorage_state SET schema_version = ?";
                first(
                    scope,
                    &connection,
                    update,
                    &[SqlValue::Integer(SCHEMA_VERSION)],
                )?;
            }
        }
        *self.connection.borrow_mut() = Some(Rc::clone(&connection));
        Ok(connection)
    }

    fn symbols<'s>(&self, scope: &Scope<'s, '_>) -> v8::Local<'s, v8::Map> {
        v8::Local::new(scope, &self.symbols)
    }

    /// The value of a name, if there is one.
    pub(super) fn load<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        name: Name<'s>,
    ) -> Result<Option<Value<'s>>, Failure> {
        if name.is_symbol() {
            let value = self.symbols(scope).get(scope, name.into());
            return Ok(value.filter(|value| !value.is_undefined()));
        }
        let connection = self.open(scope)?;
        let sql = "SELECT value FROM nodejs_webstorage WHERE key = ? LIMIT 1";
        let found = first(scope, &connection, sql, &[text_of(scope, name.into())?])?;
        Ok(found.and_then(|value| string_of(scope, &value)))
    }

    /// Sets a value.
    pub(super) fn store<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        name: Name<'s>,
        value: Value<'s>,
    ) -> Result<(), Failure> {
        if name.is_symbol() {
            let symbols = self.symbols(scope);
            symbols
                .set(scope, name.into(), value)
                .ok_or(Failure::Pending)?;
            return Ok(());
        }
        let value = text_of(scope, value)?;
        let connection = self.open(scope)?;
        let sql = "INSERT INTO nodejs_webstorage (key, value) VALUES (?, ?) \
                   ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value";
        let name = text_of(scope, name.into())?;
        first(scope, &connection, sql, &[name, value])?;
        Ok(())
    }

    /// Takes a pair away.
    pub(super) fn remove<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        name: Name<'s>,
    ) -> Result<(), Failure> {
        if name.is_symbol() {
            let symbols = self.symbols(scope);
            symbols.delete(scope, name.into()).ok_or(Failure::Pending)?;
            return Ok(());
        }
        let connection = self.open(scope)?;
        let name = text_of(scope, name.into())?;
        first(
            scope,
            &connection,
            "DELETE FROM nodejs_webstorage WHERE key = ?",
            &[name],
        )?;
        Ok(())
    }

    /// Takes all pairs away.
    pub(super) fn clear(&self, scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
        let connection = self.open(scope)?;
        first(scope, &connection, "DELETE FROM nodejs_webstorage", &[])?;
        Ok(())
    }

    /// How many pairs there are.
    pub(super) fn length(&self, scope: &mut Scope<'_, '_>) -> Result<i32, Failure> {
        let connection = self.open(scope)?;
        let count = first(
            scope,
            &connection,
            "SELECT count(*) FROM nodejs_webstorage",
            &[],
        )?;
        Ok(match count {
            Some(SqlValue::Integer(count)) => i32::try_from(count).unwrap_or(i32::MAX),
            _ => 0,
        })
    }

    /// The name at this place.
    pub(super) fn key<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        index: i32,
    ) -> Result<Option<Value<'s>>, Failure> {
        let connection = self.open(scope)?;
        let sql = "SELECT key FROM nodejs_webstorage LIMIT 1 OFFSET ?";
        let found = first(
            scope,
            &connection,
            sql,
            &[SqlValue::Integer(i64::from(index))],
        )?;
        Ok(found.and_then(|value| string_of(scope, &value)))
    }

    /// All pairs.
    pub(super) fn pairs(
        &self,
        scope: &mut Scope<'_, '_>,
    ) -> Result<Vec<(String, String)>, Failure> {
        let connection = self.open(scope)?;
        let sql = "SELECT key, value FROM nodejs_webstorage";
        let statement = prepare(scope, &connection, sql, &[])?;
        let mut pairs = Vec::new();
        while statement
            .step(scope)
            .map_err(|error| failed(scope, error))?
        {
            let text = |column| {
                let value = string_of(scope, &statement.column(column));
                value.map_or_else(String::new, |value| value.to_rust_string_lossy(scope))
            };
            pairs.push((text(0), text(1)));
        }
        Ok(pairs)
    }

    /// All names.
    pub(super) fn keys<'s>(&self, scope: &mut Scope<'s, '_>) -> Result<Vec<Value<'s>>, Failure> {
        let connection = self.open(scope)?;
        let sql = "SELECT key FROM nodejs_webstorage";
        let statement = prepare(scope, &connection, sql, &[])?;
        let mut keys = Vec::new();
        while statement
            .step(scope)
            .map_err(|error| failed(scope, error))?
        {
            keys.extend(string_of(scope, &statement.column(0)));
        }
        Ok(keys)
    }
}

fn prepare(
    scope: &mut Scope<'_, '_>,
    connection: &Rc<Connection>,
    sql: &str,
    values: &[SqlValue],
) -> Result<Rc<Statement>, Failure> {
    let prepared = connection.prepare(scope, sql.as_bytes());
    let statement = prepared
        .map_err(|error| failed(scope, error))?
        .ok_or(Failure::Pending)?;
    for (index, value) in (1..).zip(values) {
        statement
            .bind(index, value)
            .map_err(|error| failed(scope, error))?;
    }
    Ok(statement)
}

/// Runs a statement; the first value of its first row.
fn first(
    scope: &mut Scope<'_, '_>,
    connection: &Rc<Connection>,
    sql: &str,
    values: &[SqlValue],
) -> Result<Option<SqlValue>, Failure> {
    let statement = prepare(scope, connection, sql, values)?;
    let has_row = statement
        .step(scope)
        .map_err(|error| failed(scope, error))?;
    Ok(has_row.then(|| statement.column(0)))
}

/// SQLite's error as Node throws it.
fn failed(scope: &mut Scope<'_, '_>, error: SqlFailure) -> Failure {
    match error {
        SqlFailure::Threw => Failure::Pending,
        SqlFailure::Sql(error) if error.code & KIND == CONSTRAINT => quota_exceeded(scope),
        SqlFailure::Sql(error) => Failure::error(
            "ERR_INVALID_STATE",
            String::from_utf8_lossy(&error.meaning).into_owned(),
        ),
    }
}

/// `QuotaExceededError`, a `DOMException`.
fn quota_exceeded(scope: &mut Scope<'_, '_>) -> Failure {
    let env = scope.env();
    let class = env
        .stored(scope, Stored::PerContextExports)
        .and_then(|exports| Object::try_from(exports).ok())
        .and_then(|exports| scope.get_property(exports, "DOMException").ok())
        .and_then(|class| v8::Local::<v8::Function>::try_from(class).ok());
    let args = [
        scope.text("Setting the value exceeded the quota").into(),
        scope.text("QuotaExceededError").into(),
    ];
    let exception = class.and_then(|class| class.new_instance(scope, &args));
    exception.map_or(Failure::Pending, |exception| {
        let exception: Value<'_> = exception.into();
        Failure::Thrown(v8::Global::new(scope, exception))
    })
}

/// A value as a text of 16-bit units.
fn text_of<'s>(scope: &Scope<'s, '_>, value: Value<'s>) -> Result<SqlValue, Failure> {
    let text = value.to_string(scope).ok_or(Failure::Pending)?;
    let mut units = vec![0_u16; text.length()];
    text.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
    let bytes = units.into_iter().flat_map(u16::to_le_bytes).collect();
    Ok(SqlValue::Blob(bytes))
}

fn string_of<'s>(scope: &Scope<'s, '_>, value: &SqlValue) -> Option<Value<'s>> {
    let SqlValue::Blob(bytes) = value else {
        return None;
    };
    let units: Vec<u16> = bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| u16::from_le_bytes(*pair))
        .collect();
    let text = v8::String::new_from_two_byte(scope, &units, v8::NewStringType::Normal)?;
    Some(text.into())
}
