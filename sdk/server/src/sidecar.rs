//! The sidecar's life: opens its door, serves until its owner ends or it is told to, drains.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use cenote_proto::v1::Isolation;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::service::Routes;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic_health::ServingStatus;
use tower::{Layer, Service};
use tracing::Instrument;

use crate::door::{
    CONNECTION_WINDOW, Listen, STREAM_WINDOW, STREAMS, Tls, Token, bind_tcp, bind_unix,
    of_this_user,
};
use crate::front::{self, Front, Launcher, Pool, half_of_the_host};
use crate::metrics::{Metrics, Page};
use crate::telemetry::{self, TelemetryError, TelemetryOptions};
use crate::walls::{Grants, OwnWalls};

/// How a sidecar is started.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where callers come in.
    pub listen: Listen,
    /// What a machine gets that does not say.
    pub isolation: Isolation,
    /// Warm workers kept ready.
    pub spares: usize,
    /// Bytes of memory that one worker may take, with all machines in it: past them it is ended. Default half of what the host has.
    pub worker_memory: Option<u64>,
    /// The program that becomes a worker when started with `worker_args`.
    pub worker: PathBuf,
    /// See `worker`.
    pub worker_args: Vec<OsString>,
    /// Arguments with which `worker` runs the shipped commands once, unconfined and without any guest's code, so that they are compiled
    /// into the cache that workers read and cannot write. Empty: nothing is run.
    pub prepare_args: Vec<OsString>,
    /// End when standard input does.
    pub ends_with_stdin: bool,
    /// How long calls may go on after SIGTERM.
    pub drain: Duration,
    /// Where Prometheus reads `/metrics`, over plain HTTP; none by default.
    pub metrics: Option<SocketAddr>,
    /// Logs and traces.
    pub telemetry: TelemetryOptions,
}

/// Why a sidecar could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket, a thread, a signal handler.
    #[error("{what}: {cause}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        cause: io::Error,
    },
    /// The token is too short to be a secret.
    #[error("a token has at least 16 bytes")]
    Token,
    /// TLS or HTTP/2.
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
    /// Logs and traces.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The descriptors of the contract.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> ServeError {
    let what = what.into();
    move |cause| ServeError::Io { what, cause }
}

/// Bytes a token has at least.
const TOKEN: usize = 16;

/// Serves until the owner ends, or SIGTERM or SIGINT came and calls have ended. Calls `ready` with a line of JSON that
/// has the address, once callers may come. `walls` is what [`raise_own`](crate::raise_own) gave, or
/// [`OwnWalls::none`] in a process that is more than a sidecar.
///
/// # Errors
/// When the door cannot be opened or the set-up makes no sense.
pub fn serve(
    options: ServeOptions,
    walls: OwnWalls,
    ready: impl FnOnce(&str),
) -> Result<(), ServeError> {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .thread_name("cenote-sidecar")
        .enable_all()
        .build()
        .map_err(io_error("the async runtime"))?;
    let served = tokio.block_on(run(options, walls, ready));
    tokio.shutdown_background();
    served
}

async fn run(
    options: ServeOptions,
    walls: OwnWalls,
    ready: impl FnOnce(&str),
) -> Result<(), ServeError> {
    let _telemetry = telemetry::begin(&options.telemetry)?;
    let memory = options.worker_memory.unwrap_or_else(half_of_the_host);
    let launcher = Launcher::new(options.worker, options.worker_args, memory)
        .map_err(io_error("the launcher of workers"))?;
    let common = Grants {
        read: cenote::host_reads(),
        ..Grants::default()
    };
    let front = Front::new(
        Pool::new(launcher, common, options.spares, options.prepare_args),
        options.isolation,
        walls.into_report(),
    );
    let metrics = Metrics::default();
    if let Some(address) = options.metrics {
        publish(address, &metrics, &front).await?;
    }
    let (health, routes) = routes(&front).await?;
    let end = watch_for_the_end(
        options.ends_with_stdin,
        options.drain,
        &front,
        &metrics,
        health,
    )?;
    let layer = Gate {
        token: match &options.listen {
            Listen::Unix(_) => Token::none(),
            Listen::Tcp { token, .. } if token.len() < TOKEN => return Err(ServeError::Token),
            Listen::Tcp { token, .. } => Token::new(token),
        },
        metrics,
    };
    open(options.listen, layer, routes, end, ready).await
}

/// The contract, health and reflection.
async fn routes(
    front: &Arc<Front>,
) -> Result<(tonic_health::server::HealthReporter, Routes), ServeError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    for name in [
        "cenote.v1.Vms",
        "cenote.v1.Processes",
        "cenote.v1.Files",
        "cenote.v1.Terminals",
        "cenote.v1.Network",
        "cenote.v1.HostChannel",
    ] {
        health
            .set_service_status(name, ServingStatus::Serving)
            .await;
    }
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(cenote_proto::DESCRIPTORS)
        .build_v1()?;
    let routes = front::routes(front)
        .add_service(health_service)
        .add_service(reflection);
    Ok((health, routes.prepare()))
}

/// Opens the door and serves until `end` says so.
async fn open(
    listen: Listen,
    gate: Gate,
    routes: Routes,
    mut end: watch::Receiver<bool>,
    ready: impl FnOnce(&str),
) -> Result<(), ServeError> {
    let ended = async move {
        // A sender that is gone is an end too.
        let _told = end.wait_for(|ended| *ended).await.is_ok();
    };
    let server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .layer(gate);
    match listen {
        Listen::Unix(path) => {
            let (listener, _file) =
                bind_unix(&path).map_err(io_error(path.display().to_string()))?;
            ready(&announcement(&format!("unix:{}", path.display())));
            tokio::select! {
                served = server.serve_with_incoming(routes, of_this_user(listener)) => served?,
                () = ended => {}
            }
        }
        Listen::Tcp { address, tls, .. } => {
            let mut server = server.tls_config(identity(&tls))?;
            let (incoming, bound) = bind_tcp(address)
                .await
                .map_err(io_error(address.to_string()))?;
            ready(&announcement(&format!("https://{bound}")));
            tokio::select! {
                served = server.add_routes(routes).serve_with_incoming(incoming) => served?,
                () = ended => {}
            }
        }
    }
    Ok(())
}

/// What a parent reads to find the door.
fn announcement(address: &str) -> String {
    serde_json::json!({
        "listening": address,
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "revision": cenote_proto::REVISION,
    })
    .to_string()
}

fn identity(tls: &Tls) -> ServerTlsConfig {
    ServerTlsConfig::new().identity(Identity::from_pem(&tls.certificate, &tls.key))
}

/// Serves `/metrics`.
async fn publish(
    address: SocketAddr,
    metrics: &Metrics,
    front: &Arc<Front>,
) -> Result<(), ServeError> {
    let (incoming, bound) = bind_tcp(address)
        .await
        .map_err(io_error(address.to_string()))?;
    tracing::info!(%bound, "metrics");
    let front = Arc::clone(front);
    let page = Page {
        metrics: metrics.clone(),
        machines: Arc::new(move || front.count()),
    };
    tokio::spawn(
        Server::builder()
            .accept_http1(true)
            .serve_with_incoming(page, incoming),
    );
    Ok(())
}

/// Tells when to end: the owner's end, or a signal and then the end of all calls.
fn watch_for_the_end(
    with_stdin: bool,
    drain: Duration,
    front: &Arc<Front>,
    metrics: &Metrics,
    health: tonic_health::server::HealthReporter,
) -> Result<watch::Receiver<bool>, ServeError> {
    let (tell, end) = watch::channel(false);
    let tell = Arc::new(tell);
    if with_stdin {
        let tell = Arc::clone(&tell);
        std::thread::Builder::new()
            .name("cenote-owner".into())
            .spawn(move || {
                // Whatever comes is nothing to us; the end is.
                let _copied = io::copy(&mut io::stdin().lock(), &mut io::sink()).is_ok();
                tell.send_replace(true);
            })
            .map_err(io_error("the thread that watches the owner"))?;
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(io_error("SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(io_error("SIGINT"))?;
    let (front, metrics) = (Arc::clone(front), metrics.clone());
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        front.drain();
        health
            .set_service_status("", ServingStatus::NotServing)
            .await;
        tokio::select! {
            () = quiet(&metrics) => {}
            () = tokio::time::sleep(drain) => tracing::warn!("calls were under way at the end"),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tell.send_replace(true);
    });
    Ok(end)
}

/// How often a sidecar that is ending looks whether calls are under way.
const LOOK: Duration = Duration::from_millis(50);

async fn quiet(metrics: &Metrics) {
    while metrics.under_way() > 0 {
        tokio::time::sleep(LOOK).await;
    }
}

/// Stands before all services: checks the token, counts, traces.
#[derive(Clone, Debug)]
struct Gate {
    token: Token,
    metrics: Metrics,
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated {
            gate: self.clone(),
            inner,
        }
    }
}

/// A service behind the gate.
#[derive(Clone, Debug)]
struct Gated<S> {
    gate: Gate,
    inner: S,
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if let Err(status) = self.gate.token.check(request.headers()) {
            return Box::pin(async move { Ok(status.into_http()) });
        }
        let path = request.uri().path();
        let under_way = self.gate.metrics.begin(path);
        let span = tracing::info_span!("call", otel.name = path, otel.kind = "server");
        let answer = self.inner.call(request);
        let counted = async move {
            let response = answer.await?;
            Ok(response.map(|body| {
                Body::new(Counted {
                    body,
                    _under_way: under_way,
                })
            }))
        };
        Box::pin(counted.instrument(span))
    }
}

/// An answer's body; its call is under way until it is dropped.
struct Counted {
    body: Body,
    _under_way: crate::metrics::UnderWay,
}

impl hyper::body::Body for Counted {
    type Data = prost::bytes::Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Self::Data>, tonic::Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}
