//! Path walks: links, `..`, mounts, permissions, bounds.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{AtFlags, Mode, OpenFlags};
use cenote_base::limits::Resource;

use crate::fs::Tmpfs;
use crate::testing::{Machine, errno};
use crate::{LookupFlags, MountFlags, ops};

#[test]
fn dot_dot_stops_at_the_root_and_undoes_a_step() {
    let machine = Machine::new();
    machine.mkdir("/a").unwrap();
    machine.mkdir("/a/b").unwrap();
    machine.write("/a/file", "x").unwrap();
    assert_eq!(machine.read("/../../a/./b/../file").unwrap(), "x");
    assert_eq!(machine.read("//a///b//..//file").unwrap(), "x");
    let b = machine.locate("/a/b");
    let held = ops::lookup(&machine.cx(), Some(&b), b"../file", LookupFlags::empty()).unwrap();
    assert_eq!(machine.path_of(&held), "/a/file");
    assert_eq!(errno(machine.stat("/a/file/..")), Errno::ENOTDIR);
    assert_eq!(errno(machine.stat("/a/file/.")), Errno::ENOTDIR);
    assert_eq!(errno(machine.stat("/a/none/..")), Errno::ENOENT);
}

#[test]
fn a_changed_root_cannot_be_left() {
    let mut machine = Machine::new();
    machine.mkdir("/jail").unwrap();
    machine.mkdir("/jail/in").unwrap();
    machine.write("/secret", "out").unwrap();
    machine.symlink("/secret", "/jail/link").unwrap();
    machine.root = machine.locate("/jail");
    machine.cwd = machine.root.clone();
    assert_eq!(errno(machine.read("/../secret")), Errno::ENOENT);
    assert_eq!(errno(machine.read("in/../../secret")), Errno::ENOENT);
    assert_eq!(errno(machine.read("/link")), Errno::ENOENT);
}

#[test]
fn symbolic_links_are_followed_forty_times() {
    let machine = Machine::new();
    machine.write("/end", "x").unwrap();
    machine.symlink("end", "/l0").unwrap();
    for index in 1..=40 {
        machine
            .symlink(&format!("l{}", index - 1), &format!("/l{index}"))
            .unwrap();
    }
    assert_eq!(machine.read("/l39").unwrap(), "x");
    assert_eq!(errno(machine.read("/l40")), Errno::ELOOP);
    machine.symlink("loop", "/loop").unwrap();
    assert_eq!(errno(machine.stat("/loop")), Errno::ELOOP);
    assert_eq!(
        errno(machine.open("/loop", OpenFlags::O_CREAT | OpenFlags::O_RDWR)),
        Errno::ELOOP
    );
    assert_eq!(machine.lstat("/loop").unwrap().size, 4);
}

#[test]
fn links_in_the_middle_are_walked_from_their_own_directory() {
    let machine = Machine::new();
    for path in ["/a", "/a/deep", "/b"] {
        machine.mkdir(path).unwrap();
    }
    machine.write("/a/file", "of a").unwrap();
    machine.symlink("../a/deep", "/b/up").unwrap();
    assert_eq!(machine.read("/b/up/../file").unwrap(), "of a");
    machine.symlink("/a", "/b/absolute").unwrap();
    assert_eq!(machine.read("b/absolute/file").unwrap(), "of a");
}

#[test]
fn trailing_slashes_want_directories_and_follow_links() {
    let machine = Machine::new();
    machine.mkdir("/d").unwrap();
    machine.write("/f", "").unwrap();
    machine.symlink("d", "/to_d").unwrap();
    machine.symlink("f", "/to_f").unwrap();
    assert_eq!(errno(machine.stat("/f/")), Errno::ENOTDIR);
    assert_eq!(errno(machine.lstat("/to_f/")), Errno::ENOTDIR);
    assert_eq!(machine.lstat("/to_d/").unwrap().mode & 0o170_000, 0o040_000);
    assert_eq!(
        errno(machine.open("/new/", OpenFlags::O_CREAT | OpenFlags::O_RDWR)),
        Errno::EISDIR
    );
    machine.mkdir("/made/").unwrap();
    assert_eq!(errno(machine.unlink("/f/")), Errno::ENOTDIR);
    assert_eq!(errno(machine.rename("/f", "/g/")), Errno::ENOTDIR);
    machine.rename("/d/", "/e/").unwrap();
    assert_eq!(errno(machine.symlink("x", "/s/")), Errno::ENOENT);
}

#[test]
fn lengths_are_bounded() {
    let machine = Machine::new();
    let long = "n".repeat(255);
    machine.write(&long, "x").unwrap();
    assert_eq!(machine.read(&long).unwrap(), "x");
    assert_eq!(
        errno(machine.write(&"n".repeat(256), "x")),
        Errno::ENAMETOOLONG
    );
    assert_eq!(errno(machine.stat(&"n".repeat(256))), Errno::ENAMETOOLONG);
    let path = "./".repeat(2047) + "n";
    assert_eq!(errno(machine.stat(&path)), Errno::ENOENT);
    assert_eq!(errno(machine.stat(&(path + "n"))), Errno::ENAMETOOLONG);
    assert_eq!(errno(machine.stat("")), Errno::ENOENT);
    let stat = ops::stat(&machine.cx(), None, b"", AtFlags::AT_EMPTY_PATH).unwrap();
    assert_eq!(stat.ino, machine.stat("/").unwrap().ino);
}

#[test]
fn each_directory_on_the_way_must_be_searchable() {
    let mut machine = Machine::new();
    machine.mkdir("/open").unwrap();
    machine.mkdir("/open/closed").unwrap();
    machine.write("/open/closed/file", "x").unwrap();
    ops::chmod(
        &machine.cx(),
        None,
        b"/open/closed",
        Mode::from_raw(0o766),
        AtFlags::empty(),
    )
    .unwrap();
    machine.as_user(5);
    assert_eq!(errno(machine.stat("/open/closed/file")), Errno::EACCES);
    assert_eq!(
        errno(machine.stat("/open/closed/../closed/x")),
        Errno::EACCES
    );
    assert!(machine.stat("/open/closed").is_ok());
    assert_eq!(machine.list("/open/closed"), ["file"]);
}

#[test]
fn mounts_cover_and_are_left_upwards() {
    let machine = Machine::new();
    machine.mkdir("/mnt").unwrap();
    machine.write("/mnt/hidden", "below").unwrap();
    machine.write("/beside", "b").unwrap();
    let before = machine.locate("/mnt");
    let other = Tmpfs::new(machine.clock.clone(), Arc::clone(&machine.budget));
    machine
        .namespace
        .mount(&before, other, MountFlags::empty())
        .unwrap();
    assert_eq!(errno(machine.stat("/mnt/hidden")), Errno::ENOENT);
    machine.mkdir("/mnt/in").unwrap();
    machine.write("/mnt/in/f", "above").unwrap();
    assert_eq!(machine.read("/mnt/in/../../beside").unwrap(), "b");
    assert_eq!(machine.path_of(&machine.locate("/mnt/in/f")), "/mnt/in/f");
    assert_ne!(
        machine.stat("/mnt").unwrap().dev,
        machine.stat("/").unwrap().dev
    );
    assert_eq!(errno(machine.rmdir("/mnt")), Errno::EBUSY);
    assert_eq!(errno(machine.rename("/mnt", "/moved")), Errno::EBUSY);
    assert_eq!(errno(machine.rename("/mnt/in/f", "/f")), Errno::EXDEV);
    assert_eq!(errno(machine.link("/mnt/in/f", "/f")), Errno::EXDEV);
    // A mount on the mount, and away again.
    let third = Tmpfs::new(machine.clock.clone(), Arc::clone(&machine.budget));
    machine
        .namespace
        .mount(&machine.locate("/mnt"), third, MountFlags::RDONLY)
        .unwrap();
    assert_eq!(errno(machine.write("/mnt/x", "")), Errno::EROFS);
    assert_eq!(machine.namespace.mounts().len(), 3);
    machine.namespace.umount(&machine.locate("/mnt")).unwrap();
    assert_eq!(machine.read("/mnt/in/f").unwrap(), "above");
    machine.namespace.umount(&machine.locate("/mnt")).unwrap();
    assert_eq!(machine.read("/mnt/hidden").unwrap(), "below");
    assert_eq!(
        errno(machine.namespace.umount(&machine.locate("/"))),
        Errno::EINVAL
    );
}

#[test]
fn bind_mounts_show_the_same_files() {
    let machine = Machine::new();
    machine.mkdir("/data").unwrap();
    machine.mkdir("/view").unwrap();
    machine
        .namespace
        .bind(
            &machine.locate("/data"),
            &machine.locate("/view"),
            MountFlags::RDONLY,
        )
        .unwrap();
    machine.write("/data/f", "1").unwrap();
    assert_eq!(machine.read("/view/f").unwrap(), "1");
    assert_eq!(errno(machine.write("/view/f", "2")), Errno::EROFS);
    assert_eq!(machine.path_of(&machine.locate("/view/f")), "/view/f");
    assert_eq!(machine.path_of(&machine.locate("/view/..")), "/");
}

#[test]
fn a_dropped_namespace_lets_everything_go() {
    let mut machine = Machine::new();
    machine.mkdir("/mnt").unwrap();
    let other = Tmpfs::new(machine.clock.clone(), Arc::clone(&machine.budget));
    let kept = Arc::downgrade(&other);
    machine
        .namespace
        .mount(&machine.locate("/mnt"), other, MountFlags::empty())
        .unwrap();
    machine.mkdir("/mnt/deep").unwrap();
    machine.write("/mnt/deep/f", "x").unwrap();
    machine.cwd = machine.locate("/mnt/deep");
    let file = machine.open("f", OpenFlags::O_RDONLY).unwrap();
    let budget = Arc::clone(&machine.budget);
    drop(machine);
    // The open file keeps itself, and nothing else once it is gone.
    let mut buf = [0; 4];
    assert_eq!(file.read(&mut buf).unwrap(), 1);
    drop(file);
    assert!(kept.upgrade().is_none());
    assert_eq!(
        (
            budget.used(Resource::Inodes),
            budget.used(Resource::FilesystemBytes)
        ),
        (0, 0)
    );
}
