//! `/proc/meminfo` and its like: the machine as a whole.

use std::fmt::Write;

use cenote_base::limits::Resource;
use cenote_base::{MonoTime, Pid};

use crate::kernel::Kernel;
use crate::process::exit::ticks;
use crate::syscall::system::processor_times;
use crate::system::{PROCESSOR_MODEL, System};

macro_rules! machine_files {
    ($($variant:ident = $name:literal;)*) => {
        /// A file of `/proc`.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub(super) enum MachineFile { $($variant),* }

        impl MachineFile {
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

machine_files! {
    Cmdline = "cmdline";
    Cpuinfo = "cpuinfo";
    Filesystems = "filesystems";
    Loadavg = "loadavg";
    Meminfo = "meminfo";
    Mounts = "mounts";
    Stat = "stat";
    Uptime = "uptime";
    Version = "version";
    Vmstat = "vmstat";
}

impl MachineFile {
    pub(super) fn text(self, kernel: &Kernel) -> Vec<u8> {
        let now = kernel.clock().now();
        let text = match self {
            Self::Cmdline => "cenote\n".to_string(),
            Self::Cpuinfo => cpuinfo(kernel.system().processors),
            Self::Filesystems => {
                "nodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\toverlay\n"
                    .to_string()
            }
            Self::Loadavg => {
                let processes = kernel.processes();
                let last = processes
                    .iter()
                    .map(|info| info.pid.raw())
                    .max()
                    .unwrap_or(1);
                format!("0.00 0.00 0.00 1/{} {last}\n", processes.len())
            }
            Self::Meminfo => meminfo(kernel),
            Self::Mounts => String::new(),
            Self::Stat => stat(kernel, now),
            Self::Uptime => {
                let up = now.since_boot();
                format!("{}.{:02} 0.00\n", up.as_secs(), up.subsec_millis() / 10)
            }
            Self::Version => {
                let System {
                    sysname,
                    release,
                    version,
                    ..
                } = kernel.system();
                format!("{sysname} version {release} (cenote) {version}\n")
            }
            Self::Vmstat => {
                "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n".to_string()
            }
        };
        text.into_bytes()
    }
}

fn cpuinfo(processors: u32) -> String {
    let mut text = String::new();
    for processor in 0..processors {
        // Writing to a string cannot fail.
        write!(
            text,
            "processor\t: {processor}\nvendor_id\t: Cenote\nmodel name\t: {PROCESSOR_MODEL}\ncpu MHz\t\t: 0.000\nphysical id\t: 0\n\
             siblings\t: {processors}\ncore id\t\t: {processor}\ncpu cores\t: {processors}\nflags\t\t:\n\n"
        )
        .ok();
    }
    text
}

fn meminfo(kernel: &Kernel) -> String {
    let total = kernel.budget().limits().wasm_memory_total_bytes / 1024;
    let programs: u64 = kernel
        .table()
        .select(|node| node.process.pid() != Pid::INIT)
        .iter()
        .map(|process| process.memory_bytes() / 1024)
        .fold(0, u64::saturating_add);
    let files = kernel.budget().used(Resource::FilesystemBytes) / 1024;
    let free = total.saturating_sub(programs).saturating_sub(files);
    let mut text = String::new();
    for (name, kib) in [
        ("MemTotal", total),
        ("MemFree", free),
        ("MemAvailable", free),
        ("Buffers", 0),
        ("Cached", files),
        ("SwapCached", 0),
        ("Active", programs),
        ("Inactive", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Shmem", files),
        ("Slab", 0),
        ("SReclaimable", 0),
        ("SUnreclaim", 0),
        ("CommitLimit", total),
        ("Committed_AS", programs),
    ] {
        // Writing to a string cannot fail.
        writeln!(text, "{:<15} {kib:8} kB", format!("{name}:")).ok();
    }
    text
}

fn stat(kernel: &Kernel, now: MonoTime) -> String {
    let times = processor_times(kernel);
    let share = [times.user, times.system, times.idle].map(ticks);
    let processors = kernel.system().processors;
    let line = |[user, system, idle]: [i64; 3]| format!("{user} 0 {system} {idle} 0 0 0 0 0 0");
    let mut text = format!(
        "cpu  {}\n",
        line(share.map(|one| one.saturating_mul(i64::from(processors))))
    );
    for processor in 0..processors {
        // Writing to a string cannot fail.
        writeln!(text, "cpu{processor} {}", line(share)).ok();
    }
    let boot = kernel
        .clock()
        .realtime()
        .sec
        .saturating_sub(i64::try_from(now.since_boot().as_secs()).unwrap_or(0));
    // Writing to a string cannot fail.
    write!(
        text,
        "intr 0\nctxt 0\nbtime {boot}\nprocesses {}\nprocs_running 1\nprocs_blocked 0\n",
        kernel.processes().len()
    )
    .ok();
    text
}
