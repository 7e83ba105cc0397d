//! Rows: how a statement is run for them, and the iterator over them.

use std::cell::Cell;
use std::rc::Rc;

use super::statement::{Prepared, bind, made_by_us, make};
use super::values::{self, failure};
use super::wrong_state;
use crate::glue::sqlite::{ColumnText, Statement};
use crate::glue::{Args, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, Value};

pub(in crate::bindings) static ITERATOR: Class = Class::new("StatementSyncIterator", made_by_us)
    .fields(2)
    .method("next", next)
    .method("return", return_);

fn column_name<'s>(
    scope: &Scope<'s, '_>,
    statement: &Statement,
    column: i32,
) -> Result<v8::Local<'s, v8::Name>, Failure> {
    let name = statement
        .column_text(column, ColumnText::Name)
        .ok_or_else(|| wrong_state(format!("Cannot get name of column {column}")))?;
    let name = v8::String::new_from_utf8(scope, &name, v8::NewStringType::Internalized);
    Ok(name.ok_or(Failure::Pending)?.into())
}

fn column_names<'s>(
    scope: &Scope<'s, '_>,
    statement: &Statement,
) -> Result<Vec<v8::Local<'s, v8::Name>>, Failure> {
    (0..statement.column_count())
        .map(|column| column_name(scope, statement, column))
        .collect()
}

/// The row the statement is at.
fn row<'s>(
    scope: &mut Scope<'s, '_>,
    prepared: &Prepared,
    names: &[v8::Local<'s, v8::Name>],
) -> Result<Value<'s>, Failure> {
    let settings = prepared.settings.get();
    let mut values = Vec::with_capacity(names.len());
    for column in 0..prepared.statement.column_count() {
        let value = prepared.statement.column(column);
        values.push(values::to_js(scope, value, settings.uses_bigints)?);
    }
    if settings.returns_arrays {
        return Ok(scope.array(&values).into());
    }
    let count = values.len().min(names.len());
    let (names, values) = (
        names.get(..count).unwrap_or_default(),
        values.get(..count).unwrap_or_default(),
    );
    let null = v8::null(scope).into();
    Ok(v8::Object::with_prototype_and_properties(scope, null, names, values).into())
}

fn step(scope: &mut Scope<'_, '_>, statement: &Statement) -> Result<bool, Failure> {
    statement
        .step(scope)
        .map_err(|error| failure(scope, &error))
}

/// Resets what has been read; an error of its last step has been reported.
fn put_back(scope: &mut Scope<'_, '_>, statement: &Statement) {
    let _reported = statement.reset(scope);
}

/// All rows, as an array.
pub(super) fn all_rows<'s>(
    scope: &mut Scope<'s, '_>,
    prepared: &Prepared,
    given: &[Value<'s>],
) -> Result<Value<'s>, Failure> {
    bind(scope, prepared, given)?;
    let rows = collect(scope, prepared);
    if rows.is_ok() {
        put_back(scope, &prepared.statement);
    }
    Ok(scope.array(&rows?).into())
}

fn collect<'s>(scope: &mut Scope<'s, '_>, prepared: &Prepared) -> Result<Vec<Value<'s>>, Failure> {
    let mut rows = Vec::new();
    let mut names = Vec::new();
    while step(scope, &prepared.statement)? {
        if rows.is_empty() {
            names = column_names(scope, &prepared.statement)?;
        }
        rows.push(row(scope, prepared, &names)?);
    }
    Ok(rows)
}

/// The first row, or `undefined`.
pub(super) fn first_row<'s>(
    scope: &mut Scope<'s, '_>,
    prepared: &Prepared,
    given: &[Value<'s>],
) -> Result<Value<'s>, Failure> {
    bind(scope, prepared, given)?;
    let has_row = step(scope, &prepared.statement)?;
    let outcome = if has_row && prepared.statement.column_count() > 0 {
        column_names(scope, &prepared.statement).and_then(|names| row(scope, prepared, &names))
    } else {
        Ok(scope.undefined())
    };
    if outcome.is_ok() {
        put_back(scope, &prepared.statement);
    }
    outcome
}

/// Runs it for what it changes: `{ changes, lastInsertRowid }`.
pub(super) fn run_once<'s>(
    scope: &mut Scope<'s, '_>,
    prepared: &Prepared,
    given: &[Value<'s>],
) -> Result<Value<'s>, Failure> {
    bind(scope, prepared, given)?;
    step(scope, &prepared.statement)?;
    prepared
        .statement
        .reset(scope)
        .map_err(|error| failure(scope, &error))?;
    let (id, count) = prepared.statement.connection().last_changes();
    let result = scope.object();
    let uses_bigints = prepared.settings.get().uses_bigints;
    let number = |number: i64| -> Value<'s> {
        if uses_bigints {
            v8::BigInt::new_from_i64(scope, number).into()
        } else {
            #[expect(clippy::cast_precision_loss, reason = "as Node does")]
            scope.number(number as f64)
        }
    };
    let (id, count) = (number(id), number(count));
    scope.set(result, "changes", count);
    scope.set(result, "lastInsertRowid", id);
    Ok(result.into())
}

struct Rows {
    prepared: Rc<Prepared>,
    /// How often the statement had been reset when this began.
    resets: u64,
    is_done: Cell<bool>,
}

impl Native for Rows {}

/// An iterator over the rows; `owner` is kept alive by it.
pub(super) fn new_iterator<'s>(
    scope: &mut Scope<'s, '_>,
    owner: Object<'s>,
    prepared: &Rc<Prepared>,
    given: &[Value<'s>],
) -> Result<Object<'s>, Failure> {
    bind(scope, prepared, given)?;
    let rows = Rows {
        prepared: Rc::clone(prepared),
        resets: prepared.statement.resets(),
        is_done: Cell::new(false),
    };
    let object = make(scope, &ITERATOR, owner, rows)?;
    let global = scope.get_current_context().global(scope);
    let parent = scope.get_property(global, "Iterator")?;
    if let Ok(parent) = v8::Local::<v8::Object>::try_from(parent)
        && let Some(prototype) = object.get_prototype(scope)
        && let Ok(prototype) = v8::Local::<v8::Object>::try_from(prototype)
    {
        let parent = scope.get_property(parent, "prototype")?;
        prototype.set_prototype(scope, parent);
    }
    Ok(object)
}

fn result<'s>(scope: &Scope<'s, '_>, value: Option<Value<'s>>) -> Object<'s> {
    let object = scope.null_object();
    scope.set(object, "done", scope.boolean(value.is_none()));
    scope.set(object, "value", value.unwrap_or_else(|| scope.null()));
    object
}

fn next<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let rows = args.native::<Rows>(scope)?;
    let prepared = &rows.prepared;
    prepared.check()?;
    if rows.is_done.get() {
        return Ok(result(scope, None).into());
    }
    if prepared.statement.resets() != rows.resets {
        return Err(wrong_state("iterator was invalidated"));
    }
    if !step(scope, &prepared.statement)? {
        rows.is_done.set(true);
        put_back(scope, &prepared.statement);
        return Ok(result(scope, None).into());
    }
    let names = column_names(scope, &prepared.statement)?;
    let value = row(scope, prepared, &names)?;
    Ok(result(scope, Some(value)).into())
}

fn return_<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let rows = args.native::<Rows>(scope)?;
    rows.prepared.check()?;
    if !rows.is_done.replace(true) && rows.prepared.statement.resets() == rows.resets {
        put_back(scope, &rows.prepared.statement);
    }
    Ok(result(scope, None).into())
}
