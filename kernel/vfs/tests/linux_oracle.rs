//! The verbs against Linux: random operations on a tmpfs of the host and on ours must answer the same, errno for errno.
//!
//! Paths have few names, so that they meet; `..` comes only after a component, and links never hold it, so that nothing
//! leaves the directory of the test on the host.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test, and tables of one arm a call"
)]

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::sync::Arc;

use cenote_abi::fs::{AtFlags, Mode, OpenFlags, RenameFlags, Stat, Whence};
use cenote_base::limits::{Budget, Limits};
use cenote_base::{Credentials, Gid, ManualClock, SysResult, Uid};
use cenote_vfs::fs::{HostDir, HostDirOptions, ImageBuilder, PlainContent, Tmpfs, overlay};
use cenote_vfs::{
    FileSystem, Location, LookupContext, MountFlags, Namespace, NewNode, NewOwner, ops,
};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs as host;

/// What an operation answered: something to compare, or an errno.
type Answer = Result<String, i32>;

#[derive(Clone, Debug)]
enum Operation {
    Mkdir(String),
    Rmdir(String),
    Unlink(String),
    Symlink(String, String),
    Link(String, String, bool),
    Rename(String, String, u32),
    Open(String, u32),
    Write(String, u32, u64, usize),
    Truncate(String, u64),
    Stat(String, bool),
    Readlink(String),
    Socket(String),
    Chmod(String, u32),
    Access(String, u32),
    Chown(String, u32),
    Seek(String, i64, i32),
}

/// The same numbers each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    fn name(&mut self) -> &'static str {
        self.pick(&["a", "b", "c", "d", "e"])
    }

    fn path(&mut self) -> String {
        let mut path = self.name().to_owned();
        for _ in 0..self.below(3) {
            let separator = if self.one_in(10) { "//" } else { "/" };
            path = format!("{path}{separator}{}", self.name());
        }
        match self.below(14) {
            0 => path + "/",
            1 => path + "/.",
            2 => format!("{path}/../{}", self.name()),
            3 => path + "/..",
            4 => format!("./{path}"),
            _ => path,
        }
    }

    fn flags(&mut self) -> u32 {
        let mut flags = self.pick(&[OpenFlags::O_RDONLY, OpenFlags::O_WRONLY, OpenFlags::O_RDWR]);
        for (flag, odds) in [
            (OpenFlags::O_CREAT, 2),
            (OpenFlags::O_EXCL, 5),
            (OpenFlags::O_TRUNC, 5),
            (OpenFlags::O_APPEND, 5),
            (OpenFlags::O_DIRECTORY, 8),
            (OpenFlags::O_NOFOLLOW, 5),
            (OpenFlags::O_PATH, 12),
            (OpenFlags::O_TMPFILE, 25),
        ] {
            if self.one_in(odds) {
                flags |= flag;
            }
        }
        flags.bits()
    }

    fn operation(&mut self) -> Operation {
        match self.below(18) {
            0 | 1 => Operation::Mkdir(self.path()),
            2 => Operation::Rmdir(self.path()),
            3 => Operation::Unlink(self.path()),
            4 => Operation::Symlink(self.path().replace("..", "a"), self.path()),
            5 => Operation::Link(self.path(), self.path(), self.one_in(2)),
            6..=8 => Operation::Rename(self.path(), self.path(), self.pick(&[0, 0, 0, 1, 2, 3, 8])),
            9 | 10 => Operation::Open(self.path(), self.flags()),
            11 => {
                let (offset, len) = (
                    self.below(200_000),
                    usize::try_from(self.below(70_000)).unwrap(),
                );
                Operation::Write(self.path(), self.flags(), offset, len)
            }
            12 => Operation::Truncate(self.path(), self.below(150_000)),
            13 => Operation::Stat(self.path(), self.one_in(2)),
            14 => Operation::Readlink(self.path()),
            15 => Operation::Socket(self.path()),
            16 => match self.below(2) {
                0 => Operation::Chmod(self.path(), u32::try_from(self.below(0o10000)).unwrap()),
                _ => Operation::Access(self.path(), u32::try_from(self.below(8)).unwrap()),
            },
            _ => {
                let whence = self.pick(&[0, 2, 3, 4]);
                // Data and holes are asked for at a position, which rustix takes unsigned.
                let least = if whence < 3 { -1_000 } else { 0 };
                Operation::Seek(
                    self.path(),
                    i64::try_from(self.below(200_000)).unwrap() + least,
                    whence,
                )
            }
        }
    }
}

fn describe(mode: u32, nlink: u64, size: u64) -> String {
    // The size of a directory is each filesystem's own.
    let size = if mode & 0o170_000 == 0o040_000 {
        0
    } else {
        size
    };
    format!("{mode:o} {nlink} {size}")
}

/// Linux's side: everything below one directory of a tmpfs.
struct Linux {
    top: OwnedFd,
}

impl Linux {
    fn stat(&self, path: &str, flags: host::AtFlags) -> rustix::io::Result<String> {
        let stat = host::statat(&self.top, path, flags)?;
        Ok(describe(
            stat.st_mode,
            stat.st_nlink,
            stat.st_size.try_into().unwrap(),
        ))
    }

    fn open(&self, path: &str, flags: u32) -> rustix::io::Result<OwnedFd> {
        let flags =
            host::OFlags::from_bits_retain(flags) | host::OFlags::NONBLOCK | host::OFlags::CLOEXEC;
        host::openat(&self.top, path, flags, host::Mode::from_raw_mode(0o666))
    }

    fn run(&self, operation: &Operation) -> Answer {
        let top = self.top.as_fd();
        let done = |result: rustix::io::Result<()>| result.map(|()| String::new());
        let answer = match operation {
            Operation::Mkdir(path) => {
                done(host::mkdirat(top, path, host::Mode::from_raw_mode(0o777)))
            }
            Operation::Rmdir(path) => done(host::unlinkat(top, path, host::AtFlags::REMOVEDIR)),
            Operation::Unlink(path) => done(host::unlinkat(top, path, host::AtFlags::empty())),
            Operation::Symlink(target, path) => done(host::symlinkat(target, top, path)),
            Operation::Link(old, new, follow) => {
                let flags = if *follow {
                    host::AtFlags::SYMLINK_FOLLOW
                } else {
                    host::AtFlags::empty()
                };
                done(host::linkat(top, old, top, new, flags))
            }
            Operation::Rename(from, to, flags) => done(host::renameat_with(
                top,
                from,
                top,
                to,
                host::RenameFlags::from_bits_retain(*flags),
            )),
            Operation::Open(path, flags) => self.open(path, *flags).map(|_| String::new()),
            Operation::Write(path, flags, offset, len) => {
                self.open(path, *flags).and_then(|file| {
                    let written = rustix::io::pwrite(&file, &vec![7; *len], *offset)?;
                    Ok(format!("{written} {}", host::fstat(&file)?.st_size))
                })
            }
            Operation::Truncate(path, size) => self
                .open(path, OpenFlags::O_WRONLY.bits())
                .and_then(|file| {
                    host::ftruncate(&file, *size)?;
                    Ok(format!("{}", host::fstat(&file)?.st_size))
                }),
            Operation::Stat(path, follow) => self.stat(
                path,
                if *follow {
                    host::AtFlags::empty()
                } else {
                    host::AtFlags::SYMLINK_NOFOLLOW
                },
            ),
            Operation::Readlink(path) => {
                host::readlinkat(top, path, Vec::new()).map(|target| target.into_string().unwrap())
            }
            Operation::Socket(path) => done(host::mknodat(
                top,
                path,
                host::FileType::Socket,
                host::Mode::from_raw_mode(0o666),
                0,
            )),
            Operation::Chmod(path, mode) => done(host::chmodat(
                top,
                path,
                host::Mode::from_raw_mode(*mode),
                host::AtFlags::empty(),
            )),
            Operation::Chown(path, id) => {
                let (user, group) = (host::Uid::from_raw(*id), host::Gid::from_raw(*id));
                done(host::chownat(
                    top,
                    path,
                    Some(user),
                    Some(group),
                    host::AtFlags::SYMLINK_NOFOLLOW,
                ))
            }
            Operation::Access(path, wanted) => {
                let wanted = host::Access::from_bits_retain(*wanted);
                done(host::accessat(top, path, wanted, host::AtFlags::empty()))
            }
            Operation::Seek(path, offset, whence) => self.open(path, 0).and_then(|file| {
                let unsigned = || u64::try_from(*offset).map_err(|_| rustix::io::Errno::INVAL);
                let from = match whence {
                    0 => host::SeekFrom::Start(unsigned()?),
                    2 => host::SeekFrom::End(*offset),
                    3 => host::SeekFrom::Data(
                        u64::try_from(*offset).map_err(|_| rustix::io::Errno::NXIO)?,
                    ),
                    _ => host::SeekFrom::Hole(
                        u64::try_from(*offset).map_err(|_| rustix::io::Errno::NXIO)?,
                    ),
                };
                // Where data is depends on the size of a filesystem's blocks.
                let at = host::seek(&file, from)?;
                Ok(if *whence < 3 {
                    at.to_string()
                } else {
                    String::new()
                })
            }),
        };
        answer.map_err(rustix::io::Errno::raw_os_error)
    }

    fn tree(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.add_tree("", &mut lines);
        lines.sort();
        lines
    }

    fn add_tree(&self, at: &str, lines: &mut Vec<String>) {
        let flags = host::OFlags::DIRECTORY | host::OFlags::CLOEXEC;
        let path = if at.is_empty() { "." } else { at };
        let dir = host::openat(&self.top, path, flags, host::Mode::empty()).unwrap();
        for entry in host::Dir::read_from(&dir).unwrap() {
            let name = entry.unwrap().file_name().to_str().unwrap().to_owned();
            if matches!(name.as_str(), "." | "..") {
                continue;
            }
            let path = if at.is_empty() {
                name
            } else {
                format!("{at}/{name}")
            };
            let stat = self.stat(&path, host::AtFlags::SYMLINK_NOFOLLOW).unwrap();
            let is_directory = stat.starts_with("4");
            lines.push(format!("{path} {stat}"));
            if is_directory {
                self.add_tree(&path, lines);
            }
        }
    }
}

/// Our side.
struct Ours {
    _namespace: Namespace,
    top: Location,
    credentials: Credentials,
}

impl Ours {
    fn new(filesystem: Arc<dyn FileSystem>) -> Self {
        let namespace = Namespace::new(filesystem, MountFlags::empty());
        Self {
            top: namespace.root(),
            _namespace: namespace,
            credentials: Credentials::root(),
        }
    }

    fn cx(&self) -> LookupContext<'_> {
        LookupContext::new(&self.top, &self.top, &self.credentials, 0)
    }

    fn show(stat: &Stat) -> String {
        describe(stat.mode, stat.nlink, stat.size)
    }

    fn open(&self, path: &str, flags: u32) -> SysResult<Arc<cenote_vfs::OpenFile>> {
        let flags = OpenFlags::from_bits_retain(flags) | OpenFlags::O_NONBLOCK;
        ops::open(
            &self.cx(),
            None,
            path.as_bytes(),
            flags,
            Mode::from_raw(0o666),
        )
    }

    fn run(&self, operation: &Operation) -> Answer {
        let cx = self.cx();
        let done = |result: SysResult| result.map(|()| String::new());
        let answer = match operation {
            Operation::Mkdir(path) => done(ops::mkdir(
                &cx,
                None,
                path.as_bytes(),
                Mode::from_raw(0o777),
            )),
            Operation::Rmdir(path) => done(ops::rmdir(&cx, None, path.as_bytes())),
            Operation::Unlink(path) => done(ops::unlink(&cx, None, path.as_bytes())),
            Operation::Symlink(target, path) => {
                done(ops::symlink(&cx, target.as_bytes(), None, path.as_bytes()))
            }
            Operation::Link(old, new, follow) => {
                let flags = if *follow {
                    AtFlags::AT_SYMLINK_FOLLOW
                } else {
                    AtFlags::empty()
                };
                done(ops::link(
                    &cx,
                    None,
                    old.as_bytes(),
                    None,
                    new.as_bytes(),
                    flags,
                ))
            }
            Operation::Rename(from, to, flags) => {
                let flags = RenameFlags::from_bits_retain(*flags);
                done(ops::rename(
                    &cx,
                    None,
                    from.as_bytes(),
                    None,
                    to.as_bytes(),
                    flags,
                ))
            }
            Operation::Open(path, flags) => self.open(path, *flags).map(|_| String::new()),
            Operation::Write(path, flags, offset, len) => {
                self.open(path, *flags).and_then(|file| {
                    let written = file.pwrite(&vec![7; *len], *offset)?;
                    Ok(format!("{written} {}", file.stat()?.size))
                })
            }
            Operation::Truncate(path, size) => self
                .open(path, OpenFlags::O_WRONLY.bits())
                .and_then(|file| {
                    file.truncate(*size)?;
                    Ok(format!("{}", file.stat()?.size))
                }),
            Operation::Stat(path, follow) => {
                let flags = if *follow {
                    AtFlags::empty()
                } else {
                    AtFlags::AT_SYMLINK_NOFOLLOW
                };
                ops::stat(&cx, None, path.as_bytes(), flags).map(|stat| Self::show(&stat))
            }
            Operation::Readlink(path) => ops::readlink(&cx, None, path.as_bytes())
                .map(|target| String::from_utf8(target).unwrap()),
            Operation::Socket(path) => done(ops::mknod(
                &cx,
                None,
                path.as_bytes(),
                NewNode::Socket,
                Mode::from_raw(0o666),
            )),
            Operation::Chmod(path, mode) => done(ops::chmod(
                &cx,
                None,
                path.as_bytes(),
                Mode::from_raw(*mode),
                AtFlags::empty(),
            )),
            Operation::Chown(path, id) => {
                let (user, group) = (Some(Uid::new(*id)), Some(Gid::new(*id)));
                done(ops::chown(
                    &cx,
                    None,
                    path.as_bytes(),
                    user,
                    group,
                    AtFlags::AT_SYMLINK_NOFOLLOW,
                ))
            }
            Operation::Access(path, wanted) => {
                let wanted = cenote_abi::fs::AccessFlags::from_bits_retain(*wanted);
                done(ops::access(
                    &cx,
                    None,
                    path.as_bytes(),
                    wanted,
                    AtFlags::empty(),
                ))
            }
            Operation::Seek(path, offset, whence) => self.open(path, 0).and_then(|file| {
                let at = file.seek(*offset, Whence::from_raw(*whence).unwrap())?;
                Ok(if *whence < 3 {
                    at.to_string()
                } else {
                    String::new()
                })
            }),
        };
        answer.map_err(|error| error.errno().raw())
    }

    fn tree(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.add_tree("", &mut lines);
        lines.sort();
        lines
    }

    fn add_tree(&self, at: &str, lines: &mut Vec<String>) {
        let cx = self.cx();
        let path = if at.is_empty() { "." } else { at };
        for entry in ops::list(&cx, None, path.as_bytes()).unwrap() {
            let name = String::from_utf8(entry.name).unwrap();
            let path = if at.is_empty() {
                name
            } else {
                format!("{at}/{name}")
            };
            let stat = ops::stat(&cx, None, path.as_bytes(), AtFlags::AT_SYMLINK_NOFOLLOW).unwrap();
            assert_eq!(
                (stat.ino, stat.file_type()),
                (entry.ino, Some(entry.file_type)),
                "{path}"
            );
            lines.push(format!("{path} {}", Self::show(&stat)));
            if entry.file_type == cenote_abi::fs::FileType::Directory {
                self.add_tree(&path, lines);
            }
        }
    }
}

fn compare(linux: &Linux, ours: &Ours, seed: u64, rounds: u32, suits: fn(&Operation) -> bool) {
    let mut dice = Dice(seed);
    let mut history = Vec::new();
    for round in 0..rounds {
        let operation = dice.operation();
        if !suits(&operation) {
            continue;
        }
        let (mut expected, mut answer) = (linux.run(&operation), ours.run(&operation));
        if let Operation::Seek(_, _, 3) = operation {
            // Whether data follows depends on how much is held at once: ENXIO is as good as an answer.
            for either in [&mut expected, &mut answer] {
                if *either == Err(6) {
                    *either = Ok(String::new());
                }
            }
        }
        history.push(format!("{operation:?} -> {expected:?}"));
        let recent = &history[history.len().saturating_sub(25)..];
        assert_eq!(
            answer, expected,
            "seed {seed}, round {round}, after {recent:#?}"
        );
        if round % 20 == 0 && ours.credentials.is_privileged() {
            let (mine, theirs) = (ours.tree(), linux.tree());
            let differing: Vec<_> = mine.iter().filter(|line| !theirs.contains(line)).collect();
            let missing: Vec<_> = theirs.iter().filter(|line| !mine.contains(line)).collect();
            assert!(
                mine == theirs,
                "{differing:?} for {missing:?}: seed {seed}, round {round}, after {recent:#?}"
            );
        }
    }
}

fn open_top(path: &Path) -> Linux {
    let flags = host::OFlags::PATH | host::OFlags::DIRECTORY | host::OFlags::CLOEXEC;
    Linux {
        top: host::open(path, flags, host::Mode::empty()).unwrap(),
    }
}

fn scratch() -> Option<(tempfile::TempDir, Linux)> {
    rustix::process::umask(host::Mode::empty());
    // The superuser can become anybody; and a tmpfs is what is compared with.
    let shm = Path::new("/dev/shm");
    if !rustix::process::geteuid().is_root() || host::statfs(shm).ok()?.f_type != 0x0102_1994 {
        return None;
    }
    let directory = tempfile::TempDir::new_in(shm).ok()?;
    let linux = open_top(directory.path());
    Some((directory, linux))
}

#[test]
fn tmpfs_answers_as_linux_does() {
    for seed in 1..=12 {
        let Some((_directory, linux)) = scratch() else {
            return;
        };
        let owner = NewOwner::root(Mode::from_raw(0o777));
        let filesystem =
            Tmpfs::with_root(ManualClock::new(), Budget::new(Limits::default()), &owner);
        compare(&linux, &Ours::new(filesystem), seed, 1_500, |_| true);
    }
}

#[test]
fn an_overlay_answers_as_linux_does_on_a_tmpfs() {
    for seed in 101..=112 {
        let Some((_directory, linux)) = scratch() else {
            return;
        };
        let mut builder = ImageBuilder::new();
        builder.directory(b"", Mode::from_raw(0o777)).unwrap();
        let ready = Ours::new(Tmpfs::new(
            ManualClock::new(),
            Budget::new(Limits::default()),
        ));
        for path in ["a", "a/b", "a/b/c", "b", "c"] {
            let directory = Operation::Mkdir(path.into());
            assert!(linux.run(&directory).is_ok() && ready.run(&directory).is_ok());
            builder
                .directory(path.as_bytes(), Mode::from_raw(0o777))
                .unwrap();
        }
        for path in ["a/a", "a/b/a", "b/b", "d"] {
            let file = Operation::Write(
                path.into(),
                (OpenFlags::O_RDWR | OpenFlags::O_CREAT).bits(),
                0,
                100,
            );
            assert!(linux.run(&file).is_ok());
            builder
                .file(
                    path.as_bytes(),
                    Mode::from_raw(0o666),
                    PlainContent::new([7; 100]),
                )
                .unwrap();
        }
        for (path, existing) in [("b/c", "a/a"), ("e", "d")] {
            assert!(
                linux
                    .run(&Operation::Link(existing.into(), path.into(), false))
                    .is_ok()
            );
            builder
                .hard_link(path.as_bytes(), existing.as_bytes())
                .unwrap();
        }
        for (path, target) in [("a/d", "b"), ("c/a", "a"), ("c/b", "b/b")] {
            assert!(
                linux
                    .run(&Operation::Symlink(target.into(), path.into()))
                    .is_ok()
            );
            builder.symlink(path.as_bytes(), target.as_bytes()).unwrap();
        }
        let layer: Arc<dyn FileSystem> = builder.build();
        let filesystem =
            overlay(&[layer], ManualClock::new(), Budget::new(Limits::default())).unwrap();
        compare(&linux, &Ours::new(filesystem), seed, 1_500, |_| true);
    }
}

#[test]
fn a_host_directory_answers_as_the_host_does() {
    for seed in 201..=206 {
        let Some((_directory, linux)) = scratch() else {
            return;
        };
        let Some((shown, _)) = scratch() else { return };
        let options = HostDirOptions {
            writable: true,
            ..HostDirOptions::default()
        };
        let ours = Ours::new(HostDir::open(shown.path(), options).unwrap());
        // Sockets and files without a name are not made on the host; set-id bits and owners stay out of it.
        compare(&linux, &ours, seed, 1_500, |operation| match operation {
            Operation::Socket(_) | Operation::Chmod(..) | Operation::Chown(..) => false,
            Operation::Open(_, flags) | Operation::Write(_, flags, ..) => {
                !OpenFlags::from_bits_retain(*flags).contains(OpenFlags::O_TMPFILE)
            }
            _ => true,
        });
    }
}

/// Which user the child process of the next test is.
const USER: u32 = 1_000;

/// What is there before a user comes: random files, some of them theirs. The same for one seed on either side.
fn prepare(seed: u64, mut run: impl FnMut(&Operation)) {
    let mut dice = Dice(seed);
    for _ in 0..150 {
        let operation = dice.operation();
        // Files of any mode would leave little that a user can do.
        if !matches!(operation, Operation::Chmod(..)) {
            run(&operation);
        }
    }
    for _ in 0..60 {
        let path = dice.path();
        run(&match dice.below(3) {
            0 => Operation::Chown(path, dice.pick(&[USER, USER, USER + 1, 0])),
            1 => Operation::Chmod(
                path,
                dice.pick(&[
                    0o1777, 0o777, 0o755, 0o700, 0o644, 0o666, 0o070, 0o2775, 0o111,
                ]),
            ),
            _ => Operation::Mkdir(path),
        });
    }
}

#[test]
#[expect(
    clippy::disallowed_types,
    reason = "a process of another user, to ask Linux as that user"
)]
fn a_user_is_answered_as_linux_does() {
    for seed in 301..=316 {
        let Some((directory, linux)) = scratch() else {
            return;
        };
        prepare(seed, |operation| {
            linux.run(operation).ok();
        });
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "as_a_user_in_a_prepared_directory",
                "--nocapture",
            ])
            .env("ORACLE_DIRECTORY", directory.path())
            .env("ORACLE_SEED", seed.to_string())
            .uid(USER)
            .gid(USER)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "seed {seed}: {text}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("1 passed"),
            "it ran"
        );
    }
}

/// The child of the test above; by itself it has nothing to do.
#[test]
fn as_a_user_in_a_prepared_directory() {
    let Ok(directory) = std::env::var("ORACLE_DIRECTORY") else {
        return;
    };
    let seed = std::env::var("ORACLE_SEED").unwrap().parse().unwrap();
    rustix::process::umask(host::Mode::empty());
    let owner = NewOwner::root(Mode::from_raw(0o777));
    let filesystem = Tmpfs::with_root(ManualClock::new(), Budget::new(Limits::default()), &owner);
    let mut ours = Ours::new(filesystem);
    prepare(seed, |operation| {
        ours.run(operation).ok();
    });
    ours.credentials = Credentials::of(Uid::new(USER), Gid::new(USER));
    compare(
        &open_top(Path::new(&directory)),
        &ours,
        seed + 1_000,
        600,
        |_| true,
    );
}
