//! What the embedder permits: the [`Policy`] asked at the system-call layer for what leaves the machine or starts a program.
//!
//! Inside the machine, users and file modes decide; a policy can only take away. It is asked on resolved paths and
//! addresses. A refusal is `EACCES` or `EPERM` to the guest and a line with its reason in the audit trace
//! (target `cenote::audit`).

use std::fmt::Debug;
use std::net::SocketAddr;

/// What a guest wants to do.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// Read a file, list a directory, follow a link.
    ReadFile {
        /// The resolved path in the machine.
        path: &'a [u8],
    },
    /// Create, change or remove a file.
    WriteFile {
        /// The resolved path in the machine.
        path: &'a [u8],
    },
    /// Run a program as a new process or in place.
    Execute {
        /// The resolved path of the program in the machine.
        path: &'a [u8],
        /// Its arguments, the name first.
        argv: &'a [Vec<u8>],
    },
    /// Connect out of the machine, or send a datagram out of it.
    Connect {
        /// How.
        transport: Transport,
        /// The address that will be connected if the answer is yes: no name is looked up after it.
        address: SocketAddr,
    },
    /// Ask for the addresses or records of a name outside the machine.
    Resolve {
        /// The name, without a dot at its end.
        name: &'a str,
    },
}

/// What carries bytes out of the machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// The answer of a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Go on.
    Allow,
    /// No, and why.
    Deny {
        /// For the audit trace.
        reason: String,
    },
}

/// Decides what guests may do. Must answer quickly; called on the guest's thread.
pub trait Policy: Send + Sync + Debug {
    /// Decides one request.
    fn decide(&self, request: &Request<'_>) -> Verdict;

    /// Whether `ReadFile` and `WriteFile` are of interest; when not, the kernel spares itself the paths.
    fn watches_files(&self) -> bool {
        true
    }
}

/// The default: all that is inside the machine, nothing that leaves it.
#[derive(Clone, Copy, Debug, Default)]
pub struct InsideOnly;

impl Policy for InsideOnly {
    fn decide(&self, request: &Request<'_>) -> Verdict {
        match request {
            Request::ReadFile { .. } | Request::WriteFile { .. } | Request::Execute { .. } => {
                Verdict::Allow
            }
            Request::Connect { .. } | Request::Resolve { .. } => Verdict::Deny {
                reason: "the network outside the machine is not granted".into(),
            },
        }
    }

    fn watches_files(&self) -> bool {
        false
    }
}
