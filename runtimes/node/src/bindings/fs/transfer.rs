//! Reading and writing. A synchronous call blocks this thread; others that cannot go on wait in the event loop.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{Mode, OpenFlags};
use cenote_abi::poll::PollEvents;
use cenote_base::{Fd, SysError, SysResult, wait::block_on};
use cenote_kernel::syscall::{self, At};
use cenote_vfs::OpenFile;

use crate::blocking::blocking;
use crate::event_loop::{FileReady, WatchId};
use crate::glue::{
    Args, BindingResult, Failure, Scope, ScopeExt, Value, js_string_bytes, with_bytes,
    with_bytes_mut,
};

use super::request::{Answer, Asker, report_in_context};

/// A descriptor argument. Node's JavaScript has checked that it is an integer.
pub(super) fn descriptor<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    index: usize,
) -> Result<Fd, Failure> {
    crate::glue::integer_within(scope, args.get(index), "fd", 0..=i32::MAX).map(Fd::new)
}

/// Bytes that a call reads into or writes from, kept alive meanwhile.
struct Span {
    view: v8::Global<v8::Value>,
    offset: usize,
    length: usize,
}

impl Span {
    fn of<'s>(scope: &Scope<'s, '_>, view: Value<'s>, offset: usize, length: usize) -> Self {
        Self {
            view: v8::Global::new(scope, view),
            offset,
            length,
        }
    }

    fn lend_mut<R>(
        &self,
        scope: &Scope<'_, '_>,
        use_bytes: impl FnOnce(&mut [u8]) -> R,
    ) -> Option<R> {
        let view = v8::Local::new(scope, &self.view);
        let end = self.offset.checked_add(self.length)?;
        with_bytes_mut(view, |bytes| bytes.get_mut(self.offset..end).map(use_bytes))?
    }

    fn lend<R>(&self, scope: &Scope<'_, '_>, use_bytes: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let view = v8::Local::new(scope, &self.view);
        let end = self.offset.checked_add(self.length)?;
        with_bytes(view, |bytes| bytes.get(self.offset..end).map(use_bytes))?
    }
}

/// What is to be transferred.
enum Transfer {
    Read(Vec<Span>),
    Write(Vec<Span>),
    WriteBytes(Vec<u8>),
}

impl Transfer {
    fn name(&self) -> &'static str {
        match self {
            Self::Read(_) => "read",
            Self::Write(_) | Self::WriteBytes(_) => "write",
        }
    }

    fn wanted(&self) -> PollEvents {
        match self {
            Self::Read(_) => PollEvents::READABLE,
            Self::Write(_) | Self::WriteBytes(_) => PollEvents::WRITABLE,
        }
    }

    /// Does it, with `step` for one buffer at a position; stops at the first short count.
    fn run(
        &self,
        scope: &Scope<'_, '_>,
        position: Option<u64>,
        mut step: impl FnMut(Piece<'_>, Option<u64>) -> SysResult<usize>,
    ) -> Result<usize, Failure> {
        let gone = || Failure::range_error("ERR_OUT_OF_RANGE", "the buffer is shorter than it was");
        let mut done = 0_usize;
        let mut each = |length: usize, outcome: SysResult<usize>| match outcome {
            Ok(count) => {
                done += count;
                Ok(count == length)
            }
            Err(_) if done > 0 => Ok(false),
            Err(error) => Err(Failure::from(error)),
        };
        let mut at = position;
        let mut advance = |length: usize| {
            let now = at;
            at = at.map(|at| at.saturating_add(length as u64));
            now
        };
        match self {
            Self::Read(spans) => {
                for span in spans {
                    let at = advance(span.length);
                    let outcome = span
                        .lend_mut(scope, |bytes| step(Piece::Read(bytes), at))
                        .ok_or_else(gone)?;
                    if !each(span.length, outcome)? {
                        break;
                    }
                }
            }
            Self::Write(spans) => {
                for span in spans {
                    let at = advance(span.length);
                    let outcome = span
                        .lend(scope, |bytes| step(Piece::Write(bytes), at))
                        .ok_or_else(gone)?;
                    if !each(span.length, outcome)? {
                        break;
                    }
                }
            }
            Self::WriteBytes(bytes) => {
                let outcome = step(Piece::Write(bytes), advance(bytes.len()));
                each(bytes.len(), outcome)?;
            }
        }
        Ok(done)
    }
}

/// One buffer of a transfer.
enum Piece<'a> {
    Read(&'a mut [u8]),
    Write(&'a [u8]),
}

/// A position argument: −1, `null` and `undefined` mean the file's own.
fn position(args: &Args<'_>, index: usize) -> Option<u64> {
    args.i64(index)
        .ok()
        .and_then(|position| u64::try_from(position).ok())
}

fn transfer<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    request: usize,
    transfer: Transfer,
    position: Option<u64>,
) -> BindingResult<'s> {
    let fd = descriptor(scope, args, 0)?;
    let (asker, returned) = Asker::of(scope, args.get(request))?;
    if asker.is_caller() {
        let env = scope.env();
        let task = env.task();
        let outcome = transfer.run(scope, position, |piece, at| match (piece, at) {
            (Piece::Read(bytes), None) => {
                blocking(&env, async || syscall::read(task, fd, &mut *bytes).await)
            }
            (Piece::Read(bytes), Some(at)) => blocking(&env, async || {
                syscall::pread(task, fd, &mut *bytes, at).await
            }),
            (Piece::Write(bytes), None) => {
                blocking(&env, async || syscall::write(task, fd, bytes).await)
            }
            (Piece::Write(bytes), Some(at)) => {
                blocking(&env, async || syscall::pwrite(task, fd, bytes, at).await)
            }
        });
        return match outcome.map_err(|failure| failure.with_syscall(transfer.name())) {
            #[expect(clippy::cast_precision_loss, reason = "a count fits a double")]
            Ok(count) => Ok((count as f64).into()),
            // `fs.writeSync` wants its error in an object.
            Err(failure) => report_in_context(scope, args.get(request + 1), failure),
        };
    }
    match scope.env().task().files().get(fd) {
        Ok(file) => attempt(
            scope,
            Waiting {
                file,
                transfer,
                position,
                asker,
            },
        ),
        Err(error) => {
            let failure = Failure::from(error).with_syscall(transfer.name());
            asker.answer_later(scope, Err(failure));
        }
    }
    Ok(returned)
}

/// A transfer on its way.
struct Waiting {
    file: Arc<OpenFile>,
    transfer: Transfer,
    position: Option<u64>,
    asker: Asker,
}

fn run_once(scope: &Scope<'_, '_>, waiting: &Waiting) -> Result<usize, Failure> {
    let file = &waiting.file;
    waiting
        .transfer
        .run(scope, waiting.position, |piece, at| match (piece, at) {
            (Piece::Read(bytes), None) => file.read(bytes),
            (Piece::Read(bytes), Some(at)) => file.pread(bytes, at),
            (Piece::Write(bytes), None) => file.write(bytes),
            (Piece::Write(bytes), Some(at)) => file.pwrite(bytes, at),
        })
}

fn would_wait(outcome: &Result<usize, Failure>) -> bool {
    matches!(outcome, Err(Failure::System { errno, .. }) if *errno == Errno::EAGAIN.raw())
}

/// Does it now if that is possible, otherwise when the file is ready.
fn attempt(scope: &mut Scope<'_, '_>, waiting: Waiting) {
    let outcome = run_once(scope, &waiting);
    if !would_wait(&outcome) || waiting.file.is_nonblocking() {
        let outcome = outcome.map_err(|failure| failure.with_syscall(waiting.transfer.name()));
        #[expect(clippy::cast_precision_loss, reason = "a count fits a double")]
        waiting
            .asker
            .answer_later(scope, outcome.map(|count| Answer::Number(count as f64)));
        return;
    }
    let env = scope.env();
    let ready = FileReady {
        file: Arc::clone(&waiting.file),
        wanted: waiting.transfer.wanted(),
    };
    env.event_loop().begin_request();
    let waiting = RefCell::new(Some(waiting));
    let id: Rc<RefCell<Option<WatchId>>> = Rc::default();
    let own = Rc::clone(&id);
    let watch = env.event_loop().io().watch(Rc::new(ready), move |scope| {
        let Some(taken) = waiting.borrow_mut().take() else {
            return;
        };
        let outcome = run_once(scope, &taken);
        if would_wait(&outcome) {
            *waiting.borrow_mut() = Some(taken);
            return;
        }
        let env = scope.env();
        if let Some(id) = own.borrow_mut().take() {
            env.event_loop().io().unwatch(id);
        }
        env.event_loop().end_request();
        let outcome = outcome.map_err(|failure| failure.with_syscall(taken.transfer.name()));
        #[expect(clippy::cast_precision_loss, reason = "a count fits a double")]
        taken
            .asker
            .answer_now(scope, outcome.map(|count| Answer::Number(count as f64)));
    });
    *id.borrow_mut() = Some(watch);
}

/// Opens a fifo without blocking the loop: on a thread of its own, which waits for the peer.
pub(super) fn open_later(
    scope: &Scope<'_, '_>,
    asker: Asker,
    path: Vec<u8>,
    flags: OpenFlags,
    mode: Mode,
    answer_of: fn(i32) -> Answer,
) {
    let env = scope.env();
    env.event_loop().begin_request();
    let remote = env.event_loop().io().remote();
    let task = Arc::clone(env.task());
    // What the answer needs stays on this thread, under a number.
    let waiting = env.state::<Opening>();
    let number = waiting.add(asker, path.clone());
    let spawned = std::thread::Builder::new()
        .name("cenote-open".into())
        .spawn(move || {
            let outcome: SysResult<Fd> =
                block_on(syscall::openat(&task, At::Cwd, &path, flags, mode));
            remote.send(move |scope| finish_open(scope, number, outcome, answer_of));
        });
    if let Err(error) = spawned {
        tracing::warn!(target: "cenote::node", %error, "no thread to open a fifo with");
        finish_open_later(scope, number, Errno::EAGAIN.into(), answer_of);
    }
}

/// Fifos being opened.
#[derive(Default)]
struct Opening {
    waiting: RefCell<std::collections::HashMap<u64, (Asker, Vec<u8>)>>,
    next: std::cell::Cell<u64>,
}

impl Opening {
    fn add(&self, asker: Asker, path: Vec<u8>) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        self.waiting.borrow_mut().insert(number, (asker, path));
        number
    }
}

fn finish_open_later(
    scope: &Scope<'_, '_>,
    number: u64,
    error: SysError,
    answer_of: fn(i32) -> Answer,
) {
    scope
        .env()
        .event_loop()
        .complete(move |scope| finish_open(scope, number, Err(error), answer_of));
}

fn finish_open(
    scope: &mut Scope<'_, '_>,
    number: u64,
    outcome: SysResult<Fd>,
    answer_of: fn(i32) -> Answer,
) {
    let env = scope.env();
    env.event_loop().end_request();
    let taken = env.state::<Opening>().waiting.borrow_mut().remove(&number);
    let Some((asker, path)) = taken else { return };
    let outcome = outcome
        .map(|fd| answer_of(fd.raw()))
        .map_err(|error| Failure::from(error).with_syscall("open").with_path(&path));
    asker.answer_now(scope, outcome);
}

/// Offset and length of a part of a view, checked against it.
fn part<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Span, Failure> {
    let view = args.get(1);
    let size = with_bytes(view, <[u8]>::len).ok_or_else(|| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "The \"buffer\" argument must be a view of bytes",
        )
    })?;
    let offset = if args.get(2).is_null_or_undefined() {
        0
    } else {
        args.usize(2)?
    };
    let rest = size.checked_sub(offset);
    let length = if args.get(3).is_null_or_undefined() {
        rest.unwrap_or(0)
    } else {
        args.usize(3)?
    };
    match rest {
        Some(rest) if length <= rest => Ok(Span::of(scope, view, offset, length)),
        _ => Err(Failure::range_error(
            "ERR_OUT_OF_RANGE",
            "The value of \"length\" is out of range",
        )),
    }
}

fn spans<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Vec<Span>, Failure> {
    let views = args.array(1)?;
    (0..views.length())
        .map(|index| {
            let view = views.get_index(scope, index).ok_or(Failure::Pending)?;
            let length = with_bytes(view, <[u8]>::len).ok_or_else(|| {
                Failure::type_error(
                    "ERR_INVALID_ARG_TYPE",
                    "The \"buffers\" argument must be an array of views of bytes",
                )
            })?;
            Ok(Span::of(scope, view, 0, length))
        })
        .collect()
}

pub(super) fn read<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let span = part(scope, args)?;
    transfer(
        scope,
        args,
        5,
        Transfer::Read(vec![span]),
        position(args, 4),
    )
}

pub(super) fn read_buffers<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let spans = spans(scope, args)?;
    transfer(scope, args, 3, Transfer::Read(spans), position(args, 2))
}

pub(super) fn write_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let span = part(scope, args)?;
    transfer(
        scope,
        args,
        5,
        Transfer::Write(vec![span]),
        position(args, 4),
    )
}

pub(super) fn write_buffers<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let spans = spans(scope, args)?;
    transfer(scope, args, 3, Transfer::Write(spans), position(args, 2))
}

/// The bytes of a string in an encoding, by `Buffer.from` for all but UTF-8.
pub(crate) fn encode<'s>(
    scope: &mut Scope<'s, '_>,
    string: v8::Local<'s, v8::String>,
    encoding: Value<'s>,
) -> Result<Vec<u8>, Failure> {
    let name = if encoding.is_string() {
        encoding.to_rust_string_lossy(scope).to_ascii_lowercase()
    } else {
        String::new()
    };
    match name.as_str() {
        "" | "utf8" | "utf-8" => Ok(js_string_bytes(scope, string)),
        _ => {
            let global = scope.get_current_context().global(scope);
            let buffer = scope.get_property(global, "Buffer")?;
            let buffer = v8::Local::<v8::Object>::try_from(buffer).map_err(|_| Failure::Pending)?;
            let from = scope.get_property(buffer, "from")?;
            let from = v8::Local::<v8::Function>::try_from(from).map_err(|_| Failure::Pending)?;
            let bytes = scope.call(from, buffer.into(), &[string.into(), encoding])?;
            crate::glue::copy_bytes(bytes).ok_or(Failure::Pending)
        }
    }
}

/// `writeString(fd, string, position, encoding, req, ctx)`.
pub(super) fn write_string<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let string = args.string(1)?;
    let bytes = encode(scope, string, args.get(3))?;
    transfer(
        scope,
        args,
        4,
        Transfer::WriteBytes(bytes),
        position(args, 2),
    )
}
