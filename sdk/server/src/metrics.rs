//! What Prometheus reads: calls by method and outcome, calls under way, machines.

use std::convert::Infallible;
use std::fmt::Write;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::task::{Context, Poll};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower::Service;

/// One method of the contract.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Method {
    method: String,
}

/// The numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    calls: Family<Method, Counter<u64, AtomicU64>>,
    under_way: Gauge<i64, AtomicI64>,
    machines: Gauge<i64, AtomicI64>,
}

/// A call under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Gauge<i64, AtomicI64>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Counts a call. What is no method of the contract is counted together, so that callers cannot make the table grow.
    pub(crate) fn begin(&self, path: &str) -> UnderWay {
        let method = if cenote_proto::is_method(path) {
            path.trim_start_matches('/').to_owned()
        } else {
            "other".to_owned()
        };
        self.calls.get_or_create(&Method { method }).inc();
        self.under_way.inc();
        UnderWay(self.under_way.clone())
    }

    /// Calls under way now.
    pub(crate) fn under_way(&self) -> i64 {
        self.under_way.get()
    }

    fn text(&self, machines: usize) -> String {
        self.machines
            .set(i64::try_from(machines).unwrap_or(i64::MAX));
        let mut registry = Registry::with_prefix("cenote");
        registry.register("calls", "Calls that came in, by method", self.calls.clone());
        registry.register(
            "calls_under_way",
            "Calls that have not ended",
            self.under_way.clone(),
        );
        registry.register("machines", "Live machines", self.machines.clone());
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &registry) {
            text.clear();
            // Writing to a string does not fail.
            let _written = write!(text, "# {error}").is_ok();
        }
        text
    }
}

/// Answers `GET /metrics`.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) metrics: Metrics,
    pub(crate) machines: Arc<dyn Fn() -> usize + Send + Sync>,
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.metrics.fmt(f)
    }
}

impl<B> Service<Request<B>> for Page {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut response = if request.uri().path() == "/metrics" {
            let text = self.metrics.text((self.machines)());
            Response::new(Body::new(text))
        } else {
            let mut missing = Response::new(Body::empty());
            *missing.status_mut() = tonic::codegen::http::StatusCode::NOT_FOUND;
            missing
        };
        response.headers_mut().insert(
            "content-type",
            tonic::codegen::http::HeaderValue::from_static(
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ),
        );
        ready(Ok(response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_method_and_strange_ones_together() {
        let metrics = Metrics::default();
        let first = metrics.begin("/cenote.v1.Vms/Create");
        drop(metrics.begin("/cenote.v1.Vms/Whatever"));
        assert_eq!(metrics.under_way(), 1);
        let text = metrics.text(3);
        assert!(text.contains("cenote_calls_total{method=\"cenote.v1.Vms/Create\"} 1"));
        assert!(text.contains("cenote_calls_total{method=\"other\"} 1"));
        assert!(text.contains("cenote_machines 3"));
        drop(first);
    }
}
