//! The shells' own tests: those of bash's source package under bash, and busybox's for ash under dash, which has none.
//!
//! Bash's compare with what its authors recorded; what differs there has to differ in the same way on the host. Busybox's are
//! compared with what the host's dash prints, for ash and dash are cousins, not twins.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cenote_test::world::{Job, World};
use cenote_test::{Outcome, oracle};

use crate::archive;
use crate::suite::{Suite, Test, Verdict};

const TIMEOUT: Duration = Duration::from_secs(120);

/// The suite.
pub(crate) struct ShellSuite {
    /// `tests` of bash's sources.
    bash: PathBuf,
    /// `ash_test` of busybox's.
    ash: PathBuf,
}

impl ShellSuite {
    /// Finds the suite's files.
    ///
    /// # Errors
    /// When they are not there.
    pub(crate) fn open() -> Result<Self, String> {
        Ok(Self {
            bash: archive::unpacked("shell", "bash")?.join("bash-5.2.15/tests"),
            ash: archive::unpacked("shell", "busybox")?.join("shell/ash_test"),
        })
    }

    /// What a test runs: shell, script, and the directory it is in.
    fn job(&self, test: &str) -> Option<TestJob> {
        let (shell, name) = test.split_once('/')?;
        if shell == "bash" {
            return Some(TestJob {
                shell: "sh",
                script: format!("run-{name}"),
                directory: self.bash.clone(),
            });
        }
        let (folder, script) = name.split_once('/')?;
        Some(TestJob {
            shell: "dash",
            script: format!("./{script}.tests"),
            directory: self.ash.join(folder),
        })
    }

    fn run_in(
        &self,
        test: &str,
        runner: impl FnOnce(&TestJob, &Path) -> Result<Outcome, String>,
    ) -> Result<Outcome, String> {
        let job = self.job(test).ok_or("there is no such test")?;
        let place = tempfile::tempdir().map_err(|error| error.to_string())?;
        copy(&job.directory, place.path())
            .map_err(|error| format!("{}: {error}", job.directory.display()))?;
        for (name, script) in [
            ("recho", include_str!("recho.sh")),
            ("zecho", include_str!("zecho.sh")),
        ] {
            let file = place.path().join(name);
            fs::write(&file, script).map_err(|error| error.to_string())?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
                .map_err(|error| error.to_string())?;
        }
        runner(&job, place.path())
    }

    fn host(&self, test: &str) -> Result<Outcome, String> {
        self.run_in(test, |job, place| {
            let mut command = Command::new(job.shell);
            command.arg(&job.script).current_dir(place).env_clear();
            for (name, value) in variables(&place.to_string_lossy()) {
                command.env(name, value);
            }
            oracle::run(&mut command, b"", TIMEOUT).map_err(|error| error.to_string())
        })
    }

    fn machine(&self, test: &str) -> Result<Outcome, String> {
        self.run_in(test, |job, place| {
            // The same path as on the host: some tests print it.
            let path = place.to_string_lossy().into_owned();
            let world = World::with(|builder| builder.mount_read_write(place, path.clone()))?;
            world.run(&Job {
                program: job.shell,
                args: std::slice::from_ref(&job.script),
                cwd: &path,
                env: &variables(&path),
                stdin: b"",
                timeout: TIMEOUT,
            })
        })
    }
}

struct TestJob {
    shell: &'static str,
    script: String,
    directory: PathBuf,
}

fn variables(place: &str) -> Vec<(&'static str, String)> {
    vec![
        ("PATH", format!("{place}:/usr/local/bin:/usr/bin:/bin")),
        ("HOME", "/root".to_owned()),
        ("TMPDIR", "/tmp".to_owned()),
        ("THIS_SH", "/bin/bash".to_owned()),
        ("BUILD_DIR", "..".to_owned()),
        ("BASH_TSTOUT", format!("{place}/output-of-this-test")),
        ("TZ", "UTC".to_owned()),
        ("LC_ALL", "C".to_owned()),
    ]
}

impl Suite for ShellSuite {
    fn name(&self) -> &'static str {
        "shell"
    }

    fn heading(&self) -> &'static str {
        "# The shells' own tests\n\nThe tests of bash 5.2.15's source package under bash in a VM, and busybox 1.35's for ash under dash (dash's package \
         has no tests). One passes when it prints what its authors recorded, or exactly what the same shell prints on the host."
    }

    fn tests(&self) -> Result<Vec<Test>, String> {
        let failed = |error: std::io::Error| error.to_string();
        let mut tests = Vec::new();
        for entry in self.bash.read_dir().map_err(failed)? {
            let name = entry
                .map_err(failed)?
                .file_name()
                .to_string_lossy()
                .into_owned();
            if let Some(short) = name
                .strip_prefix("run-")
                .filter(|short| !["all", "minimal", "gprof"].contains(short))
            {
                tests.push(Test {
                    name: format!("bash/{short}"),
                    group: "bash".to_owned(),
                });
            }
        }
        for folder in self.ash.read_dir().map_err(failed)? {
            let folder = folder.map_err(failed)?.path();
            if !folder.is_dir() {
                continue;
            }
            let group = folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            for script in folder.read_dir().map_err(failed)? {
                let script = script.map_err(failed)?.path();
                if script.extension().is_some_and(|own| own == "tests")
                    && script.with_extension("right").exists()
                {
                    let stem = script.file_stem().unwrap_or_default().to_string_lossy();
                    tests.push(Test {
                        name: format!("dash/{group}/{stem}"),
                        group: format!("dash: {group}"),
                    });
                }
            }
        }
        tests.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tests)
    }

    fn timeout(&self) -> Duration {
        TIMEOUT * 2
    }

    fn run(&self, test: &str) -> Verdict {
        let ours = match self.machine(test) {
            Ok(ours) => ours,
            Err(message) => return Verdict::Failed(message),
        };
        if test.starts_with("bash/") && ours.status == 0 && !ours.stdout.starts_with(b"< ") {
            return Verdict::Passed;
        }
        match self.host(test) {
            Ok(theirs) => match ours.difference(&theirs, test.starts_with("dash/")) {
                None => Verdict::Passed,
                Some(difference) => Verdict::Failed(difference),
            },
            Err(message) => Verdict::Failed(format!("the host has no answer: {message}")),
        }
    }

    fn on_host(&self, _test: &str) -> Option<Verdict> {
        // The host has been asked already: what fails there passes when we fail alike.
        None
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in from.read_dir()? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
