//! What a session can ask beyond V8's own domains: `NodeRuntime`, `NodeWorker` (see `workers`), `Network` (see
//! `network`), `NodeTracing` (events of the main thread), `DOMStorage` (see
//! `storage`), `Target` (see `targets`). Answers are Node's, errors
//! those of the protocol's dispatcher. Node: `src/inspector/*_agent.cc`, `src/inspector/node_protocol.pdl`.

use std::cell::Cell;

use cenote_base::abi::fs::Timespec;
use serde_json::{Value as Json, json};

use crate::inspector::Agent;
use crate::inspector::agent::Frontend;
use crate::inspector::network::{self, Network};
use crate::inspector::storage::{self, DomStorage};
use crate::inspector::targets::Targets;
use crate::inspector::workers::Workers;
use crate::trace;

/// The dispatcher's numbers for errors.
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMETERS: i32 = -32602;
const SERVER_ERROR: i32 = -32000;
const INVALID_REQUEST: i32 = -32600;

/// What a session has switched on.
#[derive(Default)]
pub(crate) struct Domains {
    runtime: Cell<bool>,
    is_waiting: Cell<bool>,
    wants_end: Cell<bool>,
    pub(super) workers: Workers,
    pub(super) network: Network,
    pub(super) storage: DomStorage,
    pub(super) targets: Targets,
}

/// A message of the debugger's.
#[derive(Debug)]
pub(crate) struct Request {
    id: i64,
    pub(crate) method: String,
    /// Which session with a worker it is for, if it is.
    pub(super) session: Option<String>,
    params: Json,
}

/// Why a request failed.
pub(super) struct Refusal {
    code: i32,
    message: String,
}

impl Refusal {
    fn invalid() -> Self {
        Self {
            code: INVALID_PARAMETERS,
            message: "Invalid parameters".into(),
        }
    }

    /// The parameters mean nothing.
    pub(super) fn wrong(why: &str) -> Self {
        Self {
            code: INVALID_PARAMETERS,
            message: why.into(),
        }
    }

    /// There is no such method.
    pub(super) fn unknown(method: &str) -> Self {
        Self {
            code: METHOD_NOT_FOUND,
            message: format!("'{method}' wasn't found"),
        }
    }

    /// It cannot be done.
    pub(super) fn server(why: &str) -> Self {
        Self {
            code: SERVER_ERROR,
            message: why.into(),
        }
    }

    /// Node has it, this does not.
    pub(super) fn missing(what: &str) -> Self {
        Self {
            code: SERVER_ERROR,
            message: format!("{what} is not implemented"),
        }
    }
}

impl Request {
    /// Reads a message; `None` when it is not one (V8 finds the words for that).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut message: Json = serde_json::from_str(text).ok()?;
        Some(Self {
            id: message.get("id")?.as_i64()?,
            method: message.get("method")?.as_str()?.to_owned(),
            session: message
                .get("sessionId")
                .and_then(Json::as_str)
                .map(str::to_owned),
            params: message.get_mut("params").map_or(Json::Null, Json::take),
        })
    }

    /// Whether code is evaluated as typed into a debugger's console.
    pub(crate) fn wants_command_line_api(&self) -> bool {
        matches!(
            self.method.as_str(),
            "Runtime.evaluate" | "Debugger.evaluateOnCallFrame"
        ) && self.params["includeCommandLineAPI"] == Json::Bool(true)
    }

    /// How deep async stacks go from now on, if this says so.
    pub(crate) fn async_depth(&self) -> Option<i64> {
        match self.method.as_str() {
            "Debugger.setAsyncCallStackDepth" | "Runtime.setAsyncCallStackDepth" => {
                self.params["maxDepth"].as_i64().filter(|depth| *depth >= 0)
            }
            "Debugger.disable" => Some(0),
            _ => None,
        }
    }

    /// A parameter that counts something.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.params[name]
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
    }

    /// A parameter that must be text.
    pub(super) fn text(&self, name: &str) -> Result<&str, Refusal> {
        self.params[name].as_str().ok_or_else(Refusal::invalid)
    }

    /// A parameter of a parameter that must say yes or no.
    pub(super) fn flag_in(&self, object: &str, name: &str) -> Result<bool, Refusal> {
        self.params[object][name]
            .as_bool()
            .ok_or_else(Refusal::invalid)
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        self.params[name].as_bool().ok_or_else(Refusal::invalid)
    }
}

/// A request for a session with a worker that there is not.
pub(super) fn refuse_session(agent: &Agent, frontend: &Frontend, request: &Request) {
    const NO_SESSION: i32 = -32001;
    let error = json!({ "code": NO_SESSION, "message": "Session with given id not found." });
    let answer = json!({ "id": request.id, "error": error, "sessionId": request.session });
    agent.send_to(frontend, answer.to_string());
}

/// Answers a request that is none of V8's.
pub(super) fn dispatch(agent: &Agent, frontend: &Frontend, request: &Request) {
    let answer = match answer(agent, frontend, request) {
        Ok(result) => json!({ "id": request.id, "result": result }),
        Err(Refusal { code, message }) => {
            json!({ "id": request.id, "error": { "code": code, "message": message } })
        }
    };
    agent.send_to(frontend, answer.to_string());
}

fn answer(agent: &Agent, frontend: &Frontend, request: &Request) -> Result<Json, Refusal> {
    let own = &frontend.domains;
    match request.method.as_str() {
        "NodeRuntime.enable" => {
            own.runtime.set(true);
            if own.is_waiting.get() {
                event(
                    agent,
                    frontend,
                    "NodeRuntime.waitingForDebugger",
                    &json!({}),
                );
            }
        }
        "NodeRuntime.disable" => own.runtime.set(false),
        "NodeRuntime.notifyWhenWaitingForDisconnect" => {
            own.wants_end.set(request.flag("enabled")?);
        }
        "NodeWorker.enable"
        | "NodeWorker.disable"
        | "NodeWorker.detach"
        | "NodeWorker.sendMessageToWorker" => {
            return answer_of_workers(agent, frontend, request);
        }
        "NodeTracing.getCategories" => {
            return Ok(json!({ "categories": trace::CATEGORIES }));
        }
        "NodeTracing.start" | "NodeTracing.stop"
            if agent.env().is_some_and(|env| !env.is_main_thread()) =>
        {
            return Err(Refusal {
                code: SERVER_ERROR,
                message: "Tracing properties can only be changed through main thread sessions"
                    .into(),
            });
        }
        "NodeTracing.start" => start_tracing(agent, frontend, request)?,
        "NodeTracing.stop" => stop_tracing(agent, frontend),
        other if other.starts_with("Network.") => return own.network.answer(agent, request),
        other
            if (other.starts_with("DOMStorage.") || other.starts_with("Storage."))
                && agent.env().is_some_and(|env| storage::is_on(&env)) =>
        {
            return own.storage.answer(agent, request);
        }
        other if other.starts_with("Target.") && own.targets.is_on() => {
            return own.targets.answer(agent, frontend, request);
        }
        "IO.read" | "IO.close" if has_resources(agent) => {
            return network::answer_io(agent, request);
        }
        other => return Err(Refusal::unknown(other)),
    }
    Ok(json!({}))
}

fn start_tracing(agent: &Agent, frontend: &Frontend, request: &Request) -> Result<(), Refusal> {
    let names = request.params["traceConfig"]["includedCategories"]
        .as_array()
        .ok_or_else(Refusal::invalid)?;
    let names = names
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect::<Option<Vec<String>>>()
        .ok_or_else(Refusal::invalid)?;
    let session = frontend.id;
    agent
        .inspector()
        .in_scope(|scope| trace::start_session(scope, session, names))
        .map_err(|why| Refusal {
            code: INVALID_REQUEST,
            message: why.into(),
        })
}

/// Node sends events now and then; here they all come at the end.
fn stop_tracing(agent: &Agent, frontend: &Frontend) {
    /// Events of one message.
    const AT_ONCE: usize = 1000;
    let session = frontend.id;
    let events = agent
        .inspector()
        .in_scope(|scope| trace::stop_session(scope, session));
    for events in events.unwrap_or_default().chunks(AT_ONCE) {
        // What a program names is written as it is, and may be no JSON.
        let events: Vec<Json> = events
            .iter()
            .filter_map(|event| serde_json::from_str(event).ok())
            .collect();
        let params = json!({ "value": events });
        event(agent, frontend, "NodeTracing.dataCollected", &params);
    }
    event(agent, frontend, "NodeTracing.tracingComplete", &json!({}));
}

/// Whether the program may put resources aside for debuggers.
fn has_resources(agent: &Agent) -> bool {
    agent.env().is_some_and(|env| {
        env.command_line()
            .is("--experimental-inspector-network-resource")
    })
}

fn answer_of_workers(
    agent: &Agent,
    frontend: &Frontend,
    request: &Request,
) -> Result<Json, Refusal> {
    let workers = &frontend.domains.workers;
    if agent.env().is_some_and(|env| !env.is_main_thread()) {
        return Err(Refusal::unknown(&request.method));
    }
    match request.method.as_str() {
        "NodeWorker.enable" => {
            workers.enable(agent, frontend, request.flag("waitForDebuggerOnStart")?);
        }
        "NodeWorker.detach" => workers.detach(agent, frontend, request.text("sessionId")?),
        "NodeWorker.sendMessageToWorker" => {
            let message = request.text("message")?.to_owned();
            workers.send(request.text("sessionId")?, message);
        }
        _ => workers.disable(agent, frontend),
    }
    Ok(json!({}))
}

/// Sends an event.
pub(super) fn event(agent: &Agent, frontend: &Frontend, method: &str, params: &Json) {
    let event = json!({ "method": method, "params": params });
    agent.send_to(frontend, event.to_string());
}

/// The program waits for a debugger, or no longer.
pub(super) fn tell_waiting_for_debugger(agent: &Agent, frontend: &Frontend, is_waiting: bool) {
    frontend.domains.is_waiting.set(is_waiting);
    if is_waiting && frontend.domains.runtime.get() {
        event(
            agent,
            frontend,
            "NodeRuntime.waitingForDebugger",
            &json!({}),
        );
    }
}

/// The program has ended; whether the session wants to look at it still.
pub(super) fn tell_waiting_for_disconnect(agent: &Agent, frontend: &Frontend) -> bool {
    let wants = frontend.domains.wants_end.get();
    if wants {
        event(
            agent,
            frontend,
            "NodeRuntime.waitingForDisconnect",
            &json!({}),
        );
    }
    wants
}

/// A session ends: so does what it has switched on.
pub(super) fn close(agent: &Agent, frontend: &Frontend) {
    frontend.domains.workers.disable(agent, frontend);
    frontend.domains.targets.end(agent);
    frontend.domains.network.set_enabled(agent, false);
    let session = frontend.id;
    let _events = agent
        .inspector()
        .in_scope(|scope| trace::stop_session(scope, session));
    frontend.domains.runtime.set(false);
}

/// Puts the time into V8's messages that carry one: V8 asks its client for it, which here cannot answer.
pub(super) fn with_time(message: String, now: impl FnOnce() -> Timespec) -> String {
    const TIMED: &[&str] = &[
        "{\"method\":\"Runtime.consoleAPICalled\"",
        "{\"method\":\"Runtime.exceptionThrown\"",
    ];
    const NO_TIME: &str = "\"timestamp\":0,";
    if !TIMED.iter().any(|start| message.starts_with(start)) {
        return message;
    }
    // Inside strings quotes are escaped, so this is the field itself. Exceptions have it first, console calls last.
    let now = now();
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact to the microsecond for centuries"
    )]
    let milliseconds = now.sec as f64 * 1e3 + now.nsec as f64 / 1e6;
    message.replacen(NO_TIME, &format!("\"timestamp\":{milliseconds},"), 1)
}
