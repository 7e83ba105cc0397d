//! Bytes of array buffers and their views.
//!
//! [`with_bytes`] lends the bytes to a closure that gets no scope, so no JavaScript runs (and nothing can be detached,
//! resized or collected) while they are lent.

use std::sync::Arc;

use crate::glue::heap::{Charged, Quota};
use crate::glue::{Failure, Scope, ScopeExt, Value};

/// The most bytes a typed array keeps inside the heap object.
const ON_HEAP: usize = 64;

fn span(value: Value<'_>) -> Option<(*mut u8, usize)> {
    if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
        let len = view.byte_length();
        // Asking for the buffer moves on-heap contents off the heap, so the address stays valid.
        return Some((
            if len == 0 {
                std::ptr::null_mut()
            } else {
                view.data().cast::<u8>()
            },
            len,
        ));
    }
    if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(value) {
        return Some((
            buffer
                .data()
                .map_or(std::ptr::null_mut(), |data| data.as_ptr().cast::<u8>()),
            buffer.byte_length(),
        ));
    }
    let shared = v8::Local::<v8::SharedArrayBuffer>::try_from(value).ok()?;
    let store = shared.get_backing_store();
    Some((
        store
            .data()
            .map_or(std::ptr::null_mut(), |data| data.as_ptr().cast::<u8>()),
        store.byte_length(),
    ))
}

/// Lends the bytes for reading; `None` when the value has none.
pub(crate) fn with_bytes<R>(value: Value<'_>, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
    if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
        let mut storage = [0; ON_HEAP];
        return Some(read(view.get_contents(&mut storage)));
    }
    let (data, len) = span(value)?;
    if data.is_null() || len == 0 {
        return Some(read(&[]));
    }
    // SAFETY: V8 vouches for `len` bytes at `data` while `value` is held; `read` cannot run JavaScript (it has no scope), so
    // the memory is neither freed nor, within this thread, written meanwhile.
    Some(read(unsafe { std::slice::from_raw_parts(data, len) }))
}

/// Lends the bytes for writing; `None` when the value has none.
pub(crate) fn with_bytes_mut<R>(value: Value<'_>, write: impl FnOnce(&mut [u8]) -> R) -> Option<R> {
    let (data, len) = span(value)?;
    if data.is_null() || len == 0 {
        return Some(write(&mut []));
    }
    // SAFETY: as in `with_bytes`; and `write` gets the only reference, because it cannot reach the value again.
    Some(write(unsafe { std::slice::from_raw_parts_mut(data, len) }))
}

/// Copies up to `length` bytes from one value's to another's, as much as both have; they may be parts of one buffer. Returns how many;
/// `None` when either has none.
pub(crate) fn copy_bytes_between(
    source: Value<'_>,
    source_start: usize,
    target: Value<'_>,
    target_start: usize,
    length: usize,
) -> Option<usize> {
    // Both first: asking for the one's buffer must not happen with the other's address in hand.
    let (_, _) = (span(source)?, span(target)?);
    let ((from, source_len), (to, target_len)) = (span(source)?, span(target)?);
    let length = length
        .min(source_len.saturating_sub(source_start))
        .min(target_len.saturating_sub(target_start));
    if length == 0 {
        return Some(0);
    }
    let (from, to) = (
        from.wrapping_add(source_start),
        to.wrapping_add(target_start),
    );
    // SAFETY: V8 vouches for both spans while the values are held, the range lies within each as `length` was made to fit, and
    // `copy` allows them to overlap; nothing runs in between that could free them.
    unsafe { std::ptr::copy(from, to, length) };
    Some(length)
}

/// A copy of the bytes; `None` when the value has none.
pub(crate) fn copy_bytes(value: Value<'_>) -> Option<Vec<u8>> {
    with_bytes(value, <[u8]>::to_vec)
}

/// The quota of the isolate, if it has one.
pub(crate) fn quota(scope: &Scope<'_, '_>) -> Option<Arc<Quota>> {
    let isolate: &v8::Isolate = scope;
    isolate.get_slot::<Arc<Quota>>().map(Arc::clone)
}

/// A backing store of these bytes, counted in the isolate's quota.
pub(super) fn backing_store(
    scope: &Scope<'_, '_>,
    bytes: Vec<u8>,
) -> v8::SharedRef<v8::BackingStore> {
    let charged = Box::new(Charged::adopt(quota(scope), bytes));
    v8::ArrayBuffer::new_backing_store_from_bytes(charged).make_shared()
}

/// An `ArrayBuffer` that owns these bytes.
pub(crate) fn new_array_buffer<'s>(
    scope: &Scope<'s, '_>,
    bytes: Vec<u8>,
) -> v8::Local<'s, v8::ArrayBuffer> {
    let store = backing_store(scope, bytes);
    v8::ArrayBuffer::with_backing_store(scope, &store)
}

/// An `ArrayBuffer` of zeros.
///
/// # Errors
/// `RangeError` when the isolate's quota or the host's memory has no room.
pub(crate) fn allocate_array_buffer<'s>(
    scope: &Scope<'s, '_>,
    len: usize,
) -> Result<v8::Local<'s, v8::ArrayBuffer>, Failure> {
    let charged = Charged::zeroed(quota(scope), len).ok_or_else(|| {
        Failure::range_error(
            "ERR_MEMORY_ALLOCATION_FAILED",
            "Array buffer allocation failed",
        )
    })?;
    let store = v8::ArrayBuffer::new_backing_store_from_bytes(Box::new(charged)).make_shared();
    Ok(v8::ArrayBuffer::with_backing_store(scope, &store))
}

/// A `SharedArrayBuffer` of zeros.
///
/// # Errors
/// `RangeError` when the isolate's quota or the host's memory has no room.
pub(crate) fn allocate_shared_array_buffer<'s>(
    scope: &Scope<'s, '_>,
    len: usize,
) -> Result<v8::Local<'s, v8::SharedArrayBuffer>, Failure> {
    let charged = Charged::zeroed(quota(scope), len).ok_or_else(|| {
        Failure::range_error(
            "ERR_MEMORY_ALLOCATION_FAILED",
            "Array buffer allocation failed",
        )
    })?;
    let store =
        v8::SharedArrayBuffer::new_backing_store_from_bytes(Box::new(charged)).make_shared();
    Ok(v8::SharedArrayBuffer::with_backing_store(scope, &store))
}

/// A `Uint8Array` that owns these bytes.
pub(crate) fn new_uint8_array<'s>(
    scope: &Scope<'s, '_>,
    bytes: Vec<u8>,
) -> Option<v8::Local<'s, v8::Uint8Array>> {
    let len = bytes.len();
    let buffer = new_array_buffer(scope, bytes);
    v8::Uint8Array::new(scope, buffer, 0, len)
}

/// A Node `Buffer` that owns these bytes: a `Uint8Array` with `Buffer.prototype`.
pub(crate) fn new_node_buffer<'s>(
    scope: &Scope<'s, '_>,
    bytes: Vec<u8>,
) -> Option<v8::Local<'s, v8::Uint8Array>> {
    let array = new_uint8_array(scope, bytes)?;
    if let Some(prototype) = scope
        .env()
        .stored(scope, crate::environment::Stored::BufferPrototype)
    {
        array.set_prototype(scope, prototype)?;
    }
    Some(array)
}
