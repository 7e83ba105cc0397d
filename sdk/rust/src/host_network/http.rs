//! Requests of guests, answered by the embedder's adapter: [`serve`].
//!
//! The guest is the client here, and hostile: heads are bounded by hyper, bodies stream under the guest's own socket buffers. Which host a
//! request is for it says itself, so that is checked: it must be the address that was connected, or a name that the adapter gave it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cenote_abi::Errno;
use cenote_base::policy::{Verdict, refusal};
use http::header::{CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::adapter::HttpBody;
use super::carry::AdapterNetwork;
use crate::network::guard::canonical;
use crate::{PermissionRequest, RequestBody};

/// The most that the head of a request may take.
const MAX_HEAD: usize = 256 << 10;
/// How long a guest may take for a head.
const HEAD_PATIENCE: Duration = Duration::from_secs(60);
/// How long the adapter may take until it begins to answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest URL.
const MAX_URL: usize = 64 << 10;

/// Serves a guest's connection to its end.
pub(super) async fn serve(
    network: AdapterNetwork,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    to: SocketAddr,
    scheme: &'static str,
) {
    let service = service_fn(move |request| {
        let network = network.clone();
        async move { answer(&network, request, to, scheme).await }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(target: "cenote::net", %error, %to, "a guest's requests ended early");
    }
}

async fn answer(
    network: &AdapterNetwork,
    request: Request<Incoming>,
    to: SocketAddr,
    scheme: &str,
) -> io::Result<Response<crate::network::BoxedBody>> {
    let Some((host, url)) = url_of(&request, scheme) else {
        return refusal(StatusCode::BAD_REQUEST, "the request names no host");
    };
    if !is_of(network, &host, to, scheme) {
        return refusal(
            StatusCode::MISDIRECTED_REQUEST,
            "the request is for another host than was connected",
        );
    }
    // Programs call `fetch` of Node so; others cannot be told from one another.
    let is_fetch = request.headers().contains_key("sec-fetch-mode");
    let asked = PermissionRequest::Http {
        url: url.to_string(),
        method: request.method().to_string(),
        host: host.host().to_owned(),
        address: to,
        is_fetch,
    };
    if let Verdict::Deny { reason, is_given } = network.permit.http(to, asked) {
        tracing::info!(target: "cenote::audit", %url, reason, "refused");
        let told = if is_given {
            format!(": {reason}")
        } else {
            String::new()
        };
        let words = format!("{}{told}", refusal::NETWORK);
        return refusal(StatusCode::FORBIDDEN, &words);
    }
    let (mut head, body) = request.into_parts();
    head.uri = url;
    let request = Request::from_parts(head, HttpBody::new(body));
    let answered = network.ask(PATIENCE, move |adapter| adapter.http(request));
    match answered.await {
        Ok(response) => Ok(response.map(RequestBody::into_inner)),
        Err(Errno::ETIMEDOUT) => refusal(
            StatusCode::GATEWAY_TIMEOUT,
            "the network adapter did not answer in time",
        ),
        // As if nobody were there: the connection ends.
        Err(errno) => Err(io::Error::other(format!("{errno:?}"))),
    }
}

/// Which host and URL a request is for.
fn url_of(request: &Request<Incoming>, scheme: &str) -> Option<(Authority, Uri)> {
    let authority = match request.uri().authority() {
        Some(authority) => authority.clone(),
        None => Authority::try_from(request.headers().get(HOST)?.as_bytes()).ok()?,
    };
    let path = request.uri().path_and_query()?;
    if authority.as_str().contains('@') || path.as_str().len() > MAX_URL {
        return None;
    }
    let url = Uri::builder()
        .scheme(scheme)
        .authority(authority.clone())
        .path_and_query(path.clone())
        .build();
    Some((authority, url.ok()?))
}

/// Whether a host is what was connected.
fn is_of(network: &AdapterNetwork, host: &Authority, to: SocketAddr, scheme: &str) -> bool {
    let usual = if scheme == "https" { 443 } else { 80 };
    if host.port_u16().unwrap_or(usual) != to.port() {
        return false;
    }
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = name.parse::<IpAddr>() {
        return canonical(address) == canonical(to.ip());
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    network.pins.vouched_names_of(to.ip()).contains(&name)
}

fn refusal(status: StatusCode, words: &str) -> io::Result<Response<crate::network::BoxedBody>> {
    let body = RequestBody::full(format!("{words}\n"));
    let mut response = Response::new(body.into_inner());
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    Ok(response)
}
