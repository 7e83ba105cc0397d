//! `internalBinding('wasi')`: WASI preview 1 over the guest's files, for WebAssembly run by JavaScript. Node: `src/node_wasi.cc`
//! over uvwasi.
//!
//! The table below names the calls; `args`, `fd`, `path` and `poll` make them, each one system call or a few. `memory` is the
//! module's memory, `descriptors` its numbers of files, and the walk that keeps paths below the directories it was given;
//! `cenote_abi::wasi` has the numbers. (The WebAssembly runtime of this machine has the same world for programs of its own; it is
//! another crate, over another engine's memory.)
//!
//! Differs: rights are told, not enforced; sockets cannot be used.

mod args;
mod descriptors;
mod fd;
mod memory;
mod path;
mod poll;

use std::rc::Rc;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::wasi;
use cenote_base::{Fd, SysError};
use cenote_kernel::Task;
use cenote_kernel::syscall::{self, Fcntl};

use crate::bindings::permission::{self, Permission};
use crate::environment::Environment;
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Scope, ScopeExt, Value, attach,
    js_string_bytes,
};
use descriptors::Descriptors;
use memory::Memory;

/// The field of an object that holds its memory.
const MEMORY_FIELD: usize = 1;

/// A number of WASI's that is not `success`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Refusal(u16);

impl Refusal {
    const INVALID: Self = Self(28);
    const OVERFLOW: Self = Self(61);
    const NOT_CAPABLE: Self = Self(76);
}

impl From<SysError> for Refusal {
    fn from(error: SysError) -> Self {
        Self(wasi::errno(error.errno()))
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self(wasi::errno(errno))
    }
}

type Outcome<T = ()> = Result<T, Refusal>;

/// What a module was given.
struct Wasi {
    args: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    descriptors: std::cell::RefCell<Descriptors>,
}

impl Native for Wasi {}

/// One call of a module's.
struct Call<'s> {
    env: Rc<Environment>,
    wasi: Rc<Wasi>,
    memory: Memory<'s>,
}

impl Call<'_> {
    fn task(&self) -> &Arc<Task> {
        self.env.task()
    }
}

/// An argument of a call: a number, or for 64 bits a `BigInt`.
trait Argument: Sized {
    fn of(value: Value<'_>) -> Option<Self>;
}

impl Argument for u32 {
    fn of(value: Value<'_>) -> Option<Self> {
        if let Ok(number) = v8::Local::<v8::Uint32>::try_from(value) {
            return Some(number.value());
        }
        // WebAssembly's 32 bits arrive as a signed number.
        v8::Local::<v8::Int32>::try_from(value)
            .ok()
            .map(|number| number.value().cast_unsigned())
    }
}

impl Argument for i32 {
    fn of(value: Value<'_>) -> Option<Self> {
        u32::of(value).map(u32::cast_signed)
    }
}

impl Argument for i64 {
    fn of(value: Value<'_>) -> Option<Self> {
        v8::Local::<v8::BigInt>::try_from(value)
            .ok()
            .map(|number| number.i64_value().0)
    }
}

/// The arguments of a call, one after the other.
struct Given<'a, 's> {
    args: &'a Args<'s>,
    next: std::cell::Cell<usize>,
}

impl<'a, 's> Given<'a, 's> {
    const fn of(args: &'a Args<'s>) -> Self {
        Self {
            args,
            next: std::cell::Cell::new(0),
        }
    }

    fn next<T: Argument>(&self) -> Option<T> {
        let at = self.next.get();
        self.next.set(at + 1);
        T::of(self.args.get(at))
    }

    /// What comes after is not looked at.
    #[expect(clippy::unused_self, reason = "a call without arguments uses it too")]
    const fn end(&self) {}
}

/// The call, if it may be made now.
fn begin<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Call<'s>, Failure> {
    let wasi = args.native::<Wasi>(scope)?;
    let memory = args
        .this()
        .get_internal_field(scope, MEMORY_FIELD)
        .and_then(|field| Value::try_from(field).ok())
        .and_then(|value| v8::Local::<v8::Object>::try_from(value).ok());
    let Some(memory) = memory else {
        let message = "wasi.start() has not been called";
        return Err(Failure::error("ERR_WASI_NOT_STARTED", message));
    };
    Ok(Call {
        env: scope.env(),
        wasi,
        memory: Memory::of(scope.get_property(memory, "buffer")?),
    })
}

fn settle(outcome: Outcome) -> u32 {
    match outcome {
        Ok(()) => 0,
        Err(Refusal(number)) => number.into(),
    }
}

macro_rules! wasi_calls {
    ($($name:ident($($arg:ident: $type:ty),*) = $function:path;)*) => {
        $(fn $name<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
            let given = Given::of(args);
            $(let Some($arg) = given.next::<$type>() else {
                return Ok(u32::from(Refusal::INVALID.0).into());
            };)*
            given.end();
            let mut call = begin(scope, args)?;
            Ok(settle($function(&mut call, $($arg),*)).into())
        })*

        static WASI: Class = Class::new("WASI", new_wasi)
            .fields(2)
            $(.method(stringify!($name), $name))*
            .method("proc_exit", proc_exit)
            .method("_setMemory", set_memory);
    };
}

wasi_calls! {
    args_get(argv: u32, buffer: u32) = args::args_get;
    args_sizes_get(count: u32, size: u32) = args::args_sizes_get;
    clock_res_get(id: i32, result: u32) = args::clock_res_get;
    clock_time_get(id: i32, precision: i64, result: u32) = args::clock_time_get;
    environ_get(environ: u32, buffer: u32) = args::environ_get;
    environ_sizes_get(count: u32, size: u32) = args::environ_sizes_get;
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
    fd_pread(fd: i32, vector: u32, count: u32, offset: i64, result: u32) = fd::fd_pread;
    fd_prestat_get(fd: i32, result: u32) = fd::fd_prestat_get;
    fd_prestat_dir_name(fd: i32, path: u32, len: u32) = fd::fd_prestat_dir_name;
    fd_pwrite(fd: i32, vector: u32, count: u32, offset: i64, result: u32) = fd::fd_pwrite;
    fd_read(fd: i32, vector: u32, count: u32, result: u32) = fd::fd_read;
    fd_readdir(fd: i32, buffer: u32, len: u32, cookie: i64, result: u32) = fd::fd_readdir;
    fd_renumber(from: i32, to: i32) = fd::fd_renumber;
    fd_seek(fd: i32, offset: i64, whence: i32, result: u32) = fd::fd_seek;
    fd_sync(fd: i32) = fd::fd_sync;
    fd_tell(fd: i32, result: u32) = fd::fd_tell;
    fd_write(fd: i32, vector: u32, count: u32, result: u32) = fd::fd_write;
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
    proc_raise(signal: i32) = args::proc_raise;
    random_get(buffer: u32, len: u32) = args::random_get;
    sched_yield() = args::sched_yield;
    sock_accept(fd: i32, flags: i32, result: u32) = args::sock_accept;
    sock_recv(fd: i32, vector: u32, count: u32, flags: i32, result: u32, result_flags: u32) = args::sock_recv;
    sock_send(fd: i32, vector: u32, count: u32, flags: i32, result: u32) = args::sock_send;
    sock_shutdown(fd: i32, how: i32) = args::sock_shutdown;
}

pub(super) const BINDING: Binding = Binding::new("wasi")
    .note("rights are told, not enforced; sockets cannot be used")
    .class(&WASI);

fn strings<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    index: usize,
) -> Result<Vec<Vec<u8>>, Failure> {
    let array = args.array(index)?;
    (0..array.length())
        .map(|at| {
            let value = array.get_index(scope, at).ok_or(Failure::Pending)?;
            let string = value.to_string(scope).ok_or(Failure::Pending)?;
            Ok(js_string_bytes(scope, string))
        })
        .collect()
}

/// An error of uvwasi's setting up.
fn setup_failure(scope: &Scope<'_, '_>, error: SysError) -> Failure {
    let number = wasi::errno(error.errno());
    let code = format!("UVWASI_{}", error.errno().name());
    let message = format!("{code}, uvwasi_init");
    let exception = v8::Exception::error(scope, scope.text(&message));
    if let Ok(object) = v8::Local::<v8::Object>::try_from(exception) {
        scope.set(
            object,
            "errno",
            v8::Integer::new(scope, number.into()).into(),
        );
        scope.set(object, "code", scope.text(&code).into());
        scope.set(object, "syscall", scope.text("uvwasi_init").into());
    }
    Failure::Thrown(v8::Global::new(scope, exception))
}

/// `new WASI(args, env, preopens, stdio)`; preopens are names and paths by turns.
fn new_wasi<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    permission::check(scope, Permission::Wasi, b"")?;
    let (arguments, env) = (strings(scope, args, 0)?, strings(scope, args, 1)?);
    let preopens = strings(scope, args, 2)?;
    let stdio = args.array(3)?;
    let environment = scope.env();
    let task = environment.task();
    let mut descriptors = Descriptors::new(Arc::clone(task));
    for index in 0..3 {
        let value = stdio.get_index(scope, index).ok_or(Failure::Pending)?;
        let fd = Fd::new(value.int32_value(scope).unwrap_or(-1));
        let flags = cenote_base::wait::block_on(syscall::fcntl(task, fd, Fcntl::GetFd));
        flags.map_err(|error| setup_failure(scope, error))?;
        descriptors.add_stdio(fd);
    }
    for pair in preopens.chunks_exact(2) {
        if let [name, path] = pair {
            descriptors
                .add_preopen(name, path)
                .map_err(|error| setup_failure(scope, error))?;
        }
    }
    let wasi = Wasi {
        args: arguments,
        env,
        descriptors: descriptors.into(),
    };
    attach(scope, args.this(), Rc::new(wasi));
    Ok(().into())
}

fn set_memory<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<Wasi>(scope)?;
    let memory = args.get(0);
    if !memory.is_wasm_memory_object() {
        let message = "\"instance.exports.memory\" property must be a WebAssembly.Memory object";
        return Err(Failure::type_error("ERR_INVALID_ARG_TYPE", message));
    }
    args.this().set_internal_field(MEMORY_FIELD, memory.into());
    Ok(().into())
}

/// Ends the process (JavaScript puts its own in place of this unless told otherwise).
fn proc_exit<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    begin(scope, args)?;
    let code = u32::of(args.get(0)).unwrap_or(0);
    scope.env().exit(code.cast_signed());
    Ok(().into())
}
