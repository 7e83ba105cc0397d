//! One machine: a kernel, what its processes start with, and its end.
//!
//! Lock order: `Machine::host_functions`, held while a collection is added, then the kernel's own. The lock in `Machine::place` and `Machine::given` are leaves; the
//! kernel is used after it is released. A machine in another process has a [`Remote`] in the kernel's place.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cenote_abi::signal::SigNum;
use cenote_base::{Credentials, Pgid, Pid, Sid};
use cenote_kernel::Kernel;
use cenote_proto::v1::SignalScope;
use cenote_vfs::OpenFile;
use parking_lot::Mutex;

use crate::ask::Permit;
use crate::environment::{Environment, Variables};
use crate::events::Events;
use crate::files::HostView;
use crate::host::MemoryLimits;
use crate::host_functions::{self, Collections};
use crate::watch::Watchers;
use crate::worker::{Embedder, Remote};
use crate::{Error, HostFunctions, NodeRuntimeBuilder, host};

/// How long a call that killed what it started waits for its end.
const ENDING: Duration = Duration::from_secs(5);

/// What processes of a machine start with.
#[derive(Clone, Debug)]
pub(crate) struct Defaults {
    pub(crate) env: Environment,
    pub(crate) cwd: String,
    pub(crate) credentials: Credentials,
    /// Bytes of output kept for one stream of one call.
    pub(crate) output_limit: usize,
    /// What each process of the machine may have.
    pub(crate) memory: MemoryLimits,
}

/// A machine and its handle's data.
pub(crate) struct Machine {
    place: Place,
    defaults: Defaults,
    /// The embedder's functions, once there are some.
    host_functions: Mutex<Option<Arc<Collections>>>,
    events: Arc<Events>,
    permit: Arc<Permit>,
    /// What a fork is made with.
    recipe: NodeRuntimeBuilder,
    /// The embedder's functions as they were given, for forks.
    given: Mutex<Vec<HostFunctions>>,
    watchers: Watchers,
}

/// Where the machine lives.
enum Place {
    /// In this process, until it is disposed of.
    Here(Mutex<Option<Live>>),
    /// In another.
    Elsewhere(Remote, Embedder),
}

#[derive(Clone)]
struct Live {
    kernel: Arc<Kernel>,
    view: Arc<HostView>,
}

impl Machine {
    pub(crate) fn new(
        kernel: Arc<Kernel>,
        defaults: Defaults,
        events: Arc<Events>,
        permit: Arc<Permit>,
        recipe: NodeRuntimeBuilder,
    ) -> Arc<Self> {
        let view = HostView::new(kernel.namespace().root(), defaults.cwd.as_bytes());
        Arc::new(Self {
            place: Place::Here(Mutex::new(Some(Live {
                kernel,
                view: Arc::new(view),
            }))),
            defaults,
            host_functions: Mutex::new(None),
            events,
            permit,
            recipe,
            given: Mutex::default(),
            watchers: Watchers::default(),
        })
    }

    /// A machine in another process; `functions` when it asks for them already.
    pub(crate) fn elsewhere(
        remote: Remote,
        embedder: Embedder,
        defaults: Defaults,
        events: Arc<Events>,
        permit: Arc<Permit>,
        functions: Option<Arc<Collections>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            place: Place::Elsewhere(remote, embedder),
            defaults,
            host_functions: Mutex::new(functions),
            events,
            permit,
            // Forks are made there.
            recipe: NodeRuntimeBuilder::default(),
            given: Mutex::default(),
            watchers: Watchers::default(),
        })
    }

    /// The machine, if it lives in another process.
    pub(crate) fn remote(&self) -> Option<&Remote> {
        match &self.place {
            Place::Here(_) => None,
            Place::Elsewhere(remote, _) => Some(remote),
        }
    }

    /// Adds functions of the embedder; with the first the machine begins to listen for calls.
    pub(crate) fn add_host_functions(
        &self,
        functions: impl IntoIterator<Item = HostFunctions>,
    ) -> Result<(), Error> {
        let functions: Vec<HostFunctions> = functions.into_iter().collect();
        let given = functions.clone();
        let compiled = functions
            .into_iter()
            .map(HostFunctions::compile)
            .collect::<Result<Vec<_>, _>>()?;
        if compiled.is_empty() {
            return Ok(());
        }
        if let Place::Elsewhere(remote, embedder) = &self.place {
            let mut slot = self.host_functions.lock();
            let asks_already = slot.is_some();
            let collections = Arc::clone(slot.get_or_insert_default());
            for collection in compiled {
                collections.add(collection);
            }
            let embedder = embedder.with_functions(&collections);
            return remote.register(embedder, &collections, asks_already);
        }
        let live = self.live()?;
        let failed = |cause| Error::File {
            operation: "register",
            path: "/usr/lib/cenote".into(),
            cause,
        };
        let mut slot = self.host_functions.lock();
        let collections = match &*slot {
            Some(collections) => Arc::clone(collections),
            None => {
                let collections = Arc::<Collections>::default();
                host_functions::serve(&live.kernel, &collections, &self.permit).map_err(failed)?;
                Arc::clone(slot.insert(collections))
            }
        };
        for collection in compiled {
            collections.add(collection);
        }
        // Not by the working directory, which may be in a filesystem of the embedder.
        HostView::new(live.kernel.namespace().root(), b"/")
            .in_context(|cx| host_functions::write_files(cx, &collections))
            .map_err(failed)?;
        self.given.lock().extend(given);
        Ok(())
    }

    /// What another machine like this one is made with, but for its files.
    pub(crate) fn recipe(&self) -> NodeRuntimeBuilder {
        let given = self.given.lock().clone();
        self.recipe.clone().with_host_functions(given)
    }

    /// A fork of a machine in another process; nothing for one in this.
    pub(crate) async fn fork_elsewhere(&self) -> Result<Option<Arc<Self>>, Error> {
        let Place::Elsewhere(remote, embedder) = &self.place else {
            return Ok(None);
        };
        let fork = remote.fork().await?;
        let events = Arc::<Events>::default();
        events.made();
        let permit = Arc::new(self.permit.of_fork(&events));
        let functions = self.host_functions.lock().clone();
        let asks = functions.is_some();
        let functions = Arc::new(functions.map_or_else(Collections::default, |all| all.copy()));
        let embedder = embedder.fork(&permit, &functions);
        if asks {
            embedder.clone().serve(&fork).await?;
        }
        let functions = asks.then_some(functions);
        let defaults = self.defaults.clone();
        let machine = Self::elsewhere(fork, embedder, defaults, events, permit, functions);
        Ok(Some(machine))
    }

    pub(crate) fn watchers(&self) -> &Watchers {
        &self.watchers
    }

    fn live(&self) -> Result<Live, Error> {
        match &self.place {
            Place::Here(live) => live.lock().clone().ok_or(Error::Disposed),
            Place::Elsewhere(..) => Err(Error::NotOffered {
                what: "what needs the machine's kernel in this process".to_owned(),
            }),
        }
    }

    pub(crate) fn kernel(&self) -> Result<Arc<Kernel>, Error> {
        Ok(self.live()?.kernel)
    }

    pub(crate) fn host_view(&self) -> Result<Arc<HostView>, Error> {
        Ok(self.live()?.view)
    }

    pub(crate) fn events(&self) -> &Arc<Events> {
        &self.events
    }

    pub(crate) fn permit(&self) -> &Arc<Permit> {
        &self.permit
    }

    pub(crate) fn env(&self) -> &Variables {
        self.defaults.env.settle(&self.permit)
    }

    pub(crate) fn cwd(&self) -> &str {
        &self.defaults.cwd
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.defaults.credentials
    }

    pub(crate) fn memory(&self) -> MemoryLimits {
        self.defaults.memory
    }

    pub(crate) fn output_limit(&self) -> usize {
        self.defaults.output_limit
    }

    /// A pipe of the machine with an end for us: (read, write).
    pub(crate) fn pipe(&self) -> Result<(Arc<OpenFile>, Arc<OpenFile>), Error> {
        self.kernel()?.pipe().map_err(|cause| Error::Start {
            program: "a pipe".into(),
            cause,
        })
    }

    /// Kills every process of the session that `leader` began.
    pub(crate) fn kill_session(&self, leader: Pid) {
        if let Some(remote) = self.remote() {
            let scope = SignalScope::Session;
            return remote.signal_all(leader.raw(), SigNum::SIGKILL, scope);
        }
        if let Ok(kernel) = self.kernel()
            && !kernel.kill_session(Sid::new(leader.raw()))
        {
            tracing::debug!(%leader, "already gone");
        }
    }

    /// Kills every process of the session that `leader` began, and waits a while until they are gone: the machine counts them until then.
    pub(crate) async fn end_session(&self, leader: Pid) {
        if let Some(remote) = self.remote() {
            return remote.end_session(leader.raw()).await;
        }
        let Ok(kernel) = self.kernel() else { return };
        let ending = kernel.end_session(Sid::new(leader.raw()));
        if tokio::time::timeout(ENDING, ending).await.is_err() {
            tracing::warn!(%leader, "processes of a session that was killed are still there");
        }
    }

    /// Sends a signal to the group that `leader` began.
    pub(crate) fn signal_group(&self, leader: Pid, signal: SigNum) {
        if let Some(remote) = self.remote() {
            return remote.signal_all(leader.raw(), signal, SignalScope::Group);
        }
        if let Ok(kernel) = self.kernel() {
            let group = Pgid::new(leader.raw());
            for process in kernel
                .processes()
                .iter()
                .filter(|process| process.group == group)
            {
                if let Err(error) = kernel.kill(process.pid, signal) {
                    tracing::debug!(pid = %process.pid, %error, "already gone");
                }
            }
        }
    }

    /// Kills all processes, waits for their end, lets go of kernel and files.
    pub(crate) async fn dispose(&self) {
        self.watchers.close();
        match &self.place {
            Place::Here(live) => {
                let live = live.lock().take();
                if let Some(live) = live {
                    live.kernel.shutdown().await;
                }
            }
            Place::Elsewhere(remote, _) => remote.dispose().await,
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.watchers.close();
        // One in another process is disposed of with its last handle.
        if let Place::Here(live) = &mut self.place
            && let Some(live) = live.get_mut().take()
        {
            host::spawn(async move { live.kernel.shutdown().await });
        }
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.place {
            Place::Here(live) if live.lock().is_some() => "live",
            Place::Here(_) => "disposed",
            Place::Elsewhere(..) => "in another process",
        };
        write!(f, "Machine({state})")
    }
}
