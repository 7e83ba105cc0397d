//! What every part of the kernel needs: errors, ids, clock, waiting, readiness, credentials, limits, policy, byte paths.
//!
//! Nothing here knows files or processes. Lock order: every lock in this crate is a leaf; wake-ups and callbacks
//! happen after it is released.
#![forbid(unsafe_code)]

pub mod cache_dir;
pub mod clock;
pub mod cred;
pub mod error;
pub mod id;
pub mod limits;
pub mod path;
pub mod policy;
pub mod timing;
pub mod wait;

pub use cache_dir::cache_directory;
pub use cenote_abi as abi;
pub use clock::{Clock, HostClock, ManualClock, MonoTime};
pub use cred::Credentials;
pub use error::{SysError, SysResult};
pub use id::{Fd, Gid, Pgid, Pid, Sid, Tid, Uid};
pub use timing::Timing;
pub use wait::{Observer, Registration, WaitQueue, Waiter};
