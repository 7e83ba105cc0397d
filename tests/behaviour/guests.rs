//! The C programs of `tests/guests`: the same program compiled for Linux on the host and shipped as a module for the VM gives equal
//! output and status. Linux is the oracle; no expected output is written down.
//!
//! One case a program, named `area/behaviour`. Programs that say `// Needs: root` are left out when the host's user is not root; on
//! such a host the others run in the VM as an ordinary user too. The programs of `hostile/` are the business of `hostile.rs`.
#![expect(clippy::panic, clippy::print_stderr, reason = "a test target")]

#[path = "guest_modules.rs"]
mod guest_modules;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cenote_test::artefacts::locked;
use cenote_test::world::{Job, World};
use cenote_test::{Case, Outcome, oracle, repository, run_cases};

use guest_modules::{digest, modules};

const TIMEOUT: Duration = Duration::from_secs(50);

fn main() {
    let directory = repository::root().join("tests/guests");
    let is_root = host_is_root();
    let mut cases = Vec::new();
    let mut left_out = 0;
    let sources = repository::files_below(&directory, &["c"])
        .unwrap_or_else(|error| panic!("tests/guests: {error}"));
    for source in sources {
        let name = source.with_extension("").to_string_lossy().into_owned();
        if name.starts_with("hostile/") {
            continue;
        }
        let program = Program {
            name: name.clone(),
            source: directory.join(source),
            is_root,
        };
        if program.needs_root() && !is_root {
            left_out += 1;
            continue;
        }
        cases.push(Case {
            name,
            run: Box::new(move || program.check()),
        });
    }
    if left_out > 0 {
        eprintln!(
            "{left_out} guest programs need root on the host, which this is not, and are left out"
        );
    }
    cases.push(Case {
        name: "modules_are_built_from_these_sources".to_owned(),
        run: Box::new(guest_modules::are_current),
    });
    run_cases(cases, &directory.join("expectations.toml"));
}

/// Whether the oracle runs as root.
fn host_is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n")
}

/// One program.
struct Program {
    /// `area/behaviour`.
    name: String,
    /// Its source.
    source: PathBuf,
    /// Whether the host's user is root.
    is_root: bool,
}

impl Program {
    /// Whether its header says so.
    fn needs_root(&self) -> bool {
        let text = fs::read_to_string(&self.source)
            .unwrap_or_else(|error| panic!("{}: {error}", self.source.display()));
        text.lines()
            .take_while(|line| line.starts_with("//"))
            .any(|line| line == "// Needs: root")
    }

    fn check(&self) -> Result<(), String> {
        let expected = self.on_host()?;
        if expected.status == 99 {
            return Err(format!(
                "the program's own ground gives way on the host:\n{}",
                String::from_utf8_lossy(&expected.stdout)
            ));
        }
        let ours = self.in_machine()?;
        match ours.difference(&expected, false) {
            Some(difference) => Err(difference),
            None => Ok(()),
        }
    }

    /// Runs it under Linux, in a fresh directory that anyone may write.
    fn on_host(&self) -> Result<Outcome, String> {
        let failed = |error: std::io::Error| format!("{} on the host: {error}", self.name);
        let program = self.compiled()?;
        let cwd = tempfile::tempdir().map_err(failed)?;
        fs::set_permissions(cwd.path(), fs::Permissions::from_mode(0o777)).map_err(failed)?;
        oracle::run(&mut oracle::command(&program, cwd.path()), b"", TIMEOUT).map_err(failed)
    }

    /// The program for the host: compiled once for each content.
    fn compiled(&self) -> Result<PathBuf, String> {
        let failed = |error: std::io::Error| format!("compiling {}: {error}", self.name);
        let key = digest(&self.source).map_err(failed)?;
        let place = repository::cache().join("guests-native");
        fs::create_dir_all(&place).map_err(failed)?;
        let program = place.join(key.get(..24).unwrap_or(&key));
        locked(&program.with_extension("lock"), || {
            if program.is_file() {
                return Ok(());
            }
            let fresh = program.with_extension("new");
            let output = Command::new("cc")
                .args(["-O1", "-w"])
                .arg(&self.source)
                .arg("-o")
                .arg(&fresh)
                .arg("-lm")
                .output()
                .map_err(failed)?;
            if !output.status.success() {
                return Err(format!("cc: {}", String::from_utf8_lossy(&output.stderr)));
            }
            fs::rename(&fresh, &program).map_err(failed)
        })?;
        Ok(program)
    }

    /// Runs its module in a machine of its own.
    fn in_machine(&self) -> Result<Outcome, String> {
        let modules = modules()?;
        let user = if self.is_root { 0 } else { 1000 };
        let world = World::with(|builder| builder.user(user, user).mount(&modules, "/guests"))?;
        world.run(&Job {
            program: &path_in_machine(&self.name),
            args: &[],
            cwd: "/tmp",
            env: &[],
            stdin: b"",
            timeout: TIMEOUT,
        })
    }
}

/// Where a program's module lies in the machine.
fn path_in_machine(name: &str) -> String {
    Path::new("/guests")
        .join(name)
        .with_extension("wasm")
        .to_string_lossy()
        .into_owned()
}
