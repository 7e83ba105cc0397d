//! What the embedder permits: [`Permissions`], rules as data, and the kernel policy they become.
//!
//! Inside the machine users and file modes decide; these rules can only take away. What leaves the machine (host directories, network) is
//! granted by mounts and by `network`. Rules are tried in order and the last that matches wins.

use std::net::SocketAddr;
use std::sync::Arc;

use cenote_base::policy::{Request, Verdict};
use globset::{Glob, GlobBuilder, GlobMatcher};

use crate::Error;
use crate::file_rules::{FileRule, FileRules, FileUse};
use crate::network::pins::Pins;
use crate::network::rules::NetworkRules;
use crate::network::{NetworkOperation, NetworkRule};
use crate::program_names::command_name;

/// What a rule says of what it matches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// It is allowed.
    Allow,
    /// It is refused.
    Deny,
    /// The callback of the scope decides ([`on_permission`](crate::NodeRuntimeBuilder::on_permission)); without one it is refused. A first rule
    /// for everything keeps the callback from being asked for the rest.
    Ask,
}

/// What guests may do. The default allows everything inside the machine and nothing outside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Permissions {
    /// Rules for files; a path no rule matches is allowed.
    pub files: Vec<FileRule>,
    /// Whether guests may start programs (the first program of a call is the embedder's and always starts).
    pub child_process: bool,
    /// Programs that may be started, by resolved path (globs); empty: all.
    pub programs: Vec<String>,
    /// Rules for programs, before `child_process` and `programs`, which say what holds for a program that none of these matches.
    pub program_rules: Vec<ProgramRule>,
    /// Rules for the network outside the machine; what no rule allows is refused, and so are the host's own and private addresses unless
    /// a rule names them. Inside the machine everything may be reached.
    pub network: Vec<NetworkRule>,
    /// Rules for the environment variables that the embedder's options and calls give to programs; one that no rule names is given.
    /// Those of a login (`PATH`, `HOME` …) are always given.
    pub env: Vec<EnvRule>,
    /// Rules for the embedder's functions; one that no rule names may be called.
    pub host_functions: Vec<FunctionRule>,
}

/// A rule for programs that guests start. There is one operation (`spawn`), so a rule names none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProgramRule {
    /// What it says.
    pub effect: Effect,
    /// Resolved paths in the machine: `*` within a directory, `**` across. Without a `/`, the name of a command (`ls`, which is a link to the
    /// file that is many commands), or of a file wherever it is.
    pub glob: String,
    /// Why, where it refuses: for the audit.
    pub reason: Option<String>,
}

/// A rule for functions of the embedder. There is one operation (`call`), so a rule names none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FunctionRule {
    /// What it says.
    pub effect: Effect,
    /// `collection.function`: `*` stands for any text.
    pub glob: String,
    /// Why, where it refuses: for the guest's error and the audit.
    pub reason: Option<String>,
}

/// A rule for environment variables. There is one operation (`read`), so a rule names none: what guests change is their own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EnvRule {
    /// What it says. Where it asks, the callback is asked once for the variables of the machine, when the first program starts, and for those of a call with it.
    pub effect: Effect,
    /// Names: `*` stands for any text.
    pub glob: String,
    /// Why, where it refuses: for the audit.
    pub reason: Option<String>,
}

macro_rules! constructors {
    ($($rule:ident)*) => { $(
        impl $rule {
            /// A rule without a reason.
            pub fn new(effect: Effect, glob: impl Into<String>) -> Self {
                Self { effect, glob: glob.into(), reason: None }
            }

            /// The same, saying why it refuses.
            #[must_use]
            pub fn because(mut self, reason: impl Into<String>) -> Self {
                self.reason = Some(reason.into());
                self
            }
        }
    )* };
}

constructors!(ProgramRule FunctionRule EnvRule);

impl Default for Permissions {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            child_process: true,
            programs: Vec::new(),
            program_rules: Vec::new(),
            network: Vec::new(),
            env: Vec::new(),
            host_functions: Vec::new(),
        }
    }
}

impl Permissions {
    /// The policy they become; names of addresses are in `pins`.
    pub(crate) fn compile(&self, pins: Arc<Pins>) -> Result<Rules, Error> {
        let programs = self
            .programs
            .iter()
            .map(|glob| matcher(glob))
            .collect::<Result<_, Error>>()?;
        let program_rules = self.program_rules.iter();
        let program_rules = program_rules
            .map(ProgramLine::new)
            .collect::<Result<_, Error>>()?;
        let env = self.env.iter();
        let env = env
            .map(|rule| {
                let glob = words("permissions.env", &rule.glob)?;
                Ok(Line::new(rule.effect, rule.reason.as_ref(), glob))
            })
            .collect::<Result<_, Error>>()?;
        let host_functions = self.host_functions.iter();
        let host_functions = host_functions
            .map(|rule| {
                let glob = words("permissions.host_functions", &rule.glob)?;
                Ok(Line::new(rule.effect, rule.reason.as_ref(), glob))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Rules {
            env,
            program_rules,
            host_functions,
            files: FileRules::compile(&self.files)?,
            child_process: self.child_process,
            programs,
            network: NetworkRules::compile(&self.network, pins)?,
        })
    }
}

/// A glob of names.
fn words(option: &'static str, glob: &str) -> Result<GlobMatcher, Error> {
    let glob = Glob::new(glob).map_err(|error| Error::Option {
        option,
        reason: error.to_string(),
    })?;
    Ok(glob.compile_matcher())
}

pub(crate) fn matcher(glob: &str) -> Result<GlobMatcher, Error> {
    let invalid = |reason: String| Error::Option {
        option: "permissions",
        reason,
    };
    if !glob.starts_with('/') && !glob.starts_with("**") {
        return Err(invalid(format!(
            "`{glob}` is not an absolute path in the machine"
        )));
    }
    let glob = GlobBuilder::new(glob)
        .literal_separator(true)
        .build()
        .map_err(|error| invalid(error.to_string()))?;
    Ok(glob.compile_matcher())
}

/// [`Permissions`] made ready to be asked.
#[derive(Debug)]
pub(crate) struct Rules {
    env: Vec<Line>,
    files: FileRules,
    child_process: bool,
    programs: Vec<GlobMatcher>,
    program_rules: Vec<ProgramLine>,
    network: NetworkRules,
    host_functions: Vec<Line>,
}

/// A rule made ready to be asked.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) effect: Effect,
    pub(crate) glob: GlobMatcher,
    /// The embedder's words.
    reason: Option<Box<str>>,
}

impl Line {
    pub(crate) fn new(effect: Effect, reason: Option<&String>, glob: GlobMatcher) -> Self {
        let reason = reason.filter(|reason| !reason.is_empty());
        Self {
            effect,
            glob,
            reason: reason.map(|reason| reason.as_str().into()),
        }
    }

    /// What it says of what it matches.
    pub(crate) fn said(&self, option: &str) -> Ruling {
        said(
            self.effect,
            self.reason.as_deref(),
            option,
            self.glob.glob(),
        )
    }
}

/// A rule for programs made ready to be asked.
#[derive(Debug)]
struct ProgramLine {
    line: Line,
    /// Of commands.
    names: Option<GlobMatcher>,
}

impl ProgramLine {
    fn new(rule: &ProgramRule) -> Result<Self, Error> {
        let is_name = !rule.glob.contains('/') && rule.glob != "**";
        let (path, names) = if is_name {
            let names = words("permissions.program_rules", &rule.glob)?;
            (matcher(&format!("**/{}", rule.glob))?, Some(names))
        } else {
            (matcher(&rule.glob)?, None)
        };
        Ok(Self {
            line: Line::new(rule.effect, rule.reason.as_ref(), path),
            names,
        })
    }

    fn matches(&self, path: &[u8], command: &[u8]) -> bool {
        let has_name = |names: &GlobMatcher| names.is_match(as_path(command));
        self.line.glob.is_match(as_path(path)) || self.names.as_ref().is_some_and(has_name)
    }
}

/// What a rule says that matches `what`.
pub(crate) fn said(
    effect: Effect,
    reason: Option<&str>,
    option: &str,
    what: impl std::fmt::Display,
) -> Ruling {
    match (effect, reason) {
        (Effect::Allow, _) => Ruling::Said(Verdict::Allow),
        (Effect::Deny, Some(reason)) => Ruling::Said(Verdict::deny_saying(reason)),
        (Effect::Deny, None) => Ruling::Said(Verdict::deny(format!("{option} refuses `{what}`"))),
        (Effect::Ask, _) => Ruling::Asks(format!("{option} asks for `{what}`")),
    }
}

impl Rules {
    /// Whether anything outside the machine may be reached.
    pub(crate) fn open_network(&self) -> bool {
        self.network.open_anything()
    }

    fn program(&self, path: &[u8], command: &[u8]) -> Ruling {
        let mut rules = self.program_rules.iter().rev();
        if let Some(rule) = rules.find(|rule| rule.matches(path, command)) {
            return rule.line.said("permissions.program_rules");
        }
        if !self.child_process {
            return Ruling::Said(Verdict::deny("permissions.child_process is off"));
        }
        if self.programs.is_empty() {
            return Ruling::Silent(Verdict::Allow);
        }
        let named = self
            .programs
            .iter()
            .any(|glob| glob.is_match(as_path(path)));
        Ruling::Said(if named {
            Verdict::Allow
        } else {
            Verdict::deny("permissions.programs does not name it")
        })
    }
}

pub(crate) fn as_path(bytes: &[u8]) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt;
    std::path::Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// What the rules say of a request.
#[derive(Debug)]
pub(crate) enum Ruling {
    /// A rule speaks of it.
    Said(Verdict),
    /// A rule says that the embedder's code decides; which one.
    Asks(String),
    /// None does: this holds unless somebody else decides.
    Silent(Verdict),
}

impl Ruling {
    #[cfg(test)]
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Self::Said(verdict) | Self::Silent(verdict) => verdict,
            Self::Asks(reason) => Verdict::deny(reason),
        }
    }
}

impl Rules {
    /// What the rules say of a request of the kernel.
    pub(crate) fn rule(&self, request: &Request<'_>) -> Ruling {
        match request {
            Request::File {
                operation,
                path,
                destination,
                is_directory,
            } => self.files.rule(&FileUse {
                operation: *operation,
                path,
                destination: *destination,
                is_directory: *is_directory,
            }),
            Request::Listen { address } => self.network.listen(*address),
            Request::Execute {
                path,
                found_as,
                argv,
                ..
            } => {
                let own_name = argv.first().map_or(&[][..], Vec::as_slice);
                self.program(path, command_name(found_as, path, own_name))
            }
            Request::Connect { transport, address } => {
                let operation = NetworkOperation::of_transport(*transport);
                self.network.reach(operation, *address)
            }
            Request::Resolve { name } => self.network.resolve(name),
        }
    }

    /// What the rules say of a request of HTTP.
    pub(crate) fn http(&self, address: SocketAddr) -> Ruling {
        self.network.reach(NetworkOperation::Http, address)
    }

    /// What the rules say of calling a function of the embedder.
    pub(crate) fn host_function(&self, collection: &str, function: &str) -> Ruling {
        let name = format!("{collection}.{function}");
        let mut rules = self.host_functions.iter().rev();
        match rules.find(|rule| rule.glob.is_match(&name)) {
            Some(rule) => rule.said("permissions.host_functions"),
            None => Ruling::Silent(Verdict::Allow),
        }
    }

    /// What the rules say of giving an environment variable to programs.
    pub(crate) fn env(&self, name: &str) -> Ruling {
        let mut rules = self.env.iter().rev();
        match rules.find(|rule| rule.glob.is_match(name)) {
            Some(rule) => rule.said("permissions.env"),
            None => Ruling::Silent(Verdict::Allow),
        }
    }

    /// The names that this machine was told to have this address.
    pub(crate) fn names_of(&self, address: SocketAddr) -> Vec<String> {
        self.network.names_of(address)
    }

    pub(crate) fn watches_files(&self) -> bool {
        !self.files.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_glob_is_refused_by_name() {
        let permissions = Permissions {
            programs: vec!["bin/sh".into()],
            ..Permissions::default()
        };
        assert!(
            permissions
                .compile(Arc::default())
                .unwrap_err()
                .to_string()
                .contains("bin/sh")
        );
    }
}
