//! Node's own test directory: a test is a program which ends with status 0, started with the flags and variables its comments name.
//!
//! Those of `message` and `pseudo-tty` have to print what a file of patterns says instead; the latter run on a terminal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cenote_test::world::{Job, World};
use cenote_test::{Outcome, oracle, repository};

use crate::archive;
use crate::suite::{Suite, Test, Verdict};

/// The folders whose tests are single programs.
const FOLDERS: &[&str] = &[
    "async-hooks",
    "es-module",
    "message",
    "module-hooks",
    "parallel",
    "pseudo-tty",
    "sequential",
];
const TIMEOUT: Duration = Duration::from_secs(60);
/// What Node's runner makes of a fresh terminal, in the words of stty(1).
const TERMINAL: &str = "rows 0 cols 0 -onlcr -echoctl";

/// The suite.
pub(crate) struct NodeSuite {
    /// The directory that has `test` in it.
    root: PathBuf,
}

impl NodeSuite {
    /// Finds the suite's files.
    ///
    /// # Errors
    /// When they are not there.
    pub(crate) fn open() -> Result<Self, String> {
        Ok(Self {
            root: archive::unpacked("node", "node")?.join("node-v24.21.0"),
        })
    }

    /// What a test's first comments ask for.
    fn start(&self, test: &str) -> Result<Start, String> {
        let file = self.root.join("test").join(test);
        let text =
            fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let words = |marker: &str| -> Vec<String> {
            text.lines()
                .find_map(|line| {
                    line.split_once(marker)
                        .filter(|(before, _)| before.trim() == "//")
                })
                .map(|(_, rest)| rest.split_whitespace().map(str::to_owned).collect())
                .unwrap_or_default()
        };
        let env = words("Env:")
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(Start {
            flags: words("Flags:"),
            env,
        })
    }

    fn verdict(&self, test: &str, outcome: Result<Outcome, String>) -> Verdict {
        if !has_pattern(test) {
            return verdict(outcome);
        }
        let pattern = self.root.join("test").join(test).with_extension("out");
        let (mut pattern, outcome) = match (fs::read_to_string(pattern), outcome) {
            (Ok(pattern), Ok(outcome)) => (pattern, outcome),
            (Err(error), _) => return Verdict::Failed(error.to_string()),
            (_, Err(message)) => return Verdict::Failed(message),
        };
        let mut text = [outcome.stdout, outcome.stderr].concat();
        if is_on_terminal(test) {
            let name = test.rsplit('/').next().unwrap_or(test);
            pattern = pattern.replace("%(basename)s", name).replace("%%", "%");
            text.retain(|byte| *byte >= b' ' || b"\t\n\r\x0c".contains(byte));
        }
        match matches_lines(&pattern, &String::from_utf8_lossy(&text)) {
            Ok(()) => Verdict::Passed,
            Err(difference) => Verdict::Failed(difference),
        }
    }

    fn in_machine(&self, test: &str) -> Result<Outcome, String> {
        let start = self.start(test)?;
        let world = World::with(|builder| builder.mount(&self.root, "/suite"))?;
        world.make_directory("/tmp/node-test")?;
        let args = [start.flags.clone(), vec![format!("/suite/test/{test}")]].concat();
        let mut env: Vec<(&str, String)> = vec![
            ("NODE_TEST_DIR", "/tmp/node-test".to_owned()),
            ("TEST_THREAD_ID", "0".to_owned()),
        ];
        env.extend(
            start
                .env
                .iter()
                .map(|(name, value)| (name.as_str(), value.clone())),
        );
        let stdin = self.typed(test);
        let job = Job {
            program: "node",
            args: &args,
            cwd: "/suite",
            env: &env,
            stdin: &stdin,
            timeout: TIMEOUT,
        };
        if is_on_terminal(test) {
            world.run_on_terminal(&job, TERMINAL)
        } else {
            world.run(&job)
        }
    }

    /// What is typed into a test's terminal: its file of input, if it has one.
    fn typed(&self, test: &str) -> Vec<u8> {
        let file = self.root.join("test").join(test).with_extension("in");
        if is_on_terminal(test) {
            fs::read(file).unwrap_or_default()
        } else {
            Vec::new()
        }
    }

    fn under_node(&self, node: &Path, test: &str) -> Result<Outcome, String> {
        let start = self.start(test)?;
        let place = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut command = if is_on_terminal(test) {
            let helper = repository::root().join("tests/conformance/node/on_terminal.py");
            let mut command = Command::new("python3");
            command.arg(helper).arg(node).env("TERM", "xterm-256color");
            command
        } else {
            Command::new(node)
        };
        command
            .args(&start.flags)
            .arg(self.root.join("test").join(test))
            .envs(start.env)
            .env("NODE_TEST_DIR", place.path())
            .env("TEST_THREAD_ID", "0")
            .current_dir(&self.root);
        oracle::run(&mut command, &self.typed(test), TIMEOUT).map_err(|error| error.to_string())
    }
}

/// Whether a test is judged by a file of what it must print.
fn has_pattern(test: &str) -> bool {
    test.starts_with("message/") || is_on_terminal(test)
}

/// Whether a test runs on a terminal.
fn is_on_terminal(test: &str) -> bool {
    test.starts_with("pseudo-tty/")
}

struct Start {
    flags: Vec<String>,
    env: Vec<(String, String)>,
}

impl Suite for NodeSuite {
    fn name(&self) -> &'static str {
        "node"
    }

    fn heading(&self) -> &'static str {
        "# Node's own tests\n\nThe tests of Node v24.21.0 (`test/parallel` and its neighbours), unmodified, in a VM. A group is a module, by the test's name."
    }

    fn tests(&self) -> Result<Vec<Test>, String> {
        let mut tests = Vec::new();
        for folder in FOLDERS {
            let directory = self.root.join("test").join(folder);
            let entries = directory
                .read_dir()
                .map_err(|error| format!("{}: {error}", directory.display()))?;
            for entry in entries {
                let path = entry.map_err(|error| error.to_string())?.path();
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let is_program = path
                    .extension()
                    .is_some_and(|own| ["js", "mjs", "cjs"].iter().any(|one| own == *one));
                // A test of messages or of a terminal is any program with a file of what it must print.
                let test = format!("{folder}/{name}");
                let is_test = if has_pattern(&test) {
                    path.with_extension("out").is_file()
                } else {
                    name.starts_with("test-")
                };
                if is_program && is_test {
                    let group = if *folder == "parallel" || *folder == "sequential" {
                        module_of(&name)
                    } else {
                        folder
                    };
                    tests.push(Test {
                        group: group.to_owned(),
                        name: test,
                    });
                }
            }
        }
        tests.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tests)
    }

    fn timeout(&self) -> Duration {
        TIMEOUT
    }

    fn run(&self, test: &str) -> Verdict {
        self.verdict(test, self.in_machine(test))
    }

    fn on_host(&self, test: &str) -> Option<Verdict> {
        let outcome = self.under_node(&oracle::node()?, test);
        Some(self.verdict(test, outcome))
    }
}

/// `test-fs-read-file.js` is of `fs`; few tests share a rare first word, but a row for each is still told apart best.
fn module_of(name: &str) -> &str {
    name.trim_start_matches("test-")
        .split(['-', '.'])
        .next()
        .unwrap_or(name)
}

/// Whether the lines are those of a pattern file, in which `*` stands for anything; empty lines do not count. Node: test/message/testcfg.py.
fn matches_lines(pattern: &str, text: &str) -> Result<(), String> {
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty() && !line.starts_with("==") && !line.starts_with("**"))
            .map(str::to_owned)
            .collect()
    };
    let (expected, seen) = (lines(pattern), lines(text));
    if expected.len() != seen.len() {
        return Err(format!(
            "{} lines instead of {}:\n{text}",
            seen.len(),
            expected.len()
        ));
    }
    match expected
        .iter()
        .zip(&seen)
        .find(|(pattern, line)| !matches_line(pattern, line))
    {
        Some((pattern, line)) => Err(format!("`{line}` instead of `{pattern}`")),
        None => Ok(()),
    }
}

/// Whether a line begins with what the pattern says.
fn matches_line(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn verdict(outcome: Result<Outcome, String>) -> Verdict {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(message) => return Verdict::Failed(message),
    };
    let stdout = String::from_utf8_lossy(&outcome.stdout);
    if outcome.status != 0 {
        return Verdict::Failed(format!(
            "{}\n{stdout}\nstatus {}",
            String::from_utf8_lossy(&outcome.stderr),
            outcome.status
        ));
    }
    match stdout
        .lines()
        .find_map(|line| line.strip_prefix("1..0 # Skipped:"))
    {
        Some(reason) => Verdict::Declined(reason.trim().to_owned()),
        None => Verdict::Passed,
    }
}
