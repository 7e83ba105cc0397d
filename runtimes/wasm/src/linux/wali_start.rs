//! How programs of WALI's own toolchain start and end: `wali.__init`, `__deinit`, `__proc_exit`, and the arguments one by one.
//!
//! Programs of our toolchain use the start block instead ([`start`](super::start)). The environment would be a file of the host
//! (`__get_init_envfile`); there is none, so such a program begins with an empty one.

use cenote_abi::Errno;
use cenote_base::SysResult;
use wasmtime::{Caller, Linker};

use super::call::Call;
use super::process;
use crate::error::Stop;
use crate::process::Process;

/// The imports of this file.
pub(super) const NAMES: &[&str] = &[
    "__init",
    "__deinit",
    "__proc_exit",
    "__cl_get_argc",
    "__cl_get_argv_len",
    "__cl_copy_argv",
    "__get_init_envfile",
];

/// Defines them.
pub(super) fn define(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    linker.func_wrap("wali", "__init", || 0_i32)?;
    linker.func_wrap("wali", "__deinit", || 0_i32)?;
    linker.func_wrap(
        "wali",
        "__proc_exit",
        |caller: Caller<'_, Process>, status: i32| -> wasmtime::Result<()> {
            let mut call = Call::new(caller);
            match process::exit_group(&mut call, status) {
                Ok(_) => Err(Stop::End.into()),
                Err(error) => Err(wasmtime::Error::msg(format!(
                    "exit_group answered {error:?}"
                ))),
            }
        },
    )?;
    linker.func_wrap(
        "wali",
        "__cl_get_argc",
        |caller: Caller<'_, Process>| -> i32 {
            i32::try_from(caller.data().task().argv().len()).unwrap_or(i32::MAX)
        },
    )?;
    linker.func_wrap(
        "wali",
        "__cl_get_argv_len",
        |caller: Caller<'_, Process>, index: i32| -> i32 {
            let argv = caller.data().task().argv();
            let text = usize::try_from(index)
                .ok()
                .and_then(|index| argv.get(index));
            text.and_then(|text| i32::try_from(text.len()).ok())
                .unwrap_or(0)
        },
    )?;
    linker.func_wrap(
        "wali",
        "__cl_copy_argv",
        |caller: Caller<'_, Process>, buffer: u32, index: i32| -> i32 {
            let mut call = Call::new(caller);
            match copy_argument(&mut call, buffer, index) {
                Ok(()) => 0,
                Err(error) => -error.errno().raw(),
            }
        },
    )?;
    linker.func_wrap(
        "wali",
        "__get_init_envfile",
        |_: Caller<'_, Process>, _buffer: u32, _room: u32| 0_i32,
    )?;
    Ok(())
}

/// Writes an argument and its zero.
fn copy_argument(call: &mut Call<'_>, buffer: u32, index: i32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let argv = task.argv();
    let text = usize::try_from(index)
        .ok()
        .and_then(|index| argv.get(index))
        .ok_or(Errno::EINVAL)?;
    memory.write(buffer, &[text.as_slice(), b"\0"].concat())
}
