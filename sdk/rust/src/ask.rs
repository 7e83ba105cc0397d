//! Who decides what no rule decides: the embedder's own code, asked for each request. [`PermissionRequest`], [`Decision`].
//!
//! A rule that matches always wins; where it says so, and where none does, the callback of that scope is asked, and without one the default of the scope
//! holds. The guest's call waits for the answer, at most 30 seconds; it is refused when the callback panics or does not answer.
//!
//! Locks: none.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use cenote_base::SysError;
use cenote_base::policy::{FileOperation, Policy, Request, Verdict, refusal};
use tokio::runtime::Handle;

use crate::events::{Event, Events};
use crate::host;
use crate::policy::{Rules, Ruling};
use crate::program_names::command_name;

/// How long a guest waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The reason of a refusal for which the embedder's code gave none.
pub(crate) const NO: &str = "the permission callback says no";

/// Which part of the permissions a request concerns.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// Files of the machine and of its mounts. Asked for each operation: a callback here makes every `open` slower.
    Fs,
    /// The network outside the machine: names and addresses.
    Network,
    /// Starting programs, but for the first program of a call of the embedder.
    ChildProcess,
    /// Environment variables that the embedder's calls give to the machine's programs.
    Env,
    /// Calls of the embedder's functions.
    HostFunction,
}

impl Scope {
    /// In the words of the contract: `fs`, `network`, `child_process`, `env`, `host_function`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fs => "fs",
            Self::Network => "network",
            Self::ChildProcess => "child_process",
            Self::Env => "env",
            Self::HostFunction => "host_function",
        }
    }

    /// What refused a call of the machine's, by the error.
    pub(crate) fn of_refusal(cause: SysError) -> Option<Self> {
        match cause.note()? {
            refusal::FILES => Some(Self::Fs),
            refusal::PROGRAMS => Some(Self::ChildProcess),
            refusal::NETWORK => Some(Self::Network),
            _ => None,
        }
    }

    /// What the error says when this refuses a call.
    pub(crate) fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Fs => Some(refusal::FILES),
            Self::ChildProcess => Some(refusal::PROGRAMS),
            Self::Network => Some(refusal::NETWORK),
            Self::Env | Self::HostFunction => None,
        }
    }

    /// By its name in the contract.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [
            Self::Fs,
            Self::Network,
            Self::ChildProcess,
            Self::Env,
            Self::HostFunction,
        ];
        all.into_iter().find(|scope| scope.name() == name)
    }
}

/// What a guest wants to do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PermissionRequest {
    /// Look at a file, or change one.
    File {
        /// What is to be done.
        operation: FileOperation,
        /// The resolved path in the machine. What is below a directory moves with it: who refuses something below must refuse the rename.
        path: Vec<u8>,
        /// The other path: where a rename or a hard link leads, what a symbolic link says.
        destination: Option<Vec<u8>>,
    },
    /// Start a program, in a new process or in place of the one that asks. Of a script with `#!`, the script is asked for and then what
    /// interprets it.
    Spawn {
        /// The name of what is executed, where it is a command of the machine: `node`, `sh`. A guest cannot make it up: for links of its own, for
        /// files elsewhere, and where one file is many programs and is told to be another than it was found as, this is the whole path.
        command: Vec<u8>,
        /// Its resolved path in the machine.
        path: Vec<u8>,
        /// Its arguments, the command first (not what the guest says its name is).
        argv: Vec<Vec<u8>>,
        /// Its working directory.
        cwd: Vec<u8>,
        /// Its environment: with the arguments at most 2 MiB.
        env: BTreeMap<Vec<u8>, Vec<u8>>,
    },
    /// Take connections at an address inside the machine, where only the machine's own programs and the embedder's calls reach it. No rule speaks
    /// of it: it is allowed unless the callback is asked for all of the network, and says no.
    Listen {
        /// Where.
        address: SocketAddr,
    },
    /// Connect to an address outside, or send a datagram there.
    Connect {
        /// The address that will be connected.
        address: SocketAddr,
        /// The names that the machine was told to have this address.
        names: Vec<String>,
    },
    /// Look up a name outside.
    Resolve {
        /// The name.
        name: String,
    },
    /// Send a request of HTTP through the embedder's [`NetworkAdapter`](crate::NetworkAdapter).
    Http {
        /// The whole URL.
        url: String,
        /// `GET`, `POST` …
        method: String,
        /// The host in the URL.
        host: String,
        /// The address that is connected.
        address: SocketAddr,
        /// Whether Node's `fetch` asks, as its headers say.
        is_fetch: bool,
    },
    /// See an environment variable that the embedder gives.
    Env {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Call a function of the embedder.
    HostFunction {
        /// The collection.
        collection: String,
        /// The function.
        function: String,
    },
}

impl PermissionRequest {
    fn of(request: &Request<'_>, rules: &Rules) -> Self {
        match *request {
            Request::File {
                operation,
                path,
                destination,
                ..
            } => Self::File {
                operation,
                path: path.into(),
                destination: destination.map(Into::into),
            },
            Request::Execute {
                path,
                found_as,
                argv,
                envp,
                cwd,
            } => spawn(path, found_as, argv, envp, cwd),
            Request::Listen { address } => Self::Listen { address },
            Request::Connect { address, .. } => Self::Connect {
                address,
                names: rules.names_of(address),
            },
            Request::Resolve { name } => Self::Resolve { name: name.into() },
        }
    }

    /// The part of the permissions it concerns.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self {
            Self::File { .. } => Scope::Fs,
            Self::Spawn { .. } => Scope::ChildProcess,
            Self::Connect { .. }
            | Self::Resolve { .. }
            | Self::Http { .. }
            | Self::Listen { .. } => Scope::Network,
            Self::Env { .. } => Scope::Env,
            Self::HostFunction { .. } => Scope::HostFunction,
        }
    }

    /// The operation in one word: `read`, `write`, `rm`, `rename` … ([`FileOperation::name`]), `spawn`, `connect`, `dns`, `fetch`, `http`,
    /// `listen`, `read` of an environment variable, `call`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::File { operation, .. } => operation.name(),
            Self::Spawn { .. } => "spawn",
            Self::Connect { .. } => "connect",
            Self::Resolve { .. } => "dns",
            Self::Listen { .. } => "listen",
            Self::Http { is_fetch: true, .. } => "fetch",
            Self::Http { .. } => "http",
            Self::Env { .. } => "read",
            Self::HostFunction { .. } => "call",
        }
    }

    /// What it is about, for people: a path, an address, a name.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::File { path, .. } | Self::Spawn { path, .. } => cenote_base::path::display(path),
            Self::Connect { address, .. } | Self::Listen { address } => address.to_string(),
            Self::Resolve { name } | Self::Env { name, .. } => name.clone(),
            Self::Http { url, .. } => url.clone(),
            Self::HostFunction {
                collection,
                function,
            } => format!("{collection}.{function}"),
        }
    }
}

fn spawn(
    path: &[u8],
    found_as: &[u8],
    argv: &[Vec<u8>],
    envp: &[Vec<u8>],
    cwd: &[u8],
) -> PermissionRequest {
    let own_name = argv.first().map_or(&[][..], Vec::as_slice);
    let command = command_name(found_as, path, own_name).to_vec();
    let mut env = BTreeMap::new();
    for variable in envp {
        let mut parts = variable.splitn(2, |byte| *byte == b'=');
        if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            // The first counts, as for `getenv`.
            env.entry(name.to_vec()).or_insert_with(|| value.to_vec());
        }
    }
    let args = argv.iter().skip(1).cloned();
    PermissionRequest::Spawn {
        argv: std::iter::once(command.clone()).chain(args).collect(),
        command,
        path: path.into(),
        cwd: cwd.into(),
        env,
    }
}

/// The answer of a permission callback.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Decision {
    /// Whether the guest may.
    pub allow: bool,
    /// Why not: for the guest's error, where that has room for it, and the audit.
    pub reason: Option<String>,
}

impl Decision {
    /// Yes.
    #[must_use]
    pub fn allow() -> Self {
        Self {
            allow: true,
            reason: None,
        }
    }

    /// No, and why.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self {
            allow: false,
            reason: Some(reason.into()),
        }
    }
}

impl From<bool> for Decision {
    fn from(allow: bool) -> Self {
        Self {
            allow,
            reason: None,
        }
    }
}

type Later = Pin<Box<dyn Future<Output = Decision> + Send>>;

/// The embedder's code for some scopes.
#[derive(Clone)]
pub(crate) enum Callback {
    Now(Arc<dyn Fn(&PermissionRequest) -> Decision + Send + Sync>),
    Later(Arc<dyn Fn(PermissionRequest) -> Later + Send + Sync>),
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Callback(now)",
            Self::Later(_) => "Callback(later)",
        })
    }
}

/// The callbacks of a machine, one a scope.
pub(crate) type Callbacks = HashMap<Scope, Callback>;

/// Rules, then the embedder's code, then the default; what is refused is told.
#[derive(Debug)]
pub(crate) struct Permit {
    rules: Arc<Rules>,
    callbacks: Callbacks,
    events: Arc<Events>,
    handle: Handle,
}

impl Permit {
    pub(crate) fn new(
        rules: Arc<Rules>,
        callbacks: Callbacks,
        events: Arc<Events>,
        handle: Handle,
    ) -> Self {
        Self {
            rules,
            callbacks,
            events,
            handle,
        }
    }

    /// The same for another machine, whose refusals are told to others.
    pub(crate) fn of_fork(&self, events: &Arc<Events>) -> Self {
        Self {
            rules: Arc::clone(&self.rules),
            callbacks: self.callbacks.clone(),
            events: Arc::clone(events),
            handle: self.handle.clone(),
        }
    }

    /// Whether the embedder's code is to decide about an environment variable.
    pub(crate) fn asks_about_env(&self, name: &str) -> bool {
        self.callbacks.contains_key(&Scope::Env) && !matches!(self.rules.env(name), Ruling::Said(_))
    }

    /// Whether an environment variable may be given to programs.
    pub(crate) fn env(&self, name: &str, value: &str) -> bool {
        let request = || PermissionRequest::Env {
            name: name.into(),
            value: value.into(),
        };
        self.settle(self.rules.env(name), Scope::Env, request) == Verdict::Allow
    }

    /// Whether a request may be sent: rules speak of its address and names as of a connection's, the embedder's code sees the URL.
    pub(crate) fn http(&self, address: SocketAddr, asked: PermissionRequest) -> Verdict {
        self.settle(self.rules.http(address), Scope::Network, || asked.clone())
    }

    /// Whether a function of the embedder may be called.
    pub(crate) fn host_function(&self, collection: &str, function: &str) -> Verdict {
        let request = || PermissionRequest::HostFunction {
            collection: collection.into(),
            function: function.into(),
        };
        let ruling = self.rules.host_function(collection, function);
        self.settle(ruling, Scope::HostFunction, request)
    }

    fn settle(
        &self,
        ruling: Ruling,
        scope: Scope,
        request: impl Fn() -> PermissionRequest,
    ) -> Verdict {
        let verdict = match (ruling, self.callbacks.get(&scope)) {
            (Ruling::Said(verdict), _) | (Ruling::Silent(verdict), None) => verdict,
            (Ruling::Silent(_) | Ruling::Asks(_), Some(callback)) => self.ask(callback, request()),
            (Ruling::Asks(rule), None) => {
                Verdict::deny(format!("{rule}, and nobody is there to decide"))
            }
        };
        if let Verdict::Deny { reason, .. } = &verdict {
            self.events.publish(|| {
                let request = request();
                Event::Refused {
                    scope,
                    operation: request.operation().into(),
                    subject: request.subject(),
                    reason: reason.clone(),
                }
            });
        }
        verdict
    }

    /// What the embedder's code says; for those who have found that no rule decides. Nothing is told to listeners.
    pub(crate) fn ask_embedder(&self, request: PermissionRequest) -> Verdict {
        match self.callbacks.get(&request.scope()) {
            Some(callback) => self.ask(callback, request),
            None => Verdict::deny("nobody is there to decide"),
        }
    }

    fn ask(&self, callback: &Callback, request: PermissionRequest) -> Verdict {
        let decision = match callback {
            Callback::Now(decide) => {
                catch_unwind(AssertUnwindSafe(|| decide(&request))).map_err(|_| "panicked")
            }
            Callback::Later(decide) => self.wait_for(decide(request)),
        };
        match decision {
            Ok(Decision { allow: true, .. }) => Verdict::Allow,
            Ok(Decision { reason, .. }) => match reason.filter(|reason| !reason.is_empty()) {
                Some(reason) => Verdict::deny_saying(reason),
                None => Verdict::deny(NO),
            },
            Err(what) => Verdict::deny(format!("the permission callback {what}")),
        }
    }

    /// Waits on this thread; other guests of the thread are moved to another one meanwhile.
    fn wait_for(&self, answer: Later) -> Result<Decision, &'static str> {
        let (tell, told) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            let decision = tokio::time::timeout(PATIENCE, answer)
                .await
                .map_err(|_elapsed| "did not answer within 30 seconds");
            if tell.send(decision).is_err() {
                tracing::debug!("the guest that asked is gone");
            }
        });
        host::wait_here(move || told.recv().unwrap_or(Err("panicked")))
    }
}

impl Policy for Permit {
    fn decide(&self, request: &Request<'_>) -> Verdict {
        let scope = match request {
            Request::File { .. } => Scope::Fs,
            Request::Execute { .. } => Scope::ChildProcess,
            Request::Connect { .. } | Request::Resolve { .. } | Request::Listen { .. } => {
                Scope::Network
            }
        };
        self.settle(self.rules.rule(request), scope, || {
            PermissionRequest::of(request, &self.rules)
        })
    }

    fn watches_files(&self) -> bool {
        self.rules.watches_files() || self.callbacks.contains_key(&Scope::Fs)
    }
}
