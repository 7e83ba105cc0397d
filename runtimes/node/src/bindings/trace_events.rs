//! `internalBinding('trace_events')`: tracing is off and cannot be turned on. Node: `src/node_trace_events.cc`.

use crate::environment::Stored;
use crate::glue::{Args, Binding, BindingResult, Field, Return, Scope, ScopeExt};
use crate::shapes::Element;

pub(super) const BINDING: Binding = Binding::new("trace_events")
    .note("no category is ever enabled")
    .function("setTraceCategoryStateUpdateHandler", set_handler)
    .function("getCategoryEnabledBuffer", get_category_enabled_buffer)
    .function("isTraceCategoryEnabled", is_trace_category_enabled)
    .function("getEnabledCategories", get_enabled_categories)
    .partial("trace", trace, "events are dropped");

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
    _args: &Args<'s>,
) -> BindingResult<'s> {
    Ok(Field::new(scope, Element::Uint8, 1, &[]).view(scope).into())
}

fn is_trace_category_enabled<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(false.into())
}

fn get_enabled_categories<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(Return::Undefined)
}

fn trace<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(().into())
}
