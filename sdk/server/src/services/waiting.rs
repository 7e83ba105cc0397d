//! The service whose part of the SDK is not built yet: each call says so.

use cenote_proto::v1::host_channel_server::HostChannel;
use cenote_proto::v1::{HostReply, HostRequest};
use tonic::{Request, Response, Status, Streaming};

use super::Answers;
use crate::failure::unimplemented;

/// The service `HostChannel`.
#[derive(Debug)]
pub(crate) struct Host;

#[tonic::async_trait]
impl HostChannel for Host {
    type OpenStream = Answers<HostRequest>;

    async fn open(
        &self,
        _: Request<Streaming<HostReply>>,
    ) -> Result<Response<Self::OpenStream>, Status> {
        Err(unimplemented("HostChannel.Open"))
    }
}
