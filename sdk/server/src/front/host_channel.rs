//! The host channel of machines about whose network the embedder decides, or whose network is the embedder's: the only calls of a machine that
//! the sidecar reads.
//!
//! A worker puts the question and is told the answer, and it may be one that a guest has taken over. So what passes is looked at here: the
//! broker hears what the embedder allowed and which names it answered, and the names in a question are the broker's, not the worker's. Where
//! the network is the embedder's, an [`AdapterGuard`] stands in the broker's place, and what the rules refuse does not reach the embedder.
//! All else goes by as it is.
//!
//! Lock order: `Watch::state` is a leaf.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use cenote::{AdapterGuard, Broker, NetworkGrant, PermissionRequest};
use cenote_proto::v1::host_channel_client::HostChannelClient;
use cenote_proto::v1::host_channel_server::{HostChannel, HostChannelServer};
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::network_call::Call;
use cenote_proto::v1::network_result::Result as Answer;
use cenote_proto::v1::permission_question::Scope as Question;
use cenote_proto::v1::{
    HostError, HostReply, HostRequest, NetworkCall, NetworkResult, PermissionAnswer,
    PermissionQuestion,
};
use cenote_proto::{MAX_MESSAGE, VM_METADATA, detail_of};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::metadata::MetadataValue;
use tonic::server::NamedService;
use tonic::{Code, Request, Response, Status, Streaming};
use tower::Service;

use super::Front;
use super::pass_on::{Answered, PassOn};
use super::worker::Fate;
use crate::failure::{failure, option};
use crate::machines::vm_of;
use crate::services::Answers;

/// Questions under way in one channel.
const WAITING: usize = 10_000;
/// Numbers of requests that are remembered, so that none comes twice.
const NUMBERS: usize = 65_536;

/// The service: read where the embedder decides, passed on unread otherwise.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    front: Arc<Front>,
    unread: PassOn<HostChannelServer<()>>,
    read: HostChannelServer<Reading>,
}

impl Channels {
    pub(super) fn new(front: &Arc<Front>) -> Self {
        Self {
            front: Arc::clone(front),
            unread: PassOn::new(front),
            read: HostChannelServer::new(Reading(Arc::clone(front)))
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE),
        }
    }

    fn is_read(&self, request: &http::Request<Body>) -> bool {
        let named = request.headers().get(VM_METADATA);
        let hosted = named
            .and_then(|value| value.to_str().ok())
            .and_then(|id| self.front.hosted(id).ok());
        hosted.is_some_and(|hosted| {
            let asks = |network: &NetworkGrant| network.asks_embedder();
            hosted.grants.embedder_network.is_some()
                || hosted.grants.network.as_ref().is_some_and(asks)
        })
    }
}

impl NamedService for Channels {
    const NAME: &'static str = <HostChannelServer<()> as NamedService>::NAME;
}

impl Service<http::Request<Body>> for Channels {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answered;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answered {
        if self.is_read(&request) {
            self.read.call(request)
        } else {
            self.unread.call(request)
        }
    }
}

/// Channels that are read.
#[derive(Debug)]
pub(super) struct Reading(Arc<Front>);

#[tonic::async_trait]
impl HostChannel for Reading {
    type OpenStream = Answers<HostRequest>;

    async fn open(
        &self,
        request: Request<Streaming<HostReply>>,
    ) -> Result<Response<Self::OpenStream>, Status> {
        let id = vm_of(request.metadata())?.to_owned();
        let hosted = self.0.hosted(&id)?;
        let guard = hosted.grants.embedder_network.as_ref();
        let malformed = |error| option("permissions.network", error);
        let guard = guard
            .map(AdapterGuard::new)
            .transpose()
            .map_err(malformed)?;
        let worker = hosted.worker;
        let mut client = HostChannelClient::new(worker.channel())
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        let (to_worker, replies) = mpsc::channel(2);
        let mut passed = Request::new(ReceiverStream::new(replies));
        let vm = MetadataValue::try_from(&id).map_err(|error| option(VM_METADATA, error))?;
        passed.metadata_mut().insert(VM_METADATA, vm);
        let (watch, fate) = (Watch::new(worker.broker(), guard), worker.fate());
        // The channel must not keep its worker.
        drop(worker);
        let requests = match client.open(passed).await {
            Ok(requests) => requests.into_inner(),
            Err(status) => return Err(reason(status, fate).await),
        };
        let (to_embedder, stream) = mpsc::channel(2);
        let watch = Arc::new(watch);
        let refusals = to_worker.downgrade();
        let back = carry_replies(request.into_inner(), Arc::clone(&watch), to_worker);
        tokio::spawn(async move {
            let there = carry_requests(requests, &watch, &refusals, &to_embedder);
            let ended = tokio::select! {
                ended = there => ended,
                ended = back => ended,
                () = to_embedder.closed() => return,
            };
            if let Err(status) = ended {
                let status = reason(status, fate).await;
                // An embedder that has gone needs no reason.
                let _told = to_embedder.send(Err(status)).await.is_ok();
            }
        });
        Ok(Response::new(Answers::new(stream)))
    }
}

/// Why a worker's call ended: its own word, or what became of it.
async fn reason(status: Status, fate: Fate) -> Status {
    if detail_of(&status).is_some() {
        status
    } else {
        fate.reason().await
    }
}

type ToEmbedder = mpsc::Sender<Result<HostRequest, Status>>;

/// Carries what the embedder answers. Once it says nothing more the worker hears that, and ends the channel.
async fn carry_replies(
    mut input: Streaming<HostReply>,
    watch: Arc<Watch>,
    out: mpsc::Sender<HostReply>,
) -> Result<(), Status> {
    while let Ok(Some(reply)) = input.message().await {
        watch.answered(&reply);
        if out.send(reply).await.is_err() {
            // The other direction tells why.
            break;
        }
    }
    drop((input, out));
    std::future::pending().await
}

async fn carry_requests(
    mut requests: Streaming<HostRequest>,
    watch: &Watch,
    back: &mpsc::WeakSender<HostReply>,
    out: &ToEmbedder,
) -> Result<(), Status> {
    while let Some(mut request) = requests.message().await? {
        match watch.asked(&mut request) {
            Ok(()) => {
                if out.send(Ok(request)).await.is_err() {
                    return Ok(());
                }
            }
            Err(Refused::Request(reply)) => {
                // Nobody answers any more once the embedder has ended what it says.
                if let Some(back) = back.upgrade() {
                    // A worker that has gone takes no answer.
                    drop(back.send(reply).await);
                }
            }
            Err(Refused::Channel(status)) => return Err(status),
        }
    }
    Ok(())
}

/// What is done with a request that is not passed on.
enum Refused {
    /// It is answered.
    Request(HostReply),
    /// It makes no sense: the channel ends.
    Channel(Status),
}

/// What a question is about.
#[derive(Clone, Debug)]
enum About {
    Asked(PermissionRequest),
    /// The addresses of a name.
    Names(String),
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<u64, About>,
    numbers: BTreeSet<u64>,
    /// Below this a number came before, or too late.
    floor: u64,
}

/// What passes in one channel.
#[derive(Debug)]
struct Watch {
    broker: Arc<Broker>,
    /// Where the network is the embedder's.
    guard: Option<AdapterGuard>,
    state: Mutex<State>,
}

fn refused(why: &str) -> Refused {
    tracing::warn!(target: "cenote::audit", why, "a machine's process asked what it must not");
    Refused::Channel(failure(Code::Aborted, "HOST_GONE", why))
}

impl Watch {
    fn new(broker: &Arc<Broker>, guard: Option<AdapterGuard>) -> Self {
        Self {
            broker: Arc::clone(broker),
            guard,
            state: Mutex::default(),
        }
    }

    /// Looks at a request.
    fn asked(&self, request: &mut HostRequest) -> Result<(), Refused> {
        let id = request.id;
        let about = match &mut request.request {
            // What goes on, or tells something.
            None | Some(Asked::Ready(_) | Asked::Data(_) | Asked::Window(_) | Asked::Signal(_)) => {
                return Ok(());
            }
            Some(Asked::Cancel(_)) => {
                let forgotten = self.state.lock().waiting.remove(&id);
                drop(forgotten);
                return Ok(());
            }
            Some(Asked::Permission(question)) => match self.question(question) {
                Ok(about) => about.map(About::Asked),
                Err(Contradiction) => {
                    let answer = PermissionAnswer {
                        reason: "a question that contradicts itself".into(),
                        ..PermissionAnswer::default()
                    };
                    let reply = Some(Reply::Permission(answer));
                    return Err(Refused::Request(HostReply { id, reply }));
                }
            },
            Some(Asked::Network(NetworkCall { call: Some(call) })) => {
                if !self.may_call(call) {
                    tracing::warn!(target: "cenote::audit", "the rules of the network refused what the machine's process let through");
                    let reply = Some(Reply::Error(HostError {
                        code: "EACCES".into(),
                        name: "Error".into(),
                        message: "refused by the rules of the network".into(),
                    }));
                    return Err(Refused::Request(HostReply { id, reply }));
                }
                match call {
                    Call::Resolve(question) => Some(About::Names(question.hostname.clone())),
                    Call::Connect(_) | Call::Http(_) => None,
                }
            }
            Some(_) => None,
        };
        let mut state = self.state.lock();
        if id < state.floor || !state.numbers.insert(id) {
            return Err(refused("a number was given to two requests"));
        }
        if state.numbers.len() > NUMBERS
            && let Some(first) = state.numbers.pop_first()
        {
            state.floor = first.saturating_add(1);
        }
        if let Some(about) = about {
            if state.waiting.len() >= WAITING {
                return Err(refused("too many questions are under way"));
            }
            state.waiting.insert(id, about);
        }
        Ok(())
    }

    /// Whether the embedder's network may be asked for this.
    fn may_call(&self, call: &Call) -> bool {
        match (&self.guard, call) {
            (Some(guard), Call::Resolve(question)) => guard.may_resolve(&question.hostname),
            (Some(guard), Call::Connect(to)) => {
                let address: Option<IpAddr> = to.address.parse().ok();
                let to = address.zip(u16::try_from(to.port).ok());
                to.is_some_and(|to| guard.may_connect(to.into()))
            }
            (Some(guard), Call::Http(request)) => guard.may_request(&request.url, &request.method),
            (None, Call::Resolve(question)) => self.broker.may_ask_for(&question.hostname),
            // There is no such network.
            (None, Call::Connect(_) | Call::Http(_)) => false,
        }
    }

    fn names_of(&self, address: IpAddr) -> Vec<String> {
        match &self.guard {
            Some(guard) => guard.names_of(address),
            None => self.broker.names_of(address),
        }
    }

    /// What a question is about; the names in it are set right.
    fn question(
        &self,
        question: &mut PermissionQuestion,
    ) -> Result<Option<PermissionRequest>, Contradiction> {
        let Some(Question::Network(network)) = &mut question.scope else {
            return Ok(None);
        };
        let address: Option<IpAddr> = network.address.parse().ok();
        let address = address.zip(u16::try_from(network.port).ok());
        let address = address.map(SocketAddr::from);
        let hostname = &mut network.hostname;
        match (question.operation.as_str(), address) {
            ("connect", Some(address)) if network.url.is_empty() => {
                let known = self.names_of(address.ip());
                if !known.contains(&*hostname) {
                    *hostname = known.into_iter().next().unwrap_or_default();
                }
                let names = Vec::new();
                Ok(Some(PermissionRequest::Connect { address, names }))
            }
            ("dns", None) if network.address.is_empty() && network.url.is_empty() => {
                let name = hostname.clone();
                Ok(Some(PermissionRequest::Resolve { name }))
            }
            ("http" | "fetch", address) => {
                let guard = self.guard.as_ref().ok_or(Contradiction)?;
                let address = address.ok_or(Contradiction)?;
                let host = guard.host_of(&network.url, address).ok_or(Contradiction)?;
                hostname.clone_from(&host);
                Ok(Some(PermissionRequest::Http {
                    url: network.url.clone(),
                    method: network.method.clone(),
                    host,
                    address,
                    is_fetch: question.operation == "fetch",
                }))
            }
            _ => Ok(None),
        }
    }

    /// Looks at an answer, before the worker has it.
    fn answered(&self, reply: &HostReply) {
        let about = self.state.lock().waiting.remove(&reply.id);
        let (Some(about), Some(reply)) = (about, &reply.reply) else {
            return;
        };
        match (about, reply) {
            (About::Asked(asked), Reply::Permission(answer)) if answer.allow => {
                match (&self.guard, asked) {
                    (Some(guard), asked) => guard.allow(&asked),
                    (None, PermissionRequest::Connect { address, .. }) => {
                        self.broker.allow_connect(address);
                    }
                    (None, PermissionRequest::Resolve { name }) => {
                        self.broker.allow_resolve(&name);
                    }
                    (None, _) => {}
                }
            }
            (
                About::Names(name),
                Reply::Network(NetworkResult {
                    result: Some(Answer::Addresses(told)),
                }),
            ) => {
                let addresses = told.addresses.iter();
                let addresses: Vec<_> = addresses.filter_map(|text| text.parse().ok()).collect();
                match &self.guard {
                    Some(guard) => guard.learn(&name, &addresses),
                    None => self.broker.learn(&name, &addresses),
                }
            }
            _ => {}
        }
    }
}

/// A question that cannot be meant.
struct Contradiction;

#[cfg(test)]
mod tests {
    use super::*;
    use cenote::NetworkRule;
    use cenote_proto::v1::{
        Addresses, DnsQuestion, HostCancel, HostConnect, HttpCall, NetworkQuestion,
    };

    fn watch(embedder_resolves: bool) -> Watch {
        let broker = Arc::<Broker>::default();
        let grant = NetworkGrant {
            rules: vec![NetworkRule::ask("*.test")],
            embedder_resolves,
            ..NetworkGrant::default()
        };
        broker.grant(&grant).unwrap();
        Watch::new(&broker, None)
    }

    fn connect(id: u64, hostname: &str) -> HostRequest {
        let network = NetworkQuestion {
            hostname: hostname.into(),
            address: "8.8.8.8".into(),
            port: 443,
            ..NetworkQuestion::default()
        };
        let question = PermissionQuestion {
            operation: "connect".into(),
            scope: Some(Question::Network(network)),
            pid: 0,
        };
        HostRequest {
            id,
            request: Some(Asked::Permission(question)),
            ..HostRequest::default()
        }
    }

    fn named(request: &HostRequest) -> &str {
        match &request.request {
            Some(Asked::Permission(PermissionQuestion {
                scope: Some(Question::Network(network)),
                ..
            })) => &network.hostname,
            _ => panic!("another request"),
        }
    }

    fn reply(id: u64, reply: Reply) -> HostReply {
        HostReply {
            id,
            reply: Some(reply),
        }
    }

    /// Threat: a worker names an allowed host for an address that is another's.
    #[test]
    fn names_in_questions_are_those_that_the_broker_knows() {
        let watch = watch(false);
        let mut request = connect(1, "good.test");
        assert!(watch.asked(&mut request).is_ok());
        assert_eq!(named(&request), "");
        let address = ["8.8.8.8".parse().unwrap()];
        watch.broker.learn("a.test", &address);
        watch.broker.learn("b.test", &address);
        for (id, told, expected) in [(2, "good.test", "a.test"), (3, "b.test", "b.test")] {
            let mut request = connect(id, told);
            assert!(watch.asked(&mut request).is_ok());
            assert_eq!(named(&request), expected);
        }
    }

    /// Threat: the answer to one question is taken for that to another.
    #[test]
    fn number_comes_once_even_when_its_question_was_cancelled() {
        let watch = watch(false);
        assert!(watch.asked(&mut connect(7, "")).is_ok());
        let mut cancel = HostRequest {
            id: 7,
            request: Some(Asked::Cancel(HostCancel {})),
            ..HostRequest::default()
        };
        assert!(watch.asked(&mut cancel).is_ok());
        assert!(matches!(
            watch.asked(&mut connect(7, "")),
            Err(Refused::Channel(_))
        ));
        let allow = PermissionAnswer {
            allow: true,
            ..PermissionAnswer::default()
        };
        watch.answered(&reply(7, Reply::Permission(allow)));
        for id in 8..8 + NUMBERS as u64 {
            assert!(watch.asked(&mut connect(id, "")).is_ok());
            watch.answered(&reply(id, Reply::Error(HostError::default())));
        }
        assert!(watch.asked(&mut connect(7, "")).is_err());
        assert!(watch.asked(&mut connect(u64::MAX, "")).is_ok());
        let state = watch.state.lock();
        assert!(state.numbers.len() <= NUMBERS && state.waiting.len() == 1);
    }

    /// Threat: a worker asks the embedder's own network for what the rules refuse.
    #[test]
    fn embedders_network_is_asked_for_what_the_rules_allow() {
        let grant = NetworkGrant {
            rules: vec![NetworkRule::allow("a.test"), NetworkRule::ask("b.test")],
            ..NetworkGrant::default()
        };
        let guard = AdapterGuard::new(&grant).unwrap();
        let watch = Watch::new(&Arc::default(), Some(guard));
        let mut last = 0;
        let mut ask = |call: Call| {
            last += 1;
            watch.asked(&mut HostRequest {
                id: last,
                request: Some(Asked::Network(NetworkCall { call: Some(call) })),
                ..HostRequest::default()
            })
        };
        let name = |hostname: &str| {
            Call::Resolve(DnsQuestion {
                hostname: hostname.into(),
                ..DnsQuestion::default()
            })
        };
        let page = |url: &str| {
            Call::Http(HttpCall {
                url: url.into(),
                method: "GET".into(),
                ..HttpCall::default()
            })
        };
        let at = |address: &str| {
            Call::Connect(HostConnect {
                address: address.into(),
                port: 443,
                ..HostConnect::default()
            })
        };
        assert!(ask(name("a.test")).is_ok());
        let told = NetworkResult {
            result: Some(Answer::Addresses(Addresses {
                addresses: vec!["10.0.0.1".into()],
            })),
        };
        watch.answered(&reply(1, Reply::Network(told)));
        assert!(ask(page("https://a.test/")).is_ok());
        assert!(ask(at("10.0.0.1")).is_ok());
        for refused in [
            name("c.test"),
            name("b.test"),
            page("https://b.test/"),
            page("https://10.0.0.2/"),
            at("10.0.0.2"),
            at("nonsense"),
        ] {
            let said = format!("{refused:?}");
            assert!(matches!(ask(refused), Err(Refused::Request(_))), "{said}");
        }
        watch
            .guard
            .as_ref()
            .unwrap()
            .allow(&PermissionRequest::Resolve {
                name: "b.test".into(),
            });
        assert!(ask(name("b.test")).is_ok());
    }

    #[test]
    fn embedder_is_asked_for_names_that_it_allowed_and_its_answers_are_known() {
        let watch = watch(true);
        let ask = |id, name: &str| {
            let question = DnsQuestion {
                hostname: name.into(),
                family: 0,
            };
            watch.asked(&mut HostRequest {
                id,
                request: Some(Asked::Network(NetworkCall {
                    call: Some(Call::Resolve(question)),
                })),
                ..HostRequest::default()
            })
        };
        assert!(matches!(ask(1, "a.test"), Err(Refused::Request(_))));
        watch.broker.allow_resolve("a.test");
        assert!(ask(2, "a.test").is_ok());
        let told = Addresses {
            addresses: vec!["192.0.2.1".into(), "nonsense".into()],
        };
        let told = NetworkResult {
            result: Some(Answer::Addresses(told)),
        };
        watch.answered(&reply(2, Reply::Network(told)));
        let names = watch.broker.names_of("192.0.2.1".parse().unwrap());
        assert_eq!(names, ["a.test"]);
    }
}
