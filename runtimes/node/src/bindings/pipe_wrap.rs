//! `internalBinding('pipe_wrap')`: pipes and Unix sockets as streams. Node: `src/pipe_wrap.cc`.

use std::rc::Rc;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_base::Fd;
use cenote_vfs::OpenFile;

use super::stream_base::{LIBUV_STREAM_WRAP, StreamState, new_request_wrap};
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo, HandleState};
use crate::glue::{Args, Binding, BindingResult, Class, Native, Scope, ScopeExt, attach};

pub(super) const BINDING: Binding = Binding::new("pipe_wrap")
    .class(&PIPE)
    .class(&PIPE_CONNECT_WRAP);

static PIPE: Class = Class::new("Pipe", new_pipe)
    .extends(&LIBUV_STREAM_WRAP)
    .method("open", open);
static PIPE_CONNECT_WRAP: Class =
    Class::new("PipeConnectWrap", new_connect_wrap).extends(&ASYNC_WRAP);

/// A pipe or Unix socket.
pub(super) struct Pipe {
    info: AsyncInfo,
    handle: HandleState,
    stream: StreamState,
}

impl Pipe {
    /// Puts the stream over a file that no descriptor of the process shows.
    pub(super) fn adopt(&self, file: Arc<OpenFile>) {
        self.stream.open(file, -1);
    }
}

impl Native for Pipe {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn handle(&self) -> Option<&HandleState> {
        Some(&self.handle)
    }

    fn close(&self, scope: &mut Scope<'_, '_>) {
        self.stream.close(scope);
    }

    fn stream(&self) -> Option<&StreamState> {
        Some(&self.stream)
    }
}

fn new_pipe<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const SERVER: i32 = 1;
    let provider = if args.i32(scope, 0)? == SERVER {
        "PIPESERVERWRAP"
    } else {
        "PIPEWRAP"
    };
    let this = args.this();
    let info = AsyncInfo::new(scope, this, provider);
    let pipe = Rc::new(Pipe {
        info,
        handle: HandleState::default(),
        stream: StreamState::new(),
    });
    let number = attach(scope, this, Rc::clone(&pipe));
    pipe.stream.set_number(number);
    Ok(().into())
}

fn new_connect_wrap<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    new_request_wrap(scope, args, "PIPECONNECTWRAP")
}

/// Takes over a descriptor.
fn open<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pipe = args.native::<Pipe>(scope)?;
    let fd = args.i32(scope, 0)?;
    match scope.env().task().files().get(Fd::new(fd)) {
        Ok(file) => {
            pipe.stream.open(file, fd);
            Ok(0.into())
        }
        Err(error) if error.errno() == Errno::EBADF => Ok((-Errno::EBADF.raw()).into()),
        Err(error) => Err(error.into()),
    }
}
