//! The speed table of ARCHITECTURE.md §8: the same programs in a machine and on the host, alternating in one run.
//!
//! [`rows`] lists what is measured, [`host`] and [`machine`] run it on either side, [`measure`] takes medians, [`report`] writes the
//! table. Absolute times say little about another computer; the ratios of one run are what is compared with the targets.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks on its standard streams"
)]

mod host;
mod machine;
mod measure;
mod memory;
mod report;
mod rows;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Measures the speed table and writes it to docs/bench.md.
#[derive(Debug, Parser)]
#[command(name = "cenote-bench")]
struct Flags {
    /// Only rows whose key contains one of these; the document is not written then.
    rows: Vec<String>,
    /// How often each side of a row is measured.
    #[arg(long, default_value_t = 9)]
    samples: usize,
    /// How many machines are alive at once in the last row.
    #[arg(long, default_value_t = 1000)]
    machines: usize,
    /// Where to write the table.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Names the rows.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    cenote::use_snapshot(cenote_snapshot::START_UP_SNAPSHOT);
    let flags = Flags::parse();
    if flags.list {
        rows::ROWS
            .iter()
            .for_each(|row| println!("{:16} {}", row.key, row.what));
        return ExitCode::SUCCESS;
    }
    match run(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("cenote-bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> Result<(), String> {
    let machine = machine::Machine::new()?;
    let host = host::Host::new()?;
    let mut results = Vec::new();
    for row in rows::ROWS {
        if !flags.rows.is_empty()
            && !flags
                .rows
                .iter()
                .any(|wanted| row.key.contains(wanted.as_str()))
        {
            continue;
        }
        let result = row.measure(&machine, &host, flags.samples.max(1));
        println!("{}", report::line(row, &result));
        results.push((row, result));
    }
    let is_whole = flags.rows.is_empty();
    let memory = if is_whole {
        Some(memory::measure(&machine, flags.machines)?)
    } else {
        None
    };
    if let Some(memory) = &memory {
        println!("{}", report::memory_lines(memory));
    }
    let output = match &flags.output {
        Some(path) => Some(path.clone()),
        None if is_whole => Some(cenote_test::repository::root().join("docs/bench.md")),
        None => None,
    };
    let Some(path) = output else { return Ok(()) };
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let document =
        report::document(&results, memory.as_ref(), &host) + report::other_sections(&old);
    std::fs::write(&path, document).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(())
}
