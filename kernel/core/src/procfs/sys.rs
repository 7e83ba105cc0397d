//! `/proc/sys`: what can be asked (and a little that can be set) of the kernel by name. See `proc_sys(5)`.

use cenote_abi::Errno;
use cenote_base::SysResult;
use cenote_base::limits::Resource;

use crate::kernel::Kernel;
use crate::process::table::PID_MAX;

/// What a name stands for.
enum Kind {
    Directory,
    File(fn(&Kernel) -> String),
}

/// The place of `/proc/sys` in the table.
pub(super) const ROOT: usize = 0;

/// Every name: its directory's place, itself, what it is. A directory comes before what is in it.
const TABLE: &[(usize, &str, Kind)] = &[
    (ROOT, "", Kind::Directory),
    (ROOT, "kernel", Kind::Directory),
    (ROOT, "fs", Kind::Directory),
    (ROOT, "vm", Kind::Directory),
    (1, "random", Kind::Directory),
    (
        1,
        "hostname",
        Kind::File(|kernel| String::from_utf8_lossy(&kernel.hostname()).into_owned()),
    ),
    (
        1,
        "domainname",
        Kind::File(|kernel| String::from_utf8_lossy(&kernel.domain()).into_owned()),
    ),
    (
        1,
        "osrelease",
        Kind::File(|kernel| kernel.system().release.clone()),
    ),
    (
        1,
        "ostype",
        Kind::File(|kernel| kernel.system().sysname.clone()),
    ),
    (
        1,
        "version",
        Kind::File(|kernel| kernel.system().version.clone()),
    ),
    (1, "pid_max", Kind::File(|_| PID_MAX.to_string())),
    (
        1,
        "threads-max",
        Kind::File(|kernel| kernel.budget().limits().processes.to_string()),
    ),
    (
        1,
        "ngroups_max",
        Kind::File(|_| cenote_abi::user::NGROUPS_MAX.to_string()),
    ),
    (1, "cap_last_cap", Kind::File(|_| "40".to_string())),
    (1, "overflowuid", Kind::File(|_| "65534".to_string())),
    (1, "overflowgid", Kind::File(|_| "65534".to_string())),
    (4, "uuid", Kind::File(uuid)),
    (4, "boot_id", Kind::File(uuid)),
    (4, "entropy_avail", Kind::File(|_| "256".to_string())),
    (4, "poolsize", Kind::File(|_| "256".to_string())),
    (
        2,
        "file-max",
        Kind::File(|kernel| kernel.budget().limits().open_files.to_string()),
    ),
    (
        2,
        "file-nr",
        Kind::File(|kernel| {
            format!(
                "{}\t0\t{}",
                kernel.budget().used(Resource::OpenFiles),
                kernel.budget().limits().open_files
            )
        }),
    ),
    (
        2,
        "nr_open",
        Kind::File(|kernel| kernel.most_open_files().to_string()),
    ),
    (2, "pipe-max-size", Kind::File(|_| "65536".to_string())),
    (3, "overcommit_memory", Kind::File(|_| "0".to_string())),
    (3, "swappiness", Kind::File(|_| "0".to_string())),
];

/// A random identifier, as `uuidgen` prints it. Differs: `boot_id` is another one each time.
fn uuid(kernel: &Kernel) -> String {
    let mut bytes = [0; 16];
    kernel.entropy().fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

pub(super) fn is_directory(at: usize) -> bool {
    matches!(TABLE.get(at), Some((_, _, Kind::Directory)))
}

pub(super) fn permissions(at: usize) -> u32 {
    match TABLE.get(at) {
        Some((_, _, Kind::Directory)) => 0o555,
        Some((_, "hostname" | "domainname", _)) => 0o644,
        _ => 0o444,
    }
}

/// The names in a directory, with their places.
pub(super) fn entries(directory: usize) -> impl Iterator<Item = (&'static str, usize)> {
    TABLE
        .iter()
        .enumerate()
        .filter(move |(at, (parent, _, _))| *parent == directory && *at != ROOT)
        .map(|(at, (_, name, _))| (*name, at))
}

pub(super) fn text(kernel: &Kernel, at: usize) -> SysResult<Vec<u8>> {
    match TABLE.get(at) {
        Some((_, _, Kind::File(make))) => Ok(format!("{}\n", make(kernel)).into_bytes()),
        _ => Err(Errno::EISDIR.into()),
    }
}

pub(super) fn write(kernel: &Kernel, at: usize, bytes: &[u8]) -> SysResult<usize> {
    let name = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if name.len() > 64 {
        return Err(Errno::EINVAL.into());
    }
    match TABLE.get(at) {
        Some((_, "hostname", _)) => kernel.set_hostname(name),
        Some((_, "domainname", _)) => kernel.set_domain(name),
        _ => return Err(Errno::EPERM.into()),
    }
    Ok(bytes.len())
}
