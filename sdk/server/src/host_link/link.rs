//! One machine's way to its embedder: [`HostLink`].
//!
//! Lock order: `HostLink::state` is a leaf; nothing is sent or woken under it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cenote_proto::exchange;
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::{Data, HostCancel, HostHello, HostReply, HostRequest, HostWindow};
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::mpsc::{self, Sender, UnboundedReceiver, UnboundedSender};
use tokio::sync::{Notify, watch};
use tonic::Status;

/// How long the embedder may take to decide.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Requests that may wait for an answer at once.
const WAITING: usize = 10_000;

/// Bytes of replies to one request that may wait to be taken; one reply more, of whatever size a message may have, and the request is given
/// up. More than what both output streams of a command may have under way.
const UNTAKEN: usize = 1 << 20;

/// What a reply counts besides its bytes.
const EACH: usize = 64;

type Out = Sender<Result<HostRequest, Status>>;

/// Why there was no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Silence {
    /// The channel ended, or there is none any more.
    Gone,
    /// It took too long.
    Late,
    /// The embedder said that it does not answer such requests.
    Unwilling,
}

impl Silence {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Gone => "the embedder's host channel is not open",
            Self::Late => "the embedder did not answer in time",
            Self::Unwilling => "the embedder's host channel does not answer such requests",
        }
    }
}

#[derive(Debug, Default)]
struct State {
    out: Option<Out>,
    /// What the embedder says it answers.
    hello: HostHello,
    /// Which channel it is; 0 before the first.
    number: u64,
    waiting: HashMap<u64, Waiting>,
    last: u64,
}

/// Where the replies to one request go.
#[derive(Clone, Debug)]
struct Waiting {
    tell: UnboundedSender<(usize, Reply)>,
    /// Bytes of replies that nobody has taken yet.
    untaken: Arc<AtomicUsize>,
}

/// One machine's way to its embedder.
#[derive(Debug)]
pub(crate) struct HostLink {
    state: Mutex<State>,
    opened: Notify,
    /// Which channel is in force.
    in_force: watch::Sender<InForce>,
}

/// Which channel is in force.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum InForce {
    /// The one with this number; 0: there was none yet.
    Number(u64),
    /// None any more: the machine is gone.
    Ended,
}

impl Default for HostLink {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            opened: Notify::new(),
            in_force: watch::Sender::new(InForce::Number(0)),
        }
    }
}

/// A request under way and its replies. Dropped before the last of them, it is cancelled.
#[derive(Debug)]
pub(crate) struct Exchange {
    link: Arc<HostLink>,
    id: u64,
    out: Out,
    replies: UnboundedReceiver<(usize, Reply)>,
    untaken: Arc<AtomicUsize>,
    is_over: bool,
}

impl Exchange {
    /// The next reply; nothing when the channel is over.
    pub(super) async fn next(&mut self) -> Option<Reply> {
        let (size, reply) = self.replies.recv().await?;
        self.untaken.fetch_sub(size, Ordering::Relaxed);
        Some(reply)
    }

    /// That was the last reply.
    pub(super) fn finish(&mut self) {
        self.is_over = true;
    }

    /// What sends frames of it.
    pub(super) fn sender(&self) -> Frames {
        Frames {
            id: self.id,
            out: self.out.clone(),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let forgotten = self.link.state.lock().waiting.remove(&self.id);
        // What the channel's end took away needs no cancelling.
        let is_open = forgotten.is_some() && !self.is_over;
        drop(forgotten);
        if !is_open {
            return;
        }
        let frames = self.sender();
        let cancel = async move {
            frames.send(Asked::Cancel(HostCancel {})).await;
        };
        if let Ok(handle) = tokio::runtime::Handle::try_current() {
            handle.spawn(cancel);
        }
    }
}

/// Sends frames of an exchange.
#[derive(Clone, Debug)]
pub(super) struct Frames {
    id: u64,
    out: Out,
}

impl Frames {
    /// Whether it was sent: not when the channel is over.
    pub(super) async fn send(&self, frame: Asked) -> bool {
        let request = HostRequest {
            id: self.id,
            deadline_ms: 0,
            request: Some(frame),
        };
        self.out.send(Ok(request)).await.is_ok()
    }
}

impl exchange::Frames for Frames {
    async fn data(&self, data: Data) -> bool {
        self.send(Asked::Data(data)).await
    }

    async fn window(&self, window: HostWindow) -> bool {
        self.send(Asked::Window(window)).await
    }
}

impl HostLink {
    /// Puts a channel into force, in place of an earlier one, whose requests get no answer any more.
    pub(crate) fn open(&self, out: Out, hello: HostHello) -> u64 {
        let mut state = self.state.lock();
        state.hello = hello;
        state.number += 1;
        let number = state.number;
        let before = (state.out.replace(out), std::mem::take(&mut state.waiting));
        drop(state);
        drop(before);
        self.in_force.send_replace(InForce::Number(number));
        self.opened.notify_waiters();
        number
    }

    /// The machine is gone: channels end, and no other comes into force.
    pub(crate) fn end(&self) {
        self.in_force.send_replace(InForce::Ended);
    }

    /// Waits until the channel with this number is not in force any more.
    pub(crate) async fn superseded(&self, number: u64) -> InForce {
        let mut in_force = self.in_force.subscribe();
        let other = in_force.wait_for(|now| *now != InForce::Number(number));
        // Its sender is here.
        other.await.map_or(InForce::Ended, |now| *now)
    }

    /// The channel with this number is over.
    pub(crate) fn close(&self, number: u64) {
        let mut state = self.state.lock();
        if state.number != number {
            return;
        }
        let before = (state.out.take(), std::mem::take(&mut state.waiting));
        drop(state);
        drop(before);
    }

    /// Takes an answer in. One to nothing, or a late one, is passed over.
    pub(crate) fn answer(&self, reply: HostReply) {
        let waiting = self.state.lock().waiting.get(&reply.id).cloned();
        let size = reply.encoded_len() + EACH;
        let (Some(waiting), Some(answer)) = (waiting, reply.reply) else {
            return;
        };
        if waiting.untaken.fetch_add(size, Ordering::Relaxed) > UNTAKEN {
            tracing::warn!(target: "cenote::host_link", id = reply.id, "the embedder answers more than is taken; the request is given up");
            let given_up = self.state.lock().waiting.remove(&reply.id);
            drop(given_up);
            return;
        }
        // Who no longer takes answers forgets the request itself.
        drop(waiting.tell.send((size, answer)));
    }

    /// Asks, and waits for the answer. Before the first channel it waits for that too.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        asked: Asked,
        patience: Duration,
    ) -> Result<Reply, Silence> {
        let answer = async {
            let mut exchange = self.begin(asked, patience).await?;
            let answer = exchange.next().await.ok_or(Silence::Gone)?;
            exchange.finish();
            Ok(answer)
        };
        let answer = tokio::time::timeout(patience, answer);
        answer.await.unwrap_or(Err(Silence::Late))
    }

    /// Sends a request; its first reply may take so long.
    pub(super) async fn begin(
        self: &Arc<Self>,
        asked: Asked,
        patience: Duration,
    ) -> Result<Exchange, Silence> {
        let out = self.channel(&asked).await?;
        let (tell, replies) = mpsc::unbounded_channel();
        let untaken = Arc::<AtomicUsize>::default();
        let exchange = {
            let mut state = self.state.lock();
            if state.waiting.len() >= WAITING {
                return Err(Silence::Gone);
            }
            state.last += 1;
            let id = state.last;
            let waiting = Waiting {
                tell,
                untaken: Arc::clone(&untaken),
            };
            state.waiting.insert(id, waiting);
            Exchange {
                link: Arc::clone(self),
                id,
                out,
                replies,
                untaken,
                is_over: false,
            }
        };
        let request = HostRequest {
            id: exchange.id,
            deadline_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
            request: Some(asked),
        };
        let sent = exchange.out.send(Ok(request)).await;
        sent.map_err(|_| Silence::Gone)?;
        Ok(exchange)
    }

    async fn channel(&self, asked: &Asked) -> Result<Out, Silence> {
        loop {
            let mut opened = std::pin::pin!(self.opened.notified());
            // From here on an opening is not missed.
            opened.as_mut().enable();
            let (out, number, is_answered) = {
                let state = self.state.lock();
                let is_answered = answers(&state.hello, asked);
                (state.out.clone(), state.number, is_answered)
            };
            match (out, number) {
                (Some(_), _) if !is_answered => return Err(Silence::Unwilling),
                (Some(out), _) => return Ok(out),
                (None, 0) => opened.await,
                (None, _) => return Err(Silence::Gone),
            }
        }
    }
}

/// Whether an embedder that said this answers such a request. Permissions and functions it has to: they are there because it asked for them.
fn answers(hello: &HostHello, asked: &Asked) -> bool {
    match asked {
        Asked::Filesystem(_) => hello.filesystems,
        Asked::Network(_) => hello.network,
        Asked::Command(_) => hello.commands,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cenote::PermissionRequest;
    use cenote_proto::v1::PermissionAnswer;

    fn read() -> PermissionRequest {
        PermissionRequest::File {
            operation: cenote::FileOperation::Read,
            path: b"/x".to_vec(),
            destination: None,
        }
    }

    #[tokio::test]
    async fn requests_wait_for_the_first_channel_and_are_answered_by_number() {
        let link = Arc::new(HostLink::default());
        let asking = tokio::spawn({
            let link = Arc::clone(&link);
            async move { link.permit(read()).await }
        });
        let (out, mut requests) = mpsc::channel(2);
        link.open(out, HostHello::default());
        let request = requests.recv().await.unwrap().unwrap();
        let answer = |id, allow| HostReply {
            id,
            reply: Some(Reply::Permission(PermissionAnswer {
                allow,
                ..PermissionAnswer::default()
            })),
        };
        link.answer(answer(request.id + 1, false));
        link.answer(answer(request.id, true));
        assert!(asking.await.unwrap().allow);
    }

    #[tokio::test]
    async fn replies_that_nobody_takes_end_their_request() {
        let link = Arc::new(HostLink::default());
        let (out, mut requests) = mpsc::channel(8);
        let hello = HostHello {
            commands: true,
            ..HostHello::default()
        };
        link.open(out, hello);
        let asked = Asked::Command(cenote_proto::v1::HostCommand::default());
        let mut exchange = link.begin(asked, PATIENCE).await.unwrap();
        let id = requests.recv().await.unwrap().unwrap().id;
        let data = Data {
            bytes: vec![0; 100 << 10].into(),
            ..Data::default()
        };
        for _ in 0..1_000 {
            link.answer(HostReply {
                id,
                reply: Some(Reply::Data(data.clone())),
            });
        }
        let mut taken = 0;
        while exchange.next().await.is_some() {
            taken += 1;
        }
        assert!((10..=12).contains(&taken), "{taken}");
        assert!(link.state.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn later_channel_and_the_end_tell_the_earlier_one() {
        let link = HostLink::default();
        let open = || link.open(mpsc::channel(1).0, HostHello::default());
        let (first, second) = (open(), open());
        assert_eq!(link.superseded(first).await, InForce::Number(second));
        link.end();
        assert_eq!(link.superseded(second).await, InForce::Ended);
        assert_eq!(link.superseded(first).await, InForce::Ended);
    }

    #[tokio::test]
    async fn end_of_the_channel_denies_what_waits_and_what_comes() {
        let link = Arc::new(HostLink::default());
        let (out, mut requests) = mpsc::channel(2);
        let number = link.open(out, HostHello::default());
        let asking = tokio::spawn({
            let link = Arc::clone(&link);
            async move { link.permit(read()).await }
        });
        requests.recv().await.unwrap().unwrap();
        link.close(number);
        assert!(!asking.await.unwrap().allow);
        assert!(!link.permit(read()).await.allow);
    }
}
