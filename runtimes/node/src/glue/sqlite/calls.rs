//! What surrounds every call into SQLite: whose files and whose memory it uses, and the scope in which it may call back.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::sync::Arc;

use cenote_kernel::Task;

use crate::glue::{Quota, Scope};

thread_local! {
    static SCOPE: Cell<*mut c_void> = const { Cell::new(std::ptr::null_mut()) };
    static USER: RefCell<Option<User>> = const { RefCell::new(None) };
}

/// The guest on whose behalf SQLite runs.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) task: Arc<Task>,
    pub(super) quota: Option<Arc<Quota>>,
}

/// Puts things back as they were.
struct Restore {
    scope: *mut c_void,
    user: Option<User>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        SCOPE.set(self.scope);
        USER.set(self.user.take());
    }
}

/// Runs SQLite for this guest; without a scope, callbacks fail.
pub(super) fn run<R>(
    user: &User,
    scope: Option<&mut Scope<'_, '_>>,
    call: impl FnOnce() -> R,
) -> R {
    let scope = scope.map_or(std::ptr::null_mut(), |scope| {
        std::ptr::from_mut(scope).cast::<c_void>()
    });
    let _restore = Restore {
        scope: SCOPE.replace(scope),
        user: USER.replace(Some(user.clone())),
    };
    call()
}

/// Runs a callback of SQLite's in the scope of the call it happens under; `None` when there is none.
pub(super) fn call_back<R>(
    callback: impl for<'s, 'i> FnOnce(&mut Scope<'s, 'i>) -> R,
) -> Option<R> {
    // Taken, so that a callback inside this one finds a scope only if it runs SQLite anew.
    let pointer = SCOPE.replace(std::ptr::null_mut());
    if pointer.is_null() {
        return None;
    }
    let result = {
        // SAFETY: `run` put there a scope that it holds mutably borrowed and does not touch until the call it makes has
        // returned, and this runs within that call; it was taken out, so this is the only reference made of it.
        let scope = unsafe { &mut *pointer.cast::<Scope<'_, '_>>() };
        v8::scope!(let inner, scope);
        callback(inner)
    };
    SCOPE.set(pointer);
    Some(result)
}

/// The guest SQLite runs for now.
pub(super) fn user() -> Option<User> {
    USER.with_borrow(Clone::clone)
}
