//! Profiles that a program takes of itself or of its workers: `v8.startCpuProfile()`, `worker.startCpuProfile()`,
//! `worker.startHeapProfile()`. Each is a session with V8. Node: `src/env.cc` (`StartCpuProfile`), `src/node_worker.cc`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value as Json;

use crate::environment::Environment;
use crate::glue::{Scope, ScopeExt as _};
use crate::inspector::agent::{Agent, Sink, agent, existing, next_session};

/// The last answer of a session.
type Answer = Rc<RefCell<Option<String>>>;

struct Keep(Answer);

impl Sink for Keep {
    fn send(&self, _agent: &Agent, message: String) {
        *self.0.borrow_mut() = Some(message);
    }
}

/// Profiles under way, by their session.
#[derive(Default)]
struct Samplings(RefCell<BTreeMap<i32, Answer>>);

fn ask(agent: &Agent, session: i32, id: i32, method: &str) {
    agent.dispatch(session, &format!("{{\"id\":{id},\"method\":\"{method}\"}}"));
}

fn start(scope: &mut Scope<'_, '_>, methods: [&str; 2]) -> i32 {
    let agent = agent(scope);
    let session = next_session();
    let answer = Answer::default();
    agent.connect(session, Box::new(Keep(Rc::clone(&answer))), false);
    scope
        .env()
        .state::<Samplings>()
        .0
        .borrow_mut()
        .insert(session, answer);
    ask(&agent, session, 1, methods[0]);
    ask(&agent, session, 2, methods[1]);
    session
}

fn stop(env: &Environment, session: i32, method: &str) -> Option<String> {
    let answer = env.state::<Samplings>().0.borrow_mut().remove(&session)?;
    let agent = existing(env)?;
    answer.borrow_mut().take();
    ask(&agent, session, 3, method);
    agent.disconnect(session);
    let text = answer.borrow_mut().take()?;
    let mut answer: Json = serde_json::from_str(&text).ok()?;
    let profile = answer.get_mut("result")?.get_mut("profile")?.take();
    Some(profile.to_string())
}

/// Begins to look what the isolate's JavaScript does; the number to stop it by.
pub(crate) fn start_cpu_profile(scope: &mut Scope<'_, '_>) -> i32 {
    start(scope, ["Profiler.enable", "Profiler.start"])
}

/// Stops; the profile as JSON. `None` for a number that is none.
pub(crate) fn stop_cpu_profile(env: &Environment, session: i32) -> Option<String> {
    stop(env, session, "Profiler.stop")
}

/// Begins to look what is allocated.
pub(crate) fn start_heap_profile(scope: &mut Scope<'_, '_>) -> i32 {
    start(scope, ["HeapProfiler.enable", "HeapProfiler.startSampling"])
}

/// Stops; the profile as JSON.
pub(crate) fn stop_heap_profile(env: &Environment, session: i32) -> Option<String> {
    stop(env, session, "HeapProfiler.stopSampling")
}
