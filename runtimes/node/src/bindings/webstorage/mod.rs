//! `internalBinding('webstorage')`: `localStorage`, `sessionStorage` (`--experimental-webstorage`). Node: `src/node_webstorage.cc`.
//!
//! `storage` keeps the pairs, in a database of SQLite's (`schema.sql`); `interceptors` are the properties of a storage object. Differs:
//! the file has a rollback journal, where Node's has a write-ahead log.

mod interceptors;
mod storage;

use std::rc::Rc;

use storage::Storage;

use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Object, Scope, ScopeExt, attach, native_of,
};

pub(super) const BINDING: Binding = Binding::new("webstorage")
    .note("a rollback journal instead of a write-ahead log")
    .class(&STORAGE)
    .setup(setup);

static STORAGE: Class = Class::new("Storage", new_storage)
    .instances(interceptors::add)
    .method("clear", clear)
    .method("getItem", get_item)
    .method("key", key)
    .method("removeItem", remove_item)
    .method("setItem", set_item)
    .getter("length", length);

/// The symbol that Node's own library constructs with.
fn constructor_key<'s>(scope: &Scope<'s, '_>) -> v8::Local<'s, v8::Symbol> {
    scope.node_symbol("constructor_key")
}

fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    let key = constructor_key(scope);
    binding
        .define_own_property(
            scope,
            scope.name("kConstructorKey").into(),
            key.into(),
            v8::PropertyAttribute::READ_ONLY,
        )
        .ok_or(Failure::Pending)?;
    Ok(())
}

/// `new Storage(kConstructorKey, path)`.
fn new_storage<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if !args.is_construct_call() || args.get(0) != constructor_key(scope) {
        return Err(Failure::error(
            "ERR_ILLEGAL_CONSTRUCTOR",
            "Illegal constructor",
        ));
    }
    let path = args.text(scope, 1)?;
    let storage = Storage::new(scope, path.into_bytes());
    attach(scope, args.this(), Rc::new(storage));
    Ok(().into())
}

/// What the program's `localStorage` or `sessionStorage` holds; `None` when that is none.
pub(crate) fn items(
    scope: &mut Scope<'_, '_>,
    is_local: bool,
) -> Result<Option<Vec<(String, String)>>, Failure> {
    let name = if is_local {
        "localStorage"
    } else {
        "sessionStorage"
    };
    let global = scope.get_current_context().global(scope);
    let storage = scope.get_property(global, name)?;
    let storage = Object::try_from(storage)
        .ok()
        .and_then(|storage| native_of::<Storage>(scope, storage));
    storage.map(|storage| storage.pairs(scope)).transpose()
}

/// As Web IDL: too few arguments are an error.
fn require(args: &Args<'_>, count: usize, name: &str) -> Result<(), Failure> {
    if args.len() >= count {
        return Ok(());
    }
    let noun = if count == 1 { "argument" } else { "arguments" };
    Err(Failure::type_error(
        "ERR_MISSING_ARGS",
        format!("Failed to execute '{name}' on 'Storage': {count} {noun} required"),
    ))
}

fn name_at<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<v8::Local<'s, v8::Name>, Failure> {
    let text = args.get(0).to_string(scope).ok_or(Failure::Pending)?;
    Ok(text.into())
}

fn clear<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<Storage>(scope)?.clear(scope)?;
    Ok(().into())
}

fn get_item<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let storage = args.native::<Storage>(scope)?;
    require(args, 1, "getItem")?;
    let name = name_at(scope, args)?;
    let value = storage.load(scope, name)?;
    Ok(value.unwrap_or_else(|| scope.null()).into())
}

fn key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let storage = args.native::<Storage>(scope)?;
    require(args, 1, "key")?;
    let index = args.get(0).int32_value(scope).ok_or(Failure::Pending)?;
    let key = if index < 0 {
        None
    } else {
        storage.key(scope, index)?
    };
    Ok(key.unwrap_or_else(|| scope.null()).into())
}

fn remove_item<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let storage = args.native::<Storage>(scope)?;
    require(args, 1, "removeItem")?;
    let name = name_at(scope, args)?;
    storage.remove(scope, name)?;
    Ok(().into())
}

fn set_item<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let storage = args.native::<Storage>(scope)?;
    require(args, 2, "setItem")?;
    let name = name_at(scope, args)?;
    storage.store(scope, name, args.get(1))?;
    Ok(().into())
}

fn length<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let length = args.native::<Storage>(scope)?.length(scope)?;
    Ok(length.into())
}
