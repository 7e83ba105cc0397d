//! `require()` of a module that wants its own `__esModule`: a module that re-exports everything and adds the flag.

use super::run::instantiate_graph;
use super::{Slot, Wrapped};
use crate::bindings::contextify::compile::Origin;
use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt};

const SOURCE: &str = include_str!("required_module_facade.mjs");

/// `createRequiredModuleFacade(wrap)`: the namespace of the facade.
pub(super) fn create_required_module_facade<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let original = Wrapped::of(scope, args.object(0)?)?;
    let context = original.context(scope);
    let scope = &mut v8::ContextScope::new(scope, context);
    let name = scope.text("node:internal/require_module_default_facade");
    let id = scope.node_symbol("source_text_module_default_hdo");
    let origin = Origin::module(name, id).to_v8(scope);
    let mut source = v8::script_compiler::Source::new(scope.text(SOURCE), Some(&origin));
    let module = v8::script_compiler::compile_module(scope, &mut source).ok_or(Failure::Pending)?;
    // A wrap of its own, so that V8's question finds what it is linked to.
    let template = v8::ObjectTemplate::new(scope);
    template.set_internal_field_count(Slot::COUNT);
    let holder = template.new_instance(scope).ok_or(Failure::Pending)?;
    let facade = Wrapped::register(scope, holder, module, None);
    let linked = scope.array(&[original.object.into()]);
    facade
        .object
        .set_internal_field(Slot::Linked as usize, linked.into());
    facade.native.is_linked.set(true);
    instantiate_graph(scope, module)?;
    module.evaluate(scope).ok_or(Failure::Pending)?;
    Ok(module.get_module_namespace().into())
}
