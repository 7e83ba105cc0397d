//! `internalBinding('tty_wrap')`: terminals as streams. Node: `src/tty_wrap.cc`; libuv: src/unix/tty.c.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::tty::{
    ControlFlags, InputFlags, LocalFlags, OutputFlags, Termios, VMIN, VTIME, WinSize,
};
use cenote_base::Fd;
use cenote_kernel::tty::{PtySlave, Terminal};
use cenote_kernel::{Task, syscall};
use cenote_vfs::{IoctlRequest, TermiosWhen, TtyRequest};

use super::stream_base::{KernelStream, LIBUV_STREAM_WRAP, StreamResource};
use crate::event_loop::handles::{AsyncInfo, HandleState};
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, attach,
    collect_uv_error,
};

pub(super) const BINDING: Binding = Binding::new("tty_wrap")
    .function("isTTY", is_tty)
    .class(&TTY)
    .setup(setup);

/// libuv's `uv_tty_mode_t`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    Normal = 0,
    Raw = 1,
    Io = 2,
    /// On Unix the same as `Raw`.
    RawVt = 3,
}

impl Mode {
    const ALL: [(&'static str, Self); 4] = [
        ("UV_TTY_MODE_NORMAL", Self::Normal),
        ("UV_TTY_MODE_RAW", Self::Raw),
        ("UV_TTY_MODE_IO", Self::Io),
        ("UV_TTY_MODE_RAW_VT", Self::RawVt),
    ];

    fn number(self) -> i32 {
        self as i32
    }

    /// What the mode makes of the settings a terminal had before.
    fn apply(self, settings: &mut Termios) {
        match self {
            Self::Normal => return,
            Self::Raw | Self::RawVt => {
                settings.input.remove(
                    InputFlags::BRKINT
                        | InputFlags::ICRNL
                        | InputFlags::INPCK
                        | InputFlags::ISTRIP
                        | InputFlags::IXON,
                );
                settings.output.insert(OutputFlags::ONLCR);
                settings.local.remove(
                    LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::IEXTEN | LocalFlags::ISIG,
                );
            }
            // cfmakeraw(3).
            Self::Io => {
                settings.input.remove(
                    InputFlags::IGNBRK
                        | InputFlags::BRKINT
                        | InputFlags::PARMRK
                        | InputFlags::ISTRIP
                        | InputFlags::INLCR
                        | InputFlags::IGNCR
                        | InputFlags::ICRNL
                        | InputFlags::IXON,
                );
                settings.output.remove(OutputFlags::OPOST);
                settings.local.remove(
                    LocalFlags::ECHO
                        | LocalFlags::ECHONL
                        | LocalFlags::ICANON
                        | LocalFlags::ISIG
                        | LocalFlags::IEXTEN,
                );
                settings
                    .control
                    .remove(ControlFlags::CSIZE | ControlFlags::PARENB);
            }
        }
        settings.control.insert(ControlFlags::CS8);
        settings.cc[VMIN] = 1;
        settings.cc[VTIME] = 0;
    }
}

fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    for (name, mode) in Mode::ALL {
        let number = v8::Integer::new(scope, mode.number());
        scope.set(binding, name, number.into());
    }
    Ok(())
}

/// The terminals among the standard streams with the settings they had when the program began, which its end gives them back.
/// Node: `PlatformInit` and `ResetStdio`.
#[derive(Debug)]
pub(crate) struct StandardTerminals(Vec<(Arc<Terminal>, Termios)>);

impl StandardTerminals {
    pub(crate) fn remember(task: &Task) -> Self {
        let terminals = (0..3).filter_map(|fd| {
            let file = task.files().get(Fd::new(fd)).ok()?;
            let terminal = Arc::clone(file.downcast::<PtySlave>()?.terminal());
            let settings = terminal.settings();
            Some((terminal, settings))
        });
        Self(terminals.collect())
    }

    pub(crate) fn reset(self) {
        for (terminal, settings) in self.0 {
            if terminal.settings() != settings {
                terminal.set_settings(settings);
            }
        }
    }
}

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
    mode: Cell<Mode>,
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
pub(crate) fn is_terminal(task: &Task, fd: i32) -> bool {
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
        mode: Cell::new(Mode::Normal),
    });
    let number = attach(scope, this, Rc::clone(&tty));
    tty.stream.core().set_number(number);
    let opened =
        settings(scope, fd).and_then(|_| Ok(scope.env().task().files().get(Fd::new(fd))?));
    match opened {
        Ok(file) => tty.stream.open(scope, file, fd),
        // libuv asks what kind of file it is first: none at all is not a terminal, either.
        Err(Failure::System { .. }) => {
            collect_uv_error(scope, args.object(1)?, -Errno::EINVAL.raw(), "uv_tty_init");
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

/// `setRawMode(mode)`, as `uv_tty_set_mode`.
fn set_raw_mode<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let tty = args.native::<Tty>(scope)?;
    let wanted = args.i32(scope, 0)?;
    let Some((_, mode)) = Mode::ALL
        .into_iter()
        .find(|(_, mode)| mode.number() == wanted)
    else {
        return Ok((-Errno::EINVAL.raw()).into());
    };
    if tty.mode.get() == mode {
        return Ok(0.into());
    }
    let fd = tty.stream.fd();
    let current = match settings(scope, fd) {
        Ok(current) => current,
        Err(Failure::System { errno, .. }) => return Ok((-errno).into()),
        Err(failure) => return Err(failure),
    };
    let mut changed = *tty.original.borrow_mut().get_or_insert(current);
    mode.apply(&mut changed);
    let request = IoctlRequest::Tty(TtyRequest::SetSettings(TermiosWhen::Drained, changed));
    Ok(
        match syscall::ioctl(scope.env().task(), Fd::new(fd), request) {
            Ok(_) => {
                tty.mode.set(mode);
                if mode == Mode::Normal {
                    // The next raw mode begins with what is set then.
                    tty.original.replace(None);
                }
                0.into()
            }
            Err(error) => (-error.errno().raw()).into(),
        },
    )
}
