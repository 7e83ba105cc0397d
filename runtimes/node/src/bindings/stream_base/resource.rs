//! The three parts: [`StreamResource`], [`StreamCore`], [`StreamListener`]. See the folder's header.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use cenote_vfs::OpenFile;

use super::emit;
use super::request::StreamRequest;
use crate::glue::{Native, Object, Scope, native_ref};

/// libuv's end of file.
pub(crate) const UV_EOF: i32 = -4095;
/// Bytes read at once.
pub(super) const CHUNK: usize = 64 << 10;

/// What was read.
#[derive(Debug)]
pub(crate) enum StreamRead {
    /// Bytes, at least one.
    Bytes(Vec<u8>),
    /// A negative error number; [`UV_EOF`] at the end.
    Failed(i32),
}

/// How a write went that did not fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wrote {
    /// All of it is written.
    Now,
    /// The request will be told.
    Later,
}

/// Something to be written.
#[derive(Debug)]
pub(crate) struct Write {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// A handle that goes along (an IPC channel only).
    pub(crate) handle: Option<v8::Global<v8::Object>>,
    /// Who wants to know.
    pub(crate) request: StreamRequest,
}

impl Write {
    /// Bytes without a handle.
    pub(crate) fn of(bytes: Vec<u8>, request: StreamRequest) -> Self {
        Self {
            bytes,
            handle: None,
            request,
        }
    }
}

/// What does a stream's work. Node: `StreamBase`'s virtual functions. Error numbers are negative.
pub(crate) trait StreamResource {
    /// The part all streams have.
    fn core(&self) -> &StreamCore;

    /// Starts reading: 0, or why not. What comes is given to [`StreamCore::emit_read`].
    fn read_start(&self, scope: &mut Scope<'_, '_>) -> i32;

    /// Stops reading.
    fn read_stop(&self, scope: &mut Scope<'_, '_>) -> i32;

    /// Writes.
    ///
    /// # Errors
    /// A negative error number; the request is not called then.
    fn write(&self, scope: &mut Scope<'_, '_>, write: Write) -> Result<Wrote, i32>;

    /// Ends the writing side: 0 when the request will be called, otherwise why not. 1: done already (then no call either).
    fn shutdown(&self, scope: &mut Scope<'_, '_>, request: StreamRequest) -> i32;

    /// Says whether writing waits for room; false when the stream cannot be used any more.
    fn set_blocking(&self, _is_blocking: bool) -> bool {
        self.is_alive()
    }

    /// Whether it can still be used.
    fn is_alive(&self) -> bool {
        true
    }

    /// The descriptor that shows it, −1 if there is none.
    fn fd(&self) -> i32 {
        -1
    }

    /// The kernel's file under it, if there is one.
    fn file(&self) -> Option<Arc<OpenFile>> {
        None
    }

    /// Bytes that wait to be written.
    fn queued(&self) -> usize {
        0
    }

    /// What went wrong in the resource's own words (OpenSSL's), once.
    fn take_error(&self) -> Option<String> {
        None
    }
}

/// Who gets what a stream reads.
pub(crate) trait StreamListener {
    /// The most bytes wanted at once.
    fn chunk(&self) -> usize {
        CHUNK
    }

    /// Bytes, the end, or an error. May run JavaScript.
    fn on_read(&self, scope: &mut Scope<'_, '_>, read: StreamRead);

    /// The stream is gone.
    fn on_destroy(&self, _scope: &mut Scope<'_, '_>) {}
}

/// Names a listener on its stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ListenerId(u64);

/// What every stream carries.
pub(crate) struct StreamCore {
    number: Cell<i32>,
    listeners: RefCell<Vec<(ListenerId, Rc<dyn StreamListener>)>>,
    next: Cell<u64>,
    pub(super) user_buffer: RefCell<Option<v8::Global<v8::Value>>>,
    pub(super) user_buffer_len: Cell<Option<usize>>,
    pub(super) bytes_read: Cell<u64>,
    pub(super) bytes_written: Cell<u64>,
}

impl Default for StreamCore {
    fn default() -> Self {
        Self {
            number: Cell::new(-1),
            listeners: RefCell::default(),
            next: Cell::new(0),
            user_buffer: RefCell::default(),
            user_buffer_len: Cell::new(None),
            bytes_read: Cell::new(0),
            bytes_written: Cell::new(0),
        }
    }
}

impl std::fmt::Debug for StreamCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "StreamCore({}, {} listeners)",
            self.number.get(),
            self.listeners.borrow().len()
        )
    }
}

impl StreamCore {
    /// Says which native object it is part of (the number [`attach`](crate::glue::attach) gave).
    pub(crate) fn set_number(&self, number: i32) {
        self.number.set(number);
    }

    /// That number.
    pub(crate) fn number(&self) -> i32 {
        self.number.get()
    }

    /// The JavaScript object, if it lives.
    pub(crate) fn object<'s>(&self, scope: &Scope<'s, '_>) -> Option<Object<'s>> {
        use crate::glue::ScopeExt as _;
        scope.env().natives().object(scope, self.number.get())
    }

    /// Counts bytes that native code writes; those of JavaScript are counted by its methods.
    pub(crate) fn count_written(&self, len: usize) {
        self.bytes_written
            .set(self.bytes_written.get().saturating_add(len as u64));
    }

    /// Puts a listener above the others: it gets what is read from now on.
    pub(crate) fn push_listener(&self, listener: Rc<dyn StreamListener>) -> ListenerId {
        let id = ListenerId(self.next.get());
        self.next.set(id.0 + 1);
        self.listeners.borrow_mut().push((id, listener));
        id
    }

    /// Takes a listener away, wherever it is.
    pub(crate) fn remove_listener(&self, id: ListenerId) {
        let gone = {
            let mut listeners = self.listeners.borrow_mut();
            let at = listeners.iter().position(|(own, _)| *own == id);
            at.map(|at| listeners.remove(at))
        };
        drop(gone);
    }

    /// Tells the listener on top, or JavaScript, what was read.
    pub(crate) fn emit_read(&self, scope: &mut Scope<'_, '_>, read: StreamRead) {
        if let StreamRead::Bytes(bytes) = &read {
            self.bytes_read
                .set(self.bytes_read.get().saturating_add(bytes.len() as u64));
        }
        let top = self
            .listeners
            .borrow()
            .last()
            .map(|(_, listener)| Rc::clone(listener));
        match top {
            Some(listener) => listener.on_read(scope, read),
            None => emit::to_javascript(scope, self, read),
        }
    }

    /// Tells the listener below this one (JavaScript is the last).
    pub(crate) fn emit_read_below(
        &self,
        scope: &mut Scope<'_, '_>,
        above: ListenerId,
        read: StreamRead,
    ) {
        let below = {
            let listeners = self.listeners.borrow();
            let at = listeners.iter().position(|(own, _)| *own == above);
            at.and_then(|at| at.checked_sub(1))
                .and_then(|at| listeners.get(at))
                .map(|(_, listener)| Rc::clone(listener))
        };
        match below {
            Some(listener) => listener.on_read(scope, read),
            None => emit::to_javascript(scope, self, read),
        }
    }

    /// The most bytes to read at once, for who listens now.
    pub(crate) fn chunk(&self) -> usize {
        let top = self
            .listeners
            .borrow()
            .last()
            .map(|(_, listener)| Rc::clone(listener));
        match top {
            Some(listener) => listener.chunk(),
            None => self.user_buffer_len.get().unwrap_or(CHUNK),
        }
    }

    /// Tells every listener that the stream is gone, and forgets them.
    pub(crate) fn destroy(&self, scope: &mut Scope<'_, '_>) {
        let listeners = std::mem::take(&mut *self.listeners.borrow_mut());
        for (_, listener) in listeners.iter().rev() {
            listener.on_destroy(scope);
        }
    }
}

/// The native object behind a JavaScript one, if it is a stream: hold it weakly (`Rc::downgrade`), ask it for
/// [`stream`](Native::stream).
pub(crate) fn stream_of(scope: &Scope<'_, '_>, object: Object<'_>) -> Option<Rc<dyn Native>> {
    native_ref(scope, object).filter(|native| native.stream().is_some())
}
