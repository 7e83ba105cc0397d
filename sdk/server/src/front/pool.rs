//! Workers to be had: warm spares for machines that need no files of the host, new ones for those that do, and the shared ones.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use cenote_proto::v1::DescribeRequest;
use cenote_proto::v1::vms_client::VmsClient;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tonic::{Code, Status};

use super::launcher::Launcher;
use super::worker::Worker;
use crate::failure::{failure, of_error};
use crate::walls::Grants;

/// How long a new worker may take until it answers.
const START: Duration = Duration::from_secs(60);

/// How long to wait after a spare could not be made.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Processes of a machine past which its worker has room for as many programs as a shared one.
const MANY: u64 = 900;

/// How many programs a worker has room for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Room {
    /// Those of one machine and a few forks.
    Usual,
    /// Those of many machines, or of one that is large.
    Much,
}

/// The pool.
#[derive(Debug)]
pub(crate) struct Pool {
    launcher: Launcher,
    /// What every worker may read: compiled modules, commands.
    common: Grants,
    spares: Arc<Spares>,
    shared: tokio::sync::Mutex<Vec<(Grants, Weak<Worker>)>>,
}

#[derive(Debug)]
struct Spares {
    ready: Mutex<VecDeque<Arc<Worker>>>,
    wanted: usize,
    taken: Notify,
}

impl Pool {
    /// A pool that keeps `spares` warm workers, once the program has run with the arguments `prepare`.
    pub(crate) fn new(
        launcher: Launcher,
        common: Grants,
        spares: usize,
        prepare: Vec<OsString>,
    ) -> Self {
        let spares = Arc::new(Spares {
            ready: Mutex::default(),
            wanted: spares,
            taken: Notify::new(),
        });
        let (starter, of_spares) = (launcher.clone(), Arc::downgrade(&spares));
        let of_common = common.clone();
        tokio::spawn(async move {
            if !prepare.is_empty() {
                starter.prepare(prepare).await;
            }
            refill(starter, of_common, of_spares).await;
        });
        Self {
            launcher,
            common,
            spares,
            shared: tokio::sync::Mutex::default(),
        }
    }

    /// A worker for one machine, which may have so many processes.
    pub(crate) async fn own(&self, grants: &Grants, processes: u64) -> Result<Arc<Worker>, Status> {
        if processes > MANY {
            return self.new_worker(grants, Room::Much).await;
        }
        match self.spare(grants) {
            Some(spare) => Self::granted(spare, grants),
            None => self.new_worker(grants, Room::Usual).await,
        }
    }

    fn granted(worker: Arc<Worker>, grants: &Grants) -> Result<Arc<Worker>, Status> {
        if let Some(network) = &grants.network {
            let granted = worker.grant(network);
            granted.map_err(|error| of_error("", &error))?;
        }
        Ok(worker)
    }

    /// A spare, where that will do.
    fn spare(&self, grants: &Grants) -> Option<Arc<Worker>> {
        if !grants.read.is_empty() || !grants.write.is_empty() {
            return None;
        }
        loop {
            let spare = self.spares.take()?;
            if spare.is_alive() {
                return Some(spare);
            }
        }
    }

    /// The worker that machines with these grants share.
    pub(crate) async fn shared(&self, grants: &Grants) -> Result<Arc<Worker>, Status> {
        let mut shared = self.shared.lock().await;
        shared.retain(|(_, worker)| worker.upgrade().is_some_and(|worker| worker.is_alive()));
        let found = shared.iter().find(|(of, _)| of == grants);
        if let Some(worker) = found.and_then(|(_, worker)| worker.upgrade()) {
            return Ok(worker);
        }
        let worker = self.new_worker(grants, Room::Much).await?;
        shared.push((grants.clone(), Arc::downgrade(&worker)));
        Ok(worker)
    }

    async fn new_worker(&self, grants: &Grants, room: Room) -> Result<Arc<Worker>, Status> {
        let mut args = self.common.with(grants).to_args();
        args.push("--cold".into());
        if room == Room::Much {
            args.push("--roomy".into());
        }
        let worker = launch(&self.launcher, args).await.map_err(|error| {
            failure(
                Code::Internal,
                "RUNTIME",
                format!("a worker cannot be started: {error}"),
            )
        })?;
        Self::granted(worker, grants)
    }
}

impl Spares {
    fn take(&self) -> Option<Arc<Worker>> {
        let spare = self.ready.lock().pop_front();
        self.taken.notify_one();
        spare
    }
}

/// Starts a worker and waits until it answers.
async fn launch(launcher: &Launcher, args: Vec<OsString>) -> io::Result<Arc<Worker>> {
    let worker = Worker::supervise(launcher.launch(args).await?, launcher.memory)?;
    let mut vms = VmsClient::new(worker.channel());
    let answer = vms.describe(DescribeRequest::default());
    match tokio::time::timeout(START, answer).await {
        Ok(Ok(described)) if described.get_ref().revision == cenote_proto::REVISION => Ok(worker),
        // The program was replaced while this process runs.
        Ok(Ok(described)) => Err(io::Error::other(format!(
            "the program speaks revision {} of the contract, this server {}: start the server again",
            described.get_ref().revision,
            cenote_proto::REVISION
        ))),
        Ok(Err(_)) => Err(io::Error::other(worker.fate().reason().await.to_string())),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Keeps the pool full, as long as there is one.
async fn refill(launcher: Launcher, common: Grants, spares: Weak<Spares>) {
    loop {
        let Some(pool) = spares.upgrade() else { return };
        if pool.ready.lock().len() >= pool.wanted {
            pool.taken.notified().await;
            continue;
        }
        match launch(&launcher, common.to_args()).await {
            Ok(worker) => pool.ready.lock().push_back(worker),
            Err(error) => {
                tracing::warn!(%error, "a spare worker could not be started");
                drop(pool);
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

impl Grants {
    /// Whether all that the others permit is permitted by these.
    pub(super) fn include(&self, others: &Self) -> bool {
        let readable =
            |path: &std::path::PathBuf| self.read.contains(path) || self.write.contains(path);
        others.read.iter().all(readable)
            && others.write.iter().all(|path| self.write.contains(path))
            && (others.network.is_none() || self.network == others.network)
    }

    /// Whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.write.is_empty() && self.network.is_none()
    }

    /// These and others.
    #[must_use]
    pub fn with(&self, more: &Self) -> Self {
        let join = |a: &[std::path::PathBuf], b: &[std::path::PathBuf]| [a, b].concat();
        Self {
            read: join(&self.read, &more.read),
            write: join(&self.write, &more.write),
            network: more.network.clone().or_else(|| self.network.clone()),
            embedder_network: more.embedder_network.clone(),
        }
    }

    /// As a worker's command line has them: those for files.
    fn to_args(&self) -> Vec<OsString> {
        let mut args = Vec::new();
        for (name, paths) in [("--read", &self.read), ("--write", &self.write)] {
            for path in paths {
                args.extend([name.into(), path.clone().into_os_string()]);
            }
        }
        args
    }
}
