//! What the host's kernel says of this process: its children, its memory.

use std::fs;

/// The process ids of this process's children, of all its threads.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn children() -> std::io::Result<Vec<u32>> {
    let mut children = Vec::new();
    for thread in fs::read_dir("/proc/self/task")? {
        let path = thread?.path().join("children");
        // A thread may end between the listing and the reading.
        let Ok(list) = fs::read_to_string(path) else {
            continue;
        };
        children.extend(
            list.split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
    }
    Ok(children)
}

/// Bytes of memory resident in this process.
///
/// # Errors
/// When `/proc` cannot be read or says something unexpected.
pub fn resident_bytes() -> std::io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix(" kB")?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .map(|kibibytes| kibibytes * 1024)
        .ok_or_else(|| std::io::Error::other("no VmRSS in /proc/self/status"))
}
