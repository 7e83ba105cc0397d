//! Filesystems of the `vfs` crate, mounted: names, types, errors, what they cannot do.

use cenote_abi::Errno;
use cenote_abi::fs::{OpenFlags, RenameFlags};
use cenote_base::ManualClock;
use cenote_base::limits::{Limits, Resource};
use vfs::MemoryFS;

use super::*;
use crate::testing::{Machine, errno};

fn machine() -> (VfsPath, Machine) {
    let path: VfsPath = MemoryFS::new().into();
    let budget = Budget::new(Limits::default());
    let adapter = AdapterFs::new(path.clone(), Uid::ROOT, Gid::ROOT, Arc::clone(&budget)).unwrap();
    (path, Machine::on(adapter, ManualClock::new(), budget))
}

#[test]
fn what_a_guest_writes_is_in_the_filesystem_behind() {
    let (behind, machine) = machine();
    machine.mkdir("/d").unwrap();
    machine.write("/d/f", "hello").unwrap();
    assert_eq!(
        behind.join("d/f").unwrap().read_to_string().unwrap(),
        "hello"
    );
    assert_eq!(machine.read("/d/f").unwrap(), "hello");
    let file = machine.open("/d/f", OpenFlags::O_RDWR).unwrap();
    file.pwrite(b"J", 0).unwrap();
    assert_eq!(
        machine.read("/d/f").unwrap(),
        "Jello",
        "before it is written back"
    );
    file.sync().unwrap();
    assert_eq!(
        behind.join("d/f").unwrap().read_to_string().unwrap(),
        "Jello"
    );
    file.truncate(2).unwrap();
    drop(file);
    assert_eq!(behind.join("d/f").unwrap().read_to_string().unwrap(), "Je");
    assert_eq!(machine.budget.used(Resource::FilesystemBytes), 0);
    behind
        .join("d/g")
        .unwrap()
        .create_file()
        .unwrap()
        .write_all(b"of the embedder")
        .unwrap();
    assert_eq!(machine.read("/d/g").unwrap(), "of the embedder");
    assert_eq!(machine.list("/d"), ["f", "g"]);
}

#[test]
fn names_move_and_go_with_the_usual_errnos() {
    let (behind, machine) = machine();
    machine.mkdir("/a").unwrap();
    machine.mkdir("/a/b").unwrap();
    machine.write("/a/b/f", "x").unwrap();
    let open = machine
        .open("/a/b/f", OpenFlags::O_RDWR | OpenFlags::O_APPEND)
        .unwrap();
    open.write(b"y").unwrap();
    machine.rename("/a", "/c").unwrap();
    open.write(b"z").unwrap();
    drop(open);
    assert_eq!(
        behind.join("c/b/f").unwrap().read_to_string().unwrap(),
        "xyz"
    );
    assert_eq!(errno(machine.stat("/a")), Errno::ENOENT);
    assert_eq!(errno(machine.rmdir("/c")), Errno::ENOTEMPTY);
    assert_eq!(errno(machine.unlink("/c")), Errno::EISDIR);
    assert_eq!(errno(machine.rename("/c", "/c/b/c")), Errno::EINVAL);
    assert_eq!(errno(machine.mkdir("/c")), Errno::EEXIST);
    assert_eq!(errno(machine.symlink("x", "/l")), Errno::EPERM);
    assert_eq!(errno(machine.link("/c/b/f", "/l")), Errno::EPERM);
    machine.write("/other", "o").unwrap();
    assert_eq!(
        errno(machine.rename_with("/other", "/c/b/f", RenameFlags::RENAME_NOREPLACE)),
        Errno::EEXIST
    );
    machine.rename("/other", "/c/b/f").unwrap();
    assert_eq!(machine.read("/c/b/f").unwrap(), "o");
}

#[test]
fn a_removed_file_stays_readable_while_open() {
    let (behind, machine) = machine();
    machine.write("/f", "still").unwrap();
    let file = machine.open("/f", OpenFlags::O_RDWR).unwrap();
    machine.unlink("/f").unwrap();
    assert!(!behind.join("f").unwrap().exists().unwrap());
    let mut buf = [0; 9];
    assert_eq!(file.read(&mut buf).unwrap(), 5);
    machine.write("/f", "new").unwrap();
    file.write(b"!").unwrap();
    drop(file);
    assert_eq!(machine.read("/f").unwrap(), "new");
}
