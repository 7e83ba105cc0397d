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
use crate::network::NetworkRule;
use crate::network::pins::Pins;
use crate::network::rules::NetworkRules;

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

/// A rule for programs that guests start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProgramRule {
    /// What it says.
    pub effect: Effect,
    /// Resolved paths in the machine: `*` within a directory, `**` across.
    pub glob: String,
}

/// A rule for functions of the embedder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FunctionRule {
    /// What it says.
    pub effect: Effect,
    /// `collection.function`: `*` stands for any text.
    pub glob: String,
}

/// A rule for environment variables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EnvRule {
    /// Whether it allows.
    pub allow: bool,
    /// Names: `*` stands for any text.
    pub glob: String,
}

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
            .map(|rule| Ok((rule.effect, matcher(&rule.glob)?)))
            .collect::<Result<_, Error>>()?;
        let env = self.env.iter();
        let env = env
            .map(|rule| Ok((rule.allow, words("permissions.env", &rule.glob)?)))
            .collect::<Result<_, Error>>()?;
        let host_functions = self.host_functions.iter();
        let host_functions = host_functions
            .map(|rule| {
                Ok((
                    rule.effect,
                    words("permissions.host_functions", &rule.glob)?,
                ))
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
    env: Vec<(bool, GlobMatcher)>,
    files: FileRules,
    child_process: bool,
    programs: Vec<GlobMatcher>,
    program_rules: Vec<(Effect, GlobMatcher)>,
    network: NetworkRules,
    host_functions: Vec<(Effect, GlobMatcher)>,
}

/// What a rule says that matches.
pub(crate) fn said(effect: Effect, option: &str, glob: &GlobMatcher) -> Ruling {
    let glob = glob.glob();
    match effect {
        Effect::Allow => Ruling::Said(Verdict::Allow),
        Effect::Deny => Ruling::Said(Verdict::Deny {
            reason: format!("{option} refuses `{glob}`"),
        }),
        Effect::Ask => Ruling::Asks(format!("{option} asks for `{glob}`")),
    }
}

impl Rules {
    /// Whether anything outside the machine may be reached.
    pub(crate) fn open_network(&self) -> bool {
        self.network.open_anything()
    }

    fn program(&self, path: &[u8]) -> Ruling {
        let mut rules = self.program_rules.iter().rev();
        if let Some((effect, glob)) = rules.find(|(_, glob)| glob.is_match(as_path(path))) {
            return said(*effect, "permissions.program_rules", glob);
        }
        if !self.child_process {
            return Ruling::Said(Verdict::Deny {
                reason: "permissions.child_process is off".into(),
            });
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
            Verdict::Deny {
                reason: "permissions.programs does not name it".into(),
            }
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
            Self::Asks(reason) => Verdict::Deny { reason },
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
            Request::Listen { .. } => self.network.listen(),
            Request::Execute { path, .. } => self.program(path),
            Request::Connect { address, .. } => self.network.connect(*address),
            Request::Resolve { name } => self.network.resolve(name),
        }
    }

    /// What the rules say of calling a function of the embedder.
    pub(crate) fn host_function(&self, collection: &str, function: &str) -> Ruling {
        let name = format!("{collection}.{function}");
        let mut rules = self.host_functions.iter().rev();
        match rules.find(|(_, glob)| glob.is_match(&name)) {
            Some((effect, glob)) => said(*effect, "permissions.host_functions", glob),
            None => Ruling::Silent(Verdict::Allow),
        }
    }

    /// What the rules say of giving an environment variable to programs.
    pub(crate) fn env(&self, name: &str) -> Ruling {
        match self.env.iter().rev().find(|(_, glob)| glob.is_match(name)) {
            Some((true, _)) => Ruling::Said(Verdict::Allow),
            Some((false, glob)) => Ruling::Said(Verdict::Deny {
                reason: format!("permissions.env refuses `{}`", glob.glob()),
            }),
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
