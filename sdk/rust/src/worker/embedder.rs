//! What a machine in another process asks its embedder: permissions that no rule decides, and host functions.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use cenote_base::policy::Verdict;
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::permission_question::Scope as Question;
use cenote_proto::v1::{
    HostError, HostFunctionCall, HostFunctionResult, HostHello, HostReply, HostRequest,
    PermissionAnswer, PermissionQuestion,
};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::Remote;
use super::failure::About;
use crate::ask::Permit;
use crate::host_functions::Collections;
use crate::{Error, HostFunctionError, PermissionRequest, host};

/// Answers on their way.
const ON_THE_WAY: usize = 16;

/// Who answers.
#[derive(Clone, Debug)]
pub(crate) struct Embedder {
    permit: Arc<Permit>,
    functions: Arc<Collections>,
}

impl Embedder {
    pub(crate) fn new(permit: &Arc<Permit>, functions: &Arc<Collections>) -> Self {
        Self {
            permit: Arc::clone(permit),
            functions: Arc::clone(functions),
        }
    }

    /// Opens the channel and answers what comes, until the machine is gone.
    pub(super) async fn serve(self, remote: &Remote) -> Result<(), Error> {
        let mut channel = remote.channel();
        let (replies, waiting) = mpsc::channel(ON_THE_WAY);
        let hello = HostReply {
            id: 0,
            reply: Some(Reply::Hello(HostHello {
                permissions: true,
                functions: true,
                ..HostHello::default()
            })),
        };
        // There is room: nothing was sent yet.
        drop(replies.try_send(hello));
        let open = async move { channel.open(ReceiverStream::new(waiting)).await };
        let requests = remote.call(About::Machine, open).await?;
        host::spawn(self.answer_all(requests, replies));
        Ok(())
    }

    async fn answer_all(
        self,
        mut requests: Streaming<HostRequest>,
        replies: mpsc::Sender<HostReply>,
    ) {
        let mut under_way: HashMap<u64, AbortHandle> = HashMap::new();
        while let Ok(Some(request)) = requests.message().await {
            let id = request.id;
            under_way.retain(|_, answer| !answer.is_finished());
            match request.request {
                Some(Asked::Ready(_)) | None => {}
                Some(Asked::Cancel(_)) => {
                    if let Some(answer) = under_way.remove(&id) {
                        answer.abort();
                    }
                }
                Some(asked) => {
                    let (embedder, replies) = (self.clone(), replies.clone());
                    let answer = tokio::spawn(async move {
                        let reply = Some(embedder.answer(asked).await);
                        // A channel that has ended wants no answers.
                        let _sent = replies.send(HostReply { id, reply }).await.is_ok();
                    });
                    under_way.insert(id, answer.abort_handle());
                }
            }
        }
        for answer in under_way.into_values() {
            answer.abort();
        }
    }

    async fn answer(&self, asked: Asked) -> Reply {
        match asked {
            Asked::Permission(question) => Reply::Permission(self.permission(question)),
            Asked::Function(call) => match self.function(call).await {
                Ok(output) => Reply::Function(HostFunctionResult {
                    output: output.into(),
                }),
                Err(error) => Reply::Error(HostError {
                    code: String::new(),
                    name: error.name,
                    message: error.message,
                }),
            },
            _ => Reply::Error(HostError {
                code: "ENOSYS".into(),
                name: "Error".into(),
                message: "this embedder does not answer that".into(),
            }),
        }
    }

    fn permission(&self, question: PermissionQuestion) -> PermissionAnswer {
        let verdict = match request(question) {
            Some(request) => self.permit.ask_embedder(request),
            None => Verdict::Deny {
                reason: "a question that this version does not know".into(),
            },
        };
        let (allow, reason) = match verdict {
            Verdict::Allow => (true, String::new()),
            Verdict::Deny { reason } => (false, reason),
        };
        PermissionAnswer {
            allow,
            reason,
            remember_ms: 0,
        }
    }

    async fn function(&self, call: HostFunctionCall) -> Result<Vec<u8>, HostFunctionError> {
        let (collection, function) = (&call.collection, &call.function);
        let found = self.functions.find(collection, function).ok_or_else(|| {
            let message = format!("the host has no function `{collection}.{function}`");
            HostFunctionError::new("ReferenceError", message)
        })?;
        let argument = serde_json::from_slice(&call.input)
            .map_err(|error| HostFunctionError::new("SyntaxError", error.to_string()))?;
        Ok(found.call(argument).await?.to_string().into_bytes())
    }
}

/// The question in this crate's words.
fn request(question: PermissionQuestion) -> Option<PermissionRequest> {
    Some(match question.scope? {
        Question::Fs(file) if question.operation == "read" => PermissionRequest::ReadFile {
            path: file.path.into(),
        },
        Question::Fs(file) => PermissionRequest::WriteFile {
            path: file.path.into(),
        },
        Question::ChildProcess(child) => PermissionRequest::Spawn {
            path: child.path.into(),
            argv: std::iter::once(child.command.into_bytes())
                .chain(child.args.into_iter().map(Into::into))
                .collect(),
        },
        Question::Network(network) if network.address.is_empty() => PermissionRequest::Resolve {
            name: network.hostname,
        },
        Question::Network(network) => {
            let address: IpAddr = network.address.parse().ok()?;
            let port = u16::try_from(network.port).ok()?;
            let named = !network.hostname.is_empty();
            PermissionRequest::Connect {
                address: SocketAddr::new(address, port),
                names: named.then_some(network.hostname).into_iter().collect(),
            }
        }
        Question::Env(env) => PermissionRequest::Env { name: env.name },
        Question::HostFunction(function) => PermissionRequest::HostFunction {
            collection: function.collection,
            function: function.function,
        },
    })
}
