//! Processes, and the system-call layer: what runtimes and the SDK use of the kernel.
//!
//! [`Kernel`] is one machine; [`Process`] and [`Task`] what runs in it; [`syscall`] the calls; [`Runtime`] and
//! [`Program`] what other crates implement so that something can run.
//!
//! Lock order (a lock may be taken while holding those above it):
//! ```text
//! ProcessTable::tree                  parents, groups, sessions, zombies
//!   Process::signals                  dispositions, pending signals, stops, the end
//!   Session::terminal, Process::*     leaves
//! EpollNesting
//!   Epoll::items
//!     Ready::list                     a leaf
//! Terminal::state, Ring::state, EventFd::count, Alarm state, FdTable::slots    leaves
//! ```
//! No lock is held while a wait queue is woken, a runtime is called, a signal is sent or an open file is dropped.
#![forbid(unsafe_code)]

mod anonymous;
mod boot;
pub mod event;
pub mod fd;
pub mod host_io;
mod kernel;
pub mod loader;
pub mod pipe;
pub mod process;
mod procfs;
mod refusals;
pub mod signal;
pub mod syscall;
pub mod system;
pub mod timer;
pub mod tty;

pub use cenote_abi as abi;
pub use cenote_base as base;
pub use cenote_net as net;
pub use cenote_vfs as vfs;

pub use kernel::{Entropy, Kernel, KernelOptions};
pub use loader::{BoxFuture, Image, NamedProgram, Program, Runtime};
pub use process::{
    ChildHandle, FileAction, Interrupter, Process, ProcessInfo, ProcessState, ProcessorMeter,
    Sleeping, Spawn, SpawnRequest, Task, Usage,
};
pub use signal::{AltStack, Delivery, HandlerCall, SigAction, SigHandler};
pub use system::System;
pub use timer::Spawner;
