//! The way from a machine to its embedder: requests out, answers back by their number, over whichever host channel is open.
//!
//! Lock order: `HostLink::state` is a leaf; nothing is sent or woken under it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cenote::{Decision, HostFunction, HostFunctionError, HostFunctions, PermissionRequest, Scope};
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::permission_question::Scope as Question;
use cenote_proto::v1::{
    ChildProcessQuestion, EnvQuestion, FsQuestion, HostFunctionCall, HostFunctionQuestion,
    HostFunctions as Collection, HostReply, HostRequest, NetworkQuestion, PermissionQuestion,
};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::mpsc::Sender;
use tokio::sync::{Notify, oneshot};
use tonic::Status;

use crate::failure::{option, unimplemented};

/// How long the embedder may take to decide.
const PATIENCE: Duration = Duration::from_secs(30);

/// Requests that may wait for an answer at once.
const WAITING: usize = 10_000;

type Out = Sender<Result<HostRequest, Status>>;

/// Why there was no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Silence {
    /// The channel ended, or there is none any more.
    Gone,
    /// It took too long.
    Late,
}

impl Silence {
    fn reason(self) -> &'static str {
        match self {
            Self::Gone => "the embedder's host channel is not open",
            Self::Late => "the embedder did not answer in time",
        }
    }
}

#[derive(Debug, Default)]
struct State {
    out: Option<Out>,
    /// Which channel it is; 0 before the first.
    number: u64,
    waiting: HashMap<u64, oneshot::Sender<Reply>>,
    last: u64,
}

/// One machine's way to its embedder.
#[derive(Debug, Default)]
pub(crate) struct HostLink {
    state: Mutex<State>,
    opened: Notify,
    /// Told when the machine is gone.
    pub(crate) ended: Notify,
}

/// A request under way; forgotten when it is dropped.
struct Waiting<'a> {
    link: &'a HostLink,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let forgotten = self.link.state.lock().waiting.remove(&self.id);
        drop(forgotten);
    }
}

impl HostLink {
    /// Puts a channel into force, in place of an earlier one, whose requests get no answer any more.
    pub(crate) fn open(&self, out: Out) -> u64 {
        let mut state = self.state.lock();
        state.number += 1;
        let number = state.number;
        let before = (state.out.replace(out), std::mem::take(&mut state.waiting));
        drop(state);
        drop(before);
        self.opened.notify_waiters();
        number
    }

    /// The channel with this number is over.
    pub(crate) fn close(&self, number: u64) {
        let mut state = self.state.lock();
        if state.number != number {
            return;
        }
        let before = (state.out.take(), std::mem::take(&mut state.waiting));
        drop(state);
        drop(before);
    }

    /// Takes an answer in.
    pub(crate) fn answer(&self, reply: HostReply) {
        let waiting = self.state.lock().waiting.remove(&reply.id);
        // A late answer, or one to nothing, is passed over.
        if let (Some(waiting), Some(reply)) = (waiting, reply.reply) {
            drop(waiting.send(reply));
        }
    }

    /// Asks, and waits for the answer. Before the first channel it waits for that too.
    pub(crate) async fn ask(&self, asked: Asked, patience: Duration) -> Result<Reply, Silence> {
        let answer = tokio::time::timeout(patience, self.ask_at_leisure(asked, patience));
        answer.await.unwrap_or(Err(Silence::Late))
    }

    async fn ask_at_leisure(&self, asked: Asked, patience: Duration) -> Result<Reply, Silence> {
        let out = self.channel().await?;
        let (tell, told) = oneshot::channel();
        let waiting = {
            let mut state = self.state.lock();
            if state.waiting.len() >= WAITING {
                return Err(Silence::Gone);
            }
            state.last += 1;
            let id = state.last;
            state.waiting.insert(id, tell);
            Waiting { link: self, id }
        };
        let request = HostRequest {
            id: waiting.id,
            deadline_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
            request: Some(asked),
        };
        out.send(Ok(request)).await.map_err(|_| Silence::Gone)?;
        told.await.map_err(|_| Silence::Gone)
    }

    async fn channel(&self) -> Result<Out, Silence> {
        loop {
            let mut opened = std::pin::pin!(self.opened.notified());
            // From here on an opening is not missed.
            opened.as_mut().enable();
            let (out, number) = {
                let state = self.state.lock();
                (state.out.clone(), state.number)
            };
            match (out, number) {
                (Some(out), _) => return Ok(out),
                (None, 0) => opened.await,
                (None, _) => return Err(Silence::Gone),
            }
        }
    }

    /// Asks the embedder whether a guest may.
    pub(crate) async fn permit(&self, request: PermissionRequest) -> Decision {
        let Some(question) = question(&request) else {
            return Decision::deny("the contract has no words for this");
        };
        match self.ask(Asked::Permission(question), PATIENCE).await {
            Ok(Reply::Permission(answer)) if answer.allow => Decision::allow(),
            Ok(Reply::Permission(answer)) if answer.reason.is_empty() => {
                Decision::deny("the embedder says no")
            }
            Ok(Reply::Permission(answer)) => Decision::deny(answer.reason),
            Ok(Reply::Error(error)) => Decision::deny(error.message),
            Ok(_) => Decision::deny("the embedder answered something else"),
            Err(silence) => Decision::deny(silence.reason()),
        }
    }

    /// Lets the embedder compute a function.
    async fn call(
        &self,
        collection: String,
        function: String,
        input: &Value,
        patience: Duration,
    ) -> Result<Value, HostFunctionError> {
        let failed = |message: &str| HostFunctionError::new("Error", message);
        let call = HostFunctionCall {
            collection,
            function,
            input: input.to_string().into_bytes().into(),
            pid: 0,
        };
        match self.ask(Asked::Function(call), patience).await {
            Ok(Reply::Function(result)) if result.output.is_empty() => Ok(Value::Null),
            Ok(Reply::Function(result)) => serde_json::from_slice(&result.output)
                .map_err(|error| failed(&format!("the host function's result: {error}"))),
            Ok(Reply::Error(error)) => {
                let name = if error.name.is_empty() {
                    "Error".to_owned()
                } else {
                    error.name
                };
                Err(HostFunctionError::new(name, error.message))
            }
            Ok(_) => Err(failed("the embedder answered something else")),
            Err(Silence::Gone) => Err(failed(Silence::Gone.reason())),
            Err(Silence::Late) => Err(HostFunctionError::new(
                "TimeoutError",
                Silence::Late.reason(),
            )),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn question(request: &PermissionRequest) -> Option<PermissionQuestion> {
    let (operation, scope) = match request {
        PermissionRequest::ReadFile { path } => ("read", file(path)),
        PermissionRequest::WriteFile { path } => ("write", file(path)),
        PermissionRequest::Spawn { path, argv } => {
            let child = ChildProcessQuestion {
                command: argv.first().map_or_else(String::new, |name| text(name)),
                path: path.clone().into(),
                args: argv.iter().skip(1).cloned().map(Into::into).collect(),
                ..ChildProcessQuestion::default()
            };
            ("spawn", Question::ChildProcess(child))
        }
        PermissionRequest::Connect { address, names } => {
            let network = NetworkQuestion {
                hostname: names.first().cloned().unwrap_or_default(),
                address: address.ip().to_string(),
                port: address.port().into(),
                ..NetworkQuestion::default()
            };
            ("connect", Question::Network(network))
        }
        PermissionRequest::Resolve { name } => {
            let network = NetworkQuestion {
                hostname: name.clone(),
                ..NetworkQuestion::default()
            };
            ("dns", Question::Network(network))
        }
        PermissionRequest::Env { name } => {
            let env = EnvQuestion {
                name: name.clone(),
                ..EnvQuestion::default()
            };
            ("read", Question::Env(env))
        }
        PermissionRequest::HostFunction {
            collection,
            function,
        } => {
            let function = HostFunctionQuestion {
                collection: collection.clone(),
                function: function.clone(),
            };
            ("call", Question::HostFunction(function))
        }
        _ => return None,
    };
    Some(PermissionQuestion {
        operation: operation.into(),
        scope: Some(scope),
        pid: 0,
    })
}

fn file(path: &[u8]) -> Question {
    Question::Fs(FsQuestion {
        path: path.to_vec().into(),
        ..FsQuestion::default()
    })
}

/// Lets a builder ask over the link in these scopes.
pub(crate) fn ask_in(
    builder: cenote::NodeRuntimeBuilder,
    scopes: Vec<Scope>,
    link: &Arc<HostLink>,
) -> cenote::NodeRuntimeBuilder {
    if scopes.is_empty() {
        return builder;
    }
    let link = Arc::clone(link);
    builder.on_permission_async(scopes, move |request| {
        let link = Arc::clone(&link);
        async move { link.permit(request).await }
    })
}

/// A collection of functions that are computed over the link.
pub(crate) fn collection(asked: Collection, link: &Arc<HostLink>) -> Result<HostFunctions, Status> {
    let mut made = HostFunctions::new(&asked.name).description(asked.description);
    for function in asked.functions {
        if !function.output_schema.is_empty() {
            return Err(unimplemented("a host function's output_schema"));
        }
        let schema = match function.input_schema.as_str() {
            "" => Value::Object(serde_json::Map::new()),
            schema => serde_json::from_str(schema).map_err(|error| {
                let reason = format!("the schema of `{}`: {error}", function.name);
                option("host_functions", reason)
            })?,
        };
        let patience = match function.timeout_ms {
            0 => PATIENCE,
            limit => Duration::from_millis(limit),
        };
        let mut description = function.description;
        for example in &function.examples {
            description.push_str("\nExample: ");
            description.push_str(example);
        }
        let (link, of, name) = (Arc::clone(link), asked.name.clone(), function.name.clone());
        let handler = move |input: Value| {
            let (link, of, name) = (Arc::clone(&link), of.clone(), name.clone());
            async move { link.call(of, name, &input, patience).await }
        };
        let made_function = HostFunction::new(handler)
            .description(description)
            .parameters(schema)
            .timeout(patience);
        made = made.function(function.name, made_function);
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cenote_proto::v1::PermissionAnswer;
    use tokio::sync::mpsc;

    fn read() -> PermissionRequest {
        PermissionRequest::ReadFile {
            path: b"/x".to_vec(),
        }
    }

    #[tokio::test]
    async fn requests_wait_for_the_first_channel_and_are_answered_by_number() {
        let link = Arc::new(HostLink::default());
        let asking = tokio::spawn({
            let link = Arc::clone(&link);
            async move { link.permit(read()).await }
        });
        let (out, mut requests) = mpsc::channel(2);
        link.open(out);
        let request = requests.recv().await.unwrap().unwrap();
        let answer = |id, allow| HostReply {
            id,
            reply: Some(Reply::Permission(PermissionAnswer {
                allow,
                ..PermissionAnswer::default()
            })),
        };
        link.answer(answer(request.id + 1, false));
        link.answer(answer(request.id, true));
        assert!(asking.await.unwrap().allow);
    }

    #[tokio::test]
    async fn end_of_the_channel_denies_what_waits_and_what_comes() {
        let link = Arc::new(HostLink::default());
        let (out, mut requests) = mpsc::channel(2);
        let number = link.open(out);
        let asking = tokio::spawn({
            let link = Arc::clone(&link);
            async move { link.permit(read()).await }
        });
        requests.recv().await.unwrap().unwrap();
        link.close(number);
        assert!(!asking.await.unwrap().allow);
        assert!(!link.permit(read()).await.allow);
    }
}
