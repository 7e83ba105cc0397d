//! Lists of tests that are known to fail, strict both ways: a listed failure that passes is an error too.
//!
//! `"area/name" = { expect = "fail", why = "…" }`; kinds `fail`, `skip` (cannot run at all), `flaky`. Every line has a reason.
//! A name that ends in `*` stands for all that begin so; a whole name goes before it, and a longer beginning before a shorter.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// What a listed test is expected to do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// It fails.
    Fail,
    /// It cannot run at all.
    Skip,
    /// It may do either.
    Flaky,
}

/// One line of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What it is expected to do.
    pub expect: Expect,
    /// Why.
    pub why: String,
    /// The issue that will change it.
    pub issue: Option<u32>,
}

/// A list.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    lines: BTreeMap<String, Expectation>,
}

impl Expectations {
    /// Reads a list; a file that is not there is an empty one.
    ///
    /// # Errors
    /// When it cannot be parsed, or a line has no reason.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(format!("{}: {error}", file.display())),
        };
        let lines: BTreeMap<String, Expectation> =
            toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        match lines.iter().find(|(_, line)| line.why.trim().is_empty()) {
            Some((name, _)) => Err(format!("{}: `{name}` has no reason", file.display())),
            None => Ok(Self { lines }),
        }
    }

    /// What is expected of a test; nothing: that it passes.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&Expectation> {
        self.lines.get(name).or_else(|| {
            self.lines
                .iter()
                .filter(|(pattern, _)| covers(pattern, name))
                .max_by_key(|(pattern, _)| pattern.len())
                .map(|(_, line)| line)
        })
    }

    /// Every line, by name.
    pub fn lines(&self) -> impl Iterator<Item = (&String, &Expectation)> {
        self.lines.iter()
    }

    /// The names that no test of `known` bears.
    #[must_use]
    pub fn strangers(&self, known: &[String]) -> Vec<String> {
        self.lines
            .keys()
            .filter(|listed| {
                !known
                    .iter()
                    .any(|name| name == *listed || covers(listed, name))
            })
            .cloned()
            .collect()
    }

    /// Judges a result by the list.
    ///
    /// # Errors
    /// The message for a failure that is not listed, or for a listed one that passed.
    pub fn judge(&self, name: &str, result: Result<(), String>) -> Result<(), String> {
        match (self.of(name).map(|line| line.expect), result) {
            (Some(Expect::Flaky | Expect::Skip), _)
            | (None, Ok(()))
            | (Some(Expect::Fail), Err(_)) => Ok(()),
            (None, Err(message)) => Err(message),
            (Some(Expect::Fail), Ok(())) => {
                Err("it passes, though the list expects it to fail: take it off the list".into())
            }
        }
    }
}

/// Whether a listed name is a beginning with `*` and `name` begins so.
fn covers(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('*')
        .is_some_and(|beginning| name.starts_with(beginning))
}
