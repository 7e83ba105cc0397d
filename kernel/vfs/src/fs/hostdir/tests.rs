//! Host directories: what is shown, what is refused, and that there is no way out.

use std::os::unix::fs::symlink;
use std::path::Path;

use cenote_abi::fs::{AtFlags, Mode, OpenFlags, RenameFlags};
use cenote_base::ManualClock;
use cenote_base::limits::{Budget, Limits};
use tempfile::TempDir;

use super::*;
use crate::ops;
use crate::testing::{Machine, errno};

/// A host directory `inside` with a neighbour `secret`, mounted at `/` of a machine.
struct Host {
    top: TempDir,
    machine: Machine,
}

fn host_with(options: HostDirOptions) -> Host {
    let top = TempDir::new().unwrap();
    std::fs::create_dir(top.path().join("inside")).unwrap();
    std::fs::write(top.path().join("secret"), "secret").unwrap();
    let hostdir = HostDir::open(&top.path().join("inside"), options).unwrap();
    let machine = Machine::on(hostdir, ManualClock::new(), Budget::new(Limits::default()));
    Host { top, machine }
}

fn writable() -> Host {
    host_with(HostDirOptions {
        writable: true,
        ..HostDirOptions::default()
    })
}

impl Host {
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.top.path().join("inside").join(name)
    }
}

#[test]
fn links_and_dots_lead_into_the_machine_and_never_out() {
    let Host { top, machine } = writable();
    let inside = top.path().join("inside");
    symlink(top.path().join("secret"), inside.join("absolute")).unwrap();
    symlink("../secret", inside.join("relative")).unwrap();
    symlink("..", inside.join("up")).unwrap();
    symlink("/etc/passwd", inside.join("passwd")).unwrap();
    symlink("/", inside.join("root")).unwrap();
    for path in [
        "absolute",
        "relative",
        "up/secret",
        "passwd",
        "root/etc/passwd",
        "../secret",
        "/../../etc/passwd",
    ] {
        assert_eq!(errno(machine.read(path)), Errno::ENOENT, "{path}");
        assert!(
            machine
                .open(path, OpenFlags::O_RDONLY | OpenFlags::O_NOFOLLOW)
                .is_err(),
            "{path}"
        );
    }
    // A link is walked in the machine: making the target there makes the machine's file, not the host's.
    machine.write("relative", "mine").unwrap();
    assert_eq!(
        std::fs::read_to_string(inside.join("secret")).unwrap(),
        "mine"
    );
    assert_eq!(
        std::fs::read_to_string(top.path().join("secret")).unwrap(),
        "secret"
    );
    assert_eq!(machine.list("up").len(), 6);
    // A guest may make links anywhere; they lead nowhere outside either.
    machine
        .symlink(top.path().join("secret").to_str().unwrap(), "/made")
        .unwrap();
    assert_eq!(errno(machine.read("/made")), Errno::ENOENT);
    machine.link("/made", "/made_too").unwrap();
    assert_eq!(errno(machine.read("/made_too")), Errno::ENOENT);
}

#[test]
fn a_link_put_in_the_place_of_a_file_or_directory_is_not_followed() {
    let host = writable();
    let machine = &host.machine;
    std::fs::create_dir(host.path("d")).unwrap();
    std::fs::write(host.path("d/secret"), "inner").unwrap();
    std::fs::write(host.path("f"), "f").unwrap();
    let (directory, file) = (machine.locate("/d"), machine.locate("/f"));
    std::fs::remove_dir_all(host.path("d")).unwrap();
    std::fs::remove_file(host.path("f")).unwrap();
    symlink("..", host.path("d")).unwrap();
    symlink("../secret", host.path("f")).unwrap();
    assert!(directory.inode().lookup(b"secret").is_err());
    assert!(directory.inode().read_dir(0, &mut |_| true).is_err());
    assert!(
        directory
            .inode()
            .create(
                b"x",
                crate::NewNode::Regular,
                &crate::NewOwner::root(Mode::all())
            )
            .is_err()
    );
    assert!(file.inode().read_at(0, &mut [0; 9]).is_err());
    assert!(file.inode().write_at(0, b"x").is_err());
    assert!(file.inode().stat().is_err());
    assert_eq!(
        std::fs::read_to_string(host.top.path().join("secret")).unwrap(),
        "secret"
    );
    assert!(!host.top.path().join("x").exists());
}

#[test]
fn swapping_a_directory_and_a_link_all_the_time_lets_nothing_out() {
    let host = writable();
    std::fs::create_dir(host.path("real")).unwrap();
    std::fs::write(host.path("real/secret"), "inner").unwrap();
    symlink("..", host.path("link")).unwrap();
    std::fs::rename(host.path("real"), host.path("d")).unwrap();
    let machine = &host.machine;
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for (from, to) in [("d", "aside"), ("link", "d"), ("d", "link"), ("aside", "d")] {
                    std::fs::rename(host.path(from), host.path(to)).unwrap();
                }
            }
        });
        for _ in 0..2_000 {
            if let Ok(content) = machine.read("/d/secret") {
                assert_eq!(content, "inner");
            }
            machine.write("/d/secret", "inner").ok();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(
        std::fs::read_to_string(host.top.path().join("secret")).unwrap(),
        "secret"
    );
}

#[test]
fn read_only_refuses_every_change() {
    let host = host_with(HostDirOptions::default());
    let machine = &host.machine;
    std::fs::write(host.path("f"), "content").unwrap();
    assert_eq!(machine.read("/f").unwrap(), "content");
    let file = machine.locate("/f");
    let root = machine.locate("/");
    let size = crate::AttributeChanges {
        size: Some(0),
        ..crate::AttributeChanges::default()
    };
    let failures = [
        errno(machine.write("/f", "x")),
        errno(machine.write("/new", "x")),
        errno(machine.mkdir("/d")),
        errno(machine.symlink("x", "/l")),
        errno(machine.link("/f", "/g")),
        errno(machine.rename("/f", "/g")),
        errno(machine.unlink("/f")),
        errno(ops::chmod(
            &machine.cx(),
            None,
            b"/f",
            Mode::all(),
            AtFlags::empty(),
        )),
        errno(ops::truncate(&machine.cx(), None, b"/f", 0)),
        // Also without the tree's own check.
        errno(file.inode().write_at(0, b"x")),
        errno(file.inode().set_attributes(&size)),
        errno(root.inode().unlink(b"f")),
    ];
    assert!(
        failures.iter().all(|failure| *failure == Errno::EROFS),
        "{failures:?}"
    );
    assert_eq!(std::fs::read_to_string(host.path("f")).unwrap(), "content");
}

#[test]
fn files_are_made_changed_moved_and_removed_on_the_host() {
    let options = HostDirOptions {
        writable: true,
        uid: Uid::new(1000),
        gid: Gid::new(100),
        ..HostDirOptions::default()
    };
    let host = host_with(options);
    let mut machine = host.machine;
    machine.mkdir("/d").unwrap();
    machine.write("/d/f", "hello").unwrap();
    let on_host = host.top.path().join("inside/d/f");
    assert_eq!(std::fs::read_to_string(&on_host).unwrap(), "hello");
    let stat = machine.stat("/d/f").unwrap();
    assert_eq!((stat.uid, stat.gid, stat.size), (1000, 100, 5));
    let file = machine
        .open("/d/f", OpenFlags::O_RDWR | OpenFlags::O_APPEND)
        .unwrap();
    file.write(b" world").unwrap();
    ops::chmod(
        &machine.cx(),
        None,
        b"/d/f",
        Mode::from_raw(0o4640),
        AtFlags::empty(),
    )
    .unwrap();
    assert_eq!(machine.stat("/d/f").unwrap().mode, 0o100_640);
    assert_eq!(
        errno(ops::chown(
            &machine.cx(),
            None,
            b"/d/f",
            Some(Uid::new(5)),
            None,
            AtFlags::empty()
        )),
        Errno::EPERM
    );
    machine.cwd = machine.locate("/d");
    machine.rename("/d", "/e").unwrap();
    assert_eq!(ops::getcwd(&machine.cx()).unwrap(), b"/e");
    assert_eq!(machine.read("f").unwrap(), "hello world");
    machine.write("/other", "other").unwrap();
    assert_eq!(
        errno(machine.rename_with("/other", "/e/f", RenameFlags::RENAME_NOREPLACE)),
        Errno::EEXIST
    );
    machine
        .rename_with("/other", "/e/f", RenameFlags::RENAME_EXCHANGE)
        .unwrap();
    assert_eq!(
        (
            machine.read("/other").unwrap().as_str(),
            machine.read("/e/f").unwrap().as_str()
        ),
        ("hello world", "other")
    );
    machine.unlink("/other").unwrap();
    let mut buf = [0; 20];
    assert_eq!(file.pread(&mut buf, 0).unwrap(), 11);
    assert_eq!(file.stat().unwrap().nlink, 0);
    assert_eq!(errno(machine.rmdir("/e")), Errno::ENOTEMPTY);
    machine.unlink("/e/f").unwrap();
    machine.rmdir("/e").unwrap();
    assert!(machine.list("/").is_empty());
}

#[test]
fn growth_is_limited() {
    let host = host_with(HostDirOptions {
        writable: true,
        growth_limit: Some(10),
        ..HostDirOptions::default()
    });
    host.machine.write("/f", "12345678").unwrap();
    host.machine.write("/f", "1").unwrap();
    assert_eq!(errno(host.machine.write("/g", "12")), Errno::ENOSPC);
    assert_eq!(
        errno(ops::truncate(&host.machine.cx(), None, b"/f", 1 << 40)),
        Errno::ENOSPC
    );
}

#[test]
fn listing_goes_on_where_it_was_while_files_come_and_go() {
    let host = writable();
    for index in 0..100 {
        std::fs::write(host.path(&format!("f{index}")), "").unwrap();
    }
    let directory = host.machine.open("/", OpenFlags::O_DIRECTORY).unwrap();
    let mut names = Vec::new();
    loop {
        let before = names.len();
        directory
            .read_dir(&mut |entry| {
                let fits = names.len() < before + 9;
                if fits {
                    names.push(String::from_utf8(entry.name.to_vec()).unwrap());
                }
                fits
            })
            .unwrap();
        if names.len() == before {
            break;
        }
        std::fs::write(host.path(&format!("new{before}")), "").unwrap();
    }
    let mut old: Vec<_> = names.iter().filter(|name| name.starts_with('f')).collect();
    old.sort();
    old.dedup();
    assert_eq!(old.len(), 100);
}

#[test]
fn pipes_and_sockets_of_the_host_are_seen_and_not_opened() {
    let host = writable();
    let dir = Dir::open_ambient_dir(host.path(""), ambient_authority()).unwrap();
    let mode = rustix::fs::Mode::from_bits_truncate(0o666);
    rustix::fs::mknodat(&dir, "pipe", rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(
        host.machine.stat("/pipe").unwrap().mode & 0o170_000,
        0o010_000
    );
    assert_eq!(
        errno(host.machine.open("/pipe", OpenFlags::O_RDONLY)),
        Errno::EACCES
    );
    assert!(HostDir::open(Path::new("/nonexistent"), HostDirOptions::default()).is_err());
}

#[test]
fn a_directory_kept_open_is_not_taken_for_another_of_its_name() {
    let host = writable();
    let machine = &host.machine;
    for round in 0..3 {
        std::fs::create_dir_all(host.path("d/e")).unwrap();
        let content = format!("{round}");
        std::fs::write(host.path("d/e/f"), &content).unwrap();
        assert_eq!(machine.read("/d/e/f").unwrap(), content);
        std::fs::rename(host.path("d/e"), host.path("e")).unwrap();
        assert_eq!(errno(machine.read("/d/e/f")), Errno::ENOENT);
        assert_eq!(machine.read("/e/f").unwrap(), content);
        std::fs::remove_dir_all(host.path("e")).unwrap();
        assert_eq!(errno(machine.stat("/e/f")), Errno::ENOENT);
        std::fs::remove_dir_all(host.path("d")).unwrap();
    }
    symlink("..", host.path("d")).unwrap();
    assert_eq!(errno(machine.read("/d/e/f")), Errno::ENOENT);
}

#[test]
fn few_directories_are_kept_open_and_none_after_the_mount() {
    let host = writable();
    for index in 0..200 {
        std::fs::create_dir(host.path(&format!("d{index}"))).unwrap();
        std::fs::write(host.path(&format!("d{index}/f")), "f").unwrap();
    }
    let hostdir = HostDir::open(&host.path(""), HostDirOptions::default()).unwrap();
    let shared = Arc::downgrade(&hostdir.shared);
    let machine = Machine::on(hostdir, ManualClock::new(), Budget::new(Limits::default()));
    for index in 0..200 {
        assert_eq!(machine.read(&format!("/d{index}/f")).unwrap(), "f");
    }
    // Other tests of this process may hold some of what all mounts share.
    let kept = shared.upgrade().unwrap().kept.count();
    assert!(kept > 0 && kept <= 64, "{kept}");
    drop(machine);
    assert!(shared.upgrade().is_none());
}
