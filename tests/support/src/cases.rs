//! Tests made from files: one case each, run by libtest-mimic, so that `cargo test` and nextest see every one.

use std::path::Path;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::expectations::{Expect, Expectations};

/// One case: a name and what to do.
pub struct Case {
    /// The name, as in the expectation list.
    pub name: String,
    /// Runs it; the error is the message.
    pub run: Box<dyn FnOnce() -> Result<(), String> + Send>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Case({})", self.name)
    }
}

/// Runs the cases by the arguments of a test program, judged by the list in `expectations`, and ends the program.
///
/// # Panics
/// When the list cannot be read.
pub fn run_cases(cases: Vec<Case>, expectations: &Path) -> ! {
    let list =
        Arc::new(Expectations::read(expectations).expect("the expectation list is readable"));
    let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
    let strangers = list.strangers(&names);
    let mut trials: Vec<Trial> = cases.into_iter().map(|case| trial(case, &list)).collect();
    let file = expectations.display().to_string();
    trials.push(Trial::test(
        "expectations_name_existing_tests",
        move || match strangers.as_slice() {
            [] => Ok(()),
            strangers => Err(Failed::from(format!(
                "{file} names tests that do not exist: {}",
                strangers.join(", ")
            ))),
        },
    ));
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}

fn trial(case: Case, list: &Arc<Expectations>) -> Trial {
    let Case { name, run } = case;
    let skipped = list
        .of(&name)
        .is_some_and(|line| line.expect == Expect::Skip);
    let list = Arc::clone(list);
    let listed = name.clone();
    Trial::test(name, move || {
        list.judge(&listed, run()).map_err(Failed::from)
    })
    .with_ignored_flag(skipped)
}
