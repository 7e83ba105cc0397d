//! The `NodeWorker` domain: a debugger of the main thread reaches the process's workers through it. Node:
//! `src/inspector/worker_agent.cc`, `src/inspector/worker_inspector.cc`.
//!
//! Workers are listed in their process's [`InspectedWorkers`]; only while somebody has enabled the domain they announce themselves.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::environment::Environment;
use crate::glue::{Scope, ScopeExt};
use crate::inspector::agent::{Agent, Frontend};
use crate::inspector::domains::event;
use crate::inspector::{Mailbox, mailbox, worker_session};
use crate::threads::ThreadGroup;

/// A worker that can be debugged.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) id: u64,
    pub(super) title: String,
    pub(super) url: String,
    pub(super) mailbox: Arc<Mailbox>,
}

/// The workers of a process, and whether a debugger wants to know of them. The lock is a leaf.
#[derive(Debug, Default)]
pub(crate) struct InspectedWorkers {
    list: Mutex<Vec<Target>>,
    /// Sessions with the domain enabled.
    enabled: AtomicUsize,
    /// Those of them for which new workers wait.
    waits: AtomicUsize,
    /// Sessions that see workers as targets; new workers wait for these, too.
    pub(super) targets: AtomicUsize,
}

impl InspectedWorkers {
    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Target>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The workers there are.
    pub(super) fn all(&self) -> Vec<Target> {
        self.list().clone()
    }

    fn is_watched(&self) -> bool {
        self.enabled.load(Ordering::SeqCst) + self.targets.load(Ordering::SeqCst) > 0
    }
}

/// A worker is there to be debugged until this is dropped.
pub(crate) struct Presence {
    group: Arc<ThreadGroup>,
    id: u64,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let workers = &self.group.inspected_workers;
        workers.list().retain(|other| other.id != self.id);
        let id = self.id;
        if workers.is_watched()
            && let Some(main) = self.group.main_mailbox.get()
        {
            main.post(move |_, agent| {
                for frontend in agent.all() {
                    frontend.domains.workers.finished(agent, &frontend, id);
                    frontend.domains.targets.finished(id);
                }
            });
        }
    }
}

/// Whether the program of a worker is to pause at its first line.
#[derive(Default)]
pub(crate) struct BreaksFirstLine(pub(crate) Cell<bool>);

/// Lists a worker, and has it wait if a debugger wants that. `None` for threads of the library's own.
pub(crate) fn announce(scope: &mut Scope<'_, '_>) -> Option<Presence> {
    let env = scope.env();
    let thread = env.thread();
    if thread.is_main || thread.is_internal {
        return None;
    }
    let name = if thread.name.is_empty() {
        String::new()
    } else {
        format!(" {}", thread.name)
    };
    let target = Target {
        id: thread.id,
        title: format!("[worker {}]{name}", thread.id),
        url: thread.url.clone(),
        mailbox: mailbox(&env),
    };
    let group = Arc::clone(env.threads());
    let workers = &group.inspected_workers;
    workers.list().push(target.clone());
    let is_target = workers.targets.load(Ordering::SeqCst) > 0;
    let waits = is_target || workers.waits.load(Ordering::SeqCst) > 0;
    if workers.is_watched()
        && let Some(main) = group.main_mailbox.get()
    {
        main.post(move |_, agent| {
            for frontend in agent.all() {
                let domains = &frontend.domains;
                domains.workers.started(agent, &frontend, &target, waits);
                domains.targets.created(agent, &frontend, &target, waits);
            }
        });
        env.state::<BreaksFirstLine>().0.set(waits);
    }
    let is_told_to = env.state::<BreaksFirstLine>().0.get();
    if is_told_to || super::waits(env.command_line()) {
        super::agent(scope).wait_for_frontend();
    }
    Some(Presence {
        id: env.thread().id,
        group,
    })
}

/// What a session has of the domain.
#[derive(Default)]
pub(super) struct Workers {
    is_enabled: Cell<bool>,
    waits: Cell<bool>,
    next: Cell<u32>,
    sessions: RefCell<BTreeMap<String, Attached>>,
}

/// A session with a worker.
#[derive(Clone)]
struct Attached {
    target: Target,
    session: i32,
}

impl Workers {
    /// `NodeWorker.enable`.
    pub(super) fn enable(&self, agent: &Agent, frontend: &Frontend, waits: bool) {
        let Some(env) = agent.env() else { return };
        let workers = &env.threads().inspected_workers;
        if !self.is_enabled.replace(true) {
            workers.enabled.fetch_add(1, Ordering::SeqCst);
        }
        if waits != self.waits.replace(waits) {
            if waits {
                workers.waits.fetch_add(1, Ordering::SeqCst);
            } else {
                workers.waits.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let known = workers.list().clone();
        for target in known {
            self.started(agent, frontend, &target, false);
        }
    }

    /// `NodeWorker.disable`, and the end of the session.
    pub(super) fn disable(&self, agent: &Agent, frontend: &Frontend) {
        let Some(env) = agent.env() else { return };
        let workers = &env.threads().inspected_workers;
        if self.is_enabled.replace(false) {
            workers.enabled.fetch_sub(1, Ordering::SeqCst);
        }
        if self.waits.replace(false) {
            workers.waits.fetch_sub(1, Ordering::SeqCst);
        }
        let names: Vec<String> = self.sessions.borrow().keys().cloned().collect();
        for name in names {
            self.detach(agent, frontend, &name);
        }
    }

    /// `NodeWorker.detach`.
    pub(super) fn detach(&self, agent: &Agent, frontend: &Frontend, name: &str) {
        let gone = self.sessions.borrow_mut().remove(name);
        if let Some(gone) = gone {
            let session = gone.session;
            gone.target
                .mailbox
                .post(move |_, agent| agent.disconnect(session));
            tell_detached(agent, frontend, name);
        }
    }

    /// `NodeWorker.sendMessageToWorker`.
    pub(super) fn send(&self, name: &str, message: String) {
        let attached = self.sessions.borrow().get(name).cloned();
        if let Some(Attached { target, session }) = attached {
            let has_room = target
                .mailbox
                .post_message(message, move |_, agent, message| {
                    agent.dispatch(session, message);
                });
            if !has_room {
                tracing::debug!(target: "cenote::node", "a worker takes no messages of its debugger");
            }
        }
    }

    fn started(&self, agent: &Agent, frontend: &Frontend, target: &Target, waits: bool) {
        let is_known = self
            .sessions
            .borrow()
            .values()
            .any(|other| other.target.id == target.id);
        let Some(env) = agent.env() else { return };
        if !self.is_enabled.get() || is_known {
            return;
        }
        let number = self.next.get().wrapping_add(1);
        self.next.set(number);
        let name = number.to_string();
        let session = worker_session::open(&env, frontend, target, name.clone(), tell);
        let attached = Attached {
            target: target.clone(),
            session,
        };
        self.sessions.borrow_mut().insert(name.clone(), attached);
        let params = json!({
            "sessionId": name,
            "workerInfo": {
                "workerId": target.id.to_string(),
                "type": "worker",
                "title": target.title,
                "url": target.url,
            },
            "waitingForDebugger": waits,
        });
        event(agent, frontend, "NodeWorker.attachedToWorker", &params);
    }

    fn finished(&self, agent: &Agent, frontend: &Frontend, id: u64) {
        let names: Vec<String> = self
            .sessions
            .borrow()
            .iter()
            .filter(|(_, attached)| attached.target.id == id)
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            self.sessions.borrow_mut().remove(&name);
            tell_detached(agent, frontend, &name);
        }
    }
}

fn tell_detached(agent: &Agent, frontend: &Frontend, name: &str) {
    let params = json!({ "sessionId": name });
    event(agent, frontend, "NodeWorker.detachedFromWorker", &params);
}

/// A worker's message, wrapped in an event.
fn tell(agent: &Agent, frontend: &Frontend, name: String, message: &str) {
    let params = json!({ "sessionId": name, "message": message });
    event(
        agent,
        frontend,
        "NodeWorker.receivedMessageFromWorker",
        &params,
    );
}

/// Whether a worker's program pauses at its first line because a debugger said so.
pub(crate) fn breaks_first_line(env: &Environment) -> bool {
    !env.is_main_thread() && env.state::<BreaksFirstLine>().0.get()
}
