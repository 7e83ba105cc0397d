//! A user namespace, in which this process is nobody to the host, and a network namespace without so much as a loopback that is up.

use std::io::Write;

use cenote_proto::v1::WallState;
use rustix::thread::UnshareFlags;

use super::{Report, raw};

/// Enters both, or the first alone when the host's network is granted.
pub(super) fn enter(network: bool, report: &mut Report) {
    let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
    let mut flags = UnshareFlags::NEWUSER | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if !network {
        flags |= UnshareFlags::NEWNET;
    }
    let entered = raw::new_namespaces(flags);
    let network_wall = match (&entered, network) {
        (_, true) => (
            WallState::Off,
            "the network is granted, and there is no broker yet".into(),
        ),
        (Ok(()), false) => (WallState::Applied, "a network of its own, empty".into()),
        (Err(error), false) => (WallState::Unavailable, error.to_string()),
    };
    report.add("network_namespace", network_wall.0, network_wall.1);
    match entered.and_then(|()| map_users(uid.as_raw(), gid.as_raw())) {
        Ok(()) => report.add(
            "user_namespace",
            WallState::Applied,
            "its own, with no user but this one",
        ),
        Err(error) => report.add("user_namespace", WallState::Unavailable, error.to_string()),
    }
}

/// Keeps this user's id in the new namespace, so that files still belong to it.
fn map_users(uid: u32, gid: u32) -> std::io::Result<()> {
    let write = |path: &str, text: String| {
        let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
        file.write_all(text.as_bytes())
    };
    write("/proc/self/setgroups", "deny".into())?;
    write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    write("/proc/self/gid_map", format!("{gid} {gid} 1"))
}
