//! Logs and traces of the sidecar: quiet, to standard error, as JSON lines; spans to an OpenTelemetry collector when asked.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// What is logged where.
#[derive(Clone, Debug, Default)]
pub struct TelemetryOptions {
    /// A tracing filter for the log; default `warn`.
    pub log: Option<String>,
    /// The address of an OpenTelemetry collector (OTLP over gRPC) that gets a span a call; default none.
    pub traces: Option<String>,
}

/// Why logs or traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter makes no sense.
    #[error("the filter of the log: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The collector's address makes no sense.
    #[error("the collector of traces: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Somebody else has set them up.
    #[error(transparent)]
    Again(#[from] tracing_subscriber::util::TryInitError),
}

/// Sends what is left when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take()
            && let Err(error) = provider.shutdown()
        {
            tracing::debug!(%error, "the last traces were not sent");
        }
    }
}

/// Sets up logs and traces, in an async runtime.
pub(crate) fn begin(options: &TelemetryOptions) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(options.log.as_deref().unwrap_or("warn"))?;
    let log = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(std::io::stderr)
        .with_filter(filter);
    let provider = options.traces.as_deref().map(exporter).transpose()?;
    let spans = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("cenote"))
            .with_filter(EnvFilter::new("cenote_server=info"))
    });
    tracing_subscriber::registry()
        .with(log)
        .with(spans)
        .try_init()?;
    Ok(Telemetry(provider))
}

fn exporter(address: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(address)
        .build()?;
    let resource = opentelemetry_sdk::Resource::builder()
        .with_service_name("cenote")
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}
