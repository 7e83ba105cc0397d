//! What is measured: a row is a program, how its time is taken, and the target it is held to.
//!
//! Most programs repeat the thing of interest, so that starting the shell or node itself does not count much; those of node time
//! themselves and print nanoseconds.

use std::time::Duration;

use crate::host::Host;
use crate::machine::Machine;
use crate::measure::{Measured, alternate};

/// How a row's program is run, and whose clock counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    /// A machine is made for each run, against a whole `node -e` on the host. With so many engines kept ready.
    FreshMachine(&'static str, usize),
    /// Code in a live machine that keeps engines ready, against a whole `node -e` on the host.
    WarmExec(&'static str),
    /// A dash script; the whole run counts.
    Dash(&'static str),
    /// A bash script; the whole run counts.
    Bash(&'static str),
    /// JavaScript that prints how many nanoseconds the interesting part took.
    Node(&'static str),
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its name on the command line.
    pub(crate) key: &'static str,
    /// What is measured.
    pub(crate) what: &'static str,
    /// What it is compared with.
    pub(crate) against: &'static str,
    /// How many times as fast as the host it must be.
    pub(crate) target: f64,
    pub(crate) program: Program,
}

/// The table, in the order of ARCHITECTURE.md §8.
pub(crate) const ROWS: &[Row] = &[
    Row {
        key: "create-exec",
        what: "create a VM and `exec(\"console.log('hi')\")`, warm process, engines kept ready (`warm(2)`)",
        against: "`node -e` on the host",
        target: 8.0,
        program: Program::FreshMachine("console.log('hi')", 2),
    },
    Row {
        key: "exec-warm",
        what: "`exec(\"console.log('hi')\")` in a live VM, engines kept ready",
        against: "`node -e` on the host",
        target: 8.0,
        program: Program::WarmExec("console.log('hi')"),
    },
    Row {
        key: "create-cold",
        what: "create a VM and `exec(\"console.log('hi')\")`, no engine ready",
        against: "`node -e` on the host",
        target: 2.5,
        program: Program::FreshMachine("console.log('hi')", 0),
    },
    Row {
        key: "shell-pipeline",
        what: "`sh -c 'echo hi | cat | wc -c'` in a live VM",
        against: "the same shell on the host",
        target: 8.0,
        program: Program::Dash("echo hi | cat | wc -c"),
    },
    Row {
        key: "spawn-shell",
        what: "spawn and wait `true` 200 times, from a shell",
        against: "the same on the host",
        target: 5.0,
        program: Program::Dash(include_str!("../programs/spawn.sh")),
    },
    Row {
        key: "spawn-node",
        what: "spawn and wait `true` 50 times, from node (`spawnSync`)",
        against: "the same on the host",
        target: 5.0,
        program: Program::Node(include_str!("../programs/spawn.mjs")),
    },
    Row {
        key: "fork",
        what: "fork, exit and wait 500 times, small program (dash)",
        against: "the same on the host",
        target: 3.0,
        program: Program::Dash(include_str!("../programs/fork.sh")),
    },
    Row {
        key: "substitution",
        what: "1,000 `$(echo)` in bash",
        against: "host bash",
        target: 2.0,
        program: Program::Bash(include_str!("../programs/substitution.sh")),
    },
    Row {
        key: "arithmetic",
        what: "shell arithmetic loop (dash, 200,000 rounds)",
        against: "host, same shell",
        target: 0.4,
        program: Program::Dash(include_str!("../programs/arithmetic.sh")),
    },
    Row {
        key: "read-file",
        what: "`fs.readFileSync` of 1 KiB",
        against: "host node on tmpfs",
        target: 1.0,
        program: Program::Node(include_str!("../programs/read-file.mjs")),
    },
    Row {
        key: "stat",
        what: "`fs.statSync`",
        against: "host node on tmpfs",
        target: 1.0,
        program: Program::Node(include_str!("../programs/stat.mjs")),
    },
    Row {
        key: "readdir",
        what: "`fs.readdirSync` of 100 entries",
        against: "host node on tmpfs",
        target: 1.0,
        program: Program::Node(include_str!("../programs/readdir.mjs")),
    },
    Row {
        key: "pipe",
        what: "200 MB through a pipe between two guests (`head | wc`)",
        against: "host pipe between two processes",
        target: 0.5,
        program: Program::Dash(include_str!("../programs/pipe.sh")),
    },
    Row {
        key: "http",
        what: "6,000 HTTP requests from a guest client to a guest server, on 8 connections that are kept",
        against: "the same two programs on host node",
        target: 0.5,
        program: Program::Node(include_str!("../programs/http.mjs")),
    },
    Row {
        key: "compute",
        what: "JS compute (numbers, objects, strings, JSON)",
        against: "host node, same script",
        target: 0.95,
        program: Program::Node(include_str!("../programs/compute.mjs")),
    },
    Row {
        key: "workers",
        what: "JS compute in two workers at once",
        against: "host node, same script",
        target: 0.9,
        program: Program::Node(include_str!("../programs/workers.mjs")),
    },
];

impl Row {
    /// Measures the row.
    ///
    /// # Errors
    /// What the side that failed said; other rows go on.
    pub(crate) fn measure(&self, machine: &Machine, host: &Host, samples: usize) -> Measured {
        match self.program {
            Program::FreshMachine(code, warm) => alternate(
                samples,
                || agree(machine.create_and_exec(code, warm)?, "hi\n"),
                || agree(Host::run(&host.node, &["-e", code])?, "hi\n"),
            ),
            Program::WarmExec(code) => {
                let warm = machine.warm(2)?;
                alternate(
                    samples,
                    || agree(warm.exec(code)?, "hi\n"),
                    || agree(Host::run(&host.node, &["-e", code])?, "hi\n"),
                )
            }
            Program::Dash(script) => {
                let expected = Host::run(&host.dash, &["-c", script])?.1;
                alternate(
                    samples,
                    || agree(machine.shell(script)?, &expected),
                    || agree(Host::run(&host.dash, &["-c", script])?, &expected),
                )
            }
            Program::Bash(script) => {
                let expected = Host::run(&host.bash, &["-c", script])?.1;
                alternate(
                    samples,
                    || agree(machine.bash(script)?, &expected),
                    || agree(Host::run(&host.bash, &["-c", script])?, &expected),
                )
            }
            Program::Node(code) => alternate(
                samples,
                || told(&machine.exec(code)?.1),
                || told(&Host::run(&host.node, &["--input-type=module", "-e", code])?.1),
            ),
        }
    }
}

/// Takes the time of a run whose output is as expected: a fast wrong answer is no measurement.
fn agree((took, output): (Duration, String), expected: &str) -> Result<Duration, String> {
    if output.trim() == expected.trim() {
        Ok(took)
    } else {
        Err(format!("wrote {output:?} instead of {expected:?}"))
    }
}

/// Reads the nanoseconds a program says it took.
fn told(output: &str) -> Result<Duration, String> {
    output
        .trim()
        .parse()
        .map(Duration::from_nanos)
        .map_err(|_| format!("wrote {output:?} instead of nanoseconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_output_is_no_measurement() {
        let took = Duration::from_millis(1);
        assert_eq!(agree((took, "3\n".into()), "3"), Ok(took));
        assert!(agree((took, String::new()), "3").is_err());
        assert_eq!(told("1500\n"), Ok(Duration::from_nanos(1500)));
        assert!(told("fast").is_err());
    }

    #[test]
    fn keys_are_unique() {
        for (at, row) in ROWS.iter().enumerate() {
            assert!(
                ROWS[..at].iter().all(|other| other.key != row.key),
                "{}",
                row.key
            );
        }
    }
}
