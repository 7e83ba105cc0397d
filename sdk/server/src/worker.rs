//! A worker: the process in which guests run, behind its walls, spoken to over one connection that it was born with.
//!
//! It serves the same contract as the sidecar, over its standard input (a Unix socket), and ends when that connection does. Its standard output
//! is another such socket, on which it asks its broker for connections out.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use cenote::NodeRuntime;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio_stream::StreamExt;
use tonic::transport::server::Connected;

use crate::door::{CONNECTION_WINDOW, STREAM_WINDOW, STREAMS};
use crate::machines::Machines;
use crate::services;
use crate::walls::{self, Grants, Report};

/// What a worker is started with.
#[derive(Clone, Debug, Default)]
pub struct WorkerOptions {
    /// What it may reach of the host.
    pub grants: Grants,
    /// Run nothing before the first request: for a start that is needed at once.
    pub is_cold: bool,
    /// It is to hold many machines, or one with many processes.
    pub is_roomy: bool,
}

/// WebAssembly programs that can run at once in a worker for one machine and its forks.
const PROGRAMS: u32 = 1_000;

/// Threads that serve calls; guests have their own.
const THREADS: usize = 2;

/// Runs a worker to its end. The process must have one thread.
///
/// # Errors
/// When standard input is not a socket, or the runtime cannot be made.
pub fn run_worker(options: &WorkerOptions) -> io::Result<()> {
    // The thread that starts workers lives as long as the sidecar. A kernel without this leaves us the end of the connection.
    let _dies_with_parent =
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
            .is_ok();
    // Behind the walls nobody tells what the control group lets this process have.
    let _asked = cenote::host_processors();
    let walls = Arc::new(walls::raise(&options.grants));
    if !options.is_roomy {
        cenote::reserve_programs(PROGRAMS);
    }
    let socket = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.set_nonblocking(true)?;
    let broker = io::stdout().as_fd().try_clone_to_owned()?;
    if let Err(error) = cenote::use_broker(broker) {
        // The walls stand all the same: there is no way out then.
        tracing::warn!(%error, "no broker on standard output");
    }
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("cenote-calls")
        .enable_all()
        .build()?;
    let done = tokio.block_on(async {
        // An engine is kept ready as long as this machine, in which nobody runs anything, lives.
        let _kept = if options.is_cold {
            None
        } else {
            warm_up().await
        };
        serve(UnixStream::from_std(socket)?, walls).await
    });
    // Guests may be anywhere; the process ends now.
    tokio.shutdown_background();
    done
}

/// Starts the engines, so that the first machine finds them running, and one of node's ready for it and whoever comes after it.
async fn warm_up() -> Option<NodeRuntime> {
    let warmed = async {
        let rt = NodeRuntime::builder().warm(1).create().await?;
        rt.exec("0").await?;
        rt.shell(":").await?;
        rt.when_warm().await;
        Ok::<_, cenote::Error>(rt)
    };
    match warmed.await {
        Ok(rt) => Some(rt),
        Err(error) => {
            tracing::warn!(%error, "the engines did not start; the first machine will say why");
            None
        }
    }
}

async fn serve(socket: UnixStream, walls: Arc<Report>) -> io::Result<()> {
    let gone = Arc::new(Notify::new());
    let connection = Watched {
        socket,
        gone: Arc::clone(&gone),
    };
    let incoming =
        tokio_stream::once(Ok::<_, io::Error>(connection)).chain(tokio_stream::pending());
    let routes = services::routes(&Arc::new(Machines::default()), &walls);
    let server = tonic::transport::Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .serve_with_incoming(routes.prepare(), incoming);
    tokio::select! {
        served = server => served.map_err(io::Error::other),
        () = gone.notified() => Ok(()),
    }
}

/// The connection; tells when it is closed.
struct Watched {
    socket: UnixStream,
    gone: Arc<Notify>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.gone.notify_one();
    }
}

impl Connected for Watched {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
