//! The JavaScript objects: [`ZLIB`], [`BROTLI_ENCODER`]… over an [`Engine`]. Node: `CompressionStream`.
//!
//! A write goes through its buffers by pieces of at most [`PIECE`] bytes: on the loop's thread for `writeSync`, on the
//! thread pool for `write`, which reports through the callback given to `init`. The numbers of bytes that are left go to the
//! array given to `init`. While a write is under way the engine is away with it; `close` then waits for its end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::deflate::{Deflate, Mode, Settings};
use super::engine::{CompressionError, Demand, Engine, Outcome, PIECE, Step};
use super::{brotli, zstd};
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo};
use crate::event_loop::{CallContext, make_callback, make_callback_in};
use crate::glue::{
    Args, BindingResult, Class, Failure, Field, Native, NativeCharge, NativeFn, Object, Scope,
    ScopeExt, Value, attach, copy_bytes, native_of, with_bytes, with_bytes_mut,
};
use crate::thread_pool::run_off_thread;

const fn class(name: &'static str, constructor: NativeFn, init: NativeFn) -> Class {
    Class::new(name, constructor)
        .extends(&ASYNC_WRAP)
        .method("write", write)
        .method("writeSync", write_sync)
        .method("close", close)
        .method("init", init)
        .method("params", params)
        .method("reset", reset)
}

pub(super) static ZLIB: Class = class("Zlib", new_stream, init_zlib);
pub(super) static BROTLI_ENCODER: Class = class("BrotliEncoder", new_stream, init_brotli_encoder);
pub(super) static BROTLI_DECODER: Class = class("BrotliDecoder", new_stream, init_brotli_decoder);
pub(super) static ZSTD_COMPRESS: Class = class("ZstdCompress", new_stream, init_zstd_compress);
pub(super) static ZSTD_DECOMPRESS: Class =
    class("ZstdDecompress", new_stream, init_zstd_decompress);

/// What `init` gave to report with.
struct Reporting {
    left: Field,
    callback: v8::Global<v8::Function>,
}

struct Stream {
    info: AsyncInfo,
    mode: Option<Mode>,
    engine: RefCell<Option<Box<dyn Engine>>>,
    reporting: RefCell<Option<Rc<Reporting>>>,
    charge: RefCell<NativeCharge>,
    is_writing: Cell<bool>,
    closes_after_write: Cell<bool>,
    is_closed: Cell<bool>,
    lacks_memory: Cell<bool>,
}

impl Native for Stream {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

impl Stream {
    fn close(&self) {
        if self.is_writing.get() {
            self.closes_after_write.set(true);
            return;
        }
        self.closes_after_write.set(false);
        self.is_closed.set(true);
        let engine = self.engine.borrow_mut().take();
        drop(engine);
        let _freed = self.charge.borrow_mut().set(0);
    }

    fn account(&self, engine: &dyn Engine) -> bool {
        self.charge.borrow_mut().set(engine.memory())
    }

    /// Counts what the engine may need for the rest of a write; whether there is room for it.
    fn makes_room(&self, engine: &dyn Engine, progress: &Progress) -> bool {
        let needed = engine.memory_for(progress.demand(0));
        let has_room = self.charge.borrow_mut().set(needed);
        self.lacks_memory.set(!has_room);
        has_room
    }
}

fn new_stream<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let mode = v8::Local::<v8::Int32>::try_from(args.get(0))
        .ok()
        .and_then(|number| Mode::of(number.value()));
    let info = AsyncInfo::new(scope, this, "ZLIB");
    let charge = NativeCharge::of_isolate(scope);
    attach(
        scope,
        this,
        Rc::new(Stream {
            info,
            mode,
            engine: RefCell::default(),
            reporting: RefCell::default(),
            charge: RefCell::new(charge),
            is_writing: Cell::default(),
            closes_after_write: Cell::default(),
            is_closed: Cell::default(),
            lacks_memory: Cell::default(),
        }),
    );
    Ok(().into())
}

fn wrong_use(message: &str) -> Failure {
    Failure::error("ERR_INTERNAL_ASSERTION", message)
}

// Setting up

/// Takes the array and the callback at `index`.
fn take_reporting<'s>(
    scope: &Scope<'s, '_>,
    stream: &Stream,
    args: &Args<'s>,
    index: usize,
) -> Result<(), Failure> {
    if stream.is_writing.get() {
        return Err(wrong_use("init during a write"));
    }
    let left = v8::Local::<v8::TypedArray>::try_from(args.get(index))
        .ok()
        .filter(|array| array.is_uint32_array() && array.length() >= 2)
        .and_then(Field::of_view)
        .ok_or_else(|| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "writeResult must be a Uint32Array")
        })?;
    let callback = v8::Global::new(scope, args.function(index + 1)?);
    *stream.reporting.borrow_mut() = Some(Rc::new(Reporting { left, callback }));
    Ok(())
}

/// Puts the engine in place, or reports why there is none and throws.
fn install(
    scope: &mut Scope<'_, '_>,
    stream: &Stream,
    this: Object<'_>,
    engine: Result<Box<dyn Engine>, CompressionError>,
    message: Option<&str>,
) -> Result<(), Failure> {
    let engine = engine.and_then(|engine| {
        if stream.account(engine.as_ref()) {
            Ok(engine)
        } else {
            Err(CompressionError::out_of_memory())
        }
    });
    match engine {
        Ok(engine) => {
            *stream.engine.borrow_mut() = Some(engine);
            stream.is_closed.set(false);
            Ok(())
        }
        Err(error) => {
            emit_error_now(scope, stream, this, &error)?;
            let message = message.unwrap_or(&error.message);
            Err(Failure::error("ERR_ZLIB_INITIALIZATION_FAILED", message))
        }
    }
}

fn dictionary_bytes(value: Value<'_>) -> Result<Vec<u8>, Failure> {
    if value.is_undefined() {
        return Ok(Vec::new());
    }
    if !value.is_array_buffer_view() {
        return Err(Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "dictionary must be an ArrayBufferView if provided",
        ));
    }
    Ok(copy_bytes(value).unwrap_or_default())
}

/// The parameters that are set, by number: the array has `u32::MAX` where one is not.
fn parameters(value: Value<'_>) -> Result<Vec<(u32, u32)>, Failure> {
    let array = v8::Local::<v8::Uint32Array>::try_from(value)
        .map_err(|_| Failure::type_error("ERR_INVALID_ARG_TYPE", "params must be a Uint32Array"))?;
    let bytes = copy_bytes(array.into()).unwrap_or_default();
    let (values, _) = bytes.as_chunks::<4>();
    Ok((0_u32..)
        .zip(values.iter().map(|bytes| u32::from_ne_bytes(*bytes)))
        .filter(|(_, value)| *value != u32::MAX)
        .collect())
}

fn init_zlib<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let stream = args.native::<Stream>(scope)?;
    let mode = stream.mode.ok_or_else(|| wrong_use("Bad argument"))?;
    let settings = Settings {
        window_bits: args.i32(scope, 0)?,
        level: args.i32(scope, 1)?,
        mem_level: args.i32(scope, 2)?,
        strategy: args.i32(scope, 3)?,
        dictionary: if args.get(6).is_array_buffer_view() {
            copy_bytes(args.get(6)).unwrap_or_default()
        } else {
            Vec::new()
        },
        rejects_garbage: args.get(7).is_true(),
    };
    take_reporting(scope, &stream, args, 4)?;
    if !settings.are_valid(mode) {
        return Err(wrong_use("invalid zlib parameters"));
    }
    let engine = Box::new(Deflate::new(mode, settings));
    install(scope, &stream, args.this(), Ok(engine), None)?;
    Ok(().into())
}

fn init_brotli_encoder<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    init_brotli(scope, args, |parameters, dictionary| {
        Ok(Box::new(brotli::Encoder::new(parameters, dictionary)?))
    })
}

fn init_brotli_decoder<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    init_brotli(scope, args, |parameters, dictionary| {
        Ok(Box::new(brotli::Decoder::new(parameters, dictionary)?))
    })
}

type NewBrotli = fn(Vec<(u32, u32)>, Vec<u8>) -> Result<Box<dyn Engine>, CompressionError>;

fn init_brotli<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    new: NewBrotli,
) -> BindingResult<'s> {
    let stream = args.native::<Stream>(scope)?;
    take_reporting(scope, &stream, args, 1)?;
    let engine = new(parameters(args.get(0))?, dictionary_bytes(args.get(3))?);
    let message = Some("Initialization failed");
    install(scope, &stream, args.this(), engine, message)?;
    Ok(().into())
}

fn pledged_size(value: Value<'_>) -> Result<Option<u64>, Failure> {
    const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
    if value.is_undefined() {
        return Ok(None);
    }
    let number = v8::Local::<v8::Number>::try_from(value)
        .map_err(|_| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "pledgedSrcSize must be a number")
        })?
        .value();
    if number.fract() != 0.0 || number.is_nan() || number.abs() > MAX_SAFE_INTEGER {
        let message = "pledgedSrcSize must be a safe integer";
        return Err(Failure::range_error("ERR_OUT_OF_RANGE", message));
    }
    if number < 0.0 {
        let message = "pledgedSrcSize must be non-negative";
        return Err(Failure::range_error("ERR_OUT_OF_RANGE", message));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a safe integer that is not negative"
    )]
    Ok(Some(number as u64))
}

fn init_zstd_compress<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let stream = args.native::<Stream>(scope)?;
    take_reporting(scope, &stream, args, 2)?;
    let pledged = pledged_size(args.get(1))?;
    let dictionary = dictionary_bytes(args.get(4))?;
    let engine = zstd::Compressor::new(&parameters(args.get(0))?, pledged, &dictionary)
        .map(|engine| Box::new(engine) as Box<dyn Engine>);
    install(scope, &stream, args.this(), engine, None)?;
    Ok(().into())
}

fn init_zstd_decompress<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let stream = args.native::<Stream>(scope)?;
    take_reporting(scope, &stream, args, 2)?;
    pledged_size(args.get(1))?;
    let dictionary = dictionary_bytes(args.get(4))?;
    let engine = zstd::Decompressor::new(&parameters(args.get(0))?, &dictionary)
        .map(|engine| Box::new(engine) as Box<dyn Engine>);
    install(scope, &stream, args.this(), engine, None)?;
    Ok(().into())
}

// Writing

/// A write under way: where it is in its buffers.
#[derive(Clone, Copy)]
struct Progress {
    flush: u32,
    input_at: usize,
    input_left: usize,
    output_at: usize,
    output_left: usize,
}

impl Progress {
    fn demand(&self, piece: usize) -> Demand {
        Demand {
            flush: self.flush,
            input_after: self.input_left.saturating_sub(piece),
        }
    }

    /// Takes a step into account; whether the write goes on.
    fn advance(&mut self, step: Step, piece: usize, room: usize) -> bool {
        let (consumed, produced) = (step.consumed.min(piece), step.produced.min(room));
        self.input_at += consumed;
        self.input_left -= consumed;
        self.output_at += produced;
        self.output_left -= produced;
        let has_moved = consumed > 0 || produced > 0;
        let piece_was_short = consumed == piece && self.input_left > 0;
        let room_was_short = produced == room && self.output_left > 0;
        !step.is_over && has_moved && self.output_left > 0 && (piece_was_short || room_was_short)
    }

    const fn outcome(&self) -> Outcome {
        Outcome {
            flush: self.flush,
            input_left: self.input_left,
            output_left: self.output_left,
        }
    }
}

/// The next piece of the input, copied.
fn piece_of(input: Value<'_>, progress: &Progress) -> Vec<u8> {
    let len = progress.input_left.min(PIECE);
    let range = progress.input_at..progress.input_at.saturating_add(len);
    with_bytes(input, |bytes| {
        bytes.get(range).map(<[u8]>::to_vec).unwrap_or_default()
    })
    .unwrap_or_default()
}

/// Copies what was made into the guest's buffer; nothing when the guest took the buffer away meanwhile.
fn give_out(output: Value<'_>, at: usize, made: &[u8]) {
    with_bytes_mut(output, |bytes| {
        if let Some(target) = bytes.get_mut(at..at.saturating_add(made.len())) {
            target.copy_from_slice(made);
        }
    });
}

fn within(value: Value<'_>, offset: usize, len: usize, message: &str) -> Result<(), Failure> {
    let total = with_bytes(value, <[u8]>::len)
        .ok_or_else(|| Failure::type_error("ERR_INVALID_ARG_TYPE", "zlib buffers must be views"))?;
    if offset.checked_add(len).is_some_and(|end| end <= total) {
        Ok(())
    } else {
        Err(Failure::range_error("ERR_OUT_OF_RANGE", message))
    }
}

/// `(flush, in, in_off, in_len, out, out_off, out_len)`, checked.
fn start_of_write<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Progress, Failure> {
    let number = |index| args.u32(scope, index).map(|number| number as usize);
    // Any value, as `Uint32Value` takes it.
    let flush = args.get(0).uint32_value(scope).ok_or(Failure::Pending)?;
    if flush > 5 {
        return Err(wrong_use("Invalid flush value"));
    }
    let (input_at, input_left) = if args.get(1).is_null() {
        (0, 0)
    } else {
        (number(2)?, number(3)?)
    };
    if !args.get(1).is_null() {
        let message = "input buffer is out of bounds";
        within(args.get(1), input_at, input_left, message)?;
    }
    let (output_at, output_left) = (number(5)?, number(6)?);
    let message = "output buffer is out of bounds";
    within(args.get(4), output_at, output_left, message)?;
    Ok(Progress {
        flush,
        input_at,
        input_left,
        output_at,
        output_left,
    })
}

/// The engine, for the time of a write.
fn begin(stream: &Stream) -> Result<Box<dyn Engine>, Failure> {
    if stream.is_closed.get() {
        return Err(wrong_use("already finalized"));
    }
    if stream.is_writing.get() {
        return Err(wrong_use("write already in progress"));
    }
    let engine = stream.engine.borrow_mut().take();
    let engine = engine.ok_or_else(|| wrong_use("write before init"))?;
    stream.is_writing.set(true);
    Ok(engine)
}

/// The engine is back: the error of the write, if there is one. The numbers of what is left are written otherwise.
fn end(
    stream: &Stream,
    engine: Box<dyn Engine>,
    progress: &Progress,
) -> Result<(), CompressionError> {
    stream.is_writing.set(false);
    if stream.lacks_memory.take() || !stream.account(engine.as_ref()) {
        return Err(CompressionError::out_of_memory());
    }
    let error = engine.error(progress.outcome());
    *stream.engine.borrow_mut() = Some(engine);
    if let Some(error) = error {
        return Err(error);
    }
    if let Some(reporting) = stream.reporting.borrow().as_ref() {
        let count = |left: usize| f64::from(u32::try_from(left).unwrap_or(u32::MAX));
        reporting.left.set(0, count(progress.output_left));
        reporting.left.set(1, count(progress.input_left));
    }
    Ok(())
}

fn write_sync<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let stream = args.native::<Stream>(scope)?;
    let mut progress = start_of_write(scope, args)?;
    let mut engine = begin(&stream)?;
    let (input, output) = (args.get(1), args.get(4));
    let mut made = vec![0; progress.output_left.min(PIECE)];
    while stream.makes_room(engine.as_ref(), &progress) {
        let piece = piece_of(input, &progress);
        let room = progress.output_left.min(made.len());
        let target = made.get_mut(..room).unwrap_or_default();
        let step = engine.step(&piece, target, progress.demand(piece.len()));
        let given = target.get(..step.produced).unwrap_or_default();
        give_out(output, progress.output_at, given);
        if !progress.advance(step, piece.len(), room) {
            break;
        }
    }
    if let Err(error) = end(&stream, engine, &progress) {
        emit_error_now(scope, &stream, args.this(), &error)?;
    }
    Ok(().into())
}

/// What a write off the loop's thread must find again.
struct Request {
    object: v8::Global<v8::Object>,
    input: v8::Global<v8::Value>,
    output: v8::Global<v8::Value>,
    progress: Progress,
}

fn write<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let stream = args.native::<Stream>(scope)?;
    let progress = start_of_write(scope, args)?;
    let engine = begin(&stream)?;
    scope.env().natives().keep(scope, args.this());
    let request = Request {
        object: v8::Global::new(scope, args.this()),
        input: v8::Global::new(scope, args.get(1)),
        output: v8::Global::new(scope, args.get(4)),
        progress,
    };
    send(scope, engine, request);
    Ok(().into())
}

/// Has the next piece worked on.
fn send(scope: &Scope<'_, '_>, mut engine: Box<dyn Engine>, request: Request) {
    let has_room = stream_of(scope, &request)
        .is_some_and(|stream| stream.makes_room(engine.as_ref(), &request.progress));
    if !has_room {
        // Reported as everything else is: later.
        let complete = move |scope: &mut Scope<'_, '_>| finish(scope, engine, &request);
        scope.env().event_loop().complete(complete);
        return;
    }
    let input = v8::Local::new(scope, &request.input);
    let piece = piece_of(input, &request.progress);
    let room = request.progress.output_left.min(PIECE);
    let demand = request.progress.demand(piece.len());
    let work = move || {
        let mut made = vec![0; room];
        let step = engine.step(&piece, &mut made, demand);
        made.truncate(step.produced);
        (engine, step, made, piece.len())
    };
    run_off_thread(scope, "zlib", work, move |scope, done| {
        let mut request = request;
        let Some((engine, step, made, piece)) = done else {
            lose(scope, &request);
            return;
        };
        let output = v8::Local::new(scope, &request.output);
        give_out(output, request.progress.output_at, &made);
        let goes_on = request.progress.advance(step, piece, room);
        let closes =
            stream_of(scope, &request).is_none_or(|stream| stream.closes_after_write.get());
        if goes_on && !closes {
            send(scope, engine, request);
        } else {
            finish(scope, engine, &request);
        }
    });
}

fn stream_of(scope: &Scope<'_, '_>, request: &Request) -> Option<Rc<Stream>> {
    let object = v8::Local::new(scope, &request.object);
    native_of::<Stream>(scope, object)
}

fn finish(scope: &mut Scope<'_, '_>, engine: Box<dyn Engine>, request: &Request) {
    let object = v8::Local::new(scope, &request.object);
    scope.env().natives().release(scope, object);
    let Some(stream) = stream_of(scope, request) else {
        return;
    };
    let outcome = end(&stream, engine, &request.progress);
    report(scope, &stream, object, outcome);
}

/// The engine was lost in a panic.
fn lose(scope: &mut Scope<'_, '_>, request: &Request) {
    let object = v8::Local::new(scope, &request.object);
    scope.env().natives().release(scope, object);
    let Some(stream) = stream_of(scope, request) else {
        return;
    };
    stream.is_writing.set(false);
    report(scope, &stream, object, Err(CompressionError::internal()));
}

fn report<'s>(
    scope: &mut Scope<'s, '_>,
    stream: &Stream,
    object: Object<'s>,
    outcome: Result<(), CompressionError>,
) {
    let context = CallContext::of(&stream.info);
    match outcome {
        Ok(()) => {
            let reporting = stream.reporting.borrow().as_ref().map(Rc::clone);
            if let Some(reporting) = reporting {
                let callback = v8::Local::new(scope, &reporting.callback);
                make_callback_in(scope, object, callback, &[], &context);
            }
        }
        Err(error) => {
            let args = error_args(scope, &error);
            make_callback(scope, object, "onerror", &args, &context);
        }
    }
    if stream.closes_after_write.get() {
        stream.close();
    }
}

fn error_args<'s>(scope: &Scope<'s, '_>, error: &CompressionError) -> [Value<'s>; 3] {
    [
        scope.text(&error.message).into(),
        v8::Integer::new(scope, error.errno).into(),
        scope.text(&error.code).into(),
    ]
}

/// `onerror`, from within a call of JavaScript's.
fn emit_error_now(
    scope: &mut Scope<'_, '_>,
    stream: &Stream,
    this: Object<'_>,
    error: &CompressionError,
) -> Result<(), Failure> {
    let this = v8::Local::new(scope, this);
    let handler = scope.get_property(this, "onerror")?;
    if let Ok(handler) = v8::Local::<v8::Function>::try_from(handler) {
        let args = error_args(scope, error);
        scope.call(handler, this.into(), &args)?;
    }
    if stream.closes_after_write.get() {
        stream.close();
    }
    Ok(())
}

// The rest

fn close<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let stream = args.native::<Stream>(scope)?;
    stream.close();
    Ok(().into())
}

fn reset<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let stream = args.native::<Stream>(scope)?;
    if stream.is_writing.get() {
        let message = "Cannot reset zlib stream while a write is in progress";
        let error = v8::Exception::error(scope, scope.text(message));
        return Err(Failure::Thrown(v8::Global::new(scope, error)));
    }
    let engine = stream.engine.borrow_mut().take();
    let Some(mut engine) = engine else {
        return Ok(().into());
    };
    let outcome = engine.reset();
    *stream.engine.borrow_mut() = Some(engine);
    if let Err(error) = outcome {
        emit_error_now(scope, &stream, args.this(), &error)?;
    }
    Ok(().into())
}

/// `params(level, strategy)`: of zlib only; Brotli's and Zstandard's cannot change on the way.
fn params<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let stream = args.native::<Stream>(scope)?;
    if stream.mode.is_none() {
        return Ok(().into());
    }
    let (level, strategy) = (args.i32(scope, 0)?, args.i32(scope, 1)?);
    let engine = stream.engine.borrow_mut().take();
    let Some(mut engine) = engine else {
        return Err(wrong_use("params without a stream at rest"));
    };
    let outcome = engine.set_params(level, strategy);
    *stream.engine.borrow_mut() = Some(engine);
    if let Err(error) = outcome {
        emit_error_now(scope, &stream, args.this(), &error)?;
    }
    Ok(().into())
}
