//! Metrics of the engine in the Prometheus text format (version 0.0.4). Names are promises: they are listed in
//! `docs/METRICS.md`, which is generated from [`METRICS`].

use std::time::Duration;

use contract::publish::metrics::MetricInfo;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    process_collector::ProcessCollector,
};

macro_rules! metrics {
    ($($field:ident: $type:ident = $name:literal [$($label:literal),*] $help:literal;)*) => {
        /// Every metric of the engine. Fields carry the metric's name without its prefix.
        pub struct Metrics {
            registry: Registry,
            $(#[doc = $help] pub $field: $type,)*
        }

        /// Descriptions of every metric, for the documents.
        pub const METRICS: &[MetricInfo] = &[
            $(MetricInfo { name: concat!("mission_control_", $name), kind: kind!($type), labels: &[$($label),*], help: $help },)*
        ];

        impl Metrics {
            fn build(registry: Registry) -> Result<Self, prometheus::Error> {
                Ok(Self { $($field: {
                    let metric = make!($type, concat!("mission_control_", $name), $help, &[$($label),*])?;
                    registry.register(Box::new(metric.clone()))?;
                    metric
                },)* registry })
            }
        }
    };
}

macro_rules! kind {
    (IntCounterVec) => {
        "counter"
    };
    (IntGaugeVec) => {
        "gauge"
    };
    (IntGauge) => {
        "gauge"
    };
    (HistogramVec) => {
        "histogram"
    };
}

macro_rules! make {
    (IntCounterVec, $name:expr, $help:expr, $labels:expr) => {
        IntCounterVec::new(Opts::new($name, $help), $labels)
    };
    (IntGaugeVec, $name:expr, $help:expr, $labels:expr) => {
        IntGaugeVec::new(Opts::new($name, $help), $labels)
    };
    (IntGauge, $name:expr, $help:expr, $labels:expr) => {{
        let _: &[&str] = $labels;
        IntGauge::new($name, $help)
    }};
    (HistogramVec, $name:expr, $help:expr, $labels:expr) => {
        HistogramVec::new(HistogramOpts::new($name, $help).buckets(BUCKETS.to_vec()), $labels)
    };
}

/// Upper bounds in seconds.
const BUCKETS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

metrics! {
    requests: IntCounterVec = "http_requests_total" ["contract", "route", "method", "status"] "HTTP requests answered, by contract, route template, method and status code.";
    request_seconds: HistogramVec = "http_request_duration_seconds" ["contract", "route"] "Time from the request's head to the answer's head, in seconds.";
    refusals: IntCounterVec = "auth_refusals_total" ["contract", "method"] "Requests refused by a guard, by the auth method that decided (`none` when no credential was sent).";
    previous_secrets: IntCounterVec = "auth_previous_secret_total" ["contract", "method"] "Requests let in by the previous value of a secret that is being rotated.";
    deprecated: IntCounterVec = "deprecated_uses_total" ["contract", "surface"] "Uses of legacy carriers and deprecated aliases.";
    limited: IntCounterVec = "limited_requests_total" ["contract", "limit"] "Requests turned away by a limit: body, rate, concurrency or timeout.";
    accepted: IntCounterVec = "deliveries_accepted_total" ["contract", "outcome"] "Durable deliveries acknowledged: stored, or repeated when the idempotency key was known; unkeyed counts those without the key that the contract names.";
    attempts: IntCounterVec = "delivery_attempts_total" ["contract", "flow", "outcome"] "Attempts to handle (inbound) or send (outbound) a delivery: done, retry or dead.";
    ticks: IntCounterVec = "job_ticks_total" ["contract", "job", "outcome"] "Ticks of jobs that this process dealt with: stored (to be run once, by any process), skipped (the run before was not over) or failed (the database was away until the next tick). Ticks that another process stored are counted there.";
    depth: IntGaugeVec = "deliveries" ["contract", "flow", "state"] "Stored deliveries that are not done, by state: pending, running, dead.";
    groups: HistogramVec = "inbox_group_duration_seconds" [] "Time to commit one group of acknowledged deliveries, in seconds.";
    reloads: IntCounterVec = "catalog_reloads_total" ["outcome"] "Reloads of the contracts folder: swapped, unchanged or refused.";
    catalog_info: IntGaugeVec = "catalog_info" ["digest", "version"] "Always 1; the labels name the catalog and the program that answer.";
    contracts: IntGaugeVec = "contracts" ["state"] "Contracts of the catalog by state.";
    panics: IntCounterVec = "handler_panics_total" ["contract"] "Handlers that panicked; each was answered with 500.";
    connections: IntGauge = "http_connections" [] "Open HTTP connections.";
}

impl Metrics {
    /// Registers every metric and the process's own (memory, CPU, file descriptors).
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::new(std::process::id().cast_signed(), "mission_control")))?;
        Self::build(registry)
    }

    /// The exposition.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }

    /// Counts an answer.
    pub fn answered(&self, contract: &str, route: &str, method: &str, status: u16, took: Duration) {
        let mut digits = [0u8; 3];
        self.requests.with_label_values(&[contract, route, method, status_text(status, &mut digits)]).inc();
        self.request_seconds.with_label_values(&[contract, route]).observe(took.as_secs_f64());
    }
}

/// A status code in digits without an allocation.
fn status_text(status: u16, digits: &mut [u8; 3]) -> &str {
    for (place, divisor) in digits.iter_mut().zip([100, 10, 1]) {
        *place = b'0' + u8::try_from(status / divisor % 10).unwrap_or(0);
    }
    std::str::from_utf8(digits).unwrap_or("000")
}
