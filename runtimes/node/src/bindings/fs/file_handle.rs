//! `FSReqCallback`, what an asynchronous call reports to, and `FileHandle`, a descriptor with a JavaScript object around it.
//! Node: `src/node_file.h`, `src/node_file.cc`.

use std::cell::Cell;
use std::rc::Rc;

use cenote_abi::Errno;
use cenote_base::Fd;
use cenote_kernel::syscall;

use crate::bindings::{warn, warn_of_deprecation};
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo};
use crate::event_loop::{Remote, after_callback};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, attach, new_instance,
};

use super::file_stream::FileReading;
use super::request::{Answer, Asker};
use crate::bindings::messaging::transfer;
use crate::bindings::stream_base::{
    StreamCore, StreamRequest, StreamResource, Write, Wrote, with_stream_methods,
};

/// A request of one asynchronous call.
pub(super) static FS_REQ_CALLBACK: Class =
    Class::new("FSReqCallback", new_request).extends(&ASYNC_WRAP);

/// A descriptor that closes itself.
pub(super) static FILE_HANDLE: Class = with_stream_methods(
    Class::new("FileHandle", new_handle)
        .extends(&ASYNC_WRAP)
        .method("close", close)
        .method("closeSync", close_sync)
        .method("releaseFD", release_fd),
);

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

pub(super) struct FileHandle {
    info: AsyncInfo,
    fd: Cell<i32>,
    task: std::sync::Arc<cenote_kernel::Task>,
    /// Where it is told that it was collected.
    remote: Remote,
    reading: FileReading,
}

impl FileHandle {
    /// How far reading it as a stream is.
    pub(super) fn reading(&self) -> &FileReading {
        &self.reading
    }

    /// The descriptor, negative once it is closed or given away.
    pub(super) fn descriptor(&self) -> i32 {
        self.fd.get()
    }
}

impl Native for FileHandle {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn stream(&self) -> Option<&dyn StreamResource> {
        Some(self)
    }

    fn transfer_mode(&self) -> u32 {
        if self.fd.get() < 0 {
            transfer::DISALLOWED
        } else {
            transfer::TRANSFERABLE
        }
    }

    fn transfer(
        &self,
        _: &mut Scope<'_, '_>,
        _: Object<'_>,
    ) -> Option<Box<dyn transfer::TransferData>> {
        let fd = self.fd.replace(-1);
        let task = std::sync::Arc::clone(&self.task);
        (fd >= 0).then(|| Box::new(Descriptor { fd, task }) as _)
    }
}

/// A descriptor on its way to another thread of the process; closed if it never arrives.
struct Descriptor {
    fd: i32,
    task: std::sync::Arc<cenote_kernel::Task>,
}

impl transfer::TransferData for Descriptor {
    fn into_object<'s>(
        mut self: Box<Self>,
        scope: &mut Scope<'s, '_>,
    ) -> Result<Object<'s>, Failure> {
        if scope.get_current_context() != scope.env().context(scope) {
            return Err(transfer::target_unavailable());
        }
        new_file_handle(scope, std::mem::replace(&mut self.fd, -1))
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if self.fd >= 0
            && let Err(error) = syscall::close(&self.task, Fd::new(self.fd))
        {
            tracing::debug!(target: "cenote::node", fd = self.fd, %error, "a FileHandle that was not received");
        }
    }
}

impl Drop for FileHandle {
    fn drop(&mut self) {
        // Collected without being closed: the descriptor must not leak.
        let fd = self.fd.replace(-1);
        if fd < 0 {
            return;
        }
        if let Err(error) = syscall::close(&self.task, Fd::new(fd)) {
            tracing::debug!(target: "cenote::node", fd, %error, "a collected FileHandle");
        }
        self.remote.send(move |scope| {
            if let Err(failure) = warn_of_collected(scope, fd) {
                tracing::debug!(target: "cenote::node", ?failure, "a warning threw");
            }
        });
    }
}

/// DEP0137 was told.
#[derive(Default)]
struct CollectedWarning(Cell<bool>);

/// From the loop, which does not wait for it. Node: `FileHandle::Close`.
fn warn_of_collected(scope: &mut Scope<'_, '_>, fd: i32) -> Result<(), Failure> {
    const DEPRECATED: &str = "Closing a FileHandle object on garbage collection is deprecated. Please close FileHandle objects explicitly using FileHandle.prototype.close(). In the future, an error will be thrown if a file descriptor is closed during garbage collection.";
    let text = format!("Closing file descriptor {fd} on garbage collection");
    warn(scope, &text)?;
    if !scope.env().state::<CollectedWarning>().0.replace(true) {
        warn_of_deprecation(scope, DEPRECATED, "DEP0137")?;
    }
    after_callback(scope);
    Ok(())
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
    let handle = Rc::new(FileHandle {
        info,
        fd: Cell::new(fd),
        task,
        remote: scope.env().event_loop().io().remote(),
        reading: FileReading::new(args.i64(1).ok(), args.i64(2).ok()),
    });
    let number = attach(scope, this, Rc::clone(&handle));
    handle.reading.core().set_number(number);
    Ok(().into())
}

/// Reading the file as a stream. Writing is not a stream's work here, nor in Node.
impl StreamResource for FileHandle {
    fn core(&self) -> &StreamCore {
        self.reading.core()
    }

    fn read_start(&self, scope: &mut Scope<'_, '_>) -> i32 {
        self.reading.start(scope, self.fd.get())
    }

    fn read_stop(&self, _scope: &mut Scope<'_, '_>) -> i32 {
        self.reading.stop();
        0
    }

    fn write(&self, _scope: &mut Scope<'_, '_>, _write: Write) -> Result<Wrote, i32> {
        Err(-Errno::ENOSYS.raw())
    }

    fn shutdown(&self, _scope: &mut Scope<'_, '_>, _request: StreamRequest) -> i32 {
        -Errno::ENOSYS.raw()
    }

    fn is_alive(&self) -> bool {
        self.fd.get() >= 0
    }

    fn fd(&self) -> i32 {
        self.fd.get()
    }
}

/// Closes; a promise.
fn close<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let handle = args.native::<FileHandle>(scope)?;
    let (asker, promise) = Asker::promise(scope, "FILEHANDLECLOSEREQ")?;
    let fd = handle.fd.replace(-1);
    handle.reading.end(scope);
    let outcome = syscall::close(scope.env().task(), Fd::new(fd))
        .map(|()| Answer::Nothing)
        .map_err(|error| Failure::from(error).with_syscall("close"));
    asker.answer_later(scope, outcome);
    Ok(promise)
}

/// Closes at once.
fn close_sync<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let handle = args.native::<FileHandle>(scope)?;
    let fd = handle.fd.replace(-1);
    handle.reading.end(scope);
    syscall::close(scope.env().task(), Fd::new(fd))
        .map_err(|error| Failure::from(error).with_syscall("close"))?;
    Ok(().into())
}

/// Gives the descriptor away.
fn release_fd<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(args.native::<FileHandle>(scope)?.fd.replace(-1).into())
}
