//! `internalBinding('fs_dir')`: directories read in portions (`fs.opendir`). Node: `src/node_dir.cc`, lib/internal/fs/dir.js.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use cenote_abi::Errno;

use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo};
use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Scope, ScopeExt, attach, new_instance,
};

use super::fs::gate;
use super::fs::{Answer, Encoding, answer, entry_type, list, traced};

pub(super) const BINDING: Binding = Binding::new("fs_dir")
    .function(
        "opendir",
        traced!(of_directories opendir, "fs_dir.sync.opendir", "opendir", 2),
    )
    .function("opendirSync", opendir_sync)
    .class(&DIR_HANDLE);

static DIR_HANDLE: Class = Class::new("DirHandle", new_handle)
    .extends(&ASYNC_WRAP)
    .method(
        "read",
        traced!(of_directories read, "fs_dir.sync.readdir", "readdir", 2),
    )
    .method(
        "close",
        traced!(of_directories close, "fs_dir.sync.closedir", "closedir", 0),
    );

/// The entries that were not read yet. The directory is read whole when it is opened: a snapshot is a valid order of events.
struct DirHandle {
    info: AsyncInfo,
    rest: RefCell<VecDeque<(Vec<u8>, i32)>>,
    closed: Cell<bool>,
}

impl Native for DirHandle {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

fn new_handle<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let path = args.path(scope, 0)?;
    let entries = list(scope.env().task(), &path).map_err(|error| {
        Failure::from(error)
            .with_syscall("opendir")
            .with_path(&path)
    })?;
    let rest = entries
        .into_iter()
        .map(|(name, file_type)| (name, entry_type(file_type)))
        .collect();
    let this = args.this();
    let info = AsyncInfo::new(scope, this, "DIRHANDLE");
    attach(
        scope,
        this,
        Rc::new(DirHandle {
            info,
            rest: RefCell::new(rest),
            closed: Cell::new(false),
        }),
    );
    Ok(().into())
}

/// `opendir(path, encoding, req)`.
fn opendir<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if args.is_undefined(2) {
        return opendir_sync(scope, args);
    }
    if let Some(refused) = gate::refuse(scope, args, 2, gate::READ)? {
        return Ok(refused);
    }
    let opened = open(scope, args);
    let outcome = opened.map(|handle| Answer::Value(v8::Global::new(scope, handle)));
    answer(scope, args, 2, outcome)
}

fn opendir_sync<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    gate::check(scope, args, gate::READ)?;
    // Node's synchronous form does not name the path.
    let handle = open(scope, args).map_err(Failure::without_path)?;
    Ok(handle.into())
}

fn open<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> Result<v8::Local<'s, v8::Value>, Failure> {
    // Checked here, so that a failure is a value and not a pending exception of the constructor.
    let path = args.path(scope, 0)?;
    list(scope.env().task(), &path).map_err(|error| {
        Failure::from(error)
            .with_syscall("opendir")
            .with_path(&path)
    })?;
    Ok(new_instance(scope, &DIR_HANDLE, &[args.get(0)])?.into())
}

/// `read(encoding, bufferSize, req)`: `[name, type, name, type, …]`, or `null` at the end.
fn read<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let handle = args.native::<DirHandle>(scope)?;
    let encoding = Encoding::of(scope, args.get(0));
    let portion = args.usize(1)?.max(1);
    let mut rest = handle.rest.borrow_mut();
    let count = portion.min(rest.len());
    let outcome = if handle.closed.get() {
        Err(Failure::system(Errno::EBADF.raw(), "scandir"))
    } else if count == 0 {
        Ok(Answer::Null)
    } else {
        Ok(Answer::Pairs(rest.drain(..count).collect(), encoding))
    };
    drop(rest);
    answer(scope, args, 2, outcome)
}

/// `close(req)`.
fn close<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let handle = args.native::<DirHandle>(scope)?;
    handle.closed.set(true);
    handle.rest.borrow_mut().clear();
    answer(scope, args, 0, Ok(Answer::Nothing))
}
