//! `internalBinding('locks')`: web locks (`navigator.locks`), over all threads of the process. Node: `src/node_locks.cc`.
//!
//! `manager` knows who holds what; this file has the callbacks and promises of one thread.

pub(crate) mod manager;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::glue::{
    Args, Binding, BindingResult, Failure, Object, Return, Scope, ScopeExt, Unlisted, Value,
    native_closure,
};
use crate::threads::ThreadGroup;
use manager::{Entry, Step};

pub(super) const BINDING: Binding = Binding::new("locks")
    .function("request", request)
    .function("query", query);

/// A request of this thread.
struct Waiting {
    callback: v8::Global<v8::Function>,
    released: v8::Global<v8::PromiseResolver>,
}

/// The requests and locks of this thread.
#[derive(Default)]
struct Table {
    entries: RefCell<HashMap<u64, Waiting>>,
    /// Set with the first request: what is to be told when the thread ends.
    home: RefCell<Option<(Arc<ThreadGroup>, u64)>>,
}

impl Drop for Table {
    fn drop(&mut self) {
        if let Some((group, thread)) = self.home.borrow_mut().take() {
            group.locks.forget(thread);
        }
    }
}

/// `request(name, clientId, mode, steal, ifAvailable, callback)`: a promise for what the callback gives.
fn request<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let thread = env.thread().id;
    let entry = Entry {
        id: 0,
        thread,
        name: args.text(scope, 0)?,
        client: args.text(scope, 1)?,
        is_shared: args.text(scope, 2)? == "shared",
        steals: args.bool(scope, 3),
        if_available: args.bool(scope, 4),
    };
    let callback = args.function(5)?;
    let released = v8::PromiseResolver::new(scope).ok_or(Failure::Pending)?;
    let promise = released.get_promise(scope);
    promise.mark_as_handled();
    let table = env.state::<Table>();
    table
        .home
        .borrow_mut()
        .get_or_insert_with(|| (Arc::clone(env.threads()), thread));
    let remote = env.event_loop().io().remote();
    let id = env.threads().locks.request(entry, remote);
    table.entries.borrow_mut().insert(
        id,
        Waiting {
            callback: v8::Global::new(scope, callback),
            released: v8::Global::new(scope, released),
        },
    );
    process_queue(scope);
    Ok(promise.into())
}

/// Another thread gave something back.
fn process_queue_from_loop(scope: &mut Scope<'_, '_>) {
    process_queue(scope);
    crate::event_loop::after_callback(scope);
}

/// Does all that this thread can do now.
fn process_queue(scope: &mut Scope<'_, '_>) {
    let env = scope.env();
    let thread = env.thread().id;
    while env.can_call_into_js() {
        v8::scope!(let scope, scope);
        match env.threads().locks.step(thread) {
            Step::Nothing => return,
            Step::Stolen(ids) => {
                for id in ids {
                    let text = scope.text("LOCK_STOLEN");
                    let error = v8::Exception::error(scope, text);
                    settle(scope, id, Err(error));
                }
            }
            Step::Refuse(entry) => {
                let nothing = scope.null();
                let outcome = call(scope, entry.id, nothing);
                settle(scope, entry.id, outcome);
            }
            Step::Grant(entry) => grant(scope, &entry),
        }
    }
}

/// Calls the callback of a request; what it threw is the error.
fn call<'s>(scope: &mut Scope<'s, '_>, id: u64, lock: Value<'s>) -> Result<Value<'s>, Value<'s>> {
    let table = scope.env().state::<Table>();
    let callback = table
        .entries
        .borrow()
        .get(&id)
        .map(|waiting| v8::Local::new(scope, &waiting.callback));
    let Some(callback) = callback else {
        return Err(scope.undefined());
    };
    let outcome = {
        v8::tc_scope!(let catch, scope);
        let nothing = catch.undefined();
        match callback.call(catch, nothing, &[lock]) {
            Some(value) => Ok(v8::Global::new(catch, value)),
            None => Err(catch
                .exception()
                .filter(|_| !catch.has_terminated())
                .map(|exception| v8::Global::new(catch, exception))),
        }
    };
    match outcome {
        Ok(value) => Ok(v8::Local::new(scope, &value)),
        Err(Some(error)) => Err(v8::Local::new(scope, &error)),
        Err(None) => Err(scope.undefined()),
    }
}

/// Settles the promise of a request, once.
fn settle<'s>(scope: &mut Scope<'s, '_>, id: u64, outcome: Result<Value<'s>, Value<'s>>) {
    let table = scope.env().state::<Table>();
    let waiting = table.entries.borrow_mut().remove(&id);
    let Some(waiting) = waiting else { return };
    let released = v8::Local::new(scope, &waiting.released);
    let _settled = match outcome {
        Ok(value) => released.resolve(scope, value),
        Err(error) => released.reject(scope, error),
    };
}

fn grant<'s>(scope: &mut Scope<'s, '_>, entry: &Entry) {
    let info = describe(scope, entry);
    let result = call(scope, entry.id, info.into());
    let promise = result
        .ok()
        .and_then(|value| v8::Local::<v8::Promise>::try_from(value).ok());
    let Some(promise) = promise else {
        release(scope, entry.id, result);
        return;
    };
    #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
    let id = scope.number(entry.id as f64);
    let fulfilled = native_closure(scope, &CALLBACK_FULFILLED, id);
    let rejected = native_closure(scope, &CALLBACK_REJECTED, id);
    if let (Some(fulfilled), Some(rejected)) = (fulfilled, rejected) {
        let _chained = promise.then2(scope, fulfilled, rejected);
    }
}

/// The callback is done with the lock.
fn release<'s>(scope: &mut Scope<'s, '_>, id: u64, outcome: Result<Value<'s>, Value<'s>>) {
    let env = scope.env();
    env.threads().locks.release(env.thread().id, id);
    settle(scope, id, outcome);
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number that `grant` bound"
)]
fn bound_id(scope: &Scope<'_, '_>, args: &Args<'_>) -> u64 {
    args.bound()
        .and_then(|id| id.number_value(scope))
        .unwrap_or(0.0) as u64
}

/// Chained to the promise of a callback.
pub(super) static CALLBACK_FULFILLED: Unlisted = Unlisted::new(callback_fulfilled);

/// The promise of a callback was fulfilled.
fn callback_fulfilled<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let id = bound_id(scope, args);
    release(scope, id, Ok(args.get(0)));
    process_queue(scope);
    Ok(Return::Undefined)
}

/// Chained to the promise of a callback.
pub(super) static CALLBACK_REJECTED: Unlisted = Unlisted::new(callback_rejected);

/// The promise of a callback was rejected.
fn callback_rejected<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let id = bound_id(scope, args);
    release(scope, id, Err(args.get(0)));
    process_queue(scope);
    Ok(Return::Undefined)
}

/// `{ name, mode, clientId }`.
fn describe<'s>(scope: &Scope<'s, '_>, entry: &Entry) -> Object<'s> {
    let object = scope.object();
    let mode = if entry.is_shared {
        "shared"
    } else {
        "exclusive"
    };
    scope.set(object, "name", scope.text(&entry.name).into());
    scope.set(object, "mode", scope.name(mode).into());
    scope.set(object, "clientId", scope.text(&entry.client).into());
    object
}

/// `query()`: a promise for the locks held and waited for.
fn query<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    let (held, pending) = env.threads().locks.query(env.thread().id);
    let resolver = v8::PromiseResolver::new(scope).ok_or(Failure::Pending)?;
    let result = scope.object();
    for (name, list) in [("held", held), ("pending", pending)] {
        let list: Vec<Value<'s>> = list
            .iter()
            .map(|entry| describe(scope, entry).into())
            .collect();
        let list = scope.array(&list);
        scope.set(result, name, list.into());
    }
    resolver
        .resolve(scope, result.into())
        .ok_or(Failure::Pending)?;
    Ok(resolver.get_promise(scope).into())
}
