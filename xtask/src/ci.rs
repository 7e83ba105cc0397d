//! `cargo xtask ci`: what a change must pass, at the desk as in CI. Runs every step and reports all that failed.

use std::process::Command;
use std::time::Instant;

use crate::flags::{CiOptions, TidyOptions};
use crate::tidy;
use crate::workspace::{self, Outcome, cargo, run as run_command};

type Step = (&'static str, fn(&CiOptions) -> Outcome);

const STEPS: &[Step] = &[
    ("fmt", |_| {
        run_command(&mut cargo(&["fmt", "--all", "--check"]))
    }),
    ("clippy", |_| {
        run_command(&mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]))
    }),
    ("tidy", |_| {
        tidy::run(&TidyOptions {
            write: false,
            report: false,
        })
    }),
    ("doc", |_| {
        run_command(
            cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings"),
        )
    }),
    ("test", test),
    ("deny", |_| {
        where_installed("cargo-deny", &mut cargo(&["deny", "check"]))
    }),
    ("typos", |_| {
        where_installed(
            "typos",
            Command::new("typos").current_dir(workspace::root()),
        )
    }),
];

/// Runs the steps.
///
/// # Errors
/// Names the steps that failed.
pub(crate) fn run(options: &CiOptions) -> Outcome {
    if let Some(unknown) = options
        .steps
        .iter()
        .find(|name| STEPS.iter().all(|(step, _)| step != name))
    {
        let known: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "no step `{unknown}`; there are {}",
            known.join(", ")
        ));
    }
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        if !options.steps.is_empty() && !options.steps.iter().any(|wanted| wanted == name) {
            continue;
        }
        println!("ci: {name}");
        let start = Instant::now();
        match step(options) {
            Ok(()) => println!(
                "ci: {name} passed in {:.1} s",
                start.elapsed().as_secs_f64()
            ),
            Err(message) => {
                eprintln!("ci: {name} failed: {message}");
                failed.push(*name);
            }
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("ci failed: {}", failed.join(", ")))
    }
}

/// Runs the tests: with nextest (a process a test) where it is installed, else with cargo's own runner.
fn test(options: &CiOptions) -> Outcome {
    let packages = if options.tested {
        not_default()?
    } else {
        Vec::new()
    };
    let mut scope: Vec<&str> = packages
        .iter()
        .flat_map(|name| ["--package", name.as_str()])
        .collect();
    if scope.is_empty() {
        scope.push("--workspace");
    }
    let runner: &[&str] = if workspace::has("cargo", &["nextest", "--version"]) {
        &["nextest", "run"]
    } else {
        &["test"]
    };
    run_command(cargo(runner).args(scope))
}

/// Names the packages whose tests `cargo test` leaves out, because they are not default members.
fn not_default() -> Outcome<Vec<String>> {
    let root = manifest("Cargo.toml")?;
    let list = |key: &str| -> Vec<&str> {
        let values = root
            .get("workspace")
            .and_then(|workspace| workspace.get(key)?.as_array());
        values
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .collect()
    };
    let default = list("default-members");
    let mut names = Vec::new();
    for folder in list("members")
        .into_iter()
        .filter(|folder| !default.contains(folder))
    {
        let path = format!("{folder}/Cargo.toml");
        let manifest = manifest(&path)?;
        let name = manifest
            .get("package")
            .and_then(|package| package.get("name")?.as_str());
        names.push(name.ok_or_else(|| format!("{path}: no name"))?.to_owned());
    }
    Ok(names)
}

fn manifest(path: &str) -> Outcome<toml::Table> {
    workspace::read(path)?
        .parse()
        .map_err(|error| format!("{path}: {error}"))
}

fn where_installed(program: &str, command: &mut Command) -> Outcome {
    if workspace::has(program, &["--version"]) {
        run_command(command)
    } else {
        println!("ci: {program} is not installed, left out");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xtask_is_no_default_member_and_is_tested_all_the_same() {
        assert!(not_default().unwrap().contains(&"xtask".to_owned()));
    }
}
