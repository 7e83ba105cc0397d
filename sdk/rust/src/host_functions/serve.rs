//! The embedder's side of a call: a Unix socket in the machine, one connection a call.
//!
//! A guest connects, sends one line of JSON, `{"collection", "function", "argument"}`, and reads one line back: `{"value"}` or
//! `{"error": {"name", "message"}}`. Closing the connection before the answer cancels the call.
//!
//! Lock order: `Collections::list` is a leaf.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::socket::{AddressFamily, PeerCredentials, SocketType, UnixPath};
use cenote_base::policy::Verdict;
use cenote_base::{SysResult, Waiter};
use cenote_kernel::Kernel;
use cenote_net::{Name, Socket};
use cenote_vfs::File;
use parking_lot::RwLock;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::HostFunctionError;
use super::function::{Collection, Compiled};
use crate::ask::Permit;
use crate::host;
use crate::network::Connection;

/// The abstract name guests connect to.
const NAME: &[u8] = b"cenote/host-functions";
/// The longest request, in bytes: 16 MiB.
const MAX_REQUEST: usize = 16 << 20;
/// Connections that may wait to be taken.
const BACKLOG: i32 = 128;

/// The functions of one machine.
#[derive(Debug, Default)]
pub(crate) struct Collections {
    list: RwLock<BTreeMap<String, Arc<Collection>>>,
}

impl Collections {
    /// Adds a collection, or replaces the one of that name.
    pub(crate) fn add(&self, collection: Collection) {
        self.list
            .write()
            .insert(collection.name.clone(), Arc::new(collection));
    }

    pub(crate) fn all(&self) -> Vec<Arc<Collection>> {
        self.list.read().values().cloned().collect()
    }

    /// The same, for another machine.
    pub(crate) fn copy(&self) -> Self {
        Self {
            list: RwLock::new(self.list.read().clone()),
        }
    }

    /// All of them, for those who only pass calls on.
    pub(crate) fn described(&self) -> Vec<Described> {
        let all = self.all();
        let described = all.iter().map(|collection| Described {
            name: collection.name.clone(),
            description: collection.description.clone(),
            functions: collection
                .functions
                .iter()
                .map(|(name, function)| DescribedFunction {
                    name: name.clone(),
                    description: function.description.clone(),
                    parameters: function.parameters.clone(),
                    timeout: function.timeout,
                })
                .collect(),
        });
        described.collect()
    }

    pub(crate) fn find(&self, collection: &str, function: &str) -> Option<Arc<Compiled>> {
        self.list
            .read()
            .get(collection)?
            .functions
            .get(function)
            .cloned()
    }
}

/// A collection without its code.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) functions: Vec<DescribedFunction>,
}

/// A function without its code.
#[derive(Debug)]
pub(crate) struct DescribedFunction {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) parameters: Value,
    pub(crate) timeout: std::time::Duration,
}

/// Listens in the machine and answers calls until the machine is gone.
///
/// # Errors
/// `ENFILE` when the machine has no socket left.
pub(crate) fn serve(
    kernel: &Arc<Kernel>,
    collections: &Arc<Collections>,
    permit: &Arc<Permit>,
) -> SysResult {
    let listener = kernel
        .sockets()
        .socket(AddressFamily::Unix, SocketType::Stream, 0)?;
    let name = UnixPath::new(NAME).ok_or(Errno::ENAMETOOLONG)?;
    listener.bind(Name::Abstract(name), true)?;
    let nobody = PeerCredentials {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    listener.listen(BACKLOG, nobody)?;
    host::spawn(accept_all(
        listener,
        Arc::downgrade(kernel),
        Arc::clone(collections),
        Arc::clone(permit),
    ));
    Ok(())
}

async fn accept_all(
    listener: Arc<Socket>,
    kernel: Weak<Kernel>,
    collections: Arc<Collections>,
    permit: Arc<Permit>,
) {
    let Some(queue) = listener.wait_queue() else {
        return;
    };
    let waiter = Waiter::new();
    let _registration = queue.register(waiter.clone());
    loop {
        match listener.accept() {
            Ok(socket) => {
                if let Some(connection) = Connection::new(socket) {
                    host::spawn(answer(
                        connection,
                        Arc::clone(&collections),
                        Arc::clone(&permit),
                    ));
                }
            }
            Err(error) if error.errno() == Errno::EAGAIN => {
                if kernel.upgrade().is_none_or(|kernel| kernel.is_shut_down()) {
                    return;
                }
                waiter.woken().await;
            }
            // The caller is gone again, or the machine has no socket left for it.
            Err(error) if matches!(error.errno(), Errno::ECONNABORTED | Errno::ENFILE) => {
                tracing::debug!(target: "cenote::host_function", %error, "a call could not be taken");
                tokio::task::yield_now().await;
            }
            Err(error) => {
                tracing::debug!(target: "cenote::host_function", %error, "no calls any more");
                return;
            }
        }
    }
}

/// Answers the one call of a connection.
async fn answer(mut connection: Connection, collections: Arc<Collections>, permit: Arc<Permit>) {
    let Some(request) = read_line(&mut connection).await else {
        return;
    };
    let called = call(&collections, &permit, &request);
    let outcome = tokio::select! {
        outcome = called => outcome,
        // Nothing more is sent by a caller that waits: this is its end.
        () = ended(&mut connection) => {
            tracing::debug!(target: "cenote::host_function", "the caller went away");
            return;
        }
    };
    let reply = match outcome {
        Ok(value) => json!({ "value": value }),
        Err(error) => json!({ "error": { "name": error.name, "message": error.message } }),
    };
    let mut text = reply.to_string();
    text.push('\n');
    if let Err(error) = connection.write_all(text.as_bytes()).await {
        tracing::debug!(target: "cenote::host_function", %error, "the answer was not taken");
    }
}

async fn call(
    collections: &Collections,
    permit: &Permit,
    request: &[u8],
) -> Result<Value, HostFunctionError> {
    let mut request: Value = serde_json::from_slice(request)
        .map_err(|error| HostFunctionError::new("SyntaxError", error.to_string()))?;
    let text = |key: &str| {
        request
            .get(key)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| HostFunctionError::new("TypeError", format!("no `{key}` was given")))
    };
    let (collection, function) = (text("collection")?, text("function")?);
    let found = collections.find(&collection, &function).ok_or_else(|| {
        HostFunctionError::new(
            "ReferenceError",
            format!("the host has no function `{collection}.{function}`"),
        )
    })?;
    if let Verdict::Deny { reason, .. } = permit.host_function(&collection, &function) {
        return Err(HostFunctionError::new("PermissionError", reason));
    }
    let argument = request.get_mut("argument").map_or(Value::Null, Value::take);
    tracing::debug!(target: "cenote::host_function", collection, function, "called");
    found.call(argument).await
}

/// One line without its end; `None` when the caller closed before it was whole, or sent too much.
async fn read_line(connection: &mut Connection) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let mut chunk = vec![0; 16 << 10];
    loop {
        let count = connection.read(&mut chunk).await.ok()?;
        let new = chunk.get(..count)?;
        if let Some(end) = new.iter().position(|byte| *byte == b'\n') {
            line.extend_from_slice(new.get(..end)?);
            return Some(line);
        }
        if count == 0 || line.len() + count > MAX_REQUEST {
            return None;
        }
        line.extend_from_slice(new);
    }
}

/// Waits until the caller closes; what it still sends means nothing.
async fn ended(connection: &mut Connection) {
    let mut rest = [0; 256];
    while matches!(connection.read(&mut rest).await, Ok(1..)) {}
}
