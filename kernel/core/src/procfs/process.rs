//! `/proc/PID/…`: the files of a process. See `proc_pid_stat(5)` and its neighbours.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cenote_abi::limits::{RLIM_INFINITY, Resource};
use cenote_abi::mman::PAGE_SIZE;
use cenote_abi::{Errno, SigSet};
use cenote_base::SysResult;
use cenote_vfs::inode::LinkTarget;

use crate::kernel::Kernel;
use crate::process::exit::ticks;
use crate::process::{Process, ProcessInfo, ProcessState};
use crate::syscall::system::affinity;
use crate::tty::Terminal;

macro_rules! process_files {
    ($($variant:ident = $name:literal, $mode:literal;)*) => {
        /// A file of `/proc/PID`.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub(super) enum ProcessFile { $($variant),* }

        impl ProcessFile {
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            pub(super) const fn permissions(self) -> u32 {
                match self { $(Self::$variant => $mode),* }
            }
        }
    };
}

process_files! {
    Cmdline = "cmdline", 0o444;
    Comm = "comm", 0o644;
    Cwd = "cwd", 0o777;
    Environ = "environ", 0o400;
    Exe = "exe", 0o777;
    Limits = "limits", 0o444;
    Loginuid = "loginuid", 0o444;
    Maps = "maps", 0o444;
    Mountinfo = "mountinfo", 0o444;
    Mounts = "mounts", 0o444;
    OomScore = "oom_score", 0o444;
    Root = "root", 0o777;
    Stat = "stat", 0o444;
    Statm = "statm", 0o444;
    Status = "status", 0o444;
    Wchan = "wchan", 0o444;
}

impl ProcessFile {
    pub(super) const fn is_link(self) -> bool {
        matches!(self, Self::Cwd | Self::Exe | Self::Root)
    }
}

/// What a link of a process says.
pub(super) fn link_text(process: &Process, file: ProcessFile) -> SysResult<Vec<u8>> {
    let fs = process.fs().lock().clone();
    match file {
        ProcessFile::Cwd => Ok(fs.cwd.path_from(&fs.root)),
        ProcessFile::Root => Ok(b"/".to_vec()),
        ProcessFile::Exe => match process.program().exe_path {
            path if path.is_empty() => Err(Errno::ENOENT.into()),
            path => Ok(path.to_vec()),
        },
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Where a link of a process leads.
pub(super) fn link_target(process: &Process, file: ProcessFile) -> SysResult<LinkTarget> {
    let fs = process.fs().lock().clone();
    match file {
        ProcessFile::Cwd => Ok(LinkTarget::Location(fs.cwd)),
        ProcessFile::Root => Ok(LinkTarget::Location(fs.root)),
        _ => link_text(process, file).map(LinkTarget::Path),
    }
}

/// The text of a file of a process.
pub(super) fn text(
    kernel: &Kernel,
    process: &Arc<Process>,
    file: ProcessFile,
) -> SysResult<Vec<u8>> {
    let info = kernel.table().info(process.pid()).ok_or(Errno::ESRCH)?;
    let is_zombie = matches!(info.state, ProcessState::Zombie(_));
    let program = process.program();
    Ok(match file {
        ProcessFile::Cmdline if is_zombie => Vec::new(),
        ProcessFile::Cmdline => with_zeros(&program.argv),
        ProcessFile::Environ if is_zombie => Vec::new(),
        ProcessFile::Environ => with_zeros(&program.envp),
        ProcessFile::Comm => [program.comm.as_slice(), b"\n"].concat(),
        ProcessFile::Limits => limits(process).into_bytes(),
        ProcessFile::Loginuid => u32::MAX.to_string().into_bytes(),
        // Programs' memories are not this kernel's: there is no address to show.
        ProcessFile::Maps => Vec::new(),
        ProcessFile::Mountinfo => mountinfo(kernel, process),
        ProcessFile::Mounts => mounts(kernel, process),
        ProcessFile::OomScore => b"0\n".to_vec(),
        ProcessFile::Stat => stat(kernel, process, &info).into_bytes(),
        ProcessFile::Statm => {
            let pages = process.memory_bytes() / u64::from(PAGE_SIZE);
            format!("{pages} {pages} 0 0 0 {pages} 0\n").into_bytes()
        }
        ProcessFile::Status => status(process, &info).into_bytes(),
        ProcessFile::Wchan => b"0".to_vec(),
        ProcessFile::Cwd | ProcessFile::Exe | ProcessFile::Root => return Err(Errno::EINVAL.into()),
    })
}

fn with_zeros(strings: &[Vec<u8>]) -> Vec<u8> {
    strings
        .iter()
        .flat_map(|string| string.iter().copied().chain([0]))
        .collect()
}

fn terminal_of(kernel: &Kernel, process: &Process) -> Option<Arc<Terminal>> {
    kernel.table().session_of(process.pid())?.terminal()
}

/// See `proc_pid_stat(5)`; the comments give the field numbers.
fn stat(kernel: &Kernel, process: &Process, info: &ProcessInfo) -> String {
    let usage = process.usage();
    let timing = kernel.clock().timing();
    let (own, children) = (timing.usage(usage.own()), timing.usage(usage.children()));
    let terminal = terminal_of(kernel, process);
    let tty = terminal
        .as_ref()
        .map_or(0, |terminal| (136 << 8) + i64::from(terminal.number()));
    let foreground = terminal
        .as_ref()
        .and_then(|terminal| terminal.foreground())
        .map_or(-1, |group| group.raw());
    let nice = process.nice().load(Ordering::Relaxed);
    let memory = process.memory_bytes();
    let signals = process.signals().lock();
    let (threads, pending) = (signals.threads.len().max(1), signals.shared.set().bits());
    let (ignored, caught) = (
        signals.actions.ignored().bits(),
        signals.actions.caught().bits(),
    );
    let blocked = signals
        .threads
        .first()
        .map_or(SigSet::EMPTY, |thread| thread.mask)
        .bits();
    drop(signals);
    let mut text = String::new();
    let comm = String::from_utf8_lossy(&info.comm).into_owned();
    // Writing to a string cannot fail.
    write!(
        text,
        "{} ({comm}) {} {} {} {} {tty} {foreground} 0",
        info.pid,
        info.state.letter(),
        info.parent,
        info.group,
        info.session
    )
    .ok();
    // 10 minflt, cminflt, majflt, cmajflt, 14 utime, stime, cutime, cstime, 18 priority, nice, num_threads, itrealvalue
    write!(
        text,
        " 0 0 0 0 {} {} {} {} {} {nice} {threads} 0",
        ticks(own.user_time),
        ticks(own.system_time),
        ticks(children.user_time),
        ticks(children.system_time),
        20 + nice
    )
    .ok();
    // 22 starttime, vsize, rss, rsslim, 26 startcode … kstkeip
    write!(
        text,
        " {} {memory} {} {RLIM_INFINITY} 0 0 0 0 0",
        ticks(info.started.since_boot()),
        memory / u64::from(PAGE_SIZE)
    )
    .ok();
    // 31 signal, blocked, sigignore, sigcatch, 35 wchan, nswap, cnswap, exit_signal, processor, rt_priority, policy …
    writeln!(
        text,
        " {pending} {blocked} {ignored} {caught} 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
    )
    .ok();
    text
}

#[expect(clippy::too_many_lines, reason = "a table: one line a field")]
fn status(process: &Process, info: &ProcessInfo) -> String {
    let credentials = process.credentials();
    let signals = process.signals().lock();
    let threads = signals.threads.len();
    let shared = signals.shared.set().bits();
    let (own, blocked) = signals.threads.first().map_or((0, 0), |thread| {
        (thread.pending.set().bits(), thread.mask.bits())
    });
    let (ignored, caught) = (
        signals.actions.ignored().bits(),
        signals.actions.caught().bits(),
    );
    drop(signals);
    let state = match info.state {
        ProcessState::Running => "R (running)",
        ProcessState::Sleeping => "S (sleeping)",
        ProcessState::Stopped => "T (stopped)",
        ProcessState::Zombie(_) => "Z (zombie)",
    };
    let umask = process.fs().lock().umask;
    let kib = process.memory_bytes() / 1024;
    let peak = process.usage().own().max_rss_kib;
    let groups: Vec<String> = credentials.groups.iter().map(ToString::to_string).collect();
    let (u, g) = (&credentials, &credentials);
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        writeln!(text, "{name}:\t{value}").ok();
    };
    line("Name", String::from_utf8_lossy(&info.comm).into_owned());
    line("Umask", format!("{umask:04o}"));
    line("State", state.to_string());
    line("Tgid", info.pid.to_string());
    line("Ngid", "0".to_string());
    line("Pid", info.pid.to_string());
    line("PPid", info.parent.to_string());
    line("TracerPid", "0".to_string());
    line(
        "Uid",
        format!("{}\t{}\t{}\t{}", u.uid, u.euid, u.suid, u.fsuid),
    );
    line(
        "Gid",
        format!("{}\t{}\t{}\t{}", g.gid, g.egid, g.sgid, g.fsgid),
    );
    line(
        "FDSize",
        process
            .files()
            .list()
            .len()
            .next_multiple_of(64)
            .to_string(),
    );
    line("Groups", groups.join(" "));
    line("VmPeak", format!("{peak:8} kB"));
    line("VmSize", format!("{kib:8} kB"));
    line("VmHWM", format!("{peak:8} kB"));
    line("VmRSS", format!("{kib:8} kB"));
    line("Threads", threads.max(1).to_string());
    line("SigQ", "0/1024".to_string());
    for (name, bits) in [
        ("SigPnd", own),
        ("ShdPnd", shared),
        ("SigBlk", blocked),
        ("SigIgn", ignored),
        ("SigCgt", caught),
    ] {
        line(name, format!("{bits:016x}"));
    }
    let capabilities: u64 = if credentials.is_privileged() {
        0x1ff_ffff_ffff
    } else {
        0
    };
    for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        let bits = if matches!(name, "CapInh" | "CapAmb") {
            0
        } else {
            capabilities
        };
        line(name, format!("{bits:016x}"));
    }
    line(
        "NoNewPrivs",
        u8::from(process.no_new_privs().load(Ordering::Relaxed)).to_string(),
    );
    if let Some(kernel) = process.kernel() {
        let may = affinity(&kernel, process);
        line("Cpus_allowed", may.hexadecimal(kernel.system().processors));
        line("Cpus_allowed_list", may.list());
    }
    let switches = process.usage().own();
    line(
        "voluntary_ctxt_switches",
        switches.voluntary_switches.to_string(),
    );
    line(
        "nonvoluntary_ctxt_switches",
        switches.involuntary_switches.to_string(),
    );
    text
}

fn limits(process: &Process) -> String {
    let rows = [
        (Resource::Cpu, "Max cpu time", "seconds"),
        (Resource::FileSize, "Max file size", "bytes"),
        (Resource::Data, "Max data size", "bytes"),
        (Resource::Stack, "Max stack size", "bytes"),
        (Resource::Core, "Max core file size", "bytes"),
        (Resource::ResidentSet, "Max resident set", "bytes"),
        (Resource::Processes, "Max processes", "processes"),
        (Resource::OpenFiles, "Max open files", "files"),
        (Resource::LockedMemory, "Max locked memory", "bytes"),
        (Resource::AddressSpace, "Max address space", "bytes"),
        (Resource::Locks, "Max file locks", "locks"),
        (Resource::PendingSignals, "Max pending signals", "signals"),
        (Resource::MessageQueue, "Max msgqueue size", "bytes"),
        (Resource::Nice, "Max nice priority", ""),
        (Resource::RealtimePriority, "Max realtime priority", ""),
        (Resource::RealtimeTime, "Max realtime timeout", "us"),
    ];
    let table = process.rlimits().lock().clone();
    let shown = |value: u64| {
        if value == RLIM_INFINITY {
            "unlimited".to_string()
        } else {
            value.to_string()
        }
    };
    let mut text = format!(
        "{:<25} {:<20} {:<20} {:<10}\n",
        "Limit", "Soft Limit", "Hard Limit", "Units"
    );
    for (resource, name, unit) in rows {
        let limit = table.of(resource);
        // Writing to a string cannot fail.
        writeln!(
            text,
            "{name:<25} {:<20} {:<20} {unit:<10}",
            shown(limit.soft),
            shown(limit.hard)
        )
        .ok();
    }
    text
}

/// A path or name in `mounts`: blanks and backslashes as octal.
fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\\') {
            out.extend_from_slice(format!("\\{byte:03o}").as_bytes());
        } else {
            out.push(*byte);
        }
    }
}

fn mount_place(mount: &cenote_vfs::Mount, root: &cenote_vfs::Location) -> Vec<u8> {
    mount
        .parent()
        .map_or_else(|| b"/".to_vec(), |place| place.path_from(root))
}

/// See fstab(5) for the format.
fn mounts(kernel: &Kernel, process: &Process) -> Vec<u8> {
    let root = process.fs().lock().root.clone();
    let mut text = Vec::new();
    for mount in kernel.namespace().mounts() {
        let Some(filesystem) = mount.filesystem() else {
            continue;
        };
        escape(mount.source().as_bytes(), &mut text);
        text.push(b' ');
        escape(&mount_place(&mount, &root), &mut text);
        text.extend_from_slice(
            format!(
                " {} {} 0 0\n",
                filesystem.type_name(),
                mount.flags().options()
            )
            .as_bytes(),
        );
    }
    text
}

/// See `proc_pid_mountinfo(5)`.
fn mountinfo(kernel: &Kernel, process: &Process) -> Vec<u8> {
    let root = process.fs().lock().root.clone();
    let mut text = Vec::new();
    for mount in kernel.namespace().mounts() {
        let Some(filesystem) = mount.filesystem() else {
            continue;
        };
        let parent = mount
            .parent()
            .map_or(mount.id(), |place| place.mount().id());
        let device = mount.root().inode().stat().map_or(0, |stat| stat.dev);
        let device = cenote_abi::fs::DeviceId::decode(device);
        text.extend_from_slice(
            format!(
                "{} {parent} {}:{} / ",
                mount.id(),
                device.major,
                device.minor
            )
            .as_bytes(),
        );
        escape(&mount_place(&mount, &root), &mut text);
        let options = mount.flags().options();
        text.extend_from_slice(format!(" {options} - {} ", filesystem.type_name()).as_bytes());
        escape(mount.source().as_bytes(), &mut text);
        text.extend_from_slice(b" rw\n");
    }
    text
}
