//! What a module tells of itself, and the exports and source object that are set from outside.

use super::{Slot, Wrapped};
use crate::bindings::errors::{error_source, print};
use crate::code_cache;
use crate::glue::{Args, BindingResult, Failure, Object, Return, Scope, ScopeExt};

pub(super) fn set_export<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrapped = Wrapped::of(scope, args.this())?;
    let name = args.string(0)?;
    if !wrapped.native.is_synthetic {
        return Err(Failure::error(
            "ERR_VM_MODULE_NOT_MODULE",
            "only synthetic modules have settable exports",
        ));
    }
    wrapped
        .module
        .set_synthetic_module_export(scope, name, args.get(1))
        .ok_or(Failure::Pending)?;
    Ok(().into())
}

/// `setModuleSourceObject(object)`: what `import source` of this module gives.
pub(super) fn set_module_source_object<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let wrapped = Wrapped::of(scope, args.this())?;
    let source = args.object(0)?;
    wrapped
        .object
        .set_internal_field(Slot::Source as usize, source.into());
    Ok(().into())
}

pub(super) fn get_module_source_object<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let wrapped = Wrapped::of(scope, args.this())?;
    match wrapped.value(scope, Slot::Source) {
        Some(source) if source.is_object() => Ok(source.into()),
        _ => {
            let url = scope
                .get_property(wrapped.object, "url")?
                .to_rust_string_lossy(scope);
            super::hooks::throw_no_source(scope, &url);
            Err(Failure::Pending)
        }
    }
}

/// Whether a module is linked by V8.
fn check_instantiated(wrapped: &Wrapped<'_>, message: &'static str) -> Result<(), Failure> {
    match wrapped.module.get_status() {
        v8::ModuleStatus::Uninstantiated | v8::ModuleStatus::Instantiating => {
            Err(Failure::error("ERR_MODULE_NOT_INSTANTIATED", message))
        }
        _ => Ok(()),
    }
}

pub(super) fn get_namespace<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrapped = Wrapped::of(scope, args.this())?;
    check_instantiated(
        &wrapped,
        "cannot get namespace, module has not been instantiated",
    )?;
    Ok(wrapped.module.get_module_namespace().into())
}

pub(super) fn get_status<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let status = match Wrapped::of(scope, args.this())?.module.get_status() {
        v8::ModuleStatus::Uninstantiated => 0,
        v8::ModuleStatus::Instantiating => 1,
        v8::ModuleStatus::Instantiated => 2,
        v8::ModuleStatus::Evaluating => 3,
        v8::ModuleStatus::Evaluated => 4,
        v8::ModuleStatus::Errored => 5,
    };
    Ok(status.into())
}

pub(super) fn get_error<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrapped = Wrapped::of(scope, args.this())?;
    if wrapped.module.get_status() != v8::ModuleStatus::Errored {
        return Ok(Return::Undefined);
    }
    Ok(wrapped.module.get_exception().into())
}

/// `hasAsyncGraph`: whether the module or what it imports has top-level await.
pub(super) fn has_async_graph<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrapped = Wrapped::of(scope, args.this())?;
    check_instantiated(&wrapped, "Module is not instantiated")?;
    Ok(wrapped.module.is_graph_async().into())
}

pub(super) fn create_cached_data<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let wrapped = Wrapped::of(scope, args.this())?;
    let module = wrapped.module;
    if !module.is_source_text_module()
        || !matches!(
            module.get_status(),
            v8::ModuleStatus::Uninstantiated | v8::ModuleStatus::Instantiated
        )
    {
        return Err(Failure::error(
            "ERR_VM_MODULE_CANNOT_CREATE_CACHED_DATA",
            "Cached data cannot be created for a module which has been evaluated",
        ));
    }
    let script = module.get_unbound_module_script(scope);
    let bytes = script
        .create_code_cache()
        .and_then(|cache| code_cache::seal(&cache))
        .unwrap_or_default();
    crate::glue::new_node_buffer(scope, bytes)
        .map(Into::into)
        .ok_or(Failure::Pending)
}

/// Writes to standard error where the graph of a module still waits at a top level. Node: `CheckUnsettledTopLevelAwait`.
pub(crate) fn warn_of_stalled_await<'s>(scope: &mut Scope<'s, '_>, wrap: Object<'s>) {
    let Some(wrapped) = Wrapped::find(scope, wrap) else {
        return;
    };
    // V8 ends the process if it is asked about another kind of module, or one that has not begun.
    if !wrapped.module.is_source_text_module()
        || wrapped.module.get_status() != v8::ModuleStatus::Evaluated
        || !wrapped.module.is_graph_async()
    {
        return;
    }
    for (_, message) in wrapped.module.get_stalled_top_level_await_message(scope) {
        let source = error_source(scope, message).unwrap_or_default();
        print(
            scope,
            &format!("Warning: Detected unsettled top-level await at {source}\n\n\n"),
        );
    }
}
