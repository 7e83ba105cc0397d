//! The end outside: [`Broker`] makes connections for a process that cannot, as far as rules let it.
//!
//! Who asks may be a process that a guest has taken over. It can have [`QUESTIONS`] under way, [`WAYS`] for datagrams, and names looked up as
//! [`LOOKUPS`] says; what it asks beyond that is refused, and answers that it does not take hold up what it asks next.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cenote_base::policy::Verdict;
use parking_lot::RwLock;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use super::channel::Channel;
use super::wire::{self, Frame, MAX_FRAME, MAX_QUESTION, Question};
use crate::Error;
use crate::network::dns::{canonical, upstream};
use crate::network::leave::{Leave, Leaves};
use crate::network::pins::Pins;
use crate::network::rules::{NetworkOperation, NetworkRule, NetworkRules};
use crate::policy::{Effect, Ruling};

/// Questions of one process under way.
const QUESTIONS: usize = 256;
/// Ways for datagrams of one process.
const WAYS: usize = 128;
/// Names of one process that are looked up at once.
const LOOKUPS: usize = 16;
/// Names of all processes that are looked up at once: the host's resolver takes a thread for each.
static ALL_LOOKUPS: Semaphore = Semaphore::const_new(64);
/// Answers that wait to be taken.
const ANSWERS: usize = 16;
/// How long a connection may take to be made.
const PATIENCE: Duration = Duration::from_secs(130);
/// How long a name may take.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(10);
/// Refusals of one process that are logged.
const TOLD: u64 = 100;
/// Addresses told of one name.
const MAX_ADDRESSES: usize = 64;

/// What a machine may reach of the host's network, for a [`Broker`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NetworkGrant {
    /// Rules of the machine.
    pub rules: Vec<NetworkRule>,
    /// Whether the embedder decides what no rule does, but for the host's own and private networks.
    pub asks: bool,
    /// Names that are answered with these addresses.
    pub names: Vec<(String, Vec<IpAddr>)>,
    /// Whether the embedder answers for names, in place of the host's resolver.
    pub embedder_resolves: bool,
}

impl NetworkGrant {
    /// Whether the embedder is asked about anything of it.
    #[must_use]
    pub fn asks_embedder(&self) -> bool {
        let by_rule = self.rules.iter().any(|rule| rule.effect == Effect::Ask);
        self.asks || self.embedder_resolves || by_rule
    }
}

/// What one machine may reach.
#[derive(Debug)]
struct Granted {
    rules: NetworkRules,
    /// Whether the embedder decides what rules do not.
    asks: bool,
    /// Whether names are the embedder's.
    embedder_resolves: bool,
}

impl Granted {
    /// Where the embedder decides, what it allowed is there to be taken.
    fn allows(&self, ruling: Ruling, take: impl FnOnce() -> bool) -> bool {
        match ruling {
            Ruling::Said(verdict) => verdict == Verdict::Allow,
            Ruling::Asks(_) => take(),
            Ruling::Silent(_) => self.asks && take(),
        }
    }
}

/// Makes connections for one process, as far as the rules of its machines let it.
#[derive(Debug)]
pub struct Broker {
    /// One for each machine that was granted something.
    granted: RwLock<Vec<Granted>>,
    /// The names that were resolved here, and those that the embedder answered.
    pins: Arc<Pins>,
    /// What the embedder allowed.
    leaves: Leaves,
    lookups: Semaphore,
    /// Refusals so far.
    told: AtomicU64,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            granted: RwLock::default(),
            pins: Arc::default(),
            leaves: Leaves::default(),
            lookups: Semaphore::new(LOOKUPS),
            told: AtomicU64::new(0),
        }
    }
}

impl Broker {
    /// Lets the process reach what this grants.
    ///
    /// # Errors
    /// [`Error::Option`] for a rule that makes no sense.
    pub fn grant(&self, grant: &NetworkGrant) -> Result<(), Error> {
        let rules = NetworkRules::compile(&grant.rules, Arc::clone(&self.pins))?;
        for (name, addresses) in &grant.names {
            self.pins.know(&canonical(name), addresses);
        }
        self.granted.write().push(Granted {
            rules,
            asks: grant.asks,
            embedder_resolves: grant.embedder_resolves,
        });
        Ok(())
    }

    /// The names that this address is known to have, whatever the process says.
    #[must_use]
    pub fn names_of(&self, address: IpAddr) -> Vec<String> {
        self.pins.names_of(address)
    }

    /// The embedder allowed one connection, or one datagram. It counts where rules or [`NetworkGrant::asks`] leave the decision to it.
    pub fn allow_connect(&self, to: SocketAddr) {
        self.leaves.give(Leave::connect(to));
    }

    /// As [`allow_connect`](Self::allow_connect), a look-up.
    pub fn allow_resolve(&self, name: &str) {
        self.leaves.give(Leave::Resolve(canonical(name)));
    }

    /// Whether the embedder, which answers for names, may be asked for this one.
    #[must_use]
    pub fn may_ask_for(&self, name: &str) -> bool {
        self.may_resolve(&canonical(name), true)
    }

    /// The embedder's answer for a name.
    pub fn learn(&self, name: &str, addresses: &[IpAddr]) {
        let addresses = addresses.get(..MAX_ADDRESSES).unwrap_or(addresses);
        self.pins.remember(&canonical(name), addresses);
    }

    /// Whether a machine of this kind lets it; where the embedder decides, this is what it allowed once.
    fn may(
        &self,
        of: impl Fn(&Granted) -> bool,
        ruling: impl Fn(&NetworkRules) -> Ruling,
        leave: &Leave,
    ) -> bool {
        let granted = self.granted.read();
        let mut granted = granted.iter().filter(|one| of(one));
        granted.any(|one| one.allows(ruling(&one.rules), || self.leaves.take(leave)))
    }

    fn may_reach(&self, operation: NetworkOperation, to: SocketAddr) -> bool {
        let ruling = |rules: &NetworkRules| rules.reach(operation, to);
        let may = self.may(|_| true, ruling, &Leave::connect(to));
        self.note(may, &to);
        may
    }

    /// Whether addresses of a name may be asked for: of the embedder, or of the host.
    fn may_resolve(&self, name: &str, of_embedder: bool) -> bool {
        let its = |one: &Granted| one.embedder_resolves == of_embedder;
        let leave = Leave::Resolve(name.to_owned());
        let may = self.may(its, |rules| rules.resolve(name), &leave);
        self.note(may, &name);
        may
    }

    /// Whether other records of a name may be asked for, which are always the host's.
    fn may_look_up(&self, name: &str) -> bool {
        let leave = Leave::Resolve(name.to_owned());
        let may = self.may(|_| true, |rules| rules.resolve(name), &leave);
        self.note(may, &name);
        may
    }

    /// Tells of refusals, as long as they are few: a process that asks for what it may not does so as often as it likes.
    fn note(&self, may: bool, asked: &dyn std::fmt::Display) {
        if !may && self.told.fetch_add(1, Ordering::Relaxed) < TOLD {
            tracing::warn!(target: "cenote::audit", %asked, "the broker refused what the machine's process let through");
        }
    }

    /// Answers the process at the other end of this socket until that is gone.
    ///
    /// # Errors
    /// When the socket is none, or breaks.
    pub async fn serve(self: Arc<Self>, socket: OwnedFd) -> io::Result<()> {
        let channel = Arc::new(Channel::new(socket)?);
        let (answers, mut waiting) = mpsc::channel::<Answered>(ANSWERS);
        let out = Arc::clone(&channel);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Some(answered) = waiting.recv().await {
                if answered.send(&out).await.is_err() {
                    return;
                }
            }
        });
        let ways = Arc::new(Semaphore::new(WAYS));
        let mut under_way: HashMap<u64, AbortHandle> = HashMap::new();
        let mut place = vec![0; MAX_QUESTION];
        loop {
            let (count, _) = channel.receive(&mut place).await?;
            let Some(bytes @ [_, ..]) = place.get(..count) else {
                return Ok(());
            };
            while tasks.try_join_next().is_some() {}
            // What is no question, such as a word of a library on standard output, is passed over.
            let Some((id, question)) = wire::read_question(bytes) else {
                continue;
            };
            if question == Question::Forget {
                if let Some(task) = under_way.remove(&id) {
                    task.abort();
                }
                continue;
            }
            under_way.retain(|_, task| !task.is_finished());
            // All but the one that sends answers.
            if tasks.len() > QUESTIONS {
                let full = Answered::new(id, Err(io::Error::from_raw_os_error(EMFILE)));
                if answers.send(full).await.is_err() {
                    return Ok(());
                }
                continue;
            }
            let (broker, answers, ways) = (Arc::clone(&self), answers.clone(), Arc::clone(&ways));
            let task =
                tasks.spawn(async move { broker.answer(id, question, &answers, ways).await });
            if let Some(before) = under_way.insert(id, task) {
                // No client gives a number twice.
                before.abort();
            }
        }
    }

    async fn answer(
        &self,
        id: u64,
        question: Question,
        answers: &mpsc::Sender<Answered>,
        ways: Arc<Semaphore>,
    ) {
        let content = match question {
            Question::Connect(to) => self.connect(to).await.map(Content::Socket),
            Question::Resolve(name) => self.resolve(&canonical(&name)).await.map(Content::Bytes),
            Question::Records(kind, name) => self
                .records(kind, &canonical(&name))
                .await
                .map(Content::Bytes),
            Question::Datagrams => return self.carry_for(id, answers, ways).await,
            Question::Forget => return,
        };
        // A process that is gone takes no answer.
        drop(answers.send(Answered::new(id, content)).await);
    }

    /// Answers with a way for datagrams, and carries what passes on it.
    async fn carry_for(&self, id: u64, answers: &mpsc::Sender<Answered>, ways: Arc<Semaphore>) {
        let full = |_| io::Error::from_raw_os_error(EMFILE);
        let made = ways.try_acquire_owned().map_err(full).and_then(|way| {
            let (ours, theirs) = Channel::pair()?;
            Ok((way, ours, theirs))
        });
        let (content, ours) = match made {
            Ok((way, ours, theirs)) => (Ok(Content::Socket(theirs)), Some((way, ours))),
            Err(error) => (Err(error), None),
        };
        let is_taken = answers.send(Answered::new(id, content)).await.is_ok();
        if let Some((_way, ours)) = ours.filter(|_| is_taken) {
            self.carry(&ours).await;
        }
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<OwnedFd> {
        if !self.may_reach(NetworkOperation::Connect, to) {
            return Err(refused());
        }
        let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(to)).await;
        let stream = connected.map_err(|_| io::Error::from_raw_os_error(ETIMEDOUT))??;
        Ok(stream.into_std()?.into())
    }

    async fn resolve(&self, name: &str) -> io::Result<Vec<u8>> {
        if !self.may_resolve(name, false) {
            return Err(refused());
        }
        let mut found = self.look_up(upstream::resolve_here(name)).await?;
        found.truncate(MAX_ADDRESSES);
        self.pins.remember(name, &found);
        Ok(wire::addresses(&found))
    }

    async fn records(&self, kind: u16, name: &str) -> io::Result<Vec<u8>> {
        if !self.may_look_up(name) {
            return Err(refused());
        }
        self.look_up(upstream::records_here(kind, name)).await
    }

    /// Looks a name up when there is room.
    async fn look_up<T>(&self, asking: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        // Neither is ever closed.
        let _own = self.lookups.acquire().await.map_err(io::Error::other)?;
        let _all = ALL_LOOKUPS.acquire().await.map_err(io::Error::other)?;
        let found = tokio::time::timeout(LOOKUP_PATIENCE, asking).await;
        found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Carries datagrams both ways until the other end is closed.
    async fn carry(&self, way: &Channel) {
        let (mut v4, mut v6) = (None, None);
        loop {
            tokio::select! {
                ready = way.readable() => {
                    if ready.is_err() || !self.send_one(way, &mut v4, &mut v6).await {
                        return;
                    }
                }
                () = readable(v4.as_ref()) => bring_one(v4.as_ref(), way),
                () = readable(v6.as_ref()) => bring_one(v6.as_ref(), way),
            }
        }
    }

    /// Sends a datagram that is there; whether the other end is open.
    async fn send_one(
        &self,
        way: &Channel,
        v4: &mut Option<UdpSocket>,
        v6: &mut Option<UdpSocket>,
    ) -> bool {
        let mut place = vec![0; MAX_FRAME];
        let count = match way.try_receive(&mut place) {
            Ok((count @ 1.., _)) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
            Ok(_) | Err(_) => return false,
        };
        let frame = wire::read_frame(place.get(..count).unwrap_or_default());
        let Some(Frame::Datagram(to, bytes)) = frame else {
            return false;
        };
        let (socket, any): (_, IpAddr) = match to {
            SocketAddr::V4(_) => (v4, Ipv4Addr::UNSPECIFIED.into()),
            SocketAddr::V6(_) => (v6, Ipv6Addr::UNSPECIFIED.into()),
        };
        let sent = async {
            if !self.may_reach(NetworkOperation::Send, to) {
                return Err(refused());
            }
            let socket = match socket {
                Some(socket) => socket,
                None => socket.insert(UdpSocket::bind((any, 0)).await?),
            };
            socket.send_to(bytes, to).await
        };
        if let Err(error) = sent.await {
            let told = wire::frame(&Frame::Undeliverable(to, number(&error)));
            // One that does not read hears nothing, as with any datagram.
            drop(way.try_send(&told));
        }
        true
    }
}

async fn readable(socket: Option<&UdpSocket>) {
    match socket {
        // An error is found by who reads.
        Some(socket) => drop(socket.readable().await),
        None => std::future::pending().await,
    }
}

/// Brings a datagram that may be there; one that finds no room is lost.
fn bring_one(socket: Option<&UdpSocket>, way: &Channel) {
    let mut place = vec![0; MAX_FRAME];
    let Some(Ok((count, from))) = socket.map(|socket| socket.try_recv_from(&mut place)) else {
        return;
    };
    let bytes = place.get(..count).unwrap_or_default();
    drop(way.try_send(&wire::frame(&Frame::Datagram(from, bytes))));
}

/// Numbers of the host's `errno`.
const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();
const ETIMEDOUT: i32 = rustix::io::Errno::TIMEDOUT.raw_os_error();
const EACCES: i32 = rustix::io::Errno::ACCESS.raw_os_error();
const ENOENT: i32 = rustix::io::Errno::NOENT.raw_os_error();
const EIO: i32 = rustix::io::Errno::IO.raw_os_error();

fn refused() -> io::Error {
    io::Error::from_raw_os_error(EACCES)
}

/// An error as its number.
fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(match error.kind() {
        io::ErrorKind::NotFound => ENOENT,
        io::ErrorKind::TimedOut => ETIMEDOUT,
        io::ErrorKind::PermissionDenied => EACCES,
        _ => EIO,
    })
}

/// What an answer brings.
enum Content {
    Bytes(Vec<u8>),
    Socket(OwnedFd),
}

/// An answer on its way.
struct Answered {
    id: u64,
    message: Vec<u8>,
    socket: Option<OwnedFd>,
}

impl Answered {
    fn new(id: u64, content: io::Result<Content>) -> Self {
        let (errno, bytes, socket) = match content {
            Ok(Content::Bytes(bytes)) => (0, bytes, None),
            Ok(Content::Socket(socket)) => (0, Vec::new(), Some(socket)),
            Err(error) => (number(&error), Vec::new(), None),
        };
        Self {
            id,
            message: wire::answer(id, errno, &bytes),
            socket,
        }
    }

    /// Sends it; where the descriptor cannot be sent (too many are on their way), says so instead.
    async fn send(&self, to: &Channel) -> io::Result<()> {
        let fd = self.socket.as_ref().map(AsFd::as_fd);
        match to.send(&self.message, fd).await {
            Err(error) if fd.is_some() => {
                let instead = wire::answer(self.id, number(&error), &[]);
                to.send(&instead, None).await
            }
            sent => sent,
        }
    }
}
