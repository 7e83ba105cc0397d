//! `internalBinding('blob')`: bytes that cannot change, in memory or in files, and readers of them. Node: `src/node_blob.cc`,
//! `src/dataqueue/queue.cc`.
//!
//! A blob is a list of [`Part`]s that blobs, their slices, and copies in other threads share. A file that changed after the blob was
//! made cannot be read any more.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use cenote_base::Fd;
use cenote_base::abi::Errno;
use cenote_base::abi::fs::{FileType, Mode, OpenFlags, Stat};
use cenote_kernel::syscall;

use super::messaging::transfer::{CLONEABLE, TransferData, target_unavailable};
use crate::blocking::blocking;
use crate::environment::Environment;
use crate::event_loop::{CallContext, make_callback_in};
use crate::glue::{
    Args, Binding, BindingResult, Charge, Class, Failure, Native, Object, Return, Scope, ScopeExt,
    Value, allocate_array_buffer, attach, copy_bytes, native_of, new_array_buffer, new_instance,
    with_bytes, with_bytes_mut,
};

pub(super) const BINDING: Binding = Binding::new("blob")
    .function("createBlob", create_blob)
    .function("concat", concat)
    .function("storeDataObject", store_data_object)
    .function("getDataObject", get_data_object)
    .function("revokeObjectURL", revoke_object_url)
    .function("createBlobFromFilePath", create_blob_from_file_path);

pub(super) static BLOB: Class = Class::new("Blob", new_handle)
    .method("getReader", get_reader)
    .method("slice", slice);

pub(super) static READER: Class = Class::new("BlobReader", new_reader)
    .method("pull", pull)
    .method("setWakeup", set_wakeup);

/// How much of a file is read at once.
const CHUNK: usize = 64 << 10;

/// What `pull` tells: the end, bytes, or an error (negative).
const END: i32 = 0;
const CONTINUE: i32 = 1;

/// Bytes in memory, counted in the process's quota.
struct Memory {
    bytes: Vec<u8>,
    _charge: Charge,
}

/// A file as it was when the blob was made.
struct FileIdentity {
    path: Vec<u8>,
    stat: Stat,
}

#[derive(Clone)]
enum Source {
    Memory(Arc<Memory>),
    File(Arc<FileIdentity>),
}

/// A range of a source.
#[derive(Clone)]
struct Part {
    source: Source,
    start: usize,
    end: usize,
}

/// The content of a blob.
type Parts = Arc<Vec<Part>>;

/// The Rust side of a blob's handle.
struct Blob {
    parts: Parts,
}

impl Native for Blob {
    fn transfer_mode(&self) -> u32 {
        CLONEABLE
    }

    fn clone_data(&self, _: &mut Scope<'_, '_>) -> Option<Box<dyn TransferData>> {
        Some(Box::new(BlobData(Arc::clone(&self.parts))))
    }
}

struct BlobData(Parts);

impl TransferData for BlobData {
    fn into_object<'s>(self: Box<Self>, scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure> {
        if scope.get_current_context() != scope.env().context(scope) {
            return Err(target_unavailable());
        }
        new_blob(scope, self.0)
    }
}

/// The Rust side of a reader.
struct Reader {
    parts: Parts,
    index: Cell<usize>,
    /// How much of the current part was read.
    offset: Cell<usize>,
}

impl Native for Reader {}

fn new_handle<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(Return::Undefined)
}

fn new_reader<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(Return::Undefined)
}

fn new_blob<'s>(scope: &mut Scope<'s, '_>, parts: Parts) -> Result<Object<'s>, Failure> {
    let object = new_instance(scope, &BLOB, &[])?;
    attach(scope, object, Rc::new(Blob { parts }));
    Ok(object)
}

/// `createBlob(sources, length)`: of bytes (copied) and other blobs.
fn create_blob<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let sources = args.array(0)?;
    let mut parts = Vec::new();
    for index in 0..sources.length() {
        let source = sources.get_index(scope, index).ok_or(Failure::Pending)?;
        let blob = Object::try_from(source)
            .ok()
            .and_then(|object| native_of::<Blob>(scope, object));
        if let Some(blob) = blob {
            parts.extend(blob.parts.iter().cloned());
            continue;
        }
        let len = with_bytes(source, <[u8]>::len).ok_or_else(|| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "a source must be bytes or a blob")
        })?;
        let charge = Charge::new(scope, len)?;
        let bytes = copy_bytes(source).unwrap_or_default();
        let end = bytes.len();
        if end == 0 {
            continue;
        }
        let memory = Memory {
            bytes,
            _charge: charge,
        };
        parts.push(Part {
            source: Source::Memory(Arc::new(memory)),
            start: 0,
            end,
        });
    }
    Ok(new_blob(scope, Arc::new(parts))?.into())
}

/// `handle.slice(start, end)`.
fn slice<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let blob = args.native::<Blob>(scope)?;
    let (start, end) = (args.usize(0)?, args.usize(1)?);
    let mut parts = Vec::new();
    let mut position = 0_usize;
    for part in blob.parts.iter() {
        let len = part.end - part.start;
        let from = start.saturating_sub(position).min(len);
        let to = end.saturating_sub(position).min(len);
        if from < to {
            parts.push(Part {
                source: part.source.clone(),
                start: part.start + from,
                end: part.start + to,
            });
        }
        position = position.saturating_add(len);
    }
    Ok(new_blob(scope, Arc::new(parts))?.into())
}

fn get_reader<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let blob = args.native::<Blob>(scope)?;
    let object = new_instance(scope, &READER, &[])?;
    let reader = Reader {
        parts: Arc::clone(&blob.parts),
        index: Cell::new(0),
        offset: Cell::new(0),
    };
    attach(scope, object, Rc::new(reader));
    Ok(object.into())
}

/// `reader.setWakeup(callback)`: bytes never have to be waited for here, so it is never called.
fn set_wakeup<'s>(_: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(Return::Undefined)
}

impl Reader {
    /// The next bytes; `None` at the end.
    fn next(&self, scope: &Scope<'_, '_>) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let Some(part) = self.parts.get(self.index.get()) else {
                return Ok(None);
            };
            let start = part.start.saturating_add(self.offset.get());
            let bytes = match &part.source {
                Source::Memory(memory) => memory
                    .bytes
                    .get(start..part.end)
                    .unwrap_or_default()
                    .to_vec(),
                Source::File(file) => {
                    let end = part.end.min(start.saturating_add(CHUNK));
                    file.read(&scope.env(), start, end)?
                }
            };
            self.offset.set(self.offset.get() + bytes.len());
            let is_done = part.start.saturating_add(self.offset.get()) >= part.end;
            if is_done || bytes.is_empty() {
                self.index.set(self.index.get() + 1);
                self.offset.set(0);
            }
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }

    fn is_in_file(&self) -> bool {
        self.parts
            .get(self.index.get())
            .is_some_and(|part| matches!(part.source, Source::File(_)))
    }
}

/// Tells the callback of a `pull`.
fn tell<'s>(
    scope: &mut Scope<'s, '_>,
    object: Object<'s>,
    reader: &Reader,
    callback: v8::Local<'s, v8::Function>,
) -> i32 {
    let (status, bytes) = match reader.next(scope) {
        Ok(Some(bytes)) => (CONTINUE, Some(bytes)),
        Ok(None) => (END, None),
        Err(Failure::System { errno, .. }) => (-errno, None),
        Err(_) => (-Errno::EINVAL.raw(), None),
    };
    let buffer: Value<'s> = match bytes {
        Some(bytes) => new_array_buffer(scope, bytes).into(),
        None => scope.undefined(),
    };
    let args = [v8::Integer::new(scope, status).into(), buffer];
    make_callback_in(scope, object, callback, &args, &CallContext::ROOT);
    status
}

/// `reader.pull(callback)`: `callback(status, bytes)`, at once for what is in memory, in the loop's next turn for files.
fn pull<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    /// Node's `STATUS_WAIT`.
    const WAIT: i32 = 3;
    let reader = args.native::<Reader>(scope)?;
    let callback = args.function(0)?;
    if !reader.is_in_file() {
        return Ok(tell(scope, args.this(), &reader, callback).into());
    }
    let env = scope.env();
    env.event_loop().begin_request();
    let object = v8::Global::new(scope, args.this());
    let callback = v8::Global::new(scope, callback);
    env.event_loop().complete(move |scope| {
        let object = v8::Local::new(scope, &object);
        let callback = v8::Local::new(scope, &callback);
        scope.env().event_loop().end_request();
        tell(scope, object, &reader, callback);
    });
    Ok(WAIT.into())
}

impl FileIdentity {
    /// Opens the file, if it is still what it was.
    fn open(&self, env: &Environment) -> Result<Fd, Failure> {
        let fd = open(env, &self.path)?;
        let stat = syscall::fstat(env.task(), fd)?;
        let is_same = stat.size == self.stat.size
            && stat.mtime == self.stat.mtime
            && stat.ino == self.stat.ino;
        if is_same {
            return Ok(fd);
        }
        syscall::close(env.task(), fd)?;
        Err(Failure::system(Errno::EINVAL.raw(), "read"))
    }

    fn read(&self, env: &Environment, start: usize, end: usize) -> Result<Vec<u8>, Failure> {
        let task = env.task();
        let fd = self.open(env)?;
        let mut bytes = vec![0; end.saturating_sub(start)];
        let outcome = blocking(env, async || {
            syscall::pread(
                task,
                fd,
                &mut bytes,
                u64::try_from(start).unwrap_or(u64::MAX),
            )
            .await
        });
        syscall::close(task, fd)?;
        bytes.truncate(outcome?);
        Ok(bytes)
    }
}

fn open(env: &Environment, path: &[u8]) -> Result<Fd, Failure> {
    let task = env.task();
    let flags = OpenFlags::O_RDONLY | OpenFlags::O_CLOEXEC;
    Ok(blocking(env, async || {
        syscall::openat(task, syscall::At::Cwd, path, flags, Mode::empty()).await
    })?)
}

/// `createBlobFromFilePath(path)`: `[handle, length]`, or `undefined` when it cannot be read.
fn create_blob_from_file_path<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let path = args.path(scope, 0)?;
    super::permission::check(scope, super::permission::Permission::FileSystemRead, &path)?;
    let env = scope.env();
    let Ok(fd) = open(&env, &path) else {
        return Ok(Return::Undefined);
    };
    let stat = syscall::fstat(env.task(), fd);
    syscall::close(env.task(), fd)?;
    let Ok(stat) = stat else {
        return Ok(Return::Undefined);
    };
    if stat.file_type() != Some(FileType::Regular) {
        return Ok(Return::Undefined);
    }
    let end = usize::try_from(stat.size).unwrap_or(0);
    let file = FileIdentity { path, stat };
    // Also of an empty file: should it grow, reading fails.
    let part = Part {
        source: Source::File(Arc::new(file)),
        start: 0,
        end,
    };
    let blob = new_blob(scope, Arc::new(vec![part]))?;
    #[expect(clippy::cast_precision_loss, reason = "sizes fit a double")]
    let length = scope.number(end as f64);
    Ok(scope.array(&[blob.into(), length]).into())
}

/// `concat(buffers)`: one `ArrayBuffer` of all bytes.
fn concat<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.array(0)?;
    let mut items = Vec::new();
    let mut total = 0_usize;
    for index in 0..list.length() {
        let item = list.get_index(scope, index).ok_or(Failure::Pending)?;
        if let Some(len) = with_bytes(item, <[u8]>::len) {
            total = total.saturating_add(len);
            items.push(item);
        }
    }
    let whole = allocate_array_buffer(scope, total)?;
    let mut position = 0_usize;
    for item in items {
        let bytes = copy_bytes(item).unwrap_or_default();
        let end = position.saturating_add(bytes.len());
        with_bytes_mut(whole.into(), |whole| {
            if let Some(place) = whole.get_mut(position..end) {
                place.copy_from_slice(&bytes);
            }
        });
        position = end;
    }
    Ok(whole.into())
}

/// A blob that has a URL.
struct Stored {
    blob: v8::Global<v8::Object>,
    length: f64,
    kind: String,
}

/// Blobs with URLs, by id.
#[derive(Default)]
struct Urls(RefCell<HashMap<String, Stored>>);

/// `storeDataObject(id, handle, length, type)`.
fn store_data_object<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let id = args.text(scope, 0)?;
    let blob = args.object(1)?;
    let stored = Stored {
        blob: v8::Global::new(scope, blob),
        length: args.f64(2)?,
        kind: args.text(scope, 3)?,
    };
    let old = scope
        .env()
        .state::<Urls>()
        .0
        .borrow_mut()
        .insert(id, stored);
    drop(old);
    Ok(Return::Undefined)
}

/// `getDataObject(id)`: `[handle, length, type]`.
fn get_data_object<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let id = args.text(scope, 0)?;
    let urls = scope.env().state::<Urls>();
    let urls = urls.0.borrow();
    let Some(stored) = urls.get(&id) else {
        return Ok(Return::Undefined);
    };
    let blob = v8::Local::new(scope, &stored.blob);
    let parts = [
        blob.into(),
        scope.number(stored.length),
        scope.text(&stored.kind).into(),
    ];
    Ok(scope.array(&parts).into())
}

/// `revokeObjectURL('blob:nodedata:id')`.
fn revoke_object_url<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let url = args.text(scope, 0)?;
    let parsed = url::Url::parse(&url).ok();
    let id = parsed
        .as_ref()
        .filter(|url| url.scheme() == "blob")
        .and_then(|url| url.path().strip_prefix("nodedata:"));
    if let Some(id) = id {
        let old = scope.env().state::<Urls>().0.borrow_mut().remove(id);
        drop(old);
    }
    Ok(Return::Undefined)
}
