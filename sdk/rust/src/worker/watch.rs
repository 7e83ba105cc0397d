//! Changes of files of a machine in another process.

use bytes::Bytes;
use cenote_proto::v1::{WatchEvent as Told, WatchKind as WireKind, WatchRequest};
use tonic::{Status, Streaming};

use super::Remote;
use super::failure::About;
use crate::{Error, WatchEvent, WatchKind, host};

async fn begun(mut changes: Streaming<Told>) -> Result<Streaming<Told>, Status> {
    match changes.message().await? {
        Some(first) if first.kind() == WireKind::Ready => Ok(changes),
        _ => Err(Status::internal("a watch that did not begin")),
    }
}

impl Remote {
    /// Has changes told to `note` from now on, until the machine is gone or what this returns is aborted; then `close` is called.
    pub(crate) fn watch(
        &self,
        path: &[u8],
        is_recursive: bool,
        note: impl Fn(WatchEvent) + Send + 'static,
        close: impl FnOnce() + Send + 'static,
    ) -> Result<tokio::task::AbortHandle, Error> {
        let (remote, mut files) = (self.clone(), self.files());
        let request = WatchRequest {
            path: Bytes::copy_from_slice(path),
            recursive: is_recursive,
        };
        let handle = host::host()?.handle().clone();
        host::wait(async move {
            let call = async move {
                let changes = files.watch(request).await?.into_inner();
                begun(changes).await.map(tonic::Response::new)
            };
            let mut changes = remote.call(About::Machine, call).await?;
            // Watching must not keep the machine in being.
            drop(remote);
            let telling = handle.spawn(async move {
                while let Ok(Some(told)) = changes.message().await {
                    let kind = match told.kind() {
                        WireKind::Rename => WatchKind::Renamed,
                        WireKind::Change => WatchKind::Changed,
                        WireKind::Overflow => WatchKind::Overflow,
                        WireKind::Ready | WireKind::Unspecified => continue,
                    };
                    note(WatchEvent {
                        kind,
                        path: told.path.into(),
                    });
                }
                close();
            });
            Ok(telling.abort_handle())
        })
    }
}
