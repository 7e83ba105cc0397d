//! Files in memory: links, renames, sizes, limits.

use cenote_abi::Errno;
use cenote_abi::fs::{FallocFlags, OpenFlags};
use cenote_base::limits::{Limits, Resource};

use crate::ops;
use crate::testing::{Machine, errno};

#[test]
fn removing_everything_while_listing_leaves_nothing() {
    let machine = Machine::new();
    machine.mkdir("/d").unwrap();
    for index in 0..500 {
        machine.write(&format!("/d/{index}"), "").unwrap();
    }
    let directory = machine.open("/d", OpenFlags::O_DIRECTORY).unwrap();
    let mut seen = 0;
    loop {
        let mut names = Vec::new();
        directory
            .read_dir(&mut |entry| {
                if names.len() == 7 {
                    return false;
                }
                names.push(entry.name.to_vec());
                true
            })
            .unwrap();
        if names.is_empty() {
            break;
        }
        for name in names
            .iter()
            .filter(|name| !matches!(name.as_slice(), b"." | b".."))
        {
            seen += 1;
            ops::unlink(&machine.cx(), directory.location(), name).unwrap();
        }
    }
    assert_eq!(seen, 500);
    machine.rmdir("/d").unwrap();
}

#[test]
fn bytes_inodes_and_names_are_charged_and_given_back() {
    let machine = Machine::with_limits(Limits {
        filesystem_bytes: 100_000,
        inodes: 10,
        ..Limits::default()
    });
    let free = machine.budget.used(Resource::FilesystemBytes);
    let file = machine
        .open("/f", OpenFlags::O_RDWR | OpenFlags::O_CREAT)
        .unwrap();
    // The first chunk fits, the second does not: a short write, then the errno.
    assert_eq!(file.write(&[1; 120_000]).unwrap(), 65_536);
    assert_eq!(errno(file.write(&[1; 40_000])), Errno::ENOSPC);
    file.truncate(10).unwrap();
    assert!(machine.budget.used(Resource::FilesystemBytes) < 200);
    file.truncate(1 << 50).unwrap();
    assert!(machine.budget.used(Resource::FilesystemBytes) < 200);
    for index in 0..9 {
        machine.write(&format!("/{index}"), "").unwrap();
    }
    assert_eq!(errno(machine.mkdir("/one_too_many")), Errno::ENOSPC);
    for index in 0..9 {
        machine.unlink(&format!("/{index}")).unwrap();
    }
    machine.unlink("/f").unwrap();
    assert_eq!(machine.budget.used(Resource::Inodes), 1);
    drop(file);
    assert_eq!(machine.budget.used(Resource::Inodes), 0);
    assert_eq!(machine.budget.used(Resource::FilesystemBytes), free);
}

#[test]
fn hard_links_alone_cannot_fill_the_memory() {
    let machine = Machine::with_limits(Limits {
        filesystem_bytes: 10_000,
        ..Limits::default()
    });
    machine.write("/f", "").unwrap();
    let made = (0..10_000)
        .take_while(|index| machine.link("/f", &format!("/link{index}")).is_ok())
        .count();
    assert!(made < 200, "{made} links");
}

#[test]
fn a_very_deep_tree_can_be_let_go() {
    let mut machine = Machine::new();
    for _ in 0..30_000 {
        machine.mkdir("d").unwrap();
        machine.cwd = machine.locate("d");
    }
    let deep = machine.cwd.clone();
    assert_eq!(ops::getcwd(&machine.cx()).unwrap().len(), 60_000);
    machine.cwd = machine.root.clone();
    drop(deep);
    drop(machine);
}

#[test]
fn holes_are_punched_and_ranges_reserved() {
    let machine = Machine::new();
    let file = machine
        .open("/f", OpenFlags::O_RDWR | OpenFlags::O_CREAT)
        .unwrap();
    file.write(&[1; 200_000]).unwrap();
    file.allocate(
        FallocFlags::FALLOC_FL_PUNCH_HOLE | FallocFlags::FALLOC_FL_KEEP_SIZE,
        10,
        199_000,
    )
    .unwrap();
    let stat = file.stat().unwrap();
    assert_eq!(stat.size, 200_000);
    assert!(stat.blocks < 20, "{}", stat.blocks);
    file.allocate(FallocFlags::empty(), 0, 300_000).unwrap();
    assert_eq!(file.stat().unwrap().size, 300_000);
    assert_eq!(
        errno(file.allocate(FallocFlags::FALLOC_FL_COLLAPSE_RANGE, 0, 4096)),
        Errno::EOPNOTSUPP
    );
    assert_eq!(
        errno(file.allocate(FallocFlags::empty(), 0, 1 << 40)),
        Errno::ENOSPC
    );
}

#[test]
fn threads_rename_remove_and_make_without_deadlock() {
    let machine = Machine::new();
    for path in ["/a", "/b", "/a/x", "/b/y"] {
        machine.mkdir(path).unwrap();
    }
    std::thread::scope(|scope| {
        for worker in 0..4_u32 {
            let machine = &machine;
            scope.spawn(move || {
                for round in 0..500 {
                    let (one, other) = if (worker + round) % 2 == 0 {
                        ("/a", "/b")
                    } else {
                        ("/b", "/a")
                    };
                    // Any of these may fail because of another worker; none may hang or break the tree.
                    machine
                        .rename(&format!("{one}/x"), &format!("{other}/y/x"))
                        .ok();
                    machine
                        .rename(&format!("{other}/y"), &format!("{one}/x/y"))
                        .ok();
                    machine
                        .rename(&format!("{other}/y/x"), &format!("{one}/x"))
                        .ok();
                    machine.write(&format!("{one}/f{worker}"), "x").ok();
                    machine.rmdir(&format!("{one}/x/y")).ok();
                    machine.mkdir(&format!("{one}/x")).ok();
                    machine.mkdir(&format!("{other}/y")).ok();
                    machine.unlink(&format!("{one}/f{worker}")).ok();
                }
            });
        }
    });
    let count = |path: &str| machine.list(path).len();
    assert!(count("/a") <= 10 && count("/b") <= 10);
}
