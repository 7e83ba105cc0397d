//! The machines that live in this OS process.
//!
//! Lock order: `Machines::live`, `Machine::started`, `Machine::request`, `Snapshots::kept` and `Terminals::open` are leaves.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cenote::{NodeRuntime, Process, Snapshot, Terminal};
use cenote_proto::v1::{CreateVmRequest, ErrorDetail};
use cenote_proto::{VM_METADATA, status_with};
use parking_lot::Mutex;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::failure::{
    disposed, failure, no_such_process, no_such_snapshot, no_such_vm, of_error, option,
};
use crate::host_link::HostLink;

/// Ended processes that are remembered for `Wait` and `Attach`.
const REMEMBERED: usize = 1_024;

/// One machine and what was started in it from outside.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) id: String,
    pub(crate) rt: NodeRuntime,
    pub(crate) created_ms: u64,
    pub(crate) labels: HashMap<String, String>,
    /// Bytes kept of one stream of one captured call.
    pub(crate) output_limit: usize,
    /// Wall time of a call that does not say.
    pub(crate) wall_time: Option<Duration>,
    started: Mutex<BTreeMap<i32, Process>>,
    pub(crate) terminals: Terminals,
    /// The way to the embedder.
    pub(crate) link: Arc<HostLink>,
    is_disposed: AtomicBool,
    /// What another machine like this one is made with.
    pub(crate) request: Mutex<CreateVmRequest>,
    pub(crate) snapshots: Snapshots,
}

/// What a machine is made with, besides its options.
#[derive(Debug)]
pub(crate) struct Particulars {
    pub(crate) id: String,
    pub(crate) labels: HashMap<String, String>,
    pub(crate) output_limit: usize,
    pub(crate) wall_time: Option<Duration>,
    pub(crate) link: Arc<HostLink>,
    pub(crate) request: CreateVmRequest,
}

impl Machine {
    pub(crate) fn new(rt: NodeRuntime, particulars: Particulars) -> Arc<Self> {
        Arc::new(Self {
            id: particulars.id,
            rt,
            created_ms: now_ms(),
            labels: particulars.labels,
            output_limit: particulars.output_limit,
            wall_time: particulars.wall_time,
            started: Mutex::default(),
            terminals: Terminals::default(),
            link: particulars.link,
            is_disposed: AtomicBool::new(false),
            request: Mutex::new(particulars.request),
            snapshots: Snapshots::default(),
        })
    }

    /// Remembers a process by its id; forgets those that ended long ago.
    pub(crate) fn remember(&self, process: &Process) {
        let mut started = self.started.lock();
        if started.len() >= REMEMBERED {
            let mut surplus = started.len() - REMEMBERED / 2;
            started.retain(|_, process| {
                let goes = surplus > 0 && process.exit_code().is_some();
                surplus -= usize::from(goes);
                !goes
            });
        }
        started.insert(process.pid(), process.clone());
    }

    pub(crate) fn process(&self, pid: i32) -> Result<Process, Status> {
        let found = self.started.lock().get(&pid).cloned();
        found.ok_or_else(|| no_such_process(&self.id, pid))
    }

    /// A failure of the SDK as the contract tells it.
    pub(crate) fn failed(&self, error: &cenote::Error) -> Status {
        if self.is_disposed.load(Ordering::Acquire) {
            disposed(&self.id)
        } else {
            of_error(&self.id, error)
        }
    }

    /// Fails when the machine was disposed of meanwhile: what its processes came to says nothing then.
    pub(crate) fn check_live(&self) -> Result<(), Status> {
        if self.is_disposed.load(Ordering::Acquire) {
            return Err(disposed(&self.id));
        }
        Ok(())
    }

    async fn dispose(&self) {
        self.is_disposed.store(true, Ordering::Release);
        self.rt.dispose().await;
        self.started.lock().clear();
        self.terminals.open.lock().clear();
        self.snapshots.kept.lock().clear();
        self.link.end();
    }
}

/// A machine's terminals, by the number that callers know.
#[derive(Debug, Default)]
pub(crate) struct Terminals {
    open: Mutex<BTreeMap<u64, Terminal>>,
    last: AtomicU64,
}

impl Terminals {
    /// Lets go of those whose program has ended, whom nobody will miss; whether there was one.
    pub(crate) fn drop_ended(&self) -> bool {
        let mut open = self.open.lock();
        let (ended, live) = std::mem::take(&mut *open)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, terminal)| terminal.exit_code().is_some());
        *open = live;
        drop(open);
        for terminal in ended.values() {
            terminal.hang_up();
        }
        !ended.is_empty()
    }

    pub(crate) fn add(&self, terminal: Terminal) -> u64 {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.open.lock().insert(number, terminal);
        number
    }

    pub(crate) fn get(&self, number: u64) -> Result<Terminal, Status> {
        let found = self.open.lock().get(&number).cloned();
        found.ok_or_else(|| {
            failure(
                Code::NotFound,
                "NO_SUCH_TERMINAL",
                format!("there is no terminal {number}"),
            )
        })
    }

    pub(crate) fn remove(&self, number: u64) -> Option<Terminal> {
        self.open.lock().remove(&number)
    }
}

/// Snapshots kept of one machine.
const SNAPSHOTS: usize = 1_024;

/// A machine's snapshots, by the number in their id.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    kept: Mutex<BTreeMap<u64, Snapshot>>,
    last: AtomicU64,
}

/// What a snapshot's id says: its machine and its number there. Machines' ids have no `@`.
pub(crate) fn parts_of(snapshot: &str) -> Result<(&str, u64), Status> {
    snapshot
        .split_once('@')
        .and_then(|(vm, number)| Some((vm, number.parse().ok()?)))
        .ok_or_else(|| no_such_snapshot(snapshot))
}

impl Snapshots {
    pub(crate) fn add(&self, snapshot: Snapshot) -> Result<u64, Status> {
        let mut kept = self.kept.lock();
        if kept.len() >= SNAPSHOTS {
            let detail = ErrorDetail {
                code: "LIMIT".into(),
                limit: "snapshots".into(),
                ..ErrorDetail::default()
            };
            return Err(status_with(
                Code::ResourceExhausted,
                format!("{SNAPSHOTS} snapshots are kept of this machine; drop some"),
                &detail,
            ));
        }
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        kept.insert(number, snapshot);
        Ok(number)
    }

    pub(crate) fn get(&self, number: u64) -> Option<Snapshot> {
        self.kept.lock().get(&number).cloned()
    }

    pub(crate) fn remove(&self, number: u64) {
        let removed = self.kept.lock().remove(&number);
        drop(removed);
    }
}

/// All of them, by id.
#[derive(Debug, Default)]
pub(crate) struct Machines {
    live: Mutex<HashMap<String, Arc<Machine>>>,
}

impl Machines {
    pub(crate) fn get(&self, id: &str) -> Result<Arc<Machine>, Status> {
        let found = self.live.lock().get(id).cloned();
        found.ok_or_else(|| no_such_vm(id))
    }

    /// The machine that a call's metadata names.
    pub(crate) fn named_by(&self, metadata: &MetadataMap) -> Result<Arc<Machine>, Status> {
        self.get(vm_of(metadata)?)
    }

    /// A snapshot by its id.
    pub(crate) fn snapshot(&self, id: &str) -> Result<Snapshot, Status> {
        let (vm, number) = parts_of(id)?;
        let machine = self.get(vm).map_err(|_| no_such_snapshot(id))?;
        let found = machine.snapshots.get(number);
        found.ok_or_else(|| no_such_snapshot(id))
    }

    pub(crate) fn add(&self, machine: Arc<Machine>) {
        self.live.lock().insert(machine.id.clone(), machine);
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.live.lock().contains_key(id)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Machine>> {
        let mut all: Vec<_> = self.live.lock().values().cloned().collect();
        all.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
        all
    }

    pub(crate) async fn dispose(&self, id: &str) {
        let machine = self.live.lock().remove(id);
        if let Some(machine) = machine {
            machine.dispose().await;
        }
    }
}

/// The machine's id in a call's metadata.
pub(crate) fn vm_of(metadata: &MetadataMap) -> Result<&str, Status> {
    metadata
        .get(VM_METADATA)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| option(VM_METADATA, "the call's metadata names no machine"))
}

/// A new id, or the one asked for.
pub(crate) fn check_id(asked: &str) -> Result<String, Status> {
    if asked.is_empty() {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| Status::internal(error.to_string()))?;
        return Ok(format!("vm-{:016x}", u64::from_ne_bytes(random)));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if asked.len() > 64 || !asked.bytes().all(is_plain) {
        return Err(option("id", "at most 64 of [A-Za-z0-9_.-]"));
    }
    Ok(asked.to_owned())
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
