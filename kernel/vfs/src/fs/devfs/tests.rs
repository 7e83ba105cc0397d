//! Device nodes: numbers, what they read and take, plugged-in nodes.

use cenote_abi::fs::AtFlags;
use cenote_base::{Credentials, ManualClock};

use super::*;
use crate::{LookupContext, MountFlags, Namespace, ops};

fn filled() -> Namespace {
    let entropy: Entropy = Arc::new(|buf| {
        buf.fill(4);
        Ok(())
    });
    let devfs = DevFs::new(ManualClock::new(), entropy);
    devfs.add_link("stdin", "/proc/self/fd/0").unwrap();
    devfs.add_directory("shm", Mode::from_raw(0o1777)).unwrap();
    Namespace::new(devfs, MountFlags::empty())
}

#[test]
fn memory_devices_do_what_their_names_say() {
    let namespace = filled();
    let (root, credentials) = (namespace.root(), Credentials::root());
    let cx = LookupContext::new(&root, &root, &credentials, 0);
    let open = |path: &[u8]| ops::open(&cx, None, path, OpenFlags::O_RDWR, Mode::empty()).unwrap();
    let mut buf = [1; 3];
    assert_eq!(open(b"/null").read(&mut buf).unwrap(), 0);
    assert_eq!(open(b"/null").write(&buf).unwrap(), 3);
    assert_eq!((open(b"/zero").read(&mut buf).unwrap(), buf), (3, [0; 3]));
    assert_eq!(
        open(b"/full").write(&buf).unwrap_err().errno(),
        Errno::ENOSPC
    );
    assert_eq!(
        (open(b"/urandom").read(&mut buf).unwrap(), buf),
        (3, [4; 3])
    );
    let stat = ops::stat(&cx, None, b"null", AtFlags::empty()).unwrap();
    assert_eq!(
        (stat.mode, DeviceId::decode(stat.rdev)),
        (0o020_666, DeviceId::new(1, 3))
    );
    assert_eq!(
        ops::mkdir(&cx, None, b"/x", Mode::empty())
            .unwrap_err()
            .errno(),
        Errno::EPERM
    );
    let names: Vec<Vec<u8>> = ops::list(&cx, None, b"/")
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    assert_eq!(
        names,
        [
            &b"null"[..],
            b"zero",
            b"full",
            b"random",
            b"urandom",
            b"stdin",
            b"shm"
        ]
    );
}
