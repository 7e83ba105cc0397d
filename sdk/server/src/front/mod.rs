//! The sidecar's own process: it holds no guest. It starts workers, knows which machine lives in which, and passes calls on.
//!
//! `launcher` starts processes, `worker` supervises one, `memory` looks at how much it takes and `ending` kills it; `pool` keeps spares, `vms` makes
//! and ends machines, `forward` listens for them, `pass_on` carries all other calls to where their machine lives, unread; `host_channel` reads those of
//! machines about whose network the embedder decides.
//!
//! Lock order: `Front::state` is a leaf, and so are the pool's.

mod ending;
mod forward;
mod host_channel;
mod launcher;
mod memory;
mod pass_on;
mod pool;
mod vms;
mod worker;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cenote_proto::MAX_MESSAGE;
use cenote_proto::v1::files_server::FilesServer;
use cenote_proto::v1::network_server::NetworkServer;
use cenote_proto::v1::processes_server::ProcessesServer;
use cenote_proto::v1::terminals_server::TerminalsServer;
use cenote_proto::v1::vms_server::VmsServer;
use cenote_proto::v1::{Isolation, Vm};
use parking_lot::Mutex;
use tonic::Status;
use tonic::service::Routes;

use crate::failure::no_such_vm;
use crate::walls::{Grants, Report};
pub(crate) use launcher::Launcher;
pub(crate) use memory::half_of_the_host;
use pass_on::PassOn;
pub(crate) use pool::Pool;
use worker::Worker;

/// Ends of machines that are remembered, so that late calls hear why.
const REMEMBERED: usize = 1_024;

/// A machine and the worker it lives in.
#[derive(Clone, Debug)]
struct Hosted {
    vm: Vm,
    worker: Arc<Worker>,
    /// What the worker may reach of the host.
    grants: Grants,
}

#[derive(Debug, Default)]
struct State {
    live: HashMap<String, Hosted>,
    /// Machines that went with their worker.
    lost: VecDeque<(String, Status)>,
}

/// The sidecar's state.
#[derive(Debug)]
pub(crate) struct Front {
    pool: Pool,
    default_isolation: Isolation,
    walls: Report,
    state: Mutex<State>,
    is_draining: AtomicBool,
}

impl Front {
    pub(crate) fn new(pool: Pool, default_isolation: Isolation, walls: Report) -> Arc<Self> {
        Arc::new(Self {
            pool,
            default_isolation,
            walls,
            state: Mutex::default(),
            is_draining: AtomicBool::new(false),
        })
    }

    /// Makes no machines from now on.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    /// Live machines.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().live.len()
    }

    fn hosted(&self, id: &str) -> Result<Hosted, Status> {
        let state = self.state.lock();
        if let Some(hosted) = state.live.get(id) {
            return Ok(hosted.clone());
        }
        let lost = state.lost.iter().find(|(lost, _)| lost == id);
        Err(lost.map_or_else(|| no_such_vm(id), |(_, status)| status.clone()))
    }

    /// Takes in a machine, and watches over its worker for it.
    fn take_in(self: &Arc<Self>, vm: Vm, worker: &Arc<Worker>, grants: Grants) {
        let id = vm.id.clone();
        let hosted = Hosted {
            vm,
            worker: Arc::clone(worker),
            grants,
        };
        self.state.lock().live.insert(id.clone(), hosted);
        let (front, fate) = (Arc::downgrade(self), worker.fate());
        tokio::spawn(async move {
            let status = fate.status().await;
            let Some(front) = front.upgrade() else { return };
            let mut state = front.state.lock();
            // One that was disposed of is no longer there.
            if state.live.remove(&id).is_some() {
                if state.lost.len() >= REMEMBERED {
                    state.lost.pop_front();
                }
                state.lost.push_back((id, status));
            }
        });
    }

    /// Whether a machine lives in this worker.
    fn is_inhabited(&self, worker: &Arc<Worker>) -> bool {
        let state = self.state.lock();
        state
            .live
            .values()
            .any(|hosted| Arc::ptr_eq(&hosted.worker, worker))
    }

    fn let_go(&self, id: &str) -> Option<Hosted> {
        self.state.lock().live.remove(id)
    }
}

/// The contract's services of a sidecar.
pub(crate) fn routes(front: &Arc<Front>) -> Routes {
    let mut routes = Routes::builder();
    routes
        .add_service(
            VmsServer::new(vms::Service(Arc::clone(front))).max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(PassOn::<ProcessesServer<()>>::new(front))
        .add_service(PassOn::<FilesServer<()>>::new(front))
        .add_service(PassOn::<TerminalsServer<()>>::new(front))
        .add_service(PassOn::<NetworkServer<()>>::new(front))
        .add_service(host_channel::Channels::new(front));
    let mut routes = routes.routes();
    // One method of a service that is passed on otherwise: its path is the more exact one.
    let forward = NetworkServer::new(forward::Service(Arc::clone(front)));
    let router = std::mem::take(routes.axum_router_mut());
    *routes.axum_router_mut() = router.route_service(forward::PATH, forward);
    routes
}
