//! Logs and traces: text or JSON lines on standard error, spans to an OTLP collector when one is configured.

use std::io::IsTerminal;

use anyhow::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::fields::PlainFields;

/// What has to be flushed at the end.
pub struct Telemetry(Option<SdkTracerProvider>);

/// Starts logging as `RUST_LOG` and `MISSION_CONTROL_LOG_FORMAT` say, and tracing as `OTEL_EXPORTER_OTLP_ENDPOINT` does.
pub fn start() -> anyhow::Result<Telemetry> {
    let filter = match std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty()) {
        Some(text) => EnvFilter::try_new(&text).with_context(|| format!("RUST_LOG is wrong: `{text}`"))?,
        None => EnvFilter::new("info"),
    };
    // A log file beside a watched folder would make the watcher log what it logs, for ever.
    let filter = filter.add_directive("notify=info".parse().context("the filter of the watcher")?);
    let json = match std::env::var("MISSION_CONTROL_LOG_FORMAT").as_deref() {
        Ok("json") => true,
        Ok("text" | "") | Err(_) => false,
        Ok(other) => anyhow::bail!("MISSION_CONTROL_LOG_FORMAT is `{other}`; it is text or json"),
    };
    let is_terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(is_terminal);
    let lines = match (json, is_terminal) {
        (true, _) => lines.json().flatten_event(true).boxed(),
        (false, true) => lines.boxed(),
        (false, false) => lines.fmt_fields(PlainFields).boxed(),
    };
    let endpoint = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty());
    let provider = endpoint.map(|_| exporter(None).map(provider)).transpose()?;
    let spans = provider.as_ref().map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("mission-control")));
    tracing_subscriber::registry().with(filter).with(lines).with(spans).try_init().context("logging cannot be started")?;
    Ok(Telemetry(provider))
}

/// The exporter reads its own variables (`OTEL_EXPORTER_OTLP_*`), as the OpenTelemetry specification names them. Its errors
/// show the endpoint, which may hold a password, so none of their text is kept.
fn exporter(endpoint: Option<&str>) -> anyhow::Result<SpanExporter> {
    // The exporter's HTTP client is made here, before anything else asks for TLS.
    engine::outbound::install_crypto_provider();
    let builder = SpanExporter::builder().with_http();
    let builder = match endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint),
        None => builder,
    };
    builder.build().map_err(|_| {
        anyhow::anyhow!(
            "the spans cannot be sent as the OTEL_EXPORTER_OTLP_* variables say; OTEL_EXPORTER_OTLP_ENDPOINT is a URL as \
             http://127.0.0.1:4318 (its value is not shown, it may hold a password)"
        )
    })
}

fn provider(exporter: SpanExporter) -> SdkTracerProvider {
    let resource = Resource::builder().with_service_name("mission-control").build();
    SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()
}

impl Telemetry {
    /// Whether spans are sent anywhere.
    pub fn collects_spans(&self) -> bool {
        self.0.is_some()
    }

    /// Sends what is left.
    pub fn stop(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown()
        {
            eprintln!("warning: the last spans could not be sent: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_bad_endpoint_is_not_shown() {
        let Err(error) = exporter(Some("http://me:canary@[::1:4318")) else { panic!("the endpoint is taken") };
        let text = format!("{error:#} {error:?}");
        assert!(text.contains("OTEL_EXPORTER_OTLP_ENDPOINT") && !text.contains("canary"), "{text}");
    }
}
