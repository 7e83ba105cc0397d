//! The process that supervises workers for this one: `cenote serve`, started when the first machine needs it.
//!
//! It ends with its standard input, whose other end is here: however this process ends, sidecar and workers go too.
//!
//! Lock order: `RUNNING` is held while a sidecar is started; nothing else is taken under it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, watch};
use tonic::transport::{Channel, Endpoint};

use crate::Error;
use crate::host;

/// How long a sidecar may take until it answers.
const START: Duration = Duration::from_secs(60);

/// Bytes of one stream that may be on the way before somebody takes them.
const STREAM_WINDOW: u32 = 256 << 10;

/// The same for all streams together: large, or a few streams that nobody reads would stop the others.
const CONNECTION_WINDOW: u32 = 64 << 20;

/// The sidecars of this process, by their program.
static RUNNING: LazyLock<Mutex<HashMap<PathBuf, Arc<Sidecar>>>> = LazyLock::new(Mutex::default);

/// A running sidecar. The process ends when this is dropped.
#[derive(Debug)]
pub(super) struct Sidecar {
    pub(super) channel: Channel,
    /// Why it ended, once it has.
    ended: watch::Receiver<Option<String>>,
    /// Its end is the sidecar's.
    _stdin: tokio::process::ChildStdin,
}

/// What a sidecar says when it listens.
#[derive(Deserialize)]
struct Announcement {
    version: String,
    #[serde(default)]
    revision: u32,
}

fn failed(reason: impl std::fmt::Display) -> Error {
    Error::Runtime {
        runtime: "worker",
        reason: reason.to_string(),
    }
}

impl Sidecar {
    /// The sidecar of this process that runs `program`, started if there is none that lives.
    pub(super) async fn shared(program: &Path) -> Result<Arc<Self>, Error> {
        let mut running = RUNNING.lock().await;
        if let Some(sidecar) = running.get(program)
            && sidecar.ended.borrow().is_none()
        {
            return Ok(Arc::clone(sidecar));
        }
        let started = tokio::time::timeout(START, Self::start(program)).await;
        let sidecar = Arc::new(started.map_err(|_| failed("the sidecar did not answer in time"))??);
        running.insert(program.to_path_buf(), Arc::clone(&sidecar));
        Ok(sidecar)
    }

    async fn start(program: &Path) -> Result<Self, Error> {
        let directory = Directory::new().map_err(failed)?;
        let socket = directory.0.join("s");
        let unusable = |error: io::Error| failed(format!("{}: {error}", program.display()));
        let mut child = Command::new(program)
            .args(["serve", "--owner-stdin", "--socket"])
            .arg(&socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(unusable)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("the sidecar has no pipes"));
        };
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .await
            .map_err(unusable)?;
        let said: Announcement = serde_json::from_str(&line).map_err(|_| {
            failed(format!(
                "{} is no `cenote`: it said {line:?}",
                program.display()
            ))
        })?;
        if said.version != env!("CARGO_PKG_VERSION") {
            return Err(failed(format!(
                "{} is version {}, this crate is {}",
                program.display(),
                said.version,
                env!("CARGO_PKG_VERSION")
            )));
        }
        if said.revision != cenote_proto::REVISION {
            return Err(failed(format!(
                "{} speaks revision {} of the contract, this crate {}: they are of different builds",
                program.display(),
                said.revision,
                cenote_proto::REVISION
            )));
        }
        let stream = UnixStream::connect(&socket).await.map_err(unusable)?;
        // The one connection is made: nobody else needs the door.
        drop(directory);
        let (tell, ended) = watch::channel(None);
        let channel = connect(stream).await?;
        host::spawn(async move {
            let how = watch_over(child).await;
            tell.send_replace(Some(how));
        });
        Ok(Self {
            channel,
            ended,
            _stdin: stdin,
        })
    }

    /// Why it ended, if it has or does so in a moment.
    pub(super) async fn end(&self) -> Option<String> {
        let mut ended = self.ended.clone();
        let told = ended.wait_for(Option::is_some);
        match tokio::time::timeout(Duration::from_millis(500), told).await {
            Ok(Ok(how)) => how.clone(),
            Ok(Err(_)) => Some("nobody watches over it any more".to_owned()),
            Err(_) => None,
        }
    }
}

async fn watch_over(mut child: Child) -> String {
    match child.wait().await {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

async fn connect(stream: UnixStream) -> Result<Channel, Error> {
    let mut only = Some(stream);
    let connector = tower::service_fn(move |_| {
        let stream = only.take();
        async move {
            stream
                .map(TokioIo::new)
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))
        }
    });
    Endpoint::from_static("http://sidecar")
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect_with_connector(connector)
        .await
        .map_err(failed)
}

/// A directory for this user alone, with the socket in it; removed with this.
struct Directory(PathBuf);

impl Directory {
    fn new() -> io::Result<Self> {
        use std::fmt::Write;
        use std::os::unix::fs::DirBuilderExt;
        let mut random = [0; 12];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let mut name = "cenote-".to_owned();
        for byte in random {
            write!(name, "{byte:02x}").map_err(io::Error::other)?;
        }
        let path = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "the socket's directory was gone already");
        }
    }
}
