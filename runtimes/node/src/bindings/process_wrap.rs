//! `internalBinding('process_wrap')`: child processes of the guest, which are processes of our kernel. Node: `src/process_wrap.cc`.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use cenote_abi::wait::WaitStatus;
use cenote_abi::{Errno, SigNum};
use cenote_base::{Pid, WaitQueue};
use cenote_kernel::{Task, syscall};

use super::child::{Child, Stdio, channel, exit_of, reap};
use super::pipe_wrap::Pipe;
use crate::event_loop::handles::{AsyncInfo, HANDLE_WRAP, HandleState};
use crate::event_loop::{CallContext, Readiness, WatchId, make_callback};
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, Value, attach,
    js_string_bytes, native_of, native_ref,
};

pub(super) const BINDING: Binding = Binding::new("process_wrap").class(&PROCESS);

static PROCESS: Class = Class::new("Process", new_process)
    .extends(&HANDLE_WRAP)
    .method("spawn", spawn)
    .method("kill", kill);

/// A child, before it is started and after.
struct Process {
    info: AsyncInfo,
    handle: HandleState,
    pid: Cell<Option<Pid>>,
    watch: Cell<Option<WatchId>>,
    number: Cell<i32>,
}

impl Native for Process {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn handle(&self) -> Option<&HandleState> {
        Some(&self.handle)
    }

    fn close(&self, scope: &mut Scope<'_, '_>) {
        if let Some(watch) = self.watch.take() {
            scope.env().event_loop().io().unwatch(watch);
        }
    }
}

/// A child that may have ended: looking reaps it.
struct Ended {
    task: Arc<Task>,
    pid: Pid,
    status: Cell<Option<WaitStatus>>,
}

impl Readiness for Ended {
    fn is_ready(&self) -> bool {
        if self.status.get().is_none() {
            self.status.set(reap(&self.task, self.pid));
        }
        self.status.get().is_some()
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.task.child_queue())
    }

    fn is_last_word(&self) -> bool {
        true
    }
}

fn new_process<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let info = AsyncInfo::new(scope, this, "PROCESSWRAP");
    let process = Rc::new(Process {
        info,
        handle: HandleState::default(),
        pid: Cell::new(None),
        watch: Cell::new(None),
        number: Cell::new(0),
    });
    let number = attach(scope, this, Rc::clone(&process));
    process.number.set(number);
    Ok(().into())
}

/// A string, as bytes; `None` for anything else.
pub(super) fn bytes_of(scope: &Scope<'_, '_>, value: Value<'_>) -> Option<Vec<u8>> {
    v8::Local::<v8::String>::try_from(value)
        .ok()
        .map(|string| js_string_bytes(scope, string))
}

/// An array of strings, as bytes; `None` for anything else.
pub(super) fn list_of(scope: &Scope<'_, '_>, value: Value<'_>) -> Option<Vec<Vec<u8>>> {
    let array = v8::Local::<v8::Array>::try_from(value).ok()?;
    (0..array.length())
        .map(|index| {
            Some(js_string_bytes(
                scope,
                array.get_index(scope, index)?.to_string(scope)?,
            ))
        })
        .collect()
}

/// A user or group id; `None` when there is none.
pub(super) fn id_of(scope: &Scope<'_, '_>, value: Value<'_>) -> Option<u32> {
    value
        .is_number()
        .then(|| value.uint32_value(scope))
        .flatten()
}

/// Our end of a pipe, and the object it belongs to.
type OurEnd<'s> = (Object<'s>, Arc<cenote_vfs::OpenFile>);

/// The descriptors of a child, from Node's array of descriptions.
fn stdio<'s>(
    scope: &Scope<'s, '_>,
    value: Value<'s>,
) -> Result<(Vec<Stdio>, Vec<OurEnd<'s>>), Failure> {
    let array = v8::Local::<v8::Array>::try_from(value).map_err(|_| {
        Failure::type_error("ERR_INVALID_ARG_TYPE", "options.stdio must be an array")
    })?;
    let env = scope.env();
    let (mut stdio, mut ours) = (Vec::new(), Vec::new());
    for index in 0..array.length() {
        let entry = array.get_index(scope, index).ok_or(Failure::Pending)?;
        let entry = Object::try_from(entry).map_err(|_| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "options.stdio must hold objects")
        })?;
        let kind = scope
            .get_property(entry, "type")?
            .to_rust_string_lossy(scope);
        stdio.push(match kind.as_str() {
            "ignore" => Stdio::Ignore,
            "pipe" | "overlapped" => {
                let handle = scope.get_property(entry, "handle")?;
                let handle = Object::try_from(handle).map_err(|_| Failure::Pending)?;
                let (our_end, their_end) = channel(env.task())?;
                ours.push((handle, our_end));
                Stdio::File(their_end)
            }
            "wrap" => {
                let handle = scope.get_property(entry, "handle")?;
                let handle = Object::try_from(handle).map_err(|_| Failure::Pending)?;
                let native = native_ref(scope, handle);
                let file = native
                    .as_ref()
                    .and_then(|native| native.stream())
                    .and_then(|stream| stream.file());
                Stdio::File(file.ok_or_else(|| Failure::system(Errno::EBADF.raw(), "spawn"))?)
            }
            _ => {
                let fd = scope.get_property(entry, "fd")?;
                Stdio::Inherit(fd.int32_value(scope).ok_or(Failure::Pending)?)
            }
        });
    }
    Ok((stdio, ours))
}

/// `spawn(file, args, cwd, envPairs, stdio, flags, uid, gid)`: 0, or a negative errno; sets `pid`.
fn spawn<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const DETACHED: u32 = 1;
    let process = args.native::<Process>(scope)?;
    let file = args.path(scope, 0)?;
    super::permission::check(scope, super::permission::Permission::ChildProcess, &file)?;
    let flags = args.get(5).uint32_value(scope).unwrap_or(0);
    let described = stdio(scope, args.get(4));
    let (stdio, ours) = match described {
        Ok(described) => described,
        Err(Failure::System { errno, .. }) => return Ok((-errno).into()),
        Err(failure) => return Err(failure),
    };
    let child = Child {
        args: list_of(scope, args.get(1)).unwrap_or_else(|| vec![file.clone()]),
        file,
        cwd: bytes_of(scope, args.get(2)).filter(|cwd| !cwd.is_empty()),
        env: list_of(scope, args.get(3)),
        stdio,
        detached: flags & DETACHED != 0,
        uid: id_of(scope, args.get(6)),
        gid: id_of(scope, args.get(7)),
    };
    let env = scope.env();
    let started = child.start(env.task());
    // The ends are handed out even when nothing was started: JavaScript closes them.
    for (handle, end) in ours {
        if let Some(pipe) = native_of::<Pipe>(scope, handle) {
            pipe.adopt(scope, end);
        }
    }
    let pid = match started {
        Ok(pid) => pid,
        Err(error) => return Ok((-error.errno().raw()).into()),
    };
    process.pid.set(Some(pid));
    let this = args.this();
    let number = v8::Integer::new(scope, pid.raw());
    scope.set(this, "pid", number.into());
    env.natives().keep(scope, this);
    process.handle.set_active(scope, true);
    let ended = Rc::new(Ended {
        task: Arc::clone(env.task()),
        pid,
        status: Cell::new(None),
    });
    let own = process.number.get();
    let seen = Rc::clone(&ended);
    let watch = env.event_loop().io().watch(ended, move |scope| {
        if let Some(status) = seen.status.get() {
            on_exit(scope, own, status);
        }
    });
    process.watch.set(Some(watch));
    Ok(0.into())
}

/// Tells JavaScript: `onexit(status, signal)`.
fn on_exit(scope: &mut Scope<'_, '_>, number: i32, status: WaitStatus) {
    let env = scope.env();
    let Some(object) = env.natives().object(scope, number) else {
        return;
    };
    let Some(process) = native_of::<Process>(scope, object) else {
        return;
    };
    if let Some(watch) = process.watch.take() {
        env.event_loop().io().unwatch(watch);
    }
    process.pid.set(None);
    process.handle.set_active(scope, false);
    env.natives().release(scope, object);
    let (code, signal) = exit_of(status);
    let code = v8::Integer::new(scope, code);
    let signal = scope.name(signal.map_or("", SigNum::name));
    let context = CallContext::of(&process.info);
    make_callback(
        scope,
        object,
        "onexit",
        &[code.into(), signal.into()],
        &context,
    );
}

/// `kill(signal)`: 0, or a negative errno.
fn kill<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let process = args.native::<Process>(scope)?;
    let number = args.i32(scope, 0)?;
    let Some(pid) = process.pid.get() else {
        return Ok((-Errno::ESRCH.raw()).into());
    };
    let signal = match number {
        0 => None,
        number => match SigNum::from_raw(number) {
            Some(signal) => Some(signal),
            None => return Ok((-Errno::EINVAL.raw()).into()),
        },
    };
    Ok(match syscall::kill(scope.env().task(), pid.raw(), signal) {
        Ok(()) => 0.into(),
        Err(error) => (-error.errno().raw()).into(),
    })
}
