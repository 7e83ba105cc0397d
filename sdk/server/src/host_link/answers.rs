//! Questions with one answer: permissions and host functions.

use std::sync::Arc;
use std::time::Duration;

use cenote::{Decision, HostFunction, HostFunctionError, HostFunctions, PermissionRequest, Scope};
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::permission_question::Scope as Question;
use cenote_proto::v1::{
    ChildProcessQuestion, EnvQuestion, FsQuestion, HostFunctionCall, HostFunctionQuestion,
    HostFunctions as Collection, NetworkQuestion, PermissionQuestion,
};
use serde_json::Value;
use tonic::Status;

use super::link::{HostLink, PATIENCE, Silence};
use crate::failure::{option, unimplemented};

impl HostLink {
    /// Asks the embedder whether a guest may.
    pub(crate) async fn permit(self: &Arc<Self>, request: PermissionRequest) -> Decision {
        let Some(question) = question(&request) else {
            return Decision::deny("the contract has no words for this");
        };
        match self.ask(Asked::Permission(question), PATIENCE).await {
            Ok(Reply::Permission(answer)) if answer.allow => Decision::allow(),
            Ok(Reply::Permission(answer)) if answer.reason.is_empty() => {
                // The guest hears of what the embedder says, and it says nothing.
                Decision::from(false)
            }
            Ok(Reply::Permission(answer)) => Decision::deny(short(answer.reason)),
            Ok(Reply::Error(error)) => Decision::deny(short(error.message)),
            Ok(_) => Decision::deny("the embedder answered something else"),
            Err(silence) => Decision::deny(silence.reason()),
        }
    }

    /// Lets the embedder compute a function.
    async fn call(
        self: &Arc<Self>,
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
                    short(error.name)
                };
                Err(HostFunctionError::new(name, error.message))
            }
            Ok(_) => Err(failed("the embedder answered something else")),
            Err(Silence::Late) => Err(HostFunctionError::new(
                "TimeoutError",
                format!("no answer within {} ms", patience.as_millis()),
            )),
            Err(silence) => Err(failed(silence.reason())),
        }
    }
}

/// Characters kept of a reason: events keep it.
const REASON: usize = 1_000;

fn short(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(REASON) {
        reason.truncate(end);
        reason.shrink_to_fit();
    }
    reason
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn question(request: &PermissionRequest) -> Option<PermissionQuestion> {
    let (operation, scope) = match request {
        PermissionRequest::File {
            operation,
            path,
            destination,
        } => {
            let file = FsQuestion {
                path: path.clone().into(),
                destination: destination.clone().unwrap_or_default().into(),
            };
            (operation.name(), Question::Fs(file))
        }
        PermissionRequest::Spawn {
            command,
            path,
            argv,
            cwd,
            env,
        } => {
            let env = env.iter().map(|(name, value)| (text(name), text(value)));
            let child = ChildProcessQuestion {
                command: text(command),
                path: path.clone().into(),
                args: argv.iter().skip(1).cloned().map(Into::into).collect(),
                cwd: text(cwd),
                env: env.collect(),
            };
            ("spawn", Question::ChildProcess(child))
        }
        PermissionRequest::Env { name, value } => {
            let env = EnvQuestion {
                name: name.clone(),
                value: value.clone(),
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
        of_network => {
            let (operation, network) = network_question(of_network)?;
            (operation, Question::Network(network))
        }
    };
    Some(PermissionQuestion {
        operation: operation.into(),
        scope: Some(scope),
        pid: 0,
    })
}

/// The question about a request of the network; nothing for another.
fn network_question(request: &PermissionRequest) -> Option<(&'static str, NetworkQuestion)> {
    let of_address = |address: &std::net::SocketAddr| NetworkQuestion {
        address: address.ip().to_string(),
        port: address.port().into(),
        ..NetworkQuestion::default()
    };
    match request {
        PermissionRequest::Listen { address } => Some(("listen", of_address(address))),
        PermissionRequest::Connect { address, names } => {
            let network = NetworkQuestion {
                hostname: names.first().cloned().unwrap_or_default(),
                ..of_address(address)
            };
            Some(("connect", network))
        }
        PermissionRequest::Resolve { name } => {
            let network = NetworkQuestion {
                hostname: name.clone(),
                ..NetworkQuestion::default()
            };
            Some(("dns", network))
        }
        PermissionRequest::Http {
            url,
            method,
            host,
            address,
            is_fetch,
        } => {
            let network = NetworkQuestion {
                hostname: host.clone(),
                url: url.clone(),
                method: method.clone(),
                ..of_address(address)
            };
            Some((if *is_fetch { "fetch" } else { "http" }, network))
        }
        _ => None,
    }
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
