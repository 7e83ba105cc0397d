//! Calls about one machine, carried to the worker it lives in and back without being read: HTTP/2's flow control holds on both legs, so
//! a slow reader makes the guest wait and nothing piles up here.

use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use cenote_proto::VM_METADATA;
use hyper::body::{Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::server::NamedService;
use tower::{Service, ServiceExt};

use super::Front;
use super::worker::Fate;
use crate::failure::option;

/// One service of the contract, passed on. `S` is the generated server, for its name.
#[derive(Debug)]
pub(super) struct PassOn<S> {
    front: Arc<Front>,
    service: PhantomData<fn() -> S>,
}

impl<S> PassOn<S> {
    pub(super) fn new(front: &Arc<Front>) -> Self {
        Self {
            front: Arc::clone(front),
            service: PhantomData,
        }
    }
}

impl<S> Clone for PassOn<S> {
    fn clone(&self) -> Self {
        Self::new(&self.front)
    }
}

impl<S: NamedService> NamedService for PassOn<S> {
    const NAME: &'static str = S::NAME;
}

/// How a call is answered.
pub(super) type Answered = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Service<Request<Body>> for PassOn<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answered;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answered {
        let front = Arc::clone(&self.front);
        Box::pin(async move {
            Ok(match carry(&front, request).await {
                Ok(response) => response,
                Err(status) => status.into_http(),
            })
        })
    }
}

async fn carry(front: &Front, mut request: Request<Body>) -> Result<Response<Body>, Status> {
    let named = request.headers().get(VM_METADATA);
    let id = named
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| option(VM_METADATA, "the call's metadata names no machine"))?;
    let worker = front.hosted(id)?.worker;
    // What lets the caller in here is nothing for the process that holds the guest.
    request.headers_mut().remove("authorization");
    let fate = worker.fate();
    let answered = match worker.channel().ready_oneshot().await {
        Ok(mut channel) => channel.call(request).await,
        Err(error) => Err(error),
    };
    match answered {
        Ok(response) => {
            let (head, body) = response.into_parts();
            let is_over = head.headers.contains_key("grpc-status");
            let guarded = Guarded {
                body,
                fate: Some(fate),
                is_over,
                farewell: None,
            };
            Ok(Response::from_parts(head, Body::new(guarded)))
        }
        Err(error) => {
            tracing::debug!(%error, "a call could not be passed on");
            Err(fate.reason().await)
        }
    }
}

type Farewell = Pin<Box<dyn Future<Output = Status> + Send>>;

/// The body of an answer. When the worker dies over it, it ends with the reason as gRPC tells it.
struct Guarded {
    body: Body,
    fate: Option<Fate>,
    /// Whether the status has come.
    is_over: bool,
    farewell: Option<Farewell>,
}

impl Guarded {
    fn poll_farewell(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(fate) = self.fate.take() {
            self.farewell = Some(Box::pin(fate.reason()));
        }
        let Some(farewell) = &mut self.farewell else {
            return Poll::Ready(None);
        };
        let status = std::task::ready!(farewell.as_mut().poll(cx));
        self.farewell = None;
        self.is_over = true;
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers)?;
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

impl hyper::body::Body for Guarded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.farewell.is_some() {
            return self.poll_farewell(cx);
        }
        match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                self.is_over |= frame.is_trailers();
                Poll::Ready(Some(Ok(frame)))
            }
            None if self.is_over => Poll::Ready(None),
            Some(Err(_)) | None => self.poll_farewell(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
