//! `pipe2`.

use cenote_abi::Errno;
use cenote_abi::fs::OpenFlags;
use cenote_base::{Fd, SysError, SysResult};

use super::fd::number;
use super::traced;
use crate::pipe;
use crate::process::Task;

/// Creates a pipe and returns its read and write descriptors. See pipe2(2).
///
/// # Errors
/// `EINVAL`: a flag other than `O_CLOEXEC` or `O_NONBLOCK`. `EMFILE`: no two descriptors are free. `ENFILE`: the machine
/// has all the pipes or open files allowed.
pub fn pipe2(task: &Task, flags: OpenFlags) -> SysResult<(Fd, Fd)> {
    traced(task, "pipe2", || {
        if !(OpenFlags::O_CLOEXEC | OpenFlags::O_NONBLOCK).contains(flags) {
            return Err(SysError::with_note(Errno::EINVAL, "unknown pipe flags"));
        }
        let (reader, writer) = pipe::new_pair(task.kernel().budget(), flags.status())?;
        number(task, |files, limit| {
            files.insert_pair(reader, writer, flags.descriptor(), limit)
        })
    })
}
