//! What a suite is: [`Suite`], its [`Test`]s, and the [`Verdict`] on one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One test of a suite.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    /// Its name, as in the expectation list.
    pub(crate) name: String,
    /// The row of the table it counts in.
    pub(crate) group: String,
}

/// How a test went.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Verdict {
    /// As it should.
    Passed,
    /// The test itself says that it does not apply here, and why.
    Declined(String),
    /// Otherwise, with the message.
    Failed(String),
}

/// A suite of another project.
pub(crate) trait Suite: Sync {
    /// Its folder here, its page in `docs/compat`, its name on the command line.
    fn name(&self) -> &'static str;
    /// The page's heading and what stands under it.
    fn heading(&self) -> &'static str;
    /// Its tests.
    ///
    /// # Errors
    /// When the suite's files cannot be read.
    fn tests(&self) -> Result<Vec<Test>, String>;
    /// When a test is given up.
    fn timeout(&self) -> Duration;
    /// Runs a test in a VM, in this process.
    fn run(&self, test: &str) -> Verdict;
    /// Runs a test on the host, by the real thing; nothing if that is not there.
    fn on_host(&self, test: &str) -> Option<Verdict>;
}
