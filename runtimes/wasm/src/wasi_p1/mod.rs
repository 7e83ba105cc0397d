//! WASI preview 1, complete, over the kernel's calls.
//!
//! The table has one line a call in the order of `witx/wasi_snapshot_preview1.witx` (upstream's text, unmodified; a test
//! links every function of it against this table). All calls are awaited, so that each can wait and be interrupted.
//! Paths and descriptors: see [`descriptors`]. Rights are answered as "all" and not enforced: the machine's own
//! permissions are what binds a program.

mod args;
mod clock;
mod descriptors;
mod fd;
mod path;
mod poll;
mod proc;
mod random;
mod sock;

use cenote_abi::wasi;
use cenote_base::SysResult;
use cenote_kernel::signal::Delivery;
use wasmtime::{Caller, Linker};

pub(crate) use descriptors::{Descriptors, PREOPEN_NAME, Place, place_in_preopen};
pub(crate) use random::fill as random_fill;

use crate::error::Stop;
use crate::linux::call::Call;
use crate::process::Process;

/// The module's names: preview 1, and what compilers called it before it was named.
const MODULE: &str = "wasi_snapshot_preview1";

macro_rules! wasi_calls {
    ($($name:ident($($arg:ident: $type:ty),*) = $function:path;)*) => {
        /// The functions of the module.
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        fn define_calls(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
            $(linker.func_wrap_async(MODULE, stringify!($name),
                |caller: Caller<'_, Process>, ($($arg,)*): ($($type,)*)| Box::new(async move {
                    let mut call = Call::of_wasi(caller);
                    loop {
                        let result = $function(&mut call, $($arg),*).await;
                        if let Some(errno) = settle(&mut call, stringify!($name), result).await? {
                            return Ok::<i32, wasmtime::Error>(errno);
                        }
                    }
                }))?;)*
            Ok(())
        }
    };
}

wasi_calls! {
    args_get(argv: u32, buffer: u32) = args::args_get;
    args_sizes_get(count: u32, size: u32) = args::args_sizes_get;
    environ_get(environ: u32, buffer: u32) = args::environ_get;
    environ_sizes_get(count: u32, size: u32) = args::environ_sizes_get;
    clock_res_get(id: i32, result: u32) = clock::clock_res_get;
    clock_time_get(id: i32, precision: i64, result: u32) = clock::clock_time_get;
    fd_advise(fd: i32, offset: i64, len: i64, advice: i32) = fd::fd_advise;
    fd_allocate(fd: i32, offset: i64, len: i64) = fd::fd_allocate;
    fd_close(fd: i32) = fd::fd_close;
    fd_datasync(fd: i32) = fd::fd_datasync;
    fd_fdstat_get(fd: i32, result: u32) = fd::fd_fdstat_get;
    fd_fdstat_set_flags(fd: i32, flags: i32) = fd::fd_fdstat_set_flags;
    fd_fdstat_set_rights(fd: i32, base: i64, inheriting: i64) = fd::fd_fdstat_set_rights;
    fd_filestat_get(fd: i32, result: u32) = fd::fd_filestat_get;
    fd_filestat_set_size(fd: i32, size: i64) = fd::fd_filestat_set_size;
    fd_filestat_set_times(fd: i32, atime: i64, mtime: i64, flags: i32) = fd::fd_filestat_set_times;
    fd_pread(fd: i32, vector: u32, count: i32, offset: i64, result: u32) = fd::fd_pread;
    fd_prestat_get(fd: i32, result: u32) = fd::fd_prestat_get;
    fd_prestat_dir_name(fd: i32, path: u32, len: u32) = fd::fd_prestat_dir_name;
    fd_pwrite(fd: i32, vector: u32, count: i32, offset: i64, result: u32) = fd::fd_pwrite;
    fd_read(fd: i32, vector: u32, count: i32, result: u32) = fd::fd_read;
    fd_readdir(fd: i32, buffer: u32, len: u32, cookie: i64, result: u32) = fd::fd_readdir;
    fd_renumber(from: i32, to: i32) = fd::fd_renumber;
    fd_seek(fd: i32, offset: i64, whence: i32, result: u32) = fd::fd_seek;
    fd_sync(fd: i32) = fd::fd_sync;
    fd_tell(fd: i32, result: u32) = fd::fd_tell;
    fd_write(fd: i32, vector: u32, count: i32, result: u32) = fd::fd_write;
    path_create_directory(fd: i32, path: u32, len: u32) = path::path_create_directory;
    path_filestat_get(fd: i32, flags: i32, path: u32, len: u32, result: u32) = path::path_filestat_get;
    path_filestat_set_times(fd: i32, flags: i32, path: u32, len: u32, atime: i64, mtime: i64, which: i32) = path::path_filestat_set_times;
    path_link(old_fd: i32, flags: i32, old: u32, old_len: u32, new_fd: i32, new: u32, new_len: u32) = path::path_link;
    path_open(fd: i32, lookup: i32, path: u32, len: u32, oflags: i32, base: i64, inheriting: i64, fdflags: i32, result: u32) = path::path_open;
    path_readlink(fd: i32, path: u32, len: u32, buffer: u32, room: u32, result: u32) = path::path_readlink;
    path_remove_directory(fd: i32, path: u32, len: u32) = path::path_remove_directory;
    path_rename(old_fd: i32, old: u32, old_len: u32, new_fd: i32, new: u32, new_len: u32) = path::path_rename;
    path_symlink(target: u32, target_len: u32, fd: i32, path: u32, len: u32) = path::path_symlink;
    path_unlink_file(fd: i32, path: u32, len: u32) = path::path_unlink_file;
    poll_oneoff(subscriptions: u32, events: u32, count: u32, result: u32) = poll::poll_oneoff;
    proc_raise(signal: i32) = proc::proc_raise;
    sched_yield() = proc::sched_yield;
    random_get(buffer: u32, len: u32) = random::random_get;
    sock_accept(fd: i32, flags: i32, result: u32) = sock::sock_accept;
    sock_recv(fd: i32, vector: u32, count: i32, flags: i32, result: u32, result_flags: u32) = sock::sock_recv;
    sock_send(fd: i32, vector: u32, count: i32, flags: i32, result: u32) = sock::sock_send;
    sock_shutdown(fd: i32, how: i32) = sock::sock_shutdown;
}

/// Defines every import of a WASI program.
pub(crate) fn define(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    define_calls(linker)?;
    linker.func_wrap_async(
        MODULE,
        "proc_exit",
        |caller: Caller<'_, Process>, (code,): (i32,)| {
            Box::new(async move { proc::proc_exit(&mut Call::of_wasi(caller), code) })
        },
    )?;
    Ok(())
}

/// Tells whether a module may import this from the WASI world.
pub(crate) fn has_import(module: &str, name: &str) -> bool {
    module == MODULE && (name == "proc_exit" || NAMES.contains(&name))
}

/// What the program sees of a result, or `None`: run the call again.
///
/// # Errors
/// [`Stop`]: the process ends.
async fn settle(
    call: &mut Call<'_>,
    name: &'static str,
    result: SysResult,
) -> wasmtime::Result<Option<i32>> {
    let task = call.task();
    if task.has_deliverable_signal() {
        let task = std::sync::Arc::clone(task);
        loop {
            match task.next_delivery().await {
                Delivery::None => break,
                Delivery::End => return Err(Stop::End.into()),
                // A WASI program cannot set a handler, and exec leaves none.
                Delivery::Handler(handler) => task.handler_returned(&handler),
            }
        }
        if result
            .as_ref()
            .is_err_and(cenote_base::SysError::is_restartable)
        {
            return Ok(None);
        }
    }
    Ok(Some(match result {
        Ok(()) => i32::from(wasi::SUCCESS),
        Err(error) => {
            tracing::trace!(target: "cenote::wasi", pid = %call.task().pid(), name, %error);
            i32::from(wasi::errno(error.errno()))
        }
    }))
}

#[cfg(test)]
mod tests;
