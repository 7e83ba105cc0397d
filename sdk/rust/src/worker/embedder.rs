//! What a machine in another process asks its embedder: permissions that no rule decides, host functions, files, programs and the network of the
//! embedder.
//!
//! The other process may be one that a guest has taken over: what waits for answers is bounded, and what makes no sense ends its exchange.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use cenote_abi::Errno;

use cenote_base::policy::{FileOperation, Verdict};
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::permission_question::Scope as Question;
use cenote_proto::v1::{
    FilesystemCall, FilesystemResult, HostError, HostFunctionCall, HostFunctionResult, HostHello,
    HostReply, HostRequest, PermissionAnswer, PermissionQuestion,
};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::Remote;
use super::failure::About;
use super::host_commands::{self, Replies, Starting, take};
use super::host_files::Filesystems;
use super::host_network::{HostNetwork, Taker, flow};
use crate::ask::{NO, Permit};
use crate::host_commands::{Commands, Line};
use crate::host_functions::Collections;
use crate::{Error, HostFunctionError, PermissionRequest, host};

/// Answers on their way.
const ON_THE_WAY: usize = 16;
/// Requests that may wait for their answers, and programs that may run, at once.
const UNDER_WAY: usize = 10_000;

/// Who answers.
#[derive(Clone, Debug)]
pub(crate) struct Embedder {
    permit: Arc<Permit>,
    functions: Arc<Collections>,
    files: Filesystems,
    commands: Commands,
    network: HostNetwork,
}

/// A request under way.
struct Exchange {
    answer: AbortHandle,
    further: Further,
}

/// What takes further frames of a request.
enum Further {
    Nobody,
    /// A program.
    Program(Arc<Line>),
    /// A connection, or a request of HTTP.
    Stream(Taker),
}

impl Further {
    /// Takes a frame; whether the machine may send it.
    fn take(&mut self, frame: Asked) -> bool {
        match (self, frame) {
            // One that has just ended hears nothing any more.
            (Self::Nobody, _) => true,
            (Self::Program(line), frame) => take(line, frame),
            (Self::Stream(taker), Asked::Data(data)) => taker.data(data),
            (Self::Stream(taker), Asked::Window(window)) => {
                taker.window(window);
                true
            }
            (Self::Stream(_), _) => false,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.answer.abort();
    }
}

/// Polls a future to its end; nothing when it panics.
pub(super) async fn or_panic<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

/// The reply for an errno.
pub(super) fn failed(errno: Errno) -> Reply {
    Reply::Error(host_commands::error(errno))
}

impl Embedder {
    pub(crate) fn new(
        permit: &Arc<Permit>,
        functions: &Arc<Collections>,
        network: HostNetwork,
    ) -> Self {
        Self {
            permit: Arc::clone(permit),
            functions: Arc::clone(functions),
            files: Filesystems::default(),
            commands: Commands::default(),
            network,
        }
    }

    /// Answers for these files and programs, too.
    pub(crate) fn with(mut self, files: Filesystems, commands: Commands) -> Self {
        (self.files, self.commands) = (files, commands);
        self
    }

    /// Who answers a fork in the same way.
    pub(crate) fn fork(&self, permit: &Arc<Permit>, functions: &Arc<Collections>) -> Self {
        Self::new(permit, functions, self.network.fork())
            .with(self.files.clone(), self.commands.clone())
    }

    /// Who answers for functions that were registered later; for all else as before.
    pub(crate) fn with_functions(&self, functions: &Arc<Collections>) -> Self {
        Self {
            functions: Arc::clone(functions),
            ..self.clone()
        }
    }

    /// Whether a machine has anything to ask but functions.
    pub(crate) fn is_asked(&self) -> bool {
        !(self.files.is_empty() && self.commands.is_empty() && self.network.is_empty())
    }

    /// Where the machine shows the embedder's filesystems.
    pub(super) fn files(&self) -> &Filesystems {
        &self.files
    }

    /// Opens the channel and answers what comes, until the machine is gone.
    pub(crate) async fn serve(self, remote: &Remote) -> Result<(), Error> {
        let mut channel = remote.channel();
        let (replies, waiting) = mpsc::channel(ON_THE_WAY);
        let hello = HostReply {
            id: 0,
            reply: Some(Reply::Hello(HostHello {
                permissions: true,
                functions: true,
                filesystems: true,
                commands: true,
                network: !self.network.is_empty(),
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
        let mut under_way: HashMap<u64, Exchange> = HashMap::new();
        while let Ok(Some(HostRequest { id, request, .. })) = requests.message().await {
            match request {
                Some(Asked::Ready(_)) | None => {}
                Some(Asked::Cancel(_)) => drop(under_way.remove(&id)),
                Some(frame @ (Asked::Data(_) | Asked::Window(_) | Asked::Signal(_))) => {
                    let further = under_way.get_mut(&id).map(|one| &mut one.further);
                    if further.is_some_and(|further| !further.take(frame)) {
                        tracing::warn!(target: "cenote::host_link", "a machine sent what it must not; the exchange is given up");
                        under_way.remove(&id);
                    }
                }
                Some(asked) => {
                    if under_way.len() >= UNDER_WAY {
                        under_way.retain(|_, exchange| !exchange.answer.is_finished());
                    }
                    if under_way.len() >= UNDER_WAY || under_way.contains_key(&id) {
                        tracing::warn!(target: "cenote::host_link", "a machine asks too much; the channel is given up");
                        return;
                    }
                    let out = replies.clone();
                    under_way.insert(id, self.begin(asked, Replies { id, out }));
                }
            }
            if under_way.len() == under_way.capacity() {
                under_way.retain(|_, exchange| !exchange.answer.is_finished());
            }
        }
    }

    /// Begins to answer a request.
    fn begin(&self, asked: Asked, replies: Replies) -> Exchange {
        let embedder = self.clone();
        if let Asked::Command(command) = asked {
            let (starting, line) = Starting::new();
            let answer = tokio::spawn(async move {
                starting.run(&embedder.commands, command, &replies).await;
            });
            return Exchange {
                answer: answer.abort_handle(),
                further: Further::Program(line),
            };
        }
        if let Asked::Network(call) = asked {
            let (taker, flow) = flow();
            let answer = tokio::spawn(async move {
                embedder.network.run(call.call, flow, &replies).await;
            });
            return Exchange {
                answer: answer.abort_handle(),
                further: Further::Stream(taker),
            };
        }
        let answer = tokio::spawn(async move {
            let answer = or_panic(embedder.answer(asked)).await;
            // A channel that has ended wants no answers.
            replies
                .send(answer.unwrap_or_else(|| failed(Errno::EIO)))
                .await;
        });
        Exchange {
            answer: answer.abort_handle(),
            further: Further::Nobody,
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
            Asked::Filesystem(call) => self.file(call).await,
            _ => failed(Errno::ENOSYS),
        }
    }

    async fn file(&self, call: FilesystemCall) -> Reply {
        match self.files.answer(call).await {
            Ok(result) => Reply::Filesystem(FilesystemResult {
                result: Some(result),
            }),
            Err(errno) => failed(errno),
        }
    }

    fn permission(&self, question: PermissionQuestion) -> PermissionAnswer {
        let asked = request(question).and_then(|asked| self.network.checked(asked));
        let verdict = match asked {
            Some(asked) => {
                let verdict = self.permit.ask_embedder(asked.clone());
                if verdict == Verdict::Allow {
                    self.network.allowed(&asked);
                }
                verdict
            }
            None => Verdict::deny("a question that this version does not know"),
        };
        let (allow, reason) = match verdict {
            Verdict::Allow => (true, String::new()),
            Verdict::Deny { reason, .. } if reason == NO => (false, String::new()),
            Verdict::Deny { reason, .. } => (false, reason),
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
        Question::Fs(file) => PermissionRequest::File {
            operation: FileOperation::of_name(&question.operation)?,
            path: file.path.into(),
            destination: (!file.destination.is_empty()).then(|| file.destination.into()),
        },
        Question::ChildProcess(child) => {
            let command = child.command.into_bytes();
            let bytes = |(name, value): (String, String)| (name.into_bytes(), value.into_bytes());
            PermissionRequest::Spawn {
                path: child.path.into(),
                argv: std::iter::once(command.clone())
                    .chain(child.args.into_iter().map(Into::into))
                    .collect(),
                command,
                cwd: child.cwd.into_bytes(),
                env: child.env.into_iter().map(bytes).collect(),
            }
        }
        Question::Network(network) if question.operation == "listen" => PermissionRequest::Listen {
            address: SocketAddr::new(
                network.address.parse().ok()?,
                u16::try_from(network.port).ok()?,
            ),
        },
        Question::Network(network) if !network.url.is_empty() => PermissionRequest::Http {
            url: network.url,
            method: network.method,
            host: network.hostname,
            address: SocketAddr::new(
                network.address.parse().ok()?,
                u16::try_from(network.port).ok()?,
            ),
            is_fetch: question.operation == "fetch",
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
        Question::Env(env) => PermissionRequest::Env {
            name: env.name,
            value: env.value,
        },
        Question::HostFunction(function) => PermissionRequest::HostFunction {
            collection: function.collection,
            function: function.function,
        },
    })
}
