//! Garbage collections, told to a listener: how long each took and of what kind it was.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::time::{Duration, Instant};

use crate::glue::Scope;

/// One collection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Collection {
    /// V8's `GCType`.
    pub(crate) kind: u32,
    /// V8's `GCCallbackFlags`.
    pub(crate) flags: u32,
    pub(crate) duration: Duration,
}

/// Hears of every collection, in the middle of V8's work: it must not use V8.
pub(crate) type CollectionListener = Box<dyn Fn(&Collection)>;

/// What the callbacks use; lives in the isolate's slot.
#[derive(Default)]
struct Watch {
    begun: Cell<Option<Instant>>,
    listener: RefCell<Option<CollectionListener>>,
}

/// Sets or removes the isolate's listener.
pub(crate) fn listen_to_collections(
    scope: &mut Scope<'_, '_>,
    listener: Option<CollectionListener>,
) {
    let isolate: &mut v8::Isolate = scope;
    if let Some(watch) = isolate.get_slot::<Box<Watch>>() {
        *watch.listener.borrow_mut() = listener;
        return;
    }
    let watch = Box::new(Watch::default());
    *watch.listener.borrow_mut() = listener;
    // The isolate's slot owns the watch, so it is freed with the isolate.
    let pointer = std::ptr::from_ref(watch.as_ref())
        .cast_mut()
        .cast::<c_void>();
    isolate.set_slot(watch);
    isolate.add_gc_prologue_callback(begin, pointer, v8::GCType::kGCTypeAll);
    isolate.add_gc_epilogue_callback(end, pointer, v8::GCType::kGCTypeAll);
}

unsafe extern "C" fn begin(
    _: v8::UnsafeRawIsolatePtr,
    _: v8::GCType,
    _: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: `data` is the watch in the isolate's slot, which lives as long as the isolate that calls this.
    let watch = unsafe { &*data.cast::<Watch>() };
    #[expect(
        clippy::disallowed_methods,
        reason = "how long the host's collector worked, on the host's clock"
    )]
    watch.begun.set(Some(Instant::now()));
}

unsafe extern "C" fn end(
    _: v8::UnsafeRawIsolatePtr,
    kind: v8::GCType,
    flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: as in `begin`.
    let watch = unsafe { &*data.cast::<Watch>() };
    let Some(begun) = watch.begun.take() else {
        return;
    };
    if let Ok(listener) = watch.listener.try_borrow()
        && let Some(listener) = &*listener
    {
        listener(&Collection {
            kind: kind.0,
            flags: flags.0,
            duration: begun.elapsed(),
        });
    }
}
