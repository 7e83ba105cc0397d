//! Memory: what an idle machine and a live node process add to this process, and whether many machines live at once.

use std::time::{Duration, Instant};

use cenote::NodeRuntime;

use crate::machine::Machine;

/// How many machines the averages are taken over.
const AVERAGED: usize = 20;

/// What was measured.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Resident bytes an idle machine adds.
    pub(crate) idle: u64,
    /// Resident bytes a machine with one live node process adds.
    pub(crate) with_node: u64,
    /// How many machines were alive at once, each having run a shell command.
    pub(crate) machines: usize,
    /// Resident bytes of the whole process then.
    pub(crate) all: u64,
    /// How long making them and running the commands took.
    pub(crate) took: Duration,
}

/// Measures.
///
/// # Errors
/// When a machine cannot be made or does not work.
pub(crate) fn measure(machine: &Machine, machines: usize) -> Result<Memory, String> {
    machine.executor.block_on(async {
        let before = resident()?;
        let mut alive = Vec::new();
        for _ in 0..AVERAGED {
            alive.push(
                NodeRuntime::create()
                    .await
                    .map_err(|error| error.to_string())?,
            );
        }
        let idle = resident()?.saturating_sub(before) / AVERAGED as u64;
        let mut processes = Vec::new();
        for rt in &alive {
            let process = rt
                .spawn(include_str!("../programs/live.mjs"))
                .await
                .map_err(|error| error.to_string())?;
            // Its first output says that it is up.
            process
                .stdout()
                .next()
                .await
                .ok_or("a node process ended before it was measured")?;
            processes.push(process);
        }
        let with_node = resident()?.saturating_sub(before) / AVERAGED as u64;
        drop(processes);
        for rt in alive {
            rt.dispose().await;
        }
        let start = Instant::now();
        let mut many = Vec::new();
        for number in 0..machines {
            let rt = NodeRuntime::create()
                .await
                .map_err(|error| format!("machine {number}: {error}"))?;
            let output = rt
                .shell("echo $((6 * 7))")
                .await
                .map_err(|error| format!("machine {number}: {error}"))?;
            if output.stdout.text() != "42\n" {
                return Err(format!("machine {number} wrote {:?}", output.stdout.text()));
            }
            many.push(rt);
        }
        Ok(Memory {
            idle,
            with_node,
            machines: many.len(),
            all: resident()?,
            took: start.elapsed(),
        })
    })
}

/// Returns the resident bytes of this process.
fn resident() -> Result<u64, String> {
    let text = std::fs::read_to_string("/proc/self/status")
        .map_err(|error| format!("/proc/self/status: {error}"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("/proc/self/status has no VmRSS")?;
    let kib: u64 = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .map_err(|error| format!("VmRSS: {error}"))?;
    Ok(kib * 1024)
}
