//! Arguments and environment.

use cenote_abi::Errno;
use cenote_base::SysResult;

use crate::linux::call::Call;
use crate::memory::GuestMemory;

fn sizes(memory: &mut GuestMemory<'_>, list: &[Vec<u8>], count: u32, size: u32) -> SysResult {
    let total: usize = list.iter().map(|text| text.len() + 1).sum();
    memory.write(count, &number(list.len())?.to_le_bytes())?;
    memory.write(size, &number(total)?.to_le_bytes())
}

fn number(value: usize) -> SysResult<u32> {
    Ok(u32::try_from(value).map_err(|_| Errno::EOVERFLOW)?)
}

/// Writes strings with NULs at `buffer` and pointers to them at `pointers`.
fn copy_out(
    memory: &mut GuestMemory<'_>,
    list: &[Vec<u8>],
    pointers: u32,
    buffer: u32,
) -> SysResult {
    let (mut pointer, mut at) = (pointers, buffer);
    for text in list {
        memory.write(pointer, &at.to_le_bytes())?;
        memory.write(at, text)?;
        let end = at.checked_add(number(text.len())?).ok_or(Errno::EFAULT)?;
        memory.write(end, &[0])?;
        at = end.checked_add(1).ok_or(Errno::EFAULT)?;
        pointer = pointer.checked_add(4).ok_or(Errno::EFAULT)?;
    }
    Ok(())
}

pub(super) async fn args_get(call: &mut Call<'_>, argv: u32, buffer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    copy_out(&mut memory, &task.argv(), argv, buffer)
}

pub(super) async fn args_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    sizes(&mut memory, &task.argv(), count, size)
}

pub(super) async fn environ_get(call: &mut Call<'_>, environ: u32, buffer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    copy_out(&mut memory, &task.envp(), environ, buffer)
}

pub(super) async fn environ_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    sizes(&mut memory, &task.envp(), count, size)
}
