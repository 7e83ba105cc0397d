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
    /// Look at a file, or change one.
    File {
        /// What is to be done with it.
        operation: FileOperation,
        /// The resolved path in the machine, whatever root the process has.
        path: &'a [u8],
        /// The other path: where a rename or a hard link leads, what a symbolic link says (from the root, its own links not followed).
        destination: Option<&'a [u8]>,
        /// Whether `path` is a directory, so that what is done with it is done with all below it.
        is_directory: bool,
    },
    /// Run a program as a new process or in place. Of a script with `#!`, the script is asked for and then what interprets it.
    Execute {
        /// The resolved path of the program in the machine.
        path: &'a [u8],
        /// The path under which it was found, whose last name may be a link; its directory is resolved.
        found_as: &'a [u8],
        /// Its arguments, the name first, which the guest chooses freely.
        argv: &'a [Vec<u8>],
        /// Its environment.
        envp: &'a [Vec<u8>],
        /// Its working directory.
        cwd: &'a [u8],
    },
    /// Take connections at an address inside the machine.
    Listen {
        /// Where.
        address: SocketAddr,
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

/// What an error says that stands for a refusal, by the part of the permissions that spoke.
pub mod refusal {
    /// Files.
    pub const FILES: &str = "the permission `fs` refuses it";
    /// Programs.
    pub const PROGRAMS: &str = "the permission `child_process` refuses it";
    /// The network.
    pub const NETWORK: &str = "the permission `network` refuses it";
}

impl Request<'_> {
    /// What an error says that stands for a refusal of this.
    #[must_use]
    pub fn refusal(&self) -> &'static str {
        match self {
            Self::File { .. } => refusal::FILES,
            Self::Execute { .. } => refusal::PROGRAMS,
            Self::Listen { .. } | Self::Connect { .. } | Self::Resolve { .. } => refusal::NETWORK,
        }
    }
}

/// What is done with a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[repr(u8)]
pub enum FileOperation {
    /// Open it for reading.
    Read,
    /// Open it for writing, or make it.
    Write,
    /// Make a directory.
    Mkdir,
    /// Remove a directory.
    Rmdir,
    /// Look whether it is there and what it is; enter it.
    Stat,
    /// List a directory.
    Readdir,
    /// Remove a name.
    Remove,
    /// Move it, with all that is below.
    Rename,
    /// Give it one more name.
    Link,
    /// Make a symbolic link.
    Symlink,
    /// See where a link leads.
    Readlink,
    /// Change its mode.
    Chmod,
    /// Change its owner.
    Chown,
    /// Change its times.
    Utimes,
    /// Cut or lengthen it.
    Truncate,
}

impl FileOperation {
    /// All there are.
    pub const ALL: [Self; 15] = [
        Self::Read,
        Self::Write,
        Self::Mkdir,
        Self::Rmdir,
        Self::Stat,
        Self::Readdir,
        Self::Remove,
        Self::Rename,
        Self::Link,
        Self::Symlink,
        Self::Readlink,
        Self::Chmod,
        Self::Chown,
        Self::Utimes,
        Self::Truncate,
    ];

    /// In one word: `read`, `rm`, `rename` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Mkdir => "mkdir",
            Self::Rmdir => "rmdir",
            Self::Stat => "stat",
            Self::Readdir => "readdir",
            Self::Remove => "rm",
            Self::Rename => "rename",
            Self::Link => "link",
            Self::Symlink => "symlink",
            Self::Readlink => "readlink",
            Self::Chmod => "chmod",
            Self::Chown => "chown",
            Self::Utimes => "utimes",
            Self::Truncate => "truncate",
        }
    }

    /// As [`name`](Self::name), for rules, where `read` and `write` stand for all that looks and all that changes.
    #[must_use]
    pub fn rule_name(self) -> &'static str {
        match self {
            Self::Read => "open_read",
            Self::Write => "open_write",
            other => other.name(),
        }
    }

    /// Those that a rule means by a word: a kind of them, or one by its [`rule_name`](Self::rule_name).
    #[must_use]
    pub fn of_rule_name(name: &str) -> Vec<Self> {
        let is_meant = |one: &Self| match name {
            "read" => !one.changes(),
            "write" => one.changes(),
            name => one.rule_name() == name,
        };
        Self::ALL.into_iter().filter(is_meant).collect()
    }

    /// The operation of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Whether it changes anything; otherwise it only looks.
    #[must_use]
    pub fn changes(self) -> bool {
        !matches!(
            self,
            Self::Read | Self::Stat | Self::Readdir | Self::Readlink
        )
    }
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
        /// Whether the embedder said it in its own words; then it is for the guest too, where its error has room for a text.
        is_given: bool,
    },
}

impl Verdict {
    /// No, for a reason that is not the guest's business: which option says so.
    #[must_use]
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::Deny {
            reason: reason.into(),
            is_given: false,
        }
    }

    /// No, and what the guest is to be told.
    #[must_use]
    pub fn deny_saying(reason: impl Into<String>) -> Self {
        Self::Deny {
            reason: reason.into(),
            is_given: true,
        }
    }
}

/// Decides what guests may do. Must answer quickly; called on the guest's thread.
pub trait Policy: Send + Sync + Debug {
    /// Decides one request.
    fn decide(&self, request: &Request<'_>) -> Verdict;

    /// Whether files are of interest; when not, the kernel spares itself the paths.
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
            Request::File { .. } | Request::Execute { .. } | Request::Listen { .. } => {
                Verdict::Allow
            }
            Request::Connect { .. } | Request::Resolve { .. } => {
                Verdict::deny("the network outside the machine is not granted")
            }
        }
    }

    fn watches_files(&self) -> bool {
        false
    }
}
