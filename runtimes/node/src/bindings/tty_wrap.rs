//! `internalBinding('tty_wrap')`: terminals as streams. Node: `src/tty_wrap.cc`; libuv: src/unix/tty.c.

use std::cell::RefCell;
use std::rc::Rc;

use cenote_abi::tty::{
    ControlFlags, InputFlags, LocalFlags, OutputFlags, Termios, VMIN, VTIME, WinSize,
};
use cenote_base::Fd;
use cenote_kernel::syscall;
use cenote_vfs::{IoctlRequest, TermiosWhen, TtyRequest};

use super::stream_base::{KernelStream, LIBUV_STREAM_WRAP, StreamResource};
use crate::event_loop::handles::{AsyncInfo, HandleState};
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Scope, ScopeExt, attach, collect_uv_error,
};

pub(super) const BINDING: Binding = Binding::new("tty_wrap")
    .function("isTTY", is_tty)
    .class(&TTY);

static TTY: Class = Class::new("TTY", new_tty)
    .extends(&LIBUV_STREAM_WRAP)
    .method("getWindowSize", get_window_size)
    .method("setRawMode", set_raw_mode);

struct Tty {
    info: AsyncInfo,
    handle: HandleState,
    stream: KernelStream,
    /// The settings before raw mode.
    original: RefCell<Option<Termios>>,
}

impl Native for Tty {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn handle(&self) -> Option<&HandleState> {
        Some(&self.handle)
    }

    fn close(&self, scope: &mut Scope<'_, '_>) {
        self.stream.close(scope);
    }

    fn stream(&self) -> Option<&dyn StreamResource> {
        Some(&self.stream)
    }

    fn kernel_stream(&self) -> Option<&KernelStream> {
        Some(&self.stream)
    }
}

fn settings(scope: &Scope<'_, '_>, fd: i32) -> Result<Termios, Failure> {
    let mut termios = Termios::INITIAL;
    syscall::ioctl(
        scope.env().task(),
        Fd::new(fd),
        IoctlRequest::Tty(TtyRequest::Settings(&mut termios)),
    )?;
    Ok(termios)
}

/// Whether a descriptor is a terminal.
pub(crate) fn is_terminal(task: &cenote_kernel::Task, fd: i32) -> bool {
    let mut termios = Termios::INITIAL;
    syscall::ioctl(
        task,
        Fd::new(fd),
        IoctlRequest::Tty(TtyRequest::Settings(&mut termios)),
    )
    .is_ok()
}

fn is_tty<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let fd = args.i32(scope, 0)?;
    Ok(is_terminal(scope.env().task(), fd).into())
}

/// `new TTY(fd, ctx)`: a failure is told in `ctx`.
fn new_tty<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let fd = args.i32(scope, 0)?;
    let this = args.this();
    let info = AsyncInfo::new(scope, this, "TTYWRAP");
    let tty = Rc::new(Tty {
        info,
        handle: HandleState::default(),
        stream: KernelStream::new(),
        original: RefCell::default(),
    });
    let number = attach(scope, this, Rc::clone(&tty));
    tty.stream.core().set_number(number);
    let opened =
        settings(scope, fd).and_then(|_| Ok(scope.env().task().files().get(Fd::new(fd))?));
    match opened {
        Ok(file) => tty.stream.open(scope, file, fd),
        Err(Failure::System { errno, .. }) => {
            collect_uv_error(scope, args.object(1)?, -errno, "uv_tty_init");
        }
        Err(failure) => return Err(failure),
    }
    Ok(().into())
}

/// `getWindowSize([columns, rows])`.
fn get_window_size<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let tty = args.native::<Tty>(scope)?;
    let array = args.array(0)?;
    let mut size = WinSize::default();
    let asked = syscall::ioctl(
        scope.env().task(),
        Fd::new(tty.stream.fd()),
        IoctlRequest::Tty(TtyRequest::WindowSize(&mut size)),
    );
    if let Err(error) = asked {
        return Ok((-error.errno().raw()).into());
    }
    for (index, value) in [(0, size.cols), (1, size.rows)] {
        let value = v8::Integer::new(scope, i32::from(value));
        array
            .set_index(scope, index, value.into())
            .ok_or(Failure::Pending)?;
    }
    Ok(0.into())
}

/// Raw mode as libuv's `UV_TTY_MODE_RAW`.
fn set_raw_mode<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let tty = args.native::<Tty>(scope)?;
    let raw = args.bool(scope, 0);
    let fd = tty.stream.fd();
    let current = match settings(scope, fd) {
        Ok(current) => current,
        Err(Failure::System { errno, .. }) => return Ok((-errno).into()),
        Err(failure) => return Err(failure),
    };
    let mut wanted = *tty.original.borrow_mut().get_or_insert(current);
    if raw {
        wanted.input.remove(
            InputFlags::BRKINT
                | InputFlags::ICRNL
                | InputFlags::INPCK
                | InputFlags::ISTRIP
                | InputFlags::IXON,
        );
        wanted.output.insert(OutputFlags::ONLCR);
        wanted.control.insert(ControlFlags::CS8);
        wanted
            .local
            .remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::IEXTEN | LocalFlags::ISIG);
        wanted.cc[VMIN] = 1;
        wanted.cc[VTIME] = 0;
    }
    let request = IoctlRequest::Tty(TtyRequest::SetSettings(TermiosWhen::Drained, wanted));
    Ok(
        match syscall::ioctl(scope.env().task(), Fd::new(fd), request) {
            Ok(_) => 0.into(),
            Err(error) => (-error.errno().raw()).into(),
        },
    )
}
