//! One request of a guest that the embedder answers, as one exchange: its body out, the head of the response, the body back.

use std::sync::Arc;

use cenote::http::header::{HeaderName, HeaderValue};
use cenote::http::{Response, StatusCode};
use cenote::{BodySender, Errno, HttpBody, RequestBody};
use cenote_proto::exchange::{self, Arrived, Broken, Credit};
use cenote_proto::v1::host_reply::Reply;
use cenote_proto::v1::network_result::Result as Answer;
use cenote_proto::v1::{HttpAnswer, NetworkResult};

use super::link::{Exchange, Frames};
use super::network::no_connection;

/// Headers of one response.
const HEADERS: usize = 1_000;

/// Sends a request's body, and waits for the head of the response meanwhile.
pub(super) async fn respond(
    mut exchange: Exchange,
    body: HttpBody,
) -> Result<Response<RequestBody>, Errno> {
    let frames = exchange.sender();
    let credit = Arc::<Credit>::default();
    // The body goes on while the response comes, and ends with it.
    let sending = Sending(tokio::spawn(send_body(body, frames, Arc::clone(&credit))));
    let (mut inflow, arrived) = exchange::inflow();
    let head = loop {
        match exchange.next().await {
            Some(Reply::Network(NetworkResult {
                result: Some(Answer::Response(answer)),
            })) => break answer,
            Some(Reply::Window(window)) => credit.widen(window.bytes),
            Some(Reply::Error(error)) => {
                exchange.finish();
                return Err(no_connection(&error));
            }
            Some(_) => return Err(Errno::EPROTO),
            None => return Err(Errno::ECONNRESET),
        }
    };
    let mut response = response(head)?;
    let (sender, body) = RequestBody::channel();
    *response.body_mut() = body;
    tokio::spawn(async move {
        let frames = exchange.sender();
        let mut taking = std::pin::pin!(pour(arrived, sender, &frames));
        loop {
            let reply = tokio::select! {
                reply = exchange.next() => reply,
                whole = &mut taking => {
                    if whole {
                        exchange.finish();
                    }
                    break;
                }
            };
            let is_allowed = match reply {
                Some(Reply::Data(data)) => inflow.take(data),
                Some(Reply::Window(window)) => {
                    credit.widen(window.bytes);
                    true
                }
                _ => false,
            };
            if !is_allowed {
                // The guest sees a body that breaks off.
                drop(inflow);
                let _whole = taking.await;
                break;
            }
        }
        drop(sending);
    });
    Ok(response)
}

/// A request's body on its way; not any more when this is dropped.
struct Sending(tokio::task::JoinHandle<()>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn send_body(mut body: HttpBody, frames: Frames, credit: Arc<Credit>) {
    loop {
        match body.chunk().await {
            Ok(Some(bytes)) => {
                if !exchange::give(&frames, &credit, bytes).await {
                    return;
                }
            }
            Ok(None) => {
                let _sent = exchange::end(&frames).await;
                return;
            }
            // The guest's connection broke, and the request with it.
            Err(error) => {
                tracing::debug!(target: "cenote::host_link", %error, "a request breaks off");
                return;
            }
        }
    }
}

/// Gives the guest a response's body; whether all of it.
async fn pour(mut arrived: Arrived, sender: BodySender, frames: &Frames) -> bool {
    loop {
        let next = tokio::select! {
            next = arrived.next() => next,
            () = sender.closed() => return false,
        };
        match next {
            Ok(Some(bytes)) => {
                let count = bytes.len();
                if !sender.send(bytes).await || !arrived.taken(count, frames).await {
                    return false;
                }
            }
            Ok(None) => return true,
            Err(Broken) => {
                sender.abort().await;
                return false;
            }
        }
    }
}

/// The head of a response as the guest's server library has it.
fn response(answer: HttpAnswer) -> Result<Response<RequestBody>, Errno> {
    let head = answer.head.ok_or(Errno::EPROTO)?;
    let status = u16::try_from(head.status).map_err(|_| Errno::EPROTO)?;
    let status = StatusCode::from_u16(status).map_err(|_| Errno::EPROTO)?;
    // Switching protocols, and heads before the head, are not for a response.
    if status.is_informational() || head.headers.len() > HEADERS {
        return Err(Errno::EPROTO);
    }
    let mut response = Response::new(RequestBody::empty());
    *response.status_mut() = status;
    for header in head.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Errno::EPROTO)?;
        // How the body comes over the guest's connection is settled there; it is whole and unpacked here.
        if is_of_connection(&name) {
            continue;
        }
        let value = HeaderValue::from_bytes(&header.value).map_err(|_| Errno::EPROTO)?;
        response.headers_mut().append(name, value);
    }
    if let Ok(reason) = hyper::ext::ReasonPhrase::try_from(head.status_text.into_bytes()) {
        response.extensions_mut().insert(reason);
    }
    Ok(response)
}

fn is_of_connection(name: &HeaderName) -> bool {
    let names = [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    names.contains(&name.as_str())
}
