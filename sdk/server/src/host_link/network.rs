//! The network outside, answered by the embedder over the host channel: the whole of it ([`LinkNetwork`]), or its names ([`LinkNames`]).
//!
//! A connection is one exchange, a request of HTTP one too: its first reply says what becomes of it, then bytes go both ways under windows
//! (`connection`, `request`).

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cenote::http::{Request, Response};
use cenote::{
    Errno, HostStream, HttpBody, NetworkAdapter, NetworkAnswer, NetworkTarget, RequestBody,
    Resolve, Resolving,
};
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::host_request::Request as Asked;
use cenote_proto::v1::network_call::Call;
use cenote_proto::v1::network_result::Result as Answer;
use cenote_proto::v1::{
    DnsQuestion, Header, HostConnect, HostError, HttpCall, NetworkCall, NetworkResult,
};
use prost::bytes::Bytes;

use super::commands::{errno, silence};
use super::connection::stream;
use super::link::{HostLink, PATIENCE};
use super::request::respond;

/// How long the embedder may take for the head of a response.
const HEAD: Duration = Duration::from_secs(120);

/// The embedder's network.
#[derive(Debug)]
pub(crate) struct LinkNetwork(Arc<HostLink>);

impl LinkNetwork {
    pub(crate) fn new(link: &Arc<HostLink>) -> Self {
        Self(Arc::clone(link))
    }
}

fn call(call: Call) -> Asked {
    Asked::Network(NetworkCall { call: Some(call) })
}

/// Why a name has no addresses.
fn no_name(error: &HostError) -> Errno {
    match error.code.as_str() {
        "ENOTFOUND" | "ENODATA" | "ENOENT" => Errno::ENOENT,
        _ => errno(error),
    }
}

/// Why there is no connection.
pub(super) fn no_connection(error: &HostError) -> Errno {
    match Errno::from_name(&error.code) {
        Some(named) => named,
        None => {
            errno(error);
            Errno::ECONNREFUSED
        }
    }
}

/// The addresses that the embedder knows of a name.
async fn resolve(link: &Arc<HostLink>, name: String) -> Result<Vec<IpAddr>, Errno> {
    let question = DnsQuestion {
        hostname: name,
        family: 0,
    };
    match link.ask(call(Call::Resolve(question)), PATIENCE).await {
        Ok(Reply::Network(NetworkResult {
            result: Some(Answer::Addresses(told)),
        })) => {
            let told = told.addresses.iter();
            Ok(told.filter_map(|text| text.parse().ok()).collect())
        }
        Ok(Reply::Error(error)) => Err(no_name(&error)),
        Ok(_) => Err(Errno::EPROTO),
        Err(why) => Err(silence(why)),
    }
}

/// The embedder's word on names.
#[derive(Debug)]
pub(crate) struct LinkNames(Arc<HostLink>);

impl LinkNames {
    pub(crate) fn new(link: &Arc<HostLink>) -> Self {
        Self(Arc::clone(link))
    }
}

impl Resolve for LinkNames {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let found = resolve(&self.0, name.to_owned()).await;
            found.map_err(|errno| match errno {
                Errno::ENOENT => io::ErrorKind::NotFound.into(),
                errno => io::Error::other(errno.name()),
            })
        })
    }
}

impl NetworkAdapter for LinkNetwork {
    fn resolve(&self, name: String) -> NetworkAnswer<Vec<IpAddr>> {
        let link = Arc::clone(&self.0);
        Box::pin(async move { resolve(&link, name).await })
    }

    fn connect(&self, target: NetworkTarget) -> NetworkAnswer<HostStream> {
        let link = Arc::clone(&self.0);
        Box::pin(async move {
            let asked = HostConnect {
                address: target.address.ip().to_string(),
                port: target.address.port().into(),
                names: target.names,
            };
            let exchange = link.begin(call(Call::Connect(asked)), PATIENCE);
            let mut exchange = exchange.await.map_err(silence)?;
            match exchange.next().await {
                Some(Reply::Network(NetworkResult {
                    result: Some(Answer::Connected(_)),
                })) => Ok(stream(exchange)),
                Some(Reply::Error(error)) => {
                    exchange.finish();
                    Err(no_connection(&error))
                }
                Some(_) => Err(Errno::EPROTO),
                None => Err(Errno::ECONNREFUSED),
            }
        })
    }

    fn http(&self, request: Request<HttpBody>) -> NetworkAnswer<Response<RequestBody>> {
        let link = Arc::clone(&self.0);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let asked = HttpCall {
                url: head.uri.to_string(),
                method: head.method.to_string(),
                headers: head
                    .headers
                    .iter()
                    .map(|(name, value)| Header {
                        name: name.as_str().into(),
                        value: Bytes::copy_from_slice(value.as_bytes()),
                    })
                    .collect(),
                is_fetch: head.headers.contains_key("sec-fetch-mode"),
            };
            let exchange = link.begin(call(Call::Http(asked)), HEAD);
            let exchange = exchange.await.map_err(silence)?;
            respond(exchange, body).await
        })
    }
}
