//! Garbage collections, told to listeners: how long each took, of what kind it was, what the heap held before and after.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::time::{Duration, Instant};

use crate::glue::Scope;

/// What the heap held.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeapNumbers {
    pub(crate) whole: Vec<(&'static str, usize)>,
    /// Each space's name and numbers.
    pub(crate) spaces: Vec<(String, [usize; 4])>,
}

/// One collection.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    /// V8's `GCType`.
    pub(crate) kind: u32,
    /// V8's `GCCallbackFlags`.
    pub(crate) flags: u32,
    pub(crate) duration: Duration,
    /// What the heap held before and after; only for listeners that want it.
    pub(crate) heap: Option<Box<[HeapNumbers; 2]>>,
}

/// Hears of every collection, in the middle of V8's work: it must not use V8.
pub(crate) type CollectionListener = Box<dyn Fn(&Collection)>;

/// Who listens: each may do so once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Audience {
    /// `PerformanceObserver`.
    Observers,
    /// `v8.GCProfiler`.
    Profiler,
}

/// What the callbacks use; lives in the isolate's slot.
#[derive(Default)]
struct Watch {
    begun: Cell<Option<Instant>>,
    before: RefCell<Option<HeapNumbers>>,
    listeners: RefCell<Vec<(Audience, CollectionListener)>>,
}

impl Watch {
    fn wants_heap(&self) -> bool {
        self.listeners.try_borrow().is_ok_and(|listeners| {
            listeners
                .iter()
                .any(|(audience, _)| *audience == Audience::Profiler)
        })
    }
}

/// Sets or removes a listener of the isolate.
pub(crate) fn listen_to_collections(
    scope: &mut Scope<'_, '_>,
    audience: Audience,
    listener: Option<CollectionListener>,
) {
    let isolate: &mut v8::Isolate = scope;
    if isolate.get_slot::<Box<Watch>>().is_none() {
        let watch = Box::new(Watch::default());
        // The isolate's slot owns the watch until `stop_listening`.
        let pointer = std::ptr::from_ref(watch.as_ref())
            .cast_mut()
            .cast::<c_void>();
        isolate.set_slot(watch);
        isolate.add_gc_prologue_callback(begin, pointer, v8::GCType::kGCTypeAll);
        isolate.add_gc_epilogue_callback(end, pointer, v8::GCType::kGCTypeAll);
    }
    if let Some(watch) = isolate.get_slot::<Box<Watch>>() {
        let mut listeners = watch.listeners.borrow_mut();
        listeners.retain(|(known, _)| *known != audience);
        listeners.extend(listener.map(|listener| (audience, listener)));
    }
}

/// Takes the callbacks back. Before the isolate is dropped: it collects once more then, when its slots are gone already.
pub(crate) fn stop_listening(isolate: &mut v8::Isolate) {
    let Some(watch) = isolate.remove_slot::<Box<Watch>>() else {
        return;
    };
    let pointer = std::ptr::from_ref(watch.as_ref())
        .cast_mut()
        .cast::<c_void>();
    isolate.remove_gc_prologue_callback(begin, pointer);
    isolate.remove_gc_epilogue_callback(end, pointer);
}

/// Reads the heap's numbers; V8 allows this inside its callbacks.
fn heap_numbers(isolate: &mut v8::Isolate) -> HeapNumbers {
    let heap = isolate.get_heap_statistics();
    let whole = vec![
        ("totalHeapSize", heap.total_heap_size()),
        ("totalHeapSizeExecutable", heap.total_heap_size_executable()),
        ("totalPhysicalSize", heap.total_physical_size()),
        ("totalAvailableSize", heap.total_available_size()),
        ("totalGlobalHandlesSize", heap.total_global_handles_size()),
        ("usedGlobalHandlesSize", heap.used_global_handles_size()),
        ("usedHeapSize", heap.used_heap_size()),
        ("heapSizeLimit", heap.heap_size_limit()),
        ("mallocedMemory", heap.malloced_memory()),
        ("externalMemory", heap.external_memory()),
        ("peakMallocedMemory", heap.peak_malloced_memory()),
    ];
    let spaces = (0..isolate.number_of_heap_spaces())
        .filter_map(|index| isolate.get_heap_space_statistics(index))
        .map(|space| {
            let numbers = [
                space.space_size(),
                space.space_used_size(),
                space.space_available_size(),
                space.physical_space_size(),
            ];
            (space.space_name().to_string_lossy().into_owned(), numbers)
        })
        .collect();
    HeapNumbers { whole, spaces }
}

unsafe extern "C" fn begin(
    isolate: v8::UnsafeRawIsolatePtr,
    _: v8::GCType,
    _: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: `data` is the watch in the isolate's slot; `stop_listening` takes this callback back before it goes.
    let watch = unsafe { &*data.cast::<Watch>() };
    if watch.wants_heap() {
        // SAFETY: V8 hands over the isolate that collects, on its own thread.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
        *watch.before.borrow_mut() = Some(heap_numbers(&mut isolate));
    }
    // How long the host's collector worked is a matter of the host's clock.
    watch.begun.set(Some(Instant::now()));
}

unsafe extern "C" fn end(
    isolate: v8::UnsafeRawIsolatePtr,
    kind: v8::GCType,
    flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: as in `begin`.
    let watch = unsafe { &*data.cast::<Watch>() };
    let Some(begun) = watch.begun.take() else {
        return;
    };
    let duration = begun.elapsed();
    let heap = watch.before.borrow_mut().take().map(|before| {
        // SAFETY: as in `begin`.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
        Box::new([before, heap_numbers(&mut isolate)])
    });
    let collection = Collection {
        kind: kind.0,
        flags: flags.0,
        duration,
        heap,
    };
    if let Ok(listeners) = watch.listeners.try_borrow() {
        for (_, listener) in &*listeners {
            listener(&collection);
        }
    }
}
