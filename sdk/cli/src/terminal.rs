//! Our terminal as the guest's: keys go in unprocessed, the screen's bytes come out, the window's size follows.
//!
//! While a guest has it our terminal is in raw mode: the machine's own line discipline makes signals of Ctrl-C and Ctrl-Z.
//! [`RawMode`] gives it back as it was, at the end, on signals and before a panic is told of; only `SIGKILL` and an abort leave it raw.

use std::io::IsTerminal;
use std::sync::{Mutex, Once, PoisonError};

use cenote::{NodeRuntime, Terminal, TerminalOptions};
use rustix::process::{Signal as HostSignal, getpid, kill_process};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::outlet::copy;
use crate::session::{Failure, Program, TIMED_OUT, standard_input};

/// Bytes of keys taken at once.
const KEYS: usize = 4 << 10;

/// Whether standard input, output and error are all terminals.
pub(crate) fn is_ours() -> bool {
    std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal()
        && std::io::stderr().is_terminal()
}

/// The settings our terminal had before raw mode.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // A terminal that went away needs nothing any more.
        let _restored: rustix::io::Result<()> =
            tcsetattr(std::io::stdin(), OptionalActions::Drain, &before);
    }
}

/// Puts our terminal into raw mode, remembering how it was.
fn make_raw() -> Result<(), Failure> {
    let current = tcgetattr(std::io::stdin())?;
    let mut raw = current.clone();
    raw.make_raw();
    BEFORE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert(current);
    Ok(tcsetattr(std::io::stdin(), OptionalActions::Drain, &raw)?)
}

/// Our terminal in raw mode, until dropped.
struct RawMode(());

impl RawMode {
    fn enter() -> Result<Self, Failure> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let tell = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                restore();
                tell(info);
            }));
        });
        let guard = Self(());
        make_raw()?;
        Ok(guard)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// The size of our window: columns and rows, 80 and 24 where it says nothing.
fn window() -> (u16, u16) {
    match tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

/// What the guest is told about our terminal: its `TERM` if the machine knows it, and whether it has all colours.
async fn describe(rt: &NodeRuntime, mut options: TerminalOptions) -> TerminalOptions {
    if let Ok(name) = std::env::var("TERM")
        && let Some(first) = name.chars().next().filter(char::is_ascii_alphanumeric)
        && !name.contains('/')
        && rt
            .stat(format!("/usr/share/terminfo/{first}/{name}"))
            .await
            .is_ok()
    {
        options = options.env("TERM", name);
    }
    if let Ok(colours) = std::env::var("COLORTERM") {
        options = options.env("COLORTERM", colours);
    }
    options
}

/// Runs a program of the machine on our terminal; its exit status.
pub(crate) async fn run(
    rt: &NodeRuntime,
    program: Program,
    own_variables: &[String],
    timeout: Option<std::time::Duration>,
) -> Result<i32, Failure> {
    let (cols, rows) = window();
    let (program, args) = program.command_line();
    let mut options = describe(rt, TerminalOptions::new().size(cols, rows)).await;
    // What the user said with --env counts more.
    options
        .env
        .retain(|name, _| !own_variables.iter().any(|own| own == name));
    let terminal = rt.open_terminal(options.program(program, args)).await?;

    let raw = RawMode::enter()?;
    forward_keys(terminal.clone());
    let screen = tokio::task::spawn_blocking({
        let (mut output, terminal) = (terminal.output(), terminal.clone());
        let handle = tokio::runtime::Handle::current();
        move || {
            let shown = copy(|| handle.block_on(output.next()), std::io::stdout());
            // Nobody sees it any more, be it because the program has ended.
            terminal.hang_up();
            drop(shown);
        }
    });
    let status = supervise(&terminal, raw, timeout).await?;
    screen.await?;
    Ok(status)
}

/// Types what comes from our keyboard; hangs up when our terminal does.
fn forward_keys(terminal: Terminal) {
    let mut receiver = standard_input(KEYS);
    tokio::spawn(async move {
        while let Some(keys) = receiver.recv().await {
            if terminal.write(keys).await.is_err() {
                return;
            }
        }
        terminal.hang_up();
    });
}

/// Signals that end `cenote`, with their numbers.
struct Ends {
    hangup: Signal,
    interrupt: Signal,
    quit: Signal,
    terminate: Signal,
}

impl Ends {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.hangup.recv() => SignalKind::hangup(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.quit.recv() => SignalKind::quit(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        }
        .as_raw_value()
    }
}

/// Waits for the end of the program; meanwhile lets the window's size and our own signals through.
async fn supervise(
    terminal: &Terminal,
    raw: RawMode,
    timeout: Option<std::time::Duration>,
) -> Result<i32, Failure> {
    let mut ends = Ends::listen()?;
    let mut resized = signal(SignalKind::window_change())?;
    let mut stopped = signal(SignalKind::from_raw(HostSignal::TSTP.as_raw()))?;
    let mut continued = signal(SignalKind::from_raw(HostSignal::CONT.as_raw()))?;
    let deadline = async {
        match timeout {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
    };
    let mut deadline = std::pin::pin!(deadline);
    loop {
        tokio::select! {
            status = terminal.wait() => {
                drop(raw);
                return Ok(status?);
            }
            number = ends.next() => {
                terminal.hang_up();
                terminal.kill_all();
                drop(raw);
                return Ok(128 + number);
            }
            () = &mut deadline => {
                terminal.kill_all();
                terminal.wait().await?;
                drop(raw);
                return Ok(TIMED_OUT);
            }
            _ = resized.recv() => resize(terminal)?,
            // Another process stops us: our terminal is its user's meanwhile.
            _ = stopped.recv() => {
                restore();
                kill_process(getpid(), HostSignal::STOP)?;
            }
            _ = continued.recv() => {
                make_raw()?;
                resize(terminal)?;
            }
        }
    }
}

fn resize(terminal: &Terminal) -> Result<(), Failure> {
    let (cols, rows) = window();
    Ok(terminal.resize(cols, rows)?)
}
