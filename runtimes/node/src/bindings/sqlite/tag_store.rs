//! `SQLTagStore`: statements by template literal, the last ones kept.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::rows::{all_rows, first_row, new_iterator, run_once};
use super::statement::{Prepared, compile, made_by_us, make, owner};
use super::{database, wrong_state, wrong_type};
use crate::glue::{Args, BindingResult, Class, Failure, Native, Scope, Value, js_string_bytes};

pub(in crate::bindings) static TAG_STORE: Class = Class::new("SQLTagStore", made_by_us)
    .fields(2)
    .method("get", get)
    .method("all", all)
    .method("iterate", iterate)
    .method("run", run)
    .method("clear", clear)
    .getter("capacity", capacity)
    .own()
    .getter("db", database_of)
    .own()
    .getter("size", size)
    .own();

const DEFAULT_CAPACITY: i32 = 1000;

struct TagStore {
    capacity: i32,
    /// The statements by their text, the one used last at the end.
    kept: RefCell<VecDeque<(Vec<u8>, Rc<Prepared>)>>,
}

impl Native for TagStore {}

/// `createTagStore(maxSize)`.
pub(super) fn create<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    database::this(scope, args)?.connection()?;
    let mut capacity = DEFAULT_CAPACITY;
    if !args.is_undefined(0) {
        let message = "The \"maxSize\" argument must be a positive integer.";
        if !args.get(0).is_number() {
            return Err(wrong_type(message));
        }
        capacity = v8::Local::<v8::Int32>::try_from(args.get(0))
            .ok()
            .map(|number| number.value())
            .filter(|number| *number > 0)
            .ok_or_else(|| Failure::range_error("ERR_OUT_OF_RANGE", message))?;
    }
    let store = TagStore {
        capacity,
        kept: RefCell::default(),
    };
    Ok(make(scope, &TAG_STORE, args.this(), store)?.into())
}

/// The text of a template: its parts with parameters between them.
fn text_of<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Vec<u8>, Failure> {
    let parts = v8::Local::<v8::Array>::try_from(args.get(0)).map_err(|_| {
        wrong_type("First argument must be an array of strings (template literal).")
    })?;
    let mut text = Vec::new();
    for index in 0..parts.length() {
        let part = parts.get_index(scope, index).ok_or(Failure::Pending)?;
        let part = v8::Local::<v8::String>::try_from(part)
            .map_err(|_| wrong_type("Template literal parts must be strings."))?;
        if index > 0 {
            text.push(b'?');
        }
        text.extend(js_string_bytes(scope, part));
    }
    Ok(text)
}

/// The statement of a template, and the values in it.
fn prepare<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> Result<(Rc<Prepared>, Vec<Value<'s>>), Failure> {
    let store = args.native::<TagStore>(scope)?;
    let database = owner(scope, args.this())
        .and_then(|object| database::of(scope, object))
        .ok_or_else(|| wrong_state("database is not open"))?;
    let connection = database.connection()?;
    let text = text_of(scope, args)?;
    let values: Vec<Value<'s>> = (1..args.len()).map(|index| args.get(index)).collect();
    let known = {
        let mut kept = store.kept.borrow_mut();
        let at = kept.iter().position(|(known, _)| *known == text);
        at.and_then(|at| kept.remove(at))
            .filter(|(_, prepared)| !prepared.statement.is_finalized())
    };
    let prepared = match known {
        Some((_, prepared)) => prepared,
        None => {
            let statement = compile(scope, &connection, &text)?;
            Prepared::new(statement, database.row_settings())
        }
    };
    let fits = usize::try_from(prepared.statement.parameter_count())
        .is_ok_and(|count| count == values.len());
    if !fits {
        let message = "SQLite parameters must be bound using template literal placeholders.";
        return Err(Failure::type_error("ERR_INVALID_ARG_VALUE", message));
    }
    let mut kept = store.kept.borrow_mut();
    kept.push_back((text, Rc::clone(&prepared)));
    let capacity = usize::try_from(store.capacity).unwrap_or(1);
    let oldest = (kept.len() > capacity).then(|| kept.pop_front());
    drop(kept);
    drop(oldest);
    prepared.check()?;
    Ok((prepared, values))
}

fn get<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (prepared, values) = prepare(scope, args)?;
    Ok(first_row(scope, &prepared, &values)?.into())
}

fn all<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (prepared, values) = prepare(scope, args)?;
    Ok(all_rows(scope, &prepared, &values)?.into())
}

fn run<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (prepared, values) = prepare(scope, args)?;
    Ok(run_once(scope, &prepared, &values)?.into())
}

fn iterate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (prepared, values) = prepare(scope, args)?;
    let rows: v8::Local<'s, v8::Object> = new_iterator(scope, args.this(), &prepared, &values)?;
    Ok(rows.into())
}

fn clear<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let store = args.native::<TagStore>(scope)?;
    let kept = std::mem::take(&mut *store.kept.borrow_mut());
    drop(kept);
    Ok(().into())
}

fn capacity<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(args.native::<TagStore>(scope)?.capacity.into())
}

fn size<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let store = args.native::<TagStore>(scope)?;
    let size = store.kept.borrow().len();
    Ok(i32::try_from(size).unwrap_or(i32::MAX).into())
}

fn database_of<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<TagStore>(scope)?;
    Ok(owner(scope, args.this()).ok_or(Failure::Pending)?.into())
}
