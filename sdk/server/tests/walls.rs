//! The walls from inside: a process of its own raises them and then tries what a guest that broke out would try.
//!
//! Without a harness: the process that raises walls must have one thread.
#![expect(
    unsafe_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that tries raw system calls"
)]

use std::fs;
use std::io::{Error, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use cenote_proto::v1::WallState;
use cenote_server::{Grants, NetworkGrant, lock_down, raise_own};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("inside") => inside(&args[2..]),
        Some("supervisor") => supervisor(&args[2..]),
        Some("started") => started(),
        // The names that cargo and IDEs ask for.
        Some("--list") => println!("walls: test"),
        _ => outside(),
    }
}

/// Starts the probe and looks at what it came to.
fn outside() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    for name in ["granted", "writable", "other"] {
        fs::create_dir(path(name)).unwrap();
        fs::write(path(&format!("{name}/file")), name).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    // What a broker hands over: a socket that is connected to one address.
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    datagrams.connect(receiver.local_addr().unwrap()).unwrap();
    // A descriptor that a careless parent left open.
    let secret = fs::File::open(path("other/file")).unwrap();
    rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).unwrap();
    let left_open = std::os::fd::AsRawFd::as_raw_fd(&secret).to_string();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["inside", &path(""), &port, &left_open])
        .arg(std::process::id().to_string())
        .stdin(Stdio::from(OwnedFd::from(datagrams)))
        .output()
        .unwrap();
    let (told, words) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{told}\n{words}");
    assert!(told.ends_with("all refused\n"), "{told}\n{words}");
    let mut place = [0; 8];
    assert_eq!(receiver.recv(&mut place).unwrap(), 7);
    assert_eq!(&place[..7], b"allowed");
    drop((listener, socket));
    let supervisor = Command::new(std::env::current_exe().unwrap())
        .args(["supervisor", &path(""), &left_open])
        .output()
        .unwrap();
    let own = String::from_utf8(supervisor.stdout).unwrap();
    let words = String::from_utf8_lossy(&supervisor.stderr).into_owned();
    assert!(supervisor.status.success(), "{own}\n{words}");
    assert!(own.ends_with("all refused\n"), "{own}\n{words}");
    println!("{told}{own}test result: ok");
}

/// The parts that this kernel must have for a trial to mean something.
fn is_up(walls: &cenote_proto::v1::LockDown, name: &str) -> bool {
    let wall = walls.walls.iter().find(|wall| wall.name == name).unwrap();
    println!("{name}: {:?} {}", wall.state(), wall.detail);
    matches!(wall.state(), WallState::Applied | WallState::Partial)
}

fn refused<T: std::fmt::Debug>(what: &str, result: Result<T, Error>) {
    assert!(result.is_err(), "{what} was let through: {result:?}");
    println!("{what}: {}", result.unwrap_err());
}

fn syscall(number: libc::c_long, a: usize, b: usize, c: usize) -> Result<libc::c_long, Error> {
    // SAFETY: the calls tried here (below) take numbers or null pointers only, and change nothing of this process when they fail, as they
    // must; one that succeeds ends the test.
    let result = unsafe { libc::syscall(number, a, b, c, 0, 0) };
    if result < 0 {
        Err(Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn inside(args: &[String]) {
    let [directory, port, left_open, parent] = args else {
        panic!("{args:?}")
    };
    let path = |name: &str| format!("{directory}{name}");
    let walls = lock_down(&Grants {
        read: vec![path("granted").into()],
        write: vec![path("writable").into()],
        // A broker's business: the walls are the same.
        network: Some(NetworkGrant {
            rules: vec![cenote::NetworkRule::allow("*")],
            asks: false,
            ..NetworkGrant::default()
        }),
        ..Grants::default()
    });
    let landlock = is_up(&walls, "landlock");
    let seccomp = is_up(&walls, "seccomp");
    assert!(is_up(&walls, "no_new_privs") && is_up(&walls, "close_fds"));
    is_up(&walls, "user_namespace");

    assert_eq!(fs::read_to_string(path("granted/file")).unwrap(), "granted");
    fs::write(path("writable/new"), "x").unwrap();
    refused(
        "write where only reading is granted",
        fs::write(path("granted/file"), "x"),
    );
    let fd = left_open.parse().unwrap();
    // SAFETY: only asks about a descriptor.
    assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) }, -1, "inherited");
    if landlock {
        files(&path("other/file"));
    }
    let address = format!("127.0.0.1:{port}");
    refused("connect", TcpStream::connect(&address));
    refused("listen", TcpListener::bind("127.0.0.1:0"));
    refused(
        "connect to a Unix socket",
        UnixStream::connect(path("socket")),
    );
    given(&address);
    refused("exec", Command::new("/bin/true").status());
    if seccomp {
        calls(parent.parse().unwrap());
    }
    // What runtimes need goes on.
    std::thread::spawn(|| Vec::<u8>::with_capacity(1 << 20))
        .join()
        .unwrap();
    println!("all refused");
    std::io::stdout().flush().unwrap();
}

/// A socket that was given is good for what it is connected to, and nothing else.
fn given(other: &str) {
    let socket = UdpSocket::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    assert_eq!(socket.send(b"allowed").unwrap(), 7);
    refused("send to another address", socket.send_to(b"x", other));
    refused("connect to another address", socket.connect(other));
}

fn files(other: &str) {
    refused("read another file", fs::read(other));
    refused("list another directory", fs::read_dir("/etc"));
    refused("read /etc/passwd", fs::read("/etc/passwd"));
    refused("make a file", fs::write("/tmp/cenote-walls", "x"));
    refused("read another process", fs::read("/proc/1/environ"));
    refused(
        "write own memory",
        fs::OpenOptions::new().write(true).open("/proc/self/mem"),
    );
}

fn calls(parent: usize) {
    let attach = usize::try_from(libc::PTRACE_ATTACH).unwrap();
    refused("ptrace", syscall(libc::SYS_ptrace, attach, parent, 0));
    refused("kill", syscall(libc::SYS_kill, parent, 0, 0));
    refused(
        "signal to another",
        syscall(libc::SYS_tgkill, parent, parent, 0),
    );
    refused("execve", syscall(libc::SYS_execve, 0, 0, 0));
    refused("fork", syscall(libc::SYS_clone, 17, 0, 0));
    for family in [
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_UNIX,
        libc::AF_NETLINK,
    ] {
        let family = usize::try_from(family).unwrap();
        refused("socket", syscall(libc::SYS_socket, family, 1, 0));
    }
    refused("sendmsg", syscall(libc::SYS_sendmsg, 0, 0, 0));
    refused("sendmmsg", syscall(libc::SYS_sendmmsg, 0, 0, 0));
    refused("bind", syscall(libc::SYS_bind, 0, 0, 0));
    refused("listen", syscall(libc::SYS_listen, 0, 0, 0));
    refused("accept", syscall(libc::SYS_accept4, 0, 0, 0));
    refused("mount", syscall(libc::SYS_mount, 0, 0, 0));
    refused("unshare", syscall(libc::SYS_unshare, 0x1000_0000, 0, 0));
    refused("bpf", syscall(libc::SYS_bpf, 0, 0, 0));
    refused("io_uring", syscall(libc::SYS_io_uring_setup, 1, 0, 0));
    refused("keyctl", syscall(libc::SYS_keyctl, 0, 0, 0));
    refused(
        "perf_event_open",
        syscall(libc::SYS_perf_event_open, 0, 0, 0),
    );
    refused(
        "process_vm_readv",
        syscall(libc::SYS_process_vm_readv, parent, 0, 0),
    );
    refused(
        "open_by_handle_at",
        syscall(libc::SYS_open_by_handle_at, 0, 0, 0),
    );
    refused("userfaultfd", syscall(libc::SYS_userfaultfd, 0, 0, 0));
}

/// The sidecar's own process: what it must still do works, what it has no use for does not, for it and for what it starts.
fn supervisor(args: &[String]) {
    let [directory, left_open] = args else {
        panic!("{args:?}")
    };
    let walls = raise_own().told();
    assert!(is_up(&walls, "no_new_privs") && is_up(&walls, "close_fds"));
    assert!(is_up(&walls, "rlimits"));
    let seccomp = is_up(&walls, "seccomp");
    let fd = left_open.parse().unwrap();
    // SAFETY: only asks about a descriptor.
    assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) }, -1, "inherited");
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file"));
    let core: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"]);

    let socket = format!("{directory}own");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    drop(UnixStream::connect(&socket).unwrap());
    drop(listener);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    drop(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    std::thread::spawn(|| Vec::<u8>::with_capacity(1 << 20))
        .join()
        .unwrap();
    if seccomp {
        refused_to_supervisors();
        let own = std::env::current_exe().unwrap();
        let child = Command::new(own).arg("started").output().unwrap();
        let words = String::from_utf8_lossy(&child.stderr).into_owned();
        assert!(child.status.success(), "{words}");
    }
    println!("all refused");
    std::io::stdout().flush().unwrap();
}

/// What a supervisor starts.
fn started() {
    refused_to_supervisors();
}

fn refused_to_supervisors() {
    for (what, number) in [
        ("ptrace", libc::SYS_ptrace),
        ("process_vm_readv", libc::SYS_process_vm_readv),
        ("pidfd_getfd", libc::SYS_pidfd_getfd),
        ("mount", libc::SYS_mount),
        ("chroot", libc::SYS_chroot),
        ("open_by_handle_at", libc::SYS_open_by_handle_at),
        ("setns", libc::SYS_setns),
        ("bpf", libc::SYS_bpf),
        ("perf_event_open", libc::SYS_perf_event_open),
        ("userfaultfd", libc::SYS_userfaultfd),
        ("io_uring_setup", libc::SYS_io_uring_setup),
        ("keyctl", libc::SYS_keyctl),
        ("kexec_load", libc::SYS_kexec_load),
    ] {
        let result = syscall(number, 0, 0, 0);
        let errno = result.as_ref().err().and_then(Error::raw_os_error);
        assert_eq!(errno, Some(libc::EPERM), "{what}: {result:?}");
        println!("{what}: refused");
    }
}
