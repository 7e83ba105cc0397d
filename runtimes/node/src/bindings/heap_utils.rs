//! `internalBinding('heap_utils')`: heap snapshots, as a file or as a stream. Node: `src/heap_utils.cc`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use cenote_base::abi::fs::{Mode, OpenFlags};
use cenote_kernel::syscall::{self, At};

use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo};
use crate::event_loop::{CallContext, make_callback};
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Scope, ScopeExt, Value, attach,
    illegal_constructor, new_array_buffer,
};

pub(super) const BINDING: Binding = Binding::new("heap_utils")
    .partial(
        "triggerHeapSnapshot",
        trigger_heap_snapshot,
        "always without V8's internals and without numbers",
    )
    .partial(
        "createHeapSnapshotStream",
        create_heap_snapshot_stream,
        "always without V8's internals and without numbers",
    );

pub(super) static HEAP_SNAPSHOT_STREAM: Class = Class::new("HeapSnapshotStream", new_stream)
    .extends(&ASYNC_WRAP)
    .method("readStart", read_start)
    .method("readStop", read_stop);

/// `triggerHeapSnapshot(filename | undefined, options)`: writes a file; its name.
fn trigger_heap_snapshot<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let path = if args.is_undefined(0) {
        default_name(scope).into_bytes()
    } else {
        args.path(scope, 0)?
    };
    super::permission::check(scope, super::permission::Permission::FileSystemWrite, &path)?;
    let env = scope.env();
    let task = std::sync::Arc::clone(env.task());
    let flags =
        OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC | OpenFlags::O_CLOEXEC;
    let fd = crate::blocking::blocking(&env, async || {
        syscall::openat(
            &task,
            At::Cwd,
            &path,
            flags,
            Mode::from_bits_truncate(0o644),
        )
        .await
    })
    .map_err(|error| Failure::from(error).with_syscall("open").with_path(&path))?;
    scope.take_heap_snapshot(|chunk| {
        crate::program::write_all(&task, fd, chunk);
        !task.must_end()
    });
    syscall::close(&task, fd)?;
    Ok(scope.utf8(&path).into())
}

/// `Heap.20261121.170000.3.0.001.heapsnapshot`, in the folder for diagnostics.
fn default_name(scope: &Scope<'_, '_>) -> String {
    /// Makes names of one process differ.
    #[derive(Default)]
    struct Count(std::cell::Cell<u32>);
    let env = scope.env();
    let count = env.state::<Count>();
    count.0.set(count.0.get() + 1);
    let seconds = env.clock().realtime().sec;
    let folder = env.command_line().text("--diagnostic-dir");
    let name = format!(
        "Heap.{seconds}.{}.0.{:03}.heapsnapshot",
        env.pids().0,
        count.0.get()
    );
    if folder.is_empty() {
        name
    } else {
        format!("{folder}/{name}")
    }
}

/// A snapshot to be read in portions.
struct Stream {
    info: AsyncInfo,
    chunks: RefCell<VecDeque<Vec<u8>>>,
    is_reading: std::cell::Cell<bool>,
}

impl Native for Stream {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

/// Most bytes of a snapshot that is kept in memory.
const LIMIT: usize = 512 << 20;

fn new_stream<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    illegal_constructor(scope, args)
}

fn create_heap_snapshot_stream<'s>(
    scope: &mut Scope<'s, '_>,
    _args: &Args<'s>,
) -> BindingResult<'s> {
    let chunks = take_snapshot(scope);
    Ok(stream_of(scope, chunks)?.into())
}

/// A snapshot of this isolate's heap, in pieces.
pub(crate) fn take_snapshot(scope: &mut Scope<'_, '_>) -> VecDeque<Vec<u8>> {
    let mut chunks = VecDeque::new();
    let mut size = 0;
    scope.take_heap_snapshot(|chunk| {
        size += chunk.len();
        chunks.push_back(chunk.to_vec());
        size <= LIMIT
    });
    chunks
}

/// The object JavaScript reads a snapshot from.
pub(crate) fn stream_of<'s>(
    scope: &mut Scope<'s, '_>,
    chunks: VecDeque<Vec<u8>>,
) -> Result<v8::Local<'s, v8::Object>, Failure> {
    let object = crate::glue::bare_instance(scope, &HEAP_SNAPSHOT_STREAM)?;
    let info = AsyncInfo::new(scope, object, "HEAPSNAPSHOT");
    let stream = Rc::new(Stream {
        info,
        chunks: RefCell::new(chunks),
        is_reading: std::cell::Cell::new(false),
    });
    attach(scope, object, stream);
    Ok(object)
}

/// `readStart()`: gives what there is, until it is told to stop.
fn read_start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let stream = args.native::<Stream>(scope)?;
    if stream.is_reading.replace(true) {
        return Ok(0.into());
    }
    let object = v8::Global::new(scope, args.this());
    // In the loop's next turn, as all reading.
    scope.env().event_loop().complete(move |scope| {
        let object = v8::Local::new(scope, &object);
        while stream.is_reading.get() && scope.env().can_call_into_js() {
            let chunk = stream.chunks.borrow_mut().pop_front();
            let is_end = chunk.is_none();
            if give(scope, object, &stream, chunk).is_err() || is_end {
                stream.is_reading.set(false);
            }
        }
    });
    Ok(0.into())
}

fn read_stop<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<Stream>(scope)?.is_reading.set(false);
    Ok(0.into())
}

/// Calls `onread` with bytes, or with the end.
fn give<'s>(
    scope: &mut Scope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    stream: &Stream,
    chunk: Option<Vec<u8>>,
) -> Result<(), Failure> {
    const READ_BYTES_OR_ERROR: usize = 0;
    const ARRAY_BUFFER_OFFSET: usize = 1;
    const UV_EOF: f64 = -4095.0;
    let state = scope.env().field(scope, "stream_wrap", "streamBaseState")?;
    let value: Value<'s> = match chunk {
        Some(chunk) => {
            state.set(
                READ_BYTES_OR_ERROR,
                f64::from(u32::try_from(chunk.len()).unwrap_or(0)),
            );
            new_array_buffer(scope, chunk).into()
        }
        None => {
            state.set(READ_BYTES_OR_ERROR, UV_EOF);
            scope.undefined()
        }
    };
    state.set(ARRAY_BUFFER_OFFSET, 0.0);
    make_callback(
        scope,
        object,
        "onread",
        &[value],
        &CallContext::of(&stream.info),
    );
    Ok(())
}
