//! `docs/METRICS.md`: every metric by name. The names are promises.

use super::markdown::{self, Table};

/// Description of a metric, as the engine registers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricInfo {
    /// Full name, as `mission_control_http_requests_total`.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it counts or measures, and its unit.
    pub help: &'static str,
}

/// `docs/METRICS.md`, sorted by name.
pub fn metrics_md(metrics: &[MetricInfo]) -> String {
    let mut metrics: Vec<&MetricInfo> = metrics.iter().collect();
    metrics.sort_by_key(|metric| metric.name);
    let mut page = markdown::generated("the metrics that the engine registers");
    page.push_str(
        "# Metrics\n\n`GET /metrics` answers in the Prometheus text format. Names and labels are stable: one goes away only \
         after a release in which it is deprecated. Labels come from the contracts (ids, path templates, methods of auth), \
         never from what callers send, so their number is bounded. Beside these, the endpoint has the usual metrics of the \
         process: `mission_control_process_cpu_seconds_total`, `mission_control_process_max_fds`, \
         `mission_control_process_open_fds`, `mission_control_process_resident_memory_bytes`, \
         `mission_control_process_start_time_seconds`, `mission_control_process_threads` and \
         `mission_control_process_virtual_memory_bytes`.\n\n",
    );
    let mut table = Table::new(&["Metric", "Type", "Labels", "Meaning"]);
    for metric in &metrics {
        let labels: Vec<String> = metric.labels.iter().map(|label| markdown::code(label)).collect();
        table.row([markdown::code(metric.name), markdown::text(metric.kind), labels.join(" "), markdown::cell(metric.help)]);
    }
    page.push_str(&table.finish());
    page
}
