//! `vm.measureMemory`: how much memory JavaScript holds. Node: `MeasureMemory` in `src/node_contextify.cc`.
//!
//! V8 can attribute objects to contexts while it collects; this build does not show that. So the heap is measured as a whole:
//! the estimate is what is used, the range what is used at least and what is reserved.

use crate::glue::{Args, BindingResult, Failure, Object, Scope, ScopeExt, Value};

const DETAILED: i32 = 1;
const EAGER: i32 = 1;

/// `measureMemory(mode, execution)`: a promise.
pub(super) fn measure_memory<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (mode, execution) = (args.i32(scope, 0)?, args.i32(scope, 1)?);
    if execution == EAGER {
        scope.low_memory_notification();
    }
    let statistics = scope.get_heap_statistics();
    #[expect(clippy::cast_precision_loss, reason = "heaps are smaller than 2^53")]
    let number = |bytes: usize| bytes as f64;
    let used = number(statistics.used_heap_size());
    let reserved = number(statistics.total_heap_size());
    let result = scope.object();
    let total = estimate(scope, used, reserved);
    scope.set(result, "total", total.into());
    if mode == DETAILED {
        let current = estimate(scope, used, reserved);
        scope.set(result, "current", current.into());
        let none: [Value<'s>; 0] = [];
        scope.set(result, "other", scope.array(&none).into());
    }
    let resolver = v8::PromiseResolver::new(scope).ok_or(Failure::Pending)?;
    resolver
        .resolve(scope, result.into())
        .ok_or(Failure::Pending)?;
    Ok(resolver.get_promise(scope).into())
}

fn estimate<'s>(scope: &Scope<'s, '_>, used: f64, reserved: f64) -> Object<'s> {
    let object = scope.object();
    scope.set(object, "jsMemoryEstimate", scope.number(used));
    let range = scope.array(&[scope.number(used), scope.number(reserved)]);
    scope.set(object, "jsMemoryRange", range.into());
    object
}
