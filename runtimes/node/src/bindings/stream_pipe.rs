//! `internalBinding('stream_pipe')`: bytes from one stream to another without JavaScript (`http2`'s `respondWithFD`).
//! Node: `src/stream_pipe.cc`.
//!
//! One chunk is under way at a time: reading stops while the sink has not taken it.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use super::stream_base::{
    ListenerId, StreamListener, StreamRead, StreamRequest, StreamResource, UV_EOF, Write, Wrote,
    stream_of,
};
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo};
use crate::event_loop::{CallContext, make_callback};
use crate::glue::{Args, Binding, BindingResult, Class, Failure, Native, Scope, ScopeExt, attach};

pub(super) const BINDING: Binding = Binding::new("stream_pipe").class(&STREAM_PIPE);

static STREAM_PIPE: Class = Class::new("StreamPipe", new_pipe)
    .extends(&ASYNC_WRAP)
    .method("unpipe", unpipe)
    .method("start", start)
    .method("isClosed", is_closed)
    .method("pendingWrites", pending_writes);

struct StreamPipe {
    info: AsyncInfo,
    number: Cell<i32>,
    source: Weak<dyn Native>,
    sink: Weak<dyn Native>,
    listener: Cell<Option<ListenerId>>,
    this: RefCell<Weak<Self>>,
    is_closed: Cell<bool>,
    is_at_end: Cell<bool>,
    pending: Cell<u32>,
}

impl Native for StreamPipe {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

/// What listens to the source.
struct Reader {
    pipe: Weak<StreamPipe>,
}

impl StreamListener for Reader {
    fn on_read(&self, scope: &mut Scope<'_, '_>, read: StreamRead) {
        if let Some(pipe) = self.pipe.upgrade() {
            pipe.on_read(scope, read);
        }
    }

    fn on_destroy(&self, scope: &mut Scope<'_, '_>) {
        if let Some(pipe) = self.pipe.upgrade() {
            pipe.listener.set(None);
            pipe.close(scope);
        }
    }
}

/// `new StreamPipe(source, sink)`.
fn new_pipe<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let (source, sink) = (args.object(0)?, args.object(1)?);
    let no_stream = || Failure::type_error("ERR_INVALID_ARG_TYPE", "Not a stream");
    let from = stream_of(scope, source).ok_or_else(no_stream)?;
    let to = stream_of(scope, sink).ok_or_else(no_stream)?;
    let pipe = Rc::new(StreamPipe {
        info: AsyncInfo::new(scope, this, "STREAMPIPE"),
        number: Cell::new(-1),
        source: Rc::downgrade(&from),
        sink: Rc::downgrade(&to),
        listener: Cell::new(None),
        this: RefCell::default(),
        is_closed: Cell::new(true),
        is_at_end: Cell::new(false),
        pending: Cell::new(0),
    });
    *pipe.this.borrow_mut() = Rc::downgrade(&pipe);
    let number = attach(scope, this, Rc::clone(&pipe));
    pipe.number.set(number);
    scope.set(this, "source", source.into());
    scope.set(this, "sink", sink.into());
    scope.set(source, "pipeTarget", this.into());
    scope.set(sink, "pipeSource", this.into());
    if let Some(from) = from.stream() {
        let reader = Rc::new(Reader {
            pipe: Rc::downgrade(&pipe),
        });
        pipe.listener.set(Some(from.core().push_listener(reader)));
    }
    Ok(().into())
}

impl StreamPipe {
    fn with_source(&self, act: impl FnOnce(&dyn StreamResource)) {
        if let Some(source) = self.source.upgrade()
            && let Some(source) = source.stream()
        {
            act(source);
        }
    }

    fn on_read(&self, scope: &mut Scope<'_, '_>, read: StreamRead) {
        match read {
            StreamRead::Bytes(bytes) => self.pass_on(scope, bytes),
            StreamRead::Failed(status) => {
                self.is_at_end.set(true);
                if let Some(listener) = self.listener.get() {
                    self.with_source(|source| {
                        let read = StreamRead::Failed(status);
                        source.core().emit_read_below(scope, listener, read);
                    });
                }
                if self.pending.get() == 0 {
                    self.end(scope, status);
                }
            }
        }
    }

    fn pass_on(&self, scope: &mut Scope<'_, '_>, bytes: Vec<u8>) {
        let Some(sink) = self.sink.upgrade() else {
            self.close(scope);
            return;
        };
        let Some(sink) = sink.stream() else { return };
        let own = self.this.borrow().clone();
        let request = StreamRequest::native(move |scope, status| {
            if let Some(pipe) = own.upgrade() {
                pipe.pending.set(pipe.pending.get().saturating_sub(1));
                pipe.after_write(scope, status);
            }
        });
        self.pending.set(self.pending.get() + 1);
        match sink.write(scope, Write::of(bytes, request)) {
            Ok(Wrote::Later) => self.with_source(|source| {
                source.read_stop(scope);
            }),
            Ok(Wrote::Now) => self.pending.set(self.pending.get().saturating_sub(1)),
            Err(status) => {
                self.pending.set(self.pending.get().saturating_sub(1));
                self.after_write(scope, status);
            }
        }
    }

    /// The sink took a chunk, or did not.
    fn after_write(&self, scope: &mut Scope<'_, '_>, status: i32) {
        if self.is_closed.get() {
            return;
        }
        if status < 0 {
            self.close(scope);
        } else if self.is_at_end.get() {
            if self.pending.get() == 0 {
                self.end(scope, UV_EOF);
            }
        } else {
            self.with_source(|source| {
                source.read_start(scope);
            });
        }
    }

    /// Everything went over: the sink ends too.
    fn end(&self, scope: &mut Scope<'_, '_>, status: i32) {
        if status == UV_EOF
            && let Some(sink) = self.sink.upgrade()
            && let Some(sink) = sink.stream()
        {
            sink.shutdown(scope, StreamRequest::native(|_, _| {}));
        }
        self.close(scope);
    }

    /// Stops; `onunpipe` is called soon.
    fn close(&self, scope: &mut Scope<'_, '_>) {
        if self.is_closed.replace(true) {
            return;
        }
        if let Some(listener) = self.listener.take() {
            self.with_source(|source| {
                source.read_stop(scope);
                source.core().remove_listener(listener);
            });
        }
        let number = self.number.get();
        scope.env().event_loop().complete(move |scope| {
            let env = scope.env();
            let Some(object) = env.natives().object(scope, number) else {
                return;
            };
            let context = crate::glue::native_of::<Self>(scope, object)
                .map_or(CallContext::ROOT, |pipe| CallContext::of(&pipe.info));
            make_callback(scope, object, "onunpipe", &[], &context);
            for (end, link) in [("source", "pipeTarget"), ("sink", "pipeSource")] {
                if let Ok(end) = scope.get_property(object, end)
                    && let Ok(end) = crate::glue::Object::try_from(end)
                {
                    scope.set(end, link, scope.null());
                }
            }
            scope.set(object, "source", scope.null());
            scope.set(object, "sink", scope.null());
            env.natives().release(scope, object);
        });
    }
}

fn start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pipe = args.native::<StreamPipe>(scope)?;
    pipe.is_closed.set(false);
    scope.env().natives().keep(scope, args.this());
    pipe.with_source(|source| {
        source.read_start(scope);
    });
    Ok(().into())
}

fn unpipe<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pipe = args.native::<StreamPipe>(scope)?;
    pipe.close(scope);
    Ok(().into())
}

fn is_closed<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pipe = args.native::<StreamPipe>(scope)?;
    Ok(pipe.is_closed.get().into())
}

fn pending_writes<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pipe = args.native::<StreamPipe>(scope)?;
    Ok(f64::from(pipe.pending.get()).into())
}
