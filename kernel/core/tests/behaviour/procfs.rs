//! What `/proc` shows.

use cenote_base::wait::block_on;
use cenote_kernel::Task;
use cenote_kernel::abi::fs::{AtFlags, FileType, Mode, OpenFlags};
use cenote_kernel::syscall::{self, At};

use super::world::{World, assert_errno, fork_with};

fn read(task: &Task, path: &str) -> String {
    let fd = block_on(syscall::openat(
        task,
        At::Cwd,
        path.as_bytes(),
        OpenFlags::O_RDONLY,
        Mode::empty(),
    ))
    .unwrap();
    let mut text = Vec::new();
    let mut buf = [0; 512];
    loop {
        match block_on(syscall::read(task, fd, &mut buf)).unwrap() {
            0 => break,
            count => text.extend_from_slice(&buf[..count]),
        }
    }
    syscall::close(task, fd).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn own_files_tell_of_the_process() {
    World::new().check(|task| {
        let pid = task.pid().to_string();
        let stat = read(task, "/proc/self/stat");
        let fields: Vec<&str> = stat.split(' ').collect();
        assert_eq!(
            (fields[0], fields[2], fields[3], fields[5]),
            (pid.as_str(), "R", "1", pid.as_str())
        );
        assert_eq!(fields.len(), 52);
        let arguments = read(task, "/proc/self/cmdline");
        assert!(arguments.ends_with('\0'));
        let room = arguments.len() - 1;
        assert_eq!(task.process().overwrite_arguments(b"t\0itle"), 1.min(room));
        assert_eq!(
            read(task, "/proc/self/cmdline").len(),
            arguments.len(),
            "zeros fill the room"
        );
        assert_eq!(task.process().overwrite_arguments(&[b'x'; 5_000]), room);
        assert_eq!(read(task, "/proc/self/comm"), "xxxxxxxxxxxxxxx\n");
        assert!(read(task, &format!("/proc/{pid}/status")).contains(&format!("Pid:\t{pid}\n")));
        let exe = syscall::readlinkat(task, At::Cwd, b"/proc/self/exe").unwrap();
        assert_eq!(exe, task.exe_path());
        assert_eq!(
            syscall::readlinkat(task, At::Cwd, b"/proc/self/cwd").unwrap(),
            b"/"
        );
        assert_eq!(
            syscall::readlinkat(task, At::Cwd, b"/proc/self").unwrap(),
            pid.as_bytes()
        );
        assert_eq!(read(task, "/proc/sys/kernel/hostname"), "cenote\n");
        assert!(read(task, "/proc/mounts").contains(" /proc proc "));
        assert!(read(task, "/proc/meminfo").starts_with("MemTotal:"));
    });
}

#[test]
fn directory_lists_every_process_and_loses_those_that_end() {
    World::new().check(|task| {
        let child = fork_with(task, |child| {
            block_on(syscall::pause(child)).unwrap_err();
            0
        })
        .unwrap();
        let root = block_on(syscall::openat(
            task,
            At::Cwd,
            b"/proc",
            OpenFlags::O_DIRECTORY,
            Mode::empty(),
        ))
        .unwrap();
        let mut names = Vec::new();
        syscall::getdents(task, root, &mut |entry| {
            names.push(String::from_utf8_lossy(entry.name).into_owned());
            true
        })
        .unwrap();
        for name in [
            "1",
            &task.pid().to_string(),
            &child.to_string(),
            "meminfo",
            "self",
            ".",
            "..",
        ] {
            assert!(names.iter().any(|entry| entry == name), "{name} is missing");
        }
        let path = format!("/proc/{child}");
        let stat = syscall::fstatat(task, At::Cwd, path.as_bytes(), AtFlags::empty()).unwrap();
        assert_eq!(stat.file_type(), Some(FileType::Directory));
        syscall::kill(task, child.raw(), Some(cenote_kernel::abi::SigNum::SIGKILL)).unwrap();
        block_on(syscall::wait4(
            task,
            syscall::WaitTarget::Pid(child),
            Default::default(),
        ))
        .unwrap();
        assert_errno!(
            syscall::fstatat(task, At::Cwd, path.as_bytes(), AtFlags::empty()),
            ENOENT
        );
    });
}
