//! A user namespace, in which this process is nobody to the host, and a network namespace without so much as a loopback that is up.

use std::io::Write;

use cenote_proto::v1::WallState;
use rustix::thread::UnshareFlags;

use super::{Report, raw};

/// Enters both. What is granted of the host's network comes from a broker outside.
pub(super) fn enter(report: &mut Report) {
    let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
    let flags =
        UnshareFlags::NEWUSER | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS | UnshareFlags::NEWNET;
    let entered = raw::new_namespaces(flags);
    let (state, detail) = match &entered {
        Ok(()) => (
            WallState::Applied,
            "a network of its own, empty; a broker outside makes what connections are granted"
                .into(),
        ),
        Err(error) => (WallState::Unavailable, error.to_string()),
    };
    report.add("network_namespace", state, detail);
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
