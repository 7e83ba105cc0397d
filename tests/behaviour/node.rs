//! The programs of `tests/node`: the same program under Node on the host and in a VM gives equal output and status.
//!
//! A program is a file, or a directory with `main.*` beside what it loads. Its first lines say what it shows, and how it is started:
//! `// flags:` for node, `// args:` for the program, `// stdin:` with `\n` for a newline, `// stderr: ignored`.
//! The oracle is Node of the version whose library the VM runs, from the package that brings that library.
#![expect(clippy::panic, reason = "a test target")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cenote_test::world::{Job, World};
use cenote_test::{Case, Outcome, oracle, repository, run_cases};

const TIMEOUT: Duration = Duration::from_secs(60);

fn main() {
    let directory = repository::root().join("tests/node");
    let cases = Program::all(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .into_iter()
        .map(|program| Case {
            name: program.name.clone(),
            run: Box::new(move || program.check()),
        })
        .collect();
    run_cases(cases, &directory.join("expectations.toml"));
}

/// One program.
struct Program {
    /// `area/name`.
    name: String,
    /// Its file, or the directory of its files.
    source: PathBuf,
    /// The file's name that is given to node.
    main: String,
}

impl Program {
    fn all(directory: &Path) -> std::io::Result<Vec<Self>> {
        let mut programs = Vec::new();
        for area in directory.read_dir()?.collect::<Result<Vec<_>, _>>()? {
            if !area.path().is_dir() {
                continue;
            }
            for entry in area.path().read_dir()? {
                let source = entry?.path();
                let main = if source.is_dir() {
                    main_of(&source)?
                } else {
                    text_of(source.file_name())
                };
                let name = format!(
                    "{}/{}",
                    text_of(Some(&area.file_name())),
                    text_of(source.file_stem())
                );
                programs.push(Self { name, source, main });
            }
        }
        programs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(programs)
    }

    fn check(&self) -> Result<(), String> {
        let node = oracle::node()
            .ok_or("there is no Node to compare with: build once, or set CENOTE_TEST_NODE")?;
        let place = tempfile::tempdir().map_err(|error| error.to_string())?;
        // The same absolute path on both sides, so that it may appear in the output.
        let cwd = place.path().join("work").to_string_lossy().into_owned();
        let start = self.start()?;
        let expected = self.on_host(&node, &cwd, &start)?;
        let ours = self.in_machine(&cwd, &start)?;
        match without_pids(ours).difference(&without_pids(expected), start.with_stderr) {
            Some(difference) => Err(difference),
            None => Ok(()),
        }
    }

    fn start(&self) -> Result<Start, String> {
        let file = if self.source.is_dir() {
            self.source.join(&self.main)
        } else {
            self.source.clone()
        };
        let text =
            fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let header = |key: &str| {
            text.lines()
                .take_while(|line| line.starts_with("//"))
                .find_map(|line| {
                    line.strip_prefix("// ")?
                        .strip_prefix(key)?
                        .strip_prefix(": ")
                })
                .unwrap_or_default()
        };
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let args = [
            words(header("flags")),
            vec![self.main.clone()],
            words(header("args")),
        ]
        .concat();
        let stdin = header("stdin")
            .replace("\\n", "\n")
            .replace("\\r", "\r")
            .into_bytes();
        Ok(Start {
            args,
            stdin,
            with_stderr: header("stderr") != "ignored",
        })
    }

    fn on_host(&self, node: &Path, cwd: &str, start: &Start) -> Result<Outcome, String> {
        let failed = |error: std::io::Error| error.to_string();
        let bin = Path::new(cwd).with_file_name("bin");
        fs::create_dir_all(&bin).map_err(failed)?;
        std::os::unix::fs::symlink(node, bin.join("node")).map_err(failed)?;
        if self.source.is_dir() {
            copy_tree(&self.source, Path::new(cwd)).map_err(failed)?;
        } else {
            fs::create_dir_all(cwd).map_err(failed)?;
            fs::copy(&self.source, Path::new(cwd).join(&self.main)).map_err(failed)?;
        }
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 022; unset PWD; exec \"$@\"", "sh", "node"])
            .args(&start.args)
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()),
            )
            .envs(environment(cwd))
            .current_dir(cwd);
        oracle::run(&mut command, &start.stdin, TIMEOUT)
            .map_err(|error| format!("node on the host: {error}"))
    }

    fn in_machine(&self, cwd: &str, start: &Start) -> Result<Outcome, String> {
        let world = World::new()?;
        if self.source.is_dir() {
            world.copy_tree(&self.source, cwd)?;
        } else {
            let content = fs::read(&self.source).map_err(|error| error.to_string())?;
            world.write(&format!("{cwd}/{}", self.main), &content)?;
        }
        world.run(&Job {
            program: "node",
            args: &start.args,
            cwd,
            env: &environment(cwd),
            stdin: &start.stdin,
            timeout: TIMEOUT,
        })
    }
}

/// How a program is started.
struct Start {
    args: Vec<String>,
    stdin: Vec<u8>,
    with_stderr: bool,
}

/// The variables of both sides; the VM has those of a login, too.
fn environment(cwd: &str) -> Vec<(&'static str, String)> {
    [
        ("HOME", cwd),
        ("TMPDIR", cwd),
        ("LC_ALL", "C"),
        ("TZ", "UTC"),
        ("LANG", "C.UTF-8"),
        ("USER", "root"),
        ("LOGNAME", "root"),
        ("SHELL", "/bin/bash"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

fn main_of(directory: &Path) -> std::io::Result<String> {
    for entry in directory.read_dir()? {
        let path = entry?.path();
        if path.file_stem().is_some_and(|stem| stem == "main") {
            return Ok(text_of(path.file_name()));
        }
    }
    Err(std::io::Error::other(format!(
        "no main.* in {}",
        directory.display()
    )))
}

fn text_of(name: Option<&std::ffi::OsStr>) -> String {
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in from.read_dir()? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_tree(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// Warnings are headed `(node:PID)`: the number is the one thing that may differ.
fn without_pids(mut outcome: Outcome) -> Outcome {
    let text = String::from_utf8_lossy(&outcome.stderr).into_owned();
    let mut plain = String::new();
    for (index, part) in text.split("(node:").enumerate() {
        let after = part.trim_start_matches(|c: char| c.is_ascii_digit());
        match (index, after.len() < part.len()) {
            (0, _) => plain += part,
            (_, true) => plain = plain + "(node:PID" + after,
            (_, false) => plain = plain + "(node:" + part,
        }
    }
    outcome.stderr = plain.into_bytes();
    outcome
}
