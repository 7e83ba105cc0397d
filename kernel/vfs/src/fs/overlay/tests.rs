//! Overlays: copy-up, whiteouts, merged listings.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{AtFlags, Mode, OpenFlags};
use cenote_base::limits::{Budget, Limits, Resource};
use cenote_base::{ManualClock, SysResult};

use super::overlay;
use crate::fs::tmpfs::Snapshot;
use crate::fs::{Image, ImageBuilder, PlainContent};
use crate::ops;
use crate::testing::{Machine, errno};

fn base() -> Arc<Image> {
    let mut builder = ImageBuilder::new();
    let mode = Mode::from_raw(0o644);
    for (path, content) in [
        ("etc/passwd", "root"),
        ("etc/hosts", "localhost"),
        ("usr/lib/deep/f", "deep"),
    ] {
        builder
            .file(
                path.as_bytes(),
                mode,
                PlainContent::with_digest(content.as_bytes(), [1; 32]),
            )
            .unwrap();
    }
    builder
        .hard_link(b"usr/lib/linked", b"usr/lib/deep/f")
        .unwrap();
    builder.symlink(b"etc/link", b"passwd").unwrap();
    builder.build()
}

fn machine_over(layers: &[Arc<dyn crate::FileSystem>]) -> Machine {
    let (clock, budget) = (ManualClock::new(), Budget::new(Limits::default()));
    let filesystem = overlay(layers, clock.clone(), Arc::clone(&budget)).unwrap();
    Machine::on(filesystem, clock, budget)
}

fn machine() -> Machine {
    machine_over(&[base()])
}

#[test]
fn files_are_read_from_below_and_copied_up_when_written() {
    let machine = machine();
    let before = machine.stat("/etc/passwd").unwrap();
    let reader = machine.open("/etc/passwd", OpenFlags::O_RDONLY).unwrap();
    assert_eq!(
        machine.locate("/etc/passwd").inode().content_digest(),
        Some([1; 32])
    );
    assert_eq!(machine.budget.used(Resource::Inodes), 0);
    let writer = machine
        .open("/etc/passwd", OpenFlags::O_RDWR | OpenFlags::O_APPEND)
        .unwrap();
    writer.write(b"!").unwrap();
    drop(writer);
    assert_eq!(machine.read("/etc/passwd").unwrap(), "root!");
    let mut buf = [0; 9];
    assert_eq!(
        reader.read(&mut buf).unwrap(),
        5,
        "an open file sees the copy"
    );
    let after = machine.stat("/etc/passwd").unwrap();
    assert_eq!((before.ino, before.dev), (after.ino, after.dev));
    assert_eq!(machine.locate("/etc/passwd").inode().content_digest(), None);
    assert_eq!(machine.budget.used(Resource::Inodes), 1);
    assert_eq!(machine.read("/etc/link").unwrap(), "root!");
}

#[test]
fn machines_on_one_image_do_not_see_each_other() {
    let layers: [Arc<dyn crate::FileSystem>; 1] = [base()];
    let (one, two) = (machine_over(&layers), machine_over(&layers));
    one.write("/etc/passwd", "mine").unwrap();
    one.unlink("/etc/hosts").unwrap();
    assert_eq!(two.read("/etc/passwd").unwrap(), "root");
    assert_eq!(two.read("/etc/hosts").unwrap(), "localhost");
}

#[test]
fn attributes_change_without_copying_content() {
    let machine = machine();
    ops::chmod(
        &machine.cx(),
        None,
        b"/etc/passwd",
        Mode::from_raw(0o600),
        AtFlags::empty(),
    )
    .unwrap();
    assert_eq!(machine.stat("/etc/passwd").unwrap().mode & 0o777, 0o600);
    assert_eq!(
        machine.locate("/etc/passwd").inode().content_digest(),
        Some([1; 32])
    );
    assert_eq!(machine.budget.used(Resource::FilesystemBytes), 0);
    machine
        .open("/etc/passwd", OpenFlags::O_RDWR | OpenFlags::O_TRUNC)
        .unwrap();
    assert_eq!(machine.read("/etc/passwd").unwrap(), "");
}

#[test]
fn removed_names_stay_removed_until_made_again() {
    let machine = machine();
    machine.unlink("/etc/passwd").unwrap();
    assert_eq!(errno(machine.stat("/etc/passwd")), Errno::ENOENT);
    assert_eq!(machine.list("/etc"), ["hosts", "link"]);
    machine.write("/etc/passwd", "new").unwrap();
    assert_eq!(machine.list("/etc"), ["hosts", "link", "passwd"]);
    machine.unlink("/etc/passwd").unwrap();
    assert_eq!(errno(machine.read("/etc/passwd")), Errno::ENOENT);
    assert_eq!(errno(machine.rmdir("/etc")), Errno::ENOTEMPTY);
    machine.unlink("/etc/hosts").unwrap();
    machine.unlink("/etc/link").unwrap();
    machine.rmdir("/etc").unwrap();
    // A directory made over a removed one is empty.
    machine.mkdir("/etc").unwrap();
    assert!(machine.list("/etc").is_empty());
    assert_eq!(errno(machine.stat("/etc/hosts")), Errno::ENOENT);
    machine.write("/etc/own", "").unwrap();
    assert_eq!(machine.list("/etc"), ["own"]);
}

#[test]
fn renames_move_files_and_whole_directories_of_layers() {
    let machine = machine();
    machine.rename("/etc/passwd", "/etc/shadow").unwrap();
    assert_eq!(machine.list("/etc"), ["hosts", "link", "shadow"]);
    assert_eq!(machine.read("/etc/shadow").unwrap(), "root");
    machine.rename("/etc/hosts", "/etc/shadow").unwrap();
    assert_eq!(
        (
            machine.read("/etc/shadow").unwrap(),
            machine.list("/etc").len()
        ),
        ("localhost".into(), 2)
    );
    machine.rename("/usr/lib", "/library").unwrap();
    assert_eq!(machine.read("/library/deep/f").unwrap(), "deep");
    assert_eq!(machine.list("/usr"), Vec::<String>::new());
    machine.write("/library/deep/f", "changed").unwrap();
    assert_eq!(machine.read("/library/deep/f").unwrap(), "changed");
    assert_eq!(
        errno(machine.rename("/library", "/library/deep/x")),
        Errno::EINVAL
    );
    machine.mkdir("/usr/lib").unwrap();
    assert!(machine.list("/usr/lib").is_empty());
}

#[test]
fn hard_links_of_a_layer_are_copied_up_together() {
    let machine = machine();
    assert_eq!(machine.stat("/usr/lib/linked").unwrap().nlink, 2);
    machine.write("/usr/lib/linked", "both").unwrap();
    assert_eq!(machine.read("/usr/lib/deep/f").unwrap(), "both");
    machine.unlink("/usr/lib/linked").unwrap();
    assert_eq!(machine.read("/usr/lib/deep/f").unwrap(), "both");
    assert_eq!(machine.stat("/usr/lib/deep/f").unwrap().nlink, 1);
    machine.link("/etc/hosts", "/hosts").unwrap();
    machine.write("/hosts", "changed").unwrap();
    assert_eq!(machine.read("/etc/hosts").unwrap(), "changed");
    assert_eq!(machine.stat("/hosts").unwrap().nlink, 2);
}

#[test]
fn listing_is_stable_while_files_are_copied_up_and_made() {
    let machine = machine();
    machine.write("/etc/a", "").unwrap();
    let directory = machine.open("/etc", OpenFlags::O_DIRECTORY).unwrap();
    let mut names = Vec::new();
    for round in 0..20 {
        let mut taken = false;
        directory
            .read_dir(&mut |entry| {
                if !std::mem::replace(&mut taken, true) {
                    names.push(String::from_utf8(entry.name.to_vec()).unwrap());
                    return true;
                }
                false
            })
            .unwrap();
        machine.write("/etc/passwd", &round.to_string()).unwrap();
        machine.write("/etc/hosts", &round.to_string()).unwrap();
    }
    names.sort();
    assert_eq!(names, [".", "..", "a", "hosts", "link", "passwd"]);
}

#[test]
fn numbers_told_by_listing_are_those_of_stat() {
    let machine = machine();
    machine.write("/etc/own", "").unwrap();
    for entry in ops::list(&machine.cx(), None, b"/etc").unwrap() {
        let path = format!("/etc/{}", String::from_utf8(entry.name).unwrap());
        assert_eq!(machine.lstat(&path).unwrap().ino, entry.ino, "{path}");
    }
}

#[test]
fn layers_join_with_the_upper_one_first() {
    let mut upper = ImageBuilder::new();
    let mode = Mode::from_raw(0o644);
    upper
        .file(b"etc/passwd", mode, PlainContent::new(*b"upper"))
        .unwrap();
    upper
        .file(b"etc/extra", mode, PlainContent::new(*b"extra"))
        .unwrap();
    upper
        .file(b"usr/lib", mode, PlainContent::new(*b"a file now"))
        .unwrap();
    let machine = machine_over(&[upper.build(), base()]);
    assert_eq!(machine.read("/etc/passwd").unwrap(), "upper");
    assert_eq!(machine.read("/etc/hosts").unwrap(), "localhost");
    assert_eq!(machine.list("/etc"), ["extra", "hosts", "link", "passwd"]);
    assert_eq!(machine.read("/usr/lib").unwrap(), "a file now");
    assert_eq!(errno(machine.read("/usr/lib/deep/f")), Errno::ENOTDIR);
}

fn fork(machine: &Machine) -> Machine {
    restored(&snapshot(machine), Limits::default()).unwrap()
}

fn snapshot(machine: &Machine) -> Snapshot {
    let filesystem = Arc::clone(machine.root.mount().filesystem().unwrap());
    filesystem
        .as_any()
        .downcast_ref::<crate::fs::Tmpfs>()
        .unwrap()
        .snapshot()
}

fn restored(snapshot: &Snapshot, limits: Limits) -> SysResult<Machine> {
    let (clock, budget) = (ManualClock::new(), Budget::new(limits));
    let filesystem = snapshot.restore(clock.clone(), Arc::clone(&budget))?;
    Ok(Machine::on(filesystem, clock, budget))
}

#[test]
fn a_fork_starts_from_a_snapshot_and_goes_its_own_way() {
    let machine = machine();
    machine.write("/etc/passwd", "changed").unwrap();
    machine.unlink("/etc/hosts").unwrap();
    machine.mkdir("/new").unwrap();
    machine.write("/new/big", &"x".repeat(200_000)).unwrap();
    machine.link("/new/big", "/new/same").unwrap();
    machine.write("/usr/lib/linked", "both").unwrap();
    let used = |machine: &Machine| {
        let budget = &machine.budget;
        (
            budget.used(Resource::FilesystemBytes),
            budget.used(Resource::Inodes),
        )
    };
    let before = used(&machine);
    let kept = snapshot(&machine);
    machine.write("/etc/passwd", "later").unwrap();
    machine.unlink("/new/big").unwrap();
    let one = restored(&kept, Limits::default()).unwrap();
    let two = restored(&kept, Limits::default()).unwrap();
    for fork in [&one, &two] {
        assert_eq!(fork.read("/etc/passwd").unwrap(), "changed");
        assert_eq!(
            (fork.list("/etc"), fork.list("/new")),
            (
                vec!["link".into(), "passwd".into()],
                vec!["big".into(), "same".into()]
            )
        );
        assert_eq!(fork.read("/new/same").unwrap().len(), 200_000);
        assert_eq!(fork.read("/usr/lib/deep/f").unwrap(), "both");
        assert_eq!(fork.stat("/new/big").unwrap().nlink, 2);
        assert_eq!(used(fork), before);
    }
    one.write("/new/big", "of one").unwrap();
    one.write("/etc/hosts", "again").unwrap();
    one.rename("/usr", "/usr2").unwrap();
    assert_eq!(one.read("/new/same").unwrap(), "of one");
    assert_eq!(two.read("/new/same").unwrap().len(), 200_000);
    assert_eq!(errno(two.stat("/etc/hosts")), Errno::ENOENT);
    assert_eq!(two.read("/usr/lib/deep/f").unwrap(), "both");
    let third = fork(&one);
    assert_eq!(third.read("/new/same").unwrap(), "of one");
    assert_eq!(third.read("/etc/hosts").unwrap(), "again");
    assert_eq!(third.list("/usr2/lib"), ["deep", "linked"]);
    assert_eq!(machine.read("/etc/passwd").unwrap(), "later");
    drop((machine, kept, one, two));
    assert_eq!(third.read("/usr2/lib/linked").unwrap(), "both");
}

#[test]
fn a_snapshot_leaves_out_files_without_a_name_and_does_not_fit_a_small_machine() {
    let machine = machine();
    machine.write("/kept", &"x".repeat(100_000)).unwrap();
    let open = machine
        .open("/gone", OpenFlags::O_RDWR | OpenFlags::O_CREAT)
        .unwrap();
    open.write(&[1; 50_000]).unwrap();
    machine.unlink("/gone").unwrap();
    let kept = snapshot(&machine);
    assert_eq!(kept.inodes(), 1);
    assert!(kept.bytes() < 101_000, "{}", kept.bytes());
    let small = Limits {
        filesystem_bytes: 90_000,
        ..Limits::default()
    };
    assert_eq!(errno(restored(&kept, small).map(drop)), Errno::ENOSPC);
    // The original and the file that is open go on.
    open.write(&[2; 10]).unwrap();
    let fork = restored(&kept, Limits::default()).unwrap();
    fork.unlink("/kept").unwrap();
    assert_eq!(fork.budget.used(Resource::FilesystemBytes), 0);
    assert_eq!(machine.read("/kept").unwrap().len(), 100_000);
}

#[test]
fn a_chain_of_forks_stays_as_quick_as_the_first() {
    let mut machine = machine();
    for round in 0..200 {
        machine.write(&format!("/etc/{round}"), "x").unwrap();
        machine = fork(&machine);
    }
    assert_eq!(machine.list("/etc").len(), 203);
    assert_eq!(machine.read("/etc/0").unwrap(), "x");
    // Not over the forks before: the layers are still those of the first.
    assert_eq!(machine.read("/usr/lib/deep/f").unwrap(), "deep");
}

#[test]
fn a_very_deep_layer_can_be_let_go() {
    let mut below = machine_over(&[]);
    for _ in 0..20_000 {
        below.mkdir("d").unwrap();
        below.cwd = below.locate("d");
    }
    let layer = snapshot(&below).as_layer(ManualClock::new());
    let mut machine = machine_over(&[layer]);
    for _ in 0..20_000 {
        machine.cwd = machine.locate("d");
    }
    assert_eq!(errno(machine.stat("d")), Errno::ENOENT);
    machine.write("f", "kept").unwrap();
    assert_eq!(machine.read("f").unwrap(), "kept");
    machine.cwd = machine.root.clone();
    drop(machine);
}
