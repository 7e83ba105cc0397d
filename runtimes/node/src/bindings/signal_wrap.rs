//! `internalBinding('signal_wrap')`: signals told to JavaScript. Node: `src/signal_wrap.cc`; libuv: src/unix/signal.c.
//!
//! A watched signal has a handler in the kernel; what the kernel delivers is noted by `program`, whether the thread is in the loop or in a
//! call, and told to the handles from the loop ([`arrived`]).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use cenote_abi::signal::{SaFlags, SigSet};
use cenote_abi::{Errno, SigNum};
use cenote_kernel::{SigAction, SigHandler, syscall};

use crate::event_loop::handles::{AsyncInfo, HANDLE_WRAP, HandleState};
use crate::event_loop::{CallContext, make_callback};
use crate::glue::{
    Args, Binding, BindingResult, Class, Native, Scope, ScopeExt, attach, native_of,
};

pub(super) const BINDING: Binding = Binding::new("signal_wrap").class(&SIGNAL);

static SIGNAL: Class = Class::new("Signal", new_signal)
    .extends(&HANDLE_WRAP)
    .method("start", start)
    .method("stop", stop);

/// Who watches what.
#[derive(Default)]
struct Signals {
    watchers: RefCell<BTreeMap<SigNum, Vec<i32>>>,
}

struct Signal {
    info: AsyncInfo,
    handle: HandleState,
    number: Cell<i32>,
    watched: Cell<Option<SigNum>>,
}

impl Native for Signal {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn handle(&self) -> Option<&HandleState> {
        Some(&self.handle)
    }

    fn close(&self, scope: &mut Scope<'_, '_>) {
        self.unwatch(scope);
    }
}

impl Signal {
    fn unwatch(&self, scope: &Scope<'_, '_>) {
        let Some(signal) = self.watched.take() else {
            return;
        };
        self.handle.set_active(scope, false);
        let env = scope.env();
        let signals = env.state::<Signals>();
        let mut watchers = signals.watchers.borrow_mut();
        let Some(list) = watchers.get_mut(&signal) else {
            return;
        };
        list.retain(|number| *number != self.number.get());
        if list.is_empty() {
            watchers.remove(&signal);
            let default = SigAction {
                handler: SigHandler::Default,
                flags: SaFlags::empty(),
                mask: SigSet::EMPTY,
            };
            if let Err(error) = syscall::rt_sigaction(env.task(), signal, Some(default)) {
                tracing::debug!(target: "cenote::node", %error, "resetting a signal");
            }
        }
    }
}

/// Whether JavaScript listens to a signal.
pub(super) fn is_watched(env: &crate::environment::Environment, signal: SigNum) -> bool {
    env.state::<Signals>()
        .watchers
        .borrow()
        .contains_key(&signal)
}

/// Tells the handles that watch `signal`.
pub(crate) fn arrived(scope: &mut Scope<'_, '_>, signal: SigNum) {
    let env = scope.env();
    let watchers = env
        .state::<Signals>()
        .watchers
        .borrow()
        .get(&signal)
        .cloned()
        .unwrap_or_default();
    for number in watchers {
        v8::scope!(let scope, scope);
        let Some(object) = env.natives().object(scope, number) else {
            continue;
        };
        let Some(native) = native_of::<Signal>(scope, object) else {
            continue;
        };
        let raw = v8::Integer::new(scope, signal.raw());
        let context = CallContext::of(&native.info);
        make_callback(scope, object, "onsignal", &[raw.into()], &context);
    }
}

fn new_signal<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let this = args.this();
    let info = AsyncInfo::new(scope, this, "SIGNALWRAP");
    let signal = Rc::new(Signal {
        info,
        handle: HandleState::default(),
        number: Cell::new(0),
        watched: Cell::new(None),
    });
    let number = attach(scope, this, Rc::clone(&signal));
    signal.number.set(number);
    // Held by its registration with the kernel until it is closed.
    scope.env().natives().keep(scope, this);
    Ok(().into())
}

/// `start(number)`: 0, or a negative errno.
fn start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Signal>(scope)?;
    let Some(signal) = SigNum::from_raw(args.i32(scope, 0)?) else {
        return Ok((-Errno::EINVAL.raw()).into());
    };
    native.unwatch(scope);
    let env = scope.env();
    if signal == SigNum::SIGUSR1 {
        env.threads()
            .debug_signal
            .store(false, std::sync::atomic::Ordering::Release);
    }
    // What the number means is ours alone: the runtime never calls into a guest by it.
    let action = SigAction {
        handler: SigHandler::Function(1),
        flags: SaFlags::SA_RESTART,
        mask: SigSet::EMPTY,
    };
    if let Err(error) = syscall::rt_sigaction(env.task(), signal, Some(action)) {
        return Ok((-error.errno().raw()).into());
    }
    env.state::<Signals>()
        .watchers
        .borrow_mut()
        .entry(signal)
        .or_default()
        .push(native.number.get());
    native.watched.set(Some(signal));
    native.handle.set_active(scope, true);
    Ok(0.into())
}

fn stop<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<Signal>(scope)?.unwatch(scope);
    Ok(0.into())
}
