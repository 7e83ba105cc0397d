//! `internalBinding('v8')`: heap statistics. Node: `src/node_v8.cc`.

use crate::glue::{Args, Binding, BindingResult, Failure, Object, Scope, ScopeExt};

pub(super) const BINDING: Binding = Binding::new("v8")
    .note("no heap snapshots, no profiles, no garbage collection profiler; flags cannot be set, they are the whole host's")
    .function("cachedDataVersionTag", cached_data_version_tag)
    .function("updateHeapStatisticsBuffer", update_heap_statistics)
    .function("updateHeapSpaceStatisticsBuffer", update_heap_space_statistics)
    .function("updateHeapCodeStatisticsBuffer", update_heap_code_statistics)
    .function("isStringOneByteRepresentation", is_one_byte)
    .partial("setFlagsFromString", set_flags_from_string, "only checks: V8's flags are shared by all guests of the host process")
    .setup(setup);

fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    let count = scope.number_of_heap_spaces();
    let mut names = Vec::new();
    for index in 0..count {
        let name = scope
            .get_heap_space_statistics(index)
            .map(|space| space.space_name().to_string_lossy().into_owned());
        names.push(scope.text(&name.unwrap_or_default()).into());
    }
    let names = scope.array(&names);
    scope.set(binding, "kHeapSpaces", names.into());
    Ok(())
}

fn cached_data_version_tag<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(v8::script_compiler::cached_data_version_tag().into())
}

#[expect(clippy::cast_precision_loss, reason = "sizes fit a double")]
fn fill(scope: &mut Scope<'_, '_>, buffer: &str, values: &[usize]) -> Result<(), Failure> {
    let field = scope.env().field(scope, "v8", buffer)?;
    for (index, value) in values.iter().enumerate() {
        field.set(index, *value as f64);
    }
    Ok(())
}

fn update_heap_statistics<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let heap = scope.get_heap_statistics();
    let values = [
        heap.total_heap_size(),
        heap.total_heap_size_executable(),
        heap.total_physical_size(),
        heap.total_available_size(),
        heap.used_heap_size(),
        heap.heap_size_limit(),
        heap.malloced_memory(),
        heap.peak_malloced_memory(),
        usize::from(heap.does_zap_garbage()),
        heap.number_of_native_contexts(),
        heap.number_of_detached_contexts(),
        heap.total_global_handles_size(),
        heap.used_global_handles_size(),
        heap.external_memory(),
    ];
    fill(scope, "heapStatisticsBuffer", &values)?;
    Ok(().into())
}

fn update_heap_space_statistics<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let index = args.usize(0)?;
    let space = scope.get_heap_space_statistics(index);
    let space =
        space.ok_or_else(|| Failure::range_error("ERR_OUT_OF_RANGE", "no such heap space"))?;
    let values = [
        space.space_size(),
        space.space_used_size(),
        space.space_available_size(),
        space.physical_space_size(),
    ];
    fill(scope, "heapSpaceStatisticsBuffer", &values)?;
    Ok(().into())
}

fn update_heap_code_statistics<'s>(
    scope: &mut Scope<'s, '_>,
    _args: &Args<'s>,
) -> BindingResult<'s> {
    let values = scope
        .get_heap_code_and_metadata_statistics()
        .map_or([0; 4], |code| {
            [
                code.code_and_metadata_size(),
                code.bytecode_and_metadata_size(),
                code.external_script_source_size(),
                code.cpu_profiler_metadata_size(),
            ]
        });
    fill(scope, "heapCodeStatisticsBuffer", &values)?;
    Ok(().into())
}

fn is_one_byte<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(args.string(0)?.is_onebyte().into())
}

fn set_flags_from_string<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.string(0)?;
    Ok(().into())
}
