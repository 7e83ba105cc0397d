//! `internalBinding('fs_event_wrap')`: changes of a file or directory (`fs.watch`). Node: `src/fs_event_wrap.cc`; libuv:
//! src/unix/linux.c (inotify).
//!
//! One inotify instance of the kernel serves all handles of a process; it is open while there is one. As in libuv, changes of
//! content or attributes are `change`, all others `rename`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use cenote_abi::poll::{InotifyFlags, InotifyMask, PollEvents};
use cenote_base::wait::block_on;
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall;

use super::fs::{Encoding, gate};
use crate::environment::Environment;
use crate::event_loop::handles::{AsyncInfo, HANDLE_WRAP, HandleState};
use crate::event_loop::{CallContext, FileReady, WatchId, make_callback};
use crate::glue::{
    Args, Binding, BindingResult, Class, Native, Scope, ScopeExt, Value, attach, native_of,
};

pub(super) const BINDING: Binding = Binding::new("fs_event_wrap").class(&FS_EVENT);

static FS_EVENT: Class = Class::new("FSEvent", new_event)
    .extends(&HANDLE_WRAP)
    .method("start", start)
    .getter("initialized", initialized);

/// The size of a `struct inotify_event` without its name.
const HEADER: usize = 16;

struct FsEvent {
    info: AsyncInfo,
    handle: HandleState,
    number: Cell<i32>,
    watched: Cell<Option<i32>>,
    /// The last part of the path: the name in events about the watched file itself.
    name: RefCell<Vec<u8>>,
    encoding: RefCell<Encoding>,
}

impl Native for FsEvent {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn handle(&self) -> Option<&HandleState> {
        Some(&self.handle)
    }

    fn close(&self, scope: &mut Scope<'_, '_>) {
        if let Some(watch) = self.watched.take() {
            let env = scope.env();
            env.state::<Watching>()
                .remove(&env, watch, self.number.get());
        }
        self.handle.set_active(scope, false);
    }
}

/// The process's inotify, while something is watched.
#[derive(Default)]
struct Watching {
    instance: RefCell<Option<Instance>>,
    /// The handles of each watch.
    handles: RefCell<BTreeMap<i32, Vec<i32>>>,
}

struct Instance {
    fd: Fd,
    id: WatchId,
}

impl Watching {
    fn fd(&self, env: &Environment) -> SysResult<Fd> {
        if let Some(instance) = self.instance.borrow().as_ref() {
            return Ok(instance.fd);
        }
        let flags = InotifyFlags::IN_NONBLOCK | InotifyFlags::IN_CLOEXEC;
        let fd = syscall::inotify_init1(env.task(), flags)?;
        let file = env.task().files().get(fd)?;
        let ready = FileReady {
            file,
            wanted: PollEvents::READABLE,
        };
        let id = env.event_loop().io().watch(Rc::new(ready), read);
        *self.instance.borrow_mut() = Some(Instance { fd, id });
        Ok(fd)
    }

    fn add(&self, env: &Environment, path: &[u8], handle: i32) -> SysResult<i32> {
        let mask = InotifyMask::IN_ATTRIB
            | InotifyMask::IN_CREATE
            | InotifyMask::IN_MODIFY
            | InotifyMask::IN_DELETE
            | InotifyMask::IN_DELETE_SELF
            | InotifyMask::IN_MOVE_SELF
            | InotifyMask::IN_MOVED_FROM
            | InotifyMask::IN_MOVED_TO;
        let fd = self.fd(env)?;
        let watch = syscall::inotify_add_watch(env.task(), fd, path, mask);
        match watch {
            Ok(watch) => {
                self.handles
                    .borrow_mut()
                    .entry(watch)
                    .or_default()
                    .push(handle);
                Ok(watch)
            }
            Err(error) => {
                self.close_if_idle(env);
                Err(error)
            }
        }
    }

    fn remove(&self, env: &Environment, watch: i32, handle: i32) {
        let is_last = {
            let mut handles = self.handles.borrow_mut();
            let list = handles.entry(watch).or_default();
            list.retain(|known| *known != handle);
            let is_last = list.is_empty();
            if is_last {
                handles.remove(&watch);
            }
            is_last
        };
        if is_last && let Some(instance) = self.instance.borrow().as_ref() {
            // The kernel has dropped the watch itself when the file is gone.
            let _gone_already = syscall::inotify_rm_watch(env.task(), instance.fd, watch);
        }
        self.close_if_idle(env);
    }

    fn close_if_idle(&self, env: &Environment) {
        if !self.handles.borrow().is_empty() {
            return;
        }
        let instance = self.instance.borrow_mut().take();
        if let Some(instance) = instance {
            env.event_loop().io().unwatch(instance.id);
            if let Err(error) = syscall::close(env.task(), instance.fd) {
                tracing::debug!(target: "cenote::node", %error, "closing inotify");
            }
        }
    }
}

fn new_event<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let info = AsyncInfo::new(scope, this, "FSEVENTWRAP");
    let event = Rc::new(FsEvent {
        info,
        handle: HandleState::default(),
        number: Cell::new(0),
        watched: Cell::new(None),
        name: RefCell::default(),
        encoding: RefCell::default(),
    });
    let number = attach(scope, this, Rc::clone(&event));
    event.number.set(number);
    Ok(().into())
}

fn initialized<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let event = args.native::<FsEvent>(scope)?;
    Ok(event.handle.is_active().into())
}

/// `start(path, persistent, recursive, encoding)`: 0, or a negative errno. Recursion is JavaScript's own on Linux.
fn start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let event = args.native::<FsEvent>(scope)?;
    if event.watched.get().is_some() {
        return Ok(0.into());
    }
    gate::check(scope, args, gate::READ)?;
    let path = args.path(scope, 0)?;
    let env = scope.env();
    let watching = env.state::<Watching>();
    let watch = match watching.add(&env, &path, event.number.get()) {
        Ok(watch) => watch,
        Err(error) => return Ok((-error.errno().raw()).into()),
    };
    event.watched.set(Some(watch));
    *event.encoding.borrow_mut() = Encoding::of(scope, args.get(3));
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(&path);
    *event.name.borrow_mut() = name.to_vec();
    if !args.bool(scope, 1) {
        event.handle.set_ref(scope, false);
    }
    event.handle.set_active(scope, true);
    env.natives().keep(scope, args.this());
    Ok(0.into())
}

/// One change, as the kernel tells it.
struct Change {
    watch: i32,
    mask: InotifyMask,
    name: Vec<u8>,
}

fn parse(mut bytes: &[u8]) -> Vec<Change> {
    let mut changes = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() {
        let word = |at: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&header[at * 4..at * 4 + 4]);
            word
        };
        let len = usize::try_from(u32::from_ne_bytes(word(3))).unwrap_or(usize::MAX);
        let Some((name, rest)) = rest.split_at_checked(len) else {
            break;
        };
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(len);
        changes.push(Change {
            watch: i32::from_ne_bytes(word(0)),
            mask: InotifyMask::from_bits_retain(u32::from_ne_bytes(word(1))),
            name: name.get(..end).unwrap_or_default().to_vec(),
        });
        bytes = rest;
    }
    changes
}

/// The inotify has something to tell.
fn read(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    let watching = env.state::<Watching>();
    let Some(fd) = watching.instance.borrow().as_ref().map(|open| open.fd) else {
        return;
    };
    let mut buffer = vec![0; 4096];
    let Ok(len) = block_on(syscall::read(env.task(), fd, &mut buffer)) else {
        return;
    };
    for change in parse(buffer.get(..len).unwrap_or_default()) {
        let handles = watching
            .handles
            .borrow()
            .get(&change.watch)
            .cloned()
            .unwrap_or_default();
        for number in handles {
            if env.can_call_into_js() {
                v8::scope!(let scope, scope);
                tell(scope, number, &change);
            }
        }
    }
}

fn tell(scope: &mut Scope<'_, '_>, number: i32, change: &Change) {
    let env = scope.env();
    let Some(object) = env.natives().object(scope, number) else {
        return;
    };
    let Some(event) = native_of::<FsEvent>(scope, object) else {
        return;
    };
    let content = InotifyMask::IN_ATTRIB | InotifyMask::IN_MODIFY;
    let kind = if change.mask.difference(content).is_empty() {
        "change"
    } else {
        "rename"
    };
    let name = if change.name.is_empty() {
        event.name.borrow().clone()
    } else {
        change.name.clone()
    };
    let encoding = event.encoding.borrow().clone();
    let Ok(name) = encoding.show(scope, name) else {
        return;
    };
    let status: Value<'_> = v8::Integer::new(scope, 0).into();
    let args = [status, scope.text(kind).into(), name];
    let context = CallContext::of(&event.info);
    make_callback(scope, object, "onchange", &args, &context);
}
