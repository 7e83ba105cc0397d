//! What all streams share. Node: `src/stream_base.h`, `src/stream_base.cc`, `src/stream_wrap.cc`; libuv: src/unix/stream.c.
//!
//! # The shape of it
//!
//! Three parts, so that native code can sit between a stream and JavaScript, and be a stream itself:
//!
//! * [`StreamResource`]: what does the work. [`KernelStream`] (under `Pipe`, `TCP`, `TTY`: a file of the kernel), `JSStream` (asks
//!   JavaScript), `TLSWrap` (asks OpenSSL and the stream below). [`Native::stream`](crate::glue::Native::stream) gives an object's
//!   resource: `Some(&self.stream)` or `Some(self)`.
//! * [`StreamCore`]: what every resource carries: the number of its JavaScript object, the stack of listeners, counters. A resource
//!   reports what it read by `core.emit_read(scope, StreamRead::Bytes(..))` or `StreamRead::Failed(UV_EOF)`, a negative error number otherwise.
//! * [`StreamListener`]: who gets it. At the bottom of the stack is always JavaScript (`onread`); `HTTPParser.consume(handle)`,
//!   `TLSWrap` and `StreamPipe` push themselves on top with [`StreamCore::push_listener`] and go with [`StreamCore::remove_listener`]. What a
//!   listener does not want (errors, for the parser) it hands on with [`StreamCore::emit_read_below`].
//!
//! **To write natively** on a stream: `resource.write(scope, Write::of(bytes, StreamRequest::native(|scope, status| …)))`. `Ok(Wrote::Now)`:
//! done, the request is dropped without a call. `Ok(Wrote::Later)`: it is called once, later, never before `write` returned. `Err(errno)`
//! (negative): failed, no call. `resource.shutdown(scope, request)` likewise: 0 and a call later, or a negative number and none.
//!
//! **To be a stream** (`TLSWrap`): have a `StreamCore`, implement `StreamResource`, declare the class with
//! `with_stream_methods(Class::new(..).extends(&ASYNC_WRAP))`, and after `attach` say `core.set_number(number)`. The methods (`readStart`, `writev`,
//! `writeUtf8String`…) then work. A write that JavaScript asked for arrives at `write` with a `StreamRequest` to be [finished](StreamRequest::finish)
//! later when `Wrote::Later` was answered; keep it, and finish it with `ECANCELED` when the stream is destroyed.
//!
//! **Ownership**: a stream holds its listeners (`Rc`); a listener holds its stream weakly, as a `Weak<dyn Native>` (from [`stream_of`]), or
//! by number: both ways strongly would outlive the isolate. When a stream closes it tells each listener `on_destroy` and forgets it.
//! No borrow may be held over a call of any of these: JavaScript may run.

mod class;
mod emit;
mod kernel_stream;
mod request;
mod resource;

pub(crate) use class::{LIBUV_STREAM_WRAP, with_stream_methods};
pub(crate) use kernel_stream::KernelStream;
pub(crate) use request::{
    RequestWrap, SHUTDOWN_WRAP, StreamRequest, WRITE_WRAP, begin_request, new_request_wrap,
};
pub(crate) use resource::{
    ListenerId, StreamCore, StreamListener, StreamRead, StreamResource, UV_EOF, Write, Wrote,
    stream_of,
};
