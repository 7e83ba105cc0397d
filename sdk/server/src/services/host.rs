//! The service `HostChannel`: the embedder's end of a machine's [`HostLink`](crate::host_link::HostLink).

use std::sync::Arc;

use cenote_proto::v1::host_channel_server::HostChannel;
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::{HostReady, HostReply, HostRequest};
use tonic::{Code, Request, Response, Status, Streaming};

use super::relay::Out;
use super::{Answers, answers};
use crate::failure::{disposed, failure, option};
use crate::host_link::InForce;
use crate::machines::{Machine, Machines};

/// The service.
#[derive(Debug)]
pub(crate) struct Service(pub(crate) Arc<Machines>);

/// Serves one channel to its end.
async fn converse(
    machine: &Machine,
    mut input: Streaming<HostReply>,
    out: &Out<HostRequest>,
) -> Result<(), Status> {
    let first = input.message().await?.and_then(|first| first.reply);
    let Some(Reply::Hello(hello)) = first else {
        return Err(option("hello", "must come first"));
    };
    let ready = HostRequest {
        request: Some(Asked::Ready(HostReady {})),
        ..HostRequest::default()
    };
    // An embedder that has gone ends the call from outside. This comes first: calls may be waiting for the channel.
    let _told = out.send(Ok(ready)).await.is_ok();
    let number = machine.link.open(out.clone(), hello);
    let ended = loop {
        tokio::select! {
            reply = input.message() => match reply {
                Ok(Some(reply)) => machine.link.answer(reply),
                Ok(None) => break Ok(()),
                Err(status) => break Err(status),
            },
            now = machine.link.superseded(number) => break Err(match now {
                InForce::Ended => disposed(&machine.id),
                InForce::Number(_) => failure(
                    Code::Aborted,
                    "HOST_GONE",
                    "a later channel of the machine took the place of this one",
                ),
            }),
        }
    };
    machine.link.close(number);
    ended
}

#[tonic::async_trait]
impl HostChannel for Service {
    type OpenStream = Answers<HostRequest>;

    async fn open(
        &self,
        request: Request<Streaming<HostReply>>,
    ) -> Result<Response<Self::OpenStream>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let (out, stream) = answers();
        tokio::spawn(async move {
            let done = converse(&machine, request.into_inner(), &out).await;
            if let Err(status) = done
                && out.send(Err(status)).await.is_err()
            {
                tracing::debug!("the embedder has gone");
            }
        });
        Ok(Response::new(stream))
    }
}
