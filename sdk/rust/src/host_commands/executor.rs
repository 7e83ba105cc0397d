//! What the embedder implements: [`CommandExecutor`]; which names it answers: [`HostCommands`].

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cenote_abi::{Errno, SigNum};
use globset::{Glob, GlobBuilder, GlobMatcher};

use super::streams::CommandStreams;
use crate::Error;

/// How long the embedder may take to say whether a program runs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The answer of a [`CommandExecutor`], as it comes.
pub type Starting = Pin<Box<dyn Future<Output = Result<CommandAnswer, Errno>> + Send>>;

/// A running command of the embedder.
pub(super) type Running = Pin<Box<dyn Future<Output = CommandEnd> + Send>>;

/// A program that a guest starts.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HostCommand {
    /// Its name: without a directory when the guest gave none, or one of those in which commands are looked for by default
    /// (`/usr/bin`, `/bin` …); else an absolute path of the machine.
    pub command: String,
    /// Its arguments, without the name.
    pub args: Vec<Vec<u8>>,
    /// The guest's environment. Variables without `=` are left out; of those given twice the first counts.
    pub env: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The working directory, as a path of the machine.
    pub cwd: Vec<u8>,
    /// The user and group of the machine that it runs as.
    pub user: (u32, u32),
    /// The process it is in the machine.
    pub pid: i32,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CommandEnd {
    /// With this status.
    Exited(u8),
    /// By this signal.
    Signaled(SigNum),
}

/// What becomes of a command.
#[non_exhaustive]
pub enum CommandAnswer {
    /// It runs; the future is its life. It is dropped when the guest's process ends otherwise (`SIGKILL`, the end of the machine), and not
    /// polled while that is stopped.
    Runs(Pin<Box<dyn Future<Output = CommandEnd> + Send>>),
    /// It is none of the embedder's: the machine's own program of that name is to run, if it has one.
    InMachine,
}

impl CommandAnswer {
    /// A command that runs as this future, which answers how it ends.
    pub fn runs(life: impl Future<Output = CommandEnd> + Send + 'static) -> Self {
        Self::Runs(Box::pin(life))
    }
}

impl fmt::Debug for CommandAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Runs(_) => "Runs(..)",
            Self::InMachine => "InMachine",
        })
    }
}

/// Runs programs for guests. Closures of two arguments that return a future of the answer are executors too.
pub trait CommandExecutor: Send + Sync + 'static {
    /// A guest starts a program; its exec waits for the answer, at most 30 seconds. An error is what exec fails with: `ENOENT` for a name you
    /// do not have.
    ///
    /// Futures run on Cenote's own threads: do not block in them.
    fn start(&self, command: HostCommand, streams: CommandStreams) -> Starting;
}

impl<E, F> CommandExecutor for E
where
    E: Fn(HostCommand, CommandStreams) -> F + Send + Sync + 'static,
    F: Future<Output = Result<CommandAnswer, Errno>> + Send + 'static,
{
    fn start(&self, command: HostCommand, streams: CommandStreams) -> Starting {
        Box::pin(self(command, streams))
    }
}

/// An executor and the names it is asked for: all that guests start, unless [`only`](Self::only) some.
#[derive(Clone)]
pub struct HostCommands {
    executor: Arc<dyn CommandExecutor>,
    patterns: Vec<String>,
}

impl HostCommands {
    /// Asks this for every program that a guest starts. What the embedder itself starts ([`exec`](crate::NodeRuntime::exec),
    /// [`shell`](crate::NodeRuntime::shell) …) runs in the machine.
    ///
    /// A shell in the machine looks names up along `PATH` before it starts them, so there it is asked only for names that are found.
    pub fn new(executor: impl CommandExecutor) -> Self {
        Self {
            executor: Arc::new(executor),
            patterns: Vec::new(),
        }
    }

    /// Asks only for these: globs on the name (`git`, `python*`) or, with a slash in them, on the path (`/opt/tools/*`, `**`). Plain names
    /// become files in the machine's `/usr/local/bin`, so that shells find them and the embedder's own calls can start them. They come before the
    /// machine's own programs, which a path (`/usr/bin/git`) still names.
    #[must_use]
    pub fn only<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.patterns.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// The patterns that stand for what it is asked for.
    pub(crate) fn patterns(&self) -> Vec<String> {
        if self.patterns.is_empty() {
            vec!["**".to_owned()]
        } else {
            self.patterns.clone()
        }
    }

    pub(crate) fn compile(self) -> Result<Compiled, Error> {
        let patterns = self
            .patterns
            .iter()
            .map(|pattern| Pattern::of(pattern))
            .collect::<Result<_, _>>()?;
        Ok(Compiled {
            executor: self.executor,
            patterns,
        })
    }
}

impl fmt::Debug for HostCommands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostCommands({:?})", self.patterns)
    }
}

/// One of the names that an executor is asked for.
#[derive(Debug)]
enum Pattern {
    Name(String),
    Names(GlobMatcher),
    Paths(GlobMatcher),
}

impl Pattern {
    fn of(pattern: &str) -> Result<Self, Error> {
        let invalid = |reason: String| Error::Option {
            option: "host_commands",
            reason,
        };
        if pattern.is_empty() || pattern == "." || pattern == ".." || pattern.contains('\0') {
            return Err(invalid(format!("{pattern:?} is not the name of a program")));
        }
        let has_wildcards = pattern.contains(['*', '?', '[', '{']);
        if !has_wildcards && !pattern.contains('/') {
            return if pattern.len() <= cenote_base::path::NAME_MAX {
                Ok(Self::Name(pattern.to_owned()))
            } else {
                Err(invalid(format!("`{pattern}` is too long for a name")))
            };
        }
        let failed = |error: globset::Error| invalid(error.to_string());
        if pattern.contains('/') || pattern == "**" {
            let glob = GlobBuilder::new(pattern).literal_separator(true).build();
            return Ok(Self::Paths(glob.map_err(failed)?.compile_matcher()));
        }
        Ok(Self::Names(
            Glob::new(pattern).map_err(failed)?.compile_matcher(),
        ))
    }
}

/// [`HostCommands`] made ready to be asked.
pub(crate) struct Compiled {
    executor: Arc<dyn CommandExecutor>,
    patterns: Vec<Pattern>,
}

impl Compiled {
    pub(super) fn executor(&self) -> &Arc<dyn CommandExecutor> {
        &self.executor
    }

    /// Whether it is asked for a program of this path, known by this name. Names that are not UTF-8 are nobody's.
    pub(super) fn answers(&self, path: &[u8], name: &[u8]) -> bool {
        let (Ok(path), Ok(name)) = (std::str::from_utf8(path), std::str::from_utf8(name)) else {
            return false;
        };
        let matches = |pattern: &Pattern| match pattern {
            // Elsewhere on `PATH` a file of that name is the machine's own, and a shell that was told ENOENT looks there next.
            Pattern::Name(own) => {
                own == path || path.strip_prefix("/usr/local/bin/") == Some(own.as_str())
            }
            Pattern::Names(glob) => !name.contains('/') && glob.is_match(name),
            Pattern::Paths(glob) => glob.is_match(path),
        };
        self.patterns.is_empty() || self.patterns.iter().any(matches)
    }

    /// The names that have files in the machine.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().filter_map(|pattern| match pattern {
            Pattern::Name(name) => Some(name.as_str()),
            Pattern::Names(_) | Pattern::Paths(_) => None,
        })
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostCommands({:?})", self.patterns)
    }
}

/// The directories whose programs are known by their bare names.
const COMMON: [&str; 6] = [
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/bin",
    "/sbin",
];

/// The embedder's programs, for those that are told only the names by which executors know them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commands(Arc<[Compiled]>);

impl Commands {
    pub(crate) fn compile(commands: Vec<HostCommands>) -> Result<Self, Error> {
        let commands = commands.into_iter().map(HostCommands::compile);
        Ok(Self(commands.collect::<Result<_, _>>()?))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who answers for a program of this name. A bare one may have been named with one of the usual directories.
    pub(crate) fn executor(&self, command: &str) -> Option<Arc<dyn CommandExecutor>> {
        let name = command.as_bytes();
        let answers = |one: &&Compiled| {
            let is_bare = !command.contains('/');
            let mut paths = COMMON
                .iter()
                .map(|directory| format!("{directory}/{command}"));
            one.answers(name, name)
                || is_bare && paths.any(|path| one.answers(path.as_bytes(), name))
        };
        let found = self.0.iter().find(answers);
        found.map(|one| Arc::clone(&one.executor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(patterns: &[&str]) -> Compiled {
        HostCommands::new(async |_, _| Ok(CommandAnswer::InMachine))
            .only(patterns.iter().copied())
            .compile()
            .unwrap()
    }

    #[test]
    fn names_and_paths_choose_who_is_asked() {
        let all = compiled(&[]);
        assert!(all.answers(b"/x/y", b"/x/y") && all.answers(b"ls", b"ls"));
        let some = compiled(&["git", "python*", "/opt/**"]);
        assert!(some.answers(b"git", b"git") && some.answers(b"/usr/local/bin/git", b"git"));
        assert!(!some.answers(b"/usr/bin/git", b"git"));
        assert!(!some.answers(b"/tmp/git", b"/tmp/git"));
        assert!(some.answers(b"python3", b"python3"));
        assert!(!some.answers(b"/tmp/python3", b"/tmp/python3"));
        assert!(some.answers(b"/opt/a/b", b"/opt/a/b"));
        assert!(!some.answers(b"\xff", b"\xff"));
        assert_eq!(some.names().collect::<Vec<_>>(), ["git"]);
        assert!(compiled(&["**"]).answers(b"anything", b"anything"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for pattern in ["", "..", "a[b"] {
            let commands = HostCommands::new(async |_, _| Ok(CommandAnswer::InMachine));
            assert!(commands.only([pattern]).compile().is_err(), "{pattern:?}");
        }
    }
}
