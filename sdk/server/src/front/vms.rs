//! The service `Vms` of a sidecar: each machine is made in a worker, which serves the same calls.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cenote::{Effect, NetworkRule};
use cenote_proto::v1::vms_client::VmsClient;
use cenote_proto::v1::vms_server::Vms;
use cenote_proto::v1::{
    CreateVmRequest, Decision, DescribeReply, DescribeRequest, DisposeVmReply, DisposeVmRequest,
    DropSnapshotReply, DropSnapshotRequest, EventsRequest, ExportChunk, ExportRequest,
    ForkVmRequest, ImportReply, ImportRequest, Isolation, ListVmsReply, ListVmsRequest,
    RegisterHostFunctionsReply, RegisterHostFunctionsRequest, ResourcesReply, ResourcesRequest,
    SnapshotReply, SnapshotRequest, Vm, VmEnded, VmEvent, WaitUntilWarmReply, WaitUntilWarmRequest,
    image, import_request, mount, vm_event,
};
use cenote_proto::{MAX_MESSAGE, detail_of};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};

use super::worker::Worker;
use super::{Front, Hosted};
use crate::failure::{disposed, failure, no_such_snapshot, option};
use crate::machines::{check_id, now_ms, parts_of};
use crate::options::{exempt_ports, network_rules, overrides};
use crate::services::{Answers, description};
use crate::walls::{Grants, NetworkGrant};

/// The service.
#[derive(Debug)]
pub(super) struct Service(pub(super) Arc<Front>);

fn client(worker: &Worker) -> VmsClient<Channel> {
    VmsClient::new(worker.channel())
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE)
}

/// A worker's answer; when there was none because it died, the reason of its death.
async fn answer<T>(worker: &Worker, answer: Result<Response<T>, Status>) -> Result<T, Status> {
    match answer {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) if detail_of(&status).is_some() || status.code() == Code::InvalidArgument => {
            Err(status)
        }
        // Without a detail of ours it is the connection's word.
        Err(_) => Err(worker.fate().reason().await),
    }
}

/// What the options let a worker reach of the host.
fn grants(request: &CreateVmRequest) -> Result<Grants, Status> {
    let mut grants = Grants::default();
    for mount in &request.mounts {
        match &mount.source {
            Some(mount::Source::Host(host)) if host.writable => {
                grants.write.push(PathBuf::from(&host.path));
            }
            Some(mount::Source::Host(host)) => grants.read.push(PathBuf::from(&host.path)),
            Some(mount::Source::Image(image)) => {
                if let Some(image::Source::Path(path)) = &image.source {
                    grants.read.push(PathBuf::from(path));
                }
            }
            _ => {}
        }
    }
    let directories = [&request.node_modules, &request.commands_dir];
    let named = directories.into_iter().filter(|path| !path.is_empty());
    grants.read.extend(named.map(PathBuf::from));
    let network = network(request)?;
    // What the embedder answers needs nothing of the host's network.
    if request.host_network {
        grants.embedder_network = Some(network);
    } else {
        let opens = |effect| effect != Effect::Deny;
        let is_open = network.asks || network.rules.iter().any(|rule| opens(rule.effect));
        grants.network = is_open.then_some(network);
    }
    Ok(grants)
}

/// What the broker lets through, or the guard of the embedder's network. What the embedder is asked about is left to it, inside.
fn network(request: &CreateVmRequest) -> Result<NetworkGrant, Status> {
    let mut granted = NetworkGrant::default();
    let permissions = request.permissions.as_ref();
    if let Some(scope) = permissions.and_then(|permissions| permissions.network.as_ref()) {
        granted.asks = scope.fallback() == Decision::Ask;
        granted.rules = network_rules(scope)?;
    }
    granted.names = overrides(request)?
        .into_iter()
        .map(|(name, addresses)| (name.to_owned(), addresses))
        .collect();
    granted.embedder_resolves = request.host_resolver;
    let ports = exempt_ports(request)?;
    let exempt = NetworkRule::exempt(&granted.rules, granted.asks, &ports);
    let malformed = |error: cenote::Error| option("permissions.network", error.to_string());
    granted.rules.extend(exempt.map_err(malformed)?);
    Ok(granted)
}

impl Service {
    fn isolation(&self, asked: Isolation) -> Isolation {
        match asked {
            Isolation::Unspecified => self.0.default_isolation,
            asked => asked,
        }
    }

    async fn make(&self, mut request: CreateVmRequest) -> Result<Vm, Status> {
        if self.0.is_draining.load(Ordering::Acquire) {
            return Err(failure(
                Code::Unavailable,
                "DRAINING",
                "this server is ending and makes no new machines",
            ));
        }
        request.id = check_id(&request.id)?;
        if self.0.hosted(&request.id).is_ok() {
            let reason = format!("there is a machine `{}` already", request.id);
            return Err(option("id", reason));
        }
        let grants = grants(&request)?;
        if !request.snapshot.is_empty() {
            return self.make_from_snapshot(request, &grants).await;
        }
        let isolation = self.isolation(request.isolation());
        let worker = if isolation == Isolation::Shared {
            self.0.pool.shared(&grants).await?
        } else {
            let limits = request.limits.as_ref();
            let processes = limits.and_then(|limits| limits.processes).unwrap_or(0);
            self.0.pool.own(&grants, processes).await?
        };
        let made = client(&worker).create(request).await;
        let made = answer(&worker, made).await?;
        let vm = Vm {
            isolation: isolation.into(),
            worker_pid: worker.pid,
            ..made
        };
        self.0.take_in(vm.clone(), &worker, grants);
        Ok(vm)
    }

    /// Makes a machine in the worker that has the snapshot.
    async fn make_from_snapshot(
        &self,
        request: CreateVmRequest,
        grants: &Grants,
    ) -> Result<Vm, Status> {
        let (of, _) = parts_of(&request.snapshot)?;
        let hosted = self.0.hosted(of);
        let hosted = hosted.map_err(|_| no_such_snapshot(&request.snapshot))?;
        if !hosted.grants.include(grants) {
            return Err(option(
                "snapshot",
                "a machine that starts from a snapshot lives in the process of the one it was taken of, which was not granted these \
                 host directories or the network; export the snapshot and import it into a new machine",
            ));
        }
        let made = client(&hosted.worker).create(request).await;
        let made = answer(&hosted.worker, made).await?;
        let grants = Grants {
            embedder_network: grants.embedder_network.clone(),
            ..hosted.grants.clone()
        };
        Ok(self.beside(made, &hosted, grants))
    }

    /// Takes in a machine that was made beside another.
    fn beside(&self, made: Vm, hosted: &Hosted, grants: Grants) -> Vm {
        let vm = Vm {
            isolation: Isolation::Shared.into(),
            worker_pid: hosted.worker.pid,
            ..made
        };
        self.0.take_in(vm.clone(), &hosted.worker, grants);
        vm
    }

    fn of(&self, vm: &str) -> Result<(Hosted, VmsClient<Channel>), Status> {
        let hosted = self.0.hosted(vm)?;
        let client = client(&hosted.worker);
        Ok((hosted, client))
    }
}

#[tonic::async_trait]
impl Vms for Service {
    type ExportStream = Answers<ExportChunk>;
    type EventsStream = Answers<VmEvent>;

    async fn create(&self, request: Request<CreateVmRequest>) -> Result<Response<Vm>, Status> {
        self.make(request.into_inner()).await.map(Response::new)
    }

    async fn list(&self, _: Request<ListVmsRequest>) -> Result<Response<ListVmsReply>, Status> {
        let live = self.0.state.lock().live.clone();
        let mut vms: Vec<Vm> = live.into_values().map(|hosted| hosted.vm).collect();
        vms.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
        Ok(Response::new(ListVmsReply { vms }))
    }

    async fn dispose(
        &self,
        request: Request<DisposeVmRequest>,
    ) -> Result<Response<DisposeVmReply>, Status> {
        let request = request.into_inner();
        if let Some(hosted) = self.0.let_go(&request.vm) {
            // Forks live in the process of the machine they were made of.
            let is_alone = !self.0.is_inhabited(&hosted.worker);
            if hosted.vm.isolation() == Isolation::Shared || !is_alone {
                let gone = client(&hosted.worker).dispose(request).await;
                answer(&hosted.worker, gone).await?;
            } else {
                // Nothing else lives there: the process takes everything of the machine with it.
                hosted.worker.end(disposed(&request.vm));
                hosted.worker.fate().status().await;
            }
        }
        Ok(Response::new(DisposeVmReply {}))
    }

    async fn resources(
        &self,
        request: Request<ResourcesRequest>,
    ) -> Result<Response<ResourcesReply>, Status> {
        let request = request.into_inner();
        let (hosted, mut client) = self.of(&request.vm)?;
        let usage = client.resources(request).await;
        Ok(Response::new(answer(&hosted.worker, usage).await?))
    }

    async fn describe(
        &self,
        request: Request<DescribeRequest>,
    ) -> Result<Response<DescribeReply>, Status> {
        let request = request.into_inner();
        if request.vm.is_empty() {
            let mut described = description(&self.0.walls, self.0.count());
            described.default_isolation = self.0.default_isolation.into();
            return Ok(Response::new(described));
        }
        let (hosted, mut client) = self.of(&request.vm)?;
        let described = client.describe(request).await;
        Ok(Response::new(answer(&hosted.worker, described).await?))
    }

    async fn snapshot(
        &self,
        request: Request<SnapshotRequest>,
    ) -> Result<Response<SnapshotReply>, Status> {
        let request = request.into_inner();
        let (hosted, mut client) = self.of(&request.vm)?;
        let kept = client.snapshot(request).await;
        Ok(Response::new(answer(&hosted.worker, kept).await?))
    }

    async fn fork(&self, request: Request<ForkVmRequest>) -> Result<Response<Vm>, Status> {
        let mut request = request.into_inner();
        request.id = check_id(&request.id)?;
        let (hosted, mut client) = self.of(&request.vm)?;
        let made = client.fork(request).await;
        let made = answer(&hosted.worker, made).await?;
        let grants = hosted.grants.clone();
        Ok(Response::new(self.beside(made, &hosted, grants)))
    }

    async fn drop_snapshot(
        &self,
        request: Request<DropSnapshotRequest>,
    ) -> Result<Response<DropSnapshotReply>, Status> {
        let request = request.into_inner();
        let known = parts_of(&request.snapshot).ok();
        if let Some(Ok((hosted, mut client))) = known.map(|(vm, _)| self.of(vm)) {
            let dropped = client.drop_snapshot(request).await;
            answer(&hosted.worker, dropped).await?;
        }
        Ok(Response::new(DropSnapshotReply {}))
    }

    async fn export(
        &self,
        request: Request<ExportRequest>,
    ) -> Result<Response<Self::ExportStream>, Status> {
        let request = request.into_inner();
        let vm = match request.snapshot.as_str() {
            "" => request.vm.clone(),
            snapshot => parts_of(snapshot)?.0.to_owned(),
        };
        let (hosted, mut client) = self.of(&vm)?;
        let chunks = client.export(request).await;
        let mut chunks = answer(&hosted.worker, chunks).await?;
        let (out, stream) = tokio::sync::mpsc::channel(2);
        // The machine's worker stays as long as somebody reads.
        tokio::spawn(async move {
            loop {
                let next = tokio::select! {
                    next = chunks.message() => next,
                    () = out.closed() => return,
                };
                let chunk = match next {
                    Ok(None) => return,
                    Ok(Some(chunk)) => Ok(chunk),
                    Err(status) if detail_of(&status).is_some() => Err(status),
                    Err(_) => Err(hosted.worker.fate().reason().await),
                };
                let is_last = chunk.is_err();
                if out.send(chunk).await.is_err() || is_last {
                    return;
                }
            }
        });
        Ok(Response::new(Answers::new(stream)))
    }

    async fn import(
        &self,
        request: Request<Streaming<ImportRequest>>,
    ) -> Result<Response<ImportReply>, Status> {
        let mut input = request.into_inner();
        let first = input.message().await?.unwrap_or_default();
        let Some(import_request::Message::Target(target)) = &first.message else {
            return Err(option("target", "the first message must name the machine"));
        };
        let (hosted, mut client) = self.of(&target.vm)?;
        let (out, stream) = tokio::sync::mpsc::channel(2);
        let failure = Arc::<tokio::sync::OnceCell<Status>>::default();
        let broken = Arc::clone(&failure);
        tokio::spawn(async move {
            let mut next = Some(first);
            while let Some(message) = next {
                if out.send(message).await.is_err() {
                    return;
                }
                next = match input.message().await {
                    Ok(next) => next,
                    Err(status) => {
                        // The worker sees a stream that ends; the caller hears why.
                        let _first = broken.set(status).is_ok();
                        return;
                    }
                };
            }
        });
        let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
        let imported = client.import(stream).await;
        match failure.get() {
            Some(status) => Err(status.clone()),
            None => Ok(Response::new(answer(&hosted.worker, imported).await?)),
        }
    }

    async fn events(
        &self,
        request: Request<EventsRequest>,
    ) -> Result<Response<Self::EventsStream>, Status> {
        let request = request.into_inner();
        let (hosted, mut client) = self.of(&request.vm)?;
        let events = client.events(request).await;
        let mut events = answer(&hosted.worker, events).await?;
        let fate = hosted.worker.fate();
        // Watching a machine must not keep its worker alive.
        drop((hosted, client));
        let (out, stream) = tokio::sync::mpsc::channel(2);
        tokio::spawn(async move {
            loop {
                let next = tokio::select! {
                    next = events.message() => next,
                    () = out.closed() => return,
                };
                match next {
                    Ok(Some(event)) => {
                        if out.send(Ok(event)).await.is_err() {
                            return;
                        }
                    }
                    Ok(None) => return,
                    Err(_) => break,
                }
            }
            let last = VmEvent {
                at_ms: now_ms(),
                event: Some(vm_event::Event::Ended(VmEnded {
                    error: detail_of(&fate.reason().await),
                })),
            };
            let _told = out.send(Ok(last)).await.is_ok();
        });
        Ok(Response::new(Answers::new(stream)))
    }

    async fn register_host_functions(
        &self,
        request: Request<RegisterHostFunctionsRequest>,
    ) -> Result<Response<RegisterHostFunctionsReply>, Status> {
        let request = request.into_inner();
        let (hosted, mut client) = self.of(&request.vm)?;
        let registered = client.register_host_functions(request).await;
        Ok(Response::new(answer(&hosted.worker, registered).await?))
    }

    async fn wait_until_warm(
        &self,
        request: Request<WaitUntilWarmRequest>,
    ) -> Result<Response<WaitUntilWarmReply>, Status> {
        let request = request.into_inner();
        let (hosted, mut client) = self.of(&request.vm)?;
        let warmed = client.wait_until_warm(request).await;
        Ok(Response::new(answer(&hosted.worker, warmed).await?))
    }
}
