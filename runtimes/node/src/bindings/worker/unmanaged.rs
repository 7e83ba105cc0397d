//! Descriptors that a worker's program opens by number (`fs.open`): closed when the worker ends, unless it said
//! `trackUnmanagedFds: false`. Node: `Environment::AddUnmanagedFd` in `src/env.cc`.

use std::cell::RefCell;
use std::collections::BTreeSet;

use cenote_base::Fd;
use cenote_kernel::syscall;

use crate::environment::Environment;
use crate::glue::{Failure, Scope, ScopeExt};

/// What is open.
#[derive(Default)]
struct Unmanaged(RefCell<BTreeSet<i32>>);

/// The program opened a descriptor.
pub(crate) fn opened(scope: &mut Scope<'_, '_>, fd: i32) -> Result<(), Failure> {
    let env = scope.env();
    if !env.thread().tracks_unmanaged_fds || env.state::<Unmanaged>().0.borrow_mut().insert(fd) {
        return Ok(());
    }
    crate::bindings::warn(
        scope,
        &format!("File descriptor {fd} opened in unmanaged mode twice"),
    )
}

/// The program closed a descriptor.
pub(crate) fn closed(scope: &mut Scope<'_, '_>, fd: i32) -> Result<(), Failure> {
    let env = scope.env();
    if !env.thread().tracks_unmanaged_fds || env.state::<Unmanaged>().0.borrow_mut().remove(&fd) {
        return Ok(());
    }
    crate::bindings::warn(
        scope,
        &format!("File descriptor {fd} closed but not opened in unmanaged mode"),
    )
}

/// The worker ends.
pub(crate) fn close_all(env: &Environment) {
    if !env.thread().tracks_unmanaged_fds {
        return;
    }
    let all = std::mem::take(&mut *env.state::<Unmanaged>().0.borrow_mut());
    for fd in all {
        if let Err(error) = syscall::close(env.task(), Fd::new(fd)) {
            tracing::debug!(target: "cenote::node", fd, %error, "a descriptor of a worker");
        }
    }
}
