//! The requests of a module, and the wraps they are linked to.

use super::{EVALUATION_PHASE, SOURCE_PHASE, Slot, Wrapped};
use crate::glue::{Args, BindingResult, Failure, Object, Scope, ScopeExt};

/// Import attributes as `{ __proto__: null, key: value }`; `step` is 3 where V8 adds positions, else 2.
pub(super) fn attributes_object<'s>(
    scope: &Scope<'s, '_>,
    attributes: v8::Local<'s, v8::FixedArray>,
    step: usize,
) -> Object<'s> {
    let object = scope.null_object();
    for at in (0..attributes.length()).step_by(step) {
        let part = |at| {
            attributes
                .get(scope, at)
                .and_then(|data| v8::Local::<v8::Value>::try_from(data).ok())
        };
        if let (Some(key), Some(value)) = (part(at), part(at + 1))
            && let Ok(key) = v8::Local::<v8::Name>::try_from(key)
        {
            let _defined = object.create_data_property(scope, key, value);
        }
    }
    object
}

/// As `kSourcePhase` and `kEvaluationPhase` number phases.
pub(super) const fn phase_number(phase: v8::ModuleImportPhase) -> i32 {
    match phase {
        v8::ModuleImportPhase::kSource => SOURCE_PHASE,
        _ => EVALUATION_PHASE,
    }
}

/// A frozen array of frozen `{ specifier, attributes, phase }`.
pub(super) fn get_module_requests<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let wrapped = Wrapped::of(scope, args.this())?;
    let mut list = Vec::new();
    if !wrapped.native.is_synthetic {
        for request in requests_of(scope, wrapped.module) {
            let entry = scope.null_object();
            let attributes = attributes_object(scope, request.get_import_attributes(), 3);
            attributes.set_integrity_level(scope, v8::IntegrityLevel::Frozen);
            let phase = v8::Integer::new(scope, phase_number(request.get_phase()));
            scope.set(entry, "specifier", request.get_specifier().into());
            scope.set(entry, "attributes", attributes.into());
            scope.set(entry, "phase", phase.into());
            entry.set_integrity_level(scope, v8::IntegrityLevel::Frozen);
            list.push(entry.into());
        }
    }
    let list = scope.array(&list);
    list.set_integrity_level(scope, v8::IntegrityLevel::Frozen);
    Ok(list.into())
}

fn requests_of<'s>(
    scope: &Scope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Vec<v8::Local<'s, v8::ModuleRequest>> {
    let requests = module.get_module_requests();
    (0..requests.length())
        .filter_map(|index| requests.get(scope, index))
        .filter_map(|data| v8::Local::<v8::ModuleRequest>::try_from(data).ok())
        .collect()
}

fn link_failure(message: impl Into<String>) -> Failure {
    Failure::error("ERR_VM_MODULE_LINK_FAILURE", message)
}

/// `link(wraps)`: one for each request, in order.
pub(super) fn link<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrapped = Wrapped::of(scope, args.this())?;
    let modules = args.array(0)?;
    let requests = requests_of(scope, wrapped.module);
    if usize::try_from(modules.length()).ok() != Some(requests.len()) {
        let expected = requests.len();
        return Err(link_failure(format!(
            "linking error, expected a module for each of {expected} requests"
        )));
    }
    let mut linked: Vec<Object<'s>> = Vec::new();
    for index in 0..modules.length() {
        let module = modules
            .get_index(scope, index)
            .and_then(|value| Object::try_from(value).ok())
            .filter(|module| Wrapped::find(scope, *module).is_some());
        linked.push(
            module.ok_or_else(|| link_failure("linking error, expected a valid module object"))?,
        );
    }
    check_same(scope, &requests, &linked)?;
    let linked: Vec<v8::Local<'s, v8::Value>> = linked.into_iter().map(Into::into).collect();
    let linked = scope.array(&linked);
    wrapped
        .object
        .set_internal_field(Slot::Linked as usize, linked.into());
    wrapped.native.is_linked.set(true);
    Ok(().into())
}

/// What distinguishes requests: specifier and attributes.
fn key_of<'s>(
    scope: &Scope<'s, '_>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Vec<String> {
    let texts = (0..attributes.length())
        .filter(|at| at % 3 != 2)
        .filter_map(|at| attributes.get(scope, at))
        .filter_map(|data| v8::Local::<v8::Value>::try_from(data).ok())
        .map(|value| value.to_rust_string_lossy(scope));
    std::iter::once(specifier.to_rust_string_lossy(scope))
        .chain(texts)
        .collect()
}

/// Equal requests must be linked to one module.
fn check_same<'s>(
    scope: &Scope<'s, '_>,
    requests: &[v8::Local<'s, v8::ModuleRequest>],
    linked: &[Object<'s>],
) -> Result<(), Failure> {
    let mut seen = std::collections::HashMap::new();
    for (index, (request, module)) in requests.iter().zip(linked).enumerate() {
        let key = key_of(
            scope,
            request.get_specifier(),
            request.get_import_attributes(),
        );
        let specifier = key.first().cloned().unwrap_or_default();
        let (first, known) = *seen.entry(key).or_insert((index, *module));
        if known != *module {
            let message = format!(
                "Module request 'ModuleCacheKey(\"{specifier}\")' at index {first} must be linked to the same module requested at index {index}"
            );
            return Err(Failure::error("ERR_MODULE_LINK_MISMATCH", message));
        }
    }
    Ok(())
}

/// V8 asks what a request of `referrer` is linked to.
pub(crate) fn resolve<'s>(
    scope: &mut Scope<'s, '_>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    find_linked(scope, specifier, attributes, referrer).map(|wrapped| wrapped.module)
}

/// V8 asks for the source object of a request of `referrer` (`import source`).
pub(crate) fn resolve_source<'s>(
    scope: &mut Scope<'s, '_>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<Object<'s>> {
    let wrapped = find_linked(scope, specifier, attributes, referrer)?;
    let source = wrapped
        .value(scope, Slot::Source)
        .and_then(|value| Object::try_from(value).ok());
    if source.is_none() {
        let url = scope
            .get_property(wrapped.object, "url")
            .ok()?
            .to_rust_string_lossy(scope);
        super::hooks::throw_no_source(scope, &url);
    }
    source
}

/// The wrap a request is linked to. Without one, an exception is thrown.
fn find_linked<'s>(
    scope: &mut Scope<'s, '_>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<Wrapped<'s>> {
    let found = Wrapped::of_module(scope, referrer).and_then(|wrapped| {
        let wanted = key_of(scope, specifier, attributes);
        let linked = wrapped.value(scope, Slot::Linked)?;
        let linked = v8::Local::<v8::Array>::try_from(linked).ok()?;
        let index = requests_of(scope, referrer).iter().position(|request| {
            key_of(
                scope,
                request.get_specifier(),
                request.get_import_attributes(),
            ) == wanted
        })?;
        let target = linked.get_index(scope, u32::try_from(index).ok()?)?;
        Wrapped::find(scope, Object::try_from(target).ok()?)
    });
    if found.is_none() {
        let specifier = specifier.to_rust_string_lossy(scope);
        let wrapped = Wrapped::of_module(scope, referrer);
        let is_linked = wrapped
            .as_ref()
            .is_some_and(|wrapped| wrapped.native.is_linked.get());
        let url = wrapped
            .and_then(|wrapped| scope.get_property(wrapped.object, "url").ok())
            .map(|url| url.to_rust_string_lossy(scope))
            .unwrap_or_default();
        let message = if is_linked {
            format!("request for '{specifier}' is not cached on module '{url}'")
        } else {
            format!(
                "request for '{specifier}' can not be resolved on module '{url}' that is not linked"
            )
        };
        link_failure(message).throw(scope);
    }
    found
}
