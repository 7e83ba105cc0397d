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
///
/// After `cargo test` only the packages outside the default members are left. They are programs, and chosen as such: named as packages
/// they would be built with features of their own, and wasmtime with them once more.
fn test(options: &CiOptions) -> Outcome {
    let scope: &[&str] = if options.tested {
        check_programs_only()?;
        &["--workspace", "--bins"]
    } else {
        &["--workspace"]
    };
    let runner: &[&str] = if workspace::has("cargo", &["nextest", "--version"]) {
        &["nextest", "run"]
    } else {
        &["test"]
    };
    run_command(cargo(runner).args(scope))
}

/// Checks that the packages which are not default members have tests in their programs alone.
///
/// # Errors
/// Names one with a library or with tests beside it, which the programs' tests would leave out.
fn check_programs_only() -> Outcome {
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
    for folder in list("members")
        .into_iter()
        .filter(|folder| !default.contains(folder))
    {
        let manifest = manifest(&format!("{folder}/Cargo.toml"))?;
        let more = ["lib", "test"].map(|key| manifest.contains_key(key));
        let found =
            ["src/lib.rs", "tests"].map(|part| workspace::root().join(folder).join(part).exists());
        if more.contains(&true) || found.contains(&true) {
            return Err(format!(
                "{folder}: has more than programs, and `ci --tested` would not test it"
            ));
        }
    }
    Ok(())
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
    fn what_cargo_test_leaves_out_is_programs_only() {
        check_programs_only().unwrap();
    }
}
