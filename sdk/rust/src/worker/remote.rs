//! The handle on a machine in another process: [`Remote`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use cenote_proto::v1::DisposeVmRequest;
use cenote_proto::v1::files_client::FilesClient;
use cenote_proto::v1::host_channel_client::HostChannelClient;
use cenote_proto::v1::network_client::NetworkClient;
use cenote_proto::v1::processes_client::ProcessesClient;
use cenote_proto::v1::terminals_client::TerminalsClient;
use cenote_proto::v1::vms_client::VmsClient;
use cenote_proto::{MAX_MESSAGE, VM_METADATA};
use tokio::sync::watch;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::failure::{self, About};
use super::sidecar::Sidecar;
use crate::{Error, host};

/// Puts the machine's id into each call.
#[derive(Clone, Debug)]
pub(super) struct Named(MetadataValue<Ascii>);

impl Interceptor for Named {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert(VM_METADATA, self.0.clone());
        Ok(request)
    }
}

/// How calls about the machine travel.
pub(super) type Through = InterceptedService<Channel, Named>;

/// A machine in another process. Clones are the same machine; it is disposed of with the last.
#[derive(Clone, Debug)]
pub(crate) struct Remote(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sidecar: Arc<Sidecar>,
    id: String,
    named: Named,
    is_disposed: AtomicBool,
    /// Whether the machine is gone, for those who wait for it.
    gone: watch::Sender<bool>,
    /// Set once somebody has listened to events.
    has_listener: AtomicBool,
}

impl Remote {
    pub(super) fn new(sidecar: Arc<Sidecar>, id: String) -> Result<Self, Error> {
        let named = MetadataValue::try_from(&id).map_err(|error| Error::Remote {
            code: "ID".to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self(Arc::new(Inner {
            sidecar,
            id,
            named: Named(named),
            is_disposed: AtomicBool::new(false),
            gone: watch::Sender::new(false),
            has_listener: AtomicBool::new(false),
        })))
    }

    pub(super) fn sidecar(&self) -> &Arc<Sidecar> {
        &self.0.sidecar
    }

    pub(super) fn id(&self) -> &str {
        &self.0.id
    }

    /// Whether nobody has listened before.
    pub(super) fn first_listener(&self) -> bool {
        !self.0.has_listener.swap(true, Ordering::AcqRel)
    }

    fn through(&self) -> Through {
        InterceptedService::new(self.0.sidecar.channel.clone(), self.0.named.clone())
    }

    pub(super) fn vms(&self) -> VmsClient<Channel> {
        vms(&self.0.sidecar)
    }

    pub(super) fn processes(&self) -> ProcessesClient<Through> {
        ProcessesClient::new(self.through()).max_encoding_message_size(MAX_MESSAGE)
    }

    pub(super) fn files(&self) -> FilesClient<Through> {
        FilesClient::new(self.through())
    }

    pub(super) fn network(&self) -> NetworkClient<Through> {
        NetworkClient::new(self.through())
    }

    pub(super) fn terminals(&self) -> TerminalsClient<Through> {
        TerminalsClient::new(self.through())
    }

    pub(super) fn channel(&self) -> HostChannelClient<Through> {
        HostChannelClient::new(self.through())
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE)
    }

    /// Fails after [`dispose`](Self::dispose).
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.0.is_disposed.load(Ordering::Acquire) {
            Err(Error::Disposed)
        } else {
            Ok(())
        }
    }

    /// The error for a call's failure.
    pub(super) async fn error(&self, status: &Status, about: About) -> Error {
        if self.check().is_err() {
            return Error::Disposed;
        }
        match failure::error(status, about) {
            Error::WorkerDied { reason, stderr } => {
                // A sidecar that is gone says nothing itself.
                let gone = if cenote_proto::detail_of(status).is_none() {
                    self.0.sidecar.end().await
                } else {
                    None
                };
                Error::WorkerDied {
                    reason: gone.map_or(reason, |how| {
                        format!("the process that supervises it ended: {how}")
                    }),
                    stderr,
                }
            }
            error => error,
        }
    }

    /// Does a call on the crate's runtime.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        about: About,
        call: impl Future<Output = Result<Response<T>, Status>> + Send + 'static,
    ) -> Result<T, Error> {
        self.check()?;
        let remote = self.clone();
        host::run(async move {
            match call.await {
                Ok(answer) => Ok(answer.into_inner()),
                Err(status) => Err(remote.error(&status, about).await),
            }
        })
        .await
    }

    /// A handle that does not keep the machine.
    pub(crate) fn downgrade(&self) -> WeakRemote {
        WeakRemote {
            remote: Arc::downgrade(&self.0),
            gone: self.0.gone.subscribe(),
        }
    }

    /// Ends the machine. A second time does nothing.
    pub(crate) async fn dispose(&self) {
        if self.0.is_disposed.swap(true, Ordering::AcqRel) {
            return;
        }
        end(self.vms(), self.0.id.clone()).await;
        self.0.gone.send_replace(true);
    }
}

/// A handle that does not keep the machine.
#[derive(Clone, Debug)]
pub(crate) struct WeakRemote {
    remote: Weak<Inner>,
    gone: watch::Receiver<bool>,
}

impl WeakRemote {
    /// The machine, if it is still there.
    pub(crate) fn get(&self) -> Result<Remote, Error> {
        self.remote.upgrade().map(Remote).ok_or(Error::Disposed)
    }

    /// Waits until the machine was disposed of, or let go.
    pub(crate) async fn gone(&self) {
        let mut gone = self.gone.clone();
        // A sender that is gone went with the machine.
        let _told = gone.wait_for(|gone| *gone).await.is_ok();
    }
}

pub(super) fn vms(sidecar: &Sidecar) -> VmsClient<Channel> {
    VmsClient::new(sidecar.channel.clone())
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE)
}

async fn end(mut vms: VmsClient<Channel>, vm: String) {
    if let Err(error) = vms.dispose(DisposeVmRequest { vm }).await {
        tracing::debug!(%error, "the machine's worker was gone already");
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.is_disposed.load(Ordering::Acquire) {
            host::spawn(end(vms(&self.sidecar), std::mem::take(&mut self.id)));
        }
    }
}
