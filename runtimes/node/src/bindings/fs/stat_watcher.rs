//! `StatWatcher`, under `fs.watchFile`: a file's stat taken again and again. Node: `src/node_stat_watcher.cc`; libuv: src/fs-poll.c.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use cenote_abi::fs::AtFlags;
use cenote_kernel::syscall::{self, At};

use super::gate;
use super::stat::{FIELDS, stat_numbers};
use crate::event_loop::handles::{AsyncInfo, HANDLE_WRAP, HandleState};
use crate::event_loop::{AlarmId, CallContext, make_callback};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, attach, native_of,
};

pub(super) static STAT_WATCHER: Class = Class::new("StatWatcher", new_watcher)
    .extends(&HANDLE_WRAP)
    .method("start", start);

type Numbers = [i64; FIELDS];

/// What the last look found.
#[derive(Clone, Copy)]
enum Seen {
    Nothing,
    File,
    Error(i32),
}

struct StatWatcher {
    info: AsyncInfo,
    handle: HandleState,
    big: bool,
    path: RefCell<Vec<u8>>,
    interval: Cell<Duration>,
    alarm: Cell<Option<AlarmId>>,
    seen: Cell<Seen>,
    last: RefCell<Numbers>,
}

impl Native for StatWatcher {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn handle(&self) -> Option<&HandleState> {
        Some(&self.handle)
    }

    fn close(&self, scope: &mut Scope<'_, '_>) {
        if let Some(alarm) = self.alarm.take() {
            scope.env().event_loop().timers().cancel_alarm(alarm);
        }
        self.handle.set_active(scope, false);
    }
}

fn new_watcher<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let info = AsyncInfo::new(scope, this, "STATWATCHER");
    attach(
        scope,
        this,
        Rc::new(StatWatcher {
            info,
            handle: HandleState::default(),
            big: args.get(0).is_true(),
            path: RefCell::default(),
            interval: Cell::default(),
            alarm: Cell::default(),
            seen: Cell::new(Seen::Nothing),
            last: RefCell::new([0; FIELDS]),
        }),
    );
    Ok(().into())
}

/// `start(path, interval)`: 0. The first look is in the loop's next turn.
fn start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let watcher = args.native::<StatWatcher>(scope)?;
    if watcher.handle.is_active() {
        return Ok(0.into());
    }
    gate::check(scope, args, gate::READ)?;
    *watcher.path.borrow_mut() = args.path(scope, 0)?;
    let interval = args.u32(scope, 1)?.max(1);
    watcher.interval.set(Duration::from_millis(interval.into()));
    watcher.handle.set_active(scope, true);
    scope.env().natives().keep(scope, args.this());
    wait(scope, &watcher, args.this(), Duration::ZERO);
    Ok(0.into())
}

fn wait(scope: &Scope<'_, '_>, watcher: &StatWatcher, object: Object<'_>, delay: Duration) {
    let object = v8::Global::new(scope, object);
    let env = scope.env();
    let alarm = env
        .event_loop()
        .timers()
        .set_alarm(delay, move |scope| look(scope, &object));
    watcher.alarm.set(Some(alarm));
}

/// One look at the file.
fn look(scope: &mut Scope<'_, '_>, object: &v8::Global<v8::Object>) {
    let object = v8::Local::new(scope, object);
    let Some(watcher) = native_of::<StatWatcher>(scope, object) else {
        return;
    };
    if !watcher.handle.is_active() {
        return;
    }
    let before = *watcher.last.borrow();
    let found = {
        let env = scope.env();
        let path = watcher.path.borrow();
        syscall::fstatat(env.task(), At::Cwd, &path, AtFlags::empty())
            .map(|stat| stat_numbers(&stat))
            .map_err(|error| error.errno())
    };
    let seen = watcher.seen.get();
    let (status, now, is_news) = match found {
        Ok(now) => {
            let is_news = match seen {
                Seen::Nothing => false,
                Seen::Error(_) => true,
                Seen::File => !is_same(&before, &now),
            };
            watcher.seen.set(Seen::File);
            *watcher.last.borrow_mut() = now;
            (0, now, is_news)
        }
        Err(errno) => {
            let status = -errno.raw();
            let is_news = !matches!(seen, Seen::Error(known) if known == status);
            watcher.seen.set(Seen::Error(status));
            (status, [0; FIELDS], is_news)
        }
    };
    // Before the callback, which may close the handle.
    wait(scope, &watcher, object, watcher.interval.get());
    if is_news && tell(scope, &watcher, object, status, (&now, &before)).is_err() {
        tracing::debug!(target: "cenote::node", "no array for a stat watcher");
    }
}

/// libuv's `statbuf_eq`: everything but the access time and the blocks.
fn is_same(one: &Numbers, other: &Numbers) -> bool {
    const BLOCKS: usize = 9;
    const ATIME: std::ops::RangeInclusive<usize> = 10..=11;
    (0..FIELDS)
        .filter(|field| *field != BLOCKS && !ATIME.contains(field))
        .all(|field| one.get(field) == other.get(field))
}

fn tell<'s>(
    scope: &mut Scope<'s, '_>,
    watcher: &StatWatcher,
    object: Object<'s>,
    status: i32,
    (now, before): (&Numbers, &Numbers),
) -> Result<(), Failure> {
    let name = if watcher.big {
        "bigintStatValues"
    } else {
        "statValues"
    };
    let field = scope.env().field(scope, "fs", name)?;
    for (index, number) in now.iter().chain(before).enumerate() {
        field.set_i64(index, *number);
    }
    let args = [v8::Integer::new(scope, status).into(), field.view(scope)];
    let context = CallContext::of(&watcher.info);
    make_callback(scope, object, "onchange", &args, &context);
    Ok(())
}
