//! `getaddrinfo` over the name servers of `/etc/resolv.conf`, as a C library does it: A and AAAA side by side, a few seconds for each try.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use hickory_proto::op::{Message, Query as Question, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use super::channel::{Attempt, Outcome, ask_server, named_servers};
use super::lookup::{EAI_NONAME, Wanted, told};
use crate::event_loop::WatchId;
use crate::event_loop::handles::finish_request;
use crate::glue::{Object, Scope, ScopeExt};

/// libuv's `UV_EAI_AGAIN`.
const EAI_AGAIN: i32 = -3001;
/// resolv.conf(5): `timeout` and `attempts`.
const PATIENCE: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 2;
/// Servers that are asked: `MAXNS`.
const MAX_SERVERS: usize = 3;
/// Addresses taken from an answer.
const MAX_ADDRESSES: usize = 256;

/// A lookup under way.
struct Lookup {
    request: v8::Global<v8::Object>,
    wanted: Wanted,
    servers: Vec<SocketAddr>,
    found: Vec<IpAddr>,
    /// Questions without an answer yet.
    outstanding: usize,
    /// A server said, or would not say.
    has_failed: bool,
}

type Shared = Rc<RefCell<Lookup>>;

/// Begins a lookup; answers whether there is a server to ask and a name to ask for.
pub(super) fn ask<'s>(
    scope: &Scope<'s, '_>,
    request: Object<'s>,
    name: &str,
    wanted: Wanted,
) -> bool {
    let mut servers = named_servers(scope);
    servers.truncate(MAX_SERVERS);
    // A name that no DNS message can carry is nobody's.
    let Ok(mut name) = Name::from_ascii(name) else {
        return false;
    };
    name.set_fqdn(true);
    if servers.is_empty() || name.is_root() {
        return false;
    }
    let mut kinds = Vec::new();
    if wanted.family != 4 {
        kinds.push(RecordType::AAAA);
    }
    if wanted.takes_v4() {
        kinds.push(RecordType::A);
    }
    let lookup = Rc::new(RefCell::new(Lookup {
        request: v8::Global::new(scope, request),
        wanted,
        servers,
        found: Vec::new(),
        outstanding: kinds.len(),
        has_failed: false,
    }));
    scope.env().event_loop().begin_request();
    for kind in kinds {
        attempt(scope, &lookup, &Question::query(name.clone(), kind), 0);
    }
    true
}

/// Asks the next server; the question has failed when none is left.
fn attempt(scope: &Scope<'_, '_>, lookup: &Shared, question: &Question, from: usize) {
    let env = scope.env();
    let servers = lookup.borrow().servers.clone();
    for number in from..servers.len().saturating_mul(ATTEMPTS) {
        let Some(server) = servers.get(number % servers.len()) else {
            break;
        };
        let asked = ask_server(env.task(), *server, None, question, PATIENCE, env.clock());
        let attempt = match asked {
            Ok(attempt) => Rc::new(attempt),
            Err(error) => {
                tracing::debug!(target: "cenote::node", %server, %error, "a name server that cannot be asked");
                continue;
            }
        };
        let (lookup, question) = (Rc::clone(lookup), question.clone());
        let watch: Rc<RefCell<Option<WatchId>>> = Rc::default();
        let (own, seen) = (Rc::clone(&watch), Rc::clone(&attempt));
        let id = env.event_loop().io().watch(attempt, move |scope| {
            on_ready(scope, &lookup, &question, &seen, number, &own);
        });
        *watch.borrow_mut() = Some(id);
        return;
    }
    env.event_loop().complete({
        let lookup = Rc::clone(lookup);
        move |scope| finish(scope, &lookup, None)
    });
}

fn on_ready(
    scope: &mut Scope<'_, '_>,
    lookup: &Shared,
    question: &Question,
    attempt_made: &Attempt,
    number: usize,
    watch: &RefCell<Option<WatchId>>,
) {
    let outcome = attempt_made.look(question);
    if matches!(outcome, Outcome::Nothing) {
        return;
    }
    if let Some(id) = watch.borrow_mut().take() {
        scope.env().event_loop().io().unwatch(id);
    }
    match outcome {
        Outcome::Answer(message)
            if matches!(
                message.metadata.response_code,
                ResponseCode::NoError | ResponseCode::NXDomain
            ) =>
        {
            finish(scope, lookup, Some(&message));
        }
        _ => attempt(scope, lookup, question, number + 1),
    }
}

/// One question is done; the last tells the caller.
fn finish(scope: &mut Scope<'_, '_>, lookup: &Shared, answer: Option<&Message>) {
    {
        let mut lookup = lookup.borrow_mut();
        match answer {
            None => lookup.has_failed = true,
            Some(message) => {
                let addresses = message
                    .answers
                    .iter()
                    .filter_map(|record| match &record.data {
                        RData::A(address) => Some(IpAddr::V4(address.0)),
                        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
                        _ => None,
                    });
                lookup.found.extend(addresses.take(MAX_ADDRESSES));
            }
        }
        lookup.outstanding = lookup.outstanding.saturating_sub(1);
        if lookup.outstanding > 0 {
            return;
        }
    }
    scope.env().event_loop().end_request();
    let (request, wanted, mut found, has_failed) = {
        let mut lookup = lookup.borrow_mut();
        let found = std::mem::take(&mut lookup.found);
        (
            lookup.request.clone(),
            lookup.wanted,
            found,
            lookup.has_failed,
        )
    };
    found.sort_by_key(IpAddr::is_ipv4);
    let found = wanted.choose(found);
    let outcome = match found.as_slice() {
        [] if has_failed => Err(EAI_AGAIN),
        [] => Err(EAI_NONAME),
        found => Ok(found),
    };
    let request = v8::Local::new(scope, &request);
    let args = told(scope, outcome);
    finish_request(scope, request, "oncomplete", &args);
}
