//! The `Network` domain: requests that Node's library tells of (`--experimental-network-inspection`), with their bodies.
//! Node: `src/inspector/network_agent.cc`.
//!
//! A session keeps the bodies of requests until somebody asks for them or they are too many: the oldest go first.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::environment::Stored;
use crate::glue::{Failure, Object, Scope, ScopeExt, copy_bytes};
use crate::inspector::agent::{Agent, Frontend};
use crate::inspector::domains::{Refusal, Request, event};

/// Bytes of bodies that a session keeps.
const KEPT: usize = 16 << 20;
/// Requests that a session remembers.
const REQUESTS: usize = 4096;
/// Bytes of the resources that a program has put aside for debuggers.
const RESOURCES: usize = 16 << 20;

/// Resources that are being read at a time.
const STREAMS: usize = 16;

/// The fields of events, as the protocol has them: only these go out.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "Network.requestWillBeSent",
        &["requestId", "request", "initiator", "timestamp", "wallTime"],
    ),
    (
        "Network.responseReceived",
        &["requestId", "timestamp", "type", "response"],
    ),
    (
        "Network.loadingFailed",
        &["requestId", "timestamp", "type", "errorText"],
    ),
    ("Network.loadingFinished", &["requestId", "timestamp"]),
    (
        "Network.webSocketCreated",
        &["requestId", "url", "initiator"],
    ),
    ("Network.webSocketClosed", &["requestId", "timestamp"]),
    (
        "Network.webSocketHandshakeResponseReceived",
        &["requestId", "timestamp", "response"],
    ),
];

/// The fields of a request and of a response; those with a default are always there.
const REQUEST: &[(&str, Json)] = &[
    ("url", Json::Null),
    ("method", Json::Null),
    ("headers", Json::Null),
    ("hasPostData", Json::Bool(false)),
];
const RESPONSE: &[(&str, Json)] = &[
    ("url", Json::Null),
    ("status", Json::Null),
    ("statusText", Json::Null),
    ("headers", Json::Null),
    ("mimeType", Json::Null),
    ("charset", Json::Null),
];

/// One side of a request.
#[derive(Default)]
struct Body {
    is_text: bool,
    is_finished: bool,
    bytes: Vec<u8>,
}

/// A request that a session knows.
#[derive(Default)]
struct Exchange {
    number: u64,
    sent: Body,
    received: Body,
    is_streaming: bool,
}

/// What a session has of the domain.
#[derive(Default)]
pub(super) struct Network {
    is_enabled: Cell<bool>,
    next: Cell<u64>,
    exchanges: RefCell<BTreeMap<String, Exchange>>,
    kept: Cell<usize>,
}

/// What the program has put aside (`NetworkResources.put`), and what is being read of it.
#[derive(Default)]
pub(super) struct Resources {
    by_url: RefCell<BTreeMap<String, String>>,
    streams: RefCell<BTreeMap<String, String>>,
    next: Cell<u64>,
}

impl Resources {
    /// Puts a resource aside; the oldest ones are not kept for it.
    pub(super) fn put(&self, url: String, data: String) -> bool {
        let mut all = self.by_url.borrow_mut();
        let size: usize = all.iter().map(|(url, data)| url.len() + data.len()).sum();
        if size.saturating_add(url.len()).saturating_add(data.len()) > RESOURCES {
            return false;
        }
        all.insert(url, data);
        true
    }
}

/// An event from JavaScript.
pub(crate) fn emit<'s>(
    scope: &mut Scope<'s, '_>,
    name: &str,
    params: Object<'s>,
) -> Result<(), Failure> {
    let env = scope.env();
    if !env.command_line().is("--experimental-network-inspection") {
        return Ok(());
    }
    let Some(agent) = super::existing(&env) else {
        return Ok(());
    };
    let listeners: Vec<_> = agent
        .all()
        .into_iter()
        .filter(|frontend| frontend.domains.network.is_enabled.get())
        .collect();
    if listeners.is_empty() {
        return Ok(());
    }
    let data = scope.get_property(params, "data")?;
    let bytes = copy_bytes(data).unwrap_or_default();
    let mut fields = Map::new();
    let names = params
        .get_own_property_names(scope, v8::GetPropertyNamesArgs::default())
        .ok_or(Failure::Pending)?;
    for index in 0..names.length() {
        let key = names.get_index(scope, index).ok_or(Failure::Pending)?;
        let name = key.to_rust_string_lossy(scope);
        if name == "data" {
            continue;
        }
        let value = params.get(scope, key).ok_or(Failure::Pending)?;
        let text = v8::json::stringify(scope, value).ok_or(Failure::Pending)?;
        if let Ok(value) = serde_json::from_str(&text.to_rust_string_lossy(scope)) {
            fields.insert(name, value);
        }
    }
    let stack = initiator(scope);
    for frontend in listeners {
        frontend
            .domains
            .network
            .take(&agent, &frontend, name, &fields, &bytes, &stack);
    }
    Ok(())
}

/// Where in the program a request was made.
fn initiator(scope: &mut Scope<'_, '_>) -> Json {
    const FRAMES: usize = 32;
    let mut frames = Vec::new();
    if let Some(stack) = v8::StackTrace::current_stack_trace(scope, FRAMES) {
        for index in 0..stack.get_frame_count() {
            let Some(frame) = stack.get_frame(scope, index) else {
                break;
            };
            let name = frame.get_function_name(scope);
            let url = frame.get_script_name_or_source_url(scope);
            frames.push(json!({
                "functionName": name.map(|name| name.to_rust_string_lossy(scope)).unwrap_or_default(),
                "scriptId": frame.get_script_id().to_string(),
                "url": url.map(|url| url.to_rust_string_lossy(scope)).unwrap_or_default(),
                "lineNumber": frame.get_line_number().saturating_sub(1),
                "columnNumber": frame.get_column().saturating_sub(1),
            }));
        }
    }
    json!({ "type": "script", "stack": { "callFrames": frames } })
}

/// The fields of an object that the protocol has, with their defaults.
fn only(object: &Json, fields: &[(&str, Json)]) -> Json {
    let object = object.as_object();
    let given = |name: &str| object.and_then(|object| object.get(name)).cloned();
    let fields = fields.iter().filter_map(|(name, default)| {
        let value = given(name).or_else(|| (!default.is_null()).then(|| default.clone()));
        Some(((*name).to_owned(), value?))
    });
    Json::Object(fields.collect())
}

fn text_of<'a>(fields: &'a Map<String, Json>, name: &str) -> &'a str {
    fields.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn is_utf8(charset: Option<&Json>) -> bool {
    charset
        .and_then(Json::as_str)
        .is_some_and(|charset| charset.eq_ignore_ascii_case("utf-8"))
}

impl Network {
    fn take(
        &self,
        agent: &Agent,
        frontend: &Frontend,
        name: &str,
        fields: &Map<String, Json>,
        bytes: &[u8],
        stack: &Json,
    ) {
        let id = text_of(fields, "requestId");
        match name {
            "Network.requestWillBeSent" => self.begin(id, fields),
            "Network.responseReceived" => {
                let response = fields.get("response");
                if let Some(exchange) = self.exchanges.borrow_mut().get_mut(id) {
                    let charset = response.and_then(|response| response.get("charset"));
                    exchange.received.is_text = is_utf8(charset);
                }
            }
            "Network.loadingFailed" => self.forget(id),
            "Network.loadingFinished" => self.finish(id),
            "Network.dataSent" => {
                self.keep(id, bytes, fields.get("finished") == Some(&Json::Bool(true)));
                return;
            }
            "Network.dataReceived" => {
                let mut params = Map::new();
                for name in ["requestId", "timestamp", "dataLength", "encodedDataLength"] {
                    params.insert(name.into(), fields.get(name).cloned().unwrap_or(json!(0)));
                }
                if self.receive(id, bytes) {
                    params.insert("data".into(), Json::String(base64(bytes)));
                    event(agent, frontend, name, &Json::Object(params));
                }
                return;
            }
            _ => {}
        }
        let Some((_, wanted)) = FIELDS.iter().find(|(known, _)| *known == name) else {
            return;
        };
        let params: Map<String, Json> = wanted
            .iter()
            .filter_map(|field| {
                let value = match *field {
                    "initiator" => stack.clone(),
                    "request" => only(fields.get(*field)?, REQUEST),
                    "response" => only(fields.get(*field)?, RESPONSE),
                    _ => fields.get(*field)?.clone(),
                };
                Some(((*field).to_owned(), value))
            })
            .collect();
        event(agent, frontend, name, &Json::Object(params));
    }

    fn begin(&self, id: &str, fields: &Map<String, Json>) {
        let number = self.next.get();
        self.next.set(number + 1);
        let has_body = fields
            .get("request")
            .and_then(|request| request.get("hasPostData"))
            .and_then(Json::as_bool)
            .unwrap_or(false);
        let sent = Body {
            is_text: is_utf8(fields.get("charset")),
            is_finished: !has_body,
            bytes: Vec::new(),
        };
        let exchange = Exchange {
            number,
            sent,
            ..Exchange::default()
        };
        self.exchanges.borrow_mut().insert(id.to_owned(), exchange);
        self.make_room(0);
    }

    /// Lets the oldest requests go until there is room for `more` bytes.
    fn make_room(&self, more: usize) {
        loop {
            let exchanges = self.exchanges.borrow();
            let fits = self.kept.get().saturating_add(more) <= KEPT;
            if exchanges.len() <= REQUESTS && (fits || exchanges.is_empty()) {
                return;
            }
            let oldest = exchanges.iter().min_by_key(|(_, one)| one.number);
            let oldest = oldest.map(|(id, _)| id.clone());
            drop(exchanges);
            match oldest {
                Some(id) => self.forget(&id),
                None => return,
            }
        }
    }

    fn forget(&self, id: &str) {
        if let Some(gone) = self.exchanges.borrow_mut().remove(id) {
            let size = gone.sent.bytes.len() + gone.received.bytes.len();
            self.kept.set(self.kept.get().saturating_sub(size));
        }
    }

    fn finish(&self, id: &str) {
        let is_streaming = match self.exchanges.borrow_mut().get_mut(id) {
            Some(exchange) => {
                exchange.received.is_finished = true;
                exchange.is_streaming
            }
            None => false,
        };
        if is_streaming {
            self.forget(id);
        }
    }

    fn keep(&self, id: &str, bytes: &[u8], is_finished: bool) {
        self.make_room(bytes.len());
        if let Some(exchange) = self.exchanges.borrow_mut().get_mut(id) {
            exchange.sent.is_finished |= is_finished;
            if !is_finished && bytes.len() <= KEPT {
                exchange.sent.bytes.extend_from_slice(bytes);
                self.kept.set(self.kept.get().saturating_add(bytes.len()));
            }
        }
    }

    /// Keeps what came, unless somebody streams it. Whether somebody does.
    fn receive(&self, id: &str, bytes: &[u8]) -> bool {
        let is_streaming = |network: &Self| {
            let exchanges = network.exchanges.borrow();
            exchanges.get(id).is_some_and(|one| one.is_streaming)
        };
        if is_streaming(self) {
            return true;
        }
        self.make_room(bytes.len());
        if let Some(exchange) = self.exchanges.borrow_mut().get_mut(id)
            && bytes.len() <= KEPT
        {
            exchange.received.bytes.extend_from_slice(bytes);
            self.kept.set(self.kept.get().saturating_add(bytes.len()));
        }
        false
    }

    /// Switches the domain.
    pub(super) fn set_enabled(&self, agent: &Agent, on: bool) {
        if on == self.is_enabled.replace(on) {
            return;
        }
        let others = agent
            .all()
            .iter()
            .any(|other| other.domains.network.is_enabled.get());
        if on {
            agent.call_stored(Stored::EnableNetworkTracking);
        } else if !others {
            agent.call_stored(Stored::DisableNetworkTracking);
        }
    }

    /// Answers a request of the domain.
    pub(super) fn answer(&self, agent: &Agent, request: &Request) -> Result<Json, Refusal> {
        match request.method.as_str() {
            "Network.enable" => self.set_enabled(agent, true),
            "Network.disable" => self.set_enabled(agent, false),
            "Network.getRequestPostData" => return self.post_data(request.text("requestId")?),
            "Network.getResponseBody" => return self.response_body(request.text("requestId")?),
            "Network.streamResourceContent" => {
                return self.stream(request.text("requestId")?);
            }
            "Network.loadNetworkResource" => return load(agent, request.text("url")?),
            other => return Err(Refusal::unknown(other)),
        }
        Ok(json!({}))
    }

    fn post_data(&self, id: &str) -> Result<Json, Refusal> {
        let exchanges = self.exchanges.borrow();
        let found = exchanges.get(id).ok_or_else(not_found)?;
        if !found.sent.is_finished {
            return Err(Refusal::wrong("Request data is not finished yet"));
        }
        if !found.sent.is_text {
            return Err(Refusal::wrong("Unable to serialize binary request body"));
        }
        Ok(json!({ "postData": String::from_utf8_lossy(&found.sent.bytes) }))
    }

    fn response_body(&self, id: &str) -> Result<Json, Refusal> {
        let answer = {
            let exchanges = self.exchanges.borrow();
            let found = exchanges.get(id).ok_or_else(not_found)?;
            if found.is_streaming {
                let text = "Response body of the request is been streamed";
                return Err(Refusal::wrong(text));
            }
            let Body {
                is_text,
                is_finished,
                bytes,
            } = &found.received;
            if !is_finished {
                return Err(Refusal::wrong("Response data is not finished yet"));
            }
            let body = if *is_text {
                String::from_utf8_lossy(bytes).into_owned()
            } else {
                base64(bytes)
            };
            json!({ "body": body, "base64Encoded": !is_text })
        };
        self.forget(id);
        Ok(answer)
    }

    fn stream(&self, id: &str) -> Result<Json, Refusal> {
        let (bytes, is_finished) = {
            let mut exchanges = self.exchanges.borrow_mut();
            let found = exchanges.get_mut(id).ok_or_else(not_found)?;
            found.is_streaming = true;
            let bytes = std::mem::take(&mut found.received.bytes);
            (bytes, found.received.is_finished)
        };
        self.kept.set(self.kept.get().saturating_sub(bytes.len()));
        if is_finished {
            self.forget(id);
        }
        Ok(json!({ "bufferedData": base64(&bytes) }))
    }
}

fn not_found() -> Refusal {
    Refusal::wrong("Request not found")
}

/// `Network.loadNetworkResource`: what the program has put aside under a URL, as a stream of the `IO` domain.
fn load(agent: &Agent, url: &str) -> Result<Json, Refusal> {
    let enabled = agent.env().is_some_and(|env| {
        env.command_line()
            .is("--experimental-inspector-network-resource")
    });
    if !enabled {
        return Err(Refusal::missing(
            "Network.loadNetworkResource without --experimental-inspector-network-resource",
        ));
    }
    let resources = &agent.resources;
    let found = resources.by_url.borrow().get(url).cloned();
    let Some(data) = found else {
        return Ok(json!({ "resource": { "success": false } }));
    };
    let number = resources.next.get() + 1;
    resources.next.set(number);
    let handle = number.to_string();
    let mut streams = resources.streams.borrow_mut();
    if streams.len() >= STREAMS {
        streams.pop_first();
    }
    streams.insert(handle.clone(), data);
    Ok(json!({ "resource": { "success": true, "stream": handle } }))
}

/// `IO.read` and `IO.close`.
pub(super) fn answer_io(agent: &Agent, request: &Request) -> Result<Json, Refusal> {
    let handle = request.text("handle")?;
    let mut streams = agent.resources.streams.borrow_mut();
    if request.method == "IO.close" {
        streams.remove(handle);
        return Ok(json!({}));
    }
    let data = streams.get(handle).cloned().unwrap_or_default();
    let offset = request.number("offset").unwrap_or(0).min(data.len());
    let rest = data.as_bytes().get(offset..).unwrap_or_default();
    let size = request.number("size").unwrap_or(rest.len());
    let part = rest.get(..size).unwrap_or(rest);
    streams.insert(
        handle.to_owned(),
        String::from_utf8_lossy(rest.get(part.len()..).unwrap_or_default()).into_owned(),
    );
    let eof = part.is_empty();
    Ok(json!({ "data": String::from_utf8_lossy(part), "eof": eof }))
}

/// Bytes as the protocol carries them.
fn base64(bytes: &[u8]) -> String {
    openssl::base64::encode_block(bytes)
}
