//! The contract's services over the machines of this OS process.
//!
//! `vms` makes and ends machines (`archive`: their files as tar streams), `processes` runs programs (`exec` to the end, `attach` to speak with one, both over `relay`), `files`
//! reaches their files (`open_file`: one that stays open), `terminals` and `network` theirs; `host` is where machines ask their embedder.

mod archive;
mod attach;
mod exec;
mod files;
mod host;
mod network;
mod open_file;
mod processes;
mod relay;
mod terminals;
mod vms;

use std::sync::Arc;

use cenote_proto::MAX_MESSAGE;
use cenote_proto::v1::files_server::FilesServer;
use cenote_proto::v1::host_channel_server::HostChannelServer;
use cenote_proto::v1::network_server::NetworkServer;
use cenote_proto::v1::processes_server::ProcessesServer;
use cenote_proto::v1::terminals_server::TerminalsServer;
use cenote_proto::v1::vms_server::VmsServer;
use tonic::service::Routes;

use crate::machines::Machines;
use crate::walls::Report;

pub(crate) use vms::description;

/// What services answer streams with.
pub(crate) type Answers<T> = tokio_stream::wrappers::ReceiverStream<Result<T, tonic::Status>>;

/// Messages in a stream between us and HTTP/2's own window.
const IN_FLIGHT: usize = 2;

/// A stream and where its messages are put.
fn answers<T>() -> (
    tokio::sync::mpsc::Sender<Result<T, tonic::Status>>,
    Answers<T>,
) {
    let (sender, receiver) = tokio::sync::mpsc::channel(IN_FLIGHT);
    (sender, Answers::new(receiver))
}

/// All services over `machines`.
pub(crate) fn routes(machines: &Arc<Machines>, walls: &Arc<Report>) -> Routes {
    let of = |machines: &Arc<Machines>| Arc::clone(machines);
    let mut routes = Routes::builder();
    routes
        .add_service(
            VmsServer::new(vms::Local::new(of(machines), Arc::clone(walls)))
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            ProcessesServer::new(processes::Service(of(machines)))
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            FilesServer::new(files::Service(of(machines))).max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            TerminalsServer::new(terminals::Service(of(machines)))
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            NetworkServer::new(network::Service(of(machines)))
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(
            HostChannelServer::new(host::Service(of(machines)))
                .max_decoding_message_size(MAX_MESSAGE),
        );
    routes.routes()
}
