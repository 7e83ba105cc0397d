//! What may travel between the isolates of a process: the memory under array buffers, compiled WebAssembly, and the count of
//! what is under way.

use std::sync::Arc;

use crate::glue::heap::Quota;
use crate::glue::{Failure, Scope};

/// The memory of an array buffer, independent of any isolate.
pub(crate) struct Store(v8::SharedRef<v8::BackingStore>);

// SAFETY: the reference is a `std::shared_ptr`, whose count is atomic; a `BackingStore` is made to be shared by isolates
// (shared array buffers are that), and what frees ours, an allocator over a `Quota` or a `Charged`, may run on any thread.
unsafe impl Send for Store {}
// SAFETY: as above; `Store` gives no access to the bytes, only to new handles.
unsafe impl Sync for Store {}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({} bytes)", self.0.byte_length())
    }
}

impl Store {
    /// The memory of a buffer, which the caller detaches.
    pub(crate) fn of_array_buffer(buffer: v8::Local<'_, v8::ArrayBuffer>) -> Self {
        Self(buffer.get_backing_store())
    }

    /// The memory of a shared buffer.
    pub(crate) fn of_shared_array_buffer(buffer: v8::Local<'_, v8::SharedArrayBuffer>) -> Self {
        Self(buffer.get_backing_store())
    }

    /// A buffer over this memory, in this isolate.
    pub(crate) fn into_array_buffer<'s>(
        self,
        scope: &Scope<'s, '_>,
    ) -> v8::Local<'s, v8::ArrayBuffer> {
        v8::ArrayBuffer::with_backing_store(scope, &self.0)
    }

    /// A shared buffer over this memory, in this isolate.
    pub(crate) fn to_shared_array_buffer<'s>(
        &self,
        scope: &Scope<'s, '_>,
    ) -> v8::Local<'s, v8::SharedArrayBuffer> {
        v8::SharedArrayBuffer::with_backing_store(scope, &self.0)
    }
}

/// Bytes outside the heap that are counted in the process's quota until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    quota: Option<Arc<Quota>>,
    bytes: usize,
}

impl Charge {
    /// Counts bytes that native code holds for JavaScript.
    ///
    /// # Errors
    /// `RangeError` when the process's quota has no room.
    pub(crate) fn new(scope: &Scope<'_, '_>, bytes: usize) -> Result<Self, Failure> {
        let isolate: &v8::Isolate = scope;
        let quota = isolate.get_slot::<Arc<Quota>>().map(Arc::clone);
        if quota.as_ref().is_some_and(|quota| !quota.take(bytes)) {
            return Err(Failure::range_error(
                "ERR_MEMORY_ALLOCATION_FAILED",
                "Failed to allocate memory",
            ));
        }
        Ok(Self { quota, bytes })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(quota) = &self.quota {
            quota.give_back(self.bytes);
        }
    }
}
