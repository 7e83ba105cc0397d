//! Randomness.

use cenote_abi::random::RandomFlags;
use cenote_base::SysResult;
use cenote_kernel::{Task, syscall};

use crate::linux::call::Call;

pub(super) async fn random_get(call: &mut Call<'_>, buffer: u32, len: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    fill(task, memory.slice_mut(buffer, len)?)
}

/// Fills all of `bytes` with the machine's randomness.
pub(crate) fn fill(task: &Task, mut bytes: &mut [u8]) -> SysResult {
    while !bytes.is_empty() {
        let count = syscall::getrandom(task, bytes, RandomFlags::empty())?;
        bytes = bytes.get_mut(count..).unwrap_or_default();
    }
    Ok(())
}
