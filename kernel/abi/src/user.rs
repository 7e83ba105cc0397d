//! The system and its users: priorities, scheduling, `prctl`, `uname`, usage, `sysinfo`.

use core::time::Duration;

numbered! {
    /// Whose priority `getpriority` asks for.
    pub enum PriorityTarget: i32 {
        Process = PRIO_PROCESS: 0,
        ProcessGroup = PRIO_PGRP: 1,
        User = PRIO_USER: 2,
    }
}

numbered! {
    /// Whose usage `getrusage` asks for.
    pub enum UsageTarget: i32 {
        Process = RUSAGE_SELF: 0,
        Children = RUSAGE_CHILDREN: -1,
        Thread = RUSAGE_THREAD: 1,
    }
}

constants! { i32 {
    SCHED_OTHER = 0, SCHED_FIFO = 1, SCHED_RR = 2, SCHED_BATCH = 3, SCHED_IDLE = 5, SCHED_DEADLINE = 6,
    PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG = 2, PR_GET_DUMPABLE = 3, PR_SET_DUMPABLE = 4, PR_GET_KEEPCAPS = 7,
    PR_SET_KEEPCAPS = 8, PR_SET_NAME = 15, PR_GET_NAME = 16, PR_GET_SECCOMP = 21, PR_SET_SECCOMP = 22,
    PR_CAPBSET_READ = 23, PR_CAPBSET_DROP = 24, PR_GET_SECUREBITS = 27, PR_SET_SECUREBITS = 28,
    PR_SET_TIMERSLACK = 29, PR_GET_TIMERSLACK = 30, PR_SET_MM = 35, PR_SET_CHILD_SUBREAPER = 36,
    PR_GET_CHILD_SUBREAPER = 37, PR_SET_NO_NEW_PRIVS = 38, PR_GET_NO_NEW_PRIVS = 39, PR_GET_TID_ADDRESS = 40,
    PR_SET_THP_DISABLE = 41, PR_GET_THP_DISABLE = 42, PR_CAP_AMBIENT = 47, PR_SET_VMA = 0x5356_4d41,
} }

constants! { u32 {
    ARCH_SET_GS = 0x1001, ARCH_SET_FS = 0x1002, ARCH_GET_FS = 0x1003, ARCH_GET_GS = 0x1004,
} }

constants! { u64 {
    CLONE_VM = 0x100, CLONE_FS = 0x200, CLONE_FILES = 0x400, CLONE_SIGHAND = 0x800, CLONE_PIDFD = 0x1000,
    CLONE_PTRACE = 0x2000, CLONE_VFORK = 0x4000, CLONE_PARENT = 0x8000, CLONE_THREAD = 0x1_0000,
    CLONE_NEWNS = 0x2_0000, CLONE_SYSVSEM = 0x4_0000, CLONE_SETTLS = 0x8_0000, CLONE_PARENT_SETTID = 0x10_0000,
    CLONE_CHILD_CLEARTID = 0x20_0000, CLONE_DETACHED = 0x40_0000, CLONE_UNTRACED = 0x80_0000,
    CLONE_CHILD_SETTID = 0x100_0000, CLONE_NEWCGROUP = 0x200_0000, CLONE_NEWUTS = 0x400_0000,
    CLONE_NEWIPC = 0x800_0000, CLONE_NEWUSER = 0x1000_0000, CLONE_NEWPID = 0x2000_0000, CLONE_NEWNET = 0x4000_0000,
    CLONE_IO = 0x8000_0000,
} }

constants! { i32 {
    FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_FD = 2, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE = 4, FUTEX_WAKE_OP = 5,
    FUTEX_LOCK_PI = 6, FUTEX_UNLOCK_PI = 7, FUTEX_TRYLOCK_PI = 8, FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET = 10,
    FUTEX_PRIVATE_FLAG = 128, FUTEX_CLOCK_REALTIME = 256,
} }

constants! { u32 {
    /// The length of each field of `utsname`, its final zero included.
    UTSNAME_FIELD = 65,
    /// The longest host name that can be set.
    HOST_NAME_MAX = 64,
    /// How many supplementary groups a process can have.
    NGROUPS_MAX = 65536,
    /// The length of a thread's name, its final zero included.
    TASK_COMM_LEN = 16,
    LINUX_REBOOT_MAGIC1 = 0xfee1_dead,
} }

/// What a process has used, as `getrusage` and `wait4` report it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rusage {
    /// Time spent in the program.
    pub user_time: Duration,
    /// Time spent in the kernel on its behalf.
    pub system_time: Duration,
    /// The largest resident size, in KiB.
    pub max_rss_kib: u64,
    /// Page faults served without input or output.
    pub minor_faults: u64,
    /// Page faults that needed input or output.
    pub major_faults: u64,
    /// Blocks read.
    pub blocks_in: u64,
    /// Blocks written.
    pub blocks_out: u64,
    /// Times it gave up the processor to wait.
    pub voluntary_switches: u64,
    /// Times the processor was taken from it.
    pub involuntary_switches: u64,
}

/// The state of the whole system, as `sysinfo` reports it; memory in bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sysinfo {
    /// Time since boot.
    pub uptime: Duration,
    /// Load averages of 1, 5 and 15 minutes, scaled by 65536.
    pub loads: [u64; 3],
    /// Total memory.
    pub total_ram: u64,
    /// Memory not in use.
    pub free_ram: u64,
    /// Memory shared between processes.
    pub shared_ram: u64,
    /// Memory of buffers.
    pub buffer_ram: u64,
    /// Total swap.
    pub total_swap: u64,
    /// Swap not in use.
    pub free_swap: u64,
    /// How many processes there are.
    pub processes: u16,
}
