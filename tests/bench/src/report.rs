//! The table: lines while measuring, and the document.

use std::fmt::Write as _;
use std::time::Duration;

use crate::host::Host;
use crate::measure::Measured;
use crate::memory::Memory;
use crate::rows::Row;

/// Targets of ARCHITECTURE.md §8 for memory, in bytes.
const IDLE_TARGET: u64 = 512 * 1024;
const WITH_NODE_TARGET: u64 = 6 * 1024 * 1024;

/// One line while measuring.
pub(crate) fn line(row: &Row, result: &Measured) -> String {
    match result {
        Ok(pair) => format!(
            "{:16} {:>10} {:>10} {:6.2}x target {}x {}",
            row.key,
            time(pair.machine),
            time(pair.host),
            pair.speed(),
            row.target,
            verdict(pair.speed() >= row.target)
        ),
        Err(why) => format!("{:16} not measured: {why}", row.key),
    }
}

/// The lines about memory.
pub(crate) fn memory_lines(memory: &Memory) -> String {
    format!(
        "idle VM {}; with a live node process {}; {} VMs alive at once: {} resident, {}",
        bytes(memory.idle),
        bytes(memory.with_node),
        memory.machines,
        bytes(memory.all),
        time(memory.took)
    )
}

/// What stands below the table in an older document: sections that other measurements wrote.
pub(crate) fn other_sections(old: &str) -> &str {
    old.find("\n## ")
        .and_then(|start| old.get(start..))
        .unwrap_or_default()
}

/// The document.
pub(crate) fn document(
    results: &[(&Row, Measured)],
    memory: Option<&Memory>,
    host: &Host,
) -> String {
    let mut out = format!(
        "# Speed\n\nWritten by `cargo xtask bench`: the same programs in a machine and on the host, alternating in one run, medians.\n\
         {}\n\n| what | compared with | in the VM | on the host | times as fast | target | |\n|---|---|---|---|---|---|---|\n",
        circumstances(host)
    );
    for (row, result) in results {
        let cells = match result {
            Ok(pair) => format!(
                "{} | {} | {:.2} | {} | {}",
                time(pair.machine),
                time(pair.host),
                pair.speed(),
                row.target,
                verdict(pair.speed() >= row.target)
            ),
            Err(why) => format!(
                "not measured: {} | | | {} | missed",
                why.replace(['|', '\n'], " "),
                row.target
            ),
        };
        push(
            &mut out,
            &format!(
                "| {} | {} | {cells} |\n",
                row.what.replace('|', "\\|"),
                row.against
            ),
        );
    }
    if let Some(memory) = memory {
        let row = |what: &str, value: u64, target: u64| {
            format!(
                "| {what} | – | {} resident | | | {} | {} |\n",
                bytes(value),
                bytes(target),
                verdict(value <= target)
            )
        };
        push(&mut out, &row("idle VM", memory.idle, IDLE_TARGET));
        push(
            &mut out,
            &row(
                "VM with one live node process",
                memory.with_node,
                WITH_NODE_TARGET,
            ),
        );
        push(
            &mut out,
            &format!(
                "| {} VMs alive at once, each having run a shell command | – | {} resident, {} | | | works | met |\n",
                memory.machines,
                bytes(memory.all),
                time(memory.took)
            ),
        );
    }
    out
}

/// What the numbers depend on: processor, kernel, versions, build.
fn circumstances(host: &Host) -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let node = Host::run(&host.node, &["--version"]).map_or_else(
        |_| "unknown".to_owned(),
        |(_, version)| version.trim().to_owned(),
    );
    let build = if cfg!(debug_assertions) {
        "**debug build: not to be compared with the targets**"
    } else {
        "release build"
    };
    format!(
        "{model}, {cores} cores, Linux {}, host Node {node}, {build}.",
        kernel.trim()
    )
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

fn time(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    match seconds {
        _ if seconds >= 1.0 => format!("{seconds:.2} s"),
        _ if seconds >= 1e-3 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{:.2} µs", seconds * 1e6),
    }
}

fn bytes(count: u64) -> String {
    let tenths = count.saturating_mul(10) / (1024 * 1024);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

fn push(out: &mut String, text: &str) {
    out.write_str(text)
        .expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_read_well() {
        assert_eq!(time(Duration::from_micros(1500)), "1.50 ms");
        assert_eq!(time(Duration::from_millis(2500)), "2.50 s");
        assert_eq!(time(Duration::from_nanos(800)), "0.80 µs");
        assert_eq!(bytes(1024 * 1024 * 3 / 2), "1.5 MB");
    }

    #[test]
    fn rows_that_failed_stand_in_the_line_with_their_reason() {
        let row = &crate::rows::ROWS[0];
        assert!(line(row, &Err("no such thing".into())).contains("not measured: no such thing"));
    }
}
