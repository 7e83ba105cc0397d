//! What all compilations share: origins, cached code, what a compilation leaves on an object, decorated errors.

use crate::code_cache;
use crate::glue::{Failure, Object, Scope, ScopeExt, Value, new_node_buffer};

/// Where code comes from.
pub(crate) struct Origin<'s> {
    pub(crate) name: v8::Local<'s, v8::String>,
    pub(crate) line: i32,
    pub(crate) column: i32,
    pub(crate) is_module: bool,
    /// What V8 hands back when the code calls `import()`.
    pub(crate) id: Option<v8::Local<'s, v8::Symbol>>,
}

impl std::fmt::Debug for Origin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Origin({}:{})", self.line, self.column)
    }
}

impl<'s> Origin<'s> {
    /// A script that begins at its file's beginning.
    pub(crate) const fn script(
        name: v8::Local<'s, v8::String>,
        id: v8::Local<'s, v8::Symbol>,
    ) -> Self {
        Self {
            name,
            line: 0,
            column: 0,
            is_module: false,
            id: Some(id),
        }
    }

    /// A module that begins at its file's beginning.
    pub(crate) const fn module(
        name: v8::Local<'s, v8::String>,
        id: v8::Local<'s, v8::Symbol>,
    ) -> Self {
        Self {
            is_module: true,
            ..Self::script(name, id)
        }
    }

    /// As V8 takes it.
    pub(crate) fn to_v8(&self, scope: &Scope<'s, '_>) -> v8::ScriptOrigin<'s> {
        let options = self.id.map(|id| {
            let options = v8::PrimitiveArray::new(scope, 1);
            options.set(scope, 0, id.into());
            options.into()
        });
        v8::ScriptOrigin::new(
            scope,
            self.name.into(),
            self.line,
            self.column,
            true,
            -1,
            None,
            false,
            false,
            self.is_module,
            options,
        )
    }
}

/// Source text to compile, with the code cache a guest gave, if it is one of ours.
pub(crate) struct SourceText {
    pub(crate) source: v8::script_compiler::Source,
    pub(crate) options: v8::script_compiler::CompileOptions,
    /// Whether a cache was given at all.
    has_cache: bool,
}

impl std::fmt::Debug for SourceText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SourceText(cache: {})", self.has_cache)
    }
}

impl SourceText {
    /// Source text; `cached` is a sealed cache.
    pub(crate) fn new(
        code: v8::Local<'_, v8::String>,
        origin: &v8::ScriptOrigin<'_>,
        cached: Option<&[u8]>,
    ) -> Self {
        use v8::script_compiler::{CachedData, CompileOptions, Source};
        match cached.and_then(code_cache::open) {
            Some(bytes) => Self {
                source: Source::new_with_cached_data(code, Some(origin), CachedData::new(bytes)),
                options: CompileOptions::ConsumeCodeCache,
                has_cache: true,
            },
            None => Self {
                source: Source::new(code, Some(origin)),
                options: CompileOptions::NoCompileOptions,
                has_cache: cached.is_some(),
            },
        }
    }

    /// Source text with code that this process keeps itself.
    pub(crate) fn with_code(
        code: v8::Local<'_, v8::String>,
        origin: &v8::ScriptOrigin<'_>,
        kept: &[u8],
    ) -> Self {
        use v8::script_compiler::{CachedData, CompileOptions, Source};
        Self {
            source: Source::new_with_cached_data(code, Some(origin), CachedData::new(kept)),
            options: CompileOptions::ConsumeCodeCache,
            has_cache: false,
        }
    }

    /// After compiling [`with_code`](Self::with_code): whether V8 could not use it.
    pub(crate) fn was_unusable(&self) -> bool {
        self.source
            .get_cached_data()
            .is_none_or(v8::CachedData::rejected)
    }

    /// After compiling: whether the given cache was of no use; `None` if none was given.
    pub(crate) fn rejected(&self) -> Option<bool> {
        self.has_cache.then(|| {
            self.source
                .get_cached_data()
                .is_none_or(v8::CachedData::rejected)
        })
    }
}

/// Tells `target` what became of the cache that was given (`cachedDataRejected`) or asked for (`cachedDataProduced`,
/// `cachedData`). Node: `StoreCodeCacheResult`.
pub(super) fn store_cache_result(
    scope: &Scope<'_, '_>,
    target: Object<'_>,
    rejected: Option<bool>,
    produced: Option<Option<Vec<u8>>>,
) {
    if let Some(rejected) = rejected {
        scope.set(target, "cachedDataRejected", scope.boolean(rejected));
    }
    if let Some(bytes) = produced {
        scope.set(target, "cachedDataProduced", scope.boolean(bytes.is_some()));
        if let Some(buffer) = bytes.and_then(|bytes| new_node_buffer(scope, bytes)) {
            scope.set(target, "cachedData", buffer.into());
        }
    }
}

/// Puts the source line before the stack of the caught exception. Node: `DecorateErrorStack`.
pub(super) fn decorate(catch: &mut v8::PinnedRef<'_, v8::TryCatch<'_, '_, v8::HandleScope<'_>>>) {
    let (Some(exception), Some(message)) = (catch.exception(), catch.message()) else {
        return;
    };
    let Ok(object) = Object::try_from(exception) else {
        return;
    };
    let decorated = catch.private("node:decorated");
    if object
        .get_private(catch, decorated)
        .is_some_and(|flag| flag.is_true())
    {
        return;
    }
    crate::bindings::errors::append_exception_line(catch, exception, message, false);
    v8::tc_scope!(let inner, catch);
    let arrow = object.get_private(inner, inner.private("node:arrowMessage"));
    let stack = inner.get_property(object, "stack").ok();
    let (Some(arrow), Some(stack)) = (arrow, stack) else {
        return;
    };
    if !arrow.is_string() || !stack.is_string() {
        return;
    }
    let text = format!(
        "{}\n{}",
        arrow.to_rust_string_lossy(inner),
        stack.to_rust_string_lossy(inner)
    );
    let text = inner.text(&text);
    let key = inner.name("stack");
    let _set = object.set(inner, key.into(), text.into());
    let flag = inner.boolean(true);
    let _set = object.set_private(inner, decorated, flag);
}

/// Compiles a function of these parameters. An exception is left pending.
pub(super) fn compile_function<'s>(
    scope: &Scope<'s, '_>,
    text: &mut SourceText,
    params: &[v8::Local<'s, v8::String>],
    extensions: &[Object<'s>],
) -> Option<v8::Local<'s, v8::Function>> {
    v8::script_compiler::compile_function(
        scope,
        &mut text.source,
        params,
        extensions,
        text.options,
        v8::script_compiler::NoCacheReason::NoReason,
    )
}

/// Where a function's source says it comes from, and where its source map is.
pub(super) fn urls_of<'s>(
    scope: &Scope<'s, '_>,
    function: v8::Local<'s, v8::Function>,
) -> (Value<'s>, Value<'s>) {
    let origin = function.get_script_origin(scope);
    (
        origin.resource_name().unwrap_or_else(|| scope.undefined()),
        origin.source_map_url().unwrap_or_else(|| scope.undefined()),
    )
}

/// Remembers on an object what its code was compiled with.
pub(super) fn set_id<'s>(
    scope: &Scope<'s, '_>,
    object: Object<'s>,
    id: v8::Local<'s, v8::Symbol>,
) -> Result<(), Failure> {
    object
        .set_private(
            scope,
            scope.private("node:host_defined_option_symbol"),
            id.into(),
        )
        .map(drop)
        .ok_or(Failure::Pending)
}
