//! The `Target` domain (`--experimental-worker-inspection`): a debugger of the main thread has sessions with the process's workers over its
//! own connection; messages of theirs carry a `sessionId`. Node: `src/inspector/target_agent.cc`.
//!
//! While such a debugger is connected, new workers wait for it. It is told of each; it asks for sessions once (`setAutoAttach`).

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;

use serde_json::{Value as Json, json};

use crate::inspector::agent::{Agent, Frontend};
use crate::inspector::domains::{Refusal, Request, event};
use crate::inspector::worker_session;
use crate::inspector::workers::Target;

/// What a session has of the domain.
#[derive(Default)]
pub(super) struct Targets {
    is_on: Cell<bool>,
    attaches: Cell<bool>,
    next: Cell<u32>,
    known: RefCell<Vec<Known>>,
}

/// A worker that the session was told of.
#[derive(Clone)]
struct Known {
    target: Target,
    id: String,
    /// The session with it: its name, and its number.
    session: Option<(String, i32)>,
}

impl Known {
    fn about(&self) -> Json {
        json!({
            "targetId": self.id,
            "type": "node_worker",
            "title": self.target.title,
            "url": self.target.url,
            "attached": self.session.is_some(),
            "canAccessOpener": true,
        })
    }
}

impl Targets {
    /// The session begins.
    pub(super) fn begin(&self, agent: &Agent, frontend: &Frontend) {
        let Some(env) = agent.env() else { return };
        if !env.is_main_thread() || !env.command_line().is("--experimental-worker-inspection") {
            return;
        }
        self.is_on.set(true);
        let workers = &env.threads().inspected_workers;
        workers.targets.fetch_add(1, Ordering::SeqCst);
        for target in workers.all() {
            self.created(agent, frontend, &target, false);
        }
    }

    /// The session ends, and those with workers.
    pub(super) fn end(&self, agent: &Agent) {
        if !self.is_on.replace(false) {
            return;
        }
        if let Some(env) = agent.env() {
            let workers = &env.threads().inspected_workers;
            workers.targets.fetch_sub(1, Ordering::SeqCst);
        }
        for known in self.known.take() {
            if let Some((_, session)) = known.session {
                known
                    .target
                    .mailbox
                    .post(move |_, agent| agent.disconnect(session));
            }
        }
    }

    /// Whether messages may be for workers.
    pub(super) fn is_on(&self) -> bool {
        self.is_on.get()
    }

    /// A worker has begun.
    pub(super) fn created(&self, agent: &Agent, frontend: &Frontend, target: &Target, waits: bool) {
        let is_known = self
            .known
            .borrow()
            .iter()
            .any(|known| known.target.id == target.id);
        if !self.is_on.get() || is_known {
            return;
        }
        let number = self.next.get().wrapping_add(1);
        self.next.set(number);
        let known = Known {
            target: target.clone(),
            id: number.to_string(),
            session: None,
        };
        let params = json!({ "targetInfo": known.about() });
        self.known.borrow_mut().push(known);
        event(agent, frontend, "Target.targetCreated", &params);
        if self.attaches.get() {
            self.attach(agent, frontend, waits);
        }
    }

    /// A worker has ended.
    pub(super) fn finished(&self, id: u64) {
        self.known
            .borrow_mut()
            .retain(|known| known.target.id != id);
    }

    /// Opens sessions with all workers that have none.
    fn attach(&self, agent: &Agent, frontend: &Frontend, waits: bool) {
        let Some(env) = agent.env() else { return };
        let mut told = Vec::new();
        for known in &mut *self.known.borrow_mut() {
            if known.session.is_some() {
                continue;
            }
            let name = known.id.clone();
            told.push(json!({
                "sessionId": name,
                "targetInfo": known.about(),
                "waitingForDebugger": waits,
            }));
            let session = worker_session::open(&env, frontend, &known.target, name.clone(), tell);
            known.session = Some((name, session));
        }
        for params in told {
            event(agent, frontend, "Target.attachedToTarget", &params);
        }
    }

    /// Answers a request.
    pub(super) fn answer(
        &self,
        agent: &Agent,
        frontend: &Frontend,
        request: &Request,
    ) -> Result<Json, Refusal> {
        match request.method.as_str() {
            "Target.getTargets" => {
                let known = self.known.borrow();
                let infos: Vec<Json> = known.iter().map(Known::about).collect();
                return Ok(json!({ "targetInfos": infos }));
            }
            "Target.setAutoAttach" => {
                let waits = request.flag("waitForDebuggerOnStart")?;
                self.attaches.set(request.flag("autoAttach")?);
                if self.attaches.get() {
                    self.attach(agent, frontend, waits);
                }
            }
            other => return Err(Refusal::unknown(other)),
        }
        Ok(json!({}))
    }

    /// Gives a message to the session with a worker that it names; whether there is one.
    pub(super) fn forward(&self, name: &str, message: &str) -> bool {
        let known = self.known.borrow();
        let found = known.iter().find_map(|known| {
            let (own, session) = known.session.as_ref()?;
            (own == name).then_some((&known.target.mailbox, *session))
        });
        let Some((mailbox, session)) = found else {
            return false;
        };
        let Ok(Json::Object(mut fields)) = serde_json::from_str(message) else {
            return false;
        };
        fields.remove("sessionId");
        let message = Json::Object(fields).to_string();
        let has_room = mailbox.post_message(message, move |_, agent, message| {
            agent.dispatch(session, message);
        });
        if !has_room {
            tracing::debug!(target: "cenote::node", "a worker takes no messages of its debugger");
        }
        true
    }
}

/// A worker's message, with the name of the session in it.
fn tell(agent: &Agent, frontend: &Frontend, name: String, message: &str) {
    // An object that is not empty.
    if let Some(open) = message.strip_suffix('}') {
        let name = Json::String(name);
        agent.send_to(frontend, format!("{open},\"sessionId\":{name}}}"));
    }
}
