//! Every system call of x86-64 Linux: number, name, the kinds of its arguments, and how far this system has it.
//!
//! The rows between the markers are generated (`kernel/abi/tables/generate.py`, from the published WebAssembly Linux
//! Interface); the support levels are kept by hand in `syscall_support.rs`, one line a call, and joined here at
//! compile time. `docs/compat/syscalls.md` is made from both.
//!
//! Kinds of arguments: `p` pointer, `i` signed and `u` unsigned 32 bits, `l` 64 bits, as they cross the wasm wire.

use crate::syscall_support::SUPPORT;

/// How far a call is implemented.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Support {
    /// Everything programs use of it.
    Full,
    /// Most of it; the text says what not.
    Partial(&'static str),
    /// Nothing: it answers `ENOSYS` (or what the text says), for this reason.
    Missing(&'static str),
}

/// One system call.
#[derive(Clone, Copy, Debug)]
pub struct Syscall {
    /// Linux's number on x86-64.
    pub number: u16,
    /// Linux's name.
    pub name: &'static str,
    /// The kind of each argument, one letter each (`p`, `i`, `u`, `l`).
    pub arguments: &'static str,
    /// How far it is implemented.
    pub support: Support,
}

macro_rules! syscall_table {
    ($($number:literal $name:ident $arguments:literal;)*) => {
        /// The table, ascending by number.
        pub const SYSCALLS: &[Syscall] = &[$(
            Syscall {
                number: $number,
                name: stringify!($name),
                arguments: $arguments,
                support: support_of(stringify!($name)),
            },
        )*];

        /// The number of each call, by name.
        pub mod number {
            $(
                #[doc = concat!("The number of `", stringify!($name), "`.")]
                #[expect(non_upper_case_globals, reason = "a call has Linux's spelling")]
                pub const $name: u16 = $number;
            )*
        }
    };
}

/// Finds the level of a call; compilation fails here for a call without a row in `syscall_support.rs`.
#[expect(
    clippy::panic,
    reason = "runs at compile time only, where it is the error message"
)]
const fn support_of(name: &str) -> Support {
    let mut row = 0;
    while row < SUPPORT.len() {
        if same(SUPPORT[row].0, name) {
            return SUPPORT[row].1;
        }
        row += 1;
    }
    panic!("a call of the table has no row in syscall_support.rs")
}

/// Compares two strings; `==` on `str` is not `const`.
const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Returns the call with this number.
#[must_use]
pub fn by_number(number: u16) -> Option<&'static Syscall> {
    let at = SYSCALLS
        .binary_search_by_key(&number, |call| call.number)
        .ok()?;
    SYSCALLS.get(at)
}

/// Returns the call with this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Syscall> {
    SYSCALLS.iter().find(|call| call.name == name)
}

syscall_table! {
    // generated rows begin
    0 read "ipu";
    1 write "ipu";
    2 open "pii";
    3 close "i";
    4 stat "pp";
    5 fstat "ip";
    6 lstat "pp";
    7 poll "pli";
    8 lseek "ili";
    9 mmap "puiiil";
    10 mprotect "pui";
    11 munmap "pu";
    12 brk "p";
    13 rt_sigaction "ippu";
    14 rt_sigprocmask "ippu";
    15 rt_sigreturn "l";
    16 ioctl "iip";
    17 pread64 "ipul";
    18 pwrite64 "ipul";
    19 readv "ipi";
    20 writev "ipi";
    21 access "pi";
    22 pipe "p";
    23 select "ipppp";
    24 sched_yield "";
    25 mremap "puuip";
    26 msync "pui";
    27 mincore "pup";
    28 madvise "pui";
    29 shmget "iui";
    30 shmat "ipi";
    31 shmctl "iip";
    32 dup "i";
    33 dup2 "ii";
    34 pause "";
    35 nanosleep "pp";
    36 getitimer "ip";
    37 alarm "i";
    38 setitimer "ipp";
    39 getpid "";
    40 sendfile "iipu";
    41 socket "iii";
    42 connect "ipu";
    43 accept "ipp";
    44 sendto "ipuipu";
    45 recvfrom "ipuipp";
    46 sendmsg "ipi";
    47 recvmsg "ipi";
    48 shutdown "ii";
    49 bind "ipu";
    50 listen "ii";
    51 getsockname "ipp";
    52 getpeername "ipp";
    53 socketpair "iiip";
    54 setsockopt "iiipu";
    55 getsockopt "iiipp";
    56 clone "lpppl";
    57 fork "";
    58 vfork "";
    59 execve "ppp";
    60 exit "i";
    61 wait4 "ipip";
    62 kill "ii";
    63 uname "p";
    64 semget "iii";
    65 semop "ipu";
    66 semctl "iiil";
    67 shmdt "p";
    68 msgget "ii";
    69 msgsnd "ipui";
    70 msgrcv "ipuli";
    71 msgctl "iip";
    72 fcntl "iil";
    73 flock "ii";
    74 fsync "i";
    75 fdatasync "i";
    76 truncate "pl";
    77 ftruncate "il";
    78 getdents "ipi";
    79 getcwd "pu";
    80 chdir "p";
    81 fchdir "i";
    82 rename "pp";
    83 mkdir "pi";
    84 rmdir "p";
    85 creat "pi";
    86 link "pp";
    87 unlink "p";
    88 symlink "pp";
    89 readlink "ppu";
    90 chmod "pi";
    91 fchmod "ii";
    92 chown "pii";
    93 fchown "iii";
    94 lchown "pii";
    95 umask "i";
    96 gettimeofday "pp";
    97 getrlimit "ip";
    98 getrusage "ip";
    99 sysinfo "p";
    100 times "p";
    101 ptrace "ilpl";
    102 getuid "";
    103 syslog "ipi";
    104 getgid "";
    105 setuid "i";
    106 setgid "i";
    107 geteuid "";
    108 getegid "";
    109 setpgid "ii";
    110 getppid "";
    111 getpgrp "";
    112 setsid "";
    113 setreuid "ii";
    114 setregid "ii";
    115 getgroups "up";
    116 setgroups "up";
    117 setresuid "iii";
    118 getresuid "ppp";
    119 setresgid "iii";
    120 getresgid "ppp";
    121 getpgid "i";
    122 setfsuid "i";
    123 setfsgid "i";
    124 getsid "i";
    125 capget "pp";
    126 capset "pp";
    127 rt_sigpending "pu";
    128 rt_sigtimedwait "pppu";
    129 rt_sigqueueinfo "iip";
    130 rt_sigsuspend "pu";
    131 sigaltstack "pp";
    132 utime "pp";
    133 mknod "pii";
    134 uselib "p";
    135 personality "i";
    136 ustat "lp";
    137 statfs "pp";
    138 fstatfs "ip";
    139 sysfs "ill";
    140 getpriority "ii";
    141 setpriority "iii";
    142 sched_setparam "ip";
    143 sched_getparam "ip";
    144 sched_setscheduler "iip";
    145 sched_getscheduler "i";
    146 sched_get_priority_max "i";
    147 sched_get_priority_min "i";
    148 sched_rr_get_interval "ip";
    149 mlock "pu";
    150 munlock "pu";
    151 mlockall "i";
    152 munlockall "";
    153 vhangup "";
    154 modify_ldt "ipu";
    155 pivot_root "pp";
    156 _sysctl "p";
    157 prctl "illll";
    158 arch_prctl "il";
    159 adjtimex "p";
    160 setrlimit "ip";
    161 chroot "p";
    162 sync "";
    163 acct "p";
    164 settimeofday "pp";
    165 mount "ppplp";
    166 umount2 "pi";
    167 swapon "pi";
    168 swapoff "p";
    169 reboot "iiip";
    170 sethostname "pu";
    171 setdomainname "pu";
    172 iopl "u";
    173 ioperm "llu";
    174 create_module "pu";
    175 init_module "pup";
    176 delete_module "pu";
    177 get_kernel_syms "p";
    178 query_module "pippu";
    179 quotactl "ipip";
    180 nfsservctl "ipp";
    181 getpmsg "";
    182 putpmsg "";
    183 afs_syscall "";
    184 tuxcall "";
    185 security "";
    186 gettid "";
    187 readahead "ilu";
    188 setxattr "pppui";
    189 lsetxattr "pppui";
    190 fsetxattr "ippui";
    191 getxattr "pppu";
    192 lgetxattr "pppu";
    193 fgetxattr "ippu";
    194 listxattr "ppu";
    195 llistxattr "ppu";
    196 flistxattr "ipu";
    197 removexattr "pp";
    198 lremovexattr "pp";
    199 fremovexattr "ip";
    200 tkill "ii";
    201 time "p";
    202 futex "piippi";
    203 sched_setaffinity "iup";
    204 sched_getaffinity "iup";
    205 set_thread_area "p";
    206 io_setup "up";
    207 io_destroy "l";
    208 io_getevents "lllpp";
    209 io_submit "llp";
    210 io_cancel "lpp";
    211 get_thread_area "p";
    212 lookup_dcookie "lpu";
    213 epoll_create "i";
    214 epoll_ctl_old "";
    215 epoll_wait_old "";
    216 remap_file_pages "pululu";
    217 getdents64 "ipi";
    218 set_tid_address "p";
    219 restart_syscall "";
    220 semtimedop "ipup";
    221 fadvise "illi";
    222 timer_create "ipp";
    223 timer_settime "iipp";
    224 timer_gettime "ip";
    225 timer_getoverrun "i";
    226 timer_delete "i";
    227 clock_settime "ip";
    228 clock_gettime "ip";
    229 clock_getres "ip";
    230 clock_nanosleep "iipp";
    231 exit_group "i";
    232 epoll_wait "ipii";
    233 epoll_ctl "iiip";
    234 tgkill "iii";
    235 utimes "pp";
    236 vserver "";
    237 mbind "puupuu";
    238 set_mempolicy "ipu";
    239 get_mempolicy "ppupu";
    240 mq_open "piip";
    241 mq_unlink "p";
    242 mq_timedsend "ipuip";
    243 mq_timedreceive "ipupp";
    244 mq_notify "ip";
    245 mq_getsetattr "ipp";
    246 kexec_load "uupu";
    247 waitid "iipip";
    248 add_key "pppui";
    249 request_key "pppi";
    250 keyctl "illll";
    251 ioprio_set "iii";
    252 ioprio_get "ii";
    253 inotify_init "";
    254 inotify_add_watch "ipi";
    255 inotify_rm_watch "ii";
    256 migrate_pages "iupp";
    257 openat "ipii";
    258 mkdirat "ipi";
    259 mknodat "ipii";
    260 fchownat "ipiii";
    261 futimesat "ipp";
    262 newfstatat "ippi";
    263 unlinkat "ipi";
    264 renameat "ipip";
    265 linkat "ipipi";
    266 symlinkat "pip";
    267 readlinkat "ippu";
    268 fchmodat "ipii";
    269 faccessat "ipii";
    270 pselect6 "ippppp";
    271 ppoll "plppu";
    272 unshare "i";
    273 set_robust_list "pu";
    274 get_robust_list "ipp";
    275 splice "ipipui";
    276 tee "iiui";
    277 sync_file_range "illi";
    278 vmsplice "ipui";
    279 move_pages "iupppi";
    280 utimensat "ippi";
    281 epoll_pwait "ipiipu";
    282 signalfd "ipu";
    283 timerfd_create "ii";
    284 eventfd "i";
    285 fallocate "iill";
    286 timerfd_settime "iipp";
    287 timerfd_gettime "ip";
    288 accept4 "ippi";
    289 signalfd4 "ipui";
    290 eventfd2 "ii";
    291 epoll_create1 "i";
    292 dup3 "iii";
    293 pipe2 "pi";
    294 inotify_init1 "i";
    295 preadv "ipill";
    296 pwritev "ipill";
    297 rt_tgsigqueueinfo "iiip";
    298 perf_event_open "piiiu";
    299 recvmmsg "ipiip";
    300 fanotify_init "ii";
    301 fanotify_mark "iilip";
    302 prlimit64 "iipp";
    303 name_to_handle_at "ipppi";
    304 open_by_handle_at "ipi";
    305 clock_adjtime "ip";
    306 syncfs "i";
    307 sendmmsg "ipii";
    308 setns "ii";
    309 getcpu "ppp";
    310 process_vm_readv "iplpll";
    311 process_vm_writev "iplpll";
    312 kcmp "iiill";
    313 finit_module "ipi";
    314 sched_setattr "ipi";
    315 sched_getattr "ipii";
    316 renameat2 "ipipi";
    317 seccomp "iip";
    318 getrandom "pui";
    319 memfd_create "pi";
    320 kexec_file_load "iiupu";
    321 bpf "ipu";
    322 execveat "ipppi";
    323 userfaultfd "i";
    324 membarrier "iii";
    325 mlock2 "pui";
    326 copy_file_range "ipipui";
    327 preadv2 "ipilli";
    328 pwritev2 "ipilli";
    329 pkey_mprotect "puui";
    330 pkey_alloc "uu";
    331 pkey_free "i";
    332 statx "ipiup";
    333 io_pgetevents "lllppp";
    334 rseq "piii";
    424 pidfd_send_signal "iipi";
    425 io_uring_setup "up";
    426 io_uring_enter "iuuupu";
    427 io_uring_register "iupu";
    428 open_tree "ipu";
    429 move_mount "ipipu";
    430 fsopen "pu";
    431 fsconfig "iuppi";
    432 fsmount "iuu";
    433 fspick "ipu";
    434 pidfd_open "ii";
    435 clone3 "pu";
    436 close_range "iii";
    437 openat2 "ippu";
    438 pidfd_getfd "iii";
    439 faccessat2 "ipii";
    440 process_madvise "ipuiu";
    441 epoll_pwait2 "ipippu";
    442 mount_setattr "ipupu";
    443 quotactl_fd "iuip";
    444 landlock_create_ruleset "puu";
    445 landlock_add_rule "iipu";
    446 landlock_restrict_self "iu";
    447 memfd_secret "u";
    448 process_mrelease "iu";
    449 futex_waitv "puupi";
    450 set_mempolicy_home_node "puuu";
    451 cachestat "ippu";
    452 fchmodat2 "ipui";
    453 map_shadow_stack "puu";
    454 futex_wake "puiu";
    455 futex_wait "puuupi";
    456 futex_requeue "puii";
    457 statmount "ppuu";
    458 listmount "ppuu";
    459 lsm_get_self_attr "uppu";
    460 lsm_set_self_attr "upuu";
    461 lsm_list_modules "ppu";
    462 mseal "puu";
    // generated rows end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_and_names_are_unique() {
        for pair in SYSCALLS.windows(2) {
            assert!(
                pair[0].number < pair[1].number,
                "{} and {}",
                pair[0].name,
                pair[1].name
            );
        }
        for (at, call) in SYSCALLS.iter().enumerate() {
            assert!(
                SYSCALLS[..at].iter().all(|other| other.name != call.name),
                "{} twice",
                call.name
            );
            assert!(call.arguments.len() <= 6, "{}", call.name);
            assert!(
                call.arguments.bytes().all(|kind| b"piul".contains(&kind)),
                "{}",
                call.name
            );
            assert_eq!(
                by_number(call.number).map(|found| found.name),
                Some(call.name)
            );
        }
    }

    #[test]
    fn every_support_row_is_of_one_call_and_every_gap_has_a_reason() {
        assert_eq!(SUPPORT.len(), SYSCALLS.len());
        for ((name, support), call) in SUPPORT.iter().zip(SYSCALLS) {
            assert_eq!(*name, call.name, "rows stand in the table's order");
            if let Support::Partial(reason) | Support::Missing(reason) = support {
                assert!(!reason.is_empty(), "{name} needs a reason");
            }
        }
    }
}
