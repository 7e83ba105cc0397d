//! The WALI unit tests: each source is one program for Linux and one module, and both have to end with the same status.
//!
//! A test has runs (`cases.toml`), each of three steps as the suite's own runner does them: the hooks program sets up and executes the
//! test, then it cleans up and judges what the test left. On the host all are native; in the VM all are modules: the test's own is the
//! one that WALI's toolchain built, the hooks are compiled with ours (`build.py`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use cenote_test::world::{Job, World};
use cenote_test::{artefacts, oracle, repository};
use serde::Deserialize;

use crate::archive;
use crate::suite::{Suite, Test, Verdict};

/// As the suite's own runner has it.
const TIMEOUT: Duration = Duration::from_secs(20);

/// One run of a test.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Run {
    /// Arguments of the set-up.
    setup: Vec<String>,
    /// Arguments of the test.
    args: Vec<String>,
    /// Arguments of the clean-up.
    cleanup: Vec<String>,
    /// Variables, `NAME=value`.
    env: Vec<String>,
}

/// The statuses of one run: of the test, and of the clean-up after it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Statuses {
    test: i32,
    cleanup: i32,
}

/// The suite.
pub(crate) struct LinuxSuite {
    /// The runs of each test.
    cases: BTreeMap<String, Vec<Run>>,
    /// Its sources.
    sources: PathBuf,
    /// `tests/NAME.wasm`, `hooks/NAME.wasm`.
    modules: PathBuf,
}

impl LinuxSuite {
    /// Finds the suite's files.
    ///
    /// # Errors
    /// When they are not there.
    pub(crate) fn open() -> Result<Self, String> {
        let here = repository::root().join("tests/conformance/linux");
        let cases = std::fs::read_to_string(here.join("cases.toml"))
            .map_err(|error| format!("cases.toml: {error}"))?;
        Ok(Self {
            cases: toml::from_str(&cases).map_err(|error| format!("cases.toml: {error}"))?,
            sources: archive::unpacked("linux", "wali")?.join("wali-tests"),
            modules: artefacts::unpacked(&here.join("modules.tar.zst"))?,
        })
    }

    fn runs(&self, test: &str) -> Result<&[Run], String> {
        self.cases
            .get(test)
            .map(Vec::as_slice)
            .ok_or_else(|| "there is no such test".to_owned())
    }

    /// Compiles the test, or its hooks, for the host; once.
    fn native(&self, test: &str, kind: &str) -> Result<PathBuf, String> {
        let failed = |error: std::io::Error| format!("compiling {test}: {error}");
        let place = repository::cache().join("wali-native");
        std::fs::create_dir_all(&place).map_err(failed)?;
        let program = place.join(format!("{test}-{kind}"));
        artefacts::locked(&program.with_extension("lock"), || {
            if program.is_file() {
                return Ok(());
            }
            let fresh = program.with_extension("new");
            let mut command = Command::new("cc");
            command
                .args(["-I.", "-Icommon", "-O2", "-w"])
                .current_dir(&self.sources);
            if kind == "hooks" {
                command.args(["-DWALI_TEST_WRAPPER", "common/hooks_main.c"]);
            }
            let output = command
                .arg(format!("unit/{test}.c"))
                .arg("-o")
                .arg(&fresh)
                .args(["-lm", "-lpthread"])
                .output()
                .map_err(failed)?;
            if !output.status.success() {
                return Err(format!("cc: {}", String::from_utf8_lossy(&output.stderr)));
            }
            std::fs::rename(&fresh, &program).map_err(failed)
        })?;
        Ok(program)
    }

    fn natively(&self, test: &str) -> Result<Vec<Statuses>, String> {
        let (program, hooks) = (self.native(test, "test")?, self.native(test, "hooks")?);
        let cwd = tempfile::tempdir().map_err(|error| error.to_string())?;
        let status = |words: Vec<String>, env: &[String]| {
            let mut command = oracle::command(&hooks, cwd.path());
            command
                .args(words)
                .envs(env.iter().filter_map(|pair| pair.split_once('=')));
            oracle::run(&mut command, b"", TIMEOUT)
                .map(|outcome| outcome.status)
                .map_err(|error| format!("on the host: {error}"))
        };
        self.runs(test)?
            .iter()
            .map(|run| {
                Ok(Statuses {
                    test: status(words(run, &program.to_string_lossy()), &run.env)?,
                    cleanup: status(cleanup(run), &run.env)?,
                })
            })
            .collect()
    }

    fn in_machine(&self, test: &str) -> Result<Vec<(Statuses, String)>, String> {
        let world = World::with(|builder| builder.mount(self.modules.clone(), "/wali"))?;
        let hooks = format!("/wali/hooks/{test}.wasm");
        let status = |words: &[String], env: &[String]| {
            // By a shell that waits, so that the program leads no session, as on the host.
            let by_shell = ["-c", "\"$@\"; exit $?", "sh", &hooks].map(str::to_owned);
            let words = [&by_shell[..], words].concat();
            let env: Vec<(&str, String)> = env
                .iter()
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name, value.to_owned()))
                .collect();
            let outcome = world.run(&Job {
                program: "sh",
                args: &words,
                cwd: "/tmp",
                env: &env,
                stdin: b"",
                timeout: TIMEOUT,
            })?;
            let text = [outcome.stdout, outcome.stderr].concat();
            Ok::<_, String>((outcome.status, String::from_utf8_lossy(&text).into_owned()))
        };
        self.runs(test)?
            .iter()
            .map(|run| {
                let (own, mut text) =
                    status(&words(run, &format!("/wali/tests/{test}.wasm")), &run.env)?;
                let (cleaned, more) = status(&cleanup(run), &run.env)?;
                text += &more;
                Ok((
                    Statuses {
                        test: own,
                        cleanup: cleaned,
                    },
                    text,
                ))
            })
            .collect()
    }

    fn compare(&self, test: &str) -> Result<(), String> {
        let expected = self.natively(test)?;
        let ours = self.in_machine(test)?;
        let differences: Vec<String> = expected
            .iter()
            .zip(&ours)
            .enumerate()
            .filter(|(_, (expected, (ours, _)))| *expected != ours)
            .map(|(index, (expected, (ours, text)))| {
                let args = self
                    .runs(test)
                    .ok()
                    .and_then(|runs| runs.get(index))
                    .map(|run| run.args.join(" "));
                format!(
                    "run {} ({}): test {} instead of {}, clean-up {} instead of {}\n{text}",
                    index + 1,
                    args.unwrap_or_default(),
                    ours.test,
                    expected.test,
                    ours.cleanup,
                    expected.cleanup
                )
            })
            .collect();
        if differences.is_empty() {
            Ok(())
        } else {
            Err(differences.join("\n"))
        }
    }
}

/// The words after the hooks program's name that set up and then execute the test.
fn words(run: &Run, program: &str) -> Vec<String> {
    let mut words = vec!["setup".to_owned()];
    words.extend(run.setup.iter().cloned());
    words.extend(["--".to_owned(), program.to_owned()]);
    words.extend(run.args.iter().cloned());
    words
}

fn cleanup(run: &Run) -> Vec<String> {
    ["cleanup".to_owned()]
        .into_iter()
        .chain(run.cleanup.iter().cloned())
        .collect()
}

/// The row of the table a test counts in: the kind of call.
fn group(test: &str) -> &'static str {
    const GROUPS: &[(&str, &[&str])] = &[
        (
            "sockets",
            &[
                "accept",
                "bind",
                "connect",
                "get?sock",
                "getpeer",
                "listen",
                "recv",
                "send",
                "setsockopt",
                "shutdown",
                "socket",
            ],
        ),
        (
            "processes",
            &[
                "args", "basic", "env", "exit", "fork", "getpgid", "getppid", "getsid", "prctl",
                "setpgid", "set_tid", "wait4", "futex",
            ],
        ),
        (
            "signals and time",
            &[
                "clock",
                "gettimeofday",
                "nanosleep",
                "rt_sig",
                "setitimer",
                "tkill",
            ],
        ),
        (
            "users and limits",
            &[
                "getegid",
                "geteuid",
                "getgroups",
                "getuid",
                "setgid",
                "setre",
                "setuid",
                "getrlimit",
                "setrlimit",
            ],
        ),
        (
            "waiting",
            &["epoll", "eventfd", "poll", "ppoll", "pselect", "select"],
        ),
        (
            "memory and system",
            &[
                "getrandom",
                "madvise",
                "mmap",
                "mprotect",
                "mremap",
                "munmap",
                "sched",
                "uname",
            ],
        ),
    ];
    let name = if test.starts_with("getsock") {
        "get?sock"
    } else {
        test
    };
    GROUPS
        .iter()
        .find(|(_, beginnings)| {
            beginnings
                .iter()
                .any(|beginning| name.starts_with(beginning))
        })
        .map_or("files", |(group, _)| group)
}

impl Suite for LinuxSuite {
    fn name(&self) -> &'static str {
        "linux"
    }

    fn heading(&self) -> &'static str {
        "# Linux calls: the unit tests of the WebAssembly Linux Interface\n\nThe 108 tests of WALI, as its own toolchain builds them. One passes when, in \
         every one of its runs, the program and the check of what it left end with the status they have on Linux."
    }

    fn tests(&self) -> Result<Vec<Test>, String> {
        Ok(self
            .cases
            .keys()
            .map(|name| Test {
                name: name.clone(),
                group: group(name).to_owned(),
            })
            .collect())
    }

    fn timeout(&self) -> Duration {
        TIMEOUT * 6
    }

    fn run(&self, test: &str) -> Verdict {
        self.compare(test)
            .map_or_else(Verdict::Failed, |()| Verdict::Passed)
    }

    fn on_host(&self, test: &str) -> Option<Verdict> {
        match self.natively(test) {
            Err(message) => Some(Verdict::Failed(message)),
            Ok(statuses) => match statuses.iter().position(|status| status.cleanup != 0) {
                Some(run) => Some(Verdict::Failed(format!(
                    "run {}: the clean-up finds the wrong state",
                    run + 1
                ))),
                None => Some(Verdict::Passed),
            },
        }
    }
}
