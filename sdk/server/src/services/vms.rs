//! The service `Vms` over the machines of this OS process. In a sidecar that has workers, each worker has one of these and the sidecar's
//! own (`front::vms`) speaks to them.

use std::sync::Arc;
use std::time::Duration;

use cenote::{Event as Happened, Snapshot};
use cenote_proto::v1::vms_server::Vms;
use cenote_proto::v1::{
    CreateVmRequest, DescribeReply, DescribeRequest, DisposeVmReply, DisposeVmRequest,
    DropSnapshotReply, DropSnapshotRequest, EventsRequest, ExportChunk, ExportRequest,
    ForkVmRequest, ImportReply, ImportRequest, Isolation, LimitInSight, ListVmsReply,
    ListVmsRequest, Refusal, RegisterHostFunctionsReply, RegisterHostFunctionsRequest,
    ResourceUsage, ResourcesReply, ResourcesRequest, SnapshotReply, SnapshotRequest, Vm, VmEnded,
    VmEvent, WaitUntilWarmReply, WaitUntilWarmRequest, vm_event,
};
use tonic::{Request, Response, Status, Streaming};

use super::{Answers, answers, archive};
use crate::failure::{of_error, option};
use crate::host_link::{self, HostLink};
use crate::machines::{Machine, Machines, Particulars, check_id, now_ms, parts_of};
use crate::options;
use crate::walls::Report;

/// The service.
#[derive(Debug)]
pub(crate) struct Local {
    machines: Arc<Machines>,
    walls: Arc<Report>,
}

impl Local {
    pub(crate) fn new(machines: Arc<Machines>, walls: Arc<Report>) -> Self {
        Self { machines, walls }
    }
}

impl Local {
    /// Makes a machine, from a snapshot if there is one.
    async fn make(&self, request: CreateVmRequest, start: Option<Snapshot>) -> Result<Vm, Status> {
        let id = check_id(&request.id)?;
        if self.machines.contains(&id) {
            return Err(option("id", format!("there is a machine `{id}` already")));
        }
        let link = Arc::<HostLink>::default();
        let mut builder =
            options::builder(&request, &link)?.output_limit(options::output_limit(&request)?);
        if let Some(start) = &start {
            builder = builder.from_snapshot(start);
        }
        let rt = builder
            .create()
            .await
            .map_err(|error| of_error(&id, &error))?;
        let wall_time = request.limits.as_ref().and_then(|asked| asked.wall_time_ms);
        let particulars = Particulars {
            id,
            output_limit: options::output_limit(&request)?,
            labels: request.labels.clone(),
            wall_time: wall_time.map(Duration::from_millis),
            link,
            // A fork has the files as they are, not as they were put in.
            request: CreateVmRequest {
                files: Vec::new(),
                snapshot: String::new(),
                ..request
            },
        };
        let machine = Machine::new(rt, particulars);
        let answer = vm(&machine);
        self.machines.add(machine);
        Ok(answer)
    }
}

fn vm(machine: &Machine) -> Vm {
    Vm {
        id: machine.id.clone(),
        isolation: Isolation::Unspecified.into(),
        created_ms: machine.created_ms,
        labels: machine.labels.clone(),
        worker_pid: std::process::id(),
    }
}

/// What this OS process is.
pub(crate) fn description(walls: &Report, vms: usize) -> DescribeReply {
    DescribeReply {
        version: env!("CARGO_PKG_VERSION").into(),
        revision: cenote_proto::REVISION,
        node_version: cenote::NODE_VERSION.into(),
        default_isolation: Isolation::Process.into(),
        lock_down: Some(walls.to_message()),
        vms: u32::try_from(vms).unwrap_or(u32::MAX),
        pid: std::process::id(),
        unimplemented: options::UNIMPLEMENTED
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
    }
}

fn usage(option: &str, used: u64, limit: u64) -> ResourceUsage {
    let option = cenote::contract_option(option);
    ResourceUsage {
        name: option.trim_start_matches("limits.").into(),
        used,
        limit,
        option: option.into(),
    }
}

/// What happened, in the contract's words; nothing for what it has none for.
fn event(event: Option<Happened>) -> Option<vm_event::Event> {
    Some(match event {
        None => vm_event::Event::Ended(VmEnded { error: None }),
        Some(Happened::Refused {
            scope,
            operation,
            subject,
            reason,
        }) => vm_event::Event::Refusal(Refusal {
            permission: scope.name().into(),
            operation,
            subject,
            reason,
            pid: 0,
        }),
        Some(Happened::LimitNear {
            option,
            used,
            limit,
        }) => in_sight(usage(option, used, limit), false),
        Some(Happened::LimitReached {
            option,
            used,
            limit,
        }) => in_sight(usage(option, used, limit), true),
        Some(Happened::Lost { count }) => vm_event::Event::Lost(count),
        Some(_) => return None,
    })
}

fn in_sight(usage: ResourceUsage, reached: bool) -> vm_event::Event {
    vm_event::Event::Limit(LimitInSight {
        usage: Some(usage),
        reached,
    })
}

#[tonic::async_trait]
impl Vms for Local {
    type ExportStream = Answers<ExportChunk>;
    type EventsStream = Answers<VmEvent>;

    async fn create(&self, request: Request<CreateVmRequest>) -> Result<Response<Vm>, Status> {
        let request = request.into_inner();
        let start = match request.snapshot.as_str() {
            "" => None,
            snapshot => Some(self.machines.snapshot(snapshot)?),
        };
        self.make(request, start).await.map(Response::new)
    }

    async fn list(&self, _: Request<ListVmsRequest>) -> Result<Response<ListVmsReply>, Status> {
        let all = self.machines.all();
        Ok(Response::new(ListVmsReply {
            vms: all.iter().map(|machine| vm(machine)).collect(),
        }))
    }

    async fn dispose(
        &self,
        request: Request<DisposeVmRequest>,
    ) -> Result<Response<DisposeVmReply>, Status> {
        self.machines.dispose(&request.into_inner().vm).await;
        Ok(Response::new(DisposeVmReply {}))
    }

    async fn resources(
        &self,
        request: Request<ResourcesRequest>,
    ) -> Result<Response<ResourcesReply>, Status> {
        let machine = self.machines.get(&request.into_inner().vm)?;
        let uses = machine.rt.resources();
        let uses = uses.map_err(|error| machine.failed(&error))?;
        let resources = uses
            .into_iter()
            .map(|one| usage(one.option, one.used, one.limit));
        Ok(Response::new(ResourcesReply {
            resources: resources.collect(),
        }))
    }

    async fn describe(
        &self,
        _: Request<DescribeRequest>,
    ) -> Result<Response<DescribeReply>, Status> {
        let vms = self.machines.all().len();
        Ok(Response::new(description(&self.walls, vms)))
    }

    async fn snapshot(
        &self,
        request: Request<SnapshotRequest>,
    ) -> Result<Response<SnapshotReply>, Status> {
        let machine = self.machines.get(&request.into_inner().vm)?;
        let kept = machine.rt.snapshot();
        let kept = kept.map_err(|error| machine.failed(&error))?;
        let (inodes, bytes) = (kept.inodes(), kept.bytes());
        let number = machine.snapshots.add(kept)?;
        let snapshot = format!("{}@{number}", machine.id);
        Ok(Response::new(SnapshotReply {
            snapshot,
            inodes,
            bytes,
        }))
    }

    async fn drop_snapshot(
        &self,
        request: Request<DropSnapshotRequest>,
    ) -> Result<Response<DropSnapshotReply>, Status> {
        if let Ok((vm, number)) = parts_of(&request.into_inner().snapshot)
            && let Ok(machine) = self.machines.get(vm)
        {
            machine.snapshots.remove(number);
        }
        Ok(Response::new(DropSnapshotReply {}))
    }

    async fn fork(&self, request: Request<ForkVmRequest>) -> Result<Response<Vm>, Status> {
        let request = request.into_inner();
        let machine = self.machines.get(&request.vm)?;
        let start = machine.rt.snapshot();
        let start = start.map_err(|error| machine.failed(&error))?;
        let like = CreateVmRequest {
            id: request.id,
            ..machine.request.lock().clone()
        };
        self.make(like, Some(start)).await.map(Response::new)
    }

    async fn export(
        &self,
        request: Request<ExportRequest>,
    ) -> Result<Response<Self::ExportStream>, Status> {
        archive::export(&self.machines, request.into_inner()).map(Response::new)
    }

    async fn import(
        &self,
        request: Request<Streaming<ImportRequest>>,
    ) -> Result<Response<ImportReply>, Status> {
        let imported = archive::import(&self.machines, request.into_inner()).await?;
        Ok(Response::new(imported))
    }

    async fn events(
        &self,
        request: Request<EventsRequest>,
    ) -> Result<Response<Self::EventsStream>, Status> {
        let machine = self.machines.get(&request.into_inner().vm)?;
        let mut events = machine.rt.events();
        // Only the events hold on to the machine from here on.
        drop(machine);
        let (out, stream) = answers();
        tokio::spawn(async move {
            loop {
                let next = tokio::select! {
                    next = events.next() => next,
                    () = out.closed() => return,
                };
                let is_last = next.is_none();
                let told = event(next).map(|event| VmEvent {
                    at_ms: now_ms(),
                    event: Some(event),
                });
                if let Some(told) = told
                    && out.send(Ok(told)).await.is_err()
                {
                    return;
                }
                if is_last {
                    return;
                }
            }
        });
        Ok(Response::new(stream))
    }

    async fn register_host_functions(
        &self,
        request: Request<RegisterHostFunctionsRequest>,
    ) -> Result<Response<RegisterHostFunctionsReply>, Status> {
        let request = request.into_inner();
        let machine = self.machines.get(&request.vm)?;
        for collection in request.collections {
            let made = host_link::collection(collection.clone(), &machine.link)?;
            let registered = machine.rt.register_host_functions(made);
            registered.map_err(|error| machine.failed(&error))?;
            machine.request.lock().host_functions.push(collection);
        }
        Ok(Response::new(RegisterHostFunctionsReply {}))
    }

    async fn wait_until_warm(
        &self,
        request: Request<WaitUntilWarmRequest>,
    ) -> Result<Response<WaitUntilWarmReply>, Status> {
        let machine = self.machines.get(&request.into_inner().vm)?;
        machine.rt.when_warm().await;
        Ok(Response::new(WaitUntilWarmReply {}))
    }
}
