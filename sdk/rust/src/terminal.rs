//! Programs on a terminal: [`Terminal`], what a terminal emulator or an `ssh` server would hold.
//!
//! The machine's kernel has the pseudo-terminal with its line discipline; the program leads a session that it controls. Here is the
//! other end: keys go in, what is to be shown comes out. Nothing is buffered on this side: a program that writes more than its
//! terminal holds (64 KiB) waits until [`TerminalOutput`] is read.
//!
//! Neighbours: `process` does the same over pipes. No locks.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use cenote_abi::Errno;
use cenote_abi::signal::SigNum;
use cenote_abi::tty::{InputFlags, WinSize};
use cenote_base::{Fd, Registration, Waiter};
use cenote_kernel::{ChildHandle, SpawnRequest, host_io, tty};
use cenote_proto::v1::SignalScope;
use cenote_vfs::OpenFile;

use crate::Error;
use crate::call::exit_code;
use crate::captured::OutputStream;
use crate::machine::Machine;
use crate::process::environment;
use crate::worker::{Remote, RemoteTerminal};

/// Bytes given out at once.
const CHUNK: usize = 16 << 10;

/// What [`NodeRuntime::open_terminal`](crate::NodeRuntime::open_terminal) starts, and the size of its window.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TerminalOptions {
    /// The program, by name (looked up in `PATH`) or path. Default `/bin/bash`, a login shell.
    pub program: String,
    /// Its arguments, without its name.
    pub args: Vec<Vec<u8>>,
    /// Environment variables over the machine's own. `TERM` is `xterm-256color` unless set here or for the machine.
    pub env: BTreeMap<String, String>,
    /// The working directory; the machine's default otherwise.
    pub cwd: Option<String>,
    /// Columns of characters, at least 1. Default 80.
    pub cols: u16,
    /// Rows of characters, at least 1. Default 24.
    pub rows: u16,
}

impl Default for TerminalOptions {
    fn default() -> Self {
        Self {
            program: "/bin/bash".to_owned(),
            args: vec![b"-l".to_vec()],
            env: BTreeMap::new(),
            cwd: None,
            cols: 80,
            rows: 24,
        }
    }
}

impl TerminalOptions {
    /// An interactive login shell in a window of 80 columns and 24 rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A program with its arguments instead of the shell.
    #[must_use]
    pub fn program<A: Into<Vec<u8>>>(
        mut self,
        program: impl Into<String>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        self.program = program.into();
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Adds an environment variable, over the machine's own.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn cwd(mut self, path: impl Into<String>) -> Self {
        self.cwd = Some(path.into());
        self
    }

    /// Sets the size of the window in characters.
    #[must_use]
    pub fn size(mut self, cols: u16, rows: u16) -> Self {
        (self.cols, self.rows) = (cols, rows);
        self
    }
}

fn window(cols: u16, rows: u16) -> Result<WinSize, Error> {
    for (option, value) in [("cols", cols), ("rows", rows)] {
        if value == 0 {
            return Err(Error::Option {
                option,
                reason: "a terminal's window has at least one".to_owned(),
            });
        }
    }
    Ok(WinSize {
        rows,
        cols,
        xpixel: 0,
        ypixel: 0,
    })
}

/// A program on a terminal of its own, and the keyboard and window of that terminal.
///
/// Clones are the same terminal. When the last is dropped the line hangs up: the program's session gets `SIGHUP`, as when a
/// terminal window is closed; whoever ignores it lives on without a terminal.
#[derive(Clone)]
pub struct Terminal {
    inner: Arc<Inner>,
}

enum Inner {
    Here(Here),
    /// Of a machine in another process.
    Elsewhere(RemoteTerminal),
}

/// A terminal of a kernel in this process.
struct Here {
    machine: Arc<Machine>,
    child: ChildHandle,
    line: Arc<tty::Terminal>,
    master: Arc<OpenFile>,
}

impl Drop for Here {
    fn drop(&mut self) {
        self.line.hang_up();
    }
}

impl Terminal {
    pub(crate) async fn start(
        machine: Arc<Machine>,
        options: TerminalOptions,
    ) -> Result<Self, Error> {
        if let Some(remote) = machine.remote() {
            return Self::start_elsewhere(&machine, remote, options).await;
        }
        let TerminalOptions {
            program,
            args,
            mut env,
            cwd,
            cols,
            rows,
        } = options;
        let window = window(cols, rows)?;
        let failed = |cause| Error::Start {
            program: program.clone(),
            cause,
        };
        let kernel = machine.kernel()?;
        let credentials = machine.credentials().clone();
        let owner = (credentials.uid, credentials.gid);
        let (master, line) = kernel.open_terminal(window, owner).map_err(failed)?;
        let mut settings = line.settings();
        // Erasing takes whole characters, as every terminal emulator sets it.
        settings.input.insert(InputFlags::IUTF8);
        line.set_settings(settings);
        if !machine.env().contains_key("TERM") {
            env.entry("TERM".to_owned())
                .or_insert_with(|| "xterm-256color".to_owned());
        }
        let slave = line.open_slave_file().map_err(failed)?;
        let request = SpawnRequest {
            program: program.clone().into_bytes(),
            argv: [program.clone().into_bytes()]
                .into_iter()
                .chain(args)
                .collect(),
            envp: environment(&machine, &env),
            cwd: cwd.as_deref().unwrap_or(machine.cwd()).as_bytes().to_vec(),
            credentials,
            files: [0, 1, 2].map(|fd| (Fd::new(fd), Arc::clone(&slave))).into(),
            umask: 0o022,
            new_session: true,
            controlling_terminal: Some(Arc::clone(&line)),
        };
        drop(slave);
        let child = kernel.spawn(request).await.map_err(failed)?;
        Ok(Self {
            inner: Arc::new(Inner::Here(Here {
                machine,
                child,
                line,
                master,
            })),
        })
    }

    async fn start_elsewhere(
        machine: &Machine,
        remote: &Remote,
        mut options: TerminalOptions,
    ) -> Result<Self, Error> {
        window(options.cols, options.rows)?;
        let own = options.env.remove("TERM");
        let term = own.or_else(|| machine.env().get("TERM").cloned());
        let given = std::mem::take(&mut options.env).into_iter();
        let given = given.filter(|(name, value)| machine.permit().env(name, value));
        let terminal =
            RemoteTerminal::start(remote, options, given.collect(), term.unwrap_or_default());
        Ok(Self {
            inner: Arc::new(Inner::Elsewhere(terminal.await?)),
        })
    }

    /// The program's process id in its machine; also the id of its session.
    #[must_use]
    pub fn pid(&self) -> i32 {
        match &*self.inner {
            Inner::Here(here) => here.child.pid().raw(),
            Inner::Elsewhere(terminal) => terminal.pid(),
        }
    }

    fn failed(&self, cause: cenote_base::SysError) -> Error {
        Error::Stream {
            stream: "terminal",
            pid: self.pid(),
            cause,
        }
    }

    /// Types bytes, as a keyboard sends them: Enter is `\r`, Ctrl-C `\x03`, the up arrow `\x1b[A`. Waits while a program in raw
    /// mode leaves its input unread.
    ///
    /// # Errors
    /// [`Error::Stream`] with `EIO` after [`hang_up`](Self::hang_up).
    pub async fn write(&self, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
        match &*self.inner {
            Inner::Here(here) => host_io::write_all(&here.master, bytes.as_ref())
                .await
                .map_err(|cause| self.failed(cause)),
            Inner::Elsewhere(terminal) => terminal.write(bytes.as_ref()).await,
        }
    }

    /// What the terminal is to show, from what was not taken so far on. A second stream shares the bytes with the first.
    #[must_use]
    pub fn output(&self) -> TerminalOutput {
        TerminalOutput(match &*self.inner {
            Inner::Here(here) => Shown::Here(Screen::of(here)),
            Inner::Elsewhere(terminal) => Shown::Elsewhere(terminal.output()),
        })
    }

    /// Changes the size of the window; the foreground programs get `SIGWINCH` when it is another.
    ///
    /// # Errors
    /// [`Error::Option`] for a size of zero.
    pub fn resize(&self, cols: u16, rows: u16) -> Result<(), Error> {
        let window = window(cols, rows)?;
        match &*self.inner {
            Inner::Here(here) => {
                here.line.resize(window);
                Ok(())
            }
            Inner::Elsewhere(terminal) => terminal.resize(cols, rows),
        }
    }

    /// The size of the window as programs see and may have changed it: (columns, rows). Of a machine in another process: as it was set
    /// from here.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        match &*self.inner {
            Inner::Here(here) => {
                let window = here.line.window();
                (window.cols, window.rows)
            }
            Inner::Elsewhere(terminal) => terminal.size(),
        }
    }

    /// Waits for the end of the program: the exit code, or 128 + n when signal n ended it. A program that has more to show than
    /// the terminal holds does not end before its [`output`](Self::output) is read.
    ///
    /// # Errors
    /// None today; the signature leaves room for remote machines.
    pub async fn wait(&self) -> Result<i32, Error> {
        Ok(self.ended().await.0)
    }

    /// Waits for the end of the program: the exit code as [`wait`](Self::wait) gives it, and the signal that ended it.
    pub async fn ended(&self) -> (i32, Option<SigNum>) {
        exit_code(match &*self.inner {
            Inner::Here(here) => here.child.wait().await,
            Inner::Elsewhere(terminal) => terminal.wait().await,
        })
    }

    /// The exit code, once the program has ended.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        let status = match &*self.inner {
            Inner::Here(here) => here.child.try_status(),
            Inner::Elsewhere(terminal) => terminal.try_status(),
        };
        status.map(|status| exit_code(status).0)
    }

    /// Sends a signal to the program.
    ///
    /// # Errors
    /// [`Error::Stream`] with `ESRCH` when it has ended.
    pub fn kill(&self, signal: SigNum) -> Result<(), Error> {
        match &*self.inner {
            Inner::Here(here) => here.child.kill(signal).map_err(|cause| self.failed(cause)),
            Inner::Elsewhere(terminal) => terminal.kill(signal),
        }
    }

    /// Sends a signal to the foreground programs, as a key does. In another process which those are is not known here: it reaches the group of the
    /// terminal's program; write the key itself (`\x03`) for the others.
    pub fn signal_foreground(&self, signal: SigNum) {
        match &*self.inner {
            Inner::Here(here) => here.line.signal_foreground(signal),
            Inner::Elsewhere(terminal) => terminal.signal_all(signal, SignalScope::Group),
        }
    }

    /// Closes the line: the session gets `SIGHUP`, reads give the end, writes fail. A second time does nothing.
    pub fn hang_up(&self) {
        match &*self.inner {
            Inner::Here(here) => here.line.hang_up(),
            Inner::Elsewhere(terminal) => terminal.hang_up(),
        }
    }

    /// Kills the program and everything in its session.
    pub fn kill_all(&self) {
        match &*self.inner {
            Inner::Here(here) => here.machine.kill_session(here.child.pid()),
            Inner::Elsewhere(terminal) => {
                terminal.signal_all(SigNum::SIGKILL, SignalScope::Session);
            }
        }
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Terminal({}, exit code {:?})",
            self.pid(),
            self.exit_code()
        )
    }
}

/// What a terminal is to show, chunk by chunk: text with the escape sequences of `TERM`. The program waits for a slow reader.
///
/// It ends once the program has ended and what it wrote was read (its orphans may still have the terminal open), or when
/// the line hung up. Also a [`futures_core::Stream`].
#[derive(Debug)]
pub struct TerminalOutput(Shown);

#[derive(Debug)]
enum Shown {
    Here(Screen),
    Elsewhere(OutputStream),
}

/// What a terminal of a kernel in this process shows.
struct Screen {
    line: Arc<tty::Terminal>,
    master: Arc<OpenFile>,
    waiter: Arc<Waiter>,
    _registration: Option<Registration>,
    /// Completes when the program ends.
    end: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    has_ended: bool,
}

impl TerminalOutput {
    /// The next bytes, or nothing once there are no more. Safe to drop.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        match &mut self.0 {
            Shown::Here(screen) => screen.poll_chunk(cx),
            Shown::Elsewhere(stream) => futures_core::Stream::poll_next(Pin::new(stream), cx),
        }
    }
}

impl Screen {
    fn of(inner: &Here) -> Self {
        let waiter = Waiter::new();
        let registration = inner
            .master
            .wait_queue()
            .map(|queue| queue.register(Arc::clone(&waiter) as _));
        let child = inner.child.clone();
        Self {
            line: Arc::clone(&inner.line),
            master: Arc::clone(&inner.master),
            waiter,
            _registration: registration,
            end: Box::pin(async move {
                child.wait().await;
            }),
            has_ended: false,
        }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        loop {
            // Asked before reading: what was written before the end is then there to be read.
            self.has_ended = self.has_ended || self.end.as_mut().poll(cx).is_ready();
            let is_last = self.has_ended || self.line.is_hung_up();
            let mut chunk = vec![0; CHUNK];
            match self.master.read(&mut chunk) {
                Ok(count) => {
                    chunk.truncate(count);
                    return Poll::Ready((count > 0).then_some(chunk));
                }
                Err(_) if is_last => return Poll::Ready(None),
                // EIO: nobody has it open now; its program can open it again.
                Err(error) if matches!(error.errno(), Errno::EAGAIN | Errno::EIO) => {}
                Err(_) => return Poll::Ready(None),
            }
            ready!(Future::poll(Pin::new(&mut self.waiter.woken()), cx));
        }
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Screen(ended: {})", self.has_ended)
    }
}

impl futures_core::Stream for TerminalOutput {
    type Item = Vec<u8>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        self.poll_chunk(cx)
    }
}
