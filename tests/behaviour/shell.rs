//! The scripts of `tests/shell`: the same script under the same shell on the host and in a VM gives equal output and status.
//!
//! A script's first lines say what it shows (`#`), which shells run it (`# shell: dash | bash | both`), and `# stderr: ignored`
//! where a C library's wording is printed. Beside each lies what the host printed (`NAME.expected`, or one file a shell where they
//! differ): where the host has the very versions the VM has, it is run each time and has to agree with the recording; elsewhere the
//! recording stands for it. `CENOTE_RECORD=1` writes the recordings anew.
#![expect(clippy::panic, reason = "a test target")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use cenote_test::world::{Job, World};
use cenote_test::{Case, Outcome, oracle, repository, run_cases};

const TIMEOUT: Duration = Duration::from_secs(60);

/// What makes a host an oracle: programs whose words and options change with the version.
const VERSIONS: &[(&str, &str)] = &[
    ("bash", "version 5.2."),
    ("ls", "coreutils) 9.1"),
    ("sed", "4.9"),
    ("grep", "3.8"),
    ("find", "4.9.0"),
    ("diff", "3.8"),
    ("tar", "1.34"),
    ("gzip", "1.12"),
    ("gawk", "5.2.1"),
    ("make", "4.3"),
    ("patch", "2.7.6"),
    ("jq", "jq-1.6"),
    ("sqlite3", "3.40.1"),
    ("bzip2", "1.0.8"),
    ("xz", "5.4.1"),
    ("python3", "Python 3.11.2"),
];

fn main() {
    let directory = repository::root().join("tests/shell");
    let scripts = repository::files_below(&directory, &["sh"])
        .unwrap_or_else(|error| panic!("tests/shell: {error}"));
    let mut cases = Vec::new();
    for script in scripts {
        let name = script.with_extension("").to_string_lossy().into_owned();
        let path = directory.join(&script);
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for shell in shells(&text) {
            let (path, text) = (path.clone(), text.clone());
            cases.push(Case {
                name: format!("{shell}/{name}"),
                run: Box::new(move || check(&path, &text, shell)),
            });
        }
    }
    run_cases(
        cases,
        &repository::root().join("tests/shell/expectations.toml"),
    );
}

/// The shells a script is for, by its header.
fn shells(text: &str) -> Vec<&'static str> {
    match header(text, "shell") {
        Some("dash") => vec!["dash"],
        Some("bash") => vec!["bash"],
        _ => vec!["dash", "bash"],
    }
}

/// The value of a header line `# key: value`.
fn header<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .take_while(|line| line.starts_with('#'))
        .find_map(|line| {
            line.strip_prefix("# ")?
                .strip_prefix(key)?
                .strip_prefix(": ")
        })
}

fn check(path: &Path, text: &str, shell: &str) -> Result<(), String> {
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    // The same absolute path on both sides, so that it may appear in the output.
    let cwd = place.path().join("work").to_string_lossy().into_owned();
    let recording = Recording::of(path, shell);
    let with_stderr = header(text, "stderr") != Some("ignored");
    let expected = if is_oracle() {
        let live = on_host(shell, text, &cwd)?;
        recording.agrees(&live, with_stderr)?;
        live
    } else {
        recording.read()?
    };
    if let Some(difference) = in_machine(shell, text, &cwd)?.difference(&expected, with_stderr) {
        return Err(difference);
    }
    Ok(())
}

fn environment(cwd: &str) -> Vec<(&'static str, String)> {
    [
        ("HOME", cwd),
        ("TMPDIR", cwd),
        ("LC_ALL", "C"),
        ("TZ", "UTC"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

fn on_host(shell: &str, text: &str, cwd: &str) -> Result<Outcome, String> {
    fs::create_dir_all(cwd).map_err(|error| error.to_string())?;
    fs::write(Path::new(cwd).join("../script.sh"), text).map_err(|error| error.to_string())?;
    // What the test's own starter ignores (SIGHUP, under nohup) is not the script's to see.
    let mut command = Command::new("env");
    command
        .args(["--default-signal", "sh"])
        .args(["-c", "umask 022; exec \"$@\"", "sh", shell, "../script.sh"])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(environment(cwd))
        .current_dir(cwd);
    oracle::run(&mut command, b"", TIMEOUT).map_err(|error| format!("{shell} on the host: {error}"))
}

fn in_machine(shell: &str, text: &str, cwd: &str) -> Result<Outcome, String> {
    let world = World::new()?;
    world.make_directory(cwd)?;
    let script = Path::new(cwd).with_file_name("script.sh");
    world.write(&script.to_string_lossy(), text.as_bytes())?;
    world.run(&Job {
        program: shell,
        args: &["../script.sh".to_owned()],
        cwd,
        env: &environment(cwd),
        stdin: b"",
        timeout: TIMEOUT,
    })
}

/// Whether this host's programs are those of the VM, version by version.
fn is_oracle() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let said = |program: &str| {
            let argument = if program == "bzip2" {
                "--help"
            } else {
                "--version"
            };
            let output = Command::new(program).arg(argument).output().ok()?;
            Some(
                String::from_utf8_lossy(&output.stdout).into_owned()
                    + &String::from_utf8_lossy(&output.stderr),
            )
        };
        oracle::program("dash").is_some()
            && VERSIONS
                .iter()
                .all(|(program, version)| said(program).is_some_and(|text| text.contains(version)))
    })
}

/// What the host printed for a script under a shell, once.
struct Recording {
    /// For every shell of the script.
    common: PathBuf,
    /// For this shell alone.
    own: PathBuf,
}

impl Recording {
    fn of(script: &Path, shell: &str) -> Self {
        Self {
            common: script.with_extension("expected"),
            own: script.with_extension(format!("{shell}.expected")),
        }
    }

    fn read(&self) -> Result<Outcome, String> {
        let file = if self.own.exists() {
            &self.own
        } else {
            &self.common
        };
        let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        parse(&bytes).ok_or_else(|| format!("{} is no recording", file.display()))
    }

    /// Compares with what the host says now, or writes it down when told to.
    fn agrees(&self, live: &Outcome, with_stderr: bool) -> Result<(), String> {
        if self
            .read()
            .is_ok_and(|old| live.difference(&old, with_stderr).is_none())
        {
            return Ok(());
        }
        if std::env::var_os("CENOTE_RECORD").is_none() {
            return Err(format!(
                "the recording {} is not what the host prints: CENOTE_RECORD=1 writes it anew",
                self.own.display()
            ));
        }
        let file = if self.common.exists() {
            &self.own
        } else {
            &self.common
        };
        fs::write(file, render(live)).map_err(|error| error.to_string())
    }
}

const STDOUT: &[u8] = b"--- stdout\n";
const STDERR: &[u8] = b"--- stderr\n";

fn render(outcome: &Outcome) -> Vec<u8> {
    let status = format!(
        "status {}, {} bytes out\n",
        outcome.status,
        outcome.stdout.len()
    );
    [
        status.as_bytes(),
        STDOUT,
        &outcome.stdout,
        STDERR,
        &outcome.stderr,
    ]
    .concat()
}

fn parse(bytes: &[u8]) -> Option<Outcome> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let first = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let (status, length) = first
        .strip_prefix("status ")?
        .strip_suffix(" bytes out")?
        .split_once(", ")?;
    let rest = bytes.get(end + 1..)?.strip_prefix(STDOUT)?;
    let (stdout, rest) = rest.split_at_checked(length.parse().ok()?)?;
    Some(Outcome {
        stdout: stdout.to_vec(),
        stderr: rest.strip_prefix(STDERR)?.to_vec(),
        status: status.parse().ok()?,
    })
}
