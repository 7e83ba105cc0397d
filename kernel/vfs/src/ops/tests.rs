//! The verbs, over a filesystem in memory.

use std::sync::Arc;
use std::time::Duration;

use cenote_abi::Errno;
use cenote_abi::fs::{AccessFlags, AtFlags, Mode, OpenFlags, RenameFlags, Timespec};
use cenote_base::{Gid, Uid};
use parking_lot::Mutex;

use crate::inode::SetTime;
use crate::ops;
use crate::testing::{Machine, errno};
use crate::watch::{Change, ChangeKind, WatchObserver};

const RW: OpenFlags = OpenFlags::O_RDWR;

#[test]
fn open_flags_do_what_open_2_says() {
    let machine = Machine::new();
    assert_eq!(errno(machine.open("/f", RW)), Errno::ENOENT);
    let file = machine
        .open("/f", RW | OpenFlags::O_CREAT | OpenFlags::O_EXCL)
        .unwrap();
    assert_eq!(file.write(b"hello").unwrap(), 5);
    assert_eq!(
        errno(machine.open("/f", RW | OpenFlags::O_CREAT | OpenFlags::O_EXCL)),
        Errno::EEXIST
    );
    assert_eq!(
        errno(machine.open("/f", OpenFlags::O_DIRECTORY)),
        Errno::ENOTDIR
    );
    machine.mkdir("/d").unwrap();
    assert_eq!(errno(machine.open("/d", RW)), Errno::EISDIR);
    assert_eq!(errno(machine.open("/d", OpenFlags::O_CREAT)), Errno::EISDIR);
    assert!(machine.open("/d", OpenFlags::O_DIRECTORY).is_ok());
    machine.symlink("f", "/l").unwrap();
    assert_eq!(
        errno(machine.open("/l", OpenFlags::O_NOFOLLOW)),
        Errno::ELOOP
    );
    assert_eq!(
        errno(machine.open("/l", OpenFlags::O_CREAT | OpenFlags::O_EXCL)),
        Errno::EEXIST
    );
    machine.symlink("made", "/dangling").unwrap();
    machine
        .open("/dangling", RW | OpenFlags::O_CREAT)
        .unwrap()
        .write(b"x")
        .unwrap();
    assert_eq!(machine.read("/made").unwrap(), "x");
    let readonly = machine.open("/f", OpenFlags::O_RDONLY).unwrap();
    assert_eq!(errno(readonly.write(b"x")), Errno::EBADF);
    assert_eq!(errno(readonly.truncate(0)), Errno::EINVAL);
    machine.open("/f", RW | OpenFlags::O_TRUNC).unwrap();
    assert_eq!(machine.read("/f").unwrap(), "");
    let path = machine
        .open("/l", OpenFlags::O_PATH | OpenFlags::O_NOFOLLOW)
        .unwrap();
    assert_eq!(path.stat().unwrap().size, 1);
    assert_eq!(errno(path.read(&mut [0])), Errno::EBADF);
    assert_eq!(
        ops::readlink(&machine.cx(), path.location(), b"").unwrap(),
        b"f"
    );
}

#[test]
fn offsets_append_and_positions() {
    let machine = Machine::new();
    machine.write("/f", "0123456789").unwrap();
    let file = machine.open("/f", RW).unwrap();
    let mut buf = [0; 4];
    assert_eq!((file.read(&mut buf).unwrap(), &buf), (4, b"0123"));
    assert_eq!(file.pread(&mut buf, 8).unwrap(), 2);
    use cenote_abi::fs::Whence::{Cur, Data, End, Hole, Set};
    assert_eq!(file.seek(-2, Cur).unwrap(), 2);
    assert_eq!(file.seek(-1, End).unwrap(), 9);
    assert_eq!(errno(file.seek(-1, Set)), Errno::EINVAL);
    assert_eq!(errno(file.seek(i64::MAX, End)), Errno::EINVAL);
    assert_eq!(file.seek(i64::MAX, Set).unwrap(), i64::MAX as u64);
    assert_eq!(errno(file.write(b"x")), Errno::EFBIG);
    assert_eq!(file.read(&mut buf).unwrap(), 0);
    assert_eq!(errno(file.pread(&mut buf, u64::MAX)), Errno::EINVAL);
    assert_eq!(
        (file.seek(0, Data).unwrap(), file.seek(3, Hole).unwrap()),
        (0, 10)
    );
    let appender = machine.open("/f", RW | OpenFlags::O_APPEND).unwrap();
    appender.write(b"ab").unwrap();
    assert_eq!(
        (appender.offset(), appender.pwrite(b"c", 0).unwrap()),
        (12, 1)
    );
    assert_eq!(machine.read("/f").unwrap(), "0123456789abc");
    file.set_flags(OpenFlags::O_NONBLOCK | OpenFlags::O_WRONLY);
    assert_eq!(file.flags(), RW | OpenFlags::O_NONBLOCK);
}

#[test]
fn an_unlinked_file_lives_while_it_is_open() {
    let machine = Machine::new();
    machine.write("/f", "still").unwrap();
    let file = machine.open("/f", RW).unwrap();
    machine.unlink("/f").unwrap();
    assert_eq!(errno(machine.stat("/f")), Errno::ENOENT);
    assert_eq!(file.stat().unwrap().nlink, 0);
    let mut buf = [0; 9];
    assert_eq!(file.read(&mut buf).unwrap(), 5);
    assert_eq!(machine.path_of(file.location().unwrap()), "/f (deleted)");
    machine.write("/f", "new").unwrap();
    assert_ne!(machine.stat("/f").unwrap().ino, file.stat().unwrap().ino);
    assert_eq!(
        machine.path_of(machine.open("/f", RW).unwrap().location().unwrap()),
        "/f"
    );
    let source = file.location().unwrap();
    assert_eq!(
        errno(ops::link_location(&machine.cx(), source, None, b"/again")),
        Errno::ENOENT
    );
}

#[test]
fn unnamed_files_can_be_given_a_name_later() {
    let machine = Machine::new();
    machine.mkdir("/d").unwrap();
    let file = machine.open("/d", RW | OpenFlags::O_TMPFILE).unwrap();
    file.write(b"body").unwrap();
    assert!(machine.list("/d").is_empty());
    assert_eq!(
        errno(machine.open("/d", OpenFlags::O_TMPFILE)),
        Errno::EINVAL
    );
    ops::link_location(&machine.cx(), file.location().unwrap(), None, b"/d/named").unwrap();
    assert_eq!(machine.read("/d/named").unwrap(), "body");
    assert_eq!(machine.stat("/d/named").unwrap().nlink, 1);
}

#[test]
fn rename_replaces_refuses_cycles_and_carries_working_directories() {
    let mut machine = Machine::new();
    for path in ["/a", "/a/b", "/a/b/c", "/empty", "/full"] {
        machine.mkdir(path).unwrap();
    }
    machine.write("/full/f", "x").unwrap();
    machine.write("/file", "file").unwrap();
    assert_eq!(errno(machine.rename("/a", "/a/b/c/d")), Errno::EINVAL);
    machine.rename("/a", "/a").unwrap();
    assert_eq!(errno(machine.rename("/a/b/c", "/a")), Errno::ENOTEMPTY);
    assert_eq!(errno(machine.rename("/empty", "/full")), Errno::ENOTEMPTY);
    assert_eq!(errno(machine.rename("/empty", "/file")), Errno::ENOTDIR);
    assert_eq!(errno(machine.rename("/file", "/empty")), Errno::EISDIR);
    assert_eq!(errno(machine.rename("/none", "/x")), Errno::ENOENT);
    assert_eq!(errno(machine.rename("/a/.", "/x")), Errno::EBUSY);
    machine.cwd = machine.locate("/a/b/c");
    machine.rename("/a/b", "/empty").unwrap();
    assert_eq!(ops::getcwd(&machine.cx()).unwrap(), b"/empty/c");
    assert_eq!(
        machine.stat("..").unwrap().ino,
        machine.stat("/empty").unwrap().ino
    );
    assert_eq!(
        (
            machine.stat("/a").unwrap().nlink,
            machine.stat("/").unwrap().nlink
        ),
        (2, 5)
    );
    machine.rename("/empty", "/a/again").unwrap();
    assert_eq!(ops::getcwd(&machine.cx()).unwrap(), b"/a/again/c");
    assert_eq!(
        (
            machine.stat("/a").unwrap().nlink,
            machine.stat("/").unwrap().nlink
        ),
        (3, 4)
    );
    assert_eq!(errno(machine.rename("/a", "/a/again/c/x")), Errno::EINVAL);
    machine.rmdir("/a/again/c").unwrap();
    assert_eq!(errno(ops::getcwd(&machine.cx())), Errno::ENOENT);
    assert_eq!(errno(machine.write("new", "")), Errno::ENOENT);
}

#[test]
fn rename_flags_exchange_and_refuse() {
    let mut machine = Machine::new();
    machine.mkdir("/d").unwrap();
    machine.mkdir("/d/sub").unwrap();
    machine.write("/f", "file").unwrap();
    assert_eq!(
        errno(machine.rename_with("/f", "/d", RenameFlags::RENAME_NOREPLACE)),
        Errno::EEXIST
    );
    machine.cwd = machine.locate("/d/sub");
    machine
        .rename_with("/f", "/d", RenameFlags::RENAME_EXCHANGE)
        .unwrap();
    assert_eq!(machine.read("/d").unwrap(), "file");
    assert_eq!(ops::getcwd(&machine.cx()).unwrap(), b"/f/sub");
    assert_eq!(machine.list("/f"), ["sub"]);
    assert_eq!(
        errno(machine.rename_with("/f", "/f/sub", RenameFlags::RENAME_EXCHANGE)),
        Errno::EINVAL
    );
    assert_eq!(
        errno(machine.rename_with("/f/sub", "/f", RenameFlags::RENAME_EXCHANGE)),
        Errno::EINVAL
    );
    assert_eq!(
        errno(machine.rename_with("/d", "/none", RenameFlags::RENAME_EXCHANGE)),
        Errno::ENOENT
    );
    assert_eq!(
        errno(machine.rename_with("/d", "/e", RenameFlags::RENAME_WHITEOUT)),
        Errno::EINVAL
    );
    machine.link("/d", "/same").unwrap();
    machine.rename("/d", "/same").unwrap();
    assert_eq!(
        (machine.list("/"), machine.stat("/d").unwrap().nlink),
        (vec!["d".into(), "f".into(), "same".into()], 2)
    );
}

#[test]
fn hard_links_share_and_count() {
    let machine = Machine::new();
    machine.write("/f", "1").unwrap();
    machine.link("/f", "/g").unwrap();
    machine.write("/g", "22").unwrap();
    assert_eq!(
        (
            machine.read("/f").unwrap().as_str(),
            machine.stat("/f").unwrap().nlink
        ),
        ("22", 2)
    );
    assert_eq!(errno(machine.link("/f", "/g")), Errno::EEXIST);
    machine.mkdir("/d").unwrap();
    assert_eq!(errno(machine.link("/d", "/e")), Errno::EPERM);
    machine.unlink("/f").unwrap();
    assert_eq!(machine.stat("/g").unwrap().nlink, 1);
    machine.symlink("g", "/l").unwrap();
    machine.link("/l", "/l2").unwrap();
    assert_eq!(machine.lstat("/l2").unwrap().nlink, 2);
}

#[test]
fn removal_has_the_errnos_of_the_manual() {
    let machine = Machine::new();
    machine.mkdir("/d").unwrap();
    machine.write("/d/f", "").unwrap();
    assert_eq!(errno(machine.rmdir("/d")), Errno::ENOTEMPTY);
    assert_eq!(errno(machine.rmdir("/d/f")), Errno::ENOTDIR);
    assert_eq!(errno(machine.unlink("/d")), Errno::EISDIR);
    assert_eq!(errno(machine.rmdir("/d/.")), Errno::EINVAL);
    assert_eq!(errno(machine.rmdir("/d/..")), Errno::ENOTEMPTY);
    assert_eq!(errno(machine.rmdir("/")), Errno::EBUSY);
    assert_eq!(errno(machine.mkdir("/d")), Errno::EEXIST);
    assert_eq!(errno(machine.mkdir("/")), Errno::EEXIST);
    machine.unlink("/d/f").unwrap();
    let held = machine.open("/d", OpenFlags::O_DIRECTORY).unwrap();
    machine.rmdir("/d").unwrap();
    assert_eq!(errno(held.read_dir(&mut |_| true)), Errno::ENOENT);
    assert_eq!(held.stat().unwrap().nlink, 0);
}

#[test]
fn umask_groups_and_sticky_directories() {
    let mut machine = Machine::new();
    ops::chmod(
        &machine.cx(),
        None,
        b"/",
        Mode::from_raw(0o1777),
        AtFlags::empty(),
    )
    .unwrap();
    machine.umask = 0o027;
    machine.as_user(5);
    machine.write("/mine", "").unwrap();
    machine.mkdir("/dir").unwrap();
    assert_eq!(machine.stat("/mine").unwrap().mode & 0o7777, 0o640);
    assert_eq!(machine.stat("/dir").unwrap().mode & 0o7777, 0o750);
    machine.as_user(6);
    assert_eq!(errno(machine.unlink("/mine")), Errno::EPERM);
    assert_eq!(errno(machine.rename("/mine", "/theirs")), Errno::EPERM);
    assert_eq!(
        errno(machine.open("/mine", OpenFlags::O_RDONLY)),
        Errno::EACCES
    );
    assert_eq!(
        errno(ops::chmod(
            &machine.cx(),
            None,
            b"/mine",
            Mode::empty(),
            AtFlags::empty()
        )),
        Errno::EPERM
    );
    assert_eq!(
        errno(ops::access(
            &machine.cx(),
            None,
            b"/mine",
            AccessFlags::R_OK,
            AtFlags::empty()
        )),
        Errno::EACCES
    );
    assert_eq!(
        errno(ops::chown(
            &machine.cx(),
            None,
            b"/mine",
            Some(Uid::new(6)),
            None,
            AtFlags::empty()
        )),
        Errno::EPERM
    );
}

#[test]
fn set_group_id_directories_hand_their_group_down() {
    let mut machine = Machine::new();
    machine.mkdir("/dir").unwrap();
    ops::chown(
        &machine.cx(),
        None,
        b"/dir",
        None,
        Some(Gid::new(77)),
        AtFlags::empty(),
    )
    .unwrap();
    ops::chmod(
        &machine.cx(),
        None,
        b"/dir",
        Mode::from_raw(0o2777),
        AtFlags::empty(),
    )
    .unwrap();
    machine.as_user(5);
    machine.mkdir("/dir/sub").unwrap();
    machine.write("/dir/f", "").unwrap();
    assert_eq!(
        (
            machine.stat("/dir/f").unwrap().gid,
            machine.stat("/dir/sub").unwrap().gid
        ),
        (77, 77)
    );
    assert_eq!(machine.stat("/dir/sub").unwrap().mode & 0o2000, 0o2000);
}

#[test]
fn chown_and_writing_take_the_set_user_id_bit_away() {
    let mut machine = Machine::new();
    machine.write("/prog", "x").unwrap();
    let set = || {
        ops::chmod(
            &machine.cx(),
            None,
            b"/prog",
            Mode::from_raw(0o4755),
            AtFlags::empty(),
        )
        .unwrap()
    };
    set();
    ops::chown(
        &machine.cx(),
        None,
        b"/prog",
        Some(Uid::new(3)),
        None,
        AtFlags::empty(),
    )
    .unwrap();
    assert_eq!(machine.stat("/prog").unwrap().mode & 0o7777, 0o755);
    set();
    machine.open("/prog", RW).unwrap().write(b"y").unwrap();
    assert_eq!(
        machine.stat("/prog").unwrap().mode & 0o7777,
        0o4755,
        "the superuser may keep it"
    );
    ops::chmod(
        &machine.cx(),
        None,
        b"/prog",
        Mode::from_raw(0o4777),
        AtFlags::empty(),
    )
    .unwrap();
    machine.as_user(7);
    machine.open("/prog", RW).unwrap().write(b"y").unwrap();
    assert_eq!(machine.stat("/prog").unwrap().mode & 0o7777, 0o777);
}

#[test]
fn times_follow_the_clock() {
    let machine = Machine::new();
    let at = |sec| Timespec { sec, nsec: 0 };
    machine.write("/f", "x").unwrap();
    machine.clock.advance(Duration::from_secs(10));
    machine.read("/f").unwrap();
    let stat = machine.stat("/f").unwrap();
    assert_eq!(
        (stat.atime, stat.mtime, stat.btime),
        (at(1_010), at(1_000), at(1_000))
    );
    machine.clock.advance(Duration::from_secs(10));
    // The access time is kept once a change, not each time.
    machine.read("/f").unwrap();
    assert_eq!(machine.stat("/f").unwrap().atime, at(1_010));
    ops::chmod(
        &machine.cx(),
        None,
        b"/f",
        Mode::from_raw(0o600),
        AtFlags::empty(),
    )
    .unwrap();
    let stat = machine.stat("/f").unwrap();
    assert_eq!((stat.mtime, stat.ctime), (at(1_000), at(1_020)));
    let given = Some(SetTime::To(Timespec { sec: -5, nsec: 7 }));
    ops::utimens(&machine.cx(), None, b"/f", None, given, AtFlags::empty()).unwrap();
    assert_eq!(
        machine.stat("/f").unwrap().mtime,
        Timespec { sec: -5, nsec: 7 }
    );
    machine.clock.advance(Duration::from_secs(10));
    machine.unlink("/f").unwrap();
    assert_eq!(machine.stat("/").unwrap().mtime, at(1_030));
}

#[derive(Default)]
struct Log(Mutex<Vec<(ChangeKind, Option<String>)>>);

impl WatchObserver for Log {
    fn changed(&self, change: &Change<'_>) {
        let name = change
            .name
            .map(|name| String::from_utf8(name.to_vec()).unwrap());
        self.0.lock().push((change.kind, name));
    }
}

#[test]
fn watches_are_told_of_changes_in_a_directory() {
    let machine = Machine::new();
    machine.mkdir("/d").unwrap();
    let log = Arc::new(Log::default());
    let watch = machine.locate("/d").watch(log.clone()).unwrap();
    machine.write("/d/f", "x").unwrap();
    machine.rename("/d/f", "/d/g").unwrap();
    machine.unlink("/d/g").unwrap();
    drop(watch);
    machine.write("/d/after", "x").unwrap();
    let (f, g) = (Some("f".to_owned()), Some("g".to_owned()));
    use ChangeKind::{ClosedWritten, Created, Deleted, Modified, MovedFrom, MovedTo, Opened};
    let expected = [
        (Created, f.clone()),
        (Opened, f.clone()),
        (Modified, f.clone()),
        (ClosedWritten, f.clone()),
        (MovedFrom, f),
        (MovedTo, g.clone()),
        (Deleted, g),
    ];
    assert_eq!(*log.0.lock(), expected);
}

#[test]
fn locks_are_given_up_with_the_open_file() {
    use crate::file::LockKind::{Exclusive, Shared};
    let machine = Machine::new();
    machine.write("/f", "x").unwrap();
    let (one, two) = (
        machine.open("/f", RW).unwrap(),
        machine.open("/f", RW).unwrap(),
    );
    one.flock(Some(Exclusive)).unwrap();
    assert_eq!(errno(two.flock(Some(Shared))), Errno::EAGAIN);
    drop(one);
    two.flock(Some(Shared)).unwrap();
}
