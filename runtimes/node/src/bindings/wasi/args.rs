//! Arguments, environment, clocks, random numbers, signals; and sockets, which there are none of.

use cenote_abi::clock::ClockId;
use cenote_abi::wasi;
use cenote_abi::{Errno, SigNum};
use cenote_kernel::syscall;

use super::{Call, Outcome, Refusal};

/// Writes strings into a buffer, each with a NUL, and where each begins into a list.
fn write_list(call: &Call<'_>, list: &[Vec<u8>], addresses: u32, buffer: u32) -> Outcome {
    let (mut at, mut slot) = (buffer, addresses);
    for text in list {
        call.memory.write(slot, &at.to_le_bytes())?;
        call.memory.write(at, &[text.as_slice(), b"\0"].concat())?;
        let len = u32::try_from(text.len() + 1).map_err(|_| Refusal::OVERFLOW)?;
        at = at.checked_add(len).ok_or(Refusal::OVERFLOW)?;
        slot = slot.checked_add(4).ok_or(Refusal::OVERFLOW)?;
    }
    Ok(())
}

fn write_sizes(call: &Call<'_>, list: &[Vec<u8>], count: u32, size: u32) -> Outcome {
    call.memory.write_u32(count, list.len())?;
    let total = list.iter().map(|text| text.len() + 1).sum();
    call.memory.write_u32(size, total)
}

pub(super) fn args_get(call: &mut Call<'_>, argv: u32, buffer: u32) -> Outcome {
    write_list(call, &call.wasi.args, argv, buffer)
}

pub(super) fn args_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> Outcome {
    write_sizes(call, &call.wasi.args, count, size)
}

pub(super) fn environ_get(call: &mut Call<'_>, environ: u32, buffer: u32) -> Outcome {
    write_list(call, &call.wasi.env, environ, buffer)
}

pub(super) fn environ_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> Outcome {
    write_sizes(call, &call.wasi.env, count, size)
}

/// The clock of a number.
pub(super) fn clock(id: i32) -> Outcome<ClockId> {
    Ok(match id {
        0 => ClockId::Realtime,
        1 => ClockId::Monotonic,
        2 => ClockId::ProcessCpuTime,
        3 => ClockId::ThreadCpuTime,
        _ => return Err(Refusal::INVALID),
    })
}

pub(super) fn clock_res_get(call: &mut Call<'_>, id: i32, result: u32) -> Outcome {
    let step = syscall::clock_getres(call.task(), clock(id)?)?;
    call.memory
        .write(result, &wasi::timestamp(step).to_le_bytes())
}

pub(super) fn clock_time_get(
    call: &mut Call<'_>,
    id: i32,
    _precision: i64,
    result: u32,
) -> Outcome {
    let now = syscall::clock_gettime(call.task(), clock(id)?)?;
    call.memory
        .write(result, &wasi::timestamp(now).to_le_bytes())
}

pub(super) fn random_get(call: &mut Call<'_>, buffer: u32, len: u32) -> Outcome {
    call.memory.check(buffer, len as usize)?;
    let mut at = buffer;
    let mut left = len as usize;
    while left > 0 {
        let mut piece = vec![0; left.min(256)];
        let flags = cenote_abi::random::RandomFlags::empty();
        syscall::getrandom(call.task(), &mut piece, flags)?;
        call.memory.write(at, &piece)?;
        left -= piece.len();
        at = at.saturating_add(u32::try_from(piece.len()).unwrap_or(0));
    }
    Ok(())
}

/// WASI's numbers of signals are Linux's up to 15 and then leave out 16.
pub(super) fn proc_raise(call: &mut Call<'_>, signal: i32) -> Outcome {
    let signal = match signal {
        0 => None,
        1..=15 => SigNum::from_raw(signal),
        16..=30 => SigNum::from_raw(signal + 1),
        _ => return Err(Errno::ENOSYS.into()),
    };
    let task = call.task();
    Ok(syscall::tkill(task, task.tid(), signal)?)
}

pub(super) fn sched_yield(_: &mut Call<'_>) -> Outcome {
    std::thread::yield_now();
    Ok(())
}

fn no_sockets(call: &Call<'_>, fd: i32) -> Outcome {
    call.wasi.descriptors.borrow().get(fd)?;
    Err(Errno::EOPNOTSUPP.into())
}

pub(super) fn sock_accept(call: &mut Call<'_>, fd: i32, _flags: i32, _result: u32) -> Outcome {
    no_sockets(call, fd)
}

pub(super) fn sock_recv(
    call: &mut Call<'_>,
    fd: i32,
    _vector: u32,
    _count: u32,
    _flags: i32,
    _result: u32,
    _result_flags: u32,
) -> Outcome {
    no_sockets(call, fd)
}

pub(super) fn sock_send(
    call: &mut Call<'_>,
    fd: i32,
    _vector: u32,
    _count: u32,
    _flags: i32,
    _result: u32,
) -> Outcome {
    no_sockets(call, fd)
}

pub(super) fn sock_shutdown(call: &mut Call<'_>, fd: i32, _how: i32) -> Outcome {
    no_sockets(call, fd)
}
