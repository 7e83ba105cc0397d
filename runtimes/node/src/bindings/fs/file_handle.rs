//! `FSReqCallback`, what an asynchronous call reports to, and `FileHandle`, a descriptor with a JavaScript object around it.
//! Node: `src/node_file.h`, `src/node_file.cc`.

use std::cell::Cell;
use std::rc::Rc;

use cenote_base::Fd;
use cenote_kernel::syscall;

use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, attach, new_instance,
};

use super::request::{Answer, Asker};

/// A request of one asynchronous call.
pub(super) static FS_REQ_CALLBACK: Class =
    Class::new("FSReqCallback", new_request).extends(&ASYNC_WRAP);

/// A descriptor that closes itself.
pub(super) static FILE_HANDLE: Class = Class::new("FileHandle", new_handle)
    .extends(&ASYNC_WRAP)
    .getter("fd", fd)
    .method("close", close)
    .method("releaseFD", release_fd);

struct Request {
    info: AsyncInfo,
}

impl Native for Request {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

fn new_request<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let info = AsyncInfo::new(scope, this, "FSREQCALLBACK");
    attach(scope, this, Rc::new(Request { info }));
    Ok(().into())
}

struct FileHandle {
    info: AsyncInfo,
    fd: Cell<i32>,
    task: std::sync::Arc<cenote_kernel::Task>,
}

impl Native for FileHandle {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

impl Drop for FileHandle {
    fn drop(&mut self) {
        // Collected without being closed: Node warns and closes; the descriptor must not leak.
        let fd = self.fd.replace(-1);
        if fd >= 0
            && let Err(error) = syscall::close(&self.task, Fd::new(fd))
        {
            tracing::debug!(target: "cenote::node", fd, %error, "a collected FileHandle");
        }
    }
}

/// A `FileHandle` over a descriptor.
pub(super) fn new_file_handle<'s>(
    scope: &mut Scope<'s, '_>,
    fd: i32,
) -> Result<Object<'s>, Failure> {
    let fd = v8::Integer::new(scope, fd);
    new_instance(scope, &FILE_HANDLE, &[fd.into()])
}

fn new_handle<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if !args.is_construct_call() {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_REQUIRED",
            "Class constructor FileHandle cannot be invoked without `new`",
        ));
    }
    let fd = args.i32(scope, 0)?;
    let this = args.this();
    let info = AsyncInfo::new(scope, this, "FILEHANDLE");
    let task = std::sync::Arc::clone(scope.env().task());
    attach(
        scope,
        this,
        Rc::new(FileHandle {
            info,
            fd: Cell::new(fd),
            task,
        }),
    );
    Ok(().into())
}

fn fd<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(args.native::<FileHandle>(scope)?.fd.get().into())
}

/// Closes; a promise.
fn close<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let handle = args.native::<FileHandle>(scope)?;
    let promises = scope.node_symbol("fs_use_promises_symbol");
    let (asker, promise) = Asker::of(scope, promises.into())?;
    let fd = handle.fd.replace(-1);
    let outcome = syscall::close(scope.env().task(), Fd::new(fd))
        .map(|()| Answer::Nothing)
        .map_err(|error| Failure::from(error).with_syscall("close"));
    asker.answer_later(scope, outcome);
    Ok(promise)
}

/// Gives the descriptor away.
fn release_fd<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(args.native::<FileHandle>(scope)?.fd.replace(-1).into())
}
