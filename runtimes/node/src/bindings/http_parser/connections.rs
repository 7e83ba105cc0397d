//! `ConnectionsList`: the parsers of a server, by the time their message began.
//!
//! A parser is in `all` from `initialize` to `remove`, and in `active` while it reads a message. A list holds numbers of native
//! objects, so it keeps no parser alive.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::parser::Parser;
use crate::glue::{
    Args, BindingResult, Class, Native, Object, Scope, ScopeExt, Value, attach, native_of,
};

pub(super) static CONNECTIONS_LIST: Class = Class::new("ConnectionsList", new_list)
    .method("all", all)
    .method("idle", idle)
    .method("active", active)
    .method("expired", expired);

/// When its message began (nanoseconds; 0: it is idle), and which parser.
pub(super) type Entry = (u64, i32);

/// The parsers of a server.
#[derive(Debug, Default)]
pub(super) struct ConnectionsList {
    all: RefCell<BTreeSet<Entry>>,
    active: RefCell<BTreeSet<Entry>>,
}

impl Native for ConnectionsList {}

impl ConnectionsList {
    /// A parser joins; `active` says whether it reads a message.
    pub(super) fn push(&self, entry: Entry, active: bool) {
        self.all.borrow_mut().insert(entry);
        if active {
            self.active.borrow_mut().insert(entry);
        }
    }

    /// A parser leaves. To be called before its time changes.
    pub(super) fn pop(&self, entry: Entry) {
        self.all.borrow_mut().remove(&entry);
        self.active.borrow_mut().remove(&entry);
    }
}

fn new_list<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    attach(scope, args.this(), Rc::new(ConnectionsList::default()));
    Ok(().into())
}

fn objects<'s>(
    scope: &Scope<'s, '_>,
    list: &RefCell<BTreeSet<Entry>>,
    wanted: impl Fn(Entry) -> bool,
) -> Value<'s> {
    let env = scope.env();
    // A parser that was collected without `remove` leaves its number behind.
    list.borrow_mut()
        .retain(|entry| env.natives().object(scope, entry.1).is_some());
    let found: Vec<Value<'s>> = list
        .borrow()
        .iter()
        .filter(|entry| wanted(**entry))
        .filter_map(|entry| env.natives().object(scope, entry.1))
        .map(Into::into)
        .collect();
    scope.array(&found).into()
}

fn all<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<ConnectionsList>(scope)?;
    Ok(objects(scope, &list.all, |_| true).into())
}

fn idle<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<ConnectionsList>(scope)?;
    Ok(objects(scope, &list.all, |(start, _)| start == 0).into())
}

fn active<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let list = args.native::<ConnectionsList>(scope)?;
    Ok(objects(scope, &list.active, |_| true).into())
}

/// `expired(headersTimeout, requestTimeout)`: the active parsers that are late; they are active no more.
fn expired<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const MILLISECOND: u64 = 1_000_000;
    let list = args.native::<ConnectionsList>(scope)?;
    let mut headers_timeout = u64::from(args.u32(scope, 0)?) * MILLISECOND;
    let mut request_timeout = u64::from(args.u32(scope, 1)?) * MILLISECOND;
    if request_timeout > 0 && headers_timeout > request_timeout {
        std::mem::swap(&mut headers_timeout, &mut request_timeout);
    }
    let now = super::parser::now(scope);
    let deadline = |timeout: u64| {
        if timeout > 0 {
            now.saturating_sub(timeout)
        } else {
            0
        }
    };
    let (headers_deadline, request_deadline) =
        (deadline(headers_timeout), deadline(request_timeout));
    let env = scope.env();
    let entries: Vec<Entry> = list.active.borrow().iter().copied().collect();
    let mut late: Vec<Value<'s>> = Vec::new();
    for entry in entries {
        let object: Option<Object<'s>> = env.natives().object(scope, entry.1);
        let Some((object, parser)) = object
            .and_then(|object| native_of::<Parser>(scope, object).map(|parser| (object, parser)))
        else {
            list.active.borrow_mut().remove(&entry);
            continue;
        };
        let start = entry.0;
        if (!parser.headers_completed() && start < headers_deadline) || start < request_deadline {
            late.push(object.into());
            list.active.borrow_mut().remove(&entry);
        }
    }
    Ok(scope.array(&late).into())
}
