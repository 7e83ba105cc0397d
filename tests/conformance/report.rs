//! What a run leaves: the page in `docs/compat`, the expectation list, a summary.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use cenote_test::expectations::{Expect, Expectations};
use cenote_test::repository;

use crate::run::Finding;
use crate::suite::{Suite, Verdict};

/// Counts of one row.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    passed: usize,
    failed: usize,
    declined: usize,
    broken: usize,
    left_out: usize,
}

impl Row {
    fn add(&mut self, finding: &Finding) {
        match &finding.verdict {
            None => self.left_out += 1,
            Some(Verdict::Passed) => self.passed += 1,
            Some(Verdict::Declined(_)) => self.declined += 1,
            Some(Verdict::Failed(_)) if finding.broken_upstream => self.broken += 1,
            Some(Verdict::Failed(_)) => self.failed += 1,
        }
    }

    fn share(self) -> String {
        match self.passed + self.failed {
            0 => "–".to_owned(),
            ran => format!("{} %", self.passed * 100 / ran),
        }
    }
}

fn rows(findings: &[Finding]) -> (BTreeMap<&str, Row>, Row) {
    let (mut rows, mut total) = (BTreeMap::<&str, Row>::new(), Row::default());
    for finding in findings {
        rows.entry(&finding.test.group).or_default().add(finding);
        total.add(finding);
    }
    (rows, total)
}

/// Writes `docs/compat/NAME.md`.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_page(
    suite: &dyn Suite,
    findings: &[Finding],
    list: &Expectations,
) -> Result<(), String> {
    let (rows, total) = rows(findings);
    let mut page = format!(
        "{}\n\nWritten by `cargo xtask conformance {}`. *Declined*: the test itself says that it does not apply. *Broken upstream*: it fails \
         under the real thing on the same host, too. *Not run*: the list says why, below. The share is of those that passed or failed.\n\n\
         | Group | Passed | Failed | Share | Declined | Broken upstream | Not run |\n|---|---:|---:|---:|---:|---:|---:|\n",
        suite.heading(),
        suite.name()
    );
    let mut line = |name: &str, row: Row| {
        // Writing to a string cannot fail.
        let _written = writeln!(
            page,
            "| {name} | {} | {} | {} | {} | {} | {} |",
            row.passed,
            row.failed,
            row.share(),
            row.declined,
            row.broken,
            row.left_out
        );
    };
    for (name, row) in &rows {
        line(name, *row);
    }
    line("**all**", total);
    page += "\n## Why tests are not run\n\n";
    for (name, expectation) in list.lines() {
        if expectation.expect == Expect::Skip {
            let _written = writeln!(page, "* `{name}`: {}", expectation.why);
        }
    }
    page += "\n## Why tests fail\n\n";
    for (name, expectation) in list.lines() {
        if expectation.expect != Expect::Skip {
            let _written = writeln!(page, "* `{name}`: {}", expectation.why);
        }
    }
    let file = repository::root()
        .join("docs/compat")
        .join(format!("{}.md", suite.name()));
    fs::create_dir_all(file.parent().unwrap_or(&file)).map_err(|error| error.to_string())?;
    fs::write(&file, page).map_err(|error| format!("{}: {error}", file.display()))
}

/// Writes the expectation list anew: rows that still hold stay, failures without one get their message as the reason.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_expectations(
    file: &Path,
    old: &Expectations,
    findings: &[Finding],
) -> Result<(), String> {
    let header: String = fs::read_to_string(file)
        .unwrap_or_default()
        .lines()
        .take_while(|line| line.starts_with('#'))
        .fold(String::new(), |text, line| text + line + "\n");
    let ran: BTreeMap<&str, &Finding> = findings
        .iter()
        .map(|finding| (finding.test.name.as_str(), finding))
        .collect();
    let mut rows = BTreeMap::new();
    for (name, row) in old.lines() {
        let gone = ran.get(name.as_str()).is_some_and(|finding| {
            row.expect == Expect::Fail
                && (finding.broken_upstream || !matches!(finding.verdict, Some(Verdict::Failed(_))))
        });
        if !gone {
            rows.insert(name.clone(), (row.expect, row.why.clone()));
        }
    }
    for finding in findings {
        if let Some(Verdict::Failed(message)) = &finding.verdict
            && !finding.broken_upstream
            && old.of(&finding.test.name).is_none()
        {
            rows.insert(
                finding.test.name.clone(),
                (Expect::Fail, shortened(message)),
            );
        }
    }
    let mut text = header;
    for (name, (expect, why)) in rows {
        let expect = match expect {
            Expect::Fail => "fail",
            Expect::Skip => "skip",
            Expect::Flaky => "flaky",
        };
        let why = toml::Value::String(why);
        text += &format!("\"{name}\" = {{ expect = \"{expect}\", why = {why} }}\n");
    }
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// The line of a message that says most: the first that names an error, else the first.
fn shortened(message: &str) -> String {
    let line = message
        .lines()
        .map(str::trim)
        .find(|line| {
            line.contains("Error") && !line.starts_with("at ") && !line.starts_with("throw")
        })
        .or_else(|| message.lines().map(str::trim).find(|line| !line.is_empty()))
        .unwrap_or("it fails without a message");
    line.chars().filter(|c| !c.is_control()).take(160).collect()
}

/// Prints the totals.
pub(crate) fn print_summary(findings: &[Finding]) {
    let (_, total) = rows(findings);
    println!(
        "{} passed, {} failed ({}), {} declined, {} broken upstream, {} not run",
        total.passed,
        total.failed,
        total.share(),
        total.declined,
        total.broken,
        total.left_out
    );
}
