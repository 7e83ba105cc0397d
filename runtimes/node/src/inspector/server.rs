//! [`Server`]: where debuggers connect: a thread of the process with a listening socket in the machine, which works while
//! JavaScript is busy or paused. Node: `src/inspector_io.cc`, `src/inspector_socket_server.cc`.
//!
//! The thread owns the sockets and moves bytes; what debuggers say goes to the isolate's [`Mailbox`], what it answers comes back
//! through [`Shared`]. Everything is bounded: connections, what one may send, what waits to be read by it.

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use cenote_abi::Errno;
use cenote_abi::signal::{SigMaskHow, SigSet};
use cenote_abi::socket::{
    AddressFamily, PeerCredentials, SO_REUSEADDR, SOL_SOCKET, SocketAddress, SocketType,
};
use cenote_base::wait::{Observer, Registration, Waiter, block_on};
use cenote_base::{Fd, MonoTime, SysResult};
use cenote_kernel::{Interrupter, Task, syscall};
use cenote_net::{Name, Socket};
use cenote_vfs::File as _;

use crate::blocking::woken_or;
use crate::environment::Environment;
use crate::inspector::agent::{Agent, Sink, next_session};
use crate::inspector::connection::{Connection, Step};
use crate::inspector::mailbox::Mailbox;

/// Connections at a time, debuggers' and those that only ask.
const CONNECTIONS: usize = 256;
/// Bytes that wait for debuggers; JavaScript waits until there is room, or the debugger that reads nothing is let go.
const WAITING: usize = 16 << 20;
/// How long after the last debugger has let go the address is told again.
const GRACE: Duration = Duration::from_millis(50);
/// How long JavaScript waits for a debugger that reads nothing at all.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes from debuggers that wait for JavaScript; then no more are read.
const UNREAD: usize = 64 << 20;

/// Who can be debugged here.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The path of its address.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) url: String,
}

/// How the server tells its address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Publish {
    pub(super) console: bool,
    pub(super) http: bool,
}

/// What the isolate's thread has for the server's. The lock is a leaf.
struct Shared {
    queue: Mutex<Queue>,
    /// Told when the queue has become shorter, or its server ends.
    room: Condvar,
    /// Bytes of messages that the isolate has not taken yet.
    unread: AtomicUsize,
    waiter: Arc<Waiter>,
    must_stop: AtomicBool,
    /// New debuggers are not let in any more.
    is_closed: AtomicBool,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<(i32, String)>,
    bytes: usize,
    /// Debuggers that fell behind.
    dropped: Vec<i32>,
}

impl Shared {
    fn is_ended(&self) -> bool {
        self.must_stop.load(Ordering::Acquire)
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server as its isolate sees it. Stops with it.
pub(super) struct Server {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// `ws://host:port/id`.
    pub(super) url: String,
    pub(super) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.must_stop.store(true, Ordering::Release);
        self.shared.room.notify_all();
        self.shared.waiter.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(target: "cenote::node", "the inspector's thread panicked");
        }
    }
}

impl Server {
    /// Lets nobody in any more; who is in stays.
    pub(super) fn stop_accepting(&self) {
        self.shared.is_closed.store(true, Ordering::Release);
        self.shared.waiter.wake();
    }

    /// Listens on every address that can be had, and begins.
    ///
    /// # Errors
    /// What to print.
    pub(super) fn start(
        env: &Environment,
        mailbox: Arc<Mailbox>,
        host: &str,
        addresses: &[IpAddr],
        port: u16,
        target: Target,
        publish: Publish,
    ) -> Result<Self, String> {
        let mut listeners = Vec::new();
        let mut failure = Errno::EADDRNOTAVAIL;
        for address in addresses {
            match listen(env.task(), *address, port) {
                Ok(socket) => listeners.push(socket),
                Err(error) => failure = error.errno(),
            }
        }
        let Some(port) = listeners.first().map(|socket| port_of(socket)) else {
            let text =
                crate::shapes::uv_error(-failure.raw()).map_or(failure.name(), |error| error.1);
            return Err(format!(
                "Starting inspector on {host}:{port} failed: {text}\n"
            ));
        };
        let url = format!("ws://{}/{}", host_and_port(host, port), target.id);
        let waiter = Waiter::new();
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            room: Condvar::new(),
            unread: AtomicUsize::new(0),
            waiter: Arc::clone(&waiter),
            must_stop: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        });
        let task = syscall::clone_thread(env.task())
            .map_err(|error| format!("Starting inspector failed: {}\n", error.errno().name()))?;
        task.set_interrupter(Arc::new(Wake(waiter)));
        let masked = syscall::rt_sigprocmask(&task, SigMaskHow::SetMask, Some(SigSet::ALL));
        let io = Io {
            shared: Arc::clone(&shared),
            mailbox,
            target,
            url: url.clone(),
            publish,
            port,
            host: host.to_owned(),
            listeners: listeners
                .into_iter()
                .map(|one| (register(&one, &shared), one))
                .collect(),
            connections: BTreeMap::new(),
            tell_at: None,
            task: Arc::clone(&task),
        };
        io.tell_address();
        let thread = masked.ok().and_then(|_| {
            std::thread::Builder::new()
                .name(format!("node-inspector-{}", task.pid().raw()))
                .spawn(move || io.run())
                .ok()
        });
        if thread.is_none() {
            return Err("Starting inspector failed: EAGAIN\n".into());
        }
        Ok(Self {
            shared,
            thread,
            url,
            port,
        })
    }
}

/// Wakes the thread when its process ends.
struct Wake(Arc<Waiter>);

impl Interrupter for Wake {
    fn interrupt(&self, _must_end: bool) {
        self.0.wake();
    }
}

fn register(socket: &Socket, shared: &Shared) -> Option<Registration> {
    let observer: Arc<dyn Observer> = Arc::clone(&shared.waiter) as _;
    socket.wait_queue().map(|queue| queue.register(observer))
}

fn credentials(task: &Task) -> PeerCredentials {
    let own = task.process().credentials();
    PeerCredentials {
        pid: task.pid().raw(),
        uid: own.euid.raw(),
        gid: own.egid.raw(),
    }
}

fn listen(task: &Task, address: IpAddr, port: u16) -> SysResult<Arc<Socket>> {
    const BACKLOG: i32 = 511;
    let family = if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let socket = task
        .kernel()
        .sockets()
        .socket(family, SocketType::Stream, 0)?;
    socket.set_option(SOL_SOCKET, SO_REUSEADDR, &1_i32.to_ne_bytes())?;
    let is_privileged = task.process().credentials().is_privileged();
    socket.bind(Name::Inet(address, port), is_privileged)?;
    socket.listen(BACKLOG, credentials(task))?;
    Ok(socket)
}

fn port_of(socket: &Socket) -> u16 {
    match socket.local_address() {
        SocketAddress::Inet { port, .. } | SocketAddress::Inet6 { port, .. } => port,
        _ => 0,
    }
}

/// A host and a port as an address has them.
pub(super) fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The thread's side.
struct Io {
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    target: Target,
    url: String,
    publish: Publish,
    port: u16,
    host: String,
    listeners: Vec<(Option<Registration>, Arc<Socket>)>,
    connections: BTreeMap<i32, Live>,
    /// When the address is told again.
    tell_at: Option<MonoTime>,
    task: Arc<Task>,
}

impl Drop for Io {
    fn drop(&mut self) {
        // Also should the thread panic: the process ends with its last thread.
        self.task.finish();
    }
}

struct Live {
    connection: Connection,
    _registration: Option<Registration>,
}

/// Where an isolate's messages for a debugger go.
struct ToDebugger {
    session: i32,
    shared: Arc<Shared>,
}

impl Sink for ToDebugger {
    fn send(&self, agent: &Agent, message: String) {
        let mut queue = self.wait_for_room(agent);
        if queue.bytes > WAITING {
            queue.dropped.push(self.session);
        } else {
            queue.bytes = queue.bytes.saturating_add(message.len());
            queue.messages.push_back((self.session, message));
        }
        drop(queue);
        self.shared.waiter.wake();
    }
}

impl ToDebugger {
    /// Waits while the queue is too long and becomes shorter.
    fn wait_for_room(&self, agent: &Agent) -> std::sync::MutexGuard<'_, Queue> {
        const LOOK: Duration = Duration::from_millis(100);
        let task = agent.env().map(|env| Arc::clone(env.task()));
        let is_over = || self.shared.is_ended() || task.as_ref().is_none_or(|task| task.must_end());
        let mut queue = self.shared.queue();
        let (mut best, mut waited) = (queue.bytes, Duration::ZERO);
        while queue.bytes > WAITING && waited < PATIENCE && !is_over() {
            let outcome = self.shared.room.wait_timeout(queue, LOOK);
            let (again, timeout) = outcome.unwrap_or_else(PoisonError::into_inner);
            queue = again;
            if timeout.timed_out() {
                waited += LOOK;
            }
            if queue.bytes < best {
                (best, waited) = (queue.bytes, Duration::ZERO);
            }
        }
        queue
    }
}

/// A message that the isolate has not taken yet.
struct Unread {
    text: String,
    shared: Arc<Shared>,
}

impl Unread {
    fn new(text: String, shared: &Arc<Shared>) -> Self {
        shared.unread.fetch_add(text.len(), Ordering::AcqRel);
        Self {
            text,
            shared: Arc::clone(shared),
        }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.shared
            .unread
            .fetch_sub(self.text.len(), Ordering::AcqRel);
        self.shared.waiter.wake();
    }
}

impl Io {
    fn print(&self, text: &str) {
        crate::program::write_all(&self.task, Fd::new(2), text.as_bytes());
    }

    fn tell_address(&self) {
        if self.publish.console {
            self.print(&format!(
                "Debugger listening on {}\nFor help, see: https://nodejs.org/learn/getting-started/debugging\n",
                self.url
            ));
        }
    }

    fn run(mut self) {
        while !self.shared.must_stop.load(Ordering::Acquire) && !self.task.must_end() {
            if self.shared.is_closed.load(Ordering::Acquire) {
                self.listeners.clear();
            }
            self.accept();
            self.take_messages();
            self.serve();
            let clock = self.task.kernel().clock();
            if self.tell_at.is_some_and(|at| at <= clock.now()) {
                self.tell_at = None;
                self.tell_address();
            }
            let timer = self.tell_at.map(|at| clock.timer(at));
            block_on(woken_or(&self.shared.waiter, timer));
        }
        self.take_messages();
        self.serve();
        for (id, mut live) in std::mem::take(&mut self.connections) {
            live.connection.close();
            self.gone(id, &live.connection);
        }
        self.listeners.clear();
    }

    fn accept(&mut self) {
        for (_, listener) in &self.listeners {
            while let Ok(socket) = listener.accept() {
                if self.connections.len() >= CONNECTIONS {
                    // Those that are no debuggers yet make room.
                    let idle = self
                        .connections
                        .iter()
                        .find(|(_, live)| !live.connection.is_debugger())
                        .map(|(id, _)| *id);
                    match idle {
                        Some(idle) => drop(self.connections.remove(&idle)),
                        None => continue,
                    }
                }
                let live = Live {
                    _registration: register(&socket, &self.shared),
                    connection: Connection::new(socket, credentials(&self.task)),
                };
                self.connections.insert(next_session(), live);
            }
        }
    }

    /// Hands what the isolate said to its connections.
    fn take_messages(&mut self) {
        let (messages, dropped) = {
            let mut queue = self.shared.queue();
            (
                std::mem::take(&mut queue.messages),
                std::mem::take(&mut queue.dropped),
            )
        };
        for (id, message) in messages {
            match self.connections.get_mut(&id) {
                Some(live) => live.connection.send(message),
                None => self.release(message.len()),
            }
        }
        for id in dropped {
            if let Some(live) = self.connections.remove(&id) {
                tracing::debug!(target: "cenote::node", "a debugger fell behind");
                self.gone(id, &live.connection);
            }
        }
    }

    fn release(&self, bytes: usize) {
        if bytes > 0 {
            let mut queue = self.shared.queue();
            queue.bytes = queue.bytes.saturating_sub(bytes);
            drop(queue);
            self.shared.room.notify_all();
        }
    }

    /// Reads and writes what can be read and written.
    fn serve(&mut self) {
        let ids: Vec<i32> = self.connections.keys().copied().collect();
        for id in ids {
            let Some(mut live) = self.connections.remove(&id) else {
                continue;
            };
            let mut steps = Vec::new();
            let has_room = self.shared.unread.load(Ordering::Acquire) <= UNREAD;
            let outcome = if has_room || !live.connection.is_debugger() {
                live.connection.advance(&mut steps)
            } else {
                Ok(false)
            };
            for step in steps {
                self.take_step(id, &mut live.connection, step);
            }
            let flushed = outcome.and_then(|more| {
                if more {
                    self.shared.waiter.wake();
                }
                live.connection.flush()
            });
            self.release(live.connection.take_released());
            match flushed {
                Ok(()) => {
                    self.connections.insert(id, live);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.connections.insert(id, live);
                }
                Err(_) => self.gone(id, &live.connection),
            }
        }
    }

    fn take_step(&self, id: i32, connection: &mut Connection, step: Step) {
        match step {
            Step::Get { host, path } => {
                let page = super::pages::answer(
                    &path,
                    &host,
                    &self.target,
                    &host_and_port(&self.host, self.port),
                    self.publish.http,
                );
                connection.answer(page);
            }
            Step::Upgrade { path } => {
                let is_known = path.strip_prefix('/') == Some(self.target.id.as_str());
                if !is_known || self.shared.is_closed.load(Ordering::Acquire) {
                    connection.answer(super::pages::refusal());
                    return;
                }
                connection.upgrade();
                let sink = ToDebugger {
                    session: id,
                    shared: Arc::clone(&self.shared),
                };
                self.mailbox
                    .post(move |_, agent| agent.connect(id, Box::new(sink), true));
                self.print("Debugger attached.\n");
            }
            Step::Message(text) => {
                let unread = Unread::new(text, &self.shared);
                self.mailbox
                    .post(move |_, agent| agent.dispatch(id, &unread.text));
            }
        }
    }

    /// A connection has ended.
    fn gone(&mut self, id: i32, connection: &Connection) {
        self.release(connection.waiting());
        if !connection.is_debugger() {
            return;
        }
        self.mailbox.post(move |_, agent| agent.disconnect(id));
        let others = self
            .connections
            .values()
            .any(|live| live.connection.is_debugger());
        let is_stopping = self.shared.must_stop.load(Ordering::Acquire)
            || self.shared.is_closed.load(Ordering::Acquire)
            || self.task.must_end();
        if !others && !is_stopping {
            // A debugger that lets go may end the process next.
            self.tell_at = Some(self.task.kernel().clock().now().after(GRACE));
        }
    }
}
