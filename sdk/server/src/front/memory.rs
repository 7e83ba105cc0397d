//! How much memory a worker takes: looked at from outside, because a guest that has taken its worker over answers no questions.
//!
//! Resource limits of the kernel cannot do it: `RLIMIT_AS` counts V8's cage of reserved addresses, `RLIMIT_DATA` the stacks of threads
//! and WebAssembly memories at their full size, used or not. The machines' own limits come first; this one is the last.

use std::fs;
use std::time::Duration;

use cenote_proto::status_with;
use cenote_proto::v1::ErrorDetail;
use tonic::{Code, Status};

/// How often a worker is looked at. What it can take in between is a few hundred megabytes.
const LOOK: Duration = Duration::from_millis(250);

/// Waits until a process has more than `most` bytes in memory; the reason why it is ended then.
pub(super) async fn grown(pid: u32, most: u64) -> Status {
    loop {
        tokio::time::sleep(LOOK).await;
        match resident(pid) {
            Some(bytes) if bytes > most => return too_large(bytes, most),
            Some(_) => {}
            // It has ended, or this system does not tell.
            None => std::future::pending::<()>().await,
        }
    }
}

/// Bytes of a process that are in memory.
fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    kibibytes(&status, "VmRSS:")?.checked_mul(1 << 10)
}

/// The number in a line of procfs that begins with `name`.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn too_large(bytes: u64, most: u64) -> Status {
    let detail = ErrorDetail {
        code: "WORKER_DIED".into(),
        limit: "worker_memory".into(),
        option: "--worker-memory".into(),
        ..ErrorDetail::default()
    };
    let mib = |bytes: u64| bytes >> 20;
    let message = format!(
        "the machine's worker process was ended: it took {} MiB of memory, and a worker may take {} (`--worker-memory`)",
        mib(bytes),
        mib(most)
    );
    status_with(Code::Aborted, message, &detail)
}

/// Half of the memory that this host has, or that the control group of a container has.
pub(crate) fn half_of_the_host() -> u64 {
    let of_host = fs::read_to_string("/proc/meminfo").ok();
    let of_group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    half(of_host.as_deref(), of_group.as_deref())
}

fn half(meminfo: Option<&str>, group: Option<&str>) -> u64 {
    let host = meminfo
        .and_then(|text| kibibytes(text, "MemTotal:"))
        .map_or(u64::MAX, |kib| kib.saturating_mul(1 << 10));
    // `max` is no number.
    let group = group
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(u64::MAX);
    match host.min(group) {
        u64::MAX => u64::MAX,
        least => least / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaller_of_host_and_group_counts() {
        let host = Some("MemTotal:       1024 kB\nMemFree: 3 kB\n");
        assert_eq!(half(host, None), 512 << 10);
        assert_eq!(half(host, Some("max\n")), 512 << 10);
        assert_eq!(half(host, Some("65536\n")), 32 << 10);
        assert_eq!(half(None, None), u64::MAX);
    }

    #[test]
    fn own_memory_can_be_read() {
        assert!(resident(std::process::id()).is_some_and(|bytes| bytes > 1 << 20));
        assert_eq!(resident(u32::MAX), None);
    }
}
