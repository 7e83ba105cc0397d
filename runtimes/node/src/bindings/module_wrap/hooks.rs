//! `import()` and `import.meta`: V8 asks, JavaScript answers.

use super::Wrapped;
use super::link::{attributes_object, phase_number};
use crate::environment::Stored;
use crate::glue::{Args, BindingResult, Failure, Object, Scope, ScopeExt, Value};

pub(super) fn set_import_module_dynamically_callback<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::ImportModuleDynamically, function.into());
    Ok(().into())
}

pub(super) fn set_initialize_import_meta_object_callback<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::InitializeImportMeta, function.into());
    Ok(().into())
}

/// V8 meets `import.meta` for the first time in a module.
pub(crate) fn initialize_import_meta<'s>(
    scope: &mut Scope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
    meta: Object<'s>,
) {
    let env = scope.env();
    let (Some(wrapped), Some(callback)) = (
        Wrapped::of_module(scope, module),
        env.stored_function(scope, Stored::InitializeImportMeta),
    ) else {
        return;
    };
    let key = scope.private("node:host_defined_option_symbol");
    let Some(id) = wrapped.object.get_private(scope, key) else {
        return;
    };
    v8::tc_scope!(let catch, scope);
    let args = [id, meta.into(), wrapped.object.into()];
    if callback.call(catch, catch.undefined(), &args).is_none() {
        catch.rethrow();
    }
}

/// Guest code calls `import()`. JavaScript does the work and returns a promise.
pub(crate) fn import_dynamically<'s>(
    scope: &mut Scope<'s, '_>,
    host_defined_options: v8::Local<'s, v8::Data>,
    resource_name: Value<'s>,
    specifier: v8::Local<'s, v8::String>,
    phase: v8::ModuleImportPhase,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let env = scope.env();
    let callback = env.stored_function(scope, Stored::ImportModuleDynamically);
    let Some(callback) = callback else {
        Failure::type_error(
            "ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING",
            "A dynamic import callback was not specified.",
        )
        .throw(scope);
        return None;
    };
    let id: Value<'s> = match crate::glue::first_host_defined_option(scope, host_defined_options) {
        Some(id) => id,
        None => {
            // Code without options (eval, new Function): the global says what to do.
            let global = scope.get_current_context().global(scope);
            global.get_private(scope, scope.private("node:host_defined_option_symbol"))?
        }
    };
    let attributes: Value<'s> = attributes_object(scope, attributes, 2).into();
    let phase = v8::Integer::new(scope, phase_number(phase)).into();
    let args = [id, specifier.into(), phase, attributes, resource_name];
    let result = callback.call(scope, scope.undefined(), &args)?;
    // A promise of this context: V8 gives it to the code that called.
    let resolver = v8::PromiseResolver::new(scope)?;
    resolver.resolve(scope, result)?;
    Some(resolver.get_promise(scope))
}

/// Throws the `SyntaxError` of a source phase import of what has no source. Node: `ERR_SOURCE_PHASE_NOT_DEFINED`.
pub(super) fn throw_no_source(scope: &Scope<'_, '_>, url: &str) {
    let message = scope.text(&format!(
        "Source phase import object is not defined for module '{url}'"
    ));
    let exception = v8::Exception::syntax_error(scope, message);
    if let Ok(object) = Object::try_from(exception) {
        let code = scope.text("ERR_SOURCE_PHASE_NOT_DEFINED");
        scope.set(object, "code", code.into());
    }
    scope.throw_exception(exception);
}
