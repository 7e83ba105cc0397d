//! Memory of an isolate: the heap limit that ends the guest and not the host, and a quota for array buffers.
//!
//! Without a near-heap-limit callback V8 aborts the whole process. Ours ends the guest's execution and gives V8 enough
//! room to get out: one gigabyte, which is only touched if needed (16 MB was measured to be too little for some guests).

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use cenote_base::limits::{Budget, Gauge};

/// Room to unwind in once the limit was hit.
const EMERGENCY: usize = 1 << 30;

/// What the callbacks need; lives as long as the isolate.
struct Guard {
    address: v8::UnsafeRawIsolatePtr,
    quota: Option<Arc<Quota>>,
    ending: Ending,
    /// The limit that was set, once V8 was given more because an array buffer was refused.
    raised_from: AtomicUsize,
    /// Where the machine sees how full the heap is.
    gauge: OnceLock<Arc<Gauge>>,
}

/// The end of an isolate that is past its limits.
#[derive(Clone)]
pub(super) struct Ending {
    isolate: v8::IsolateHandle,
    exhausted: Arc<AtomicBool>,
    /// What tells that no JavaScript may be called any more.
    stopped: Arc<OnceLock<Arc<AtomicBool>>>,
}

impl Ending {
    /// The end of this isolate, if it is guarded.
    pub(super) fn of(isolate: &v8::Isolate) -> Option<Self> {
        let guard = isolate.get_slot::<Box<Guard>>()?;
        Some(guard.ending.clone())
    }

    /// Nothing of the guest's runs after this.
    pub(super) fn end(&self) {
        self.exhausted.store(true, Ordering::SeqCst);
        if let Some(stopped) = self.stopped.get() {
            stopped.store(true, Ordering::Release);
        }
        self.isolate.terminate_execution();
    }
}

/// Makes the heap limit end the guest. The returned flag says that it did. Call once per isolate, after its quota is in its slot.
pub(crate) fn guard_heap(isolate: &mut v8::Isolate) -> Arc<AtomicBool> {
    let exhausted = Arc::new(AtomicBool::new(false));
    // SAFETY: the pointer is used in callbacks of this isolate alone, while it lives.
    let address = unsafe { isolate.as_raw_isolate_ptr() };
    let guard = Box::new(Guard {
        address,
        quota: isolate.get_slot::<Arc<Quota>>().map(Arc::clone),
        ending: Ending {
            isolate: isolate.thread_safe_handle(),
            exhausted: Arc::clone(&exhausted),
            stopped: Arc::default(),
        },
        raised_from: AtomicUsize::new(0),
        gauge: OnceLock::new(),
    });
    // The isolate's slot owns the guard, so it is freed with the isolate.
    let pointer = std::ptr::from_ref(guard.as_ref())
        .cast_mut()
        .cast::<c_void>();
    isolate.set_slot(guard);
    isolate.add_near_heap_limit_callback(near_heap_limit, pointer);
    isolate.add_gc_epilogue_callback(collected, pointer, v8::GCType::kGCTypeMarkSweepCompact);
    exhausted
}

/// The options for what one process may have, as the embedder's package names them.
const HEAP: &str = "js_heap";
const ARRAY_BUFFERS: &str = "array_buffers";

/// Shows the machine how full the isolate's heap is (as of its last collection) and what its process has in array buffers. A heap that the guest
/// itself made smaller than its limit is left out.
pub(crate) fn measure(isolate: &mut v8::Isolate, budget: &Budget, limit: usize) {
    let statistics = isolate.get_heap_statistics();
    let Some(guard) = isolate.get_slot::<Box<Guard>>() else {
        return;
    };
    if let Some(quota) = &guard.quota {
        quota.show(budget);
    }
    if statistics.heap_size_limit() < limit {
        return;
    }
    let gauge = guard
        .gauge
        .get_or_init(|| budget.gauge(HEAP, limit as u64))
        .clone();
    gauge.set(statistics.used_heap_size() as u64);
    let pointer = std::ptr::from_ref(guard.as_ref())
        .cast_mut()
        .cast::<c_void>();
    isolate.add_gc_epilogue_callback(measured, pointer, v8::GCType::kGCTypeAll);
}

/// Called after each collection once there is a gauge.
unsafe extern "C" fn measured(
    _: v8::UnsafeRawIsolatePtr,
    _: v8::GCType,
    _: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: as in `near_heap_limit`.
    let guard = unsafe { &*data.cast::<Guard>() };
    if let Some(gauge) = guard.gauge.get() {
        gauge.set(guard.used() as u64);
    }
}

/// Takes what the callback needs out of the isolate's slot, to be dropped after the isolate: it collects once more when its
/// slots are gone already.
pub(crate) fn take_heap_guard(isolate: &mut v8::Isolate) -> Option<Box<dyn std::any::Any>> {
    isolate
        .remove_slot::<Box<Guard>>()
        .map(|guard| guard as Box<dyn std::any::Any>)
}

/// Has the flag set when the heap is exhausted, so that no handler of the guest's runs after that.
pub(crate) fn stop_when_exhausted(isolate: &v8::Isolate, flag: &Arc<AtomicBool>) {
    if let Some(guard) = isolate.get_slot::<Box<Guard>>() {
        guard.ending.stopped.get_or_init(|| Arc::clone(flag));
    }
}

impl Guard {
    /// The guest ends for its heap.
    fn end(&self) {
        if let Some(gauge) = self.gauge.get() {
            gauge.set(self.used() as u64);
            gauge.reached();
        }
        self.ending.end();
    }

    fn used(&self) -> usize {
        // SAFETY: called from callbacks of this isolate, on its thread; V8 allows statistics inside them.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(self.address) };
        isolate.get_heap_statistics().used_heap_size()
    }
}

/// Called when the heap cannot grow, and as a last resort when an array buffer is refused. The latter is a `RangeError`, not the end:
/// V8 is given room instead (whatever is answered, less than it has would be an abort if the heap were full after all), and from then on
/// every collection looks whether the heap itself is still within the limit.
unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, initial: usize) -> usize {
    // SAFETY: `data` is the guard in the isolate's slot, or what `take_heap_guard` gave: it outlives the isolate.
    let guard = unsafe { &*data.cast::<Guard>() };
    let was_refused = guard
        .quota
        .as_ref()
        .is_some_and(|quota| quota.was_refused());
    if was_refused && guard.used() < initial / 4 * 3 {
        guard.raised_from.store(initial, Ordering::Relaxed);
    } else {
        guard.end();
    }
    current.saturating_add(EMERGENCY)
}

/// Called after each full collection.
unsafe extern "C" fn collected(
    _: v8::UnsafeRawIsolatePtr,
    _: v8::GCType,
    _: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: as in `near_heap_limit`.
    let guard = unsafe { &*data.cast::<Guard>() };
    let limit = guard.raised_from.load(Ordering::Relaxed);
    if limit != 0 && guard.used() > limit {
        guard.end();
    }
}

unsafe extern "C" {
    /// `v8::Isolate::SetStackLimit`: the crate has no name for it.
    #[link_name = "_ZN2v87Isolate13SetStackLimitEm"]
    fn isolate_set_stack_limit(isolate: v8::UnsafeRawIsolatePtr, limit: usize);
}

/// Where V8 has an isolate, which is how its platform names it.
pub(crate) fn isolate_address(isolate: &v8::Isolate) -> usize {
    // SAFETY: nothing is done with the pointer but to look at its value.
    let raw = unsafe { isolate.as_raw_isolate_ptr() };
    // SAFETY: the type is a transparent wrapper of a pointer.
    let pointer = unsafe { std::mem::transmute::<v8::UnsafeRawIsolatePtr, *const c_void>(raw) };
    pointer.addr()
}

/// Lets JavaScript use this many bytes of the thread's stack, from where it is now. The thread must have more than that.
pub(crate) fn set_stack_limit(isolate: &mut v8::Isolate, bytes: usize) {
    let here = 0_u8;
    let limit = std::ptr::from_ref(&here).addr().saturating_sub(bytes);
    // SAFETY: the pointer is used while `isolate` is borrowed.
    let raw = unsafe { isolate.as_raw_isolate_ptr() };
    // SAFETY: the isolate lives, is not entered by another thread, and the method takes an address.
    unsafe { isolate_set_stack_limit(raw, limit) };
}

/// What the allocator counts.
#[derive(Debug)]
pub(crate) struct Quota {
    used: AtomicUsize,
    limit: usize,
    /// Of these, the bytes that V8 does not count as external memory.
    mapped: AtomicUsize,
    /// Whether V8 was refused memory since it was asked last.
    refused: AtomicBool,
    /// Whether it had to be given more than the limit.
    is_overrun: AtomicBool,
    /// Where the machine sees what is used.
    gauge: OnceLock<Arc<Gauge>>,
}

/// Bytes that native code allocated for JavaScript, counted until they are freed.
pub(super) struct Charged {
    bytes: Vec<u8>,
    quota: Option<Arc<Quota>>,
}

impl Charged {
    /// Zeros, if the quota and the host have room for them.
    pub(super) fn zeroed(quota: Option<Arc<Quota>>, len: usize) -> Option<Self> {
        if quota.as_ref().is_some_and(|quota| !quota.take(len)) {
            return None;
        }
        // From here on `Drop` gives back what was taken.
        let mut charged = Self {
            bytes: Vec::new(),
            quota: quota.clone(),
        };
        if charged.bytes.try_reserve_exact(len).is_err() {
            if let Some(quota) = quota {
                quota.give_back(len);
            }
            return None;
        }
        charged.bytes.resize(len, 0);
        Some(charged)
    }

    /// Bytes that exist already: counted even past the limit.
    pub(super) fn adopt(quota: Option<Arc<Quota>>, bytes: Vec<u8>) -> Self {
        if let Some(quota) = &quota {
            quota.used.fetch_add(bytes.len(), Ordering::Relaxed);
            quota.note();
        }
        Self { bytes, quota }
    }
}

impl AsMut<[u8]> for Charged {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Charged {
    fn drop(&mut self) {
        if let Some(quota) = &self.quota {
            quota.give_back(self.bytes.len());
        }
    }
}

impl Quota {
    /// A quota of this many bytes.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicUsize::new(0),
            limit,
            mapped: AtomicUsize::new(0),
            refused: AtomicBool::new(false),
            is_overrun: AtomicBool::new(false),
            gauge: OnceLock::new(),
        })
    }

    /// Shows the machine what is used, from now on.
    fn show(&self, budget: &Budget) {
        self.gauge
            .get_or_init(|| budget.gauge(ARRAY_BUFFERS, self.limit as u64));
        self.note();
    }

    /// After a change of what is used.
    fn note(&self) {
        if let Some(gauge) = self.gauge.get() {
            gauge.set(self.used.load(Ordering::Relaxed) as u64);
        }
    }

    pub(super) fn take(&self, bytes: usize) -> bool {
        let taken = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.limit)
            });
        match (taken, self.gauge.get()) {
            (Ok(_), _) => self.note(),
            (Err(_), Some(gauge)) => gauge.reached(),
            (Err(_), None) => {}
        }
        taken.is_ok()
    }

    /// As `take`, for what V8 asks: it may take a refusal for the end of the heap.
    pub(super) fn take_or_note(&self, bytes: usize) -> bool {
        let is_taken = self.take(bytes);
        if !is_taken {
            self.refused.store(true, Ordering::Relaxed);
        }
        is_taken
    }

    /// Takes what cannot be refused. Whether the sum is within `slack` bytes of the limit.
    pub(super) fn take_past_limit(&self, bytes: usize, slack: usize) -> bool {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        self.note();
        before.saturating_add(bytes) <= self.limit.saturating_add(slack)
    }

    /// Notes that the process is ended for what it has past its limit.
    pub(super) fn overrun(&self) {
        self.is_overrun.store(true, Ordering::Relaxed);
        if let Some(gauge) = self.gauge.get() {
            gauge.reached();
        }
    }

    /// Whether the process was ended for what it had past its limit, in bytes.
    pub(crate) fn overrun_limit(&self) -> Option<usize> {
        self.is_overrun
            .load(Ordering::Relaxed)
            .then_some(self.limit)
    }

    /// Counts bytes among those V8 does not count.
    pub(super) fn map(&self, bytes: usize) {
        self.mapped.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The opposite of `map`.
    pub(super) fn unmap(&self, bytes: usize) {
        self.mapped.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes of WebAssembly's memories and stacks, in all threads.
    pub(crate) fn mapped(&self) -> usize {
        self.mapped.load(Ordering::Relaxed)
    }

    fn was_refused(&self) -> bool {
        self.refused.swap(false, Ordering::Relaxed)
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.note();
    }
}

/// Memory of a native library that a guest makes it use, counted in the guest's quota until dropped.
#[derive(Debug)]
pub(crate) struct NativeCharge {
    quota: Option<Arc<Quota>>,
    bytes: usize,
}

impl NativeCharge {
    /// Nothing yet, against this isolate's quota.
    pub(crate) fn of_isolate(isolate: &v8::Isolate) -> Self {
        Self {
            quota: isolate.get_slot::<Arc<Quota>>().map(Arc::clone),
            bytes: 0,
        }
    }

    /// Makes the charge this many bytes; whether the quota has room for them. If not, the charge stays what it was.
    #[must_use]
    pub(crate) fn set(&mut self, bytes: usize) -> bool {
        if let Some(quota) = &self.quota {
            if bytes > self.bytes {
                if !quota.take(bytes - self.bytes) {
                    return false;
                }
            } else {
                quota.give_back(self.bytes - bytes);
            }
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for NativeCharge {
    fn drop(&mut self) {
        let _given_back = self.set(0);
    }
}

static VTABLE: v8::RustAllocatorVtable<Quota> = v8::RustAllocatorVtable {
    allocate,
    allocate_uninitialized,
    free,
    drop: drop_quota,
};

/// An allocator for array buffers that refuses (V8 throws `RangeError`) past the quota.
/// V8's own `ArrayBuffer::new` aborts when refused: native code uses `glue::allocate_array_buffer` instead.
pub(crate) fn allocator_with_quota(quota: &Arc<Quota>) -> v8::UniqueRef<v8::Allocator> {
    // SAFETY: the pointer is an `Arc`'s, given back to `Arc::from_raw` by `drop_quota`, which V8 calls once, last.
    unsafe { v8::new_rust_allocator(Arc::into_raw(Arc::clone(quota)), &VTABLE) }
}

fn layout(len: usize) -> Option<std::alloc::Layout> {
    std::alloc::Layout::from_size_align(len.max(1), 16).ok()
}

unsafe extern "C" fn allocate(quota: &Quota, len: usize) -> *mut c_void {
    let Some(layout) = layout(len) else {
        return std::ptr::null_mut();
    };
    if !quota.take_or_note(len) {
        return std::ptr::null_mut();
    }
    // SAFETY: the layout's size is at least one.
    let data = unsafe { std::alloc::alloc_zeroed(layout) };
    if data.is_null() {
        quota.give_back(len);
    }
    data.cast::<c_void>()
}

unsafe extern "C" fn allocate_uninitialized(quota: &Quota, len: usize) -> *mut c_void {
    // Zeroed too: a guest must never see what another one left behind.
    // SAFETY: the contract is the same.
    unsafe { allocate(quota, len) }
}

unsafe extern "C" fn free(quota: &Quota, data: *mut c_void, len: usize) {
    let Some(layout) = layout(len) else { return };
    if data.is_null() {
        return;
    }
    // SAFETY: V8 frees what `allocate` returned, with the same length, hence the same layout.
    unsafe { std::alloc::dealloc(data.cast::<u8>(), layout) };
    quota.give_back(len);
}

unsafe extern "C" fn drop_quota(quota: *const Quota) {
    // SAFETY: the pointer came from `Arc::into_raw` in `allocator_with_quota`, and this is called once.
    drop(unsafe { Arc::from_raw(quota) });
}
