//! A tree of some hundred real source files, mounted read-only and surveyed by a script with find, xargs, grep, sed, awk, sort and
//! wc: the output equals the host's. The tree is a dependency's, as cargo unpacked it.
#![expect(clippy::panic, reason = "a test target")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cenote_test::world::{Job, World};
use cenote_test::{Case, Outcome, oracle, repository, run_cases};

/// The crate that is looked through.
const CRATE: &str = "wasmtime";
const TIMEOUT: Duration = Duration::from_secs(120);

fn main() {
    let fixture = repository::root().join("tests/fixtures/source_tree");
    let mut cases: Vec<Case> = ["dash", "bash"]
        .map(|shell| Case {
            name: format!("survey_under_{shell}_equals_the_host"),
            run: Box::new({
                let fixture = fixture.clone();
                move || check(&fixture, shell)
            }),
        })
        .into();
    cases.push(Case {
        name: "the_mounted_tree_cannot_be_changed".to_owned(),
        run: Box::new(cannot_be_changed),
    });
    run_cases(cases, &fixture.join("expectations.toml"));
}

fn check(fixture: &Path, shell: &str) -> Result<(), String> {
    let script = std::fs::read(fixture.join("survey.sh")).map_err(|error| error.to_string())?;
    let tree = source_of(CRATE)?;
    let Some(host_shell) = oracle::program(shell) else {
        return Err(format!(
            "{shell} is not on this host, so there is nothing to compare with"
        ));
    };
    let expected = on_host(&host_shell, &script, &tree)?;
    if expected.stdout.len() < 1000 {
        panic!(
            "the survey of {} on the host says too little to mean anything",
            tree.display()
        );
    }
    let ours = in_machine(shell, &script, &tree)?;
    match ours.difference(&expected, true) {
        Some(difference) => Err(difference),
        None => Ok(()),
    }
}

/// Where cargo keeps the sources of a dependency.
fn source_of(package: &str) -> Result<PathBuf, String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(repository::root())
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|candidate| candidate["name"] == package)
        .and_then(|found| found["manifest_path"].as_str())
        .and_then(|manifest| Some(Path::new(manifest).parent()?.to_path_buf()))
        .ok_or_else(|| format!("cargo knows no package {package}"))
}

fn on_host(shell: &Path, script: &[u8], tree: &Path) -> Result<Outcome, String> {
    let failed = |error: std::io::Error| error.to_string();
    let place = tempfile::tempdir().map_err(failed)?;
    let file = place.path().join("survey.sh");
    std::fs::write(&file, script).map_err(failed)?;
    let mut command = oracle::command(shell, place.path());
    command.env("LC_ALL", "C").arg(&file).arg(tree);
    oracle::run(&mut command, b"", TIMEOUT).map_err(|error| format!("on the host: {error}"))
}

fn in_machine(shell: &str, script: &[u8], tree: &Path) -> Result<Outcome, String> {
    let world = World::with(|builder| builder.mount(tree, "/src"))?;
    world.write("/root/survey.sh", script)?;
    world.run(&Job {
        program: shell,
        args: &["/root/survey.sh".to_owned(), "/src".to_owned()],
        cwd: "/root",
        env: &[("LC_ALL", "C".to_owned())],
        stdin: b"",
        timeout: TIMEOUT,
    })
}

fn cannot_be_changed() -> Result<(), String> {
    let tree = source_of(CRATE)?;
    let world = World::with(|builder| builder.mount(&tree, "/src"))?;
    let script = "touch /src/new; echo $?; rm /src/Cargo.toml; echo $?; echo x >>/src/README.md; echo $?; mkdir /src/d; echo $?";
    let outcome = world.run(&Job {
        program: "bash",
        args: &["-c".to_owned(), script.to_owned()],
        cwd: "/root",
        env: &[],
        stdin: b"",
        timeout: TIMEOUT,
    })?;
    if outcome.stdout != b"1\n1\n1\n1\n" {
        return Err(format!("each change should fail, but: {outcome:?}"));
    }
    match tree.join("new").exists() || tree.join("d").exists() || !tree.join("Cargo.toml").exists()
    {
        true => Err(format!("{} was changed on the host", tree.display())),
        false => Ok(()),
    }
}
