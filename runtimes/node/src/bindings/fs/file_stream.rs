//! A `FileHandle` as a stream that is read (`http2`'s `respondWithFile`): chunk after chunk, a part of the file or all of it.
//! Node: `FileHandle::ReadStart` in `src/node_file.cc`.
//!
//! A chunk is read in the loop's next turn, on the loop's thread: a descriptor that blocks (a FIFO) blocks the process meanwhile.

use std::cell::Cell;

use cenote_base::Fd;
use cenote_kernel::syscall;

use crate::bindings::async_wrap;
use crate::bindings::stream_base::{StreamCore, StreamRead, UV_EOF};
use crate::blocking::blocking;
use crate::event_loop::handles::AsyncInfo;
use crate::glue::{Scope, ScopeExt, native_ref};

/// Bytes read at once.
const CHUNK: usize = 64 << 10;

/// How far reading is.
pub(super) struct FileReading {
    core: StreamCore,
    /// Where the next chunk is; none: where the descriptor is.
    offset: Cell<Option<u64>>,
    /// How many bytes are wanted still; none: all.
    left: Cell<Option<u64>>,
    wanted: Cell<bool>,
    under_way: Cell<bool>,
}

impl FileReading {
    /// Reading from an offset, so many bytes; negative numbers and none are no limits.
    pub(super) fn new(offset: Option<i64>, len: Option<i64>) -> Self {
        let natural = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        Self {
            core: StreamCore::default(),
            offset: Cell::new(natural(offset)),
            left: Cell::new(natural(len)),
            wanted: Cell::new(false),
            under_way: Cell::new(false),
        }
    }

    /// The part all streams have.
    pub(super) fn core(&self) -> &StreamCore {
        &self.core
    }

    /// Begins or goes on: 0, or why not.
    pub(super) fn start(&self, scope: &mut Scope<'_, '_>, fd: i32) -> i32 {
        if fd < 0 {
            return UV_EOF;
        }
        self.wanted.set(true);
        if self.under_way.replace(true) {
            return 0;
        }
        let env = scope.env();
        let number = self.core.number();
        if let Some(object) = self.core.object(scope) {
            env.natives().keep(scope, object);
        }
        env.event_loop().begin_request();
        // To those who follow async operations each chunk is a request of its own.
        let followed = async_wrap::is_followed(scope).then(|| {
            let resource = scope.object();
            AsyncInfo::new(scope, resource, "FSREQCALLBACK")
        });
        env.event_loop().complete_work(move |scope| {
            scope.env().event_loop().end_request();
            read_chunk(scope, number);
            if let Some(info) = followed {
                info.destroy(scope);
            }
        });
        0
    }

    /// Reads no further chunk.
    pub(super) fn stop(&self) {
        self.wanted.set(false);
    }

    /// The handle is closed: who reads gets the end.
    pub(super) fn end(&self, scope: &mut Scope<'_, '_>) {
        if self.wanted.replace(false) {
            self.core.emit_read(scope, StreamRead::Failed(UV_EOF));
        }
    }

    /// Reads the next chunk of the descriptor.
    fn next(&self, scope: &Scope<'_, '_>, fd: i32) -> StreamRead {
        let env = scope.env();
        let task = env.task();
        let len = self
            .left
            .get()
            .and_then(|left| usize::try_from(left).ok())
            .map_or(CHUNK, |left| left.min(CHUNK));
        let mut chunk = vec![0; len];
        let fd = Fd::new(fd);
        let outcome = match self.offset.get() {
            _ if len == 0 => Ok(0),
            Some(at) => blocking(&env, async || {
                syscall::pread(task, fd, &mut chunk, at).await
            }),
            None => blocking(&env, async || syscall::read(task, fd, &mut chunk).await),
        };
        match outcome {
            Ok(0) => StreamRead::Failed(UV_EOF),
            Ok(count) => {
                chunk.truncate(count);
                let read = count as u64;
                self.offset
                    .set(self.offset.get().map(|at| at.saturating_add(read)));
                self.left
                    .set(self.left.get().map(|left| left.saturating_sub(read)));
                StreamRead::Bytes(chunk)
            }
            Err(error) => StreamRead::Failed(-error.errno().raw()),
        }
    }
}

/// Reads a chunk for the handle of this number, tells its listeners, and goes on while they want more.
fn read_chunk(scope: &mut Scope<'_, '_>, number: i32) {
    let env = scope.env();
    let Some(object) = env.natives().object(scope, number) else {
        return;
    };
    env.natives().release(scope, object);
    let Some(native) = native_ref(scope, object) else {
        return;
    };
    let Some(handle) = native
        .into_any()
        .downcast::<super::file_handle::FileHandle>()
        .ok()
    else {
        return;
    };
    let reading = handle.reading();
    reading.under_way.set(false);
    let fd = handle.descriptor();
    if !reading.wanted.get() || fd < 0 {
        return;
    }
    let read = reading.next(scope, fd);
    let is_end = matches!(read, StreamRead::Failed(_));
    if is_end {
        reading.wanted.set(false);
    }
    reading.core.emit_read(scope, read);
    if reading.wanted.get() {
        reading.start(scope, handle.descriptor());
    }
}
