//! `internalBinding('builtins')`: Node's library, from inside. Node: `src/node_builtins.cc`.

use crate::environment::Stored;
use crate::glue::{
    Args, Binding, BindingResult, Failure, Object, Scope, ScopeExt, Value, source_string, sources,
};
use crate::loader::{EagerCompilation, builtins};

pub(super) const BINDING: Binding = Binding::new("builtins")
    .function("compileFunction", compile_function)
    .function("setInternalLoaders", set_internal_loaders)
    .function("hasCachedBuiltins", has_cached_builtins)
    .partial(
        "getCacheUsage",
        get_cache_usage,
        "three empty sets: which modules came out of the code cache or the start-up snapshot is not counted",
    )
    .partial(
        "natives",
        get_natives,
        "a function, made an accessor on the binding",
    )
    .setup(setup);

/// Build-time configuration, `process.config`: that of the official binary, whose library this is.
const CONFIG: &str = include_str!("../../data/config.json");

/// Ids no guest may `require`; the rest of the list Node computes from the same prefixes. Node: `GetCannotBeRequired`.
fn cannot_be_required(id: &str) -> bool {
    [
        "internal/bootstrap/",
        "internal/per_context/",
        "internal/deps/",
        "internal/main/",
        "internal/v8_prof_",
    ]
    .iter()
    .any(|prefix| id.starts_with(prefix))
        || matches!(
            id,
            "internal/v8_prof_polyfill" | "internal/v8_prof_processor"
        )
}

fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    let ids: Vec<Value<'s>> = sources()
        .iter()
        .map(|(id, _)| scope.name(id).into())
        .collect();
    let ids = scope.array(&ids);
    scope.set(binding, "builtinIds", ids.into());
    scope.set(binding, "config", scope.text(CONFIG).into());
    let (not, can): (Vec<_>, Vec<_>) = sources()
        .iter()
        .map(|(id, _)| *id)
        .partition(|id| cannot_be_required(id));
    let list = |ids: Vec<&str>| {
        let ids: Vec<Value<'s>> = ids.into_iter().map(|id| scope.name(id).into()).collect();
        scope.array(&ids)
    };
    let categories = scope.object();
    scope.set(categories, "cannotBeRequired", list(not).into());
    scope.set(categories, "canBeRequired", list(can).into());
    scope.set(binding, "builtinCategories", categories.into());
    // `process.binding('natives')` reads this; the sources are only handed out when asked for.
    let getter = scope.get_property(binding, "natives")?;
    let getter = v8::Local::<v8::Function>::try_from(getter).map_err(|_| Failure::Pending)?;
    let mut descriptor = v8::PropertyDescriptor::new_from_get_set(getter.into(), scope.undefined());
    descriptor.set_configurable(true);
    descriptor.set_enumerable(true);
    binding
        .define_property(scope, scope.name("natives").into(), &descriptor)
        .ok_or(Failure::Pending)?;
    Ok(())
}

fn compile_function<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let id = args.text(scope, 0)?;
    let eagerly = scope.env().state::<EagerCompilation>().0.get();
    builtins::compile(scope, &id, eagerly).map(Into::into)
}

fn set_internal_loaders<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (internal_binding, require) = (args.function(0)?, args.function(1)?);
    let env = scope.env();
    env.store(scope, Stored::InternalBinding, internal_binding.into());
    env.store(scope, Stored::RequireBuiltin, require.into());
    Ok(().into())
}

fn has_cached_builtins<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(true.into())
}

fn get_cache_usage<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let usage = scope.object();
    for name in [
        "compiledWithCache",
        "compiledWithoutCache",
        "compiledInSnapshot",
    ] {
        let empty = v8::Set::new(scope);
        scope.set(usage, name, empty.into());
    }
    Ok(usage.into())
}

fn get_natives<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let natives = scope.object();
    for (id, source) in sources() {
        let text = source_string(scope, source).ok_or(Failure::Pending)?;
        scope.set(natives, id, text.into());
    }
    Ok(natives.into())
}
