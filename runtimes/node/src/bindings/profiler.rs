//! `internalBinding('profiler')`: coverage, switched from JavaScript. Node: `src/inspector_profiler.cc`.

use crate::environment::Stored;
use crate::glue::{Args, Binding, BindingResult, Scope, ScopeExt};
use crate::inspector;

pub(super) const BINDING: Binding = Binding::new("profiler")
    .function("setCoverageDirectory", set_coverage_directory)
    .function("setSourceMapCacheGetter", set_source_map_cache_getter)
    .function("startCoverage", start_coverage)
    .function("takeCoverage", take_coverage)
    .function("stopCoverage", stop_coverage)
    .function("endCoverage", end_coverage);

fn set_coverage_directory<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let directory = args.text(scope, 0)?;
    inspector::set_coverage_directory(&scope.env(), directory);
    Ok(().into())
}

fn set_source_map_cache_getter<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let getter = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::SourceMapCacheGetter, getter.into());
    Ok(().into())
}

fn start_coverage<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    inspector::start_coverage(scope);
    Ok(().into())
}

fn take_coverage<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    inspector::take_coverage(&scope.env());
    Ok(().into())
}

fn stop_coverage<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    inspector::stop_coverage(&scope.env());
    Ok(().into())
}

fn end_coverage<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    inspector::end_coverage(&scope.env());
    Ok(().into())
}
