//! Starts workers, from one thread that lives as long as the sidecar: a worker dies with the thread that started it.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// The environment a worker keeps: where compiled modules and commands lie.
const KEPT: [&str; 5] = [
    "HOME",
    "XDG_CACHE_HOME",
    "CENOTE_CACHE_DIR",
    "CENOTE_WASM_COMMANDS_DIR",
    "SECURE_EXEC_WASM_COMMANDS_DIR",
];

/// A process that was started, and our end of its connection.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) socket: UnixStream,
    /// Our end of the socket on which it asks for connections.
    pub(crate) broker: OwnedFd,
}

enum Order {
    Worker {
        args: Vec<OsString>,
        answer: oneshot::Sender<io::Result<Started>>,
    },
    Once {
        args: Vec<OsString>,
        answer: oneshot::Sender<io::Result<Child>>,
    },
}

/// The thread that starts workers.
#[derive(Clone, Debug)]
pub(crate) struct Launcher {
    orders: mpsc::Sender<Order>,
    /// Bytes of memory that one worker may take.
    pub(crate) memory: u64,
}

impl Launcher {
    /// `program` is what becomes a worker when started with `args` and those of an order; it may take `memory` bytes.
    pub(crate) fn new(program: PathBuf, args: Vec<OsString>, memory: u64) -> io::Result<Self> {
        let (orders, waiting) = mpsc::channel::<Order>();
        let handle = Handle::current();
        std::thread::Builder::new()
            .name("cenote-launcher".into())
            .spawn(move || {
                let _entered = handle.enter();
                // Whoever does not wait any more drops the process, which ends it.
                while let Ok(order) = waiting.recv() {
                    match order {
                        Order::Worker { args: more, answer } => {
                            drop(answer.send(start(&program, args.iter().chain(&more))));
                        }
                        Order::Once { args, answer } => {
                            drop(answer.send(command(&program, &args).spawn()));
                        }
                    }
                }
            })?;
        Ok(Self { orders, memory })
    }

    /// Starts a worker.
    pub(crate) async fn launch(&self, args: Vec<OsString>) -> io::Result<Started> {
        let (answer, started) = oneshot::channel();
        let gone = || io::Error::other("the launcher has ended");
        self.orders
            .send(Order::Worker { args, answer })
            .map_err(|_| gone())?;
        started.await.map_err(|_| gone())?
    }

    /// Runs the program to its end. That it fails is no error of anybody's: what it prepares is made later then, less cheaply.
    pub(crate) async fn prepare(&self, args: Vec<OsString>) {
        let (answer, started) = oneshot::channel();
        if self.orders.send(Order::Once { args, answer }).is_err() {
            return;
        }
        let Ok(Ok(mut child)) = started.await else {
            return;
        };
        match child.wait().await {
            Ok(status) if status.success() => {}
            Ok(status) => tracing::warn!(%status, "the commands were not prepared"),
            Err(error) => tracing::warn!(%error, "the commands were not prepared"),
        }
    }
}

fn command<'a>(program: &PathBuf, args: impl IntoIterator<Item = &'a OsString>) -> Command {
    let kept = KEPT
        .iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .envs(kept)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

fn start<'a>(program: &PathBuf, args: impl Iterator<Item = &'a OsString>) -> io::Result<Started> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let (broker, asks) = cenote::broker_pair()?;
    let child = command(program, args)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(asks))
        .stderr(Stdio::piped())
        .spawn()?;
    Ok(Started {
        child,
        socket: ours,
        broker,
    })
}
