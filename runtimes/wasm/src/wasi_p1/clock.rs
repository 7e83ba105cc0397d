//! Clocks.

use cenote_abi::Errno;
use cenote_abi::clock::ClockId;
use cenote_base::SysResult;
use cenote_kernel::syscall;

use crate::linux::call::Call;
use cenote_abi::wasi::timestamp;

/// The clock of a number.
pub(super) fn clock(id: i32) -> SysResult<ClockId> {
    Ok(match id {
        0 => ClockId::Realtime,
        1 => ClockId::Monotonic,
        2 => ClockId::ProcessCpuTime,
        3 => ClockId::ThreadCpuTime,
        _ => return Err(Errno::EINVAL.into()),
    })
}

pub(super) async fn clock_res_get(call: &mut Call<'_>, id: i32, result: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let step = syscall::clock_getres(task, clock(id)?)?;
    memory.write(result, &timestamp(step).to_le_bytes())
}

pub(super) async fn clock_time_get(
    call: &mut Call<'_>,
    id: i32,
    _precision: i64,
    result: u32,
) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let now = syscall::clock_gettime(task, clock(id)?)?;
    memory.write(result, &timestamp(now).to_le_bytes())
}
