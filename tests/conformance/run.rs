//! Runs a suite: one host process a test, so that a crash is one test's; then judges by the expectation list.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cenote_test::expectations::{Expect, Expectations};
use cenote_test::{oracle, repository};

use crate::report;
use crate::suite::{Suite, Test, Verdict};

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// Parts of names; nothing: all tests.
    pub(crate) only: &'a [String],
    /// Tests at a time.
    pub(crate) jobs: usize,
    /// Whether the expectation list is rewritten.
    pub(crate) update: bool,
}

/// One test with what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// The test.
    pub(crate) test: Test,
    /// How it went in the VM; nothing when the list says not to run it.
    pub(crate) verdict: Option<Verdict>,
    /// Whether it fails under the real thing, too.
    pub(crate) broken_upstream: bool,
}

/// Runs one test here and prints the verdict.
///
/// # Errors
/// When it cannot be printed.
pub(crate) fn one(suite: &dyn Suite, test: &str) -> Result<bool, String> {
    let verdict = suite.run(test);
    println!(
        "{}",
        serde_json::to_string(&verdict).map_err(|error| error.to_string())?
    );
    Ok(true)
}

/// Runs all tests that are asked for, reports, and tells whether all went as expected.
///
/// # Errors
/// When the suite or the list cannot be read, or the report cannot be written.
pub(crate) fn all(suite: &dyn Suite, plan: &Plan<'_>) -> Result<bool, String> {
    let file = repository::root()
        .join("tests/conformance")
        .join(suite.name())
        .join("expectations.toml");
    let list = Expectations::read(&file)?;
    let everything = suite.tests()?;
    let names: Vec<String> = everything.iter().map(|test| test.name.clone()).collect();
    let chosen: Vec<Test> = everything
        .into_iter()
        .filter(|test| {
            plan.only.is_empty() || plan.only.iter().any(|part| test.name.contains(part))
        })
        .collect();
    let results = run_each(suite, &chosen, &list, plan.jobs);
    if plan.update {
        report::write_expectations(&file, &list, &results)?;
        println!("{} is written anew", file.display());
    }
    let list = Expectations::read(&file)?;
    let mut surprises = Vec::new();
    for result in &results {
        if let Err(message) = judge(&list, result) {
            surprises.push(format!("{}: {message}", result.test.name));
        }
    }
    if plan.only.is_empty() {
        surprises.extend(
            list.strangers(&names)
                .into_iter()
                .map(|name| format!("{name}: listed, but there is no such test")),
        );
        report::write_page(suite, &results, &list)?;
    }
    report::print_summary(&results);
    for surprise in &surprises {
        println!("UNEXPECTED {surprise}");
    }
    Ok(surprises.is_empty())
}

/// Runs the chosen tests whatever the list says, printing as they end; true when all passed.
///
/// # Errors
/// When the suite cannot be read.
pub(crate) fn attempt(suite: &dyn Suite, only: &[String], jobs: usize) -> Result<bool, String> {
    let chosen: Vec<Test> = suite
        .tests()?
        .into_iter()
        .filter(|test| only.is_empty() || only.iter().any(|part| test.name.contains(part)))
        .collect();
    let next = AtomicUsize::new(0);
    let passed = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(test) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match in_child(suite, test) {
                        Verdict::Passed => {
                            passed.fetch_add(1, Ordering::Relaxed);
                            println!("PASSED   {}", test.name);
                        }
                        Verdict::Declined(reason) => {
                            println!("DECLINED {}: {reason}", test.name);
                        }
                        Verdict::Failed(message) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            println!("FAILED   {}\n{}\n", test.name, message.trim_end());
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    println!(
        "{} passed, {failed} failed of {}",
        passed.into_inner(),
        chosen.len()
    );
    Ok(failed == 0)
}

fn judge(list: &Expectations, result: &Finding) -> Result<(), String> {
    let Some(verdict) = &result.verdict else {
        return Ok(());
    };
    let outcome = match verdict {
        // What fails under the real thing says nothing about us, and may not be listed.
        Verdict::Failed(_) if result.broken_upstream => return Ok(()),
        Verdict::Failed(message) => Err(message.clone()),
        Verdict::Passed | Verdict::Declined(_) => Ok(()),
    };
    list.judge(&result.test.name, outcome)
}

fn run_each(suite: &dyn Suite, tests: &[Test], list: &Expectations, jobs: usize) -> Vec<Finding> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(test) = tests.get(index) else { return };
                    let result = run_one(suite, test, list);
                    if index.is_multiple_of(100) {
                        eprintln!(
                            "{index} of {} after {} s",
                            tests.len(),
                            begin.elapsed().as_secs()
                        );
                    }
                    if let Ok(mut results) = results.lock() {
                        results.insert(index, result);
                    }
                }
            });
        }
    });
    results
        .into_inner()
        .unwrap_or_default()
        .into_values()
        .collect()
}

fn run_one(suite: &dyn Suite, test: &Test, list: &Expectations) -> Finding {
    let expected = list.of(&test.name).map(|line| line.expect);
    if expected == Some(Expect::Skip) {
        return Finding {
            test: test.clone(),
            verdict: None,
            broken_upstream: false,
        };
    }
    let mut verdict = in_child(suite, test);
    // Two tests share two processors with everything else: a failure that is not expected has a second try.
    if expected.is_none() && matches!(verdict, Verdict::Failed(_)) {
        verdict = in_child(suite, test);
    }
    let broken_upstream = matches!(verdict, Verdict::Failed(_))
        && matches!(suite.on_host(&test.name), Some(Verdict::Failed(_)));
    Finding {
        test: test.clone(),
        verdict: Some(verdict),
        broken_upstream,
    }
}

fn in_child(suite: &dyn Suite, test: &Test) -> Verdict {
    let failed = |error: std::io::Error| Verdict::Failed(format!("the runner: {error}"));
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return failed(error),
    };
    let mut command = Command::new(program);
    command.args([suite.name(), "--one", &test.name]);
    let outcome = match oracle::run(&mut command, b"", suite.timeout() + Duration::from_secs(20)) {
        Ok(outcome) => outcome,
        Err(error) => return failed(error),
    };
    let text = String::from_utf8_lossy(&outcome.stdout);
    match text.lines().last().map(serde_json::from_str) {
        Some(Ok(verdict)) => verdict,
        _ => Verdict::Failed(format!(
            "the host process died with status {}: {}",
            outcome.status,
            String::from_utf8_lossy(&outcome.stderr)
                .lines()
                .rev()
                .take(3)
                .collect::<Vec<_>>()
                .join(" | ")
        )),
    }
}
