//! `vm.compileFunction`.

use super::compile::{
    Origin, SourceText, compile_function as compile, decorate, set_id, store_cache_result, urls_of,
};
use super::context_of;
use crate::code_cache;
use crate::glue::{Args, BindingResult, Failure, Object, Scope, ScopeExt, Value, copy_bytes};

/// The items of an array; nothing of what is none.
fn items<'s>(scope: &Scope<'s, '_>, value: Value<'s>) -> Result<Vec<Value<'s>>, Failure> {
    let Ok(list) = v8::Local::<v8::Array>::try_from(value) else {
        return Ok(Vec::new());
    };
    (0..list.length())
        .map(|index| list.get_index(scope, index).ok_or(Failure::Pending))
        .collect()
}

/// `compileFunction(code, filename, lineOffset, columnOffset, cachedData, produceCachedData, parsingContext,
/// contextExtensions, params, hostDefinedOptionId)`.
pub(super) fn compile_function<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (code, filename) = (args.string(0)?, args.string(1)?);
    let cached = copy_bytes(args.get(4));
    let produce = args.bool(scope, 5);
    let context = Object::try_from(args.get(6))
        .ok()
        .and_then(|sandbox| context_of(scope, sandbox))
        .unwrap_or_else(|| scope.get_current_context());
    let extensions: Vec<Object<'s>> = items(scope, args.get(7))?
        .into_iter()
        .filter_map(|value| Object::try_from(value).ok())
        .collect();
    let params: Vec<v8::Local<'s, v8::String>> = items(scope, args.get(8))?
        .into_iter()
        .filter_map(|value| v8::Local::try_from(value).ok())
        .collect();
    let id = v8::Local::<v8::Symbol>::try_from(args.get(9))
        .unwrap_or_else(|_| v8::Symbol::new(scope, Some(filename)));
    let origin = Origin {
        line: args.i32(scope, 2)?,
        column: args.i32(scope, 3)?,
        ..Origin::script(filename, id)
    };
    let origin = origin.to_v8(scope);
    let mut text = SourceText::new(code, &origin, cached.as_deref());
    let scope = &mut v8::ContextScope::new(scope, context);
    v8::tc_scope!(let catch, scope);
    let Some(function) = compile(catch, &mut text, &params, &extensions) else {
        decorate(catch);
        catch.rethrow();
        return Err(Failure::Pending);
    };
    set_id(catch, function.into(), id)?;
    let result = catch.object();
    let (source_url, map_url) = urls_of(catch, function);
    catch.set(result, "function", function.into());
    catch.set(result, "sourceMapURL", map_url);
    catch.set(result, "sourceURL", source_url);
    let produced = produce.then(|| {
        function
            .create_code_cache()
            .and_then(|cache| code_cache::seal(&cache))
    });
    store_cache_result(catch, result, text.rejected(), produced);
    Ok(result.into())
}
