//! `internalBinding('trace_events')`: what JavaScript traces, and switches on. Node: `src/node_trace_events.cc`. The tracing itself
//! is in `crate::trace`.
//!
//! Traced are what JavaScript traces, the milestones of start-up, the phases of the loop, file operations, connections, work off the
//! thread, native async resources, and of V8 its calls of functions from the loop. One file: the rotation number is always 1.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::json;

use super::permission::{self, Permission};
use crate::environment::Stored;
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Field, Native, Object, Return, Scope, ScopeExt,
    attach,
};
use crate::shapes::Element;
use crate::trace::{self, Event, Tracing};

pub(super) const BINDING: Binding = Binding::new("trace_events")
    .note("of V8's events `V8.Execute` only; workers trace what was on when they started")
    .function("setTraceCategoryStateUpdateHandler", set_handler)
    .function("getCategoryEnabledBuffer", get_category_enabled_buffer)
    .function("isTraceCategoryEnabled", is_trace_category_enabled)
    .function("getEnabledCategories", get_enabled_categories)
    .class(&CATEGORY_SET)
    .function("trace", trace);

static CATEGORY_SET: Class = Class::new("CategorySet", new_category_set)
    .method("enable", enable)
    .method("disable", disable);

fn set_handler<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let handler = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::TraceCategoryUpdate, handler.into());
    Ok(().into())
}

/// An array whose one byte says whether the category is enabled.
fn get_category_enabled_buffer<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let category = args.text(scope, 0)?;
    let tracing = scope.env().state::<Tracing>();
    let field = Field::new(scope, Element::Uint8, 1, &[]);
    let view = field.view(scope);
    tracing.add_buffer(category, field);
    Ok(view.into())
}

fn is_trace_category_enabled<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let category = args.text(scope, 0)?;
    Ok(scope.env().state::<Tracing>().is_enabled(&category).into())
}

fn get_enabled_categories<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let names = scope.env().state::<Tracing>().enabled();
    if names.is_empty() {
        return Ok(Return::Undefined);
    }
    Ok(scope.string(&names.join(","))?.into())
}

/// The categories of a `Tracing` object.
struct CategorySet {
    names: Vec<String>,
    is_on: Cell<bool>,
    tracing: Rc<Tracing>,
}

impl Native for CategorySet {}

fn new_category_set<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.array(0)?;
    let mut names = Vec::new();
    for index in 0..list.length() {
        let name = list.get_index(scope, index).ok_or(Failure::Pending)?;
        names.push(name.to_rust_string_lossy(scope));
    }
    let tracing = scope.env().state::<Tracing>();
    let set = Rc::new(CategorySet {
        names,
        is_on: Cell::new(false),
        tracing,
    });
    attach(scope, args.this(), set);
    Ok(().into())
}

fn enable<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let set = args.native::<CategorySet>(scope)?;
    if !set.names.is_empty() && !set.is_on.get() {
        let path = trace::path(&scope.env());
        permission::check_resolved(scope, Permission::FileSystemWrite, path.as_bytes())?;
        set.is_on.set(true);
        // It stays on even when the object is collected.
        let this: Object<'s> = args.this();
        scope.env().natives().keep(scope, this);
        set.tracing.begin_file(scope, &set.names)?;
        trace::tell_program(scope)?;
    }
    Ok(().into())
}

fn disable<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let set = args.native::<CategorySet>(scope)?;
    if set.is_on.replace(false) {
        let env = scope.env();
        set.tracing.end_file(&env, &set.names);
        let this: Object<'s> = args.this();
        env.natives().release(scope, this);
        trace::tell_program(scope)?;
    }
    Ok(().into())
}

/// `trace(phase, category, name, id, data)`.
fn trace<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let category = args.text(scope, 1)?;
    let env = scope.env();
    if !trace::is_enabled(&env, &category) {
        return Ok(().into());
    }
    let phase = u8::try_from(args.u32(scope, 0)?).map_or('?', char::from);
    let name = args.text(scope, 2)?;
    let id = if args.is_undefined(3) {
        None
    } else {
        u64::try_from(args.i64(3)?).ok()
    };
    let data = args.get(4);
    let data = if data.is_undefined() {
        json!({})
    } else {
        json!({ "data": trace::to_json(scope, data) })
    };
    trace::add(
        &env,
        &Event {
            phase,
            category: &category,
            name: &name,
            // Events of these phases belong together by their id; others have none.
            id: id.filter(|id| *id != 0 || matches!(phase, 'b' | 'n' | 'e')),
            args: data,
            span: None,
        },
    );
    Ok(().into())
}
